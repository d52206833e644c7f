//! Eyes for one worker: a detector and its readers, built from the settings, that look at one frame.
//!
//! No time line, no tracks, no threads: what happens between frames is `pipeline`'s business.

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::npu;
use crate::{
    clock::{Clock, Moment},
    detect::{self, DetectError, Detection, Detector},
    frame::Frame,
    infer::{
        Engine, EngineKind,
        cpu::{CpuEngine, Weights},
        description::Task,
        hailo::{self, Hailo, Plan},
        model::{self, ModelError},
        onnx,
    },
    plate::{Confidence, PlateText, Region, syntax},
    read::{
        Fallback, NetworkReader, PlateRead, ReadError, Reader, TesseractReader, enhance,
        recall::{self, Recall},
    },
};

/// Which networks on which engines.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Folder of model descriptions; `None`: the usual places.
    pub models: Option<PathBuf>,
    /// Engines in order of preference. The first that works detects and reads, the next takes over.
    pub order: Vec<EngineKind>,
    /// How the Hailo is used, where it stands in the order.
    pub hailo: Plan,
    /// How ONNX Runtime is used, where it stands in the order.
    pub onnx: onnx::Settings,
    /// Threads inside one network run. 1 is best when there are as many workers as cores.
    pub threads: usize,
    pub detect: detect::Settings,
    /// Least confidence of a read; the network's own if none is given.
    pub read_confidence: Option<Confidence>,
    /// What is done to a plate before Tesseract reads it.
    pub tesseract: enhance::Settings,
    /// What is remembered of reads, so that they are not made again.
    pub recall: recall::Settings,
    /// Countries whose formats may repair a read; empty: none.
    pub regions: Vec<Region>,
    /// Reads less likely than this say nothing about whether it is a plate at all.
    pub doubtful_read: Confidence,
    /// A detection that nothing, or only something doubtful, can be read on counts as a plate only if the detector
    /// is at least this sure.
    pub unread_confidence: Confidence,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            models: None,
            order: vec![EngineKind::Hailo, EngineKind::Cpu, EngineKind::Tesseract],
            hailo: Plan::default(),
            onnx: onnx::Settings::default(),
            threads: 1,
            detect: detect::Settings::default(),
            read_confidence: None,
            tesseract: enhance::Settings::default(),
            recall: recall::Settings::default(),
            regions: Vec::new(),
            // On bench-dev and plates-real/val these two drop two of three false plates (dates drawn into the
            // picture, signs, grilles) and not one exact read.
            doubtful_read: Confidence::new(0.02),
            unread_confidence: Confidence::new(0.8),
        }
    }
}

/// Why no eyes could be made, or why they saw nothing.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Detect(#[from] DetectError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(
        "no engine of the order {order} can {what} plates here{}; \"cpu\" needs nothing but the model files",
        why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default()
    )]
    NoEngine { order: String, what: &'static str, why: Option<String> },
}

/// One plate of one frame: where it is, and what it says if that could be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Sighting {
    pub detection: Detection,
    pub read: Option<PlateRead>,
    /// A national format that fits, and the text it makes of the read.
    pub formatted: Option<syntax::Ranked>,
}

impl Sighting {
    /// The best text known: repaired by a format where one fits, else as read.
    pub fn text(&self) -> Option<&PlateText> {
        self.formatted.as_ref().map(|fit| &fit.text).or(self.read.as_ref().map(|r| &r.text))
    }

    pub fn confidence(&self) -> Confidence {
        match (&self.formatted, &self.read) {
            (Some(fit), _) => fit.confidence,
            (None, Some(read)) => read.confidence,
            (None, None) => Confidence::NONE,
        }
    }

    pub fn region(&self) -> Option<Region> {
        self.formatted.as_ref().map(|fit| fit.region)
    }
}

/// What one frame showed, and how long it took to see it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Look {
    pub plates: Vec<Sighting>,
    pub detect_time: Duration,
    pub read_time: Duration,
}

/// The networks of all workers: loaded and checked once, shared by every `Chain`.
#[derive(Debug, Clone)]
pub struct Networks {
    settings: Settings,
    /// Taken down when the last worker is gone.
    hailo: Option<Arc<Hailo>>,
    /// Why there is none, although it is in the order.
    no_hailo: Option<String>,
    /// The same of ONNX Runtime.
    no_onnx: Option<String>,
    /// Detector and reader on ONNX Runtime.
    onnx: Option<[onnx::Weights; 2]>,
    detector: Option<Weights>,
    reader: Option<Weights>,
    recall: Option<Arc<Recall>>,
    plate_score: f32,
}

