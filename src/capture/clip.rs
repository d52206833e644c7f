//! A clip of any container and codec that libavformat and libavcodec read, frame by frame.
//!
//! Only files: a clip that points at other files or at the network is refused. Frames that the decoder had to
//! invent are counted and left out.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    time::Duration,
};

use ffmpeg_next::{
    self as av, Dictionary, Packet, Rational,
    codec::{Context, decoder},
    format::context::Input,
    frame::Video,
    media,
};

use super::{CaptureError, Fault, Form, Origin, Stream, av as pictures, av::Copied, replay::Timeline, still};
use crate::{
    frame::{Buffer, Frame},
    shutdown::Stop,
};

/// Demuxers that read lists of other files or addresses, or draw text.
const REFUSED: [&str; 7] = ["hls", "concat", "dash", "sdp", "rtsp", "tty", "image2"];
/// Damaged packets in a row after which a clip is given up.
const MOST_DAMAGE: u32 = 2_000;
/// Time between frames of a clip that does not say.
const USUAL_INTERVAL: Duration = Duration::from_millis(40);
/// How far the last frame may stand before the announced end.
const SLACK: Duration = Duration::from_millis(250);

pub(super) struct Clip {
    place: String,
    input: Input,
    decoder: decoder::Video,
    stream: usize,
    time_base: Rational,
    interval: Duration,
    picture: Video,
    progress: Progress,
    announced: Announced,
    timeline: Timeline,
    origin: Origin,
}

/// How far reading has come.
#[derive(Debug, Default)]
struct Progress {
    first: Option<i64>,
    last: Option<Duration>,
    packets: u64,
    frames: u64,
    damage_in_a_row: u32,
    flushing: bool,
    /// Why the end cannot be the real one.
    suspicion: bool,
    over: bool,
}

/// What the container says about its length.
#[derive(Debug, Default, Clone, Copy)]
struct Announced {
    packets: Option<u64>,
    duration: Option<Duration>,
}

impl Clip {
    pub(super) fn open(
        path: &Path,
        threads: u16,
        max_pixels: u64,
        timeline: Timeline,
        origin: Origin,
        stop: &Stop,
    ) -> Result<Self, CaptureError> {
        pictures::prepare();
        let place = path.display().to_string();
        let failed = |fault| CaptureError::new(&place, fault);
        let broken = |error| CaptureError::new(&place, pictures::fault(error));
        let start = start_of(path).map_err(|error| CaptureError::io(&place, error))?;
        if start.is_empty() {
            return Err(failed(Fault::Empty));
        }
        // Text that libavformat takes: lists of other files and of addresses, which it would go and fetch.
        if still::looks_like(&start) == still::TEXT && !start.starts_with(b"YUV4MPEG2") {
            return Err(failed(Fault::NotAPicture(still::TEXT)));
        }
        // The library takes text, and would take `http:` in it for an address.
        let name =
            path.to_str().ok_or_else(|| failed(Fault::Unsupported("a path that is not UTF-8".to_owned())))?;
        let mut options = Dictionary::new();
        options.set("protocol_whitelist", "file");
        let (name, stop) = (format!("file:{name}"), stop.clone());
        let input =
            av::format::input_with_interrupt_and_dictionary(&name, move || stop.is_stopped(), options)
                .map_err(broken)?;
        let container = input.format().name().to_owned();
        if container.split(',').any(|name| REFUSED.contains(&name)) {
            return Err(failed(Fault::Unsupported(format!("its container ({container}) is no recording"))));
        }
        let video =
            input.streams().best(media::Type::Video).ok_or_else(|| broken(av::Error::StreamNotFound))?;
        let (stream, time_base) = (video.index(), video.time_base());
        let interval =
            interval(video.avg_frame_rate()).or_else(|| interval(video.rate())).unwrap_or(USUAL_INTERVAL);
        let alone = input.nb_streams() == 1 && container.contains("matroska");
        let micros = u64::try_from(input.duration()).ok().filter(|_| alone);
        let announced = Announced {
            packets: u64::try_from(video.frames()).ok().filter(|count| *count > 0),
            duration: micros.map(Duration::from_micros),
        };
        let context = Context::from_parameters(video.parameters()).map_err(broken)?;
        let codec = av::decoder::find(context.id()).ok_or_else(|| broken(av::Error::DecoderNotFound))?;
        let mut options = Dictionary::new();
        options.set("threads", &threads.to_string());
        options.set("max_pixels", &max_pixels.to_string());
        let opened = context.decoder().open_as_with(codec, options).map_err(broken)?;
        let decoder = opened.video().map_err(broken)?;
        let progress = Progress::default();
        let picture = Video::empty();
        Ok(Self {
            place,
            input,
            decoder,
            stream,
            time_base,
            interval,
            picture,
            progress,
            announced,
            timeline,
            origin,
        })
    }

