//! A line for tests: remembers what was done to it, and can be made to fail.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use super::line::{Address, LineError, Switch};
use crate::clock::{Clock, Moment, SystemClock};

#[derive(Debug)]
pub(super) struct Recorder {
    clock: SystemClock,
    on: Mutex<Option<Moment>>,
    pulses: Mutex<Vec<Duration>>,
    rests: AtomicU64,
    /// Which of the two it refuses: to switch on, to come to rest.
    refuses: [AtomicBool; 2],
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            clock: SystemClock::start(),
            on: Mutex::default(),
            pulses: Mutex::default(),
            rests: AtomicU64::new(0),
            refuses: [AtomicBool::new(false), AtomicBool::new(false)],
        }
    }
}

impl Recorder {
    pub(super) fn is_on(&self) -> bool {
        self.on.lock().unwrap().is_some()
    }

    /// Lengths of the pulses that are over.
    pub(super) fn pulses(&self) -> Vec<Duration> {
        self.pulses.lock().unwrap().clone()
    }

    /// How often it was brought to rest.
    pub(super) fn rests(&self) -> u64 {
        self.rests.load(Ordering::SeqCst)
    }

    /// From now on it cannot be switched on (or brought to rest).
    pub(super) fn refuse(&self, on: bool) {
        self.refuses[usize::from(!on)].store(true, Ordering::SeqCst);
    }

    pub(super) fn accept(&self) {
        self.refuses.iter().for_each(|refuses| refuses.store(false, Ordering::SeqCst));
    }
}

impl Switch for Recorder {
    fn set(&self, on: bool) -> Result<(), LineError> {
        if self.refuses[usize::from(!on)].load(Ordering::SeqCst) {
            return Err(LineError::Busy(Address::Name("GPIO17".to_owned()), "somebody".to_owned()));
        }
        let mut since = self.on.lock().unwrap();
        if on {
            *since = Some(self.clock.now());
        } else {
            self.rests.fetch_add(1, Ordering::SeqCst);
            if let Some(since) = since.take() {
                self.pulses.lock().unwrap().push(self.clock.now().since(since));
            }
        }
        Ok(())
    }
}
