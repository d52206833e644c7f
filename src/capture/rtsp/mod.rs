//! Network cameras: RTSP by `retina`.
//!
//! ```text
//! address    where it is, who asks; never shown with credentials
//! decoder    units to pictures
//! vet        a first look at what the camera says of itself
//! ```
//!
//! The connection lives in a small runtime of the camera's own thread, which is driven only while the thread waits
//! for a picture. Credentials stand in the settings, never in an address, a message or a log.

mod address;
mod decoder;
mod vet;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use futures::{StreamExt, stream::FuturesUnordered};
use retina::{
    client::{
        Demuxed, PlayOptions, Session, SessionGroup, SessionOptions, SetupOptions, TcpTransportOptions,
        UdpTransportOptions,
    },
    codec::{CodecItem, FrameFormat, ParametersRef, VideoFrame},
};
use tokio::runtime::Runtime;

use super::{
    CaptureError, Decode, Fault, Form, Origin, Source, Stream,
    h26x::{self, Codec, Role},
    thrift::{Thrift, Unit},
    timing::CameraClock,
};
use crate::{
    clock::Moment,
    frame::{Buffer, Frame},
    geometry::Size,
    shutdown::Stop,
};
pub use address::{Address, AddressError, Credentials};
pub(super) use decoder::Encoding;
use decoder::{Decoded, Decoder};

/// What a goodbye may take when a stream is closed.
const GOODBYE: Duration = Duration::from_millis(300);
/// A camera that has not answered by then is asked once more, beside the first time: the network or the camera may
/// have forgotten us, and who waits for the end of the first attempt comes seconds late.
const ASK_AGAIN: Duration = Duration::from_secs(2);
/// Stamps of units that a decoder may still hold.
const MOST_STAMPS: usize = 64;
/// Key frames that the decoder may hold back before it counts: others may come after an error.
const MOST_HELD_BACK: u32 = 2;
/// Attempts beside each other.
const MOST_ATTEMPTS: usize = 5;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub address: Address,
    pub credentials: Option<Credentials>,
    pub transport: Transport,
    /// From the first packet to the stream's start.
    pub open_timeout: Duration,
    /// Without a picture for this long, the camera is opened again.
    pub stall_timeout: Duration,
    pub max_pixels: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transport {
    /// Inside the RTSP connection: nothing is lost.
    #[default]
    Tcp,
    Udp,
}

impl Settings {
    pub fn new(address: Address) -> Self {
        Self {
            address,
            credentials: None,
            transport: Transport::default(),
            open_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(5),
            max_pixels: 64_000_000,
        }
    }
}

/// A network camera that can be opened.
#[derive(Debug)]
pub struct Rtsp {
    settings: Settings,
    origin: Origin,
    /// How long the last successful opening took.
    took: Option<Duration>,
}

/// A stream that was offered and set up, and what decodes it.
struct Connected {
    demuxed: Demuxed,
    decoder: Decoder,
    encoding: Encoding,
    /// Which of the camera's streams it is.
    index: usize,
}

impl Rtsp {
    pub fn new(settings: Settings, origin: Origin) -> Self {
        Self { settings, origin, took: None }
    }

    fn failed(&self, fault: Fault) -> CaptureError {
        CaptureError::new(&self.settings.address, fault)
    }

    /// Describe, set up, play; and what decodes the stream that was offered.
    async fn connect(&self, group: Arc<SessionGroup>) -> Result<Connected, Fault> {
        let settings = &self.settings;
        // Each time: a camera that has started anew, or the way to it, may be another than it was. Kept until the library
        // has its own: a server may tear down what nobody holds, and refuse the next one then.
        let held = vet::vet(settings).await?;
        let credentials = settings.credentials.as_ref().map(|credentials| retina::client::Credentials {
            username: credentials.user.clone(),
            password: credentials.password.expose().to_owned(),
        });
        let options = SessionOptions::default()
            .creds(credentials)
            .session_group(group)
            .user_agent(concat!("amslpr/", env!("CARGO_PKG_VERSION")).to_owned());
        let mut session =
            Session::describe(settings.address.0.clone(), options).await.map_err(|e| fault(&e))?;
        let offered: Vec<&str> =
            session.streams().iter().map(retina::client::Stream::encoding_name).collect();
        let found = session.streams().iter().enumerate().find_map(|(index, stream)| {
            (stream.media() == "video")
                .then(|| Encoding::from_name(stream.encoding_name()).map(|encoding| (index, encoding)))?
        });
        let (index, encoding) = found.ok_or_else(|| {
            let offered = offered.join(", ");
            Fault::Unsupported(format!("it offers {offered}; set the camera to H.264, H.265 or MJPEG"))
        })?;
        let decoder = Decoder::open(encoding, settings.max_pixels)?;
        let transport = match settings.transport {
            Transport::Tcp => retina::client::Transport::Tcp(TcpTransportOptions::default()),
            Transport::Udp => retina::client::Transport::Udp(UdpTransportOptions::default()),
        };
        let options = SetupOptions::default().transport(transport).frame_format(FrameFormat::SIMPLE);
        session.setup(index, options).await.map_err(|error| fault(&error))?;
        let playing = session.play(PlayOptions::default()).await.map_err(|error| fault(&error))?;
        let demuxed = playing.demuxed().map_err(|error| fault(&error))?;
        check_size(&demuxed, index, settings.max_pixels)?;
        drop(held);
        Ok(Connected { demuxed, decoder, encoding, index })
    }

