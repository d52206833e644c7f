//! What the journal promises, asked of real files.

use std::{path::Path, sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{Cursor, Filter, Handed, Journal, ListStore, PlateFilter, Reader, Record, Settings, care, file};
use crate::{
    clock::{Clock, ManualClock, SystemClock},
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

fn list(path: &Path, filter: &Filter) -> Vec<Record> {
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
        let Record { passage, reads, decision, erased, clock_unset } =
            reader.passage(one.passage.id).unwrap().unwrap();
        assert_eq!(reader.reads(&one.passage).unwrap(), reads);
        let effects = Vec::new();
        assert_eq!((Closed { passage, reads, decision, effects, clock_unset }, erased), (one.clone(), false));
    }
    let mut pending = journal.pending_facts().unwrap();
    let facts: Vec<Fact> =
        pending.undelivered(0, Lane::Everything, 9).unwrap().into_iter().map(|one| one.fact).collect();
    assert_eq!(facts, [Fact::Closed(closed), Fact::Closed(bare)]);
}

#[test]
fn what_happened_while_nobody_had_set_the_clock_is_known_to_have_done_so() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(&folder.path().join("journal.db"), &with_outbox());
    let closed = sample::closed(3);
    let mut facts = [
        Fact::Decided(sample::decided(&closed)),
        Fact::Closed(closed),
        Fact::Gate(sample::gate_event(1, crate::fact::gate::Step::Ordered)),
    ];
    facts.iter_mut().for_each(Fact::mark_clock_unset);
    facts.iter().for_each(|fact| assert_eq!(journal.writer().record(fact.clone()), Handed::Queued));
    assert!(journal.writer().flush(SOON));
    let Fact::Closed(closed) = &facts[1] else { unreachable!("as written above") };
    assert!(journal.reader().unwrap().passage(closed.passage.id).unwrap().unwrap().clock_unset);
    let told = journal.pending_facts().unwrap().undelivered(0, Lane::Everything, 9).unwrap();
    let marked = told.into_iter().filter(|one| match &one.fact {
        Fact::Decided(decided) => decided.clock_unset,
        Fact::Closed(closed) => closed.clock_unset,
        Fact::Gate(event) => event.clock_unset,
        Fact::Evidence(_) => false,
    });
    assert_eq!(marked.count(), 3);
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
    let mut check = |filter: Filter, fits: &dyn Fn(&Record) -> bool| {
        let expected: Vec<_> = all.iter().filter(|record| fits(record)).cloned().collect();
        assert!(!expected.is_empty() && expected.len() < all.len(), "the case tells nothing");
        assert_eq!(reader.passages(&filter).unwrap(), expected, "{filter:?}");
        assert_eq!(reader.count(&filter).unwrap(), expected.len() as u64, "{filter:?}");
    };
    let text = all[30].passage.reading.as_ref().unwrap().text.clone();
    let has = |record: &Record, start: &str| {
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
    let heartbeat = crate::heartbeat::Heartbeat::new(Arc::new(SystemClock::start()));
    let (queue, stats) = (super::queue::Queue::new(settings, heartbeat), super::Stats::default());
    let handed: Vec<Handed> = (0..7)
        .map(|n| queue.hand_over(super::queue::Item::Fact(Box::new(Fact::Closed(sample::closed(n)))), &stats))
        .collect();
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
        "CREATE TRIGGER odd BEFORE INSERT ON facts WHEN instr(new.personal, '{odd}')
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

fn wait_for(what: &str, mut is_true: impl FnMut() -> bool) {
    let clock = SystemClock::start();
    while !is_true() {
        assert!(clock.now().as_micros() < 20_000_000, "waited in vain: {what}");
        clock.sleep(Duration::from_millis(2));
    }
}

#[test]
fn old_passages_are_erased_with_all_that_belongs_to_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let clock = Arc::new(ManualClock::at("2026-11-25T12:00:00Z".parse().unwrap()));
    let journal = Journal::open(&path, &with_outbox(), Arc::<ManualClock>::clone(&clock)).unwrap();
    // 2400 facts now, 200 an hour later.
    record(&journal, 0..1200);
    clock.advance(Duration::from_secs(3600));
    record(&journal, 1200..1300);
    let cut = clock.wall().checked_sub(jiff::SignedDuration::from_mins(1)).unwrap();
    journal.writer().erase_before(cut);
    wait_for("the erasure", || journal.stats().snapshot().erased == 1200);
    assert_eq!(journal.stats().snapshot().undelivered_dropped, 2400);
    record(&journal, 1300..1301);
    let mut reader = journal.reader().unwrap();
    assert_eq!(reader.passage(sample::closed(7).passage.id).unwrap(), None);
    assert_eq!(reader.count(&Filter::default()).unwrap(), 101);
    let days = reader.days(&Filter::default(), &jiff::tz::TimeZone::UTC).unwrap();
    assert_eq!(days.values().map(|day| day.passages).sum::<u64>(), 101);
    let seqs = journal.pending_facts().unwrap().undelivered(0, Lane::Everything, 9).unwrap();
    assert_eq!(seqs.first().map(|one| one.seq), Some(2401), "what is left keeps its number");
    assert_eq!(journal.close(SOON), 0);
    let db = rusqlite::Connection::open(&path).unwrap();
    for (table, left) in [("facts", 202), ("by_plate", 100), ("by_time", 100), ("by_id", 200)] {
        let count = format!("SELECT count(*) FROM {table}");
        assert_eq!(db.query_row(&count, [], |row| row.get::<_, u32>(0)).unwrap(), left, "{table}");
    }
    let verified = super::chain::verify(&db).unwrap();
    assert_eq!((verified.facts, verified.pruned, verified.faults), (202, 2400, vec![]));
}

#[test]
fn a_clock_that_went_wrong_neither_erases_nor_blocks_the_erasure() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let clock = Arc::new(ManualClock::at("2026-11-25T12:00:00Z".parse().unwrap()));
    let journal = Journal::open(&path, &Settings::default(), Arc::<ManualClock>::clone(&clock)).unwrap();
    let began = clock.wall();
    record(&journal, 0..10);
    // Ten years ahead for a moment, then back.
    clock.jump_wall_to(began.saturating_add(jiff::SignedDuration::from_hours(87_600)).unwrap());
    record(&journal, 10..20);
    clock.jump_wall_to(began.saturating_add(jiff::SignedDuration::from_hours(2)).unwrap());
    record(&journal, 20..30);
    journal.writer().erase_before(began.saturating_add(jiff::SignedDuration::from_hours(1)).unwrap());
    wait_for("the erasure", || journal.stats().snapshot().erased == 20);
    assert_eq!(list(&path, &Filter::default()).len(), 10);
}

