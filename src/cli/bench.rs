//! `amslpr bench`: how fast this machine does each stage, measured on real pictures with the shipped networks.
//!
//! Numbers only; whether they are good enough is for README's table and its reader. Pictures are taken from the
//! command line or drawn by `scenery` where none are given.

mod decide;
mod pictures;
mod sample;
mod stages;

use std::path::PathBuf;

use anyhow::Context;

use super::{Allocator, Exit, read::EngineArgs};
use sample::{Measured, Sampler};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
    /// Rounds that count.
    #[arg(long, short = 'n', default_value_t = 200, value_name = "N", global = true,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    iterations: u32,
    /// Print one JSON object a measured thing, each on one line.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// From a 1920x1080 frame to the detector's input, and JPEG decoding.
    Preprocess,
    /// The detector network with its preparation and decoding.
    Detect(Pictures),
    /// The reader on the plates found in the pictures.
    Read(Pictures),
    /// Everything that happens to one frame: detect, track, read, vote, journal; and the networks' share of it.
    Image(Pictures),
    /// Deciding: a plate that is listed, one that is not (with its nearest miss), one that is inside; loading the lists.
    Decide {
        /// Entries on the lists.
        #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        entries: u32,
    },
    /// Durable commits, look-ups by plate, bytes written.
    Journal {
        /// Rows in the table that is searched.
        #[arg(long, default_value_t = 1_000_000)]
        rows: u64,
        /// Folder for the scratch journal [default: a temporary one]. Put it on the disk to be measured.
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

#[derive(Debug, Clone, clap::Args)]
struct Pictures {
    /// Pictures or folders of pictures to measure on [default: drawn ones].
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    engine: EngineArgs,
}

pub fn run(args: &Args, allocator: Allocator) -> anyhow::Result<Exit> {
    super::plain_logging();
    let sampler = Sampler::new(args.iterations, allocator);
    let measured = match &args.what {
        What::Preprocess => stages::preprocess(&sampler)?,
        What::Detect(p) => stages::detect(&sampler, &p.engine, &pictures::gather(&p.paths)?)?,
        What::Read(p) => stages::read(&sampler, &p.engine, &pictures::gather(&p.paths)?)?,
        What::Image(p) => stages::image(&sampler, &p.engine, &pictures::gather(&p.paths)?)?,
        What::Decide { entries } => decide::decide(&sampler, *entries)?,
        What::Journal { rows, dir } => {
            let scratch = match dir {
                Some(dir) => dir.clone(),
                None => std::env::temp_dir(),
            };
            stages::journal(&scratch, *rows).context("measuring the journal")?
        }
    };
    print(&measured, args.json)?;
    Ok(Exit::Success)
}

fn print(measured: &[Measured], json: bool) -> anyhow::Result<()> {
    if json {
        for m in measured {
            tell!("{}", serde_json::to_string(m)?)?;
        }
        return Ok(());
    }
    tell!("  {:<44} {:>10} {:>10} {:>12} {:>8}", "", "median ms", "p95 ms", "per second", "allocs")?;
    for m in measured {
        tell!("{m}")?;
    }
    Ok(())
}
