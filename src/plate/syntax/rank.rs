//! From a read with its alternatives to the plate of an expected country.
//!
//! A text that fits a strict format is never touched. Any other is repaired only by a strict format, only in its
//! length, only where the format has no place for what was read, and only by what the read itself named or what
//! no picture tells apart; if it fits a loose format, only by what is about as likely as what was read. If two
//! repairs are about as likely, neither is made.

use super::{Known, known, pattern::Shape};
use crate::plate::{CharRead, Confidence, PlateText, Region, confusion};

/// Characters that may be repaired in one text, and at most this part of it.
const MAX_REPAIRS: usize = 3;
/// A replacement must be at least this likely, compared with what was read.
const LEAST_RATIO: f32 = 0.02;
/// What a look-alike is worth that the read did not name, compared with what was read: characters of one shape
/// (0 and O), and characters that blur makes alike (8 and B).
const SAME_SHAPE: f32 = 0.3;
const ALIKE: f32 = 0.03;
/// A text that may be right as it is, by a loose format, needs a replacement at least this likely: such plates (personal
/// ones, old ones) are a few in a hundred, and hardly one of them is a strict format but for an O and a 0.
const LEAST_RATIO_OF_LOOSE: f32 = 0.1;
/// The best repair must be this much of all repairs together.
const CLEAR: f32 = 0.6;
/// How likely a car's plate follows its country's formats at all.
const FOLLOWS: f32 = 0.99;

/// A text that fits a national format, as read or repaired.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranked {
    pub text: PlateText,
    pub region: Region,
    pub confidence: Confidence,
    /// Characters that were changed.
    pub repairs: usize,
}

/// The reading of these characters as a plate of one of `regions`, the earlier the better; `None` if none of
/// their formats allows it. Never longer or shorter than what was read.
pub fn rerank(chars: &[CharRead], regions: &[Region]) -> Option<Ranked> {
    let read: String = chars.iter().map(|c| c.c).collect();
    let text = PlateText::normalise(&read).ok().filter(|text| text.as_str() == read)?;
    let formats = || regions.iter().flat_map(|region| known().iter().filter(|k| k.region == *region));
    // Strict formats of all regions before loose ones of any.
    let fits = |known: &&Known| known.pattern.matches(text.as_str());
    let fitting = formats().filter(fits).min_by_key(|known| known.demand);
    if let Some(Known { demand: super::Demand::Strict, region, .. }) = fitting {
        return Some(as_read(chars, text, *region));
    }
    let least = if fitting.is_some() { LEAST_RATIO_OF_LOOSE } else { LEAST_RATIO };
    repaired(chars, least, formats()).or_else(|| fitting.map(|known| as_read(chars, text, known.region)))
}

fn as_read(chars: &[CharRead], text: PlateText, region: Region) -> Ranked {
    let confidence = Confidence::new(chars.iter().map(|c| c.p.value()).product());
    Ranked { text, region, confidence, repairs: 0 }
}

/// The clearly likeliest repair by replacements of this ratio or more.
fn repaired(chars: &[CharRead], least: f32, formats: impl Iterator<Item = &'static Known>) -> Option<Ranked> {
    let choices: Vec<_> = chars.iter().map(|read| replacements(read, least)).collect();
    let strict = formats.filter(|known| known.demand == super::Demand::Strict);
    let mut repairs: Vec<(Repair, Region)> = Vec::new();
    for known in strict {
        for shape in known.pattern.of_length(chars.len()) {
            for repair in Repair::of(chars, &choices, shape) {
                match repairs.iter_mut().find(|(other, _)| other.text == repair.text) {
                    Some((other, _)) => other.ratio = other.ratio.max(repair.ratio),
                    None => repairs.push((repair, known.region)),
                }
            }
        }
    }
    let all: f32 = repairs.iter().map(|(repair, _)| repair.ratio).sum();
    let (best, region) = repairs.into_iter().reduce(|a, b| if b.0.ratio > a.0.ratio { b } else { a })?;
    let share = best.ratio / all;
    if share < CLEAR {
        return None;
    }
    let text = PlateText::normalise(&best.text).ok()?;
    let confidence = Confidence::new(best.kept * share * FOLLOWS);
    Some(Ranked { text, region, confidence, repairs: best.count })
}

