//! Pictures from libavcodec to frames: planes copied as they are where a frame has such a form, brought to one
//! where it has not. Shared by clips and network cameras.

use std::sync::Once;

use ffmpeg_next::{self as av, format::Pixel, frame::Video, util::color::Range, util::log};

use super::{Fault, Form};
use crate::{
    frame::{Buffer, PixelFormat, Pool},
    geometry::Size,
};

/// Rows longer than this are a decoder's error; it also refuses pictures that are stored upside down, whose rows
/// have negative distances.
const LONGEST_ROW: usize = 1 << 20;

/// Prepares the libraries once: they must not write to stderr themselves, what they say comes back as errors.
pub(super) fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if let Err(error) = av::init() {
            tracing::error!(%error, "libavformat could not be initialised");
        }
        log::set_level(log::Level::Quiet);
    });
}

/// What came of a decoded picture.
pub(super) enum Copied {
    Picture(Form, Buffer),
    /// All buffers are in use.
    NoBuffer,
}

/// How libavcodec stores a picture, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stored {
    /// Just as a frame of this format does.
    Alike(PixelFormat),
    /// Luma and two chroma planes; chroma columns and rows are halved so many times; bits per value.
    Planar { across: u32, down: u32, bits: u32 },
    /// One plane of colour: where red, green and blue stand in a pixel, and its bytes.
    Packed { rgb: [usize; 3], bytes: usize },
    /// Green, blue and red planes.
    Gbr,
}

/// Copies a decoded picture into a buffer of the pool.
pub(super) fn copy(picture: &Video, pool: &Pool) -> Result<Copied, Fault> {
    let (stored, full_range) = stored(picture)?;
    let size = Size::new(picture.width(), picture.height());
    let format = match stored {
        Stored::Alike(format) => format,
        Stored::Planar { .. } => PixelFormat::I420,
        Stored::Packed { .. } | Stored::Gbr => PixelFormat::Rgb8,
    };
    let (planes, len) = format.packed(size);
    if len == 0 {
        return Err(Fault::Damaged("a picture without pixels".to_owned()));
    }
    let Some(mut buffer) = pool.take(len) else { return Ok(Copied::NoBuffer) };
    for (index, (row, rows)) in format.layout(size).into_iter().enumerate() {
        let to = buffer.get_mut(planes[index].offset..).unwrap_or_default();
        if rows > 0 {
            copy_plane(picture, stored, index, (row, rows), to)?;
        }
    }
    Ok(Copied::Picture(Form { size, format, full_range }, buffer))
}

fn stored(picture: &Video) -> Result<(Stored, bool), Fault> {
    let full = picture.color_range() == Range::JPEG;
    let planar = |across, down, bits| Stored::Planar { across, down, bits };
    let packed = |rgb, bytes| Stored::Packed { rgb, bytes };
    Ok(match picture.format() {
        Pixel::YUV420P => (Stored::Alike(PixelFormat::I420), full),
        Pixel::YUVJ420P => (Stored::Alike(PixelFormat::I420), true),
        Pixel::NV12 => (Stored::Alike(PixelFormat::Nv12), full),
        Pixel::YUYV422 => (Stored::Alike(PixelFormat::Yuyv), full),
        Pixel::GRAY8 => (Stored::Alike(PixelFormat::Gray8), true),
        Pixel::RGB24 => (Stored::Alike(PixelFormat::Rgb8), true),
        Pixel::YUV422P => (planar(1, 0, 8), full),
        Pixel::YUVJ422P => (planar(1, 0, 8), true),
        Pixel::YUV444P => (planar(0, 0, 8), full),
        Pixel::YUVJ444P => (planar(0, 0, 8), true),
        Pixel::YUV420P10LE => (planar(1, 1, 10), full),
        Pixel::YUV422P10LE => (planar(1, 0, 10), full),
        Pixel::YUV444P10LE => (planar(0, 0, 10), full),
        Pixel::YUV420P12LE => (planar(1, 1, 12), full),
        Pixel::BGR24 => (packed([2, 1, 0], 3), true),
        Pixel::RGBA | Pixel::RGBZ => (packed([0, 1, 2], 4), true),
        Pixel::BGRA | Pixel::BGRZ => (packed([2, 1, 0], 4), true),
        Pixel::GBRP => (Stored::Gbr, true),
        other => {
            let advice = "convert the recording: ffmpeg -i FILE -pix_fmt yuv420p OUT.mp4";
            return Err(Fault::Unsupported(format!("pixel format {other:?}; {advice}")));
        }
    })
}

