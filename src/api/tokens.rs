//! Bearer tokens: who may read, who may operate.
//!
//! Only their hashes are kept, and compared in constant time, all of them each time: how long an answer takes says
//! nothing about how near a guess was.

use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

use super::routes::Role;

/// The tokens that are known, as hashes.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Tokens(Vec<(Role, [u8; 32])>);

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} tokens", self.0.len())
    }
}

impl Tokens {
    /// Shorter ones could be guessed.
    pub const SHORTEST: usize = 20;

    /// One more.
    pub fn add(&mut self, role: Role, token: &str) {
        self.0.push((role, hash(token)));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the owner of this token may do; `None`: it is not known.
    pub(super) fn role(&self, presented: &str) -> Option<Role> {
        let presented = hash(presented);
        let mut found = 0u8;
        for (role, known) in &self.0 {
            let same: Choice = known.ct_eq(&presented);
            let rank = match role {
                Role::Anybody => 0,
                Role::Read => 1,
                Role::Operate => 2,
            };
            found = u8::conditional_select(&found, &found.max(rank), same);
        }
        match found {
            0 => None,
            1 => Some(Role::Read),
            _ => Some(Role::Operate),
        }
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_what_its_role_may_and_nothing_shows_it() {
        let mut tokens = Tokens::default();
        assert_eq!(tokens.role(""), None);
        tokens.add(Role::Read, "reader-reader-reader-1");
        tokens.add(Role::Operate, "operator-operator-op-1");
        let check =
            |presented: &str, role: Option<Role>| assert_eq!(tokens.role(presented), role, "{presented}");
        check("reader-reader-reader-1", Some(Role::Read));
        check("operator-operator-op-1", Some(Role::Operate));
        check("reader-reader-reader-", None);
        check("reader-reader-reader-11", None);
        check("", None);
        assert_eq!(format!("{tokens:?}"), "2 tokens");
    }

    #[test]
    fn a_token_of_both_roles_operates() {
        let mut tokens = Tokens::default();
        tokens.add(Role::Operate, "one-for-all-one-for-all");
        tokens.add(Role::Read, "one-for-all-one-for-all");
        assert_eq!(tokens.role("one-for-all-one-for-all"), Some(Role::Operate));
    }
}
