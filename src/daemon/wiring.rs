//! Who is connected to whom: from a configuration to running units, and back to nothing in the right order.
//!
//! The table of contents of the running program; no behaviour of its own.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::sync::watch;

use super::{
    DaemonError, Options, asked,
    camera_unit::CameraUnit,
    chain::Networks,
    commands::{self, Handlers},
    control::serve::{self, Control},
    gates::{Door, Gates, Plan},
    health::{self, CameraPart, Gatherer, Health, ListPart},
    lists::{Desk, ListStats, ListUnit},
    outlet, pictures, pipeline, resting,
    screen::Screen,
    settings,
    sinks::Sinks,
    supervisor::{Unit, UnitStatus},
    triggers::{self, Sleeper},
};
use crate::{
    access::Porter,
    backoff,
    capture::{Attention, Camera, CameraState, Delivery, Origin, replay::Pacing},
    clock::{Clock, Moment},
    config::{self, Config},
    frame::CameraId,
    gate::{self, Memory},
    infer::hailo::Hailo,
    journal::{HealthChange, Journal, evidence::Cabinet},
    publish::{self, Publisher},
    shutdown::{Stop, Trigger, shutdown},
};

/// Frames of one camera that may be alive at once: waiting, looked at, being filled.
const BUFFERS: usize = 6;
/// Frames of a live camera that may wait: the newest is the one that matters.
const LIVE_MAILBOX: usize = 1;
/// Frames of a recording that may wait.
const RECORDING_MAILBOX: usize = 2;

/// Vehicles let in so shortly before the start may stand there still.
const STANDING: Duration = Duration::from_secs(600);

/// One camera: the thread that captures, the unit that looks.
#[derive(Debug)]
struct Eye {
    id: CameraId,
    recording: bool,
    camera: Camera,
    attention: Arc<Attention>,
    unit: Unit,
    /// Watches the input that wakes it, where there is one.
    trigger: Option<Unit>,
    stats: Arc<pipeline::Stats>,
}

impl Eye {
    fn sleeper(&self) -> Sleeper {
        Sleeper { camera: self.id.clone(), attention: Arc::clone(&self.attention) }
    }
}

/// What every camera's threads are given alike.
struct Shared<'a> {
    networks: &'a Networks,
    porter: &'a Arc<Porter>,
    sinks: &'a Sinks,
    clock: &'a Arc<dyn Clock>,
    stop: &'a Stop,
}

/// Everything that runs.
#[derive(Debug)]
pub(super) struct Wired {
    /// `None` where the socket cannot be had.
    control: Option<Control>,
    gates: Gates,
    eyes: Vec<Eye>,
    /// Cameras that the configuration switches off.
    disabled: Vec<CameraId>,
    /// Keeps the porter's lists up to date.
    lists: Unit,
    list_stats: Arc<ListStats>,
    porter: Arc<Porter>,
    /// With the way to tell it how the node is doing.
    publisher: Option<(Publisher, watch::Sender<publish::Status>)>,
    /// Does what is asked for over MQTT.
    commands: Option<Unit>,
    journal: Journal,
    hailo: Option<Arc<Hailo>>,
    sinks: Sinks,
    screen: Option<Screen>,
    cabinet: Option<Cabinet>,
    stop: Trigger,
}

