//! CSV in and out: all lines of a file or, if one is wrong, none.

use std::{
    collections::{BTreeSet, HashMap},
    fs::File,
    io::{BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};

use super::{Exit, Office, summary};
use crate::{
    access::{Change, NewEntry},
    config::plates::{self, BadLine, LARGEST, Row},
    plate::PlateText,
};

#[derive(Debug, clap::Args)]
pub(super) struct Import {
    /// CSV: plate,note, or a first line that names some of list, plate, note, from, until, uses, lasts, schedule.
    /// - is stdin.
    file: PathBuf,
    /// The list of lines that name none.
    #[arg(long, value_name = "LIST")]
    list: Option<String>,
    /// Also take off what was added before and is not in the file, on the lists that it names.
    #[arg(long)]
    sync: bool,
    /// Say what is wrong, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Export {
    /// Only this list.
    list: Option<String>,
    /// Entries of the configuration too.
    #[arg(long)]
    all: bool,
    /// Write to this file instead of stdout.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn import(office: &Office, import: &Import) -> anyhow::Result<Exit> {
    let text = read(&import.file)?;
    let (rows, mut bad) = plates::read(&text);
    let (lines, changes) = changes(rows, import.list.as_deref(), &mut bad);
    let checked = changes.iter().zip(&lines).filter_map(|(change, line)| {
        let refusal = office.desk.configured().check(change).err()?;
        Some(BadLine { line: *line, what: refusal.to_string() })
    });
    bad.extend(checked.collect::<Vec<_>>());
    if !bad.is_empty() {
        return Ok(refuse(&import.file, bad));
    }
    if import.dry_run {
        tell!("{} lines are right; nothing was changed", lines.len())?;
        return Ok(Exit::Success);
    }
    let mut all = Vec::new();
    if import.sync {
        all.extend(leftovers(office, &changes)?);
    }
    let first = all.len();
    all.extend(changes);
    match office.apply(&all)? {
        Ok(applied) => {
            tell!("{}", summary(&applied))?;
            Ok(Exit::Success)
        }
        Err(refusals) => {
            let located = refusals.into_iter().map(|(at, what)| {
                let line = at.checked_sub(first).and_then(|at| lines.get(at)).copied().unwrap_or(0);
                BadLine { line, what }
            });
            Ok(refuse(&import.file, located.collect()))
        }
    }
}

fn refuse(file: &Path, mut bad: Vec<BadLine>) -> Exit {
    bad.sort_by_key(|bad| bad.line);
    for bad in &bad {
        eprintln!("amslpr: {}: {bad}", file.display());
    }
    eprintln!("amslpr: {} lines are wrong; nothing was changed", bad.len());
    Exit::Failure
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut text = Vec::new();
    let context = || format!("cannot read {}", path.display());
    if path == Path::new("-") {
        std::io::stdin().lock().take(LARGEST + 1).read_to_end(&mut text).with_context(context)?;
    } else {
        File::open(path)
            .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut text))
            .with_context(context)?;
    }
    if text.len() as u64 > LARGEST {
        bail!("{} is larger than {} MiB", path.display(), LARGEST >> 20);
    }
    Ok(text)
}

/// The rows as changes, with their lines; what no list or two lines want is a bad line.
fn changes(rows: Vec<Row>, list: Option<&str>, bad: &mut Vec<BadLine>) -> (Vec<u64>, Vec<Change>) {
    let (mut lines, mut changes) = (Vec::new(), Vec::new());
    let mut first: HashMap<(String, PlateText), u64> = HashMap::new();
    for Row { line, list: named, entry } in rows {
        let Some(list) = named.or_else(|| list.map(str::to_owned)) else {
            let what = "this line names no list; name it in a column list, or with --list".to_owned();
            bad.push(BadLine { line, what });
            continue;
        };
        match first.insert((list.clone(), entry.plate.clone()), line) {
            Some(first) => {
                bad.push(BadLine { line, what: format!("{} is in line {first} too", entry.plate) });
            }
            None => {
                lines.push(line);
                changes.push(Change::Add { list, entry });
            }
        }
    }
    (lines, changes)
}

/// What was added to the lists of these changes and is not among them: to be taken off.
fn leftovers(office: &Office, changes: &[Change]) -> anyhow::Result<Vec<Change>> {
    let wanted: BTreeSet<(&str, &PlateText)> = changes.iter().map(|c| (c.list(), c.plate())).collect();
    let lists: BTreeSet<&str> = changes.iter().map(Change::list).collect();
    let added = office.entries()?;
    let over = added.into_iter().filter(|one| {
        lists.contains(one.list.as_str()) && !wanted.contains(&(one.list.as_str(), &one.entry.plate))
    });
    Ok(over.map(|one| Change::Remove { list: one.list, plate: one.entry.plate }).collect())
}

pub(super) fn export(office: &Office, export: &Export) -> anyhow::Result<Exit> {
    let added = office.entries()?;
    let mut entries: Vec<(String, NewEntry)> = Vec::new();
    if export.all {
        for list in &office.desk.configured().lists {
            entries.extend(list.entries.iter().map(|entry| {
                let new = NewEntry {
                    plate: entry.plate.clone(),
                    note: entry.note.clone(),
                    from: entry.from,
                    until: entry.until,
                    pass: entry.pass,
                    schedule: entry.schedule.as_ref().map(|schedule| schedule.name.clone()),
                };
                (list.name.clone(), new)
            }));
        }
    }
    entries.extend(added.into_iter().map(|one| (one.list, one.entry)));
    let wanted = |list: &str| export.list.as_ref().is_none_or(|name| name == list);
    let rows = entries.iter().filter(|(list, _)| wanted(list)).map(|(list, entry)| (list.as_str(), entry));
    match &export.output {
        Some(path) => {
            // Plates are personal data: nobody else's business.
            let file = private_file(path).with_context(|| format!("cannot write {}", path.display()))?;
            let mut out = BufWriter::new(file);
            plates::write(&mut out, rows)?;
            out.flush()?;
        }
        None => plates::write(std::io::stdout().lock(), rows)?,
    }
    Ok(Exit::Success)
}

fn private_file(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options().write(true).create(true).truncate(true).mode(0o600).open(path)
}
