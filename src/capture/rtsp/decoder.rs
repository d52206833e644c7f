//! What decodes a network camera's units: libavcodec for H.264 and H.265, zune-jpeg for MJPEG.

use ffmpeg_next::format::Pixel;

use super::super::{
    Fault, Form, Origin,
    av::{self, Copied},
    h26x::{self, Codec, H26x},
    jpeg::{self, Jpeg},
    thrift::Unit,
};
use crate::frame::Buffer;

/// How a stream is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::capture) enum Encoding {
    Video(Codec),
    Jpeg,
}

impl Encoding {
    /// By its name in the camera's description.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name {
            "h264" => Some(Self::Video(Codec::H264)),
            "h265" => Some(Self::Video(Codec::H265)),
            "jpeg" => Some(Self::Jpeg),
            _ => None,
        }
    }
}

pub(super) enum Decoder {
    Video(H26x),
    /// The picture that was sent last, with its number.
    Jpeg {
        max_pixels: u64,
        waiting: Option<(Vec<u8>, i64)>,
    },
}

/// What decoding gave.
pub(super) enum Decoded {
    Picture(Form, Buffer, i64),
    /// Only decoded because later ones need it.
    PassedBy(i64),
    Damaged,
    NoBuffer,
}

impl Decoded {
    /// Whether it may be this unit's picture.
    pub(super) fn may_be_of(&self, unit: i64) -> bool {
        match self {
            Self::Picture(_, _, number) | Self::PassedBy(number) => *number == unit,
            Self::Damaged | Self::NoBuffer => true,
        }
    }
}

impl Decoder {
    pub(super) fn open(encoding: Encoding, max_pixels: u64) -> Result<Self, Fault> {
        Ok(match encoding {
            Encoding::Video(codec) => Self::Video(H26x::open(codec, max_pixels)?),
            Encoding::Jpeg => Self::Jpeg { max_pixels, waiting: None },
        })
    }

    /// False if the unit cannot be decoded.
    pub(super) fn send(&mut self, unit: Unit) -> bool {
        match self {
            Self::Video(decoder) => decoder.send(&unit.data, unit.number),
            Self::Jpeg { waiting, .. } => {
                *waiting = Some((jpeg::with_end(unit.data), unit.number));
                true
            }
        }
    }

    /// The next finished picture with its unit's number. Those of units before `from` are not copied.
    pub(super) fn picture(&mut self, origin: &Origin, from: i64) -> Result<Option<Decoded>, Fault> {
        Ok(match self {
            Self::Video(decoder) => match decoder.picture() {
                None => None,
                Some((picture, _)) if h26x::is_damaged(picture) => Some(Decoded::Damaged),
                Some((_, number)) if number < from => Some(Decoded::PassedBy(number)),
                Some((picture, number)) => Some(match av::copy(picture, &origin.pool) {
                    Ok(Copied::Picture(form, buffer)) => Decoded::Picture(form, buffer, number),
                    Ok(Copied::NoBuffer) => Decoded::NoBuffer,
                    Err(Fault::Unsupported(_)) => return Err(unreadable(picture.format())),
                    Err(_) => Decoded::Damaged,
                }),
            },
            Self::Jpeg { max_pixels, waiting } => waiting.take().map(|(bytes, number)| {
                let Ok(jpeg) = Jpeg::open_strictly(&bytes, *max_pixels) else { return Decoded::Damaged };
                let Some(mut buffer) = origin.pool.take(jpeg.len()) else { return Decoded::NoBuffer };
                let form = jpeg.form();
                match jpeg.decode_into(&mut buffer) {
                    Ok(()) => Decoded::Picture(form, buffer, number),
                    Err(_) => Decoded::Damaged,
                }
            }),
        })
    }
}

fn unreadable(format: Pixel) -> Fault {
    Fault::Unsupported(format!("its pictures come as {format:?}; set the camera to 8 bits and 4:2:0"))
}
