//! How the daemon is doing: every unit, camera, the journal, the broker and the machine, and one verdict over all.
//!
//! Gathers and judges (`judge`), out of the counters and meters of whoever does the work (`stages`); telling (log, MQTT, systemd's status line) is done by whoever asked. Holds no plates.

mod broker;
mod chronicle;
mod engines;
mod judge;
mod rates;
mod recall;
mod stages;
mod upkeep;
mod versions;
mod webhooks;

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::Serialize;

use super::{
    board::Board,
    chain::Networks,
    gates::{Door, Doors},
    lists::ListStats,
    machine::{Machine, Probes},
    npu::{HailoHealth, Libraries},
    pipeline,
    placement::Placement,
    sinks::Counts,
    supervisor::UnitStatus,
    webhooks::Receiver,
};
use crate::{
    access::Porter,
    api,
    capture::{self, CameraState, CameraStats, Condition},
    clock::{Clock, Moment, WallTrust},
    config::Threads,
    frame::{CameraId, Pool},
    infer::hailo::Hailo,
    journal,
    publish::{self, Presence},
    read::recall::Recall,
    telemetry::Times,
};
use broker::MqttHealth;
pub(super) use chronicle::Chronicle;
use engines::{EngineHealth, NetworkHealth};
use judge::Problems;
use rates::Rates;
use recall::RecallHealth;
pub(super) use stages::StageHealth;
use stages::Stages;
use upkeep::UpkeepHealth;
use versions::Versions;
use webhooks::WebhookHealth;

/// A live camera that gives no frame for this long is stalled.
const STALLED: Duration = Duration::from_secs(3);

/// The worst of all parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    Ok,
    /// Something is wrong, but plates are still read and kept.
    Degraded,
    /// No plate is read, or none is kept.
    Failed,
}

impl Verdict {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Failed => "failed",
        }
    }
}

/// The whole report, as it is published.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Health {
    pub v: u32,
    pub verdict: Verdict,
    /// What is wrong, in words, worst first; empty when all is well.
    pub problems: Vec<String>,
    /// The same by names that stay as long as it lasts.
    #[serde(skip)]
    pub wrong: BTreeSet<String>,
    pub version: &'static str,
    /// Of what it runs on and with.
    pub versions: Versions,
    pub uptime_s: u64,
    pub cameras: Vec<CameraHealth>,
    /// Journal and publish; those of cameras and gates stand there.
    pub stages: Vec<StageHealth>,
    pub lists: Option<ListHealth>,
    pub gates: Vec<GateHealth>,
    pub journal: JournalHealth,
    /// What timers did; `null`: nothing yet.
    pub upkeep: Option<UpkeepHealth>,
    /// `null` where no images are kept.
    pub evidence: Option<EvidenceHealth>,
    /// `null` where none is used.
    pub hailo: Option<HailoHealth>,
    /// Which engine does what.
    pub engines: Vec<EngineHealth>,
    /// Networks on the CPU.
    pub networks: Vec<NetworkHealth>,
    /// `null` where no reads are remembered.
    pub recall: Option<RecallHealth>,
    /// `offline`, `catching-up` or `online`; `null` where there is no [mqtt].
    pub broker: Option<&'static str>,
    pub mqtt: Option<MqttHealth>,
    pub webhooks: Vec<WebhookHealth>,
    /// `null` where there is no [http].
    pub http: Option<api::Snapshot>,
    /// `null` where the machine does not say.
    pub machine: Option<Machine>,
    pub configuration: ConfigurationHealth,
}

