//! An order's life: taken or refused, waiting, switched on, let go. Pure: events and times in, effects out.
//!
//! The only way to an [`Effect::Open`] leads through [`Machine::take`] and every refusal in it. Nothing else opens:
//! not a start, not a reload, not an output that comes back. An order that has left the machine never returns.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use super::{
    order::Order,
    sensor::{Sample, Sensor},
};
use crate::{
    clock::Moment,
    fact::{
        gate::{Refusal, Release, Step},
        privacy::{self, Mark, Mode, Visitor},
    },
    passage::PassageId,
    plate::PlateText,
};

/// Orders that may wait for a vehicle on the presence input or for the gap to pass.
const MOST_WAITING: usize = 4;
/// Passages that are remembered not to be opened for twice.
const REMEMBERED: usize = 1024;
/// No order is valid for longer than this, whatever it says.
pub const LONGEST_VALIDITY: Duration = Duration::from_secs(60);
/// An output that has not come to rest this long after its pulse is let go from here.
const OVERDUE: Duration = Duration::from_secs(1);

/// When a gate opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rules {
    pub pulse: Duration,
    /// Least rest between two pulses; orders wait for it.
    pub gap: Duration,
    /// After an opening, further vehicles are refused for this long; zero: never.
    pub hold_off: Duration,
    /// Debounce time of the input that forbids opening, where there is one.
    pub interlock: Option<Duration>,
    /// Debounce time of the input that a vehicle must stand on, where there is one.
    pub presence: Option<Duration>,
    /// The output is switched off by us; false where it switches itself off.
    pub holds: bool,
}

/// What one gate remembers across a restart or a reload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// Passages that had their order, oldest first.
    passages: VecDeque<PassageId>,
    /// Plates let in shortly before the start. The first sighting of one is taken for the same visit: the vehicle
    /// may stand there still.
    served: HashSet<PlateText>,
    /// The same of plates that are not stored.
    marks: Vec<Mark>,
    /// How these plates are written down: under a pseudonym, perhaps.
    written: Mode,
}

impl Memory {
    /// For a start: these were let in a moment ago. Their plates are as the journal has them in this mode.
    pub fn of_served(visits: impl IntoIterator<Item = (PassageId, Visitor)>, written: Mode) -> Self {
        let mut memory = Self { written, ..Self::default() };
        for (passage, visitor) in visits {
            memory.remember(passage);
            match visitor {
                Visitor::Plate(plate) => drop(memory.served.insert(plate)),
                Visitor::Marked(mark) => memory.marks.push(mark),
                Visitor::Unknown => {}
            }
        }
        memory
    }

    /// Was it? Only the first time.
    fn was_served(&mut self, plate: &PlateText) -> bool {
        let marked = self.marks.len();
        self.marks.retain(|mark| !mark.fits(plate));
        self.marks.len() < marked
            || !self.served.is_empty() && self.served.remove(&privacy::searched(&self.written, plate))
    }

    fn knows(&self, passage: PassageId) -> bool {
        self.passages.contains(&passage)
    }

    fn remember(&mut self, passage: PassageId) {
        if self.passages.len() >= REMEMBERED {
            self.passages.pop_front();
        }
        self.passages.push_back(passage);
    }
}

/// What is to be done now, in this order.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Effect {
    /// Switch the output on for one pulse; [`Machine::opened`] or [`Machine::failed`] must follow.
    Open(Order),
    /// Switch the output off.
    LetGo,
    /// This happened to the order.
    Tell(Order, Step),
}

/// The newest look at both inputs; ignored where the rules have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Samples {
    pub interlock: Sample,
    pub presence: Sample,
}

#[derive(Debug, Clone, PartialEq)]
enum Phase {
    /// At rest, and free for the next order from this moment on.
    Rest(Moment),
    /// Told to open; not yet known whether it did.
    Opening(Order),
    /// Switched on since then.
    On(Order, Moment),
}

/// How a gate is, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Waits for an order.
    Ready,
    /// An order waits for its conditions.
    Waiting,
    /// The output is switched on.
    Opening,
    /// The interlock forbids opening.
    Blocked,
    /// The output cannot be had.
    Unavailable,
}

impl State {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Waiting => "waiting",
            Self::Opening => "opening",
            Self::Blocked => "blocked",
            Self::Unavailable => "unavailable",
        }
    }
}

