//! From a camera's own clock to ours: when a picture was taken, as well as its arrival and its stamp can tell.
//!
//! Pure: takes arrival times and stamps as arguments.

use std::time::Duration;

use crate::clock::Moment;

/// A camera whose stamps jump by more than this against our clock has set its clock anew.
const JUMP: i64 = 2_000_000;
/// Pictures that are all late for this long, though their stamps go on evenly, are not late: the camera paused.
const LATE_FOR_GOOD: Duration = Duration::from_secs(5);
/// How fast the estimate follows a camera whose clock runs slow: one part in so many.
const DRIFT: i64 = 2_000;

/// Learns how long a picture takes to reach us at the fastest, and takes that for the constant delay.
///
/// Stamps are microseconds since the stream began, by the camera; negative ones, too, where it set its clock back.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct CameraClock {
    known: Option<Known>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    /// Our time, in microseconds, at the camera's zero, as the fastest picture so far shows it.
    zero: i64,
    /// Of the last picture.
    stamp: i64,
    arrived: i64,
    /// Since when every picture has been later than a jump.
    late_since: Option<Moment>,
}

impl CameraClock {
    /// Takes in that a picture with this stamp arrived now. Returns how much later it came than the fastest ones do:
    /// what the network and we ourselves held it up.
    pub(super) fn arrived(&mut self, stamp: i64, arrived: Moment) -> Duration {
        let now = micros(arrived);
        let zero_now = now.saturating_sub(stamp);
        let Some(known) = self.known else {
            self.known = Some(Known { zero: zero_now, stamp, arrived: now, late_since: None });
            return Duration::ZERO;
        };
        let passed = stamp.saturating_sub(known.stamp);
        // Positive: later than the fastest ones came.
        let behind = zero_now.saturating_sub(known.zero);
        // Held up on the way, pictures come late with even stamps; the camera's own clock jumps in its stamps.
        let stepped = passed < -JUMP || passed > now.saturating_sub(known.arrived).saturating_add(JUMP);
        let late_since = (behind > JUMP).then(|| known.late_since.unwrap_or(arrived));
        let for_good = late_since.is_some_and(|since| arrived.since(since) > LATE_FOR_GOOD);
        let anew = stepped || for_good || behind < 0;
        let zero = if anew {
            zero_now
        } else {
            // Later than the fastest: network jitter, or a camera clock that runs slow. Follow slowly.
            (known.zero.saturating_add(passed.max(0) / DRIFT)).min(zero_now)
        };
        let late_since = late_since.filter(|_| !anew);
        self.known = Some(Known { zero, stamp, arrived: now, late_since });
        Duration::from_micros(u64::try_from(zero_now.saturating_sub(zero)).unwrap_or(0))
    }

    /// When a picture with this stamp was taken; never later than `now`.
    pub(super) fn taken(&self, stamp: i64, now: Moment) -> Moment {
        self.known.map_or(now, |known| {
            let taken = known.zero.saturating_add(stamp);
            Moment::from_micros(u64::try_from(taken).unwrap_or(0)).min(now)
        })
    }
}

fn micros(moment: Moment) -> i64 {
    i64::try_from(moment.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FRAME: u64 = 40_000;

    /// Where microseconds are a stamp, seconds make one.
    const SECOND: i64 = 1_000_000;

    fn taken(clock: &mut CameraClock, stamp: i64, arrived: Moment) -> Moment {
        let late = clock.arrived(stamp, arrived);
        let taken = clock.taken(stamp, arrived);
        assert_eq!(late, arrived.since(taken));
        taken
    }

    #[test]
    fn jitter_of_the_network_is_taken_off() {
        let mut clock = CameraClock::default();
        let late = [0, 9_000, 0, 15_000, 3_000, 0, 12_000];
        for (n, late) in late.into_iter().enumerate() {
            let sent = 5_000_000 + n as u64 * FRAME;
            let taken = taken(&mut clock, (n as u64 * FRAME) as i64, Moment::from_micros(sent + late));
            assert!(taken.as_micros().abs_diff(sent) < 1_000, "{n}: {taken:?}");
        }
    }

    #[test]
    fn a_camera_that_sets_its_clock_is_believed_again() {
        let mut clock = CameraClock::default();
        let at = |s: u64| Moment::from_micros(s * 1_000_000);
        taken(&mut clock, 100 * SECOND, at(10));
        assert_eq!(taken(&mut clock, 5000 * SECOND, at(11)), at(11));
        assert_eq!(taken(&mut clock, 5001 * SECOND, at(12)), at(12));
        assert_eq!(taken(&mut clock, SECOND, at(13)), at(13));
        assert_eq!(taken(&mut clock, 2 * SECOND, at(14)), at(14));
        // Before the stream's own beginning.
        for n in 0..9 {
            assert_eq!(taken(&mut clock, (n - 7_000) * SECOND, at(15 + n as u64)), at(15 + n as u64));
        }
    }

    #[test]
    fn a_slow_camera_clock_does_not_pull_pictures_into_the_past() {
        let mut clock = CameraClock::default();
        let mut worst = 0;
        for n in 0..90_000u64 {
            // 200 ppm slow, for an hour.
            let arrived = n * FRAME + n * FRAME / 5_000;
            let taken = taken(&mut clock, (n * FRAME) as i64, Moment::from_micros(arrived));
            worst = worst.max(arrived - taken.as_micros());
        }
        assert!(worst < 5_000, "{worst} us behind");
    }

    #[test]
    fn a_network_that_stands_still_makes_pictures_late_and_not_new() {
        let mut clock = CameraClock::default();
        let stamp = |n: u64| (n * FRAME) as i64;
        let on_time = |n: u64| Moment::from_micros(1_000_000 + n * FRAME);
        for n in 0..50 {
            taken(&mut clock, stamp(n), on_time(n));
        }
        // 4 s of pictures come in a burst.
        for n in 50..150 {
            let arrived = on_time(150) + Duration::from_millis(n - 50);
            let taken = taken(&mut clock, stamp(n), arrived);
            assert!(taken.as_micros().abs_diff(on_time(n).as_micros()) < 5_000, "{n}: {taken:?}");
        }
        assert!(clock.arrived(stamp(160), on_time(160)) < Duration::from_millis(5));
    }

    #[test]
    fn a_camera_that_paused_and_went_on_counting_is_on_time_again_after_a_while() {
        let mut clock = CameraClock::default();
        let stamp = |n: u64| (n * FRAME) as i64;
        taken(&mut clock, stamp(0), Moment::ZERO);
        let late = (1..400).map(|n| clock.arrived(stamp(n), Moment::from_micros(30_000_000 + n * FRAME)));
        let late: Vec<_> = late.collect();
        assert!(late[0] > Duration::from_secs(29) && late[398] < Duration::from_millis(10), "{late:?}");
    }

    proptest! {
        #[test]
        fn no_picture_is_taken_after_it_arrived(steps in prop::collection::vec((-10_000_000i64..10_000_000, 0u64..10_000_000), 1..60)) {
            let (mut clock, mut stamp, mut now) = (CameraClock::default(), 0, 1_000_000_000);
            for (of_camera, of_ours) in steps {
                stamp += of_camera;
                now += of_ours;
                let arrived = Moment::from_micros(now);
                prop_assert!(taken(&mut clock, stamp, arrived) <= arrived);
            }
        }
    }
}
