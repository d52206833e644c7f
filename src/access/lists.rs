//! All lists, ready to be asked: an immutable snapshot that answers by hash.
//!
//! Loading checks everything at once and refuses what could open a gate for a stranger: a list that is tolerant of
//! look-alikes must not hold two plates that look alike.

use std::{
    collections::{HashMap, hash_map},
    sync::Arc,
};

use jiff::Timestamp;

use super::{
    Schedule,
    grounds::{Nearest, Objection},
    list::{Entry, Kind, List, LoadError, Problem},
};
use crate::{
    frame::CameraId,
    plate::{PlateText, confusion},
};

/// A miss further away than this explains nothing.
const NEAR: f32 = 2.05;

/// All lists of a site, ready to be asked. Never changes: a change makes a new one.
#[derive(Debug, Clone, Default)]
pub struct Lists(Vec<Indexed>);

#[derive(Debug, Clone)]
struct Indexed {
    list: List,
    exact: HashMap<PlateText, usize>,
    /// The second entry of a plate, where it was added although the configuration has it too. Both count.
    twins: HashMap<usize, usize>,
    /// By the key under which look-alikes meet; only for a tolerant list, and only where just one plate has the key.
    folded: HashMap<String, usize>,
    /// Per entry the characters it is made of: see [`shapes`].
    shapes: Vec<u64>,
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
        let (lists, problems) = Self::load_what_is_right(lists);
        if problems.is_empty() { Ok(lists) } else { Err(LoadError(problems)) }
    }

    /// Checks and indexes; what is not right is made harmless and told: of two entries of one plate and one origin
    /// the second has no say, plates that look alike match to the letter only.
    pub fn load_what_is_right(lists: Vec<List>) -> (Self, Vec<Problem>) {
        let mut problems = Vec::new();
        let mut indexed: Vec<Indexed> = Vec::with_capacity(lists.len());
        for list in lists {
            if indexed.iter().any(|known| known.list.name == list.name) {
                problems.push(Problem::Name(list.name.clone()));
            }
            indexed.push(Indexed::new(list, &mut problems));
        }
        (Self(indexed), problems)
    }

    /// Entries on all lists.
    pub fn len(&self) -> usize {
        self.0.iter().map(|indexed| indexed.list.entries.len()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every entry with its list, in their order.
    pub fn entries(&self) -> impl Iterator<Item = (&List, &Entry)> {
        self.0.iter().flat_map(|indexed| indexed.list.entries.iter().map(|entry| (&indexed.list, entry)))
    }

    /// Some list has a limit of vehicles inside.
    pub(super) fn have_capacity(&self) -> bool {
        self.0.iter().any(|indexed| indexed.list.capacity.is_some())
    }

    /// The entry of this list that was added then for this plate, if it has not been taken off since.
    pub(super) fn has(&self, list: &str, plate: &PlateText, added: Option<Timestamp>) -> bool {
        let named = self.0.iter().filter(|indexed| indexed.list.name == list);
        named.flat_map(|indexed| indexed.of(plate)).any(|found| found.entry.added == added)
    }

    /// Every entry of a list of this kind for the plate, in the order of the lists.
    pub(super) fn find<'a>(&'a self, kind: Kind, plate: &PlateText) -> impl Iterator<Item = Found<'a>> {
        self.0
            .iter()
            .filter(move |indexed| indexed.list.kind == kind)
            .flat_map(move |indexed| indexed.of(plate))
    }

    /// The names of all lists that hold the plate, whenever and wherever it counts there.
    pub fn holding<'a>(&'a self, plate: &PlateText) -> impl Iterator<Item = &'a str> + use<'a> {
        let found: Vec<&str> = self
            .0
            .iter()
            .filter(|indexed| indexed.of(plate).next().is_some())
            .map(|indexed| indexed.list.name.as_str())
            .collect();
        found.into_iter()
    }

    /// The entry that is most like this text, if any is near: what to tell somebody who asks why a plate was not
    /// known. Looks at every entry, but closely at few.
    pub fn nearest(&self, plate: &PlateText) -> Option<Nearest> {
        let own = shapes(plate);
        let mut best: Option<(&str, &Entry, f32)> = None;
        for indexed in &self.0 {
            for (index, shape) in indexed.shapes.iter().enumerate() {
                let limit = best.map_or(NEAR, |(_, _, distance)| distance);
                if least_distance(own, *shape) >= limit {
                    continue;
                }
                let Some(entry) = indexed.list.entries.get(index) else { continue };
                let distance = confusion::distance(&entry.plate, plate);
                if distance < limit {
                    best = Some((&indexed.list.name, entry, distance));
                }
            }
        }
        best.map(|(list, entry, distance)| Nearest {
            list: list.to_owned(),
            plate: entry.plate.clone(),
            distance,
        })
    }
}

