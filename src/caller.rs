//! HTTP calls that we make: nobody between us and whoever is meant, nowhere else to go, believed only if it is vouched for.
//!
//! What is called, when, and what an answer means is `gate`'s and `webhook`'s business.

use std::sync::Arc;

use rustls::crypto::ring;
use ureq::{
    Agent,
    config::ConfigBuilder,
    http::Uri,
    tls::{self, PemItem, RootCerts, TlsConfig},
    typestate::AgentScope,
};

/// Longest head of an answer.
const LONGEST_HEAD: usize = 16 << 10;

/// An agent with the house's manners. `authorities` may vouch for an `https://` address, as PEM; without them nobody can.
pub fn agent(authorities: Option<&[u8]>) -> ConfigBuilder<AgentScope> {
    let certificates: Vec<_> = tls::parse_pem(authorities.unwrap_or_default())
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    let trust = TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&certificates))
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .build();
    Agent::config_builder()
        .proxy(None)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .max_response_header_size(LONGEST_HEAD)
        .tls_config(trust)
        .user_agent(concat!("amslpr/", env!("CARGO_PKG_VERSION")))
}

/// Whether there is a certificate in it; for whoever reads the configuration.
pub fn is_an_authority(pem: &[u8]) -> bool {
    tls::parse_pem(pem).any(|item| matches!(item, Ok(PemItem::Certificate(_))))
}

/// The machine and the port of an address: all of it that may be shown, for it may hold more than others should know.
pub fn place(url: &str) -> (String, u16) {
    let uri = url.parse::<Uri>().ok();
    let host = uri.as_ref().and_then(Uri::host).unwrap_or("?").to_owned();
    let usual = if uri.as_ref().and_then(Uri::scheme_str) == Some("https") { 443 } else { 80 };
    (host, uri.and_then(|uri| uri.port_u16()).unwrap_or(usual))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_and_its_port_are_those_of_the_address_and_nothing_else_is_shown() {
        let check = |url: &str, host: &str, port: u16| {
            assert_eq!(place(url), (host.to_owned(), port), "{url}");
        };
        check("http://10.0.0.5/relay/0?turn=on", "10.0.0.5", 80);
        check("https://10.0.0.5/relay/0", "10.0.0.5", 443);
        check("https://10.0.0.5:8443/", "10.0.0.5", 8443);
        check("https://example.net/hook/s3cr3t", "example.net", 443);
        check("http://[::1]:8080/x?token=1", "[::1]", 8080);
        check("nonsense with s3cr3t", "?", 80);
    }
}
