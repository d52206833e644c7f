//! What was known at a decision, as a line of JSON with short keys: kept for many, read for few.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::body::BodyError;
use crate::{
    access::{Grounds, Nearest, Objection, Pass, PassState, Places, ScheduleState},
    plate::PlateText,
};

type Result<T> = std::result::Result<T, BodyError>;

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

/// Grounds as JSON; `None` if there are none.
pub(super) fn write(grounds: &Grounds) -> Result<Option<String>> {
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
    serde_json::to_string(&row).map(Some).map_err(BodyError::Grounds)
}

pub(super) fn read(json: &str) -> Result<Grounds> {
    let row: Row = serde_json::from_str(json).map_err(BodyError::Grounds)?;
    let instant = |at: Option<i64>| {
        at.map(|at| Timestamp::from_microsecond(at).map_err(|_| BodyError::Time(at))).transpose()
    };
    let objection = |word: String| {
        let found = Objection::ALL.into_iter().find(|one| one.as_str() == word);
        found.ok_or(BodyError::Word { what: "objection", word })
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
                Ok::<_, BodyError>(PassState { pass, used, first: instant(first)? })
            })
            .transpose()?,
        inside_since: instant(row.inside_since)?,
        places: row.places.map(|(taken, of)| Places { taken, of }),
        nearest: row
            .nearest
            .map(|(list, plate, hundredths)| {
                let plate = PlateText::normalise(&plate).map_err(|_| BodyError::Plate(plate))?;
                Ok::<_, BodyError>(Nearest { list, plate, distance: hundredths as f32 / 100.0 })
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

    fn check(grounds: &Grounds, most_bytes: usize) {
        let json = write(grounds).unwrap();
        let back = json.as_deref().map_or_else(Grounds::default, |json| read(json).unwrap());
        assert_eq!(back, *grounds);
        let bytes = json.map_or(0, |json| json.len());
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
