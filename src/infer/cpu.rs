//! The built-in CPU engine: ONNX networks run by rten.
//!
//! Weights are loaded once and shared; each worker has an engine of its own with its own threads and buffers.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rten::{NodeId, RunOptions, ThreadPool, Value, ValueOrView, ValueView};
use rten_tensor::{AsView as _, Layout as _, NdTensorView};

use super::{Description, Engine, EngineKind, InferError, InputPicture, Tensor, model::ModelError};

/// A loaded network, to be shared by several engines.
#[derive(Clone)]
pub struct Weights {
    description: Arc<Description>,
    network: Arc<rten::Model>,
    input: NodeId,
    outputs: Arc<[NodeId]>,
    /// Nanoseconds that all engines together have run this network.
    busy: Arc<AtomicU64>,
}

impl std::fmt::Debug for Weights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Weights").field("description", &self.description.name).finish_non_exhaustive()
    }
}

impl Weights {
    /// Loads and verifies the network file, and runs it once to see that its outputs are as described.
    pub fn load(description: Description) -> Result<Self, ModelError> {
        let file = description.file.clone();
        if !file.extension().is_some_and(|e| e.eq_ignore_ascii_case("onnx")) {
            return Err(ModelError::Unloadable {
                file,
                reason: "the CPU engine runs .onnx files only".to_owned(),
            });
        }
        let bytes = description.verified_bytes()?;
        let unloadable = |reason: String| ModelError::Unloadable { file: file.clone(), reason };
        let network = rten::Model::load(bytes).map_err(|e| unloadable(e.to_string()))?;
        let node = |name: &str, role: &str| {
            network.find_node(name).ok_or_else(|| ModelError::Mismatch {
                file: file.clone(),
                mismatch: format!("the network has no {role} named {name:?}{}", named(&network)),
            })
        };
        let input = node(&description.input.name, "input")?;
        let outputs =
            description.outputs.iter().map(|name| node(name, "output")).collect::<Result<Vec<_>, _>>()?;
        let weights = Self {
            description: Arc::new(description),
            network: Arc::new(network),
            input,
            outputs: outputs.into(),
            busy: Arc::default(),
        };
        weights.try_out(&file)?;
        Ok(weights)
    }

    pub fn description(&self) -> &Description {
        &self.description
    }

    /// How long all engines together have run this network, without preparing its input and understanding its output.
    pub fn busy(&self) -> Duration {
        Duration::from_nanos(self.busy.load(Ordering::Relaxed))
    }

    /// One run on a black picture: an unfit network is refused at start, not at the first car.
    fn try_out(&self, file: &Path) -> Result<(), ModelError> {
        let mismatch = |e: InferError| ModelError::Mismatch { file: file.into(), mismatch: e.to_string() };
        let input = &self.description.input;
        let bytes = vec![0; input.byte_count()];
        let mut outputs = Vec::new();
        let picture = InputPicture { size: input.size, channels: input.channels, bytes: &bytes };
        let mut engine = CpuEngine::new(self.clone(), 1);
        engine.run(&[picture], &mut outputs).map_err(mismatch)?;
        let tensors = outputs.first().map(Vec::as_slice).unwrap_or_default();
        self.description.check_outputs(tensors).map_err(mismatch)
    }
}

/// The inputs and outputs a network has, for the message that one is missing.
fn named(network: &rten::Model) -> String {
    let names = |ids: &[NodeId]| {
        ids.iter()
            .filter_map(|&id| network.node_info(id).and_then(|n| n.name().map(str::to_owned)))
            .collect::<Vec<_>>()
            .join(", ")
    };
    format!(" (inputs: {}; outputs: {})", names(network.input_ids()), names(network.output_ids()))
}

/// Runs one network on the CPU.
pub struct CpuEngine {
    weights: Weights,
    threads: Arc<ThreadPool>,
    /// The picture as the network wants it; kept between runs.
    planes: Vec<f32>,
}

impl std::fmt::Debug for CpuEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CpuEngine").field("weights", &self.weights).finish_non_exhaustive()
    }
}

