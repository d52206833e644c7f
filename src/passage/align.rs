//! Laying one read beside another: which characters are the same place of the plate.
//!
//! A weighted edit alignment with a way back. What the aligned characters weigh is `vote`'s business.

use crate::plate::{CharRead, MAX_TEXT, confusion};

/// Cells of the largest table: a plate text against a plate text.
const SIDE: usize = MAX_TEXT + 1;

/// One read laid along the positions of a pivot text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Alignment {
    /// Per pivot position the read's character that stands there, by its index.
    pub at: Vec<Option<usize>>,
    /// Per pivot position, and one past the end, the read's characters that stand before it without a place.
    pub before: Vec<Vec<usize>>,
}

/// Lays `read` along `pivot`; characters past the longest plate text are left out.
pub(super) fn align(pivot: &[CharRead], read: &[CharRead]) -> Alignment {
    let pivot = pivot.get(..MAX_TEXT).unwrap_or(pivot);
    let read = read.get(..MAX_TEXT).unwrap_or(read);
    let mut table = [[0.0f32; SIDE]; SIDE];
    for i in 0..=pivot.len() {
        for j in 0..=read.len() {
            table[i][j] = match (i.checked_sub(1), j.checked_sub(1)) {
                (None, _) => j as f32 * confusion::GAP,
                (_, None) => i as f32 * confusion::GAP,
                (Some(up), Some(left)) => {
                    let both = table[up][left] + mismatch(&pivot[up], &read[left]);
                    both.min(table[up][j] + confusion::GAP).min(table[i][left] + confusion::GAP)
                }
            };
        }
    }
    trace(pivot, read, &table)
}

fn trace(pivot: &[CharRead], read: &[CharRead], table: &[[f32; SIDE]; SIDE]) -> Alignment {
    let mut at = vec![None; pivot.len()];
    let mut before = vec![Vec::new(); pivot.len() + 1];
    let (mut i, mut j) = (pivot.len(), read.len());
    while i > 0 || j > 0 {
        let here = table[i][j];
        if i > 0 && j > 0 && here >= table[i - 1][j - 1] + mismatch(&pivot[i - 1], &read[j - 1]) - 1e-5 {
            at[i - 1] = Some(j - 1);
            i -= 1;
            j -= 1;
        } else if i > 0 && here >= table[i - 1][j] + confusion::GAP - 1e-5 {
            i -= 1;
        } else if j > 0 {
            before[i].insert(0, j - 1);
            j -= 1;
        } else {
            i -= 1;
        }
    }
    Alignment { at, before }
}

/// Cheaper where either read itself named the other's character as a possibility.
fn mismatch(a: &CharRead, b: &CharRead) -> f32 {
    let cost = confusion::cost(a.c, b.c);
    let named = |x: &CharRead, c: char| x.others.iter().any(|&(o, p)| o == c && p.value() > 0.05);
    if cost > 0.5 && (named(a, b.c) || named(b, a.c)) { 0.5 } else { cost }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plate::Confidence;
    use proptest::prelude::*;

    fn read(text: &str) -> Vec<CharRead> {
        let certain = |c| CharRead { c, p: Confidence::FULL, others: Vec::new() };
        text.chars().map(certain).collect()
    }

    /// The read's characters under the pivot's, `-` where there is none, and what stands between.
    fn check(pivot: &str, other: &str, expected: &str) {
        let (pivot, other) = (read(pivot), read(other));
        let laid = align(&pivot, &other);
        let mut shown = String::new();
        for (position, before) in laid.before.iter().enumerate() {
            for &extra in before {
                shown.push(other[extra].c.to_ascii_lowercase());
            }
            if let Some(place) = laid.at.get(position) {
                shown.push(place.map_or('-', |j| other[j].c));
            }
        }
        assert_eq!(shown, expected);
    }

    #[test]
    fn reads_of_other_lengths_find_their_places() {
        check("AB12CDE", "AB12CDE", "AB12CDE");
        check("AB12CDE", "A812CDE", "A812CDE");
        check("AB12CDE", "12CDE", "--12CDE");
        check("AB12CDE", "AB2CDE", "AB-2CDE");
        check("AB12CDE", "IAB12CDE", "iAB12CDE");
        check("AB12CDE", "AB12CDEX", "AB12CDEx");
    }

    proptest! {
        #[test]
        fn every_character_of_a_read_has_exactly_one_place(a in "[A-Z0-9]{1,12}", b in "[A-Z0-9]{1,12}") {
            let (pivot, other) = (read(&a), read(&b));
            let laid = align(&pivot, &other);
            prop_assert_eq!(laid.at.len(), pivot.len());
            let mut order = Vec::new();
            for (position, before) in laid.before.iter().enumerate() {
                order.extend(before.iter().copied());
                order.extend(laid.at.get(position).copied().flatten());
            }
            prop_assert_eq!(order, (0..other.len()).collect::<Vec<_>>());
        }
    }
}
