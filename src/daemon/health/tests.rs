//! What the report says of good and bad days.

use super::*;

/// Every field that is told stands in the schema that others are given, under its own name.
#[test]
fn every_field_is_described() {
    use serde_json::Value;

    fn described(told: &Value, schema: &Value, whole: &Value, place: &str) {
        let schema = match schema["$ref"].as_str() {
            Some(name) => whole.pointer(name.trim_start_matches('#')).unwrap(),
            None => schema,
        };
        match told {
            Value::Object(fields) if schema["additionalProperties"].is_object() => {
                fields.values().for_each(|one| described(one, &schema["additionalProperties"], whole, place));
            }
            Value::Object(fields) => {
                for (name, one) in fields {
                    let place = format!("{place}.{name}");
                    let own = &schema["properties"][name];
                    assert!(own.is_object(), "the schema does not know {place}");
                    described(one, own, whole, &place);
                }
                let needed = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
                needed.for_each(|name| assert!(fields.contains_key(name), "{place}.{name} is never told"));
            }
            Value::Array(all) => all.iter().for_each(|one| described(one, &schema["items"], whole, place)),
            _ => {}
        }
    }
    let schema: Value = serde_json::from_str(include_str!("../../../config/schemas/health.v1.json")).unwrap();
    let hailo = Some(HailoHealth::sample());
    let health = serde_json::to_value(Health { hailo, ..sample::health() }).unwrap();
    described(&health, &schema, &schema, "health");
}

#[test]
fn the_figures_are_one_line_that_names_the_slowest_stage() {
    let line = sample::health().figures();
    for words in
        ["50 frames, 2 passages, decisions p95 120 ms, slowest", "p95 43 ms", "0 facts wait, 0 not delivered"]
    {
        assert!(line.contains(words), "no {words:?} in {line}");
    }
}
