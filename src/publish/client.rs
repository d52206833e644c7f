//! One connection to the broker: rumqttc driven by a task of its own, what happens on it told in order.
//!
//! Each connection starts clean. What the broker has not acknowledged goes out again on the next one, from the
//! outbox and not from the client's memory, so there is one place that remembers.

use std::time::Duration;

use rumqttc::{
    Outgoing,
    v5::{
        AsyncClient, ConnectionError, Event, Incoming, MqttOptions, StateError,
        mqttbytes::{
            QoS,
            v5::{LastWill, PubAckReason, PublishProperties},
        },
    },
};
use tokio::{sync::mpsc, task::JoinHandle};

use super::{Broker, topics::Topics};

/// What happened on a connection.
#[derive(Debug)]
pub(super) enum Happening {
    Connected,
    /// A message of ours went out under this number; they go out in the order in which they were handed over.
    Sent(u16),
    /// The broker has it.
    Acknowledged(u16),
    /// The broker does not want it.
    Refused(u16, String),
    /// The connection is over.
    Lost(String),
}

/// A message for the broker.
#[derive(Debug)]
pub(super) struct Outgo {
    pub topic: String,
    pub payload: Vec<u8>,
    pub acknowledged: bool,
    pub retain: bool,
    pub expires_in: Option<Duration>,
}

#[derive(Debug)]
pub(super) struct Connection {
    client: AsyncClient,
    pub happenings: mpsc::Receiver<Happening>,
    task: JoinHandle<()>,
}

/// The client holds this many messages beyond those in flight; the drain never asks for more.
const ROOM: usize = 64;

impl Connection {
    /// Begins to connect; what comes of it is the first happening.
    pub(super) fn begin(broker: &Broker, topics: &Topics, window: usize) -> Self {
        let mut options = MqttOptions::new(&broker.client_id, &broker.host, broker.port);
        options.set_keep_alive(broker.keep_alive.max(Duration::from_secs(1)));
        options.set_clean_start(true);
        options.set_connection_timeout(broker.connect_limit.as_secs().max(1));
        if let Some(login) = &broker.login {
            options.set_credentials(&login.user, login.password.expose());
        }
        let window = u16::try_from(window).unwrap_or(u16::MAX);
        options.set_outgoing_inflight_upper_limit(window.saturating_add(8));
        options.set_last_will(LastWill::new(topics.availability(), "offline", QoS::AtLeastOnce, true, None));
        let mut network = options.network_options();
        network.set_tcp_nodelay(true);
        network.set_connection_timeout(broker.connect_limit.as_secs().max(1));
        options.set_network_options(network);

        let (client, mut events) = AsyncClient::new(options, usize::from(window) + ROOM);
        let (tell, happenings) = mpsc::channel(256);
        let task = tokio::spawn(async move {
            loop {
                let happening = match events.poll().await {
                    Ok(event) => match translate(event) {
                        Some(happening) => happening,
                        None => continue,
                    },
                    Err(error) => Happening::Lost(reason(&error)),
                };
                let over = matches!(happening, Happening::Lost(_));
                if tell.send(happening).await.is_err() || over {
                    break;
                }
            }
        });
        Self { client, happenings, task }
    }

    /// Hands a message to the client; false if it has no room, which the window rules out.
    pub(super) fn send(&self, message: Outgo) -> bool {
        let qos = if message.acknowledged { QoS::AtLeastOnce } else { QoS::AtMostOnce };
        let seconds =
            |time: Duration| u32::try_from(time.as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1);
        let properties = PublishProperties {
            payload_format_indicator: Some(1),
            message_expiry_interval: message.expires_in.map(seconds),
            ..PublishProperties::default()
        };
        let Outgo { topic, payload, retain, .. } = message;
        self.client.try_publish_with_properties(topic, qos, retain, payload, properties).is_ok()
    }

    /// Says good-bye, so that the broker does not send the last will.
    pub(super) async fn end(mut self, limit: Duration) {
        if self.client.try_disconnect().is_ok() {
            let goodbye = async {
                while let Some(happening) = self.happenings.recv().await {
                    if matches!(happening, Happening::Lost(_)) {
                        break;
                    }
                }
            };
            // Past the limit the connection is cut; the retained `offline` is acknowledged already.
            let _ = tokio::time::timeout(limit, goodbye).await;
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn translate(event: Event) -> Option<Happening> {
    match event {
        Event::Incoming(Incoming::ConnAck(_)) => Some(Happening::Connected),
        Event::Outgoing(Outgoing::Publish(number)) if number > 0 => Some(Happening::Sent(number)),
        Event::Incoming(Incoming::PubAck(ack)) => Some(match ack.reason {
            PubAckReason::Success | PubAckReason::NoMatchingSubscribers => Happening::Acknowledged(ack.pkid),
            refusal => Happening::Refused(ack.pkid, format!("{refusal:?}")),
        }),
        _ => None,
    }
}

/// In words for people, without the client library's nesting.
fn reason(error: &ConnectionError) -> String {
    match error {
        ConnectionError::Io(error) => error.to_string(),
        ConnectionError::Timeout(_) => "no answer within the time limit".to_owned(),
        ConnectionError::ConnectionRefused(code) => format!("refused: {code:?}"),
        ConnectionError::MqttState(StateError::ConnFail { reason }) => format!("refused: {reason:?}"),
        ConnectionError::MqttState(StateError::Io(error)) => error.to_string(),
        ConnectionError::MqttState(StateError::AwaitPingResp) => "the broker no longer answers".to_owned(),
        ConnectionError::MqttState(other) => other.to_string(),
        other => other.to_string(),
    }
}
