//! Some thousand commands, each a valid one with something wrong in it: what is taken fits the schema that others are
//! given, and what does not fit it is refused.
//!
//! The other way round does not hold for all: no schema says that `until` lies behind `from`, or what is no plate.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod schema;

use amslpr::publish::command::understood;
use serde_json::{Map, Value, json};

const SOON: &str = "2026-11-25T07:15:00Z";

/// A valid command for each verb, with every field that it may have.
fn seeds() -> Vec<(&'static str, Value)> {
    let whole = json!({
        "list": "guests", "plate": "B 123 ABC", "note": "Anna's van", "from": "2026-11-25T06:00:00Z",
        "until": "2026-12-25T06:00:00+01:00", "uses": 2, "lasts_s": 7200, "schedule": "office",
    });
    vec![
        ("plates/add", whole),
        ("plates/remove", json!({"list": "guests", "plate": "B123ABC"})),
        ("gate/open", json!({"gate": "main", "reason": "post van"})),
        ("camera/trigger", json!({"camera": "in"})),
        ("status", json!({})),
    ]
}

/// What any field may be instead.
fn odd_values() -> Vec<Value> {
    let texts = [
        "",
        " ",
        "a",
        "A-1",
        "a/b",
        "+",
        "#",
        "$SYS",
        "..",
        "guests ",
        "Gäste",
        "\u{0}",
        "a\u{7f}b",
        "a\u{85}b",
        "\u{202e}abc",
        "日本",
        "🚗",
        "2026-11-25",
        "2026-11-25T07:15:00",
        "2026-11-25T07:15:00Z",
        "2026-13-45T99:00:00Z",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00Z",
        "tomorrow",
        "1",
        "true",
        "null",
        "{\"id\": 1}",
        "'; DROP TABLE facts; --",
        "%s%n",
        "B1AAA",
    ];
    let mut values: Vec<Value> = texts.into_iter().map(Value::from).collect();
    values.extend(["a", "-", "Z", "9", "ä"].map(|one| Value::from(one.repeat(64))));
    values.extend(["a", "B"].map(|one| Value::from(one.repeat(201))));
    values.extend([
        Value::Null,
        json!(true),
        json!(0),
        json!(1),
        json!(-1),
        json!(1.5),
        json!(1e300),
        json!(4_294_967_295_u64),
        json!(4_294_967_296_u64),
        json!(u64::MAX),
        json!([]),
        json!(["guests"]),
        json!({}),
        json!({"text": "B1AAA"}),
    ]);
    values
}

/// Every field of every seed left out, made odd, written in another case; and fields that nobody knows.
fn corpus() -> Vec<(&'static str, Map<String, Value>)> {
    let mut corpus = Vec::new();
    for (verb, more) in seeds() {
        let mut seed =
            Map::from_iter([("id".to_owned(), json!("a-1")), ("expires_at".to_owned(), json!(SOON))]);
        seed.extend(more.as_object().unwrap().clone());
        corpus.push((verb, seed.clone()));
        for key in seed.keys() {
            let mut without = seed.clone();
            without.remove(key);
            let mut shouted = without.clone();
            shouted.insert(key.to_uppercase(), seed[key].clone());
            corpus.extend([(verb, without), (verb, shouted)]);
            for odd in odd_values() {
                let mut changed = seed.clone();
                changed.insert(key.clone(), odd);
                corpus.push((verb, changed));
            }
        }
        for key in ["", "colour", "__proto__", "id ", "gate", "plate", "uses", "v"] {
            if !seed.contains_key(key) {
                let mut more = seed.clone();
                more.insert(key.to_owned(), json!("main"));
                corpus.push((verb, more));
            }
        }
    }
    corpus
}

#[test]
fn what_is_taken_fits_the_schema_and_what_does_not_fit_it_is_refused() {
    let corpus = corpus();
    let judged: Vec<_> = corpus
        .iter()
        .map(|(verb, fields)| {
            let part = format!("command.v1.json#/$defs/{}", verb.replace('/', "-"));
            (schema::shipped(&part), Value::Object(fields.clone()))
        })
        .collect();
    let Some(faults) = schema::faults(&judged) else { return };
    let (mut taken, mut stricter) = (0, Vec::new());
    for ((verb, fields), fault) in corpus.iter().zip(&faults) {
        let text = Value::Object(fields.clone()).to_string();
        match understood(verb, text.as_bytes()) {
            Ok(()) => {
                assert!(fault.is_empty(), "{verb} takes what the schema refuses ({fault}): {text}");
                taken += 1;
            }
            Err(_) if fault.is_empty() => stricter.push(text),
            Err(code) => assert!(["wrong-schema", "not-json"].contains(&code), "{code}: {text}"),
        }
    }
    println!(
        "{} commands: {taken} taken, {} refused that the schema lets pass: {stricter:#?}",
        corpus.len(),
        stricter.len()
    );
    assert!(corpus.len() > 900 && taken > 40);
    assert!(stricter.len() * 10 < corpus.len(), "the schema says too little");
}

/// Bytes of a valid command changed, left out, doubled and cut: nothing does harm, and what is taken is JSON.
#[test]
fn no_mutilation_of_a_command_does_harm() {
    let mut tried = 0;
    for (verb, more) in seeds() {
        let mut seed = json!({"id": "a-1", "expires_at": SOON});
        seed.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let whole = seed.to_string().into_bytes();
        assert_eq!(understood(verb, &whole), Ok(()));
        let mut check = |bytes: &[u8]| {
            tried += 1;
            if understood(verb, bytes).is_ok() {
                assert!(serde_json::from_slice::<Value>(bytes).is_ok());
            }
        };
        for at in 0..whole.len() {
            check(&whole[..at]);
            check(&[&whole[..at], &whole[at + 1..]].concat());
            check(&[&whole[..=at], &whole[at..]].concat());
            for byte in [0x00, 0x0a, b'"', b'\\', b'{', b']', b',', 0x7f, 0x80, 0xc0, 0xff] {
                let mut changed = whole.clone();
                changed[at] = byte;
                check(&changed);
            }
        }
    }
    println!("{tried} payloads");
}
