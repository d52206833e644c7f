//! Upright crops out of the full-resolution frame, also beyond its edge, where the outermost pixels repeat.

use super::{
    ConvertError, Frame,
    planes::{Planes, View},
    scale::{Area, Picture, Scaler, has_all_rows, output_len},
};
use crate::geometry::{Rect, Size};

/// How far a box may reach beyond the picture, as a share of the picture's side: bounds the memory it can ask for.
const OVERHANG: f32 = 0.5;

/// Whole luma pixels from the upper left corner (even) to the lower right one.
#[derive(Debug, Clone, Copy)]
struct Part {
    left: u32,
    top: u32,
    right: u32,
    bottom: u32,
}

impl Scaler {
    /// The pixels of a box, antialiased to exactly `size`; `out` becomes rows without gaps and is reused.
    /// The box may reach beyond the picture by half of the picture's sides.
    pub fn crop(
        &mut self,
        frame: &Frame,
        area: Rect,
        size: Size,
        channels: u8,
        out: &mut Vec<u8>,
    ) -> Result<(), ConvertError> {
        let planes = frame.views()?;
        let len = output_len(size, channels)?;
        check_area(area, frame.size)?;
        out.resize(len, 0);

        let part = Part::around(area, size, frame.size);
        let area = Area {
            x: f64::from(area.x) - f64::from(part.left),
            y: f64::from(area.y) - f64::from(part.top),
            width: f64::from(area.width),
            height: f64::from(area.height),
            halved: false,
        };
        let inner = Size::new(part.right - part.left, part.bottom - part.top);
        let (resampler, split, padded) = self.parts();
        let picture = Picture::of(part.of(planes), frame.full_range, split);
        let (picture, area) = with_edges(picture, area, inner, padded);
        resampler.draw(&picture, area, size, channels, out)
    }
}

pub(super) fn check_area(area: Rect, size: Size) -> Result<(), ConvertError> {
    let (w, h) = (size.width as f32, size.height as f32);
    let fits = area.is_finite()
        && area.width > 0.0
        && area.height > 0.0
        && area.x >= -w * OVERHANG
        && area.y >= -h * OVERHANG
        && area.right() <= w * (1.0 + OVERHANG)
        && area.bottom() <= h * (1.0 + OVERHANG)
        && area.x < w
        && area.y < h
        && area.right() > 0.0
        && area.bottom() > 0.0;
    if fits { Ok(()) } else { Err(ConvertError::Area { area, size }) }
}

impl Part {
    /// The pixels that a box and its filter touch, inside the picture.
    fn around(area: Rect, size: Size, picture: Size) -> Self {
        let (mx, my) = margins(f64::from(area.width), f64::from(area.height), size);
        let low = |v: f32, margin: u32, limit: u32| {
            (v.floor().max(0.0) as u32).saturating_sub(margin).min(limit - 1) & !1
        };
        let high =
            |v: f32, margin: u32, limit: u32| (v.ceil().max(1.0) as u32).saturating_add(margin).min(limit);
        Self {
            left: low(area.x, mx, picture.width),
            top: low(area.y, my, picture.height),
            right: high(area.right(), mx, picture.width),
            bottom: high(area.bottom(), my, picture.height),
        }
    }

    fn of<'a>(self, planes: Planes<'a>) -> Planes<'a> {
        let half = Self {
            left: self.left / 2,
            top: self.top / 2,
            right: self.right.div_ceil(2),
            bottom: self.bottom.div_ceil(2),
        };
        match planes {
            Planes::Rgb(view) => Planes::Rgb(self.view(view)),
            Planes::Gray(view) => Planes::Gray(self.view(view)),
            Planes::Nv12(luma, chroma) => Planes::Nv12(self.view(luma), half.view(chroma)),
            Planes::I420(luma, cb, cr) => Planes::I420(self.view(luma), half.view(cb), half.view(cr)),
            Planes::Yuyv(pairs) => {
                Planes::Yuyv(Self { top: self.top, bottom: self.bottom, ..half }.view(pairs))
            }
        }
    }

    fn view<'a>(self, view: View<'a>) -> View<'a> {
        let from = self.top as usize * view.stride + self.left as usize * view.pixel;
        View {
            bytes: view.bytes.get(from..).unwrap_or_default(),
            width: self.right - self.left,
            height: self.bottom - self.top,
            ..view
        }
    }
}

