//! What was known when it was decided, as far as the verdict alone does not tell it: for `explain`, and for nobody else.
//!
//! Small, because it is kept with every decision; empty for most of them.

use jiff::Timestamp;

use super::{Reason, list::Pass};
use crate::plate::PlateText;

/// Why an entry of an allow list did not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Objection {
    /// Its list does not hold for the camera.
    NotHere,
    /// It is not valid yet.
    NotYet,
    /// It is not valid any more.
    Over,
    /// Its schedule is closed.
    Closed,
    /// All its uses are used.
    UsedUp,
    /// The time from its first use is over.
    RanOut,
    /// It is bound to times, and nobody knows what time it is.
    ClockUnset,
}

impl Objection {
    pub const ALL: [Self; 7] =
        [Self::NotHere, Self::NotYet, Self::Over, Self::Closed, Self::UsedUp, Self::RanOut, Self::ClockUnset];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotHere => "not-here",
            Self::NotYet => "not-yet",
            Self::Over => "over",
            Self::Closed => "closed",
            Self::UsedUp => "used-up",
            Self::RanOut => "ran-out",
            Self::ClockUnset => "clock-unset",
        }
    }

    pub const fn reason(self) -> Reason {
        match self {
            Self::NotHere => Reason::NotHere,
            Self::NotYet | Self::Over | Self::Closed | Self::ClockUnset => Reason::NotNow,
            Self::UsedUp | Self::RanOut => Reason::UsedUp,
        }
    }
}

/// A schedule that had a say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleState {
    pub name: String,
    pub open: bool,
}

/// A guest's pass, before this decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassState {
    pub pass: Pass,
    pub used: u32,
    pub first: Option<Timestamp>,
}

/// Places of the list or of the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Places {
    pub taken: u32,
    pub of: u32,
}

/// The entry that is most like a text that no list holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Nearest {
    pub list: String,
    pub plate: PlateText,
    /// See [`crate::plate::confusion::distance`].
    pub distance: f32,
}

/// See the file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Grounds {
    /// Why the entry on an allow list did not count.
    pub objection: Option<Objection>,
    /// The bounds of that entry's validity.
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub schedule: Option<ScheduleState>,
    pub pass: Option<PassState>,
    /// Since when the plate was inside already.
    pub inside_since: Option<Timestamp>,
    pub places: Option<Places>,
    pub nearest: Option<Nearest>,
}
