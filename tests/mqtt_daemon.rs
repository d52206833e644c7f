//! The whole daemon at a real broker: everything that it says fits the schemas that others are given, and a consumer
//! shaped like Home Assistant discovers it, follows the topics that it was told, and sees what happens.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod broker;
mod schema;

use std::{
    collections::BTreeMap,
    fs::File,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use amslpr::{
    backoff,
    clock::{Clock, SystemClock},
    fact::{Fact, sample},
    frame::CameraId,
    publish::{AboutCamera, HomeAssistant, Image, Presence, Settings, State},
};
use broker::{Arrived, Mosquitto, Sending, Subscriber, node::Node, wait_for};
use serde_json::{Value, json};

const BASE: &str = "amslpr/pi-1";
const CONFIG: &str = "homeassistant/device/pi-1/config";

/// `amslpr run` with one recording and one camera that is not there; ended with the test.
struct Daemon(Child);

impl Daemon {
    fn start(folder: &Path, port: u16, mqtt: &str) -> Self {
        Self::watching(&schema::house().join("config/demo/drive-by.mp4"), folder, port, mqtt)
    }

    fn watching(recording: &Path, folder: &Path, port: u16, mqtt: &str) -> Self {
        let text = format!(
            "[journal]\npath = {}\n[[camera]]\nname = \"demo\"\n[camera.replay]\npath = {}\n[[camera]]\n\
             name = \"off\"\nenabled = false\n[camera.v4l2]\n[[camera]]\nname = \"gone\"\nrole = \"exit\"\n[camera.v4l2]\ndevice = \"/dev/video-not-there\"\n[engine]\n\
             order = [\"cpu\"]\nmodels = {}\n[health]\nevery = \"1s\"\n[mqtt]\nhost = \"127.0.0.1\"\nport = {port}\n\
             client-id = \"pi-1\"\n{mqtt}\n",
            schema::quoted(&folder.join("journal.db")),
            schema::quoted(recording),
            schema::quoted(&schema::house().join("models")),
        );
        let file = folder.join("amslpr.toml");
        std::fs::write(&file, text).unwrap();
        let log = File::create(folder.join("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_amslpr"))
            .args(["run", "--config"])
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self(child)
    }

    /// As systemd would.
    fn stop(mut self) {
        Command::new("kill").arg(self.0.id().to_string()).status().unwrap();
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What Home Assistant makes of a discovery message: entities by their id, each with its topics.
struct Home {
    discovery: Value,
    /// Subscribed to the topics that the message names, and to no other.
    follows: Subscriber,
}

impl Home {
    fn discover(port: u16, discovery: &Arrived) -> Self {
        let discovery = discovery.json();
        let rules = schema::house().join("tests/home-assistant/device-discovery.json");
        schema::check(&[(rules, discovery.clone())]);
        let components = discovery["components"].as_object().unwrap();
        let mut ids: Vec<&str> = components.values().filter_map(|c| c["unique_id"].as_str()).collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!((ids.len(), all), (components.len(), components.len()), "every id is unique");
        let mut topics: Vec<&str> = components
            .values()
            .flat_map(|c| [&c["state_topic"], &c["image_topic"]])
            .filter_map(Value::as_str)
            .collect();
        topics.push(discovery["availability_topic"].as_str().unwrap());
        topics.sort_unstable();
        topics.dedup();
        let follows = Subscriber::listening(port, "home-assistant", None, &topics);
        Self { discovery, follows }
    }

    fn component(&self, id: &str) -> &Value {
        let component = &self.discovery["components"][id];
        assert!(component.is_object(), "there is no {id} in {}", self.discovery);
        component
    }

    fn is_available(&self) -> bool {
        let topic = self.discovery["availability_topic"].as_str().unwrap();
        self.follows.last(topic).is_some_and(|one| one.text == "online")
    }

    /// The events of an event entity; one of a type that was not announced is an error in Home Assistant.
    fn events(&self, id: &str) -> Vec<Value> {
        let component = self.component(id);
        let (topic, types) =
            (component["state_topic"].as_str(), component["event_types"].as_array().unwrap());
        let arrived = self.follows.arrived();
        let events: Vec<Value> =
            arrived.iter().filter(|one| Some(one.topic.as_str()) == topic).map(Arrived::json).collect();
        for event in &events {
            assert!(types.contains(&event["event_type"]), "{event} is of no type in {types:?}");
        }
        events
    }

    /// What a sensor makes of a message.
    fn rendered(&self, id: &str, message: &str) -> Option<String> {
        match self.component(id)["value_template"].as_str() {
            Some(template) => schema::rendered(template, message),
            None => Some(message.to_owned()),
        }
    }

    /// The state of a sensor, by its template; `None` before anything arrived.
    fn state(&self, id: &str) -> Option<String> {
        let component = self.component(id);
        let message = self.follows.last(component["state_topic"].as_str().unwrap())?;
        self.rendered(id, &message.text)
    }
}

/// Everything below the node's topic fits the schema of its kind; there is nothing else.
fn check_all(arrived: &[Arrived]) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    let mut messages = Vec::new();
    for one in arrived {
        let below = one.topic.strip_prefix(BASE).unwrap().strip_prefix('/').unwrap();
        let Some(path) = schema::of_topic(below) else { panic!("nobody knows what {} is", one.topic) };
        let kind = path.file_name().unwrap().to_str().unwrap().to_owned();
        *kinds.entry(kind).or_default() += 1;
        messages.push((path, schema::value(&one.text)));
    }
    schema::check(&messages);
    kinds
}

fn command(id: &str, more: &str) -> String {
    let until = SystemClock::start().wall().checked_add(jiff::SignedDuration::from_secs(20)).unwrap();
    format!("{{\"id\": \"{id}\", \"expires_at\": \"{until}\"{more}}}")
}

#[test]
fn all_that_the_daemon_says_fits_its_schemas_and_home_assistant_finds_it() {
    let Some(mut mosquitto) = Mosquitto::new("allow_anonymous true") else { return };
    mosquitto.start();
    let everything = Subscriber::listening(mosquitto.port, "recorder", None, &["amslpr/#"]);
    let finder = Subscriber::listening(mosquitto.port, "finder", None, &["homeassistant/device/+/config"]);
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(folder.path(), mosquitto.port, "home-assistant = true\ncommands = true");
    let home = Home::discover(mosquitto.port, &finder.wait(CONFIG));
    wait_for("availability", || home.is_available());

    // What stands still: cameras, figures.
    let was = |word: &str| {
        everything.arrived().iter().any(|one| one.topic.ends_with("demo/state") && one.text == word)
    };
    wait_for("the recording's state", || was("online"));
    wait_for("a camera that is not there", || {
        everything.last("amslpr/pi-1/camera/gone/state").is_some_and(|one| one.text == "offline")
    });
    assert_eq!(everything.wait("amslpr/pi-1/camera/off/state").text, "disabled");
    everything.wait("amslpr/pi-1/health");
    if let Some(state) = home.rendered("gone-problem", "offline") {
        assert_eq!(state, "ON");
        for (word, expected) in [("online", "OFF"), ("stalled", "ON"), ("disabled", "OFF")] {
            assert_eq!(home.rendered("demo-problem", word).as_deref(), Some(expected), "{word}");
        }
        wait_for("the verdict", || home.state("verdict").as_deref() == Some("degraded"));
        assert!(home.state("uptime").unwrap().parse::<u64>().is_ok());
        assert!(home.state("waiting").unwrap().parse::<u64>().is_ok());
        assert!(home.state("disk-free").unwrap().parse::<u64>().is_ok());
        let temperature = home.state("temperature").unwrap();
        assert!(temperature == "None" || temperature.parse::<f64>().is_ok(), "{temperature}");
    }
    let info = everything.wait("amslpr/pi-1/info").json();
    assert_eq!(
        info["cameras"],
        json!([{"name": "demo", "role": "both"}, {"name": "off", "role": "both"}, {"name": "gone", "role": "exit"}])
    );
    assert_eq!((info["commands"].clone(), info["images"].clone()), (true.into(), false.into()));

    // What happens: a recording's decisions never look like ones to act upon.
    wait_for("an event", || !home.events("demo-decision").is_empty());
    assert_eq!(home.events("demo-decision")[0]["event_type"], "recorded");
    wait_for("a passage", || everything.last("amslpr/pi-1/camera/demo/passage").is_some());

    // What can be asked.
    for (verb, id, more, code) in [
        ("status", "s-1", "", "done"),
        ("gate/open", "g-1", ", \"gate\": \"main\"", "not-available"),
        ("plates/remove", "p-1", ", \"list\": \"a\", \"plate\": \"B1AAA\"", "refused"),
        ("camera/trigger", "c-1", ", \"camera\": \"demo\"", "done"),
        ("gate/close", "g-2", "", "unknown-verb"),
    ] {
        finder.say(&format!("{BASE}/cmd/{verb}"), command(id, more), Sending::default());
        let answer = everything.wait(&format!("{BASE}/cmd/reply/{id}")).json();
        assert_eq!(answer["code"], code, "{answer}");
        if verb == "status" {
            schema::check(&[(schema::shipped("health.v1.json"), answer["result"].clone())]);
        }
    }

    // Home Assistant starts anew, and is told anew.
    let before = finder.arrived().iter().filter(|one| one.topic == CONFIG).count();
    finder.say("homeassistant/status", "online", Sending::default());
    wait_for("discovery again", || {
        finder.arrived().iter().filter(|one| one.topic == CONFIG).count() > before
    });
    assert_eq!(finder.last(CONFIG).unwrap().json(), home.discovery);

    daemon.stop();
    wait_for("good-bye", || !home.is_available());
    let said: Vec<Arrived> = everything
        .arrived()
        .into_iter()
        .filter(|one| !one.topic.contains("/cmd/") || one.topic.contains("/reply/"))
        .collect();
    let kinds = check_all(&said);
    println!("{kinds:?}");
    for kind in ["availability", "info", "health", "camera-state", "decision", "passage", "reply"] {
        assert!(kinds.contains_key(&format!("{kind}.v1.json")), "no {kind} was seen: {kinds:?}");
    }

    // Switched off, it is taken back: whoever comes later finds nothing.
    let daemon = Daemon::start(folder.path(), mosquitto.port, "home-assistant = false");
    wait_for("an empty discovery", || finder.last(CONFIG).is_some_and(|one| one.text.is_empty()));
    let late =
        Subscriber::listening(mosquitto.port, "late", None, &["homeassistant/#", "amslpr/pi-1/availability"]);
    late.wait("amslpr/pi-1/availability");
    assert!(late.last(CONFIG).is_none());
    daemon.stop();
}

#[test]
fn pictures_are_published_and_a_command_is_not_done_again_after_a_restart() {
    let Some(mut mosquitto) = Mosquitto::new("allow_anonymous true") else { return };
    mosquitto.start();
    let everything = Subscriber::listening(mosquitto.port, "recorder", None, &["amslpr/#"]);
    let folder = tempfile::tempdir().unwrap();
    // A car that stands still for some pictures: a passage however slow the machine is.
    let pictures = folder.path().join("pictures");
    std::fs::create_dir(&pictures).unwrap();
    for n in 0..8 {
        let picture = schema::house().join("tests/fixtures/street-day.jpg");
        std::fs::copy(picture, pictures.join(format!("{n}.jpg"))).unwrap();
    }
    let more = format!(
        "commands = true\nimages = true\n[evidence]\nenabled = true\nkeep-free = \"1 MiB\"\npath = {}\n\
         [[list]]\nname = \"guests\"\nkind = \"allow\"",
        schema::quoted(&folder.path().join("evidence"))
    );
    let start = || Daemon::watching(&pictures, folder.path(), mosquitto.port, &more);
    let daemon = start();
    everything.wait(&format!("{BASE}/camera/demo/state"));
    let until = SystemClock::start().wall().checked_add(jiff::SignedDuration::from_secs(240)).unwrap();
    let add = format!(
        "{{\"id\": \"add-1\", \"expires_at\": \"{until}\", \"list\": \"guests\", \"plate\": \"B1AAA\"}}"
    );
    let say = || everything.say(&format!("{BASE}/cmd/plates/add"), add.clone(), Sending::default());
    let codes = || -> Vec<String> {
        let arrived = everything.arrived();
        let replies = arrived.iter().filter(|one| one.topic == format!("{BASE}/cmd/reply/add-1"));
        replies.map(|one| one.json()["code"].as_str().unwrap().to_owned()).collect()
    };
    wait_for("an answer", || {
        say();
        SystemClock::start().sleep(Duration::from_millis(200));
        !codes().is_empty()
    });
    assert_eq!(codes()[0], "done");

    let picture = |one: &Arrived| one.content_type.as_deref() == Some("image/jpeg");
    wait_for("a picture", || everything.arrived().iter().any(picture));
    let arrived = everything.arrived();
    let shown = arrived.iter().find(|one| picture(one)).unwrap();
    assert!(shown.bytes.starts_with(&[0xff, 0xd8]) && !shown.retained, "{} bytes", shown.bytes.len());
    let passage = everything.wait(&format!("{BASE}/camera/demo/passage")).json();
    assert!(shown.topic.contains(passage["id"].as_str().unwrap()), "{}", shown.topic);
    daemon.stop();

    let told = codes().len();
    let daemon = start();
    wait_for("an answer of the next daemon", || {
        say();
        SystemClock::start().sleep(Duration::from_millis(200));
        codes().len() > told
    });
    let after = codes().split_off(told);
    assert!(after.iter().all(|code| code == "repeated" || code == "flood"), "{after:?}");
    daemon.stop();
}

/// A node with a camera that is announced, and its consumer.
fn announced(port: u16, images: bool) -> (Node, Home, Subscriber) {
    let mut settings = Settings::new("127.0.0.1", "pi-1").unwrap();
    settings.broker.port = port;
    settings.retry = backoff::Settings {
        first: Duration::from_millis(20),
        longest: Duration::from_millis(100),
        jitter: 0.5,
    };
    settings.home_assistant = HomeAssistant::Announced;
    settings.images = images;
    let camera = |name: &str| AboutCamera { name: CameraId::new(name), role: "both" };
    settings.about.cameras = vec![camera("gate-in"), camera("gate-out")];
    settings.about.gates = vec!["main".to_owned()];
    settings.historical_after = Duration::from_secs(2);
    settings.decision_valid = Duration::from_secs(2);
    let node = Node::start(settings, None);
    let finder = Subscriber::listening(port, "finder", None, &["homeassistant/device/+/config"]);
    let home = Home::discover(port, &finder.wait(CONFIG));
    (node, home, finder)
}

#[test]
fn a_live_decision_is_an_event_and_a_late_one_is_called_late() {
    let Some(mut mosquitto) = Mosquitto::new("allow_anonymous true") else { return };
    mosquitto.start();
    let (node, home, _finder) = announced(mosquitto.port, false);
    let clock = SystemClock::start();
    let decide = |n: u64| {
        let mut decided = sample::decided(&sample::closed(n));
        decided.at = clock.wall();
        node.record(Fact::Decided(decided));
    };
    decide(2);
    wait_for("an event", || home.events("gate-in-decision").len() == 1);
    let event = &home.events("gate-in-decision")[0];
    assert_eq!((event["event_type"].clone(), event["historical"].clone()), ("admit".into(), false.into()));
    assert!(event["plate"].is_string() && event["valid_until"].is_string());
    // The broker is away while the car waits, and back when it is too late.
    mosquitto.stop();
    let stats = node.publisher.stats();
    wait_for("offline", || stats.snapshot().state == State::Offline);
    decide(4);
    clock.sleep(Duration::from_millis(2100));
    mosquitto.start();
    // The first one may come again, if its receipt was under way when the broker died.
    let late = || home.events("gate-in-decision").into_iter().find(|second| second["id"] != event["id"]);
    wait_for("the late event", || late().is_some());
    let event = late().unwrap();
    assert_eq!((event["event_type"].clone(), event["historical"].clone()), ("late".into(), true.into()));
    node.status.send_modify(|status| {
        status.cameras = vec![(CameraId::new("gate-in"), Presence::Stalled)];
        status.gates = vec![("main".to_owned(), "ready")];
    });
    wait_for("a gate's state", || home.state("gate-main-state").as_deref() == Some("ready"));
}

#[test]
fn the_automation_in_readme_acts_on_what_is_live_valid_and_new_only() {
    let readme = std::fs::read_to_string(schema::house().join("README.md")).unwrap();
    let conditions: Vec<&str> =
        readme.lines().filter_map(|line| line.strip_prefix("  - \"{{")?.strip_suffix("}}\"")).collect();
    assert_eq!(conditions.len(), 4, "README's automation");
    let acts = |from: &Value, to: &Value, now: &str| -> Option<bool> {
        let each: Option<Vec<bool>> =
            conditions.iter().map(|text| schema::holds(&format!("{{{{{text}}}}}"), from, to, now)).collect();
        each.map(|each| each.iter().all(|holds| *holds))
    };
    let event = json!({"event_type": "admit", "live": true, "historical": false, "id": "b",
        "valid_until": "2026-11-25T07:00:10.25Z"});
    let with = |key: &str, value: Value| {
        let mut event = event.clone();
        event[key] = value;
        event
    };
    let (earlier, now) = (with("id", "a".into()), "2026-11-25T07:00:01Z");
    let Some(acted) = acts(&earlier, &event, now) else { return };
    assert!(acted);
    assert_eq!(acts(&Value::Null, &event, now), Some(true), "the first ever");
    assert_eq!(acts(&json!({}), &event, now), Some(true), "the first since the start");
    for (what, from, to, now) in [
        ("refused", &earlier, with("event_type", "refuse".into()), now),
        ("late", &earlier, with("event_type", "late".into()), now),
        ("historical", &earlier, with("historical", true.into()), now),
        ("a recording", &earlier, with("live", false.into()), now),
        ("expired", &earlier, event.clone(), "2026-11-25T07:00:11Z"),
        ("repeated", &event, event.clone(), now),
    ] {
        assert_eq!(acts(from, &to, now), Some(false), "{what}");
    }
}

#[test]
fn pictures_go_out_while_there_is_a_connection_and_are_bounded() {
    let Some(mut mosquitto) = Mosquitto::new("allow_anonymous true") else { return };
    mosquitto.start();
    let (node, home, _finder) = announced(mosquitto.port, true);
    let everything = Subscriber::start(mosquitto.port, "recorder");
    let images = node.publisher.images();
    let passage = sample::closed(2).passage.id;
    let jpeg = std::fs::read(schema::house().join("tests/fixtures/night.jpg")).unwrap();
    let jpeg = jpeg[..jpeg.len().min(200_000)].to_vec();
    let image = |jpeg: Vec<u8>| Image { camera: CameraId::new("gate-in"), passage, jpeg };
    assert!(images.send(image(jpeg.clone())));
    let shown = everything.wait(&format!("{BASE}/camera/gate-in/passage/{passage}/image"));
    assert_eq!(
        (&shown.bytes, shown.retained, shown.content_type.as_deref()),
        (&jpeg, false, Some("image/jpeg"))
    );
    let topic = home.component("gate-in-image")["image_topic"].as_str().unwrap();
    assert_eq!(home.follows.wait(topic).bytes, jpeg);
    assert!(!images.send(image(vec![0; amslpr::publish::LARGEST_IMAGE + 1])), "too large");
    // Without a connection they are dropped, counted, and nobody waits.
    mosquitto.stop();
    let stats = node.publisher.stats();
    wait_for("offline", || stats.snapshot().state == State::Offline);
    let taken = (0..1000).filter(|_| images.send(image(vec![0; 1000]))).count();
    assert!(taken <= 4, "{taken} pictures wait");
    mosquitto.start();
    wait_for("online", || stats.snapshot().state == State::Online);
    wait_for("dropped pictures", || stats.snapshot().images_dropped == 1001);
    assert_eq!(stats.snapshot().images, 1);
}
