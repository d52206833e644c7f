//! Engines that run networks: the `Engine` trait, what goes in, what comes out.
//!
//! An engine takes pictures that are already scaled to the network's input size, as bytes, and gives raw output
//! tensors. What the numbers mean is the business of `detect` and `read`; what network it is stands in its
//! `Description`, never in code.

pub mod cpu;
pub mod description;
pub mod hailo;
pub mod model;
pub mod onnx;
mod written;

use std::fmt;

use crate::geometry::Size;
pub use description::Description;

/// What runs a network (or reads a crop).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EngineKind {
    Hailo,
    OnnxRuntime,
    Cpu,
    Tesseract,
}

impl EngineKind {
    pub const ALL: [Self; 4] = [Self::Hailo, Self::OnnxRuntime, Self::Cpu, Self::Tesseract];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hailo => "hailo",
            Self::OnnxRuntime => "onnxruntime",
            Self::Cpu => "cpu",
            Self::Tesseract => "tesseract",
        }
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A picture at exactly the network's input size: rows of interleaved bytes without padding.
///
/// Bytes, because that is what the NPU takes as it is; an engine that wants floats makes them itself.
#[derive(Debug, Clone, Copy)]
pub struct InputPicture<'a> {
    pub size: Size,
    /// 1 (grey) or 3 (red, green, blue).
    pub channels: u8,
    /// `width * height * channels` bytes.
    pub bytes: &'a [u8],
}

/// One raw output of a network for one picture.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tensor {
    /// As the model file names it.
    pub name: String,
    /// Without the batch dimension, outermost first.
    pub shape: Vec<usize>,
    /// Row-major; as many values as the shape's product.
    pub values: Vec<f32>,
}

impl Tensor {
    /// Takes one picture's output over, into the buffers that are there.
    fn become_of<'a>(&mut self, name: &str, shape: &[usize], values: impl IntoIterator<Item = &'a f32>) {
        if self.name != name {
            name.clone_into(&mut self.name);
        }
        self.shape.clear();
        self.shape.extend_from_slice(shape);
        self.values.clear();
        self.values.extend(values);
    }
}

/// What running a network can fail with.
#[derive(Debug, thiserror::Error)]
pub enum InferError {
    #[error(
        "model {model}: input is {got_size}x{got_channels} channels, the network takes {want_size}x{want_channels}"
    )]
    Input { model: String, got_size: Size, got_channels: u8, want_size: Size, want_channels: u8 },
    #[error("model {model}: the {engine} engine failed: {reason}")]
    Engine { model: String, engine: EngineKind, reason: String },
    #[error("model {model}: output {output} is {got:?}, expected {expected}")]
    Output { model: String, output: String, got: Vec<usize>, expected: String },
}

/// Runs one network. Not shared between threads: each worker has its own.
pub trait Engine: Send + fmt::Debug {
    fn kind(&self) -> EngineKind;

    /// The network it runs.
    fn model(&self) -> &Description;

    /// Whether it is worth asking now. False only for an engine that is known to be down and comes back by itself.
    fn is_available(&self) -> bool {
        true
    }

    /// Runs the network on each picture, in order. `outputs` is resized to one entry per picture, its inner
    /// tensors in the order of the description's `output.names`; buffers that are already there are used again.
    fn run(
        &mut self,
        pictures: &[InputPicture<'_>],
        outputs: &mut Vec<Vec<Tensor>>,
    ) -> Result<(), InferError>;
}
