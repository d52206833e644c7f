//! From what is written to what is meant: defaults, absolute paths, secrets, and what concerns two values at once.
//!
//! Every problem found here goes into the report and a stand-in takes the value's place, so that the rest is
//! checked too. Nobody runs with a stand-in: a report with errors is all that `load` gives then.

use std::{
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_spanned::Spanned;

use super::{
    Config, Control, Engine, Health, Journal, Log, LogLevel, Login, broker, gates, hailo, hours, lists,
    merge::{Merged, Placed},
    onnxruntime,
    report::{FileId, Problem, Report, Span},
    schema::Key,
    secret::{self, SecretPlace},
    storage, threads,
    values::{Bytes, Fraction, Name, Time},
    web, webhooks,
};
use crate::{
    detect,
    infer::{EngineKind, hailo::Plan},
    journal::Durability,
    passage,
    plate::Confidence,
    read::{self, enhance},
    secret::Secret,
    track,
};

/// What the files mean.
pub(super) fn interpret(merged: &Merged, credentials: Option<&Path>, report: &mut Report) -> Config {
    let mut context = Context { merged, credentials, report, secret_files: Vec::new() };
    // Each line of a GPIO chip with its first use.
    let mut lines = Vec::new();
    let cameras = context.cameras(&mut lines);
    let schedules = hours::schedules(&mut context);
    let lists = lists::interpret(&mut context, schedules, &cameras);
    let gates = gates::interpret(&mut context, &cameras, &lists.lists, &mut lines);
    let journal = context.journal();
    Config {
        evidence: storage::evidence(&context),
        privacy: storage::privacy(&mut context),
        engine: context.engine(),
        threads: threads::interpret(&mut context),
        detect: context.detect(),
        choose: context.choose(),
        recall: context.recall(),
        tesseract: context.tesseract(),
        track: context.track(),
        regions: context.passage().regions,
        passage: context.passage(),
        access: hours::rules(&context),
        lists,
        gates,
        control: context.control(),
        mqtt: broker::interpret(&mut context),
        http: web::interpret(&mut context),
        webhooks: webhooks::interpret(&mut context, journal.retention),
        log: context.log(),
        health: context.health(),
        secret_files: std::mem::take(&mut context.secret_files),
        cameras,
        journal,
    }
}

/// What every table needs to be understood.
pub(super) struct Context<'a> {
    pub merged: &'a Merged,
    pub credentials: Option<&'a Path>,
    pub report: &'a mut Report,
    pub secret_files: Vec<PathBuf>,
}

/// The written value, or its default.
pub(super) fn or<T, U>(key: &Key<T>, default: U, read: impl FnOnce(&T) -> U) -> U {
    key.as_ref().map_or(default, |spanned| read(spanned.get_ref()))
}

/// Names of things of one kind, each with the place where it was met first.
#[derive(Debug, Default)]
pub(super) struct Names<'a>(Vec<(&'a str, Span)>);

impl<'a> Names<'a> {
    /// Notes one of `things`; false, and said, if another has this name.
    pub(super) fn take(
        &mut self,
        context: &mut Context<'_>,
        things: &str,
        name: &'a Spanned<Name>,
        file: FileId,
    ) -> bool {
        let (text, at) = (name.get_ref().0.as_str(), Span { file, bytes: name.span() });
        if let Some((_, first)) = self.0.iter().find(|(earlier, _)| *earlier == text) {
            context.wrong(
                Problem::new(format!("two {things} share the name {text:?}"))
                    .at(at, "second use")
                    .at(first.clone(), "first use")
                    .help("each has a name of its own"),
            );
            return false;
        }
        self.0.push((text, at));
        true
    }
}

