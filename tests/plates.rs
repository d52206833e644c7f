//! Lists from outside: changed while a daemon runs, from the line and from CSV, decided by, and explained.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]
#![expect(clippy::disallowed_methods, reason = "real processes live in real time")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

const AMSLPR: &str = env!("CARGO_BIN_EXE_amslpr");
/// Far more than a busy machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

const LISTS: &str = r#"
[[schedule]]
name = "never"
hours = ["mon 03:00-03:01"]
zone = "UTC"
[[list]]
name = "staff"
kind = "allow"
plates = [{ plate = "RTA 4D 27", note = "configured", schedule = "never" }]
[[list]]
name = "loose"
kind = "allow"
tolerant = true
[[list]]
name = "banned"
kind = "block"
[log]
plates = true
level = "info"
[engine]
order = ["cpu"]
"#;

fn house() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A configuration of this name with this camera; all of a folder share their journal and their lists.
fn configuration(folder: &Path, name: &str, camera: &str) -> PathBuf {
    let models = house().join("models");
    let text = format!(
        "[journal]\npath = \"j.db\"\n[[camera]]\nname = \"gate\"\nrole = \"entry\"\n{camera}\n{LISTS}models = {models:?}\n"
    );
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path
}

struct Amslpr<'a>(&'a Path);

