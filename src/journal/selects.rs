//! Rows as facts, the way back from `inserts`.

use rusqlite::{Connection, OptionalExtension, Row};

use super::{
    cells::{
        id, instant, odd, parse_direction, parse_engine, parse_reason, parse_verdict, plate_text,
        probability, time,
    },
    grounds, pack,
    words::Words,
};
use crate::{
    access::Decision,
    clock::Moment,
    fact::{Decided, ReadSummary},
    frame::CameraId,
    geometry::Rect,
    passage::{Passage, Reading, Receipt},
    plate::{CharRead, Region},
};

type Result<T> = rusqlite::Result<T>;

/// Columns of a passage, for [`passage`].
pub(super) const PASSAGE: &str = "id, camera, live, began, lasted, direction, frames, tracks, decided_on,
    area_x, area_y, area_w, area_h,
    plate, confidence, raw, region, runner_up, runner_up_confidence, sure, votes, agreeing, engine, model,
    decoded, detected, read, voted, decided, published, actuated";

/// Columns of a decision, for [`decided`].
pub(super) const DECISION: &str =
    "passage, camera, live, at, verdict, reason, list, note, matched, watched_by,
    plate, confidence, raw, region, runner_up, runner_up_confidence, sure, votes, agreeing, engine, model,
    decoded, detected, read, voted, decided, published, actuated";

/// A passage without the characters of its vote: [`chars`] has them.
pub(super) fn passage(db: &Connection, words: &mut Words, row: &Row<'_>) -> Result<Passage> {
    let began = time(row, 3)?;
    let lasted: Option<i64> = row.get(4)?;
    let direction: Option<i64> = row.get(5)?;
    let decided_on: Option<String> = row.get(8)?;
    let area = match (row.get(9)?, row.get(10)?, row.get(11)?, row.get(12)?) {
        (Some(x), Some(y), Some(w), Some(h)) => {
            let pixels = |value: i64| value as f32;
            Some(Rect::new(pixels(x), pixels(y), pixels(w), pixels(h)))
        }
        _ => None,
    };
    Ok(Passage {
        id: id(row, 0)?,
        camera: CameraId::new(&words.word(db, row.get(1)?)?),
        live: row.get(2)?,
        began,
        ended: lasted.map(|lasted| instant(began.as_microsecond().saturating_add(lasted), 4)).transpose()?,
        reading: reading(db, words, row, 13)?,
        decided: decided_on.map(|text| plate_text(&text, 8)).transpose()?,
        direction: direction.map(|nr| parse_direction(&words.word(db, nr)?, 5)).transpose()?,
        frames: row.get(6)?,
        tracks: row.get(7)?,
        best_area: area,
        receipt: receipt(row, 24)?,
    })
}

pub(super) fn decided(db: &Connection, words: &mut Words, row: &Row<'_>) -> Result<Decided> {
    let list: Option<i64> = row.get(6)?;
    let matched: Option<String> = row.get(8)?;
    let watched_by: Option<i64> = row.get(9)?;
    Ok(Decided {
        passage: id(row, 0)?,
        camera: CameraId::new(&words.word(db, row.get(1)?)?),
        live: row.get(2)?,
        at: time(row, 3)?,
        reading: reading(db, words, row, 10)?,
        decision: Decision {
            verdict: parse_verdict(&words.word(db, row.get(4)?)?, 4)?,
            reason: parse_reason(&words.word(db, row.get(5)?)?, 5)?,
            list: list.map(|nr| words.word(db, nr)).transpose()?,
            note: row.get(7)?,
            matched: matched.map(|text| plate_text(&text, 8)).transpose()?,
            watched_by: watched_by.map(|nr| words.word(db, nr)).transpose()?,
            grounds: grounds::select(db, &row.get::<_, [u8; 16]>(0)?)?,
        },
        effects: Vec::new(),
        receipt: receipt(row, 21)?,
    })
}

