//! `amslpr replay`: what a camera's settings make of a recording, the same every time on one engine.
//!
//! Nothing is recorded, published or opened. For people a row a passage; for programs a JSON line each, which holds
//! nothing that differs from run to run.

use std::{io::Write, path::PathBuf, sync::Arc};

use jiff::Timestamp;
use serde::Serialize;

use super::{Exit, camera};
use crate::{
    access::Porter,
    capture::{Origin, Source as _, replay},
    clock::{Clock, SystemClock},
    config,
    daemon::{
        self,
        chain::Networks,
        pipeline::{Pipeline, Stats},
    },
    fact::{Closed, Fact},
    passage::CountedIds,
    shutdown::shutdown,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The recording: a clip, or a folder of pictures.
    file: PathBuf,
    /// The main configuration file; conf.d/*.toml beside it is read too.
    #[arg(long, value_name = "FILE", default_value = config::MAIN_FILE)]
    config: PathBuf,
    /// The camera whose zones, role and lists count; may be left out if there is only one.
    #[arg(long, value_name = "NAME")]
    camera: Option<String>,
    /// When the recording began, such as 2026-11-27T08:00:00Z: schedules and validities go by it.
    #[arg(long, value_name = "TIME", default_value = "1970-01-01T00:00:00Z")]
    at: Timestamp,
    /// Print a JSON object a passage.
    #[arg(long)]
    json: bool,
}

/// Frames alive at once: the decoder's and ours.
const BUFFERS: usize = 4;

/// A passage, without anything that depends on the machine's speed.
#[derive(Debug, Serialize)]
struct PassageReport {
    passage: String,
    camera: String,
    text: Option<String>,
    confidence: f32,
    raw: Option<String>,
    region: Option<String>,
    runner_up: Option<String>,
    began: String,
    ended: String,
    frames: u32,
    votes: u32,
    direction: Option<&'static str>,
    verdict: Option<&'static str>,
    reason: Option<&'static str>,
    engine: Option<&'static str>,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    super::plain_logging();
    let (config, camera) = match camera::find(&args.config, args.camera.as_deref()) {
        Ok(found) => found,
        Err(exit) => return Ok(exit),
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let networks = Networks::load(&daemon::chain_settings(&config))?;
    let porter = Arc::new(Porter::new(config.access.clone()));
    // The lists as configured: what people added since would make tomorrow's replay another one.
    porter.use_lists(Arc::new(config.lists.with(&[]).0));
    let origin = Origin::new(camera.id.clone(), Arc::clone(&clock), BUFFERS);
    let (_trigger, stop) = shutdown();
    let recording = replay::Settings {
        pacing: replay::Pacing::Fast,
        epoch: Some(args.at),
        ..replay::Settings::new(&args.file)
    };
    let mut stream = replay::Replay::new(recording, origin).open(&stop)?;
    let mut settings = daemon::pipeline_settings(&camera, &config, porter, networks.plate_score());
    (settings.live, settings.pictures) = (false, 0);
    let ids = Box::new(CountedIds::default());
    let mut pipeline = Pipeline::new(&networks, &settings, ids, Arc::new(Stats::default()), clock)?;
    let mut out = std::io::stdout().lock();
    let outcome = loop {
        match stream.next(&stop) {
            Ok(Some(frame)) => {
                let facts = pipeline.step(&frame)?;
                print(facts, args.json, &mut out)?;
            }
            Ok(None) => break Ok(Exit::Success),
            Err(error) => break Err(error),
        }
    };
    // What was seen before a cut still counts.
    print(pipeline.finish(), args.json, &mut out)?;
    Ok(outcome?)
}

fn print(facts: Vec<Fact>, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    for fact in facts {
        let Fact::Closed(closed) = fact else { continue };
        let report = report(&closed);
        if json {
            writeln!(out, "{}", serde_json::to_string(&report)?)?;
        } else {
            writeln!(
                out,
                "  {:<12}  {:>4.2}  {:<7}  {:<10}  {} to {}, {} frames, {}",
                report.text.as_deref().unwrap_or("(unreadable)"),
                report.confidence,
                report.verdict.unwrap_or("-"),
                report.reason.unwrap_or("-"),
                report.began,
                report.ended,
                report.frames,
                report.direction.unwrap_or("no direction"),
            )?;
        }
    }
    Ok(out.flush()?)
}

fn report(closed: &Closed) -> PassageReport {
    let (passage, reading) = (&closed.passage, closed.passage.reading.as_ref());
    PassageReport {
        passage: passage.id.to_string(),
        camera: passage.camera.to_string(),
        text: reading.map(|reading| reading.text.to_string()),
        confidence: reading.map_or(0.0, |reading| (reading.confidence.value() * 1e3).round() / 1e3),
        raw: reading.map(|reading| reading.raw.to_string()),
        region: reading.and_then(|reading| reading.region).map(|region| region.to_string()),
        runner_up: reading.and_then(|reading| reading.runner_up.as_ref()).map(|(text, _)| text.to_string()),
        began: passage.began.to_string(),
        ended: passage.ended.unwrap_or(passage.began).to_string(),
        frames: passage.frames,
        votes: reading.map_or(0, |reading| reading.votes),
        direction: passage.direction.map(|direction| direction.as_str()),
        verdict: closed.decision.as_ref().map(|decision| decision.verdict.as_str()),
        reason: closed.decision.as_ref().map(|decision| decision.reason.as_str()),
        engine: reading.map(|reading| reading.engine.as_str()),
    }
}
