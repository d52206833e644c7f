//! From the health report to figures under their names.

use super::{Out, names as n};
use crate::{
    api,
    daemon::{
        health::{CameraHealth, GateHealth, Health, StageHealth},
        machine::Machine,
        npu::HailoHealth,
    },
    infer::EngineKind,
    publish,
};

const STATES: [&str; 5] = ["starting", "live", "retrying", "ended", "failed"];
const CONDITIONS: [&str; 5] = ["fine", "frozen", "dark", "blurred", "moved"];
const GATE_STATES: [&str; 5] = ["ready", "waiting", "opening", "blocked", "unavailable"];
const ENGINES: [&str; 4] = ["hailo", "onnxruntime", "cpu", "tesseract"];
const HAILO_STATES: [&str; 6] = ["starting", "working", "proving", "waiting", "given-up", "stopped"];

pub(super) fn collect(health: &Health, out: &mut Out) {
    out.whole(&n::BUILD, &[health.version], 1);
    out.whole(&n::UPTIME, &[], health.uptime_s);
    out.word(&n::HEALTH, &[], &["ok", "degraded", "failed"], health.verdict.as_str());
    out.whole(&n::PROBLEMS, &[], health.problems.len() as u64);
    stages(&health.stages, "", "", out);
    health.cameras.iter().for_each(|one| camera(one, out));
    for engine in &health.engines {
        if let Some(now) = engine.now {
            out.word(&n::ENGINE, &[engine.task], &ENGINES, now);
        }
        out.whole(&n::FAILED_OVER, &[engine.task], u64::from(engine.failed_over));
    }
    for network in &health.networks {
        let values = [EngineKind::Cpu.as_str(), network.task, &network.name];
        out.number(&n::NETWORK_BUSY, &values, network.busy_s);
    }
    if let Some(npu) = &health.hailo {
        hailo(npu, out);
    }
    if let Some(recall) = &health.recall {
        out.whole(&n::CACHE, &["read", "hit"], recall.recalled);
        out.whole(&n::CACHE, &["read", "miss"], recall.asked.saturating_sub(recall.recalled));
    }
    if let Some(lists) = &health.lists {
        out.whole(&n::LIST_ENTRIES, &[], lists.entries);
        out.whole(&n::LIST_ODD, &[], lists.odd);
        out.whole(&n::LIST_SWAPS, &[], lists.swaps);
    }
    health.gates.iter().for_each(|one| gate(one, out));
    keeping(health, out);
    if let (Some(state), Some(mqtt)) = (health.broker, &health.mqtt) {
        let offline = publish::State::Offline.as_str();
        out.whole(&n::BROKER_UP, &[], u64::from(state != offline));
        out.word(&n::BROKER_STATE, &[], &[offline, "catching-up", "online"], state);
        let facts = [
            ("delivered", mqtt.delivered),
            ("historical", mqtt.historical),
            ("refused", mqtt.refused),
            ("unsendable", mqtt.unsendable),
        ];
        facts.iter().for_each(|(outcome, count)| out.whole(&n::MQTT_FACTS, &[outcome], *count));
        out.whole(&n::MQTT_IN_FLIGHT, &[], mqtt.in_flight);
        out.whole(&n::MQTT_CONNECTIONS, &["made"], mqtt.connections);
        out.whole(&n::MQTT_CONNECTIONS, &["failed"], mqtt.failures);
        out.whole(&n::MQTT_IMAGES, &["sent"], mqtt.images);
        out.whole(&n::MQTT_IMAGES, &["dropped"], mqtt.images_dropped);
        out.whole(&n::MQTT_COMMANDS, &["taken"], mqtt.commands);
        for (why, count) in &mqtt.refused_commands {
            out.whole(&n::MQTT_COMMANDS, &[why], *count);
        }
    }
    for webhook in &health.webhooks {
        let name = webhook.name.as_str();
        out.whole(&n::WEBHOOK_UP, &[name], u64::from(webhook.is_well));
        let outcomes = [
            ("delivered", webhook.delivered),
            ("refused", webhook.refused),
            ("given_up", webhook.given_up),
            ("erased", webhook.missed),
        ];
        outcomes.iter().for_each(|(outcome, count)| out.whole(&n::WEBHOOK_FACTS, &[name, outcome], *count));
        out.whole(&n::WEBHOOK_BEHIND, &[name], webhook.behind);
        out.times(&n::WEBHOOK_CALLS, &[name], &webhook.calls.times);
        out.whole(&n::WEBHOOK_FAILED, &[name], webhook.calls.errors);
    }
    if let Some(told) = &health.http {
        http(told, out);
    }
    if let Some(figures) = &health.machine {
        machine(figures, out);
    }
    let about = &health.configuration;
    out.whole(&n::RELOADS, &[], about.reloads);
    out.whole(&n::RELOAD_REFUSED, &[], u64::from(about.refused.is_some()));
    out.whole(&n::CONFIGURATION_WAITING, &[], about.waiting.len() as u64);
}

