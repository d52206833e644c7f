//! The whole daemon on the fake: the demo clip, from the binary, with the chip working, failing and absent.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use amslpr::infer::description::Task;
use fake_hailort::hef::Text;

use crate::rig::house;

const AMSLPR: &str = env!("CARGO_BIN_EXE_amslpr");
/// What the demo clip shows, in order.
const PLATES: [&str; 3] = ["HHKL2847", "LM19XKD", "RTA4D27"];

/// Files and configuration of the demo on a Hailo.
pub(crate) struct Demo {
    pub(crate) folder: tempfile::TempDir,
}

impl Demo {
    pub(crate) fn new(architecture: u8, order: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for task in [Task::Detect, Task::Read] {
            let description = house().join("models").join(task.file_name());
            let name = task.file_name().replace(".toml", ".hef");
            fs::write(folder.path().join(name), Text::onnx(task.as_str(), &description).file(architecture))
                .unwrap();
        }
        let clip = house().join("config/demo/drive-by.mp4");
        let text = format!(
            "[journal]\npath = \"demo.db\"\n[[camera]]\nname = \"demo\"\n[camera.replay]\npath = {clip:?}\nspeed = \"fast\"\n\
             [engine]\norder = {order}\nmodels = {:?}\n[engine.hailo]\nlibrary = {:?}\ndetector = \"detector.hef\"\n\
             reader = \"reader.hef\"\n{more}\n[log]\nplates = true\nlevel = \"debug\"\n",
            house().join("models"),
            fake_hailort::library(),
        );
        fs::write(folder.path().join("demo.toml"), text).unwrap();
        Self { folder }
    }

    /// The same with one picture shown eight times instead of the clip: quick.
    fn still(self) -> Self {
        let pictures = self.folder.path().join("demo.pictures");
        fs::create_dir(&pictures).unwrap();
        for number in 0..8 {
            let from = house().join("tests/fixtures/street-day.jpg");
            fs::copy(from, pictures.join(format!("{number}.jpg"))).unwrap();
        }
        let clip = format!("{:?}", house().join("config/demo/drive-by.mp4"));
        let text = fs::read_to_string(self.config()).unwrap();
        fs::write(self.config(), text.replace(&clip, "\"demo.pictures\"")).unwrap();
        self
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("demo.toml")
    }

    pub(crate) fn amslpr(&self, words: &[&str], script: &str) -> Output {
        Command::new(AMSLPR)
            .args(words)
            .arg("--config")
            .arg(self.config())
            .env("FAKE_HAILORT", script)
            .env("FAKE_HAILORT_REPORT", self.folder.path().join("report"))
            .current_dir(self.folder.path())
            .output()
            .unwrap()
    }

    fn passages(&self) -> Vec<serde_json::Value> {
        let listed = self.amslpr(&["passages", "--json"], "");
        let text = String::from_utf8(listed.stdout).unwrap();
        let mut passages: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        passages.reverse();
        passages
    }

    /// Runs the clip to its end; the passages, the log, and the fake's last words.
    fn run(&self, script: &str) -> (Vec<serde_json::Value>, String, String) {
        let ran = self.amslpr(&["run"], script);
        let log = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(ran.status.success(), "{log}");
        let report = fs::read_to_string(self.folder.path().join("report")).unwrap_or_default();
        (self.passages(), log, report)
    }
}

fn plates(passages: &[serde_json::Value]) -> Vec<&str> {
    passages.iter().filter_map(|p| p["plate"].as_str()).collect()
}

fn is_empty_but_for(folder: &Path, names: &[&str]) -> bool {
    let found = fs::read_dir(folder).unwrap().flatten().map(|e| e.file_name().to_string_lossy().into_owned());
    found.into_iter().all(|name| names.iter().any(|known| name.starts_with(known)))
}

#[test]
fn the_demo_on_the_chip_reads_the_same_three_plates_and_leaks_nothing() {
    let demo = Demo::new(0, "[\"hailo\", \"cpu\"]", "deadline = \"5s\"");
    let (passages, log, report) = demo.run("");
    assert_eq!(plates(&passages), PLATES, "{log}");
    for passage in &passages {
        assert_eq!((&passage["engine"], &passage["model"]), (&"hailo".into(), &"amslpr-reader-1".into()));
    }
    assert!(report.starts_with("leaks=0 "), "{report}");
    let runs: u32 = report.trim().rsplit('=').next().unwrap().parse().unwrap();
    assert!(runs > 200, "the clip has 302 frames and several plates: {runs}");
    let known = ["demo.", "detector.hef", "reader.hef", "report"];
    assert!(is_empty_but_for(demo.folder.path(), &known), "no log file of the library, no crash mark");
}

#[test]
fn the_demo_with_a_chip_that_dies_again_and_again_still_reads_the_same_three_plates() {
    let more = "deadline = \"5s\"\nretry-after = \"100ms\"\nreturn-after = \"0ms\"";
    let demo = Demo::new(0, "[\"hailo\", \"cpu\"]", more);
    let (passages, log, report) = demo.run("run@%60=63!");
    assert_eq!(plates(&passages), PLATES, "{log}");
    assert!(log.contains("the Hailo is not used") && log.contains("status 63"), "{log}");
    assert!(report.starts_with("leaks=0 "), "{report}");
}

#[test]
fn a_machine_without_the_library_starts_and_reads_on_the_cpu() {
    let demo = Demo::new(0, "[\"hailo\", \"cpu\"]", "").still();
    let text = fs::read_to_string(demo.config()).unwrap();
    let library = format!("{:?}", fake_hailort::library());
    fs::write(demo.config(), text.replace(&library, "\"/nowhere/libhailort.so\"")).unwrap();
    let (passages, log, _) = demo.run("");
    assert_eq!((plates(&passages), &passages[0]["engine"]), (vec!["GK482TZ"], &"cpu".into()), "{log}");
    assert!(log.contains("engine skipped") && log.contains("HailoRT is not installed"), "{log}");
}

#[test]
fn a_daemon_told_to_use_nothing_but_the_chip_says_so_and_ends_where_there_is_none() {
    let demo = Demo::new(0, "[\"hailo\"]", "");
    let ran = demo.amslpr(&["run"], "devices=0");
    let log = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(69), "{log}");
    assert!(
        log.contains("no engine of the order [hailo]") && log.contains("the driver shows no Hailo"),
        "{log}"
    );
}

#[test]
fn after_three_deaths_in_the_library_the_daemon_starts_on_the_cpu_and_says_so() {
    let demo = Demo::new(0, "[\"hailo\", \"cpu\"]", "").still();
    for death in 1..=3 {
        let ran = demo.amslpr(&["run"], "configure_vdevice@1=abort");
        assert!(!ran.status.success(), "death {death}");
    }
    let (passages, log, _) = demo.run("configure_vdevice@1=abort");
    assert_eq!((plates(&passages), &passages[0]["engine"]), (vec!["GK482TZ"], &"cpu".into()), "{log}");
    assert!(log.contains("the process died 3 times within 10 minutes"), "{log}");
}
