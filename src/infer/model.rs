//! A network file and its description.

/// What a model file is.
#[derive(Debug)]
pub struct Description;
