//! Decoding a CTC reader: positions by classes, one of them the blank that separates equal characters.
//!
//! A small beam finds the likeliest text, the forward sums over all its alignments give its probability, and
//! forward times backward tells which positions are which character. Work and memory are bounded by
//! `positions * MAX_TEXT` and the beam's width.

use super::lattice::{Classes, Decoded, Lattice};
use crate::plate::{Confidence, MAX_TEXT};

/// Prefixes kept per position.
const WIDTH: usize = 12;
/// Classes less likely than this do not prolong a prefix.
const LEAST: f32 = 1e-3;
/// States of the alignment: a blank before, between and behind the characters.
const STATES: usize = 2 * MAX_TEXT + 1;

/// A text so far, as class numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Prefix {
    classes: [u16; MAX_TEXT],
    len: usize,
}

impl Prefix {
    fn as_slice(&self) -> &[u16] {
        self.classes.get(..self.len).unwrap_or_default()
    }

    fn last(&self) -> Option<usize> {
        self.as_slice().last().map(|&c| usize::from(c))
    }

    /// `None` if a plate cannot be that long.
    fn with(&self, class: usize) -> Option<Self> {
        let mut longer = *self;
        *longer.classes.get_mut(self.len)? = u16::try_from(class).ok()?;
        longer.len += 1;
        Some(longer)
    }
}

/// A prefix and its probability, by whether its last position was a blank.
#[derive(Debug, Clone, Copy, Default)]
struct Beam {
    prefix: Prefix,
    blank: f64,
    filled: f64,
}

impl Beam {
    fn all(&self) -> f64 {
        self.blank + self.filled
    }
}

/// Working memory, kept between reads.
#[derive(Debug, Default)]
pub(super) struct Ctc {
    beams: Vec<Beam>,
    next: Vec<Beam>,
    forward: Vec<[f64; STATES]>,
    weights: Vec<f32>,
}

impl Ctc {
    /// The likeliest text; `None` if that is no text at all.
    pub(super) fn decode(&mut self, lattice: &Lattice, classes: &Classes) -> Option<Decoded> {
        let text = self.likeliest(lattice, classes.none);
        if text.len == 0 {
            return None;
        }
        let confidence = self.align(lattice, classes.none, text.as_slice());
        let mut chars = Vec::with_capacity(text.len);
        for (weights, &class) in self.weights.chunks_exact(lattice.classes()).zip(text.as_slice()) {
            chars.push(classes.char_read(usize::from(class), weights)?);
        }
        (chars.len() == text.len).then(|| Decoded { chars, confidence: Confidence::new(confidence) })
    }

    /// Prefix beam search. Every position scales all beams alike, so the sums are kept near one.
    fn likeliest(&mut self, lattice: &Lattice, blank: usize) -> Prefix {
        self.beams.clear();
        self.beams.push(Beam { blank: 1.0, ..Beam::default() });
        for row in lattice.rows() {
            self.next.clear();
            let p_blank = f64::from(row.get(blank).copied().unwrap_or(0.0));
            for beam in &self.beams {
                let repeated = beam.prefix.last().and_then(|c| row.get(c)).map_or(0.0, |&p| f64::from(p));
                add(&mut self.next, beam.prefix, beam.all() * p_blank, beam.filled * repeated);
                for (class, &p) in row.iter().enumerate().filter(|&(c, &p)| c != blank && p >= LEAST) {
                    // The same character again needs a blank between.
                    let from = if beam.prefix.last() == Some(class) { beam.blank } else { beam.all() };
                    if let Some(longer) = beam.prefix.with(class) {
                        add(&mut self.next, longer, 0.0, from * f64::from(p));
                    }
                }
            }
            self.next.sort_unstable_by(|a, b| b.all().total_cmp(&a.all()));
            self.next.truncate(WIDTH);
            let sum: f64 = self.next.iter().map(Beam::all).sum();
            if sum > 0.0 {
                for beam in &mut self.next {
                    beam.blank /= sum;
                    beam.filled /= sum;
                }
            }
            std::mem::swap(&mut self.beams, &mut self.next);
        }
        self.beams.first().map(|b| b.prefix).unwrap_or_default()
    }

