//! May this vehicle pass? Lists, what is remembered of earlier vehicles, and the one pure function that decides.
//!
//! Hands on [`Decision`]s and the [`Effect`]s that they have on the memory. Acting on a decision is `gate`'s business,
//! telling of it is `publish`'s, keeping it and the memory is `journal`'s.

mod change;
mod decide;
mod grounds;
mod list;
mod lists;
mod memory;
mod porter;
mod schedule;

#[cfg(test)]
mod tests;

use crate::plate::PlateText;
pub use change::{Actor, Added, Change, Configured, LONGEST_NOTE, LookAlikes, NewEntry, Refusal};
pub use decide::{AntiPassback, Question, Rules, decide};
pub use grounds::{Grounds, Nearest, Objection, PassState, Places, ScheduleState};
pub use list::{Entry, Kind, List, LoadError, Pass, Problem};
pub use lists::Lists;
pub use memory::{Effect, Inside, Memory, PassUse};
pub use porter::Porter;
pub use schedule::{Days, Holidays, Hours, Schedule, ScheduleError};

/// What to do about a reading, and why.
#[derive(Debug, Clone, PartialEq)]
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
    /// What else was known then, for whoever asks why.
    pub grounds: Grounds,
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

/// Why it was decided so. Each word stands in README's table of reasons.
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
    /// An allow list holds the plate, but not for this camera.
    NotHere,
    /// The guest's pass has been used as often, or for as long, as it allows.
    UsedUp,
    /// The plate is inside already and anti-passback is hard.
    Inside,
    /// All places of the list or of the site are taken.
    Full,
    /// The lists could not be loaded: nobody is let in until they are.
    NoLists,
}

impl Reason {
    pub const ALL: [Self; 12] = [
        Self::Listed,
        Self::Blocked,
        Self::Watched,
        Self::Unlisted,
        Self::Unsure,
        Self::Unreadable,
        Self::NotNow,
        Self::NotHere,
        Self::UsedUp,
        Self::Inside,
        Self::Full,
        Self::NoLists,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::Blocked => "blocked",
            Self::Watched => "watched",
            Self::Unlisted => "unlisted",
            Self::Unsure => "unsure",
            Self::Unreadable => "unreadable",
            Self::NotNow => "not-now",
            Self::NotHere => "not-here",
            Self::UsedUp => "used-up",
            Self::Inside => "inside",
            Self::Full => "full",
            Self::NoLists => "no-lists",
        }
    }

    /// One sentence for people.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Listed => "an allow list holds the plate",
            Self::Blocked => "a block list holds the plate; it wins over every allow list",
            Self::Watched => "a watch list holds the plate, and no allow list",
            Self::Unlisted => "no list holds the plate",
            Self::Unsure => "the vote was not sure enough to act on",
            Self::Unreadable => "nothing on the plate could be read",
            Self::NotNow => "an allow list holds the plate, but not at this time",
            Self::NotHere => "an allow list holds the plate, but not for this camera",
            Self::UsedUp => "the guest pass has been used as often, or for as long, as it allows",
            Self::Inside => "the plate is inside already, and anti-passback is hard",
            Self::Full => "all places of the list or of the site are taken",
            Self::NoLists => "the lists could not be loaded; nobody is let in until they are",
        }
    }
}
