//! Characters that look alike: what mistaking one for the other costs, how far apart two texts are, and the key
//! under which look-alike texts meet.
//!
//! The pairs are those that plate faces print nearly or exactly the same and that readers mistake most. What a
//! country's format makes of them is `syntax`'s business.

use super::{MAX_TEXT, PlateText};

/// What an inserted or missing character costs in [`distance`].
pub const GAP: f32 = 1.0;

/// Pairs that many plate faces print the same: no picture tells them apart.
const SAME_SHAPE: &[(char, char)] = &[('0', 'O'), ('1', 'I')];
/// Pairs that a blurred or dirty picture makes the same.
const ALIKE: &[(char, char)] = &[
    ('8', 'B'),
    ('5', 'S'),
    ('2', 'Z'),
    ('6', 'G'),
    ('0', 'D'),
    ('0', 'Q'),
    ('D', 'O'),
    ('O', 'Q'),
    ('D', 'Q'),
    ('1', 'L'),
];
/// Pairs that poor readers mistake now and then.
const SIMILAR: &[(char, char)] = &[
    ('4', 'A'),
    ('7', 'T'),
    ('1', '7'),
    ('V', 'Y'),
    ('U', 'V'),
    ('3', '8'),
    ('6', '8'),
    ('C', 'G'),
    ('M', 'N'),
    ('M', 'W'),
    ('N', 'W'),
    ('E', 'F'),
    ('P', 'R'),
    ('H', 'N'),
    ('0', 'C'),
    ('0', 'G'),
    ('0', 'U'),
    ('3', 'B'),
    ('9', 'P'),
    ('K', 'X'),
    ('I', 'L'),
    ('I', 'T'),
    ('0', '8'),
    ('5', '6'),
    ('2', '7'),
    ('4', 'L'),
    ('8', '9'),
    ('0', '9'),
    ('V', 'W'),
    ('O', 'U'),
];

/// The pairs as a table, spelled out by the compiler: this is asked some ten thousand times per vote.
static COSTS: [[f32; 36]; 36] = {
    let mut table = [[1.0; 36]; 36];
    let mut i = 0;
    while i < 36 {
        table[i][i] = 0.0;
        i += 1;
    }
    table = with(table, SIMILAR, 0.7);
    table = with(table, ALIKE, 0.4);
    with(table, SAME_SHAPE, 0.2)
};

const fn with(mut table: [[f32; 36]; 36], pairs: &[(char, char)], cost: f32) -> [[f32; 36]; 36] {
    let mut i = 0;
    while i < pairs.len() {
        if let (Some(a), Some(b)) = (index(pairs[i].0), index(pairs[i].1)) {
            table[a][b] = cost;
            table[b][a] = cost;
        }
        i += 1;
    }
    table
}

const fn index(c: char) -> Option<usize> {
    match c {
        '0'..='9' => Some(c as usize - '0' as usize),
        'A'..='Z' => Some(c as usize - 'A' as usize + 10),
        _ => None,
    }
}

/// What it costs to take one character for another: 0 for itself, 1 for a stranger.
pub fn cost(a: char, b: char) -> f32 {
    let known = || COSTS.get(index(a)?)?.get(index(b)?).copied();
    known().unwrap_or(if a == b { 0.0 } else { 1.0 })
}

/// Whether a picture alone hardly tells the two apart: the pairs that a format may decide.
pub fn is_look_alike(a: char, b: char) -> bool {
    a != b && cost(a, b) < 0.5
}

/// Weighted edit distance: 0 for equal texts, small for look-alikes, about 1 per wrong, missing or added character.
pub fn distance(a: &PlateText, b: &PlateText) -> f32 {
    let (a, b) = (a.as_str(), b.as_str());
    let mut row: Row = [0.0; MAX_TEXT + 1];
    for (j, slot) in row.iter_mut().enumerate() {
        *slot = j as f32 * GAP;
    }
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = (i + 1) as f32 * GAP;
        let mut left = row[0];
        for (slot, to) in row.iter_mut().skip(1).zip(b.chars()) {
            let best = (diagonal + cost(from, to)).min(*slot + GAP).min(left + GAP);
            diagonal = *slot;
            *slot = best;
            left = best;
        }
    }
    row.get(b.len()).copied().unwrap_or(f32::INFINITY)
}

