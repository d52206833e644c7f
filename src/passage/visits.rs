//! The vehicles in view of one camera: from tracks and reads to passages, opened once, decided once, closed once.
//!
//! Pure: time comes with each [`Scene`], identities from an [`IdSource`]. A vehicle becomes a passage when its text
//! is sure, or has had time to become so; until then its track may still turn out to be a part of an earlier visit.

use super::{
    Event, IdSource, Scene, Settings, TrackRead,
    repeat::{is_same_vehicle, may_be_same},
    visit::{Heard, Visit},
};
use crate::{clock::Moment, frame::CameraId, track::Seen};

/// How much a track's next read is worth: greater first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(pub u32);

/// What happened that no event tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Tracks that were never seen or read well enough to be a passage.
    pub dropped: u64,
    /// Tracks that turned out to be a part of another visit.
    pub joined: u64,
    /// Tracks that passed from one vehicle to another.
    pub split: u64,
    /// Reads of quite another text than a sure vote's.
    pub outliers: u64,
    /// Reads that came when their track was no longer known.
    pub late_reads: u64,
    /// Plates not taken in because there were too many at a time.
    pub refused: u64,
}

/// The visits at one camera.
#[derive(Debug)]
pub struct Passages {
    camera: CameraId,
    live: bool,
    settings: Settings,
    ids: Box<dyn IdSource>,
    visits: Vec<Visit>,
    counts: Counts,
}

impl Passages {
    /// `live` is false for a recording: its passages must never open a gate.
    pub fn new(camera: CameraId, live: bool, settings: Settings, ids: Box<dyn IdSource>) -> Self {
        Self { camera, live, settings, ids, visits: Vec::new(), counts: Counts::default() }
    }

    /// Takes in what one frame brought.
    pub fn step(&mut self, scene: &Scene<'_>) -> Vec<Event> {
        let now = scene.receipt.captured;
        let mut events = Vec::new();
        for seen in &scene.step.seen {
            self.see(seen, scene);
        }
        for read in scene.reads {
            self.hear(read, scene);
        }
        for ended in &scene.step.ended {
            for visit in &mut self.visits {
                visit.tracks.retain(|track| *track != ended.track);
            }
        }
        self.join(now);
        self.open_and_decide(scene, &mut events);
        self.close(Some(now), &mut events);
        events
    }

    /// Closes everything, as when the camera stops.
    pub fn flush(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        self.close(None, &mut events);
        events
    }

    /// Whether a read of this track, seen in the frame taken at `now`, would tell anything new, and how much.
    pub fn wants_read(&self, seen: &Seen, now: Moment) -> Option<Priority> {
        if !seen.counts {
            return None;
        }
        let height = seen.area.height.clamp(0.0, 255.0) as u32;
        let Some(visit) = self.visits.iter().find(|v| v.tracks.contains(&seen.track)) else {
            return Some(Priority(3_000 + height));
        };
        let since = visit.last_read.map(|last| now.since(last));
        let votes = u32::try_from(visit.ballot.votes().len()).unwrap_or(u32::MAX);
        if !visit.is_sure() {
            // Newcomers first, then whoever has the fewest votes; a full ballot that is still not sure can wait.
            let full = votes >= u32::try_from(self.settings.vote.max_votes).unwrap_or(u32::MAX);
            let due = !full || since.is_none_or(|since| since >= self.settings.recheck / 4);
            return due.then(|| Priority(2_000 - (votes * 50).min(1_000) + height));
        }
        let wait = self.settings.recheck.saturating_mul(1 << visit.rechecks.min(5));
        let closer = seen.area.height > 1.5 * visit.last_read_height;
        (closer || since.is_none_or(|since| since >= wait)).then_some(Priority(height))
    }

    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Vehicles that are here or left a moment ago.
    pub fn present(&self) -> usize {
        self.visits.len()
    }

    /// Whether every picture of this plate matters: it moves, or it is not known yet what it says. One that cannot be
    /// read however long it is looked at does not count for ever.
    pub fn is_eventful(&self, seen: &Seen, now: Moment) -> bool {
        let known = |visit: &Visit| visit.is_sure() || now.since(visit.began) > self.settings.eventful;
        let visit = self.visits.iter().find(|visit| visit.tracks.contains(&seen.track));
        seen.counts && (seen.speed >= self.settings.standing_speed || !visit.is_some_and(known))
    }

    /// When the frames of the best reads of the vehicles in view were taken: whoever keeps pictures needs these.
    pub fn best_frames(&self) -> impl Iterator<Item = Moment> {
        self.visits.iter().filter_map(|visit| visit.ballot.votes().first()).map(|vote| vote.at)
    }

    fn see(&mut self, seen: &Seen, scene: &Scene<'_>) {
        let known = self.visits.iter().position(|v| v.tracks.contains(&seen.track));
        if !seen.counts {
            // Out of the zone it founds nothing; a vehicle that was in it is still here.
            if let Some(visit) = known.and_then(|i| self.visits.get_mut(i)) {
                visit.last_seen = visit.last_seen.max(scene.receipt.captured);
                visit.last_area = seen.area;
                visit.direction = seen.direction.or(visit.direction);
            }
            return;
        }
        let index = match known {
            Some(index) => index,
            None if self.visits.len() >= self.settings.max_visits.max(1) => {
                self.counts.refused += 1;
                return;
            }
            None => {
                self.visits.push(Visit::begin(seen, scene, &self.settings));
                self.visits.len() - 1
            }
        };
        if let Some(visit) = self.visits.get_mut(index) {
            visit.see(seen, scene.receipt.captured, &self.settings);
        }
    }

