//! Perspective: four corners of a plate to an upright strip.
//!
//! In two steps: the upright box around the corners, shrunk with antialiasing to about the strip's resolution,
//! then the strip's pixels looked up in it. So every pixel format takes the same way, and big plates do not alias.

use super::{
    ConvertError, Frame,
    crop::check_area,
    scale::{Scaler, output_len},
};
use crate::geometry::{Point, Quad, Rect, Size};

/// How much finer than the strip the box is kept, for the lookup to stay sharp.
const FINENESS: f32 = 2.0;
/// Most lookups per strip pixel along one side.
const MOST_LOOKUPS: f32 = 8.0;

/// A projective map from the unit square to a quad.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Homography {
    x: [f32; 3],
    y: [f32; 3],
    depth: [f32; 2],
}

impl Scaler {
    /// The plate between four corners as an upright picture of exactly `size`; `out` becomes rows without gaps and
    /// is reused. Corners may lie outside the picture by half of the picture's sides; its outermost pixels repeat.
    pub fn rectify(
        &mut self,
        frame: &Frame,
        quad: &Quad,
        size: Size,
        channels: u8,
        out: &mut Vec<u8>,
    ) -> Result<(), ConvertError> {
        let len = output_len(size, channels)?;
        let refused = || ConvertError::Quad { quad: *quad, size: frame.size };
        if !is_convex(quad) {
            return Err(refused());
        }
        let bounds = quad.bounds();
        check_area(bounds, frame.size).map_err(|_| refused())?;

        // Plate pixels per strip pixel, where the plate is nearest.
        let [tl, tr, br, bl] = quad.0;
        let across = tl.distance(tr).max(bl.distance(br)) / size.width as f32;
        let down = tl.distance(bl).max(tr.distance(br)) / size.height as f32;
        let shrink = (across.min(down) / FINENESS).max(1.0);

        let mut upright = std::mem::take(&mut self.upright);
        let result = self.upright_box(frame, bounds, shrink, channels, &mut upright);
        let drawn = result.and_then(|(area, inner)| {
            let local = Quad(quad.0.map(|p| {
                Point::new(
                    (p.x - area.x) * inner.width as f32 / area.width,
                    (p.y - area.y) * inner.height as f32 / area.height,
                )
            }));
            let map = Homography::onto(&local).ok_or_else(refused)?;
            let lookups = |scale: f32| (scale / shrink).ceil().clamp(1.0, MOST_LOOKUPS) as u32;
            out.resize(len, 0);
            let source = Source { pixels: &upright, size: inner, channels: usize::from(channels) };
            source.draw(&map, size, (lookups(across), lookups(down)), out);
            Ok(())
        });
        self.upright = upright;
        drawn
    }

    /// The box around the corners, a little larger, in whole pixels where it is not shrunk.
    fn upright_box(
        &mut self,
        frame: &Frame,
        bounds: Rect,
        shrink: f32,
        channels: u8,
        out: &mut Vec<u8>,
    ) -> Result<(Rect, Size), ConvertError> {
        let (w, h) = (frame.size.width as f32, frame.size.height as f32);
        let low = |v: f32, limit: f32| (v - shrink).floor().max((-limit / 2.0).ceil());
        let high = |v: f32, limit: f32| (v + shrink).ceil().min((limit * 1.5).floor());
        let area = Rect::between(
            Point::new(low(bounds.x, w), low(bounds.y, h)),
            Point::new(high(bounds.right(), w), high(bounds.bottom(), h)),
        );
        let size = Size::new(
            (area.width / shrink).round().max(1.0) as u32,
            (area.height / shrink).round().max(1.0) as u32,
        );
        self.crop(frame, area, size, channels, out)?;
        Ok((area, size))
    }
}

/// Corners that go round one way with no angle flat or turned in; either way round, for mirrored cameras.
fn is_convex(quad: &Quad) -> bool {
    let p = quad.0;
    let turn = |a: Point, b: Point, c: Point| (b.x - a.x) * (c.y - b.y) - (b.y - a.y) * (c.x - b.x);
    let turns =
        [turn(p[0], p[1], p[2]), turn(p[1], p[2], p[3]), turn(p[2], p[3], p[0]), turn(p[3], p[0], p[1])];
    // A comparison with an undefined number is false, so those are refused here too.
    turns.iter().all(|t| t.is_finite() && *t > 1e-3) || turns.iter().all(|t| t.is_finite() && *t < -1e-3)
}

impl Homography {
    /// The map that takes (0,0), (1,0), (1,1), (0,1) to the four corners; `None` if there is none.
    fn onto(quad: &Quad) -> Option<Self> {
        let [p0, p1, p2, p3] = quad.0;
        let (skew_x, skew_y) = (p0.x - p1.x + p2.x - p3.x, p0.y - p1.y + p2.y - p3.y);
        let (x1, y1) = (p1.x - p2.x, p1.y - p2.y);
        let (x2, y2) = (p3.x - p2.x, p3.y - p2.y);
        let determinant = x1 * y2 - x2 * y1;
        let g = (skew_x * y2 - x2 * skew_y) / determinant;
        let h = (x1 * skew_y - skew_x * y1) / determinant;
        let map = Self {
            x: [p1.x - p0.x + g * p1.x, p3.x - p0.x + h * p3.x, p0.x],
            y: [p1.y - p0.y + g * p1.y, p3.y - p0.y + h * p3.y, p0.y],
            depth: [g, h],
        };
        (g.is_finite() && h.is_finite()).then_some(map)
    }

