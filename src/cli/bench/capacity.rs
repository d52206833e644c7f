//! What this machine sustains and what limits it, and what a day of so many plates costs it.
//!
//! Everything is measured here and now: cameras are added until frames are lost; a camera before which nothing happens
//! and one before which cars come without a pause give what a passage costs, the journal and the broker theirs. A day is
//! put together from these parts, and one load is run as it is, to see whether the sum is right.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Context;

use super::{
    publish::{self, BrokerArgs},
    sample::{Measured, Sampler},
    traffic::{self, Outcome, Plan, Scene},
};
use crate::{
    clock::{Clock, SystemClock},
    daemon::chain::Networks,
    journal,
};

/// Plates a day that are told.
const LEVELS: [u32; 4] = [100, 1_000, 10_000, 50_000];
const DAY: f64 = 86_400.0;
const MIB: f64 = 1_048_576.0;
/// A camera is served if so many of its frames are looked at.
const SERVED: f64 = 0.98;
/// More cameras than anybody connects to one box.
const MOST_CAMERAS: u32 = 64;
/// Above this share of the processor it is the processor that limits.
const BUSY: f64 = 85.0;
/// Passages over which the journal and the broker are measured.
const PASSAGES: u64 = 300;

/// What is asked.
#[derive(Debug, Clone)]
pub(super) struct Question<'a> {
    pub clip: &'a Path,
    pub rate: f64,
    pub time: Duration,
    pub broker: &'a BrokerArgs,
    pub folder: &'a Path,
}

pub(super) fn capacity(question: &Question<'_>, networks: &Networks) -> anyhow::Result<Vec<Measured>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
    let run = |cameras: u32, scene: Scene| {
        let plan = Plan {
            clip: question.clip.to_owned(),
            cameras,
            rate: question.rate,
            time: question.time,
            scene,
            motion: true,
        };
        traffic::run(&plan, networks, question.folder, &clock)
    };
    let idle = run(1, Scene::Nothing)?;
    let mut rows = vec![traffic::row(&format!("1 camera at {} fps, nothing moves", question.rate), &idle)];
    let (mut sustained, mut first, mut limit) = (0, None, "the most that is tried");
    let mut tried = |cameras: u32, rows: &mut Vec<Measured>| -> anyhow::Result<bool> {
        let outcome = run(cameras, Scene::Cars)?;
        let served = outcome.share() >= SERVED;
        rows.push(traffic::row(
            &format!("{cameras} at {} fps, cars without a pause", question.rate),
            &outcome,
        ));
        if !served {
            limit = what_limits(&outcome, cores);
        }
        if first.is_none() {
            first = Some(outcome);
        }
        Ok(served)
    };
    // Doubled until it is too much, then halved in between.
    let (mut good, mut bad) = (0, None);
    while bad.is_none() && good < MOST_CAMERAS {
        let next = (good * 2).max(1);
        if tried(next, &mut rows)? { good = next } else { bad = Some(next) }
    }
    while let Some(too_many) = bad.filter(|bad| bad - good > 1) {
        let next = good + (too_many - good) / 2;
        if tried(next, &mut rows)? { good = next } else { bad = Some(next) }
    }
    sustained += good;
    let busy = first.context("nothing was run")?;
    let kept = journal::bench::bench(question.folder, PASSAGES * 10)?;
    let told = publish::cost(question.broker, question.folder, PASSAGES);
    let parts = Parts::of(&idle, &busy, kept.bytes_kept, kept.bytes_written, told.as_ref().ok());
    let most = parts.most_a_day(sustained.max(1), cores);
    let mut sum = Sampler::summary("sustained", vec![f64::NAN], f64::NAN)
        .with("cameras with cars in view all the time", f64::from(sustained))
        .with("frames a second of each", question.rate)
        .with("plates a day by the processor", most)
        .noted(format!("limited by {limit}"));
    if let Err(error) = told {
        sum = sum.noted(format!("limited by {limit}; without a broker: {error:#}"));
    }
    rows.push(sum);
    rows.extend(LEVELS.map(|plates| parts.day(plates, cores)));
    rows.push(parts.checked(&busy, cores));
    Ok(rows)
}

/// Why frames were lost.
fn what_limits(outcome: &Outcome, cores: f64) -> &'static str {
    if outcome.cpu_percent() / cores >= BUSY {
        "the processor"
    } else if outcome.waiting > 0 {
        "the disk: facts wait for it"
    } else {
        "one thread: a frame takes longer than the time between two"
    }
}

