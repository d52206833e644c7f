//! Frames for tests: a picture given as a function of place, laid out in any format by the plain BT.601 formulas.
//!
//! Deliberately naive: it is what the fast paths are compared with.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Buffer, CameraId, Frame, PixelFormat};
use crate::{clock::Moment, geometry::Size};

/// A limited-range frame that shows `colour(x, y)`.
pub(crate) fn frame_of(format: PixelFormat, size: Size, colour: impl Fn(u32, u32) -> [u8; 3]) -> Frame {
    let (planes, len) = format.packed(size);
    let mut bytes = vec![0; len];
    let at = |x: u32, y: u32| ycbcr(colour(x.min(size.width - 1), y.min(size.height - 1)));
    for y in 0..size.height {
        for x in 0..size.width {
            let (row, column) = (y as usize, x as usize);
            let place = |plane: usize, column: usize, row: usize| {
                planes[plane].offset + row * planes[plane].stride + column
            };
            let [luma, cb, cr] = at(x, y);
            match format {
                PixelFormat::Rgb8 => {
                    let from = place(0, column * 3, row);
                    bytes[from..from + 3].copy_from_slice(&colour(x, y));
                }
                PixelFormat::Gray8 => bytes[place(0, column, row)] = gray(colour(x, y)),
                PixelFormat::Nv12 => {
                    bytes[place(0, column, row)] = luma;
                    bytes[place(1, column / 2 * 2, row / 2)] = cb;
                    bytes[place(1, column / 2 * 2 + 1, row / 2)] = cr;
                }
                PixelFormat::I420 => {
                    bytes[place(0, column, row)] = luma;
                    bytes[place(1, column / 2, row / 2)] = cb;
                    bytes[place(2, column / 2, row / 2)] = cr;
                }
                PixelFormat::Yuyv => {
                    bytes[place(0, column * 2, row)] = luma;
                    bytes[place(0, column / 2 * 4 + 1, row)] = cb;
                    bytes[place(0, column / 2 * 4 + 3, row)] = cr;
                    if column % 2 == 0 {
                        bytes[place(0, column * 2 + 2, row)] = at(x + 1, y)[0];
                    }
                }
            }
        }
    }
    Frame {
        camera: CameraId::new("test"),
        seq: 0,
        captured: Moment::ZERO,
        wall: Timestamp::UNIX_EPOCH,
        size,
        format,
        full_range: false,
        planes,
        pixels: Arc::new(Buffer::from(bytes)),
    }
}

/// The same picture with `gap` unused bytes of noise after every row.
pub(crate) fn with_gaps(frame: &Frame, gap: usize) -> Frame {
    let mut bytes = Vec::new();
    let mut planes = frame.planes;
    for (plane, (row, rows)) in planes.iter_mut().zip(frame.format.layout(frame.size)) {
        let old = *plane;
        *plane = super::Plane { offset: bytes.len(), stride: row + gap };
        for y in 0..rows {
            let from = old.offset + y * old.stride;
            bytes.extend_from_slice(&frame.pixels.bytes()[from..from + row]);
            bytes.extend(std::iter::repeat_n(if y % 2 == 0 { 255 } else { 0 }, gap));
        }
    }
    // Drivers do not write the gap after the last row.
    bytes.truncate(bytes.len() - gap);
    Frame { planes, pixels: Arc::new(Buffer::from(bytes)), ..frame.clone() }
}

pub(crate) fn gray([r, g, b]: [u8; 3]) -> u8 {
    (0.299 * f32::from(r) + 0.587 * f32::from(g) + 0.114 * f32::from(b)).round() as u8
}

fn ycbcr([r, g, b]: [u8; 3]) -> [u8; 3] {
    let (r, g, b) = (f32::from(r) / 255.0, f32::from(g) / 255.0, f32::from(b) / 255.0);
    let y = 0.299 * r + 0.587 * g + 0.114 * b;
    let value = |v: f32| v.round().clamp(0.0, 255.0) as u8;
    [value(16.0 + 219.0 * y), value(128.0 + 224.0 * (b - y) / 1.772), value(128.0 + 224.0 * (r - y) / 1.402)]
}

/// Peak signal-to-noise ratio of two equally long pictures, in decibels.
pub(crate) fn psnr(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len(), "pictures of different sizes");
    let error: f64 = a.iter().zip(b).map(|(x, y)| (f64::from(*x) - f64::from(*y)).powi(2)).sum();
    if error == 0.0 { f64::INFINITY } else { 10.0 * (255.0 * 255.0 * a.len() as f64 / error).log10() }
}
