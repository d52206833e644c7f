//! What is said of the memory of reads.

use serde::Serialize;

use crate::read::recall::Recall;

#[derive(Debug, Clone, Serialize)]
pub(in crate::daemon) struct RecallHealth {
    /// Crops that were looked for, and those that were found, so that no network ran.
    pub asked: u64,
    pub recalled: u64,
    /// Share of them, 0 to 1.
    pub hit_rate: f64,
    /// Those that had to make room, or were too old.
    pub forgotten: u64,
    pub entries: u64,
    pub kib: u64,
}

impl RecallHealth {
    pub(super) fn of(recall: &Recall) -> Self {
        let counts = recall.snapshot();
        Self {
            asked: counts.asked,
            recalled: counts.recalled,
            hit_rate: (counts.hit_rate() * 1e4).round() / 1e4,
            forgotten: counts.forgotten,
            entries: counts.entries,
            kib: counts.bytes >> 10,
        }
    }
}
