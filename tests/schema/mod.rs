//! Messages against JSON Schemas, by the validator of python3-jsonschema; templates by the engine that Home Assistant
//! uses.
//!
//! Each test file that uses it uses a part of it.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Mutex,
};

use serde_json::{Value, json};

pub(crate) fn house() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The schema that others are given for this kind of message; `command.v1.json#/$defs/status` names a part of one.
pub(crate) fn shipped(name: &str) -> PathBuf {
    house().join("config/schemas").join(name)
}

/// What is wrong with each message, in the order of the messages; empty where it fits its schema.
///
/// `None`, with a line that says so, where the validator is not installed.
pub(crate) fn faults(messages: &[(PathBuf, Value)]) -> Option<Vec<String>> {
    const CODE: &str = "import json, sys, jsonschema
validators = {}
def validator(path):
    if path not in validators:
        file, _, part = path.partition('#/$defs/')
        schema = json.load(open(file))
        kind = jsonschema.Draft202012Validator
        kind.check_schema(schema)
        if part:
            schema = schema['$defs'][part]
        validators[path] = kind(schema, format_checker=kind.FORMAT_CHECKER)
    return validators[path]
def fault(path, message):
    error = jsonschema.exceptions.best_match(validator(path).iter_errors(message))
    return '' if error is None else error.json_path + ': ' + error.message
json.dump([fault(path, message) for path, message in json.load(sys.stdin)], sys.stdout)";
    let input: Vec<Value> = messages.iter().map(|(path, message)| json!([path, message])).collect();
    let answer = python(CODE, "jsonschema", &json!(input))?;
    Some(serde_json::from_value(answer).unwrap())
}

/// Fails if a message does not fit its schema.
pub(crate) fn check(messages: &[(PathBuf, Value)]) {
    for (fault, (path, message)) in faults(messages).into_iter().flatten().zip(messages) {
        assert!(fault.is_empty(), "{}: {fault}\n{message}", path.display());
    }
}

/// What a Jinja template makes of a payload, as Home Assistant does it; `None` where Jinja is not installed.
pub(crate) fn rendered(template: &str, payload: &str) -> Option<String> {
    const CODE: &str = "import json, sys, jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment
template, value = json.load(sys.stdin)
try:
    value_json = json.loads(value)
except ValueError:
    value_json = None
print(json.dumps(ImmutableSandboxedEnvironment().from_string(template).render(value=value, value_json=value_json)))";
    python(CODE, "jinja2", &json!([template, payload])).map(|text| text.as_str().unwrap().to_owned())
}

/// What an automation's condition says of a change from one state's attributes to another's at this time (RFC 3339);
/// `None` where Jinja is not installed.
pub(crate) fn holds(condition: &str, from: &Value, to: &Value, now: &str) -> Option<bool> {
    const CODE: &str = "import json, sys, jinja2
from datetime import datetime
from types import SimpleNamespace
from jinja2.sandbox import ImmutableSandboxedEnvironment
def as_datetime(text):
    head, _, _ = text.rstrip('Z').partition('.')
    return datetime.fromisoformat(head + '+00:00')
def state(attributes):
    return None if attributes is None else SimpleNamespace(attributes=attributes)
condition, before, after, now = json.load(sys.stdin)
trigger = SimpleNamespace(from_state=state(before), to_state=state(after))
template = ImmutableSandboxedEnvironment().from_string(condition)
print(json.dumps(template.render(trigger=trigger, now=lambda: as_datetime(now), as_datetime=as_datetime) == 'True'))";
    python(CODE, "jinja2", &json!([condition, from, to, now])).map(|holds| holds.as_bool().unwrap())
}

fn python(code: &str, module: &str, input: &Value) -> Option<Value> {
    static THERE: Mutex<BTreeMap<String, bool>> = Mutex::new(BTreeMap::new());
    let is_there = *THERE.lock().unwrap().entry(module.to_owned()).or_insert_with(|| {
        let asked = Command::new("python3").args(["-c", &format!("import {module}")]).output();
        asked.is_ok_and(|output| output.status.success())
    });
    if !is_there {
        println!("python3-{module} is not installed: nothing is tested here (tests/setup.sh)");
        return None;
    }
    let mut child = Command::new("python3")
        .args(["-c", code])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{module}: {:?}", output.status);
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// Names of the schema files for what stands on this topic below `<prefix>/<node>/`.
pub(crate) fn of_topic(below: &str) -> Option<PathBuf> {
    let levels: Vec<&str> = below.split('/').collect();
    let name = match levels.as_slice() {
        ["availability"] => "availability",
        ["info"] => "info",
        ["health"] => "health",
        ["camera", _, "state"] => "camera-state",
        ["camera", _, "decision"] => "decision",
        ["camera", _, "passage"] => "passage",
        ["gate", _, "state"] => "gate-state",
        ["gate", _, "event"] => "gate",
        ["cmd", "reply", _] => "reply",
        _ => return None,
    };
    Some(shipped(&format!("{name}.v1.json")))
}

/// The payload as a value: JSON, or the bare word as a string.
pub(crate) fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| json!(text))
}

/// A folder of the house as it is written into a configuration.
pub(crate) fn quoted(path: &Path) -> String {
    format!("{:?}", path.display().to_string())
}
