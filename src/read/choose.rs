//! Which looks at a plate deserve to be read: a track may be seen in a hundred frames, reading a dozen is enough.
//!
//! Pure: the history of a track is a few numbers that the caller keeps, so memory does not grow with the track.

use std::time::Duration;

use super::Quality;
use crate::{
    clock::Moment,
    detect::Detection,
    geometry::{Rect, Size},
};

/// What can be set about choosing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Plates lower than this, in frame pixels, are not read.
    pub min_height: f32,
    /// Plates closer than this to the frame's edge are cut off and not read, in frame pixels.
    pub edge: f32,
    /// The first so many looks are read as they come: a gate wants to know soon.
    pub eager: u32,
    /// After those, a look must be this many times as high as the best one so far.
    pub better: f32,
    /// Or so long must have passed since the last read.
    pub again_after: Duration,
    /// At most so many reads of one track.
    pub max_reads: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            min_height: 10.0,
            edge: 2.0,
            eager: 5,
            better: 1.15,
            again_after: Duration::from_millis(400),
            max_reads: 40,
        }
    }
}

/// What is remembered about the reads of one track.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct History {
    reads: u32,
    best_height: f32,
    last: Option<Moment>,
}

/// Why a look is read or not; the reasons against it are counted by the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Choice {
    Read,
    TooSmall,
    CutByEdge,
    NothingNew,
    EnoughReads,
}

/// Whether this look at a plate deserves to be read.
pub fn choose(
    settings: &Settings,
    history: &History,
    detection: &Detection,
    frame: Size,
    now: Moment,
) -> Choice {
    let height = detection.area.height;
    if !(height >= settings.min_height) {
        return Choice::TooSmall;
    }
    if cut(&detection.area, frame, settings.edge) {
        return Choice::CutByEdge;
    }
    if history.reads >= settings.max_reads {
        return Choice::EnoughReads;
    }
    let waited = history.last.is_none_or(|last| now.since(last) >= settings.again_after);
    if history.reads < settings.eager || height >= history.best_height * settings.better || waited {
        return Choice::Read;
    }
    Choice::NothingNew
}

fn cut(area: &Rect, frame: Size, edge: f32) -> bool {
    area.x < edge
        || area.y < edge
        || area.right() > frame.width as f32 - edge
        || area.bottom() > frame.height as f32 - edge
}

impl History {
    /// Remembers that a look was read, whatever came of it.
    pub fn note(&mut self, quality: Quality, at: Moment) {
        self.reads = self.reads.saturating_add(1);
        self.best_height = self.best_height.max(quality.height);
        self.last = Some(at);
    }

    pub fn reads(&self) -> u32 {
        self.reads
    }
}

