//! Who is connected to whom: from a configuration to running units, to another configuration, and back to nothing in
//! the right order.
//!
//! The table of contents of the running program; no behaviour of its own.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{Arc, atomic::AtomicBool, atomic::Ordering},
    time::Duration,
};

use jiff::Timestamp;

use super::{
    DaemonError, Options,
    answers::{Answers, Windows},
    asked,
    board::Board,
    chain::Networks,
    control::serve::{self, Control},
    correspondence::{Correspondence, Messenger, Rest},
    examine,
    eyes::{self, Eye, Shared},
    gates::{self, Door, Gates},
    health::{self, CameraPart, Gatherer, Health, ListPart},
    lists::{Desk, ListStats, ListUnit},
    pictures,
    placement::Placement,
    reload::{self, Difference, Waiting},
    resting,
    screen::Screen,
    settings,
    sinks::Sinks,
    supervisor::{Unit, UnitStatus},
    trace::Recorder,
    triggers::Sleepers,
    vigil::Moving,
    webhooks::{Couriers, Receiver},
};
use crate::{
    access::Porter,
    api::{self, Claim},
    backoff,
    clock::{Clock, Moment, WallTrust},
    config::Config,
    fact::GateId,
    frame::CameraId,
    journal::{HealthChange, Journal, evidence::Cabinet},
    publish,
    read::recall::Recall,
    shutdown::{Trigger, shutdown},
};

/// What was let in until now gets this long to reach the journal before a gate is wired anew.
const SETTLING: Duration = Duration::from_secs(1);

/// Everything that runs.
#[derive(Debug)]
pub(super) struct Wired {
    /// What is in force.
    config: Config,
    /// `None` where the socket cannot be had.
    control: Option<Control>,
    recorder: Arc<Recorder>,
    gates: Gates,
    eyes: Vec<Eye>,
    /// Those of them that a command may wake.
    sleepers: Sleepers,
    /// From the evidence to the broker.
    pictures: pictures::Outlet,
    /// Keeps the porter's lists up to date; with its stop.
    lists: (Trigger, Unit),
    list_stats: Arc<ListStats>,
    desk: Desk,
    porter: Arc<Porter>,
    /// `None` where there is no [mqtt].
    broker: Option<Correspondence>,
    messenger: Messenger,
    couriers: Couriers,
    /// `None` where there is no [http], or it cannot be served.
    http: Option<(api::Server, SocketAddr)>,
    /// Why not.
    unserved: Option<String>,
    questions: asked::Questions,
    windows: Windows,
    journal: Journal,
    networks: Networks,
    sinks: Sinks,
    /// Plates may stand in the log.
    log_plates: Arc<AtomicBool>,
    screen: Option<Screen>,
    cabinet: Option<Cabinet>,
    placement: Placement,
    /// How far the wall clock can be believed.
    trust: WallTrust,
    clock: Arc<dyn Clock>,
}