#[test]
fn the_index_and_what_it_does_not_hold_yet_give_the_same_answers() {
    let folder = tempfile::tempdir().unwrap();
    let (early, late) = (folder.path().join("early.db"), folder.path().join("late.db"));
    let often = Settings { index_batch: 16, ..Settings::default() };
    let indexed = open(&early, &often);
    record(&indexed, 0..300);
    let behind = open(&late, &Settings { index_batch: 1_000_000, ..Settings::default() });
    record(&behind, 0..300);
    let text = |n: u64| sample::closed(n).passage.reading.unwrap().text;
    let began = |n: u64| sample::closed(n).passage.began;
    let filters = [
        Filter::default(),
        Filter { limit: Some(13), ..Filter::default() },
        Filter { plate: Some(PlateFilter::Exactly(text(17))), ..Filter::default() },
        Filter { plate: Some(PlateFilter::StartsWith(plate(&text(17).as_str()[..1]))), ..Filter::default() },
        Filter { since: Some(began(50)), until: Some(began(280)), limit: Some(7), ..Filter::default() },
        Filter { camera: Some(CameraId::new("gate-in")), limit: Some(40), ..Filter::default() },
    ];
    for filter in filters {
        assert_eq!(list(&early, &filter), list(&late, &filter), "{filter:?}");
        let (mut a, mut b) = (Reader::open(&early).unwrap(), Reader::open(&late).unwrap());
        assert_eq!(a.count(&filter).unwrap(), b.count(&filter).unwrap(), "{filter:?}");
    }
    for zone in ["UTC", "Asia/Kathmandu"] {
        let zone = jiff::tz::TimeZone::get(zone).unwrap();
        let days = |path: &Path| Reader::open(path).unwrap().days(&Filter::default(), &zone).unwrap();
        assert_eq!(days(&early), days(&late));
        assert_eq!(days(&early).values().map(|day| day.passages).sum::<u64>(), 300);
    }
    // Both forms survive a restart, and know what they hold.
    drop((indexed, behind));
    for path in [&early, &late] {
        let journal = open(path, &often);
        record(&journal, 290..310);
        assert_eq!(journal.stats().snapshot().duplicates, 20);
        assert_eq!(list(path, &Filter::default()).len(), 310);
    }
}

