//! The thread that owns the device: opens it, watches over it, takes it down when it fails, brings it back.
//!
//! What a failure means is `recovery`'s to say. Jobs are let in only while the device works and, after a failure, has
//! proved itself; in between another engine does the work.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use hailort_sys::Library;

use super::{
    Settings,
    crashes::Crashes,
    device::{self, Device},
    problem::Problem,
    recovery::{Next, Recovery},
    session::{Line, Session},
    telemetry::{Sensors, State, Telemetry},
};
use crate::{
    backoff,
    clock::{Clock, Moment},
    shutdown::Stop,
};

/// How often a working device is looked at.
const GLANCE: Duration = Duration::from_millis(50);
/// How often its sensors are read.
const SENSE: Duration = Duration::from_secs(5);
/// How often a device that has to prove itself is tried.
const TRIAL: Duration = Duration::from_millis(500);
/// How often is looked whether somebody has changed something.
const LOOK_FOR_CHANGE: Duration = Duration::from_secs(10);

/// What workers see of the device.
#[derive(Debug)]
pub(super) struct Shared {
    /// In the order of the settings' networks; empty while it does not work.
    lines: Mutex<Vec<Arc<Line>>>,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Shared {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { lines: Mutex::default(), telemetry: Arc::default(), clock }
    }

    fn lines(&self) -> MutexGuard<'_, Vec<Arc<Line>>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn line(&self, network: usize) -> Option<Arc<Line>> {
        self.lines().get(network).cloned()
    }
}

/// How one life ended.
enum End {
    Stopped,
    Failed(Problem, Duration),
}

pub(super) struct Watch {
    pub(super) shared: Arc<Shared>,
    pub(super) settings: Settings,
    pub(super) stop: Stop,
}

impl Watch {
    /// Until the stop.
    pub(super) fn run(self) {
        let telemetry = Arc::clone(&self.shared.telemetry);
        let wall = self.shared.clock.wall().as_second();
        let crashes = self.settings.crash_file.as_deref().map(|file| Crashes::open(file, wall));
        if let Some(many) = crashes.as_ref().filter(|crashes| crashes.too_many()) {
            let problem = Problem::Crashes(many.recent());
            self.tell(State::GivenUp, &problem, None);
            while !self.stop.wait_timeout(LOOK_FOR_CHANGE) {}
            return;
        }
        let mut recovery = Recovery::new(self.settings.recovery.clone());
        let (mut smaller, mut failed_before) = (false, false);
        while !self.stop.is_stopped() {
            mark(crashes.as_ref(), true);
            let end = self.live(smaller, failed_before);
            mark(crashes.as_ref(), false);
            let End::Failed(problem, lasted) = end else { break };
            failed_before = true;
            if let Some(status) = problem.status() {
                telemetry.error(status);
            }
            match recovery.after(problem.remedy(), lasted, backoff::chance()) {
                Next::TryIn(wait) => self.pause(&problem, wait),
                Next::TrySmallerIn(wait) => {
                    smaller = true;
                    self.pause(&problem, wait);
                }
                Next::WhenChanged => self.pause_until_changed(&problem),
            }
        }
        telemetry.set(State::Stopped, None);
    }