impl Wired {
    pub(super) fn build(
        config: &Config,
        options: Options,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, DaemonError> {
        let cannot_start = |what: String| move |error| DaemonError::Start { what, error };
        let journal = Journal::open(&config.journal.path, &settings::journal(config), Arc::clone(clock))?;
        if let Some(kept) = journal.set_aside() {
            tracing::error!(kept = %kept.display(), "the journal was broken: it was put aside, a new one was begun");
        }
        // At rest before anything else happens, and known to whoever brings them to rest after us.
        if let Err(error) = serve::make_folder(&config.control.socket).and_then(|()| resting::note(config)) {
            match config.gates.is_empty() {
                true => tracing::debug!(%error, "no note of the gates' lines is left"),
                false => {
                    tracing::warn!(%error, "`amslpr gate release` will have to rely on the configuration");
                }
            }
        }
        let (call, calls) = publish::calls();
        let plans = plans(config, &journal, &call, clock)?;
        let (mut gates, events) = Gates::start(plans, clock).map_err(cannot_start("the gates".to_owned()))?;
        let networks = Networks::load(&settings::chain(config))?;
        let (screen, screen_sender) = match options.screen {
            true => {
                let (screen, sender) =
                    Screen::start(config.log.plates).map_err(cannot_start("the screen".to_owned()))?;
                (Some(screen), Some(sender))
            }
            false => (None, None),
        };
        let pictures = pictures::Outlet::default();
        let (cabinet, exhibitor) = match settings::evidence(config) {
            Some(settings) => {
                let folder = settings.folder.display().to_string();
                let told = config.mqtt.as_ref().is_some_and(|mqtt| mqtt.images);
                let onlooker = told.then(|| pictures.onlooker());
                let opened = Cabinet::open(settings, journal.writer(), onlooker, Arc::clone(clock));
                let (cabinet, exhibitor) =
                    opened.map_err(cannot_start(format!("the evidence in {folder}")))?;
                (Some(cabinet), Some(exhibitor))
            }
            None => (None, None),
        };
        let (trigger, stop) = shutdown();
        let porter = Arc::new(Porter::new(config.access.clone()));
        let privacy = (config.privacy.clone(), Arc::clone(&porter));
        let (doors, plates) = (gates.doors().clone(), config.log.plates);
        let sinks = Sinks::new(journal.writer(), doors, screen_sender, plates, privacy, exhibitor);
        gates.record(events, sinks.clone()).map_err(cannot_start("the gates' events".to_owned()))?;
        let desk = Desk::new(&config.journal.path, Arc::new(config.lists.clone()));
        let mut keeper = ListUnit::new(desk.clone(), Arc::clone(&porter), config.log.plates);
        if let Err(error) = keeper.begin() {
            tracing::error!(%error, "the lists cannot be loaded; nobody is let in until they are");
        }
        let list_stats = Arc::clone(keeper.stats());
        let heard = stop.clone();
        let lists = Unit::start(
            "lists",
            Arc::clone(clock),
            stop.clone(),
            backoff::Settings::default(),
            move |status| keeper.work(&heard, status),
        )
        .map_err(cannot_start("the keeper of the lists".to_owned()))?;
        let parts = Shared { networks: &networks, porter: &porter, sinks: &sinks, clock, stop: &stop };
        let mut eyes = Vec::new();
        for camera in config.cameras.iter().filter(|camera| camera.enabled) {
            eyes.push(eye(camera, config, &parts).map_err(cannot_start(format!("camera {}", camera.id)))?);
        }
        let (publisher, commands) = match &config.mqtt {
            Some(mqtt) => {
                let (tell, status) = watch::channel(publish::Status::default());
                let (orders, known_commands, commands) = match mqtt.commands {
                    true => {
                        let (book, known) = commands::book(&config.journal.path, clock.wall());
                        let (orders, received) = publish::command::channel();
                        let plates = Some(commands::plates(desk, Arc::clone(clock)));
                        let gate = asked::gate_handler(gates.doors().clone(), sinks.clone());
                        let gate = (!config.gates.is_empty()).then_some(gate);
                        let sleepers: Vec<_> = eyes.iter().map(Eye::sleeper).collect();
                        let trigger = Some(triggers::handler(sleepers, Arc::clone(clock)));
                        let trigger = trigger.filter(|_| !eyes.is_empty());
                        let handlers = Handlers { plates, gate, trigger, status: status.clone(), book };
                        let unit = commands::start(received, handlers, Arc::clone(clock), stop.clone());
                        (Some(orders), known, Some(unit.map_err(cannot_start("the commands".to_owned()))?))
                    }
                    false => (None, Vec::new(), None),
                };
                let settings = settings::publish(mqtt, config, networks.names())?;
                let sources = publish::Sources {
                    outbox: Box::new(journal.pending_facts()?),
                    recorded: journal.recorded(),
                    status,
                    orders,
                    known_commands,
                    calls,
                };
                let started = Publisher::start(settings, sources, Arc::clone(clock));
                let publisher = started.map_err(cannot_start("the publisher".to_owned()))?;
                if mqtt.images {
                    pictures.open(publisher.images());
                }
                (Some((publisher, tell)), commands)
            }
            None => (None, None),
        };
        let off = config.cameras.iter().filter(|camera| !camera.enabled);
        let disabled = off.map(|camera| camera.id.clone()).collect();
        let hailo = networks.hailo().cloned();
        let control = asked::listen(&config.control.socket, gates.doors().clone(), sinks.clone());
        Ok(Self {
            control,
            gates,
            eyes,
            disabled,
            lists,
            list_stats,
            porter,
            publisher,
            commands,
            journal,
            hailo,
            sinks,
            screen,
            cabinet,
            stop: trigger,
        })
    }

    pub(super) fn units(&self) -> impl Iterator<Item = &UnitStatus> {
        let others = self.commands.iter().chain([&self.lists]).map(|unit| unit.status().as_ref());
        let eyes = self.eyes.iter().flat_map(|eye| [&eye.unit].into_iter().chain(&eye.trigger));
        eyes.map(|unit| unit.status().as_ref()).chain(self.gates.units()).chain(others)
    }

    pub(super) fn gatherer(&self, clock: Arc<dyn Clock>) -> Gatherer {
        let part = |eye: &Eye| CameraPart {
            id: eye.id.clone(),
            capture: Arc::clone(eye.camera.stats()),
            chain: Arc::clone(&eye.stats),
            unit: Arc::clone(eye.unit.status()),
            trigger: eye.trigger.as_ref().map(|unit| Arc::clone(unit.status())),
        };
        let parts = self.eyes.iter().map(part).collect();
        let (stats, counts) = (self.journal.stats(), Arc::clone(self.sinks.counts()));
        let evidence = self.cabinet.as_ref().map(Cabinet::stats);
        let (doors, journal) = (self.gates.doors().clone(), self.journal.path().to_owned());
        Gatherer::new(parts, doors, stats, counts, journal, clock)
            .with_lists(self.list_part())
            .with_hailo(self.hailo.clone())
            .with_evidence(evidence)
    }

    fn list_part(&self) -> ListPart {
        let unit = Arc::clone(self.lists.status());
        ListPart { porter: Arc::clone(&self.porter), stats: Arc::clone(&self.list_stats), unit }
    }

    /// There are cameras, all are recordings, and all their frames have been looked at.
    pub(super) fn recordings_are_over(&self) -> bool {
        !self.eyes.is_empty()
            && self.eyes.iter().all(|eye| {
                let over = matches!(eye.camera.stats().state(), CameraState::Ended | CameraState::Failed);
                eye.recording && over && eye.unit.is_finished()
            })
    }

    /// Passages that began longer ago than `kept` are erased, in small pieces between other work.
    pub(super) fn erase_older_than(&self, kept: Duration, now: Timestamp) {
        if let Ok(before) = now.checked_sub(kept) {
            self.journal.writer().erase_before(before);
        }
    }

    pub(super) fn broker(&self) -> Option<publish::Snapshot> {
        self.publisher.as_ref().map(|(publisher, _)| publisher.stats().snapshot())
    }

    /// Tells subscribers how the cameras stand; true if that is news.
    pub(super) fn publish_presence(&self, now: Moment) -> bool {
        let Some((_, tell)) = &self.publisher else { return false };
        let cameras: Vec<_> = self
            .eyes
            .iter()
            .map(|eye| (eye.id.clone(), health::presence(eye.camera.stats(), now)))
            .chain(self.disabled.iter().map(|id| (id.clone(), publish::Presence::Disabled)))
            .collect();
        let door = |door: &Door| (door.id.to_string(), door.status.state().as_str());
        let gates: Vec<_> = self.gates.doors().iter().map(door).collect();
        tell.send_if_modified(|status| {
            let news = status.cameras != cameras || status.gates != gates;
            (status.cameras, status.gates) = (cameras, gates);
            news
        })
    }

    /// Records how the node is doing, from now on.
    pub(super) fn record_health(&self, health: &Health, at: Timestamp) {
        let (verdict, problems) = (health.verdict.as_str().to_owned(), health.problems.clone());
        self.journal.writer().note_health(HealthChange { at, verdict, problems });
    }

    pub(super) fn publish_health(&self, health: &Health) {
        let Some((_, tell)) = &self.publisher else { return };
        match serde_json::to_string(health) {
            Ok(payload) => tell.send_modify(|status| status.health = Some(payload)),
            Err(error) => tracing::error!(%error, "the health report could not be written as JSON"),
        }
    }

    /// Gates first: at rest. Then cameras, then what they still hold, then the journal, then the publisher. Returns the facts that did
    /// not reach the disk.
    pub(super) fn stop(self, last_commit: Duration) -> usize {
        let Self {
            control,
            gates,
            mut eyes,
            lists,
            publisher,
            commands,
            journal,
            hailo,
            sinks,
            screen,
            cabinet,
            stop,
            ..
        } = self;
        drop(gates);
        drop(control);
        eyes.iter_mut().for_each(|eye| eye.camera.stop());
        stop.stop();
        drop(eyes);
        drop(hailo);
        drop(commands);
        drop(lists);
        drop(sinks);
        drop(screen);
        // Writes what it was given, and records it.
        drop(cabinet);
        let settled = journal.writer().flush(last_commit);
        if let Some((publisher, _)) = publisher {
            publisher.stop();
        }
        let unwritten = journal.close(if settled { last_commit } else { Duration::ZERO });
        if unwritten > 0 {
            tracing::error!(facts = unwritten, "facts did not reach the journal before the end");
        }
        unwritten
    }
}

/// The gates of the configuration, with what the journal remembers of them.
fn plans(
    config: &Config,
    journal: &Journal,
    call: &tokio::sync::mpsc::Sender<publish::Call>,
    clock: &Arc<dyn Clock>,
) -> Result<Vec<Plan>, DaemonError> {
    if config.gates.is_empty() {
        return Ok(Vec::new());
    }
    let reader = journal.reader()?;
    let since = clock.wall().checked_sub(STANDING).unwrap_or(Timestamp::MIN);
    let mut plans = Vec::new();
    for gate in &config.gates {
        // A journal that cannot say it is no reason to lock everybody out; the log says it then.
        let visits = reader.let_in_since(&gate.id, since).unwrap_or_else(|error| {
            tracing::warn!(gate = %gate.id, %error, "who was let in before the start is not known");
            Vec::new()
        });
        plans.push(Plan {
            settings: settings::gate(gate, |topic, payload| {
                let (calls, clock) = (call.clone(), Arc::clone(clock));
                gate::Output::Message(Arc::new(outlet::ByMessage { topic, payload, calls, clock }))
            }),
            cameras: gate.cameras.clone(),
            valid: gate.valid,
            memory: Memory::of_served(visits, config.privacy.mode.clone()),
        });
    }
    Ok(plans)
}

/// The two threads of one camera.
fn eye(camera: &config::Camera, config: &Config, parts: &Shared<'_>) -> std::io::Result<Eye> {
    let origin =
        Origin::new(camera.id.clone(), Arc::clone(parts.clock), BUFFERS).decoding(settings::decode(camera));
    let recording = settings::is_recording(camera);
    let every = matches!(&camera.source, config::Source::Replay(replay) if replay.pacing == Pacing::Fast);
    let delivery = if every { Delivery::Every(RECORDING_MAILBOX) } else { Delivery::Latest(LIVE_MAILBOX) };
    let source = settings::source(camera, origin.clone()).map_err(std::io::Error::other)?;
    let (captured, frames) = Camera::start(source, &origin, delivery, &settings::care(camera))?;
    let stats = Arc::new(pipeline::Stats::default());
    let mut work = CameraUnit {
        frames,
        networks: parts.networks.clone(),
        settings: settings::pipeline(camera, config, Arc::clone(parts.porter), parts.networks.plate_score()),
        stats: Arc::clone(&stats),
        capture: Arc::clone(&origin.stats),
        attention: Arc::clone(&origin.attention),
        sinks: parts.sinks.clone(),
        clock: Arc::clone(parts.clock),
        stop: parts.stop.clone(),
    };
    let name = format!("look {}", camera.id);
    let unit = Unit::start(
        &name,
        Arc::clone(parts.clock),
        parts.stop.clone(),
        backoff::Settings::default(),
        move |status| work.work(status),
    )?;
    let attention = Arc::clone(&origin.attention);
    let sleeper = Sleeper { camera: camera.id.clone(), attention: Arc::clone(&attention) };
    let trigger = camera
        .trigger
        .clone()
        .map(|trigger| triggers::watch(trigger, sleeper, parts.clock, parts.stop))
        .transpose()?;
    Ok(Eye { id: camera.id.clone(), recording, camera: captured, attention, unit, trigger, stats })
}
