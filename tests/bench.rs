//! `amslpr bench`, as people type it: each subject measures something, in one shape, and compares with what was saved.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod broker;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use broker::Mosquitto;

const AMSLPR: &str = env!("CARGO_BIN_EXE_amslpr");

fn house() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The lines of one run, and what stood beside them.
fn bench(folder: &Path, words: &[&str]) -> Vec<serde_json::Value> {
    let ran = Command::new(AMSLPR)
        .arg("bench")
        .args(words)
        .args(["--json", "-n", "3"])
        .env("TMPDIR", folder)
        .current_dir(house())
        .output()
        .unwrap();
    assert!(ran.status.success(), "{words:?}: {}", String::from_utf8_lossy(&ran.stderr));
    let text = String::from_utf8(ran.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn also(line: &serde_json::Value, name: &str) -> f64 {
    let numbers = line["also"].as_array().unwrap().iter();
    let found = numbers.clone().find(|one| one[0].as_str().unwrap().starts_with(name));
    found.unwrap_or_else(|| panic!("no {name} in {line}"))[1].as_f64().unwrap_or(f64::NAN)
}

#[test]
fn each_subject_gives_lines_of_one_shape() {
    let folder = tempfile::tempdir().unwrap();
    let plates = house().join("tests/fixtures/two-cars.jpg");
    let plates = plates.to_str().unwrap();
    let check = |words: &[&str], names: &[&str]| {
        let lines = bench(folder.path(), words);
        let found: Vec<&str> = lines.iter().map(|line| line["name"].as_str().unwrap()).collect();
        for name in names {
            assert!(found.iter().any(|one| one.contains(name)), "{words:?}: no {name} in {found:?}");
        }
        for line in &lines {
            for key in [
                "name",
                "rounds",
                "concurrency",
                "mean_ms",
                "median_ms",
                "p95_ms",
                "per_second",
                "allocations",
            ] {
                assert!(line.get(key).is_some(), "{words:?}: no {key} in {line}");
            }
        }
        lines
    };
    check(&["detect", "--engine", "cpu", "--threads", "1", plates], &["detect"]);
    let side_by_side = check(&["detect", "--engine", "cpu", "--concurrency", "2", plates], &["detect"]);
    assert_eq!((&side_by_side[0]["concurrency"], &side_by_side[0]["rounds"]), (&2.into(), &6.into()));
    check(&["read-single", "--engine", "cpu", plates], &["read one plate"]);
    let batches = check(
        &["read-batch", "--engine", "cpu"],
        &["cpu: 1 plate a run", "cpu: 4 plates", "cpu: 8", "cpu: 16"],
    );
    assert!(also(&batches[3], "ms a plate") < batches[3]["median_ms"].as_f64().unwrap() / 15.0);
    check(&["decide", "--entries", "1000"], &["load the lists", "unlisted, one character off"]);
    let served = check(
        &["api", "--rows", "300", "--concurrency", "2"],
        &["the last 50 passages", "of one plate", "one passage", "a camera's picture"],
    );
    assert_eq!((&served[0]["concurrency"], &served[0]["rounds"]), (&2.into(), &6.into()));
    check(&["journal", "--rows", "3000"], &["one passage, durable", "passages of one plate"]);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|one| one.unwrap().path()).collect();
    assert!(left.is_empty(), "nothing is left lying about: {left:?}");
}

#[test]
fn cameras_are_played_and_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let words = ["pipeline", "--cameras", "2", "--fps", "4", "--for", "4s", "--every", "--engine", "cpu"];
    let lines = bench(folder.path(), &words);
    let line = &lines[0];
    assert!(line["rounds"].as_u64().unwrap() > 8, "{line}");
    assert!(also(line, "frames served") > 30.0 && also(line, "processor") > 0.0, "{line}");
    assert!(also(line, "memory") > 10.0 && also(line, "passages") >= 0.0, "{line}");
}

#[test]
fn the_broker_s_acknowledgement_is_waited_for_and_a_day_is_put_together() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut mosquitto) = Mosquitto::new("allow_anonymous true") else { return };
    mosquitto.start();
    let port = mosquitto.port.to_string();
    let told = bench(folder.path(), &["publish", "--port", &port]);
    assert!(told[0]["median_ms"].as_f64().unwrap() > 0.0 && also(&told[0], "passages a second") > 1.0);
    let words = ["capacity", "--port", &port, "--for", "2s", "--fps", "2", "--engine", "cpu"];
    let lines = bench(folder.path(), &words);
    let of = |name: &str| lines.iter().find(|line| line["name"].as_str().unwrap().starts_with(name)).unwrap();
    assert!(
        also(of("sustained"), "cameras") >= 0.0
            && of("sustained")["note"].as_str().unwrap().contains("limited by")
    );
    for plates in ["100 ", "1000 ", "10000 ", "50000 "] {
        let day = of(plates);
        for part in ["processor", "memory", "journal", "written", "sent"] {
            assert!(also(day, part) > 0.0, "{part} of {day}");
        }
    }
    // Without a broker the rest is measured all the same.
    drop(mosquitto);
    let nobody =
        Command::new(AMSLPR).args(["bench", "publish", "--port", &port, "-n", "2"]).output().unwrap();
    let words = String::from_utf8_lossy(&nobody.stderr).into_owned();
    assert!(!nobody.status.success() && words.contains("no broker at 127.0.0.1"), "{words}");
}

#[test]
fn a_saved_run_is_compared_with() {
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("saved.jsonl");
    let lines = bench(folder.path(), &["decide", "--entries", "1000"]);
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(&saved, text).unwrap();
    let now = bench(folder.path(), &["decide", "--entries", "1000", "--baseline", saved.to_str().unwrap()]);
    for (line, before) in now.iter().zip(&lines) {
        assert_eq!(line["before"]["median_ms"], before["median_ms"]);
        assert!(line["before"]["change_percent"].is_f64());
    }
    std::fs::write(&saved, "nonsense").unwrap();
    let refused = Command::new(AMSLPR).args(["bench", "decide", "--baseline"]).arg(&saved).output().unwrap();
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && words.contains("line 1") && words.contains("--json"), "{words}");
}
