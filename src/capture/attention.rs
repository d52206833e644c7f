//! How much of a camera is worth decoding now: everything while something is going on, little otherwise.
//!
//! Shared by the camera's thread, by whoever looks at its frames and by triggers from outside: any of them keeps the
//! camera awake for a while. What wakes it is decided by those.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use crate::clock::Moment;

/// Which pictures of a stream are decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Decode {
    /// Every one, always.
    #[default]
    All,
    /// Every one while something moves, a plate is followed or a trigger says so; key frames otherwise.
    Auto,
    /// Key frames only: for cameras that stand where nothing moves fast.
    Key,
}

/// At rest, pictures that stand for themselves (JPEG, raw ones, key frames) are taken this far apart at least.
pub(crate) const RESTING_INTERVAL: Duration = Duration::from_millis(200);

/// One camera's wakefulness.
#[derive(Debug, Default)]
pub struct Attention {
    decode: Decode,
    /// In microseconds of the daemon's time line.
    awake_until: AtomicU64,
}

impl Attention {
    pub fn new(decode: Decode) -> Self {
        Self { decode, awake_until: AtomicU64::new(0) }
    }

    pub fn decode(&self) -> Decode {
        self.decode
    }

    /// Something is going on: stays awake until then at least.
    pub fn wake_until(&self, until: Moment) {
        self.awake_until.fetch_max(until.as_micros(), Ordering::AcqRel);
    }

    /// Somebody wants to look at what is decoded, whatever that is.
    pub fn is_wanted(&self, now: Moment) -> bool {
        self.decode == Decode::All || now.as_micros() < self.awake_until.load(Ordering::Acquire)
    }

    /// Every picture is to be decoded.
    pub fn is_awake(&self, now: Moment) -> bool {
        self.decode != Decode::Key && self.is_wanted(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_awake_for_whoever_wants_it_longest() {
        let at = Moment::from_micros;
        let attention = Attention::new(Decode::Auto);
        assert!(!attention.is_awake(at(0)));
        attention.wake_until(at(500));
        attention.wake_until(at(200));
        assert!(attention.is_awake(at(499)) && !attention.is_awake(at(500)));
        for (decode, awake) in [(Decode::All, true), (Decode::Key, false)] {
            let attention = Attention::new(decode);
            attention.wake_until(at(if awake { 0 } else { 1_000 }));
            assert_eq!(attention.is_awake(at(10)), awake);
        }
    }
}
