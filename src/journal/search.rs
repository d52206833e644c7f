//! Passages that fit a filter: out of the index, and out of the newest facts, which it does not hold yet.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use rusqlite::{Connection, Row};

use super::{
    facts::{self, STORED, Stored, stored},
    index,
    reader::{Filter, PlateFilter, Record, Why},
    tail::Tail,
    words::Words,
};
use crate::{
    fact::Fact,
    passage::{Direction, Passage, PassageId},
};

type Result<T> = std::result::Result<T, Why>;

/// Passages of one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Day {
    pub passages: u64,
    pub approaching: u64,
    pub leaving: u64,
}

/// By day.
pub type Days = BTreeMap<Date, Day>;

/// The newest passages that fit, newest first.
pub(super) fn list(db: &Connection, tail: &mut Tail, filter: &Filter, most: usize) -> Result<Vec<Record>> {
    let limit = filter.limit.unwrap_or(most).min(most);
    // One view of the journal, whatever is recorded and indexed meanwhile.
    let db = db.unchecked_transaction()?;
    let mut found: Vec<Record> = Vec::new();
    let mut enough = Enough { limit, newest: BinaryHeap::new() };
    let mut take = |nr: u64, began: i64| -> Result<bool> {
        if enough.is_reached(began) {
            return Ok(false);
        }
        if let Some(record) = record(&db, nr)?.filter(|record| fits(record, filter)) {
            enough.count(began);
            found.push(record);
        }
        Ok(true)
    };
    for entry in tail.newest(&db, filter)? {
        if !take(entry.nr, entry.began)? {
            break;
        }
    }
    for_each_indexed(&db, filter, take)?;
    found.sort_by_key(|record| Reverse((record.passage.began, record.passage.id)));
    found.truncate(limit);
    Ok(found)
}

pub(super) fn count(db: &Connection, tail: &mut Tail, filter: &Filter) -> Result<u64> {
    let db = db.unchecked_transaction()?;
    let whole = Filter { after: None, limit: None, ..filter.clone() };
    let newest = tail.newest(&db, &whole)?;
    let mut count = 0;
    if whole.plate.is_none() {
        count += newest.len() as u64;
        let Some(camera) = camera_number(&db, &whole)? else { return Ok(count) };
        let (since, until) = span(&whole);
        let sql = "SELECT count(*) FROM by_time WHERE began >= ?1 AND began < ?2 AND (?3 < 0 OR camera = ?3)";
        count += db.prepare_cached(sql)?.query_row((since, until, camera), |row| row.get::<_, u64>(0))?;
        return Ok(count);
    }
    for entry in newest {
        count += u64::from(record(&db, entry.nr)?.is_some_and(|record| fits(&record, &whole)));
    }
    for_each_indexed(&db, &whole, |nr, _| {
        // Only the camera is not in the index by plate.
        let counts = match whole.camera {
            None => true,
            Some(_) => record(&db, nr)?.is_some_and(|record| fits(&record, &whole)),
        };
        count += u64::from(counts);
        Ok(true)
    })?;
    Ok(count)
}

/// Passages per day. Without a plate, out of the counted quarters of hours; times count by the quarter then.
pub(super) fn days(db: &Connection, tail: &mut Tail, filter: &Filter, zone: &TimeZone) -> Result<Days> {
    let db = db.unchecked_transaction()?;
    let whole = Filter { after: None, limit: None, ..filter.clone() };
    let mut days = Days::new();
    let mut add = |micros: i64, direction: Option<Direction>, passages: u64| {
        let Ok(at) = Timestamp::from_microsecond(micros) else { return };
        let day = days.entry(zone.to_datetime(at).date()).or_default();
        day.passages += passages;
        match direction {
            Some(Direction::Approaching) => day.approaching += passages,
            Some(Direction::Leaving) => day.leaving += passages,
            None => {}
        }
    };
    for entry in tail.newest(&db, &whole)? {
        // Plates stand in the facts only.
        if whole.plate.is_none() || record(&db, entry.nr)?.is_some_and(|record| fits(&record, &whole)) {
            add(entry.began, entry.direction, 1);
        }
    }
    if whole.plate.is_some() {
        for_each_indexed(&db, &whole, |nr, began| {
            if let Some(record) = record(&db, nr)?.filter(|record| fits(record, &whole)) {
                add(began, record.passage.direction, 1);
            }
            Ok(true)
        })?;
        return Ok(days);
    }
    let Some(camera) = camera_number(&db, &whole)? else { return Ok(days) };
    let (since, until) = span(&whole);
    let mut query = db.prepare_cached(
        "SELECT quarter, direction, sum(passages) FROM counts
         WHERE quarter >= ?1 AND quarter <= ?2 AND (?3 < 0 OR camera = ?3) GROUP BY quarter, direction",
    )?;
    let last = until.saturating_sub(1).div_euclid(index::QUARTER);
    let mut rows = query.query((since.div_euclid(index::QUARTER), last, camera))?;
    while let Some(row) = rows.next()? {
        let quarter: i64 = row.get(0)?;
        add(quarter.saturating_mul(index::QUARTER), index::direction_of(row.get(1)?), row.get(2)?);
    }
    Ok(days)
}

