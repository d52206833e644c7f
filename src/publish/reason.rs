//! Why there is no connection, in words for people: what happened, at which broker, what to do.

use std::io;

use rumqttc::v5::{
    ConnectionError, StateError,
    mqttbytes::{
        self,
        v5::{ConnectReturnCode, DisconnectReasonCode},
    },
};

use super::{Broker, tls};

/// Without the client library's nesting. `accepted`: the broker had let us in before.
pub(super) fn words(error: &ConnectionError, broker: &Broker, accepted: bool) -> String {
    let is_over = |kind: io::ErrorKind| {
        use io::ErrorKind as Kind;
        matches!(
            kind,
            Kind::ConnectionReset | Kind::ConnectionAborted | Kind::UnexpectedEof | Kind::BrokenPipe
        )
    };
    match error {
        ConnectionError::MqttState(StateError::ConnectionAborted) => ended(broker, accepted),
        ConnectionError::Io(error)
        | ConnectionError::MqttState(
            StateError::Io(error) | StateError::Deserialization(mqttbytes::Error::Io(error)),
        )
        | ConnectionError::Tls(rumqttc::TlsError::Io(error))
            if is_over(error.kind()) =>
        {
            ended(broker, accepted)
        }
        ConnectionError::Io(error) => io_words(error, broker),
        ConnectionError::Timeout(_) => "no answer within the time limit".to_owned(),
        ConnectionError::ConnectionRefused(code) => refusal(*code, broker),
        ConnectionError::Tls(rumqttc::TlsError::Io(error)) => io_words(error, broker),
        ConnectionError::Tls(rumqttc::TlsError::TLS(error)) => tls_words(error, broker),
        ConnectionError::Tls(rumqttc::TlsError::DNSName(_)) => {
            format!("{:?} is no name that a certificate could hold", broker.host)
        }
        ConnectionError::MqttState(error) => state(error, broker),
        ConnectionError::NotConnAck(_) => "what answers there does not speak MQTT as it should".to_owned(),
        other => other.to_string(),
    }
}

fn state(error: &StateError, broker: &Broker) -> String {
    match error {
        StateError::ConnFail { reason } => refusal(*reason, broker),
        StateError::Io(error) | StateError::Deserialization(mqttbytes::Error::Io(error)) => {
            io_words(error, broker)
        }
        StateError::Deserialization(error) => {
            format!("what answers there does not speak MQTT 5 as it should ({error})")
        }
        StateError::AwaitPingResp => "the broker no longer answers".to_owned(),
        StateError::ServerDisconnect { reason_code: DisconnectReasonCode::SessionTakenOver, .. } => format!(
            "another client came under our name {:?} and the broker dropped us; every node needs an [mqtt] \
             client-id of its own",
            broker.client_id
        ),
        StateError::ServerDisconnect { reason_code, reason_string } => {
            let more = reason_string.as_ref().map(|words| format!(": {words}")).unwrap_or_default();
            format!("the broker dropped us ({reason_code:?}{more})")
        }
        other => other.to_string(),
    }
}

fn refusal(code: ConnectReturnCode, broker: &Broker) -> String {
    use ConnectReturnCode as Code;
    match code {
        Code::BadUserNamePassword | Code::NotAuthorized => match &broker.login {
            Some(login) => format!(
                "refused: the broker does not let user {:?} in ({code:?}); are name and password right?",
                login.user
            ),
            None => format!(
                "refused: the broker wants to know who we are ({code:?}); [mqtt] needs username and password, \
                 or certificate and key"
            ),
        },
        Code::ClientIdentifierNotValid | Code::BadClientId => {
            format!("refused: the broker does not accept the client-id {:?}", broker.client_id)
        }
        Code::UnsupportedProtocolVersion | Code::RefusedProtocolVersion => {
            "refused: the broker does not speak MQTT 5".to_owned()
        }
        other => format!("refused: {other:?}"),
    }
}

fn io_words(error: &io::Error, broker: &Broker) -> String {
    if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return tls_words(error, broker);
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "nobody listens there".to_owned(),
        _ => error.to_string(),
    }
}

/// The broker may have said why: the client library does not understand it where it says nothing more.
fn ended(broker: &Broker, accepted: bool) -> String {
    let ask = match &broker.tls {
        _ if accepted => format!("does another client use our name {:?}?", broker.client_id),
        None => "is that port one for TLS ([mqtt] tls = true)?".to_owned(),
        Some(tls) if tls.client.is_none() => {
            "is that port one for TLS, and does it ask for a client certificate?".to_owned()
        }
        Some(_) => "is that port one for TLS?".to_owned(),
    };
    format!("the broker ended the connection; if it comes again, {ask}")
}

fn tls_words(error: &rustls::Error, broker: &Broker) -> String {
    match &broker.tls {
        Some(tls) => tls::words(error, &broker.host, tls),
        None => error.to_string(),
    }
}
