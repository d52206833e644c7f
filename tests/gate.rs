//! The daemon and its gates from outside: a relay on the network that counts, and everything that must not reach it.
//!
//! Lines need a GPIO chip: `tests/gate-machine.sh` has one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use amslpr::clock::{Clock, SystemClock};

const AMSLPR: &str = env!("CARGO_BIN_EXE_amslpr");

fn wait_for(what: &str, is_true: impl Fn() -> bool) {
    let clock = SystemClock::start();
    while !is_true() {
        assert!(clock.now().as_micros() < 60_000_000, "waited in vain: {what}");
        clock.sleep(Duration::from_millis(5));
    }
}

/// A relay that writes down what it is asked for.
struct Relay {
    port: u16,
    calls: Arc<Mutex<Vec<String>>>,
}

impl Relay {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let calls: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = Arc::clone(&calls);
        // Ends with the test's process.
        std::thread::spawn(move || {
            for mut caller in listener.incoming().flatten() {
                let mut line = String::new();
                let mut buffer = [0; 2048];
                while !line.contains("\r\n\r\n") {
                    match caller.read(&mut buffer) {
                        Ok(read @ 1..) => line.push_str(&String::from_utf8_lossy(&buffer[..read])),
                        _ => break,
                    }
                }
                heard.lock().unwrap().extend(line.lines().next().map(str::to_owned));
                let _ = caller.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            }
        });
        Self { port, calls }
    }

    fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }
}

/// A folder with a configuration: a gate called north whose relay this is, and `more`.
fn folder(relay: &Relay, more: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "[journal]\npath = \"journal.db\"\n[control]\nsocket = \"run/control.sock\"\n[engine]\norder = [\"cpu\"]\n\
         [[gate]]\nname = \"north\"\ncameras = [\"demo\"]\ngap = \"100ms\"\n\
         [gate.http]\nurl = \"http://127.0.0.1:{}/relay/0?turn=on&timer={{seconds}}\"\n{more}",
        relay.port
    );
    fs::write(folder.path().join("amslpr.toml"), text).unwrap();
    folder
}

/// The daemon, with what it prints.
struct Daemon {
    child: Child,
    printed: Arc<Mutex<String>>,
}

