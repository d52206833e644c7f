//! Who a message is from: the signature of the Standard Webhooks specification, version 1, which receivers in every
//! language have libraries for.
//!
//! `webhook-signature` is `v1,` and the HMAC-SHA-256, as base64, of `ID.TIMESTAMP.BODY`; several, with a blank between,
//! while keys are exchanged. Source: standardwebhooks.com, "Signature scheme".

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::secret::Secret;

/// Where the specification's lengths of a key begin and end, in bytes.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;
const PREFIX: &str = "whsec_";

/// The keys of one receiver: one a line, so that a new one can be brought in beside the old one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys(Secret);

/// Why they are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    #[error("there is no key in it")]
    Empty,
    #[error("a key is 24 to 64 bytes in base64, with \"whsec_\" before it or without")]
    NoKey,
}

impl Keys {
    /// A secret that is missing is taken as it is: whoever needs it asks for its [`trouble`](Self::trouble).
    pub fn new(secret: Secret) -> Result<Self, KeysError> {
        if secret.trouble().is_none() {
            let mut lines = lines(&secret).peekable();
            lines.peek().ok_or(KeysError::Empty)?;
            for line in lines {
                key(line).ok_or(KeysError::NoKey)?;
            }
        }
        Ok(Self(secret))
    }

    /// Why they are not there.
    pub fn trouble(&self) -> Option<&str> {
        self.0.trouble()
    }

    /// What to write into `webhook-signature`.
    pub(super) fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let signatures: Vec<String> = lines(&self.0)
            .filter_map(|line| Hmac::<Sha256>::new_from_slice(&key(line)?).ok())
            .map(|mut mac| {
                mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
                format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
            })
            .collect();
        signatures.join(" ")
    }
}

fn lines(secret: &Secret) -> impl Iterator<Item = &str> {
    secret.expose().lines().map(str::trim).filter(|line| !line.is_empty())
}

fn key(line: &str) -> Option<Vec<u8>> {
    let key = BASE64_STANDARD.decode(line.strip_prefix(PREFIX).unwrap_or(line)).ok()?;
    LENGTHS.contains(&key.len()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Result<Keys, KeysError> {
        Keys::new(Secret::new(text.to_owned()))
    }

    #[test]
    fn a_message_is_signed_as_the_specification_says() {
        // Computed with Python's hmac; the same figures stand in the tests of the specification's libraries.
        let (id, at, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        let wanted = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        for text in ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"] {
            assert_eq!(keys(text).unwrap().sign(id, at, body), wanted);
        }
        let two =
            keys("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\nwhsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").unwrap();
        let signed = two.sign(id, at, body);
        assert!(signed.starts_with(wanted) && signed.matches("v1,").count() == 2, "{signed}");
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_shown() {
        for (text, error) in [
            ("", KeysError::Empty),
            (" \n", KeysError::Empty),
            ("hunter2", KeysError::NoKey),
            ("whsec_c2hvcnQ=", KeysError::NoKey),
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\nhunter2", KeysError::NoKey),
        ] {
            assert_eq!(keys(text).unwrap_err(), error, "{text:?}");
        }
        assert!(!format!("{:?}", keys("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap()).contains("MfKQ"));
        let missing = Keys::new(Secret::missing("no such credential".to_owned())).unwrap();
        assert_eq!(missing.trouble(), Some("no such credential"));
    }
}
