//! Entries that people add to lists while the service runs: kept beside the facts, every change of them recorded.
//!
//! A connection of its own, for the daemon and for commands alike: whoever changes something commits it at once, and
//! a running daemon sees that the number of the last change is another one.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, TransactionBehavior, params};
use serde::Serialize;

use super::{
    cells::{instant, odd, plate_text, time},
    changes::{self, Change as Sealed, Recorded},
    facts::Head,
    memory,
    reader::{self, ReaderError},
};
use crate::{
    access::{Actor, Added, Change, Configured, LookAlikes, Memory, NewEntry, Pass, Refusal},
    plate::PlateText,
};

/// How long another writer may hold the journal before a change is given up, in milliseconds.
const PATIENCE: u32 = 5000;

/// What changes came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Applied {
    pub added: usize,
    /// Entries that were there in another form.
    pub changed: usize,
    /// Entries that were there just so.
    pub unchanged: usize,
    pub removed: usize,
    /// Number of the last change, these included.
    pub last: u64,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Each with the place of its change among those asked for, from 0.
    #[error("{}", all(.0))]
    Refused(Vec<(usize, Refusal)>),
    #[error("the journal cannot be written: {why}{}", advice(.why))]
    Journal { why: rusqlite::Error },
}

impl From<rusqlite::Error> for ApplyError {
    fn from(why: rusqlite::Error) -> Self {
        Self::Journal { why }
    }
}

fn all(refusals: &[(usize, Refusal)]) -> String {
    refusals.iter().map(|(_, refusal)| refusal.to_string()).collect::<Vec<_>>().join("; ")
}

fn advice(error: &rusqlite::Error) -> &'static str {
    match error.sqlite_error_code() {
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            "; run this as the user of the service"
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "; try again in a moment",
        Some(ErrorCode::DiskFull) => "; make room, or raise [journal] largest",
        _ => "",
    }
}

/// The form of an entry in `before` and `after`.
#[derive(Debug, Serialize)]
struct EntryV1<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uses: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lasts_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<&'a str>,
}

/// See the file.
#[derive(Debug)]
pub struct ListStore {
    path: PathBuf,
    db: Connection,
}

impl ListStore {
    /// Opens the journal at this path, which the daemon has made.
    pub fn open(path: &Path) -> Result<Self, ReaderError> {
        let db = reader::connect_to_write(path, PATIENCE)?;
        db.set_prepared_statement_cache_capacity(32);
        Ok(Self { path: path.to_owned(), db })
    }

    /// What was added before the disk filled up, to be read once; `None` where not all of it can be seen.
    pub fn at_rest(path: &Path) -> Result<Option<Self>, ReaderError> {
        let db = reader::connect_at_rest(path)?;
        Ok(db.map(|db| Self { path: path.to_owned(), db }))
    }

    /// Another number means that somebody else has written something, whatever it was.
    pub fn data_version(&self) -> Result<u64, ReaderError> {
        self.read(|db| db.query_row("PRAGMA data_version", [], |row| row.get(0)))
    }

    /// Number of the last change of an entry; 0 before the first.
    pub fn last_change(&self) -> Result<u64, ReaderError> {
        self.read(changes::last)
    }

    /// Every entry that was added, by list and plate.
    pub fn entries(&self) -> Result<Vec<Added>, ReaderError> {
        self.read(|db| {
            let mut query =
                db.prepare_cached(&format!("SELECT {ENTRY} FROM entries ORDER BY list, plate"))?;
            let rows = query.query_map([], entry)?;
            rows.collect()
        })
    }

    /// What has to be remembered of earlier decisions.
    pub fn memory(&self) -> Result<Memory, ReaderError> {
        self.read(memory::read)
    }

    /// The newest changes, newest first, of one plate or of all.
    pub fn changes(&self, plate: Option<&PlateText>, most: usize) -> Result<Vec<Recorded>, ReaderError> {
        self.read(|db| changes::newest(db, plate, most))
    }

    /// Plates that somebody said are not inside any more, in changes after this one.
    pub fn left_after(&self, nr: u64) -> Result<Vec<PlateText>, ReaderError> {
        let changes = self.read(|db| changes::after(db, nr))?;
        Ok(changes.into_iter().filter(|change| change.verb == "left").filter_map(|one| one.plate).collect())
    }

