//! Pictures of the best reads so far, at most one per vehicle in view, copied out of the camera's buffers.
//!
//! A picture is copied only when it shows a best read; it goes when a better one comes or its vehicle is gone.

use std::sync::Arc;

use crate::{
    clock::Moment,
    fact::Exhibit,
    frame::{Frame, Pool},
    geometry::Rect,
    passage::PassageId,
};

#[derive(Debug)]
pub(super) struct Gallery {
    pool: Pool,
    kept: Vec<Frame>,
    /// Of passages that are closed, until they are asked for.
    closed: Vec<Exhibit>,
    /// Pictures for which there was no room.
    missed: u64,
}

impl Gallery {
    /// For at most `most` pictures at a time, those on their way to the disk included.
    pub(super) fn new(most: usize) -> Self {
        Self { pool: Pool::new(most), kept: Vec::new(), closed: Vec::new(), missed: 0 }
    }

    /// Keeps a copy of this frame if one of the best reads was made on it, and forgets those that none was.
    pub(super) fn look(&mut self, frame: &Frame, best: impl Iterator<Item = Moment>) {
        let best: Vec<Moment> = best.collect();
        self.kept.retain(|kept| best.contains(&kept.captured));
        if !best.contains(&frame.captured) || self.kept.iter().any(|kept| kept.captured == frame.captured) {
            return;
        }
        match self.pool.take(frame.pixels.len()) {
            Some(mut copy) => {
                copy.copy_from_slice(&frame.pixels);
                self.kept.push(Frame { pixels: Arc::new(copy), ..frame.clone() });
            }
            None => self.missed += 1,
        }
    }

    /// The passage is closed: its picture, if there is one, waits to be asked for.
    pub(super) fn close(&mut self, passage: PassageId, best: Option<Moment>, area: Option<Rect>) {
        let frame = self.kept.iter().find(|kept| Some(kept.captured) == best);
        if let Some(frame) = frame.cloned() {
            self.closed.push(Exhibit { passage, frame, area });
        }
    }

    pub(super) fn take(&mut self, passage: PassageId) -> Option<Exhibit> {
        let index = self.closed.iter().position(|exhibit| exhibit.passage == passage)?;
        Some(self.closed.swap_remove(index))
    }

    pub(super) const fn missed(&self) -> u64 {
        self.missed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        frame::{PixelFormat, test_frames::frame_of},
        geometry::Size,
        passage::{CountedIds, IdSource},
    };

    fn frame(at: u64) -> Frame {
        let shown = frame_of(PixelFormat::Nv12, Size::new(16, 8), |x, _| [x as u8, at as u8, 7]);
        Frame { captured: Moment::from_micros(at), ..shown }
    }

    #[test]
    fn one_picture_a_vehicle_is_kept_and_given_out_when_it_has_left() {
        let (a, b) = (Moment::from_micros(1), Moment::from_micros(3));
        let mut ids = CountedIds::default();
        let mut id = || ids.next(jiff::Timestamp::UNIX_EPOCH);
        let mut gallery = Gallery::new(2);
        gallery.look(&frame(1), [a].into_iter());
        gallery.look(&frame(2), [a].into_iter());
        assert_eq!((gallery.kept.len(), gallery.pool.in_use()), (1, 1), "the second shows no best read");
        gallery.look(&frame(3), [a, b].into_iter());
        gallery.look(&frame(4), [a, b, Moment::from_micros(4)].into_iter());
        assert_eq!((gallery.kept.len(), gallery.missed()), (2, 1), "two at a time");
        let (first, second) = (id(), id());
        gallery.close(first, Some(b), None);
        gallery.close(second, Some(Moment::from_micros(9)), None);
        gallery.look(&frame(5), [a].into_iter());
        let exhibit = gallery.take(first).unwrap();
        assert_eq!((exhibit.frame.captured, exhibit.frame.pixels.bytes()), (b, frame(3).pixels.bytes()));
        assert!(gallery.take(first).is_none() && gallery.take(second).is_none());
        drop(exhibit);
        assert_eq!(gallery.pool.in_use(), 1, "what was given out and dropped makes room");
    }
}
