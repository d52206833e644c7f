//! The reader of last resort: Tesseract, which reads printed lines, shown a plate as if it were one.
//!
//! Cuts the plate out, finds its line or lines of characters, straightens them, makes them dark on white, and
//! puts two lines beside each other.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use image::{GrayImage, Luma};

use super::{
    CharRead, PlateRead, Quality, ReadError, Reader,
    choose::sharpness,
    enhance::Settings,
    rectify, strip,
    tesseract::{Recogniser, Symbol},
    textline,
};
use crate::{
    clock::Clock,
    detect::Detection,
    frame::{Frame, Scaler},
    geometry::Size,
    infer::{EngineKind, description::Crop},
    plate::{Confidence, PlateText},
};

/// Height of the plate's picture in which the line is looked for, and its widest extent.
const PLATE_HEIGHT: u32 = 96;
const WIDEST_PLATE: u32 = 768;
/// The detector's box, a little grown: a tight one cuts the rim that separates characters from the bodywork.
const CROP: Crop = Crop { margin: 0.03, rectify: true };
/// White between the two lines of a plate put beside each other, in shares of their height.
const GAP: f32 = 0.6;

/// Reads plates with Tesseract.
#[derive(Debug)]
pub struct TesseractReader {
    /// `None` until the first plate, where it is started on demand.
    recogniser: Option<Recogniser>,
    data: Option<PathBuf>,
    settings: Settings,
    clock: Arc<dyn Clock>,
    scaler: Scaler,
    crop: Vec<u8>,
    symbols: Vec<Symbol>,
}

impl TesseractReader {
    /// Starts Tesseract with its language data from `data`, or from where the system keeps them.
    pub fn start(data: Option<&Path>, settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, ReadError> {
        let recogniser = Some(Recogniser::start(data)?);
        Ok(Self { recogniser, ..Self::on_demand(data, settings, clock) })
    }

    /// Tesseract for the day the others fail: it is started at the first plate it is asked for, because it takes
    /// 19 MB of memory. That it cannot be started shows only then.
    pub fn on_demand(data: Option<&Path>, settings: Settings, clock: Arc<dyn Clock>) -> Self {
        Self {
            recogniser: None,
            data: data.map(Path::to_path_buf),
            settings,
            clock,
            scaler: Scaler::default(),
            crop: Vec::new(),
            symbols: Vec::new(),
        }
    }

    /// The plate as one line of text, dark on white; `None` if no text is found on it.
    fn line(&self, plate: &GrayImage, seen_height: f32) -> Option<GrayImage> {
        if !self.settings.trim {
            let height = self.settings.target_height(seen_height);
            let width = (plate.width() * height / plate.height().max(1)).max(8);
            let filter = image::imageops::FilterType::CatmullRom;
            return Some(self.settings.enhance(image::imageops::resize(plate, width, height, filter)));
        }
        let found = textline::find(plate)?;
        // Camera pixels per pixel of the plate's picture.
        let scale = seen_height / plate.height() as f32;
        let strips: Vec<GrayImage> = found
            .lines
            .iter()
            .filter_map(|line| {
                strip::cut(plate, &found, line, self.settings.target_height(line.height * scale))
            })
            .collect();
        let line = beside_each_other(strips)?;
        Some(self.settings.enhance(line))
    }
}

/// How sure a read is. Tesseract is surest where it lost half of the plate: of its reads of fewer than five characters
/// nearly all are wrong, and of its best ones two in three are right (bench-dev, val), so it never claims more.
fn confidence(chars: &[CharRead]) -> Confidence {
    let all: f32 = chars.iter().map(|c| c.p.value()).product();
    Confidence::new(if chars.len() < 5 { 0.2 * all } else { all.min(0.65) })
}

/// Two lines of a plate as one; a single one stays as it is.
fn beside_each_other(mut strips: Vec<GrayImage>) -> Option<GrayImage> {
    if strips.len() < 2 {
        return strips.pop();
    }
    let height = strips.iter().map(GrayImage::height).max()?;
    let gap = (GAP * height as f32 / 2.0) as u32;
    let width = strips.iter().map(|s| s.width() + gap).sum::<u32>();
    let mut line = GrayImage::from_pixel(width, height, Luma([255]));
    let mut x = 0;
    for strip in strips {
        image::imageops::replace(&mut line, &strip, i64::from(x), i64::from((height - strip.height()) / 2));
        x += strip.width() + gap;
    }
    Some(line)
}

impl Reader for TesseractReader {
    fn engine(&self) -> EngineKind {
        EngineKind::Tesseract
    }

    fn model(&self) -> &str {
        "tesseract-eng"
    }

