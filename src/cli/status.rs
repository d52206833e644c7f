//! `amslpr status`: how the running daemon is doing, from itself, now, or again and again.
//!
//! The report is the one that is published; here it is only put into words.

use std::{
    fmt::Write as _,
    io::{IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;

use super::{Exit, stages};
use crate::{
    clock::{Clock, SystemClock},
    config,
    daemon::control::{ask::ask, words::Request},
};

/// Where the service's socket is, whatever the configuration says.
pub(super) const USUAL_FOLDER: &str = "/run/amslpr";
/// The main loop answers between two looks at its units, or after a reload.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The report as the daemon publishes it, as one JSON object.
    #[arg(long)]
    json: bool,
    /// Show it again every so many seconds, with the rates in between, until Ctrl-C.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2", conflicts_with = "json",
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    watch: Option<u64>,
    /// Show how long every stage takes.
    #[arg(long)]
    stages: bool,
    #[command(flatten)]
    ear: Ear,
}

/// Where the daemon is asked.
#[derive(Debug, clap::Args)]
pub(super) struct Ear {
    /// The main configuration file, which says where the daemon listens.
    #[arg(long, value_name = "FILE", default_value = config::MAIN_FILE)]
    config: PathBuf,
    /// Where it listens, whatever the configuration says.
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    socket: Option<PathBuf>,
}

impl Ear {
    pub(super) fn path(&self) -> PathBuf {
        self.socket.clone().unwrap_or_else(|| socket(&self.config))
    }
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let socket = args.ear.path();
    if let Some(seconds) = args.watch {
        return watch(&socket, Duration::from_secs(seconds));
    }
    let reply = ask(&socket, &Request::Status, PATIENCE)?;
    let Some(report) = reply.report.filter(|_| reply.ok) else {
        eprintln!("amslpr: {}", reply.text);
        return Ok(Exit::Failure);
    };
    if args.json {
        tell!("{report}")?;
    } else {
        print!("{}", page(&report));
        if args.stages {
            print!("{}", stages::table(&report, None));
        }
    }
    // "degraded" still does what it is for.
    Ok(if report["verdict"] == "failed" { Exit::Failure } else { Exit::Success })
}

/// Shows the report again and again: in place on a terminal, one after the other elsewhere. A daemon that is away is
/// waited for.
fn watch(socket: &Path, every: Duration) -> anyhow::Result<Exit> {
    let clock = SystemClock::start();
    let in_place = std::io::stdout().is_terminal();
    let mut before: Option<(Value, Duration)> = None;
    let mut last = clock.now();
    loop {
        let shown = match ask(socket, &Request::Status, PATIENCE) {
            Ok(reply) => match reply.report.filter(|_| reply.ok) {
                Some(report) => {
                    let since = before.as_ref().map(|(earlier, since)| (earlier, *since));
                    let shown = format!("{}{}", page(&report), stages::table(&report, since));
                    before = Some((report, every));
                    shown
                }
                None => format!("{}\n", reply.text),
            },
            Err(error) => {
                before = None;
                format!("{error}\n")
            }
        };
        let mut out = std::io::stdout().lock();
        // Clears the screen from its upper left corner on.
        let clear = if in_place { "\u{1b}[H\u{1b}[J" } else { "" };
        write!(out, "{clear}{shown}")?;
        if !in_place {
            writeln!(out)?;
        }
        out.flush()?;
        drop(out);
        clock.sleep(every);
        let now = clock.now();
        if let Some((_, since)) = &mut before {
            *since = now.since(last);
        }
        last = now;
    }
}

/// Where the daemon of this configuration listens.
pub(super) fn socket(file: &Path) -> PathBuf {
    match config::load(file) {
        Ok(loaded) => loaded.config.control.socket,
        // The running daemon has its own configuration; this one need not be right, or readable.
        Err(_) => PathBuf::from(USUAL_FOLDER).join("control.sock"),
    }
}

/// The report for people: the verdict, what is wrong, then part by part.
fn page(report: &Value) -> String {
    let mut page = String::new();
    let word = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    };
    let mut say = |name: &str, text: String| {
        // Writing into a string does not fail.
        let _ = writeln!(page, "{name:<10} {text}");
    };
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    say("verdict", word(&report["verdict"]));
    for problem in list(&report["problems"]) {
        say("", word(&problem));
    }
    let uptime = Duration::from_secs(report["uptime_s"].as_u64().unwrap_or(0));
    say("daemon", format!("{}, up {}", word(&report["version"]), span(uptime)));
    for camera in list(&report["cameras"]) {
        let lost = [("dropped", "for want of buffers"), ("broken", "not decodable"), ("reopened", "times")]
            .iter()
            .filter(|(what, _)| camera[what].as_u64().is_some_and(|count| count > 0))
            .map(|(what, how)| format!(", {what} {} {how}", camera[what]));
        let lost: String = lost.collect();
        say(
            "camera",
            format!(
                "{}: {}, {} a second, {} frames, {} looked at in {} ms each, {} reads, {} passages{lost}",
                word(&camera["name"]),
                word(&camera["state"]),
                word(&camera["fps"]),
                word(&camera["frames"]),
                word(&camera["looked_at"]),
                camera["look_ms"].as_f64().map_or_else(|| "-".to_owned(), |ms| format!("{ms:.0}")),
                word(&camera["reads"]),
                word(&camera["passages"]),
            ),
        );
    }
    for gate in list(&report["gates"]) {
        say(
            "gate",
            format!(
                "{}: {}, opened {} times, refused {}, failed {}",
                word(&gate["name"]),
                word(&gate["state"]),
                word(&gate["actuated"]),
                word(&gate["refused"]),
                word(&gate["failed"]),
            ),
        );
    }
    for engine in list(&report["engines"]) {
        let (task, preferred, now) =
            (word(&engine["task"]), word(&engine["preferred"]), word(&engine["now"]));
        let instead = match engine["failed_over"].as_bool() {
            Some(true) => format!(", standing in for {preferred}"),
            _ => String::new(),
        };
        say("engine", format!("{task}: {now}{instead}"));
    }
    // The same for every task.
    for skipped in list(&report["engines"][0]["skipped"]) {
        say("", format!("not {}: {}", word(&skipped["engine"]), word(&skipped["why"])));
    }
    say("lists", format!("{} entries", word(&report["lists"]["entries"])));
    let journal = &report["journal"];
    say(
        "journal",
        format!(
            "{} facts recorded, {} wait, {} not delivered, last commit {} ms",
            word(&journal["recorded"]),
            word(&journal["queued"]),
            word(&journal["undelivered"]),
            word(&journal["last_commit_ms"]),
        ),
    );
    say("broker", word(&report["broker"]));
    for webhook in list(&report["webhooks"]) {
        say(
            "webhook",
            format!(
                "{}: {}, told {}, refused {}, given up {}, {} facts behind",
                word(&webhook["name"]),
                word(&webhook["state"]),
                word(&webhook["delivered"]),
                word(&webhook["refused"]),
                word(&webhook["given_up"]),
                word(&webhook["behind"]),
            ),
        );
    }
    let upkeep = &report["upkeep"];
    if upkeep.is_object() {
        let (kept, saved) = (word(&upkeep["kept_at"]), word(&upkeep["backup_at"]));
        say("upkeep", format!("checked {kept}, backup {saved}"));
    }
    let recall = &report["recall"];
    if recall.is_object() {
        let rate = 100.0 * recall["hit_rate"].as_f64().unwrap_or(0.0);
        let (asked, kib) = (word(&recall["asked"]), word(&recall["kib"]));
        say("recall", format!("{rate:.1} % of {asked} crops were read before; {kib} KiB of them kept"));
    }
    if report["hailo"].is_object() {
        say("hailo", word(&report["hailo"]["state"]));
    }
    let machine = &report["machine"];
    if machine.is_object() {
        let degrees =
            machine["temperature_c"].as_f64().map_or_else(String::new, |c| format!(", {c:.0} \u{b0}C"));
        say(
            "machine",
            format!(
                "{} % busy, {} of {} MiB used ({} by amslpr), {} MiB of disk free{degrees}",
                word(&machine["cpu_percent"]),
                word(&machine["memory_used_mib"]),
                word(&machine["memory_total_mib"]),
                word(&machine["process_mib"]),
                word(&machine["disk_free_mib"]),
            ),
        );
    }
    page
}

