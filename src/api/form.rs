//! What is answered, as JSON: converted by hand from what the journal and the facts hold. Votes, verdicts and reads look
//! as they do over MQTT; `config/schemas/openapi.v1.json` describes all of it.

use serde::Serialize;

use super::events::Event;
use crate::{
    access::Decision,
    fact::{
        Closed, Decided, Evidence, Fact, ReadSummary,
        gate::{Cause, GateEvent},
    },
    journal::Record,
    passage::Passage,
    publish::{Latency, Read, Verdict, Vote, clock, latency, read, verdict, vote},
};

/// A passage in a list.
#[derive(Debug, Serialize)]
pub(super) struct PassageForm<'a> {
    id: String,
    camera: &'a str,
    live: bool,
    began: String,
    ended: Option<String>,
    #[serde(flatten)]
    vote: Vote<'a>,
    direction: Option<&'static str>,
    frames: u32,
    tracks: u32,
    /// Left, top, width, height in pixels of the camera's picture.
    area: Option<[i64; 4]>,
    decision: Option<Verdict<'a>>,
    /// Its plate was erased by request.
    erased: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    clock: Option<&'static str>,
}

/// A passage by itself.
#[derive(Debug, Serialize)]
pub(super) struct WholePassage<'a> {
    #[serde(flatten)]
    passage: PassageForm<'a>,
    reads: Vec<Read<'a>>,
    latency_ms: Latency,
    images: Vec<ImageForm>,
}

#[derive(Debug, Serialize)]
struct ImageForm {
    kind: &'static str,
    bytes: u64,
    sha256: String,
    /// Where it can be had.
    href: String,
}

/// A list entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    pub list: String,
    pub kind: &'static str,
    pub plate: String,
    pub note: Option<String>,
    pub from: Option<String>,
    pub until: Option<String>,
    pub uses: Option<u32>,
    pub used: Option<u32>,
    pub lasts_s: Option<u64>,
    pub schedule: Option<String>,
    /// `null`: it stands in the configuration.
    pub added: Option<String>,
    pub added_by: Option<String>,
}

#[derive(Debug, Serialize)]
struct PassageEvent<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    passage: PassageForm<'a>,
    reads: Vec<Read<'a>>,
    latency_ms: Latency,
}

#[derive(Debug, Serialize)]
struct DecisionEvent<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
    camera: &'a str,
    live: bool,
    at: String,
    #[serde(flatten)]
    vote: Vote<'a>,
    #[serde(flatten)]
    decision: Verdict<'a>,
    latency_ms: Latency,
    #[serde(skip_serializing_if = "Option::is_none")]
    clock: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct EvidenceEvent<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
    camera: &'a str,
    images: Vec<ImageForm>,
}

#[derive(Debug, Serialize)]
struct GateForm<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
    gate: &'a str,
    at: String,
    order: String,
    step: &'static str,
    reason: Option<&'static str>,
    error: Option<&'a str>,
    passage: Option<String>,
    asked_by: Option<&'a str>,
    asked_why: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clock: Option<&'static str>,
}

pub(super) fn passage(record: &Record) -> PassageForm<'_> {
    let form = form(&record.passage, record.decision.as_ref(), record.clock_unset);
    PassageForm { erased: record.erased, ..form }
}

pub(super) fn whole<'a>(record: &'a Record, evidence: Option<&'a Evidence>) -> WholePassage<'a> {
    WholePassage {
        passage: passage(record),
        reads: reads(&record.reads),
        latency_ms: latency(&record.passage.receipt, None),
        images: evidence.map(images).unwrap_or_default(),
    }
}

fn form<'a>(passage: &'a Passage, decision: Option<&'a Decision>, clock_unset: bool) -> PassageForm<'a> {
    let whole = |value: f32| value.round() as i64;
    PassageForm {
        id: passage.id.to_string(),
        camera: passage.camera.as_str(),
        live: passage.live,
        began: passage.began.to_string(),
        ended: passage.ended.map(|ended| ended.to_string()),
        vote: vote(passage.reading.as_ref()),
        direction: passage.direction.map(|direction| direction.as_str()),
        frames: passage.frames,
        tracks: passage.tracks,
        area: passage.best_area.map(|a| [whole(a.x), whole(a.y), whole(a.width), whole(a.height)]),
        decision: decision.map(verdict),
        erased: false,
        clock: clock(clock_unset),
    }
}

fn reads(reads: &[ReadSummary]) -> Vec<Read<'_>> {
    reads.iter().map(read).collect()
}

fn images(evidence: &Evidence) -> Vec<ImageForm> {
    let form = |image: &crate::fact::Image| ImageForm {
        kind: image.kind.as_str(),
        bytes: image.bytes,
        sha256: image.sha256.iter().map(|byte| format!("{byte:02x}")).collect(),
        href: format!("/api/v1/passages/{}/images/{}", evidence.passage, image.kind.as_str()),
    };
    evidence.images.iter().map(form).collect()
}

/// A fact as listeners hear of it. `erased`: its plate was erased since.
pub(crate) fn event(fact: &Fact, erased: bool) -> Result<Event, serde_json::Error> {
    let (kind, json) = match fact {
        Fact::Decided(decided) => ("decision", serde_json::to_string(&decision(decided))?),
        Fact::Closed(closed) => ("passage", serde_json::to_string(&closing(closed, erased))?),
        Fact::Evidence(evidence) => ("images", serde_json::to_string(&kept(evidence))?),
        Fact::Gate(event) => ("gate", serde_json::to_string(&gate(event))?),
    };
    Ok(Event { kind, id: fact.id().hyphenated().to_string(), json })
}

fn decision(decided: &Decided) -> DecisionEvent<'_> {
    DecisionEvent {
        kind: "decision",
        id: decided.passage.to_string(),
        camera: decided.camera.as_str(),
        live: decided.live,
        at: decided.at.to_string(),
        vote: vote(decided.reading.as_ref()),
        decision: verdict(&decided.decision),
        latency_ms: latency(&decided.receipt, None),
        clock: clock(decided.clock_unset),
    }
}

fn closing(closed: &Closed, erased: bool) -> PassageEvent<'_> {
    PassageEvent {
        kind: "passage",
        passage: PassageForm {
            erased,
            ..form(&closed.passage, closed.decision.as_ref(), closed.clock_unset)
        },
        reads: reads(&closed.reads),
        latency_ms: latency(&closed.passage.receipt, None),
    }
}

fn kept(evidence: &Evidence) -> EvidenceEvent<'_> {
    EvidenceEvent {
        kind: "images",
        id: evidence.passage.to_string(),
        camera: evidence.camera.as_str(),
        images: images(evidence),
    }
}

fn gate(event: &GateEvent) -> GateForm<'_> {
    let (passage, asked) = match &event.cause {
        Cause::Passage { passage, .. } => (Some(passage.to_string()), None),
        Cause::Manual { by, reason } => (None, Some((by.as_str(), reason.as_str()))),
    };
    GateForm {
        kind: "gate",
        id: event.id.hyphenated().to_string(),
        gate: event.gate.as_str(),
        at: event.at.to_string(),
        order: event.order.hyphenated().to_string(),
        step: event.step.as_str(),
        reason: event.step.reason(),
        error: event.step.error(),
        passage,
        asked_by: asked.map(|asked| asked.0),
        asked_why: asked.map(|asked| asked.1),
        clock: clock(event.clock_unset),
    }
}
