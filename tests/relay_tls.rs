//! A relay over TLS: called only if its certificate is vouched for.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod broker;

use std::{
    io::{BufRead, BufReader, Read as _},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use amslpr::gate::relay::{self, Settings};
use broker::certificates::{Certificates, installed};

/// A web server with this certificate; ended with the test.
struct Server {
    child: Child,
    port: u16,
    /// Held open, for it goes on to write.
    _words: BufReader<ChildStdout>,
}

impl Server {
    fn start(certificates: &Certificates, name: &str) -> Self {
        let mut child = Command::new("openssl")
            .current_dir(certificates.folder())
            .args(["s_server", "-accept", "127.0.0.1:0", "-www", "-cert"])
            .args([&format!("{name}.crt"), "-key", &format!("{name}.key")])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut words = BufReader::new(child.stdout.take().unwrap());
        // "ACCEPT 127.0.0.1:40123"
        let heard = |line: String| line.strip_prefix("ACCEPT")?.rsplit_once(':')?.1.trim().parse().ok();
        let port = words.by_ref().lines().map_while(Result::ok).find_map(heard).unwrap();
        Self { child, port, _words: words }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_relay_is_called_over_tls_if_its_certificate_is_vouched_for() {
    if !installed() {
        return;
    }
    let certificates = Certificates::new();
    let call = |server: &str, authority: &str| {
        let server = Server::start(&certificates, server);
        relay::bring_to_rest(&Settings {
            url: "http://127.0.0.1:1/".to_owned(),
            release_url: Some(format!("https://localhost:{}/", server.port)),
            post: false,
            login: None,
            digest: false,
            authorities: Some(certificates.read(&format!("{authority}.crt")).into_bytes()),
            timeout: Duration::from_secs(10),
        })
    };
    assert_eq!(call("server", "ca"), Ok(()));
    for (server, authority, words) in [
        ("server", "stranger", "UnknownIssuer"),
        ("expired", "ca", "expired"),
        ("elsewhere", "ca", "not valid for name"),
    ] {
        let error = call(server, authority).unwrap_err();
        assert!(error.contains("cannot be reached") && error.contains(words), "{error}");
    }
}
