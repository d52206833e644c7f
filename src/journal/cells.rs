//! Single values read back: the words of the domain's enums; times and plates out of rows.

use jiff::Timestamp;
use rusqlite::{Row, types::Type};

use crate::{
    access::{Reason, Verdict},
    infer::EngineKind,
    passage::Direction,
    plate::PlateText,
};

pub(super) fn parse_direction(word: &str) -> Option<Direction> {
    [Direction::Approaching, Direction::Leaving].into_iter().find(|one| one.as_str() == word)
}

pub(super) fn parse_verdict(word: &str) -> Option<Verdict> {
    [Verdict::Admit, Verdict::Refuse, Verdict::Watch].into_iter().find(|one| one.as_str() == word)
}

pub(super) fn parse_reason(word: &str) -> Option<Reason> {
    Reason::ALL.into_iter().find(|one| one.as_str() == word)
}

pub(super) fn parse_engine(word: &str) -> Option<EngineKind> {
    EngineKind::ALL.into_iter().find(|one| one.as_str() == word)
}

pub(super) fn time(row: &Row<'_>, at: usize) -> rusqlite::Result<Timestamp> {
    instant(row.get(at)?, at)
}

pub(super) fn instant(micros: i64, at: usize) -> rusqlite::Result<Timestamp> {
    Timestamp::from_microsecond(micros).map_err(|error| odd(at, error))
}

pub(super) fn plate_text(text: &str, at: usize) -> rusqlite::Result<PlateText> {
    PlateText::normalise(text).map_err(|error| odd(at, error))
}

pub(super) fn odd(at: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(at, Type::Text, Box::new(error))
}
