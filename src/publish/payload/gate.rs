//! The message for one step of an order to a gate.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::{Context, Latency, Message, VERSION, latency};
use crate::{
    fact::gate::{Cause, GateEvent, Step},
    publish::Call,
};

#[derive(Debug, Serialize)]
struct GateV1<'a> {
    v: u32,
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
    seq: u64,
    stream: String,
    node: &'a str,
    gate: &'a str,
    /// For consumers that look at one word only: the step, or `late`.
    event_type: &'static str,
    historical: bool,
    age_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    clock: Option<&'static str>,
    at: String,
    /// The same in all events of one order.
    order: String,
    step: &'static str,
    reason: Option<&'static str>,
    /// What went wrong, in words.
    error: Option<&'a str>,
    /// How long the output is, or was, switched on.
    lasted_ms: Option<f64>,
    cause: &'static str,
    passage: Option<String>,
    camera: Option<&'a str>,
    asked_by: Option<&'a str>,
    asked_why: Option<&'a str>,
    latency_ms: Option<Latency>,
}

/// An order for somebody else's gate.
#[derive(Debug, Serialize)]
struct CommandV1<'a> {
    v: u32,
    #[serde(rename = "type")]
    kind: &'static str,
    /// The order: the key to deduplicate by.
    id: String,
    node: &'a str,
    gate: &'a str,
    /// There is no other.
    action: &'static str,
    at: String,
    valid_until: String,
    pulse_ms: f64,
    cause: &'static str,
    passage: Option<String>,
    camera: Option<&'a str>,
    asked_by: Option<&'a str>,
    asked_why: Option<&'a str>,
}

/// The message for an order.
pub(in crate::publish) fn call(
    call: &Call,
    node: &str,
    now: Timestamp,
) -> Result<Vec<u8>, serde_json::Error> {
    let (cause, passage, camera, asked_by, asked_why) = cause(&call.cause);
    serde_json::to_vec(&CommandV1 {
        v: VERSION,
        kind: "gate-command",
        id: call.order.hyphenated().to_string(),
        node,
        gate: call.gate.as_str(),
        action: "open",
        at: now.to_string(),
        valid_until: call.valid_until.to_string(),
        pulse_ms: call.pulse.as_micros() as f64 / 1000.0,
        cause,
        passage,
        camera,
        asked_by,
        asked_why,
    })
}

type Causes<'a> = (&'static str, Option<String>, Option<&'a str>, Option<&'a str>, Option<&'a str>);

/// Its word, passage and camera, who asked and why.
fn cause(cause: &Cause) -> Causes<'_> {
    match cause {
        Cause::Passage { passage, camera } => {
            ("passage", Some(passage.to_string()), Some(camera.as_str()), None, None)
        }
        Cause::Manual { by, reason } => ("manual", None, None, Some(by.as_str()), Some(reason.as_str())),
    }
}

pub(super) fn message(
    seq: u64,
    event: &GateEvent,
    age: Duration,
    context: &Context<'_>,
) -> Result<Message, serde_json::Error> {
    let historical = age > context.historical_after;
    let millis = |time: &Duration| time.as_micros() as f64 / 1000.0;
    let (cause, passage, camera, asked_by, asked_why) = cause(&event.cause);
    let body = GateV1 {
        v: VERSION,
        kind: "gate",
        id: event.id.hyphenated().to_string(),
        seq,
        stream: context.stream.hyphenated().to_string(),
        node: context.node,
        gate: event.gate.as_str(),
        event_type: if historical { "late" } else { event.step.as_str() },
        historical,
        age_ms: u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
        clock: super::clock(event.clock_unset),
        at: event.at.to_string(),
        order: event.order.hyphenated().to_string(),
        step: event.step.as_str(),
        reason: event.step.reason(),
        error: event.step.error(),
        lasted_ms: match &event.step {
            Step::Actuated { pulse: lasted } | Step::Released { after: lasted, .. } => Some(millis(lasted)),
            _ => None,
        },
        cause,
        passage,
        camera,
        asked_by,
        asked_why,
        latency_ms: event.receipt.as_ref().map(|receipt| latency(receipt, None)),
    };
    Ok(Message { json: serde_json::to_vec(&body)?, historical, expires_in: None })
}
