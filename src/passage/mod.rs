//! One vehicle's visit: the reads of a track become one reading, a track becomes one passage.
//!
//! Hands on [`Passage`]s, opened once and closed once. Whether the vehicle may pass is `access`'s business.

mod align;
mod ids;
mod place;
mod repeat;
mod visit;
mod visits;
pub mod vote;

#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

pub use crate::track::Direction;
use crate::{
    clock::Moment,
    frame::CameraId,
    geometry::Rect,
    infer::EngineKind,
    plate::{CharRead, Confidence, PlateText, Region},
    read::PlateRead,
    track::{Step, TrackId},
};
pub use ids::{CountedIds, IdSource, TimeIds};
pub use visits::{Counts, Passages, Priority};
pub use vote::{Ballot, Cast};

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
    /// The vote position by position, before any repair: one entry per character of `raw`.
    pub chars: Vec<CharRead>,
    /// Sure enough to act on, by the settings' rule.
    pub sure: bool,
    /// Reads that took part, one per frame, the best ones.
    pub votes: u32,
    /// How many of them read exactly this text, or differ only where no picture can tell.
    pub agreeing: u32,
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
    /// The text that the decision was made on, once the vote was sure; later reads may still change `reading`.
    pub decided: Option<PlateText>,
    pub direction: Option<Direction>,
    /// Frames in which the plate was detected, in the zone and large enough.
    pub frames: u32,
    /// Tracks that it was followed by: more than one if it was hidden in between.
    pub tracks: u32,
    /// The plate's box in the frame of its best read.
    pub best_area: Option<Rect>,
    pub receipt: Receipt,
}

/// What became of a passage. Each passage is opened once, decided at most once, closed once, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A vehicle is here.
    Opened(Passage),
    /// The vote is sure for the first time: act now, do not wait until the vehicle leaves.
    Decided(Passage),
    /// It has left. With the votes that made the reading, best first, to explain it by.
    Closed { passage: Passage, votes: Vec<Cast> },
}

impl Event {
    pub const fn passage(&self) -> &Passage {
        match self {
            Self::Opened(passage) | Self::Decided(passage) | Self::Closed { passage, .. } => passage,
        }
    }
}

/// One read of one track.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackRead {
    pub track: TrackId,
    /// When the frame that was read was taken: a track has one vote per frame.
    pub captured: Moment,
    /// The plate's box in that frame.
    pub area: Rect,
    pub read: PlateRead,
}

/// What one frame brought.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// When the frame was taken (`captured`), and how far it has come since.
    pub receipt: Receipt,
    /// When the frame was taken, for people.
    pub wall: Timestamp,
    pub step: &'a Step,
    /// Reads that were finished since the last scene, of this frame or an earlier one.
    pub reads: &'a [TrackRead],
}

/// When tracks and reads make a passage.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub vote: vote::Settings,
    /// Countries whose formats may repair look-alike characters, most expected first; none: nothing is repaired.
    pub regions: Vec<Region>,
    /// A vehicle has left when its plate was not seen for this long. Shorter than the time between two cars at
    /// a gate, longer than a wiper, a pedestrian or a headlamp flare hides a plate.
    pub leave_after: Duration,
    /// The same for a vehicle that was standing when its plate was last seen: something stands before it.
    /// A parked car hidden by a van for a minute must not knock at the gate again.
    pub parked_leave_after: Duration,
    /// A vehicle slower than this, in plate sizes per second, is standing.
    pub standing_speed: f32,
    /// A text that is not sure this long after the first read opens a passage all the same.
    pub settle: Duration,
    /// A plate seen in fewer frames is no passage: false detections flash up once.
    pub least_frames: u32,
    /// Least confidence of an unsure text: below it there is no reading worth telling.
    pub least_confidence: Confidence,
    /// A plate without any readable text is a passage if it was seen in this many frames...
    pub unread_frames: u32,
    /// ...at this height in pixels or more (a reader should have managed then), ...
    pub unread_height: f32,
    /// ...and, if it is still there, after this long.
    pub unread_after: Duration,
    /// Whether passages without any reading are told at all.
    pub tell_unread: bool,
    /// A sure plate is read again after this time, then after twice as long, and so on up to 32 times as long:
    /// often enough to notice that another plate took its place, seldom enough to cost nothing.
    pub recheck: Duration,
    /// A standing vehicle whose plate is not sure after this long needs no more than a look now and then.
    pub eventful: Duration,
    /// Vehicles at a time.
    pub max_visits: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            vote: vote::Settings::default(),
            regions: Vec::new(),
            leave_after: Duration::from_secs(5),
            parked_leave_after: Duration::from_secs(120),
            standing_speed: 0.25,
            settle: Duration::from_millis(1_500),
            least_frames: 2,
            least_confidence: Confidence::new(0.5),
            unread_frames: 8,
            unread_height: 20.0,
            unread_after: Duration::from_secs(3),
            // Most of what a detector takes for a plate and no reader can read is a grille or a sign.
            tell_unread: false,
            recheck: Duration::from_secs(1),
            eventful: Duration::from_secs(30),
            max_visits: 64,
        }
    }
}
