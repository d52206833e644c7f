//! The configuration as written: one struct per table, every key optional, nothing interpreted.
//!
//! What a missing key means stands in `meaning`; what each key is for, and its default as people read it, in
//! `keys`. A test holds the three together.

use serde::Deserialize;
use serde_spanned::Spanned;

use super::{
    hours::{DayWord, HoursWord, When, ZoneWord},
    optics::{DecodeWord, ExposureWord, GainWord, PowerLineWord},
    secret::SecretPlace,
    threads::CpusWord,
    values::{
        AntiPassbackWord, Bytes, Count, EngineWord, EventWord, FormatWord, Fraction, HolidayWord, Keep,
        LevelWord, ListKindWord, Name, OffOr, PaceWord, Place, PlateWord, PowerWord, PrecisionWord,
        PrivacyWord, ProviderWord, RegionCode, RoleWord, RtspUrl, SyncWord, Time, TransportWord, Within,
    },
    web::ListenWord,
    webhooks::HookUrl,
    wires::{AuthenticationWord, BitsWord, LineWord, MethodWord, PullWord, RelayUrl},
};

/// A value and where it stands.
pub(super) type Key<T> = Option<Spanned<T>>;

/// One file.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct File {
    pub format: Key<i64>,
    pub journal: Key<Journal>,
    pub evidence: Key<Evidence>,
    pub privacy: Key<Privacy>,
    #[serde(default)]
    pub camera: Vec<Spanned<Camera>>,
    pub engine: Key<Engine>,
    pub threads: Key<Threads>,
    pub detect: Key<Detect>,
    pub read: Key<Read>,
    pub track: Key<Track>,
    pub passage: Key<Passage>,
    pub plate: Key<Plate>,
    #[serde(default)]
    pub list: Vec<Spanned<List>>,
    pub access: Key<Access>,
    #[serde(default)]
    pub schedule: Vec<Spanned<Schedule>>,
    #[serde(default)]
    pub gate: Vec<Spanned<Gate>>,
    pub control: Key<Control>,
    pub mqtt: Key<Mqtt>,
    pub http: Key<Http>,
    #[serde(default)]
    pub webhook: Vec<Spanned<Webhook>>,
    pub log: Key<Log>,
    pub health: Key<Health>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Journal {
    pub path: Key<Place>,
    pub retention: Key<Keep>,
    pub largest: Key<Bytes>,
    pub synchronous: Key<SyncWord>,
    pub checkpoint: Key<Bytes>,
    pub cache: Key<Bytes>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Evidence {
    pub enabled: Key<bool>,
    pub path: Key<Place>,
    pub plate: Key<bool>,
    pub frame: Key<bool>,
    pub quality: Key<Count<1, 100>>,
    pub retention: Key<Keep>,
    pub largest: Key<Bytes>,
    pub keep_free: Key<Bytes>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Privacy {
    pub mode: Key<PrivacyWord>,
    pub key: Key<SecretPlace>,
    #[serde(default)]
    pub never_store: Vec<Spanned<Name>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Camera {
    pub name: Key<Name>,
    pub replay: Key<Replay>,
    pub v4l2: Key<V4l2>,
    pub rtsp: Key<Rtsp>,
    pub role: Key<RoleWord>,
    pub line: Key<Vec<Vec<Fraction>>>,
    #[serde(default)]
    pub zones: Vec<Spanned<Vec<Vec<Fraction>>>>,
    #[serde(default)]
    pub masks: Vec<Spanned<Vec<Vec<Fraction>>>>,
    pub min_plate_height: Key<Within<0, 1000>>,
    pub enabled: Key<bool>,
    pub memory: Key<Bytes>,
    pub decode: Key<DecodeWord>,
    pub motion: Key<bool>,
    pub motion_change: Key<Within<1, 255>>,
    pub linger: Key<Time>,
    pub look_every: Key<Time>,
    pub trigger: Key<CameraTrigger>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct CameraTrigger {
    pub line: Key<LineWord>,
    pub active_low: Key<bool>,
    pub pull: Key<PullWord>,
    pub debounce: Key<Time>,
    pub hold: Key<Time>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Replay {
    pub path: Key<Place>,
    pub speed: Key<PaceWord>,
    pub interval: Key<Time>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct V4l2 {
    pub device: Key<Place>,
    pub width: Key<Count<16, 8192>>,
    pub height: Key<Count<16, 8192>>,
    pub fps: Key<Count<1, 240>>,
    pub format: Key<FormatWord>,
    pub exposure: Key<ExposureWord>,
    pub gain: Key<GainWord>,
    pub power_line: Key<PowerLineWord>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Rtsp {
    pub url: Key<RtspUrl>,
    pub username: Key<String>,
    pub password: Key<SecretPlace>,
    pub transport: Key<TransportWord>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Engine {
    pub order: Key<Vec<Spanned<EngineWord>>>,
    pub threads: Key<Count<1, 64>>,
    pub models: Key<Place>,
    pub hailo: Key<Hailo>,
    pub onnxruntime: Key<OnnxRuntime>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Hailo {
    pub detector: Key<Place>,
    pub reader: Key<Place>,
    pub library: Key<Place>,
    pub batch_size: Key<Count<1, 63>>,
    pub detect_batch_size: Key<Count<1, 63>>,
    pub gather: Key<Time>,
    pub async_depth: Key<Count<1, 16>>,
    pub deadline: Key<Time>,
    pub power_mode: Key<PowerWord>,
    pub scheduler_threshold: Key<Count<0, 63>>,
    pub scheduler_timeout: Key<Time>,
    pub scheduler_priority: Key<Count<0, 31>>,
    pub return_after: Key<Time>,
    pub retry_after: Key<Time>,
    pub rescan_every: Key<Time>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct OnnxRuntime {
    pub library: Key<Place>,
    pub precision: Key<PrecisionWord>,
    pub batch_size: Key<Count<1, 16>>,
    pub provider: Key<ProviderWord>,
    pub gpu: Key<Count<0, 63>>,
    pub memory: Key<Bytes>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Threads {
    pub capture_nice: Key<Count<0, 19>>,
    pub capture_cpus: Key<CpusWord>,
    pub look_nice: Key<Count<0, 19>>,
    pub look_cpus: Key<CpusWord>,
    pub serve_nice: Key<Count<0, 19>>,
    pub serve_cpus: Key<CpusWord>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Detect {
    pub score: Key<Fraction>,
    pub min_height: Key<Within<0, 1000>>,
    pub max_plates: Key<Count<1, 256>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Read {
    pub min_height: Key<Within<0, 1000>>,
    pub edge: Key<Within<0, 1000>>,
    pub eager: Key<Count<1, 1000>>,
    pub better: Key<Within<1, 10>>,
    pub again_after: Key<Time>,
    pub max_reads: Key<Count<1, 10000>>,
    pub cache: Key<OffOr<Bytes>>,
    pub cache_for: Key<Time>,
    pub tesseract: Key<Tesseract>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Tesseract {
    pub trim: Key<bool>,
    pub character_height: Key<Count<8, 200>>,
    pub resize: Key<OffOr<Within<1, 8>>>,
    pub clahe: Key<OffOr<Within<1, 40>>>,
    pub clahe_grid: Key<Count<1, 16>>,
    pub denoise: Key<OffOr<Within<0, 100>>>,
    pub threshold: Key<OffOr<Count<3, 255>>>,
    pub threshold_constant: Key<Within<-128, 128>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Track {
    pub weak: Key<Fraction>,
    pub reach: Key<Within<0, 20>>,
    pub growth: Key<Within<1, 10>>,
    pub patience: Key<Time>,
    pub patience_frames: Key<Count<0, 1000>>,
    pub first_patience: Key<Time>,
    pub max_tracks: Key<Count<1, 1024>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Passage {
    pub sure: Key<Fraction>,
    pub agreeing: Key<Count<1, 100>>,
    pub good: Key<Fraction>,
    pub good_height: Key<Within<0, 1000>>,
    pub firm_height: Key<Within<0, 1000>>,
    pub together: Key<OffOr<Fraction>>,
    pub alone: Key<OffOr<Fraction>>,
    pub recheck: Key<Time>,
    pub settle: Key<Time>,
    pub least: Key<Fraction>,
    pub min_frames: Key<Count<1, 1000>>,
    pub leave_after: Key<Time>,
    pub parked_leave_after: Key<Time>,
    pub unread: Key<bool>,
    pub unread_frames: Key<Count<1, 10000>>,
    pub unread_height: Key<Within<0, 1000>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Plate {
    pub regions: Key<Vec<RegionCode>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct List {
    pub name: Key<Name>,
    pub kind: Key<ListKindWord>,
    #[serde(default)]
    pub plates: Vec<Spanned<Entry>>,
    pub file: Key<Place>,
    pub tolerant: Key<bool>,
    pub schedule: Key<Name>,
    pub cameras: Key<Vec<Spanned<Name>>>,
    pub capacity: Key<OffOr<Count<1, 20000>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Entry {
    pub plate: Key<PlateWord>,
    pub note: Key<String>,
    pub from: Key<When>,
    pub until: Key<When>,
    pub uses: Key<Count<1, 1000000>>,
    pub lasts: Key<Time>,
    pub schedule: Key<Name>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Access {
    pub anti_passback: Key<AntiPassbackWord>,
    pub capacity: Key<OffOr<Count<1, 20000>>>,
    pub longest_stay: Key<Time>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Schedule {
    pub name: Key<Name>,
    pub hours: Key<Vec<HoursWord>>,
    pub zone: Key<ZoneWord>,
    pub holidays: Key<Vec<DayWord>>,
    pub on_holidays: Key<HolidayWord>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Gate {
    pub name: Key<Name>,
    pub cameras: Key<Vec<Spanned<Name>>>,
    pub pulse: Key<Time>,
    pub gap: Key<Time>,
    pub hold_off: Key<Time>,
    pub valid: Key<Time>,
    pub gpio: Key<GateGpio>,
    pub mqtt: Key<GateMqtt>,
    pub http: Key<GateHttp>,
    pub wiegand: Key<GateWiegand>,
    pub interlock: Key<GateInput>,
    pub presence: Key<GateInput>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct GateGpio {
    pub line: Key<LineWord>,
    pub active_low: Key<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct GateMqtt {
    pub topic: Key<String>,
    pub payload: Key<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct GateHttp {
    pub url: Key<RelayUrl>,
    pub release_url: Key<RelayUrl>,
    pub method: Key<MethodWord>,
    pub username: Key<String>,
    pub password: Key<SecretPlace>,
    pub authentication: Key<AuthenticationWord>,
    pub ca: Key<Place>,
    pub timeout: Key<Time>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct GateWiegand {
    pub d0: Key<LineWord>,
    pub d1: Key<LineWord>,
    pub active_low: Key<bool>,
    pub bits: Key<BitsWord>,
    pub cards: Key<Place>,
    pub manual_card: Key<Count<0, 4_294_967_295>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct GateInput {
    pub line: Key<LineWord>,
    pub active_low: Key<bool>,
    pub pull: Key<PullWord>,
    pub debounce: Key<Time>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Control {
    pub socket: Key<Place>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Mqtt {
    pub host: Key<String>,
    pub port: Key<Count<1, 65535>>,
    pub client_id: Key<Name>,
    pub username: Key<String>,
    pub password: Key<SecretPlace>,
    pub tls: Key<bool>,
    pub ca: Key<Place>,
    pub certificate: Key<Place>,
    pub key: Key<SecretPlace>,
    pub prefix: Key<String>,
    pub keep_alive: Key<Time>,
    pub commands: Key<bool>,
    pub images: Key<bool>,
    pub home_assistant: Key<bool>,
    pub discovery_prefix: Key<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Http {
    pub listen: Key<ListenWord>,
    pub certificate: Key<Place>,
    pub key: Key<SecretPlace>,
    pub read_token: Key<SecretPlace>,
    pub operate_token: Key<SecretPlace>,
    pub rate: Key<Count<1, 100_000>>,
    pub connections: Key<Count<4, 4096>>,
    pub listeners: Key<Count<0, 1024>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Webhook {
    pub name: Key<Name>,
    pub url: Key<HookUrl>,
    pub secret: Key<SecretPlace>,
    pub events: Key<Vec<EventWord>>,
    pub ca: Key<Place>,
    pub timeout: Key<Time>,
    pub keep: Key<Time>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Log {
    pub level: Key<LevelWord>,
    pub plates: Key<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Health {
    pub every: Key<Time>,
}
