//! What subscribers find at the broker at any time: the retained messages of a node, from one [`Status`].
//!
//! Pure: which messages there should be. Which of them the broker still lacks is the session's business.

use super::{
    HomeAssistant, Settings,
    client::{JSON, Outgo},
    discovery, payload,
};
use crate::frame::CameraId;

/// How the node is doing, as the daemon sees it. The newest counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// The health report, as JSON; `None`: not known yet.
    pub health: Option<String>,
    pub cameras: Vec<(CameraId, Presence)>,
    /// Gates with the word for how their output stands, one of those in `config/schemas/gate-state.v1.json`.
    pub gates: Vec<(String, &'static str)>,
}

/// Whether a camera gives frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Presence {
    Online,
    /// It is connected and gives no frames.
    Stalled,
    /// It is being opened for the first time.
    Starting,
    /// It broke and is being opened again, or is over.
    Offline,
    /// Its pictures come and are the same one again and again;
    Frozen,
    /// show nothing;
    Dark,
    /// are not sharp any more;
    Blurred,
    /// show another view than before.
    Moved,
    /// It is switched off in the configuration.
    Disabled,
}

impl Presence {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Stalled => "stalled",
            Self::Starting => "starting",
            Self::Offline => "offline",
            Self::Frozen => "frozen",
            Self::Dark => "dark",
            Self::Blurred => "blurred",
            Self::Moved => "moved",
            Self::Disabled => "disabled",
        }
    }
}

/// A message that the broker should keep.
#[derive(Debug)]
pub(super) struct Kept {
    /// What it is, for messages about it.
    pub what: &'static str,
    pub message: Outgo,
}

/// Everything that the broker should keep, apart from the availability. `info` is [`payload::info`]'s.
pub(super) fn kept(status: &Status, settings: &Settings, info: &[u8]) -> Vec<Kept> {
    let topics = &settings.topics;
    let word = |what, topic, word: &str| kept_message(what, topic, word.as_bytes().to_vec(), None);
    let mut all = vec![kept_message("info", topics.info(), info.to_vec(), Some(JSON))];
    for (camera, presence) in &status.cameras {
        all.push(word("the state of a camera", topics.camera_state(camera), presence.as_str()));
    }
    for (gate, state) in &status.gates {
        all.push(word("the state of a gate", topics.gate_state(gate), state));
    }
    if let Some(health) = &status.health {
        let mut health = kept_message("health", topics.health(), health.clone().into_bytes(), Some(JSON));
        // The next one comes soon.
        health.message.acknowledged = false;
        all.push(health);
    }
    let topic = discovery::topic(settings);
    match settings.home_assistant {
        HomeAssistant::Untouched => {}
        HomeAssistant::Removed => all.push(kept_message("the discovery", topic, Vec::new(), None)),
        HomeAssistant::Announced => match payload::write(&discovery::payload(settings)) {
            Ok(json) => all.push(kept_message("the discovery", topic, json, Some(JSON))),
            Err(error) => tracing::error!(%error, "the discovery cannot be written as JSON"),
        },
    }
    all
}

fn kept_message(
    what: &'static str,
    topic: String,
    payload: Vec<u8>,
    content_type: Option<&'static str>,
) -> Kept {
    let message =
        Outgo { topic, payload, acknowledged: true, retain: true, content_type, ..Outgo::default() };
    Kept { what, message }
}
