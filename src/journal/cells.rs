//! Single values of rows: times, ids, probabilities, and the words of the domain's enums.

use jiff::Timestamp;
use rusqlite::{Row, types::Type};
use uuid::Uuid;

use crate::{
    access::{Reason, Verdict},
    infer::EngineKind,
    passage::{Direction, PassageId},
    plate::{Confidence, PlateText},
};

type Result<T> = rusqlite::Result<T>;

pub(super) fn ten_thousandths(confidence: Confidence) -> u32 {
    (confidence.value() * 10_000.0).round() as u32
}

pub(super) fn probability(ten_thousandths: u32) -> Confidence {
    Confidence::new(ten_thousandths as f32 / 10_000.0)
}

pub(super) fn id(row: &Row<'_>, at: usize) -> Result<PassageId> {
    let bytes: [u8; 16] = row.get(at)?;
    Ok(PassageId(Uuid::from_bytes(bytes)))
}

pub(super) fn time(row: &Row<'_>, at: usize) -> Result<Timestamp> {
    instant(row.get(at)?, at)
}

pub(super) fn instant(micros: i64, at: usize) -> Result<Timestamp> {
    Timestamp::from_microsecond(micros).map_err(|error| odd(at, error))
}

pub(super) fn plate_text(text: &str, at: usize) -> Result<PlateText> {
    PlateText::normalise(text).map_err(|error| odd(at, error))
}

pub(super) fn odd(at: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(at, Type::Text, Box::new(error))
}

/// A word in the database that this program does not know.
#[derive(Debug, thiserror::Error)]
#[error("unknown {what} {word:?}")]
struct UnknownWord {
    what: &'static str,
    word: String,
}

pub(super) fn known<T>(found: Option<T>, what: &'static str, word: &str, at: usize) -> Result<T> {
    found.ok_or_else(|| odd(at, UnknownWord { what, word: word.to_owned() }))
}

pub(super) fn parse_direction(word: &str, at: usize) -> Result<Direction> {
    let all = [Direction::Approaching, Direction::Leaving];
    known(all.into_iter().find(|one| one.as_str() == word), "direction", word, at)
}

pub(super) fn parse_verdict(word: &str, at: usize) -> Result<Verdict> {
    let all = [Verdict::Admit, Verdict::Refuse, Verdict::Watch];
    known(all.into_iter().find(|one| one.as_str() == word), "verdict", word, at)
}

pub(super) fn parse_reason(word: &str, at: usize) -> Result<Reason> {
    known(Reason::ALL.into_iter().find(|one| one.as_str() == word), "reason", word, at)
}

pub(super) fn parse_engine(word: &str, at: usize) -> Result<EngineKind> {
    let all = [EngineKind::Hailo, EngineKind::Cpu, EngineKind::Tesseract];
    known(all.into_iter().find(|one| one.as_str() == word), "engine", word, at)
}
