//! Lists of plates: from the configuration and from CSV files beside it.
//!
//! Joins and checks. How a CSV line is read stands in `plates`; what a list decides is `access`'s business.

use std::{fs::File, io::Read as _, path::Path, sync::Arc};

use serde_spanned::Spanned;

use super::{
    Camera, Role,
    hours::When,
    meaning::{Context, Names, or},
    plates,
    report::{FileId, Problem, Span},
    schema::{self, Key},
    values::{Name, nearest},
};
use crate::{
    access::{self, AntiPassback, Configured, Entry, Kind, List, Lists, NewEntry, Pass, Schedule},
    frame::CameraId,
};

/// Problems shown per file of plates.
const MOST_PROBLEMS: usize = 20;

/// Where an entry stands: in the configuration, or at this line of the file that the key there names.
struct Origin {
    at: Span,
    line: Option<u64>,
}

/// The lists of all files, with the schedules that they name.
pub(super) fn interpret(
    context: &mut Context<'_>,
    schedules: Vec<Arc<Schedule>>,
    cameras: &[Camera],
) -> Configured {
    let mut lists = Vec::new();
    let mut origins = Vec::new();
    let mut names = Names::default();
    let merged = context.merged;
    for placed in &merged.lists {
        let (file, table, at) = (placed.file, placed.get(), placed.span());
        let name = context.needed(&table.name, "name", &at, "\"residents\"");
        let kind = context.needed(&table.kind, "kind", &at, "\"allow\"").map(|kind| kind.get_ref().0);
        if let Some(name) = name
            && !names.take(context, "lists", name, file)
        {
            continue;
        }
        let mut entries = Vec::new();
        let mut places = Vec::new();
        for entry in &table.plates {
            let span = Span { file, bytes: entry.span() };
            if let Some(new) = written(entry.get_ref(), &span, context) {
                entries.push(taken(new, &schedules, &span, None, context));
                places.push(Origin { at: span, line: None });
            }
        }
        if let Some(path) = &table.file {
            let span = Span { file, bytes: path.span() };
            for row in from_file(&merged.folder(file).join(&path.get_ref().0), &span, context) {
                entries.push(taken(row.entry, &schedules, &span, Some(row.line), context));
                places.push(Origin { at: span.clone(), line: Some(row.line) });
            }
        }
        if let (Some(name), Some(kind)) = (name, kind) {
            let name = name.get_ref().0.clone();
            let list = List {
                tolerant: or(&table.tolerant, false, |tolerant| *tolerant),
                schedule: named(&table.schedule, &schedules, file, context),
                cameras: cameras_of(&table.cameras, cameras, file, context),
                capacity: or(&table.capacity, None, |step| step.0.map(|n| n.0)),
                entries,
                ..List::new(&name, kind)
            };
            check_kind(&list, table, &places, &at, context);
            origins.push((name, places));
            lists.push(list);
        }
    }
    if let Err(error) = Lists::load(lists.clone()) {
        for problem in error.0.iter().take(MOST_PROBLEMS) {
            context.wrong(located(problem, &origins));
        }
    }
    check_directions(&lists, cameras, context);
    Configured { lists, schedules }
}

/// An entry as the table says.
fn written(table: &schema::Entry, span: &Span, context: &mut Context<'_>) -> Option<NewEntry> {
    let plate = context.needed(&table.plate, "plate", span, "\"B 123 ABC\"")?;
    Some(NewEntry {
        plate: plate.get_ref().0.clone(),
        note: or(&table.note, None, |note| Some(note.clone())),
        from: or(&table.from, None, |when| When::begin(*when)),
        until: or(&table.until, None, |when| When::end(*when)),
        pass: Pass {
            uses: or(&table.uses, None, |n| Some(n.0)),
            lasts: or(&table.lasts, None, |time| Some(time.0)),
        },
        schedule: or(&table.schedule, None, |name| Some(name.0.clone())),
    })
}

