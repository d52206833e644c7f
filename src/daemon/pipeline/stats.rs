//! What one camera's chain did, readable from any thread.

use std::{
    sync::atomic::{AtomicU8, AtomicU64, Ordering},
    time::Duration,
};

use crate::{
    infer::EngineKind,
    telemetry::{Histogram, Meter, Metered, Span, Stage, Times},
};

/// Counters since the start.
#[derive(Debug, Default)]
pub struct Stats {
    frames: AtomicU64,
    failed: AtomicU64,
    look_us: AtomicU64,
    reads: AtomicU64,
    empty_reads: AtomicU64,
    put_off: AtomicU64,
    passages: AtomicU64,
    pictures_missed: AtomicU64,
    /// What detects and what reads, by their place in `EngineKind::ALL` from 1; 0: nothing has been looked at.
    engines: [AtomicU8; 2],
    /// Plates not read because they are known well enough.
    known: AtomicU64,
    /// Plates not read because this look is no better than those before.
    no_better: AtomicU64,
    prepare: Meter,
    detect: Meter,
    track: Meter,
    read: Meter,
    vote: Meter,
    decide: Meter,
    /// From the picture that decided to the decision.
    reading: Histogram,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// Frames looked at, failed ones included.
    pub frames: u64,
    /// Frames that could not be looked at.
    pub failed: u64,
    /// Time spent on them.
    pub look: Duration,
    pub reads: u64,
    /// Reads that found nothing to read.
    pub empty_reads: u64,
    /// Reads put off because too many plates were in view.
    pub put_off: u64,
    pub passages: u64,
    /// Pictures of best reads for which there was no memory.
    pub pictures_missed: u64,
    /// Plates in view that were not read because they are known well enough,
    pub known: u64,
    /// or because this look is no better than those before.
    pub no_better: u64,
}

impl Snapshot {
    pub fn mean_look_ms(&self) -> f64 {
        match self.frames {
            0 => 0.0,
            frames => (self.look.as_secs_f64() * 1e6 / frames as f64).round() / 1e3,
        }
    }
}

impl Stats {
    pub fn snapshot(&self) -> Snapshot {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Snapshot {
            frames: get(&self.frames),
            failed: get(&self.failed),
            look: Duration::from_micros(get(&self.look_us)),
            reads: get(&self.reads),
            empty_reads: get(&self.empty_reads),
            put_off: get(&self.put_off),
            passages: get(&self.passages),
            pictures_missed: get(&self.pictures_missed),
            known: get(&self.known),
            no_better: get(&self.no_better),
        }
    }

    /// Its stages' times, in their order.
    pub fn metered(&self) -> [(Stage, Metered); 6] {
        [
            (Stage::Prepare, self.prepare.metered()),
            (Stage::Detect, self.detect.metered()),
            (Stage::Track, self.track.metered()),
            (Stage::Read, self.read.metered()),
            (Stage::Vote, self.vote.metered()),
            (Stage::Decide, self.decide.metered()),
        ]
    }

    /// How long it took from the picture that decided to the decision.
    pub fn reading(&self) -> Times {
        self.reading.times()
    }

    /// What detected, and what reads, last; `None` before the first frame.
    pub fn engines(&self) -> Option<(EngineKind, EngineKind)> {
        let [detects, reads] = self.engines.each_ref().map(|place| {
            let place = usize::from(place.load(Ordering::Relaxed));
            EngineKind::ALL.get(place.checked_sub(1)?).copied()
        });
        detects.zip(reads)
    }

    pub(super) fn worked_with(&self, detects: EngineKind, reads: EngineKind) {
        for (slot, engine) in self.engines.iter().zip([detects, reads]) {
            let place =
                EngineKind::ALL.iter().position(|known| *known == engine).map_or(0, |place| place + 1);
            slot.store(u8::try_from(place).unwrap_or(0), Ordering::Relaxed);
        }
    }

    pub(super) fn decided_after(&self, time: Duration) {
        self.reading.note(time);
    }

    /// A piece of work of one of its stages is done.
    pub(super) fn note(&self, span: &Span) {
        let meter = match span.stage {
            Stage::Prepare => &self.prepare,
            Stage::Detect => &self.detect,
            Stage::Track => &self.track,
            Stage::Read => &self.read,
            Stage::Vote => &self.vote,
            Stage::Decide => &self.decide,
            Stage::Capture | Stage::Decode | Stage::Journal | Stage::Publish | Stage::Actuate => return,
        };
        meter.note(span);
    }

    pub(super) fn known(&self) {
        self.known.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn no_better(&self) {
        self.no_better.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn looked(&self, time: Duration, well: bool) {
        self.frames.fetch_add(1, Ordering::Relaxed);
        self.failed.fetch_add(u64::from(!well), Ordering::Relaxed);
        self.look_us.fetch_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(super) fn read(&self, something: bool) {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.empty_reads.fetch_add(u64::from(!something), Ordering::Relaxed);
    }

    pub(super) fn put_off(&self, reads: usize) {
        self.put_off.fetch_add(reads as u64, Ordering::Relaxed);
    }

    pub(super) fn passage(&self) {
        self.passages.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn pictures_missed(&self, so_far: u64) {
        self.pictures_missed.fetch_max(so_far, Ordering::Relaxed);
    }
}
