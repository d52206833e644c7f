//! The reads and the vote of a passage as a few bytes: they are kept for every passage and looked at for few.
//!
//! Reads, per read: milliseconds after the first (4 bytes), confidence in ten-thousandths (2), height in tenths of a
//! pixel (2), length of the text (1; 0: the passage's own text), text. Characters, per position: character (1),
//! probability in ten-thousandths (2), how many others (1), and these, character (1) and probability (2) each.
//! Numbers are big-endian.

use std::time::Duration;

use crate::{
    fact::ReadSummary,
    plate::{CharRead, Confidence, PlateText},
};

pub(super) fn pack_reads(reads: &[&ReadSummary], own: Option<&PlateText>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(reads.len() * 9);
    for read in reads {
        bytes.extend(u32::try_from(read.after.as_millis()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend(ten_thousandths(read.confidence).to_be_bytes());
        // Saturates at both ends, and is 0 for what is no number.
        bytes.extend(((read.height * 10.0).round() as u16).to_be_bytes());
        let text = if own == Some(&read.text) { "" } else { read.text.as_str() };
        bytes.push(u8::try_from(text.len()).unwrap_or(0));
        bytes.extend(text.as_bytes());
    }
    bytes
}

/// `None` if these bytes are none of ours.
pub(super) fn unpack_reads(bytes: &[u8], own: Option<&PlateText>) -> Option<Vec<ReadSummary>> {
    let mut rest = Bytes(bytes);
    let mut reads = Vec::new();
    while !rest.0.is_empty() {
        let after = Duration::from_millis(u64::from(u32::from_be_bytes(rest.take()?)));
        let confidence = probability(u16::from_be_bytes(rest.take()?));
        let height = f32::from(u16::from_be_bytes(rest.take()?)) / 10.0;
        let [length] = rest.take()?;
        let text = match length {
            0 => own?.clone(),
            length => {
                PlateText::normalise(std::str::from_utf8(rest.slice(usize::from(length))?).ok()?).ok()?
            }
        };
        reads.push(ReadSummary { after, text, confidence, height });
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
            reads in prop::collection::vec(("[A-Z0-9]{1,12}", confidence(), 0u16..9999, any::<u32>()), 0..40),
            own in "[A-Z0-9]{1,3}",
        ) {
            let own = PlateText::normalise(&own).unwrap();
            let mut reads: Vec<ReadSummary> = reads.into_iter().map(|(text, confidence, height, after)| ReadSummary {
                after: Duration::from_millis(u64::from(after)),
                text: PlateText::normalise(&text).unwrap(),
                confidence,
                height: f32::from(height) / 10.0,
            }).collect();
            if let Some(first) = reads.first_mut() {
                first.text = own.clone();
            }
            let packed = pack_reads(&reads.iter().collect::<Vec<_>>(), Some(&own));
            prop_assert_eq!(unpack_reads(&packed, Some(&own)), Some(reads));
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
            let _ = unpack_reads(&bytes, None);
            let _ = unpack_chars(&bytes);
        }
    }
}
