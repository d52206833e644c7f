//! What is wrong with a configuration: every problem with its place, printed for people or as JSON.
//!
//! Collects and prints only; finding problems is the business of the files beside this one.

use std::{fmt, io::IsTerminal as _, ops::Range, path::PathBuf};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet, renderer::DecorStyle};
use serde::Serialize;

use super::mask::masked;

/// Problems printed in full; a file that is no configuration at all should not fill the screen.
const SHOWN: usize = 50;

/// A file's place in [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileId(pub usize);

/// Bytes of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub file: FileId,
    pub bytes: Range<usize>,
}

/// The files as they were read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Sources(Vec<(PathBuf, String)>);

impl Sources {
    pub(super) fn add(&mut self, path: PathBuf, text: String) -> FileId {
        self.0.push((path, text));
        FileId(self.0.len() - 1)
    }

    /// Every file with its text, in the order in which they were read.
    pub(super) fn all(&self) -> impl Iterator<Item = (FileId, &str)> {
        self.0.iter().enumerate().map(|(id, (_, text))| (FileId(id), text.as_str()))
    }

    /// Path and line of a byte.
    pub(super) fn place(&self, id: FileId, byte: usize) -> (String, usize) {
        (self.path(id), self.position(id, byte).0)
    }

    fn path(&self, id: FileId) -> String {
        self.0.get(id.0).map_or_else(String::new, |(path, _)| path.display().to_string())
    }

    fn text(&self, id: FileId) -> &str {
        self.0.get(id.0).map_or("", |(_, text)| text)
    }

    /// Line and column, counted from 1, of a byte.
    fn position(&self, id: FileId, byte: usize) -> (usize, usize) {
        let text = self.text(id);
        let before = text.get(..byte.min(text.len())).unwrap_or(text);
        let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        (line, before.get(start..).map_or(0, |part| part.chars().count()) + 1)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Nothing runs with it.
    Error,
    /// Legal, but hardly what was meant.
    Warning,
}

/// One thing that is wrong, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub severity: Severity,
    pub what: String,
    /// Where, with a word about it; the first is the main place. None for what stands in no file.
    pub places: Vec<(Span, String)>,
    pub help: Option<String>,
}

impl Problem {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self { severity: Severity::Error, what: what.into(), places: Vec::new(), help: None }
    }

    pub(super) fn warning(what: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::new(what) }
    }

    pub(super) fn at(mut self, span: Span, word: impl Into<String>) -> Self {
        self.places.push((span, word.into()));
        self
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// All that is wrong with a configuration. `Display` is plain text, without colours.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    pub(super) sources: Sources,
    pub(super) problems: Vec<Problem>,
}

impl std::error::Error for Report {}

