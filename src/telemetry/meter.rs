//! A stage's times and errors, and the names of the stages.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{
    histogram::{Histogram, Times},
    witness::{self, Span},
};

/// What is measured of the way from a camera to a gate, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// From the moment that a picture was taken to its lying in the mailbox, decoding included.
    Capture,
    /// From the camera's bytes to pixels.
    Decode,
    /// From a frame to the detector's input.
    Prepare,
    /// The detector: network, boxes, non-maximum suppression.
    Detect,
    /// Which detection is which track.
    Track,
    /// One plate: cutting it out, the reader, its text.
    Read,
    /// The reads of all tracks of a frame into passages.
    Vote,
    /// One decision by the lists.
    Decide,
    /// One durable transaction of the journal, with all facts that share it.
    Journal,
    /// From handing a message on to its being acknowledged: by the broker, or by the receiver of a webhook.
    Publish,
    /// From switching a gate's output to its being switched.
    Actuate,
}

impl Stage {
    pub const ALL: [Self; 11] = [
        Self::Capture,
        Self::Decode,
        Self::Prepare,
        Self::Detect,
        Self::Track,
        Self::Read,
        Self::Vote,
        Self::Decide,
        Self::Journal,
        Self::Publish,
        Self::Actuate,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Decode => "decode",
            Self::Prepare => "prepare",
            Self::Detect => "detect",
            Self::Track => "track",
            Self::Read => "read",
            Self::Vote => "vote",
            Self::Decide => "decide",
            Self::Journal => "journal",
            Self::Publish => "publish",
            Self::Actuate => "actuate",
        }
    }
}

/// Written by whoever does the work, read by whoever reports.
#[derive(Debug, Default)]
pub struct Meter {
    times: Histogram,
    errors: AtomicU64,
}

/// What a meter showed at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metered {
    /// Of all work, failed ones included.
    pub times: Times,
    pub errors: u64,
}

impl Meter {
    /// One piece of work is done, well or not; it was done by the calling thread.
    pub fn note(&self, span: &Span) {
        self.times.note(span.ended.since(span.began));
        if !span.well {
            self.errors.fetch_add(1, Ordering::Relaxed);
        }
        witness::tell(span);
    }

    pub fn metered(&self) -> Metered {
        Metered { times: self.times.times(), errors: self.errors.load(Ordering::Relaxed) }
    }
}

impl Metered {
    /// What came since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self { times: self.times.since(&earlier.times), errors: self.errors.saturating_sub(earlier.errors) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Moment;

    #[test]
    fn work_that_failed_took_its_time_too() {
        let meter = Meter::default();
        let at = Moment::from_micros;
        meter.note(&Span::of(Stage::Detect, at(100), at(1100)));
        meter.note(&Span::of(Stage::Detect, at(2000), at(5000)).failed());
        let told = meter.metered();
        assert_eq!((told.times.count(), told.errors), (2, 1));
        assert_eq!(told.times.mean(), Duration::from_millis(2));
        assert_eq!(told.since(&told).times.count(), 0);
    }

    #[test]
    fn many_threads_lose_no_count() {
        let meter = Meter::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for n in 0..10_000 {
                        meter.note(&Span::of(Stage::Track, Moment::ZERO, Moment::from_micros(n)));
                    }
                });
            }
        });
        let told = meter.metered().times;
        assert_eq!((told.count(), told.sum()), (40_000, Duration::from_micros(4 * 49_995_000)));
    }

    #[test]
    fn every_stage_has_a_word_of_its_own() {
        let mut words: Vec<_> = Stage::ALL.iter().map(|stage| stage.as_str()).collect();
        assert!(Stage::ALL.is_sorted());
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Stage::ALL.len());
    }
}
