//! Where a plate will be next: a small Kalman filter over its box.
//!
//! Four independent filters of position and velocity: the centre in pixels, width and height as logarithms
//! (a plate that comes closer grows by a factor, not by pixels). All noise is stated in plate sizes, so the
//! same numbers fit a plate of 20 and of 300 pixels. Which detection belongs to which plate is `assign`'s.

use std::time::Duration;

use crate::geometry::{Point, Rect};

/// Longer gaps are predicted as if they were this long: nothing useful can be said beyond.
const LONGEST_GAP: f32 = 5.0;
/// Speed that a plate may have when it is first seen, in plate sizes per second (one standard deviation).
/// A car crossing the picture at 30 km/h moves about 16 plate widths a second, an approaching one 1 to 4.
const FIRST_SPEED: f32 = 6.0;
/// Unforeseen acceleration in plate sizes per second squared.
const ACCELERATION: f32 = 6.0;
/// How far a detector's box lies beside the truth, in plate sizes.
const BOX_NOISE: f32 = 0.05;
/// The same three for the logarithm of width and height.
const FIRST_GROWTH: f32 = 0.7;
const GROWTH_CHANGE: f32 = 1.0;
const SIZE_NOISE: f32 = 0.10;

/// One quantity with its rate of change and their joint uncertainty.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Axis {
    value: f32,
    rate: f32,
    /// Variances and covariance of value and rate.
    vv: f32,
    vr: f32,
    rr: f32,
}

impl Axis {
    fn new(value: f32, value_sd: f32, rate_sd: f32) -> Self {
        Self { value, rate: 0.0, vv: value_sd * value_sd, vr: 0.0, rr: rate_sd * rate_sd }
    }

    fn predict(&mut self, dt: f32, change_sd: f32) {
        let q = change_sd * change_sd;
        let dt2 = dt * dt;
        self.value += self.rate * dt;
        self.vv += 2.0 * dt * self.vr + dt2 * self.rr + q * dt2 * dt2 / 4.0;
        self.vr += dt * self.rr + q * dt2 * dt / 2.0;
        self.rr += q * dt2;
    }

    fn update(&mut self, measured: f32, sd: f32) {
        let spread = self.vv + sd * sd;
        if spread <= 0.0 || !spread.is_finite() {
            return;
        }
        let (gain_value, gain_rate) = (self.vv / spread, self.vr / spread);
        let surprise = measured - self.value;
        self.value += gain_value * surprise;
        self.rate += gain_rate * surprise;
        self.rr -= gain_rate * self.vr;
        self.vr *= 1.0 - gain_value;
        self.vv *= 1.0 - gain_value;
    }
}

/// The filtered box of one plate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Motion {
    x: Axis,
    y: Axis,
    log_width: Axis,
    log_height: Axis,
}

impl Motion {
    pub(super) fn begin(area: &Rect) -> Self {
        let size = size_of(area);
        let centre = area.centre();
        let along = |value| Axis::new(value, BOX_NOISE * size, FIRST_SPEED * size);
        let grows = |length: f32| Axis::new(length.max(1.0).ln(), SIZE_NOISE, FIRST_GROWTH);
        Self {
            x: along(centre.x),
            y: along(centre.y),
            log_width: grows(area.width),
            log_height: grows(area.height),
        }
    }

    /// Moves the expectation on by this much time.
    pub(super) fn predict(&mut self, gap: Duration) {
        let dt = gap.as_secs_f32().min(LONGEST_GAP);
        let change = ACCELERATION * size_of(&self.area());
        self.x.predict(dt, change);
        self.y.predict(dt, change);
        self.log_width.predict(dt, GROWTH_CHANGE);
        self.log_height.predict(dt, GROWTH_CHANGE);
        // A plate does not grow or shrink more than e-fold within a step, whatever the last boxes said.
        for axis in [&mut self.log_width, &mut self.log_height] {
            axis.rate = axis.rate.clamp(-2.0, 2.0);
            axis.value = axis.value.clamp(0.0, 10.0);
        }
    }