impl Networks {
    /// Loads what the settings ask for. Says in the log which engine of the order is not to be had, and why.
    pub fn load(settings: &Settings) -> Result<Self, ChainError> {
        let models = model::find(settings.models.as_deref())?;
        let (hailo, no_hailo) = match settings.order.contains(&EngineKind::Hailo) {
            true => match npu::start(&settings.hailo, &models)? {
                Ok(hailo) => (Some(hailo), None),
                Err(reason) => (None, Some(reason)),
            },
            false => (None, None),
        };
        let (onnx, no_onnx) = match settings.order.contains(&EngineKind::OnnxRuntime) {
            true => match on_onnx(&settings.onnx, &models) {
                Ok(networks) => (Some(networks), None),
                Err(reason) => (None, Some(reason)),
            },
            false => (None, None),
        };
        // Tesseract reads but cannot find plates: the detector runs on the CPU all the same.
        let cpu_detects =
            settings.order.iter().any(|engine| matches!(engine, EngineKind::Cpu | EngineKind::Tesseract));
        let cpu_reads = settings.order.contains(&EngineKind::Cpu);
        let load = |task, is_wanted: bool| -> Result<Option<Weights>, ModelError> {
            is_wanted.then(|| Weights::load(models.description(task)?)).transpose()
        };
        let mut networks = Self {
            settings: settings.clone(),
            hailo,
            no_hailo,
            no_onnx,
            onnx,
            detector: load(Task::Detect, cpu_detects)?,
            reader: load(Task::Read, cpu_reads)?,
            recall: Recall::new(settings.recall).map(Arc::new),
            plate_score: 0.0,
        };
        // Without another engine to fall back on, a Hailo that does not work now is none.
        if !cpu_detects
            && networks.onnx.is_none()
            && !networks.hailo.as_ref().is_some_and(|h| h.snapshot().state == hailo::State::Working)
        {
            return Err(networks.no_engine("find"));
        }
        networks.plate_score =
            networks.detectors().first().ok_or_else(|| networks.no_engine("find"))?.model().score;
        Ok(networks)
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Uses the loaded networks in another way from the next chain on. Which networks on which engines stays as it was.
    pub fn use_settings(&mut self, settings: Settings) {
        let loaded = &self.settings;
        let (models, order, hailo) = (loaded.models.clone(), loaded.order.clone(), loaded.hailo.clone());
        let onnx = loaded.onnx.clone();
        if loaded.recall != settings.recall {
            self.recall = Recall::new(settings.recall).map(Arc::new);
        }
        self.settings = Settings { models, order, hailo, onnx, ..settings };
    }

    pub fn hailo(&self) -> Option<&Arc<Hailo>> {
        self.hailo.as_ref()
    }

    /// Engines of the order that cannot be had, and why.
    pub fn skipped(&self) -> Vec<(EngineKind, &str)> {
        let all = [(EngineKind::Hailo, &self.no_hailo), (EngineKind::OnnxRuntime, &self.no_onnx)];
        all.into_iter().filter_map(|(engine, why)| Some((engine, why.as_deref()?))).collect()
    }

    /// The first engine of the order that does this here.
    pub fn preferred(&self, task: Task) -> Option<EngineKind> {
        let has = |engine: &EngineKind| match engine {
            EngineKind::Hailo => self.hailo.as_ref().is_some_and(|hailo| hailo.has(task)),
            EngineKind::OnnxRuntime => self.onnx.is_some(),
            EngineKind::Cpu => {
                let own = if task == Task::Detect { &self.detector } else { &self.reader };
                own.is_some()
            }
            EngineKind::Tesseract => true,
        };
        let first = self.settings.order.iter().copied().find(has)?;
        // Tesseract reads but cannot find plates.
        Some(if first == EngineKind::Tesseract && task == Task::Detect { EngineKind::Cpu } else { first })
    }

    /// What all workers remember of their reads; `None`: nothing.
    pub fn recall(&self) -> Option<&Arc<Recall>> {
        self.recall.as_ref()
    }

    /// Task and name of each network in use, the preferred ones.
    pub fn names(&self) -> Vec<(&'static str, String)> {
        let name = |task, own: Option<&Weights>| {
            let npu = self.on_hailo(task).map(|engine| engine.model().name.clone());
            let onnx = self.onnx.as_ref().map(|[detector, reader]| {
                let weights = if task == Task::Detect { detector } else { reader };
                weights.description().name.clone()
            });
            npu.or(onnx).or_else(|| own.map(|weights| weights.description().name.clone()))
        };
        let detect = name(Task::Detect, self.detector.as_ref()).map(|name| ("detect", name));
        let read = name(Task::Read, self.reader.as_ref()).map(|name| ("read", name));
        detect.into_iter().chain(read).collect()
    }

    fn no_engine(&self, what: &'static str) -> ChainError {
        let problem = self.hailo.as_ref().and_then(|hailo| hailo.snapshot().problem);
        let why = problem.or_else(|| self.no_hailo.clone()).map(|why| format!("hailo: {why}"));
        ChainError::NoEngine { order: order_text(&self.settings.order), what, why }
    }

    fn cpu(&self, weights: &Weights) -> CpuEngine {
        CpuEngine::new(weights.clone(), self.settings.threads)
    }

    fn on_hailo(&self, task: Task) -> Option<Box<dyn Engine>> {
        self.hailo.as_ref()?.engine(task).map(|engine| Box::new(engine) as Box<dyn Engine>)
    }

    /// A session of its own for one more worker.
    fn own_session(&self, task: Task) -> Option<Box<dyn Engine>> {
        let [detector, reader] = self.onnx.as_ref()?;
        let weights = if task == Task::Detect { detector } else { reader };
        match weights.engine(self.settings.threads) {
            Ok(engine) => Some(Box::new(engine)),
            Err(error) => {
                tracing::warn!(engine = "onnxruntime", %error, "engine skipped");
                None
            }
        }
    }

    /// The engines that can find plates, in the order of the settings, each once.
    fn detectors(&self) -> Vec<Box<dyn Engine>> {
        let mut kinds: Vec<EngineKind> = Vec::new();
        for kind in &self.settings.order {
            // Tesseract reads but cannot find plates.
            let finds = if *kind == EngineKind::Tesseract { EngineKind::Cpu } else { *kind };
            if !kinds.contains(&finds) {
                kinds.push(finds);
            }
        }
        kinds.iter().filter_map(|kind| self.engine(*kind, Task::Detect)).collect()
    }

    /// An engine of its own for one more worker, if this kind has a network for the task.
    pub fn engine(&self, kind: EngineKind, task: Task) -> Option<Box<dyn Engine>> {
        let weights = match task {
            Task::Detect => &self.detector,
            Task::Read => &self.reader,
        };
        match kind {
            EngineKind::Hailo => self.on_hailo(task),
            EngineKind::OnnxRuntime => self.own_session(task),
            EngineKind::Cpu => weights.as_ref().map(|weights| Box::new(self.cpu(weights)) as Box<dyn Engine>),
            EngineKind::Tesseract => None,
        }
    }

    /// How long the processor has run these networks so far, all workers together.
    pub fn busy(&self) -> Duration {
        let onnx: Duration = self.onnx.iter().flatten().map(onnx::Weights::busy).sum();
        let own: Duration = [&self.detector, &self.reader].into_iter().flatten().map(Weights::busy).sum();
        onnx + own
    }

    /// The same by network: task, name, time.
    pub fn busy_by_network(&self) -> Vec<(&'static str, String, Duration)> {
        let tasks = [("detect", &self.detector), ("read", &self.reader)];
        let of = |(task, weights): (&'static str, &Option<Weights>)| {
            let weights = weights.as_ref()?;
            Some((task, weights.description().name.clone(), weights.busy()))
        };
        tasks.into_iter().filter_map(of).collect()
    }

    /// How sure the preferred detector has to be, by its own description, that something is a plate.
    pub fn plate_score(&self) -> f32 {
        self.plate_score
    }

    /// Eyes for one more worker.
    pub fn chain(&self, clock: Arc<dyn Clock>) -> Result<Chain, ChainError> {
        let s = &self.settings;
        let mut detectors = self.detectors().into_iter();
        let first = detectors.next().ok_or_else(|| self.no_engine("find"))?;
        let detector =
            Detector::with_stand_ins(first, detectors.collect(), s.detect)?.timed(Arc::clone(&clock));
        let mut readers: Vec<Box<dyn Reader>> = Vec::new();
        for kind in &s.order {
            let network = self.engine(*kind, Task::Read);
            let clock = Arc::clone(&clock);
            match (kind, network) {
                (_, Some(engine)) => {
                    let reader = NetworkReader::new(engine, s.read_confidence, clock)?;
                    readers.push(Box::new(reader.recalling(self.recall.clone())));
                }
                // The only reader must work now; one that stands by may start when it is needed.
                (EngineKind::Tesseract, None) if readers.is_empty() => {
                    readers.push(Box::new(TesseractReader::start(None, s.tesseract, clock)?));
                }
                (EngineKind::Tesseract, None) => {
                    readers.push(Box::new(TesseractReader::on_demand(None, s.tesseract, clock)));
                }
                (EngineKind::Hailo | EngineKind::OnnxRuntime | EngineKind::Cpu, None) => {}
            }
        }
        let mut readers = readers.into_iter();
        let first = readers.next().ok_or_else(|| self.no_engine("read"))?;
        let reader = Fallback::new(first, readers.collect());
        Ok(Chain { detector, reader, settings: s.clone(), clock, found: Vec::new() })
    }
}

/// Both networks on ONNX Runtime; the reason, and a line in the log, where that cannot be had.
fn on_onnx(settings: &onnx::Settings, models: &model::Models) -> Result<[onnx::Weights; 2], String> {
    let engine = "onnxruntime";
    let both = || {
        let runtime = onnx::Runtime::load(settings)?;
        let networks = [runtime.network(models, Task::Detect)?, runtime.network(models, Task::Read)?];
        Ok::<_, onnx::OnnxError>((runtime, networks))
    };
    match both() {
        Ok((runtime, networks)) => {
            let [detector, reader] = networks.each_ref().map(|weights| weights.description().name.clone());
            tracing::info!(engine, detector, reader, "{} is used", runtime.describe());
            Ok(networks)
        }
        // Whoever put it into the order wants to know.
        Err(error) => {
            tracing::warn!(engine, %error, "engine skipped");
            Err(error.to_string())
        }
    }
}

fn order_text(order: &[EngineKind]) -> String {
    format!("[{}]", order.iter().map(|e| e.as_str()).collect::<Vec<_>>().join(", "))
}

/// One worker's eyes.
#[derive(Debug)]
pub struct Chain {
    detector: Detector,
    reader: Fallback,
    settings: Settings,
    clock: Arc<dyn Clock>,
    found: Vec<Detection>,
}

impl Chain {
    /// Finds the plates of a frame.
    pub fn detect(&mut self, frame: &Frame) -> Result<&[Detection], ChainError> {
        self.detector.detect(frame, &mut self.found)?;
        Ok(&self.found)
    }

