//! One JPEG picture from memory into a buffer: for files and for cameras that send MJPEG.
//!
//! Knows bytes, not files: its faults get their place from the caller.

use image::metadata::Orientation;
use zune_jpeg::{
    JpegDecoder,
    errors::DecodeErrors,
    zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions},
};

use super::{Fault, Form};
use crate::{frame::PixelFormat, geometry::Size};

/// A JPEG whose header was read and found acceptable; nothing large is allocated yet.
pub(super) struct Jpeg<'a> {
    bytes: &'a [u8],
    decoder: JpegDecoder<ZCursor<&'a [u8]>>,
    size: Size,
    format: PixelFormat,
}

pub(super) fn is_jpeg(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xff, 0xd8, 0xff])
}

impl<'a> Jpeg<'a> {
    pub(super) fn open(bytes: &'a [u8], max_pixels: u64) -> Result<Self, Fault> {
        Self::open_as(bytes, max_pixels, false)
    }

    /// For pictures of which a part may have been lost on the way: what does not fit is an error, not painted over. A gap
    /// may still go unnoticed, because JPEG has no checksum.
    pub(super) fn open_strictly(bytes: &'a [u8], max_pixels: u64) -> Result<Self, Fault> {
        Self::open_as(bytes, max_pixels, true)
    }

    fn open_as(bytes: &'a [u8], max_pixels: u64, strictly: bool) -> Result<Self, Fault> {
        // A JPEG header cannot say more than 65535; the product is what is judged.
        let options = DecoderOptions::default().set_max_width(65_535).set_max_height(65_535);
        let options = options.set_strict_mode(strictly);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
        decoder.decode_headers().map_err(fault)?;
        let (width, height) =
            decoder.dimensions().ok_or_else(|| Fault::Damaged("it has no picture header".to_owned()))?;
        let size = Size::new(width as u32, height as u32);
        if size.area() > max_pixels {
            return Err(Fault::TooLarge { size, limit: max_pixels });
        }
        let (format, space) = match decoder.input_colorspace() {
            Some(ColorSpace::Luma) => (PixelFormat::Gray8, ColorSpace::Luma),
            // Inks are converted by the decoder.
            _ => (PixelFormat::Rgb8, ColorSpace::RGB),
        };
        let options = decoder.options().jpeg_set_out_colorspace(space);
        decoder.set_options(options);
        Ok(Self { bytes, decoder, size, format })
    }

    pub(super) fn form(&self) -> Form {
        Form { size: self.size, format: self.format, full_range: true }
    }

    /// Bytes that `decode_into` fills.
    pub(super) fn len(&self) -> usize {
        self.format.packed(self.size).1
    }

    pub(super) fn orientation(&self) -> Orientation {
        let exif = self.decoder.exif();
        exif.and_then(|chunk| Orientation::from_exif_chunk(chunk)).unwrap_or(Orientation::NoTransforms)
    }

    pub(super) fn decode_into(mut self, out: &mut [u8]) -> Result<(), Fault> {
        // The decoder paints what is missing grey, which would be a picture that nobody took.
        if !has_end(self.bytes) {
            return Err(Fault::Truncated);
        }
        self.decoder.decode_into(out).map_err(fault)
    }
}

/// With an end marker, which some of those who put pictures together from packets leave out.
pub(super) fn with_end(mut bytes: Vec<u8>) -> Vec<u8> {
    if !has_end(&bytes) {
        bytes.extend_from_slice(&[0xff, 0xd9]);
    }
    bytes
}

/// Whether the picture's end marker stands anywhere after its first scan began. Thumbnails have one too, before.
fn has_end(bytes: &[u8]) -> bool {
    let scan = first_scan(bytes).and_then(|from| bytes.get(from..)).unwrap_or_default();
    scan.windows(2).rev().any(|pair| pair == [0xff, 0xd9])
}

/// Where the first scan begins: the segments before it say their lengths.
fn first_scan(bytes: &[u8]) -> Option<usize> {
    let mut at = 2;
    loop {
        let (mark, kind) = (*bytes.get(at)?, *bytes.get(at + 1)?);
        match (mark, kind) {
            (0xff, 0xda) => return Some(at),
            (0xff, 0xff) | (0..=0xfe, _) => at += 1,
            // Markers that stand alone.
            (0xff, 0x00 | 0x01 | 0xd0..=0xd8) => at += 2,
            _ => {
                let (high, low) = (*bytes.get(at + 2)?, *bytes.get(at + 3)?);
                at += 2 + usize::from(u16::from_be_bytes([high, low]));
            }
        }
    }
}

fn fault(error: DecodeErrors) -> Fault {
    match error {
        DecodeErrors::ExhaustedData | DecodeErrors::IoErrors(_) => Fault::Truncated,
        DecodeErrors::Unsupported(what) => Fault::Unsupported(format!("this kind of JPEG ({what:?})")),
        other => Fault::Damaged(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(quality: u8) -> Vec<u8> {
        picture_of(40, 24, quality)
    }

    fn picture_of(width: u32, height: u32, quality: u8) -> Vec<u8> {
        let colour = |x, y| image::Rgb([(x * 6) as u8, (y * 9) as u8, 128]);
        let pixels = image::RgbImage::from_fn(width, height, colour);
        let mut bytes = Vec::new();
        image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, quality)
            .encode_image(&pixels)
            .unwrap();
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Vec<u8>, Fault> {
        let jpeg = Jpeg::open(bytes, 1_000_000)?;
        let mut out = vec![0; jpeg.len()];
        jpeg.decode_into(&mut out).map(|()| out)
    }

    #[test]
    fn every_cut_is_noticed() {
        let whole = picture(80);
        assert_eq!(decode(&whole).unwrap().len(), 40 * 24 * 3);
        for len in 0..whole.len() - 1 {
            assert!(decode(&whole[..len]).is_err(), "cut to {len} of {} bytes", whole.len());
        }
    }

    #[test]
    fn what_does_not_fit_after_a_gap_is_an_error_where_parts_may_be_lost() {
        let whole = picture_of(640, 480, 90);
        let scan = first_scan(&whole).unwrap() + 20;
        let part = (whole.len() - scan) / 20;
        let torn = (0..50).map(|n| {
            let at = scan + n * part / 3;
            with_end([&whole[..at], &whole[at + part..]].concat())
        });
        let noticed = torn.filter(|torn| {
            let jpeg = Jpeg::open_strictly(torn, 1_000_000).unwrap();
            let mut out = vec![0; jpeg.len()];
            jpeg.decode_into(&mut out).is_err()
        });
        // Not all: what follows the gap may decode to as many blocks by chance.
        assert!(noticed.clone().count() >= 10, "{}", noticed.count());
        let jpeg = Jpeg::open_strictly(&whole, 1_000_000).unwrap();
        let mut out = vec![0; jpeg.len()];
        jpeg.decode_into(&mut out).unwrap();
        assert_eq!(with_end(whole.clone()), whole);
        assert_eq!(with_end(whole[..whole.len() - 2].to_vec()), whole);
    }

    #[test]
    fn bytes_after_the_end_do_no_harm() {
        let mut bytes = picture(80);
        let clean = decode(&bytes).unwrap();
        bytes.extend_from_slice(&[0; 100]);
        assert_eq!(decode(&bytes).unwrap(), clean);
    }

    #[test]
    fn too_many_pixels_are_refused_by_the_header() {
        let bytes = picture(80);
        assert!(matches!(Jpeg::open(&bytes, 959), Err(Fault::TooLarge { limit: 959, .. })));
    }
}
