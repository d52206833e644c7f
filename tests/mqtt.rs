//! The publisher against a real broker: events arrive, broker and daemon die and come back, nothing is lost.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod broker;

use std::{
    collections::BTreeSet,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use amslpr::{
    backoff,
    clock::{Clock, SystemClock},
    fact::{Closed, Fact, sample},
    frame::CameraId,
    journal::{self, Journal},
    publish::{Presence, Publisher, Settings, Sources, State, Status},
};
use broker::{Mosquitto, Subscriber, wait_for};
use tokio::sync::watch;

const SOON: Duration = Duration::from_secs(30);

fn settings(port: u16) -> Settings {
    let mut settings = Settings::new("127.0.0.1", "pi-1").unwrap();
    settings.broker.port = port;
    settings.retry = backoff::Settings {
        first: Duration::from_millis(20),
        longest: Duration::from_millis(100),
        jitter: 0.5,
    };
    settings
}

/// A journal with a publisher at its outbox.
struct Daemon {
    journal: Journal,
    publisher: Publisher,
    status: watch::Sender<Status>,
}

fn daemon(folder: &Path, settings: Settings) -> Daemon {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let keep = journal::Settings { outbox: true, ..journal::Settings::default() };
    let journal = Journal::open(&folder.join("journal.db"), &keep, Arc::clone(&clock)).unwrap();
    let (status, watched) = watch::channel(Status::default());
    let sources = Sources {
        outbox: Box::new(journal.pending_facts().unwrap()),
        recorded: journal.recorded(),
        status: watched,
        orders: None,
        known_commands: Vec::new(),
        calls: amslpr::publish::calls().1,
    };
    let publisher = Publisher::start(settings, sources, clock).unwrap();
    Daemon { journal, publisher, status }
}

/// The nth passage, as if it happened now.
fn now(n: u64) -> Closed {
    let mut closed = sample::closed(n);
    closed.passage.began = SystemClock::start().wall().round(jiff::Unit::Microsecond).unwrap();
    closed.passage.ended = None;
    closed
}

impl Daemon {
    /// Records both facts of passages `from..to`.
    fn record(&self, numbers: std::ops::Range<u64>) {
        let writer = self.journal.writer();
        for n in numbers {
            let closed = now(n);
            writer.record(Fact::Decided(sample::decided(&closed)));
            writer.record(Fact::Closed(closed));
        }
        assert!(writer.flush(SOON));
    }

    fn wait_for_state(&self, state: State) {
        let stats = self.publisher.stats();
        wait_for(state.as_str(), || stats.snapshot().state == state);
    }

    fn wait_for_empty_outbox(&self) {
        let stats = self.journal.stats();
        wait_for("an empty outbox", || stats.snapshot().undelivered == 0);
    }
}

#[test]
fn events_arrive_in_order_and_only_how_things_stand_is_retained() {
    let Some(mut mosquitto) = Mosquitto::new("allow_anonymous true") else { return };
    mosquitto.start();
    let subscriber = Subscriber::start(mosquitto.port, "listener");
    let folder = tempfile::tempdir().unwrap();
    let daemon = daemon(folder.path(), settings(mosquitto.port));
    daemon.wait_for_state(State::Online);
    daemon.status.send_replace(Status {
        health: Some("{\"state\":\"fine\"}".to_owned()),
        cameras: vec![(CameraId::new("gate-in"), Presence::Stalled)],
        gates: vec![("main".to_owned(), "ready")],
    });
    daemon.record(0..20);
    wait_for("40 events", || subscriber.seqs().len() >= 40);
    assert_eq!(subscriber.seqs(), (1..=40).collect::<Vec<_>>());

    let arrived = subscriber.arrived();
    let decision = arrived.iter().find(|one| one.seq() == Some(1)).unwrap();
    assert_eq!(decision.topic, "amslpr/pi-1/camera/gate-in/decision");
    assert!(decision.expires.is_some_and(|seconds| seconds <= 10), "{decision:?}");
    assert_eq!(decision.content_type.as_deref(), Some("application/json"));
    assert_eq!(decision.json()["historical"], false);
    assert_eq!(decision.json()["id"], sample::closed(0).passage.id.to_string());
    let passage = arrived.iter().find(|one| one.seq() == Some(4)).unwrap();
    assert_eq!((passage.topic.as_str(), passage.expires), ("amslpr/pi-1/camera/gate-out/passage", None));
    wait_for("health", || subscriber.arrived().iter().any(|one| one.topic == "amslpr/pi-1/health"));

    // Whoever comes later finds the state and no event.
    let late = Subscriber::start(mosquitto.port, "latecomer");
    wait_for("what is retained", || late.arrived().len() >= 5);
    daemon.record(20..21);
    wait_for("two live events", || late.seqs().len() >= 2);
    let retained: BTreeSet<String> =
        late.arrived().into_iter().filter(|one| one.retained).map(|one| one.topic).collect();
    let expected = ["availability", "health", "info", "camera/gate-in/state", "gate/main/state"];
    assert_eq!(retained, expected.map(|topic| format!("amslpr/pi-1/{topic}")).into());
    assert_eq!(late.last("amslpr/pi-1/camera/gate-in/state").unwrap().text, "stalled");
    assert_eq!(late.last("amslpr/pi-1/gate/main/state").unwrap().text, "ready");
    daemon.status.send_modify(|status| status.cameras[0].1 = Presence::Online);
    wait_for("news of the camera", || {
        late.last("amslpr/pi-1/camera/gate-in/state").is_some_and(|one| one.text == "online")
    });
    let told = late.arrived().iter().filter(|one| one.topic.ends_with("gate/main/state")).count();
    assert_eq!(told, 1, "what did not change is not told again");

    daemon.wait_for_empty_outbox();
    let clock = SystemClock::start();
    daemon.publisher.stop();
    assert!(clock.now().as_micros() < 1_500_000, "stopping took {:?}", clock.now());
    let last = |subscriber: &Subscriber| subscriber.arrived().last().map(|one| one.text.clone());
    wait_for("good-bye", || last(&subscriber).as_deref() == Some("offline"));
}

/// Printed with `cargo test --test mqtt reaches -- --nocapture`.
#[test]
fn a_decision_reaches_a_subscriber_in_a_moment() {
    let Some(mut mosquitto) = Mosquitto::new("allow_anonymous true") else { return };
    mosquitto.start();
    let subscriber = Subscriber::start(mosquitto.port, "listener");
    let folder = tempfile::tempdir().unwrap();
    let daemon = daemon(folder.path(), settings(mosquitto.port));
    daemon.wait_for_state(State::Online);
    let (writer, clock) = (daemon.journal.writer(), SystemClock::start());
    let mut times = Vec::new();
    for n in 0..100 {
        let start = clock.now();
        writer.record(Fact::Decided(sample::decided(&now(n))));
        while subscriber.seqs().len() <= n as usize {
            assert!(clock.now().since(start) < SOON);
            clock.sleep(Duration::from_micros(200));
        }
        times.push(clock.now().since(start));
    }
    times.sort_unstable();
    println!("recorded, committed, published, received: median {:?}, p99 {:?}", times[50], times[98]);
    assert!(times[50] < Duration::from_millis(500), "{times:?}");
}

#[test]
fn nothing_is_lost_while_the_broker_dies_and_comes_back() {
    let Some(mut mosquitto) = Mosquitto::new("allow_anonymous true") else { return };
    mosquitto.start();
    let subscriber = Subscriber::start(mosquitto.port, "listener");
    let folder = tempfile::tempdir().unwrap();
    let daemon = daemon(folder.path(), settings(mosquitto.port));
    let mut next = 0;
    for round in 0..4 {
        daemon.record(next..next + 25);
        next += 25;
        // In the middle of the traffic; a broker that is killed may lose what it acknowledged, so it is stopped.
        mosquitto.stop();
        daemon.wait_for_state(State::Offline);
        daemon.record(next..next + 25);
        next += 25;
        if round == 2 {
            mosquitto.start();
            mosquitto.kill();
        }
        mosquitto.start();
        daemon.wait_for_empty_outbox();
    }
    let all: BTreeSet<u64> = (1..=next * 2).collect();
    wait_for("all events", || subscriber.seqs().into_iter().collect::<BTreeSet<_>>().len() >= all.len());
    assert_eq!(subscriber.seqs().into_iter().collect::<BTreeSet<_>>(), all, "no gap");
    let ids: BTreeSet<(String, String)> = subscriber
        .arrived()
        .iter()
        .filter(|one| one.seq().is_some())
        .map(|one| (one.json()["id"].to_string(), one.json()["type"].to_string()))
        .collect();
    assert_eq!(ids.len() as u64, next * 2, "each passage has one decision and one end");
    let stats = daemon.publisher.stats().snapshot();
    assert!(stats.connections >= 5 && stats.failures >= 4, "{stats:?}");
}

#[test]
fn a_live_decision_overtakes_the_backlog() {
    let Some(mut mosquitto) = Mosquitto::new("allow_anonymous true\npersistence false") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut slow = settings(mosquitto.port);
    slow.window = 8;
    slow.historical_after = Duration::from_millis(1);
    slow.retry.longest = Duration::from_secs(1);
    slow.retry.first = Duration::from_secs(1);
    slow.retry.jitter = 0.0;
    let daemon = daemon(folder.path(), slow);
    daemon.record(0..1000);
    assert_eq!(daemon.publisher.stats().snapshot().state, State::Offline);
    mosquitto.start();
    let subscriber = Subscriber::start(mosquitto.port, "listener");
    wait_for("the first of the backlog", || subscriber.seqs().len() > 50);
    daemon.record(1000..1001);
    wait_for("everything", || subscriber.seqs().len() >= 2002);
    let seqs = subscriber.seqs();
    let place = seqs.iter().position(|seq| *seq == 2001).unwrap();
    assert!(place < 1900, "the live decision came as number {place} of 2002");
    let backlog: Vec<u64> = seqs.into_iter().filter(|seq| *seq != 2001).collect();
    assert!(backlog.is_sorted(), "the backlog keeps its order");
    let arrived = subscriber.arrived();
    let old = arrived.iter().find(|one| one.seq() == Some(1)).unwrap();
    assert_eq!((old.json()["historical"].clone(), old.expires), (true.into(), None));
    assert!(daemon.publisher.stats().snapshot().historical >= 2000);
}

#[test]
fn a_daemon_that_is_killed_is_reported_by_its_last_will() {
    let Some(mut mosquitto) = Mosquitto::new("allow_anonymous true") else { return };
    mosquitto.start();
    let subscriber = Subscriber::start(mosquitto.port, "listener");
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "a_process_of_its_own_that_publishes"])
        .env("AMSLPR_TEST_FOLDER", folder.path())
        .env("AMSLPR_TEST_PORT", mosquitto.port.to_string())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let says = |word: &str| {
        let arrived = subscriber.arrived();
        let last = arrived.iter().rfind(|one| one.topic == "amslpr/pi-1/availability").cloned();
        last.is_some_and(|one| one.text == word)
    };
    wait_for("online", || says("online"));
    child.kill().unwrap();
    child.wait().unwrap();
    wait_for("the last will", || says("offline"));
    // And it comes back, with what it had recorded.
    let daemon = daemon(folder.path(), settings(mosquitto.port));
    daemon.wait_for_empty_outbox();
    wait_for("online again", || says("online"));
    let told: BTreeSet<u64> = subscriber.seqs().into_iter().collect();
    let newest = *daemon.journal.recorded().borrow();
    assert_eq!(told, (1..=newest).collect::<BTreeSet<_>>());
}