    /// What looked at the last frame, and what would read its plates now.
    pub fn engines(&self) -> (EngineKind, EngineKind) {
        (self.detector.engine(), self.reader.engine())
    }

    /// From when to when the last frame was prepared for the detector.
    pub const fn prepared(&self) -> Option<(Moment, Moment)> {
        self.detector.prepared()
    }

    /// Reads one of them. `None`: there is nothing to read.
    pub fn read(&mut self, frame: &Frame, detection: &Detection) -> Result<Option<PlateRead>, ChainError> {
        Ok(self.reader.read(frame, detection)?)
    }

    /// Finds and reads every plate of a frame that stands alone.
    pub fn look(&mut self, frame: &Frame) -> Result<Look, ChainError> {
        let start = self.clock.now();
        self.detect(frame)?;
        let found = std::mem::take(&mut self.found);
        let detected = self.clock.now();
        let mut plates = Vec::with_capacity(found.len());
        for detection in &found {
            let read = self.read(frame, detection)?;
            let doubtful = read.as_ref().is_none_or(|r| r.confidence < self.settings.doubtful_read);
            if doubtful && detection.confidence < self.settings.unread_confidence {
                continue;
            }
            let formatted = read.as_ref().and_then(|r| syntax::rerank(&r.chars, &self.settings.regions));
            plates.push(Sighting { detection: *detection, read, formatted });
        }
        self.found = found;
        let done = self.clock.now();
        Ok(Look { plates, detect_time: detected.since(start), read_time: done.since(detected) })
    }
}
