//! Commands over a real broker: done once, answered where the sender wants it, refused when hostile, late or too many.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod broker;
mod schema;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use amslpr::{
    backoff,
    clock::{Clock, SystemClock},
    publish::{
        Settings, State,
        command::{self, Outcome, Request},
    },
};
use broker::{Mosquitto, Sending, Subscriber, node::Node, wait_for};
use serde_json::{Value, json};

const BASE: &str = "amslpr/pi-1";

/// A node that takes commands. What it does is written down; a gate named `slow` is never done with.
struct Taker {
    node: Node,
    done: Arc<Mutex<Vec<String>>>,
}

fn taker(port: u16) -> Taker {
    let (orders, received) = command::channel();
    let done = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&done);
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        while let Ok(order) = received.recv() {
            let id = order.command.id.clone();
            match &order.command.request {
                Request::OpenGate { gate, .. } if gate == "slow" => {
                    kept.push(order.slot);
                    continue;
                }
                Request::OpenGate { gate, .. } if gate == "lost" => {
                    drop(order.slot);
                    continue;
                }
                _ => {}
            }
            list.lock().unwrap().push(id.clone());
            let result = json!({"did": order.command.request.verb()});
            order.slot.answer(Outcome::Done(result));
        }
    });
    let mut settings = Settings::new("127.0.0.1", "pi-1").unwrap();
    settings.broker.port = port;
    settings.retry = backoff::Settings {
        first: Duration::from_millis(20),
        longest: Duration::from_millis(100),
        jitter: 0.5,
    };
    Taker { node: Node::start(settings, Some(orders)), done }
}

impl Taker {
    fn wait_until_it_listens(&self, commander: &Subscriber) {
        let stats = self.node.publisher.stats();
        wait_for("online", || stats.snapshot().state == State::Online);
        // The subscription is on its way when the node is online; it is there when a command is answered.
        let topic = format!("{BASE}/cmd/reply/hello");
        wait_for("an answer", || {
            commander.say(
                &format!("{BASE}/cmd/status"),
                command_in(10, "hello", &json!({})),
                Sending::default(),
            );
            SystemClock::start().sleep(Duration::from_millis(50));
            commander.last(&topic).is_some()
        });
    }

    fn refused(&self, why: &str) -> u64 {
        self.node.publisher.stats().snapshot().refused_commands.get(why).copied().unwrap_or(0)
    }
}

/// A command that lives for so many seconds.
fn command_in(seconds: i64, id: &str, more: &Value) -> String {
    let until = SystemClock::start().wall().checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap();
    let mut command = json!({"id": id, "expires_at": until.to_string()});
    for (key, value) in more.as_object().unwrap() {
        command[key] = value.clone();
    }
    command.to_string()
}

fn answer(commander: &Subscriber, id: &str) -> Value {
    let answer = commander.wait(&format!("{BASE}/cmd/reply/{id}"));
    assert_eq!(answer.content_type.as_deref(), Some("application/json"));
    assert!(!answer.retained && answer.expires.is_some_and(|seconds| seconds <= 60), "{answer:?}");
    answer.json()
}

