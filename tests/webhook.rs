//! Webhooks: a receiver is told of every fact that it wants, signed, in order, until it has it; whatever it answers, and
//! whoever is killed meanwhile.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step is a failed test")]

mod broker;
mod schema;

use std::{
    collections::VecDeque,
    fs::File,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use amslpr::{
    backoff,
    clock::{Clock, SystemClock, WallTrust},
    fact::{Fact, sample},
    journal::{self, Journal},
    secret::Secret,
    shutdown::shutdown,
    webhook::{Courier, Event, Keys, Settings, State, Stats},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use broker::wait_for;
use hmac::{Hmac, Mac as _};
use serde_json::Value;
use sha2::Sha256;

const KEY: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

#[derive(Debug, Clone, PartialEq)]
struct Heard {
    id: String,
    body: Value,
    answered: u16,
}

/// A web server that hears messages, checks who they are from, and answers as it was told to. Given no more answers, it
/// takes everything.
struct Receiver {
    port: u16,
    answers: Arc<Mutex<VecDeque<u16>>>,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Receiver {
    fn start(port: u16, answers: &[u16]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (answers, heard) = (Arc::new(Mutex::new(answers.iter().copied().collect())), Arc::default());
        let (given, told) = (Arc::clone(&answers), Arc::clone(&heard));
        std::thread::spawn(move || {
            for caller in listener.incoming().map_while(Result::ok) {
                let (given, told) = (Arc::clone(&given), Arc::clone(&told));
                std::thread::spawn(move || serve(caller, &given, &told));
            }
        });
        Self { port, answers, heard }
    }

    fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    /// Those that it has taken.
    fn taken(&self) -> Vec<Heard> {
        self.heard().into_iter().filter(|one| one.answered == 204).collect()
    }
}

fn serve(caller: TcpStream, answers: &Mutex<VecDeque<u16>>, heard: &Mutex<Vec<Heard>>) {
    let mut words = BufReader::new(caller.try_clone().unwrap());
    let mut caller = caller;
    loop {
        let head: Vec<String> =
            words.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        let field = |name: &str| {
            head.iter().find_map(|line| {
                line.to_lowercase().strip_prefix(name).map(|_| line[name.len()..].trim().to_owned())
            })
        };
        let Some(length) = field("content-length:") else { return };
        let mut body = vec![0; length.parse().unwrap()];
        words.read_exact(&mut body).unwrap();
        assert_eq!(head[0], "POST /hook?site=7 HTTP/1.1");
        assert_eq!(field("content-type:").as_deref(), Some("application/json"));
        let (id, timestamp) = (field("webhook-id:").unwrap(), field("webhook-timestamp:").unwrap());
        let mut mac = Hmac::<Sha256>::new_from_slice(&BASE64_STANDARD.decode(KEY).unwrap()).unwrap();
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(&body);
        let signature = field("webhook-signature:").unwrap();
        let signature = BASE64_STANDARD.decode(signature.strip_prefix("v1,").unwrap()).unwrap();
        mac.verify_slice(&signature).expect("a message that is not from us");
        let age = SystemClock::start().wall().as_second() - timestamp.parse::<i64>().unwrap();
        assert!(age.abs() <= 60, "signed {age} s ago");
        let answered = answers.lock().unwrap().pop_front().unwrap_or(204);
        // 0: hangs up without a word. 1: takes it, and hangs up all the same. 2: wants a pause.
        let body = serde_json::from_slice(&body).unwrap();
        heard.lock().unwrap().push(Heard { id, body, answered: if answered == 1 { 204 } else { answered } });
        if answered < 2 {
            return;
        }
        let answer = match answered {
            2 => "503 Later\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n".to_owned(),
            204 => "204 Thanks\r\n\r\n".to_owned(),
            status => format!("{status} So\r\nContent-Length: 2\r\n\r\nno"),
        };
        write!(caller, "HTTP/1.1 {answer}").unwrap();
    }
}

fn settings(port: u16, events: &[Event]) -> Settings {
    Settings {
        name: "office".to_owned(),
        url: format!("http://127.0.0.1:{port}/hook?site=7"),
        keys: Keys::new(Secret::new(KEY.to_owned())).unwrap(),
        events: events.iter().copied().collect(),
        authorities: None,
        timeout: Duration::from_secs(5),
        keep: Duration::from_secs(3600),
        retry: backoff::Settings {
            first: Duration::from_millis(5),
            longest: Duration::from_millis(20),
            jitter: 0.5,
        },
    }
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::start())
}

fn set() -> WallTrust {
    let trust = WallTrust::default();
    trust.tell(true, true);
    trust
}

/// Tells with these settings for as long as `work` takes; gives what it counted.
fn telling(journal: &Journal, settings: Settings, trust: WallTrust, work: impl FnOnce(&Stats)) {
    let stats = Arc::new(Stats::default());
    let mut courier = Courier::new(settings, journal.follower("office"), Arc::clone(&stats), trust, clock());
    let (trigger, stop) = shutdown();
    let thread = std::thread::spawn(move || courier.run(&stop, &|| ()));
    work(&stats);
    trigger.stop();
    thread.join().unwrap();
}

fn open(folder: &Path) -> Journal {
    Journal::open(&folder.join("j.db"), &journal::Settings::default(), clock()).unwrap()
}

/// A decision and a passage of this number.
fn record(journal: &Journal, n: u64) {
    let closed = sample::closed(n);
    journal.writer().record(Fact::Decided(sample::decided(&closed)));
    journal.writer().record(Fact::Closed(closed));
}

fn ids(heard: &[Heard]) -> Vec<&str> {
    heard.iter().map(|one| one.id.as_str()).collect()
}

#[test]
fn a_receiver_is_told_in_order_and_again_until_it_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let receiver = Receiver::start(0, &[500, 0, 429, 204, 422, 204, 1]);
    telling(&journal, settings(receiver.port, &[Event::Passage]), set(), |stats| {
        (1..=5).for_each(|n| record(&journal, n));
        wait_for("all", || receiver.answers.lock().unwrap().is_empty() && stats.snapshot().delivered == 4);
        let counted = stats.snapshot();
        assert!((counted.refused, counted.given_up, counted.missed) == (1, 0, 0), "{counted:?}");
        assert!(counted.failures >= 3 && counted.trouble.is_none(), "{counted:?}");
    });
    let name = |n: u64| format!("passage_{}", sample::closed(n).passage.id);
    let (first, second, third, fourth, fifth) = (name(1), name(2), name(3), name(4), name(5));
    let heard = receiver.heard();
    // The fourth was taken, and nobody could know.
    assert_eq!(ids(&heard), [&first, &first, &first, &first, &second, &third, &fourth, &fourth, &fifth]);
    assert_eq!(heard[0].body["type"], "passage");
    assert_eq!(heard[0].body["plate"], sample::closed(1).passage.reading.unwrap().text.to_string());
}

#[test]
fn whoever_is_stopped_goes_on_where_it_was_with_what_it_is_to_tell() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(0, &[]);
    let both = settings(receiver.port, &[Event::Passage, Event::Decision]);
    let journal = open(folder.path());
    telling(&journal, both.clone(), set(), |_| {
        record(&journal, 1);
        wait_for("the first", || receiver.taken().len() == 2);
    });
    // Nobody tells, and the journal is closed meanwhile.
    record(&journal, 2);
    assert_eq!(journal.close(Duration::from_secs(10)), 0);
    let journal = open(folder.path());
    record(&journal, 3);
    telling(&journal, both, set(), |stats| {
        wait_for("the rest", || stats.snapshot().delivered == 4);
    });
    let heard = receiver.taken();
    let kinds: Vec<_> = heard.iter().map(|one| one.body["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["decision", "passage"].repeat(3));
    assert_eq!(heard[2].id, format!("decision_{}", sample::closed(2).passage.id));
}

#[test]
fn what_nobody_takes_is_given_up_in_the_end_and_the_rest_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let receiver = Receiver::start(0, &[503; 1000]);
    let impatient =
        Settings { keep: Duration::from_millis(400), ..settings(receiver.port, &[Event::Passage]) };
    telling(&journal, impatient, set(), |stats| {
        record(&journal, 1);
        wait_for("the end of patience", || stats.snapshot().given_up == 1);
        assert!(stats.snapshot().trouble.unwrap().contains("answers 503"));
        receiver.answers.lock().unwrap().clear();
        record(&journal, 2);
        wait_for("the next", || stats.snapshot().delivered == 1);
        assert_eq!(stats.snapshot().state, State::Well);
    });
    assert_eq!(receiver.taken()[0].id, format!("passage_{}", sample::closed(2).passage.id));
}

#[test]
fn a_plate_that_is_erased_while_a_receiver_is_away_is_not_told_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let receiver = Receiver::start(0, &[503; 1000]);
    telling(&journal, settings(receiver.port, &[Event::Passage]), set(), |stats| {
        record(&journal, 1);
        wait_for("an attempt", || receiver.heard().iter().any(|one| one.body["plate"].is_string()));
        let plate = sample::closed(1).passage.reading.unwrap().text;
        journal::care::erase_plate(journal.path(), &plate).unwrap();
        receiver.answers.lock().unwrap().clear();
        wait_for("the passage", || stats.snapshot().delivered == 1);
    });
    let told = receiver.taken().remove(0).body;
    assert_eq!((&told["plate"], &told["erased"]), (&Value::Null, &Value::Bool(true)));
}

