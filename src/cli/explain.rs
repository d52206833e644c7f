//! `amslpr explain PASSAGE`: why it was decided so, from what the journal kept of it.
//!
//! Gathers; how it is shown stands in `page`. What was not kept (the limits of the vote, the lists of that day) is
//! taken from the configuration as it is now, and said to be so.

mod page;

use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;

use super::Exit;
use crate::{
    access::{self, Decision, Memory, Question, Reason},
    config::{self, Config, plates::written_time},
    fact::{Decided, ReadSummary},
    journal::{IdPrefix, ListStore, Reader, Record},
    passage::{PassageId, Reading, vote},
    plate::{PlateText, confusion, syntax},
};

/// Passages named where a prefix fits several.
const MOST_NAMED: usize = 5;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The passage's id, or as many characters of its beginning as tell it from others.
    passage: IdPrefix,
    /// One JSON object.
    #[arg(long)]
    json: bool,
    /// The daemon's configuration, which names the journal and the lists.
    #[arg(long, value_name = "FILE", default_value = config::MAIN_FILE)]
    config: PathBuf,
    /// A journal file, whatever the configuration says.
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
}

/// All there is to say.
#[derive(Debug, Serialize)]
struct Explanation {
    id: String,
    camera: String,
    live: bool,
    began: Option<String>,
    ended: Option<String>,
    direction: Option<&'static str>,
    frames: Option<u32>,
    tracks: Option<u32>,
    decision: Option<Ruling>,
    /// The vote as it stood when it was decided.
    decided_on: Option<Vote>,
    /// The vote of all reads; `null` while the vehicle is still there.
    vote: Option<Vote>,
    reads: Vec<Read>,
    lists_now: Option<ListsNow>,
}

