//! The journal: what happened, kept on disk through power cuts, in one SQLite file.
//!
//! [`Journal::open`] gives a [`Writer`] (facts in, never waiting long), [`Reader`]s (passages out) and the
//! [`PendingFacts`] that the broker does not have yet. One thread writes; it commits what has queued up in one
//! transaction, the fact and its place in the outbox together. Who is told of a fact is `publish`'s business.
//!
//! ```text
//! body    a fact as bytes: what names nobody, and the rest        chain    each fact sealed by the one before it
//! facts   the one precious table: append, read back               index    where to find a fact; can be made anew
//! queue > opening > writer   one thread, one transaction at a time   retention, room   what is too old or too much goes
//! lists, changes, health   who may pass by whose word, how the node was     orders, marks   what a restart must not forget
//! evidence   images beside the file, vouched for by it             care     verify, back up, restore, maintain, erase
//! reader  search  tail  outbox  follow   questions, on connections of their own
//! ```

pub mod bench;
mod body;
pub mod care;
mod cells;
mod chain;
mod changes;
pub mod evidence;
mod facts;
mod file;
mod find;
mod follow;
mod gates;
mod grounds;
mod health;
mod index;
mod lists;
mod marks;
mod memory;
mod opening;
mod orders;
mod outbox;
mod pack;
mod queue;
mod reader;
mod retention;
mod room;
mod schema;
mod search;
mod stats;
mod tail;
mod words;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::watch;

pub use chain::{Fault, Verified};
pub use changes::Recorded;
pub use file::OpenError;
pub use find::IdPrefix;
pub use follow::{Followed, Follower};
pub use health::HealthChange;
pub use lists::{Applied, ApplyError, ListStore};
use opening::Opening;
pub use orders::OrderBook;
pub use outbox::PendingFacts;
pub use queue::Handed;
pub use reader::{Cursor, Filter, PlateFilter, Reader, ReaderError, Record};
pub use schema::VERSION;
pub use search::{Day, Days};
pub use stats::{Snapshot, Stats};

use crate::{
    clock::Clock,
    fact::{Fact, privacy::Unstored},
    heartbeat::Heartbeat,
};

/// When a commit counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// When the disk has it: no power cut takes it away.
    #[default]
    Full,
    /// When the system has it. A power cut may take the last seconds' facts, never the file; a death of the program
    /// takes nothing.
    Normal,
}

/// How the journal is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Facts that may wait for the disk before the pipeline is asked to be patient.
    pub queue: usize,
    /// How long a full queue may hold the pipeline up per fact.
    pub patience: Duration,
    /// Facts kept in memory beyond the queue while the disk does not take them: at 50,000 passages a day, 2.4 hours.
    pub reserve: usize,
    /// Facts per transaction at most.
    pub batch: usize,
    /// How long the broker's acknowledgements may wait to share a transaction with a fact. A crash in that time
    /// means that they are delivered again, which at-least-once allows, and every one shared saves the SD card.
    pub acknowledgement_linger: Duration,
    /// First and longest wait after a failed commit.
    pub retry: (Duration, Duration),
    /// Keep an outbox: only where somebody empties it.
    pub outbox: bool,
    /// Page size of a new file. Small pages, because a fact touches one or two of them and each is written whole.
    pub page_size: u32,
    /// Size of the write-ahead log at which it is folded into the database. Large, for pages that were written again
    /// meanwhile are folded once.
    pub checkpoint_bytes: u32,
    /// When a commit counts as done.
    pub durability: Durability,
    /// Pages of the file kept in memory, per connection that writes.
    pub cache_bytes: u32,
    /// Facts that are taken into the index together.
    pub index_batch: usize,
    /// The database never grows beyond this; `None`: as large as the disk.
    pub largest_bytes: Option<u64>,
    /// Time that the consistency check at the start may take, for it holds the first frame up; a large file is
    /// checked in part.
    pub check_limit: Duration,
    /// Reads kept per passage; the surest ones.
    pub reads_per_passage: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            queue: 256,
            patience: Duration::from_millis(50),
            reserve: 10_000,
            batch: 256,
            acknowledgement_linger: Duration::from_secs(2),
            retry: (Duration::from_millis(100), Duration::from_secs(10)),
            outbox: false,
            page_size: 1024,
            checkpoint_bytes: 16 << 20,
            durability: Durability::Full,
            cache_bytes: 4 << 20,
            index_batch: 800,
            largest_bytes: None,
            check_limit: Duration::from_millis(250),
            reads_per_passage: 32,
        }
    }
}

/// An open journal. Dropping it stops the writing thread; [`close`](Self::close) also waits and tells what is left.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    queue: Arc<queue::Queue>,
    stats: Arc<Stats>,
    recorded: watch::Receiver<u64>,
    thread: Option<JoinHandle<()>>,
    set_aside: Option<PathBuf>,
    _lock: file::Lock,
}

