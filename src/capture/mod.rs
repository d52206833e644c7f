//! Cameras and recordings: everything that makes frames.
//!
//! Hands on [`Frame`]s through a mailbox that [`Camera::start`] returns, and the counts of what happened to them in
//! [`CameraStats`]. A [`Source`] knows how to open one camera; a [`Stream`] gives its frames until it breaks or
//! ends; the [`Camera`] thread opens, delivers, waits and opens again. It glances at each picture: whether anything
//! moves ([`motion`]), which says how much is worth decoding ([`Attention`]), and whether the picture is sound
//! ([`condition`]). Beside that, for whoever sets a camera up: [`record`] writes a clip of it, [`habits`] says what it
//! sends. Finding plates in frames is `detect`'s business.

mod attention;
mod av;
mod camera;
mod clip;
pub mod condition;
mod error;
mod folder;
mod h26x;
pub mod habits;
mod jpeg;
pub mod motion;
mod negotiate;
mod png;
pub mod record;
pub mod replay;
pub mod rtsp;
mod stats;
pub mod still;
mod thrift;
mod timing;
pub mod v4l2;
pub mod watch;

use std::sync::Arc;

use jiff::Timestamp;

pub use attention::{Attention, Decode};
pub use camera::{Camera, Care, Delivery};
pub use condition::Condition;
pub use error::{CaptureError, Fault, Retry};
pub use negotiate::{Encoding, Offer, Wish, choose};
pub use stats::{CameraState, CameraStats, Counts};

use crate::{
    clock::{Clock, Moment},
    frame::{Buffer, CameraId, Frame, PixelFormat, Plane, Pool},
    geometry::Size,
    shutdown::Stop,
};

/// A camera or recording that can be opened, again and again.
pub trait Source: Send {
    /// Its kind and place for people and logs; never credentials.
    fn describe(&self) -> String;
    /// A camera, which may give tomorrow what it does not give today; a recording is what it is.
    fn is_live(&self) -> bool {
        false
    }
    /// Opens it, within a bounded time and less if `stop` says so.
    fn open(&mut self, stop: &Stop) -> Result<Box<dyn Stream>, CaptureError>;
}

/// An opened camera or recording.
pub trait Stream {
    /// The next frame; `None` at the end of a recording or when `stop` says so. Returns within a second of a stop.
    fn next(&mut self, stop: &Stop) -> Result<Option<Frame>, CaptureError>;
}

/// What every source needs to make frames: whose they are, when it is, where their memory comes from, and where
/// to count what happens to them.
#[derive(Debug, Clone)]
pub struct Origin {
    pub camera: CameraId,
    pub clock: Arc<dyn Clock>,
    pub pool: Pool,
    pub stats: Arc<CameraStats>,
    /// How much of it is worth decoding.
    pub attention: Arc<Attention>,
}

/// The form of a frame's pixels, apart from where they lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form {
    pub size: Size,
    pub format: PixelFormat,
    pub full_range: bool,
}

impl Origin {
    /// `buffers` bounds the frames that may be alive at once: mailbox, detector and whoever holds evidence. Every
    /// picture is decoded.
    pub fn new(camera: CameraId, clock: Arc<dyn Clock>, buffers: usize) -> Self {
        Self { camera, clock, pool: Pool::new(buffers), stats: Arc::default(), attention: Arc::default() }
    }

    /// The same, with at most so many bytes of frames alive at once; one frame there always is.
    #[must_use]
    pub fn within(self, bytes: u64) -> Self {
        let most = usize::try_from(bytes).unwrap_or(usize::MAX);
        Self { pool: Pool::within(self.pool.limit(), most), ..self }
    }

    /// The same, decoding as much as this.
    #[must_use]
    pub fn decoding(self, decode: Decode) -> Self {
        Self { attention: Arc::new(Attention::new(decode)), ..self }
    }

    /// A frame of pixels that follow each other without gaps.
    pub(crate) fn frame(&self, seq: u64, at: (Moment, Timestamp), form: Form, pixels: Buffer) -> Frame {
        let planes: [Plane; 3] = form.format.packed(form.size).0;
        Frame {
            camera: self.camera.clone(),
            seq,
            captured: at.0,
            wall: at.1,
            size: form.size,
            format: form.format,
            full_range: form.full_range,
            planes,
            pixels: Arc::new(pixels),
        }
    }
}
