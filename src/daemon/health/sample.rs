//! A report in which everything is there, for tests of those who read reports.

use std::time::Duration;

use super::*;
use crate::{
    clock::SystemClock,
    telemetry::{Histogram, Meter, Span, Stage},
};

/// Of a node with a camera, a gate, evidence and a broker, on the machine that we run on.
pub(in crate::daemon) fn health() -> Health {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let stage = |stage: Stage| {
        let meter = Meter::default();
        (1..=50).for_each(|n| meter.note(&Span::of(stage, Moment::ZERO, Moment::from_micros(n * 900))));
        let whole = meter.metered();
        StageHealth {
            stage: stage.as_str(),
            count: 50,
            errors: 0,
            lately: 50,
            mean_ms: 23.0,
            p50_ms: 22.5,
            p95_ms: 43.0,
            p99_ms: 45.0,
            longest_ms: 45.0,
            whole,
        }
    };
    let stages = |range: std::ops::Range<usize>| Stage::ALL[range].iter().map(|s| stage(*s)).collect();
    let reading = Histogram::default();
    reading.note(Duration::from_millis(120));
    let mut machine = Probes::open().map(|mut probes| probes.machine(std::path::Path::new("/"), clock.now()));
    if let Some(machine) = &mut machine {
        machine.temperature_c = Some(51.5);
        machine.storage_worn_percent = Some(10);
        machine.under_voltage = Some(false);
        machine.throttled = Some(false);
    }
    Health {
        v: 1,
        verdict: Verdict::Ok,
        problems: Vec::new(),
        wrong: BTreeSet::new(),
        version: "0.0.0",
        versions: Versions::look(None),
        uptime_s: 7,
        cameras: vec![CameraHealth {
            name: "yard \"north\"\\\n".to_owned(),
            state: "live",
            picture: "fine",
            fps: Some(15.0),
            waiting: 0,
            buffers_used: 2,
            buffers: 6,
            frames: 50,
            forgotten: 0,
            dropped: 0,
            broken: 0,
            rested: 0,
            reopened: 0,
            looked_at: 50,
            failed_looks: 0,
            reads: 9,
            passages: 2,
            look_ms: 30.0,
            restarts: 0,
            last_error: None,
            reading_p95_ms: 120.0,
            stages: stages(0..8),
            whole: CameraCounts {
                pictures: capture::Counts { seen: 50, delivered: 50, ..capture::Counts::default() },
                looks: pipeline::Snapshot { frames: 50, ..pipeline::Snapshot::default() },
                reading: reading.times(),
                is_up: true,
            },
        }],
        stages: stages(8..10),
        lists: Some(ListHealth { entries: 3, odd: 0, swaps: 1 }),
        gates: vec![GateHealth {
            name: "main".to_owned(),
            state: "ready",
            ordered: 1,
            actuated: 1,
            refused: 0,
            failed: 0,
            untold: 0,
            trouble: None,
            stages: stages(10..11),
        }],
        journal: JournalHealth {
            recorded: 4,
            queued: 0,
            spilled: 0,
            lost: 0,
            failures: 0,
            unprinted: 0,
            unstored: 0,
            undelivered: 0,
            erased: 0,
            erased_for_room: 0,
            last_commit_ms: 1.0,
            whole: journal::Snapshot::default(),
        },
        evidence: Some(EvidenceHealth {
            queued: 0,
            written: 2,
            dropped: 0,
            failed: 0,
            erased: 0,
            mib: 1,
            bytes: 1 << 20,
        }),
        hailo: None,
        recall: Some(RecallHealth {
            asked: 40,
            recalled: 10,
            hit_rate: 0.25,
            forgotten: 0,
            entries: 30,
            kib: 240,
        }),
        upkeep: None,
        engines: vec![EngineHealth {
            task: "detect",
            preferred: "hailo",
            now: Some("cpu"),
            failed_over: true,
            skipped: Vec::new(),
        }],
        networks: vec![NetworkHealth { task: "detect", name: "plates".to_owned(), busy_s: 1.5 }],
        broker: Some("online"),
        mqtt: Some(MqttHealth::of(publish::Snapshot {
            refused_commands: [("late", 1)].into(),
            ..publish::Snapshot::default()
        })),
        webhooks: vec![WebhookHealth::of("office", &crate::webhook::Stats::default())],
        http: None,
        machine,
        configuration: ConfigurationHealth::default(),
    }
}
