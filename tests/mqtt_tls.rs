//! TLS to a real broker, with certificates made here by openssl: who is let in, and what is said when nobody is.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod broker;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Arc,
    time::Duration,
};

use amslpr::{
    backoff,
    clock::{Clock, SystemClock},
    fact::{Fact, sample},
    journal::{self, Journal},
    publish::{ClientCertificate, Login, Publisher, Settings, Sources, State, Status, Tls},
    secret::Secret,
};
use broker::{Mosquitto, wait_for};
use tokio::sync::watch;

/// An authority and what it signed.
struct Certificates(tempfile::TempDir);

fn openssl(folder: &Path, args: &[&str]) {
    let made = Command::new("openssl").current_dir(folder).args(args).output().unwrap();
    assert!(made.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&made.stderr));
}

const KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

impl Certificates {
    fn new() -> Self {
        let made = Self(tempfile::tempdir().unwrap());
        made.authority("ca");
        made.authority("stranger");
        made.sign("server", "ca", "subjectAltName=DNS:localhost,IP:127.0.0.1", "2");
        made.sign("expired", "ca", "subjectAltName=DNS:localhost", "-1");
        made.sign("elsewhere", "ca", "subjectAltName=DNS:other.example", "2");
        made.sign("client", "ca", "extendedKeyUsage=clientAuth", "2");
        made.sign("old-client", "ca", "extendedKeyUsage=clientAuth", "-1");
        made.sign("strange-client", "stranger", "extendedKeyUsage=clientAuth", "2");
        made
    }

    fn authority(&self, name: &str) {
        let (key, certificate) = (format!("{name}.key"), format!("{name}.crt"));
        let subject = format!("/CN=Authority {name}");
        let mut args =
            vec!["req", "-x509", "-days", "2", "-subj", &subject, "-keyout", &key, "-out", &certificate];
        args.extend(KEY);
        openssl(self.0.path(), &args);
    }

    fn sign(&self, name: &str, authority: &str, extension: &str, days: &str) {
        let file = |ending: &str| format!("{name}.{ending}");
        std::fs::write(self.0.path().join(file("ext")), extension).unwrap();
        let (key, request, certificate, more) = (file("key"), file("csr"), file("crt"), file("ext"));
        let subject = format!("/CN={name}");
        let mut args = vec!["req", "-subj", &subject, "-keyout", &key, "-out", &request];
        args.extend(KEY);
        openssl(self.0.path(), &args);
        let (ca, ca_key) = (format!("{authority}.crt"), format!("{authority}.key"));
        openssl(
            self.0.path(),
            &[
                "x509",
                "-req",
                "-in",
                &request,
                "-CA",
                &ca,
                "-CAkey",
                &ca_key,
                "-CAcreateserial",
                "-days",
                days,
                "-extfile",
                &more,
                "-out",
                &certificate,
            ],
        );
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// mosquitto with this certificate; with `more` for its listener.
    fn broker(&self, certificate: &str, more: &str) -> Option<Mosquitto> {
        let at = |name: &str| self.path(name).display().to_string();
        let listener = format!(
            "cafile {}\ncertfile {}\nkeyfile {}\n{more}",
            at("ca.crt"),
            at(&format!("{certificate}.crt")),
            at(&format!("{certificate}.key"))
        );
        Mosquitto::with("allow_anonymous true\npersistence false", &listener)
    }

    fn tls(&self, authority: &str, client: Option<&str>) -> Tls {
        Tls {
            authorities: self.read(&format!("{authority}.crt")).into_bytes(),
            authorities_from: "/etc/amslpr/ca.crt".to_owned(),
            client: client.map(|name| ClientCertificate {
                certificates: self.read(&format!("{name}.crt")).into_bytes(),
                key: Secret::new(self.read(&format!("{name}.key"))),
            }),
        }
    }
}

/// A publisher with one fact that waits.
struct Node {
    publisher: Publisher,
    journal: Journal,
    _status: watch::Sender<Status>,
    _folder: tempfile::TempDir,
}

fn node(port: u16, tls: Option<Tls>, more: impl FnOnce(&mut Settings)) -> Node {
    let folder = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let keep = journal::Settings { outbox: true, ..journal::Settings::default() };
    let journal = Journal::open(&folder.path().join("journal.db"), &keep, Arc::clone(&clock)).unwrap();
    let writer = journal.writer();
    writer.record(Fact::Decided(sample::decided(&sample::closed(1))));
    assert!(writer.flush(Duration::from_secs(30)));
    let mut settings = Settings::new("localhost", "pi-1").unwrap();
    settings.broker.port = port;
    settings.broker.tls = tls;
    more(&mut settings);
    let (status, watched) = watch::channel(Status::default());
    let sources = Sources {
        outbox: Box::new(journal.pending_facts().unwrap()),
        recorded: journal.recorded(),
        status: watched,
        orders: None,
    };
    let publisher = Publisher::start(settings, sources, clock).unwrap();
    Node { publisher, journal, _status: status, _folder: folder }
}

impl Node {
    fn wait_until_told(&self) {
        let stats = self.publisher.stats();
        wait_for("online", || stats.snapshot().state == State::Online && stats.snapshot().delivered == 1);
    }