#[test]
fn a_clock_that_jumps_gives_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let receiver = Receiver::start(0, &[503; 1000]);
    let impatient =
        Settings { keep: Duration::from_millis(50), ..settings(receiver.port, &[Event::Passage]) };
    let trust = WallTrust::default();
    // Set, and not so steady that anything may be erased by it.
    trust.tell(true, false);
    telling(&journal, impatient, trust, |stats| {
        record(&journal, 1);
        wait_for("many attempts", || stats.snapshot().failures > 20);
        assert_eq!(stats.snapshot().given_up, 0);
    });
}

#[test]
fn a_receiver_that_wants_a_pause_gets_it_and_one_that_hangs_does_not_hold_the_end_up() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    // 2: asks for a pause of two seconds.
    let receiver = Receiver::start(0, &[2]);
    let clock = SystemClock::start();
    telling(&journal, settings(receiver.port, &[Event::Passage]), set(), |stats| {
        record(&journal, 1);
        wait_for("the passage", || stats.snapshot().delivered == 1);
        assert!(clock.now().as_micros() >= 2_000_000);
    });
    // It takes the connection, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let hanging = Settings {
        timeout: Duration::from_secs(2),
        ..settings(silent.local_addr().unwrap().port(), &[Event::Passage])
    };
    let mut began = clock.now();
    telling(&journal, hanging, set(), |_| {
        record(&journal, 2);
        let (_caller, _) = silent.accept().unwrap();
        began = clock.now();
    });
    let took = clock.now().since(began);
    assert!(took < Duration::from_secs(8), "{took:?}");
}

