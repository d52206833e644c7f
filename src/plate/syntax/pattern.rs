//! A small pattern language for plates, and its matcher.
//!
//! Characters, classes `[A-HJ-NP-Z2]`, groups `(AB|CD)`, and after each `?`, `{3}` or `{1,4}`. A plate is short, so
//! a pattern is spelled out, once, into all its shapes: one set of allowed characters per position. Matching is
//! then a few bit tests, and a shape says for every position what a repair may choose from.

use crate::plate::MAX_TEXT;

/// Shapes of one pattern at most: enough for every plate format there is, too few to fill the memory.
const MAX_SHAPES: usize = 4096;
/// Groups in groups at most.
const MAX_DEPTH: usize = 8;

/// Why a pattern cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    #[error("position {0}: {1:?} means nothing here; use A-Z, 0-9, [..], (..|..), ?, {{n}}, {{m,n}}")]
    Unexpected(usize, char),
    #[error("it ends too early: a bracket is not closed")]
    Open,
    #[error("position {0}: a count is written {{n}} or {{m,n}}, with m not above n and n at most {MAX_TEXT}")]
    Count(usize),
    #[error("position {0}: a range runs from the lower to the higher character, within A-Z or within 0-9")]
    Range(usize),
    #[error("it stands for more than {MAX_SHAPES} shapes")]
    TooMany,
    #[error("it allows more than {MAX_TEXT} characters, or none at all")]
    Length,
    #[error("groups stand more than {MAX_DEPTH} deep in each other")]
    Deep,
}

/// The characters that one position allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct Class(u64);

impl Class {
    pub(super) fn has(self, c: char) -> bool {
        bit(c).is_some_and(|bit| self.0 & bit != 0)
    }
}

fn bit(c: char) -> Option<u64> {
    match c {
        '0'..='9' => Some(1 << (c as u32 - '0' as u32)),
        'A'..='Z' => Some(1 << (10 + c as u32 - 'A' as u32)),
        _ => None,
    }
}

/// One spelling of a pattern: as many classes as characters.
pub(super) type Shape = Vec<Class>;

/// A pattern, spelled out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// By length; shorter ones first.
    shapes: Vec<Shape>,
}

impl Pattern {
    pub fn parse(written: &str) -> Result<Self, PatternError> {
        let mut parser = Parser { chars: written.chars().collect(), at: 0 };
        let shapes = parser.either(0)?;
        if let Some(&c) = parser.chars.get(parser.at) {
            return Err(PatternError::Unexpected(parser.at + 1, c));
        }
        if shapes.iter().any(|s| s.is_empty() || s.len() > MAX_TEXT) {
            return Err(PatternError::Length);
        }
        Ok(Self { shapes })
    }

    /// The same pattern without its shapes that are longer than this.
    pub fn up_to(mut self, longest: usize) -> Self {
        self.shapes.retain(|shape| shape.len() <= longest);
        self
    }

    pub fn matches(&self, text: &str) -> bool {
        let fits = |shape: &Shape| text.chars().zip(shape).all(|(c, class)| class.has(c));
        self.of_length(text.len()).any(fits)
    }

    /// The shapes of this many characters.
    pub(super) fn of_length(&self, length: usize) -> impl Iterator<Item = &Shape> {
        let first = self.shapes.partition_point(|s| s.len() < length);
        self.shapes.iter().skip(first).take_while(move |s| s.len() == length)
    }
}

/// Sorted, each once, and shapes that differ in a single position made one.
fn merged(mut shapes: Vec<Shape>) -> Vec<Shape> {
    let order = |a: &Shape, b: &Shape| a.len().cmp(&b.len()).then_with(|| a.cmp(b));
    for position in 0..MAX_TEXT {
        // Equal but for this position, they stand side by side.
        let without = |s: &Shape| {
            let mut rest = s.clone();
            if let Some(class) = rest.get_mut(position) {
                *class = Class(0);
            }
            rest
        };
        shapes.sort_by(|a, b| a.len().cmp(&b.len()).then_with(|| without(a).cmp(&without(b))));
        shapes.dedup_by(|next, kept| {
            let same = next.len() == kept.len() && without(next) == without(kept);
            if same && let (Some(kept), Some(next)) = (kept.get_mut(position), next.get(position)) {
                kept.0 |= next.0;
            }
            same
        });
    }
    shapes.sort_by(order);
    shapes
}

struct Parser {
    chars: Vec<char>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn take(&mut self) -> Result<char, PatternError> {
        let c = self.peek().ok_or(PatternError::Open)?;
        self.at += 1;
        Ok(c)
    }

    fn either(&mut self, depth: usize) -> Result<Vec<Shape>, PatternError> {
        let mut all = self.sequence(depth)?;
        while self.peek() == Some('|') {
            self.at += 1;
            all.extend(self.sequence(depth)?);
        }
        if all.len() > MAX_SHAPES { Err(PatternError::TooMany) } else { Ok(merged(all)) }
    }

    fn sequence(&mut self, depth: usize) -> Result<Vec<Shape>, PatternError> {
        let mut sequence = vec![Shape::new()];
        while let Some(c) = self.peek() {
            if c == '|' || c == ')' {
                break;
            }
            let part = self.part(depth)?;
            let (least, most) = self.count()?;
            let mut repeated = Vec::new();
            let mut power = vec![Shape::new()];
            for times in 0..=most {
                if times >= least {
                    repeated.extend(power.iter().cloned());
                }
                if times < most {
                    power = product(&power, &part)?;
                }
            }
            sequence = product(&sequence, &repeated)?;
        }
        Ok(sequence)
    }

