//! From the raw maps of an anchor-free detector to candidate boxes, in pixels of the network's input.
//!
//! Per stride a map of 5 or 13 channels: a logit; distances from the cell's centre to the left, upper, right and
//! lower edge; the four corners as offsets from it; all lengths in strides. Arbitrary numbers are welcome: what
//! is no box is left out, and the work is bounded by [`MAX_CANDIDATES`].

use crate::{
    geometry::{Point, Quad, Rect},
    infer::Tensor,
};

/// Most boxes that are looked at together; the likeliest ones are kept.
pub(super) const MAX_CANDIDATES: usize = 300;

/// A box that may be a plate, in input pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    /// Probability, 0..=1.
    pub score: f32,
    pub area: Rect,
    pub corners: Option<Quad>,
}

/// Collects the boxes that score at least `threshold`, likeliest first. `maps` holds one tensor per stride.
pub(super) fn decode(
    maps: &[Tensor],
    strides: &[u32],
    corners: bool,
    threshold: f32,
    candidates: &mut Vec<Candidate>,
) {
    candidates.clear();
    let least = logit(threshold);
    for (map, &stride) in maps.iter().zip(strides) {
        decode_map(map, stride as f32, corners, least, candidates);
        keep_likeliest(candidates);
    }
    candidates.sort_unstable_by(|a, b| b.score.total_cmp(&a.score));
}

fn decode_map(map: &Tensor, stride: f32, corners: bool, least: f32, candidates: &mut Vec<Candidate>) {
    let [_, rows, columns] = map.shape.as_slice() else { return };
    let (cells, columns) = (rows.saturating_mul(*columns), *columns);
    if cells == 0 {
        return;
    }
    let planes: Vec<&[f32]> = map.values.chunks_exact(cells).collect();
    let Some((scores, lengths)) = planes.split_first() else { return };
    for (cell, &score) in scores.iter().enumerate() {
        // Written so that not-a-number is refused too.
        if !(score >= least) {
            continue;
        }
        let centre =
            Point::new(((cell % columns) as f32 + 0.5) * stride, ((cell / columns) as f32 + 0.5) * stride);
        // Lengths of this cell in pixels; what is missing is not a number and is refused below.
        let length = |channel: usize| {
            lengths.get(channel).and_then(|plane| plane.get(cell)).map_or(f32::NAN, |v| v * stride)
        };
        let edge = |channel: usize| length(channel).max(0.0);
        if (0..4).any(|channel| !length(channel).is_finite()) {
            continue;
        }
        let (left, top) = (edge(0), edge(1));
        let area = Rect::new(centre.x - left, centre.y - top, left + edge(2), top + edge(3));
        if !(area.is_finite() && area.width > 0.0 && area.height > 0.0) {
            continue;
        }
        let corner = |i: usize| Point::new(centre.x + length(4 + 2 * i), centre.y + length(5 + 2 * i));
        let quad = corners.then(|| Quad([corner(0), corner(1), corner(2), corner(3)]));
        candidates.push(Candidate { score: sigmoid(score), area, corners: quad.filter(|q| fits(q, &area)) });
    }
}

/// Corners are believed if they speak of the same place as the box.
fn fits(corners: &Quad, area: &Rect) -> bool {
    let finite = corners.0.iter().all(|p| p.x.is_finite() && p.y.is_finite());
    finite && corners.bounds().iou(area) >= 0.4 && corners.is_upright()
}

pub(super) fn keep_likeliest(candidates: &mut Vec<Candidate>) {
    if candidates.len() > MAX_CANDIDATES {
        candidates.select_nth_unstable_by(MAX_CANDIDATES, |a, b| b.score.total_cmp(&a.score));
        candidates.truncate(MAX_CANDIDATES);
    }
}

pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// The raw value whose sigmoid is `p`: comparing before the sigmoid spares one exponential per cell.
fn logit(p: f32) -> f32 {
    let p = p.clamp(0.0, 1.0);
    (p / (1.0 - p)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A map of 4 rows and 5 columns, with `cells` set: (row, column, channel values).
    fn map(channels: usize, cells: &[(usize, usize, &[f32])]) -> Tensor {
        let mut values = vec![0.0; channels * 20];
        values[..20].fill(-20.0);
        for (row, column, set) in cells {
            for (channel, value) in set.iter().enumerate() {
                values[channel * 20 + row * 5 + column] = *value;
            }
        }
        Tensor { name: "s8".into(), shape: vec![channels, 4, 5], values }
    }

    fn decoded(maps: &[Tensor], strides: &[u32], corners: bool) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        decode(maps, strides, corners, 0.5, &mut candidates);
        candidates
    }

    #[test]
    fn a_cell_tells_its_box_in_strides_from_its_centre() {
        let found = decoded(&[map(5, &[(1, 2, &[3.0, 1.0, 0.5, 2.0, 1.0])])], &[8], false);
        assert_eq!(found.len(), 1);
        // The centre of row 1, column 2 is (20, 12).
        assert_eq!(found[0].area, Rect::new(12.0, 8.0, 24.0, 12.0));
        assert!((found[0].score - 0.9526).abs() < 1e-3);
        assert_eq!(found[0].corners, None);
    }

    #[test]
    fn corners_that_contradict_the_box_are_not_believed() {
        let edges = [3.0, 1.0, 0.5, 1.0, 0.5];
        let good = [-1.0, -0.5, 1.0, -0.5, 1.0, 0.5, -1.0, 0.5];
        let mirrored = [1.0, -0.5, -1.0, -0.5, -1.0, 0.5, 1.0, 0.5];
        let far = [9.0, -0.5, 11.0, -0.5, 11.0, 0.5, 9.0, 0.5];
        for (offsets, believed) in [(good, true), (mirrored, false), (far, false), ([f32::NAN; 8], false)] {
            let cell: Vec<f32> = edges.into_iter().chain(offsets).collect();
            let found = decoded(&[map(13, &[(2, 2, &cell)])], &[8], true);
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].corners.is_some(), believed, "{offsets:?}");
        }
    }

    #[test]
    fn what_is_no_box_is_left_out() {
        let no_area = [3.0, 0.0, 1.0, -2.0, 1.0];
        let undefined = [3.0, f32::NAN, 1.0, 1.0, 1.0];
        let endless = [3.0, f32::INFINITY, 1.0, 1.0, 1.0];
        let unlikely = [-0.1, 1.0, 1.0, 1.0, 1.0];
        let no_score = [f32::NAN, 1.0, 1.0, 1.0, 1.0];
        for cell in [no_area, undefined, endless, unlikely, no_score] {
            assert_eq!(decoded(&[map(5, &[(0, 0, &cell)])], &[8], false), [], "{cell:?}");
        }
    }

    #[test]
    fn the_likeliest_are_kept_when_everything_looks_like_a_plate() {
        let cells = 40 * 40;
        let mut values: Vec<f32> = (0..cells).map(|i| i as f32 / 100.0).collect();
        values.extend(vec![1.0; cells * 4]);
        let tensor = Tensor { name: "s8".into(), shape: vec![5, 40, 40], values };
        let found = decoded(&[tensor], &[8], false);
        assert_eq!(found.len(), MAX_CANDIDATES);
        assert!(found.iter().all(|c| c.score >= sigmoid(12.9)));
    }

    proptest! {
        #[test]
        fn any_numbers_in_any_shape_give_a_bounded_list_of_boxes(
            shape in prop::collection::vec(0usize..20, 0..5),
            values in prop::collection::vec(prop::num::f32::ANY, 0..2000),
            corners: bool, threshold in prop::num::f32::ANY, stride in 0u32..64,
        ) {
            let tensor = Tensor { name: "x".into(), shape, values };
            let mut found = Vec::new();
            decode(&[tensor.clone(), tensor], &[stride, 8], corners, threshold, &mut found);
            prop_assert!(found.len() <= MAX_CANDIDATES);
            for c in &found {
                prop_assert!(c.area.is_finite() && c.area.width > 0.0 && (0.0..=1.0).contains(&c.score));
            }
            prop_assert!(found.windows(2).all(|w| w[0].score >= w[1].score));
        }
    }
}
