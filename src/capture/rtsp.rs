//! Network cameras: RTSP by `retina`, H.264 and H.265 by libavcodec, MJPEG by zune-jpeg.
//!
//! The connection lives in a small runtime of the camera's own thread, which is driven only while the thread waits
//! for a picture. Credentials stand in the settings, never in an address, a message or a log.

use std::{fmt, sync::Arc, time::Duration};

use futures::StreamExt;
use retina::{
    client::{
        Demuxed, PlayOptions, Session, SessionGroup, SessionOptions, SetupOptions, TcpTransportOptions,
        UdpTransportOptions,
    },
    codec::{CodecItem, FrameFormat, VideoFrame},
};
use tokio::runtime::Runtime;
use url::Url;

use super::{
    CaptureError, Fault, Form, Origin, Source, Stream,
    av::{self, Copied},
    h26x::{self, Codec, H26x},
    jpeg::Jpeg,
    timing::CameraClock,
};
use crate::{
    clock::Moment,
    frame::{Buffer, Frame},
    secret::Secret,
    shutdown::Stop,
};

/// What a goodbye may take when a stream is closed.
const GOODBYE: Duration = Duration::from_millis(300);

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

/// A user name and a password, which no output shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub user: String,
    pub password: Secret,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// Why a text is no camera's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("is no address ({0}); write rtsp://HOST[:PORT]/PATH")]
    Unreadable(String),
    #[error("begins with `{0}:`; write rtsp://HOST[:PORT]/PATH")]
    NotRtsp(String),
    /// Deliberately without the address.
    #[error("holds a user name or password; credentials belong into a credential file, not into the address")]
    HasCredentials,
}

/// A camera's address, which holds no credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Url);

impl Address {
    pub fn parse(address: &str) -> Result<Self, AddressError> {
        let address = Url::parse(address).map_err(|error| AddressError::Unreadable(error.to_string()))?;
        if !address.username().is_empty() || address.password().is_some() {
            return Err(AddressError::HasCredentials);
        }
        if address.scheme() != "rtsp" {
            return Err(AddressError::NotRtsp(address.scheme().to_owned()));
        }
        if !address.has_host() {
            return Err(AddressError::Unreadable("it names no host".to_owned()));
        }
        Ok(Self(address))
    }
}

/// Without parameters: some cameras take a token there.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.0.as_str();
        f.write_str(whole.split(['?', '#']).next().unwrap_or(whole))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
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
}

impl Rtsp {
    pub fn new(settings: Settings, origin: Origin) -> Self {
        Self { settings, origin }
    }

    fn failed(&self, fault: Fault) -> CaptureError {
        CaptureError::new(&self.settings.address, fault)
    }

    /// Describe, set up, play; and what decodes the stream that was offered.
    async fn connect(&self, group: Arc<SessionGroup>) -> Result<(Demuxed, Decoder), Fault> {
        let settings = &self.settings;
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
            (stream.media() == "video").then(|| kind(stream.encoding_name()).map(|kind| (index, kind)))?
        });
        let (index, kind) = found.ok_or_else(|| {
            let offered = offered.join(", ");
            Fault::Unsupported(format!("it offers {offered}; set the camera to H.264, H.265 or MJPEG"))
        })?;
        let decoder = Decoder::open(kind, settings.max_pixels)?;
        let transport = match settings.transport {
            Transport::Tcp => retina::client::Transport::Tcp(TcpTransportOptions::default()),
            Transport::Udp => retina::client::Transport::Udp(UdpTransportOptions::default()),
        };
        let options = SetupOptions::default().transport(transport).frame_format(FrameFormat::SIMPLE);
        session.setup(index, options).await.map_err(|error| fault(&error))?;
        let playing = session.play(PlayOptions::default()).await.map_err(|error| fault(&error))?;
        Ok((playing.demuxed().map_err(|error| fault(&error))?, decoder))
    }
}

impl Source for Rtsp {
    fn describe(&self) -> String {
        format!("camera {}", self.settings.address)
    }

