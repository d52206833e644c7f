//! What is asked for at the control socket and over MQTT, done: who may ask has been settled there.

use std::{path::Path, sync::Arc};

use super::{
    commands,
    control::{
        serve::{Caller, Control},
        words::{self, Reply, Request},
    },
    gates::{Doors, Opening},
    sinks::Sinks,
};
use crate::{
    fact::{Fact, gate::Step},
    publish::{self, command::Outcome},
};

/// The socket at which commands are given. Without it the daemon goes on: plates are read all the same.
pub(super) fn listen(socket: &Path, doors: Doors, sinks: Sinks) -> Option<Control> {
    let handler = Arc::new(move |request: Request, caller: Caller| match request {
        Request::GateOpen { gate, reason, name } => open_gate(&doors, &sinks, caller, &gate, &reason, name),
    });
    match Control::start(socket, handler) {
        Ok(control) => Some(control),
        Err(error) => {
            tracing::warn!(socket = %socket.display(), %error, "no commands are taken: the socket cannot be had");
            None
        }
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
            Reply { ok: true, text } => Outcome::Done(serde_json::Value::String(text)),
            Reply { ok: false, text } => Outcome::Refused(text),
        }
    })
}

fn open(doors: &Doors, sinks: &Sinks, gate: &str, by: &str, reason: &str) -> Reply {
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
