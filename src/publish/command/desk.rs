//! The desk at which commands are received: what is retained, late, repeated or too much is refused here, and what
//! passes is remembered until it is answered or its time is over.
//!
//! Time comes as an argument; nothing here sends or waits. Everything it remembers is bounded.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::Value;

use super::{
    Command, Outcome, WAITING,
    parse::{self, Code, Fault},
};
use crate::{
    clock::Moment,
    publish::client::{Arrival, LONGEST_PAYLOAD, Payload},
};

/// Commands that are on their way at a time.
const MOST_PENDING: usize = 2 * WAITING;
/// Ids that are remembered. Their lives are limited, and so is how many come in in that time.
const MOST_IDS: usize = 1024;
/// An id is remembered this much longer than its command may live.
const REMEMBERED_AFTER: Duration = Duration::from_secs(60);
/// A command is answered within this time, or told to have come to nothing.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where an answer goes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Way {
    id: Option<String>,
    /// As in the topic, cut to a sensible length.
    verb: String,
    response_topic: Option<String>,
    correlation: Option<Vec<u8>>,
}

/// What is to be published about a command.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::publish) struct Answer {
    /// `None`: it had no id that could be read.
    pub id: Option<String>,
    pub verb: String,
    /// The topic that the sender chose, not yet checked.
    pub response_topic: Option<String>,
    pub correlation: Option<Vec<u8>>,
    /// `done`, or why not in one word.
    pub code: &'static str,
    /// The same for people.
    pub message: Option<String>,
    pub result: Option<Value>,
}

/// What came of a message on a command's topic.
#[derive(Debug, PartialEq)]
pub(in crate::publish) enum Received {
    /// To be done by somebody, before the deadline.
    Order { ticket: u64, command: Command, deadline: Moment },
    /// Not to be done; with the answer, unless there have been too many of them.
    Refused(Code, Option<Answer>),
}

#[derive(Debug)]
struct Pending {
    way: Way,
    deadline: Moment,
}

/// Lets `burst` pass at once and one more every `every`.
#[derive(Debug)]
struct Valve {
    burst: u32,
    every: Duration,
    left: u32,
    counted_until: Moment,
}

impl Valve {
    const fn new(burst: u32, every: Duration) -> Self {
        Self { burst, every, left: burst, counted_until: Moment::ZERO }
    }

    fn lets_pass(&mut self, now: Moment) -> bool {
        let more = now.since(self.counted_until).as_micros() / self.every.as_micros().max(1);
        if more >= u128::from(self.burst) {
            (self.left, self.counted_until) = (self.burst, now);
        } else if let Ok(more) = u32::try_from(more) {
            self.left = self.left.saturating_add(more).min(self.burst);
            self.counted_until = self.counted_until + self.every * more;
        }
        let passes = self.left > 0;
        self.left = self.left.saturating_sub(1);
        passes
    }
}

#[derive(Debug)]
pub(in crate::publish) struct Desk {
    next_ticket: u64,
    pending: BTreeMap<u64, Pending>,
    /// Until when each accepted id is remembered.
    ids: HashMap<String, Moment>,
    commands: Valve,
    refusals: Valve,
}

impl Desk {
    /// `known` are ids that were accepted before the start, and how much longer each is remembered.
    pub(in crate::publish) fn new(known: Vec<(String, Duration)>, now: Moment) -> Self {
        Self {
            next_ticket: 1,
            pending: BTreeMap::new(),
            ids: known.into_iter().take(MOST_IDS / 2).map(|(id, left)| (id, now + left)).collect(),
            commands: Valve::new(20, Duration::from_millis(500)),
            refusals: Valve::new(20, Duration::from_millis(500)),
        }
    }

