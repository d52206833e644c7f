//! Gates: what is behind each name, which cameras it serves, and what forbids it.
//!
//! Reads and checks. Whether a line or a relay answers is not asked here.

use std::{collections::BTreeMap, fs::File, io::Read as _, path::Path, sync::Arc, time::Duration};

use serde_spanned::Spanned;

use super::{
    Source, broker,
    meaning::{Context, Names, or},
    merge::Placed,
    report::{FileId, Problem, Span},
    schema::{self, Key},
    values::{Name, Time, nearest},
    wires::{self, LineWord},
};
use crate::{
    access::{Kind, List},
    fact::GateId,
    frame::CameraId,
    gate::{
        self, Address, Wiring, relay,
        wiegand::{self, Bits},
    },
    plate::PlateText,
};

/// A gate as it is meant.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    pub id: GateId,
    /// The cameras whose admitted vehicles it opens for.
    pub cameras: Vec<CameraId>,
    pub output: Output,
    pub pulse: Duration,
    pub gap: Duration,
    pub hold_off: Duration,
    /// How long after its frame a decision may open it.
    pub valid: Duration,
    pub interlock: Option<gate::Sensing>,
    pub presence: Option<gate::Sensing>,
}

/// What is behind its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    Line(Wiring),
    Relay(relay::Settings),
    Wiegand {
        zero: Wiring,
        one: Wiring,
        settings: wiegand::Settings,
    },
    /// Somebody listens at the broker. `None`: our own topic, our own message.
    Message {
        topic: Option<String>,
        payload: Option<String>,
    },
}

/// Largest table of card numbers.
const LARGEST: u64 = 4 << 20;
/// Problems shown per table, and pairs of plates that share a number.
const MOST_PROBLEMS: usize = 20;

const PULSES: std::ops::RangeInclusive<Duration> = Duration::from_millis(50)..=Duration::from_secs(10);
const GAPS: std::ops::RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(60);
const HOLD_OFFS: std::ops::RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(3600);
const VALIDITIES: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=gate::LONGEST_VALIDITY;
const DEBOUNCES: std::ops::RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(5);
const TIMEOUTS: std::ops::RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(5);

/// The gates of all files. `cameras` are those that could be understood.
/// `lines` are those of the GPIO chips that have a use already.
pub(super) fn interpret(
    context: &mut Context<'_>,
    cameras: &[super::Camera],
    lists: &[List],
    lines: &mut Vec<(Address, Span)>,
) -> Vec<Gate> {
    let merged = context.merged;
    let mut gates: Vec<Gate> = Vec::new();
    let mut names = Names::default();
    for placed in &merged.gates {
        let (file, table, at) = (placed.file, placed.get(), placed.span());
        let name = context.needed(&table.name, "name", &at, "\"north\"");
        if let Some(name) = name {
            names.take(context, "gates", name, file);
        }
        let serves = serves(context, placed, cameras);
        let mut reader = Reader { context: &mut *context, file, lines: &mut *lines };
        let output = reader.output(placed);
        let time =
            |reader: &mut Reader<'_, '_>, key, what, default, range| reader.time(key, what, default, range);
        let seconds = Duration::from_secs;
        let pulse = time(&mut reader, &table.pulse, "a pulse", Duration::from_millis(500), PULSES);
        let gap = time(&mut reader, &table.gap, "a gap", seconds(2), GAPS);
        let hold_off = time(&mut reader, &table.hold_off, "a hold-off", Duration::ZERO, HOLD_OFFS);
        let valid = time(&mut reader, &table.valid, "a validity", seconds(10), VALIDITIES);
        let interlock = reader.input(&table.interlock);
        let presence = reader.input(&table.presence);
        if let (Some(name), Some(output)) = (name, output) {
            let id = GateId::new(&name.get_ref().0);
            warn_of_collisions(context, placed, &output, lists);
            let cameras = serves;
            gates.push(Gate { id, cameras, output, pulse, gap, hold_off, valid, interlock, presence });
        }
    }
    gates
}

