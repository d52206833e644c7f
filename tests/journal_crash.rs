//! A daemon that is killed at any moment loses no passage that was recorded, and leaves a sound journal.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use amslpr::{
    backoff,
    clock::{Clock, SystemClock},
    fact::{Fact, Lane, Outbox, sample},
    journal::{Filter, Journal, Settings},
};

const SOON: Duration = Duration::from_secs(30);

fn open(path: &Path) -> Journal {
    // A small log, so that the kills also hit its folding into the database.
    let settings = Settings {
        outbox: true,
        checkpoint_bytes: 64 << 10,
        acknowledgement_linger: Duration::from_millis(5),
        ..Settings::default()
    };
    Journal::open(path, &settings, Arc::new(SystemClock::start())).unwrap()
}

#[test]
fn killed_twenty_times_the_journal_has_lost_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let clock = SystemClock::start();
    let mut told = 0_u64;
    for round in 0..20 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture", "a_process_of_its_own_that_records"])
            .env("AMSLPR_TEST_JOURNAL", &path)
            .env("AMSLPR_TEST_FROM", (told + 1000).to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // From the first word on, any moment is as good as another.
        let said = |line: String| line.strip_prefix("recorded ").and_then(|n| n.parse::<u64>().ok());
        let first = lines.by_ref().map_while(Result::ok).find_map(said);
        assert!(first.is_some(), "round {round}: the child recorded nothing");
        clock.sleep(Duration::from_micros((backoff::chance() * 60_000.0) as u64));
        child.kill().unwrap();
        child.wait().unwrap();
        let newest = lines.map_while(Result::ok).filter_map(said).last().or(first).unwrap();
        assert!(newest > told);

        let journal = open(&path);
        assert_eq!(journal.set_aside(), None, "round {round}");
        let mut reader = journal.reader().unwrap();
        for n in told + 1000..=newest {
            let found = reader.passage(sample::closed(n).passage.id).unwrap();
            assert!(found.is_some_and(|one| one.decision.is_some()), "round {round}: {n} is lost");
        }
        let passages = reader.count(&Filter::default()).unwrap();
        assert!(passages > 0);
        let mut outbox = journal.pending_facts().unwrap();
        let seqs: Vec<u64> =
            outbox.undelivered(0, Lane::Everything, 100_000).unwrap().iter().map(|one| one.seq).collect();
        assert!(seqs.windows(2).all(|pair| pair[1] == pair[0] + 1), "round {round}: a gap in {seqs:?}");
        let last = *journal.recorded().borrow();
        assert!(seqs.last().is_none_or(|seq| *seq == last));
        drop((reader, outbox));
        assert_eq!(journal.close(SOON), 0);

        let db = rusqlite::Connection::open(&path).unwrap();
        let ask = |sql: &str| db.query_row(sql, [], |row| row.get::<_, u64>(0)).unwrap();
        assert_eq!(
            ask("SELECT count(*) FROM facts"),
            last,
            "round {round}: a fact without a number, or a number without its fact"
        );
        let sound: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(sound, "ok", "round {round}");
        told = newest;
    }
    let kept: BTreeSet<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|one| one.unwrap().file_name()).collect();
    assert!(!kept.iter().any(|name| name.to_string_lossy().contains("corrupt")), "{kept:?}");
}

/// What power cuts left (tests/power-cut.sh): all that was said to be recorded, and no gap in the numbers.
#[test]
#[ignore = "is started by tests/power-cut.sh"]
fn a_process_of_its_own_that_checks() {
    let (Some(path), Ok(ranges)) =
        (std::env::var_os("AMSLPR_TEST_JOURNAL"), std::env::var("AMSLPR_TEST_RANGES"))
    else {
        return;
    };
    let journal = open(Path::new(&path));
    assert_eq!(journal.set_aside(), None);
    let mut reader = journal.reader().unwrap();
    let mut checked = 0;
    // From the first to the last number that a round said: "1000-1042,2042-2077".
    for range in ranges.split(',') {
        let (from, to) = range.split_once('-').unwrap();
        for n in from.parse().unwrap()..=to.parse::<u64>().unwrap() {
            let found = reader.passage(sample::closed(n).passage.id).unwrap();
            assert!(found.is_some_and(|one| one.decision.is_some()), "{n} is lost");
            checked += 1;
        }
    }
    let last = *journal.recorded().borrow();
    assert!(last >= 2 * checked, "{last} numbers for {checked} passages");
    println!("checked {checked} passages, {last} facts");
}

#[test]
#[ignore = "is started and killed by killed_twenty_times_the_journal_has_lost_nothing"]
fn a_process_of_its_own_that_records() {
    let (Some(path), Ok(from)) = (std::env::var_os("AMSLPR_TEST_JOURNAL"), std::env::var("AMSLPR_TEST_FROM"))
    else {
        return;
    };
    let journal = open(Path::new(&path));
    let (writer, mut outbox) = (journal.writer(), journal.pending_facts().unwrap());
    let clock = SystemClock::start();
    let mut n: u64 = from.parse().unwrap();
    while clock.now().as_micros() < 20_000_000 {
        // One to eight at a time, so that single and shared commits are hit.
        let last = n + n % 8;
        while n <= last {
            let closed = sample::closed(n);
            writer.record(Fact::Decided(sample::decided(&closed)));
            writer.record(Fact::Closed(closed));
            n += 1;
        }
        assert!(writer.flush(SOON));
        println!("recorded {last}");
        let newest = *journal.recorded().borrow();
        let old: Vec<u64> = (newest.saturating_sub(60)..newest.saturating_sub(20)).collect();
        outbox.delivered(&old);
    }
}
