//! What was known at a decision, as a line of JSON with short keys: kept for many, read for few.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::cells::odd;
use crate::{
    access::{Grounds, Nearest, Objection, Pass, PassState, Places, ScheduleState},
    plate::PlateText,
};

type Result<T> = rusqlite::Result<T>;

/// Times are microseconds since 1970.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Row {
    #[serde(rename = "o", skip_serializing_if = "Option::is_none")]
    objection: Option<String>,
    #[serde(rename = "f", skip_serializing_if = "Option::is_none")]
    from: Option<i64>,
    #[serde(rename = "u", skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
    /// Name, and whether it was open.
    #[serde(rename = "s", skip_serializing_if = "Option::is_none")]
    schedule: Option<(String, bool)>,
    #[serde(rename = "p", skip_serializing_if = "Option::is_none")]
    pass: Option<PassRow>,
    #[serde(rename = "i", skip_serializing_if = "Option::is_none")]
    inside_since: Option<i64>,
    /// Taken, of how many.
    #[serde(rename = "c", skip_serializing_if = "Option::is_none")]
    places: Option<(u32, u32)>,
    /// List, plate, distance in hundredths.
    #[serde(rename = "n", skip_serializing_if = "Option::is_none")]
    nearest: Option<(String, String, u32)>,
}

/// Uses allowed, milliseconds allowed, uses used, first use.
#[derive(Debug, Serialize, Deserialize)]
struct PassRow(Option<u32>, Option<u64>, u32, Option<i64>);

/// Writes grounds down, where there are any.
pub(super) fn insert(db: &Connection, passage: &[u8; 16], grounds: &Grounds) -> Result<()> {
    if let Some(json) = write(grounds)? {
        const SQL: &str = "INSERT OR IGNORE INTO grounds VALUES (?1, ?2)";
        db.prepare_cached(SQL)?.execute(params![passage, json])?;
    }
    Ok(())
}

/// The grounds of a decision; none where none were kept.
pub(super) fn select(db: &Connection, passage: &[u8]) -> Result<Grounds> {
    let mut query = db.prepare_cached("SELECT grounds FROM grounds WHERE passage = ?1")?;
    let json: Option<String> = query.query_row([passage], |row| row.get(0)).optional()?;
    json.map_or(Ok(Grounds::default()), |json| read(&json))
}

/// Grounds as JSON; `None` if there are none.
fn write(grounds: &Grounds) -> Result<Option<String>> {
    if *grounds == Grounds::default() {
        return Ok(None);
    }
    let micros = |at: Option<Timestamp>| at.map(|at| at.as_microsecond());
    let row = Row {
        objection: grounds.objection.map(|objection| objection.as_str().to_owned()),
        from: micros(grounds.from),
        until: micros(grounds.until),
        schedule: grounds.schedule.as_ref().map(|schedule| (schedule.name.clone(), schedule.open)),
        pass: grounds.pass.map(|state| {
            PassRow(state.pass.uses, state.pass.lasts.map(millis), state.used, micros(state.first))
        }),
        inside_since: micros(grounds.inside_since),
        places: grounds.places.map(|places| (places.taken, places.of)),
        nearest: grounds.nearest.as_ref().map(|nearest| {
            let hundredths = (nearest.distance * 100.0).round() as u32;
            (nearest.list.clone(), nearest.plate.as_str().to_owned(), hundredths)
        }),
    };
    serde_json::to_string(&row).map(Some).map_err(|error| odd(1, error))
}

fn read(json: &str) -> Result<Grounds> {
    let row: Row = serde_json::from_str(json).map_err(|error| odd(0, error))?;
    let instant = |at: Option<i64>| at.map(|at| super::cells::instant(at, 0)).transpose();
    let objection = |word: String| {
        let found = Objection::ALL.into_iter().find(|one| one.as_str() == word);
        super::cells::known(found, "objection", &word, 0)
    };
    Ok(Grounds {
        objection: row.objection.map(objection).transpose()?,
        from: instant(row.from)?,
        until: instant(row.until)?,
        schedule: row.schedule.map(|(name, open)| ScheduleState { name, open }),
        pass: row
            .pass
            .map(|PassRow(uses, lasts, used, first)| {
                let pass = Pass { uses, lasts: lasts.map(Duration::from_millis) };
                Ok::<_, rusqlite::Error>(PassState { pass, used, first: instant(first)? })
            })
            .transpose()?,
        inside_since: instant(row.inside_since)?,
        places: row.places.map(|(taken, of)| Places { taken, of }),
        nearest: row
            .nearest
            .map(|(list, plate, hundredths)| {
                let plate = PlateText::normalise(&plate).map_err(|error| odd(0, error))?;
                Ok::<_, rusqlite::Error>(Nearest { list, plate, distance: hundredths as f32 / 100.0 })
            })
            .transpose()?,
    })
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::schema;

    fn check(grounds: &Grounds, most_bytes: usize) {
        let mut db = Connection::open_in_memory().unwrap();
        schema::upgrade(&mut db).unwrap();
        insert(&db, &[7; 16], grounds).unwrap();
        assert_eq!(select(&db, &[7; 16]).unwrap(), *grounds);
        let bytes: usize = db
            .query_row("SELECT coalesce(max(length(grounds)), 0) FROM grounds", [], |row| row.get(0))
            .unwrap();
        assert!(bytes <= most_bytes, "{bytes} bytes");
    }

    #[test]
    fn grounds_come_back_as_they_were_and_are_small() {
        let at = |second| Some(Timestamp::from_second(second).unwrap());
        check(&Grounds::default(), 0);
        let nearest = Nearest {
            list: "staff".to_owned(),
            plate: PlateText::normalise("AB12CDE").unwrap(),
            distance: 0.4,
        };
        check(&Grounds { nearest: Some(nearest.clone()), ..Grounds::default() }, 32);
        let all = Grounds {
            objection: Some(Objection::Closed),
            from: at(1_700_000_000),
            until: at(1_800_000_000),
            schedule: Some(ScheduleState { name: "office".to_owned(), open: false }),
            pass: Some(PassState {
                pass: Pass { uses: Some(3), lasts: Some(Duration::from_secs(3600)) },
                used: 2,
                first: at(1_700_000_000),
            }),
            inside_since: at(1_700_000_000),
            places: Some(Places { taken: 3, of: 3 }),
            nearest: Some(nearest),
        };
        check(&all, 220);
    }
}
