//! The one thread that writes: what has queued up becomes one durable transaction, again and again if the disk fails.

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering},
};

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};
use tokio::sync::watch;

use super::{
    Settings,
    body::{self, Body},
    facts::Head,
    follow, health, index, marks, memory,
    queue::{Item, Progress, Queue, Work},
    retention::{self, Erased},
    room::Limit,
    stats::Stats,
    words::Words,
};
use crate::{
    clock::Clock,
    fact::{Fact, privacy::Unstored},
    telemetry::{Span, Stage},
};

/// Facts erased per transaction, so that new ones never wait long behind an erasure.
const ERASED_AT_ONCE: usize = 1000;
/// The same for room: not many more than have to go.
const ERASED_FOR_ROOM: usize = 250;
/// Facts indexed per transaction: lists that were imported may have brought many.
const INDEXED_AT_ONCE: usize = 5000;

/// Something ready to be written.
#[derive(Debug)]
enum Entry {
    Fact(Body),
    Unstored(Unstored),
}

#[derive(Debug)]
pub(super) struct Writing {
    db: Connection,
    words: Words,
    settings: Settings,
    clock: Arc<dyn Clock>,
    stats: Arc<Stats>,
    tell: watch::Sender<u64>,
    head: Head,
    /// The last fact that the index holds.
    indexed: u64,
    /// Facts that the index does not hold yet: what makes a fact the same as another.
    tail: HashSet<(i64, [u8; 16])>,
    limit: Option<Limit>,
}

