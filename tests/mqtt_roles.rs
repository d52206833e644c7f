//! The example of config/mosquitto/ at a real broker: each role can do what it is for, and nothing else.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod broker;

use std::{
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use amslpr::{
    clock::{Clock, SystemClock},
    fact::{Fact, sample},
    publish::{
        AboutCamera, HomeAssistant, Login, Settings, State,
        command::{self, Outcome, Request},
    },
    secret::Secret,
};
use broker::{
    Mosquitto, Sending, Subscriber,
    certificates::{Certificates, installed},
    node::Node,
    wait_for,
};
use serde_json::json;

const USERS: [&str; 6] = ["gate-1", "gate-2", "dashboard", "homeassistant", "office", "guard"];

/// The shipped example with the paths of this test, and a second listener without TLS for those who only look on.
fn example(made: &Certificates, plain_port: u16) -> Option<Mosquitto> {
    let shipped = |name: &str| {
        std::fs::read_to_string(format!("{}/config/mosquitto/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    };
    let at = |name: &str| made.path(name).display().to_string();
    std::fs::write(made.path("amslpr.acl"), shipped("amslpr.acl")).unwrap();
    for (n, user) in USERS.iter().enumerate() {
        let mut command = Command::new("mosquitto_passwd");
        command.arg("-b").args((n == 0).then_some("-c")).arg(made.path("passwords")).args([user, user]);
        assert!(command.output().unwrap().status.success());
    }
    Mosquitto::configured(|port| {
        let text = shipped("amslpr.conf")
            .replace("listener 8883", &format!("listener {port} 127.0.0.1"))
            .replace("/etc/mosquitto/certs/ca.crt", &at("ca.crt"))
            .replace("/etc/mosquitto/certs/broker.crt", &at("server.crt"))
            .replace("/etc/mosquitto/certs/broker.key", &at("server.key"))
            .replace("/etc/mosquitto/amslpr.passwords", &at("passwords"))
            .replace("/etc/mosquitto/amslpr.acl", &at("amslpr.acl"));
        let left = text.lines().find(|line| !line.starts_with('#') && line.contains("/etc/mosquitto"));
        assert_eq!(left, None, "a path of the example was not replaced");
        format!("{text}\nlistener {plain_port} 127.0.0.1\n")
    })
}

fn node(name: &str, port: u16, made: &Certificates, done: &Arc<Mutex<Vec<String>>>) -> Node {
    let mut settings = Settings::new("localhost", name).unwrap();
    settings.broker.port = port;
    settings.broker.tls = Some(made.tls("ca", None));
    settings.broker.login = Some(Login { user: name.to_owned(), password: Secret::new(name.to_owned()) });
    settings.home_assistant = HomeAssistant::Announced;
    settings.about.cameras =
        vec![AboutCamera { name: amslpr::frame::CameraId::new("gate-in"), role: "both" }];
    let (orders, received) = command::channel();
    let (list, name) = (Arc::clone(done), name.to_owned());
    std::thread::spawn(move || {
        while let Ok(order) = received.recv() {
            let is_open = matches!(order.command.request, Request::OpenGate { .. });
            list.lock().unwrap().push(format!(
                "{name} {} {}",
                order.command.request.verb(),
                order.command.id
            ));
            order.slot.answer(Outcome::Done(json!({"opened": is_open})));
        }
    });
    Node::start(settings, Some(orders))
}

fn soon(id: &str, more: &str) -> String {
    let until = SystemClock::start().wall().checked_add(jiff::SignedDuration::from_secs(20)).unwrap();
    format!("{{\"id\": \"{id}\", \"expires_at\": \"{until}\"{more}}}")
}

#[test]
fn each_role_can_do_what_it_is_for_and_nothing_else() {
    let passwords = Command::new("mosquitto_passwd").output().is_ok();
    if !installed() || !passwords {
        return;
    }
    let made = Certificates::new();
    let plain = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let Some(mut mosquitto) = example(&made, plain) else { return };
    mosquitto.start();
    let client =
        |user: &str, filters: &[&str]| Subscriber::listening(plain, user, Some((user, user)), filters);
    let dashboard = client("dashboard", &["#"]);
    let home = client("homeassistant", &["homeassistant/#"]);
    let (office, guard) =
        (client("office", &["amslpr/+/cmd/reply/+"]), client("guard", &["amslpr/+/cmd/reply/+"]));

    let done = Arc::new(Mutex::new(Vec::new()));
    let (one, two) =
        (node("gate-1", mosquitto.port, &made, &done), node("gate-2", mosquitto.port, &made, &done));
    for node in [&one, &two] {
        let stats = node.publisher.stats();
        wait_for("online", || stats.snapshot().state == State::Online);
        node.record(Fact::Decided(sample::decided(&sample::closed(2))));
        wait_for("told", || stats.snapshot().delivered == 1);
    }
    dashboard.wait("amslpr/gate-1/camera/gate-in/decision");
    dashboard.wait("amslpr/gate-2/availability");
    home.wait("homeassistant/device/gate-1/config");

    // A commander: its verbs at its nodes.
    let ask = |who: &Subscriber, topic: &str, id: &str, more: &str| {
        who.say(&format!("amslpr/{topic}"), soon(id, more), Sending::default());
    };
    let (open, entry) = (", \"gate\": \"main\"", ", \"list\": \"guests\", \"plate\": \"B1AAA\"");
    ask(&guard, "gate-1/cmd/gate/open", "guard-1", open);
    guard.wait("amslpr/gate-1/cmd/reply/guard-1");
    ask(&office, "gate-2/cmd/plates/add", "office-1", entry);
    office.wait("amslpr/gate-2/cmd/reply/office-1");
    // And nothing else.
    ask(&office, "gate-1/cmd/gate/open", "office-2", open);
    ask(&guard, "gate-2/cmd/gate/open", "guard-2", open);
    ask(&guard, "gate-1/cmd/plates/add", "guard-3", entry);
    // A subscriber says nothing: no command, and no event in a node's name.
    ask(&dashboard, "gate-1/cmd/gate/open", "dash-1", open);
    dashboard.say("amslpr/gate-1/camera/gate-in/decision", "forged", Sending::default());
    // Nor does one node speak for another.
    let forger = client("gate-2", &["amslpr/gate-2/cmd/#"]);
    forger.say("amslpr/gate-1/availability", "forged", Sending { retain: true, ..Sending::default() });
    // What is allowed afterwards arrives, so what was not would have.
    ask(&guard, "gate-1/cmd/status", "guard-4", "");
    guard.wait("amslpr/gate-1/cmd/reply/guard-4");
    SystemClock::start().sleep(Duration::from_millis(500));
    let mut seen = done.lock().unwrap().clone();
    seen.sort();
    assert_eq!(
        seen,
        ["gate-1 gate/open guard-1", "gate-1 status guard-4", "gate-2 plates/add office-1"],
        "done is what was allowed"
    );
    for who in [&dashboard, &home, &office, &guard] {
        assert!(who.arrived().iter().all(|one| one.text != "forged"));
    }
    assert!(
        dashboard.arrived().iter().all(|one| !one.topic.contains("/cmd/")),
        "a subscriber reads no commands"
    );
    for node in [&one, &two] {
        let snapshot = node.publisher.stats().snapshot();
        assert_eq!((snapshot.denied, snapshot.refused), (None, 0), "a node may say all that it has to say");
    }
}
