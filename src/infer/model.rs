//! Finding the models on disk and making sure that a network file is the one its description speaks of.
//!
//! Knows files, not networks: running them is the engines' business.

use std::{
    fs, io,
    io::Read as _,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::description::{Description, Task};

/// Where the Debian package puts the shipped models, seen from the directory of the executable.
const PACKAGED: &str = "../share/amslpr/models";
/// Largest description and network file that is looked at.
const MAX_DESCRIPTION: u64 = 256 << 10;
const MAX_NETWORK: u64 = 256 << 20;
/// How far above the executable a checkout's `models/` is looked for (`target/release/deps/x` lies four deep).
const CHECKOUT_DEPTH: usize = 5;

/// Why a model cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("no model directory; looked for detector.toml or reader.toml in {}; {ADVICE}", listed(.looked_in))]
    NotFound { looked_in: Vec<PathBuf> },
    #[error("{}: cannot read it: {reason}; {ADVICE}", .file.display())]
    Unreadable { file: PathBuf, reason: io::Error },
    #[error("{}: {bytes} bytes, more than the {limit} that such a file may have", .file.display())]
    TooLarge { file: PathBuf, bytes: u64, limit: u64 },
    #[error("{}: {problem}", .file.display())]
    Syntax { file: PathBuf, problem: String },
    #[error("{}: format {found} is unknown; this program reads format {known}, a newer one may read it", .file.display())]
    Format { file: PathBuf, found: u32, known: u32 },
    #[error("{}: {problem}", .file.display())]
    Nonsense { file: PathBuf, problem: String },
    #[error("{}: describes a network to {found}, needed is one to {wanted}", .file.display())]
    Task { file: PathBuf, found: &'static str, wanted: &'static str },
    #[error(
        "{}: SHA-256 is {found}, its description says {expected}: the file is damaged, incomplete or another one; \
         copy it again, or put its own SHA-256 into the description", .file.display()
    )]
    Changed { file: PathBuf, found: String, expected: String },
    #[error("{}: is no network this engine can run: {reason}", .file.display())]
    Unloadable { file: PathBuf, reason: String },
    #[error("{}: decoder {decoder} cannot be used {place}; {advice}", .file.display())]
    Unsupported { file: PathBuf, decoder: &'static str, place: &'static str, advice: &'static str },
    #[error("{}: nothing describes it; looked for {}; write one, or use the shipped description's file name",
            .file.display(), listed(.looked_for))]
    Undescribed { file: PathBuf, looked_for: Vec<PathBuf> },
    #[error("{}: {mismatch}; correct the description or use the network it was written for", .file.display())]
    Mismatch { file: PathBuf, mismatch: String },
}

const ADVICE: &str = "install the package's models again or name a directory of models in the configuration";

fn listed(places: &[PathBuf]) -> String {
    places.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// A directory that holds `detector.toml`, `reader.toml` or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Models {
    directory: PathBuf,
}

impl Models {
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Reads the description for a task. Does not touch the network file yet.
    pub fn description(&self, task: Task) -> Result<Description, ModelError> {
        let description = Description::load(&self.directory.join(task.file_name()))?;
        description.require(task)?;
        Ok(description)
    }

    /// The same network computing with 8-bit integers, for engines that run such; `None` if there is none.
    pub fn int8(&self, task: Task) -> Result<Option<Description>, ModelError> {
        let path = self.int8_path(task);
        if !path.is_file() {
            return Ok(None);
        }
        let description = Description::load(&path)?;
        description.require(task)?;
        Ok(Some(description))
    }

    fn int8_path(&self, task: Task) -> PathBuf {
        self.directory.join(task.file_name()).with_extension("int8.toml")
    }

    /// Why there is no such network.
    pub fn without_int8(&self, task: Task) -> ModelError {
        let reason = io::Error::from(io::ErrorKind::NotFound);
        ModelError::Unreadable { file: self.int8_path(task), reason }
    }
}

/// Finds the models: a configured directory and no other, else the installed ones, else those of a checkout
/// above the executable or in the working directory.
pub fn find(configured: Option<&Path>) -> Result<Models, ModelError> {
    let looked_in = match configured {
        Some(directory) => vec![directory.to_path_buf()],
        None => usual_places(std::env::current_exe().ok().as_deref()),
    };
    let holds_one = |d: &Path| [Task::Detect, Task::Read].iter().any(|t| d.join(t.file_name()).is_file());
    match looked_in.iter().find(|d| holds_one(d)) {
        Some(directory) => Ok(Models { directory: directory.clone() }),
        None => Err(ModelError::NotFound { looked_in }),
    }
}

fn usual_places(executable: Option<&Path>) -> Vec<PathBuf> {
    let mut places = Vec::new();
    if let Some(directory) = executable.and_then(Path::parent) {
        places.push(directory.join(PACKAGED));
        places.extend(directory.ancestors().skip(1).take(CHECKOUT_DEPTH).map(|d| d.join("models")));
    }
    places.push(PathBuf::from("models"));
    places
}

impl Description {
    /// Reads a description file.
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        let bytes = read_bounded(path, MAX_DESCRIPTION)?;
        let text = String::from_utf8(bytes)
            .map_err(|e| ModelError::Syntax { file: path.into(), problem: format!("is not a text: {e}") })?;
        Self::parse(path, &text)
    }

    /// An error unless it is a network for this task.
    pub fn require(&self, task: Task) -> Result<(), ModelError> {
        if self.task == task {
            return Ok(());
        }
        Err(ModelError::Task { file: self.file.clone(), found: self.task.as_str(), wanted: task.as_str() })
    }

    /// The network file's bytes, if they are those the description was written for.
    pub fn verified_bytes(&self) -> Result<Vec<u8>, ModelError> {
        let bytes = read_bounded(&self.file, MAX_NETWORK)?;
        let found: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
        if found == self.sha256 {
            return Ok(bytes);
        }
        Err(ModelError::Changed { file: self.file.clone(), found, expected: self.sha256.clone() })
    }
}

fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, ModelError> {
    let unreadable = |reason| ModelError::Unreadable { file: path.into(), reason };
    let file = fs::File::open(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    if length > limit {
        return Err(ModelError::TooLarge { file: path.into(), bytes: length, limit });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    file.take(limit).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}
