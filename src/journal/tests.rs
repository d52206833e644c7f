//! What the journal promises, asked of real files.

use std::{path::Path, sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{Cursor, Filter, Handed, Journal, PlateFilter, Reader, Settings, file};
use crate::{
    clock::{Clock, SystemClock},
    fact::{Closed, Fact, Lane, Outbox, sample},
    frame::CameraId,
    plate::PlateText,
};

const SOON: Duration = Duration::from_secs(20);

fn open(path: &Path, settings: &Settings) -> Journal {
    Journal::open(path, settings, Arc::new(SystemClock::start())).unwrap()
}

fn with_outbox() -> Settings {
    Settings { outbox: true, ..Settings::default() }
}

/// Records both facts of passages `from..to` and waits for the disk.
fn record(journal: &Journal, numbers: std::ops::Range<u64>) {
    let writer = journal.writer();
    for n in numbers {
        let closed = sample::closed(n);
        writer.record(Fact::Decided(sample::decided(&closed)));
        writer.record(Fact::Closed(closed));
    }
    assert!(writer.flush(SOON), "{:?}", journal.stats().snapshot());
}

fn list(path: &Path, filter: &Filter) -> Vec<super::Record> {
    Reader::open(path).unwrap().passages(filter).unwrap()
}

fn plate(text: &str) -> PlateText {
    PlateText::normalise(text).unwrap()
}

#[test]
fn a_passage_comes_back_as_it_was_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/journal.db");
    let journal = open(&path, &with_outbox());
    let closed = sample::closed(7);
    let mut bare = sample::closed(8);
    bare.passage.reading = None;
    bare.passage.direction = None;
    bare.passage.best_area = None;
    bare.passage.ended = None;
    bare.decision = None;
    bare.reads.clear();
    for one in [&closed, &bare] {
        journal.writer().record(Fact::Closed(one.clone()));
    }
    assert!(journal.writer().flush(SOON));

    let mut reader = journal.reader().unwrap();
    for one in [&closed, &bare] {
        let record = reader.passage(one.passage.id).unwrap().unwrap();
        let reads = reader.reads(&one.passage).unwrap();
        assert_eq!(
            Closed { passage: record.passage, reads, decision: record.decision, effects: Vec::new() },
            *one
        );
    }
    let mut pending = journal.pending_facts().unwrap();
    let facts: Vec<Fact> =
        pending.undelivered(0, Lane::Everything, 9).unwrap().into_iter().map(|one| one.fact).collect();
    let mut told = closed;
    if let Some(reading) = &mut told.passage.reading {
        reading.chars.clear();
    }
    assert_eq!(facts, [Fact::Closed(told), Fact::Closed(bare)], "all but the vote's characters is told");
}

#[test]
fn the_same_fact_twice_is_recorded_once() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal.db"), &with_outbox());
    record(&journal, 0..3);
    record(&journal, 0..3);
    let stats = journal.stats().snapshot();
    assert_eq!((stats.recorded, stats.duplicates, stats.undelivered), (6, 6, 6));
    assert_eq!(*journal.recorded().borrow(), 6);
}

#[test]
fn passages_are_listed_newest_first_page_by_page_and_filtered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = open(&path, &Settings::default());
    record(&journal, 0..100);
    let all = list(&path, &Filter::default());
    assert_eq!(all.len(), 100);
    assert!(all.windows(2).all(|pair| pair[0].passage.began > pair[1].passage.began));

    let mut paged = Vec::new();
    let mut filter = Filter { limit: Some(7), ..Filter::default() };
    loop {
        let page = list(&path, &filter);
        let Some(last) = page.last() else { break };
        filter.after = Some(Cursor::behind(&last.passage));
        paged.extend(page);
    }
    assert_eq!(paged, all);

    let mut reader = Reader::open(&path).unwrap();
    let mut check = |filter: Filter, fits: &dyn Fn(&super::Record) -> bool| {
        let expected: Vec<_> = all.iter().filter(|record| fits(record)).cloned().collect();
        assert!(!expected.is_empty() && expected.len() < all.len(), "the case tells nothing");
        assert_eq!(reader.passages(&filter).unwrap(), expected, "{filter:?}");
        assert_eq!(reader.count(&filter).unwrap(), expected.len() as u64, "{filter:?}");
    };
    let text = all[30].passage.reading.as_ref().unwrap().text.clone();
    let has = |record: &super::Record, start: &str| {
        record.passage.reading.as_ref().is_some_and(|reading| reading.text.as_str().starts_with(start))
    };
    let exact = Filter { plate: Some(PlateFilter::Exactly(text.clone())), ..Filter::default() };
    check(exact, &|record| has(record, text.as_str()));
    let start = plate(&text.as_str()[..1]);
    let prefix = Filter { plate: Some(PlateFilter::StartsWith(start.clone())), ..Filter::default() };
    check(prefix, &|record| has(record, start.as_str()));
    let (since, until) = (all[60].passage.began, all[20].passage.began);
    let times = Filter { since: Some(since), until: Some(until), ..Filter::default() };
    check(times, &|record| record.passage.began >= since && record.passage.began < until);
    let camera = CameraId::new("gate-in");
    let by_camera = Filter { camera: Some(camera.clone()), ..Filter::default() };
    check(by_camera, &|record| record.passage.camera == camera);
    let nowhere = Filter { camera: Some(CameraId::new("nowhere")), ..Filter::default() };
    assert!(reader.passages(&nowhere).unwrap().is_empty());
}