impl CpuEngine {
    /// An engine with this many threads of its own (at least one). One is best where several cameras share a
    /// machine: two threads cost more processor time than they save.
    pub fn new(weights: Weights, threads: usize) -> Self {
        let threads = Arc::new(ThreadPool::with_num_threads(threads.clamp(1, 64)));
        Self { weights, threads, planes: Vec::new() }
    }

    fn failed(&self, reason: &dyn ToString) -> InferError {
        InferError::Engine {
            model: self.weights.description.name.clone(),
            engine: EngineKind::Cpu,
            reason: reason.to_string(),
        }
    }

    fn run_one(&mut self, picture: InputPicture<'_>, tensors: &mut Vec<Tensor>) -> Result<(), InferError> {
        let weights = self.weights.clone();
        let input = &weights.description.input;
        let (size, channels) = (input.size, usize::from(input.channels));
        weights.description.check_input(&picture)?;
        to_planes(picture.bytes, &input.mean, &input.std, &mut self.planes);
        let shape = [1, channels, size.height as usize, size.width as usize];
        let view = NdTensorView::try_from_data(shape, self.planes.as_slice()).map_err(|e| self.failed(&e))?;
        let inputs = vec![(weights.input, ValueOrView::View(ValueView::from(view.as_dyn())))];
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&self.threads)));
        let begin = now();
        let values =
            weights.network.run(inputs, &weights.outputs, Some(options)).map_err(|e| self.failed(&e))?;
        let spent = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        weights.busy.fetch_add(spent, Ordering::Relaxed);
        tensors.resize_with(values.len(), Tensor::default);
        let names = &weights.description.outputs;
        for ((value, tensor), name) in values.iter().zip(tensors.iter_mut()).zip(names) {
            self.copy_out(value, name, tensor)?;
        }
        Ok(())
    }

    /// Takes one output over into the caller's buffer, without its batch dimension.
    fn copy_out(&self, value: &Value, name: &str, tensor: &mut Tensor) -> Result<(), InferError> {
        let Value::FloatTensor(floats) = value else {
            return Err(self.failed(&format!("output {name:?} does not hold 32-bit floats")));
        };
        let shape = floats.shape();
        let Some((&1, inner)) = shape.as_ref().split_first() else {
            return Err(InferError::Output {
                model: self.weights.description.name.clone(),
                output: name.to_owned(),
                got: shape.as_ref().to_vec(),
                expected: "a batch of 1 in front".to_owned(),
            });
        };
        match floats.data() {
            Some(data) => tensor.become_of(name, inner, data),
            None => tensor.become_of(name, inner, floats.iter()),
        }
        Ok(())
    }
}

impl Engine for CpuEngine {
    fn kind(&self) -> EngineKind {
        EngineKind::Cpu
    }

    fn model(&self) -> &Description {
        &self.weights.description
    }

    /// One picture after the other: batches gain nothing on a CPU and multiply the memory.
    fn run(
        &mut self,
        pictures: &[InputPicture<'_>],
        outputs: &mut Vec<Vec<Tensor>>,
    ) -> Result<(), InferError> {
        outputs.resize_with(pictures.len(), Vec::new);
        for (picture, tensors) in pictures.iter().zip(outputs) {
            self.run_one(*picture, tensors)?;
        }
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "counts what was spent; nothing is decided by it")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// Interleaved bytes to planes of normalised floats, one per channel.
pub(super) fn to_planes(bytes: &[u8], mean: &[f32], std: &[f32], planes: &mut Vec<f32>) {
    planes.resize(bytes.len(), 0.0);
    let channels = mean.len().max(1);
    let pixels = bytes.len() / channels;
    for (channel, (plane, (mean, std))) in
        planes.chunks_exact_mut(pixels.max(1)).zip(mean.iter().zip(std)).enumerate()
    {
        let (scale, offset) = (1.0 / (255.0 * std), -mean / std);
        let samples = bytes.iter().skip(channel).step_by(channels);
        for (value, &byte) in plane.iter_mut().zip(samples) {
            *value = f32::from(byte) * scale + offset;
        }
    }
}
