//! `amslpr read`: the plates in pictures, folders of pictures and clips.
//!
//! Pictures are looked at one by one, several at a time; clips are followed frame by frame like a camera's. What
//! is printed about them is `report`'s business.

mod clip;
pub(super) mod gather;
mod progress;

use std::{
    collections::BTreeMap,
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::sync_channel,
    },
};

use anyhow::Context;
use clap::ValueEnum;

use super::{
    Exit, annotate,
    report::{HEADS, PictureReport, PlateReport, file_name, ms, rows},
};
use crate::{
    capture::still,
    clock::{Clock, Moment, SystemClock},
    daemon::chain::{Chain, Networks, Settings},
    frame::{CameraId, Frame, convert},
    infer::{EngineKind, onnx},
    passage,
    plate::{Region, syntax},
    read::recall,
};
use gather::Item;
use progress::Progress;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Pictures (JPEG, PNG), folders of pictures, clips (whatever libavcodec reads).
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Print one JSON object a picture, each on one line.
    #[arg(long)]
    json: bool,
    /// Write a copy of every picture with boxes and texts into this folder.
    #[arg(long, value_name = "DIR")]
    annotate: Option<PathBuf>,
    #[command(flatten)]
    engine: EngineArgs,
}

/// What every sub-command that runs networks lets one choose.
#[derive(Debug, Clone, clap::Args)]
pub struct EngineArgs {
    /// What finds and reads plates [default: the first that works].
    #[arg(long, value_enum)]
    engine: Option<EngineChoice>,
    /// Numbers that ONNX Runtime computes with [default: 8-bit integers where the models have them].
    #[arg(long, value_enum)]
    precision: Option<PrecisionChoice>,
    /// Pictures looked at side by side; one picture alone uses them inside the networks [default: all cores].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// Folder of the models to use instead of the installed ones.
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
    /// Countries whose formats may repair look-alike characters, such as gb,de,us.
    #[arg(long, value_name = "CODES", value_delimiter = ',', value_parser = syntax::region_named)]
    regions: Vec<Region>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EngineChoice {
    Hailo,
    Onnxruntime,
    Cpu,
    Tesseract,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PrecisionChoice {
    Float,
    Int8,
}

impl Args {
    /// Passages as the daemon would make them, with the regions that were asked for.
    fn passage_settings(&self) -> passage::Settings {
        passage::Settings { regions: self.engine.regions.clone(), ..passage::Settings::default() }
    }
}

impl EngineArgs {
    /// As settings, for `workers` chains side by side.
    pub fn settings(&self, workers: usize) -> Settings {
        let defaults = Settings::default();
        Settings {
            models: self.models.clone(),
            order: match self.engine {
                None => defaults.order,
                Some(EngineChoice::Hailo) => vec![EngineKind::Hailo],
                Some(EngineChoice::Onnxruntime) => vec![EngineKind::OnnxRuntime],
                Some(EngineChoice::Cpu) => vec![EngineKind::Cpu],
                Some(EngineChoice::Tesseract) => vec![EngineKind::Tesseract],
            },
            onnx: onnx::Settings { precision: self.precision(), batch: 16, ..onnx::Settings::default() },
            threads: (self.threads() / workers.max(1)).max(1),
            regions: self.regions.clone(),
            ..defaults
        }
    }

    fn precision(&self) -> onnx::Precision {
        match self.precision {
            None => onnx::Precision::Auto,
            Some(PrecisionChoice::Float) => onnx::Precision::Float,
            Some(PrecisionChoice::Int8) => onnx::Precision::Int8,
        }
    }

    /// As the daemon runs them: one thread a network, reads remembered.
    pub fn daemon_settings(&self) -> Settings {
        let recall = recall::Settings { bytes: 1 << 20, ..recall::Settings::default() };
        Settings { threads: self.threads.map_or(1, usize::from), recall, ..self.settings(1) }
    }

    pub fn threads(&self) -> usize {
        self.threads.map_or_else(|| std::thread::available_parallelism().map_or(1, Into::into), usize::from)
    }
}

/// One picture done: what to print, or why it could not be read.
type Outcome = Result<PictureReport, String>;

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    super::plain_logging();
    let gathered = gather::gather(&args.paths);
    let mut failed = gathered.problems.len();
    for problem in &gathered.problems {
        eprintln!("amslpr: {problem}");
    }
    if let Some(folder) = &args.annotate {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {} for annotated pictures", folder.display()))?;
    }
    if gathered.items.is_empty() {
        return Ok(if failed > 0 { Exit::Failure } else { Exit::Success });
    }
    let (clips, pictures): (Vec<Item>, Vec<Item>) = gathered.items.into_iter().partition(|i| i.is_clip);
    let workers = args.engine.threads().min(pictures.len()).max(1);
    let networks = match Networks::load(&args.engine.settings(workers)) {
        Ok(networks) => networks,
        Err(error) => {
            eprintln!("amslpr: {:#}", anyhow::Error::new(error));
            return Ok(Exit::NoHardware);
        }
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let stdout = std::io::stdout();
    let mut out = std::io::BufWriter::new(stdout.lock());
    let progress = Progress::new(pictures.len(), std::io::stderr().is_terminal() && stdout.is_terminal());
    // Above the first row, so that there is none where nothing could be read.
    let mut heads = Some(format!("{HEADS}\n")).filter(|_| !args.json);
    failed += look_at_pictures(args, &pictures, workers, &networks, &clock, |outcome| {
        progress.one_done();
        match outcome {
            Ok(report) if args.json => writeln!(out, "{}", serde_json::to_string(&report)?)?,
            Ok(report) => {
                let rows = heads.take().unwrap_or_default() + &rows(&report);
                progress.above(|| out.write_all(rows.as_bytes()).and_then(|()| out.flush()))?;
            }
            Err(problem) => progress.above(|| {
                eprintln!("amslpr: {problem}");
                Ok(())
            })?,
        }
        Ok(())
    })?;
    progress.finish();
    if let Some(heads) = heads.filter(|_| !clips.is_empty()) {
        out.write_all(heads.as_bytes())?;
    }
    for clip in &clips {
        if let Err(problem) = clip::follow(args, &clip.path, &networks, &clock, &mut out) {
            if problem.chain().any(|c| c.is::<std::io::Error>()) {
                return Err(problem);
            }
            eprintln!("amslpr: {problem:#}");
            failed += 1;
        }
    }
    out.flush()?;
    Ok(if failed > 0 { Exit::Failure } else { Exit::Success })
}

/// Looks at all pictures with `workers` chains and hands the outcomes on in the order of the pictures.
/// Returns how many could not be read.
fn look_at_pictures(
    args: &Args,
    pictures: &[Item],
    workers: usize,
    networks: &Networks,
    clock: &Arc<dyn Clock>,
    mut emit: impl FnMut(Outcome) -> anyhow::Result<()>,
) -> anyhow::Result<usize> {
    if pictures.is_empty() {
        return Ok(0);
    }
    let next = AtomicUsize::new(0);
    let (done, outcomes) = sync_channel::<(usize, Outcome)>(workers * 2);
    std::thread::scope(|scope| {
        let mut chains = Vec::new();
        for _ in 0..workers {
            chains.push(networks.chain(Arc::clone(clock))?);
        }
        for mut chain in chains {
            let (done, next) = (done.clone(), &next);
            scope.spawn(move || {
                while let Some(item) = pictures.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = look_at(&mut chain, &item.path, args.annotate.as_deref(), clock.as_ref());
                    if done.send((item.index, outcome.map_err(|e| format!("{e:#}")))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(done);
        let (mut waiting, mut failed) = (BTreeMap::new(), 0);
        let mut order = pictures.iter().map(|p| p.index).peekable();
        for (index, outcome) in outcomes {
            failed += usize::from(outcome.is_err());
            waiting.insert(index, outcome);
            while let Some(outcome) = order.peek().and_then(|index| waiting.remove(index)) {
                order.next();
                emit(outcome)?;
            }
        }
        Ok(failed)
    })
}

/// A picture file as a frame that stands alone.
pub(super) fn open_picture(path: &Path) -> anyhow::Result<Frame> {
    let still = still::load(path, &still::Settings::default())?;
    Ok(still.into_frame(CameraId::new(&file_name(path)), 0, Moment::ZERO, jiff::Timestamp::UNIX_EPOCH))
}

fn look_at(
    chain: &mut Chain,
    path: &Path,
    annotated: Option<&Path>,
    clock: &dyn Clock,
) -> anyhow::Result<PictureReport> {
    let start = clock.now();
    let frame = open_picture(path)?;
    let decode = clock.now().since(start);
    let look = chain.look(&frame).with_context(|| path.display().to_string())?;
    let total = clock.now().since(start) - decode;
    if let Some(folder) = annotated {
        let mut picture = convert::to_rgb(&frame).with_context(|| path.display().to_string())?;
        annotate::paint(&mut picture, &look.plates);
        annotate::save(&picture, &annotate::target(folder, path, None))?;
    }
    Ok(PictureReport {
        image: file_name(path),
        path: path.display().to_string(),
        frame: None,
        at: None,
        width: frame.size.width,
        height: frame.size.height,
        plates: look.plates.iter().map(PlateReport::from).collect(),
        ms: ms(total),
        detect_ms: ms(look.detect_time),
        read_ms: ms(look.read_time),
        decode_ms: ms(decode),
    })
}
