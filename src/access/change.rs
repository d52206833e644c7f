//! Entries that people add and remove while the service runs, beside those of the configuration.
//!
//! Pure: which change is refused and why, and what all entries together come to. Keeping them is the journal's business.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;

use super::{
    Schedule,
    list::{Entry, Kind, List, Pass, Problem},
    lists::Lists,
};
use crate::plate::{PlateText, confusion};

/// Longest note, and longest name of whoever changes something, in characters.
pub const LONGEST_NOTE: usize = 200;

/// An entry as somebody writes it: with the name of its schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    pub plate: PlateText,
    pub note: Option<String>,
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub pass: Pass,
    pub schedule: Option<String>,
}

impl NewEntry {
    pub const fn new(plate: PlateText) -> Self {
        Self { plate, note: None, from: None, until: None, pass: Pass::UNLIMITED, schedule: None }
    }
}

/// An entry that was added, by whom and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    pub list: String,
    pub entry: NewEntry,
    pub at: Timestamp,
    pub by: String,
}

/// Who changes something: `anna`, `mqtt:front-desk`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor(String);

impl Actor {
    /// Whatever comes from outside becomes a name of bounded length without control characters.
    pub fn new(name: &str) -> Self {
        let plain = name.chars().map(|c| if c.is_control() { '?' } else { c });
        Self(plain.take(LONGEST_NOTE).collect())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Puts a plate on a list, or gives the entry that was added for it another form.
    Add { list: String, entry: NewEntry },
    /// Takes a plate off a list.
    Remove { list: String, plate: PlateText },
}

impl Change {
    pub fn list(&self) -> &str {
        match self {
            Self::Add { list, .. } | Self::Remove { list, .. } => list,
        }
    }

    pub const fn plate(&self) -> &PlateText {
        match self {
            Self::Add { entry, .. } => &entry.plate,
            Self::Remove { plate, .. } => plate,
        }
    }
}

/// Why a change is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("there is no list {name:?}; {}", known(lists))]
    NoList { name: String, lists: Vec<String> },
    #[error("there is no schedule {name:?}; {}", known(schedules))]
    NoSchedule { name: String, schedules: Vec<String> },
    #[error(
        "{plate} looks like {other}, which is on {list} already, and the list is tolerant of look-alikes"
    )]
    LookAlike { plate: PlateText, other: PlateText, list: String },
    #[error("{plate} would be valid until before it is valid from")]
    Never { plate: PlateText },
    #[error("a pass is for allow lists; {list} is a {} list", kind.as_str())]
    NoPass { list: String, kind: Kind },
    #[error("a pass for no use at all, or for no time, lets nobody in")]
    EmptyPass,
    #[error("the note is longer than {LONGEST_NOTE} characters or has a control character in it")]
    Note,
    #[error("{plate} is not on {list}")]
    NotThere { plate: PlateText, list: String },
    #[error(
        "{plate} stands on {list} in the configuration (or in the file that it names): take it off there"
    )]
    Configured { plate: PlateText, list: String },
}

fn known(names: &[String]) -> String {
    match names {
        [] => "the configuration has none".to_owned(),
        names => format!("the configuration has {}", names.join(", ")),
    }
}

/// What the configuration says: its lists with their entries, and its schedules.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Configured {
    pub lists: Vec<List>,
    pub schedules: Vec<Arc<Schedule>>,
}

impl Configured {
    fn list(&self, name: &str) -> Option<&List> {
        self.lists.iter().find(|list| list.name == name)
    }

    fn schedule(&self, name: &str) -> Option<&Arc<Schedule>> {
        self.schedules.iter().find(|schedule| schedule.name == name)
    }

    pub fn is_tolerant(&self, list: &str) -> bool {
        self.list(list).is_some_and(|list| list.tolerant)
    }

    /// Checks what can be known without looking at what else was added.
    pub fn check(&self, change: &Change) -> Result<(), Refusal> {
        let names = || self.lists.iter().map(|list| list.name.clone()).collect();
        let no_list = || Refusal::NoList { name: change.list().to_owned(), lists: names() };
        let Change::Add { entry, .. } = change else {
            // Off a list that the configuration has no more something may be taken at any time.
            return Ok(());
        };
        let list = self.list(change.list()).ok_or_else(no_list)?;
        if let Some(name) = entry.schedule.as_ref().filter(|name| self.schedule(name).is_none()) {
            let schedules = self.schedules.iter().map(|schedule| schedule.name.clone()).collect();
            return Err(Refusal::NoSchedule { name: name.clone(), schedules });
        }
        if entry.from.zip(entry.until).is_some_and(|(from, until)| until <= from) {
            return Err(Refusal::Never { plate: entry.plate.clone() });
        }
        if entry.pass.is_limited() && list.kind != Kind::Allow {
            return Err(Refusal::NoPass { list: list.name.clone(), kind: list.kind });
        }
        if entry.pass.uses == Some(0) || entry.pass.lasts.is_some_and(|lasts| lasts.is_zero()) {
            return Err(Refusal::EmptyPass);
        }
        let unfit =
            |note: &&String| note.chars().count() > LONGEST_NOTE || note.chars().any(char::is_control);
        if entry.note.as_ref().is_some_and(|note| unfit(&note)) {
            return Err(Refusal::Note);
        }
        Ok(())
    }