impl Wired {
    pub(super) fn build(
        config: &Config,
        options: &Options,
        questions: asked::Questions,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, DaemonError> {
        let cannot_start = |what: String| move |error| DaemonError::Start { what, error };
        // Before anything happens that has a time.
        let trust = WallTrust::default();
        trust.tell(examine::is_clock_set(clock.wall(), &Board::default()), false);
        let journal = Journal::open(&config.journal.path, &settings::journal(config), Arc::clone(clock))?;
        if let Some(kept) = journal.set_aside() {
            tracing::error!(kept = %kept.display(), "the journal was broken: it was put aside, a new one was begun");
        }
        note_lines(config);
        let messenger = Messenger::new();
        let plans = gates::plans(config, |_| true, &journal, &messenger, clock);
        let (mut gates, events) = Gates::start(plans, clock).map_err(cannot_start("the gates".to_owned()))?;
        let placement = Placement::new(config.threads.clone());
        let (look, serve) = (&placement.threads.look, &placement.threads.serve);
        let loaded = placement.within(look, || Networks::load(&settings::chain(config)));
        let networks = loaded.map_err(cannot_start("the networks".to_owned()))??;
        let (screen, screen_sender) = match options.screen {
            true => {
                let (screen, sender) =
                    Screen::start(config.log.plates).map_err(cannot_start("the screen".to_owned()))?;
                (Some(screen), Some(sender))
            }
            false => (None, None),
        };
        let pictures = pictures::Outlet::default();
        let (cabinet, exhibitor) = match settings::evidence(config, &trust) {
            Some(settings) => {
                let folder = settings.folder.display().to_string();
                let onlooker = Some(pictures.onlooker());
                let opened = placement
                    .within(serve, || Cabinet::open(settings, journal.writer(), onlooker, Arc::clone(clock)))
                    .flatten();
                let (cabinet, exhibitor) =
                    opened.map_err(cannot_start(format!("the evidence in {folder}")))?;
                (Some(cabinet), Some(exhibitor))
            }
            None => (None, None),
        };
        let porter = Arc::new(Porter::new(config.access.clone()));
        let privacy = (config.privacy.clone(), Arc::clone(&porter));
        let log_plates = Arc::new(AtomicBool::new(config.log.plates));
        let (doors, plates) = (gates.doors().clone(), Arc::clone(&log_plates));
        let sinks =
            Sinks::new(journal.writer(), doors, screen_sender, plates, privacy, exhibitor, trust.clone());
        gates.record(events, sinks.clone()).map_err(cannot_start("the gates' events".to_owned()))?;
        let desk = Desk::new(&config.journal.path, Arc::new(config.lists.clone()));
        let keeper = ListUnit::new(desk.clone(), Arc::clone(&porter), Arc::clone(&log_plates));
        let list_stats = Arc::clone(keeper.stats());
        let lists = keep_lists(keeper, !journal.is_open(), clock)
            .map_err(cannot_start("the keeper of the lists".to_owned()))?;
        let recorder = Recorder::new(Arc::clone(clock));
        let control = asked::listen(
            &config.control.socket,
            gates.doors().clone(),
            sinks.clone(),
            questions.clone(),
            Arc::clone(&recorder),
            Arc::clone(clock),
        );
        let mut wired = Self {
            config: config.clone(),
            control,
            recorder,
            gates,
            eyes: Vec::new(),
            sleepers: Sleepers::default(),
            pictures,
            lists,
            list_stats,
            desk,
            porter,
            broker: None,
            messenger,
            couriers: Couriers::default(),
            http: None,
            unserved: None,
            questions,
            windows: Windows::default(),
            journal,
            networks,
            sinks,
            log_plates,
            screen,
            cabinet,
            placement,
            trust,
            clock: Arc::clone(clock),
        };
        let cameras: BTreeSet<CameraId> = config.cameras.iter().map(|camera| camera.id.clone()).collect();
        // Before anything happens that they are to tell.
        wired.send_couriers()?;
        wired.open_eyes(&cameras)?;
        wired.begin_correspondence()?;
        // Plates are read all the same.
        if let Err(error) = wired.begin_serving(Claim::WhenFree) {
            tracing::error!(%error, "nobody is served over HTTP");
            wired.unserved = Some(format!("nobody is served over HTTP: {error}"));
        }
        Ok(wired)
    }

    /// What is in force.
    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// What another configuration would exchange, and what of it waits for a restart. Changes nothing.
    pub(super) fn compare(&self, new: &Config) -> Result<(Config, Difference, Waiting), DaemonError> {
        let (config, waiting) = reload::possible(&self.config, new);
        let difference = Difference::between(&self.config, &config)?;
        Ok((config, difference, waiting))
    }

    /// Puts another configuration in force: exchanges what is different and leaves the rest alone. If that cannot be done
    /// everything is as it was before. The error beside the reason is one that the daemon cannot live with: it is neither
    /// here nor there.
    pub(super) fn exchange(
        &mut self,
        config: Config,
        difference: &Difference,
    ) -> Result<Result<(), DaemonError>, DaemonError> {
        let before = std::mem::replace(&mut self.config, config);
        // The likeliest to fail, and before anything else is touched.
        if difference.http
            && let Err(why) = self.begin_serving(Claim::Now)
        {
            self.config = before;
            if self.http.is_none() {
                self.begin_serving(Claim::WhenFree)?;
            }
            return Ok(Err(why));
        }
        let Err(why) = self.try_exchange(difference) else { return Ok(Ok(())) };
        tracing::error!(%why, "the new configuration cannot be used: going back to the old one");
        let back = Difference::between(&self.config, &before)?;
        self.config = before;
        if back.http {
            self.begin_serving(Claim::WhenFree)?;
        }
        self.try_exchange(&back)?;
        Ok(Err(why))
    }

    /// Everything but HTTP, to what is in force now.
    fn try_exchange(&mut self, difference: &Difference) -> Result<(), DaemonError> {
        if difference.webhooks {
            self.couriers.hush();
        }
        // Gates first: what is unwired is at rest before anything takes its place.
        difference.unwired.iter().for_each(|id| self.gates.remove(id));
        let closing: Vec<Eye> = self.eyes.extract_if(.., |eye| difference.closed.contains(&eye.id)).collect();
        eyes::close(closing);
        let config = &self.config;
        // Privacy and lists before anybody new uses them.
        self.log_plates.store(config.log.plates, Ordering::Relaxed);
        if difference.privacy {
            self.sinks.use_privacy(config.privacy.clone());
        }
        if difference.rules {
            self.porter.use_rules(config.access.clone());
        }
        if difference.lists {
            self.desk.use_configured(Arc::new(config.lists.clone()));
        }
        if difference.networks {
            self.networks.use_settings(settings::chain(config));
        }
        if !(difference.wired.is_empty() && difference.unwired.is_empty()) {
            self.rewire(&difference.wired)?;
        }
        self.open_eyes(&difference.opened)?;
        if difference.broker {
            self.pictures.lead(None);
            if let Some(broker) = self.broker.take() {
                broker.end();
            }
            self.begin_correspondence()?;
        }
        if difference.webhooks {
            // The old ones first: no receiver is told by two.
            self.couriers = Couriers::default();
            self.send_couriers()?;
        }
        Ok(())
    }

    /// Starts these gates of the configuration, at rest.
    fn rewire(&mut self, wired: &BTreeSet<GateId>) -> Result<(), DaemonError> {
        note_lines(&self.config);
        // Whoever was let in a moment ago must not be served a second time.
        self.journal.writer().flush(SETTLING);
        let is_wanted = |id: &GateId| wired.contains(id);
        for plan in gates::plans(&self.config, is_wanted, &self.journal, &self.messenger, &self.clock) {
            let what = format!("gate {}", plan.settings.id);
            self.gates.add(plan).map_err(|error| DaemonError::Start { what, error })?;
        }
        let order: Vec<GateId> = self.config.gates.iter().map(|gate| gate.id.clone()).collect();
        self.gates.sort(&order);
        Ok(())
    }

    /// Opens these cameras of the configuration, if they are not switched off.
    fn open_eyes(&mut self, wanted: &BTreeSet<CameraId>) -> Result<(), DaemonError> {
        let Self { networks, porter, sinks, clock, config, trust, placement, .. } = self;
        let parts = Shared { networks, porter, sinks, trust, placement, clock };
        for camera in config.cameras.iter().filter(|camera| camera.enabled && wanted.contains(&camera.id)) {
            let opened = Eye::open(camera, config, &parts);
            let what = format!("camera {}", camera.id);
            self.eyes.push(opened.map_err(|error| DaemonError::Start { what, error })?);
        }
        let place = |eye: &Eye| config.cameras.iter().position(|camera| camera.id == eye.id);
        self.eyes.sort_by_key(place);
        eyes::list(&self.eyes, &self.sleepers, &self.windows);
        Ok(())
    }

    fn begin_correspondence(&mut self) -> Result<(), DaemonError> {
        let Some(mqtt) = &self.config.mqtt else { return Ok(()) };
        let settings = settings::publish(mqtt, &self.config, self.networks.names())?;
        let rest = Rest {
            journal: &self.journal,
            desk: &self.desk,
            doors: self.gates.doors(),
            sinks: &self.sinks,
            messenger: &self.messenger,
            sleepers: &self.sleepers,
            pictures: &self.pictures,
            clock: &self.clock,
        };
        self.broker = Some(Correspondence::begin(settings, mqtt, &rest)?);
        Ok(())
    }

    fn send_couriers(&mut self) -> Result<(), DaemonError> {
        let couriers = self.placement.within(&self.placement.threads.serve, || {
            Couriers::start(&self.config.webhooks, &self.journal, &self.trust, &self.clock)
        });
        let couriers = couriers.flatten();
        self.couriers =
            couriers.map_err(|error| DaemonError::Start { what: "the webhooks".to_owned(), error })?;
        Ok(())
    }

    /// Serves at the configured address. What was served before goes when the new address is had, or, where both
    /// cannot be had at a time, just before.
    fn begin_serving(&mut self, claim: Claim) -> Result<(), DaemonError> {
        let Some(settings) = settings::http(&self.config) else {
            drop(self.http.take());
            return Ok(());
        };
        if self.http.as_ref().is_some_and(|(_, at)| at.port() == settings.listen.port()) {
            drop(self.http.take());
        }
        let listen = settings.listen;
        let what = format!("the HTTP API at {}", settings.listen);
        let node = Answers {
            questions: self.questions.clone(),
            windows: self.windows.clone(),
            desk: self.desk.clone(),
            doors: self.gates.doors().clone(),
            sinks: self.sinks.clone(),
            sleepers: self.sleepers.clone(),
            clock: Arc::clone(&self.clock),
        };
        let sources = api::Sources {
            journal: self.journal.path().to_owned(),
            evidence: self.config.evidence.as_ref().map(|evidence| evidence.path.clone()),
            node: Arc::new(node),
            events: self.sinks.events().clone(),
        };
        let server = self.placement.within(&self.placement.threads.serve, || {
            api::Server::start(settings, sources, claim, Arc::clone(&self.clock))
        });
        let server = server.flatten();
        let server = server.map_err(|error| DaemonError::Start { what, error })?;
        self.http = Some((server, listen));
        self.unserved = None;
        Ok(())
    }

    /// Who is told by webhooks.
    pub(super) fn receivers(&self) -> Vec<Receiver> {
        self.couriers.receivers()
    }

    /// What the HTTP API came to, where there is one.
    pub(super) fn http(&self) -> Option<Arc<api::Stats>> {
        self.http.as_ref().map(|(server, _)| Arc::clone(server.stats()))
    }

    /// Why nobody, or not everybody, is served over HTTP.
    pub(super) fn unserved(&self) -> Option<String> {
        let tokens = self.config.http.as_ref().and_then(|http| http.missing.as_ref());
        let tokens = tokens.map(|why| format!("not all tokens of [http] are known: {why}"));
        self.unserved.clone().or(tokens)
    }

    fn units(&self) -> impl Iterator<Item = &UnitStatus> {
        let commands = self.broker.as_ref().and_then(Correspondence::unit);
        let others = commands.into_iter().chain([self.lists.1.status().as_ref()]);
        self.eyes.iter().flat_map(Eye::units).chain(self.gates.units()).chain(others)
    }

    /// Everything that has to move. Not the screen, which stands still with the terminal.
    pub(super) fn moving(&self) -> Vec<Moving<'_>> {
        let mut all: Vec<_> = self.units().map(|unit| Moving::new(unit.name(), unit.heartbeat())).collect();
        let cameras = self.eyes.iter();
        all.extend(
            cameras.map(|eye| Moving::on_a_device(format!("camera {}", eye.id), eye.camera.heartbeat())),
        );
        all.push(Moving::on_a_device("journal", self.journal.heartbeat()));
        all.extend(self.cabinet.as_ref().map(|cabinet| Moving::on_a_device("evidence", cabinet.heartbeat())));
        all.extend(self.networks.hailo().map(|hailo| Moving::on_a_device("hailo", hailo.heartbeat())));
        all.extend(self.broker.as_ref().map(|broker| Moving::new("publisher", broker.heartbeat())));
        all.extend(self.http.as_ref().map(|(server, _)| Moving::new("http", server.heartbeat())));
        all.extend(self.control.as_ref().map(|control| Moving::new("control", control.heartbeat())));
        // Not before the longest call is over.
        all.extend(self.couriers.units().map(|unit| Moving::on_a_device(unit.name(), unit.heartbeat())));
        all.extend(self.gates.scribe().map(|scribe| Moving::new("gate events", scribe)));
        all
    }

