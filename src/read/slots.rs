//! Decoding a reader that has one output position per character slot, empty slots included.

use super::lattice::{Classes, Decoded, Lattice};
use crate::plate::{Confidence, MAX_TEXT};

/// The likeliest class of every slot; `None` if all are empty or more are filled than a plate has characters.
pub(super) fn decode(lattice: &Lattice, classes: &Classes) -> Option<Decoded> {
    let mut chars = Vec::with_capacity(MAX_TEXT);
    let mut sure = 1.0;
    for row in lattice.rows() {
        let (best, p) = row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1))?;
        sure *= p;
        chars.extend(classes.char_read(best, row));
    }
    let read = (1..=MAX_TEXT).contains(&chars.len());
    read.then(|| Decoded { chars, confidence: Confidence::new(sure) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{infer::Tensor, read::lattice::Rule};

    fn lattice(rows: &[[f32; 3]]) -> Lattice {
        let values = rows.iter().flatten().map(|p| p.ln()).collect();
        let mut lattice = Lattice::default();
        lattice.fill(&Tensor { name: "slots".into(), shape: vec![rows.len(), 3], values }, Rule::plain());
        lattice
    }

    fn classes() -> Classes {
        Classes { alphabet: vec!['A', 'B'], none: 2 }
    }

    #[test]
    fn filled_slots_are_read_and_empty_ones_left_out() {
        let read =
            decode(&lattice(&[[0.8, 0.1, 0.1], [0.0, 0.1, 0.9], [0.3, 0.6, 0.1]]), &classes()).unwrap();
        assert_eq!(read.chars.iter().map(|c| c.c).collect::<String>(), "AB");
        assert!((read.confidence.value() - 0.8 * 0.9 * 0.6).abs() < 1e-4);
        assert_eq!(read.chars[1].others.len(), 1);
        assert!((read.chars[1].others[0].1.value() - 1.0 / 3.0).abs() < 1e-4);
    }

    #[test]
    fn only_empty_slots_are_no_read() {
        assert_eq!(decode(&lattice(&[[0.0, 0.1, 0.9]]), &classes()), None);
        assert_eq!(decode(&lattice(&[]), &classes()), None);
    }
}