#[test]
fn a_command_is_done_once_and_answered_where_its_sender_wants_it() {
    let Some(mut mosquitto) = Mosquitto::new("allow_anonymous true") else { return };
    mosquitto.start();
    let commander =
        Subscriber::listening(mosquitto.port, "boss", None, &["amslpr/pi-1/cmd/reply/+", "boss/#"]);
    let taker = taker(mosquitto.port);
    taker.wait_until_it_listens(&commander);

    let open = command_in(10, "open-1", &json!({"gate": "main"}));
    commander.say(&format!("{BASE}/cmd/gate/open"), open.clone(), Sending::default());
    let said = answer(&commander, "open-1");
    assert_eq!((said["ok"].clone(), said["code"].clone()), (true.into(), "done".into()), "{said}");
    assert_eq!((said["verb"].clone(), said["node"].clone()), ("gate/open".into(), "pi-1".into()));
    assert_eq!(said["result"]["did"], "gate/open");

    // Again, as a broker that repeats it or a commander that is not sure: told, and not done.
    let sending = Sending {
        response_topic: Some("boss/answers".to_owned()),
        correlation: Some(b"\x00\xff7".to_vec()),
        ..Sending::default()
    };
    commander.say(&format!("{BASE}/cmd/gate/open"), open, sending);
    let again = commander.wait("boss/answers");
    assert_eq!(again.correlation.as_deref(), Some(b"\x00\xff7".as_slice()));
    assert_eq!((again.json()["code"].clone(), again.json()["ok"].clone()), ("repeated".into(), false.into()));
    assert_eq!(taker.done.lock().unwrap().iter().filter(|id| *id == "open-1").count(), 1);

    // Not where the answer would pass for something that the node says by itself.
    let forged = Sending { response_topic: Some(format!("{BASE}/gate/main/state")), ..Sending::default() };
    let plate = json!({"list": "guests", "plate": "B 123 ABC"});
    commander.say(&format!("{BASE}/cmd/plates/add"), command_in(60, "add-1", &plate), forged);
    assert_eq!(answer(&commander, "add-1")["code"], "done");

    // Whoever loses the order, or is late, says so.
    commander.say(
        &format!("{BASE}/cmd/gate/open"),
        command_in(9, "lost-1", &json!({"gate": "lost"})),
        Sending::default(),
    );
    assert_eq!(answer(&commander, "lost-1")["code"], "failed");
    commander.say(
        &format!("{BASE}/cmd/gate/open"),
        command_in(2, "slow-1", &json!({"gate": "slow"})),
        Sending::default(),
    );
    assert_eq!(answer(&commander, "slow-1")["code"], "late");
    let replies: Vec<_> =
        commander.arrived().iter().map(|one| (schema::shipped("reply.v1.json"), one.json())).collect();
    assert!(replies.len() >= 6);
    schema::check(&replies);
}

#[test]
fn what_is_hostile_late_or_retained_is_refused_told_and_counted() {
    let Some(mut mosquitto) = Mosquitto::new("allow_anonymous true") else { return };
    mosquitto.start();
    let commander =
        Subscriber::listening(mosquitto.port, "boss", None, &["amslpr/pi-1/cmd/reply/+", "boss/#"]);
    // Kept at the broker before the node comes: the classic way to a gate that opens at every restart.
    let kept = Sending { retain: true, ..Sending::default() };
    commander.say(
        &format!("{BASE}/cmd/gate/open"),
        command_in(20, "kept-1", &json!({"gate": "main"})),
        kept.clone(),
    );
    let taker = taker(mosquitto.port);
    assert_eq!(answer(&commander, "kept-1")["code"], "retained");
    taker.wait_until_it_listens(&commander);
    // And kept while the node listens.
    commander.say(&format!("{BASE}/cmd/gate/open"), command_in(20, "kept-2", &json!({"gate": "main"})), kept);
    assert_eq!(answer(&commander, "kept-2")["code"], "retained");

    let mut expected: HashMap<&str, u64> = HashMap::from([("retained", 2)]);
    let mut check = |n: u32, verb: &str, payload: &[u8], code: &'static str| {
        let topic = format!("boss/{n}");
        let sending = Sending { response_topic: Some(topic.clone()), ..Sending::default() };
        commander.say(&format!("{BASE}/cmd/{verb}"), payload, sending);
        let said = commander.wait(&topic).json();
        assert_eq!((said["code"].as_str(), said["ok"].clone()), (Some(code), false.into()), "{said}");
        *expected.entry(code).or_default() += 1;
        wait_for(code, || taker.refused(code) == expected[code]);
    };
    let fine = |id: &str| command_in(20, id, &json!({}));
    check(1, "status", b"\xff\xfe{}", "not-utf8");
    check(2, "status", "[".repeat(4000).as_bytes(), "too-deep");
    check(3, "status", "{\"a\":".repeat(1000).as_bytes(), "too-deep");
    check(4, "status", b"", "not-json");
    check(5, "status", b"null", "wrong-schema");
    check(6, "gate/open", fine("no-gate").as_bytes(), "wrong-schema");
    check(7, "gate/open", fine("x").replace("\"x\"", "\"../x\"").as_bytes(), "wrong-schema");
    check(8, "gate/close", fine("close").as_bytes(), "unknown-verb");
    check(9, "$x/odd verb%", fine("odd").as_bytes(), "unknown-verb");
    check(10, "status", command_in(-1, "old", &json!({})).as_bytes(), "expired");
    check(11, "status", command_in(86_400, "far", &json!({})).as_bytes(), "too-far-ahead");
    check(12, "gate/open", command_in(60, "far-2", &json!({"gate": "main"})).as_bytes(), "too-far-ahead");
    check(13, "status", " ".repeat(20_000).as_bytes(), "too-large");
    // So large that the broker does not even pass it on: the node stays connected and never sees it.
    let connections = taker.node.publisher.stats().snapshot().connections;
    commander.say(&format!("{BASE}/cmd/status"), vec![b' '; 300_000], Sending::default());
    commander.say(&format!("{BASE}/cmd/status"), command_in(20, "after", &json!({})), Sending::default());
    assert_eq!(answer(&commander, "after")["code"], "done");
    assert_eq!(taker.node.publisher.stats().snapshot().connections, connections);
    let done = taker.done.lock().unwrap().clone();
    assert!(done.iter().all(|id| id == "hello" || id == "after"), "{done:?}");
}

