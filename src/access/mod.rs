//! May this vehicle pass? Lists, and the one pure function that decides.
//!
//! Hands on [`Decision`]s. Acting on one is `gate`'s business, telling of it is `publish`'s.

mod decide;
mod list;
mod schedule;

use crate::plate::PlateText;
pub use decide::decide;
pub use list::{Entry, Kind, List, Lists, LoadError, Problem};
pub use schedule::{Days, Holidays, Hours, Schedule, ScheduleError};

/// What to do about a reading, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub verdict: Verdict,
    pub reason: Reason,
    /// Name of the list that settled it, where one did.
    pub list: Option<String>,
    /// The entry's own note ("Anna's van"), where there is one.
    pub note: Option<String>,
    /// The entry's plate, where it is not the text that was read: the list is tolerant of look-alikes.
    pub matched: Option<PlateText>,
    /// A watch list that holds the plate too, whatever settled the decision.
    pub watched_by: Option<String>,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// On an allow list.
    Admit,
    /// Not to be let in.
    Refuse,
    /// Let nobody in for it, but tell somebody.
    Watch,
}

impl Verdict {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admit => "admit",
            Self::Refuse => "refuse",
            Self::Watch => "watch",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// An allow list holds the plate.
    Listed,
    /// A block list holds the plate; it wins over every allow list.
    Blocked,
    /// A watch list holds the plate.
    Watched,
    /// No list holds the plate.
    Unlisted,
    /// The vote was not sure enough to act on.
    Unsure,
    /// Nothing readable on the plate.
    Unreadable,
    /// An allow list holds the plate, but not at this time.
    NotNow,
}

impl Reason {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::Blocked => "blocked",
            Self::Watched => "watched",
            Self::Unlisted => "unlisted",
            Self::Unsure => "unsure",
            Self::Unreadable => "unreadable",
            Self::NotNow => "not-now",
        }
    }
}
