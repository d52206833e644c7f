//! A contact that is closed for one pulse: switched on by whoever asks, switched off by a timer of its own, and by a
//! guard if the timer should not.
//!
//! Both are threads, so that nothing that happens elsewhere in the process (a slow relay, a slow disk, a lock) can
//! hold a gate open. They share one number with each other and no lock. Should the process die, `amslpr gate
//! release` brings the line to rest. Knows nothing of orders.

use std::{
    io,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use super::line::{LineError, Switch};
use crate::{
    clock::{Clock, Moment},
    fact::gate::Release,
    heartbeat::{BEAT, Heartbeat},
    shutdown::{Stop, Trigger, shutdown},
};

/// How much later than the timer the guard acts.
const MARGIN: Duration = Duration::from_millis(150);
/// How often the guard looks.
const ROUND: Duration = Duration::from_millis(50);
/// Between two attempts of the timer to bring the line to rest.
const RETRY: Duration = Duration::from_millis(5);
/// Timer and guard look up every second, and a relay that is called takes five at most.
const SILENT: Duration = Duration::from_secs(6);
/// No pulse can be longer, whoever asks.
pub(super) const LONGEST: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Contact {
    shared: Arc<Shared>,
    stop: Option<Trigger>,
    threads: Vec<JoinHandle<()>>,
    /// Of timer and guard.
    heartbeats: [Heartbeat; 2],
}

#[derive(Debug)]
struct Shared {
    line: Arc<dyn Switch>,
    clock: Arc<dyn Clock>,
    pulse: Mutex<Pulse>,
    changed: Condvar,
    /// When the line has to be at rest, in microseconds; 0: it is.
    end: AtomicU64,
    /// The line could not be brought to rest; said once.
    stuck: AtomicBool,
}

#[derive(Debug, Default)]
struct Pulse {
    end: Option<Moment>,
    /// How and when the last one ended, until somebody asks.
    ended: Option<(Release, Moment)>,
    stop: bool,
}

impl Contact {
    /// Over a line that is at rest.
    pub(super) fn new(line: Arc<dyn Switch>, name: &str, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            line,
            clock,
            pulse: Mutex::default(),
            changed: Condvar::new(),
            end: AtomicU64::new(0),
            stuck: AtomicBool::new(false),
        });
        let (trigger, stop) = shutdown();
        let heartbeats = [(); 2].map(|()| Heartbeat::new(Arc::clone(&shared.clock)));
        let [beat, guarding] = heartbeats.clone();
        let stop = stop.beating(guarding);
        let timer = Arc::clone(&shared);
        let guard = Arc::clone(&shared);
        let mut contact = Self { shared, stop: Some(trigger), threads: Vec::new(), heartbeats };
        let named = |role: &str| thread::Builder::new().name(format!("{role} {name}"));
        contact.threads.push(named("pulse").spawn(move || timer.time(&beat))?);
        contact.threads.push(named("guard").spawn(move || guard.guard(&stop))?);
        Ok(contact)
    }

    /// Switches on for this long, and says when it was on. The end is certain before the beginning.
    pub(super) fn close_for(&self, length: Duration) -> Result<Moment, LineError> {
        let shared = &self.shared;
        let mut pulse = shared.lock();
        let length = length.min(LONGEST);
        shared.set_end(&mut pulse, shared.clock.now() + shared.line.slowness() + length);
        pulse.ended = None;
        match shared.line.set(true) {
            Ok(()) => {
                let on = shared.clock.now();
                shared.set_end(&mut pulse, on + length);
                Ok(on)
            }
            Err(error) => {
                shared.rest(&mut pulse, None);
                Err(error)
            }
        }
    }

    /// Brings the line to rest now. An error means that timer and guard go on trying.
    pub(super) fn let_go(&self) {
        let mut pulse = self.shared.lock();
        self.shared.rest(&mut pulse, None);
    }

    /// How the last pulse ended by itself, told once.
    pub(super) fn ended(&self) -> Option<(Release, Moment)> {
        self.shared.lock().ended.take()
    }

    /// Its timer and its guard are there to end a pulse.
    pub(super) fn moves(&self) -> bool {
        self.heartbeats.iter().all(|heartbeat| heartbeat.silent_for() < SILENT)
    }

    /// The line should be at rest and is not.
    pub(super) fn is_stuck(&self) -> bool {
        self.shared.stuck.load(Ordering::SeqCst)
    }
}

