//! The seal: each fact's hash covers its content, its place and the hash of the fact before it.
//!
//! `hash(n) = SHA-256(hash(n-1), nr, kind, id, recorded, SHA-256(open), SHA-256(personal))`. Content goes in by its
//! digest, so that erased content leaves a digest behind and everything after it stays provable. What retention cuts
//! off at the beginning moves the anchor: the number and the hash that the first fact left builds upon. Cutting off the end is
//! found by whoever noted an earlier head: see [`Verified::head`].

use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};
use uuid::Uuid;

pub(super) type Hash = [u8; 32];

/// Where the chain begins: the fact before the first one that is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Anchor {
    pub nr: u64,
    pub hash: Hash,
}

/// One fact as the chain sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link<'a> {
    pub nr: u64,
    pub kind: i64,
    pub id: &'a [u8],
    pub recorded: i64,
    pub open: Hash,
    pub personal: Hash,
}

pub(super) fn digest(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

impl Link<'_> {
    pub(super) fn hash(&self, before: &Hash) -> Hash {
        let mut sum = Sha256::new();
        sum.update(before);
        sum.update(self.nr.to_be_bytes());
        sum.update(self.kind.to_be_bytes());
        sum.update((self.id.len() as u64).to_be_bytes());
        sum.update(self.id);
        sum.update(self.recorded.to_be_bytes());
        sum.update(self.open);
        sum.update(self.personal);
        sum.finalize().into()
    }
}

/// The anchor of a numbering that has just begun.
pub(super) fn genesis(stream: Uuid) -> Anchor {
    Anchor { nr: 0, hash: digest(stream.as_bytes()) }
}

pub(super) fn read_anchor(db: &Connection) -> rusqlite::Result<Anchor> {
    let value =
        |key: &str| db.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get::<_, Hash>(0));
    let nr = db.query_row("SELECT value FROM meta WHERE key = 'anchor'", [], |row| row.get(0)).optional()?;
    match nr {
        Some(nr) => Ok(Anchor { nr, hash: value("anchor-hash")? }),
        None => {
            let stream: [u8; 16] =
                db.query_row("SELECT value FROM meta WHERE key = 'stream'", [], |row| row.get(0))?;
            Ok(genesis(Uuid::from_bytes(stream)))
        }
    }
}

pub(super) fn write_anchor(db: &Connection, anchor: &Anchor) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO meta VALUES ('anchor', ?1), ('anchor-hash', ?2)")?
        .execute((anchor.nr, anchor.hash))
        .map(|_| ())
}

/// What walking the chain showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Facts looked at.
    pub facts: u64,
    /// Facts before the first one, which retention took.
    pub pruned: u64,
    /// Facts whose personal part, or all of which, was erased and is proven by its digest only.
    pub erased: u64,
    /// Number and hash of the newest fact: noted elsewhere, it shows later that nothing was cut off or rewritten.
    pub head: Option<(u64, String)>,
    /// What is wrong, by fact; empty: nothing.
    pub faults: Vec<Fault>,
    /// There are more than are listed.
    pub more_faults: bool,
}

/// One thing that is wrong with the chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("fact {nr} ({id}) is not what was recorded: it, or one that it builds upon, was changed")]
    Changed { nr: u64, id: String },
    #[error("facts {from} to {to} are missing")]
    Missing { from: u64, to: u64 },
    #[error("fact {nr} has lost its {part} part without a trace of its erasure")]
    Vanished { nr: u64, part: &'static str },
}

const MOST_FAULTS: usize = 100;

/// Walks the whole chain. After a fault it goes on from what the row says, so that each fault is named once.
pub(super) fn verify(db: &Connection) -> rusqlite::Result<Verified> {
    // One view: a daemon that erases the oldest meanwhile moves the anchor.
    let db = db.unchecked_transaction()?;
    let anchor = read_anchor(&db)?;
    let mut verified = Verified {
        facts: 0,
        pruned: anchor.nr,
        erased: 0,
        head: None,
        faults: Vec::new(),
        more_faults: false,
    };
    let (mut before, mut last) = (anchor.hash, anchor.nr);
    let mut query = db.prepare(
        "SELECT f.nr, f.kind, f.id, f.recorded, f.open, f.personal, f.hash, e.open, e.personal
         FROM facts f LEFT JOIN erased e ON e.nr = f.nr ORDER BY f.nr",
    )?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let nr: u64 = row.get(0)?;
        let id: Vec<u8> = row.get(2)?;
        let stored: Hash = row.get::<_, Vec<u8>>(6)?.try_into().unwrap_or_default();
        if nr > last + 1 {
            verified.fault(Fault::Missing { from: last + 1, to: nr - 1 });
        }
        let mut whole = true;
        let mut part = |content: usize, trace: usize, part: &'static str| -> rusqlite::Result<Option<Hash>> {
            if let Some(bytes) = row.get_ref(content)?.as_blob_or_null().ok().flatten() {
                return Ok(Some(digest(bytes)));
            }
            whole = false;
            let trace = row.get_ref(trace)?.as_blob_or_null().ok().flatten();
            let trace = trace.and_then(|bytes| Hash::try_from(bytes).ok());
            if trace.is_none() {
                verified.fault(Fault::Vanished { nr, part });
            }
            Ok(trace)
        };
        let (open, personal) = (part(4, 7, "open")?, part(5, 8, "personal")?);
        if let (Some(open), Some(personal)) = (open, personal) {
            let link = Link { nr, kind: row.get(1)?, id: &id, recorded: row.get(3)?, open, personal };
            // A gap was named already; what the row builds upon is not known then.
            if nr == last + 1 && link.hash(&before) != stored {
                let id = Uuid::from_slice(&id).map_or_else(|_| "?".to_owned(), |id| id.to_string());
                verified.fault(Fault::Changed { nr, id });
            }
        }
        verified.facts += 1;
        verified.erased += u64::from(!whole);
        (before, last) = (stored, nr);
    }
    verified.head = (verified.facts > 0).then(|| (last, hex(&before)));
    Ok(verified)
}

pub(super) fn hash_of(db: &Connection, nr: u64) -> rusqlite::Result<Option<String>> {
    let hash = db.query_row("SELECT hash FROM facts WHERE nr = ?1", [nr], |row| row.get::<_, Hash>(0));
    Ok(hash.optional()?.map(|hash| hex(&hash)))
}

impl Verified {
    fn fault(&mut self, fault: Fault) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(fault);
        } else {
            self.more_faults = true;
        }
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
