//! The commands around cameras, as people type them: doctor, aim, record, replay.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step is a failed test")]

mod rtsp_server;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use rtsp_server::{
    Server,
    proxy::{Proxy, Way},
    wait_for,
};

/// Output and exit code.
fn amslpr(arguments: &[&str], config: &Path) -> (String, Option<i32>) {
    let output = Command::new(env!("CARGO_BIN_EXE_amslpr"))
        .args(arguments)
        .arg("--config")
        .arg(config)
        .output()
        .unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (text, output.status.code())
}

fn write(folder: &Path, cameras: &str) -> PathBuf {
    let config = folder.join("amslpr.toml");
    let models = concat!(env!("CARGO_MANIFEST_DIR"), "/models");
    let text = format!(
        "[journal]\npath = \"journal.db\"\n[engine]\norder = [\"cpu\"]\nmodels = \"{models}\"\n{cameras}"
    );
    fs::write(&config, text).unwrap();
    config
}

fn network(name: &str, port: u16, path: &str) -> String {
    format!("[[camera]]\nname = \"{name}\"\n[camera.rtsp]\nurl = \"rtsp://127.0.0.1:{port}{path}\"\n")
}

const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/demo/drive-by.mp4");

fn demo() -> String {
    format!("[[camera]]\nname = \"demo\"\n[camera.replay]\npath = \"{DEMO}\"\nspeed = \"fast\"\n")
}

#[test]
fn the_doctor_looks_at_every_camera() {
    let Some(server) = Server::start(0) else { return };
    let folder = tempfile::tempdir().unwrap();
    let good = write(folder.path(), &network("good", server.port, "/h264"));
    let (text, code) = amslpr(&["doctor", "cameras"], &good);
    assert!(text.contains("good: camera rtsp://127.0.0.1") && text.contains("320x240"), "{text}");
    assert!(code == Some(0) && text.contains("main stream"), "{text}");
    assert!(text.contains("good: H.264, ") && text.contains("a key frame every 0.6 s"), "{text}");
    assert!(!text.contains("libcamerify"), "who has cameras on the network misses none here: {text}");
    let good = write(folder.path(), &network("good", server.port, "/h265"));
    let (text, code) = amslpr(&["doctor", "cameras"], &good);
    assert!(code == Some(0) && text.contains("good: H.265, ") && text.contains("every 0.6 s"), "{text}");
    let bad = write(folder.path(), &network("bad", server.port, "/elsewhere"));
    let (text, code) = amslpr(&["doctor", "cameras"], &bad);
    assert!(code == Some(1) && text.contains("no stream of this path"), "{text}");
    let (text, code) = amslpr(&["doctor", "cameras", "--list"], &bad);
    assert!(code == Some(0) && !text.contains("elsewhere"), "{text}");
}

#[test]
fn what_is_recorded_can_be_replayed() {
    let Some(server) = Server::start(0) else { return };
    let folder = tempfile::tempdir().unwrap();
    for (path, extension) in [("/h264", "ts"), ("/h264-b", "ts"), ("/h265", "ts"), ("/jpeg", "mkv")] {
        let config = write(folder.path(), &network("c", server.port, path));
        let clip = folder.path().join("clip");
        let (text, code) = amslpr(&["record", "c", "--for", "2s", "--out", clip.to_str().unwrap()], &config);
        let clip = clip.with_extension(extension);
        assert!(code == Some(0) && clip.exists(), "{path}: {text}");
        let pictures: u64 = text.split(' ').nth(1).unwrap().parse().unwrap();
        assert!((35..=60).contains(&pictures), "{path}: {text}");
        let probe = Command::new("ffprobe")
            .args(["-v", "error", "-count_frames", "-select_streams", "v"])
            .args(["-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"])
            .arg(&clip)
            .output()
            .unwrap();
        let read = String::from_utf8_lossy(&probe.stdout);
        let read: u64 =
            read.trim().trim_end_matches(',').lines().next().unwrap().trim_end_matches(',').parse().unwrap();
        assert!(read + 3 >= pictures, "{path}: {read} of {pictures}");
        // Once: networks take their time in a test's build.
        if path == "/h264-b" {
            let (text, code) = amslpr(&["replay", clip.to_str().unwrap(), "--json"], &config);
            assert!(code == Some(0) && text.is_empty(), "{path}: {text}");
        }
        fs::remove_file(&clip).unwrap();
    }
    // The cable is cut long before the end: what was there until then is kept, and that is said.
    let proxy = Proxy::start(server.port);
    let config = write(folder.path(), &network("c", proxy.port, "/h264"));
    let clip = folder.path().join("cut.ts");
    let (text, code) = std::thread::scope(|scope| {
        let recording = scope
            .spawn(|| amslpr(&["record", "c", "--for", "60s", "--out", clip.to_str().unwrap()], &config));
        wait_for("something is recorded", || {
            let part = clip.with_extension("ts.part");
            fs::metadata(&part).is_ok_and(|part| part.len() > 50_000)
        });
        proxy.set(Way::Cut);
        recording.join().unwrap()
    });
    assert!(code == Some(1) && text.contains("the clip ends there"), "{text}");
    assert!(fs::metadata(&clip).unwrap().len() > 50_000, "{text}");
    fs::remove_file(&clip).unwrap();
    let entries: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(entries, ["amslpr.toml"], "nothing else is left behind");
    let (text, code) = amslpr(&["record"], &write(folder.path(), &demo()));
    assert!(code == Some(64) && text.contains("a recording already"), "{text}");
}

