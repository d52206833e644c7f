//! What the publisher came to, as health reports it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::publish;

#[derive(Debug, Clone, Serialize)]
pub(in crate::daemon) struct MqttHealth {
    /// Facts that the broker has been sent and has not acknowledged.
    pub in_flight: u64,
    pub delivered: u64,
    pub historical: u64,
    pub refused: u64,
    pub unsendable: u64,
    pub connections: u64,
    pub failures: u64,
    pub images: u64,
    pub images_dropped: u64,
    pub commands: u64,
    /// Commands refused, by the word for why.
    pub refused_commands: BTreeMap<&'static str, u64>,
}

impl MqttHealth {
    pub(super) fn of(broker: publish::Snapshot) -> Self {
        Self {
            in_flight: broker.in_flight,
            delivered: broker.delivered,
            historical: broker.historical,
            refused: broker.refused,
            unsendable: broker.unsendable,
            connections: broker.connections,
            failures: broker.failures,
            images: broker.images,
            images_dropped: broker.images_dropped,
            commands: broker.commands,
            refused_commands: broker.refused_commands,
        }
    }
}
