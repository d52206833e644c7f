//! The outbox: rows that name facts the broker does not have yet, handed on in order as whole facts.

use std::{path::Path, sync::Arc};

use rusqlite::{Connection, params};
use uuid::Uuid;

use super::{
    gates,
    queue::Queue,
    reader::{self, ReaderError},
    selects,
    words::Words,
    writer::{KIND_CLOSED, KIND_DECIDED, KIND_GATE},
};
use crate::fact::{Closed, Fact, Lane, Outbox, OutboxError, Undelivered};

/// The journal's side of [`Outbox`].
#[derive(Debug)]
pub struct PendingFacts {
    db: Connection,
    words: Words,
    queue: Arc<Queue>,
    stream: Uuid,
}

struct Pending {
    seq: u64,
    kind: i64,
    id: [u8; 16],
    recorded: i64,
}

impl PendingFacts {
    pub(super) fn open(path: &Path, queue: Arc<Queue>) -> Result<Self, ReaderError> {
        let db = reader::connect_for_outbox(path)?;
        let stream: [u8; 16] = db
            .query_row("SELECT value FROM meta WHERE key = 'stream'", [], |row| row.get(0))
            .map_err(|error| reader::failed(path, error))?;
        Ok(Self { db, words: Words::default(), queue, stream: Uuid::from_bytes(stream) })
    }

    fn pending(&self, after: u64, lane: Lane, limit: usize) -> rusqlite::Result<Vec<Pending>> {
        let sql = match lane {
            Lane::Everything => "SELECT seq, kind, passage, recorded FROM outbox WHERE seq > ?1 ORDER BY seq",
            Lane::Decisions => {
                "SELECT seq, kind, passage, recorded FROM outbox WHERE seq > ?1 AND kind = 0 ORDER BY seq"
            }
        };
        let mut query = self.db.prepare_cached(sql)?;
        let rows = query.query_map(params![after], |row| {
            Ok(Pending { seq: row.get(0)?, kind: row.get(1)?, id: row.get(2)?, recorded: row.get(3)? })
        })?;
        // Acknowledged ones may stand in the table a little longer; they are not delivered twice for that.
        let waiting =
            |row: &rusqlite::Result<Pending>| !row.as_ref().is_ok_and(|row| self.queue.is_delivered(row.seq));
        rows.filter(waiting).take(limit).collect()
    }

    fn fact(&mut self, pending: &Pending) -> rusqlite::Result<Option<Fact>> {
        if pending.kind == KIND_GATE {
            let event = gates::select_event(&self.db, &mut self.words, &pending.id)?;
            return Ok(event.map(Fact::Gate));
        }
        let decided = selects::select_decision(&self.db, &mut self.words, &pending.id)?;
        match pending.kind {
            KIND_DECIDED => Ok(decided.map(Fact::Decided)),
            KIND_CLOSED => {
                let Some(passage) = selects::select_passage(&self.db, &mut self.words, &pending.id)? else {
                    return Ok(None);
                };
                let reads = selects::select_reads(&self.db, &pending.id, passage.reading.as_ref())?;
                let decision = decided.map(|decided| decided.decision);
                Ok(Some(Fact::Closed(Closed { passage, reads, decision, effects: Vec::new() })))
            }
            _ => Ok(None),
        }
    }

    fn collect(&mut self, after: u64, lane: Lane, limit: usize) -> rusqlite::Result<Vec<Undelivered>> {
        let mut facts = Vec::new();
        for pending in self.pending(after, lane, limit)? {
            match self.fact(&pending)? {
                Some(fact) => facts.push(Undelivered {
                    seq: pending.seq,
                    recorded: super::cells::instant(pending.recorded, 3)?,
                    fact,
                }),
                None => {
                    // Erased by age a moment ago, or of a kind that this program does not know.
                    tracing::warn!(seq = pending.seq, kind = pending.kind, "an outbox row without its fact");
                    self.queue.deliver(&[pending.seq]);
                }
            }
        }
        Ok(facts)
    }
}

impl Outbox for PendingFacts {
    fn stream(&self) -> Uuid {
        self.stream
    }

    fn undelivered(&mut self, after: u64, lane: Lane, limit: usize) -> Result<Vec<Undelivered>, OutboxError> {
        self.collect(after, lane, limit).map_err(|error| OutboxError(error.to_string()))
    }

    fn delivered(&mut self, seqs: &[u64]) {
        self.queue.deliver(seqs);
    }
}
