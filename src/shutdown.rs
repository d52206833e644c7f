//! A one-shot stop signal for threads and tasks alike. Dropping the trigger is the signal, so it cannot be missed.

use std::{
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;

/// Keeps everything that holds a matching [`Stop`] running until it is dropped.
#[derive(Debug)]
#[must_use = "dropping the trigger is the stop signal"]
pub struct Trigger(Arc<Signal>);

/// Hears the signal. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Stop(Arc<Signal>);

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
    (Trigger(Arc::clone(&signal)), Stop(signal))
}

impl Trigger {
    /// One more listener.
    pub fn listener(&self) -> Stop {
        Stop(Arc::clone(&self.0))
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
    pub fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::SeqCst)
    }

    /// Waits this long or until the signal; true means stop.
    pub fn wait_timeout(&self, time: Duration) -> bool {
        let guard = self.0.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.threads.wait_timeout_while(guard, time, |()| !self.is_stopped());
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        self.is_stopped()
    }

    /// Resolves at the signal.
    pub async fn stopped(&self) {
        let mut heard = std::pin::pin!(self.0.tasks.notified());
        // Registered before the look at the flag, so that a signal in between is not missed.
        heard.as_mut().enable();
        if !self.is_stopped() {
            heard.await;
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
}
