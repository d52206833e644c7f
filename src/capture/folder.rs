//! A folder of pictures as a recording: sorted by name, numbers in names by value, at a fixed rate.

use std::{
    cmp::Ordering,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{CaptureError, Fault, Origin, Stream, replay::Timeline, still};
use crate::{frame::Frame, shutdown::Stop};

pub(super) struct Folder {
    files: std::vec::IntoIter<PathBuf>,
    settings: still::Settings,
    interval: Duration,
    next: Duration,
    timeline: Timeline,
    origin: Origin,
    given: bool,
}

impl Folder {
    pub(super) fn open(
        path: &Path,
        interval: Duration,
        settings: still::Settings,
        timeline: Timeline,
        origin: Origin,
    ) -> Result<Self, CaptureError> {
        let files = pictures(path)?.into_iter();
        Ok(Self { files, settings, interval, next: Duration::ZERO, timeline, origin, given: false })
    }

    pub(super) fn of_one(
        picture: &Path,
        interval: Duration,
        settings: still::Settings,
        timeline: Timeline,
        origin: Origin,
    ) -> Self {
        let files = vec![picture.to_owned()].into_iter();
        Self { files, settings, interval, next: Duration::ZERO, timeline, origin, given: false }
    }
}

impl Stream for Folder {
    fn next(&mut self, stop: &Stop) -> Result<Option<Frame>, CaptureError> {
        while let Some(path) = self.files.next() {
            if stop.is_stopped() {
                return Ok(None);
            }
            let seq = self.origin.stats.saw_picture();
            let at = self.next;
            self.next += self.interval;
            let began = self.origin.clock.now();
            let loaded = still::load(&path, &self.settings);
            self.origin.stats.decoded(seq, began, self.origin.clock.now(), loaded.is_ok());
            match loaded {
                Ok(picture) => {
                    if !self.timeline.wait_for(at, &*self.origin.clock, stop) {
                        return Ok(None);
                    }
                    self.given = true;
                    let (captured, wall) = self.timeline.place(at);
                    return Ok(Some(picture.into_frame(self.origin.camera.clone(), seq, captured, wall)));
                }
                Err(error) => {
                    if self.origin.stats.broke_picture() {
                        let broken = self.origin.stats.counts().broken;
                        tracing::warn!(camera = %self.origin.camera, %error, broken, "picture skipped");
                    }
                    // A folder of which nothing can be read is an error, not an empty recording.
                    if !self.given && self.files.len() == 0 {
                        return Err(error);
                    }
                }
            }
        }
        Ok(None)
    }
}

/// The pictures of a folder in the order in which they were taken. A file that is named like a picture is taken
/// for one, so that its damage is reported; any other file counts if it begins like one.
pub fn pictures(path: &Path) -> Result<Vec<PathBuf>, CaptureError> {
    let failed = |error| CaptureError::io(path.display(), error);
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if !name.starts_with('.') && file.is_file() && (is_named_so(&file) || still::is_picture(&file)) {
            files.push((name, file));
        }
    }
    if files.is_empty() {
        return Err(CaptureError::new(path.display(), Fault::NoPictures));
    }
    files.sort_by(|a, b| by_number(&a.0, &b.0));
    Ok(files.into_iter().map(|(_, file)| file).collect())
}

fn is_named_so(file: &Path) -> bool {
    let extension = file.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    extension.is_some_and(|extension| matches!(extension.as_str(), "jpg" | "jpeg" | "png"))
}

/// Compares names with runs of digits as numbers: `frame9` before `frame10`.
fn by_number(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    while let (Some(x), Some(y)) = (left.chars().next(), right.chars().next()) {
        let order = if x.is_ascii_digit() && y.is_ascii_digit() {
            let (m, rest) = number(left);
            let (n, other) = number(right);
            (left, right) = (rest, other);
            m.len().cmp(&n.len()).then_with(|| m.cmp(n))
        } else {
            (left, right) = (&left[x.len_utf8()..], &right[y.len_utf8()..]);
            x.cmp(&y)
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    // Equal as numbers, as `1` and `01`: by their letters, so that the order never depends on the file system.
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

/// The digits that a text begins with, without leading zeros, and the rest.
fn number(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    (digits.trim_start_matches('0'), rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_in_names_count_by_value() {
        let mut names = ["f10.jpg", "f9.jpg", "f010b.png", "a", "f1.jpg", "f01.jpg", "g0", "ä2", "ä10"];
        names.sort_by(|a, b| by_number(a, b));
        assert_eq!(names, ["a", "f01.jpg", "f1.jpg", "f9.jpg", "f10.jpg", "f010b.png", "g0", "ä2", "ä10"]);
    }

    proptest! {
        #[test]
        fn the_order_of_names_is_an_order(names in prop::collection::vec("[a-c0-2.]{0,5}", 3)) {
            let [a, b, c] = [&names[0], &names[1], &names[2]];
            prop_assert_eq!(by_number(a, b), by_number(b, a).reverse());
            prop_assert_eq!(by_number(a, b) == Ordering::Equal, a == b);
            if by_number(a, b).is_le() && by_number(b, c).is_le() {
                prop_assert!(by_number(a, c).is_le());
            }
        }
    }
}
