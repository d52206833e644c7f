//! The publisher's loop: connect, drain the outbox, listen, wait for more; if the broker goes away, begin again.

use std::{collections::HashMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, timeout_at},
};
use uuid::Uuid;

use super::{
    HomeAssistant, Settings, Sources, Status,
    call::{self, Call, Calls},
    client::{Arrival, Connection, Happening, JPEG, JSON, Outgo, Payload},
    command::{Answer, Desk, Order, Outcome, Received, Slot},
    discovery,
    image::Image,
    payload::{self, Context},
    session::{Heard, Session},
    stats::{State, Stats},
    status,
};
use crate::{
    backoff::{self, Backoff},
    clock::{Clock, Moment},
    fact::{Fact, Outbox, Undelivered},
    shutdown::Stop,
    telemetry::{Span, Stage},
};

/// The outbox is looked at again after this long even if nothing was recorded: a read of it may have failed.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// How often overdue commands are looked for while some wait.
const LOOK_FOR_OVERDUE: Duration = Duration::from_millis(250);
/// A connection that lasted this long was a good one: the next failure is waited for shortly.
const PROVEN: Duration = Duration::from_secs(20);
/// Answers nobody fetched in this time are of no use any more.
const ANSWER_LIFE: Duration = Duration::from_secs(60);
/// A topic that the broker refused is tried again after this long.
const ASK_AGAIN: Duration = Duration::from_secs(600);
const MOST_FORBIDDEN: usize = 64;
/// Outcomes of commands that may wait to be told.
const OUTCOMES: usize = 64;

#[derive(Debug)]
pub(super) struct Delivery {
    settings: Settings,
    outbox: Box<dyn Outbox>,
    recorded: watch::Receiver<u64>,
    status: watch::Receiver<Status>,
    images: mpsc::Receiver<Image>,
    orders: Option<std::sync::mpsc::SyncSender<Order>>,
    desk: Desk,
    outcomes: mpsc::Receiver<(u64, Outcome)>,
    outcome_sender: mpsc::Sender<(u64, Outcome)>,
    calls: Calls,
    /// Facts that the broker has not acknowledged on this connection, and since when: no more than the window is wide.
    on_the_way: HashMap<u64, Moment>,
    /// Calls that the broker has not acknowledged on this connection.
    called: HashMap<Uuid, Call>,
    clock: Arc<dyn Clock>,
    started: Timestamp,
    stats: Arc<Stats>,
    backoff: Backoff,
    outbox_broken: bool,
    /// Topics that the broker refused, and when.
    forbidden: HashMap<String, Instant>,
    /// The trouble that stands in the log; none once a connection has proven itself.
    logged: Option<String>,
    /// The trouble after which the log says that we are connected again.
    told_connected: Option<Option<String>>,
}

/// Why a session ended.
enum End {
    Stopped,
    Lost(String),
}

impl Delivery {
    pub(super) fn new(
        settings: Settings,
        sources: Sources,
        images: mpsc::Receiver<Image>,
        clock: Arc<dyn Clock>,
        stats: Arc<Stats>,
    ) -> Self {
        let (outcome_sender, outcomes) = mpsc::channel(OUTCOMES);
        let Sources { outbox, recorded, status, orders, known_commands, calls } = sources;
        Self {
            backoff: Backoff::new(settings.retry),
            started: clock.wall(),
            desk: Desk::new(known_commands, clock.now()),
            outbox_broken: false,
            forbidden: HashMap::new(),
            logged: None,
            told_connected: None,
            settings,
            outbox,
            recorded,
            status,
            images,
            orders,
            outcomes,
            outcome_sender,
            calls,
            on_the_way: HashMap::new(),
            called: HashMap::new(),
            clock,
            stats,
        }
    }

