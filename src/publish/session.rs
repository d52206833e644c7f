//! One accepted connection: what is on its way on it, and what the broker keeps for latecomers.
//!
//! Bookkeeping over a [`Connection`]; which fact is next, and what becomes of a session that ends, is decided
//! elsewhere.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::{
    client::{Arrival, Connection, Happening, Limits, Outgo},
    drain::Drain,
    status::Kept,
};

/// Beside its payload and topic a packet has its header and a few properties.
const PACKET_OVERHEAD: usize = 400;
/// Pictures that the client may hold at a time.
const MOST_IMAGES: usize = 2;

/// A connection that the broker has accepted, and what is on its way.
#[derive(Debug)]
pub(super) struct Session {
    connection: Connection,
    limits: Limits,
    pub drain: Drain,
    /// Handed to the client, not yet sent.
    handed: VecDeque<Sent>,
    /// Sent, by the number that the acknowledgement will carry.
    sent: HashMap<u16, Sent>,
    /// Handed to the client and not yet sent, of those that nobody acknowledges.
    unacknowledged: usize,
    /// What the broker keeps of us, by topic, since this connection began.
    kept: HashMap<String, Vec<u8>>,
    /// Since when nothing is owed to us, or we last heard something.
    heard: Instant,
    pub began: Instant,
}

/// What a message of ours was.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Sent {
    Fact(u64),
    /// An order for somebody else's gate.
    Call(Uuid),
    /// With its topic.
    Other(&'static str, String),
}

/// What a happening means.
#[derive(Debug)]
pub(super) enum Heard {
    /// Nothing that concerns anybody else.
    Nothing,
    /// The broker has this fact.
    Delivered(u64),
    /// The broker has this call, or refuses it.
    Called(Uuid, Result<(), String>),
    /// The broker refuses this fact.
    FactRefused(String),
    /// The broker does not let us say this on that topic; everything else goes on.
    Denied {
        what: &'static str,
        topic: String,
        why: String,
    },
    /// The broker does not let us listen.
    Unheard(String),
    Arrived(Arrival),
}

impl Session {
    /// Waits until the broker has accepted us; an error says why it did not.
    pub(super) async fn begin(
        mut connection: Connection,
        window: usize,
        newest: u64,
        limit: Instant,
    ) -> Result<Self, String> {
        let limits = match timeout_at(limit, connection.happenings.recv()).await {
            Ok(Some(Happening::Connected(limits))) => limits,
            Ok(Some(Happening::Lost(trouble))) => return Err(trouble),
            Ok(other) => return Err(format!("the broker did not accept the connection ({other:?})")),
            Err(_) => return Err("no answer within the time limit".to_owned()),
        };
        if !limits.acknowledges {
            return Err(
                "the broker acknowledges nothing (it accepts QoS 0 only); events would be lost".to_owned()
            );
        }
        Ok(Self {
            connection,
            limits,
            drain: Drain::begin(newest, window),
            handed: VecDeque::new(),
            sent: HashMap::new(),
            unacknowledged: 0,
            kept: HashMap::new(),
            heard: Instant::now(),
            began: Instant::now(),
        })
    }

    pub(super) fn listen(&self, topics: &str, as_sent: bool) -> bool {
        self.connection.listen(topics, as_sent)
    }

    /// The broker would not take it; sending it would end the connection.
    pub(super) fn is_too_large(&self, message: &Outgo) -> bool {
        message.payload.len() + message.topic.len() + PACKET_OVERHEAD > self.limits.packet
    }

    /// Hands a fact's message over; false if the client has no room.
    pub(super) fn send_fact(&mut self, seq: u64, message: Outgo) -> bool {
        self.hand(Sent::Fact(seq), message)
    }

    /// Hands an order over; false if the client has no room or the broker would not take it.
    pub(super) fn send_call(&mut self, order: Uuid, message: Outgo) -> bool {
        !self.is_too_large(&message) && self.hand(Sent::Call(order), message)
    }

    /// Hands any other message over; false if the client has no room or the broker would not take it.
    pub(super) fn send(&mut self, what: &'static str, message: Outgo) -> bool {
        !self.is_too_large(&message) && self.hand(Sent::Other(what, message.topic.clone()), message)
    }

