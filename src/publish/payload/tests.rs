//! What the messages say, checked against the schemas that others are given.

use std::{io::Write, process::Command};

use serde_json::{Value, json};

use super::*;
use crate::fact::{
    gate::{Refusal, Release, Step},
    sample,
};

fn context(now: Timestamp) -> Context<'static> {
    Context {
        node: "pi-1",
        stream: Uuid::from_u128(7),
        now,
        decision_valid: Duration::from_secs(10),
        historical_after: Duration::from_secs(10),
    }
}

/// The message of a fact that was recorded when it happened and is sent `later`.
fn sent(fact: Fact, later: Duration) -> (Message, Value) {
    let recorded = match &fact {
        Fact::Decided(decided) => decided.at,
        Fact::Evidence(_) => Timestamp::UNIX_EPOCH,
        Fact::Closed(closed) => closed.passage.ended.unwrap_or(closed.passage.began),
        Fact::Gate(event) => event.at,
    };
    let now = recorded.checked_add(later).unwrap();
    let message = message(&Undelivered { seq: 3, recorded, fact }, &context(now)).unwrap();
    let value = serde_json::from_slice(&message.json).unwrap();
    (message, value)
}

#[test]
fn a_decision_says_what_a_gate_needs_on_one_level() {
    let closed = sample::closed(4);
    let (message, value) = sent(Fact::Decided(sample::decided(&closed)), Duration::from_millis(20));
    assert_eq!(message.expires_in, Some(Duration::from_millis(9_980)));
    assert!(!message.historical);
    let at = closed.passage.began;
    for (field, expected) in [
        ("v", json!(1)),
        ("type", json!("decision")),
        ("id", json!(closed.passage.id.to_string())),
        ("seq", json!(3)),
        ("node", json!("pi-1")),
        ("camera", json!("gate-in")),
        ("live", json!(true)),
        ("historical", json!(false)),
        ("age_ms", json!(20)),
        ("at", json!(at.to_string())),
        ("valid_until", json!(at.checked_add(Duration::from_secs(10)).unwrap().to_string())),
        ("plate", json!(closed.passage.reading.as_ref().unwrap().text.as_str())),
        ("confidence", json!(0.9731)),
        ("verdict", json!("admit")),
        ("reason", json!("listed")),
        ("list", json!("staff")),
        ("note", Value::Null),
    ] {
        assert_eq!(value[field], expected, "{field}");
    }
    assert_eq!(value["latency_ms"]["decided"], json!(41.7));
    assert_eq!(value["latency_ms"]["published"], json!(61.7));
}

#[test]
fn what_comes_late_says_so_and_does_not_expire() {
    let check = |fact: Fact, later: Duration, historical: bool| {
        let (message, value) = sent(fact, later);
        assert_eq!(
            (message.historical, value["historical"].clone()),
            (historical, json!(historical)),
            "{later:?}"
        );
        if historical {
            assert_eq!(message.expires_in, None);
        }
    };
    let closed = sample::closed(4);
    check(Fact::Closed(closed.clone()), Duration::from_secs(10), false);
    check(Fact::Closed(closed.clone()), Duration::from_millis(10_001), true);
    let decided = Fact::Decided(sample::decided(&closed));
    check(decided.clone(), Duration::from_secs(9), false);
    check(decided.clone(), Duration::from_secs(10), true);
    check(decided, Duration::from_secs(86_400), true);
}

#[test]
fn what_happened_while_nobody_had_set_the_clock_says_so_and_nothing_else_does() {
    let closed = sample::closed(4);
    let facts = [
        Fact::Decided(sample::decided(&closed)),
        Fact::Closed(closed),
        Fact::Gate(sample::gate_event(1, Step::Ordered)),
    ];
    for mut fact in facts {
        let (_, value) = sent(fact.clone(), Duration::ZERO);
        assert_eq!(value.get("clock"), None);
        fact.mark_clock_unset();
        let (_, value) = sent(fact, Duration::ZERO);
        assert_eq!(value["clock"], json!("unset"));
    }
}

#[test]
fn a_clock_that_was_set_back_makes_no_negative_age() {
    let closed = sample::closed(4);
    let recorded = closed.passage.began;
    let now = recorded.checked_sub(Duration::from_secs(60)).unwrap();
    let undelivered = Undelivered { seq: 1, recorded, fact: Fact::Decided(sample::decided(&closed)) };
    let message = message(&undelivered, &context(now)).unwrap();
    let value: Value = serde_json::from_slice(&message.json).unwrap();
    assert_eq!((value["age_ms"].clone(), message.historical), (json!(0), false));
}

