//! From the configuration to each stage's own settings: the one place that knows both.

use std::sync::Arc;

use super::{chain, locked::Locked, pipeline};
use crate::{
    access::Porter,
    api, backoff,
    capture::{
        self, Care, Decode, Origin, Wish, condition, motion,
        replay::Replay,
        rtsp::{self, Rtsp},
        v4l2::{self, V4l2},
        watch,
    },
    clock::WallTrust,
    config::{self, Config, GateOutput, Source, Transport},
    detect,
    frame::glance,
    gate,
    geometry::{Point, Size},
    infer::hailo::Plan,
    journal, publish, track,
};

/// Which networks on which engines.
pub fn chain(config: &Config) -> chain::Settings {
    // The tracker carries a plate through blur on detections too weak to found a track: they have to reach it.
    let score = config.detect.score.map_or(config.track.weak, |score| score.min(config.track.weak));
    chain::Settings {
        models: config.engine.models.clone(),
        order: config.engine.order.clone(),
        hailo: hailo(config),
        onnx: config.engine.onnx.clone(),
        threads: config.engine.threads,
        detect: detect::Settings { score: Some(score), ..config.detect },
        tesseract: config.tesseract,
        recall: config.recall,
        regions: config.regions.clone(),
        ..chain::Settings::default()
    }
}

/// Deaths in the Hailo's library are remembered beside the journal, which the service may write.
fn hailo(config: &Config) -> Plan {
    let mut plan = config.engine.hailo.clone();
    plan.settings.crash_file = Some(config.journal.path.with_file_name("hailo-crashes"));
    plan
}

/// `plate_score` is what the detector's own description asks of a plate.
pub fn pipeline(
    camera: &config::Camera,
    config: &Config,
    porter: Arc<Porter>,
    plate_score: f32,
) -> pipeline::Settings {
    let strong = config.detect.score.unwrap_or(plate_score);
    pipeline::Settings {
        choose: config.choose,
        track: track::Settings { strong, zones: camera.zones.clone(), ..config.track.clone() },
        passage: config.passage.clone(),
        porter,
        // The vehicles in view, and what waits to be written.
        pictures: if config.evidence.is_some() { PICTURES } else { 0 },
        ..pipeline::Settings::new(camera.id.clone(), !is_recording(camera))
    }
}

pub(super) const fn is_recording(camera: &config::Camera) -> bool {
    matches!(camera.source, Source::Replay(_))
}

/// Pictures of one camera in memory: 8 of 1920x1080 are 25 MB.
const PICTURES: usize = 8;
/// Pictures of all cameras that may wait to be encoded.
const PICTURES_WAITING: usize = 8;

pub(super) fn evidence(config: &Config, trust: &WallTrust) -> Option<journal::evidence::Settings> {
    let wanted = config.evidence.as_ref()?;
    Some(journal::evidence::Settings {
        folder: wanted.path.clone(),
        plate: wanted.plate,
        frame: wanted.frame,
        quality: wanted.quality,
        // No image outlives its passage.
        retention: [wanted.retention, config.journal.retention].into_iter().flatten().min(),
        largest_bytes: wanted.largest,
        keep_free: wanted.keep_free,
        queue: PICTURES_WAITING,
        trust: trust.clone(),
    })
}

pub(super) fn gate(
    gate: &config::Gate,
    outlet: impl Fn(Option<String>, Option<String>) -> gate::Output,
) -> gate::Settings {
    let output = match &gate.output {
        GateOutput::Line(wiring) => gate::Output::Line(wiring.clone()),
        GateOutput::Relay(relay) => gate::Output::Relay(relay.clone()),
        GateOutput::Wiegand { zero, one, settings } => {
            gate::Output::Wiegand { zero: zero.clone(), one: one.clone(), settings: settings.clone() }
        }
        GateOutput::Message { topic, payload } => outlet(topic.clone(), payload.clone()),
    };
    gate::Settings {
        id: gate.id.clone(),
        pulse: gate.pulse,
        gap: gate.gap,
        hold_off: gate.hold_off,
        output,
        interlock: gate.interlock.clone(),
        presence: gate.presence.clone(),
        retry: backoff::Settings::default(),
    }
}

pub(super) fn journal(config: &Config) -> journal::Settings {
    journal::Settings {
        outbox: config.mqtt.is_some(),
        largest_bytes: Some(config.journal.largest),
        durability: config.journal.durability,
        checkpoint_bytes: config.journal.checkpoint,
        cache_bytes: config.journal.cache,
        ..journal::Settings::default()
    }
}

/// How the HTTP API is served, where it is.
pub(super) fn http(config: &Config) -> Option<api::Settings> {
    let http = config.http.as_ref()?;
    Some(api::Settings {
        listen: http.listen,
        tls: http.tls.clone(),
        tokens: http.tokens.clone(),
        rate: http.rate,
        connections: http.connections,
        listeners: http.listeners,
        privacy: config.privacy.clone(),
    })
}

