//! Times as people write them into lists and schedules: days and instants, weekly hours, zones, holidays.
//!
//! What is open when is `access`'s business.

use std::sync::Arc;

use jiff::{
    Timestamp,
    civil::{Date, DateTime, Time, Weekday},
    tz::TimeZone,
};
use serde::Deserialize;
use toml::Value;

use super::{
    meaning::{Context, Names, or},
    values::HELP,
};
use crate::access::{self, Days, Holidays, Hours, Schedule};

/// A day, or an instant. Days and times without a zone are those of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub enum When {
    At(Timestamp),
    Day(Date),
}

impl std::str::FromStr for When {
    type Err = String;

    fn from_str(written: &str) -> Result<Self, String> {
        let written = written.trim();
        let zone = TimeZone::system();
        if let Ok(instant) = written.parse::<Timestamp>() {
            Ok(Self::At(instant))
        } else if written.contains([':', 'T'])
            && let Ok(local) = written.parse::<DateTime>()
            && let Ok(instant) = zone.to_timestamp(local)
        {
            Ok(Self::At(instant))
        } else if written.len() == 10
            && let Ok(day) = written.parse::<Date>()
        {
            Ok(Self::Day(day))
        } else {
            Err(format!(
                "{written:?} is no day or time; write 2026-12-24, 2026-12-24T18:00 or 2026-12-24T17:00:00Z"
            ))
        }
    }
}

impl TryFrom<Value> for When {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let text = match &value {
            Value::String(text) => text.clone(),
            Value::Datetime(time) => time.to_string(),
            other => other.to_string(),
        };
        text.parse().map_err(|error: String| error.replacen("; ", HELP, 1))
    }
}

impl When {
    /// The first instant that counts.
    pub fn begin(self) -> Option<Timestamp> {
        match self {
            Self::At(instant) => Some(instant),
            Self::Day(day) => TimeZone::system().to_timestamp(day.to_datetime(Time::midnight())).ok(),
        }
    }

    /// The first instant that does not count any more: a day counts to its end.
    pub fn end(self) -> Option<Timestamp> {
        match self {
            Self::At(instant) => Some(instant),
            Self::Day(day) => Self::Day(day.tomorrow().ok()?).begin(),
        }
    }
}

/// Weekly hours: `"mon-fri 07:00-18:00"`, `"sat,sun 10:00-14:00"`, `"daily 00:00-24:00"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct HoursWord(pub Hours);

const WEEK: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

fn days(written: &str) -> Option<Days> {
    if written == "daily" {
        return Some(Days::ALL);
    }
    let position = |name: &str| WEEK.iter().position(|(word, _)| *word == name.trim());
    let mut found = Vec::new();
    for part in written.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (position(first)?, position(last)?);
        // "sat-mon" goes over the end of the week.
        let count = (last + 7 - first) % 7 + 1;
        found.extend(WEEK.iter().cycle().skip(first).take(count).map(|(_, day)| *day));
    }
    Some(Days::of(&found))
}

fn time_of_day(written: &str) -> Option<(u16, u16)> {
    let (hour, minute) = written.split_once(':')?;
    let two = |text: &str| (text.len() == 2).then(|| text.parse().ok()).flatten();
    Some((two(hour)?, two(minute)?))
}

impl TryFrom<Value> for HoursWord {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let help = format!(
            "{HELP}write days and times: \"mon-fri 07:00-18:00\", \"sat,sun 10:00-14:00\" or \"daily 22:00-06:00\""
        );
        let bad = || format!("{value} says no hours{help}");
        let (which, times) = value.as_str().and_then(|text| text.trim().split_once(' ')).ok_or_else(bad)?;
        let (from, to) = times.trim().split_once('-').ok_or_else(bad)?;
        let times = time_of_day(from.trim()).zip(time_of_day(to.trim()));
        let ((from, to), days) = times.zip(days(which)).ok_or_else(bad)?;
        Hours::new(days, from, to).map(Self).map_err(|error| format!("{value}: {error}{help}"))
    }
}

/// A zone of the time zone database: `"Europe/Bucharest"`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct ZoneWord(pub TimeZone);

impl TryFrom<Value> for ZoneWord {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let name = value.as_str().unwrap_or_default();
        let zone = if name == "system" { Ok(TimeZone::system()) } else { TimeZone::get(name) };
        zone.map(Self).map_err(|_| {
            format!("{value} is no time zone{HELP}write a name such as \"Europe/Bucharest\", or \"system\"")
        })
    }
}

