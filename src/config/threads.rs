//! `[threads]`: on which processors the threads of a stage run, and how much they give way to others.
//!
//! Reads and checks; the threads take it in `daemon::placement`.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_spanned::Spanned;
use toml::Value;

use super::{
    meaning::{Context, or},
    report::{Problem, Span},
    schema::Key,
    values::{Count, HELP},
};

/// Larger machines have other names for their processors.
const MOST: usize = 1024;

/// What the threads of a stage get of the processors.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Share {
    /// Steps by which they give way, on top of the process's own niceness: 0 to 19.
    pub nice: u8,
    /// The processors that they may use; empty: all that the process may use.
    pub cpus: BTreeSet<usize>,
}

/// The stages that may have a share of their own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Threads {
    /// Cameras and their decoders.
    pub capture: Share,
    /// Detecting, tracking, reading, voting; the networks on the CPU.
    pub look: Share,
    /// What nobody waits for: the HTTP API, webhooks, pictures to be kept.
    pub serve: Share,
}

/// Processors as taskset(1) and systemd write them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct CpusWord(BTreeSet<usize>);

impl TryFrom<Value> for CpusWord {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let wrong = |what: String| {
            format!("{what}{HELP}write numbers and ranges from 0 on, such as \"0-1\" or \"0,2-3\"")
        };
        let text = value.as_str().ok_or_else(|| wrong("expected processors".to_owned()))?;
        listed(text).map(Self).map_err(wrong)
    }
}

/// `0-1,3`; or what is wrong with it.
fn listed(text: &str) -> Result<BTreeSet<usize>, String> {
    let mut cpus = BTreeSet::new();
    for part in text.split(',').map(str::trim) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| text.trim().parse::<usize>().ok().filter(|cpu| *cpu < MOST);
        let (Some(first), Some(last)) = (number(first), number(last)) else {
            return Err(format!("{part:?} names no processors"));
        };
        if first > last {
            return Err(format!("{part:?} ends before it begins"));
        }
        cpus.extend(first..=last);
    }
    Ok(cpus)
}

pub(super) fn interpret(context: &mut Context<'_>) -> Threads {
    let Some(placed) = &context.merged.threads else { return Threads::default() };
    let (file, table) = (placed.file, placed.get());
    let here = std::fs::read_to_string("/sys/devices/system/cpu/possible").unwrap_or_default();
    let known = listed(here.trim()).unwrap_or_default();
    let mut share = |nice: &Key<Count<0, 19>>, cpus: &Key<CpusWord>| {
        if let Some(written) = cpus
            && !known.is_empty()
            && written.get_ref().0.is_disjoint(&known)
        {
            let span = Span { file, bytes: Spanned::span(written) };
            let what = format!("this machine has the processors {}", here.trim());
            context.wrong(Problem::warning(what).at(span, "none of these"));
        }
        Share {
            nice: or(nice, 0, |n| u8::try_from(n.0).unwrap_or(19)),
            cpus: or(cpus, BTreeSet::new(), |word| word.0.clone()),
        }
    };
    Threads {
        capture: share(&table.capture_nice, &table.capture_cpus),
        look: share(&table.look_nice, &table.look_cpus),
        serve: share(&table.serve_nice, &table.serve_cpus),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_written_as_elsewhere() {
        let check = |text: &str| CpusWord::try_from(Value::String(text.to_owned())).map(|word| word.0);
        assert_eq!(check("0-1").unwrap(), [0, 1].into());
        assert_eq!(check("3, 0-1,1").unwrap(), [0, 1, 3].into());
        for (text, words) in [
            ("", "names no processors"),
            ("all", "names no processors"),
            ("2-1", "ends before it begins"),
            ("0-4096", "names no processors"),
            ("-1", "names no processors"),
        ] {
            assert!(check(text).unwrap_err().contains(words), "{text:?}");
        }
        assert!(CpusWord::try_from(Value::Integer(1)).unwrap_err().contains("such as"));
    }
}
