//! A password or token in memory: not printed, not logged, overwritten when it is no longer needed. Or the knowledge that
//! there should be one and why there is none, so that only what needs it fails.
//!
//! Where secrets are kept and how they are fetched is `config`'s business.

use std::fmt;

/// A password or token. Prints as `(set)`; its bytes are overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Kept);

#[derive(Clone, PartialEq, Eq)]
enum Kept {
    Here(String),
    /// Why not.
    Missing(String),
}

impl Secret {
    pub const fn new(text: String) -> Self {
        Self(Kept::Here(text))
    }

    /// One that could not be had, in words that say what to do.
    pub const fn missing(why: String) -> Self {
        Self(Kept::Missing(why))
    }

    /// Why it is not there. Whoever needs it asks before it is exposed.
    pub fn trouble(&self) -> Option<&str> {
        match &self.0 {
            Kept::Here(_) => None,
            Kept::Missing(why) => Some(why),
        }
    }

    /// The secret itself, for the one place that needs it; empty where it is missing.
    pub fn expose(&self) -> &str {
        match &self.0 {
            Kept::Here(text) => text,
            Kept::Missing(_) => "",
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.trouble().is_none() { "(set)" } else { "(missing)" })
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        let (Kept::Here(text) | Kept::Missing(text)) = &mut self.0;
        let mut bytes = std::mem::take(text).into_bytes();
        bytes.fill(0);
        // Keeps the compiler from leaving the writes out because nobody reads them.
        std::hint::black_box(&bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show_itself() {
        let secret = Secret::new("correct horse".to_owned());
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "(set) Some((set))");
        assert_eq!((secret.expose(), secret.trouble()), ("correct horse", None));
    }

    #[test]
    fn a_missing_one_says_why_and_is_no_other() {
        let missing = Secret::missing("the file is gone".to_owned());
        assert_eq!((missing.expose(), missing.trouble()), ("", Some("the file is gone")));
        assert_eq!(format!("{missing:?}"), "(missing)");
        assert_ne!(missing, Secret::new(String::new()));
    }
}
