//! Single values as people write them: times and sizes with their unit, fractions, words out of a closed list.
//!
//! Every type here is made by `TryFrom<toml::Value>`, so that a bad value is refused at its own place in the file
//! and in words of our own. A line that starts with `help:` in such an error becomes the report's advice. What
//! concerns two values at once belongs to `meaning`.

use std::{path::PathBuf, time::Duration};

use serde::Deserialize;
use toml::Value;
use url::Url;

use crate::{
    access,
    capture::{Encoding, replay::Pacing},
    infer::{EngineKind, hailo::PowerMode, onnx::Precision},
    journal::Durability,
    plate::{PlateText, Region, syntax},
    webhook,
};

/// Separates what is wrong from what to do about it.
pub(super) const HELP: &str = "\nhelp: ";

/// What a value of the wrong type is refused with.
fn not_a(expected: &str, got: &Value) -> String {
    format!("expected {expected}, not {}", shown(got))
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("the string {text:?}"),
        Value::Integer(n) => format!("the number {n}"),
        Value::Float(x) => format!("the number {x}"),
        Value::Boolean(b) => format!("{b}"),
        Value::Datetime(_) => "a date".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::Table(_) => "a table".to_owned(),
    }
}

/// Number and unit of `12.5 MiB`; the number is never negative, infinite or not a number.
fn quantity(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let digits = text.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
    let (number, unit) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit.trim()))
}

/// A length of time: `"500ms"`, `"2s"`, `"5min"`, `"12h"`, `"30d"`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct Time(pub Duration);

/// No time in the file may be longer: ten years.
const LONGEST: f64 = 10.0 * 366.0 * 86_400.0;

impl TryFrom<Value> for Time {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let help =
            format!("{HELP}write a number and its unit: \"500ms\", \"2s\", \"5min\", \"12h\" or \"30d\"");
        let Value::String(text) = &value else {
            return Err(not_a("a time", &value) + &help);
        };
        let (number, unit) = quantity(text).ok_or_else(|| format!("{text:?} is no time{help}"))?;
        let seconds = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "min" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            "" => return Err(format!("the time {text:?} has no unit{help}")),
            other => return Err(format!("the time {text:?} has the unknown unit {other:?}{help}")),
        };
        let seconds = number * seconds;
        if seconds > LONGEST {
            return Err(format!("{text:?} is longer than ten years"));
        }
        Duration::try_from_secs_f64(seconds).map(Self).map_err(|_| format!("{text:?} is no time{help}"))
    }
}

/// How long to keep something: a time, or `"forever"`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct Keep(pub Option<Duration>);

impl TryFrom<Value> for Keep {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value {
            Value::String(text) if text == "forever" => Ok(Self(None)),
            other => match Time::try_from(other)? {
                Time(Duration::ZERO) => {
                    Err(format!("nothing could be kept for no time{HELP}write \"forever\" to keep all"))
                }
                Time(time) => Ok(Self(Some(time))),
            },
        }
    }
}

/// An amount of memory or disk: `"64 MiB"`, `"2 GiB"`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct Bytes(pub u64);

impl TryFrom<Value> for Bytes {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let help = format!("{HELP}write a number and its unit: \"512 KiB\", \"64 MiB\" or \"2 GiB\"");
        let Value::String(text) = &value else {
            return Err(not_a("an amount of bytes", &value) + &help);
        };
        let (number, unit) = quantity(text).ok_or_else(|| format!("{text:?} is no amount of bytes{help}"))?;
        let factor = match unit {
            "KiB" => 1024.0,
            "MiB" => 1024.0 * 1024.0,
            "GiB" => 1024.0 * 1024.0 * 1024.0,
            "B" => 1.0,
            "" => return Err(format!("the amount {text:?} has no unit{help}")),
            other => return Err(format!("the amount {text:?} has the unknown unit {other:?}{help}")),
        };
        let bytes = number * factor;
        if !(1.0..=1e15).contains(&bytes) {
            return Err(format!("{text:?} is not between one byte and a petabyte"));
        }
        Ok(Self(bytes as u64))
    }
}

/// A number from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct Fraction(pub f32);

impl TryFrom<Value> for Fraction {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let number = number(&value).ok_or_else(|| not_a("a number from 0 to 1", &value))?;
        if !(0.0..=1.0).contains(&number) {
            return Err(format!("must lie between 0 and 1, not {number}"));
        }
        Ok(Self(number as f32))
    }
}

/// A number within limits that the type names: `Within<1, 64>`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct Within<const LOW: i64, const HIGH: i64>(pub f32);

