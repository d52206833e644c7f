//! What can go wrong with a camera or a file, where, and what to do about it. Places never carry credentials.

use std::{fmt, io, time::Duration};

use crate::geometry::Size;

/// A fault and where it happened.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {fault}{}", if self.is_unplugged() { ", and that the device is plugged in" } else { "" })]
pub struct CaptureError {
    /// File, device or address.
    pub place: String,
    pub fault: Fault,
}

/// What went wrong. The text says what to do where that is not plain.
#[derive(Debug)]
pub enum Fault {
    Missing,
    Denied,
    Busy,
    Empty,
    /// The file is none of the formats that are read; what it looks like instead.
    NotAPicture(&'static str),
    /// Ends before the picture does.
    Truncated,
    /// The picture's header asks for more than the settings allow.
    TooLarge {
        size: Size,
        limit: u64,
    },
    /// The file is larger than any picture that is read.
    TooManyBytes {
        bytes: u64,
        limit: u64,
    },
    /// Damaged: the decoder's own words.
    Damaged(String),
    /// Sound, but of a kind that is not read; says which, and what would be.
    Unsupported(String),
    /// A folder without a single picture.
    NoPictures,
    /// The recording ended before its own end; this many frames came.
    CutOff {
        frames: u64,
    },
    /// No frame for this long.
    Stalled(Duration),
    /// So many pictures came, and not one could be decoded.
    Undecodable(u64),
    /// The camera wants other credentials.
    Unauthorised,
    /// The device went away.
    Gone,
    /// The network or the peer; their own words.
    Connection(String),
    Io(io::Error),
}

/// Whether opening again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// With growing waits.
    Soon,
    /// Somebody has to do something first: look rarely, do not hammer.
    Rarely,
    /// Never: the same file gives the same answer.
    Never,
}

impl CaptureError {
    pub(crate) fn new(place: impl fmt::Display, fault: Fault) -> Self {
        Self { place: place.to_string(), fault }
    }

    /// For a file or device that could not be opened or read.
    pub(crate) fn io(place: impl fmt::Display, error: io::Error) -> Self {
        let fault = match error.kind() {
            io::ErrorKind::NotFound => Fault::Missing,
            io::ErrorKind::PermissionDenied => Fault::Denied,
            io::ErrorKind::ResourceBusy => Fault::Busy,
            _ => Fault::Io(error),
        };
        Self::new(place, fault)
    }

    fn is_unplugged(&self) -> bool {
        matches!(self.fault, Fault::Missing) && self.place.starts_with("/dev/")
    }

    pub fn retry(&self) -> Retry {
        match self.fault {
            Fault::Missing
            | Fault::Busy
            | Fault::Stalled(_)
            | Fault::Undecodable(_)
            | Fault::Gone
            | Fault::Connection(_)
            | Fault::Io(_) => Retry::Soon,
            Fault::Denied | Fault::Unauthorised | Fault::Unsupported(_) => Retry::Rarely,
            Fault::Empty
            | Fault::NotAPicture(_)
            | Fault::Truncated
            | Fault::TooLarge { .. }
            | Fault::TooManyBytes { .. }
            | Fault::Damaged(_)
            | Fault::NoPictures
            | Fault::CutOff { .. } => Retry::Never,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("does not exist; check the path"),
            Self::Denied => f.write_str(
                "permission denied; the user that runs amslpr must be allowed to read it (cameras: group `video`)",
            ),
            Self::Busy => f.write_str("is in use by another program; stop that one, a camera serves one at a time"),
            Self::Empty => f.write_str("is empty (0 bytes)"),
            Self::NotAPicture(what) => write!(f, "is {what}; what is read are JPEG and PNG pictures, folders of them, and clips"),
            Self::Truncated => f.write_str("ends before the picture does; copy it again from where it came from"),
            Self::TooLarge { size, limit } => write!(
                f,
                "has {size} pixels, more than the {} million that are read; scale it down or raise the limit",
                limit / 1_000_000
            ),
            Self::TooManyBytes { bytes, limit } => {
                write!(f, "has {} MB, more than the {} MB that are read", bytes >> 20, limit >> 20)
            }
            Self::Damaged(how) => write!(f, "is damaged: {how}"),
            Self::Unsupported(what) => write!(f, "is not supported: {what}"),
            Self::NoPictures => f.write_str("holds no JPEG or PNG picture"),
            Self::CutOff { frames } => {
                write!(f, "is cut off: it ended after {frames} frames, before the end that it announces")
            }
            Self::Stalled(time) => {
                write!(f, "has sent no picture for {:.1} s; check the camera and its cable", time.as_secs_f64())
            }
            Self::Undecodable(pictures) => write!(
                f,
                "has sent {pictures} pictures of which not one could be decoded; does it send the codec that it announces? \
                 Set it to H.264 and try again"
            ),
            Self::Unauthorised => f.write_str("refuses the user name or password; correct the camera's credentials"),
            Self::Gone => f.write_str("went away; plug it in again"),
            Self::Connection(why) => f.write_str(why),
            Self::Io(error) => error.fmt(f),
        }
    }
}