impl Amslpr<'_> {
    fn run(&self, args: &[&str], input: &[u8]) -> Output {
        let mut child = Command::new(AMSLPR)
            .args(args)
            .arg("--config")
            .arg(self.0)
            .env("TZ", "UTC")
            .env("SUDO_USER", "anna")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that does not read its input closes it.
        let _ = child.stdin.take().unwrap().write_all(input);
        child.wait_with_output().unwrap()
    }

    /// What it prints; it must succeed.
    fn good(&self, args: &[&str]) -> String {
        let output = self.run(args, b"");
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What it complains about; it must fail so.
    fn bad(&self, args: &[&str], input: &[u8], code: i32) -> String {
        let output = self.run(args, input);
        assert_eq!(output.status.code(), Some(code), "{args:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}

/// A daemon that waits for a camera that is not there; ended with the test.
struct Daemon {
    child: Child,
    log: Receiver<String>,
}

impl Daemon {
    fn start(config: &Path) -> Self {
        let mut child = Command::new(AMSLPR)
            .args(["run", "--quiet", "--config"])
            .arg(config)
            .env("AMSLPR_LOG", "info")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (tell, log) = channel();
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| tell.send(line)));
        Self { child, log }
    }

    /// Waits for a line of the log that has all these in it.
    fn says(&self, parts: &[&str]) {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Ok(line) = self.log.recv_timeout(Duration::from_millis(100))
                && parts.iter().all(|part| line.contains(part))
            {
                return;
            }
        }
        panic!("the daemon never said {parts:?}");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn lists_are_changed_while_a_daemon_runs_decided_by_and_explained() {
    let folder = tempfile::tempdir().unwrap();
    // Port 9 of this machine: nobody answers, and the daemon goes on asking.
    let absent = "[camera.rtsp]\nurl = \"rtsp://127.0.0.1:9/x\"";
    let waiting = configuration(folder.path(), "waiting.toml", absent);
    let plates = Amslpr(&waiting);
    let early = plates.bad(&["plates", "add", "staff", "AB12CDE"], b"", 1);
    assert!(early.contains("the daemon makes it when it first runs"), "{early}");

    let daemon = Daemon::start(&waiting);
    daemon.says(&["lists in use", "change=0"]);
    let began = Instant::now();
    let add = ["plates", "add", "staff", "HHKL 2847", "--note", "Anna's van", "--until", "2099-12-31"];
    assert_eq!(plates.good(&add), "1 added\n");
    daemon.says(&["lists in use", "entries=2", "change=1"]);
    println!("command and daemon together: {:?}", began.elapsed());
    assert_eq!(plates.good(&add), "1 as before\n");

    // Refused, with reasons, and nothing is changed.
    let no = |args: &[&str], says: &str| {
        let said = plates.bad(args, b"", 1);
        assert!(said.contains(says) && said.contains("nothing was changed"), "{said}");
    };
    no(
        &["plates", "add", "stuff", "A1"],
        "there is no list \"stuff\"; the configuration has staff, loose, banned",
    );
    no(&["plates", "add", "banned", "A1", "--uses", "2"], "a pass is for allow lists");
    no(&["plates", "add", "staff", "A1", "--schedule", "gone"], "there is no schedule \"gone\"");
    no(&["plates", "remove", "staff", "HHKL2847", "RTA4D27"], "RTA4D27 stands on staff in the configuration");
    plates.bad(&["plates", "add", "staff", "A1", "--until", "soon"], b"", 64);
    let csv = b"list,plate,note,until\nstaff,AB12CDE,fine,\nstuff,CD34EFG,,\nstaff,\xff,,\nstaff,EF56,,never\nloose,B0B1,,\nloose,BOB1,,\nstaff,AB-12-CDE,,\n";
    let said = plates.bad(&["plates", "import", "-"], csv, 1);
    for part in [
        "line 3: there is no list",
        "line 4: this is not UTF-8",
        "line 5: until:",
        "line 8: AB12CDE is in line 2 too",
        "4 lines are wrong; nothing was changed",
    ] {
        assert!(said.contains(part), "no {part:?} in\n{said}");
    }
    let said = plates.bad(&["plates", "import", "-"], b"list,plate\nloose,B0B1\nloose,BOB1\n", 1);
    assert!(said.contains("line 3: BOB1 looks like B0B1"), "{said}");
    let lines = |text: String| text.lines().count();
    assert_eq!(lines(plates.good(&["plates", "audit", "--json"])), 1);

    // From CSV and back.
    let good = b"plate;uses;lasts\nLM19XKO;;\nQQ11;2;4h\n";
    let output = plates.run(&["plates", "import", "-", "--list", "staff"], good);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "2 added\n");
    daemon.says(&["lists in use", "entries=4", "change=3"]);
    let exported = plates.good(&["plates", "export"]);
    assert_eq!(
        exported,
        "list,plate,note,from,until,uses,lasts,schedule\nstaff,HHKL2847,Anna's van,,2100-01-01T00:00:00Z,,,\n\
         staff,LM19XKO,,,,,,\nstaff,QQ11,,,,2,4h,\n"
    );
    let again = plates.run(&["plates", "import", "-"], exported.as_bytes());
    assert_eq!(String::from_utf8_lossy(&again.stdout), "3 as before\n");
    let short = exported
        .lines()
        .filter(|line| !line.contains("QQ11"))
        .map(|line| format!("{line}\n"))
        .collect::<String>();
    let synced = plates.run(&["plates", "import", "-", "--sync"], short.as_bytes());
    assert_eq!(String::from_utf8_lossy(&synced.stdout), "1 removed, 2 as before\n");
    let audit = plates.good(&["plates", "audit", "--plate", "QQ11"]);
    assert!(
        audit.contains("remove") && audit.contains("anna (uid ") && audit.contains(r#""uses":2"#),
        "{audit}"
    );
    let listed = plates.good(&["plates", "list"]);
    assert!(listed.contains("configuration; schedule never") && listed.contains("Anna's van"), "{listed}");
    drop(daemon);

    // Three cars pass; the demo's own configuration has the same journal.
    let clip =
        format!("[camera.replay]\npath = {:?}\nspeed = \"fast\"", house().join("config/demo/drive-by.mp4"));
    let demo = configuration(folder.path(), "demo.toml", &clip);
    let demo = Amslpr(&demo);
    demo.good(&["run", "--quiet"]);
    let passages = demo.good(&["passages", "--json"]);
    let passages: Vec<serde_json::Value> =
        passages.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of =
        |plate: &str| passages.iter().find(|p| p["plate"] == plate).unwrap_or_else(|| panic!("{passages:?}"));
    let check = |plate: &str, decision: &str, reason: &str, says: &[&str]| {
        let passage = of(plate);
        assert_eq!(
            (passage["decision"].as_str(), passage["reason"].as_str()),
            (Some(decision), Some(reason))
        );
        let page = demo.good(&["explain", passage["id"].as_str().unwrap()]);
        println!("{page}");
        for part in says {
            assert!(page.contains(part), "no {part:?} in\n{page}");
        }
        // As many characters as tell it from the others.
        let id = passage["id"].as_str().unwrap();
        let others = |length: usize| {
            passages.iter().filter(|p| p["id"].as_str().unwrap().starts_with(&id[..length])).count()
        };
        let length = (4..=id.len()).find(|length| others(*length) == 1).unwrap();
        assert_eq!(demo.good(&["explain", &id[..length]]), page);
        page
    };
    check(
        "HHKL2847",
        "admit",
        "listed",
        &["admit (listed on staff)", "Anna's van", "counts before 2100", " px  cpu", "sure;"],
    );
    check("LM19XKD", "refuse", "unlisted", &["nearest entry: LM19XKO on staff"]);
    check(
        "RTA4D27",
        "refuse",
        "not-now",
        &["the schedule never was closed", "so the entry did not count: closed"],
    );
    let json = demo.good(&["explain", "--json", of("LM19XKD")["id"].as_str().unwrap()]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["decision"]["nearest"][1], "LM19XKO");
    assert!(
        json["reads"].as_array().unwrap().len() >= 2 && json["vote"]["chars"].as_array().unwrap().len() == 7
    );
    assert!(demo.bad(&["explain", "ffff"], b"", 1).contains("no passage begins so"));
    demo.bad(&["explain", "nonsense"], b"", 64);
    // Later the list is another one, and explain says so.
    demo.good(&["plates", "remove", "staff", "HHKL2847"]);
    let page = demo.good(&["explain", of("HHKL2847")["id"].as_str().unwrap()]);
    assert!(page.contains("lists now   refuse (unlisted); its entry was changed since"), "{page}");
}