impl Journal {
    /// Opens or makes the journal at `path`, upgrades it, and starts its writing thread. On a full disk it starts all
    /// the same: it is opened as soon as there is room, and until then what is recorded waits in memory.
    pub fn open(path: &Path, settings: &Settings, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let lock = file::hold(path)?;
        let stats = Arc::new(Stats::default());
        let (tell, recorded) = watch::channel(0);
        let queue = Arc::new(queue::Queue::new(settings.clone(), Heartbeat::new(Arc::clone(&clock))));
        let settings = settings.clone();
        let opening = Opening { path: path.to_owned(), settings, clock, stats: Arc::clone(&stats), tell };
        let (ready, set_aside) = match opening.open() {
            Ok((writing, set_aside)) => {
                queue.begin(writing.newest(), writing.delivered());
                (Some(writing), set_aside)
            }
            Err(error) if error.is_for_want_of_room() => {
                opening.note(&error);
                (None, None)
            }
            Err(error) => return Err(error),
        };
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn({
                let queue = Arc::clone(&queue);
                move || {
                    if let Some(writing) = ready {
                        return writing.run(&queue);
                    }
                    if let Some(writing) = opening.patiently(&queue) {
                        queue.begin(writing.newest(), writing.delivered());
                        writing.run(&queue);
                    }
                }
            })
            .map_err(|error| OpenError::thread(path, error))?;
        Ok(Self {
            path: path.to_owned(),
            queue,
            stats,
            recorded,
            thread: Some(thread),
            set_aside,
            _lock: lock,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where a broken journal was put when this one was started in its place.
    pub fn set_aside(&self) -> Option<&Path> {
        self.set_aside.as_deref()
    }

    pub fn writer(&self) -> Writer {
        Writer { queue: Arc::clone(&self.queue), stats: Arc::clone(&self.stats) }
    }

    pub fn reader(&self) -> Result<Reader, ReaderError> {
        Reader::open(&self.path)
    }

    /// What the broker does not have yet: nothing, as long as there is no room for the file. One consumer only.
    pub fn pending_facts(&self) -> Result<PendingFacts, ReaderError> {
        let queue = Arc::clone(&self.queue);
        match self.is_open() {
            true => PendingFacts::open(&self.path, queue),
            false => Ok(PendingFacts::later(&self.path, queue)),
        }
    }

    /// Somebody who is told of facts in their order and goes on after a restart where they were. One of each name only.
    pub fn follower(&self, name: &str) -> Follower {
        Follower::begin(&self.path, name, Arc::clone(&self.queue))
    }

    /// There was, or is again, room for the file.
    pub fn is_open(&self) -> bool {
        self.queue.is_open()
    }

    /// Number of the newest recorded fact that is to be delivered; changes wake the publisher.
    pub fn recorded(&self) -> watch::Receiver<u64> {
        self.recorded.clone()
    }

    /// Its thread's: silent while the disk does not come back.
    pub fn heartbeat(&self) -> &Heartbeat {
        &self.queue.heartbeat
    }

    pub fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.stats)
    }

    /// Records what is queued, for at most `limit`, and stops. Returns the number of facts that did not reach the disk.
    pub fn close(mut self, limit: Duration) -> usize {
        self.queue.settle(limit);
        self.stop();
        self.queue.unsettled()
    }

    fn stop(&mut self) {
        self.queue.stop();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(journal = %self.path.display(), "the journal's writing thread panicked");
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Takes facts in, from any thread.
#[derive(Debug, Clone)]
pub struct Writer {
    queue: Arc<queue::Queue>,
    stats: Arc<Stats>,
}

impl Writer {
    /// Hands a fact over. Returns at once, or after [`Settings::patience`] at the latest.
    pub fn record(&self, fact: Fact) -> Handed {
        self.queue.hand_over(queue::Item::Fact(Box::new(fact)), &self.stats)
    }

    /// Remembers what a fact changed that itself is not to be stored.
    pub fn remember(&self, what: Unstored) -> Handed {
        self.queue.hand_over(queue::Item::Unstored(what), &self.stats)
    }

    /// Records that the node's health is another one.
    pub fn note_health(&self, change: HealthChange) -> Handed {
        self.queue.hand_over(queue::Item::Health(change), &self.stats)
    }

    /// Waits until all facts handed over so far are on the disk; false if that takes longer than `limit`.
    pub fn flush(&self, limit: Duration) -> bool {
        self.queue.settle(limit)
    }

    /// Asks for the erasure of passages that began before `time`; done in small pieces between other work.
    pub fn erase_before(&self, time: Timestamp) {
        self.queue.erase_before(time);
    }
}

#[cfg(test)]
mod tests;
