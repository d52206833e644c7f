//! Entries that are added, refused, seen by others, and remembered with facts.

use std::{sync::Arc, time::Duration};

use super::*;
use crate::{
    access::{Effect, Kind, List, PassUse},
    clock::SystemClock,
    fact::{Fact, sample},
    journal::{Journal, Settings},
};

fn text(plate: &str) -> PlateText {
    PlateText::normalise(plate).unwrap()
}

fn configured() -> Configured {
    let staff = List::new("staff", Kind::Allow);
    let loose = List { tolerant: true, ..List::new("loose", Kind::Allow) };
    Configured { lists: vec![staff, loose], schedules: Vec::new() }
}

fn add(list: &str, plate: &str) -> Change {
    Change::Add { list: list.to_owned(), entry: NewEntry::new(text(plate)) }
}

fn remove(list: &str, plate: &str) -> Change {
    Change::Remove { list: list.to_owned(), plate: text(plate) }
}

fn journal(folder: &Path) -> Journal {
    Journal::open(&folder.join("j.db"), &Settings::default(), Arc::new(SystemClock::start())).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn apply(store: &mut ListStore, second: i64, changes: &[Change]) -> Result<Applied, String> {
    let applied = store.apply(changes, &Actor::new("anna"), &configured(), at(second));
    applied.map_err(|error| error.to_string())
}

#[test]
fn entries_are_added_changed_removed_and_every_change_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(folder.path());
    let mut store = ListStore::open(journal.path()).unwrap();
    assert_eq!(store.last_change().unwrap(), 0);
    let both = [add("staff", "A1"), add("staff", "B2")];
    assert_eq!(apply(&mut store, 1, &both), Ok(Applied { added: 2, last: 2, ..Applied::default() }));
    assert_eq!(apply(&mut store, 2, &both), Ok(Applied { unchanged: 2, last: 2, ..Applied::default() }));
    let mut changed = NewEntry::new(text("A1"));
    changed.note = Some("Anna's van".to_owned());
    changed.until = Some(at(99));
    changed.pass = Pass { uses: Some(3), lasts: Some(Duration::from_secs(60)) };
    let change = Change::Add { list: "staff".to_owned(), entry: changed.clone() };
    assert_eq!(apply(&mut store, 3, &[change]), Ok(Applied { changed: 1, last: 3, ..Applied::default() }));
    let gone = apply(&mut store, 4, &[remove("staff", "B2")]);
    assert_eq!(gone, Ok(Applied { removed: 1, last: 4, ..Applied::default() }));
    let by = "anna".to_owned();
    let entry = Added { list: "staff".to_owned(), entry: changed, at: at(3), by };
    assert_eq!(store.entries().unwrap(), [entry]);
    let told: Vec<String> = store
        .changes(None, 9)
        .unwrap()
        .iter()
        .map(|c| format!("{} {} {}", c.nr, c.verb, c.plate.as_ref().unwrap()))
        .collect();
    assert_eq!(told, ["4 remove B2", "3 change A1", "2 add B2", "1 add A1"]);
    let [newest, ..] = &store.changes(Some(&text("A1")), 9).unwrap()[..] else { panic!() };
    assert_eq!((newest.before.as_deref(), newest.actor.as_str()), (Some("{}"), "anna"));
    let after = r#"{"note":"Anna's van","until":"1970-01-01T00:01:39Z","uses":3,"lasts_ms":60000}"#;
    assert_eq!(newest.after.as_deref(), Some(after));
}

