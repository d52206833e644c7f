//! A camera's pictures into a clip that plays like the camera: with the camera's own clock.
//!
//! A stream of H.264 or H.265 is written as it comes, into an MPEG transport stream; everything else becomes JPEG in
//! a Matroska file. Begins at a key frame; written under another name and moved into place at the end, also when the
//! camera broke on the way: what it gave until then may be the very thing that somebody wanted to see.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use ffmpeg_next::{
    self as av, Packet, Rational,
    codec::{Context, Id, packet::Flags},
    format::context::Output,
};
use image::codecs::jpeg::JpegEncoder;

use super::{
    CaptureError, Fault, Source, av as pictures,
    h26x::H26x,
    rtsp::{Encoding, Rtsp},
};
use crate::{clock::Clock, frame::convert, shutdown::Stop};

/// Stamps of the file: 90 kHz, as cameras count.
const BASE: Rational = Rational(1, 90_000);
/// Pictures may be decoded this much before they are shown.
const REORDER: i64 = 18_000;
/// Quality of JPEGs that are made here.
const QUALITY: u8 = 92;
/// No size of a picture is too large to be written down; the library knows no larger number.
const MOST_PIXELS: u64 = 0x7fff_ffff;
/// A camera that gives no key frame for this long is given up.
const NO_KEY: Duration = Duration::from_secs(60);

/// What was written.
#[derive(Debug)]
pub struct Recorded {
    pub path: PathBuf,
    pub pictures: u64,
    pub span: Duration,
    /// Why it is shorter than it was to be.
    pub broke: Option<CaptureError>,
}

/// Writes `span` of a network camera. The file's name gets `.ts`, or `.mkv` where the camera sends JPEG.
pub fn network(
    camera: &mut Rtsp,
    span: Duration,
    name: &Path,
    clock: &dyn Clock,
    stop: &Stop,
) -> Result<Recorded, CaptureError> {
    let (mut units, encoding) = camera.open_units(stop)?;
    let opened = clock.now();
    let mut clip = Clip::new(match encoding {
        Encoding::Video(_) => name.with_extension("ts"),
        Encoding::Jpeg => name.with_extension("mkv"),
    });
    let mut decoder = match encoding {
        Encoding::Video(codec) => {
            let opened = H26x::open(codec, MOST_PIXELS);
            Some(opened.map_err(|fault| CaptureError::new(name.display(), fault))?)
        }
        Encoding::Jpeg => None,
    };
    let (mut first, mut broke) = (None, None);
    while let Some((unit, at)) = clip.or_break(units.next(stop), &mut broke)? {
        // By our clock, too: a camera's may stand still.
        let elapsed = clock.now().since(opened);
        if clip.has_begun() && elapsed > NO_KEY + span * 2 {
            let words = "counts its own time so slowly that it has no end; set its clock, or restart it";
            broke = Some(CaptureError::new(name.display(), Fault::Connection(words.to_owned())));
            break;
        }
        let since = at.saturating_sub(*first.get_or_insert(at));
        if !clip.has_begun() {
            if !unit.key {
                if since.max(elapsed) > NO_KEY {
                    let words = "has sent no key frame for a minute; set its I-frame interval to 1 or 2 s";
                    return Err(CaptureError::new(name.display(), Fault::Connection(words.to_owned())));
                }
                continue;
            }
            let begun = match &mut decoder {
                Some(decoder) => {
                    decoder.send(&unit.data, unit.stamp);
                    while decoder.picture().is_some() {}
                    clip.begin(decoder.context())
                }
                None => clip.begin_jpeg(&unit.data),
            };
            begun.map_err(|fault| CaptureError::new(name.display(), fault))?;
            first = Some(at);
        }
        let since = at.saturating_sub(first.unwrap_or(at));
        if since >= span {
            break;
        }
        clip.write(&unit.data, since, unit.key).map_err(|fault| CaptureError::new(clip.place(), fault))?;
    }
    clip.finish(broke)
}

/// Writes `span` of any other camera, as JPEGs.
pub fn any(
    camera: &mut dyn Source,
    span: Duration,
    name: &Path,
    stop: &Stop,
) -> Result<Recorded, CaptureError> {
    let mut stream = camera.open(stop)?;
    let mut clip = Clip::new(name.with_extension("mkv"));
    let (mut first, mut broke, mut jpeg) = (None, None, Vec::new());
    while let Some(frame) = clip.or_break(stream.next(stop), &mut broke)? {
        let since = frame.captured.since(*first.get_or_insert(frame.captured));
        if since >= span {
            break;
        }
        let failed = |why: String| CaptureError::new(name.display(), Fault::Damaged(why));
        let picture = convert::to_rgb(&frame).map_err(|error| failed(error.to_string()))?;
        jpeg.clear();
        JpegEncoder::new_with_quality(&mut jpeg, QUALITY)
            .encode_image(&picture)
            .map_err(|error| failed(error.to_string()))?;
        let written = match clip.has_begun() {
            true => Ok(()),
            false => clip.begin_jpeg(&jpeg),
        };
        written
            .and_then(|()| clip.write(&jpeg, since, true))
            .map_err(|fault| CaptureError::new(clip.place(), fault))?;
    }
    clip.finish(broke)
}

