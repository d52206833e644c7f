//! The model: a machine, its output and its timers in a world where everything happens in any order.
//!
//! The output keeps its level when the process dies, as a Raspberry Pi's does; `gate release` runs after every
//! death. What the journal knows survives a death, nothing else does.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone, Copy)]
enum Act {
    /// So many steps of 10 ms.
    Time(u64),
    Order {
        passage: u128,
        age_ms: u64,
        live: bool,
        in_time: bool,
        by_hand: bool,
    },
    Interlock(Sample),
    Presence(Sample),
    /// The next opening fails after having switched, or before.
    FailNext {
        switched: bool,
    },
    /// The pulse's timer misses its next turn; or the guard, too.
    Jam {
        guard_too: bool,
    },
    /// The output is lost and comes back.
    Lose,
    Crash,
    Reload,
}

fn any_act() -> impl Strategy<Value = Act> {
    let sample = || prop_oneof![Just(Some(false)), Just(Some(true)), Just(None)];
    let order = (0u128..8, 0u64..12_000, prop::bool::weighted(0.9), prop::bool::weighted(0.9), any::<bool>());
    prop_oneof![
        6 => (1u64..150).prop_map(Act::Time),
        8 => order.prop_map(|(passage, age_ms, live, in_time, by_hand)| {
            Act::Order { passage, age_ms, live, in_time, by_hand }
        }),
        2 => sample().prop_map(Act::Interlock),
        3 => sample().prop_map(Act::Presence),
        1 => any::<bool>().prop_map(|switched| Act::FailNext { switched }),
        1 => any::<bool>().prop_map(|guard_too| Act::Jam { guard_too }),
        1 => Just(Act::Lose),
        1 => Just(Act::Crash),
        1 => Just(Act::Reload),
    ]
}

struct World {
    rules: Rules,
    machine: Machine,
    now: u64,
    samples: Samples,
    /// Since when each input has been as it is.
    stood: (u64, u64),
    /// Since when the output is on, and when its two timers want it off.
    on: Option<u64>,
    last_off: Option<u64>,
    timer: Option<u64>,
    guard: Option<u64>,
    fail_next: Option<bool>,
    jam: Option<bool>,
    /// Orders as they were offered.
    orders: HashMap<Uuid, Order>,
    /// How often each order, and each passage, switched the output on.
    pulses: HashMap<Uuid, u32>,
    passages: HashMap<PassageId, u32>,
    /// How often each order was taken, and ended, in this process.
    taken: HashMap<Uuid, u32>,
    ended: HashMap<Uuid, u32>,
    journal: Vec<(PassageId, Visitor)>,
}

impl World {
    fn new(rules: Rules) -> Self {
        Self {
            machine: Machine::new(rules.clone(), Memory::default()),
            rules,
            now: 0,
            samples: Samples { interlock: Some(false), presence: Some(false) },
            stood: (0, 0),
            on: None,
            last_off: None,
            timer: None,
            guard: None,
            fail_next: None,
            jam: None,
            orders: HashMap::new(),
            pulses: HashMap::new(),
            passages: HashMap::new(),
            taken: HashMap::new(),
            ended: HashMap::new(),
            journal: Vec::new(),
        }
    }

    fn start(&mut self, memory: Memory) -> Result<(), TestCaseError> {
        self.machine = Machine::new(self.rules.clone(), memory);
        let effects = self.machine.set_available(true, at(self.now));
        prop_assert_eq!(effects, []);
        Ok(())
    }

    fn switch_on(&mut self, order: &Order) {
        self.on = Some(self.now);
        let over = self.now + 500;
        (self.timer, self.guard) = match self.jam.take() {
            Some(true) => (None, None),
            Some(false) => (None, Some(over + 150)),
            None => (Some(over), Some(over + 150)),
        };
        *self.pulses.entry(order.id).or_default() += 1;
        if let Some(passage) = order.passage() {
            *self.passages.entry(passage).or_default() += 1;
        }
    }

    fn switch_off(&mut self) {
        if self.on.take().is_some() {
            self.last_off = Some(self.now);
        }
        (self.timer, self.guard) = (None, None);
    }

    /// Does what the machine wants, as the shell does.
    fn perform(&mut self, effects: Vec<Effect>) -> Result<(), TestCaseError> {
        for effect in effects {
            match effect {
                Effect::LetGo => self.switch_off(),
                Effect::Tell(order, step) => self.hear(&order, &step)?,
                Effect::Open(order) => {
                    self.may_open(&order)?;
                    let failure = self.fail_next.take();
                    if failure != Some(false) {
                        self.switch_on(&order);
                    }
                    let more = match failure {
                        None => self.machine.opened(at(self.now)),
                        Some(_) => self.machine.failed("broken".to_owned(), at(self.now)),
                    };
                    self.perform(more)?;
                }
            }
        }
        Ok(())
    }

