//! One vehicle while it is here: what was seen and read of it so far.
//!
//! Keeps facts; when they open, decide or close a passage is said in `visits`, what joins two of them in `repeat`.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Direction, Passage, PassageId, Reading, Receipt, Scene, Settings, TrackRead,
    vote::{self, Ballot},
};
use crate::{
    clock::Moment,
    frame::CameraId,
    geometry::Rect,
    plate::{PlateText, confusion},
    track::{Seen, TrackId},
};

/// Texts further apart than this, and than this part of their length, are two plates.
const STRANGER: f32 = 3.0;
const STRANGER_PART: f32 = 0.45;

/// A vehicle that is here, or was a moment ago.
#[derive(Debug, Clone)]
pub(super) struct Visit {
    /// Given when the passage is opened.
    pub id: Option<PassageId>,
    pub began: Moment,
    pub began_wall: Timestamp,
    pub last_seen: Moment,
    pub first_area: Rect,
    pub last_area: Rect,
    /// Its tracks that are not over.
    pub tracks: Vec<TrackId>,
    pub track_count: u32,
    pub frames: u32,
    pub tallest: f32,
    pub standing: bool,
    pub direction: Option<Direction>,
    pub ballot: Ballot,
    pub reading: Option<Reading>,
    pub decided: Option<PlateText>,
    pub first_read: Option<Moment>,
    pub last_read: Option<Moment>,
    pub last_read_height: f32,
    pub rechecks: u32,
    pub best: Option<(f32, Rect)>,
    pub receipt: Receipt,
    /// A good read of quite another text, waiting for a second one that agrees with it.
    stranger: Option<(TrackRead, Timestamp, Receipt)>,
    /// When a read last confirmed this vehicle; before that, when it was last seen.
    own: Moment,
}

/// What a read did to a visit.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Heard {
    /// It voted, or made no difference.
    Counted,
    /// It says something quite different from a sure vote; kept aside.
    Outlier,
    /// The second of two that agree on another text: the track has passed to another vehicle.
    Another(Box<(TrackRead, Timestamp, Receipt)>),
}

impl Visit {
    pub(super) fn begin(seen: &Seen, scene: &Scene<'_>, settings: &Settings) -> Self {
        let at = scene.receipt.captured;
        Self {
            id: None,
            began: at,
            began_wall: scene.wall,
            last_seen: at,
            first_area: seen.area,
            last_area: seen.area,
            tracks: vec![seen.track],
            track_count: 1,
            frames: 0,
            tallest: 0.0,
            standing: false,
            direction: None,
            ballot: Ballot::new(settings.vote.clone()),
            reading: None,
            decided: None,
            first_read: None,
            last_read: None,
            last_read_height: 0.0,
            rechecks: 0,
            best: None,
            receipt: scene.receipt,
            stranger: None,
            own: at,
        }
    }

    /// Takes in that its plate was detected in this frame.
    pub(super) fn see(&mut self, seen: &Seen, at: Moment, settings: &Settings) {
        if self.frames == 0 || at > self.last_seen {
            self.frames = self.frames.saturating_add(1);
        }
        self.last_seen = self.last_seen.max(at);
        self.last_area = seen.area;
        self.tallest = self.tallest.max(seen.area.height);
        self.standing = seen.speed < settings.standing_speed;
        self.direction = seen.direction.or(self.direction);
        if self.stranger.is_none() {
            self.own = at;
        }
    }

    /// Takes in a read. A sure vote is not overturned by one read of quite another text.
    pub(super) fn hear(&mut self, read: &TrackRead, scene: &Scene<'_>, settings: &Settings) -> Heard {
        self.last_read = Some(self.last_read.map_or(read.captured, |last| last.max(read.captured)));
        self.last_read_height = self.last_read_height.max(read.area.height);
        if self.is_stranger(read, settings) {
            return match self.stranger.take() {
                Some(first) if agree(&first.0, read) => Heard::Another(Box::new(first)),
                _ => {
                    self.stranger = Some((read.clone(), scene.wall, scene.receipt));
                    Heard::Outlier
                }
            };
        }
        self.stranger = None;
        self.own = read.captured;
        if self.ballot.add(read.captured, &read.read) {
            self.first_read = self.first_read.or(Some(read.captured));
            self.reading = self.ballot.reading(&settings.regions);
            let weight = vote::weight(&read.read);
            if self.best.is_none_or(|(best, _)| weight > best) {
                self.best = Some((weight, read.area));
                if self.decided.is_none() {
                    self.receipt = scene.receipt;
                }
            }
        }
        Heard::Counted
    }

