//! Facts as bytes: what names nobody (`open`) and what names a vehicle or a person (`personal`), apart, so that the
//! second can be erased and the first stays provable.
//!
//! MessagePack arrays of the structs below. A field is only ever added at the end, with a default; a struct that has
//! to change otherwise is a new kind. Nothing here knows SQL.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    cells::{parse_direction, parse_engine, parse_reason, parse_verdict},
    gates, grounds, pack,
};
use crate::{
    access::{Decision, Effect},
    clock::Moment,
    fact::{Closed, Decided, Evidence, Fact, Image, ImageKind},
    frame::CameraId,
    geometry::Rect,
    passage::{Passage, PassageId, Reading, Receipt},
    plate::{Confidence, PlateText, Region},
};

/// Kinds of facts, as the column `kind` holds them.
pub(super) const DECIDED: i64 = 0;
pub(super) const CLOSED: i64 = 1;
pub(super) const GATE: i64 = 2;
/// A change of a list, known to this module only (journal/changes.rs).
pub(super) const CHANGE: i64 = 3;
/// A change of the node's health, likewise (journal/health.rs).
pub(super) const HEALTH: i64 = 4;
pub(super) const EVIDENCE: i64 = 5;

/// Is a fact of this kind for the broker?
pub(super) const fn is_told(kind: i64) -> bool {
    matches!(kind, DECIDED | CLOSED | GATE)
}

/// A fact, ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Body {
    pub kind: i64,
    pub id: [u8; 16],
    pub open: Vec<u8>,
    pub personal: Vec<u8>,
    /// What is to be remembered of it: written beside the fact, in tables of its own (journal/memory.rs).
    pub effects: Vec<Effect>,
}

