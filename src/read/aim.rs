//! How good a look a camera gives at a plate, and what to do about it: for whoever is on the ladder.
//!
//! Pure: one sighting and the colours of its frame in, numbers and grades out.

use std::time::Duration;

use image::RgbImage;

use crate::{detect::Detection, geometry::Rect};

/// One look at a plate, in numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// Height of the plate in pixels.
    pub height: f32,
    /// Focus of the plate, see [`super::Quality`]; `None` where it was not read.
    pub sharpness: Option<f32>,
    /// How far it leans, in degrees; clockwise is positive.
    pub roll: f32,
    /// How much higher its nearer side is than its farther one: 1 is seen straight on.
    pub skew: f32,
    /// Share of its pixels that are as bright as can be: there is nothing to read in them.
    pub saturated: f32,
    /// Between its bright and its dark pixels, in grey steps.
    pub contrast: f32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    Pass,
    /// It works, but not at night, in rain or at speed.
    Fair,
    Fail,
}

impl Grade {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fair => "fair",
            Self::Fail => "FAIL",
        }
    }
}

/// One number with its grade.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    pub what: &'static str,
    pub value: String,
    pub grade: Grade,
    pub advice: Option<String>,
}

/// Heights from which on plates are read well, and just so. A reader gets hardly any text right below 10 pixels.
const GOOD_HEIGHT: f32 = 20.0;
const LEAST_HEIGHT: f32 = 14.0;
/// Plates that are read surely (0.95 and more) have 0.04 to 0.33 in photographs of all kinds, smeared ones 0.01.
const SHARP: f32 = 0.04;
const BLURRED: f32 = 0.02;
/// More pixels than this are wasted: the same lens could see more road.
const PLENTY: f32 = 80.0;

/// The longest exposure at which a vehicle of this speed is not smeared: 1/(11 x km/h) s, 1/500 s at 45 km/h.
pub fn shutter(km_h: f32) -> Duration {
    Duration::from_secs_f32(1.0 / (11.0 * km_h.max(1.0)))
}

impl Look {
    /// Measures a detection in its picture.
    pub fn at(picture: &RgbImage, detection: &Detection, sharpness: Option<f32>) -> Self {
        let [tl, tr, br, bl] = detection.corners.0;
        let middle = |a: f32, b: f32| (a + b) / 2.0;
        let (dx, dy) = (middle(tr.x, br.x) - middle(tl.x, bl.x), middle(tr.y, br.y) - middle(tl.y, bl.y));
        let (left, right) = (tl.distance(bl).max(0.1), tr.distance(br).max(0.1));
        let (saturated, contrast) = brightness(picture, &detection.area);
        Self {
            height: detection.corners.height(),
            sharpness,
            roll: dy.atan2(dx).to_degrees(),
            skew: (left / right).max(right / left),
            saturated,
            contrast,
        }
    }

    /// Every number with its grade.
    pub fn findings(&self) -> Vec<Finding> {
        let finding = |what, value: String, grade, advice: &str| {
            let advice = (grade != Grade::Pass).then(|| advice.to_owned());
            Finding { what, value, grade, advice }
        };
        let rising = |value: f32, fair: f32, pass: f32| match value {
            _ if value >= pass => Grade::Pass,
            _ if value >= fair => Grade::Fair,
            _ => Grade::Fail,
        };
        let falling = |value: f32, pass: f32, fair: f32| match value {
            _ if value <= pass => Grade::Pass,
            _ if value <= fair => Grade::Fair,
            _ => Grade::Fail,
        };
        let mut findings = vec![finding(
            "height",
            format!("{:.0} px", self.height),
            rising(self.height, LEAST_HEIGHT, GOOD_HEIGHT),
            &format!(
                "zoom in or go nearer {:.1} times, or use the camera's main stream",
                GOOD_HEIGHT / self.height.max(1.0)
            ),
        )];
        if self.height > PLENTY {
            let advice = "more than is needed: zoom out and see plates for longer";
            let value = format!("{:.0} px", self.height);
            findings[0] =
                Finding { what: "height", value, grade: Grade::Pass, advice: Some(advice.to_owned()) };
        }
        if let Some(sharpness) = self.sharpness {
            let advice = "focus the lens on where plates are read; if they smear only while they move, shorten the exposure";
            findings.push(finding(
                "sharpness",
                format!("{sharpness:.2}"),
                rising(sharpness, BLURRED, SHARP),
                advice,
            ));
        }
        let roll = self.roll.abs();
        findings.push(finding(
            "leaning",
            format!("{:+.0} deg", self.roll),
            falling(roll, 8.0, 15.0),
            "turn the camera about its axis until plates lie level",
        ));
        findings.push(finding(
            "sideways",
            format!("{:.2}", self.skew),
            falling(self.skew, 1.2, 1.45),
            "the camera looks at plates from the side: stand nearer to the lane, at most 30 degrees from its direction",
        ));
        findings.push(finding(
            "saturated",
            format!("{:.0} %", self.saturated * 100.0),
            falling(self.saturated, 0.05, 0.25),
            "the plate burns out: shorten the exposure, lower the gain or the infrared light",
        ));
        findings.push(finding(
            "contrast",
            format!("{:.0}", self.contrast),
            rising(self.contrast, 35.0, 60.0),
            "the plate is grey on grey: more light on it, or a longer exposure if vehicles are slow",
        ));
        findings
    }
}

