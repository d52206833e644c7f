//! Finding the characters on a plate: blobs of like height that stand on a line, one or two lines of them.
//!
//! For readers that must be shown the text and nothing else. Knows no characters, only shapes; cutting the line
//! out is `strip`'s business. Work is bounded by [`MAX_BLOBS`].

use image::{GrayImage, Luma};
use imageproc::{
    contrast::adaptive_threshold,
    definitions::Image,
    region_labelling::{Connectivity, connected_components},
};

/// Blobs that are considered together, the highest ones.
const MAX_BLOBS: usize = 48;
/// A text has at least so many characters.
const LEAST_CHARACTERS: usize = 3;
/// Neighbourhoods, in shares of the picture's height, and grey steps by which ink differs from them.
const RADII: [f32; 3] = [0.12, 0.22, 0.4];
const STEPS: [i32; 2] = [4, 10];
/// How far a character's top and bottom may lie off the line, in shares of its height.
const TOLERANCE: f32 = 0.13;
/// The same for the first and the last one, where frames and bands pose as characters.
const END_TOLERANCE: f32 = 0.09;
/// Steepest line, in pixels per pixel.
const STEEPEST: f32 = 0.35;

/// What the characters are painted with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    Dark,
    Light,
}

/// A connected piece of ink.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Blob {
    pub x: f32,
    pub y: f32,
    pub width: f32,
    pub height: f32,
    pub label: u32,
    area: f32,
}

impl Blob {
    pub(super) fn middle(&self) -> f32 {
        self.x + self.width / 2.0
    }

    pub(super) fn right(&self) -> f32 {
        self.x + self.width
    }

    pub(super) fn bottom(&self) -> f32 {
        self.y + self.height
    }
}

/// A nearly level straight line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Level {
    offset: f32,
    rise: f32,
}

impl Level {
    pub(super) fn at(&self, x: f32) -> f32 {
        self.offset + self.rise * x
    }

    /// Least squares through the points; level through their middle if there are fewer than three.
    fn through(points: &[(f32, f32)]) -> Self {
        let n = points.len().max(1) as f32;
        let (mx, my) = points.iter().fold((0.0, 0.0), |s, p| (s.0 + p.0 / n, s.1 + p.1 / n));
        let spread: f32 = points.iter().map(|p| (p.0 - mx) * (p.0 - mx)).sum();
        let shared: f32 = points.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum();
        let rise = if points.len() >= 3 && spread > 0.0 { shared / spread } else { 0.0 };
        Self { offset: my - rise * mx, rise }
    }
}

/// Characters on one line, from left to right.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TextLine {
    pub characters: Vec<Blob>,
    pub top: Level,
    pub bottom: Level,
    /// Mean height of the characters.
    pub height: f32,
}

impl TextLine {
    fn of(mut characters: Vec<Blob>) -> Self {
        characters.sort_unstable_by(|a, b| a.x.total_cmp(&b.x));
        let tops: Vec<_> = characters.iter().map(|b| (b.middle(), b.y)).collect();
        let bottoms: Vec<_> = characters.iter().map(|b| (b.middle(), b.bottom())).collect();
        let height = characters.iter().map(|b| b.height).sum::<f32>() / characters.len().max(1) as f32;
        Self { top: Level::through(&tops), bottom: Level::through(&bottoms), characters, height }
    }

    /// Share of a blob's height by which its top or bottom misses the line, the worse of both.
    fn miss(&self, blob: &Blob) -> f32 {
        let x = blob.middle();
        let off = (blob.y - self.top.at(x)).abs().max((blob.bottom() - self.bottom.at(x)).abs());
        off / self.height
    }

    /// Without end pieces that are none: thin verticals, and what stands off the line or far away.
    fn trimmed(mut self) -> Self {
        while self.characters.len() > LEAST_CHARACTERS {
            let stray = |blob: &Blob, gap: f32| {
                blob.width < 0.13 * self.height || self.miss(blob) > END_TOLERANCE || gap > 2.0 * self.height
            };
            let [first, second, .., before, last] = self.characters.as_slice() else { break };
            let mut kept = self.characters.clone();
            if stray(first, second.x - first.right()) {
                kept.remove(0);
            } else if stray(last, last.x - before.right()) {
                kept.pop();
            } else {
                break;
            }
            self = Self::of(kept);
        }
        self
    }
}

/// Where the ink is, and which of it is text.
#[derive(Debug)]
pub(super) struct Found {
    pub ink: Ink,
    /// Every pixel's blob, 0 for none.
    pub labels: Image<Luma<u32>>,
    /// All blobs, text or not.
    pub blobs: Vec<Blob>,
    /// One line or two, the upper one first.
    pub lines: Vec<TextLine>,
}

