//! `amslpr trace`: what every stage does, frame by frame, for a while, in a file that Perfetto and Chrome show; and which
//! frames took longest, at once.
//!
//! The file is a JSON array in Google's Trace Event Format (complete events "X", asynchronous ones "b" and "e", names of
//! threads "M"; times in microseconds). Its end may be missing when the command was interrupted: the format allows that.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{Exit, camera, status::Ear};
use crate::{
    clock::{Clock, Moment, SystemClock},
    daemon::control::{
        ask::ask,
        words::{Request, TraceStep},
    },
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file to write; open it at ui.perfetto.dev or chrome://tracing. It names cameras, and no plates.
    out: PathBuf,
    /// How long, such as 30s.
    #[arg(long = "for", value_name = "TIME", default_value = "10s", value_parser = camera::time_span)]
    span: Duration,
    #[command(flatten)]
    ear: Ear,
}

/// How often what was seen is fetched.
const EVERY: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(5);
/// Frames that are told of.
const SLOWEST: usize = 5;

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let socket = args.ear.path();
    // Asked first: where somebody else traces, no file is begun.
    asked(&socket, TraceStep::Begin)?;
    let begun = File::create(&args.out).and_then(|file| Trace::begin(BufWriter::new(file)));
    let mut trace = match begun {
        Ok(trace) => trace,
        Err(error) => {
            asked(&socket, TraceStep::End)?;
            return Err(error).with_context(|| format!("cannot write {}", args.out.display()));
        }
    };
    let clock = SystemClock::start();
    let written = loop {
        clock.sleep(EVERY.min(args.span));
        let is_over = clock.now().since(Moment::ZERO) >= args.span;
        let fetched = std::iter::from_fn(|| Some(asked(&socket, TraceStep::Fetch)));
        match take(&mut trace, fetched) {
            Ok(()) if is_over => break Ok(()),
            Ok(()) => {}
            // What there is until now is kept.
            Err(error) => break Err(error),
        }
    };
    if written.is_ok() {
        asked(&socket, TraceStep::End)?;
    }
    let told = trace.end().with_context(|| format!("cannot write {}", args.out.display()))?;
    tell!("{}: {}", args.out.display(), told.summary(clock.now().since(Moment::ZERO)))?;
    for line in told.slowest() {
        tell!("{line}")?;
    }
    written.context("the trace ends before its time")?;
    Ok(Exit::Success)
}

/// Writes down what is fetched until there is no more.
fn take(
    trace: &mut Trace<impl Write>,
    mut fetched: impl Iterator<Item = anyhow::Result<Value>>,
) -> anyhow::Result<()> {
    while let Some(piece) = fetched.next().transpose()? {
        trace.write(&piece)?;
        if piece["more"] != true {
            break;
        }
    }
    Ok(())
}

fn asked(socket: &Path, step: TraceStep) -> anyhow::Result<Value> {
    let reply = ask(socket, &Request::Trace { step }, PATIENCE)?;
    anyhow::ensure!(reply.ok, "{}", reply.text);
    Ok(reply.report.unwrap_or_default())
}

/// A trace on its way into a file.
struct Trace<W: Write> {
    out: W,
    told: Told,
}

/// What is said of a trace when it is over.
#[derive(Debug, Default)]
struct Told {
    spans: u64,
    missed: u64,
    lanes: Vec<String>,
    /// By lane, the frame that is being looked at.
    looks: BTreeMap<usize, Look>,
    /// Those that took longest.
    slowest: Vec<Look>,
    frames: u64,
}

/// What was done with one frame.
#[derive(Debug, Default)]
struct Look {
    lane: usize,
    frame: u64,
    /// By stage, how long it took in microseconds, and how often.
    stages: BTreeMap<String, (u64, u64)>,
}

impl<W: Write> Trace<W> {
    fn begin(mut out: W) -> std::io::Result<Self> {
        out.write_all(
            b"[\n{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":1,\"args\":{\"name\":\"amslpr\"}}",
        )?;
        Ok(Self { out, told: Told::default() })
    }

    fn event(&mut self, event: &Value) -> std::io::Result<()> {
        write!(self.out, ",\n{event}")
    }

    /// One fetched piece.
    fn write(&mut self, piece: &Value) -> std::io::Result<()> {
        let lanes = piece["lanes"].as_array().map(Vec::as_slice).unwrap_or_default();
        for (lane, name) in lanes.iter().enumerate().skip(self.told.lanes.len()) {
            self.event(
                &json!({"name": "thread_name", "ph": "M", "pid": 1, "tid": lane, "args": {"name": name}}),
            )?;
        }
        self.told.lanes = lanes.iter().map(|name| name.as_str().unwrap_or("?").to_owned()).collect();
        self.told.missed = piece["missed"].as_u64().unwrap_or_default();
        for span in piece["spans"].as_array().map(Vec::as_slice).unwrap_or_default() {
            self.span(span)?;
        }
        Ok(())
    }

