//! Entries, changes and who is inside, for people or (`--json`) for programs.

use std::{
    collections::BTreeMap,
    io::{BufWriter, Write},
};

use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use super::{Exit, Office, plate};
use crate::{
    access::{Entry, Kind, List, Memory, Pass, PassUse},
    clock::Clock,
    config::plates::written_time,
    journal::Recorded,
    plate::PlateText,
};

#[derive(Debug, clap::Args)]
pub(super) struct Listing {
    /// Only this list.
    list: Option<String>,
    /// One JSON object an entry, each on one line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Audit {
    /// Only changes of this plate.
    #[arg(long, value_parser = plate)]
    plate: Option<PlateText>,
    /// At most so many.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50)]
    limit: usize,
    /// One JSON object a change, each on one line.
    #[arg(long)]
    json: bool,
}

/// An entry, as a line of JSON.
#[derive(Debug, Serialize)]
struct EntryReport<'a> {
    list: &'a str,
    kind: &'static str,
    plate: &'a str,
    note: Option<&'a str>,
    from: Option<String>,
    until: Option<String>,
    uses: Option<u32>,
    used: Option<u32>,
    lasts: Option<String>,
    first_used: Option<String>,
    schedule: Option<&'a str>,
    /// `null`: it stands in the configuration.
    added: Option<String>,
    added_by: Option<&'a str>,
}

/// One entry with what is known of it.
struct Shown<'a> {
    list: &'a List,
    entry: &'a Entry,
    by: Option<&'a str>,
    used: Option<&'a PassUse>,
}

pub(super) fn list(office: &Office, listing: &Listing) -> anyhow::Result<Exit> {
    let added = office.entries()?;
    let memory = if added.is_empty() { Memory::default() } else { office.desk.store()?.memory()? };
    let (lists, problems) = office.desk.configured().with(&added);
    if let Some(name) = &listing.list
        && !office.desk.configured().lists.iter().any(|list| list.name == *name)
    {
        eprintln!("amslpr: there is no list {name:?} in the configuration");
        return Ok(Exit::Failure);
    }
    let by: BTreeMap<(&str, &PlateText), &str> =
        added.iter().map(|one| ((one.list.as_str(), &one.entry.plate), one.by.as_str())).collect();
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut count = 0;
    for (list, entry) in lists.entries() {
        if listing.list.as_ref().is_some_and(|name| list.name != *name) {
            continue;
        }
        let added_by = entry.added.and_then(|_| by.get(&(list.name.as_str(), &entry.plate)).copied());
        let used = memory.pass(&list.name, &entry.plate, entry.added);
        let shown = Shown { list, entry, by: added_by, used };
        if listing.json {
            writeln!(out, "{}", serde_json::to_string(&shown.report())?)?;
        } else {
            if count == 0 {
                writeln!(out, "  {:<16}  {:<5}  {:<12}  {:<24}  origin", "list", "kind", "plate", "note")?;
            }
            writeln!(out, "{}", shown.line())?;
        }
        count += 1;
    }
    if count == 0 && !listing.json {
        writeln!(out, "  no entry")?;
    }
    out.flush()?;
    problems.iter().for_each(|problem| eprintln!("amslpr: {problem}"));
    Ok(Exit::Success)
}

impl Shown<'_> {
    fn report(&self) -> EntryReport<'_> {
        let instant = |at: Option<Timestamp>| at.map(|at| at.to_string());
        let (entry, Pass { uses, lasts }) = (self.entry, self.entry.pass);
        EntryReport {
            list: &self.list.name,
            kind: self.list.kind.as_str(),
            plate: entry.plate.as_str(),
            note: entry.note.as_deref(),
            from: instant(entry.from),
            until: instant(entry.until),
            uses,
            used: entry.pass.is_limited().then(|| self.used.map_or(0, |used| used.used)),
            lasts: lasts.map(written_time),
            first_used: instant(self.used.map(|used| used.first)),
            schedule: self.schedule(),
            added: instant(entry.added),
            added_by: self.by,
        }
    }

    fn schedule(&self) -> Option<&str> {
        let schedule = self.entry.schedule.as_ref().or(self.list.schedule.as_ref());
        schedule.map(|schedule| schedule.name.as_str())
    }

    fn line(&self) -> String {
        let entry = self.entry;
        let mut origin = match entry.added {
            Some(at) => format!("added {} by {}", local(at), self.by.unwrap_or("?")),
            None => "configuration".to_owned(),
        };
        let mut more = |what: String| origin.push_str(&format!("; {what}"));
        entry.from.into_iter().for_each(|at| more(format!("from {}", local(at))));
        entry.until.into_iter().for_each(|at| more(format!("until {}", local(at))));
        self.schedule().into_iter().for_each(|name| more(format!("schedule {name}")));
        let used = self.used.map_or(0, |used| used.used);
        entry.pass.uses.into_iter().for_each(|uses| more(format!("{used} of {uses} uses used")));
        if let Some(lasts) = entry.pass.lasts {
            let first = self.used.map(|used| format!(", from {}", local(used.first))).unwrap_or_default();
            more(format!("lasts {}{first}", written_time(lasts)));
        }
        let note = entry.note.as_deref().unwrap_or("-");
        let (list, kind) = (&self.list.name, self.list.kind.as_str());
        format!("  {list:<16}  {kind:<5}  {:<12}  {note:<24}  {origin}", entry.plate.as_str())
    }
}