#[test]
fn numbers_have_no_gap_whatever_was_delivered_or_restarted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let mut seen: Vec<u64> = Vec::new();
    let mut streams = Vec::new();
    for round in 0..4 {
        let journal = open(&path, &with_outbox());
        record(&journal, round * 5..round * 5 + 5);
        let mut pending = journal.pending_facts().unwrap();
        let facts = pending.undelivered(0, Lane::Everything, 1000).unwrap();
        let seqs: Vec<u64> = facts.iter().map(|one| one.seq).collect();
        seen.extend(&seqs);
        streams.push(pending.stream());
        pending.delivered(&seqs);
        assert!(pending.undelivered(0, Lane::Everything, 9).unwrap().is_empty(), "acknowledged is delivered");
        assert_eq!(journal.close(SOON), 0);
    }
    assert_eq!(seen, (1..=40).collect::<Vec<u64>>());
    streams.dedup();
    assert_eq!(streams.len(), 1);
    assert_eq!(open(&path, &with_outbox()).stats().snapshot().undelivered, 0);
}

#[test]
fn decisions_can_be_asked_for_alone() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal.db"), &with_outbox());
    record(&journal, 0..4);
    let mut pending = journal.pending_facts().unwrap();
    let decisions = pending.undelivered(2, Lane::Decisions, 2).unwrap();
    assert_eq!(decisions.iter().map(|one| one.seq).collect::<Vec<_>>(), [3, 5]);
    assert!(decisions.iter().all(|one| matches!(one.fact, Fact::Decided(_))));
}

#[test]
fn a_second_daemon_is_refused_and_told_who_has_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let first = open(&path, &Settings::default());
    let refusal = Journal::open(&path, &Settings::default(), Arc::new(SystemClock::start())).unwrap_err();
    let words = refusal.to_string();
    assert!(words.contains(&format!("process {}", std::process::id())), "{words}");
    assert!(words.contains("journal.db"), "{words}");
    drop(first);
    open(&path, &Settings::default());
}

#[test]
fn a_broken_journal_is_kept_aside_and_a_new_one_begins() {
    let check = |spoil: &dyn Fn(&mut Vec<u8>)| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let journal = open(&path, &Settings::default());
        record(&journal, 0..200);
        journal.close(SOON);
        let mut bytes = std::fs::read(&path).unwrap();
        spoil(&mut bytes);
        std::fs::write(&path, &bytes).unwrap();

        let journal = open(&path, &Settings::default());
        let aside = journal.set_aside().expect("put aside").to_owned();
        assert_eq!(std::fs::read(&aside).unwrap(), bytes, "nothing of it is lost");
        assert!(aside.to_string_lossy().contains("journal.db.corrupt-2"));
        record(&journal, 0..3);
        assert_eq!(list(&path, &Filter::default()).len(), 3);
    };
    check(&|bytes| bytes.iter_mut().take(100).for_each(|byte| *byte = 0x55));
    check(&|bytes| bytes.iter_mut().skip(4096).step_by(3).for_each(|byte| *byte ^= 0xff));
    check(&|bytes| bytes.truncate(bytes.len() / 2));
}