impl Context<'_> {
    /// A time within bounds; `default` where it is not written, or not within.
    pub(super) fn time(
        &mut self,
        file: FileId,
        key: &Key<Time>,
        what: &str,
        default: Duration,
        range: RangeInclusive<Duration>,
    ) -> Duration {
        let Some(written) = key else { return default };
        let time = written.get_ref().0;
        if !range.contains(&time) {
            let (least, most) = (range.start(), range.end());
            let at = Span { file, bytes: written.span() };
            self.wrong(Problem::new(format!("{what} lies between {least:?} and {most:?}")).at(at, ""));
            return default;
        }
        time
    }

    pub(super) fn wrong(&mut self, problem: Problem) {
        self.report.add(problem);
    }

    /// A key that the table must have; says so where it is missing and was not refused for another reason.
    pub(super) fn needed<'k, T>(
        &mut self,
        key: &'k Key<T>,
        name: &str,
        table: &Span,
        example: &str,
    ) -> Option<&'k Spanned<T>> {
        if key.is_none() && !self.merged.was_refused(table, name) {
            self.wrong(
                Problem::new(format!("the key {name:?} is missing"))
                    .at(table.clone(), "in this table")
                    .help(format!("for example: {name} = {example}")),
            );
        }
        key.as_ref()
    }

    fn journal(&mut self) -> Journal {
        const LEAST: u64 = 4 << 20;
        let mut journal = Journal {
            path: "/var/lib/amslpr/journal.db".into(),
            retention: None,
            largest: 2 << 30,
            durability: Durability::Full,
            checkpoint: 16 << 20,
            cache: 4 << 20,
        };
        if let Some(table) = &self.merged.journal {
            let (file, table) = (table.file, table.get());
            journal.path = or(&table.path, journal.path, |p| self.merged.folder(file).join(&p.0));
            journal.retention = or(&table.retention, journal.retention, |keep| keep.0);
            journal.largest = or(&table.largest, journal.largest, |bytes| bytes.0);
            journal.durability = or(&table.synchronous, journal.durability, |word| word.0);
            let within = |bytes: &Bytes| u32::try_from(bytes.0).unwrap_or(u32::MAX);
            journal.checkpoint = or(&table.checkpoint, journal.checkpoint, within);
            journal.cache = or(&table.cache, journal.cache, within);
            let limits = [
                ("checkpoint", &table.checkpoint, 64 << 10, 1 << 30, "64 KiB and 1 GiB"),
                ("cache", &table.cache, 256 << 10, 1 << 30, "256 KiB and 1 GiB"),
            ];
            for (name, key, least, most, words) in limits {
                if let Some(written) = key.as_ref().filter(|key| !(least..=most).contains(&key.get_ref().0)) {
                    let span = Span { file, bytes: written.span() };
                    self.wrong(Problem::new(format!("{name} lies between {words}")).at(span, ""));
                }
            }
            if let Some(written) = table.largest.as_ref().filter(|bytes| bytes.get_ref().0 < LEAST) {
                let span = Span { file, bytes: written.span() };
                self.wrong(Problem::new("a journal needs 4 MiB at least").at(span, ""));
            }
        }
        journal
    }

    fn engine(&mut self) -> Engine {
        let mut engine = Engine {
            order: vec![EngineKind::Hailo, EngineKind::Cpu, EngineKind::Tesseract],
            threads: 1,
            models: None,
            hailo: Plan::default(),
            onnx: onnxruntime::usual(),
        };
        let Some(placed) = &self.merged.engine else { return engine };
        let (file, table) = (placed.file, placed.get());
        engine.threads = or(&table.threads, engine.threads, |n| n.0 as usize);
        engine.models = or(&table.models, None, |p| Some(self.merged.folder(file).join(&p.0)));
        engine.hailo = hailo::interpret(self, table, file);
        engine.onnx = onnxruntime::interpret(self, table, file);
        if let Some(order) = &table.order {
            let mut first: Vec<&Spanned<_>> = Vec::new();
            for word in order.get_ref() {
                match first.iter().find(|earlier| earlier.get_ref() == word.get_ref()) {
                    Some(earlier) => self.wrong(
                        Problem::new(format!(
                            "the engine {:?} stands twice in the order",
                            word.get_ref().0.as_str()
                        ))
                        .at(Span { file, bytes: word.span() }, "second time")
                        .at(Span { file, bytes: earlier.span() }, "first time"),
                    ),
                    None => first.push(word),
                }
            }
            if first.is_empty() {
                self.wrong(
                    Problem::new("the order names no engine")
                        .at(Span { file, bytes: order.span() }, "")
                        .help("\"cpu\" needs nothing but the model files"),
                );
            }
            engine.order = first.iter().map(|word| word.get_ref().0).collect();
        }
        engine
    }

    fn detect(&self) -> detect::Settings {
        let mut settings = detect::Settings::default();
        if let Some(table) = self.merged.detect.as_ref().map(Placed::get) {
            settings.score = or(&table.score, settings.score, |x| Some(x.0));
            settings.min_height = or(&table.min_height, settings.min_height, |x| x.0);
            settings.max_plates = or(&table.max_plates, settings.max_plates, |n| n.0 as usize);
        }
        settings
    }

    fn choose(&self) -> read::choose::Settings {
        let mut settings = read::choose::Settings::default();
        if let Some(table) = self.merged.read.as_ref().map(Placed::get) {
            settings.min_height = or(&table.min_height, settings.min_height, |x| x.0);
            settings.edge = or(&table.edge, settings.edge, |x| x.0);
            settings.eager = or(&table.eager, settings.eager, |n| n.0);
            settings.better = or(&table.better, settings.better, |x| x.0);
            settings.again_after = or(&table.again_after, settings.again_after, |t| t.0);
            settings.max_reads = or(&table.max_reads, settings.max_reads, |n| n.0);
        }
        settings
    }

    fn recall(&self) -> read::recall::Settings {
        let mut settings = read::recall::Settings { bytes: 1 << 20, ..read::recall::Settings::default() };
        if let Some(table) = self.merged.read.as_ref().map(Placed::get) {
            settings.bytes = or(&table.cache, settings.bytes, |step| step.0.map_or(0, |bytes| bytes.0));
            settings.keep = or(&table.cache_for, settings.keep, |t| t.0);
        }
        settings
    }

    fn tesseract(&mut self) -> enhance::Settings {
        let mut settings = enhance::Settings::default();
        let Some(placed) = &self.merged.read else { return settings };
        let Some(table) = placed.get().tesseract.as_ref().map(Spanned::get_ref) else { return settings };
        settings.trim = or(&table.trim, settings.trim, |trim| *trim);
        if let Some(height) = &table.character_height {
            settings.resize = enhance::Resize::CharacterHeight(height.get_ref().0);
        }
        if let Some(factor) = table.resize.as_ref().and_then(|step| step.get_ref().0.as_ref()) {
            settings.resize = enhance::Resize::Factor(factor.0);
        }
        let grid = or(&table.clahe_grid, 8, |n| n.0);
        let clip = or(&table.clahe, None, |step| step.0.map(|x| x.0));
        settings.contrast = clip.map(|clip_limit| enhance::Clahe { clip_limit, grid });
        settings.denoise = or(&table.denoise, settings.denoise, |step| step.0.map(|x| x.0));
        let constant = or(&table.threshold_constant, 10, |x| x.0.round() as i32);
        if let Some(block) = &table.threshold {
            settings.threshold = block.get_ref().0.map(|n| enhance::Threshold { block: n.0, constant });
            if settings.threshold.is_some_and(|t| t.block % 2 == 0) {
                let at = Span { file: placed.file, bytes: block.span() };
                self.wrong(
                    Problem::new("a block of the threshold has a pixel in its middle, so its size is odd")
                        .at(at, "")
                        .help("for example: threshold = 31"),
                );
            }
        }
        settings
    }

    fn track(&mut self) -> track::Settings {
        let mut settings = track::Settings::default();
        let Some(placed) = &self.merged.track else { return settings };
        let table = placed.get();
        settings.weak = or(&table.weak, settings.weak, |x| x.0);
        settings.reach = or(&table.reach, settings.reach, |x| x.0);
        settings.growth = or(&table.growth, settings.growth, |x| x.0);
        settings.patience = or(&table.patience, settings.patience, |t| t.0);
        settings.patience_frames = or(&table.patience_frames, settings.patience_frames, |n| n.0);
        settings.first_patience = or(&table.first_patience, settings.first_patience, |t| t.0);
        settings.max_tracks = or(&table.max_tracks, settings.max_tracks, |n| n.0 as usize);
        if let Some(score) = self.detect().score.filter(|score| settings.weak > *score) {
            self.wrong(
                Problem::new(format!(
                    "weak detections ({}) cannot be more confident than the [detect] score ({score})",
                    settings.weak
                ))
                .at(placed.span(), "in this table"),
            );
        }
        settings
    }

    fn passage(&self) -> passage::Settings {
        let mut settings = passage::Settings::default();
        if let Some(table) = self.merged.passage.as_ref().map(Placed::get) {
            let vote = &mut settings.vote;
            vote.sure_confidence = or(&table.sure, vote.sure_confidence, confidence);
            vote.agreeing = or(&table.agreeing, vote.agreeing, |n| n.0);
            vote.good_confidence = or(&table.good, vote.good_confidence, confidence);
            vote.good_height = or(&table.good_height, vote.good_height, |x| x.0);
            vote.firm_height = or(&table.firm_height, vote.firm_height, |x| x.0);
            vote.together = or(&table.together, vote.together, |step| step.0.as_ref().map(confidence));
            vote.alone = or(&table.alone, vote.alone, |step| step.0.as_ref().map(confidence));
            settings.recheck = or(&table.recheck, settings.recheck, |t| t.0);
            settings.settle = or(&table.settle, settings.settle, |t| t.0);
            settings.least_confidence = or(&table.least, settings.least_confidence, confidence);
            settings.least_frames = or(&table.min_frames, settings.least_frames, |n| n.0);
            settings.leave_after = or(&table.leave_after, settings.leave_after, |t| t.0);
            settings.parked_leave_after = or(&table.parked_leave_after, settings.parked_leave_after, |t| t.0);
            settings.tell_unread = or(&table.unread, settings.tell_unread, |tell| *tell);
            settings.unread_frames = or(&table.unread_frames, settings.unread_frames, |n| n.0);
            settings.unread_height = or(&table.unread_height, settings.unread_height, |x| x.0);
        }
        if let Some(plate) = self.merged.plate.as_ref().map(Placed::get) {
            settings.regions = or(&plate.regions, Vec::new(), |all| all.iter().map(|code| code.0).collect());
        }
        settings
    }

    pub(super) fn login(
        &mut self,
        username: &Key<String>,
        password: &Key<SecretPlace>,
        table: &Span,
    ) -> Option<Login> {
        let secret = password.as_ref().map(|place| self.secret(place, table.file));
        match (username, secret) {
            (Some(username), Some(password)) => {
                Some(Login { username: username.get_ref().clone(), password })
            }
            (None, None) => None,
            (Some(_), None) => {
                self.needed(password, "password", table, "{ credential = \"amslpr.street-password\" }");
                None
            }
            (None, Some(_)) => {
                self.needed(username, "username", table, "\"viewer\"");
                None
            }
        }
    }

    /// One that cannot be had is missing for whoever needs it: a camera without its password must not keep the others
    /// from being looked at.
    pub(super) fn secret(&mut self, place: &Spanned<SecretPlace>, file: FileId) -> Secret {
        self.fetch(place, file, false)
    }

    /// One without which nothing may run.
    pub(super) fn needed_secret(&mut self, place: &Spanned<SecretPlace>, file: FileId) -> Secret {
        self.fetch(place, file, true)
    }

    fn fetch(&mut self, place: &Spanned<SecretPlace>, file: FileId, needed: bool) -> Secret {
        let at = Span { file, bytes: place.span() };
        let folder = self.merged.folder(file);
        if let SecretPlace::File(path) = place.get_ref() {
            self.secret_files.push(folder.join(path));
        }
        if place.get_ref().is_open_to_all(folder) {
            self.wrong(
                Problem::warning("everybody on this machine may read the file of this secret")
                    .at(at.clone(), "")
                    .help("chmod 640 it and give it to the group of the service, or use a credential"),
            );
        }
        match place.get_ref().fetch(self.credentials, folder) {
            Ok(secret) => secret,
            Err(missing) => {
                let why = Secret::missing(format!("{}; {}", missing.what, missing.help));
                let stores = secret::STORES.map(Path::new);
                let problem = match place.get_ref() {
                    SecretPlace::Credential(name) if missing.elsewhere => {
                        // The service gets what lies there, and only the service.
                        if secret::is_in_store(name, &stores) != Some(false) {
                            return why;
                        }
                        let what = format!("there is no credential {name:?} for the service to import");
                        let help = format!(
                            "make it by `systemd-creds encrypt --name={name} - /etc/credstore.encrypted/{name}`"
                        );
                        Problem::warning(what).help(help)
                    }
                    _ if needed => Problem::new(missing.what).help(missing.help),
                    _ => Problem::warning(missing.what).help(missing.help),
                };
                self.wrong(problem.at(at, ""));
                why
            }
        }
    }

    fn control(&self) -> Control {
        let usual = PathBuf::from("/run/amslpr/control.sock");
        let written =
            self.merged.control.as_ref().and_then(|table| Some((table.file, table.get().socket.as_ref()?)));
        let socket = written.map_or(usual, |(file, place)| self.merged.folder(file).join(&place.get_ref().0));
        Control { socket }
    }

    fn log(&self) -> Log {
        let table = self.merged.log.as_ref().map(Placed::get);
        Log {
            level: table.map_or(LogLevel::Info, |t| or(&t.level, LogLevel::Info, |word| word.0)),
            plates: table.is_some_and(|t| or(&t.plates, false, |plates| *plates)),
        }
    }

    fn health(&mut self) -> Health {
        let default = Duration::from_secs(30);
        let Some(placed) = &self.merged.health else { return Health { every: default } };
        let every = or(&placed.get().every, default, |t| t.0);
        if let Some(written) = &placed.get().every
            && every < Duration::from_secs(1)
        {
            let at = Span { file: placed.file, bytes: written.span() };
            self.wrong(Problem::new("health is said at most once a second").at(at, "").help("write \"30s\""));
        }
        Health { every }
    }
}

fn confidence(fraction: &Fraction) -> Confidence {
    Confidence::new(fraction.0)
}