/// One plane's bytes and the distance of its rows, if the decoder left it in order.
fn plane(picture: &Video, index: usize) -> Result<(&[u8], usize), Fault> {
    let missing = || Fault::Damaged("the decoder gave a picture without all of its planes".to_owned());
    // In this order: the library panics where a plane is missing.
    if index >= picture.planes() || !(1..=LONGEST_ROW).contains(&picture.stride(index)) {
        return Err(missing());
    }
    Ok((picture.data(index), picture.stride(index)))
}

/// Fills `rows` rows of `row` bytes of one of our planes.
fn copy_plane(
    picture: &Video,
    stored: Stored,
    index: usize,
    (row, rows): (usize, usize),
    to: &mut [u8],
) -> Result<(), Fault> {
    let short = || Fault::Damaged("the decoder gave a picture smaller than it says".to_owned());
    let lines = to.chunks_exact_mut(row).take(rows);
    match stored {
        Stored::Alike(_) => {
            let (from, stride) = plane(picture, index)?;
            for (y, line) in lines.enumerate() {
                line.copy_from_slice(from.get(y * stride..y * stride + row).ok_or_else(short)?);
            }
        }
        Stored::Planar { across, down, bits } => {
            let (from, stride) = plane(picture, index)?;
            // How many source values make one of ours, across and down.
            let (wide, high) = if index == 0 { (1, 1) } else { (2usize >> across, 2usize >> down) };
            let bytes = if bits > 8 { 2 } else { 1 };
            for (y, line) in lines.enumerate() {
                for (x, value) in line.iter_mut().enumerate() {
                    *value = mean(from, stride, bytes, (x * wide, y * high), (wide, high), bits)
                        .ok_or_else(short)?;
                }
            }
        }
        Stored::Packed { rgb, bytes } => {
            let (from, stride) = plane(picture, 0)?;
            for (y, line) in lines.enumerate() {
                let pixels = from.get(y * stride..y * stride + row / 3 * bytes).ok_or_else(short)?;
                for (to, from) in line.chunks_exact_mut(3).zip(pixels.chunks_exact(bytes)) {
                    for (value, place) in to.iter_mut().zip(rgb) {
                        *value = from.get(place).copied().unwrap_or_default();
                    }
                }
            }
        }
        Stored::Gbr => {
            let colours = [plane(picture, 2)?, plane(picture, 0)?, plane(picture, 1)?];
            for (y, line) in lines.enumerate() {
                for (channel, (from, stride)) in colours.iter().enumerate() {
                    let values = from.get(y * stride..y * stride + row / 3).ok_or_else(short)?;
                    for (to, value) in line.iter_mut().skip(channel).step_by(3).zip(values) {
                        *to = *value;
                    }
                }
            }
        }
    }
    Ok(())
}

/// The mean of a few values, as eight bits. Values beyond the plane's edge (odd sizes) repeat the first one.
fn mean(
    from: &[u8],
    stride: usize,
    bytes: usize,
    (x, y): (usize, usize),
    (wide, high): (usize, usize),
    bits: u32,
) -> Option<u8> {
    let at = |x: usize, y: usize| {
        let place = x * bytes;
        if place + bytes > stride {
            return None;
        }
        let low = u32::from(*from.get(y * stride + place)?);
        let high = if bytes == 2 { u32::from(*from.get(y * stride + place + 1)?) } else { 0 };
        Some(low | high << 8)
    };
    let first = at(x, y)?;
    let mut sum = 0;
    for dy in 0..high {
        for dx in 0..wide {
            sum += at(x + dx, y + dy).unwrap_or(first);
        }
    }
    let count = (wide * high) as u32;
    Some((((sum + count / 2) / count) >> (bits - 8)).min(255) as u8)
}

/// The libraries' error for people.
pub(super) fn fault(error: av::Error) -> Fault {
    match error {
        av::Error::Other { errno } => {
            super::CaptureError::io("", std::io::Error::from_raw_os_error(errno)).fault
        }
        av::Error::InvalidData => Fault::Damaged(
            "it is no clip that libavformat knows, or it lacks its index (an MP4 that was cut off has none)"
                .to_owned(),
        ),
        av::Error::StreamNotFound => Fault::Unsupported("it holds no video".to_owned()),
        av::Error::DecoderNotFound => {
            Fault::Unsupported("libavcodec here has no decoder for its video".to_owned())
        }
        other => Fault::Damaged(other.to_string()),
    }
}