#[test]
fn commands_are_heard_again_when_the_broker_comes_back() {
    let Some(mut mosquitto) = Mosquitto::new("allow_anonymous true") else { return };
    mosquitto.start();
    let commander = Subscriber::listening(mosquitto.port, "boss", None, &["amslpr/pi-1/cmd/reply/+"]);
    let taker = taker(mosquitto.port);
    taker.wait_until_it_listens(&commander);
    let stats = taker.node.publisher.stats();
    for round in 0..3 {
        mosquitto.kill();
        wait_for("offline", || stats.snapshot().state == State::Offline);
        mosquitto.start();
        wait_for("online", || stats.snapshot().state == State::Online);
        // Each under a name of its own, until one is heard: the subscription follows the connection by a moment.
        wait_for("an answer", || {
            let id = format!("r{round}-{}", commander.count());
            commander.say(&format!("{BASE}/cmd/status"), command_in(10, &id, &json!({})), Sending::default());
            SystemClock::start().sleep(Duration::from_millis(300));
            commander.arrived().iter().any(|one| one.topic.contains(&format!("/r{round}-")))
        });
    }
    assert!(stats.snapshot().connections >= 4);
}

#[test]
fn a_flood_is_braked_and_the_node_goes_on() {
    let Some(mut mosquitto) = Mosquitto::new("allow_anonymous true\npersistence false") else { return };
    mosquitto.start();
    let commander = Subscriber::listening(mosquitto.port, "boss", None, &["amslpr/pi-1/cmd/reply/+"]);
    let taker = taker(mosquitto.port);
    taker.wait_until_it_listens(&commander);
    let before = memory();
    for n in 0..8000 {
        let payload = match n % 4 {
            0 => command_in(20, &format!("n{n}"), &json!({})).into_bytes(),
            1 => vec![b'['; 8000],
            2 => vec![0xff; 30_000],
            _ => command_in(20, &format!("g{n}"), &json!({"gate": "slow"})).into_bytes(),
        };
        let verb = if n % 4 == 3 { "gate/open" } else { "status" };
        commander.say(&format!("{BASE}/cmd/{verb}"), payload, Sending::default());
        if n % 500 == 0 {
            // The sender's own queue is bounded too.
            SystemClock::start().sleep(Duration::from_millis(100));
        }
    }
    let stats = taker.node.publisher.stats();
    let all = || stats.snapshot().commands + stats.snapshot().refused_commands.values().sum::<u64>();
    wait_for("the end of the flood", || all() >= 8000);
    let snapshot = stats.snapshot();
    println!("accepted {}, refused {:?}", snapshot.commands, snapshot.refused_commands);
    assert!(snapshot.commands < 200, "{}", snapshot.commands);
    assert_eq!(snapshot.connections, 1, "{snapshot:?}");
    let told = commander.count();
    assert!(told < 500, "{told} answers");
    let grown = memory().saturating_sub(before);
    println!("memory grew by {grown} KiB, the test's own queues included");
    assert!(grown < 64 * 1024, "{grown} KiB");
    // A while later it listens as before.
    let topic = format!("{BASE}/cmd/reply/later");
    let clock = SystemClock::start();
    wait_for("an answer after the flood", || {
        commander.say(&format!("{BASE}/cmd/status"), command_in(20, "later", &json!({})), Sending::default());
        clock.sleep(Duration::from_millis(500));
        commander
            .last(&topic)
            .is_some_and(|one| one.json()["code"] == "done" || one.json()["code"] == "repeated")
    });
}

