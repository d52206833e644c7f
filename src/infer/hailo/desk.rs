//! Where jobs of one network wait, are gathered into batches, travel through the chip and come back in order.
//!
//! Workers hand jobs in and wait for them; a writer takes batches out; one reader per output brings results back. A
//! desk belongs to one life of the device: when that ends, all its jobs fail at once and a new desk is made, so that no
//! result can reach a job of another life. All memory is made in the beginning. Knows no library.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::telemetry::Telemetry;
use crate::clock::{Clock, Moment};

/// Sizes of a desk.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Settings {
    pub(super) input_size: usize,
    pub(super) output_sizes: Vec<usize>,
    /// Jobs that make a full batch.
    pub(super) batch: usize,
    /// A batch that is not full leaves when its first job has waited this long.
    pub(super) gather: Duration,
    /// Jobs on their way through the chip at most.
    pub(super) depth: usize,
    /// Jobs that may wait; one more throws the oldest out.
    pub(super) most_waiting: usize,
}

/// Why a job has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoResult {
    /// The device failed, or is being stopped.
    Closed,
    /// Newer jobs needed its place.
    Dropped,
    /// Its time was over.
    Late,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Free,
    Waiting,
    Travelling,
    Done,
    Dropped,
    /// Nobody waits for it any more; free when it is back.
    Abandoned,
}

#[derive(Debug, Clone, Copy)]
struct Job {
    phase: Phase,
    client: u64,
    since: Moment,
    /// Outputs that are not back yet.
    missing: usize,
}

#[derive(Debug)]
struct State {
    open: bool,
    jobs: Vec<Job>,
    free: Vec<usize>,
    waiting: VecDeque<usize>,
    /// On their way, in the order in which they were written.
    travelling: VecDeque<usize>,
    /// How many jobs have left `travelling` at the front.
    returned: u64,
    /// Per output, how many results were read.
    read: Vec<u64>,
    /// Who was served last, newest at the end.
    served: VecDeque<u64>,
}

/// Room for a picture and its results.
#[derive(Debug)]
struct Room {
    input: Mutex<Vec<u8>>,
    outputs: Vec<Mutex<Vec<u8>>>,
    done: Condvar,
}

#[derive(Debug)]
pub(super) struct Desk {
    settings: Settings,
    rooms: Vec<Room>,
    state: Mutex<State>,
    /// For the writer: a job came, one came back, or it is over.
    for_writer: Condvar,
    /// For the readers: a job was written, or it is over.
    for_readers: Condvar,
    /// For workers without a room.
    for_workers: Condvar,
    clock: Arc<dyn Clock>,
    telemetry: Arc<Telemetry>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    pub(super) fn new(settings: Settings, clock: Arc<dyn Clock>, telemetry: Arc<Telemetry>) -> Self {
        let count = settings.depth + settings.most_waiting;
        let job = Job { phase: Phase::Free, client: 0, since: Moment::ZERO, missing: 0 };
        let room = || Room {
            input: Mutex::new(vec![0; settings.input_size]),
            outputs: settings.output_sizes.iter().map(|size| Mutex::new(vec![0; *size])).collect(),
            done: Condvar::new(),
        };
        Self {
            rooms: (0..count).map(|_| room()).collect(),
            state: Mutex::new(State {
                open: true,
                jobs: vec![job; count],
                free: (0..count).rev().collect(),
                waiting: VecDeque::with_capacity(count),
                travelling: VecDeque::with_capacity(count),
                returned: 0,
                read: vec![0; settings.output_sizes.len()],
                served: VecDeque::with_capacity(REMEMBERED),
            }),
            for_writer: Condvar::new(),
            for_readers: Condvar::new(),
            for_workers: Condvar::new(),
            settings,
            clock,
            telemetry,
        }
    }

    /// Jobs that one client should have here at a time to keep the chip busy.
    pub(super) fn window(&self) -> usize {
        (2 * self.settings.batch).min(self.settings.most_waiting).max(1)
    }

