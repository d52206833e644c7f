//! The frames that are measured on: those of the command line, else drawn ones with plate-like boxes in them.

use std::path::PathBuf;

use anyhow::Context;
use image::{Rgb, RgbImage};
use imageproc::{drawing::draw_filled_rect_mut, rect::Rect};

use crate::{
    cli::read::gather,
    clock::Moment,
    frame::{Buffer, CameraId, Frame, PixelFormat},
    geometry::Size,
};

/// At most so many pictures are kept in memory.
const MOST: usize = 64;

/// Loads the pictures; draws one where none are named.
pub(super) fn gather(paths: &[PathBuf]) -> anyhow::Result<Vec<Frame>> {
    if paths.is_empty() {
        return Ok(vec![drawn(Size::new(1280, 720))]);
    }
    let found = gather::gather(paths);
    if let Some(problem) = found.problems.first() {
        anyhow::bail!("{problem}");
    }
    let frames: Vec<Frame> = found
        .items
        .iter()
        .filter(|item| !item.is_clip)
        .take(MOST)
        .map(|item| crate::cli::read::open_picture(&item.path))
        .collect::<Result<_, _>>()?;
    frames.first().context("no picture to measure on in the paths given")?;
    Ok(frames)
}

/// A textured picture with three plates of bars, for work whose time does not depend on what is seen.
pub(super) fn drawn(size: Size) -> Frame {
    let mut picture = RgbImage::from_fn(size.width, size.height, |x, y| {
        let v = ((x * 7 + y * 13) ^ (x * y / 97)) % 64 + 70;
        Rgb([v as u8, (v + 10) as u8, (v + 20) as u8])
    });
    for i in 0..3i32 {
        let (x, y) = (size.width as i32 / 5 * (i + 1), size.height as i32 / 3 + 60 * i);
        draw_filled_rect_mut(&mut picture, Rect::at(x, y).of_size(130, 30), Rgb([235, 235, 230]));
        for bar in 0..7 {
            let dot = Rect::at(x + 8 + bar * 17, y + 5).of_size(8, 20);
            draw_filled_rect_mut(&mut picture, dot, Rgb([20, 20, 20]));
        }
    }
    frame(size, PixelFormat::Rgb8, picture.into_raw())
}

/// A frame of bytes that are already laid out without padding.
pub(super) fn frame(size: Size, format: PixelFormat, bytes: Vec<u8>) -> Frame {
    let (planes, _) = format.packed(size);
    Frame {
        camera: CameraId::new("bench"),
        seq: 0,
        captured: Moment::ZERO,
        wall: jiff::Timestamp::UNIX_EPOCH,
        size,
        format,
        full_range: false,
        planes,
        pixels: std::sync::Arc::new(Buffer::from(bytes)),
    }
}