    /// Looks at a message that came in for `verb`.
    pub(in crate::publish) fn receive(
        &mut self,
        verb: &str,
        arrival: &Arrival,
        wall: Timestamp,
        now: Moment,
    ) -> Received {
        let way = |id: Option<String>| Way {
            id,
            verb: verb.chars().take(64).collect(),
            response_topic: arrival.response_topic.clone(),
            correlation: arrival.correlation.clone(),
        };
        let checked = match &arrival.payload {
            Payload::TooLarge(bytes) => Err(Fault {
                id: None,
                code: Code::TooLarge,
                what: format!("{bytes} bytes; a command has at most {LONGEST_PAYLOAD}"),
            }),
            Payload::Whole(payload) => parse::parse(verb, payload),
        };
        let accepted = checked.and_then(|command| {
            self.accept(&command, arrival.retained, wall, now)
                .map(|deadline| (command, deadline))
                .map_err(|(id, code, what)| Fault { id: Some(id), code, what })
        });
        match accepted {
            Ok((command, deadline)) => {
                let ticket = self.next_ticket;
                self.next_ticket += 1;
                self.pending.insert(ticket, Pending { way: way(Some(command.id.clone())), deadline });
                Received::Order { ticket, command, deadline }
            }
            Err(fault) => {
                let answer = self
                    .refusals
                    .lets_pass(now)
                    .then(|| way(fault.id.clone()).answer(fault.code.as_str(), Some(fault.what), None));
                Received::Refused(fault.code, answer)
            }
        }
    }

    /// The command's deadline, if it may be done at all.
    fn accept(
        &mut self,
        command: &Command,
        retained: bool,
        wall: Timestamp,
        now: Moment,
    ) -> Result<Moment, (String, Code, String)> {
        let refuse = |code, what: &str| Err((command.id.clone(), code, what.to_owned()));
        if retained {
            return refuse(
                Code::Retained,
                "a command must not be retained: it would be done again and again",
            );
        }
        let left = Duration::try_from(command.expires_at.duration_since(wall)).unwrap_or(Duration::ZERO);
        if left.is_zero() {
            return refuse(Code::Expired, "expires_at is over; are the clocks of both sides right?");
        }
        let longest = command.request.longest_life();
        if left > longest {
            let what = format!(
                "expires_at is {} s ahead; {} may live for {} s",
                left.as_secs(),
                command.request.verb(),
                longest.as_secs()
            );
            return refuse(Code::TooFarAhead, &what);
        }
        self.ids.retain(|_, until| *until > now);
        if self.ids.contains_key(&command.id) {
            return refuse(Code::Repeated, "a command of this id was accepted already; it is not done twice");
        }
        if !self.commands.lets_pass(now) {
            return refuse(Code::Flood, "too many commands; try again in a few seconds, under a new id");
        }
        if self.pending.len() >= MOST_PENDING || self.ids.len() >= MOST_IDS {
            return refuse(Code::Busy, "too many commands wait already");
        }
        // Longer than it may live: the wall clock may be set back a little.
        self.ids.insert(command.id.clone(), now + longest + REMEMBERED_AFTER);
        Ok(now + left.min(PATIENCE))
    }

    /// Nobody takes the order.
    pub(in crate::publish) fn turned_away(&mut self, ticket: u64) -> Option<Answer> {
        let way = self.pending.remove(&ticket)?.way;
        Some(way.answer(Code::Busy.as_str(), Some("too many commands wait already".to_owned()), None))
    }

    /// What came of an order; `None` if its sender was told already that it came to nothing.
    pub(in crate::publish) fn answered(&mut self, ticket: u64, outcome: Outcome) -> Option<Answer> {
        let way = self.pending.remove(&ticket)?.way;
        Some(match outcome {
            Outcome::Done(Value::Null) => way.answer("done", None, None),
            Outcome::Done(result) => way.answer("done", None, Some(result)),
            Outcome::Refused(what) => way.answer("refused", Some(what), None),
            Outcome::Failed(what) => way.answer("failed", Some(what), None),
            Outcome::NotAvailable(what) => way.answer("not-available", Some(what), None),
        })
    }