    /// What is remembered of reads.
    pub(super) fn recall(&self) -> Option<Arc<Recall>> {
        self.networks.recall().cloned()
    }

    pub(super) fn gatherer(&self, clock: Arc<dyn Clock>) -> Gatherer {
        let (stats, counts) = (self.journal.stats(), Arc::clone(self.sinks.counts()));
        let evidence = self.cabinet.as_ref().map(Cabinet::stats);
        let (doors, journal) = (self.gates.doors().clone(), self.journal.path().to_owned());
        let mut gatherer = Gatherer::new(self.camera_parts(), doors, stats, counts, journal, clock)
            .with_lists(self.list_part())
            .with_networks(self.networks.clone())
            .with_evidence(evidence)
            .with_http(self.http())
            .with_trust(self.trust.clone());
        gatherer.recall = self.recall();
        gatherer.receivers = self.receivers();
        gatherer.placement = self.placement.clone();
        gatherer.unserved = self.unserved();
        gatherer
    }

    /// Every camera that is looked at.
    pub(super) fn camera_parts(&self) -> Vec<CameraPart> {
        self.eyes.iter().map(Eye::part).collect()
    }

    fn list_part(&self) -> ListPart {
        let unit = Arc::clone(self.lists.1.status());
        ListPart { porter: Arc::clone(&self.porter), stats: Arc::clone(&self.list_stats), unit }
    }

