//! What is known of the Hailo while it runs: counts, times, and what its sensors say.
//!
//! Written by every thread of the engine, read by health and `amslpr doctor`. Counting costs no allocation.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hailort_sys::Status;

use crate::clock::Moment;

/// Distinct errors that are counted apart.
const MOST_ERRORS: usize = 32;

/// Whether the Hailo does the work, and if not, what is being done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    /// Being opened for the first time.
    #[default]
    Starting,
    Working,
    /// Back after a failure, not trusted yet.
    Proving,
    /// Failed; opened again after a while.
    Waiting,
    /// Somebody has to change something first.
    GivenUp,
    Stopped,
}

impl State {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Working => "working",
            Self::Proving => "proving",
            Self::Waiting => "waiting",
            Self::GivenUp => "given-up",
            Self::Stopped => "stopped",
        }
    }
}

/// What the chip and the library say of themselves.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Chip {
    /// `Hailo-8`, `Hailo-8L` ...
    pub name: &'static str,
    pub firmware: String,
    pub library: String,
    pub serial: String,
}

/// What its sensors say; `None` where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sensors {
    /// In degrees Celsius.
    pub temperature: Option<f32>,
    pub throttling: Option<bool>,
    pub power_w: Option<f32>,
    pub clock_mhz: Option<u32>,
}

/// Everything at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    pub state: State,
    /// Why it does not work, and what to do.
    pub problem: Option<String>,
    pub chip: Option<Chip>,
    pub sensors: Sensors,
    pub inferences: u64,
    pub batches: u64,
    /// Mean share of a batch that was filled.
    pub batch_fill: f64,
    /// Mean time from handing in to the result, in ms.
    pub mean_ms: f64,
    /// Share of the time since it started in which it had something to do.
    pub utilisation: f64,
    /// Jobs that waited when the last batch left.
    pub queue_depth: usize,
    /// Jobs thrown out because too many waited.
    pub dropped: u64,
    /// Jobs that were not done in time.
    pub late: u64,
    /// Jobs that were lost in the chip and done elsewhere.
    pub lost: u64,
    /// Times that a call was tried again.
    pub retried: u64,
    /// Times that another engine had to take over.
    pub failovers: u64,
    /// Times that the device was taken.
    pub opened: u64,
    /// By number of the library.
    pub errors: Vec<(i32, u64)>,
}

#[derive(Debug, Default)]
pub struct Telemetry(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    told: Snapshot,
    filled: f64,
    total: Duration,
    on_the_way: u64,
    began: Option<Moment>,
    busy_since: Option<Moment>,
    busy: Duration,
    last_result: Moment,
    errors: BTreeMap<i32, u64>,
}

impl Telemetry {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn batch(&self, jobs: usize, full: usize, waiting: usize) {
        let mut inner = self.inner();
        inner.told.batches += 1;
        inner.filled += jobs as f64 / full.max(1) as f64;
        inner.told.queue_depth = waiting;
    }

    /// One more job is in the chip.
    pub(super) fn travels(&self, now: Moment) {
        let mut inner = self.inner();
        inner.on_the_way += 1;
        inner.busy_since.get_or_insert(now);
        inner.began.get_or_insert(now);
    }

    pub(super) fn result(&self, now: Moment, took: Duration) {
        let mut inner = self.inner();
        inner.told.inferences += 1;
        inner.total += took;
        inner.last_result = now;
        inner.left(1, now);
    }

    pub(super) fn lost_on_the_way(&self, jobs: usize, now: Moment) {
        let mut inner = self.inner();
        inner.told.lost += jobs as u64;
        inner.left(jobs as u64, now);
    }

    pub(super) fn dropped(&self) {
        self.inner().told.dropped += 1;
    }

    pub(super) fn late(&self) {
        self.inner().told.late += 1;
    }

    pub(super) fn retried(&self) {
        self.inner().told.retried += 1;
    }

    pub(super) fn failed_over(&self) {
        self.inner().told.failovers += 1;
    }

    pub(super) fn opened(&self, chip: Chip) {
        let mut inner = self.inner();
        inner.told.opened += 1;
        inner.told.chip = Some(chip);
    }

    pub(super) fn error(&self, status: Status) {
        let mut inner = self.inner();
        if inner.errors.len() < MOST_ERRORS || inner.errors.contains_key(&status.0) {
            *inner.errors.entry(status.0).or_default() += 1;
        }
    }

    pub(super) fn sensed(&self, sensors: Sensors) {
        self.inner().told.sensors = sensors;
    }

    pub(super) fn set(&self, state: State, problem: Option<String>) {
        let mut inner = self.inner();
        inner.told.state = state;
        inner.told.problem = problem;
    }

    /// How long something has been in the chip without any result coming back.
    pub(super) fn silent_for(&self, now: Moment) -> Duration {
        let inner = self.inner();
        match inner.busy_since {
            Some(since) if inner.on_the_way > 0 => now.since(since.max(inner.last_result)),
            _ => Duration::ZERO,
        }
    }

    pub fn snapshot(&self, now: Moment) -> Snapshot {
        let inner = self.inner();
        let busy = inner.busy + inner.busy_since.map_or(Duration::ZERO, |since| now.since(since));
        let whole = inner.began.map_or(Duration::ZERO, |began| now.since(began));
        let share = |part: f64, of: f64| if of > 0.0 { part / of } else { 0.0 };
        Snapshot {
            batch_fill: share(inner.filled, inner.told.batches as f64),
            mean_ms: share(inner.total.as_secs_f64() * 1e3, inner.told.inferences as f64),
            utilisation: share(busy.as_secs_f64(), whole.as_secs_f64()).min(1.0),
            errors: inner.errors.iter().map(|(status, count)| (*status, *count)).collect(),
            ..inner.told.clone()
        }
    }
}

impl Inner {
    fn left(&mut self, jobs: u64, now: Moment) {
        self.on_the_way = self.on_the_way.saturating_sub(jobs);
        if self.on_the_way == 0
            && let Some(since) = self.busy_since.take()
        {
            self.busy += now.since(since);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utilisation_is_the_share_of_time_with_something_in_the_chip() {
        let telemetry = Telemetry::default();
        let at = |ms: u64| Moment::from_micros(ms * 1000);
        telemetry.travels(at(0));
        telemetry.travels(at(1));
        telemetry.result(at(4), Duration::from_millis(4));
        telemetry.result(at(5), Duration::from_millis(4));
        let told = telemetry.snapshot(at(10));
        assert_eq!((told.inferences, told.mean_ms), (2, 4.0));
        assert!((told.utilisation - 0.5).abs() < 1e-9);
        assert_eq!(telemetry.silent_for(at(100)), Duration::ZERO, "nothing is on its way");
        telemetry.travels(at(20));
        assert_eq!(telemetry.silent_for(at(100)), Duration::from_millis(80));
    }

    #[test]
    fn errors_are_counted_by_number_and_bounded() {
        let telemetry = Telemetry::default();
        (0..100).for_each(|n| telemetry.error(Status(n)));
        telemetry.error(Status(3));
        let errors = telemetry.snapshot(Moment::ZERO).errors;
        assert_eq!((errors.len(), errors[3]), (MOST_ERRORS, (3, 2)));
    }
}
