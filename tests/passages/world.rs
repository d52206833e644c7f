//! A simulated road: vehicles with known plates, a detector that misses and invents, a reader that mistakes.
//!
//! Everything follows from a seed. Not a model of any real detector or reader: it is meant to be worse.

use std::time::Duration;

use amslpr::{
    clock::Moment,
    detect::Detection,
    geometry::{Point, Quad, Rect, Size},
    infer::EngineKind,
    plate::{CharRead, Confidence, PlateText, confusion},
    read::{PlateRead, Quality},
};

pub(crate) const FRAME: Size = Size::new(1280, 720);

/// SplitMix64: small, seeded, good enough for a simulation.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5851_F42D_4C95_7F2D)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// 0 to 1.
    pub(crate) fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 24) as f32
    }

    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    pub(crate) fn happens(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// Roughly normal, of this spread.
    fn noise(&mut self, spread: f32) -> f32 {
        ((0..4).map(|_| self.unit()).sum::<f32>() - 2.0) * 1.7 * spread
    }

    /// A British plate.
    pub(crate) fn plate(&mut self) -> String {
        let letters: Vec<char> = "ABCDEFGHJKLMNOPRSTUVWXY".chars().collect();
        let mut plate: String = (0..2).map(|_| letters[self.below(letters.len())]).collect();
        plate.extend((0..2).map(|_| char::from(b'0' + self.below(10) as u8)));
        plate.extend((0..3).map(|_| letters[self.below(letters.len())]));
        plate
    }
}

/// A vehicle's way: its distance from the camera in metres over time, in its lane.
#[derive(Debug, Clone)]
pub(crate) struct Vehicle {
    pub(crate) plate: String,
    /// Sideways from the camera's axis, metres.
    pub(crate) lane: f32,
    /// (seconds, metres): where it is at these times, straight between them; not there outside.
    pub(crate) way: Vec<(f32, f32)>,
    /// (from, to) in seconds: something stands before it.
    pub(crate) hidden: Vec<(f32, f32)>,
}

impl Vehicle {
    /// Comes from 22 m to 3 m at this speed (m/s).
    pub(crate) fn approaching(plate: &str, start: f32, speed: f32, lane: f32) -> Self {
        let way = vec![(start, 22.0), (start + 19.0 / speed, 3.0)];
        Self { plate: plate.to_owned(), lane, way, hidden: Vec::new() }
    }

    pub(crate) fn leaving(plate: &str, start: f32, speed: f32, lane: f32) -> Self {
        let way = vec![(start, 3.5), (start + 18.0 / speed, 21.5)];
        Self { plate: plate.to_owned(), lane, way, hidden: Vec::new() }
    }

    fn distance(&self, t: f32) -> Option<f32> {
        let (from, to) = self.way.windows(2).map(|w| (w[0], w[1])).find(|(a, b)| a.0 <= t && t < b.0)?;
        Some(from.1 + (to.1 - from.1) * (t - from.0) / (to.0 - from.0))
    }

    /// Its plate in the picture: 0.52 m wide, seen by a lens of 1100 pixels, 1.2 m above the plate.
    pub(crate) fn area(&self, t: f32) -> Option<Rect> {
        let z = self.distance(t)?;
        let (width, height) = (1100.0 * 0.52 / z, 1100.0 * 0.115 / z);
        let centre = Point::new(640.0 + 1100.0 * self.lane / z, 200.0 + 1100.0 * 1.2 / z);
        let area = Rect::new(centre.x - width / 2.0, centre.y - height / 2.0, width, height);
        let whole = area.clipped(FRAME).area() > 0.95 * area.area();
        (whole && !self.hidden.iter().any(|h| h.0 <= t && t < h.1)).then_some(area)
    }

    pub(crate) fn end(&self) -> f32 {
        self.way.last().map_or(0.0, |w| w.0)
    }
}

/// How bad the camera, the detector and the reader are.
#[derive(Debug, Clone)]
pub(crate) struct Conditions {
    pub(crate) fps: f32,
    /// A visible plate is not detected.
    pub(crate) missed: f32,
    /// A detection is only weak.
    pub(crate) faint: f32,
    /// Something else is detected as a plate, per frame.
    pub(crate) invented: f32,
    /// Part of the characters of a large plate that are read wrong...
    pub(crate) misread: f32,
    /// ...and how much more at 10 px of height.
    pub(crate) hard: f32,
}

