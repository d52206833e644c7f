//! Orders for gates that somebody else opens, against a real broker: at once or never, once, and not retained.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod broker;
mod schema;

use std::{
    sync::mpsc::{Receiver, sync_channel},
    time::Duration,
};

use amslpr::clock::Clock as _;
use amslpr::{
    backoff,
    clock::{Moment, SystemClock},
    fact::{GateId, gate::Cause, sample},
    publish::{Call, Settings, State},
};
use broker::{Mosquitto, Subscriber, node::Node, wait_for};
use uuid::Uuid;

const SOON: Duration = Duration::from_secs(30);

fn settings(port: u16) -> Settings {
    let mut settings = Settings::new("127.0.0.1", "pi-1").unwrap();
    settings.broker.port = port;
    let (first, longest) = (Duration::from_millis(20), Duration::from_millis(100));
    settings.retry = backoff::Settings { first, longest, jitter: 0.5 };
    settings
}

/// An order for the gate "yard", and where its outcome comes out.
fn call(n: u128, deadline: Moment) -> (Call, Receiver<Result<(), String>>) {
    let (done, outcome) = sync_channel(1);
    let passage = sample::closed(2).passage;
    let call = Call {
        gate: GateId::new("yard"),
        order: Uuid::from_u128(n),
        cause: Cause::Passage { passage: passage.id, camera: passage.camera },
        pulse: Duration::from_millis(500),
        deadline,
        valid_until: SystemClock::start().wall() + Duration::from_secs(10),
        topic: None,
        payload: None,
        done,
    };
    (call, outcome)
}

/// Later than anything the node's clock will say in this test.
const LATER: Moment = Moment::from_micros(3_600_000_000);

#[test]
fn an_order_reaches_the_broker_once_and_never_when_it_is_late() {
    let Some(mut mosquitto) = Mosquitto::new("allow_anonymous true") else { return };
    mosquitto.start();
    let subscriber = Subscriber::start(mosquitto.port, "listener");
    let node = Node::start(settings(mosquitto.port), None);
    let stats = node.publisher.stats();
    let is = |state: State| stats.snapshot().state == state;
    wait_for("a connection", || is(State::Online));
    let ask = |call: Call| node.calls.try_send(call).unwrap();

    let (order, outcome) = call(1, LATER);
    ask(order);
    assert_eq!(outcome.recv_timeout(SOON).unwrap(), Ok(()), "acknowledged by the broker");
    let orders = || -> Vec<_> {
        let arrived = subscriber.arrived();
        arrived.into_iter().filter(|one| one.topic == "amslpr/pi-1/gate/yard/command").collect()
    };
    wait_for("the order", || orders().len() == 1);
    let message = orders()[0].json();
    schema::check(&[(schema::shipped("gate-command.v1.json"), message.clone())]);
    assert_eq!(
        (&message["action"], &message["id"]),
        (&"open".into(), &Uuid::from_u128(1).to_string().into())
    );
    assert!(!orders()[0].retained && orders()[0].expires.is_some());

    let (late, outcome) = call(2, Moment::ZERO);
    ask(late);
    assert!(outcome.recv_timeout(SOON).unwrap().unwrap_err().contains("too late"));

    let (mut own, outcome) = call(3, LATER);
    (own.topic, own.payload) = (Some("amslpr/relay/set".to_owned()), Some("ON".to_owned()));
    ask(own);
    assert_eq!(outcome.recv_timeout(SOON).unwrap(), Ok(()));
    wait_for("the relay's own words", || {
        subscriber.arrived().iter().any(|one| one.topic == "amslpr/relay/set" && one.text == "ON")
    });

    // Without a broker it fails at once, and does not come later.
    mosquitto.kill();
    wait_for("the loss", || is(State::Offline));
    let (lost, outcome) = call(4, LATER);
    ask(lost);
    let why = outcome.recv_timeout(SOON).unwrap().unwrap_err();
    assert!(why.contains("not connected") || why.contains("broke"), "{why}");
    mosquitto.start();
    let again = Subscriber::start(mosquitto.port, "listener-2");
    wait_for("a connection", || is(State::Online));
    let (next, outcome) = call(5, LATER);
    ask(next);
    assert_eq!(outcome.recv_timeout(SOON).unwrap(), Ok(()));
    let ids = || -> Vec<String> {
        let arrived = again.arrived();
        let orders = arrived.iter().filter(|one| one.topic.ends_with("gate/yard/command"));
        orders.map(|one| one.json()["id"].as_str().unwrap().to_owned()).collect()
    };
    wait_for("the next order", || !ids().is_empty());
    assert_eq!(ids(), [Uuid::from_u128(5).to_string()]);
}
