//! The chip: a thread that takes batches from the networks in turn, lets the time of the latency model pass, and hands
//! results out.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crate::{network::Network, script::What, world};

pub(crate) const TIMEOUT: i32 = 4;
pub(crate) const ABORTED: i32 = 63;

/// A configured network and what waits before and behind it.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) network: Arc<Network>,
    pub(crate) batch: usize,
    pub(crate) threshold: usize,
    pub(crate) wait: Duration,
    /// Frames that a stream's queue holds, and how long a call waits.
    pub(crate) queue: usize,
    pub(crate) timeout: Duration,
    pub(crate) floats: bool,
    inputs: VecDeque<(Vec<u8>, Instant)>,
    outputs: Vec<VecDeque<Vec<u8>>>,
    shut: bool,
}

impl Lane {
    pub(crate) fn new(network: Arc<Network>, batch: usize) -> Self {
        let outputs = network.outputs.iter().map(|_| VecDeque::new()).collect();
        Self {
            network,
            batch: batch.max(1),
            threshold: 1,
            wait: Duration::ZERO,
            queue: 2,
            timeout: Duration::from_secs(10),
            floats: false,
            inputs: VecDeque::new(),
            outputs,
            shut: false,
        }
    }

    fn ready(&self, now: Instant) -> bool {
        let Some((_, since)) = self.inputs.front() else { return false };
        let room = self.outputs.iter().all(|queue| queue.len() + self.batch <= self.queue.max(self.batch));
        let enough = self.inputs.len() >= self.threshold || now.duration_since(*since) >= self.wait;
        !self.shut && room && enough
    }
}

#[derive(Debug, Default)]
struct State {
    lanes: Vec<Lane>,
    /// The status that everything gives from now on.
    dead: Option<i32>,
    stop: bool,
    /// Whose turn is next.
    turn: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Chip {
    state: Mutex<State>,
    changed: Condvar,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Chip {
    pub(crate) fn start() -> Arc<Self> {
        let chip = Arc::new(Self::default());
        let own = Arc::clone(&chip);
        let thread = std::thread::Builder::new().name("fake chip".to_owned()).spawn(move || own.work());
        *chip.thread.lock().unwrap_or_else(PoisonError::into_inner) = thread.ok();
        chip
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, lane: Lane) -> usize {
        let mut state = self.state();
        state.lanes.push(lane);
        state.lanes.len() - 1
    }

    pub(crate) fn with_lane<T>(&self, lane: usize, change: impl FnOnce(&mut Lane) -> T) -> Option<T> {
        self.state().lanes.get_mut(lane).map(change)
    }

    pub(crate) fn die(&self, status: i32) {
        self.state().dead.get_or_insert(status);
        self.changed.notify_all();
    }

    pub(crate) fn shut(&self, lane: usize) {
        self.with_lane(lane, |lane| lane.shut = true);
        self.changed.notify_all();
    }

    pub(crate) fn stop(&self) {
        self.state().stop = true;
        self.changed.notify_all();
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = thread.join();
        }
    }

    /// Waits until the lane is shut down or the chip is dead.
    pub(crate) fn hang(&self, lane: usize) -> i32 {
        let state = self.state();
        let hangs = |state: &mut State| {
            state.dead.is_none() && !state.stop && state.lanes.get(lane).is_some_and(|lane| !lane.shut)
        };
        drop(self.changed.wait_while(state, hangs).unwrap_or_else(PoisonError::into_inner));
        ABORTED
    }

    /// Waits, within the lane's timeout, until `go` gives something.
    fn wait_for<T>(&self, lane: usize, mut go: impl FnMut(&mut Lane) -> Option<T>) -> Result<T, i32> {
        let began = Instant::now();
        let mut state = self.state();
        loop {
            if let Some(status) = state.dead {
                return Err(status);
            }
            let Some(found) = state.lanes.get_mut(lane) else { return Err(ABORTED) };
            if found.shut {
                return Err(ABORTED);
            }
            if let Some(value) = go(found) {
                drop(state);
                self.changed.notify_all();
                return Ok(value);
            }
            let left = found.timeout.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Err(TIMEOUT);
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(crate) fn write(&self, lane: usize, picture: &[u8]) -> Result<(), i32> {
        self.wait_for(lane, |lane| {
            let room = lane.inputs.len() < lane.queue.max(lane.batch);
            room.then(|| lane.inputs.push_back((picture.to_vec(), Instant::now())))
        })
    }

    pub(crate) fn read(&self, lane: usize, output: usize) -> Result<Vec<u8>, i32> {
        self.wait_for(lane, |lane| lane.outputs.get_mut(output)?.pop_front())
    }

    /// The chip's life.
    fn work(&self) {
        let mut free_from = Instant::now();
        let mut state = self.state();
        loop {
            if state.stop {
                return;
            }
            let now = Instant::now();
            let count = state.lanes.len();
            let next = (0..count).map(|i| (state.turn + i) % count.max(1)).find(|lane| {
                state.dead.is_none() && state.lanes.get(*lane).is_some_and(|lane| lane.ready(now))
            });
            let Some(lane) = next else {
                let glance = Duration::from_millis(if state.lanes.iter().all(|l| l.inputs.is_empty()) {
                    500
                } else {
                    1
                });
                state = self.changed.wait_timeout(state, glance).unwrap_or_else(PoisonError::into_inner).0;
                continue;
            };
            state.turn = (lane + 1) % count;
            let Some(found) = state.lanes.get_mut(lane) else { continue };
            let jobs = found.inputs.len().min(found.batch);
            // A chip would have begun when it was free and the pictures were there, however late this thread is woken.
            let there = found.inputs.iter().take(jobs).map(|(_, since)| *since).max().unwrap_or(now);
            let pictures: Vec<Vec<u8>> = found.inputs.drain(..jobs).map(|(picture, _)| picture).collect();
            let (network, floats) = (Arc::clone(&found.network), found.floats);
            drop(state);
            self.changed.notify_all();
            let what = world::called("run");
            let results: Vec<Vec<Vec<u8>>> = pictures.iter().map(|p| network.run(p, floats)).collect();
            free_from = free_from.max(there) + world::latency(&network.name, jobs);
            std::thread::sleep(free_from.saturating_duration_since(Instant::now()));
            match what {
                Some(What::Dead(status) | What::Status(status)) => self.die(status),
                Some(What::Slow(time)) => std::thread::sleep(time),
                Some(What::Abort) => std::process::abort(),
                Some(What::Hang) => {
                    self.hang(lane);
                }
                Some(What::Garbage) | None => {}
            }
            state = self.state();
            if let Some(found) = state.lanes.get_mut(lane) {
                for result in results {
                    for (queue, bytes) in found.outputs.iter_mut().zip(result) {
                        queue.push_back(bytes);
                    }
                }
            }
            self.changed.notify_all();
        }
    }
}