    /// Attempts beside each other, each begun when the ones before it have not answered for a while. The first
    /// answer counts.
    async fn connect_patiently(&self, group: &Arc<SessionGroup>) -> Result<Connected, Fault> {
        let again = self.took.map_or(ASK_AGAIN, |took| ASK_AGAIN.max(took * 2));
        let mut attempts = FuturesUnordered::new();
        attempts.push(self.connect(Arc::clone(group)));
        loop {
            tokio::select! {
                biased;
                Some(answer) = attempts.next() => return answer,
                () = tokio::time::sleep(again), if attempts.len() < MOST_ATTEMPTS => {
                    attempts.push(self.connect(Arc::clone(group)));
                }
            }
        }
    }
}

/// Refuses a stream that announces more pixels than the settings allow, before anything of it is decoded.
fn check_size(demuxed: &Demuxed, index: usize, limit: u64) -> Result<(), Fault> {
    let parameters = demuxed.streams().get(index).and_then(retina::client::Stream::parameters);
    let Some(ParametersRef::Video(video)) = parameters else { return Ok(()) };
    let (width, height) = video.pixel_dimensions();
    let size = Size::new(width, height);
    if size.area() <= limit {
        return Ok(());
    }
    let most = limit / 1_000_000;
    Err(Fault::Unsupported(format!(
        "its picture has {size} pixels, more than {most} million; set it to less"
    )))
}

impl Source for Rtsp {
    fn describe(&self) -> String {
        format!("camera {}", self.settings.address)
    }

    fn is_live(&self) -> bool {
        true
    }

    fn open(&mut self, stop: &Stop) -> Result<Box<dyn Stream>, CaptureError> {
        Ok(Box::new(self.open_stream(stop)?))
    }
}

impl Rtsp {
    /// Opens it for whoever wants its units as they come, not its pictures.
    pub(super) fn open_units(&mut self, stop: &Stop) -> Result<(Units, Encoding), CaptureError> {
        let opened = self.open_stream(stop)?;
        let encoding = opened.encoding;
        Ok((Units(opened), encoding))
    }

    fn open_stream(&mut self, stop: &Stop) -> Result<Opened, CaptureError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(1)
            .build()
            .map_err(|error| CaptureError::io(&self.settings.address, error))?;
        let group = Arc::new(SessionGroup::default());
        let began = self.origin.clock.now();
        let connected: Result<Connected, Fault> = runtime.block_on(async {
            tokio::select! {
                connected = self.connect_patiently(&group) => connected,
                () = tokio::time::sleep(self.settings.open_timeout) => {
                    Err(Fault::Connection("did not answer in time; check the address and the network".to_owned()))
                }
                () = stop.stopped() => Err(Fault::Connection("was stopped while it was being opened".to_owned())),
            }
        });
        let Connected { demuxed, decoder, encoding, index } = match connected {
            Ok(connected) => connected,
            Err(fault) => {
                // A name that is still being looked up is not waited for.
                runtime.shutdown_background();
                return Err(self.failed(fault));
            }
        };
        let now = self.origin.clock.now();
        self.took = Some(now.since(began));
        Ok(Opened {
            settings: self.settings.clone(),
            demuxed: Some(demuxed),
            index,
            runtime: Some(runtime),
            group,
            decoder,
            thrift: Thrift::new(self.origin.attention.decode()),
            units: 0,
            stamps: VecDeque::new(),
            sub_layers: 0,
            catch_up_to: i64::MIN,
            hinted: false,
            held_back: 0,
            key_waits: None,
            camera_clock: CameraClock::default(),
            last_unit: now,
            undecoded: None,
            key_fed: false,
            owes_sets: true,
            keyless: false,
            encoding,
            origin: self.origin.clone(),
        })
    }
}

