//! Is the wall clock to be believed: has it been set, and does it stand still where it was put?
//!
//! The rule. A clock that shows a time before this program was written has not been set. A later one has, if a time server
//! has set it since the start of the machine, if a clock with a battery shows about the same, if somebody sets it while we
//! look, or if there is nobody who could say: a machine without a time server must not be shut out for ever. What is left
//! are machines where a time server is waited for and no battery kept the time: there the clock shows the hour of the last
//! shutdown, and until the server answers nobody knows what time it is. (The kernel would know of other time servers too,
//! but a service that must not set the clock may not ask it.)
//!
//! A clock that jumps ten years ahead for a minute must not make the journal too old: after a jump nothing is erased by
//! age for a day.
//!
//! Pure: times and signs come as arguments.

use std::time::Duration;

use jiff::Timestamp;

use super::board::Board;
use crate::clock::Moment;

/// A clock before this has never been set: this program is younger.
pub(super) const BIRTH: i64 = 1_764_000_000;
/// A larger difference from the monotonic time is a jump; leap seconds and slewing stay far below.
const JUMP: i64 = 3600;
/// A smaller one shows that somebody set it.
const SET: i64 = 2;
/// So long after a jump nothing is erased by age: time for somebody, or NTP, to set it right.
const HOLD: Duration = Duration::from_secs(24 * 3600);
/// A clock with a battery may run in local time.
const ABOUT: u64 = 26 * 3600;

/// Has this clock ever been set, whenever that was?
pub(super) fn has_ever_been_set(wall: Timestamp) -> bool {
    wall.as_second() >= BIRTH
}

/// What the machine says of its clock.
#[derive(Debug, Clone, Default)]
pub(super) struct Signs {
    /// A time server has set it; `None`: nobody here would know.
    pub server: Option<bool>,
    /// What clocks with a battery show.
    pub batteries: Vec<i64>,
}

impl Signs {
    pub(super) fn of(board: &Board) -> Self {
        Self { server: board.is_time_set(), batteries: board.clocks() }
    }

    /// It shows about the right time.
    pub(super) fn speak_for(&self, wall: Timestamp) -> bool {
        let about = |clock: &i64| *clock >= BIRTH && clock.abs_diff(wall.as_second()) <= ABOUT;
        has_ever_been_set(wall) && (self.server != Some(false) || self.batteries.iter().any(about))
    }
}

#[derive(Debug, Default)]
pub(super) struct ClockWatch {
    /// Seconds from the monotonic to the wall time, when last looked at.
    offset: Option<i64>,
    held_until: Moment,
    /// Somebody has set it since we began to look.
    was_set: bool,
    /// As it was told last.
    believed: Option<bool>,
}

impl ClockWatch {
    /// Whether what is too old by this clock may be erased. To be asked often: it sees jumps between two questions.
    pub(super) fn is_steady(&mut self, now: Moment, wall: Timestamp) -> bool {
        let offset = wall.as_second().saturating_sub_unsigned(now.as_micros() / 1_000_000);
        let jumped = self.offset.replace(offset).map_or(0, |before| offset.saturating_sub(before));
        self.was_set |= jumped.abs() > SET;
        if jumped.abs() > JUMP {
            tracing::warn!(seconds = jumped, "the clock was set; nothing is erased by age for a day");
            self.held_until = now + HOLD;
        }
        now >= self.held_until
    }

    /// Whether it shows about the right time. Signs are asked for until they speak for it; then it is believed as long as
    /// it does not fall behind this program's birth.
    pub(super) fn is_set(&mut self, wall: Timestamp, signs: impl FnOnce() -> Signs) -> bool {
        let believed = has_ever_been_set(wall)
            && (self.was_set || self.believed == Some(true) || signs().speak_for(wall));
        if self.believed.replace(believed) != Some(believed) {
            match believed {
                true => tracing::info!(%wall, "the clock is set"),
                false => tracing::warn!(
                    %wall,
                    "nobody has set the clock: what happens is marked, entries bound to times let nobody in, nothing is \
                     erased by age"
                ),
            }
        }
        believed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(s: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + s).unwrap()
    }

    fn at(s: u64) -> Moment {
        Moment::from_micros(s * 1_000_000)
    }

    #[test]
    fn a_jump_holds_the_erasure_for_a_day() {
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

    #[test]
    fn a_clock_is_set_by_a_server_a_battery_a_hand_or_for_want_of_anybody_who_knows() {
        let now = wall(0).as_second();
        let check = |wall: i64, server: Option<bool>, batteries: &[i64], set: bool| {
            let signs = Signs { server, batteries: batteries.to_vec() };
            let wall = Timestamp::from_second(wall).unwrap();
            assert_eq!(signs.speak_for(wall), set, "{wall} {signs:?}");
            assert_eq!(ClockWatch::default().is_set(wall, || signs), set);
        };
        check(12, None, &[], false);
        check(12, Some(true), &[12], false);
        check(now, Some(true), &[], true);
        check(now, None, &[], true);
        // A board without a battery that waits for its server shows the time of its last shutdown.
        check(now, Some(false), &[], false);
        check(now, Some(false), &[40], false);
        check(now, Some(false), &[now + 3], true);
        check(now, Some(false), &[40, now - 7200], true);
    }

    #[test]
    fn a_clock_that_somebody_sets_is_believed_from_then_on() {
        let waits = || Signs { server: Some(false), batteries: Vec::new() };
        let mut watch = ClockWatch::default();
        let mut look = |s: u64, wall: Timestamp| {
            watch.is_steady(at(s), wall);
            watch.is_set(wall, waits)
        };
        assert!(!look(0, Timestamp::UNIX_EPOCH));
        assert!(!look(1, Timestamp::from_second(1).unwrap()));
        assert!(look(2, wall(2)));
        assert!(look(3, wall(3)));
        assert!(!look(4, Timestamp::from_second(90).unwrap()), "what is before our birth is never believed");
        assert!(look(5, wall(5)));
    }
}
