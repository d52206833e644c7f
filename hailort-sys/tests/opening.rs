//! Opening real shared libraries: supported, too old, too new, incomplete, and without the optional functions.

#![allow(clippy::unwrap_used, reason = "a test stops where something is not as it should be")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use hailort_sys::{Library, OpenError, Version};

/// A folder that is gone after the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hailort-sys-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Left over in the folder for temporary files at worst.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Builds a library that says it is this version, with these functions besides.
fn build(folder: &Folder, version: &str, functions: &[&str]) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/libraries/library.rs");
    let more = folder.0.join("functions.rs");
    let text: String = functions
        .iter()
        .filter(|name| **name != "hailo_get_library_version")
        .map(|name| format!("#[unsafe(no_mangle)] pub extern \"C\" fn {name}() -> i32 {{ 1 }}\n"))
        .collect();
    fs::write(&more, text).unwrap();
    let library = folder.0.join("libhailort.so");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = Command::new(rustc);
    command.args([
        "--edition",
        "2024",
        "--crate-type",
        "cdylib",
        "--crate-name",
        "hailort",
        "-C",
        "panic=abort",
    ]);
    command.args(["--check-cfg", "cfg(complete)"]);
    if !functions.is_empty() {
        command.args(["--cfg", "complete"]);
    }
    let built =
        command.arg("-o").arg(&library).arg(source).env("FAKE_VERSION", version).env("FAKE_FUNCTIONS", &more);
    assert!(built.status().unwrap().success(), "rustc could not build the library");
    library
}

#[test]
fn a_complete_library_of_a_supported_release_opens_without_its_optional_functions() {
    let folder = Folder::new("complete");
    let library = Library::open(Some(&build(&folder, "4.23.0", hailort_sys::REQUIRED))).unwrap();
    assert_eq!(library.version, Version { major: 4, minor: 23, revision: 0 });
    assert!(library.functions.hailo_get_chip_temperature.is_none());
    let all: Vec<&str> = hailort_sys::REQUIRED.iter().chain(hailort_sys::OPTIONAL).copied().collect();
    let folder = Folder::new("all");
    let library = Library::open(Some(&build(&folder, "5.2.0", &all))).unwrap();
    assert!(library.functions.hailo_get_chip_temperature.is_some());
}

#[test]
fn a_release_whose_layouts_were_not_checked_is_refused() {
    for version in ["4.19.0", "5.3.0"] {
        let folder = Folder::new(version);
        let error = Library::open(Some(&build(&folder, version, hailort_sys::REQUIRED))).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, OpenError::Version { .. }), "{text}");
        assert!(text.contains(version) && text.contains("4.20 to 4.23"), "{text}");
    }
}

#[test]
fn a_library_without_a_required_function_is_refused_by_its_name() {
    let folder = Folder::new("lacking");
    let lacking: Vec<&str> =
        hailort_sys::REQUIRED.iter().copied().filter(|name| *name != "hailo_identify").collect();
    let error = Library::open(Some(&build(&folder, "4.20.0", &lacking))).unwrap_err();
    assert!(matches!(error, OpenError::Incomplete { function: "hailo_identify", .. }), "{error}");
}