/// The fact of this kind about a passage, and whether its plate was erased.
pub(super) fn of_kind(db: &Connection, id: PassageId, kind: i64) -> Result<Option<(Fact, bool)>> {
    let db = db.unchecked_transaction()?;
    let sql = format!(
        "SELECT {STORED} FROM facts WHERE nr IN (SELECT nr FROM by_id WHERE id = ?1) AND kind = ?2
         UNION ALL SELECT {STORED} FROM facts WHERE nr > ?3 AND id = ?1 AND kind = ?2 LIMIT 1"
    );
    let mut query = db.prepare_cached(&sql)?;
    let mut rows = query.query((id.0.as_bytes(), kind, index::indexed(&db)?))?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let found = stored(row)?;
    Ok(fact(&found)?.map(|fact| (fact, found.is_erased())))
}

/// Calls `each` with the number and the beginning of passages out of the index, newest first within a part, until
/// it says that it has enough of this part.
fn for_each_indexed(
    db: &Connection,
    filter: &Filter,
    mut each: impl FnMut(u64, i64) -> Result<bool>,
) -> Result<()> {
    let (since, until) = span(filter);
    let pair = |row: &Row<'_>| -> rusqlite::Result<(u64, i64)> { Ok((row.get(0)?, row.get(1)?)) };
    let Some(plate) = &filter.plate else {
        let Some(camera) = camera_number(db, filter)? else { return Ok(()) };
        let mut query = db.prepare_cached(
            "SELECT nr, began FROM by_time WHERE began >= ?1 AND began < ?2 AND (?3 < 0 OR camera = ?3)
             ORDER BY began DESC",
        )?;
        for found in query.query_map((since, until, camera), pair)? {
            let (nr, began) = found?;
            if !each(nr, began)? {
                break;
            }
        }
        return Ok(());
    };
    // Plates consist of A-Z and 0-9, all of which sort before a lower-case letter.
    let (from, to) = match plate {
        PlateFilter::Exactly(text) => (text.to_string(), text.to_string()),
        PlateFilter::StartsWith(text) => (text.to_string(), format!("{text}a")),
    };
    let sql = "SELECT nr, began FROM by_plate WHERE part = ?1 AND plate >= ?2 AND plate <= ?3
         AND began >= ?4 AND began < ?5 ORDER BY began DESC";
    let mut query = db.prepare_cached(sql)?;
    // Two questions: asked together, SQLite would look at every entry.
    const ENDS: &str = "SELECT (SELECT min(part) FROM by_plate), (SELECT max(part) FROM by_plate)";
    let ends: (Option<u64>, Option<u64>) = db.query_row(ENDS, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (Some(first), Some(last)) = ends else { return Ok(()) };
    for part in (first..=last).rev() {
        for found in query.query_map((part, &from, &to, since, until), pair)? {
            let (nr, began) = found?;
            if !each(nr, began)? {
                break;
            }
        }
    }
    Ok(())
}

/// When there is no need to look further: what comes is older than all that is wanted.
struct Enough {
    limit: usize,
    /// When the newest that fit began, as many as are wanted.
    newest: BinaryHeap<Reverse<i64>>,
}

impl Enough {
    /// The next began at `began`, as did all behind it or earlier. Those that began in the same microsecond as the last
    /// one that is wanted are put in order by their id.
    fn is_reached(&self, began: i64) -> bool {
        self.newest.len() >= self.limit && self.newest.peek().is_none_or(|Reverse(oldest)| began < *oldest)
    }

    /// One that fits.
    fn count(&mut self, began: i64) {
        self.newest.push(Reverse(began));
        if self.newest.len() > self.limit {
            self.newest.pop();
        }
    }
}

fn record(db: &Connection, nr: u64) -> Result<Option<Record>> {
    facts::select(db, nr)?.as_ref().map_or(Ok(None), as_record)
}

fn as_record(stored: &Stored) -> Result<Option<Record>> {
    Ok(match fact(stored)? {
        Some(Fact::Closed(closed)) => Some((closed, stored.is_erased()).into()),
        _ => None,
    })
}

fn fact(stored: &Stored) -> Result<Option<Fact>> {
    stored.fact().map_err(|error| Why::Body { nr: stored.nr, error })
}

fn fits(record: &Record, filter: &Filter) -> bool {
    let passage: &Passage = &record.passage;
    let plate = passage.reading.as_ref().map(|reading| reading.text.as_str());
    filter.since.is_none_or(|since| passage.began >= since)
        && filter.until.is_none_or(|until| passage.began < until)
        && filter.camera.as_ref().is_none_or(|camera| passage.camera == *camera)
        && filter.after.is_none_or(|after| (passage.began, passage.id) < (after.began, after.id))
        && filter.plate.as_ref().is_none_or(|wanted| match wanted {
            PlateFilter::Exactly(text) => plate == Some(text.as_str()),
            PlateFilter::StartsWith(text) => plate.is_some_and(|plate| plate.starts_with(text.as_str())),
        })
}

/// From when to before when, in microseconds.
fn span(filter: &Filter) -> (i64, i64) {
    let since = filter.since.map_or(i64::MIN, |since| since.as_microsecond());
    let until = filter.until.map_or(i64::MAX, |until| until.as_microsecond());
    // Those in the cursor's own microsecond are looked at again.
    let after = filter.after.map_or(i64::MAX, |after| after.began.as_microsecond().saturating_add(1));
    (since, until.min(after))
}

/// The camera's number, -1 for any; `None`: no indexed passage is of this camera.
fn camera_number(db: &Connection, filter: &Filter) -> Result<Option<i64>> {
    match &filter.camera {
        None => Ok(Some(-1)),
        Some(camera) => Ok(Words::default().find(db, camera.as_str())?),
    }
}
