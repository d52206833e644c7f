//! What has to be remembered of earlier decisions: who is inside, and how much of a pass is used.
//!
//! Bounded in size and age. What a decision does to it is an [`Effect`] that is kept with the decision; effects say
//! what is so afterwards, so that doing one twice is doing it once.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use jiff::Timestamp;

use crate::plate::PlateText;

/// Vehicles remembered as inside; of more, those longest inside are forgotten.
const MOST_INSIDE: usize = 20_000;
/// Passes remembered; of more, those used longest ago are forgotten.
const MOST_PASSES: usize = 200_000;

/// A vehicle that was let in and was not seen leaving.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inside {
    /// The list that let it in.
    pub list: String,
    pub since: Timestamp,
}

/// How much of a pass is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassUse {
    /// When the entry was added: one that was added again has a fresh pass.
    pub added: Option<Timestamp>,
    pub used: u32,
    pub first: Timestamp,
    pub last: Timestamp,
}

/// What a decision, or the end of a passage, changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    Enters { plate: PlateText, inside: Inside },
    Leaves { plate: PlateText },
    UsesPass { list: String, plate: PlateText, pass: PassUse },
}

/// See the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    inside: HashMap<PlateText, Inside>,
    /// The same by age, oldest first.
    by_age: BTreeSet<(Timestamp, PlateText)>,
    passes: HashMap<(String, PlateText), PassUse>,
}

impl Memory {
    /// Takes in what an effect says; returns the plates that were forgotten to make room.
    pub fn apply(&mut self, effect: &Effect) -> Vec<PlateText> {
        match effect {
            Effect::Enters { plate, inside } => {
                self.leave(plate);
                self.by_age.insert((inside.since, plate.clone()));
                self.inside.insert(plate.clone(), inside.clone());
                let mut forgotten = Vec::new();
                while self.inside.len() > MOST_INSIDE
                    && let Some((_, oldest)) = self.by_age.pop_first()
                {
                    self.inside.remove(&oldest);
                    forgotten.push(oldest);
                }
                return forgotten;
            }
            Effect::Leaves { plate } => self.leave(plate),
            Effect::UsesPass { list, plate, pass } => {
                let key = (list.clone(), plate.clone());
                if self.passes.len() >= MOST_PASSES
                    && !self.passes.contains_key(&key)
                    && let Some(oldest) =
                        self.passes.iter().min_by_key(|(_, p)| p.last).map(|(k, _)| k.clone())
                {
                    self.passes.remove(&oldest);
                }
                self.passes.insert(key, *pass);
            }
        }
        Vec::new()
    }

    fn leave(&mut self, plate: &PlateText) {
        if let Some(inside) = self.inside.remove(plate) {
            self.by_age.remove(&(inside.since, plate.clone()));
        }
    }

    /// Since when this vehicle is inside, if it came at most `age` ago. A clock set back does not let it out.
    pub fn inside(&self, plate: &PlateText, at: Timestamp, age: Duration) -> Option<&Inside> {
        self.inside.get(plate).filter(|inside| is_young(inside.since, at, age))
    }

    /// Vehicles inside, of one list or of all.
    pub fn count(&self, list: Option<&str>, at: Timestamp, age: Duration) -> u32 {
        let counts = |i: &&Inside| list.is_none_or(|list| i.list == list) && is_young(i.since, at, age);
        u32::try_from(self.inside.values().filter(counts).count()).unwrap_or(u32::MAX)
    }

    /// Who is inside, longest first.
    pub fn all_inside(&self, at: Timestamp, age: Duration) -> Vec<(&PlateText, &Inside)> {
        let young = self.by_age.iter().filter(|(since, _)| is_young(*since, at, age));
        young.filter_map(|(_, plate)| self.inside.get_key_value(plate)).collect()
    }