/// Focus of a crop: the share of its contrast that changes from pixel to pixel, 0 (blurred) to 1 (sharp).
///
/// The variance of the Laplacian over the variance of the picture; so a dim crop counts as sharp as a bright one.
pub fn sharpness(bytes: &[u8], size: Size, channels: u8) -> f32 {
    let (width, channels) = (size.width as usize, usize::from(channels.max(1)));
    // Green stands for brightness in a colour picture.
    let offset = if channels == 3 { 1 } else { 0 };
    let pitch = width * channels;
    if pitch == 0 || size.width < 3 || size.height < 3 || bytes.len() < pitch * size.height as usize {
        return 0.0;
    }
    let (mut n, mut sum, mut squares, mut changes) = (0u32, 0.0f32, 0.0f32, 0.0f32);
    let rows: Vec<&[u8]> = bytes.chunks_exact(pitch).collect();
    for window in rows.windows(3) {
        let [above, row, below] = window else { continue };
        let column = |row: &[u8], i: usize| f32::from(row.get(i * channels + offset).copied().unwrap_or(0));
        for i in 1..width - 1 {
            let here = column(row, i);
            let around = column(row, i - 1) + column(row, i + 1) + column(above, i) + column(below, i);
            let laplacian = 4.0 * here - around;
            n += 1;
            sum += here;
            squares += here * here;
            changes += laplacian * laplacian;
        }
    }
    let n = n as f32;
    let variance = squares / n - (sum / n) * (sum / n);
    // One grey step of variance keeps the noise of an empty crop from counting as focus.
    (changes / n / (4.0 * variance.max(0.0) + 1.0)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plate::Confidence;
    use proptest::prelude::*;

    const FRAME: Size = Size::new(640, 480);

    fn seen(x: f32, y: f32, height: f32) -> Detection {
        let area = Rect::new(x, y, height * 4.0, height);
        Detection { area, corners: area.into(), has_corners: false, confidence: Confidence::FULL }
    }

    fn read_before(reads: u32, height: f32, at: Moment) -> History {
        let mut history = History::default();
        for _ in 0..reads {
            history.note(Quality { height, sharpness: 0.5 }, at);
        }
        history
    }

    fn check(history: History, detection: &Detection, millis: u64, expected: Choice) {
        let now = Moment::from_micros(millis * 1000);
        assert_eq!(choose(&Settings::default(), &history, detection, FRAME, now), expected);
    }

    #[test]
    fn the_first_looks_are_read_and_later_ones_only_if_they_promise_more() {
        let start = Moment::ZERO;
        check(History::default(), &seen(100.0, 100.0, 20.0), 0, Choice::Read);
        check(read_before(4, 20.0, start), &seen(100.0, 100.0, 20.0), 10, Choice::Read);
        check(read_before(5, 20.0, start), &seen(100.0, 100.0, 20.0), 10, Choice::NothingNew);
        check(read_before(5, 20.0, start), &seen(100.0, 100.0, 24.0), 10, Choice::Read);
        check(read_before(5, 20.0, start), &seen(100.0, 100.0, 20.0), 400, Choice::Read);
        check(read_before(40, 20.0, start), &seen(100.0, 100.0, 90.0), 4000, Choice::EnoughReads);
    }

    #[test]
    fn a_plate_cut_by_the_edge_is_not_read() {
        for (x, y) in [(0.0, 100.0), (100.0, 1.0), (560.0, 100.0), (100.0, 460.0)] {
            check(History::default(), &seen(x, y, 20.0), 0, Choice::CutByEdge);
        }
    }

    #[test]
    fn a_plate_too_small_to_read_is_not_read() {
        check(History::default(), &seen(100.0, 100.0, 9.9), 0, Choice::TooSmall);
        check(History::default(), &seen(100.0, 100.0, f32::NAN), 0, Choice::TooSmall);
    }

    /// A 40x16 picture of bars 4 pixels wide, passed `blurs` times through a 3-pixel mean.
    fn bars(blurs: usize, strength: f32) -> Vec<u8> {
        let mut row: Vec<f32> = (0..40).map(|x| if (x / 4) % 2 == 0 { 0.0 } else { strength }).collect();
        for _ in 0..blurs {
            row = (0..40usize)
                .map(|x| (row[x.saturating_sub(1)] + row[x] + row[(x + 1).min(39)]) / 3.0)
                .collect();
        }
        (0..16).flat_map(|_| row.iter().map(|v| *v as u8 + 20).collect::<Vec<_>>()).collect()
    }

    #[test]
    fn blur_lowers_the_sharpness_and_dimness_does_not() {
        let size = Size::new(40, 16);
        let at = |blurs, strength| sharpness(&bars(blurs, strength), size, 1);
        assert!(at(0, 200.0) > 2.0 * at(1, 200.0) && at(1, 200.0) > at(4, 200.0));
        assert!((at(0, 200.0) - at(0, 60.0)).abs() < 0.05);
        assert_eq!(sharpness(&[7; 640], size, 1), 0.0);
        assert_eq!(sharpness(&[], size, 1), 0.0);
    }

    proptest! {
        #[test]
        fn a_track_is_never_read_more_often_than_allowed(
            looks in prop::collection::vec((5.0f32..100.0, 0u64..100_000), 0..300),
        ) {
            let settings = Settings::default();
            let (mut history, mut now, mut reads) = (History::default(), Moment::ZERO, 0);
            for (height, wait) in looks {
                now = now + Duration::from_micros(wait);
                if choose(&settings, &history, &seen(100.0, 100.0, height), FRAME, now) == Choice::Read {
                    history.note(Quality { height, sharpness: 0.0 }, now);
                    reads += 1;
                }
            }
            prop_assert!(reads <= settings.max_reads && reads == history.reads());
        }
    }
}
