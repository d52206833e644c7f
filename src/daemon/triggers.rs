//! What wakes a camera from outside: a loop in the road, a command. How long a camera that is awake is looked at is
//! `capture`'s business.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use serde_json::json;

use super::{
    commands::Handler,
    supervisor::{Unit, UnitStatus},
};
use crate::{
    backoff,
    capture::Attention,
    clock::{Clock, Moment},
    config::Trigger,
    frame::CameraId,
    gate::Probe,
    publish::command::{Outcome, Request},
    shutdown::Stop,
};

/// How often an input is looked at: a vehicle stands on a loop for much longer.
const ROUND: Duration = Duration::from_millis(20);
/// A command wakes a camera for this long.
const BY_COMMAND: Duration = Duration::from_secs(10);

/// Whom a trigger wakes.
#[derive(Debug, Clone)]
pub(super) struct Sleeper {
    pub camera: CameraId,
    pub attention: Arc<Attention>,
}

/// The cameras that can be woken, as they are now: a reload exchanges them.
#[derive(Debug, Clone, Default)]
pub(super) struct Sleepers(Arc<RwLock<Vec<Sleeper>>>);

impl Sleepers {
    pub(super) fn are(&self, sleepers: Vec<Sleeper>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = sleepers;
    }
}

/// Watches an input for as long as the daemon runs.
pub(super) fn watch(
    trigger: Trigger,
    sleeper: Sleeper,
    clock: &Arc<dyn Clock>,
    stop: &Stop,
) -> std::io::Result<Unit> {
    let name = format!("trigger {}", sleeper.camera);
    let (time, heard) = (Arc::clone(clock), stop.clone());
    Unit::start(&name, Arc::clone(clock), stop.clone(), backoff::Settings::default(), move |status| {
        let consumer = format!("amslpr {}", sleeper.camera);
        let probe = Probe::open(&trigger.sensing, &consumer)?;
        follow(probe, &trigger, &sleeper, time.as_ref(), &heard, status)
    })
}

fn follow(
    mut probe: Probe,
    trigger: &Trigger,
    sleeper: &Sleeper,
    clock: &dyn Clock,
    stop: &Stop,
    status: &UnitStatus,
) -> anyhow::Result<()> {
    let mut was_active = false;
    loop {
        status.beat();
        let now = clock.now();
        let is_active = probe.sample(now)? == Some(true);
        if is_active {
            sleeper.attention.wake_until(now + trigger.hold);
        }
        if is_active != was_active {
            tracing::debug!(camera = %sleeper.camera, is_active, "trigger");
            was_active = is_active;
        }
        if stop.wait_timeout(ROUND) {
            return Ok(());
        }
    }
}

/// `camera/trigger` over MQTT.
pub(super) fn handler(sleepers: Sleepers, clock: Arc<dyn Clock>) -> Handler {
    Box::new(move |command| {
        let Request::Trigger { camera } = &command.request else {
            return Outcome::Failed(format!("{} wakes no camera", command.request.verb()));
        };
        wake(&sleepers, camera, clock.now())
    })
}

/// Wakes the camera of this name for a while.
pub(super) fn wake(sleepers: &Sleepers, camera: &str, now: Moment) -> Outcome {
    let sleepers = sleepers.0.read().unwrap_or_else(PoisonError::into_inner);
    match sleepers.iter().find(|sleeper| sleeper.camera.as_str() == camera) {
        Some(sleeper) => {
            sleeper.attention.wake_until(now + BY_COMMAND);
            Outcome::Done(json!({"camera": camera, "awake_s": BY_COMMAND.as_secs()}))
        }
        None => {
            let known: Vec<&str> = sleepers.iter().map(|sleeper| sleeper.camera.as_str()).collect();
            Outcome::Refused(format!("there is no running camera {camera:?}; there is {}", known.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{capture::Decode, clock::ManualClock, publish::command::Command};

    #[test]
    fn a_command_wakes_the_camera_that_it_names_and_no_other() {
        let sleeper = |name: &str| Sleeper {
            camera: CameraId::new(name),
            attention: Arc::new(Attention::new(Decode::Auto)),
        };
        let sleepers = vec![sleeper("in"), sleeper("out")];
        let clock = Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH));
        let awake = Sleepers::default();
        awake.are(sleepers.clone());
        let mut handle = handler(awake, clock);
        let mut ask = |camera: &str| {
            handle(&Command {
                id: "a".to_owned(),
                expires_at: jiff::Timestamp::MAX,
                request: Request::Trigger { camera: camera.to_owned() },
            })
        };
        assert!(matches!(ask("nowhere"), Outcome::Refused(why) if why.contains("in, out")));
        assert_eq!(ask("out"), Outcome::Done(json!({"camera": "out", "awake_s": 10})));
        let awake: Vec<bool> =
            sleepers.iter().map(|s| s.attention.is_awake(Moment::from_micros(9_999_999))).collect();
        assert_eq!(awake, [false, true]);
        assert!(!sleepers[1].attention.is_awake(Moment::from_micros(10_000_000)));
    }
}
