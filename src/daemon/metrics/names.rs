//! Every metric: name, kind, labels, meaning; once.

/// What Prometheus may do with a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only grows; the name ends with `_total`.
    Counter,
    Gauge,
    /// Of times, in seconds.
    Histogram,
}

#[cfg(test)]
impl Kind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

#[derive(Debug)]
pub(super) struct Family {
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

macro_rules! families {
    ($($id:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)+) => {
        $(pub(super) static $id: Family =
            Family { name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help };)+

        /// All of them, in the order of the table.
        #[cfg(test)]
        pub(super) static ALL: &[&Family] = &[$(&$id),+];
    };
}

families! {
    BUILD = Gauge "amslpr_build_info" ["version"] "Always 1.";
    UPTIME = Gauge "amslpr_uptime_seconds" [] "Since the daemon began.";
    HEALTH = Gauge "amslpr_health" ["verdict"] "1 under the verdict that holds: ok, degraded, failed.";
    PROBLEMS = Gauge "amslpr_problems" [] "Problems that the health report names.";

    STAGE = Histogram "amslpr_stage_seconds" ["stage", "camera", "gate"] "Time that a piece of work of a stage took; camera or gate is empty where it belongs to none.";
    STAGE_ERRORS = Counter "amslpr_stage_errors_total" ["stage", "camera", "gate"] "Pieces of work that failed.";
    READING = Histogram "amslpr_reading_seconds" ["camera"] "From the picture that decided to the decision.";

    CAMERA_UP = Gauge "amslpr_camera_up" ["camera"] "1: it gives pictures, or is a recording that is over.";
    CAMERA_STATE = Gauge "amslpr_camera_state" ["camera", "state"] "1 under the state that holds: starting, live, retrying, ended, failed.";
    CAMERA_PICTURE = Gauge "amslpr_camera_picture" ["camera", "condition"] "1 under what its pictures are like: fine, frozen, dark, blurred, moved.";
    PICTURES = Counter "amslpr_camera_pictures_total" ["camera", "fate"] "Pictures of the camera: seen, and of these delivered, dropped (all buffers in use), broken, rested (nothing going on); forgotten (delivered, but a newer one came before anybody looked).";
    CAMERA_FAILURES = Counter "amslpr_camera_failures_total" ["camera"] "Errors of opening and reading it.";
    REOPENED = Counter "amslpr_camera_reopened_total" ["camera"] "Times that it was opened again.";
    FPS = Gauge "amslpr_camera_fps" ["camera"] "Pictures a second that it gives, of the last seconds.";
    FRAMES_WAITING = Gauge "amslpr_camera_waiting_frames" ["camera"] "Frames that wait to be looked at.";
    BUFFERS = Gauge "amslpr_camera_buffers" ["camera", "which"] "Frame buffers: used, all.";
    LOOKS = Counter "amslpr_frames_looked_at_total" ["camera"] "Frames that were looked at, failed ones included.";
    FAILED_LOOKS = Counter "amslpr_frames_failed_total" ["camera"] "Frames that could not be looked at.";
    LOOK_TIME = Counter "amslpr_look_seconds_total" ["camera"] "Time spent on looking at frames.";
    READS = Counter "amslpr_reads_total" ["camera", "outcome"] "Reads of plates: text, empty.";
    NOT_READ = Counter "amslpr_plates_not_read_total" ["camera", "reason"] "Plates in view that were not read: known (sure enough already), no_better (a look no better than those before), put_off (too many in view).";
    PASSAGES = Counter "amslpr_passages_total" ["camera"] "Passages that began.";
    UNIT_RESTARTS = Counter "amslpr_unit_restarts_total" ["camera"] "Times that the chain of a camera was built anew.";

    ENGINE = Gauge "amslpr_engine" ["task", "engine"] "1 under the engine that does the work: hailo, onnxruntime, cpu, tesseract.";
    FAILED_OVER = Gauge "amslpr_engine_failed_over" ["task"] "1: another engine than the preferred one does the work.";
    NETWORK_BUSY = Counter "amslpr_network_busy_seconds_total" ["engine", "task", "network"] "Time that a network has run on this engine; its rate is the engine's utilisation.";
    HAILO_UP = Gauge "amslpr_hailo_up" [] "1: the NPU does the work. Only where one is used.";
    HAILO_STATE = Gauge "amslpr_hailo_state" ["state"] "1 under the state that holds.";
    HAILO_UTILISATION = Gauge "amslpr_hailo_utilisation_ratio" [] "Share of the time in which it had something to do.";
    HAILO_BATCH_FILL = Gauge "amslpr_hailo_batch_fill_ratio" [] "Mean share of a batch that was filled.";
    HAILO_QUEUE = Gauge "amslpr_hailo_queue_jobs" [] "Pictures that waited when the last batch left.";
    HAILO_INFERENCES = Counter "amslpr_hailo_inferences_total" [] "Pictures done.";
    HAILO_JOBS = Counter "amslpr_hailo_jobs_total" ["outcome"] "Pictures not done by it: dropped, late, lost; retried: calls tried again; failover: another engine took over.";
    HAILO_ERRORS = Counter "amslpr_hailo_errors_total" ["status"] "Errors of its library, by number.";
    HAILO_OPENED = Counter "amslpr_hailo_opened_total" [] "Times that the device was taken.";
    HAILO_TEMPERATURE = Gauge "amslpr_hailo_temperature_celsius" [] "Of the chip.";
    HAILO_POWER = Gauge "amslpr_hailo_power_watts" [] "Of the chip.";
    HAILO_THROTTLED = Gauge "amslpr_hailo_throttled" [] "1: it runs slower because it is too hot.";
    CACHE = Counter "amslpr_cache_requests_total" ["cache", "outcome"] "Things asked of a cache: hit, miss.";

    LIST_ENTRIES = Gauge "amslpr_list_entries" [] "Entries of all lists.";
    LIST_ODD = Gauge "amslpr_list_odd_entries" [] "Entries that do not fit the configuration.";
    LIST_SWAPS = Counter "amslpr_list_swaps_total" [] "Times that new lists came into use.";
    GATE_STATE = Gauge "amslpr_gate_state" ["gate", "state"] "1 under the state that holds: ready, waiting, opening, blocked, unavailable.";
    GATE_FAULT = Gauge "amslpr_gate_fault" ["gate"] "1: it cannot be switched.";
    GATE_ORDERS = Counter "amslpr_gate_orders_total" ["gate", "outcome"] "Orders to it: ordered, actuated, refused, failed.";
    GATE_UNTOLD = Counter "amslpr_gate_untold_total" ["gate"] "Its events that could not be recorded.";

    FACTS = Counter "amslpr_journal_facts_total" ["outcome"] "Facts: recorded, duplicate, refused, spilled (waited in the reserve), lost, unstored (by [privacy]), unprinted.";
    JOURNAL_QUEUE = Gauge "amslpr_journal_queue_facts" [] "Facts that wait for the disk.";
    JOURNAL_COMMITS = Counter "amslpr_journal_commits_total" ["outcome"] "Transactions: done, failed.";
    JOURNAL_FAILING = Gauge "amslpr_journal_failing" [] "1: the last transaction failed.";
    JOURNAL_ERASED = Counter "amslpr_journal_erased_passages_total" ["reason"] "Passages erased: age, room.";
    OUTBOX = Gauge "amslpr_outbox_facts" [] "Facts that the broker does not have yet.";
    OUTBOX_DROPPED = Counter "amslpr_outbox_dropped_total" [] "Facts that were erased before the broker had them.";
    EVIDENCE_QUEUE = Gauge "amslpr_evidence_queue_pictures" [] "Pictures that wait to be encoded.";
    EVIDENCE = Counter "amslpr_evidence_passages_total" ["outcome"] "Passages whose pictures were written, dropped (came too fast), failed. Only with [evidence].";
    EVIDENCE_ERASED = Counter "amslpr_evidence_erased_files_total" [] "Pictures that went by age or for room.";
    EVIDENCE_BYTES = Gauge "amslpr_evidence_bytes" [] "What lies on the disk.";

    BROKER_UP = Gauge "amslpr_broker_up" [] "1: connected. Only with [mqtt].";
    BROKER_STATE = Gauge "amslpr_broker_state" ["state"] "1 under the state that holds: offline, catching-up, online.";
    MQTT_FACTS = Counter "amslpr_mqtt_facts_total" ["outcome"] "Facts: delivered, historical (sent late), refused, unsendable.";
    MQTT_IN_FLIGHT = Gauge "amslpr_mqtt_in_flight_facts" [] "Facts that the broker has been sent and has not acknowledged.";
    MQTT_CONNECTIONS = Counter "amslpr_mqtt_connections_total" ["outcome"] "Connections: made, failed (also those that broke).";
    MQTT_IMAGES = Counter "amslpr_mqtt_images_total" ["outcome"] "Pictures: sent, dropped.";
    MQTT_COMMANDS = Counter "amslpr_mqtt_commands_total" ["outcome"] "Commands: taken, or the word for why they were refused.";

    WEBHOOK_UP = Gauge "amslpr_webhook_up" ["webhook"] "1: the receiver took what it was told last. Only with [[webhook]].";
    WEBHOOK_FACTS = Counter "amslpr_webhook_facts_total" ["webhook", "outcome"] "Facts: delivered, refused (the receiver does not want it), given_up (too old in the end), erased (of all kinds, before it was told).";
    WEBHOOK_BEHIND = Gauge "amslpr_webhook_behind_facts" ["webhook"] "Facts of all kinds that are still to be looked at.";
    WEBHOOK_CALLS = Histogram "amslpr_webhook_call_seconds" ["webhook"] "Calls, until their answer or failure.";
    WEBHOOK_FAILED = Counter "amslpr_webhook_failed_calls_total" ["webhook"] "Calls that failed, and were tried again if that is of use.";

    HTTP_REQUESTS = Counter "amslpr_http_requests_total" ["route", "class"] "Requests by route and class of the answer: 1xx to 5xx. Only with [http].";
    HTTP_TIME = Histogram "amslpr_http_request_seconds" ["route"] "Time to the answer's head.";
    HTTP_REFUSED = Counter "amslpr_http_refused_total" ["reason"] "What was turned away: token (wrong or none), role, rate, connections (too many), timeout (too slow), listeners (too many), slow (a listener that did not keep up), flood (a listener that says too much).";
    HTTP_CONNECTIONS = Gauge "amslpr_http_connections" [] "Connections that are open.";
    HTTP_LISTENERS = Gauge "amslpr_http_listeners" ["kind"] "Listeners to live events: sse, websocket.";
    HTTP_EVENTS = Counter "amslpr_http_events_total" [] "Live events that were told to whoever listened.";

    CPU = Gauge "amslpr_machine_cpu_ratio" [] "Share of all cores in use.";
    LOAD = Gauge "amslpr_machine_load1" [] "Load of the last minute.";
    MEMORY = Gauge "amslpr_machine_memory_bytes" ["which"] "Memory: used, all.";
    DISK = Gauge "amslpr_machine_disk_bytes" ["which"] "The disk of the journal: free, all.";
    DISK_IO = Counter "amslpr_machine_disk_io_bytes_total" ["direction"] "All disks: read, written.";
    NETWORK = Counter "amslpr_machine_network_bytes_total" ["direction"] "All wires but the loop: received, sent.";
    TEMPERATURE = Gauge "amslpr_machine_temperature_celsius" [] "Hottest sensor.";
    WORN = Gauge "amslpr_machine_storage_worn_ratio" [] "Share of its life that the most worn flash memory has used up.";
    UNDER_VOLTAGE = Gauge "amslpr_machine_under_voltage" [] "1: too little voltage. Only on a Raspberry Pi.";
    THROTTLED = Gauge "amslpr_machine_throttled" [] "1: the processor is slowed down. Only on a Raspberry Pi.";
    PROCESS_CPU = Counter "amslpr_process_cpu_seconds_total" [] "Processor time of the daemon.";
    PROCESS_MEMORY = Gauge "amslpr_process_resident_bytes" [] "Memory of the daemon.";
    PROCESS_IO = Counter "amslpr_process_disk_io_bytes_total" ["direction"] "The daemon, as the disk saw it: read, written.";
    PROCESS_FILES = Gauge "amslpr_process_open_files" [] "Files and sockets that the daemon has open.";
    PROCESS_THREADS = Gauge "amslpr_process_threads" [] "Threads of the daemon.";

    RELOADS = Counter "amslpr_configuration_reloads_total" [] "Reloads asked for.";
    RELOAD_REFUSED = Gauge "amslpr_configuration_refused" [] "1: the last reload was refused.";
    CONFIGURATION_WAITING = Gauge "amslpr_configuration_waiting_tables" [] "Tables that have changed and wait for a restart.";
}

/// The table for people, as Markdown.
#[cfg(test)]
pub(super) fn table() -> String {
    let mut text = String::from(
        "# Metrics\n\nWhat `http://.../metrics` tells, made from `src/daemon/metrics/names.rs`. Times are in seconds, sizes in \
         bytes, ratios from 0 to 1; counters count from the start of the daemon. Bounds of histograms are powers of two of \
         a microsecond, from 128 us to 16.8 s.\n\nStages, in their order: capture (from the moment that a picture was taken \
         to its being handed on, decoding included), decode, prepare (the detector's input), detect, track, read (one \
         plate), vote, decide, journal (one transaction), publish (to the broker's acknowledgement), actuate (switching a \
         gate's output).\n\n| name | kind | labels | what it says |\n|---|---|---|---|\n",
    );
    for Family { name, kind, labels, help } in ALL {
        let labels = labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
        text.push_str(&format!("| `{name}` | {} | {labels} | {help} |\n", kind.as_str()));
    }
    text
}
