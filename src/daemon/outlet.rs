//! A gate that somebody else opens: an order as a message to the broker, past the outbox.

use std::{
    sync::{Arc, mpsc::sync_channel},
    time::Duration,
};

use super::correspondence::Messenger;
use crate::{
    clock::Clock,
    fact::GateId,
    gate::{Order, Outlet},
    publish::Call,
};

/// Carries orders to the publisher, which sends them at once or not at all.
#[derive(Debug)]
pub(super) struct ByMessage {
    pub topic: Option<String>,
    pub payload: Option<String>,
    pub messenger: Messenger,
    pub clock: Arc<dyn Clock>,
}

impl Outlet for ByMessage {
    fn carry(&self, gate: &GateId, order: &Order, pulse: Duration, within: Duration) -> Result<(), String> {
        let (done, outcome) = sync_channel(1);
        let now = self.clock.now();
        let left = order.valid_until.since(now);
        let call = Call {
            gate: gate.clone(),
            order: order.id,
            cause: order.cause.clone(),
            pulse,
            deadline: now + within,
            valid_until: self.clock.wall().saturating_add(left).unwrap_or(jiff::Timestamp::MAX),
            topic: self.topic.clone(),
            payload: self.payload.clone(),
            done,
        };
        self.messenger.send(call)?;
        match outcome.recv_timeout(within) {
            Ok(outcome) => outcome,
            Err(_) => Err(format!("the broker has not acknowledged it within {} ms", within.as_millis())),
        }
    }
}
