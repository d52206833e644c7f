//! The forms of detector networks: how each one's outputs become candidate boxes, in pixels of its input.
//!
//! Ours stands in `yolo`; here are those of others, as Hailo publishes them: boxes that the chip's library has already
//! suppressed, and the raw maps of YOLOv4-tiny, YOLOv5 and YOLOv8. Arbitrary numbers are welcome: what is no box is left
//! out, and the work is bounded by the maps and [`MAX_CANDIDATES`](super::yolo::MAX_CANDIDATES).

use super::yolo::{self, Candidate};
use crate::{
    geometry::{Rect, Size},
    infer::{
        Tensor,
        description::{Anchors, Decoder},
    },
};

/// How a network's outputs are decoded.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Head {
    Ours {
        strides: Vec<u32>,
        corners: bool,
    },
    /// Boxes as fractions of the input, of any class or of one.
    Boxes {
        class: Option<u32>,
    },
    Anchored {
        anchors: Anchors,
        decode: AnchorRule,
    },
    /// Per stride a map of edge distances, each a distribution over bins, and a map of class scores.
    Distributed {
        strides: Vec<u32>,
        class: u32,
    },
}

/// How a cell and an anchor become a box.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum AnchorRule {
    /// Exponential sizes; the centre may reach out of its cell by this factor.
    Yolo4 {
        scale: f32,
    },
    Yolo5,
}

impl Head {
    /// `None` for a decoder that finds no boxes.
    pub(super) fn of(decoder: &Decoder) -> Option<Self> {
        Some(match decoder {
            Decoder::YoloRaw { strides, corners } => {
                Self::Ours { strides: strides.clone(), corners: *corners }
            }
            Decoder::YoloNms { class } => Self::Boxes { class: *class },
            Decoder::YoloV4TinyRaw { anchors, scale } => {
                Self::Anchored { anchors: anchors.clone(), decode: AnchorRule::Yolo4 { scale: *scale } }
            }
            Decoder::YoloV5Raw { anchors } => {
                Self::Anchored { anchors: anchors.clone(), decode: AnchorRule::Yolo5 }
            }
            Decoder::YoloV8Raw { strides, class, .. } => {
                Self::Distributed { strides: strides.clone(), class: *class }
            }
            Decoder::Ctc { .. } | Decoder::Slots { .. } => return None,
        })
    }

    /// Collects the boxes that score at least `threshold`, likeliest first.
    pub(super) fn decode(
        &self,
        outputs: &[Tensor],
        input: Size,
        threshold: f32,
        candidates: &mut Vec<Candidate>,
    ) {
        candidates.clear();
        match self {
            Self::Ours { strides, corners } => {
                return yolo::decode(outputs, strides, *corners, threshold, candidates);
            }
            Self::Boxes { class } => {
                if let Some(boxes) = outputs.first() {
                    suppressed(boxes, *class, input, threshold, candidates);
                }
            }
            Self::Anchored { anchors, decode } => {
                for (map, (stride, sizes)) in outputs.iter().zip(anchors.strides.iter().zip(&anchors.sizes)) {
                    let grid = Grid { stride: *stride as f32, sizes, features: anchors.features() };
                    anchored(map, &grid, anchors.class, *decode, threshold, candidates);
                    yolo::keep_likeliest(candidates);
                }
            }
            Self::Distributed { strides, class } => {
                for (pair, stride) in outputs.chunks_exact(2).zip(strides) {
                    if let [edges, scores] = pair {
                        distributed(edges, scores, *class as usize, *stride as f32, threshold, candidates);
                        yolo::keep_likeliest(candidates);
                    }
                }
            }
        }
        candidates.sort_unstable_by(|a, b| b.score.total_cmp(&a.score));
    }
}

/// Six numbers a box: left, top, right, bottom as fractions, score, class.
fn suppressed(
    boxes: &Tensor,
    class: Option<u32>,
    input: Size,
    threshold: f32,
    candidates: &mut Vec<Candidate>,
) {
    let (width, height) = (input.width as f32, input.height as f32);
    for row in boxes.values.chunks_exact(6) {
        let &[left, top, right, bottom, score, of] = row else { continue };
        let wanted = class.is_none_or(|class| of == class as f32);
        let area = Rect::new(left * width, top * height, (right - left) * width, (bottom - top) * height);
        if wanted {
            push(score, threshold, area, candidates);
        }
    }
    yolo::keep_likeliest(candidates);
}

/// Written so that what is not a number is refused too.
fn push(score: f32, threshold: f32, area: Rect, candidates: &mut Vec<Candidate>) {
    if score >= threshold && area.is_finite() && area.width > 0.0 && area.height > 0.0 {
        candidates.push(Candidate { score, area, corners: None });
    }
}

