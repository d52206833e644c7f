//! Several files make one configuration: the main file and `conf.d/*.toml` beside it, in the order of their names.
//!
//! A table belongs to one file; the tables of an array (`[[camera]]`, `[[list]]`, `[[gate]]`) add up. Nothing is merged more
//! deeply than that: who reads one table has seen all of it.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use serde_spanned::Spanned;

use super::{
    document::{self, Document},
    report::{FileId, Problem, Report, Span},
    schema::{self, Key},
};

/// Largest file that is read.
const LARGEST: u64 = 1 << 20;

/// Most files of `conf.d/`.
const MOST_FILES: usize = 200;

/// A value with the file that it stands in.
#[derive(Debug)]
pub(super) struct Placed<T> {
    pub file: FileId,
    pub value: Spanned<T>,
}

impl<T> Placed<T> {
    pub(super) fn span(&self) -> Span {
        Span { file: self.file, bytes: self.value.span() }
    }

    pub(super) fn get(&self) -> &T {
        self.value.get_ref()
    }
}

/// All files, as one.
#[derive(Debug, Default)]
pub(super) struct Merged {
    pub journal: Option<Placed<schema::Journal>>,
    pub evidence: Option<Placed<schema::Evidence>>,
    pub privacy: Option<Placed<schema::Privacy>>,
    pub cameras: Vec<Placed<schema::Camera>>,
    pub engine: Option<Placed<schema::Engine>>,
    pub threads: Option<Placed<schema::Threads>>,
    pub detect: Option<Placed<schema::Detect>>,
    pub read: Option<Placed<schema::Read>>,
    pub track: Option<Placed<schema::Track>>,
    pub passage: Option<Placed<schema::Passage>>,
    pub plate: Option<Placed<schema::Plate>>,
    pub lists: Vec<Placed<schema::List>>,
    pub access: Option<Placed<schema::Access>>,
    pub schedules: Vec<Placed<schema::Schedule>>,
    pub gates: Vec<Placed<schema::Gate>>,
    pub webhooks: Vec<Placed<schema::Webhook>>,
    pub control: Option<Placed<schema::Control>>,
    pub mqtt: Option<Placed<schema::Mqtt>>,
    pub http: Option<Placed<schema::Http>>,
    pub log: Option<Placed<schema::Log>>,
    pub health: Option<Placed<schema::Health>>,
    /// Per file: its folder, where relative paths start.
    folders: Vec<PathBuf>,
    /// Per file: keys that were refused and thus are not missing.
    refused: Vec<Vec<document::Refused>>,
}

impl Merged {
    pub(super) fn folder(&self, file: FileId) -> &Path {
        self.folders.get(file.0).map_or(Path::new(""), PathBuf::as_path)
    }

    /// A key of this name was given in the table that begins here, but refused: it need not be called missing.
    pub(super) fn was_refused(&self, table: &Span, key: &str) -> bool {
        let next = self
            .cameras
            .iter()
            .map(Placed::span)
            .chain(self.lists.iter().map(Placed::span))
            .chain(self.schedules.iter().map(Placed::span))
            .chain(self.gates.iter().map(Placed::span))
            .chain(self.webhooks.iter().map(Placed::span))
            .filter(|other| other.file == table.file && other.bytes.start > table.bytes.start)
            .map(|other| other.bytes.start)
            .min()
            .unwrap_or(usize::MAX);
        let refused = self.refused.get(table.file.0).into_iter().flatten();
        refused.into_iter().any(|r| r.key == key && (table.bytes.start..next).contains(&r.at))
    }
}

