//! Colour: luma and chroma to red, green, blue or to grey, for whole frames and for the small pictures that
//! `scale`, `crop` and `rectify` make.
//!
//! Every YUV picture is taken as BT.601, as [`super::PixelFormat`] says. Sizes do not change here.

use image::RgbImage;
use yuv::{
    YuvBiPlanarImage, YuvConversionMode, YuvError, YuvPackedImage, YuvPlanarImage, YuvRange,
    YuvStandardMatrix::Bt601,
};

use super::{
    BadFrame, Frame,
    planes::{Planes, View},
};
use crate::geometry::{Quad, Rect, Size};

const MODE: YuvConversionMode = YuvConversionMode::Balanced;

/// Why a frame could not be turned into the picture that was asked for.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConvertError {
    #[error(transparent)]
    Frame(#[from] BadFrame),
    #[error("a picture of {0} cannot be made: ask for 1x1 to 8192x8192 pixels")]
    Size(Size),
    #[error("a picture of {0} channels cannot be made: ask for 1 (grey) or 3 (red, green, blue)")]
    Channels(u8),
    #[error("the box {area:?} is empty or lies too far outside the {size} picture")]
    Area { area: Rect, size: Size },
    #[error(
        "the corners {quad:?} are no plate's: they must go round a convex shape, near the {size} picture"
    )]
    Quad { quad: Quad, size: Size },
    #[error("colours could not be converted: {0}")]
    Colour(String),
}

impl From<YuvError> for ConvertError {
    fn from(error: YuvError) -> Self {
        Self::Colour(error.to_string())
    }
}

fn range(full: bool) -> YuvRange {
    if full { YuvRange::Full } else { YuvRange::Limited }
}

/// The whole frame in colour, for evidence and drawings.
pub fn to_rgb(frame: &Frame) -> Result<RgbImage, ConvertError> {
    let mut bytes = Vec::new();
    rgb_into(frame, &mut bytes)?;
    RgbImage::from_raw(frame.size.width, frame.size.height, bytes)
        .ok_or_else(|| ConvertError::Colour("the picture has another size than its frame".to_owned()))
}

/// The whole frame as red, green, blue rows without gaps; `out` is reused.
pub fn rgb_into(frame: &Frame, out: &mut Vec<u8>) -> Result<(), ConvertError> {
    let mut packed: [Vec<u8>; 3] = Default::default();
    let views = frame.views()?.complete(&mut packed);
    let (width, height) = (frame.size.width, frame.size.height);
    let stride = width * 3;
    out.resize(stride as usize * height as usize, 0);
    let range = range(frame.full_range);
    match views {
        Planes::Rgb(rgb) => {
            for (to, y) in out.chunks_exact_mut(stride as usize).zip(0..) {
                to.copy_from_slice(rgb.row(y));
            }
        }
        Planes::Gray(gray) => {
            for (to, y) in out.chunks_exact_mut(stride as usize).zip(0..) {
                spread(gray.row(y), to);
            }
        }
        Planes::Nv12(luma, chroma) => yuv::yuv_nv12_to_rgb(
            &YuvBiPlanarImage {
                y_plane: luma.bytes,
                y_stride: stride_of(&luma)?,
                uv_plane: chroma.bytes,
                uv_stride: stride_of(&chroma)?,
                width,
                height,
            },
            out,
            stride,
            range,
            Bt601,
            MODE,
        )?,
        Planes::I420(luma, cb, cr) => {
            yuv::yuv420_to_rgb(&planar(&luma, &cb, &cr, frame.size)?, out, stride, range, Bt601)?;
        }
        Planes::Yuyv(pairs) => yuv::yuyv422_to_rgb(
            &YuvPackedImage { yuy: pairs.bytes, yuy_stride: stride_of(&pairs)?, width, height },
            out,
            stride,
            range,
            Bt601,
        )?,
    }
    Ok(())
}

/// Luma and chroma of one size (4:4:4), chroma as Cb, Cr pairs, to colour. Complete planes and rows without gaps: the
/// library skips a last row that is shorter than its stride.
pub(super) fn paired_to_rgb(
    luma: &View<'_>,
    chroma: &View<'_>,
    full: bool,
    out: &mut [u8],
) -> Result<(), ConvertError> {
    let picture = YuvBiPlanarImage {
        y_plane: luma.bytes,
        y_stride: stride_of(luma)?,
        uv_plane: chroma.bytes,
        uv_stride: stride_of(chroma)?,
        width: luma.width,
        height: luma.height,
    };
    Ok(yuv::yuv_nv24_to_rgb(&picture, out, luma.width * 3, range(full), Bt601, MODE)?)
}

