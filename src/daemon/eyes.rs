//! The cameras at work: for each one the thread that captures and the unit that looks.
//!
//! Starts, ends and exchanges them one by one; which ones there should be is said by the configuration.

use std::{io, sync::Arc};

use super::{
    answers::{Shown, Windows},
    camera_unit::CameraUnit,
    chain::Networks,
    health::CameraPart,
    pipeline,
    placement::Placement,
    settings,
    sinks::Sinks,
    supervisor::{Life, Unit, UnitStatus},
    triggers::{self, Sleeper, Sleepers},
};
use crate::{
    access::Porter,
    api::Window,
    backoff,
    capture::{Attention, Camera, CameraState, Delivery, Origin, replay::Pacing},
    clock::{Clock, WallTrust},
    config::{self, Config},
    frame::{CameraId, Pool},
    shutdown::{Trigger, shutdown},
};

/// Frames of one camera that may be alive at once: waiting, looked at, being filled.
const BUFFERS: usize = 6;
/// Frames of a live camera that may wait: the newest is the one that matters.
const LIVE_MAILBOX: usize = 1;
/// Frames of a recording that may wait.
const RECORDING_MAILBOX: usize = 2;

/// One camera: the thread that captures, the unit that looks.
#[derive(Debug)]
pub(super) struct Eye {
    pub id: CameraId,
    recording: bool,
    pub camera: Camera,
    attention: Arc<Attention>,
    window: Option<Window>,
    pool: Pool,
    unit: Unit,
    /// Watches the input that wakes it, where there is one.
    trigger: Option<Unit>,
    stats: Arc<pipeline::Stats>,
    stop: Option<Trigger>,
}

/// What every camera's threads are given alike.
#[derive(Debug)]
pub(super) struct Shared<'a> {
    pub networks: &'a Networks,
    pub porter: &'a Arc<Porter>,
    pub sinks: &'a Sinks,
    pub trust: &'a WallTrust,
    pub placement: &'a Placement,
    pub clock: &'a Arc<dyn Clock>,
}

impl Eye {
    pub(super) fn open(camera: &config::Camera, config: &Config, parts: &Shared<'_>) -> io::Result<Self> {
        let window = config.http.is_some().then(Window::default);
        // One more for the picture that is shown.
        let buffers = BUFFERS + usize::from(window.is_some());
        let origin = Origin::new(camera.id.clone(), Arc::clone(parts.clock), buffers)
            .within(camera.memory)
            .decoding(settings::decode(camera));
        let recording = settings::is_recording(camera);
        let every = matches!(&camera.source, config::Source::Replay(replay) if replay.pacing == Pacing::Fast);
        let delivery =
            if every { Delivery::Every(RECORDING_MAILBOX) } else { Delivery::Latest(LIVE_MAILBOX) };
        let source = settings::source(camera, origin.clone()).map_err(io::Error::other)?;
        let (care, placement) = (settings::care(camera), parts.placement);
        let (captured, frames) = placement
            .within(&placement.threads.capture, || Camera::start(source, &origin, delivery, &care))??;
        let stats = Arc::new(pipeline::Stats::default());
        let (end, stop) = shutdown();
        let plate_score = parts.networks.plate_score();
        let mut work = CameraUnit {
            frames,
            networks: parts.networks.clone(),
            settings: pipeline::Settings {
                trust: parts.trust.clone(),
                ..settings::pipeline(camera, config, Arc::clone(parts.porter), plate_score)
            },
            stats: Arc::clone(&stats),
            capture: Arc::clone(&origin.stats),
            attention: Arc::clone(&origin.attention),
            sinks: parts.sinks.clone(),
            window: window.clone(),
            clock: Arc::clone(parts.clock),
            stop: stop.clone(),
        };
        let name = format!("look {}", camera.id);
        let patience = backoff::Settings::default();
        let life = if recording { Life::UntilDone } else { Life::Endless };
        let unit = placement.within(&placement.threads.look, || {
            Unit::begin(&name, Arc::clone(parts.clock), stop.clone(), patience, life, move |status| {
                work.work(status)
            })
        })??;
        let attention = Arc::clone(&origin.attention);
        let sleeper = Sleeper { camera: camera.id.clone(), attention: Arc::clone(&attention) };
        let trigger = camera
            .trigger
            .clone()
            .map(|trigger| triggers::watch(trigger, sleeper, parts.clock, &stop))
            .transpose()?;
        Ok(Self {
            id: camera.id.clone(),
            recording,
            camera: captured,
            attention,
            window,
            pool: origin.pool,
            unit,
            trigger,
            stats,
            stop: Some(end),
        })
    }

    pub(super) fn units(&self) -> impl Iterator<Item = &UnitStatus> {
        [&self.unit].into_iter().chain(&self.trigger).map(|unit| unit.status().as_ref())
    }

    /// What wakes it.
    fn sleeper(&self) -> Sleeper {
        Sleeper { camera: self.id.clone(), attention: Arc::clone(&self.attention) }
    }

    /// Where its newest picture can be seen.
    fn shown(&self) -> Option<Shown> {
        let capture = Arc::clone(self.camera.stats());
        Some(Shown { camera: self.id.clone(), window: self.window.clone()?, capture })
    }

    pub(super) fn part(&self) -> CameraPart {
        CameraPart {
            id: self.id.clone(),
            capture: Arc::clone(self.camera.stats()),
            chain: Arc::clone(&self.stats),
            unit: Arc::clone(self.unit.status()),
            trigger: self.trigger.as_ref().map(|unit| Arc::clone(unit.status())),
            pool: self.pool.clone(),
        }
    }

    /// A recording, and all its frames have been looked at.
    pub(super) fn is_over(&self) -> bool {
        let over = matches!(self.camera.stats().state(), CameraState::Ended | CameraState::Failed);
        self.recording && over && self.unit.is_finished()
    }

    /// Says that it is to end, without waiting for it.
    fn let_go(&mut self) {
        // The stop first: to the unit an end of its frames before it would be one that nobody wanted.
        drop(self.stop.take());
        self.camera.stop();
    }
}

impl Drop for Eye {
    /// No more frames; what has been seen is handed on. The thread is waited for when the unit is dropped.
    fn drop(&mut self) {
        self.let_go();
    }
}

/// Makes these the cameras that can be woken and looked at.
pub(super) fn list(eyes: &[Eye], sleepers: &Sleepers, windows: &Windows) {
    sleepers.are(eyes.iter().map(Eye::sleeper).collect());
    windows.are(eyes.iter().filter_map(Eye::shown).collect());
}

/// Ends them: every camera first, then what they still hold.
pub(super) fn close(mut eyes: Vec<Eye>) {
    eyes.iter_mut().for_each(Eye::let_go);
}
