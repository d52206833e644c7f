//! What subscribers get: JSON messages of version 1, converted from facts by hand.
//!
//! `config/schemas/` describes them for others; a change that breaks a reader is a new version.

mod gate;

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::{Settings, command::Answer};
use crate::{
    access::{Decision, Verdict as Ruling},
    clock::Moment,
    fact::{Closed, Decided, Fact, ReadSummary, Undelivered},
    passage::{Reading, Receipt},
    plate::Confidence,
};

/// The version that every message carries in `v`.
pub const VERSION: u32 = 1;

/// What `event_type` of a decision may be: the verdict, or a word that no rule for opening a gate asks for.
pub(super) const EVENT_TYPES: [&str; 5] = ["admit", "refuse", "watch", "late", "recorded"];
/// What `event_type` of a gate's event may be.
pub(super) const GATE_EVENT_TYPES: [&str; 6] =
    ["ordered", "actuated", "refused", "failed", "released", "late"];
/// What a gate's state may be.
pub(super) const GATE_STATES: [&str; 5] = ["ready", "waiting", "opening", "blocked", "unavailable"];

/// What a message says beside its fact.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    pub node: &'a str,
    pub stream: Uuid,
    /// When it is sent.
    pub now: Timestamp,
    pub decision_valid: Duration,
    pub historical_after: Duration,
}

/// A message, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub json: Vec<u8>,
    pub historical: bool,
    /// After this time the broker need not deliver it any more; `None`: it stays of interest.
    pub expires_in: Option<Duration>,
}

#[derive(Debug, Serialize)]
struct DecisionV1<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    /// For consumers that look at one word only.
    event_type: &'static str,
    at: String,
    /// A gate must not be opened for this message after that time.
    valid_until: String,
    #[serde(flatten)]
    vote: Vote<'a>,
    #[serde(flatten)]
    decision: Verdict<'a>,
    latency_ms: Latency,
}

#[derive(Debug, Serialize)]
struct PassageV1<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    began: String,
    ended: Option<String>,
    #[serde(flatten)]
    vote: Vote<'a>,
    direction: Option<&'static str>,
    frames: u32,
    tracks: u32,
    /// Left, top, width, height in pixels of the camera's picture.
    area: Option<[i64; 4]>,
    reads: Vec<Read<'a>>,
    decision: Option<Verdict<'a>>,
    latency_ms: Latency,
}

#[derive(Debug, Serialize)]
struct Head<'a> {
    v: u32,
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
    seq: u64,
    /// Names the numbering of `seq`; another one means that it began anew.
    stream: String,
    node: &'a str,
    camera: &'a str,
    live: bool,
    historical: bool,
    age_ms: u64,
    /// `unset`: the times in it come from a clock that nobody had set. Left out otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    clock: Option<&'static str>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Vote<'a> {
    plate: Option<&'a str>,
    confidence: Option<f64>,
    raw: Option<&'a str>,
    region: Option<&'a str>,
    runner_up: Option<RunnerUp<'a>>,
    /// Sure enough to act on.
    sure: bool,
    votes: u32,
    agreeing: u32,
    engine: Option<&'static str>,
    model: Option<&'a str>,
}

#[derive(Debug, Serialize)]
pub(crate) struct RunnerUp<'a> {
    plate: &'a str,
    confidence: f64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Verdict<'a> {
    verdict: &'static str,
    reason: &'static str,
    list: Option<&'a str>,
    note: Option<&'a str>,
    matched: Option<&'a str>,
    watched_by: Option<&'a str>,
    /// It was let in then and has not been seen leaving: soft anti-passback tells, hard refuses.
    inside_since: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Read<'a> {
    plate: &'a str,
    confidence: f64,
    height: f64,
    after_ms: u64,
}

/// What the node is; retained.
#[derive(Debug, Serialize)]
struct InfoV1<'a> {
    v: u32,
    #[serde(rename = "type")]
    kind: &'static str,
    node: &'a str,
    version: &'a str,
    /// When the daemon began.
    started: String,
    stream: String,
    cameras: Vec<CameraInfo<'a>>,
    gates: &'a [String],
    networks: Vec<NetworkInfo<'a>>,
    /// Commands are listened to.
    commands: bool,
    /// Pictures of passages are published.
    images: bool,
}

#[derive(Debug, Serialize)]
struct CameraInfo<'a> {
    name: &'a str,
    role: &'a str,
}

#[derive(Debug, Serialize)]
struct NetworkInfo<'a> {
    task: &'a str,
    name: &'a str,
}