    /// From opening the device to its end.
    fn live(&self, smaller: bool, failed_before: bool) -> End {
        let clock = &self.shared.clock;
        let began = clock.now();
        let failed = |problem| End::Failed(problem, Duration::ZERO);
        let library: &'static Library = match device::open_library(self.settings.library.as_deref()) {
            Ok(library) => library,
            Err(error) => return failed(Problem::Library(error)),
        };
        let opened = Session::open(library, &self.settings, smaller, clock, &self.shared.telemetry);
        let session = match opened {
            Ok(session) => session,
            Err(problem) => return failed(problem),
        };
        let end = self.serve(&session, began, failed_before);
        self.shared.lines().clear();
        if let End::Failed(problem, _) = &end {
            self.tell(State::Waiting, problem, None);
            self.shared.telemetry.failed_over();
        }
        if session.close() {
            return end;
        }
        match end {
            End::Stopped => End::Stopped,
            End::Failed(_, lasted) => End::Failed(Problem::Stuck, lasted),
        }
    }

    fn serve(&self, session: &Session, began: Moment, failed_before: bool) -> End {
        let (shared, clock) = (&self.shared, &self.shared.clock);
        let lasted = || clock.now().since(began);
        if failed_before && let Some(end) = self.prove(session, began) {
            return end;
        }
        *shared.lines() = session.lines.clone();
        shared.telemetry.set(State::Working, None);
        let device = &session.device;
        tracing::info!(
            engine = "hailo", library = %device.library().version, firmware = %device.firmware,
            "the Hailo works"
        );
        let mut next_sense = clock.now();
        loop {
            if let Some(problem) = session.alarm.wait(GLANCE) {
                return End::Failed(problem, lasted());
            }
            if self.stop.is_stopped() {
                return End::Stopped;
            }
            let silent = shared.telemetry.silent_for(clock.now());
            if silent > self.settings.stalled() {
                return End::Failed(Problem::Silent(silent), lasted());
            }
            if clock.now() >= next_sense {
                next_sense = clock.now() + SENSE;
                shared.telemetry.sensed(sense(device));
            }
        }
    }

    /// Tries the device until it has been back long enough; an end if it was not worth it.
    fn prove(&self, session: &Session, began: Moment) -> Option<End> {
        let clock = &self.shared.clock;
        self.shared.telemetry.set(State::Proving, None);
        loop {
            let lasted = clock.now().since(began);
            if let Err(problem) = session.try_out(&self.settings.networks, self.settings.stalled()) {
                return Some(End::Failed(problem, lasted));
            }
            let left = self.settings.return_after.saturating_sub(clock.now().since(began));
            if left.is_zero() {
                return None;
            }
            if self.stop.wait_timeout(left.min(TRIAL)) {
                return Some(End::Stopped);
            }
        }
    }

    fn tell(&self, state: State, problem: &Problem, wait: Option<Duration>) {
        let told = self.shared.telemetry.snapshot(self.shared.clock.now());
        let words = problem.to_string();
        // The same again is counted, not repeated.
        if told.problem.as_ref() != Some(&words) {
            tracing::warn!(engine = "hailo", problem = %words, again_in = ?wait, "the Hailo is not used");
        }
        self.shared.telemetry.set(state, Some(words));
    }

    fn pause(&self, problem: &Problem, wait: Duration) {
        self.tell(State::Waiting, problem, Some(wait));
        self.stop.wait_timeout(wait);
    }

    fn pause_until_changed(&self, problem: &Problem) {
        self.tell(State::GivenUp, problem, None);
        let before = self.fingerprint();
        while !self.stop.wait_timeout(LOOK_FOR_CHANGE) && self.fingerprint() == before {}
    }

    /// When what an operator would change was last changed: library, driver, HEFs.
    fn fingerprint(&self) -> Vec<Option<(SystemTime, u64)>> {
        let mut files: Vec<PathBuf> = self.settings.networks.iter().flat_map(|n| n.hefs.clone()).collect();
        files.extend(self.settings.library.clone());
        files.extend(["/usr/lib/libhailort.so", "/sys/module/hailo_pci/version"].map(PathBuf::from));
        let of = |file: &PathBuf| {
            let data = std::fs::metadata(file).ok()?;
            Some((data.modified().ok()?, data.len()))
        };
        files.iter().map(of).collect()
    }
}

fn mark(crashes: Option<&Crashes>, in_use: bool) {
    if let Some(Err(error)) = crashes.map(|crashes| crashes.mark(in_use)) {
        tracing::debug!(%error, "the crash counter of the Hailo could not be written");
    }
}

pub(super) fn sense(device: &Device) -> Sensors {
    Sensors {
        temperature: device.temperature(),
        throttling: device.is_throttling(),
        power_w: device.power(),
        clock_mhz: device.clock_mhz(),
    }
}
