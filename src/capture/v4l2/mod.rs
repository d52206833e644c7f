//! USB and other single-plane V4L2 cameras: negotiation, memory-mapped streaming, bounded waits.
//!
//! ```text
//! controls   exposure, gain, mains
//! list       what is there, for people
//! ```
//!
//! What to ask for is decided in `negotiate`; here are the device and the copy into a frame.

mod controls;
pub mod list;

use std::{io, path::PathBuf, time::Duration};

use v4l::{
    Device, Format, FourCC,
    buffer::{Flags as BufferFlags, Type},
    capability::Flags,
    control,
    format::Quantization,
    frameinterval::FrameIntervalEnum,
    framesize::FrameSizeEnum,
    io::{
        mmap,
        traits::{CaptureStream, Stream as _},
    },
    video::{Capture, capture::Parameters},
};

pub use controls::{Controls, Exposure, Gain, PowerLine};

use super::{
    CaptureError, Fault, Form, Origin, Source, Stream,
    attention::RESTING_INTERVAL,
    jpeg::Jpeg,
    negotiate::{Encoding, Offer, SizeRange, Wish, choose},
};
use crate::{
    clock::Moment,
    frame::{Buffer, Frame, PixelFormat, Pool},
    geometry::Size,
    shutdown::Stop,
};

/// Driver buffers: one being filled, one ready, one being copied, one in reserve.
const DRIVER_BUFFERS: u32 = 4;
/// How long the camera thread sleeps in the driver before it looks at the stop signal.
const GLANCE: Duration = Duration::from_millis(200);
/// `poll(2)`: there is data to read.
const POLLIN: i16 = 1;
/// The device is no longer there.
const ENODEV: i32 = 19;
/// Most formats, sizes and rates that are listened to; a sane driver offers fewer.
const MOST_OFFERS: usize = 500;

#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Best a stable name: `/dev/v4l/by-id/...`.
    pub device: PathBuf,
    pub wish: Wish,
    /// Without a picture for this long, the camera is opened again.
    pub stall_timeout: Duration,
    pub max_pixels: u64,
    pub controls: Controls,
}

impl Settings {
    pub fn new(device: impl Into<PathBuf>) -> Self {
        Self {
            device: device.into(),
            wish: Wish { size: Size::new(1920, 1080), rate: 15.0, encoding: None },
            stall_timeout: Duration::from_secs(5),
            max_pixels: 64_000_000,
            controls: Controls::default(),
        }
    }
}

/// A V4L2 camera that can be opened.
#[derive(Debug)]
pub struct V4l2 {
    settings: Settings,
    origin: Origin,
}

/// What the driver agreed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Agreed {
    encoding: Encoding,
    size: Size,
    stride: usize,
    full_range: bool,
}

impl V4l2 {
    pub fn new(settings: Settings, origin: Origin) -> Self {
        Self { settings, origin }
    }

    fn failed(&self, fault: Fault) -> CaptureError {
        CaptureError::new(self.settings.device.display(), fault)
    }

    fn io(&self, error: io::Error) -> CaptureError {
        match error.raw_os_error() {
            Some(ENODEV) => self.failed(Fault::Gone),
            _ => CaptureError::io(self.settings.device.display(), error),
        }
    }

    fn negotiate(&self, device: &Device) -> Result<Agreed, CaptureError> {
        let unsupported = |what: String| self.failed(Fault::Unsupported(what));
        let offers = offers(device, self.settings.wish.size).map_err(|error| self.io(error))?;
        let offer = choose(&offers, &self.settings.wish)
            .ok_or_else(|| unsupported("it offers none of NV12, YUYV, GREY and MJPEG".to_owned()))?;
        let wanted = Format::new(offer.size.width, offer.size.height, FourCC::new(&offer.encoding.fourcc()));
        let format = device.set_format(&wanted).map_err(|error| self.io(error))?;
        let size = Size::new(format.width, format.height);
        let encoding = Encoding::from_fourcc(format.fourcc.repr).ok_or_else(|| {
            unsupported(format!("it was asked for {} and set itself to {}", wanted.fourcc, format.fourcc))
        })?;
        if size.area() > self.settings.max_pixels {
            return Err(self.failed(Fault::TooLarge { size, limit: self.settings.max_pixels }));
        }
        let rate = self.settings.wish.rate.round().clamp(1.0, 1000.0) as u32;
        // A driver that knows no rates keeps its own; the frames say how fast they come.
        if let Err(error) = device.set_params(&Parameters::with_fps(rate)) {
            tracing::debug!(device = %self.settings.device.display(), %error, "the frame rate cannot be set");
        }
        let wish = self.settings.wish;
        tracing::info!(device = %self.settings.device.display(), ?encoding, %size, wished = %wish.size, rate, "camera format");
        let full_range =
            encoding == Encoding::Mjpeg || matches!(format.quantization, Quantization::FullRange);
        Ok(Agreed { encoding, size, stride: format.stride as usize, full_range })
    }
}

