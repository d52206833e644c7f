//! The upkeep that timers do: check, erase what is too old, tidy up, back up; and what became of it the last time.
//!
//! Each step is done whatever became of the one before; what went wrong is kept beside the journal, in a file of a few
//! lines that the daemon reads when it says how everything is. Done beside a running daemon, at a bounded pace.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::{CareError, Pace, Result, back_up, first_fault, tidy, verify, write_connection};
use crate::{
    clock::Clock,
    journal::{
        file::{self, beside},
        retention,
        words::Words,
    },
};

/// The newest fact is never so much older than now on a machine that is in use: the clock may be wrong instead.
const DOUBTFUL: SignedDuration = SignedDuration::from_hours(24 * 30);
/// Facts erased in one transaction.
const PIECE: usize = 200;
/// What is kept of the last upkeep is never larger.
const LARGEST: u64 = 64 << 10;
/// Problems that are kept.
const MOST_PROBLEMS: usize = 10;

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Work {
    /// Look for damage and tampering.
    pub check: bool,
    /// Erase what was recorded longer ago than this, unless a daemon runs: it does that by itself.
    pub erase: Option<Duration>,
    /// The planner's figures, free space.
    pub tidy: bool,
    /// The folder of the backups: one for each day of the week.
    pub backup: Option<PathBuf>,
    pub pace: Pace,
}

/// What became of the upkeep the last time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Report {
    /// Check, erase, tidy.
    pub kept: Option<Kept>,
    pub backup: Option<Saved>,
}

/// A time, written as people write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct At(pub Timestamp);

impl TryFrom<String> for At {
    type Error = jiff::Error;

    fn try_from(written: String) -> std::result::Result<Self, jiff::Error> {
        written.parse().map(Self)
    }
}