    /// Plates of a list by the key under which look-alikes meet; nothing for a list that is exact.
    pub fn look_alikes<'a>(&self, list: &str, added: impl Iterator<Item = &'a PlateText>) -> LookAlikes {
        let Some(list) = self.list(list).filter(|list| list.tolerant) else { return LookAlikes::default() };
        let mut plates: HashMap<String, PlateText> = HashMap::with_capacity(list.entries.len());
        plates.extend(list.entries.iter().map(|entry| keyed(&entry.plate)));
        plates.extend(added.map(keyed));
        LookAlikes { list: Some(list.name.clone()), plates }
    }

    /// The configuration has this plate on this list.
    pub fn has(&self, list: &str, plate: &PlateText) -> bool {
        self.list(list).is_some_and(|list| list.entries.iter().any(|entry| entry.plate == *plate))
    }

    /// All entries as lists. What is not right any more, since the configuration changed after it was added, is made
    /// harmless and told.
    pub fn with(&self, added: &[Added]) -> (Lists, Vec<String>) {
        let mut lists = self.lists.clone();
        let mut problems = Vec::new();
        let places: HashMap<String, usize> =
            lists.iter().enumerate().map(|(at, list)| (list.name.clone(), at)).collect();
        for one in added {
            let (plate, name) = (&one.entry.plate, &one.list);
            let Some(list) = places.get(name).and_then(|at| lists.get_mut(*at)) else {
                problems.push(format!("{plate} was added to {name}, which is no list of the configuration"));
                continue;
            };
            let schedule = match one.entry.schedule.as_deref() {
                None => None,
                Some(name) => match self.schedule(name) {
                    Some(schedule) => Some(Arc::clone(schedule)),
                    // Whatever was meant: it was not to let somebody in at any time.
                    None if list.kind == Kind::Allow => {
                        problems.push(format!("{plate} on {} has the unknown schedule {name}", list.name));
                        continue;
                    }
                    None => None,
                },
            };
            list.entries.push(Entry {
                plate: plate.clone(),
                note: one.entry.note.clone(),
                from: one.entry.from,
                until: one.entry.until,
                schedule,
                pass: if list.kind == Kind::Allow { one.entry.pass } else { Pass::UNLIMITED },
                added: Some(one.at),
            });
        }
        let (lists, more) = Lists::load_what_is_right(lists);
        problems.extend(more.iter().map(|problem| match problem {
            Problem::LookAlike { list, a, b, .. } => {
                format!("{a} and {b} on {list} look alike: they match to the letter only")
            }
            other => other.to_string(),
        }));
        (lists, problems)
    }
}

fn keyed(plate: &PlateText) -> (String, PlateText) {
    (confusion::fold(plate), plate.clone())
}

/// The plates of a tolerant list, to look for look-alikes.
#[derive(Debug, Clone, Default)]
pub struct LookAlikes {
    list: Option<String>,
    plates: HashMap<String, PlateText>,
}

impl LookAlikes {
    /// Takes the plate in, unless the list would not be able to tell it from another one.
    pub fn add(&mut self, plate: &PlateText) -> Result<(), Refusal> {
        let Some(list) = &self.list else { return Ok(()) };
        let key = confusion::fold(plate);
        match self.plates.get(&key).filter(|other| *other != plate) {
            Some(other) => {
                Err(Refusal::LookAlike { plate: plate.clone(), other: other.clone(), list: list.clone() })
            }
            None => {
                self.plates.insert(key, plate.clone());
                Ok(())
            }
        }
    }

