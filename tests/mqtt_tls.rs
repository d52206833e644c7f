//! TLS to a real broker, with certificates made here by openssl: who is let in, and what is said when nobody is.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod broker;

use std::{
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use amslpr::{
    backoff,
    clock::{Clock, SystemClock},
    fact::{Fact, sample},
    publish::{Login, Settings, State, Tls},
    secret::Secret,
};
use broker::{
    Mosquitto,
    certificates::{Certificates, installed},
    node::Node,
    wait_for,
};

/// A node with one fact that waits.
fn node(port: u16, tls: Option<Tls>, more: impl FnOnce(&mut Settings)) -> Node {
    let mut settings = Settings::new("localhost", "pi-1").unwrap();
    settings.broker.port = port;
    settings.broker.tls = tls;
    more(&mut settings);
    let node = Node::start(settings, None);
    node.record(Fact::Decided(sample::decided(&sample::closed(1))));
    node
}

fn wait_until_told(node: &Node) {
    let stats = node.publisher.stats();
    wait_for("online", || stats.snapshot().state == State::Online && stats.snapshot().delivered == 1);
}

fn check_trouble(node: &Node, expected: &[&str]) {
    let (stats, clock) = (node.publisher.stats(), SystemClock::start());
    let mut trouble = String::new();
    while !trouble.contains(expected[0]) {
        assert!(clock.now().as_micros() < 15_000_000, "{trouble:?} should say {:?}", expected[0]);
        clock.sleep(Duration::from_millis(5));
        trouble = stats.snapshot().trouble.unwrap_or(trouble);
    }
    for part in expected {
        assert!(trouble.contains(part), "{trouble:?} should say {part:?}");
    }
    println!("{trouble}");
    assert_eq!(node.journal.stats().snapshot().undelivered, 1, "the event waits");
}

#[test]
fn a_broker_that_shows_the_right_certificate_is_told() {
    if !installed() {
        return;
    }
    let made = Certificates::new();
    let Some(mut mosquitto) = made.broker("server", "") else { return };
    mosquitto.start();
    wait_until_told(&node(mosquitto.port, Some(made.tls("ca", None)), |_| {}));
    let by_address = |settings: &mut Settings| settings.broker.host = "127.0.0.1".to_owned();
    wait_until_told(&node(mosquitto.port, Some(made.tls("ca", None)), by_address));

    let Some(mut mosquitto) =
        made.broker("server", "require_certificate true\nuse_identity_as_username true")
    else {
        return;
    };
    mosquitto.start();
    wait_until_told(&node(mosquitto.port, Some(made.tls("ca", Some("client"))), |_| {}));
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
        check_trouble(&node(mosquitto.port, tls, |_| {}), expected);
    };
    let ca = || Some(made.tls("ca", None));
    let wrong = "not signed by any authority in /etc/amslpr/ca.crt";
    check("server", "", Some(made.tls("stranger", None)), &[wrong, "[mqtt] ca"]);
    check("expired", "", ca(), &["certificate expired at 2020-02-01", "renew it"]);
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
    check_trouble(&node(mosquitto.port, ca(), |_| {}), &["TLS"]);
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
    check_trouble(&wrong, &["does not let user \"gate\" in", "password right"]);
    // 0.1, 0.2, 0.4, 0.8, 1.6 s: within three seconds not more than six.
    SystemClock::start().sleep(Duration::from_secs(3));
    let tries = mosquitto.logged("New connection");
    assert!((3..=7).contains(&tries), "{tries} connections in three seconds");
    assert!(!wrong.publisher.stats().snapshot().trouble.unwrap().contains("hunter2"));
    drop(wrong);
    wait_until_told(&node(mosquitto.port, None, login("right")));
}

fn amslpr_check(folder: &Path, mqtt: &str) -> Output {
    let text = format!(
        "[[camera]]\nname = \"a\"\n[camera.replay]\npath = \"a.mp4\"\n[mqtt]\nhost = \"localhost\"\n{mqtt}\n"
    );
    let file = folder.join("amslpr.toml");
    std::fs::write(&file, text).unwrap();
    Command::new(env!("CARGO_BIN_EXE_amslpr"))
        .args(["check", "--offline", "--config"])
        .arg(&file)
        .output()
        .unwrap()
}

#[test]
fn the_configuration_is_checked_before_anybody_connects() {
    if !installed() {
        return;
    }
    let made = Certificates::new();
    std::fs::write(made.path("empty"), "").unwrap();
    let check = |mqtt: &str, says: &[&str]| {
        let output = amslpr_check(made.folder(), mqtt);
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
    let address = amslpr_check(made.folder(), "tls = true\nca = \"ca.crt\"\nport = 1").status.code();
    assert_eq!(address, Some(0));
}
