//! The ONNX Runtime engine: the library is loaded when the program starts, and need not be there at all.
//!
//! ```text
//! find      where the library lies
//! (here)    loading it, networks on it, running them
//! ```
//!
//! It runs the same ONNX files as the built-in CPU engine, and their int8 forms, which the built-in one cannot. One
//! library a process: the first that was loaded stays until the end. Each worker has a session of its own, because the
//! library's sessions are not to be shared.

mod find;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ort::{
    environment::Environment,
    ep,
    session::{Session, SessionInputValue, builder::GraphOptimizationLevel},
    value::TensorRef,
};

use super::{
    Description, Engine, EngineKind, InferError, InputPicture, Tensor,
    cpu::{now, to_planes},
    description::Task,
    model::{ModelError, Models},
};

/// More pictures in one run take memory and gain nothing.
const LARGEST_BATCH: usize = 16;

/// Which numbers the networks compute with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// 8-bit integers where the models have a network in that form.
    #[default]
    Auto,
    Float,
    /// As `Auto`, but a network without such a form is an error.
    Int8,
}

/// What computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Device {
    #[default]
    Cpu,
    /// An NVIDIA GPU by its number, with at most so many bytes of its memory.
    Cuda { id: u16, memory: Option<u64> },
}

/// How the library is used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// The library; `None`: what the environment names, else where packages put it.
    pub library: Option<PathBuf>,
    pub precision: Precision,
    pub device: Device,
    /// Pictures of one run at most, for networks that take several.
    pub batch: u16,
}

/// Why there is no such engine here.
#[derive(Debug, thiserror::Error)]
pub enum OnnxError {
    #[error(
        "ONNX Runtime is not installed: no libonnxruntime.so among the system's libraries; apt install the package \
         libonnxruntime1.21 (Debian 13), or name the library: [engine.onnxruntime] library"
    )]
    Absent,
    #[error("{}: is no ONNX Runtime that can be used: {reason}", .library.display())]
    Unusable { library: PathBuf, reason: String },
    #[error("{}: ONNX Runtime {version} cannot use {device}: {reason}", .library.display())]
    Device { library: PathBuf, version: String, device: &'static str, reason: String },
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// The library of this process and its environment, of which there is one.
static LOADED: Mutex<Option<(PathBuf, Environment)>> = Mutex::new(None);

/// The loaded library.
#[derive(Debug, Clone)]
pub struct Runtime {
    environment: Environment,
    library: PathBuf,
    version: String,
    settings: Settings,
}

impl Runtime {
    /// Loads the library, if it is there and new enough.
    pub fn load(settings: &Settings) -> Result<Self, OnnxError> {
        let library = find::library(settings.library.as_deref()).ok_or(OnnxError::Absent)?;
        let unusable = |reason: String| OnnxError::Unusable { library: library.clone(), reason };
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        let environment = match &*loaded {
            Some((place, environment)) if *place == library => environment.clone(),
            Some((place, _)) => {
                return Err(unusable(format!("{} is loaded already; restart the program", place.display())));
            }
            None if !library.is_file() => return Err(unusable("there is no such file".to_owned())),
            None => {
                let builder = ort::init_from(&library).map_err(|error| unusable(error.to_string()))?;
                let built = builder.with_name("amslpr").with_telemetry(false).build();
                let environment = built.map_err(|error| unusable(error.to_string()))?;
                *loaded = Some((library.clone(), environment.clone()));
                environment
            }
        };
        drop(loaded);
        Ok(Self { environment, version: version(), library, settings: settings.clone() })
    }

    /// Version and place, for people.
    pub fn describe(&self) -> String {
        format!("ONNX Runtime {} ({})", self.version, self.library.display())
    }

    /// The network for a task among the models, in the form that the settings want.
    pub fn network(&self, models: &Models, task: Task) -> Result<Weights, OnnxError> {
        let description = match self.settings.precision {
            Precision::Float => models.description(task)?,
            Precision::Int8 => models.int8(task)?.ok_or_else(|| models.without_int8(task))?,
            Precision::Auto => match models.int8(task)? {
                Some(int8) => int8,
                None => models.description(task)?,
            },
        };
        Weights::load(self, description)
    }
}

/// As the library says it: "... git-branch=rel-1.21.0 ..."; it has no better word for it.
fn version() -> String {
    let words = ort::info();
    let named = words.split([',', ' ']).find_map(|word| word.trim().strip_prefix("git-branch=rel-"));
    named.map_or_else(|| "of an unknown version".to_owned(), str::to_owned)
}

/// A network file that the library has taken, to be shared by several engines.
#[derive(Clone)]
pub struct Weights {
    runtime: Runtime,
    description: Arc<Description>,
    bytes: Arc<[u8]>,
    /// Nanoseconds that all engines together have run this network.
    busy: Arc<AtomicU64>,
}

impl std::fmt::Debug for Weights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Weights").field("description", &self.description.name).finish_non_exhaustive()
    }
}

