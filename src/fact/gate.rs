//! What became of an order to open a gate: taken, switched, refused with its reason, let go again.
//!
//! Facts only. What a gate does, and when it refuses, is `gate`'s business.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    frame::CameraId,
    passage::{PassageId, Receipt},
};

/// The name that the configuration gives a gate.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GateId(Arc<str>);

impl GateId {
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for GateId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// One step of one order to one gate.
#[derive(Debug, Clone, PartialEq)]
pub struct GateEvent {
    /// UUIDv7 of this event: the key to deduplicate by.
    pub id: Uuid,
    pub gate: GateId,
    pub at: Timestamp,
    /// The order that it is about; the same in all its events.
    pub order: Uuid,
    pub cause: Cause,
    pub step: Step,
    /// Times of the frame that decided, with `actuated` once the gate was switched; `None` for a manual order.
    pub receipt: Option<Receipt>,
    /// `at` comes from a clock that nobody had set.
    pub clock_unset: bool,
}

/// Why a gate was asked to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// A vehicle was admitted.
    Passage { passage: PassageId, camera: CameraId },
    /// Somebody asked for it.
    Manual {
        /// Who, as far as the system knows.
        by: String,
        /// In their own words.
        reason: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The gate takes the order.
    Ordered,
    /// The output was switched, for this long.
    Actuated {
        pulse: Duration,
    },
    Refused(Refusal),
    /// The output did not do it, in these words. It is not tried again: a late pulse is worse than none.
    Failed(String),
    /// The output is at rest again, after this long.
    Released {
        why: Release,
        after: Duration,
    },
}

impl Step {
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Ordered => "ordered",
            Self::Actuated { .. } => "actuated",
            Self::Refused(_) => "refused",
            Self::Failed(_) => "failed",
            Self::Released { .. } => "released",
        }
    }

    /// The word for why, where there is one.
    pub const fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Refused(refusal) => Some(refusal.as_str()),
            Self::Released { why, .. } => Some(why.as_str()),
            Self::Ordered | Self::Actuated { .. } | Self::Failed(_) => None,
        }
    }

    /// What went wrong, in words.
    pub fn error(&self) -> Option<&str> {
        match self {
            Self::Failed(error) => Some(error),
            _ => None,
        }
    }
}

/// A closed list of words, with the way back from the word.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$one:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$one])* $variant),+ }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == word)
            }
        }
    };
}

words!(
    /// Why a gate did not open.
    Refusal {
        /// The vehicle is on a recording.
        Recording = "recording",
        /// The decision fell after the vehicle had left.
        Afterwards = "afterwards",
        /// The decision is too old to open a gate.
        Stale = "stale",
        /// This passage has opened the gate, or is about to.
        Duplicate = "duplicate",
        /// The vehicle was let in before the daemon was started again: it may just be standing there still.
        Served = "served",
        /// The interlock input forbids it, or cannot be read.
        Interlock = "interlock",
        /// No vehicle was on the presence input in time.
        NoPresence = "no-presence",
        /// The gate was opened a moment ago.
        HoldOff = "hold-off",
        /// Too many orders at a time.
        Busy = "busy",
        /// The output cannot be had.
        Unavailable = "unavailable",
        /// The daemon ends.
        Stopping = "stopping",
        /// The access controller would not know the number: the plate has none.
        NoCard = "no-card",
    }
);

words!(
    /// Why an output came to rest.
    Release {
        /// The pulse was over.
        Pulse = "pulse",
        /// The interlock input cut it short.
        Interlock = "interlock",
        /// The pulse's own timer did not end it, so the guard did.
        Guard = "guard",
        /// The daemon ends.
        Stopping = "stopping",
    }
);
