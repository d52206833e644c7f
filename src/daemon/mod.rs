//! The running daemon: builds the stages, joins them, watches over them, stops them in order.
//!
//! The only place where stages are built and joined. Start at [`pipeline`] for what happens to a frame, at
//! `wiring` for who is connected to whom.
//!
//! Order of the start: journal, gates (at rest), networks, webhooks, cameras, publisher, HTTP, READY. Order of the stop: gates
//! (at rest again), HTTP, cameras, what they still hold, journal, webhooks, publisher. A new configuration exchanges what it
//! changes, and nothing else (`reload`); one that is wrong is not taken.

mod answers;
mod asked;
pub mod board;
mod camera_unit;
pub mod chain;
mod clock_watch;
mod commands;
pub mod control;
mod correspondence;
pub mod examine;
mod eyes;
mod gates;
mod health;
pub mod lists;
mod locked;
pub mod logging;
mod machine;
mod metrics;
mod notify;
mod npu;
mod outlet;
mod pictures;
pub mod pipeline;
mod placement;
pub mod reach;
mod reload;
pub mod resting;
pub mod rights;
mod screen;
mod settings;
mod sinks;
mod supervisor;
mod trace;
mod triggers;
mod vigil;
mod webhooks;
mod wiring;

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    clock::{Clock, Moment},
    config::{self, Config},
    journal, publish,
};
use asked::Question;
use board::Board;
use clock_watch::{ClockWatch, Signs};
use health::{Chronicle, Gatherer, Health, Verdict};
use notify::Notifier;
pub use settings::{
    chain as chain_settings, network as network_camera, pipeline as pipeline_settings,
    source as camera_source,
};
use vigil::Vigil;
use wiring::Wired;

/// How often the main loop looks at its units.
const TICK: Duration = Duration::from_millis(200);
/// How often the watchdog is fed; it waits for 20 times as long.
const FEEDING: Duration = Duration::from_secs(1);
/// Health is told when something changed, but not more often than this.
const SOONEST_HEALTH: Duration = Duration::from_secs(1);
/// How often passages older than the retention are erased.
const CLEANING: Duration = Duration::from_secs(3600);
/// How often the log says how long things take, at its usual level; with every report at "debug".
const FIGURES: Duration = Duration::from_secs(3600);
/// Facts get this long to reach the disk at the stop.
const LAST_COMMIT: Duration = Duration::from_secs(1);

/// How the daemon is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Print decisions and passages on stdout as they happen.
    pub screen: bool,
    /// The main file of the configuration, which is read again when a reload is asked for.
    pub file: PathBuf,
    /// Sets the level of the log, where there is one to set.
    pub level: Option<logging::LevelHandle>,
}

