//! How often something was there already, and how often it had to be made: for whatever keeps things.

use std::sync::atomic::{AtomicU64, Ordering};

/// Written by whoever keeps, read by whoever reports.
#[derive(Debug, Default)]
pub struct Hits {
    hits: AtomicU64,
    misses: AtomicU64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HitCounts {
    pub hits: u64,
    pub misses: u64,
}

impl Hits {
    pub fn note(&self, was_there: bool) {
        let count = if was_there { &self.hits } else { &self.misses };
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub fn counts(&self) -> HitCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        HitCounts { hits: read(&self.hits), misses: read(&self.misses) }
    }
}

impl HitCounts {
    /// Share of hits; `None` before anything was asked for.
    pub fn rate(self) -> Option<f64> {
        let all = self.hits + self.misses;
        (all > 0).then(|| self.hits as f64 / all as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_the_share_of_what_was_there() {
        let hits = Hits::default();
        assert_eq!(hits.counts().rate(), None);
        [true, true, true, false].into_iter().for_each(|there| hits.note(there));
        assert_eq!((hits.counts(), hits.counts().rate()), (HitCounts { hits: 3, misses: 1 }, Some(0.75)));
    }
}
