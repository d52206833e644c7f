//! The explanation as people read it: the decision first, then what it was made of.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
};

use jiff::{Timestamp, tz::TimeZone};

use super::{Explanation, Position, Ruling, Vote};

pub(super) fn print(explanation: &Explanation) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(page(explanation).as_bytes())?;
    out.flush()
}

fn page(e: &Explanation) -> String {
    let mut text = String::new();
    let kind = if e.live { "live" } else { "recording" };
    line(&mut text, "passage", &format!("{}  at {} ({kind})", e.id, e.camera));
    match (&e.began, &e.ended) {
        (Some(began), ended) => {
            let ended = ended.as_deref().map(|ended| format!(" to {}", local(ended))).unwrap_or_default();
            let direction = e.direction.unwrap_or("direction unknown");
            let frames = e.frames.unwrap_or_default();
            line(&mut text, "", &format!("{}{ended}, {direction}, {frames} frames", local(began)));
        }
        _ => line(&mut text, "", "the vehicle is still there, or the power went before it left"),
    }
    match &e.decision {
        Some(decision) => ruling(&mut text, decision),
        None => line(&mut text, "decision", "none was recorded"),
    }
    if let Some(vote) = &e.decided_on {
        vote_lines(&mut text, "decided on", vote);
    }
    if let Some(vote) = &e.vote {
        vote_lines(&mut text, "whole vote", vote);
        for Position { c, p, others } in &vote.chars {
            let others: Vec<String> = others.iter().map(|(c, p)| format!("{c} {p:.3}")).collect();
            let others =
                if others.is_empty() { String::new() } else { format!("  or {}", others.join(", ")) };
            line(&mut text, "", &format!("  {c} {p:.3}{others}"));
        }
    }
    for (at, read) in e.reads.iter().enumerate() {
        let name = if at == 0 { "reads" } else { "" };
        let apart = match read.apart {
            Some(apart) if apart > 0.0 => format!("  {apart} apart"),
            _ => String::new(),
        };
        let weak = if read.good { "" } else { "  too weak to decide" };
        let what = format!(
            "{:>6} ms  {:<12}  {:.3}  {:>5.1} px  {}{apart}{weak}",
            read.after_ms, read.plate, read.confidence, read.height, read.engine
        );
        line(&mut text, name, &what);
    }
    if let Some(now) = &e.lists_now {
        let on = now.list.as_deref().map(|list| format!(" on {list}")).unwrap_or_default();
        let changes = match now.changes {
            0 => "no entry of it was changed since".to_owned(),
            1 => "its entry was changed since: `amslpr plates audit`".to_owned(),
            n => format!("its entries were changed {n} times since: `amslpr plates audit`"),
        };
        line(&mut text, "lists now", &format!("{} ({}{on}); {changes}", now.verdict, now.reason));
    }
    text
}

fn ruling(text: &mut String, d: &Ruling) {
    let on = d.list.as_deref().map(|list| format!(" on {list}")).unwrap_or_default();
    line(text, "decision", &format!("{} ({}{on}): {}", d.verdict, d.reason, d.meaning));
    let latency = d.latency_ms.map(|ms| format!(", {ms:.0} ms after the frame")).unwrap_or_default();
    line(text, "", &format!("{}{latency}", local(&d.at)));
    if let Some(note) = &d.note {
        line(text, "", &format!("entry: {note}"));
    }
    if let Some((plate, apart)) = &d.matched {
        line(text, "", &format!("matched the entry {plate}, {apart} apart: the list is tolerant"));
    }
    if let Some(list) = &d.watched_by {
        line(text, "", &format!("the watch list {list} holds it too"));
    }
    for ground in &d.grounds {
        line(text, "", ground);
    }
    if let Some((list, plate, apart)) = &d.nearest {
        line(
            text,
            "",
            &format!(
                "nearest entry: {plate} on {list}, {apart} apart (0.4: one look-alike, 1: one character)"
            ),
        );
    }
}

fn vote_lines(text: &mut String, name: &str, v: &Vote) {
    let sure = if v.sure { "sure" } else { "not sure" };
    line(
        text,
        name,
        &format!(
            "{}  {:.3}, {sure}; {} of {} reads agree; {} {}",
            v.plate, v.confidence, v.agreeing, v.votes, v.engine, v.model
        ),
    );
    match &v.format {
        Some((region, format)) if v.raw != v.plate => {
            line(text, "", &format!("read as {}, repaired to fit {region} ({format})", v.raw));
        }
        Some((region, format)) => line(text, "", &format!("fits {region} ({format})")),
        None => {}
    }
    if let Some((plate, confidence)) = &v.runner_up {
        line(text, "", &format!("runner-up: {plate}  {confidence:.3}"));
    }
    for missing in &v.missing {
        line(text, "", &format!("missing: {missing}"));
    }
}

fn line(text: &mut String, name: &str, what: &str) {
    // Writing into a string does not fail.
    let _ = writeln!(text, "  {name:<10}  {what}");
}

fn local(written: &str) -> String {
    match written.parse::<Timestamp>() {
        Ok(at) => at.to_zoned_datetime(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => written.to_owned(),
    }
}
