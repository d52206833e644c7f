//! Nothing is lost: a daemon that is killed at random moments, and a real broker that goes down and up meanwhile.
//!
//! `AMSLPR_ROUNDS=200 cargo test --test nothing_lost -- --nocapture` is the full form.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod broker;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use amslpr::{
    backoff,
    clock::{Clock, SystemClock},
    fact::{Closed, Fact, sample},
    journal::{self, Journal, Reader, care},
    publish::{Publisher, Settings, Sources, Status},
};
use broker::{Mosquitto, Subscriber, wait_for};
use tokio::sync::watch;

const SOON: Duration = Duration::from_secs(30);

struct Daemon {
    journal: Journal,
    _publisher: Publisher,
    _status: watch::Sender<Status>,
}

fn daemon(folder: &Path, port: u16) -> Daemon {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    // A small log and small batches, so that the kills also hit its folding and the index.
    let keep = journal::Settings {
        outbox: true,
        checkpoint_bytes: 64 << 10,
        index_batch: 32,
        acknowledgement_linger: Duration::from_millis(20),
        ..journal::Settings::default()
    };
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
    let mut settings = Settings::new("127.0.0.1", "pi-1").unwrap();
    settings.broker.port = port;
    settings.retry = backoff::Settings {
        first: Duration::from_millis(20),
        longest: Duration::from_millis(100),
        jitter: 0.5,
    };
    let publisher = Publisher::start(settings, sources, clock).unwrap();
    Daemon { journal, _publisher: publisher, _status: status }
}

/// The nth passage.
fn passage(n: u64) -> Closed {
    sample::closed(n)
}

#[test]
fn killed_at_any_moment_while_the_broker_comes_and_goes() {
    let Some(mut mosquitto) = Mosquitto::new("allow_anonymous true") else { return };
    mosquitto.start();
    let rounds = std::env::var("AMSLPR_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(6);
    let subscriber = Subscriber::start(mosquitto.port, "listener");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let clock = SystemClock::start();
    let mut is_up = true;
    let (mut committed, mut breaks) = (Vec::new(), 0);
    for round in 0..rounds {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture", "a_daemon_of_its_own"])
            .env("AMSLPR_TEST_FOLDER", folder.path())
            .env("AMSLPR_TEST_PORT", mosquitto.port.to_string())
            .env("AMSLPR_TEST_FROM", (round * 100_000_u64).to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = |line: String| line.strip_prefix("committed ").and_then(|n| n.parse::<u64>().ok());
        let first = lines.by_ref().map_while(Result::ok).find_map(said);
        assert!(first.is_some(), "round {round}: the daemon recorded nothing");
        for _ in 0..2 {
            clock.sleep(Duration::from_micros((backoff::chance() * 80_000.0) as u64));
            if backoff::chance() < 0.4 {
                match is_up {
                    true => mosquitto.stop(),
                    false => mosquitto.start(),
                }
                is_up = !is_up;
                breaks += 1;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        committed.extend(first.into_iter().chain(lines.map_while(Result::ok).filter_map(said)));

        let health = care::verify(&path).unwrap();
        assert!(health.is_sound(), "round {round}: {health:?}");
        assert_eq!(
            (health.chain.facts, health.chain.pruned),
            (health.chain.head.unwrap().0, 0),
            "round {round}"
        );
    }
    if !is_up {
        mosquitto.start();
    }
    let daemon = daemon(folder.path(), mosquitto.port);
    assert_eq!(daemon.journal.set_aside(), None);
    let stats = daemon.journal.stats();
    // What piled up takes its time; it must become less all the while.
    loop {
        let waiting = stats.snapshot().undelivered;
        if waiting == 0 {
            break;
        }
        wait_for("fewer facts that wait", || stats.snapshot().undelivered < waiting);
    }
    let newest = *daemon.journal.recorded().borrow();
    let numbers = || -> BTreeSet<u64> { subscriber.seqs().into_iter().collect() };
    wait_for("every number", || numbers().len() as u64 >= newest);

    let mut reader = Reader::open(&path).unwrap();
    let lost: Vec<_> =
        committed.iter().filter(|n| reader.passage(passage(**n).passage.id).unwrap().is_none()).collect();
    assert!(lost.is_empty(), "committed and lost: {lost:?}");
    assert_eq!(numbers(), (1..=newest).collect::<BTreeSet<_>>(), "no gap");
    let mut by_number: BTreeMap<u64, (String, String)> = BTreeMap::new();
    let mut arrived = 0;
    for message in subscriber.arrived() {
        let Some(seq) = message.seq() else { continue };
        arrived += 1;
        let json = message.json();
        let said = (json["id"].as_str().unwrap().to_owned(), json["type"].as_str().unwrap().to_owned());
        assert_eq!(
            by_number.entry(seq).or_insert_with(|| said.clone()),
            &said,
            "number {seq} says two things"
        );
    }
    let facts: BTreeSet<_> = by_number.values().collect();
    assert_eq!(facts.len() as u64, newest, "each fact has one number");
    for n in &committed {
        let id = passage(*n).passage.id.to_string();
        for kind in ["decision", "passage"] {
            assert!(facts.contains(&(id.clone(), kind.to_owned())), "{kind} {n} never arrived");
        }
    }
    println!(
        "{rounds} rounds, {breaks} times the broker went or came: {} committed passages, 0 lost; {newest} facts, 0 gaps, \
         {} delivered again",
        committed.len(),
        arrived - newest
    );
}

#[test]
#[ignore = "is started and killed by killed_at_any_moment_while_the_broker_comes_and_goes"]
fn a_daemon_of_its_own() {
    let set = |name: &str| std::env::var(name).ok();
    let (Some(folder), Some(port), Some(from)) =
        (set("AMSLPR_TEST_FOLDER"), set("AMSLPR_TEST_PORT"), set("AMSLPR_TEST_FROM"))
    else {
        return;
    };
    let daemon = daemon(Path::new(&folder), port.parse().unwrap());
    let (writer, clock) = (daemon.journal.writer(), SystemClock::start());
    let mut n: u64 = from.parse().unwrap();
    while clock.now().as_micros() < 20_000_000 {
        // One to four at a time, so that single and shared commits are hit.
        let last = n + n % 4;
        for n in n..=last {
            let closed = passage(n);
            writer.record(Fact::Decided(sample::decided(&closed)));
            writer.record(Fact::Closed(closed));
        }
        assert!(writer.flush(SOON));
        (n..=last).for_each(|n| println!("committed {n}"));
        n = last + 1;
    }
}