/// Why bytes are no fact.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    #[error(transparent)]
    Write(#[from] rmp_serde::encode::Error),
    #[error(transparent)]
    Read(#[from] rmp_serde::decode::Error),
    #[error("unknown {what} {word:?}")]
    Word { what: &'static str, word: String },
    #[error("{0} is no time")]
    Time(i64),
    #[error("{0:?} is no plate")]
    Plate(String),
    #[error("these bytes are no packed reads")]
    Packed,
    #[error("these are no grounds of a decision: {0}")]
    Grounds(serde_json::Error),
    #[error("facts of kind {0} are not known to this version")]
    Kind(i64),
}

type Result<T> = std::result::Result<T, BodyError>;

#[derive(Serialize, Deserialize)]
struct DecidedOpen {
    camera: String,
    live: bool,
    at: i64,
    vote: Option<VoteOpen>,
    decision: DecisionOpen,
    receipt: [Option<i64>; 7],
    #[serde(default, skip_serializing_if = "is_no")]
    clock_unset: bool,
}

#[derive(Serialize, Deserialize)]
struct DecidedPersonal {
    vote: Option<VotePersonal>,
    decision: DecisionPersonal,
}

#[derive(Serialize, Deserialize)]
struct ClosedOpen {
    camera: String,
    live: bool,
    began: i64,
    /// From `began` to the end.
    lasted: Option<i64>,
    direction: Option<String>,
    frames: u32,
    tracks: u32,
    /// Whole pixels.
    area: Option<[i32; 4]>,
    vote: Option<VoteOpen>,
    decision: Option<DecisionOpen>,
    receipt: [Option<i64>; 7],
    #[serde(default, skip_serializing_if = "is_no")]
    clock_unset: bool,
}

#[derive(Serialize, Deserialize)]
struct ClosedPersonal {
    vote: Option<VotePersonal>,
    decided_on: Option<String>,
    decision: Option<DecisionPersonal>,
    #[serde(with = "serde_bytes")]
    chars: Vec<u8>,
    #[serde(with = "serde_bytes")]
    reads: Vec<u8>,
}

/// Nothing of it is personal: the images themselves are, and go with the plate.
#[derive(Serialize, Deserialize)]
struct EvidenceOpen {
    camera: String,
    images: Vec<ImageOpen>,
}

#[derive(Serialize, Deserialize)]
struct ImageOpen {
    kind: String,
    file: String,
    bytes: u64,
    #[serde(with = "serde_bytes")]
    sha256: [u8; 32],
}

#[derive(Serialize, Deserialize)]
struct VoteOpen {
    /// In ten-thousandths.
    confidence: u16,
    region: Option<String>,
    sure: bool,
    votes: u32,
    agreeing: u32,
    engine: String,
    model: String,
}

#[derive(Serialize, Deserialize)]
struct VotePersonal {
    plate: String,
    /// `None`: the same as `plate`.
    raw: Option<String>,
    runner_up: Option<(String, u16)>,
}

#[derive(Serialize, Deserialize)]
struct DecisionOpen {
    verdict: String,
    reason: String,
    list: Option<String>,
    watched_by: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct DecisionPersonal {
    note: Option<String>,
    /// The entry's plate, where it is not the one that was read.
    matched: Option<String>,
    /// As JSON (journal/grounds.rs); `None`: there are none.
    #[serde(default)]
    grounds: Option<String>,
}

/// What is almost never so takes no room.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
pub(super) const fn is_no(it: &bool) -> bool {
    !*it
}

/// A fact as bytes. Of its reads, the surest `keep` are kept.
pub(super) fn encode(fact: &Fact, keep: usize) -> Result<Body> {
    match fact {
        Fact::Decided(decided) => Ok(Body {
            kind: DECIDED,
            id: *decided.passage.0.as_bytes(),
            open: rmp_serde::to_vec(&DecidedOpen {
                camera: decided.camera.as_str().to_owned(),
                live: decided.live,
                at: decided.at.as_microsecond(),
                vote: decided.reading.as_ref().map(vote_open),
                decision: decision_open(&decided.decision),
                receipt: latencies(&decided.receipt),
                clock_unset: decided.clock_unset,
            })?,
            personal: rmp_serde::to_vec(&DecidedPersonal {
                vote: decided.reading.as_ref().map(vote_personal),
                decision: decision_personal(&decided.decision)?,
            })?,
            effects: decided.effects.clone(),
        }),
        Fact::Closed(closed) => encode_closed(closed, keep),
        Fact::Gate(event) => gates::encode(event),
        Fact::Evidence(evidence) => Ok(Body {
            kind: EVIDENCE,
            id: *evidence.passage.0.as_bytes(),
            open: rmp_serde::to_vec(&EvidenceOpen {
                camera: evidence.camera.as_str().to_owned(),
                images: evidence.images.iter().map(image_open).collect(),
            })?,
            personal: Vec::new(),
            effects: Vec::new(),
        }),
    }
}

fn encode_closed(closed: &Closed, keep: usize) -> Result<Body> {
    let passage = &closed.passage;
    let began = passage.began.as_microsecond();
    let area = passage.best_area.filter(Rect::is_finite);
    let reading = passage.reading.as_ref();
    let mut kept: Vec<_> = closed.reads.iter().collect();
    kept.sort_by(|a, b| b.confidence.value().total_cmp(&a.confidence.value()));
    kept.truncate(keep);
    kept.sort_by_key(|read| read.after);
    Ok(Body {
        kind: CLOSED,
        id: *passage.id.0.as_bytes(),
        open: rmp_serde::to_vec(&ClosedOpen {
            camera: passage.camera.as_str().to_owned(),
            live: passage.live,
            began,
            lasted: passage.ended.map(|ended| ended.as_microsecond().saturating_sub(began)),
            direction: passage.direction.map(|direction| direction.as_str().to_owned()),
            frames: passage.frames,
            tracks: passage.tracks,
            area: area.map(|a| [a.x, a.y, a.width, a.height].map(|side| side.round() as i32)),
            vote: reading.map(vote_open),
            decision: closed.decision.as_ref().map(decision_open),
            receipt: latencies(&passage.receipt),
            clock_unset: closed.clock_unset,
        })?,
        personal: rmp_serde::to_vec(&ClosedPersonal {
            vote: reading.map(vote_personal),
            decided_on: passage.decided.as_ref().map(|text| text.as_str().to_owned()),
            decision: closed.decision.as_ref().map(decision_personal).transpose()?,
            chars: reading.map(|reading| pack::pack_chars(&reading.chars)).unwrap_or_default(),
            reads: pack::pack_reads(&kept, pack::Own::of(reading)),
        })?,
        effects: closed.effects.clone(),
    })
}

/// Bytes as a fact; without its personal part it is a fact about some vehicle that nothing could be read of.
pub(super) fn decode(kind: i64, id: [u8; 16], open: &[u8], personal: Option<&[u8]>) -> Result<Fact> {
    let id = PassageId(uuid::Uuid::from_bytes(id));
    match kind {
        DECIDED => decode_decided(id, open, personal).map(Fact::Decided),
        CLOSED => decode_closed(id, open, personal).map(Fact::Closed),
        GATE => gates::decode(id.0, open, personal).map(Fact::Gate),
        EVIDENCE => {
            let open: EvidenceOpen = rmp_serde::from_slice(open)?;
            let images = open.images.into_iter().map(image).collect::<Result<_>>()?;
            Ok(Fact::Evidence(Evidence { passage: id, camera: CameraId::new(&open.camera), images }))
        }
        other => Err(BodyError::Kind(other)),
    }
}

fn decode_decided(id: PassageId, open: &[u8], personal: Option<&[u8]>) -> Result<Decided> {
    let open: DecidedOpen = rmp_serde::from_slice(open)?;
    let personal: Option<DecidedPersonal> = personal.map(rmp_serde::from_slice).transpose()?;
    let (vote, decision) = personal.map(|p| (p.vote, Some(p.decision))).unwrap_or_default();
    Ok(Decided {
        passage: id,
        camera: CameraId::new(&open.camera),
        live: open.live,
        at: time(open.at)?,
        reading: reading(open.vote, vote)?,
        decision: whole_decision(open.decision, decision)?,
        effects: Vec::new(),
        receipt: receipt(open.receipt),
        clock_unset: open.clock_unset,
    })
}

fn decode_closed(id: PassageId, open: &[u8], personal: Option<&[u8]>) -> Result<Closed> {
    let open: ClosedOpen = rmp_serde::from_slice(open)?;
    let personal: Option<ClosedPersonal> = personal.map(rmp_serde::from_slice).transpose()?;
    let personal = personal.unwrap_or(ClosedPersonal {
        vote: None,
        decided_on: None,
        decision: None,
        chars: Vec::new(),
        reads: Vec::new(),
    });
    let mut reading = reading(open.vote, personal.vote)?;
    if let Some(reading) = &mut reading {
        reading.chars = pack::unpack_chars(&personal.chars).ok_or(BodyError::Packed)?;
    }
    let own = pack::Own::of(reading.as_ref());
    let reads = pack::unpack_reads(&personal.reads, own).ok_or(BodyError::Packed)?;
    let pixels = |side: i32| side as f32;
    let decision = open.decision.map(|open| whole_decision(open, personal.decision)).transpose()?;
    let passage = Passage {
        id,
        camera: CameraId::new(&open.camera),
        live: open.live,
        began: time(open.began)?,
        ended: open.lasted.map(|lasted| time(open.began.saturating_add(lasted))).transpose()?,
        reading,
        decided: personal.decided_on.map(plate).transpose()?,
        direction: open
            .direction
            .map(|word| known(parse_direction(&word), "direction", &word))
            .transpose()?,
        frames: open.frames,
        tracks: open.tracks,
        best_area: open.area.map(|[x, y, w, h]| Rect::new(pixels(x), pixels(y), pixels(w), pixels(h))),
        receipt: receipt(open.receipt),
    };
    Ok(Closed { passage, reads, decision, effects: Vec::new(), clock_unset: open.clock_unset })
}

/// What the index wants to know of a closed passage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub began: i64,
    pub camera: String,
    pub direction: Option<String>,
    pub plate: Option<String>,
}

pub(super) fn entry(open: &[u8], personal: Option<&[u8]>) -> Result<Entry> {
    let open: ClosedOpen = rmp_serde::from_slice(open)?;
    let personal: Option<ClosedPersonal> = personal.map(rmp_serde::from_slice).transpose()?;
    let plate = personal.and_then(|personal| personal.vote).map(|vote| vote.plate);
    Ok(Entry { began: open.began, camera: open.camera, direction: open.direction, plate })
}

fn image_open(image: &Image) -> ImageOpen {
    let Image { kind, file, bytes, sha256 } = image;
    ImageOpen { kind: kind.as_str().to_owned(), file: file.clone(), bytes: *bytes, sha256: *sha256 }
}

fn image(open: ImageOpen) -> Result<Image> {
    let kinds = [ImageKind::Plate, ImageKind::Frame];
    let kind = known(kinds.into_iter().find(|kind| kind.as_str() == open.kind), "image", &open.kind)?;
    Ok(Image { kind, file: open.file, bytes: open.bytes, sha256: open.sha256 })
}

fn vote_open(reading: &Reading) -> VoteOpen {
    VoteOpen {
        confidence: ten_thousandths(reading.confidence),
        region: reading.region.map(|region| region.as_str().to_owned()),
        sure: reading.sure,
        votes: reading.votes,
        agreeing: reading.agreeing,
        engine: reading.engine.as_str().to_owned(),
        model: reading.model.clone(),
    }
}

fn vote_personal(reading: &Reading) -> VotePersonal {
    let runner_up = reading.runner_up.as_ref();
    VotePersonal {
        plate: reading.text.as_str().to_owned(),
        raw: (reading.raw != reading.text).then(|| reading.raw.as_str().to_owned()),
        runner_up: runner_up.map(|(text, p)| (text.as_str().to_owned(), ten_thousandths(*p))),
    }
}

fn reading(open: Option<VoteOpen>, personal: Option<VotePersonal>) -> Result<Option<Reading>> {
    let (Some(open), Some(personal)) = (open, personal) else { return Ok(None) };
    let text = plate(personal.plate)?;
    let runner_up = personal.runner_up.map(|(text, p)| Ok::<_, BodyError>((plate(text)?, probability(p))));
    Ok(Some(Reading {
        raw: personal.raw.map_or_else(|| Ok(text.clone()), plate)?,
        text,
        confidence: probability(open.confidence),
        region: open.region.as_deref().and_then(Region::from_code),
        runner_up: runner_up.transpose()?,
        chars: Vec::new(),
        sure: open.sure,
        votes: open.votes,
        agreeing: open.agreeing,
        engine: known(parse_engine(&open.engine), "engine", &open.engine)?,
        model: open.model,
    }))
}

fn decision_open(decision: &Decision) -> DecisionOpen {
    DecisionOpen {
        verdict: decision.verdict.as_str().to_owned(),
        reason: decision.reason.as_str().to_owned(),
        list: decision.list.clone(),
        watched_by: decision.watched_by.clone(),
    }
}

fn decision_personal(decision: &Decision) -> Result<DecisionPersonal> {
    Ok(DecisionPersonal {
        note: decision.note.clone(),
        matched: decision.matched.as_ref().map(|text| text.as_str().to_owned()),
        grounds: grounds::write(&decision.grounds)?,
    })
}

fn whole_decision(open: DecisionOpen, personal: Option<DecisionPersonal>) -> Result<Decision> {
    let (note, matched, grounds) = personal.map(|p| (p.note, p.matched, p.grounds)).unwrap_or_default();
    Ok(Decision {
        verdict: known(parse_verdict(&open.verdict), "verdict", &open.verdict)?,
        reason: known(parse_reason(&open.reason), "reason", &open.reason)?,
        list: open.list,
        note,
        matched: matched.map(plate).transpose()?,
        watched_by: open.watched_by,
        grounds: grounds.as_deref().map(grounds::read).transpose()?.unwrap_or_default(),
    })
}

/// Stage times since capture: the monotonic time line itself means nothing once the daemon has stopped.
pub(super) fn latencies(receipt: &Receipt) -> [Option<i64>; 7] {
    let stages = [
        receipt.decoded,
        receipt.detected,
        receipt.read,
        receipt.voted,
        receipt.decided,
        receipt.published,
        receipt.actuated,
    ];
    let since = |at: Moment| i64::try_from(at.since(receipt.captured).as_micros()).unwrap_or(i64::MAX);
    stages.map(|stage| stage.map(since))
}

/// A receipt whose capture is moment zero.
pub(super) fn receipt(stages: [Option<i64>; 7]) -> Receipt {
    let moment = |micros: i64| Moment::from_micros(u64::try_from(micros).unwrap_or(0));
    let [decoded, detected, read, voted, decided, published, actuated] =
        stages.map(|stage| stage.map(moment));
    Receipt { captured: Moment::ZERO, decoded, detected, read, voted, decided, published, actuated }
}

pub(super) fn time(micros: i64) -> Result<Timestamp> {
    Timestamp::from_microsecond(micros).map_err(|_| BodyError::Time(micros))
}

fn plate(text: String) -> Result<PlateText> {
    PlateText::normalise(&text).map_err(|_| BodyError::Plate(text))
}

pub(super) fn known<T>(found: Option<T>, what: &'static str, word: &str) -> Result<T> {
    found.ok_or_else(|| BodyError::Word { what, word: word.to_owned() })
}

fn ten_thousandths(confidence: Confidence) -> u16 {
    (confidence.value() * 10_000.0).round() as u16
}

fn probability(ten_thousandths: u16) -> Confidence {
    Confidence::new(f32::from(ten_thousandths) / 10_000.0)
}
