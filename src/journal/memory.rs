//! What has to be remembered of decisions, as rows: written with the fact that it comes from, read at the start.

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use super::cells::{instant, plate_text, time};
use crate::access::{Effect, Inside, Memory, PassUse};

type Result<T> = rusqlite::Result<T>;

/// Writes effects down. Doing it twice is doing it once.
pub(super) fn write(db: &Connection, effects: &[Effect]) -> Result<()> {
    for effect in effects {
        match effect {
            Effect::Enters { plate, inside } => {
                db.prepare_cached("INSERT OR REPLACE INTO inside VALUES (?1, ?2, ?3)")?.execute(params![
                    plate.as_str(),
                    inside.list,
                    inside.since.as_microsecond()
                ])?;
            }
            Effect::Leaves { plate } => {
                db.prepare_cached("DELETE FROM inside WHERE plate = ?1")?.execute([plate.as_str()])?;
            }
            Effect::UsesPass { list, plate, pass } => {
                // The entry may have been added anew while this was on its way: then its pass is fresh.
                const SQL: &str = "INSERT INTO passes VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                    ON CONFLICT (list, plate) DO UPDATE SET
                        added = excluded.added, used = excluded.used,
                        first_use = excluded.first_use, last_use = excluded.last_use
                    WHERE coalesce(excluded.added, 0) >= coalesce(added, 0)";
                db.prepare_cached(SQL)?.execute(params![
                    list,
                    plate.as_str(),
                    pass.added.map(|added| added.as_microsecond()),
                    pass.used,
                    pass.first.as_microsecond(),
                    pass.last.as_microsecond(),
                ])?;
            }
        }
    }
    Ok(())
}

/// All that is remembered.
pub(super) fn read(db: &Connection) -> Result<Memory> {
    let mut memory = Memory::default();
    let mut take = |sql: &str, effect: fn(&Row<'_>) -> Result<Effect>| -> Result<()> {
        let mut query = db.prepare(sql)?;
        for effect in query.query_map([], effect)? {
            memory.apply(&effect?);
        }
        Ok(())
    };
    take("SELECT plate, list, since FROM inside ORDER BY since", |row| {
        let plate = plate_text(&row.get::<_, String>(0)?, 0)?;
        Ok(Effect::Enters { plate, inside: Inside { list: row.get(1)?, since: time(row, 2)? } })
    })?;
    take("SELECT list, plate, added, used, first_use, last_use FROM passes ORDER BY last_use", |row| {
        let added: Option<i64> = row.get(2)?;
        let added: Option<Timestamp> = added.map(|added| instant(added, 2)).transpose()?;
        let pass = PassUse { added, used: row.get(3)?, first: time(row, 4)?, last: time(row, 5)? };
        Ok(Effect::UsesPass { list: row.get(0)?, plate: plate_text(&row.get::<_, String>(1)?, 1)?, pass })
    })?;
    Ok(memory)
}
