//! Questions to the journal, on connections of their own that never hold the writer up.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags, types::Value};

use super::{
    find::{self, IdPrefix},
    gates, schema, selects,
    words::Words,
};
use crate::{
    access::Decision,
    fact::{Decided, GateId, ReadSummary},
    frame::CameraId,
    passage::{Passage, PassageId},
    plate::PlateText,
};

/// Most passages that one question returns.
const MOST: usize = 10_000;

/// Why the journal could not be read.
#[derive(Debug, thiserror::Error)]
#[error("journal {}: {why}", path.display())]
pub struct ReaderError {
    path: PathBuf,
    why: Why,
}

#[derive(Debug, thiserror::Error)]
enum Why {
    #[error("there is no such file; the daemon makes it when it first runs")]
    Missing,
    #[error("it is no journal, or broken: {0}")]
    Broken(rusqlite::Error),
    #[error("it cannot be opened: {0}; is this user allowed to read it and its folder?")]
    Closed(rusqlite::Error),
    #[error(transparent)]
    Schema(schema::SchemaError),
    #[error("{0}")]
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Why {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Broken(error),
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => Self::Closed(error),
            _ => Self::Sqlite(error),
        }
    }
}

/// Which passages to list.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filter {
    /// Those that began then or later.
    pub since: Option<Timestamp>,
    /// Those that began before.
    pub until: Option<Timestamp>,
    pub plate: Option<PlateFilter>,
    pub camera: Option<CameraId>,
    /// Go on where an earlier answer stopped.
    pub after: Option<Cursor>,
    /// At most this many; never more than 10,000.
    pub limit: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlateFilter {
    Exactly(PlateText),
    StartsWith(PlateText),
}

/// A place in the list, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    began: Timestamp,
    id: PassageId,
}

impl Cursor {
    /// The place behind this passage.
    pub fn behind(passage: &Passage) -> Self {
        Self { began: passage.began, id: passage.id }
    }
}

/// A passage as the journal holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    pub passage: Passage,
    pub decision: Option<Decision>,
}

/// A read-only connection to a journal, whether or not a daemon is writing it.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    db: Connection,
    words: Words,
}

impl Reader {
    pub fn open(path: &Path) -> Result<Self, ReaderError> {
        connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .map(|db| Self { path: path.to_owned(), db, words: Words::default() })
            .map_err(|why| ReaderError { path: path.to_owned(), why })
    }

    /// The newest passages that fit, newest first.
    pub fn passages(&mut self, filter: &Filter) -> Result<Vec<Record>, ReaderError> {
        self.list(filter).map_err(|error| self.failed(error))
    }

    /// How many passages fit (`after` and `limit` do not count).
    pub fn count(&mut self, filter: &Filter) -> Result<u64, ReaderError> {
        self.counted(filter).map_err(|error| self.failed(error))
    }

    /// One passage, with the characters of its vote.
    pub fn passage(&mut self, id: PassageId) -> Result<Option<Record>, ReaderError> {
        self.one(id).map_err(|error| self.failed(error))
    }

    /// The decision of a passage, with the vote as it stood then.
    pub fn decision(&mut self, id: PassageId) -> Result<Option<Decided>, ReaderError> {
        selects::select_decision(&self.db, &mut self.words, id.0.as_bytes())
            .map_err(|error| self.failed(error))
    }

    /// Passages and decisions whose id begins so, oldest first: at most `most`.
    pub fn beginning_with(&mut self, prefix: IdPrefix, most: usize) -> Result<Vec<PassageId>, ReaderError> {
        find::beginning_with(&self.db, prefix, most).map_err(|error| self.failed(error))
    }

    /// What each read of a passage said; nothing for a passage that is not there.
    pub fn reads(&mut self, passage: &Passage) -> Result<Vec<ReadSummary>, ReaderError> {
        selects::select_reads(&self.db, passage.id.0.as_bytes(), passage.reading.as_ref())
            .map_err(|error| self.failed(error))
    }

    /// Passages that this gate was opened for since then, with their plates as far as they are kept.
    pub fn let_in_since(
        &self,
        gate: &GateId,
        since: Timestamp,
    ) -> Result<Vec<(PassageId, Option<PlateText>)>, ReaderError> {
        gates::let_in_since(&self.db, &self.words, gate, since).map_err(|error| self.failed(error))
    }

    fn failed(&self, error: rusqlite::Error) -> ReaderError {
        ReaderError { path: self.path.clone(), why: error.into() }
    }

    fn one(&mut self, id: PassageId) -> rusqlite::Result<Option<Record>> {
        let id = id.0.as_bytes();
        let Some(mut passage) = selects::select_passage(&self.db, &mut self.words, id)? else {
            return Ok(None);
        };
        if let Some(reading) = &mut passage.reading {
            reading.chars = selects::chars(&self.db, id)?;
        }
        self.record(passage).map(Some)
    }