    /// Orders whose time is over.
    pub(in crate::publish) fn overdue(&mut self, now: Moment) -> Vec<Answer> {
        let over = |pending: &Pending| pending.deadline <= now;
        let tickets: Vec<u64> = self.pending.iter().filter(|(_, p)| over(p)).map(|(t, _)| *t).collect();
        let words = "nothing came of it in time; it will not be begun any more";
        let ways = tickets.into_iter().filter_map(|ticket| self.pending.remove(&ticket)).map(|p| p.way);
        ways.map(|way| way.answer(Code::Late.as_str(), Some(words.to_owned()), None)).collect()
    }

    pub(in crate::publish) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }
}

impl Way {
    fn answer(self, code: &'static str, message: Option<String>, result: Option<Value>) -> Answer {
        let Self { id, verb, response_topic, correlation } = self;
        Answer { id, verb, response_topic, correlation, code, message, result }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const WALL: &str = "2026-11-25T07:00:00Z";

    fn wall() -> Timestamp {
        WALL.parse().unwrap()
    }

    fn status(id: &str, expires: &str) -> Arrival {
        arrival(json!({"id": id, "expires_at": expires}).to_string().into_bytes())
    }

    fn arrival(payload: Vec<u8>) -> Arrival {
        Arrival {
            topic: "amslpr/pi/cmd/status".to_owned(),
            payload: Payload::Whole(payload),
            retained: false,
            response_topic: Some("me/answers".to_owned()),
            correlation: Some(vec![1, 2]),
        }
    }

    fn code(received: &Received) -> Option<Code> {
        match received {
            Received::Order { .. } => None,
            Received::Refused(code, _) => Some(*code),
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_command_is_ordered_once_and_answered_where_its_sender_wants_it() {
        let mut desk = Desk::new(Vec::new(), Moment::ZERO);
        let now = Moment::ZERO + SECOND;
        let received = desk.receive("status", &status("a", "2026-11-25T07:00:05Z"), wall(), now);
        let Received::Order { ticket, command, deadline } = received else { panic!("{received:?}") };
        assert_eq!((command.id.as_str(), deadline), ("a", now + 5 * SECOND));
        let again = desk.receive("status", &status("a", "2026-11-25T07:00:05Z"), wall(), now + SECOND);
        assert_eq!(code(&again), Some(Code::Repeated));
        let answer = desk.answered(ticket, Outcome::Done(json!({"x": 1}))).unwrap();
        assert_eq!((answer.id.as_deref(), answer.code), (Some("a"), "done"));
        assert_eq!(
            (answer.response_topic.as_deref(), answer.correlation),
            (Some("me/answers"), Some(vec![1, 2]))
        );
        assert_eq!(desk.answered(ticket, Outcome::Done(Value::Null)), None, "answered once");
        let later = desk.receive("status", &status("a", "2026-11-25T07:00:09Z"), wall(), now + 2 * SECOND);
        assert_eq!(code(&later), Some(Code::Repeated), "nor later");
    }

    #[test]
    fn what_was_accepted_before_the_start_is_not_accepted_again() {
        let known = vec![("a".to_owned(), 30 * SECOND), ("b".to_owned(), 2 * SECOND)];
        let mut desk = Desk::new(known, Moment::ZERO);
        let mut check = |id: &str, second: u32, expected: Option<Code>| {
            let now = Moment::ZERO + SECOND * second;
            let received = desk.receive("status", &status(id, "2026-11-25T07:01:00Z"), wall(), now);
            assert_eq!(code(&received), expected, "{id} after {second} s");
        };
        check("a", 1, Some(Code::Repeated));
        check("b", 1, Some(Code::Repeated));
        check("b", 3, None);
        check("c", 3, None);
    }

    #[test]
    fn what_is_retained_or_out_of_its_time_is_refused() {
        let check = |verb: &str, retained: bool, expires: &str, expected: Option<Code>| {
            let gate = if verb == "gate/open" { json!("main") } else { Value::Null };
            let mut payload = json!({"id": "a", "expires_at": expires});
            if !gate.is_null() {
                payload["gate"] = gate;
            }
            let arrival = Arrival { retained, ..arrival(payload.to_string().into_bytes()) };
            let received = Desk::new(Vec::new(), Moment::ZERO).receive(verb, &arrival, wall(), Moment::ZERO);
            assert_eq!(code(&received), expected, "{verb} {retained} {expires}");
        };
        check("status", false, "2026-11-25T07:00:01Z", None);
        check("status", true, "2026-11-25T07:00:01Z", Some(Code::Retained));
        check("status", false, "2026-11-25T07:00:00Z", Some(Code::Expired));
        check("status", false, "1999-01-01T00:00:00Z", Some(Code::Expired));
        check("status", false, "2026-11-25T07:05:00Z", None);
        check("status", false, "2026-11-25T07:05:01Z", Some(Code::TooFarAhead));
        check("gate/open", false, "2026-11-25T07:00:30Z", None);
        check("gate/open", false, "2026-11-25T07:00:31Z", Some(Code::TooFarAhead));
        check("gate/open", false, "9999-12-30T00:00:00Z", Some(Code::TooFarAhead));
    }

    #[test]
    fn a_late_outcome_changes_nothing_any_more() {
        let mut desk = Desk::new(Vec::new(), Moment::ZERO);
        let received = desk.receive("status", &status("a", "2026-11-25T07:01:00Z"), wall(), Moment::ZERO);
        let Received::Order { ticket, deadline, .. } = received else { panic!("{received:?}") };
        assert_eq!(deadline, Moment::ZERO + PATIENCE, "nobody is kept waiting for a minute");
        assert!(desk.overdue(Moment::ZERO + (PATIENCE - Duration::from_millis(1))).is_empty());
        let late = desk.overdue(deadline);
        assert_eq!((late.len(), late[0].code), (1, "late"));
        assert_eq!(desk.answered(ticket, Outcome::Done(Value::Null)), None);
    }

    #[test]
    fn a_flood_is_refused_and_neither_answers_nor_memory_grow_with_it() {
        let mut desk = Desk::new(Vec::new(), Moment::ZERO);
        let (mut ordered, mut answers) = (0, 0);
        for n in 0..10_000_u32 {
            let now = Moment::from_micros(u64::from(n) * 100);
            match desk.receive("status", &status(&format!("n{n}"), "2026-11-25T07:00:20Z"), wall(), now) {
                Received::Order { .. } => ordered += 1,
                Received::Refused(code, answer) => {
                    assert!(matches!(code, Code::Flood | Code::Busy), "{code:?}");
                    answers += u32::from(answer.is_some());
                }
            }
        }
        // In one second: the burst, and two more.
        assert!((20..=22).contains(&ordered) && (20..=22).contains(&answers), "{ordered} {answers}");
        assert!(desk.pending.len() <= MOST_PENDING && desk.ids.len() <= MOST_IDS);
        // For a day, as many as pass.
        for n in 0..100_000_u32 {
            let now = Moment::from_micros(u64::from(n) * 864_000 + 2_000_000);
            desk.receive("status", &status(&format!("m{n}"), "2026-11-25T07:00:20Z"), wall(), now);
            desk.overdue(now);
            assert!(desk.pending.len() <= MOST_PENDING && desk.ids.len() <= MOST_IDS);
        }
        let much_later = Moment::from_micros(100_000_000_000);
        let received = desk.receive("status", &status("new", "2026-11-25T07:00:20Z"), wall(), much_later);
        assert_eq!(code(&received), None, "it passes");
    }

    #[test]
    fn what_has_no_id_is_answered_without_one() {
        let mut desk = Desk::new(Vec::new(), Moment::ZERO);
        let large = Arrival { payload: Payload::TooLarge(9000), ..arrival(Vec::new()) };
        for (arrival, expected) in [(large, "too-large"), (arrival(b"{".to_vec()), "not-json")] {
            match desk.receive(&"x".repeat(500), &arrival, wall(), Moment::ZERO) {
                Received::Refused(_, Some(answer)) => {
                    assert_eq!((answer.id, answer.code, answer.verb.len()), (None, expected, 64));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
