//! The stages of a health report as a table: how often, how long, how many failed.

use std::{fmt::Write as _, time::Duration};

use serde_json::Value;

/// One line a stage, the slowest share of it last. With an earlier report and the time in between, how often a second.
pub(super) fn table(report: &Value, earlier: Option<(&Value, Duration)>) -> String {
    let mut text = format!(
        "\n{:<9} {:<14} {:>9} {:>9} {:>9} {:>9} {:>9} {:>7}\n",
        "stage", "of", "per s", "mean ms", "p50", "p95", "p99", "errors"
    );
    let before = earlier.map(|(report, since)| (rows(report), since.as_secs_f64()));
    for (of, stage) in rows(report) {
        let name = stage["stage"].as_str().unwrap_or("?");
        let count = stage["count"].as_u64().unwrap_or(0);
        let rate = before.as_ref().and_then(|(rows, seconds)| {
            let (_, earlier) =
                rows.iter().find(|(other, one)| *other == of && one["stage"] == stage["stage"])?;
            let more = count.checked_sub(earlier["count"].as_u64()?)?;
            (*seconds > 0.0).then(|| format!("{:.1}", more as f64 / seconds))
        });
        let number = |key: &str| stage[key].as_f64().map_or_else(|| "-".to_owned(), |ms| format!("{ms:.2}"));
        // Writing into a string does not fail.
        let _ = writeln!(
            text,
            "{name:<9} {of:<14} {:>9} {:>9} {:>9} {:>9} {:>9} {:>7}",
            rate.unwrap_or_else(|| "-".to_owned()),
            number("mean_ms"),
            number("p50_ms"),
            number("p95_ms"),
            number("p99_ms"),
            stage["errors"].as_u64().unwrap_or(0),
        );
    }
    text.push_str("Times are those of the last minutes; errors count from the start.\n");
    text
}

/// Every stage, with whose it is.
fn rows(report: &Value) -> Vec<(String, &Value)> {
    let name = |part: &Value| part["name"].as_str().unwrap_or("?").to_owned();
    let mut rows = Vec::new();
    for key in ["cameras", "gates"] {
        for part in report[key].as_array().into_iter().flatten() {
            let stages = part["stages"].as_array().into_iter().flatten();
            rows.extend(stages.map(|stage| (name(part), stage)));
        }
    }
    let node = report["stages"].as_array().into_iter().flatten();
    rows.extend(node.map(|stage| ("-".to_owned(), stage)));
    rows
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_stage_has_its_line_and_a_rate_where_there_was_an_earlier_look() {
        let report = |count: u64| {
            json!({
                "cameras": [{"name": "yard", "stages": [{
                    "stage": "detect", "count": count, "errors": 1, "mean_ms": 28.0, "p50_ms": 27.5, "p95_ms": 33.25,
                    "p99_ms": 40.0,
                }]}],
                "stages": [{"stage": "journal", "count": 3, "errors": 0}],
            })
        };
        let first = table(&report(100), None);
        assert!(
            first.contains(
                "detect    yard                   -     28.00     27.50     33.25     40.00       1\n"
            ),
            "{first}"
        );
        let second = table(&report(150), Some((&report(100), Duration::from_secs(2))));
        assert!(second.contains("detect    yard                25.0     28.00"), "{second}");
        assert!(second.contains("journal   -                    0.0         -"), "{second}");
        // A daemon that was started again counts from the beginning.
        let anew = table(&report(5), Some((&report(100), Duration::from_secs(2))));
        assert!(anew.contains("detect    yard                   -"), "{anew}");
    }
}