/// What became of the configuration since the start.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct ConfigurationHealth {
    /// Reloads asked for.
    pub reloads: u64,
    /// Why the last one was refused; `null`: it was not.
    pub refused: Option<String>,
    /// Tables that have changed and are taken at the next restart only.
    pub waiting: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct CameraHealth {
    pub name: String,
    pub state: &'static str,
    /// `fine`, `frozen`, `dark`, `blurred` or `moved`.
    pub picture: &'static str,
    /// Pictures a second that it gives, of the last seconds; `null` before that is known.
    pub fps: Option<f64>,
    /// Frames that wait to be looked at.
    pub waiting: u64,
    /// Frame buffers in use, and all there are.
    pub buffers_used: usize,
    pub buffers: usize,
    pub frames: u64,
    pub forgotten: u64,
    pub dropped: u64,
    pub broken: u64,
    /// Pictures left out because nothing was going on.
    pub rested: u64,
    pub reopened: u64,
    pub looked_at: u64,
    pub failed_looks: u64,
    pub reads: u64,
    pub passages: u64,
    /// Mean time to look at a frame, in ms.
    pub look_ms: f64,
    pub restarts: u64,
    pub last_error: Option<String>,
    /// From the picture that decided to the decision, of the last minutes, in ms.
    pub reading_p95_ms: f64,
    pub stages: Vec<StageHealth>,
    /// All counters, and times since the start, for whoever computes with them.
    #[serde(skip)]
    pub whole: CameraCounts,
}