#[test]
fn nothing_is_signed_with_a_clock_that_nobody_has_set() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let receiver = Receiver::start(0, &[]);
    let trust = WallTrust::default();
    trust.tell(false, false);
    telling(&journal, settings(receiver.port, &[Event::Passage]), trust.clone(), |stats| {
        record(&journal, 1);
        wait_for("the reason", || stats.snapshot().trouble.is_some_and(|why| why.contains("clock")));
        assert!(receiver.heard().is_empty());
        trust.tell(true, true);
        wait_for("the passage", || stats.snapshot().delivered == 1);
    });
}

/// `amslpr run` with the demo clip and a receiver.
fn daemon(folder: &Path, port: u16, clip: bool) -> Child {
    let recording = schema::house().join("config/demo/drive-by.mp4");
    let camera = if clip {
        format!("[camera.replay]\npath = {}\nspeed = \"fast\"\n", schema::quoted(&recording))
    } else {
        "enabled = false\n[camera.v4l2]\n".to_owned()
    };
    let text = format!(
        "[journal]\npath = {}\n[[camera]]\nname = \"demo\"\n{camera}[[camera]]\nname = \"gone\"\n[camera.v4l2]\ndevice = \
         \"/dev/video-not-there\"\n[engine]\norder = [\"cpu\"]\nmodels = {}\n[control]\nsocket = {}\n[[webhook]]\nname = \
         \"office\"\nurl = \"http://127.0.0.1:{port}/hook?site=7\"\nsecret = {{ file = \"key\" }}\n",
        schema::quoted(&folder.join("journal.db")),
        schema::quoted(&schema::house().join("models")),
        schema::quoted(&folder.join("control.sock")),
    );
    std::fs::write(folder.join("key"), format!("whsec_{KEY}\n")).unwrap();
    std::fs::write(folder.join("amslpr.toml"), text).unwrap();
    Command::new(env!("CARGO_BIN_EXE_amslpr"))
        .args(["run", "--config"])
        .arg(folder.join("amslpr.toml"))
        .stdout(Stdio::null())
        .stderr(File::options().create(true).append(true).open(folder.join("log")).unwrap())
        .spawn()
        .unwrap()
}

fn asked(folder: &Path, words: &[&str]) -> String {
    let config = folder.join("amslpr.toml");
    let output =
        Command::new(env!("CARGO_BIN_EXE_amslpr")).args(words).arg("--config").arg(config).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Plates are read meanwhile.
fn wait_long(what: &str, mut done: impl FnMut() -> bool) {
    let clock = SystemClock::start();
    while !done() {
        assert!(clock.now().as_micros() < 240_000_000, "waited in vain: {what}");
        clock.sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_daemon_that_was_killed_tells_a_receiver_that_was_away() {
    let folder = tempfile::tempdir().unwrap();
    // Nobody is there yet.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut first = daemon(folder.path(), port, true);
    wait_long("three passages", || asked(folder.path(), &["passages", "--json"]).lines().count() == 3);
    let trouble = || -> String {
        let status: Value =
            serde_json::from_str(&asked(folder.path(), &["status", "--json"])).unwrap_or_default();
        status["webhooks"][0]["trouble"].as_str().unwrap_or_default().to_owned()
    };
    wait_long("the trouble in the status", || trouble().contains("cannot be reached"));
    first.kill().unwrap();
    first.wait().unwrap();
    let receiver = Receiver::start(port, &[]);
    let mut second = daemon(folder.path(), port, false);
    wait_long("three messages", || receiver.taken().len() == 3);
    let mut plates: Vec<String> =
        receiver.taken().iter().map(|one| one.body["plate"].as_str().unwrap().to_owned()).collect();
    plates.sort_unstable();
    assert_eq!(plates, ["HHKL2847", "LM19XKD", "RTA4D27"]);
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(log.contains("a receiver is not told") && !log.contains(KEY) && !log.contains("site=7"), "{log}");
    Command::new("kill").arg(second.id().to_string()).status().unwrap();
    assert!(second.wait().unwrap().success());
}
