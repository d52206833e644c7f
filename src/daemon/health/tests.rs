//! What the report says of good and bad days.

use super::*;

#[test]
fn the_figures_are_one_line_that_names_the_slowest_stage() {
    let line = sample::health().figures();
    for words in
        ["50 frames, 2 passages, decisions p95 120 ms, slowest", "p95 43 ms", "0 facts wait, 0 not delivered"]
    {
        assert!(line.contains(words), "no {words:?} in {line}");
    }
}
