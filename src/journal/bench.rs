//! Measures a journal on the disk it will live on: durable commits, questions to a large one, bytes written.

use std::{io::Write, path::Path, sync::Arc, time::Duration};

use super::{Filter, Journal, PlateFilter, Reader, Settings};
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
    /// The newest 100 passages of one plate.
    pub plate_median: Duration,
    pub plate_p95: Duration,
    /// The newest 100 passages whose plates begin with three given characters.
    pub prefix_median: Duration,
    /// Size of the journal's file per passage.
    pub bytes_kept: u64,
    /// Bytes given to the disk per passage (its decision and its close, committed one by one, with an outbox that a
    /// broker empties), as the system counts them: whole blocks. `None` where it does not say.
    pub bytes_written: Option<u64>,
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
    #[error("the disk did not take the facts within {0:?}")]
    Slow(Duration),
}

const PATIENCE: Duration = Duration::from_secs(60);
/// Passages committed one by one.
const SINGLE: u64 = 500;
const QUESTIONS: u64 = 101;

/// Makes a journal `bench.db` in `folder`, fills it with `rows` passages, measures, and removes it again.
pub fn bench(folder: &Path, rows: u64) -> Result<Report, BenchError> {
    let path = folder.join("amslpr-bench.db");
    remove(&path)?;
    let report = measure(&path, rows.max(SINGLE * 2));
    remove(&path)?;
    report
}

fn measure(path: &Path, rows: u64) -> Result<Report, BenchError> {
    let clock: Arc<SystemClock> = Arc::new(SystemClock::start());
    let bulk = rows - 2 * SINGLE;
    let settings = Settings { outbox: true, ..Settings::default() };
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
    for n in 0..bulk {
        while journal.stats().snapshot().queued > 200 {
            clock.sleep(Duration::from_micros(100));
        }
        writer.record(Fact::Closed(sample::closed(n)));
        if n.is_multiple_of(200) {
            deliver(&journal);
        }
    }
    flush(writer.flush(PATIENCE))?;
    deliver(&journal);
    let bulk_per_second = bulk as f64 / clock.now().since(start).as_secs_f64().max(1e-9);

    let mut commits = Vec::new();
    for n in bulk..bulk + SINGLE {
        let fact = Fact::Closed(sample::closed(n));
        let start = clock.now();
        writer.record(fact);
        flush(writer.flush(PATIENCE))?;
        commits.push(clock.now().since(start));
    }

    let mut syncs = append_and_sync(&path.with_extension("sync"), clock.as_ref())?;

    deliver(&journal);
    let before = written();
    for n in bulk + SINGLE..rows {
        let closed = sample::closed(n);
        writer.record(Fact::Decided(sample::decided(&closed)));
        flush(writer.flush(PATIENCE))?;
        writer.record(Fact::Closed(closed));
        flush(writer.flush(PATIENCE))?;
        deliver(&journal);
    }
    let bytes_written = written().zip(before).map(|(after, before)| (after - before) / SINGLE);
    journal.close(PATIENCE);

    let bytes =
        std::fs::metadata(path).map_err(|error| BenchError::File(path.display().to_string(), error))?.len();
    let mut reader = Reader::open(path)?;
    let mut plates = ask(&mut reader, clock.as_ref(), rows, |plate| PlateFilter::Exactly(plate.clone()))?;
    let mut prefixes = ask(&mut reader, clock.as_ref(), rows, |plate| {
        let start = plate.as_str().get(..3).and_then(|start| PlateText::normalise(start).ok());
        PlateFilter::StartsWith(start.unwrap_or_else(|| plate.clone()))
    })?;
    Ok(Report {
        rows,
        commit_median: quantile(&mut commits, 0.5),
        commit_p95: quantile(&mut commits, 0.95),
        sync_median: quantile(&mut syncs, 0.5),
        bulk_per_second,
        plate_median: quantile(&mut plates, 0.5),
        plate_p95: quantile(&mut plates, 0.95),
        prefix_median: quantile(&mut prefixes, 0.5),
        bytes_kept: bytes / rows,
        bytes_written,
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

/// Bytes that this process has given to the disk so far.
fn written() -> Option<u64> {
    let counters = std::fs::read_to_string("/proc/self/io").ok()?;
    counters.lines().find_map(|line| line.strip_prefix("write_bytes: ")?.parse().ok())
}

fn remove(path: &Path) -> Result<(), BenchError> {
    for suffix in ["", "-wal", "-shm", ".lock"] {
        let file = super::file::beside(path, suffix);
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(BenchError::File(file.display().to_string(), error));
            }
            _ => {}
        }
    }
    Ok(())
}
