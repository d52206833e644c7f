//! Pre-processing that installers know from other readers: enlarging, CLAHE, noise reduction, adaptive threshold.
//!
//! Each is off or on by [`Settings`]. By default only the size is set: in trials on bench-dev, with the line cut out
//! and spread from black to white, the threshold lost many reads, CLAHE a few, and smoothing changed nothing.

use image::{GrayImage, Luma};
use imageproc::{
    contrast::adaptive_threshold,
    filter::bilateral::{GaussianEuclideanColorDistance, bilateral_filter},
};

/// How large the characters are made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Resize {
    /// All to this height in pixels.
    CharacterHeight(u32),
    /// By this factor of what the camera saw.
    Factor(f32),
}

/// Contrast-limited adaptive histogram equalisation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clahe {
    /// Most weight of one grey value, in multiples of an even spread.
    pub clip_limit: f32,
    /// Tiles per side.
    pub grid: u32,
}

/// Black or white, by the mean of the neighbourhood.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold {
    /// Side of the neighbourhood in pixels.
    pub block: u32,
    /// Grey steps by which ink must be darker than its neighbourhood.
    pub constant: i32,
}

/// What is done to a line of text before it is read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Find the line of characters and show nothing else; without it, the whole plate is shown.
    pub trim: bool,
    pub resize: Resize,
    pub contrast: Option<Clahe>,
    /// Strength of an edge-keeping smoothing, in grey steps.
    pub denoise: Option<f32>,
    pub threshold: Option<Threshold>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            trim: true,
            resize: Resize::CharacterHeight(30),
            contrast: None,
            denoise: None,
            threshold: None,
        }
    }
}

impl Settings {
    /// Height that characters (or, untrimmed, the plate) of this height in camera pixels are brought to.
    pub(super) fn target_height(&self, seen: f32) -> u32 {
        match self.resize {
            Resize::CharacterHeight(pixels) => pixels.clamp(8, 200),
            Resize::Factor(factor) => (seen * factor).clamp(8.0, 200.0) as u32,
        }
    }

    /// Contrast, noise and threshold, in this order, as far as they are on.
    pub(super) fn enhance(&self, mut picture: GrayImage) -> GrayImage {
        if picture.width() == 0 || picture.height() == 0 {
            return picture;
        }
        if let Some(contrast) = self.contrast {
            picture = clahe(&picture, contrast);
        }
        if let Some(strength) = self.denoise.filter(|s| *s > 0.0) {
            picture = bilateral_filter(&picture, 2, 1.5, GaussianEuclideanColorDistance::new(strength));
        }
        if let Some(Threshold { block, constant }) = self.threshold {
            picture = adaptive_threshold(&picture, (block / 2).clamp(1, 200), constant.clamp(-255, 255));
        }
        picture
    }
}

/// Equalises each tile's histogram, clipped, and blends the four nearest tiles at every pixel.
fn clahe(picture: &GrayImage, settings: Clahe) -> GrayImage {
    let grid = settings.grid.clamp(1, 16);
    let (width, height) = picture.dimensions();
    let (tile_width, tile_height) = (width as f32 / grid as f32, height as f32 / grid as f32);
    let maps: Vec<[f32; 256]> = (0..grid * grid)
        .map(|tile| {
            let (column, row) = (tile % grid, tile / grid);
            let span = |i: u32, size: f32| ((i as f32 * size) as u32, ((i + 1) as f32 * size).ceil() as u32);
            equalising_map(picture, span(column, tile_width), span(row, tile_height), settings.clip_limit)
        })
        .collect();
    let value = |column: u32, row: u32, grey: u8| {
        let map = maps.get((row * grid + column) as usize);
        map.and_then(|m| m.get(usize::from(grey))).copied().unwrap_or(f32::from(grey))
    };
    // Position among tile centres: the tile before it and the share of the one behind.
    let between = |at: u32, size: f32| {
        let place = ((at as f32 + 0.5) / size - 0.5).clamp(0.0, (grid - 1) as f32);
        let before = place as u32;
        (before, (before + 1).min(grid - 1), place.fract())
    };
    GrayImage::from_fn(width, height, |x, y| {
        let grey = picture.get_pixel(x, y).0[0];
        let (left, right, across) = between(x, tile_width);
        let (above, below, down) = between(y, tile_height);
        let upper = value(left, above, grey) * (1.0 - across) + value(right, above, grey) * across;
        let lower = value(left, below, grey) * (1.0 - across) + value(right, below, grey) * across;
        Luma([(upper * (1.0 - down) + lower * down).round().clamp(0.0, 255.0) as u8])
    })
}

