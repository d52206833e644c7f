//! What the journal tells about itself: counters that health and metrics read at any time.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use crate::telemetry::{Meter, Metered};

/// Counters of one journal since it was opened. Reading them never waits.
#[derive(Debug, Default)]
pub struct Stats {
    pub(super) queued: AtomicU64,
    pub(super) spilled: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) recorded: AtomicU64,
    pub(super) duplicates: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) commits: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) failing: AtomicBool,
    pub(super) last_commit_us: AtomicU64,
    pub(super) longest_commit_us: AtomicU64,
    pub(super) undelivered: AtomicU64,
    pub(super) undelivered_dropped: AtomicU64,
    pub(super) erased: AtomicU64,
    pub(super) erased_for_room: AtomicU64,
    pub(super) disk_full: AtomicBool,
    /// When the newest fact was recorded that was erased from the beginning: microseconds since 1970.
    pub(super) erased_until: AtomicI64,
    /// Transactions.
    pub(super) commit: Meter,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// Facts waiting for the disk now.
    pub queued: u64,
    /// Facts that found the queue full and went to the reserve.
    pub spilled: u64,
    /// Facts that found the reserve full too, and are gone.
    pub lost: u64,
    /// Facts on the disk.
    pub recorded: u64,
    /// Facts that were recorded already and were not recorded again.
    pub duplicates: u64,
    /// Facts that the database did not accept, and are gone.
    pub refused: u64,
    pub commits: u64,
    /// Commits that failed and were tried again.
    pub failures: u64,
    /// The last commit failed: the disk is full, read-only or broken.
    pub failing: bool,
    pub last_commit_us: u64,
    pub longest_commit_us: u64,
    /// Facts that the broker has not acknowledged yet.
    pub undelivered: u64,
    /// Facts that retention took out of the outbox before the broker had them.
    pub undelivered_dropped: u64,
    /// Passages that were erased by age or for room.
    pub erased: u64,
    /// Of these, those that went because the journal was as large as it may be.
    pub erased_for_room: u64,
    /// The last commit failed because the disk is full.
    pub disk_full: bool,
}

impl Stats {
    pub fn snapshot(&self) -> Snapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Snapshot {
            queued: read(&self.queued),
            spilled: read(&self.spilled),
            lost: read(&self.lost),
            recorded: read(&self.recorded),
            duplicates: read(&self.duplicates),
            refused: read(&self.refused),
            commits: read(&self.commits),
            failures: read(&self.failures),
            failing: self.failing.load(Ordering::Relaxed),
            last_commit_us: read(&self.last_commit_us),
            longest_commit_us: read(&self.longest_commit_us),
            undelivered: read(&self.undelivered),
            undelivered_dropped: read(&self.undelivered_dropped),
            erased: read(&self.erased),
            erased_for_room: read(&self.erased_for_room),
            disk_full: self.disk_full.load(Ordering::Relaxed),
        }
    }

    /// Transactions: those that failed are tried again.
    pub fn metered(&self) -> Metered {
        self.commit.metered()
    }

    pub(super) fn add(counter: &AtomicU64, by: u64) {
        counter.fetch_add(by, Ordering::Relaxed);
    }
}
