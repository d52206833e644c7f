//! What is measured: each function takes one stage as the daemon runs it and gives its rows.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;

use super::{
    pictures::{drawn, frame},
    sample::{Measured, Sampler},
};
use crate::{
    capture::still,
    cli::read::EngineArgs,
    clock::{Clock, Moment, SystemClock},
    daemon::{
        chain::{ChainError, Networks},
        pipeline::{Pipeline, Settings, Stats},
    },
    detect::Detection,
    frame::{CameraId, Frame, PixelFormat, Scaler},
    geometry::Size,
    infer::{Engine, InputPicture, description::Task, model},
    journal::{self, Journal},
    passage::CountedIds,
};

const FULL_HD: Size = Size::new(1920, 1080);
const PAD: u8 = 114;

/// 1920x1080 frames to the detector's input, and a JPEG of that size decoded with and without our care.
pub(super) fn preprocess(sampler: &Sampler) -> anyhow::Result<Vec<Measured>> {
    let rgb = drawn(FULL_HD);
    let input = model::find(None)?.description(Task::Detect)?.input.size;
    let mut rows = Vec::new();
    for (name, format) in [
        ("NV12", PixelFormat::Nv12),
        ("I420", PixelFormat::I420),
        ("YUYV", PixelFormat::Yuyv),
        ("RGB", PixelFormat::Rgb8),
    ] {
        let source = match format {
            PixelFormat::Rgb8 => rgb.clone(),
            // The content does not matter for the time; noise keeps a clever memory from helping.
            other => {
                let (_, bytes) = other.packed(FULL_HD);
                frame(FULL_HD, other, (0..bytes).map(|i| (i * 31 % 251) as u8).collect())
            }
        };
        let (mut scaler, mut out) = (Scaler::new(), Vec::new());
        let name = format!("1920x1080 {name} to {}x{}", input.width, input.height);
        rows.push(sampler.measure(&name, |_| {
            scaler.letterbox(&source, input, 3, PAD, &mut out).map(|map| {
                std::hint::black_box(map);
            })
        })?);
    }
    let mut jpeg = Vec::new();
    let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 85);
    encoder_write(encoder, &rgb)?;
    rows.push(sampler.measure("1920x1080 JPEG, zune-jpeg alone", |_| {
        let mut decoder = zune_jpeg::JpegDecoder::new(std::io::Cursor::new(jpeg.as_slice()));
        decoder.decode().map(|pixels| {
            std::hint::black_box(pixels.len());
        })
    })?);
    rows.push(sampler.measure("1920x1080 JPEG to a frame", |_| {
        still::decode(&jpeg, "bench.jpg", &still::Settings::default()).map(|f| {
            std::hint::black_box(f.size);
        })
    })?);
    Ok(rows)
}

fn encoder_write(encoder: image::codecs::jpeg::JpegEncoder<&mut Vec<u8>>, rgb: &Frame) -> anyhow::Result<()> {
    use image::ImageEncoder;
    let size = rgb.size;
    encoder.write_image(rgb.pixels.bytes(), size.width, size.height, image::ExtendedColorType::Rgb8)?;
    Ok(())
}

fn pick<T>(all: &[T], round: usize) -> Option<&T> {
    all.get(round % all.len().max(1))
}

/// The detector on each picture in turn.
pub(super) fn detect(
    sampler: &Sampler,
    engine: &EngineArgs,
    pictures: &[Frame],
    workers: u32,
) -> anyhow::Result<Vec<Measured>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let networks = Networks::load(&engine.settings(workers as usize))?;
    let row = sampler.measure_together("detect", workers, || {
        let mut chain = networks.chain(Arc::clone(&clock))?;
        Ok::<_, ChainError>(move |round| match pick(pictures, round) {
            Some(picture) => chain.detect(picture).map(|_| ()),
            None => Ok(()),
        })
    })?;
    Ok(vec![row])
}

/// The reader on each plate that the detector finds in the pictures.
pub(super) fn read(
    sampler: &Sampler,
    engine: &EngineArgs,
    pictures: &[Frame],
    workers: u32,
) -> anyhow::Result<Vec<Measured>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let networks = Networks::load(&engine.settings(workers as usize))?;
    let mut chain = networks.chain(Arc::clone(&clock))?;
    let mut plates: Vec<(&Frame, Detection)> = Vec::new();
    for picture in pictures {
        plates.extend(chain.detect(picture)?.iter().map(|d| (picture, *d)));
    }
    pick(&plates, 0).context("no plate was found in the pictures; name some that show plates")?;
    let row = sampler.measure_together("read one plate", workers, || {
        let (mut chain, plates) = (networks.chain(Arc::clone(&clock))?, &plates);
        Ok::<_, ChainError>(move |round| match pick(plates, round) {
            Some((picture, plate)) => chain.read(picture, plate).map(|_| ()),
            None => Ok(()),
        })
    })?;
    Ok(vec![row.with("plates", plates.len() as f64)])
}

