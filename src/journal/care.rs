//! Looking after a journal file from outside the daemon: verify, back up, restore, keep up, erase a plate.
//!
//! All but restoring may be done while a daemon runs on the file.

mod pace;
pub mod upkeep;

use std::{
    fs::{File, OpenOptions},
    io::{BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use flate2::{Compression, bufread::GzDecoder, write::GzEncoder};
use rusqlite::{
    Connection, ErrorCode, OpenFlags, TransactionBehavior,
    backup::{Backup, StepResult},
};

use sha2::{Digest as _, Sha256};

use super::{
    chain::{self, Verified},
    file::{self, beside},
    reader::{self, ReaderError},
    retention, schema,
};
use crate::{passage::PassageId, plate::PlateText};
pub use pace::Pace;

/// Why a journal could not be looked after.
#[derive(Debug, thiserror::Error)]
pub enum CareError {
    #[error(transparent)]
    Read(#[from] ReaderError),
    #[error("journal {}: {error}", path.display())]
    Sqlite { path: PathBuf, error: rusqlite::Error },
    #[error("{}: {error}", path.display())]
    File { path: PathBuf, error: std::io::Error },
    #[error("{} is there already; name another file, or move it away", .0.display())]
    Exists(PathBuf),
    #[error("{}: {why}", path.display())]
    NoBackup { path: PathBuf, why: String },
    #[error(
        "journal {}: {why}; stop the daemon first (systemctl stop amslpr)", path.display()
    )]
    InUse { path: PathBuf, why: String },
    #[error("the journal {} stayed busy for {PATIENCE:?}; try again", .0.display())]
    Busy(PathBuf),
}

type Result<T> = std::result::Result<T, CareError>;

/// Pages copied at a time; in between, the daemon writes.
const PAGES: i32 = 1000;
/// How long a step may find the journal locked, all steps together.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

/// What a look at a journal showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// What SQLite says about the file's structure; empty: it is sound.
    pub damage: Vec<String>,
    pub chain: Verified,
}

impl Health {
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty() && self.chain.faults.is_empty()
    }
}

/// Looks at the whole file: its structure, and the chain of its facts.
pub fn verify(path: &Path) -> Result<Health> {
    let db = reader::connect(path)?;
    let failed = |error| CareError::Sqlite { path: path.to_owned(), error };
    let damage = integrity(&db).map_err(failed)?;
    Ok(Health { damage, chain: chain::verify(&db).map_err(failed)? })
}

/// The hash of one fact; `None` if it is not there.
pub fn hash_of(path: &Path, nr: u64) -> Result<Option<String>> {
    let db = reader::connect(path)?;
    chain::hash_of(&db, nr).map_err(|error| CareError::Sqlite { path: path.to_owned(), error })
}

fn integrity(db: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut query = db.prepare("PRAGMA integrity_check(20)")?;
    let lines = query.query_map([], |row| row.get::<_, String>(0))?;
    Ok(lines.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().filter(|line| line != "ok").collect())
}

/// Copies a journal, also while it is written, to `target`, which must not be there; compressed if its name ends with
/// `.gz`. The copy is checked before it gets its name, and the backup is put back into a scratch file and compared with
/// it. Returns its size.
pub fn back_up(path: &Path, target: &Path, pace: &mut Pace) -> Result<u64> {
    if target.exists() {
        return Err(CareError::Exists(target.to_owned()));
    }
    let source = reader::connect(path)?;
    let copy = beside(target, ".copy");
    let made = copy_into(&source, path, &copy, pace).and_then(|()| {
        let health = verify(&copy)?;
        if !health.is_sound() {
            let why = format!("the copy is not sound: {}", first_fault(&health));
            return Err(CareError::NoBackup { path: path.to_owned(), why });
        }
        let packed = beside(target, if is_compressed(target) { ".part.gz" } else { ".part" });
        discard(&packed);
        let packing =
            if is_compressed(target) { compress(&copy, &packed, pace) } else { unpack(&copy, &packed, pace) };
        let proven =
            packing.and_then(|()| prove(&packed, &copy, pace)).and_then(|()| rename(&packed, target));
        proven.inspect_err(|_| discard(&packed))
    });
    discard(&copy);
    made?;
    std::fs::metadata(target).map(|it| it.len()).map_err(at(target))
}

/// Puts the backup back into a scratch file, as a restore would, and compares that with what was backed up.
fn prove(backup: &Path, original: &Path, pace: &mut Pace) -> Result<()> {
    let scratch = beside(backup, ".proof");
    discard(&scratch);
    let same = unpack(backup, &scratch, pace).and_then(|()| Ok(digest(&scratch)? == digest(original)?));
    discard(&scratch);
    match same? {
        true => Ok(()),
        false => {
            let why = "put back, it is not what was copied: the disk or the memory is at fault".to_owned();
            Err(CareError::NoBackup { path: backup.to_owned(), why })
        }
    }
}

