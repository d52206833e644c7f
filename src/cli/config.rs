//! `amslpr config`: every key of the configuration with its default, as a file to start from, or with what holds.

use std::path::PathBuf;

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
    /// Every key with the value in force and the file and line that said it; problems go to stderr.
    Show {
        /// The main file; conf.d/*.toml beside it is read too.
        #[arg(long, value_name = "FILE", default_value = config::MAIN_FILE)]
        config: PathBuf,
    },
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.what {
        What::Defaults => print!("{}", config::defaults()),
        What::Show { config } => match config::load(config) {
            Ok(loaded) => {
                loaded.report.print();
                print!("{}", loaded.show());
            }
            Err(report) => {
                report.print();
                return Ok(Exit::Configuration);
            }
        },
    }
    Ok(Exit::Success)
}
