//! Single values of gates as people write them: lines, resistors, addresses of relays. The rest is in `values`.

use serde::Deserialize;
use toml::Value;

use super::values::{HELP, http_address, nearest};
use crate::gate::{Address, Pull, wiegand::Bits};

/// A GPIO line: its name, or the label of its chip and its number there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct LineWord(pub Address);

impl TryFrom<Value> for LineWord {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let help = format!(
            "{HELP}write the line's name, such as \"GPIO17\", or {{ chip = \"pinctrl-rp1\", offset = 17 }}; `gpioinfo` \
             lists both"
        );
        let plain = |text: &str| !text.is_empty() && text.len() < 32 && !text.chars().any(char::is_control);
        match value {
            Value::String(name) if name.starts_with("gpiochip") || name.starts_with('/') => {
                Err(format!("{name:?} is no line: chips change their numbers from kernel to kernel{help}"))
            }
            Value::String(name) if plain(&name) => Ok(Self(Address::Name(name))),
            Value::Table(table) => {
                if let Some(key) = table.keys().find(|key| !["chip", "offset"].contains(&key.as_str())) {
                    let help = nearest(key, ["chip", "offset"])
                        .map_or(help, |near| format!("{HELP}did you mean {near:?}?"));
                    return Err(format!("unknown key {key:?} of a line{help}"));
                }
                match (table.get("chip"), table.get("offset")) {
                    (Some(Value::String(chip)), Some(Value::Integer(offset)))
                        if plain(chip) && (0..1024).contains(offset) =>
                    {
                        let offset = u32::try_from(*offset).unwrap_or(0);
                        Ok(Self(Address::Offset { chip: chip.clone(), offset }))
                    }
                    _ => Err(format!("a line has the label of its chip and an offset from 0 to 1023{help}")),
                }
            }
            Value::Integer(n) => {
                Err(format!("{n} is no line: numbers mean another pin on every board{help}"))
            }
            _ => Err(format!("this is no line{help}")),
        }
    }
}

/// A resistor of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct PullWord(pub Pull);

impl TryFrom<Value> for PullWord {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value.as_str() {
            Some("none") => Ok(Self(Pull::None)),
            Some("up") => Ok(Self(Pull::Up)),
            Some("down") => Ok(Self(Pull::Down)),
            _ => Err("must be one of \"none\", \"up\", \"down\"".to_owned()),
        }
    }
}

/// How many bits a Wiegand frame has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct BitsWord(pub Bits);

impl TryFrom<Value> for BitsWord {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value {
            Value::Integer(26) => Ok(Self(Bits::TwentySix)),
            Value::Integer(34) => Ok(Self(Bits::ThirtyFour)),
            _ => Err("must be 26 or 34".to_owned()),
        }
    }
}

/// `get` or `post`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct MethodWord {
    pub post: bool,
}

impl TryFrom<Value> for MethodWord {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value.as_str() {
            Some("get") => Ok(Self { post: false }),
            Some("post") => Ok(Self { post: true }),
            _ => Err("must be \"get\" or \"post\"".to_owned()),
        }
    }
}

/// Words that do more than ask a gate to open.
const NOT_OURS: [&str; 2] = ["toggle", "close"];

/// The word in this text that would make a gate do something else than open; `toggle_after` only ends a pulse.
pub(super) fn not_ours(text: &str) -> Option<&'static str> {
    let text = text.to_lowercase().replace("toggle_after", "");
    NOT_OURS.into_iter().find(|word| text.contains(word))
}

/// What is wrong with a word that is not ours.
pub(super) fn refusal(word: &str) -> String {
    format!(
        "{word:?} is nothing that AMSLPR does: it asks a gate to open, never to close or to toggle{HELP}use the relay's \
         own command for \"on\", with a time after which it switches itself off"
    )
}

/// How a relay wants to know who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct AuthenticationWord {
    pub digest: bool,
}

impl TryFrom<Value> for AuthenticationWord {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value.as_str() {
            Some("basic") => Ok(Self { digest: false }),
            Some("digest") => Ok(Self { digest: true }),
            _ => Err("expected \"basic\" or \"digest\"".to_owned()),
        }
    }
}

/// An `http://` or `https://` address of a relay, without credentials in it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct RelayUrl(pub String);

impl TryFrom<Value> for RelayUrl {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let example = "\"http://192.0.2.20/relay/0?turn=on&timer={seconds}\"";
        let text = value.as_str().ok_or_else(|| format!("expected an address such as {example}"))?;
        let instead = "write username = \"...\" and password = { credential = \"amslpr.<gate>-password\" } beside the url";
        let url = http_address(&text.replace("{seconds}", "1"), "a relay", example, instead)?;
        if let Some(word) = not_ours(url.path()).or_else(|| url.query().and_then(not_ours)) {
            return Err(refusal(word));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: TryFrom<Value, Error = String>>(written: &str) -> Result<T, String> {
        let table: toml::Table = format!("x = {written}").parse().unwrap();
        T::try_from(table["x"].clone())
    }

    fn refused<T: TryFrom<Value, Error = String> + std::fmt::Debug>(written: &str, words: &str) {
        let error = check::<T>(written).unwrap_err();
        assert!(error.contains(words), "{written}: {error}");
    }

    #[test]
    fn a_line_is_named_and_never_numbered() {
        assert_eq!(check("\"GPIO17\""), Ok(LineWord(Address::Name("GPIO17".to_owned()))));
        let offset = Address::Offset { chip: "pinctrl-rp1".to_owned(), offset: 17 };
        assert_eq!(check("{ chip = \"pinctrl-rp1\", offset = 17 }"), Ok(LineWord(offset)));
        refused::<LineWord>("17", "another pin on every board");
        refused::<LineWord>("\"gpiochip0\"", "change their numbers");
        refused::<LineWord>("\"/dev/gpiochip0\"", "change their numbers");
        refused::<LineWord>("{ chip = \"pinctrl-rp1\" }", "an offset");
        refused::<LineWord>("{ chip = \"pinctrl-rp1\", ofset = 1 }", "did you mean \"offset\"");
        refused::<LineWord>("{ chip = \"x\", offset = -1 }", "from 0 to 1023");
        refused::<LineWord>("\"\"", "no line");
    }

    #[test]
    fn a_relay_is_switched_on_and_nothing_else() {
        for good in [
            "\"http://10.0.0.9/relay/0?turn=on&timer={seconds}\"",
            "\"http://10.0.0.9/rpc/Switch.Set?id=0&on=true&toggle_after=1\"",
            "\"http://toggle.example/cm?cmnd=Power%20On\"",
        ] {
            assert!(check::<RelayUrl>(good).is_ok(), "{good}");
        }
        refused::<RelayUrl>("\"http://10.0.0.9/relay/0?turn=toggle\"", "never to close or to toggle");
        refused::<RelayUrl>("\"http://10.0.0.9/rpc/Switch.Toggle?id=0\"", "\"toggle\" is nothing");
        refused::<RelayUrl>("\"http://10.0.0.9/roller/0?go=close\"", "\"close\" is nothing");
        refused::<RelayUrl>("\"ftp://10.0.0.9/\"", "begins with http://");
        let leak = check::<RelayUrl>("\"http://admin:hunter2@10.0.0.9/\"").unwrap_err();
        assert!(!leak.contains("hunter2") && leak.contains("username ="), "{leak}");
        refused::<RelayUrl>("5", "expected an address");
    }
}
