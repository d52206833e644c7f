//! Vehicles let in a moment ago whose plates are not stored: sixteen bits of each, for ten minutes.
//!
//! Only so that one which stands there still when the daemon starts again does not open its gate a second time. What
//! a mark is, and why it tells nobody whose plate it was: `fact::privacy`.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use crate::{fact::privacy::Mark, passage::PassageId, plate::PlateText};

/// How long they are kept. The next thing that is recorded after that takes them away.
const KEPT: Duration = Duration::from_secs(600);

/// `now` in microseconds since 1970.
pub(super) fn write(
    db: &Connection,
    passage: PassageId,
    plate: &PlateText,
    now: i64,
) -> rusqlite::Result<()> {
    let mark = Mark::of(plate, salt(db)?);
    db.prepare_cached("INSERT OR REPLACE INTO marks VALUES (?1, ?2, ?3)")?
        .execute((passage.0.as_bytes(), mark.bits, now))
        .map(|_| ())
}

/// Those of a time to come, too: the clock was set back.
pub(super) fn forget_old(db: &Connection, now: i64) -> rusqlite::Result<()> {
    let kept = i64::try_from(KEPT.as_micros()).unwrap_or(i64::MAX);
    db.prepare_cached("DELETE FROM marks WHERE at < ?1 OR at > ?2")?
        .execute((now.saturating_sub(kept), now.saturating_add(kept)))
        .map(|_| ())
}

pub(super) fn of(db: &Connection, passage: PassageId) -> rusqlite::Result<Option<Mark>> {
    let bits = db
        .prepare_cached("SELECT bits FROM marks WHERE passage = ?1")?
        .query_row([passage.0.as_bytes()], |row| row.get(0))
        .optional()?;
    bits.map(|bits| Ok(Mark { salt: salt(db)?, bits })).transpose()
}

fn salt(db: &Connection) -> rusqlite::Result<Uuid> {
    let stream = db.query_row("SELECT value FROM meta WHERE key = 'stream'", [], |row| row.get(0))?;
    Ok(Uuid::from_bytes(stream))
}