impl Default for Conditions {
    fn default() -> Self {
        Self { fps: 10.0, missed: 0.1, faint: 0.1, invented: 0.02, misread: 0.02, hard: 0.25 }
    }
}

/// What the detector says about the frame at `t`, and whose plate each detection is.
pub(crate) fn detect(
    dice: &mut Dice,
    vehicles: &[Vehicle],
    t: f32,
    c: &Conditions,
) -> Vec<(Detection, Option<usize>)> {
    let mut found = Vec::new();
    for (index, vehicle) in vehicles.iter().enumerate() {
        let Some(area) = vehicle.area(t).filter(|_| !dice.happens(c.missed)) else { continue };
        let spread = 0.03 * area.height.max(8.0);
        let mut shaken = |v: f32| v + dice.noise(spread);
        let area =
            Rect::new(shaken(area.x), shaken(area.y), shaken(area.width), shaken(area.height)).clipped(FRAME);
        let confidence = if dice.happens(c.faint) { dice.between(0.2, 0.5) } else { dice.between(0.5, 0.98) };
        found.push((detection(area, confidence), Some(index)));
    }
    if dice.happens(c.invented) {
        let (x, y, w) = (dice.between(0.0, 1100.0), dice.between(100.0, 680.0), dice.between(20.0, 120.0));
        found.push((detection(Rect::new(x, y, w, w / 4.0).clipped(FRAME), dice.between(0.2, 0.7)), None));
    }
    found
}

pub(crate) fn detection(area: Rect, confidence: f32) -> Detection {
    let confidence = Confidence::new(confidence);
    Detection { area, corners: Quad::from(area), has_corners: false, confidence }
}

/// What the reader says about a crop of this height that shows `plate`, or nothing that is a plate.
pub(crate) fn read(dice: &mut Dice, plate: Option<&str>, height: f32, c: &Conditions) -> Option<PlateRead> {
    let sharpness = dice.between(0.3, 1.0);
    let hard = (c.hard * (24.0 - height) / 14.0).clamp(0.0, 0.4) + 0.05 * (1.0 - sharpness);
    let error = (c.misread + hard).min(0.6);
    let mut chars = Vec::new();
    match plate {
        Some(plate) => {
            for truth in plate.chars() {
                if dice.happens(error * 0.1) {
                    continue;
                }
                chars.push(char_read(dice, truth, error));
                if dice.happens(error * 0.05) {
                    chars.push(char_read(dice, 'I', 0.5));
                }
            }
        }
        None => {
            let made_up = dice.plate();
            let length = 2 + dice.below(6);
            chars.extend(made_up.chars().take(length).map(|truth| char_read(dice, truth, 0.6)));
        }
    }
    let text: String = chars.iter().map(|c| c.c).collect();
    let confidence = chars.iter().map(|c| c.p.value()).product();
    Some(PlateRead {
        text: PlateText::normalise(&text).ok()?,
        confidence: Confidence::new(confidence),
        chars,
        quality: Quality { height, sharpness },
        engine: EngineKind::Cpu,
        model: "simulated".to_owned(),
        took: Duration::from_millis(4),
    })
}

/// Right or wrong; surer when right, but now and then very sure and wrong.
fn char_read(dice: &mut Dice, truth: char, error: f32) -> CharRead {
    let all: Vec<char> = ('A'..='Z').chain('0'..='9').filter(|c| *c != truth).collect();
    let alike: Vec<char> = all.iter().copied().filter(|c| confusion::cost(truth, *c) < 0.8).collect();
    let other = if !alike.is_empty() && dice.happens(0.8) {
        alike[dice.below(alike.len())]
    } else {
        all[dice.below(all.len())]
    };
    let wrong = dice.happens(error);
    let p = match wrong {
        true if dice.happens(0.1) => dice.between(0.95, 1.0),
        true => dice.between(0.4, 0.9),
        false => 1.0 - error * dice.between(0.2, 1.2),
    };
    let (c, second) = if wrong { (other, truth) } else { (truth, other) };
    let rest = (1.0 - p) * dice.between(0.3, 0.9);
    CharRead { c, p: Confidence::new(p), others: vec![(second, Confidence::new(rest))] }
}

pub(crate) fn moment(t: f32) -> Moment {
    Moment::from_micros((f64::from(t) * 1e6) as u64)
}
