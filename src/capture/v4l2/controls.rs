//! What is set at a camera besides its format: exposure, gain, mains frequency.
//!
//! The camera itself stands behind [`Panel`]; which controls to set, in which order, is decided here.

use std::{io, time::Duration};

/// What is wanted; `None` leaves the camera as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Controls {
    pub exposure: Option<Exposure>,
    pub gain: Option<Gain>,
    pub power_line: Option<PowerLine>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposure {
    Auto,
    Time(Duration),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gain {
    Auto,
    /// In the camera's own units.
    Value(i64),
}

/// The mains that lamps flicker with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PowerLine {
    Off,
    Hz50,
    Hz60,
    Auto,
}

/// A camera's controls by their numbers.
pub(super) trait Panel {
    fn set(&mut self, id: u32, value: i64) -> io::Result<()>;
    fn get(&mut self, id: u32) -> io::Result<i64>;
}

// The numbers of linux/v4l2-controls.h.
pub(super) const AUTO_GAIN: u32 = 0x0098_0912;
const GAIN: u32 = 0x0098_0913;
const POWER_LINE: u32 = 0x0098_0918;
const EXPOSURE_MODE: u32 = 0x009a_0901;
const EXPOSURE_TIME: u32 = 0x009a_0902;
/// Whether automatic exposure may slow the frames down.
const EXPOSURE_PRIORITY: u32 = 0x009a_0903;
/// Exposure modes: by hand; by itself with a fixed aperture, which is what most cameras have; all by itself.
const BY_HAND: i64 = 1;
const BY_ITSELF: [i64; 2] = [3, 0];
/// The unit of exposure times.
const EXPOSURE_UNIT: Duration = Duration::from_micros(100);

/// Sets what is wanted, in the order that cameras take, and tells what cannot be had.
pub(super) fn apply(wanted: &Controls, panel: &mut impl Panel) -> Vec<String> {
    let mut desk = Desk { panel, complaints: Vec::new() };
    match wanted.exposure {
        None => {}
        Some(Exposure::Auto) => {
            let is_set = BY_ITSELF.into_iter().any(|mode| desk.panel.set(EXPOSURE_MODE, mode).is_ok());
            if !is_set {
                desk.complaints.push("it has no automatic exposure".to_owned());
            }
            // In the dark many would give half the frames. Some have no such control.
            let _ = desk.panel.set(EXPOSURE_PRIORITY, 0);
        }
        Some(Exposure::Time(time)) => {
            // By hand first: most cameras refuse a time before. Some know nothing else, and have no such control.
            let _ = desk.panel.set(EXPOSURE_MODE, BY_HAND);
            let units =
                i64::try_from((time.as_micros() / EXPOSURE_UNIT.as_micros()).max(1)).unwrap_or(i64::MAX);
            desk.set(EXPOSURE_TIME, units, "exposure in 0.1 ms");
        }
    }
    match wanted.gain {
        None => {}
        Some(Gain::Auto) => desk.set(AUTO_GAIN, 1, "automatic gain"),
        Some(Gain::Value(gain)) => {
            // Where gain is never automatic there is nothing to switch off.
            let _ = desk.panel.set(AUTO_GAIN, 0);
            desk.set(GAIN, gain, "gain");
        }
    }
    if let Some(power_line) = wanted.power_line {
        let value = match power_line {
            PowerLine::Off => 0,
            PowerLine::Hz50 => 1,
            PowerLine::Hz60 => 2,
            PowerLine::Auto => 3,
        };
        desk.set(POWER_LINE, value, "mains frequency");
    }
    desk.complaints
}

struct Desk<'a, P> {
    panel: &'a mut P,
    complaints: Vec<String>,
}

impl<P: Panel> Desk<'_, P> {
    fn set(&mut self, id: u32, value: i64, what: &str) {
        let complaint = match self.panel.set(id, value) {
            Err(error) => Some(format!("its {what} cannot be set to {value}: {error}")),
            Ok(()) => match self.panel.get(id) {
                Ok(taken) if taken != value => Some(format!("its {what} is {taken} now, not {value}")),
                Ok(_) | Err(_) => None,
            },
        };
        self.complaints.extend(complaint);
    }
}

