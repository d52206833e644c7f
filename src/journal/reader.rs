//! Questions to the journal, on connections of their own that never hold the writer up.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{
    body::{self, BodyError},
    find::{self, IdPrefix},
    gates,
    health::{self, HealthChange},
    schema,
    search::{self, Days},
    tail::Tail,
};
use crate::{
    access::Decision,
    fact::{Closed, Decided, Evidence, Fact, GateId, ReadSummary, privacy::Visitor},
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
pub(super) enum Why {
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
    #[error("fact {nr} cannot be understood: {error}")]
    Body { nr: u64, error: BodyError },
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
    pub(super) began: Timestamp,
    pub(super) id: PassageId,
}

impl Cursor {
    /// The place behind this passage.
    pub fn behind(passage: &Passage) -> Self {
        Self { began: passage.began, id: passage.id }
    }

    pub const fn new(began: Timestamp, id: PassageId) -> Self {
        Self { began, id }
    }

    pub const fn parts(&self) -> (Timestamp, PassageId) {
        (self.began, self.id)
    }
}

/// A passage as the journal holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    pub passage: Passage,
    pub reads: Vec<ReadSummary>,
    pub decision: Option<Decision>,
    /// Its plate was erased.
    pub erased: bool,
    /// Nobody had set the clock when it was recorded: its times say nothing.
    pub clock_unset: bool,
}

impl From<(Closed, bool)> for Record {
    fn from((closed, erased): (Closed, bool)) -> Self {
        let Closed { passage, reads, decision, effects: _, clock_unset } = closed;
        Self { passage, reads, decision, erased, clock_unset }
    }
}

/// A read-only connection to a journal, whether or not a daemon is writing it.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    db: Connection,
    tail: Tail,
}

impl Reader {
    pub fn open(path: &Path) -> Result<Self, ReaderError> {
        connect(path).map(|db| Self { path: path.to_owned(), db, tail: Tail::default() })
    }

    /// The newest passages that fit, newest first.
    pub fn passages(&mut self, filter: &Filter) -> Result<Vec<Record>, ReaderError> {
        search::list(&self.db, &mut self.tail, filter, MOST).map_err(|why| self.failed(why))
    }

    /// How many passages fit (`after` and `limit` do not count).
    pub fn count(&mut self, filter: &Filter) -> Result<u64, ReaderError> {
        search::count(&self.db, &mut self.tail, filter).map_err(|why| self.failed(why))
    }

    /// Passages per day of this time zone, from the first day to the last; days without any are left out.
    pub fn days(&mut self, filter: &Filter, zone: &jiff::tz::TimeZone) -> Result<Days, ReaderError> {
        search::days(&self.db, &mut self.tail, filter, zone).map_err(|why| self.failed(why))
    }

    /// One passage.
    pub fn passage(&mut self, id: PassageId) -> Result<Option<Record>, ReaderError> {
        let found = search::of_kind(&self.db, id, body::CLOSED).map_err(|why| self.failed(why))?;
        Ok(found.and_then(|(fact, erased)| match fact {
            Fact::Closed(closed) => Some((closed, erased).into()),
            _ => None,
        }))
    }

    /// The decision of a passage, with the vote as it stood then.
    pub fn decision(&mut self, id: PassageId) -> Result<Option<Decided>, ReaderError> {
        let found = search::of_kind(&self.db, id, body::DECIDED).map_err(|why| self.failed(why))?;
        Ok(found.and_then(|(fact, _)| match fact {
            Fact::Decided(decided) => Some(decided),
            _ => None,
        }))
    }

    /// Passages and decisions whose id begins so, oldest first: at most `most`.
    pub fn beginning_with(&mut self, prefix: IdPrefix, most: usize) -> Result<Vec<PassageId>, ReaderError> {
        find::beginning_with(&self.db, prefix, most).map_err(|error| self.failed(error.into()))
    }

    /// What each read of a passage said; nothing for a passage that is not there.
    pub fn reads(&mut self, passage: &Passage) -> Result<Vec<ReadSummary>, ReaderError> {
        Ok(self.passage(passage.id)?.map(|record| record.reads).unwrap_or_default())
    }

    /// Passages that this gate was opened for since then, with their plates as far as they are kept.
    pub fn let_in_since(
        &self,
        gate: &GateId,
        since: Timestamp,
    ) -> Result<Vec<(PassageId, Visitor)>, ReaderError> {
        gates::let_in_since(&self.db, gate, since).map_err(|why| self.failed(why))
    }

    /// The newest changes of the node's health, newest first.
    pub fn health(&self, most: usize) -> Result<Vec<HealthChange>, ReaderError> {
        health::newest(&self.db, most).map_err(|error| self.failed(error.into()))
    }

    /// The images that were kept of a passage.
    pub fn evidence(&mut self, id: PassageId) -> Result<Option<Evidence>, ReaderError> {
        let found = search::of_kind(&self.db, id, body::EVIDENCE).map_err(|why| self.failed(why))?;
        Ok(found.and_then(|(fact, _)| match fact {
            Fact::Evidence(evidence) => Some(evidence),
            _ => None,
        }))
    }

    fn failed(&self, why: Why) -> ReaderError {
        ReaderError { path: self.path.clone(), why }
    }
}

impl ReaderError {
    pub(super) fn new(path: &Path, error: rusqlite::Error) -> Self {
        Self { path: path.to_owned(), why: error.into() }
    }
}

/// A read-only connection to a journal of our version. One that lies where nothing may be written, not even the marks of
/// its readers, is read as it lies there.
pub(super) fn connect(path: &Path) -> Result<Connection, ReaderError> {
    connect_to(path, OpenFlags::SQLITE_OPEN_READ_ONLY).or_else(|error| match &error.why {
        Why::Sqlite(why) if why.sqlite_error_code() == Some(ErrorCode::ReadOnly) => {
            connect_at_rest(path)?.ok_or(error)
        }
        _ => Err(error),
    })
}

/// A connection for `lists` and `orders`, which write beside the writer: what they commit is on the disk, and they wait
/// this many milliseconds for another one.
pub(super) fn connect_to_write(path: &Path, patience: u32) -> Result<Connection, ReaderError> {
    let db = connect_to(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let set =
        |name, value| db.pragma_update(None, name, value).map_err(|error| ReaderError::new(path, error));
    set("busy_timeout", patience)?;
    set("synchronous", 2)?;
    Ok(db)
}

/// A connection to the file as it lies there, for a disk without the room that a look at it otherwise takes. `None` where
/// there is a log beside it, which would not be seen.
pub(super) fn connect_at_rest(path: &Path) -> Result<Option<Connection>, ReaderError> {
    let log = std::fs::metadata(super::file::beside(path, "-wal"));
    if log.is_ok_and(|log| log.len() > 0) {
        return Ok(None);
    }
    let opened = || -> Result<Connection, Why> {
        let whole = std::fs::canonicalize(path).map_err(|_| Why::Missing)?;
        let mut address = url::Url::from_file_path(whole).map_err(|()| Why::Missing)?;
        address.set_query(Some("immutable=1"));
        let flags =
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(address.as_str(), flags)?;
        schema::check(&db).map_err(|error| match error {
            schema::SchemaError::Sqlite(error) => Why::from(error),
            other => Why::Schema(other),
        })?;
        Ok(db)
    };
    opened().map(Some).map_err(|why| ReaderError { path: path.to_owned(), why })
}

fn connect_to(path: &Path, how: OpenFlags) -> Result<Connection, ReaderError> {
    let connected = || -> Result<Connection, Why> {
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
    };
    connected().map_err(|why| ReaderError { path: path.to_owned(), why })
}
