//! From a camera's own clock to ours: when a picture was taken, as well as its arrival and its stamp can tell.
//!
//! Pure: takes arrival times and stamps as arguments.

use std::time::Duration;

use crate::clock::Moment;

/// A camera whose clock and ours disagree by more than this has set its clock anew.
const JUMP: Duration = Duration::from_secs(2);
/// How fast the estimate follows a camera whose clock runs slow: one part in so many.
const DRIFT: u32 = 2_000;

/// Learns how long a picture takes to reach us at the fastest, and takes that for the constant delay.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct CameraClock {
    /// Our time at the camera's zero, as the fastest picture so far shows it; and the last picture's stamp.
    known: Option<(Moment, Duration)>,
}

impl CameraClock {
    /// When a picture with this stamp (time since the stream began) was taken that arrived at `arrived`.
    /// Never later than it arrived.
    pub(super) fn taken(&mut self, stamp: Duration, arrived: Moment) -> Moment {
        let zero_now = Moment::from_micros(arrived.as_micros().saturating_sub(micros(stamp)));
        let Some((zero, last)) = self.known else {
            self.known = Some((zero_now, stamp));
            return arrived;
        };
        let passed = stamp.saturating_sub(last);
        let expected = zero + stamp;
        let jumped = expected.since(arrived) > JUMP || arrived.since(expected) > JUMP || stamp + JUMP < last;
        let zero = if jumped || zero_now < zero {
            zero_now
        } else {
            // Later than the fastest: network jitter, or a camera clock that runs slow. Follow slowly.
            (zero + passed / DRIFT).min(zero_now)
        };
        self.known = Some((zero, stamp));
        (zero + stamp).min(arrived)
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

    #[test]
    fn jitter_of_the_network_is_taken_off() {
        let mut clock = CameraClock::default();
        let late = [0, 9_000, 0, 15_000, 3_000, 0, 12_000];
        for (n, late) in late.into_iter().enumerate() {
            let sent = 5_000_000 + n as u64 * FRAME;
            let taken =
                clock.taken(Duration::from_micros(n as u64 * FRAME), Moment::from_micros(sent + late));
            assert!(taken.as_micros().abs_diff(sent) < 1_000, "{n}: {taken:?}");
        }
    }

    #[test]
    fn a_camera_that_sets_its_clock_is_believed_again() {
        let mut clock = CameraClock::default();
        let at = |s: u64| Moment::from_micros(s * 1_000_000);
        clock.taken(Duration::from_secs(100), at(10));
        assert_eq!(clock.taken(Duration::from_secs(5000), at(11)), at(11));
        assert_eq!(clock.taken(Duration::from_secs(5001), at(12)), at(12));
        assert_eq!(clock.taken(Duration::from_secs(1), at(13)), at(13));
        assert_eq!(clock.taken(Duration::from_secs(2), at(14)), at(14));
    }

    #[test]
    fn a_slow_camera_clock_does_not_pull_pictures_into_the_past() {
        let mut clock = CameraClock::default();
        let mut worst = 0;
        for n in 0..90_000u64 {
            // 200 ppm slow, for an hour.
            let arrived = n * FRAME + n * FRAME / 5_000;
            let taken = clock.taken(Duration::from_micros(n * FRAME), Moment::from_micros(arrived));
            worst = worst.max(arrived - taken.as_micros());
        }
        assert!(worst < 5_000, "{worst} us behind");
    }

    proptest! {
        #[test]
        fn no_picture_is_taken_after_it_arrived(steps in prop::collection::vec((0u64..10_000_000, 0u64..10_000_000), 1..60)) {
            let (mut clock, mut stamp, mut now) = (CameraClock::default(), 0, 0);
            for (of_camera, of_ours) in steps {
                stamp += of_camera;
                now += of_ours;
                let arrived = Moment::from_micros(now);
                prop_assert!(clock.taken(Duration::from_micros(stamp), arrived) <= arrived);
            }
        }
    }
}
