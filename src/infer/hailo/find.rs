//! Which HEF does a task, and which description goes with it.
//!
//! A HEF is described by the file of its own name that ends in `.toml`: beside it, else among the models in `hailo/`,
//! else among the models themselves, so that `detector.hef` (or `detector_h8l.hef`) compiled from `detector.onnx` is
//! described by `detector.toml`. Which of several files fits the chip is decided when the chip is known.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::{
    Settings,
    hef::{self, Container, HefError},
};
use crate::infer::{
    description::{Description, Task},
    model::{ModelError, Models},
};

/// Ends of the names of files for one chip, as packages write them.
const CHIPS: [&str; 3] = ["_h8", "_h8l", ""];

/// A network for the Hailo.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    pub description: Description,
    /// The same network compiled for one chip or the other; the best one for the chip is taken.
    pub hefs: Vec<PathBuf>,
    /// Pictures of a full batch.
    pub batch: u16,
}

impl Network {
    /// Vets a file of this network: its container, and that it is the one the description speaks of.
    pub fn vet(&self, file: &Path) -> Result<Container, HefError> {
        let container = hef::vet_file(file)?;
        let is_pinned = !self.description.sha256.is_empty() && self.description.file.as_path() == file;
        if is_pinned {
            let bytes = std::fs::read(file).map_err(|error| HefError::Unreadable(error.to_string()))?;
            let found: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
            if found != self.description.sha256 {
                return Err(HefError::Changed { found, expected: self.description.sha256.clone() });
            }
        }
        Ok(container)
    }
}

/// What is wanted of the Hailo.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub detector: Option<PathBuf>,
    pub reader: Option<PathBuf>,
    pub detect_batch: u16,
    pub read_batch: u16,
    /// Without networks.
    pub settings: Settings,
}

impl Default for Plan {
    fn default() -> Self {
        let settings = Settings::default();
        Self { detector: None, reader: None, detect_batch: 1, read_batch: 8, settings }
    }
}

impl Plan {
    /// The networks that there are files for.
    pub fn networks(&self, models: &Models) -> Result<Vec<Network>, ModelError> {
        let wanted: [(Task, Option<&Path>, u16); 2] = [
            (Task::Detect, self.detector.as_deref(), self.detect_batch),
            (Task::Read, self.reader.as_deref(), self.read_batch),
        ];
        let found = wanted.map(|(task, file, batch)| find(task, file, models, batch).transpose());
        found.into_iter().flatten().collect()
    }

    /// Somebody named a file of it.
    pub fn is_configured(&self) -> bool {
        self.detector.is_some() || self.reader.is_some() || self.settings.library.is_some()
    }
}

/// The network for a task: the configured HEF, else one among the models; `None` if there is none.
pub fn find(
    task: Task,
    configured: Option<&Path>,
    models: &Models,
    batch: u16,
) -> Result<Option<Network>, ModelError> {
    let hefs: Vec<PathBuf> = match configured {
        Some(file) => vec![file.to_owned()],
        None => {
            let stem = task.file_name().trim_end_matches(".toml");
            let folders = [models.directory().join("hailo"), models.directory().to_owned()];
            let names = CHIPS.map(|chip| format!("{stem}{chip}.hef"));
            let all = folders.iter().flat_map(|folder| names.iter().map(|name| folder.join(name)));
            all.filter(|file| file.is_file()).collect()
        }
    };
    let Some(first) = hefs.first() else { return Ok(None) };
    let mut description = described(first, models)?;
    description.require(task)?;
    // The description of a network in another form pins that form, not the HEF.
    if description.file.file_name() != first.file_name() {
        description.sha256.clear();
    }
    description.file.clone_from(first);
    Ok(Some(Network { description, hefs, batch }))
}

fn described(hef: &Path, models: &Models) -> Result<Description, ModelError> {
    let beside = hef.with_extension("toml");
    let stem = hef.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let plain = CHIPS.iter().find_map(|chip| stem.strip_suffix(chip).filter(|_| !chip.is_empty()));
    let names = [Some(stem.as_str()), plain].map(|name| name.map(|name| format!("{name}.toml")));
    let folders = [models.directory().join("hailo"), models.directory().to_owned()];
    let elsewhere = folders.iter().flat_map(|folder| names.iter().flatten().map(|name| folder.join(name)));
    let mut all = vec![beside];
    for place in elsewhere {
        // A HEF may lie among the models itself.
        if !all.contains(&place) {
            all.push(place);
        }
    }
    match all.iter().find(|file| file.is_file()) {
        Some(file) => Description::load(file),
        None => Err(ModelError::Undescribed { file: hef.to_owned(), looked_for: all }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::infer::model;

    fn models() -> (tempfile::TempDir, Models) {
        let folder = tempfile::tempdir().unwrap();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        for name in ["detector.toml", "reader.toml"] {
            fs::copy(shipped.join(name), folder.path().join(name)).unwrap();
        }
        let models = model::find(Some(folder.path())).unwrap();
        (folder, models)
    }

    #[test]
    fn a_hef_of_our_own_network_needs_no_description_of_its_own() {
        let (folder, models) = models();
        assert_eq!(find(Task::Detect, None, &models, 1).unwrap(), None);
        for name in ["detector_h8l.hef", "detector.hef"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let found = find(Task::Detect, None, &models, 1).unwrap().unwrap();
        assert_eq!(found.hefs.len(), 2);
        assert_eq!(
            (found.description.name.as_str(), found.description.sha256.as_str()),
            ("amslpr-detector-1", "")
        );
    }

    #[test]
    fn a_hef_that_nothing_describes_says_where_a_description_was_looked_for() {
        let (folder, models) = models();
        let hef = folder.path().join("other.hef");
        let error = find(Task::Detect, Some(&hef), &models, 1).unwrap_err().to_string();
        assert!(error.contains("other.toml") && error.contains("hailo"), "{error}");
    }

    #[test]
    fn hailo_s_published_networks_need_nothing_but_their_hef() {
        let models = model::find(Some(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models"))).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let network = |task, name: &str| {
            let hef = folder.path().join(name);
            find(task, Some(&hef), &models, 1).unwrap().unwrap().description
        };
        let tiny = network(Task::Detect, "tiny_yolov4_license_plates.hef");
        assert!(tiny.fits(0, &[18, 13, 13]) && tiny.fits(1, &[18, 26, 26]) && !tiny.fits(1, &[18, 13, 13]));
        let yolo8 = network(Task::Detect, "yolov8n_relu6_global_lp_det_h8l.hef");
        assert!(yolo8.fits(0, &[80, 6]));
        let paddle = network(Task::Read, "paddle_ocr_v3_recognition.hef");
        assert!(paddle.fits(0, &[40, 97]) && !paddle.fits(0, &[40, 37]));
        let hef = folder.path().join("paddle_ocr_v5_mobile_recognition.hef");
        let error = find(Task::Read, Some(&hef), &models, 1).unwrap_err().to_string();
        assert!(error.contains("ppocrv5_dict.txt"), "it says what is missing: {error}");
    }

    #[test]
    fn a_reader_is_not_taken_for_a_detector() {
        let (folder, models) = models();
        let hef = folder.path().join("reader.hef");
        assert!(matches!(find(Task::Detect, Some(&hef), &models, 1), Err(ModelError::Task { .. })));
    }
}