#[test]
fn what_is_refused_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(folder.path());
    let mut store = ListStore::open(journal.path()).unwrap();
    let wrong = [
        add("staff", "A1"),
        add("stuff", "A2"),
        add("loose", "B0B"),
        add("loose", "BOB"),
        remove("staff", "Z9"),
    ];
    let Err(ApplyError::Refused(refusals)) = store.apply(&wrong, &Actor::new("anna"), &configured(), at(1))
    else {
        panic!("three of them are wrong")
    };
    assert_eq!(refusals.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [1, 3, 4]);
    assert_eq!((store.entries().unwrap(), store.last_change().unwrap()), (vec![], 0));
    apply(&mut store, 2, &[add("loose", "B0B")]).unwrap();
    assert!(apply(&mut store, 3, &[add("loose", "BOB")]).unwrap_err().contains("looks like B0B"));
    apply(&mut store, 4, &[remove("loose", "B0B"), add("loose", "BOB")]).unwrap();
}

#[test]
fn another_connection_sees_that_something_changed() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(folder.path());
    let (daemon, mut command) =
        (ListStore::open(journal.path()).unwrap(), ListStore::open(journal.path()).unwrap());
    let before = daemon.data_version().unwrap();
    assert_eq!(daemon.data_version().unwrap(), before);
    apply(&mut command, 1, &[add("staff", "A1")]).unwrap();
    assert_ne!(daemon.data_version().unwrap(), before);
    assert_eq!((daemon.last_change().unwrap(), daemon.entries().unwrap().len()), (1, 1));
}

#[test]
fn effects_and_grounds_are_kept_with_their_fact_and_come_back_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(folder.path());
    let mut decided = sample::decided(&sample::closed(1));
    let pass = PassUse { added: Some(at(1)), used: 1, first: at(5), last: at(5) };
    let inside = crate::access::Inside { list: "staff".to_owned(), since: at(5) };
    decided.effects = vec![
        Effect::Enters { plate: text("A1"), inside: inside.clone() },
        Effect::Enters { plate: text("B2"), inside },
        Effect::UsesPass { list: "staff".to_owned(), plate: text("A1"), pass },
    ];
    decided.decision.grounds.inside_since = Some(at(4));
    let mut closed = sample::closed(1);
    closed.decision = Some(decided.decision.clone());
    closed.effects = vec![Effect::Leaves { plate: text("B2") }];
    journal.writer().record(Fact::Decided(decided.clone()));
    journal.writer().record(Fact::Closed(closed));
    assert!(journal.writer().flush(Duration::from_secs(9)));
    let mut store = ListStore::open(journal.path()).unwrap();
    let memory = store.memory().unwrap();
    assert!(memory.inside(&text("A1"), at(6), Duration::from_secs(60)).is_some());
    assert!(memory.inside(&text("B2"), at(6), Duration::from_secs(60)).is_none());
    assert_eq!(memory.pass("staff", &text("A1"), Some(at(1))), Some(&pass));
    let kept = journal.reader().unwrap().decision(decided.passage).unwrap().unwrap();
    assert_eq!(kept.decision, decided.decision);
    // Somebody saw it drive off.
    let anna = Actor::new("anna");
    assert!(store.leave(&text("A1"), &anna, at(6)).unwrap());
    assert!(!store.leave(&text("A1"), &anna, at(6)).unwrap());
    assert_eq!((store.left_after(0).unwrap(), store.left_after(1).unwrap()), (vec![text("A1")], vec![]));
    assert!(store.memory().unwrap().inside(&text("A1"), at(6), Duration::from_secs(60)).is_none());
    // Taken off and added again: the pass is fresh.
    apply(&mut store, 7, &[add("staff", "A1")]).unwrap();
    assert_eq!(store.memory().unwrap().pass("staff", &text("A1"), Some(at(1))), None);
}

