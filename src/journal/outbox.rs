//! The outbox: facts that the broker does not have yet, handed on in order as whole facts.
//!
//! No table of its own: it is the end of the table of facts, behind the number that the broker has reached.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rusqlite::Connection;
use uuid::Uuid;

use super::{
    body,
    facts::{STORED, Stored, nr_of_told, stored},
    queue::Queue,
    reader::{self, ReaderError},
};
use crate::fact::{Lane, Outbox, OutboxError, Undelivered};

/// The journal's side of [`Outbox`].
#[derive(Debug)]
pub struct PendingFacts {
    path: PathBuf,
    /// `None` before there is a file.
    source: Option<(Connection, Uuid)>,
    queue: Arc<Queue>,
}

impl PendingFacts {
    pub(super) fn open(path: &Path, queue: Arc<Queue>) -> Result<Self, ReaderError> {
        Ok(Self { source: Some(source(path)?), ..Self::later(path, queue) })
    }

    /// Of a journal that is not open yet.
    pub(super) fn later(path: &Path, queue: Arc<Queue>) -> Self {
        Self { path: path.to_owned(), source: None, queue }
    }

    fn pending(&self, after: u64, lane: Lane, limit: usize) -> rusqlite::Result<Vec<Stored>> {
        let Some((db, _)) = &self.source else { return Ok(Vec::new()) };
        let (delivered, _) = self.queue.delivered();
        let nr = nr_of_told(db, after.max(delivered))?;
        let sql = format!("SELECT {STORED} FROM facts WHERE nr > ?1 ORDER BY nr");
        let mut query = db.prepare_cached(&sql)?;
        let mut rows = query.query([nr])?;
        let mut pending = Vec::new();
        while let Some(row) = rows.next()? {
            if pending.len() >= limit {
                break;
            }
            let kind: i64 = row.get(1)?;
            let wanted = match lane {
                Lane::Everything => body::is_told(kind),
                Lane::Decisions => kind == body::DECIDED,
            };
            // Acknowledged ones may stand behind one that is not; they are not delivered twice for that.
            if wanted && !self.queue.is_delivered(row.get(4)?) {
                pending.push(stored(row)?);
            }
        }
        Ok(pending)
    }

    fn collect(&self, after: u64, lane: Lane, limit: usize) -> rusqlite::Result<Vec<Undelivered>> {
        let mut facts = Vec::new();
        for pending in self.pending(after, lane, limit)? {
            let recorded = jiff::Timestamp::from_microsecond(pending.recorded).unwrap_or_default();
            match pending.fact() {
                Ok(Some(fact)) => facts.push(Undelivered { seq: pending.told, recorded, fact }),
                Ok(None) => self.queue.deliver(&[pending.told]),
                Err(error) => {
                    tracing::warn!(fact = pending.nr, %error, "a fact cannot be understood; it is not delivered");
                    self.queue.deliver(&[pending.told]);
                }
            }
        }
        Ok(facts)
    }
}

/// A connection, and the name of its numbering.
fn source(path: &Path) -> Result<(Connection, Uuid), ReaderError> {
    let db = reader::connect(path)?;
    let stream: [u8; 16] = db
        .query_row("SELECT value FROM meta WHERE key = 'stream'", [], |row| row.get(0))
        .map_err(|error| ReaderError::new(path, error))?;
    Ok((db, Uuid::from_bytes(stream)))
}

impl Outbox for PendingFacts {
    fn stream(&self) -> Uuid {
        self.source.as_ref().map_or(Uuid::nil(), |(_, stream)| *stream)
    }

    fn undelivered(&mut self, after: u64, lane: Lane, limit: usize) -> Result<Vec<Undelivered>, OutboxError> {
        if self.source.is_none() && self.queue.is_open() {
            self.source = Some(source(&self.path).map_err(|error| OutboxError(error.to_string()))?);
        }
        self.collect(after, lane, limit).map_err(|error| OutboxError(error.to_string()))
    }

    fn delivered(&mut self, seqs: &[u64]) {
        self.queue.deliver(seqs);
    }
}