impl Report {
    pub(super) fn add(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Nothing can run with this configuration.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|p| p.severity == Severity::Error)
    }

    /// Neither errors nor warnings.
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    /// How many errors there are and where the first one stands. Says no more, so that it may be logged and published:
    /// what is wrong may name a plate.
    pub fn headline(&self) -> String {
        let errors = self.count(Severity::Error);
        let many = if errors == 1 { "1 error".to_owned() } else { format!("{errors} errors") };
        let first = self.in_order().find(|problem| problem.severity == Severity::Error);
        match first.and_then(|problem| problem.places.first()) {
            Some((span, _)) => {
                let (line, column) = self.sources.position(span.file, span.bytes.start);
                format!("{many}, the first at {}:{line}:{column}", self.sources.path(span.file))
            }
            None => many,
        }
    }

    fn count(&self, severity: Severity) -> usize {
        self.problems.iter().filter(|p| p.severity == severity).count()
    }

    /// Prints to stderr, in colours if it is a terminal; nothing if there is nothing to say.
    pub fn print(&self) {
        if self.is_clean() {
            return;
        }
        let renderer = if std::io::stderr().is_terminal() { Renderer::styled() } else { Renderer::plain() };
        eprintln!("{}", self.render(&renderer));
    }

    fn render(&self, renderer: &Renderer) -> String {
        let renderer = renderer.clone().decor_style(DecorStyle::Ascii);
        let mut text = String::new();
        for problem in self.in_order().take(SHOWN) {
            text.push_str(&renderer.render(&self.groups(problem)));
            text.push_str("\n\n");
        }
        if self.problems.len() > SHOWN {
            text.push_str(&format!("... and {} more\n\n", self.problems.len() - SHOWN));
        }
        text.push_str(&self.summary());
        text
    }

    /// By file and place, so that a file can be mended from top to bottom.
    fn in_order(&self) -> impl Iterator<Item = &Problem> {
        let mut problems: Vec<&Problem> = self.problems.iter().collect();
        problems.sort_by_key(|p| p.places.first().map(|(span, _)| (span.file, span.bytes.start)));
        problems.into_iter()
    }

    fn groups<'a>(&'a self, problem: &'a Problem) -> Vec<Group<'a>> {
        let level = match problem.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(&problem.what);
        let mut group = Group::with_title(title);
        let mut files: Vec<FileId> = Vec::new();
        for (span, _) in &problem.places {
            if !files.contains(&span.file) {
                files.push(span.file);
            }
        }
        for file in files {
            let text = self.sources.text(file);
            let mut snippet = Snippet::source(masked(text)).path(self.sources.path(file)).fold(true);
            for (at, (span, word)) in problem.places.iter().enumerate() {
                if span.file == file {
                    let kind = if at == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
                    let annotation = kind.span(within(text, &span.bytes));
                    snippet = snippet.annotation(match word.as_str() {
                        "" => annotation,
                        word => annotation.label(word),
                    });
                }
            }
            group = group.element(snippet);
        }
        if let Some(help) = &problem.help {
            group = group.element(Level::HELP.message(help));
        }
        vec![group]
    }

    fn summary(&self) -> String {
        let named = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
        match (self.count(Severity::Error), self.count(Severity::Warning)) {
            (0, 0) => "no problems".to_owned(),
            (0, warnings) => named(warnings, "warning"),
            (errors, 0) => named(errors, "error"),
            (errors, warnings) => format!("{} and {}", named(errors, "error"), named(warnings, "warning")),
        }
    }

    /// One JSON object: `{"ok": bool, "problems": [{"severity", "message", "places": [...], "help"}]}`.
    pub fn to_json(&self) -> String {
        let problems = self
            .in_order()
            .map(|problem| ProblemDto {
                severity: match problem.severity {
                    Severity::Error => "error",
                    Severity::Warning => "warning",
                },
                message: &problem.what,
                help: problem.help.as_deref(),
                places: problem
                    .places
                    .iter()
                    .map(|(span, word)| {
                        let (line, column) = self.sources.position(span.file, span.bytes.start);
                        PlaceDto { file: self.sources.path(span.file), line, column, label: word }
                    })
                    .collect(),
            })
            .collect();
        let report = ReportDto { ok: !self.has_errors(), problems };
        // Strings and numbers only: nothing in it can fail to serialise.
        serde_json::to_string(&report)
            .unwrap_or_else(|error| format!("{{\"ok\":false,\"error\":\"{error}\"}}"))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(&Renderer::plain()))
    }
}

/// The span, kept inside the text and off the middle of a character: the renderer panics on less.
fn within(text: &str, span: &Range<usize>) -> Range<usize> {
    let mut start = span.start.min(text.len());
    let mut end = span.end.clamp(start, text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

#[derive(Serialize)]
struct ReportDto<'a> {
    ok: bool,
    problems: Vec<ProblemDto<'a>>,
}

#[derive(Serialize)]
struct ProblemDto<'a> {
    severity: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
    places: Vec<PlaceDto<'a>>,
}

#[derive(Serialize)]
struct PlaceDto<'a> {
    file: String,
    line: usize,
    column: usize,
    #[serde(skip_serializing_if = "str::is_empty")]
    label: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report::default();
        let file = report.sources.add("a.toml".into(), "name = \"nörd\"\nname = \"x\"\n".into());
        let span = |bytes| Span { file, bytes };
        report.add(
            Problem::new("two of them").at(span(15..19), "again").at(span(0..4), "first").help("keep one"),
        );
        report
    }

    #[test]
    fn a_problem_shows_file_line_and_caret() {
        let text = report().to_string();
        assert!(text.contains("error: two of them"), "{text}");
        assert!(text.contains("a.toml:2:1"), "{text}");
        assert!(text.contains("^^^^ again") && text.contains("---- first"), "{text}");
        assert!(text.contains("help: keep one") && text.ends_with("1 error"), "{text}");
        assert_eq!(report().headline(), "1 error, the first at a.toml:2:1");
    }

    #[test]
    fn json_carries_line_and_column_in_characters() {
        let json: serde_json::Value = serde_json::from_str(&report().to_json()).unwrap();
        assert_eq!(json["ok"], false);
        assert_eq!(json["problems"][0]["places"][0]["line"], 2);
        assert_eq!(json["problems"][0]["places"][0]["column"], 1);
        assert_eq!(json["problems"][0]["help"], "keep one");
    }

    #[test]
    fn a_span_outside_the_text_or_inside_a_character_is_moved() {
        assert_eq!(within("aöb", &(2..9)), 1..4);
        assert_eq!(within("", &Range { start: 5, end: 2 }), 0..0);
    }

    #[test]
    fn a_warning_alone_is_no_error() {
        let mut report = Report::default();
        assert!(report.is_clean());
        report.add(Problem::warning("odd"));
        assert!(!report.has_errors() && !report.is_clean());
        assert!(report.to_string().ends_with("1 warning"));
    }
}
