//! An input that is only watched, for whoever is woken by it: a loop in the road before a camera.

use super::{
    line::{Input, LineError},
    output::Sensing,
    sensor::Sensor,
};
use crate::clock::Moment;

/// An input of this process, debounced.
#[derive(Debug)]
pub struct Probe {
    input: Input,
    sensor: Sensor,
}

impl Probe {
    /// `consumer` is the name under which the kernel shows who has the line.
    pub fn open(sensing: &Sensing, consumer: &str) -> Result<Self, LineError> {
        let input = Input::open(&sensing.wiring, sensing.pull, consumer)?;
        Ok(Self { input, sensor: Sensor::new(sensing.debounce) })
    }

    /// Looks at the line; `None`: its level has not settled.
    pub fn sample(&mut self, now: Moment) -> Result<Option<bool>, LineError> {
        let active = self.input.is_active()?;
        self.sensor.sample(Some(active), now);
        Ok(self.sensor.level())
    }
}
