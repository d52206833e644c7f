//! Measures a journal on the disk it will live on: durable commits, questions to a large one, bytes written.

use std::{io::Write, path::Path, sync::Arc, time::Duration};

use jiff::tz::TimeZone;

use super::{Filter, Journal, PlateFilter, Reader, Settings, body, facts::Head, file, index, words::Words};
use crate::{
    clock::{Clock, SystemClock},
    fact::{Fact, Outbox, sample},
    plate::PlateText,
};

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Report {
    /// Passages in the journal when it was asked.
    pub rows: u64,
    /// From handing one closed passage over to knowing it on the disk.
    pub commit_median: Duration,
    pub commit_p95: Duration,
    /// What the disk itself needs: 4 KiB appended to a file and synchronised.
    pub sync_median: Duration,
    /// Passages per second when they come as fast as they can.
    pub bulk_per_second: f64,
    /// Passages of each day, all of them.
    pub days_median: Duration,
    /// The newest 100 passages of one plate.
    pub plate_median: Duration,
    pub plate_p95: Duration,
    /// The newest 100 passages whose plates begin with three given characters.
    pub prefix_median: Duration,
    /// Size of the journal's file per passage.
    pub bytes_kept: u64,
    /// Bytes given to the disk per passage (its decision and its close, committed one by one, with an outbox that a
    /// broker empties), as the system counts them: whole blocks, and with it all that the log's way into the database and
    /// the index take. `None` where it does not say.
    pub bytes_written: Option<u64>,
    /// Bytes handed to the system for that, before they become blocks.
    pub bytes_handed: Option<u64>,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    #[error(transparent)]
    Open(#[from] super::OpenError),
    #[error(transparent)]
    Read(#[from] super::ReaderError),
    #[error("{0}: {1}")]
    File(String, std::io::Error),
    #[error("a fact cannot be written down: {0}")]
    Fact(String),
    #[error("the disk did not take the facts within {0:?}")]
    Slow(Duration),
}

const PATIENCE: Duration = Duration::from_secs(60);
/// Passages whose commits are timed.
const SINGLE: u64 = 500;
/// Passages over which written bytes are counted: some foldings of the log, some batches of the index.
const COUNTED: u64 = 4000;
/// Passages that come as fast as they can.
const BULK: u64 = 2000;
const QUESTIONS: u64 = 101;

/// Makes a journal `bench.db` in `folder`, fills it with `rows` passages, measures, and removes it again.
pub fn bench(folder: &Path, rows: u64) -> Result<Report, BenchError> {
    let path = folder.join("amslpr-bench.db");
    remove(&path)?;
    let report = measure(&path, rows);
    remove(&path)?;
    report
}

fn measure(path: &Path, rows: u64) -> Result<Report, BenchError> {
    let clock: Arc<SystemClock> = Arc::new(SystemClock::start());
    let settings = Settings { outbox: true, ..Settings::default() };
    // A quick bench counts over fewer passages, and says less.
    let counted = COUNTED.min(rows / 3).max(1);
    let bulk = BULK.min(rows / 3);
    let mut next = rows.saturating_sub(counted + bulk + SINGLE);
    fill_with(path, &settings, clock.as_ref(), next)?;
    let journal = Journal::open(path, &settings, Arc::<SystemClock>::clone(&clock))?;
    let (writer, mut outbox) = (journal.writer(), journal.pending_facts()?);
    let mut delivered = 0;
    // As if a broker took everything at once.
    let mut deliver = |journal: &Journal| {
        let newest = *journal.recorded().borrow();
        outbox.delivered(&(delivered + 1..=newest).collect::<Vec<_>>());
        delivered = newest;
    };

    let start = clock.now();
    for n in next..next + bulk {
        while journal.stats().snapshot().queued > 200 {
            clock.sleep(Duration::from_micros(100));
        }
        writer.record(Fact::Closed(sample::closed(n)));
    }
    flush(writer.flush(PATIENCE))?;
    deliver(&journal);
    let bulk_per_second = bulk as f64 / clock.now().since(start).as_secs_f64().max(1e-9);
    next += bulk;

    let mut commits = Vec::new();
    for n in next..next + SINGLE {
        let fact = Fact::Closed(sample::closed(n));
        let start = clock.now();
        writer.record(fact);
        flush(writer.flush(PATIENCE))?;
        commits.push(clock.now().since(start));
    }

    let mut syncs = append_and_sync(&path.with_extension("sync"), clock.as_ref())?;

    next += SINGLE;
    deliver(&journal);
    let before = written();
    for n in next..next + counted {
        let closed = sample::closed(n);
        writer.record(Fact::Decided(sample::decided(&closed)));
        flush(writer.flush(PATIENCE))?;
        writer.record(Fact::Closed(closed));
        flush(writer.flush(PATIENCE))?;
        deliver(&journal);
    }
    let rows = next + counted;
    // With what is left in the log, so that nothing is put off until after the count.
    journal.close(PATIENCE);
    let spent = written().zip(before).map(|(after, before)| (after.0 - before.0, after.1 - before.1));

    let bytes =
        std::fs::metadata(path).map_err(|error| BenchError::File(path.display().to_string(), error))?.len();
    let mut reader = Reader::open(path)?;
    let mut plates = ask(&mut reader, clock.as_ref(), rows, |plate| PlateFilter::Exactly(plate.clone()))?;
    let mut prefixes = ask(&mut reader, clock.as_ref(), rows, |plate| {
        let start = plate.as_str().get(..3).and_then(|start| PlateText::normalise(start).ok());
        PlateFilter::StartsWith(start.unwrap_or_else(|| plate.clone()))
    })?;
    let mut days = Vec::new();
    for _ in 0..11 {
        let start = clock.now();
        reader.days(&Filter::default(), &TimeZone::UTC)?;
        days.push(clock.now().since(start));
    }
    Ok(Report {
        rows,
        commit_median: quantile(&mut commits, 0.5),
        commit_p95: quantile(&mut commits, 0.95),
        sync_median: quantile(&mut syncs, 0.5),
        bulk_per_second,
        plate_median: quantile(&mut plates, 0.5),
        plate_p95: quantile(&mut plates, 0.95),
        prefix_median: quantile(&mut prefixes, 0.5),
        days_median: quantile(&mut days, 0.5),
        bytes_kept: bytes / rows,
        bytes_written: spent.map(|(blocks, _)| blocks / counted),
        bytes_handed: spent.map(|(_, handed)| handed / counted),
    })
}

fn append_and_sync(path: &Path, clock: &SystemClock) -> Result<Vec<Duration>, BenchError> {
    let failed = |error| BenchError::File(path.display().to_string(), error);
    let mut file = std::fs::File::create(path).map_err(failed)?;
    let mut times = Vec::new();
    for _ in 0..QUESTIONS {
        let start = clock.now();
        file.write_all(&[0x55; 4096]).and_then(|()| file.sync_data()).map_err(failed)?;
        times.push(clock.now().since(start));
    }
    std::fs::remove_file(path).map_err(failed)?;
    Ok(times)
}

fn ask(
    reader: &mut Reader,
    clock: &SystemClock,
    rows: u64,
    filter: impl Fn(&PlateText) -> PlateFilter,
) -> Result<Vec<Duration>, BenchError> {
    let mut times = Vec::new();
    for n in 0..QUESTIONS {
        let Some(asked) = sample::plate(n * (rows / QUESTIONS)) else { continue };
        let filter = Filter { plate: Some(filter(&asked)), limit: Some(100), ..Filter::default() };
        let start = clock.now();
        reader.passages(&filter)?;
        times.push(clock.now().since(start));
    }
    Ok(times)
}

fn flush(done: bool) -> Result<(), BenchError> {
    if done { Ok(()) } else { Err(BenchError::Slow(PATIENCE)) }
}

fn quantile(times: &mut [Duration], q: f64) -> Duration {
    times.sort_unstable();
    let at = ((times.len().saturating_sub(1)) as f64 * q).round() as usize;
    times.get(at).copied().unwrap_or_default()
}

/// Bytes that this process has given to the disk so far, in whole blocks and as they were.
fn written() -> Option<(u64, u64)> {
    let counters = std::fs::read_to_string("/proc/self/io").ok()?;
    let count = |name: &str| counters.lines().find_map(|line| line.strip_prefix(name)?.parse::<u64>().ok());
    Some((count("write_bytes: ")?, count("wchar: ")?))
}

/// Makes a journal of so many passages, as fast as it goes.
pub fn fill(path: &Path, passages: u64) -> Result<(), BenchError> {
    fill_with(path, &Settings::default(), &SystemClock::start(), passages)
}

/// Fills a journal with passages as they would have been recorded, without waiting for the disk after each.
fn fill_with(path: &Path, settings: &Settings, clock: &SystemClock, passages: u64) -> Result<(), BenchError> {
    let _lock = file::hold(path)?;
    let opened = file::open(path, settings, clock)?;
    let db = opened.db;
    let failed = |error: rusqlite::Error| super::OpenError::new(path, error);
    db.pragma_update(None, "synchronous", "OFF").map_err(failed)?;
    let mut words = Words::default();
    let mut head = Head::read(&db).map_err(failed)?;
    let mut n = 0;
    while n < passages {
        let transaction = db.unchecked_transaction().map_err(failed)?;
        let end = (n + 20_000).min(passages);
        for n in n..end {
            let closed = sample::closed(n);
            let recorded = closed.passage.ended.unwrap_or(closed.passage.began).as_microsecond();
            let body = body::encode(&Fact::Closed(closed), settings.reads_per_passage)
                .map_err(|error| BenchError::Fact(error.to_string()))?;
            head.append(&transaction, &body, recorded, false).map_err(failed)?;
        }
        index::extend(&transaction, &mut words, 20_000).map_err(failed)?;
        transaction.commit().map_err(failed)?;
        n = end;
    }
    Ok(())
}

fn remove(path: &Path) -> Result<(), BenchError> {
    for suffix in ["", "-wal", "-shm", ".lock"] {
        let file = file::beside(path, suffix);
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(BenchError::File(file.display().to_string(), error));
            }
            _ => {}
        }
    }
    Ok(())
}