    fn read(&mut self, frame: &Frame, detection: &Detection) -> Result<Option<PlateRead>, ReadError> {
        let started = self.clock.now();
        let window = rectify::window(detection, CROP);
        let width = (window.proportions() * PLATE_HEIGHT as f32) as u32;
        let size = Size::new(width.clamp(16, WIDEST_PLATE), PLATE_HEIGHT);
        window.cut(&mut self.scaler, frame, size, 1, &mut self.crop)?;
        let quality =
            Quality { height: rectify::plate_height(detection), sharpness: sharpness(&self.crop, size, 1) };
        // The scaler filled exactly width times height bytes.
        let Some(plate) = GrayImage::from_raw(size.width, size.height, self.crop.clone()) else {
            return Ok(None);
        };
        let Some(line) = self.line(&plate, quality.height) else { return Ok(None) };
        let recogniser = match &mut self.recogniser {
            Some(started) => started,
            none => none.insert(Recogniser::start(self.data.as_deref())?),
        };
        recogniser.read(&line, &mut self.symbols)?;
        let on_plates = self.symbols.iter().filter(|s| s.c.is_ascii_uppercase() || s.c.is_ascii_digit());
        let chars: Vec<CharRead> = on_plates
            .map(|s| CharRead { c: s.c, p: Confidence::new(s.confidence / 100.0), others: Vec::new() })
            .collect();
        let written: String = chars.iter().map(|c| c.c).collect();
        // Nothing, or more than fits on a plate: no read.
        let Ok(text) = PlateText::normalise(&written) else { return Ok(None) };
        let confidence = confidence(&chars);
        Ok(Some(PlateRead {
            text,
            confidence,
            chars,
            quality,
            engine: EngineKind::Tesseract,
            model: self.model().to_owned(),
            took: self.clock.now().since(started),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::SystemClock,
        frame::{PixelFormat, test_frames::frame_of},
        geometry::Rect,
    };

    fn reader(settings: Settings) -> TesseractReader {
        TesseractReader::start(None, settings, Arc::new(SystemClock::start())).unwrap()
    }

    fn plate(area: Rect) -> Detection {
        Detection { area, corners: area.into(), has_corners: false, confidence: Confidence::FULL }
    }

    /// Block letters of five by seven cells.
    const GLYPHS: [(char, [u8; 7]); 6] = [
        ('H', [0b10001, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001]),
        ('E', [0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b11111]),
        ('T', [0b11111, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100]),
        ('4', [0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010]),
        ('7', [0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b01000, 0b01000]),
        ('L', [0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b11111]),
    ];

    /// A plate with this text in block letters of 4-pixel cells, upper left corner at (40, 30) of the frame.
    fn drawn(text: &str, ink: u8, ground: u8) -> (Frame, Detection) {
        let cell = 4;
        let (width, height) = (text.len() as u32 * 6 * cell + 6 * cell, 11 * cell);
        let glyph = |c| GLYPHS.iter().find(|g| g.0 == c).map_or([0; 7], |g| g.1);
        let rows: Vec<[u8; 7]> = text.chars().map(glyph).collect();
        let frame = frame_of(PixelFormat::Gray8, Size::new(width + 80, height + 60), |x, y| {
            let (px, py) = (x.wrapping_sub(40), y.wrapping_sub(30));
            if px >= width || py >= height {
                return [90; 3];
            }
            let (column, row) = ((px / cell).wrapping_sub(3), (py / cell).wrapping_sub(2));
            let bits = rows.get((column / 6) as usize).and_then(|g| g.get(row as usize));
            let inked = column % 6 < 5 && bits.is_some_and(|b| b & (1 << (4 - column % 6)) != 0);
            [if inked { ink } else { ground }; 3]
        });
        (frame, plate(Rect::new(40.0, 30.0, width as f32, height as f32)))
    }

    #[test]
    fn printed_letters_are_read_dark_on_light_and_light_on_dark() {
        let mut reader = reader(Settings::default());
        for (ink, ground) in [(30, 220), (230, 40)] {
            let (frame, plate) = drawn("THE47L", ink, ground);
            let read = reader.read(&frame, &plate).unwrap().expect("some text");
            assert_eq!(read.text.as_str(), "THE47L", "ink {ink} on {ground}");
            assert_eq!(read.chars.len(), 6);
            assert_eq!(read.engine, EngineKind::Tesseract);
            assert!(read.confidence.value() > 0.1);
        }
    }

    #[test]
    fn a_blank_plate_is_no_read() {
        let frame = frame_of(PixelFormat::Gray8, Size::new(200, 100), |_, _| [128; 3]);
        let blank = plate(Rect::new(20.0, 20.0, 100.0, 25.0));
        assert_eq!(reader(Settings::default()).read(&frame, &blank).unwrap(), None);
    }

    #[test]
    fn missing_language_data_is_named_with_the_package_that_has_it() {
        let clock = Arc::new(SystemClock::start());
        let empty = tempfile::tempdir().unwrap();
        let error = TesseractReader::start(Some(empty.path()), Settings::default(), clock).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains(&*empty.path().to_string_lossy()) && text.contains("tesseract-ocr-eng"),
            "{text}"
        );
    }
}
