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
    /// How many did it side by side.
    pub concurrency: u32,
    pub mean_ms: f64,
    pub median_ms: f64,
    pub p95_ms: f64,
    /// Rounds a second: all rounds over the time that they took, side by side where they were.
    pub per_second: f64,
    /// Heap allocations a round, mean over the counted rounds.
    pub allocations: f64,
    /// Anything else worth a number, such as bytes written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<(String, f64)>,
    /// What the numbers mean, where they do not say it themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The same thing as it was measured before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Before>,
}

/// What a saved measurement said, and how much the median has grown since, in percent.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Before {
    pub median_ms: f64,
    pub change_percent: f64,
}

impl Measured {
    pub(super) fn with(mut self, name: &str, value: f64) -> Self {
        self.also.push((name.to_owned(), value));
        self
    }

    pub(super) fn noted(mut self, words: impl Into<String>) -> Self {
        self.note = Some(words.into());
        self
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "  {:<44} {:>9} {:>9} {:>9} {:>10} {:>8}",
            self.name,
            figure(self.mean_ms, 3),
            figure(self.median_ms, 3),
            figure(self.p95_ms, 3),
            figure(self.per_second, 1),
            figure(self.allocations, 1)
        )?;
        if let Some(before) = &self.before {
            write!(f, " {:>+8.1} %", before.change_percent)?;
        }
        for (name, value) in &self.also {
            write!(f, "\n    {name}: {}", figure(*value, 3))?;
        }
        match &self.note {
            Some(note) => write!(f, "\n    {note}"),
            None => Ok(()),
        }
    }
}

/// What was not measured is not a number.
fn figure(value: f64, digits: usize) -> String {
    if value.is_nan() { "-".to_owned() } else { format!("{value:.digits$}") }
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
        let began = self.clock.now();
        for round in 0..self.rounds as usize {
            let start = self.clock.now();
            work(round)?;
            times.push(self.clock.now().since(start).as_secs_f64() * 1e3);
        }
        let wall = self.clock.now().since(began).as_secs_f64();
        let used = region.change();
        let made = used.allocations + used.reallocations;
        let row = Self::summary(name, times, made as f64 / f64::from(self.rounds));
        let per_second = f64::from(row.rounds) / wall.max(1e-9);
        Ok(Measured { per_second, ..row })
    }

    /// The same by several workers side by side, each of which does all rounds. `worker` makes the work of each.
    pub(super) fn measure_together<E, W>(
        &self,
        name: &str,
        workers: u32,
        mut worker: impl FnMut() -> Result<W, E>,
    ) -> Result<Measured, E>
    where
        E: Send,
        W: FnMut(usize) -> Result<(), E> + Send,
    {
        if workers <= 1 {
            return self.measure(name, worker()?);
        }
        let works: Vec<W> = (0..workers).map(|_| worker()).collect::<Result<_, E>>()?;
        let region = Region::new(self.allocator);
        let began = self.clock.now();
        let done: Vec<Result<Vec<f64>, E>> = std::thread::scope(|scope| {
            let running: Vec<_> = works
                .into_iter()
                .map(|mut work| {
                    scope.spawn(move || {
                        let mut times = Vec::with_capacity(self.rounds as usize);
                        for round in 0..self.rounds as usize {
                            let start = self.clock.now();
                            work(round)?;
                            times.push(self.clock.now().since(start).as_secs_f64() * 1e3);
                        }
                        Ok(times)
                    })
                })
                .collect();
            // A worker that panicked has said so; its rounds are missing from the sum.
            running.into_iter().filter_map(|one| one.join().ok()).collect()
        });
        let wall = self.clock.now().since(began).as_secs_f64();
        let used = region.change();
        let times: Vec<f64> = done.into_iter().collect::<Result<Vec<_>, E>>()?.concat();
        let made = (used.allocations + used.reallocations) as f64 / times.len().max(1) as f64;
        let row = Self::summary(name, times, made);
        Ok(Measured { concurrency: workers, per_second: f64::from(row.rounds) / wall.max(1e-9), ..row })
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
            concurrency: 1,
            mean_ms: times.iter().sum::<f64>() / times.len() as f64,
            median_ms: median,
            p95_ms: at(0.95),
            per_second: 1e3 / median,
            allocations,
            also: Vec::new(),
            note: None,
            before: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_made_of_the_middle_and_the_slow_end() {
        let m = Sampler::summary("x", (1..=101).map(f64::from).collect(), 0.0);
        assert_eq!((m.mean_ms, m.median_ms, m.p95_ms, m.rounds), (51.0, 51.0, 96.0, 101));
    }

    #[test]
    fn workers_side_by_side_do_all_rounds_each() {
        let sampler = Sampler::new(10, &stats_alloc::INSTRUMENTED_SYSTEM);
        let done = std::sync::atomic::AtomicU32::new(0);
        let worker = || {
            Ok::<_, ()>(|_| {
                done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                Ok(())
            })
        };
        let m = sampler.measure_together("x", 3, worker).unwrap();
        assert_eq!((m.rounds, m.concurrency, done.into_inner()), (30, 3, 30));
        let failing = || Ok::<_, &str>(|round| if round == 4 { Err("no") } else { Ok(()) });
        assert_eq!(sampler.measure_together("x", 2, failing).unwrap_err(), "no");
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