/// One way to make a text fit a shape.
struct Repair {
    text: String,
    /// How likely it is, compared with what was read.
    ratio: f32,
    /// Probability that all characters are right that were kept.
    kept: f32,
    count: usize,
}

impl Repair {
    /// The likeliest repair, and those that change one of its places otherwise: its rivals.
    fn of(chars: &[CharRead], choices: &[Vec<(char, f32)>], shape: &Shape) -> Vec<Self> {
        let most = MAX_REPAIRS.min(chars.len() / 2);
        let mut places: Vec<(usize, Vec<(char, f32)>)> = Vec::new();
        for (position, ((read, class), choices)) in chars.iter().zip(shape).zip(choices).enumerate() {
            if class.has(read.c) {
                continue;
            }
            let choices: Vec<_> = choices.iter().copied().filter(|(c, _)| class.has(*c)).collect();
            if choices.is_empty() || places.len() == most {
                return Vec::new();
            }
            places.push((position, choices));
        }
        let first: Vec<usize> = vec![0; places.len()];
        let mut picks = vec![first.clone()];
        for (place, (_, choices)) in places.iter().enumerate() {
            for other in 1..choices.len() {
                let mut pick = first.clone();
                if let Some(slot) = pick.get_mut(place) {
                    *slot = other;
                }
                picks.push(pick);
            }
        }
        picks.iter().map(|pick| Self::make(chars, &places, pick)).collect()
    }

    fn make(chars: &[CharRead], places: &[(usize, Vec<(char, f32)>)], pick: &[usize]) -> Self {
        let mut repair = Self { text: String::with_capacity(chars.len()), ratio: 1.0, kept: 1.0, count: 0 };
        for (position, read) in chars.iter().enumerate() {
            let place = places.iter().zip(pick).find(|((p, _), _)| *p == position);
            match place.and_then(|((_, choices), choice)| choices.get(*choice)) {
                Some(&(c, ratio)) => {
                    repair.text.push(c);
                    repair.ratio *= ratio;
                    repair.count += 1;
                }
                None => {
                    repair.text.push(read.c);
                    repair.kept *= read.p.value();
                }
            }
        }
        repair
    }
}