/// The cameras that a gate serves.
fn serves(
    context: &mut Context<'_>,
    placed: &Placed<schema::Gate>,
    cameras: &[super::Camera],
) -> Vec<CameraId> {
    let (file, at) = (placed.file, placed.span());
    let Some(written) = context.needed(&placed.get().cameras, "cameras", &at, "[\"north-gate\"]") else {
        return Vec::new();
    };
    // Also those with other problems: they are known all the same.
    let known: Vec<&str> = context
        .merged
        .cameras
        .iter()
        .filter_map(|camera| camera.get().name.as_ref())
        .map(|name| name.get_ref().0.as_str())
        .collect();
    let mut found: Vec<CameraId> = Vec::new();
    for name in written.get_ref() {
        let span = Span { file, bytes: name.span() };
        let Name(text) = name.get_ref();
        if !known.contains(&text.as_str()) {
            let help = match nearest(text, known.iter().copied()) {
                Some(near) => format!("did you mean {near:?}?"),
                None if known.is_empty() => "there is no [[camera]] yet".to_owned(),
                None => format!("the cameras are {}", known.join(", ")),
            };
            context.wrong(Problem::new(format!("there is no camera {text:?}")).at(span, "").help(help));
            continue;
        }
        let camera = cameras.iter().find(|camera| camera.id.as_str() == text);
        if camera.is_some_and(|camera| matches!(camera.source, Source::Replay(_))) {
            context.wrong(
                Problem::warning(format!("the camera {text:?} is a recording, for which no gate ever opens"))
                    .at(span, ""),
            );
        }
        let id = CameraId::new(text);
        if !found.contains(&id) {
            found.push(id);
        }
    }
    if written.get_ref().is_empty() && !context.merged.was_refused(&at, "cameras") {
        let span = Span { file, bytes: written.span() };
        context.wrong(Problem::warning("this gate opens for no camera").at(span, "by hand only"));
    }
    found
}

/// Plates that are let in and would send the same number.
fn warn_of_collisions(
    context: &mut Context<'_>,
    placed: &Placed<schema::Gate>,
    output: &Output,
    lists: &[List],
) {
    let Output::Wiegand { settings: wiegand::Settings { numbers: wiegand::Numbers::Hash, .. }, .. } = output
    else {
        return;
    };
    let allowed = lists.iter().filter(|list| list.kind == Kind::Allow).flat_map(|list| &list.entries);
    let found = wiegand::collisions(allowed.map(|entry| &entry.plate));
    for (one, other, number) in found.iter().take(MOST_PROBLEMS) {
        context.wrong(
            Problem::warning(format!("{one} and {other} have the same 26-bit number ({number})"))
                .at(placed.span(), "sent by this gate")
                .help("the access controller cannot tell them apart; give them card numbers (cards)"),
        );
    }
    if found.len() > MOST_PROBLEMS {
        let more = found.len() - MOST_PROBLEMS;
        context.wrong(
            Problem::warning(format!("{more} more pairs of plates share a number")).at(placed.span(), ""),
        );
    }
}

/// An input as it is written, in whatever table.
pub(super) struct Input<'k> {
    pub line: &'k Key<LineWord>,
    pub active_low: &'k Key<bool>,
    pub pull: &'k Key<wires::PullWord>,
    pub debounce: &'k Key<Time>,
}

/// An input of something that is no gate.
pub(super) fn sensing(
    context: &mut Context<'_>,
    file: FileId,
    lines: &mut Vec<(Address, Span)>,
    input: &Input<'_>,
    at: &Span,
) -> Option<gate::Sensing> {
    Reader { context, file, lines }.sensing(input, at)
}

/// Reads one gate's tables.
struct Reader<'a, 'b> {
    context: &'a mut Context<'b>,
    file: FileId,
    /// Lines in use, by gates and cameras.
    lines: &'a mut Vec<(Address, Span)>,
}

impl Reader<'_, '_> {
    fn at<T>(&self, written: &Spanned<T>) -> Span {
        Span { file: self.file, bytes: written.span() }
    }

    fn time(
        &mut self,
        key: &Key<super::values::Time>,
        what: &str,
        default: Duration,
        range: std::ops::RangeInclusive<Duration>,
    ) -> Duration {
        self.context.time(self.file, key, what, default, range)
    }

    fn output(&mut self, placed: &Placed<schema::Gate>) -> Option<Output> {
        let table = placed.get();
        let given = [
            table.gpio.as_ref().map(Spanned::span),
            table.mqtt.as_ref().map(Spanned::span),
            table.http.as_ref().map(Spanned::span),
            table.wiegand.as_ref().map(Spanned::span),
        ];
        let mut given = given.into_iter().flatten();
        let names = ["gpio", "mqtt", "http", "wiegand"];
        let merged = self.context.merged;
        match (given.next(), given.next()) {
            (None, _) => {
                if !names.iter().any(|key| merged.was_refused(&placed.span(), key)) {
                    self.context.wrong(
                        Problem::new("this gate has no output").at(placed.span(), "in this table").help(
                            "add one of [gate.gpio], [gate.mqtt], [gate.http], [gate.wiegand] below it",
                        ),
                    );
                }
                return None;
            }
            (Some(first), Some(second)) => {
                let at = |bytes| Span { file: placed.file, bytes };
                self.context.wrong(
                    Problem::new("a gate has one output, this one has several")
                        .at(at(second), "another output")
                        .at(at(first), "the first output")
                        .help("begin a new [[gate]] for the other; it can serve the same cameras"),
                );
                return None;
            }
            (Some(_), None) => {}
        }
        if let Some(gpio) = &table.gpio {
            let at = self.at(gpio);
            let gpio = gpio.get_ref();
            return self.wiring(&gpio.line, "line", &gpio.active_low, &at).map(Output::Line);
        }
        if let Some(mqtt) = &table.mqtt {
            return self.message(mqtt);
        }
        if let Some(http) = &table.http {
            return self.relay(http);
        }
        self.wiegand(table.wiegand.as_ref()?)
    }

