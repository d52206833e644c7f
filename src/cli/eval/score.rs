//! Counting: which known plates were found, how well they were read, and what was found that is not there.
//!
//! Pure; knows texts and boxes only.

use super::truth::TruePlate;
use crate::{geometry::Rect, plate::PlateText};

/// Overlap at which a detection is the known plate. Many known boxes are loose, so it is low.
const SAME_PLATE: f32 = 0.3;

/// A plate as the program reported it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reported {
    pub area: Rect,
    pub text: Option<PlateText>,
}

/// A readable plate that was not found or not read exactly.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wrong {
    pub area: Rect,
    pub truth: PlateText,
    pub found: bool,
    pub read: Option<PlateText>,
}

/// Sums over any number of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Score {
    pub pictures: u32,
    /// Known plates that somebody can read, and what became of them.
    pub plates: u32,
    pub found: u32,
    pub exact: u32,
    /// Exact if O and 0 are one character, and I and 1.
    pub folded: u32,
    /// Characters of the readable plates, and insertions, deletions and replacements that make the reads right.
    pub characters: u32,
    pub edits: u32,
    /// Known plates that nobody can read, and how many of them were found.
    pub unreadable: u32,
    pub unreadable_found: u32,
    /// Reported plates that are none, or are reported twice.
    pub extra: u32,
    pub detect_ms: f64,
    pub read_ms: f64,
}

impl Score {
    pub(super) fn add(&mut self, other: &Self) {
        self.pictures += other.pictures;
        self.plates += other.plates;
        self.found += other.found;
        self.exact += other.exact;
        self.folded += other.folded;
        self.characters += other.characters;
        self.edits += other.edits;
        self.unreadable += other.unreadable;
        self.unreadable_found += other.unreadable_found;
        self.extra += other.extra;
        self.detect_ms += other.detect_ms;
        self.read_ms += other.read_ms;
    }
}

/// Scores one picture. Each reported plate stands for at most one known plate and the other way round, the best
/// overlaps first.
pub(super) fn score(truth: &[TruePlate], reported: &[Reported]) -> (Score, Vec<Wrong>) {
    let mut pairs: Vec<(f32, usize, usize)> = Vec::new();
    for (t, plate) in truth.iter().enumerate() {
        for (r, report) in reported.iter().enumerate() {
            let overlap = plate.area.iou(&report.area);
            if overlap >= SAME_PLATE || plate.area.contains(report.area.centre()) {
                pairs.push((overlap, t, r));
            }
        }
    }
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut meant: Vec<Option<&Reported>> = vec![None; truth.len()];
    let mut used = vec![false; reported.len()];
    for (_, t, r) in pairs {
        if let (Some(slot @ None), Some(taken @ false)) = (meant.get_mut(t), used.get_mut(r)) {
            *slot = reported.get(r);
            *taken = true;
        }
    }
    let mut sum =
        Score { pictures: 1, extra: used.iter().filter(|u| !**u).count() as u32, ..Score::default() };
    let mut wrong = Vec::new();
    for (plate, report) in truth.iter().zip(&meant) {
        let Some(text) = &plate.text else {
            sum.unreadable += 1;
            sum.unreadable_found += u32::from(report.is_some());
            continue;
        };
        let read = report.and_then(|r| r.text.as_ref());
        let said = read.map_or("", PlateText::as_str);
        sum.plates += 1;
        sum.found += u32::from(report.is_some());
        sum.exact += u32::from(said == text.as_str());
        sum.folded += u32::from(fold(said) == fold(text.as_str()));
        sum.characters += text.as_str().len() as u32;
        sum.edits += edits(said.as_bytes(), text.as_str().as_bytes());
        if said != text.as_str() {
            let (area, found) = (plate.area, report.is_some());
            wrong.push(Wrong { area, truth: text.clone(), found, read: read.cloned() });
        }
    }
    (sum, wrong)
}

/// O as 0 and I as 1: many faces draw them alike.
fn fold(text: &str) -> String {
    text.replace('O', "0").replace('I', "1")
}

/// Least number of insertions, deletions and replacements between two texts.
fn edits(a: &[u8], b: &[u8]) -> u32 {
    let mut row: Vec<u32> = (0..=b.len() as u32).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i as u32;
        let mut left = diagonal + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, y) in row.iter_mut().skip(1).zip(b) {
            let above = *cell;
            left = (diagonal + u32::from(x != y)).min(above + 1).min(left + 1);
            diagonal = above;
            *cell = left;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(t: &str) -> Option<PlateText> {
        PlateText::normalise(t).ok()
    }

    fn known(x: f32, t: &str) -> TruePlate {
        TruePlate { area: Rect::new(x, 0.0, 40.0, 10.0), quad: None, text: text(t) }
    }

    fn reported(x: f32, t: &str) -> Reported {
        Reported { area: Rect::new(x, 0.0, 40.0, 10.0), text: text(t) }
    }

    #[test]
    fn plates_are_found_exact_folded_missed_and_extra() {
        let truth = [known(0.0, "AB12"), known(100.0, "CDO1"), known(200.0, "EF34"), known(300.0, "")];
        let seen =
            [reported(2.0, "AB12"), reported(105.0, "CD01"), reported(301.0, ""), reported(500.0, "X1")];
        let (score, wrong) = score(&truth, &seen);
        assert_eq!((score.plates, score.found, score.exact, score.folded), (3, 2, 1, 2));
        assert_eq!((score.unreadable, score.unreadable_found, score.extra), (1, 1, 1));
        assert_eq!((score.characters, score.edits), (12, 5));
        assert_eq!(wrong.iter().map(|w| w.found).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn a_plate_reported_twice_is_once_found_and_once_extra() {
        let (score, _) = score(&[known(0.0, "AB12")], &[reported(4.0, "AB1"), reported(0.0, "AB12")]);
        assert_eq!((score.found, score.exact, score.extra), (1, 1, 1));
    }

    #[test]
    fn a_small_box_in_the_middle_of_a_loose_one_is_found() {
        let tight = Reported { area: Rect::new(15.0, 4.0, 8.0, 2.0), text: text("AB12") };
        assert_eq!(score(&[known(0.0, "AB12")], &[tight]).0.found, 1);
    }

    proptest! {
        #[test]
        fn edits_are_a_distance(a in "[A-D]{0,8}", b in "[A-D]{0,8}", c in "[A-D]{0,8}") {
            let d = |x: &str, y: &str| edits(x.as_bytes(), y.as_bytes());
            prop_assert_eq!(d(&a, &b) == 0, a == b);
            prop_assert_eq!(d(&a, &b), d(&b, &a));
            prop_assert!(d(&a, &c) <= d(&a, &b) + d(&b, &c));
            prop_assert!(d(&a, &b) as usize <= a.len().max(b.len()));
        }
    }
}