/// The entry with its schedule itself.
fn taken(
    new: NewEntry,
    schedules: &[Arc<Schedule>],
    at: &Span,
    line: Option<u64>,
    context: &mut Context<'_>,
) -> Entry {
    let schedule = new.schedule.as_deref().and_then(|name| {
        let found = find(schedules, name);
        if found.is_none() {
            let line = line.map(|line| format!("line {line} of this file")).unwrap_or_default();
            context.wrong(unknown_schedule(name, schedules).at(at.clone(), line));
        }
        found
    });
    Entry {
        note: new.note,
        from: new.from,
        until: new.until,
        pass: new.pass,
        schedule,
        ..Entry::new(new.plate)
    }
}

fn find(schedules: &[Arc<Schedule>], name: &str) -> Option<Arc<Schedule>> {
    schedules.iter().find(|schedule| schedule.name == name).map(Arc::clone)
}

fn unknown_schedule(name: &str, schedules: &[Arc<Schedule>]) -> Problem {
    let near = nearest(name, schedules.iter().map(|schedule| schedule.name.as_str()));
    let help = match near {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("write a [[schedule]] with name = {name:?}"),
    };
    Problem::new(format!("there is no schedule {name:?}")).help(help)
}

fn named(
    key: &Key<Name>,
    schedules: &[Arc<Schedule>],
    file: FileId,
    context: &mut Context<'_>,
) -> Option<Arc<Schedule>> {
    let name = key.as_ref()?;
    let found = find(schedules, &name.get_ref().0);
    if found.is_none() {
        let at = Span { file, bytes: name.span() };
        context.wrong(unknown_schedule(&name.get_ref().0, schedules).at(at, ""));
    }
    found
}

fn cameras_of(
    key: &Key<Vec<Spanned<Name>>>,
    cameras: &[Camera],
    file: FileId,
    context: &mut Context<'_>,
) -> Vec<CameraId> {
    let mut found = Vec::new();
    let Some(names) = key else { return found };
    if names.get_ref().is_empty() {
        context.wrong(
            Problem::new("a list for no camera has no say anywhere")
                .at(Span { file, bytes: names.span() }, "")
                .help("leave cameras out, and it holds for all of them"),
        );
    }
    for name in names.get_ref() {
        let text = name.get_ref().0.as_str();
        match cameras.iter().find(|camera| camera.id.as_str() == text) {
            Some(camera) => found.push(camera.id.clone()),
            None => {
                let known: Vec<&str> = cameras.iter().map(|camera| camera.id.as_str()).collect();
                let help = match nearest(text, known.iter().copied()) {
                    Some(near) => format!("did you mean {near:?}?"),
                    None => format!("the cameras are {}", known.join(", ")),
                };
                let at = Span { file, bytes: name.span() };
                context.wrong(Problem::new(format!("there is no camera {text:?}")).at(at, "").help(help));
                // Not for every camera, then.
                found.push(CameraId::new(text));
            }
        }
    }
    found
}

/// What some kinds of lists cannot have.
fn check_kind(list: &List, table: &schema::List, places: &[Origin], at: &Span, context: &mut Context<'_>) {
    let key = |bytes| Span { file: at.file, bytes };
    if let Some(tolerant) = table.tolerant.as_ref().filter(|_| list.tolerant && list.kind == Kind::Block) {
        context.wrong(
            Problem::new("a block list takes plates to the letter: somebody else's plate may look alike")
                .at(key(tolerant.span()), "")
                .help("leave tolerant out"),
        );
    }
    if list.kind == Kind::Allow {
        return;
    }
    if let Some(capacity) = &table.capacity {
        let what = "only vehicles of an allow list take up places";
        context.wrong(Problem::new(what).at(key(capacity.span()), "").help("leave capacity out"));
    }
    let guests = list.entries.iter().zip(places).filter(|(entry, _)| entry.pass.is_limited());
    for (entry, origin) in guests.take(MOST_PROBLEMS) {
        let what = format!("{}: uses and lasts are for guests on allow lists", entry.plate);
        context.wrong(Problem::new(what).at(origin.at.clone(), ""));
    }
}

