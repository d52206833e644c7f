//! The ballot: many reads of one plate become one text, position by position.
//!
//! **Weight.** A read weighs `confidence x height x sharpness`, each 0 to 1 (see [`weight`]). A frame has one
//! vote: of two reads of one frame the weightier counts. The best [`Settings::max_votes`] reads are kept, so
//! memory is bounded and the outcome depends on the set of reads, never on their order.
//!
//! **Places.** The pivot is the read with the least weighted distance to all others. The others are laid along
//! it; a character without a place opens a place of its own, where everybody else votes for "nothing here".
//!
//! **Outcome.** In each place the mean logarithm of the probabilities, weighted, is multiplied by the number of
//! *independent* looks, `n = W / (1 + (W - 1) r)`, where `W` is the total weight measured by the weightiest read:
//! frames of one car share their dirt and their light, so with `r` = 0.25 no number of them counts for more than
//! four, and a single read counts as one; while all reads are of a small plate, `r` is 0.6. Softmax gives the place's
//! probabilities; their product over all places is the confidence, less what all frames may share: a reader that
//! takes this plate's 8 for a B every time. No single probability counts as more than 0.98, so one overconfident
//! read decides nothing by itself.

use crate::{
    clock::Moment,
    infer::EngineKind,
    plate::{CharRead, Confidence, PlateText, Region, confusion, syntax},
    read::PlateRead,
};

use super::{
    Reading,
    align::align,
    place::{Place, symbol},
};

/// No outcome is surer than this: some errors are the same in every frame.
const SUREST: f32 = 0.998;
/// Reads that a small plate needs besides: its neighbouring frames show the same few pixels.
const SMALL_NEEDS_MORE: u32 = 2;
/// And how alike their errors are: many frames of a small plate are hardly more than one look.
const SMALL_CORRELATION: f32 = 0.6;
/// Places that one gap of the pivot may open.
const MAX_EXTRA: usize = 3;

/// How reads are weighed and when the outcome is sure.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Reads kept per vehicle, the best ones. Twelve looks at a plate say all that the plate will tell.
    pub max_votes: usize,
    /// Reads less confident than this do not vote.
    pub least_confidence: Confidence,
    /// How alike the errors of two frames of one car are, 0 (independent) to 1 (always the same).
    pub correlation: f32,
    /// Sure needs this many agreeing good reads. Two: a misread seldom repeats exactly in another frame, and a
    /// gate hears of it with the second good read.
    pub agreeing: u32,
    /// A read is good from this confidence...
    pub good_confidence: Confidence,
    /// ...and from this plate height in pixels on.
    pub good_height: f32,
    /// While all reads are of a plate lower than this, in pixels, two more are needed, and count for less together.
    pub firm_height: f32,
    /// Sure needs this confidence of the outcome as well: dissent lowers it.
    pub sure_confidence: Confidence,
    /// Without agreeing reads it is sure from this confidence on, if one read more took part: a fast car gives three
    /// frames, each with another character wrong, that leave no doubt together. `None`: never.
    pub together: Option<Confidence>,
    /// One good read alone is sure from this confidence on; `None`: never. Readers report 1.00 on blur, so a
    /// gate should not believe one frame; a counting camera over a fast road may.
    pub alone: Option<Confidence>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_votes: 12,
            least_confidence: Confidence::new(0.1),
            correlation: 0.25,
            agreeing: 2,
            good_confidence: Confidence::new(0.4),
            good_height: 12.0,
            firm_height: 18.0,
            sure_confidence: Confidence::new(0.95),
            together: Some(Confidence::new(0.99)),
            alone: None,
        }
    }
}

/// One vote.
#[derive(Debug, Clone, PartialEq)]
pub struct Cast {
    pub at: Moment,
    pub weight: f32,
    pub read: PlateRead,
}