    fn part(&mut self, depth: usize) -> Result<Vec<Shape>, PatternError> {
        let position = self.at + 1;
        match self.take()? {
            '(' if depth >= MAX_DEPTH => Err(PatternError::Deep),
            '(' => {
                let group = self.either(depth + 1)?;
                if self.take()? == ')' { Ok(group) } else { Err(PatternError::Open) }
            }
            '[' => Ok(vec![vec![self.class()?]]),
            c => bit(c).map(|b| vec![vec![Class(b)]]).ok_or(PatternError::Unexpected(position, c)),
        }
    }

    /// What stands between `[` and `]`.
    fn class(&mut self) -> Result<Class, PatternError> {
        let mut set = 0;
        loop {
            let position = self.at + 1;
            let first = self.take()?;
            if first == ']' {
                return if set == 0 { Err(PatternError::Unexpected(position, ']')) } else { Ok(Class(set)) };
            }
            let low = bit(first).ok_or(PatternError::Unexpected(position, first))?;
            if self.peek() == Some('-') {
                self.at += 1;
                let last = self.take()?;
                let high = bit(last).ok_or(PatternError::Range(position))?;
                if last < first || first.is_ascii_digit() != last.is_ascii_digit() {
                    return Err(PatternError::Range(position));
                }
                set |= (high << 1) - low;
            } else {
                set |= low;
            }
        }
    }

    fn count(&mut self) -> Result<(usize, usize), PatternError> {
        let position = self.at + 1;
        match self.peek() {
            Some('?') => {
                self.at += 1;
                Ok((0, 1))
            }
            Some('{') => {
                self.at += 1;
                let mut inner = String::new();
                loop {
                    match self.take()? {
                        '}' => break,
                        c => inner.push(c),
                    }
                }
                let (least, most) = inner.split_once(',').unwrap_or((&inner, &inner));
                let number = |s: &str| s.parse::<usize>().map_err(|_| PatternError::Count(position));
                let (least, most) = (number(least)?, number(most)?);
                if least > most || most > MAX_TEXT {
                    return Err(PatternError::Count(position));
                }
                Ok((least, most))
            }
            _ => Ok((1, 1)),
        }
    }
}

/// Every first followed by every second.
fn product(first: &[Shape], second: &[Shape]) -> Result<Vec<Shape>, PatternError> {
    if first.len().saturating_mul(second.len()) > MAX_SHAPES {
        return Err(PatternError::TooMany);
    }
    let joined = first.iter().flat_map(|a| second.iter().map(move |b| [a.as_slice(), b].concat()));
    let joined: Vec<Shape> = joined.collect();
    if joined.iter().any(|shape| shape.len() > MAX_TEXT) { Err(PatternError::Length) } else { Ok(joined) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(pattern: &str, fits: &[&str], fails: &[&str]) {
        let pattern = Pattern::parse(pattern).unwrap();
        for text in fits {
            assert!(pattern.matches(text), "{text}");
        }
        for text in fails {
            assert!(!pattern.matches(text), "{text}");
        }
    }

    #[test]
    fn classes_groups_and_counts_mean_what_they_look_like() {
        check("[A-C]X{2}", &["AXX", "CXX"], &["DXX", "AX", "AXXX", ""]);
        check("(AB|C)[0-9]{1,3}", &["AB1", "C123"], &["A1", "AB", "AB1234", "ABC1"]);
        check("[2-9A]?Z", &["Z", "2Z", "AZ"], &["1Z", "BZ"]);
        check("(A|B(1|2)){2}", &["AA", "AB1", "B2B1"], &["A", "B", "AB"]);
        check("[0-9A-Z]", &["0", "9", "A", "Z"], &["-", "a", "Ä"]);
    }

    #[test]
    fn many_alternatives_become_few_shapes() {
        let shapes = |p: &str| Pattern::parse(p).unwrap().shapes.len();
        assert_eq!(shapes("(AB|AG|AR|BC|BH)[0-9]"), 2);
        assert_eq!(shapes("(A|B|C|D)(1|2|3)"), 1);
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_its_place() {
        let refused = |p: &str| Pattern::parse(p).unwrap_err();
        assert_eq!(refused("AB-1"), PatternError::Unexpected(3, '-'));
        assert_eq!(refused("[A-"), PatternError::Open);
        assert_eq!(refused("(AB"), PatternError::Open);
        assert_eq!(refused("AB)"), PatternError::Unexpected(3, ')'));
        assert_eq!(refused("[Z-A]"), PatternError::Range(2));
        assert_eq!(refused("[0-Z]"), PatternError::Range(2));
        assert_eq!(refused("A{3,2}"), PatternError::Count(2));
        assert_eq!(refused("A{99}"), PatternError::Count(2));
        assert_eq!(refused("A{x}"), PatternError::Count(2));
        assert_eq!(refused("[]"), PatternError::Unexpected(2, ']'));
        assert_eq!(refused("A?"), PatternError::Length);
        assert_eq!(refused("A{12}B"), PatternError::Length);
        assert_eq!(refused("(A|BC|DEF){6}"), PatternError::Length);
        assert_eq!(refused(&"(".repeat(5000)), PatternError::Deep);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_fall(written in "[A-C0-2\\[\\]\\(\\)\\|\\?\\{\\},\\-]{0,24}") {
            let _ = Pattern::parse(&written);
        }

        #[test]
        fn merging_shapes_changes_no_match(
            texts in prop::collection::vec("[ABC][012][AB]", 1..12), probe in "[ABCD][0123][ABC]",
        ) {
            let pattern = Pattern::parse(&format!("({})", texts.join("|"))).unwrap();
            prop_assert_eq!(pattern.matches(&probe), texts.contains(&probe));
        }
    }
}
