//! What a network camera sends, for whoever sets it up: encoding, pictures between key frames, how much of it.
//!
//! Looks at units as they come; nothing is decoded.

use std::{fmt, time::Duration};

use super::{
    CaptureError,
    h26x::Codec,
    rtsp::{Encoding, Rtsp},
};
use crate::{clock::Clock, shutdown::Stop};

/// Key frames further apart than this make a camera slow to wake and slow to recover; see `advice`.
const FAR: Duration = Duration::from_millis(2_500);

/// What a camera sent while it was looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Habits {
    encoding: Encoding,
    bytes: u64,
    span: Duration,
    /// From one key frame to the next.
    key_every: Option<Duration>,
}

/// Looks at what a camera sends, until two key frames have come, but no longer than `most`: by the camera's clock, and by
/// ours.
pub fn of(camera: &mut Rtsp, most: Duration, clock: &dyn Clock, stop: &Stop) -> Result<Habits, CaptureError> {
    let (mut units, encoding) = camera.open_units(stop)?;
    let opened = clock.now();
    let mut habits = Habits { encoding, bytes: 0, span: Duration::ZERO, key_every: None };
    let (mut first, mut key) = (None, None);
    while let Some((unit, at)) = units.next(stop)? {
        habits.span = at.saturating_sub(*first.get_or_insert(at));
        if unit.key
            && let Some(before) = key.replace(at)
        {
            habits.key_every = Some(at.saturating_sub(before));
        }
        let is_known = habits.key_every.is_some() && habits.span >= Duration::from_secs(1);
        if is_known || habits.span >= most || clock.now().since(opened) >= most {
            break;
        }
        // What came in the time up to the last one.
        habits.bytes += unit.data.len() as u64;
    }
    Ok(habits)
}

impl Habits {
    /// What to set at the camera, if anything.
    pub fn advice(&self) -> Option<&'static str> {
        let far = self.key_every.unwrap_or(self.span) > FAR && self.encoding != Encoding::Jpeg;
        far.then_some(
            "set its I-frame interval to 1 or 2 s: at rest only key frames are decoded, and after a lost packet \
             pictures come again with the next one",
        )
    }
}

impl fmt::Display for Habits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.encoding {
            Encoding::Video(Codec::H264) => "H.264",
            Encoding::Video(Codec::H265) => "H.265",
            Encoding::Jpeg => "MJPEG",
        };
        let kbit = self.bytes as f64 * 8e-3 / self.span.as_secs_f64().max(0.001);
        write!(f, "{name}, {kbit:.0} kbit/s")?;
        match self.key_every {
            _ if self.encoding == Encoding::Jpeg => Ok(()),
            Some(every) => write!(f, ", a key frame every {:.1} s", every.as_secs_f64()),
            None => write!(f, ", less than one key frame in {:.0} s", self.span.as_secs_f64()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_key_frames_are_told_with_what_to_do() {
        let check = |encoding, key_every: Option<u64>, words: &str, advised: bool| {
            let key_every = key_every.map(Duration::from_millis);
            let span = Duration::from_secs(10);
            let habits = Habits { encoding, bytes: 5_000_000, span, key_every };
            assert_eq!(habits.to_string(), words);
            assert_eq!(habits.advice().is_some(), advised, "{words}");
        };
        check(
            Encoding::Video(Codec::H264),
            Some(1_000),
            "H.264, 4000 kbit/s, a key frame every 1.0 s",
            false,
        );
        check(Encoding::Video(Codec::H265), Some(4_000), "H.265, 4000 kbit/s, a key frame every 4.0 s", true);
        check(
            Encoding::Video(Codec::H264),
            None,
            "H.264, 4000 kbit/s, less than one key frame in 10 s",
            true,
        );
        check(Encoding::Jpeg, None, "MJPEG, 4000 kbit/s", false);
    }
}