/// What a read's vote weighs: its confidence, times its plate's height (8 px: a tenth, 24 px and more: all), times its
/// sharpness (blurred: three tenths, sharp: all).
pub fn weight(read: &PlateRead) -> f32 {
    let height = ((read.quality.height - 8.0) / 16.0).clamp(0.1, 1.0);
    let sharp = 0.3 + 0.7 * Confidence::new(read.quality.sharpness).value();
    read.confidence.value() * if height.is_nan() { 0.1 } else { height } * sharp
}

/// The reads of one vehicle that count.
#[derive(Debug, Clone)]
pub struct Ballot {
    settings: Settings,
    /// Best first.
    votes: Vec<Cast>,
}

impl Ballot {
    pub fn new(settings: Settings) -> Self {
        Self { settings, votes: Vec::new() }
    }

    /// Counts the read of the frame taken at `at`. `false` if it makes no difference: too unsure, or worse than
    /// what is already known.
    pub fn add(&mut self, at: Moment, read: &PlateRead) -> bool {
        let usable = read.confidence >= self.settings.least_confidence
            && read.confidence > Confidence::NONE
            && read.chars.len() == read.text.as_str().len();
        usable && self.cast(Cast { at, weight: weight(read), read: read.clone() })
    }

    /// Takes over the votes of another ballot on the same vehicle.
    pub fn absorb(&mut self, other: Self) {
        for vote in other.votes {
            self.cast(vote);
        }
    }

    fn cast(&mut self, vote: Cast) -> bool {
        if let Some(same) = self.votes.iter().position(|v| v.at == vote.at) {
            match self.votes.get(same) {
                Some(known) if better(&vote, known).is_lt() => {
                    self.votes.remove(same);
                }
                _ => return false,
            }
        }
        let place = self.votes.partition_point(|known| better(known, &vote).is_lt());
        if place >= self.settings.max_votes.max(1) {
            return false;
        }
        self.votes.insert(place, vote);
        self.votes.truncate(self.settings.max_votes.max(1));
        true
    }

    /// Best first.
    pub fn votes(&self) -> &[Cast] {
        &self.votes
    }

    /// The reading as it stands, repaired by the formats of `regions` where they demand it.
    pub fn reading(&self, regions: &[Region]) -> Option<Reading> {
        let places = self.count()?;
        let (raw, chars, confidence) = self.winner(&places)?;
        let ranked = syntax::rerank(&chars, regions);
        let (text, region, confidence) = match ranked {
            // A format that the text fits as it is adds the region, not certainty.
            Some(fit) if fit.text == raw => (raw.clone(), Some(fit.region), confidence),
            Some(fit) => (fit.text, Some(fit.region), fit.confidence),
            None => (raw.clone(), None, confidence),
        };
        let runner_up = runner_up(&places, confidence).filter(|(second, _)| *second != text);
        let agrees = |v: &&Cast| {
            confusion::distance(&v.read.text, &text).min(confusion::distance(&v.read.text, &raw)) < 0.25
        };
        let agreeing = self.votes.iter().filter(agrees).count();
        let sure = self.is_sure(confidence, self.votes.iter().filter(agrees));
        let (engine, model) = self.commonest_engine()?;
        Some(Reading {
            text,
            confidence,
            raw,
            region,
            runner_up,
            chars,
            sure,
            votes: u32::try_from(self.votes.len()).unwrap_or(u32::MAX),
            agreeing: u32::try_from(agreeing).unwrap_or(u32::MAX),
            engine,
            model,
        })
    }

