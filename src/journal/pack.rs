//! The reads and the vote of a passage as a few bytes: they are kept for every passage and looked at for few.
//!
//! Reads, per read: milliseconds after the first (4 bytes), confidence in ten-thousandths (2), height in tenths of a
//! pixel (2), engine (upper half of 1; 0: the passage's own engine) and length of the text (lower half; 0: the
//! passage's own text), text. Characters, per position: character (1),
//! probability in ten-thousandths (2), how many others (1), and these, character (1) and probability (2) each.
//! Numbers are big-endian.

use std::time::Duration;

use crate::{
    fact::ReadSummary,
    infer::EngineKind,
    passage::Reading,
    plate::{CharRead, Confidence, PlateText},
};

/// What the reads of a passage have in common, as a rule, and which is not written again.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Own<'a> {
    pub text: Option<&'a PlateText>,
    pub engine: Option<EngineKind>,
}

const ENGINES: [EngineKind; 4] =
    [EngineKind::Hailo, EngineKind::Cpu, EngineKind::Tesseract, EngineKind::OnnxRuntime];

/// What an engine leaves in the byte before the text of a read, whichever it was.
pub(super) fn engine_markers() -> impl Iterator<Item = u8> {
    (0..=ENGINES.len()).filter_map(|code| u8::try_from(code << 4).ok())
}

impl<'a> Own<'a> {
    pub(super) fn of(reading: Option<&'a Reading>) -> Self {
        Self { text: reading.map(|r| &r.text), engine: reading.map(|r| r.engine) }
    }

    fn engine_code(self, engine: EngineKind) -> u8 {
        let position = ENGINES.iter().position(|one| *one == engine).filter(|_| self.engine != Some(engine));
        position.and_then(|at| u8::try_from(at + 1).ok()).unwrap_or(0)
    }

    fn engine(self, code: u8) -> Option<EngineKind> {
        match code.checked_sub(1) {
            // Written before engines were kept.
            None => Some(self.engine.unwrap_or(EngineKind::Cpu)),
            Some(at) => ENGINES.get(usize::from(at)).copied(),
        }
    }
}

pub(super) fn pack_reads(reads: &[&ReadSummary], own: Own<'_>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(reads.len() * 9);
    for read in reads {
        bytes.extend(u32::try_from(read.after.as_millis()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend(ten_thousandths(read.confidence).to_be_bytes());
        // Saturates at both ends, and is 0 for what is no number.
        bytes.extend(((read.height * 10.0).round() as u16).to_be_bytes());
        let text = if own.text == Some(&read.text) { "" } else { read.text.as_str() };
        // A text has at most 12 characters.
        let length = u8::try_from(text.len()).unwrap_or(0) & 0xf;
        bytes.push(own.engine_code(read.engine) << 4 | length);
        bytes.extend(text.as_bytes());
    }
    bytes
}

/// `None` if these bytes are none of ours.
pub(super) fn unpack_reads(bytes: &[u8], own: Own<'_>) -> Option<Vec<ReadSummary>> {
    let mut rest = Bytes(bytes);
    let mut reads = Vec::new();
    while !rest.0.is_empty() {
        let after = Duration::from_millis(u64::from(u32::from_be_bytes(rest.take()?)));
        let confidence = probability(u16::from_be_bytes(rest.take()?));
        let height = f32::from(u16::from_be_bytes(rest.take()?)) / 10.0;
        let [both] = rest.take()?;
        let engine = own.engine(both >> 4)?;
        let text = match both & 0xf {
            0 => own.text?.clone(),
            length => {
                PlateText::normalise(std::str::from_utf8(rest.slice(usize::from(length))?).ok()?).ok()?
            }
        };
        reads.push(ReadSummary { after, text, confidence, height, engine });
    }
    Some(reads)
}

pub(super) fn pack_chars(chars: &[CharRead]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(chars.len() * 8);
    let one = |c: char, p: Confidence, bytes: &mut Vec<u8>| {
        bytes.push(u8::try_from(c).unwrap_or(b'?'));
        bytes.extend(ten_thousandths(p).to_be_bytes());
    };
    for position in chars {
        one(position.c, position.p, &mut bytes);
        let others = position.others.get(..position.others.len().min(255)).unwrap_or_default();
        bytes.push(u8::try_from(others.len()).unwrap_or(0));
        for (c, p) in others {
            one(*c, *p, &mut bytes);
        }
    }
    bytes
}

/// `None` if these bytes are none of ours.
pub(super) fn unpack_chars(bytes: &[u8]) -> Option<Vec<CharRead>> {
    let mut rest = Bytes(bytes);
    let mut chars = Vec::new();
    while !rest.0.is_empty() {
        let (c, p) = rest.char()?;
        let [others] = rest.take()?;
        let others = (0..others).map(|_| rest.char()).collect::<Option<Vec<_>>>()?;
        chars.push(CharRead { c, p, others });
    }
    Some(chars)
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn slice(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.slice(N)?.try_into().ok()
    }

    fn char(&mut self) -> Option<(char, Confidence)> {
        let [c] = self.take()?;
        Some((char::from(c), probability(u16::from_be_bytes(self.take()?))))
    }
}

fn ten_thousandths(confidence: Confidence) -> u16 {
    (confidence.value() * 10_000.0).round() as u16
}

fn probability(ten_thousandths: u16) -> Confidence {
    Confidence::new(f32::from(ten_thousandths) / 10_000.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn confidence() -> impl Strategy<Value = Confidence> {
        (0u16..=10_000).prop_map(probability)
    }

    proptest! {
        #[test]
        fn reads_come_back_as_they_were_packed(
            reads in prop::collection::vec(
                ("[A-Z0-9]{1,12}", confidence(), 0u16..9999, any::<u32>(), 0usize..3), 0..40),
            own in "[A-Z0-9]{1,3}",
        ) {
            let own = PlateText::normalise(&own).unwrap();
            let mut reads: Vec<ReadSummary> = reads.into_iter().map(|(text, confidence, height, after, engine)| ReadSummary {
                after: Duration::from_millis(u64::from(after)),
                text: PlateText::normalise(&text).unwrap(),
                confidence,
                height: f32::from(height) / 10.0,
                engine: ENGINES[engine],
            }).collect();
            if let Some(first) = reads.first_mut() {
                first.text = own.clone();
            }
            let own = Own { text: Some(&own), engine: Some(EngineKind::Cpu) };
            let packed = pack_reads(&reads.iter().collect::<Vec<_>>(), own);
            prop_assert_eq!(unpack_reads(&packed, own), Some(reads));
        }

        #[test]
        fn characters_come_back_as_they_were_packed(
            chars in prop::collection::vec(
                (prop::char::range('A', 'Z'), confidence(),
                 prop::collection::vec((prop::char::range('0', '9'), confidence()), 0..5)),
                0..13,
            ),
        ) {
            let chars: Vec<CharRead> =
                chars.into_iter().map(|(c, p, others)| CharRead { c, p, others }).collect();
            prop_assert_eq!(unpack_chars(&pack_chars(&chars)), Some(chars));
        }

        #[test]
        fn no_bytes_whatever_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = unpack_reads(&bytes, Own::default());
            let _ = unpack_chars(&bytes);
        }
    }
}