    fn hear(&mut self, order: &Order, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Ordered => *self.taken.entry(order.id).or_default() += 1,
            Step::Actuated { .. } => {
                *self.ended.entry(order.id).or_default() += 1;
                if let Some(passage) = order.passage() {
                    let visitor = order.plate.clone().map_or(Visitor::Unknown, Visitor::Plate);
                    self.journal.push((passage, visitor));
                }
            }
            Step::Failed(_) => {
                *self.ended.entry(order.id).or_default() += 1;
                self.journal.extend(order.passage().map(|passage| (passage, Visitor::Unknown)));
            }
            Step::Refused(_) => *self.ended.entry(order.id).or_default() += 1,
            Step::Released { .. } => prop_assert!(self.on.is_none(), "told, but not let go"),
        }
        Ok(())
    }

    /// What has to hold whenever a gate opens, asked of the world and not of the machine.
    fn may_open(&self, order: &Order) -> Result<(), TestCaseError> {
        prop_assert_eq!(self.orders.get(&order.id), Some(order), "an order that nobody gave");
        prop_assert!(order.live && order.in_time);
        prop_assert!(at(self.now) < order.valid_until, "too late");
        prop_assert!(self.on.is_none(), "on already");
        if let Some(off) = self.last_off {
            prop_assert!(self.now - off >= 1000, "{} ms after the last one", self.now - off);
        }
        let (interlock, presence) = (self.now - self.stood.0 >= 60, self.now - self.stood.1 >= 60);
        if self.rules.interlock.is_some() && interlock {
            prop_assert_eq!(self.samples.interlock, Some(false), "against the interlock");
        }
        if self.rules.presence.is_some() && presence && !order.is_manual() {
            prop_assert_eq!(self.samples.presence, Some(true), "nobody there");
        }
        Ok(())
    }

    /// What has to hold at all times.
    fn hold(&self) -> Result<(), TestCaseError> {
        if let Some(since) = self.on {
            prop_assert!(matches!(self.machine.phase, Phase::On(..)), "on, and no order is live");
            prop_assert!(self.now - since <= 1510, "on for {} ms", self.now - since);
        }
        prop_assert!(self.pulses.values().all(|n| *n <= 1), "an order pulsed twice");
        prop_assert!(self.passages.values().all(|n| *n <= 1), "a passage opened twice");
        prop_assert!(self.ended.values().all(|n| *n <= 1), "an order ended twice");
        Ok(())
    }

    fn tick(&mut self) -> Result<(), TestCaseError> {
        self.now += 10;
        let due = |timer: Option<u64>| timer.is_some_and(|end| self.now >= end);
        let over = [(due(self.timer), Release::Pulse), (due(self.guard), Release::Guard)];
        if let Some((_, why)) = over.into_iter().find(|(due, _)| *due) {
            self.switch_off();
            let effects = self.machine.released(why, at(self.now));
            self.perform(effects)?;
        }
        let effects = self.machine.look(self.samples, at(self.now));
        self.perform(effects)?;
        self.hold()
    }

    fn act(&mut self, act: Act) -> Result<(), TestCaseError> {
        match act {
            Act::Time(steps) => (0..steps).try_for_each(|_| self.tick())?,
            Act::Order { passage, age_ms, live, in_time, by_hand } => {
                let captured = self.now.saturating_sub(age_ms);
                let order = if by_hand { manual(passage, captured) } else { order(passage, captured) };
                let id = Uuid::from_u128(self.orders.len() as u128);
                let order = Order { id, live, in_time, ..order };
                self.orders.insert(id, order.clone());
                let effects = self.machine.take(order, at(self.now));
                self.perform(effects)?;
            }
            Act::Interlock(sample) if self.samples.interlock != sample => {
                (self.samples.interlock, self.stood.0) = (sample, self.now);
            }
            Act::Presence(sample) if self.samples.presence != sample => {
                (self.samples.presence, self.stood.1) = (sample, self.now);
            }
            Act::Interlock(_) | Act::Presence(_) => {}
            Act::FailNext { switched } => self.fail_next = Some(switched),
            Act::Jam { guard_too } => self.jam = Some(guard_too),
            Act::Lose => {
                let effects = self.machine.set_available(false, at(self.now));
                self.perform(effects)?;
                prop_assert!(self.on.is_none(), "on without an output");
                let effects = self.machine.set_available(true, at(self.now));
                prop_assert_eq!(effects, []);
            }
            Act::Crash => {
                // `gate release`, then a new process that knows what the journal knows. Who waited is forgotten.
                self.switch_off();
                self.taken.clear();
                self.ended.clear();
                self.start(Memory::of_served(self.journal.clone(), Mode::Full))?;
            }
            Act::Reload => {
                let (effects, memory) = self.machine.stop(at(self.now));
                self.perform(effects)?;
                prop_assert!(self.on.is_none(), "on after the end");
                self.start(memory)?;
            }
        }
        self.hold()
    }
}

fn any_rules() -> impl Strategy<Value = Rules> {
    let debounce = || prop::option::of(Just(Duration::from_millis(50)));
    (debounce(), debounce(), prop_oneof![Just(0u64), Just(5)]).prop_map(|(interlock, presence, hold_off)| {
        Rules { interlock, presence, hold_off: Duration::from_secs(hold_off), ..rules() }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn in_any_order_of_things_no_output_is_on_without_a_live_order_and_no_order_pulses_twice(
        rules in any_rules(), acts in prop::collection::vec(any_act(), 1..60),
    ) {
        let mut world = World::new(rules);
        world.start(Memory::default())?;
        for act in acts {
            world.act(act)?;
        }
        // Left alone, everything comes to rest and every order that was taken has ended.
        (0..1500).try_for_each(|_| world.tick())?;
        prop_assert!(world.on.is_none() && !world.machine.is_busy());
        for id in world.taken.keys() {
            prop_assert_eq!(world.ended.get(id), Some(&1), "{} was taken and never ended", id);
        }
    }
}
