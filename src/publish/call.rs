//! Messages that are wanted at the broker now or never: orders to gates that somebody else opens.
//!
//! They go past the outbox, because an order that lies about opens a gate when nobody stands there: what cannot be
//! sent at once fails, and what the broker has not acknowledged when the connection breaks has failed too.

use std::{sync::mpsc::SyncSender, time::Duration};

use jiff::Timestamp;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::{
    clock::Moment,
    fact::{GateId, gate::Cause},
};

/// Calls that may wait to be sent; more fail at once.
const WAITING: usize = 8;

/// An order for somebody else's gate.
#[derive(Debug)]
pub struct Call {
    pub gate: GateId,
    pub order: Uuid,
    pub cause: Cause,
    pub pulse: Duration,
    /// Not to be sent from this moment on, and by the wall clock.
    pub deadline: Moment,
    pub valid_until: Timestamp,
    /// `None`: our own topic.
    pub topic: Option<String>,
    /// `None`: our own message.
    pub payload: Option<String>,
    /// Told once: the broker has it, or why not.
    pub done: SyncSender<Result<(), String>>,
}

impl Call {
    pub(super) fn end(self, outcome: Result<(), String>) {
        // Whoever waits may have given up by now, and told so.
        let _ = self.done.try_send(outcome);
    }
}

/// Where calls come out.
pub type Calls = mpsc::Receiver<Call>;

/// Fails every call for as long as there is no connection; never returns.
pub(super) async fn refuse(calls: &mut Calls) {
    while let Some(call) = calls.recv().await {
        call.end(Err("the MQTT broker is not connected".to_owned()));
    }
    std::future::pending::<()>().await;
}

/// The way in, for gates, and the way out, for the publisher.
pub fn channel() -> (mpsc::Sender<Call>, Calls) {
    mpsc::channel(WAITING)
}