fn digest(path: &Path) -> Result<[u8; 32]> {
    let mut file = BufReader::with_capacity(1 << 16, File::open(path).map_err(at(path))?);
    let mut digest = Sha256::new();
    std::io::copy(&mut file, &mut digest).map_err(at(path))?;
    Ok(digest.finalize().into())
}

fn copy_into(source: &Connection, path: &Path, copy: &Path, pace: &mut Pace) -> Result<()> {
    discard(copy);
    let failed = |error| CareError::Sqlite { path: copy.to_owned(), error };
    let mut db = Connection::open(copy).map_err(failed)?;
    let page: u64 = source.query_row("PRAGMA page_size", [], |row| row.get(0)).map_err(failed)?;
    {
        let backup = Backup::new(source, &mut db).map_err(failed)?;
        let mut waited = Duration::ZERO;
        loop {
            match backup.step(PAGES).map_err(failed)? {
                StepResult::Done => break,
                StepResult::More => pace.moved(page * u64::from(PAGES.unsigned_abs())),
                _ if waited >= PATIENCE => return Err(CareError::Busy(path.to_owned())),
                _ => {
                    pause(PAUSE);
                    waited += PAUSE;
                }
            }
        }
    }
    // One file, without a log beside it; whoever opens it for writing turns the log on again.
    db.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(())).map_err(failed)?;
    db.close().map_err(|(_, error)| failed(error))?;
    File::open(copy).and_then(|file| file.sync_all()).map_err(at(copy))
}

/// Puts a backup in the place of the journal at `path`, brought to the form of this program if an older one made it. What
/// was there is kept beside it; its name is returned. Refused while a daemon runs on it. Root does this as whom the
/// journal's folder belongs to: so what is made is the service's own, and a link in its folder leads to nothing of root's.
pub fn restore(backup: &Path, path: &Path, now: jiff::Timestamp) -> Result<Option<PathBuf>> {
    let packed = File::open(backup).map_err(at(backup))?;
    as_owner(file::folder_of(path), || put_back(packed, backup, path, now))?
}

fn put_back(packed: File, backup: &Path, path: &Path, now: jiff::Timestamp) -> Result<Option<PathBuf>> {
    let _lock = file::lock_for(path).map_err(|why| CareError::InUse { path: path.to_owned(), why })?;
    let fresh = beside(path, ".restored");
    discard(&fresh);
    let made = unpack_from(packed, backup, &fresh, &mut Pace::free()).and_then(|()| {
        renew(&fresh, backup)?;
        let health = verify(&fresh)?;
        if health.is_sound() {
            return Ok(());
        }
        let why = format!("this backup is not sound: {}", first_fault(&health));
        Err(CareError::NoBackup { path: backup.to_owned(), why })
    });
    if let Err(error) = made {
        discard(&fresh);
        return Err(error);
    }
    let mut kept = None;
    if path.exists() {
        let aside = beside(path, &format!(".before-{}", now.strftime("%Y%m%dT%H%M%SZ")));
        for part in ["", "-wal", "-shm"] {
            let from = beside(path, part);
            if from.exists() {
                rename(&from, &beside(&aside, part))?;
            }
        }
        kept = Some(aside);
    }
    rename(&fresh, path)?;
    Ok(kept)
}

/// What an older amslpr wrote in today's form, as the daemon does it when it starts; one file, without a log beside it.
fn renew(fresh: &Path, backup: &Path) -> Result<()> {
    let failed = |error| CareError::Sqlite { path: fresh.to_owned(), error };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(fresh, flags).map_err(failed)?;
    schema::renew(&mut db).map_err(|why| match why {
        schema::SchemaError::Sqlite(error) if !is_no_database(&error) => failed(error),
        schema::SchemaError::Early => {
            let why =
                "it was made before amslpr's first release, in a form that is not read any more".to_owned();
            CareError::NoBackup { path: backup.to_owned(), why }
        }
        why => CareError::NoBackup { path: backup.to_owned(), why: why.to_string() },
    })?;
    db.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(())).map_err(failed)?;
    db.close().map_err(|(_, error)| failed(error))
}

fn is_no_database(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt))
}