    fn open(&mut self, stop: &Stop) -> Result<Box<dyn Stream>, CaptureError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| CaptureError::io(&self.settings.address, error))?;
        let group = Arc::new(SessionGroup::default());
        let connected = runtime.block_on(async {
            tokio::select! {
                connected = self.connect(Arc::clone(&group)) => connected,
                () = tokio::time::sleep(self.settings.open_timeout) => {
                    Err(Fault::Connection("did not answer in time; check the address and the network".to_owned()))
                }
                () = stop.stopped() => Err(Fault::Connection("was stopped while it was being opened".to_owned())),
            }
        });
        let (demuxed, decoder) = connected.map_err(|fault| self.failed(fault))?;
        Ok(Box::new(Opened {
            place: self.settings.address.to_string(),
            stall_timeout: self.settings.stall_timeout,
            demuxed: Some(demuxed),
            runtime,
            group,
            decoder,
            camera_clock: CameraClock::default(),
            origin: self.origin.clone(),
        }))
    }
}

/// How a stream is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Video(Codec),
    Jpeg,
}

fn kind(encoding_name: &str) -> Option<Encoding> {
    match encoding_name {
        "h264" => Some(Encoding::Video(Codec::H264)),
        "h265" => Some(Encoding::Video(Codec::H265)),
        "jpeg" => Some(Encoding::Jpeg),
        _ => None,
    }
}

enum Decoder {
    Video(H26x),
    /// The picture that was sent last, with its stamp.
    Jpeg {
        max_pixels: u64,
        waiting: Option<(Vec<u8>, i64)>,
    },
}

/// What decoding gave.
enum Decoded {
    Picture(Form, Buffer, i64),
    Damaged,
    NoBuffer,
}

impl Decoder {
    fn open(encoding: Encoding, max_pixels: u64) -> Result<Self, Fault> {
        Ok(match encoding {
            Encoding::Video(codec) => Self::Video(H26x::open(codec, max_pixels)?),
            Encoding::Jpeg => Self::Jpeg { max_pixels, waiting: None },
        })
    }

    /// False if the packet cannot be decoded.
    fn send(&mut self, packet: VideoFrame) -> bool {
        let stamp = packet.timestamp().elapsed();
        match self {
            Self::Video(decoder) => decoder.send(packet.data(), stamp),
            Self::Jpeg { waiting, .. } => {
                *waiting = Some((packet.into_data(), stamp));
                true
            }
        }
    }

    fn picture(&mut self, origin: &Origin) -> Result<Option<Decoded>, Fault> {
        Ok(match self {
            Self::Video(decoder) => match decoder.picture() {
                None => None,
                Some((picture, _)) if h26x::is_damaged(picture) => Some(Decoded::Damaged),
                Some((picture, stamp)) => Some(match av::copy(picture, &origin.pool)? {
                    Copied::Picture(form, buffer) => Decoded::Picture(form, buffer, stamp),
                    Copied::NoBuffer => Decoded::NoBuffer,
                }),
            },
            Self::Jpeg { max_pixels, waiting } => waiting.take().map(|(bytes, stamp)| {
                let Ok(jpeg) = Jpeg::open(&bytes, *max_pixels) else { return Decoded::Damaged };
                let Some(mut buffer) = origin.pool.take(jpeg.len()) else { return Decoded::NoBuffer };
                let form = jpeg.form();
                match jpeg.decode_into(&mut buffer) {
                    Ok(()) => Decoded::Picture(form, buffer, stamp),
                    Err(_) => Decoded::Damaged,
                }
            }),
        })
    }
}

struct Opened {
    place: String,
    stall_timeout: Duration,
    /// Always there until it is dropped.
    demuxed: Option<Demuxed>,
    runtime: Runtime,
    group: Arc<SessionGroup>,
    decoder: Decoder,
    camera_clock: CameraClock,
    origin: Origin,
}

/// What waiting for a packet gave.
enum Waited {
    Packet(VideoFrame),
    Stopped,
}