#[test]
#[ignore = "is started and killed by a_daemon_that_is_killed_is_reported_by_its_last_will"]
fn a_process_of_its_own_that_publishes() {
    let (Some(folder), Ok(port)) =
        (std::env::var_os("AMSLPR_TEST_FOLDER"), std::env::var("AMSLPR_TEST_PORT"))
    else {
        return;
    };
    let daemon = daemon(Path::new(&folder), settings(port.parse().unwrap()));
    let clock = SystemClock::start();
    for n in 0..10_000 {
        if clock.now().as_micros() > 20_000_000 {
            break;
        }
        daemon.record(n..n + 1);
    }
}

#[test]
fn a_broker_that_refuses_us_is_named_and_the_facts_wait() {
    let check = |config: &str, expected: &str| {
        let Some(mut mosquitto) = Mosquitto::new(config) else { return };
        mosquitto.start();
        let folder = tempfile::tempdir().unwrap();
        let daemon = daemon(folder.path(), settings(mosquitto.port));
        daemon.record(0..3);
        let stats = daemon.publisher.stats();
        wait_for(expected, || stats.snapshot().trouble.is_some_and(|trouble| trouble.contains(expected)));
        assert_eq!(daemon.journal.stats().snapshot().undelivered, 6);
        let clock = SystemClock::start();
        daemon.publisher.stop();
        assert!(clock.now().as_micros() < 1_500_000, "stopping took {:?}", clock.now());
    };
    check("allow_anonymous false", "needs username and password");
    let rules = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(rules.path(), "topic read #\n").unwrap();
    check(
        &format!("allow_anonymous true\nacl_file {}", rules.path().display()),
        "the broker refuses an event",
    );
}

