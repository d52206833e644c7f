//! A frame's memory as checked views: which bytes are whose row. Everything that reads pixels goes through here.
//!
//! Refuses a frame whose planes do not fit its buffer, so that nothing behind it needs to look again.

use super::{Frame, PixelFormat, Plane};
use crate::geometry::Size;

/// A frame that does not hold what it says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a {size} {format:?} frame does not fit its {have} bytes: plane {plane} ends at byte {need}")]
pub struct BadFrame {
    size: Size,
    format: PixelFormat,
    plane: usize,
    need: usize,
    have: usize,
}

/// Rows of equal pixels: `width` pixels of `pixel` bytes each, `stride` bytes from row to row.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub bytes: &'a [u8],
    pub stride: usize,
    pub width: u32,
    pub height: u32,
    pub pixel: usize,
}

/// The planes of a frame.
#[derive(Debug, Clone, Copy)]
pub(super) enum Planes<'a> {
    Rgb(View<'a>),
    Gray(View<'a>),
    /// Luma, and chroma of Cb, Cr pairs at half size.
    Nv12(View<'a>, View<'a>),
    /// Luma, Cb, Cr; chroma at half size.
    I420(View<'a>, View<'a>, View<'a>),
    /// Two pixels in four bytes; the view counts pairs.
    Yuyv(View<'a>),
}

impl<'a> View<'a> {
    /// One row, without what lies between rows.
    pub(super) fn row(&self, y: u32) -> &'a [u8] {
        let from = (y as usize) * self.stride;
        self.bytes.get(from..from + self.width as usize * self.pixel).unwrap_or_default()
    }

    pub(super) fn size(&self) -> Size {
        Size::new(self.width, self.height)
    }

    /// The same rows and nothing behind them, the last one whole; copied only where the last one is not.
    pub(super) fn complete(self, packed: &'a mut Vec<u8>) -> Self {
        if let Some(bytes) = self.bytes.get(..self.stride * self.height as usize) {
            return Self { bytes, ..self };
        }
        packed.clear();
        (0..self.height).for_each(|y| packed.extend_from_slice(self.row(y)));
        Self::packed(packed, self.size(), self.pixel)
    }

    /// A view of rows that follow each other without gaps.
    pub(super) fn packed(bytes: &'a [u8], size: Size, pixel: usize) -> Self {
        Self { bytes, stride: size.width as usize * pixel, width: size.width, height: size.height, pixel }
    }
}

impl<'a> Planes<'a> {
    /// The same planes, each ending with a whole row: the colour library skips a last row that lacks the gap after
    /// it. Copies only planes that end so.
    pub(super) fn complete(self, packed: &'a mut [Vec<u8>; 3]) -> Self {
        let [first, second, third] = packed;
        match self {
            Self::Rgb(view) => Self::Rgb(view.complete(first)),
            Self::Gray(view) => Self::Gray(view.complete(first)),
            Self::Nv12(luma, chroma) => Self::Nv12(luma.complete(first), chroma.complete(second)),
            Self::I420(luma, cb, cr) => {
                Self::I420(luma.complete(first), cb.complete(second), cr.complete(third))
            }
            Self::Yuyv(pairs) => Self::Yuyv(pairs.complete(first)),
        }
    }
}

impl PixelFormat {
    /// Bytes per row and rows of each plane of a picture of this size.
    pub fn layout(self, size: Size) -> [(usize, usize); 3] {
        let (w, h) = (size.width as usize, size.height as usize);
        let (half_w, half_h) = (w.div_ceil(2), h.div_ceil(2));
        match self {
            Self::Rgb8 => [(w * 3, h), (0, 0), (0, 0)],
            Self::Gray8 => [(w, h), (0, 0), (0, 0)],
            Self::Nv12 => [(w, h), (half_w * 2, half_h), (0, 0)],
            Self::I420 => [(w, h), (half_w, half_h), (half_w, half_h)],
            Self::Yuyv => [(half_w * 4, h), (0, 0), (0, 0)],
        }
    }

    /// Planes that follow each other without gaps, and the bytes that they take together.
    pub fn packed(self, size: Size) -> ([Plane; 3], usize) {
        let mut planes = [Plane::default(); 3];
        let mut end = 0;
        for (plane, (row, rows)) in planes.iter_mut().zip(self.layout(size)) {
            if rows > 0 {
                *plane = Plane { offset: end, stride: row };
                end += row * rows;
            }
        }
        (planes, end)
    }
}

impl Frame {
    pub(super) fn views(&self) -> Result<Planes<'_>, BadFrame> {
        let half = Size::new(self.size.width.div_ceil(2), self.size.height.div_ceil(2));
        let full = self.size;
        Ok(match self.format {
            PixelFormat::Rgb8 => Planes::Rgb(self.plane(0, full, 3)?),
            PixelFormat::Gray8 => Planes::Gray(self.plane(0, full, 1)?),
            PixelFormat::Nv12 => Planes::Nv12(self.plane(0, full, 1)?, self.plane(1, half, 2)?),
            PixelFormat::I420 => {
                Planes::I420(self.plane(0, full, 1)?, self.plane(1, half, 1)?, self.plane(2, half, 1)?)
            }
            PixelFormat::Yuyv => Planes::Yuyv(self.plane(0, Size::new(half.width, full.height), 4)?),
        })
    }

    fn plane(&self, index: usize, size: Size, pixel: usize) -> Result<View<'_>, BadFrame> {
        let at = self.planes[index];
        let row = size.width as usize * pixel;
        // Saturating: a nonsense offset must end in the refusal below, not in an overflow.
        let last_row = at.stride.saturating_mul((size.height as usize).saturating_sub(1));
        let need = at.offset.saturating_add(last_row).saturating_add(row);
        let bad = BadFrame {
            size: self.size,
            format: self.format,
            plane: index,
            need,
            have: self.pixels.bytes().len(),
        };
        if size.width == 0 || size.height == 0 || at.stride < row || need > bad.have {
            return Err(bad);
        }
        let whole = at.offset.saturating_add(at.stride.saturating_mul(size.height as usize)).min(bad.have);
        let bytes = self.pixels.bytes().get(at.offset..whole).ok_or(bad)?;
        Ok(View { bytes, stride: at.stride, width: size.width, height: size.height, pixel })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::test_frames::frame_of;

    #[test]
    fn a_frame_whose_planes_leave_its_buffer_is_refused() {
        let good = frame_of(PixelFormat::Nv12, Size::new(5, 3), |_, _| [1, 2, 3]);
        assert!(good.views().is_ok());
        let spoil = |change: fn(&mut Frame)| {
            let mut frame = good.clone();
            change(&mut frame);
            frame.views().is_err()
        };
        assert!(spoil(|f| f.size.height += 2));
        assert!(spoil(|f| f.size.width = 0));
        assert!(spoil(|f| f.planes[0].stride = 4));
        assert!(spoil(|f| f.planes[1].offset = usize::MAX));
        assert!(spoil(|f| f.planes[1].stride = usize::MAX / 2));
        assert!(spoil(|f| f.format = PixelFormat::Rgb8));
    }

    #[test]
    fn odd_pictures_round_their_chroma_up() {
        assert_eq!(PixelFormat::Nv12.packed(Size::new(5, 3)).1, 15 + 12);
        assert_eq!(PixelFormat::I420.packed(Size::new(1, 1)).1, 3);
        assert_eq!(PixelFormat::Yuyv.packed(Size::new(3, 2)).1, 16);
    }
}
