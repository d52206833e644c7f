//! Cameras of a running daemon on a bad day: what subscribers hear of each, and what wakes one.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step is a failed test")]

mod broker;
mod rtsp_server;

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use amslpr::clock::{Clock, SystemClock};
use broker::{Mosquitto, Sending, Subscriber};
use rtsp_server::{
    Server,
    proxy::{Proxy, Way},
    wait_for,
};

struct Daemon(Child);

impl Daemon {
    fn start(folder: &Path, broker: u16, cameras: &str) -> Self {
        let config = folder.join("amslpr.toml");
        let models = concat!(env!("CARGO_MANIFEST_DIR"), "/models");
        let text = format!(
            "[journal]\npath = \"journal.db\"\n[control]\nsocket = \"control.sock\"\n[engine]\norder = [\"cpu\"]\n\
             models = \"{models}\"\n[health]\nevery = \"2s\"\n[mqtt]\nhost = \"127.0.0.1\"\nport = {broker}\n\
             client-id = \"pi-1\"\ncommands = true\n{cameras}"
        );
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
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn network(name: &str, port: u16, path: &str, more: &str) -> String {
    format!("[[camera]]\nname = \"{name}\"\n{more}[camera.rtsp]\nurl = \"rtsp://127.0.0.1:{port}{path}\"\n")
}

/// The words that were said of a camera, in their order.
fn words(subscriber: &Subscriber, camera: &str) -> Vec<String> {
    let topic = format!("amslpr/pi-1/camera/{camera}/state");
    let mut words: Vec<String> =
        subscriber.arrived().into_iter().filter(|one| one.topic == topic).map(|one| one.text).collect();
    words.dedup();
    words
}

#[test]
fn subscribers_hear_how_each_camera_is_and_may_wake_one() {
    let Some(mut mosquitto) = Mosquitto::new("allow_anonymous true") else { return };
    let Some(server) = Server::start_with(0, 300, None) else { return };
    mosquitto.start();
    let everything = Subscriber::start(mosquitto.port, "recorder");
    let proxy = Proxy::start(server.port);
    let folder = tempfile::tempdir().unwrap();
    let cameras = [
        network("good", server.port, "/h265", ""),
        network("spoilt", proxy.port, "/h264", ""),
        network("still", server.port, "/still", ""),
        network("jpeg", server.port, "/jpeg", "decode = \"key\"\n"),
        network("nowhere", 1, "/a", ""),
    ];
    let daemon = Daemon::start(folder.path(), mosquitto.port, &cameras.concat());
    let says = |camera: &str, word: &str| words(&everything, camera).last().is_some_and(|last| last == word);
    for camera in ["good", "spoilt", "still", "jpeg"] {
        wait_for(camera, || says(camera, "online"));
    }
    wait_for("a camera that is not there", || says("nowhere", "offline"));

    for way in [Way::Cut, Way::HalfOpen] {
        proxy.set(way);
        wait_for("its absence", || says("spoilt", "offline"));
        proxy.set(Way::Open);
        wait_for("its return", || says("spoilt", "online"));
    }
    assert_eq!(words(&everything, "good"), ["starting", "online"], "others are not touched by it");

    // Not one pixel changes there: the picture is frozen, and nothing of it has to be looked at.
    wait_for("the frozen picture", || says("still", "frozen"));
    let health = || everything.last("amslpr/pi-1/health").unwrap().json();
    let of = |camera: &str, figure: &str| {
        let health = health();
        let cameras = health["cameras"].as_array().unwrap().clone();
        cameras.iter().find(|one| one["name"] == camera).unwrap()[figure].clone()
    };
    wait_for("its problem", || {
        health()["problems"]
            .as_array()
            .unwrap()
            .iter()
            .any(|problem| problem.to_string().contains("restart the camera"))
    });
    assert_eq!(of("still", "picture"), "frozen");
    let clock = SystemClock::start();
    let looked_at = || of("still", "looked_at").as_u64().unwrap();
    let before = looked_at();
    clock.sleep(Duration::from_secs(6));
    assert!(looked_at() - before <= 3, "at rest it is looked at every five seconds");

    let until = clock.wall().checked_add(jiff::SignedDuration::from_secs(20)).unwrap();
    let wake = format!("{{\"id\": \"w1\", \"expires_at\": \"{until}\", \"camera\": \"still\"}}");
    everything.say("amslpr/pi-1/cmd/camera/trigger", wake, Sending::default());
    let answer = everything.wait("amslpr/pi-1/cmd/reply/w1").json();
    assert_eq!(answer["code"], "done", "{answer}");
    let before = looked_at();
    wait_for("it to be looked at", || looked_at() > before + 10);
    drop(daemon);

    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    for story in ["camera broke", "camera live", "picture=\"frozen\""] {
        assert!(log.contains(story), "{log}");
    }
}
