//! Non-maximum suppression: of several boxes on one plate, the likeliest stays.

use super::yolo::Candidate;

/// A box that lies in a likelier one by this share is a part of it: no plate lies inside a plate.
const INSIDE: f32 = 0.8;

/// Drops every box that overlaps a likelier one by more than `iou`, or lies in it. Expects likeliest first and
/// keeps that order. Quadratic: `yolo::MAX_CANDIDATES` bounds it.
pub(super) fn suppress(candidates: &mut Vec<Candidate>, iou: f32) {
    let mut kept = 0;
    for i in 0..candidates.len() {
        let (before, rest) = candidates.split_at(i);
        let Some(&candidate) = rest.first() else { break };
        let same = |other: &Candidate| {
            let shared = other.area.intersection(&candidate.area);
            let smaller = other.area.area().min(candidate.area.area());
            other.area.iou(&candidate.area) > iou || shared > INSIDE * smaller
        };
        if !before.iter().take(kept).any(same) {
            candidates.swap(kept, i);
            kept += 1;
        }
    }
    candidates.truncate(kept);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Rect;
    use proptest::prelude::*;

    fn candidate(score: f32, x: f32, y: f32, width: f32, height: f32) -> Candidate {
        Candidate { score, area: Rect::new(x, y, width, height), corners: None }
    }

    fn check(mut boxes: Vec<Candidate>, kept: &[f32]) {
        suppress(&mut boxes, 0.5);
        assert_eq!(boxes.iter().map(|b| b.score).collect::<Vec<_>>(), kept);
    }

    #[test]
    fn of_boxes_on_one_plate_the_likeliest_stays() {
        check(vec![], &[]);
        check(vec![candidate(0.9, 0.0, 0.0, 40.0, 10.0), candidate(0.8, 2.0, 0.0, 40.0, 10.0)], &[0.9]);
        // Side by side, touching: two plates.
        check(vec![candidate(0.9, 0.0, 0.0, 40.0, 10.0), candidate(0.8, 40.0, 0.0, 40.0, 10.0)], &[0.9, 0.8]);
        // A box on a part of the plate overlaps little, but lies in it.
        check(vec![candidate(0.9, 0.0, 0.0, 40.0, 10.0), candidate(0.8, 1.0, 1.0, 9.0, 8.0)], &[0.9]);
        // One that was dropped takes no other with it.
        check(
            vec![
                candidate(0.9, 0.0, 0.0, 40.0, 10.0),
                candidate(0.8, 10.0, 0.0, 40.0, 10.0),
                candidate(0.7, 29.0, 0.0, 40.0, 10.0),
            ],
            &[0.9, 0.7],
        );
    }

    proptest! {
        #[test]
        fn no_two_that_stay_overlap_and_the_likeliest_always_stays(
            raw in prop::collection::vec(prop::array::uniform4(0.0f32..60.0), 1..40), iou in 0.0f32..1.0,
        ) {
            let mut boxes: Vec<Candidate> =
                raw.iter().map(|b| candidate(b[0] / 60.0, b[0], b[1], b[2], b[3])).collect();
            boxes.sort_by(|a, b| b.score.total_cmp(&a.score));
            let best = boxes[0];
            suppress(&mut boxes, iou);
            prop_assert_eq!(boxes[0], best);
            for (i, a) in boxes.iter().enumerate() {
                for b in &boxes[i + 1..] {
                    prop_assert!(a.area.iou(&b.area) <= iou);
                    prop_assert!(a.score >= b.score);
                }
            }
        }
    }
}