struct Opened {
    settings: Settings,
    /// Always there until it is dropped.
    demuxed: Option<Demuxed>,
    index: usize,
    /// Always there until it is dropped.
    runtime: Option<Runtime>,
    group: Arc<SessionGroup>,
    decoder: Decoder,
    thrift: Thrift,
    /// Units that came so far.
    units: i64,
    /// Numbers and stamps of units that went to the decoder of late.
    stamps: VecDeque<(i64, i64)>,
    /// H.265's highest sub-layer so far.
    sub_layers: u8,
    /// Units with lower numbers are only decoded because later ones need them.
    catch_up_to: i64,
    /// A large unit asked for a look, and nobody has said yet whether it showed something.
    hinted: bool,
    /// Key frames in a row that the decoder did not show before other units came: it waits for pictures that are to be
    /// shown earlier.
    held_back: u32,
    /// The last unit for the decoder, if that was a key frame that has not come out since.
    key_waits: Option<i64>,
    camera_clock: CameraClock,
    last_unit: Moment,
    /// Units that went to the decoder since it last gave a picture, and when the first of them did.
    undecoded: Option<(u64, Moment)>,
    /// The decoder has had a key frame; before that there is nothing that it could show.
    key_fed: bool,
    /// The decoder has not had the parameter sets as they are now.
    owes_sets: bool,
    /// It was said that the stream has no key frames.
    keyless: bool,
    encoding: Encoding,
    origin: Origin,
}

/// A camera's units as they come.
pub(super) struct Units(Opened);

impl Units {
    /// The next one with the time since the stream began; `None` when stopped.
    pub(super) fn next(&mut self, stop: &Stop) -> Result<Option<(Unit, Duration)>, CaptureError> {
        let opened = &mut self.0;
        let waited = opened.wait_for_packet(stop);
        let waited = waited.map_err(|fault| CaptureError::new(&opened.settings.address, fault))?;
        let Waited::Packet(packet) = waited else { return Ok(None) };
        opened.last_unit = opened.origin.clock.now();
        let at = ticks(packet.timestamp().elapsed(), opened.clock_rate());
        let (unit, now) = (opened.unit_of(packet), opened.last_unit);
        let unit = opened.with_sets(unit, now);
        Ok(Some((unit, Duration::from_micros(u64::try_from(at).unwrap_or(0)))))
    }
}

/// What waiting for a packet gave.
enum Waited {
    Packet(VideoFrame),
    Stopped,
}

impl Opened {
    fn wait_for_packet(&mut self, stop: &Stop) -> Result<Waited, Fault> {
        let stall_timeout = self.settings.stall_timeout;
        // What we did ourselves since the last one is not the camera's fault.
        let patience = stall_timeout.saturating_sub(self.origin.clock.now().since(self.last_unit));
        let patience = patience.max(stall_timeout / 4);
        let Self { demuxed: Some(demuxed), runtime: Some(runtime), .. } = self else {
            return Err(Fault::Gone);
        };
        runtime.block_on(async {
            let deadline = tokio::time::sleep(patience);
            tokio::pin!(deadline);
            loop {
                tokio::select! {
                    biased;
                    () = stop.stopped() => return Ok(Waited::Stopped),
                    item = demuxed.next() => match item {
                        Some(Ok(CodecItem::VideoFrame(frame))) => return Ok(Waited::Packet(frame)),
                        Some(Ok(_)) => {}
                        Some(Err(error)) => return Err(fault(&error)),
                        None => return Err(Fault::Connection("ended the stream".to_owned())),
                    },
                    () = &mut deadline => return Err(Fault::Stalled(stall_timeout)),
                }
            }
        })
    }

    fn unit_of(&mut self, packet: VideoFrame) -> Unit {
        let number = self.units;
        self.units += 1;
        let (stamp, torn) = (packet.timestamp().elapsed(), packet.loss() > 0);
        let (idr, unneeded) = (packet.is_random_access_point(), packet.is_disposable());
        self.owes_sets |= packet.has_new_parameters();
        let data = packet.into_data();
        let role = match self.encoding {
            Encoding::Video(Codec::H265) => h26x::role(&data, &mut self.sub_layers),
            _ => Role { key: idr, leading: false, unneeded },
        };
        let Role { key, leading, unneeded: disposable } = role;
        Unit { data, number, stamp, key, bare: !idr, anew: false, disposable, leading, torn }
    }

