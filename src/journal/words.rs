//! Names of cameras stand once in a table of their own; the index calls them by number.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension};

/// Words kept in memory at most; more are looked up in the table each time.
const KEPT: usize = 4096;

/// The table `words`, as far as it was needed.
#[derive(Debug, Default)]
pub(super) struct Words(HashMap<String, i64>);

impl Words {
    /// The number of a word, which is written down if it is new.
    pub(super) fn number(&mut self, db: &Connection, word: &str) -> rusqlite::Result<i64> {
        if let Some(number) = self.0.get(word) {
            return Ok(*number);
        }
        let known = self.find(db, word)?;
        let number = match known {
            Some(number) => number,
            None => {
                db.prepare_cached("INSERT INTO words (word) VALUES (?1)")?.execute([word])?;
                db.last_insert_rowid()
            }
        };
        if self.0.len() < KEPT {
            self.0.insert(word.to_owned(), number);
        }
        Ok(number)
    }

    /// The number of a word that may never have been written down.
    pub(super) fn find(&self, db: &Connection, word: &str) -> rusqlite::Result<Option<i64>> {
        db.prepare_cached("SELECT nr FROM words WHERE word = ?1")?
            .query_row([word], |row| row.get(0))
            .optional()
    }

    /// After a rollback: numbers given in it may be given again to other words.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}
