//! Recycled pixel buffers: a frame borrows its memory here and gives it back when its last clone is dropped.
//!
//! Bounded: a pool hands out at most as many buffers as it was made for. Knows bytes only, not pictures.

/// Bytes of one frame.
#[derive(Debug)]
pub struct Buffer(Vec<u8>);

/// A bounded store of buffers.
#[derive(Debug)]
pub struct Pool;

impl Buffer {
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}