#[test]
fn a_broker_that_is_not_there_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    // Bound and not listening to MQTT: connections are accepted and never answered.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut patient = settings(silent.local_addr().unwrap().port());
    patient.broker.connect_limit = Duration::from_secs(60);
    let daemon = daemon(folder.path(), patient);
    let clock = SystemClock::start();
    daemon.record(0..50);
    assert!(clock.now().as_micros() < 10_000_000);
    let clock = SystemClock::start();
    daemon.publisher.stop();
    assert!(clock.now().as_micros() < 1_500_000, "stopping took {:?}", clock.now());
    assert_eq!(daemon.journal.stats().snapshot().undelivered, 100);
}

/// A broker in between that can be made to fall silent: it keeps the connection and passes nothing on.
struct Silencer {
    port: u16,
    silent: Arc<AtomicBool>,
}

impl Silencer {
    fn before(broker: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let silent = Arc::new(AtomicBool::new(false));
        let quiet = Arc::clone(&silent);
        std::thread::spawn(move || {
            for client in listener.incoming().take(50) {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(("127.0.0.1", broker))) else {
                    continue;
                };
                for (mut from, mut to) in
                    [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)]
                {
                    let quiet = Arc::clone(&quiet);
                    std::thread::spawn(move || {
                        let mut bytes = [0; 4096];
                        let clock = SystemClock::start();
                        while let Ok(read @ 1..) = from.read(&mut bytes) {
                            while quiet.load(Ordering::Relaxed) && clock.now().as_micros() < 60_000_000 {
                                clock.sleep(Duration::from_millis(10));
                            }
                            if to.write_all(&bytes[..read]).is_err() {
                                break;
                            }
                        }
                        let _ = to.shutdown(std::net::Shutdown::Both);
                    });
                }
            }
        });
        Self { port, silent }
    }
}

