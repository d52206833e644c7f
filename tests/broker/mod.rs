//! A real mosquitto on a free loopback port, and a subscriber that writes down what arrives.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use amslpr::clock::{Clock, SystemClock};
use rumqttc::v5::{
    AsyncClient, Event, Incoming, MqttOptions,
    mqttbytes::{QoS, v5::Filter},
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
        let Some(_) = program() else {
            println!("mosquitto is not installed: nothing is tested here (apt install mosquitto)");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let path = folder.path().display();
        let config = format!(
            "user root\nlistener {port} 127.0.0.1\npersistence true\npersistence_location {path}/\n\
             autosave_on_changes true\nautosave_interval 1\nmax_queued_messages 0\nset_tcp_nodelay true\nlog_dest none\n{more}\n"
        );
        std::fs::write(folder.path().join("mosquitto.conf"), config).unwrap();
        Some(Self { folder, port, process: None })
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
}

impl Arrived {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub(crate) fn seq(&self) -> Option<u64> {
        self.json()["seq"].as_u64()
    }
}

/// Subscribed to everything below `amslpr/`, with a session that outlives the broker.
#[derive(Debug)]
pub(crate) struct Subscriber {
    arrived: Arc<Mutex<Vec<Arrived>>>,
    subscribed: Arc<Mutex<u32>>,
    _stop: tokio::sync::oneshot::Sender<()>,
}

impl Subscriber {
    pub(crate) fn start(port: u16, name: &str) -> Self {
        let mut options = MqttOptions::new(name, "127.0.0.1", port);
        options.set_clean_start(false);
        options.set_session_expiry_interval(Some(3600));
        options.set_max_packet_size(Some(1 << 20));
        let arrived = Arc::new(Mutex::new(Vec::new()));
        let subscribed = Arc::new(Mutex::new(0));
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (list, count) = (Arc::clone(&arrived), Arc::clone(&subscribed));
        let clock = SystemClock::start();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let listen = async {
                let (client, mut events) = AsyncClient::new(options, 10);
                loop {
                    match events.poll().await {
                        Ok(Event::Incoming(Incoming::ConnAck(_))) => {
                            let filter = Filter::new("amslpr/#", QoS::AtLeastOnce);
                            client.try_subscribe_many([filter]).unwrap();
                        }
                        Ok(Event::Incoming(Incoming::SubAck(_))) => *count.lock().unwrap() += 1,
                        Ok(Event::Incoming(Incoming::Publish(message))) => {
                            let message = Arrived {
                                topic: String::from_utf8_lossy(&message.topic).into_owned(),
                                text: String::from_utf8_lossy(&message.payload).into_owned(),
                                retained: message.retain,
                                expires: message.properties.and_then(|more| more.message_expiry_interval),
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
        let subscriber = Self { arrived, subscribed, _stop: stop };
        wait_for("a subscription", || *subscriber.subscribed.lock().unwrap() > 0);
        subscriber
    }

    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
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
