//! The journal on a disk that really fills up and really becomes read-only: a small file system of its own, in a
//! mount namespace that ends with the test.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::{path::Path, process::Command, sync::Arc, time::Duration};

use amslpr::{
    clock::{Clock, SystemClock},
    fact::{Fact, Lane, Outbox as _, sample},
    journal::{Filter, Handed, Journal, ListStore, Reader, Settings},
};

/// Runs one of the ignored tests below with `$1` mounted as a file system of 3 MiB.
fn on_a_small_disk(test: &str) {
    let folder = tempfile::tempdir().unwrap();
    let isolated = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]);
        command.arg(folder.path()).arg(std::env::current_exe().unwrap()).arg(test);
        command.env("AMSLPR_TEST_DISK", folder.path());
        command
    };
    let mount = "mount -t tmpfs -o size=3m tmpfs \"$1\"";
    if !isolated(mount).output().is_ok_and(|output| output.status.success()) {
        println!("no mount namespaces here: nothing is tested");
        return;
    }
    let script = format!("{mount} && exec \"$2\" --ignored --exact \"$3\"");
    let output = isolated(&script).output().unwrap();
    let words = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && words.contains("1 passed"), "{words}");
}

fn settings() -> Settings {
    Settings {
        outbox: true,
        checkpoint_bytes: 64 << 10,
        retry: (Duration::from_millis(10), Duration::from_millis(50)),
        ..Settings::default()
    }
}

fn open(path: &Path) -> Result<Journal, String> {
    Journal::open(path, &settings(), Arc::new(SystemClock::start())).map_err(|error| error.to_string())
}