/// How many source pixels the filter reaches over a box's sides.
fn margins(width: f64, height: f64, size: Size) -> (u32, u32) {
    let reach =
        |length: f64, pixels: u32| (length / f64::from(pixels)).ceil().clamp(1.0, 65_536.0) as u32 + 2;
    (reach(width, size.width), reach(height, size.height))
}

/// Repeats the outermost pixels where the box leaves the picture; most boxes do not, and nothing is copied.
fn with_edges<'a>(
    picture: Picture<'a>,
    area: Area,
    inner: Size,
    padded: &'a mut [Vec<u8>; 3],
) -> (Picture<'a>, Area) {
    let over = |v: f64| if v > 0.0 { (v.ceil() as u32).saturating_add(3) & !1 } else { 0 };
    let left = over(-area.x);
    let top = over(-area.y);
    let right = over(area.x + area.width - f64::from(inner.width));
    let bottom = over(area.y + area.height - f64::from(inner.height));
    if left + top + right + bottom == 0 {
        return (picture, area);
    }
    let full_pad = [left, top, right, bottom];
    let half_pad = full_pad.map(|p| p / 2);
    let [first, second, third] = padded;
    let picture = match picture {
        Picture::Rgb(view) => Picture::Rgb(repeat_edges(view, full_pad, first)),
        Picture::Gray(view) => Picture::Gray(repeat_edges(view, full_pad, first)),
        Picture::Paired { luma, chroma, full } => {
            let [hl, ht, hr, hb] = half_pad;
            let chroma_pad =
                if has_all_rows(&luma, &chroma) { [hl, top, hr, bottom] } else { [hl, ht, hr, hb] };
            Picture::Paired {
                luma: repeat_edges(luma, full_pad, first),
                chroma: repeat_edges(chroma, chroma_pad, second),
                full,
            }
        }
        Picture::Planar { luma, cb, cr, full } => Picture::Planar {
            luma: repeat_edges(luma, full_pad, first),
            cb: repeat_edges(cb, half_pad, second),
            cr: repeat_edges(cr, half_pad, third),
            full,
        },
    };
    (picture, Area { x: area.x + f64::from(left), y: area.y + f64::from(top), ..area })
}