    /// Somebody says that this vehicle is not inside any more; false if nobody thought that it was.
    pub fn leave(&mut self, plate: &PlateText, actor: &Actor, now: Timestamp) -> Result<bool, ApplyError> {
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let list: Option<String> = transaction
            .prepare_cached("DELETE FROM inside WHERE plate = ?1 RETURNING list")?
            .query_row([plate.as_str()], |row| row.get(0))
            .optional()?;
        let Some(list) = list else { return Ok(false) };
        let mut head = Head::read(&transaction)?;
        record(&transaction, &mut head, (now, actor), "left", &list, plate, (None, None))?;
        transaction.commit()?;
        Ok(true)
    }

    fn read<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, ReaderError> {
        ask(&self.db).map_err(|error| ReaderError::new(&self.path, error))
    }

    /// Makes all changes or none of them.
    pub fn apply(
        &mut self,
        changes: &[Change],
        actor: &Actor,
        configured: &Configured,
        now: Timestamp,
    ) -> Result<Applied, ApplyError> {
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut work = Applying {
            db: &transaction,
            head: Head::read(&transaction)?,
            actor,
            configured,
            now,
            look_alikes: HashMap::new(),
            applied: Applied::default(),
        };
        let mut refusals = Vec::new();
        for (at, change) in changes.iter().enumerate() {
            match work.apply(change) {
                Ok(()) => {}
                Err(Stop::Refused(refusal)) => refusals.push((at, refusal)),
                Err(Stop::Journal(error)) => return Err(error.into()),
            }
        }
        if !refusals.is_empty() {
            return Err(ApplyError::Refused(refusals));
        }
        let mut applied = work.applied;
        applied.last = changes::last(&transaction)?;
        transaction.commit()?;
        Ok(applied)
    }
}

enum Stop {
    Refused(Refusal),
    Journal(rusqlite::Error),
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Self::Journal(error)
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Changes of one transaction.
struct Applying<'a> {
    db: &'a Connection,
    /// Behind which the next change is written down.
    head: Head,
    actor: &'a Actor,
    configured: &'a Configured,
    now: Timestamp,
    /// By list, as far as they were needed.
    look_alikes: HashMap<String, LookAlikes>,
    applied: Applied,
}

