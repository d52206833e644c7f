//! `amslpr eval`: the shipped pipeline over pictures whose plates are known.
//!
//! Everything measured about accuracy is measured here, through the same chain that `read` and `run` use. Counting
//! is `eval/score`'s business, the truth file's form `eval/truth`'s.

mod score;
mod sheet;
mod truth;

use std::{collections::BTreeMap, io::Write, path::PathBuf, sync::Arc};

use anyhow::Context;
use serde::Serialize;

use super::{
    Exit,
    read::{EngineArgs, open_picture},
    report::ms,
};
use crate::{
    clock::{Clock, SystemClock},
    daemon::chain::{Chain, Networks},
    detect::Detection,
    frame::Frame,
    plate::{Confidence, syntax},
};
use score::{Reported, Score, Wrong};
use sheet::Sheet;
use truth::{TruePlate, Truth};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of the pictures.
    #[arg(value_name = "PATH")]
    folder: PathBuf,
    /// What is on them: a JSON object a line, {"image": ..., "plates": [{"box": [x, y, w, h], "text": ...}]}.
    #[arg(long, value_name = "FILE")]
    truth: PathBuf,
    /// Read the known boxes instead of finding plates: measures the reader alone.
    #[arg(long)]
    truth_boxes: bool,
    /// Write a contact sheet of the plates that were read wrong to this PNG file.
    #[arg(long, value_name = "FILE")]
    sheet: Option<PathBuf>,
    /// Print one JSON object instead of tables.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    engine: EngineArgs,
}

/// All results, as JSON.
#[derive(Debug, Serialize)]
struct Report {
    sets: BTreeMap<String, SetReport>,
    all: SetReport,
    errors: Vec<ErrorReport>,
    problems: Vec<String>,
    truth_without_image: Vec<String>,
    /// Described, and in folders that were not asked for.
    truth_elsewhere: usize,
    images_without_truth: usize,
}

#[derive(Debug, Serialize)]
struct SetReport {
    pictures: u32,
    plates: u32,
    found: f64,
    exact: f64,
    folded: f64,
    cer: f64,
    exact_of_found: f64,
    unreadable: u32,
    unreadable_found: u32,
    extra_per_picture: f64,
    detect_ms: f64,
    read_ms: f64,
    ms: f64,
}

#[derive(Debug, Serialize)]
struct ErrorReport {
    image: String,
    #[serde(rename = "box")]
    area: [f32; 4],
    truth: String,
    found: bool,
    read: Option<String>,
}

