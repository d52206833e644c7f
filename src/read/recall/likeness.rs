//! Whether two crops show the very same plate the very same way.
//!
//! A perceptual hash (which of two neighbouring places is brighter) sorts out most crops by counting bits. It says
//! "alike" only, and two plates that differ in one character are alike; so whoever passes is compared place by place,
//! in cells of four by four pixels, and every single cell has to agree within a small part of the crop's own contrast.
//! The noise of a camera averages out in a cell, a stroke that is there or not does not. Light that changes as a whole
//! is allowed for, as far as a cloud before the sun would go.

use crate::geometry::Size;

/// Side of a cell in pixels.
const CELL: usize = 4;
/// Columns and rows of the hash's own coarse picture.
const COARSE: (usize, usize) = (9, 8);
/// Bits of the hash that noise may turn: places of equal brightness.
const TURNED: u32 = 10;
/// A crop with less between its dark and its bright cells, in grey steps, cannot be told from another one.
const LEAST_CONTRAST: u8 = 24;
/// A cell may differ by the contrast over this. A twelfth: ten grey steps on a plate in good light.
const PART: u8 = 12;
/// Change of the light as a whole, in grey steps.
const LIGHT: i32 = 12;

/// What a crop looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::read) struct Likeness {
    hash: u64,
    mean: u8,
    /// From the darkest to the brightest cells, a few of each left out.
    contrast: u8,
    cells: Box<[u8]>,
}

impl Likeness {
    /// Of a picture without padding; `None` if it is too small or too even to be known again.
    pub(in crate::read) fn of(bytes: &[u8], size: Size, channels: u8) -> Option<Self> {
        let (width, height, channels) = (size.width as usize, size.height as usize, usize::from(channels));
        let (columns, rows) = (width / CELL, height / CELL);
        let pitch = width * channels;
        if columns < COARSE.0 || rows < COARSE.1 || channels == 0 || bytes.len() < pitch * height {
            return None;
        }
        let mut sums = vec![0u32; columns * channels];
        let mut cells = Vec::with_capacity(columns * rows * channels);
        for band in bytes.chunks_exact(pitch * CELL).take(rows) {
            sums.fill(0);
            for row in band.chunks_exact(pitch) {
                for (pixels, sums) in row.chunks_exact(CELL * channels).zip(sums.chunks_exact_mut(channels)) {
                    for pixel in pixels.chunks_exact(channels) {
                        sums.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += u32::from(*value));
                    }
                }
            }
            let area = (CELL * CELL) as u32;
            cells.extend(sums.iter().map(|sum| ((sum + area / 2) / area) as u8));
        }
        let mut sorted = cells.clone();
        sorted.sort_unstable();
        let at = |share: usize| sorted.get(sorted.len() * share / 20).copied().unwrap_or(0);
        let contrast = at(19) - at(1);
        let total: u32 = cells.iter().map(|cell| u32::from(*cell)).sum();
        let mean = (total / cells.len().max(1) as u32) as u8;
        let hash = hash(&cells, columns * channels, rows);
        let likeness = Self { hash, mean, contrast, cells: cells.into() };
        (contrast >= LEAST_CONTRAST).then_some(likeness)
    }

    pub(super) fn bytes(&self) -> usize {
        self.cells.len()
    }

    /// Greatest difference of any cell, in grey steps; `None` if it shows something else.
    pub(super) fn distance(&self, other: &Self) -> Option<u8> {
        if (self.hash ^ other.hash).count_ones() > TURNED || self.cells.len() != other.cells.len() {
            return None;
        }
        let light = i32::from(self.mean) - i32::from(other.mean);
        if light.abs() > LIGHT {
            return None;
        }
        let most = i32::from(self.contrast.min(other.contrast) / PART);
        let mut greatest = 0;
        for (own, other) in self.cells.iter().zip(&other.cells) {
            let apart = (i32::from(*own) - i32::from(*other) - light).abs();
            if apart > most {
                return None;
            }
            greatest = greatest.max(apart);
        }
        u8::try_from(greatest).ok()
    }
}

