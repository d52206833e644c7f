//! The loop of one receiver: the next fact that it wants, posted again and again until it has it, will not have it, or
//! the fact is too old.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::{
    Event, Settings,
    post::{Failure, Message, Post},
    stats::Stats,
};
use crate::{
    api,
    backoff::{self, Backoff},
    clock::{Clock, Moment, WallTrust},
    journal::{Followed, Follower, ReaderError},
    shutdown::Stop,
    telemetry::{Span, Stage},
};

/// Facts whose numbers are taken from the journal at a time.
const BATCH: usize = 64;
/// How long a wait may last before the stop is asked for.
const TURN: Duration = Duration::from_millis(250);
/// A journal that cannot be read, and a clock that is not set, are looked at again after this long.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// The journal is looked at after this long even if nothing was recorded.
const LOOK_ANYWAY: Duration = Duration::from_secs(5);

/// Tells one receiver.
#[derive(Debug)]
pub struct Courier {
    settings: Settings,
    post: Post,
    follower: Follower,
    backoff: Backoff,
    stats: Arc<Stats>,
    /// The journal could not be read the last time.
    unreadable: bool,
    /// The receiver has taken nothing since then.
    failing_since: Option<Moment>,
    /// Facts were lost to it since it last took one; the log knows.
    losing: bool,
    trust: WallTrust,
    clock: Arc<dyn Clock>,
}

/// The stop was heard.
struct Stopped;

/// What became of a fact at one attempt.
enum Attempt {
    /// It is dealt with, well or not.
    Over,
    /// It is tried again after this.
    Again(Duration),
}

impl Courier {
    pub fn new(
        settings: Settings,
        follower: Follower,
        stats: Arc<Stats>,
        trust: WallTrust,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (post, backoff) = (Post::new(&settings), Backoff::new(settings.retry));
        let (unreadable, failing_since, losing) = (false, None, false);
        Self { settings, post, follower, backoff, stats, unreadable, failing_since, losing, trust, clock }
    }

    /// Tells until the stop. `beat` is called every second or two, or after a call at the latest.
    pub fn run(&mut self, stop: &Stop, beat: &dyn Fn()) {
        while !stop.is_stopped() {
            beat();
            let found = self.follower.next(BATCH);
            let Some(numbers) = self.readable(found) else {
                if self.wait(LOOK_AGAIN, stop, beat).is_err() {
                    return;
                }
                continue;
            };
            self.count();
            if numbers.is_empty() {
                // Now and then all the same: the file may have come to be, and other programs may have erased something.
                let turns = LOOK_ANYWAY.as_millis() / TURN.as_millis();
                for _ in 0..turns {
                    if self.follower.wait(TURN) || stop.is_stopped() {
                        break;
                    }
                    beat();
                }
                continue;
            }
            for nr in numbers {
                if self.tell(nr, stop, beat).is_err() {
                    return;
                }
                self.follower.reached(nr);
            }
        }
    }

    /// What the journal answered, if it did; whether it does is told.
    fn readable<T>(&mut self, answer: Result<T, ReaderError>) -> Option<T> {
        match answer {
            Ok(answer) => {
                // What the receiver itself did is told by the next attempt.
                if std::mem::take(&mut self.unreadable) {
                    self.stats.set_trouble(None);
                }
                Some(answer)
            }
            Err(error) => {
                self.unreadable = true;
                self.troubled(&error.to_string());
                None
            }
        }
    }

    fn count(&mut self) {
        let (before, missed) = (self.stats.missed.load(Ordering::Relaxed), self.follower.missed());
        if missed > before {
            self.stats.missed.store(missed, Ordering::Relaxed);
            self.lost("they were erased before it was told of them");
        }
        if let Some(behind) = self.follower.behind() {
            self.stats.behind.store(behind, Ordering::Relaxed);
        }
    }

    /// Whatever becomes of it: afterwards the fact is dealt with.
    fn tell(&mut self, nr: u64, stop: &Stop, beat: &dyn Fn()) -> Result<(), Stopped> {
        loop {
            if stop.is_stopped() {
                return Err(Stopped);
            }
            beat();
            match self.attempt(nr) {
                Attempt::Over => return Ok(()),
                Attempt::Again(wait) => {
                    self.count();
                    self.wait(wait, stop, beat)?;
                }
            }
        }
    }

