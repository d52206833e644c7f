//! `amslpr eval` as people run it, over the rendered stills of the fixtures.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step is a failed test")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn eval(truth: &Path, folder: &Path, more: &[&str]) -> Output {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    Command::new(env!("CARGO_BIN_EXE_amslpr"))
        .arg("eval")
        .arg("--truth")
        .args([truth, folder])
        .arg("--models")
        .arg(models)
        .args(more)
        .output()
        .expect("the program starts")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| {
        panic!("{e}: {} {}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    })
}

#[test]
fn the_rendered_stills_are_scored_and_the_wrong_ones_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let sheet = folder.path().join("sheet.png");
    let sheet_name = sheet.to_string_lossy().into_owned();
    let output = eval(&fixtures().join("truth.jsonl"), &fixtures(), &["--json", "--sheet", &sheet_name]);
    let report = json(&output);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let all = &report["all"];
    assert_eq!((all["pictures"].as_u64(), all["plates"].as_u64()), (Some(5), Some(5)));
    assert!(all["found"].as_f64() >= Some(0.8) && all["exact"].as_f64() >= Some(0.4), "{all}");
    assert!(
        all["exact"].as_f64() <= all["folded"].as_f64() && all["folded"].as_f64() <= all["found"].as_f64()
    );
    assert!(all["detect_ms"].as_f64() > Some(0.0) && all["read_ms"].as_f64() > Some(0.0));
    let wrong = report["errors"].as_array().unwrap().len() as f64;
    assert!((wrong - 5.0 * (1.0 - all["exact"].as_f64().unwrap())).abs() < 1e-3);
    assert!(image::open(&sheet).unwrap().width() > 1000);
}

#[test]
fn the_reader_alone_reads_the_known_boxes() {
    let output = eval(&fixtures().join("truth.jsonl"), &fixtures(), &["--json", "--truth-boxes"]);
    let report = json(&output);
    assert_eq!(report["all"]["found"].as_f64(), Some(1.0));
    assert_eq!(report["all"]["extra_per_picture"].as_f64(), Some(0.0));
    assert_eq!(report["all"]["detect_ms"].as_f64(), Some(0.0));
}

#[test]
fn truth_without_a_picture_and_pictures_without_truth_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["street-day.jpg", "night.jpg"] {
        fs::copy(fixtures().join(name), folder.path().join(name)).unwrap();
    }
    fs::write(folder.path().join("broken.jpg"), &fs::read(fixtures().join("night.jpg")).unwrap()[..9000])
        .unwrap();
    let truth = folder.path().join("truth.jsonl");
    let lines = [
        r#"{"image": "street-day.jpg", "plates": []}"#,
        r#"{"image": "broken.jpg", "plates": []}"#,
        r#"{"image": "gone.jpg", "plates": []}"#,
        "nonsense",
    ];
    fs::write(&truth, lines.join("\n")).unwrap();
    let output = eval(&truth, folder.path(), &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for part in ["truth.jsonl:4:", "broken.jpg", "gone.jpg", "pictures without a line in the truth file: 1"] {
        assert!(said.contains(part), "expected {part:?} in: {said}");
    }
    assert!(String::from_utf8_lossy(&output.stdout).contains("extra"));
    let nowhere = eval(Path::new("/nowhere/truth.jsonl"), folder.path(), &[]);
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nowhere.stderr).contains("/nowhere/truth.jsonl"));
}
