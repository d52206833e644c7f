//! A new configuration for a running daemon: what is different, and so what has to be exchanged.
//!
//! Pure: compares, and says which configuration is in force afterwards. Exchanging is `wiring`'s business. What cannot
//! be exchanged while the daemon runs keeps its old settings until a restart, and is named.

use std::collections::BTreeSet;

use super::{DaemonError, settings};
use crate::{
    config::{Camera, Config, Gate, Journal},
    fact::GateId,
    frame::CameraId,
};

/// What has to be done to get from one configuration to another.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Difference {
    /// Cameras that end: gone, switched off, or to be opened anew.
    pub closed: BTreeSet<CameraId>,
    /// Cameras that are opened, or opened anew.
    pub opened: BTreeSet<CameraId>,
    /// Gates that end: gone, or to be wired anew.
    pub unwired: BTreeSet<GateId>,
    pub wired: BTreeSet<GateId>,
    /// Networks are used in another way.
    pub networks: bool,
    pub lists: bool,
    pub rules: bool,
    pub privacy: bool,
    /// The publisher begins anew.
    pub broker: bool,
    /// The HTTP server begins anew.
    pub http: bool,
    /// Receivers of webhooks are told in another way, or others are.
    pub webhooks: bool,
    pub log: bool,
    /// Intervals and ages that are looked up whenever they are needed.
    pub rhythm: bool,
}

/// Tables that keep their old settings until a restart.
pub(super) type Waiting = Vec<&'static str>;

impl Difference {
    /// What has to be exchanged. Both configurations as they are in force.
    pub(super) fn between(old: &Config, new: &Config) -> Result<Self, DaemonError> {
        let networks = settings::chain(old) != settings::chain(new);
        // Whatever a camera's chain is made of.
        let chains = networks
            || (&old.choose, &old.track, &old.passage) != (&new.choose, &new.track, &new.passage)
            || old.detect != new.detect;
        let (closed, opened) = exchanged(
            old.cameras.iter().filter(|camera| camera.enabled).map(|camera| (&camera.id, camera)),
            new.cameras.iter().filter(|camera| camera.enabled).map(|camera| (&camera.id, camera)),
            |a: &Camera, b: &Camera| !chains && a == b,
        );
        let privacy = old.privacy != new.privacy;
        let (unwired, wired) = exchanged(
            old.gates.iter().map(|gate| (&gate.id, gate)),
            new.gates.iter().map(|gate| (&gate.id, gate)),
            // A gate knows vehicles as the journal writes them.
            |a: &Gate, b: &Gate| a == b && old.privacy.mode == new.privacy.mode,
        );
        let publisher = |config: &Config| -> Result<_, DaemonError> {
            let Some(mqtt) = &config.mqtt else { return Ok(None) };
            Ok(Some((settings::publish(mqtt, config, Vec::new())?, mqtt.commands)))
        };
        Ok(Self {
            closed,
            opened,
            unwired,
            wired,
            networks,
            lists: old.lists != new.lists,
            rules: old.access != new.access,
            privacy,
            broker: publisher(old)? != publisher(new)?,
            // It knows what may be shown.
            http: old.http != new.http || new.http.is_some() && privacy,
            webhooks: old.webhooks != new.webhooks,
            log: old.log != new.log,
            rhythm: old.health != new.health || old.journal.retention != new.journal.retention,
        })
    }

    pub(super) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// What changes, for the log.
    pub(super) fn words(&self) -> String {
        let mut words = Vec::new();
        let mut say = |what: &str, names: Vec<String>| {
            if !names.is_empty() {
                words.push(format!("{what} {}", names.join(", ")));
            }
        };
        let cameras = |ids: &BTreeSet<CameraId>| ids.iter().map(ToString::to_string).collect();
        let gates = |ids: &BTreeSet<GateId>| ids.iter().map(ToString::to_string).collect();
        say("cameras closed:", cameras(&self.closed));
        say("cameras opened:", cameras(&self.opened));
        say("gates unwired:", gates(&self.unwired));
        say("gates wired:", gates(&self.wired));
        let parts = [
            (self.networks, "networks"),
            (self.lists, "lists"),
            (self.rules, "rules of access"),
            (self.privacy, "privacy"),
            (self.broker, "broker"),
            (self.http, "http"),
            (self.webhooks, "webhooks"),
            (self.log, "log"),
            (self.rhythm, "intervals"),
        ];
        words.extend(parts.iter().filter(|(changed, _)| *changed).map(|(_, word)| (*word).to_owned()));
        if words.is_empty() { "nothing".to_owned() } else { words.join("; ") }
    }
}

