//! What became of the messages of one receiver.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use crate::telemetry::{Meter, Metered};

/// How a receiver stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing waits for it, or what does is on its way.
    Well,
    /// It did not take what it was told last, or cannot be told.
    Waiting,
}

impl State {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Waiting => "waiting",
        }
    }
}

/// Counters since the start. Reading them never waits long.
#[derive(Debug, Default)]
pub struct Stats {
    pub(super) delivered: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) given_up: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) missed: AtomicU64,
    pub(super) behind: AtomicU64,
    waiting: AtomicBool,
    trouble: Mutex<Option<String>>,
    /// Calls, well or not.
    pub(super) calls: Meter,
}

/// The counters at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    pub state: State,
    /// Messages that the receiver has taken.
    pub delivered: u64,
    /// Messages that it will not take, whatever is done: skipped.
    pub refused: u64,
    /// Messages that were too old in the end.
    pub given_up: u64,
    /// Calls that failed and were, or will be, tried again.
    pub failures: u64,
    /// Facts of all kinds that were erased before it was told of them.
    pub missed: u64,
    /// Facts of all kinds that are still to be looked at.
    pub behind: u64,
    /// Why it does not get on.
    pub trouble: Option<String>,
    pub calls: Metered,
}

impl Stats {
    pub fn snapshot(&self) -> Snapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Snapshot {
            state: if self.waiting.load(Ordering::Relaxed) { State::Waiting } else { State::Well },
            delivered: read(&self.delivered),
            refused: read(&self.refused),
            given_up: read(&self.given_up),
            failures: read(&self.failures),
            missed: read(&self.missed),
            behind: read(&self.behind),
            trouble: self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            calls: self.calls.metered(),
        }
    }

    /// Notes why it does not get on, or that it does; true if that is news.
    pub(super) fn set_trouble(&self, trouble: Option<&str>) -> bool {
        self.waiting.store(trouble.is_some(), Ordering::Relaxed);
        let mut slot = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let news = slot.as_deref() != trouble;
        if news {
            *slot = trouble.map(str::to_owned);
        }
        news
    }

    pub(super) fn add(counter: &AtomicU64, by: u64) {
        counter.fetch_add(by, Ordering::Relaxed);
    }
}
