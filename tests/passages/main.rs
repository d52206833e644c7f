//! Tracks, votes and passages together: on simulated roads, and on real drives where they are at hand.

#![allow(clippy::unwrap_used, reason = "a test stops where something is not as it should be")]

mod drives;
mod roads;
mod world;

use amslpr::{
    clock::Moment,
    detect::Detection,
    frame::CameraId,
    passage::{CountedIds, Event, Passage, Passages, Receipt, Scene, Settings, TrackRead},
    plate::Region,
    read::PlateRead,
    track::{self, Tracker},
};
use jiff::Timestamp;

/// The middle of the pipeline, as the daemon joins it: detections in, events out.
struct Middle {
    tracker: Tracker,
    passages: Passages,
    /// Reads that may be made per frame.
    budget: usize,
    reads: u64,
    log: Vec<(Moment, Event)>,
}

impl Middle {
    fn new(region: &str) -> Self {
        let settings =
            Settings { regions: Region::from_code(region).into_iter().collect(), ..Settings::default() };
        let ids = Box::new(CountedIds::default());
        Self {
            tracker: Tracker::new(track::Settings::default()),
            passages: Passages::new(CameraId::new("road"), false, settings, ids),
            budget: 2,
            reads: 0,
            log: Vec::new(),
        }
    }

    /// One frame; `read` reads the plate of a detection.
    fn frame(&mut self, at: Moment, found: &[Detection], mut read: impl FnMut(usize) -> Option<PlateRead>) {
        let step = self.tracker.step(at, world::FRAME, found);
        let wanted = |seen: &track::Seen| Some((self.passages.wants_read(seen, at)?, *seen));
        let mut wanted: Vec<_> = step.seen.iter().filter_map(wanted).collect();
        wanted.sort_by_key(|(priority, _)| std::cmp::Reverse(*priority));
        let mut reads = Vec::new();
        for (_, seen) in wanted.into_iter().take(self.budget) {
            self.reads += 1;
            if let Some(read) = read(seen.detection) {
                reads.push(TrackRead { track: seen.track, captured: at, area: seen.area, read });
            }
        }
        let receipt = Receipt { captured: at, ..Receipt::default() };
        let epoch = Timestamp::from_second(1_790_000_000).unwrap();
        let wall = epoch.checked_add(at.since(Moment::ZERO)).unwrap();
        let events = self.passages.step(&Scene { receipt, wall, step: &step, reads: &reads });
        self.log.extend(events.into_iter().map(|event| (at, event)));
    }

    /// Stops, checks that every passage was opened, decided and closed in order and once, and gives them back.
    fn stop(mut self, at: Moment) -> Outcome {
        let last = self.passages.flush();
        self.log.extend(last.into_iter().map(|event| (at, event)));
        let mut outcome = Outcome { closed: Vec::new(), decided: Vec::new(), counts: self.passages.counts() };
        let mut open = std::collections::BTreeMap::new();
        for (at, event) in self.log {
            let id = event.passage().id;
            match event {
                Event::Opened(passage) => {
                    assert!(open.insert(id, false).is_none(), "{id} opened twice");
                    assert!(passage.ended.is_none());
                    assert!(
                        outcome.closed.iter().all(|(closed, _)| closed.id != id),
                        "{id} opened after its end"
                    );
                }
                Event::Decided(passage) => {
                    assert_eq!(
                        open.insert(id, true),
                        Some(false),
                        "{id} decided twice or before it was opened"
                    );
                    assert_eq!(passage.decided, passage.reading.as_ref().map(|r| r.text.clone()));
                    outcome.decided.push((at, passage));
                }
                Event::Closed { passage, votes } => {
                    assert!(open.remove(&id).is_some(), "{id} closed twice or before it was opened");
                    assert!(passage.ended.is_some_and(|ended| ended >= passage.began));
                    assert!(votes.len() <= 12);
                    outcome.closed.push((passage, votes.len()));
                }
            }
        }
        assert!(open.is_empty(), "never closed: {open:?}");
        outcome
    }
}

/// What a run came to.
struct Outcome {
    closed: Vec<(Passage, usize)>,
    decided: Vec<(Moment, Passage)>,
    counts: amslpr::passage::Counts,
}

impl Outcome {
    fn texts(&self) -> Vec<&str> {
        self.closed.iter().map(|(p, _)| p.reading.as_ref().map_or("", |r| r.text.as_str())).collect()
    }
}
