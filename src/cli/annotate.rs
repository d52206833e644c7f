//! Pictures with what was found drawn on them: boxes, corners and the text above each plate.
//!
//! Only for people's eyes; evidence images are stored as they were taken, without paint.

use std::path::{Path, PathBuf};

use anyhow::Context;
use image::{Rgb, RgbImage};
use imageproc::{
    drawing::{draw_filled_rect_mut, draw_line_segment_mut},
    rect::Rect as PixelRect,
};

use crate::daemon::chain::Sighting;

const READ: Rgb<u8> = Rgb([40, 220, 80]);
const UNREAD: Rgb<u8> = Rgb([250, 170, 30]);
const INK: Rgb<u8> = Rgb([10, 10, 10]);

/// Glyphs of five columns, the lowest bit being the upper row of seven; `0`-`9`, then `A`-`Z`.
const GLYPHS: [[u8; 5]; 36] = [
    [0x3e, 0x51, 0x49, 0x45, 0x3e],
    [0x00, 0x42, 0x7f, 0x40, 0x00],
    [0x62, 0x51, 0x49, 0x49, 0x46],
    [0x22, 0x41, 0x49, 0x49, 0x36],
    [0x18, 0x14, 0x12, 0x7f, 0x10],
    [0x27, 0x45, 0x45, 0x45, 0x39],
    [0x3e, 0x49, 0x49, 0x49, 0x32],
    [0x01, 0x71, 0x09, 0x05, 0x03],
    [0x36, 0x49, 0x49, 0x49, 0x36],
    [0x26, 0x49, 0x49, 0x49, 0x3e],
    [0x7e, 0x11, 0x11, 0x11, 0x7e],
    [0x7f, 0x49, 0x49, 0x49, 0x36],
    [0x3e, 0x41, 0x41, 0x41, 0x22],
    [0x7f, 0x41, 0x41, 0x41, 0x3e],
    [0x7f, 0x49, 0x49, 0x49, 0x41],
    [0x7f, 0x09, 0x09, 0x09, 0x01],
    [0x3e, 0x41, 0x49, 0x49, 0x3a],
    [0x7f, 0x08, 0x08, 0x08, 0x7f],
    [0x00, 0x41, 0x7f, 0x41, 0x00],
    [0x20, 0x40, 0x40, 0x40, 0x3f],
    [0x7f, 0x08, 0x14, 0x22, 0x41],
    [0x7f, 0x40, 0x40, 0x40, 0x40],
    [0x7f, 0x02, 0x0c, 0x02, 0x7f],
    [0x7f, 0x04, 0x08, 0x10, 0x7f],
    [0x3e, 0x41, 0x41, 0x41, 0x3e],
    [0x7f, 0x09, 0x09, 0x09, 0x06],
    [0x3e, 0x41, 0x51, 0x21, 0x5e],
    [0x7f, 0x09, 0x19, 0x29, 0x46],
    [0x26, 0x49, 0x49, 0x49, 0x32],
    [0x01, 0x01, 0x7f, 0x01, 0x01],
    [0x3f, 0x40, 0x40, 0x40, 0x3f],
    [0x1f, 0x20, 0x40, 0x20, 0x1f],
    [0x7f, 0x20, 0x18, 0x20, 0x7f],
    [0x63, 0x14, 0x08, 0x14, 0x63],
    [0x03, 0x04, 0x78, 0x04, 0x03],
    [0x61, 0x51, 0x49, 0x45, 0x43],
];

fn glyph(c: char) -> Option<&'static [u8; 5]> {
    let index = match c {
        '0'..='9' => c as usize - '0' as usize,
        'A'..='Z' => c as usize - 'A' as usize + 10,
        _ => return None,
    };
    GLYPHS.get(index)
}

/// Draws `text` with its upper left corner at (x, y), each dot `scale` pixels wide.
pub(super) fn draw_text(picture: &mut RgbImage, text: &str, x: i32, y: i32, scale: u32, ink: Rgb<u8>) {
    let step = scale as i32;
    for (i, c) in text.chars().enumerate() {
        let left = x + i as i32 * 6 * step;
        let Some(columns) = glyph(c) else { continue };
        for (column, bits) in columns.iter().enumerate() {
            for row in (0..7).filter(|row| bits >> row & 1 == 1) {
                let dot = PixelRect::at(left + column as i32 * step, y + row * step).of_size(scale, scale);
                draw_filled_rect_mut(picture, dot, ink);
            }
        }
    }
}

/// Paints every plate of a picture.
pub fn paint(picture: &mut RgbImage, plates: &[Sighting]) {
    let scale = (picture.width() / 480).clamp(1, 6);
    for seen in plates {
        let text = seen.text().map(|t| t.to_string());
        let colour = if text.is_some() { READ } else { UNREAD };
        let corners = seen.detection.corners.0;
        for thick in 0..scale.max(2) {
            let d = thick as f32;
            for (from, to) in corners.iter().zip(corners.iter().cycle().skip(1)) {
                draw_line_segment_mut(picture, (from.x, from.y - d), (to.x, to.y - d), colour);
                draw_line_segment_mut(picture, (from.x - d, from.y), (to.x - d, to.y), colour);
            }
        }
        let Some(text) = text else { continue };
        let (width, height) = (text.len() as u32 * 6 * scale + scale, 9 * scale);
        let x = (seen.detection.area.x as i32).clamp(0, picture.width().saturating_sub(width) as i32);
        let above = seen.detection.area.y as i32 - height as i32 - scale as i32;
        let y = if above >= 0 { above } else { seen.detection.area.bottom() as i32 + scale as i32 };
        draw_filled_rect_mut(picture, PixelRect::at(x, y).of_size(width, height), colour);
        draw_text(picture, &text, x + scale as i32, y + scale as i32, scale, INK);
    }
}

/// Where the painted copy of `source` goes: its name (and frame number) under `folder`, always as JPEG.
pub fn target(folder: &Path, source: &Path, frame: Option<u64>) -> PathBuf {
    let stem = source.file_stem().map_or_else(|| "picture".into(), |s| s.to_string_lossy().into_owned());
    folder.join(match frame {
        Some(n) => format!("{stem}-{n:06}.jpg"),
        None => format!("{stem}.jpg"),
    })
}

/// Writes a painted picture.
pub fn save(picture: &RgbImage, target: &Path) -> anyhow::Result<()> {
    picture
        .save_with_format(target, image::ImageFormat::Jpeg)
        .with_context(|| format!("cannot write the annotated picture {}", target.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plate_character_has_a_glyph_of_its_own() {
        let all: std::collections::HashSet<_> = ('0'..='9').chain('A'..='Z').filter_map(glyph).collect();
        assert_eq!(all.len(), 36);
        assert_eq!(glyph('-'), None);
    }

    #[test]
    fn text_beyond_the_edge_is_cut_and_does_not_panic() {
        let mut picture = RgbImage::new(20, 12);
        draw_text(&mut picture, "AB12CDE", -3, 8, 2, READ);
        assert!(picture.pixels().any(|p| *p == READ));
    }

    #[test]
    fn frames_of_a_clip_get_names_of_their_own() {
        let path = target(Path::new("out"), Path::new("a/drive.mp4"), Some(7));
        assert_eq!(path, Path::new("out/drive-000007.jpg"));
    }
}