/// How a camera is kept alive and watched. A recording is looked at whole.
pub(super) fn care(camera: &config::Camera) -> Care {
    let zones = &camera.zones;
    let masked = |place: Point| zones.exclude.iter().any(|area| area.contains(place));
    let in_zone =
        |place: Point| zones.include.is_empty() || zones.include.iter().any(|area| area.contains(place));
    let motion = camera.motion.then(|| motion::Settings {
        least_change: camera.motion_change,
        counts: glance::cells().map(|place| in_zone(place) && !masked(place)).collect(),
    });
    let condition = condition::Settings {
        counts: glance::cells().map(|place| !masked(place)).collect(),
        ..condition::Settings::default()
    };
    let watch = watch::Settings { motion, linger: camera.linger, look_every: camera.look_every, condition };
    Care { watch: (!is_recording(camera)).then_some(watch), ..Care::default() }
}

/// How much of a camera is decoded.
pub(super) const fn decode(camera: &config::Camera) -> Decode {
    if is_recording(camera) { Decode::All } else { camera.decode }
}

/// What a camera's frames come from.
pub fn source(camera: &config::Camera, origin: Origin) -> Result<Box<dyn capture::Source>, String> {
    if let Source::Rtsp { url, login: Some(login), .. } = &camera.source
        && let Some(missing) = login.password.trouble()
    {
        let place = url.host_str().unwrap_or_default().to_owned();
        return Ok(Box::new(Locked { place, missing: missing.to_owned() }));
    }
    Ok(match &camera.source {
        Source::Replay(settings) => Box::new(Replay::new(settings.clone(), origin)),
        Source::V4l2 { device, width, height, fps, format, controls } => {
            let wish = Wish { size: Size::new(*width, *height), rate: f64::from(*fps), encoding: *format };
            let settings = v4l2::Settings { wish, controls: *controls, ..v4l2::Settings::new(device) };
            Box::new(V4l2::new(settings, origin))
        }
        Source::Rtsp { .. } => Box::new(network(camera, origin)?),
    })
}

/// The same, of a network camera, whose units can be had as they come.
pub fn network(camera: &config::Camera, origin: Origin) -> Result<Rtsp, String> {
    let Source::Rtsp { url, login, transport } = &camera.source else {
        return Err(format!("camera {} is none on the network", camera.id));
    };
    if let Some(missing) = login.as_ref().and_then(|login| login.password.trouble()) {
        return Err(missing.to_owned());
    }
    // The address was checked when the configuration was read; its words are not repeated here.
    let address = rtsp::Address::parse(url.as_str()).map_err(|error| error.to_string())?;
    let credentials = login
        .as_ref()
        .map(|login| rtsp::Credentials { user: login.username.clone(), password: login.password.clone() });
    let transport = match transport {
        Transport::Tcp => rtsp::Transport::Tcp,
        Transport::Udp => rtsp::Transport::Udp,
    };
    Ok(Rtsp::new(rtsp::Settings { credentials, transport, ..rtsp::Settings::new(address) }, origin))
}

/// `networks` are the task and name of each network in use.
pub(super) fn publish(
    mqtt: &config::Mqtt,
    config: &Config,
    networks: Vec<(&'static str, String)>,
) -> Result<publish::Settings, publish::TopicError> {
    let mut settings = publish::Settings::new(&mqtt.host, &mqtt.client_id)?;
    settings.topics = publish::Topics::new(&mqtt.prefix, None, &mqtt.client_id)?;
    settings.broker.port = mqtt.port;
    settings.broker.client_id.clone_from(&mqtt.client_id);
    settings.broker.keep_alive = mqtt.keep_alive;
    settings.broker.tls.clone_from(&mqtt.tls);
    settings.broker.login = match (&mqtt.username, &mqtt.password) {
        (Some(user), Some(password)) => {
            Some(publish::Login { user: user.clone(), password: password.clone() })
        }
        // `config` refuses a password without a name.
        _ => None,
    };
    let camera = |camera: &config::Camera| publish::AboutCamera {
        name: camera.id.clone(),
        role: match camera.role {
            config::Role::Entry => "entry",
            config::Role::Exit => "exit",
            config::Role::Both => "both",
        },
    };
    settings.about.cameras = config.cameras.iter().map(camera).collect();
    settings.about.gates = config.gates.iter().map(|gate| gate.id.to_string()).collect();
    settings.about.networks = networks;
    settings.images = mqtt.images;
    settings.home_assistant = mqtt.home_assistant;
    settings.discovery_prefix.clone_from(&mqtt.discovery_prefix);
    Ok(settings)
}
