//! The configuration: TOML files in, one [`Config`] out, or a [`Report`] of everything that is wrong with them.
//!
//! ```text
//! document   one file: TOML into schema, all problems of it      values  secret
//! merge      main file and conf.d/ as one
//! meaning    defaults filled in, tables checked against each other
//! cameras    what gives pictures                    optics
//! lists      plates and what they may               hours  plates
//! hailo      how the NPU is run                       onnxruntime
//! broker     where MQTT goes                      web    where HTTP is served
//! keys       every key for people: the shipped file, "did you mean"      manual  the same as a manual page
//! report     problems with file, line and caret; as text or JSON
//! show       what is in force, and where it was said
//! ```
//!
//! Here values are read and checked against each other. Whether a camera answers or a model loads is not asked here:
//! that changes while nobody edits a file.
//!
//! Relative paths start at the folder of the file they stand in, so that a folder with a configuration in it can be
//! moved and run without being root.

mod broker;
mod cameras;
mod document;
mod gates;
mod hailo;
mod hours;
mod keys;
mod lists;
mod manual;
mod mask;
mod meaning;
mod merge;
mod onnxruntime;
mod optics;
pub mod plates;
mod report;
mod schema;
mod secret;
mod show;
mod storage;
mod threads;
mod values;
mod web;
mod webhooks;
mod wires;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use url::Url;

use crate::{
    access, api,
    capture::{self, replay},
    detect,
    fact::privacy::Privacy,
    frame::CameraId,
    gate,
    infer::{EngineKind, hailo::Plan, onnx},
    journal, passage,
    plate::Region,
    publish, read,
    secret::Secret,
    track, webhook,
};
pub use gates::{Gate, Output as GateOutput};
pub use hours::When;
pub use keys::defaults;
pub use manual::manual;
pub use report::{Report, Severity};
pub use threads::{Share, Threads};

/// Where the service's configuration is.
pub const MAIN_FILE: &str = "/etc/amslpr/amslpr.toml";

/// A configuration as meant: every default filled in, every path absolute, every secret fetched.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub journal: Journal,
    /// `None`: no images are kept.
    pub evidence: Option<Evidence>,
    pub privacy: Privacy,
    pub cameras: Vec<Camera>,
    pub engine: Engine,
    pub threads: Threads,
    pub detect: detect::Settings,
    pub choose: read::choose::Settings,
    /// What is remembered of reads.
    pub recall: read::recall::Settings,
    /// What is done to a plate before Tesseract reads it.
    pub tesseract: read::enhance::Settings,
    /// For every camera alike; its places stand in [`Camera::zones`].
    pub track: track::Settings,
    /// Countries whose formats may repair a read; empty: none. They stand in `passage` too.
    pub regions: Vec<Region>,
    pub passage: passage::Settings,
    /// What holds for all lists.
    pub access: access::Rules,
    /// Checked: `access::Lists::load` takes them.
    pub lists: access::Configured,
    pub gates: Vec<Gate>,
    pub control: Control,
    /// `None`: nobody is told.
    pub mqtt: Option<Mqtt>,
    /// `None`: nothing is served.
    pub http: Option<Http>,
    pub webhooks: Vec<webhook::Settings>,
    pub log: Log,
    pub health: Health,
    /// The files that secrets are kept in.
    pub secret_files: Vec<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    pub path: PathBuf,
    /// How long passages are kept; `None`: for ever.
    pub retention: Option<Duration>,
    /// Bytes that the file never grows beyond.
    pub largest: u64,
    pub durability: journal::Durability,
    /// Bytes of the write-ahead log at which it is folded into the file.
    pub checkpoint: u32,
    /// Bytes of the file kept in memory.
    pub cache: u32,
}

