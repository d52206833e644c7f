//! `amslpr maintain`: the upkeep of the journal, as the timers do it: check, erase, tidy up, back up.
//!
//! Beside a running daemon. What became of it is printed, kept for `amslpr status`, and the exit code.

use std::path::PathBuf;

use jiff::tz::TimeZone;

use super::{Exit, journal::Place};
use crate::{
    clock::{Clock, SystemClock},
    daemon::{board::Board, examine},
    journal::care::{
        Pace,
        upkeep::{Report, Work, upkeep},
    },
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only these, in this order whatever is written [default: all; back up where --backup names a folder].
    #[arg(long, value_enum, value_name = "STEP", value_delimiter = ',')]
    only: Vec<Step>,
    /// Keep a backup of each day of the week in this folder; each is put back into a scratch file and compared.
    #[arg(long, value_name = "DIR")]
    backup: Option<PathBuf>,
    /// MiB a second that are moved at most, so that the daemon does not wait for the disk.
    #[arg(long, value_name = "MIB", default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    rate: u64,
    /// Print what became of it as one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Step {
    /// Look for damage and for what was changed, taken out or added.
    Check,
    /// Erase what is older than [journal] retention says; a running daemon does that by itself.
    Erase,
    /// Refresh the search planner's figures, give free space back to the disk.
    Tidy,
    /// Make a backup.
    Backup,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    super::plain_logging();
    let Some(found) = args.place.find() else { return Ok(Exit::Configuration) };
    let wanted = |step: Step| args.only.is_empty() || args.only.contains(&step);
    if args.only.contains(&Step::Backup) && args.backup.is_none() {
        eprintln!("amslpr: where to? Name the folder of the backups: --backup DIR");
        return Ok(Exit::Usage);
    }
    let clock = SystemClock::start();
    let retention = found.config.as_ref().and_then(|config| config.journal.retention);
    let may_erase = wanted(Step::Erase) && examine::is_clock_set(clock.wall(), &Board::default());
    let mut work = Work {
        check: wanted(Step::Check),
        erase: retention.filter(|_| may_erase),
        tidy: wanted(Step::Tidy),
        backup: args.backup.clone().filter(|_| wanted(Step::Backup)),
        pace: Pace::of(args.rate << 20),
    };
    let report = upkeep(&found.path, &mut work, &clock)?;
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print(&found.path, &work, &report);
    }
    Ok(if report.problems().is_empty() { Exit::Success } else { Exit::Failure })
}

fn print(path: &std::path::Path, work: &Work, report: &Report) {
    let kib = |bytes: u64| bytes.div_ceil(1024);
    if let Some(kept) = &report.kept {
        let facts = kept.facts.map(|facts| format!("{facts} facts, ")).unwrap_or_default();
        let erased = match kept.erased {
            Some(erased) => format!(", {erased} facts erased for their age"),
            None if work.erase.is_some() => ", erasing is left to the running daemon".to_owned(),
            None => String::new(),
        };
        let (before, after, seconds) = (kib(kept.bytes.0), kib(kept.bytes.1), kept.seconds);
        println!("{}: {facts}{before} KiB, now {after} KiB{erased}; {seconds:.1} s", path.display());
    }
    if let Some(saved) = &report.backup
        && let (Some(file), Some(made)) = (&saved.file, saved.made)
    {
        let made = made.0.to_zoned_datetime(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string();
        let (size, seconds) = (kib(saved.bytes), saved.seconds);
        println!("{}: {size} KiB of {made}, put back and compared; {seconds:.1} s", file.display());
    }
    for problem in report.problems() {
        println!("wrong: {problem}");
    }
}