impl Indexed {
    fn new(list: List, problems: &mut Vec<Problem>) -> Self {
        let mut indexed = Self {
            exact: HashMap::with_capacity(list.entries.len()),
            twins: HashMap::new(),
            folded: HashMap::new(),
            shapes: list.entries.iter().map(|entry| shapes(&entry.plate)).collect(),
            list,
        };
        for (index, entry) in indexed.list.entries.iter().enumerate() {
            let (name, plate) = (|| indexed.list.name.clone(), || entry.plate.clone());
            if let (Some(from), Some(until)) = (entry.from, entry.until)
                && until <= from
            {
                problems.push(Problem::Never { list: name(), plate: plate(), entry: index + 1 });
            }
            match indexed.exact.entry(plate()) {
                hash_map::Entry::Vacant(place) => {
                    place.insert(index);
                }
                hash_map::Entry::Occupied(first) => {
                    let first = *first.get();
                    let one_origin = indexed.list.entries.get(first).map(|e| e.added.is_some())
                        == Some(entry.added.is_some());
                    if one_origin || indexed.twins.contains_key(&first) {
                        let (first, second) = (first + 1, index + 1);
                        problems.push(Problem::Twice { list: name(), plate: plate(), first, second });
                    } else {
                        indexed.twins.insert(first, index);
                    }
                }
            }
        }
        if indexed.list.tolerant {
            indexed.fold(problems);
        }
        indexed
    }

    fn fold(&mut self, problems: &mut Vec<Problem>) {
        let mut ambiguous = Vec::new();
        // In the order of the entries, so that problems are told in that order.
        for (index, entry) in self.list.entries.iter().enumerate() {
            if self.exact.get(&entry.plate) != Some(&index) {
                continue;
            }
            let key = confusion::fold(&entry.plate);
            match self.folded.entry(key.clone()) {
                hash_map::Entry::Vacant(place) => {
                    place.insert(index);
                }
                hash_map::Entry::Occupied(first) => {
                    if let Some(other) = self.list.entries.get(*first.get()) {
                        problems.push(Problem::LookAlike {
                            list: self.list.name.clone(),
                            a: other.plate.clone(),
                            b: entry.plate.clone(),
                            first: first.get() + 1,
                            second: index + 1,
                        });
                    }
                    ambiguous.push(key);
                }
            }
        }
        for key in ambiguous {
            self.folded.remove(&key);
        }
    }

    /// Its entries for this plate: one, or two where both origins have one.
    fn of(&self, plate: &PlateText) -> impl Iterator<Item = Found<'_>> {
        let first = self
            .exact
            .get(plate)
            .or_else(|| self.list.tolerant.then(|| self.folded.get(&confusion::fold(plate))).flatten());
        let second = first.and_then(|first| self.twins.get(first));
        let found =
            |index: &usize| self.list.entries.get(*index).map(|entry| Found { list: &self.list, entry });
        first.into_iter().chain(second).filter_map(found)
    }
}

impl<'a> Found<'a> {
    pub(super) fn schedule(&self) -> Option<&'a Arc<Schedule>> {
        self.entry.schedule.as_ref().or(self.list.schedule.as_ref())
    }

    /// It counts at some times and not at others.
    pub(super) fn is_bound_to_times(&self) -> bool {
        let entry = self.entry;
        entry.from.is_some()
            || entry.until.is_some()
            || entry.pass.lasts.is_some()
            || self.schedule().is_some()
    }

    /// What speaks against the entry at this place and time, apart from its pass.
    pub(super) fn objection(&self, camera: &CameraId, at: Timestamp) -> Option<Objection> {
        if !self.list.holds_for(camera) {
            Some(Objection::NotHere)
        } else if self.entry.from.is_some_and(|from| at < from) {
            Some(Objection::NotYet)
        } else if self.entry.until.is_some_and(|until| at >= until) {
            Some(Objection::Over)
        } else if self.schedule().is_some_and(|schedule| !schedule.is_open(at)) {
            Some(Objection::Closed)
        } else {
            None
        }
    }
}