/// Images of passages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    pub path: PathBuf,
    pub plate: bool,
    pub frame: bool,
    pub quality: u8,
    pub retention: Option<Duration>,
    pub largest: u64,
    pub keep_free: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Camera {
    pub id: CameraId,
    pub source: Source,
    pub role: Role,
    /// Where plates count, their least height, and how the direction is known (the role decides for entries and exits).
    pub zones: track::Zones,
    /// It is looked at; subscribers hear of it either way.
    pub enabled: bool,
    /// Bytes of its pictures in memory at a time.
    pub memory: u64,
    pub decode: capture::Decode,
    /// Only where something moves are plates looked for.
    pub motion: bool,
    /// Grey steps that are motion.
    pub motion_change: f32,
    pub linger: Duration,
    pub look_every: Duration,
    /// What wakes it from outside.
    pub trigger: Option<Trigger>,
}

/// An input that wakes a camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    pub sensing: gate::Sensing,
    /// How long the camera stays awake after the input has come to rest.
    pub hold: Duration,
}

/// What gives a camera's frames.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    Replay(replay::Settings),
    V4l2 {
        device: PathBuf,
        width: u32,
        height: u32,
        fps: u32,
        /// `None`: whatever it has that costs least.
        format: Option<capture::Encoding>,
        controls: capture::v4l2::Controls,
    },
    Rtsp {
        url: Url,
        login: Option<Login>,
        transport: Transport,
    },
}

/// User name and password of a camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub username: String,
    pub password: Secret,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Tcp,
    Udp,
}

/// What vehicles do in front of a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Entry,
    Exit,
    Both,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Engine {
    /// In order of preference, no engine twice.
    pub order: Vec<EngineKind>,
    /// Threads inside one run of a network.
    pub threads: usize,
    /// Folder of model descriptions; `None`: the usual places.
    pub models: Option<PathBuf>,
    pub hailo: Plan,
    pub onnx: onnx::Settings,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mqtt {
    pub host: String,
    pub port: u16,
    pub client_id: String,
    pub username: Option<String>,
    pub password: Option<Secret>,
    /// `None`: everything is sent in the clear.
    pub tls: Option<publish::Tls>,
    /// First part of every topic.
    pub prefix: String,
    pub keep_alive: Duration,
    /// Commands are listened to.
    pub commands: bool,
    /// Pictures of passages are published.
    pub images: bool,
    pub home_assistant: publish::HomeAssistant,
    /// First part of Home Assistant's own topics.
    pub discovery_prefix: String,
}

/// The HTTP API.
#[derive(Debug, Clone, PartialEq)]
pub struct Http {
    pub listen: SocketAddr,
    /// `None`: in the clear.
    pub tls: Option<api::Tls>,
    pub tokens: api::Tokens,
    /// Why some of the tokens are not known.
    pub missing: Option<String>,
    /// Requests a second that one address may make.
    pub rate: u32,
    /// Connections at a time.
    pub connections: usize,
    /// Listeners to live events at a time.
    pub listeners: usize,
}

/// Where commands are given to the running daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    pub socket: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    pub level: LogLevel,
    /// Plates may stand in the log.
    pub plates: bool,
}

/// From the least to the most that is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    pub every: Duration,
}

/// A configuration, and what is odd about it without being wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    pub config: Config,
    /// Holds warnings at most.
    pub report: Report,
}

/// Reads the main file and `conf.d/*.toml` beside it. Secrets come from systemd's credentials, where it passed any; one that
/// cannot be had is missing where it is needed.
pub fn load(main_file: &Path) -> Result<Loaded, Report> {
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    load_with(main_file, credentials.as_deref())
}

/// As [`load`], with the folder of credentials as an argument.
pub fn load_with(main_file: &Path, credentials: Option<&Path>) -> Result<Loaded, Report> {
    let mut report = Report::default();
    let merged = merge::load(main_file, &mut report);
    let config = meaning::interpret(&merged, credentials, &mut report);
    if report.has_errors() { Err(report) } else { Ok(Loaded { config, report }) }
}

impl Loaded {
    /// Every key with the value in force and where it was said, as TOML. Secrets are only named, as in the files.
    pub fn show(&self) -> String {
        show::show(&self.report.sources)
    }
}

#[cfg(test)]
mod tests;
