//! Deciding against long lists, as a camera's thread does it.

use std::sync::Arc;

use anyhow::Context;
use jiff::Timestamp;

use super::sample::{Measured, Sampler};
use crate::{
    access::{AntiPassback, Entry, Kind, List, Lists, Memory, Pass, Porter, Question, Rules},
    clock::{Clock, SystemClock},
    fact::sample,
    frame::CameraId,
    passage::{Direction, Reading},
    plate::PlateText,
};

/// Two allow lists (one tolerant of look-alikes, with passes), a block list and a watch list hold so many entries.
pub(super) fn decide(sampler: &Sampler, entries: u32) -> anyhow::Result<Vec<Measured>> {
    let now = SystemClock::start().wall();
    let share = entries / 4;
    let kinds = [Kind::Allow, Kind::Allow, Kind::Block, Kind::Watch];
    let mut lists = Vec::new();
    for (at, kind) in kinds.into_iter().enumerate() {
        let mut list = List::new(&format!("list-{at}"), kind);
        let first = share * u32::try_from(at)?;
        for n in first..first + share {
            list.entries.push(Entry::new(plate(n)?));
        }
        lists.push(list);
    }
    if let Some(entry) = lists.first_mut().and_then(|list| list.entries.first_mut()) {
        entry.pass = Pass { uses: Some(u32::MAX), lasts: None };
    }
    let load = sampler.measure("load the lists", |_| Lists::load(lists.clone()).map(drop))?;
    let rules = Rules { anti_passback: AntiPassback::Soft, capacity: Some(20_000), ..Rules::default() };
    let porter = Porter::new(rules);
    porter.begin(Arc::new(Lists::load(lists)?), Memory::default());
    let camera = CameraId::new("bench");
    let sample = sample::closed(1).passage.reading.context("the sample has a reading")?;
    let of = |text: PlateText| Reading { text, ..sample.clone() };
    let mut rows = vec![load.with("entries", f64::from(share * 4))];
    let mut ask = |name: &str, reading: &dyn Fn(usize) -> anyhow::Result<Reading>| -> anyhow::Result<()> {
        // Each round asks for another plate, at another time.
        rows.push(sampler.measure(name, |round| -> anyhow::Result<()> {
            let reading = reading(round)?;
            let at = later(now, round);
            let direction = Some(Direction::Approaching);
            let question = Question { reading: Some(&reading), camera: &camera, direction, at, timed: true };
            std::hint::black_box(porter.decide(&question, true));
            Ok(())
        })?);
        Ok(())
    };
    ask("listed, enters", &|round| Ok(of(plate(number(round) * 7919 % (share * 2).max(1))?)))?;
    ask("guest with a pass", &|_| Ok(of(plate(0)?)))?;
    ask("blocked", &|round| Ok(of(plate(share * 2 + number(round) * 7919 % share.max(1))?)))?;
    ask("unlisted, one character off", &|round| {
        Ok(of(PlateText::normalise(&format!("{}9", plate(number(round))?))?))
    })?;
    ask("unlisted, like no other", &|round| {
        Ok(of(PlateText::normalise(&format!("ZZ{:02}ZZZ", round % 100))?))
    })?;
    Ok(rows)
}

/// The nth of a million plates of one form.
fn plate(n: u32) -> anyhow::Result<PlateText> {
    let letter = |by: u32| char::from(b'A' + u8::try_from(n / by % 26).unwrap_or(0));
    Ok(PlateText::normalise(&format!(
        "{}{}{:02}{}{}",
        letter(1),
        letter(26),
        n / 676 % 100,
        letter(67_600),
        letter(5)
    ))?)
}

fn number(round: usize) -> u32 {
    u32::try_from(round).unwrap_or(0)
}

fn later(now: Timestamp, round: usize) -> Timestamp {
    let seconds = i64::try_from(round).unwrap_or(0);
    now.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap_or(now)
}
