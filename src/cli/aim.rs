//! `amslpr aim`: how good a look a camera gives at plates, once a second, for whoever is on the ladder.

use std::{
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;

use super::{Exit, annotate, camera};
use crate::{
    capture::{Camera, Care, Delivery, Origin},
    clock::{Clock, SystemClock},
    config,
    daemon::{
        self,
        chain::{Chain, Networks, Sighting},
    },
    frame::{Frame, convert},
    mailbox::Received,
    read::aim::{self, Finding, Grade, Look},
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of the camera; may be left out if there is only one.
    camera: Option<String>,
    /// The main configuration file; conf.d/*.toml beside it is read too.
    #[arg(long, value_name = "FILE", default_value = config::MAIN_FILE)]
    config: PathBuf,
    /// How fast vehicles are where plates are read.
    #[arg(long, value_name = "KM/H", default_value_t = 30.0, value_parser = speed)]
    speed: f32,
    /// End after this long, such as 30s; without it Ctrl-C ends.
    #[arg(long = "for", value_name = "TIME", value_parser = camera::time_span)]
    span: Option<Duration>,
    /// Write the picture, with what was found painted in it, to this JPEG file: once a second what is seen now, for a
    /// viewer that follows the file; at the end the best look.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

fn speed(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(speed) if (1.0..=300.0).contains(&speed) => Ok(speed),
        _ => Err("a speed from 1 to 300 km/h".to_owned()),
    }
}

/// A picture is looked at this often.
const EVERY: Duration = Duration::from_secs(1);
/// Frames alive at once.
const BUFFERS: usize = 4;
/// Without a frame for this long, what is wrong is said.
const PATIENCE: Duration = Duration::from_secs(5);

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    super::plain_logging();
    let (config, camera) = match camera::find(&args.config, args.camera.as_deref()) {
        Ok(found) => found,
        Err(exit) => return Ok(exit),
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let networks = Networks::load(&daemon::chain_settings(&config))?;
    let mut chain = networks.chain(Arc::clone(&clock))?;
    let origin = Origin::new(camera.id.clone(), Arc::clone(&clock), BUFFERS);
    let source = daemon::camera_source(&camera, origin.clone()).map_err(anyhow::Error::msg)?;
    tell!(
        "{}, at {} km/h: expose for {} or less",
        source.describe(),
        args.speed,
        fraction(aim::shutter(args.speed))
    )?;
    let (running, frames) = Camera::start(source, &origin, Delivery::Latest(1), &Care::default())?;
    let mut out = std::io::stdout();
    let live = out.is_terminal();
    // The look that was graded best, its grade and confidence; before the first plate, the newest picture.
    let mut kept: Option<(Frame, Vec<Sighting>)> = None;
    let mut best_yet: Option<(Grade, f32)> = None;
    let (mut looks, mut with_plate) = (0_u32, 0_u32);
    let end = args.span.map(|span| clock.now() + span);
    loop {
        if end.is_some_and(|end| clock.now() >= end) {
            break;
        }
        match frames.receive(PATIENCE) {
            Received::Item(frame) => {
                let began = clock.now();
                let plates = look(&mut chain, &frame)?;
                let best = best(&frame, &plates)?;
                looks += 1;
                with_plate += u32::from(best.is_some());
                say(&mut out, live, best.as_deref(), frame.size)?;
                let sure = plates.iter().map(|seen| seen.confidence().value()).fold(0.0, f32::max);
                let this = best.map(|findings| (aim::grade(&findings), sure));
                let is_better = match (this, best_yet) {
                    (Some((grade, sure)), Some((best, surest))) => {
                        grade < best || (grade == best && sure > surest)
                    }
                    (this, None) => this.is_some() || kept.is_none(),
                    (None, Some(_)) => false,
                };
                if let Some(path) = &args.out {
                    show(&frame, &plates, config.log.plates, path)?;
                }
                if is_better {
                    best_yet = this;
                    kept = Some((frame, plates));
                }
                clock.sleep(EVERY.saturating_sub(clock.now().since(began)));
            }
            Received::Nothing => {
                let why = running.stats().last_error().unwrap_or_else(|| "it gives no picture".to_owned());
                writeln!(out, "{why}")?;
            }
            Received::Closed => break,
        }
    }
    drop(running);
    if let Some(path) = &args.out {
        let (frame, plates) = kept.as_ref().context("there was no picture that could be written")?;
        show(frame, plates, config.log.plates, path)?;
        tell!("{} shows the best look", path.display())?;
    }
    if let Some((grade, _)) = best_yet {
        tell!("a plate in {with_plate} of {looks} looks; the best of them: {}", grade.as_str())?;
    }
    Ok(match best_yet {
        Some((Grade::Pass | Grade::Fair, _)) => Exit::Success,
        Some((Grade::Fail, _)) => Exit::Failure,
        None => {
            tell!("no plate was seen: hold one up where vehicles will stand, or park a car there")?;
            Exit::Failure
        }
    })
}

/// Paints what was found into a picture. Whoever follows the file sees a whole one at any time.
fn show(frame: &Frame, plates: &[Sighting], texts: bool, path: &Path) -> anyhow::Result<()> {
    let mut picture = convert::to_rgb(frame)?;
    let hidden = plates.iter().map(|seen| Sighting { read: None, formatted: None, ..seen.clone() });
    // A plate's text is personal data; its box is not.
    let shown: Vec<_> = if texts { plates.to_vec() } else { hidden.collect() };
    annotate::paint(&mut picture, &shown);
    // What is no file of its own is written into.
    if std::fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) {
        return annotate::save(&picture, path);
    }
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    annotate::save(&picture, &part)?;
    std::fs::rename(&part, path).with_context(|| format!("cannot write {}", path.display()))
}