/// A passage of which nothing is known but that it was.
fn bare() -> Closed {
    let mut closed = sample::closed(5);
    closed.passage.reading = None;
    closed.passage.direction = None;
    closed.passage.best_area = None;
    closed.passage.ended = None;
    closed.passage.receipt = Receipt::default();
    closed.decision = None;
    closed.reads.clear();
    closed
}

#[test]
fn every_message_fits_its_schema() {
    let mut blank = sample::decided(&sample::closed(5));
    blank.reading = None;
    blank.decision.list = None;
    let closed = sample::closed(4);
    let opened = Step::Actuated { pulse: Duration::from_millis(500) };
    let failed = Step::Failed("no answer".to_owned());
    let messages = [
        ("decision", sent(Fact::Decided(sample::decided(&closed)), Duration::ZERO).1),
        ("decision", sent(Fact::Decided(blank), Duration::from_secs(50)).1),
        ("passage", sent(Fact::Closed(closed), Duration::ZERO).1),
        ("passage", sent(Fact::Closed(bare()), Duration::from_secs(50)).1),
        ("gate", sent(Fact::Gate(sample::gate_event(4, opened)), Duration::ZERO).1),
        ("gate", sent(Fact::Gate(sample::gate_event(5, failed)), Duration::from_secs(50)).1),
        ("gate", sent(Fact::Gate(sample::gate_event(6, Step::Ordered)), Duration::ZERO).1),
    ];
    for (name, message) in &messages {
        let schema = schema(name);
        let properties = schema["properties"].as_object().unwrap();
        let required: Vec<&str> =
            schema["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        for field in message.as_object().unwrap().keys() {
            assert!(properties.contains_key(field), "{name}: {field} is sent and not described");
            assert!(
                required.contains(&field.as_str()),
                "{name}: {field} is always sent, the schema must say so"
            );
        }
        for field in required {
            assert!(message.get(field).is_some(), "{name}: {field} is promised and not sent");
        }
    }
    if validator_is_there() {
        for (name, message) in messages {
            assert!(fits(name, &message), "{name}: {message}");
            let mut wrong = message.clone();
            wrong["seq"] = json!("three");
            assert!(!fits(name, &wrong), "{name}: the schema accepts anything");
        }
    } else {
        println!("python3-jsonschema is not installed: field names were checked, values were not");
    }
}

#[test]
fn a_gate_event_says_how_long_it_took_from_the_camera_to_the_relay() {
    let opened = Step::Actuated { pulse: Duration::from_millis(500) };
    let (message, value) = sent(Fact::Gate(sample::gate_event(4, opened)), Duration::from_millis(3));
    assert!(!message.historical && message.expires_in.is_none());
    assert_eq!((&value["step"], &value["lasted_ms"]), (&json!("actuated"), &json!(500.0)));
    assert_eq!(value["latency_ms"]["decided"], json!(41.7));
    assert_eq!(value["latency_ms"]["actuated"], json!(42.9));
    assert_eq!(value["passage"], json!(sample::closed(4).passage.id.to_string()));
    let manual = sent(Fact::Gate(sample::gate_event(5, Step::Ordered)), Duration::ZERO).1;
    assert_eq!((&manual["cause"], &manual["asked_by"]), (&json!("manual"), &json!("uid 0")));
    assert_eq!((&manual["passage"], &manual["latency_ms"]), (&Value::Null, &Value::Null));
}

#[test]
fn the_schema_knows_every_reason_of_a_gate() {
    let known = &schema("gate")["properties"]["reason"]["enum"];
    let refusals = Refusal::ALL.iter().map(|one| one.as_str());
    for word in refusals.chain(Release::ALL.iter().map(|one| one.as_str())) {
        assert!(known.as_array().unwrap().contains(&json!(word)), "{word}");
    }
}

fn path(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("config/schemas/{name}.v1.json"))
}

fn schema(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path(name)).unwrap()).unwrap()
}

fn validator_is_there() -> bool {
    Command::new("python3")
        .args(["-c", "import jsonschema"])
        .output()
        .is_ok_and(|output| output.status.success())
}

fn fits(name: &str, message: &Value) -> bool {
    let code = "import json, sys, jsonschema
schema = json.load(open(sys.argv[1]))
jsonschema.Draft202012Validator.check_schema(schema)
jsonschema.Draft202012Validator(schema).validate(json.load(open(sys.argv[2])))";
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(file, "{message}").unwrap();
    let output =
        Command::new("python3").args(["-c", code]).arg(path(name)).arg(file.path()).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() || words.contains("ValidationError"), "{words}");
    output.status.success()
}