fn stages(stages: &[StageHealth], camera: &str, gate: &str, out: &mut Out) {
    for StageHealth { stage, whole, .. } in stages {
        let values = [*stage, camera, gate];
        out.times(&n::STAGE, &values, &whole.times);
        out.whole(&n::STAGE_ERRORS, &values, whole.errors);
    }
}

fn camera(camera: &CameraHealth, out: &mut Out) {
    let (name, pictures, looks) = (camera.name.as_str(), &camera.whole.pictures, &camera.whole.looks);
    stages(&camera.stages, name, "", out);
    out.times(&n::READING, &[name], &camera.whole.reading);
    out.whole(&n::CAMERA_UP, &[name], u64::from(camera.whole.is_up));
    out.word(&n::CAMERA_STATE, &[name], &STATES, camera.state);
    out.word(&n::CAMERA_PICTURE, &[name], &CONDITIONS, camera.picture);
    let fates = [
        ("seen", pictures.seen),
        ("delivered", pictures.delivered),
        ("forgotten", pictures.forgotten),
        ("dropped", pictures.dropped),
        ("broken", pictures.broken),
        ("rested", pictures.rested),
    ];
    fates.iter().for_each(|(fate, count)| out.whole(&n::PICTURES, &[name, fate], *count));
    out.whole(&n::CAMERA_FAILURES, &[name], pictures.failures);
    out.whole(&n::REOPENED, &[name], pictures.reopened);
    camera.fps.into_iter().for_each(|fps| out.number(&n::FPS, &[name], fps));
    out.whole(&n::FRAMES_WAITING, &[name], camera.waiting);
    out.whole(&n::BUFFERS, &[name, "used"], camera.buffers_used as u64);
    out.whole(&n::BUFFERS, &[name, "all"], camera.buffers as u64);
    out.whole(&n::LOOKS, &[name], looks.frames);
    out.whole(&n::FAILED_LOOKS, &[name], looks.failed);
    out.number(&n::LOOK_TIME, &[name], looks.look.as_secs_f64());
    out.whole(&n::READS, &[name, "text"], looks.reads.saturating_sub(looks.empty_reads));
    out.whole(&n::READS, &[name, "empty"], looks.empty_reads);
    out.whole(&n::NOT_READ, &[name, "known"], looks.known);
    out.whole(&n::NOT_READ, &[name, "no_better"], looks.no_better);
    out.whole(&n::NOT_READ, &[name, "put_off"], looks.put_off);
    out.whole(&n::PASSAGES, &[name], looks.passages);
    out.whole(&n::UNIT_RESTARTS, &[name], camera.restarts);
}

fn hailo(hailo: &HailoHealth, out: &mut Out) {
    out.whole(&n::HAILO_UP, &[], u64::from(hailo.state == "working"));
    out.word(&n::HAILO_STATE, &[], &HAILO_STATES, hailo.state);
    out.number(&n::HAILO_UTILISATION, &[], hailo.utilisation);
    out.number(&n::HAILO_BATCH_FILL, &[], hailo.batch_fill);
    out.whole(&n::HAILO_QUEUE, &[], hailo.queue_depth as u64);
    out.whole(&n::HAILO_INFERENCES, &[], hailo.inferences);
    let jobs = [
        ("dropped", hailo.dropped),
        ("late", hailo.late),
        ("lost", hailo.lost),
        ("retried", hailo.retried),
        ("failover", hailo.failovers),
    ];
    jobs.iter().for_each(|(outcome, count)| out.whole(&n::HAILO_JOBS, &[outcome], *count));
    hailo.errors.iter().for_each(|(status, count)| out.whole(&n::HAILO_ERRORS, &[status], *count));
    out.whole(&n::HAILO_OPENED, &[], hailo.opened);
    let number = |family, number: Option<f32>, out: &mut Out| {
        number.into_iter().for_each(|number| out.number(family, &[], f64::from(number)));
    };
    number(&n::HAILO_TEMPERATURE, hailo.temperature_c, out);
    number(&n::HAILO_POWER, hailo.power_w, out);
    if let Some(throttled) = hailo.throttling {
        out.whole(&n::HAILO_THROTTLED, &[], u64::from(throttled));
    }
}

fn gate(gate: &GateHealth, out: &mut Out) {
    let name = gate.name.as_str();
    stages(&gate.stages, "", name, out);
    out.word(&n::GATE_STATE, &[name], &GATE_STATES, gate.state);
    out.whole(&n::GATE_FAULT, &[name], u64::from(gate.trouble.is_some()));
    let outcomes = [
        ("ordered", gate.ordered),
        ("actuated", gate.actuated),
        ("refused", gate.refused),
        ("failed", gate.failed),
    ];
    outcomes.iter().for_each(|(outcome, count)| out.whole(&n::GATE_ORDERS, &[name, outcome], *count));
    out.whole(&n::GATE_UNTOLD, &[name], gate.untold);
}

