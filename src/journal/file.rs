//! The file on disk: one daemon at a time, checked, and put aside if it is broken.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::mpsc::RecvTimeoutError,
};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{Durability, Settings, schema};
use crate::clock::Clock;

/// Why the journal could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("journal {}: {why}", path.display())]
pub struct OpenError {
    path: PathBuf,
    why: Why,
}

#[derive(Debug, thiserror::Error)]
enum Why {
    #[error("the folder {} cannot be made: {error}", folder.display())]
    Folder { folder: PathBuf, error: std::io::Error },
    #[error(
        "the folder {} cannot be written to: {error}; make it writable for the user that runs amslpr", folder.display()
    )]
    Unwritable { folder: PathBuf, error: std::io::Error },
    #[error("another amslpr uses it (process {0}); stop that one first")]
    Taken(String),
    #[error("it is read-only; make the file writable for the user that runs amslpr")]
    ReadOnly,
    #[error("it is broken ({found}) and could not be put aside as {}: {error}", aside.display())]
    NotPutAside { found: String, aside: PathBuf, error: std::io::Error },
    #[error(transparent)]
    Schema(#[from] schema::SchemaError),
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("its thread cannot be started: {0}")]
    Thread(std::io::Error),
}

impl OpenError {
    pub(super) fn new(path: &Path, error: rusqlite::Error) -> Self {
        Self { path: path.to_owned(), why: error.into() }
    }

    /// Not this program's journal, or one of another version of it: it stays so however often it is tried.
    pub fn is_of_another_version(&self) -> bool {
        matches!(&self.why, Why::Schema(error) if !matches!(error, schema::SchemaError::Sqlite(_)))
    }

    /// The disk is full: it may be otherwise a moment later.
    pub(super) fn is_for_want_of_room(&self) -> bool {
        match &self.why {
            Why::Folder { error, .. } | Why::Unwritable { error, .. } => {
                error.kind() == std::io::ErrorKind::StorageFull
            }
            Why::Sqlite(error) => wants_room(error),
            _ => false,
        }
    }

    pub(super) fn thread(path: &Path, error: std::io::Error) -> Self {
        Self { path: path.to_owned(), why: Why::Thread(error) }
    }
}

/// Holds the journal for this process; the system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

#[derive(Debug)]
pub(super) struct Opened {
    pub db: Connection,
    pub set_aside: Option<PathBuf>,
}

/// Holds the journal for this process, whether or not it can be opened yet.
pub(super) fn hold(path: &Path) -> Result<Lock, OpenError> {
    let hold = || {
        let folder = folder_of(path);
        std::fs::create_dir_all(folder).map_err(|error| Why::Folder { folder: folder.to_owned(), error })?;
        lock(path, folder)
    };
    hold().map_err(|why| OpenError { path: path.to_owned(), why })
}

/// Opens it for whoever holds it.
pub(super) fn open(path: &Path, settings: &Settings, clock: &dyn Clock) -> Result<Opened, OpenError> {
    open_file(path, settings, clock).map_err(|why| OpenError { path: path.to_owned(), why })
}

fn open_file(path: &Path, settings: &Settings, clock: &dyn Clock) -> Result<Opened, Why> {
    let (db, set_aside) = match open_checked(path, settings) {
        Ok(db) => (db, None),
        Err(Why::Sqlite(error)) if is_broken(&error) => {
            let aside = put_aside(path, &error, clock)?;
            tracing::error!(
                journal = %path.display(), kept_as = %aside.display(), %error,
                "the journal is broken; it is kept aside and a new one begins"
            );
            (open_checked(path, settings)?, Some(aside))
        }
        Err(why) => return Err(why),
    };
    Ok(Opened { db, set_aside })
}

/// Holds the journal as a daemon would, for something that no daemon may be in the way of.
pub(super) fn lock_for(path: &Path) -> Result<Lock, String> {
    lock(path, folder_of(path)).map_err(|why| why.to_string())
}

pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}

fn lock(path: &Path, folder: &Path) -> Result<Lock, Why> {
    let unwritable = |error| Why::Unwritable { folder: folder.to_owned(), error };
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    // What lies behind a link is not ours to write into.
    options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
    let mut file = match options.open(beside(path, ".lock")) {
        // No room for another name: the folder itself is held.
        Err(error) if error.kind() == std::io::ErrorKind::StorageFull => {
            File::open(folder).map_err(unwritable)?
        }
        opened => opened.map_err(unwritable)?,
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut owner = String::new();
            // Only a hint for people: an unreadable one changes nothing.
            let read = file.take(32).read_to_string(&mut owner);
            let known = read.is_ok() && !owner.trim().is_empty();
            return Err(Why::Taken(if known { owner.trim().to_owned() } else { "unknown".to_owned() }));
        }
        Err(TryLockError::Error(error)) => return Err(unwritable(error)),
    }
    let told =
        file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
    if let Err(error) = told {
        // Held all the same; on a full disk it only cannot say by whom.
        tracing::debug!(journal = %path.display(), %error, "the lock does not name this process");
    }
    Ok(Lock { _file: file })
}