    fn attempt(&mut self, nr: u64) -> Attempt {
        // Anew each time: what was erased meanwhile is not told.
        let found = self.follower.read(nr);
        let Some(found) = self.readable(found) else { return Attempt::Again(LOOK_AGAIN) };
        let Some(told) = found else { return Attempt::Over };
        let Some(event) = Event::of(&told.fact).filter(|event| self.settings.events.contains(event)) else {
            return Attempt::Over;
        };
        if let Some(why) = self.hindrance() {
            self.troubled(&why);
            return Attempt::Again(LOOK_AGAIN);
        }
        if self.is_too_old(&told) {
            Stats::add(&self.stats.given_up, 1);
            self.lost("it could not be told of them for as long as facts are kept for it");
            return Attempt::Over;
        }
        let body = match api::event(&told.fact, told.erased) {
            Ok(event) => event.json,
            Err(error) => {
                tracing::error!(webhook = self.settings.name, fact = nr, %error, "a fact cannot be put into a message");
                Stats::add(&self.stats.refused, 1);
                return Attempt::Over;
            }
        };
        // The same at every attempt, so that a receiver knows what it has already. A passage and its decision share an id.
        let id = format!("{}_{}", event.as_str(), told.fact.id().hyphenated());
        let outcome = self.send(&id, &body);
        self.answered(&id, outcome)
    }

    fn send(&self, id: &str, body: &str) -> Result<(), Failure> {
        let timestamp = self.clock.wall().as_second();
        let signature = self.settings.keys.sign(id, timestamp, body);
        let began = self.clock.now();
        let outcome = self.post.send(&Message { id, timestamp, signature: &signature, body });
        let ended = self.clock.now();
        self.stats.calls.note(&Span::of(Stage::Publish, began, ended).ended_well(outcome.is_ok()));
        outcome
    }

    fn answered(&mut self, id: &str, outcome: Result<(), Failure>) -> Attempt {
        match outcome {
            Ok(()) => {
                Stats::add(&self.stats.delivered, 1);
                (self.failing_since, self.losing) = (None, false);
                self.backoff.succeeded();
                if self.stats.set_trouble(None) {
                    tracing::info!(webhook = self.settings.name, "the receiver is told again");
                }
                Attempt::Over
            }
            Err(Failure::Refused(why)) => {
                Stats::add(&self.stats.refused, 1);
                self.backoff.succeeded();
                if self.stats.set_trouble(Some(&why)) {
                    tracing::warn!(
                        webhook = self.settings.name,
                        first = id,
                        why,
                        "messages are refused, and skipped"
                    );
                }
                Attempt::Over
            }
            Err(Failure::Later(why, pause)) => {
                Stats::add(&self.stats.failures, 1);
                self.failing_since.get_or_insert(self.clock.now());
                self.troubled(&why);
                let wait = self.backoff.after_failure(backoff::chance());
                Attempt::Again(wait.max(pause.unwrap_or_default()))
            }
        }
    }

    fn is_too_old(&self, told: &Followed) -> bool {
        if told.fact.is_clock_unset() {
            // It has no age; how long the receiver has taken nothing is known.
            return self
                .failing_since
                .is_some_and(|since| self.clock.now().since(since) > self.settings.keep);
        }
        // By a clock that is believed so far that things may be erased by it; what is to come is not old.
        let age = self.clock.wall().duration_since(told.recorded);
        self.trust.may_erase() && age.is_positive() && age.unsigned_abs() > self.settings.keep
    }

    /// What keeps us from calling at all.
    fn hindrance(&self) -> Option<String> {
        if let Some(missing) = self.settings.keys.trouble() {
            return Some(missing.to_owned());
        }
        // Receivers refuse what is signed at another time than theirs.
        (!self.trust.is_set()).then(|| "nobody has set the clock: nothing can be signed".to_owned())
    }

    fn troubled(&self, why: &str) {
        if self.stats.set_trouble(Some(why)) {
            let webhook = &self.settings.name;
            tracing::warn!(webhook, trouble = why, "a receiver is not told; facts wait in the journal");
        }
    }

    /// Said once until the receiver takes something again; counted each time.
    fn lost(&mut self, why: &str) {
        if !std::mem::replace(&mut self.losing, true) {
            tracing::warn!(webhook = self.settings.name, why, "facts are lost to a receiver");
        }
    }

    fn wait(&self, time: Duration, stop: &Stop, beat: &dyn Fn()) -> Result<(), Stopped> {
        let mut left = time;
        while !left.is_zero() {
            beat();
            let turn = left.min(TURN);
            if stop.wait_timeout(turn) {
                return Err(Stopped);
            }
            left -= turn;
        }
        Ok(())
    }
}
