//! Repeats one piece of work and keeps what each round cost: time, and allocations of the whole process.

use std::fmt;

use serde::Serialize;
use stats_alloc::Region;

use crate::{
    cli::Allocator,
    clock::{Clock, SystemClock},
};

/// What one measured thing costs.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Measured {
    pub name: String,
    pub rounds: u32,
    pub median_ms: f64,
    pub p95_ms: f64,
    /// Rounds a second at the median.
    pub per_second: f64,
    /// Heap allocations a round, mean over the counted rounds.
    pub allocations: f64,
    /// Anything else worth a number, such as bytes written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<(String, f64)>,
}

impl Measured {
    pub(super) fn with(mut self, name: &str, value: f64) -> Self {
        self.also.push((name.to_owned(), value));
        self
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "  {:<44} {:>10.3} {:>10.3} {:>12.1} {:>8.1}",
            self.name, self.median_ms, self.p95_ms, self.per_second, self.allocations
        )?;
        for (name, value) in &self.also {
            write!(f, "\n    {name}: {value:.3}")?;
        }
        Ok(())
    }
}

/// Measures with one clock and one allocator.
#[derive(Debug)]
pub(super) struct Sampler {
    rounds: u32,
    allocator: Allocator,
    clock: SystemClock,
}

impl Sampler {
    pub(super) fn new(rounds: u32, allocator: Allocator) -> Self {
        Self { rounds, allocator, clock: SystemClock::start() }
    }

    /// Runs `work` a few times uncounted, then `rounds` times counted. The round's number is handed in, so that
    /// work can go through a set of pictures.
    pub(super) fn measure<E>(
        &self,
        name: &str,
        mut work: impl FnMut(usize) -> Result<(), E>,
    ) -> Result<Measured, E> {
        for round in 0..(self.rounds as usize / 10).clamp(2, 20) {
            work(round)?;
        }
        let mut times = Vec::with_capacity(self.rounds as usize);
        let region = Region::new(self.allocator);
        for round in 0..self.rounds as usize {
            let start = self.clock.now();
            work(round)?;
            times.push(self.clock.now().since(start).as_secs_f64() * 1e3);
        }
        let used = region.change();
        let made = used.allocations + used.reallocations;
        Ok(Self::summary(name, times, made as f64 / f64::from(self.rounds)))
    }

    /// The same summary for times (in ms) that were measured elsewhere.
    pub(super) fn summary(name: &str, mut times: Vec<f64>, allocations: f64) -> Measured {
        times.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let last = times.len().saturating_sub(1);
            times.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
        };
        let median = at(0.5);
        Measured {
            name: name.to_owned(),
            rounds: u32::try_from(times.len()).unwrap_or(u32::MAX),
            median_ms: median,
            p95_ms: at(0.95),
            per_second: if median > 0.0 { 1e3 / median } else { f64::INFINITY },
            allocations,
            also: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_made_of_the_middle_and_the_slow_end() {
        let m = Sampler::summary("x", (1..=101).map(f64::from).collect(), 0.0);
        assert_eq!((m.median_ms, m.p95_ms, m.rounds), (51.0, 96.0, 101));
    }

    #[test]
    fn allocations_are_counted_a_round() {
        // Inside the test binary the allocator is not installed as the global one, so it counts nothing: what is
        // checked is that every round runs once, after the warm-up.
        let sampler = Sampler::new(40, &stats_alloc::INSTRUMENTED_SYSTEM);
        let mut seen = Vec::new();
        let m = sampler
            .measure("x", |round| {
                seen.push(round);
                Ok::<(), ()>(())
            })
            .unwrap();
        assert_eq!(seen.len(), 44);
        assert_eq!(seen.last(), Some(&39));
        assert_eq!(m.allocations, 0.0);
    }
}
