//! Cameras: where their pictures come from, where plates count, how much is looked at, what wakes them.
//!
//! Reads and checks. Whether a camera answers is not asked here.

use std::time::Duration;

use serde_spanned::Spanned;

use super::{
    Camera, Role, Source, Transport, Trigger, gates,
    meaning::{Context, Names, or},
    merge::Placed,
    report::{FileId, Problem, Span},
    schema::{self, Key},
    values::{Fraction, Time},
};
use crate::{
    capture::{Decode, replay, v4l2::Controls},
    frame::CameraId,
    gate::Address,
    geometry::Point,
    track::{Direction, DirectionRule, Line, Polygon, Zones},
};

/// How long a camera may be kept awake by one cause, and how far apart looks at rest may be.
const LONGEST: Duration = Duration::from_secs(600);

impl Context<'_> {
    pub(super) fn cameras(&mut self, lines: &mut Vec<(Address, Span)>) -> Vec<Camera> {
        let mut cameras: Vec<Camera> = Vec::new();
        let mut names = Names::default();
        for placed in &self.merged.cameras {
            let (file, table) = (placed.file, placed.get());
            let name = self.needed(&table.name, "name", &placed.span(), "\"north-gate\"");
            if let Some(name) = name {
                names.take(self, "cameras", name, file);
            }
            let source = self.source(placed);
            let (role, zones) = self.zones(placed);
            let trigger = self.trigger(placed, lines);
            if let (Some(name), Some(source)) = (name, source) {
                cameras.push(Camera {
                    id: CameraId::new(&name.get_ref().0),
                    source,
                    role,
                    zones,
                    enabled: or(&table.enabled, true, |on| *on),
                    memory: or(&table.memory, 96 << 20, |bytes| bytes.0),
                    decode: or(&table.decode, Decode::Auto, |word| word.0),
                    motion: or(&table.motion, true, |on| *on),
                    motion_change: or(&table.motion_change, 10.0, |change| change.0),
                    linger: self.short(&table.linger, file, "motion", Duration::from_secs(3)),
                    look_every: self.short(&table.look_every, file, "a look", Duration::from_secs(5)),
                    trigger,
                });
            }
        }
        if self.merged.cameras.is_empty() && !self.report.has_errors() {
            self.wrong(Problem::warning("no camera is configured, so nothing will be seen").help(
                "add a [[camera]] with a name and one of [camera.replay], [camera.v4l2], [camera.rtsp]",
            ));
        }
        cameras
    }

    fn source(&mut self, placed: &Placed<schema::Camera>) -> Option<Source> {
        let (file, table) = (placed.file, placed.get());
        let at = |bytes| Span { file, bytes };
        let given = [
            table.replay.as_ref().map(Spanned::span),
            table.v4l2.as_ref().map(Spanned::span),
            table.rtsp.as_ref().map(Spanned::span),
        ];
        let mut given = given.into_iter().flatten();
        match (given.next(), given.next()) {
            (None, _) => {
                if !["replay", "v4l2", "rtsp"].iter().any(|key| self.merged.was_refused(&placed.span(), key))
                {
                    self.wrong(
                        Problem::new("this camera has no source")
                            .at(placed.span(), "in this table")
                            .help("add one of [camera.replay], [camera.v4l2] and [camera.rtsp] below it"),
                    );
                }
                return None;
            }
            (Some(first), Some(second)) => {
                self.wrong(
                    Problem::new("a camera has one source, this one has several")
                        .at(at(second), "another source")
                        .at(at(first), "the first source")
                        .help("begin a new [[camera]] for the other"),
                );
                return None;
            }
            (Some(_), None) => {}
        }
        if let Some(replay) = &table.replay {
            let replay_at = at(replay.span());
            let replay = replay.get_ref();
            let path = self.needed(&replay.path, "path", &replay_at, "\"/srv/clips/gate.mp4\"")?;
            let mut settings = replay::Settings::new(self.merged.folder(file).join(&path.get_ref().0));
            settings.pacing = or(&replay.speed, settings.pacing, |word| word.0);
            settings.interval = or(&replay.interval, settings.interval, |t| t.0);
            return Some(Source::Replay(settings));
        }
        if let Some(v4l2) = table.v4l2.as_ref().map(Spanned::get_ref) {
            return Some(Source::V4l2 {
                device: or(&v4l2.device, "/dev/video0".into(), |p| self.merged.folder(file).join(&p.0)),
                width: or(&v4l2.width, 1280, |n| n.0),
                height: or(&v4l2.height, 720, |n| n.0),
                fps: or(&v4l2.fps, 15, |n| n.0),
                format: or(&v4l2.format, None, |word| word.0),
                controls: Controls {
                    exposure: or(&v4l2.exposure, None, |word| Some(word.0)),
                    gain: or(&v4l2.gain, None, |word| Some(word.0)),
                    power_line: or(&v4l2.power_line, None, |word| Some(word.0)),
                },
            });
        }
        let rtsp = table.rtsp.as_ref()?;
        let rtsp_at = at(rtsp.span());
        let rtsp = rtsp.get_ref();
        let url = self.needed(&rtsp.url, "url", &rtsp_at, "\"rtsp://192.0.2.10:554/stream1\"");
        let login = self.login(&rtsp.username, &rtsp.password, &rtsp_at);
        Some(Source::Rtsp {
            url: url?.get_ref().0.clone(),
            login,
            transport: or(&rtsp.transport, Transport::Tcp, |word| word.0),
        })
    }

    fn zones(&mut self, placed: &Placed<schema::Camera>) -> (Role, Zones) {
        let (file, table) = (placed.file, placed.get());
        let mut zones = Zones::default();
        zones.min_height = or(&table.min_plate_height, zones.min_height, |x| x.0);
        zones.include = table.zones.iter().filter_map(|z| self.polygon(z, file)).collect();
        zones.exclude = table.masks.iter().filter_map(|z| self.polygon(z, file)).collect();
        let role = or(&table.role, Role::Both, |word| word.0);
        let line = table.line.as_ref().and_then(|line| {
            let span = Span { file, bytes: line.span() };
            if role != Role::Both {
                self.wrong(
                    Problem::new(
                        "at an entry or exit every vehicle goes one way, so there is no line to cross",
                    )
                    .at(span.clone(), "")
                    .help("leave the line out, or write role = \"both\""),
                );
            }
            let ends: Vec<Point> = line.get_ref().iter().filter_map(|corner| point(corner)).collect();
            match ends.as_slice() {
                [from, to] if line.get_ref().len() == 2 && from != to => Some(Line { from: *from, to: *to }),
                _ => {
                    self.wrong(
                        Problem::new("a line has two different ends, each of two fractions")
                            .at(span, "")
                            .help("for example: line = [[0.1, 0.6], [0.9, 0.6]]"),
                    );
                    None
                }
            }
        });
        zones.direction = match (role, line) {
            (Role::Entry, _) => DirectionRule::Always(Direction::Approaching),
            (Role::Exit, _) => DirectionRule::Always(Direction::Leaving),
            (Role::Both, Some(line)) => DirectionRule::ByLine(line),
            (Role::Both, None) => DirectionRule::ByPath,
        };
        (role, zones)
    }

    fn polygon(&mut self, written: &Spanned<Vec<Vec<Fraction>>>, file: FileId) -> Option<Polygon> {
        let at = Span { file, bytes: written.span() };
        let corners: Vec<Point> = written.get_ref().iter().filter_map(|corner| point(corner)).collect();
        if corners.len() != written.get_ref().len() {
            self.wrong(
                Problem::new("a corner has two fractions: how far to the right, how far down")
                    .at(at, "")
                    .help("for example: zones = [[[0.0, 0.3], [1.0, 0.3], [1.0, 1.0], [0.0, 1.0]]]"),
            );
            return None;
        }
        match Polygon::new(corners) {
            Ok(polygon) => Some(polygon),
            Err(error) => {
                self.wrong(Problem::new(format!("this is no area: {error}")).at(at, ""));
                None
            }
        }
    }

    fn trigger(
        &mut self,
        placed: &Placed<schema::Camera>,
        lines: &mut Vec<(Address, Span)>,
    ) -> Option<Trigger> {
        let written = placed.get().trigger.as_ref()?;
        let table = written.get_ref();
        let at = Span { file: placed.file, bytes: written.span() };
        let hold = self.short(&table.hold, placed.file, "a trigger", Duration::from_secs(10));
        let input = gates::Input {
            line: &table.line,
            active_low: &table.active_low,
            pull: &table.pull,
            debounce: &table.debounce,
        };
        let sensing = gates::sensing(self, placed.file, lines, &input, &at)?;
        Some(Trigger { sensing, hold })
    }

    /// A time that is neither nothing nor very long.
    fn short(&mut self, written: &Key<Time>, file: FileId, what: &str, default: Duration) -> Duration {
        let Some(time) = written else { return default };
        let (least, most) = (Duration::from_millis(100), LONGEST);
        if !(least..=most).contains(&time.get_ref().0) {
            let at = Span { file, bytes: time.span() };
            self.wrong(Problem::new(format!("{what} has a time between 100 ms and 10 min here")).at(at, ""));
        }
        time.get_ref().0
    }
}

/// A place of two fractions.
fn point(written: &[Fraction]) -> Option<Point> {
    match written {
        [x, y] => Some(Point::new(x.0, y.0)),
        _ => None,
    }
}
