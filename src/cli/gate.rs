//! `amslpr gate`: open a gate by hand, and bring the lines of a daemon that is gone to rest.

use std::{collections::HashSet, path::PathBuf, time::Duration};

use super::{
    Exit,
    status::{self, USUAL_FOLDER},
};
use crate::{
    clock::{Clock, SystemClock},
    config::{self, Config},
    daemon::{
        control::{ask::ask, words::Request},
        resting,
    },
    gate::{self, Wiring, relay},
};

/// The daemon takes no longer for anything.
const PATIENCE: Duration = Duration::from_secs(25);

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Ask the running daemon to open a gate once. Who asked, and why, is recorded.
    Open(Open),
    /// Bring every gate's line to rest, for a daemon that is gone; the service does so after every stop.
    Release(Release),
}

#[derive(Debug, clap::Args)]
struct Open {
    /// Name of the gate.
    gate: String,
    /// Why; it is recorded.
    #[arg(long, value_name = "WORDS")]
    reason: String,
    /// The main configuration file, which says where the daemon listens.
    #[arg(long, value_name = "FILE", default_value = config::MAIN_FILE)]
    config: PathBuf,
}

#[derive(Debug, clap::Args)]
struct Release {
    /// The main configuration file; what the daemon noted when it started counts as well.
    #[arg(long, value_name = "FILE", default_value = config::MAIN_FILE)]
    config: PathBuf,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.verb {
        Verb::Open(open) => self::open(open),
        Verb::Release(release) => Ok(self::release(release)),
    }
}

fn open(args: &Open) -> anyhow::Result<Exit> {
    let socket = status::socket(&args.config);
    let name = ["SUDO_USER", "LOGNAME", "USER"].iter().find_map(|key| std::env::var(key).ok());
    let request = Request::GateOpen { gate: args.gate.clone(), reason: args.reason.clone(), name };
    let reply = ask(&socket, &request, PATIENCE)?;
    if reply.ok {
        tell!("{}", reply.text)?;
        return Ok(Exit::Success);
    }
    eprintln!("amslpr: {}", reply.text);
    Ok(Exit::Failure)
}

/// Does as much as it can and says what it could not.
fn release(args: &Release) -> Exit {
    let loaded = config::load(&args.config).map(|loaded| loaded.config);
    let mut exit = Exit::Success;
    let mut failed = |what: String| {
        eprintln!("amslpr: {what}");
        exit = Exit::Failure;
    };
    let mut lines: HashSet<Wiring> = HashSet::new();
    for note in notes(loaded.as_ref().ok()) {
        match resting::noted(&note) {
            Ok(noted) => lines.extend(noted),
            Err(error) => failed(format!("{}: {error}", note.display())),
        }
    }
    match &loaded {
        Ok(config) => lines.extend(resting::lines(config)),
        Err(report) if lines.is_empty() => {
            report.print();
            failed("no line is known: the configuration cannot be read and no daemon left a note".to_owned());
        }
        Err(_) => {}
    }
    let clock = SystemClock::start();
    for wiring in &lines {
        match gate::bring_to_rest(wiring, |time| clock.sleep(time)) {
            Ok(()) => {
                // The other lines come first: whoever closed our output does not keep them from resting.
                let _ = tell!("{} is at rest", wiring.address);
            }
            Err(error) => failed(format!("{} may be switched on: {error}", wiring.address)),
        }
    }
    for relay in loaded.as_ref().map(resting::relays).unwrap_or_default() {
        if let Err(error) = relay::bring_to_rest(relay) {
            failed(error);
        }
    }
    exit
}

/// Where daemons leave their notes: the service's own folder, and where the configuration has its socket.
fn notes(config: Option<&Config>) -> Vec<PathBuf> {
    let service = std::env::var_os("RUNTIME_DIRECTORY").map_or_else(|| USUAL_FOLDER.into(), PathBuf::from);
    let mut places = vec![resting::place(&service.join("control.sock"))];
    places.extend(config.map(|config| resting::place(&config.control.socket)));
    places.dedup();
    places
}
