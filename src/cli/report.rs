//! What `amslpr read` and `amslpr eval` say about one picture: JSON objects for programs, a table for people.
//!
//! The JSON form is a promise (README shows it); domain types are converted here by hand.

use std::{fmt::Write as _, path::Path, time::Duration};

use serde::Serialize;

use crate::daemon::chain::Sighting;

/// One picture, as a line of JSON.
#[derive(Debug, Serialize)]
pub struct PictureReport {
    /// File name; for a frame of a clip the clip's.
    pub image: String,
    pub path: String,
    /// Number of the frame in its clip, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame: Option<u64>,
    /// Seconds into the clip.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<f64>,
    pub width: u32,
    pub height: u32,
    pub plates: Vec<PlateReport>,
    /// Everything but decoding the file, in ms.
    pub ms: f64,
    pub detect_ms: f64,
    pub read_ms: f64,
    pub decode_ms: f64,
}

/// One plate of a picture.
#[derive(Debug, Serialize)]
pub struct PlateReport {
    /// `null`: a plate is there, but nothing could be read.
    pub text: Option<String>,
    pub confidence: f32,
    /// Left, top, width, height in pixels of the upright picture.
    #[serde(rename = "box")]
    pub area: [f32; 4],
    /// Upper left, upper right, lower right, lower left corner.
    pub quad: [[f32; 2]; 4],
    pub region: Option<String>,
    /// The text before a national format repaired it, where it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    pub chars: Vec<CharReport>,
    /// What read it: `hailo`, `cpu`, `tesseract`; `null` where nothing did.
    pub engine: Option<&'static str>,
    /// How sure the detector is that this is a plate.
    pub detection: f32,
}

#[derive(Debug, Serialize)]
pub struct CharReport {
    pub c: char,
    pub p: f32,
}

/// Milliseconds with three digits behind the point.
pub fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

fn tenth(v: f32) -> f32 {
    (v * 10.0).round() / 10.0
}

fn thousandth(v: f32) -> f32 {
    (v * 1000.0).round() / 1000.0
}

impl From<&Sighting> for PlateReport {
    fn from(seen: &Sighting) -> Self {
        let d = &seen.detection;
        let read = seen.read.as_ref();
        let text = seen.text().map(|t| t.to_string());
        let raw = read.map(|r| r.text.to_string()).filter(|raw| Some(raw) != text.as_ref());
        Self {
            text,
            confidence: thousandth(seen.confidence().value()),
            area: [d.area.x, d.area.y, d.area.width, d.area.height].map(tenth),
            quad: d.corners.0.map(|p| [tenth(p.x), tenth(p.y)]),
            region: seen.region().map(|r| r.to_string()),
            raw,
            chars: read.map_or_else(Vec::new, |r| {
                r.chars.iter().map(|c| CharReport { c: c.c, p: thousandth(c.p.value()) }).collect()
            }),
            engine: read.map(|r| r.engine.as_str()),
            detection: thousandth(d.confidence.value()),
        }
    }
}

/// The file's own name, for people and for the `image` key.
pub fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned())
}

/// Column heads of the human table.
pub const HEADS: &str = "  plate         conf  region  box                     engine     picture";

/// Rows of the human table: one a plate, or one that says there is none.
pub fn rows(report: &PictureReport) -> String {
    let mut out = String::new();
    for plate in &report.plates {
        let [x, y, w, h] = plate.area.map(|v| v.round() as i64);
        let _ = writeln!(
            out,
            "  {:<12}  {:>4.2}  {:<6}  {:<22}  {:<9}  {}",
            plate.text.as_deref().unwrap_or("(unreadable)"),
            plate.confidence,
            plate.region.as_deref().unwrap_or("-"),
            format!("{w}x{h} at {x},{y}"),
            plate.engine.unwrap_or("-"),
            report.image,
        );
    }
    if report.plates.is_empty() {
        let _ = writeln!(
            out,
            "  {:<12}  {:>4}  {:<6}  {:<22}  {:<9}  {}",
            "-", "", "", "no plate", "", report.image
        );
    }
    out
}
