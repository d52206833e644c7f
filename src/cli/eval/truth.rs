//! Pictures whose plates are known: one JSON object a line, as the annotation files of the training data are.
//!
//! A line that cannot be understood is a problem with its file and line number; the other lines still count.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde::Deserialize;

use crate::{
    capture::still,
    geometry::{Point, Quad, Rect},
    plate::PlateText,
};

/// One picture and what is on it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Truth {
    /// As the file names it.
    pub image: String,
    /// Where it was found.
    pub path: PathBuf,
    /// The folder it is in: results are given per set.
    pub set: String,
    pub plates: Vec<TruePlate>,
}

/// A plate that is known to be there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TruePlate {
    pub area: Rect,
    pub quad: Option<Quad>,
    /// `None`: nobody can read it.
    pub text: Option<PlateText>,
}

/// The truth about a folder of pictures, and everything about it that does not fit together.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub pictures: Vec<Truth>,
    /// Lines that could not be understood.
    pub problems: Vec<String>,
    /// Lines whose picture is not there.
    pub without_image: Vec<String>,
    /// Described pictures of folders that were not asked for.
    pub elsewhere: usize,
    /// Pictures that no line speaks of, in folders of which some line speaks.
    pub without_truth: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Line {
    image: String,
    plates: Vec<LinePlate>,
}

#[derive(Deserialize)]
struct LinePlate {
    #[serde(rename = "box")]
    area: [f32; 4],
    text: Option<String>,
    quad: Option<[[f32; 2]; 4]>,
}

/// Reads the truth file; pictures are looked for under `folder`, by the name the file gives them or by the part
/// of it that lies inside `folder`.
pub(super) fn load(file: &Path, folder: &Path) -> anyhow::Result<Known> {
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read the truth file {}", file.display()))?;
    if !folder.is_dir() {
        anyhow::bail!("{} is not a folder of pictures", folder.display());
    }
    let mut known = Known::default();
    let mut named = BTreeSet::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    // The folder is one of those that the file names: its other folders were not asked for.
    let mut is_part = false;
    for (number, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
        let place = format!("{}:{}", file.display(), number + 1);
        let parsed = serde_json::from_str::<Line>(line).map_err(|e| e.to_string());
        let (image, plates) = match parsed.and_then(|l| Ok((l.image, plates(l.plates)?))) {
            Ok(line) => line,
            Err(problem) => {
                known.problems.push(format!("{place}: {problem}"));
                continue;
            }
        };
        if let Some(first) = seen.insert(image.clone(), number + 1) {
            known.problems.push(format!("{place}: {image} was described on line {first} already"));
            continue;
        }
        let Some(path) = find(folder, &image) else {
            known.without_image.push(image);
            continue;
        };
        is_part |= path != folder.join(&image);
        named.insert(path.clone());
        let set = Path::new(&image).parent().map(|p| p.to_string_lossy().into_owned()).unwrap_or_default();
        known.pictures.push(Truth { set, image, path, plates });
    }
    if is_part {
        let here = |image: &String| Path::new(image).parent().and_then(Path::file_name) == folder.file_name();
        let before = known.without_image.len();
        known.without_image.retain(here);
        known.elsewhere = before - known.without_image.len();
    }
    known.without_truth = strangers(&named)?;
    Ok(known)
}

fn plates(written: Vec<LinePlate>) -> Result<Vec<TruePlate>, String> {
    let plate = |w: LinePlate| {
        let [x, y, width, height] = w.area;
        let area = Rect::new(x, y, width, height);
        if area.area() <= 0.0 {
            return Err(format!("the box {:?} has no extent", w.area));
        }
        let text =
            w.text.map(|t| PlateText::normalise(&t).map_err(|e| format!("text {t:?}: {e}"))).transpose()?;
        Ok(TruePlate { area, quad: w.quad.map(|q| Quad(q.map(|[x, y]| Point::new(x, y)))), text })
    };
    written.into_iter().map(plate).collect()
}