#[test]
fn a_broker_that_falls_silent_is_given_up_and_nothing_is_lost() {
    let Some(mut mosquitto) = Mosquitto::new("allow_anonymous true") else { return };
    mosquitto.start();
    let silencer = Silencer::before(mosquitto.port);
    let subscriber = Subscriber::start(mosquitto.port, "listener");
    let folder = tempfile::tempdir().unwrap();
    let mut impatient = settings(silencer.port);
    impatient.broker.answer_limit = Duration::from_millis(700);
    impatient.broker.connect_limit = Duration::from_secs(1);
    let daemon = daemon(folder.path(), impatient);
    daemon.wait_for_state(State::Online);
    silencer.silent.store(true, Ordering::Relaxed);
    daemon.record(0..100);
    let stats = daemon.publisher.stats();
    wait_for("it is given up", || {
        stats.snapshot().trouble.is_some_and(|trouble| trouble.contains("has not answered for 0.7 s"))
    });
    assert!(daemon.journal.stats().snapshot().undelivered >= 100);
    silencer.silent.store(false, Ordering::Relaxed);
    daemon.wait_for_empty_outbox();
    let all: BTreeSet<u64> = (1..=200).collect();
    wait_for("all events", || subscriber.seqs().into_iter().collect::<BTreeSet<_>>() == all);
}

