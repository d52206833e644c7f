//! What of a fact may be kept and told: all, only listed plates, or pseudonyms; and which plates leave no trace.
//!
//! Applied once, to each fact, before anything that remembers it: journal, images, topics, log and screen see what
//! comes out here. The gate has its order before that. Pure; whose key it is and where it is kept is `config`'s business.

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Closed, Decided, Fact};
use crate::{
    access::{Decision, Effect, Grounds, Lists, Verdict},
    passage::{PassageId, Reading},
    plate::{MAX_TEXT, PlateText},
    secret::Secret,
};

/// What is kept of a plate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Mode {
    /// Text and images.
    #[default]
    Full,
    /// Plates on no list are kept without text and without images.
    ListedOnly,
    /// Instead of the text a pseudonym made with this key, always the same for the same plate; no images.
    Pseudonymous(Secret),
}

impl Mode {
    /// Why its key is not there: nothing may be recorded then, and no plate can be looked for.
    pub fn trouble(&self) -> Option<&str> {
        match self {
            Self::Pseudonymous(key) => key.trouble(),
            Self::Full | Self::ListedOnly => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Privacy {
    pub mode: Mode,
    /// Passages of plates on these lists leave no trace but a count.
    pub never_store: Vec<String>,
}

/// What is left of a fact.
#[derive(Debug, Clone, PartialEq)]
pub enum Kept {
    /// With images, or without.
    Fact { fact: Box<Fact>, images: bool },
    /// Nothing, not even that it happened; but what it changed is not forgotten.
    Nothing(Unstored),
}

/// What has to be remembered of a fact that is not stored: a pass that is used up stays so after a restart, and a
/// vehicle that stands there still does not open its gate again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unstored {
    pub effects: Vec<Effect>,
    /// Who was let in, by the passage that the gate's own events name.
    pub let_in: Option<(PassageId, PlateText)>,
}

impl Unstored {
    fn of(fact: Fact) -> Self {
        match fact {
            Fact::Decided(Decided { passage, live, reading, decision, effects, .. }) => {
                let plate = decision.matched.or(reading.map(|reading| reading.text));
                let let_in = plate.filter(|_| live && decision.verdict == Verdict::Admit);
                Self { effects, let_in: let_in.map(|plate| (passage, plate)) }
            }
            Fact::Closed(Closed { effects, .. }) => Self { effects, let_in: None },
            Fact::Evidence(_) | Fact::Gate(_) => Self::default(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.effects.is_empty() && self.let_in.is_none()
    }
}

/// Sixteen bits made of a plate: enough to know a vehicle again that was let in a moment ago, and far too few to tell
/// whose it was, for more than a million plates share them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// So that marks of two journals cannot be compared.
    pub salt: Uuid,
    pub bits: u16,
}

impl Mark {
    pub fn of(plate: &PlateText, salt: Uuid) -> Self {
        let mut sum = Sha256::new();
        sum.update(salt.as_bytes());
        sum.update(plate.as_str().as_bytes());
        let sum = sum.finalize();
        Self { salt, bits: u16::from_be_bytes([sum[0], sum[1]]) }
    }

    pub fn fits(&self, plate: &PlateText) -> bool {
        Self::of(plate, self.salt) == *self
    }
}

/// Who was let in, as far as it is known afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Visitor {
    /// The plate as it was written down: under a pseudonym, perhaps.
    Plate(PlateText),
    /// Its plate is not stored.
    Marked(Mark),
    Unknown,
}

impl Privacy {
    /// What may be kept of this fact. Without lists nobody can tell whose plate it is: where that matters, the fact
    /// is kept without text and images.
    pub fn keep(&self, mut fact: Fact, lists: Option<&Lists>) -> Kept {
        let unknown = lists.is_none() && !self.never_store.is_empty();
        let none = Lists::default();
        let lists = lists.unwrap_or(&none);
        let (reading, decision) = match &fact {
            Fact::Decided(decided) => (decided.reading.as_ref(), Some(&decided.decision)),
            Fact::Closed(closed) => (closed.passage.reading.as_ref(), closed.decision.as_ref()),
            // Names no plate: who was let in stands in the decision.
            Fact::Evidence(_) | Fact::Gate(_) => (None, None),
        };
        if self.is_never_stored(reading, decision, lists) {
            return Kept::Nothing(Unstored::of(fact));
        }
        let images = match &self.mode {
            _ if unknown => {
                strip(&mut fact);
                false
            }
            Mode::Full => true,
            Mode::ListedOnly if is_listed(reading, decision, lists) => true,
            Mode::ListedOnly => {
                strip(&mut fact);
                false
            }
            Mode::Pseudonymous(key) => {
                disguise(&mut fact, key);
                false
            }
        };
        Kept::Fact { fact: Box::new(fact), images }
    }

    fn is_never_stored(&self, reading: Option<&Reading>, decision: Option<&Decision>, lists: &Lists) -> bool {
        let never = |list: &str| self.never_store.iter().any(|name| name == list);
        // An unsure reading decides nothing, and may still be of a plate that is not to be stored.
        let texts = reading.into_iter().flat_map(|reading| [&reading.text, &reading.raw]);
        let decided = decision.into_iter().flat_map(|d| [d.list.as_deref(), d.watched_by.as_deref()]);
        !self.never_store.is_empty()
            && (decided.flatten().any(never) || texts.flat_map(|text| lists.holding(text)).any(never))
    }
}

/// The plate that a search for `plate` has to look for in this mode.
pub fn searched(mode: &Mode, plate: &PlateText) -> PlateText {
    match mode {
        Mode::Pseudonymous(key) => pseudonym(plate, key),
        Mode::Full | Mode::ListedOnly => plate.clone(),
    }
}

fn is_listed(reading: Option<&Reading>, decision: Option<&Decision>, lists: &Lists) -> bool {
    decision.is_some_and(|decision| decision.list.is_some() || decision.watched_by.is_some())
        || reading.is_some_and(|reading| lists.holding(&reading.text).next().is_some())
}

/// Takes away all that names the vehicle.
fn strip(fact: &mut Fact) {
    match fact {
        Fact::Decided(Decided { reading, decision, .. }) => {
            *reading = None;
            strip_decision(decision);
        }
        Fact::Closed(Closed { passage, reads, decision, .. }) => {
            passage.reading = None;
            passage.decided = None;
            reads.clear();
            decision.iter_mut().for_each(strip_decision);
        }
        Fact::Evidence(_) | Fact::Gate(_) => {}
    }
}

fn strip_decision(decision: &mut Decision) {
    decision.note = None;
    decision.matched = None;
    // Since when it was inside, what is left of its pass, whom it looks like: all of it is about somebody.
    decision.grounds = Grounds::default();
}

/// Puts pseudonyms in the place of texts, and takes away what would tell them.
fn disguise(fact: &mut Fact, key: &Secret) {
    let hide = |text: &mut PlateText| *text = pseudonym(text, key);
    let hide_reading = |reading: &mut Reading| {
        hide(&mut reading.text);
        hide(&mut reading.raw);
        reading.runner_up = None;
        reading.chars.clear();
    };
    let hide_decision = |decision: &mut Decision| {
        decision.note = None;
        decision.matched.iter_mut().for_each(hide);
        // Another vehicle's plate, and one that is nearly its own.
        decision.grounds.nearest = None;
    };
    match fact {
        Fact::Decided(Decided { reading, decision, .. }) => {
            reading.iter_mut().for_each(hide_reading);
            hide_decision(decision);
        }
        Fact::Closed(Closed { passage, reads, decision, .. }) => {
            passage.reading.iter_mut().for_each(hide_reading);
            passage.decided.iter_mut().for_each(hide);
            reads.iter_mut().for_each(|read| hide(&mut read.text));
            decision.iter_mut().for_each(hide_decision);
        }
        Fact::Evidence(_) | Fact::Gate(_) => {}
    }
}

/// Sixty bits of HMAC-SHA-256 in letters and digits: a text as long as the longest plate.
fn pseudonym(plate: &PlateText, key: &Secret) -> PlateText {
    const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    // A key of any length does for this construction.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()) else { return plate.clone() };
    mac.update(plate.as_str().as_bytes());
    let bytes = mac.finalize().into_bytes();
    let mut bits = bytes.iter().take(8).fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
    let mut text = String::with_capacity(MAX_TEXT);
    for _ in 0..MAX_TEXT {
        text.push(char::from(DIGITS[(bits & 31) as usize]));
        bits >>= 5;
    }
    PlateText::normalise(&text).unwrap_or_else(|_| plate.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        access::{Entry, Kind, List, Nearest},
        fact::sample,
    };

    fn lists(name: &str, plates: &[PlateText]) -> Lists {
        let entries = plates.iter().cloned().map(Entry::new).collect();
        Lists::load(vec![List { entries, ..List::new(name, Kind::Allow) }]).unwrap()
    }

    /// Both facts of a passage whose plate may or may not be on a list.
    fn facts(n: u64, list: Option<&str>) -> [Fact; 2] {
        let mut closed = sample::closed(n);
        let decision = closed.decision.as_mut().unwrap();
        decision.list = list.map(str::to_owned);
        decision.note = Some("Anna's van".to_owned());
        decision.matched = sample::plate(n);
        decision.grounds.nearest = Some(Nearest { list: "staff".to_owned(), plate: plate(n), distance: 0.4 });
        [Fact::Decided(sample::decided(&closed)), Fact::Closed(closed)]
    }

    fn plate(n: u64) -> PlateText {
        sample::plate(n).unwrap()
    }

    /// What is left names neither this plate nor anybody.
    fn names_nobody(fact: &Fact, n: u64) {
        let text = format!("{fact:?}");
        assert!(!text.contains(plate(n).as_str()) && !text.contains("Anna"), "{text}");
        assert!(!text.contains("AB12CDE"), "not even the runner-up: {text}");
    }

    #[test]
    fn full_keeps_all() {
        for fact in facts(1, None) {
            let kept = Privacy::default().keep(fact.clone(), Some(&Lists::default()));
            assert_eq!(kept, Kept::Fact { fact: Box::new(fact), images: true });
        }
    }

    #[test]
    fn listed_only_keeps_a_stranger_s_passage_without_text_and_images() {
        let privacy = Privacy { mode: Mode::ListedOnly, ..Privacy::default() };
        for fact in facts(1, None) {
            let Kept::Fact { fact, images } = privacy.keep(fact, Some(&lists("staff", &[plate(2)]))) else {
                panic!()
            };
            names_nobody(&fact, 1);
            assert!(!images);
        }
        for fact in facts(2, None) {
            // On a list, though the decision names none: it was not sure.
            let kept = privacy.keep(fact.clone(), Some(&lists("staff", &[plate(2)])));
            assert_eq!(kept, Kept::Fact { fact: Box::new(fact), images: true });
        }
    }

    #[test]
    fn a_pseudonym_is_the_same_for_the_same_plate_and_key_only() {
        let with = |key: &str| Mode::Pseudonymous(Secret::new(key.to_owned()));
        let privacy = Privacy { mode: with("a key of thirty-two characters.."), ..Privacy::default() };
        for fact in facts(1, Some("staff")) {
            let Kept::Fact { fact, images } = privacy.keep(fact, Some(&Lists::default())) else { panic!() };
            names_nobody(&fact, 1);
            let (Fact::Decided(Decided { reading, .. })
            | Fact::Closed(Closed { passage: crate::passage::Passage { reading, .. }, .. })) = *fact
            else {
                panic!()
            };
            assert_eq!(reading.unwrap().text, searched(&privacy.mode, &plate(1)));
            assert!(!images, "a picture shows the plate");
        }
        assert_ne!(searched(&privacy.mode, &plate(1)), searched(&privacy.mode, &plate(2)));
        assert_ne!(searched(&privacy.mode, &plate(1)), searched(&with("another key"), &plate(1)));
    }

    #[test]
    fn a_plate_that_is_never_stored_leaves_nothing_however_sure_it_was_read() {
        let privacy = Privacy { mode: Mode::Full, never_store: vec!["residents".to_owned()] };
        let residents = lists("residents", &[plate(1)]);
        for fact in facts(1, Some("residents")).into_iter().chain(facts(1, None)) {
            let admitted =
                matches!(&fact, Fact::Decided(decided) if decided.decision.verdict == Verdict::Admit);
            let Kept::Nothing(unstored) = privacy.keep(fact, Some(&residents)) else { panic!("it is kept") };
            assert_eq!(unstored.let_in.is_some(), admitted);
        }
        for fact in facts(2, Some("staff")) {
            assert!(matches!(privacy.keep(fact, Some(&residents)), Kept::Fact { .. }));
        }
    }

    #[test]
    fn while_nobody_knows_the_lists_a_plate_that_may_be_on_one_is_not_kept() {
        let privacy = Privacy { mode: Mode::Full, never_store: vec!["residents".to_owned()] };
        for fact in facts(1, None) {
            let Kept::Fact { fact, images } = privacy.keep(fact, None) else { panic!() };
            names_nobody(&fact, 1);
            assert!(!images);
        }
    }
}
