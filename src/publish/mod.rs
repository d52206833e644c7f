//! Telling the world: every recorded fact to the MQTT broker, at least once, live decisions first.
//!
//! [`Publisher::start`] runs on a thread of its own and never holds anything else up. It takes facts from an
//! [`Outbox`], in order; a fact leaves the outbox when the broker has acknowledged it. While the broker is away
//! the facts wait there. Nothing here records, and nothing here opens a gate.

mod client;
mod delivery;
mod drain;
mod payload;
mod stats;
mod topics;

use std::{sync::Arc, thread::JoinHandle, time::Duration};

use tokio::sync::watch;

pub use payload::{Context, Message, VERSION, message};
pub use stats::{Snapshot, State, Stats};
pub use topics::{TopicError, Topics};

use crate::{
    backoff,
    clock::Clock,
    fact::Outbox,
    secret::Secret,
    shutdown::{Trigger, shutdown},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub user: String,
    pub password: Secret,
}

/// Where the broker is and how to talk to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    pub host: String,
    pub port: u16,
    /// Unique at the broker: two clients of one name throw each other out.
    pub client_id: String,
    pub login: Option<Login>,
    /// The broker counts us as lost after one and a half times this, and sends the last will.
    pub keep_alive: Duration,
    /// Longest wait for a connection.
    pub connect_limit: Duration,
}

/// What is told, where, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub broker: Broker,
    pub topics: Topics,
    /// The node's name in messages.
    pub node: String,
    /// How long a gate may be opened for a decision; the broker drops it after that.
    pub decision_valid: Duration,
    /// A fact told later than this after it was recorded says that it is historical.
    pub historical_after: Duration,
    /// Messages on their way at a time. Brokers allow 20 or more; a wider window only drains a backlog faster.
    pub window: usize,
    /// Waits between attempts to connect.
    pub retry: backoff::Settings,
    /// How long stopping may take: the last facts go out, then `offline`.
    pub stop_limit: Duration,
}

impl Settings {
    /// The usual ones for a node called `node` and a broker at `host`.
    pub fn new(host: &str, node: &str) -> Result<Self, TopicError> {
        Ok(Self {
            broker: Broker {
                host: host.to_owned(),
                port: 1883,
                client_id: format!("amslpr-{node}"),
                login: None,
                // A dead node is noticed within 30 s, for two bytes per 20 s.
                keep_alive: Duration::from_secs(20),
                connect_limit: Duration::from_secs(5),
            },
            topics: Topics::new("amslpr", None, node)?,
            node: node.to_owned(),
            decision_valid: Duration::from_secs(10),
            historical_after: Duration::from_secs(10),
            window: 64,
            retry: backoff::Settings {
                first: Duration::from_millis(500),
                longest: Duration::from_secs(30),
                jitter: 0.5,
            },
            stop_limit: Duration::from_secs(1),
        })
    }
}

/// The running publisher. Dropping it stops it.
#[derive(Debug)]
pub struct Publisher {
    trigger: Option<Trigger>,
    thread: Option<JoinHandle<()>>,
    stats: Arc<Stats>,
}

impl Publisher {
    /// Starts to publish: facts from `outbox` whenever `recorded` changes, and the newest `health` (JSON) retained.
    pub fn start(
        settings: Settings,
        outbox: Box<dyn Outbox>,
        recorded: watch::Receiver<u64>,
        health: watch::Receiver<Option<String>>,
        clock: Arc<dyn Clock>,
    ) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let stats = Arc::new(Stats::default());
        let (trigger, stop) = shutdown();
        let thread = std::thread::Builder::new().name("publish".to_owned()).spawn({
            let stats = Arc::clone(&stats);
            move || {
                let delivery = delivery::Delivery::new(settings, outbox, recorded, health, clock, stats);
                runtime.block_on(delivery.run(stop));
                // A name lookup may hang; it must not hold the daemon's end up.
                runtime.shutdown_timeout(Duration::from_millis(50));
            }
        })?;
        Ok(Self { trigger: Some(trigger), thread: Some(thread), stats })
    }

    pub fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.stats)
    }

    /// Publishes what is left and `offline`, within the settings' limit, and ends.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        drop(self.trigger.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the publishing thread panicked");
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        let mut settings = Settings::new("localhost", "pi").unwrap();
        settings.broker.login = Some(Login {
            user: "gate".to_owned(),
            password: Secret::new("correct horse battery staple".to_owned()),
        });
        let shown = format!("{settings:?}");
        assert!(shown.contains("gate") && shown.contains("(set)") && !shown.contains("horse"), "{shown}");
    }
}
