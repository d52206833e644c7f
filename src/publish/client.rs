//! One connection to the broker: rumqttc driven by a task of its own, what happens on it told in order.
//!
//! Each connection starts clean. What the broker has not acknowledged goes out again on the next one, from the
//! outbox and not from the client's memory, so there is one place that remembers.

use std::time::Duration;

use rumqttc::{
    Outgoing, TlsConfiguration, Transport,
    v5::{
        AsyncClient, Event, Incoming, MqttOptions,
        mqttbytes::{
            QoS,
            v5::{ConnAck, Filter, LastWill, PubAckReason, Publish, PublishProperties, SubscribeReasonCode},
        },
    },
};
use tokio::{sync::mpsc, task::JoinHandle};

use super::{Broker, reason, topics::Topics};

/// What happened on a connection.
#[derive(Debug)]
pub(super) enum Happening {
    Connected(Limits),
    /// A message of ours went out under this number; they go out in the order in which they were handed over.
    Sent(u16),
    /// A message of ours that nobody acknowledges went out.
    SentUnacknowledged,
    /// The broker has it.
    Acknowledged(u16),
    /// The broker does not want it.
    Refused(u16, String),
    /// The broker does not let us listen.
    Unheard(String),
    /// Somebody else's message, on a topic that we listen to.
    Arrived(Arrival),
    /// The connection is over.
    Lost(String),
}

/// What the broker said of itself when it accepted us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Bytes of the largest packet that it takes.
    pub packet: usize,
    /// It keeps retained messages.
    pub retains: bool,
    /// It acknowledges (QoS 1).
    pub acknowledges: bool,
}

/// A message that came in, as far as anybody here may look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Arrival {
    pub topic: String,
    pub payload: Payload,
    pub retained: bool,
    /// Where the sender wants an answer.
    pub response_topic: Option<String>,
    /// What the answer shall carry.
    pub correlation: Option<Vec<u8>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Payload {
    Whole(Vec<u8>),
    /// Longer than anything meant for us; of so many bytes.
    TooLarge(usize),
}

/// A message for the broker.
#[derive(Debug, Default)]
pub(super) struct Outgo {
    pub topic: String,
    pub payload: Vec<u8>,
    pub acknowledged: bool,
    pub retain: bool,
    pub expires_in: Option<Duration>,
    /// `application/json`, for example; none: a bare word.
    pub content_type: Option<&'static str>,
    pub correlation: Option<Vec<u8>>,
}

/// The form of everything but pictures and bare words.
pub(super) const JSON: &str = "application/json";
pub(super) const JPEG: &str = "image/jpeg";

/// A longer payload is not even copied.
pub(super) const LONGEST_PAYLOAD: usize = 8 * 1024;
/// The broker keeps larger packets from us; without this one of them would end the connection.
const LARGEST_PACKET: u32 = 64 * 1024;
/// Longer correlation data is not given back.
const LONGEST_CORRELATION: usize = 256;
/// The client holds this many messages beyond those in flight; nobody asks for more.
const ROOM: usize = 192;

#[derive(Debug)]
pub(super) struct Connection {
    client: AsyncClient,
    pub happenings: mpsc::Receiver<Happening>,
    task: JoinHandle<()>,
}

