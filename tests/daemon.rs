//! The daemon as systemd sees it: ready, reloading, its status, its end; and as somebody at the terminal asks it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::{
    fs,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use amslpr::clock::{Clock, SystemClock};
use serde_json::Value;

const AMSLPR: &str = env!("CARGO_BIN_EXE_amslpr");
/// On a busy machine everything takes its time.
const SOON: u64 = 60_000_000;

/// A folder with a configuration, and the manager's end of the socket that a daemon speaks to.
struct Site {
    folder: tempfile::TempDir,
    manager: UnixDatagram,
}

impl Site {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let manager = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        manager.set_read_timeout(Some(Duration::from_micros(SOON))).unwrap();
        let site = Self { folder, manager };
        fs::create_dir(site.path("conf.d")).unwrap();
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        site.write(
            "amslpr.toml",
            &format!(
                "[journal]\npath = \"journal.db\"\n[control]\nsocket = \"run/control.sock\"\n\
                 [engine]\norder = [\"cpu\"]\nmodels = {models:?}\n{text}"
            ),
        );
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(AMSLPR);
        command.args(args).arg("--config").arg(self.path("amslpr.toml"));
        command
    }

    fn output(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn start(&self) -> Daemon {
        let log = fs::File::create(self.path("log")).unwrap();
        let mut command = self.command(&["run", "--quiet"]);
        let child =
            command.env("NOTIFY_SOCKET", self.path("notify")).stdout(Stdio::null()).stderr(log).spawn();
        Daemon(child.unwrap())
    }

    /// Hears what the daemon says until it says this; returns all of it.
    fn hear(&self, wanted: &str) -> Vec<String> {
        let clock = SystemClock::start();
        let mut heard: Vec<String> = Vec::new();
        while clock.now().as_micros() < SOON {
            let mut buffer = [0; 1024];
            let Ok(length) = self.manager.recv(&mut buffer) else { break };
            let message = String::from_utf8_lossy(&buffer[..length]).trim().to_owned();
            let is_it = message.contains(wanted);
            heard.push(message);
            if is_it {
                return heard;
            }
        }
        panic!("{wanted:?} was never said, but {heard:?}; {}", fs::read_to_string(self.path("log")).unwrap());
    }

    fn status(&self) -> Value {
        // The configuration may be broken just now.
        let socket = self.path("run/control.sock");
        let output =
            Command::new(AMSLPR).args(["status", "--json", "--socket"]).arg(socket).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn cameras(&self) -> Vec<String> {
        let status = self.status();
        status["cameras"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap().to_owned()).collect()
    }
}

/// Ended with the test.
struct Daemon(Child);

impl Daemon {
    fn signal(&self, name: &str) {
        assert!(
            Command::new("kill").args(["-s", name, &self.0.id().to_string()]).status().unwrap().success()
        );
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn camera(name: &str) -> String {
    format!("[[camera]]\nname = \"{name}\"\n[camera.v4l2]\ndevice = \"/dev/video-not-there\"\n")
}

#[test]
fn a_reload_exchanges_what_changed_and_refuses_what_is_wrong() {
    let site = Site::new(&camera("north"));
    let mut daemon = site.start();
    site.hear("READY=1");
    assert_eq!(site.cameras(), ["north"]);
    let opened = |status: &Value| status["cameras"][0]["reopened"].as_u64().unwrap_or(0);

    // One more camera: the other one is left alone.
    site.write("conf.d/more.toml", &camera("south"));
    daemon.signal("HUP");
    let said = site.hear("RELOADING=1");
    assert!(said.last().unwrap().contains("MONOTONIC_USEC="), "{said:?}");
    site.hear("READY=1");
    assert_eq!(site.cameras(), ["north", "south"]);
    let log = fs::read_to_string(site.path("log")).unwrap();
    assert!(log.contains("cameras opened: south") && !log.contains("closed: north"), "{log}");

    // Half of a file, as somebody is still writing it.
    site.write("conf.d/more.toml", "[[camera]]\nname = \"sou");
    daemon.signal("HUP");
    site.hear("RELOADING=1");
    site.hear("READY=1");
    assert_eq!(site.cameras(), ["north", "south"], "the old configuration stays in use");
    let status = site.status();
    let refused = status["configuration"]["refused"].as_str().unwrap();
    assert!(refused.contains("more.toml:2:"), "{refused}");
    assert_eq!(status["verdict"], "degraded");
    assert!(status["problems"].to_string().contains("the last reload was refused"), "{status}");
    site.hear("degraded");

    // Mended; and something that only a restart takes.
    site.write("conf.d/more.toml", "[evidence]\nenabled = true\n");
    daemon.signal("HUP");
    site.hear("RELOADING=1");
    site.hear("READY=1");
    assert_eq!(site.cameras(), ["north"]);
    let status = site.status();
    assert_eq!(status["configuration"]["refused"], Value::Null);
    assert_eq!(status["configuration"]["waiting"][0], "[evidence]");
    assert_eq!(status["configuration"]["reloads"], 3);
    assert!(opened(&status) < 1000, "{status}");

    let page = site.output(&["status"]);
    assert!(String::from_utf8_lossy(&page.stdout).contains("camera     north: retrying"), "{page:?}");
    daemon.signal("TERM");
    site.hear("STOPPING=1");
    assert!(daemon.0.wait().unwrap().success());
    let output = site.output(&["status"]);
    assert_eq!(output.status.code(), Some(1), "nobody listens any more");
}

#[test]
fn a_journal_of_a_newer_version_is_refused_so_that_nobody_tries_again() {
    let site = Site::new(&camera("north"));
    let daemon = site.start();
    site.hear("READY=1");
    drop(daemon);
    let journal = rusqlite::Connection::open(site.path("journal.db")).unwrap();
    journal.pragma_update(None, "user_version", 99).unwrap();
    drop(journal);
    let mut daemon = site.start();
    assert_eq!(daemon.0.wait().unwrap().code(), Some(78));
    let log = fs::read_to_string(site.path("log")).unwrap();
    assert!(log.contains("written by a newer amslpr"), "{log}");
}

#[test]
fn the_doctor_and_the_check_say_what_does_not_answer() {
    let site = Site::new(&format!("{}[mqtt]\nhost = \"127.0.0.1\"\nport = 1\n", camera("north")));
    let said = |output: &Output| {
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    let offline = site.output(&["check", "--offline"]);
    assert!(offline.status.success(), "{}", said(&offline));
    let check = site.output(&["check"]);
    assert_eq!(check.status.code(), Some(1));
    for words in
        ["no errors", "BAD  broker       127.0.0.1:1: ", "BAD  camera       north: /dev/video-not-there"]
    {
        assert!(said(&check).contains(words), "{words:?} is not in\n{}", said(&check));
    }
    let doctor = site.output(&["doctor"]);
    assert_eq!(doctor.status.code(), Some(1));
    for words in ["clock", "journal", "versions", "detector", "BAD  broker", "BAD  service", "  > "] {
        assert!(said(&doctor).contains(words), "{words:?} is not in\n{}", said(&doctor));
    }
    // An empty folder of networks is no matter of the network.
    fs::create_dir(site.path("empty")).unwrap();
    let main = fs::read_to_string(site.path("amslpr.toml")).unwrap();
    let models = main.lines().find(|line| line.starts_with("models")).unwrap();
    site.write("amslpr.toml", &main.replace(models, "models = \"empty\""));
    let offline = site.output(&["check", "--offline"]);
    assert_eq!(offline.status.code(), Some(1), "{}", said(&offline));
    assert!(said(&offline).contains("no model directory"), "{}", said(&offline));
}
