//! One place of a plate: what all reads together say stands there.
//!
//! Probabilities over A-Z, 0-9 and "nothing here". Which characters of which read stand at one place is `align`'s
//! business, what the places make together is `vote`'s.

use crate::plate::CharRead;

/// A-Z, 0-9, and "nothing here".
const SYMBOLS: usize = 37;
const NOTHING: usize = 36;
/// The part of every probability that is spread evenly, because readers are surer than they should be.
const DOUBT: f32 = 0.02;
/// How sure a read is of "nothing here" where it has no character: losing one is commoner than inventing one.
const NOTHING_P: f32 = 0.8;
/// The probabilities of one place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place([f32; SYMBOLS]);

impl Place {
    /// The weighted votes of reads whose errors are as alike as `correlation` says.
    pub(super) fn pool<'a>(
        correlation: f32,
        votes: impl Iterator<Item = (f32, Option<&'a CharRead>)>,
    ) -> Self {
        let mut logs = [0.0f32; SYMBOLS];
        let (mut total, mut weightiest) = (0.0f32, 0.0f32);
        for (weight, char) in votes {
            let weight = weight.max(1e-3);
            total += weight;
            weightiest = weightiest.max(weight);
            for (log, p) in logs.iter_mut().zip(probabilities(char)) {
                *log += weight * p.ln();
            }
        }
        let correlation = correlation.clamp(0.0, 1.0);
        let reads = total / weightiest.max(1e-3);
        let looks = reads / (1.0 + (reads - 1.0).max(0.0) * correlation);
        let highest = logs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut sum = 0.0;
        for log in &mut logs {
            *log = ((*log - highest) * looks / total.max(1e-3)).exp();
            sum += *log;
        }
        Self(logs.map(|p| p / sum))
    }

    /// Symbols with their probabilities, likeliest first; [`symbol`] says which they are.
    pub(super) fn ranked(&self) -> Vec<(usize, f32)> {
        let mut ranked: Vec<_> = self.0.iter().copied().enumerate().collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        ranked
    }
}

/// What one read says about one place.
fn probabilities(char: Option<&CharRead>) -> [f32; SYMBOLS] {
    let Some(char) = char else {
        let mut nothing = [(1.0 - NOTHING_P) / NOTHING as f32; SYMBOLS];
        nothing[NOTHING] = NOTHING_P;
        return nothing;
    };
    let mut p = [0.0f32; SYMBOLS];
    let mut named = 0.0;
    for (c, share) in std::iter::once((char.c, char.p)).chain(char.others.iter().copied()) {
        if let Some(slot) = index(c).and_then(|i| p.get_mut(i)) {
            *slot += share.value();
            named += share.value();
        }
    }
    // What was not named is shared by the characters that were not named.
    let rest = (1.0 - named).max(0.0) / NOTHING as f32;
    let sum = named + rest * NOTHING as f32;
    for slot in p.iter_mut().take(NOTHING) {
        *slot = (1.0 - DOUBT) * (*slot + rest) / sum.max(1e-6) + DOUBT / SYMBOLS as f32;
    }
    p[NOTHING] = DOUBT / SYMBOLS as f32 + (1.0 - char.p.value()) * 0.05;
    p
}

fn index(c: char) -> Option<usize> {
    match c {
        'A'..='Z' => Some(c as usize - 'A' as usize),
        '0'..='9' => Some(26 + c as usize - '0' as usize),
        _ => None,
    }
}

/// `None`: nothing stands there.
pub(super) fn symbol(index: usize) -> Option<char> {
    let letters = u8::try_from(index).ok()?;
    match letters {
        0..26 => Some(char::from(b'A' + letters)),
        26..36 => Some(char::from(b'0' + letters - 26)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plate::Confidence;

    fn seen(c: char, p: f32) -> CharRead {
        CharRead { c, p: Confidence::new(p), others: Vec::new() }
    }

    /// What wins, and how likely it is.
    fn pooled(votes: &[(f32, Option<CharRead>)]) -> (Option<char>, f32) {
        let ranked = Place::pool(0.25, votes.iter().map(|(w, c)| (*w, c.as_ref()))).ranked();
        (symbol(ranked[0].0), ranked[0].1)
    }

    #[test]
    fn a_single_read_counts_as_what_it_says_but_for_a_doubt() {
        let (c, p) = pooled(&[(0.4, Some(seen('A', 1.0)))]);
        assert!(c == Some('A') && (0.97..0.99).contains(&p), "{p}");
        let (c, p) = pooled(&[(0.9, Some(seen('A', 0.7)))]);
        assert!(c == Some('A') && (0.6..0.72).contains(&p), "{p}");
    }

    #[test]
    fn where_most_reads_have_nothing_there_is_nothing() {
        assert_eq!(pooled(&[(0.5, None), (0.5, None), (0.5, Some(seen('I', 0.8)))]).0, None);
        assert_eq!(
            pooled(&[(0.5, None), (0.5, Some(seen('I', 0.9))), (0.5, Some(seen('I', 0.9)))]).0,
            Some('I')
        );
    }

    #[test]
    fn every_symbol_is_its_own() {
        let all: Vec<_> = ('A'..='Z').chain('0'..='9').collect();
        assert!(all.iter().enumerate().all(|(i, c)| index(*c) == Some(i) && symbol(i) == Some(*c)));
        assert_eq!((index('a'), symbol(NOTHING), symbol(999)), (None, None, None));
    }
}
