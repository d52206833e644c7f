//! The house rules that a machine can check: floors, file heads, file lengths, where `unsafe` may live.
//!
//! The rules themselves are explained in the crate's documentation (`src/lib.rs`).

#![allow(clippy::unwrap_used, reason = "a test stops where something is not as it should be")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The modules, from the ground up. On one floor, a module may use those that stand to its left.
const FLOORS: &[&[&str]] = &[
    &[
        "geometry",
        "clock",
        "heartbeat",
        "shutdown",
        "mailbox",
        "backoff",
        "secret",
        "caller",
        "telemetry",
        "plate",
        "frame",
    ],
    &["infer"],
    &["capture", "detect", "track", "read", "passage", "access", "fact"],
    &["journal", "publish", "gate"],
    &["api", "webhook", "config", "daemon"],
    &["cli"],
];

/// Modules of one floor that know nothing of each other, either way.
const STRANGERS: &[&str] = &["journal", "publish", "gate"];

/// Where `unsafe` may stand: files, and folders with a slash at the end.
const UNSAFE_IN: &[&str] = &["infer/hailo/", "read/tesseract.rs", "capture/h26x.rs", "main.rs"];

const LONGEST_FILE: usize = 600;

/// Names that say nothing.
const EMPTY_NAMES: &[&str] = &["utils", "util", "common", "types", "helpers", "manager", "misc"];

/// Floor and place on it.
fn rank(module: &str) -> Option<(usize, usize)> {
    FLOORS
        .iter()
        .enumerate()
        .find_map(|(floor, modules)| Some((floor, modules.iter().position(|m| *m == module)?)))
}

/// May `user` use `used`?
fn may_use(user: &str, used: &str) -> bool {
    let strangers = STRANGERS.contains(&user) && STRANGERS.contains(&used);
    user == used || !strangers && rank(user) > rank(used)
}

/// Rust files below a folder, with their path in it.
fn sources(root: &Path) -> BTreeMap<String, String> {
    fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<String, String>) {
        let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                walk(root, &path, found);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(root, root, &mut found);
    assert!(!found.is_empty(), "no Rust files below {}", root.display());
    found
}

fn house() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The text with comments and the contents of strings and character literals blanked, line ends kept.
fn code_of(text: &str) -> String {
    // Only ASCII means anything here; the rest may be any letter, so that every byte can be looked at alone.
    let text: String = text.bytes().map(|b| if b.is_ascii() { char::from(b) } else { 'x' }).collect();
    let bytes = text.as_bytes();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    let starts = |at: usize, what: &str| bytes[at..].starts_with(what.as_bytes());
    while at < bytes.len() {
        let end = if starts(at, "//") {
            text[at..].find('\n').map_or(bytes.len(), |n| at + n)
        } else if starts(at, "/*") {
            text[at..].find("*/").map_or(bytes.len(), |n| at + n + 2)
        } else if let Some(hashes) = raw_string(&text, at) {
            let close = format!("\"{}", "#".repeat(hashes));
            let open = at + 2 + hashes;
            text[open..].find(&close).map_or(bytes.len(), |n| open + n + close.len())
        } else if bytes[at] == b'"' {
            closed(bytes, at, b'"')
        } else if bytes[at] == b'\'' && (starts(at + 1, "\\") || bytes.get(at + 2) == Some(&b'\'')) {
            closed(bytes, at, b'\'')
        } else {
            code.push(char::from(bytes[at]));
            at += 1;
            continue;
        };
        code.extend(text[at..end].bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }));
        at = end;
    }
    code
}

/// Number of hashes, if a raw string begins here and not a word that ends in r.
fn raw_string(text: &str, at: usize) -> Option<usize> {
    if text[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
        return None;
    }
    let rest = text[at..].strip_prefix('r')?;
    let hashes = rest.bytes().take_while(|b| *b == b'#').count();
    rest[hashes..].starts_with('"').then_some(hashes)
}

/// End of a literal that begins at `at`, honouring backslashes.
fn closed(bytes: &[u8], at: usize, quote: u8) -> usize {
    let mut end = at + 1;
    while end < bytes.len() && bytes[end] != quote {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    (end + 1).min(bytes.len())
}

/// Line and name of every module of the crate that this code names: `crate::a::b`, `crate::{a::b, c}`.
fn used_modules(code: &str) -> Vec<(usize, String)> {
    let name = |text: &str| -> String {
        text.trim_start().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
    };
    let mut used = Vec::new();
    for (at, path) in code.match_indices("crate::") {
        let start = at + path.len();
        let line = code[..at].matches('\n').count() + 1;
        let Some(group) = code[start..].strip_prefix('{') else {
            used.push((line, name(&code[start..])));
            continue;
        };
        // The first name after the brace and after every comma of this depth.
        let (mut depth, mut line, mut expecting) = (0, line, true);
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => expecting = true,
                '\n' => line += 1,
                c if expecting && (c.is_alphanumeric() || c == '_') => {
                    used.push((line, name(&group[at..])));
                    expecting = false;
                }
                _ => {}
            }
        }
    }
    used
}

/// The line of every `unsafe` in this code.
fn unsafe_lines(code: &str) -> Vec<usize> {
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    code.match_indices("unsafe")
        .filter(|(at, word)| {
            !is_word(code[..*at].chars().next_back()) && !is_word(code[at + word.len()..].chars().next())
        })
        .map(|(at, _)| code[..at].matches('\n').count() + 1)
        .collect()
}

