//! Who does what others ask for over MQTT: one thread that takes each command to its handler and answers it.
//!
//! What may be asked at all was checked in `publish::command`. A verb whose handler is not there says so; nothing
//! is done after its deadline.

use std::{
    path::Path,
    sync::{Arc, mpsc::RecvTimeoutError},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::sync::watch;

use super::{
    lists::{ChangeError, Desk},
    supervisor::{Unit, UnitStatus},
};
use crate::{
    access::{Actor, Change, NewEntry, Pass},
    backoff,
    clock::Clock,
    journal::{ApplyError, OrderBook},
    publish::{
        Status,
        command::{Command, Order, Orders, Outcome, Request},
    },
    shutdown::Stop,
};

/// How long it waits for a command before it says that it still lives.
const PATIENCE: Duration = Duration::from_millis(250);

/// Does commands of one kind. It is told the whole command, because its id belongs into whatever is recorded of it.
pub(super) type Handler = Box<dyn FnMut(&Command) -> Outcome + Send>;

/// Who does what; without a handler a command is answered "not available".
pub(super) struct Handlers {
    /// `plates/add` and `plates/remove`.
    pub plates: Option<Handler>,
    /// `gate/open`. It must not do so after [`Command::expires_at`] either.
    pub gate: Option<Handler>,
    /// `camera/trigger`.
    pub trigger: Option<Handler>,
    /// How the node is doing.
    pub status: watch::Receiver<Status>,
    /// Where each command is written down before it is done, so that it is not done again after a restart; `None`:
    /// it cannot be had.
    pub book: Option<OrderBook>,
}

/// A command is remembered this much longer than it is valid: the wall clock may be set back a little.
const REMEMBERED_AFTER: Duration = Duration::from_secs(60);

/// Changes lists as somebody at the terminal would, in the name of the command.
pub(super) fn plates(desk: Desk, clock: Arc<dyn Clock>) -> Handler {
    Box::new(move |command| {
        let actor = Actor::new(&format!("mqtt:{}", command.id));
        change(&desk, &command.request, &actor, clock.wall())
    })
}

/// Changes a list in this name.
pub(super) fn change(desk: &Desk, request: &Request, actor: &Actor, now: jiff::Timestamp) -> Outcome {
    let change = match request {
        Request::AddPlate(new) => Change::Add {
            list: new.list.clone(),
            entry: NewEntry {
                plate: new.plate.clone(),
                note: new.note.clone(),
                from: new.from,
                until: new.until,
                pass: Pass { uses: new.uses, lasts: new.lasts },
                schedule: new.schedule.clone(),
            },
        },
        Request::RemovePlate { list, plate } => Change::Remove { list: list.clone(), plate: plate.clone() },
        other => return Outcome::Failed(format!("{} changes no list", other.verb())),
    };
    match desk.apply(&[change], actor, now) {
        Ok(done) => Outcome::Done(json!({
            "added": done.added, "changed": done.changed, "unchanged": done.unchanged, "removed": done.removed,
        })),
        Err(ChangeError::Apply(refused @ ApplyError::Refused(_))) => Outcome::Refused(refused.to_string()),
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

/// The book of commands, and what stands in it: ids, and how much longer each is remembered.
pub(super) fn book(journal: &Path, now: jiff::Timestamp) -> (Option<OrderBook>, Vec<(String, Duration)>) {
    let opened = OrderBook::open(journal).and_then(|book| Ok((book.known(now)?, book)));
    match opened {
        Ok((known, book)) => {
            let left = |until: jiff::Timestamp| until.duration_since(now).unsigned_abs();
            (Some(book), known.into_iter().map(|(id, until)| (id, left(until))).collect())
        }
        Err(error) => {
            tracing::error!(%error, "commands of before this start are not known again");
            (None, Vec::new())
        }
    }
}

impl std::fmt::Debug for Handlers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let set = |handler: &Option<Handler>| handler.is_some();
        f.debug_struct("Handlers")
            .field("plates", &set(&self.plates))
            .field("gate", &set(&self.gate))
            .field("trigger", &set(&self.trigger))
            .finish_non_exhaustive()
    }
}

/// Starts the thread. It ends with the stop, or when the publisher is gone.
pub(super) fn start(
    orders: Orders,
    mut handlers: Handlers,
    clock: Arc<dyn Clock>,
    stop: Stop,
) -> std::io::Result<Unit> {
    let (time, heard) = (Arc::clone(&clock), stop.clone());
    Unit::start("commands", clock, stop, backoff::Settings::default(), move |status| {
        serve(&orders, &mut handlers, time.as_ref(), &heard, status);
        Ok(())
    })
}

fn serve(orders: &Orders, handlers: &mut Handlers, clock: &dyn Clock, stop: &Stop, status: &UnitStatus) {
    while !stop.is_stopped() {
        status.beat();
        match orders.recv_timeout(PATIENCE) {
            Ok(Order { command, deadline, slot }) => {
                if clock.now() >= deadline || clock.wall() >= command.expires_at {
                    slot.answer(Outcome::Refused("its time was over before anybody came to it".to_owned()));
                    continue;
                }
                let outcome = match handlers.is_new(&command, clock.wall()) {
                    true => handlers.handle(&command),
                    false => Outcome::Refused("a command of this id was accepted already".to_owned()),
                };
                let (verb, id) = (command.request.verb(), &command.id);
                // Why a list was not changed may name plates; the answer says it, the log does not.
                let names_plates =
                    matches!(command.request, Request::AddPlate(_) | Request::RemovePlate { .. });
                match &outcome {
                    Outcome::Done(_) => tracing::info!(verb, id, "command done"),
                    Outcome::Refused(why) | Outcome::Failed(why) | Outcome::NotAvailable(why) => {
                        let why = Some(why).filter(|_| !names_plates);
                        tracing::warn!(verb, id, why, "command not done");
                    }
                }
                slot.answer(outcome);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
}

impl Handlers {
    /// Writes the command down; false if it was accepted before. What cannot be written down is done all the same:
    /// it was not accepted since the start, which is known, and somebody may be standing at the gate.
    fn is_new(&mut self, command: &Command, now: jiff::Timestamp) -> bool {
        let (false, Some(book)) = (command.request == Request::Status, &mut self.book) else { return true };
        let until = command.expires_at.saturating_add(REMEMBERED_AFTER).unwrap_or(jiff::Timestamp::MAX);
        book.note(&command.id, until, now).unwrap_or_else(|error| {
            tracing::error!(id = command.id, %error, "this command would not be known again after a restart");
            true
        })
    }

    fn handle(&mut self, command: &Command) -> Outcome {
        let (handler, what) = match &command.request {
            Request::Status => return self.status(),
            Request::AddPlate(_) | Request::RemovePlate { .. } => {
                (&mut self.plates, "lists cannot be changed from here")
            }
            Request::OpenGate { .. } => (&mut self.gate, "no gate is configured"),
            Request::Trigger { .. } => (&mut self.trigger, "no camera waits for a trigger"),
        };
        match handler {
            Some(handler) => handler(command),
            None => Outcome::NotAvailable(what.to_owned()),
        }
    }

    fn status(&self) -> Outcome {
        let status = self.status.borrow();
        let health = status.health.as_deref().map(serde_json::from_str::<Value>);
        match health {
            Some(Ok(health)) => Outcome::Done(health),
            Some(Err(error)) => Outcome::Failed(format!("the health report is damaged: {error}")),
            None => Outcome::Failed("there is no health report yet; ask again in a second".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn handlers() -> (watch::Sender<Status>, Handlers) {
        let (tell, status) = watch::channel(Status::default());
        (tell, Handlers { plates: None, gate: None, trigger: None, status, book: None })
    }

    fn command(request: Request) -> Command {
        Command { id: "a".to_owned(), expires_at: jiff::Timestamp::MAX, request }
    }

    #[test]
    fn a_verb_without_a_handler_is_not_available_and_says_why() {
        let check = |request: Request, says: &str| match handlers().1.handle(&command(request)) {
            Outcome::NotAvailable(why) => assert!(why.contains(says), "{why}"),
            other => panic!("{other:?}"),
        };
        check(Request::OpenGate { gate: "main".to_owned(), reason: None }, "no gate");
        check(Request::Trigger { camera: "in".to_owned() }, "no camera");
        let plate = crate::plate::PlateText::normalise("B1AAA").unwrap();
        check(Request::RemovePlate { list: "guests".to_owned(), plate }, "lists");
    }

    #[test]
    fn the_status_is_the_health_report() {
        let (tell, mut handlers) = handlers();
        assert!(matches!(handlers.handle(&command(Request::Status)), Outcome::Failed(_)));
        tell.send_modify(|status| status.health = Some("{\"verdict\": \"ok\"}".to_owned()));
        let done = handlers.handle(&command(Request::Status));
        assert_eq!(done, Outcome::Done(json!({"verdict": "ok"})));
    }

    #[test]
    fn a_command_is_new_once_even_after_a_restart_and_a_question_always() {
        let folder = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(crate::clock::SystemClock::start());
        let keep = crate::journal::Settings::default();
        let journal =
            crate::journal::Journal::open(&folder.path().join("j.db"), &keep, Arc::clone(&clock)).unwrap();
        let open = command(Request::OpenGate { gate: "main".to_owned(), reason: None });
        for expected in [true, false, false] {
            let mut handlers = handlers().1;
            handlers.book = Some(OrderBook::open(journal.path()).unwrap());
            assert_eq!(handlers.is_new(&open, clock.wall()), expected);
            assert!(handlers.is_new(&command(Request::Status), clock.wall()));
        }
        assert!(handlers().1.is_new(&open, clock.wall()), "without a book nothing is refused");
    }

    #[test]
    fn a_handler_gets_the_whole_command_and_its_answer_counts() {
        let (_tell, mut handlers) = handlers();
        handlers.gate = Some(Box::new(|command| Outcome::Refused(command.id.clone())));
        let open = command(Request::OpenGate { gate: "main".to_owned(), reason: None });
        assert_eq!(handlers.handle(&open), Outcome::Refused("a".to_owned()));
    }
}