/// Journal, outbox and evidence.
fn keeping(health: &Health, out: &mut Out) {
    let (journal, whole) = (&health.journal, &health.journal.whole);
    let facts = [
        ("recorded", whole.recorded),
        ("duplicate", whole.duplicates),
        ("refused", whole.refused),
        ("spilled", whole.spilled),
        ("lost", whole.lost),
        ("unstored", journal.unstored),
        ("unprinted", journal.unprinted),
    ];
    facts.iter().for_each(|(outcome, count)| out.whole(&n::FACTS, &[outcome], *count));
    out.whole(&n::JOURNAL_QUEUE, &[], whole.queued);
    out.whole(&n::JOURNAL_COMMITS, &["done"], whole.commits);
    out.whole(&n::JOURNAL_COMMITS, &["failed"], whole.failures);
    out.whole(&n::JOURNAL_FAILING, &[], u64::from(whole.failing));
    out.whole(&n::JOURNAL_ERASED, &["age"], whole.erased.saturating_sub(whole.erased_for_room));
    out.whole(&n::JOURNAL_ERASED, &["room"], whole.erased_for_room);
    out.whole(&n::OUTBOX, &[], whole.undelivered);
    out.whole(&n::OUTBOX_DROPPED, &[], whole.undelivered_dropped);
    if let Some(evidence) = &health.evidence {
        out.whole(&n::EVIDENCE_QUEUE, &[], evidence.queued);
        out.whole(&n::EVIDENCE, &["written"], evidence.written);
        out.whole(&n::EVIDENCE, &["dropped"], evidence.dropped);
        out.whole(&n::EVIDENCE, &["failed"], evidence.failed);
        out.whole(&n::EVIDENCE_ERASED, &[], evidence.erased);
        out.whole(&n::EVIDENCE_BYTES, &[], evidence.bytes);
    }
}

fn http(told: &api::Snapshot, out: &mut Out) {
    for route in &told.routes {
        for (class, count) in ["1xx", "2xx", "3xx", "4xx", "5xx"].iter().zip(route.answers) {
            if count > 0 {
                out.whole(&n::HTTP_REQUESTS, &[route.route, class], count);
            }
        }
        if route.times.count() > 0 {
            out.times(&n::HTTP_TIME, &[route.route], &route.times);
        }
    }
    told.refused.iter().for_each(|(reason, count)| out.whole(&n::HTTP_REFUSED, &[reason], *count));
    out.whole(&n::HTTP_CONNECTIONS, &[], told.connections);
    out.whole(&n::HTTP_LISTENERS, &["sse"], told.sse_listeners);
    out.whole(&n::HTTP_LISTENERS, &["websocket"], told.websocket_listeners);
    out.whole(&n::HTTP_EVENTS, &[], told.events);
    out.whole(&n::CACHE, &["snapshot", "hit"], told.snapshots.hits);
    out.whole(&n::CACHE, &["snapshot", "miss"], told.snapshots.misses);
}

fn machine(machine: &Machine, out: &mut Out) {
    let whole = &machine.whole;
    out.number(&n::CPU, &[], f64::from(machine.cpu_percent) / 100.0);
    machine.load.into_iter().for_each(|load| out.number(&n::LOAD, &[], load));
    out.whole(&n::MEMORY, &["used"], whole.memory_used);
    out.whole(&n::MEMORY, &["all"], whole.memory_total);
    whole.disk_free.into_iter().for_each(|bytes| out.whole(&n::DISK, &["free"], bytes));
    whole.disk_total.into_iter().for_each(|bytes| out.whole(&n::DISK, &["all"], bytes));
    out.whole(&n::DISK_IO, &["read"], whole.disk_read);
    out.whole(&n::DISK_IO, &["written"], whole.disk_written);
    out.whole(&n::NETWORK, &["received"], whole.received);
    out.whole(&n::NETWORK, &["sent"], whole.sent);
    machine.temperature_c.into_iter().for_each(|c| out.number(&n::TEMPERATURE, &[], f64::from(c)));
    let worn = machine.storage_worn_percent.into_iter();
    worn.for_each(|percent| out.number(&n::WORN, &[], f64::from(percent) / 100.0));
    machine.under_voltage.into_iter().for_each(|is| out.whole(&n::UNDER_VOLTAGE, &[], u64::from(is)));
    machine.throttled.into_iter().for_each(|is| out.whole(&n::THROTTLED, &[], u64::from(is)));
    out.number(&n::PROCESS_CPU, &[], machine.process_cpu_s);
    out.whole(&n::PROCESS_MEMORY, &[], whole.resident);
    out.whole(&n::PROCESS_IO, &["read"], whole.process_read);
    out.whole(&n::PROCESS_IO, &["written"], whole.process_written);
    machine.process_files.into_iter().for_each(|count| out.whole(&n::PROCESS_FILES, &[], count));
    machine.process_threads.into_iter().for_each(|count| out.whole(&n::PROCESS_THREADS, &[], count));
}
