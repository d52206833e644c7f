//! `amslpr passages`: what the journal holds, newest first, for people or (`--json`) for programs.

use std::io::Write;

use anyhow::Context;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::Serialize;

use super::{Exit, journal::Place};
use crate::{
    clock::{Clock, SystemClock},
    fact::privacy::searched,
    frame::CameraId,
    journal::{Day, Filter, PlateFilter, Reader, Record},
    plate::PlateText,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// One JSON object a passage, each on one line.
    #[arg(long)]
    json: bool,
    /// Count them by day instead of listing them.
    #[arg(long)]
    per_day: bool,
    #[command(flatten)]
    which: Which,
    /// At most so many.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    place: Place,
}

/// Which passages are wanted.
#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// Passages that began then or later: 2026-11-23, 2026-11-23T08:00, or an age such as 90m, 24h, 7d.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Passages that began before then; same forms.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Passages of this plate; with a * at the end, of every plate that begins so.
    #[arg(long, value_name = "PLATE")]
    plate: Option<String>,
    /// Passages of this camera.
    #[arg(long, value_name = "NAME")]
    camera: Option<String>,
}

impl Which {
    pub(super) fn filter(&self) -> anyhow::Result<Filter> {
        let now = SystemClock::start().wall();
        Ok(Filter {
            since: self.since.as_deref().map(|t| time(t, now)).transpose()?,
            until: self.until.as_deref().map(|t| time(t, now)).transpose()?,
            plate: self.plate.as_deref().map(plate).transpose()?,
            camera: self.camera.as_deref().map(CameraId::new),
            ..Filter::default()
        })
    }
}

/// A passage, as a line of JSON.
#[derive(Debug, Serialize)]
pub(super) struct PassageReport {
    id: String,
    camera: String,
    began: String,
    ended: Option<String>,
    plate: Option<String>,
    confidence: Option<f32>,
    raw: Option<String>,
    region: Option<String>,
    runner_up: Option<String>,
    votes: Option<u32>,
    frames: u32,
    direction: Option<&'static str>,
    decision: Option<&'static str>,
    reason: Option<&'static str>,
    list: Option<String>,
    engine: Option<&'static str>,
    model: Option<String>,
    live: bool,
    /// Its plate was erased by request.
    erased: bool,
    /// `unset` where nobody had set the node's clock: its times say nothing.
    clock: Option<&'static str>,
}

impl From<&Record> for PassageReport {
    fn from(record: &Record) -> Self {
        let (p, reading, decision) =
            (&record.passage, record.passage.reading.as_ref(), record.decision.as_ref());
        Self {
            id: p.id.to_string(),
            camera: p.camera.to_string(),
            began: p.began.to_string(),
            ended: p.ended.map(|t| t.to_string()),
            plate: reading.map(|r| r.text.to_string()),
            confidence: reading.map(|r| (r.confidence.value() * 1e3).round() / 1e3),
            raw: reading.map(|r| r.raw.to_string()),
            region: reading.and_then(|r| r.region).map(|r| r.to_string()),
            runner_up: reading.and_then(|r| r.runner_up.as_ref()).map(|(text, _)| text.to_string()),
            votes: reading.map(|r| r.votes),
            frames: p.frames,
            direction: p.direction.map(|d| d.as_str()),
            decision: decision.map(|d| d.verdict.as_str()),
            reason: decision.map(|d| d.reason.as_str()),
            list: decision.and_then(|d| d.list.clone()),
            engine: reading.map(|r| r.engine.as_str()),
            model: reading.map(|r| r.model.clone()),
            live: p.live,
            erased: record.erased,
            clock: record.clock_unset.then_some("unset"),
        }
    }
}

/// An absolute time, or an age counted back from `now`.
fn time(written: &str, now: Timestamp) -> anyhow::Result<Timestamp> {
    if let Ok(time) = written.parse::<Timestamp>() {
        return Ok(time);
    }
    if let Ok(local) = written.parse::<jiff::civil::DateTime>() {
        return Ok(TimeZone::system().to_timestamp(local)?);
    }
    if let Ok(day) = written.parse::<jiff::civil::Date>() {
        return Ok(TimeZone::system().to_timestamp(day.to_datetime(jiff::civil::Time::midnight()))?);
    }
    let age = written
        .strip_suffix('d')
        .and_then(|days| days.trim().parse::<i64>().ok())
        .and_then(|days| days.checked_mul(24))
        .map(SignedDuration::from_hours)
        .or_else(|| written.parse::<SignedDuration>().ok());
    age.and_then(|age| now.checked_sub(age).ok()).with_context(|| {
        format!("{written:?} is no time; write 2026-11-23, 2026-11-23T08:00, or an age such as 90m, 24h, 7d")
    })
}

