//! What became of the messages to receivers of webhooks, and what is wrong with them.

use serde::Serialize;

use super::judge::Problems;
use crate::{
    daemon::webhooks::Receiver,
    webhook::{Snapshot, State},
};

#[derive(Debug, Clone, Serialize)]
pub(in crate::daemon) struct WebhookHealth {
    pub name: String,
    /// `well`, or `waiting`: it did not take what it was told last, or cannot be told.
    pub state: &'static str,
    pub delivered: u64,
    /// Messages that the receiver won't have, whatever is done: skipped.
    pub refused: u64,
    /// Messages that were too old in the end.
    pub given_up: u64,
    /// Calls that failed.
    pub failures: u64,
    /// Facts of all kinds that were erased before it was told of them.
    pub missed: u64,
    /// Facts of all kinds that are still to be looked at.
    pub behind: u64,
    pub trouble: Option<String>,
    #[serde(skip)]
    pub whole: Snapshot,
}

impl WebhookHealth {
    pub(super) fn of(receiver: &Receiver) -> Self {
        let whole = receiver.snapshot();
        Self {
            name: receiver.name.clone(),
            state: whole.state.as_str(),
            delivered: whole.delivered,
            refused: whole.refused,
            given_up: whole.given_up,
            failures: whole.failures,
            missed: whole.missed,
            behind: whole.behind,
            trouble: whole.trouble.clone(),
            whole,
        }
    }
}

#[cfg(test)]
impl WebhookHealth {
    pub(super) fn sample() -> Self {
        let whole = crate::webhook::Stats::default().snapshot();
        Self {
            name: "office".to_owned(),
            state: whole.state.as_str(),
            delivered: 0,
            refused: 0,
            given_up: 0,
            failures: 0,
            missed: 0,
            behind: 0,
            trouble: None,
            whole,
        }
    }
}

pub(super) fn judge(webhook: &WebhookHealth, problems: &mut Problems) {
    let name = &webhook.name;
    if webhook.whole.state == State::Waiting {
        let why = webhook.trouble.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        let words = format!("the webhook {name} is not told; {} facts wait{why}", webhook.behind);
        problems.degraded(format!("webhook {name}"), words);
    }
    if webhook.given_up + webhook.missed > 0 {
        let words = format!(
            "the webhook {name} was not told of all: {} messages were too old, {} facts of all kinds were erased before",
            webhook.given_up, webhook.missed
        );
        problems.degraded(format!("webhook {name} lost"), words);
    }
}
