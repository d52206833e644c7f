//! Recycled pixel buffers: a frame borrows its memory here and gives it back when its last clone is dropped.
//!
//! Bounded: a pool hands out at most as many buffers as it was made for; when all are out, `take` says so and the
//! caller counts a dropped frame instead of growing. Knows bytes only, not pictures.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

/// Bytes of one frame, given back to their pool when dropped.
#[derive(Debug)]
pub struct Buffer {
    bytes: Vec<u8>,
    home: Option<Arc<Shelf>>,
}

/// A bounded store of buffers. Clones share the same store.
#[derive(Debug, Clone)]
pub struct Pool(Arc<Shelf>);

#[derive(Debug)]
struct Shelf {
    idle: Mutex<Vec<Vec<u8>>>,
    out: AtomicUsize,
    limit: usize,
    /// Bytes out, and how many may be.
    bytes: AtomicUsize,
    most_bytes: usize,
}

impl Pool {
    /// A pool that never has more than `max_buffers` buffers out at once, nor keeps more than that many idle.
    pub fn new(max_buffers: usize) -> Self {
        Self::within(max_buffers, usize::MAX)
    }

    /// The same, with at most so many bytes out at once; one buffer of any size there always is.
    pub fn within(max_buffers: usize, most_bytes: usize) -> Self {
        let limit = max_buffers.max(1);
        let idle = Mutex::new(Vec::with_capacity(limit));
        let (out, bytes) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self(Arc::new(Shelf { idle, out, limit, bytes, most_bytes }))
    }

    /// A buffer of exactly `len` bytes with unspecified content; `None` while all buffers are in use.
    pub fn take(&self, len: usize) -> Option<Buffer> {
        let taken = self
            .0
            .out
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |out| (out < self.0.limit).then_some(out + 1));
        let Ok(others) = taken else { return None };
        let before = self.0.bytes.fetch_add(len, Ordering::AcqRel);
        if others > 0 && before.saturating_add(len) > self.0.most_bytes {
            self.0.bytes.fetch_sub(len, Ordering::AcqRel);
            self.0.out.fetch_sub(1, Ordering::AcqRel);
            return None;
        }
        let mut bytes = self.0.idle().pop().unwrap_or_default();
        if bytes.capacity() < len {
            // Do not copy the old picture into the larger memory.
            bytes.clear();
        }
        bytes.resize(len, 0);
        Some(Buffer { bytes, home: Some(Arc::clone(&self.0)) })
    }

    /// Buffers out right now.
    pub fn in_use(&self) -> usize {
        self.0.out.load(Ordering::Acquire)
    }

    pub fn limit(&self) -> usize {
        self.0.limit
    }
}

impl Shelf {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Buffer {
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl std::ops::Deref for Buffer {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl std::ops::DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

/// A buffer of no pool: for single pictures, which come one at a time and are freed one at a time.
impl From<Vec<u8>> for Buffer {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, home: None }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(home) = self.home.take() {
            let bytes = std::mem::take(&mut self.bytes);
            home.bytes.fetch_sub(bytes.len(), Ordering::AcqRel);
            let mut idle = home.idle();
            if idle.len() < home.limit {
                idle.push(bytes);
            }
            drop(idle);
            home.out.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_hands_out_no_more_than_its_limit_and_takes_back() {
        let pool = Pool::new(2);
        let first = pool.take(10).unwrap();
        let second = pool.take(20).unwrap();
        assert!(pool.take(1).is_none(), "both are out");
        assert_eq!((first.len(), second.len(), pool.in_use()), (10, 20, 2));
        drop(first);
        assert_eq!(pool.take(5).unwrap().len(), 5);
    }

    #[test]
    fn a_pool_hands_out_no_more_bytes_than_its_limit_but_one_buffer_always() {
        let pool = Pool::within(4, 100);
        let huge = pool.take(150).unwrap();
        assert!(pool.take(1).is_none(), "nothing beside it");
        drop(huge);
        let (first, second) = (pool.take(60).unwrap(), pool.take(40).unwrap());
        assert!(pool.take(1).is_none());
        drop(first);
        assert_eq!((pool.take(60).unwrap().len(), pool.in_use()), (60, 2));
        drop(second);
    }

    #[test]
    fn the_same_memory_comes_again() {
        let pool = Pool::new(1);
        let address = pool.take(4096).unwrap().as_ptr();
        for len in [4096, 100, 4000] {
            let again = pool.take(len).unwrap();
            assert_eq!((again.as_ptr(), again.len()), (address, len));
        }
    }

    #[test]
    fn a_shared_buffer_returns_with_its_last_clone_even_after_the_pool_is_gone() {
        let pool = Pool::new(1);
        let shared = Arc::new(pool.take(8).unwrap());
        let clone = Arc::clone(&shared);
        drop(shared);
        assert_eq!(pool.in_use(), 1);
        drop(clone);
        assert_eq!(pool.in_use(), 0);
        let late = pool.take(8).unwrap();
        drop(pool);
        drop(late);
    }
}
