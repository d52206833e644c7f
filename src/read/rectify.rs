//! From a detection to the plate's picture: the grown box, or the plate straightened by its corners.
//!
//! Decides where to look; the pixels are moved by `frame`'s scaler.

use crate::{
    detect::Detection,
    frame::{Frame, Scaler, convert::ConvertError},
    geometry::{Quad, Rect, Size},
    infer::description::Crop,
};

/// What part of the frame is looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Window {
    Upright(Rect),
    Straightened(Quad),
}

/// The part of the frame that a reader with this rule for crops wants to see.
pub(super) fn window(detection: &Detection, crop: Crop) -> Window {
    if crop.rectify && detection.has_corners {
        Window::Straightened(detection.corners.grown(crop.margin))
    } else {
        Window::Upright(detection.area.grown(crop.margin))
    }
}

/// Height of the plate itself in frame pixels.
pub(super) fn plate_height(detection: &Detection) -> f32 {
    if detection.has_corners { detection.corners.height() } else { detection.area.height }
}

impl Window {
    /// Width over height of the part looked at; 1 where that has no meaning.
    pub(super) fn proportions(&self) -> f32 {
        let (width, height) = match self {
            Self::Upright(area) => (area.width, area.height),
            Self::Straightened(quad) => (quad.width(), quad.height()),
        };
        let ratio = width / height;
        if ratio.is_finite() && ratio > 0.0 { ratio } else { 1.0 }
    }

    /// Its pixels at exactly `size`.
    pub(super) fn cut(
        &self,
        scaler: &mut Scaler,
        frame: &Frame,
        size: Size,
        channels: u8,
        out: &mut Vec<u8>,
    ) -> Result<(), ConvertError> {
        match self {
            Self::Upright(area) => scaler.crop(frame, *area, size, channels, out),
            Self::Straightened(quad) => scaler.rectify(frame, quad, size, channels, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{geometry::Point, plate::Confidence};

    #[test]
    fn a_plate_is_straightened_only_if_its_corners_are_known() {
        let area = Rect::new(10.0, 10.0, 40.0, 10.0);
        let slanted =
            Quad([(12.0, 8.0), (52.0, 12.0), (50.0, 22.0), (10.0, 18.0)].map(|(x, y)| Point::new(x, y)));
        let seen = |has_corners, rectify| {
            let confidence = Confidence::FULL;
            let detection = Detection { area, corners: slanted, has_corners, confidence };
            window(&detection, Crop { margin: 0.1, rectify })
        };
        assert_eq!(seen(true, true), Window::Straightened(slanted.grown(0.1)));
        assert_eq!(seen(false, true), Window::Upright(area.grown(0.1)));
        assert_eq!(seen(true, false), Window::Upright(area.grown(0.1)));
        assert!((seen(true, false).proportions() - 4.0).abs() < 1e-3);
    }
}
