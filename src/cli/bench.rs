//! `amslpr bench`: how fast this machine does each stage, measured on real pictures with the shipped networks.
//!
//! Numbers only; whether they are good enough is for README's table and its reader. Pictures are taken from the
//! command line or drawn by `pictures` where none are given, clips are the demo's.

mod api;
mod baseline;
mod batch;
mod capacity;
mod decide;
mod pictures;
mod publish;
mod sample;
mod spent;
mod stages;
mod traffic;

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;

use super::{Allocator, Exit, camera::time_span, read::EngineArgs};
use crate::{
    clock::{Clock, SystemClock},
    daemon::chain::Networks,
};
use baseline::Baseline;
use publish::BrokerArgs;
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
    /// Say how much each median has changed since this file was saved with --json.
    #[arg(long, value_name = "FILE", global = true)]
    baseline: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// From a 1920x1080 frame to the detector's input, and JPEG decoding.
    Preprocess,
    /// The detector network with its preparation and decoding.
    Detect(Pictures),
    /// The reader on the plates found in the pictures, one by one.
    #[command(alias = "read")]
    ReadSingle(Pictures),
    /// The reader network on 1, 4, 8 and 16 plates a run, on every engine that works here.
    ReadBatch {
        #[command(flatten)]
        engine: EngineArgs,
    },
    /// Everything that happens to one frame: detect, track, read, vote, journal; and the networks' share of it.
    Image(Pictures),
    /// Cameras that play a clip again and again, from the decoder to the journal, in real time.
    Pipeline {
        #[command(flatten)]
        clip: Clip,
        /// Cameras side by side.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
        cameras: u32,
        /// Look at every frame, whether anything moves or not.
        #[arg(long)]
        every: bool,
    },
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
        #[command(flatten)]
        place: Scratch,
    },
    /// The HTTP API over a journal of this size: passages, one plate's, one passage, a camera's picture.
    Api {
        /// Passages in the journal that is asked.
        #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
        rows: u64,
        /// Clients side by side.
        #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
        concurrency: u32,
        #[command(flatten)]
        place: Scratch,
    },
    /// From a recorded passage to the broker's acknowledgement.
    Publish {
        #[command(flatten)]
        broker: BrokerArgs,
        #[command(flatten)]
        place: Scratch,
    },
    /// What this machine sustains, what limits it, and what 100 to 50,000 plates a day cost it.
    Capacity {
        #[command(flatten)]
        clip: Clip,
        #[command(flatten)]
        broker: BrokerArgs,
    },
}

#[derive(Debug, Clone, clap::Args)]
struct Pictures {
    /// Pictures or folders of pictures to measure on [default: drawn ones].
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Workers side by side, each with networks of its own.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    concurrency: u32,
    #[command(flatten)]
    engine: EngineArgs,
}

#[derive(Debug, Clone, clap::Args)]
struct Clip {
    /// The clip that the cameras see [default: the demo's].
    #[arg(value_name = "CLIP")]
    clip: Option<PathBuf>,
    /// Frames a second of each camera.
    #[arg(long, value_name = "R", default_value_t = 10.0, value_parser = rate)]
    fps: f64,
    /// How long each load is run.
    #[arg(long = "for", value_name = "TIME", default_value = "20s", value_parser = time_span)]
    time: Duration,
    #[command(flatten)]
    place: Scratch,
    #[command(flatten)]
    engine: EngineArgs,
}

