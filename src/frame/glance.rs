//! A picture at a glance: its luma at low resolution, how sharp it is, and whether it is the very same one as before.
//!
//! Samples a few tens of thousand pixels of any format in place, so that it costs next to nothing beside decoding.
//! What a glance means (motion, darkness, a frozen camera) is judged in `capture`.

use super::{BadFrame, Frame, planes::Planes};
use crate::geometry::Point;

/// Cells across and down, whatever the picture's size.
pub const COLUMNS: usize = 64;
pub const ROWS: usize = 36;
pub const CELLS: usize = COLUMNS * ROWS;
/// Samples across and down a cell.
const SAMPLES: usize = 4;
/// Rows of pixels on which the sharpness is measured.
const SHARP_ROWS: u32 = 36;

/// What one look at a picture showed. Made once and filled again and again.
#[derive(Debug, Clone, PartialEq)]
pub struct Glance {
    /// Mean luma of each cell, row by row, as full-range values.
    pub cells: Vec<u8>,
    /// A number for the exact samples of each cell: equal numbers mean equal pictures.
    pub marks: Vec<u32>,
    /// Mean square of the second difference along rows: falls steeply when the picture blurs.
    pub sharpness: f32,
}

impl Default for Glance {
    fn default() -> Self {
        Self { cells: vec![0; CELLS], marks: vec![0; CELLS], sharpness: 0.0 }
    }
}

/// The middle of each cell, row by row, as fractions of the picture.
pub fn cells() -> impl Iterator<Item = Point> {
    let middle = |n: usize, of: usize| (n as f32 + 0.5) / of as f32;
    (0..CELLS).map(move |cell| Point::new(middle(cell % COLUMNS, COLUMNS), middle(cell / COLUMNS, ROWS)))
}

/// Luma values in memory: every how many bytes one stands, from where on.
#[derive(Clone, Copy)]
struct Luma<'a> {
    bytes: &'a [u8],
    stride: usize,
    step: usize,
    first: usize,
    width: u32,
    height: u32,
}

impl Luma<'_> {
    fn at(&self, x: usize, y: usize) -> u8 {
        self.bytes.get(y * self.stride + x * self.step + self.first).copied().unwrap_or_default()
    }
}

impl Glance {
    /// Looks at a picture.
    pub fn look(&mut self, frame: &Frame) -> Result<(), BadFrame> {
        let luma = match frame.views()? {
            // Green is most of the luma, and good enough here.
            Planes::Rgb(view) => Luma {
                bytes: view.bytes,
                stride: view.stride,
                step: 3,
                first: 1,
                width: view.width,
                height: view.height,
            },
            Planes::Gray(view) | Planes::Nv12(view, _) | Planes::I420(view, ..) => Luma {
                bytes: view.bytes,
                stride: view.stride,
                step: 1,
                first: 0,
                width: view.width,
                height: view.height,
            },
            Planes::Yuyv(pairs) => Luma {
                bytes: pairs.bytes,
                stride: pairs.stride,
                step: 2,
                first: 0,
                width: frame.size.width,
                height: pairs.height,
            },
        };
        self.sample(luma);
        self.sharpness = sharpness(luma);
        Ok(())
    }

    fn sample(&mut self, luma: Luma<'_>) {
        let xs = places::<{ COLUMNS * SAMPLES }>(luma.width);
        let ys = places::<{ ROWS * SAMPLES }>(luma.height);
        let mut sums = [0u16; COLUMNS];
        for row in 0..ROWS {
            sums.fill(0);
            let marks = self.marks.get_mut(row * COLUMNS..(row + 1) * COLUMNS).unwrap_or_default();
            marks.fill(0);
            for y in ys.iter().skip(row * SAMPLES).take(SAMPLES) {
                for ((sum, mark), xs) in sums.iter_mut().zip(&mut *marks).zip(xs.chunks_exact(SAMPLES)) {
                    for x in xs {
                        let value = luma.at(*x, *y);
                        *sum += u16::from(value);
                        // FNV-1a: cheap, and any single changed value changes it.
                        *mark = (*mark ^ u32::from(value)).wrapping_mul(0x0100_0193).wrapping_add(1);
                    }
                }
            }
            let cells = self.cells.get_mut(row * COLUMNS..(row + 1) * COLUMNS).unwrap_or_default();
            for (cell, sum) in cells.iter_mut().zip(&sums) {
                *cell = (sum / (SAMPLES * SAMPLES) as u16).min(255) as u8;
            }
        }
    }

    /// Mean luma of all cells.
    pub fn mean(&self) -> f32 {
        self.cells.iter().map(|cell| f32::from(*cell)).sum::<f32>() / CELLS as f32
    }

