//! What a plate says: the normalised text, and the country it may belong to.
//!
//! National formats live in `syntax`, look-alike characters in `confusion`. Nothing here reads pixels.

pub mod confusion;
pub mod syntax;

use std::fmt;

/// Longest text that any supported plate carries, with room for two-line and vanity plates.
pub const MAX_TEXT: usize = 12;

/// A plate's registration: upper-case `A`-`Z` and `0`-`9` only, 1 to [`MAX_TEXT`] characters, no separators.
///
/// Can only be made by normalising, so two equal plates are equal texts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlateText(String);

/// Why a text is no plate text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlateTextError {
    #[error("no letter A-Z or digit 0-9 in it")]
    Empty,
    #[error("{0} characters; a plate has at most {MAX_TEXT}")]
    TooLong(usize),
    #[error("the character {0:?} does not occur on plates; use A-Z and 0-9")]
    Foreign(char),
}

impl PlateText {
    /// Upper-cases, drops separators (space, dash, dot, colon, middle dot, underscore, slash) and folds umlauts (Ü to U).
    pub fn normalise(written: &str) -> Result<Self, PlateTextError> {
        let mut text = String::with_capacity(written.len());
        for c in written.chars() {
            match c {
                'A'..='Z' | '0'..='9' => text.push(c),
                'a'..='z' => text.push(c.to_ascii_uppercase()),
                ' ' | '-' | '.' | ':' | '·' | '•' | '_' | '/' | '\t' => {}
                'Ä' | 'ä' | 'Å' | 'å' => text.push('A'),
                'Ö' | 'ö' | 'Ø' | 'ø' => text.push('O'),
                'Ü' | 'ü' => text.push('U'),
                'Č' | 'č' | 'Ć' | 'ć' => text.push('C'),
                'Š' | 'š' => text.push('S'),
                'Ž' | 'ž' => text.push('Z'),
                'Đ' | 'đ' => text.push('D'),
                'Ñ' | 'ñ' => text.push('N'),
                other => return Err(PlateTextError::Foreign(other)),
            }
        }
        match text.len() {
            0 => Err(PlateTextError::Empty),
            n if n > MAX_TEXT => Err(PlateTextError::TooLong(n)),
            _ => Ok(Self(text)),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PlateText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A country (or part of one) by its lower-case ISO 3166 code, such as `gb`, `de`, `us`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region([u8; 2]);

impl Region {
    /// From two letters in either case; `None` for anything else.
    pub fn from_code(code: &str) -> Option<Self> {
        match code.as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Some(Self([a.to_ascii_lowercase(), b.to_ascii_lowercase()]))
            }
            _ => None,
        }
    }

    pub fn as_str(&self) -> &str {
        // Two ASCII letters by construction.
        std::str::from_utf8(&self.0).unwrap_or("")
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A probability, 0..=1; not-a-number counts as 0.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Confidence(f32);

impl Confidence {
    pub const NONE: Self = Self(0.0);
    pub const FULL: Self = Self(1.0);

    pub fn new(value: f32) -> Self {
        if value.is_nan() { Self::NONE } else { Self(value.clamp(0.0, 1.0)) }
    }

    pub const fn value(self) -> f32 {
        self.0
    }
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}", self.0)
    }
}

/// One position of a text that was read: what was chosen, and what else it could have been.
#[derive(Debug, Clone, PartialEq)]
pub struct CharRead {
    /// `A`-`Z` or `0`-`9`.
    pub c: char,
    pub p: Confidence,
    /// Other characters for this position with their probabilities, likeliest first, at most four, without `c`.
    pub others: Vec<(char, Confidence)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(written: &str, expected: Result<&str, PlateTextError>) {
        let read = PlateText::normalise(written);
        assert_eq!(read.map(|text| text.as_str().to_owned()), expected.map(str::to_owned));
    }

    #[test]
    fn texts_are_normalised_in_one_way() {
        check("ab12 cde", Ok("AB12CDE"));
        check("B-ÜT 1·2", Ok("BUT12"));
        check("LEC-14 / 8740", Ok("LEC148740"));
        check("", Err(PlateTextError::Empty));
        check(" - ", Err(PlateTextError::Empty));
        check("ABCDEFGHIJKLM", Err(PlateTextError::TooLong(13)));
        check("京A12345", Err(PlateTextError::Foreign('京')));
    }

    #[test]
    fn regions_are_two_letters_in_lower_case() {
        assert_eq!(Region::from_code("GB").map(|r| r.to_string()), Some("gb".to_owned()));
        assert_eq!(Region::from_code("gbr"), None);
        assert_eq!(Region::from_code("1x"), None);
    }

    #[test]
    fn a_confidence_never_leaves_its_range() {
        assert_eq!(Confidence::new(f32::NAN), Confidence::NONE);
        assert_eq!(Confidence::new(7.0), Confidence::FULL);
        assert_eq!(Confidence::new(-1.0), Confidence::NONE);
    }
}