/// The decision and its grounds.
#[derive(Debug, Serialize)]
struct Ruling {
    at: String,
    verdict: &'static str,
    reason: &'static str,
    meaning: &'static str,
    list: Option<String>,
    note: Option<String>,
    /// The entry's plate, where it is another text, and how far the two are apart.
    matched: Option<(String, f32)>,
    watched_by: Option<String>,
    /// What was missing or known besides, one sentence each.
    grounds: Vec<String>,
    /// The entry that came nearest: list, plate, distance.
    nearest: Option<(String, String, f32)>,
    latency_ms: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Vote {
    plate: String,
    confidence: f32,
    raw: String,
    /// The country whose format fits, and the format's name.
    format: Option<(String, &'static str)>,
    runner_up: Option<(String, f32)>,
    sure: bool,
    votes: u32,
    agreeing: u32,
    engine: &'static str,
    model: String,
    chars: Vec<Position>,
    /// What the vote lacked to be sure, by the configuration as it is now.
    missing: Vec<String>,
}

/// One character of the vote, before any repair.
#[derive(Debug, Serialize)]
struct Position {
    c: char,
    p: f32,
    /// What else it may be, with its probability.
    others: Vec<(char, f32)>,
}

#[derive(Debug, Serialize)]
struct Read {
    after_ms: u64,
    plate: String,
    confidence: f32,
    height: f32,
    engine: &'static str,
    /// How far it is from the vote's text.
    apart: Option<f32>,
    /// It counts for a sure vote, by the configuration as it is now.
    good: bool,
}

/// What would be decided about it with the lists as they are now.
#[derive(Debug, Serialize)]
struct ListsNow {
    verdict: &'static str,
    reason: &'static str,
    list: Option<String>,
    /// Changes of entries for its plate since then.
    changes: usize,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let config = match config::load(&args.config) {
        Ok(loaded) => loaded.config,
        Err(report) => {
            report.print();
            return Ok(Exit::Configuration);
        }
    };
    let path = args.journal.as_ref().unwrap_or(&config.journal.path);
    let mut reader = Reader::open(path)?;
    let found = reader.beginning_with(args.passage, MOST_NAMED + 1)?;
    let id = match found.as_slice() {
        [] => {
            eprintln!("amslpr: no passage begins so; `amslpr passages --json` shows their ids");
            return Ok(Exit::Failure);
        }
        [one] => *one,
        several => {
            eprintln!("amslpr: several passages begin so; type more of the one that is meant:");
            several.iter().take(MOST_NAMED).for_each(|id| eprintln!("  {id}"));
            if several.len() > MOST_NAMED {
                eprintln!("  ... and more");
            }
            return Ok(Exit::Failure);
        }
    };
    let explanation = explain(&mut reader, id, &config, path)?;
    if args.json {
        tell!("{}", serde_json::to_string(&explanation)?)?;
    } else {
        page::print(&explanation)?;
    }
    Ok(Exit::Success)
}

fn explain(
    reader: &mut Reader,
    id: PassageId,
    config: &Config,
    path: &std::path::Path,
) -> anyhow::Result<Explanation> {
    let (record, decided) = (reader.passage(id)?, reader.decision(id)?);
    let passage = record.as_ref().map(|record| &record.passage);
    let reads = passage.map(|passage| reader.reads(passage)).transpose()?.unwrap_or_default();
    let reading = passage.and_then(|passage| passage.reading.as_ref());
    let limits = &config.passage.vote;
    let camera = passage.map(|p| &p.camera).or(decided.as_ref().map(|d| &d.camera));
    Ok(Explanation {
        id: id.to_string(),
        camera: camera.map(ToString::to_string).unwrap_or_default(),
        live: passage.map(|p| p.live).or(decided.as_ref().map(|d| d.live)).unwrap_or_default(),
        began: passage.map(|p| p.began.to_string()),
        ended: passage.and_then(|p| p.ended).map(|ended| ended.to_string()),
        direction: passage.and_then(|p| p.direction).map(|direction| direction.as_str()),
        frames: passage.map(|p| p.frames),
        tracks: passage.map(|p| p.tracks),
        decision: decided.as_ref().map(ruling),
        decided_on: decided.as_ref().and_then(|d| d.reading.as_ref()).map(|r| vote_of(r, &[], limits)),
        vote: reading.map(|r| vote_of(r, &reads, limits)),
        reads: reads.iter().map(|read| read_of(read, reading, limits)).collect(),
        lists_now: decided.as_ref().and_then(|decided| lists_now(decided, record.as_ref(), config, path)),
    })
}

fn ruling(decided: &Decided) -> Ruling {
    let Decision { verdict, reason, list, note, matched, watched_by, grounds } = &decided.decision;
    let receipt = &decided.receipt;
    let plate = decided.reading.as_ref().map(|reading| &reading.text);
    let apart = |other: &PlateText| plate.map_or(0.0, |plate| tenth(confusion::distance(plate, other)));
    Ruling {
        at: decided.at.to_string(),
        verdict: verdict.as_str(),
        reason: reason.as_str(),
        meaning: reason.meaning(),
        list: list.clone(),
        note: note.clone(),
        matched: matched.as_ref().map(|plate| (plate.to_string(), apart(plate))),
        watched_by: watched_by.clone(),
        grounds: sentences(grounds, *reason, decided.at),
        nearest: grounds.nearest.as_ref().map(|n| (n.list.clone(), n.plate.to_string(), tenth(n.distance))),
        latency_ms: receipt.decided.map(|at| at.since(receipt.captured).as_micros() as f64 / 1e3),
    }
}

/// What the grounds say, one sentence each.
fn sentences(grounds: &access::Grounds, reason: Reason, at: Timestamp) -> Vec<String> {
    let mut told = Vec::new();
    if let Some(from) = grounds.from {
        told.push(format!("the entry counts from {from} on{}", if at < from { ": not yet" } else { "" }));
    }
    if let Some(until) = grounds.until {
        told.push(format!("the entry counts before {until}{}", if at >= until { ": no more" } else { "" }));
    }
    if let Some(schedule) = &grounds.schedule {
        let state = if schedule.open { "open" } else { "closed" };
        told.push(format!("the schedule {} was {state}", schedule.name));
    }
    if let Some(state) = &grounds.pass {
        if let Some(uses) = state.pass.uses {
            told.push(format!("the pass had been used {} times of {uses}", state.used));
        }
        if let Some(lasts) = state.pass.lasts {
            let first = state.first.map_or("not used yet".to_owned(), |first| format!("first used {first}"));
            told.push(format!("the pass lasts {} from its first use on: {first}", written_time(lasts)));
        }
    }
    if let Some(since) = grounds.inside_since {
        let what = if reason == Reason::Inside { "refused for it" } else { "told, not refused" };
        told.push(format!("it was let in {since} and not seen leaving since: {what}"));
    }
    if let Some(places) = grounds.places {
        told.push(format!("{} of {} places were taken", places.taken, places.of));
    }
    if let Some(objection) = grounds.objection {
        told.push(format!("so the entry did not count: {}", objection.as_str()));
    }
    told
}

fn vote_of(reading: &Reading, reads: &[ReadSummary], limits: &vote::Settings) -> Vote {
    let format = reading.region.and_then(|region| {
        let fit = syntax::fit(&reading.text, region)?;
        Some((region.to_string(), fit.name))
    });
    let thousandth = |value: f32| (value * 1e3).round() / 1e3;
    let chars = reading.chars.iter().map(|position| {
        let others = position.others.iter().map(|(c, p)| (*c, thousandth(p.value()))).collect();
        Position { c: position.c, p: thousandth(position.p.value()), others }
    });
    Vote {
        plate: reading.text.to_string(),
        confidence: thousandth(reading.confidence.value()),
        raw: reading.raw.to_string(),
        format,
        runner_up: reading
            .runner_up
            .as_ref()
            .map(|(text, confidence)| (text.to_string(), thousandth(confidence.value()))),
        sure: reading.sure,
        votes: reading.votes,
        agreeing: reading.agreeing,
        engine: reading.engine.as_str(),
        model: reading.model.clone(),
        chars: chars.collect(),
        missing: if reading.sure { Vec::new() } else { missing(reading, reads, limits) },
    }
}

fn is_good(read: &ReadSummary, limits: &vote::Settings) -> bool {
    read.confidence >= limits.good_confidence && read.height >= limits.good_height
}

/// What an unsure vote lacked.
fn missing(reading: &Reading, reads: &[ReadSummary], limits: &vote::Settings) -> Vec<String> {
    let mut lacks = Vec::new();
    if reading.confidence < limits.sure_confidence {
        lacks.push(format!("confidence {} of {}", reading.confidence, limits.sure_confidence));
    }
    let tallest = reads.iter().map(|read| read.height).fold(0.0, f32::max);
    let low = !reads.is_empty() && tallest < limits.firm_height;
    let needed = limits.agreeing + if low { 2 } else { 0 };
    let good = reads.iter().filter(|read| read.text == reading.raw || read.text == reading.text);
    let good = good.filter(|read| is_good(read, limits)).count();
    if !reads.is_empty() && good < needed as usize {
        let why = if low {
            format!(" (two more, because none was {} px high)", limits.firm_height)
        } else {
            String::new()
        };
        lacks.push(format!("{good} of {needed} good reads that agree{why}"));
    }
    if tallest < limits.good_height && !reads.is_empty() {
        lacks.push(format!("the tallest plate was {tallest} px high, {} needed", limits.good_height));
    }
    lacks
}

fn read_of(read: &ReadSummary, reading: Option<&Reading>, limits: &vote::Settings) -> Read {
    Read {
        after_ms: u64::try_from(read.after.as_millis()).unwrap_or(u64::MAX),
        plate: read.text.to_string(),
        confidence: (read.confidence.value() * 1e3).round() / 1e3,
        height: tenth(read.height),
        engine: read.engine.as_str(),
        apart: reading.map(|reading| tenth(confusion::distance(&read.text, &reading.text))),
        good: is_good(read, limits),
    }
}

/// What the lists as they are now make of it; nothing where they cannot be read.
fn lists_now(
    decided: &Decided,
    record: Option<&Record>,
    config: &Config,
    path: &std::path::Path,
) -> Option<ListsNow> {
    let reading = decided.reading.as_ref()?;
    let store = ListStore::open(path).ok()?;
    let (lists, _) = config.lists.with(&store.entries().ok()?);
    let direction = record.and_then(|record| record.passage.direction);
    let (camera, at, timed) = (&decided.camera, decided.at, !decided.clock_unset);
    let question = Question { reading: Some(reading), camera, direction, at, timed };
    let (now, _) = access::decide(&question, &lists, &access::Rules::default(), &Memory::default());
    let plate = now.matched.as_ref().unwrap_or(&reading.text);
    let changes = store.changes(Some(plate), 1000).ok()?;
    Some(ListsNow {
        verdict: now.verdict.as_str(),
        reason: now.reason.as_str(),
        list: now.list,
        changes: changes.iter().filter(|change| change.at > decided.at).count(),
    })
}

fn tenth(value: f32) -> f32 {
    (value * 10.0).round() / 10.0
}
