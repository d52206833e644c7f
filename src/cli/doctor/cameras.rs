//! `amslpr doctor cameras`: the cameras at this machine and what they offer, and what each configured one gives.

use std::{path::Path, path::PathBuf, sync::Arc, time::Duration};

use super::print;
use crate::{
    capture::{
        Camera, CameraState, Care, Condition, Delivery, Origin, habits,
        v4l2::{
            Controls,
            list::{self, Found},
        },
        watch,
    },
    cli::Exit,
    clock::{Clock, SystemClock},
    config::{self, Source},
    daemon,
    frame::glance::Glance,
    infer::hailo::examine::{Finding, Verdict},
    mailbox::Received,
    shutdown::shutdown,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The main configuration file; conf.d/*.toml beside it is read too.
    #[arg(long, value_name = "FILE", default_value = config::MAIN_FILE)]
    config: PathBuf,
    /// Only list the cameras at this machine.
    #[arg(long)]
    list: bool,
}

/// A camera has to give a picture within this time,
const FIRST: Duration = Duration::from_secs(12);
/// and is looked at for this long.
const LOOK: Duration = Duration::from_secs(4);
/// What it sends is looked at until two key frames have come, or for this long.
const HABITS: Duration = Duration::from_secs(12);
/// Sizes shown per format.
const SIZES: usize = 4;
/// Frames alive at once.
const BUFFERS: usize = 4;

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let (found, closed) = list::devices();
    for camera in &found {
        print(&device(camera));
    }
    for device in &closed {
        let detail = format!("{}: {}", device.device.display(), device.why);
        let advice = Some("the user that asks must be in the group `video`".to_owned());
        print(&Finding { verdict: Verdict::Doubtful, what: "device", detail, advice });
    }
    let is_bare = found.is_empty() && closed.is_empty();
    if args.list || !args.config.exists() {
        if is_bare {
            print(&none_here(true));
        }
        if !args.list {
            tell!("{}: not there, so no configured camera is looked at", args.config.display())?;
        }
        return Ok(Exit::Success);
    }
    let config = match config::load(&args.config) {
        Ok(loaded) => loaded.config,
        Err(report) => {
            report.print();
            return Ok(Exit::Configuration);
        }
    };
    if is_bare {
        // Who has cameras on the network misses none here.
        let misses = config.cameras.is_empty()
            || config.cameras.iter().any(|camera| matches!(camera.source, Source::V4l2 { .. }));
        print(&none_here(misses));
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let mut worst = Verdict::Good;
    for camera in config.cameras.iter().filter(|camera| camera.enabled) {
        for finding in examine(camera, &found, &clock)? {
            print(&finding);
            if worst == Verdict::Good || finding.verdict == Verdict::Bad {
                worst = finding.verdict;
            }
        }
        if let Some(finding) = controls_now(camera) {
            print(&finding);
        }
    }
    Ok(if worst == Verdict::Bad { Exit::Failure } else { Exit::Success })
}

fn none_here(misses: bool) -> Finding {
    let detail = "no camera is plugged in here".to_owned();
    Finding { verdict: Verdict::Good, what: "device", detail, advice: misses.then(|| bridge().to_owned()) }
}

/// How a Pi's own camera is fed: its pictures need the image processor that only libcamera drives.
fn bridge() -> &'static str {
    "a Raspberry Pi's own (CSI) camera is no V4L2 camera by itself: serve it as RTSP on this machine (rpicam-vid or \
     MediaMTX), or start amslpr under `libcamerify`"
}

fn device(camera: &Found) -> Finding {
    let name = camera.stable.as_deref().unwrap_or(&camera.device);
    let mut detail = format!("{} ({}, {}) at {}", name.display(), camera.card, camera.driver, camera.bus);
    for format in &camera.formats {
        let more = format.sizes.len().saturating_sub(SIZES);
        let sizes = format.sizes.iter().take(SIZES).cloned().collect::<Vec<_>>().join(" ");
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let unread = if format.read { "" } else { " (not read here)" };
        detail.push_str(&format!("\n     {:<12} {}{unread} {sizes}{more}", "", format.code));
    }
    if !camera.controls.is_empty() {
        detail.push_str(&format!("\n     {:<12} {}", "", controls(camera)));
    }
    let readable = camera.formats.iter().any(|format| format.read);
    let raw = camera.driver.contains("unicam") || camera.driver.contains("rp1-cfe");
    let advice = (!readable).then(|| if raw { bridge() } else { "no format of it is read here" }.to_owned());
    let verdict = if readable { Verdict::Good } else { Verdict::Doubtful };
    Finding { verdict, what: "device", detail, advice }
}

fn controls(camera: &Found) -> String {
    let controls = camera.controls.iter().map(|(name, value)| format!("{name} = {value}"));
    controls.collect::<Vec<_>>().join(", ")
}

/// How a camera's controls stand after it was opened, where the configuration sets some.
fn controls_now(camera: &config::Camera) -> Option<Finding> {
    let Source::V4l2 { device, controls: wanted, .. } = &camera.source else { return None };
    let device = (*wanted != Controls::default()).then(|| device.canonicalize().ok())??;
    let (found, _) = list::devices();
    let found = found.iter().find(|one| one.device == device)?;
    Some(Finding::good("camera", format!("{}: {} now", camera.id, controls(found))))
}

/// Opens a camera and looks at what it gives for some seconds.
fn examine(camera: &config::Camera, found: &[Found], clock: &Arc<dyn Clock>) -> anyhow::Result<Vec<Finding>> {
    let origin = Origin::new(camera.id.clone(), Arc::clone(clock), BUFFERS);
    let source = daemon::camera_source(camera, origin.clone()).map_err(anyhow::Error::msg)?;
    let what = "camera";
    let name = format!("{}: {}", camera.id, source.describe());
    let watch = watch::Settings { motion: None, ..watch::Settings::default() };
    let care = Care { watch: Some(watch), ..Care::default() };
    let (running, frames) = Camera::start(source, &origin, Delivery::Latest(1), &care)?;
    let mut findings = Vec::new();
    if let Source::V4l2 { device, .. } = &camera.source
        && let Some(stable) = unstable(device, found)
    {
        let detail = format!("{name}: its number may change when it is plugged in again");
        let advice = Some(format!("write device = \"{}\"", stable.display()));
        findings.push(Finding { verdict: Verdict::Doubtful, what, detail, advice });
    }
    let began = clock.now();
    let mut seen: Vec<(crate::clock::Moment, crate::geometry::Size)> = Vec::new();
    let mut glance = Glance::default();
    loop {
        let now = clock.now();
        let over = match seen.first() {
            None => now.since(began) > FIRST,
            Some((first, _)) => now.since(*first) > LOOK,
        };
        let gone = matches!(running.stats().state(), CameraState::Failed);
        if over || gone {
            break;
        }
        match frames.receive(Duration::from_millis(200)) {
            Received::Item(frame) => {
                seen.push((now, frame.size));
                glance.look(&frame)?;
            }
            Received::Nothing => {}
            Received::Closed => break,
        }
    }
    let why = running.stats().last_error();
    let Some((_, size)) = seen.last().copied() else {
        let why = why.unwrap_or_else(|| format!("no picture within {} s", FIRST.as_secs()));
        findings.push(Finding {
            verdict: Verdict::Bad,
            what,
            detail: format!("{}: {why}", camera.id),
            advice: None,
        });
        return Ok(findings);
    };
    let span =
        seen.last().map_or(Duration::ZERO, |(at, _)| at.since(seen.first().map_or(*at, |(at, _)| *at)));
    let rate = (seen.len().saturating_sub(1)) as f64 / span.as_secs_f64().max(0.001);
    let counts = running.stats().counts();
    let mut detail = format!("{name}: {size}, {rate:.1} pictures a second");
    if counts.broken > 0 {
        detail.push_str(&format!(", {} broken", counts.broken));
    }
    let advice = match (running.stats().condition(), glance.mean()) {
        (Condition::Dark, _) | (_, ..16.0) => {
            Some("the picture is all dark: light, exposure, a covered lens?")
        }
        _ if size.height < 480 => Some("few pixels: use the camera's main stream if plates are far away"),
        _ if rate < 5.0 && seen.len() > 2 => {
            Some("few pictures: vehicles may pass between them; 10 to 15 a second are good")
        }
        _ if counts.broken * 20 > counts.seen => {
            Some("many broken pictures: the network loses packets; try transport = \"tcp\"")
        }
        _ => None,
    };
    let verdict = if advice.is_some() { Verdict::Doubtful } else { Verdict::Good };
    findings.push(Finding { verdict, what, detail, advice: advice.map(str::to_owned) });
    drop(running);
    if let Source::Rtsp { .. } = &camera.source {
        findings.push(stream(camera, clock)?);
    }
    Ok(findings)
}

/// What a network camera sends.
fn stream(camera: &config::Camera, clock: &Arc<dyn Clock>) -> anyhow::Result<Finding> {
    let origin = Origin::new(camera.id.clone(), Arc::clone(clock), BUFFERS);
    let mut rtsp = daemon::network_camera(camera, origin).map_err(anyhow::Error::msg)?;
    let (_trigger, stop) = shutdown();
    let what = "stream";
    Ok(match habits::of(&mut rtsp, HABITS, clock.as_ref(), &stop) {
        Ok(habits) => {
            let advice = habits.advice().map(str::to_owned);
            let verdict = if advice.is_some() { Verdict::Doubtful } else { Verdict::Good };
            Finding { verdict, what, detail: format!("{}: {habits}", camera.id), advice }
        }
        Err(error) => {
            let detail = format!("{}: what it sends could not be looked at: {error}", camera.id);
            Finding { verdict: Verdict::Doubtful, what, detail, advice: None }
        }
    })
}

/// The name that stays, where another one was written.
fn unstable(device: &Path, found: &[Found]) -> Option<PathBuf> {
    let camera = found.iter().find(|camera| camera.device == device)?;
    camera.stable.clone()
}
