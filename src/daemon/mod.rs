//! The running daemon: builds the stages, joins them, watches over them, stops them in order.
//!
//! The only place where stages are built and joined. Start at [`pipeline`] for what happens to a frame, at
//! `wiring` for who is connected to whom.
//!
//! Order of the start: journal, gates (at rest), networks, cameras, publisher, READY. Order of the stop: gates (at rest
//! again), cameras, what they still hold, journal, publisher.

mod asked;
mod camera_unit;
pub mod chain;
mod clock_watch;
mod commands;
pub mod control;
mod gates;
mod health;
pub mod lists;
pub mod logging;
mod machine;
mod notify;
mod npu;
mod outlet;
mod pictures;
pub mod pipeline;
pub mod resting;
mod screen;
mod settings;
mod sinks;
mod supervisor;
mod triggers;
mod wiring;

use std::{sync::Arc, time::Duration};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{clock::Clock, config::Config, journal, publish};
use clock_watch::ClockWatch;
use health::{Chronicle, Gatherer, Health, Verdict};
use notify::Notifier;
pub use settings::{
    chain as chain_settings, network as network_camera, pipeline as pipeline_settings,
    source as camera_source,
};
use wiring::Wired;

/// How often the main loop looks at its units.
const TICK: Duration = Duration::from_millis(200);
/// A unit that has not moved for this long is wedged: the watchdog is not fed any more.
const WEDGED: Duration = Duration::from_secs(15);
/// Health is told when something changed, but not more often than this.
const SOONEST_HEALTH: Duration = Duration::from_secs(1);
/// How often passages older than the retention are erased.
const CLEANING: Duration = Duration::from_secs(3600);
/// Facts get this long to reach the disk at the stop.
const LAST_COMMIT: Duration = Duration::from_secs(1);

/// What somebody at the terminal wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Print decisions and passages on stdout as they happen.
    pub screen: bool,
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
    #[error("[mqtt]: {0}")]
    Topic(#[from] publish::TopicError),
    #[error("cannot start {what}: {error}")]
    Start { what: String, error: std::io::Error },
    #[error("{0} facts could not be written to the journal before the end; see the log for the reason")]
    Unwritten(usize),
}

/// Runs until a signal says stop, or until every camera is a recording that is over.
pub fn run(config: &Config, options: Options, clock: &Arc<dyn Clock>) -> Result<(), DaemonError> {
    let start = |what: &str| {
        let what = what.to_owned();
        move |error| DaemonError::Start { what, error }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(start("the signal handler"))?;
    let notifier = Notifier::from_environment();
    let wired = Wired::build(config, options, clock)?;
    notifier.ready();
    let outcome = runtime.block_on(serve(&wired, config, &notifier, clock));
    notifier.stopping();
    let stopped = wired.stop(LAST_COMMIT);
    outcome.map_err(start("listening to signals"))?;
    match stopped {
        0 => Ok(()),
        unwritten => Err(DaemonError::Unwritten(unwritten)),
    }
}

/// The main loop: signals, health, watchdog, and whether there is anything left to do.
async fn serve(
    wired: &Wired,
    config: &Config,
    notifier: &Notifier,
    clock: &Arc<dyn Clock>,
) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup: Signal = signal(SignalKind::hangup())?;
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut gatherer = wired.gatherer(Arc::clone(clock));
    let (mut told, mut chronicle): (Option<Verdict>, _) = (None, Chronicle::default());
    let (mut next_health, mut last_health) = (clock.now(), clock.now());
    let (mut changed, mut told_broker) = (false, None);
    let mut next_cleaning = clock.now();
    let mut watch = ClockWatch::default();
    loop {
        tokio::select! {
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            _ = hangup.recv() => {
                notifier.reloading();
                tracing::warn!("reload asked for; this version takes a new configuration at a restart only");
                notifier.ready();
            }
            _ = tick.tick() => {
                feed_watchdog(wired, notifier);
                // When something changed, too, but never more than once a second.
                let (presence, broker) = (wired.publish_presence(clock.now()), wired.broker());
                let state = broker.map(|broker| (broker.state, broker.denied));
                changed |= presence || state != told_broker;
                told_broker = state;
                if clock.now() >= next_health || changed && clock.now() >= last_health + SOONEST_HEALTH {
                    (changed, last_health) = (false, clock.now());
                    next_health = clock.now() + config.health.every;
                    let health = report(wired, &mut gatherer, notifier, &mut told);
                    if chronicle.takes(health.verdict, clock.now()) {
                        wired.record_health(&health, clock.wall());
                    }
                }
                let steady = watch.is_steady(clock.now(), clock.wall());
                if let Some(kept) = config.journal.retention.filter(|_| steady && clock.now() >= next_cleaning) {
                    next_cleaning = clock.now() + CLEANING;
                    wired.erase_older_than(kept, clock.wall());
                }
                if wired.recordings_are_over() {
                    tracing::info!("every camera is a recording that is over; ending");
                    return Ok(());
                }
            }
        }
    }
}

/// The watchdog is fed only while every unit moves; systemd's restart is the cure for a wedged one.
fn feed_watchdog(wired: &Wired, notifier: &Notifier) {
    match wired.units().find(|unit| unit.silent_for() > WEDGED) {
        None => notifier.watchdog(),
        Some(wedged) => {
            let seconds = wedged.silent_for().as_secs();
            notifier.status(&format!("{} has not moved for {seconds} s", wedged.name()));
        }
    }
}

fn report(wired: &Wired, gatherer: &mut Gatherer, notifier: &Notifier, told: &mut Option<Verdict>) -> Health {
    let health: Health = gatherer.gather(wired.broker());
    notifier.status(&health.status_line());
    if *told != Some(health.verdict) {
        let (verdict, problems) = (health.verdict.as_str(), health.problems.join("; "));
        match health.verdict {
            Verdict::Ok => tracing::info!(verdict, "health"),
            Verdict::Degraded | Verdict::Failed => tracing::warn!(verdict, %problems, "health"),
        }
        *told = Some(health.verdict);
    }
    wired.publish_health(&health);
    health
}