    /// A line that nothing else uses.
    fn wiring(
        &mut self,
        line: &Key<LineWord>,
        name: &str,
        active_low: &Key<bool>,
        table: &Span,
    ) -> Option<Wiring> {
        let written = self.context.needed(line, name, table, "\"GPIO17\"")?;
        let address = written.get_ref().0.clone();
        let at = self.at(written);
        match self.lines.iter().find(|(used, _)| *used == address) {
            Some((_, first)) => {
                let first = first.clone();
                self.context.wrong(
                    Problem::new(format!("{address} has two uses"))
                        .at(at, "second use")
                        .at(first, "first use")
                        .help("every output and every input has a line of its own"),
                );
            }
            None => self.lines.push((address.clone(), at)),
        }
        Some(Wiring { address, active_low: or(active_low, false, |low| *low) })
    }

    fn input(&mut self, written: &Key<schema::GateInput>) -> Option<gate::Sensing> {
        let written = written.as_ref()?;
        let at = self.at(written);
        let table = written.get_ref();
        let (line, active_low) = (&table.line, &table.active_low);
        self.sensing(&Input { line, active_low, pull: &table.pull, debounce: &table.debounce }, &at)
    }

    fn sensing(&mut self, input: &Input<'_>, at: &Span) -> Option<gate::Sensing> {
        let wiring = self.wiring(input.line, "line", input.active_low, at);
        let debounce = self.time(input.debounce, "a debounce time", Duration::from_millis(50), DEBOUNCES);
        Some(gate::Sensing {
            wiring: wiring?,
            pull: or(input.pull, gate::Pull::None, |pull| pull.0),
            debounce,
        })
    }

    fn message(&mut self, written: &Spanned<schema::GateMqtt>) -> Option<Output> {
        let (at, table) = (self.at(written), written.get_ref());
        if self.context.merged.mqtt.is_none() {
            self.context.wrong(
                Problem::new("this gate is opened by a message, and there is no broker")
                    .at(at, "")
                    .help("add the table [mqtt] with the broker's host"),
            );
        }
        if let Some(topic) = &table.topic
            && !super::broker::is_topic(topic.get_ref())
        {
            let at = self.at(topic);
            self.context.wrong(
                Problem::new(format!("{:?} is no topic to publish to", topic.get_ref())).at(at, "").help(
                    "use names separated by \"/\", without +, # and $, such as \"zigbee2mqtt/gate/set\"",
                ),
            );
        }
        if let Some(payload) = &table.payload {
            let at = self.at(payload);
            if payload.get_ref().len() > 4096 {
                self.context.wrong(Problem::new("a payload has at most 4096 bytes").at(at, ""));
            } else if let Some(word) = wires::not_ours(payload.get_ref()) {
                let refusal = wires::refusal(word);
                let (what, help) = refusal.split_once(super::values::HELP).unwrap_or((&refusal, ""));
                self.context.wrong(Problem::new(what).at(at, "").help(help));
            }
        }
        let text = |key: &Key<String>| or(key, None, |text| Some(text.clone()));
        Some(Output::Message { topic: text(&table.topic), payload: text(&table.payload) })
    }

    fn relay(&mut self, written: &Spanned<schema::GateHttp>) -> Option<Output> {
        let (at, table) = (self.at(written), written.get_ref());
        let example = "\"http://192.0.2.20/relay/0?turn=on&timer={seconds}\"";
        let url = self.context.needed(&table.url, "url", &at, example);
        let login = self.context.login(&table.username, &table.password, &at);
        if or(&table.authentication, false, |word| word.digest) {
            self.context.needed(&table.username, "username", &at, "\"admin\"");
        }
        let timeout = self.time(&table.timeout, "a timeout", Duration::from_secs(2), TIMEOUTS);
        let release_url = or(&table.release_url, None, |url| Some(url.0.clone()));
        let url = url?;
        let text = url.get_ref().0.clone();
        let secure =
            text.starts_with("https:") || release_url.as_ref().is_some_and(|url| url.starts_with("https:"));
        let authorities = broker::authorities(self.context, self.file, &table.ca, secure, &at, "relay");
        let ends_itself = ["{seconds}", "timer=", "toggle_after="].iter().any(|word| text.contains(word));
        if release_url.is_none() && !ends_itself {
            let at = self.at(url);
            self.context.wrong(
                Problem::warning("nothing in this address makes the relay switch itself off")
                    .at(at, "")
                    .help("add the relay's timer (\"{seconds}\" stands for the pulse), or a release-url"),
            );
        }
        Some(Output::Relay(relay::Settings {
            url: text,
            release_url,
            post: or(&table.method, false, |method| method.post),
            login: login.map(|login| (login.username, login.password)),
            digest: or(&table.authentication, false, |word| word.digest),
            authorities,
            timeout,
        }))
    }