impl Weights {
    /// Verifies the file and runs the network once, to see that its outputs are as described.
    fn load(runtime: &Runtime, description: Description) -> Result<Self, OnnxError> {
        let file = description.file.clone();
        let bytes = description.verified_bytes()?.into();
        let description = Arc::new(description);
        let weights = Self { runtime: runtime.clone(), description, bytes, busy: Arc::default() };
        let mut engine = weights.engine(1)?;
        let input = &weights.description.input;
        let black = vec![0; input.byte_count()];
        let picture = InputPicture { size: input.size, channels: input.channels, bytes: &black };
        let mut outputs = Vec::new();
        let mismatch = |e: InferError| ModelError::Mismatch { file: file.clone(), mismatch: e.to_string() };
        engine.run(&[picture], &mut outputs).map_err(mismatch)?;
        let tensors = outputs.first().map(Vec::as_slice).unwrap_or_default();
        weights.description.check_outputs(tensors).map_err(mismatch)?;
        Ok(weights)
    }

    pub fn description(&self) -> &Description {
        &self.description
    }

    /// How long all engines together have run this network.
    pub fn busy(&self) -> Duration {
        Duration::from_nanos(self.busy.load(Ordering::Relaxed))
    }

    /// One worker's own engine, with so many threads inside a run.
    pub fn engine(&self, threads: usize) -> Result<OnnxEngine, OnnxError> {
        let failed = |reason: String| match self.runtime.settings.device {
            Device::Cpu => {
                OnnxError::Model(ModelError::Unloadable { file: self.description.file.clone(), reason })
            }
            Device::Cuda { .. } => OnnxError::Device {
                library: self.runtime.library.clone(),
                version: self.runtime.version.clone(),
                device: "CUDA",
                reason,
            },
        };
        let session = self.session(threads).map_err(|error| failed(error.to_string()))?;
        // The outermost dimension says how many pictures a run takes: a number, or any.
        let shape = session.inputs().first().and_then(|input| input.dtype().tensor_shape().cloned());
        let any = shape.is_some_and(|shape| shape.first().is_some_and(|count| *count < 0));
        let most = usize::from(self.runtime.settings.batch).clamp(1, LARGEST_BATCH);
        let batch = if any { most } else { 1 };
        Ok(OnnxEngine { weights: self.clone(), session, batch, planes: Vec::new(), plane: Vec::new() })
    }

    fn session(&self, threads: usize) -> ort::Result<Session> {
        let mut builder = Session::builder(&self.runtime.environment)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_intra_threads(threads.clamp(1, 64))?
            .with_inter_threads(1)?
            // Waiting threads sleep: other cameras have work for the processor.
            .with_intra_op_spinning(false)?;
        if let Device::Cuda { id, memory } = self.runtime.settings.device {
            let mut cuda = ep::CUDA::default().with_device_id(i32::from(id));
            if let Some(limit) = memory.and_then(|bytes| usize::try_from(bytes).ok()) {
                cuda = cuda.with_memory_limit(limit);
            }
            builder = builder.with_execution_providers([cuda.build().error_on_failure()])?;
        }
        builder.commit_from_memory(&self.bytes)
    }
}

