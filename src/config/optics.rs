//! Single values of cameras as people write them: exposure, gain, mains, what is decoded. The rest is in `values`.

use std::time::Duration;

use serde::Deserialize;
use toml::Value;

use super::values::{HELP, Time};
use crate::capture::{
    Decode,
    v4l2::{Exposure, Gain, PowerLine},
};

/// Longest exposure: more is no picture of anything that moves.
const LONGEST_EXPOSURE: Duration = Duration::from_secs(1);

/// How long a picture is exposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct ExposureWord(pub Exposure);

impl TryFrom<Value> for ExposureWord {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        if value.as_str() == Some("auto") {
            return Ok(Self(Exposure::Auto));
        }
        // Milliseconds are coarse for a shutter: fractions of them are fine.
        let Time(time) = Time::try_from(value)
            .map_err(|error| format!("{error}{}", if error.contains(HELP) { "" } else { HELP_EXPOSURE }))?;
        if !(Duration::from_micros(10)..=LONGEST_EXPOSURE).contains(&time) {
            return Err(format!("an exposure lies between 0.01 ms and 1 s{HELP_EXPOSURE}"));
        }
        Ok(Self(Exposure::Time(time)))
    }
}

const HELP_EXPOSURE: &str = "\nhelp: write a time such as \"2ms\" or \"0.5ms\", or \"auto\"";

/// Amplification in the camera's own units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct GainWord(pub Gain);

impl TryFrom<Value> for GainWord {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match &value {
            Value::String(text) if text == "auto" => Ok(Self(Gain::Auto)),
            Value::Integer(gain) if (0..=1_000_000).contains(gain) => Ok(Self(Gain::Value(*gain))),
            _ => Err(format!(
                "this is no gain{HELP}write a whole number in the camera's own units, or \"auto\"; `amslpr doctor cameras` \
                 shows what it takes"
            )),
        }
    }
}

/// The mains that lamps flicker with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct PowerLineWord(pub PowerLine);

impl TryFrom<Value> for PowerLineWord {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value.as_str() {
            Some("off") => Ok(Self(PowerLine::Off)),
            Some("50hz") => Ok(Self(PowerLine::Hz50)),
            Some("60hz") => Ok(Self(PowerLine::Hz60)),
            Some("auto") => Ok(Self(PowerLine::Auto)),
            _ => Err("must be one of \"50hz\", \"60hz\", \"auto\", \"off\"".to_owned()),
        }
    }
}

/// Which pictures of a stream are decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct DecodeWord(pub Decode);

impl TryFrom<Value> for DecodeWord {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value.as_str() {
            Some("auto") => Ok(Self(Decode::Auto)),
            Some("all") => Ok(Self(Decode::All)),
            Some("key") => Ok(Self(Decode::Key)),
            _ => Err("must be one of \"auto\", \"all\", \"key\"".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: TryFrom<Value, Error = String>>(written: &str) -> Result<T, String> {
        let table: toml::Table = format!("x = {written}").parse().unwrap();
        T::try_from(table["x"].clone())
    }

    #[test]
    fn an_exposure_is_a_time_or_the_camera_s_business() {
        let half = Duration::from_micros(500);
        assert_eq!(check("\"0.5ms\""), Ok(ExposureWord(Exposure::Time(half))));
        assert_eq!(check("\"auto\""), Ok(ExposureWord(Exposure::Auto)));
        for wrong in ["2", "\"2\"", "\"3s\"", "\"0ms\"", "true"] {
            let error = check::<ExposureWord>(wrong).unwrap_err();
            assert!(error.contains("help:"), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_gain_is_a_number_of_the_camera_s_own() {
        assert_eq!(check("40"), Ok(GainWord(Gain::Value(40))));
        assert!(check::<GainWord>("-1").unwrap_err().contains("doctor cameras"));
        assert_eq!(check("\"60hz\""), Ok(PowerLineWord(PowerLine::Hz60)));
        assert!(check::<DecodeWord>("\"some\"").unwrap_err().contains("\"auto\""));
    }
}