/// A device's controls.
struct Knobs<'a>(&'a Device);

impl controls::Panel for Knobs<'_> {
    fn set(&mut self, id: u32, value: i64) -> io::Result<()> {
        let value = match id {
            controls::AUTO_GAIN => control::Value::Boolean(value != 0),
            _ => control::Value::Integer(value),
        };
        self.0.set_control(control::Control { id, value })
    }

    fn get(&mut self, id: u32) -> io::Result<i64> {
        match self.0.control(id)?.value {
            control::Value::Integer(value) => Ok(value),
            control::Value::Boolean(on) => Ok(i64::from(on)),
            _ => Err(io::Error::other("it is no number")),
        }
    }
}

/// Everything that the camera can do and we can read; of ranges, the size nearest to the wished one.
fn offers(device: &Device, wish: Size) -> io::Result<Vec<Offer>> {
    let mut offers = Vec::new();
    for description in device.enum_formats()?.into_iter().take(MOST_OFFERS) {
        let Some(encoding) = Encoding::from_fourcc(description.fourcc.repr) else { continue };
        for framesize in device.enum_framesizes(description.fourcc)?.into_iter().take(MOST_OFFERS) {
            let size = match framesize.size {
                FrameSizeEnum::Discrete(size) => Size::new(size.width, size.height),
                FrameSizeEnum::Stepwise(range) => SizeRange {
                    least: Size::new(range.min_width, range.min_height),
                    most: Size::new(range.max_width, range.max_height),
                    step: Size::new(range.step_width, range.step_height),
                }
                .nearest(wish),
            };
            // Not every driver knows its rates.
            let intervals = device.enum_frameintervals(description.fourcc, size.width, size.height);
            let shortest =
                intervals.into_iter().flatten().take(MOST_OFFERS).map(|interval| match interval.interval {
                    FrameIntervalEnum::Discrete(time) => time,
                    FrameIntervalEnum::Stepwise(range) => range.min,
                });
            let rate = shortest
                .filter(|time| time.numerator > 0)
                .map(|time| f64::from(time.denominator) / f64::from(time.numerator))
                .fold(0.0, f64::max);
            offers.push(Offer { encoding, size, rate });
        }
    }
    offers.truncate(MOST_OFFERS);
    Ok(offers)
}

impl Source for V4l2 {
    fn describe(&self) -> String {
        format!("camera {}", self.settings.device.display())
    }

    fn open(&mut self, _: &Stop) -> Result<Box<dyn Stream>, CaptureError> {
        let known = std::fs::metadata(&self.settings.device).map_err(|error| self.io(error))?;
        if !std::os::unix::fs::FileTypeExt::is_char_device(&known.file_type()) {
            return Err(
                self.failed(Fault::Unsupported("it is no video device (those are /dev/video*)".to_owned()))
            );
        }
        let device = Device::with_path(&self.settings.device).map_err(|error| self.io(error))?;
        // A device of another kind does not know the question.
        let is_camera = device.query_caps().is_ok_and(|caps| {
            caps.capabilities.contains(Flags::VIDEO_CAPTURE) && caps.capabilities.contains(Flags::STREAMING)
        });
        if !is_camera {
            let what = "it is no camera that streams; one camera may have several devices, try its others";
            return Err(self.failed(Fault::Unsupported(what.to_owned())));
        }
        let agreed = self.negotiate(&device)?;
        // A camera that was unplugged has forgotten them.
        let complaints = controls::apply(&self.settings.controls, &mut Knobs(&device));
        for complaint in complaints {
            tracing::warn!(camera = %self.origin.camera, device = %self.settings.device.display(), complaint, "a control of the camera");
        }
        let streaming = Streaming::start(&device).map_err(|error| self.io(error))?;
        Ok(Box::new(Opened {
            settings: self.settings.clone(),
            agreed,
            streaming,
            last_taken: None,
            origin: self.origin.clone(),
        }))
    }
}

