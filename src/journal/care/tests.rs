//! What looking after a journal promises, asked of real files, some of them tampered with.

use std::sync::Arc;

use super::*;
use crate::{
    access::Nearest,
    clock::SystemClock,
    fact::{Fact, Lane, Outbox, sample},
    infer::EngineKind,
    journal::{Filter, Journal, PlateFilter, Reader, Settings},
};

const SOON: Duration = Duration::from_secs(20);

fn settings() -> Settings {
    Settings { outbox: true, index_batch: 64, ..Settings::default() }
}

fn open(path: &Path) -> Journal {
    Journal::open(path, &settings(), Arc::new(SystemClock::start())).unwrap()
}

fn record(journal: &Journal, numbers: std::ops::Range<u64>) {
    let writer = journal.writer();
    for n in numbers {
        let closed = sample::closed(n);
        writer.record(Fact::Decided(sample::decided(&closed)));
        writer.record(Fact::Closed(closed));
    }
    assert!(writer.flush(SOON));
}

fn count(path: &Path) -> u64 {
    Reader::open(path).unwrap().count(&Filter::default()).unwrap()
}

fn plate(n: u64) -> PlateText {
    sample::plate(n).unwrap()
}

#[test]
fn a_journal_as_it_was_recorded_is_sound_and_says_where_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = open(&path);
    record(&journal, 0..100);
    let health = verify(&path).unwrap();
    assert!(health.is_sound(), "{health:?}");
    assert_eq!((health.chain.facts, health.chain.pruned, health.chain.erased), (200, 0, 0));
    let (nr, hash) = health.chain.head.unwrap();
    record(&journal, 100..101);
    assert_eq!(nr, 200);
    assert_eq!(hash_of(&path, nr).unwrap(), Some(hash), "what is recorded later builds upon it");
    assert_eq!(hash_of(&path, 999).unwrap(), None);
}

#[test]
fn tampering_is_found_and_named() {
    let check = |tamper: &str, named: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let journal = open(&path);
        record(&journal, 0..20);
        assert_eq!(journal.close(SOON), 0);
        Connection::open(&path).unwrap().execute_batch(tamper).unwrap();
        let health = verify(&path).unwrap();
        let faults: Vec<String> = health.chain.faults.iter().map(ToString::to_string).collect();
        assert_eq!(faults.len(), named.len(), "{tamper}: {faults:?}");
        assert!(!health.is_sound());
        for (fault, name) in faults.iter().zip(named) {
            assert!(fault.contains(name), "{tamper}: {fault}");
        }
    };
    // A plate of the same length, byte for byte.
    check(
        "UPDATE facts SET personal = CAST(replace(hex(personal), '41', '42') AS BLOB) WHERE nr = 7",
        &["fact 7 "],
    );
    check("UPDATE facts SET open = zeroblob(length(open)) WHERE nr IN (3, 9)", &["fact 3 ", "fact 9 "]);
    check("UPDATE facts SET recorded = recorded + 1 WHERE nr = 40", &["fact 40 "]);
    check("UPDATE facts SET kind = 1 - kind WHERE nr = 12", &["fact 12 "]);
    check("DELETE FROM facts WHERE nr IN (11, 12)", &["facts 11 to 12 are missing"]);
    check("DELETE FROM facts WHERE nr < 5", &["facts 1 to 4 are missing"]);
    check("UPDATE facts SET personal = NULL WHERE nr = 8", &["fact 8 has lost its personal part"]);
    check("UPDATE facts SET hash = zeroblob(32) WHERE nr = 15", &["fact 15 ", "fact 16 "]);
    check(
        "UPDATE facts SET nr = -1 WHERE nr = 5; UPDATE facts SET nr = 5 WHERE nr = 6; UPDATE facts SET nr = 6 WHERE nr = -1",
        &["fact 5 ", "fact 6 ", "fact 7 "],
    );
}

