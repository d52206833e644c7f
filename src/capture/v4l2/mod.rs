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
/// A picture that has waited for this long is passed over if a newer one is there.
const STALE: Duration = Duration::from_millis(60);
/// Stamps of pictures older than this are not believed.
const OLDEST: Duration = Duration::from_secs(2);
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
        let offer = choose(&offers, &self.settings.wish).ok_or_else(|| {
            unsupported(format!("it offers none of {}", Encoding::ALL.map(Encoding::as_str).join(", ")))
        })?;
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
        let agreed = device.set_params(&Parameters::with_fps(rate)).map(|agreed| agreed.interval);
        let rate = agreed.ok().filter(|interval| interval.numerator > 0 && interval.denominator > 0);
        let rate = rate.map(|interval| f64::from(interval.denominator) / f64::from(interval.numerator));
        self.report(encoding, size, rate);
        let full_range = encoding.is_full_range() || matches!(format.quantization, Quantization::FullRange);
        Ok(Agreed { encoding, size, stride: format.stride as usize, full_range })
    }
}

impl V4l2 {
    /// Says what was agreed to, and that it is less than was wished for.
    fn report(&self, encoding: Encoding, size: Size, rate: Option<f64>) {
        let (camera, device, wish) =
            (&self.origin.camera, self.settings.device.display(), &self.settings.wish);
        let words = rate.map_or_else(|| "of its own".to_owned(), |rate| format!("{rate:.1}"));
        tracing::info!(%camera, %device, encoding = encoding.as_str(), %size, rate = words, "camera format");
        let is_small = size.width < wish.size.width || size.height < wish.size.height;
        let is_slow = rate.is_some_and(|rate| rate + 0.5 < wish.rate);
        let is_other = wish.encoding.is_some_and(|wished| wished != encoding);
        if is_small || is_slow || is_other {
            let wished = wish.encoding.map_or("any", Encoding::as_str);
            tracing::warn!(
                %camera, %device, wished_size = %wish.size, wished_rate = wish.rate, wished_encoding = wished,
                "the camera does not do what is configured; `amslpr doctor cameras` lists what it can"
            );
        }
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
        // Not every driver knows its sizes; then it keeps the one that it has.
        let Ok(sizes) = device.enum_framesizes(description.fourcc) else {
            let kept = device.format().map(|format| Size::new(format.width, format.height)).unwrap_or(wish);
            offers.push(Offer { encoding, size: kept, rate: 0.0 });
            continue;
        };
        for framesize in sizes.into_iter().take(MOST_OFFERS) {
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

    fn is_live(&self) -> bool {
        true
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

    /// The next picture, if one comes within this time, as `work` makes of it: it is handed the bytes, none for one
    /// that the driver spoilt, and what is known of them. A picture that has waited while newer ones came is passed over.
    fn picture<T>(
        &mut self,
        patience: Duration,
        work: impl FnOnce(Option<&[u8]>, About) -> T,
    ) -> io::Result<Option<T>> {
        let Some(stream) = &mut self.0 else { return Err(io::Error::from_raw_os_error(ENODEV)) };
        let millis = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
        let handle = stream.handle();
        // Waited for here: the library's own wait, when it fails, leaves the buffers in disorder.
        if handle.poll(POLLIN, millis)? == 0 {
            return Ok(None);
        }
        let mut passed_over = 0;
        loop {
            let (bytes, meta) = CaptureStream::next(stream)?;
            let age = age(meta.flags, meta.timestamp);
            if age > STALE && passed_over < u64::from(DRIVER_BUFFERS) && handle.poll(POLLIN, 0)? > 0 {
                passed_over += 1;
                continue;
            }
            let spoilt = meta.flags.contains(BufferFlags::ERROR);
            let bytes = bytes.get(..meta.bytesused as usize).filter(|_| !spoilt);
            return Ok(Some(work(bytes, About { age, passed_over })));
        }
    }
}

/// What is known of a picture besides its bytes.
#[derive(Debug, Clone, Copy)]
struct About {
    /// How long ago it was taken; zero where the driver does not say.
    age: Duration,
    /// Older ones that were not looked at.
    passed_over: u64,
}

/// By the driver's stamp, if that is of the clock that we go by.
fn age(flags: BufferFlags, stamp: v4l::timestamp::Timestamp) -> Duration {
    if flags & BufferFlags::TIMESTAMP_MASK != BufferFlags::TIMESTAMP_MONOTONIC {
        return Duration::ZERO;
    }
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let micros = |seconds: i64, micros: i64| seconds.saturating_mul(1_000_000).saturating_add(micros);
    let age = micros(now.tv_sec, now.tv_nsec / 1_000).saturating_sub(micros(stamp.sec, stamp.usec));
    // A stamp from the future, or of long ago, is none.
    u64::try_from(age).ok().map(Duration::from_micros).filter(|age| *age < OLDEST).unwrap_or_default()
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
            let (attention, clock) = (&self.origin.attention, &self.origin.clock);
            let (agreed, pool, most) = (&self.agreed, &self.origin.pool, self.settings.max_pixels);
            let last = self.last_taken;
            let ready = self.streaming.picture(GLANCE, |bytes, about| {
                let now = clock.now();
                let rests =
                    !attention.is_awake(now) && last.is_some_and(|last| now.since(last) < RESTING_INTERVAL);
                let picture = (!rests).then(|| {
                    let seq = stats.saw_picture();
                    (seq, bytes.map_or(Unpacked::Broken, |bytes| unpack(bytes, agreed, most, pool)))
                });
                (now, about, picture)
            });
            let ready = ready.map_err(|error| match error.raw_os_error() {
                Some(ENODEV) => CaptureError::new(&place, Fault::Gone),
                _ => CaptureError::io(&place, error),
            })?;
            let now = ready.as_ref().map_or_else(|| self.origin.clock.now(), |(now, ..)| *now);
            if let Some((_, about, picture)) = ready {
                stats.left_out(about.passed_over);
                let Some((seq, unpacked)) = picture else {
                    stats.heard(now);
                    stats.left_out(1);
                    waiting_since = now;
                    continue;
                };
                self.last_taken = Some(now);
                if !matches!(unpacked, Unpacked::NoBuffer) {
                    let well = matches!(unpacked, Unpacked::Picture(..));
                    stats.decoded(seq, now, self.origin.clock.now(), well);
                }
                match unpacked {
                    Unpacked::Picture(form, buffer) => {
                        let held = self.origin.clock.now().since(now) + about.age;
                        let wall = self.origin.clock.wall();
                        let taken = (now.before(about.age), wall.checked_sub(held).unwrap_or(wall));
                        return Ok(Some(self.origin.frame(seq, taken, form, buffer)));
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
        Encoding::I420 => PixelFormat::I420,
        Encoding::Yuyv | Encoding::Uyvy => PixelFormat::Yuyv,
        Encoding::Rgb | Encoding::Bgr => PixelFormat::Rgb8,
        Encoding::Gray => PixelFormat::Gray8,
        Encoding::Mjpeg => return decode(bytes, max_pixels, pool),
    };
    let (planes, len) = format.packed(agreed.size);
    let Some(mut buffer) = pool.take(len) else { return Unpacked::NoBuffer };
    let mut from = 0;
    for (index, (row, rows)) in format.layout(agreed.size).into_iter().enumerate() {
        // Where the planes of a picture lie behind each other, rows of chroma planes of their own are half as far apart
        // as luma's; interleaved ones as far.
        let apart = if format == PixelFormat::I420 && index > 0 { 2 } else { 1 };
        let stride = (agreed.stride / apart).max(row);
        let to = buffer.get_mut(planes[index].offset..).unwrap_or_default();
        for line in to.chunks_exact_mut(row.max(1)).take(rows) {
            let Some(bytes) = bytes.get(from..from + row) else { return Unpacked::Broken };
            line.copy_from_slice(bytes);
            from += stride;
        }
    }
    match agreed.encoding {
        Encoding::Uyvy => buffer.chunks_exact_mut(2).for_each(|pair| pair.swap(0, 1)),
        Encoding::Bgr => buffer.chunks_exact_mut(3).for_each(|pixel| pixel.swap(0, 2)),
        _ => {}
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
        assert_eq!(unpack(Encoding::I420, Size::new(2, 2), 8), [0, 1, 8, 9, 16, 20]);
        assert_eq!(unpack(Encoding::Uyvy, Size::new(2, 2), 10), [1, 0, 3, 2, 11, 10, 13, 12]);
        assert_eq!(unpack(Encoding::Bgr, Size::new(2, 1), 10), [2, 1, 0, 5, 4, 3]);
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
