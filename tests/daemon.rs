//! The daemon as systemd sees it: ready, reloading, its status, its end; and as somebody at the terminal asks it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::{
    fs,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{Receiver, sync_channel},
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
    /// What a daemon has said; heard at once, for it waits for whoever does not listen.
    said: Receiver<String>,
}

impl Site {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let manager = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        let (tell, said) = sync_channel(10_000);
        std::thread::spawn(move || {
            let mut buffer = [0; 1024];
            while let Ok(length) = manager.recv(&mut buffer) {
                let message = String::from_utf8_lossy(&buffer[..length]).trim().to_owned();
                if tell.send(message).is_err() {
                    return;
                }
            }
        });
        let site = Self { folder, said };
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
            let Ok(message) = self.said.recv_timeout(Duration::from_micros(SOON)) else { break };
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

/// Does anybody serve HTTP there?
fn serves(port: u16) -> bool {
    use std::io::{Read as _, Write as _};
    let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", port)) else { return false };
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut answer = [0; 4];
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && &answer == b"HTTP"
}

fn wait_for(what: &str, is_true: impl Fn() -> bool) {
    let clock = SystemClock::start();
    while !is_true() {
        assert!(clock.now().as_micros() < SOON, "waited in vain: {what}");
        clock.sleep(Duration::from_millis(50));
    }
}

#[test]
fn an_address_that_is_taken_stops_neither_the_start_nor_the_daemon() {
    let free = || std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = |listener: &std::net::TcpListener| listener.local_addr().unwrap().port();
    let (first, second) = (free(), free());
    let (own, other) = (port(&first), port(&second));
    let http = |port: u16| format!("[http]\nlisten = \"127.0.0.1:{port}\"\n");
    let site = Site::new(&camera("north"));
    site.write("conf.d/http.toml", &http(own));
    let mut daemon = site.start();
    // Somebody else is there: everything but HTTP runs, and it is tried again.
    site.hear("READY=1");
    wait_for("the trouble is told", || site.status()["problems"].to_string().contains("nobody is served at"));
    drop(first);
    wait_for("it is served at last", || serves(own));
    // Another address that is taken: the old one is kept, and so is everything else.
    site.write("conf.d/http.toml", &format!("{}{}", camera("south"), http(other)));
    daemon.signal("HUP");
    site.hear("RELOADING=1");
    site.hear("READY=1");
    let status = site.status();
    let refused = status["configuration"]["refused"].as_str().unwrap_or_default().to_owned();
    assert!(refused.contains(&format!("127.0.0.1:{other}")), "{status}");
    assert_eq!(site.cameras(), ["north"]);
    assert!(serves(own));
    drop(second);
    daemon.signal("HUP");
    site.hear("RELOADING=1");
    site.hear("READY=1");
    assert_eq!((site.status()["configuration"]["refused"].clone(), site.cameras().len()), (Value::Null, 2));
    assert!(serves(other) && !serves(own));
    daemon.signal("TERM");
    assert!(daemon.0.wait().unwrap().success());
}

/// Holds one thread of a process still, as a disk or a driver would that does not come back; until it is dropped.
struct Held(Child);

impl Held {
    /// `None`, with a line that says so, where that is not allowed.
    fn thread(process: &Child, name: &str) -> Option<Self> {
        const CODE: &str = "import ctypes, os, sys, time
pid, name = int(sys.argv[1]), sys.argv[2]
threads = {open(f'/proc/{pid}/task/{t}/comm').read().strip(): int(t) for t in os.listdir(f'/proc/{pid}/task')}
ptrace = ctypes.CDLL(None).ptrace
if ptrace(0x4206, threads[name], None, None) or ptrace(0x4207, threads[name], None, None):
    sys.exit('not allowed')
os.waitpid(threads[name], 0x40000000)
print('held', flush=True)
time.sleep(600)";
        let mut command = Command::new("python3");
        command.args(["-c", CODE, &process.id().to_string(), name]).stdout(Stdio::piped());
        let mut child = command.spawn().ok()?;
        let mut line = String::new();
        let mut told = std::io::BufReader::new(child.stdout.take()?);
        std::io::BufRead::read_line(&mut told, &mut line).ok()?;
        let held = Self(child);
        if line.trim() != "held" {
            println!("no thread can be held still here: nothing is tested");
            return None;
        }
        Some(held)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_thread_that_stands_still_is_named_and_the_watchdog_is_not_fed_until_it_moves_again() {
    let site = Site::new(&camera("north"));
    let daemon = site.start();
    site.hear("READY=1");
    site.hear("WATCHDOG=1");
    let Some(held) = Held::thread(&daemon.0, "journal") else { return };
    let clock = SystemClock::start();
    let said = site.hear("journal has not moved for");
    let seconds = clock.now().as_micros() / 1_000_000;
    assert!((19..=23).contains(&seconds), "after {seconds} s");
    assert!(said.iter().any(|word| word == "WATCHDOG=1"), "it was fed before");
    for _ in 0..5 {
        assert!(site.hear("STATUS=").iter().all(|word| word != "WATCHDOG=1"));
    }
    drop(held);
    site.hear("WATCHDOG=1");
    let log = fs::read_to_string(site.path("log")).unwrap();
    assert!(log.contains("has not moved") && log.contains("moves again"), "{log}");
}

#[test]
fn each_stage_gets_its_share_of_the_processors() {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let ours = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap().trim();
    let first = ours.split(['-', ',']).next().unwrap();
    let threads = "[threads]\nlook-nice = 5\nserve-nice = 9\nserve-cpus = \"{first}\"\n[http]\nlisten = \"127.0.0.1:{port}\"\n";
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let site = Site::new(&format!(
        "{}{}",
        threads.replace("{port}", &port.to_string()).replace("{first}", first),
        camera("north")
    ));
    let daemon = site.start();
    site.hear("READY=1");
    // Name, niceness and processors of each thread; niceness is the nineteenth field, the name may hold blanks.
    let shares = || -> Vec<(String, i32, String)> {
        let tasks = fs::read_dir(format!("/proc/{}/task", daemon.0.id())).unwrap();
        let share = |task: PathBuf| {
            let (stat, status) =
                (fs::read_to_string(task.join("stat")).ok()?, fs::read_to_string(task.join("status")).ok()?);
            let (head, tail) = stat.rsplit_once(") ")?;
            let cpus =
                status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?.trim().to_owned();
            Some((head.split_once('(')?.1.to_owned(), tail.split(' ').nth(16)?.parse().ok()?, cpus))
        };
        tasks.filter_map(|task| share(task.unwrap().path())).collect()
    };
    let of = |name: &str| {
        let all = shares();
        all.iter().find(|(own, ..)| own == name).cloned().unwrap_or_else(|| panic!("no {name} in {all:?}"))
    };
    let (_, usual, all) = of("journal");
    assert_eq!(of("look north"), ("look north".to_owned(), (usual + 5).min(19), all.clone()));
    assert_eq!(of("http"), ("http".to_owned(), (usual + 9).min(19), first.to_owned()));
    let captures: Vec<_> = shares().into_iter().filter(|(name, ..)| name.starts_with("camera")).collect();
    assert!(
        !captures.is_empty() && captures.iter().all(|(_, nice, cpus)| *nice == usual && *cpus == all),
        "{captures:?}"
    );
}

#[test]
fn a_trace_shows_what_every_stage_does_with_each_frame() {
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/config/demo/drive-by.mp4");
    let site = Site::new(&format!("[[camera]]\nname = \"lane\"\n[camera.replay]\npath = \"{demo}\"\n"));
    let out = site.path("trace.json");
    let trace = || {
        let command = ["trace", out.to_str().unwrap(), "--for", "3s"];
        let output = site.output(&command);
        (
            output.status.success(),
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        )
    };
    let (done, words) = trace();
    assert!(!done && words.contains("is the daemon running?"), "{words}");
    let _daemon = site.start();
    site.hear("READY=1");
    let (done, words) = trace();
    assert!(done && words.contains("frames looked at") && words.contains("detect"), "{words}");
    let events: Vec<Value> = serde_json::from_str(&fs::read_to_string(&out).unwrap()).unwrap();
    let of = |stage: &str| events.iter().filter(|event| event["name"] == stage).count();
    for stage in ["capture", "decode", "prepare", "detect", "track", "vote"] {
        assert!(of(stage) >= 2, "{stage}: {}", of(stage));
    }
    let lane = |event: &&Value| event["args"]["name"].as_str().is_some_and(|name| name.contains("lane"));
    assert!(events.iter().any(|event| lane(&event) && event["ph"] == "M"), "the camera's threads are named");
}

#[test]
fn a_password_that_is_missing_keeps_one_camera_from_being_opened_and_no_command_from_working() {
    let locked = "[[camera]]\nname = \"locked\"\n[camera.rtsp]\nurl = \"rtsp://127.0.0.1:9/x\"\nusername = \"u\"\n\
                  password = { credential = \"amslpr.not-there\" }\n";
    let site = Site::new(&format!("{locked}{}", camera("north")));
    // Beside the service: nobody has given this test the service's credentials.
    for command in [&["check", "--offline"][..], &["plates", "list"], &["config", "show"]] {
        let output = site.output(command);
        assert_ne!(output.status.code(), Some(78), "{command:?}: {output:?}");
    }
    let check = site.output(&["check", "--offline"]);
    let said =
        format!("{}{}", String::from_utf8_lossy(&check.stdout), String::from_utf8_lossy(&check.stderr));
    assert!(check.status.success() && said.contains("no credential \"amslpr.not-there\""), "{said}");
    let _daemon = site.start();
    site.hear("READY=1");
    wait_for("the camera says why", || {
        let status = site.status();
        status["cameras"][0]["last_error"].as_str().is_some_and(|why| why.contains("amslpr.not-there"))
    });
    assert_eq!(site.cameras(), ["locked", "north"]);
    assert!(site.status()["problems"].to_string().contains("amslpr.not-there"));
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
