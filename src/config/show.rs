//! The configuration in force, for people: every key with the value that holds, and where it was said.
//!
//! Prints TOML that can be read again. What a value means is `meaning`'s business; here it is only repeated.

use std::path::Path;

use toml::{
    Table as Values, Value,
    de::{DeTable, DeValue},
};

use super::{
    keys::{Key, Table, known_in, tables},
    report::{FileId, Sources},
};

/// A table as it stands in one file: its values, and the same with places. Tables without a file are all defaults.
#[derive(Clone, Copy)]
struct Given<'a> {
    values: &'a Values,
    places: &'a DeTable<'a>,
    file: FileId,
}

/// Writes every key of the files: those that are set with their place, the others with their default.
pub(super) fn show(sources: &Sources) -> String {
    let parsed: Vec<_> = sources
        .all()
        .filter_map(|(file, text)| Some((file, text.parse::<Values>().ok()?, DeTable::parse(text).ok()?)))
        .collect();
    let files: Vec<Given<'_>> = parsed
        .iter()
        .map(|(file, values, places)| Given { values, places: places.get_ref(), file: *file })
        .collect();
    let mut page = Page { sources, text: String::new() };
    for table in tables().filter(|table| !table.path.contains('.')) {
        if table.path.is_empty() {
            page.keys(table, files.first().copied());
            continue;
        }
        let several = table.header.starts_with("[[");
        let given: Vec<_> = files.iter().flat_map(|file| file.below(table.path)).collect();
        for one in &given {
            page.table(table, Some(*one), several);
        }
        // A table that begins with a key without default, such as the broker's host, is off unless it is written.
        let off = table.keys.first().is_none_or(|key| !has_default(table, key));
        if given.is_empty() && !off {
            page.table(table, None, false);
        }
    }
    page.text
}

impl<'a> Given<'a> {
    /// The tables of this name in it: none, one, or each of an array's.
    fn below(&self, name: &str) -> Vec<Given<'a>> {
        let file = self.file;
        match (self.values.get(name), self.places.get(name).map(toml::Spanned::get_ref)) {
            (Some(Value::Table(values)), Some(DeValue::Table(places))) => {
                vec![Given { values, places, file }]
            }
            (Some(Value::Array(values)), Some(DeValue::Array(places))) => {
                let pairs = values.iter().zip(places.iter().map(toml::Spanned::get_ref));
                let tables = pairs.filter_map(|pair| match pair {
                    (Value::Table(values), DeValue::Table(places)) => Some(Given { values, places, file }),
                    _ => None,
                });
                tables.collect()
            }
            _ => Vec::new(),
        }
    }

    /// Byte of the file where this key stands.
    fn place_of(&self, name: &str) -> Option<usize> {
        self.places.iter().find(|(key, _)| key.get_ref() == name).map(|(key, _)| key.span().start)
    }
}

struct Page<'a> {
    sources: &'a Sources,
    text: String,
}

impl Page<'_> {
    fn table(&mut self, table: &Table, given: Option<Given<'_>>, several: bool) {
        let header = if several { format!("[[{}]]", table.path) } else { format!("[{}]", table.path) };
        self.text.push_str(&format!("\n{header}\n"));
        self.keys(table, given);
        for inner in tables() {
            let Some(name) = inner.path.strip_prefix(table.path).and_then(|rest| rest.strip_prefix('.'))
            else {
                continue;
            };
            // A table without a header is written as a value, and was shown as one. An array's tables hold only what
            // was said: a camera has one source, not the defaults of all.
            let below = given.map(|g| g.below(name)).unwrap_or_default();
            let wanted = !below.is_empty() || !several;
            if !inner.header.is_empty() && wanted && !name.contains('.') {
                self.table(inner, below.first().copied(), false);
            }
        }
    }

    fn keys(&mut self, table: &Table, given: Option<Given<'_>>) {
        for key in table.keys {
            let value = given.and_then(|g| Some((g, g.values.get(key.name)?)));
            match value {
                Some((given, value)) => {
                    let place = given.place_of(key.name).map(|byte| self.sources.place(given.file, byte));
                    let place = place.map(|(path, line)| format!(" # {}:{line}", Path::new(&path).display()));
                    self.text.push_str(&format!("{} = {value}{}\n", key.name, place.unwrap_or_default()));
                }
                None if has_default(table, key) => {
                    self.text.push_str(&format!("{} = {} # default\n", key.name, key.value));
                }
                None => {}
            }
        }
    }
}

/// The value shown to people is the built-in one and no example.
fn has_default(table: &Table, key: &Key) -> bool {
    let is_table = known_in(&format!("{}.{}", table.path, key.name)).is_empty();
    is_table && !key.about.starts_with("For example.")
}