impl From<At> for String {
    fn from(at: At) -> Self {
        at.0.to_string()
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    pub at: At,
    pub seconds: f64,
    /// What is wrong, in words; empty: all is well.
    pub problems: Vec<String>,
    /// Facts of the journal; `None`: they were not counted.
    pub facts: Option<u64>,
    /// Facts that were erased for their age; `None`: that is the running daemon's business, or nobody's.
    pub erased: Option<u64>,
    /// Size of the file and its log, before and after.
    pub bytes: (u64, u64),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    pub at: At,
    pub seconds: f64,
    /// Why there is no backup of this time.
    pub problem: Option<String>,
    /// The last one that was made: put back into a scratch file, and compared.
    pub file: Option<PathBuf>,
    pub bytes: u64,
    pub made: Option<At>,
}

impl Report {
    /// What is wrong, of either.
    pub fn problems(&self) -> Vec<&str> {
        let kept = self.kept.iter().flat_map(|kept| kept.problems.iter().map(String::as_str));
        kept.chain(self.backup.iter().filter_map(|saved| saved.problem.as_deref())).collect()
    }
}

/// Does the work, step by step, and keeps what became of it.
pub fn upkeep(path: &Path, work: &mut Work, clock: &dyn Clock) -> Result<Report> {
    // A file that is none of ours is not touched, and nothing is written beside it.
    drop(super::reader::connect(path)?);
    let mut report = last(path).unwrap_or_default();
    if work.check || work.erase.is_some() || work.tidy {
        report.kept = Some(keep(path, work, clock));
    }
    if let Some(folder) = work.backup.clone() {
        let before = report.backup.take();
        report.backup = Some(save(path, &folder, before, &mut work.pace, clock));
    }
    write(path, &report)?;
    Ok(report)
}

/// What became of it the last time; `None` if there was none, or if it cannot be read.
pub fn last(path: &Path) -> Option<Report> {
    let place = place(path);
    let length = std::fs::metadata(&place).ok()?.len();
    let text = std::fs::read(&place).ok().filter(|_| length <= LARGEST)?;
    serde_json::from_slice(&text).ok()
}

fn place(path: &Path) -> PathBuf {
    beside(path, ".upkeep")
}

fn keep(path: &Path, work: &Work, clock: &dyn Clock) -> Kept {
    let (at, began, before) = (clock.wall(), clock.now(), size(path));
    let mut kept = Kept {
        at: At(at),
        seconds: 0.0,
        problems: Vec::new(),
        facts: None,
        erased: None,
        bytes: (before, before),
    };
    if work.check {
        match verify(path) {
            Ok(health) => {
                kept.facts = Some(health.chain.facts);
                if !health.is_sound() {
                    let fault = first_fault(&health);
                    kept.problems.push(format!(
                        "the journal is not as it was recorded: {fault}; `amslpr journal verify` tells more"
                    ));
                }
            }
            Err(error) => kept.problems.push(format!("it could not be checked: {error}")),
        }
    }
    if let Some(age) = work.erase {
        match erase(path, age, at) {
            Ok(erased) => kept.erased = erased,
            Err(error) => kept.problems.push(format!("what is too old could not be erased: {error}")),
        }
    }
    if work.tidy
        && let Err(error) = tidy(path, &mut work.pace.clone())
    {
        kept.problems.push(format!("it could not be tidied up: {error}"));
    }
    kept.bytes.1 = size(path);
    kept.seconds = clock.now().since(began).as_secs_f64();
    kept.problems.truncate(MOST_PROBLEMS);
    kept
}

/// Erases facts recorded longer than `age` ago, a piece at a time; `None` where a daemon does it.
fn erase(path: &Path, age: Duration, now: Timestamp) -> Result<Option<u64>> {
    let Ok(_lock) = file::lock_for(path) else { return Ok(None) };
    let failed = |error| CareError::Sqlite { path: path.to_owned(), error };
    let mut db = write_connection(path)?;
    let newest: Option<i64> =
        db.query_row("SELECT max(recorded) FROM facts", [], |row| row.get(0)).map_err(failed)?;
    let newest = newest.and_then(|micros| Timestamp::from_microsecond(micros).ok());
    if newest.is_some_and(|newest| now.duration_since(newest) > DOUBTFUL) {
        let why = "the newest fact is more than 30 days old, so the clock may be wrong; nothing was erased";
        return Err(CareError::NoBackup { path: path.to_owned(), why: why.to_owned() });
    }
    let Ok(before) = now.checked_sub(age) else { return Ok(Some(0)) };
    let (mut words, mut erased) = (Words::default(), 0);
    loop {
        let piece = retention::erase_before(&mut db, &mut words, before, now, PIECE).map_err(failed)?;
        erased += piece.facts as u64;
        if !piece.more {
            return Ok(Some(erased));
        }
    }
}

/// A backup named for today, in the place of the one of a week ago.
fn save(path: &Path, folder: &Path, before: Option<Saved>, pace: &mut Pace, clock: &dyn Clock) -> Saved {
    let (at, began) = (clock.wall(), clock.now());
    let day = at.to_zoned_datetime(TimeZone::system()).strftime("%a").to_string();
    let (target, fresh) =
        (folder.join(format!("journal-{day}.db.gz")), folder.join(format!("journal-{day}.new.gz")));
    let at_folder = |error| CareError::File { path: folder.to_owned(), error };
    let made = std::fs::create_dir_all(folder).map_err(at_folder).and_then(|()| {
        super::discard(&fresh);
        let bytes = back_up(path, &fresh, pace)?;
        super::rename(&fresh, &target)?;
        Ok(bytes)
    });
    let seconds = clock.now().since(began).as_secs_f64();
    match made {
        Ok(bytes) => {
            Saved { at: At(at), seconds, problem: None, file: Some(target), bytes, made: Some(At(at)) }
        }
        Err(error) => {
            super::discard(&fresh);
            let problem = Some(format!("no backup was made: {error}"));
            let (file, bytes, made) =
                before.map_or((None, 0, None), |before| (before.file, before.bytes, before.made));
            Saved { at: At(at), seconds, problem, file, bytes, made }
        }
    }
}

/// Of the file and its log.
fn size(path: &Path) -> u64 {
    let parts = ["", "-wal"].iter().filter_map(|part| std::fs::metadata(beside(path, part)).ok());
    parts.map(|it| it.len()).sum()
}

/// The whole report or the one of before, whenever the power is cut.
fn write(path: &Path, report: &Report) -> Result<()> {
    let place = place(path);
    let fresh = beside(&place, ".new");
    let failed = super::at(&fresh);
    let text = serde_json::to_vec(report).map_err(|error| failed(std::io::Error::other(error)))?;
    let mut file = File::create(&fresh).map_err(&failed)?;
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(&failed)?;
    super::rename(&fresh, &place)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rusqlite::Connection;

    use super::*;
    use crate::{
        clock::{ManualClock, SystemClock},
        fact::{Fact, sample},
        journal::{Journal, Settings},
    };

    /// A journal of so many passages, recorded now.
    fn journal(folder: &Path, passages: u64) -> Journal {
        let clock = Arc::new(SystemClock::start());
        let settings = Settings { index_batch: 10, ..Settings::default() };
        let journal = Journal::open(&folder.join("journal.db"), &settings, clock).unwrap();
        for n in 0..passages {
            journal.writer().record(Fact::Closed(sample::closed(n)));
        }
        assert!(journal.writer().flush(Duration::from_secs(20)));
        journal
    }

    fn work(backup: Option<&Path>) -> Work {
        let backup = backup.map(Path::to_owned);
        Work { check: true, erase: None, tidy: true, backup, pace: Pace::of(200 << 20) }
    }

    #[test]
    fn upkeep_beside_a_running_daemon_is_whole_and_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let (path, backups) = (folder.path().join("journal.db"), folder.path().join("backups"));
        let _journal = journal(folder.path(), 200);
        assert_eq!(last(&path), None);
        let clock = SystemClock::start();
        let mut all = Work { erase: Some(Duration::ZERO), ..work(Some(&backups)) };
        let report = upkeep(&path, &mut all, &clock).unwrap();
        assert_eq!(report.problems(), Vec::<&str>::new());
        let (kept, saved) = (report.kept.clone().unwrap(), report.backup.clone().unwrap());
        assert_eq!((kept.facts, kept.erased), (Some(200), None), "the running daemon erases by itself");
        let file = saved.file.unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().len(), saved.bytes);
        assert_eq!(last(&path), Some(report));
        // The same day again takes the same place; nothing else is left lying about.
        upkeep(&path, &mut work(Some(&backups)), &clock).unwrap();
        let left: Vec<_> = std::fs::read_dir(&backups).unwrap().map(|one| one.unwrap().path()).collect();
        assert_eq!(left, [file]);
    }

    #[test]
    fn what_is_wrong_is_said_and_the_next_step_is_done_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        journal(folder.path(), 50).close(Duration::from_secs(5));
        Connection::open(&path).unwrap().execute("UPDATE facts SET recorded = 0 WHERE nr = 9", []).unwrap();
        std::fs::write(folder.path().join("backups"), "a file where a folder should be").unwrap();
        let report =
            upkeep(&path, &mut work(Some(&folder.path().join("backups"))), &SystemClock::start()).unwrap();
        let problems = report.problems().join("\n");
        assert!(problems.contains("fact 9") && problems.contains("no backup was made"), "{problems}");
        assert!(report.kept.unwrap().bytes.1 > 0);
    }

    #[test]
    fn a_damaged_journal_gives_no_backup_and_the_last_good_one_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (path, backups) = (folder.path().join("journal.db"), folder.path().join("backups"));
        journal(folder.path(), 50).close(Duration::from_secs(5));
        let clock = SystemClock::start();
        let good = upkeep(&path, &mut work(Some(&backups)), &clock).unwrap().backup.unwrap();
        Connection::open(&path).unwrap().execute("DELETE FROM facts WHERE nr = 9", []).unwrap();
        let bad = upkeep(&path, &mut work(Some(&backups)), &clock).unwrap().backup.unwrap();
        assert!(bad.problem.unwrap().contains("not sound"));
        assert_eq!((&bad.file, bad.bytes, bad.made), (&good.file, good.bytes, good.made));
        assert_eq!(std::fs::metadata(good.file.unwrap()).unwrap().len(), good.bytes);
    }

    #[test]
    fn what_is_too_old_goes_unless_the_clock_may_be_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        journal(folder.path(), 100).close(Duration::from_secs(5));
        let now = SystemClock::start().wall();
        let mut old = Work { erase: Some(Duration::from_secs(3600)), ..work(None) };
        let mut at = |ahead: SignedDuration| {
            let clock = ManualClock::at(now.checked_add(ahead).unwrap());
            upkeep(&path, &mut old, &clock).unwrap().kept.unwrap()
        };
        assert_eq!(at(SignedDuration::ZERO).erased, Some(0));
        let doubtful = at(SignedDuration::from_hours(24 * 60));
        assert!(doubtful.erased.is_none() && doubtful.problems[0].contains("clock"), "{doubtful:?}");
        let later = at(SignedDuration::from_hours(24 * 7));
        assert!(later.erased >= Some(89) && later.problems.is_empty(), "{later:?}");
    }
}