    fn is_stranger(&self, read: &TrackRead, settings: &Settings) -> bool {
        let Some(reading) = self.reading.as_ref().filter(|r| r.sure) else { return false };
        let text = &read.read.text;
        let length = text.as_str().len().max(reading.text.as_str().len()) as f32;
        let apart = confusion::distance(text, &reading.text).min(confusion::distance(text, &reading.raw));
        read.read.confidence >= settings.vote.good_confidence
            && read.read.quality.height >= settings.vote.good_height
            && apart >= STRANGER
            && apart >= STRANGER_PART * length
            && !confusion::is_part_of(text, &reading.text)
            && !confusion::is_part_of(&reading.text, text)
    }

    /// The track has passed to another vehicle: this one was last here when something confirmed it.
    pub(super) fn lose(&mut self, track: TrackId) {
        self.tracks.retain(|t| *t != track);
        self.last_seen = self.own.min(self.last_seen);
        self.stranger = None;
    }

    /// Takes over what was seen and read of a part of the same visit.
    pub(super) fn absorb(&mut self, other: Self, settings: &Settings) {
        if other.began < self.began {
            self.began = other.began;
            self.began_wall = other.began_wall;
            self.first_area = other.first_area;
        }
        if other.last_seen >= self.last_seen {
            self.last_seen = other.last_seen;
            self.last_area = other.last_area;
            self.standing = other.standing;
            self.direction = other.direction.or(self.direction);
        }
        self.own = self.own.max(other.own);
        self.tracks.extend(other.tracks);
        self.track_count = self.track_count.saturating_add(other.track_count);
        self.frames = self.frames.saturating_add(other.frames);
        self.tallest = self.tallest.max(other.tallest);
        self.first_read = [self.first_read, other.first_read].into_iter().flatten().min();
        self.last_read = self.last_read.max(other.last_read);
        self.last_read_height = self.last_read_height.max(other.last_read_height);
        if let Some(best) = other.best.filter(|(w, _)| self.best.is_none_or(|(own, _)| *w > own)) {
            self.best = Some(best);
            if self.decided.is_none() {
                self.receipt = other.receipt;
            }
        }
        self.ballot.absorb(other.ballot);
        self.reading = self.ballot.reading(&settings.regions);
    }

    pub(super) fn is_sure(&self) -> bool {
        self.reading.as_ref().is_some_and(|r| r.sure)
    }

    /// It has a text worth telling.
    pub(super) fn has_text(&self, settings: &Settings) -> bool {
        let worth = |r: &Reading| r.sure || r.confidence >= settings.least_confidence;
        self.frames >= settings.least_frames && self.reading.as_ref().is_some_and(worth)
    }

    /// It was seen so well and so long that a passage without a text is worth telling.
    pub(super) fn is_plainly_unread(&self, settings: &Settings) -> bool {
        settings.tell_unread
            && self.frames >= settings.unread_frames
            && self.tallest >= settings.unread_height
    }

    /// How long it may be out of sight before it has left.
    pub(super) fn patience(&self, settings: &Settings) -> Duration {
        let parked = self.standing && self.frames > 2;
        if parked { settings.parked_leave_after.max(settings.leave_after) } else { settings.leave_after }
    }

    pub(super) fn passage(&self, id: PassageId, camera: &CameraId, live: bool, over: bool) -> Passage {
        let stay = self.last_seen.since(self.began);
        Passage {
            id,
            camera: camera.clone(),
            live,
            began: self.began_wall,
            // From the monotonic time, so that a jump of the wall clock never makes a stay negative.
            ended: over.then(|| self.began_wall.checked_add(stay).unwrap_or(self.began_wall)),
            reading: self.reading.clone(),
            decided: self.decided.clone(),
            direction: self.direction,
            frames: self.frames,
            tracks: self.track_count,
            best_area: self.best.map(|(_, area)| area),
            receipt: self.receipt,
        }
    }
}

fn agree(a: &TrackRead, b: &TrackRead) -> bool {
    a.captured != b.captured && confusion::distance(&a.read.text, &b.read.text) <= 0.5
}
