//! Facts in their order for others than the broker: each follower has a name, and goes on after a restart where it was.
//!
//! How far one got stands beside the facts, written together with them now and then; a crash in between means that it is
//! told some of them again. A follower is given numbers and reads a fact when it tells of it: what was erased meanwhile is
//! not told any more.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::{
    body, facts,
    queue::Queue,
    reader::{self, ReaderError},
};
use crate::fact::Fact;

/// Facts that are for nobody and are passed by before that is worth being written down.
const PASSED_BY: u64 = 1000;

/// A fact to be told, as it stands now.
#[derive(Debug, Clone, PartialEq)]
pub struct Followed {
    pub recorded: Timestamp,
    pub fact: Fact,
    /// Its plate was erased.
    pub erased: bool,
}

/// One who is told. Made by [`Journal::follower`](super::Journal::follower).
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    name: String,
    queue: Arc<Queue>,
    source: Option<Connection>,
    /// All up to this fact are dealt with; `None`: not known yet.
    at: Option<u64>,
    /// There was no room for the file when it began to follow: what waited then is for it.
    early: bool,
    /// What of `at` the queue knows.
    noted: u64,
    /// Items that the journal had settled when it was last looked at.
    settled: u64,
    missed: u64,
}

impl Follower {
    /// Whoever follows for the first time begins with what is recorded from now on.
    pub(super) fn begin(path: &Path, name: &str, queue: Arc<Queue>) -> Self {
        let (path, name, early) = (path.to_owned(), name.to_owned(), !queue.is_open());
        let mut follower =
            Self { path, name, queue, source: None, at: None, early, noted: 0, settled: 0, missed: 0 };
        // If that fails, the next look says why.
        let _ = follower.next(0);
        follower
    }

    /// Numbers of the next facts that are for others, at most `limit`; none as long as there is no room for the file, or
    /// nothing new.
    pub fn next(&mut self, limit: usize) -> Result<Vec<u64>, ReaderError> {
        if !self.queue.is_open() {
            return Ok(Vec::new());
        }
        self.settled = self.queue.settled_so_far();
        self.with(|follower, db| follower.look(db, limit))
    }

    /// The fact of this number; `None` if it was erased as a whole, or cannot be understood.
    pub fn read(&mut self, nr: u64) -> Result<Option<Followed>, ReaderError> {
        let found = self.with(|_, db| facts::select(db, nr))?;
        Ok(found.and_then(|stored| {
            let recorded = Timestamp::from_microsecond(stored.recorded).unwrap_or_default();
            match stored.fact() {
                Ok(fact) => Some(Followed { recorded, fact: fact?, erased: stored.is_erased() }),
                Err(error) => {
                    tracing::warn!(fact = nr, %error, "a fact cannot be understood; nobody is told of it");
                    None
                }
            }
        }))
    }

    /// Asks on a connection that is kept as long as it answers.
    fn with<T>(
        &mut self,
        ask: impl FnOnce(&mut Self, &Connection) -> rusqlite::Result<T>,
    ) -> Result<T, ReaderError> {
        let db = match self.source.take() {
            Some(db) => db,
            None => reader::connect(&self.path)?,
        };
        let answer = ask(self, &db).map_err(|error| ReaderError::new(&self.path, error))?;
        self.source = Some(db);
        Ok(answer)
    }

    fn look(&mut self, db: &Connection, limit: usize) -> rusqlite::Result<Vec<u64>> {
        let ends: (Option<u64>, Option<u64>) =
            db.prepare_cached(facts::ENDS)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (first, newest) = (ends.0.unwrap_or(0), ends.1.unwrap_or(0));
        let at = match self.at {
            Some(at) => at,
            None => self.find_place(db, newest)?,
        };
        // Facts go from the beginning only, by age or for room.
        let missed = first.saturating_sub(at + 1);
        if missed > 0 {
            self.missed += missed;
            self.reached(first - 1);
        }
        if limit == 0 {
            return Ok(Vec::new());
        }
        let kinds = [body::DECIDED, body::CLOSED, body::GATE];
        let sql =
            "SELECT nr FROM facts WHERE nr > ?1 AND nr <= ?2 AND kind IN (?3, ?4, ?5) ORDER BY nr LIMIT ?6";
        let mut query = db.prepare_cached(sql)?;
        let rows =
            query.query_map((at, newest, kinds[0], kinds[1], kinds[2], limit), |row| row.get::<_, u64>(0))?;
        let told: Vec<u64> = rows.collect::<rusqlite::Result<_>>()?;
        if told.is_empty() && newest > at {
            self.at = Some(newest);
            if newest - self.noted > PASSED_BY {
                self.note(newest);
            }
        }
        Ok(told)
    }

    /// Where it was, or the newest fact.
    fn find_place(&mut self, db: &Connection, newest: u64) -> rusqlite::Result<u64> {
        let known = match self.queue.place_of(&self.name) {
            Some(at) => Some(at),
            None => db
                .query_row("SELECT value FROM meta WHERE key = ?1", [key(&self.name)], |row| row.get(0))
                .optional()?,
        };
        // A journal that was begun anew has fewer.
        if let Some(at) = known.filter(|at| *at <= newest) {
            (self.at, self.noted) = (Some(at), at);
            return Ok(at);
        }
        let at = if self.early { self.queue.head_at_opening() } else { newest };
        self.at = Some(at);
        self.note(at);
        Ok(at)
    }

    /// All up to this fact are dealt with.
    pub fn reached(&mut self, nr: u64) {
        if self.at != Some(nr) {
            self.at = Some(nr);
            self.note(nr);
        }
    }