impl Drop for Contact {
    fn drop(&mut self) {
        let mut pulse = self.shared.lock();
        self.shared.rest(&mut pulse, None);
        pulse.stop = true;
        drop(pulse);
        self.shared.changed.notify_all();
        drop(self.stop.take());
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a gate's timer panicked; this is a bug in amslpr");
            }
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Pulse> {
        self.pulse.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_end(&self, pulse: &mut Pulse, end: Moment) {
        self.end.store(end.as_micros().max(1), Ordering::SeqCst);
        pulse.end = Some(end);
        self.changed.notify_all();
    }

    /// Brings the line to rest; leaves the end standing for another try if that fails.
    fn rest(&self, pulse: &mut Pulse, why: Option<Release>) -> bool {
        if !self.switch_off() {
            return false;
        }
        self.end.store(0, Ordering::SeqCst);
        pulse.end = None;
        pulse.ended = why.map(|why| (why, self.clock.now()));
        true
    }

    fn switch_off(&self) -> bool {
        match self.line.set(false) {
            Ok(()) => {
                if self.stuck.swap(false, Ordering::SeqCst) {
                    tracing::warn!("a gate's line is at rest again");
                }
                true
            }
            Err(error) => {
                if !self.stuck.swap(true, Ordering::SeqCst) {
                    tracing::error!(%error, "a gate's line stays switched on; tried again");
                }
                false
            }
        }
    }

    /// The timer: ends each pulse.
    fn time(&self, heartbeat: &Heartbeat) {
        let mut pulse = self.lock();
        while !pulse.stop {
            heartbeat.beat();
            let Some(end) = pulse.end else {
                pulse = self.changed.wait_timeout(pulse, BEAT).unwrap_or_else(PoisonError::into_inner).0;
                continue;
            };
            let mut left = end.since(self.clock.now());
            if left.is_zero() {
                if self.rest(&mut pulse, Some(Release::Pulse)) {
                    continue;
                }
                left = RETRY;
            }
            pulse =
                self.changed.wait_timeout(pulse, left.min(BEAT)).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The guard: ends what the timer did not. Takes no lock before the line is at rest.
    fn guard(&self, stop: &Stop) {
        while !stop.wait_timeout(ROUND) {
            let end = self.end.load(Ordering::SeqCst);
            if end == 0 || self.clock.now() < Moment::from_micros(end) + MARGIN || !self.switch_off() {
                continue;
            }
            // Unless a new pulse has begun in the meantime, this one is over.
            if self.end.compare_exchange(end, 0, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
                tracing::error!("the guard ended a gate's pulse because its timer did not");
                if let Ok(mut pulse) = self.pulse.try_lock() {
                    pulse.end = None;
                    pulse.ended = Some((Release::Guard, self.clock.now()));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::SystemClock, gate::recorder::Recorder};

    const PULSE: Duration = Duration::from_millis(60);

    fn contact(line: &Arc<Recorder>) -> Contact {
        Contact::new(Arc::clone(line) as Arc<dyn Switch>, "test", Arc::new(SystemClock::start())).unwrap()
    }

    fn ended(contact: &Contact) -> Release {
        let clock = SystemClock::start();
        loop {
            if let Some((why, _)) = contact.ended() {
                return why;
            }
            assert!(clock.now().as_micros() < 5_000_000, "it does not end");
            clock.sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn a_pulse_ends_by_itself_and_not_before_its_time() {
        let line = Arc::new(Recorder::default());
        let contact = contact(&line);
        for n in 1..=3 {
            contact.close_for(PULSE).unwrap();
            assert!(line.is_on());
            assert_eq!(ended(&contact), Release::Pulse);
            assert!(!line.is_on() && contact.ended().is_none());
            assert_eq!(line.pulses().len(), n);
        }
        assert!(line.pulses().iter().all(|length| *length >= PULSE), "{:?}", line.pulses());
    }

    #[test]
    fn the_guard_ends_what_the_timer_does_not() {
        let line = Arc::new(Recorder::default());
        let contact = contact(&line);
        contact.close_for(PULSE).unwrap();
        {
            // Whoever holds the lock holds the timer up, and not the guard.
            let held = contact.shared.lock();
            let clock = SystemClock::start();
            while line.is_on() {
                assert!(clock.now().as_micros() < 5_000_000, "the guard sleeps");
                clock.sleep(Duration::from_millis(1));
            }
            // A timer that is held up for long is no timer; whoever watches over the gate has to know.
            while contact.moves() {
                assert!(clock.now().as_micros() < 20_000_000, "nobody sees that the timer hangs");
                clock.sleep(Duration::from_millis(10));
            }
            drop(held);
        }
        let clock = SystemClock::start();
        while !contact.moves() {
            assert!(clock.now().as_micros() < 5_000_000, "it moves again");
            clock.sleep(Duration::from_millis(1));
        }
        assert!(line.pulses()[0] >= PULSE + MARGIN);
        contact.close_for(PULSE).unwrap();
        ended(&contact);
        assert!(!line.is_on());
    }

    #[test]
    fn a_line_that_cannot_be_brought_to_rest_is_tried_until_it_can() {
        let line = Arc::new(Recorder::default());
        let contact = contact(&line);
        contact.close_for(PULSE).unwrap();
        line.refuse(false);
        let clock = SystemClock::start();
        while !contact.is_stuck() {
            assert!(clock.now().as_micros() < 5_000_000);
            clock.sleep(Duration::from_millis(1));
        }
        assert!(line.is_on());
        line.accept();
        ended(&contact);
        assert!(!line.is_on() && !contact.is_stuck());
    }

    #[test]
    fn what_fails_to_switch_on_is_brought_to_rest_at_once() {
        let line = Arc::new(Recorder::default());
        let contact = contact(&line);
        line.refuse(true);
        assert!(contact.close_for(PULSE).is_err());
        assert_eq!((line.is_on(), line.rests()), (false, 1));
    }

    #[test]
    fn letting_go_and_dropping_bring_it_to_rest() {
        let line = Arc::new(Recorder::default());
        let first = contact(&line);
        first.close_for(LONGEST).unwrap();
        first.let_go();
        assert!(!line.is_on() && first.ended().is_none(), "who lets go needs no telling");
        first.close_for(LONGEST).unwrap();
        drop(first);
        assert!(!line.is_on());
    }
}
