//! Facts as rows, converted by hand. The way back is in `selects`.

use rusqlite::{Connection, params};

use super::{cells::ten_thousandths, grounds, pack, words::Words};
use crate::{
    clock::Moment,
    fact::{Closed, Decided},
    geometry::Rect,
    passage::{Passage, Reading, Receipt},
    plate::PlateText,
};

type Result<T> = rusqlite::Result<T>;

/// Writes a passage down; false if it stands there already.
pub(super) fn insert_passage(db: &Connection, words: &mut Words, passage: &Passage) -> Result<bool> {
    const SQL: &str = "INSERT OR IGNORE INTO passages VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9, ?10,?11,?12,?13,
        ?14,?15,?16,?17,?18,?19,?20,?21,?22,?23,?24, ?25,?26,?27,?28,?29,?30,?31)";
    let began = passage.began.as_microsecond();
    let area = passage.best_area.filter(Rect::is_finite);
    let vote = Vote::of(db, words, passage.reading.as_ref())?;
    let times = latencies(&passage.receipt);
    let written = db.prepare_cached(SQL)?.execute(params![
        passage.id.0.as_bytes(),
        words.number(db, passage.camera.as_str())?,
        passage.live,
        began,
        passage.ended.map(|ended| ended.as_microsecond().saturating_sub(began)),
        passage.direction.map(|direction| words.number(db, direction.as_str())).transpose()?,
        passage.frames,
        passage.tracks,
        passage.decided.as_ref().map(PlateText::as_str),
        area.map(|a| a.x.round() as i64),
        area.map(|a| a.y.round() as i64),
        area.map(|a| a.width.round() as i64),
        area.map(|a| a.height.round() as i64),
        vote.plate,
        vote.confidence,
        vote.raw,
        vote.region,
        vote.runner_up,
        vote.runner_up_confidence,
        vote.sure,
        vote.votes,
        vote.agreeing,
        vote.engine,
        vote.model,
        times[0],
        times[1],
        times[2],
        times[3],
        times[4],
        times[5],
        times[6],
    ])?;
    Ok(written > 0)
}

/// Writes a decision down; false if this passage has one already.
pub(super) fn insert_decision(db: &Connection, words: &mut Words, decided: &Decided) -> Result<bool> {
    const SQL: &str = "INSERT OR IGNORE INTO decisions VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,
        ?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21, ?22,?23,?24,?25,?26,?27,?28)";
    let decision = &decided.decision;
    let vote = Vote::of(db, words, decided.reading.as_ref())?;
    let times = latencies(&decided.receipt);
    grounds::insert(db, decided.passage.0.as_bytes(), &decision.grounds)?;
    let written = db.prepare_cached(SQL)?.execute(params![
        decided.passage.0.as_bytes(),
        words.number(db, decided.camera.as_str())?,
        decided.live,
        decided.at.as_microsecond(),
        words.number(db, decision.verdict.as_str())?,
        words.number(db, decision.reason.as_str())?,
        decision.list.as_deref().map(|list| words.number(db, list)).transpose()?,
        decision.note.as_deref(),
        decision.matched.as_ref().map(PlateText::as_str),
        decision.watched_by.as_deref().map(|list| words.number(db, list)).transpose()?,
        vote.plate,
        vote.confidence,
        vote.raw,
        vote.region,
        vote.runner_up,
        vote.runner_up_confidence,
        vote.sure,
        vote.votes,
        vote.agreeing,
        vote.engine,
        vote.model,
        times[0],
        times[1],
        times[2],
        times[3],
        times[4],
        times[5],
        times[6],
    ])?;
    Ok(written > 0)
}

/// Writes down how the vote of a passage came about: its surest `keep` reads, in the order of their frames.
pub(super) fn insert_reads(db: &Connection, closed: &Closed, keep: usize) -> Result<()> {
    if closed.reads.is_empty() || keep == 0 {
        return Ok(());
    }
    let mut kept: Vec<_> = closed.reads.iter().collect();
    kept.sort_by(|a, b| b.confidence.value().total_cmp(&a.confidence.value()));
    kept.truncate(keep);
    kept.sort_by_key(|read| read.after);
    let reading = closed.passage.reading.as_ref();
    let reads = pack::pack_reads(&kept, pack::Own::of(reading));
    let chars = reading.map(|reading| pack::pack_chars(&reading.chars)).filter(|chars| !chars.is_empty());
    db.prepare_cached("INSERT OR IGNORE INTO reads VALUES (?1, ?2, ?3)")?.execute(params![
        closed.passage.id.0.as_bytes(),
        reads,
        chars,
    ])?;
    Ok(())
}

/// The columns of a reading, all empty where there is none.
#[derive(Default)]
struct Vote<'a> {
    plate: Option<&'a str>,
    confidence: Option<u32>,
    raw: Option<&'a str>,
    region: Option<i64>,
    runner_up: Option<&'a str>,
    runner_up_confidence: Option<u32>,
    sure: Option<bool>,
    votes: Option<u32>,
    agreeing: Option<u32>,
    engine: Option<i64>,
    model: Option<i64>,
}

impl<'a> Vote<'a> {
    fn of(db: &Connection, words: &mut Words, reading: Option<&'a Reading>) -> Result<Self> {
        let Some(reading) = reading else { return Ok(Self::default()) };
        let runner_up = reading.runner_up.as_ref();
        Ok(Self {
            plate: Some(reading.text.as_str()),
            confidence: Some(ten_thousandths(reading.confidence)),
            raw: (reading.raw != reading.text).then_some(reading.raw.as_str()),
            region: reading.region.map(|region| words.number(db, region.as_str())).transpose()?,
            runner_up: runner_up.map(|(text, _)| text.as_str()),
            runner_up_confidence: runner_up.map(|(_, confidence)| ten_thousandths(*confidence)),
            sure: Some(reading.sure),
            votes: Some(reading.votes),
            agreeing: Some(reading.agreeing),
            engine: Some(words.number(db, reading.engine.as_str())?),
            model: Some(words.number(db, &reading.model)?),
        })
    }
}

/// Stage times since capture: the monotonic time line itself means nothing once the daemon has stopped.
pub(super) fn latencies(receipt: &Receipt) -> [Option<i64>; 7] {
    let stages = [
        receipt.decoded,
        receipt.detected,
        receipt.read,
        receipt.voted,
        receipt.decided,
        receipt.published,
        receipt.actuated,
    ];
    let since = |at: Moment| i64::try_from(at.since(receipt.captured).as_micros()).unwrap_or(i64::MAX);
    stages.map(|stage| stage.map(since))
}
