//! The API over TLS, from the running daemon: whom it may be taken for, what is refused, and a new certificate by a reload.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod broker;
mod http;

use std::{
    io::{Read as _, Write as _},
    path::Path,
    process::Command,
    sync::Arc,
    time::Duration,
};

use broker::certificates::{Certificates, installed};
use http::{Daemon, OPERATE, connect};
use ureq::{
    Agent,
    tls::{PemItem, RootCerts, TlsConfig, parse_pem},
};

/// Someone who believes this authority only.
fn client(pem: &str) -> Agent {
    let certificates: Vec<_> = parse_pem(pem.as_bytes())
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&certificates))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    Agent::config_builder()
        .proxy(None)
        .max_idle_connections(0)
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(20)))
        .tls_config(tls)
        .build()
        .into()
}

/// What a client gets: a status, or why it hears nothing.
fn asked(client: &Agent, port: u16, path: &str, token: &str) -> Result<u16, String> {
    let call = client.get(format!("https://localhost:{port}{path}"));
    let answer = call.header("authorization", format!("Bearer {token}")).call();
    answer.map(|answer| answer.status().as_u16()).map_err(|error| error.to_string())
}

fn take(certificates: &Certificates, name: &str, folder: &Path) {
    for ending in ["crt", "key"] {
        std::fs::copy(certificates.path(&format!("{name}.{ending}")), folder.join(format!("http.{ending}")))
            .unwrap();
    }
}

#[test]
fn plates_are_told_behind_a_certificate_and_to_nobody_in_the_clear() {
    if !installed() {
        return;
    }
    let certificates = Certificates::new();
    let folder = tempfile::tempdir().unwrap();
    take(&certificates, "server", folder.path());
    let gone = "[[camera]]\nname = \"gone\"\n[camera.v4l2]\ndevice = \"/dev/video-not-there\"\n";
    let http = "certificate = \"http.crt\"\nkey = { file = \"http.key\" }\n";
    let daemon = Daemon::start(folder.path(), gone, http);
    let (port, friend) = (daemon.port, client(&certificates.read("ca.crt")));
    daemon.until("an answer", |_| asked(&friend, port, "/healthz", "").is_ok());
    assert_eq!(asked(&friend, port, "/api/v1/passages", OPERATE), Ok(200));
    assert_eq!(asked(&friend, port, "/api/v1/passages", "a-token-that-nobody-has"), Ok(401));

    let stranger = asked(&client(&certificates.read("stranger.crt")), port, "/healthz", "").unwrap_err();
    assert!(stranger.contains("UnknownIssuer"), "{stranger}");
    // Whoever speaks in the clear hears no word of HTTP.
    let mut plain = connect(port);
    let words =
        format!("GET /api/v1/passages HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {OPERATE}\r\n\r\n");
    plain.write_all(words.as_bytes()).unwrap();
    let mut heard = Vec::new();
    let _ = plain.read_to_end(&mut heard);
    assert!(!String::from_utf8_lossy(&heard).contains("HTTP/1"), "{heard:?}");
    // HTTP/2 and TLS 1.2 are agreed upon, TLS 1.1 is not.
    let greeted = |options: &[&str]| {
        let mut greeting = Command::new("openssl");
        greeting.args(["s_client", "-connect", &format!("localhost:{port}"), "-alpn", "h2", "-brief"]);
        let output = greeting.args(options).stdin(std::process::Stdio::null()).output().unwrap();
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    let said = greeted(&["-tls1_2"]);
    assert!(said.contains("TLSv1.2") && said.contains("CONNECTION ESTABLISHED"), "{said}");
    let said = greeted(&["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]);
    assert!(!said.contains("CONNECTION ESTABLISHED"), "{said}");

    let is_another = |why: String| why.to_lowercase().contains("valid for");
    // A new certificate: another machine's name, so that it can be told from the first.
    take(&certificates, "elsewhere", folder.path());
    daemon.signal("HUP");
    daemon.until("the new certificate", |_| asked(&friend, port, "/healthz", "").is_err_and(is_another));
    // One that does not go with its key changes nothing.
    std::fs::copy(certificates.path("server.key"), folder.path().join("http.key")).unwrap();
    daemon.signal("HUP");
    daemon.until("the refusal", |_| {
        let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
        log.contains("reload refused")
    });
    assert!(asked(&friend, port, "/healthz", "").is_err_and(is_another));
    take(&certificates, "server", folder.path());
    daemon.signal("HUP");
    daemon.until("the first certificate again", |_| asked(&friend, port, "/healthz", "") == Ok(200));
    daemon.stop();
}