/// What the parts of a day cost.
#[derive(Debug, Clone, Copy)]
struct Parts {
    /// Seconds of processor a second, of a camera before which nothing happens.
    idle: f64,
    /// Seconds of processor a passage, besides.
    passage: f64,
    kept: f64,
    written: f64,
    sent: f64,
    memory: f64,
}

impl Parts {
    fn of(
        idle: &Outcome,
        busy: &Outcome,
        kept: u64,
        written: Option<u64>,
        told: Option<&publish::Cost>,
    ) -> Self {
        let resting = idle.spent.cpu.as_secs_f64() / idle.seconds.max(1e-9);
        let passages = busy.passages.max(1) as f64;
        let passage = (busy.spent.cpu.as_secs_f64() - resting * busy.seconds).max(0.0) / passages;
        Self {
            idle: resting,
            passage: passage + told.map_or(0.0, |cost| cost.cpu.as_secs_f64()),
            kept: kept as f64,
            written: written.map_or(f64::NAN, |bytes| bytes as f64),
            sent: told.and_then(|cost| cost.sent).map_or(f64::NAN, |bytes| bytes as f64),
            memory: idle.resident_mib.max(busy.resident_mib),
        }
    }

    fn processor(&self, plates: f64, cores: f64) -> f64 {
        100.0 * (self.idle + self.passage * plates / DAY) / cores
    }

    fn most_a_day(&self, cameras: u32, cores: f64) -> f64 {
        ((cores - f64::from(cameras) * self.idle).max(0.0) / self.passage.max(1e-9) * DAY).round()
    }

    fn day(&self, plates: u32, cores: f64) -> Measured {
        let plates_a_day = f64::from(plates);
        let mib = |bytes: f64| bytes * plates_a_day / MIB;
        Sampler::summary(&format!("{plates} plates a day, 1 camera"), vec![f64::NAN], f64::NAN)
            .with("processor, % of the machine", self.processor(plates_a_day, cores))
            .with("memory, MiB", self.memory)
            .with("journal grows, MiB a day", mib(self.kept))
            .with("written to the disk, MiB a day", mib(self.written))
            .with("sent to the broker and back, MiB a day", mib(self.sent))
    }

    /// The load that was run: does the sum of the parts give what was measured?
    fn checked(&self, busy: &Outcome, cores: f64) -> Measured {
        let plates = busy.passages as f64 / busy.seconds.max(1e-9) * DAY;
        Sampler::summary("the clip without a pause", vec![f64::NAN], f64::NAN)
            .with("plates a day", plates.round())
            .with("processor, % of the machine, measured", busy.cpu_percent() / cores)
            .with("the same as the sum of the parts", self.processor(plates, cores))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::bench::spent::Spent;

    fn outcome(cpu: u64, passages: u64) -> Outcome {
        let spent = Spent { cpu: Duration::from_secs(cpu), ..Spent::default() };
        Outcome { seconds: 100.0, due: 1000.0, served: 1000, passages, spent, ..Outcome::default() }
    }

    #[test]
    fn a_day_is_what_rests_and_what_passes() {
        let parts = Parts::of(&outcome(2, 0), &outcome(52, 25), 1_048_576, Some(2_097_152), None);
        assert!((parts.idle - 0.02).abs() < 1e-9 && (parts.passage - 2.0).abs() < 1e-9, "{parts:?}");
        // Two cores, of which 2 % of one rest: the other 1.98 are 0.99 passages a second.
        assert_eq!(parts.most_a_day(1, 2.0), 85_536.0);
        let day = parts.day(1_000, 2.0);
        let of = |name: &str| day.also.iter().find(|(key, _)| key.starts_with(name)).unwrap().1;
        assert_eq!((of("journal"), of("written")), (1_000.0, 2_000.0));
        assert!(of("sent").is_nan(), "not measured is no number");
        assert!((of("processor") - (1.0 + 100.0 * 2.0 * 1_000.0 / DAY / 2.0)).abs() < 1e-9);
    }

    #[test]
    fn what_limits_is_what_there_is_none_left_of() {
        assert_eq!(what_limits(&outcome(190, 1), 2.0), "the processor");
        assert!(what_limits(&Outcome { waiting: 3, ..outcome(20, 1) }, 2.0).starts_with("the disk"));
        assert!(what_limits(&outcome(20, 1), 2.0).starts_with("one thread"));
    }
}