#[test]
fn two_nodes_of_one_name_are_told_so_and_do_not_hammer_the_broker() {
    let Some(mut mosquitto) = Mosquitto::new("allow_anonymous true\npersistence false") else { return };
    mosquitto.start();
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let patient = || {
        let mut settings = settings(mosquitto.port);
        settings.retry.longest = Duration::from_secs(5);
        settings
    };
    let daemons = folders.each_ref().map(|folder| daemon(folder.path(), patient()));
    let says = |daemon: &Daemon| {
        daemon
            .publisher
            .stats()
            .snapshot()
            .trouble
            .is_some_and(|trouble| trouble.contains("our name \"amslpr-pi-1\""))
    };
    wait_for("it is named", || daemons.iter().any(says));
    SystemClock::start().sleep(Duration::from_secs(4));
    // Waits double although each attempt is accepted: 20 ms, 40 ms, ... and none after 2.5 s.
    let connections: u64 = daemons.iter().map(|daemon| daemon.publisher.stats().snapshot().connections).sum();
    assert!(connections <= 24, "{connections} connections in four seconds");
}

/// Printed with `cargo test --test mqtt flat -- --nocapture`; as many passages as PASSAGES says, 50000 being a day of
/// a busy site.
#[test]
fn memory_stays_flat_while_a_backlog_waits_and_is_delivered() {
    let Some(mut mosquitto) = Mosquitto::new("allow_anonymous true\npersistence false") else { return };
    let passages: u64 = std::env::var("PASSAGES").ok().and_then(|n| n.parse().ok()).unwrap_or(3000);
    let folder = tempfile::tempdir().unwrap();
    let mut quick = settings(mosquitto.port);
    quick.retry.longest = Duration::from_millis(50);
    let daemon = daemon(folder.path(), quick);
    let clock = SystemClock::start();
    let record = |numbers: std::ops::Range<u64>| {
        for start in numbers.clone().step_by(100) {
            daemon.record(start..(start + 100).min(numbers.end));
        }
    };
    record(0..passages / 3);
    let (before, start) = (memory(), clock.now());
    record(passages / 3..passages);
    println!("{} passages recorded in {:?}", passages - passages / 3, clock.now().since(start));
    let waiting = memory();
    mosquitto.start();
    let start = clock.now();
    let stats = daemon.publisher.stats();
    while stats.snapshot().delivered < 2 * passages {
        assert!(clock.now().since(start) < Duration::from_secs(600));
        clock.sleep(Duration::from_millis(5));
    }
    let (took, delivered) = (clock.now().since(start), stats.snapshot().delivered);
    println!("{delivered} events delivered in {took:?}; memory {before}, {waiting}, {} KiB", memory());
    assert_eq!(delivered, 2 * passages);
    let grown = memory().max(waiting).saturating_sub(before);
    assert!(grown < 16 * 1024, "memory grew by {grown} KiB");
}

/// Resident memory of this process in KiB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
