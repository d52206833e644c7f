//! Cameras that play a clip again and again at a given rate, looked at as the daemon looks at them: a thread that
//! decodes and paces, the bounded mailbox that forgets the oldest, a thread with the whole chain, one journal.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{
    sample::{Measured, Sampler},
    spent::{Spent, resident_mib},
};
use crate::{
    capture::{
        Camera, CaptureError, Care, Delivery, Origin, Source, Stream,
        replay::{Pacing, Replay, Settings as ReplaySettings},
        watch,
    },
    clock::{Clock, Moment},
    daemon::{
        chain::Networks,
        pipeline::{Pipeline, Settings, Snapshot, Stats},
    },
    fact::Fact,
    frame::{CameraId, Frame},
    journal::{self, Journal},
    mailbox::{Received, Receiver},
    passage::TimeIds,
    shutdown::Stop,
};

/// As the daemon has them.
const BUFFERS: usize = 6;
const MAILBOX: usize = 1;
const PATIENCE: Duration = Duration::from_millis(100);
/// A camera that is later than this has lost the frames in between.
const LATE: Duration = Duration::from_secs(1);

/// What happens in front of the cameras.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scene {
    /// The clip from its beginning to its end, and again.
    Cars,
    /// Its first picture all the time: decoded like any other, but nothing moves.
    Nothing,
}

/// What is run.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub clip: PathBuf,
    pub cameras: u32,
    /// Frames a second of each.
    pub rate: f64,
    pub time: Duration,
    pub scene: Scene,
    /// The motion gate is on: what does not move is not looked at.
    pub motion: bool,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Outcome {
    pub seconds: f64,
    /// Frames that the cameras should have given in this time.
    pub due: f64,
    /// Those that were looked at, or rightly left out because nothing moved.
    pub served: u64,
    pub looks: Vec<Snapshot>,
    /// From the moment a frame was due until everything was done with it, in ms.
    pub late_ms: Vec<f64>,
    pub passages: u64,
    pub spent: Spent,
    pub resident_mib: f64,
    /// Facts that waited for the disk at the end.
    pub waiting: u64,
}

impl Outcome {
    /// Share of the frames that were served, 0 to 1.
    pub(super) fn share(&self) -> f64 {
        (self.served as f64 / self.due.max(1.0)).min(1.0)
    }

    /// Of one core.
    pub(super) fn cpu_percent(&self) -> f64 {
        100.0 * self.spent.cpu.as_secs_f64() / self.seconds.max(1e-9)
    }

    pub(super) fn reads(&self) -> u64 {
        self.looks.iter().map(|look| look.reads).sum()
    }
}

/// As a line of the table.
pub(super) fn row(name: &str, outcome: &Outcome) -> Measured {
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
    let looked: u64 = outcome.looks.iter().map(|look| look.frames).sum();
    let row = Sampler::summary(name, outcome.late_ms.clone(), f64::NAN);
    let per_second = outcome.late_ms.len() as f64 / outcome.seconds.max(1e-9);
    Measured { per_second, ..row }
        .with("frames served, %", 100.0 * outcome.share())
        .with("of them looked at", looked as f64)
        .with("processor, % of the machine", outcome.cpu_percent() / cores)
        .with("memory, MiB", outcome.resident_mib)
        .with("passages", outcome.passages as f64)
        .with("reads", outcome.reads() as f64)
}

