//! Probabilities of characters per position, and what the decoders make of them.
//!
//! Pure arithmetic on what a reader network gave. Which position is which character is `ctc`'s and `slots`'
//! business.

use super::CharRead;
use crate::{
    infer::{Tensor, description::Values},
    plate::Confidence,
};

/// Most alternatives that are handed on per character.
pub(super) const MAX_OTHERS: usize = 4;
/// Alternatives less likely than this are not worth a vote.
const LEAST_OTHER: f32 = 0.001;
/// Probabilities below this are as good as none.
const LEAST_PROBABILITY: f32 = 1e-7;
/// Raw values beyond this are as certain as can be.
const LOGIT_LIMIT: f32 = 1e4;

/// How a network's numbers become a lattice.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule<'a> {
    pub values: Values,
    pub temperature: f32,
    /// Which class each of the network's own counts as; `None`: itself.
    pub folded: Option<&'a [u16]>,
    /// Classes after folding.
    pub classes: usize,
}

#[cfg(test)]
impl Rule<'_> {
    pub(super) const fn plain() -> Self {
        Self { values: Values::Logits, temperature: 1.0, folded: None, classes: 0 }
    }
}

/// Positions by classes: each row sums to one.
#[derive(Debug, Default)]
pub(super) struct Lattice {
    classes: usize,
    probabilities: Vec<f32>,
    row: Vec<f32>,
}

impl Lattice {
    /// Probabilities of each position. Anything that is not a number counts as impossible.
    pub(super) fn fill(&mut self, numbers: &Tensor, rule: Rule<'_>) {
        let wide = numbers.shape.last().copied().unwrap_or(0);
        self.classes = if rule.folded.is_some() { rule.classes } else { wide };
        self.probabilities.clear();
        if wide == 0 || self.classes == 0 {
            return;
        }
        for position in numbers.values.chunks_exact(wide) {
            self.row.clear();
            self.row.extend_from_slice(position);
            let is_probable = match rule.values {
                Values::Logits => false,
                Values::Probabilities => true,
                Values::Either => looks_probable(position),
            };
            if is_probable {
                self.row.iter_mut().for_each(|p| *p = p.max(LEAST_PROBABILITY).ln());
            }
            softmax(&mut self.row, rule.temperature);
            match rule.folded {
                None => self.probabilities.extend_from_slice(&self.row),
                Some(folded) => {
                    let begin = self.probabilities.len();
                    self.probabilities.resize(begin + self.classes, 0.0);
                    let Some(sums) = self.probabilities.get_mut(begin..) else { continue };
                    for (p, class) in self.row.iter().zip(folded) {
                        if let Some(sum) = sums.get_mut(usize::from(*class)) {
                            *sum += p;
                        }
                    }
                }
            }
        }
    }

    /// Number of classes per position, the one that is no character included.
    pub(super) fn classes(&self) -> usize {
        self.classes
    }

    /// One row per position.
    pub(super) fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> + DoubleEndedIterator {
        // At least one, so that an empty lattice has no rows instead of a panic.
        self.probabilities.chunks_exact(self.classes.max(1))
    }
}

/// Quantisation leaves sums a little off.
fn looks_probable(position: &[f32]) -> bool {
    let sum: f32 = position.iter().sum();
    (0.8..=1.2).contains(&sum) && position.iter().all(|p| (-0.01..=1.01).contains(p))
}

fn softmax(row: &mut [f32], temperature: f32) {
    let mut highest = f32::NEG_INFINITY;
    for v in row.iter_mut() {
        let scaled = *v / temperature;
        *v = if scaled.is_nan() { -LOGIT_LIMIT } else { scaled.clamp(-LOGIT_LIMIT, LOGIT_LIMIT) };
        highest = highest.max(*v);
    }
    let mut sum = 0.0;
    for v in row.iter_mut() {
        *v = (*v - highest).exp();
        sum += *v;
    }
    // The highest value gave 1, so the sum is no zero.
    for v in row.iter_mut() {
        *v /= sum;
    }
}

/// What a decoder read: the characters and how sure it is of all of them together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Decoded {
    pub chars: Vec<CharRead>,
    pub confidence: Confidence,
}

