//! The porter: the lists and the memory that all cameras of a site share, behind one lock.
//!
//! Asks [`decide`] and remembers at once what came of it, so that two cameras cannot both give away the last place.
//! Lists are swapped as a whole, while they are in use.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::{
    Decision, Effect, Inside, Lists, Memory, Question, Reason, Rules, Verdict, decide,
    decide::{plain, remembers},
};
use crate::{
    frame::CameraId,
    passage::{Direction, Passage},
    plate::PlateText,
};

/// See the file.
#[derive(Debug)]
pub struct Porter {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    rules: Rules,
    /// `None`: they could not be loaded, and nobody is let in.
    lists: Option<Arc<Lists>>,
    memory: Memory,
}

impl Default for Porter {
    /// No lists and nothing remembered: everybody is unlisted.
    fn default() -> Self {
        let porter = Self::new(Rules::default());
        porter.use_lists(Arc::default());
        porter
    }
}

impl Porter {
    /// Refuses everybody until it is given lists.
    pub fn new(rules: Rules) -> Self {
        Self { state: Mutex::new(State { rules, lists: None, memory: Memory::default() }) }
    }

    /// Begins with these lists, and what is remembered from earlier.
    pub fn begin(&self, lists: Arc<Lists>, memory: Memory) {
        self.lock().memory = memory;
        self.use_lists(lists);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on these lists.
    pub fn use_lists(&self, lists: Arc<Lists>) {
        let mut state = self.lock();
        state.memory.keep_passes(|list, plate, pass| lists.has(list, plate, pass.added));
        state.lists = Some(lists);
    }

    /// From now on these rules; who is inside stays known.
    pub fn use_rules(&self, rules: Rules) {
        self.lock().rules = rules;
    }

    pub fn lists(&self) -> Option<Arc<Lists>> {
        self.lock().lists.clone()
    }

    /// Decides about a vehicle, and what that changes. A recording (`live` is false) changes nothing.
    pub fn decide(&self, question: &Question<'_>, live: bool) -> (Decision, Vec<Effect>) {
        let mut state = self.lock();
        let Some(lists) = state.lists.clone() else { return (plain(Reason::NoLists), Vec::new()) };
        let (decision, mut effects) = decide(question, &lists, &state.rules, &state.memory);
        if !live {
            effects.clear();
        }
        state.take_in(&mut effects);
        (decision, effects)
    }

    /// A vehicle is gone from a camera. What its direction changes, where it was not known when it was decided:
    /// `then` is the direction as it was known.
    pub fn closed(
        &self,
        passage: &Passage,
        decision: &Decision,
        then: Option<Direction>,
        at: Timestamp,
    ) -> Vec<Effect> {
        if !passage.live || passage.direction == then {
            return Vec::new();
        }
        let Some(read) = passage.decided.as_ref().or(passage.reading.as_ref().map(|r| &r.text)) else {
            return Vec::new();
        };
        let plate = decision.matched.as_ref().unwrap_or(read);
        let mut state = self.lock();
        let remembers = state.lists.as_ref().is_some_and(|lists| remembers(&state.rules, lists));
        let is_inside = state.memory.inside(plate, at, state.rules.longest_stay).is_some();
        let mut effects = match (passage.direction, &decision.list) {
            (Some(Direction::Leaving), _) if is_inside => vec![Effect::Leaves { plate: plate.clone() }],
            (Some(Direction::Approaching), Some(list)) if remembers && decision.verdict == Verdict::Admit => {
                let inside = Inside { list: list.clone(), since: at };
                vec![Effect::Enters { plate: plate.clone(), inside }]
            }
            _ => Vec::new(),
        };
        state.take_in(&mut effects);
        effects
    }

    /// Somebody says that this vehicle is not inside any more.
    pub fn leave(&self, plate: &PlateText) {
        self.lock().memory.apply(&Effect::Leaves { plate: plate.clone() });
    }

    /// What is remembered now.
    pub fn memory(&self) -> Memory {
        self.lock().memory.clone()
    }
}

impl State {
    /// Remembers the effects, and adds that what had to make room for them is gone.
    fn take_in(&mut self, effects: &mut Vec<Effect>) {
        let forgotten: Vec<PlateText> = effects.iter().flat_map(|effect| self.memory.apply(effect)).collect();
        effects.extend(forgotten.into_iter().map(|plate| Effect::Leaves { plate }));
    }
}

/// A question about a camera's vehicle.
impl<'a> Question<'a> {
    /// `timed`: the clock that `at` comes from has been set.
    pub fn about(passage: &'a Passage, at: Timestamp, timed: bool) -> Self {
        let camera: &CameraId = &passage.camera;
        Self { reading: passage.reading.as_ref(), camera, direction: passage.direction, at, timed }
    }
}
