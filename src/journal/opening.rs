//! The journal's thread before it can write: on a disk that is full at the start it tries again and again, while facts
//! wait in memory as they do on one that fills up later.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
};

use tokio::sync::watch;

use super::{OpenError, Settings, file, queue::Queue, stats::Stats, writer::Writing};
use crate::clock::Clock;

/// What it takes to open the file.
#[derive(Debug, Clone)]
pub(super) struct Opening {
    pub path: PathBuf,
    pub settings: Settings,
    pub clock: Arc<dyn Clock>,
    pub stats: Arc<Stats>,
    pub tell: watch::Sender<u64>,
}

impl Opening {
    /// Opens it now. With where a broken journal was put that stood in its place.
    pub(super) fn open(&self) -> Result<(Writing, Option<PathBuf>), OpenError> {
        let opened = file::open(&self.path, &self.settings, self.clock.as_ref())?;
        let (clock, stats, tell) = (Arc::clone(&self.clock), Arc::clone(&self.stats), self.tell.clone());
        let writing = Writing::new(opened.db, &self.settings, clock, stats, tell)
            .map_err(|error| OpenError::new(&self.path, error))?;
        Ok((writing, opened.set_aside))
    }

    /// Tries until there is room for it; `None` at the stop.
    pub(super) fn patiently(&self, queue: &Queue) -> Option<Writing> {
        let (first, longest) = self.settings.retry;
        let mut wait = first;
        loop {
            if queue.cannot_open(wait) {
                return None;
            }
            wait = (wait * 2).min(longest);
            match self.open() {
                Ok((writing, _)) => {
                    tracing::info!(journal = %self.path.display(), "the journal is open");
                    self.stats.failing.store(false, Ordering::Relaxed);
                    self.stats.disk_full.store(false, Ordering::Relaxed);
                    return Some(writing);
                }
                Err(error) => self.note(&error),
            }
        }
    }

    /// It could not be opened.
    pub(super) fn note(&self, error: &OpenError) {
        Stats::add(&self.stats.failures, 1);
        let full = error.is_for_want_of_room();
        let known = self.stats.failing.swap(true, Ordering::Relaxed);
        let same = self.stats.disk_full.swap(full, Ordering::Relaxed) == full;
        if !known || !same {
            tracing::error!(%error, "the journal cannot be opened; facts wait in memory");
        }
    }
}
