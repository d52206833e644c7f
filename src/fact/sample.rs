//! Made-up facts for benches and tests: the nth passage is the same on every machine.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::{
    Closed, Decided, ReadSummary,
    gate::{Cause, GateEvent, GateId, Step},
};
use crate::{
    access::{Decision, Grounds, Reason, Verdict},
    clock::Moment,
    frame::CameraId,
    geometry::Rect,
    infer::EngineKind,
    passage::{Direction, Passage, PassageId, Reading, Receipt},
    plate::{CharRead, Confidence, PlateText, Region},
};

/// One of 50,000 plates, most of which come back now and then.
pub fn plate(n: u64) -> Option<PlateText> {
    let of = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    let of = of % 50_000;
    let letter = |by: u64| char::from(b'A' + ((of / by) % 26) as u8);
    let text =
        format!("{}{}{:02}{}{}{}", letter(1), letter(26), of % 100, letter(7), letter(11), letter(676));
    PlateText::normalise(&text).ok()
}

/// The nth passage of a busy gate: one every two seconds.
pub fn closed(n: u64) -> Closed {
    let micros =
        1_700_000_000_000_000_i64.saturating_add(i64::try_from(n).unwrap_or(0).saturating_mul(2_000_000));
    let began = Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH);
    let text = plate(n);
    let read = |k: u64| {
        Some(ReadSummary {
            after: Duration::from_millis(120 * k),
            text: text.clone()?,
            confidence: Confidence::new((90 + k) as f32 / 100.0),
            height: 28.0 + k as f32,
            engine: EngineKind::Cpu,
        })
    };
    Closed {
        passage: Passage {
            id: id(micros, n),
            camera: CameraId::new(if n.is_multiple_of(2) { "gate-in" } else { "gate-out" }),
            live: true,
            began,
            ended: began.checked_add(Duration::from_millis(4_321)).ok(),
            reading: text.clone().map(|text| Reading {
                raw: text.clone(),
                confidence: Confidence::new(0.9731),
                region: Region::from_code("gb"),
                runner_up: PlateText::normalise("AB12CDE").ok().map(|text| (text, Confidence::new(0.02))),
                chars: text.as_str().chars().map(position).collect(),
                sure: true,
                votes: 8,
                agreeing: 8,
                engine: EngineKind::Cpu,
                model: "reader-sample".to_owned(),
                text,
            }),
            direction: Some(if n.is_multiple_of(3) { Direction::Leaving } else { Direction::Approaching }),
            decided: text.clone(),
            frames: 31,
            tracks: 1,
            best_area: Some(Rect::new(512.0, 340.0, 141.0, 33.0)),
            receipt: Receipt {
                captured: Moment::ZERO,
                decoded: Some(Moment::from_micros(4_100)),
                detected: Some(Moment::from_micros(39_000)),
                read: Some(Moment::from_micros(41_500)),
                voted: Some(Moment::from_micros(41_600)),
                decided: Some(Moment::from_micros(41_700)),
                published: None,
                actuated: None,
            },
        },
        reads: (0..8).filter_map(read).collect(),
        decision: Some(Decision {
            verdict: Verdict::Admit,
            reason: Reason::Listed,
            list: Some("staff".to_owned()),
            note: None,
            matched: None,
            watched_by: None,
            grounds: Grounds::default(),
        }),
        effects: Vec::new(),
        clock_unset: false,
    }
}

/// The decision that went before.
pub fn decided(closed: &Closed) -> Decided {
    let passage = &closed.passage;
    Decided {
        passage: passage.id,
        camera: passage.camera.clone(),
        live: passage.live,
        at: passage.began,
        reading: passage.reading.clone(),
        decision: closed.decision.clone().unwrap_or(Decision {
            verdict: Verdict::Refuse,
            reason: Reason::Unlisted,
            list: None,
            note: None,
            matched: None,
            watched_by: None,
            grounds: Grounds::default(),
        }),
        effects: Vec::new(),
        receipt: passage.receipt,
        clock_unset: false,
    }
}

/// A step of the order for the nth passage; every fifth order is somebody's own.
pub fn gate_event(n: u64, step: Step) -> GateEvent {
    let passage = closed(n).passage;
    let at = passage.began;
    let manual = n.is_multiple_of(5) && n > 0;
    let mut receipt = passage.receipt;
    if let Step::Actuated { .. } = step {
        receipt.actuated = Some(Moment::from_micros(42_900));
    }
    GateEvent {
        id: id(at.as_microsecond(), n + 1_000).0,
        gate: GateId::new("north"),
        at,
        order: id(at.as_microsecond(), n + 2_000).0,
        cause: match manual {
            true => Cause::Manual { by: "uid 0".to_owned(), reason: "the fire brigade".to_owned() },
            false => Cause::Passage { passage: passage.id, camera: passage.camera },
        },
        step,
        receipt: (!manual).then_some(receipt),
        clock_unset: false,
    }
}

/// A UUIDv7 of that time whose random part is the number.
fn id(micros: i64, n: u64) -> PassageId {
    let millis = u128::try_from(micros / 1000).unwrap_or(0);
    let bits = (millis << 80) | (0x7 << 76) | (0x2 << 62) | u128::from(n & 0x3fff_ffff_ffff_ffff);
    PassageId(Uuid::from_u128(bits))
}

fn position(c: char) -> CharRead {
    let other = if c == 'B' { '8' } else { 'B' };
    CharRead { c, p: Confidence::new(0.99), others: vec![(other, Confidence::new(0.004))] }
}
