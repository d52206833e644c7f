//! One file: TOML into the schema, with every problem of the file and not just the first.
//!
//! serde stops at the first error. So unknown keys are looked for beforehand, and a value that serde refuses is
//! taken out of the document and the rest is tried again, until all of it is accepted.

use std::ops::Range;

use serde::Deserialize as _;
use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

use super::{
    keys,
    report::{FileId, Problem, Report, Span},
    schema,
    values::{HELP, nearest},
};

/// Refused values per file before giving up on it; what comes after them is hardly meant to be a configuration.
const MOST_PROBLEMS: usize = 200;

/// A file as far as it could be understood.
#[derive(Debug)]
pub(super) struct Document {
    pub file: schema::File,
    /// Entries that were taken out: their keys are not missing, they have been complained about.
    pub refused: Vec<Refused>,
}

/// An entry that was taken out, or what it was probably meant to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub key: String,
    /// Byte of the file where it stood.
    pub at: usize,
}

/// Reads one file's text; what is wrong with it goes into the report.
pub(super) fn parse(text: &str, id: FileId, report: &mut Report) -> Document {
    let at = |bytes: Range<usize>| Span { file: id, bytes };
    let (root, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        for error in errors.iter().take(MOST_PROBLEMS) {
            let bytes = error.span().unwrap_or(0..0);
            report.add(Problem::new(error.message().to_owned()).at(at(bytes), ""));
        }
        // Half a document would bring forth complaints about what stands in the other half.
        return Document { file: schema::File::default(), refused: Vec::new() };
    }
    let whole = root.span();
    let mut table = root.into_inner();
    let mut refused = Vec::new();
    drop_unknown(&mut table, "", &mut |key, bytes, known| {
        let mut problem = Problem::new(format!("unknown key {key:?}")).at(at(bytes.clone()), "");
        let near = nearest(key, known.iter().copied());
        let newer = concat!("; or was it written for a newer version than ", env!("CARGO_PKG_VERSION"), "?");
        problem.help = Some(match (near, keys::table_of(key)) {
            (Some(near), _) => format!("did you mean {near:?}?{newer}"),
            (None, Some(table)) => format!("{key:?} is a key of {table}"),
            (None, None) => format!("the keys here are {}{newer}", known.join(", ")),
        });
        refused.push(Refused { key: near.unwrap_or(key).to_owned(), at: bytes.start });
        report.add(problem);
    });
    drop_single_tables(&mut table, &mut |name, bytes| {
        report.add(
            Problem::new(format!("there can be several of [{name}], so its brackets are doubled"))
                .at(at(bytes), "")
                .help(format!("write [[{name}]]; the tables within it keep single brackets")),
        );
    });
    for _ in 0..MOST_PROBLEMS {
        let document = toml::Deserializer::from(Spanned::new(whole.clone(), table.clone()));
        let error = match schema::File::deserialize(document) {
            Ok(file) => return Document { file, refused },
            Err(error) => error,
        };
        let bytes = error.span().unwrap_or(0..0);
        let (what, help) = match error.message().split_once(HELP) {
            Some((what, help)) => (what, Some(help.to_owned())),
            None => (error.message(), None),
        };
        let mut problem = Problem::new(what).at(at(bytes.clone()), "");
        problem.help = help;
        report.add(problem);
        match remove(&mut table, &bytes) {
            Some(gone) => refused.push(gone),
            // Nothing at that place can be taken out: the rest stays unseen.
            None => break,
        }
    }
    Document { file: schema::File::default(), refused: Vec::new() }
}

/// Takes `[camera]`, `[list]`, `[schedule]`, `[gate]` and `[webhook]` out, which must be written with two brackets.
fn drop_single_tables(table: &mut DeTable<'_>, found: &mut dyn FnMut(&str, Range<usize>)) {
    for name in ["camera", "list", "schedule", "gate", "webhook"] {
        if table.get(name).is_some_and(|value| value.get_ref().is_table())
            && let Some(value) = table.remove(name)
        {
            found(name, value.span());
        }
    }
}

/// Hears of an unknown key: its name, its place, and the keys that are known there.
type Unknown<'a> = dyn FnMut(&str, Range<usize>, &[&'static str]) + 'a;

/// Takes unknown keys out, telling `found` their name, place and the keys that are known there.
fn drop_unknown(table: &mut DeTable<'_>, path: &str, found: &mut Unknown<'_>) {
    let known = keys::known_in(path);
    if known.is_empty() {
        // A value that happens to be written as a table, such as where a secret is kept.
        return;
    }
    let mut unknown = Vec::new();
    for (key, value) in table.iter_mut() {
        let name: &str = key.get_ref();
        if !known.contains(&name) {
            found(name, key.span(), &known);
            unknown.push(name.to_owned());
            continue;
        }
        let inner = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        match value.get_mut() {
            DeValue::Table(table) => drop_unknown(table, &inner, found),
            DeValue::Array(array) => {
                for item in array.iter_mut() {
                    if let DeValue::Table(table) = item.get_mut() {
                        drop_unknown(table, &inner, found);
                    }
                }
            }
            _ => {}
        }
    }
    for name in unknown {
        table.remove(name.as_str());
    }
}

/// Takes the innermost entry that holds these bytes out of the table; says which it was.
fn remove(table: &mut DeTable<'_>, bytes: &Range<usize>) -> Option<Refused> {
    for (_, value) in table.iter_mut() {
        let gone = match value.get_mut() {
            DeValue::Table(inner) => remove(inner, bytes),
            DeValue::Array(items) => items.iter_mut().find_map(|item| match item.get_mut() {
                DeValue::Table(inner) => remove(inner, bytes),
                _ => None,
            }),
            _ => None,
        };
        if gone.is_some() {
            return gone;
        }
    }
    let holds = |outer: Range<usize>| outer.start <= bytes.start && bytes.end <= outer.end;
    let key =
        table.iter().find(|(key, value)| holds(key.span()) || holds(value.span())).map(|(key, _)| key)?;
    let gone = Refused { key: key.get_ref().to_string(), at: key.span().start };
    table.remove(gone.key.as_str());
    Some(gone)
}