#[test]
fn the_file_of_another_program_is_refused_and_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recipes.db");
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE recipes (name TEXT); INSERT INTO recipes VALUES ('soup')").unwrap();
    let refusal = Journal::open(&path, &Settings::default(), Arc::new(SystemClock::start())).unwrap_err();
    assert!(refusal.to_string().contains("another program"), "{refusal}");
    let soups: u32 = other.query_row("SELECT count(*) FROM recipes", [], |row| row.get(0)).unwrap();
    assert_eq!(soups, 1);
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let check = |path: &str| {
        let refusal = Journal::open(Path::new(path), &Settings::default(), Arc::new(SystemClock::start()));
        let words = refusal.unwrap_err().to_string();
        assert!(words.contains(path) && words.contains("the folder"), "{words}");
    };
    check("/proc/amslpr/journal.db");
    check("/sys/journal.db");
    check("/dev/null/journal.db");
}

#[test]
fn a_full_disk_loses_nothing_that_fits_in_memory_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let tight = Settings {
        largest_bytes: Some(100 * 1024),
        queue: 4,
        reserve: 2_000,
        patience: Duration::from_millis(5),
        retry: (Duration::from_millis(5), Duration::from_millis(20)),
        ..with_outbox()
    };
    let journal = open(&path, &tight);
    let writer = journal.writer();
    let mut handed = Vec::new();
    for n in 0..600 {
        handed.push(writer.record(Fact::Closed(sample::closed(n))));
    }
    assert!(!writer.flush(Duration::from_millis(200)), "600 passages do not fit in 100 KiB");
    let stats = journal.stats().snapshot();
    assert!(stats.failing && stats.failures > 0, "{stats:?}");
    assert!(handed.contains(&Handed::Spilled) && !handed.contains(&Handed::Lost), "{stats:?}");
    let recorded = stats.recorded;
    let left = journal.close(Duration::from_millis(50));
    assert_eq!(recorded + left as u64, 600, "each is on the disk or counted");

    let journal = open(&path, &with_outbox());
    assert_eq!(list(&path, &Filter::default()).len() as u64, recorded);
    record(&journal, 1000..1003);
    let seqs = journal.pending_facts().unwrap().undelivered(0, Lane::Everything, 2000).unwrap();
    let seqs: Vec<u64> = seqs.iter().map(|one| one.seq).collect();
    assert_eq!(seqs, (1..=recorded + 6).collect::<Vec<_>>(), "a failed commit makes no gap");
}

#[test]
fn a_full_reserve_loses_facts_and_counts_every_one() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { queue: 2, reserve: 3, patience: Duration::ZERO, ..Settings::default() };
    let (queue, stats) = (super::queue::Queue::new(settings), super::Stats::default());
    let handed: Vec<Handed> =
        (0..7).map(|n| queue.hand_over(Fact::Closed(sample::closed(n)), &stats)).collect();
    use Handed::{Lost, Queued, Spilled};
    assert_eq!(handed, [Queued, Queued, Spilled, Spilled, Spilled, Lost, Lost]);
    let counted = stats.snapshot();
    assert_eq!((counted.queued, counted.spilled, counted.lost), (5, 3, 2));
    drop(folder);
}

#[test]
fn an_odd_fact_is_given_up_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = open(&path, &with_outbox());
    record(&journal, 0..1);
    // A rule that refuses one plate stands for anything the database may object to in one fact only.
    let odd = sample::closed(2).passage.reading.unwrap().text;
    let trigger = format!(
        "CREATE TRIGGER odd BEFORE INSERT ON passages WHEN new.plate = '{odd}'
         BEGIN SELECT raise(ABORT, 'odd'); END"
    );
    rusqlite::Connection::open(&path).unwrap().execute_batch(&trigger).unwrap();
    let writer = journal.writer();
    for n in 1..6 {
        writer.record(Fact::Closed(sample::closed(n)));
    }
    assert!(writer.flush(SOON));
    let stats = journal.stats().snapshot();
    assert_eq!((stats.refused, stats.failing), (1, false), "{stats:?}");
    assert_eq!(list(&path, &Filter::default()).len(), 5);
}

