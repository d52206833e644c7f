//! What happened to a camera's frames, readable from any thread while it runs.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU8, AtomicU64, Ordering},
};

use super::Condition;
use crate::{
    clock::Moment,
    telemetry::{Meter, Metered, Span, Stage},
};

/// How a camera is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CameraState {
    /// Being opened for the first time.
    Starting,
    /// Giving frames.
    Live,
    /// Broken; will be opened again.
    Retrying,
    /// The recording is over.
    Ended,
    /// Over, and it ended with an error.
    Failed,
}

/// Counters of one camera. Each picture that the camera made is counted in `seen` and then in one of the others.
#[derive(Debug, Default)]
pub struct CameraStats {
    seen: AtomicU64,
    delivered: AtomicU64,
    forgotten: AtomicU64,
    dropped: AtomicU64,
    broken: AtomicU64,
    rested: AtomicU64,
    failures: AtomicU64,
    reopened: AtomicU64,
    last_frame: AtomicU64,
    state: AtomicU8,
    condition: AtomicU8,
    last_error: Mutex<Option<String>>,
    capture: Meter,
    decode: Meter,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Pictures that the camera made, as far as we heard of them.
    pub seen: u64,
    /// Put into the mailbox.
    pub delivered: u64,
    /// Taken out of it again for a newer one.
    pub forgotten: u64,
    /// Not taken because all buffers were in use.
    pub dropped: u64,
    /// Not decodable.
    pub broken: u64,
    /// Left out because nothing was going on, or to catch up: not decoded, or not looked at.
    pub rested: u64,
    /// Errors of opening and reading.
    pub failures: u64,
    /// Times it was opened again.
    pub reopened: u64,
}

impl CameraStats {
    pub fn counts(&self) -> Counts {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            seen: get(&self.seen),
            delivered: get(&self.delivered),
            forgotten: get(&self.forgotten),
            dropped: get(&self.dropped),
            broken: get(&self.broken),
            rested: get(&self.rested),
            failures: get(&self.failures),
            reopened: get(&self.reopened),
        }
    }

    /// Its stages' times, in their order.
    pub fn metered(&self) -> [(Stage, Metered); 2] {
        [(Stage::Capture, self.capture.metered()), (Stage::Decode, self.decode.metered())]
    }

    pub fn state(&self) -> CameraState {
        match self.state.load(Ordering::Acquire) {
            0 => CameraState::Starting,
            1 => CameraState::Live,
            2 => CameraState::Retrying,
            3 => CameraState::Ended,
            _ => CameraState::Failed,
        }
    }

    /// What its pictures are like, as far as they have been looked at.
    pub fn condition(&self) -> Condition {
        match self.condition.load(Ordering::Acquire) {
            1 => Condition::Frozen,
            2 => Condition::Dark,
            3 => Condition::Blurred,
            4 => Condition::Moved,
            _ => Condition::Fine,
        }
    }

    /// When the camera last gave a picture, decoded or not; `None` before the first.
    pub fn last_frame(&self) -> Option<Moment> {
        let micros = self.last_frame.load(Ordering::Acquire);
        (micros > 0).then(|| Moment::from_micros(micros - 1))
    }

    /// The last thing that went wrong, in words for people.
    pub fn last_error(&self) -> Option<String> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A picture that was taken (or asked for) at `began` is about to be handed on.
    pub(crate) fn captured(&self, seq: u64, began: Moment, ended: Moment) {
        self.capture.note(&Span::of(Stage::Capture, began, ended).for_frame(seq));
    }

    /// A picture was decoded, or could not be.
    pub(crate) fn decoded(&self, seq: u64, began: Moment, ended: Moment, well: bool) {
        self.decode.note(&Span::of(Stage::Decode, began, ended).for_frame(seq).ended_well(well));
    }

    /// A picture came from the camera, whatever becomes of it: its number.
    pub(crate) fn saw_picture(&self) -> u64 {
        self.seen.fetch_add(1, Ordering::Relaxed)
    }

    /// All buffers are in use; true for the first time in a row of `every`, to be logged.
    pub(crate) fn dropped_picture(&self) -> bool {
        is_milestone(self.dropped.fetch_add(1, Ordering::Relaxed))
    }

    /// A picture could not be decoded; true when that is worth a line in the log.
    pub(crate) fn broke_picture(&self) -> bool {
        is_milestone(self.broken.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn delivered_picture(&self, now: Moment, forgot: bool) {
        self.delivered.fetch_add(1, Ordering::Relaxed);
        self.forgotten.fetch_add(u64::from(forgot), Ordering::Relaxed);
        self.heard(now);
    }

    /// The camera gave something, whatever becomes of it.
    pub(crate) fn heard(&self, now: Moment) {
        self.last_frame.fetch_max(now.as_micros().saturating_add(1), Ordering::AcqRel);
    }

    /// So many pictures that were not decoded.
    pub(crate) fn left_out(&self, pictures: u64) {
        self.seen.fetch_add(pictures, Ordering::Relaxed);
        self.rested.fetch_add(pictures, Ordering::Relaxed);
    }

    /// A picture that was seen is not handed on.
    pub(crate) fn rested_picture(&self) {
        self.rested.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self, error: &str) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_owned());
    }

    pub(crate) fn reopening(&self) {
        self.reopened.fetch_add(1, Ordering::Relaxed);
    }

    /// True if that is news.
    pub(crate) fn set_condition(&self, condition: Condition) -> bool {
        let code = match condition {
            Condition::Fine => 0,
            Condition::Frozen => 1,
            Condition::Dark => 2,
            Condition::Blurred => 3,
            Condition::Moved => 4,
        };
        self.condition.swap(code, Ordering::AcqRel) != code
    }

    pub(crate) fn set_state(&self, state: CameraState) {
        let code = match state {
            CameraState::Starting => 0,
            CameraState::Live => 1,
            CameraState::Retrying => 2,
            CameraState::Ended => 3,
            CameraState::Failed => 4,
        };
        self.state.store(code, Ordering::Release);
    }
}

/// 1st, 10th, 100th ...: a fault that repeats is logged ever more rarely and never forgotten.
fn is_milestone(before: u64) -> bool {
    let count = before + 1;
    10u64.checked_pow(count.ilog10()) == Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_fault_is_worth_a_line_ever_more_rarely() {
        let stats = CameraStats::default();
        let logged: Vec<u64> = (1..=2000).filter(|_| stats.broke_picture()).collect();
        assert_eq!(logged, [1, 10, 100, 1000]);
        assert_eq!(stats.counts().broken, 2000);
    }

    #[test]
    fn a_camera_begins_without_a_frame() {
        let stats = CameraStats::default();
        assert_eq!(
            (stats.state(), stats.last_frame(), stats.last_error()),
            (CameraState::Starting, None, None)
        );
        stats.delivered_picture(Moment::ZERO, true);
        assert_eq!(stats.last_frame(), Some(Moment::ZERO));
        assert_eq!((stats.counts().delivered, stats.counts().forgotten), (1, 1));
    }
}