fn look(chain: &mut Chain, frame: &Frame) -> anyhow::Result<Vec<Sighting>> {
    Ok(chain.look(frame)?.plates)
}

/// What there is to say of the largest plate in view.
fn best(frame: &Frame, plates: &[Sighting]) -> anyhow::Result<Option<Vec<Finding>>> {
    let tallest =
        |a: &&Sighting, b: &&Sighting| a.detection.corners.height().total_cmp(&b.detection.corners.height());
    let Some(seen) = plates.iter().max_by(tallest) else { return Ok(None) };
    let picture = convert::to_rgb(frame)?;
    let sharpness = seen.read.as_ref().map(|read| read.quality.sharpness);
    let mut findings = Look::at(&picture, &seen.detection, sharpness).findings();
    let confidence = seen.confidence().value();
    let grade = match confidence {
        _ if confidence >= 0.8 => Grade::Pass,
        _ if confidence >= 0.4 => Grade::Fair,
        _ => Grade::Fail,
    };
    let advice = (grade != Grade::Pass).then(|| "mend the others first; is it a plate at all?".to_owned());
    findings.push(Finding { what: "read", value: format!("{confidence:.2}"), grade, advice });
    Ok(Some(findings))
}

fn say(
    out: &mut impl Write,
    live: bool,
    findings: Option<&[Finding]>,
    size: crate::geometry::Size,
) -> std::io::Result<()> {
    if live {
        // The same lines again and again: to the upper left corner, and what was there before away.
        write!(out, "\x1b[H\x1b[2J")?;
    }
    match findings {
        None => writeln!(out, "{size}: no plate in view")?,
        Some(findings) => {
            writeln!(out, "{size}: the tallest plate in view: {}", aim::grade(findings).as_str())?;
            for finding in findings {
                writeln!(out, "  {:<4}  {:<10} {:>9}", finding.grade.as_str(), finding.what, finding.value)?;
                if let Some(advice) = &finding.advice {
                    writeln!(out, "        > {advice}")?;
                }
            }
        }
    }
    out.flush()
}

/// `1/495 s`.
fn fraction(time: Duration) -> String {
    format!("1/{:.0} s", 1.0 / time.as_secs_f32().max(1e-6))
}
