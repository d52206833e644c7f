//! A trace: every piece of work, while somebody wants to see it, for `amslpr trace`.
//!
//! What was seen waits here, within bounds, until it is fetched; nobody who works ever waits. Whoever asked and does not
//! come back is given up. How a trace is written down is `cli::trace`'s business.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::ThreadId,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    clock::{Clock, Moment},
    telemetry::{self, Span, Witness},
};

/// Pieces of work that wait to be fetched at most, about six megabytes.
const MOST: usize = 100_000;
/// Fetched at a time: an answer on the control socket is bounded, too.
const PIECE: usize = 8_000;
/// Threads that are told apart.
const LANES: usize = 256;
/// Whoever does not ask for this long has gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sees what is done, from the beginning of a trace to its end.
pub(super) struct Recorder {
    /// Held from the first to the last step of beginning and ending; never by those who work.
    turn: Mutex<()>,
    store: Mutex<Store>,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct Store {
    /// Each with the number of its lane.
    seen: VecDeque<(Span, usize)>,
    lanes: Vec<(ThreadId, String)>,
    missed: u64,
    /// While somebody is expected to ask again.
    until: Option<Moment>,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recorder")
    }
}

impl Recorder {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { turn: Mutex::default(), store: Mutex::default(), clock })
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on everything is seen.
    pub(super) fn begin(self: &Arc<Self>) -> Result<(), &'static str> {
        let _turn = self.turn();
        {
            let (mut store, now) = (self.store(), self.clock.now());
            if store.until.is_some_and(|until| until > now) {
                return Err("somebody else is tracing at this moment");
            }
            *store = Store { until: Some(now + PATIENCE), ..Store::default() };
        }
        // Never while the store is held: who works holds the witness first.
        telemetry::watch(Some(Arc::clone(self) as Arc<dyn Witness>));
        Ok(())
    }

    /// What was seen since the last time; `more` says that there is more already.
    pub(super) fn fetch(&self) -> Result<Value, &'static str> {
        let now = self.clock.now();
        // Taken out first, written down later: who works waits for the one, not for the other.
        let (piece, lanes, missed, more) = {
            let mut store = self.store();
            if store.until.is_none() {
                return Err("no trace is going on; it is given up when nobody fetches it for 5 s");
            }
            store.until = Some(now + PATIENCE);
            let piece = store.seen.len().min(PIECE);
            let piece: Vec<(Span, usize)> = store.seen.drain(..piece).collect();
            let lanes: Vec<String> = store.lanes.iter().map(|(_, name)| name.clone()).collect();
            (piece, lanes, store.missed, !store.seen.is_empty())
        };
        let written = |(span, lane): &(Span, usize)| {
            let (began, took) = (span.began.as_micros(), span.ended.since(span.began).as_micros());
            json!([span.stage.as_str(), lane, span.frame, began, took, span.well])
        };
        let spans: Vec<Value> = piece.iter().map(written).collect();
        Ok(json!({ "spans": spans, "lanes": lanes, "missed": missed, "more": more }))
    }

    pub(super) fn end(&self) {
        let _turn = self.turn();
        self.forget(|_| true);
    }

    /// Gives a trace up that nobody fetches any more.
    pub(super) fn tend(&self) {
        // Looked at first without taking a turn: nearly always there is none.
        let now = self.clock.now();
        if self.store().until.is_none_or(|until| until > now) {
            return;
        }
        let _turn = self.turn();
        if self.forget(|until| until <= now) {
            tracing::info!("a trace was given up: nobody fetched it");
        }
    }

    /// Ends the trace if there is one that is to end; by whose turn it is.
    fn forget(&self, is_over: impl FnOnce(Moment) -> bool) -> bool {
        let ends = self.store().until.is_some_and(is_over);
        if ends {
            telemetry::watch(None);
            *self.store() = Store::default();
        }
        ends
    }
}

impl Witness for Recorder {
    fn saw(&self, span: &Span) {
        let mut store = self.store();
        if store.until.is_none() {
            return;
        }
        if store.seen.len() >= MOST {
            store.missed += 1;
            return;
        }
        let lane = store.lane();
        store.seen.push_back((*span, lane));
    }
}

impl Store {
    /// The calling thread's.
    fn lane(&mut self) -> usize {
        let thread = std::thread::current();
        if let Some(known) = self.lanes.iter().position(|(id, _)| *id == thread.id()) {
            return known;
        }
        if self.lanes.len() < LANES {
            self.lanes.push((thread.id(), thread.name().unwrap_or("?").to_owned()));
        }
        self.lanes.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::ManualClock,
        telemetry::{Meter, Stage},
    };

    #[test]
    fn a_trace_holds_what_was_done_meanwhile_within_bounds_and_is_given_up_when_nobody_fetches_it() {
        let _alone = telemetry::alone();
        let clock = Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH));
        let recorder = Recorder::new(Arc::clone(&clock) as Arc<dyn Clock>);
        assert!(recorder.fetch().is_err(), "none was begun");
        recorder.begin().unwrap();
        assert!(recorder.begin().is_err(), "one at a time");
        let span =
            |n: u64| Span::of(Stage::Read, Moment::from_micros(n), Moment::from_micros(n + 7)).for_frame(n);
        let meter = Meter::default();
        meter.note(&span(3).failed());
        // Other tests may be at work, too: only ours is looked for.
        let fetched = recorder.fetch().unwrap();
        let ours = json!(["read", 0, 3, 3, 7, false]);
        let found =
            fetched["spans"].as_array().unwrap().iter().find(|one| one[2] == 3 && one[0] == "read").unwrap();
        assert_eq!((&found[3], &found[4], &found[5]), (&ours[3], &ours[4], &ours[5]));
        let lane = found[1].as_u64().unwrap() as usize;
        assert!(fetched["lanes"][lane].as_str().unwrap().contains("a_trace_holds"), "{fetched}");

        (0..MOST as u64 + 50).for_each(|n| recorder.saw(&span(n)));
        let first = recorder.fetch().unwrap();
        assert!(first["missed"].as_u64().unwrap() >= 50 && first["more"] == true);
        assert_eq!(first["spans"].as_array().unwrap().len(), PIECE);
        assert!(serde_json::to_vec(&first).unwrap().len() < 800_000, "it fits into an answer");

        clock.advance(PATIENCE - Duration::from_millis(1));
        recorder.tend();
        recorder.fetch().unwrap();
        clock.advance(PATIENCE);
        recorder.tend();
        assert!(recorder.fetch().is_err(), "given up");
        recorder.begin().unwrap();
        recorder.end();
        assert!(recorder.fetch().is_err(), "ended");
    }
}
