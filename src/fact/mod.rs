//! What happened, in the words that floor 3 records, tells and acts upon: the two facts of a passage, and what
//! became of each order to a gate.
//!
//! A passage makes two facts with one id: *decided* as soon as the vote is sure, *closed* when the vehicle has
//! left. A gate makes one for every step of every order ([`gate`]). The journal keeps them, `publish` tells of them;
//! [`Outbox`] is the door between those two strangers.

pub mod gate;
pub mod privacy;
pub mod sample;

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    access::{Decision, Effect},
    frame::{CameraId, Frame},
    geometry::Rect,
    infer::EngineKind,
    passage::{Cast, Passage, PassageId, Reading, Receipt},
    plate::{Confidence, PlateText},
};
pub use gate::{GateEvent, GateId};

/// Something that happened and must not be forgotten.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    Decided(Decided),
    Closed(Closed),
    /// Not for the broker: what lies beside the journal, and what it has to look like.
    Evidence(Evidence),
    Gate(GateEvent),
}

impl Fact {
    /// What names it among the facts of its kind: the passage, or the gate's event.
    pub const fn id(&self) -> Uuid {
        match self {
            Self::Decided(decided) => decided.passage.0,
            Self::Closed(closed) => closed.passage.id.0,
            Self::Evidence(evidence) => evidence.passage.0,
            Self::Gate(event) => event.id,
        }
    }

    /// Nobody had set the clock that its times come from.
    pub const fn is_clock_unset(&self) -> bool {
        match self {
            Self::Decided(decided) => decided.clock_unset,
            Self::Closed(closed) => closed.clock_unset,
            Self::Gate(event) => event.clock_unset,
            Self::Evidence(_) => false,
        }
    }

    /// Its times are those of a clock that nobody had set.
    pub const fn mark_clock_unset(&mut self) {
        match self {
            Self::Decided(decided) => decided.clock_unset = true,
            Self::Closed(closed) => closed.clock_unset = true,
            Self::Gate(event) => event.clock_unset = true,
            // It has no time of its own.
            Self::Evidence(_) => {}
        }
    }
}

/// A decision, taken while the vehicle may still be waiting.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    pub passage: PassageId,
    pub camera: CameraId,
    /// Recorded or live: a replayed clip must never open a gate.
    pub live: bool,
    pub at: Timestamp,
    /// The vote as it stood then; `None` where nothing was readable.
    pub reading: Option<Reading>,
    pub decision: Decision,
    /// What is to be remembered of it.
    pub effects: Vec<Effect>,
    pub receipt: Receipt,
    /// `at` comes from a clock that nobody had set.
    pub clock_unset: bool,
}

/// A passage that is over.
#[derive(Debug, Clone, PartialEq)]
pub struct Closed {
    pub passage: Passage,
    /// What each read said, in the order of their frames.
    pub reads: Vec<ReadSummary>,
    pub decision: Option<Decision>,
    /// What is to be remembered of its end.
    pub effects: Vec<Effect>,
    /// When it ended, nobody had set the clock.
    pub clock_unset: bool,
}

/// The picture that a passage's best read was made on, on its way to the disk.
#[derive(Debug, Clone)]
pub struct Exhibit {
    pub passage: PassageId,
    pub frame: Frame,
    /// Where the plate is in it.
    pub area: Option<Rect>,
}

/// Images of a passage that lie on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    pub passage: PassageId,
    pub camera: CameraId,
    pub images: Vec<Image>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub kind: ImageKind,
    /// Its path in the folder of evidence.
    pub file: String,
    pub bytes: u64,
    pub sha256: [u8; 32],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageKind {
    /// The plate, cut out.
    Plate,
    /// The whole picture.
    Frame,
}

impl ImageKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plate => "plate",
            Self::Frame => "frame",
        }
    }
}

/// One read of a passage, as far as it is worth keeping.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadSummary {
    /// Time from the passage's first read to this one's frame.
    pub after: Duration,
    pub text: PlateText,
    pub confidence: Confidence,
    /// Height of the plate in frame pixels.
    pub height: f32,
    /// What read it.
    pub engine: EngineKind,
}

/// What to keep of the votes of a passage: in the order of their frames.
pub fn summaries(votes: &[Cast]) -> Vec<ReadSummary> {
    let first = votes.iter().map(|vote| vote.at).min().unwrap_or_default();
    let mut reads: Vec<ReadSummary> = votes
        .iter()
        .map(|vote| ReadSummary {
            after: vote.at.since(first),
            text: vote.read.text.clone(),
            confidence: vote.read.confidence,
            height: vote.read.quality.height,
            engine: vote.read.engine,
        })
        .collect();
    reads.sort_by_key(|read| read.after);
    reads
}

/// A recorded fact that the broker has not yet acknowledged.
#[derive(Debug, Clone, PartialEq)]
pub struct Undelivered {
    /// Its number: counts this node's facts from 1 without gaps.
    pub seq: u64,
    /// When it was recorded.
    pub recorded: Timestamp,
    pub fact: Fact,
}

/// Which undelivered facts to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// All of them.
    Everything,
    /// Decisions only: they go ahead of a backlog.
    Decisions,
}

/// Why the outbox could not be read; it is asked again later.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct OutboxError(pub String);

/// Facts that wait for the broker, in the order in which they were recorded.
pub trait Outbox: Send + std::fmt::Debug {
    /// Names the numbering: another one means that `seq` began anew.
    fn stream(&self) -> Uuid;

    /// At most `limit` undelivered facts with a number above `after`, in order.
    fn undelivered(&mut self, after: u64, lane: Lane, limit: usize) -> Result<Vec<Undelivered>, OutboxError>;

    /// The broker has these; they need not be kept for it any longer.
    fn delivered(&mut self, seqs: &[u64]);
}