    fn is_sure<'a>(&self, outcome: Confidence, agreeing: impl Iterator<Item = &'a Cast>) -> bool {
        let s = &self.settings;
        let good: Vec<_> = agreeing
            .filter(|v| v.read.confidence >= s.good_confidence && v.read.quality.height >= s.good_height)
            .collect();
        let firm = |vote: &Cast| vote.read.quality.height >= s.firm_height;
        let at_least = |count: usize, least: u32, firm: bool| {
            let needed = least.saturating_add(if firm { 0 } else { SMALL_NEEDS_MORE });
            u32::try_from(count).unwrap_or(u32::MAX) >= needed
        };
        let agreed = at_least(good.len(), s.agreeing.max(1), good.iter().any(|v| firm(v)))
            && outcome >= s.sure_confidence;
        let together = at_least(self.votes.len(), s.agreeing.saturating_add(1), self.votes.iter().any(firm))
            && s.together.is_some_and(|least| outcome >= least);
        let alone = self.votes.len() == 1
            && s.alone.is_some_and(|least| good.iter().any(|v| firm(v) && v.read.confidence >= least));
        agreed || together || alone
    }

    fn commonest_engine(&self) -> Option<(EngineKind, String)> {
        let count = |vote: &Cast| {
            let same = |v: &&Cast| v.read.engine == vote.read.engine && v.read.model == vote.read.model;
            self.votes.iter().filter(same).count()
        };
        // The first of the most frequent ones: votes are in a fixed order, so this is too.
        let most = self.votes.iter().map(count).max()?;
        let vote = self.votes.iter().find(|v| count(v) == most)?;
        Some((vote.read.engine, vote.read.model.clone()))
    }

    /// The read that is nearest to all others.
    fn pivot(&self) -> Option<&Cast> {
        let apart = |a: &Cast| -> f32 {
            self.votes.iter().map(|b| b.weight * confusion::distance(&a.read.text, &b.read.text)).sum()
        };
        let scored = self.votes.iter().map(|v| (apart(v), v));
        scored.min_by(|(a, x), (b, y)| a.total_cmp(b).then(better(x, y))).map(|(_, vote)| vote)
    }

    /// The probabilities of every place, in reading order.
    fn count(&self) -> Option<Vec<Place>> {
        let small = !self.votes.iter().any(|vote| vote.read.quality.height >= self.settings.firm_height);
        let least = if small { SMALL_CORRELATION } else { 0.0 };
        let correlation = self.settings.correlation.max(least);
        let pivot = &self.pivot()?.read.chars;
        let laid: Vec<_> = self.votes.iter().map(|v| (v, align(pivot, &v.read.chars))).collect();
        let mut places = Vec::with_capacity(pivot.len() + 2);
        for position in 0..=pivot.len() {
            let extras = laid.iter().filter_map(|(_, a)| a.before.get(position)).map(Vec::len).max();
            for extra in 0..extras.unwrap_or(0).min(MAX_EXTRA) {
                places.push(Place::pool(
                    correlation,
                    laid.iter().map(|(vote, alignment)| {
                        let index = alignment.before.get(position).and_then(|b| b.get(extra));
                        (vote.weight, index.and_then(|&i| vote.read.chars.get(i)))
                    }),
                ));
            }
            if position < pivot.len() {
                places.push(Place::pool(
                    correlation,
                    laid.iter().map(|(vote, alignment)| {
                        let index = alignment.at.get(position).copied().flatten();
                        (vote.weight, index.and_then(|i| vote.read.chars.get(i)))
                    }),
                ));
            }
        }
        Some(places)
    }

    /// The likeliest text, its characters, and the probability that all of it is right.
    fn winner(&self, places: &[Place]) -> Option<(PlateText, Vec<CharRead>, Confidence)> {
        let mut chars = Vec::with_capacity(places.len());
        let mut confidence = SUREST;
        for place in places {
            let ranked = place.ranked();
            let (best, p) = *ranked.first()?;
            confidence *= p;
            if let Some(c) = symbol(best) {
                let others = ranked.iter().skip(1).filter(|(_, p)| *p >= 1e-4);
                let others = others.filter_map(|&(s, p)| Some((symbol(s)?, Confidence::new(p)))).take(4);
                chars.push(CharRead { c, p: Confidence::new(p), others: others.collect() });
            }
        }
        let text: String = chars.iter().map(|c| c.c).collect();
        match PlateText::normalise(&text) {
            Ok(text) => Some((text, chars, Confidence::new(confidence))),
            // More places won than a plate has, or none: the read in the middle speaks for all, at half its word.
            Err(_) => {
                let read = &self.pivot()?.read;
                let half = Confidence::new(read.confidence.value() / 2.0);
                Some((read.text.clone(), read.chars.clone(), half))
            }
        }
    }
}

