//! The cameras at this machine, as people have to name them: stable paths, and what each offers.

use std::{
    fs,
    path::{Path, PathBuf},
};

use v4l::{
    Device, capability::Flags, frameinterval::FrameIntervalEnum, framesize::FrameSizeEnum, video::Capture,
};

use super::{Knobs, MOST_OFFERS, controls};
use crate::capture::Encoding;

/// A device that gives pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub device: PathBuf,
    /// A name that survives replugging.
    pub stable: Option<PathBuf>,
    /// What its driver calls it, and where it is plugged in.
    pub card: String,
    pub driver: String,
    pub bus: String,
    pub formats: Vec<Offered>,
    /// Exposure, gain and mains as they stand, in the words of the configuration.
    pub controls: Vec<(&'static str, String)>,
}

/// One form of picture that a device has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    pub code: String,
    /// We read it.
    pub read: bool,
    /// `1920x1080@30`, the largest first.
    pub sizes: Vec<String>,
}

/// A device that cannot be looked at, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    pub device: PathBuf,
    pub why: String,
}

/// Looks at every video device. Devices that are no cameras (metadata, decoders) are left out.
pub fn devices() -> (Vec<Found>, Vec<Closed>) {
    let names = numbered(Path::new("/dev"));
    let (mut found, mut closed) = (Vec::new(), Vec::new());
    for device in names {
        let stable = stable_name(Path::new("/dev/v4l"), &device);
        match look(&device, stable) {
            Ok(Some(camera)) => found.push(camera),
            Ok(None) => {}
            Err(error) => closed.push(Closed { device, why: error.to_string() }),
        }
    }
    (found, closed)
}

/// `video0`, `video1`, ... in a folder, by their numbers.
fn numbered(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut numbers: Vec<u32> =
        entries.filter_map(|entry| entry.file_name().to_str()?.strip_prefix("video")?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers.truncate(MOST_OFFERS);
    numbers.into_iter().map(|number| folder.join(format!("video{number}"))).collect()
}

/// The link to this device in `by-id`, or in `by-path` where cameras have no serial number.
fn stable_name(folder: &Path, device: &Path) -> Option<PathBuf> {
    let device = fs::canonicalize(device).ok()?;
    ["by-id", "by-path"].into_iter().find_map(|kind| {
        let mut links: Vec<PathBuf> = fs::read_dir(folder.join(kind))
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .collect();
        links.sort();
        links.into_iter().find(|link| fs::canonicalize(link).is_ok_and(|target| target == device))
    })
}

fn look(path: &Path, stable: Option<PathBuf>) -> std::io::Result<Option<Found>> {
    let device = Device::with_path(path)?;
    let caps = device.query_caps()?;
    if !caps.capabilities.contains(Flags::VIDEO_CAPTURE) {
        return Ok(None);
    }
    let mut formats = Vec::new();
    for format in device.enum_formats()?.into_iter().take(MOST_OFFERS) {
        let mut sizes: Vec<(u64, String)> = Vec::new();
        for size in device.enum_framesizes(format.fourcc).unwrap_or_default().into_iter().take(MOST_OFFERS) {
            let (width, height, words) = match size.size {
                FrameSizeEnum::Discrete(size) => {
                    (size.width, size.height, format!("{}x{}", size.width, size.height))
                }
                FrameSizeEnum::Stepwise(range) => (
                    range.max_width,
                    range.max_height,
                    format!(
                        "{}x{} to {}x{}",
                        range.min_width, range.min_height, range.max_width, range.max_height
                    ),
                ),
            };
            let intervals = device.enum_frameintervals(format.fourcc, width, height).unwrap_or_default();
            let rate = intervals.into_iter().take(MOST_OFFERS).map(|interval| match interval.interval {
                FrameIntervalEnum::Discrete(time) => time,
                FrameIntervalEnum::Stepwise(range) => range.min,
            });
            let rate = rate
                .filter(|time| time.numerator > 0)
                .map(|time| f64::from(time.denominator) / f64::from(time.numerator))
                .fold(0.0, f64::max);
            let rate = if rate > 0.0 { format!("@{rate:.0}") } else { String::new() };
            sizes.push((u64::from(width) * u64::from(height), words + &rate));
        }
        sizes.sort_by_key(|(pixels, _)| std::cmp::Reverse(*pixels));
        formats.push(Offered {
            code: String::from_utf8_lossy(&format.fourcc.repr).trim().to_owned(),
            read: Encoding::from_fourcc(format.fourcc.repr).is_some(),
            sizes: sizes.into_iter().map(|(_, words)| words).collect(),
        });
    }
    // A camera's device for metadata says that it is a camera, too.
    if formats.is_empty() {
        return Ok(None);
    }
    let controls = controls::describe(&mut Knobs(&device));
    let (card, driver, bus) = (caps.card, caps.driver, caps.bus);
    Ok(Some(Found { device: path.to_owned(), stable, card, driver, bus, formats, controls }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_found_by_number_and_called_by_the_name_that_stays() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in ["video10", "video2", "video-none", "video", "vide3"] {
            fs::write(root.join(name), "").unwrap();
        }
        assert_eq!(numbered(root), [root.join("video2"), root.join("video10")]);
        assert_eq!(stable_name(&root.join("v4l"), &root.join("video2")), None);
        for kind in ["by-id", "by-path"] {
            fs::create_dir_all(root.join("v4l").join(kind)).unwrap();
        }
        std::os::unix::fs::symlink(root.join("video2"), root.join("v4l/by-path/usb-1")).unwrap();
        let stable = |name: &str| stable_name(&root.join("v4l"), &root.join(name));
        assert_eq!(stable("video2"), Some(root.join("v4l/by-path/usb-1")));
        std::os::unix::fs::symlink("../../video2", root.join("v4l/by-id/usb-Cam_123-index0")).unwrap();
        assert_eq!(stable("video2"), Some(root.join("v4l/by-id/usb-Cam_123-index0")));
        assert_eq!(stable("video10"), None);
    }
}