    fn hear(&mut self, read: &TrackRead, scene: &Scene<'_>) {
        let Some(visit) = self.visits.iter_mut().find(|v| v.tracks.contains(&read.track)) else {
            self.counts.late_reads += 1;
            return;
        };
        if visit.is_sure() {
            visit.rechecks = visit.rechecks.saturating_add(1);
        }
        match visit.hear(read, scene, &self.settings) {
            Heard::Counted => {}
            Heard::Outlier => self.counts.outliers += 1,
            Heard::Another(first) => {
                self.counts.split += 1;
                visit.lose(read.track);
                if self.visits.len() >= self.settings.max_visits.max(1) {
                    self.counts.refused += 1;
                    return;
                }
                let (first, wall, receipt) = *first;
                let seen = Seen {
                    track: read.track,
                    detection: 0,
                    area: read.area,
                    counts: true,
                    direction: None,
                    speed: 0.0,
                };
                let began = Scene { receipt, wall, ..*scene };
                let mut newcomer = Visit::begin(&seen, &began, &self.settings);
                newcomer.see(&seen, first.captured, &self.settings);
                newcomer.see(&seen, scene.receipt.captured, &self.settings);
                newcomer.hear(&first, &began, &self.settings);
                newcomer.hear(read, scene, &self.settings);
                self.visits.push(newcomer);
            }
        }
    }

    /// A newcomer may turn out to be this one, as soon as its text is known better: not to be closed yet.
    fn waits(&self, visit: &Visit, now: Moment) -> bool {
        let overdue = now.since(visit.last_seen).saturating_sub(visit.patience(&self.settings));
        let maybe =
            |other: &&Visit| other.id.is_none() && !other.tracks.is_empty() && may_be_same(visit, other);
        overdue <= self.settings.settle * 2 && self.visits.iter().any(|other| maybe(&other))
    }

    /// Joins vehicles that are not opened yet to the visits that they are parts of.
    fn join(&mut self, now: Moment) {
        let mut index = 0;
        while index < self.visits.len() {
            let whole = self.visits.get(index).filter(|part| self.is_ripe(part, now)).and_then(|part| {
                let other = |(i, visit): &(usize, &Visit)| *i != index && is_same_vehicle(visit, part);
                // The one seen last, if several would do.
                self.visits.iter().enumerate().filter(other).max_by_key(|(_, v)| v.last_seen).map(|(i, _)| i)
            });
            let Some(whole) = whole else {
                index += 1;
                continue;
            };
            let part = self.visits.remove(index);
            let whole = if whole > index { whole - 1 } else { whole };
            if let Some(visit) = self.visits.get_mut(whole) {
                visit.absorb(part, &self.settings);
                self.counts.joined += 1;
            }
            // The next one has moved to this index.
        }
    }

    /// It is known well enough to say whether it is new.
    fn is_ripe(&self, visit: &Visit, now: Moment) -> bool {
        visit.id.is_none()
            && (visit.is_sure()
                || visit.tracks.is_empty()
                || self.is_settled(visit, now)
                || self.is_overdue(visit, now))
    }

    fn is_settled(&self, visit: &Visit, now: Moment) -> bool {
        visit.first_read.is_some_and(|first| now.since(first) >= self.settings.settle)
            && visit.has_text(&self.settings)
    }

    fn is_overdue(&self, visit: &Visit, now: Moment) -> bool {
        visit.reading.is_none()
            && now.since(visit.began) >= self.settings.unread_after
            && visit.is_plainly_unread(&self.settings)
    }

    fn open_and_decide(&mut self, scene: &Scene<'_>, events: &mut Vec<Event>) {
        let now = scene.receipt.captured;
        for index in 0..self.visits.len() {
            let Some(visit) = self.visits.get(index) else { continue };
            let open = visit.is_sure() || self.is_settled(visit, now) || self.is_overdue(visit, now);
            let live = !visit.tracks.is_empty();
            if visit.id.is_none() && open && (live || visit.is_sure()) {
                self.open(index, events);
            }
            let (camera, live) = (&self.camera, self.live);
            if let Some(visit) = self.visits.get_mut(index)
                && let (Some(id), Some(reading), None) = (visit.id, &visit.reading, &visit.decided)
                && reading.sure
            {
                visit.decided = Some(reading.text.clone());
                visit.receipt = scene.receipt;
                events.push(Event::Decided(visit.passage(id, camera, live, false)));
            }
        }
    }

    fn open(&mut self, index: usize, events: &mut Vec<Event>) {
        if let Some(visit) = self.visits.get_mut(index) {
            let id = self.ids.next(visit.began_wall);
            visit.id = Some(id);
            events.push(Event::Opened(visit.passage(id, &self.camera, self.live, false)));
        }
    }

    /// It was out of sight for so long that it has left.
    fn has_left(&self, visit: &Visit, now: Moment) -> bool {
        let unseen = now.since(visit.last_seen);
        visit.tracks.is_empty() && unseen > visit.patience(&self.settings) && !self.waits(visit, now)
    }

    /// Closes every visit that has left, or all of them; one that was never worth a passage is dropped.
    fn close(&mut self, now: Option<Moment>, events: &mut Vec<Event>) {
        let mut index = 0;
        while index < self.visits.len() {
            let over = |visit: &&Visit| now.is_none_or(|now| self.has_left(visit, now));
            let Some(visit) = self.visits.get(index).filter(over) else {
                index += 1;
                continue;
            };
            let telling = visit.has_text(&self.settings) || visit.is_plainly_unread(&self.settings);
            if visit.id.is_none() && telling {
                self.open(index, events);
            }
            let visit = self.visits.remove(index);
            match visit.id {
                Some(id) => {
                    let passage = visit.passage(id, &self.camera, self.live, true);
                    events.push(Event::Closed { passage, votes: visit.ballot.votes().to_vec() });
                }
                None => self.counts.dropped += 1,
            }
        }
    }
}