/// A change, as a line of JSON.
#[derive(Debug, Serialize)]
struct ChangeReport<'a> {
    nr: u64,
    at: String,
    actor: &'a str,
    verb: &'a str,
    list: &'a str,
    /// `null`: it was erased, and with it who changed what.
    plate: Option<&'a str>,
    before: Option<serde_json::Value>,
    after: Option<serde_json::Value>,
}

pub(super) fn audit(office: &Office, audit: &Audit) -> anyhow::Result<Exit> {
    let changes = office.desk.store()?.changes(audit.plate.as_ref(), audit.limit)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    if !audit.json {
        writeln!(
            out,
            "  {:>6}  {:<19}  {:<20}  {:<6}  {:<16}  {:<12}",
            "nr", "at", "by", "what", "list", "plate"
        )?;
    }
    for change in &changes {
        if audit.json {
            writeln!(out, "{}", serde_json::to_string(&report(change))?)?;
            continue;
        }
        let how = match (change.before.as_deref(), change.after.as_deref()) {
            (Some(before), Some(after)) => format!("{before} -> {after}"),
            (Some(one), None) | (None, Some(one)) => one.to_owned(),
            (None, None) => String::new(),
        };
        writeln!(
            out,
            "  {:>6}  {:<19}  {:<20}  {:<6}  {:<16}  {:<12}  {}",
            change.nr,
            local(change.at),
            change.actor,
            change.verb,
            change.list,
            change.plate.as_ref().map_or("(erased)", PlateText::as_str),
            if how == "{}" { "" } else { &how },
        )?;
    }
    if changes.is_empty() && !audit.json {
        writeln!(out, "  no change")?;
    }
    out.flush()?;
    Ok(Exit::Success)
}

fn report(change: &Recorded) -> ChangeReport<'_> {
    let json = |text: &Option<String>| text.as_deref().and_then(|text| serde_json::from_str(text).ok());
    ChangeReport {
        nr: change.nr,
        at: change.at.to_string(),
        actor: &change.actor,
        verb: &change.verb,
        list: &change.list,
        plate: change.plate.as_ref().map(PlateText::as_str),
        before: json(&change.before),
        after: json(&change.after),
    }
}

pub(super) fn inside(office: &Office) -> anyhow::Result<Exit> {
    let memory = office.desk.store()?.memory()?;
    let (now, stay) = (office.clock.wall(), office.config.access.longest_stay);
    let all = memory.all_inside(now, stay);
    let mut out = BufWriter::new(std::io::stdout().lock());
    for (plate, inside) in &all {
        writeln!(out, "  {:<12}  {:<16}  since {}", plate.as_str(), inside.list, local(inside.since))?;
    }
    let of = office.config.access.capacity.map(|places| format!(" of {places}")).unwrap_or_default();
    writeln!(out, "  {}{of} inside", all.len())?;
    for list in office.desk.configured().lists.iter().filter(|list| list.kind == Kind::Allow) {
        if let Some(places) = list.capacity {
            let taken = memory.count(Some(&list.name), now, stay);
            writeln!(out, "  {taken} of {places} places of {} taken", list.name)?;
        }
    }
    out.flush()?;
    Ok(Exit::Success)
}

fn local(at: Timestamp) -> String {
    at.to_zoned_datetime(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}