    /// Hands a picture in. Waits for a place until `until` at most; if too many wait, the oldest of them is dropped.
    pub(super) fn submit(
        self: &Arc<Self>,
        client: u64,
        picture: &[u8],
        until: Moment,
    ) -> Result<Ticket, NoResult> {
        let mut state = locked(&self.state);
        if state.waiting.len() >= self.settings.most_waiting {
            self.drop_oldest(&mut state);
        }
        let room = loop {
            if !state.open {
                return Err(NoResult::Closed);
            }
            if let Some(room) = state.free.pop() {
                break room;
            }
            let left = until.since(self.clock.now());
            if left.is_zero() {
                return Err(NoResult::Late);
            }
            state = self.for_workers.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        };
        drop(state);
        // The room is ours: nobody else looks into it before it stands in `waiting`.
        if let Some(room) = self.rooms.get(room) {
            let mut input = locked(&room.input);
            let count = input.len().min(picture.len());
            input[..count].copy_from_slice(&picture[..count]);
        }
        let mut state = locked(&self.state);
        if !state.open {
            state.free.push(room);
            return Err(NoResult::Closed);
        }
        let since = self.clock.now();
        if let Some(job) = state.jobs.get_mut(room) {
            *job = Job { phase: Phase::Waiting, client, since, missing: self.settings.output_sizes.len() };
        }
        state.waiting.push_back(room);
        drop(state);
        self.for_writer.notify_one();
        Ok(Ticket { desk: Arc::clone(self), room, until })
    }

    fn drop_oldest(&self, state: &mut State) {
        if let Some(oldest) = state.waiting.pop_front() {
            self.telemetry.dropped();
            self.set(state, oldest, Phase::Dropped);
        }
    }

    /// Changes a job that somebody waits for, and wakes them.
    fn set(&self, state: &mut State, room: usize, phase: Phase) {
        if let (Some(job), Some(room)) = (state.jobs.get_mut(room), self.rooms.get(room)) {
            job.phase = phase;
            room.done.notify_all();
        }
    }

    fn give_back(&self, state: &mut State, room: usize) {
        if let Some(job) = state.jobs.get_mut(room) {
            job.phase = Phase::Free;
            state.free.push(room);
            self.for_workers.notify_one();
        }
    }