/// Runs it, with a journal in `folder`.
pub(super) fn run(
    plan: &Plan,
    networks: &Networks,
    folder: &Path,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Outcome> {
    let path = folder.join(format!("traffic-{}.db", clock.now().as_micros()));
    let journal = Journal::open(&path, &journal::Settings::default(), Arc::clone(clock))?;
    let mut outcome = Outcome::default();
    let care = Care { watch: plan.motion.then(watch::Settings::default), ..Care::default() };
    let (mut cameras, mut eyes) = (Vec::new(), Vec::new());
    for number in 0..plan.cameras {
        let origin = Origin::new(CameraId::new(&format!("bench-{number}")), Arc::clone(clock), BUFFERS);
        let source = Loop { plan: plan.clone(), origin: origin.clone(), offset: number };
        let (camera, frames) = Camera::start(Box::new(source), &origin, Delivery::Latest(MAILBOX), &care)?;
        let stats = Arc::new(Stats::default());
        let settings = Settings::new(origin.camera.clone(), true);
        let pipeline = Pipeline::new(
            networks,
            &settings,
            Box::new(TimeIds::new()),
            Arc::clone(&stats),
            Arc::clone(clock),
        )?;
        eyes.push((Eye { pipeline, frames, origin, writer: journal.writer() }, stats));
        cameras.push(camera);
    }
    let passages = AtomicU64::new(0);
    let (began, before) = (clock.now(), Spent::so_far());
    let late = std::thread::scope(|scope| {
        let running: Vec<_> = eyes
            .into_iter()
            .map(|(eye, stats)| {
                let (passages, clock) = (&passages, clock.as_ref());
                (scope.spawn(move || eye.look(clock, passages)), stats)
            })
            .collect();
        clock.sleep(plan.time);
        outcome.seconds = clock.now().since(began).as_secs_f64();
        outcome.spent = Spent::so_far().since(before);
        outcome.resident_mib = resident_mib();
        outcome.looks = running.iter().map(|(_, stats)| stats.snapshot()).collect();
        let rested: u64 = cameras.iter().map(|camera| camera.stats().counts().rested).sum();
        outcome.served = outcome.looks.iter().map(|look| look.frames).sum::<u64>() + rested;
        cameras.iter_mut().for_each(Camera::stop);
        let joined = running.into_iter().filter_map(|(eye, _)| eye.join().ok());
        joined.collect::<Result<Vec<_>, _>>()
    })?;
    drop(cameras);
    outcome.due = f64::from(plan.cameras) * plan.rate * outcome.seconds;
    outcome.late_ms = late.concat();
    outcome.passages = passages.into_inner();
    outcome.waiting = journal.stats().snapshot().queued;
    journal.close(Duration::from_secs(5));
    for end in ["", "-wal", "-shm", ".lock"] {
        let mut name = path.clone().into_os_string();
        name.push(end);
        // What is not there need not go.
        let _ = std::fs::remove_file(name);
    }
    Ok(outcome)
}

/// The looking thread of one camera.
struct Eye {
    pipeline: Pipeline,
    frames: Receiver<Frame>,
    origin: Origin,
    writer: journal::Writer,
}

impl Eye {
    fn look(
        mut self,
        clock: &dyn Clock,
        passages: &AtomicU64,
    ) -> Result<Vec<f64>, crate::daemon::chain::ChainError> {
        let mut late = Vec::new();
        loop {
            let facts = match self.frames.receive(PATIENCE) {
                Received::Item(frame) => {
                    let facts = self.pipeline.step(&frame)?;
                    late.push(clock.now().since(frame.captured).as_secs_f64() * 1e3);
                    if self.pipeline.is_busy() {
                        self.origin.attention.wake_until(clock.now() + Duration::from_secs(2));
                    }
                    facts
                }
                Received::Nothing => self.pipeline.idle(clock.now(), clock.wall(), true),
                Received::Closed => break,
            };
            for fact in facts {
                passages.fetch_add(u64::from(matches!(fact, Fact::Closed(_))), Ordering::Relaxed);
                self.writer.record(fact);
            }
        }
        Ok(late)
    }
}

/// A clip that begins again when it is over.
struct Loop {
    plan: Plan,
    origin: Origin,
    /// So many cameras stand before it: they do not all see the same car at the same time.
    offset: u32,
}

impl Loop {
    fn clip(&self, stop: &Stop) -> Result<Box<dyn Stream>, CaptureError> {
        let settings = ReplaySettings { pacing: Pacing::Fast, ..ReplaySettings::new(&self.plan.clip) };
        Replay::new(settings, self.origin.clone()).open(stop)
    }
}

impl Source for Loop {
    fn describe(&self) -> String {
        format!("{} at {} frames a second", self.plan.clip.display(), self.plan.rate)
    }

    fn open(&mut self, stop: &Stop) -> Result<Box<dyn Stream>, CaptureError> {
        let mut clip = self.clip(stop)?;
        for _ in 0..self.offset * 17 % 100 {
            if clip.next(stop)?.is_none() {
                clip = self.clip(stop)?;
            }
        }
        Ok(Box::new(Looped {
            clip,
            due: self.origin.clock.now(),
            seq: 0,
            still: None,
            source: Self { plan: self.plan.clone(), origin: self.origin.clone(), offset: self.offset },
        }))
    }
}

struct Looped {
    source: Loop,
    clip: Box<dyn Stream>,
    due: Moment,
    seq: u64,
    still: Option<Frame>,
}

impl Stream for Looped {
    fn next(&mut self, stop: &Stop) -> Result<Option<Frame>, CaptureError> {
        let mut frame = self.clip.next(stop)?;
        if frame.is_none() && !stop.is_stopped() {
            self.clip = self.source.clip(stop)?;
            frame = self.clip.next(stop)?;
        }
        let Some(mut frame) = frame else { return Ok(None) };
        if self.source.plan.scene == Scene::Nothing {
            frame = self.still.get_or_insert(frame).clone();
        }
        let clock = &self.source.origin.clock;
        self.due = self.due + Duration::from_secs_f64(1.0 / self.source.plan.rate);
        let now = clock.now();
        if now.since(self.due) > LATE {
            self.due = now;
        }
        if stop.wait_timeout(self.due.since(now)) {
            return Ok(None);
        }
        self.seq += 1;
        Ok(Some(Frame { seq: self.seq, captured: self.due, wall: clock.wall(), ..frame }))
    }
}