impl Connection {
    /// Begins to connect; what comes of it is the first happening.
    pub(super) fn begin(broker: &Broker, topics: &Topics, window: usize) -> Self {
        let bare = broker.host.parse::<std::net::Ipv6Addr>().is_ok();
        let host = if bare { format!("[{}]", broker.host) } else { broker.host.clone() };
        let mut options = MqttOptions::new(&broker.client_id, host, broker.port);
        // The client library accepts no less.
        options.set_keep_alive(broker.keep_alive.max(Duration::from_secs(5)));
        options.set_clean_start(true);
        options.set_connection_timeout(broker.connect_limit.as_secs().max(1));
        if let Some(login) = &broker.login {
            options.set_credentials(&login.user, login.password.expose());
        }
        let window = u16::try_from(window).unwrap_or(u16::MAX);
        options.set_outgoing_inflight_upper_limit(window.saturating_add(8));
        let will = LastWill::new(topics.availability(), "offline", QoS::AtLeastOnce, true, None);
        options.set_last_will(will);
        options.set_max_packet_size(Some(LARGEST_PACKET));
        let mut network = options.network_options();
        network.set_tcp_nodelay(true);
        network.set_connection_timeout(broker.connect_limit.as_secs().max(1));
        options.set_network_options(network);
        let tls = broker.tls.as_ref().map(super::tls::Tls::settings).transpose();
        if let Ok(Some(settings)) = &tls {
            options.set_transport(Transport::Tls(TlsConfiguration::Rustls(settings.clone())));
        }

        let (client, mut events) = AsyncClient::new(options, usize::from(window) + ROOM);
        let (tell, happenings) = mpsc::channel(256);
        let broker = broker.clone();
        let task = tokio::spawn(async move {
            if let Err(error) = tls {
                // The configuration checks it; only a program that does not can come here.
                let _ = tell.send(Happening::Lost(error.to_string())).await;
                return;
            }
            let mut accepted = false;
            loop {
                let (event, lost) = match events.poll().await {
                    Ok(event) => (Some(event), None),
                    Err(error) => (None, Some(Happening::Lost(reason::words(&error, &broker, accepted)))),
                };
                accepted |= matches!(event, Some(Event::Incoming(Incoming::ConnAck(_))));
                // What came in just before the end is not told by the library: a refusal, perhaps the reason for it.
                let before =
                    lost.is_some().then(|| std::mem::take(&mut events.state.events)).into_iter().flatten();
                let over = lost.is_some();
                for happening in event.into_iter().chain(before).filter_map(translate).chain(lost) {
                    if tell.send(happening).await.is_err() {
                        return;
                    }
                }
                if over {
                    return;
                }
            }
        });
        Self { client, happenings, task }
    }

    /// Begins to listen to these topics. `as_sent` keeps the mark of messages that were sent to be retained; without
    /// it only those carry it that the broker had kept.
    pub(super) fn listen(&self, topics: &str, as_sent: bool) -> bool {
        let filter =
            Filter { nolocal: true, preserve_retain: as_sent, ..Filter::new(topics, QoS::AtLeastOnce) };
        self.client.try_subscribe_many([filter]).is_ok()
    }

    /// Hands a message to the client; false if it has no room.
    pub(super) fn send(&self, message: Outgo) -> bool {
        let qos = if message.acknowledged { QoS::AtLeastOnce } else { QoS::AtMostOnce };
        let seconds =
            |time: Duration| u32::try_from(time.as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1);
        let properties = PublishProperties {
            payload_format_indicator: Some(u8::from(message.content_type != Some(JPEG))),
            message_expiry_interval: message.expires_in.map(seconds),
            content_type: message.content_type.map(str::to_owned),
            correlation_data: message.correlation.map(Into::into),
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
        Event::Incoming(Incoming::ConnAck(accepted)) => Some(Happening::Connected(limits(&accepted))),
        Event::Outgoing(Outgoing::Publish(0)) => Some(Happening::SentUnacknowledged),
        Event::Outgoing(Outgoing::Publish(number)) => Some(Happening::Sent(number)),
        Event::Incoming(Incoming::PubAck(ack)) => Some(match ack.reason {
            PubAckReason::Success | PubAckReason::NoMatchingSubscribers => Happening::Acknowledged(ack.pkid),
            refusal => Happening::Refused(ack.pkid, format!("{refusal:?}")),
        }),
        Event::Incoming(Incoming::SubAck(ack)) => ack
            .return_codes
            .iter()
            .find(|code| !matches!(code, SubscribeReasonCode::Success(_)))
            .map(|code| Happening::Unheard(format!("{code:?}"))),
        Event::Incoming(Incoming::Publish(message)) => Some(Happening::Arrived(arrival(message))),
        _ => None,
    }
}

fn limits(accepted: &ConnAck) -> Limits {
    let said = accepted.properties.as_ref();
    Limits {
        packet: said.and_then(|said| said.max_packet_size).map_or(usize::MAX, |size| size as usize),
        retains: said.and_then(|said| said.retain_available) != Some(0),
        acknowledges: said.and_then(|said| said.max_qos) != Some(0),
    }
}

fn arrival(message: Publish) -> Arrival {
    let payload = match message.payload.len() {
        long if long > LONGEST_PAYLOAD => Payload::TooLarge(long),
        _ => Payload::Whole(message.payload.to_vec()),
    };
    let (response_topic, correlation) =
        message.properties.map_or((None, None), |more| (more.response_topic, more.correlation_data));
    Arrival {
        // A broker passes nothing else on; if it did, it would be no topic of ours.
        topic: String::from_utf8_lossy(&message.topic).into_owned(),
        payload,
        retained: message.retain,
        response_topic,
        correlation: correlation.filter(|data| data.len() <= LONGEST_CORRELATION).map(|data| data.to_vec()),
    }
}
