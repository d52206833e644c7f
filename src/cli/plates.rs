//! `amslpr plates`: who is on which list; adds and removes plates while the daemon runs, from the line or from CSV.
//!
//! Entries of the configuration and of the files that it names are shown, and changed only there.

mod show;
mod transfer;

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;

use super::Exit;
use crate::{
    access::{Actor, Added, Change, NewEntry, Pass},
    clock::{Clock, SystemClock},
    config::{self, Config, When, plates},
    daemon::lists::{ChangeError, Desk},
    journal::{Applied, ApplyError},
    plate::PlateText,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
    /// The daemon's configuration, which names the lists and the journal.
    #[arg(long, value_name = "FILE", default_value = config::MAIN_FILE, global = true)]
    config: PathBuf,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Put a plate on a list; a running daemon decides by it within a second.
    Add(Add),
    /// Take plates off a list.
    Remove {
        list: String,
        #[arg(required = true, value_parser = plate)]
        plates: Vec<PlateText>,
    },
    /// Show every entry: of the configuration, and added.
    List(show::Listing),
    /// Add the plates of a CSV file; all of them or, if one line is wrong, none.
    Import(transfer::Import),
    /// Write entries as CSV, in the form that import reads.
    Export(transfer::Export),
    /// Show who changed what, newest first.
    Audit(show::Audit),
    /// Show who is inside: let in and not seen leaving. Kept where anti-passback or a capacity asks for it.
    Inside,
    /// Say that vehicles are not inside any more, where their leaving was not seen.
    Left {
        #[arg(required = true, value_parser = plate)]
        plates: Vec<PlateText>,
    },
}

#[derive(Debug, clap::Args)]
struct Add {
    /// A list of the configuration.
    list: String,
    #[arg(value_parser = plate)]
    plate: PlateText,
    /// Whose it is; stands in decisions.
    #[arg(long)]
    note: Option<String>,
    /// It counts from this day or time on: 2026-12-01, 2026-12-01T08:00, 2026-12-01T07:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = when)]
    from: Option<When>,
    /// It counts to the end of this day, or before this time.
    #[arg(long, value_name = "TIME", value_parser = when)]
    until: Option<When>,
    /// A guest: to be let in so many times.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    uses: Option<u32>,
    /// A guest: to be let in for so long from the first time on, such as 4h or 3d.
    #[arg(long, value_name = "TIME", value_parser = plates::lasts)]
    lasts: Option<Duration>,
    /// A schedule of the configuration; the list's own then has no say.
    #[arg(long, value_name = "NAME")]
    schedule: Option<String>,
    /// The plate is on the list already: this takes the place of what was said of it before, limits included.
    #[arg(long)]
    replace: bool,
}

fn plate(written: &str) -> Result<PlateText, String> {
    PlateText::normalise(written).map_err(|error| error.to_string())
}

fn when(written: &str) -> Result<When, String> {
    written.parse()
}

/// What every sub-command works with.
struct Office {
    desk: Desk,
    config: Config,
    actor: Actor,
    clock: SystemClock,
}

impl Office {
    /// What was added; nothing where no daemon has made the journal yet.
    fn entries(&self) -> anyhow::Result<Vec<Added>> {
        match self.config.journal.path.try_exists() {
            Ok(false) => Ok(Vec::new()),
            _ => Ok(self.desk.store()?.entries()?),
        }
    }

    /// All changes or none; a refusal is told one by one.
    fn apply(&self, changes: &[Change]) -> anyhow::Result<Result<Applied, Vec<(usize, String)>>> {
        match self.desk.apply(changes, &self.actor, self.clock.wall()) {
            Ok(applied) => Ok(Ok(applied)),
            Err(ChangeError::Apply(ApplyError::Refused(refusals))) => {
                Ok(Err(refusals.into_iter().map(|(at, refusal)| (at, refusal.to_string())).collect()))
            }
            Err(error) => Err(error).context("nothing was changed"),
        }
    }

