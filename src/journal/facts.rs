//! The table of facts: appending to it, and reading single facts back.

use rusqlite::{Connection, OptionalExtension, Row};

use super::{
    body::{self, Body},
    chain::{self, Hash, Link},
};
use crate::fact::Fact;

/// The end of the table, from which the next fact goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub nr: u64,
    pub hash: Hash,
    /// How many facts were for the broker so far: the number of the newest of them.
    pub told: u64,
    /// How many of those the broker has.
    pub delivered: u64,
}

impl Head {
    pub(super) fn read(db: &Connection) -> rusqlite::Result<Self> {
        const LAST: &str = "SELECT nr, hash, told, delivered FROM facts ORDER BY nr DESC LIMIT 1";
        let last = db.query_row(LAST, [], |row| {
            Ok(Self { nr: row.get(0)?, hash: row.get(1)?, told: row.get(2)?, delivered: row.get(3)? })
        });
        match last.optional()? {
            Some(head) => Ok(head),
            None => {
                let anchor = chain::read_anchor(db)?;
                Ok(Self { nr: anchor.nr, hash: anchor.hash, told: 0, delivered: 0 })
            }
        }
    }

    /// This head, or the newest fact if somebody else has recorded one since.
    pub(super) fn as_it_stands(&self, db: &Connection) -> rusqlite::Result<Self> {
        let newest: Option<u64> =
            db.prepare_cached("SELECT max(nr) FROM facts")?.query_row([], |row| row.get(0))?;
        match newest.is_some_and(|nr| nr > self.nr) {
            true => Ok(Self { delivered: self.delivered, ..Self::read(db)? }),
            false => Ok(*self),
        }
    }

    /// Writes a fact behind this one. With `outbox`, facts for the broker wait for it; without, none does.
    pub(super) fn append(
        &mut self,
        db: &Connection,
        body: &Body,
        recorded: i64,
        outbox: bool,
    ) -> rusqlite::Result<()> {
        const SQL: &str = "INSERT INTO facts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        let nr = self.nr + 1;
        let link = Link {
            nr,
            kind: body.kind,
            id: &body.id,
            recorded,
            open: chain::digest(&body.open),
            personal: chain::digest(&body.personal),
        };
        let hash = link.hash(&self.hash);
        let told = self.told + u64::from(outbox && body::is_told(body.kind));
        db.prepare_cached(SQL)?.execute((
            nr,
            body.kind,
            body.id,
            recorded,
            &body.open,
            &body.personal,
            hash,
            told,
            self.delivered,
        ))?;
        (self.nr, self.hash, self.told) = (nr, hash, told);
        Ok(())
    }

    /// Writes down how much the broker has, where no fact takes it along.
    pub(super) fn note_delivered(&self, db: &Connection) -> rusqlite::Result<()> {
        db.prepare_cached("UPDATE facts SET delivered = ?2 WHERE nr = ?1")?
            .execute((self.nr, self.delivered))
            .map(|_| ())
    }
}

/// A row of the table, as far as readers want it.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub nr: u64,
    pub kind: i64,
    pub id: [u8; 16],
    pub recorded: i64,
    pub told: u64,
    open: Option<Vec<u8>>,
    personal: Option<Vec<u8>>,
}

/// Columns for [`stored`].
pub(super) const STORED: &str = "nr, kind, id, recorded, told, open, personal";

pub(super) fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored {
        nr: row.get(0)?,
        kind: row.get(1)?,
        id: row.get(2)?,
        recorded: row.get(3)?,
        told: row.get(4)?,
        open: row.get(5)?,
        personal: row.get(6)?,
    })
}

impl Stored {
    /// The fact; `None` if it was erased as a whole.
    pub(super) fn fact(&self) -> Result<Option<Fact>, body::BodyError> {
        let Some(open) = &self.open else { return Ok(None) };
        body::decode(self.kind, self.id, open, self.personal.as_deref()).map(Some)
    }

    /// What the index keeps; `None` for facts that are no closed passages, or erased as a whole.
    pub(super) fn entry(&self) -> Result<Option<body::Entry>, body::BodyError> {
        match &self.open {
            Some(open) if self.kind == body::CLOSED => body::entry(open, self.personal.as_deref()).map(Some),
            _ => Ok(None),
        }
    }

    pub(super) const fn is_erased(&self) -> bool {
        self.personal.is_none()
    }
}

pub(super) fn select(db: &Connection, nr: u64) -> rusqlite::Result<Option<Stored>> {
    let sql = format!("SELECT {STORED} FROM facts WHERE nr = ?1");
    db.prepare_cached(&sql)?.query_row([nr], stored).optional()
}

/// The first and the last one. Two questions: asked together, SQLite would look at every row.
pub(super) const ENDS: &str = "SELECT (SELECT min(nr) FROM facts), (SELECT max(nr) FROM facts)";

/// The last fact up to which at most `told` were for the broker; 0: there is none. `told` never falls from row to
/// row, so halving finds it.
pub(super) fn nr_of_told(db: &Connection, told: u64) -> rusqlite::Result<u64> {
    let ends: (Option<u64>, Option<u64>) =
        db.prepare_cached(ENDS)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (Some(first), Some(last)) = ends else { return Ok(0) };
    let mut query = db.prepare_cached("SELECT told FROM facts WHERE nr >= ?1 ORDER BY nr LIMIT 1")?;
    // Invariant: up to `low` all are within, at `high` none is.
    let (mut low, mut high) = (first.saturating_sub(1), last + 1);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if query.query_row([middle], |row| row.get::<_, u64>(0))? <= told {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(low)
}