impl<const LOW: i64, const HIGH: i64> TryFrom<Value> for Within<LOW, HIGH> {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let number =
            number(&value).ok_or_else(|| not_a(&format!("a number from {LOW} to {HIGH}"), &value))?;
        if !(LOW as f64..=HIGH as f64).contains(&number) {
            return Err(format!("must lie between {LOW} and {HIGH}, not {number}"));
        }
        Ok(Self(number as f32))
    }
}

/// A whole number within limits that the type names.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct Count<const LOW: i64, const HIGH: i64>(pub u32);

impl<const LOW: i64, const HIGH: i64> TryFrom<Value> for Count<LOW, HIGH> {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let Value::Integer(number) = value else {
            return Err(not_a(&format!("a whole number from {LOW} to {HIGH}"), &value));
        };
        match u32::try_from(number) {
            Ok(fits) if (LOW..=HIGH).contains(&number) => Ok(Self(fits)),
            _ => Err(format!("must lie between {LOW} and {HIGH}, not {number}")),
        }
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(n) => Some(*n as f64),
        Value::Float(x) => x.is_finite().then_some(*x),
        _ => None,
    }
}

/// A step that can be switched off: `false`, or its setting.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct OffOr<T>(pub Option<T>)
where
    T: TryFrom<Value, Error = String>;

impl<T: TryFrom<Value, Error = String>> TryFrom<Value> for OffOr<T> {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value {
            Value::Boolean(false) => Ok(Self(None)),
            Value::Boolean(true) => {
                Err(format!("true does not say how{HELP}write its setting, or false for off"))
            }
            other => T::try_from(other).map(|setting| Self(Some(setting))),
        }
    }
}

/// The word of this closed list that the value is.
fn word<T: Copy>(value: &Value, words: &[(&str, T)]) -> Result<T, String> {
    let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
    let all = names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
    let Value::String(text) = value else {
        return Err(not_a(&format!("one of {all}"), value));
    };
    if let Some((_, meaning)) = words.iter().find(|(name, _)| name == text) {
        return Ok(*meaning);
    }
    let help = nearest(text, names).map_or_else(String::new, |near| format!("{HELP}did you mean {near:?}?"));
    Err(format!("{text:?} is not one of {all}{help}"))
}

/// The candidate that is a typing mistake or two away from what was written.
pub(super) fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_lowercase().replace('_', "-");
    candidates
        .into_iter()
        .map(|candidate| match strsim::osa_distance(&written, candidate) {
            0 | 1 => (1.0, candidate),
            _ => (strsim::jaro_winkler(&written, candidate), candidate),
        })
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// A word out of a closed list, as a type of its own.
macro_rules! word_type {
    ($(#[$about:meta])* $name:ident($meaning:ty) { $($word:literal => $value:expr),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
        #[serde(try_from = "Value")]
        pub(super) struct $name(pub $meaning);

        impl TryFrom<Value> for $name {
            type Error = String;
            fn try_from(value: Value) -> Result<Self, String> {
                word(&value, &[$(($word, $value)),+]).map(Self)
            }
        }
    };
}

word_type!(
    /// What runs networks.
    EngineWord(EngineKind) {
        "hailo" => EngineKind::Hailo, "onnxruntime" => EngineKind::OnnxRuntime, "cpu" => EngineKind::Cpu,
        "tesseract" => EngineKind::Tesseract,
    }
);
word_type!(
    /// How fast a Hailo may run.
    PowerWord(PowerMode) {
        "performance" => PowerMode::Performance, "ultra-performance" => PowerMode::UltraPerformance,
    }
);
word_type!(
    /// When a commit counts as done.
    SyncWord(Durability) { "full" => Durability::Full, "normal" => Durability::Normal }
);
word_type!(
    /// What numbers ONNX Runtime computes with.
    PrecisionWord(Precision) {
        "auto" => Precision::Auto, "float" => Precision::Float, "int8" => Precision::Int8,
    }
);
word_type!(
    /// What ONNX Runtime computes on; true is a GPU.
    ProviderWord(bool) { "cpu" => false, "cuda" => true }
);
word_type!(
    /// How fast a recording is played.
    PaceWord(Pacing) { "real-time" => Pacing::RealTime, "fast" => Pacing::Fast }
);
word_type!(
    /// How RTP travels.
    TransportWord(super::Transport) { "tcp" => super::Transport::Tcp, "udp" => super::Transport::Udp }
);
word_type!(
    /// What a receiver is told of.
    EventWord(webhook::Event) {
        "decision" => webhook::Event::Decision, "passage" => webhook::Event::Passage, "gate" => webhook::Event::Gate,
    }
);
word_type!(
    /// What vehicles do at a camera.
    RoleWord(super::Role) { "entry" => super::Role::Entry, "exit" => super::Role::Exit, "both" => super::Role::Both }
);
word_type!(
    /// What a list is for.
    ListKindWord(access::Kind) {
        "allow" => access::Kind::Allow, "block" => access::Kind::Block, "watch" => access::Kind::Watch,
    }
);
/// What is kept of a plate; the key of pseudonyms has a key of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeping {
    Full,
    ListedOnly,
    Pseudonymous,
}