/// `folder/image`, or where `folder` is itself one of the folders that `image` names, its part below.
fn find(folder: &Path, image: &str) -> Option<PathBuf> {
    let image = Path::new(image);
    if image.is_absolute() || image.components().any(|c| c.as_os_str() == "..") {
        return None;
    }
    let whole = folder.join(image);
    if whole.is_file() {
        return Some(whole);
    }
    let (parent, name) = (image.parent()?.file_name()?, image.file_name()?);
    let inside = folder.join(name);
    (folder.file_name() == Some(parent) && inside.is_file()).then_some(inside)
}

/// Pictures beside the named ones that are not named themselves.
fn strangers(named: &BTreeSet<PathBuf>) -> anyhow::Result<Vec<PathBuf>> {
    let folders: BTreeSet<&Path> = named.iter().filter_map(|p| p.parent()).collect();
    let mut found = Vec::new();
    for folder in folders {
        let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries {
            let path = entry.with_context(|| format!("cannot list {}", folder.display()))?.path();
            if path.is_file() && still::is_picture(&path) && !named.contains(&path) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with the pictures `us/a.jpg` and `us/b.jpg` and this truth.
    fn known(lines: &[&str]) -> Known {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("us")).unwrap();
        for name in ["a.jpg", "b.jpg"] {
            // Enough of a JPEG to be taken for one.
            fs::write(folder.path().join("us").join(name), [0xff, 0xd8, 0xff, 0xe0]).unwrap();
        }
        let file = folder.path().join("truth.jsonl");
        fs::write(&file, lines.join("\n")).unwrap();
        load(&file, folder.path()).unwrap()
    }

    #[test]
    fn one_of_the_folders_that_the_file_names_may_be_asked_for_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("us")).unwrap();
        fs::write(folder.path().join("us/a.jpg"), [0xff, 0xd8, 0xff, 0xe0]).unwrap();
        let file = folder.path().join("truth.jsonl");
        let line = |image: &str| format!("{{\"image\": \"{image}\", \"plates\": []}}\n");
        fs::write(&file, ["us/a.jpg", "us/gone.jpg", "eu/b.jpg", "br/c.jpg"].map(line).concat()).unwrap();
        let known = load(&file, &folder.path().join("us")).unwrap();
        assert_eq!((known.pictures.len(), known.elsewhere), (1, 2));
        assert_eq!(known.without_image, ["us/gone.jpg"]);
    }

    #[test]
    fn a_line_is_a_picture_with_its_plates() {
        let line =
            r#"{"image": "us/a.jpg", "plates": [{"box": [1, 2, 30, 10], "text": "ab-12", "quad": null},
            {"box": [1, 20, 30, 10], "text": null}]}"#
                .replace('\n', "");
        let known = known(&[&line, ""]);
        assert_eq!(known.pictures.len(), 1);
        let truth = &known.pictures[0];
        assert_eq!((truth.set.as_str(), truth.plates.len()), ("us", 2));
        assert_eq!(truth.plates[0].text.as_ref().map(PlateText::as_str), Some("AB12"));
        assert_eq!(truth.plates[1].text, None);
        assert_eq!(known.without_truth.len(), 1);
        assert!(known.problems.is_empty() && known.without_image.is_empty());
    }

    #[test]
    fn what_does_not_fit_is_named_and_the_rest_counts() {
        let known = known(&[
            r#"{"image": "us/a.jpg", "plates": []}"#,
            r#"{"image": "us/a.jpg", "plates": []}"#,
            r#"{"image": "us/gone.jpg", "plates": []}"#,
            r#"{"image": "../../etc/passwd", "plates": []}"#,
            r#"{"image": "us/b.jpg", "plates": [{"box": [1, 2, 0, 10], "text": "AB12"}]}"#,
            r#"{"image": "us/b.jpg", "plates": [{"box": [1, 2, 9, 10], "text": "京A1"}]}"#,
            "not a line at all",
        ]);
        assert_eq!(known.pictures.len(), 1);
        assert_eq!(known.without_image, ["us/gone.jpg", "../../etc/passwd"]);
        let at = |n: usize| known.problems.iter().any(|p| p.contains(&format!("truth.jsonl:{n}:")));
        assert!(known.problems.len() == 4 && at(2) && at(5) && at(6) && at(7), "{:?}", known.problems);
    }
}
