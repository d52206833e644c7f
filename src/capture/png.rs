//! One PNG picture from memory: every colour kind, to eight-bit colour or grey, transparency laid over white.
//!
//! Of an animated PNG the picture that viewers without animation show. Knows bytes, not files.

use std::io::{Cursor, ErrorKind};

use image::{
    DynamicImage, ImageDecoder, ImageError, Limits, codecs::png::PngDecoder, error::LimitErrorKind,
    metadata::Orientation,
};

use super::Fault;
use crate::geometry::Size;

/// What the decoder may allocate beside the picture itself: chunks of text, colour profiles.
const EXTRA_BYTES: u64 = 16 << 20;
/// Bytes per pixel of the largest kind: four channels of 16 bits.
const LARGEST_PIXEL: u64 = 8;

pub(super) fn is_png(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x89PNG\r\n\x1a\n")
}

/// The picture as it is stored, and how it has to be turned.
pub(super) fn decode(bytes: &[u8], max_pixels: u64) -> Result<(DynamicImage, Orientation), Fault> {
    // The header is read here first: the decoder would already set memory aside for what it says.
    let size = header(bytes).ok_or(Fault::Truncated)?;
    if size.area() > max_pixels {
        return Err(Fault::TooLarge { size, limit: max_pixels });
    }
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(size.area() * LARGEST_PIXEL + EXTRA_BYTES);
    let mut decoder = PngDecoder::with_limits(Cursor::new(bytes), limits).map_err(fault)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let picture = DynamicImage::from_decoder(decoder).map_err(fault)?;
    Ok((flat(picture), orientation))
}

/// Width and height, which every PNG says in its first chunk.
fn header(bytes: &[u8]) -> Option<Size> {
    let number = |from: usize| {
        let bytes: [u8; 4] = bytes.get(from..from + 4)?.try_into().ok()?;
        Some(u32::from_be_bytes(bytes))
    };
    Some(Size::new(number(16)?, number(20)?))
}

/// Eight bits, no transparency.
fn flat(picture: DynamicImage) -> DynamicImage {
    let over_white = |value: u8, alpha: u8| {
        let (value, alpha) = (u32::from(value), u32::from(alpha));
        ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
    };
    match picture {
        DynamicImage::ImageLuma8(_) | DynamicImage::ImageRgb8(_) => picture,
        DynamicImage::ImageLuma16(_) => picture.into_luma8().into(),
        DynamicImage::ImageLumaA8(_) | DynamicImage::ImageLumaA16(_) => {
            let pixels = picture.into_luma_alpha8();
            let (width, height) = pixels.dimensions();
            image::GrayImage::from_fn(width, height, |x, y| {
                let [value, alpha] = pixels.get_pixel(x, y).0;
                image::Luma([over_white(value, alpha)])
            })
            .into()
        }
        _ if picture.color().has_alpha() => {
            let pixels = picture.into_rgba8();
            let (width, height) = pixels.dimensions();
            image::RgbImage::from_fn(width, height, |x, y| {
                let [r, g, b, alpha] = pixels.get_pixel(x, y).0;
                image::Rgb([r, g, b].map(|value| over_white(value, alpha)))
            })
            .into()
        }
        _ => picture.into_rgb8().into(),
    }
}

fn fault(error: ImageError) -> Fault {
    match error {
        ImageError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => Fault::Truncated,
        ImageError::Limits(error) if error.kind() == LimitErrorKind::InsufficientMemory => {
            Fault::Damaged("a chunk of it claims more memory than the picture needs".to_owned())
        }
        other => Fault::Damaged(other.to_string()),
    }
}