impl From<&Score> for SetReport {
    fn from(s: &Score) -> Self {
        let ratio = |a: f64, b: u32| if b == 0 { 0.0 } else { (a / f64::from(b) * 1e5).round() / 1e5 };
        let of_plates = |n: u32| ratio(f64::from(n), s.plates);
        Self {
            pictures: s.pictures,
            plates: s.plates,
            found: of_plates(s.found),
            exact: of_plates(s.exact),
            folded: of_plates(s.folded),
            cer: ratio(f64::from(s.edits), s.characters),
            exact_of_found: ratio(f64::from(s.exact), s.found),
            unreadable: s.unreadable,
            unreadable_found: s.unreadable_found,
            extra_per_picture: ratio(f64::from(s.extra), s.pictures),
            detect_ms: ratio(s.detect_ms, s.pictures),
            read_ms: ratio(s.read_ms, s.pictures),
            ms: ratio(s.detect_ms + s.read_ms, s.pictures),
        }
    }
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    super::plain_logging();
    let known = truth::load(&args.truth, &args.folder)?;
    // One picture after the other, so that the times are those of one picture.
    let networks = match Networks::load(&args.engine.settings(1)) {
        Ok(networks) => networks,
        Err(error) => {
            eprintln!("amslpr: {:#}", anyhow::Error::new(error));
            return Ok(Exit::NoHardware);
        }
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let mut chain = networks.chain(Arc::clone(&clock))?;
    let mut sets: BTreeMap<String, Score> = BTreeMap::new();
    let (mut errors, mut problems) = (Vec::new(), known.problems);
    let mut sheet = args.sheet.as_ref().map(|_| Sheet::default());
    for picture in &known.pictures {
        let frame = match open_picture(&picture.path) {
            Ok(frame) => frame,
            Err(error) => {
                problems.push(format!("{error:#}"));
                continue;
            }
        };
        let seen = if args.truth_boxes {
            read_known_boxes(&mut chain, &networks, &frame, picture, clock.as_ref())
        } else {
            look(&mut chain, &frame)
        };
        let seen = seen.with_context(|| picture.path.display().to_string())?;
        let (mut score, wrong) = score::score(&picture.plates, &seen.plates);
        (score.detect_ms, score.read_ms) = (seen.detect_ms, seen.read_ms);
        sets.entry(picture.set.clone()).or_default().add(&score);
        if let Some(sheet) = &mut sheet {
            for one in &wrong {
                sheet.add(&frame, one)?;
            }
        }
        errors.extend(wrong.into_iter().map(|one| error_report(picture, &one)));
    }
    if let (Some(sheet), Some(file)) = (&sheet, &args.sheet) {
        sheet.save(file)?;
        if sheet.left_out > 0 {
            eprintln!("amslpr: {} more wrong plates did not fit on the sheet", sheet.left_out);
        }
    }
    let mut all = Score::default();
    sets.values().for_each(|s| all.add(s));
    let failed = !problems.is_empty() || !known.without_image.is_empty() || all.pictures == 0;
    let report = Report {
        sets: sets.iter().map(|(name, score)| (name.clone(), score.into())).collect(),
        all: (&all).into(),
        errors,
        problems,
        truth_without_image: known.without_image,
        truth_elsewhere: known.elsewhere,
        images_without_truth: known.without_truth.len(),
    };
    print(args.json, &report)?;
    Ok(if failed { Exit::Failure } else { Exit::Success })
}

/// What the program makes of one picture.
struct Seen {
    plates: Vec<Reported>,
    detect_ms: f64,
    read_ms: f64,
}

fn look(chain: &mut Chain, frame: &Frame) -> anyhow::Result<Seen> {
    let look = chain.look(frame)?;
    let plates = look.plates.iter().map(|p| Reported { area: p.detection.area, text: p.text().cloned() });
    Ok(Seen { plates: plates.collect(), detect_ms: ms(look.detect_time), read_ms: ms(look.read_time) })
}

/// The reader alone: every known plate as if it had been detected.
fn read_known_boxes(
    chain: &mut Chain,
    networks: &Networks,
    frame: &Frame,
    picture: &Truth,
    clock: &dyn Clock,
) -> anyhow::Result<Seen> {
    let start = clock.now();
    let mut plates = Vec::new();
    for plate in picture.plates.iter().filter(|p| p.text.is_some()) {
        let read = chain.read(frame, &as_detected(plate))?;
        let fit = read.as_ref().and_then(|r| syntax::rerank(&r.chars, &networks.settings().regions));
        let text = fit.map(|f| f.text).or(read.map(|r| r.text));
        plates.push(Reported { area: plate.area, text });
    }
    Ok(Seen { plates, detect_ms: 0.0, read_ms: ms(clock.now().since(start)) })
}

fn as_detected(plate: &TruePlate) -> Detection {
    Detection {
        area: plate.area,
        corners: plate.quad.unwrap_or_else(|| plate.area.into()),
        has_corners: plate.quad.is_some(),
        confidence: Confidence::FULL,
    }
}

fn error_report(picture: &Truth, wrong: &Wrong) -> ErrorReport {
    ErrorReport {
        image: picture.image.clone(),
        area: [wrong.area.x, wrong.area.y, wrong.area.width, wrong.area.height],
        truth: wrong.truth.to_string(),
        found: wrong.found,
        read: wrong.read.as_ref().map(ToString::to_string),
    }
}

fn print(json: bool, report: &Report) -> anyhow::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    if json {
        writeln!(out, "{}", serde_json::to_string(report)?)?;
        return Ok(out.flush()?);
    }
    for error in &report.errors {
        let read = match (&error.read, error.found) {
            (Some(read), _) => read.as_str(),
            (None, true) => "(no text)",
            (None, false) => "(not found)",
        };
        writeln!(out, "  {:<12}  {:<12}  {}", error.truth, read, error.image)?;
    }
    if report.all.pictures == 0 {
        writeln!(out, "  no picture was looked at")?;
    }
    writeln!(
        out,
        "\n  {:<16} {:>8} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>9} {:>8}",
        "set", "pictures", "plates", "found", "exact", "folded", "cer", "extra", "detect ms", "read ms"
    )?;
    for (name, set) in report.sets.iter().map(|(n, s)| (n.as_str(), s)).chain([("all", &report.all)]) {
        writeln!(
            out,
            "  {:<16} {:>8} {:>7} {:>6.1}% {:>6.1}% {:>6.1}% {:>6.1}% {:>7.3} {:>9.2} {:>8.2}",
            name,
            set.pictures,
            set.plates,
            100.0 * set.found,
            100.0 * set.exact,
            100.0 * set.folded,
            100.0 * set.cer,
            set.extra_per_picture,
            set.detect_ms,
            set.read_ms
        )?;
    }
    out.flush()?;
    for problem in &report.problems {
        eprintln!("amslpr: {problem}");
    }
    if report.truth_elsewhere > 0 {
        eprintln!(
            "amslpr: left out, because they describe pictures of other folders: {} lines",
            report.truth_elsewhere
        );
    }
    listed("lines of the truth file name a picture that is not there", &report.truth_without_image);
    if report.images_without_truth > 0 {
        eprintln!("amslpr: pictures without a line in the truth file: {}", report.images_without_truth);
    }
    Ok(())
}

/// How many, and the first few.
fn listed(what: &str, names: &[String]) {
    if !names.is_empty() {
        let some: Vec<&str> = names.iter().take(5).map(String::as_str).collect();
        let more = if names.len() > some.len() { ", ..." } else { "" };
        eprintln!("amslpr: {} {what}: {}{more}", names.len(), some.join(", "));
    }
}
