//! Words that come back in every row (cameras, models, verdicts) are stored once and named by number.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension};

/// Words kept in memory at most; more are looked up in the table each time.
const KEPT: usize = 4096;

/// Both directions of the table `words`, as far as they were needed.
#[derive(Debug, Default)]
pub(super) struct Words {
    numbers: HashMap<String, i64>,
    words: HashMap<i64, String>,
}

impl Words {
    /// The number of a word, which is written down if it is new.
    pub(super) fn number(&mut self, db: &Connection, word: &str) -> rusqlite::Result<i64> {
        if let Some(number) = self.numbers.get(word) {
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
        self.keep(number, word);
        Ok(number)
    }

    /// The number of a word that may never have been written down.
    pub(super) fn find(&self, db: &Connection, word: &str) -> rusqlite::Result<Option<i64>> {
        db.prepare_cached("SELECT nr FROM words WHERE word = ?1")?
            .query_row([word], |row| row.get(0))
            .optional()
    }

    /// The word of a number.
    pub(super) fn word(&mut self, db: &Connection, number: i64) -> rusqlite::Result<String> {
        if let Some(word) = self.words.get(&number) {
            return Ok(word.clone());
        }
        let word: String = db
            .prepare_cached("SELECT word FROM words WHERE nr = ?1")?
            .query_row([number], |row| row.get(0))?;
        self.keep(number, &word);
        Ok(word)
    }

    /// After a rollback: numbers given in it may be given again to other words.
    pub(super) fn forget(&mut self) {
        self.numbers.clear();
        self.words.clear();
    }

    fn keep(&mut self, number: i64, word: &str) {
        if self.numbers.len() < KEPT {
            self.numbers.insert(word.to_owned(), number);
            self.words.insert(number, word.to_owned());
        }
    }
}