#[test]
fn old_passages_are_erased_with_all_that_belongs_to_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = open(&path, &with_outbox());
    record(&journal, 0..1300);
    let cut = sample::closed(1200).passage.began;
    // Decided, and never closed: the power went. One is old, one is young.
    for n in [3000, 3001] {
        let mut orphan = sample::decided(&sample::closed(n));
        if n == 3000 {
            let old = sample::decided(&sample::closed(77));
            orphan.at = old.at;
            orphan.passage.0 = uuid::Uuid::from_u128(old.passage.0.as_u128() ^ 0xfff_0000);
        }
        journal.writer().record(Fact::Decided(orphan));
    }
    assert!(journal.writer().flush(SOON));
    journal.writer().erase_before(cut);
    let waited = SystemClock::start();
    while journal.stats().snapshot().erased < 1200 && waited.now().as_micros() < 20_000_000 {
        waited.sleep(Duration::from_millis(2));
    }
    journal.close(SOON);
    let db = rusqlite::Connection::open(&path).unwrap();
    for (table, left) in [("passages", 100), ("decisions", 101), ("reads", 100)] {
        let count = format!("SELECT count(*) FROM {table}");
        assert_eq!(db.query_row(&count, [], |row| row.get::<_, u32>(0)).unwrap(), left, "{table}");
    }
    assert!(list(&path, &Filter::default()).iter().all(|record| record.passage.began >= cut));
}

#[test]
fn numbers_go_on_after_the_outbox_was_erased_by_age() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = open(&path, &with_outbox());
    record(&journal, 0..3);
    journal.writer().erase_before(Timestamp::MAX);
    let waited = SystemClock::start();
    while journal.stats().snapshot().undelivered_dropped < 6 && waited.now().as_micros() < 20_000_000 {
        waited.sleep(Duration::from_millis(2));
    }
    journal.close(SOON);
    let journal = open(&path, &with_outbox());
    assert_eq!(journal.stats().snapshot().undelivered, 0);
    record(&journal, 3..4);
    let seqs = journal.pending_facts().unwrap().undelivered(0, Lane::Everything, 9).unwrap();
    assert_eq!(seqs.iter().map(|one| one.seq).collect::<Vec<_>>(), [7, 8]);
}

#[test]
fn a_missing_journal_and_one_that_is_none_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Reader::open(&folder.path().join("none.db")).unwrap_err().to_string();
    assert!(missing.contains("no such file") && missing.contains("none.db"), "{missing}");
    let text = folder.path().join("text.db");
    std::fs::write(&text, "this is no database, it is a sentence that goes on for a while".repeat(40))
        .unwrap();
    let broken = Reader::open(&text).unwrap_err().to_string();
    assert!(broken.contains("no journal"), "{broken}");
    assert_eq!(file::beside(&text, "-wal"), folder.path().join("text.db-wal"));
}

/// `AMSLPR_BENCH_ROWS=1000000 cargo test --release bench_measures -- --nocapture` prints numbers worth quoting.
#[test]
fn a_bench_measures_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let rows = std::env::var("AMSLPR_BENCH_ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(1_500);
    let report = super::bench::bench(folder.path(), rows).unwrap();
    println!("{report:#?}");
    assert_eq!(report.rows, rows);
    assert!(report.commit_median > Duration::ZERO && report.commit_median <= report.commit_p95);
    assert!(report.plate_median > Duration::ZERO && report.bytes_kept > 100);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "it cleans up");
}

#[test]
fn steps_of_a_gate_are_kept_told_in_order_and_erased_by_age() {
    use crate::fact::gate::Step;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = open(&path, &with_outbox());
    record(&journal, 2..3);
    let opened = Step::Actuated { pulse: Duration::from_millis(500) };
    let events = [sample::gate_event(2, opened), sample::gate_event(5, Step::Ordered)];
    for event in &events {
        journal.writer().record(Fact::Gate(event.clone()));
        journal.writer().record(Fact::Gate(event.clone()));
    }
    assert!(journal.writer().flush(SOON));
    let mut pending = journal.pending_facts().unwrap();
    let told = pending.undelivered(2, Lane::Everything, 10).unwrap();
    let told: Vec<_> = told.into_iter().map(|one| (one.seq, one.fact)).collect();
    assert_eq!(told, [(3, Fact::Gate(events[0].clone())), (4, Fact::Gate(events[1].clone()))]);
    let let_in = |since| Reader::open(&path).unwrap().let_in_since(&events[0].gate, since).unwrap();
    assert_eq!(let_in(events[0].at), [(sample::closed(2).passage.id, sample::plate(2))]);

    journal.writer().erase_before(events[1].at);
    record(&journal, 9..10);
    let mut left = || pending.undelivered(0, Lane::Everything, 10).unwrap();
    let clock = SystemClock::start();
    while left().iter().any(|one| matches!(&one.fact, Fact::Gate(event) if *event == events[0])) {
        assert!(clock.now().as_micros() < 20_000_000, "the old event stays");
    }
    assert!(let_in(events[0].at).is_empty());
}