/// Which of two neighbouring places of a coarse picture is brighter, bit by bit.
fn hash(cells: &[u8], columns: usize, rows: usize) -> u64 {
    let mut hash = 0;
    for row in 0..COARSE.1 {
        let place = |column: usize| {
            let (from, to) = (row * rows / COARSE.1, (row + 1) * rows / COARSE.1);
            let (left, right) = (column * columns / COARSE.0, (column + 1) * columns / COARSE.0);
            let lines = cells.chunks_exact(columns).take(to).skip(from);
            let sum: u32 =
                lines.flat_map(|line| line.get(left..right).unwrap_or_default()).map(|v| u32::from(*v)).sum();
            // Of the mean, so that places of another size can be compared.
            sum * 16 / (((to - from) * (right - left)).max(1) as u32)
        };
        for column in 1..COARSE.0 {
            hash = hash << 1 | u64::from(place(column) > place(column - 1));
        }
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SIZE: Size = Size::new(160, 48);

    /// A plate of blocks, with noise of so many grey steps, under another light.
    fn plate(seed: u32, noise: i32, light: i32) -> Vec<u8> {
        let mut dice = seed | 1;
        (0..SIZE.height * SIZE.width)
            .map(|i| {
                let (x, y) = (i % SIZE.width, i / SIZE.width);
                let ink = y > 8 && y < 40 && (x * 7 / 20 + y / 9) % 3 == 0;
                dice ^= dice << 13;
                dice ^= dice >> 17;
                dice ^= dice << 5;
                let noise = if noise == 0 { 0 } else { (dice >> 8) as i32 % (2 * noise + 1) - noise };
                (if ink { 60 } else { 180 } + noise + light).clamp(0, 255) as u8
            })
            .collect()
    }

    fn apart(a: &[u8], b: &[u8]) -> Option<u8> {
        Likeness::of(a, SIZE, 1).unwrap().distance(&Likeness::of(b, SIZE, 1).unwrap())
    }

    #[test]
    fn noise_and_a_cloud_make_no_other_plate() {
        let clean = plate(1, 0, 0);
        assert_eq!(apart(&clean, &clean), Some(0));
        assert!(apart(&plate(1, 8, 0), &plate(99, 8, 0)).is_some());
        assert!(apart(&clean, &plate(5, 4, 9)).is_some());
        assert!(apart(&clean, &plate(5, 0, 20)).is_none(), "the sun came out: read it again");
        assert!(apart(&plate(1, 90, 0), &plate(2, 90, 0)).is_none(), "too noisy to be known again");
    }

    #[test]
    fn what_shows_nothing_cannot_be_known_again() {
        assert!(Likeness::of(&[128; 160 * 48], SIZE, 1).is_none());
        assert!(Likeness::of(&[], SIZE, 1).is_none());
        assert!(Likeness::of(&[0; 32 * 16], Size::new(32, 16), 1).is_none());
        assert!(Likeness::of(&plate(1, 0, 0), SIZE, 0).is_none());
    }

    #[test]
    fn colour_counts_by_itself() {
        let colour = |which: usize| -> Vec<u8> {
            plate(1, 0, 0)
                .iter()
                .flat_map(|v| (0..3).map(move |c| if c == which { 255 - v } else { *v }))
                .collect()
        };
        let of = |which| Likeness::of(&colour(which), SIZE, 3).unwrap();
        assert_eq!((of(0).distance(&of(0)), of(0).distance(&of(2))), (Some(0), None));
    }

    proptest! {
        /// The smallest mark that turns one character into another, wherever it is and whatever it covers: ink where
        /// there was mostly ground, or ground where there was mostly ink.
        #[test]
        fn a_stroke_more_or_less_is_another_plate(
            seed in 1u32..1000, x in 0u32..155, y in 0u32..43, noise in 0i32..6,
        ) {
            let own = plate(seed, noise, 0);
            let mut other = plate(seed + 1, noise, 0);
            let places = || (y..y + 5).flat_map(|row| (x..x + 5).map(move |column| (row * SIZE.width + column) as usize));
            let ground = places().filter(|at| other[*at] > 120).count();
            let tone = if ground * 2 > 25 { 60 } else { 180 };
            places().for_each(|at| other[at] = tone);
            prop_assert_eq!(apart(&own, &other), None);
        }
    }
}
