//! `amslpr config defaults`: every key of the configuration with its default, as a file to start from.

use super::Exit;
use crate::config;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Every key with its default and what it is for, as comments of a configuration file.
    Defaults,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    match args.what {
        What::Defaults => print!("{}", config::defaults()),
    }
    Ok(Exit::Success)
}