word_type!(
    /// What is kept of a plate.
    PrivacyWord(Keeping) {
        "full" => Keeping::Full, "listed-only" => Keeping::ListedOnly, "pseudonymous" => Keeping::Pseudonymous,
    }
);
word_type!(
    /// What is done about a plate that comes in twice.
    AntiPassbackWord(access::AntiPassback) {
        "off" => access::AntiPassback::Off, "soft" => access::AntiPassback::Soft, "hard" => access::AntiPassback::Hard,
    }
);
word_type!(
    /// What weekly hours mean on a holiday.
    HolidayWord(access::Holidays) {
        "closed" => access::Holidays::Closed, "like-sunday" => access::Holidays::LikeSunday,
        "ignored" => access::Holidays::Ignored,
    }
);
word_type!(
    /// How much is logged.
    LevelWord(super::LogLevel) {
        "error" => super::LogLevel::Error, "warn" => super::LogLevel::Warn, "info" => super::LogLevel::Info,
        "debug" => super::LogLevel::Debug, "trace" => super::LogLevel::Trace,
    }
);
word_type!(
    /// How a V4L2 camera delivers its pixels; none: whatever it has that costs least.
    FormatWord(Option<Encoding>) {
        "auto" => None, "mjpeg" => Some(Encoding::Mjpeg), "yuyv" => Some(Encoding::Yuyv),
        "uyvy" => Some(Encoding::Uyvy), "nv12" => Some(Encoding::Nv12), "yu12" => Some(Encoding::I420),
        "rgb3" => Some(Encoding::Rgb), "bgr3" => Some(Encoding::Bgr), "grey" => Some(Encoding::Gray),
    }
);

/// An address that is called by HTTP by us. What is wrong does not repeat it: it may hold a password. `instead` of that one
/// does something else.
pub(super) fn http_address(text: &str, who: &str, example: &str, instead: &str) -> Result<Url, String> {
    let url = Url::parse(text)
        .map_err(|error| format!("this is no address: {error}{HELP}for example {example}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.as_str().parse::<ureq::http::Uri>().is_err() {
        return Err(format!(
            "{who} has an address that begins with http:// or https://, not {}:{HELP}for example {example}",
            url.scheme()
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("user name and password do not belong into the address{HELP}{instead}"));
    }
    Ok(url)
}

/// A name that becomes part of topics, file names and thread names.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct Name(pub String);

impl TryFrom<Value> for Name {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let help = format!("{HELP}use 1 to 40 of a-z, 0-9 and -, such as \"north-gate\"");
        let Value::String(text) = value else {
            return Err(not_a("a name", &value) + &help);
        };
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if text.is_empty() || text.len() > 40 || !text.chars().all(fits) || text.starts_with('-') {
            return Err(format!(
                "{text:?} cannot be a name: it becomes part of MQTT topics and file names{help}"
            ));
        }
        Ok(Self(text))
    }
}

/// A country by its two letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct RegionCode(pub Region);

impl TryFrom<Value> for RegionCode {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let code = value.as_str().ok_or_else(|| not_a("a country code", &value))?;
        syntax::region_named(code).map(Self).map_err(|error| match error.split_once("; ") {
            Some((what, known)) => format!("{what}{HELP}{known}"),
            None => error,
        })
    }
}

/// A plate as people write it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct PlateWord(pub PlateText);

impl TryFrom<Value> for PlateWord {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let text = value.as_str().ok_or_else(|| not_a("a plate", &value))?;
        PlateText::normalise(text).map(Self).map_err(|error| format!("{text:?} is no plate: {error}"))
    }
}

/// A path; relative ones start at the file they stand in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct Place(pub PathBuf);

impl TryFrom<Value> for Place {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let text = value.as_str().ok_or_else(|| not_a("a path", &value))?;
        if text.is_empty() || text.contains('\0') {
            return Err(format!("{text:?} is no path"));
        }
        Ok(Self(PathBuf::from(text)))
    }
}

/// An `rtsp://` or `rtsps://` address without credentials in it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct RtspUrl(pub Url);

