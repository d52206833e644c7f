//! Reading what a plate says from one crop of one frame.
//!
//! Hands on [`PlateRead`]s: one OCR result with a probability per character and the alternatives it weighed.
//! Voting over several reads is `passage`'s business, national formats are `plate::syntax`'s.

pub mod aim;
pub mod choose;
mod ctc;
pub mod enhance;
pub mod fallback;
mod lattice;
pub mod network;
pub mod printed;
pub mod recall;
mod rectify;
mod slots;
mod strip;
mod tesseract;
mod textline;

use std::time::Duration;

pub use crate::plate::CharRead;
use crate::{
    detect::Detection,
    frame::{Frame, convert::ConvertError},
    infer::{EngineKind, InferError},
    plate::{Confidence, PlateText},
};
pub use fallback::Fallback;
pub use network::NetworkReader;
pub use printed::TesseractReader;

/// How good a look the crop gave.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Quality {
    /// Height of the plate in frame pixels.
    pub height: f32,
    /// Focus of the crop: variance of its Laplacian over its contrast, 0 (blurred) to about 1 (sharp).
    pub sharpness: f32,
}

/// One OCR result of one crop.
#[derive(Debug, Clone, PartialEq)]
pub struct PlateRead {
    /// The likeliest text, as read: never repaired by a national format.
    pub text: PlateText,
    /// Probability that the whole text is right.
    pub confidence: Confidence,
    /// One entry per character of `text`.
    pub chars: Vec<CharRead>,
    pub quality: Quality,
    pub engine: EngineKind,
    /// Name of the model, from its description.
    pub model: String,
    pub took: Duration,
}

/// Why a crop could not be read. A crop that says nothing is no error.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("cutting out the plate: {0}")]
    Convert(#[from] ConvertError),
    #[error(transparent)]
    Infer(#[from] InferError),
    #[error("Tesseract: {reason}")]
    Tesseract { reason: String },
}

/// Reads plates out of frames. Not shared between threads: each worker has its own.
pub trait Reader: Send + std::fmt::Debug {
    /// What runs it.
    fn engine(&self) -> EngineKind;

    /// Which network it is, for events.
    fn model(&self) -> &str;

    /// Whether it is worth asking now; see `Engine::is_available`.
    fn is_available(&self) -> bool {
        true
    }

    /// Reads the plate that was detected there; `None` if it says nothing that could be a plate.
    fn read(&mut self, frame: &Frame, detection: &Detection) -> Result<Option<PlateRead>, ReadError>;
}
