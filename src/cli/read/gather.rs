//! From the paths that were typed to the pictures and clips they mean, in order, with what is wrong with them.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// File names that are clips; anything else that is a file is tried as a picture.
const CLIP_ENDINGS: [&str; 14] =
    ["mp4", "m4v", "mov", "mkv", "webm", "avi", "ts", "m2ts", "mpg", "mpeg", "h264", "h265", "mjpeg", "flv"];
const PICTURE_ENDINGS: [&str; 4] = ["jpg", "jpeg", "png", "jpe"];

/// One thing to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// Its place in the order in which results are printed.
    pub index: usize,
    pub path: PathBuf,
    pub is_clip: bool,
}

/// Everything to look at, and every path that leads nowhere.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub items: Vec<Item>,
    pub problems: Vec<String>,
}

fn ending(path: &Path) -> String {
    path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default()
}

fn is_clip(path: &Path) -> bool {
    CLIP_ENDINGS.contains(&ending(path).as_str())
}

fn is_picture(path: &Path) -> bool {
    PICTURE_ENDINGS.contains(&ending(path).as_str())
}

/// A named file is taken whatever it is called; a folder gives its pictures and clips, sorted by name, not those of
/// its sub-folders.
pub(crate) fn gather(paths: &[PathBuf]) -> Gathered {
    let mut all = Gathered::default();
    for path in paths {
        match fs::metadata(path) {
            Err(error) => all.problems.push(format!("{}: cannot be opened: {error}", path.display())),
            Ok(meta) if meta.is_dir() => add_folder(path, &mut all),
            Ok(_) => add(path.clone(), &mut all.items),
        }
    }
    all
}

fn add(path: PathBuf, items: &mut Vec<Item>) {
    let is_clip = is_clip(&path);
    items.push(Item { index: items.len(), path, is_clip });
}

fn add_folder(folder: &Path, all: &mut Gathered) {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            return all.problems.push(format!("{}: the folder cannot be listed: {error}", folder.display()));
        }
    };
    let mut files = Vec::new();
    for entry in entries {
        match entry.map(|e| e.path()) {
            Ok(path) if path.is_file() && (is_picture(&path) || is_clip(&path)) => files.push(path),
            Ok(_) => {}
            Err(error) => {
                all.problems.push(format!("{}: the folder cannot be listed: {error}", folder.display()));
            }
        }
    }
    if files.is_empty() {
        all.problems.push(format!("{}: no picture (JPEG, PNG) and no clip in this folder", folder.display()));
    }
    files.sort();
    for file in files {
        add(file, &mut all.items);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gives_its_pictures_in_order_and_leaves_other_files_alone() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.JPG", "a.png", "notes.txt", "c.mp4"] {
            fs::write(folder.path().join(name), b"x").unwrap();
        }
        let found = gather(&[folder.path().to_owned()]);
        let names: Vec<_> =
            found.items.iter().map(|i| (super::super::file_name(&i.path), i.is_clip)).collect();
        assert_eq!(names, [("a.png".into(), false), ("b.JPG".into(), false), ("c.mp4".into(), true)]);
        assert!(found.problems.is_empty());
    }

    #[test]
    fn a_missing_path_is_named_and_the_rest_is_still_taken() {
        let folder = tempfile::tempdir().unwrap();
        let there = folder.path().join("no-ending");
        fs::write(&there, b"x").unwrap();
        let found = gather(&[folder.path().join("gone.jpg"), there]);
        assert_eq!(found.items.len(), 1);
        assert!(found.problems[0].contains("gone.jpg"), "{:?}", found.problems);
    }

    #[test]
    fn a_folder_without_pictures_is_a_problem() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(gather(&[folder.path().to_owned()]).problems.len(), 1);
    }
}
