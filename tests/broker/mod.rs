//! A real mosquitto on a free loopback port, and a client that writes down what arrives and says what it is told to.
//!
//! Each test file that uses it uses a part of it.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod certificates;
pub(crate) mod node;

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use amslpr::clock::{Clock, SystemClock};
use rumqttc::v5::{
    AsyncClient, Event, Incoming, MqttOptions,
    mqttbytes::{
        QoS,
        v5::{Filter, PublishProperties},
    },
};
use serde_json::Value;

/// Waits for something to become true; panics after 30 s.
pub(crate) fn wait_for(what: &str, mut is_true: impl FnMut() -> bool) {
    let clock = SystemClock::start();
    while !is_true() {
        assert!(clock.now().as_micros() < 30_000_000, "waited in vain: {what}");
        clock.sleep(Duration::from_millis(5));
    }
}

/// mosquitto, started by the test; it ends with it.
#[derive(Debug)]
pub(crate) struct Mosquitto {
    folder: tempfile::TempDir,
    pub(crate) port: u16,
    process: Option<Child>,
}

impl Mosquitto {
    /// `None`, with a line that says so, where mosquitto is not installed.
    pub(crate) fn new(more: &str) -> Option<Self> {
        Self::with(more, "")
    }

    /// `listener` belongs to the port: TLS, say.
    pub(crate) fn with(more: &str, listener: &str) -> Option<Self> {
        let Some(_) = program() else {
            println!("mosquitto is not installed: nothing is tested here (apt install mosquitto)");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let path = folder.path().display();
        let kept = format!(
            "persistence true\npersistence_location {path}/\nautosave_on_changes true\nautosave_interval 1"
        );
        let kept = if more.contains("persistence false") { "" } else { kept.as_str() };
        let config = format!(
            "user root\nlistener {port} 127.0.0.1\n{listener}\n{kept}\nmax_queued_messages 0\nset_tcp_nodelay true\nlog_dest file {path}/log\n{more}\n"
        );
        std::fs::write(folder.path().join("mosquitto.conf"), config).unwrap();
        Some(Self { folder, port, process: None })
    }

    /// With this configuration and nothing else; it is told where its log belongs and which port is free.
    pub(crate) fn configured(text: impl FnOnce(u16) -> String) -> Option<Self> {
        let mosquitto = Self::new("")?;
        let path = mosquitto.folder.path();
        let text = text(mosquitto.port)
            + &format!("\nuser root\nlog_dest file {0}/log\npersistence_location {0}/\n", path.display());
        std::fs::write(path.join("mosquitto.conf"), text).unwrap();
        Some(mosquitto)
    }

    /// Lines of its log that hold this.
    pub(crate) fn logged(&self, what: &str) -> usize {
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        log.lines().filter(|line| line.contains(what)).count()
    }

    pub(crate) fn start(&mut self) {
        let mut command = Command::new(program().unwrap());
        command.arg("-c").arg(self.folder.path().join("mosquitto.conf"));
        self.process = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        wait_for("mosquitto listens", || std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }

    /// Ends it as its service would: it keeps sessions and what is queued in them.
    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            Command::new("kill").arg(process.id().to_string()).status().unwrap();
            process.wait().unwrap();
        }
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.kill();
    }
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join("mosquitto")).find(|program| program.is_file())
}

/// A message as it arrived.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Arrived {
    pub(crate) topic: String,
    pub(crate) text: String,
    pub(crate) retained: bool,
    pub(crate) expires: Option<u32>,
    /// When it arrived.
    pub(crate) at: jiff::Timestamp,
    pub(crate) content_type: Option<String>,
    pub(crate) correlation: Option<Vec<u8>>,
    pub(crate) bytes: Vec<u8>,
}

impl Arrived {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub(crate) fn seq(&self) -> Option<u64> {
        self.json()["seq"].as_u64()
    }
}

/// A client with a session that outlives the broker; `start`ed, it is subscribed to everything below `amslpr/`.
#[derive(Debug)]
pub(crate) struct Subscriber {
    arrived: Arc<Mutex<Vec<Arrived>>>,
    subscribed: Arc<Mutex<u32>>,
    client: AsyncClient,
    _stop: tokio::sync::oneshot::Sender<()>,
}