/// Works as whom the folder belongs to, if root asks: in a thread that gives up all other rights first.
fn as_owner<T: Send>(folder: &Path, work: impl FnOnce() -> T + Send) -> Result<T> {
    use std::os::unix::fs::MetadataExt as _;
    let owner = std::fs::metadata(folder).map_err(at(folder))?;
    if owner.uid() == 0 || !rustix::process::geteuid().is_root() {
        return Ok(work());
    }
    let (uid, gid) =
        (rustix::process::Uid::from_raw(owner.uid()), rustix::process::Gid::from_raw(owner.gid()));
    let become_owner = || -> rustix::io::Result<()> {
        rustix::thread::set_thread_groups(&[])?;
        rustix::thread::set_thread_res_gid(gid, gid, gid)?;
        rustix::thread::set_thread_res_uid(uid, uid, uid)
    };
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| become_owner().map(|()| work()));
        match worker.join() {
            Ok(done) => done.map_err(|error| at(folder)(error.into())),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn unpack(backup: &Path, fresh: &Path, pace: &mut Pace) -> Result<()> {
    unpack_from(File::open(backup).map_err(at(backup))?, backup, fresh, pace)
}

fn unpack_from(packed: File, backup: &Path, fresh: &Path, pace: &mut Pace) -> Result<()> {
    let source = BufReader::with_capacity(1 << 16, packed);
    let mut target = create(fresh)?;
    let mut moved = Box::new(source) as Box<dyn Read>;
    if is_compressed(backup) {
        let packed = BufReader::with_capacity(1 << 16, moved);
        moved = Box::new(GzDecoder::new(packed));
    }
    shift(&mut moved, &mut target, pace).map_err(at(backup))?;
    target.sync_all().map_err(at(fresh))
}

fn compress(from: &Path, to: &Path, pace: &mut Pace) -> Result<()> {
    let mut source = File::open(from).map_err(at(from))?;
    let mut packed = GzEncoder::new(BufWriter::new(create(to)?), Compression::fast());
    shift(&mut source, &mut packed, pace).map_err(at(to))?;
    let file = packed.finish().and_then(|inner| inner.into_inner().map_err(std::io::Error::from));
    file.and_then(|file| file.sync_all()).map_err(at(to))
}

/// Everything from one to the other, at this pace.
fn shift(from: &mut impl Read, to: &mut impl Write, pace: &mut Pace) -> std::io::Result<()> {
    let mut chunk = vec![0; 1 << 16];
    loop {
        match from.read(&mut chunk)? {
            0 => return Ok(()),
            n => {
                to.write_all(chunk.get(..n).unwrap_or_default())?;
                pace.moved(n as u64);
            }
        }
    }
}

/// Brings the planner's figures up to date, and gives free space back.
fn tidy(path: &Path, pace: &mut Pace) -> Result<()> {
    let failed = |error| CareError::Sqlite { path: path.to_owned(), error };
    let db = write_connection(path)?;
    let page: u64 = db.query_row("PRAGMA page_size", [], |row| row.get(0)).map_err(failed)?;
    db.execute_batch("PRAGMA analysis_limit = 1000; PRAGMA optimize = 0x10002;").map_err(failed)?;
    // In pieces, each a transaction of its own, so that the daemon never waits long.
    loop {
        let free: u64 = db.query_row("PRAGMA freelist_count", [], |row| row.get(0)).map_err(failed)?;
        db.execute_batch("PRAGMA incremental_vacuum(2000)").map_err(failed)?;
        let left: u64 = db.query_row("PRAGMA freelist_count", [], |row| row.get(0)).map_err(failed)?;
        if left == 0 || left >= free {
            break;
        }
        pace.moved((free - left) * page);
    }
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(failed)
}

/// Erases a plate from every fact that names it; the passages stay, without text. Returns them.
pub fn erase_plate(path: &Path, plate: &PlateText) -> Result<Vec<PassageId>> {
    let failed = |error| CareError::Sqlite { path: path.to_owned(), error };
    let mut db = write_connection(path)?;
    // What is erased is overwritten, not only unlinked, and does not stay in the log either.
    db.query_row("PRAGMA secure_delete = ON", [], |_| Ok(())).map_err(failed)?;
    let erased = || -> rusqlite::Result<Vec<[u8; 16]>> {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let passages = retention::erase_plate(&transaction, plate)?;
        transaction.commit()?;
        Ok(passages)
    };
    let passages = { erased }().map_err(failed)?;
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(failed)?;
    Ok(passages.into_iter().map(|id| PassageId(uuid::Uuid::from_bytes(id))).collect())
}

fn write_connection(path: &Path) -> Result<Connection> {
    // Says what is wrong with a file that is none of ours.
    drop(reader::connect(path)?);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let failed = |error| CareError::Sqlite { path: path.to_owned(), error };
    let db = Connection::open_with_flags(path, flags).map_err(failed)?;
    db.pragma_update(None, "busy_timeout", 10_000).map_err(failed)?;
    Ok(db)
}

fn first_fault(health: &Health) -> String {
    let chain = health.chain.faults.first().map(ToString::to_string);
    health.damage.first().cloned().or(chain).unwrap_or_default()
}

fn is_compressed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"))
}

/// A new file that nobody else may read: plates are in it.
fn create(path: &Path) -> Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    OpenOptions::new().write(true).create_new(true).mode(0o640).open(path).map_err(at(path))
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    std::fs::rename(from, to).map_err(at(to))?;
    let folder = to.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
}

/// Removes a file of ours that may not be there.
fn discard(path: &Path) {
    for part in ["", "-wal", "-shm", "-journal"] {
        let path = beside(path, part);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(path = %path.display(), %error, "a temporary file stays behind");
            }
            _ => {}
        }
    }
}

fn at(path: &Path) -> impl Fn(std::io::Error) -> CareError + use<> {
    let path = path.to_owned();
    move |error| CareError::File { path: path.clone(), error }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a command waits for a lock, for a bounded time; there is nothing to stop"
)]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

#[cfg(test)]
mod tests;