    /// Takes in the box that was seen.
    pub(super) fn update(&mut self, area: &Rect) {
        let size = size_of(area);
        let sd = (BOX_NOISE * size).max(0.5);
        let centre = area.centre();
        self.x.update(centre.x, sd);
        self.y.update(centre.y, sd);
        self.log_width.update(area.width.max(1.0).ln(), SIZE_NOISE);
        self.log_height.update(area.height.max(1.0).ln(), SIZE_NOISE);
    }

    /// The expected box.
    pub(super) fn area(&self) -> Rect {
        let (w, h) = (self.log_width.value.exp(), self.log_height.value.exp());
        Rect::new(self.x.value - w / 2.0, self.y.value - h / 2.0, w, h)
    }

    /// How far from the expected place the plate may well be, in its own sizes (one standard deviation).
    pub(super) fn uncertainty(&self) -> f32 {
        let size = size_of(&self.area());
        (self.x.vv.max(self.y.vv).max(0.0)).sqrt() / size
    }

    /// Pixels per second.
    pub(super) fn speed(&self) -> Point {
        Point::new(self.x.rate, self.y.rate)
    }
}

/// The length that distances are measured in: the longer side of a plate, at least a few pixels.
pub(super) fn size_of(area: &Rect) -> f32 {
    area.width.max(area.height).max(4.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plate(x: f32, y: f32, width: f32) -> Rect {
        Rect::new(x, y, width, width / 4.0)
    }

    #[test]
    fn a_steady_plate_is_expected_where_it_will_be() {
        let mut motion = Motion::begin(&plate(100.0, 100.0, 80.0));
        for i in 1..20 {
            motion.predict(Duration::from_millis(100));
            motion.update(&plate(100.0 + 15.0 * i as f32, 100.0 + 4.0 * i as f32, 80.0));
        }
        motion.predict(Duration::from_millis(200));
        let expected = plate(100.0 + 15.0 * 21.0, 100.0 + 4.0 * 21.0, 80.0);
        assert!(motion.area().centre().distance(expected.centre()) < 6.0, "{:?}", motion.area());
    }

    #[test]
    fn a_plate_that_comes_closer_is_expected_larger() {
        let mut motion = Motion::begin(&plate(100.0, 100.0, 40.0));
        for i in 1..12 {
            motion.predict(Duration::from_millis(100));
            motion.update(&plate(100.0, 100.0, 40.0 * 1.05f32.powi(i)));
        }
        let now = motion.area().width;
        motion.predict(Duration::from_millis(300));
        assert!(motion.area().width > now * 1.08, "{now} to {}", motion.area().width);
    }

    #[test]
    fn waiting_makes_it_less_certain_and_seeing_more() {
        let mut motion = Motion::begin(&plate(0.0, 0.0, 50.0));
        let before = motion.uncertainty();
        motion.predict(Duration::from_millis(500));
        let waited = motion.uncertainty();
        motion.update(&plate(5.0, 0.0, 50.0));
        assert!(waited > before * 5.0);
        assert!(motion.uncertainty() < waited / 5.0);
    }

    proptest! {
        #[test]
        fn no_sequence_of_boxes_and_gaps_leads_out_of_the_numbers(
            steps in prop::collection::vec(
                (0u64..20_000, -5_000.0f32..5_000.0, -5_000.0f32..5_000.0, 0.0f32..3_000.0), 1..60),
        ) {
            let mut motion = Motion::begin(&plate(10.0, 10.0, 60.0));
            for (gap, x, y, width) in steps {
                motion.predict(Duration::from_millis(gap));
                motion.update(&plate(x, y, width));
                prop_assert!(motion.area().is_finite(), "{:?}", motion);
                prop_assert!(motion.uncertainty().is_finite());
            }
        }
    }
}