/// What belongs to one map of anchors.
struct Grid<'a> {
    stride: f32,
    sizes: &'a [(f32, f32)],
    /// Channels of one anchor.
    features: usize,
}

/// Per anchor and cell: centre, size, objectness, and a score per class.
fn anchored(
    map: &Tensor,
    grid: &Grid<'_>,
    class: u32,
    rule: AnchorRule,
    threshold: f32,
    candidates: &mut Vec<Candidate>,
) {
    let [_, rows, columns] = *map.shape.as_slice() else { return };
    let cells = rows.saturating_mul(columns);
    if cells == 0 {
        return;
    }
    let of_anchors = map.values.chunks_exact(cells.saturating_mul(grid.features).max(1));
    for (planes, (anchor_width, anchor_height)) in of_anchors.zip(grid.sizes) {
        let at =
            |feature: usize, cell: usize| planes.get(feature * cells + cell).copied().unwrap_or(f32::NAN);
        for cell in 0..cells {
            let objectness = yolo::sigmoid(at(4, cell));
            // The class can only lower it.
            if !(objectness >= threshold) {
                continue;
            }
            let score = objectness * yolo::sigmoid(at(5 + class as usize, cell));
            let (column, row) = ((cell % columns) as f32, (cell / columns) as f32);
            let (x, y) = (yolo::sigmoid(at(0, cell)), yolo::sigmoid(at(1, cell)));
            let (x, y, width, height) = match rule {
                AnchorRule::Yolo4 { scale } => {
                    let shift = (scale - 1.0) / 2.0;
                    let size = |feature, anchor: f32| at(feature, cell).min(10.0).exp() * anchor;
                    (x * scale - shift, y * scale - shift, size(2, *anchor_width), size(3, *anchor_height))
                }
                AnchorRule::Yolo5 => {
                    let size =
                        |feature, anchor: f32| (2.0 * yolo::sigmoid(at(feature, cell))).powi(2) * anchor;
                    (2.0 * x - 0.5, 2.0 * y - 0.5, size(2, *anchor_width), size(3, *anchor_height))
                }
            };
            let (x, y) = ((column + x) * grid.stride, (row + y) * grid.stride);
            push(score, threshold, Rect::new(x - width / 2.0, y - height / 2.0, width, height), candidates);
        }
    }
}

