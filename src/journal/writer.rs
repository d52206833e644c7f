//! The one thread that writes: what has queued up becomes one durable transaction, again and again if the disk fails.

use std::sync::{Arc, atomic::Ordering};

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior, params};
use tokio::sync::watch;

use super::{
    Settings, gates, inserts, memory,
    queue::{Queue, Work},
    retention,
    stats::Stats,
    words::Words,
};
use crate::{
    clock::Clock,
    fact::{Closed, Decided, Fact},
};

/// Passages erased per transaction, so that facts never wait long behind an erasure.
const ERASED_AT_ONCE: usize = 500;

/// Kinds of outbox rows, as the column `kind` holds them.
pub(super) const KIND_DECIDED: i64 = 0;
pub(super) const KIND_CLOSED: i64 = 1;
pub(super) const KIND_GATE: i64 = 2;

#[derive(Debug)]
pub(super) struct Writing {
    db: Connection,
    words: Words,
    settings: Settings,
    clock: Arc<dyn Clock>,
    stats: Arc<Stats>,
    tell: watch::Sender<u64>,
    /// The highest number given to a fact.
    seq: u64,
}

/// What one transaction changed, to be believed only once it is committed.
#[derive(Debug, Default)]
struct Outcome {
    seq: u64,
    recorded: u64,
    duplicates: u64,
    enqueued: u64,
    delivered: u64,
}

impl Writing {
    pub(super) fn new(
        db: Connection,
        settings: &Settings,
        clock: Arc<dyn Clock>,
        stats: Arc<Stats>,
        tell: watch::Sender<u64>,
    ) -> rusqlite::Result<Self> {
        const LAST: &str = "SELECT max((SELECT value FROM meta WHERE key = 'seq'), (SELECT coalesce(max(seq), 0) FROM outbox))";
        let seq = db.query_row(LAST, [], |row| row.get(0))?;
        let undelivered = db.query_row("SELECT count(*) FROM outbox", [], |row| row.get(0))?;
        stats.undelivered.store(undelivered, Ordering::Relaxed);
        tell.send_replace(seq);
        db.set_prepared_statement_cache_capacity(64);
        Ok(Self { db, words: Words::default(), settings: settings.clone(), clock, stats, tell, seq })
    }

    pub(super) fn run(mut self, queue: &Queue) {
        let (first, longest) = self.settings.retry;
        let mut wait = first;
        loop {
            let work = queue.take(&self.stats);
            let (facts, stop) = (work.facts.len(), work.stop);
            match self.settle(&work) {
                Ok(()) => {
                    wait = first;
                    if self.stats.failing.swap(false, Ordering::Relaxed) {
                        tracing::info!("the journal is written again");
                    }
                    queue.done(facts, &work.delivered);
                }
                Err(error) => {
                    Stats::add(&self.stats.failures, 1);
                    if !self.stats.failing.swap(true, Ordering::Relaxed) {
                        tracing::error!(%error, waiting = facts, "the journal cannot be written; facts wait in memory");
                    }
                    if queue.failed(work, wait, &self.stats) {
                        break;
                    }
                    wait = (wait * 2).min(longest);
                    continue;
                }
            }
            if let Some(time) = work.erase_before {
                self.erase(queue, time);
            }
            if stop {
                break;
            }
        }
        // Folds the log into the database, so that a copy of the one file is complete. Without it nothing is lost.
        if let Err(error) = self.db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
            tracing::debug!(%error, "the write-ahead log stays");
        }
    }

    /// Commits the work. An error is the disk's; a fact that the database does not accept is given up instead.
    fn settle(&mut self, work: &Work) -> rusqlite::Result<()> {
        if work.facts.is_empty() && work.delivered.is_empty() {
            return Ok(());
        }
        let began = self.clock.now();
        match self.commit(&work.facts, &work.delivered) {
            Err(error) if !is_the_disks(&error) && !work.facts.is_empty() => {
                // One of them is odd: alone, each shows which.
                self.commit(&[], &work.delivered)?;
                for fact in &work.facts {
                    match self.commit(std::slice::from_ref(fact), &[]) {
                        Err(error) if is_the_disks(&error) => return Err(error),
                        Err(error) => {
                            Stats::add(&self.stats.refused, 1);
                            tracing::error!(id = %fact.id(), %error, "the journal refuses a fact");
                        }
                        Ok(()) => {}
                    }
                }
            }
            other => other?,
        }
        let micros = u64::try_from(self.clock.now().since(began).as_micros()).unwrap_or(u64::MAX);
        self.stats.last_commit_us.store(micros, Ordering::Relaxed);
        self.stats.longest_commit_us.fetch_max(micros, Ordering::Relaxed);
        Ok(())
    }

    fn commit(&mut self, facts: &[Fact], delivered: &[u64]) -> rusqlite::Result<()> {
        // Losing an acknowledgement in a power cut only means that it is delivered twice.
        self.db.pragma_update(None, "synchronous", if facts.is_empty() { "NORMAL" } else { "FULL" })?;
        let now = self.clock.wall().as_microsecond();
        let transaction = Transaction::new_unchecked(&self.db, TransactionBehavior::Immediate)?;
        let mut batch = Batch {
            db: &transaction,
            words: &mut self.words,
            settings: &self.settings,
            now,
            outcome: Outcome { seq: self.seq, ..Outcome::default() },
        };
        let written = batch.write(facts, delivered);
        let outcome = batch.outcome;
        let committed = written.and_then(|()| transaction.commit());
        if let Err(error) = committed {
            self.words.forget();
            return Err(error);
        }
        self.seq = outcome.seq;
        let stats = &self.stats;
        Stats::add(&stats.recorded, outcome.recorded);
        Stats::add(&stats.duplicates, outcome.duplicates);
        Stats::add(&stats.commits, 1);
        Stats::add(&stats.undelivered, outcome.enqueued);
        stats.undelivered.fetch_sub(outcome.delivered, Ordering::Relaxed);
        if outcome.enqueued > 0 {
            self.tell.send_replace(self.seq);
        }
        Ok(())
    }

    fn erase(&mut self, queue: &Queue, time: jiff::Timestamp) {
        match retention::erase_before(&mut self.db, time, ERASED_AT_ONCE, self.seq) {
            Ok(erased) => {
                Stats::add(&self.stats.erased, erased.passages as u64);
                Stats::add(&self.stats.undelivered_dropped, erased.undelivered as u64);
                self.stats.undelivered.fetch_sub(erased.undelivered as u64, Ordering::Relaxed);
                if erased.undelivered > 0 {
                    tracing::warn!(facts = erased.undelivered, "erased by age before the broker had them");
                }
                if erased.more {
                    queue.erase_before(time);
                }
            }
            Err(error) => {
                tracing::error!(%error, "old passages could not be erased; tried again at the next turn");
            }
        }
    }
}