/// Finds the text on the grey picture of a plate; `None` if nothing looks like a line of characters.
pub(super) fn find(plate: &GrayImage) -> Option<Found> {
    let (width, height) = plate.dimensions();
    if width < 8 || height < 8 {
        return None;
    }
    let mut negative = plate.clone();
    image::imageops::invert(&mut negative);
    let mut best: Option<(f32, Found)> = None;
    for (picture, ink, weight) in [(plate, Ink::Dark, 1.0), (&negative, Ink::Light, 0.9)] {
        for radius in RADII.map(|share| ((share * height as f32) as u32).max(1)) {
            for step in STEPS {
                let binary = adaptive_threshold(picture, radius, step);
                let labels = connected_components(&binary, Connectivity::Four, Luma([255]));
                let blobs = blobs_of(&labels);
                let mut candidates = character_like(&blobs, height as f32);
                let Some((score, line)) = likeliest_line(&mut candidates, height as f32) else { continue };
                let score = score * weight;
                if best.as_ref().is_none_or(|b| score > b.0) {
                    let second = second_line(&candidates, &line, plate.dimensions());
                    let mut lines = vec![line.trimmed()];
                    lines.extend(second.map(TextLine::trimmed));
                    lines.sort_by(|a, b| a.top.at(0.0).total_cmp(&b.top.at(0.0)));
                    best = Some((score, Found { ink, labels, blobs, lines }));
                }
            }
        }
    }
    best.map(|b| b.1)
}

/// Bounding boxes and areas of all labels.
fn blobs_of(labels: &Image<Luma<u32>>) -> Vec<Blob> {
    #[derive(Clone, Copy)]
    struct Extent {
        left: u32,
        top: u32,
        right: u32,
        bottom: u32,
        area: u32,
    }
    let mut extents: Vec<Extent> = Vec::new();
    for (x, y, label) in labels.enumerate_pixels() {
        let Some(index) = (label.0[0] as usize).checked_sub(1) else { continue };
        if index >= extents.len() {
            let none = Extent { left: u32::MAX, top: u32::MAX, right: 0, bottom: 0, area: 0 };
            extents.resize(index + 1, none);
        }
        if let Some(e) = extents.get_mut(index) {
            e.left = e.left.min(x);
            e.top = e.top.min(y);
            e.right = e.right.max(x + 1);
            e.bottom = e.bottom.max(y + 1);
            e.area += 1;
        }
    }
    let blob = |(index, e): (usize, &Extent)| Blob {
        x: e.left as f32,
        y: e.top as f32,
        width: e.right.saturating_sub(e.left) as f32,
        height: e.bottom.saturating_sub(e.top) as f32,
        label: index as u32 + 1,
        area: e.area as f32,
    };
    extents.iter().enumerate().filter(|(_, e)| e.area > 0).map(blob).collect()
}

/// Blobs that could be characters, the highest ones first.
fn character_like(blobs: &[Blob], plate_height: f32) -> Vec<Blob> {
    let fits = |b: &&Blob| {
        (0.2..=0.92).contains(&(b.height / plate_height))
            && (0.08..=1.35).contains(&(b.width / b.height))
            && b.area >= 0.1 * b.width * b.height
    };
    let mut candidates: Vec<Blob> = blobs.iter().filter(fits).copied().collect();
    candidates.sort_unstable_by(|a, b| b.height.total_cmp(&a.height).then(a.x.total_cmp(&b.x)));
    candidates.truncate(MAX_BLOBS);
    candidates
}

/// The line through two blobs that most others stand on. Its characters are taken out of `candidates`.
fn likeliest_line(candidates: &mut Vec<Blob>, plate_height: f32) -> Option<(f32, TextLine)> {
    let mut best: Option<(f32, u64)> = None;
    for a in candidates.iter() {
        for b in candidates.iter() {
            let apart = b.middle() - a.middle();
            if apart < 0.5 * a.height || (a.height - b.height).abs() > 0.2 * a.height.max(b.height) {
                continue;
            }
            let (rise_top, rise_bottom) = ((b.y - a.y) / apart, (b.bottom() - a.bottom()) / apart);
            if rise_top.abs() > STEEPEST || rise_bottom.abs() > STEEPEST {
                continue;
            }
            let (mut members, mut score, mut heights) = (0u64, 0.0, 0.0);
            for (i, c) in candidates.iter().enumerate() {
                let along = c.middle() - a.middle();
                let (top, bottom) = (a.y + rise_top * along, a.bottom() + rise_bottom * along);
                let height = bottom - top;
                let (off_top, off_bottom) = ((c.y - top).abs(), (c.bottom() - bottom).abs());
                if height <= 0.0 || off_top.max(off_bottom) >= TOLERANCE * height {
                    continue;
                }
                members |= 1 << i;
                heights += c.height;
                let exact = 1.0 - 2.0 * (off_top + off_bottom) / height;
                score += exact * (2.5 * c.width / c.height).min(1.0);
            }
            let count = members.count_ones();
            // Large characters rather than the small print.
            score *= (heights / count.max(1) as f32 / plate_height).sqrt();
            if count as usize >= LEAST_CHARACTERS && best.is_none_or(|(s, _)| score > s) {
                best = Some((score, members));
            }
        }
    }
    let (score, members) = best?;
    let is_member = |i: usize| members & (1 << i) != 0;
    let line = candidates.iter().enumerate().filter(|(i, _)| is_member(*i)).map(|(_, b)| *b).collect();
    let mut index = 0;
    candidates.retain(|_| {
        index += 1;
        !is_member(index - 1)
    });
    Some((score, TextLine::of(line)))
}

