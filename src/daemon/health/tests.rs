//! What the report says of good and bad days.

use super::*;

#[test]
fn a_verdict_that_flaps_is_recorded_once_a_minute_and_what_lasts_is_recorded() {
    let mut chronicle = Chronicle::default();
    let mut recorded = Vec::new();
    for second in 0..200_u64 {
        let verdict = match second {
            0..130 if second % 2 == 1 => Verdict::Degraded,
            0..130 => Verdict::Ok,
            _ => Verdict::Failed,
        };
        if chronicle.takes(verdict, Moment::from_micros(second * 1_000_000)) {
            recorded.push((second, verdict.as_str()));
        }
    }
    assert_eq!(recorded, [(0, "ok"), (61, "degraded"), (122, "ok"), (182, "failed")]);
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
