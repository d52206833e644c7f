//! One vehicle's visit: the reads of a track become one reading, a track becomes one passage.
//!
//! Hands on [`Passage`]s, opened once and closed once. Whether the vehicle may pass is `access`'s business.

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    clock::Moment,
    frame::CameraId,
    geometry::Rect,
    infer::EngineKind,
    plate::{Confidence, PlateText, Region},
};

/// A passage's identity, in time order (UUIDv7): the idempotency key of everything downstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PassageId(pub Uuid);

impl std::fmt::Display for PassageId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// The vote of a track's reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    pub text: PlateText,
    pub confidence: Confidence,
    /// The text before any repair by a national format; equal to `text` if there was none.
    pub raw: PlateText,
    /// Country whose format fits, among the configured regions.
    pub region: Option<Region>,
    /// Second best text, where there was one.
    pub runner_up: Option<(PlateText, Confidence)>,
    /// Reads that took part.
    pub votes: u32,
    /// Engine and model of the reads, the most frequent one.
    pub engine: EngineKind,
    pub model: String,
}

/// When each stage was done with the frame that decided, on the daemon's monotonic time line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Receipt {
    pub captured: Moment,
    pub decoded: Option<Moment>,
    pub detected: Option<Moment>,
    pub read: Option<Moment>,
    pub voted: Option<Moment>,
    pub decided: Option<Moment>,
    pub published: Option<Moment>,
    pub actuated: Option<Moment>,
}

/// Which way the plate moved in the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Growing and moving down: towards the camera.
    Approaching,
    /// Shrinking and moving up: away from it.
    Leaving,
}

/// One vehicle's visit to one camera.
#[derive(Debug, Clone, PartialEq)]
pub struct Passage {
    pub id: PassageId,
    pub camera: CameraId,
    /// Recorded or live: a replayed clip must never open a gate.
    pub live: bool,
    pub began: Timestamp,
    /// `None` while the vehicle is still there.
    pub ended: Option<Timestamp>,
    /// `None` if no read was good enough for a vote.
    pub reading: Option<Reading>,
    pub direction: Option<Direction>,
    /// Frames in which the plate was detected.
    pub frames: u32,
    /// The plate's box in the frame of its best read.
    pub best_area: Option<Rect>,
    pub receipt: Receipt,
}