/// What there is to say of a camera's controls as they stand.
pub(super) fn describe(panel: &mut impl Panel) -> Vec<(&'static str, String)> {
    let mut words = Vec::new();
    if let Ok(mode) = panel.get(EXPOSURE_MODE) {
        words.push(("exposure-mode", if mode == BY_HAND { "by hand" } else { "auto" }.to_owned()));
    }
    if let Ok(time) = panel.get(EXPOSURE_TIME) {
        words.push(("exposure", format!("{:.1} ms", time as f64 / 10.0)));
    }
    if let Ok(gain) = panel.get(GAIN) {
        words.push(("gain", gain.to_string()));
    }
    if let Ok(mains) = panel.get(POWER_LINE) {
        let names = ["off", "50hz", "60hz", "auto"];
        let name = usize::try_from(mains).ok().and_then(|mains| names.get(mains).copied());
        words.push(("power-line", name.unwrap_or("unknown").to_owned()));
    }
    words
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// A camera with these controls: least, most, value; a menu refuses what it has not.
    struct Camera {
        controls: BTreeMap<u32, (i64, i64, i64)>,
        menus: Vec<u32>,
        order: Vec<(u32, i64)>,
    }

    impl Camera {
        /// What a usual USB camera has.
        fn usual() -> Self {
            let controls = [
                (EXPOSURE_MODE, (1, 3, 3)),
                (EXPOSURE_TIME, (3, 2047, 250)),
                (GAIN, (0, 100, 10)),
                (POWER_LINE, (0, 2, 1)),
            ];
            Self { controls: controls.into(), menus: vec![EXPOSURE_MODE, POWER_LINE], order: Vec::new() }
        }
    }

    impl Panel for Camera {
        fn set(&mut self, id: u32, value: i64) -> io::Result<()> {
            let invalid = || io::Error::from_raw_os_error(22);
            let by_hand = self.controls.get(&EXPOSURE_MODE).is_none_or(|mode| mode.2 == BY_HAND);
            let control = self.controls.get_mut(&id).ok_or_else(invalid)?;
            let fits = (control.0..=control.1).contains(&value);
            if id == EXPOSURE_TIME && !by_hand || !fits && self.menus.contains(&id) {
                return Err(invalid());
            }
            control.2 = value.clamp(control.0, control.1);
            self.order.push((id, value));
            Ok(())
        }

        fn get(&mut self, id: u32) -> io::Result<i64> {
            self.controls.get(&id).map(|control| control.2).ok_or_else(|| io::Error::from_raw_os_error(22))
        }
    }

    fn check(wanted: Controls, sets: &[(u32, i64)], complaints: &[&str]) {
        let mut camera = Camera::usual();
        let said = apply(&wanted, &mut camera);
        assert_eq!(camera.order, sets, "{wanted:?}");
        assert_eq!(said.len(), complaints.len(), "{said:?}");
        assert!(said.iter().zip(complaints).all(|(said, words)| said.contains(words)), "{said:?}");
    }

    #[test]
    fn controls_are_set_in_the_order_that_cameras_take() {
        let time = |micros| Some(Exposure::Time(Duration::from_micros(micros)));
        let none = Controls::default();
        check(none, &[], &[]);
        check(Controls { exposure: time(2_000), ..none }, &[(EXPOSURE_MODE, 1), (EXPOSURE_TIME, 20)], &[]);
        check(Controls { exposure: Some(Exposure::Auto), ..none }, &[(EXPOSURE_MODE, 3)], &[]);
        check(Controls { gain: Some(Gain::Value(40)), ..none }, &[(GAIN, 40)], &[]);
        check(Controls { power_line: Some(PowerLine::Hz60), ..none }, &[(POWER_LINE, 2)], &[]);
    }

    #[test]
    fn what_a_camera_cannot_do_is_said() {
        let none = Controls::default();
        let short = Some(Exposure::Time(Duration::from_micros(100)));
        let set = [(EXPOSURE_MODE, 1), (EXPOSURE_TIME, 1)];
        check(Controls { exposure: short, ..none }, &set, &["is 3 now, not 1"]);
        check(Controls { gain: Some(Gain::Auto), ..none }, &[], &["automatic gain cannot be set"]);
        check(Controls { power_line: Some(PowerLine::Auto), ..none }, &[], &["cannot be set to 3"]);
        let mut bare = Camera { controls: BTreeMap::new(), menus: Vec::new(), order: Vec::new() };
        let all = Controls { exposure: Some(Exposure::Auto), gain: Some(Gain::Value(1)), power_line: None };
        assert_eq!(apply(&all, &mut bare).len(), 2);
        assert_eq!(describe(&mut bare), []);
    }

    #[test]
    fn controls_are_told_in_the_words_of_the_configuration() {
        let words = describe(&mut Camera::usual());
        let expected =
            [("exposure-mode", "auto"), ("exposure", "25.0 ms"), ("gain", "10"), ("power-line", "50hz")];
        assert!(words.iter().map(|(name, word)| (*name, word.as_str())).eq(expected), "{words:?}");
    }
}
