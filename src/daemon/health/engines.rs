//! Which engine does the work of each task now, whether it stands in for another one, and which are out of it and why.

use serde::Serialize;

use super::CameraPart;
use crate::{
    daemon::chain::Networks,
    infer::{EngineKind, description::Task},
};

/// One task.
#[derive(Debug, Clone, Serialize)]
pub(in crate::daemon) struct EngineHealth {
    /// `detect` or `read`.
    pub task: &'static str,
    /// The first of the order that can be had here.
    pub preferred: &'static str,
    /// What did the last piece of work; where cameras differ, that of one whose preferred engine did not. `null` before the
    /// first frame.
    pub now: Option<&'static str>,
    /// Another engine than the preferred one does the work.
    pub failed_over: bool,
    /// Engines of the order that cannot be had, and why.
    pub skipped: Vec<Skipped>,
}

#[derive(Debug, Clone, Serialize)]
pub(in crate::daemon) struct Skipped {
    pub engine: &'static str,
    pub why: String,
}

/// A network on the CPU.
#[derive(Debug, Clone, Serialize)]
pub(in crate::daemon) struct NetworkHealth {
    pub task: &'static str,
    pub name: String,
    /// How long it has run so far, all cameras together.
    pub busy_s: f64,
}

pub(super) fn engines(networks: &Networks, cameras: &[CameraPart]) -> Vec<EngineHealth> {
    let skipped: Vec<Skipped> = networks
        .skipped()
        .into_iter()
        .map(|(engine, why)| Skipped { engine: engine.as_str(), why: why.to_owned() })
        .collect();
    let of = |task: Task| {
        let preferred = networks.preferred(task)?;
        let mut at_work = cameras.iter().filter_map(|part| {
            let (detects, reads) = part.chain.engines()?;
            Some(if task == Task::Detect { detects } else { reads })
        });
        let first = at_work.next();
        let now = at_work.chain(first).find(|engine| *engine != preferred).or(first);
        Some(EngineHealth {
            task: if task == Task::Detect { "detect" } else { "read" },
            preferred: preferred.as_str(),
            now: now.map(EngineKind::as_str),
            failed_over: now.is_some_and(|engine| engine != preferred),
            skipped: skipped.clone(),
        })
    };
    [Task::Detect, Task::Read].into_iter().filter_map(of).collect()
}

pub(super) fn networks(networks: &Networks) -> Vec<NetworkHealth> {
    let busy = networks.busy_by_network().into_iter();
    busy.map(|(task, name, busy)| NetworkHealth { task, name, busy_s: busy.as_secs_f64() }).collect()
}
