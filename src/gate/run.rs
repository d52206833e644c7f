//! The thread of one gate: orders in, events out, the machine in between, its wires at hand.
//!
//! Waits for nobody: events that nobody takes are counted, and an output that cannot be had is tried again later
//! while orders are refused.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    time::Duration,
};

use uuid::{ContextV7, Uuid};

use super::{
    line::Input,
    machine::{Effect, Machine, Memory, Rules, Samples, State},
    order::Order,
    output::{self, OpenError, Output, Sensing, Wires},
    status::Status,
};
use crate::{
    backoff::{self, Backoff},
    clock::{Clock, Moment},
    fact::gate::{GateEvent, GateId, Refusal, Step},
    shutdown::Stop,
    telemetry::{Span, Stage},
};

/// Orders that may wait for the gate's thread.
const ORDERS: usize = 8;
/// Answers that may be owed at a time.
const MOST_ANSWERS: usize = 64;
/// How often inputs are looked at, and a gate with something going on.
const GLANCE: Duration = Duration::from_millis(10);
/// How often an idle gate without inputs looks up.
const IDLE: Duration = Duration::from_millis(100);

/// One gate as it is set up.
#[derive(Debug, Clone)]
pub struct Settings {
    pub id: GateId,
    pub pulse: Duration,
    pub gap: Duration,
    pub hold_off: Duration,
    pub output: output::Settings,
    pub interlock: Option<Sensing>,
    pub presence: Option<Sensing>,
    /// Waits between attempts to get the output.
    pub retry: backoff::Settings,
}

/// Takes a gate's events; `false` if it cannot. Must not wait.
pub type Tell = Box<dyn FnMut(GateEvent) -> bool + Send>;
/// Hears of every change of a gate's state. Must not wait.
pub type OnState = Box<dyn Fn(State) + Send>;

/// An order on its way, and who wants to know how it ended.
#[derive(Debug)]
struct Asked {
    order: Order,
    answer: Option<SyncSender<Step>>,
}

/// Where orders are handed in. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Desk(SyncSender<Asked>);

impl Desk {
    /// Hands an order in, at once or not at all.
    pub fn hand_in(&self, order: &Order) -> Result<(), Refusal> {
        self.send(Asked { order: order.clone(), answer: None })
    }

    /// Hands an order in; the step that it ends with (actuated, refused, failed) comes out of the receiver.
    pub fn ask(&self, order: &Order) -> Result<Receiver<Step>, Refusal> {
        let (answer, answered) = sync_channel(1);
        self.send(Asked { order: order.clone(), answer: Some(answer) }).map(|()| answered)
    }

    fn send(&self, asked: Asked) -> Result<(), Refusal> {
        self.0.try_send(asked).map_err(|error| match error {
            TrySendError::Full(_) => Refusal::Busy,
            TrySendError::Disconnected(_) => Refusal::Stopping,
        })
    }
}

/// A gate, to be run in a thread of its own.
pub struct Gate {
    settings: Settings,
    machine: Machine,
    orders: Receiver<Asked>,
    answers: HashMap<Uuid, SyncSender<Step>>,
    wires: Option<Wires>,
    backoff: Backoff,
    try_again: Moment,
    tell: Tell,
    on_state: OnState,
    status: Arc<Status>,
    ids: ContextV7,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("settings", &self.settings).field("machine", &self.machine).finish()
    }
}

impl Gate {
    pub fn new(
        settings: Settings,
        memory: Memory,
        tell: Tell,
        on_state: OnState,
        status: Arc<Status>,
        clock: Arc<dyn Clock>,
    ) -> (Self, Desk) {
        let rules = Rules {
            pulse: settings.pulse,
            gap: settings.gap,
            hold_off: settings.hold_off,
            interlock: settings.interlock.as_ref().map(|input| input.debounce),
            presence: settings.presence.as_ref().map(|input| input.debounce),
            holds: settings.output.holds(),
        };
        let (desk, orders) = sync_channel(ORDERS);
        let gate = Self {
            machine: Machine::new(rules, memory),
            orders,
            answers: HashMap::new(),
            wires: None,
            backoff: Backoff::new(settings.retry),
            try_again: Moment::ZERO,
            settings,
            tell,
            on_state,
            status,
            ids: ContextV7::new(),
            clock,
        };
        (gate, Desk(desk))
    }

