//! Finding facts: by passage, by plate, by time; and how many there were. Made from the facts, some hundreds at a time.
//!
//! A fact is durable as soon as its own row is. Its entries here follow in one transaction with those of its
//! neighbours, which share the pages: that is what keeps an SD card alive. Until then readers look at the facts
//! behind [`indexed`] themselves. A crash in between costs nothing: the index goes on where it stood.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::{
    body,
    cells::parse_direction,
    facts::{STORED, stored},
    words::Words,
};
use crate::passage::Direction;

/// Facts per part of the index by plate, as a power of two.
const PART: u32 = 16;
/// Microseconds in a quarter of an hour.
pub(super) const QUARTER: i64 = 900_000_000;

/// The part of the index by plate that a fact's entry stands in.
pub(super) const fn part_of(nr: u64) -> u64 {
    nr >> PART
}

/// The last fact that the index holds.
pub(super) fn indexed(db: &Connection) -> rusqlite::Result<u64> {
    db.prepare_cached("SELECT value FROM meta WHERE key = 'indexed'")?.query_row([], |row| row.get(0))
}

/// How a direction stands in the index.
pub(super) fn direction_code(direction: Option<Direction>) -> i64 {
    match direction {
        None => 0,
        Some(Direction::Approaching) => 1,
        Some(Direction::Leaving) => 2,
    }
}

pub(super) fn direction_of(code: i64) -> Option<Direction> {
    match code {
        1 => Some(Direction::Approaching),
        2 => Some(Direction::Leaving),
        _ => None,
    }
}

/// Takes up to `most` facts into the index; returns up to which number it goes then. In the caller's transaction.
pub(super) fn extend(db: &Connection, words: &mut Words, most: usize) -> rusqlite::Result<u64> {
    let from = indexed(db)?;
    let mut to = from;
    let mut counts: BTreeMap<(i64, i64, i64), u64> = BTreeMap::new();
    let sql = format!("SELECT {STORED} FROM facts WHERE nr > ?1 ORDER BY nr LIMIT ?2");
    let mut query = db.prepare_cached(&sql)?;
    let mut rows = query.query((from, most))?;
    while let Some(row) = rows.next()? {
        let fact = stored(row)?;
        to = fact.nr;
        db.prepare_cached("INSERT OR IGNORE INTO by_id VALUES (?1, ?2)")?.execute((fact.id, fact.nr))?;
        let entry = match fact.entry() {
            Ok(Some(entry)) => entry,
            Ok(None) => continue,
            Err(error) => {
                tracing::error!(fact = fact.nr, %error, "a fact cannot be understood; it is not listed");
                continue;
            }
        };
        let camera = words.number(db, &entry.camera)?;
        db.prepare_cached("INSERT OR IGNORE INTO by_time VALUES (?1, ?2, ?3)")?.execute((
            entry.began,
            fact.nr,
            camera,
        ))?;
        if let Some(plate) = &entry.plate {
            db.prepare_cached("INSERT OR IGNORE INTO by_plate VALUES (?1, ?2, ?3, ?4)")?.execute((
                part_of(fact.nr),
                plate,
                entry.began,
                fact.nr,
            ))?;
        }
        *counts.entry(count_key(&entry, camera)).or_default() += 1;
    }
    for ((quarter, camera, direction), passages) in counts {
        db.prepare_cached(
            "INSERT INTO counts VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET passages = passages + excluded.passages",
        )?
        .execute((quarter, camera, direction, passages))?;
    }
    if to > from {
        db.prepare_cached("UPDATE meta SET value = ?1 WHERE key = 'indexed'")?.execute([to])?;
    }
    Ok(to)
}

/// Takes a fact out of the index that is about to be erased as a whole.
pub(super) fn remove(
    db: &Connection,
    words: &mut Words,
    nr: u64,
    id: &[u8],
    entry: Option<&body::Entry>,
) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM by_id WHERE id = ?1 AND nr = ?2")?.execute((id, nr))?;
    let Some(entry) = entry else { return Ok(()) };
    db.prepare_cached("DELETE FROM by_time WHERE began = ?1 AND nr = ?2")?.execute((entry.began, nr))?;
    remove_plate(db, nr, entry)?;
    let (quarter, camera, direction) = count_key(entry, words.number(db, &entry.camera)?);
    db.prepare_cached(
        "UPDATE counts SET passages = passages - 1 WHERE quarter = ?1 AND camera = ?2 AND direction = ?3",
    )?
    .execute((quarter, camera, direction))?;
    db.prepare_cached(
        "DELETE FROM counts WHERE quarter = ?1 AND camera = ?2 AND direction = ?3 AND passages <= 0",
    )?
    .execute((quarter, camera, direction))
    .map(|_| ())
}

/// Takes only its plate out.
pub(super) fn remove_plate(db: &Connection, nr: u64, entry: &body::Entry) -> rusqlite::Result<()> {
    let Some(plate) = &entry.plate else { return Ok(()) };
    db.prepare_cached("DELETE FROM by_plate WHERE part = ?1 AND plate = ?2 AND began = ?3 AND nr = ?4")?
        .execute((part_of(nr), plate, entry.began, nr))
        .map(|_| ())
}

fn count_key(entry: &body::Entry, camera: i64) -> (i64, i64, i64) {
    let direction = entry.direction.as_deref().and_then(parse_direction);
    (entry.began.div_euclid(QUARTER), camera, direction_code(direction))
}