fn open_checked(path: &Path, settings: &Settings) -> Result<Connection, Why> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(path, flags)?;
    if db.is_readonly("main")? {
        return Err(Why::ReadOnly);
    }
    // Readers hold locks for moments only; a longer wait is a failed commit, which is tried again.
    // (By pragma: the function of that name needs SQLite 3.44, Debian 12 has 3.40.)
    db.pragma_update(None, "busy_timeout", 2000)?;
    // Before the first page is written, or it has no effect.
    db.pragma_update(None, "page_size", settings.page_size)?;
    db.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    let mode: String = db.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        tracing::warn!(journal = %path.display(), mode, "no write-ahead log here; commits take longer");
    }
    let synchronous = match settings.durability {
        Durability::Full => "FULL",
        Durability::Normal => "NORMAL",
    };
    db.pragma_update(None, "synchronous", synchronous)?;
    let page_size: u32 = db.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    let page_size = page_size.max(512);
    db.pragma_update(None, "wal_autocheckpoint", (settings.checkpoint_bytes / page_size).max(1))?;
    db.pragma_update(None, "journal_size_limit", i64::from(settings.checkpoint_bytes) * 2)?;
    // Negative: in KiB.
    db.pragma_update(None, "cache_size", -i64::from(settings.cache_bytes / 1024))?;
    if let Some(bytes) = settings.largest_bytes {
        let pages = i64::try_from(bytes / u64::from(page_size)).unwrap_or(i64::MAX).clamp(1, 4_294_967_294);
        db.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
    }
    check(&db, path, settings)?;
    schema::upgrade(&mut db).map_err(|error| match error {
        schema::SchemaError::Sqlite(error) => Why::Sqlite(error),
        other => Why::Schema(other),
    })?;
    Ok(db)
}

/// Looks for damage, for as long as the settings allow.
fn check(db: &Connection, path: &Path, settings: &Settings) -> Result<(), Why> {
    let interrupt = db.get_interrupt_handle();
    let (done, waits) = std::sync::mpsc::sync_channel::<()>(1);
    let limit = settings.check_limit;
    let found: rusqlite::Result<String> = std::thread::scope(|scope| {
        scope.spawn(move || {
            if waits.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                interrupt.interrupt();
            }
        });
        let found = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0));
        drop(done);
        found
    });
    match found {
        Ok(verdict) if verdict == "ok" => Ok(()),
        Ok(verdict) => {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
            Err(Why::Sqlite(rusqlite::Error::SqliteFailure(code, Some(verdict))))
        }
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
            let seconds = settings.check_limit.as_secs_f32();
            tracing::info!(journal = %path.display(), seconds, "journal checked in part, no damage so far");
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// Nothing can be written for want of room. SQLite needs some even for a look at a file: the log's index lies beside it.
fn wants_room(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi::{SQLITE_IOERR_SHMMAP, SQLITE_IOERR_SHMOPEN, SQLITE_IOERR_SHMSIZE};
    let index = [SQLITE_IOERR_SHMSIZE, SQLITE_IOERR_SHMOPEN, SQLITE_IOERR_SHMMAP];
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
        || error.sqlite_error().is_some_and(|error| index.contains(&error.extended_code))
}

fn is_broken(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Renames the file and its write-ahead log, so that nothing is lost that could be mended by hand.
fn put_aside(path: &Path, found: &rusqlite::Error, clock: &dyn Clock) -> Result<PathBuf, Why> {
    let now = clock.wall().strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut aside = beside(path, &format!(".corrupt-{now}"));
    let mut next = 2;
    while aside.exists() && next < 1000 {
        aside = beside(path, &format!(".corrupt-{now}-{next}"));
        next += 1;
    }
    let failed = |error| Why::NotPutAside { found: found.to_string(), aside: aside.clone(), error };
    std::fs::rename(path, &aside).map_err(failed)?;
    for part in ["-wal", "-shm"] {
        match std::fs::rename(beside(path, part), beside(&aside, part)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Why::NotPutAside { found: found.to_string(), aside, error });
            }
            _ => {}
        }
    }
    Ok(aside)
}

/// `journal.db` with something appended: `journal.db.lock`.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