/// Luma, Cb and Cr of one size (4:4:4) to colour; complete planes and rows without gaps.
pub(super) fn planar_to_rgb(
    [luma, cb, cr]: [&View<'_>; 3],
    full: bool,
    out: &mut [u8],
) -> Result<(), ConvertError> {
    let picture = planar(luma, cb, cr, luma.size())?;
    Ok(yuv::yuv444_to_rgb(&picture, out, luma.width * 3, range(full), Bt601)?)
}

/// Luma to grey: limited range is stretched to 0..=255.
pub(super) fn luma_to_gray(luma: &[u8], full: bool, out: &mut [u8]) {
    // The library's own way writes three channels, so the stretch is a table here.
    let table: [u8; 256] =
        std::array::from_fn(|value| if full { value as u8 } else { stretched(value as i32) });
    for (gray, luma) in out.iter_mut().zip(luma) {
        *gray = table[usize::from(*luma)];
    }
}

const fn stretched(luma: i32) -> u8 {
    let value = ((luma - 16) * 255 * 2 + 219) / (219 * 2);
    if value < 0 {
        0
    } else if value > 255 {
        255
    } else {
        value as u8
    }
}

/// Colour to grey, with BT.601 weights.
pub(super) fn rgb_to_gray(rgb: &[u8], out: &mut [u8]) {
    for (gray, pixel) in out.iter_mut().zip(rgb.chunks_exact(3)) {
        if let [r, g, b] = *pixel {
            let sum = 19_595 * u32::from(r) + 38_470 * u32::from(g) + 7_471 * u32::from(b);
            *gray = ((sum + 32_768) >> 16) as u8;
        }
    }
}

/// Grey to three equal channels.
pub(super) fn spread(gray: &[u8], rgb: &mut [u8]) {
    for (to, from) in rgb.chunks_exact_mut(3).zip(gray) {
        to.fill(*from);
    }
}

fn planar<'a>(
    luma: &View<'a>,
    cb: &View<'a>,
    cr: &View<'a>,
    size: Size,
) -> Result<YuvPlanarImage<'a, u8>, ConvertError> {
    Ok(YuvPlanarImage {
        y_plane: luma.bytes,
        y_stride: stride_of(luma)?,
        u_plane: cb.bytes,
        u_stride: stride_of(cb)?,
        v_plane: cr.bytes,
        v_stride: stride_of(cr)?,
        width: size.width,
        height: size.height,
    })
}

fn stride_of(view: &View<'_>) -> Result<u32, ConvertError> {
    u32::try_from(view.stride).map_err(|_| ConvertError::Size(view.size()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{
        PixelFormat,
        test_frames::{frame_of, psnr, with_gaps},
    };

    /// Smooth colours: what subsampled chroma can hold.
    fn colour(x: u32, y: u32) -> [u8; 3] {
        [(x * 2 % 256) as u8 / 2 + 60, (y * 3 % 200) as u8, 200 - (x % 128) as u8]
    }

    #[test]
    fn every_format_shows_the_same_picture_in_colour() {
        let smooth = |x: u32, y: u32| [(40 + x * 2) as u8, (200 - y) as u8, (30 + x + y) as u8];
        for size in [Size::new(64, 48), Size::new(63, 47), Size::new(1, 1), Size::new(2, 1), Size::new(1, 3)]
        {
            let wanted = to_rgb(&frame_of(PixelFormat::Rgb8, size, smooth)).unwrap();
            for format in [PixelFormat::Nv12, PixelFormat::I420, PixelFormat::Yuyv] {
                let frame = frame_of(format, size, smooth);
                let got = to_rgb(&frame).unwrap();
                let quality = psnr(&wanted, &got);
                assert!(quality > 38.0, "{format:?} {size}: {quality:.1} dB");
                assert_eq!(got, to_rgb(&with_gaps(&frame, 5)).unwrap(), "{format:?} {size} with gaps");
            }
        }
    }

    #[test]
    fn full_range_is_not_stretched_and_limited_range_is() {
        let mut frame = frame_of(PixelFormat::I420, Size::new(8, 8), |_, _| [128, 128, 128]);
        let limited = to_rgb(&frame).unwrap().get_pixel(3, 3).0;
        frame.full_range = true;
        let full = to_rgb(&frame).unwrap().get_pixel(3, 3).0;
        assert!(limited.iter().all(|v| v.abs_diff(128) <= 1), "{limited:?}");
        assert!(full.iter().all(|v| v.abs_diff(126) <= 1), "{full:?}");
        assert_eq!((stretched(16), stretched(235), stretched(0), stretched(255)), (0, 255, 0, 255));
    }

    #[test]
    fn grey_becomes_three_equal_channels() {
        let picture = to_rgb(&frame_of(PixelFormat::Gray8, Size::new(9, 4), colour)).unwrap();
        assert!(picture.pixels().all(|p| p.0[0] == p.0[1] && p.0[1] == p.0[2]));
    }

    #[test]
    fn a_spoilt_frame_is_an_error() {
        let mut frame = frame_of(PixelFormat::Yuyv, Size::new(9, 4), colour);
        frame.size.height = 5;
        assert!(matches!(to_rgb(&frame), Err(ConvertError::Frame(_))));
    }
}
