//! What everybody may know of a gate while it runs.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use super::machine::State;
use crate::{
    fact::gate::Step,
    telemetry::{Meter, Metered},
};

/// Written by the gate's thread, read by whoever reports.
#[derive(Debug)]
pub struct Status {
    now: Mutex<Now>,
    ordered: AtomicU64,
    actuated: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    untold: AtomicU64,
    /// Switching the output on.
    pub(super) switching: Meter,
}

#[derive(Debug, Clone)]
struct Now {
    state: State,
    /// Why the output cannot be had, or does not come to rest.
    trouble: Option<String>,
}

/// The counts at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    pub ordered: u64,
    pub actuated: u64,
    pub refused: u64,
    pub failed: u64,
    /// Events that nobody took.
    pub untold: u64,
}

impl Default for Status {
    fn default() -> Self {
        let now = Now { state: State::Unavailable, trouble: None };
        let zero = || AtomicU64::new(0);
        let (ordered, actuated, refused, failed, untold) = (zero(), zero(), zero(), zero(), zero());
        let switching = Meter::default();
        Self { now: Mutex::new(now), ordered, actuated, refused, failed, untold, switching }
    }
}

impl Status {
    pub fn state(&self) -> State {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).state
    }

    pub fn trouble(&self) -> Option<String> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).trouble.clone()
    }

    pub fn counts(&self) -> Counts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counts {
            ordered: read(&self.ordered),
            actuated: read(&self.actuated),
            refused: read(&self.refused),
            failed: read(&self.failed),
            untold: read(&self.untold),
        }
    }

    /// How long switching the output on took.
    pub fn metered(&self) -> Metered {
        self.switching.metered()
    }

    /// True if that is news.
    pub(super) fn set_state(&self, state: State) -> bool {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut now.state, state) != state
    }

    /// True if that is news.
    pub(super) fn set_trouble(&self, trouble: Option<String>) -> bool {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let news = now.trouble != trouble;
        now.trouble = trouble;
        news
    }

    pub(super) fn count(&self, step: &Step) {
        let count = match step {
            Step::Ordered => &self.ordered,
            Step::Actuated { .. } => &self.actuated,
            Step::Refused(_) => &self.refused,
            Step::Failed(_) => &self.failed,
            Step::Released { .. } => return,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_untold(&self) {
        self.untold.fetch_add(1, Ordering::Relaxed);
    }
}
