//! National formats: whether a text fits one, and what a read becomes where a format demands it.
//!
//! The table of formats is still to come: no region fits and nothing is repaired.
use super::{CharRead, Confidence, PlateText, Region};

/// A text that fits a national format, as read or repaired.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranked {
    pub text: PlateText,
    pub region: Region,
    pub confidence: Confidence,
    /// Characters that were changed.
    pub repairs: u8,
}

/// The reading of these characters as a plate of one of `regions`; `None` if no format allows it.
pub fn rerank(_chars: &[CharRead], _regions: &[Region]) -> Option<Ranked> {
    None
}
