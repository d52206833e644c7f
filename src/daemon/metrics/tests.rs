//! What is exported is what the table says, and the table is what is shipped.

use std::collections::{BTreeMap, BTreeSet};

use super::{names::ALL, *};
use crate::{
    api,
    daemon::{
        health::{Health, sample},
        npu::HailoHealth,
    },
};

/// A report of a node that has everything.
fn everything() -> Health {
    let mut health = sample::health();
    health.hailo = Some(HailoHealth::sample());
    health.http = Some(api::Stats::default().snapshot());
    health
}

/// Family, kind and labels as they stand in the text.
fn exported(text: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut families = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            let suffix = if kind == "counter" { "_total" } else { "" };
            current = format!("{name}{suffix}");
            families.insert(current.clone(), (kind.to_owned(), BTreeSet::new()));
        } else if !line.starts_with('#') {
            let labels = line.split_once('{').map_or("", |(_, rest)| rest.rsplit_once('}').unwrap().0);
            let names = labels.split("\",").filter_map(|label| label.split_once('=')).map(|(name, _)| name);
            let names = names.filter(|name| *name != "le").map(str::to_owned);
            families.get_mut(&current).unwrap().1.extend(names);
        }
    }
    families
}

#[test]
fn everything_that_is_exported_stands_in_the_table_and_the_other_way_round() {
    let text = text(&everything()).unwrap();
    assert!(text.ends_with("# EOF\n"), "{text}");
    let exported = exported(&text);
    let table: BTreeMap<_, _> = ALL
        .iter()
        .map(|family| {
            let labels = family.labels.iter().map(|label| (*label).to_owned()).collect();
            (family.name.to_owned(), (family.kind.as_str().to_owned(), labels))
        })
        .collect();
    // Routes that nobody asked for are left out.
    let quiet = ["amslpr_http_requests_total", "amslpr_http_request_seconds"];
    for (name, described) in &table {
        match exported.get(name) {
            Some(found) => assert_eq!(found, described, "{name}"),
            None => assert!(quiet.contains(&name.as_str()), "{name} is in the table and not exported"),
        }
    }
    for name in exported.keys() {
        assert!(table.contains_key(name), "{name} is exported and not in the table");
    }
}

#[test]
fn a_histogram_adds_up() {
    let text = text(&everything()).unwrap();
    let of = |start: &str| -> Vec<f64> {
        let lines = text.lines().filter(|line| line.starts_with(start) && line.contains("\"detect\""));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect()
    };
    let buckets = of("amslpr_stage_seconds_bucket{");
    let count = of("amslpr_stage_seconds_count{").first().copied();
    assert_eq!(buckets.len(), BOUNDS.len() + 1);
    assert!(buckets.is_sorted(), "{buckets:?}");
    assert_eq!(buckets.last().copied(), count);
    assert!(count.unwrap() > 0.0);
}

#[test]
fn names_and_units_are_as_prometheus_wants_them() {
    for family in ALL {
        let name = family.name;
        assert!(
            name.starts_with("amslpr_") && name.bytes().all(|b| b.is_ascii_lowercase() || b"_1".contains(&b))
        );
        assert_eq!(family.kind == Kind::Counter, name.ends_with("_total"), "{name}");
        if family.kind == Kind::Histogram {
            assert!(name.ends_with("_seconds"), "{name}");
        }
        assert!(family.help.ends_with('.') && !family.help.contains('|'), "{name}");
    }
    let mut names: Vec<_> = ALL.iter().map(|family| family.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), ALL.len());
}

#[test]
fn the_shipped_table_is_the_one_of_the_program() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config/prometheus/metrics.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, names::table()).unwrap();
    }
    let shipped = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(shipped, names::table(), "made from names.rs: UPDATE=1 cargo test --lib metrics::");
}