    /// `[stage, lane, frame, began, took, well]`.
    fn span(&mut self, span: &Value) -> std::io::Result<()> {
        let number = |at: usize| span[at].as_u64().unwrap_or_default();
        let (stage, lane, began, took) = (span[0].as_str().unwrap_or("?"), number(1), number(3), number(4));
        let about = json!({"frame": span[2], "well": span[5]});
        self.told.spans += 1;
        let event = |kind: &str, at: u64| json!({"name": stage, "cat": "stage", "ph": kind, "ts": at, "pid": 1, "tid": lane, "args": about});
        if matches!(stage, "capture" | "publish") {
            // Several of a lane may be under way at once, which complete events cannot show.
            let id = self.told.spans;
            for (kind, at) in [("b", began), ("e", began.saturating_add(took))] {
                let mut event = event(kind, at);
                event["id"] = json!(id);
                self.event(&event)?;
            }
            return Ok(());
        }
        let mut event = event("X", began);
        event["dur"] = json!(took);
        self.event(&event)?;
        if let Some(frame) = span[2].as_u64().filter(|_| stage != "decode") {
            self.told.note(lane as usize, frame, stage, took);
        }
        Ok(())
    }

    fn end(mut self) -> std::io::Result<Told> {
        self.out.write_all(b"\n]\n")?;
        self.out.flush()?;
        for look in std::mem::take(&mut self.told.looks).into_values() {
            self.told.is_over(look);
        }
        Ok(self.told)
    }
}

impl Told {
    fn summary(&self, span: Duration) -> String {
        let missed = if self.missed > 0 { format!(", {} missed", self.missed) } else { String::new() };
        format!(
            "{} pieces of work in {:.0} s{missed}, {} frames looked at; open it at ui.perfetto.dev",
            self.spans,
            span.as_secs_f64(),
            self.frames
        )
    }

    /// A frame's work on a lane comes in one go; the next frame's is the end of it.
    fn note(&mut self, lane: usize, frame: u64, stage: &str, took: u64) {
        let look = self.looks.entry(lane).or_insert_with(|| Look { lane, frame, ..Look::default() });
        if look.frame != frame {
            let over = std::mem::replace(look, Look { lane, frame, ..Look::default() });
            self.is_over(over);
        }
        if let Some(look) = self.looks.get_mut(&lane) {
            let part = look.stages.entry(stage.to_owned()).or_default();
            *part = (part.0.saturating_add(took), part.1 + 1);
        }
    }

    fn is_over(&mut self, look: Look) {
        self.frames += 1;
        self.slowest.push(look);
        self.slowest.sort_by_key(|look| std::cmp::Reverse(look.whole()));
        self.slowest.truncate(SLOWEST);
    }

    /// The frames that took longest, with what took so long.
    fn slowest(&self) -> Vec<String> {
        let of = |look: &Look| {
            let name = self.lanes.get(look.lane).map_or("?", String::as_str);
            format!("  {name:<20} frame {:<8} {:>8.1} ms: {}", look.frame, millis(look.whole()), look.words())
        };
        self.slowest.iter().map(of).collect()
    }
}

impl Look {
    fn whole(&self) -> u64 {
        self.stages.values().map(|(took, _)| *took).fold(0, u64::saturating_add)
    }

    /// The stages, the longest first.
    fn words(&self) -> String {
        let mut parts: Vec<_> = self.stages.iter().collect();
        parts.sort_by_key(|(_, (took, _))| std::cmp::Reverse(*took));
        let words = parts.iter().map(|(stage, (took, times))| {
            let times = if *times > 1 { format!(" ({times} times)") } else { String::new() };
            format!("{stage} {:.1}{times}", millis(*took))
        });
        words.collect::<Vec<_>>().join(", ")
    }
}

fn millis(micros: u64) -> f64 {
    micros as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_a_trace_and_the_slowest_frames_are_told_with_their_reason() {
        let mut out = Vec::new();
        let mut trace = Trace::begin(&mut out).unwrap();
        let pieces = [
            json!({"lanes": ["camera yard"], "missed": 0, "more": true, "spans": [
                ["prepare", 0, 7, 1000, 900, true], ["detect", 0, 7, 1900, 21_000, true], ["decode", 0, 7, 10, 50, true]]}),
            json!({"lanes": ["camera yard", "publish"], "missed": 2, "more": false, "spans": [
                ["read", 0, 8, 30_000, 40_000, false], ["read", 0, 8, 70_000, 2_000, true], ["publish", 1, null, 5, 9, true]]}),
            json!({"lanes": [], "spans": [["vote", 0, 99, 1, 1, true]]}), // asked for by nobody
        ];
        take(&mut trace, pieces.into_iter().map(Ok)).unwrap();
        let told = trace.end().unwrap();
        let events: Vec<Value> = serde_json::from_slice(&out).unwrap();
        let count = |kind: &str| events.iter().filter(|event| event["ph"] == kind).count();
        assert_eq!((count("X"), count("b"), count("e"), count("M")), (5, 1, 1, 3));
        let read = events.iter().find(|event| event["name"] == "read").unwrap();
        assert_eq!(
            (&read["ts"], &read["dur"], &read["args"]["well"]),
            (&json!(30_000), &json!(40_000), &json!(false))
        );
        assert!(
            told.summary(Duration::from_secs(3)).starts_with("6 pieces of work in 3 s, 2 missed, 2 frames")
        );
        let slowest = told.slowest();
        assert!(slowest[0].contains("camera yard") && slowest[0].contains("frame 8"), "{slowest:?}");
        assert!(slowest[0].ends_with("42.0 ms: read 42.0 (2 times)"), "{slowest:?}");
        assert!(slowest[1].ends_with("21.9 ms: detect 21.0, prepare 0.9"), "{slowest:?}");
    }
}