    /// Probability of `text` over all its alignments. Leaves in `weights`, for each character, how likely each
    /// class is at the positions where that character stands.
    fn align(&mut self, lattice: &Lattice, blank: usize, text: &[u16]) -> f32 {
        let states = 2 * text.len() + 1;
        let class_of = |state: usize| match text.get(state / 2) {
            Some(&class) if state % 2 == 1 => usize::from(class),
            _ => blank,
        };
        let p = |row: &[f32], state: usize| f64::from(row.get(class_of(state)).copied().unwrap_or(0.0));
        // From a character straight to the next one, if they differ.
        let may_skip = |state: usize| state % 2 == 1 && state >= 3 && class_of(state) != class_of(state - 2);
        let at = |sums: &[f64; STATES], state: Option<usize>| {
            state.and_then(|s| sums.get(s)).copied().unwrap_or(0.0)
        };

        self.forward.clear();
        let mut log_sum = 0.0;
        let mut before = [0.0; STATES];
        for (t, row) in lattice.rows().enumerate() {
            let mut now = [0.0; STATES];
            for (s, value) in now.iter_mut().take(states).enumerate() {
                let arriving = if t == 0 {
                    if s <= 1 { 1.0 } else { 0.0 }
                } else {
                    let skipping = if may_skip(s) { at(&before, s.checked_sub(2)) } else { 0.0 };
                    at(&before, Some(s)) + at(&before, s.checked_sub(1)) + skipping
                };
                *value = arriving * p(row, s);
            }
            log_sum += normalise(&mut now);
            self.forward.push(now);
            before = now;
        }
        let ends = at(&before, states.checked_sub(1)) + at(&before, states.checked_sub(2));

        self.weights.clear();
        self.weights.resize(text.len() * lattice.classes(), 0.0);
        let mut behind = [0.0; STATES];
        for (t, row) in lattice.rows().enumerate().rev() {
            let last = t + 1 == self.forward.len();
            let mut now = [0.0; STATES];
            for (s, value) in now.iter_mut().take(states).enumerate() {
                *value = if last {
                    if s + 2 >= states { 1.0 } else { 0.0 }
                } else {
                    let skipping = if may_skip(s + 2) { at(&behind, Some(s + 2)) } else { 0.0 };
                    at(&behind, Some(s)) + at(&behind, Some(s + 1)) + skipping
                };
            }
            let Some(forward) = self.forward.get(t) else { break };
            let here: f64 = forward.iter().zip(&now).map(|(f, b)| f * b).sum();
            for (i, weights) in self.weights.chunks_exact_mut(lattice.classes()).enumerate() {
                let s = 2 * i + 1;
                let share = if here > 0.0 { at(forward, Some(s)) * at(&now, Some(s)) / here } else { 0.0 };
                for (weight, &p) in weights.iter_mut().zip(row) {
                    *weight += share as f32 * p;
                }
            }
            // What lies behind a position includes that position when seen from the one before.
            for (s, value) in now.iter_mut().take(states).enumerate() {
                *value *= p(row, s);
            }
            normalise(&mut now);
            behind = now;
        }
        (ends.max(0.0).ln() + log_sum).exp() as f32
    }
}

/// Adds to the beam of this prefix, or begins one.
fn add(beams: &mut Vec<Beam>, prefix: Prefix, blank: f64, filled: f64) {
    if blank + filled <= 0.0 {
        return;
    }
    match beams.iter_mut().find(|b| b.prefix == prefix) {
        Some(beam) => {
            beam.blank += blank;
            beam.filled += filled;
        }
        None => beams.push(Beam { prefix, blank, filled }),
    }
}

