//! `amslpr check`: everything that is wrong with the configuration, all at once; exit code 78 if anything is.

use std::path::PathBuf;

use super::Exit;
use crate::config;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The main file; conf.d/*.toml beside it is read too.
    #[arg(long, value_name = "FILE", default_value = config::MAIN_FILE)]
    config: PathBuf,
    /// Problems as one JSON object.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let (report, exit) = match config::load(&args.config) {
        Ok(loaded) => (loaded.report, Exit::Success),
        Err(report) => (report, Exit::Configuration),
    };
    if args.json {
        println!("{}", report.to_json());
    } else {
        report.print();
        if exit == Exit::Success {
            println!("{}: no errors", args.config.display());
        }
    }
    Ok(exit)
}
