//! From a topic's verb and a payload to a [`Command`], or to what is wrong with it.
//!
//! The payload may be anything; the answer is a [`Fault`] in words that never repeat a plate.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Command, NewPlate, Request};
use crate::plate::PlateText;

/// Nesting beyond this is no command of ours; counted before anything is built from it.
const DEEPEST: usize = 4;
const LONGEST_ID: usize = 64;
/// Characters of a note, a reason, a name.
const LONGEST_TEXT: usize = 200;

pub(super) const VERBS: &str = "plates/add, plates/remove, gate/open, camera/trigger, status";

/// Why a payload is no command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::publish) enum Code {
    TooLarge,
    NotUtf8,
    TooDeep,
    NotJson,
    WrongSchema,
    UnknownVerb,
    Retained,
    Expired,
    TooFarAhead,
    Repeated,
    Busy,
    Flood,
    Late,
}

impl Code {
    pub(in crate::publish) const fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too-large",
            Self::NotUtf8 => "not-utf8",
            Self::TooDeep => "too-deep",
            Self::NotJson => "not-json",
            Self::WrongSchema => "wrong-schema",
            Self::UnknownVerb => "unknown-verb",
            Self::Retained => "retained",
            Self::Expired => "expired",
            Self::TooFarAhead => "too-far-ahead",
            Self::Repeated => "repeated",
            Self::Busy => "busy",
            Self::Flood => "flood",
            Self::Late => "late",
        }
    }
}

/// What is wrong, and with which command as far as that can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub id: Option<String>,
    pub code: Code,
    pub what: String,
}

