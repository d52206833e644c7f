//! Events of gates as bytes, and back; and whom a gate was opened for a moment ago.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;
use uuid::Uuid;

use super::{
    body::{self, Body, BodyError},
    facts::{STORED, stored},
    marks,
    reader::Why,
    search,
};
use crate::{
    fact::{
        Fact,
        gate::{Cause, GateEvent, GateId, Refusal, Release, Step},
        privacy::Visitor,
    },
    frame::CameraId,
    passage::PassageId,
};

/// The newest facts among which a gate's last events are looked for: a quarter of an hour of the busiest site, and
/// no more to read at a start than that.
const NEWEST: u64 = 20_000;

#[derive(Serialize, Deserialize)]
struct GateOpen {
    gate: String,
    at: i64,
    order: ByteArray<16>,
    step: String,
    /// Why it was refused or released.
    reason: Option<String>,
    /// Why it failed.
    words: Option<String>,
    /// The pulse of an actuated one; how long the output was on for a released one. Microseconds.
    lasted: Option<u64>,
    /// `None`: somebody asked for it.
    passage: Option<ByteArray<16>>,
    camera: Option<String>,
    receipt: Option<[Option<i64>; 7]>,
    #[serde(default, skip_serializing_if = "body::is_no")]
    clock_unset: bool,
}

#[derive(Default, Serialize, Deserialize)]
struct GatePersonal {
    asked_by: Option<String>,
    asked_why: Option<String>,
}

pub(super) fn encode(event: &GateEvent) -> Result<Body, BodyError> {
    let (words, lasted) = match &event.step {
        Step::Ordered | Step::Refused(_) => (None, None),
        Step::Failed(why) => (Some(why.clone()), None),
        Step::Actuated { pulse } => (None, Some(*pulse)),
        Step::Released { after, .. } => (None, Some(*after)),
    };
    let (passage, camera, personal) = match &event.cause {
        Cause::Passage { passage, camera } => (Some(passage.0), Some(camera), GatePersonal::default()),
        Cause::Manual { by, reason } => {
            let personal = GatePersonal { asked_by: Some(by.clone()), asked_why: Some(reason.clone()) };
            (None, None, personal)
        }
    };
    Ok(Body {
        kind: body::GATE,
        id: *event.id.as_bytes(),
        open: rmp_serde::to_vec(&GateOpen {
            gate: event.gate.as_str().to_owned(),
            at: event.at.as_microsecond(),
            order: ByteArray::new(*event.order.as_bytes()),
            step: event.step.as_str().to_owned(),
            reason: event.step.reason().map(str::to_owned),
            words,
            lasted: lasted.map(|lasted| u64::try_from(lasted.as_micros()).unwrap_or(u64::MAX)),
            passage: passage.map(|passage| ByteArray::new(*passage.as_bytes())),
            camera: camera.map(|camera| camera.as_str().to_owned()),
            receipt: event.receipt.as_ref().map(body::latencies),
            clock_unset: event.clock_unset,
        })?,
        personal: rmp_serde::to_vec(&personal)?,
        effects: Vec::new(),
    })
}

/// Without its personal part it is not known who asked.
pub(super) fn decode(id: Uuid, open: &[u8], personal: Option<&[u8]>) -> Result<GateEvent, BodyError> {
    let open: GateOpen = rmp_serde::from_slice(open)?;
    let personal: Option<GatePersonal> = personal.map(rmp_serde::from_slice).transpose()?;
    let GatePersonal { asked_by, asked_why } = personal.unwrap_or_default();
    let cause = match open.passage {
        Some(passage) => Cause::Passage {
            passage: PassageId(Uuid::from_bytes(passage.into_array())),
            camera: CameraId::new(&open.camera.unwrap_or_default()),
        },
        None => Cause::Manual { by: asked_by.unwrap_or_default(), reason: asked_why.unwrap_or_default() },
    };
    let lasted = Duration::from_micros(open.lasted.unwrap_or(0));
    let reason = open.reason.unwrap_or_default();
    let step = match open.step.as_str() {
        "ordered" => Step::Ordered,
        "actuated" => Step::Actuated { pulse: lasted },
        "refused" => Step::Refused(body::known(Refusal::parse(&reason), "refusal", &reason)?),
        "failed" => Step::Failed(open.words.unwrap_or_default()),
        "released" => {
            Step::Released { why: body::known(Release::parse(&reason), "release", &reason)?, after: lasted }
        }
        other => return body::known(None, "step of a gate", other),
    };
    Ok(GateEvent {
        id,
        gate: GateId::new(&open.gate),
        at: body::time(open.at)?,
        order: Uuid::from_bytes(open.order.into_array()),
        cause,
        step,
        receipt: open.receipt.map(body::receipt),
        clock_unset: open.clock_unset,
    })
}