    /// There are cameras, all are recordings, and all their frames have been looked at.
    pub(super) fn recordings_are_over(&self) -> bool {
        !self.eyes.is_empty() && self.eyes.iter().all(Eye::is_over)
    }

    /// Passages that began longer ago than `kept` are erased, in small pieces between other work.
    pub(super) fn erase_older_than(&self, kept: Duration, now: Timestamp) {
        if let Ok(before) = now.checked_sub(kept) {
            self.journal.writer().erase_before(before);
        }
    }

    pub(super) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    pub(super) const fn trust(&self) -> &WallTrust {
        &self.trust
    }

    pub(super) fn broker(&self) -> Option<publish::Snapshot> {
        self.broker.as_ref().map(Correspondence::snapshot)
    }

    /// Tells subscribers how the cameras stand; true if that is news.
    pub(super) fn publish_presence(&self, now: Moment) -> bool {
        let Some(broker) = &self.broker else { return false };
        let off = self.config.cameras.iter().filter(|camera| !camera.enabled);
        let cameras: Vec<_> = self
            .eyes
            .iter()
            .map(|eye| (eye.id.clone(), health::presence(eye.camera.stats(), now)))
            .chain(off.map(|camera| (camera.id.clone(), publish::Presence::Disabled)))
            .collect();
        let door = |door: &Arc<Door>| (door.id.to_string(), door.status.state().as_str());
        let gates: Vec<_> = self.gates.doors().all().iter().map(door).collect();
        broker.tell().send_if_modified(|status| {
            let news = status.cameras != cameras || status.gates != gates;
            (status.cameras, status.gates) = (cameras, gates);
            news
        })
    }

