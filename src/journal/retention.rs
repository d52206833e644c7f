//! Erasing: what is too old, a bounded piece at a time from the beginning; and a plate, wherever it stands.
//!
//! Either keeps the chain provable: cutting off the beginning moves its anchor, an erased plate leaves a digest.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, TransactionBehavior};

use super::{
    body,
    chain::{self, Anchor},
    changes,
    facts::{STORED, Stored, stored},
    index, pack,
    words::Words,
};
use crate::plate::PlateText;

/// A time of recording later than this from now was a clock that went wrong, and says nothing about age.
const WRONG_CLOCK: SignedDuration = SignedDuration::from_hours(24);

/// What one piece of erasing did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Erased {
    pub facts: usize,
    pub passages: usize,
    /// When the newest of them was recorded, in microseconds since 1970.
    pub until: i64,
    /// Of the facts for the broker, all up to this number are gone.
    pub told: u64,
    /// There is more to erase.
    pub more: bool,
}

/// Erases the facts at the beginning that were recorded before `time`, at most `limit`. The newest fact keeps its row,
/// on which the next one builds, and loses its content.
pub(super) fn erase_before(
    db: &mut Connection,
    words: &mut Words,
    time: Timestamp,
    now: Timestamp,
    limit: usize,
) -> rusqlite::Result<Erased> {
    let (time, wrong) = (time.as_microsecond(), now.saturating_add(WRONG_CLOCK).unwrap_or(Timestamp::MAX));
    erase_while(db, words, now, limit, |recorded| recorded < time || recorded > wrong.as_microsecond())
}

/// Erases the facts at the beginning, at most `limit` and whatever their age, to make room.
pub(super) fn erase_oldest(
    db: &mut Connection,
    words: &mut Words,
    now: Timestamp,
    limit: usize,
) -> rusqlite::Result<Erased> {
    erase_while(db, words, now, limit, |_| true)
}

/// Erases facts at the beginning as long as the time of their recording says so. Not those that the index does not
/// hold: it would count them later.
fn erase_while(
    db: &mut Connection,
    words: &mut Words,
    now: Timestamp,
    limit: usize,
    is_old: impl Fn(i64) -> bool,
) -> rusqlite::Result<Erased> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut old: Vec<(Stored, chain::Hash)> = Vec::new();
    {
        let sql = format!("SELECT {STORED}, hash FROM facts WHERE nr <= ?2 ORDER BY nr LIMIT ?1");
        let mut query = transaction.prepare_cached(&sql)?;
        let mut rows = query.query((limit, index::indexed(&transaction)?))?;
        while let Some(row) = rows.next()? {
            let fact = stored(row)?;
            if !is_old(fact.recorded) {
                break;
            }
            old.push((fact, row.get(7)?));
        }
    }
    let mut erased = Erased { more: old.len() == limit, ..Erased::default() };
    let newest: Option<u64> = transaction.query_row("SELECT max(nr) FROM facts", [], |row| row.get(0))?;
    for (fact, hash) in &old {
        let entry = fact.entry().ok().flatten();
        index::remove(&transaction, words, fact.nr, &fact.id, entry.as_ref())?;
        erased.passages += usize::from(entry.is_some());
        erased.told = fact.told;
        if fact.recorded <= now.as_microsecond() {
            erased.until = erased.until.max(fact.recorded);
        }
        // All but the newest one, the second time.
        erased.facts += usize::from(Some(fact.nr) != newest || !fact.is_erased());
        if Some(fact.nr) == newest {
            erase_content(&transaction, fact.nr, true)?;
            continue;
        }
        transaction.prepare_cached("DELETE FROM facts WHERE nr = ?1")?.execute([fact.nr])?;
        transaction.prepare_cached("DELETE FROM erased WHERE nr = ?1")?.execute([fact.nr])?;
        chain::write_anchor(&transaction, &Anchor { nr: fact.nr, hash: *hash })?;
    }
    if let Some((last, _)) = old.last() {
        changes::forget_to(&transaction, last.nr, limit)?;
    }
    transaction.commit()?;
    Ok(erased)
}

/// Erases all that is personal of every fact that names this plate; returns the passages of these facts. In the
/// caller's transaction.
pub(super) fn erase_plate(db: &Connection, plate: &PlateText) -> rusqlite::Result<Vec<[u8; 16]>> {
    // A text in a personal part stands behind its own length: as a MessagePack string, or in packed reads, where the
    // engine shares the byte; or in quotes, among the grounds. So a plate that is only a part of a longer one is not
    // found.
    let behind = |marker: u8| [&[marker], plate.as_str().as_bytes()].concat();
    let length = u8::try_from(plate.as_str().len()).unwrap_or(u8::MAX);
    let mut written: Vec<Vec<u8>> =
        std::iter::once(0xa0).chain(pack::engine_markers()).map(|upper| behind(upper | length)).collect();
    written.push(format!("\"{plate}\"").into_bytes());
    let any = vec!["instr(personal, ?)"; written.len()].join(" OR ");
    let sql = format!("SELECT {STORED} FROM facts WHERE {any} ORDER BY nr");
    let found: Vec<Stored> = {
        let mut query = db.prepare(&sql)?;
        let rows = query.query_map(rusqlite::params_from_iter(written), stored)?;
        rows.collect::<rusqlite::Result<_>>()?
    };
    let mut passages: Vec<[u8; 16]> = Vec::new();
    for fact in &found {
        if let Ok(Some(entry)) = fact.entry() {
            index::remove_plate(db, fact.nr, &entry)?;
        }
        erase_content(db, fact.nr, false)?;
        // An event of a gate, and a change of a list, has an id of its own.
        if !matches!(fact.kind, body::GATE | body::CHANGE | body::HEALTH) {
            passages.push(fact.id);
        }
    }
    passages.sort_unstable();
    passages.dedup();
    Ok(passages)
}

/// Takes a fact's personal part away, or all of it, and leaves the digests.
fn erase_content(db: &Connection, nr: u64, all: bool) -> rusqlite::Result<()> {
    let (open, personal): (Option<Vec<u8>>, Option<Vec<u8>>) = db
        .prepare_cached("SELECT open, personal FROM facts WHERE nr = ?1")?
        .query_row([nr], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let digest = |bytes: &Option<Vec<u8>>| bytes.as_deref().map(chain::digest);
    db.prepare_cached(
        "INSERT INTO erased VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET
            open = coalesce(open, excluded.open), personal = coalesce(personal, excluded.personal)",
    )?
    .execute((nr, digest(&open.filter(|_| all)), digest(&personal)))?;
    let sql = if all {
        "UPDATE facts SET open = NULL, personal = NULL WHERE nr = ?1"
    } else {
        "UPDATE facts SET personal = NULL WHERE nr = ?1"
    };
    db.prepare_cached(sql)?.execute([nr]).map(|_| ())
}
