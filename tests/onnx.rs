//! ONNX Runtime: what is said where the library is missing or the wrong one, and what it reads where it is there.
//!
//! The second half needs the library: among the system's, or named by `AMSLPR_ONNXRUNTIME`.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Arc,
};

use amslpr::{
    capture::{Origin, Source as _, replay},
    clock::{Clock, SystemClock},
    daemon::chain::{Networks, Settings},
    frame::{CameraId, Frame},
    infer::{
        EngineKind, InputPicture,
        description::Task,
        onnx::{self, Precision},
    },
    shutdown::shutdown,
};

const AMSLPR: &str = env!("CARGO_BIN_EXE_amslpr");

fn house() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(library: &Path, engine: &str) -> Output {
    Command::new(AMSLPR)
        .args(["read", "--json", "--threads", "1", "--engine", engine, "--models"])
        .arg(house().join("models"))
        .arg(house().join("tests/fixtures/two-cars.jpg"))
        .env("AMSLPR_ONNXRUNTIME", library)
        .output()
        .unwrap()
}

/// A library that says it is ONNX Runtime of this version, and is nothing else.
fn pretender(folder: &Path, version: &str) -> PathBuf {
    let (source, library) = (folder.join("old.c"), folder.join("libonnxruntime.so.old"));
    let text = format!(
        "static const void *api(unsigned v) {{ (void)v; return 0; }}\n\
         static const char *version(void) {{ return \"{version}\"; }}\n\
         struct base {{ const void *(*get)(unsigned); const char *(*version)(void); }};\n\
         static const struct base base = {{ api, version }};\n\
         const struct base *OrtGetApiBase(void) {{ return &base; }}\n"
    );
    fs::write(&source, text).unwrap();
    let made =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status().unwrap();
    assert!(made.success());
    library
}

#[test]
fn a_library_that_is_missing_or_wrong_is_said_to_be_and_the_next_engine_works() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("libonnxruntime.so");
    fs::write(&text, "no library").unwrap();
    let check = |library: &Path, words: &str| {
        let alone = read(library, "onnxruntime");
        let said = String::from_utf8_lossy(&alone.stderr).into_owned();
        assert_eq!(alone.status.code(), Some(69), "{said}");
        assert!(said.contains(words) && said.contains("engine skipped"), "no {words:?} in {said}");
    };
    check(Path::new("/nowhere/libonnxruntime.so"), "there is no such file");
    check(&text, "is no ONNX Runtime that can be used");
    check(&libm(), "does not export `OrtGetApiBase`");
    check(&pretender(folder.path(), "1.10.0"), "got '1.10.0'");

    // In a daemon's order the next one does the work.
    let config = folder.path().join("amslpr.toml");
    let clip = house().join("config/demo/drive-by.mp4");
    let lines = format!(
        "[journal]\npath = \"j.db\"\n[control]\nsocket = \"c.sock\"\n[engine]\norder = [\"onnxruntime\", \"cpu\"]\nmodels = \"{}\"\n\
         [engine.onnxruntime]\nlibrary = \"{}\"\n[[camera]]\nname = \"demo\"\n[camera.replay]\npath = \"{}\"\nspeed = \"fast\"\n",
        house().join("models").display(),
        text.display(),
        clip.display()
    );
    fs::write(&config, lines).unwrap();
    let ran = Command::new(AMSLPR).args(["run", "--quiet", "--config"]).arg(&config).output().unwrap();
    let log = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(
        ran.status.success() && log.contains("engine skipped") && log.contains("libonnxruntime.so"),
        "{log}"
    );
    let passages =
        Command::new(AMSLPR).args(["passages", "--json", "--config"]).arg(&config).output().unwrap();
    let passages = String::from_utf8(passages.stdout).unwrap();
    let engines = passages
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["engine"].clone());
    assert_eq!(engines.collect::<Vec<_>>(), ["cpu", "cpu", "cpu"], "{passages}");
}

/// Some library of the system that is not ours.
fn libm() -> PathBuf {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let library =
        maps.lines().filter_map(|line| line.split_whitespace().nth(5)).find(|path| path.contains("libm.so"));
    PathBuf::from(library.unwrap())
}

/// A picture as a frame.
fn picture(path: &Path) -> Frame {
    let (_trigger, stop) = shutdown();
    let origin = Origin::new(CameraId::new("picture"), Arc::new(SystemClock::start()), 2);
    let settings = replay::Settings { pacing: replay::Pacing::Fast, ..replay::Settings::new(path) };
    let mut stream = replay::Replay::new(settings, origin).open(&stop).unwrap();
    stream.next(&stop).unwrap().unwrap()
}

fn networks(precision: Precision) -> Option<Networks> {
    onnx::find_library(None)?;
    let settings = Settings {
        models: Some(house().join("models")),
        order: vec![EngineKind::OnnxRuntime, EngineKind::Cpu],
        onnx: onnx::Settings { precision, batch: 16, ..onnx::Settings::default() },
        ..Settings::default()
    };
    Some(Networks::load(&settings).unwrap())
}

#[test]
fn it_computes_what_the_built_in_engine_computes() {
    let Some(networks) = networks(Precision::Float) else {
        println!("ONNX Runtime is not here: not tried");
        return;
    };
    for task in [Task::Detect, Task::Read] {
        let mut own = networks.engine(EngineKind::Cpu, task).unwrap();
        let mut theirs = networks.engine(EngineKind::OnnxRuntime, task).unwrap();
        assert_eq!(theirs.kind().as_str(), "onnxruntime");
        let input = own.model().input.clone();
        let noise = |by: usize| (0..input.byte_count()).map(|i| (i * by % 251) as u8).collect::<Vec<u8>>();
        let noises = [noise(37), noise(11), noise(101)];
        let pictures: Vec<_> = noises
            .iter()
            .map(|bytes| InputPicture { size: input.size, channels: input.channels, bytes })
            .collect();
        let (mut a, mut b) = (Vec::new(), Vec::new());
        own.run(&pictures, &mut a).unwrap();
        theirs.run(&pictures, &mut b).unwrap();
        assert_eq!((a.len(), b.len()), (3, 3));
        for (own, theirs) in a.iter().flatten().zip(b.iter().flatten()) {
            assert_eq!((&own.name, &own.shape), (&theirs.name, &theirs.shape));
            let apart = own.values.iter().zip(&theirs.values).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(apart < 1e-2, "{} differs by {apart}", own.name);
        }
    }
}

#[test]
fn it_reads_the_pictures_in_either_precision() {
    let truth = fs::read_to_string(house().join("tests/fixtures/truth.jsonl")).unwrap();
    for precision in [Precision::Float, Precision::Auto] {
        let Some(networks) = networks(precision) else { return };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let mut chain = networks.chain(clock).unwrap();
        let (mut wanted, mut read) = (0, 0);
        for line in truth.lines() {
            let entry: serde_json::Value = serde_json::from_str(line).unwrap();
            let path = house().join("tests/fixtures").join(entry["image"].as_str().unwrap());
            let frame = picture(&path);
            let look = chain.look(&frame).unwrap();
            for plate in entry["plates"].as_array().unwrap() {
                let Some(text) = plate["text"].as_str() else { continue };
                wanted += 1;
                let found = look.plates.iter().find(|one| one.text().is_some_and(|t| t.as_str() == text));
                read += usize::from(found.is_some());
                if let Some(found) = found {
                    assert_eq!(found.read.as_ref().unwrap().engine, EngineKind::OnnxRuntime);
                }
            }
        }
        assert!(wanted >= 5 && read + 1 >= wanted, "{precision:?}: {read} of {wanted}");
    }
}