#[test]
fn a_replay_says_the_same_every_time_and_goes_by_the_camera_s_settings() {
    let folder = tempfile::tempdir().unwrap();
    // The first of the three vehicles: enough, and soon done.
    let clip = folder.path().join("first.mp4");
    let cut = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i", DEMO, "-t", "4", "-c", "copy"])
        .arg(&clip)
        .status()
        .expect("these tests need ffmpeg: apt-get install ffmpeg");
    assert!(cut.success());
    let clip = clip.to_str().unwrap();
    let lists = "[[list]]\nname = \"staff\"\nkind = \"allow\"\nplates = [{ plate = \"HHKL2847\" }]\n";
    let config = write(folder.path(), &(demo() + lists));
    let (first, code) = amslpr(&["replay", clip, "--json", "--at", "2026-11-27T08:00:00Z"], &config);
    assert_eq!(code, Some(0), "{first}");
    let (second, _) = amslpr(&["replay", clip, "--json", "--at", "2026-11-27T08:00:00Z"], &config);
    assert_eq!(first, second, "bit for bit");
    assert_eq!(first.lines().count(), 1, "{first}");
    assert!(first.contains("\"text\":\"HHKL2847\"") && first.contains("\"verdict\":\"admit\""), "{first}");
    assert!(first.contains("\"began\":\"2026-11-27T08:00:0"), "{first}");
    let blind = demo()
        .replace("[camera.replay]", "zones = [[[0.0, 0.0], [0.01, 0.0], [0.01, 0.01]]]\n[camera.replay]");
    let (nothing, _) = amslpr(&["replay", clip, "--json"], &write(folder.path(), &blind));
    assert_eq!(nothing, "");
    assert!(!folder.path().join("journal.db").exists(), "nothing is recorded");
}

#[test]
fn aiming_grades_the_plate_in_view_and_tells_no_plate() {
    let folder = tempfile::tempdir().unwrap();
    let street = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/night.jpg");
    let camera = format!("[[camera]]\nname = \"yard\"\n[camera.replay]\npath = \"{street}\"\n");
    let config = write(folder.path(), &camera);
    let out = folder.path().join("aim.jpg");
    let arguments = ["aim", "yard", "--speed", "45", "--for", "2s", "--out", out.to_str().unwrap()];
    let (text, code) = amslpr(&arguments, &config);
    assert!(text.contains("expose for 1/495 s or less"), "{text}");
    for what in ["height", "sharpness", "leaning", "sideways", "saturated", "contrast", "read"] {
        assert!(text.contains(what), "{what}: {text}");
    }
    assert!(code == Some(0) && out.exists(), "{text}");
    let empty = street.replace("night", "no-plate");
    let camera = format!("[[camera]]\nname = \"yard\"\n[camera.replay]\npath = \"{empty}\"\n");
    let (text, code) = amslpr(&["aim", "--for", "5s"], &write(folder.path(), &camera));
    assert!(code == Some(1) && text.contains("hold one up"), "{text}");
    let (text, code) = amslpr(&["aim", "nobody"], &config);
    assert!(code == Some(64) && text.contains("there is yard"), "{text}");
}