/// One gate.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    rules: Rules,
    phase: Phase,
    waiting: VecDeque<Order>,
    memory: Memory,
    /// Vehicles are refused until then.
    held_off: Moment,
    interlock: Sensor,
    presence: Sensor,
    /// The output can be had.
    available: bool,
    stopping: bool,
}

impl Machine {
    /// At rest; nothing is opened for having been made.
    pub(super) fn new(rules: Rules, memory: Memory) -> Self {
        Self {
            interlock: Sensor::new(rules.interlock.unwrap_or_default()),
            presence: Sensor::new(rules.presence.unwrap_or_default()),
            rules,
            phase: Phase::Rest(Moment::ZERO),
            waiting: VecDeque::new(),
            memory,
            held_off: Moment::ZERO,
            available: false,
            stopping: false,
        }
    }

    pub(super) fn state(&self) -> State {
        match self.phase {
            _ if !self.available => State::Unavailable,
            Phase::Opening(_) | Phase::On(..) => State::Opening,
            Phase::Rest(_) if self.is_blocked() => State::Blocked,
            Phase::Rest(_) if self.waiting.is_empty() => State::Ready,
            Phase::Rest(_) => State::Waiting,
        }
    }

    /// Something is going on that needs to be looked at often.
    pub(super) fn is_busy(&self) -> bool {
        !matches!(self.phase, Phase::Rest(_)) || !self.waiting.is_empty()
    }

    /// A new order.
    pub(super) fn take(&mut self, order: Order, now: Moment) -> Vec<Effect> {
        if let Some(refusal) = self.refusal(&order, now) {
            return vec![refused(order, refusal)];
        }
        if let Some(passage) = order.passage() {
            self.memory.remember(passage);
        }
        let mut effects = vec![Effect::Tell(order.clone(), Step::Ordered)];
        self.waiting.push_back(order);
        effects.extend(self.advance(now));
        effects
    }

    fn refusal(&mut self, order: &Order, now: Moment) -> Option<Refusal> {
        let refusals = [
            (self.stopping, Refusal::Stopping),
            (!order.live, Refusal::Recording),
            (!order.in_time, Refusal::Afterwards),
            (is_stale(order, now), Refusal::Stale),
            (order.passage().is_some_and(|passage| self.memory.knows(passage)), Refusal::Duplicate),
            (!self.available, Refusal::Unavailable),
            (self.is_blocked(), Refusal::Interlock),
            (!order.is_manual() && now < self.held_off, Refusal::HoldOff),
            (self.waiting.len() >= MOST_WAITING, Refusal::Busy),
        ];
        if let Some((_, refusal)) = refusals.into_iter().find(|(holds, _)| *holds) {
            return Some(refusal);
        }
        // Asked last, because it is forgotten by being asked.
        let served = order.plate.as_ref().is_some_and(|plate| self.memory.was_served(plate));
        served.then(|| {
            // The same visit may be decided upon again.
            if let Some(passage) = order.passage() {
                self.memory.remember(passage);
            }
            Refusal::Served
        })
    }

    /// The output was switched on at `at`.
    pub(super) fn opened(&mut self, at: Moment) -> Vec<Effect> {
        let Phase::Opening(order) = &self.phase else { return Vec::new() };
        let mut order = order.clone();
        if let Some(receipt) = &mut order.receipt {
            receipt.actuated = Some(at);
        }
        self.held_off = at + self.rules.hold_off;
        self.phase = Phase::On(order.clone(), at);
        vec![Effect::Tell(order, Step::Actuated { pulse: self.rules.pulse })]
    }

    /// The output did not switch on, or says that it did not. It is not asked again for this order.
    pub(super) fn failed(&mut self, why: String, now: Moment) -> Vec<Effect> {
        let Phase::Opening(order) = &self.phase else { return Vec::new() };
        let order = order.clone();
        self.rest(now + self.rules.gap);
        vec![Effect::LetGo, Effect::Tell(order, Step::Failed(why))]
    }

    /// The output came to rest by itself.
    pub(super) fn released(&mut self, why: Release, now: Moment) -> Vec<Effect> {
        let Phase::On(order, since) = &self.phase else { return Vec::new() };
        let (order, after) = (order.clone(), now.since(*since));
        self.rest(now + self.rules.gap);
        let mut effects = vec![Effect::Tell(order, Step::Released { why, after })];
        effects.extend(self.advance(now));
        effects
    }

