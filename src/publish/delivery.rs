//! The publisher's loop: connect, drain the outbox, wait for more; if the broker goes away, begin again.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::{
    Settings,
    client::{Connection, Happening, Outgo},
    drain::Drain,
    payload::{self, Context},
    stats::{State, Stats},
};
use crate::{
    backoff::{self, Backoff},
    clock::Clock,
    fact::{Fact, Outbox, Undelivered},
    shutdown::Stop,
};

/// The outbox is looked at again after this long even if nothing was recorded: a read of it may have failed.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Delivery {
    settings: Settings,
    outbox: OutboxBox,
    recorded: watch::Receiver<u64>,
    health: watch::Receiver<Option<String>>,
    clock: Arc<dyn Clock>,
    stats: Arc<Stats>,
    backoff: Backoff,
    outbox_broken: bool,
}

struct OutboxBox(Box<dyn Outbox>);

impl std::fmt::Debug for OutboxBox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Outbox")
    }
}

/// A connection that the broker has accepted, and what is on its way.
#[derive(Debug)]
struct Session {
    connection: Connection,
    drain: Drain,
    /// Handed to the client, not yet sent; `None` is a message that is no fact.
    handed: VecDeque<Option<u64>>,
    /// Sent, by the number that the acknowledgement will carry.
    sent: HashMap<u16, Option<u64>>,
}

/// Why a session ended.
enum End {
    Stopped,
    Lost(String),
}

impl Delivery {
    pub(super) fn new(
        settings: Settings,
        outbox: Box<dyn Outbox>,
        recorded: watch::Receiver<u64>,
        health: watch::Receiver<Option<String>>,
        clock: Arc<dyn Clock>,
        stats: Arc<Stats>,
    ) -> Self {
        let backoff = Backoff::new(settings.retry);
        let outbox = OutboxBox(outbox);
        Self { settings, outbox, recorded, health, clock, stats, backoff, outbox_broken: false }
    }

    pub(super) async fn run(mut self, stop: Stop) {
        while !stop.is_stopped() {
            let end = match self.connect(&stop).await {
                Ok(Some(session)) => self.serve(session, &stop).await,
                Ok(None) => break,
                Err(trouble) => End::Lost(trouble),
            };
            self.stats.set_state(State::Offline);
            let End::Lost(trouble) = end else { break };
            Stats::add(&self.stats.failures, 1);
            let wait = self.backoff.after_failure(backoff::chance());
            let broker = &self.settings.broker;
            if self.stats.set_trouble(Some(&trouble)) {
                tracing::warn!(
                    host = broker.host, port = broker.port, %trouble,
                    "no connection to the MQTT broker; events wait in the journal"
                );
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.stopped() => {}
            }
        }
        self.stats.set_state(State::Offline);
    }

    /// `None` if it is time to stop.
    async fn connect(&mut self, stop: &Stop) -> Result<Option<Session>, String> {
        let mut connection =
            Connection::begin(&self.settings.broker, &self.settings.topics, self.settings.window);
        let limit = Instant::now() + self.settings.broker.connect_limit + Duration::from_secs(1);
        let first = tokio::select! {
            first = timeout_at(limit, connection.happenings.recv()) => first,
            () = stop.stopped() => return Ok(None),
        };
        match first {
            Ok(Some(Happening::Connected)) => {}
            Ok(Some(Happening::Lost(trouble))) => return Err(trouble),
            Ok(other) => return Err(format!("the broker did not accept the connection ({other:?})")),
            Err(_) => return Err("no answer within the time limit".to_owned()),
        }
        Stats::add(&self.stats.connections, 1);
        self.stats.set_trouble(None);
        tracing::info!(
            host = self.settings.broker.host,
            port = self.settings.broker.port,
            "MQTT broker connected"
        );
        let newest = *self.recorded.borrow_and_update();
        Ok(Some(Session {
            connection,
            drain: Drain::begin(newest, self.settings.window),
            handed: VecDeque::new(),
            sent: HashMap::new(),
        }))
    }

