//! What is said of the journal's upkeep, which timers do beside the daemon.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::judge::Problems;
use crate::journal::care::upkeep::Report;

/// Whoever backs up does it daily; a backup older than this has been forgotten.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(3 * 24);

#[derive(Debug, Clone, Serialize)]
pub(in crate::daemon) struct UpkeepHealth {
    /// When the journal was last checked and tidied up; `null`: not yet.
    pub kept_at: Option<String>,
    pub kept_s: f64,
    /// When the last good backup was made.
    pub backup_at: Option<String>,
    pub backup_kib: u64,
    /// What was wrong the last time.
    pub problems: Vec<String>,
}

impl UpkeepHealth {
    pub(super) fn of(report: &Report) -> Self {
        let made = report.backup.as_ref().and_then(|saved| saved.made);
        Self {
            kept_at: report.kept.as_ref().map(|kept| kept.at.0.to_string()),
            kept_s: report.kept.as_ref().map_or(0.0, |kept| (kept.seconds * 10.0).round() / 10.0),
            backup_at: made.map(|at| at.0.to_string()),
            backup_kib: report.backup.as_ref().map_or(0, |saved| saved.bytes >> 10),
            problems: report.problems().into_iter().map(str::to_owned).collect(),
        }
    }
}

/// What of it somebody has to see to.
pub(super) fn judge(report: &Report, now: Timestamp, problems: &mut Problems) {
    for words in report.problems() {
        problems.degraded(format!("upkeep {words}"), format!("upkeep: {words}"));
    }
    let made = report.backup.as_ref().filter(|saved| saved.problem.is_none()).and_then(|saved| saved.made);
    if let Some(age) = made.map(|made| now.duration_since(made.0)).filter(|age| *age > FORGOTTEN) {
        let words = format!(
            "upkeep: the last backup is {} days old; `systemctl status amslpr-backup.timer`",
            age.as_hours() / 24
        );
        problems.degraded("backup old", words);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::care::upkeep::{At, Saved};

    #[test]
    fn a_backup_that_failed_or_was_forgotten_is_told() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let check = |made_days_ago: i64, problem: Option<&str>, told: &str| {
            let made = now.checked_sub(SignedDuration::from_hours(24 * made_days_ago)).ok().map(At);
            let problem = problem.map(str::to_owned);
            let saved = Saved { at: At(now), seconds: 1.0, problem, file: None, bytes: 2048, made };
            let report = Report { backup: Some(saved), kept: None };
            let mut problems = Problems::default();
            judge(&report, now, &mut problems);
            let said: Vec<String> = problems.0.into_iter().map(|problem| problem.words).collect();
            assert!(if told.is_empty() { said.is_empty() } else { said[0].contains(told) }, "{said:?}");
            assert_eq!(UpkeepHealth::of(&report).backup_kib, 2);
        };
        check(1, None, "");
        check(9, None, "9 days old");
        check(9, Some("no backup was made: the disk is full"), "disk is full");
    }
}
