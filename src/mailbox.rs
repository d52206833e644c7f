//! A bounded channel between threads that says what it does when it is full: forget the oldest and count it (live
//! pictures), or make the sender wait (recordings, which must not lose any).
//!
//! Closed from either end by dropping it. Not for facts that must not be lost on a live system: those take a queue.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// What a full mailbox does with one more item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// The oldest item is dropped and counted.
    ForgetOldest,
    /// The sender waits.
    Wait,
}

/// How long a waiting sender waits between two looks at its reason to give up.
const GLANCE: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub struct Sender<T>(Arc<Shared<T>>);

#[derive(Debug)]
pub struct Receiver<T>(Arc<Shared<T>>);

/// What came out of a timed receive.
#[derive(Debug, PartialEq, Eq)]
pub enum Received<T> {
    Item(T),
    /// Nothing came within the time.
    Nothing,
    /// The sender is gone and everything was received.
    Closed,
}

/// What became of a sent item.
#[derive(Debug, PartialEq, Eq)]
pub enum Sent {
    Kept,
    /// Kept, and the oldest one was forgotten for it.
    Forgot,
    /// Nobody will receive it any more, or the sender gave up waiting.
    Lost,
}

#[derive(Debug)]
struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    capacity: usize,
    when_full: WhenFull,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    forgotten: u64,
    sender_gone: bool,
    receiver_gone: bool,
}

/// A mailbox of at least one place.
pub fn mailbox<T>(capacity: usize, when_full: WhenFull) -> (Sender<T>, Receiver<T>) {
    let capacity = capacity.max(1);
    let items = VecDeque::with_capacity(capacity);
    let state = State { items, forgotten: 0, sender_gone: false, receiver_gone: false };
    let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new(), capacity, when_full });
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Sender<T> {
    /// Puts an item in. A sender that waits looks at `give_up` a few times a second.
    pub fn send(&self, item: T, give_up: impl Fn() -> bool) -> Sent {
        let mut state = self.0.lock();
        while !state.receiver_gone && state.items.len() >= self.0.capacity {
            match self.0.when_full {
                WhenFull::ForgetOldest => {
                    let oldest = state.items.pop_front();
                    state.forgotten += 1;
                    state.items.push_back(item);
                    drop(state);
                    self.0.changed.notify_all();
                    // Outside the lock: dropping a picture returns its memory to a pool with a lock of its own.
                    drop(oldest);
                    return Sent::Forgot;
                }
                WhenFull::Wait if give_up() => return Sent::Lost,
                WhenFull::Wait => {
                    let waited = self.0.changed.wait_timeout(state, GLANCE);
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
        if state.receiver_gone {
            return Sent::Lost;
        }
        state.items.push_back(item);
        drop(state);
        self.0.changed.notify_all();
        Sent::Kept
    }

    /// The receiver is gone: whatever is sent is lost.
    pub fn is_closed(&self) -> bool {
        self.0.lock().receiver_gone
    }
}

impl<T> Receiver<T> {
    /// The next item, waiting for it at most this long.
    pub fn receive(&self, patience: Duration) -> Received<T> {
        let state = self.0.lock();
        let idle = |state: &mut State<T>| state.items.is_empty() && !state.sender_gone;
        let waited = self.0.changed.wait_timeout_while(state, patience, idle);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        let item = state.items.pop_front();
        let closed = state.sender_gone;
        drop(state);
        match item {
            Some(item) => {
                self.0.changed.notify_all();
                Received::Item(item)
            }
            None if closed => Received::Closed,
            None => Received::Nothing,
        }
    }

    /// How many items were forgotten because the mailbox was full.
    pub fn forgotten(&self) -> u64 {
        self.0.lock().forgotten
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.lock().sender_gone = true;
        self.0.changed.notify_all();
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.receiver_gone = true;
        let left = std::mem::take(&mut state.items);
        drop(state);
        self.0.changed.notify_all();
        drop(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(1);
    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn a_full_mailbox_forgets_the_oldest_and_counts() {
        let (send, receive) = mailbox(2, WhenFull::ForgetOldest);
        let sent: Vec<_> = (0..5).map(|n| send.send(n, || false)).collect();
        assert_eq!(sent, [Sent::Kept, Sent::Kept, Sent::Forgot, Sent::Forgot, Sent::Forgot]);
        assert_eq!(receive.forgotten(), 3);
        assert_eq!((receive.receive(SOON), receive.receive(SOON)), (Received::Item(3), Received::Item(4)));
        assert_eq!(receive.receive(SOON), Received::Nothing);
    }

    #[test]
    fn what_was_sent_is_still_received_after_the_sender_is_gone() {
        let (send, receive) = mailbox(4, WhenFull::ForgetOldest);
        send.send(1, || false);
        drop(send);
        assert_eq!(receive.receive(LONG), Received::Item(1));
        assert_eq!(receive.receive(LONG), Received::Closed);
    }

    #[test]
    fn a_waiting_sender_loses_nothing() {
        let (send, receive) = mailbox(1, WhenFull::Wait);
        let sender = std::thread::spawn(move || (0..200).all(|n| send.send(n, || false) == Sent::Kept));
        let got: Vec<u32> = std::iter::from_fn(|| match receive.receive(LONG) {
            Received::Item(n) => Some(n),
            _ => None,
        })
        .collect();
        assert_eq!(got, (0..200).collect::<Vec<_>>());
        assert!(sender.join().unwrap());
        assert_eq!(receive.forgotten(), 0);
    }

    #[test]
    fn a_waiting_sender_gives_up_when_told_or_when_nobody_is_left() {
        let (send, receive) = mailbox(1, WhenFull::Wait);
        send.send(1, || false);
        assert_eq!(send.send(2, || true), Sent::Lost);
        let waiting = std::thread::spawn(move || send.send(3, || false));
        drop(receive);
        assert_eq!(waiting.join().unwrap(), Sent::Lost);
    }
}
