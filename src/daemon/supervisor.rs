//! Units: named threads with an owner that starts them again when they fail and knows whether they still move.
//!
//! What a unit does is its own business; here is only its life. A panic is a bug and ends the process (the release
//! is built with `panic = "abort"`); systemd starts it again.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
};

use crate::{
    backoff::{self, Backoff},
    clock::Clock,
    heartbeat::Heartbeat,
    shutdown::Stop,
};

/// How a unit is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UnitState {
    Running,
    /// Failed; waits before it is started again.
    BackingOff,
    /// Has done all its work, or heard the stop.
    Finished,
}

/// When a unit is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// With the stop. If it should end before, it has failed.
    Endless,
    /// When its work is done.
    UntilDone,
}

/// What everybody may know of a unit.
#[derive(Debug)]
pub(super) struct UnitStatus {
    name: String,
    state: AtomicU8,
    restarts: AtomicU64,
    last_error: Mutex<Option<String>>,
    heartbeat: Heartbeat,
}

impl UnitStatus {
    fn new(name: &str, clock: Arc<dyn Clock>) -> Self {
        Self {
            name: name.to_owned(),
            state: AtomicU8::new(0),
            restarts: AtomicU64::new(0),
            last_error: Mutex::new(None),
            heartbeat: Heartbeat::new(clock),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn state(&self) -> UnitState {
        match self.state.load(Ordering::Acquire) {
            0 => UnitState::Running,
            1 => UnitState::BackingOff,
            _ => UnitState::Finished,
        }
    }

    fn set(&self, state: UnitState) {
        let code = match state {
            UnitState::Running => 0,
            UnitState::BackingOff => 1,
            UnitState::Finished => 2,
        };
        self.state.store(code, Ordering::Release);
        match state {
            UnitState::Running => self.heartbeat.beat(),
            UnitState::BackingOff | UnitState::Finished => self.heartbeat.rest(),
        }
    }

    pub(super) fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::Relaxed)
    }

    pub(super) fn last_error(&self) -> Option<String> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The unit says that it still moves; to be called at least every second or two.
    pub(super) fn beat(&self) {
        self.heartbeat.beat();
    }

    /// Silent while it does not move. A unit that is finished or waits to be started again is not.
    pub(super) const fn heartbeat(&self) -> &Heartbeat {
        &self.heartbeat
    }
}

/// A unit and its thread. Dropping it waits for the thread, which hears the stop it was given.
#[derive(Debug)]
pub(super) struct Unit {
    status: Arc<UnitStatus>,
    thread: Option<JoinHandle<()>>,
}

impl Unit {
    /// Starts `work` in a thread of its own, until the stop. An error, or an end before it, is logged once, counted,
    /// and `work` is called again after a wait that grows with every failure.
    pub(super) fn start(
        name: &str,
        clock: Arc<dyn Clock>,
        stop: Stop,
        patience: backoff::Settings,
        work: impl FnMut(&UnitStatus) -> anyhow::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        Self::begin(name, clock, stop, patience, Life::Endless, work)
    }

    /// The same with the end that it has.
    pub(super) fn begin(
        name: &str,
        clock: Arc<dyn Clock>,
        stop: Stop,
        patience: backoff::Settings,
        life: Life,
        mut work: impl FnMut(&UnitStatus) -> anyhow::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let status = Arc::new(UnitStatus::new(name, clock));
        let own = Arc::clone(&status);
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            let mut backoff = Backoff::new(patience);
            let mut last_words = String::new();
            while !stop.is_stopped() {
                own.set(UnitState::Running);
                let error = match work(&own) {
                    Err(error) => error,
                    Ok(()) if life == Life::Endless && !stop.is_stopped() => {
                        anyhow::anyhow!("it ended by itself")
                    }
                    Ok(()) => break,
                };
                let words = format!("{error:#}");
                let wait = backoff.after_failure(backoff::chance());
                if words != last_words {
                    tracing::error!(unit = %own.name, error = %words, ?wait, "unit failed; starting it again");
                    last_words.clone_from(&words);
                }
                *own.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(words);
                own.restarts.fetch_add(1, Ordering::Relaxed);
                own.set(UnitState::BackingOff);
                stop.wait_timeout(wait);
            }
            own.set(UnitState::Finished);
        })?;
        Ok(Self { status, thread: Some(thread) })
    }

    pub(super) fn status(&self) -> &Arc<UnitStatus> {
        &self.status
    }

    pub(super) fn is_finished(&self) -> bool {
        self.status.state() == UnitState::Finished
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(unit = %self.status.name, "a unit panicked; this is a bug in amslpr");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::atomic::AtomicU32, time::Duration};

    use super::*;
    use crate::{clock::ManualClock, shutdown::shutdown};

    const QUICK: backoff::Settings =
        backoff::Settings { first: Duration::from_millis(1), longest: Duration::from_millis(2), jitter: 0.0 };

    fn clock() -> Arc<ManualClock> {
        Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH))
    }

    fn wait_for(unit: &Unit) {
        while !unit.is_finished() {
            thread::yield_now();
        }
    }

    #[test]
    fn a_unit_that_fails_is_started_again_until_it_is_done() {
        let (_trigger, stop) = shutdown();
        let tries = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&tries);
        let unit = Unit::begin("u", clock(), stop, QUICK, Life::UntilDone, move |_| {
            match counted.fetch_add(1, Ordering::SeqCst) {
                0..3 => Err(anyhow::anyhow!("no engine")),
                _ => Ok(()),
            }
        })
        .unwrap();
        wait_for(&unit);
        assert_eq!((tries.load(Ordering::SeqCst), unit.status().restarts()), (4, 3));
        assert_eq!(unit.status().last_error().as_deref(), Some("no engine"));
    }

    #[test]
    fn a_stop_ends_a_unit_that_keeps_failing() {
        let (trigger, stop) = shutdown();
        let patience = backoff::Settings { first: Duration::from_secs(600), ..QUICK };
        let unit = Unit::start("u", clock(), stop, patience, |_| Err(anyhow::anyhow!("never"))).unwrap();
        trigger.stop();
        wait_for(&unit);
    }

    #[test]
    fn a_unit_that_does_not_move_is_seen_to_be_silent_and_a_finished_one_is_not() {
        let (trigger, stop) = shutdown();
        let clock = clock();
        let inner = stop.clone();
        let unit = Unit::start("u", clock.clone(), stop, QUICK, move |_| {
            inner.wait_timeout(Duration::from_secs(60));
            Ok(())
        })
        .unwrap();
        let silent = || unit.status().heartbeat().silent_for();
        while silent() < Duration::from_secs(1) {
            clock.advance(Duration::from_secs(1));
        }
        trigger.stop();
        wait_for(&unit);
        assert_eq!(unit.status().heartbeat().silent_for(), Duration::ZERO);
    }

    #[test]
    fn a_unit_without_an_end_that_ends_has_failed_and_is_started_again() {
        let (trigger, stop) = shutdown();
        let times = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&times);
        let unit = Unit::start("u", clock(), stop, QUICK, move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            Ok(())
        })
        .unwrap();
        while times.load(Ordering::SeqCst) < 3 {
            thread::yield_now();
        }
        assert_eq!(unit.status().last_error().as_deref(), Some("it ended by itself"));
        trigger.stop();
        wait_for(&unit);
    }
}
