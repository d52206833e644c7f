//! Where a network camera is and who asks: an address without credentials, and credentials that no output shows.

use std::fmt;

use url::Url;

use crate::secret::Secret;

/// A user name and a password, which no output shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub user: String,
    pub password: Secret,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// Why a text is no camera's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("is no address ({0}); write rtsp://HOST[:PORT]/PATH")]
    Unreadable(String),
    #[error("begins with `{0}:`; write rtsp://HOST[:PORT]/PATH")]
    NotRtsp(String),
    /// Deliberately without the address.
    #[error("holds a user name or password; credentials belong into a credential file, not into the address")]
    HasCredentials,
}

/// A camera's address, which holds no credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(pub(super) Url);

impl Address {
    pub fn parse(address: &str) -> Result<Self, AddressError> {
        let address = Url::parse(address).map_err(|error| AddressError::Unreadable(error.to_string()))?;
        if !address.username().is_empty() || address.password().is_some() {
            return Err(AddressError::HasCredentials);
        }
        if address.scheme() != "rtsp" {
            return Err(AddressError::NotRtsp(address.scheme().to_owned()));
        }
        if !address.has_host() {
            return Err(AddressError::Unreadable("it names no host".to_owned()));
        }
        Ok(Self(address))
    }
}

/// Without parameters: some cameras take a token there.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.0.as_str();
        f.write_str(whole.split(['?', '#']).next().unwrap_or(whole))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Settings, *};

    #[test]
    fn an_address_with_credentials_is_refused_without_repeating_them() {
        for (address, words) in [
            ("rtsp://admin:secret@10.0.0.9/live", "holds a user name or password"),
            ("rtsp://admin@10.0.0.9/live", "holds a user name or password"),
            ("http://10.0.0.9/live", "begins with `http:`"),
            ("10.0.0.9/live", "is no address"),
            ("rtsp:", "is no address"),
            ("rtsp:live", "is no address"),
        ] {
            let error = Address::parse(address).unwrap_err().to_string();
            assert!(error.contains(words) && !error.contains("secret"), "{address}: {error}");
        }
        assert!(Address::parse("rtsp://[::1]:8554/live?channel=1").is_ok());
    }

    #[test]
    fn no_output_shows_a_password() {
        let mut settings = Settings::new(Address::parse("rtsp://cam/live?token=hidden").unwrap());
        settings.credentials =
            Some(Credentials { user: "admin".into(), password: Secret::new("secret".to_owned()) });
        let shown = format!("{settings:?} {}", settings.address);
        for hidden in ["secret", "admin", "hidden"] {
            assert!(!shown.contains(hidden), "{shown}");
        }
        assert_eq!(settings.address.to_string(), "rtsp://cam/live");
    }
}
