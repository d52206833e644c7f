//! What became of the messages to receivers of webhooks, and what is wrong with them.

use serde::Serialize;

use super::judge::Problems;
use crate::{
    telemetry::Metered,
    webhook::{self, State, Stats},
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
    pub is_well: bool,
    #[serde(skip)]
    pub calls: Metered,
}

impl WebhookHealth {
    pub(super) fn of(name: &str, stats: &Stats) -> Self {
        let webhook::Snapshot {
            state,
            delivered,
            refused,
            given_up,
            failures,
            missed,
            behind,
            trouble,
            calls,
        } = stats.snapshot();
        let (name, is_well) = (name.to_owned(), state == State::Well);
        let state = state.as_str();
        Self { name, state, delivered, refused, given_up, failures, missed, behind, trouble, is_well, calls }
    }
}

pub(super) fn judge(webhook: &WebhookHealth, problems: &mut Problems) {
    let name = &webhook.name;
    if !webhook.is_well {
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