impl Daemon {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(AMSLPR)
            .args(["run", "--config"])
            .arg(folder.join("amslpr.toml"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let printed: Arc<Mutex<String>> = Arc::default();
        let (lines, kept) = (BufReader::new(child.stdout.take().unwrap()), Arc::clone(&printed));
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let mut printed = kept.lock().unwrap();
                printed.push_str(&line);
                printed.push('\n');
            }
        });
        Self { child, printed }
    }

    fn printed(&self) -> String {
        self.printed.lock().unwrap().clone()
    }

    fn end(&mut self) {
        Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn gate(folder: &Path, words: &[&str]) -> Output {
    let config = folder.join("amslpr.toml");
    Command::new(AMSLPR).arg("gate").args(words).arg("--config").arg(config).output().unwrap()
}

fn open(folder: &Path, name: &str, reason: &str) -> (bool, String) {
    let output = gate(folder, &["open", name, "--reason", reason]);
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("run/control.sock")
}

#[test]
fn a_gate_is_opened_by_hand_once_and_told_of_and_never_by_a_start_or_a_death() {
    let relay = Relay::start();
    let folder =
        folder(&relay, "[[camera]]\nname = \"demo\"\n[camera.v4l2]\ndevice = \"/dev/no-such-camera\"\n");
    let path = folder.path();
    let (opened, told) = open(path, "north", "nobody is there");
    assert!(!opened && told.contains("is the daemon running?"), "{told}");

    let mut daemon = Daemon::start(path);
    wait_for("the socket", || socket(path).exists());
    // Its output is there a moment later.
    wait_for("an opened gate", || open(path, "north", "the post").0);
    wait_for("the event", || daemon.printed().contains("actuated"));
    assert_eq!(relay.calls(), ["GET /relay/0?turn=on&timer=0.5 HTTP/1.1"]);
    let (opened, told) = open(path, "south", "x");
    assert!(!opened && told.contains("there is no gate \"south\"; there is north"), "{told}");
    let (opened, told) = open(path, "north", " ");
    assert!(!opened && told.contains("it needs a reason"), "{told}");

    // Killed in the middle of its life, started again: nothing moves, and it is asked again at the same place.
    daemon.child.kill().unwrap();
    daemon.child.wait().unwrap();
    assert!(socket(path).exists(), "what it left behind");
    let mut daemon = Daemon::start(path);
    wait_for("an answer", || open(path, "south", "x").1.contains("there is no gate"));
    SystemClock::start().sleep(Duration::from_millis(700));
    Command::new("kill").args(["-HUP", &daemon.child.id().to_string()]).status().unwrap();
    SystemClock::start().sleep(Duration::from_millis(300));
    daemon.end();
    assert_eq!(relay.calls().len(), 1, "{:?}", relay.calls());
    assert!(!socket(path).exists());
}

#[test]
fn a_recording_opens_nothing_however_welcome_its_vehicles_are() {
    let relay = Relay::start();
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/demo/drive-by.mp4");
    let plates = ["HHKL2847", "LA19XKD", "LM19XKD", "RTA4D27"].map(|p| format!("{{ plate = \"{p}\" }}"));
    let more = format!(
        "[[camera]]\nname = \"demo\"\n[camera.replay]\npath = \"{}\"\nspeed = \"fast\"\n\
         [[list]]\nname = \"all\"\nkind = \"allow\"\nplates = [{}]\n",
        demo.display(),
        plates.join(", ")
    );
    let folder = folder(&relay, &more);
    let mut daemon = Daemon::start(folder.path());
    assert!(daemon.child.wait().unwrap().success());
    wait_for("the last line", || daemon.printed().contains("refused (recording)"));
    let printed = daemon.printed();
    assert!(printed.contains("admit (listed"), "{printed}");
    assert!(!printed.contains("actuated") && !printed.contains("ordered"), "{printed}");
    assert!(relay.calls().is_empty(), "{:?}", relay.calls());
}

#[test]
fn releasing_says_what_it_could_not_do() {
    let relay = Relay::start();
    // A relay that has to be switched off is; a line that is not there cannot be.
    let more = format!(
        "release-url = \"http://127.0.0.1:{}/relay/0?turn=off\"\n[[camera]]\nname = \"demo\"\n[camera.v4l2]\n",
        relay.port
    );
    let folder = folder(&relay, &more);
    let output = gate(folder.path(), &["release"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(relay.calls(), ["GET /relay/0?turn=off HTTP/1.1"]);
    let line = "[[gate]]\nname = \"line\"\ncameras = [\"demo\"]\n[gate.gpio]\nline = \"NO SUCH LINE\"\n";
    let path = folder.path().join("amslpr.toml");
    let text = fs::read_to_string(&path).unwrap() + line;
    fs::write(&path, text.clone()).unwrap();
    let output = gate(folder.path(), &["release"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && told.contains("may be switched on"), "{told}");
    // A configuration that is broken by now does not matter as long as a daemon has left its note.
    fs::create_dir_all(folder.path().join("run")).unwrap();
    fs::write(&path, text + "[[[\n").unwrap();
    let output = gate(folder.path(), &["release"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && told.contains("no line is known"), "{told}");
    let note = folder.path().join("run/gate-lines.json");
    fs::write(&note, "[{\"name\": \"NO SUCH LINE\", \"active_low\": true}]").unwrap();
    let output = Command::new(AMSLPR)
        .args(["gate", "release", "--config"])
        .arg(&path)
        .env("RUNTIME_DIRECTORY", folder.path().join("run"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && told.contains("NO SUCH LINE may be switched on"), "{told}");
}