    fn list(&mut self, filter: &Filter) -> rusqlite::Result<Vec<Record>> {
        let Some(Terms { mut terms, mut values }) = self.terms(filter)? else { return Ok(Vec::new()) };
        if let Some(after) = filter.after {
            terms.push("began <= ? AND (began, id) < (?, ?)");
            let began = Value::Integer(after.began.as_microsecond());
            values.extend([began.clone(), began, Value::Blob(after.id.0.as_bytes().to_vec())]);
        }
        values.push(Value::Integer(filter.limit.unwrap_or(MOST).min(MOST) as i64));
        // The inner search needs an index only; rows are fetched for those that it found.
        let sql = format!(
            "SELECT {} FROM passages WHERE id IN
                (SELECT id FROM passages{} ORDER BY began DESC, id DESC LIMIT ?)
            ORDER BY began DESC, id DESC",
            selects::PASSAGE,
            where_all(&terms)
        );
        let passages: Vec<Passage> = {
            let (db, words) = (&self.db, &mut self.words);
            let mut query = db.prepare_cached(&sql)?;
            let found = query
                .query_map(rusqlite::params_from_iter(values), |row| selects::passage(db, words, row))?;
            found.collect::<rusqlite::Result<_>>()?
        };
        passages.into_iter().map(|passage| self.record(passage)).collect()
    }

    fn counted(&mut self, filter: &Filter) -> rusqlite::Result<u64> {
        let Some(Terms { terms, values }) = self.terms(filter)? else { return Ok(0) };
        let sql = format!("SELECT count(*) FROM passages{}", where_all(&terms));
        self.db.prepare_cached(&sql)?.query_row(rusqlite::params_from_iter(values), |row| row.get(0))
    }

    fn record(&mut self, passage: Passage) -> rusqlite::Result<Record> {
        let decided = selects::select_decision(&self.db, &mut self.words, passage.id.0.as_bytes())?;
        Ok(Record { passage, decision: decided.map(|decided| decided.decision) })
    }

    /// The filter as SQL; `None` if nothing can fit.
    fn terms(&self, filter: &Filter) -> rusqlite::Result<Option<Terms>> {
        let mut sql = Terms::default();
        if let Some(plate) = &filter.plate {
            match plate {
                PlateFilter::Exactly(text) => sql.add("plate = ?", Value::Text(text.as_str().to_owned())),
                PlateFilter::StartsWith(text) => {
                    sql.add("plate >= ?", Value::Text(text.as_str().to_owned()));
                    // Plates consist of A-Z and 0-9, all of which sort before a lower-case letter.
                    sql.add("plate < ?", Value::Text(format!("{text}a")));
                }
            }
        }
        if let Some(since) = filter.since {
            sql.add("began >= ?", Value::Integer(since.as_microsecond()));
        }
        if let Some(until) = filter.until {
            sql.add("began < ?", Value::Integer(until.as_microsecond()));
        }
        if let Some(camera) = &filter.camera {
            let Some(number) = self.words.find(&self.db, camera.as_str())? else { return Ok(None) };
            sql.add("camera = ?", Value::Integer(number));
        }
        Ok(Some(sql))
    }
}

#[derive(Default)]
struct Terms {
    terms: Vec<&'static str>,
    values: Vec<Value>,
}

impl Terms {
    fn add(&mut self, term: &'static str, value: Value) {
        self.terms.push(term);
        self.values.push(value);
    }
}

fn where_all(terms: &[&str]) -> String {
    if terms.is_empty() { String::new() } else { format!(" WHERE {}", terms.join(" AND ")) }
}

fn connect(path: &Path, how: OpenFlags) -> Result<Connection, Why> {
    if !path.exists() {
        return Err(Why::Missing);
    }
    let db = Connection::open_with_flags(path, how | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.pragma_update(None, "busy_timeout", 2000)?;
    schema::check(&db).map_err(|error| match error {
        schema::SchemaError::Sqlite(error) => Why::from(error),
        other => Why::Schema(other),
    })?;
    Ok(db)
}

/// A connection for the outbox, which lives beside this file.
pub(super) fn connect_for_outbox(path: &Path) -> Result<Connection, ReaderError> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(|why| ReaderError { path: path.to_owned(), why })
}

/// A connection for `lists`, which writes beside the writer.
pub(super) fn connect_for_lists(path: &Path) -> Result<Connection, ReaderError> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(|why| ReaderError { path: path.to_owned(), why })
}

pub(super) fn failed(path: &Path, error: rusqlite::Error) -> ReaderError {
    ReaderError { path: path.to_owned(), why: error.into() }
}