    fn check_trouble(&self, expected: &[&str]) {
        let stats = self.publisher.stats();
        wait_for(expected[0], || {
            stats.snapshot().trouble.is_some_and(|trouble| trouble.contains(expected[0]))
        });
        let snapshot = stats.snapshot();
        let trouble = snapshot.trouble.unwrap();
        for part in expected {
            assert!(trouble.contains(part), "{trouble:?} should say {part:?}");
        }
        println!("{trouble}");
        assert_eq!(self.journal.stats().snapshot().undelivered, 1, "the event waits");
    }
}

fn installed() -> bool {
    let there = Command::new("openssl").arg("version").output().is_ok();
    if !there {
        println!("openssl is not installed: nothing is tested here (tests/setup.sh)");
    }
    there
}

#[test]
fn a_broker_that_shows_the_right_certificate_is_told() {
    if !installed() {
        return;
    }
    let made = Certificates::new();
    let Some(mut mosquitto) = made.broker("server", "") else { return };
    mosquitto.start();
    node(mosquitto.port, Some(made.tls("ca", None)), |_| {}).wait_until_told();
    let by_address = |settings: &mut Settings| settings.broker.host = "127.0.0.1".to_owned();
    node(mosquitto.port, Some(made.tls("ca", None)), by_address).wait_until_told();

    let Some(mut mosquitto) =
        made.broker("server", "require_certificate true\nuse_identity_as_username true")
    else {
        return;
    };
    mosquitto.start();
    node(mosquitto.port, Some(made.tls("ca", Some("client"))), |_| {}).wait_until_told();
    assert!(mosquitto.logged("u'client'") > 0, "the broker knows us by our certificate");
}

#[test]
fn a_broker_that_cannot_be_trusted_is_told_nothing_and_the_log_says_what_to_do() {
    if !installed() {
        return;
    }
    let made = Certificates::new();
    let check = |certificate: &str, listener: &str, tls: Option<Tls>, expected: &[&str]| {
        let Some(mut mosquitto) = made.broker(certificate, listener) else { return };
        mosquitto.start();
        node(mosquitto.port, tls, |_| {}).check_trouble(expected);
    };
    let ca = || Some(made.tls("ca", None));
    let wrong = "not signed by any authority in /etc/amslpr/ca.crt";
    check("server", "", Some(made.tls("stranger", None)), &[wrong, "[mqtt] ca"]);
    check("expired", "", ca(), &["certificate expired at 20", "renew it"]);
    check("elsewhere", "", ca(), &["is for other.example, not for \"localhost\"", "[mqtt] host"]);
    check("ca", "", ca(), &["the broker's certificate is not"]);
    check("server", "", None, &["tls = true"]);
    let asks = "require_certificate true";
    check("server", asks, ca(), &["client certificate"]);
    check(
        "server",
        asks,
        Some(made.tls("ca", Some("old-client"))),
        &["does not accept our client certificate"],
    );
    check(
        "server",
        asks,
        Some(made.tls("ca", Some("strange-client"))),
        &["does not accept our client certificate"],
    );
    // No TLS on the other side.
    let Some(mut mosquitto) = Mosquitto::new("allow_anonymous true") else { return };
    mosquitto.start();
    node(mosquitto.port, ca(), |_| {}).check_trouble(&["TLS"]);
}

#[test]
fn a_wrong_password_is_named_without_being_shown_and_the_broker_is_not_hammered() {
    if !installed() {
        return;
    }
    let made = Certificates::new();
    let file = made.path("passwords");
    let set = Command::new("mosquitto_passwd").args(["-b", "-c"]).arg(&file).args(["gate", "right"]).output();
    if !set.is_ok_and(|output| output.status.success()) {
        println!("mosquitto_passwd is not installed: nothing is tested here (tests/setup.sh)");
        return;
    }
    let config = format!("allow_anonymous false\npassword_file {}\npersistence false", file.display());
    let Some(mut mosquitto) = Mosquitto::new(&config) else { return };
    mosquitto.start();
    let login = |password: &str| {
        let password = Secret::new(password.to_owned());
        move |settings: &mut Settings| {
            settings.broker.login = Some(Login { user: "gate".to_owned(), password });
            settings.retry =
                backoff::Settings { first: Duration::from_millis(100), jitter: 0.0, ..settings.retry };
        }
    };
    let wrong = node(mosquitto.port, None, login("hunter2"));
    wrong.check_trouble(&["does not let user \"gate\" in", "password right"]);
    // 0.1, 0.2, 0.4, 0.8, 1.6 s: within three seconds not more than six.
    SystemClock::start().sleep(Duration::from_secs(3));
    let tries = mosquitto.logged("New connection");
    assert!((3..=7).contains(&tries), "{tries} connections in three seconds");
    assert!(!wrong.publisher.stats().snapshot().trouble.unwrap().contains("hunter2"));
    drop(wrong);
    node(mosquitto.port, None, login("right")).wait_until_told();
}

fn amslpr_check(folder: &Path, mqtt: &str) -> Output {
    let text = format!(
        "[[camera]]\nname = \"a\"\n[camera.replay]\npath = \"a.mp4\"\n[mqtt]\nhost = \"localhost\"\n{mqtt}\n"
    );
    let file = folder.join("amslpr.toml");
    std::fs::write(&file, text).unwrap();
    Command::new(env!("CARGO_BIN_EXE_amslpr")).args(["check", "--config"]).arg(&file).output().unwrap()
}

#[test]
fn the_configuration_is_checked_before_anybody_connects() {
    if !installed() {
        return;
    }
    let made = Certificates::new();
    std::fs::write(made.path("empty"), "").unwrap();
    let check = |mqtt: &str, says: &[&str]| {
        let output = amslpr_check(made.0.path(), mqtt);
        let said =
            String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(if says.is_empty() { 0 } else { 78 }), "{mqtt}:\n{said}");
        for part in says {
            assert!(said.contains(part), "{mqtt} should say {part:?}:\n{said}");
        }
    };
    let pair = |certificate: &str, key: &str| {
        format!("tls = true\nca = \"ca.crt\"\ncertificate = \"{certificate}\"\nkey = {{ file = \"{key}\" }}")
    };
    check("tls = true\nca = \"ca.crt\"", &[]);
    check(&pair("client.crt", "client.key"), &[]);
    check("tls = true\nca = \"gone.crt\"", &["gone.crt cannot be read", "ca ="]);
    check("tls = true\nca = \"empty\"", &["no certificate in PEM form", "authority that signed"]);
    check("tls = true\nca = \".\"", &["not a regular file"]);
    check("ca = \"ca.crt\"", &["of no use without TLS", "add tls = true"]);
    check(&pair("client.crt", "server.key"), &["does not belong to the certificate"]);
    check(&pair("client.crt", "client.crt"), &["no private key in PEM form"]);
    check(&pair("client.key", "client.key"), &["no certificate in PEM form"]);
    check("tls = true\nca = \"ca.crt\"\ncertificate = \"client.crt\"", &["the key \"key\" is missing"]);
    let address = amslpr_check(made.0.path(), "tls = true\nca = \"ca.crt\"\nport = 1").status.code();
    assert_eq!(address, Some(0));
}