#[test]
fn changes_are_links_of_the_chain_that_the_daemon_goes_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("j.db");
    let settings = Settings { outbox: true, index_batch: 4, ..Settings::default() };
    let open = || Journal::open(&path, &settings, Arc::new(SystemClock::start())).unwrap();
    let journal = open();
    let record = |journal: &Journal, n: u64| {
        journal.writer().record(Fact::Closed(sample::closed(n)));
        assert!(journal.writer().flush(Duration::from_secs(9)));
    };
    // Another process: a connection of its own, between facts of the daemon.
    let mut store = ListStore::open(&path).unwrap();
    for n in 0..10 {
        record(&journal, n);
        apply(&mut store, 1, &[add("staff", &format!("A{n}")), add("staff", &format!("B{n}"))]).unwrap();
    }
    record(&journal, 0);
    assert_eq!(journal.stats().snapshot().duplicates, 1);
    let verified = crate::journal::care::verify(&path).unwrap();
    assert!(verified.is_sound(), "{verified:?}");
    assert_eq!((verified.chain.facts, *journal.recorded().borrow()), (30, 10), "the broker is told of none");

    // Tampering with who changed what is found, here in a copy.
    drop(store);
    assert_eq!(journal.close(Duration::from_secs(9)), 0);
    let copy = folder.path().join("copy.db");
    std::fs::copy(&path, &copy).unwrap();
    let changed = Connection::open(&copy).unwrap().execute(
        "UPDATE facts SET personal = CAST(replace(hex(personal), '616E6E61', '616E6E65') AS BLOB) WHERE nr = 3",
        [],
    );
    assert_eq!(changed, Ok(1));
    assert!(!crate::journal::care::verify(&copy).unwrap().is_sound());
    let store = ListStore::open(&path).unwrap();

    // An erased plate is erased here, too; that there was a change stays.
    assert_eq!(crate::journal::care::erase_plate(&path, &text("A3")).unwrap(), []);
    let all = store.changes(None, 99).unwrap();
    assert_eq!((all.len(), all.iter().filter(|change| change.plate.is_none()).count()), (20, 1));
    assert!(store.changes(Some(&text("A3")), 99).unwrap().is_empty());
    let journal = open();
    record(&journal, 77);
    let verified = crate::journal::care::verify(&path).unwrap();
    assert!(verified.is_sound() && verified.chain.erased == 1, "{verified:?}");
    // What is too old goes with the passages of its time.
    journal.writer().erase_before(Timestamp::MAX);
    record(&journal, 78);
    let clock = SystemClock::start();
    use crate::clock::Clock as _;
    while !store.changes(None, 99).unwrap().is_empty() {
        assert!(clock.now().as_micros() < 20_000_000, "old changes stay");
        clock.sleep(Duration::from_millis(5));
    }
    assert_eq!(store.last_change().unwrap(), 20, "numbers are not given again");
}

#[test]
fn changes_of_an_earlier_version_are_sealed_at_the_upgrade() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("j.db");
    let mut db = Connection::open(&path).unwrap();
    crate::journal::schema::upgrade_to(&mut db, 3).unwrap();
    db.execute_batch(
        "INSERT INTO changes (at, actor, verb, list, plate, before, after) VALUES
         (1000000, 'anna', 'add', 'staff', 'A1', NULL, '{}'), (2000000, 'anna', 'remove', 'staff', 'A1', '{}', NULL)",
    )
    .unwrap();
    drop(db);
    let journal = journal(folder.path());
    journal.writer().record(Fact::Closed(sample::closed(1)));
    assert!(journal.writer().flush(Duration::from_secs(9)));
    let changes = ListStore::open(&path).unwrap().changes(None, 9).unwrap();
    let told: Vec<_> = changes.iter().map(|c| (c.at, c.verb.as_str(), c.before.is_some())).collect();
    assert_eq!(told, [(at(2), "remove", true), (at(1), "add", false)]);
    let verified = crate::journal::care::verify(&path).unwrap();
    assert!(verified.is_sound() && verified.chain.facts == 3, "{verified:?}");
}

#[test]
fn a_journal_that_is_not_there_is_not_made() {
    let error = ListStore::open(Path::new("/nowhere/j.db")).unwrap_err().to_string();
    assert!(error.contains("the daemon makes it"), "{error}");
}