    pub(super) async fn run(mut self, stop: Stop) {
        while !stop.is_stopped() {
            let end = match self.connect(&stop).await {
                Ok(Some(session)) => self.serve(session, &stop).await,
                Ok(None) => break,
                Err(trouble) => End::Lost(trouble),
            };
            self.stats.set_state(State::Offline);
            let now = self.clock.now();
            for (_, since) in self.on_the_way.drain() {
                self.stats.told.note(&Span::of(Stage::Publish, since, now).failed());
            }
            self.count_in_flight();
            for (_, call) in self.called.drain() {
                call.end(Err("the connection broke before the broker acknowledged it".to_owned()));
            }
            let End::Lost(trouble) = end else { break };
            Stats::add(&self.stats.failures, 1);
            let wait = self.backoff.after_failure(backoff::chance());
            let broker = &self.settings.broker;
            self.stats.set_trouble(Some(&trouble));
            if self.logged.as_ref() != Some(&trouble) {
                tracing::warn!(
                    host = broker.host, port = broker.port, %trouble,
                    "no connection to the MQTT broker; events wait in the journal"
                );
                self.logged = Some(trouble);
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = call::refuse(&mut self.calls) => {}
                () = stop.stopped() => {}
            }
        }
        self.stats.set_state(State::Offline);
    }

    /// `None` if it is time to stop.
    async fn connect(&mut self, stop: &Stop) -> Result<Option<Session>, String> {
        let (broker, window) = (&self.settings.broker, self.settings.window);
        if let Some(missing) = broker.trouble() {
            return Err(missing.to_owned());
        }
        let connection = Connection::begin(broker, &self.settings.topics, window);
        let limit = Instant::now() + broker.connect_limit + Duration::from_secs(1);
        let newest = *self.recorded.borrow_and_update();
        let session = tokio::select! {
            session = Session::begin(connection, window, newest, limit) => session?,
            () = call::refuse(&mut self.calls) => return Ok(None),
            () = stop.stopped() => return Ok(None),
        };
        Stats::add(&self.stats.connections, 1);
        self.stats.set_trouble(None);
        self.stats.set_denied(None);
        let tls = broker.tls.is_some();
        // Not for each connection to a broker that accepts us and throws us out again.
        if self.told_connected.as_ref() != Some(&self.logged) {
            tracing::info!(host = broker.host, port = broker.port, tls, "MQTT broker connected");
            self.told_connected = Some(self.logged.clone());
        }
        Ok(Some(session))
    }

    async fn serve(&mut self, mut session: Session, stop: &Stop) -> End {
        self.begin(&mut session);
        // Whether there may be facts to send, and whether the broker may lack something that it should keep.
        let (mut look, mut keep) = (true, true);
        let mut tell_discovery_at: Option<Instant> = None;
        loop {
            if std::mem::take(&mut look) {
                self.pump(&mut session);
            }
            if keep {
                keep = !self.keep(&mut session);
            }
            let tick = if self.desk.has_pending() { LOOK_FOR_OVERDUE } else { LOOK_AGAIN };
            let wake = Instant::now() + tick.min(self.settings.broker.answer_limit);
            let wake = tell_discovery_at.map_or(wake, |at| at.min(wake));
            tokio::select! {
                biased;
                () = stop.stopped() => {
                    self.say_goodbye(session).await;
                    return End::Stopped;
                }
                Some(call) = self.calls.recv() => self.call(&mut session, call),
                changed = self.recorded.changed() => {
                    if changed.is_err() {
                        // The journal is closed: what is left goes out, then there is nothing to wait for.
                        self.say_goodbye(session).await;
                        return End::Stopped;
                    }
                    look = true;
                }
                Ok(()) = self.status.changed() => keep = true,
                Some((ticket, outcome)) = self.outcomes.recv() => {
                    let answer = self.desk.answered(ticket, outcome);
                    self.answer(&mut session, answer);
                }
                happening = session.next() => {
                    let in_flight = session.drain.in_flight();
                    match self.hear(&mut session, happening) {
                        Ok(Some(arrival)) => {
                            if let Some(wait) = self.receive(&mut session, &arrival) {
                                tell_discovery_at = Some(Instant::now() + wait);
                            }
                        }
                        Ok(None) => look = session.drain.in_flight() < in_flight,
                        Err(trouble) => return End::Lost(self.with_refusal(trouble)),
                    }
                }
                Some(image) = self.images.recv(), if session.takes_images() => self.show(&mut session, image),
                () = tokio::time::sleep_until(wake) => look = true,
            }
            for answer in self.desk.overdue(self.clock.now()) {
                self.stats.command_refused(answer.code);
                self.answer(&mut session, Some(answer));
            }
            if tell_discovery_at.is_some_and(|at| at <= Instant::now()) {
                tell_discovery_at = None;
                session.tell_again(&discovery::topic(&self.settings));
                keep = true;
            }
            if session.silent_for() > self.settings.broker.answer_limit {
                let seconds = self.settings.broker.answer_limit.as_secs_f64();
                return End::Lost(format!("the broker has not answered for {seconds} s"));
            }
            if session.began.elapsed() > PROVEN {
                self.backoff.succeeded();
                (self.logged, self.told_connected) = (None, None);
            }
        }
    }