impl Applying<'_> {
    fn apply(&mut self, change: &Change) -> Result<(), Stop> {
        self.configured.check(change)?;
        let (list, plate) = (change.list(), change.plate());
        let before = one(self.db, list, plate)?.map(|added| added.entry);
        match change {
            Change::Add { entry, .. } => {
                if before.as_ref() == Some(entry) {
                    self.applied.unchanged += 1;
                    return Ok(());
                }
                self.look_alikes(list)?.add(plate)?;
                self.put(list, entry)?;
                let verb = if before.is_some() { "change" } else { "add" };
                let forms = (before.as_ref(), Some(entry));
                record(self.db, &mut self.head, (self.now, self.actor), verb, list, plate, forms)?;
                *(if before.is_some() { &mut self.applied.changed } else { &mut self.applied.added }) += 1;
            }
            Change::Remove { .. } => {
                let Some(before) = before else {
                    let (plate, list) = (plate.clone(), list.to_owned());
                    let configured = self.configured.has(&list, &plate);
                    return Err(Stop::Refused(match configured {
                        true => Refusal::Configured { plate, list },
                        false => Refusal::NotThere { plate, list },
                    }));
                };
                let mut delete =
                    self.db.prepare_cached("DELETE FROM entries WHERE list = ?1 AND plate = ?2")?;
                delete.execute([list, plate.as_str()])?;
                self.forget_pass(list, plate)?;
                let forms = (Some(&before), None);
                record(self.db, &mut self.head, (self.now, self.actor), "remove", list, plate, forms)?;
                if let Some(look_alikes) = self.look_alikes.get_mut(list) {
                    look_alikes.remove(plate);
                }
                self.applied.removed += 1;
            }
        }
        Ok(())
    }

    fn put(&self, list: &str, entry: &NewEntry) -> rusqlite::Result<()> {
        const SQL: &str = "INSERT OR REPLACE INTO entries VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        self.db.prepare_cached(SQL)?.execute(params![
            list,
            entry.plate.as_str(),
            entry.note,
            entry.from.map(|at| at.as_microsecond()),
            entry.until.map(|at| at.as_microsecond()),
            entry.pass.uses,
            entry.pass.lasts.map(millis),
            entry.schedule,
            self.now.as_microsecond(),
            self.actor.as_str(),
        ])?;
        self.forget_pass(list, &entry.plate)
    }

    fn forget_pass(&self, list: &str, plate: &PlateText) -> rusqlite::Result<()> {
        const SQL: &str = "DELETE FROM passes WHERE list = ?1 AND plate = ?2 AND added IS NOT NULL";
        self.db.prepare_cached(SQL)?.execute([list, plate.as_str()]).map(|_| ())
    }

    /// The plates of a tolerant list as they stand now.
    fn look_alikes(&mut self, list: &str) -> rusqlite::Result<&mut LookAlikes> {
        if !self.look_alikes.contains_key(list) {
            let mut plates: Vec<PlateText> = Vec::new();
            // An exact list has no need of them, and may be a long one.
            if self.configured.is_tolerant(list) {
                let mut query = self.db.prepare_cached("SELECT plate FROM entries WHERE list = ?1")?;
                let rows = query.query_map([list], |row| plate_text(&row.get::<_, String>(0)?, 0))?;
                plates = rows.collect::<rusqlite::Result<_>>()?;
            }
            let look_alikes = self.configured.look_alikes(list, plates.iter());
            self.look_alikes.insert(list.to_owned(), look_alikes);
        }
        Ok(self.look_alikes.entry(list.to_owned()).or_default())
    }
}

/// Writes a change down: who made it when, and the entry before and after. A fact like any other, in the chain.
fn record(
    db: &Connection,
    head: &mut Head,
    (now, actor): (Timestamp, &Actor),
    verb: &str,
    list: &str,
    plate: &PlateText,
    (before, after): (Option<&NewEntry>, Option<&NewEntry>),
) -> rusqlite::Result<()> {
    let change = Sealed {
        at: now.as_microsecond(),
        actor: actor.as_str(),
        verb,
        list,
        plate: plate.as_str(),
        before: before.map(json).transpose()?,
        after: after.map(json).transpose()?,
    };
    changes::record(db, head, &change)
}

const ENTRY: &str = "list, plate, note, valid_from, valid_until, uses, lasts, schedule, added, added_by";

fn entry(row: &Row<'_>) -> rusqlite::Result<Added> {
    let optional = |at: usize| -> rusqlite::Result<Option<Timestamp>> {
        row.get::<_, Option<i64>>(at)?.map(|micros| instant(micros, at)).transpose()
    };
    let lasts: Option<u64> = row.get(6)?;
    Ok(Added {
        list: row.get(0)?,
        entry: NewEntry {
            plate: plate_text(&row.get::<_, String>(1)?, 1)?,
            note: row.get(2)?,
            from: optional(3)?,
            until: optional(4)?,
            pass: Pass { uses: row.get(5)?, lasts: lasts.map(std::time::Duration::from_millis) },
            schedule: row.get(7)?,
        },
        at: time(row, 8)?,
        by: row.get(9)?,
    })
}

fn one(db: &Connection, list: &str, plate: &PlateText) -> rusqlite::Result<Option<Added>> {
    let sql = format!("SELECT {ENTRY} FROM entries WHERE list = ?1 AND plate = ?2");
    db.prepare_cached(&sql)?.query_row([list, plate.as_str()], entry).optional()
}

fn json(entry: &NewEntry) -> rusqlite::Result<String> {
    let form = EntryV1 {
        note: entry.note.as_deref(),
        from: entry.from.map(|at| at.to_string()),
        until: entry.until.map(|at| at.to_string()),
        uses: entry.pass.uses,
        lasts_ms: entry.pass.lasts.map(millis),
        schedule: entry.schedule.as_deref(),
    };
    serde_json::to_string(&form).map_err(|error| odd(0, error))
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
