//! TLS to the broker: from PEM files to rustls' settings, and what went wrong in words for people.
//!
//! The server is always verified, its name included. There is no switch to turn that off.

use std::{fmt, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, Error, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use crate::secret::Secret;

/// Whom to trust, and who we are.
#[derive(Clone, PartialEq, Eq)]
pub struct Tls {
    /// Certificates of the authorities that may vouch for the broker, as PEM.
    pub authorities: Vec<u8>,
    /// Where they came from, for messages.
    pub authorities_from: String,
    pub client: Option<ClientCertificate>,
}

/// What we show to a broker that asks who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// Ours first, then those up to the authority, as PEM.
    pub certificates: Vec<u8>,
    pub key: Secret,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let client = self.client.as_ref().map(|_| "(set)");
        f.debug_struct("Tls").field("authorities", &self.authorities_from).field("client", &client).finish()
    }
}

/// Which of the PEM files is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Authorities,
    Certificate,
    Key,
}

/// Why TLS cannot be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct TlsError {
    pub part: Part,
    what: String,
}

impl Tls {
    /// Why our key is not there.
    pub fn trouble(&self) -> Option<&str> {
        self.client.as_ref()?.key.trouble()
    }

    /// Whether a connection can be tried with this.
    pub fn check(&self) -> Result<(), TlsError> {
        self.settings().map(|_| ())
    }

    pub(super) fn settings(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let unusable = |part, what: String| TlsError { part, what };
        let authorities = certificates(&self.authorities)
            .map_err(|why| unusable(Part::Authorities, format!("{}: {why}", self.authorities_from)))?;
        let mut roots = RootCertStore::empty();
        // A system's collection may hold a few that are too odd; one that is of use is enough.
        let (usable, odd) = roots.add_parsable_certificates(authorities);
        if usable == 0 {
            let what = format!("{}: none of its {odd} certificates can be used", self.authorities_from);
            return Err(unusable(Part::Authorities, what));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(Part::Authorities, error.to_string()))?
            .with_root_certificates(roots);
        let Some(client) = &self.client else { return Ok(Arc::new(builder.with_no_client_auth())) };
        let chain =
            certificates(&client.certificates).map_err(|why| unusable(Part::Certificate, why.to_owned()))?;
        let key = PrivateKeyDer::from_pem_slice(client.key.expose().as_bytes()).map_err(|_| {
            let what = "no private key in PEM form that is not itself locked by a password";
            unusable(Part::Key, what.to_owned())
        })?;
        let settings = builder.with_client_auth_cert(chain, key).map_err(|error| {
            let what = match error {
                Error::InconsistentKeys(_) => "the key does not belong to the certificate".to_owned(),
                other => other.to_string(),
            };
            unusable(Part::Key, what)
        })?;
        Ok(Arc::new(settings))
    }
}

/// The certificates of a PEM file, or what is wrong with it.
pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        Ok(_) => Err("no certificate in PEM form"),
        Err(_) => Err("damaged: a certificate begins and does not end, or is no base64"),
    }
}

/// What a failed handshake means and what to do about it. `host` is the name by which the broker was called.
pub(super) fn words(error: &Error, host: &str, tls: &Tls) -> String {
    let from = &tls.authorities_from;
    match error {
        Error::InvalidCertificate(problem) => match problem {
            CertificateError::UnknownIssuer => format!(
                "the broker's certificate is not signed by any authority in {from}; [mqtt] ca must name \
                 the file of the authority that signed it"
            ),
            CertificateError::ExpiredContext { not_after, .. } => {
                format!("the broker's certificate expired {}; renew it", at(not_after.as_secs()))
            }
            CertificateError::Expired => "the broker's certificate has expired; renew it".to_owned(),
            CertificateError::NotValidYetContext { not_before, .. } => format!(
                "the broker's certificate is not valid before {}; is this machine's clock right?",
                at(not_before.as_secs())
            ),
            CertificateError::NotValidYet => {
                "the broker's certificate is not valid yet; is this machine's clock right?".to_owned()
            }
            CertificateError::NotValidForNameContext { presented, .. } => format!(
                "the broker's certificate is for {}, not for {host:?}; [mqtt] host must be a name that it holds",
                names(presented)
            ),
            CertificateError::NotValidForName => {
                format!(
                    "the broker's certificate is not for {host:?}; [mqtt] host must be a name that it holds"
                )
            }
            // The library's own words, for what has no variant of its own.
            other if format!("{other:?}").contains("CaUsedAsEndEntity") => {
                "the broker's certificate is not one for a broker but an authority's own; make one for the broker, \
                 signed by that authority"
                    .to_owned()
            }
            other => format!("the broker's certificate is not accepted: {other:?}"),
        },
        Error::AlertReceived(alert) => match &tls.client {
            None => format!(
                "the broker ended the TLS handshake ({alert:?}); if it asks for client certificates, \
                 [mqtt] needs certificate and key"
            ),
            Some(_) => format!(
                "the broker does not accept our client certificate ({alert:?}); is it expired, or signed by an \
                 authority that the broker does not trust?"
            ),
        },
        Error::InvalidMessage(_) => {
            "what answers there does not speak TLS; is it the port for TLS, usually 8883?".to_owned()
        }
        Error::NoCertificatesPresented => "the broker shows no certificate".to_owned(),
        other => format!("TLS: {other}"),
    }
}

/// The names that a certificate holds, without the library's brackets.
fn names(presented: &[String]) -> String {
    let bare = |name: &String| name.split('"').nth(1).unwrap_or(name).to_owned();
    match presented {
        [] => "no name at all".to_owned(),
        names => names.iter().map(bare).collect::<Vec<_>>().join(", "),
    }
}

/// A moment as people read it.
fn at(seconds: u64) -> String {
    let moment = i64::try_from(seconds).ok().and_then(|s| jiff::Timestamp::from_second(s).ok());
    moment.map_or_else(|| "long ago".to_owned(), |moment| format!("at {moment}"))
}
