//! Events of gates as rows, and back.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use uuid::Uuid;

use super::{
    cells::{instant, known, plate_text},
    inserts::latencies,
    selects::receipt,
    words::Words,
};
use crate::{
    fact::gate::{Cause, GateEvent, GateId, Refusal, Release, Step},
    frame::CameraId,
    passage::PassageId,
    plate::PlateText,
};

type Result<T> = rusqlite::Result<T>;

/// Writes an event down; false if it stands there already.
pub(super) fn insert_event(db: &Connection, words: &mut Words, event: &GateEvent) -> Result<bool> {
    const SQL: &str = "INSERT OR IGNORE INTO gate_events VALUES
        (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13, ?14,?15,?16,?17,?18,?19,?20)";
    let (failure, lasted) = match &event.step {
        Step::Ordered | Step::Refused(_) => (None, None),
        Step::Failed(why) => (Some(why.as_str()), None),
        Step::Actuated { pulse } => (None, Some(*pulse)),
        Step::Released { after, .. } => (None, Some(*after)),
    };
    let (passage, camera, by, why) = match &event.cause {
        Cause::Passage { passage, camera } => (Some(passage.0), Some(camera.as_str()), None, None),
        Cause::Manual { by, reason } => (None, None, Some(by), Some(reason)),
    };
    let times = event.receipt.as_ref().map(latencies).unwrap_or_default();
    let written = db.prepare_cached(SQL)?.execute(params![
        event.id.as_bytes(),
        words.number(db, event.gate.as_str())?,
        event.at.as_microsecond(),
        event.order.as_bytes(),
        words.number(db, event.step.as_str())?,
        event.step.reason().map(|reason| words.number(db, reason)).transpose()?,
        failure,
        lasted.map(|lasted| i64::try_from(lasted.as_micros()).unwrap_or(i64::MAX)),
        passage.as_ref().map(Uuid::as_bytes),
        camera.map(|camera| words.number(db, camera)).transpose()?,
        by,
        why,
        event.receipt.is_some(),
        times[0],
        times[1],
        times[2],
        times[3],
        times[4],
        times[5],
        times[6],
    ])?;
    Ok(written > 0)
}

pub(super) fn select_event(db: &Connection, words: &mut Words, id: &[u8]) -> Result<Option<GateEvent>> {
    db.prepare_cached("SELECT * FROM gate_events WHERE id = ?1")?
        .query_row([id], |row| event(db, words, row))
        .optional()
}

fn event(db: &Connection, words: &mut Words, row: &Row<'_>) -> Result<GateEvent> {
    let uuid = |at: usize| -> Result<Uuid> { Ok(Uuid::from_bytes(row.get(at)?)) };
    let step = words.word(db, row.get(4)?)?;
    let reason: Option<i64> = row.get(5)?;
    let reason = reason.map(|nr| words.word(db, nr)).transpose()?.unwrap_or_default();
    let lasted = Duration::from_micros(row.get::<_, Option<u64>>(7)?.unwrap_or(0));
    let passage: Option<[u8; 16]> = row.get(8)?;
    let cause = match passage {
        Some(passage) => Cause::Passage {
            passage: PassageId(Uuid::from_bytes(passage)),
            camera: CameraId::new(&words.word(db, row.get(9)?)?),
        },
        None => Cause::Manual { by: row.get(10)?, reason: row.get(11)? },
    };
    let step = match step.as_str() {
        "ordered" => Step::Ordered,
        "actuated" => Step::Actuated { pulse: lasted },
        "refused" => Step::Refused(known(Refusal::parse(&reason), "refusal", &reason, 5)?),
        "failed" => Step::Failed(row.get::<_, Option<String>>(6)?.unwrap_or_default()),
        "released" => {
            let why = known(Release::parse(&reason), "release", &reason, 5)?;
            Step::Released { why, after: lasted }
        }
        other => return known(None, "step of a gate", other, 4),
    };
    let has_times: bool = row.get(12)?;
    Ok(GateEvent {
        id: uuid(0)?,
        gate: GateId::new(&words.word(db, row.get(1)?)?),
        at: instant(row.get(2)?, 2)?,
        order: uuid(3)?,
        cause,
        step,
        receipt: has_times.then(|| receipt(row, 13)).transpose()?,
    })
}

/// Passages that this gate was opened for since then, oldest first, with their plates as far as they are kept.
/// Among them, without a plate, those whose opening failed: it may have been a failure to answer.
pub(super) fn let_in_since(
    db: &Connection,
    words: &Words,
    gate: &GateId,
    since: Timestamp,
) -> Result<Vec<(PassageId, Option<PlateText>)>> {
    let Some(gate) = words.find(db, gate.as_str())? else { return Ok(Vec::new()) };
    let (actuated, failed) = (words.find(db, "actuated")?, words.find(db, "failed")?);
    // Ids sort by time, so this reads the newest rows only.
    let mut query = db.prepare_cached(
        "SELECT g.passage, CASE g.step WHEN ?4 THEN coalesce(d.matched, d.plate) END
         FROM gate_events g LEFT JOIN decisions d ON d.passage = g.passage
         WHERE g.id >= ?1 AND g.at >= ?2 AND g.gate = ?3 AND g.step IN (?4, ?5) AND g.passage IS NOT NULL
         ORDER BY g.id LIMIT 1000",
    )?;
    let first_id = super::retention::oldest_id(since);
    let visits =
        query.query_map(params![first_id, since.as_microsecond(), gate, actuated, failed], |row| {
            let plate: Option<String> = row.get(1)?;
            Ok((super::cells::id(row, 0)?, plate.map(|plate| plate_text(&plate, 1)).transpose()?))
        })?;
    visits.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fact::sample, journal::schema};

    fn database() -> Connection {
        let mut db = Connection::open_in_memory().unwrap();
        schema::upgrade(&mut db).unwrap();
        db
    }

    #[test]
    fn every_step_comes_back_as_it_was_written() {
        let (db, mut words) = (database(), Words::default());
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
            assert!(insert_event(&db, &mut words, &event).unwrap());
            assert!(!insert_event(&db, &mut words, &event).unwrap(), "once only");
            let back = select_event(&db, &mut Words::default(), event.id.as_bytes()).unwrap().unwrap();
            assert_eq!(back, event);
        }
    }

    #[test]
    fn plates_let_in_are_known_again_after_a_restart() {
        let (db, mut words) = (database(), Words::default());
        let mut write = |n: u64, step: Step| {
            let event = sample::gate_event(n, step);
            insert_event(&db, &mut words, &event).unwrap();
            if let Cause::Passage { .. } = event.cause {
                let decided = sample::decided(&sample::closed(n));
                super::super::inserts::insert_decision(&db, &mut words, &decided).unwrap();
            }
            event
        };
        let opened = write(2, Step::Actuated { pulse: Duration::from_millis(500) });
        write(4, Step::Refused(Refusal::Stale));
        write(5, Step::Actuated { pulse: Duration::from_millis(500) });
        write(6, Step::Failed("no answer".to_owned()));
        let found = |since: Timestamp| let_in_since(&db, &Words::default(), &opened.gate, since).unwrap();
        let visits = [(sample::closed(2).passage.id, sample::plate(2)), (sample::closed(6).passage.id, None)];
        assert_eq!(found(opened.at), visits, "the fifth was manual, the fourth refused");
        assert_eq!(found(opened.at + Duration::from_millis(1)), visits[1..]);
        let other = let_in_since(&db, &Words::default(), &GateId::new("south"), opened.at).unwrap();
        assert_eq!(other, []);
    }
}