/// The worst of them.
pub fn grade(findings: &[Finding]) -> Grade {
    findings.iter().map(|finding| finding.grade).max().unwrap_or(Grade::Pass)
}

/// Share of saturated pixels, and the distance between dark and bright ones.
fn brightness(picture: &RgbImage, area: &Rect) -> (f32, f32) {
    let size = crate::geometry::Size::new(picture.width(), picture.height());
    let area = area.clipped(size);
    let mut counts = [0u32; 256];
    let (mut all, mut saturated) = (0u32, 0u32);
    for y in area.y as u32..(area.bottom() as u32).min(size.height) {
        for x in area.x as u32..(area.right() as u32).min(size.width) {
            let [r, g, b] = picture.get_pixel(x, y).0.map(u32::from);
            let luma = ((77 * r + 150 * g + 29 * b) >> 8).min(255);
            if let Some(count) = counts.get_mut(luma as usize) {
                *count += 1;
            }
            all += 1;
            saturated += u32::from(r.min(g).min(b) >= 252);
        }
    }
    if all == 0 {
        return (0.0, 0.0);
    }
    let quantile = |share: f32| {
        let wanted = (share * all as f32) as u32;
        let mut passed = 0;
        counts.iter().position(|count| {
            passed += count;
            passed > wanted
        })
    };
    let (dark, bright) = (quantile(0.05).unwrap_or(0), quantile(0.95).unwrap_or(255));
    (saturated as f32 / all as f32, bright.saturating_sub(dark) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        geometry::{Point, Quad},
        plate::Confidence,
    };

    fn look(corners: [(f32, f32); 4], colour: impl Fn(u32) -> u8, sharpness: f32) -> Look {
        let picture = RgbImage::from_fn(400, 200, |x, _| image::Rgb([colour(x); 3]));
        let corners = Quad(corners.map(|(x, y)| Point::new(x, y)));
        let detection = Detection {
            area: corners.bounds(),
            corners,
            has_corners: true,
            confidence: Confidence::new(0.9),
        };
        Look::at(&picture, &detection, Some(sharpness))
    }

    const STRAIGHT: [(f32, f32); 4] = [(100.0, 100.0), (220.0, 100.0), (220.0, 126.0), (100.0, 126.0)];

    fn check(look: Look, worst: Grade, advice: &str) {
        let findings = look.findings();
        assert_eq!(grade(&findings), worst, "{findings:?}");
        let said =
            findings.iter().filter_map(|finding| finding.advice.clone()).collect::<Vec<_>>().join("; ");
        assert!(if advice.is_empty() { said.is_empty() } else { said.contains(advice) }, "{said}");
    }

    #[test]
    fn a_good_look_passes_and_each_fault_has_its_advice() {
        let bars = |x: u32| if (x / 6).is_multiple_of(2) { 40 } else { 200 };
        check(look(STRAIGHT, bars, 0.7), Grade::Pass, "");
        let small = STRAIGHT.map(|(x, y)| (x / 2.0, 100.0 + (y - 100.0) / 2.3));
        check(look(small, bars, 0.7), Grade::Fail, "go nearer 1.8 times");
        check(look(STRAIGHT, bars, 0.01), Grade::Fail, "focus the lens");
        let leaning = [(100.0, 100.0), (215.0, 130.0), (208.0, 156.0), (93.0, 126.0)];
        check(look(leaning, bars, 0.7), Grade::Fair, "turn the camera");
        let sideways = [(100.0, 100.0), (180.0, 104.0), (180.0, 124.0), (100.0, 134.0)];
        check(look(sideways, bars, 0.7), Grade::Fail, "from the side");
        check(look(STRAIGHT, |x| if x / 6 % 2 == 0 { 40 } else { 255 }, 0.7), Grade::Fail, "burns out");
        check(look(STRAIGHT, |x| 100 + (x / 6 % 2) as u8 * 20, 0.7), Grade::Fail, "grey on grey");
    }

    #[test]
    fn the_shutter_is_the_shorter_the_faster_the_vehicle() {
        assert_eq!((1.0 / shutter(45.0).as_secs_f32()).round(), 495.0);
        assert_eq!(shutter(0.0), shutter(1.0));
    }

    #[test]
    fn a_plate_outside_the_picture_is_nothing_to_panic_about() {
        let far = STRAIGHT.map(|(x, y)| (x + 4_000.0, y - 4_000.0));
        assert_eq!(look(far, |_| 9, 0.5).contrast, 0.0);
    }
}
