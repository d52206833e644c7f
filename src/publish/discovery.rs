//! What Home Assistant is told, so that it shows this node as one device: cameras, gates, health.
//!
//! One message in Home Assistant's "device discovery" form. It only names topics that are there for everybody.

use serde_json::{Map, Value, json};

use super::{HomeAssistant, Settings, payload};

/// Where the message belongs.
pub(super) fn topic(settings: &Settings) -> String {
    format!("{}/device/{}/config", settings.discovery_prefix, settings.node)
}

/// Where Home Assistant says that it has (re)started; it wants to be told anew then.
pub(super) fn birth_topic(settings: &Settings) -> Option<String> {
    (settings.home_assistant == HomeAssistant::Announced)
        .then(|| format!("{}/status", settings.discovery_prefix))
}

/// The device with all it has.
pub(super) fn payload(settings: &Settings) -> Value {
    let (topics, node) = (&settings.topics, settings.node.as_str());
    let mut components = Map::new();
    let mut add = |id: String, platform: &str, name: String, more: Value| {
        let mut component = json!({"platform": platform, "unique_id": format!("{node}-{id}"), "name": name});
        if let (Value::Object(into), Value::Object(more)) = (&mut component, more) {
            into.extend(more);
        }
        components.insert(id, component);
    };
    for camera in &settings.about.cameras {
        let name = &camera.name;
        let (decision, state) = (topics.decision(name), topics.camera_state(name));
        add(
            format!("{name}-decision"),
            "event",
            format!("{name} decision"),
            json!({"state_topic": decision, "event_types": payload::EVENT_TYPES, "icon": "mdi:car", "qos": 1}),
        );
        add(
            format!("{name}-problem"),
            "binary_sensor",
            format!("{name} camera"),
            json!({
                "state_topic": state,
                "value_template": "{{ 'OFF' if value in ('online', 'starting', 'disabled') else 'ON' }}",
                "device_class": "problem",
                "entity_category": "diagnostic",
                "qos": 1,
            }),
        );
        if settings.images {
            add(
                format!("{name}-image"),
                "image",
                format!("{name} last plate"),
                json!({"image_topic": topics.last_image(name), "content_type": "image/jpeg"}),
            );
        }
    }
    for gate in &settings.about.gates {
        add(
            format!("gate-{gate}"),
            "event",
            format!("Gate {gate}"),
            json!({
                "state_topic": topics.gate_event(gate),
                "event_types": payload::GATE_EVENT_TYPES,
                "icon": "mdi:gate",
                "qos": 1,
            }),
        );
        add(
            format!("gate-{gate}-state"),
            "sensor",
            format!("Gate {gate} state"),
            json!({
                "state_topic": topics.gate_state(gate),
                "device_class": "enum",
                "options": payload::GATE_STATES,
                "qos": 1,
            }),
        );
    }
    for (id, name, template, more) in FIGURES {
        let mut more: Value = serde_json::from_str(more).unwrap_or_default();
        more["state_topic"] = topics.health().into();
        more["value_template"] = (*template).into();
        more["entity_category"] = "diagnostic".into();
        add((*id).to_owned(), "sensor", (*name).to_owned(), more);
    }
    json!({
        "device": {
            "identifiers": [format!("amslpr-{node}")],
            "name": format!("AMSLPR {node}"),
            "manufacturer": "AMSLPR",
            "model": "Licence-plate reader",
            "sw_version": settings.about.version,
        },
        "origin": {"name": "amslpr", "sw_version": settings.about.version},
        "availability_topic": topics.availability(),
        "components": components,
    })
}

/// Id, name, template and the rest of each figure that the health report has.
const FIGURES: &[(&str, &str, &str, &str)] = &[
    (
        "verdict",
        "Health",
        "{{ value_json.verdict }}",
        r#"{"device_class": "enum", "options": ["ok", "degraded", "failed"]}"#,
    ),
    (
        "waiting",
        "Events waiting for the broker",
        "{{ value_json.journal.undelivered }}",
        r#"{"state_class": "measurement"}"#,
    ),
    (
        "uptime",
        "Uptime",
        "{{ value_json.uptime_s }}",
        r#"{"device_class": "duration", "unit_of_measurement": "s", "state_class": "measurement"}"#,
    ),
    (
        "temperature",
        "Temperature",
        "{{ value_json.machine.temperature_c if value_json.machine else None }}",
        r#"{"device_class": "temperature", "unit_of_measurement": "°C", "state_class": "measurement"}"#,
    ),
    (
        "disk-free",
        "Free disk space",
        "{{ value_json.machine.disk_free_mib if value_json.machine else None }}",
        r#"{"device_class": "data_size", "unit_of_measurement": "MiB", "state_class": "measurement"}"#,
    ),
];
