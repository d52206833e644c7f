//! The words that people type: sub-commands, their arguments, and exit codes.
//!
//! Each sub-command is a file of its own with its `Args` and a `run`. Nothing here computes; the stages do.

/// Prints a line, or gives the error: a full disk behind `> file` is one, a reader who went away (`| head`) ends the
/// command quietly, and neither is a panic.
macro_rules! tell {
    ($($what:tt)*) => { std::io::Write::write_fmt(&mut std::io::stdout(), format_args!("{}\n", format_args!($($what)*))) };
}

pub mod aim;
pub mod annotate;
pub mod bench;
mod camera;
pub mod check;
pub mod config;
pub mod doctor;
pub mod eval;
pub mod explain;
pub mod gate;
pub mod journal;
pub mod maintain;
pub mod passages;
pub mod plates;
pub mod read;
pub mod record;
pub mod replay;
pub mod report;
pub mod run;
mod stages;
pub mod status;
pub mod trace;

use std::{ffi::OsString, process::ExitCode};

use clap::{Parser, Subcommand};

/// How the program ended; the numbers are those of `sysexits` where one fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Success,
    /// Something could not be done; stderr says what.
    Failure,
    /// The command line makes no sense.
    Usage,
    /// No engine can be had and no fallback is allowed.
    NoHardware,
    /// The configuration has problems.
    Configuration,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::Failure => 1,
            Exit::Usage => 64,
            Exit::NoHardware => 69,
            Exit::Configuration => 78,
        })
    }
}

/// Counts allocations; the program's global allocator, which only the binary can install.
pub type Allocator = &'static stats_alloc::StatsAlloc<std::alloc::System>;

/// A licence-plate reader for the edge: cameras in, plate events and gate orders out.
#[derive(Debug, Parser)]
#[command(name = "amslpr", version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read the plates in pictures, folders of pictures and clips.
    Read(read::Args),
    /// Run the daemon: capture, detect, track, read, decide, record, publish.
    Run(run::Args),
    /// Say how the running daemon is doing.
    Status(status::Args),
    /// Write what every stage does for a while into a file for Perfetto or Chrome, and say which frames took longest.
    Trace(trace::Args),
    /// List the passages that the journal holds, newest first.
    Passages(passages::Args),
    /// Look after the journal: verify, back up, restore, export, erase a plate.
    Journal(journal::Args),
    /// The upkeep of the journal, as timers do it: check, erase what is too old, tidy up, back up.
    Maintain(maintain::Args),
    /// Say why a passage was decided so: votes, format, list, rule, nearest miss.
    Explain(explain::Args),
    /// Who is on which list: add, remove, list, import, export, audit, inside, left.
    Plates(plates::Args),
    /// Check the configuration and say everything that is wrong with it.
    Check(check::Args),
    /// Show the configuration in force, or the built-in defaults.
    Config(config::Args),
    /// Look at the machine and say what is wrong with it and what to do.
    Doctor(doctor::Args),
    /// Say how good a look a camera gives at plates, and what to do about it.
    Aim(aim::Args),
    /// Write what a camera sees into a clip.
    Record(record::Args),
    /// Say what a camera's settings make of a recording; the same every time.
    Replay(replay::Args),
    /// Open a gate by hand; bring the lines of a daemon that is gone to rest.
    Gate(gate::Args),
    /// Measure accuracy on pictures whose plates are known.
    Eval(eval::Args),
    /// Measure speed, stage by stage.
    Bench(bench::Args),
}

/// Parses and runs; prints its own errors.
pub fn run(args: impl IntoIterator<Item = OsString>, allocator: Allocator) -> Exit {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Success };
            // A closed stdout or stderr leaves nobody to tell.
            let _ = error.print();
            return exit;
        }
    };
    let outcome = match cli.command {
        Command::Read(args) => read::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Trace(args) => trace::run(&args),
        Command::Passages(args) => passages::run(&args),
        Command::Journal(args) => journal::run(&args),
        Command::Maintain(args) => maintain::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Plates(args) => plates::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Config(args) => config::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Aim(args) => aim::run(&args),
        Command::Record(args) => record::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Gate(args) => gate::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Bench(args) => bench::run(&args, allocator),
    };
    outcome.unwrap_or_else(|error| {
        if is_broken_pipe(&error) {
            return Exit::Success;
        }
        eprintln!("amslpr: {error:#}");
        Exit::Failure
    })
}

/// Warnings of the stages on stderr, for commands that are no daemon.
fn plain_logging() {
    // Set up twice only in tests, where the first one stays.
    let _ = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .try_init();
}

/// Somebody closed our output (`| head`): not a failure.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