    /// There is room for a picture.
    pub(super) fn takes_images(&self) -> bool {
        self.unacknowledged < MOST_IMAGES
    }

    fn hand(&mut self, sent: Sent, mut message: Outgo) -> bool {
        message.retain &= self.limits.retains;
        if self.handed.is_empty() && self.sent.is_empty() {
            self.heard = Instant::now();
        }
        let acknowledged = message.acknowledged;
        let taken = self.connection.send(message);
        if taken && acknowledged {
            self.handed.push_back(sent);
        } else if taken {
            self.unacknowledged += 1;
        }
        taken
    }

    /// Tells the broker those of the retained messages that it does not have yet; false if some have to wait.
    pub(super) fn keep(&mut self, all: Vec<Kept>) -> bool {
        let mut complete = true;
        for Kept { what, message } in all {
            if self.kept.get(&message.topic) == Some(&message.payload) {
                continue;
            }
            let (topic, payload) = (message.topic.clone(), message.payload.clone());
            if self.is_too_large(&message) {
                tracing::warn!(
                    topic,
                    bytes = payload.len(),
                    "larger than the broker's largest packet: {what}"
                );
            } else if !self.hand(Sent::Other(what, topic.clone()), message) {
                complete = false;
                continue;
            }
            self.kept.insert(topic, payload);
        }
        complete
    }

    /// Forgets that the broker has this one: it is told again.
    pub(super) fn tell_again(&mut self, topic: &str) {
        self.kept.remove(topic);
    }

    /// The next happening.
    pub(super) async fn next(&mut self) -> Option<Happening> {
        self.connection.happenings.recv().await
    }

    /// Takes in what happened; an error means that the session is over.
    pub(super) fn hear(&mut self, happening: Option<Happening>) -> Result<Heard, String> {
        if !matches!(happening, Some(Happening::Sent(_) | Happening::SentUnacknowledged)) {
            self.heard = Instant::now();
        }
        Ok(match happening {
            Some(Happening::Connected(_)) => Heard::Nothing,
            Some(Happening::Sent(number)) => {
                let Some(handed) = self.handed.pop_front() else {
                    return Err("the MQTT client sent a message that it was not given".to_owned());
                };
                self.sent.insert(number, handed);
                Heard::Nothing
            }
            Some(Happening::SentUnacknowledged) => {
                self.unacknowledged = self.unacknowledged.saturating_sub(1);
                Heard::Nothing
            }
            Some(Happening::Acknowledged(number)) => match self.sent.remove(&number) {
                Some(Sent::Fact(seq)) => {
                    self.drain.acknowledged(seq);
                    Heard::Delivered(seq)
                }
                Some(Sent::Call(order)) => Heard::Called(order, Ok(())),
                Some(Sent::Other(..)) | None => Heard::Nothing,
            },
            Some(Happening::Refused(number, why)) => match self.sent.remove(&number) {
                Some(Sent::Other(what, topic)) => Heard::Denied { what, topic, why },
                Some(Sent::Call(order)) => {
                    Heard::Called(order, Err(format!("the broker refuses it ({why})")))
                }
                Some(Sent::Fact(_)) | None => Heard::FactRefused(why),
            },
            Some(Happening::Unheard(why)) => Heard::Unheard(why),
            Some(Happening::Arrived(arrival)) => Heard::Arrived(arrival),
            Some(Happening::Lost(trouble)) => return Err(trouble),
            None => return Err("the connection ended".to_owned()),
        })
    }

    /// Something of ours is on its way, and the broker has been silent for this long.
    pub(super) fn silent_for(&self) -> Duration {
        match self.is_idle() {
            true => Duration::ZERO,
            false => self.heard.elapsed(),
        }
    }

    /// Nothing of ours is on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.handed.is_empty() && self.sent.is_empty()
    }

    /// Says good-bye, so that the broker does not send the last will.
    pub(super) async fn end(self, limit: Duration) {
        self.connection.end(limit).await;
    }
}