fn plate(written: &str) -> anyhow::Result<PlateFilter> {
    let context = || format!("{written:?} is no plate");
    Ok(match written.strip_suffix('*') {
        Some(start) => PlateFilter::StartsWith(PlateText::normalise(start).with_context(context)?),
        None => PlateFilter::Exactly(PlateText::normalise(written).with_context(context)?),
    })
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut filter = args.which.filter()?;
    let Some(found) = args.place.find() else { return Ok(Exit::Configuration) };
    if let (Some(config), Some(PlateFilter::Exactly(plate))) = (&found.config, &mut filter.plate) {
        if let Some(missing) = config.privacy.mode.trouble() {
            anyhow::bail!("plates are kept under pseudonyms, whose key is not to be had: {missing}");
        }
        *plate = searched(&config.privacy.mode, plate);
    }
    let mut reader = Reader::open(&found.path)?;
    if args.per_day {
        return print_days(&mut reader, &filter, args.json);
    }
    let records = reader.passages(&Filter { limit: Some(args.limit), ..filter })?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    if args.json {
        for record in &records {
            writeln!(out, "{}", serde_json::to_string(&PassageReport::from(record))?)?;
        }
    } else {
        print_table(&mut out, &records)?;
    }
    out.flush()?;
    Ok(Exit::Success)
}

fn print_table(out: &mut impl Write, records: &[Record]) -> std::io::Result<()> {
    writeln!(
        out,
        "  {:<19}  {:<12}  {:<12}  {:>4}  {:<11}  {:>6}  decision",
        "began", "camera", "plate", "conf", "direction", "frames"
    )?;
    for record in records {
        let p = &record.passage;
        let began = p.began.to_zoned_datetime(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string();
        let (plate, confidence) = match &p.reading {
            Some(r) => (r.text.to_string(), r.confidence.to_string()),
            None if record.erased => ("(erased)".to_owned(), "-".to_owned()),
            None => ("(unreadable)".to_owned(), "-".to_owned()),
        };
        let direction = p.direction.map_or("-", |d| d.as_str());
        let decision = record.decision.as_ref().map_or_else(String::new, |d| {
            let list = d.list.as_deref().map(|l| format!(" on {l}")).unwrap_or_default();
            format!("{} ({}{list})", d.verdict.as_str(), d.reason.as_str())
        });
        let clock = if record.clock_unset { "  (nobody had set the clock)" } else { "" };
        writeln!(
            out,
            "  {began:<19}  {:<12}  {plate:<12}  {confidence:>4}  {direction:<11}  {:>6}  {decision}{clock}",
            p.camera.as_str(),
            p.frames
        )?;
    }
    if records.is_empty() {
        writeln!(out, "  no passage fits")?;
    }
    Ok(())
}

fn print_days(reader: &mut Reader, filter: &Filter, json: bool) -> anyhow::Result<Exit> {
    let days = reader.days(filter, &TimeZone::system())?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    if !json {
        writeln!(out, "  {:<10}  {:>8}  {:>11}  {:>8}", "day", "passages", "approaching", "leaving")?;
    }
    for (date, Day { passages, approaching, leaving }) in days {
        if json {
            let day = serde_json::json!({
                "day": date.to_string(), "passages": passages, "approaching": approaching, "leaving": leaving
            });
            writeln!(out, "{day}")?;
        } else {
            writeln!(out, "  {:<10}  {passages:>8}  {approaching:>11}  {leaving:>8}", date.to_string())?;
        }
    }
    out.flush()?;
    Ok(Exit::Success)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_absolute_or_ages() {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let check = |written: &str, expected: &str| {
            assert_eq!(time(written, now).unwrap(), expected.parse::<Timestamp>().unwrap(), "{written}");
        };
        check("2026-11-20T00:00:00Z", "2026-11-20T00:00:00Z");
        check("90m", "2026-11-23T10:30:00Z");
        check("24h", "2026-11-22T12:00:00Z");
        check("7d", "2026-11-16T12:00:00Z");
        assert!(time("yesterday", now).is_err());
    }

    #[test]
    fn a_star_asks_for_every_plate_that_begins_so() {
        assert_eq!(plate("ab 12*").unwrap(), PlateFilter::StartsWith(PlateText::normalise("AB12").unwrap()));
        assert_eq!(plate("ab-12").unwrap(), PlateFilter::Exactly(PlateText::normalise("AB12").unwrap()));
        assert!(plate("*").is_err());
    }
}
