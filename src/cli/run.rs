//! `amslpr run`: the daemon in the foreground, under systemd or at a terminal.

use std::{io::IsTerminal, path::PathBuf, sync::Arc};

use super::Exit;
use crate::{
    clock::{Clock, SystemClock},
    config,
    daemon::{self, DaemonError, Options, chain::ChainError, logging},
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The main configuration file; conf.d/*.toml beside it is read too.
    #[arg(long, value_name = "FILE", default_value = config::MAIN_FILE)]
    config: PathBuf,
    /// Do not print decisions and passages on stdout (the default under systemd).
    #[arg(long)]
    quiet: bool,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let loaded = match config::load(&args.config) {
        Ok(loaded) => loaded,
        Err(report) => {
            report.print();
            return Ok(Exit::Configuration);
        }
    };
    loaded.report.print();
    let level = logging::start(&loaded.config.log)?;
    // Under systemd the journal has the same facts as fields; at a terminal or in a pipe somebody wants to see them.
    let screen = !args.quiet && (std::io::stdout().is_terminal() || !logging::under_journald());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let options = Options { screen, file: args.config.clone(), level: Some(level) };
    match daemon::run(&loaded.config, &options, &clock) {
        Ok(()) => Ok(Exit::Success),
        Err(error) => {
            let exit = match &error {
                DaemonError::Chain(ChainError::NoEngine { .. }) => Exit::NoHardware,
                // Trying again changes nothing: another program has to be installed, or the file moved away.
                DaemonError::Privacy(_) => Exit::Configuration,
                DaemonError::Journal(error) if error.is_of_another_version() => Exit::Configuration,
                _ => Exit::Failure,
            };
            let error = anyhow::Error::new(error);
            tracing::error!(error = %format!("{error:#}"), "the daemon cannot go on");
            eprintln!("amslpr: {error:#}");
            Ok(exit)
        }
    }
}
