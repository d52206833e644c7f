//! `amslpr doctor`: what is wrong with the machine, and what to do about it.
//!
//! Without more words it goes through everything that the service needs. `doctor cameras` opens every camera and looks
//! at what it gives. `doctor hailo` goes from the PCIe slot to a result. The library is called in a process of its own:
//! it can abort that, and then the doctor still has something to say.

mod cameras;

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use anyhow::Context;

use super::{Exit, status};
use crate::{
    clock::{Clock, SystemClock},
    config,
    daemon::{
        self,
        board::Board,
        control::{ask::ask, words::Request},
        examine, reach, rights,
    },
    infer::{
        EngineKind,
        hailo::{
            self,
            examine::{self as examine_hailo, Finding, System, Verdict},
        },
        model,
    },
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Nothing: everything but what takes a closer look.
    #[command(subcommand)]
    what: Option<What>,
    /// The main configuration file; conf.d/*.toml beside it is read too.
    #[arg(long, value_name = "FILE", default_value = config::MAIN_FILE)]
    config: PathBuf,
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
        Some(What::Cameras(args)) => return cameras::run(args),
        Some(What::Hailo(args)) => args,
        None => return general(&args.config),
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
        examine_hailo::inside(&settings, &system, &clock, &mut say);
    } else {
        let wall = clock.wall().as_second();
        examine_hailo::outside(&settings, &system, wall).into_iter().for_each(&mut say);
        match in_a_process_of_its_own(args, clock.as_ref())? {
            Ended::Good => {}
            Ended::Bad => worst = Verdict::Bad,
            Ended::Badly(finding) => say(finding),
        }
    }
    Ok(if worst == Verdict::Bad { Exit::Failure } else { Exit::Success })
}

/// Machine, configuration, networks, service, and everything that the configuration names.
fn general(file: &Path) -> anyhow::Result<Exit> {
    let (board, clock) = (Board::default(), SystemClock::start());
    let mut findings = Vec::new();
    let mut exit = Exit::Success;
    let config = match config::load(file) {
        Ok(loaded) => {
            findings.push(Finding::good("config", format!("{} has no errors", file.display())));
            Some(loaded.config)
        }
        Err(report) => {
            exit = Exit::Configuration;
            let advice = "`amslpr check` explains each";
            findings.push(Finding::of(Verdict::Bad, "config", report.headline(), advice));
            None
        }
    };
    findings.extend(examine::machine(config.as_ref(), &board, clock.wall()));
    findings.extend(rights::look(Path::new("/"), file, config.as_ref()));
    findings.extend(examine::networks(config.as_ref()));
    findings.extend(config.iter().flat_map(|config| reach::all(config, &board)));
    findings.push(npu(config.as_ref().map_or(&[], |config| &config.engine.order)));
    findings.push(service(file));
    findings.iter().for_each(print);
    let is_bad = findings.iter().any(|finding| finding.verdict == Verdict::Bad);
    Ok(if is_bad && exit == Exit::Success { Exit::Failure } else { exit })
}

/// Whether a closer look at a Hailo is worth it, and whether anything else does the work without one.
pub(super) fn npu(order: &[EngineKind]) -> Finding {
    let slot = examine_hailo::outside(&hailo::Settings::default(), &System::default(), 0).into_iter().next();
    match slot {
        Some(slot) if slot.verdict != Verdict::Bad => {
            Finding::good("hailo", format!("{}; `amslpr doctor hailo` looks closer", slot.detail))
        }
        _ if *order == [EngineKind::Hailo] => Finding::of(
            Verdict::Bad,
            "hailo",
            "none on the PCI bus, and the order names no other engine".to_owned(),
            "engine.order = [\"hailo\", \"cpu\"] lets the CPU do the work",
        ),
        _ => Finding::good("hailo", "none on the PCI bus: the CPU does the work"),
    }
}

/// The running daemon's own opinion.
fn service(file: &Path) -> Finding {
    let reply = match ask(&status::socket(file), &Request::Status, Duration::from_secs(5)) {
        Ok(reply) => reply,
        Err(error) => {
            return Finding::of(
                Verdict::Bad,
                "service",
                error.to_string(),
                "systemctl start amslpr, and journalctl -u amslpr",
            );
        }
    };
    let Some(report) = reply.report else {
        return Finding::of(Verdict::Bad, "service", reply.text, "journalctl -u amslpr");
    };
    let word = |key: &str| report[key].as_str().unwrap_or_default().to_owned();
    let (verdict, version) = (word("verdict"), word("version"));
    if version != env!("CARGO_PKG_VERSION") {
        let words =
            format!("the running daemon is version {version}, this program is {}", env!("CARGO_PKG_VERSION"));
        return Finding::of(Verdict::Doubtful, "service", words, "systemctl restart amslpr");
    }
    if verdict == "ok" {
        return Finding::good("service", format!("amslpr {version} is well"));
    }
    let problems: Vec<&str> =
        report["problems"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str).collect();
    let rank = if verdict == "failed" { Verdict::Bad } else { Verdict::Doubtful };
    let advice = "`amslpr status` shows more, journalctl -u amslpr when it began";
    Finding::of(rank, "service", format!("{verdict}: {}", problems.join("; ")), advice)
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
        tell!("{}: not there; looking with the built-in settings", args.config.display())?;
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

/// A closed stdout leaves nobody to tell; the verdict stands.
pub(super) fn print(finding: &Finding) {
    let word = match finding.verdict {
        Verdict::Good => "ok",
        Verdict::Doubtful => "hm",
        Verdict::Bad => "BAD",
    };
    let advice =
        finding.advice.iter().map(|advice| format!("\n     {:<12} > {advice}", "")).collect::<String>();
    let _ = tell!("{word:<4} {:<12} {}{advice}", finding.what, finding.detail);
}