/// Of two sets of named things: which of the old ones end, and which of the new ones begin.
fn exchanged<'a, Id: Clone + Ord + 'a, Thing: 'a>(
    old: impl Iterator<Item = (&'a Id, &'a Thing)>,
    new: impl Iterator<Item = (&'a Id, &'a Thing)>,
    same: impl Fn(&Thing, &Thing) -> bool,
) -> (BTreeSet<Id>, BTreeSet<Id>) {
    let (old, new): (Vec<_>, Vec<_>) = (old.collect(), new.collect());
    let stays = |id: &Id| {
        let find =
            |side: &[(&'a Id, &'a Thing)]| side.iter().find(|(of, _)| *of == id).map(|(_, thing)| *thing);
        matches!((find(&old), find(&new)), (Some(a), Some(b)) if same(a, b))
    };
    let moved = |side: &[(&'a Id, &'a Thing)]| {
        side.iter().map(|(id, _)| *id).filter(|id| !stays(id)).cloned().collect()
    };
    (moved(&old), moved(&new))
}

/// The configuration that can be in force without a restart: as `new` wherever that is possible. With the tables that
/// wait for the restart.
pub(super) fn possible(old: &Config, new: &Config) -> (Config, Waiting) {
    let mut config = new.clone();
    let mut waiting = Vec::new();
    // Open files and sockets, and what everything else was built upon.
    let kept = |journal: &Journal| Journal { retention: new.journal.retention, ..journal.clone() };
    if kept(&old.journal) != new.journal {
        waiting.push("[journal], all but retention");
        config.journal = kept(&old.journal);
    }
    if old.evidence != new.evidence {
        waiting.push("[evidence]");
        config.evidence.clone_from(&old.evidence);
    }
    // Threads get their share when they begin.
    if old.threads != new.threads {
        waiting.push("[threads]");
        config.threads.clone_from(&old.threads);
    }
    if old.control != new.control {
        waiting.push("[control]");
        config.control.clone_from(&old.control);
    }
    // The journal writes an outbox if there is a broker.
    if old.mqtt.is_some() != new.mqtt.is_some() {
        waiting.push("[mqtt], which was not there before or is gone");
        config.mqtt.clone_from(&old.mqtt);
    }
    // Cameras keep a picture for whoever asks for it, if there is somebody to ask.
    if old.http.is_some() != new.http.is_some() {
        waiting.push("[http], which was not there before or is gone");
        config.http.clone_from(&old.http);
    }
    let loaded = |config: &Config| {
        let engine = &config.engine;
        (engine.order.clone(), engine.models.clone(), engine.hailo.clone())
    };
    if loaded(old) != loaded(new) {
        waiting.push("[engine] order, models and hailo");
        (config.engine.order, config.engine.models, config.engine.hailo) = loaded(old);
    }
    (config, waiting)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    const BASE: &str = r#"
        [journal]
        path = "j.db"
        [[camera]]
        name = "north"
        [camera.v4l2]
        [[camera]]
        name = "south"
        [camera.rtsp]
        url = "rtsp://192.0.2.1/s"
        [[list]]
        name = "staff"
        kind = "allow"
        plates = [{ plate = "B123ABC" }]
        [[gate]]
        name = "main"
        cameras = ["north"]
        [gate.gpio]
        line = "GPIO17"
        [[gate]]
        name = "yard"
        cameras = ["south"]
        [gate.gpio]
        line = "GPIO27"
        [mqtt]
        host = "broker"
    "#;

    fn config(text: &str) -> Config {
        let folder = tempfile::tempdir().unwrap();
        // The same path every time, so that only what is written differs.
        let text = text.replace("\"j.db\"", "\"/nowhere/j.db\"");
        let file = folder.path().join("amslpr.toml");
        std::fs::write(&file, text).unwrap();
        config::load_with(&file, None).unwrap_or_else(|report| panic!("{report}")).config
    }

    /// What a change of the text exchanges, and what waits.
    fn check(from: &str, to: &str, words: &str, waits: &[&str]) {
        assert!(from.is_empty() || BASE.contains(from), "{from}");
        let (old, new) = (
            config(BASE),
            config(&if from.is_empty() { format!("{BASE}{to}") } else { BASE.replace(from, to) }),
        );
        let (possible, waiting) = possible(&old, &new);
        assert_eq!(waiting, waits, "{from} to {to}");
        let difference = Difference::between(&old, &possible).unwrap();
        assert_eq!(difference.words(), words, "{from} to {to}");
        assert_eq!(difference.is_nothing(), words == "nothing");
    }

    #[test]
    fn only_what_changed_is_exchanged() {
        check("", "", "nothing", &[]);
        check("", "\n# a comment\n", "nothing", &[]);
        check("192.0.2.1", "192.0.2.2", "cameras closed: south; cameras opened: south", &[]);
        check("name = \"south\"\n", "name = \"south\"\nenabled = false\n", "cameras closed: south", &[]);
        check(
            "[camera.v4l2]\n",
            "[camera.v4l2]\n[[camera]]\nname = \"third\"\n[camera.v4l2]\ndevice = \"/dev/video2\"\n",
            "cameras opened: third; broker",
            &[],
        );
        check("GPIO27", "GPIO22", "gates unwired: yard; gates wired: yard", &[]);
        check("B123ABC", "B123ABD", "lists", &[]);
        check("", "[access]\nlongest-stay = \"10h\"\n", "rules of access", &[]);
        check("host = \"broker\"", "host = \"other\"", "broker", &[]);
        let webhook = "[[webhook]]\nname = \"a\"\nurl = \"http://127.0.0.1/\"\nsecret = { credential = \"amslpr.a\" }\n";
        check("", webhook, "webhooks", &[]);
        check("", "[log]\nlevel = \"debug\"\n", "log", &[]);
        check("", "[health]\nevery = \"10s\"\n", "intervals", &[]);
        check("path = \"j.db\"", "path = \"j.db\"\nretention = \"30d\"", "intervals", &[]);
        check(
            "",
            "[passage]\nsure = 0.99\n",
            "cameras closed: north, south; cameras opened: north, south",
            &[],
        );
        check(
            "",
            "[privacy]\nmode = \"listed-only\"\n",
            "gates unwired: main, yard; gates wired: main, yard; privacy",
            &[],
        );
        check("", "[privacy]\nnever-store = [\"staff\"]\n", "privacy", &[]);
    }

    #[test]
    fn what_cannot_be_exchanged_keeps_its_settings_and_is_named() {
        check("j.db", "k.db", "nothing", &["[journal], all but retention"]);
        check("", "[evidence]\nenabled = true\n", "nothing", &["[evidence]"]);
        check("", "[threads]\nlook-nice = 5\n", "nothing", &["[threads]"]);
        check("", "[control]\nsocket = \"/run/other/c.sock\"\n", "nothing", &["[control]"]);
        check(
            "[mqtt]\n        host = \"broker\"",
            "",
            "nothing",
            &["[mqtt], which was not there before or is gone"],
        );
        check("", "[engine]\norder = [\"cpu\"]\n", "nothing", &["[engine] order, models and hailo"]);
        check(
            "",
            "[engine]\nthreads = 2\n",
            "cameras closed: north, south; cameras opened: north, south; networks",
            &[],
        );
    }
}