/// Passages that this gate was opened for since then, oldest first, with their plates as far as they are kept.
/// Among them, without a plate, those whose opening failed: it may have been a failure to answer.
pub(super) fn let_in_since(
    db: &Connection,
    gate: &GateId,
    since: Timestamp,
) -> Result<Vec<(PassageId, Visitor)>, Why> {
    let sql = format!(
        "SELECT {STORED} FROM facts WHERE nr > (SELECT max(nr) FROM facts) - ?1 AND kind = ?2 ORDER BY nr"
    );
    let mut query = db.prepare_cached(&sql)?;
    let mut rows = query.query((NEWEST, body::GATE))?;
    let mut visits = Vec::new();
    while let Some(row) = rows.next()? {
        let stored = stored(row)?;
        let event = match stored.fact() {
            Ok(Some(Fact::Gate(event))) => event,
            Ok(_) => continue,
            Err(error) => return Err(Why::Body { nr: stored.nr, error }),
        };
        let Cause::Passage { passage, .. } = event.cause else { continue };
        if event.gate != *gate || event.at < since {
            continue;
        }
        match event.step {
            Step::Actuated { .. } => visits.push((passage, visitor(db, passage)?)),
            Step::Failed(_) => visits.push((passage, Visitor::Unknown)),
            Step::Ordered | Step::Refused(_) | Step::Released { .. } => {}
        }
    }
    Ok(visits)
}

/// The plate that was let in, as it stands on the list; or its mark, where no plate is stored.
fn visitor(db: &Connection, passage: PassageId) -> Result<Visitor, Why> {
    let decided = match search::of_kind(db, passage, body::DECIDED)? {
        Some((Fact::Decided(decided), _)) => Some(decided),
        _ => None,
    };
    let plate = decided.and_then(|d| d.decision.matched.or(d.reading.map(|reading| reading.text)));
    Ok(match plate {
        Some(plate) => Visitor::Plate(plate),
        None => marks::of(db, passage)?.map_or(Visitor::Unknown, Visitor::Marked),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        clock::SystemClock,
        fact::sample,
        journal::{Journal, Settings},
    };

    #[test]
    fn every_step_comes_back_as_it_was_written() {
        let steps = [
            Step::Ordered,
            Step::Actuated { pulse: Duration::from_millis(500) },
            Step::Failed("the relay did not answer".to_owned()),
            Step::Released { why: Release::Guard, after: Duration::from_micros(500_123) },
        ];
        let refusals = Refusal::ALL.iter().map(|refusal| Step::Refused(*refusal));
        let releases =
            Release::ALL.iter().map(|why| Step::Released { why: *why, after: Duration::from_secs(1) });
        for (n, step) in (0..).zip(steps.into_iter().chain(refusals).chain(releases)) {
            let event = sample::gate_event(n, step);
            let Body { kind, id, open, personal, .. } = encode(&event).unwrap();
            let back = body::decode(kind, id, &open, Some(&personal)).unwrap();
            assert_eq!(back, Fact::Gate(event.clone()));
            let Fact::Gate(erased) = body::decode(kind, id, &open, None).unwrap() else { panic!() };
            assert_eq!(erased.step, event.step);
            assert!(!format!("{erased:?}").contains("fire brigade"));
        }
    }

    #[test]
    fn plates_let_in_are_known_again_after_a_restart() {
        // Indexed and not indexed.
        for index_batch in [1, 1000] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("j.db");
            let settings = Settings { index_batch, ..Settings::default() };
            let journal = Journal::open(&path, &settings, Arc::new(SystemClock::start())).unwrap();
            let write = |n: u64, step: Step| {
                let event = sample::gate_event(n, step);
                journal.writer().record(Fact::Gate(event.clone()));
                if let Cause::Passage { .. } = event.cause {
                    journal.writer().record(Fact::Decided(sample::decided(&sample::closed(n))));
                }
                event
            };
            let opened = write(2, Step::Actuated { pulse: Duration::from_millis(500) });
            write(4, Step::Refused(Refusal::Stale));
            write(5, Step::Actuated { pulse: Duration::from_millis(500) });
            write(6, Step::Failed("no answer".to_owned()));
            assert!(journal.writer().flush(Duration::from_secs(9)));
            let reader = journal.reader().unwrap();
            let found = |since: Timestamp| reader.let_in_since(&opened.gate, since).unwrap();
            let visits = [
                (sample::closed(2).passage.id, Visitor::Plate(sample::plate(2).unwrap())),
                (sample::closed(6).passage.id, Visitor::Unknown),
            ];
            assert_eq!(found(opened.at), visits, "the fifth was manual, the fourth refused");
            assert_eq!(found(opened.at + Duration::from_millis(1)), visits[1..]);
            assert_eq!(reader.let_in_since(&GateId::new("south"), opened.at).unwrap(), []);
        }
    }
}
