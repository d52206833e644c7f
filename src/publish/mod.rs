//! Telling the world: every recorded fact to the MQTT broker, at least once, live decisions first.
//!
//! [`Publisher::start`] runs on a thread of its own and never holds anything else up. It takes facts from an
//! [`Outbox`], in order; a fact leaves the outbox when the broker has acknowledged it. While the broker is away
//! the facts wait there. Nothing here records, and nothing here opens a gate: commands that come in over MQTT are
//! checked and handed on ([`command`]).
//!
//! ```text
//! delivery    the loop: connect, tell, listen, begin again
//! session     one accepted connection: what is on its way, what the broker keeps
//! client      rumqttc                                    reason, tls   why not, in words
//! drain       which fact is next                         payload, topics   what and where
//! status      what the broker keeps for latecomers       discovery   Home Assistant
//! command     what others ask of us                      image   pictures, at most once
//! call        orders to others' gates, now or never
//! ```

mod call;
mod client;
pub mod command;
mod delivery;
mod discovery;
mod drain;
mod image;
mod payload;
mod reason;
mod session;
mod stats;
mod status;
mod tls;
mod topics;

use std::{
    sync::{Arc, mpsc::SyncSender},
    thread::JoinHandle,
    time::Duration,
};

use tokio::sync::watch;

pub use call::{Call, Calls, channel as calls};
pub use image::{Image, Images, LARGEST_IMAGE};
pub use payload::{Context, Message, VERSION, message};
pub(crate) use payload::{Latency, Read, Verdict, Vote, clock, latency, read, verdict, vote};
pub use stats::{Snapshot, State, Stats};
pub use status::{Presence, Status};
pub(crate) use tls::certificates;
pub use tls::{ClientCertificate, Part, Tls, TlsError};
pub use topics::{TopicError, Topics};

use crate::{
    backoff,
    clock::Clock,
    fact::Outbox,
    frame::CameraId,
    heartbeat::Heartbeat,
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
    /// `None`: everything is sent in the clear.
    pub tls: Option<Tls>,
    /// The broker counts us as lost after one and a half times this, and sends the last will.
    pub keep_alive: Duration,
    /// Longest wait for a connection.
    pub connect_limit: Duration,
    /// A broker that was sent something and gives no sign of life for this long is given up.
    pub answer_limit: Duration,
}

impl Broker {
    /// Why we cannot say who we are.
    fn trouble(&self) -> Option<&str> {
        let password = self.login.as_ref().and_then(|login| login.password.trouble());
        password.or_else(|| self.tls.as_ref()?.trouble())
    }
}

/// What there is to say about the node that does not change while it runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct About {
    pub version: &'static str,
    pub cameras: Vec<AboutCamera>,
    pub gates: Vec<String>,
    /// Task and name of each network in use.
    pub networks: Vec<(&'static str, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AboutCamera {
    pub name: CameraId,
    /// `entry`, `exit` or `both`.
    pub role: &'static str,
}

/// Whether Home Assistant is told of this node by its discovery topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HomeAssistant {
    /// The topic is left alone.
    #[default]
    Untouched,
    Announced,
    /// What was announced once is taken back.
    Removed,
}

/// What is told, where, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub broker: Broker,
    pub topics: Topics,
    /// The node's name in messages.
    pub node: String,
    pub about: About,
    pub home_assistant: HomeAssistant,
    /// First part of Home Assistant's own topics.
    pub discovery_prefix: String,
    /// Longest wait before Home Assistant, just started, is told anew: not every node at once.
    pub discovery_jitter: Duration,
    /// Pictures of passages are published.
    pub images: bool,
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
                tls: None,
                // A dead node is noticed within 30 s, for two bytes per 20 s.
                keep_alive: Duration::from_secs(20),
                connect_limit: Duration::from_secs(5),
                answer_limit: Duration::from_secs(20),
            },
            topics: Topics::new("amslpr", None, node)?,
            node: node.to_owned(),
            about: About { version: env!("CARGO_PKG_VERSION"), ..About::default() },
            home_assistant: HomeAssistant::Untouched,
            discovery_prefix: "homeassistant".to_owned(),
            discovery_jitter: Duration::from_secs(10),
            images: false,
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

/// What is told, and who does what others ask for.
#[derive(Debug)]
pub struct Sources {
    pub outbox: Box<dyn Outbox>,
    /// Changes whenever a fact was recorded.
    pub recorded: watch::Receiver<u64>,
    pub status: watch::Receiver<Status>,
    /// Where commands go; `None`: nobody listens to commands.
    pub orders: Option<SyncSender<command::Order>>,
    /// Ids of commands that were accepted before the start, and how much longer they could come again.
    pub known_commands: Vec<(String, Duration)>,
    /// Orders for gates that somebody else opens.
    pub calls: Calls,
}

/// The running publisher. Dropping it stops it.
#[derive(Debug)]
pub struct Publisher {
    trigger: Option<Trigger>,
    thread: Option<JoinHandle<()>>,
    stats: Arc<Stats>,
    images: Images,
    heartbeat: Heartbeat,
}

impl Publisher {
    /// Starts to publish.
    pub fn start(settings: Settings, sources: Sources, clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let stats = Arc::new(Stats::default());
        let (trigger, stop) = shutdown();
        let heartbeat = Heartbeat::new(Arc::clone(&clock));
        let stop = stop.beating(heartbeat.clone());
        let (images, waiting_images) = image::queue(Arc::clone(&stats));
        let thread = std::thread::Builder::new().name("publish".to_owned()).spawn({
            let stats = Arc::clone(&stats);
            move || {
                let delivery = delivery::Delivery::new(settings, sources, waiting_images, clock, stats);
                runtime.block_on(delivery.run(stop));
                // A name lookup may hang; it must not hold the daemon's end up.
                runtime.shutdown_timeout(Duration::from_millis(50));
            }
        })?;
        Ok(Self { trigger: Some(trigger), thread: Some(thread), stats, images, heartbeat })
    }

    /// Takes pictures of passages, where the settings want them published.
    pub fn images(&self) -> Images {
        self.images.clone()
    }

    pub fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.stats)
    }

    /// Its thread's: silent while the outbox or the client does not come back.
    pub const fn heartbeat(&self) -> &Heartbeat {
        &self.heartbeat
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
