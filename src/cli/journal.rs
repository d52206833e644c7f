//! `amslpr journal`: looking after the journal's file: verify, backup, restore, export, health, erase.

mod export;

use std::path::PathBuf;

use anyhow::Context;
use jiff::tz::TimeZone;
use serde_json::json;

use super::Exit;
use crate::{
    clock::{Clock, SystemClock},
    config,
    fact::privacy::searched,
    journal::{
        Reader,
        care::{self, Health, Pace},
        evidence,
    },
    plate::PlateText,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    place: Place,
}

/// Which journal is meant.
#[derive(Debug, clap::Args)]
pub struct Place {
    /// The daemon's configuration, which names the journal.
    #[arg(long, value_name = "FILE", default_value = config::MAIN_FILE, global = true)]
    config: PathBuf,
    /// A journal file, whatever the configuration says.
    #[arg(long, value_name = "FILE", conflicts_with = "config", global = true)]
    journal: Option<PathBuf>,
}

/// A journal, and what the configuration says about it where there is one.
pub(super) struct Found {
    pub path: PathBuf,
    pub config: Option<config::Config>,
}

impl Place {
    /// `None`: the configuration has problems, which were printed.
    pub(super) fn find(&self) -> Option<Found> {
        if let Some(path) = &self.journal {
            return Some(Found { path: path.clone(), config: None });
        }
        match config::load(&self.config) {
            Ok(loaded) => {
                Some(Found { path: loaded.config.journal.path.clone(), config: Some(loaded.config) })
            }
            Err(report) => {
                report.print();
                None
            }
        }
    }
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Check a journal, or a copy of one: its structure, and that nothing in it was changed, taken out or added.
    Verify {
        /// The file [default: the journal of the configuration].
        file: Option<PathBuf>,
        /// A head noted earlier, NUMBER:HASH as this command prints it: also check that the journal still builds on it.
        #[arg(long, value_name = "NR:HASH")]
        head: Option<String>,
    },
    /// Copy the journal while the daemon writes it; compressed if the name ends with .gz.
    Backup { target: PathBuf },
    /// Put a backup in the journal's place; the journal that was there is kept beside it.
    Restore { backup: PathBuf },
    /// Print passages as CSV or JSON, oldest last.
    Export(export::Args),
    /// Print when something began to be wrong with the node, or ended, newest first, and what was wrong then.
    Health {
        /// At most so many.
        #[arg(long, short = 'n', value_name = "N", default_value_t = 20)]
        limit: usize,
        /// A JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Erase a plate from every passage that names it, images included. The passages stay, without text; so does the proof
    /// that nothing else was changed. It goes from the record of who changed lists, too; an entry stays until
    /// `amslpr plates remove`.
    Erase {
        #[arg(long)]
        plate: String,
    },
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    super::plain_logging();
    if let What::Verify { file: Some(file), head } = &args.what {
        return verify(&care::verify(file)?, head.as_deref(), file);
    }
    let Some(found) = args.place.find() else { return Ok(Exit::Configuration) };
    let path = &found.path;
    match &args.what {
        What::Verify { head, .. } => return verify(&care::verify(path)?, head.as_deref(), path),
        What::Backup { target } => {
            let bytes = care::back_up(path, target, &mut Pace::free())?;
            tell!("{}: {} KiB, put back and compared", target.display(), bytes.div_ceil(1024))?;
        }
        What::Restore { backup } => {
            let kept = care::restore(backup, path, SystemClock::start().wall())?;
            tell!("{} is now what {} holds", path.display(), backup.display())?;
            if let Some(kept) = kept {
                tell!("what was there before is kept as {}", kept.display())?;
            }
        }
        What::Export(how) => return export::run(how, path),
        What::Health { limit, json } => {
            for change in Reader::open(path)?.health(*limit)? {
                if *json {
                    let (at, verdict) = (change.at.to_string(), change.verdict);
                    tell!("{}", json!({ "at": at, "verdict": verdict, "problems": change.problems }))?;
                    continue;
                }
                let at =
                    change.at.to_zoned_datetime(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string();
                tell!("  {at}  {:<8}  {}", change.verdict, change.problems.join("; "))?;
            }
        }
        What::Erase { plate } => {
            let text = PlateText::normalise(plate).with_context(|| format!("{plate:?} is no plate"))?;
            let config = found.config.as_ref();
            if let Some(missing) = config.and_then(|config| config.privacy.mode.trouble()) {
                anyhow::bail!("plates are kept under pseudonyms, whose key is not to be had: {missing}");
            }
            // Passages may name it by a pseudonym; who changed its entry when names it by itself.
            let written = found.config.as_ref().map(|config| searched(&config.privacy.mode, &text));
            let mut passages = care::erase_plate(path, &text)?;
            if let Some(written) = written.filter(|written| *written != text) {
                passages.extend(care::erase_plate(path, &written)?);
            }
            let mut images = 0;
            if let Some(evidence) = found.config.as_ref().and_then(|config| config.evidence.as_ref()) {
                for id in &passages {
                    images += evidence::erase(&evidence.path, *id)
                        .with_context(|| format!("erasing images in {}", evidence.path.display()))?;
                }
            }
            tell!("{} passages named it; their texts are erased, and {images} images", passages.len())?;
        }
    }
    Ok(Exit::Success)
}

fn verify(health: &Health, head: Option<&str>, path: &std::path::Path) -> anyhow::Result<Exit> {
    let chain = &health.chain;
    for damage in &health.damage {
        tell!("damaged: {damage}")?;
    }
    for fault in &chain.faults {
        tell!("wrong: {fault}")?;
    }
    if chain.more_faults {
        tell!("wrong: and more")?;
    }
    let mut sound = health.is_sound();
    if let Some(noted) = head {
        let (nr, hash) =
            noted.split_once(':').and_then(|(nr, hash)| Some((nr.parse().ok()?, hash))).with_context(
                || format!("{noted:?} is no head; write it as `journal verify` prints it: NUMBER:HASH"),
            )?;
        match care::hash_of(path, nr)? {
            Some(found) if found.eq_ignore_ascii_case(hash) => {
                tell!("the noted head {nr} is a part of it")?;
            }
            Some(_) => {
                tell!("wrong: fact {nr} is another one than when the head was noted")?;
                sound = false;
            }
            None => {
                tell!("wrong: fact {nr}, the noted head, is not there")?;
                sound = false;
            }
        }
    }
    tell!(
        "{}: {} facts, {} of them erased in part, {} older ones gone by age or for room",
        path.display(),
        chain.facts,
        chain.erased,
        chain.pruned
    )?;
    if let Some((nr, hash)) = &chain.head {
        tell!("head {nr}:{hash}")?;
    }
    tell!("{}", if sound { "sound" } else { "NOT sound" })?;
    Ok(if sound { Exit::Success } else { Exit::Failure })
}