#[test]
fn a_plate_is_erased_from_all_that_names_it_and_the_rest_stays_proven() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = open(&path);
    record(&journal, 0..200);
    let mut lookalike = sample::closed(500);
    lookalike.passage.reading.as_mut().unwrap().runner_up =
        Some((plate(17), crate::plate::Confidence::new(0.1)));
    let longer = PlateText::normalise(&format!("{}X", plate(17))).unwrap();
    let mut other = sample::closed(501);
    other.passage.reading.as_mut().unwrap().text = longer.clone();
    let mut misread = sample::closed(502);
    misread.reads[3].text = plate(17);
    misread.reads[3].engine = EngineKind::Tesseract;
    let mut elsewhere = sample::closed(504);
    elsewhere.reads[3].text = plate(17);
    elsewhere.reads[3].engine = EngineKind::OnnxRuntime;
    let mut near = sample::closed(503);
    let nearest = Nearest { list: "staff".to_owned(), plate: plate(17), distance: 0.4 };
    near.decision.as_mut().unwrap().grounds.nearest = Some(nearest);
    for one in [&lookalike, &other, &misread, &near, &elsewhere] {
        journal.writer().record(Fact::Closed(one.clone()));
    }
    assert!(journal.writer().flush(SOON));

    let erased = erase_plate(&path, &plate(17)).unwrap();
    let named =
        [&sample::closed(17), &lookalike, &misread, &near, &elsewhere].map(|closed| closed.passage.id);
    assert_eq!(erased, named);
    assert_eq!(erase_plate(&path, &plate(17)).unwrap(), []);
    let mut reader = Reader::open(&path).unwrap();
    let of =
        |text: &PlateText| Filter { plate: Some(PlateFilter::Exactly(text.clone())), ..Filter::default() };
    assert_eq!(reader.count(&of(&plate(17))).unwrap(), 0);
    assert_eq!(reader.count(&of(&longer)).unwrap(), 1, "a plate that only contains it stays");
    assert_eq!(reader.count(&Filter::default()).unwrap(), 205, "the passages stay");
    let record_of = reader.passage(erased[0]).unwrap().unwrap();
    assert!(record_of.erased && record_of.passage.reading.is_none() && record_of.reads.is_empty());
    assert_eq!(record_of.passage.frames, 31, "what names nobody stays");

    // The daemon goes on, on the same chain; the broker still gets every number.
    record(&journal, 200..210);
    let mut outbox = journal.pending_facts().unwrap();
    let told = outbox.undelivered(0, Lane::Everything, 1000).unwrap();
    assert_eq!(told.iter().map(|one| one.seq).collect::<Vec<_>>(), (1..=425).collect::<Vec<_>>());
    let health = verify(&path).unwrap();
    assert!(health.is_sound(), "{health:?}");
    assert_eq!(
        health.chain.erased, 6,
        "its decision, its passage, a runner-up, two reads, and a nearest entry"
    );

    drop((reader, outbox));
    assert_eq!(journal.close(SOON), 0);
    let bytes = std::fs::read(&path).unwrap();
    let text = plate(17).to_string();
    let left = bytes.windows(text.len()).filter(|bytes| *bytes == text.as_bytes()).count();
    assert_eq!(
        left,
        bytes.windows(longer.as_str().len()).filter(|b| *b == longer.as_str().as_bytes()).count()
    );
}

#[test]
fn a_backup_of_a_journal_in_use_is_whole_and_can_be_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = open(&path);
    record(&journal, 0..100);
    for name in ["copy.db", "copy.db.gz"] {
        let target = folder.path().join(name);
        let bytes = back_up(&path, &target, &mut Pace::free()).unwrap();
        assert!(bytes > 1000, "{bytes}");
        assert!(matches!(back_up(&path, &target, &mut Pace::free()), Err(CareError::Exists(_))));
        if name.ends_with(".gz") {
            assert!(bytes < std::fs::metadata(folder.path().join("copy.db")).unwrap().len());
        } else {
            assert_eq!(count(&target), 100);
            assert!(verify(&target).unwrap().is_sound());
        }
        record(&journal, 100..150);
        let refusal = restore(&target, &path, jiff::Timestamp::UNIX_EPOCH).unwrap_err().to_string();
        assert!(refusal.contains("stop the daemon") && refusal.contains("process"), "{refusal}");
    }
    assert_eq!(journal.close(SOON), 0);
    let kept =
        restore(&folder.path().join("copy.db.gz"), &path, jiff::Timestamp::UNIX_EPOCH).unwrap().unwrap();
    assert_eq!((count(&path), count(&kept)), (150, 150));
    let kept = restore(&folder.path().join("copy.db"), &path, jiff::Timestamp::MAX).unwrap().unwrap();
    assert_eq!((count(&path), count(&kept)), (100, 150));
    // It is a journal like any other, and goes on.
    let journal = open(&path);
    record(&journal, 100..101);
    assert!(verify(&path).unwrap().is_sound());
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|one| one.unwrap().file_name()).collect();
    let stray = |name: &std::ffi::OsString| {
        let name = name.to_string_lossy();
        [".copy", ".part", ".restored"].iter().any(|suffix| name.ends_with(suffix))
    };
    assert!(!left.iter().any(stray), "{left:?}");
}

#[test]
fn a_backup_of_an_older_form_is_brought_to_today_s() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    for old in 1..schema::VERSION {
        let backup = folder.path().join(format!("form-{old}.db"));
        let mut db = Connection::open(&backup).unwrap();
        schema::upgrade_to(&mut db, old).unwrap();
        drop(db);
        restore(&backup, &path, jiff::Timestamp::from_second(old as i64).unwrap()).unwrap();
        assert_eq!(count(&path), 0);
    }
    let journal = open(&path);
    record(&journal, 0..3);
    assert_eq!(journal.close(SOON), 0);
    // A database without anything in it is no backup, however sound it is.
    let empty = folder.path().join("empty.db");
    Connection::open(&empty).unwrap().execute_batch("VACUUM").unwrap();
    let refusal = restore(&empty, &path, jiff::Timestamp::UNIX_EPOCH).unwrap_err().to_string();
    assert!(refusal.contains("no journal in it") && refusal.contains("empty.db"), "{refusal}");
    assert_eq!(count(&path), 3);
}

