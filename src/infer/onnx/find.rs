//! Where ONNX Runtime's library lies.
//!
//! A configured place and no other; else the one that `AMSLPR_ONNXRUNTIME` names; else the newest among the system's
//! libraries. Debian's package has no plain `libonnxruntime.so`, that one belongs to the development package.

use std::path::{Path, PathBuf};

/// Names the library, as in a Python environment: `.../site-packages/onnxruntime/capi/libonnxruntime.so.1.32.0`.
pub(super) const VARIABLE: &str = "AMSLPR_ONNXRUNTIME";
const NAME: &str = "libonnxruntime.so";
/// Below these, and in the folder of the machine's kind in them.
const FOLDERS: [&str; 4] = ["/usr/local/lib", "/usr/lib", "/lib", "/opt/onnxruntime/lib"];

pub(super) fn library(configured: Option<&Path>) -> Option<PathBuf> {
    let named = || std::env::var_os(VARIABLE).filter(|name| !name.is_empty()).map(PathBuf::from);
    let triplet = format!("{}-linux-gnu", std::env::consts::ARCH);
    let folders =
        FOLDERS.iter().flat_map(|folder| [Path::new(folder).to_owned(), Path::new(folder).join(&triplet)]);
    configured.map(Path::to_owned).or_else(named).or_else(|| newest(folders))
}

/// The library of the highest version in the first folder that has any.
fn newest(folders: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    folders.into_iter().find_map(|folder| {
        let inside = std::fs::read_dir(folder).ok()?;
        let versioned = inside.filter_map(|entry| {
            let path = entry.ok()?.path();
            let version = path.file_name()?.to_str()?.strip_prefix(NAME)?.to_owned();
            let numbers: Option<Vec<u32>> =
                version.split('.').filter(|part| !part.is_empty()).map(|part| part.parse().ok()).collect();
            Some((numbers?, path))
        });
        versioned.max().map(|(_, path)| path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_library_is_taken_and_a_named_one_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let empty = tempfile::tempdir().unwrap();
        let names = [
            "libonnxruntime.so.1.9",
            "libonnxruntime.so.1.21",
            "libonnxruntime_providers_shared.so",
            "libonnxruntime.so.old",
        ];
        for name in names {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let places = || [empty.path().to_owned(), folder.path().to_owned()].into_iter();
        assert_eq!(newest(places()), Some(folder.path().join("libonnxruntime.so.1.21")));
        assert_eq!(newest([empty.path().to_owned()].into_iter()), None);
        assert_eq!(
            library(Some(Path::new("/x.so"))),
            Some(PathBuf::from("/x.so")),
            "even if it is not there"
        );
    }
}
