//! A thread's sign of life: the thread beats, whoever watches over it asks how long ago that was.
//!
//! What follows from a long silence is the watcher's business. A thread that waits beats all the same, every
//! [`BEAT`]; one that has done all its work rests.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::clock::{Clock, Moment};

/// How often a thread beats that has nothing else to do.
pub const BEAT: Duration = Duration::from_secs(1);

/// Shared by the thread and whoever watches; cheap to clone.
#[derive(Debug, Clone)]
pub struct Heartbeat(Arc<Heart>);

#[derive(Debug)]
struct Heart {
    moved: AtomicU64,
    rests: AtomicBool,
    clock: Arc<dyn Clock>,
}

impl Heartbeat {
    /// Of a thread that begins now.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let moved = AtomicU64::new(clock.now().as_micros());
        Self(Arc::new(Heart { moved, rests: AtomicBool::new(false), clock }))
    }

    /// It moves.
    pub fn beat(&self) {
        self.0.moved.store(self.0.clock.now().as_micros(), Ordering::Release);
        self.0.rests.store(false, Ordering::Release);
    }

    /// It has nothing to do any more, or for now: it is not silent until it beats again.
    pub fn rest(&self) {
        self.0.rests.store(true, Ordering::Release);
    }

    /// How long it has not moved.
    pub fn silent_for(&self) -> Duration {
        if self.0.rests.load(Ordering::Acquire) {
            return Duration::ZERO;
        }
        self.0.clock.now().since(Moment::from_micros(self.0.moved.load(Ordering::Acquire)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn silence_is_counted_from_the_last_beat_and_not_while_it_rests() {
        let clock = Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH));
        let heartbeat = Heartbeat::new(Arc::clone(&clock) as Arc<dyn Clock>);
        let watcher = heartbeat.clone();
        clock.advance(Duration::from_secs(3));
        assert_eq!(watcher.silent_for(), Duration::from_secs(3));
        heartbeat.beat();
        clock.advance(Duration::from_secs(2));
        assert_eq!(watcher.silent_for(), Duration::from_secs(2));
        heartbeat.rest();
        assert_eq!(watcher.silent_for(), Duration::ZERO);
        heartbeat.beat();
        clock.advance(Duration::from_secs(1));
        assert_eq!(watcher.silent_for(), Duration::from_secs(1));
    }
}