    /// The library takes parameter sets out of the stream, and puts them before IDR pictures only; some cameras send none
    /// after the first. So they are put before other key frames, and before whatever else comes first.
    fn with_sets(&mut self, mut unit: Unit, now: Moment) -> Unit {
        let Encoding::Video(codec) = self.encoding else { return unit };
        if !unit.bare {
            self.owes_sets = false;
            return unit;
        }
        // From the middle on, a decoder of H.265 shows what it made up; one of H.264 shows nothing of it.
        let begins = codec == Codec::H264 || self.key_fed || self.thrift.is_keyless(now);
        if unit.key || self.owes_sets && begins {
            let anew: &[u8] = if unit.anew && codec == Codec::H265 { &h26x::END_OF_SEQUENCE } else { &[] };
            unit.data = [anew, self.parameter_sets(), &unit.data].concat();
            self.owes_sets = false;
        }
        unit
    }

    /// As they are now; empty where there are none.
    fn parameter_sets(&self) -> &[u8] {
        let stream = self.demuxed.as_ref().and_then(|demuxed| demuxed.streams().get(self.index));
        match stream.and_then(retina::client::Stream::parameters) {
            Some(ParametersRef::Video(video)) => video.extra_data(),
            _ => &[],
        }
    }

    /// Takes in what the camera sent: decides what of it is decoded, and feeds the decoder.
    fn take(&mut self, packet: VideoFrame) -> Result<(), Fault> {
        let now = self.origin.clock.now();
        self.last_unit = now;
        self.origin.stats.heard(now);
        if packet.has_new_parameters()
            && let Some(demuxed) = &self.demuxed
        {
            check_size(demuxed, self.index, self.settings.max_pixels)?;
        }
        let late = self.camera_clock.arrived(ticks(packet.timestamp().elapsed(), self.clock_rate()), now);
        let unit = self.unit_of(packet);
        let awake = self.origin.attention.is_awake(now) || self.shows_late();
        if std::mem::take(&mut self.hinted) && !awake {
            self.thrift.hint_was_wrong();
        }
        let outcome = self.thrift.offer(unit, awake, late, now);
        self.origin.stats.left_out(outcome.left_out);
        for _ in 0..outcome.torn {
            self.origin.stats.saw_picture();
            self.count_broken("builds on packets that the network lost; `transport = \"tcp\"` loses none");
        }
        if self.thrift.is_keyless(now) && !std::mem::replace(&mut self.keyless, true) {
            tracing::warn!(camera = %self.origin.camera, "no key frame for 30 s: everything is decoded; set the camera's I-frame interval to 1 or 2 s");
        }
        if let Some(number) = outcome.catch_up_to {
            self.catch_up_to = number;
        }
        self.hinted = outcome.hinted;
        Ok(())
    }

    /// At rest a key frame is decoded alone. A decoder that waits for pictures to be shown before it would show it when
    /// the next ones come, seconds late: such a stream is decoded as it comes.
    fn shows_late(&mut self) -> bool {
        let may_rest = self.origin.attention.decode() == Decode::Auto;
        if may_rest && self.held_back < MOST_HELD_BACK && self.key_waits.take().is_some() {
            self.held_back += 1;
            if self.held_back == MOST_HELD_BACK {
                tracing::warn!(camera = %self.origin.camera, "its pictures are shown in another order than they are sent (B frames): everything is decoded; switch B frames off in the camera to spare the processor");
            }
        }
        self.held_back == MOST_HELD_BACK
    }

    /// Gives the decoder the next unit that is due; false if there is none.
    fn feed(&mut self) -> Result<bool, Fault> {
        let now = self.origin.clock.now();
        let Some(unit) = self.thrift.next() else { return Ok(false) };
        let unit = self.with_sets(unit, now);
        self.key_fed |= unit.key;
        self.key_waits = unit.key.then_some(unit.number);
        self.stamps.push_back((unit.number, unit.stamp));
        if self.stamps.len() > MOST_STAMPS {
            self.stamps.pop_front();
        }
        let (fed, since) = self.undecoded.unwrap_or((0, now));
        self.undecoded = Some((fed + 1, since));
        if !self.decoder.send(unit) {
            self.origin.stats.saw_picture();
            self.count_broken("packet");
        }
        // A decoder may hold some pictures back, but not for seconds.
        let patience = self.settings.stall_timeout * if self.key_fed { 1 } else { 4 };
        if fed > 3 && now.since(since) > patience {
            return Err(Fault::Undecodable(fed + 1));
        }
        Ok(true)
    }

    fn count_broken(&self, what: &str) {
        if self.origin.stats.broke_picture() {
            let broken = self.origin.stats.counts().broken;
            tracing::warn!(camera = %self.origin.camera, what, broken, "not decodable, skipped");
        }
    }

