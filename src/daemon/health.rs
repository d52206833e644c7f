//! How the daemon is doing: every unit, camera, the journal, the broker and the machine, and one verdict over all.
//!
//! Gathers and judges; telling (log, MQTT, systemd's status line) is done by whoever asked. Holds no plates.

mod chronicle;
mod recall;
mod upkeep;

use std::{
    collections::BTreeMap,
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
    examine,
    gates::{Door, Doors},
    lists::ListStats,
    machine::{Machine, Probes},
    npu::HailoHealth,
    pipeline,
    sinks::Counts,
    supervisor::{UnitState, UnitStatus},
};
use crate::{
    access::Porter,
    capture::{CameraState, CameraStats, Condition},
    clock::{Clock, Moment},
    frame::CameraId,
    infer::hailo::Hailo,
    journal,
    publish::{self, Presence},
    read::recall::Recall,
};
pub(super) use chronicle::Chronicle;
use recall::RecallHealth;
use upkeep::UpkeepHealth;

/// A live camera that gives no frame for this long is stalled.
const STALLED: Duration = Duration::from_secs(5);

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
    pub version: &'static str,
    pub uptime_s: u64,
    pub cameras: Vec<CameraHealth>,
    pub lists: Option<ListHealth>,
    pub gates: Vec<GateHealth>,
    pub journal: JournalHealth,
    /// What timers did; `null`: nothing yet.
    pub upkeep: Option<UpkeepHealth>,
    /// `null` where no images are kept.
    pub evidence: Option<EvidenceHealth>,
    /// `null` where none is used.
    pub hailo: Option<HailoHealth>,
    /// `null` where no reads are remembered.
    pub recall: Option<RecallHealth>,
    /// `offline`, `catching-up` or `online`; `null` where there is no [mqtt].
    pub broker: Option<&'static str>,
    pub mqtt: Option<MqttHealth>,
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
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct EvidenceHealth {
    pub written: u64,
    /// Passages whose pictures came too fast.
    pub dropped: u64,
    pub failed: u64,
    pub erased: u64,
    pub mib: u64,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct MqttHealth {
    pub delivered: u64,
    pub historical: u64,
    pub refused: u64,
    pub unsendable: u64,
    pub connections: u64,
    pub failures: u64,
    pub images: u64,
    pub images_dropped: u64,
    pub commands: u64,
    /// Commands refused, by the word for why.
    pub refused_commands: BTreeMap<&'static str, u64>,
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
    pub recall: Option<Arc<Recall>>,
    journal_path: PathBuf,
    clock: Arc<dyn Clock>,
    began: Moment,
    machine: Option<Probes>,
    lists: Option<ListPart>,
    pub configuration: ConfigurationHealth,
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
            recall: None,
            journal_path,
            clock,
            began,
            machine: Probes::open(),
            lists: None,
            configuration: ConfigurationHealth::default(),
        }
    }

    pub(super) fn with_lists(self, lists: ListPart) -> Self {
        Self { lists: Some(lists), ..self }
    }

    pub(super) fn with_hailo(self, hailo: Option<Arc<Hailo>>) -> Self {
        Self { hailo, ..self }
    }

    pub(super) fn with_evidence(self, evidence: Option<Arc<journal::evidence::Stats>>) -> Self {
        Self { evidence, ..self }
    }

    /// Looks at everything. `broker` is how the publisher is doing, where there is a publisher.
    pub(super) fn gather(&mut self, broker: Option<publish::Snapshot>) -> Health {
        let now = self.clock.now();
        let cameras: Vec<_> = self.cameras.iter().map(camera).collect();
        let snapshot = self.journal.snapshot();
        let mut problems = Vec::new();
        for part in &self.cameras {
            judge_camera(part, now, &mut problems);
        }
        let doors = self.doors.all();
        doors.iter().for_each(|door| judge_gate(door, &mut problems));
        judge_journal(&snapshot, &mut problems);
        if let Some(lists) = &self.lists {
            judge_lists(lists, &mut problems);
        }
        let hailo = self.hailo.as_deref().map(HailoHealth::of);
        problems
            .extend(hailo.as_ref().and_then(HailoHealth::worries).map(|words| (Verdict::Degraded, words)));
        if let Some(broker) = &broker {
            judge_broker(broker, snapshot.undelivered, &mut problems);
        }
        let images = self.evidence.as_ref().map(|stats| stats.snapshot());
        let evidence = images.map(|images| {
            let missed: u64 = self.cameras.iter().map(|part| part.chain.snapshot().pictures_missed).sum();
            if images.failed > 0 {
                let failed = images.failed;
                problems.push((
                    Verdict::Degraded,
                    format!("the pictures of {failed} passages could not be written"),
                ));
            }
            EvidenceHealth {
                written: images.written,
                dropped: images.dropped + missed,
                failed: images.failed,
                erased: images.erased,
                mib: images.bytes >> 20,
            }
        });
        judge_configuration(&self.configuration, &mut problems);
        let kept = journal::care::upkeep::last(&self.journal_path);
        if let Some(report) = &kept {
            upkeep::judge(report, self.clock.wall(), &mut problems);
        }
        if !examine::is_clock_set(self.clock.wall()) {
            let words = "the clock has never been set: times are wrong, and schedules with them";
            problems.push((Verdict::Degraded, words.to_owned()));
        }
        let machine = self.machine.as_mut().map(|probes| probes.machine(&self.journal_path));
        if let Some(machine) = &machine {
            judge_machine(machine, &mut problems);
        }
        problems.sort_by_key(|(verdict, _)| std::cmp::Reverse(*verdict));
        Health {
            v: 1,
            verdict: problems.first().map_or(Verdict::Ok, |(verdict, _)| *verdict),
            problems: problems.into_iter().map(|(_, words)| words).collect(),
            version: env!("CARGO_PKG_VERSION"),
            uptime_s: now.since(self.began).as_secs(),
            cameras,
            lists: self.lists.as_ref().map(|lists| list_health(&lists.stats)),
            gates: doors.iter().map(|door| gate(door)).collect(),
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
            },
            upkeep: kept.as_ref().map(UpkeepHealth::of),
            evidence,
            hailo,
            recall: self.recall.as_deref().map(RecallHealth::of),
            broker: broker.as_ref().map(|broker| broker.state.as_str()),
            mqtt: broker.map(mqtt),
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

fn camera(part: &CameraPart) -> CameraHealth {
    let (counts, looks) = (part.capture.counts(), part.chain.snapshot());
    CameraHealth {
        name: part.id.to_string(),
        state: state_name(part.capture.state()),
        picture: part.capture.condition().as_str(),
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
    }
}

fn judge_camera(part: &CameraPart, now: Moment, problems: &mut Vec<(Verdict, String)>) {
    let id = &part.id;
    let why = part.capture.last_error().map(|e| format!(": {e}")).unwrap_or_default();
    match part.capture.state() {
        CameraState::Retrying => {
            problems.push((Verdict::Degraded, format!("camera {id} is being reopened{why}")));
        }
        CameraState::Failed => problems.push((Verdict::Degraded, format!("camera {id} has failed{why}"))),
        CameraState::Live => {
            let silent = part.capture.last_frame().map_or(Duration::ZERO, |at| now.since(at));
            if silent > STALLED {
                let seconds = silent.as_secs();
                problems.push((Verdict::Degraded, format!("camera {id} has given no frame for {seconds} s")));
            } else if let Some(words) = advice(part.capture.condition()) {
                problems.push((Verdict::Degraded, format!("camera {id} {words}")));
            }
        }
        CameraState::Starting | CameraState::Ended => {}
    }
    if part.unit.state() == UnitState::BackingOff {
        let why = part.unit.last_error().unwrap_or_default();
        problems.push((Verdict::Failed, format!("camera {id} is not looked at: {why}")));
    }
    if let Some(trigger) = part.trigger.as_ref().filter(|unit| unit.state() == UnitState::BackingOff) {
        let why = trigger.last_error().unwrap_or_default();
        problems.push((Verdict::Degraded, format!("camera {id} is not woken by its trigger: {why}")));
    }
}

/// What is wrong with a picture, and what to do about it.
const fn advice(condition: Condition) -> Option<&'static str> {
    Some(match condition {
        Condition::Fine => return None,
        Condition::Frozen => "gives the very same picture again and again: restart the camera",
        Condition::Dark => "sees nothing but darkness: light, exposure, a covered lens?",
        Condition::Blurred => "is much less sharp than it was: clean and focus it",
        Condition::Moved => "shows another view than before: was it turned?",
    })
}