/// A camera's counters as they are.
#[derive(Debug, Clone, Default)]
pub(super) struct CameraCounts {
    pub pictures: capture::Counts,
    pub looks: pipeline::Snapshot,
    pub reading: Times,
    /// It gives pictures, or has given all.
    pub is_up: bool,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct ListHealth {
    pub entries: u64,
    /// Entries that were added and do not fit the configuration any more.
    pub odd: u64,
    /// How often new lists came into use.
    pub swaps: u64,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct GateHealth {
    pub name: String,
    pub state: &'static str,
    pub ordered: u64,
    pub actuated: u64,
    pub refused: u64,
    pub failed: u64,
    /// Events that could not be recorded.
    pub untold: u64,
    pub trouble: Option<String>,
    pub stages: Vec<StageHealth>,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct JournalHealth {
    pub recorded: u64,
    pub queued: u64,
    pub spilled: u64,
    pub lost: u64,
    pub failures: u64,
    /// Lines that the terminal was too slow for.
    pub unprinted: u64,
    /// Facts about plates that are never stored.
    pub unstored: u64,
    pub undelivered: u64,
    /// Passages that went by age or for room, and of them those that went because the journal is full.
    pub erased: u64,
    pub erased_for_room: u64,
    pub last_commit_ms: f64,
    #[serde(skip)]
    pub whole: journal::Snapshot,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct EvidenceHealth {
    /// Pictures that wait to be encoded.
    pub queued: u64,
    pub written: u64,
    /// Passages whose pictures came too fast.
    pub dropped: u64,
    pub failed: u64,
    pub erased: u64,
    pub mib: u64,
    #[serde(skip)]
    pub bytes: u64,
}

/// One camera as the gatherer sees it.
#[derive(Debug, Clone)]
pub(super) struct CameraPart {
    pub id: CameraId,
    pub capture: Arc<CameraStats>,
    pub chain: Arc<pipeline::Stats>,
    pub unit: Arc<UnitStatus>,
    /// Of the input that wakes it.
    pub trigger: Option<Arc<UnitStatus>>,
    pub pool: Pool,
}

/// The lists as the gatherer sees them.
#[derive(Debug, Clone)]
pub(super) struct ListPart {
    pub porter: Arc<Porter>,
    pub stats: Arc<ListStats>,
    pub unit: Arc<UnitStatus>,
}

/// Gathers reports. Keeps what the machine's figures are measured against.
#[derive(Debug)]
pub(super) struct Gatherer {
    pub cameras: Vec<CameraPart>,
    pub doors: Doors,
    pub journal: Arc<journal::Stats>,
    pub sinks: Arc<Counts>,
    evidence: Option<Arc<journal::evidence::Stats>>,
    hailo: Option<Arc<Hailo>>,
    libraries: Libraries,
    versions: Versions,
    rates: Rates,
    pub recall: Option<Arc<Recall>>,
    journal_path: PathBuf,
    clock: Arc<dyn Clock>,
    began: Moment,
    machine: Option<Probes>,
    lists: Option<ListPart>,
    stages: Stages,
    networks: Option<Networks>,
    pub receivers: Vec<Receiver>,
    pub http: Option<Arc<api::Stats>>,
    /// Why nobody, or not everybody, is served.
    pub unserved: Option<String>,
    pub configuration: ConfigurationHealth,
    pub placement: Placement,
    trust: WallTrust,
}

impl Gatherer {
    pub(super) fn new(
        cameras: Vec<CameraPart>,
        doors: Doors,
        journal: Arc<journal::Stats>,
        sinks: Arc<Counts>,
        journal_path: PathBuf,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let began = clock.now();
        Self {
            cameras,
            doors,
            journal,
            sinks,
            evidence: None,
            hailo: None,
            libraries: Libraries::default(),
            versions: Versions::look(None),
            rates: Rates::default(),
            recall: None,
            journal_path,
            clock,
            began,
            machine: Probes::open(),
            lists: None,
            stages: Stages::default(),
            networks: None,
            receivers: Vec::new(),
            http: None,
            unserved: None,
            configuration: ConfigurationHealth::default(),
            placement: Placement::new(Threads::default()),
            trust: WallTrust::default(),
        }
    }

    pub(super) fn with_trust(self, trust: WallTrust) -> Self {
        Self { trust, ..self }
    }

    pub(super) fn with_lists(self, lists: ListPart) -> Self {
        Self { lists: Some(lists), ..self }
    }

    pub(super) fn with_networks(self, networks: Networks) -> Self {
        let hailo = networks.hailo().cloned();
        let libraries = hailo.as_ref().map(|_| Libraries::look(&Board::default())).unwrap_or_default();
        let versions = Versions::look(Some(&networks));
        Self { networks: Some(networks), hailo, libraries, versions, ..self }
    }

    pub(super) fn with_http(self, http: Option<Arc<api::Stats>>) -> Self {
        Self { http, ..self }
    }

    pub(super) fn with_evidence(self, evidence: Option<Arc<journal::evidence::Stats>>) -> Self {
        Self { evidence, ..self }
    }

    /// Looks at everything. `broker` is how the publisher is doing, where there is a publisher.
    pub(super) fn gather(&mut self, broker: Option<publish::Snapshot>) -> Health {
        let now = self.clock.now();
        let doors = self.doors.all();
        let snapshot = self.journal.snapshot();
        let stages = &mut self.stages;
        stages.look(now, &self.cameras, &doors, self.journal.metered(), broker.as_ref());
        let rates = &mut self.rates;
        rates.keep(|id| self.cameras.iter().any(|part| part.id == *id));
        let cameras: Vec<_> = self.cameras.iter().map(|part| camera(part, stages, rates, now)).collect();
        let mut problems = Problems::default();
        for part in &self.cameras {
            judge::camera(part, now, &mut problems);
        }
        doors.iter().for_each(|door| judge::gate(door, &mut problems));
        judge::journal(&snapshot, &mut problems);
        if let Some(lists) = &self.lists {
            judge::lists(lists, &mut problems);
        }
        let hailo = self.hailo.as_deref().map(|hailo| HailoHealth::of(hailo, &self.libraries));
        if let Some(hailo) = &hailo {
            hailo.worries().for_each(|(name, words)| problems.degraded(name, words));
        }
        if let Some(broker) = &broker {
            judge::broker(broker, snapshot.undelivered, &mut problems);
        }
        let webhooks: Vec<_> =
            self.receivers.iter().map(|one| WebhookHealth::of(&one.name, &one.stats)).collect();
        webhooks.iter().for_each(|one| webhooks::judge(one, &mut problems));
        let images = self.evidence.as_ref().map(|stats| stats.snapshot());
        let evidence = images.map(|images| {
            let missed: u64 = self.cameras.iter().map(|part| part.chain.snapshot().pictures_missed).sum();
            if images.failed > 0 {
                let failed = images.failed;
                problems
                    .degraded("evidence", format!("the pictures of {failed} passages could not be written"));
            }
            EvidenceHealth {
                queued: images.queued,
                written: images.written,
                dropped: images.dropped + missed,
                failed: images.failed,
                erased: images.erased,
                mib: images.bytes >> 20,
                bytes: images.bytes,
            }
        });
        let http = self.http.as_ref().map(|http| http.snapshot());
        let unserved = http.as_ref().and_then(|http| http.trouble.clone()).or_else(|| self.unserved.clone());
        if let Some(words) = unserved {
            problems.degraded("http", words);
        }
        judge::configuration(&self.configuration, &mut problems);
        if let Some(words) = self.placement.trouble() {
            problems.degraded("threads", words);
        }
        let kept = journal::care::upkeep::last(&self.journal_path);
        if let Some(report) = &kept {
            upkeep::judge(report, self.clock.wall(), &mut problems);
        }
        judge::clock(&self.trust, &mut problems);
        let machine = self.machine.as_mut().map(|probes| probes.machine(&self.journal_path, now));
        if let Some(machine) = &machine {
            judge::machine(machine, &mut problems);
        }
        let Problems(mut problems) = problems;
        problems.sort_by_key(|problem| std::cmp::Reverse(problem.verdict));
        Health {
            v: 1,
            verdict: problems.first().map_or(Verdict::Ok, |problem| problem.verdict),
            wrong: problems.iter().map(|problem| problem.name.clone()).collect(),
            problems: problems.into_iter().map(|problem| problem.words).collect(),
            version: env!("CARGO_PKG_VERSION"),
            uptime_s: now.since(self.began).as_secs(),
            cameras,
            stages: self.stages.of_node(),
            lists: self.lists.as_ref().map(|lists| list_health(&lists.stats)),
            gates: doors.iter().map(|door| gate(door, &self.stages)).collect(),
            journal: JournalHealth {
                recorded: snapshot.recorded,
                queued: snapshot.queued,
                spilled: snapshot.spilled,
                lost: snapshot.lost,
                failures: snapshot.failures,
                unprinted: self.sinks.unprinted.load(Ordering::Relaxed),
                unstored: self.sinks.unstored.load(Ordering::Relaxed),
                undelivered: snapshot.undelivered,
                erased: snapshot.erased,
                erased_for_room: snapshot.erased_for_room,
                last_commit_ms: snapshot.last_commit_us as f64 / 1e3,
                whole: snapshot,
            },
            upkeep: kept.as_ref().map(UpkeepHealth::of),
            evidence,
            hailo,
            engines: self.networks.iter().flat_map(|all| engines::engines(all, &self.cameras)).collect(),
            networks: self.networks.iter().flat_map(engines::networks).collect(),
            versions: self.versions.clone(),
            recall: self.recall.as_deref().map(RecallHealth::of),
            broker: broker.as_ref().map(|broker| broker.state.as_str()),
            mqtt: broker.map(MqttHealth::of),
            webhooks,
            http,
            machine,
            configuration: self.configuration.clone(),
        }
    }
}

fn state_name(state: CameraState) -> &'static str {
    match state {
        CameraState::Starting => "starting",
        CameraState::Live => "live",
        CameraState::Retrying => "retrying",
        CameraState::Ended => "ended",
        CameraState::Failed => "failed",
    }
}

fn camera(part: &CameraPart, stages: &Stages, rates: &mut Rates, now: Moment) -> CameraHealth {
    let (counts, looks) = (part.capture.counts(), part.chain.snapshot());
    let taken = counts.forgotten + looks.frames;
    let is_down =
        matches!(presence(&part.capture, now), Presence::Stalled | Presence::Offline | Presence::Starting);
    CameraHealth {
        name: part.id.to_string(),
        state: state_name(part.capture.state()),
        picture: part.capture.condition().as_str(),
        fps: rates.look(&part.id, counts.seen, now),
        waiting: counts.delivered.saturating_sub(taken),
        buffers_used: part.pool.in_use(),
        buffers: part.pool.limit(),
        frames: counts.delivered,
        forgotten: counts.forgotten,
        dropped: counts.dropped,
        broken: counts.broken,
        rested: counts.rested,
        reopened: counts.reopened,
        looked_at: looks.frames,
        failed_looks: looks.failed,
        reads: looks.reads,
        passages: looks.passages,
        look_ms: looks.mean_look_ms(),
        restarts: part.unit.restarts(),
        last_error: part.capture.last_error().or_else(|| part.unit.last_error()),
        reading_p95_ms: stages.reading_p95_ms(&part.id),
        stages: stages.of_camera(&part.id),
        whole: CameraCounts {
            pictures: counts,
            looks,
            reading: part.chain.reading(),
            is_up: !is_down || part.capture.state() == CameraState::Ended,
        },
    }
}

fn gate(door: &Door, stages: &Stages) -> GateHealth {
    let counts = door.status.counts();
    GateHealth {
        name: door.id.to_string(),
        state: door.status.state().as_str(),
        ordered: counts.ordered,
        actuated: counts.actuated,
        refused: counts.refused,
        failed: counts.failed,
        untold: counts.untold,
        trouble: door.status.trouble(),
        stages: stages.of_gate(&door.id),
    }
}

/// How a camera stands, for those who only want one word.
pub(super) fn presence(camera: &CameraStats, now: Moment) -> Presence {
    match camera.state() {
        CameraState::Live => {
            let silent = camera.last_frame().map_or(Duration::ZERO, |at| now.since(at));
            match camera.condition() {
                _ if silent > STALLED => Presence::Stalled,
                Condition::Fine => Presence::Online,
                Condition::Frozen => Presence::Frozen,
                Condition::Dark => Presence::Dark,
                Condition::Blurred => Presence::Blurred,
                Condition::Moved => Presence::Moved,
            }
        }
        CameraState::Starting => Presence::Starting,
        CameraState::Retrying | CameraState::Ended | CameraState::Failed => Presence::Offline,
    }
}

fn list_health(stats: &ListStats) -> ListHealth {
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    ListHealth { entries: read(&stats.entries), odd: read(&stats.odd), swaps: read(&stats.swaps) }
}

impl Health {
    /// One line for the log: where the time goes, and what waits.
    pub(super) fn figures(&self) -> String {
        let mut line = String::new();
        for camera in &self.cameras {
            let slowest = camera.stages.iter().max_by(|a, b| a.p95_ms.total_cmp(&b.p95_ms));
            let _ = write!(
                line,
                "{}: {} frames, {} passages, decisions p95 {} ms, {}; ",
                camera.name,
                camera.frames,
                camera.passages,
                camera.reading_p95_ms,
                slowest.map_or_else(String::new, |s| format!("slowest {} p95 {} ms", s.stage, s.p95_ms))
            );
        }
        let _ =
            write!(line, "{} facts wait, {} not delivered", self.journal.queued, self.journal.undelivered);
        if let Some(machine) = &self.machine {
            let (busy, used) = (machine.cpu_percent, machine.process_mib);
            let _ = write!(line, "; machine {busy} % busy, {used} MiB used");
        }
        line
    }

    /// One line for `systemctl status`.
    pub(super) fn status_line(&self) -> String {
        let live = self.cameras.iter().filter(|c| c.state == "live").count();
        let passages: u64 = self.cameras.iter().map(|c| c.passages).sum();
        let mut line = format!(
            "{}: {live} of {} cameras live, {passages} passages, {} facts recorded",
            self.verdict.as_str(),
            self.cameras.len(),
            self.journal.recorded
        );
        if let Some(problem) = self.problems.first() {
            let _ = write!(line, "; {problem}");
        }
        if let more @ 1.. = self.problems.len().saturating_sub(1) {
            let _ = write!(line, "; and {more} more: `amslpr status`");
        }
        line
    }
}

#[cfg(test)]
pub(super) mod sample;
#[cfg(test)]
mod tests;