/// What came of a command.
#[derive(Debug, Serialize)]
struct ReplyV1<'a> {
    v: u32,
    #[serde(rename = "type")]
    kind: &'static str,
    /// `null` where the command had none that could be read.
    id: Option<&'a str>,
    verb: &'a str,
    node: &'a str,
    at: String,
    ok: bool,
    /// `done`, or in one word why not.
    code: &'a str,
    message: Option<&'a str>,
    result: Option<&'a serde_json::Value>,
}

/// Milliseconds from the capture of the frame that decided to the end of each stage.
#[derive(Debug, Serialize)]
pub(crate) struct Latency {
    decoded: Option<f64>,
    detected: Option<f64>,
    read: Option<f64>,
    voted: Option<f64>,
    decided: Option<f64>,
    published: Option<f64>,
    actuated: Option<f64>,
}

/// The message for a recorded fact.
pub fn message(undelivered: &Undelivered, context: &Context<'_>) -> Result<Message, serde_json::Error> {
    let age = elapsed(undelivered.recorded, context.now);
    match &undelivered.fact {
        Fact::Decided(decided) => decision(undelivered.seq, decided, age, context),
        Fact::Closed(closed) => passage(undelivered.seq, closed, age, context),
        Fact::Evidence(_) => Err(serde::ser::Error::custom("evidence is not told to the broker")),
        Fact::Gate(event) => gate::message(undelivered.seq, event, age, context),
    }
}

/// What the node is; `started` is when the daemon began.
pub(super) fn info(
    settings: &Settings,
    stream: Uuid,
    started: Timestamp,
    commands: bool,
) -> Result<Vec<u8>, serde_json::Error> {
    let about = &settings.about;
    let cameras = about.cameras.iter().map(|c| CameraInfo { name: c.name.as_str(), role: c.role });
    write(&InfoV1 {
        v: VERSION,
        kind: "info",
        node: &settings.node,
        version: about.version,
        started: started.to_string(),
        stream: stream.hyphenated().to_string(),
        cameras: cameras.collect(),
        gates: &about.gates,
        networks: about.networks.iter().map(|(task, name)| NetworkInfo { task, name }).collect(),
        commands,
        images: settings.images,
    })
}

pub(super) fn reply(answer: &Answer, node: &str, now: Timestamp) -> Result<Vec<u8>, serde_json::Error> {
    write(&ReplyV1 {
        v: VERSION,
        kind: "reply",
        id: answer.id.as_deref(),
        verb: &answer.verb,
        node,
        at: now.to_string(),
        ok: answer.code == "done",
        code: answer.code,
        message: answer.message.as_deref(),
        result: answer.result.as_ref(),
    })
}

pub(super) use gate::call;

pub(super) fn write(body: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(body)
}

fn decision(
    seq: u64,
    decided: &Decided,
    age: Duration,
    context: &Context<'_>,
) -> Result<Message, serde_json::Error> {
    let since_decided = elapsed(decided.at, context.now);
    let left = context.decision_valid.saturating_sub(since_decided);
    let historical = age > context.historical_after || left.is_zero();
    let camera = decided.camera.as_str();
    let head =
        head("decision", seq, &decided.passage.to_string(), camera, decided.live, historical, age, context);
    let head = Head { clock: clock(decided.clock_unset), ..head };
    let body = DecisionV1 {
        head,
        event_type: event_type(decided, historical),
        at: decided.at.to_string(),
        valid_until: decided.at.saturating_add(context.decision_valid).unwrap_or(decided.at).to_string(),
        vote: vote(decided.reading.as_ref()),
        decision: verdict(&decided.decision),
        latency_ms: latency(&decided.receipt, (!historical).then_some(since_decided)),
    };
    // Late ones are kept for whoever records them: they say that they are late.
    let expires_in = (!historical).then_some(left);
    Ok(Message { json: write(&body)?, historical, expires_in })
}

/// A late or recorded decision does not look like one to act upon, even to those who look at nothing else.
const fn event_type(decided: &Decided, historical: bool) -> &'static str {
    match (decided.live, historical, decided.decision.verdict) {
        (false, ..) => "recorded",
        (true, true, _) => "late",
        (true, false, Ruling::Admit) => "admit",
        (true, false, Ruling::Refuse) => "refuse",
        (true, false, Ruling::Watch) => "watch",
    }
}