    /// Vehicles that came more than `age` ago, at most `most` of them: to be taken for gone.
    pub fn overdue(&self, at: Timestamp, age: Duration, most: usize) -> Vec<PlateText> {
        let old = self.by_age.iter().take_while(|(since, _)| !is_young(*since, at, age));
        old.take(most).map(|(_, plate)| plate.clone()).collect()
    }

    /// What was used of the pass of an entry that was added then.
    pub fn pass(&self, list: &str, plate: &PlateText, added: Option<Timestamp>) -> Option<&PassUse> {
        // One small allocation a guest; a borrowed key of a pair would cost a type of its own.
        self.passes.get(&(list.to_owned(), plate.clone())).filter(|pass| pass.added == added)
    }

    /// Forgets passes of entries that are not there any more.
    pub fn keep_passes(&mut self, mut is_there: impl FnMut(&str, &PlateText, &PassUse) -> bool) {
        self.passes.retain(|(list, plate), pass| is_there(list, plate, pass));
    }
}

fn is_young(since: Timestamp, at: Timestamp, age: Duration) -> bool {
    since >= at || at.duration_since(since).unsigned_abs() < age
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plate(text: &str) -> PlateText {
        PlateText::normalise(text).unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn enters(text: &str, since: i64) -> Effect {
        Effect::Enters { plate: plate(text), inside: Inside { list: "l".to_owned(), since: at(since) } }
    }

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_vehicle_is_inside_until_it_leaves_or_is_too_old() {
        let mut memory = Memory::default();
        memory.apply(&enters("A1", 1000));
        assert!(memory.inside(&plate("A1"), at(1001), HOUR).is_some());
        assert!(memory.inside(&plate("A1"), at(0), HOUR).is_some(), "a clock that was set back");
        assert!(memory.inside(&plate("A1"), at(4600), HOUR).is_none());
        assert_eq!(memory.overdue(at(4600), HOUR, 9), [plate("A1")]);
        assert_eq!(memory.count(None, at(1001), HOUR), 1);
        assert_eq!(memory.count(Some("other"), at(1001), HOUR), 0);
        memory.apply(&Effect::Leaves { plate: plate("A1") });
        assert_eq!(memory, Memory::default());
    }

    #[test]
    fn doing_an_effect_twice_is_doing_it_once() {
        let (mut once, mut twice) = (Memory::default(), Memory::default());
        let pass = PassUse { added: None, used: 2, first: at(1), last: at(2) };
        let uses = Effect::UsesPass { list: "l".to_owned(), plate: plate("A1"), pass };
        for effect in [enters("A1", 5), enters("B2", 6), uses] {
            once.apply(&effect);
            twice.apply(&effect);
            twice.apply(&effect);
        }
        assert_eq!(once, twice);
    }

    #[test]
    fn the_longest_inside_are_forgotten_when_there_are_too_many() {
        let mut memory = Memory::default();
        let name = |n: usize| format!("P{n}");
        for n in 0..=MOST_INSIDE {
            let forgotten = memory.apply(&enters(&name(n), i64::try_from(n).unwrap()));
            assert_eq!(forgotten, if n < MOST_INSIDE { vec![] } else { vec![plate("P0")] });
        }
        assert_eq!(memory.inside.len(), MOST_INSIDE);
        assert_eq!(memory.by_age.len(), MOST_INSIDE);
    }

    #[test]
    fn a_pass_that_was_added_again_is_fresh() {
        let mut memory = Memory::default();
        let pass = PassUse { added: Some(at(1)), used: 2, first: at(1), last: at(2) };
        memory.apply(&Effect::UsesPass { list: "l".to_owned(), plate: plate("A1"), pass });
        assert_eq!(memory.pass("l", &plate("A1"), Some(at(1))), Some(&pass));
        assert_eq!(memory.pass("l", &plate("A1"), Some(at(9))), None);
        memory.keep_passes(|_, _, _| false);
        assert_eq!(memory, Memory::default());
    }
}
