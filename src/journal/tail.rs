//! The newest facts, which the index does not hold yet, as a reader remembers them from question to question: what the
//! index would say of them. Facts never change, so each is looked at once.
//!
//! Plates are not remembered: they may be erased meanwhile. Whoever asks for one looks at the facts themselves.

use rusqlite::Connection;

use super::{
    body,
    cells::parse_direction,
    facts::{STORED, stored},
    index,
    reader::{Filter, Why},
};
use crate::passage::Direction;

/// Room for so many is kept.
const MOST_IDLE: usize = 4_096;

#[derive(Debug, Default)]
pub(super) struct Tail {
    /// As they were recorded.
    entries: Vec<Entry>,
    /// The last fact that was looked at.
    seen: u64,
}

/// A passage that is not indexed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub nr: u64,
    pub began: i64,
    pub direction: Option<Direction>,
    camera: String,
}

impl Tail {
    /// Those that fit but for their plates, newest first, as the journal stands in this transaction.
    pub(super) fn newest(&mut self, db: &Connection, filter: &Filter) -> Result<Vec<&Entry>, Why> {
        self.follow(db)?;
        let mut fitting: Vec<&Entry> = self.entries.iter().filter(|entry| entry.may_fit(filter)).collect();
        fitting.sort_by_key(|entry| std::cmp::Reverse(entry.began));
        Ok(fitting)
    }

    /// Takes in what was recorded since the last question, and forgets what was indexed or erased as a whole.
    fn follow(&mut self, db: &Connection) -> Result<(), Why> {
        let indexed = index::indexed(db)?;
        // Two questions: asked together, SQLite would look at every row.
        const ENDS: &str = "SELECT (SELECT min(nr) FROM facts), (SELECT max(nr) FROM facts)";
        let ends: (Option<u64>, Option<u64>) =
            db.prepare_cached(ENDS)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (Some(first), Some(last)) = ends else {
            self.entries.clear();
            return Ok(());
        };
        self.entries.retain(|entry| entry.nr > indexed && entry.nr >= first);
        let sql = format!("SELECT {STORED} FROM facts WHERE nr > ?1 AND kind = ?2 ORDER BY nr");
        let mut query = db.prepare_cached(&sql)?;
        let mut rows = query.query((self.seen.max(indexed), body::CLOSED))?;
        let mut new = Vec::new();
        while let Some(row) = rows.next()? {
            let fact = stored(row)?;
            let known = fact.entry().map_err(|error| Why::Body { nr: fact.nr, error })?;
            new.extend(known.map(|entry| Entry {
                nr: fact.nr,
                began: entry.began,
                direction: entry.direction.as_deref().and_then(parse_direction),
                camera: entry.camera,
            }));
        }
        self.entries.extend(new);
        self.entries.shrink_to(MOST_IDLE);
        self.seen = last;
        Ok(())
    }
}

impl Entry {
    fn may_fit(&self, filter: &Filter) -> bool {
        filter.since.is_none_or(|since| self.began >= since.as_microsecond())
            && filter.until.is_none_or(|until| self.began < until.as_microsecond())
            && filter.camera.as_ref().is_none_or(|camera| self.camera == camera.as_str())
            && filter.after.is_none_or(|after| self.began <= after.began.as_microsecond())
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use crate::{
        clock::SystemClock,
        fact::{Fact, sample},
        journal::{Filter, Journal, PlateFilter, Settings, care},
        plate::PlateText,
    };

    #[test]
    fn a_reader_that_stays_says_the_same_as_one_that_is_new() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j.db");
        let settings = Settings { index_batch: 8, ..Settings::default() };
        let journal = Journal::open(&path, &settings, Arc::new(SystemClock::start())).unwrap();
        let mut stays = journal.reader().unwrap();
        let plate: PlateText = sample::plate(20).unwrap();
        let filters = [
            Filter { limit: Some(5), ..Filter::default() },
            Filter::default(),
            Filter { plate: Some(PlateFilter::Exactly(plate.clone())), ..Filter::default() },
            Filter { plate: Some(PlateFilter::StartsWith(plate.clone())), ..Filter::default() },
        ];
        let mut compare = |what: &str| {
            for filter in &filters {
                let mut new = journal.reader().unwrap();
                assert_eq!(
                    stays.passages(filter).unwrap(),
                    new.passages(filter).unwrap(),
                    "{what}: {filter:?}"
                );
                assert_eq!(stays.count(filter).unwrap(), new.count(filter).unwrap(), "{what}: {filter:?}");
                let zone = jiff::tz::TimeZone::UTC;
                assert_eq!(
                    stays.days(filter, &zone).unwrap(),
                    new.days(filter, &zone).unwrap(),
                    "{what}: {filter:?}"
                );
            }
            stays.count(&filters[2]).unwrap()
        };
        compare("nothing");
        for n in 0..25 {
            let closed = sample::closed(n);
            journal.writer().record(Fact::Decided(sample::decided(&closed)));
            journal.writer().record(Fact::Closed(closed));
            assert!(journal.writer().flush(Duration::from_secs(9)));
            compare("one more");
        }
        assert_eq!(compare("all"), 1);
        care::erase_plate(&path, &plate).unwrap();
        assert_eq!(compare("erased"), 0);
    }
}
