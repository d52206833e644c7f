//! The first thing that anybody runs: the demo clip through the whole daemon, from the binary, as README says.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]
#![expect(clippy::disallowed_methods, reason = "real processes live in real time")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

const AMSLPR: &str = env!("CARGO_BIN_EXE_amslpr");

/// What the clip's maker says it shows, in order.
fn truth() -> Vec<String> {
    let path = house().join("config/demo/drive-by.truth.jsonl");
    let mut texts: Vec<String> = Vec::new();
    for line in fs::read_to_string(path).unwrap().lines() {
        let frame: serde_json::Value = serde_json::from_str(line).unwrap();
        for plate in frame["plates"].as_array().into_iter().flatten() {
            let text = plate["text"].as_str().unwrap().to_owned();
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
    }
    assert_eq!(texts.len(), 3, "the clip shows three cars");
    texts
}

fn house() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The demo's configuration with its journal in a folder of its own.
fn configuration(folder: &Path, speed: &str) -> PathBuf {
    let clip = house().join("config/demo/drive-by.mp4");
    let text = format!(
        "[journal]\npath = \"{0}/demo.db\"\n\n[[camera]]\nname = \"demo\"\n[camera.replay]\npath = \"{1}\"\n\
         speed = \"{speed}\"\n\n[engine]\norder = [\"cpu\"]\nmodels = \"{2}\"\n\n[log]\nplates = true\n",
        folder.display(),
        clip.display(),
        house().join("models").display(),
    );
    let path = folder.join("demo.toml");
    fs::write(&path, text).unwrap();
    path
}

fn passages(config: &Path, more: &[&str]) -> Vec<serde_json::Value> {
    let listed = Command::new(AMSLPR)
        .args(["passages", "--json", "--config"])
        .arg(config)
        .args(more)
        .output()
        .unwrap();
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let text = String::from_utf8(listed.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_demo_reads_each_car_once_and_ends_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let config = configuration(folder.path(), "fast");
    let ran = Command::new(AMSLPR).args(["run", "--config"]).arg(&config).output().unwrap();
    let (out, log) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{log}");

    let mut kept = passages(&config, &[]);
    kept.reverse();
    let plates: Vec<&str> = kept.iter().filter_map(|p| p["plate"].as_str()).collect();
    assert_eq!(plates, truth(), "one passage for one car, in order\n{out}\n{log}");
    for passage in &kept {
        let plate = passage["plate"].as_str().unwrap();
        assert_eq!(passage["decision"], "refuse", "nobody is on a list");
        assert_eq!(passage["engine"], "cpu");
        assert_eq!(passage["live"], false, "a recording must never look live");
        // Each car is in view for 3.4 s; what is seen of another one before or after is not it.
        let time = |key: &str| passage[key].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        let took = time("ended").duration_since(time("began"));
        assert!(took.as_secs_f64() < 4.5, "{plate} took {took:?}");
        let lines = out.lines().filter(|line| line.contains("passage") && line.contains(plate)).count();
        assert_eq!(lines, 1, "{plate} is printed once\n{out}");
    }

    let plate = plates[0];
    assert_eq!(passages(&config, &["--plate", plate]).len(), 1);
    assert_eq!(passages(&config, &["--plate", &format!("{}*", &plate[..3])]).len(), 1);
    assert_eq!(passages(&config, &["--since", "1h"]).len(), 3);
    assert_eq!(passages(&config, &["--plate", "NOBODY1"]).len(), 0);
}

#[test]
fn ctrl_c_stops_the_daemon_within_two_seconds_and_keeps_what_was_seen() {
    let folder = tempfile::tempdir().unwrap();
    let config = configuration(folder.path(), "real-time");
    let mut daemon = Command::new(AMSLPR)
        .args(["run", "--quiet", "--config"])
        .arg(&config)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Until the journal is there the daemon is starting.
    let patience = Instant::now();
    while !folder.path().join("demo.db").exists() && patience.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(1500));
    assert!(daemon.try_wait().unwrap().is_none(), "it runs until it is told to stop");
    let told = Instant::now();
    let interrupt = Command::new("kill").args(["-INT", &daemon.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    let status = daemon.wait().unwrap();
    assert!(status.success(), "{status}");
    assert!(told.elapsed() < Duration::from_secs(2), "it took {:?}", told.elapsed());
    passages(&config, &[]);
}