/// `3 d 4 h`, `12 min`: the two largest units at most.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_report_is_put_into_words_whatever_is_missing_in_it() {
        let report = json!({
            "verdict": "degraded", "problems": ["camera yard is being reopened"], "version": "1.2.3", "uptime_s": 93_784,
            "cameras": [{"name": "yard", "state": "retrying", "frames": 7, "look_ms": 31.4, "broken": 3, "dropped": 0}],
            "engines": [{
                "task": "detect", "preferred": "hailo", "now": "cpu", "failed_over": true,
                "skipped": [{"engine": "onnxruntime", "why": "there is none"}],
            }],
            "webhooks": [{"name": "office", "state": "waiting", "delivered": 3, "behind": 8}],
            "gates": [{"name": "main", "state": "idle", "actuated": 2}],
        });
        let page = page(&report);
        for line in [
            "verdict    degraded\n           camera yard is being reopened\n",
            "daemon     1.2.3, up 1 d 2 h\n",
            "camera     yard: retrying, - a second, 7 frames, - looked at in 31 ms each, - reads, - passages, broken 3 not decodable\n",
            "gate       main: idle, opened 2 times, refused -, failed -\n",
            "engine     detect: cpu, standing in for hailo\n           not onnxruntime: there is none\n",
            "broker     -\n",
            "webhook    office: waiting, told 3, refused -, given up -, 8 facts behind\n",
        ] {
            assert!(page.contains(line), "{line:?} is not in\n{page}");
        }
    }
}
