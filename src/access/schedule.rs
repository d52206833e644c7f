//! When an entry counts: weekly hours in a time zone, with holidays.
//!
//! An instant is turned into the time on the wall clock of the zone and that is compared, so the hour that comes
//! twice in autumn is inside (or outside) both times and the one that is left out in spring is never asked for.

use std::collections::BTreeSet;

use jiff::{
    Timestamp,
    civil::{Date, Weekday},
    tz::TimeZone,
};

const DAY: u16 = 24 * 60;

/// Some days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Days(u8);

impl Days {
    pub const ALL: Self = Self(0b111_1111);
    /// Monday to Friday.
    pub const WORKING: Self = Self(0b001_1111);

    pub fn of(days: &[Weekday]) -> Self {
        Self(days.iter().fold(0, |set, day| set | Self::bit(*day)))
    }

    pub fn has(self, day: Weekday) -> bool {
        self.0 & Self::bit(day) != 0
    }

    fn bit(day: Weekday) -> u8 {
        1 << day.to_monday_zero_offset()
    }
}

/// From one time of day to another, on some days. Past midnight if the end is not after the begin; such hours
/// belong to the day they begin on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    days: Days,
    /// Minutes since midnight: begin in 0..1440, end in 1..=1440.
    from: u16,
    to: u16,
}

/// Why hours are no hours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    #[error("{0:02}:{1:02} is no time of day; use 00:00 to 24:00")]
    Time(u16, u16),
    #[error("hours begin and end at the same time; for a whole day write 00:00 to 24:00")]
    Empty,
    #[error("hours begin at 24:00; write 00:00 of the next day")]
    Late,
    #[error("hours without a day of the week never come")]
    NoDay,
}

impl Hours {
    /// `from` and `to` as (hour, minute).
    pub fn new(days: Days, from: (u16, u16), to: (u16, u16)) -> Result<Self, ScheduleError> {
        let minutes = |(hour, minute): (u16, u16)| {
            let sum = hour.checked_mul(60).and_then(|m| m.checked_add(minute));
            sum.filter(|sum| minute < 60 && *sum <= DAY).ok_or(ScheduleError::Time(hour, minute))
        };
        let (from, to) = (minutes(from)?, minutes(to)?);
        match (from, to) {
            _ if days == Days::default() => Err(ScheduleError::NoDay),
            (DAY, _) => Err(ScheduleError::Late),
            (from, to) if from == to => Err(ScheduleError::Empty),
            // "22:00 to 00:00" ends with the day.
            (_, 0) => Ok(Self { days, from, to: DAY }),
            _ => Ok(Self { days, from, to }),
        }
    }

    fn crosses_midnight(self) -> bool {
        self.to <= self.from
    }
}

/// What the weekly hours mean on a holiday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Holidays {
    /// No hours begin on it.
    #[default]
    Closed,
    /// It has Sunday's hours.
    LikeSunday,
    /// It is a day like any other.
    Ignored,
}

/// Weekly hours in a time zone.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    pub name: String,
    pub zone: TimeZone,
    pub hours: Vec<Hours>,
    pub holidays: BTreeSet<Date>,
    pub on_holidays: Holidays,
}

impl Schedule {
    /// Whether the schedule is open at this instant.
    pub fn is_open(&self, at: Timestamp) -> bool {
        let wall = self.zone.to_datetime(at);
        let minute = u16::try_from(i32::from(wall.hour()) * 60 + i32::from(wall.minute())).unwrap_or(0);
        let today = wall.date();
        let now = |h: &Hours| minute >= h.from && (h.crosses_midnight() || minute < h.to);
        let since_yesterday = |h: &Hours| h.crosses_midnight() && minute < h.to;
        self.begins(today).any(now)
            || today.yesterday().is_ok_and(|yesterday| self.begins(yesterday).any(since_yesterday))
    }