/// One transaction in the making.
struct Batch<'a> {
    db: &'a Connection,
    words: &'a mut Words,
    settings: &'a Settings,
    now: i64,
    outcome: Outcome,
}

impl Batch<'_> {
    fn write(&mut self, facts: &[Fact], delivered: &[u64]) -> rusqlite::Result<()> {
        for fact in facts {
            let (new, kind) = match fact {
                Fact::Decided(decided) => {
                    (inserts::insert_decision(self.db, self.words, decided)?, KIND_DECIDED)
                }
                Fact::Closed(closed) => (self.close(closed)?, KIND_CLOSED),
                Fact::Gate(event) => (gates::insert_event(self.db, self.words, event)?, KIND_GATE),
            };
            if !new {
                self.outcome.duplicates += 1;
                continue;
            }
            self.outcome.recorded += 1;
            match fact {
                Fact::Decided(decided) => memory::write(self.db, &decided.effects)?,
                Fact::Closed(closed) => memory::write(self.db, &closed.effects)?,
                Fact::Gate(_) => {}
            }
            if self.settings.outbox {
                self.outcome.seq += 1;
                self.db.prepare_cached("INSERT INTO outbox VALUES (?1, ?2, ?3, ?4)")?.execute(params![
                    self.outcome.seq,
                    kind,
                    fact.id().as_bytes(),
                    self.now,
                ])?;
                self.outcome.enqueued += 1;
            }
        }
        for seq in delivered {
            let gone = self.db.prepare_cached("DELETE FROM outbox WHERE seq = ?1")?.execute([seq])?;
            self.outcome.delivered += gone as u64;
        }
        if delivered.contains(&self.outcome.seq) {
            remember_seq(self.db, self.outcome.seq)?;
        }
        Ok(())
    }

    fn close(&mut self, closed: &Closed) -> rusqlite::Result<bool> {
        let passage = &closed.passage;
        if !inserts::insert_passage(self.db, self.words, passage)? {
            return Ok(false);
        }
        inserts::insert_reads(self.db, closed, self.settings.reads_per_passage)?;
        if let Some(decision) = &closed.decision {
            // Stands there already, unless nothing was decided before the vehicle had left.
            let decided = Decided {
                passage: passage.id,
                camera: passage.camera.clone(),
                live: passage.live,
                at: passage.ended.unwrap_or(passage.began),
                reading: passage.reading.clone(),
                decision: decision.clone(),
                effects: Vec::new(),
                receipt: passage.receipt,
            };
            inserts::insert_decision(self.db, self.words, &decided)?;
        }
        Ok(true)
    }
}

/// The newest number leaves the outbox: it must not be given again.
pub(super) fn remember_seq(db: &Connection, seq: u64) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE meta SET value = ?1 WHERE key = 'seq'")?.execute([seq]).map(|_| ())
}

/// Would every other fact fail alike?
fn is_the_disks(error: &rusqlite::Error) -> bool {
    use ErrorCode::{ConstraintViolation, ParameterOutOfRange, TooBig, TypeMismatch};
    error.sqlite_error_code().is_some_and(|code| {
        !matches!(code, ConstraintViolation | TooBig | TypeMismatch | ParameterOutOfRange)
    })
}
