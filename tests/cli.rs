//! The command line from outside: what it prints, what it refuses, and how it says so.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const AMSLPR: &str = env!("CARGO_BIN_EXE_amslpr");

fn house() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn amslpr(args: &[&str]) -> Output {
    Command::new(AMSLPR).current_dir(house()).args(args).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(output: &Output) -> Vec<serde_json::Value> {
    out(output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect()
}

/// The fixtures with the plates that their maker put into them.
fn truth() -> Vec<(String, Vec<String>)> {
    let text = fs::read_to_string(house().join("tests/fixtures/truth.jsonl")).unwrap();
    text.lines()
        .map(|line| {
            let picture: serde_json::Value = serde_json::from_str(line).unwrap();
            let texts = picture["plates"].as_array().unwrap().iter();
            let mut texts: Vec<String> =
                texts.filter_map(|p| p["text"].as_str().map(str::to_owned)).collect();
            texts.sort();
            (picture["image"].as_str().unwrap().to_owned(), texts)
        })
        .collect()
}

#[test]
fn pictures_are_read_as_json_lines_in_the_documented_form() {
    let read = amslpr(&["read", "--json", "--threads", "1", "tests/fixtures"]);
    assert!(read.status.success(), "{}", err(&read));
    let lines = json(&read);
    assert_eq!(lines.len(), truth().len());
    for line in &lines {
        for key in ["image", "path", "plates", "ms", "detect_ms", "read_ms", "decode_ms"] {
            assert!(!line[key].is_null(), "{key} is missing: {line}");
        }
        for plate in line["plates"].as_array().unwrap() {
            assert_eq!(plate["box"].as_array().unwrap().len(), 4);
            assert_eq!(plate["quad"].as_array().unwrap().len(), 4);
            let text = plate["text"].as_str().unwrap_or_default();
            let chars: String =
                plate["chars"].as_array().unwrap().iter().filter_map(|c| c["c"].as_str()).collect();
            assert_eq!(chars, text);
        }
    }
}

#[test]
fn most_fixtures_are_read_right_and_the_empty_street_shows_no_plate() {
    let read = json(&amslpr(&["read", "--json", "tests/fixtures"]));
    let (mut right, mut all) = (0, 0);
    for (image, texts) in truth() {
        let line = read.iter().find(|line| line["image"] == image.as_str()).unwrap();
        let found: Vec<&str> =
            line["plates"].as_array().unwrap().iter().filter_map(|p| p["text"].as_str()).collect();
        if texts.is_empty() {
            assert!(found.is_empty(), "{image}: {found:?}");
        }
        all += texts.len();
        right += texts.iter().filter(|text| found.contains(&text.as_str())).count();
    }
    assert!(right * 4 >= all * 3, "{right} of {all} plates of our own fixtures are read right");
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_the_rest_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let bad = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let whole = fs::read(house().join("tests/fixtures/street-day.jpg")).unwrap();
    let files = [
        bad("empty.jpg", b""),
        bad("text.jpg", b"this is no picture at all\n"),
        bad("truncated.jpg", &whole[..whole.len() / 2]),
        bad("truncated.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0"),
        folder.path().join("missing.jpg").display().to_string(),
    ];
    let mut args = vec!["read", "--json"];
    args.extend(files.iter().map(String::as_str));
    args.push("tests/fixtures/street-day.jpg");
    let read = amslpr(&args);
    assert_eq!(read.status.code(), Some(1));
    let (said, lines) = (err(&read), json(&read));
    for file in &files {
        assert!(said.contains(file.as_str()), "{file} is not named:\n{said}");
    }
    assert!(!said.contains("panicked"), "{said}");
    assert_eq!(lines.len(), 1, "the good picture is still read");
}

#[test]
fn annotated_copies_are_written_and_show_the_boxes() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().display().to_string();
    let read = amslpr(&["read", "--annotate", &target, "tests/fixtures/street-day.jpg"]);
    assert!(read.status.success(), "{}", err(&read));
    let painted = image::open(folder.path().join("street-day.jpg")).unwrap().to_rgb8();
    let green = painted.pixels().filter(|p| p[1] > 180 && p[0] < 90 && p[2] < 130).count();
    assert!(green > 200, "{green} green pixels");
}

#[test]
fn a_clip_gives_its_passages() {
    let read = amslpr(&["read", "config/demo/drive-by.mp4"]);
    assert!(read.status.success(), "{}", err(&read));
    let rows = out(&read).lines().filter(|line| line.contains("drive-by.mp4")).count();
    assert_eq!(rows, 3, "{}", out(&read));
}

fn check_usage(args: &[&str], code: i32, says: &str) {
    let output = amslpr(args);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {}", err(&output));
    assert!(err(&output).contains(says), "{args:?} should say {says:?}:\n{}", err(&output));
}

#[test]
fn a_wrong_command_line_is_exit_64_and_says_what_is_wrong() {
    check_usage(&["raed"], 64, "read");
    check_usage(&["read"], 64, "PATH");
    check_usage(&["read", "--engine", "gpu", "x.jpg"], 64, "tesseract");
    check_usage(&["read", "--regions", "gbr", "x.jpg"], 64, "no formats of \"gbr\" are known");
    check_usage(&["read", "--threads", "0", "x.jpg"], 64, "1..=256");
    check_usage(&["passages", "--since", "yesterday", "--journal", "x.db"], 1, "90m");
}

#[test]
fn the_npu_alone_is_refused_where_there_is_none() {
    check_usage(&["read", "--engine", "hailo", "tests/fixtures/street-day.jpg"], 69, "cpu");
}

fn with_models(change: impl Fn(&Path)) -> Output {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(house().join("models")).unwrap().map(|e| e.unwrap().path()) {
        if entry.extension().is_some_and(|e| e == "onnx" || e == "toml") {
            fs::copy(&entry, folder.path().join(entry.file_name().unwrap())).unwrap();
        }
    }
    change(folder.path());
    let models = folder.path().display().to_string();
    amslpr(&["read", "--models", &models, "tests/fixtures/street-day.jpg"])
}

#[test]
fn a_model_that_is_missing_cut_or_changed_is_refused_by_name() {
    let check = |change: &dyn Fn(&Path), says: &[&str]| {
        let output = with_models(change);
        assert_eq!(output.status.code(), Some(69), "{}", err(&output));
        for word in says {
            assert!(err(&output).contains(word), "should say {word:?}: {}", err(&output));
        }
    };
    check(&|dir| fs::remove_file(dir.join("detector.onnx")).unwrap(), &["detector.onnx"]);
    check(&|dir| fs::remove_file(dir.join("reader.toml")).unwrap(), &["reader.toml"]);
    let cut = |dir: &Path| {
        let bytes = fs::read(dir.join("detector.onnx")).unwrap();
        fs::write(dir.join("detector.onnx"), &bytes[..bytes.len() / 2]).unwrap();
    };
    check(&cut, &["detector.onnx", "SHA-256"]);
    let misspelt = |dir: &Path| {
        let text = fs::read_to_string(dir.join("reader.toml")).unwrap().replace("width", "widht");
        fs::write(dir.join("reader.toml"), text).unwrap();
    };
    check(&misspelt, &["reader.toml", "widht"]);
}

#[test]
fn a_configuration_with_problems_is_exit_78_with_every_problem_and_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.toml");
    let text = "[[camera]]\nname = \"gate\"\n[camera.replay]\npath = \"x.mp4\"\nspede = \"fast\"\n\n\
                [[camera]]\nname = \"gate\"\n[camera.replay]\npath = 7\n";
    fs::write(&path, text).unwrap();
    let path = path.display().to_string();
    for command in ["check", "run"] {
        let output = amslpr(&[command, "--config", &path]);
        assert_eq!(output.status.code(), Some(78));
        let said = format!("{}{}", err(&output), out(&output));
        for word in ["spede", "speed", "gate", "bad.toml:5", "bad.toml:8", "bad.toml:10", "^"] {
            assert!(said.contains(word), "{command} should say {word:?}:\n{said}");
        }
    }
}

#[test]
fn shipped_configurations_have_no_problems() {
    for file in ["config/demo.toml", "config/amslpr.toml"] {
        let output = amslpr(&["check", "--config", file]);
        assert!(output.status.success(), "{file}: {}{}", err(&output), out(&output));
    }
}