fn wait_for(what: &str, mut is_true: impl FnMut() -> bool) {
    let clock = SystemClock::start();
    while !is_true() {
        assert!(clock.now().as_micros() < 20_000_000, "waited in vain: {what}");
        clock.sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_a_full_disk_did_not_take_is_recorded_when_there_is_room_again() {
    on_a_small_disk("with_a_disk_that_fills_up");
}

#[test]
#[ignore = "needs a small disk: is started by what_a_full_disk_did_not_take_is_recorded_when_there_is_room_again"]
fn with_a_disk_that_fills_up() {
    let Some(disk) = std::env::var_os("AMSLPR_TEST_DISK") else { return };
    let disk = Path::new(&disk);
    let path = disk.join("journal.db");
    let journal = open(&path).unwrap();
    let (writer, stats) = (journal.writer(), journal.stats());
    let filler = disk.join("filler");
    // Fails at the end of the disk, which is what it is for.
    let full = std::fs::write(&filler, vec![0x55; 4 << 20]);
    assert!(full.is_err());
    for n in 0..600 {
        assert_ne!(writer.record(Fact::Closed(sample::closed(n))), Handed::Lost);
    }
    wait_for("the full disk is noticed", || stats.snapshot().failing);
    assert!(stats.snapshot().recorded < 600);
    std::fs::remove_file(&filler).unwrap();
    assert!(writer.flush(Duration::from_secs(20)), "{:?}", stats.snapshot());
    let counted = stats.snapshot();
    assert_eq!((counted.recorded, counted.failing, counted.lost, counted.refused), (600, false, 0, 0));
    assert_eq!(Reader::open(&path).unwrap().count(&Filter::default()).unwrap(), 600);
}

/// Not one byte more.
fn fill(disk: &Path) {
    use std::io::Write as _;
    let mut filler = std::fs::File::create(disk.join("filler")).unwrap();
    for piece in [1 << 20, 4096, 1] {
        while filler.write_all(&vec![0x55; piece]).is_ok() {}
    }
}

#[test]
fn a_disk_that_is_full_at_the_start_is_waited_for_and_nothing_is_lost() {
    on_a_small_disk("with_a_disk_that_is_full_at_the_start");
}

#[test]
#[ignore = "needs a small disk: is started by a_disk_that_is_full_at_the_start_is_waited_for_and_nothing_is_lost"]
fn with_a_disk_that_is_full_at_the_start() {
    let Some(disk) = std::env::var_os("AMSLPR_TEST_DISK") else { return };
    let disk = Path::new(&disk);
    // A journal that is there, with its lock; and one that is not.
    for (path, before) in [(disk.join("old.db"), 7), (disk.join("new/journal.db"), 0)] {
        if before > 0 {
            let journal = open(&path).unwrap();
            for n in 0..before {
                journal.writer().record(Fact::Closed(sample::closed(n)));
            }
            assert_eq!(journal.close(Duration::from_secs(20)), 0);
        } else {
            std::fs::create_dir(path.parent().unwrap()).unwrap();
        }
        fill(disk);
        let journal = open(&path).unwrap_or_else(|error| panic!("{error}"));
        let (writer, stats) = (journal.writer(), journal.stats());
        let full = stats.snapshot();
        assert!(full.failing && full.disk_full && !journal.is_open(), "{full:?}");
        assert!(open(&path).is_err(), "it is held all the same");
        if before > 0 {
            // Lists can be read as they lie there, wherever one stands.
            std::env::set_current_dir(disk).unwrap();
            assert!(ListStore::at_rest(Path::new("old.db")).unwrap().is_some());
        }
        let mut pending = journal.pending_facts().unwrap();
        assert!(pending.undelivered(0, Lane::Everything, 9).unwrap().is_empty());
        for n in before..before + 600 {
            assert_ne!(writer.record(Fact::Closed(sample::closed(n))), Handed::Lost);
        }
        wait_for("it is tried again", || stats.snapshot().failures > 3);
        assert!(!writer.flush(Duration::from_millis(20)));
        std::fs::remove_file(disk.join("filler")).unwrap();
        assert!(writer.flush(Duration::from_secs(20)), "{:?}", stats.snapshot());
        let counted = stats.snapshot();
        assert_eq!((counted.recorded, counted.failing, counted.lost, counted.refused), (600, false, 0, 0));
        let count = Reader::open(&path).unwrap().count(&Filter::default()).unwrap();
        assert_eq!(count, before + 600);
        assert_eq!(pending.undelivered(0, Lane::Everything, 9).unwrap().len(), 9);
        drop(journal);
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_read_only_disk_is_named_at_the_start() {
    on_a_small_disk("with_a_disk_that_is_read_only");
}

#[test]
#[ignore = "needs a small disk: is started by a_read_only_disk_is_named_at_the_start"]
fn with_a_disk_that_is_read_only() {
    let Some(disk) = std::env::var_os("AMSLPR_TEST_DISK") else { return };
    let path = Path::new(&disk).join("journal.db");
    let journal = open(&path).unwrap();
    journal.writer().record(Fact::Closed(sample::closed(1)));
    assert_eq!(journal.close(Duration::from_secs(20)), 0);
    assert!(Command::new("mount").args(["-o", "remount,ro"]).arg(&disk).status().unwrap().success());
    let refusal = open(&path).unwrap_err();
    assert!(refusal.contains("cannot be written to") && refusal.contains("journal.db"), "{refusal}");
    assert!(refusal.contains("Read-only"), "{refusal}");
    assert!(Command::new("mount").args(["-o", "remount,rw"]).arg(&disk).status().unwrap().success());

    // The file alone, for a user who may not write it.
    let mut rights = std::fs::metadata(&path).unwrap().permissions();
    rights.set_readonly(true);
    std::fs::set_permissions(&path, rights).unwrap();
    let bind = Command::new("mount").args(["--bind", "-o", "ro"]).args([&path, &path]).status().unwrap();
    assert!(bind.success());
    let refusal = open(&path).unwrap_err();
    assert!(refusal.contains("it is read-only") && refusal.contains("journal.db"), "{refusal}");
}
