//! Whether the broker, the cameras and the gates of a configuration can be reached from here, now: for `amslpr check`
//! and `amslpr doctor`.
//!
//! A short knock at each, all at once and for a bounded time; nothing is switched, sent or received. What a camera
//! gives, or a broker allows, is not asked here.

use std::{
    fs, io,
    net::{TcpStream, ToSocketAddrs as _},
    path::Path,
    sync::mpsc,
    thread,
    time::Duration,
};

use super::board::Board;
use crate::{
    caller,
    config::{Config, GateOutput, Source},
    gate,
    infer::hailo::examine::{Finding, Verdict},
};

/// How long a connection may take; a whole look takes little longer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Knocks at everything that the configuration names.
pub fn all(config: &Config, board: &Board) -> Vec<Finding> {
    let mut looks: Vec<Box<dyn FnOnce() -> Finding + Send>> = Vec::new();
    if let Some(mqtt) = &config.mqtt {
        let (host, port) = (mqtt.host.clone(), mqtt.port);
        looks.push(Box::new(move || {
            let advice = "is it running, and may this machine reach it? mosquitto listens to its own machine only \
                          unless a listener is configured";
            knock("broker", &format!("{host}:{port}"), &host, port, advice)
        }));
    }
    for webhook in &config.webhooks {
        let (name, (host, port)) = (webhook.name.clone(), caller::place(&webhook.url));
        looks.push(Box::new(move || {
            let host = host.trim_matches(['[', ']']);
            let advice =
                "is it running, and may this machine reach it? What it does not get waits in the journal";
            knock("webhook", &format!("{name}: {host}:{port}"), host, port, advice)
        }));
    }
    for camera in config.cameras.iter().filter(|camera| camera.enabled) {
        let (name, source) = (camera.id.to_string(), camera.source.clone());
        looks.push(Box::new(move || self::camera(&name, &source)));
    }
    for (name, output) in config.gates.iter().map(|gate| (gate.id.to_string(), gate.output.clone())) {
        let keeps = board.keeps_lines_driven();
        looks.push(Box::new(move || self::gate(&name, &output, keeps)));
    }
    let many = looks.len();
    let (tell, told) = mpsc::sync_channel(many);
    for (at, look) in looks.into_iter().enumerate() {
        let tell = tell.clone();
        // A name that is looked up in vain may outlive the patience; then the process ends without it.
        let spawned = thread::Builder::new().name("knock".to_owned()).spawn(move || {
            let _ = tell.send((at, look()));
        });
        if let Err(error) = spawned {
            tracing::warn!(%error, "something could not be looked at");
        }
    }
    drop(tell);
    let mut findings = Vec::new();
    while let Ok(finding) = told.recv_timeout(PATIENCE + PATIENCE) {
        findings.push(finding);
    }
    if findings.len() < many {
        let words = format!("{} of {many} things did not answer in time", many - findings.len());
        findings.push((many, bad("network", words, "look at the name servers: resolvectl status")));
    }
    findings.sort_by_key(|(at, _)| *at);
    findings.into_iter().map(|(_, finding)| finding).collect()
}

fn bad(what: &'static str, detail: String, advice: &str) -> Finding {
    Finding::of(Verdict::Bad, what, detail, advice)
}

/// Opens a connection and closes it.
fn knock(what: &'static str, name: &str, host: &str, port: u16, advice: &str) -> Finding {
    let addresses = match (host, port).to_socket_addrs() {
        Ok(addresses) => addresses,
        Err(error) => {
            return bad(
                what,
                format!("{name}: the name is not known: {error}"),
                "look at the name, or use an address",
            );
        }
    };
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(_) => return Finding::good(what, format!("{name} answers")),
            Err(error) => last = error,
        }
    }
    bad(what, format!("{name}: {last}"), advice)
}

fn camera(name: &str, source: &Source) -> Finding {
    let file = |path: &Path, advice: &str| match fs::File::open(path) {
        Ok(_) => Finding::good("camera", format!("{name}: {} can be opened", path.display())),
        Err(error) => bad("camera", format!("{name}: {}: {error}", path.display()), advice),
    };
    match source {
        Source::Replay(replay) => file(&replay.path, "is the recording there, and readable for the service?"),
        Source::V4l2 { device, .. } => file(
            device,
            "is it plugged in? `v4l2-ctl --list-devices` names cameras; the user must be in the group video",
        ),
        Source::Rtsp { url, .. } => {
            let (Some(host), port) = (url.host_str(), url.port().unwrap_or(554)) else {
                return bad("camera", format!("{name}: its address names no host"), "see amslpr.toml(5)");
            };
            let advice = "is it on, and in this network? `ffprobe` with its address shows what it gives";
            // Brackets belong to an address in a URL only.
            let host = host.trim_matches(['[', ']']);
            knock("camera", &format!("{name}: {host}:{port}"), host, port, advice)
        }
    }
}

fn gate(name: &str, output: &GateOutput, keeps_driven: bool) -> Finding {
    let line = |wiring: &gate::Wiring| match gate::user_of(&wiring.address) {
        Ok(Some(by)) if !by.starts_with("amslpr") => bad(
            "gate",
            format!("{name}: {} is used by {by:?}", wiring.address),
            "end that program, or choose another line",
        ),
        Ok(_) if keeps_driven => Finding::of(
            Verdict::Doubtful,
            "gate",
            format!(
                "{name}: {} is there; this kernel keeps it driven when the service is killed",
                wiring.address
            ),
            "add dtparam=strict_gpiod to /boot/firmware/config.txt, if the kernel has it; the service brings it to \
             rest after it was killed, all the same",
        ),
        Ok(_) => Finding::good("gate", format!("{name}: {} is there", wiring.address)),
        Err(error) => bad("gate", format!("{name}: {error}"), "see \"Wire a gate\" in the README"),
    };
    match output {
        GateOutput::Line(wiring) => line(wiring),
        GateOutput::Wiegand { zero, one, .. } => match line(zero) {
            Finding { verdict: Verdict::Bad, what, detail, advice } => {
                Finding { verdict: Verdict::Bad, what, detail, advice }
            }
            _ => line(one),
        },
        GateOutput::Relay(relay) => {
            let (host, port) = caller::place(&relay.url);
            knock(
                "gate",
                &format!("{name}: {host}:{port}"),
                &host,
                port,
                "is the relay on, and in this network?",
            )
        }
        GateOutput::Message { .. } => Finding::good("gate", format!("{name}: by message to the broker")),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn an_open_door_answers_and_a_closed_one_is_told_with_a_remedy() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let open = knock("broker", "here", "127.0.0.1", port, "start it");
        assert_eq!((open.verdict, open.detail.as_str()), (Verdict::Good, "here answers"));
        drop(listener);
        let closed = knock("broker", "here", "127.0.0.1", port, "start it");
        assert_eq!((closed.verdict, closed.advice.as_deref()), (Verdict::Bad, Some("start it")));
    }

    #[test]
    fn a_camera_that_is_not_there_is_named() {
        let source = Source::V4l2 {
            device: "/dev/video-not-there".into(),
            width: 640,
            height: 480,
            fps: 5,
            format: None,
            controls: crate::capture::v4l2::Controls::default(),
        };
        let finding = camera("yard", &source);
        assert_eq!(finding.verdict, Verdict::Bad);
        assert!(finding.detail.starts_with("yard: /dev/video-not-there: "), "{finding:?}");
    }
}