    /// Works until the stop, or until nobody is left to give orders. The output is at rest before it returns; what
    /// is to be remembered of this gate's life comes back. `beat` is called whenever it moves, and its timers with it.
    pub fn run(mut self, stop: &Stop, beat: &dyn Fn()) -> Memory {
        self.on_state_now(true);
        while !stop.is_stopped() {
            if self.wires.as_ref().is_none_or(|wires| wires.output.moves()) {
                beat();
            }
            self.keep_wires();
            let senses = self.settings.interlock.is_some() || self.settings.presence.is_some();
            let patience = if senses || self.machine.is_busy() { GLANCE } else { IDLE };
            match self.orders.recv_timeout(patience) {
                Ok(asked) => self.take(asked),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.look();
            self.on_state_now(false);
        }
        let (effects, memory) = self.machine.stop(self.clock.now());
        self.perform(effects);
        self.wires = None;
        // Whoever has handed in an order in the meantime is told.
        while let Ok(asked) = self.orders.try_recv() {
            self.take(asked);
        }
        memory
    }

    fn take(&mut self, Asked { order, answer }: Asked) {
        if let Some(answer) = answer
            && self.answers.len() < MOST_ANSWERS
        {
            self.answers.insert(order.id, answer);
        }
        if !self.settings.output.has_number_for(&order) {
            self.event(&order, Step::Refused(Refusal::NoCard));
            return;
        }
        let effects = self.machine.take(order, self.clock.now());
        self.perform(effects);
    }

    /// Looks at the output and the inputs, and lets time pass.
    fn look(&mut self) {
        let mut samples = Samples::default();
        let mut lost = None;
        if let Some((why, at)) = self.wires.as_ref().and_then(|wires| wires.output.ended()) {
            let effects = self.machine.released(why, at);
            self.perform(effects);
        }
        if let Some(wires) = &self.wires {
            let mut sample = |input: &Option<Input>| match input.as_ref().map(Input::is_active) {
                Some(Ok(active)) => Some(active),
                Some(Err(error)) => {
                    lost = Some(error.to_string());
                    None
                }
                None => None,
            };
            samples = Samples { interlock: sample(&wires.interlock), presence: sample(&wires.presence) };
        }
        if let Some(why) = lost {
            self.lose_wires(&why);
        }
        let effects = self.machine.look(samples, self.clock.now());
        self.perform(effects);
    }

    /// Gets the wires if they are not there. Nothing is opened by that.
    fn keep_wires(&mut self) {
        let now = self.clock.now();
        if let Some(wires) = &self.wires {
            let stuck = wires.output.is_stuck().then(|| "the output does not come to rest".to_owned());
            if self.status.set_trouble(stuck.clone()) && stuck.is_none() {
                self.backoff.succeeded();
            }
            return;
        }
        if now < self.try_again {
            return;
        }
        match self.open() {
            Ok(wires) => {
                self.wires = Some(wires);
                self.backoff.succeeded();
                if self.status.set_trouble(None) {
                    tracing::info!(gate = %self.settings.id, "the gate's output is there again");
                }
                let effects = self.machine.set_available(true, now);
                self.perform(effects);
            }
            Err(error) => self.mourn(&error.to_string()),
        }
    }

    fn open(&self) -> Result<Wires, OpenError> {
        let Settings { id, pulse, output, interlock, presence, .. } = &self.settings;
        let input = |sensing: &Option<Sensing>, what: &str| {
            let open = |s: &Sensing| Input::open(&s.wiring, s.pull, &format!("amslpr {id} {what}"));
            sensing.as_ref().map(open).transpose()
        };
        // The output first: it is to be at rest whatever else is wrong.
        let output = Output::open(output, id, *pulse, &self.clock)?;
        Ok(Wires {
            output,
            interlock: input(interlock, "interlock")?,
            presence: input(presence, "presence")?,
        })
    }

    fn lose_wires(&mut self, why: &str) {
        let effects = self.machine.set_available(false, self.clock.now());
        self.perform(effects);
        self.wires = None;
        self.mourn(why);
    }

    fn mourn(&mut self, why: &str) {
        let wait = self.backoff.after_failure(backoff::chance());
        self.try_again = self.clock.now() + wait;
        if self.status.set_trouble(Some(why.to_owned())) {
            tracing::error!(gate = %self.settings.id, error = why, "the gate cannot be switched; tried again");
        }
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        let mut next = effects;
        while !next.is_empty() {
            let mut lost = None;
            let mut follow = Vec::new();
            for effect in std::mem::take(&mut next) {
                match effect {
                    Effect::Open(order) => {
                        let outcome = self.switch_on(&order);
                        follow.extend(match outcome {
                            Ok(at) => self.machine.opened(at),
                            Err(why) => {
                                if matches!(self.settings.output, output::Settings::Line(_)) {
                                    lost = Some(why.clone());
                                }
                                self.machine.failed(why, self.clock.now())
                            }
                        });
                    }
                    Effect::LetGo => {
                        if let Some(wires) = &self.wires {
                            wires.output.let_go();
                        }
                    }
                    Effect::Tell(order, step) => self.event(&order, step),
                }
            }
            next = follow;
            if let Some(why) = lost {
                // A line that cannot be switched is got anew.
                next.extend(self.machine.set_available(false, self.clock.now()));
                self.wires = None;
                self.mourn(&why);
            }
        }
    }

    fn switch_on(&self, order: &Order) -> Result<Moment, String> {
        let Some(wires) = &self.wires else { return Err("the output is gone".to_owned()) };
        let began = self.clock.now();
        let outcome =
            wires.output.switch_on(&self.settings.id, order, self.settings.pulse, self.clock.as_ref());
        let ended = outcome.as_ref().map_or_else(|_| self.clock.now(), |at| *at);
        self.status.switching.note(&Span::of(Stage::Actuate, began, ended).ended_well(outcome.is_ok()));
        outcome
    }

    fn event(&mut self, order: &Order, step: Step) {
        self.status.count(&step);
        let ends = !matches!(step, Step::Ordered | Step::Released { .. });
        let answer = if ends { self.answers.remove(&order.id) } else { None };
        let answered = step.clone();
        let at = self.clock.wall();
        let seconds = u64::try_from(at.as_second()).unwrap_or(0);
        let nanos = u32::try_from(at.subsec_nanosecond()).unwrap_or(0);
        // One source for all of them, so that they are named in their order within a millisecond too.
        let id = Uuid::new_v7(uuid::Timestamp::from_unix(&self.ids, seconds, nanos));
        if !(self.tell)(order.event(&self.settings.id, id, at, step)) {
            self.status.count_untold();
            tracing::error!(gate = %self.settings.id, order = %order.id, "what became of an order is lost");
        }
        if let Some(answer) = answer {
            // Whoever asked may have gone.
            let _ = answer.try_send(answered);
        }
    }

    fn on_state_now(&self, always: bool) {
        let state = self.machine.state();
        if self.status.set_state(state) || always {
            (self.on_state)(state);
        }
    }
}

#[cfg(test)]
mod tests;
