//! Following plates over frames: which detection is the same plate as before.
//!
//! Hands on [`Step`]s: for each frame, which track each detection belongs to, where the plates are and which way
//! they go, which tracks began, which ended. Knows positions and times only; what a plate says is `read`'s and
//! `passage`'s business.

mod assign;
mod motion;
mod tracker;
mod zone;

use std::time::Duration;

use crate::{clock::Moment, geometry::Rect};
pub use tracker::Tracker;
pub use zone::{Direction, DirectionRule, Line, Polygon, PolygonError, Zones};

/// A track's number, unique per camera while the daemon runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrackId(pub u64);

impl std::fmt::Display for TrackId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What one frame changed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Step {
    /// Per detection of the frame, in the same order: the track it belongs to; `None` for a detection too weak
    /// to found a track, under a mask, or over a bound.
    pub assigned: Vec<Option<TrackId>>,
    /// The tracks detected in this frame, new ones among them.
    pub seen: Vec<Seen>,
    /// Tracks seen for the first time.
    pub began: Vec<TrackId>,
    /// Tracks given up: not seen for longer than the settings allow.
    pub ended: Vec<Ended>,
    /// Detections left out because they lie under a mask.
    pub masked: u32,
    /// Detections left out because there were too many of them or too many tracks.
    pub refused: u32,
}

/// A track in a frame in which its plate was detected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    pub track: TrackId,
    /// Which of the frame's detections it is.
    pub detection: usize,
    /// The plate's box in this frame, as detected.
    pub area: Rect,
    /// It is in the zone and large enough: it may found a passage and be read.
    pub counts: bool,
    /// As far as it can be told by now.
    pub direction: Option<Direction>,
    /// Plate sizes per second, so that a standing plate can be told from a moving one.
    pub speed: f32,
}

/// A track that is over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ended {
    pub track: TrackId,
    pub began: Moment,
    pub last_seen: Moment,
    /// Frames in which it was detected.
    pub hits: u32,
    pub last_area: Rect,
    pub direction: Option<Direction>,
}

/// A place on a track's path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Waypoint {
    pub at: Moment,
    pub area: Rect,
}

/// What is known of a track that is not over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View<'a> {
    /// Where it was, oldest first, thinned out when long; first and last place are always there.
    pub path: &'a [Waypoint],
    /// The last detected box.
    pub area: Rect,
    /// Where it is expected now.
    pub expected: Rect,
    pub direction: Option<Direction>,
    pub hits: u32,
}

/// How plates are followed.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Detections at least this confident found tracks and choose their track first.
    pub strong: f32,
    /// Weaker ones down to here may only continue a track that nobody stronger claimed: this carries a plate
    /// through blur and half occlusion without following every bumper sticker.
    pub weak: f32,
    /// A plate is looked for at most this many plate sizes from where it is expected. Plates are small and fast:
    /// at 5 frames a second a crossing car's plate moves 3 of its widths per frame and never overlaps itself.
    pub reach: f32,
    /// A plate's height may differ from the expected one by at most this factor.
    pub growth: f32,
    /// A track is given up when it was not seen for this long...
    pub patience: Duration,
    /// ...and in this many frames, so that a camera of one frame a second can follow at all.
    pub patience_frames: u32,
    /// A track seen in only one frame is given up after this long: most false detections flash up once.
    pub first_patience: Duration,
    /// Tracks at a time; a parking row shows a dozen plates, a poster wall should not cost the daemon its memory.
    pub max_tracks: usize,
    /// Detections looked at per frame, strongest first.
    pub max_detections: usize,
    /// Places kept of each path.
    pub max_path: usize,
    pub zones: Zones,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            strong: 0.5,
            weak: 0.2,
            reach: 3.0,
            growth: 1.8,
            patience: Duration::from_millis(1_000),
            patience_frames: 3,
            first_patience: Duration::from_millis(500),
            max_tracks: 64,
            max_detections: 128,
            max_path: 64,
            zones: Zones::default(),
        }
    }
}