    async fn serve(&mut self, mut session: Session, stop: &Stop) -> End {
        self.announce(&mut session, "online");
        self.tell_health(&session);
        loop {
            self.pump(&mut session);
            tokio::select! {
                biased;
                () = stop.stopped() => {
                    self.say_goodbye(session).await;
                    return End::Stopped;
                }
                happening = session.connection.happenings.recv() => {
                    if let Err(trouble) = self.hear(&mut session, happening) {
                        return End::Lost(trouble);
                    }
                }
                changed = self.recorded.changed() => {
                    if changed.is_err() {
                        // The journal is closed: what is left goes out, then there is nothing to wait for.
                        self.say_goodbye(session).await;
                        return End::Stopped;
                    }
                }
                Ok(()) = self.health.changed() => self.tell_health(&session),
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
    }

    /// Sends what the window has room for.
    fn pump(&mut self, session: &mut Session) {
        let facts = match session.drain.next(self.outbox.0.as_mut()) {
            Ok(facts) => facts,
            Err(error) => {
                if !std::mem::replace(&mut self.outbox_broken, true) {
                    tracing::error!(%error, "the outbox cannot be read; tried again");
                }
                return;
            }
        };
        self.outbox_broken = false;
        for fact in &facts {
            self.send(session, fact);
        }
        self.stats.set_state(if session.drain.is_catching_up() { State::CatchingUp } else { State::Online });
        if !session.drain.is_catching_up() && session.drain.in_flight() == 0 {
            self.backoff.succeeded();
        }
    }

    fn send(&mut self, session: &mut Session, undelivered: &Undelivered) {
        let context = Context {
            node: &self.settings.node,
            stream: self.outbox.0.stream(),
            now: self.clock.wall(),
            decision_valid: self.settings.decision_valid,
            historical_after: self.settings.historical_after,
        };
        let topics = &self.settings.topics;
        let topic = match &undelivered.fact {
            Fact::Decided(decided) => topics.decision(&decided.camera),
            Fact::Closed(closed) => topics.passage(&closed.passage.camera),
            // The outbox does not hand it out; if it did, it would be acknowledged unsent below.
            Fact::Evidence(_) => String::new(),
        };
        let message = match payload::message(undelivered, &context) {
            Ok(message) => message,
            Err(error) => {
                tracing::error!(seq = undelivered.seq, %error, "a fact cannot be put into a message; given up");
                Stats::add(&self.stats.unsendable, 1);
                session.drain.acknowledged(undelivered.seq);
                self.outbox.0.delivered(&[undelivered.seq]);
                return;
            }
        };
        let sent = session.connection.send(Outgo {
            topic,
            payload: message.json,
            acknowledged: true,
            retain: false,
            expires_in: message.expires_in,
        });
        if sent {
            session.handed.push_back(Some(undelivered.seq));
            Stats::add(&self.stats.historical, u64::from(message.historical));
        } else {
            // Cannot be while the window is smaller than the client's room; if it were, the next connection sends it.
            tracing::error!(
                seq = undelivered.seq,
                "the MQTT client takes no message; sent after the next connect"
            );
        }
    }

    /// Takes in what happened; an error ends the session.
    fn hear(&mut self, session: &mut Session, happening: Option<Happening>) -> Result<(), String> {
        match happening {
            Some(Happening::Connected) => Ok(()),
            Some(Happening::Sent(number)) => {
                let Some(handed) = session.handed.pop_front() else {
                    return Err("the MQTT client sent a message that it was not given".to_owned());
                };
                session.sent.insert(number, handed);
                Ok(())
            }
            Some(Happening::Acknowledged(number)) => {
                if let Some(Some(seq)) = session.sent.remove(&number) {
                    session.drain.acknowledged(seq);
                    self.outbox.0.delivered(&[seq]);
                    Stats::add(&self.stats.delivered, 1);
                }
                Ok(())
            }
            Some(Happening::Refused(number, why)) => {
                Stats::add(&self.stats.refused, 1);
                let what = match session.sent.remove(&number) {
                    Some(Some(_)) => "an event",
                    _ => "our availability",
                };
                Err(format!(
                    "the broker refuses {what} ({why}); allow this client to write to {} and beside it",
                    self.settings.topics.availability()
                ))
            }
            Some(Happening::Lost(trouble)) => Err(trouble),
            None => Err("the connection ended".to_owned()),
        }
    }

    fn announce(&self, session: &mut Session, word: &str) {
        let sent = session.connection.send(Outgo {
            topic: self.settings.topics.availability(),
            payload: word.as_bytes().to_vec(),
            acknowledged: true,
            retain: true,
            expires_in: None,
        });
        if sent {
            session.handed.push_back(None);
        }
    }

    fn tell_health(&mut self, session: &Session) {
        let Some(json) = self.health.borrow_and_update().clone() else { return };
        session.connection.send(Outgo {
            topic: self.settings.topics.health(),
            payload: json.into_bytes(),
            acknowledged: false,
            retain: true,
            expires_in: None,
        });
    }

    /// The last facts, then `offline`, all within the limit.
    async fn say_goodbye(&mut self, mut session: Session) {
        let end = Instant::now() + self.settings.stop_limit;
        let facts_end = Instant::now() + self.settings.stop_limit.mul_f32(0.6);
        loop {
            self.pump(&mut session);
            if session.drain.in_flight() == 0 {
                break;
            }
            match timeout_at(facts_end, session.connection.happenings.recv()).await {
                Ok(happening) => {
                    if self.hear(&mut session, happening).is_err() {
                        return;
                    }
                }
                Err(_) => break,
            }
        }
        self.announce(&mut session, "offline");
        while !(session.handed.is_empty() && session.sent.is_empty()) {
            match timeout_at(end, session.connection.happenings.recv()).await {
                Ok(happening) => {
                    if self.hear(&mut session, happening).is_err() {
                        break;
                    }
                }
                Err(_) => break,
            }
        }
        session
            .connection
            .end(end.saturating_duration_since(Instant::now()).min(Duration::from_millis(200)))
            .await;
    }
}
