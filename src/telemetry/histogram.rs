//! Times in buckets: each octave of microseconds in eighths, so that a quantile is right within about 6 %.
//!
//! Buckets are fixed; what is longer than the last one counts in it, and its length is not lost to the sum and the
//! longest.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Buckets in an octave, as a power of two.
const FINE: u32 = 3;
/// The last octave: from 2^25 us on, half a minute and more.
const LAST_OCTAVE: u32 = 25;
/// Below 2^FINE every microsecond has its own.
const BUCKETS: usize = ((LAST_OCTAVE - FINE + 2) as usize) << FINE;

/// Upper bounds that are reported, in microseconds: edges of octaves, so that what is below each is known exactly.
/// 128 us to 16.8 s.
pub const BOUNDS: [u64; 18] = {
    let mut bounds = [0; 18];
    let mut at = 0;
    while at < bounds.len() {
        bounds[at] = 1 << (at + 7);
        at += 1;
    }
    bounds
};

/// Written by any thread at any time.
#[derive(Debug)]
pub struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    sum_us: AtomicU64,
    longest_us: AtomicU64,
}

/// What a histogram held at one moment.
#[derive(Clone, PartialEq, Eq)]
pub struct Times {
    buckets: Box<[u64; BUCKETS]>,
    sum_us: u64,
    longest_us: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: [const { AtomicU64::new(0) }; BUCKETS],
            sum_us: AtomicU64::new(0),
            longest_us: AtomicU64::new(0),
        }
    }
}

impl Default for Times {
    fn default() -> Self {
        Self { buckets: Box::new([0; BUCKETS]), sum_us: 0, longest_us: 0 }
    }
}

impl std::fmt::Debug for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Times").field("count", &self.count()).field("sum_us", &self.sum_us).finish()
    }
}

/// The bucket of a time.
const fn bucket(us: u64) -> usize {
    if us >> FINE == 0 {
        return us as usize;
    }
    let octave = 63 - us.leading_zeros();
    if octave > LAST_OCTAVE {
        return BUCKETS - 1;
    }
    let eighth = (us >> (octave - FINE)) & ((1 << FINE) - 1);
    (((octave - FINE + 1) as usize) << FINE) + eighth as usize
}

/// The shortest time of a bucket; of the one behind the last, its end.
const fn least(bucket: usize) -> u64 {
    let (octave, eighth) = ((bucket >> FINE) as u32, (bucket & ((1 << FINE) - 1)) as u64);
    match octave {
        0 => eighth,
        _ => ((1 << FINE) + eighth) << (octave - 1),
    }
}

impl Histogram {
    pub fn note(&self, time: Duration) {
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        if let Some(bucket) = self.buckets.get(bucket(us)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_us.fetch_add(us, Ordering::Relaxed);
        // A plain look first: the longest seldom changes, and a store would take the line away from other cores.
        if us > self.longest_us.load(Ordering::Relaxed) {
            self.longest_us.fetch_max(us, Ordering::Relaxed);
        }
    }

    pub fn times(&self) -> Times {
        let mut times = Times::default();
        for (to, from) in times.buckets.iter_mut().zip(&self.buckets) {
            *to = from.load(Ordering::Relaxed);
        }
        times.sum_us = self.sum_us.load(Ordering::Relaxed);
        times.longest_us = self.longest_us.load(Ordering::Relaxed);
        times
    }
}

impl Times {
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    pub const fn sum(&self) -> Duration {
        Duration::from_micros(self.sum_us)
    }

    /// The longest since the start, also of a difference.
    pub const fn longest(&self) -> Duration {
        Duration::from_micros(self.longest_us)
    }

    pub fn mean(&self) -> Duration {
        self.sum_us.checked_div(self.count()).map_or(Duration::ZERO, Duration::from_micros)
    }

