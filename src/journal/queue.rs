//! The bounded queue between the pipeline and the disk: facts, how far those got who are told of them, requests.
//!
//! Pure waiting and counting; what is written, and how, is `writer`'s business.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Condvar, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::Duration,
};

use jiff::Timestamp;

use super::{Settings, health::HealthChange, stats::Stats};
use crate::{
    fact::{Fact, privacy::Unstored},
    heartbeat::{BEAT, Heartbeat},
};

/// Something to write down.
#[derive(Debug, Clone)]
pub(super) enum Item {
    Fact(Box<Fact>),
    /// What has to be remembered of a fact that itself is not stored.
    Unstored(Unstored),
    Health(HealthChange),
}

impl Item {
    /// Nobody waits for it: it may share a transaction with the next one, which saves the SD card.
    fn can_wait(&self) -> bool {
        match self {
            Self::Fact(fact) => matches!(**fact, Fact::Evidence(_)),
            Self::Unstored(_) => false,
            Self::Health(_) => true,
        }
    }
}

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

/// How far those got who are told of facts.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    /// The broker has everything up to this number; `None`: nothing new.
    pub delivered: Option<u64>,
    /// Followers that moved on, and to which fact.
    pub followed: BTreeMap<String, u64>,
}

impl Progress {
    pub(super) fn is_none(&self) -> bool {
        self.delivered.is_none() && self.followed.is_empty()
    }
}

/// What the writer shall do next.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub items: Vec<Item>,
    pub progress: Progress,
    pub erase_before: Option<Timestamp>,
    /// The journal is too large: its oldest facts have to go.
    pub make_room: bool,
    pub stop: bool,
}

#[derive(Debug, Default)]
struct State {
    items: VecDeque<Item>,
    /// Those of them that somebody waits for.
    urgent: usize,
    /// Somebody waits for all of them.
    hurry: bool,
    /// The broker has everything up to here, and these beyond.
    delivered: u64,
    delivered_beyond: BTreeSet<u64>,
    /// What of that is on the disk.
    noted: u64,
    /// How far each follower got, and those that moved on since that was last written down.
    places: BTreeMap<String, u64>,
    moved: BTreeSet<String>,
    /// The newest fact when the file was opened.
    head_at_opening: u64,
    erase_before: Option<Timestamp>,
    make_room: bool,
    /// Items ever taken in, and items ever settled (recorded, or given up).
    taken: u64,
    settled: u64,
    failing: bool,
    /// The file is there; before, everything waits.
    open: bool,
    stop: bool,
}

impl State {
    fn close_up(&mut self) {
        while self.delivered_beyond.first() == Some(&(self.delivered + 1)) {
            self.delivered_beyond.pop_first();
            self.delivered += 1;
        }
    }

    /// Something is to be done that no item brings along.
    const fn has_errand(&self) -> bool {
        self.erase_before.is_some() || self.make_room
    }
}

#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    room: Condvar,
    work: Condvar,
    settled: Condvar,
    settings: Settings,
    /// Of the thread that writes.
    pub heartbeat: Heartbeat,
}

impl Queue {
    /// Of a journal that is not open yet: see [`begin`](Self::begin).
    pub(super) fn new(settings: Settings, heartbeat: Heartbeat) -> Self {
        Self {
            state: Mutex::default(),
            room: Condvar::new(),
            work: Condvar::new(),
            settled: Condvar::new(),
            settings,
            heartbeat,
        }
    }

    /// The journal is open, with `newest` as its newest fact. The broker has everything up to `delivered`.
    pub(super) fn begin(&self, newest: u64, delivered: u64) {
        let mut state = self.lock();
        state.head_at_opening = newest;
        (state.delivered, state.noted) = (delivered, delivered);
        (state.open, state.failing) = (true, false);
        self.work.notify_all();
    }

    pub(super) fn is_open(&self) -> bool {
        self.lock().open
    }

    /// The journal cannot be opened: nobody is held up by it. Waits before the next try; true if it is time to stop
    /// instead.
    pub(super) fn cannot_open(&self, wait: Duration) -> bool {
        let mut state = self.lock();
        state.failing = true;
        self.pause(state, wait)
    }

