//! The words of the domain's enums, read back.

use crate::{
    access::{Reason, Verdict},
    infer::EngineKind,
    passage::Direction,
};

pub(super) fn parse_direction(word: &str) -> Option<Direction> {
    [Direction::Approaching, Direction::Leaving].into_iter().find(|one| one.as_str() == word)
}

pub(super) fn parse_verdict(word: &str) -> Option<Verdict> {
    [Verdict::Admit, Verdict::Refuse, Verdict::Watch].into_iter().find(|one| one.as_str() == word)
}

pub(super) fn parse_reason(word: &str) -> Option<Reason> {
    use Reason::{Blocked, Listed, NotNow, Unlisted, Unreadable, Unsure, Watched};
    let all = [Listed, Blocked, Watched, Unlisted, Unsure, Unreadable, NotNow];
    all.into_iter().find(|one| one.as_str() == word)
}

pub(super) fn parse_engine(word: &str) -> Option<EngineKind> {
    [EngineKind::Hailo, EngineKind::Cpu, EngineKind::Tesseract].into_iter().find(|one| one.as_str() == word)
}
