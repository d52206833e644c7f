//! Pictures of passages on their way to the broker: a small bounded queue that forgets rather than waits.
//!
//! A picture is an extra, sent at most once and only while there is a connection. The journal keeps the evidence.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::stats::Stats;
use crate::{frame::CameraId, passage::PassageId};

/// A larger picture is not sent.
pub const LARGEST_IMAGE: usize = 256 * 1024;
/// Pictures that may wait.
const WAITING: usize = 4;

/// A picture of a passage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub camera: CameraId,
    pub passage: PassageId,
    pub jpeg: Vec<u8>,
}

/// Takes pictures for the broker. Cheap to clone; never waits.
#[derive(Debug, Clone)]
pub struct Images {
    queue: mpsc::Sender<Image>,
    stats: Arc<Stats>,
}

impl Images {
    /// Hands a picture over; false, and counted, if it is too large or too many wait.
    pub fn send(&self, image: Image) -> bool {
        let taken = image.jpeg.len() <= LARGEST_IMAGE && self.queue.try_send(image).is_ok();
        if !taken {
            Stats::add(&self.stats.images_dropped, 1);
        }
        taken
    }
}

pub(super) fn queue(stats: Arc<Stats>) -> (Images, mpsc::Receiver<Image>) {
    let (queue, images) = mpsc::channel(WAITING);
    (Images { queue, stats }, images)
}
