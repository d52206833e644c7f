//! A clip: its plates followed from frame to frame, as a camera's would be, without journal or broker.
//!
//! For people a row a passage; for programs a JSON line a frame, as for pictures, and one a passage at the end.

use std::{io::Write, path::Path, sync::Arc};

use anyhow::Context;
use serde::Serialize;

use super::Args;
use crate::{
    capture::{Origin, Source as _, replay},
    cli::{
        annotate,
        report::{PictureReport, PlateReport, file_name, ms},
    },
    clock::Clock,
    daemon::{
        chain::Networks,
        pipeline::{Pipeline, Settings, Stats},
    },
    fact::{Closed, Fact},
    frame::{CameraId, convert},
    passage::CountedIds,
    shutdown::shutdown,
};

/// Frames alive at once: the decoder's and ours.
const BUFFERS: usize = 4;

/// A passage of a clip, as a line of JSON.
#[derive(Debug, Serialize)]
struct PassageReport<'a> {
    clip: &'a str,
    passage: String,
    text: Option<String>,
    confidence: f32,
    raw: Option<String>,
    region: Option<String>,
    runner_up: Option<String>,
    /// Seconds into the clip.
    began: f64,
    ended: f64,
    frames: u32,
    votes: u32,
    direction: Option<&'static str>,
    engine: Option<&'static str>,
}

/// Follows one clip to its end and prints what passed.
pub(super) fn follow(
    args: &Args,
    path: &Path,
    networks: &Networks,
    clock: &Arc<dyn Clock>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let name = file_name(path);
    // Kept until the end: dropping it would be the stop signal.
    let (_trigger, stop) = shutdown();
    let origin = Origin::new(CameraId::new(&name), Arc::clone(clock), BUFFERS);
    let settings = replay::Settings {
        pacing: replay::Pacing::Fast,
        epoch: Some(jiff::Timestamp::UNIX_EPOCH),
        ..replay::Settings::new(path)
    };
    let mut stream = replay::Replay::new(settings, origin.clone()).open(&stop)?;
    let settings = Settings { passage: args.passage_settings(), ..Settings::new(origin.camera, false) };
    let ids = Box::new(CountedIds::default());
    let mut pipeline =
        Pipeline::new(networks, &settings, ids, Arc::new(Stats::default()), Arc::clone(clock))?;
    let mut eyes =
        if args.json || args.annotate.is_some() { Some(networks.chain(Arc::clone(clock))?) } else { None };
    loop {
        let start = clock.now();
        let frame = match stream.next(&stop) {
            Ok(Some(frame)) => frame,
            Ok(None) => break,
            Err(error) => {
                // What was seen before the cut still counts.
                print(&name, pipeline.finish(), args.json, out)?;
                return Err(error.into());
            }
        };
        let decoded = clock.now();
        let facts = pipeline.step(&frame).with_context(|| format!("{name}, frame {}", frame.seq))?;
        if let Some(eyes) = &mut eyes {
            let look = eyes.look(&frame)?;
            if let Some(folder) = &args.annotate {
                let mut picture = convert::to_rgb(&frame)?;
                annotate::paint(&mut picture, &look.plates);
                annotate::save(&picture, &annotate::target(folder, path, Some(frame.seq)))?;
            }
            if args.json {
                let report = PictureReport {
                    image: name.clone(),
                    path: path.display().to_string(),
                    frame: Some(frame.seq),
                    at: Some(frame.captured.as_micros() as f64 / 1e6),
                    width: frame.size.width,
                    height: frame.size.height,
                    plates: look.plates.iter().map(PlateReport::from).collect(),
                    ms: ms(look.detect_time + look.read_time),
                    detect_ms: ms(look.detect_time),
                    read_ms: ms(look.read_time),
                    decode_ms: ms(decoded.since(start)),
                };
                writeln!(out, "{}", serde_json::to_string(&report)?)?;
            }
        }
        print(&name, facts, args.json, out)?;
    }
    print(&name, pipeline.finish(), args.json, out)
}

fn print(name: &str, facts: Vec<Fact>, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    for fact in facts {
        if let Fact::Closed(closed) = fact {
            let report = report(name, &closed);
            if json {
                writeln!(out, "{}", serde_json::to_string(&report)?)?;
            } else {
                row(&report, out)?;
            }
        }
    }
    out.flush()?;
    Ok(())
}

fn report<'a>(name: &'a str, closed: &Closed) -> PassageReport<'a> {
    let (p, reading) = (&closed.passage, closed.passage.reading.as_ref());
    let seconds = |at: jiff::Timestamp| at.as_microsecond() as f64 / 1e6;
    PassageReport {
        clip: name,
        passage: p.id.to_string(),
        text: reading.map(|r| r.text.to_string()),
        confidence: reading.map_or(0.0, |r| (r.confidence.value() * 1e3).round() / 1e3),
        raw: reading.map(|r| r.raw.to_string()),
        region: reading.and_then(|r| r.region).map(|r| r.to_string()),
        runner_up: reading.and_then(|r| r.runner_up.as_ref()).map(|(text, _)| text.to_string()),
        began: seconds(p.began),
        ended: seconds(p.ended.unwrap_or(p.began)),
        frames: p.frames,
        votes: reading.map_or(0, |r| r.votes),
        direction: p.direction.map(|d| d.as_str()),
        engine: reading.map(|r| r.engine.as_str()),
    }
}

fn row(report: &PassageReport<'_>, out: &mut impl Write) -> std::io::Result<()> {
    let span = format!("{:.1} s to {:.1} s, {} frames", report.began, report.ended, report.frames);
    writeln!(
        out,
        "  {:<12}  {:>4.2}  {:<6}  {:<22}  {:<9}  {}",
        report.text.as_deref().unwrap_or("(unreadable)"),
        report.confidence,
        report.region.as_deref().unwrap_or("-"),
        span,
        report.engine.unwrap_or("-"),
        report.clip,
    )
}
