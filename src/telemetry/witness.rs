//! Whoever wants to see every single piece of work: a trace, for a while.
//!
//! One for the whole process, because work is noted wherever it is done, and the thread that notes it is the lane that
//! it belongs to. While nobody watches it costs one look at a flag.

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicBool, Ordering},
};

use super::meter::Stage;
use crate::clock::Moment;

/// One piece of work that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub stage: Stage,
    /// The number of the camera's frame that it was done for.
    pub frame: Option<u64>,
    pub began: Moment,
    pub ended: Moment,
    pub well: bool,
}

impl Span {
    pub const fn of(stage: Stage, began: Moment, ended: Moment) -> Self {
        Self { stage, frame: None, began, ended, well: true }
    }

    #[must_use]
    pub const fn for_frame(self, seq: u64) -> Self {
        Self { frame: Some(seq), ..self }
    }

    #[must_use]
    pub const fn failed(self) -> Self {
        Self { well: false, ..self }
    }

    /// Failed unless `well`.
    #[must_use]
    pub const fn ended_well(self, well: bool) -> Self {
        Self { well, ..self }
    }
}

/// Is called by the thread that did the work, right after it: must not wait.
pub trait Witness: Send + Sync {
    fn saw(&self, span: &Span);
}

static IS_WATCHED: AtomicBool = AtomicBool::new(false);
static WITNESS: RwLock<Option<Arc<dyn Witness>>> = RwLock::new(None);

/// From now on this one sees all work; `None`: nobody does.
pub fn watch(witness: Option<Arc<dyn Witness>>) {
    let mut slot = WITNESS.write().unwrap_or_else(PoisonError::into_inner);
    IS_WATCHED.store(witness.is_some(), Ordering::Release);
    *slot = witness;
}

/// For tests, which share the process: one that watches at a time.
#[cfg(test)]
pub(crate) fn alone() -> std::sync::MutexGuard<'static, ()> {
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn tell(span: &Span) {
    if IS_WATCHED.load(Ordering::Relaxed)
        && let Some(witness) = WITNESS.read().unwrap_or_else(PoisonError::into_inner).as_ref()
    {
        witness.saw(span);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::telemetry::Meter;

    #[derive(Default)]
    struct Notes(Mutex<Vec<Span>>);

    impl Witness for Notes {
        fn saw(&self, span: &Span) {
            // Other tests work at the same time.
            if span.frame == Some(4711) {
                self.0.lock().unwrap().push(*span);
            }
        }
    }

    #[test]
    fn a_witness_sees_what_is_done_while_it_watches_and_nothing_else() {
        let _alone = alone();
        let (meter, notes) = (Meter::default(), Arc::new(Notes::default()));
        let span = |us| Span::of(Stage::Vote, Moment::ZERO, Moment::from_micros(us)).for_frame(4711);
        meter.note(&span(1));
        watch(Some(Arc::clone(&notes) as Arc<dyn Witness>));
        meter.note(&span(2));
        meter.note(&span(3).failed());
        watch(None);
        meter.note(&span(4));
        assert_eq!(*notes.0.lock().unwrap(), [span(2), span(3).ended_well(false)]);
        assert_eq!(meter.metered().times.count(), 4);
    }
}