/// A network's characters, and its class that is none: the blank of `ctc`, the empty slot of `slots`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Classes {
    pub alphabet: Vec<char>,
    pub none: usize,
}

impl Classes {
    /// The character of a class; `None` for the class that is no character.
    pub(super) fn character(&self, class: usize) -> Option<char> {
        match class.cmp(&self.none) {
            std::cmp::Ordering::Less => self.alphabet.get(class).copied(),
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Greater => self.alphabet.get(class - 1).copied(),
        }
    }

    /// One character from the weight of every class at its position. Weights need not sum to one; the class that
    /// is no character is not looked at, so the result is the chance of each character given that there is one.
    pub(super) fn char_read(&self, chosen: usize, weights: &[f32]) -> Option<CharRead> {
        let c = self.character(chosen)?;
        let all: f32 = weights.iter().enumerate().filter(|(i, _)| *i != self.none).map(|(_, w)| w).sum();
        let share = |w: f32| Confidence::new(if all > 0.0 { w / all } else { 0.0 });
        let mut others: Vec<(char, Confidence)> = weights
            .iter()
            .enumerate()
            .filter(|(class, _)| *class != chosen)
            .filter_map(|(class, &w)| Some((self.character(class)?, share(w))))
            .filter(|(_, p)| p.value() >= LEAST_OTHER)
            .collect();
        others.sort_unstable_by(|a, b| b.1.value().total_cmp(&a.1.value()).then(a.0.cmp(&b.0)));
        others.truncate(MAX_OTHERS);
        Some(CharRead { c, p: share(weights.get(chosen).copied().unwrap_or(0.0)), others })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_class_without_a_character_may_stand_anywhere() {
        let first = Classes { alphabet: vec!['A', 'B'], none: 0 };
        let last = Classes { alphabet: vec!['A', 'B'], none: 2 };
        assert_eq!([0, 1, 2, 3].map(|c| first.character(c)), [None, Some('A'), Some('B'), None]);
        assert_eq!([0, 1, 2, 3].map(|c| last.character(c)), [Some('A'), Some('B'), None, None]);
    }

    #[test]
    fn a_higher_temperature_is_less_sure() {
        let logits = Tensor { name: "x".into(), shape: vec![1, 2], values: vec![2.0, 0.0] };
        let sure = |temperature| {
            let mut lattice = Lattice::default();
            lattice.fill(&logits, Rule { temperature, ..Rule::plain() });
            lattice.rows().next().unwrap()[0]
        };
        assert!(sure(1.0) > 0.87 && sure(1.0) < 0.89);
        assert!(sure(4.0) < sure(1.0) && sure(4.0) > 0.5);
    }

    #[test]
    fn classes_that_count_as_the_same_are_added_up_and_all_others_are_no_character() {
        // Blank, "a", "A", "-"; counted as A (0) or nothing (1).
        let row = vec![0.1, 0.3, 0.5, 0.1];
        let numbers = Tensor { name: "x".into(), shape: vec![1, 4], values: row };
        let rule = Rule { values: Values::Either, folded: Some(&[1, 0, 0, 1]), classes: 2, ..Rule::plain() };
        let mut lattice = Lattice::default();
        lattice.fill(&numbers, rule);
        let folded: Vec<f32> = lattice.rows().next().unwrap().to_vec();
        assert!((folded[0] - 0.8).abs() < 1e-4 && (folded[1] - 0.2).abs() < 1e-4, "{folded:?}");
    }

    #[test]
    fn numbers_that_cannot_be_probabilities_are_logits() {
        assert!(looks_probable(&[0.02, 0.0, 0.98]) && !looks_probable(&[0.4, -0.4, 1.0]));
        assert!(!looks_probable(&[0.1, 0.1]) && !looks_probable(&[f32::NAN, 0.5]));
    }

    proptest! {
        #[test]
        fn every_row_is_a_distribution_whatever_the_network_gave(
            values in prop::collection::vec(prop::num::f32::ANY, 0..200), classes in 0usize..12,
        ) {
            let logits = Tensor { name: "x".into(), shape: vec![values.len(), classes], values };
            let mut lattice = Lattice::default();
            lattice.fill(&logits, Rule { temperature: 1.3, ..Rule::plain() });
            for row in lattice.rows() {
                prop_assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-3);
            }
        }
    }
}