    fn wiegand(&mut self, written: &Spanned<schema::GateWiegand>) -> Option<Output> {
        let (at, table) = (self.at(written), written.get_ref());
        let zero = self.wiring(&table.d0, "d0", &table.active_low, &at);
        let one = self.wiring(&table.d1, "d1", &table.active_low, &at);
        let bits = or(&table.bits, Bits::TwentySix, |bits| bits.0);
        let numbers = match (bits, &table.cards) {
            (Bits::TwentySix, None) => wiegand::Numbers::Hash,
            (_, cards) => {
                let cards = self.context.needed(cards, "cards", &at, "\"cards.csv\"")?;
                let path = self.context.merged.folder(self.file).join(&cards.get_ref().0);
                let at = self.at(cards);
                wiegand::Numbers::Cards(Arc::new(card_table(self.context, &path, bits.largest(), &at)))
            }
        };
        let manual = or(&table.manual_card, None, |number| Some(number.0));
        if let Some(written) = &table.manual_card
            && written.get_ref().0 > bits.largest()
        {
            let at = self.at(written);
            self.context.wrong(
                Problem::new(format!("so few bits carry a number up to {}", bits.largest())).at(at, ""),
            );
        }
        let settings = wiegand::Settings { bits, numbers, manual };
        Some(Output::Wiegand { zero: zero?, one: one?, settings })
    }
}

/// The card numbers of a CSV file with the columns plate and card.
fn card_table(context: &mut Context<'_>, path: &Path, largest: u32, at: &Span) -> BTreeMap<PlateText, u32> {
    let text = match read(path) {
        Ok(text) => text,
        Err(error) => {
            context.wrong(
                Problem::new(format!("cannot read the cards in {}: {error}", path.display()))
                    .at(at.clone(), "")
                    .help("it must be a text file in UTF-8 with the columns plate and card, readable by the service"),
            );
            return BTreeMap::new();
        }
    };
    let (cards, problems) = parse(&text, largest);
    for (line, what) in problems.iter().take(MOST_PROBLEMS) {
        context.wrong(Problem::new(format!("{}:{line}: {what}", path.display())).at(at.clone(), ""));
    }
    if problems.len() > MOST_PROBLEMS {
        let more = problems.len() - MOST_PROBLEMS;
        context.wrong(
            Problem::new(format!("{}: {more} more lines are wrong", path.display())).at(at.clone(), ""),
        );
    }
    cards
}

fn read(path: &Path) -> std::io::Result<String> {
    let invalid = |why: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, why.to_owned());
    if !std::fs::metadata(path)?.is_file() {
        return Err(invalid("not a regular file"));
    }
    let mut text = String::new();
    File::open(path)?.take(LARGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST { Err(invalid("larger than 4 MiB")) } else { Ok(text) }
}

/// Cards by plate, and what is wrong with which line. Two plates may share a card (a family's), a plate has one.
fn parse(text: &str, largest: u32) -> (BTreeMap<PlateText, u32>, Vec<(usize, String)>) {
    let (mut cards, mut problems) = (BTreeMap::new(), Vec::new());
    for (at, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        let plain = |field: &str| field.trim().trim_matches('"').trim().to_owned();
        let Some((plate, card)) = line.split_once([',', ';']).map(|(a, b)| (plain(a), plain(b))) else {
            if !line.is_empty() && !line.starts_with('#') {
                problems.push((at + 1, "a line has a plate and a card number".to_owned()));
            }
            continue;
        };
        if line.starts_with('#') || at == 0 && plate.eq_ignore_ascii_case("plate") {
            continue;
        }
        match (PlateText::normalise(&plate), card.parse::<u32>()) {
            (Ok(plate), Ok(card)) if card <= largest => match cards.insert(plate.clone(), card) {
                Some(other) if other != card => {
                    problems.push((at + 1, format!("{plate} has the card {other} already")));
                }
                _ => {}
            },
            (Err(error), _) => problems.push((at + 1, format!("{plate:?} is no plate: {error}"))),
            _ => problems.push((at + 1, format!("{card:?} is no card number from 0 to {largest}"))),
        }
    }
    (cards, problems)
}

#[cfg(test)]
mod tests;