fn passage(
    seq: u64,
    closed: &Closed,
    age: Duration,
    context: &Context<'_>,
) -> Result<Message, serde_json::Error> {
    let passage = &closed.passage;
    let historical = age > context.historical_after;
    let whole = |value: f32| value.round() as i64;
    let id = passage.id.to_string();
    let head = head("passage", seq, &id, passage.camera.as_str(), passage.live, historical, age, context);
    let body = PassageV1 {
        head: Head { clock: clock(closed.clock_unset), ..head },
        began: passage.began.to_string(),
        ended: passage.ended.map(|ended| ended.to_string()),
        vote: vote(passage.reading.as_ref()),
        direction: passage.direction.map(|direction| direction.as_str()),
        frames: passage.frames,
        tracks: passage.tracks,
        area: passage.best_area.map(|a| [whole(a.x), whole(a.y), whole(a.width), whole(a.height)]),
        reads: closed.reads.iter().map(read).collect(),
        decision: closed.decision.as_ref().map(verdict),
        latency_ms: latency(&passage.receipt, None),
    };
    Ok(Message { json: write(&body)?, historical, expires_in: None })
}

#[expect(clippy::too_many_arguments, reason = "they become the fields of one struct, in its order")]
fn head<'a>(
    kind: &'static str,
    seq: u64,
    id: &str,
    camera: &'a str,
    live: bool,
    historical: bool,
    age: Duration,
    context: &Context<'a>,
) -> Head<'a> {
    Head {
        v: VERSION,
        kind,
        id: id.to_owned(),
        seq,
        stream: context.stream.hyphenated().to_string(),
        node: context.node,
        camera,
        live,
        historical,
        age_ms: u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
        clock: None,
    }
}

/// What is said of the clock, where there is something to say.
pub(crate) fn clock(unset: bool) -> Option<&'static str> {
    unset.then_some("unset")
}

pub(crate) fn vote(reading: Option<&Reading>) -> Vote<'_> {
    Vote {
        plate: reading.map(|reading| reading.text.as_str()),
        confidence: reading.map(|reading| share(reading.confidence)),
        raw: reading.map(|reading| reading.raw.as_str()),
        region: reading.and_then(|reading| reading.region.as_ref()).map(|region| region.as_str()),
        runner_up: reading
            .and_then(|reading| reading.runner_up.as_ref())
            .map(|(text, confidence)| RunnerUp { plate: text.as_str(), confidence: share(*confidence) }),
        sure: reading.is_some_and(|reading| reading.sure),
        votes: reading.map_or(0, |reading| reading.votes),
        agreeing: reading.map_or(0, |reading| reading.agreeing),
        engine: reading.map(|reading| reading.engine.as_str()),
        model: reading.map(|reading| reading.model.as_str()),
    }
}

pub(crate) fn verdict(decision: &Decision) -> Verdict<'_> {
    Verdict {
        verdict: decision.verdict.as_str(),
        reason: decision.reason.as_str(),
        list: decision.list.as_deref(),
        note: decision.note.as_deref(),
        matched: decision.matched.as_ref().map(|text| text.as_str()),
        watched_by: decision.watched_by.as_deref(),
        inside_since: decision.grounds.inside_since.map(|since| since.to_string()),
    }
}

pub(crate) fn read(read: &ReadSummary) -> Read<'_> {
    Read {
        plate: read.text.as_str(),
        confidence: share(read.confidence),
        height: (f64::from(read.height) * 10.0).round() / 10.0,
        after_ms: u64::try_from(read.after.as_millis()).unwrap_or(u64::MAX),
    }
}

/// `since_decided` on the wall clock stands in for the monotonic time of publishing, which the journal cannot keep.
pub(crate) fn latency(receipt: &Receipt, since_decided: Option<Duration>) -> Latency {
    let millis = |time: Duration| time.as_micros() as f64 / 1000.0;
    let stage = |at: Option<Moment>| at.map(|at| millis(at.since(receipt.captured)));
    let published =
        receipt.decided.zip(since_decided).map(|(at, since)| millis(at.since(receipt.captured) + since));
    Latency {
        decoded: stage(receipt.decoded),
        detected: stage(receipt.detected),
        read: stage(receipt.read),
        voted: stage(receipt.voted),
        decided: stage(receipt.decided),
        published: stage(receipt.published).or(published),
        actuated: stage(receipt.actuated),
    }
}

/// Four digits are more than any reader means.
fn share(confidence: Confidence) -> f64 {
    (f64::from(confidence.value()) * 10_000.0).round() / 10_000.0
}

/// Wall time between two moments; zero if the clock was set back in between.
fn elapsed(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests;