    fn frame(&mut self, seq: u64, form: Form, buffer: Buffer, number: i64) -> Frame {
        let (wall, now) = (self.origin.clock.wall(), self.origin.clock.now());
        let stamp = self.stamps.iter().rev().find(|(of, _)| *of == number).map_or(0, |(_, stamp)| *stamp);
        let taken = self.camera_clock.taken(ticks(stamp, self.clock_rate()), now);
        let age = now.since(taken);
        self.origin.frame(seq, (taken, wall.checked_sub(age).unwrap_or(wall)), form, buffer)
    }

    fn clock_rate(&self) -> u32 {
        let stream = self.demuxed.as_ref().and_then(|demuxed| demuxed.streams().get(self.index));
        stream.map_or(90_000, retina::client::Stream::clock_rate_hz)
    }

    fn next_frame(&mut self, stop: &Stop) -> Result<Option<Frame>, Fault> {
        // What the decoder has worked since it last gave a picture; waiting for the camera is no work.
        let mut spent = Duration::ZERO;
        loop {
            let began = self.origin.clock.now();
            let Some(decoded) = self.decoder.picture(&self.origin, self.catch_up_to)? else {
                let fed = self.feed()?;
                spent += self.origin.clock.now().since(began);
                if !fed {
                    match self.wait_for_packet(stop)? {
                        Waited::Stopped => return Ok(None),
                        Waited::Packet(packet) => self.take(packet)?,
                    }
                }
                continue;
            };
            let seq = self.origin.stats.saw_picture();
            if self.key_waits.take_if(|key| decoded.may_be_of(*key)).is_some()
                && self.held_back < MOST_HELD_BACK
            {
                self.held_back = 0;
            }
            if !matches!(decoded, Decoded::NoBuffer) {
                let ended = self.origin.clock.now();
                let worked = std::mem::take(&mut spent) + ended.since(began);
                let well = !matches!(decoded, Decoded::Damaged);
                self.origin.stats.decoded(seq, ended.before(worked), ended, well);
            }
            match decoded {
                Decoded::Picture(form, buffer, number) => {
                    self.undecoded = None;
                    return Ok(Some(self.frame(seq, form, buffer, number)));
                }
                Decoded::PassedBy(_) => {
                    self.undecoded = None;
                    self.origin.stats.rested_picture();
                }
                Decoded::Damaged => self.count_broken("picture"),
                Decoded::NoBuffer => {
                    self.undecoded = None;
                    if self.origin.stats.dropped_picture() {
                        let dropped = self.origin.stats.counts().dropped;
                        tracing::warn!(camera = %self.origin.camera, dropped, "all frame buffers in use, frame dropped");
                    }
                }
            }
        }
    }
}

/// Microseconds since the stream began.
fn ticks(stamp: i64, rate: u32) -> i64 {
    let micros = i128::from(stamp) * 1_000_000 / i128::from(rate.max(1));
    i64::try_from(micros).unwrap_or(if micros < 0 { i64::MIN } else { i64::MAX })
}

impl Stream for Opened {
    fn next(&mut self, stop: &Stop) -> Result<Option<Frame>, CaptureError> {
        self.next_frame(stop).map_err(|fault| CaptureError::new(&self.settings.address, fault))
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        let (demuxed, group) = (self.demuxed.take(), Arc::clone(&self.group));
        let Some(runtime) = self.runtime.take() else { return };
        // The session says goodbye in the runtime, which must be entered for that, and shortly driven.
        runtime.block_on(async {
            drop(demuxed);
            // A server that does not answer will find out by itself.
            let _ = tokio::time::timeout(GOODBYE, group.await_teardown()).await;
        });
        runtime.shutdown_background();
    }
}

/// The library's error for people: its first line; the others are packet numbers.
fn fault(error: &retina::Error) -> Fault {
    match error.status_code() {
        Some(401 | 403) => Fault::Unauthorised,
        Some(404) => {
            Fault::Connection("knows no stream of this path; look it up in the camera's manual".to_owned())
        }
        _ => {
            let words = error.to_string();
            let first = words.lines().next().unwrap_or_default().trim_end_matches([':', ' ']);
            if first.contains("no credentials") || first.contains("credentials") && first.contains("nauthor")
            {
                Fault::Unauthorised
            } else {
                Fault::Connection(first.to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_microseconds_before_and_after_the_beginning() {
        assert_eq!(ticks(-90, 90_000), -1_000);
        assert_eq!(ticks(180_000, 90_000), 2_000_000);
        assert_eq!((ticks(i64::MAX, 0), ticks(i64::MIN, 1)), (i64::MAX, i64::MIN));
    }
}