    /// The luma that this share of the cells does not exceed.
    pub fn quantile(&self, share: f32) -> u8 {
        let mut counts = [0usize; 256];
        for cell in &self.cells {
            if let Some(count) = counts.get_mut(usize::from(*cell)) {
                *count += 1;
            }
        }
        let wanted = (share.clamp(0.0, 1.0) * (CELLS - 1) as f32) as usize;
        let mut passed = 0;
        for (value, count) in (0u8..=255).zip(counts) {
            passed += count;
            if passed > wanted {
                return value;
            }
        }
        255
    }

    /// Cells in which something changed between two glances, as far as the exact samples tell.
    pub fn differs_in(&self, other: &Self, counts: impl Fn(usize) -> bool) -> bool {
        self.marks.iter().zip(&other.marks).enumerate().any(|(cell, (a, b))| a != b && counts(cell))
    }
}

/// `N` places spread evenly over so many pixels.
fn places<const N: usize>(pixels: u32) -> [usize; N] {
    let mut places = [0; N];
    for (n, place) in places.iter_mut().enumerate() {
        *place = (2 * n + 1) * pixels as usize / (2 * N);
    }
    places
}

fn sharpness(luma: Luma<'_>) -> f32 {
    let width = luma.width as usize;
    let (mut sum, mut count) = (0u64, 0u64);
    let mut line = Vec::with_capacity(width);
    for n in 0..SHARP_ROWS.min(luma.height) {
        let y = ((2 * n + 1) * luma.height / (2 * SHARP_ROWS.min(luma.height))) as usize;
        let row = luma.bytes.get(y * luma.stride + luma.first..).unwrap_or_default();
        line.clear();
        line.extend(row.iter().step_by(luma.step).take(width).map(|value| i32::from(*value)));
        for three in line.windows(3) {
            if let [left, middle, right] = three {
                let second = (left - 2 * middle + right).unsigned_abs();
                sum += u64::from(second * second);
            }
        }
        count += line.len().saturating_sub(2) as u64;
    }
    if count == 0 { 0.0 } else { sum as f32 / count as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        frame::{PixelFormat, test_frames::frame_of},
        geometry::Size,
    };

    fn glance(format: PixelFormat, size: Size, colour: impl Fn(u32, u32) -> [u8; 3]) -> Glance {
        let mut glance = Glance::default();
        glance.look(&frame_of(format, size, colour)).unwrap();
        glance
    }

    const ALL: [PixelFormat; 5] =
        [PixelFormat::Rgb8, PixelFormat::Gray8, PixelFormat::Nv12, PixelFormat::I420, PixelFormat::Yuyv];

    #[test]
    fn every_format_and_size_gives_the_same_glance() {
        for size in [Size::new(640, 360), Size::new(321, 241), Size::new(16, 9), Size::new(1, 1)] {
            for format in ALL {
                let half = glance(format, size, |x, _| if x < size.width / 2 { [20; 3] } else { [220; 3] });
                let left = half.cells[COLUMNS * ROWS / 2 + 5];
                let right = half.cells[COLUMNS * ROWS / 2 + COLUMNS - 5];
                let dark = left < 40 || size.width == 1;
                assert!(dark && right > 170, "{format:?} {size}: {left} {right}");
            }
        }
    }

    #[test]
    fn one_changed_sample_is_another_picture_and_the_same_picture_is_not() {
        let size = Size::new(640, 360);
        let plain =
            |spot: Option<u32>| {
                glance(PixelFormat::I420, size, move |x, y| {
                    if Some(x) == spot && y / 4 == 20 { [140; 3] } else { [120; 3] }
                })
            };
        let (one, same) = (plain(None), plain(None));
        assert!(!one.differs_in(&same, |_| true));
        let changed = (0..4).any(|x| one.differs_in(&plain(Some(300 + x)), |_| true));
        assert!(changed);
        assert!(!(0..4).any(|x| one.differs_in(&plain(Some(300 + x)), |cell| cell < COLUMNS)), "masked");
    }

    #[test]
    fn blur_takes_the_sharpness() {
        let size = Size::new(640, 360);
        let sharp = glance(PixelFormat::Gray8, size, |x, _| if x / 8 % 2 == 0 { [30; 3] } else { [200; 3] });
        let soft = glance(PixelFormat::Gray8, size, |x, _| {
            [(115.0 + 85.0 * (x as f32 / 8.0 * std::f32::consts::PI).sin()) as u8; 3]
        });
        assert!(soft.sharpness < sharp.sharpness / 4.0, "{} {}", soft.sharpness, sharp.sharpness);
    }

    #[test]
    fn quantiles_are_those_of_the_cells() {
        let size = Size::new(640, 360);
        let mostly = glance(PixelFormat::Gray8, size, |x, _| if x < 64 { [200; 3] } else { [10; 3] });
        assert!(mostly.quantile(0.5) < 30 && mostly.quantile(0.95) > 150);
        assert!(mostly.quantile(0.0) <= mostly.quantile(1.0));
        assert!((20.0..50.0).contains(&mostly.mean()));
    }
}
