//! The gates of the daemon: their threads, and the doors at which orders are handed in.
//!
//! An admitted vehicle's order goes to the gate from the very thread that decided, before anything is written down.
//! What became of it comes back on a queue of its own and is recorded from there: no gate waits for a disk.

mod plan;

use std::{
    io,
    sync::{
        Arc, PoisonError, RwLock,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{
    sinks::Sinks,
    supervisor::{Unit, UnitStatus},
};
use crate::{
    backoff,
    clock::Clock,
    fact::{
        Decided, Fact, GateEvent, GateId,
        gate::{Refusal, Step},
    },
    frame::CameraId,
    gate::{self, Desk, Gate, Order, Status},
    heartbeat::{BEAT, Heartbeat},
    shutdown::{Trigger, shutdown},
};

pub(super) use plan::{Plan, plans};

/// Events of all gates that may wait to be recorded.
const EVENTS: usize = 256;
/// A manual order is valid no longer than this: somebody waits for its outcome, and can ask again.
const MANUAL: Duration = Duration::from_secs(5);
/// How much longer than its order is valid its outcome is waited for: the output may take its time.
const ANSWER: Duration = Duration::from_secs(6);

/// One gate, for whoever has an order for it.
#[derive(Debug)]
pub(super) struct Door {
    pub id: GateId,
    pub status: Arc<Status>,
    cameras: Vec<CameraId>,
    valid: Duration,
    desk: Desk,
}

/// All doors. Clones share them: a gate that is wired anew is new for everybody.
#[derive(Debug, Clone)]
pub(super) struct Doors {
    doors: Arc<RwLock<Vec<Arc<Door>>>>,
    clock: Arc<dyn Clock>,
}

/// The running gates. Dropping them brings every output to rest.
#[derive(Debug)]
pub(super) struct Gates {
    doors: Doors,
    running: Vec<Running>,
    /// For gates that are started later; gone when the gates end.
    events: Option<SyncSender<GateEvent>>,
    scribe: Option<(JoinHandle<()>, Heartbeat)>,
}

/// One gate's thread.
#[derive(Debug)]
struct Running {
    id: GateId,
    // In this order: the stop is given, then the thread is waited for, and its output is at rest.
    stop: Trigger,
    unit: Unit,
}

impl Gates {
    /// Starts them, at rest. Returns them with their events, for [`record`](Self::record).
    pub(super) fn start(plans: Vec<Plan>, clock: &Arc<dyn Clock>) -> io::Result<(Self, Receiver<GateEvent>)> {
        let (events, heard) = sync_channel(EVENTS);
        let doors = Doors { doors: Arc::default(), clock: Arc::clone(clock) };
        let mut gates = Self { doors, running: Vec::new(), events: Some(events), scribe: None };
        for plan in plans {
            gates.add(plan)?;
        }
        Ok((gates, heard))
    }

    /// Starts one more, at rest.
    pub(super) fn add(&mut self, plan: Plan) -> io::Result<()> {
        let Plan { settings, cameras, valid, memory } = plan;
        let Some(events) = self.events.clone() else { return Ok(()) };
        let clock = &self.doors.clock;
        let (trigger, stop) = shutdown();
        let (id, status) = (settings.id.clone(), Arc::new(Status::default()));
        let (tell, on_state) = (teller(events), Box::new(|_| {}));
        let (gate, desk) =
            Gate::new(settings, memory, tell, on_state, Arc::clone(&status), Arc::clone(clock));
        let (mut gate, own) = (Some(gate), stop.clone());
        let unit = Unit::start(
            &format!("gate {id}"),
            Arc::clone(clock),
            stop,
            backoff::Settings::default(),
            move |status| {
                match gate.take() {
                    Some(gate) => drop(gate.run(&own, &|| status.beat())),
                    // Its orders ended with it. Only a new process has new ones: it stays silent until that is seen.
                    None => while !own.wait_timeout(BEAT) {},
                }
                Ok(())
            },
        )?;
        self.doors.change(|doors| {
            doors.push(Arc::new(Door { id: id.clone(), status, cameras, valid, desk }));
        });
        self.running.push(Running { id, stop: trigger, unit });
        Ok(())
    }

    /// Ends one: no more orders, its output at rest.
    pub(super) fn remove(&mut self, id: &GateId) {
        let (ending, running) = self.running.drain(..).partition(|running| running.id == *id);
        self.running = running;
        // The stop before its last order, which would be an end of its own.
        let (stops, units): (Vec<_>, Vec<_>) =
            ending.into_iter().map(|running: Running| (running.stop, running.unit)).unzip();
        drop(stops);
        self.doors.change(|doors| doors.retain(|door| door.id != *id));
        drop(units);
    }

    /// Gates are shown in this order.
    pub(super) fn sort(&self, order: &[GateId]) {
        let place = |door: &Arc<Door>| order.iter().position(|id| *id == door.id);
        self.doors.change(|doors| doors.sort_by_key(place));
    }

    /// Records what the gates tell, in a thread of its own, until they have ended.
    pub(super) fn record(&mut self, events: Receiver<GateEvent>, sinks: Sinks) -> io::Result<()> {
        let heartbeat = Heartbeat::new(Arc::clone(&self.doors.clock));
        let own = heartbeat.clone();
        let work = move || {
            loop {
                own.beat();
                match events.recv_timeout(BEAT) {
                    Ok(event) => sinks.take(Fact::Gate(event), None),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return own.rest(),
                }
            }
        };
        let thread = thread::Builder::new().name("gate events".to_owned()).spawn(work)?;
        self.scribe = Some((thread, heartbeat));
        Ok(())
    }

    /// Of the thread that records their events.
    pub(super) fn scribe(&self) -> Option<&Heartbeat> {
        self.scribe.as_ref().map(|(_, heartbeat)| heartbeat)
    }

    pub(super) fn doors(&self) -> &Doors {
        &self.doors
    }

    pub(super) fn units(&self) -> impl Iterator<Item = &UnitStatus> {
        self.running.iter().map(|running| running.unit.status().as_ref())
    }
}

impl Drop for Gates {
    fn drop(&mut self) {
        // All hear it before the first is waited for.
        let (stops, units): (Vec<_>, Vec<_>) =
            self.running.drain(..).map(|running| (running.stop, running.unit)).unzip();
        drop(stops);
        drop(units);
        drop(self.events.take());
        if let Some((scribe, _)) = self.scribe.take()
            && scribe.join().is_err()
        {
            tracing::error!("the thread that records the gates' events panicked; this is a bug in amslpr");
        }
    }
}

fn teller(events: SyncSender<GateEvent>) -> gate::Tell {
    Box::new(move |event| match events.try_send(event) {
        Ok(()) => true,
        Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
    })
}

impl Doors {
    fn change(&self, how: impl FnOnce(&mut Vec<Arc<Door>>)) {
        how(&mut self.doors.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// As they are now.
    pub(super) fn all(&self) -> Vec<Arc<Door>> {
        self.doors.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Orders what follows from a decision, at once. What could not be handed in comes back as its refusal.
    pub(super) fn consider(&self, decided: &Decided) -> Vec<GateEvent> {
        // Handing in never waits, so the doors are held for a moment only.
        let doors = self.doors.read().unwrap_or_else(PoisonError::into_inner);
        let serving = doors.iter().filter(|door| door.cameras.contains(&decided.camera));
        serving
            .filter_map(|door| {
                let order = Order::of(decided, door.valid)?;
                let refusal = door.desk.hand_in(&order).err()?;
                tracing::error!(gate = %door.id, passage = %decided.passage, why = refusal.as_str(),
                    "an order could not be handed to its gate");
                Some(order.refused(&door.id, self.clock.wall(), refusal))
            })
            .collect()
    }

    /// Opens a gate by hand and waits for what comes of it. `by` says who asks, `reason` why.
    pub(super) fn open(&self, gate: &str, by: &str, reason: &str) -> Opening {
        let doors = self.all();
        let Some(door) = doors.iter().find(|door| door.id.as_str() == gate) else {
            let known: Vec<&str> = doors.iter().map(|door| door.id.as_str()).collect();
            return Opening::Unknown(known.join(", "));
        };
        let (now, at) = (self.clock.now(), self.clock.wall());
        let valid = door.valid.min(MANUAL);
        let order = Order::manual(by.to_owned(), reason.to_owned(), valid, now, at);
        let answer = match door.desk.ask(&order) {
            Ok(answer) => answer,
            Err(refusal) => {
                return Opening::NotHandedIn(Box::new(order.refused(&door.id, at, refusal)), refusal);
            }
        };
        match answer.recv_timeout(valid + ANSWER) {
            Ok(step) => Opening::Ended(step),
            Err(_) => Opening::Ended(Step::Failed("the gate's thread does not answer".to_owned())),
        }
    }
}

/// What came of opening a gate by hand.
#[derive(Debug)]
pub(super) enum Opening {
    Ended(Step),
    /// The gate's thread did not take it; with the fact to record.
    NotHandedIn(Box<GateEvent>, Refusal),
    /// No gate has this name; with those there are.
    Unknown(String),
}
