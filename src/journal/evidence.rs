//! Evidence: the picture of a passage's best read and the plate cut out of it, as files that the journal vouches for.
//!
//! A thread of its own encodes and writes; the camera hands pictures over and never waits. Files are written whole or
//! not at all; what was written becomes a fact with the file's hash. Too old, too many or too full a disk: the oldest
//! days' files go first.

mod store;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use super::Writer;
use crate::{
    clock::{Clock, WallTrust},
    fact::{Evidence, Exhibit, Fact, Image, ImageKind},
    frame::{CameraId, ConvertError, Frame, Scaler, convert},
    geometry::{Rect, Size},
    heartbeat::{BEAT, Heartbeat},
    passage::PassageId,
};
use store::Store;
pub use store::erase;

/// How evidence is kept.
#[derive(Debug, Clone)]
pub struct Settings {
    pub folder: PathBuf,
    /// The plate, cut out.
    pub plate: bool,
    /// The whole picture.
    pub frame: bool,
    /// Of the JPEGs, 1 to 100.
    pub quality: u8,
    pub retention: Option<Duration>,
    pub largest_bytes: u64,
    /// The disk keeps at least this much free: below, the oldest files go, and if there are none nothing is written.
    pub keep_free: u64,
    /// Pictures that may wait to be encoded.
    pub queue: usize,
    /// Whether what is old by the wall clock is old.
    pub trust: WallTrust,
}

/// What became of the pictures.
#[derive(Debug, Default)]
pub struct Stats {
    pub(super) queued: AtomicU64,
    pub(super) written: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) erased: AtomicU64,
    pub(super) bytes: AtomicU64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// Pictures that wait to be encoded.
    pub queued: u64,
    /// Passages with evidence on the disk.
    pub written: u64,
    /// Passages whose pictures found the queue full.
    pub dropped: u64,
    /// Passages whose pictures could not be encoded or written.
    pub failed: u64,
    /// Files that went by age or for room.
    pub erased: u64,
    /// What lies on the disk now.
    pub bytes: u64,
}

impl Stats {
    pub fn snapshot(&self) -> Snapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Snapshot {
            queued: read(&self.queued),
            written: read(&self.written),
            dropped: read(&self.dropped),
            failed: read(&self.failed),
            erased: read(&self.erased),
            bytes: read(&self.bytes),
        }
    }
}

/// A picture that was kept.
#[derive(Debug)]
pub struct Picture {
    pub kind: ImageKind,
    pub jpeg: Vec<u8>,
}

/// Is shown the pictures of a passage once they are kept; must not wait.
pub type Onlooker = Box<dyn Fn(&CameraId, PassageId, Vec<Picture>) + Send>;

/// Takes pictures in, from any thread.
#[derive(Debug, Clone)]
pub struct Exhibitor {
    queue: SyncSender<Exhibit>,
    stats: Arc<Stats>,
}

impl Exhibitor {
    /// Hands a picture over; if the queue is full it is dropped, and counted.
    pub fn show(&self, exhibit: Exhibit) {
        // Counted before it can be fetched.
        self.stats.queued.fetch_add(1, Ordering::Relaxed);
        let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = self.queue.try_send(exhibit) else {
            return;
        };
        self.stats.queued.fetch_sub(1, Ordering::Relaxed);
        if self.stats.dropped.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!("pictures come faster than they can be written; some passages have no evidence");
        }
    }
}

/// The writing thread. Ends when the last [`Exhibitor`] is gone and what they handed over is written.
#[derive(Debug)]
pub struct Cabinet {
    thread: Option<JoinHandle<()>>,
    stats: Arc<Stats>,
    heartbeat: Heartbeat,
}

