//! Changes of the node's health as facts: since when something was wrong, and what, in the chain with everything else.

use jiff::Timestamp;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    body::{self, Body, BodyError},
    cells::{instant, odd},
};

/// From then on the node was like this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthChange {
    pub at: Timestamp,
    /// `ok`, `degraded` or `failed`.
    pub verdict: String,
    /// What was wrong, in words, worst first.
    pub problems: Vec<String>,
}

/// Nothing of it is personal.
#[derive(Serialize, Deserialize)]
struct Open {
    at: i64,
    verdict: String,
    problems: Vec<String>,
}

pub(super) fn encode(change: &HealthChange) -> Result<Body, BodyError> {
    let HealthChange { at, verdict, problems } = change;
    let open = Open { at: at.as_microsecond(), verdict: verdict.clone(), problems: problems.clone() };
    Ok(Body {
        kind: body::HEALTH,
        id: *Uuid::now_v7().as_bytes(),
        open: rmp_serde::to_vec(&open)?,
        personal: Vec::new(),
        effects: Vec::new(),
    })
}

/// The newest changes, newest first.
pub(super) fn newest(db: &Connection, most: usize) -> rusqlite::Result<Vec<HealthChange>> {
    // 4 is HEALTH: written out, or the index that holds nothing else would not be used.
    let mut query = db.prepare_cached(
        "SELECT open FROM facts WHERE kind = 4 AND open NOT NULL ORDER BY nr DESC LIMIT ?1",
    )?;
    let rows = query.query_map([most], |row| {
        let bytes: Vec<u8> = row.get(0)?;
        let Open { at, verdict, problems } = rmp_serde::from_slice(&bytes).map_err(|error| odd(0, error))?;
        Ok(HealthChange { at: instant(at, 0)?, verdict, problems })
    })?;
    rows.collect()
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;
    use crate::{
        clock::SystemClock,
        fact::{Fact, Lane, Outbox as _, sample},
        journal::{Journal, Settings, care},
    };

    #[test]
    fn changes_are_links_of_the_chain_found_by_themselves_and_told_to_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j.db");
        let settings = Settings { outbox: true, ..Settings::default() };
        let journal = Journal::open(&path, &settings, Arc::new(SystemClock::start())).unwrap();
        let change = |n: i64, verdict: &str| HealthChange {
            at: Timestamp::from_second(n).unwrap(),
            verdict: verdict.to_owned(),
            problems: vec!["the broker is not reachable".to_owned(); usize::from(verdict != "ok")],
        };
        let changes = [change(1, "degraded"), change(2, "ok"), change(3, "failed")];
        for (n, one) in (0..).zip(&changes) {
            journal.writer().note_health(one.clone());
            journal.writer().record(Fact::Closed(sample::closed(n)));
        }
        assert!(journal.writer().flush(Duration::from_secs(9)));
        let reader = journal.reader().unwrap();
        assert_eq!(reader.health(2).unwrap(), [changes[2].clone(), changes[1].clone()]);
        let told = journal.pending_facts().unwrap().undelivered(0, Lane::Everything, 9).unwrap();
        assert_eq!(told.iter().map(|one| one.seq).collect::<Vec<_>>(), [1, 2, 3]);
        let health = care::verify(&path).unwrap();
        assert_eq!((health.is_sound(), health.chain.facts), (true, 6));
        let db = Connection::open(&path).unwrap();
        let plan: String = db
            .query_row(
                "EXPLAIN QUERY PLAN SELECT open FROM facts WHERE kind = 4 AND open NOT NULL ORDER BY nr DESC LIMIT 5",
                [],
                |row| row.get(3),
            )
            .unwrap();
        assert!(plan.contains("INDEX health"), "{plan}");
    }
}