/// Reads and joins the files; what is wrong goes into the report.
pub(super) fn load(main: &Path, report: &mut Report) -> Merged {
    let mut merged = Merged::default();
    add(main, &mut merged, report);
    let folder = main.parent().unwrap_or(Path::new("")).join("conf.d");
    match more_files(&folder) {
        Ok(files) if files.len() > MOST_FILES => {
            report.add(
                Problem::new(format!(
                    "{} holds {} files; {MOST_FILES} are read",
                    folder.display(),
                    files.len()
                ))
                .help("join some of them"),
            );
        }
        Ok(files) => files.iter().for_each(|file| add(file, &mut merged, report)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => report.add(
            Problem::new(format!("cannot list {}: {error}", folder.display()))
                .help("the user of the service must be able to read it"),
        ),
    }
    merged
}

fn more_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.extension().is_some_and(|ext| ext == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn add(path: &Path, merged: &mut Merged, report: &mut Report) {
    let text = match read(path) {
        Ok(text) => text,
        Err(error) => {
            let help = match error.kind() {
                io::ErrorKind::NotFound => "`amslpr config defaults` prints a file to begin with",
                io::ErrorKind::PermissionDenied => "the user of the service must be able to read it",
                _ => "it must be a text file of at most 1 MiB in UTF-8",
            };
            report.add(Problem::new(format!("cannot read {}: {error}", path.display())).help(help));
            return;
        }
    };
    let id = report.sources.add(path.to_owned(), text.clone());
    let folder = path.parent().map_or_else(PathBuf::new, Path::to_owned);
    // Absolute where that can be known, so that nothing depends on where the daemon happens to stand later.
    merged.folders.push(std::path::absolute(&folder).unwrap_or(folder));
    let Document { file, refused } = document::parse(&text, id, report);
    merged.refused.push(refused);
    if let Some(format) = &file.format
        && *format.get_ref() != 1
    {
        report.add(
            Problem::new(format!("this file is of the form {}, this version reads form 1", format.get_ref()))
                .at(Span { file: id, bytes: format.span() }, "")
                .help("use the version of amslpr that it was written for, or a newer one"),
        );
    }
    one("journal", &mut merged.journal, file.journal, id, report);
    one("evidence", &mut merged.evidence, file.evidence, id, report);
    one("privacy", &mut merged.privacy, file.privacy, id, report);
    one("engine", &mut merged.engine, file.engine, id, report);
    one("threads", &mut merged.threads, file.threads, id, report);
    one("detect", &mut merged.detect, file.detect, id, report);
    one("read", &mut merged.read, file.read, id, report);
    one("track", &mut merged.track, file.track, id, report);
    one("passage", &mut merged.passage, file.passage, id, report);
    one("plate", &mut merged.plate, file.plate, id, report);
    one("access", &mut merged.access, file.access, id, report);
    one("control", &mut merged.control, file.control, id, report);
    one("mqtt", &mut merged.mqtt, file.mqtt, id, report);
    one("http", &mut merged.http, file.http, id, report);
    one("log", &mut merged.log, file.log, id, report);
    one("health", &mut merged.health, file.health, id, report);
    merged.cameras.extend(file.camera.into_iter().map(|value| Placed { file: id, value }));
    merged.schedules.extend(file.schedule.into_iter().map(|value| Placed { file: id, value }));
    merged.lists.extend(file.list.into_iter().map(|value| Placed { file: id, value }));
    merged.gates.extend(file.gate.into_iter().map(|value| Placed { file: id, value }));
    merged.webhooks.extend(file.webhook.into_iter().map(|value| Placed { file: id, value }));
}

/// Keeps the first table of a name; a second one in another file is a problem that shows both.
fn one<T>(name: &str, slot: &mut Option<Placed<T>>, given: Key<T>, file: FileId, report: &mut Report) {
    let Some(value) = given else { return };
    let placed = Placed { file, value };
    match slot {
        None => *slot = Some(placed),
        Some(first) => report.add(
            Problem::new(format!("the table [{name}] stands in two files"))
                .at(placed.span(), "second time")
                .at(first.span(), "first time")
                .help("a table belongs to one file: join the two"),
        ),
    }
}

/// The text of a regular file of bounded size.
fn read(path: &Path) -> io::Result<String> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let mut text = String::new();
    fs::File::open(path)?.take(LARGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "larger than 1 MiB"));
    }
    Ok(text)
}
