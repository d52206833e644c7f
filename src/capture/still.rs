//! Picture files: a JPEG or PNG to a frame, set upright as its EXIF says.
//!
//! The content decides what a file is, not its name. Transparency is laid over white, 16 bits become 8, inks
//! become colours, of an animation the first picture counts. A picture that is not all there is an error: half a
//! plate reads as a wrong plate.

use std::{
    fmt::Display,
    fs::File,
    io::{Read, Take},
    path::Path,
    sync::Arc,
};

use image::{DynamicImage, GrayImage, RgbImage, metadata::Orientation};
use jiff::Timestamp;

use super::{
    CaptureError, Fault,
    jpeg::{Jpeg, is_jpeg},
    png::{self, is_png},
};
use crate::{
    clock::Moment,
    frame::{Buffer, CameraId, Frame, PixelFormat},
    geometry::Size,
};

/// What is too large to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub max_pixels: u64,
    pub max_bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_pixels: 64_000_000, max_bytes: 256 << 20 }
    }
}

/// A decoded picture, upright, in colour or grey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Still {
    pub size: Size,
    /// `Rgb8` or `Gray8`, rows without gaps.
    pub format: PixelFormat,
    pub pixels: Vec<u8>,
    /// EXIF asked for a turn or a mirror, which was done.
    pub turned: bool,
}

/// Reads and decodes a file.
pub fn load(path: &Path, settings: &Settings) -> Result<Still, CaptureError> {
    let bytes = read(path, settings)?;
    decode(&bytes, path.display(), settings)
}

/// The bytes of a file that may be a picture.
pub fn read(path: &Path, settings: &Settings) -> Result<Vec<u8>, CaptureError> {
    let failed = |error| CaptureError::io(path.display(), error);
    let file = File::open(path).map_err(failed)?;
    let known = file.metadata().map_err(failed)?;
    if known.is_dir() {
        return Err(CaptureError::new(path.display(), Fault::NotAPicture("a folder")));
    }
    let mut bytes = Vec::with_capacity(known.len().min(settings.max_bytes) as usize);
    // One byte more than allowed: a pipe or a growing file does not say its length beforehand.
    let mut limited: Take<File> = file.take(settings.max_bytes.saturating_add(1));
    limited.read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > settings.max_bytes {
        let fault =
            Fault::TooManyBytes { bytes: known.len().max(bytes.len() as u64), limit: settings.max_bytes };
        return Err(CaptureError::new(path.display(), fault));
    }
    Ok(bytes)
}

/// Decodes a picture from memory; `place` is named in errors.
pub fn decode(bytes: &[u8], place: impl Display, settings: &Settings) -> Result<Still, CaptureError> {
    decode_bytes(bytes, settings.max_pixels).map_err(|fault| CaptureError::new(place, fault))
}

/// Whether a file begins like a picture that can be decoded. False also for what cannot be opened.
pub fn is_picture(path: &Path) -> bool {
    let mut start = [0; 8];
    let read = File::open(path).and_then(|mut file| file.read(&mut start));
    read.is_ok_and(|count| start.get(..count).is_some_and(|start| is_jpeg(start) || is_png(start)))
}

impl Still {
    pub fn into_frame(self, camera: CameraId, seq: u64, captured: Moment, wall: Timestamp) -> Frame {
        Frame {
            camera,
            seq,
            captured,
            wall,
            size: self.size,
            format: self.format,
            full_range: true,
            planes: self.format.packed(self.size).0,
            pixels: Arc::new(Buffer::from(self.pixels)),
        }
    }

    fn new(picture: DynamicImage, turned: bool) -> Self {
        let size = Size::new(picture.width(), picture.height());
        match picture {
            DynamicImage::ImageLuma8(gray) => {
                Self { size, format: PixelFormat::Gray8, pixels: gray.into_raw(), turned }
            }
            other => Self { size, format: PixelFormat::Rgb8, pixels: other.into_rgb8().into_raw(), turned },
        }
    }
}

fn decode_bytes(bytes: &[u8], max_pixels: u64) -> Result<Still, Fault> {
    let (mut picture, orientation) = if is_jpeg(bytes) {
        let jpeg = Jpeg::open(bytes, max_pixels)?;
        let (form, orientation) = (jpeg.form(), jpeg.orientation());
        let mut pixels = vec![0; jpeg.len()];
        jpeg.decode_into(&mut pixels)?;
        if orientation == Orientation::NoTransforms {
            return Ok(Still { size: form.size, format: form.format, pixels, turned: false });
        }
        (picture_of(form.size, form.format, pixels)?, orientation)
    } else if is_png(bytes) {
        png::decode(bytes, max_pixels)?
    } else if bytes.is_empty() {
        return Err(Fault::Empty);
    } else {
        return Err(Fault::NotAPicture(looks_like(bytes)));
    };
    picture.apply_orientation(orientation);
    Ok(Still::new(picture, orientation != Orientation::NoTransforms))
}

fn picture_of(size: Size, format: PixelFormat, pixels: Vec<u8>) -> Result<DynamicImage, Fault> {
    let picture = match format {
        PixelFormat::Gray8 => GrayImage::from_raw(size.width, size.height, pixels).map(DynamicImage::from),
        _ => RgbImage::from_raw(size.width, size.height, pixels).map(DynamicImage::from),
    };
    picture.ok_or_else(|| Fault::Damaged("its pixels do not fill its size".to_owned()))
}

pub(super) const TEXT: &str = "a text file";

/// What else a file is, for somebody who wonders why it was not read.
pub(super) fn looks_like(bytes: &[u8]) -> &'static str {
    let holds = |from: usize, what: &[u8]| bytes.get(from..).is_some_and(|rest| rest.starts_with(what));
    if holds(0, b"GIF8") {
        "a GIF"
    } else if holds(0, b"RIFF") && holds(8, b"WEBP") {
        "a WebP picture"
    } else if holds(0, b"BM") {
        "a BMP picture"
    } else if holds(0, b"II*\0") || holds(0, b"MM\0*") {
        "a TIFF picture"
    } else if holds(4, b"ftypheic") || holds(4, b"ftypheix") || holds(4, b"ftypmif1") {
        "a HEIF picture"
    } else if holds(4, b"ftypavif") {
        "an AVIF picture"
    } else if holds(0, b"\xff\x0a") || holds(4, b"JXL ") {
        "a JPEG XL picture"
    } else if holds(4, b"ftyp") || holds(0, b"\x1a\x45\xdf\xa3") {
        "a video"
    } else if holds(0, b"%PDF") {
        "a PDF"
    } else if bytes.iter().take(512).all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()) {
        TEXT
    } else {
        "of an unknown kind"
    }
}
