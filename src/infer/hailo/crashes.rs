//! Remembering across restarts that the process died while the library was at work.
//!
//! The library can abort the whole process. A mark stands in a file as long as the device is in use; a start that
//! finds one of this boot counts a crash, and after a few crashes in a short time the Hailo is left alone. The loss of
//! power leaves a mark of another boot, which counts for nothing.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

/// So many crashes
pub(super) const MANY: usize = 3;
/// within this time are too many; after it they are forgotten.
pub(super) const WITHIN: Duration = Duration::from_secs(600);
/// The file is never longer than this.
const LONGEST: u64 = 4096;

/// The file and what it said.
#[derive(Debug)]
pub(super) struct Crashes {
    file: PathBuf,
    boot: String,
    /// Wall time in seconds of the crashes that are not forgotten.
    times: Vec<i64>,
}

impl Crashes {
    /// Reads the file and counts the mark that it finds. A file that makes no sense is begun anew.
    pub(super) fn open(file: &Path, now: i64) -> Self {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        Self::open_in_boot(file, now, boot.trim())
    }

    fn open_in_boot(file: &Path, now: i64, boot: &str) -> Self {
        let small = fs::metadata(file).is_ok_and(|m| m.len() <= LONGEST);
        let text = if small { fs::read_to_string(file).unwrap_or_default() } else { String::new() };
        let mut times: Vec<i64> = Vec::new();
        let mut died = false;
        for line in text.lines() {
            match line.split_once(' ') {
                Some(("crash", time)) => times.extend(time.parse::<i64>().ok()),
                Some(("in-use", of)) => died |= of == boot && !boot.is_empty(),
                _ => {}
            }
        }
        if died {
            times.push(now);
        }
        let oldest = now.saturating_sub(i64::try_from(WITHIN.as_secs()).unwrap_or(i64::MAX));
        times.retain(|time| (oldest..=now).contains(time));
        Self { file: file.to_owned(), boot: boot.to_owned(), times }
    }

    pub(super) fn recent(&self) -> usize {
        self.times.len()
    }

    pub(super) fn too_many(&self) -> bool {
        self.times.len() >= MANY
    }

    /// The device is in use from now on, or is not any more.
    pub(super) fn mark(&self, in_use: bool) -> io::Result<()> {
        let mut text = String::new();
        for time in self.times.iter().rev().take(2 * MANY).rev() {
            text.push_str(&format!("crash {time}\n"));
        }
        if in_use {
            text.push_str(&format!("in-use {}\n", self.boot));
        }
        if text.is_empty() {
            return match fs::remove_file(&self.file) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                other => other,
            };
        }
        fs::write(&self.file, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_deaths_in_ten_minutes_are_too_many_and_an_hour_later_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("crashes");
        let mut counts = Vec::new();
        for start in 0..3 {
            let crashes = Crashes::open_in_boot(&file, 1000 + 60 * start, "boot");
            counts.push(crashes.recent());
            // The process dies in here: the mark stays.
            crashes.mark(true).unwrap();
        }
        assert_eq!(counts, [0, 1, 2]);
        let crashes = Crashes::open_in_boot(&file, 1200, "boot");
        assert!(crashes.too_many());
        crashes.mark(false).unwrap();
        assert!(Crashes::open_in_boot(&file, 1210, "boot").too_many(), "a restart alone forgets nothing");
        assert_eq!(Crashes::open_in_boot(&file, 1200 + 3600, "boot").recent(), 0);
    }

    #[test]
    fn a_clean_end_and_a_power_cut_are_no_crashes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("crashes");
        let crashes = Crashes::open_in_boot(&file, 1000, "boot");
        crashes.mark(true).unwrap();
        crashes.mark(false).unwrap();
        assert!(!file.exists());
        crashes.mark(true).unwrap();
        assert_eq!(Crashes::open_in_boot(&file, 1010, "another boot").recent(), 0);
    }

    #[test]
    fn a_file_that_makes_no_sense_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("crashes");
        for text in ["crash x\ncrash\n\0\0", &"crash 990\n".repeat(1000)] {
            fs::write(&file, text).unwrap();
            assert_eq!(Crashes::open_in_boot(&file, 1000, "boot").recent(), 0);
        }
    }
}
