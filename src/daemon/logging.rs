//! Where log events go: to the journal under systemd, to stderr otherwise; which ones; and what a panic leaves behind.
//!
//! Events are facts with fields (`camera`, `passage`, `error`), not prose. In the journal a field is found as
//! `AMSLPR_CAMERA=north-gate`. Whether a plate may stand in an event is decided where the event is made.

use std::{
    any::Any,
    io::{self, IsTerminal as _},
    os::{fd::AsFd as _, unix::fs::MetadataExt as _},
    panic::PanicHookInfo,
};

use tracing_subscriber::{EnvFilter, Registry, layer::SubscriberExt as _, reload};

use crate::config::{Log, LogLevel};

/// Wins over the configured level; the syntax is that of `tracing_subscriber::EnvFilter`.
pub const VARIABLE: &str = "AMSLPR_LOG";

/// Put before the name of every field in the journal, so that none of systemd's own is taken.
const FIELD_PREFIX: &str = "AMSLPR";

/// Why nothing can be logged as asked.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    #[error(
        "{VARIABLE}={value:?} is no log filter: {error}; write a level such as \"debug\", or \"info,amslpr::track=trace\""
    )]
    Filter { value: String, error: tracing_subscriber::filter::ParseError },
    #[error("{VARIABLE} is no text")]
    NotText,
    #[error("cannot reach the journal: {0}; its socket /run/systemd/journal/socket must be there")]
    Journal(#[source] io::Error),
    #[error("something is logging already: {0}")]
    Started(#[from] tracing::subscriber::SetGlobalDefaultError),
}

/// Changes the level of a running program.
#[derive(Debug, Clone)]
pub struct LevelHandle {
    filter: reload::Handle<EnvFilter, Registry>,
    /// The environment has settled it.
    fixed: bool,
}

impl LevelHandle {
    /// Takes effect at once; without effect where the environment set the filter. False if nobody logs any more.
    pub fn set(&self, level: LogLevel) -> bool {
        self.fixed || self.filter.reload(usual(level)).is_ok()
    }
}

/// Begins to log. Once per process.
pub fn start(log: &Log) -> Result<LevelHandle, LoggingError> {
    let written = match std::env::var(VARIABLE) {
        Ok(value) => Some(value),
        Err(std::env::VarError::NotPresent) => None,
        Err(std::env::VarError::NotUnicode(_)) => return Err(LoggingError::NotText),
    };
    let (filter, handle) = reload::Layer::new(filter(log.level, written.as_deref())?);
    let base = tracing_subscriber::registry().with(filter);
    if under_journald() {
        let journal = tracing_journald::layer().map_err(LoggingError::Journal)?;
        let journal = journal
            .with_field_prefix(Some(FIELD_PREFIX.to_owned()))
            .with_syslog_identifier("amslpr".to_owned());
        tracing::subscriber::set_global_default(base.with(journal))?;
    } else {
        let terminal = tracing_subscriber::fmt::layer()
            .with_writer(io::stderr)
            .with_ansi(io::stderr().is_terminal())
            .with_target(log.level >= LogLevel::Debug);
        tracing::subscriber::set_global_default(base.with(terminal))?;
    }
    let plates = log.plates;
    std::panic::set_hook(Box::new(move |info| note_panic(info, plates)));
    Ok(LevelHandle { filter: handle, fixed: written.is_some() })
}

/// Whether stderr is the journal: systemd names the device and inode of the stream it passed.
pub fn under_journald() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    let Ok(stderr) = io::stderr().as_fd().try_clone_to_owned() else { return false };
    std::fs::File::from(stderr).metadata().is_ok_and(|meta| is_stream(&stream, meta.dev(), meta.ino()))
}

/// A shell started from a service inherits the variable but not the stream, so the numbers count.
fn is_stream(written: &str, device: u64, inode: u64) -> bool {
    written.split_once(':').is_some_and(|(d, i)| d.parse() == Ok(device) && i.parse() == Ok(inode))
}