#[derive(Debug, Clone, clap::Args)]
struct Scratch {
    /// Folder for the scratch journal [default: a temporary one]. Put it on the disk to be measured.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Where the demo's clip lies when it was installed, and in a checkout.
const DEMO: [&str; 2] = ["/usr/share/doc/amslpr/examples/demo/drive-by.mp4", "config/demo/drive-by.mp4"];

impl Clip {
    fn path(&self) -> anyhow::Result<PathBuf> {
        let demo = || DEMO.iter().map(PathBuf::from).find(|path| path.is_file());
        let path = self.clip.clone().or_else(demo).context("the demo's clip is not here; name a clip")?;
        std::fs::metadata(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(path)
    }
}

fn rate(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|rate| (0.1..=240.0).contains(rate)).ok_or_else(|| "from 0.1 to 240".to_owned())
}

impl Scratch {
    /// Runs this with a folder that is there and goes again.
    fn with<T>(&self, work: impl FnOnce(&std::path::Path) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let parent = self.dir.clone().unwrap_or_else(std::env::temp_dir);
        let folder = stages::scratch_folder(&parent)?;
        let outcome = work(&folder);
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
        outcome
    }
}

pub fn run(args: &Args, allocator: Allocator) -> anyhow::Result<Exit> {
    super::plain_logging();
    let baseline = args.baseline.as_deref().map(Baseline::load).transpose()?;
    let sampler = Sampler::new(args.iterations, allocator);
    let mut measured = match &args.what {
        What::Preprocess => stages::preprocess(&sampler)?,
        What::Detect(p) => stages::detect(&sampler, &p.engine, &pictures::gather(&p.paths)?, p.concurrency)?,
        What::ReadSingle(p) => {
            stages::read(&sampler, &p.engine, &pictures::gather(&p.paths)?, p.concurrency)?
        }
        What::ReadBatch { engine } => batch::read(&sampler, engine)?,
        What::Image(p) => stages::image(&sampler, &p.engine, &pictures::gather(&p.paths)?)?,
        What::Pipeline { clip, cameras, every } => pipeline(clip, *cameras, *every)?,
        What::Decide { entries } => decide::decide(&sampler, *entries)?,
        What::Journal { rows, place } => {
            place.with(|folder| stages::journal(folder, *rows).context("measuring the journal"))?
        }
        What::Api { rows, concurrency, place } => {
            place.with(|folder| api::api(&sampler, folder, *rows, *concurrency))?
        }
        What::Publish { broker, place } => place.with(|folder| publish::publish(&sampler, broker, folder))?,
        What::Capacity { clip, broker } => {
            let (path, networks) = (clip.path()?, Networks::load(&clip.engine.daemon_settings())?);
            clip.place.with(|folder| {
                let (rate, time) = (clip.fps, clip.time);
                let question = capacity::Question { clip: &path, rate, time, broker, folder };
                capacity::capacity(&question, &networks)
            })?
        }
    };
    if let Some(baseline) = &baseline
        && baseline.compare(&mut measured) == 0
    {
        eprintln!("amslpr: the baseline knows nothing of what was measured");
    }
    print(&measured, args.json)?;
    Ok(Exit::Success)
}

fn pipeline(clip: &Clip, cameras: u32, every: bool) -> anyhow::Result<Vec<Measured>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let networks = Networks::load(&clip.engine.daemon_settings())?;
    let plan = traffic::Plan {
        clip: clip.path()?,
        cameras,
        rate: clip.fps,
        time: clip.time,
        scene: traffic::Scene::Cars,
        motion: !every,
    };
    let outcome = clip.place.with(|folder| traffic::run(&plan, &networks, folder, &clock))?;
    Ok(vec![traffic::row(&format!("{cameras} at {} fps: due to done", clip.fps), &outcome)])
}

fn print(measured: &[Measured], json: bool) -> anyhow::Result<()> {
    if json {
        for m in measured {
            tell!("{}", serde_json::to_string(m)?)?;
        }
        return Ok(());
    }
    let heads = ["mean ms", "median ms", "p95 ms", "per second", "allocs"];
    let [mean, median, p95, per_second, allocations] = heads;
    let change = if measured.iter().any(|m| m.before.is_some()) { "   change" } else { "" };
    tell!("  {:<44} {mean:>9} {median:>9} {p95:>9} {per_second:>10} {allocations:>8}{change}", "")?;
    for m in measured {
        tell!("{m}")?;
    }
    Ok(())
}
