//! The gates of a configuration, with what the journal remembers of them: who was let in a moment ago is not served twice.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use crate::{
    clock::Clock,
    config::{self, Config},
    daemon::{correspondence::Messenger, outlet, settings},
    fact::GateId,
    frame::CameraId,
    gate::{self, Memory},
    journal::Journal,
};

/// Vehicles let in so shortly before the start may stand there still.
const STANDING: Duration = Duration::from_secs(600);

/// A gate that is to run.
#[derive(Debug)]
pub(in crate::daemon) struct Plan {
    pub settings: gate::Settings,
    pub cameras: Vec<CameraId>,
    pub valid: Duration,
    pub memory: Memory,
}

/// The wanted gates of the configuration, with what the journal remembers of them.
pub(in crate::daemon) fn plans(
    config: &Config,
    is_wanted: impl Fn(&GateId) -> bool,
    journal: &Journal,
    messenger: &Messenger,
    clock: &Arc<dyn Clock>,
) -> Vec<Plan> {
    let wanted: Vec<&config::Gate> = config.gates.iter().filter(|gate| is_wanted(&gate.id)).collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    // A journal that cannot say it is no reason to lock everybody out; the log says it then.
    let reader = journal.reader().inspect_err(|error| {
        tracing::warn!(%error, "who was let in before the start is not known");
    });
    let since = clock.wall().checked_sub(STANDING).unwrap_or(Timestamp::MIN);
    let mut plans = Vec::new();
    for gate in wanted {
        let visits = reader.as_ref().map_or_else(
            |_| Vec::new(),
            |reader| {
                reader.let_in_since(&gate.id, since).unwrap_or_else(|error| {
                    tracing::warn!(gate = %gate.id, %error, "who was let in before the start is not known");
                    Vec::new()
                })
            },
        );
        plans.push(Plan {
            settings: settings::gate(gate, |topic, payload| {
                let (messenger, clock) = (messenger.clone(), Arc::clone(clock));
                gate::Output::Message(Arc::new(outlet::ByMessage { topic, payload, messenger, clock }))
            }),
            cameras: gate.cameras.clone(),
            valid: gate.valid,
            memory: Memory::of_served(visits, config.privacy.mode.clone()),
        });
    }
    plans
}
