//! Ids of commands that were accepted: a command that comes again after a restart is not done a second time.
//!
//! A connection of its own, for whoever does the commands: an id is on the disk before its command is done. Kept as
//! long as the command could be repeated, and no longer.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, TransactionBehavior};

use super::reader::{self, ReaderError};

/// Ids kept at most; the flood of commands is stemmed long before.
const MOST: usize = 4096;
/// How long another writer may be in the way, in milliseconds: somebody waits at a gate.
const PATIENCE: u32 = 1000;

/// See the file.
#[derive(Debug)]
pub struct OrderBook {
    path: PathBuf,
    db: Connection,
}

impl OrderBook {
    pub fn open(path: &Path) -> Result<Self, ReaderError> {
        let db = reader::connect_to_write(path, PATIENCE)?;
        Ok(Self { path: path.to_owned(), db })
    }

    /// Writes an id down, to be remembered until then; false if it stands there already.
    pub fn note(&mut self, id: &str, until: Timestamp, now: Timestamp) -> Result<bool, ReaderError> {
        let mut noted = || -> rusqlite::Result<bool> {
            let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction
                .prepare_cached(
                    "DELETE FROM orders WHERE until < ?1
                     OR id NOT IN (SELECT id FROM orders ORDER BY until DESC LIMIT ?2)",
                )?
                .execute((now.as_microsecond(), MOST))?;
            let new = transaction
                .prepare_cached("INSERT OR IGNORE INTO orders VALUES (?1, ?2)")?
                .execute((id, until.as_microsecond()))?;
            transaction.commit()?;
            Ok(new > 0)
        };
        noted().map_err(|error| ReaderError::new(&self.path, error))
    }

    /// The ids that are still remembered, and until when.
    pub fn known(&self, now: Timestamp) -> Result<Vec<(String, Timestamp)>, ReaderError> {
        let read = || -> rusqlite::Result<Vec<(String, Timestamp)>> {
            let mut query = self.db.prepare("SELECT id, until FROM orders WHERE until >= ?1")?;
            let rows = query.query_map([now.as_microsecond()], |row| {
                Ok((row.get(0)?, super::cells::instant(row.get(1)?, 1)?))
            })?;
            rows.collect()
        };
        read().map_err(|error| ReaderError::new(&self.path, error))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        clock::SystemClock,
        journal::{Journal, Settings},
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn an_id_is_known_to_whoever_comes_later_until_its_time_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j.db");
        let journal = Journal::open(&path, &Settings::default(), Arc::new(SystemClock::start())).unwrap();
        let mut book = OrderBook::open(journal.path()).unwrap();
        assert!(book.note("a", at(100), at(10)).unwrap());
        assert!(!book.note("a", at(200), at(11)).unwrap(), "a repeated one does not live longer");
        assert!(book.note("b", at(50), at(12)).unwrap());
        drop(book);
        let mut later = OrderBook::open(&path).unwrap();
        assert_eq!(later.known(at(60)).unwrap(), [("a".to_owned(), at(100))]);
        assert!(!later.note("a", at(300), at(99)).unwrap());
        assert!(later.note("a", at(300), at(101)).unwrap(), "its time was over");
        for n in 0..MOST as i64 + 50 {
            assert!(later.note(&format!("n{n}"), at(1000 + n), at(200)).unwrap());
        }
        assert!(later.known(at(200)).unwrap().len() <= MOST + 1);
    }
}