    /// The decoder wants more: the next packet of the video, or word that there is none.
    fn feed(&mut self) {
        let mut packet = Packet::empty();
        loop {
            match packet.read(&mut self.input) {
                Ok(()) if packet.stream() != self.stream => continue,
                Ok(()) => {
                    self.progress.packets += 1;
                    self.progress.damage_in_a_row = 0;
                    self.progress.suspicion |= packet.is_corrupt();
                    if self.decoder.send_packet(&packet).is_err() {
                        self.count_broken("packet");
                    }
                    return;
                }
                Err(av::Error::InvalidData) if self.progress.damage_in_a_row < MOST_DAMAGE => {
                    self.progress.damage_in_a_row += 1;
                    self.count_broken("packet");
                }
                Err(error) => {
                    self.progress.suspicion |= error != av::Error::Eof;
                    self.progress.flushing = true;
                    if self.decoder.send_eof().is_err() {
                        self.progress.over = true;
                    }
                    return;
                }
            }
        }
    }

    fn is_picture_broken(&self) -> bool {
        self.picture.is_corrupt() || self.picture.has_decode_errors()
    }

    fn count_broken(&self, what: &str) {
        if self.origin.stats.broke_picture() {
            let broken = self.origin.stats.counts().broken;
            tracing::warn!(camera = %self.origin.camera, clip = %self.place, what, broken, "not decodable, skipped");
        }
    }

    /// The recording's time of the picture just decoded: from its first frame on, always growing.
    fn time_of_picture(&mut self) -> Duration {
        let progress = &mut self.progress;
        let expected = progress.last.map_or(Duration::ZERO, |last| last + self.interval);
        let stamp = self.picture.timestamp().or_else(|| self.picture.pts());
        let at = stamp.and_then(|stamp| {
            let since_first = stamp.checked_sub(*progress.first.get_or_insert(stamp))?;
            in_time_base(since_first, self.time_base)
        });
        // A stamp that is missing or goes back is replaced by the usual distance.
        let at = at.filter(|at| progress.last.is_none_or(|last| *at > last)).unwrap_or(expected);
        progress.last = Some(at);
        at
    }

    /// A buffer with the picture; waits for one where no frame may be lost. `None` when stopped or dropped.
    fn copy(&self, stop: &Stop) -> Result<Option<(Form, Buffer)>, Fault> {
        loop {
            match pictures::copy(&self.picture, &self.origin.pool)? {
                Copied::Picture(form, buffer) => return Ok(Some((form, buffer))),
                Copied::NoBuffer if self.timeline.may_drop() => {
                    if self.origin.stats.dropped_picture() {
                        let dropped = self.origin.stats.counts().dropped;
                        tracing::warn!(camera = %self.origin.camera, dropped, "all frame buffers in use, frame dropped");
                    }
                    return Ok(None);
                }
                Copied::NoBuffer if stop.wait_timeout(Duration::from_millis(2)) => return Ok(None),
                Copied::NoBuffer => {}
            }
        }
    }

