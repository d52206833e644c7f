//! Ids as people type them: whole, or as many characters of the beginning as tell it from the others.

use std::{collections::BTreeSet, str::FromStr};

use rusqlite::Connection;
use uuid::Uuid;

use super::{
    body::{CLOSED, DECIDED},
    index,
};
use crate::passage::PassageId;

const INDEXED: &str = "SELECT DISTINCT i.id FROM by_id i JOIN facts f ON f.nr = i.nr
    WHERE i.id BETWEEN ?1 AND ?2 AND f.kind IN (?4, ?5) AND f.open NOT NULL AND f.nr > ?6 ORDER BY i.id LIMIT ?3";
/// Those that the index does not hold yet.
const NEWEST: &str = "SELECT DISTINCT id FROM facts
    WHERE nr > ?6 AND id BETWEEN ?1 AND ?2 AND kind IN (?4, ?5) AND open NOT NULL ORDER BY id LIMIT ?3";

/// The ids that begin with some characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdPrefix {
    first: u128,
    last: u128,
}

impl FromStr for IdPrefix {
    type Err = String;

    fn from_str(written: &str) -> Result<Self, String> {
        let digits: Vec<u32> =
            written.trim().chars().filter(|c| *c != '-').map_while(|c| c.to_digit(16)).collect();
        let typed = written.trim().chars().filter(|c| *c != '-').count();
        if digits.len() != typed || !(4..=32).contains(&typed) {
            return Err(format!(
                "{written:?} is no id of a passage; `amslpr passages --json` shows them, 4 characters or more will do"
            ));
        }
        let free = 4 * (32 - typed);
        let value = digits.iter().fold(0u128, |value, digit| value << 4 | u128::from(*digit));
        let first = value.checked_shl(free as u32).unwrap_or(value);
        let rest = 1u128.checked_shl(free as u32).map_or(u128::MAX, |size| size - 1);
        Ok(Self { first, last: first | rest })
    }
}

pub(super) fn beginning_with(
    db: &Connection,
    prefix: IdPrefix,
    most: usize,
) -> rusqlite::Result<Vec<PassageId>> {
    // One view of the journal, whatever is recorded and indexed meanwhile.
    let db = db.unchecked_transaction()?;
    let indexed = index::indexed(&db)?;
    let mut found = BTreeSet::new();
    for (sql, after) in [(INDEXED, 0), (NEWEST, indexed)] {
        let mut query = db.prepare_cached(sql)?;
        let (first, last) = (prefix.first.to_be_bytes(), prefix.last.to_be_bytes());
        let ids = query.query_map((first, last, most, DECIDED, CLOSED, after), |row| row.get(0))?;
        for id in ids {
            found.insert(PassageId(Uuid::from_bytes(id?)));
        }
    }
    Ok(found.into_iter().take(most).collect())
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;
    use crate::{
        clock::SystemClock,
        fact::{Fact, sample},
        journal::{Journal, Settings},
    };

    #[test]
    fn a_prefix_names_the_ids_that_begin_so() {
        let whole = "01234567-89ab-7cde-8f01-23456789abcd";
        let range = |text: &str| text.parse::<IdPrefix>().unwrap();
        let id = Uuid::parse_str(whole).unwrap().as_u128();
        assert_eq!(range(whole), IdPrefix { first: id, last: id });
        for prefix in ["0123", "01234567-89AB", " 0123456789ab7cde8f0123456789abc "] {
            let range = range(prefix);
            assert!(range.first <= id && id <= range.last && range.first < range.last, "{prefix}");
        }
        for bad in ["", "012", "xyz1", "0123g", &format!("{whole}0")] {
            assert!(bad.parse::<IdPrefix>().is_err(), "{bad}");
        }
    }

    #[test]
    fn passages_and_decisions_without_one_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j.db");
        // Some of them are indexed, some not yet.
        let settings = Settings { index_batch: 2, ..Settings::default() };
        let journal = Journal::open(&path, &settings, Arc::new(SystemClock::start())).unwrap();
        let ids: Vec<PassageId> = (0..4).map(|n| sample::closed(n).passage.id).collect();
        journal.writer().record(Fact::Decided(sample::decided(&sample::closed(0))));
        journal.writer().record(Fact::Closed(sample::closed(0)));
        assert!(journal.writer().flush(Duration::from_secs(9)));
        journal.writer().record(Fact::Closed(sample::closed(1)));
        journal.writer().record(Fact::Decided(sample::decided(&sample::closed(2))));
        assert!(journal.writer().flush(Duration::from_secs(9)));
        let mut reader = journal.reader().unwrap();
        let mut find = |text: &str, most| reader.beginning_with(text.parse().unwrap(), most).unwrap();
        let common: String = ids[0].to_string().chars().take(6).collect();
        assert_eq!(find(&common, 9), ids[..3]);
        assert_eq!(find(&common, 2), ids[..2]);
        assert_eq!(find(&ids[2].to_string(), 9), [ids[2]]);
        assert_eq!(find(&ids[3].to_string(), 9), []);
    }
}
