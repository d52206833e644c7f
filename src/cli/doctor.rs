//! `amslpr doctor`: what is wrong with the machine, and what to do about it.
//!
//! `doctor cameras` opens every camera and looks at what it gives. `doctor hailo` goes from the PCIe slot to a result. The library is called in a process of its own: it can abort
//! that, and then the doctor still has something to say.

mod cameras;

use std::{path::PathBuf, process::Command, sync::Arc, time::Duration};

use anyhow::Context;

use super::Exit;
use crate::{
    clock::{Clock, SystemClock},
    config, daemon,
    infer::{
        hailo::{
            self,
            examine::{self, Finding, System, Verdict},
        },
        model,
    },
};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// The Hailo: slot, driver, library, firmware, chip, networks, and a picture through each of them.
    Hailo(HailoArgs),
    /// The cameras: those at this machine with what they offer, and those of the configuration with what they give.
    Cameras(cameras::Args),
}

#[derive(Debug, clap::Args)]
struct HailoArgs {
    /// The main configuration file; conf.d/*.toml beside it is read too.
    #[arg(long, value_name = "FILE", default_value = config::MAIN_FILE)]
    config: PathBuf,
    /// Only what calls the library, in this process.
    #[arg(long, hide = true)]
    inside: bool,
}

/// How long the library gets.
const PATIENCE: Duration = Duration::from_secs(60);

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let args = match &args.what {
        What::Cameras(args) => return cameras::run(args),
        What::Hailo(args) => args,
    };
    let settings = match settings(args)? {
        Ok(settings) => settings,
        Err(exit) => return Ok(exit),
    };
    let system = System::default();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let mut worst = Verdict::Good;
    let mut say = |finding: Finding| {
        print(&finding);
        if worst == Verdict::Good || finding.verdict == Verdict::Bad {
            worst = finding.verdict;
        }
    };
    if args.inside {
        super::plain_logging();
        examine::inside(&settings, &system, &clock, &mut say);
    } else {
        let wall = clock.wall().as_second();
        examine::outside(&settings, &system, wall).into_iter().for_each(&mut say);
        match in_a_process_of_its_own(args, clock.as_ref())? {
            Ended::Good => {}
            Ended::Bad => worst = Verdict::Bad,
            Ended::Badly(finding) => say(finding),
        }
    }
    Ok(if worst == Verdict::Bad { Exit::Failure } else { Exit::Success })
}

/// What the configuration says of the Hailo; the built-in settings where there is no file.
fn settings(args: &HailoArgs) -> anyhow::Result<Result<hailo::Settings, Exit>> {
    let mut found = None;
    if args.config.exists() {
        match config::load(&args.config) {
            Ok(loaded) => found = Some(loaded.config),
            Err(report) => {
                report.print();
                return Ok(Err(Exit::Configuration));
            }
        }
    } else if !args.inside {
        println!("{}: not there; looking with the built-in settings", args.config.display());
    }
    let wanted = found.as_ref().map(daemon::chain_settings).unwrap_or_default();
    let mut settings = wanted.hailo.settings.clone();
    let networks = model::find(wanted.models.as_deref()).and_then(|models| wanted.hailo.networks(&models));
    match networks {
        Ok(networks) => settings.networks = networks,
        Err(error) if !args.inside => {
            let detail = error.to_string();
            print(&Finding { verdict: Verdict::Bad, what: "networks", detail, advice: None });
        }
        Err(_) => {}
    }
    Ok(Ok(settings))
}

/// How the other half of the doctor ended.
enum Ended {
    Good,
    /// It has said itself what is wrong.
    Bad,
    Badly(Finding),
}

/// Runs the other half of the doctor.
fn in_a_process_of_its_own(args: &HailoArgs, clock: &dyn Clock) -> anyhow::Result<Ended> {
    let program = std::env::current_exe().context("this program does not find itself")?;
    let mut child = Command::new(program)
        .args(["doctor", "hailo", "--inside", "--config"])
        .arg(&args.config)
        .spawn()
        .context("cannot start a process for the library")?;
    let until = clock.now() + PATIENCE;
    let ended = loop {
        match child.try_wait().context("waiting for the process of the library")? {
            Some(status) => break Some(status),
            None if clock.now() >= until => break None,
            None => clock.sleep(Duration::from_millis(20)),
        }
    };
    let bad = |detail: String, advice: &str| {
        let advice = Some(advice.to_owned());
        Ended::Badly(Finding { verdict: Verdict::Bad, what: "library", detail, advice })
    };
    Ok(match ended {
        None => {
            child.kill().context("ending the process of the library")?;
            child.wait().context("ending the process of the library")?;
            let detail = format!("a call into it did not return within {} s", PATIENCE.as_secs());
            bad(detail, "the chip or its driver hangs: power the machine off and on again")
        }
        Some(status) => match (status.code(), std::os::unix::process::ExitStatusExt::signal(&status)) {
            (Some(0), _) => Ended::Good,
            (Some(1), _) => Ended::Bad,
            (_, Some(signal)) => bad(
                format!("it ended its process by signal {signal} after the last line above"),
                "the service counts that and leaves the Hailo alone after three times; check the networks' files, and that \
                 library, driver and firmware are of one release",
            ),
            (code, _) => bad(format!("its process ended with {code:?}"), "please report this"),
        },
    })
}

fn print(finding: &Finding) {
    let word = match finding.verdict {
        Verdict::Good => "ok",
        Verdict::Doubtful => "hm",
        Verdict::Bad => "BAD",
    };
    println!("{word:<4} {:<12} {}", finding.what, finding.detail);
    if let Some(advice) = &finding.advice {
        println!("     {:<12} > {advice}", "");
    }
}