/// Hard anti-passback refuses: it has to know who comes and who goes.
fn check_directions(lists: &[List], cameras: &[Camera], context: &mut Context<'_>) {
    let Some(placed) = &context.merged.access else { return };
    let hard = placed.get().anti_passback.as_ref().filter(|word| word.get_ref().0 == AntiPassback::Hard);
    let Some(span) = hard.map(|word| Span { file: placed.file, bytes: word.span() }) else { return };
    for camera in cameras.iter().filter(|camera| camera.role == Role::Both) {
        if lists.iter().any(|list| list.kind == Kind::Allow && list.holds_for(&camera.id)) {
            context.wrong(
                Problem::new(format!(
                    "anti-passback refuses whoever comes in twice, and camera {:?} does not know who comes in",
                    camera.id.as_str()
                ))
                .at(span.clone(), "")
                .help("give the camera role = \"entry\" or \"exit\", name the cameras in the lists, or write \"soft\""),
            );
        }
    }
}

/// What `access` refuses, with the places of the entries in question.
fn located(problem: &access::Problem, origins: &[(String, Vec<Origin>)]) -> Problem {
    let mut told = Problem::new(problem.to_string());
    let (list, numbers) = match problem {
        access::Problem::Twice { list, first, second, .. }
        | access::Problem::LookAlike { list, first, second, .. } => {
            (list, vec![(*second, "second time"), (*first, "first time")])
        }
        access::Problem::Never { list, entry, .. } => (list, vec![(*entry, "this entry")]),
        access::Problem::Name(_) => return told,
    };
    let places = origins
        .iter()
        .find(|(name, _)| name == list)
        .map(|(_, places)| places.as_slice())
        .unwrap_or_default();
    for (number, word) in numbers {
        if let Some(origin) = number.checked_sub(1).and_then(|index| places.get(index)) {
            let word =
                origin.line.map_or(word.to_owned(), |line| format!("{word}: line {line} of this file"));
            told = told.at(origin.at.clone(), word);
        }
    }
    told
}

/// The entries of a CSV file; what is wrong with a line is a problem at the key that names the file.
fn from_file(path: &Path, at: &Span, context: &mut Context<'_>) -> Vec<plates::Row> {
    let text = match read(path) {
        Ok(text) => text,
        Err(error) => {
            context.wrong(
                Problem::new(format!("cannot read the plates in {}: {error}", path.display()))
                    .at(at.clone(), "")
                    .help("it must be a CSV file with the columns plate and note, readable by the service"),
            );
            return Vec::new();
        }
    };
    let (rows, mut bad) = plates::read(&text);
    if let Some(row) = rows.iter().find(|row| row.list.is_some()) {
        let what = "the column list is for `amslpr plates import`; this file belongs to one list".to_owned();
        bad.push(plates::BadLine { line: row.line, what });
    }
    for bad in bad.iter().take(MOST_PROBLEMS) {
        context
            .wrong(Problem::new(format!("{}:{}: {}", path.display(), bad.line, bad.what)).at(at.clone(), ""));
    }
    if bad.len() > MOST_PROBLEMS {
        let more = bad.len() - MOST_PROBLEMS;
        context.wrong(
            Problem::new(format!("{}: {more} more lines are wrong", path.display())).at(at.clone(), ""),
        );
    }
    rows
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let invalid = |why: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, why.to_owned());
    if !std::fs::metadata(path)?.is_file() {
        return Err(invalid("not a regular file"));
    }
    let mut text = Vec::new();
    File::open(path)?.take(plates::LARGEST + 1).read_to_end(&mut text)?;
    if text.len() as u64 > plates::LARGEST { Err(invalid("larger than 16 MiB")) } else { Ok(text) }
}