/// The mapped buffers of a device that streams. Always there until it is dropped.
struct Streaming(Option<mmap::Stream<'static>>);

impl Streaming {
    fn start(device: &Device) -> io::Result<Self> {
        let mut stream = mmap::Stream::with_buffers(device, Type::VideoCapture, DRIVER_BUFFERS)?;
        // The library hands the first buffer to the driver itself, when the first picture is fetched. The driver
        // decides how many there are and refuses the number after the last.
        let queued = (1..64).take_while(|index| CaptureStream::queue(&mut stream, *index).is_ok()).count();
        let started =
            if queued > 0 { stream.start() } else { Err(io::Error::other("the driver gave one buffer")) };
        let streaming = Self(Some(stream));
        started.map(|()| streaming)
    }

    /// The next picture's bytes, if one comes within this time; `None` inside for one that the driver spoilt.
    fn picture(&mut self, patience: Duration) -> io::Result<Option<Option<&[u8]>>> {
        let Some(stream) = &mut self.0 else { return Err(io::Error::from_raw_os_error(ENODEV)) };
        let millis = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
        // Waited for here: the library's own wait, when it fails, leaves the buffers in disorder.
        if stream.handle().poll(POLLIN, millis)? == 0 {
            return Ok(None);
        }
        let (bytes, about) = CaptureStream::next(stream)?;
        let spoilt = about.flags.contains(BufferFlags::ERROR);
        Ok(Some(bytes.get(..about.bytesused as usize).filter(|_| !spoilt)))
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        let Some(mut stream) = self.0.take() else { return };
        match stream.stop() {
            // The library panics if this very call fails while it drops the stream, except when the device was
            // pulled out. So with any other refusal the stream is not dropped.
            Err(error) if error.raw_os_error() != Some(ENODEV) => {
                tracing::warn!(%error, "a camera's stream could not be stopped; its buffers are lost until restart");
                std::mem::forget(stream);
            }
            _ => drop(stream),
        }
    }
}

struct Opened {
    settings: Settings,
    agreed: Agreed,
    streaming: Streaming,
    last_taken: Option<Moment>,
    origin: Origin,
}

/// What a driver's bytes gave.
#[derive(Debug)]
enum Unpacked {
    Picture(Form, Buffer),
    NoBuffer,
    Broken,
}

impl Stream for Opened {
    fn next(&mut self, stop: &Stop) -> Result<Option<Frame>, CaptureError> {
        let place = self.settings.device.display();
        let mut waiting_since = self.origin.clock.now();
        let stats = &self.origin.stats;
        while !stop.is_stopped() {
            let ready = self.streaming.picture(GLANCE).map_err(|error| match error.raw_os_error() {
                Some(ENODEV) => CaptureError::new(&place, Fault::Gone),
                _ => CaptureError::io(&place, error),
            })?;
            let now = self.origin.clock.now();
            if let Some(bytes) = ready {
                let rests = !self.origin.attention.is_awake(now)
                    && self.last_taken.is_some_and(|last| now.since(last) < RESTING_INTERVAL);
                if rests {
                    stats.heard(now);
                    stats.left_out(1);
                    waiting_since = now;
                    continue;
                }
                self.last_taken = Some(now);
                let seq = stats.saw_picture();
                let unpacked = bytes.map_or(Unpacked::Broken, |bytes| {
                    unpack(bytes, &self.agreed, self.settings.max_pixels, &self.origin.pool)
                });
                if !matches!(unpacked, Unpacked::NoBuffer) {
                    let well = matches!(unpacked, Unpacked::Picture(..));
                    stats.decoded(seq, now, self.origin.clock.now(), well);
                }
                match unpacked {
                    Unpacked::Picture(form, buffer) => {
                        return Ok(Some(self.origin.frame(
                            seq,
                            (now, self.origin.clock.wall()),
                            form,
                            buffer,
                        )));
                    }
                    Unpacked::NoBuffer => {
                        if stats.dropped_picture() {
                            let dropped = stats.counts().dropped;
                            tracing::warn!(camera = %self.origin.camera, dropped, "all frame buffers in use, frame dropped");
                        }
                    }
                    Unpacked::Broken => {
                        if stats.broke_picture() {
                            let broken = stats.counts().broken;
                            tracing::warn!(camera = %self.origin.camera, broken, "picture not decodable, skipped");
                        }
                    }
                }
            }
            let waited = now.since(waiting_since);
            if waited > self.settings.stall_timeout {
                return Err(CaptureError::new(&place, Fault::Stalled(waited)));
            }
        }
        Ok(None)
    }
}

/// The driver's bytes as a frame's pixels without gaps.
fn unpack(bytes: &[u8], agreed: &Agreed, max_pixels: u64, pool: &Pool) -> Unpacked {
    let format = match agreed.encoding {
        Encoding::Nv12 => PixelFormat::Nv12,
        Encoding::Yuyv => PixelFormat::Yuyv,
        Encoding::Gray => PixelFormat::Gray8,
        Encoding::Mjpeg => return decode(bytes, max_pixels, pool),
    };
    let (planes, len) = format.packed(agreed.size);
    let Some(mut buffer) = pool.take(len) else { return Unpacked::NoBuffer };
    let mut from = 0;
    for (index, (row, rows)) in format.layout(agreed.size).into_iter().enumerate() {
        // Every plane of a single-plane NV12 has the same distance of rows.
        let stride = agreed.stride.max(row);
        let to = buffer.get_mut(planes[index].offset..).unwrap_or_default();
        for line in to.chunks_exact_mut(row.max(1)).take(rows) {
            let Some(bytes) = bytes.get(from..from + row) else { return Unpacked::Broken };
            line.copy_from_slice(bytes);
            from += stride;
        }
    }
    Unpacked::Picture(Form { size: agreed.size, format, full_range: agreed.full_range }, buffer)
}

fn decode(bytes: &[u8], max_pixels: u64, pool: &Pool) -> Unpacked {
    let Ok(jpeg) = Jpeg::open(bytes, max_pixels) else { return Unpacked::Broken };
    let Some(mut buffer) = pool.take(jpeg.len()) else { return Unpacked::NoBuffer };
    let form = jpeg.form();
    jpeg.decode_into(&mut buffer).map_or(Unpacked::Broken, |()| Unpacked::Picture(form, buffer))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{clock::SystemClock, frame::CameraId, shutdown::shutdown};

    fn open(device: &str) -> CaptureError {
        let origin = Origin::new(CameraId::new("drive"), Arc::new(SystemClock::start()), 2);
        let (_trigger, stop) = shutdown();
        match V4l2::new(Settings::new(device), origin).open(&stop) {
            Ok(_) => panic!("{device} is a camera"),
            Err(error) => error,
        }
    }

    #[test]
    fn what_is_no_camera_is_said_in_plain_words() {
        assert!(open("/dev/video-none").to_string().starts_with("/dev/video-none: does not exist"));
        assert!(open("/dev").to_string().contains("no video device"));
        assert!(open("/dev/null").to_string().contains("no camera that streams"));
    }

    fn agreed(encoding: Encoding, size: Size, stride: usize) -> Agreed {
        Agreed { encoding, size, stride, full_range: false }
    }

    #[test]
    fn rows_with_gaps_are_closed_up() {
        let bytes: Vec<u8> = (0..100).collect();
        let pool = Pool::new(4);
        let unpack =
            |encoding, size, stride| match unpack(&bytes, &agreed(encoding, size, stride), 1000, &pool) {
                Unpacked::Picture(_, buffer) => buffer.bytes().to_vec(),
                other => panic!("{other:?}"),
            };
        assert_eq!(unpack(Encoding::Gray, Size::new(3, 2), 8), [0, 1, 2, 8, 9, 10]);
        assert_eq!(unpack(Encoding::Nv12, Size::new(2, 2), 8), [0, 1, 8, 9, 16, 17]);
        assert_eq!(unpack(Encoding::Yuyv, Size::new(2, 2), 10), [0, 1, 2, 3, 10, 11, 12, 13]);
        // A driver that says no distance means none between rows.
        assert_eq!(unpack(Encoding::Gray, Size::new(3, 2), 0), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn short_pictures_are_broken_and_a_full_pool_drops() {
        let pool = Pool::new(1);
        let gray = agreed(Encoding::Gray, Size::new(10, 10), 10);
        assert!(matches!(unpack(&[0; 99], &gray, 1000, &pool), Unpacked::Broken));
        assert!(matches!(
            unpack(&[7; 40], &agreed(Encoding::Mjpeg, gray.size, 0), 1000, &pool),
            Unpacked::Broken
        ));
        let held = unpack(&[0; 100], &gray, 1000, &pool);
        assert!(matches!(held, Unpacked::Picture(..)));
        assert!(matches!(unpack(&[0; 100], &gray, 1000, &pool), Unpacked::NoBuffer));
    }
}