impl TryFrom<Value> for RtspUrl {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let text =
            value.as_str().ok_or_else(|| not_a("an address such as \"rtsp://10.0.0.9/stream1\"", &value))?;
        // The address itself is not repeated: it may hold a password.
        let url = Url::parse(text).map_err(|error| format!("this is no address: {error}"))?;
        if !matches!(url.scheme(), "rtsp" | "rtsps") {
            return Err(format!(
                "an RTSP camera has an address that begins with rtsp://, not {}://",
                url.scheme()
            ));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(format!(
                "user name and password do not belong into the address, from where they get into logs{HELP}\
                 write username = \"...\" and password = {{ credential = \"amslpr.<camera>-password\" }} beside the url"
            ));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err("this address names no host".to_owned());
        }
        Ok(Self(url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: TryFrom<Value, Error = String>>(written: impl Into<Value>) -> Result<T, String> {
        T::try_from(written.into())
    }

    #[test]
    fn times_carry_their_unit() {
        let time = |text: &str| check::<Time>(text).map(|t| t.0.as_millis());
        assert_eq!(time("500ms"), Ok(500));
        assert_eq!(time("1.5 s"), Ok(1_500));
        assert_eq!(time("2min"), Ok(120_000));
        assert_eq!(time("30d"), Ok(2_592_000_000));
        for bad in ["", "s", "5", "5 lightyears", "-1s", "1e3s", "nan s", "99999999999d", "..s"] {
            assert!(time(bad).is_err(), "{bad}");
        }
        assert!(check::<Time>(5).unwrap_err().contains("expected a time, not the number 5"));
    }

    #[test]
    fn sizes_carry_their_unit() {
        assert_eq!(check::<Bytes>("64 MiB").map(|b| b.0), Ok(64 << 20));
        assert_eq!(check::<Bytes>("0.5GiB").map(|b| b.0), Ok(512 << 20));
        for bad in ["64", "64 MB", "0 B", "9999999999 GiB", "B"] {
            assert!(check::<Bytes>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_stay_within_their_limits() {
        assert_eq!(check::<Fraction>(1), Ok(Fraction(1.0)));
        assert_eq!(check::<Fraction>(1.4).unwrap_err(), "must lie between 0 and 1, not 1.4");
        assert!(check::<Fraction>(f64::NAN).is_err());
        assert_eq!(check::<Count<1, 8>>(8), Ok(Count(8)));
        assert!(check::<Count<1, 8>>(0).is_err());
        assert!(check::<Count<1, 8>>(i64::MAX).is_err());
        assert!(check::<Count<1, 8>>(2.0).is_err());
    }

    #[test]
    fn a_step_is_off_or_has_a_setting() {
        assert_eq!(check::<OffOr<Within<1, 8>>>(false), Ok(OffOr(None)));
        assert_eq!(check::<OffOr<Within<1, 8>>>(2), Ok(OffOr(Some(Within(2.0)))));
        assert!(check::<OffOr<Within<1, 8>>>(true).is_err());
        assert!(check::<OffOr<Within<1, 8>>>(9).is_err());
    }

    #[test]
    fn a_mistyped_word_is_answered_with_the_nearest_one() {
        let error = check::<PaceWord>("rael-time").unwrap_err();
        assert!(error.ends_with("help: did you mean \"real-time\"?"), "{error}");
        assert!(
            check::<PaceWord>("slow motion").unwrap_err().ends_with("not one of \"real-time\", \"fast\"")
        );
        assert!(check::<EngineWord>("cup").unwrap_err().ends_with("did you mean \"cpu\"?"));
        assert!(check::<RoleWord>(7).unwrap_err().contains("the number 7"));
        assert_eq!(nearest("pth", ["path", "retention"]), Some("path"));
        assert_eq!(nearest("min_plate_height", ["min-plate-height"]), Some("min-plate-height"));
        assert_eq!(nearest("qqq", ["path", "retention"]), None);
    }

    #[test]
    fn names_fit_into_topics_and_file_names() {
        assert!(check::<Name>("north-gate-2").is_ok());
        for bad in ["", "North", "a/b", "a b", "ä", "#", "-x", &"x".repeat(41)] {
            assert!(check::<Name>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_never_carries_a_password() {
        assert!(check::<RtspUrl>("rtsp://10.0.0.9:8554/live?channel=1").is_ok());
        let error = check::<RtspUrl>("rtsp://admin:hunter2@10.0.0.9/").unwrap_err();
        assert!(!error.contains("hunter2") && error.contains("username ="), "{error}");
        assert!(check::<RtspUrl>("http://10.0.0.9/").is_err());
        assert!(check::<RtspUrl>("rtsp:///x").is_err());
        let broken = check::<RtspUrl>("rtsp://admin:hunter2@[::/").unwrap_err();
        assert!(!broken.contains("hunter2"), "{broken}");
    }
}
