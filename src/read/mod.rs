//! Reading what a plate says from one crop of one frame.
//!
//! Hands on [`PlateRead`]s: one OCR result with a probability per character and the alternatives it weighed.
//! Voting over several reads is `passage`'s business, national formats are `plate::syntax`'s.

use std::time::Duration;

use crate::{
    infer::EngineKind,
    plate::{Confidence, PlateText},
};

/// One position of a read: what was chosen, and what else it could have been.
#[derive(Debug, Clone, PartialEq)]
pub struct CharRead {
    /// `A`-`Z` or `0`-`9`.
    pub c: char,
    pub p: Confidence,
    /// Other characters for this position with their probabilities, likeliest first, at most four, without `c`.
    pub others: Vec<(char, Confidence)>,
}

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
