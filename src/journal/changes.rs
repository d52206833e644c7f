//! Changes of lists as facts: who changed which entry when, in the chain with everything else.
//!
//! They are written by whoever changes a list, which may be another process than the daemon, in the transaction that
//! changes the entry. A table says which facts they are, in their own numbering: that the last number is another one
//! tells a running daemon to look again.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    body::{self, Body},
    cells::{instant, odd, plate_text},
    facts::Head,
};
use crate::plate::PlateText;

/// A change, about to be written down.
#[derive(Debug)]
pub(super) struct Change<'a> {
    /// Microseconds since 1970.
    pub at: i64,
    pub actor: &'a str,
    pub verb: &'a str,
    pub list: &'a str,
    pub plate: &'a str,
    /// The entry as JSON.
    pub before: Option<String>,
    pub after: Option<String>,
}

/// A change that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    pub nr: u64,
    pub at: Timestamp,
    /// Empty, as `plate` and the entries are `None`, where the plate was erased.
    pub actor: String,
    /// `add`, `change`, `remove`, or `left`: somebody said that it is not inside any more.
    pub verb: String,
    pub list: String,
    pub plate: Option<PlateText>,
    /// The entry as JSON, before and after.
    pub before: Option<String>,
    pub after: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Open {
    at: i64,
    verb: String,
    list: String,
}

#[derive(Serialize, Deserialize)]
struct Personal {
    actor: String,
    plate: String,
    before: Option<String>,
    after: Option<String>,
}

/// Writes a change behind the head, in the caller's transaction.
pub(super) fn record(db: &Connection, head: &mut Head, change: &Change<'_>) -> rusqlite::Result<()> {
    let Change { at, actor, verb, list, plate, before, after } = change;
    let open = Open { at: *at, verb: (*verb).to_owned(), list: (*list).to_owned() };
    let personal = Personal {
        actor: (*actor).to_owned(),
        plate: (*plate).to_owned(),
        before: before.clone(),
        after: after.clone(),
    };
    let body = Body {
        kind: body::CHANGE,
        id: *Uuid::now_v7().as_bytes(),
        open: rmp_serde::to_vec(&open).map_err(|error| odd(0, error))?,
        personal: rmp_serde::to_vec(&personal).map_err(|error| odd(0, error))?,
        effects: Vec::new(),
    };
    // No broker is told.
    head.append(db, &body, *at, false)?;
    db.prepare_cached("INSERT INTO list_changes (fact) VALUES (?1)")?.execute([head.nr]).map(|_| ())
}

/// Number of the last change; 0 before the first.
pub(super) fn last(db: &Connection) -> rusqlite::Result<u64> {
    let mut query = db.prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = 'list_changes'")?;
    Ok(query.query_row([], |row| row.get(0)).optional()?.unwrap_or(0))
}

/// The newest changes, newest first, of one plate or of all: at most `most`.
pub(super) fn newest(
    db: &Connection,
    plate: Option<&PlateText>,
    most: usize,
) -> rusqlite::Result<Vec<Recorded>> {
    let sql = format!("{SELECT} ORDER BY c.nr DESC");
    let mut query = db.prepare_cached(&sql)?;
    let mut rows = query.query([0])?;
    let mut found = Vec::new();
    while found.len() < most
        && let Some(row) = rows.next()?
    {
        if let Some(change) = recorded(row)?
            && (plate.is_none() || change.plate.as_ref() == plate)
        {
            found.push(change);
        }
    }
    Ok(found)
}

/// The changes after this one, oldest first.
pub(super) fn after(db: &Connection, nr: u64) -> rusqlite::Result<Vec<Recorded>> {
    let sql = format!("{SELECT} ORDER BY c.nr");
    let mut query = db.prepare_cached(&sql)?;
    let rows = query.query_map([nr], recorded)?;
    rows.filter_map(Result::transpose).collect()
}

const SELECT: &str = "SELECT c.nr, f.open, f.personal FROM list_changes c JOIN facts f ON f.nr = c.fact
    WHERE c.nr > ?1";

/// `None`: it was erased as a whole.
fn recorded(row: &Row<'_>) -> rusqlite::Result<Option<Recorded>> {
    let (open, personal): (Option<Vec<u8>>, Option<Vec<u8>>) = (row.get(1)?, row.get(2)?);
    let Some(open) = open else { return Ok(None) };
    let open: Open = rmp_serde::from_slice(&open).map_err(|error| odd(1, error))?;
    let personal: Option<Personal> =
        personal.map(|bytes| rmp_serde::from_slice(&bytes).map_err(|error| odd(2, error))).transpose()?;
    let (actor, plate, before, after) = match personal {
        Some(Personal { actor, plate, before, after }) => (actor, Some(plate), before, after),
        None => (String::new(), None, None, None),
    };
    Ok(Some(Recorded {
        nr: row.get(0)?,
        at: instant(open.at, 1)?,
        actor,
        verb: open.verb,
        list: open.list,
        plate: plate.map(|plate| plate_text(&plate, 2)).transpose()?,
        before,
        after,
    }))
}

/// The facts up to this one are gone; at most `most` of them were changes.
pub(super) fn forget_to(db: &Connection, fact: u64, most: usize) -> rusqlite::Result<()> {
    // Both numbers rise together, so the old ones are at the head.
    const SQL: &str = "DELETE FROM list_changes WHERE fact <= ?1 AND nr IN (SELECT nr FROM list_changes ORDER BY nr LIMIT ?2)";
    db.prepare_cached(SQL)?.execute((fact, most)).map(|_| ())
}

/// Takes changes into the chain that an earlier version kept in a table of its own, and lets go of that table.
pub(super) fn seal_old(db: &Connection) -> rusqlite::Result<()> {
    let mut head = Head::read(db)?;
    {
        let mut query =
            db.prepare("SELECT at, actor, verb, list, plate, before, after FROM changes ORDER BY nr")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let text = |at: usize| row.get_ref(at)?.as_str().map_err(rusqlite::Error::from);
            let (actor, verb, list, plate) = (text(1)?, text(2)?, text(3)?, text(4)?);
            let (before, after) = (row.get(5)?, row.get(6)?);
            let change = Change { at: row.get(0)?, actor, verb, list, plate, before, after };
            record(db, &mut head, &change)?;
        }
    }
    db.execute_batch("DROP TABLE changes")
}