pub(super) fn parse(verb: &str, payload: &[u8]) -> Result<Command, Fault> {
    let fault = |code, what: String| Fault { id: None, code, what };
    let text = std::str::from_utf8(payload)
        .map_err(|error| fault(Code::NotUtf8, format!("not UTF-8 from byte {} on", error.valid_up_to())))?;
    if depth(text) > DEEPEST {
        return Err(fault(Code::TooDeep, format!("nested deeper than {DEEPEST} levels")));
    }
    let value: Value = serde_json::from_str(text).map_err(|error| {
        fault(Code::NotJson, format!("no JSON (line {}, column {})", error.line(), error.column()))
    })?;
    let Value::Object(mut fields) = value else {
        return Err(fault(Code::WrongSchema, "not a JSON object".to_owned()));
    };
    let id = match fields.remove("id") {
        Some(Value::String(id)) if is_id(&id) => id,
        Some(_) => {
            let what = format!("id must be 1 to {LONGEST_ID} of A-Z, a-z, 0-9, \"-\" and \"_\"");
            return Err(fault(Code::WrongSchema, what));
        }
        None => return Err(fault(Code::WrongSchema, "id is missing".to_owned())),
    };
    let named = |code, what: String| Fault { id: Some(id.clone()), code, what };
    let expires_at = match fields.remove("expires_at") {
        Some(Value::String(text)) => text.parse::<Timestamp>().map_err(|_| {
            let what = "expires_at must be a time with its zone, such as \"2026-11-25T07:15:00Z\"";
            named(Code::WrongSchema, what.to_owned())
        })?,
        Some(_) => return Err(named(Code::WrongSchema, "expires_at must be a string".to_owned())),
        None => return Err(named(Code::WrongSchema, "expires_at is missing".to_owned())),
    };
    match request(verb, fields) {
        Ok(Some(request)) => Ok(Command { id, expires_at, request }),
        Ok(None) => Err(named(Code::UnknownVerb, format!("the verbs are {VERBS}"))),
        Err(what) => Err(named(Code::WrongSchema, what)),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddPlate {
    list: String,
    plate: String,
    note: Option<String>,
    from: Option<String>,
    until: Option<String>,
    uses: Option<u32>,
    lasts_s: Option<u32>,
    schedule: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RemovePlate {
    list: String,
    plate: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OpenGate {
    gate: String,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Trigger {
    camera: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Status {}

/// `None`: there is no such verb.
pub(super) fn request(verb: &str, fields: Map<String, Value>) -> Result<Option<Request>, String> {
    Ok(Some(match verb {
        "plates/add" => {
            let wanted: AddPlate = read(fields)?;
            let from = moment("from", wanted.from.as_deref())?;
            let until = moment("until", wanted.until.as_deref())?;
            if from.zip(until).is_some_and(|(from, until)| from >= until) {
                return Err("until must be later than from".to_owned());
            }
            if wanted.uses == Some(0) || wanted.lasts_s == Some(0) {
                return Err("uses and lasts_s must be 1 or more".to_owned());
            }
            Request::AddPlate(NewPlate {
                list: name("list", wanted.list)?,
                plate: plate(&wanted.plate)?,
                note: wanted.note.map(|note| words("note", note)).transpose()?,
                from,
                until,
                uses: wanted.uses,
                lasts: wanted.lasts_s.map(|seconds| Duration::from_secs(seconds.into())),
                schedule: wanted.schedule.map(|schedule| name("schedule", schedule)).transpose()?,
            })
        }
        "plates/remove" => {
            let wanted: RemovePlate = read(fields)?;
            Request::RemovePlate { list: name("list", wanted.list)?, plate: plate(&wanted.plate)? }
        }
        "gate/open" => {
            let wanted: OpenGate = read(fields)?;
            let reason = wanted.reason.map(|reason| words("reason", reason)).transpose()?;
            Request::OpenGate { gate: name("gate", wanted.gate)?, reason }
        }
        "camera/trigger" => {
            let wanted: Trigger = read(fields)?;
            Request::Trigger { camera: name("camera", wanted.camera)? }
        }
        "status" => {
            let Status {} = read(fields)?;
            Request::Status
        }
        _ => return Ok(None),
    }))
}

fn read<T: serde::de::DeserializeOwned>(fields: Map<String, Value>) -> Result<T, String> {
    serde_json::from_value(Value::Object(fields)).map_err(|error| {
        // Only the key: a wrong value may be a plate.
        let words = error.to_string();
        match words.starts_with("missing field") || words.starts_with("unknown field") {
            true => words.chars().take(LONGEST_TEXT).collect(),
            false => "a value is of the wrong kind; see config/schemas/command.v1.json".to_owned(),
        }
    })
}

fn is_id(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !text.is_empty() && text.len() <= LONGEST_ID && text.chars().all(fits)
}

/// The name of a list, gate or camera, as the configuration allows it.
fn name(what: &str, text: String) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if text.is_empty() || text.len() > 40 || !text.chars().all(fits) {
        return Err(format!("{what} must be a name of a-z, 0-9 and \"-\""));
    }
    Ok(text)
}

fn plate(text: &str) -> Result<PlateText, String> {
    PlateText::normalise(text).map_err(|error| format!("plate is none: {error}"))
}

fn words(what: &str, text: String) -> Result<String, String> {
    if text.chars().count() > LONGEST_TEXT || text.chars().any(char::is_control) {
        return Err(format!("{what} must be one line of at most {LONGEST_TEXT} characters"));
    }
    Ok(text)
}

fn moment(what: &str, text: Option<&str>) -> Result<Option<Timestamp>, String> {
    text.map(|text| text.parse().map_err(|_| format!("{what} must be a time with its zone"))).transpose()
}

/// How deep brackets nest outside of strings. Wrong JSON gives some number or other.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const SOON: &str = "2026-11-25T07:15:00Z";

    fn with(more: &Value) -> String {
        let mut fields = json!({"id": "a-1", "expires_at": SOON});
        for (key, value) in more.as_object().unwrap() {
            fields[key] = value.clone();
        }
        fields.to_string()
    }

    #[test]
    fn each_verb_is_understood() {
        let check = |verb: &str, more: &Value, expected: Request| {
            let command = parse(verb, with(more).as_bytes()).unwrap();
            assert_eq!((command.id.as_str(), command.expires_at.to_string().as_str()), ("a-1", SOON));
            assert_eq!(command.request.verb(), verb);
            assert_eq!(command.request, expected);
        };
        let plate = PlateText::normalise("B 123 ABC").unwrap();
        let bare = NewPlate {
            list: "guests".to_owned(),
            plate: plate.clone(),
            note: None,
            from: None,
            until: None,
            uses: None,
            lasts: None,
            schedule: None,
        };
        let entry = json!({"list": "guests", "plate": "b-123 abc"});
        check("plates/add", &entry, Request::AddPlate(bare.clone()));
        let whole = NewPlate {
            note: Some("Anna's van".to_owned()),
            from: Some("2026-11-25T06:00:00Z".parse().unwrap()),
            until: Some("2026-11-26T06:00:00Z".parse().unwrap()),
            uses: Some(2),
            lasts: Some(Duration::from_secs(7200)),
            schedule: Some("office".to_owned()),
            ..bare
        };
        let entry = json!({"list": "guests", "plate": "B123ABC", "note": "Anna's van", "uses": 2, "lasts_s": 7200, "schedule": "office",
            "from": "2026-11-25T07:00:00+01:00", "until": "2026-11-26T06:00:00Z"});
        check("plates/add", &entry, Request::AddPlate(whole));
        let remove = Request::RemovePlate { list: "guests".to_owned(), plate };
        check("plates/remove", &json!({"list": "guests", "plate": "B 123 ABC"}), remove);
        let open = Request::OpenGate { gate: "main".to_owned(), reason: Some("post van".to_owned()) };
        check("gate/open", &json!({"gate": "main", "reason": "post van"}), open);
        check("camera/trigger", &json!({"camera": "in"}), Request::Trigger { camera: "in".to_owned() });
        check("status", &json!({}), Request::Status);
    }

    #[test]
    fn what_is_no_command_is_told_by_its_kind_and_in_words() {
        let check = |verb: &str, payload: &[u8], code: Code, id: Option<&str>, says: &str| {
            let fault = parse(verb, payload).unwrap_err();
            assert_eq!((fault.code, fault.id.as_deref()), (code, id), "{verb}: {fault:?}");
            assert!(fault.what.contains(says), "{fault:?} should say {says:?}");
        };
        check("status", b"{\"id\": \"\xff\"}", Code::NotUtf8, None, "byte 8");
        check("status", "[".repeat(8000).as_bytes(), Code::TooDeep, None, "deeper");
        check("status", b"", Code::NotJson, None, "no JSON");
        check("status", b"{\"id\": \"a\"", Code::NotJson, None, "no JSON");
        check("status", b"[]", Code::WrongSchema, None, "object");
        check("status", b"{}", Code::WrongSchema, None, "id is missing");
        for id in ["7", "\"\"", "\"a/b\"", "\"#\"", "\"\\u0000\"", &format!("\"{}\"", "x".repeat(65))] {
            check("status", format!("{{\"id\": {id}}}").as_bytes(), Code::WrongSchema, None, "id must be");
        }
        let late = |text: &str| format!("{{\"id\": \"a\", \"expires_at\": {text}}}");
        check("status", b"{\"id\": \"a\"}", Code::WrongSchema, Some("a"), "expires_at is missing");
        check("status", late("5").as_bytes(), Code::WrongSchema, Some("a"), "a string");
        check("status", late("\"tomorrow\"").as_bytes(), Code::WrongSchema, Some("a"), "its zone");
        let check = |verb: &str, more: &Value, code: Code, says: &str| {
            check(verb, with(more).as_bytes(), code, Some("a-1"), says);
        };
        check("gate/close", &json!({}), Code::UnknownVerb, "gate/open");
        check("", &json!({}), Code::UnknownVerb, "gate/open");
        check("status", &json!({"plate": "B 1"}), Code::WrongSchema, "unknown field");
        check("gate/open", &json!({}), Code::WrongSchema, "missing field `gate`");
        check("gate/open", &json!({"gate": "a/b"}), Code::WrongSchema, "gate must be a name");
        check("gate/open", &json!({"gate": "a", "reason": "x\ny"}), Code::WrongSchema, "one line");
        check("gate/open", &json!({"gate": ["a"]}), Code::WrongSchema, "wrong kind");
        check("plates/add", &json!({"list": "a", "plate": "?!"}), Code::WrongSchema, "plate is none");
        let entry = json!({"list": "a", "plate": "B1AAA", "from": SOON, "until": SOON});
        check("plates/add", &entry, Code::WrongSchema, "later than");
        check("plates/add", &json!({"list": "a", "plate": "B1AAA", "uses": 0}), Code::WrongSchema, "1 or");
    }

    #[test]
    fn a_fault_never_repeats_a_plate() {
        for payload in [
            json!({"list": "a", "plate": {"text": "SECRET1"}}),
            json!({"list": "a", "plate": "SECRET1", "uses": "SECRET1"}),
            json!({"list": "SECRET1", "plate": "SECRET1"}),
        ] {
            let fault = parse("plates/add", with(&payload).as_bytes()).unwrap_err();
            assert!(!fault.what.contains("SECRET1"), "{fault:?}");
        }
    }

    #[test]
    fn brackets_within_strings_do_not_nest() {
        assert_eq!(depth(r#"{"a": "[[[[[[", "b": ["\"[["]}"#), 2);
        assert_eq!(depth("]]]]"), 0);
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_command_or_a_fault(verb in "[a-z/]{0,12}", payload in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&verb, &payload);
        }

        #[test]
        fn any_text_gives_a_command_or_a_fault(text in "[\\[\\]{}\":,a-z0-9\\\\ ]{0,200}") {
            let _ = parse("plates/add", text.as_bytes());
        }
    }
}
