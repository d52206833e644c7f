//! Cutting one line of characters out of a plate: level, upright, dark on white, and nothing but ink of the line.

use image::{GrayImage, Luma};
use imageproc::geometric_transformations::{Border, Interpolation, Projection, warp_into};

use super::textline::{Blob, Found, Ink, TextLine};

/// White around the line, in shares of the characters' height.
const BORDER: f32 = 0.27;
/// Room above and below the characters, in shares of their height.
const ROOM: f32 = 0.08;
/// Ink that reaches over this share of the line's height is kept between the first and the last character.
const REACH: f32 = 0.6;
/// Width of a usual character over its height: narrow faces are widened to it, within limits.
const USUAL_WIDTH: f32 = 0.6;
/// Widest strip, in heights of a character.
const WIDEST: f32 = 24.0;

/// One line of text as a picture; `height` is what the characters get. `None` if the line has no extent.
pub(super) fn cut(plate: &GrayImage, found: &Found, line: &TextLine, height: u32) -> Option<GrayImage> {
    let (first, last) = (line.characters.first()?, line.characters.last()?);
    let kept = kept(found, line, first.x, last.right());
    let slant = slant(found, line);
    let side = 0.1 * line.height;
    let (mut left, mut right) = ((first.x - side).max(0.0), (last.right() + side).min(plate.width() as f32));
    // Leaning characters begin further out at their feet.
    if slant > 0.0 {
        right += slant * line.height;
    } else {
        left += slant * line.height;
    }
    let height = height.clamp(8, 200);
    let stretch = (USUAL_WIDTH / usual_width(line)).clamp(0.8, 1.6);
    let wide = ((right - left) / line.height * stretch).min(WIDEST);
    let border = (BORDER * height as f32).round() as u32;
    let inner = (((wide * height as f32) as u32).max(8) as f32, ((1.0 + 2.0 * ROOM) * height as f32).round());

    let room = ROOM * line.height;
    let corner = |x: f32, up: bool| {
        let (top, bottom) = (line.top.at(x), line.bottom.at(x));
        if up { (x - slant * (bottom - top + room), top - room) } else { (x + slant * room, bottom + room) }
    };
    let from = [corner(left, true), corner(right, true), corner(right, false), corner(left, false)];
    let edge = border as f32;
    let to = [(edge, edge), (edge + inner.0, edge), (edge + inner.0, edge + inner.1), (edge, edge + inner.1)];
    let projection = Projection::from_control_points(from, to)?;
    let (width, full) = (inner.0 as u32 + 2 * border, inner.1 as u32 + 2 * border);

    let mut strip = GrayImage::new(width, full);
    warp_into(plate, projection, Interpolation::Bilinear, Border::Replicate, &mut strip);
    let mask = mask(found, &kept);
    let mut ink = GrayImage::new(width, full);
    warp_into(&mask, projection, Interpolation::Bilinear, Border::Constant(Luma([0])), &mut ink);
    blank_border(&mut ink, border);
    if found.ink == Ink::Light {
        image::imageops::invert(&mut strip);
    }
    bleach(&mut strip, &ink, border);
    Some(strip)
}

/// Width over height of the line's characters, the middle one.
fn usual_width(line: &TextLine) -> f32 {
    let mut widths: Vec<f32> = line.characters.iter().map(|b| b.width / line.height).collect();
    widths.sort_unstable_by(f32::total_cmp);
    widths.get(widths.len() / 2).copied().unwrap_or(USUAL_WIDTH).max(0.05)
}

/// Labels of the line's characters, and of what stands among them high enough to be (a part of) one.
fn kept(found: &Found, line: &TextLine, left: f32, right: f32) -> Vec<bool> {
    let labels = found.blobs.last().map_or(0, |b| b.label as usize);
    let mut kept = vec![false; labels + 1];
    let mut keep = |blob: &Blob| {
        if let Some(k) = kept.get_mut(blob.label as usize) {
            *k = true;
        }
    };
    line.characters.iter().for_each(&mut keep);
    for blob in &found.blobs {
        let x = blob.middle();
        let overlap = blob.bottom().min(line.bottom.at(x)) - blob.y.max(line.top.at(x));
        if (left..=right).contains(&x) && overlap >= REACH * line.height {
            keep(blob);
        }
    }
    kept
}

/// How far the characters lean, in pixels to the right per pixel upwards, negative: the shear at which their ink
/// falls into the fewest columns.
fn slant(found: &Found, line: &TextLine) -> f32 {
    let mut points: Vec<(f32, f32)> = Vec::new();
    for blob in &line.characters {
        for y in blob.y as u32..blob.bottom() as u32 {
            for x in blob.x as u32..blob.right() as u32 {
                if found.labels.get_pixel_checked(x, y).is_some_and(|l| l.0[0] == blob.label) {
                    points.push((x as f32, line.bottom.at(x as f32) - y as f32));
                }
            }
        }
    }
    let left = line.characters.first().map_or(0.0, |b| b.x) - 0.5 * line.height;
    let columns = (found.labels.width() as f32 + 2.0 * line.height) as usize + 1;
    let mut counts = vec![0u32; columns];
    let (mut best, mut slant) = (0u64, 0.0);
    for step in -8i32..=8 {
        let lean = step as f32 * 0.05;
        counts.fill(0);
        for (x, up) in &points {
            let column = (x + lean * up - left).max(0.0) as usize;
            if let Some(count) = counts.get_mut(column) {
                *count += 1;
            }
        }
        let concentration: u64 = counts.iter().map(|&c| u64::from(c) * u64::from(c)).sum();
        if concentration > best {
            (best, slant) = (concentration, lean);
        }
    }
    slant
}

