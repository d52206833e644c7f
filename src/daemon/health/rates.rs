//! How many pictures a second each camera gives, over the last seconds.

use std::{collections::BTreeMap, time::Duration};

use crate::{clock::Moment, frame::CameraId};

/// Counted over this long at least: a rate over a moment says nothing.
const SPAN: Duration = Duration::from_secs(5);

/// What the rates are measured against.
#[derive(Debug, Default)]
pub(super) struct Rates(BTreeMap<CameraId, Rate>);

#[derive(Debug, Clone, Copy)]
struct Rate {
    since: Moment,
    seen: u64,
    last: Option<f64>,
}

impl Rates {
    /// `seen` pictures so far; `None` before there is anything to tell. A camera that is opened anew begins anew.
    pub(super) fn look(&mut self, camera: &CameraId, seen: u64, now: Moment) -> Option<f64> {
        let rate = self.0.entry(camera.clone()).or_insert(Rate { since: now, seen, last: None });
        let span = now.since(rate.since);
        if seen < rate.seen {
            *rate = Rate { since: now, seen, last: None };
        } else if span >= SPAN {
            let fps = (seen - rate.seen) as f64 / span.as_secs_f64();
            *rate = Rate { since: now, seen, last: Some((fps * 10.0).round() / 10.0) };
        }
        rate.last
    }

    /// Cameras that are gone are forgotten.
    pub(super) fn keep(&mut self, is_there: impl Fn(&CameraId) -> bool) {
        self.0.retain(|camera, _| is_there(camera));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_that_of_the_last_seconds_and_begins_anew_with_the_camera() {
        let mut rates = Rates::default();
        let id = CameraId::new("north");
        let mut look =
            |second: u64, seen: u64| rates.look(&id, seen, Moment::from_micros(second * 1_000_000));
        assert_eq!(look(0, 100), None);
        assert_eq!(look(1, 115), None, "too soon to tell");
        assert_eq!(look(10, 250), Some(15.0));
        assert_eq!(look(11, 251), Some(15.0));
        assert_eq!(look(30, 250 + 50), Some(2.5));
        assert_eq!(look(31, 3), None, "opened anew");
        assert_eq!(look(41, 3), Some(0.0));
    }
}