/// Scales to a sum of one and gives the logarithm of what the sum was.
fn normalise(sums: &mut [f64; STATES]) -> f64 {
    let sum: f64 = sums.iter().sum();
    if sum > 0.0 {
        for value in sums.iter_mut() {
            *value /= sum;
        }
    }
    sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{infer::Tensor, read::lattice::Rule};
    use proptest::prelude::*;

    /// Classes: A, B, blank.
    fn classes() -> Classes {
        Classes { alphabet: vec!['A', 'B'], none: 2 }
    }

    fn lattice(rows: &[[f32; 3]]) -> Lattice {
        let values = rows.iter().flatten().map(|p| p.ln()).collect();
        let mut lattice = Lattice::default();
        lattice.fill(&Tensor { name: "ctc".into(), shape: vec![rows.len(), 3], values }, Rule::plain());
        lattice
    }

    fn read(rows: &[[f32; 3]]) -> Option<Decoded> {
        Ctc::default().decode(&lattice(rows), &classes())
    }

    fn text(read: &Decoded) -> String {
        read.chars.iter().map(|c| c.c).collect()
    }

    /// The probability of every text, by trying every path.
    fn by_brute_force(rows: &[[f32; 3]]) -> std::collections::HashMap<String, f64> {
        let mut sums = std::collections::HashMap::new();
        for path in 0..3usize.pow(rows.len() as u32) {
            let (mut text, mut p, mut last, mut rest) = (String::new(), 1.0, 2, path);
            for row in rows {
                let class = rest % 3;
                rest /= 3;
                p *= f64::from(row[class]) / row.iter().map(|&v| f64::from(v)).sum::<f64>();
                if class != 2 && class != last {
                    text.push(if class == 0 { 'A' } else { 'B' });
                }
                last = class;
            }
            *sums.entry(text).or_default() += p;
        }
        sums
    }

    #[test]
    fn repeats_fold_and_blanks_separate() {
        let (a, b, gap) = ([0.98, 0.01, 0.01], [0.01, 0.98, 0.01], [0.01, 0.01, 0.98]);
        let check = |rows: &[[f32; 3]], expected: &str| {
            assert_eq!(read(rows).map(|r| text(&r)).unwrap_or_default(), expected);
        };
        check(&[a, a, b], "AB");
        check(&[a, gap, a, b, gap], "AAB");
        check(&[gap, gap], "");
        check(&[], "");
    }

    #[test]
    fn many_weak_alignments_beat_one_strong_path() {
        // The best single path is two blanks (0.36), but the three paths of "A" sum to 0.64.
        let read = read(&[[0.4, 0.0, 0.6], [0.4, 0.0, 0.6]]).unwrap();
        assert_eq!(text(&read), "A");
        assert!((read.confidence.value() - 0.64).abs() < 1e-3);
    }

    #[test]
    fn a_doubtful_character_names_the_other_one() {
        let read = read(&[[0.01, 0.01, 0.98], [0.6, 0.3, 0.1], [0.01, 0.01, 0.98]]).unwrap();
        assert_eq!(text(&read), "A");
        let (c, p) = read.chars[0].others[0];
        assert_eq!(c, 'B');
        assert!((p.value() - 1.0 / 3.0).abs() < 0.02 && (read.chars[0].p.value() - 2.0 / 3.0).abs() < 0.02);
    }

    #[test]
    fn a_text_longer_than_any_plate_is_cut_short_not_grown_without_end() {
        let mut rows = Vec::new();
        for _ in 0..40 {
            rows.extend([[0.98, 0.01, 0.01], [0.01, 0.01, 0.98]]);
        }
        assert!(read(&rows).is_none_or(|r| r.chars.len() <= MAX_TEXT && r.confidence.value() < 0.01));
    }

    proptest! {
        #[test]
        fn the_text_is_as_good_as_the_likeliest_and_its_probability_exact(
            rows in prop::collection::vec(prop::array::uniform3(0.01f32..1.0), 1..6),
        ) {
            let truth = by_brute_force(&rows);
            let found = read(&rows);
            let found_text = found.as_ref().map(text).unwrap_or_default();
            let best = truth.values().copied().fold(0.0, f64::max);
            prop_assert!(truth[&found_text] >= best * 0.9, "{found_text:?} {truth:?}");
            if let Some(found) = found {
                prop_assert!((f64::from(found.confidence.value()) - truth[&found_text]).abs() < 1e-3);
            }
        }

        #[test]
        fn any_numbers_give_a_text_of_plate_length_or_none(
            values in prop::collection::vec(prop::num::f32::ANY, 0..600), classes in 1usize..20, none in 0usize..20,
        ) {
            let rows = values.len() / classes;
            let mut lattice = Lattice::default();
            lattice.fill(&Tensor { name: "x".into(), shape: vec![rows, classes], values }, Rule::plain());
            let alphabet = ('A'..='Z').take(classes - 1).collect();
            let found = Ctc::default().decode(&lattice, &Classes { alphabet, none: none.min(classes - 1) });
            if let Some(found) = found {
                prop_assert!((1..=MAX_TEXT).contains(&found.chars.len()));
                prop_assert!(found.chars.iter().all(|c| c.others.len() <= 4 && c.others.iter().all(|o| o.0 != c.c)));
            }
        }
    }
}
