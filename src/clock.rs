//! Time as an argument: a monotonic `Moment`, the `Clock` that tells it, and a clock that tests move by hand.
//!
//! Stages compute with `Moment`s; wall time (`jiff::Timestamp`) is only what people read. Nothing else in the
//! crate asks the operating system for the time. Whether the wall clock can be believed is a [`WallTrust`], told by
//! whoever watches it.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;

/// A point on the monotonic time line: microseconds since the clock's own start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(u64);

impl Moment {
    pub const ZERO: Self = Self(0);

    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// So long ago; never before the clock's start.
    #[must_use]
    pub fn before(self, time: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(time.as_micros()).unwrap_or(u64::MAX)))
    }

    /// Time from `earlier` to here; zero if `earlier` is in fact later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl std::ops::Add<Duration> for Moment {
    type Output = Self;
    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(by.as_micros()).unwrap_or(u64::MAX)))
    }
}

/// Tells monotonic and wall time, and waits.
pub trait Clock: Send + Sync + std::fmt::Debug {
    fn now(&self) -> Moment;
    fn wall(&self) -> Timestamp;
    /// Waits this long; a `ManualClock` moves itself instead.
    fn sleep(&self, time: Duration);
}

/// How far the wall clock can be believed: one teller, many who ask. As long as nobody tells, it can.
#[derive(Debug, Clone, Default)]
pub struct WallTrust(Arc<Doubts>);

#[derive(Debug, Default)]
struct Doubts {
    unset: AtomicBool,
    unsteady: AtomicBool,
}

impl WallTrust {
    /// `is_set`: it shows about the right time. `is_steady`: it has not jumped lately.
    pub fn tell(&self, is_set: bool, is_steady: bool) {
        self.0.unset.store(!is_set, Ordering::Release);
        self.0.unsteady.store(!is_steady, Ordering::Release);
    }

    /// What is bound to a time of day or a date may be decided by it.
    pub fn is_set(&self) -> bool {
        !self.0.unset.load(Ordering::Acquire)
    }

    /// What is old by it may be erased.
    pub fn may_erase(&self) -> bool {
        self.is_set() && !self.0.unsteady.load(Ordering::Acquire)
    }
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the monotonic clock is read")]
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        Moment(u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    #[expect(clippy::disallowed_methods, reason = "the one place where the wall clock is read")]
    fn wall(&self) -> Timestamp {
        Timestamp::now()
    }

    #[expect(clippy::disallowed_methods, reason = "the one place where a thread sleeps")]
    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

/// A clock that stands still until it is moved; `sleep` moves it.
#[derive(Debug)]
pub struct ManualClock {
    now: AtomicU64,
    epoch: Mutex<Timestamp>,
}

impl ManualClock {
    /// Starts at `Moment::ZERO`, which is `epoch` on the wall.
    pub fn at(epoch: Timestamp) -> Self {
        Self { now: AtomicU64::new(0), epoch: Mutex::new(epoch) }
    }

    pub fn advance(&self, by: Duration) {
        self.now.fetch_add(u64::try_from(by.as_micros()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// Sets the wall clock as somebody's NTP would, without touching the monotonic time.
    pub fn jump_wall_to(&self, wall: Timestamp) {
        let now = Duration::from_micros(self.now.load(Ordering::SeqCst));
        if let (Ok(epoch), Ok(mut slot)) = (wall.checked_sub(now), self.epoch.lock()) {
            *slot = epoch;
        }
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Moment {
        Moment(self.now.load(Ordering::SeqCst))
    }

    fn wall(&self) -> Timestamp {
        let epoch = *self.epoch.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let passed = Duration::from_micros(self.now.load(Ordering::SeqCst));
        epoch.checked_add(passed).unwrap_or(Timestamp::MAX)
    }

    fn sleep(&self, time: Duration) {
        self.advance(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_it_is_moved() {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.now(), Moment::ZERO);
        clock.sleep(Duration::from_secs(3));
        assert_eq!(clock.now().as_micros(), 3_000_000);
        assert_eq!(clock.wall().as_second(), 3);
    }

    #[test]
    fn a_jump_of_the_wall_clock_leaves_the_monotonic_time_alone() {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        clock.advance(Duration::from_secs(10));
        clock.jump_wall_to(Timestamp::from_second(1_000).unwrap());
        assert_eq!(clock.wall().as_second(), 1_000);
        assert_eq!(clock.now().as_micros(), 10_000_000);
    }

    #[test]
    fn time_since_the_future_is_zero() {
        assert_eq!(Moment::from_micros(5).since(Moment::from_micros(9)), Duration::ZERO);
        assert_eq!(Moment::from_micros(5).before(Duration::from_micros(3)), Moment::from_micros(2));
        assert_eq!(Moment::from_micros(5).before(Duration::MAX), Moment::ZERO);
    }
}