/// Resident memory of this process in KiB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn commands_and_their_schema_agree() {
    let Some(mut mosquitto) = Mosquitto::new("allow_anonymous true") else { return };
    mosquitto.start();
    let commander = Subscriber::listening(mosquitto.port, "boss", None, &["amslpr/pi-1/cmd/reply/+"]);
    let taker = taker(mosquitto.port);
    taker.wait_until_it_listens(&commander);
    let guest = |more: Value| {
        let mut entry = json!({"list": "guests", "plate": "B 123 ABC"});
        for (key, value) in more.as_object().unwrap() {
            entry[key] = value.clone();
        }
        entry
    };
    let cases = [
        ("plates/add", guest(json!({})), true),
        (
            "plates/add",
            guest(
                json!({"note": "Anna", "uses": 1, "lasts_s": 60, "schedule": "office", "until": "2099-01-01T00:00:00Z"}),
            ),
            true,
        ),
        ("plates/add", guest(json!({"note": null, "from": null})), true),
        ("plates/add", guest(json!({"uses": 0})), false),
        ("plates/add", guest(json!({"plate": ""})), false),
        ("plates/add", guest(json!({"list": "a/b"})), false),
        ("plates/add", guest(json!({"colour": "red"})), false),
        ("plates/remove", guest(json!({})), true),
        ("plates/remove", json!({"list": "guests"}), false),
        ("gate/open", json!({"gate": "main", "reason": "post"}), true),
        ("gate/open", json!({"gate": "main", "reason": "a\nb"}), false),
        ("gate/open", json!({"gate": 7}), false),
        ("camera/trigger", json!({"camera": "in"}), true),
        ("status", json!({"x": 1}), false),
    ];
    let mut judged = Vec::new();
    for (n, (verb, more, fine)) in cases.iter().enumerate() {
        let payload = command_in(20, &format!("case-{n}"), more);
        commander.say(&format!("{BASE}/cmd/{verb}"), payload.clone(), Sending::default());
        let code = answer(&commander, &format!("case-{n}"))["code"].clone();
        assert_eq!(code, if *fine { "done" } else { "wrong-schema" }, "{verb} {more}");
        let part = format!("command.v1.json#/$defs/{}", verb.replace('/', "-"));
        judged.push((schema::shipped(&part), schema::value(&payload)));
    }
    for (fault, (verb, more, fine)) in schema::faults(&judged).into_iter().flatten().zip(&cases) {
        assert_eq!(fault.is_empty(), *fine, "{verb} {more}: {fault}");
    }
}
