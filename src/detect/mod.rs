//! Finding plates in a frame: prepare the picture, run the detector network, decode its boxes.
//!
//! Hands on [`Detection`]s in frame pixels. Following a plate from frame to frame is `track`'s business.

use crate::{
    geometry::{Quad, Rect},
    plate::Confidence,
};

/// A plate's place in one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// Tight upright box in frame pixels, inside the frame.
    pub area: Rect,
    /// The plate's corners, where the network gives them; else the box's.
    pub corners: Quad,
    /// The network gave the corners itself.
    pub has_corners: bool,
    pub confidence: Confidence,
}