    pub fn remove(&mut self, plate: &PlateText) {
        let key = confusion::fold(plate);
        if self.plates.get(&key) == Some(plate) {
            self.plates.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use super::*;
    use crate::access::{Days, Holidays, Hours};

    fn text(plate: &str) -> PlateText {
        PlateText::normalise(plate).unwrap()
    }

    fn configured() -> Configured {
        let schedule = Schedule {
            name: "office".to_owned(),
            zone: jiff::tz::TimeZone::UTC,
            hours: vec![Hours::new(Days::ALL, (8, 0), (18, 0)).unwrap()],
            holidays: BTreeSet::new(),
            on_holidays: Holidays::Ignored,
        };
        let staff = List { entries: vec![Entry::new(text("B0B1"))], ..List::new("staff", Kind::Allow) };
        let loose = List { tolerant: true, name: "loose".to_owned(), ..staff.clone() };
        let banned = List { entries: Vec::new(), ..List::new("banned", Kind::Block) };
        Configured { lists: vec![staff, loose, banned], schedules: vec![Arc::new(schedule)] }
    }

    fn check(list: &str, more: impl Fn(&mut NewEntry), refusal: Option<&str>) {
        let mut entry = NewEntry::new(text("A1"));
        more(&mut entry);
        let checked = configured().check(&Change::Add { list: list.to_owned(), entry });
        assert_eq!(checked.err().map(|e| e.to_string()).as_deref(), refusal);
    }

    #[test]
    fn a_change_is_refused_with_its_reason() {
        let at = |second| Some(Timestamp::from_second(second).unwrap());
        check("staff", |_| {}, None);
        check("staf", |_| {}, Some("there is no list \"staf\"; the configuration has staff, loose, banned"));
        check("staff", |e| e.schedule = Some("office".to_owned()), None);
        check(
            "staff",
            |e| e.schedule = Some("night".to_owned()),
            Some("there is no schedule \"night\"; the configuration has office"),
        );
        check(
            "staff",
            |e| (e.from, e.until) = (at(2), at(1)),
            Some("A1 would be valid until before it is valid from"),
        );
        check("banned", |e| e.pass.uses = Some(1), Some("a pass is for allow lists; banned is a block list"));
        let nobody = Some("a pass for no use at all, or for no time, lets nobody in");
        check("staff", |e| e.pass.uses = Some(0), nobody);
        check("staff", |e| e.pass.lasts = Some(Duration::ZERO), nobody);
        let note = Some("the note is longer than 200 characters or has a control character in it");
        check("staff", |e| e.note = Some("x".repeat(201)), note);
        check("staff", |e| e.note = Some("a\nb".to_owned()), note);
    }

    #[test]
    fn a_tolerant_list_takes_no_look_alike() {
        let added = [text("KX07")];
        let mut loose = configured().look_alikes("loose", added.iter());
        assert!(loose.add(&text("BOB1")).unwrap_err().to_string().contains("BOB1 looks like B0B1"));
        assert!(loose.add(&text("KXO7")).is_err());
        assert_eq!(loose.add(&text("KX07")), Ok(()));
        assert_eq!(loose.add(&text("A1")), Ok(()));
        assert!(loose.add(&text("AI")).is_err(), "those of one import are compared with each other too");
        loose.remove(&text("A1"));
        assert_eq!(loose.add(&text("AI")), Ok(()));
        assert_eq!(configured().look_alikes("staff", added.iter()).add(&text("BOB1")), Ok(()));
    }

    #[test]
    fn what_the_configuration_does_not_allow_any_more_is_made_harmless_and_told() {
        let added = |list: &str, plate: &str, schedule: Option<&str>| Added {
            list: list.to_owned(),
            entry: NewEntry { schedule: schedule.map(str::to_owned), ..NewEntry::new(text(plate)) },
            at: Timestamp::UNIX_EPOCH,
            by: "somebody".to_owned(),
        };
        let (lists, problems) = configured().with(&[
            added("staff", "A1", Some("office")),
            added("staff", "A2", Some("gone")),
            added("banned", "A3", Some("gone")),
            added("gone", "A4", None),
            added("loose", "BOB1", None),
            added("staff", "B0B1", None),
        ]);
        let found = |kind, plate: &str| lists.find(kind, &text(plate)).count();
        assert_eq!(found(Kind::Allow, "A1"), 1);
        assert_eq!(found(Kind::Allow, "A2"), 0, "its schedule is unknown: it must not open");
        assert_eq!(found(Kind::Block, "A3"), 1, "its schedule is unknown: it blocks at any time");
        assert_eq!(found(Kind::Allow, "8OB1"), 0, "look-alikes match to the letter");
        assert_eq!(found(Kind::Allow, "BOB1"), 1);
        assert_eq!(
            problems,
            [
                "A2 on staff has the unknown schedule gone",
                "A4 was added to gone, which is no list of the configuration",
                "B0B1 and BOB1 on loose look alike: they match to the letter only",
            ]
        );
    }
}