impl Cabinet {
    pub fn open(
        settings: Settings,
        journal: Writer,
        onlooker: Option<Onlooker>,
        clock: Arc<dyn Clock>,
    ) -> std::io::Result<(Self, Exhibitor)> {
        let stats = Arc::new(Stats::default());
        let heartbeat = Heartbeat::new(Arc::clone(&clock));
        let store = Store::open(&settings, heartbeat.clone())?;
        let (sender, receiver) = sync_channel(settings.queue.max(1));
        let mut filing = Filing {
            settings,
            store,
            journal,
            clock,
            stats: Arc::clone(&stats),
            onlooker,
            scaler: Scaler::new(),
            failing: false,
            making_room: None,
            heartbeat: heartbeat.clone(),
        };
        let thread =
            std::thread::Builder::new().name("evidence".to_owned()).spawn(move || filing.run(&receiver))?;
        let exhibitor = Exhibitor { queue: sender, stats: Arc::clone(&stats) };
        Ok((Self { thread: Some(thread), stats, heartbeat }, exhibitor))
    }

    pub fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.stats)
    }

    /// Its thread's: silent while the disk does not come back.
    pub const fn heartbeat(&self) -> &Heartbeat {
        &self.heartbeat
    }
}

impl Drop for Cabinet {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the evidence thread panicked; this is a bug in amslpr");
        }
    }
}

/// How often what is too old is looked for.
const TIDYING: Duration = Duration::from_secs(60);
/// So much of the disk is given back at a time when the journal cannot be written for want of room.
const GIVEN_BACK: u64 = 16 << 20;

struct Filing {
    settings: Settings,
    store: Store,
    journal: Writer,
    clock: Arc<dyn Clock>,
    stats: Arc<Stats>,
    onlooker: Option<Onlooker>,
    scaler: Scaler,
    failing: bool,
    /// Commits of the journal that had failed when images went last so that it can be written; `None`: it is written.
    making_room: Option<u64>,
    heartbeat: Heartbeat,
}