/// A second line of like height above or below the first: plates of two lines are nearly as high as wide.
fn second_line(rest: &[Blob], first: &TextLine, (width, height): (u32, u32)) -> Option<TextLine> {
    if width as f32 > 2.2 * height as f32 || first.height > 0.55 * height as f32 {
        return None;
    }
    let beside = |b: &&Blob| {
        let (top, bottom) = (first.top.at(b.middle()), first.bottom.at(b.middle()));
        let overlap = b.bottom().min(bottom) - b.y.max(top);
        overlap < 0.2 * b.height && (0.7..=1.4).contains(&(b.height / first.height))
    };
    let mut others: Vec<Blob> = rest.iter().filter(beside).copied().collect();
    let (_, line) = likeliest_line(&mut others, height as f32)?;
    Some(line)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A plate picture with hollow characters, 12 wide and 4 thick, at these places: (left, top, height). They lean
    /// by `lean` pixels to the right per pixel upwards.
    pub(in crate::read) fn plate(
        size: (u32, u32),
        characters: &[(u32, u32, u32)],
        lean: f32,
        ink: u8,
        ground: u8,
    ) -> GrayImage {
        GrayImage::from_fn(size.0, size.1, |x, y| {
            // A frame two pixels wide, as bodywork and holders leave it.
            let frame = x < 2 || y < 2 || x + 2 >= size.0 || y + 2 >= size.1;
            let drawn = characters.iter().any(|&(left, top, height)| {
                let up = (top + height).saturating_sub(y) as f32;
                let column = x as f32 - left as f32 - lean * up;
                let row = y as f32 - top as f32;
                let inside = (0.0..12.0).contains(&column) && (0.0..height as f32).contains(&row);
                let hole = (4.0..8.0).contains(&column) && (4.0..height as f32 - 4.0).contains(&row);
                inside && !hole
            });
            Luma([if frame || drawn { ink } else { ground }])
        })
    }

    fn row(left: u32, top: u32, height: u32, count: u32) -> Vec<(u32, u32, u32)> {
        (0..count).map(|i| (left + i * 20, top, height)).collect()
    }

    #[test]
    fn the_characters_are_found_and_frame_and_small_print_are_not() {
        let mut all = row(30, 28, 40, 7);
        all.extend(row(40, 76, 12, 5));
        for (ink, ground, expected) in [(20, 220, Ink::Dark), (230, 30, Ink::Light)] {
            let found = find(&plate((200, 96), &all, 0.0, ink, ground)).unwrap();
            assert_eq!((found.ink, found.lines.len()), (expected, 1));
            let line = &found.lines[0];
            assert_eq!(line.characters.len(), 7);
            assert!((line.height - 40.0).abs() < 2.0 && (line.top.at(100.0) - 28.0).abs() < 2.0);
        }
    }

    #[test]
    fn a_plate_of_two_lines_gives_the_upper_one_first() {
        let mut all = row(34, 52, 34, 4);
        all.extend(row(44, 10, 34, 3));
        let found = find(&plate((140, 96), &all, 0.0, 20, 220)).unwrap();
        assert_eq!(found.lines.iter().map(|l| l.characters.len()).collect::<Vec<_>>(), [3, 4]);
    }

    #[test]
    fn a_rising_line_is_followed() {
        let rising: Vec<_> = (0..7).map(|i| (30 + i * 20, 40 - i * 3, 40)).collect();
        let found = find(&plate((200, 96), &rising, 0.0, 20, 220)).unwrap();
        let line = &found.lines[0];
        assert_eq!(line.characters.len(), 7);
        assert!((line.bottom.at(136.0) - line.bottom.at(36.0) + 15.0).abs() < 2.0);
    }

    #[test]
    fn no_characters_are_no_line() {
        assert!(find(&GrayImage::from_pixel(200, 96, Luma([128]))).is_none());
        assert!(find(&plate((200, 96), &row(40, 28, 40, 2), 0.0, 20, 220)).is_none());
        assert!(find(&GrayImage::new(0, 0)).is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn any_picture_is_survived_and_its_line_lies_inside(
            (width, height) in (8u32..120, 8u32..60), seed in prop::collection::vec(any::<u8>(), 64),
        ) {
            let picture = GrayImage::from_fn(width, height, |x, y| {
                Luma([seed[((x / 3 * 7 + y / 5 * 11) % 64) as usize]])
            });
            if let Some(found) = find(&picture) {
                for line in &found.lines {
                    prop_assert!((LEAST_CHARACTERS..=MAX_BLOBS).contains(&line.characters.len()));
                    for c in &line.characters {
                        prop_assert!(c.right() <= width as f32 && c.bottom() <= height as f32);
                    }
                    if let Some(strip) = crate::read::strip::cut(&picture, &found, line, 30) {
                        prop_assert!(strip.width() < 30 * 26 && strip.height() < 60);
                    }
                }
            }
        }
    }
}
