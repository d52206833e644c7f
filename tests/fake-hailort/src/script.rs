//! The script: what the library claims to be, how fast its chip is, and which call goes wrong how.
//!
//! Words separated by blanks. `version=4.20.0`, `devices=0`, `arch=hailo8l`, `temperature=99`, `throttling`,
//! `latency=NAME:FIXED+EACH` (microseconds a batch and a picture of it), and faults `CALL@WHEN=WHAT`:
//!
//! * `CALL` is a function without `hailo_`, such as `create_vdevice`, or `run`, a batch inside the chip
//! * `WHEN` is the number of the call (`3`), `*` for all, `5-` from then on, `%200` for every 200th
//! * `WHAT` is a status (`74`), a status from which the chip does not recover until it is released (`63!`), `abort`,
//!   `hang` until the network is shut down, `garbage` (a senseless result), `slow:50` (that many ms)

use std::{collections::HashMap, time::Duration};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Status(i32),
    Dead(i32),
    Abort,
    Hang,
    Garbage,
    Slow(Duration),
}

#[derive(Debug, Clone, Copy)]
enum When {
    Once(u64),
    From(u64),
    Every(u64),
}

#[derive(Debug)]
struct Rule {
    call: String,
    when: When,
    what: What,
}

#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) version: [u32; 3],
    pub(crate) devices: usize,
    pub(crate) architecture: i32,
    pub(crate) temperature: f32,
    pub(crate) throttling: bool,
    pub(crate) latency: HashMap<String, (Duration, Duration)>,
    rules: Vec<Rule>,
    calls: HashMap<String, u64>,
}

impl Script {
    /// Panics on nonsense: a script that is not understood would make a test that cannot fail.
    pub(crate) fn parse(text: &str) -> Self {
        let mut script = Self {
            version: [4, 23, 0],
            devices: 1,
            architecture: 1,
            temperature: 47.5,
            throttling: false,
            latency: HashMap::new(),
            rules: Vec::new(),
            calls: HashMap::new(),
        };
        for word in text.split_whitespace() {
            assert!(script.take(word).is_some(), "FAKE_HAILORT: {word:?} means nothing");
        }
        script
    }

    fn take(&mut self, word: &str) -> Option<()> {
        if let Some((call, rest)) = word.split_once('@') {
            let (when, what) = rest.split_once('=')?;
            let when = match when.as_bytes() {
                b"*" => When::From(1),
                [b'%', ..] => When::Every(when[1..].parse().ok().filter(|n| *n > 0)?),
                [.., b'-'] => When::From(when[..when.len() - 1].parse().ok()?),
                _ => When::Once(when.parse().ok()?),
            };
            let what = match what {
                "abort" => What::Abort,
                "hang" => What::Hang,
                "garbage" => What::Garbage,
                _ => match (what.strip_prefix("slow:"), what.strip_suffix('!')) {
                    (Some(ms), _) => What::Slow(Duration::from_millis(ms.parse().ok()?)),
                    (_, Some(status)) => What::Dead(status.parse().ok()?),
                    _ => What::Status(what.parse().ok()?),
                },
            };
            self.rules.push(Rule { call: call.to_owned(), when, what });
            return Some(());
        }
        if word == "throttling" {
            self.throttling = true;
            return Some(());
        }
        let (key, value) = word.split_once('=')?;
        match key {
            "version" => {
                let numbers: Vec<u32> = value.split('.').filter_map(|n| n.parse().ok()).collect();
                self.version = numbers.try_into().ok()?;
            }
            "devices" => self.devices = value.parse().ok()?,
            "temperature" => self.temperature = value.parse().ok()?,
            "arch" => {
                self.architecture = match value {
                    "hailo8" => 1,
                    "hailo8l" => 2,
                    "hailo10h" => 6,
                    _ => return None,
                };
            }
            "latency" => {
                let (name, times) = value.split_once(':')?;
                let (fixed, each) = times.split_once('+')?;
                let micros = |text: &str| text.parse().ok().map(Duration::from_micros);
                self.latency.insert(name.to_owned(), (micros(fixed)?, micros(each)?));
            }
            _ => return None,
        }
        Some(())
    }

    /// Counts one call; what goes wrong with it, if anything.
    pub(crate) fn called(&mut self, call: &str) -> Option<What> {
        let count = match self.calls.get_mut(call) {
            Some(count) => count,
            None => self.calls.entry(call.to_owned()).or_default(),
        };
        *count += 1;
        let count = *count;
        let now = |when: When| match when {
            When::Once(n) => n == count,
            When::From(n) => count >= n,
            When::Every(n) => count.is_multiple_of(n),
        };
        self.rules.iter().find(|rule| rule.call == call && now(rule.when)).map(|rule| rule.what)
    }

    pub(crate) fn calls(&self, call: &str) -> u64 {
        self.calls.get(call).copied().unwrap_or(0)
    }
}