    /// The output is there, or not any more. Neither opens anything.
    pub(super) fn set_available(&mut self, available: bool, now: Moment) -> Vec<Effect> {
        self.available = available;
        if available {
            // It may have been on until a moment ago, under somebody who is no more.
            if let Phase::Rest(free) = &mut self.phase {
                *free = (*free).max(now + self.rules.gap);
            }
            return Vec::new();
        }
        let mut effects = self.let_go(Release::Guard, now);
        effects.extend(self.waiting.drain(..).map(|order| refused(order, Refusal::Unavailable)));
        effects
    }

    /// Time has passed, and this is how the inputs are.
    pub(super) fn look(&mut self, samples: Samples, now: Moment) -> Vec<Effect> {
        if self.rules.interlock.is_some() {
            self.interlock.sample(samples.interlock, now);
        }
        if self.rules.presence.is_some() {
            self.presence.sample(samples.presence, now);
        }
        let mut effects = Vec::new();
        if let Phase::On(_, since) = self.phase {
            let over = since + self.rules.pulse;
            if self.rules.holds && self.is_blocked() {
                effects.extend(self.let_go(Release::Interlock, now));
            } else if self.rules.holds && now >= over + OVERDUE {
                effects.extend(self.let_go(Release::Guard, now));
            } else if !self.rules.holds && now >= over {
                // It switches itself off; nobody tells us when.
                self.rest(now + self.rules.gap);
            }
        }
        effects.extend(self.advance(now));
        effects
    }

    /// The end: the output first, then whoever waits.
    pub(super) fn stop(&mut self, now: Moment) -> (Vec<Effect>, Memory) {
        let mut effects = self.let_go(Release::Stopping, now);
        effects.extend(self.waiting.drain(..).map(|order| refused(order, Refusal::Stopping)));
        self.stopping = true;
        (effects, std::mem::take(&mut self.memory))
    }

    /// Waiting orders: those whose time is over are refused, the first that may opens the gate.
    fn advance(&mut self, now: Moment) -> Vec<Effect> {
        let mut effects = Vec::new();
        let absent = self.rules.presence.is_some() && self.presence.level() != Some(true);
        let blocked = self.is_blocked();
        let held_off = now < self.held_off;
        let mut kept = VecDeque::new();
        for order in self.waiting.drain(..) {
            let refusal = if blocked {
                Some(Refusal::Interlock)
            } else if held_off && !order.is_manual() {
                Some(Refusal::HoldOff)
            } else if is_stale(&order, now) {
                let waited_for_a_vehicle = absent && !order.is_manual();
                Some(if waited_for_a_vehicle { Refusal::NoPresence } else { Refusal::Stale })
            } else {
                None
            };
            match refusal {
                Some(refusal) => effects.push(refused(order, refusal)),
                None => kept.push_back(order),
            }
        }
        self.waiting = kept;
        if let Phase::Rest(free) = self.phase
            && now >= free
            && self.available
            && let Some(next) = self.waiting.iter().position(|order| order.is_manual() || !absent)
            && let Some(order) = self.waiting.remove(next)
        {
            self.phase = Phase::Opening(order.clone());
            effects.push(Effect::Open(order));
        }
        effects
    }

    fn is_blocked(&self) -> bool {
        self.rules.interlock.is_some() && self.interlock.level() != Some(false)
    }

    /// Switches off what is on, and tells.
    fn let_go(&mut self, why: Release, now: Moment) -> Vec<Effect> {
        match self.rest(now + self.rules.gap) {
            Phase::Rest(free) => {
                self.phase = Phase::Rest(free);
                Vec::new()
            }
            Phase::Opening(order) => {
                vec![Effect::LetGo, Effect::Tell(order, Step::Failed("it was interrupted".to_owned()))]
            }
            Phase::On(order, since) => {
                let after = now.since(since);
                vec![Effect::LetGo, Effect::Tell(order, Step::Released { why, after })]
            }
        }
    }

    /// Comes to rest; gives what was before.
    fn rest(&mut self, free: Moment) -> Phase {
        std::mem::replace(&mut self.phase, Phase::Rest(free))
    }
}

/// Too old, or valid for so long that it cannot be right.
fn is_stale(order: &Order, now: Moment) -> bool {
    now >= order.valid_until || order.valid_until.since(now) > LONGEST_VALIDITY
}

const fn refused(order: Order, refusal: Refusal) -> Effect {
    Effect::Tell(order, Step::Refused(refusal))
}

#[cfg(test)]
mod tests;
