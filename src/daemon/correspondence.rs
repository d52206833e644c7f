//! The broker in the daemon: the publisher, and the unit that does what is asked for over MQTT.
//!
//! Both begin and end together, because the one hands the other its commands.

use std::{
    io,
    sync::{Arc, PoisonError, RwLock},
};

use tokio::sync::{mpsc, watch};

use super::{
    DaemonError, asked,
    commands::{self, Handlers},
    gates::Doors,
    lists::Desk,
    pictures,
    sinks::Sinks,
    supervisor::{Unit, UnitStatus},
    triggers::{self, Sleepers},
};
use crate::{
    clock::Clock,
    config::Mqtt,
    heartbeat::Heartbeat,
    journal::Journal,
    publish::{self, Call, Publisher, Status},
    shutdown::{Trigger, shutdown},
};

/// The way to the publisher of the day, for gates that somebody else opens.
#[derive(Debug, Clone)]
pub(super) struct Messenger(Arc<RwLock<Option<mpsc::Sender<Call>>>>);

impl Messenger {
    /// Without a publisher; every call fails.
    pub(super) fn new() -> Self {
        Self(Arc::default())
    }

    pub(super) fn send(&self, call: Call) -> Result<(), String> {
        let publisher = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        let publisher = publisher.ok_or("there is no [mqtt] in the configuration")?;
        publisher.try_send(call).map_err(|_| "the publisher takes no more orders".to_owned())
    }

    fn use_publisher(&self, publisher: mpsc::Sender<Call>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(publisher);
    }
}

/// What a publisher is connected to.
#[derive(Debug)]
pub(super) struct Rest<'a> {
    pub journal: &'a Journal,
    pub desk: &'a Desk,
    pub doors: &'a Doors,
    pub sinks: &'a Sinks,
    pub messenger: &'a Messenger,
    pub sleepers: &'a Sleepers,
    pub pictures: &'a pictures::Outlet,
    pub clock: &'a Arc<dyn Clock>,
}

/// The running publisher, with the way to tell it how the node is doing.
#[derive(Debug)]
pub(super) struct Correspondence {
    publisher: Publisher,
    tell: watch::Sender<Status>,
    /// Does what is asked for; with its stop.
    commands: Option<(Trigger, Unit)>,
}

impl Correspondence {
    /// As the configuration's [mqtt] says.
    pub(super) fn begin(
        settings: publish::Settings,
        mqtt: &Mqtt,
        rest: &Rest<'_>,
    ) -> Result<Self, DaemonError> {
        let cannot_start = |what: &str| {
            let what = what.to_owned();
            move |error: io::Error| DaemonError::Start { what, error }
        };
        let (tell, status) = watch::channel(Status::default());
        let has_gates = !settings.about.gates.is_empty();
        let (orders, known_commands, commands) = if mqtt.commands {
            let (book, known) = commands::book(rest.journal.path(), rest.clock.wall());
            let (orders, received) = publish::command::channel();
            let gate = has_gates.then(|| asked::gate_handler(rest.doors.clone(), rest.sinks.clone()));
            let plates = Some(commands::plates(rest.desk.clone(), Arc::clone(rest.clock)));
            let has_cameras = !settings.about.cameras.is_empty();
            let trigger =
                has_cameras.then(|| triggers::handler(rest.sleepers.clone(), Arc::clone(rest.clock)));
            let handlers = Handlers { plates, gate, trigger, status: status.clone(), book };
            let (end, stop) = shutdown();
            let unit = commands::start(received, handlers, Arc::clone(rest.clock), stop)
                .map_err(cannot_start("the commands"))?;
            (Some(orders), known, Some((end, unit)))
        } else {
            (None, Vec::new(), None)
        };
        let (call, calls) = publish::calls();
        let sources = publish::Sources {
            outbox: Box::new(rest.journal.pending_facts()?),
            recorded: rest.journal.recorded(),
            status,
            orders,
            known_commands,
            calls,
        };
        let publisher = Publisher::start(settings, sources, Arc::clone(rest.clock))
            .map_err(cannot_start("the publisher"))?;
        rest.messenger.use_publisher(call);
        rest.pictures.lead(mqtt.images.then(|| publisher.images()));
        Ok(Self { publisher, tell, commands })
    }

    pub(super) fn tell(&self) -> &watch::Sender<Status> {
        &self.tell
    }

    pub(super) fn snapshot(&self) -> publish::Snapshot {
        self.publisher.stats().snapshot()
    }

    pub(super) const fn heartbeat(&self) -> &Heartbeat {
        self.publisher.heartbeat()
    }

    pub(super) fn unit(&self) -> Option<&UnitStatus> {
        self.commands.as_ref().map(|(_, unit)| unit.status().as_ref())
    }

    /// No more commands; what is under way is done.
    pub(super) fn hear_no_more(&mut self) {
        drop(self.commands.take());
    }

    /// Publishes what is left, and ends.
    pub(super) fn end(mut self) {
        self.hear_no_more();
        self.publisher.stop();
    }
}