    /// For the writer: waits for the next batch and puts its rooms into `batch`; false when it is over.
    pub(super) fn next_batch(&self, batch: &mut Vec<usize>) -> bool {
        batch.clear();
        let full = self.settings.batch.max(1);
        let mut state = locked(&self.state);
        loop {
            if !state.open {
                return false;
            }
            let space = self.settings.depth.saturating_sub(state.travelling.len());
            let first =
                state.waiting.iter().filter_map(|room| state.jobs.get(*room)).map(|job| job.since).min();
            let Some(first) = first.filter(|_| space >= full.min(self.settings.depth)) else {
                state = self.for_writer.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = (first + self.settings.gather).since(self.clock.now());
            if state.waiting.len() >= full || left.is_zero() {
                break;
            }
            state = self.for_writer.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        while batch.len() < full {
            let Some(room) = state.fairest() else { break };
            batch.push(room);
        }
        self.telemetry.batch(batch.len(), full, state.waiting.len());
        true
    }

    /// For the writer: runs `write` on the picture of a room, then lets the readers wait for its result.
    pub(super) fn write<E>(&self, room: usize, write: impl FnOnce(&[u8]) -> Result<(), E>) -> Result<(), E> {
        if let Some(room) = self.rooms.get(room) {
            write(&locked(&room.input))?;
        }
        let mut state = locked(&self.state);
        let Some(job) = state.jobs.get_mut(room) else { return Ok(()) };
        if job.phase == Phase::Waiting {
            job.phase = Phase::Travelling;
        }
        state.travelling.push_back(room);
        drop(state);
        self.telemetry.travels(self.clock.now());
        self.for_readers.notify_all();
        Ok(())
    }

    /// For the reader of an output: waits for the next job it has not read; `None` when it is over.
    pub(super) fn next_to_read(&self, output: usize) -> Option<usize> {
        let mut state = locked(&self.state);
        loop {
            if !state.open {
                return None;
            }
            let behind = state.read.get(output)?.checked_sub(state.returned)?;
            if let Some(room) = usize::try_from(behind).ok().and_then(|at| state.travelling.get(at)) {
                return Some(*room);
            }
            state = self.for_readers.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// For the reader of an output: runs `read` on the room's place for it, then says that it is there.
    pub(super) fn read<E>(
        &self,
        room: usize,
        output: usize,
        read: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        if let Some(place) = self.rooms.get(room).and_then(|room| room.outputs.get(output)) {
            read(&mut locked(place))?;
        }
        let mut state = locked(&self.state);
        if let Some(read) = state.read.get_mut(output) {
            *read += 1;
        }
        let now = self.clock.now();
        let Some(job) = state.jobs.get_mut(room) else { return Ok(()) };
        job.missing = job.missing.saturating_sub(1);
        if job.missing > 0 || !state.open {
            return Ok(());
        }
        // All outputs keep the order of writing, so the one that is complete is the first one on its way.
        state.travelling.pop_front();
        state.returned += 1;
        let phase = state.jobs.get(room).map(|job| job.phase);
        let since = state.jobs.get(room).map_or(now, |job| job.since);
        match phase {
            Some(Phase::Abandoned) => self.give_back(&mut state, room),
            _ => self.set(&mut state, room, Phase::Done),
        }
        drop(state);
        self.telemetry.result(now, now.since(since));
        self.for_writer.notify_one();
        Ok(())
    }

    pub(super) fn is_open(&self) -> bool {
        locked(&self.state).open
    }

    /// It is over: every job fails, every thread is told.
    pub(super) fn close(&self) {
        let mut state = locked(&self.state);
        if !state.open {
            return;
        }
        state.open = false;
        self.telemetry.lost_on_the_way(state.travelling.len(), self.clock.now());
        drop(state);
        for room in &self.rooms {
            room.done.notify_all();
        }
        self.for_writer.notify_all();
        self.for_readers.notify_all();
        self.for_workers.notify_all();
    }
}

/// Clients whose turn is remembered.
const REMEMBERED: usize = 64;

impl State {
    /// The oldest job of the client that was not served for the longest time.
    fn fairest(&mut self) -> Option<usize> {
        let turn = |client: u64| self.served.iter().position(|c| *c == client).map_or(0, |at| at + 1);
        let client = |room: &usize| self.jobs.get(*room).map_or(0, |job| job.client);
        let (at, _) = self.waiting.iter().enumerate().min_by_key(|(at, room)| (turn(client(room)), *at))?;
        let room = self.waiting.remove(at)?;
        let client = self.jobs.get(room)?.client;
        match self.served.iter().position(|c| *c == client) {
            Some(at) => {
                self.served.remove(at);
            }
            None if self.served.len() >= REMEMBERED => {
                self.served.pop_front();
            }
            None => {}
        }
        self.served.push_back(client);
        Some(room)
    }
}

/// A job that was handed in. Dropping it gives its place back.
#[derive(Debug)]
pub(super) struct Ticket {
    desk: Arc<Desk>,
    room: usize,
    until: Moment,
}

impl Ticket {
    /// Waits for the result, then shows each output's bytes to `look`.
    pub(super) fn wait<E: From<NoResult>>(
        self,
        mut look: impl FnMut(usize, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let desk = &self.desk;
        let Some(room) = desk.rooms.get(self.room) else { return Err(NoResult::Closed.into()) };
        let mut state = locked(&desk.state);
        loop {
            match state.jobs.get(self.room).map(|job| job.phase) {
                Some(Phase::Done) => break,
                Some(Phase::Dropped) => return Err(NoResult::Dropped.into()),
                _ if !state.open => return Err(NoResult::Closed.into()),
                _ => {}
            }
            let left = self.until.since(desk.clock.now());
            if left.is_zero() {
                desk.telemetry.late();
                return Err(NoResult::Late.into());
            }
            state = room.done.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(state);
        for (output, bytes) in room.outputs.iter().enumerate() {
            look(output, &locked(bytes))?;
        }
        Ok(())
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let desk = &self.desk;
        let mut state = locked(&desk.state);
        match state.jobs.get(self.room).map(|job| job.phase) {
            // Gathered into a batch that is being written, it is not in `waiting` any more but will travel.
            Some(Phase::Waiting) => {
                let before = state.waiting.len();
                state.waiting.retain(|room| *room != self.room);
                if state.waiting.len() < before {
                    desk.give_back(&mut state, self.room);
                } else if let Some(job) = state.jobs.get_mut(self.room) {
                    job.phase = Phase::Abandoned;
                }
            }
            Some(Phase::Travelling) => {
                if let Some(job) = state.jobs.get_mut(self.room) {
                    job.phase = Phase::Abandoned;
                }
            }
            Some(Phase::Done | Phase::Dropped) => desk.give_back(&mut state, self.room),
            Some(Phase::Free | Phase::Abandoned) | None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    fn desk(batch: usize, depth: usize, most_waiting: usize) -> (Arc<Desk>, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH));
        let gather = Duration::from_millis(2);
        let settings =
            Settings { input_size: 1, output_sizes: vec![1, 1], batch, gather, depth, most_waiting };
        let telemetry = Arc::new(Telemetry::default());
        (Arc::new(Desk::new(settings, Arc::clone(&clock) as Arc<dyn Clock>, telemetry)), clock)
    }

    fn submit(desk: &Arc<Desk>, client: u64, byte: u8) -> Ticket {
        desk.submit(client, &[byte], desk.clock.now() + Duration::from_secs(1)).unwrap()
    }

    /// What the chip does: every picture of the batch is its own result.
    fn run(desk: &Desk, batch: &[usize]) -> Vec<u8> {
        let mut written = Vec::new();
        for room in batch {
            let write = |picture: &[u8]| -> Result<(), ()> {
                written.push(picture[0]);
                Ok(())
            };
            desk.write(*room, write).unwrap();
        }
        for output in 0..2 {
            for byte in &written {
                let room = desk.next_to_read(output).unwrap();
                let read = |place: &mut [u8]| -> Result<(), ()> {
                    place[0] = byte + 100 * output as u8;
                    Ok(())
                };
                desk.read(room, output, read).unwrap();
            }
        }
        written
    }

    fn result(ticket: Ticket) -> Result<Vec<u8>, NoResult> {
        let mut bytes = Vec::new();
        ticket.wait(|_, b| -> Result<(), NoResult> {
            bytes.push(b[0]);
            Ok(())
        })?;
        Ok(bytes)
    }

    #[test]
    fn each_job_gets_its_own_result_and_its_place_is_used_again() {
        let (desk, _) = desk(1, 2, 2);
        let mut batch = Vec::new();
        for byte in 0..50u8 {
            let ticket = submit(&desk, 1, byte);
            assert!(desk.next_batch(&mut batch));
            assert_eq!(run(&desk, &batch), [byte]);
            assert_eq!(result(ticket), Ok(vec![byte, byte + 100]));
        }
    }

    #[test]
    fn a_full_batch_leaves_at_once_and_the_rest_when_its_time_is_over() {
        let (desk, clock) = desk(3, 6, 8);
        let tickets: Vec<Ticket> = (0..4).map(|i| submit(&desk, 1, i)).collect();
        let mut batch = Vec::new();
        assert!(desk.next_batch(&mut batch));
        assert_eq!(run(&desk, &batch), [0, 1, 2]);
        clock.advance(Duration::from_millis(2));
        assert!(desk.next_batch(&mut batch));
        assert_eq!(run(&desk, &batch), [3]);
        let results: Vec<_> = tickets.into_iter().map(|t| result(t).unwrap()[0]).collect();
        assert_eq!(results, [0, 1, 2, 3]);
    }

    #[test]
    fn a_camera_with_many_jobs_does_not_keep_the_others_waiting() {
        let (desk, _) = desk(2, 4, 8);
        let greedy: Vec<Ticket> = (0..4).map(|i| submit(&desk, 1, i)).collect();
        let modest = [submit(&desk, 2, 20), submit(&desk, 3, 30)];
        let mut batch = Vec::new();
        let mut order = Vec::new();
        for _ in 0..3 {
            assert!(desk.next_batch(&mut batch));
            order.extend(run(&desk, &batch));
        }
        assert_eq!(order, [0, 20, 30, 1, 2, 3]);
        drop((greedy, modest));
    }

    #[test]
    fn the_oldest_job_is_dropped_and_counted_when_too_many_wait() {
        let (desk, _) = desk(2, 2, 2);
        let first = submit(&desk, 1, 1);
        let second = submit(&desk, 1, 2);
        let third = submit(&desk, 1, 3);
        assert_eq!(result(first), Err(NoResult::Dropped));
        assert_eq!(desk.telemetry.snapshot(Moment::ZERO).dropped, 1);
        let mut batch = Vec::new();
        assert!(desk.next_batch(&mut batch));
        assert_eq!(run(&desk, &batch), [2, 3]);
        assert_eq!((result(second).unwrap()[0], result(third).unwrap()[0]), (2, 3));
    }

    #[test]
    fn a_job_that_nobody_waits_for_does_not_shift_the_results_of_the_others() {
        let (desk, _) = desk(2, 4, 4);
        let given_up = submit(&desk, 1, 1);
        let kept = submit(&desk, 2, 2);
        let mut batch = Vec::new();
        assert!(desk.next_batch(&mut batch));
        // Given up while it is being written.
        drop(given_up);
        run(&desk, &batch);
        assert_eq!(result(kept), Ok(vec![2, 102]));
        let waiting = submit(&desk, 1, 3);
        drop(waiting);
        let later = submit(&desk, 1, 4);
        submit_and_run(&desk, 5);
        assert_eq!(result(later), Ok(vec![4, 104]));
        assert_eq!(locked(&desk.state).free.len(), 8, "every place came back");
    }

    fn submit_and_run(desk: &Arc<Desk>, byte: u8) {
        let ticket = submit(desk, 9, byte);
        let mut batch = Vec::new();
        assert!(desk.next_batch(&mut batch));
        run(desk, &batch);
        result(ticket).unwrap();
    }

    #[test]
    fn closing_fails_every_job_and_frees_every_thread() {
        let (desk, _) = desk(8, 8, 8);
        let ticket = submit(&desk, 1, 1);
        let writer = {
            let desk = Arc::clone(&desk);
            std::thread::spawn(move || desk.next_batch(&mut Vec::new()))
        };
        let reader = {
            let desk = Arc::clone(&desk);
            std::thread::spawn(move || desk.next_to_read(0))
        };
        desk.close();
        assert_eq!(result(ticket), Err(NoResult::Closed));
        assert!(!writer.join().unwrap());
        assert_eq!(reader.join().unwrap(), None);
        assert_eq!(desk.submit(1, &[1], Moment::ZERO).unwrap_err(), NoResult::Closed);
    }

    #[test]
    fn a_job_whose_time_is_over_is_given_up_and_counted() {
        let (desk, clock) = desk(8, 8, 8);
        let ticket = submit(&desk, 1, 1);
        clock.advance(Duration::from_secs(2));
        assert_eq!(result(ticket), Err(NoResult::Late));
        assert_eq!(desk.telemetry.snapshot(Moment::ZERO).late, 1);
        assert_eq!(locked(&desk.state).free.len(), 16);
    }
}