/// All that is wrong with one file of `src/`.
fn faults_of(file: &str, text: &str) -> Vec<String> {
    let module = file.split(['/', '.']).next().unwrap_or_default();
    let code = code_of(text);
    let mut faults = Vec::new();
    if !matches!(module, "lib" | "main") {
        if rank(module).is_none() {
            faults.push(format!(
                "{file}: the module {module} stands on no floor; give it one in tests/architecture.rs"
            ));
        }
        for (line, used) in used_modules(&code) {
            if rank(&used).is_some() && !may_use(module, &used) {
                faults.push(format!("{file}:{line}: {module} may not use {used}"));
            }
        }
    }
    if !UNSAFE_IN
        .iter()
        .any(|place| if place.ends_with('/') { file.starts_with(place) } else { file == *place })
    {
        faults.extend(
            unsafe_lines(&code).iter().map(|line| format!("{file}:{line}: unsafe has no place here")),
        );
    }
    faults
}

/// All that is wrong with a file anywhere.
fn faults_of_form(file: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if !text.starts_with("//! ") {
        faults.push(format!("{file}: does not begin by saying what it is for (//!)"));
    }
    let lines = text.lines().count();
    if lines > LONGEST_FILE {
        faults.push(format!("{file}: {lines} lines; {LONGEST_FILE} is the limit"));
    }
    if file.split(['/', '.']).any(|part| EMPTY_NAMES.contains(&part)) {
        faults.push(format!("{file}: its name says nothing"));
    }
    faults
}

fn none_of(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn modules_use_only_what_stands_below_or_to_their_left() {
    let files = sources(&house().join("src"));
    none_of(&files.iter().flat_map(|(file, text)| faults_of(file, text)).collect::<Vec<_>>());
}

#[test]
fn files_say_what_they_are_for_and_stay_short() {
    let mut faults = Vec::new();
    for folder in ["src", "tests", "hailort-sys/src"] {
        for (file, text) in sources(&house().join(folder)) {
            faults.extend(faults_of_form(&format!("{folder}/{file}"), &text));
        }
    }
    none_of(&faults);
}

#[test]
fn every_floor_of_the_crate_documentation_is_a_floor_here() {
    let lib = fs::read_to_string(house().join("src/lib.rs")).unwrap();
    let modules = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let homeless: Vec<String> =
        modules.filter(|m| rank(m).is_none()).map(|m| format!("{m} stands on no floor")).collect();
    none_of(&homeless);
}

/// The rules, tried on planted faults: a test that cannot fail protects nothing.
mod planted {
    use super::*;

    fn check(file: &str, text: &str, faults: &[&str]) {
        assert_eq!(faults_of(file, text), faults);
    }

    #[test]
    fn a_later_stage_is_not_imported() {
        check("detect/mod.rs", "use crate::track::Step;", &["detect/mod.rs:1: detect may not use track"]);
        check("track/mod.rs", "use crate::detect::Detection;", &[]);
        check(
            "frame/mod.rs",
            "use crate::{\n    clock::{Clock, Moment},\n    journal,\n};",
            &["frame/mod.rs:3: frame may not use journal"],
        );
        check("read/a.rs", "fn f() { crate::cli::run() }", &["read/a.rs:1: read may not use cli"]);
    }

    #[test]
    fn the_journal_and_the_broker_are_strangers() {
        check(
            "publish/mod.rs",
            "use crate::journal::Row;",
            &["publish/mod.rs:1: publish may not use journal"],
        );
        check(
            "journal/mod.rs",
            "use crate::publish::Topic;",
            &["journal/mod.rs:1: journal may not use publish"],
        );
        check("daemon/mod.rs", "use crate::{journal, publish};", &[]);
    }

    #[test]
    fn unsafe_stays_where_it_belongs() {
        check("track/mod.rs", "\nunsafe { x() }", &["track/mod.rs:2: unsafe has no place here"]);
        check("read/tesseract.rs", "unsafe { x() }", &[]);
        check("infer/hailo/stream.rs", "unsafe{ x() }", &[]);
        check("track/mod.rs", "// unsafe { x() }\nlet s = \"unsafe\"; let unsafely = r#\"unsafe \"\"#;", &[]);
    }

    #[test]
    fn comments_and_strings_name_no_modules() {
        check(
            "detect/mod.rs",
            "//! as crate::cli does\n/* crate::cli */ let s = \"crate::cli\"; let c = '\\'';",
            &[],
        );
        check("track/mod.rs", "let q = '\"'; use crate::cli;", &["track/mod.rs:1: track may not use cli"]);
    }

    #[test]
    fn a_module_without_a_floor_is_a_fault() {
        assert!(faults_of("attic/mod.rs", "")[0].contains("stands on no floor"));
    }

    #[test]
    fn a_file_that_is_long_nameless_or_silent_is_a_fault() {
        assert!(faults_of_form("src/a.rs", "use x;")[0].contains("saying what it is for"));
        assert!(faults_of_form("src/utils.rs", "//! Things.")[0].contains("says nothing"));
        assert!(faults_of_form("src/a.rs", &"//! x\n".repeat(601))[0].contains("601 lines"));
    }
}
