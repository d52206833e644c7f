//! One picture of one camera: its pixels, its size and form, and when it was taken.
//!
//! A frame is cheap to clone (its pixels are shared) and returns its memory to the pool it came from when the
//! last clone is dropped. [`Scaler`] makes network inputs, crops and upright plates from it; capturing lives in
//! `capture`.

pub mod convert;
mod crop;
pub mod glance;
mod planes;
pub mod pool;
mod rectify;
mod resample;
mod scale;
#[cfg(test)]
pub(crate) mod test_frames;

use std::sync::Arc;

use jiff::Timestamp;

use crate::{clock::Moment, geometry::Size};
pub use convert::ConvertError;
pub use planes::BadFrame;
pub use pool::{Buffer, Pool};
pub use scale::Scaler;

/// The name that the configuration gives a camera.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CameraId(Arc<str>);

impl CameraId {
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for CameraId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// How pixels lie in memory. YUV forms are BT.601, limited range unless the frame says full range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PixelFormat {
    /// Red, green, blue, a byte each; one plane.
    Rgb8,
    /// Luma only; one plane.
    Gray8,
    /// Luma plane, then interleaved chroma at half size; two planes.
    Nv12,
    /// Luma, Cb, Cr planes, chroma at half size; three planes.
    I420,
    /// Y0 Cb Y1 Cr interleaved; one plane.
    Yuyv,
}

/// Where one plane begins in the buffer, and how many bytes lie between the starts of two rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Plane {
    pub offset: usize,
    pub stride: usize,
}

/// One picture, ready to be looked at.
#[derive(Debug, Clone)]
pub struct Frame {
    pub camera: CameraId,
    /// Counts the camera's frames from 0, gaps included: a skipped frame takes its number with it.
    pub seq: u64,
    /// When it was taken, on the daemon's monotonic time line.
    pub captured: Moment,
    /// When it was taken, for people.
    pub wall: Timestamp,
    pub size: Size,
    pub format: PixelFormat,
    /// YUV values use 0..=255 instead of 16..=235.
    pub full_range: bool,
    pub planes: [Plane; 3],
    pub pixels: Arc<Buffer>,
}
