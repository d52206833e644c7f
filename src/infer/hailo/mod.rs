//! The Hailo engine: both networks on one chip, shared by all workers, batched and asynchronous.
//!
//! ```text
//! hef        what a file was compiled for, before the library sees it
//! find       which file and which description for which task
//! device     the library's objects with owners: the only file that calls it
//! output     bytes of a stream to tensors
//! desk       where jobs wait, are batched, travel, and come back in order
//! session    one life of the device: networks, streams, threads
//! recovery   when a failed device is tried again
//! crashes    remembering that the process died
//! watch      the thread that owns the device
//! problem    what is wrong, in words, and what to do
//! examine    a look at everything, for the doctor
//! telemetry  counts, times, sensors
//! ```
//!
//! Each worker has a [`HailoEngine`] of its own: it hands pictures in and waits for them, at most for the deadline.
//! While the device does not work the engine says so at once ([`Engine::is_available`]) and another one does the work:
//! which one, and that no frame is lost meanwhile, is the business of those who hold several engines.

mod crashes;
mod desk;
pub mod device;
pub mod examine;
mod find;
pub mod hef;
mod output;
pub mod problem;
mod recovery;
mod session;
mod telemetry;
mod watch;

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use super::{Description, Engine, EngineKind, InferError, InputPicture, Tensor, description::Task};
use crate::{
    clock::Clock,
    heartbeat::Heartbeat,
    shutdown::{Trigger, shutdown},
};
use desk::{NoResult, Ticket};
pub use find::{Network, Plan, find};
pub use recovery::Settings as Recovery;

use session::RunError;
pub use telemetry::{Chip, Sensors, Snapshot, State, Telemetry};
use watch::{Shared, Watch};

/// How fast the chip's clock may run it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PowerMode {
    #[default]
    Performance,
    /// More speed for more heat.
    UltraPerformance,
}

/// How the Hailo is used.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The library; `None`: where packages put it.
    pub library: Option<PathBuf>,
    /// What runs on it.
    pub networks: Vec<Network>,
    pub power_mode: PowerMode,
    /// Batches of one network on their way through the chip at a time.
    pub depth: usize,
    /// A batch that is not full leaves when its first picture has waited this long.
    pub gather: Duration,
    /// A picture not done after this goes to the next engine.
    pub deadline: Duration,
    /// Frames that the chip's own scheduler waits for before it switches networks, and for how long.
    pub scheduler_threshold: u32,
    pub scheduler_timeout: Duration,
    /// 0 to 31.
    pub scheduler_priority: u8,
    /// After a failure it has to work this long before it is used again.
    pub return_after: Duration,
    pub recovery: Recovery,
    /// Where deaths of the process are remembered; `None`: they are not.
    pub crash_file: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            library: None,
            networks: Vec::new(),
            power_mode: PowerMode::default(),
            depth: 4,
            gather: Duration::from_millis(2),
            deadline: Duration::from_millis(100),
            scheduler_threshold: 1,
            scheduler_timeout: Duration::ZERO,
            scheduler_priority: 16,
            return_after: Duration::from_secs(10),
            recovery: Recovery::default(),
            crash_file: None,
        }
    }
}

impl Settings {
    /// A device with something to do that gives nothing for this long is stalled.
    fn stalled(&self) -> Duration {
        (10 * self.deadline).clamp(Duration::from_millis(500), Duration::from_secs(10))
    }
}

/// Keeps the library from writing `hailort.log` into the working directory and the home directory.
///
/// # Safety
/// It changes the environment of the process: no other thread may run yet.
#[expect(
    clippy::disallowed_methods,
    reason = "the library asks the environment when it is opened, and nothing else"
)]
pub unsafe fn keep_library_from_logging() {
    if hailort_sys::logs_to_files() {
        // SAFETY: the caller's promise that nobody reads the environment meanwhile.
        unsafe { std::env::set_var("HAILORT_LOGGER_PATH", "NONE") };
    }
}

/// How long a device is waited for that is being taken down.
const LAST_WAIT: Duration = Duration::from_secs(10);

/// The Hailo of this machine, for this process. Dropping it takes it down.
#[derive(Debug)]
pub struct Hailo {
    shared: Arc<Shared>,
    models: Vec<Arc<Description>>,
    deadline: Duration,
    clients: AtomicU64,
    stop: Mutex<Option<Trigger>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    heartbeat: Heartbeat,
}

impl Hailo {
    /// Starts the thread that owns the device. Never fails for what the device does: see [`Hailo::snapshot`].
    pub fn start(settings: Settings, clock: Arc<dyn Clock>) -> std::io::Result<Arc<Self>> {
        let heartbeat = Heartbeat::new(Arc::clone(&clock));
        let shared = Arc::new(Shared::new(clock));
        let (trigger, stop) = shutdown();
        let stop = stop.beating(heartbeat.clone());
        let models = settings.networks.iter().map(|n| Arc::new(n.description.clone())).collect();
        let deadline = settings.deadline;
        let watch = Watch { shared: Arc::clone(&shared), settings, stop };
        let thread = std::thread::Builder::new().name("npu".to_owned()).spawn(move || watch.run())?;
        Ok(Arc::new(Self {
            shared,
            models,
            deadline,
            clients: AtomicU64::new(1),
            stop: Mutex::new(Some(trigger)),
            thread: Mutex::new(Some(thread)),
            heartbeat,
        }))
    }