/// Each edge's distance is the mean of a distribution over bins of one stride.
fn distributed(
    edges: &Tensor,
    scores: &Tensor,
    class: usize,
    stride: f32,
    threshold: f32,
    candidates: &mut Vec<Candidate>,
) {
    let [channels, rows, columns] = *edges.shape.as_slice() else { return };
    let (cells, bins) = (rows.saturating_mul(columns), channels / 4);
    if cells == 0 || bins == 0 {
        return;
    }
    let Some(of_class) = scores.values.chunks_exact(cells).nth(class) else { return };
    for (cell, &score) in of_class.iter().enumerate() {
        let score = yolo::sigmoid(score);
        if !(score >= threshold) {
            continue;
        }
        let at = |channel: usize| edges.values.get(channel * cells + cell).copied().unwrap_or(f32::NAN);
        let edge = |side: usize| {
            let raw = |bin: usize| at(side * bins + bin);
            let highest = (0..bins).map(raw).fold(f32::NEG_INFINITY, f32::max);
            let (mut sum, mut mean) = (0.0, 0.0);
            for bin in 0..bins {
                let weight = (raw(bin) - highest).exp();
                sum += weight;
                mean += weight * bin as f32;
            }
            mean / sum * stride
        };
        let (x, y) = (((cell % columns) as f32 + 0.5) * stride, ((cell / columns) as f32 + 0.5) * stride);
        let (left, top, right, bottom) = (edge(0), edge(1), edge(2), edge(3));
        push(score, threshold, Rect::new(x - left, y - top, left + right, top + bottom), candidates);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const INPUT: Size = Size::new(64, 32);

    fn decoded(head: &Head, outputs: &[Tensor]) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        head.decode(outputs, INPUT, 0.3, &mut candidates);
        candidates
    }

    fn tensor(shape: &[usize], values: Vec<f32>) -> Tensor {
        Tensor { name: "out".into(), shape: shape.to_vec(), values }
    }

    /// A map full of a very unlikely number with some cells set: (channel, cell, value).
    fn map(channels: usize, cells: usize, set: &[(usize, usize, f32)]) -> Vec<f32> {
        let mut values = vec![-20.0; channels * cells];
        for (channel, cell, value) in set {
            values[channel * cells + cell] = *value;
        }
        values
    }

    fn close(area: Rect, expected: [f32; 4]) {
        let found = [area.x, area.y, area.width, area.height];
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.02), "{found:?} {expected:?}");
    }

    fn anchors(class: u32, classes: u32) -> Anchors {
        Anchors { strides: vec![16], sizes: vec![vec![(10.0, 20.0), (30.0, 12.0)]], classes, class }
    }

    #[test]
    fn boxes_that_the_chip_suppressed_are_fractions_of_the_input() {
        let rows = vec![0.25, 0.5, 0.75, 1.0, 0.9, 0.0, 0.0, 0.0, 0.5, 0.5, 0.8, 3.0];
        let boxes = tensor(&[2, 6], rows);
        let found = decoded(&Head::Boxes { class: None }, std::slice::from_ref(&boxes));
        assert_eq!(found.len(), 2);
        close(found[0].area, [16.0, 16.0, 32.0, 16.0]);
        let of_class = decoded(&Head::Boxes { class: Some(3) }, &[boxes]);
        assert_eq!((of_class.len(), of_class[0].score), (1, 0.8));
    }

    #[test]
    fn yolov4_tiny_scales_its_anchors_exponentially() {
        // Second anchor, row 0, column 1 of a 2 x 4 grid; centre in the middle of the cell, size of the anchor.
        let cells = 8;
        let set = [(6, 1, 0.0), (7, 1, 0.0), (8, 1, 0.0), (9, 1, 2.0f32.ln()), (10, 1, 5.0), (11, 1, 5.0)];
        let output = tensor(&[12, 2, 4], map(12, cells, &set));
        let head = Head::Anchored { anchors: anchors(0, 1), decode: AnchorRule::Yolo4 { scale: 1.05 } };
        let found = decoded(&head, &[output]);
        assert_eq!(found.len(), 1);
        close(found[0].area, [24.0 - 15.0, 8.0 - 12.0, 30.0, 24.0]);
        assert!((found[0].score - 0.9866).abs() < 1e-3);
    }

    #[test]
    fn yolov5_takes_the_class_it_is_told() {
        let cells = 8;
        let set = [(0, 6, 0.0), (1, 6, 0.0), (2, 6, 0.0), (3, 6, 0.0), (4, 6, 5.0), (6, 6, 5.0)];
        let output = tensor(&[14, 2, 4], map(14, cells, &set));
        let head = |class| Head::Anchored { anchors: anchors(class, 2), decode: AnchorRule::Yolo5 };
        let found = decoded(&head(1), std::slice::from_ref(&output));
        assert_eq!(found.len(), 1);
        close(found[0].area, [40.0 - 5.0, 24.0 - 10.0, 10.0, 20.0]);
        assert!(decoded(&head(0), &[output]).is_empty());
    }

    #[test]
    fn yolov8_edges_are_the_means_of_their_bins() {
        let (cells, bins) = (8, 4);
        let mut edges = map(4 * bins, cells, &[]);
        // Left, top, right, bottom: 1, 1, 2 and, half and half, 2.5 strides.
        for (side, bin) in [(0, 1), (1, 1), (2, 2), (3, 2), (3, 3)] {
            edges[(side * bins + bin) * cells + 5] = 10.0;
        }
        let scores = tensor(&[2, 2, 4], map(2, cells, &[(1, 5, 4.0)]));
        let head = Head::Distributed { strides: vec![16], class: 1 };
        let found = decoded(&head, &[tensor(&[16, 2, 4], edges), scores]);
        assert_eq!(found.len(), 1);
        close(found[0].area, [24.0 - 16.0, 24.0 - 16.0, 48.0, 16.0 + 40.0]);
    }

    proptest! {
        #[test]
        fn any_numbers_of_any_shape_give_boxes_or_none(
            values in prop::collection::vec(prop::num::f32::ANY, 0..400),
            shape in prop::collection::vec(0usize..40, 0..4),
            class in 0u32..4,
        ) {
            let output = tensor(&shape, values);
            let heads = [
                Head::Ours { strides: vec![8, 16], corners: true },
                Head::Boxes { class: Some(class) },
                Head::Boxes { class: None },
                Head::Anchored { anchors: anchors(class, 4), decode: AnchorRule::Yolo4 { scale: 1.05 } },
                Head::Anchored { anchors: anchors(class, 4), decode: AnchorRule::Yolo5 },
                Head::Distributed { strides: vec![8], class },
            ];
            for head in heads {
                let found = decoded(&head, &[output.clone(), output.clone()]);
                prop_assert!(found.len() <= yolo::MAX_CANDIDATES);
                prop_assert!(found.iter().all(|c| c.score >= 0.3 && c.area.is_finite()));
            }
        }
    }
}
