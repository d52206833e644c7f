//! The bounded queue between the pipeline and the disk: facts, the broker's acknowledgements, requests.
//!
//! Pure waiting and counting; what is written, and how, is `writer`'s business.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Condvar, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::Duration,
};

use jiff::Timestamp;

use super::{Settings, stats::Stats};
use crate::fact::Fact;

/// What became of a fact that was handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handed {
    /// It waits for the disk.
    Queued,
    /// The disk does not keep up or fails: it waits in the reserve, in order.
    Spilled,
    /// The reserve is full too, or the journal is closed: it is gone, and counted.
    Lost,
}

/// What the writer shall do next.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub facts: Vec<Fact>,
    /// The broker has everything up to this number; `None`: nothing new.
    pub delivered: Option<u64>,
    pub erase_before: Option<Timestamp>,
    pub stop: bool,
}

#[derive(Debug, Default)]
struct State {
    facts: VecDeque<Fact>,
    /// The broker has everything up to here, and these beyond.
    delivered: u64,
    delivered_beyond: BTreeSet<u64>,
    /// What of that is on the disk.
    noted: u64,
    erase_before: Option<Timestamp>,
    /// Facts ever taken in, and facts ever settled (recorded, or given up).
    taken: u64,
    settled: u64,
    failing: bool,
    stop: bool,
}

impl State {
    fn close_up(&mut self) {
        while self.delivered_beyond.first() == Some(&(self.delivered + 1)) {
            self.delivered_beyond.pop_first();
            self.delivered += 1;
        }
    }
}

#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    room: Condvar,
    work: Condvar,
    settled: Condvar,
    settings: Settings,
}

impl Queue {
    /// The broker has everything up to `delivered`.
    pub(super) fn new(settings: Settings, delivered: u64) -> Self {
        Self {
            state: Mutex::new(State { delivered, noted: delivered, ..State::default() }),
            room: Condvar::new(),
            work: Condvar::new(),
            settled: Condvar::new(),
            settings,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a fact in. Waits a little if the queue is full, never long.
    pub(super) fn hand_over(&self, fact: Fact, stats: &Stats) -> Handed {
        let mut state = self.lock();
        let full = |state: &State| state.facts.len() >= self.settings.queue;
        // While the disk fails waiting would only hold the pipeline up.
        if full(&state) && !state.failing && !state.stop {
            let waits = |state: &mut State| full(state) && !state.failing && !state.stop;
            let waited = self.room.wait_timeout_while(state, self.settings.patience, waits);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.stop || state.facts.len() >= self.settings.queue + self.settings.reserve {
            Stats::add(&stats.lost, 1);
            return Handed::Lost;
        }
        let spilled = full(&state);
        state.facts.push_back(fact);
        state.taken += 1;
        stats.queued.store(state.facts.len() as u64, Ordering::Relaxed);
        self.work.notify_one();
        if spilled {
            Stats::add(&stats.spilled, 1);
            return Handed::Spilled;
        }
        Handed::Queued
    }

    /// The broker has these.
    pub(super) fn deliver(&self, seqs: &[u64]) {
        let mut state = self.lock();
        let reached = state.delivered;
        state.delivered_beyond.extend(seqs.iter().filter(|seq| **seq > reached));
        state.close_up();
        self.work.notify_one();
    }

    /// Nothing up to this number will be delivered any more.
    pub(super) fn give_up_to(&self, seq: u64) {
        let mut state = self.lock();
        state.delivered = state.delivered.max(seq);
        state.delivered_beyond = state.delivered_beyond.split_off(&(seq + 1));
        state.close_up();
        self.work.notify_one();
    }

    pub(super) fn is_delivered(&self, seq: u64) -> bool {
        let state = self.lock();
        seq <= state.delivered || state.delivered_beyond.contains(&seq)
    }

    /// Everything up to here, and how many beyond.
    pub(super) fn delivered(&self) -> (u64, u64) {
        let state = self.lock();
        (state.delivered, state.delivered_beyond.len() as u64)
    }

    pub(super) fn erase_before(&self, time: Timestamp) {
        self.lock().erase_before = Some(time);
        self.work.notify_one();
    }

    pub(super) fn stop(&self) {
        self.lock().stop = true;
        self.work.notify_all();
        self.room.notify_all();
    }

    /// Waits until every fact handed over so far is settled; false if that takes longer than `limit`.
    pub(super) fn settle(&self, limit: Duration) -> bool {
        let state = self.lock();
        let goal = state.taken;
        let waits = |state: &mut State| state.settled < goal;
        let waited = self.settled.wait_timeout_while(state, limit, waits);
        waited.unwrap_or_else(PoisonError::into_inner).0.settled >= goal
    }

    /// The next work: facts at once, acknowledgements after they have lingered for others to join them.
    pub(super) fn take(&self, stats: &Stats) -> Work {
        let mut state = self.lock();
        let idle = |state: &mut State| {
            state.facts.is_empty()
                && state.delivered == state.noted
                && state.erase_before.is_none()
                && !state.stop
        };
        state = self.work.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
        let lingers =
            |state: &mut State| state.facts.is_empty() && state.erase_before.is_none() && !state.stop;
        let linger = self.settings.acknowledgement_linger;
        let lingered = self.work.wait_timeout_while(state, linger, lingers);
        state = lingered.unwrap_or_else(PoisonError::into_inner).0;
        let count = state.facts.len().min(self.settings.batch);
        let facts = state.facts.drain(..count).collect();
        stats.queued.store(state.facts.len() as u64, Ordering::Relaxed);
        self.room.notify_all();
        Work {
            facts,
            delivered: (state.delivered > state.noted).then_some(state.delivered),
            erase_before: state.erase_before.take(),
            stop: state.stop && state.facts.is_empty(),
        }
    }

    /// The work is on the disk.
    pub(super) fn done(&self, facts: usize, delivered: Option<u64>) {
        let mut state = self.lock();
        state.failing = false;
        state.settled += facts as u64;
        state.noted = state.noted.max(delivered.unwrap_or(0));
        self.settled.notify_all();
    }

    /// The disk failed: the work comes back, in its old place. Waits before the next try; true if it is time to
    /// stop instead.
    pub(super) fn failed(&self, work: Work, wait: Duration, stats: &Stats) -> bool {
        let mut state = self.lock();
        state.failing = true;
        for fact in work.facts.into_iter().rev() {
            state.facts.push_front(fact);
        }
        if state.erase_before.is_none() {
            state.erase_before = work.erase_before;
        }
        stats.queued.store(state.facts.len() as u64, Ordering::Relaxed);
        self.room.notify_all();
        let waited = self.work.wait_timeout_while(state, wait, |state| !state.stop);
        waited.unwrap_or_else(PoisonError::into_inner).0.stop
    }

    /// Facts that are not on the disk.
    pub(super) fn unsettled(&self) -> usize {
        self.lock().facts.len()
    }
}