impl Writing {
    pub(super) fn new(
        db: Connection,
        settings: &Settings,
        clock: Arc<dyn Clock>,
        stats: Arc<Stats>,
        tell: watch::Sender<u64>,
    ) -> rusqlite::Result<Self> {
        db.set_prepared_statement_cache_capacity(64);
        let mut head = Head::read(&db)?;
        let waiting = head.told - head.delivered.min(head.told);
        if !settings.outbox && waiting > 0 {
            tracing::warn!(
                facts = waiting,
                "they waited for a broker that is not configured any more; they stay in the journal"
            );
            head.delivered = head.told;
        }
        stats.undelivered.store(head.told - head.delivered, Ordering::Relaxed);
        tell.send_replace(head.told);
        let indexed = index::indexed(&db)?;
        let tail = {
            let mut query = db.prepare("SELECT kind, id FROM facts WHERE nr > ?1")?;
            let rows = query.query_map([indexed], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<rusqlite::Result<_>>()?
        };
        let limit = settings.largest_bytes.map(Limit::new);
        let (settings, words) = (settings.clone(), Words::default());
        Ok(Self { db, words, settings, clock, stats, tell, head, indexed, tail, limit })
    }

    /// The newest fact.
    pub(super) const fn newest(&self) -> u64 {
        self.head.nr
    }

    /// How many of the facts for the broker it has.
    pub(super) const fn delivered(&self) -> u64 {
        self.head.delivered
    }

    pub(super) fn run(mut self, queue: &Queue) {
        let (first, longest) = self.settings.retry;
        let mut wait = first;
        loop {
            let work = queue.take(&self.stats);
            let (items, stop) = (work.items.len(), work.stop);
            match self.settle(&work) {
                Ok(()) => {
                    wait = first;
                    if self.stats.failing.swap(false, Ordering::Relaxed) {
                        tracing::info!("the journal is written again");
                    }
                    self.stats.disk_full.store(false, Ordering::Relaxed);
                    self.count_undelivered(queue);
                    queue.done(items, work.progress.delivered);
                }
                // At its own limit there is something that can be done about it.
                Err(error) if is_full(&error) && self.is_at_limit() && self.make_room(queue) => {
                    if queue.failed(work, std::time::Duration::ZERO, &self.stats) {
                        break;
                    }
                    continue;
                }
                Err(error) => {
                    Stats::add(&self.stats.failures, 1);
                    self.stats.disk_full.store(is_full(&error), Ordering::Relaxed);
                    if !self.stats.failing.swap(true, Ordering::Relaxed) {
                        tracing::error!(%error, waiting = items, "the journal cannot be written; facts wait in memory");
                    }
                    if queue.failed(work, wait, &self.stats) {
                        break;
                    }
                    wait = (wait * 2).min(longest);
                    continue;
                }
            }
            let batch = u64::try_from(self.settings.index_batch).unwrap_or(u64::MAX);
            queue.heartbeat.beat();
            if self.head.nr.saturating_sub(self.indexed) >= batch {
                self.index(queue);
            }
            if let Some(time) = work.erase_before {
                self.erase(queue, time);
            }
            if work.make_room || self.is_at_limit() {
                self.make_room(queue);
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

    /// Commits the work, and notes how long that took.
    fn settle(&mut self, work: &Work) -> rusqlite::Result<()> {
        if work.items.is_empty() && work.progress.is_none() {
            return Ok(());
        }
        let began = self.clock.now();
        let outcome = self.settle_now(work);
        let ended = self.clock.now();
        self.stats.commit.note(&Span::of(Stage::Journal, began, ended).ended_well(outcome.is_ok()));
        outcome?;
        let micros = u64::try_from(ended.since(began).as_micros()).unwrap_or(u64::MAX);
        self.stats.last_commit_us.store(micros, Ordering::Relaxed);
        self.stats.longest_commit_us.fetch_max(micros, Ordering::Relaxed);
        Ok(())
    }

    /// An error is the disk's; a fact that the database does not accept is given up instead.
    fn settle_now(&mut self, work: &Work) -> rusqlite::Result<()> {
        let entries: Vec<Entry> = work.items.iter().filter_map(|item| self.entry(item)).collect();
        match self.commit(&entries, &work.progress) {
            Err(error) if !is_the_disks(&error) && !entries.is_empty() => {
                // One of them is odd: alone, each shows which.
                self.commit(&[], &work.progress)?;
                for entry in &entries {
                    match self.commit(std::slice::from_ref(entry), &Progress::default()) {
                        Err(error) if is_the_disks(&error) => return Err(error),
                        Err(error) => match entry {
                            Entry::Fact(body) => self.refuse(&uuid::Uuid::from_bytes(body.id), &error),
                            Entry::Unstored(_) => self.refuse(&"unstored", &error),
                        },
                        Ok(()) => {}
                    }
                }
            }
            other => other?,
        }
        Ok(())
    }

    fn entry(&self, item: &Item) -> Option<Entry> {
        match item {
            Item::Fact(fact) => self.body(fact).map(Entry::Fact),
            Item::Unstored(unstored) => Some(Entry::Unstored(unstored.clone())),
            Item::Health(change) => health::encode(change)
                .inspect_err(|error| self.refuse(&"health", error))
                .ok()
                .map(Entry::Fact),
        }
    }

    fn body(&self, fact: &Fact) -> Option<Body> {
        body::encode(fact, self.settings.reads_per_passage)
            .inspect_err(|error| self.refuse(&fact.id(), error))
            .ok()
    }

    fn refuse(&self, id: &dyn std::fmt::Display, error: &dyn std::error::Error) {
        Stats::add(&self.stats.refused, 1);
        tracing::error!(%id, %error, "the journal refuses a fact");
    }

    fn commit(&mut self, entries: &[Entry], progress: &Progress) -> rusqlite::Result<()> {
        // Losing an acknowledgement in a power cut only means that it is delivered twice.
        self.db.pragma_update(None, "synchronous", if entries.is_empty() { "NORMAL" } else { "FULL" })?;
        let now = self.clock.wall().as_microsecond();
        let transaction = Transaction::new_unchecked(&self.db, TransactionBehavior::Immediate)?;
        // Whoever changes lists records it, beside this thread.
        let mut head = self.head.as_it_stands(&transaction)?;
        head.delivered = progress.delivered.unwrap_or(head.delivered);
        let mut new = HashSet::new();
        let mut facts = 0;
        for entry in entries {
            let body = match entry {
                Entry::Fact(body) => body,
                Entry::Unstored(Unstored { effects, let_in }) => {
                    memory::write(&transaction, effects)?;
                    if let Some((passage, plate)) = let_in {
                        marks::write(&transaction, *passage, plate, now)?;
                    }
                    continue;
                }
            };
            facts += 1;
            let key = (body.kind, body.id);
            if self.tail.contains(&key) || new.contains(&key) || is_indexed(&transaction, body)? {
                continue;
            }
            head.append(&transaction, body, now, self.settings.outbox)?;
            memory::write(&transaction, &body.effects)?;
            new.insert(key);
        }
        marks::forget_old(&transaction, now)?;
        if new.is_empty() && progress.delivered.is_some() {
            head.note_delivered(&transaction)?;
        }
        follow::note(&transaction, &progress.followed)?;
        transaction.commit()?;
        let stats = &self.stats;
        Stats::add(&stats.recorded, new.len() as u64);
        Stats::add(&stats.duplicates, facts - new.len() as u64);
        Stats::add(&stats.commits, 1);
        let more_to_tell = head.told > self.head.told;
        self.head = head;
        self.tail.extend(new);
        if more_to_tell {
            self.tell.send_replace(head.told);
        }
        Ok(())
    }

    fn count_undelivered(&self, queue: &Queue) {
        let (reached, beyond) = queue.delivered();
        let undelivered = self.head.told.saturating_sub(reached).saturating_sub(beyond);
        self.stats.undelivered.store(undelivered, Ordering::Relaxed);
    }

    /// Takes what was recorded into the index. It can be made at any time, so nothing waits for its way to the disk.
    fn index(&mut self, queue: &Queue) {
        loop {
            queue.heartbeat.beat();
            let outcome = self.db.pragma_update(None, "synchronous", "NORMAL").and_then(|()| {
                let transaction = Transaction::new_unchecked(&self.db, TransactionBehavior::Immediate)?;
                let to = index::extend(&transaction, &mut self.words, INDEXED_AT_ONCE)?;
                transaction.commit().map(|()| to)
            });
            let before = self.indexed;
            match outcome {
                Ok(to) => {
                    self.indexed = to;
                    // All that was in the tail is below the head.
                    if to >= self.head.nr {
                        return self.tail.clear();
                    }
                    if to == before {
                        tracing::error!(to, head = self.head.nr, "the index does not reach the newest fact");
                        return;
                    }
                }
                Err(error) => {
                    self.words.forget();
                    tracing::warn!(%error, "the index waits; searches are slower until it can be written");
                    return;
                }
            }
        }
    }

    fn erase(&mut self, queue: &Queue, time: jiff::Timestamp) {
        // What is erased must be in the index first, or it would be missed there when it is taken out.
        self.index(queue);
        queue.heartbeat.beat();
        let now = self.clock.wall();
        match retention::erase_before(&mut self.db, &mut self.words, time, now, ERASED_AT_ONCE) {
            Ok(erased) => {
                self.note_erased(queue, &erased, "age");
                if erased.more {
                    queue.erase_before(time);
                }
            }
            Err(error) => {
                self.words.forget();
                tracing::error!(%error, "old passages could not be erased; tried again at the next turn");
            }
        }
    }

    fn is_at_limit(&self) -> bool {
        self.limit.as_ref().is_some_and(|limit| limit.is_reached(&self.db))
    }

    /// Erases a piece of the oldest facts, for the journal is as large as it may be, and asks for the next piece if
    /// that is not enough. False if nothing could be erased.
    fn make_room(&mut self, queue: &Queue) -> bool {
        let Some(limit) = &mut self.limit else { return false };
        if limit.begin() {
            tracing::error!(
                largest = self.settings.largest_bytes,
                "the journal is as large as [journal] largest allows: the oldest passages are erased; raise it, or \
                 set a retention"
            );
        }
        self.index(queue);
        queue.heartbeat.beat();
        match retention::erase_oldest(&mut self.db, &mut self.words, self.clock.wall(), ERASED_FOR_ROOM) {
            Ok(erased) => {
                Stats::add(&self.stats.erased_for_room, erased.passages as u64);
                self.note_erased(queue, &erased, "size");
                let Some(limit) = &mut self.limit else { return false };
                if erased.more && !limit.is_enough(&self.db) {
                    queue.make_room();
                } else {
                    limit.end(&self.db);
                }
                erased.facts > 0
            }
            Err(error) => {
                self.words.forget();
                tracing::error!(%error, "the oldest passages could not be erased for room");
                false
            }
        }
    }

    fn note_erased(&self, queue: &Queue, erased: &Erased, by: &str) {
        Stats::add(&self.stats.erased, erased.passages as u64);
        self.stats.erased_until.fetch_max(erased.until, Ordering::Relaxed);
        let (reached, _) = queue.delivered();
        let dropped = erased.told.saturating_sub(reached);
        if dropped > 0 {
            Stats::add(&self.stats.undelivered_dropped, dropped);
            tracing::warn!(facts = dropped, by, "erased before the broker had them");
            queue.give_up_to(erased.told);
        }
        self.count_undelivered(queue);
    }
}

/// Is a fact of this kind and id in the index?
fn is_indexed(db: &Connection, body: &Body) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM by_id i JOIN facts f ON f.nr = i.nr WHERE i.id = ?1 AND f.kind = ?2")?
        .exists((body.id, body.kind))
}

/// Would every other fact fail alike?
fn is_the_disks(error: &rusqlite::Error) -> bool {
    use ErrorCode::{ConstraintViolation, ParameterOutOfRange, TooBig, TypeMismatch};
    error.sqlite_error_code().is_some_and(|code| {
        !matches!(code, ConstraintViolation | TooBig | TypeMismatch | ParameterOutOfRange)
    })
}

fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}