pub(super) fn select_passage(db: &Connection, words: &mut Words, id: &[u8]) -> Result<Option<Passage>> {
    let sql = format!("SELECT {PASSAGE} FROM passages WHERE id = ?1");
    db.prepare_cached(&sql)?.query_row([id], |row| passage(db, words, row)).optional()
}

pub(super) fn select_decision(db: &Connection, words: &mut Words, id: &[u8]) -> Result<Option<Decided>> {
    let sql = format!("SELECT {DECISION} FROM decisions WHERE passage = ?1");
    db.prepare_cached(&sql)?.query_row([id], |row| decided(db, words, row)).optional()
}

/// The reads of a passage that came to this reading.
pub(super) fn select_reads(
    db: &Connection,
    id: &[u8],
    reading: Option<&Reading>,
) -> Result<Vec<ReadSummary>> {
    let mut query = db.prepare_cached("SELECT reads FROM reads WHERE passage = ?1")?;
    let packed: Option<Vec<u8>> = query.query_row([id], |row| row.get(0)).optional()?;
    let unpack = |packed: Vec<u8>| pack::unpack_reads(&packed, pack::Own::of(reading));
    packed.map_or(Ok(Vec::new()), |packed| unpack(packed).ok_or_else(|| odd(0, BadBytes)))
}

fn reading(db: &Connection, words: &mut Words, row: &Row<'_>, at: usize) -> Result<Option<Reading>> {
    let Some(plate) = row.get::<_, Option<String>>(at)? else { return Ok(None) };
    let text = plate_text(&plate, at)?;
    let raw: Option<String> = row.get(at + 2)?;
    let region: Option<i64> = row.get(at + 3)?;
    let runner_up: Option<String> = row.get(at + 4)?;
    let second: Option<u32> = row.get(at + 5)?;
    let region = region.map(|nr| words.word(db, nr)).transpose()?;
    Ok(Some(Reading {
        raw: raw.map_or_else(|| Ok(text.clone()), |raw| plate_text(&raw, at + 2))?,
        text,
        confidence: probability(row.get(at + 1)?),
        region: region.as_deref().and_then(Region::from_code),
        runner_up: runner_up
            .map(|other| {
                Ok::<_, rusqlite::Error>((plate_text(&other, at + 4)?, probability(second.unwrap_or(0))))
            })
            .transpose()?,
        chars: Vec::new(),
        sure: row.get(at + 6)?,
        votes: row.get(at + 7)?,
        agreeing: row.get(at + 8)?,
        engine: parse_engine(&words.word(db, row.get(at + 9)?)?, at + 9)?,
        model: words.word(db, row.get(at + 10)?)?,
    }))
}

/// The vote of a passage position by position, where it was kept.
pub(super) fn chars(db: &Connection, id: &[u8]) -> Result<Vec<CharRead>> {
    let mut query = db.prepare_cached("SELECT chars FROM reads WHERE passage = ?1")?;
    let packed: Option<Option<Vec<u8>>> = query.query_row([id], |row| row.get(0)).optional()?;
    let unpack = |packed: Vec<u8>| pack::unpack_chars(&packed).ok_or_else(|| odd(0, BadBytes));
    packed.flatten().map_or(Ok(Vec::new()), unpack)
}

#[derive(Debug, thiserror::Error)]
#[error("these bytes are no packed reads")]
struct BadBytes;

/// A receipt whose capture is moment zero.
pub(super) fn receipt(row: &Row<'_>, at: usize) -> Result<Receipt> {
    let stage = |offset: usize| -> Result<Option<Moment>> {
        let micros: Option<i64> = row.get(at + offset)?;
        Ok(micros.map(|micros| Moment::from_micros(u64::try_from(micros).unwrap_or(0))))
    };
    Ok(Receipt {
        captured: Moment::ZERO,
        decoded: stage(0)?,
        detected: stage(1)?,
        read: stage(2)?,
        voted: stage(3)?,
        decided: stage(4)?,
        published: stage(5)?,
        actuated: stage(6)?,
    })
}