impl Opened {
    fn wait_for_packet(&mut self, stop: &Stop) -> Result<Waited, Fault> {
        let Self { demuxed: Some(demuxed), runtime, stall_timeout, .. } = self else {
            return Err(Fault::Gone);
        };
        runtime.block_on(async {
            let deadline = tokio::time::sleep(*stall_timeout);
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
                    () = &mut deadline => return Err(Fault::Stalled(*stall_timeout)),
                }
            }
        })
    }

    fn count_broken(&self, what: &str) {
        if self.origin.stats.broke_picture() {
            let broken = self.origin.stats.counts().broken;
            tracing::warn!(camera = %self.origin.camera, what, broken, "not decodable, skipped");
        }
    }

    fn frame(&mut self, seq: u64, form: Form, buffer: Buffer, stamp: i64, arrived: Moment) -> Frame {
        let wall = self.origin.clock.wall();
        let taken = self.camera_clock.taken(ticks(stamp, self.clock_rate()), arrived);
        let age = self.origin.clock.now().since(taken);
        self.origin.frame(seq, (taken, wall.checked_sub(age).unwrap_or(wall)), form, buffer)
    }

    fn clock_rate(&self) -> u32 {
        let stream = self
            .demuxed
            .as_ref()
            .and_then(|d| d.streams().iter().find(|s| kind(s.encoding_name()).is_some()));
        stream.map_or(90_000, retina::client::Stream::clock_rate_hz)
    }
}

/// Time since the stream began; a stamp before that is none.
fn ticks(stamp: i64, rate: u32) -> Duration {
    let micros = i128::from(stamp) * 1_000_000 / i128::from(rate.max(1));
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

impl Stream for Opened {
    fn next(&mut self, stop: &Stop) -> Result<Option<Frame>, CaptureError> {
        let failed = |place: &str, fault| CaptureError::new(place, fault);
        let mut arrived = self.origin.clock.now();
        loop {
            let decoded = self.decoder.picture(&self.origin).map_err(|fault| failed(&self.place, fault))?;
            if let Some(decoded) = decoded {
                let seq = self.origin.stats.saw_picture();
                match decoded {
                    Decoded::Picture(form, buffer, stamp) => {
                        return Ok(Some(self.frame(seq, form, buffer, stamp, arrived)));
                    }
                    Decoded::Damaged => self.count_broken("picture"),
                    Decoded::NoBuffer => {
                        if self.origin.stats.dropped_picture() {
                            let dropped = self.origin.stats.counts().dropped;
                            tracing::warn!(camera = %self.origin.camera, dropped, "all frame buffers in use, frame dropped");
                        }
                    }
                }
                continue;
            }
            match self.wait_for_packet(stop).map_err(|fault| failed(&self.place, fault))? {
                Waited::Stopped => return Ok(None),
                Waited::Packet(packet) => {
                    arrived = self.origin.clock.now();
                    if packet.loss() > 0 {
                        self.count_broken("packets lost by the network");
                    }
                    if !self.decoder.send(packet) {
                        self.count_broken("packet");
                    }
                }
            }
        }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        // The session says goodbye in the runtime, which must be entered for that, and shortly driven.
        let demuxed = self.demuxed.take();
        self.runtime.block_on(async {
            drop(demuxed);
            // A server that does not answer will find out by itself.
            let _ = tokio::time::timeout(GOODBYE, self.group.await_teardown()).await;
        });
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
    fn an_address_with_credentials_is_refused_without_repeating_them() {
        for (address, words) in [
            ("rtsp://admin:secret@10.0.0.9/live", "holds a user name or password"),
            ("rtsp://admin@10.0.0.9/live", "holds a user name or password"),
            ("http://10.0.0.9/live", "begins with `http:`"),
            ("10.0.0.9/live", "is no address"),
            ("rtsp:", "is no address"),
            ("rtsp:live", "is no address"),
        ] {
            let error = Address::parse(address).unwrap_err().to_string();
            assert!(error.contains(words) && !error.contains("secret"), "{address}: {error}");
        }
        assert!(Address::parse("rtsp://[::1]:8554/live?channel=1").is_ok());
    }

    #[test]
    fn no_output_shows_a_password() {
        let mut settings = Settings::new(Address::parse("rtsp://cam/live?token=hidden").unwrap());
        settings.credentials =
            Some(Credentials { user: "admin".into(), password: Secret::new("secret".to_owned()) });
        let shown = format!("{settings:?} {}", settings.address);
        for hidden in ["secret", "admin", "hidden"] {
            assert!(!shown.contains(hidden), "{shown}");
        }
        assert_eq!(settings.address.to_string(), "rtsp://cam/live");
    }

    #[test]
    fn stamps_before_the_beginning_are_the_beginning() {
        assert_eq!(ticks(-5, 90_000), Duration::ZERO);
        assert_eq!(ticks(180_000, 90_000), Duration::from_secs(2));
        assert_eq!(ticks(i64::MAX, 0), Duration::ZERO);
    }
}
