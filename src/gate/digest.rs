//! Digest authentication (RFC 7616), as relays of Shelly's second generation want it: the password is never sent.
//!
//! Pure: from what a relay asks to what is answered. Only `qop=auth`, and no protection of bodies: ours are empty.

use md5::Md5;
use sha2::{Digest as _, Sha256};

/// A challenge longer than this is none.
const LONGEST: usize = 2048;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Md5,
    Sha256,
}

/// What a relay asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: Algorithm,
    /// Older relays do not say `qop`; the answer is another one then.
    counted: bool,
}

impl Challenge {
    /// The strongest of the challenges in these `WWW-Authenticate` headers that can be answered.
    pub(super) fn strongest<'a>(headers: impl Iterator<Item = &'a str>) -> Option<Self> {
        headers.filter_map(Self::parse).max_by_key(|challenge| challenge.algorithm == Algorithm::Sha256)
    }

    fn parse(header: &str) -> Option<Self> {
        let (scheme, rest) = header.trim().split_once(' ').filter(|_| header.len() <= LONGEST)?;
        if !scheme.eq_ignore_ascii_case("digest") {
            return None;
        }
        let (mut realm, mut nonce, mut opaque) = (None, None, None);
        let (mut algorithm, mut counted) = (Algorithm::Md5, false);
        for (name, value) in parameters(rest)? {
            match name.to_ascii_lowercase().as_str() {
                "realm" => realm = Some(value),
                "nonce" => nonce = Some(value),
                "opaque" => opaque = Some(value),
                "algorithm" if value.eq_ignore_ascii_case("MD5") => algorithm = Algorithm::Md5,
                "algorithm" if value.eq_ignore_ascii_case("SHA-256") => algorithm = Algorithm::Sha256,
                // Sessions and other sums are not spoken.
                "algorithm" => return None,
                "qop" if value.split(',').any(|one| one.trim().eq_ignore_ascii_case("auth")) => {
                    counted = true;
                }
                "qop" => return None,
                _ => {}
            }
        }
        Some(Self { realm: realm?, nonce: nonce?, opaque, algorithm, counted })
    }

    /// The `Authorization` header for one call. `target` is the path with its query; `cnonce` must be new each time.
    pub(super) fn answer(
        &self,
        (user, password): (&str, &str),
        method: &str,
        target: &str,
        cnonce: &str,
    ) -> String {
        const COUNT: &str = "00000001";
        let sum = |text: String| match self.algorithm {
            Algorithm::Md5 => hex(&Md5::digest(text)),
            Algorithm::Sha256 => hex(&Sha256::digest(text)),
        };
        let (realm, nonce) = (&self.realm, &self.nonce);
        let who = sum(format!("{user}:{realm}:{password}"));
        let what = sum(format!("{method}:{target}"));
        let response = match self.counted {
            true => sum(format!("{who}:{nonce}:{COUNT}:{cnonce}:auth:{what}")),
            false => sum(format!("{who}:{nonce}:{what}")),
        };
        let algorithm = match self.algorithm {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha256 => "SHA-256",
        };
        let mut header = format!(
            "Digest username={}, realm={}, nonce={}, uri={}, algorithm={algorithm}, response=\"{response}\"",
            quoted(user),
            quoted(realm),
            quoted(nonce),
            quoted(target)
        );
        if self.counted {
            header.push_str(&format!(", qop=auth, nc={COUNT}, cnonce=\"{cnonce}\""));
        }
        if let Some(opaque) = &self.opaque {
            header.push_str(&format!(", opaque={}", quoted(opaque)));
        }
        header
    }
}

/// `name=value` and `name="value"`, separated by commas; `None` if it is something else.
fn parameters(text: &str) -> Option<Vec<(&str, String)>> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = match after.trim_start().strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None => {
                let end = after.find(',').unwrap_or(after.len());
                (after.get(..end)?.trim().to_owned(), after.get(end..)?)
            }
        };
        found.push((name.trim(), value));
        rest = after.trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
    Some(found)
}

/// What stands before the closing quote, and what follows it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let (mut value, mut escaped) = (String::new(), false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => {
                value.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return Some((value, text.get(at + 1..)?)),
            _ => value.push(c),
        }
    }
    None
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example of RFC 7616, 3.9.1.
    #[test]
    fn the_standard_s_own_example_is_answered_as_it_says() {
        let asked = |algorithm: &str| {
            format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, \
                 nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            )
        };
        let headers = [asked("MD5"), asked("SHA-256"), "Basic realm=\"x\"".to_owned()];
        let login = ("Mufasa", "Circle of Life");
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let check = |headers: &[String], response: &str| {
            let challenge = Challenge::strongest(headers.iter().map(String::as_str)).unwrap();
            let answer = challenge.answer(login, "GET", "/dir/index.html", cnonce);
            assert!(answer.contains(&format!("response=\"{response}\"")), "{answer}");
            assert!(answer.contains("nc=00000001") && answer.contains("opaque=\"FQhe/"), "{answer}");
        };
        check(&headers[..1], "8ca523f5e9506fed4657c9700eebdbec");
        check(&headers, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
    }

    #[test]
    fn what_cannot_be_answered_is_no_challenge() {
        let check = |header: &str, expected: bool| {
            assert_eq!(Challenge::parse(header).is_some(), expected, "{header}");
        };
        check("Digest realm=\"a\", nonce=\"b\"", true);
        check("digest nonce=b,realm=\"a \\\"quoted\\\" one\",stale=false", true);
        check("Basic realm=\"a\"", false);
        check("Digest realm=\"a\"", false);
        check("Digest realm=\"a\", nonce=\"b", false);
        check("Digest realm=\"a\", nonce=\"b\", algorithm=MD5-sess", false);
        check("Digest realm=\"a\", nonce=\"b\", qop=\"auth-int\"", false);
        check(&format!("Digest realm=\"a\", nonce=\"{}\"", "b".repeat(LONGEST)), false);
        check("", false);
    }

    proptest! {
        #[test]
        fn no_header_whatever_does_harm(text in "(Digest )?[a-z=\", \\\\é]{0,80}") {
            let _ = Challenge::parse(&text).map(|one| one.answer(("u", "p"), "GET", "/", "c"));
        }
    }
}
