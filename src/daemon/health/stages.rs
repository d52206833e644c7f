//! What the meters of all stages show: since the start for whoever computes with it, of the last minutes for people.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::Serialize;

use super::CameraPart;
use crate::{
    clock::Moment,
    daemon::gates::Door,
    fact::GateId,
    frame::CameraId,
    publish,
    telemetry::{Metered, Stage, Window},
};

/// One stage of one camera, of one gate or of the node.
#[derive(Debug, Clone, Serialize)]
pub(in crate::daemon) struct StageHealth {
    pub stage: &'static str,
    /// Since the start.
    pub count: u64,
    pub errors: u64,
    /// Of the last two and a half to five minutes.
    pub lately: u64,
    pub mean_ms: f64,
    pub p50_ms: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
    /// Since the start.
    pub longest_ms: f64,
    #[serde(skip)]
    pub whole: Metered,
}

/// Whose stage it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    Camera(CameraId),
    Gate(GateId),
    Node,
}

/// What is measured of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Stage(Stage),
    /// From the picture that decided to the decision.
    Reading,
}

/// As they were when they were last looked at.
#[derive(Debug, Default)]
pub(super) struct Stages {
    whole: BTreeMap<(Owner, What), Metered>,
    lately: BTreeMap<(Owner, What), Metered>,
    window: Window<(Owner, What)>,
}

impl Stages {
    pub(super) fn look(
        &mut self,
        now: Moment,
        cameras: &[CameraPart],
        doors: &[Arc<Door>],
        journal: Metered,
        broker: Option<&publish::Snapshot>,
    ) {
        let mut whole = BTreeMap::new();
        for part in cameras {
            let owner = || Owner::Camera(part.id.clone());
            let stages = part.capture.metered().into_iter().chain(part.chain.metered());
            whole.extend(stages.map(|(stage, metered)| ((owner(), What::Stage(stage)), metered)));
            let reading = Metered { times: part.chain.reading(), errors: 0 };
            whole.insert((owner(), What::Reading), reading);
        }
        for door in doors {
            let key = (Owner::Gate(door.id.clone()), What::Stage(Stage::Actuate));
            whole.insert(key, door.status.metered());
        }
        whole.insert((Owner::Node, What::Stage(Stage::Journal)), journal);
        if let Some(broker) = broker {
            whole.insert((Owner::Node, What::Stage(Stage::Publish)), broker.told.clone());
        }
        self.lately = self.window.lately(now, &whole);
        self.whole = whole;
    }

    pub(super) fn of_camera(&self, id: &CameraId) -> Vec<StageHealth> {
        self.of(&Owner::Camera(id.clone()))
    }

    pub(super) fn of_gate(&self, id: &GateId) -> Vec<StageHealth> {
        self.of(&Owner::Gate(id.clone()))
    }

    pub(super) fn of_node(&self) -> Vec<StageHealth> {
        self.of(&Owner::Node)
    }

    pub(super) fn reading_p95_ms(&self, id: &CameraId) -> f64 {
        let reading = self.lately.get(&(Owner::Camera(id.clone()), What::Reading));
        reading.map_or(0.0, |reading| millis(reading.times.quantile(0.95)))
    }

    fn of(&self, owner: &Owner) -> Vec<StageHealth> {
        let stages = Stage::ALL.iter().filter_map(|stage| {
            let key = (owner.clone(), What::Stage(*stage));
            let (whole, lately) = (self.whole.get(&key)?, self.lately.get(&key)?);
            Some(StageHealth {
                stage: stage.as_str(),
                count: whole.times.count(),
                errors: whole.errors,
                lately: lately.times.count(),
                mean_ms: millis(lately.times.mean()),
                p50_ms: millis(lately.times.quantile(0.5)),
                p95_ms: millis(lately.times.quantile(0.95)),
                p99_ms: millis(lately.times.quantile(0.99)),
                longest_ms: millis(whole.times.longest()),
                whole: whole.clone(),
            })
        });
        stages.collect()
    }
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
