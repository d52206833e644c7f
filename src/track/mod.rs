//! Following plates over frames: which detection is the same plate as before.
//!
//! Hands on [`Step`]s: for each frame, which track each detection belongs to, which tracks began, which ended.
//! Knows positions and times only; what a plate says is `read`'s and `passage`'s business.

use crate::clock::Moment;

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
    /// to found a track.
    pub assigned: Vec<Option<TrackId>>,
    /// Tracks seen for the first time.
    pub began: Vec<TrackId>,
    /// Tracks given up: not seen for longer than the settings allow.
    pub ended: Vec<Ended>,
}

/// A track that is over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ended {
    pub track: TrackId,
    pub began: Moment,
    pub last_seen: Moment,
    /// Frames in which it was detected.
    pub hits: u32,
}
