//! From a camera's own clock to ours: when a picture was taken, as well as its arrival and its stamp can tell.
//!
//! Pure: takes arrival times and stamps as arguments.

use std::time::Duration;

use crate::clock::Moment;

/// A camera whose stamps jump by more than this against our clock has set its clock anew.
const JUMP: Duration = Duration::from_secs(2);
/// Pictures that are all late for this long, though their stamps go on evenly, are not late: the camera paused.
const LATE_FOR_GOOD: Duration = Duration::from_secs(5);
/// How fast the estimate follows a camera whose clock runs slow: one part in so many.
const DRIFT: u32 = 2_000;

/// Learns how long a picture takes to reach us at the fastest, and takes that for the constant delay.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct CameraClock {
    known: Option<Known>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    /// Our time at the camera's zero, as the fastest picture so far shows it.
    zero: Moment,
    /// Of the last picture.
    stamp: Duration,
    arrived: Moment,
    /// Since when every picture has been later than a jump.
    late_since: Option<Moment>,
}

impl CameraClock {
    /// Takes in that a picture with this stamp (time since the stream began) arrived now. Returns how much later it
    /// came than the fastest ones do: what the network and we ourselves held it up.
    pub(super) fn arrived(&mut self, stamp: Duration, arrived: Moment) -> Duration {
        let zero_now = Moment::from_micros(arrived.as_micros().saturating_sub(micros(stamp)));
        let Some(known) = self.known else {
            self.known = Some(Known { zero: zero_now, stamp, arrived, late_since: None });
            return Duration::ZERO;
        };
        let passed = stamp.saturating_sub(known.stamp);
        let expected = known.zero + stamp;
        let early = expected.since(arrived) > JUMP;
        let is_late = arrived.since(expected) > JUMP;
        // Held up on the way, pictures come late with even stamps; the camera's own clock jumps in its stamps.
        let stepped = stamp + JUMP < known.stamp || passed > arrived.since(known.arrived) + JUMP;
        let late_since = is_late.then(|| known.late_since.unwrap_or(arrived));
        let for_good = late_since.is_some_and(|since| arrived.since(since) > LATE_FOR_GOOD);
        let anew = early || stepped || for_good || zero_now < known.zero;
        let zero = if anew {
            zero_now
        } else {
            // Later than the fastest: network jitter, or a camera clock that runs slow. Follow slowly.
            (known.zero + passed / DRIFT).min(zero_now)
        };
        let late_since = late_since.filter(|_| !anew);
        self.known = Some(Known { zero, stamp, arrived, late_since });
        arrived.since(zero + stamp)
    }

    /// When a picture with this stamp was taken; never later than `now`.
    pub(super) fn taken(&self, stamp: Duration, now: Moment) -> Moment {
        self.known.map_or(now, |known| (known.zero + stamp).min(now))
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FRAME: u64 = 40_000;

    fn taken(clock: &mut CameraClock, stamp: Duration, arrived: Moment) -> Moment {
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
            let taken =
                taken(&mut clock, Duration::from_micros(n as u64 * FRAME), Moment::from_micros(sent + late));
            assert!(taken.as_micros().abs_diff(sent) < 1_000, "{n}: {taken:?}");
        }
    }

    #[test]
    fn a_camera_that_sets_its_clock_is_believed_again() {
        let mut clock = CameraClock::default();
        let at = |s: u64| Moment::from_micros(s * 1_000_000);
        taken(&mut clock, Duration::from_secs(100), at(10));
        assert_eq!(taken(&mut clock, Duration::from_secs(5000), at(11)), at(11));
        assert_eq!(taken(&mut clock, Duration::from_secs(5001), at(12)), at(12));
        assert_eq!(taken(&mut clock, Duration::from_secs(1), at(13)), at(13));
        assert_eq!(taken(&mut clock, Duration::from_secs(2), at(14)), at(14));
    }

    #[test]
    fn a_slow_camera_clock_does_not_pull_pictures_into_the_past() {
        let mut clock = CameraClock::default();
        let mut worst = 0;
        for n in 0..90_000u64 {
            // 200 ppm slow, for an hour.
            let arrived = n * FRAME + n * FRAME / 5_000;
            let taken = taken(&mut clock, Duration::from_micros(n * FRAME), Moment::from_micros(arrived));
            worst = worst.max(arrived - taken.as_micros());
        }
        assert!(worst < 5_000, "{worst} us behind");
    }

    #[test]
    fn a_network_that_stands_still_makes_pictures_late_and_not_new() {
        let mut clock = CameraClock::default();
        let stamp = |n: u64| Duration::from_micros(n * FRAME);
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
        let stamp = |n: u64| Duration::from_micros(n * FRAME);
        taken(&mut clock, stamp(0), Moment::ZERO);
        let late = (1..400).map(|n| clock.arrived(stamp(n), Moment::from_micros(30_000_000 + n * FRAME)));
        let late: Vec<_> = late.collect();
        assert!(late[0] > Duration::from_secs(29) && late[398] < Duration::from_millis(10), "{late:?}");
    }

    proptest! {
        #[test]
        fn no_picture_is_taken_after_it_arrived(steps in prop::collection::vec((0u64..10_000_000, 0u64..10_000_000), 1..60)) {
            let (mut clock, mut stamp, mut now) = (CameraClock::default(), 0, 0);
            for (of_camera, of_ours) in steps {
                stamp += of_camera;
                now += of_ours;
                let arrived = Moment::from_micros(now);
                prop_assert!(taken(&mut clock, Duration::from_micros(stamp), arrived) <= arrived);
            }
        }
    }
}