#[test]
fn numbers_go_on_after_the_outbox_was_erased_by_age() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = open(&path, &with_outbox());
    record(&journal, 0..3);
    journal.writer().erase_before(Timestamp::MAX);
    wait_for("the erasure", || journal.stats().snapshot().undelivered_dropped == 6);
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
    let visitor = crate::fact::privacy::Visitor::Plate(sample::plate(2).unwrap());
    assert_eq!(let_in(events[0].at), [(sample::closed(2).passage.id, visitor)]);

    journal.writer().erase_before(jiff::Timestamp::MAX);
    record(&journal, 9..10);
    let mut left = || pending.undelivered(0, Lane::Everything, 10).unwrap();
    let clock = SystemClock::start();
    while left().iter().any(|one| matches!(&one.fact, Fact::Gate(event) if *event == events[0])) {
        assert!(clock.now().as_micros() < 20_000_000, "the old event stays");
    }
    assert!(let_in(events[0].at).is_empty());
}

#[test]
fn a_journal_that_is_as_large_as_it_may_be_erases_the_oldest_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let largest = 1 << 20;
    let settings = Settings { largest_bytes: Some(largest), checkpoint_bytes: 64 << 10, ..with_outbox() };
    let journal = open(&path, &settings);
    for n in (0..3000).step_by(100) {
        record(&journal, n..n + 100);
        let size = std::fs::metadata(&path).unwrap().len();
        assert!(size <= largest, "{size} bytes after {n} passages");
        let health = care::verify(&path).unwrap();
        assert!(health.is_sound(), "while the oldest go: {health:?}");
    }
    let stats = journal.stats();
    wait_for("room", || stats.snapshot().queued == 0);
    // It may still be making room: then the one is counted before and the other after.
    let kept = || Reader::open(&path).unwrap().count(&Filter::default()).unwrap();
    let mut seen = (kept(), stats.snapshot());
    wait_for("what is kept and what went to add up", || {
        seen = (kept(), stats.snapshot());
        seen.0 + seen.1.erased_for_room == 3000
    });
    let (kept, counted) = seen;
    assert_eq!((counted.lost, counted.refused, counted.recorded), (0, 0, 6000), "{counted:?}");
    assert_eq!(counted.erased_for_room + kept, 3000);
    assert!(counted.erased_for_room > 500 && kept > 200, "{counted:?}");
    assert!(counted.undelivered_dropped > 0 && counted.erased == counted.erased_for_room);
    let newest = list(&path, &Filter { limit: Some(1), ..Filter::default() });
    assert_eq!(newest[0].passage.id, sample::closed(2999).passage.id);
    let health = care::verify(&path).unwrap();
    assert!(health.is_sound() && health.chain.pruned > 0, "{health:?}");
    // A limit that is lowered makes the file smaller.
    assert_eq!(journal.close(SOON), 0);
    let journal = open(&path, &Settings { largest_bytes: Some(largest / 2), ..settings });
    record(&journal, 3000..3001);
    wait_for("a smaller file", || {
        record(&journal, 4000..4001);
        std::fs::metadata(&path).unwrap().len() <= largest / 2 + (64 << 10)
    });
    assert!(care::verify(&path).unwrap().is_sound());
}

#[test]
fn of_what_is_never_stored_nothing_is_a_fact_and_its_effects_are_remembered() {
    use crate::{
        access::{Effect, Inside},
        fact::{
            gate::Step,
            privacy::{Unstored, Visitor},
        },
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = open(&path, &with_outbox());
    let (passage, plate) = (sample::closed(2).passage.id, sample::plate(2).unwrap());
    let inside = Inside { list: "residents".to_owned(), since: SystemClock::start().wall() };
    let effects = vec![Effect::Enters { plate: plate.clone(), inside }];
    journal.writer().remember(Unstored { effects, let_in: Some((passage, plate.clone())) });
    let opened = sample::gate_event(2, Step::Actuated { pulse: Duration::from_millis(500) });
    journal.writer().record(Fact::Gate(opened.clone()));
    assert_eq!(journal.close(SOON), 0);

    let journal = open(&path, &with_outbox());
    let memory = ListStore::open(&path).unwrap().memory().unwrap();
    assert_eq!(memory.all_inside(jiff::Timestamp::MAX, Duration::MAX).len(), 1);
    let visitors = journal.reader().unwrap().let_in_since(&opened.gate, opened.at).unwrap();
    let [(seen, Visitor::Marked(mark))] = &visitors[..] else { panic!("{visitors:?}") };
    assert!(*seen == passage && mark.fits(&plate) && !mark.fits(&sample::plate(3).unwrap()));
    let health = care::verify(&path).unwrap();
    assert_eq!((health.is_sound(), health.chain.facts), (true, 1), "the gate's event");
    let stored = std::fs::read(&path).unwrap();
    let text = plate.as_str().as_bytes();
    let left = stored.windows(text.len()).filter(|bytes| *bytes == text).count();
    assert_eq!(left, 1, "who is inside, and nothing else");
}