/// A holiday: `"2026-12-25"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct DayWord(pub Date);

impl TryFrom<Value> for DayWord {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match When::try_from(value.clone()) {
            Ok(When::Day(day)) => Ok(Self(day)),
            _ => Err(format!("{value} is no day{HELP}write \"2026-12-25\"")),
        }
    }
}

/// The schedules of all files.
pub(super) fn schedules(context: &mut Context<'_>) -> Vec<Arc<Schedule>> {
    let mut schedules: Vec<Arc<Schedule>> = Vec::new();
    let mut names = Names::default();
    let merged = context.merged;
    for placed in &merged.schedules {
        let (table, at) = (placed.get(), placed.span());
        let name = context.needed(&table.name, "name", &at, "\"office\"");
        let hours = context.needed(&table.hours, "hours", &at, "[\"mon-fri 07:00-18:00\"]");
        let Some(name) = name else { continue };
        if !names.take(context, "schedules", name, placed.file) {
            continue;
        }
        schedules.push(Arc::new(Schedule {
            name: name.get_ref().0.clone(),
            zone: or(&table.zone, TimeZone::system(), |zone| zone.0.clone()),
            hours: hours.map_or_else(Vec::new, |all| all.get_ref().iter().map(|hours| hours.0).collect()),
            holidays: or(&table.holidays, [].into(), |all| all.iter().map(|day| day.0).collect()),
            on_holidays: or(&table.on_holidays, Holidays::Closed, |word| word.0),
        }));
    }
    schedules
}

/// What holds for all lists.
pub(super) fn rules(context: &Context<'_>) -> access::Rules {
    let mut rules = access::Rules::default();
    if let Some(table) = context.merged.access.as_ref().map(super::merge::Placed::get) {
        rules.anti_passback = or(&table.anti_passback, rules.anti_passback, |word| word.0);
        rules.capacity = or(&table.capacity, rules.capacity, |step| step.0.map(|n| n.0));
        rules.longest_stay = or(&table.longest_stay, rules.longest_stay, |time| time.0);
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_counts_to_its_end_and_an_instant_is_itself() {
        let day: When = "2026-12-24".parse().unwrap();
        let next: When = "2026-12-25".parse().unwrap();
        assert_eq!(day.end(), next.begin());
        let instant: When = "2026-12-24T18:00:00+02:00".parse().unwrap();
        assert_eq!(instant.begin(), Some("2026-12-24T16:00:00Z".parse().unwrap()));
        assert_eq!(instant.begin(), instant.end());
        let local: When = "2026-12-24T18:00".parse().unwrap();
        assert!(matches!(local, When::At(_)), "{local:?}");
        for bad in ["", "tomorrow", "24.12.2026", "2026-13-01", "2026-12-24 ", "20261224", "18:00"] {
            let read: Result<When, String> = bad.parse();
            assert_eq!(read.is_ok(), bad == "2026-12-24 ", "{bad:?}");
        }
        assert_eq!(
            When::try_from("2026-12-24".parse::<toml::value::Datetime>().map(Value::Datetime).unwrap()),
            Ok(day)
        );
        assert!(When::try_from(Value::Integer(5)).unwrap_err().contains("help: write 2026-12-24"));
    }

    #[test]
    fn hours_are_days_and_times() {
        let hours = |text: &str| HoursWord::try_from(Value::from(text)).map(|h| h.0);
        assert_eq!(hours("mon-fri 07:00-18:00"), Ok(Hours::new(Days::WORKING, (7, 0), (18, 0)).unwrap()));
        let weekend = Days::of(&[Weekday::Saturday, Weekday::Sunday]);
        assert_eq!(hours("sat,sun 10:00 - 14:30"), Ok(Hours::new(weekend, (10, 0), (14, 30)).unwrap()));
        let over = Days::of(&[Weekday::Saturday, Weekday::Sunday, Weekday::Monday]);
        assert_eq!(hours("sat-mon 22:00-06:00"), Ok(Hours::new(over, (22, 0), (6, 0)).unwrap()));
        assert_eq!(hours("daily 00:00-24:00"), Ok(Hours::new(Days::ALL, (0, 0), (24, 0)).unwrap()));
        for bad in [
            "",
            "mon",
            "mon 7-18",
            "mon 07:00",
            "fry 07:00-18:00",
            "mon 08:00-08:00",
            "mon 07:00-25:00",
            "mon,, 07:00-08:00",
        ] {
            assert!(hours(bad).unwrap_err().contains("help: write days and times"), "{bad}");
        }
    }
}