    /// At the end: was this all?
    fn finish(&self) -> Result<Option<Frame>, CaptureError> {
        let progress = &self.progress;
        let short_of_packets = self.announced.packets.is_some_and(|count| progress.packets < count);
        let end = progress.last.unwrap_or_default() + self.interval;
        let short_of_time = self.announced.duration.is_some_and(|duration| end + SLACK < duration);
        if progress.suspicion || short_of_packets || short_of_time {
            return Err(CaptureError::new(&self.place, Fault::CutOff { frames: progress.frames }));
        }
        if progress.frames == 0 {
            let fault = Fault::Damaged("it announces video, but not one frame could be decoded".to_owned());
            return Err(CaptureError::new(&self.place, fault));
        }
        Ok(None)
    }
}

impl Stream for Clip {
    fn next(&mut self, stop: &Stop) -> Result<Option<Frame>, CaptureError> {
        let mut began = self.origin.clock.now();
        while !stop.is_stopped() {
            if self.progress.over {
                return self.finish();
            }
            match self.decoder.receive_frame(&mut self.picture) {
                Ok(()) => {
                    let seq = self.origin.stats.saw_picture();
                    let (well, now) = (!self.is_picture_broken(), self.origin.clock.now());
                    self.origin.stats.decoded(seq, std::mem::replace(&mut began, now), now, well);
                    let at = self.time_of_picture();
                    self.progress.frames += 1;
                    if !well {
                        self.count_broken("frame");
                        continue;
                    }
                    if !self.timeline.wait_for(at, &*self.origin.clock, stop) {
                        return Ok(None);
                    }
                    let copied = self.copy(stop).map_err(|fault| CaptureError::new(&self.place, fault))?;
                    if let Some((form, buffer)) = copied {
                        return Ok(Some(self.origin.frame(seq, self.timeline.place(at), form, buffer)));
                    }
                }
                Err(av::Error::Eof) => self.progress.over = true,
                Err(av::Error::Other { errno: av::error::EAGAIN }) if !self.progress.flushing => self.feed(),
                Err(_) if self.progress.flushing => self.progress.over = true,
                Err(_) => {
                    self.count_broken("frame");
                    self.feed();
                }
            }
        }
        Ok(None)
    }
}

/// The first bytes of a file.
fn start_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    File::open(path)?.take(512).read_to_end(&mut start)?;
    Ok(start)
}

/// The time between two frames at a rate, if the rate makes sense.
fn interval(rate: Rational) -> Option<Duration> {
    let (frames, seconds) = (rate.numerator(), rate.denominator());
    let time =
        (frames > 0 && seconds > 0).then(|| Duration::from_secs_f64(f64::from(seconds) / f64::from(frames)));
    time.filter(|time| (Duration::from_millis(1)..=Duration::from_secs(60)).contains(time))
}

fn in_time_base(stamp: i64, base: Rational) -> Option<Duration> {
    let (numerator, denominator) = (i128::from(base.numerator()), i128::from(base.denominator()));
    let micros = (i128::from(stamp) * numerator * 1_000_000).checked_div(denominator)?;
    u64::try_from(micros).ok().map(Duration::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_become_times_whatever_the_time_base() {
        assert_eq!(in_time_base(90_000, Rational::new(1, 90_000)), Some(Duration::from_secs(1)));
        assert_eq!(in_time_base(1, Rational::new(1001, 30_000)), Some(Duration::from_micros(33_366)));
        assert_eq!(in_time_base(-1, Rational::new(1, 25)), None);
        assert_eq!(in_time_base(1, Rational::new(1, 0)), None);
        assert_eq!(in_time_base(i64::MAX, Rational::new(i32::MAX, 1)), None);
    }

    #[test]
    fn rates_that_make_no_sense_are_not_believed() {
        assert_eq!(interval(Rational::new(25, 1)), Some(USUAL_INTERVAL));
        assert_eq!(interval(Rational::new(0, 1)), None);
        assert_eq!(interval(Rational::new(90_000, 1)), None);
        assert_eq!(interval(Rational::new(1, 3600)), None);
    }
}
