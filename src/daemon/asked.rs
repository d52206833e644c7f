//! What is asked for at the control socket and over MQTT, done: who may ask has been settled there.

use std::{
    path::Path,
    sync::{Arc, mpsc::sync_channel},
    time::Duration,
};

use tokio::sync::mpsc;

use super::{
    commands,
    control::{
        serve::{Caller, Control},
        words::{self, Reply, Request, TraceStep},
    },
    gates::{Doors, Opening},
    health::Health,
    sinks::Sinks,
    trace::Recorder,
};
use crate::{
    clock::Clock,
    fact::{Fact, gate::Step},
    publish::{self, command::Outcome},
};

/// Questions that may wait for the main loop.
const QUESTIONS: usize = 8;
/// How long it may take to answer one: a reload may come before.
const ANSWER: Duration = Duration::from_secs(15);

/// Somebody wants to know how everything is: what is done with the report, at once and without waiting.
pub(super) struct Question(Box<dyn FnOnce(&Health) + Send>);

impl std::fmt::Debug for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Question")
    }
}

/// Where questions are handed in.
pub(super) type Questions = mpsc::Sender<Question>;

/// The way in, for the socket, and the way out, for the main loop.
pub(super) fn questions() -> (Questions, mpsc::Receiver<Question>) {
    mpsc::channel(QUESTIONS)
}

impl Question {
    pub(super) fn new(what: impl FnOnce(&Health) + Send + 'static) -> Self {
        Self(Box::new(what))
    }

    pub(super) fn answer(self, health: &Health) {
        (self.0)(health);
    }
}

/// The socket at which commands are given. Without it the daemon goes on: plates are read all the same.
pub(super) fn listen(
    socket: &Path,
    doors: Doors,
    sinks: Sinks,
    questions: Questions,
    recorder: Arc<Recorder>,
    clock: Arc<dyn Clock>,
) -> Option<Control> {
    let handler = Arc::new(move |request: Request, caller: Caller| match request {
        Request::GateOpen { gate, reason, name } => open_gate(&doors, &sinks, caller, &gate, &reason, name),
        Request::Status => status(&questions),
        Request::Trace { step } => trace(&recorder, step),
    });
    match Control::start(socket, handler, clock) {
        Ok(control) => Some(control),
        Err(error) => {
            tracing::warn!(socket = %socket.display(), %error, "no commands are taken: the socket cannot be had");
            None
        }
    }
}

/// `amslpr status`.
fn status(questions: &Questions) -> Reply {
    let (answer, report) = sync_channel(1);
    let question = Question::new(move |health| {
        // Whoever asked may have given up.
        let _ = answer.try_send(serde_json::to_value(health).map_err(|error| error.to_string()));
    });
    if questions.try_send(question).is_err() {
        return Reply::refused("too many ask at once");
    }
    match report.recv_timeout(ANSWER) {
        Ok(Ok(report)) => Reply { report: Some(report), ..Reply::done("") },
        Ok(Err(why)) => Reply::refused(format!("the report cannot be written: {why}")),
        Err(_) => Reply::refused("the daemon's main loop does not answer"),
    }
}

/// `amslpr trace`.
fn trace(recorder: &Arc<Recorder>, step: TraceStep) -> Reply {
    let outcome = match step {
        TraceStep::Begin => recorder.begin().map(|()| None),
        TraceStep::Fetch => recorder.fetch().map(Some),
        TraceStep::End => {
            recorder.end();
            Ok(None)
        }
    };
    match outcome {
        Ok(report) => Reply { report, ..Reply::done("") },
        Err(why) => Reply::refused(why),
    }
}

/// `amslpr gate open`.
fn open_gate(
    doors: &Doors,
    sinks: &Sinks,
    caller: Caller,
    gate: &str,
    reason: &str,
    name: Option<String>,
) -> Reply {
    let Some(reason) = words::plain(reason, 200) else { return Reply::refused("it needs a reason") };
    let name = name.and_then(|name| words::plain(&name, 60));
    let by = match name {
        Some(name) => format!("uid {} ({name})", caller.uid),
        None => format!("uid {}", caller.uid),
    };
    open(doors, sinks, gate, &by, &reason)
}

/// `gate/open` over MQTT.
pub(super) fn gate_handler(doors: Doors, sinks: Sinks) -> commands::Handler {
    Box::new(move |command| {
        let publish::command::Request::OpenGate { gate, reason } = &command.request else {
            return Outcome::NotAvailable("this is no order for a gate".to_owned());
        };
        let by = words::plain(&format!("MQTT command {}", command.id), 120).unwrap_or_default();
        let reason = reason.as_deref().and_then(|reason| words::plain(reason, 200)).unwrap_or_default();
        match open(&doors, &sinks, gate, &by, &reason) {
            Reply { ok: true, text, .. } => Outcome::Done(serde_json::Value::String(text)),
            Reply { ok: false, text, .. } => Outcome::Refused(text),
        }
    })
}

/// Asks a gate to open once; `by` says who asks.
pub(super) fn open(doors: &Doors, sinks: &Sinks, gate: &str, by: &str, reason: &str) -> Reply {
    match doors.open(gate, by, reason) {
        Opening::Unknown(known) if known.is_empty() => Reply::refused("no gate is configured"),
        Opening::Unknown(known) => Reply::refused(format!("there is no gate {gate:?}; there is {known}")),
        Opening::NotHandedIn(event, refusal) => {
            sinks.take(Fact::Gate(*event), None);
            Reply::refused(format!("gate {gate} was not opened: {}", refusal.as_str()))
        }
        Opening::Ended(Step::Actuated { pulse }) => {
            Reply::done(format!("gate {gate} was asked to open, for {} ms", pulse.as_millis()))
        }
        Opening::Ended(Step::Failed(why)) => {
            Reply::refused(format!("gate {gate} may not have opened: {why}"))
        }
        Opening::Ended(step) => {
            let why = step.reason().unwrap_or(step.as_str());
            Reply::refused(format!("gate {gate} was not opened: {why}"))
        }
    }
}
