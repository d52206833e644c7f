//! Telling others by HTTP: each recorded fact that they want is posted to them, signed, in order, until they have it.
//!
//! A [`Courier`] serves one receiver on a thread of its own and never holds anything else up. It follows the journal
//! (`journal::Follower`), so that a receiver that was away, or a power cut, loses nothing. What a fact looks like is
//! `api`'s business: a webhook says what a listener to live events hears. No receiver opens a gate for us: that is
//! `gate`'s.
//!
//! ```text
//! courier   the loop: next fact, post it, wait longer after every failure      sign   who it is from
//! post      one HTTP call, and what its answer means                          stats   what became of it
//! ```

mod courier;
mod post;
mod sign;
mod stats;

use std::{collections::BTreeSet, fmt, time::Duration};

pub use courier::Courier;
pub use sign::{Keys, KeysError};
pub use stats::{Snapshot, State, Stats};

use crate::{backoff, caller, fact::Fact};

/// What a receiver may want to hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// As soon as the vote is sure.
    Decision,
    /// When the vehicle has left.
    Passage,
    /// Every step of every order to a gate.
    Gate,
}

impl Event {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Decision => "decision",
            Self::Passage => "passage",
            Self::Gate => "gate",
        }
    }

    /// `None`: nobody is told of it.
    const fn of(fact: &Fact) -> Option<Self> {
        match fact {
            Fact::Decided(_) => Some(Self::Decision),
            Fact::Closed(_) => Some(Self::Passage),
            Fact::Gate(_) => Some(Self::Gate),
            Fact::Evidence(_) => None,
        }
    }
}

/// Who is told of what, and how.
#[derive(Clone, PartialEq)]
pub struct Settings {
    pub name: String,
    pub url: String,
    pub keys: Keys,
    pub events: BTreeSet<Event>,
    /// Certificates of the authorities that may vouch for an `https://` receiver, as PEM.
    pub authorities: Option<Vec<u8>>,
    /// Longest wait for an answer.
    pub timeout: Duration,
    /// A fact that could not be delivered for this long is given up.
    pub keep: Duration,
    /// Waits between attempts.
    pub retry: backoff::Settings,
}

impl fmt::Debug for Settings {
    /// The address may hold more than others should know.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, port) = caller::place(&self.url);
        f.debug_struct("webhook::Settings")
            .field("name", &self.name)
            .field("at", &(host, port))
            .finish_non_exhaustive()
    }
}
