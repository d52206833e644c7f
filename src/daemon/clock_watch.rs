//! Is the wall clock to be believed? A clock that jumps ten years ahead for a minute must not make the journal too old.
//!
//! Pure: both times come as arguments.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::Moment;

/// A larger difference from the monotonic time is a jump; leap seconds and slewing stay far below.
const JUMP: i64 = 3600;
/// So long after a jump nothing is erased by age: time for somebody, or NTP, to set it right.
const HOLD: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug, Default)]
pub(super) struct ClockWatch {
    /// Seconds from the monotonic to the wall time, when last looked at.
    offset: Option<i64>,
    held_until: Moment,
}

impl ClockWatch {
    /// Whether what is too old by this clock may be erased. To be asked often: it sees jumps between two questions.
    pub(super) fn is_steady(&mut self, now: Moment, wall: Timestamp) -> bool {
        let offset = wall.as_second().saturating_sub_unsigned(now.as_micros() / 1_000_000);
        let jumped = self.offset.replace(offset).map(|before| offset.saturating_sub(before));
        if let Some(seconds) = jumped.filter(|seconds| seconds.abs() > JUMP) {
            tracing::warn!(seconds, "the clock was set; nothing is erased by age for a day");
            self.held_until = now + HOLD;
        }
        now >= self.held_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_holds_the_erasure_for_a_day() {
        let wall = |s: i64| Timestamp::from_second(1_790_000_000 + s).unwrap();
        let at = |s: u64| Moment::from_micros(s * 1_000_000);
        let mut watch = ClockWatch::default();
        assert!(watch.is_steady(at(0), wall(0)));
        assert!(watch.is_steady(at(60), wall(61)), "slewing is no jump");
        let ahead = 315_000_000;
        assert!(!watch.is_steady(at(61), wall(61 + ahead)));
        assert!(!watch.is_steady(at(3661), wall(3661 + ahead)));
        assert!(!watch.is_steady(at(3700), wall(3700)), "back again is another jump");
        assert!(!watch.is_steady(at(3700 + 86_399), wall(3700 + 86_399)));
        assert!(watch.is_steady(at(3700 + 86_400), wall(3700 + 86_400)));
    }
}