fn repeat_edges<'a>(view: View<'a>, [left, top, right, bottom]: [u32; 4], out: &'a mut Vec<u8>) -> View<'a> {
    let size = Size::new(left + view.width + right, top + view.height + bottom);
    out.clear();
    for y in 0..size.height {
        let row = view.row(y.saturating_sub(top).min(view.height - 1));
        let first = row.get(..view.pixel).unwrap_or_default();
        let last = row.get(row.len().saturating_sub(view.pixel)..).unwrap_or_default();
        (0..left).for_each(|_| out.extend_from_slice(first));
        out.extend_from_slice(row);
        (0..right).for_each(|_| out.extend_from_slice(last));
    }
    View::packed(out, size, view.pixel)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::frame::{
        PixelFormat,
        test_frames::{frame_of, psnr, with_gaps},
    };

    const FORMATS: [PixelFormat; 5] =
        [PixelFormat::Rgb8, PixelFormat::Gray8, PixelFormat::Nv12, PixelFormat::I420, PixelFormat::Yuyv];

    fn slope(x: u32, y: u32) -> [u8; 3] {
        [(20 + x) as u8; 3].map(|v: u8| v.saturating_add(y as u8))
    }

    /// What a crop of the slope should show, computed from the places alone.
    fn check(area: Rect, size: Size, picture: Size) {
        let place = |from: f32, length: f32, count: u32, i: u32, limit: u32| {
            (from + (i as f32 + 0.5) * length / count as f32 - 0.5).clamp(0.0, limit as f32 - 1.0)
        };
        let wanted: Vec<u8> = (0..size.height)
            .flat_map(|y| (0..size.width).map(move |x| (x, y)))
            .map(|(x, y)| {
                let px = place(area.x, area.width, size.width, x, picture.width);
                let py = place(area.y, area.height, size.height, y, picture.height);
                (20.0 + px + py).round() as u8
            })
            .collect();
        for format in FORMATS {
            let frame = with_gaps(&frame_of(format, picture, slope), 2);
            let mut out = Vec::new();
            Scaler::new().crop(&frame, area, size, 1, &mut out).unwrap();
            let quality = psnr(&wanted, &out);
            assert!(quality > 42.0, "{format:?} {area:?} to {size}: {quality:.1} dB");
            Scaler::new().crop(&frame, area, size, 3, &mut out).unwrap();
            let first: Vec<u8> = out.iter().copied().step_by(3).collect();
            let quality = psnr(&wanted, &first);
            assert!(quality > 38.0, "{format:?} {area:?} to {size} in colour: {quality:.1} dB");
        }
    }

    #[test]
    fn a_crop_shows_what_is_there() {
        let picture = Size::new(120, 80);
        check(Rect::new(10.0, 20.0, 40.0, 16.0), Size::new(40, 16), picture);
        check(Rect::new(10.5, 20.25, 40.0, 16.0), Size::new(40, 16), picture);
        check(Rect::new(33.0, 7.0, 60.0, 30.0), Size::new(20, 10), picture);
        check(Rect::new(33.3, 7.7, 11.0, 5.0), Size::new(44, 20), picture);
        check(Rect::new(0.0, 0.0, 120.0, 80.0), Size::new(60, 40), picture);
    }

    #[test]
    fn a_crop_beyond_the_edge_repeats_the_edge() {
        let picture = Size::new(121, 81);
        check(Rect::new(-10.0, -6.0, 40.0, 16.0), Size::new(40, 16), picture);
        check(Rect::new(100.0, 70.0, 40.0, 24.0), Size::new(40, 24), picture);
        check(Rect::new(-20.5, 30.0, 160.0, 16.0), Size::new(160, 16), picture);
    }

    #[test]
    fn boxes_that_make_no_sense_are_refused() {
        let frame = frame_of(PixelFormat::Nv12, Size::new(64, 48), slope);
        for area in [
            Rect::new(f32::NAN, 0.0, 4.0, 4.0),
            Rect::new(0.0, 0.0, 0.0, 4.0),
            Rect::new(0.0, 0.0, -4.0, 4.0),
            Rect::new(0.0, 0.0, f32::INFINITY, 4.0),
            Rect::new(-1e9, 0.0, 2e9, 4.0),
            Rect::new(64.0, 0.0, 4.0, 4.0),
            Rect::new(-8.0, 0.0, 8.0, 4.0),
        ] {
            let crop = Scaler::new().crop(&frame, area, Size::new(8, 8), 3, &mut Vec::new());
            assert!(matches!(crop, Err(ConvertError::Area { .. })), "{area:?}: {crop:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        #[test]
        fn any_box_of_an_even_picture_is_even(
            w in 1u32..60, h in 1u32..60, x in -0.5f32..1.2, y in -0.5f32..1.2, bw in 0.001f32..1.5, bh in 0.001f32..1.5,
            ow in 1u32..40, oh in 1u32..40, which in 0usize..5,
        ) {
            let frame = frame_of(FORMATS[which], Size::new(w, h), |_, _| [90; 3]);
            let area = Rect::new(x * w as f32, y * h as f32, bw * w as f32, bh * h as f32);
            let mut out = Vec::new();
            match Scaler::new().crop(&frame, area, Size::new(ow, oh), 3, &mut out) {
                Ok(()) => prop_assert!(out.iter().all(|v| v.abs_diff(90) <= 2), "{:?}: {:?}", area, out),
                Err(error) => prop_assert!(matches!(error, ConvertError::Area { .. }), "{:?}: {}", area, error),
            }
        }
    }
}