/// A total order, so that the same set of votes always counts the same: weightier first.
fn better(a: &Cast, b: &Cast) -> std::cmp::Ordering {
    let chances = |x: &Cast| x.read.chars.iter().map(|c| c.p.value()).sum::<f32>();
    b.weight
        .total_cmp(&a.weight)
        .then_with(|| a.at.cmp(&b.at))
        .then_with(|| a.read.text.cmp(&b.read.text))
        .then_with(|| chances(b).total_cmp(&chances(a)))
}

/// Second best: the place with the narrowest win goes the other way.
fn runner_up(places: &[Place], best: Confidence) -> Option<(PlateText, Confidence)> {
    let ranked: Vec<_> = places.iter().map(Place::ranked).collect();
    let ratio = |r: &[(usize, f32)]| match r {
        [(_, first), (_, second), ..] => second / first.max(1e-6),
        _ => 0.0,
    };
    let (turned, narrowest) =
        ranked.iter().map(|r| ratio(r)).enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    let pick = |(i, r): (usize, &Vec<(usize, f32)>)| r.get(usize::from(i == turned)).copied();
    let text: String = ranked.iter().enumerate().filter_map(pick).filter_map(|(s, _)| symbol(s)).collect();
    let confidence = Confidence::new(best.value() * narrowest);
    (confidence.value() >= 1e-3).then_some(())?;
    Some((PlateText::normalise(&text).ok()?, confidence))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::read::Quality;
    use proptest::prelude::*;

    /// A sharp read of a large plate: `AB12CDE`, or `AB12CDE@0.7`, or `AB1?CDE` with a 2 that could be a Z.
    fn read(written: &str) -> PlateRead {
        let (text, confidence) = written.split_once('@').unwrap_or((written, "0.95"));
        let confidence: f32 = confidence.parse().unwrap();
        let plain: String = text.replace('?', "2");
        let p = confidence.powf(1.0 / plain.len() as f32);
        let char = |(given, c): (char, char)| match given {
            '?' => CharRead {
                c: '2',
                p: Confidence::new(0.55),
                others: vec![('Z', Confidence::new(0.43)), ('7', Confidence::new(0.01))],
            },
            _ => CharRead { c, p: Confidence::new(p), others: Vec::new() },
        };
        PlateRead {
            text: PlateText::normalise(&plain).unwrap(),
            confidence: Confidence::new(confidence),
            chars: text.chars().zip(plain.chars()).map(char).collect(),
            quality: Quality { height: 30.0, sharpness: 0.9 },
            engine: EngineKind::Cpu,
            model: "reader".to_owned(),
            took: Duration::from_millis(3),
        }
    }

    fn ballot(reads: &str, settings: Settings) -> Ballot {
        let mut ballot = Ballot::new(settings);
        for (i, written) in reads.split_whitespace().enumerate() {
            ballot.add(Moment::from_micros(i as u64 * 100_000), &read(written));
        }
        ballot
    }

    fn vote(reads: &str) -> Reading {
        ballot(reads, Settings::default()).reading(&[]).unwrap()
    }

    /// What these reads come to, and whether it is sure.
    fn check(reads: &str, expected: &str, sure: bool) {
        let reading = vote(reads);
        assert_eq!(
            (reading.text.as_str(), reading.sure),
            (expected, sure),
            "{reads}: {}",
            reading.confidence
        );
    }

    #[test]
    fn the_majority_wins_in_every_place_by_itself() {
        check("AB12CDE AB12COE AB12CDE", "AB12CDE", true);
        check("XB12CDE AX12CDE ABX2CDE", "AB12CDE", false);
        check("AB12CDE AB12CDF", "AB12CDE", false);
    }

    #[test]
    fn reads_of_other_lengths_vote_for_what_they_saw() {
        check("AB12CDE 12CDE AB12CDE", "AB12CDE", true);
        check("IAB12CDE AB12CDE AB12CDE AB12CDE", "AB12CDE", true);
        check("AB12CD AB12CDE AB12CDE", "AB12CDE", true);
        check("AB12CD AB12CD AB12CDE", "AB12CD", false);
    }

    #[test]
    fn one_read_is_never_sure_by_default_however_loud() {
        check("AB12CDE@1.0", "AB12CDE", false);
        let settings = Settings { alone: Some(Confidence::new(0.98)), ..Settings::default() };
        assert!(ballot("AB12CDE@0.99", settings.clone()).reading(&[]).unwrap().sure);
        assert!(!ballot("AB12CDE@0.97", settings.clone()).reading(&[]).unwrap().sure);
        assert!(!ballot("AB12CDE@0.99 XX12CDE@0.5", settings).reading(&[]).unwrap().sure);
    }

    #[test]
    fn one_loud_hallucination_does_not_beat_two_quiet_reads() {
        check("AB12CDE@0.8 ZZ99ZZZ@1.0 AB12CDE@0.8", "AB12CDE", false);
        check("AB12CDE ZZ99ZZZ@1.0 AB12CDE AB12CDE AB12CDE", "AB12CDE", true);
    }

    #[test]
    fn a_small_or_blurred_look_counts_less() {
        let mut small = read("AB12CDF");
        small.quality = Quality { height: 9.0, sharpness: 0.2 };
        assert!(weight(&small) < 0.1 * weight(&read("AB12CDF")));
        let mut ballot = Ballot::new(Settings::default());
        for i in 0..4 {
            ballot.add(Moment::from_micros(i), &small);
        }
        ballot.add(Moment::from_micros(9), &read("AB12CDE"));
        assert_eq!(ballot.reading(&[]).unwrap().text.as_str(), "AB12CDE");
    }

    #[test]
    fn a_small_plate_needs_more_looks_before_it_is_sure() {
        let check = |heights: &[f32], sure: bool| {
            let mut ballot = Ballot::new(Settings::default());
            for (i, height) in heights.iter().enumerate() {
                let mut read = read("AB12CDE");
                read.quality.height = *height;
                ballot.add(Moment::from_micros(i as u64 * 40_000), &read);
            }
            assert_eq!(ballot.reading(&[]).unwrap().sure, sure, "{heights:?}");
        };
        check(&[14.0, 14.3], false);
        check(&[14.0, 14.3, 14.6], false);
        check(&[14.0, 14.3, 14.6, 15.0], true);
        check(&[14.0, 18.5], true);
        check(&[11.0, 11.0, 11.0, 11.0], false);
        // However many doubtful reads of a small plate agree, they do not make it certain; of a larger one they do.
        let doubtful = |height: f32| {
            let mut ballot = Ballot::new(Settings::default());
            for i in 0..10 {
                let mut read = read("AB1?CDE");
                read.chars[3].p = Confidence::new(0.8);
                read.chars[3].others = vec![('Z', Confidence::new(0.19))];
                read.quality.height = height;
                ballot.add(Moment::from_micros(i * 40_000), &read);
            }
            ballot.reading(&[]).unwrap().sure
        };
        assert_eq!((doubtful(15.0), doubtful(25.0)), (false, true));
    }

    #[test]
    fn a_frame_has_one_vote() {
        let mut ballot = Ballot::new(Settings::default());
        let frame = Moment::from_micros(7);
        assert!(ballot.add(frame, &read("AB12CDF@0.8")));
        assert!(ballot.add(frame, &read("AB12CDE@0.9")));
        assert!(!ballot.add(frame, &read("AB12CDF@0.7")));
        let reading = ballot.reading(&[]).unwrap();
        assert_eq!((reading.text.as_str(), reading.votes), ("AB12CDE", 1));
    }

    #[test]
    fn the_runner_up_is_the_narrowest_other_way() {
        let reading = vote("AB1?CDE AB1?CDE");
        assert_eq!(reading.text.as_str(), "AB12CDE");
        let (second, confidence) = reading.runner_up.unwrap();
        assert_eq!(second.as_str(), "AB1ZCDE");
        assert!(confidence < reading.confidence && confidence.value() > 0.05, "{confidence}");
        assert_eq!(reading.chars[3].others[0].0, 'Z');
    }

    #[test]
    fn a_format_repairs_the_outcome_and_the_raw_text_stays() {
        let gb = [Region::from_code("gb").unwrap()];
        let reading = ballot("ABI2CDE ABI2CDE", Settings::default()).reading(&gb).unwrap();
        assert_eq!((reading.text.as_str(), reading.raw.as_str()), ("AB12CDE", "ABI2CDE"));
        assert_eq!(reading.region, Some(gb[0]));
        assert_eq!((reading.sure, reading.agreeing), (true, 2));
    }

    #[test]
    fn more_agreement_is_more_certain_and_dissent_less() {
        let confidence = |reads| vote(reads).confidence.value();
        let one = confidence("AB12CDE@0.9");
        let two = confidence("AB12CDE@0.9 AB12CDE@0.9");
        let three = confidence("AB12CDE@0.9 AB12CDE@0.9 AB12CDE@0.9");
        let split = confidence("AB12CDE@0.9 AB12CDE@0.9 AB12CDF@0.9");
        assert!(one < two && two < three && split < two, "{one} {two} {three} {split}");
        assert!(vote(&"AB12CDE@0.9 ".repeat(50)).confidence.value() <= SUREST);
    }

    #[test]
    fn nothing_comes_of_nothing() {
        assert_eq!(ballot("", Settings::default()).reading(&[]), None);
        assert_eq!(ballot("AB12CDE@0.05", Settings::default()).reading(&[]), None);
        let mut broken = read("AB12CDE");
        broken.chars.pop();
        assert!(!Ballot::new(Settings::default()).add(Moment::ZERO, &broken));
    }

    fn any_read() -> impl Strategy<Value = PlateRead> {
        ("[AB80][12]{1,2}[A-C0-3]{1,9}", 0.05f32..1.0, 5.0f32..40.0, 0.0f32..1.0).prop_map(
            |(text, c, height, sharpness)| {
                let mut read = read(&format!("{text}@{c}"));
                read.quality = Quality { height, sharpness };
                read
            },
        )
    }

    proptest! {
        #[test]
        fn the_order_of_the_reads_never_matters(
            (reads, shuffled) in prop::collection::vec((0u64..12, any_read()), 1..24)
                .prop_flat_map(|reads| (Just(reads.clone()), Just(reads).prop_shuffle())),
        ) {
            let outcome = |reads: &[(u64, PlateRead)]| {
                let mut ballot = Ballot::new(Settings { max_votes: 6, ..Settings::default() });
                for (at, read) in reads {
                    ballot.add(Moment::from_micros(*at), read);
                }
                ballot.reading(&[])
            };
            prop_assert_eq!(outcome(&reads), outcome(&shuffled));
        }

        #[test]
        fn a_reading_is_a_plate_with_one_entry_per_character(reads in prop::collection::vec(any_read(), 1..20)) {
            let mut ballot = Ballot::new(Settings::default());
            for (at, read) in reads.iter().enumerate() {
                ballot.add(Moment::from_micros(at as u64), read);
            }
            prop_assert!(ballot.votes().len() <= 12);
            if let Some(reading) = ballot.reading(&[]) {
                prop_assert_eq!(reading.raw.as_str().len(), reading.chars.len());
                prop_assert!((0.0..=1.0).contains(&reading.confidence.value()));
                prop_assert!(reading.runner_up.is_none_or(|(second, c)| second != reading.text && c <= reading.confidence));
                prop_assert!(reading.chars.iter().all(|c| c.others.len() <= 4 && c.others.iter().all(|o| o.0 != c.c)));
            }
        }
    }
}