/// A file that is being written.
struct Clip {
    path: PathBuf,
    /// The name that it has until it is whole.
    part: PathBuf,
    output: Option<Output>,
    base: Rational,
    last_decoded: i64,
    pictures: u64,
    span: Duration,
}

impl Clip {
    fn new(path: PathBuf) -> Self {
        pictures::prepare();
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        Self {
            path,
            part: part.into(),
            output: None,
            base: BASE,
            last_decoded: i64::MIN,
            pictures: 0,
            span: Duration::ZERO,
        }
    }

    fn place(&self) -> std::path::Display<'_> {
        self.path.display()
    }

    fn has_begun(&self) -> bool {
        self.output.is_some()
    }

    /// What the camera gave next; nothing more if it broke after the clip had begun, which is noted in `broke`.
    fn or_break<T>(
        &self,
        given: Result<Option<T>, CaptureError>,
        broke: &mut Option<CaptureError>,
    ) -> Result<Option<T>, CaptureError> {
        match given {
            Err(error) if self.has_begun() => {
                *broke = Some(error);
                Ok(None)
            }
            given => given,
        }
    }

    /// Begins a file with one stream of this kind.
    fn begin(&mut self, context: &Context) -> Result<(), Fault> {
        let format = if self.path.extension().is_some_and(|ext| ext == "ts") { "mpegts" } else { "matroska" };
        let part =
            self.part.to_str().ok_or_else(|| Fault::Unsupported("a path that is not UTF-8".to_owned()))?;
        let mut output = av::format::output_as(&format!("file:{part}"), format).map_err(pictures::fault)?;
        output.add_stream_with(context).map_err(pictures::fault)?.set_time_base(BASE);
        output.write_header().map_err(pictures::fault)?;
        self.base = output.stream(0).map_or(BASE, |stream| stream.time_base());
        self.output = Some(output);
        Ok(())
    }

    fn begin_jpeg(&mut self, jpeg: &[u8]) -> Result<(), Fault> {
        let codec =
            av::decoder::find(Id::MJPEG).ok_or_else(|| pictures::fault(av::Error::DecoderNotFound))?;
        let opened = Context::new_with_codec(codec).decoder().open_as(codec).map_err(pictures::fault)?;
        let mut decoder = opened.video().map_err(pictures::fault)?;
        decoder.send_packet(&Packet::copy(jpeg)).map_err(pictures::fault)?;
        let mut picture = av::frame::Video::empty();
        decoder.receive_frame(&mut picture).map_err(pictures::fault)?;
        self.begin(&decoder)
    }

    fn write(&mut self, data: &[u8], since: Duration, key: bool) -> Result<(), Fault> {
        let Some(output) = self.output.as_mut().filter(|_| !data.is_empty()) else { return Ok(()) };
        let stamp = i64::try_from(since.as_micros() * 9 / 100).unwrap_or(i64::MAX / 4);
        let decoded = stamp.max(self.last_decoded.saturating_add(1));
        self.last_decoded = decoded;
        let mut packet = Packet::copy(data);
        packet.set_stream(0);
        packet.set_pts(Some((stamp + REORDER).max(decoded)));
        packet.set_dts(Some(decoded));
        if key {
            packet.set_flags(Flags::KEY);
        }
        packet.rescale_ts(BASE, self.base);
        packet.write_interleaved(output).map_err(pictures::fault)?;
        self.pictures += 1;
        self.span = self.span.max(since);
        Ok(())
    }

    fn finish(mut self, broke: Option<CaptureError>) -> Result<Recorded, CaptureError> {
        let Some(mut output) = self.output.take() else {
            let words = "gave no picture, so nothing was written";
            return Err(CaptureError::new(self.place(), Fault::Connection(words.to_owned())));
        };
        output.write_trailer().map_err(|error| CaptureError::new(self.place(), pictures::fault(error)))?;
        drop(output);
        let moved: io::Result<()> = std::fs::rename(&self.part, &self.path);
        moved.map_err(|error| CaptureError::io(self.place(), error))?;
        Ok(Recorded { path: self.path.clone(), pictures: self.pictures, span: self.span, broke })
    }
}

impl Drop for Clip {
    fn drop(&mut self) {
        // What was not finished is nobody's clip.
        self.output = None;
        let _ = std::fs::remove_file(&self.part);
    }
}