    /// Records how the node is doing, from now on.
    /// `left_out`: so many changes before this one were too many to be recorded.
    pub(super) fn record_health(&self, health: &Health, left_out: u64, at: Timestamp) {
        let (verdict, mut problems) = (health.verdict.as_str().to_owned(), health.problems.clone());
        if left_out > 0 {
            problems
                .push(format!("{left_out} changes before this one were not recorded: there were too many"));
        }
        self.journal.writer().note_health(HealthChange { at, verdict, problems });
    }

    pub(super) fn publish_health(&self, health: &Health) {
        let Some(broker) = &self.broker else { return };
        match serde_json::to_string(health) {
            Ok(payload) => broker.tell().send_modify(|status| status.health = Some(payload)),
            Err(error) => tracing::error!(%error, "the health report could not be written as JSON"),
        }
    }

    /// Gates first: at rest. Then cameras, then what they still hold, then the journal, then the publisher. Returns the facts that did
    /// not reach the disk.
    pub(super) fn stop(self, last_commit: Duration) -> usize {
        let Self {
            control,
            http,
            gates,
            eyes,
            lists,
            mut broker,
            mut couriers,
            journal,
            networks,
            sinks,
            screen,
            cabinet,
            ..
        } = self;
        drop(gates);
        // Their last calls may take a while.
        couriers.hush();
        drop(control);
        // Whoever listens is told; its node holds a way to the sinks.
        drop(http);
        eyes::close(eyes);
        // The Hailo ends with its last user.
        drop(networks);
        if let Some(broker) = &mut broker {
            broker.hear_no_more();
        }
        drop(lists);
        drop(sinks);
        drop(screen);
        // Writes what it was given, and records it.
        drop(cabinet);
        let settled = journal.writer().flush(last_commit);
        // What their receivers do not have yet, they have after the next start. How far they got is written down at the end.
        drop(couriers);
        if let Some(broker) = broker {
            broker.end();
        }
        let unwritten = journal.close(if settled { last_commit } else { Duration::ZERO });
        if unwritten > 0 {
            tracing::error!(facts = unwritten, "facts did not reach the journal before the end");
        }
        unwritten
    }
}

/// Starts the unit that keeps the lists up to date, after it has loaded them once.
fn keep_lists(mut keeper: ListUnit, full: bool, clock: &Arc<dyn Clock>) -> std::io::Result<(Trigger, Unit)> {
    if let Err(error) = keeper.begin(full) {
        tracing::error!(%error, "the lists cannot be loaded; nobody is let in until they are");
    }
    let (trigger, stop) = shutdown();
    let heard = stop.clone();
    let patience = backoff::Settings::default();
    let unit =
        Unit::start("lists", Arc::clone(clock), stop, patience, move |status| keeper.work(&heard, status))?;
    Ok((trigger, unit))
}

/// Lines at rest before anything else happens, and known to whoever brings them to rest after us.
fn note_lines(config: &Config) {
    if let Err(error) = serve::make_folder(&config.control.socket).and_then(|()| resting::note(config)) {
        match config.gates.is_empty() {
            true => tracing::debug!(%error, "no note of the gates' lines is left"),
            false => tracing::warn!(%error, "`amslpr gate release` will have to rely on the configuration"),
        }
    }
}
