//! `amslpr check`: everything that is wrong with the configuration, all at once; exit code 78 if anything is. Then
//! whether what it names is there and answers, unless that is not wanted; exit code 1 if something is not.

use std::path::PathBuf;

use super::{Exit, doctor};
use crate::{
    config::{self, Config},
    daemon::{board::Board, examine, reach},
    infer::hailo::examine::Verdict,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The main file; conf.d/*.toml beside it is read too.
    #[arg(long, value_name = "FILE", default_value = config::MAIN_FILE)]
    config: PathBuf,
    /// Problems as one JSON object.
    #[arg(long)]
    json: bool,
    /// Only the files: no knocking at cameras, gates and broker.
    #[arg(long)]
    offline: bool,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let (report, config) = match config::load(&args.config) {
        Ok(loaded) => (loaded.report, Some(loaded.config)),
        Err(report) => (report, None),
    };
    if args.json {
        tell!("{}", report.to_json())?;
    } else {
        report.print();
    }
    let Some(config) = config else { return Ok(Exit::Configuration) };
    if !args.json {
        tell!("{}: no errors in the file", args.config.display())?;
    }
    Ok(if answers(&config, args) { Exit::Success } else { Exit::Failure })
}

/// Looks at what the configuration names, and says what is not as it should be.
fn answers(config: &Config, args: &Args) -> bool {
    let mut findings = examine::networks(Some(config));
    if !args.offline {
        findings.extend(reach::all(config, &Board::default()));
        findings.push(doctor::npu(&config.engine.order));
    }
    findings.retain(|finding| finding.verdict != Verdict::Good);
    for finding in &findings {
        // The report is all that stdout holds for a program that reads it.
        match args.json {
            true => eprintln!("{}: {}", finding.what, finding.detail),
            false => doctor::print(finding),
        }
    }
    findings.iter().all(|finding| finding.verdict != Verdict::Bad)
}