    /// The hours that begin on this day.
    fn begins(&self, day: Date) -> impl Iterator<Item = &Hours> {
        let weekday = match (self.holidays.contains(&day), self.on_holidays) {
            (true, Holidays::Closed) => None,
            (true, Holidays::LikeSunday) => Some(Weekday::Sunday),
            _ => Some(day.weekday()),
        };
        self.hours.iter().filter(move |h| weekday.is_some_and(|day| h.days.has(day)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(hours: &[Hours]) -> Schedule {
        Schedule {
            name: "s".to_owned(),
            zone: TimeZone::get("Europe/Berlin").unwrap(),
            hours: hours.to_vec(),
            holidays: BTreeSet::from([Date::constant(2026, 12, 25)]),
            on_holidays: Holidays::Closed,
        }
    }

    fn working() -> Hours {
        Hours::new(Days::WORKING, (7, 0), (18, 0)).unwrap()
    }

    fn night() -> Hours {
        Hours::new(Days::of(&[Weekday::Saturday]), (22, 0), (6, 0)).unwrap()
    }

    fn check(schedule: &Schedule, instant: &str, open: bool) {
        let at: Timestamp = instant.parse().unwrap();
        assert_eq!(schedule.is_open(at), open, "{instant}");
    }

    #[test]
    fn hours_are_those_of_the_wall_clock_in_the_zone() {
        let s = schedule(&[working()]);
        check(&s, "2026-11-23T05:59:59Z", false); // Monday 06:59 in Berlin
        check(&s, "2026-11-23T06:00:00Z", true);
        check(&s, "2026-11-23T16:59:59Z", true);
        check(&s, "2026-11-23T17:00:00Z", false);
        check(&s, "2026-11-22T10:00:00Z", false); // Sunday
        check(&s, "2026-07-20T05:00:00Z", true); // the same hour in summer time
    }

    #[test]
    fn a_night_shift_belongs_to_the_day_it_begins_on() {
        let s = schedule(&[night()]);
        check(&s, "2026-11-21T20:59:00Z", false);
        check(&s, "2026-11-21T21:00:00Z", true);
        check(&s, "2026-11-22T04:59:00Z", true); // Sunday morning
        check(&s, "2026-11-22T05:00:00Z", false);
        check(&s, "2026-11-22T21:30:00Z", false); // Sunday night
    }

    #[test]
    fn the_hour_that_comes_twice_is_open_both_times() {
        // 25 October 2026, 03:00 summer time is 02:00 winter time again.
        let s = schedule(&[Hours::new(Days::ALL, (2, 0), (3, 0)).unwrap()]);
        check(&s, "2026-10-24T23:59:00Z", false);
        check(&s, "2026-10-25T00:30:00Z", true); // 02:30, first time
        check(&s, "2026-10-25T01:30:00Z", true); // 02:30, second time
        check(&s, "2026-10-25T02:00:00Z", false);
    }

    #[test]
    fn a_shift_over_the_lost_hour_goes_on_until_its_end() {
        // 29 March 2026, 02:00 becomes 03:00.
        let s = schedule(&[night()]);
        check(&s, "2026-03-29T00:59:00Z", true); // 01:59
        check(&s, "2026-03-29T01:00:00Z", true); // 03:00
        check(&s, "2026-03-29T04:00:00Z", false); // 06:00
    }

    #[test]
    fn holidays_are_closed_or_like_sunday_or_like_any_day() {
        let mut s =
            schedule(&[working(), Hours::new(Days::of(&[Weekday::Sunday]), (9, 0), (10, 0)).unwrap()]);
        let cases = [
            (Holidays::Closed, false, false),
            (Holidays::LikeSunday, false, true),
            (Holidays::Ignored, true, true),
        ];
        for (rule, at_noon, at_nine) in cases {
            s.on_holidays = rule;
            check(&s, "2026-12-25T11:00:00Z", at_noon); // a Friday
            check(&s, "2026-12-25T08:30:00Z", at_nine);
        }
    }

    #[test]
    fn hours_that_make_no_sense_are_refused() {
        let hours = |from, to| Hours::new(Days::ALL, from, to);
        assert_eq!(hours((7, 60), (8, 0)), Err(ScheduleError::Time(7, 60)));
        assert_eq!(hours((7, 0), (24, 1)), Err(ScheduleError::Time(24, 1)));
        assert_eq!(hours((8, 0), (8, 0)), Err(ScheduleError::Empty));
        assert_eq!(hours((24, 0), (8, 0)), Err(ScheduleError::Late));
        assert_eq!(Hours::new(Days::default(), (1, 0), (2, 0)), Err(ScheduleError::NoDay));
        assert_eq!(hours((65_000, 65_000), (8, 0)), Err(ScheduleError::Time(65_000, 65_000)));
        assert!(hours((0, 0), (24, 0)).is_ok() && hours((22, 0), (0, 0)).is_ok());
    }
}
