//! A frame of any form to a network's input, antialiased, without new memory per frame.
//!
//! YUV pictures become colour only where they are small: after luma was halved to the size of the chroma, or, where
//! they hardly shrink, after resizing. Grey is never halved: what is read from it needs every stroke. `crop` and `rectify` add the other two ways to take pixels out of a frame.

use multiversion::multiversion;

use super::{
    ConvertError, Frame, convert,
    planes::{Planes, View},
    resample::Resize,
};
use crate::geometry::{Letterbox, Size};

/// Longest side of a picture that may be asked for.
const LONGEST_SIDE: u32 = 8192;

/// Makes pictures of any size out of frames; keeps its working memory from call to call. One per thread.
#[derive(Debug, Default)]
pub struct Scaler {
    resampler: Resampler,
    pub(super) split: [Vec<u8>; 2],
    pub(super) padded: [Vec<u8>; 3],
    pub(super) upright: Vec<u8>,
    tight: Vec<u8>,
}

/// A part of a picture in its own pixels, with fractions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Area {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
    /// Each of its pixels is the mean of two by two already.
    pub halved: bool,
}

/// A frame's planes in the forms that can be resampled.
#[derive(Debug, Clone, Copy)]
pub(super) enum Picture<'a> {
    Rgb(View<'a>),
    Gray(View<'a>),
    /// Chroma as pairs in one plane.
    Paired {
        luma: View<'a>,
        chroma: View<'a>,
        full: bool,
    },
    /// Chroma in two planes.
    Planar {
        luma: View<'a>,
        cb: View<'a>,
        cr: View<'a>,
        full: bool,
    },
}

impl Scaler {
    pub fn new() -> Self {
        Self::default()
    }

    /// The whole frame inside a network's input: proportions kept, centred, the rest filled with `pad`.
    /// `channels` is 3 (red, green, blue) or 1 (grey); `out` becomes `input` rows without gaps and is reused.
    pub fn letterbox(
        &mut self,
        frame: &Frame,
        input: Size,
        channels: u8,
        pad: u8,
        out: &mut Vec<u8>,
    ) -> Result<Letterbox, ConvertError> {
        let planes = frame.views()?;
        let len = output_len(input, channels)?;
        let map = Letterbox::fit(frame.size, input);
        out.resize(len, 0);
        fill_border(out, input, channels, &map, pad);
        let whole = Area::whole(frame.size);
        let (picture, whole) = match planes {
            Planes::Yuyv(pairs) if channels == 3 && whole.is_twice(map.inner) => {
                let rgb = halved_colours(&pairs, frame.full_range, &mut self.split, &mut self.upright)?;
                (Picture::Rgb(rgb), whole.halved())
            }
            planes => (Picture::of(planes, frame.full_range, &mut self.split), whole),
        };
        let channels_wide = usize::from(channels);
        let (row, inner) = (input.width as usize * channels_wide, map.inner.width as usize * channels_wide);
        let inside = out.get_mut(map.top as usize * row..).unwrap_or_default();
        if inner == row {
            self.resampler.draw(&picture, whole, map.inner, channels, inside)?;
        } else {
            self.tight.resize(inner * map.inner.height as usize, 0);
            self.resampler.draw(&picture, whole, map.inner, channels, &mut self.tight)?;
            let left = map.left as usize * channels_wide;
            for (to, from) in inside.chunks_exact_mut(row).zip(self.tight.chunks_exact(inner)) {
                to[left..left + inner].copy_from_slice(from);
            }
        }
        Ok(map)
    }

    pub(super) fn parts(&mut self) -> (&mut Resampler, &mut [Vec<u8>; 2], &mut [Vec<u8>; 3]) {
        (&mut self.resampler, &mut self.split, &mut self.padded)
    }
}

/// Bytes of a picture that was asked for; an error for what nobody can mean.
pub(super) fn output_len(size: Size, channels: u8) -> Result<usize, ConvertError> {
    if size.width == 0 || size.height == 0 || size.width > LONGEST_SIDE || size.height > LONGEST_SIDE {
        return Err(ConvertError::Size(size));
    }
    if channels != 1 && channels != 3 {
        return Err(ConvertError::Channels(channels));
    }
    Ok(size.width as usize * size.height as usize * usize::from(channels))
}

fn fill_border(out: &mut [u8], input: Size, channels: u8, map: &Letterbox, pad: u8) {
    let channels = usize::from(channels);
    let left = map.left as usize * channels;
    let right = left + map.inner.width as usize * channels;
    let inside = map.top..map.top + map.inner.height;
    for (row, y) in out.chunks_exact_mut(input.width as usize * channels).zip(0..) {
        if inside.contains(&y) {
            row[..left].fill(pad);
            row[right..].fill(pad);
        } else {
            row.fill(pad);
        }
    }
}

impl Area {
    pub(super) fn whole(size: Size) -> Self {
        Self { x: 0.0, y: 0.0, width: f64::from(size.width), height: f64::from(size.height), halved: false }
    }

    /// Shrinks to half or less both ways.
    fn is_twice(self, size: Size) -> bool {
        self.is_times(2.0, size)
    }

    /// Shrinks to this part or less both ways.
    pub(super) fn is_times(self, times: f64, size: Size) -> bool {
        self.width >= times * f64::from(size.width) && self.height >= times * f64::from(size.height)
    }

    /// The same part of the picture at half its size.
    pub(super) fn halved(self) -> Self {
        let [x, y, width, height] = [self.x, self.y, self.width, self.height].map(|length| length / 2.0);
        Self { x, y, width, height, halved: true }
    }

    /// The same part in the chroma plane, which has half the columns and half or all of the rows.
    fn in_chroma(self, luma: &View<'_>, chroma: &View<'_>) -> Self {
        let down = if has_all_rows(luma, chroma) { 1.0 } else { 2.0 };
        let (x, y, width, height) = (self.x / 2.0, self.y / down, self.width / 2.0, self.height / down);
        Self { x, y, width, height, halved: false }
    }
}

/// Chroma came from YUYV, which halves the columns only. A picture of one row has one row of chroma either way.
pub(super) fn has_all_rows(luma: &View<'_>, chroma: &View<'_>) -> bool {
    chroma.height == luma.height
}

impl<'a> Picture<'a> {
    /// Sorts a frame's planes; YUYV is taken apart into `split` on the way.
    pub(super) fn of(planes: Planes<'a>, full: bool, split: &'a mut [Vec<u8>; 2]) -> Self {
        match planes {
            Planes::Rgb(view) => Self::Rgb(view),
            Planes::Gray(view) => Self::Gray(view),
            Planes::Nv12(luma, chroma) => Self::Paired { luma, chroma, full },
            Planes::I420(luma, cb, cr) => Self::Planar { luma, cb, cr, full },
            Planes::Yuyv(pairs) => {
                let row = pairs.width as usize * 2;
                let [luma, chroma] = split;
                luma.resize(row * pairs.height as usize, 0);
                chroma.resize(row * pairs.height as usize, 0);
                for y in 0..pairs.height {
                    let at = y as usize * row;
                    let to = luma[at..at + row].iter_mut().zip(&mut chroma[at..at + row]);
                    for ((luma, chroma), both) in to.zip(pairs.row(y).chunks_exact(2)) {
                        (*luma, *chroma) = (both[0], both[1]);
                    }
                }
                let size = pairs.size();
                Self::Paired {
                    luma: View::packed(luma, Size::new(size.width * 2, size.height), 1),
                    chroma: View::packed(chroma, size, 2),
                    full,
                }
            }
        }
    }
}

/// Draws pictures of any form at other sizes, and the memory it works in.
#[derive(Debug, Default)]
pub(super) struct Resampler {
    resize: Resize,
    small: [Vec<u8>; 3],
    rgb: Vec<u8>,
}

impl Resampler {
    /// Draws `area` of the picture as `size` pixels at the beginning of `out`, rows without gaps.
    pub(super) fn draw(
        &mut self,
        picture: &Picture<'_>,
        area: Area,
        size: Size,
        channels: u8,
        out: &mut [u8],
    ) -> Result<(), ConvertError> {
        let pixels = size.width as usize * size.height as usize;
        let out = out.get_mut(..pixels * usize::from(channels)).ok_or(ConvertError::Size(size))?;
        let Self { resize: resampler, small: [first, second, third], rgb } = self;
        let mut resize = |view: &View<'_>, area: Area, out: &mut [u8]| resampler.draw(view, area, size, out);
        let fit = |small: &mut Vec<u8>, bytes: usize| small.resize(pixels * bytes, 0);
        match (*picture, channels) {
            (Picture::Rgb(view), 3) => resampler.draw_colour(&view, area, size, out),
            (Picture::Gray(view), 1) => resize(&view, area, out),
            (Picture::Rgb(view), _) => {
                fit(first, 3);
                resize(&view, area, first);
                convert::rgb_to_gray(first, out);
            }
            (Picture::Gray(view), _) => {
                fit(first, 1);
                resize(&view, area, first);
                convert::spread(first, out);
            }
            (Picture::Paired { luma, full, .. } | Picture::Planar { luma, full, .. }, 1) => {
                fit(second, 1);
                resize(&luma, area, second);
                convert::luma_to_gray(second, full, out);
            }
            // Halved, luma is of one size with the chroma: the colours are made there, and one picture is resized
            // instead of two or three planes.
            (Picture::Paired { luma, chroma, full }, _)
                if area.is_twice(size) && !has_all_rows(&luma, &chroma) =>
            {
                let luma = halve(&luma, first);
                rgb.resize(luma.bytes.len() * 3, 0);
                convert::paired_to_rgb(&luma, &chroma.complete(second), full, rgb)?;
                resize(&View::packed(rgb, luma.size(), 3), area.halved(), out);
            }
            (Picture::Planar { luma, cb, cr, full }, _)
                if area.is_twice(size) && !has_all_rows(&luma, &cb) =>
            {
                let luma = halve(&luma, first);
                rgb.resize(luma.bytes.len() * 3, 0);
                convert::planar_to_rgb([&luma, &cb.complete(second), &cr.complete(third)], full, rgb)?;
                resize(&View::packed(rgb, luma.size(), 3), area.halved(), out);
            }
            (Picture::Paired { luma, chroma, full }, _) => {
                let chroma_area = area.in_chroma(&luma, &chroma);
                fit(first, 1);
                fit(second, 2);
                resize(&luma, area, first);
                resize(&chroma, chroma_area, second);
                let (luma, chroma) = (View::packed(first, size, 1), View::packed(second, size, 2));
                convert::paired_to_rgb(&luma, &chroma, full, out)?;
            }
            (Picture::Planar { luma, cb, cr, full }, _) => {
                let chroma_area = area.in_chroma(&luma, &cb);
                for (view, area, small) in [
                    (&luma, area, &mut *first),
                    (&cb, chroma_area, &mut *second),
                    (&cr, chroma_area, &mut *third),
                ] {
                    fit(small, 1);
                    resize(view, area, small);
                }
                let planes = [&*first, &*second, &*third].map(|plane| View::packed(plane, size, 1));
                convert::planar_to_rgb([&planes[0], &planes[1], &planes[2]], full, out)?;
            }
        }
        Ok(())
    }
}

/// The plane at half its size, each pixel the mean of four; an odd last row or column counts double.
fn halve<'a>(luma: &View<'_>, out: &'a mut Vec<u8>) -> View<'a> {
    let size = Size::new(luma.width.div_ceil(2), luma.height.div_ceil(2));
    out.resize(size.width as usize * size.height as usize, 0);
    for (line, y) in out.chunks_exact_mut(size.width as usize).zip(0..) {
        halve_rows(luma.row(2 * y), luma.row((2 * y + 1).min(luma.height - 1)), line);
    }
    View::packed(out, size, 1)
}

/// In blocks of a fixed length, because the compiler turns those into wide registers.
#[multiversion(targets("x86_64+avx+avx2+bmi1+bmi2+fma"))]
fn halve_rows(upper: &[u8], lower: &[u8], out: &mut [u8]) {
    const BLOCK: usize = 32;
    let mean = |a: [u8; 2], b: [u8; 2]| {
        let sum = u16::from(a[0]) + u16::from(a[1]) + u16::from(b[0]) + u16::from(b[1]);
        ((sum + 2) >> 2) as u8
    };
    let (upper, last_up) = upper.as_chunks::<2>();
    let (lower, last_low) = lower.as_chunks::<2>();
    let Some((out, odd)) = out.split_at_mut_checked(upper.len()) else { return };
    if let ([value], [a], [b]) = (odd, last_up, last_low) {
        *value = mean([*a, *a], [*b, *b]);
    }
    let (blocks, rest) = out.as_chunks_mut::<BLOCK>();
    let (ups, last_ups) = upper.as_chunks::<BLOCK>();
    let (lows, last_lows) = lower.as_chunks::<BLOCK>();
    for ((block, up), low) in blocks.iter_mut().zip(ups).zip(lows) {
        for x in 0..BLOCK {
            block[x] = mean(up[x], low[x]);
        }
    }
    for ((value, up), low) in rest.iter_mut().zip(last_ups).zip(last_lows) {
        *value = mean(*up, *low);
    }
}

/// YUYV as colours at half its size: there luma has one pixel per pair of chroma, and nothing is taken apart in full.
fn halved_colours<'a>(
    pairs: &View<'_>,
    full: bool,
    split: &mut [Vec<u8>; 2],
    rgb: &'a mut Vec<u8>,
) -> Result<View<'a>, ConvertError> {
    let size = Size::new(pairs.width, pairs.height.div_ceil(2));
    let [luma, chroma] = split;
    let row = size.width as usize;
    luma.resize(row * size.height as usize, 0);
    chroma.resize(2 * row * size.height as usize, 0);
    let drawn = luma.chunks_exact_mut(row.max(1)).zip(chroma.chunks_exact_mut(2 * row.max(1)));
    for ((luma, chroma), y) in drawn.zip(0..) {
        halve_pairs(pairs.row(2 * y), pairs.row((2 * y + 1).min(pairs.height - 1)), luma, chroma);
    }
    rgb.resize(luma.len() * 3, 0);
    convert::paired_to_rgb(&View::packed(luma, size, 1), &View::packed(chroma, size, 2), full, rgb)?;
    Ok(View::packed(rgb, size, 3))
}

