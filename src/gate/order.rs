//! What a gate is asked to do: open once, for one reason, until a certain moment. There is no other verb.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    access::Verdict,
    clock::Moment,
    fact::{
        Decided, GateEvent, GateId,
        gate::{Cause, Refusal, Step},
    },
    passage::{PassageId, Receipt},
    plate::PlateText,
};

/// Open once.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    pub id: Uuid,
    pub cause: Cause,
    /// The plate that was let in, as it stands on the list; none for a manual order.
    pub plate: Option<PlateText>,
    /// Seen by a camera, or asked for by a person, just now. False for a recording.
    pub live: bool,
    /// Decided while the vehicle was still there.
    pub in_time: bool,
    /// From this moment on it must not open anything.
    pub valid_until: Moment,
    /// Of the frame that decided; none for a manual order.
    pub receipt: Option<Receipt>,
}

impl Order {
    /// The order that follows from a decision: none, unless the vehicle is admitted. It is valid for so long after
    /// the frame that decided was taken.
    pub fn of(decided: &Decided, valid: Duration) -> Option<Self> {
        if decided.decision.verdict != Verdict::Admit {
            return None;
        }
        let read = decided.reading.as_ref().map(|reading| &reading.text);
        Some(Self {
            id: id(decided.at),
            cause: Cause::Passage { passage: decided.passage, camera: decided.camera.clone() },
            plate: decided.decision.matched.as_ref().or(read).cloned(),
            live: decided.live,
            in_time: decided.receipt.decided.is_some(),
            valid_until: decided.receipt.captured + valid,
            receipt: Some(decided.receipt),
        })
    }

    /// Somebody wants the gate open, now.
    pub fn manual(by: String, reason: String, valid: Duration, now: Moment, at: Timestamp) -> Self {
        Self {
            id: id(at),
            cause: Cause::Manual { by, reason },
            plate: None,
            live: true,
            in_time: true,
            valid_until: now + valid,
            receipt: None,
        }
    }

    /// One step of it, as a fact.
    pub fn event(&self, gate: &GateId, id: Uuid, at: Timestamp, step: Step) -> GateEvent {
        let (order, cause, receipt) = (self.id, self.cause.clone(), self.receipt);
        GateEvent { id, gate: gate.clone(), at, order, cause, step, receipt, clock_unset: false }
    }

    /// Its refusal, by whoever had to hand it in and could not.
    pub fn refused(&self, gate: &GateId, at: Timestamp, refusal: Refusal) -> GateEvent {
        self.event(gate, id(at), at, Step::Refused(refusal))
    }

    /// The passage that it is for.
    pub const fn passage(&self) -> Option<PassageId> {
        match &self.cause {
            Cause::Passage { passage, .. } => Some(*passage),
            Cause::Manual { .. } => None,
        }
    }

    pub const fn is_manual(&self) -> bool {
        matches!(self.cause, Cause::Manual { .. })
    }
}

/// A new UUIDv7 of that time.
fn id(at: Timestamp) -> Uuid {
    let seconds = u64::try_from(at.as_second()).unwrap_or(0);
    let nanos = u32::try_from(at.subsec_nanosecond()).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{access::Reason, fact::sample};

    const VALID: Duration = Duration::from_secs(10);

    #[test]
    fn only_an_admitted_vehicle_makes_an_order() {
        let mut decided = sample::decided(&sample::closed(2));
        let order = Order::of(&decided, VALID).unwrap();
        assert_eq!(order.passage(), Some(decided.passage));
        assert_eq!(order.valid_until, decided.receipt.captured + VALID);
        assert!(order.live && order.in_time && !order.is_manual());
        for (verdict, reason) in [(Verdict::Refuse, Reason::Unlisted), (Verdict::Watch, Reason::Watched)] {
            (decided.decision.verdict, decided.decision.reason) = (verdict, reason);
            assert_eq!(Order::of(&decided, VALID), None);
        }
    }

    #[test]
    fn an_order_carries_the_plate_of_the_list_not_the_misread_one() {
        let mut decided = sample::decided(&sample::closed(2));
        let read = decided.reading.clone().unwrap().text;
        assert_eq!(Order::of(&decided, VALID).unwrap().plate, Some(read));
        let listed = PlateText::normalise("AB12CDE").unwrap();
        decided.decision.matched = Some(listed.clone());
        assert_eq!(Order::of(&decided, VALID).unwrap().plate, Some(listed));
    }

    #[test]
    fn a_decision_that_fell_after_the_vehicle_had_left_is_not_in_time() {
        let mut decided = sample::decided(&sample::closed(2));
        decided.receipt.decided = None;
        assert!(!Order::of(&decided, VALID).unwrap().in_time);
    }
}