/// The clipped cumulative histogram of one tile as a map of grey values.
fn equalising_map(picture: &GrayImage, columns: (u32, u32), rows: (u32, u32), limit: f32) -> [f32; 256] {
    let mut counts = [0.0f32; 256];
    let mut total = 0.0;
    for y in rows.0..rows.1.min(picture.height()) {
        for x in columns.0..columns.1.min(picture.width()) {
            if let Some(count) = counts.get_mut(usize::from(picture.get_pixel(x, y).0[0])) {
                *count += 1.0;
                total += 1.0;
            }
        }
    }
    let most = (limit.max(1.0) * total / 256.0).max(1.0);
    let excess: f32 = counts.iter().map(|c| (c - most).max(0.0)).sum();
    let mut sum = 0.0;
    counts.map(|count| {
        sum += count.min(most) + excess / 256.0;
        if total > 0.0 { 255.0 * sum / total } else { 0.0 }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A faint ramp: grey 100 to 119.
    fn faint() -> GrayImage {
        GrayImage::from_fn(80, 40, |x, _| Luma([100 + (x / 4) as u8]))
    }

    fn spread(picture: &GrayImage) -> u8 {
        let values = || picture.pixels().map(|p| p.0[0]);
        values().max().unwrap() - values().min().unwrap()
    }

    #[test]
    fn clahe_widens_faint_contrast_by_no_more_than_its_limit() {
        let clahe = |clip_limit| {
            let settings = Settings { contrast: Some(Clahe { clip_limit, grid: 1 }), ..Settings::default() };
            spread(&settings.enhance(faint()))
        };
        assert!(clahe(1.0) < 40 && clahe(4.0) > clahe(1.0) && clahe(40.0) > 200);
    }

    #[test]
    fn noise_is_smoothed_and_edges_stay() {
        let noisy = GrayImage::from_fn(40, 20, |x, y| {
            Luma([if x < 20 { 40 } else { 200 } + ((x * 7 + y * 13) % 5) as u8 * 4])
        });
        let settings = Settings { denoise: Some(25.0), ..Settings::default() };
        let smooth = settings.enhance(noisy.clone());
        let rough = |p: &GrayImage| {
            (1..18).map(|x| p.get_pixel(x, 10).0[0].abs_diff(p.get_pixel(x + 1, 10).0[0])).max()
        };
        assert!(rough(&smooth) < rough(&noisy));
        assert!(smooth.get_pixel(21, 10).0[0] - smooth.get_pixel(18, 10).0[0] > 130);
    }

    #[test]
    fn a_threshold_leaves_black_and_white() {
        let threshold = Some(Threshold { block: 11, constant: 5 });
        let settings = Settings { threshold, ..Settings::default() };
        let bars = GrayImage::from_fn(60, 20, |x, _| Luma([if x % 12 < 4 { 90 } else { 140 }]));
        let out = settings.enhance(bars);
        assert!(out.pixels().all(|p| matches!(p.0[0], 0 | 255)));
        assert_eq!((out.get_pixel(25, 10).0[0], out.get_pixel(32, 10).0[0]), (0, 255));
    }

    #[test]
    fn extreme_settings_and_tiny_pictures_are_survived() {
        for (width, height) in [(1, 1), (2, 40), (300, 1), (0, 0)] {
            let settings = Settings {
                contrast: Some(Clahe { clip_limit: -3.0, grid: 0 }),
                denoise: Some(0.001),
                threshold: Some(Threshold { block: 0, constant: i32::MAX }),
                ..Settings::default()
            };
            assert_eq!(settings.enhance(GrayImage::new(width, height)).dimensions(), (width, height));
        }
    }
}
