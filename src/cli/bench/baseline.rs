//! What was measured before, saved with `--json`, to be compared with.

use std::path::Path;

use anyhow::Context;
use serde::Deserialize;

use super::sample::{Before, Measured};

/// Lines of `amslpr bench --json` that were kept.
#[derive(Debug)]
pub(super) struct Baseline(Vec<Line>);

/// What of a line is compared; what else stands there is left alone.
#[derive(Debug, Deserialize)]
struct Line {
    name: String,
    #[serde(default = "one")]
    concurrency: u32,
    /// `null` where it was not measured.
    median_ms: Option<f64>,
}

const fn one() -> u32 {
    1
}

impl Baseline {
    pub(super) fn load(path: &Path) -> anyhow::Result<Self> {
        let place = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {place}"))?;
        Self::parse(&text).with_context(|| {
            format!("{place} is no baseline; make one: amslpr bench WHAT --json >baseline.jsonl")
        })
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let parsed = lines.map(|(at, line)| {
            serde_json::from_str(line).with_context(|| format!("line {} is no measurement", at + 1))
        });
        Ok(Self(parsed.collect::<anyhow::Result<_>>()?))
    }

    /// Puts beside each measurement what it was before, where it was measured before. Returns how many were.
    pub(super) fn compare(&self, measured: &mut [Measured]) -> usize {
        let mut known = 0;
        for row in measured {
            let same = |line: &&Line| line.name == row.name && line.concurrency == row.concurrency;
            // The last one, where a file holds several runs.
            let Some(before) = self.0.iter().rev().find(same).and_then(|line| line.median_ms) else {
                continue;
            };
            let change_percent = 100.0 * (row.median_ms - before) / before;
            row.before = Some(Before { median_ms: before, change_percent });
            known += 1;
        }
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::bench::sample::Sampler;

    #[test]
    fn a_saved_run_is_compared_line_by_line() {
        let row = |name: &str, ms: f64| Sampler::summary(name, vec![ms], 0.0);
        let saved: String =
            [row("a", 4.0), row("b", 1.0), row("a", 2.0), row("lost", 1.0).with("x", f64::NAN)]
                .iter()
                .map(|row| serde_json::to_string(row).unwrap() + "\n")
                .collect();
        let mut now = [row("a", 3.0), row("new", 3.0), row("b", 1.0)];
        assert_eq!(Baseline::parse(&saved).unwrap().compare(&mut now), 2);
        let change = |at: usize| now[at].before.map(|before| before.change_percent);
        assert_eq!((change(0), change(1), change(2)), (Some(50.0), None, Some(0.0)));
        assert!(serde_json::to_string(&now[0]).unwrap().contains("\"change_percent\":50.0"));
        assert!(now[0].to_string().contains("+50.0 %"));
    }

    #[test]
    fn what_is_no_baseline_is_said_to_be_none() {
        let check = |text: &str, words: &str| {
            let error = format!("{:#}", Baseline::parse(text).unwrap_err());
            assert!(error.contains(words), "{error}");
        };
        check("{\"name\": \"a\", \"median_ms\": 1}\nnonsense", "line 2");
        check("{\"median_ms\": 1}", "name");
    }
}