type Row = [f32; MAX_TEXT + 1];

/// Whether the shorter text is what remains of the longer one when its begin or end was hidden or cut off.
/// A look-alike counts as the same; less than three characters prove nothing.
pub fn is_part_of(part: &PlateText, whole: &PlateText) -> bool {
    let (part, whole) = (part.as_str().as_bytes(), whole.as_str().as_bytes());
    let alike = |(a, b): (&u8, &u8)| a == b || is_look_alike(char::from(*a), char::from(*b));
    (3..whole.len()).contains(&part.len())
        && (part.iter().zip(whole).all(alike) || part.iter().rev().zip(whole.iter().rev()).all(alike))
}

/// The key under which texts meet that differ only in characters which cannot be told apart: `0 O D Q` are one,
/// and so are `1 I`, `8 B`, `5 S`, `2 Z` and `6 G`.
pub fn fold(text: &PlateText) -> String {
    let one = |c| match c {
        'O' | 'D' | 'Q' => '0',
        'I' => '1',
        'B' => '8',
        'S' => '5',
        'Z' => '2',
        'G' => '6',
        other => other,
    };
    text.as_str().chars().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(s: &str) -> PlateText {
        PlateText::normalise(s).unwrap()
    }

    fn check(a: &str, b: &str, expected: f32) {
        let got = distance(&text(a), &text(b));
        assert!((got - expected).abs() < 1e-5, "{a} to {b}: {got}, not {expected}");
    }

    #[test]
    fn the_distance_counts_look_alikes_little_and_strangers_fully() {
        check("AB12CDE", "AB12CDE", 0.0);
        check("AB12CDE", "A812CDE", 0.4);
        check("B0B123", "BOB123", 0.2);
        check("AB12CDE", "AB12CKE", 1.0);
        check("AB12CDE", "AB12CD", 1.0);
        check("AB12CDE", "XAB12CDE", 1.0);
        check("A", "ABCDEFGHIJKL", 11.0);
    }

    #[test]
    fn a_cut_plate_is_part_of_the_whole_one() {
        assert!(is_part_of(&text("12CDE"), &text("AB12CDE")));
        assert!(is_part_of(&text("A812"), &text("AB12CDE")));
        assert!(!is_part_of(&text("B12C"), &text("AB12CDE")));
        assert!(!is_part_of(&text("AB12CDE"), &text("AB12CDE")));
        assert!(!is_part_of(&text("DE"), &text("AB12CDE")));
    }

    #[test]
    fn look_alikes_meet_under_one_key_and_strangers_do_not() {
        assert_eq!(fold(&text("B0B-I23")), fold(&text("8O8 1Z3")));
        assert_ne!(fold(&text("B0B123")), fold(&text("B0B124")));
    }

    fn any_text() -> impl Strategy<Value = PlateText> {
        "[A-Z0-9]{1,12}".prop_map(|s| text(&s))
    }

    proptest! {
        #[test]
        fn the_distance_is_symmetric_and_zero_only_for_equals(a in any_text(), b in any_text()) {
            let (there, back) = (distance(&a, &b), distance(&b, &a));
            prop_assert!((there - back).abs() < 1e-4);
            prop_assert_eq!(there == 0.0, a == b);
            prop_assert!(there <= a.as_str().len().max(b.as_str().len()) as f32 + 1e-4);
        }

        #[test]
        fn texts_under_one_key_are_near_each_other(a in any_text()) {
            let swapped: String = fold(&a);
            prop_assert!(distance(&a, &text(&swapped)) <= 0.41 * a.as_str().len() as f32);
            prop_assert_eq!(fold(&text(&swapped)), swapped);
        }
    }
}
