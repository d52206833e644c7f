//! Erasing what is too old, a bounded piece at a time.

use jiff::Timestamp;
use rusqlite::{Connection, ToSql, TransactionBehavior};

use super::{lists, writer};

/// What one piece of erasing did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Erased {
    pub passages: usize,
    /// Facts that were still to be delivered.
    pub undelivered: usize,
    /// There is more to erase.
    pub more: bool,
}

/// Erases at most `limit` passages that began before `time`, with their reads, decisions and outbox rows.
pub(super) fn erase_before(
    db: &mut Connection,
    time: Timestamp,
    limit: usize,
    seq: u64,
) -> rusqlite::Result<Erased> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut erased = Erased::default();
    let mut gone =
        pick(&transaction, "SELECT id FROM passages WHERE began < ?1 ORDER BY began LIMIT ?2", time, limit)?;
    erased.passages = gone.len();
    erased.more = gone.len() == limit;
    // Decisions whose passage never closed, for the power went first. Ids sort by time: with the older passages
    // gone, hardly anything but these has an id so old, and the search stays short.
    const ORPHANS: &str = "SELECT passage FROM decisions WHERE at < ?1 AND passage < ?3
        AND NOT EXISTS (SELECT 1 FROM passages WHERE id = passage) ORDER BY passage LIMIT ?2";
    if !erased.more {
        gone.extend(pick(&transaction, ORPHANS, time, limit)?);
    }
    for id in &gone {
        for sql in [
            "DELETE FROM passages WHERE id = ?1",
            "DELETE FROM reads WHERE passage = ?1",
            "DELETE FROM decisions WHERE passage = ?1",
            "DELETE FROM grounds WHERE passage = ?1",
        ] {
            transaction.prepare_cached(sql)?.execute([id])?;
        }
    }
    // Events of gates, which hold no plate but say who was where and when.
    const EVENTS: &str = "DELETE FROM gate_events WHERE id IN
        (SELECT id FROM gate_events WHERE id < ?1 AND at < ?2 ORDER BY id LIMIT ?3)";
    let events =
        transaction.prepare_cached(EVENTS)?.execute((oldest_id(time), time.as_microsecond(), limit))?;
    erased.more |= events == limit;
    // The outbox in its own order: rows this old at its head. A younger row of an erased passage is dropped when
    // it is its turn to be delivered.
    let old: Vec<u64> = {
        let mut head =
            transaction.prepare_cached("SELECT seq, recorded FROM outbox ORDER BY seq LIMIT ?1")?;
        let rows = head
            .query_map([limit.saturating_mul(2)], |row| Ok((row.get::<_, u64>(0)?, row.get::<_, i64>(1)?)))?;
        let rows: Vec<(u64, i64)> = rows.collect::<rusqlite::Result<_>>()?;
        rows.into_iter().take_while(|(_, at)| *at < time.as_microsecond()).map(|(seq, _)| seq).collect()
    };
    for seq in &old {
        transaction.prepare_cached("DELETE FROM outbox WHERE seq = ?1")?.execute([seq])?;
    }
    erased.undelivered = old.len();
    erased.more |= old.len() == limit.saturating_mul(2);
    erased.more |= lists::erase_changes_before(&transaction, time, limit)? == limit;
    if old.last() == Some(&seq) {
        writer::remember_seq(&transaction, seq)?;
    }
    transaction.commit()?;
    Ok(erased)
}

fn pick(db: &Connection, sql: &str, time: Timestamp, limit: usize) -> rusqlite::Result<Vec<Vec<u8>>> {
    let mut query = db.prepare_cached(sql)?;
    let values: [&dyn ToSql; 3] = [&time.as_microsecond(), &limit, &oldest_id(time)];
    // The search by time has no use for the id.
    let values = values.get(..query.parameter_count()).unwrap_or(&values);
    query.query_map(values, |row| row.get(0))?.collect()
}

/// No id made at `time` or later sorts before this.
pub(super) fn oldest_id(time: Timestamp) -> [u8; 16] {
    let millis = u128::try_from(time.as_millisecond()).unwrap_or(0) & 0xffff_ffff_ffff;
    (millis << 80).to_be_bytes()
}
