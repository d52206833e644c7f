//! Lists of plates: from the configuration and from CSV files beside it.
//!
//! Reads and checks entries. What a list decides is `access`'s business.

use std::{fs::File, io::Read as _, path::Path};

use super::{
    meaning::{Context, or},
    report::{Problem, Span},
};
use crate::{
    access::{self, Entry, Kind, List, Lists},
    plate::PlateText,
};

/// Largest file of plates: some 100,000 of them.
const LARGEST: u64 = 4 << 20;

/// Problems shown per file of plates.
const MOST_PROBLEMS: usize = 20;

/// Things with the lines of the file that they come from.
type Lined<T> = Vec<(usize, T)>;

/// Where an entry stands: in the configuration, or at this line of the file that the key there names.
struct Origin {
    at: Span,
    line: Option<usize>,
}

/// The lists of all files.
pub(super) fn interpret(context: &mut Context<'_>) -> Vec<List> {
    let mut lists = Vec::new();
    let mut origins = Vec::new();
    let mut names: Vec<(&str, Span)> = Vec::new();
    let merged = context.merged;
    for placed in &merged.lists {
        let (file, table, at) = (placed.file, placed.get(), placed.span());
        let name = context.needed(&table.name, "name", &at, "\"residents\"");
        let kind = context.needed(&table.kind, "kind", &at, "\"allow\"").map(|kind| kind.get_ref().0);
        if let Some(name) = name {
            let span = Span { file, bytes: name.span() };
            let text = name.get_ref().0.as_str();
            match names.iter().find(|(earlier, _)| *earlier == text) {
                Some((_, first)) => {
                    context.wrong(
                        Problem::new(format!("two lists share the name {text:?}"))
                            .at(span, "second use")
                            .at(first.clone(), "first use"),
                    );
                    continue;
                }
                None => names.push((text, span)),
            }
        }
        let mut entries = Vec::new();
        let mut places = Vec::new();
        for entry in &table.plates {
            let span = Span { file, bytes: entry.span() };
            let plate = context.needed(&entry.get_ref().plate, "plate", &span, "\"B 123 ABC\"");
            if let Some(plate) = plate {
                let note = or(&entry.get_ref().note, None, |note| Some(note.clone()));
                entries.push(Entry { note, ..Entry::new(plate.get_ref().0.clone()) });
                places.push(Origin { at: span, line: None });
            }
        }
        if let Some(path) = &table.file {
            let span = Span { file, bytes: path.span() };
            for (line, entry) in from_file(&merged.folder(file).join(&path.get_ref().0), &span, context) {
                entries.push(entry);
                places.push(Origin { at: span.clone(), line: Some(line) });
            }
        }
        if table.plates.is_empty() && table.file.is_none() && !merged.was_refused(&at, "plates") {
            context.wrong(Problem::warning("this list is empty").at(at.clone(), "no plates and no file"));
        }
        let tolerant = or(&table.tolerant, false, |tolerant| *tolerant);
        if let Some(written) = &table.tolerant
            && tolerant
            && kind == Some(Kind::Block)
        {
            context.wrong(
                Problem::new("a block list takes plates to the letter: somebody else's plate may look alike")
                    .at(Span { file, bytes: written.span() }, "")
                    .help("leave tolerant out"),
            );
        }
        if let (Some(name), Some(kind)) = (name, kind) {
            let name = name.get_ref().0.clone();
            origins.push((name.clone(), places));
            lists.push(List { tolerant, entries, ..List::new(&name, kind) });
        }
    }
    if let Err(error) = Lists::load(lists.clone()) {
        for problem in error.0.iter().take(MOST_PROBLEMS) {
            context.wrong(located(problem, &origins));
        }
    }
    lists
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
fn from_file(path: &Path, at: &Span, context: &mut Context<'_>) -> Lined<Entry> {
    let text = match read(path) {
        Ok(text) => text,
        Err(error) => {
            context.wrong(
                Problem::new(format!("cannot read the plates in {}: {error}", path.display()))
                    .at(at.clone(), "")
                    .help("it must be a text file in UTF-8 with the columns plate and note, readable by the service"),
            );
            return Vec::new();
        }
    };
    let (entries, problems) = parse(&text);
    for (line, what) in problems.iter().take(MOST_PROBLEMS) {
        context.wrong(Problem::new(format!("{}:{line}: {what}", path.display())).at(at.clone(), ""));
    }
    if problems.len() > MOST_PROBLEMS {
        let more = problems.len() - MOST_PROBLEMS;
        context.wrong(
            Problem::new(format!("{}: {more} more lines are wrong", path.display())).at(at.clone(), ""),
        );
    }
    entries
}

fn read(path: &Path) -> std::io::Result<String> {
    let invalid = |why: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, why.to_owned());
    if !std::fs::metadata(path)?.is_file() {
        return Err(invalid("not a regular file"));
    }
    let mut text = String::new();
    File::open(path)?.take(LARGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST { Err(invalid("larger than 4 MiB")) } else { Ok(text) }
}

/// Entries with their lines: `plate` or `plate,note`; a first line that says so, empty lines and `#` comments are passed over.
fn parse(text: &str) -> (Lined<Entry>, Lined<String>) {
    let (mut entries, mut problems) = (Vec::new(), Vec::new());
    for (at, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (plate, note) = line.split_once([',', ';']).map_or((line, ""), |(plate, note)| (plate, note));
        let (plate, note) = (unquoted(plate), unquoted(note));
        if at == 0 && plate.eq_ignore_ascii_case("plate") {
            continue;
        }
        match PlateText::normalise(&plate) {
            Ok(plate) => {
                let note = (!note.is_empty()).then_some(note);
                entries.push((at + 1, Entry { note, ..Entry::new(plate) }));
            }
            Err(error) => problems.push((at + 1, format!("{plate:?} is no plate: {error}"))),
        }
    }
    (entries, problems)
}

/// A CSV field without its quotes.
fn unquoted(field: &str) -> String {
    let field = field.trim();
    match field.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => field.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_plates_is_read_line_by_line() {
        let (entries, problems) = parse(
            "\u{feff}plate,note\n\n# guests\nB 123 ABC,Anna's van\r\n\"is-07-xyz\",\"says \"\"hi\"\", often\"\nCJ99ZZZ\n",
        );
        let shown: Vec<_> = entries.iter().map(|(_, e)| (e.plate.as_str(), e.note.as_deref())).collect();
        assert_eq!(
            shown,
            [("B123ABC", Some("Anna's van")), ("IS07XYZ", Some("says \"hi\", often")), ("CJ99ZZZ", None)]
        );
        assert!(problems.is_empty());
    }

    #[test]
    fn a_bad_line_is_named_and_the_others_stay() {
        let (entries, problems) = parse("AB12CDE\n京A12345,x\n,nobody\n");
        assert_eq!(entries.len(), 1);
        assert_eq!(problems.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 3]);
    }
}