    /// The first words on a new connection.
    fn begin(&mut self, session: &mut Session) {
        self.announce(session, "online");
        if self.orders.is_some() && !session.listen(&self.settings.topics.commands(), true) {
            tracing::error!("the MQTT client takes no subscription; commands are not heard");
        }
        if let Some(topic) = discovery::birth_topic(&self.settings) {
            session.listen(&topic, false);
        }
        // Pictures of what happened while there was no connection surprise more than they help.
        while self.images.try_recv().is_ok() {
            Stats::add(&self.stats.images_dropped, 1);
        }
    }

    /// Sends what the window has room for.
    fn pump(&mut self, session: &mut Session) {
        let facts = match session.drain.next(self.outbox.as_mut()) {
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
    }

    fn send(&mut self, session: &mut Session, undelivered: &Undelivered) {
        let context = Context {
            node: &self.settings.node,
            stream: self.outbox.stream(),
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
            Fact::Gate(event) => topics.gate_event(event.gate.as_str()),
        };
        let seq = undelivered.seq;
        let message = match payload::message(undelivered, &context) {
            Ok(message) => message,
            Err(error) => {
                tracing::error!(seq, %error, "a fact cannot be put into a message; given up");
                self.give_up(session, seq);
                return;
            }
        };
        let outgo = Outgo {
            topic,
            payload: message.json,
            acknowledged: true,
            expires_in: message.expires_in,
            content_type: Some(JSON),
            ..Outgo::default()
        };
        if session.is_too_large(&outgo) {
            let bytes = outgo.payload.len();
            tracing::error!(
                seq,
                bytes,
                "a fact is larger than the broker's largest packet; it stays in the journal and is not told"
            );
            self.give_up(session, seq);
            return;
        }
        if session.send_fact(seq, outgo) {
            Stats::add(&self.stats.historical, u64::from(message.historical));
            self.on_the_way.insert(seq, self.clock.now());
            self.count_in_flight();
        } else {
            // Cannot be while the window is smaller than the client's room; if it were, the next connection sends it.
            tracing::error!(seq, "the MQTT client takes no message; sent after the next connect");
        }
    }

    fn count_in_flight(&self) {
        self.stats.in_flight.store(self.on_the_way.len() as u64, std::sync::atomic::Ordering::Relaxed);
    }

    /// Sends an order at once or not at all.
    fn call(&mut self, session: &mut Session, call: Call) {
        let left = call.deadline.since(self.clock.now());
        if left.is_zero() {
            return call.end(Err("it was too late for it when the publisher came to it".to_owned()));
        }
        let topics = &self.settings.topics;
        let topic = call.topic.clone().unwrap_or_else(|| topics.gate_command(call.gate.as_str()));
        let payload = match &call.payload {
            Some(payload) => Ok((payload.clone().into_bytes(), None)),
            None => {
                payload::call(&call, &self.settings.node, self.clock.wall()).map(|json| (json, Some(JSON)))
            }
        };
        let (payload, content_type) = match payload {
            Ok(payload) => payload,
            Err(error) => return call.end(Err(format!("it cannot be put into a message: {error}"))),
        };
        let expires_in = Some(left);
        let outgo =
            Outgo { topic, payload, acknowledged: true, expires_in, content_type, ..Outgo::default() };
        if session.send_call(call.order, outgo) {
            self.called.insert(call.order, call);
        } else {
            call.end(Err("the MQTT client does not take it".to_owned()));
        }
    }

    fn give_up(&mut self, session: &mut Session, seq: u64) {
        Stats::add(&self.stats.unsendable, 1);
        session.drain.acknowledged(seq);
        self.outbox.delivered(&[seq]);
    }

    /// Takes in what happened; an error ends the session. Gives back what somebody else has to look at.
    fn hear(
        &mut self,
        session: &mut Session,
        happening: Option<Happening>,
    ) -> Result<Option<Arrival>, String> {
        match session.hear(happening)? {
            Heard::Nothing => {}
            Heard::Delivered(seq) => {
                self.outbox.delivered(&[seq]);
                Stats::add(&self.stats.delivered, 1);
                if let Some(since) = self.on_the_way.remove(&seq) {
                    self.stats.told.note(&Span::of(Stage::Publish, since, self.clock.now()));
                }
                self.count_in_flight();
            }
            Heard::Called(order, outcome) => {
                if let Some(call) = self.called.remove(&order) {
                    call.end(outcome);
                }
            }
            Heard::FactRefused(why) => {
                Stats::add(&self.stats.refused, 1);
                return Err(format!(
                    "the broker refuses an event ({why}); allow this client to write to {} and beside it",
                    self.settings.topics.availability()
                ));
            }
            Heard::Denied { what, topic, why } => {
                Stats::add(&self.stats.refused, 1);
                self.denied(&format!(
                    "the broker refuses {what} ({why}); allow this client to write to {topic}"
                ));
                if self.forbidden.len() >= MOST_FORBIDDEN {
                    self.forbidden.clear();
                }
                self.forbidden.insert(topic, Instant::now());
            }
            Heard::Unheard(why) => {
                Stats::add(&self.stats.refused, 1);
                let topics = self.settings.topics.commands();
                self.denied(&format!(
                    "the broker does not let us listen ({why}); allow this client to read {topics}"
                ));
            }
            Heard::Arrived(arrival) => return Ok(Some(arrival)),
        }
        Ok(None)
    }

    /// A message on a topic that we listen to. Gives back how long to wait before Home Assistant is told anew.
    fn receive(&mut self, session: &mut Session, arrival: &Arrival) -> Option<Duration> {
        if discovery::birth_topic(&self.settings).is_some_and(|topic| topic == arrival.topic) {
            // What the broker kept was said before we came; we have just told it everything.
            let is_born = !arrival.retained && arrival.payload == Payload::Whole(b"online".to_vec());
            return is_born.then(|| self.settings.discovery_jitter.mul_f64(backoff::chance()));
        }
        let topics = self.settings.topics.clone();
        let (Some(verb), Some(orders)) = (topics.verb(&arrival.topic), self.orders.clone()) else {
            return None;
        };
        let (verb, wall, now) = (verb.to_owned(), self.clock.wall(), self.clock.now());
        let answer = match self.desk.receive(&verb, arrival, wall, now) {
            Received::Refused(code, answer) => {
                self.stats.command_refused(code.as_str());
                tracing::debug!(verb, why = code.as_str(), "command refused");
                answer
            }
            Received::Order { ticket, command, deadline } => {
                tracing::info!(verb, id = command.id, "command");
                let slot = Slot::new(ticket, self.outcome_sender.clone());
                match orders.try_send(Order { command, deadline, slot }) {
                    Ok(()) => {
                        Stats::add(&self.stats.commands, 1);
                        None
                    }
                    Err(full) => {
                        let turned_away = self.desk.turned_away(ticket);
                        // Its slot says so too, to nobody any more.
                        drop(full);
                        self.stats.command_refused("busy");
                        turned_away
                    }
                }
            }
        };
        self.answer(session, answer);
        None
    }

    fn answer(&self, session: &mut Session, answer: Option<Answer>) {
        let Some(answer) = answer else { return };
        let topics = &self.settings.topics;
        let chosen = answer.response_topic.as_ref().filter(|topic| topics.may_answer_at(topic));
        // Nobody's answers pass for Home Assistant's discovery either.
        let discovery = format!("{}/", self.settings.discovery_prefix);
        let chosen =
            chosen.filter(|topic| !topic.starts_with(&discovery) && !self.is_forbidden(topic)).cloned();
        let topic = chosen.unwrap_or_else(|| topics.reply(answer.id.as_deref().unwrap_or("invalid")));
        match payload::reply(&answer, &self.settings.node, self.clock.wall()) {
            Ok(json) => {
                let sent = session.send(
                    "an answer to a command",
                    Outgo {
                        topic,
                        payload: json,
                        acknowledged: true,
                        expires_in: Some(ANSWER_LIFE),
                        content_type: Some(JSON),
                        correlation: answer.correlation,
                        ..Outgo::default()
                    },
                );
                if !sent {
                    tracing::warn!(id = answer.id, "an answer to a command could not be sent");
                }
            }
            Err(error) => tracing::error!(%error, "an answer cannot be written as JSON"),
        }
    }

    /// A picture goes out twice: under its passage, and as the camera's newest where Home Assistant looks for it.
    fn show(&self, session: &mut Session, image: Image) {
        let topics = &self.settings.topics;
        let message = |topic, payload| Outgo { topic, payload, content_type: Some(JPEG), ..Outgo::default() };
        let mut sent = true;
        if self.settings.home_assistant == HomeAssistant::Announced {
            sent &= session.send("a picture", message(topics.last_image(&image.camera), image.jpeg.clone()));
        }
        sent &= session.send("a picture", message(topics.image(&image.camera, image.passage), image.jpeg));
        Stats::add(if sent { &self.stats.images } else { &self.stats.images_dropped }, 1);
    }

    /// What ended the connection, with what the broker had refused on it: most likely the reason.
    fn with_refusal(&self, trouble: String) -> String {
        match self.stats.snapshot().denied {
            Some(denied) => format!("{denied}; then: {trouble}"),
            None => trouble,
        }
    }

    fn denied(&self, what: &str) {
        if self.stats.set_denied(Some(what)) {
            tracing::warn!(host = self.settings.broker.host, what, "not everything is allowed at the broker");
        }
    }

    /// The broker refused this topic a moment ago. Some brokers end the connection over it, so it is not tried on
    /// each of them: the events must get through.
    fn is_forbidden(&self, topic: &str) -> bool {
        self.forbidden.get(topic).is_some_and(|at| at.elapsed() < ASK_AGAIN)
    }

    fn announce(&self, session: &mut Session, word: &str) {
        let message = Outgo {
            topic: self.settings.topics.availability(),
            payload: word.as_bytes().to_vec(),
            acknowledged: true,
            retain: true,
            ..Outgo::default()
        };
        if !self.is_forbidden(&message.topic) {
            session.send("our availability", message);
        }
    }

    /// Tells what the broker should keep and does not yet; false if the client had no room for all of it.
    fn keep(&mut self, session: &mut Session) -> bool {
        let status = self.status.borrow_and_update().clone();
        match payload::info(&self.settings, self.outbox.stream(), self.started, self.orders.is_some()) {
            Ok(info) => {
                let mut all = status::kept(&status, &self.settings, &info);
                all.retain(|kept| !self.is_forbidden(&kept.message.topic));
                session.keep(all)
            }
            Err(error) => {
                tracing::error!(%error, "what this node is cannot be written as JSON");
                true
            }
        }
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
            match timeout_at(facts_end, session.next()).await {
                Ok(happening) => {
                    if self.hear(&mut session, happening).is_err() {
                        return;
                    }
                }
                Err(_) => break,
            }
        }
        self.announce(&mut session, "offline");
        while !session.is_idle() {
            match timeout_at(end, session.next()).await {
                Ok(happening) => {
                    if self.hear(&mut session, happening).is_err() {
                        break;
                    }
                }
                Err(_) => break,
            }
        }
        session.end(end.saturating_duration_since(Instant::now()).min(Duration::from_millis(200))).await;
    }
}
