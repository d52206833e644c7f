//! What the publisher tells about itself.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
};

use crate::telemetry::{Meter, Metered};

/// How the publisher stands with its broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    /// No connection; facts wait in the outbox.
    #[default]
    Offline,
    /// Connected, and older facts are still on their way.
    CatchingUp,
    /// Connected, and facts go out as they are recorded.
    Online,
}

impl State {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::CatchingUp => "catching-up",
            Self::Online => "online",
        }
    }
}

/// Counters since the start. Reading them never waits long.
#[derive(Debug, Default)]
pub struct Stats {
    state: AtomicU8,
    pub(super) in_flight: AtomicU64,
    pub(super) delivered: AtomicU64,
    pub(super) historical: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) unsendable: AtomicU64,
    pub(super) connections: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) images: AtomicU64,
    pub(super) images_dropped: AtomicU64,
    pub(super) commands: AtomicU64,
    /// Refused commands by the word for why.
    refused_commands: Mutex<BTreeMap<&'static str, u64>>,
    trouble: Mutex<Option<String>>,
    /// What the broker keeps from us although there is a connection.
    denied: Mutex<Option<String>>,
    /// Facts, from the client to the broker's acknowledgement.
    pub(super) told: Meter,
}

/// The counters at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot {
    pub state: State,
    /// Facts that the broker has been sent and has not acknowledged.
    pub in_flight: u64,
    /// Facts that the broker has acknowledged.
    pub delivered: u64,
    /// Of the facts sent, those that went out late.
    pub historical: u64,
    /// Messages that the broker refused; they are tried again on a new connection.
    pub refused: u64,
    /// Facts that cannot be put into a message, and were given up.
    pub unsendable: u64,
    pub connections: u64,
    /// Attempts to connect that failed, and connections that broke.
    pub failures: u64,
    /// Pictures sent.
    pub images: u64,
    /// Pictures that were too large, too many, or came while there was no connection.
    pub images_dropped: u64,
    /// Commands handed on to be done.
    pub commands: u64,
    /// Commands refused, by the word for why.
    pub refused_commands: BTreeMap<&'static str, u64>,
    /// Why there is no connection, while there is none.
    pub trouble: Option<String>,
    /// What the broker does not let us say or hear, while there is a connection.
    pub denied: Option<String>,
    /// Facts, from handing them to the client to the broker's acknowledgement.
    pub told: Metered,
}

impl Stats {
    pub fn snapshot(&self) -> Snapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Snapshot {
            state: match self.state.load(Ordering::Relaxed) {
                1 => State::CatchingUp,
                2 => State::Online,
                _ => State::Offline,
            },
            in_flight: read(&self.in_flight),
            delivered: read(&self.delivered),
            historical: read(&self.historical),
            refused: read(&self.refused),
            unsendable: read(&self.unsendable),
            connections: read(&self.connections),
            failures: read(&self.failures),
            images: read(&self.images),
            images_dropped: read(&self.images_dropped),
            commands: read(&self.commands),
            refused_commands: inner(&self.refused_commands).clone(),
            trouble: inner(&self.trouble).clone(),
            denied: inner(&self.denied).clone(),
            told: self.told.metered(),
        }
    }

    pub(super) fn set_state(&self, state: State) {
        self.state.store(state as u8, Ordering::Relaxed);
    }

    /// Notes why there is no connection; true if that is news.
    pub(super) fn set_trouble(&self, trouble: Option<&str>) -> bool {
        set(&self.trouble, trouble)
    }

    /// Notes what the broker does not let us do; true if that is news.
    pub(super) fn set_denied(&self, denied: Option<&str>) -> bool {
        set(&self.denied, denied)
    }

    pub(super) fn command_refused(&self, why: &'static str) {
        *inner(&self.refused_commands).entry(why).or_default() += 1;
    }

    pub(super) fn add(counter: &AtomicU64, by: u64) {
        counter.fetch_add(by, Ordering::Relaxed);
    }
}

fn inner<T>(slot: &Mutex<T>) -> MutexGuard<'_, T> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

fn set(slot: &Mutex<Option<String>>, words: Option<&str>) -> bool {
    let mut slot = inner(slot);
    let news = slot.as_deref() != words;
    if news {
        *slot = words.map(str::to_owned);
    }
    news
}