#[test]
fn what_root_restores_belongs_to_whom_the_folder_belongs_and_a_link_there_leads_nowhere() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
    let folder = tempfile::tempdir().unwrap();
    let (path, backup) = (folder.path().join("journal.db"), folder.path().join("copy.db"));
    let journal = open(&path);
    record(&journal, 0..3);
    assert_eq!(journal.close(SOON), 0);
    back_up(&path, &backup, &mut Pace::free()).unwrap();
    // Only root can give files away; to anybody else all belongs to the one who asks.
    let mine = std::fs::metadata(&path).unwrap().uid();
    let owner = chown(folder.path(), Some(65_534), Some(65_534)).map_or(mine, |()| 65_534);
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let _ = chown(file.unwrap().path(), Some(65_534), Some(65_534));
    }
    let lock = folder.path().join("journal.db.lock");
    std::fs::remove_file(&lock).unwrap();
    restore(&backup, &path, jiff::Timestamp::UNIX_EPOCH).unwrap();
    for file in [&path, &lock] {
        assert_eq!(std::fs::metadata(file).unwrap().uid(), owner, "{}", file.display());
    }
    // Somebody else's file behind the lock's name.
    let precious = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(precious.path(), "precious").unwrap();
    std::fs::set_permissions(precious.path(), std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::remove_file(&lock).unwrap();
    symlink(precious.path(), &lock).unwrap();
    let refusal = restore(&backup, &path, jiff::Timestamp::MAX).unwrap_err().to_string();
    assert_eq!(std::fs::read_to_string(precious.path()).unwrap(), "precious", "{refusal}");
    assert_eq!(std::fs::metadata(precious.path()).unwrap().uid(), mine);
}

#[test]
fn a_journal_that_lies_where_nothing_may_be_written_is_read_all_the_same() {
    use std::os::unix::fs::{PermissionsExt as _, chown};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = open(&path);
    record(&journal, 0..3);
    assert_eq!(journal.close(SOON), 0);
    // To root everything may be written: it looks as somebody else.
    for one in [path.as_path(), folder.path()] {
        let _ = chown(one, Some(65_534), Some(65_534));
    }
    let may = |mode| std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(mode)).unwrap();
    may(0o555);
    let looked = as_owner(folder.path(), || (count(&path), verify(&path).map(|health| health.is_sound())));
    may(0o755);
    assert!(matches!(looked, Ok((3, Ok(true)))), "{looked:?}");
}

#[test]
fn what_is_no_sound_backup_is_not_put_in_the_journal_s_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = open(&path);
    record(&journal, 0..50);
    assert_eq!(journal.close(SOON), 0);
    let check = |name: &str, spoil: &dyn Fn(&Path)| {
        let backup = folder.path().join(name);
        back_up(&path, &backup, &mut Pace::free()).unwrap();
        spoil(&backup);
        let refusal = restore(&backup, &path, jiff::Timestamp::UNIX_EPOCH).unwrap_err();
        assert_eq!(count(&path), 50, "{name}: {refusal}");
    };
    check("tampered.db", &|backup| {
        Connection::open(backup).unwrap().execute("UPDATE facts SET recorded = 0 WHERE nr = 9", []).unwrap();
    });
    check("short.db.gz", &|backup| {
        let bytes = std::fs::read(backup).unwrap();
        std::fs::write(backup, &bytes[..bytes.len() / 2]).unwrap();
    });
    check("text.db", &|backup| std::fs::write(backup, "no database").unwrap());
    check("gone.db", &|backup| std::fs::remove_file(backup).unwrap());
}

#[test]
fn maintenance_gives_back_what_an_erasure_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = open(&path);
    record(&journal, 0..1500);
    journal.writer().erase_before(jiff::Timestamp::MAX);
    let clock = SystemClock::start();
    use crate::clock::Clock as _;
    while journal.stats().snapshot().erased < 1500 {
        assert!(clock.now().as_micros() < 20_000_000);
        clock.sleep(Duration::from_millis(5));
    }
    assert_eq!(journal.close(SOON), 0);
    let size = || std::fs::metadata(&path).unwrap().len();
    let before = size();
    tidy(&path, &mut Pace::of(100 << 20)).unwrap();
    assert!(verify(&path).unwrap().is_sound());
    assert!(size() * 5 < before, "{before}, now {}", size());
    let journal = open(&path);
    record(&journal, 2000..2010);
    tidy(&path, &mut Pace::free()).unwrap();
    assert_eq!(verify(&path).unwrap().chain.facts, 21, "also while it is in use");
}