/// Why the daemon could not start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    #[error(transparent)]
    Journal(#[from] journal::OpenError),
    #[error(transparent)]
    JournalReader(#[from] journal::ReaderError),
    #[error(transparent)]
    Chain(#[from] chain::ChainError),
    #[error("[privacy] key: {0}")]
    Privacy(String),
    #[error("[mqtt]: {0}")]
    Topic(#[from] publish::TopicError),
    #[error("cannot start {what}: {error}")]
    Start { what: String, error: std::io::Error },
    #[error("{0} facts could not be written to the journal before the end; see the log for the reason")]
    Unwritten(usize),
}

/// Runs until a signal says stop, or until every camera is a recording that is over.
pub fn run(config: &Config, options: &Options, clock: &Arc<dyn Clock>) -> Result<(), DaemonError> {
    // Nothing is recorded in the clear for want of a key.
    if let Some(missing) = config.privacy.mode.trouble() {
        return Err(DaemonError::Privacy(missing.to_owned()));
    }
    let start = |what: &str| {
        let what = what.to_owned();
        move |error| DaemonError::Start { what, error }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(start("the signal handler"))?;
    let notifier = Notifier::from_environment();
    // A signal that comes while everything is being built is heard afterwards.
    let signals = runtime.block_on(async { Signals::listen() }).map_err(start("listening to signals"))?;
    let (questions, asked) = asked::questions();
    let wired = Wired::build(config, options, questions, clock)?;
    let gatherer = wired.gatherer(Arc::clone(clock));
    let mut steward = Steward {
        wired,
        gatherer,
        notifier,
        options,
        clock,
        told: None,
        chronicle: Chronicle::new(clock.now()),
        next_figures: clock.now() + FIGURES,
        vigil: Vigil::default(),
        next_feed: clock.now(),
        board: Board::default(),
    };
    steward.notifier.ready();
    let outcome = runtime.block_on(steward.serve(signals, asked));
    let Steward { wired, notifier, .. } = steward;
    notifier.stopping();
    let stopped = wired.stop(LAST_COMMIT);
    outcome?;
    match stopped {
        0 => Ok(()),
        unwritten => Err(DaemonError::Unwritten(unwritten)),
    }
}

/// What the system says to the daemon.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }
}

/// Whoever looks after the running units.
struct Steward<'a> {
    wired: Wired,
    gatherer: Gatherer,
    notifier: Notifier,
    options: &'a Options,
    clock: &'a Arc<dyn Clock>,
    /// The verdict that the log knows of.
    told: Option<Verdict>,
    /// What the journal knows of.
    chronicle: Chronicle,
    next_figures: Moment,
    vigil: Vigil,
    next_feed: Moment,
    board: Board,
}

impl Steward<'_> {
    /// The main loop: signals, health, watchdog, and whether there is anything left to do.
    async fn serve(
        &mut self,
        mut signals: Signals,
        mut asked: tokio::sync::mpsc::Receiver<Question>,
    ) -> Result<(), DaemonError> {
        let clock = self.clock;
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (mut next_health, mut last_health) = (clock.now(), clock.now());
        let (mut changed, mut told_broker) = (false, None);
        let mut next_cleaning = clock.now();
        let mut watch = ClockWatch::default();
        loop {
            tokio::select! {
                _ = signals.interrupt.recv() => return Ok(()),
                _ = signals.terminate.recv() => return Ok(()),
                _ = signals.hangup.recv() => {
                    self.notifier.reloading();
                    let outcome = self.reload();
                    self.notifier.ready();
                    outcome?;
                    (changed, next_health) = (true, clock.now());
                }
                Some(question) = asked.recv() => {
                    let health = self.gatherer.gather(self.wired.broker());
                    question.answer(&health);
                }
                _ = tick.tick() => {
                    self.feed_watchdog();
                    self.wired.recorder().tend();
                    // When something changed, too, but never more than once a second.
                    let (presence, broker) = (self.wired.publish_presence(clock.now()), self.wired.broker());
                    let state = broker.map(|broker| (broker.state, broker.denied));
                    changed |= presence || state != told_broker;
                    told_broker = state;
                    if clock.now() >= next_health || changed && clock.now() >= last_health + SOONEST_HEALTH {
                        (changed, last_health) = (false, clock.now());
                        next_health = clock.now() + self.wired.config().health.every;
                        self.report();
                    }
                    self.watch_clock(&mut watch);
                    self.clean(&mut next_cleaning);
                    if self.wired.recordings_are_over() {
                        tracing::info!("every camera is a recording that is over; ending");
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Reads the configuration again. One that is wrong leaves the old one in use; the error that comes back is one
    /// that the daemon cannot live with.
    fn reload(&mut self) -> Result<(), DaemonError> {
        let about = &mut self.gatherer.configuration;
        about.reloads += 1;
        let loaded = match config::load(&self.options.file) {
            Ok(loaded) => loaded,
            Err(report) => {
                let why = report.headline();
                tracing::error!(
                    why,
                    "reload refused: the old configuration stays in use; `amslpr check` explains"
                );
                about.refused = Some(why);
                return Ok(());
            }
        };
        if let Some(missing) = loaded.config.privacy.mode.trouble() {
            tracing::error!(missing, "reload refused: the old configuration stays in use");
            about.refused = Some(format!("[privacy] key: {missing}"));
            return Ok(());
        }
        let (config, difference, waiting) = match self.wired.compare(&loaded.config) {
            Ok(compared) => compared,
            Err(error) => {
                tracing::error!(%error, "reload refused: the old configuration stays in use");
                about.refused = Some(error.to_string());
                return Ok(());
            }
        };
        about.waiting = waiting.iter().map(|table| (*table).to_owned()).collect();
        for table in &waiting {
            tracing::warn!(table, "changed, and taken at the next restart only");
        }
        let level = config.log.level;
        if let Err(why) = self.wired.exchange(config, &difference)? {
            self.gatherer.configuration.refused = Some(why.to_string());
            self.gatherer.configuration.waiting.clear();
            self.look_anew();
            return Ok(());
        }
        self.gatherer.configuration.refused = None;
        if let Some(handle) = &self.options.level
            && !handle.set(level)
        {
            tracing::warn!("the level of the log cannot be changed");
        }
        if difference.is_nothing() {
            tracing::info!("reloaded: nothing has changed");
        } else {
            self.look_anew();
            tracing::info!(changed = difference.words(), "reloaded");
        }
        Ok(())
    }

    /// Looks at what runs now.
    fn look_anew(&mut self) {
        self.gatherer.cameras = self.wired.camera_parts();
        self.gatherer.receivers = self.wired.receivers();
        self.gatherer.http = self.wired.http();
        self.gatherer.unserved = self.wired.unserved();
        self.gatherer.recall = self.wired.recall();
    }

    /// The watchdog is fed only while everything moves; systemd's restart is the cure for what is wedged. Not at every
    /// tick: whoever listens need not be woken so often.
    fn feed_watchdog(&mut self) {
        if self.clock.now() < self.next_feed {
            return;
        }
        self.next_feed = self.clock.now() + FEEDING;
        match self.vigil.look(&self.wired.moving()) {
            None => self.notifier.watchdog(),
            Some(words) => self.notifier.status(&words),
        }
    }

    fn report(&mut self) {
        let health: Health = self.gatherer.gather(self.wired.broker());
        self.notifier.status(&health.status_line());
        if self.told != Some(health.verdict) {
            let (verdict, problems) = (health.verdict.as_str(), health.problems.join("; "));
            match health.verdict {
                Verdict::Ok => tracing::info!(verdict, "health"),
                Verdict::Degraded | Verdict::Failed => tracing::warn!(verdict, %problems, "health"),
            }
            self.told = Some(health.verdict);
        }
        let figures = health.figures();
        if self.clock.now() >= self.next_figures {
            self.next_figures = self.clock.now() + FIGURES;
            tracing::info!(figures, "figures");
        } else {
            tracing::debug!(figures, "figures");
        }
        self.wired.publish_health(&health);
        if let Some(left_out) = self.chronicle.takes(health.verdict, &health.wrong, self.clock.now()) {
            self.wired.record_health(&health, left_out, self.clock.wall());
        }
    }

    /// How far the wall clock can be believed, for whoever decides or erases by it.
    fn watch_clock(&self, watch: &mut ClockWatch) {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let steady = watch.is_steady(now, wall);
        let set = watch.is_set(wall, || Signs::of(&self.board));
        self.wired.trust().tell(set, steady);
    }

    /// Passages older than the retention go, now and then, if the clock can be believed.
    fn clean(&self, next: &mut Moment) {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let kept = self.wired.config().journal.retention;
        if let Some(kept) = kept.filter(|_| self.wired.trust().may_erase() && now >= *next) {
            *next = now + CLEANING;
            self.wired.erase_older_than(kept, wall);
        }
    }
}
