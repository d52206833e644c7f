//! The whole chain for one camera: detect > track > read > passage > access, frame by frame.
//!
//! Gets frames, gives facts. No threads, no queues, no files: `camera_unit` moves the frames, `sinks` carries the
//! facts on. Deterministic: the same frames with the same ids give the same facts.

mod gallery;
mod stats;

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;

use super::chain::{Chain, ChainError, Networks};
use crate::{
    access::{Decision, Porter, Question},
    clock::{Clock, Moment, WallTrust},
    detect::Detection,
    fact::{self, Closed, Decided, Exhibit, Fact},
    frame::{CameraId, Frame},
    passage::{
        self, Direction, Event, IdSource, Passage, PassageId, Passages, Priority, Receipt, Scene, TrackRead,
    },
    read::choose::{self, Choice, History},
    telemetry::{Span, Stage},
    track::{self, Step, TrackId, Tracker},
};
use gallery::Gallery;
pub use stats::{Snapshot, Stats};

/// What one camera's chain needs to know, apart from the networks.
#[derive(Debug, Clone)]
pub struct Settings {
    pub camera: CameraId,
    /// False for a recording: what it shows must never open a gate.
    pub live: bool,
    pub choose: choose::Settings,
    pub track: track::Settings,
    pub passage: passage::Settings,
    /// Who may pass: shared by all cameras.
    pub porter: Arc<Porter>,
    /// Whether the wall clock has been set; a recording's frames bring their own time.
    pub trust: WallTrust,
    /// Plates read in one frame at most, the most wanted first: a full car park must not stop the traffic.
    pub reads_per_frame: usize,
    /// Pictures of best reads in memory at a time, those that wait to be written included; 0: none is wanted.
    pub pictures: usize,
}

impl Settings {
    pub fn new(camera: CameraId, live: bool) -> Self {
        Self {
            camera,
            live,
            choose: choose::Settings::default(),
            track: track::Settings::default(),
            passage: passage::Settings::default(),
            porter: Arc::default(),
            trust: WallTrust::default(),
            reads_per_frame: 6,
            pictures: 0,
        }
    }
}

/// One camera's chain and what it remembers.
#[derive(Debug)]
pub struct Pipeline {
    settings: Settings,
    chain: Chain,
    tracker: Tracker,
    passages: Passages,
    histories: HashMap<TrackId, History>,
    /// Of passages that are decided and not yet closed, with the direction as it was known then.
    decisions: HashMap<PassageId, (Decision, Option<Direction>)>,
    /// Where pictures are wanted.
    gallery: Option<Gallery>,
    stats: Arc<Stats>,
    clock: Arc<dyn Clock>,
    detections: Vec<Detection>,
    reads: Vec<TrackRead>,
    wanted: Vec<(Priority, TrackId, usize)>,
    /// Something in the last frame makes the next ones matter.
    busy: bool,
    /// The last frame's time, for closing what is left at the end.
    last: Option<(Moment, Timestamp)>,
}