    fn at(&self, u: f32, v: f32) -> Point {
        let depth = self.depth[0] * u + self.depth[1] * v + 1.0;
        Point::new(
            (self.x[0] * u + self.x[1] * v + self.x[2]) / depth,
            (self.y[0] * u + self.y[1] * v + self.y[2]) / depth,
        )
    }
}

/// The picture that is looked into.
struct Source<'a> {
    pixels: &'a [u8],
    size: Size,
    channels: usize,
}

impl Source<'_> {
    fn draw(&self, map: &Homography, size: Size, (across, down): (u32, u32), out: &mut [u8]) {
        let step = Point::new(1.0 / (size.width * across) as f32, 1.0 / (size.height * down) as f32);
        let share = 1.0 / (across * down) as f32;
        let row = size.width as usize * self.channels;
        for (line, y) in out.chunks_exact_mut(row).zip(0u32..) {
            for (pixel, x) in line.chunks_exact_mut(self.channels).zip(0u32..) {
                let mut sum = [0.0f32; 3];
                for j in 0..down {
                    let v = ((y * down + j) as f32 + 0.5) * step.y;
                    for i in 0..across {
                        let u = ((x * across + i) as f32 + 0.5) * step.x;
                        self.add(map.at(u, v), &mut sum);
                    }
                }
                for (value, sum) in pixel.iter_mut().zip(sum) {
                    *value = (sum * share + 0.5) as u8;
                }
            }
        }
    }

    /// Adds the colour at a place, blended from the four pixels around it.
    fn add(&self, at: Point, sum: &mut [f32; 3]) {
        let (right, bottom) = (self.size.width - 1, self.size.height - 1);
        let x = (at.x - 0.5).clamp(0.0, right as f32);
        let y = (at.y - 0.5).clamp(0.0, bottom as f32);
        let (x0, y0) = (x as u32, y as u32);
        let (x1, y1) = ((x0 + 1).min(right), (y0 + 1).min(bottom));
        let (fx, fy) = (x - x0 as f32, y - y0 as f32);
        let blend = [
            (x0, y0, (1.0 - fx) * (1.0 - fy)),
            (x1, y0, fx * (1.0 - fy)),
            (x0, y1, (1.0 - fx) * fy),
            (x1, y1, fx * fy),
        ];
        for (x, y, weight) in blend {
            let from = (y as usize * self.size.width as usize + x as usize) * self.channels;
            let pixel = self.pixels.get(from..from + self.channels).unwrap_or_default();
            for (sum, value) in sum.iter_mut().zip(pixel) {
                *sum += weight * f32::from(*value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::frame::{
        PixelFormat,
        test_frames::{frame_of, psnr},
    };

    fn checks(u: f32, v: f32) -> u8 {
        let (a, b) = ((u * 8.0).clamp(0.0, 7.99) as u32, (v * 4.0).clamp(0.0, 3.99) as u32);
        if (a + b).is_multiple_of(2) { 210 } else { 40 }
    }

    /// A frame that shows a chequered plate at the corners.
    fn frame_with(quad: &Quad, picture: Size, format: PixelFormat) -> Frame {
        // The way back by search-free algebra: invert the 3x3 map.
        let m = Homography::onto(quad).unwrap();
        let [a, b, c] = m.x.map(f64::from);
        let [d, e, f] = m.y.map(f64::from);
        let [g, h] = m.depth.map(f64::from);
        frame_of(format, picture, move |x, y| {
            let (x, y) = (f64::from(x) + 0.5, f64::from(y) + 0.5);
            // Solve (a - gx) u + (b - hx) v = x - c and (d - gy) u + (e - hy) v = y - f.
            let (p, q, r) = (a - g * x, b - h * x, x - c);
            let (s, t, w) = (d - g * y, e - h * y, y - f);
            let determinant = p * t - q * s;
            let (u, v) = ((r * t - q * w) / determinant, (p * w - r * s) / determinant);
            let inside = (0.0..1.0).contains(&u) && (0.0..1.0).contains(&v);
            [if inside { checks(u as f32, v as f32) } else { 120 }; 3]
        })
    }

    fn check(quad: Quad, size: Size, at_least: f64) {
        for format in [PixelFormat::Gray8, PixelFormat::Nv12, PixelFormat::Rgb8] {
            let frame = frame_with(&quad, Size::new(640, 400), format);
            let mut out = Vec::new();
            Scaler::new().rectify(&frame, &quad, size, 1, &mut out).unwrap();
            // The middle of each field; its rim blurs, as it must.
            let mut seen = (Vec::new(), Vec::new());
            for y in 0..size.height {
                for x in 0..size.width {
                    let (u, v) =
                        ((x as f32 + 0.5) / size.width as f32, (y as f32 + 0.5) / size.height as f32);
                    let middle = |t: f32| (0.3..0.7).contains(&t.fract());
                    if middle(u * 8.0) && middle(v * 4.0) {
                        seen.0.push(checks(u, v));
                        seen.1.push(out[(y * size.width + x) as usize]);
                    }
                }
            }
            let quality = psnr(&seen.0, &seen.1);
            assert!(quality > at_least, "{format:?} {quad:?} to {size}: {quality:.1} dB");
        }
    }

    fn quad(points: [(f32, f32); 4]) -> Quad {
        Quad(points.map(|(x, y)| Point::new(x, y)))
    }

    #[test]
    fn a_plate_seen_from_the_side_is_set_upright() {
        check(quad([(100.0, 80.0), (420.0, 130.0), (430.0, 240.0), (90.0, 200.0)]), Size::new(256, 96), 30.0);
        check(
            quad([(300.0, 50.0), (500.0, 180.0), (440.0, 280.0), (240.0, 150.0)]),
            Size::new(192, 96),
            30.0,
        );
    }

    #[test]
    fn a_large_plate_shrinks_without_aliasing() {
        check(quad([(20.0, 20.0), (620.0, 60.0), (600.0, 380.0), (30.0, 340.0)]), Size::new(96, 48), 26.0);
        let fine = frame_of(PixelFormat::Gray8, Size::new(640, 400), |x, y| [((x + y) % 2 * 255) as u8; 3]);
        let mut out = Vec::new();
        let plate = quad([(20.0, 20.0), (620.0, 22.0), (620.0, 380.0), (20.0, 380.0)]);
        Scaler::new().rectify(&fine, &plate, Size::new(60, 36), 1, &mut out).unwrap();
        assert!(out.iter().all(|v| v.abs_diff(128) < 20), "{out:?}");
    }

    #[test]
    fn an_upright_quad_gives_the_same_as_a_crop() {
        let frame = frame_of(PixelFormat::Rgb8, Size::new(200, 100), |x, y| [(x + y / 2) as u8, y as u8, 7]);
        let area = Rect::new(30.0, 20.0, 96.0, 32.0);
        let (mut crop, mut upright) = (Vec::new(), Vec::new());
        for size in [Size::new(96, 32), Size::new(48, 16), Size::new(192, 64)] {
            Scaler::new().crop(&frame, area, size, 3, &mut crop).unwrap();
            Scaler::new().rectify(&frame, &Quad::from(area), size, 3, &mut upright).unwrap();
            let quality = psnr(&crop, &upright);
            assert!(quality > 45.0, "{size}: {quality:.1} dB");
        }
    }

    #[test]
    fn corners_that_are_no_plate_are_refused() {
        let frame = frame_of(PixelFormat::Gray8, Size::new(64, 48), |_, _| [9; 3]);
        for bad in [
            quad([(5.0, 5.0), (5.0, 5.0), (5.0, 5.0), (5.0, 5.0)]),
            quad([(5.0, 5.0), (10.0, 5.0), (15.0, 5.0), (20.0, 5.0)]),
            quad([(5.0, 5.0), (20.0, 20.0), (20.0, 5.0), (5.0, 20.0)]),
            quad([(f32::NAN, 5.0), (20.0, 5.0), (20.0, 20.0), (5.0, 20.0)]),
            quad([(-9000.0, 5.0), (20.0, 5.0), (20.0, 20.0), (-9000.0, 20.0)]),
            quad([(5.0, 5.0), (40.0, 5.0), (12.0, 8.0), (5.0, 40.0)]),
        ] {
            let strip = Scaler::new().rectify(&frame, &bad, Size::new(8, 8), 1, &mut Vec::new());
            assert!(matches!(strip, Err(ConvertError::Quad { .. })), "{bad:?}: {strip:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        #[test]
        fn the_corners_of_the_square_land_on_the_corners_of_the_plate(
            jitter in prop::array::uniform8(-8.0f32..8.0),
        ) {
            let at = |i: usize, x: f32, y: f32| (x + jitter[i], y + jitter[i + 1]);
            let plate = quad([at(0, 20.0, 20.0), at(2, 80.0, 20.0), at(4, 80.0, 50.0), at(6, 20.0, 50.0)]);
            let map = Homography::onto(&plate).unwrap();
            for ((u, v), corner) in [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)].into_iter().zip(plate.0) {
                prop_assert!(map.at(u, v).distance(corner) < 0.01);
            }
        }

        #[test]
        fn any_corners_of_an_even_picture_give_an_even_strip(
            corners in prop::array::uniform8(-40.0f32..140.0), w in 1u32..50, h in 1u32..50,
        ) {
            let frame = frame_of(PixelFormat::Nv12, Size::new(99, 99), |_, _| [90; 3]);
            let plate = quad([0, 2, 4, 6].map(|i| (corners[i], corners[i + 1])));
            let mut out = Vec::new();
            if Scaler::new().rectify(&frame, &plate, Size::new(w, h), 3, &mut out).is_ok() {
                prop_assert!(out.iter().all(|v| v.abs_diff(90) <= 2), "{:?}: {:?}", plate, out);
            }
        }
    }
}
