//! The folder of images: one folder a day (UTC), files named by passage, written whole or not at all.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::Settings;
use crate::{
    fact::{Image, ImageKind},
    heartbeat::Heartbeat,
    journal::chain,
    passage::PassageId,
};

#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    #[error("{}: {error}", path.display())]
    File { path: PathBuf, error: std::io::Error },
    #[error(
        "the disk has only {free} bytes free, [evidence] keep-free asks for {wanted}, and there is no evidence left to erase"
    )]
    Full { free: u64, wanted: u64 },
}

fn at(path: &Path) -> impl Fn(std::io::Error) -> StoreError + use<> {
    let path = path.to_owned();
    move |error| StoreError::File { path: path.clone(), error }
}

#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    retention: Option<Duration>,
    largest: u64,
    keep_free: u64,
    /// Bytes by day.
    days: BTreeMap<Date, u64>,
    /// Of the thread that it is used by.
    heartbeat: Heartbeat,
}

impl Store {
    /// Makes the folder, and counts what lies in it.
    pub(super) fn open(settings: &Settings, heartbeat: Heartbeat) -> std::io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt as _;
        let made = fs::DirBuilder::new().recursive(true).mode(0o750).create(&settings.folder);
        let days_there = match made {
            // It is made with the first image, when there is room for one.
            Err(error) if error.kind() == std::io::ErrorKind::StorageFull => Vec::new(),
            made => made.and_then(|()| days_in(&settings.folder))?,
        };
        let mut days = BTreeMap::new();
        for (day, path) in days_there {
            let mut bytes = 0;
            for entry in fs::read_dir(&path)? {
                let entry = entry?;
                // Left by a power cut in the middle of a file.
                if entry.file_name().as_encoded_bytes().ends_with(PART.as_bytes()) {
                    fs::remove_file(entry.path())?;
                    continue;
                }
                bytes += entry.metadata()?.len();
            }
            days.insert(day, bytes);
        }
        Ok(Self {
            folder: settings.folder.clone(),
            retention: settings.retention,
            largest: settings.largest_bytes,
            keep_free: settings.keep_free,
            days,
            heartbeat,
        })
    }

    pub(super) fn bytes(&self) -> u64 {
        self.days.values().sum()
    }

    /// Erases the oldest files until this many bytes more are within the limits; returns how many files went.
    pub(super) fn make_room(&mut self, bytes: u64) -> Result<u64, StoreError> {
        let mut erased = 0;
        loop {
            let free = free_space(&self.folder)?;
            let fits = self.bytes() + bytes <= self.largest;
            if fits && free >= self.keep_free.saturating_add(bytes) {
                return Ok(erased);
            }
            let Some(oldest) = self.days.keys().next().copied() else {
                return Err(StoreError::Full { free, wanted: self.keep_free });
            };
            let over = (self.bytes() + bytes).saturating_sub(self.largest);
            let lacking = self.keep_free.saturating_add(bytes).saturating_sub(free);
            erased += self.erase_oldest_of(oldest, over.max(lacking))?;
        }
    }

    /// Erases what is older than the retention, or than what the journal has erased (`journal`: microseconds since
    /// 1970, for no image outlives its passage), and what is beyond the limits. `now` is `None` where nobody knows what
    /// time it is: nothing is too old then.
    pub(super) fn tidy(&mut self, now: Option<Timestamp>, journal: i64) -> Result<u64, StoreError> {
        let by_age = self.retention.zip(now).and_then(|(kept, now)| now.checked_sub(kept).ok());
        let by_journal = Timestamp::from_microsecond(journal).ok().filter(|_| journal > 0);
        let mut erased = 0;
        if let Some(oldest) = by_age.max(by_journal) {
            // A day is over when its last image is too old.
            let oldest = TimeZone::UTC.to_datetime(oldest).date();
            while let Some(day) = self.days.keys().next().copied().filter(|day| *day < oldest) {
                erased += self.erase_oldest_of(day, u64::MAX)?;
            }
        }
        // Others fill the disk, too.
        match self.make_room(0) {
            Ok(more) => Ok(erased + more),
            // With nothing left to erase it is the next image that cannot be kept, and says so.
            Err(StoreError::Full { .. }) => Ok(erased),
            Err(error) => Err(error),
        }
    }

    /// Erases the oldest files until so many bytes are free again, as far as there are any.
    pub(super) fn give_back(&mut self, bytes: u64) -> Result<u64, StoreError> {
        let goal = self.bytes().saturating_sub(bytes);
        let mut erased = 0;
        while self.bytes() > goal
            && let Some(oldest) = self.days.keys().next().copied()
        {
            erased += self.erase_oldest_of(oldest, self.bytes() - goal)?;
        }
        Ok(erased)
    }

    /// A handful of the oldest files of a day, until so many bytes are free; the day itself with its last one. Names
    /// sort by time.
    fn erase_oldest_of(&mut self, day: Date, wanted: u64) -> Result<u64, StoreError> {
        const AT_ONCE: usize = 64;
        let path = self.folder.join(day.to_string());
        let mut files = Vec::new();
        for entry in fs::read_dir(&path).map_err(at(&path))? {
            files.push(entry.map_err(at(&path))?.path());
        }
        files.sort();
        let (mut erased, mut freed) = (0, 0);
        for file in files.iter().take(AT_ONCE) {
            if freed >= wanted {
                return Ok(erased);
            }
            self.heartbeat.beat();
            let length = fs::metadata(file).map_or(0, |it| it.len());
            fs::remove_file(file).map_err(at(file))?;
            if let Some(bytes) = self.days.get_mut(&day) {
                *bytes = bytes.saturating_sub(length);
            }
            erased += 1;
            freed += length;
        }
        if files.len() <= AT_ONCE {
            fs::remove_dir(&path).map_err(at(&path))?;
            self.days.remove(&day);
        }
        Ok(erased)
    }

    /// Writes an image, whole or not at all. That it is there after a power cut, [`settle`](Self::settle) says.
    pub(super) fn write(&mut self, id: PassageId, kind: ImageKind, jpeg: &[u8]) -> Result<Image, StoreError> {
        use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
        let (day, name) = place(id, kind);
        let folder = self.folder.join(day.to_string());
        fs::DirBuilder::new().recursive(true).mode(0o750).create(&folder).map_err(at(&folder))?;
        let (path, part) = (folder.join(&name), folder.join(format!("{name}{PART}")));
        let written = || -> std::io::Result<()> {
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(true).mode(0o640).open(&part)?;
            file.write_all(jpeg)?;
            file.sync_data()?;
            fs::rename(&part, &path)
        };
        if let Err(error) = written() {
            // What is left of it goes at the next start, if it does not go now.
            let _ = fs::remove_file(&part);
            return Err(at(&path)(error));
        }
        *self.days.entry(day).or_default() += jpeg.len() as u64;
        Ok(Image {
            kind,
            file: format!("{day}/{name}"),
            bytes: jpeg.len() as u64,
            sha256: chain::digest(jpeg),
        })
    }

    /// The images of this passage, all of which were written, are there after a power cut, too.
    pub(super) fn settle(&self, id: PassageId) -> Result<(), StoreError> {
        let folder = self.folder.join(place(id, ImageKind::Frame).0.to_string());
        File::open(&folder).and_then(|folder| folder.sync_all()).map_err(at(&folder))
    }
}

