//! A note of the lines that must be at rest when the daemon is gone, beside its socket, for `amslpr gate release`.
//!
//! Written before the lines are taken, so that a daemon that was killed has left it and a configuration that was
//! broken in the meantime is not needed.

use std::{
    fs, io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    config::{Config, GateOutput},
    gate::{Address, Wiring, relay},
};

/// The note's name, in the folder of the socket.
const NAME: &str = "gate-lines.json";
/// Largest note that is read.
const LARGEST: u64 = 64 << 10;

#[derive(Debug, Serialize, Deserialize)]
struct LineNote {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    chip: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    offset: Option<u32>,
    active_low: bool,
}

/// Where the note of a daemon with this socket is.
pub fn place(socket: &Path) -> PathBuf {
    socket.with_file_name(NAME)
}

/// Every line that some gate switches.
pub fn lines(config: &Config) -> Vec<Wiring> {
    let outputs = config.gates.iter().flat_map(|gate| match &gate.output {
        GateOutput::Line(wiring) => vec![wiring],
        GateOutput::Wiegand { zero, one, .. } => vec![zero, one],
        GateOutput::Relay(_) | GateOutput::Message { .. } => Vec::new(),
    });
    outputs.cloned().collect()
}

/// Every relay that has to be switched off.
pub fn relays(config: &Config) -> Vec<&relay::Settings> {
    let all = config.gates.iter().filter_map(|gate| match &gate.output {
        GateOutput::Relay(relay) => Some(relay),
        _ => None,
    });
    all.filter(|relay| relay.release_url.is_some()).collect()
}

/// Leaves the note, whole or not at all.
pub(super) fn note(config: &Config) -> io::Result<()> {
    let place = place(&config.control.socket);
    let notes: Vec<LineNote> = lines(config)
        .into_iter()
        .map(|Wiring { address, active_low }| match address {
            Address::Name(name) => LineNote { name: Some(name), chip: None, offset: None, active_low },
            Address::Offset { chip, offset } => {
                LineNote { name: None, chip: Some(chip), offset: Some(offset), active_low }
            }
        })
        .collect();
    let text = serde_json::to_vec(&notes)?;
    let new = place.with_extension("new");
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    io::Write::write_all(&mut file, &text)?;
    fs::rename(&new, &place)
}

/// Reads the note; nothing if there is none.
pub fn noted(place: &Path) -> io::Result<Vec<Wiring>> {
    let invalid = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
    match fs::metadata(place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
        Ok(meta) if !meta.is_file() || meta.len() > LARGEST => {
            return Err(invalid("this is no note of lines"));
        }
        Ok(_) => {}
    }
    let notes: Vec<LineNote> = serde_json::from_slice(&fs::read(place)?)?;
    notes
        .into_iter()
        .map(|note| {
            let address = match (note.name, note.chip, note.offset) {
                (Some(name), None, None) => Address::Name(name),
                (None, Some(chip), Some(offset)) => Address::Offset { chip, offset },
                _ => return Err(invalid("a line has a name, or a chip and an offset")),
            };
            Ok(Wiring { address, active_low: note.active_low })
        })
        .collect()
}