    /// The time that this share of all took at most; zero where there is none.
    pub fn quantile(&self, share: f64) -> Duration {
        let count = self.count();
        if count == 0 {
            return Duration::ZERO;
        }
        let rank = (share.clamp(0.0, 1.0) * count as f64).ceil().max(1.0);
        let mut below = 0;
        for (at, here) in self.buckets.iter().enumerate() {
            let reached = below + here;
            if reached as f64 >= rank {
                let (from, to) = (least(at), least(at + 1));
                let into = (rank - below as f64) / (*here).max(1) as f64;
                let us = from as f64 + (to - from) as f64 * into;
                return Duration::from_micros(us as u64).min(self.longest().max(Duration::from_micros(from)));
            }
            below = reached;
        }
        self.longest()
    }

    /// How many took less than each of [`BOUNDS`].
    pub fn below_bounds(&self) -> [u64; BOUNDS.len()] {
        let mut counts = [0; BOUNDS.len()];
        for (count, bound) in counts.iter_mut().zip(BOUNDS) {
            *count = self.buckets.iter().take(bucket(bound)).sum();
        }
        counts
    }

    /// As if both had been noted together.
    pub fn add(&mut self, other: &Self) {
        self.buckets.iter_mut().zip(other.buckets.iter()).for_each(|(sum, more)| *sum += more);
        self.sum_us += other.sum_us;
        self.longest_us = self.longest_us.max(other.longest_us);
    }

    /// What came since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut later = self.clone();
        for (to, from) in later.buckets.iter_mut().zip(earlier.buckets.iter()) {
            *to = to.saturating_sub(*from);
        }
        later.sum_us = later.sum_us.saturating_sub(earlier.sum_us);
        later
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn buckets_follow_each_other_without_gaps() {
        for at in 0..BUCKETS {
            assert!(least(at) < least(at + 1), "{at}");
            assert_eq!((bucket(least(at)), bucket(least(at + 1) - 1)), (at, at));
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
        assert_eq!(least(BUCKETS), 1 << (LAST_OCTAVE + 1));
    }

    #[test]
    fn every_reported_bound_is_an_edge_of_buckets() {
        for bound in BOUNDS {
            assert_eq!(least(bucket(bound)), bound);
        }
    }

    fn filled(times: &[u64]) -> Times {
        let histogram = Histogram::default();
        times.iter().for_each(|us| histogram.note(Duration::from_micros(*us)));
        histogram.times()
    }

    #[test]
    fn what_is_below_a_bound_is_counted_exactly() {
        let times = filled(&[0, 127, 128, 129, 16_777_215, 16_777_216, u64::MAX >> 8]);
        let below = times.below_bounds();
        assert_eq!((below[0], below[1], below[17]), (2, 4, 5));
        assert_eq!((times.count(), times.longest()), (7, Duration::from_micros(u64::MAX >> 8)));
    }

    #[test]
    fn of_nothing_everything_is_zero() {
        let times = filled(&[]);
        assert_eq!((times.count(), times.mean(), times.quantile(0.5)), (0, Duration::ZERO, Duration::ZERO));
    }

    #[test]
    fn a_difference_is_what_came_in_between() {
        let histogram = Histogram::default();
        histogram.note(Duration::from_millis(1));
        let before = histogram.times();
        histogram.note(Duration::from_millis(9));
        let since = histogram.times().since(&before);
        assert_eq!((since.count(), since.mean()), (1, Duration::from_millis(9)));
    }

    proptest! {
        #[test]
        fn a_quantile_is_right_within_an_eighth(
            mut all in proptest::collection::vec(0u64..60_000_000, 1..300), share in 0.0f64..1.0
        ) {
            let told = filled(&all).quantile(share).as_micros() as f64;
            all.sort_unstable();
            let rank = ((share * all.len() as f64).ceil() as usize).max(1);
            let right = all[rank - 1] as f64;
            prop_assert!((told - right).abs() <= right / 8.0 + 1.0, "{told} for {right}");
        }
    }
}