/// White where the kept ink is, one pixel wider than it.
fn mask(found: &Found, kept: &[bool]) -> GrayImage {
    let (width, height) = found.labels.dimensions();
    let mut mask = GrayImage::new(width, height);
    let ink = |x: u32, y: u32| {
        let label = found.labels.get_pixel_checked(x, y).map_or(0, |l| l.0[0] as usize);
        kept.get(label).copied().unwrap_or(false)
    };
    for (x, y, pixel) in mask.enumerate_pixels_mut() {
        let near = (y.saturating_sub(1)..=y + 1).any(|v| (x.saturating_sub(1)..=x + 1).any(|u| ink(u, v)));
        if near {
            *pixel = Luma([255]);
        }
    }
    mask
}

fn blank_border(ink: &mut GrayImage, border: u32) {
    let (width, height) = ink.dimensions();
    for (x, y, pixel) in ink.enumerate_pixels_mut() {
        if x < border || y < border || x + border >= width || y + border >= height {
            *pixel = Luma([0]);
        }
    }
}

/// Spreads the grey values between ink and ground, then turns everything white that is no ink.
fn bleach(strip: &mut GrayImage, ink: &GrayImage, border: u32) {
    let (width, height) = strip.dimensions();
    let mut counts = [0u32; 256];
    for (x, y, pixel) in strip.enumerate_pixels() {
        let inside = x >= border && y >= border && x + border < width && y + border < height;
        if inside && let Some(count) = counts.get_mut(usize::from(pixel.0[0])) {
            *count += 1;
        }
    }
    let total: u32 = counts.iter().sum();
    let value_at = |share: f32| {
        let mut below = 0;
        let reached = counts.iter().position(|&c| {
            below += c;
            below as f32 >= share * total as f32
        });
        reached.unwrap_or(255) as f32
    };
    let (low, high) = (value_at(0.07), value_at(0.87));
    let scale = 255.0 / (high - low).max(10.0);
    for (pixel, ink) in strip.pixels_mut().zip(ink.pixels()) {
        let spread = ((f32::from(pixel.0[0]) - low) * scale).clamp(0.0, 255.0);
        let darkness = (255.0 - spread) * f32::from(ink.0[0]) / 255.0;
        pixel.0[0] = (255.0 - darkness) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::textline::{self, tests::plate};

    fn strip(characters: &[(u32, u32, u32)], lean: f32, ink: u8, ground: u8) -> GrayImage {
        let plate = plate((220, 96), characters, lean, ink, ground);
        let found = textline::find(&plate).expect("a line");
        cut(&plate, &found, &found.lines[0], 30).expect("a strip")
    }

    /// Share of the columns between the borders that hold no ink.
    fn empty_columns(strip: &GrayImage) -> f32 {
        let empty = |x: u32| (0..strip.height()).all(|y| strip.get_pixel(x, y).0[0] > 200);
        (8..strip.width() - 8).filter(|x| empty(*x)).count() as f32 / (strip.width() - 16) as f32
    }

    fn row(count: u32) -> Vec<(u32, u32, u32)> {
        (0..count).map(|i| (34 + i * 20, 28, 40)).collect()
    }

    #[test]
    fn a_strip_is_dark_on_white_with_nothing_but_the_line() {
        let mut all = row(7);
        // Small print below and a separator among the characters.
        all.extend((0..6).map(|i| (50 + i * 18, 76, 10)));
        for (ink, ground) in [(20, 220), (220, 20), (110, 140)] {
            let strip = strip(&all, 0.0, ink, ground);
            assert!(strip.height() > 40 && strip.height() < 60);
            let (width, height) = strip.dimensions();
            let rim = (0..width).flat_map(|x| [(x, 0), (x, 6), (x, height - 7), (x, height - 1)]);
            assert!(rim.into_iter().all(|(x, y)| strip.get_pixel(x, y).0[0] == 255));
            assert!(strip.pixels().any(|p| p.0[0] < 40));
            assert!((0.15..0.6).contains(&empty_columns(&strip)), "{}", empty_columns(&strip));
        }
    }

    #[test]
    fn leaning_characters_are_set_upright() {
        let upright = empty_columns(&strip(&row(7), 0.0, 20, 220));
        for lean in [-0.25, 0.25] {
            let leaning = empty_columns(&strip(&row(7), lean, 20, 220));
            assert!(leaning > 0.6 * upright, "{lean}: {leaning} of {upright}");
        }
    }
}