/// Runs one network by the library.
pub struct OnnxEngine {
    weights: Weights,
    session: Session,
    /// Pictures of one run at most.
    batch: usize,
    /// The pictures as the network wants them; kept between runs.
    planes: Vec<f32>,
    plane: Vec<f32>,
}

impl std::fmt::Debug for OnnxEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnnxEngine").field("weights", &self.weights).finish_non_exhaustive()
    }
}

impl OnnxEngine {
    fn run_together(
        &mut self,
        pictures: &[InputPicture<'_>],
        outputs: &mut [Vec<Tensor>],
    ) -> Result<(), InferError> {
        let description = Arc::clone(&self.weights.description);
        let failed = |reason: String| InferError::Engine {
            model: description.name.clone(),
            engine: EngineKind::OnnxRuntime,
            reason,
        };
        let input = &description.input;
        self.planes.clear();
        for picture in pictures {
            description.check_input(picture)?;
            to_planes(picture.bytes, &input.mean, &input.std, &mut self.plane);
            self.planes.extend_from_slice(&self.plane);
        }
        let shape = [
            pictures.len(),
            usize::from(input.channels),
            input.size.height as usize,
            input.size.width as usize,
        ];
        let tensor =
            TensorRef::from_array_view((shape, self.planes.as_slice())).map_err(|e| failed(e.to_string()))?;
        let begin = now();
        let named = vec![(input.name.as_str(), SessionInputValue::from(tensor))];
        let values = self.session.run(named).map_err(|e| failed(e.to_string()))?;
        let spent = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.weights.busy.fetch_add(spent, Ordering::Relaxed);
        for tensors in outputs.iter_mut() {
            tensors.resize_with(description.outputs.len(), Tensor::default);
        }
        for (at, name) in description.outputs.iter().enumerate() {
            let value = values.get(name).ok_or_else(|| failed(format!("it gave no output {name:?}")))?;
            let (shape, data) = value.try_extract_tensor::<f32>().map_err(|e| failed(e.to_string()))?;
            let sizes: Vec<usize> = shape.iter().map(|n| usize::try_from(*n).unwrap_or(0)).collect();
            let inner = match sizes.split_first() {
                Some((count, inner)) if *count == pictures.len() => inner,
                _ => {
                    let expected = format!("a batch of {} in front", pictures.len());
                    let (model, output) = (description.name.clone(), name.clone());
                    return Err(InferError::Output { model, output, got: sizes, expected });
                }
            };
            let each = inner.iter().product::<usize>().max(1);
            for (tensors, values) in outputs.iter_mut().zip(data.chunks_exact(each)) {
                if let Some(tensor) = tensors.get_mut(at) {
                    tensor.become_of(name, inner, values);
                }
            }
        }
        Ok(())
    }
}

impl Engine for OnnxEngine {
    fn kind(&self) -> EngineKind {
        EngineKind::OnnxRuntime
    }

    fn model(&self) -> &Description {
        &self.weights.description
    }

    /// As many pictures at a time as the network takes.
    fn run(
        &mut self,
        pictures: &[InputPicture<'_>],
        outputs: &mut Vec<Vec<Tensor>>,
    ) -> Result<(), InferError> {
        outputs.resize_with(pictures.len(), Vec::new);
        let batch = self.batch.max(1);
        for (pictures, outputs) in pictures.chunks(batch).zip(outputs.chunks_mut(batch)) {
            self.run_together(pictures, outputs)?;
        }
        Ok(())
    }
}

/// Whether the library would be found, and where; without loading it.
pub fn find_library(configured: Option<&Path>) -> Option<PathBuf> {
    find::library(configured)
}