    fn note(&mut self, nr: u64) {
        self.noted = nr;
        self.queue.follow(&self.name, nr);
    }

    /// Waits until something was recorded since the last look, for no longer than `limit`; true if it was.
    pub fn wait(&self, limit: Duration) -> bool {
        self.queue.wait_settled(self.settled, limit)
    }

    /// Facts of all kinds that were erased before it was told of them.
    pub const fn missed(&self) -> u64 {
        self.missed
    }

    /// How many facts of all kinds are still to be looked at; `None` if that cannot be told just now.
    pub fn behind(&self) -> Option<u64> {
        let (db, at) = self.source.as_ref().zip(self.at)?;
        let mut query = db.prepare_cached("SELECT max(nr) FROM facts").ok()?;
        let newest: Option<u64> = query.query_row([], |row| row.get(0)).ok()?;
        Some(newest.unwrap_or(at).saturating_sub(at))
    }
}

fn key(name: &str) -> String {
    format!("follower {name}")
}

/// Writes down how far followers got. In the caller's transaction.
pub(super) fn note(db: &Connection, followed: &BTreeMap<String, u64>) -> rusqlite::Result<()> {
    for (name, nr) in followed {
        db.prepare_cached("INSERT OR REPLACE INTO meta VALUES (?1, ?2)")?.execute((key(name), nr))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        clock::{Clock, SystemClock},
        fact::sample,
        journal::{HealthChange, Journal, Settings},
    };

    fn open(path: &Path) -> Journal {
        let settings = Settings { acknowledgement_linger: Duration::from_millis(1), ..Settings::default() };
        Journal::open(path, &settings, Arc::new(SystemClock::start())).unwrap()
    }

    fn record(journal: &Journal, numbers: std::ops::RangeInclusive<u64>) {
        for n in numbers {
            journal.writer().record(Fact::Closed(sample::closed(n)));
        }
        assert!(journal.writer().flush(Duration::from_secs(10)));
    }

    #[test]
    fn a_follower_begins_with_what_happens_next_and_goes_on_after_a_restart_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j.db");
        let journal = open(&path);
        record(&journal, 1..=3);
        let (mut site, mut office) = (journal.follower("site"), journal.follower("office"));
        record(&journal, 4..=6);
        assert_eq!(site.next(2).unwrap(), [4, 5]);
        assert_eq!(site.next(9).unwrap(), [4, 5, 6], "what was not reached comes again");
        site.reached(5);
        assert_eq!((site.behind(), site.next(9).unwrap()), (Some(1), vec![6]));
        assert_eq!(site.read(6).unwrap().unwrap().fact, Fact::Closed(sample::closed(6)));
        // One that takes another's place goes on where that was, written down or not.
        assert_eq!(journal.follower("site").next(9).unwrap(), [6]);
        assert_eq!(office.next(9).unwrap(), [4, 5, 6]);
        assert_eq!(journal.close(Duration::from_secs(10)), 0);
        let journal = open(&path);
        assert_eq!(journal.follower("site").next(9).unwrap(), [6]);
        assert_eq!(journal.follower("office").next(9).unwrap(), [4, 5, 6]);
        assert_eq!(journal.follower("third").next(9).unwrap(), [0; 0]);
    }

    #[test]
    fn what_is_for_nobody_is_passed_by() {
        let folder = tempfile::tempdir().unwrap();
        let journal = open(&folder.path().join("j.db"));
        let mut site = journal.follower("site");
        for n in 0..5 {
            let problems = vec![format!("problem {n}")];
            let at = Timestamp::from_second(n).unwrap();
            journal.writer().note_health(HealthChange { at, verdict: "degraded".to_owned(), problems });
        }
        record(&journal, 1..=1);
        assert_eq!(site.next(2).unwrap(), [6]);
        site.reached(6);
        assert_eq!((site.next(2).unwrap(), site.behind()), (vec![], Some(0)));
    }

    #[test]
    fn what_was_erased_before_it_was_told_is_counted_or_told_without_its_plate() {
        let folder = tempfile::tempdir().unwrap();
        let journal = open(&folder.path().join("j.db"));
        let mut site = journal.follower("site");
        record(&journal, 1..=9);
        let clock = SystemClock::start();
        journal.writer().erase_before(clock.wall() + jiff::SignedDuration::from_hours(1));
        while journal.stats().snapshot().erased < 9 {
            assert!(clock.now().as_micros() < 10_000_000);
            clock.sleep(Duration::from_millis(5));
        }
        record(&journal, 10..=10);
        // The newest of the erased ones stays as an empty shell.
        assert_eq!((site.next(9).unwrap(), site.missed()), (vec![9, 10], 8));
        assert_eq!(site.read(9).unwrap(), None);
        let plate = sample::closed(10).passage.reading.unwrap().text;
        crate::journal::care::erase_plate(journal.path(), &plate).unwrap();
        let told = site.read(10).unwrap().unwrap();
        let Fact::Closed(closed) = told.fact else { panic!("{told:?}") };
        assert!(told.erased && closed.passage.reading.is_none_or(|reading| reading.text != plate));
    }

    #[test]
    fn a_follower_that_waits_wakes_when_something_is_recorded() {
        let folder = tempfile::tempdir().unwrap();
        let journal = open(&folder.path().join("j.db"));
        let mut site = journal.follower("site");
        let clock = SystemClock::start();
        let waits = std::thread::spawn(move || {
            while site.next(9).unwrap().is_empty() {
                site.wait(Duration::from_secs(600));
            }
        });
        record(&journal, 1..=1);
        waits.join().unwrap();
        assert!(clock.now().as_micros() < 300_000_000);
    }
}