const PART: &str = ".part";

/// The day and the name of an image: both follow from the passage's identity.
fn place(id: PassageId, kind: ImageKind) -> (Date, String) {
    let seconds = id.0.get_timestamp().map_or(0, |time| time.to_unix().0);
    let at = Timestamp::from_second(i64::try_from(seconds).unwrap_or(0)).unwrap_or(Timestamp::UNIX_EPOCH);
    (TimeZone::UTC.to_datetime(at).date(), format!("{id}-{}.jpg", kind.as_str()))
}

/// Erases the images of a passage; returns how many there were.
pub fn erase(folder: &Path, id: PassageId) -> std::io::Result<usize> {
    let mut erased = 0;
    for kind in [ImageKind::Plate, ImageKind::Frame] {
        let (day, name) = place(id, kind);
        match fs::remove_file(folder.join(day.to_string()).join(name)) {
            Ok(()) => erased += 1,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(erased)
}

/// The folders of days, the oldest first; whatever else lies there is not ours and stays.
fn days_in(folder: &Path) -> std::io::Result<Vec<(Date, PathBuf)>> {
    let mut days = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if let Some(day) = entry.file_name().to_str().and_then(|name| name.parse().ok()) {
            days.push((day, entry.path()));
        }
    }
    days.sort();
    Ok(days)
}

fn free_space(folder: &Path) -> Result<u64, StoreError> {
    let stat = rustix::fs::statvfs(folder).map_err(|error| at(folder)(error.into()))?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}
