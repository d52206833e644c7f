//! TLS for the API: our certificate and key, and nothing older than TLS 1.2. The twin of `publish::tls`, seen from the
//! other side.

use std::{fmt, sync::Arc};

use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, pem::PemObject as _},
};
use tokio_rustls::TlsAcceptor;

use crate::{publish, secret::Secret};

/// Who we are.
#[derive(Clone, PartialEq, Eq)]
pub struct Tls {
    /// Ours first, then those up to the authority, as PEM.
    pub certificates: Vec<u8>,
    pub key: Secret,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(set)")
    }
}

/// Why TLS cannot be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    #[error("the certificate: {0}")]
    Certificate(String),
    #[error("the key: {0}")]
    Key(String),
}

impl Tls {
    /// Whether it can be served with this.
    pub fn check(&self) -> Result<(), TlsError> {
        self.acceptor().map(|_| ())
    }

    pub(super) fn acceptor(&self) -> Result<TlsAcceptor, TlsError> {
        if let Some(missing) = self.key.trouble() {
            return Err(TlsError::Key(missing.to_owned()));
        }
        let chain =
            publish::certificates(&self.certificates).map_err(|why| TlsError::Certificate(why.to_owned()))?;
        let key = PrivateKeyDer::from_pem_slice(self.key.expose().as_bytes()).map_err(|_| {
            TlsError::Key("no private key in PEM form that is not itself locked by a password".to_owned())
        })?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut settings = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::Certificate(error.to_string()))?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| match error {
                rustls::Error::InconsistentKeys(_) => {
                    TlsError::Key("it does not belong to the certificate".to_owned())
                }
                other => TlsError::Certificate(other.to_string()),
            })?;
        settings.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(settings)))
    }
}
