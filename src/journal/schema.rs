//! The database's shape: numbered steps, applied in order, counted in `user_version`.
//!
//! A step is never changed once it was released; a new shape is a new step.

use rusqlite::{Connection, TransactionBehavior};
use uuid::Uuid;

use super::changes;

/// `AMSL` in ASCII, in the file's header: tells our journal from any other program's database.
const APPLICATION_ID: i32 = 0x414d_534c;

/// What each step does. Step n brings a database from version n-1 to n.
const STEPS: [&str; 4] = [
    include_str!("migrations/0001_facts.sql"),
    include_str!("migrations/0002_index.sql"),
    include_str!("migrations/0003_lists.sql"),
    include_str!("migrations/0004_sealed.sql"),
];
/// The step behind which changes of lists are facts.
const SEALED: usize = 4;

/// The version that this program writes.
pub const VERSION: usize = STEPS.len();

/// Why a database cannot be used as it is.
#[derive(Debug, thiserror::Error)]
pub(super) enum SchemaError {
    #[error("it is a database of another program (application id {0:#x})")]
    Foreign(i32),
    #[error(
        "it was written by a newer amslpr (version {found}, this program knows up to {VERSION}); install that one"
    )]
    Future { found: usize },
    #[error("it was written by an older amslpr (version {found}); start the daemon once, which upgrades it")]
    Past { found: usize },
    #[error(
        "it was written before amslpr's first release, in a form that is not read any more; move it away, and the daemon begins a new one"
    )]
    Early,
    #[error("there is no journal in it")]
    Empty,
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

/// Brings a journal to [`VERSION`], but begins none where there is none.
pub(super) fn renew(db: &mut Connection) -> Result<(), SchemaError> {
    match version(db)? {
        0 => Err(SchemaError::Empty),
        _ => upgrade(db),
    }
}

/// Brings an empty or older database to [`VERSION`]; all steps or none.
pub(super) fn upgrade(db: &mut Connection) -> Result<(), SchemaError> {
    upgrade_to(db, VERSION)
}

/// For readers: is this a journal of our version?
pub(super) fn check(db: &Connection) -> Result<(), SchemaError> {
    let found = version(db)?;
    match found {
        VERSION => Ok(()),
        past if past < VERSION => Err(SchemaError::Past { found: past }),
        found => Err(SchemaError::Future { found }),
    }
}

fn version(db: &Connection) -> Result<usize, SchemaError> {
    let id: i32 = db.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let version: u32 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let tables: u32 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if id == APPLICATION_ID && !db.table_exists(None, "facts")? {
        return Err(SchemaError::Early);
    }
    if id == APPLICATION_ID || (id == 0 && version == 0 && tables == 0) {
        Ok(usize::try_from(version).unwrap_or(usize::MAX))
    } else {
        Err(SchemaError::Foreign(id))
    }
}

pub(super) fn upgrade_to(db: &mut Connection, wanted: usize) -> Result<(), SchemaError> {
    let found = version(db)?;
    if found > VERSION {
        return Err(SchemaError::Future { found });
    }
    if found >= wanted {
        return Ok(());
    }
    let step = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for sql in STEPS.iter().take(wanted).skip(found) {
        step.execute_batch(sql)?;
    }
    if found == 0 {
        step.pragma_update(None, "application_id", APPLICATION_ID)?;
        step.execute("INSERT INTO meta VALUES ('stream', ?1), ('indexed', 0)", [Uuid::now_v7().as_bytes()])?;
    }
    if (found + 1..=wanted).contains(&SEALED) {
        changes::seal_old(&step)?;
    }
    step.pragma_update(None, "user_version", u32::try_from(wanted).unwrap_or(u32::MAX))?;
    step.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(db: &Connection) -> Vec<(String, Option<String>)> {
        let mut rows = db.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name").unwrap();
        let shape = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        shape.map(Result::unwrap).collect()
    }

    #[test]
    fn an_upgraded_journal_has_the_shape_of_a_fresh_one() {
        let mut fresh = Connection::open_in_memory().unwrap();
        upgrade(&mut fresh).unwrap();
        for old in 1..VERSION {
            let mut upgraded = Connection::open_in_memory().unwrap();
            upgrade_to(&mut upgraded, old).unwrap();
            assert!(matches!(check(&upgraded), Err(SchemaError::Past { found }) if found == old));
            let stream: Vec<u8> = upgraded.query_row(STREAM, [], |row| row.get(0)).unwrap();
            upgrade(&mut upgraded).unwrap();
            assert_eq!(shape(&upgraded), shape(&fresh));
            let kept: Vec<u8> = upgraded.query_row(STREAM, [], |row| row.get(0)).unwrap();
            assert_eq!(stream, kept, "an upgrade does not begin a new numbering");
            check(&upgraded).unwrap();
        }
    }

    #[test]
    fn a_journal_of_before_the_chain_is_told_from_an_older_one() {
        for version in 1..=VERSION + 1 {
            let mut early = Connection::open_in_memory().unwrap();
            early.execute_batch("CREATE TABLE passages (id BLOB PRIMARY KEY)").unwrap();
            early.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
            early.pragma_update(None, "user_version", u32::try_from(version).unwrap()).unwrap();
            assert!(matches!(check(&early), Err(SchemaError::Early)));
            assert!(matches!(upgrade(&mut early), Err(SchemaError::Early)));
        }
    }

    const STREAM: &str = "SELECT value FROM meta WHERE key = 'stream'";

    #[test]
    fn a_journal_from_the_future_is_refused() {
        let mut db = Connection::open_in_memory().unwrap();
        upgrade(&mut db).unwrap();
        db.pragma_update(None, "user_version", VERSION + 1).unwrap();
        let refusal = upgrade(&mut db).unwrap_err();
        assert!(matches!(refusal, SchemaError::Future { found } if found == VERSION + 1), "{refusal}");
        assert!(refusal.to_string().contains("newer amslpr"));
    }

    #[test]
    fn the_database_of_another_program_is_left_alone() {
        let mut db = Connection::open_in_memory().unwrap();
        db.execute_batch("CREATE TABLE recipes (name TEXT)").unwrap();
        assert!(matches!(upgrade(&mut db), Err(SchemaError::Foreign(0))));
    }
}
