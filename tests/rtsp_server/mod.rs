//! Cameras on the network, for tests: GStreamer's RTSP server, a scripted liar, and a proxy that spoils the way.
//!
//! Without the server's packages its tests print what is missing and pass; `.ci/run` installs them.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step is a failed test")]

pub(crate) mod liar;
pub(crate) mod proxy;

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use amslpr::{
    capture::{
        Origin,
        rtsp::{Address, Settings},
    },
    clock::{Clock, SystemClock},
    frame::CameraId,
};

pub(crate) const LONG: Duration = Duration::from_secs(30);

pub(crate) struct Server {
    child: Child,
    // Closing it ends the server, even if this test is killed.
    _input: Option<ChildStdin>,
    pub port: u16,
    /// With basic and with digest authentication.
    pub guarded: [u16; 2],
}

impl Server {
    /// `None` where its packages are missing.
    pub(crate) fn start(port: u16) -> Option<Self> {
        Self::start_with(port, 120, None)
    }

    /// For so many seconds at most, with a clip at `/clip`.
    pub(crate) fn start_with(port: u16, seconds: u32, clip: Option<&Path>) -> Option<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rtsp-server.py");
        // The system's interpreter: only that one knows the system's packages.
        let child = Command::new("/usr/bin/python3")
            .args([script, &port.to_string(), &seconds.to_string()])
            .args(clip)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = child else {
            println!("skipped: no /usr/bin/python3");
            return None;
        };
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ports: Vec<u16> = line.split_whitespace().map_while(|word| word.parse().ok()).collect();
        let [port, basic, digest] = ports[..] else {
            println!("skipped, {line}");
            child.wait().unwrap();
            return None;
        };
        Some(Self { _input: child.stdin.take(), child, port, guarded: [basic, digest] })
    }

    pub(crate) fn settings(&self, path: &str) -> Settings {
        settings(&format!("rtsp://127.0.0.1:{}{path}", self.port))
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn settings(address: &str) -> Settings {
    Settings::new(Address::parse(address).unwrap())
}

pub(crate) fn origin() -> Origin {
    Origin::new(CameraId::new("gate"), Arc::new(SystemClock::start()), 4)
}

/// Waits until something is so; panics when it does not become so in two minutes, which a busy machine may need.
pub(crate) fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) -> Duration {
    let clock = SystemClock::start();
    while !is_so() {
        assert!(clock.now().as_micros() < 120_000_000, "never: {what}");
        clock.sleep(Duration::from_millis(5));
    }
    Duration::from_micros(clock.now().as_micros())
}