#[derive(Debug, thiserror::Error)]
enum FilingError {
    #[error(transparent)]
    Convert(#[from] ConvertError),
    #[error(transparent)]
    Encode(#[from] image::ImageError),
    #[error(transparent)]
    Store(#[from] store::StoreError),
}

impl Filing {
    fn run(&mut self, exhibits: &Receiver<Exhibit>) {
        self.tidy();
        let mut next = self.clock.now() + TIDYING;
        loop {
            self.heartbeat.beat();
            // When nothing is written, too, it is looked whether the journal lacks room.
            match exhibits.recv_timeout(BEAT) {
                Ok(exhibit) => {
                    self.stats.queued.fetch_sub(1, Ordering::Relaxed);
                    self.take(exhibit);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.clock.now() >= next {
                self.tidy();
                next = self.clock.now() + TIDYING;
            }
            self.yield_to_the_journal();
        }
    }

    /// Images are worth less than facts: where the disk is full for the journal, the oldest of them go.
    fn yield_to_the_journal(&mut self) {
        if !self.journal.stats.disk_full.load(Ordering::Relaxed) {
            self.making_room = None;
            return;
        }
        // Once for each commit that fails, and no more: somebody else may be filling the disk.
        let failures = self.journal.stats.failures.load(Ordering::Relaxed);
        let before = self.making_room.replace(failures);
        if before == Some(failures) {
            return;
        }
        let first = before.is_none();
        match self.store.give_back(GIVEN_BACK) {
            Ok(erased) => {
                self.stats.erased.fetch_add(erased, Ordering::Relaxed);
                if first {
                    tracing::error!(
                        erased,
                        "the disk is full: the oldest images are erased so that the journal can be written"
                    );
                }
            }
            Err(error) if first => {
                tracing::error!(%error, "images cannot be erased to make room for the journal");
            }
            Err(_) => {}
        }
        self.stats.bytes.store(self.store.bytes(), Ordering::Relaxed);
    }

    fn take(&mut self, exhibit: Exhibit) {
        let mut pictures = Vec::new();
        match self.file(&exhibit, &mut pictures) {
            Ok(images) => {
                self.stats.written.fetch_add(1, Ordering::Relaxed);
                if std::mem::replace(&mut self.failing, false) {
                    tracing::info!("evidence is written again");
                }
                let (passage, camera) = (exhibit.passage, exhibit.frame.camera.clone());
                // Its buffer goes back to the camera before anything else is done.
                drop(exhibit);
                if let Some(onlooker) = &self.onlooker {
                    onlooker(&camera, passage, pictures);
                }
                self.journal.record(Fact::Evidence(Evidence { passage, camera, images }));
            }
            Err(error) => {
                self.stats.failed.fetch_add(1, Ordering::Relaxed);
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!(passage = %exhibit.passage, %error, "no evidence can be kept");
                }
            }
        }
        self.stats.bytes.store(self.store.bytes(), Ordering::Relaxed);
    }

    fn file(&mut self, exhibit: &Exhibit, pictures: &mut Vec<Picture>) -> Result<Vec<Image>, FilingError> {
        let quality = self.settings.quality;
        let mut images = Vec::new();
        if self.settings.plate
            && let Some(area) = exhibit.area
        {
            let (size, pixels) = plate(&mut self.scaler, &exhibit.frame, area)?;
            let jpeg = jpeg(&pixels, size, quality)?;
            images.push(self.keep(exhibit.passage, ImageKind::Plate, &jpeg)?);
            pictures.push(Picture { kind: ImageKind::Plate, jpeg });
        }
        if self.settings.frame {
            let picture = convert::to_rgb(&exhibit.frame)?;
            let jpeg = jpeg(picture.as_raw(), exhibit.frame.size, quality)?;
            images.push(self.keep(exhibit.passage, ImageKind::Frame, &jpeg)?);
            pictures.push(Picture { kind: ImageKind::Frame, jpeg });
        }
        if !images.is_empty() {
            self.store.settle(exhibit.passage)?;
        }
        Ok(images)
    }

    fn keep(&mut self, passage: PassageId, kind: ImageKind, jpeg: &[u8]) -> Result<Image, FilingError> {
        let erased = self.store.make_room(jpeg.len() as u64)?;
        self.stats.erased.fetch_add(erased, Ordering::Relaxed);
        Ok(self.store.write(passage, kind, jpeg)?)
    }

    fn tidy(&mut self) {
        let journal = self.journal.stats.erased_until.load(Ordering::Relaxed);
        let now = self.settings.trust.may_erase().then(|| self.clock.wall());
        let outcome = self.store.tidy(now, journal);
        match outcome {
            Ok(erased) => {
                self.stats.erased.fetch_add(erased, Ordering::Relaxed);
            }
            Err(error) => tracing::warn!(%error, "old evidence could not be erased; tried again"),
        }
        self.stats.bytes.store(self.store.bytes(), Ordering::Relaxed);
    }
}

/// The plate with a margin of half its height, at its own size.
fn plate(scaler: &mut Scaler, frame: &Frame, area: Rect) -> Result<(Size, Vec<u8>), ConvertError> {
    let margin = area.height / 2.0;
    let (right, bottom) = (frame.size.width as f32, frame.size.height as f32);
    let (x, y) = ((area.x - margin).max(0.0), (area.y - margin).max(0.0));
    let (width, height) = ((area.right() + margin).min(right) - x, (area.bottom() + margin).min(bottom) - y);
    let whole = Rect::new(x, y, width, height);
    let side = |length: f32| length.round().clamp(1.0, 4096.0) as u32;
    let size = Size::new(side(width), side(height));
    let mut pixels = Vec::new();
    scaler.crop(frame, whole, size, 3, &mut pixels)?;
    Ok((size, pixels))
}

fn jpeg(pixels: &[u8], size: Size, quality: u8) -> Result<Vec<u8>, image::ImageError> {
    let mut bytes = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, quality).encode(
        pixels,
        size.width,
        size.height,
        image::ExtendedColorType::Rgb8,
    )?;
    Ok(bytes)
}

/// Who took it is in the frame; what for, in the exhibit.
impl Exhibit {
    pub fn camera(&self) -> &CameraId {
        &self.frame.camera
    }
}

#[cfg(test)]
mod tests;