    /// Waits until it works or is known not to, this long at most.
    pub fn settle(&self, limit: Duration) -> State {
        let until = self.shared.clock.now() + limit;
        loop {
            let state = self.snapshot().state;
            if state != State::Starting || self.shared.clock.now() >= until {
                return state;
            }
            self.shared.clock.sleep(Duration::from_millis(5));
        }
    }

    /// Its thread's: silent while a call into the library does not return.
    pub const fn heartbeat(&self) -> &Heartbeat {
        &self.heartbeat
    }

    pub fn snapshot(&self) -> Snapshot {
        self.shared.telemetry.snapshot(self.shared.clock.now())
    }

    /// A network for this task was given to it.
    pub fn has(&self, task: Task) -> bool {
        self.models.iter().any(|model| model.task == task)
    }

    /// An engine for one more worker; `None` if no network for this task was given to it.
    pub fn engine(self: &Arc<Self>, task: Task) -> Option<HailoEngine> {
        let network = self.models.iter().position(|model| model.task == task)?;
        Some(HailoEngine {
            model: Arc::clone(self.models.get(network)?),
            network,
            client: self.clients.fetch_add(1, Ordering::Relaxed),
            tickets: VecDeque::new(),
            hailo: Arc::clone(self),
        })
    }
}

impl Drop for Hailo {
    fn drop(&mut self) {
        drop(self.stop.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return };
        let clock = &self.shared.clock;
        let until = clock.now() + LAST_WAIT;
        while !thread.is_finished() && clock.now() < until {
            clock.sleep(Duration::from_millis(2));
        }
        match thread.is_finished() {
            true if thread.join().is_err() => {
                tracing::error!("the thread of the Hailo panicked; this is a bug in amslpr");
            }
            true => {}
            false => tracing::error!("a call into HailoRT does not return; the device is left as it is"),
        }
    }
}

/// One worker's way to a network on the chip.
#[derive(Debug)]
pub struct HailoEngine {
    hailo: Arc<Hailo>,
    model: Arc<Description>,
    network: usize,
    client: u64,
    tickets: VecDeque<Ticket>,
}

impl HailoEngine {
    fn failed(&self, reason: String) -> InferError {
        InferError::Engine { model: self.model.name.clone(), engine: EngineKind::Hailo, reason }
    }

    fn reason(&self, error: RunError) -> InferError {
        self.failed(match error {
            RunError::NoResult(NoResult::Closed) => "the device failed".to_owned(),
            RunError::NoResult(NoResult::Dropped) => "too many pictures waited for it".to_owned(),
            RunError::NoResult(NoResult::Late) => {
                format!("no result within {} ms", self.hailo.deadline.as_millis())
            }
            RunError::Garbled(what) => format!("a result makes no sense: {what}"),
        })
    }
}

impl Engine for HailoEngine {
    fn kind(&self) -> EngineKind {
        EngineKind::Hailo
    }

    fn model(&self) -> &Description {
        &self.model
    }

    /// False while the device is down, and while it owes results for longer than any picture may take.
    fn is_available(&self) -> bool {
        let shared = &self.hailo.shared;
        let is_open = shared.line(self.network).is_some_and(|line| line.desk.is_open());
        is_open && shared.telemetry.silent_for(shared.clock.now()) < self.hailo.deadline
    }

    fn run(
        &mut self,
        pictures: &[InputPicture<'_>],
        outputs: &mut Vec<Vec<Tensor>>,
    ) -> Result<(), InferError> {
        outputs.resize_with(pictures.len(), Vec::new);
        pictures.iter().try_for_each(|picture| self.model.check_input(picture))?;
        let Some(line) = self.hailo.shared.line(self.network) else {
            return Err(self.failed("the device is not in use".to_owned()));
        };
        let clock = &self.hailo.shared.clock;
        // Tickets of a run that failed are given back before the next one.
        self.tickets.clear();
        let mut waiting = pictures.iter();
        for tensors in outputs.iter_mut() {
            while self.tickets.len() < line.desk.window() {
                let Some(picture) = waiting.next() else { break };
                let until = clock.now() + self.hailo.deadline;
                match line.desk.submit(self.client, picture.bytes, until) {
                    Ok(ticket) => self.tickets.push_back(ticket),
                    Err(why) => return Err(self.reason(why.into())),
                }
            }
            let Some(ticket) = self.tickets.pop_front() else { break };
            if let Err(error) = line.collect(ticket, &self.model, tensors) {
                self.tickets.clear();
                return Err(self.reason(error));
            }
        }
        Ok(())
    }
}