/// The characters of a text as a set of bits, where characters that are taken for each other share one.
fn shapes(plate: &PlateText) -> u64 {
    plate.as_str().bytes().fold(0, |set, c| {
        let shared = match c {
            b'O' | b'D' | b'Q' => b'0',
            b'I' | b'L' => b'1',
            b'B' => b'8',
            b'S' => b'5',
            b'Z' => b'2',
            b'G' => b'6',
            other => other,
        };
        set | 1 << (shared.wrapping_sub(b'0') & 63)
    })
}

/// No two texts of these shapes are less far apart: a character that the other has not costs at least 0.7.
fn least_distance(a: u64, b: u64) -> f32 {
    (a & !b).count_ones().max((b & !a).count_ones()) as f32 * 0.7
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(name: &str, kind: Kind, tolerant: bool, plates: &[&str]) -> List {
        let entry = |p: &&str| Entry::new(PlateText::normalise(p).unwrap());
        List { tolerant, entries: plates.iter().map(entry).collect(), ..List::new(name, kind) }
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
    fn look_alikes_that_were_loaded_all_the_same_match_to_the_letter_only() {
        let alike = list("staff", Kind::Allow, true, &["B0B123", "BOB123", "AB12CDE"]);
        let (lists, problems) = Lists::load_what_is_right(vec![alike]);
        assert_eq!(problems.len(), 1);
        let found = |text: &str| {
            let plate = PlateText::normalise(text).unwrap();
            lists.find(Kind::Allow, &plate).map(|f| f.entry.plate.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(found("B0B123"), ["B0B123"]);
        assert_eq!(found("BOB123"), ["BOB123"]);
        assert_eq!(found("8OB123"), Vec::<String>::new());
        assert_eq!(found("A812CDE"), ["AB12CDE"]);
    }

    #[test]
    fn an_entry_that_was_added_counts_beside_that_of_the_configuration() {
        let mut staff = list("staff", Kind::Allow, true, &["AB12CDE", "AB12CDE", "AB12CDE"]);
        staff.entries[1].added = Some(Timestamp::UNIX_EPOCH);
        staff.entries[1].note = Some("added".to_owned());
        staff.entries[2].added = Some(Timestamp::UNIX_EPOCH);
        let (lists, problems) = Lists::load_what_is_right(vec![staff]);
        let plate = PlateText::normalise("A812CDE").unwrap();
        let notes: Vec<_> = lists.find(Kind::Allow, &plate).map(|f| f.entry.note.clone()).collect();
        assert_eq!(notes, [None, Some("added".to_owned())]);
        assert!(matches!(problems.as_slice(), [Problem::Twice { first: 1, second: 3, .. }]), "{problems:?}");
    }

    #[test]
    fn the_nearest_entry_explains_a_miss() {
        let lists = Lists::load(vec![list("staff", Kind::Allow, false, &["KX07FFF", "AB12CDE"])]).unwrap();
        let near = lists.nearest(&PlateText::normalise("A812CDE").unwrap()).unwrap();
        assert_eq!((near.list.as_str(), near.plate.as_str()), ("staff", "AB12CDE"));
        assert!((near.distance - 0.4).abs() < 1e-6);
        assert_eq!(lists.nearest(&PlateText::normalise("ZZ99ZZZ").unwrap()), None);
    }

    proptest! {
        #[test]
        fn a_quick_look_never_overlooks_the_nearest(
            plates in prop::collection::vec("[A-Z0-9]{1,8}", 0..30), asked in "[A-Z0-9]{1,8}",
        ) {
            let plates: Vec<&str> = plates.iter().map(String::as_str).collect();
            let (lists, _) = Lists::load_what_is_right(vec![list("l", Kind::Allow, false, &plates)]);
            let asked = PlateText::normalise(&asked).unwrap();
            let all = plates.iter().map(|p| confusion::distance(&PlateText::normalise(p).unwrap(), &asked));
            let least = all.min_by(f32::total_cmp).filter(|distance| *distance < NEAR);
            prop_assert_eq!(lists.nearest(&asked).map(|near| near.distance), least);
        }
    }
}