/// One camera's whole chain on the pictures as if they were its frames, and what the networks alone take of it.
pub(super) fn image(
    sampler: &Sampler,
    engine: &EngineArgs,
    pictures: &[Frame],
) -> anyhow::Result<Vec<Measured>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let networks = Networks::load(&engine.settings(1))?;
    let settings = Settings::new(CameraId::new("bench"), false);
    let stats = Arc::new(Stats::default());
    let ids = Box::new(CountedIds::default());
    let mut pipeline = Pipeline::new(&networks, &settings, ids, Arc::clone(&stats), Arc::clone(&clock))?;
    let folder = scratch_folder(&std::env::temp_dir())?;
    let journal = Journal::open(&folder.join("image.db"), &journal::Settings::default(), Arc::clone(&clock))?;
    let writer = journal.writer();
    let mut seq = 0u64;
    let busy = networks.busy();
    let whole = sampler.measure("whole image: detect to journal", |round| -> anyhow::Result<()> {
        let Some(picture) = pick(pictures, round) else { return Ok(()) };
        // Half a second between pictures, so that tracks and passages of one do not meet the next.
        seq += 1;
        let captured = Moment::from_micros(seq * 500_000);
        let frame = Frame { seq, captured, ..picture.clone() };
        for fact in pipeline.step(&frame)? {
            writer.record(fact);
        }
        Ok(())
    });
    let spent = stats.snapshot();
    // Of the very frames that were looked at, so that a busy moment counts on both sides.
    let inside = (networks.busy() - busy).as_secs_f64() * 1e3 / spent.frames.max(1) as f64;
    drop(journal);
    std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    let whole = whole?;
    let mut engines = networks
        .settings()
        .order
        .iter()
        .map(|kind| [Task::Detect, Task::Read].map(|task| networks.engine(*kind, task)));
    let (detector, reader) = match engines.find(|engines| engines.iter().any(Option::is_some)) {
        Some([detector, reader]) => (detector, reader),
        None => (None, None),
    };
    let mut rows = Vec::new();
    if let Some(mut detector) = detector {
        rows.push(network(sampler, "detector network alone", detector.as_mut())?);
    }
    if let Some(mut reader) = reader {
        rows.push(network(sampler, "reader network alone", reader.as_mut())?);
    }
    let reads = spent.reads as f64 / spent.frames.max(1) as f64;
    let mean = spent.mean_look_ms();
    rows.insert(
        0,
        whole
            .with("reads a picture", reads)
            .with("the networks of it, mean ms", inside)
            .with("everything else, % of the networks", 100.0 * (mean - inside) / inside),
    );
    Ok(rows)
}

/// One network on a picture of noise: its time does not depend on what it sees.
fn network(sampler: &Sampler, name: &str, engine: &mut dyn Engine) -> anyhow::Result<Measured> {
    let input = engine.model().input.clone();
    let bytes: Vec<u8> =
        (0..input.size.area() as usize * usize::from(input.channels)).map(|i| (i * 37 % 251) as u8).collect();
    let mut outputs = Vec::new();
    let picture = InputPicture { size: input.size, channels: input.channels, bytes: &bytes };
    Ok(sampler.measure(name, |_| engine.run(&[picture], &mut outputs))?)
}

/// The journal on the disk where `folder` lies.
pub(super) fn journal(folder: &Path, rows: u64) -> anyhow::Result<Vec<Measured>> {
    let report = journal::bench::bench(folder, rows)?;
    let row = |name: &str, median: Duration, p95: Option<Duration>| {
        let mut row = Sampler::summary(name, vec![median.as_secs_f64() * 1e3], f64::NAN);
        row.p95_ms = p95.map_or(f64::NAN, |p95| p95.as_secs_f64() * 1e3);
        row
    };
    let commit = row("one passage, durable", report.commit_median, Some(report.commit_p95))
        .with("passages per second at full speed", report.bulk_per_second)
        .with("bytes kept per passage", report.bytes_kept as f64);
    let commit = match report.bytes_written.zip(report.bytes_handed) {
        Some((blocks, bytes)) => commit
            .with("bytes written per passage, in blocks", blocks as f64)
            .with("as handed over", bytes as f64),
        None => commit,
    };
    Ok(vec![
        commit,
        row("passages of one plate", report.plate_median, Some(report.plate_p95))
            .with("rows", report.rows as f64),
        row("passages of every day", report.days_median, None),
        row("passages by the first three characters", report.prefix_median, None),
    ])
}

pub(super) fn scratch_folder(parent: &Path) -> anyhow::Result<PathBuf> {
    let folder = parent.join(format!("amslpr-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    Ok(folder)
}