impl Pipeline {
    pub fn new(
        networks: &Networks,
        settings: &Settings,
        ids: Box<dyn IdSource>,
        stats: Arc<Stats>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ChainError> {
        let (camera, live) = (settings.camera.clone(), settings.live);
        Ok(Self {
            chain: networks.chain(Arc::clone(&clock))?,
            tracker: Tracker::new(settings.track.clone()),
            passages: Passages::new(camera, live, settings.passage.clone(), ids),
            histories: HashMap::new(),
            decisions: HashMap::new(),
            gallery: (settings.pictures > 0).then(|| Gallery::new(settings.pictures)),
            settings: settings.clone(),
            stats,
            clock,
            detections: Vec::new(),
            reads: Vec::new(),
            wanted: Vec::new(),
            busy: false,
            last: None,
        })
    }

    /// Looks at one frame. An error leaves everything as it was before the frame.
    pub fn step(&mut self, frame: &Frame) -> Result<Vec<Fact>, ChainError> {
        let arrived = self.clock.now();
        let outcome = self.look(frame, arrived);
        self.stats.looked(self.clock.now().since(arrived), outcome.is_ok());
        let (detects, reads) = self.chain.engines();
        self.stats.worked_with(detects, reads);
        outcome
    }

    fn look(&mut self, frame: &Frame, arrived: Moment) -> Result<Vec<Fact>, ChainError> {
        // A recording's frames have the recording's time; what is spent on them is added to it, so that a receipt
        // says the same for both.
        let start = if self.settings.live { frame.captured } else { arrived };
        let after = |now: Moment| frame.captured + now.since(start);
        self.detect(frame, arrived)?;
        let found = self.clock.now();
        let detected = after(found);
        let step = self.tracker.step(frame.captured, frame.size, &self.detections);
        self.done(Stage::Track, frame, found);
        self.choose(&step, frame);
        self.read(&step, frame)?;
        let all_read = self.clock.now();
        let read = after(all_read);
        let receipt = Receipt {
            captured: frame.captured,
            decoded: Some(after(arrived)),
            detected: Some(detected),
            read: Some(read),
            voted: Some(read),
            ..Receipt::default()
        };
        let scene = Scene { receipt, wall: frame.wall, step: &step, reads: &self.reads };
        let events = self.passages.step(&scene);
        self.done(Stage::Vote, frame, all_read);
        self.busy = step.seen.iter().any(|seen| self.passages.is_eventful(seen, frame.captured));
        for ended in &step.ended {
            self.histories.remove(&ended.track);
        }
        self.last = Some((frame.captured, frame.wall));
        let decided = after(self.clock.now());
        let facts = self.facts(events, frame.wall, Some(decided));
        if let Some(gallery) = &mut self.gallery {
            gallery.look(frame, self.passages.best_frames());
            self.stats.pictures_missed(gallery.missed());
        }
        Ok(facts)
    }

    /// Finds the plates of the frame.
    fn detect(&mut self, frame: &Frame, arrived: Moment) -> Result<(), ChainError> {
        self.detections.clear();
        let outcome = self.chain.detect(frame).map(|found| self.detections.extend_from_slice(found));
        let (now, prepared) = (self.clock.now(), self.chain.prepared());
        let span = |stage, began, ended| Span::of(stage, began, ended).for_frame(frame.seq);
        if let Some((began, ended)) = prepared {
            self.stats.note(&span(Stage::Prepare, began, ended));
            self.stats.note(&span(Stage::Detect, ended, now).ended_well(outcome.is_ok()));
        } else {
            self.stats.note(&span(Stage::Prepare, arrived, now).ended_well(outcome.is_ok()));
        }
        outcome
    }

    /// A stage that cannot fail is done with this frame.
    fn done(&self, stage: Stage, frame: &Frame, began: Moment) {
        self.stats.note(&Span::of(stage, began, self.clock.now()).for_frame(frame.seq));
    }

    /// The picture of a closed passage's best read; once.
    pub fn exhibit(&mut self, passage: PassageId) -> Option<Exhibit> {
        self.gallery.as_mut()?.take(passage)
    }

    /// Which of the plates in view are read in this frame, the most wanted first.
    fn choose(&mut self, step: &Step, frame: &Frame) {
        self.wanted.clear();
        for seen in &step.seen {
            let Some(priority) = self.passages.wants_read(seen, frame.captured) else {
                if seen.counts {
                    self.stats.known();
                }
                continue;
            };
            let Some(detection) = self.detections.get(seen.detection) else { continue };
            let history = self.histories.entry(seen.track).or_default();
            let choice =
                choose::choose(&self.settings.choose, history, detection, frame.size, frame.captured);
            match choice {
                Choice::Read => self.wanted.push((priority, seen.track, seen.detection)),
                Choice::NothingNew | Choice::EnoughReads => self.stats.no_better(),
                Choice::TooSmall | Choice::CutByEdge => {}
            }
        }
        self.wanted.sort_by(|a, b| b.cmp(a));
        let over = self.wanted.len().saturating_sub(self.settings.reads_per_frame);
        self.stats.put_off(over);
        self.wanted.truncate(self.settings.reads_per_frame);
    }

    fn read(&mut self, step: &Step, frame: &Frame) -> Result<(), ChainError> {
        self.reads.clear();
        for (_, track, index) in &self.wanted {
            let Some(detection) = self.detections.get(*index) else { continue };
            let began = self.clock.now();
            let read = self.chain.read(frame, detection);
            let span = Span::of(Stage::Read, began, self.clock.now()).for_frame(frame.seq);
            self.stats.note(&span.ended_well(read.is_ok()));
            let read = read?;
            self.stats.read(read.is_some());
            let history = self.histories.entry(*track).or_default();
            let quality = read.as_ref().map_or_else(
                || crate::read::Quality { height: detection.corners.height(), sharpness: 0.0 },
                |r| r.quality,
            );
            history.note(quality, frame.captured);
            if let Some(read) = read {
                self.reads.push(TrackRead {
                    track: *track,
                    captured: frame.captured,
                    area: detection.area,
                    read,
                });
            }
        }
        // Tracks are bounded, and so is what is remembered of them; this only forgets what the tracker forgot.
        if self.histories.len() > 2 * self.settings.track.max_tracks.max(1) {
            self.histories.retain(|track, _| step.seen.iter().any(|seen| seen.track == *track));
        }
        Ok(())
    }

    /// Every picture matters now: a plate moves, or is not known yet.
    pub const fn is_busy(&self) -> bool {
        self.busy
    }

    /// No frame came for a while: what has left in the meantime is closed. Of a camera at `rest` few frames come: a
    /// plate that was there in the last one still is.
    pub fn idle(&mut self, now: Moment, wall: Timestamp, rest: bool) -> Vec<Fact> {
        if !self.settings.live || self.passages.present() == 0 || rest && !self.tracker.is_empty() {
            return Vec::new();
        }
        let size = crate::geometry::Size::new(1, 1);
        let step = self.tracker.step(now, size, &[]);
        let receipt = Receipt { captured: now, ..Receipt::default() };
        let events = self.passages.step(&Scene { receipt, wall, step: &step, reads: &[] });
        self.facts(events, wall, None)
    }

    /// The end: every passage is closed.
    pub fn finish(&mut self) -> Vec<Fact> {
        let events = self.passages.flush();
        let wall = self.last.map_or(Timestamp::UNIX_EPOCH, |(_, wall)| wall);
        self.facts(events, wall, None)
    }

    fn facts(&mut self, events: Vec<Event>, at: Timestamp, decided: Option<Moment>) -> Vec<Fact> {
        let mut facts = Vec::new();
        for event in events {
            match event {
                Event::Opened(_) => self.stats.passage(),
                Event::Decided(passage) => facts.push(self.decide(passage, at, decided)),
                Event::Closed { passage, votes } => {
                    // A passage whose vote never became sure gets its decision now: nobody waits for it any more,
                    // but the journal says what was thought of it.
                    if !self.decisions.contains_key(&passage.id) {
                        facts.push(self.decide(passage.clone(), at, None));
                    }
                    let decided = self.decisions.remove(&passage.id);
                    let effects = decided.as_ref().map_or_else(Vec::new, |(decision, direction)| {
                        self.settings.porter.closed(&passage, decision, *direction, at)
                    });
                    let (reads, decision) = (fact::summaries(&votes), decided.map(|(decision, _)| decision));
                    if let Some(gallery) = &mut self.gallery {
                        gallery.close(passage.id, votes.first().map(|vote| vote.at), passage.best_area);
                    }
                    facts.push(Fact::Closed(Closed {
                        passage,
                        reads,
                        decision,
                        effects,
                        clock_unset: false,
                    }));
                }
            }
        }
        facts
    }

    fn decide(&mut self, passage: Passage, at: Timestamp, decided: Option<Moment>) -> Fact {
        let began = self.clock.now();
        let timed = !passage.live || self.settings.trust.is_set();
        let question = Question::about(&passage, at, timed);
        let (decision, effects) = self.settings.porter.decide(&question, passage.live);
        self.stats.note(&Span::of(Stage::Decide, began, self.clock.now()));
        self.decisions.insert(passage.id, (decision.clone(), passage.direction));
        if let Some(decided) = decided {
            self.stats.decided_after(decided.since(passage.receipt.captured));
        }
        Fact::Decided(Decided {
            passage: passage.id,
            camera: passage.camera,
            live: passage.live,
            at,
            receipt: Receipt { decided, ..passage.receipt },
            reading: passage.reading,
            decision,
            effects,
            clock_unset: false,
        })
    }
}