/// Two rows of (Y, Cb, Y, Cr) to one of Y, the mean of four, and one of (Cb, Cr).
#[multiversion(targets("x86_64+avx+avx2+bmi1+bmi2+fma"))]
fn halve_pairs(upper: &[u8], lower: &[u8], luma: &mut [u8], chroma: &mut [u8]) {
    let pairs = upper.as_chunks::<4>().0.iter().zip(lower.as_chunks::<4>().0);
    let to = luma.iter_mut().zip(chroma.as_chunks_mut::<2>().0);
    for ((a, b), (y, c)) in pairs.zip(to) {
        let sum = u16::from(a[0]) + u16::from(a[2]) + u16::from(b[0]) + u16::from(b[2]);
        *y = ((sum + 2) >> 2) as u8;
        *c = [1, 3].map(|i| ((u16::from(a[i]) + u16::from(b[i]) + 1) >> 1) as u8);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::frame::{
        PixelFormat,
        test_frames::{frame_of, gray, psnr, with_gaps},
    };

    const FORMATS: [PixelFormat; 5] =
        [PixelFormat::Rgb8, PixelFormat::Gray8, PixelFormat::Nv12, PixelFormat::I420, PixelFormat::Yuyv];

    fn smooth(x: u32, y: u32) -> [u8; 3] {
        let wave = |v: u32, period: f32| (f32::sin(v as f32 / period) * 90.0 + 128.0) as u8;
        [wave(x + 20, 31.0), wave(y + 5, 23.0), wave(x + 2 * y, 47.0)]
    }

    /// The `image` crate's antialiased triangle filter on the naive picture.
    fn reference(size: Size, to: Size) -> Vec<u8> {
        let picture = image::RgbImage::from_fn(size.width, size.height, |x, y| image::Rgb(smooth(x, y)));
        image::imageops::resize(&picture, to.width, to.height, image::imageops::FilterType::Triangle)
            .into_raw()
    }

    #[test]
    fn every_format_scales_like_the_plain_filter() {
        for (size, input) in [
            (Size::new(320, 240), Size::new(160, 120)),
            (Size::new(333, 219), Size::new(111, 73)),
            (Size::new(64, 48), Size::new(160, 120)),
        ] {
            let mut scaler = Scaler::new();
            for format in FORMATS {
                let frame = frame_of(format, size, smooth);
                let mut out = Vec::new();
                let map = scaler.letterbox(&frame, input, 3, 0, &mut out).unwrap();
                assert_eq!(map.inner, input);
                let mut wanted = reference(size, input);
                if format == PixelFormat::Gray8 {
                    wanted.chunks_exact_mut(3).for_each(|p| p.fill(gray([p[0], p[1], p[2]])));
                }
                let quality = psnr(&wanted, &out);
                assert!(quality > 40.0, "{format:?} {size} to {input}: {quality:.1} dB");
                let mut gapped = Vec::new();
                for gap in [3, 4] {
                    scaler.letterbox(&with_gaps(&frame, gap), input, 3, 0, &mut gapped).unwrap();
                    assert_eq!(out, gapped, "{format:?} with gaps of {gap}");
                }
                let grey_wanted: Vec<u8> = wanted.chunks_exact(3).map(|p| gray([p[0], p[1], p[2]])).collect();
                scaler.letterbox(&frame, input, 1, 0, &mut out).unwrap();
                let quality = psnr(&grey_wanted, &out);
                assert!(quality > 40.0, "{format:?} {size} to {input} in grey: {quality:.1} dB");
            }
        }
    }

    #[test]
    fn the_picture_stands_centred_in_its_border() {
        let frame = frame_of(PixelFormat::Nv12, Size::new(40, 20), |_, _| [200, 200, 200]);
        let mut out = vec![9; 3];
        for (input, left, top) in
            [(Size::new(20, 20), 0, 5), (Size::new(40, 10), 10, 0), (Size::new(41, 20), 0, 0)]
        {
            let map = Scaler::new().letterbox(&frame, input, 3, 114, &mut out).unwrap();
            assert_eq!((map.left, map.top), (left, top), "{input}");
            for y in 0..input.height {
                for x in 0..input.width {
                    let inside = (left..left + map.inner.width).contains(&x)
                        && (top..top + map.inner.height).contains(&y);
                    let value = out[((y * input.width + x) * 3) as usize];
                    assert!(
                        if inside { value.abs_diff(200) < 3 } else { value == 114 },
                        "{x},{y} of {input}: {value}"
                    );
                }
            }
        }
    }

    #[test]
    fn stripes_finer_than_the_input_turn_grey_and_not_into_moire() {
        let frame = frame_of(PixelFormat::Gray8, Size::new(600, 60), |x, _| [((x % 2) * 255) as u8; 3]);
        let mut out = Vec::new();
        Scaler::new().letterbox(&frame, Size::new(130, 13), 1, 0, &mut out).unwrap();
        assert!(out.iter().all(|v| v.abs_diff(128) < 25), "{out:?}");
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        let frame = frame_of(PixelFormat::Gray8, Size::new(6, 6), |_, _| [0; 3]);
        let ask = |size, channels| Scaler::new().letterbox(&frame, size, channels, 0, &mut Vec::new());
        assert!(matches!(ask(Size::new(0, 4), 3), Err(ConvertError::Size(_))));
        assert!(matches!(ask(Size::new(4, 100_000), 3), Err(ConvertError::Size(_))));
        assert!(matches!(ask(Size::new(4, 4), 4), Err(ConvertError::Channels(4))));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_frame_fits_any_input(
            w in 1u32..70, h in 1u32..70, iw in 1u32..90, ih in 1u32..90, which in 0usize..5, gap in 0usize..7, rgb: bool,
        ) {
            let frame = with_gaps(&frame_of(FORMATS[which], Size::new(w, h), |_, _| [90, 90, 90]), gap);
            let (mut out, input) = (Vec::new(), Size::new(iw, ih));
            let channels = if rgb { 3 } else { 1 };
            Scaler::new().letterbox(&frame, input, channels, 90, &mut out).unwrap();
            prop_assert_eq!(out.len(), (iw * ih) as usize * usize::from(channels));
            prop_assert!(out.iter().all(|v| v.abs_diff(90) <= 2), "an even picture became uneven: {:?}", out);
        }
    }
}