fn filter(level: LogLevel, written: Option<&str>) -> Result<EnvFilter, LoggingError> {
    match written {
        Some(value) => {
            EnvFilter::try_new(value).map_err(|error| LoggingError::Filter { value: value.to_owned(), error })
        }
        None => Ok(usual(level)),
    }
}

/// Our own events from this level on, and of the libraries what a reader can do something about.
fn usual(level: LogLevel) -> EnvFilter {
    let others = if level == LogLevel::Trace { "info" } else { "warn" };
    EnvFilter::new(format!("{others},amslpr={}", level.as_str()))
}

/// One event with where and what; then the process ends, as the release profile has it.
fn note_panic(info: &PanicHookInfo<'_>, plates: bool) {
    let thread = std::thread::current();
    let location = info.location().map_or_else(String::new, ToString::to_string);
    let message = panic_message(info.payload(), plates);
    tracing::error!(
        location,
        thread = thread.name().unwrap_or("unnamed"),
        panic = message,
        "panicked; this is a bug in amslpr, please report it with this event"
    );
}

/// What the panic said. A composed message may hold a plate, one that stands in the source cannot.
fn panic_message(payload: &(dyn Any + Send), plates: bool) -> &str {
    match (payload.downcast_ref::<&'static str>(), payload.downcast_ref::<String>()) {
        (Some(fixed), _) => fixed,
        (None, Some(composed)) if plates => composed,
        (None, Some(_)) => "(not shown: it may hold a plate; [log] plates = true shows it)",
        (None, None) => "(no text)",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn the_journal_is_known_by_device_and_inode() {
        assert!(is_stream("8:1234", 8, 1234));
        for other in ["8:1235", "9:1234", "8", "", ":", "8:12 34", "8:1234:5"] {
            assert!(!is_stream(other, 8, 1234), "{other}");
        }
    }

    #[test]
    fn the_environment_wins_over_the_configured_level() {
        let shown = |level, written| filter(level, written).unwrap().to_string();
        assert_eq!(shown(LogLevel::Error, Some("amslpr=trace")), "amslpr=trace");
        assert!(shown(LogLevel::Debug, None).contains("amslpr=debug"));
        let error = filter(LogLevel::Info, Some("amslpr=loud")).unwrap_err().to_string();
        assert!(error.contains("AMSLPR_LOG=\"amslpr=loud\"") && error.contains("write a level"), "{error}");
    }

    #[test]
    fn a_panic_does_not_tell_a_plate_unless_it_may() {
        let composed: Box<dyn Any + Send> = Box::new("no entry for AB12CDE".to_owned());
        assert!(!panic_message(composed.as_ref(), false).contains("AB12CDE"));
        assert_eq!(panic_message(composed.as_ref(), true), "no entry for AB12CDE");
        let fixed: Box<dyn Any + Send> = Box::new("index out of range");
        assert_eq!(panic_message(fixed.as_ref(), false), "index out of range");
        assert_eq!(panic_message(&7_u8, true), "(no text)");
    }

    /// What a subscriber wrote.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_level_of_a_running_program_can_be_changed() {
        let written = Written::default();
        let (filter, handle) = reload::Layer::new(usual(LogLevel::Warn));
        let sink = written.clone();
        let layer = tracing_subscriber::fmt::layer().with_writer(move || sink.clone()).with_ansi(false);
        let handle = LevelHandle { filter: handle, fixed: false };
        tracing::subscriber::with_default(tracing_subscriber::registry().with(filter).with(layer), || {
            tracing::info!(target: "amslpr", "too quiet");
            assert!(handle.set(LogLevel::Info));
            tracing::info!(target: "amslpr", camera = "north", "heard");
            tracing::info!(target: "stranger", "not ours");
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains("heard") && text.contains("camera=\"north\""), "{text}");
        assert!(!text.contains("too quiet") && !text.contains("not ours"), "{text}");
    }
}
