//! A one-shot stop signal for threads and tasks alike. Dropping the trigger is the signal, so it cannot be missed.
//!
//! Whoever asks whether it should stop moves: a [`Stop`] may carry its thread's heartbeat, which beats with every question
//! and while it waits.

use std::{
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;

use crate::heartbeat::{BEAT, Heartbeat};

/// Keeps everything that holds a matching [`Stop`] running until it is dropped.
#[derive(Debug)]
#[must_use = "dropping the trigger is the stop signal"]
pub struct Trigger(Arc<Signal>);

/// Hears the signal. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Stop {
    signal: Arc<Signal>,
    heartbeat: Option<Heartbeat>,
}

#[derive(Debug, Default)]
struct Signal {
    stopped: AtomicBool,
    lock: Mutex<()>,
    threads: Condvar,
    tasks: Notify,
}

/// A new signal, not yet given.
pub fn shutdown() -> (Trigger, Stop) {
    let signal = Arc::new(Signal::default());
    (Trigger(Arc::clone(&signal)), Stop { signal, heartbeat: None })
}

impl Trigger {
    /// One more listener.
    pub fn listener(&self) -> Stop {
        Stop { signal: Arc::clone(&self.0), heartbeat: None }
    }

    /// Gives the signal.
    pub fn stop(self) {}
}

impl Drop for Trigger {
    fn drop(&mut self) {
        self.0.stopped.store(true, Ordering::SeqCst);
        // Taken once, so that no thread stands between its look at the flag and its wait.
        drop(self.0.lock.lock().unwrap_or_else(PoisonError::into_inner));
        self.0.threads.notify_all();
        self.0.tasks.notify_waiters();
    }
}

impl Stop {
    /// The same for the thread of this heartbeat, which beats whenever it asks here and while it waits here.
    #[must_use]
    pub fn beating(self, heartbeat: Heartbeat) -> Self {
        Self { heartbeat: Some(heartbeat), ..self }
    }

    pub fn is_stopped(&self) -> bool {
        if let Some(heartbeat) = &self.heartbeat {
            heartbeat.beat();
        }
        self.signal.stopped.load(Ordering::SeqCst)
    }

    /// Waits this long or until the signal; true means stop.
    pub fn wait_timeout(&self, time: Duration) -> bool {
        let mut left = time;
        loop {
            let turn = if self.heartbeat.is_some() { left.min(BEAT) } else { left };
            let guard = self.signal.lock.lock().unwrap_or_else(PoisonError::into_inner);
            let waited = self.signal.threads.wait_timeout_while(guard, turn, |()| !self.is_stopped());
            drop(waited.unwrap_or_else(PoisonError::into_inner));
            left = left.saturating_sub(turn);
            if self.is_stopped() || left.is_zero() {
                return self.is_stopped();
            }
        }
    }

    /// Resolves at the signal. One that carries a heartbeat needs the runtime's timer.
    pub async fn stopped(&self) {
        let mut heard = std::pin::pin!(self.signal.tasks.notified());
        // Registered before the look at the flag, so that a signal in between is not missed.
        heard.as_mut().enable();
        if self.is_stopped() {
            return;
        }
        let Some(heartbeat) = &self.heartbeat else { return heard.await };
        while tokio::time::timeout(BEAT, heard.as_mut()).await.is_err() {
            heartbeat.beat();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropping_the_trigger_wakes_threads_and_tasks() {
        let (trigger, stop) = shutdown();
        assert!(!stop.is_stopped() && !stop.wait_timeout(Duration::from_millis(1)));
        let thread = {
            let stop = stop.clone();
            std::thread::spawn(move || stop.wait_timeout(Duration::from_secs(60)))
        };
        let task = {
            let stop = trigger.listener();
            std::thread::spawn(move || {
                tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(stop.stopped());
            })
        };
        trigger.stop();
        assert!(thread.join().unwrap());
        task.join().unwrap();
        assert!(stop.wait_timeout(Duration::from_secs(60)), "once given, the signal stays");
    }

    #[test]
    fn a_task_that_asks_late_hears_it_at_once() {
        let (trigger, stop) = shutdown();
        drop(trigger);
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(stop.stopped());
    }

    #[test]
    fn whoever_asks_or_waits_here_beats() {
        use crate::clock::{Clock, ManualClock};
        let clock = Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH));
        let heartbeat = Heartbeat::new(Arc::clone(&clock) as Arc<dyn Clock>);
        let (trigger, stop) = shutdown();
        let stop = stop.beating(heartbeat.clone());
        let silent = || {
            clock.advance(Duration::from_secs(60));
            heartbeat.silent_for() >= Duration::from_secs(60)
        };
        assert!(silent() && !stop.is_stopped() && heartbeat.silent_for().is_zero());
        assert!(silent() && !stop.wait_timeout(Duration::from_millis(1)) && heartbeat.silent_for().is_zero());
        // Longer than a beat: it beats in between, and hears the signal all the same.
        let waits = std::thread::spawn({
            let stop = stop.clone();
            move || stop.wait_timeout(Duration::from_secs(600))
        });
        let task = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            runtime.block_on(stop.stopped());
        });
        for _ in 0..2 {
            clock.advance(Duration::from_secs(60));
            while !heartbeat.silent_for().is_zero() {
                std::thread::yield_now();
            }
        }
        trigger.stop();
        assert!(waits.join().unwrap());
        task.join().unwrap();
    }
}
