//! What cameras cost and how late their pictures are, on a machine that does nothing else:
//! `cargo test --release --test camera_numbers -- --ignored --nocapture --test-threads 1`

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step is a failed test")]

mod rtsp_server;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use amslpr::{
    capture::{Camera, Care, Decode, Delivery, rtsp::Rtsp, watch},
    clock::{Clock, SystemClock},
    frame::Frame,
    mailbox::Received,
};
use rtsp_server::{LONG, Server, origin};

/// How long the daemon's processor time is measured, after it has learnt what it sees.
const SETTLE: Duration = Duration::from_secs(12);
const MEASURE: Duration = Duration::from_secs(40);

/// An empty street in 1920x1080 at 25 pictures a second, with a sensor's noise and a key frame every two seconds.
fn idle_clip(folder: &Path) -> PathBuf {
    let clip = folder.join("idle.mp4");
    let picture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/no-plate.jpg");
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y", "-loop", "1", "-framerate", "25", "-t", "75", "-i", picture])
        .args(["-vf", "scale=1920:1080,noise=alls=6:allf=t,format=yuv420p"])
        .args(["-c:v", "libx264", "-preset", "veryfast", "-bf", "0", "-g", "50", "-keyint_min", "50"])
        .args(["-sc_threshold", "0", "-b:v", "3M", "-maxrate", "4M", "-bufsize", "4M"])
        .arg(&clip)
        .status()
        .expect("this needs ffmpeg: apt-get install ffmpeg");
    assert!(status.success());
    clip
}

struct Daemon(Child);

impl Daemon {
    fn start(folder: &Path, port: u16, decode: &str, cameras: usize) -> Self {
        let models = concat!(env!("CARGO_MANIFEST_DIR"), "/models");
        let mut text = format!(
            "[journal]\npath = \"journal-{decode}-{cameras}.db\"\n[control]\nsocket = \"control.sock\"\n[engine]\n\
             order = [\"cpu\"]\nmodels = \"{models}\"\n"
        );
        for n in 0..cameras {
            text.push_str(&format!(
                "[[camera]]\nname = \"c{n}\"\ndecode = \"{decode}\"\n[camera.rtsp]\nurl = \"rtsp://127.0.0.1:{port}/clip\"\n"
            ));
        }
        let config = folder.join("amslpr.toml");
        fs::write(&config, text).unwrap();
        let log = fs::File::create(folder.join("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_amslpr"))
            .args(["run", "--quiet", "--config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stderr(log)
            .spawn();
        Self(child.unwrap())
    }

    /// Processor time so far, in ticks of 10 ms.
    fn ticks(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Share of one core that the daemon takes for so many idle cameras.
fn idle_share(clip: &Path, folder: &Path, decode: &str, cameras: usize) -> Option<f64> {
    let server = Server::start_with(0, 300, Some(clip))?;
    let clock = SystemClock::start();
    let daemon = Daemon::start(folder, server.port, decode, cameras);
    clock.sleep(SETTLE);
    let before = daemon.ticks();
    clock.sleep(MEASURE);
    let share = (daemon.ticks() - before) as f64 / 100.0 / MEASURE.as_secs_f64();
    println!("{cameras} idle cameras, decode = \"{decode}\": {:.1} % of a core", share * 100.0);
    Some(share)
}

#[test]
#[ignore = "takes some minutes, and the machine for itself"]
fn idle_cameras_leave_the_processor_to_plates() {
    let folder = tempfile::tempdir().unwrap();
    let clip = idle_clip(folder.path());
    let share = |decode, cameras| idle_share(&clip, folder.path(), decode, cameras);
    let (Some(one), Some(four), Some(_all)) = (share("auto", 1), share("auto", 4), share("all", 1)) else {
        return;
    };
    assert!(one <= 0.06 && four <= 0.25, "{one} {four}");
}

/// The time in microseconds that is drawn in a picture's upper left corner.
fn stamp(frame: &Frame) -> i64 {
    let plane = frame.planes[0];
    (0..64).fold(0i64, |time, bit| {
        let value = frame.pixels.bytes()[plane.offset + 8 * plane.stride + bit * 16 + 8];
        time << 1 | i64::from(value > 125)
    })
}

#[test]
#[ignore = "takes half a minute, and the machine for itself"]
fn pictures_reach_the_detector_soon() {
    let Some(server) = Server::start(0) else { return };
    for decode in [Decode::All, Decode::Auto] {
        let origin = origin().decoding(decode);
        // Awake all the time: every picture is looked at.
        let watch = watch::Settings { motion: None, ..watch::Settings::default() };
        let care = Care { watch: Some(watch), ..Care::default() };
        let source = Rtsp::new(server.settings("/stamp"), origin.clone());
        let (_camera, mailbox) =
            Camera::start(Box::new(source), &origin, Delivery::Latest(1), &care).unwrap();
        let mut late = Vec::new();
        while late.len() < 250 {
            origin.attention.wake_until(origin.clock.now() + LONG);
            let Received::Item(frame) = mailbox.receive(LONG) else { panic!("no picture") };
            let now = origin.clock.wall().as_microsecond();
            // The first ones come while the server hurries.
            if frame.seq > 50 {
                late.push(now - stamp(&frame));
            }
        }
        late.sort_unstable();
        let ms = |share: usize| late[late.len() * share / 100] as f64 / 1e3;
        println!(
            "{decode:?}: drawn to looked at, encoding included: p50 {:.1} ms, p95 {:.1} ms, at worst {:.1} ms",
            ms(50),
            ms(95),
            ms(99)
        );
        assert!(ms(95) <= 60.0, "{late:?}");
    }
}