/// What is sent beside topic and payload.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sending {
    pub(crate) retain: bool,
    pub(crate) response_topic: Option<String>,
    pub(crate) correlation: Option<Vec<u8>>,
}

impl Subscriber {
    pub(crate) fn start(port: u16, name: &str) -> Self {
        Self::listening(port, name, None, &["amslpr/#"])
    }

    pub(crate) fn listening(port: u16, name: &str, login: Option<(&str, &str)>, filters: &[&str]) -> Self {
        let mut options = MqttOptions::new(name, "127.0.0.1", port);
        options.set_clean_start(false);
        options.set_session_expiry_interval(Some(3600));
        options.set_max_packet_size(Some(1 << 20));
        let mut network = options.network_options();
        network.set_tcp_nodelay(true);
        options.set_network_options(network);
        if let Some((user, password)) = login {
            options.set_credentials(user, password);
        }
        let filters: Vec<Filter> = filters.iter().map(|path| Filter::new(*path, QoS::AtLeastOnce)).collect();
        let arrived = Arc::new(Mutex::new(Vec::new()));
        let subscribed = Arc::new(Mutex::new(0));
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (list, count) = (Arc::clone(&arrived), Arc::clone(&subscribed));
        let (client, mut events) = AsyncClient::new(options, 10_000);
        let own = client.clone();
        let clock = SystemClock::start();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let listen = async {
                loop {
                    match events.poll().await {
                        Ok(Event::Incoming(Incoming::ConnAck(_))) => {
                            own.try_subscribe_many(filters.clone()).unwrap();
                        }
                        Ok(Event::Incoming(Incoming::SubAck(_))) => *count.lock().unwrap() += 1,
                        Ok(Event::Incoming(Incoming::Publish(message))) => {
                            let more = message.properties.unwrap_or_default();
                            let message = Arrived {
                                topic: String::from_utf8_lossy(&message.topic).into_owned(),
                                text: String::from_utf8_lossy(&message.payload).into_owned(),
                                retained: message.retain,
                                expires: more.message_expiry_interval,
                                content_type: more.content_type,
                                correlation: more.correlation_data.map(|data| data.to_vec()),
                                bytes: message.payload.to_vec(),
                                at: clock.wall(),
                            };
                            list.lock().unwrap().push(message);
                        }
                        Ok(_) => {}
                        Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                    }
                }
            };
            runtime.block_on(async {
                tokio::select! {
                    () = listen => {}
                    _ = stopped => {}
                }
            });
        });
        let subscriber = Self { arrived, subscribed, client, _stop: stop };
        wait_for("a subscription", || *subscriber.subscribed.lock().unwrap() > 0);
        subscriber
    }

    /// Publishes at QoS 1.
    pub(crate) fn say(&self, topic: &str, payload: impl Into<Vec<u8>>, sending: Sending) {
        let properties = PublishProperties {
            response_topic: sending.response_topic,
            correlation_data: sending.correlation.map(Into::into),
            ..PublishProperties::default()
        };
        let (qos, retain, payload) = (QoS::AtLeastOnce, sending.retain, payload.into());
        self.client.try_publish_with_properties(topic, qos, retain, payload, properties).unwrap();
    }

    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
    }

    /// The newest message on this topic.
    pub(crate) fn last(&self, topic: &str) -> Option<Arrived> {
        self.arrived.lock().unwrap().iter().rfind(|one| one.topic == topic).cloned()
    }

    /// Waits for a message on this topic.
    pub(crate) fn wait(&self, topic: &str) -> Arrived {
        wait_for(topic, || self.last(topic).is_some());
        self.last(topic).unwrap()
    }

    /// Messages that arrived so far.
    pub(crate) fn count(&self) -> usize {
        self.arrived.lock().unwrap().len()
    }

    /// Numbers of the events that arrived, in the order of their arrival.
    pub(crate) fn seqs(&self) -> Vec<u64> {
        self.arrived().iter().filter_map(Arrived::seq).collect()
    }
}
