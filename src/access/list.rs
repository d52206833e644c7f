//! What stands on allow, block and watch lists, as it was written.
//!
//! Where entries come from (file, table, message) is the business of whoever loads; asking is that of `lists`.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::Schedule;
use crate::{frame::CameraId, plate::PlateText};

/// What it means to be on a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Allow,
    Block,
    Watch,
}

impl Kind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Block => "block",
            Self::Watch => "watch",
        }
    }
}

/// How much a guest may make of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pass {
    /// Times to be let in.
    pub uses: Option<u32>,
    /// Time from the first of them on.
    pub lasts: Option<Duration>,
}

impl Pass {
    pub const UNLIMITED: Self = Self { uses: None, lasts: None };

    pub const fn is_limited(self) -> bool {
        self.uses.is_some() || self.lasts.is_some()
    }
}

/// One plate on a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub plate: PlateText,
    pub note: Option<String>,
    /// It counts from this instant on...
    pub from: Option<Timestamp>,
    /// ...and before this one.
    pub until: Option<Timestamp>,
    /// Besides, only while this is open; the list's own schedule then has no say.
    pub schedule: Option<Arc<Schedule>>,
    /// Only for allow lists.
    pub pass: Pass,
    /// When it was added while the service ran; `None`: it stands in the configuration. A pass added again begins anew.
    pub added: Option<Timestamp>,
}

impl Entry {
    /// An entry that always counts.
    pub const fn new(plate: PlateText) -> Self {
        Self {
            plate,
            note: None,
            from: None,
            until: None,
            schedule: None,
            pass: Pass::UNLIMITED,
            added: None,
        }
    }
}

/// A list as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct List {
    pub name: String,
    pub kind: Kind,
    /// Entries also match texts that differ only in characters that look alike. Off unless somebody wants it: a
    /// wrong match opens the gate for a stranger.
    pub tolerant: bool,
    /// Entries count only while this is open.
    pub schedule: Option<Arc<Schedule>>,
    /// Cameras that it holds for; none named: for all of them.
    pub cameras: Vec<CameraId>,
    /// Vehicles of this list that may be inside at a time.
    pub capacity: Option<u32>,
    pub entries: Vec<Entry>,
}

impl List {
    /// An exact list without entries, for every camera at all times.
    pub fn new(name: &str, kind: Kind) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            tolerant: false,
            schedule: None,
            cameras: Vec::new(),
            capacity: None,
            entries: Vec::new(),
        }
    }

    pub fn holds_for(&self, camera: &CameraId) -> bool {
        self.cameras.is_empty() || self.cameras.contains(camera)
    }
}

/// One reason why lists are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("list {list}: {plate} is on it twice (entries {first} and {second})")]
    Twice { list: String, plate: PlateText, first: usize, second: usize },
    #[error(
        "list {list}: {a} and {b} look alike (entries {first} and {second}), and the list is tolerant of look-alikes; \
         take one off or make the list exact"
    )]
    LookAlike { list: String, a: PlateText, b: PlateText, first: usize, second: usize },
    #[error("list {list}: {plate} (entry {entry}) is valid until before it is valid from")]
    Never { list: String, plate: PlateText, entry: usize },
    #[error("two lists are named {0}")]
    Name(String),
}

/// Everything that is wrong with the lists, all at once; nothing of them is used then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadError(pub Vec<Problem>);

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            write!(f, "{}{problem}", if i == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for LoadError {}