fn gate(door: &Door) -> GateHealth {
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
    }
}

fn judge_gate(door: &Door, problems: &mut Vec<(Verdict, String)>) {
    let (id, untold) = (&door.id, door.status.counts().untold);
    if let Some(trouble) = door.status.trouble() {
        problems.push((Verdict::Degraded, format!("gate {id} cannot be switched: {trouble}")));
    }
    if untold > 0 {
        problems.push((Verdict::Degraded, format!("gate {id}: {untold} events could not be recorded")));
    }
}

fn judge_broker(broker: &publish::Snapshot, waiting: u64, problems: &mut Vec<(Verdict, String)>) {
    if broker.state == publish::State::Offline {
        let why = broker.trouble.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        problems.push((
            Verdict::Degraded,
            format!("the broker is not reachable; {waiting} facts wait for it{why}"),
        ));
    } else if let Some(denied) = &broker.denied {
        problems.push((Verdict::Degraded, denied.clone()));
    }
    if broker.unsendable > 0 {
        let lost = broker.unsendable;
        problems
            .push((Verdict::Degraded, format!("{lost} facts could not be put into messages; see the log")));
    }
}

fn mqtt(broker: publish::Snapshot) -> MqttHealth {
    MqttHealth {
        delivered: broker.delivered,
        historical: broker.historical,
        refused: broker.refused,
        unsendable: broker.unsendable,
        connections: broker.connections,
        failures: broker.failures,
        images: broker.images,
        images_dropped: broker.images_dropped,
        commands: broker.commands,
        refused_commands: broker.refused_commands,
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

fn judge_journal(journal: &journal::Snapshot, problems: &mut Vec<(Verdict, String)>) {
    if journal.lost > 0 {
        let lost = journal.lost;
        problems.push((
            Verdict::Failed,
            format!("{lost} facts were lost: the journal did not take them in time"),
        ));
    } else if journal.failing {
        let why = if journal.disk_full { ": the disk is full" } else { "" };
        problems
            .push((Verdict::Degraded, format!("the journal cannot be written{why}; facts wait in memory")));
    }
    if journal.erased_for_room > 0 {
        let erased = journal.erased_for_room;
        let words = format!(
            "the journal is as large as [journal] largest allows: the {erased} oldest passages went; raise it, or set a retention"
        );
        problems.push((Verdict::Degraded, words));
    }
    if journal.undelivered_dropped > 0 {
        let dropped = journal.undelivered_dropped;
        problems.push((Verdict::Degraded, format!("{dropped} facts were erased before the broker had them")));
    }
}

fn judge_machine(machine: &Machine, problems: &mut Vec<(Verdict, String)>) {
    let troubles = [
        (machine.under_voltage, "the board gets too little voltage: see `amslpr doctor`"),
        (machine.throttled, "the processor is slowed down, by heat or by its supply: see `amslpr doctor`"),
    ];
    for (_, words) in troubles.iter().filter(|(trouble, _)| *trouble == Some(true)) {
        problems.push((Verdict::Degraded, (*words).to_owned()));
    }
}

fn judge_configuration(about: &ConfigurationHealth, problems: &mut Vec<(Verdict, String)>) {
    if let Some(why) = &about.refused {
        let words = format!("the last reload was refused, the configuration of before is in use: {why}");
        problems.push((Verdict::Degraded, words));
    }
    if !about.waiting.is_empty() {
        let words = format!("changed, and waiting for a restart: {}", about.waiting.join("; "));
        problems.push((Verdict::Degraded, words));
    }
}

fn list_health(stats: &ListStats) -> ListHealth {
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    ListHealth { entries: read(&stats.entries), odd: read(&stats.odd), swaps: read(&stats.swaps) }
}

fn judge_lists(lists: &ListPart, problems: &mut Vec<(Verdict, String)>) {
    if lists.porter.lists().is_none() {
        let words = "the lists cannot be loaded, so nobody is let in; the log says why";
        problems.push((Verdict::Failed, words.to_owned()));
    }
    if lists.unit.state() == UnitState::BackingOff {
        let why = lists.unit.last_error().unwrap_or_default();
        problems.push((Verdict::Degraded, format!("changes of lists are not noticed: {why}")));
    }
    let odd = lists.stats.odd.load(Ordering::Relaxed);
    if odd > 0 {
        let words = format!("{odd} entries of lists do not fit the configuration; see `amslpr plates list`");
        problems.push((Verdict::Degraded, words));
    }
}

impl Health {
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
        line
    }
}
