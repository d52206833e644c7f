//! What is asked for in a query string, or the field that is wrong with it. What is not known is wrong too: a filter that
//! is misspelt must not give everything.

use axum::http::StatusCode;
use jiff::Timestamp;
use uuid::Uuid;

use super::problem::Problem;
use crate::{
    frame::CameraId,
    journal::{Cursor, Filter, PlateFilter},
    passage::PassageId,
    plate::PlateText,
};

/// Passages of one answer, where nothing else is asked for.
const USUAL: usize = 50;
const MOST: usize = 500;
/// Longer values are none.
const LONGEST: usize = 100;

type Pairs = Vec<(String, String)>;

/// The pairs of a query string, each key once.
pub(super) fn pairs(query: Option<&str>, known: &[&str]) -> Result<Pairs, Problem> {
    let mut pairs = Pairs::new();
    for (key, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        if !known.contains(&key.as_ref()) {
            let what = match known {
                [] => "nothing can be asked for here".to_owned(),
                known => format!("what can be asked for here is {}", known.join(", ")),
            };
            return Err(Problem::wrong(&key, what));
        }
        if pairs.iter().any(|(other, _)| *other == key) {
            return Err(Problem::wrong(&key, "this stands there twice"));
        }
        if value.len() > LONGEST || value.contains('\u{fffd}') {
            return Err(Problem::wrong(&key, format!("this is longer than {LONGEST} bytes, or not UTF-8")));
        }
        pairs.push((key.into_owned(), value.into_owned()));
    }
    Ok(pairs)
}

/// Which passages, and how many.
pub(super) fn passages(query: Option<&str>) -> Result<(Filter, usize), Problem> {
    let mut filter = Filter::default();
    let mut limit = USUAL;
    let known = ["since", "until", "plate", "camera", "limit", "after"];
    for (key, value) in pairs(query, &known)? {
        match key.as_str() {
            "since" => filter.since = Some(time(&key, &value)?),
            "until" => filter.until = Some(time(&key, &value)?),
            "plate" => filter.plate = Some(plate(&key, &value)?),
            "camera" => filter.camera = Some(CameraId::new(&value)),
            "after" => filter.after = Some(cursor(&key, &value)?),
            _ => limit = number(&key, &value, 1..=MOST)?,
        }
    }
    filter.limit = Some(limit);
    Ok((filter, limit))
}

/// The place behind the last passage of an answer.
pub(super) fn written(cursor: Cursor) -> String {
    let (began, id) = cursor.parts();
    format!("{}_{}", began.as_microsecond(), id.0.simple())
}

fn cursor(key: &str, value: &str) -> Result<Cursor, Problem> {
    let read = || {
        let (began, id) = value.split_once('_')?;
        let began = Timestamp::from_microsecond(began.parse().ok()?).ok()?;
        Some(Cursor::new(began, PassageId(Uuid::try_parse(id).ok()?)))
    };
    read().ok_or_else(|| Problem::wrong(key, "write what the answer before gave as \"next\""))
}

fn time(key: &str, value: &str) -> Result<Timestamp, Problem> {
    let wrong = |_| Problem::wrong(key, "write a time with its zone, such as 2026-11-23T08:00:00Z");
    value.parse().map_err(wrong)
}

fn plate(key: &str, value: &str) -> Result<PlateFilter, Problem> {
    let text = |value: &str| {
        PlateText::normalise(value)
            .map_err(|_| Problem::wrong(key, "write a plate, or how it begins and a *"))
    };
    Ok(match value.strip_suffix('*') {
        Some(start) => PlateFilter::StartsWith(text(start)?),
        None => PlateFilter::Exactly(text(value)?),
    })
}

pub(super) fn number(
    key: &str,
    value: &str,
    within: std::ops::RangeInclusive<usize>,
) -> Result<usize, Problem> {
    let number = value.parse().ok().filter(|number| within.contains(number));
    number.ok_or_else(|| {
        Problem::wrong(key, format!("write a whole number from {} to {}", within.start(), within.end()))
    })
}

/// A passage's identity in a path.
pub(super) fn passage_id(value: &str) -> Result<PassageId, Problem> {
    // Only as it is written in answers: one passage, one address.
    let id = Uuid::try_parse(value).ok().filter(|id| id.hyphenated().to_string() == value);
    id.map(PassageId).ok_or_else(|| {
        Problem::new(StatusCode::NOT_FOUND, "not-found", "there is no such passage; its id is a UUID")
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn field(query: &str) -> String {
        let problem = passages(Some(query)).unwrap_err();
        format!("{problem:?}").split("field: Some(\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (query, wrong) in [
            ("since=yesterday", "since"),
            ("until=2026-11-23", "until"),
            ("plate=", "plate"),
            ("plate=*", "plate"),
            ("limit=0", "limit"),
            ("limit=501", "limit"),
            ("limit=-1", "limit"),
            ("limit=ten", "limit"),
            ("after=7", "after"),
            ("after=1_zz", "after"),
            ("after=99999999999999999999_00000000000000000000000000000000", "after"),
            ("sinse=2026-11-23T08:00:00Z", "sinse"),
            ("limit=1&limit=2", "limit"),
            ("camera=%ff", "camera"),
            ("camera=a&x", "x"),
        ] {
            assert_eq!(field(query), wrong, "{query}");
        }
        assert_eq!(field(&format!("camera={}", "x".repeat(101))), "camera");
    }

    #[test]
    fn what_is_asked_for_is_understood() {
        let (filter, limit) =
            passages(Some("plate=b+123*&camera=in&since=2026-11-23T08:00:00%2B02:00&limit=7")).unwrap();
        assert_eq!(limit, 7);
        assert_eq!(filter.plate, Some(PlateFilter::StartsWith(PlateText::normalise("B123").unwrap())));
        assert_eq!(filter.since.unwrap().to_string(), "2026-11-23T06:00:00Z");
        assert_eq!(filter.camera, Some(CameraId::new("in")));
        assert_eq!(passages(None).unwrap().1, USUAL);
    }

    proptest! {
        #[test]
        fn a_cursor_comes_back_as_it_went(micros in 0i64..2_000_000_000_000_000, id in any::<u128>()) {
            let place = Cursor::new(Timestamp::from_microsecond(micros).unwrap(), PassageId(Uuid::from_u128(id)));
            let (filter, _) = passages(Some(&format!("after={}", written(place)))).unwrap();
            prop_assert_eq!(filter.after, Some(place));
        }

        #[test]
        fn no_query_makes_it_panic(query in "\\PC{0,200}") {
            let _ = passages(Some(&query));
        }
    }
}