/// What else this character may be, with its likelihood compared to what was read, likeliest first.
fn replacements(read: &CharRead, least: f32) -> Vec<(char, f32)> {
    let named = |c: char| read.others.iter().find(|(other, _)| *other == c).map_or(0.0, |(_, p)| p.value());
    let candidates = ('A'..='Z').chain('0'..='9').filter(|c| *c != read.c);
    let mut found: Vec<(char, f32)> = candidates
        .map(|c| {
            let prior = match confusion::cost(read.c, c) {
                cost if cost < 0.25 => SAME_SHAPE,
                cost if cost < 0.5 => ALIKE,
                _ => 0.0,
            };
            (c, (named(c) / read.p.value().max(0.05)).max(prior))
        })
        .filter(|(_, ratio)| *ratio >= least)
        .collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn regions(codes: &[&str]) -> Vec<Region> {
        codes.iter().map(|c| Region::from_code(c).unwrap()).collect()
    }

    /// A read with full certainty but for the named alternatives: `("AB12", &[(2, 'I', 0.3)])`.
    fn read(text: &str, named: &[(usize, char, f32)]) -> Vec<CharRead> {
        let char = |(i, c)| {
            let others: Vec<_> =
                named.iter().filter(|n| n.0 == i).map(|n| (n.1, Confidence::new(n.2))).collect();
            let rest: f32 = others.iter().map(|o| o.1.value()).sum();
            CharRead { c, p: Confidence::new(0.99 - rest), others }
        };
        text.chars().enumerate().map(char).collect()
    }

    fn check(text: &str, named: &[(usize, char, f32)], codes: &[&str], expected: Option<(&str, &str)>) {
        let ranked = rerank(&read(text, named), &regions(codes));
        let got = ranked.as_ref().map(|r| (r.text.as_str(), r.region.as_str()));
        assert_eq!(got, expected, "{text} among {codes:?}");
    }

    #[test]
    fn look_alikes_are_repaired_where_the_format_demands_it() {
        check("ABI2CDE", &[], &["gb"], Some(("AB12CDE", "gb")));
        check("ABO1C0E", &[], &["gb"], Some(("AB01COE", "gb")));
        // Of two formats the one that needs fewer repairs: A801 CDE of 1983-2001, not AB01 CDE.
        check("A8O1CDE", &[], &["gb"], Some(("A801CDE", "gb")));
        check("B1O2ABC", &[], &["ro"], Some(("B102ABC", "ro")));
        check("ABC1Z34", &[], &["br"], Some(("ABC1234", "br")));
        check("AB123C0", &[(6, 'D', 0.2)], &["it"], Some(("AB123CD", "it")));
        check("I2O4567", &[], &["il"], Some(("1204567", "il")));
    }

    #[test]
    fn what_fits_is_never_touched() {
        check("AB12CDE", &[(1, '8', 0.4)], &["gb"], Some(("AB12CDE", "gb")));
        check("ABC1B23", &[], &["br"], Some(("ABC1B23", "br")));
        check("ABC1823", &[], &["br"], Some(("ABC1823", "br")));
    }

    #[test]
    fn what_fits_a_loose_format_is_repaired_only_where_no_picture_tells_or_the_read_doubts() {
        check("GR8DAD", &[], &["us"], Some(("GR8DAD", "us")));
        check("ABC12O4", &[], &["us"], Some(("ABC1204", "us")));
        check("5UVRO90", &[], &["us"], Some(("5UVR090", "us")));
        check("HB6LOZ", &[], &["us"], Some(("HB6L0Z", "us")));
        check("ILUVNY1", &[], &["us"], Some(("ILUVNY1", "us")));
        // An S for a 5 only if the read itself thought of it.
        check("SZUC921", &[], &["us"], Some(("SZUC921", "us")));
        check("SZUC921", &[(0, '5', 0.3)], &["us"], Some(("5ZUC921", "us")));
        check("SZUC921", &[(0, '5', 0.05)], &["us"], Some(("SZUC921", "us")));
    }

    #[test]
    fn strangers_are_not_repaired() {
        check("ABK2CDE", &[], &["gb"], None);
        check("AB1CDE", &[], &["it"], None);
        check("8O8O8O8", &[], &["gb"], None);
        check("AB12CDE", &[], &[], None);
        check("AB12CDE", &[], &["fr", "it"], None);
    }

    #[test]
    fn a_named_alternative_may_be_chosen_even_if_it_does_not_look_alike() {
        check("ABK2CDE", &[(2, '4', 0.2)], &["gb"], Some(("AB42CDE", "gb")));
        check("ABK2CDE", &[(2, '4', 0.01)], &["gb"], None);
    }

    #[test]
    fn two_repairs_about_as_likely_are_none() {
        check("ABH2CDE", &[(2, '4', 0.2), (2, '6', 0.19)], &["gb"], None);
        check("ABH2CDE", &[(2, '4', 0.25), (2, '6', 0.05)], &["gb"], Some(("AB42CDE", "gb")));
    }

    #[test]
    fn the_first_expected_country_that_fits_is_told() {
        check("AB123CD", &[], &["it", "fr", "sk"], Some(("AB123CD", "it")));
        check("AB123CD", &[], &["sk", "it"], Some(("AB123CD", "sk")));
        check("AB1234", &[], &["gb", "lv"], Some(("AB1234", "lv")));
    }

    #[test]
    fn a_repair_is_less_certain_than_a_read_that_fits() {
        let fits = rerank(&read("AB12CDE", &[]), &regions(&["gb"])).unwrap();
        let repaired = rerank(&read("ABI2CDE", &[]), &regions(&["gb"])).unwrap();
        assert!(repaired.confidence < fits.confidence && repaired.confidence.value() > 0.5);
        assert_eq!((fits.repairs, repaired.repairs), (0, 1));
    }

    proptest! {
        #[test]
        fn a_rank_keeps_the_length_fits_its_region_and_explains_every_change(
            text in "[A-Z0-9]{1,9}", region in prop::sample::select(super::super::regions()),
        ) {
            if let Some(ranked) = rerank(&read(&text, &[]), &[region]) {
                prop_assert_eq!(ranked.region, region);
                prop_assert_eq!(ranked.text.as_str().len(), text.len());
                prop_assert!(super::super::fit(&ranked.text, region).is_some());
                let changed: Vec<_> = ranked.text.as_str().chars().zip(text.chars()).filter(|(a, b)| a != b).collect();
                prop_assert_eq!(changed.len(), ranked.repairs);
                for (a, b) in changed {
                    prop_assert!(confusion::is_look_alike(a, b), "{} for {}", a, b);
                }
            }
        }
    }
}