    fn change(&self, changes: &[Change]) -> anyhow::Result<Exit> {
        match self.apply(changes)? {
            Ok(applied) => {
                tell!("{}", summary(&applied))?;
                Ok(Exit::Success)
            }
            Err(refusals) => {
                refusals.iter().for_each(|(_, refusal)| eprintln!("amslpr: {refusal}"));
                eprintln!("amslpr: nothing was changed");
                Ok(Exit::Failure)
            }
        }
    }
}

fn summary(applied: &Applied) -> String {
    let parts = [
        (applied.added, "added"),
        (applied.changed, "changed"),
        (applied.removed, "removed"),
        (applied.unchanged, "as before"),
    ];
    let told: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if told.is_empty() { "nothing to change".to_owned() } else { told.join(", ") }
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let config = match config::load(&args.config) {
        Ok(loaded) => loaded.config,
        Err(report) => {
            report.print();
            return Ok(Exit::Configuration);
        }
    };
    let desk = Desk::new(&config.journal.path, Arc::new(config.lists.clone()));
    let office = Office { desk, config, actor: who(), clock: SystemClock::start() };
    match &args.what {
        What::Add(add) => put(&office, add),
        What::Remove { list, plates } => {
            let remove = |plate: &PlateText| Change::Remove { list: list.clone(), plate: plate.clone() };
            office.change(&plates.iter().map(remove).collect::<Vec<_>>())
        }
        What::List(listing) => show::list(&office, listing),
        What::Import(import) => transfer::import(&office, import),
        What::Export(export) => transfer::export(&office, export),
        What::Audit(audit) => show::audit(&office, audit),
        What::Inside => show::inside(&office),
        What::Left { plates } => left(&office, plates),
    }
}

/// One plate onto one list. What stands there of it already is not overwritten unasked: a guest pass would become a
/// pass for good.
fn put(office: &Office, add: &Add) -> anyhow::Result<Exit> {
    let entry = NewEntry {
        plate: add.plate.clone(),
        note: add.note.clone(),
        from: add.from.and_then(When::begin),
        until: add.until.and_then(When::end),
        pass: Pass { uses: add.uses, lasts: add.lasts },
        schedule: add.schedule.clone(),
    };
    let (list, plate, until) = (add.list.clone(), &add.plate, entry.until);
    let there = office.entries()?.into_iter().find(|one| one.list == list && one.entry.plate == *plate);
    if there.is_some_and(|one| one.entry != entry) && !add.replace {
        eprintln!(
            "amslpr: {plate} is on {list} already, and differently (`amslpr plates list {list}`): say --replace if \
             this is to take its place; nothing was changed"
        );
        return Ok(Exit::Failure);
    }
    if office.desk.configured().has(&list, plate) {
        eprintln!(
            "amslpr: {plate} stands on {list} in the configuration too: it counts as long as either does"
        );
    }
    if until.is_some_and(|until| until <= office.clock.wall()) {
        eprintln!("amslpr: {plate} counts until a time that is over: this entry does nothing");
    }
    office.change(&[Change::Add { list, entry }])
}

fn left(office: &Office, plates: &[PlateText]) -> anyhow::Result<Exit> {
    let mut store = office.desk.store()?;
    let mut exit = Exit::Success;
    for plate in plates {
        match store.leave(plate, &office.actor, office.clock.wall())? {
            true => tell!("{plate} is not inside any more")?,
            false => {
                eprintln!("amslpr: {plate} is not known to be inside");
                exit = Exit::Failure;
            }
        }
    }
    Ok(exit)
}

/// Who types: the login name if there is one, and the user number, which nobody can claim.
fn who() -> Actor {
    let uid = rustix::process::getuid().as_raw();
    let names = ["SUDO_USER", "LOGNAME", "USER"];
    let name = names.iter().find_map(|name| std::env::var(name).ok()).filter(|name| !name.is_empty());
    Actor::new(&match name {
        Some(name) => format!("{name} (uid {uid})"),
        None => format!("uid {uid}"),
    })
}