    fn pause(&self, mut state: MutexGuard<'_, State>, wait: Duration) -> bool {
        let mut left = wait;
        while !state.stop && !left.is_zero() {
            let turn = left.min(BEAT);
            let waited = self.work.wait_timeout_while(state, turn, |state| !state.stop);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            self.heartbeat.beat();
            left -= turn;
        }
        state.stop
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an item in. Waits a little if the queue is full, never long.
    pub(super) fn hand_over(&self, item: Item, stats: &Stats) -> Handed {
        let mut state = self.lock();
        let full = |state: &State| state.items.len() >= self.settings.queue;
        // While the disk fails waiting would only hold the pipeline up.
        if full(&state) && !state.failing && !state.stop {
            let waits = |state: &mut State| full(state) && !state.failing && !state.stop;
            let waited = self.room.wait_timeout_while(state, self.settings.patience, waits);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.stop || state.items.len() >= self.settings.queue + self.settings.reserve {
            Stats::add(&stats.lost, 1);
            return Handed::Lost;
        }
        let spilled = full(&state);
        state.urgent += usize::from(!item.can_wait());
        state.items.push_back(item);
        state.taken += 1;
        stats.queued.store(state.items.len() as u64, Ordering::Relaxed);
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

    /// A follower has got this far.
    pub(super) fn follow(&self, name: &str, nr: u64) {
        let mut state = self.lock();
        state.places.insert(name.to_owned(), nr);
        state.moved.insert(name.to_owned());
        self.work.notify_one();
    }

    /// How far a follower of this name got since the start, written down or not.
    pub(super) fn place_of(&self, name: &str) -> Option<u64> {
        self.lock().places.get(name).copied()
    }

    pub(super) fn head_at_opening(&self) -> u64 {
        self.lock().head_at_opening
    }

    /// How many items are recorded or given up.
    pub(super) fn settled_so_far(&self) -> u64 {
        self.lock().settled
    }

    /// Waits until more than `seen` items are settled, for no longer than `limit`; true if they are.
    pub(super) fn wait_settled(&self, seen: u64, limit: Duration) -> bool {
        let waits = |state: &mut State| state.settled <= seen && !state.stop;
        let waited = self.settled.wait_timeout_while(self.lock(), limit, waits);
        waited.unwrap_or_else(PoisonError::into_inner).0.settled > seen
    }

    pub(super) fn erase_before(&self, time: Timestamp) {
        self.lock().erase_before = Some(time);
        self.work.notify_one();
    }

    /// Asks for another piece of making room, behind what waits now.
    pub(super) fn make_room(&self) {
        self.lock().make_room = true;
        self.work.notify_one();
    }

    pub(super) fn stop(&self) {
        self.lock().stop = true;
        self.work.notify_all();
        self.room.notify_all();
        self.settled.notify_all();
    }

    /// Waits until every fact handed over so far is settled; false if that takes longer than `limit`.
    pub(super) fn settle(&self, limit: Duration) -> bool {
        let mut state = self.lock();
        state.hurry = state.settled < state.taken;
        self.work.notify_one();
        let goal = state.taken;
        let waits = |state: &mut State| state.settled < goal;
        let waited = self.settled.wait_timeout_while(state, limit, waits);
        waited.unwrap_or_else(PoisonError::into_inner).0.settled >= goal
    }

    /// The next work: facts at once; acknowledgements, and what nobody waits for, after they have lingered for others to
    /// join them.
    pub(super) fn take(&self, stats: &Stats) -> Work {
        let mut state = self.lock();
        let idle = |state: &mut State| {
            let told = state.delivered == state.noted && state.moved.is_empty();
            state.items.is_empty() && told && !state.has_errand() && !state.stop
        };
        self.heartbeat.beat();
        while idle(&mut state) {
            state = self.work.wait_timeout(state, BEAT).unwrap_or_else(PoisonError::into_inner).0;
            self.heartbeat.beat();
        }
        let lingers = |state: &mut State| {
            let few = state.items.len() < self.settings.batch.min(self.settings.queue);
            state.urgent == 0 && few && !state.hurry && !state.has_errand() && !state.stop
        };
        let linger = self.settings.acknowledgement_linger;
        let lingered = self.work.wait_timeout_while(state, linger, lingers);
        state = lingered.unwrap_or_else(PoisonError::into_inner).0;
        self.heartbeat.beat();
        let count = state.items.len().min(self.settings.batch);
        let items: Vec<Item> = state.items.drain(..count).collect();
        state.urgent -= items.iter().filter(|item| !item.can_wait()).count();
        stats.queued.store(state.items.len() as u64, Ordering::Relaxed);
        self.room.notify_all();
        let followed = state.places.iter().filter(|(name, _)| state.moved.contains(*name));
        let followed = followed.map(|(name, nr)| (name.clone(), *nr)).collect();
        state.moved.clear();
        Work {
            items,
            progress: Progress {
                delivered: (state.delivered > state.noted).then_some(state.delivered),
                followed,
            },
            erase_before: state.erase_before.take(),
            make_room: std::mem::take(&mut state.make_room),
            stop: state.stop && state.items.is_empty(),
        }
    }

    /// The work is on the disk.
    pub(super) fn done(&self, items: usize, delivered: Option<u64>) {
        let mut state = self.lock();
        state.failing = false;
        state.settled += items as u64;
        state.hurry &= state.settled < state.taken;
        state.noted = state.noted.max(delivered.unwrap_or(0));
        self.settled.notify_all();
    }

    /// The disk failed: the work comes back, in its old place. Waits before the next try; true if it is time to
    /// stop instead.
    pub(super) fn failed(&self, work: Work, wait: Duration, stats: &Stats) -> bool {
        self.heartbeat.beat();
        let mut state = self.lock();
        state.failing = true;
        for item in work.items.into_iter().rev() {
            state.urgent += usize::from(!item.can_wait());
            state.items.push_front(item);
        }
        state.moved.extend(work.progress.followed.into_keys());
        state.make_room |= work.make_room;
        if state.erase_before.is_none() {
            state.erase_before = work.erase_before;
        }
        stats.queued.store(state.items.len() as u64, Ordering::Relaxed);
        self.room.notify_all();
        self.pause(state, wait)
    }

    /// Items that are not on the disk.
    pub(super) fn unsettled(&self) -> usize {
        self.lock().items.len()
    }
}
