//! Recordings as cameras: a clip, a folder of pictures or one picture, in real time or as fast as possible.
//!
//! A frame's time is the recording's own, so that a replay gives the same answers every time. `clip` and `folder`
//! read; what kind a path is, and when a frame is due, is decided here.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;

use super::{
    CaptureError, Origin, Source, Stream,
    clip::Clip,
    folder::{self, Folder},
    still,
};
use crate::{
    clock::{Clock, Moment},
    shutdown::Stop,
};

/// When frames come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pacing {
    /// As they came when they were recorded; their time is the daemon's, from the opening on.
    #[default]
    RealTime,
    /// As fast as they are taken. Their time begins at [`Moment::ZERO`] and is the recording's, not the daemon's:
    /// compare it with other frames only.
    Fast,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// A clip, a folder of pictures, or one picture.
    pub path: PathBuf,
    pub pacing: Pacing,
    /// The wall time of the first frame; without one, the time of opening.
    pub epoch: Option<Timestamp>,
    /// Time between two pictures of a folder, which do not say when they were taken.
    pub interval: Duration,
    pub still: still::Settings,
    /// Decoding threads for clips; 0 is one per core.
    pub threads: u16,
}

impl Settings {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            pacing: Pacing::default(),
            epoch: None,
            interval: Duration::from_millis(40),
            still: still::Settings::default(),
            threads: 1,
        }
    }
}

/// What a path holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Folder,
    Picture,
    /// Anything else that is there; the demuxer will tell.
    Clip,
}

/// Looks at a path's content.
pub fn kind(path: &Path) -> Result<Kind, CaptureError> {
    let known = std::fs::metadata(path).map_err(|error| CaptureError::io(path.display(), error))?;
    Ok(if known.is_dir() {
        Kind::Folder
    } else if still::is_picture(path) {
        Kind::Picture
    } else {
        Kind::Clip
    })
}

pub use folder::pictures;

/// A recording that can be opened.
#[derive(Debug)]
pub struct Replay {
    settings: Settings,
    origin: Origin,
}

impl Replay {
    pub fn new(settings: Settings, origin: Origin) -> Self {
        Self { settings, origin }
    }
}

impl Source for Replay {
    fn describe(&self) -> String {
        format!("replay {}", self.settings.path.display())
    }

    fn open(&mut self, stop: &Stop) -> Result<Box<dyn Stream>, CaptureError> {
        let settings = &self.settings;
        let kind = kind(&settings.path)?;
        let origin = self.origin.clone();
        let timeline = Timeline::begin(settings.pacing, settings.epoch, &*origin.clock);
        let (path, interval, still) = (&settings.path, settings.interval, settings.still.clone());
        Ok(match kind {
            Kind::Folder => Box::new(Folder::open(path, interval, still, timeline, origin)?),
            Kind::Picture => Box::new(Folder::of_one(path, interval, still, timeline, origin)),
            Kind::Clip => {
                Box::new(Clip::open(path, settings.threads, still.max_pixels, timeline, origin, stop)?)
            }
        })
    }
}

/// From a recording's time to ours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeline {
    pacing: Pacing,
    start: Moment,
    epoch: Timestamp,
}

impl Timeline {
    fn begin(pacing: Pacing, epoch: Option<Timestamp>, clock: &dyn Clock) -> Self {
        let start = match pacing {
            Pacing::RealTime => clock.now(),
            Pacing::Fast => Moment::ZERO,
        };
        Self { pacing, start, epoch: epoch.unwrap_or_else(|| clock.wall()) }
    }

    /// When a frame was taken that stands at this time of the recording.
    pub(super) fn place(&self, at: Duration) -> (Moment, Timestamp) {
        (self.start + at, self.epoch.checked_add(at).unwrap_or(Timestamp::MAX))
    }

    /// In real time a frame for which there is no room is lost, as with a camera; otherwise it waits.
    pub(super) fn may_drop(&self) -> bool {
        self.pacing == Pacing::RealTime
    }

    /// Waits until such a frame is due; false if stopped meanwhile.
    pub(super) fn wait_for(&self, at: Duration, clock: &dyn Clock, stop: &Stop) -> bool {
        if self.pacing == Pacing::RealTime {
            let due = self.start + at;
            loop {
                let left = due.since(clock.now());
                if left.is_zero() {
                    break;
                }
                // In slices, because the clock may be one that is moved by hand.
                if stop.wait_timeout(left.min(Duration::from_millis(100))) {
                    return false;
                }
            }
        }
        !stop.is_stopped()
    }
}
