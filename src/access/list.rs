//! Allow, block and watch lists: an immutable snapshot that answers by hash.
//!
//! Loading checks everything at once and refuses what could open a gate for a stranger: a list that is tolerant of
//! look-alikes must not hold two plates that look alike. Where entries come from (file, table, message) is the
//! business of whoever loads.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;

use super::Schedule;
use crate::plate::{PlateText, confusion};

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
}

impl Entry {
    /// An entry that always counts.
    pub const fn new(plate: PlateText) -> Self {
        Self { plate, note: None, from: None, until: None, schedule: None }
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
    pub entries: Vec<Entry>,
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

/// All lists of a gate, ready to be asked. Never changes: a change makes a new one.
#[derive(Debug, Clone, Default)]
pub struct Lists(Vec<Indexed>);

#[derive(Debug, Clone)]
struct Indexed {
    list: List,
    exact: HashMap<PlateText, usize>,
    /// By the key under which look-alikes meet; only for a tolerant list.
    folded: HashMap<String, usize>,
}

/// An entry that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Found<'a> {
    pub list: &'a List,
    pub entry: &'a Entry,
}

impl Lists {
    /// Checks and indexes.
    pub fn load(lists: Vec<List>) -> Result<Self, LoadError> {
        let mut problems = Vec::new();
        let mut indexed: Vec<Indexed> = Vec::with_capacity(lists.len());
        for list in lists {
            if indexed.iter().any(|known| known.list.name == list.name) {
                problems.push(Problem::Name(list.name.clone()));
            }
            indexed.push(Indexed::new(list, &mut problems));
        }
        if problems.is_empty() { Ok(Self(indexed)) } else { Err(LoadError(problems)) }
    }

    /// Entries on all lists.
    pub fn len(&self) -> usize {
        self.0.iter().map(|indexed| indexed.list.entries.len()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every list of this kind that holds the plate, in the order of the lists.
    pub(super) fn find<'a>(&'a self, kind: Kind, plate: &PlateText) -> impl Iterator<Item = Found<'a>> {
        self.0.iter().filter(move |indexed| indexed.list.kind == kind).filter_map(move |indexed| {
            let index = indexed.exact.get(plate).or_else(|| {
                indexed.list.tolerant.then(|| indexed.folded.get(&confusion::fold(plate))).flatten()
            })?;
            Some(Found { list: &indexed.list, entry: indexed.list.entries.get(*index)? })
        })
    }

    /// The names of all lists that hold the plate, whenever it counts there.
    pub fn holding<'a>(&'a self, plate: &PlateText) -> impl Iterator<Item = &'a str> + use<'a> {
        let kinds = [Kind::Allow, Kind::Block, Kind::Watch];
        let found: Vec<&str> = kinds
            .iter()
            .flat_map(|kind| self.find(*kind, plate).map(|found| found.list.name.as_str()))
            .collect();
        found.into_iter()
    }

    /// The entry that is most like this text, with its list's name and its distance: what to tell somebody who
    /// asks why a plate was not known. Looks at every entry: not for the way of a decision.
    pub fn nearest(&self, plate: &PlateText) -> Option<(&str, &Entry, f32)> {
        let entries = self.0.iter().flat_map(|i| i.list.entries.iter().map(|e| (i.list.name.as_str(), e)));
        let apart = entries.map(|(name, e)| (name, e, confusion::distance(&e.plate, plate)));
        apart.min_by(|a, b| a.2.total_cmp(&b.2))
    }
}

impl Indexed {
    fn new(list: List, problems: &mut Vec<Problem>) -> Self {
        let mut exact = HashMap::with_capacity(list.entries.len());
        let mut folded = HashMap::new();
        for (index, entry) in list.entries.iter().enumerate() {
            let (name, plate) = (|| list.name.clone(), || entry.plate.clone());
            if let (Some(from), Some(until)) = (entry.from, entry.until)
                && until <= from
            {
                problems.push(Problem::Never { list: name(), plate: plate(), entry: index + 1 });
            }
            if let Some(first) = exact.insert(entry.plate.clone(), index) {
                let (first, second) = (first + 1, index + 1);
                problems.push(Problem::Twice { list: name(), plate: plate(), first, second });
                continue;
            }
            if list.tolerant
                && let Some(first) = folded.insert(confusion::fold(&entry.plate), index)
                && let Some(other) = list.entries.get(first)
            {
                let (a, b) = (other.plate.clone(), plate());
                let (first, second) = (first + 1, index + 1);
                problems.push(Problem::LookAlike { list: name(), a, b, first, second });
            }
        }
        Self { list, exact, folded }
    }
}

impl Found<'_> {
    /// The entry counts at this instant.
    pub(super) fn counts(&self, at: Timestamp) -> bool {
        let schedule = self.entry.schedule.as_ref().or(self.list.schedule.as_ref());
        self.entry.from.is_none_or(|from| at >= from)
            && self.entry.until.is_none_or(|until| at < until)
            && schedule.is_none_or(|schedule| schedule.is_open(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn list(name: &str, kind: Kind, tolerant: bool, plates: &[&str]) -> List {
        let entry = |p: &&str| Entry::new(PlateText::normalise(p).unwrap());
        List {
            name: name.to_owned(),
            kind,
            tolerant,
            schedule: None,
            entries: plates.iter().map(entry).collect(),
        }
    }

    fn problems(lists: Vec<List>) -> Vec<String> {
        Lists::load(lists).err().map_or(Vec::new(), |e| e.0.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_tolerant_list_with_two_look_alikes_is_refused_and_names_them() {
        let alike = ["B0B123", "AB12CDE", "BOB123"];
        assert_eq!(problems(vec![list("staff", Kind::Allow, false, &alike)]), Vec::<String>::new());
        assert_eq!(
            problems(vec![list("staff", Kind::Allow, true, &alike)]),
            [
                "list staff: B0B123 and BOB123 look alike (entries 1 and 3), and the list is tolerant of look-alikes; \
              take one off or make the list exact"
            ]
        );
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let mut never = list("staff", Kind::Allow, false, &["AB12CDE", "AB12CDE"]);
        never.entries[0].from = Some(Timestamp::from_second(20).unwrap());
        never.entries[0].until = Some(Timestamp::from_second(10).unwrap());
        let found = problems(vec![never, list("staff", Kind::Block, false, &[])]);
        assert_eq!(found.len(), 3, "{found:?}");
    }

    #[test]
    fn the_nearest_entry_explains_a_miss() {
        let lists = Lists::load(vec![list("staff", Kind::Allow, false, &["AB12CDE", "KX07FFF"])]).unwrap();
        let (name, entry, apart) = lists.nearest(&PlateText::normalise("A812CDE").unwrap()).unwrap();
        assert_eq!((name, entry.plate.as_str()), ("staff", "AB12CDE"));
        assert!((apart - 0.4).abs() < 1e-6);
    }
}
