//! The Hailo in the daemon: whether it is worth starting, and what health says of it.
//!
//! A machine without a Hailo is no fault: it is said once, and the next engine does the work.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::Serialize;

use super::board::Board;
use crate::{
    clock::{Clock, SystemClock},
    infer::{
        hailo::{self, Hailo, Plan, State, problem::Problem},
        model::{ModelError, Models},
    },
};

/// How long a start waits to know whether the device works.
const PATIENCE: Duration = Duration::from_secs(15);

/// Starts the Hailo and waits until it works or is known not to. The reason, and a line in the log, where there is
/// nothing to start; one that fails now comes back by itself.
pub(super) fn start(plan: &Plan, models: &Models) -> Result<Result<Arc<Hailo>, String>, ModelError> {
    let skipped = |reason: &str| {
        let engine = "hailo";
        match plan.is_configured() {
            true => tracing::warn!(engine, reason, "engine skipped"),
            false => tracing::info!(engine, reason, "engine skipped"),
        }
        Ok(Err(reason.to_owned()))
    };
    let networks = match plan.networks(models) {
        Ok(networks) => networks,
        // A file that the administrator names has to be usable; one that lies around among the models need not.
        Err(error) if plan.is_configured() => return Err(error),
        Err(error) => return skipped(&error.to_string()),
    };
    if networks.is_empty() {
        return skipped("there is no detector.hef and no reader.hef among the models");
    }
    match hailo::device::open_library(plan.settings.library.as_deref()) {
        Ok(library) => {
            let (version, libraries) = (library.version, Libraries::look(&Board::default()));
            let path = libraries.used.as_deref().unwrap_or(&library.path);
            tracing::info!(engine = "hailo", %version, path, "HailoRT is opened");
            if let Some(words) = libraries.worry() {
                tracing::warn!(engine = "hailo", "{words}");
            }
        }
        Err(error) => return skipped(&Problem::Library(error).to_string()),
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let settings = hailo::Settings { networks, ..plan.settings.clone() };
    let hailo = match Hailo::start(settings, clock) {
        Ok(hailo) => hailo,
        Err(error) => return skipped(&format!("its thread could not be started: {error}")),
    };
    if hailo.settle(PATIENCE) == State::Starting {
        tracing::warn!(engine = "hailo", "the Hailo has not answered within {} s", PATIENCE.as_secs());
    }
    Ok(Ok(hailo))
}

/// The libraries of HailoRT on this machine.
#[derive(Debug, Clone, Default)]
pub(super) struct Libraries {
    /// The one that is opened.
    pub used: Option<String>,
    pub others: Vec<String>,
}

impl Libraries {
    pub(super) fn look(board: &Board) -> Self {
        let used = board.opened(LIBRARY);
        let others = board.libraries(LIBRARY).into_iter().filter(|path| Some(path) != used.as_ref());
        Self { others: others.collect(), used }
    }

    /// Two versions are one too many: the driver goes with one of them.
    fn worry(&self) -> Option<String> {
        if self.others.is_empty() {
            return None;
        }
        let used = self.used.as_deref().unwrap_or("one of them");
        Some(format!(
            "there is more than one version of HailoRT: {used} is used, {} is there too; leave only the one that belongs \
             to the driver",
            self.others.join(", ")
        ))
    }
}

/// How its files' names begin.
const LIBRARY: &str = "libhailort.so";

/// The Hailo as health reports it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct HailoHealth {
    pub state: &'static str,
    pub problem: Option<String>,
    pub chip: Option<&'static str>,
    pub firmware: Option<String>,
    pub library: Option<String>,
    /// The file of it that is opened.
    pub library_path: Option<String>,
    /// Other versions that are installed.
    pub other_libraries: Vec<String>,
    /// `null` where there is no such sensor.
    pub temperature_c: Option<f32>,
    pub throttling: Option<bool>,
    pub power_w: Option<f32>,
    pub clock_mhz: Option<u32>,
    /// Share of the time in which it had something to do, 0 to 1.
    pub utilisation: f64,
    pub inferences: u64,
    pub mean_ms: f64,
    /// Mean share of a batch that was filled, 0 to 1.
    pub batch_fill: f64,
    pub queue_depth: usize,
    pub dropped: u64,
    pub late: u64,
    pub lost: u64,
    pub retried: u64,
    pub failovers: u64,
    pub opened: u64,
    /// Errors of the library, by number.
    pub errors: BTreeMap<String, u64>,
}

impl HailoHealth {
    pub(super) fn of(hailo: &Hailo, libraries: &Libraries) -> Self {
        let told = hailo.snapshot();
        let (sensors, chip) = (told.sensors, told.chip);
        Self {
            state: told.state.as_str(),
            problem: told.problem,
            chip: chip.as_ref().map(|chip| chip.name),
            firmware: chip.as_ref().map(|chip| chip.firmware.clone()),
            library: chip.map(|chip| chip.library),
            library_path: libraries.used.clone(),
            other_libraries: libraries.others.clone(),
            temperature_c: sensors.temperature,
            throttling: sensors.throttling,
            power_w: sensors.power_w,
            clock_mhz: sensors.clock_mhz,
            utilisation: told.utilisation,
            inferences: told.inferences,
            mean_ms: told.mean_ms,
            batch_fill: told.batch_fill,
            queue_depth: told.queue_depth,
            dropped: told.dropped,
            late: told.late,
            lost: told.lost,
            retried: told.retried,
            failovers: told.failovers,
            opened: told.opened,
            errors: told.errors.into_iter().map(|(status, count)| (status.to_string(), count)).collect(),
        }
    }

    /// What is wrong, in words. Plates are still read, so it is never worse than degraded.
    pub(super) fn worries(&self) -> impl Iterator<Item = (&'static str, String)> {
        let libraries = Libraries { used: self.library_path.clone(), others: self.other_libraries.clone() };
        let of = |name: &'static str| move |words: String| (name, words);
        let own = self.worry().map(of("hailo"));
        own.into_iter().chain(libraries.worry().map(of("hailort")))
    }

    fn worry(&self) -> Option<String> {
        if let Some(problem) = &self.problem {
            return Some(format!("the Hailo is not used ({}): {problem}", self.state));
        }
        let hot = self.temperature_c.filter(|c| *c >= HOT);
        match (hot, self.throttling) {
            (Some(c), _) => Some(format!(
                "the Hailo is at {c:.0} \u{b0}C; from about 104 on it slows down, at 120 it stops"
            )),
            (None, Some(true)) => {
                Some("the Hailo runs slower because it is too hot; improve its cooling".to_owned())
            }
            _ => None,
        }
    }
}

/// From this temperature on it is worth saying, in degrees Celsius.
const HOT: f32 = 95.0;

#[cfg(test)]
impl HailoHealth {
    /// One with every sensor there is, and an error.
    pub(super) fn sample() -> Self {
        Self {
            state: "working",
            problem: None,
            chip: Some("Hailo-8"),
            firmware: None,
            library: None,
            library_path: None,
            other_libraries: Vec::new(),
            temperature_c: Some(61.0),
            throttling: Some(false),
            power_w: Some(2.5),
            clock_mhz: Some(400),
            utilisation: 0.4,
            inferences: 1000,
            mean_ms: 3.0,
            batch_fill: 0.7,
            queue_depth: 1,
            dropped: 0,
            late: 0,
            lost: 0,
            retried: 0,
            failovers: 0,
            opened: 1,
            errors: [("8".to_owned(), 1)].into(),
        }
    }
}
