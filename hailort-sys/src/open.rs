//! Finding `libhailort.so`, opening it, and refusing releases whose layouts were not checked.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use libloading::os::unix::{Library as UnixLibrary, RTLD_LOCAL, RTLD_NOW};

use crate::{Functions, Status, layout::RawVersion};

/// Where packages put the library, besides what the dynamic loader knows.
const FOLDERS: &[&str] =
    &["/usr/lib", "/usr/lib/aarch64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/usr/local/lib"];

/// Read by the library when it is opened.
const LOGGER_PATH: &str = "HAILORT_LOGGER_PATH";

/// A release of the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    pub major: u32,
    pub minor: u32,
    pub revision: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.revision)
    }
}

/// Releases whose layouts were checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Supported;

impl fmt::Display for Supported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("4.20 to 4.23 and 5.0 to 5.2")
    }
}

impl Version {
    /// Its layouts are those of this crate.
    pub const fn is_supported(self) -> bool {
        matches!((self.major, self.minor), (4, 20..=23) | (5, 0..=2))
    }

    pub(crate) const fn lays_out_nms_as_4_20(self) -> bool {
        self.major == 4 && self.minor == 20
    }

    /// From the end of `libhailort.so.4.23.0`.
    fn of_file(path: &Path) -> Option<Self> {
        let mut numbers =
            path.file_name()?.to_str()?.strip_prefix("libhailort.so.")?.split('.').map(str::parse);
        let version = Self {
            major: numbers.next()?.ok()?,
            minor: numbers.next()?.ok()?,
            revision: numbers.next()?.ok()?,
        };
        numbers.next().is_none().then_some(version)
    }
}

/// Why the library cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenError {
    /// No file of that name anywhere.
    Absent { tried: Vec<String> },
    /// There, but it cannot be opened.
    Broken { path: String, reason: String },
    /// A function that every supported release has is not in it.
    Incomplete { path: String, function: &'static str },
    /// A release whose layouts were not checked.
    Version { path: String, version: Version },
    /// It does not even tell its version.
    Mute { path: String, status: Status },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent { tried } => write!(
                f,
                "HailoRT is not installed (looked for {}); install the package hailort for a Hailo-8 or 8L, or go on \
                 without it on the CPU",
                tried.join(", ")
            ),
            Self::Broken { path, reason } => {
                write!(f, "HailoRT at {path} cannot be opened: {reason}; install its package again")
            }
            Self::Incomplete { path, function } => {
                write!(f, "{path} is no complete HailoRT: it lacks {function}; install its package again")
            }
            Self::Version { path, version } => write!(
                f,
                "{path} is HailoRT {version}, whose memory layouts this program does not know; it works with {Supported}"
            ),
            Self::Mute { path, status } => write!(f, "{path} does not tell its version ({status})"),
        }
    }
}

impl std::error::Error for OpenError {}

/// Whether the library, once opened, will write `hailort.log` into the working directory and the home directory.
/// `HAILORT_LOGGER_PATH=NONE` in the environment of the process, before opening, keeps it from that.
pub fn logs_to_files() -> bool {
    std::env::var_os(LOGGER_PATH).is_none_or(|value| value != "NONE")
}

/// An opened library. Its functions must not be called after it is dropped; it is best kept for ever, since its
/// threads may outlive the last object.
#[derive(Debug)]
pub struct Library {
    pub functions: Functions,
    pub version: Version,
    /// As it was opened.
    pub path: String,
    _open: libloading::Library,
}

impl Library {
    /// Opens the library: the configured file and no other, else what the dynamic loader finds, else the newest
    /// supported release in the usual folders.
    pub fn open(configured: Option<&Path>) -> Result<Self, OpenError> {
        match configured {
            Some(path) => Self::open_at(path),
            None => Self::open_among(&candidates(FOLDERS.iter().map(Path::new))),
        }
    }

    /// Opens the first that is there and of a supported release; else tells of the first that was there.
    fn open_among(candidates: &[PathBuf]) -> Result<Self, OpenError> {
        let mut refused = None;
        let mut tried = Vec::new();
        for path in candidates {
            match Self::open_at(path) {
                Ok(library) => return Ok(library),
                Err(OpenError::Absent { tried: names }) => tried.extend(names),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        Err(refused.unwrap_or(OpenError::Absent { tried }))
    }

    fn open_at(path: &Path) -> Result<Self, OpenError> {
        let shown = path.display().to_string();
        let has_folder = path.parent().is_some_and(|folder| !folder.as_os_str().is_empty());
        if has_folder && !path.exists() {
            return Err(OpenError::Absent { tried: vec![shown] });
        }
        // SAFETY: opening runs the library's initialisers; that is HailoRT's own code, which the administrator
        // installed. RTLD_NOW lets a library whose own dependencies are missing fail here and not in a call.
        let open = match unsafe { UnixLibrary::open(Some(path), RTLD_NOW | RTLD_LOCAL) } {
            Ok(open) => libloading::Library::from(open),
            Err(_) if !has_folder => return Err(OpenError::Absent { tried: vec![shown] }),
            Err(error) => return Err(OpenError::Broken { path: shown, reason: error.to_string() }),
        };
        let version = version_of(&open, &shown)?;
        if !version.is_supported() {
            return Err(OpenError::Version { path: shown, version });
        }
        let functions = Functions::look_up(&open, &shown)?;
        Ok(Self { functions, version, path: shown, _open: open })
    }
}

/// Asked before anything else: other releases may have other functions.
fn version_of(open: &libloading::Library, path: &str) -> Result<Version, OpenError> {
    const NAME: &str = "hailo_get_library_version";
    // SAFETY: the type is that of hailort.h in every release ever published.
    let ask = unsafe { open.get::<unsafe extern "C" fn(*mut RawVersion) -> Status>(NAME.as_bytes()) };
    let ask = ask.map_err(|_| OpenError::Incomplete { path: path.to_owned(), function: NAME })?;
    let mut raw = RawVersion::default();
    // SAFETY: the pointer is to a live, writable struct of the layout that the function fills.
    let status = unsafe { ask(&raw mut raw) };
    if !status.is_success() {
        return Err(OpenError::Mute { path: path.to_owned(), status });
    }
    Ok(Version { major: raw.major, minor: raw.minor, revision: raw.revision })
}

/// The loader's own choice first, then every versioned file of the folders, newest supported release first.
fn candidates<'a>(folders: impl Iterator<Item = &'a Path>) -> Vec<PathBuf> {
    let mut found: Vec<(Version, PathBuf)> = Vec::new();
    for entry in folders.filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten() {
        let path = entry.path();
        if let Some(version) = Version::of_file(&path) {
            found.push((version, path));
        }
    }
    found.sort_by_key(|(version, _)| std::cmp::Reverse((version.is_supported(), *version)));
    let mut paths = vec![PathBuf::from("libhailort.so")];
    paths.extend(found.into_iter().map(|(_, path)| path));
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_checked_releases_are_supported() {
        let is = |major, minor| Version { major, minor, revision: 9 }.is_supported();
        for (major, minor) in [(4, 20), (4, 23), (5, 0), (5, 2)] {
            assert!(is(major, minor), "{major}.{minor}");
        }
        for (major, minor) in [(3, 22), (4, 19), (4, 24), (5, 3), (6, 0)] {
            assert!(!is(major, minor), "{major}.{minor}");
        }
    }

    #[test]
    fn a_file_name_tells_its_release() {
        let of = |name: &str| Version::of_file(Path::new(name)).map(|v| v.to_string());
        assert_eq!(of("/usr/lib/libhailort.so.4.23.0"), Some("4.23.0".to_owned()));
        for other in
            ["libhailort.so", "libhailort.so.4", "libhailort.so.4.23.0.1", "libhailort.so.4.x.0", "libc.so.6"]
        {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn the_newest_supported_release_is_tried_first_after_the_loader() {
        let folder = std::env::temp_dir().join(format!("hailort-sys-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        for version in ["4.19.0", "4.20.0", "4.23.0", "6.0.0", "readme"] {
            fs::write(folder.join(format!("libhailort.so.{version}")), "").unwrap();
        }
        let order: Vec<String> = candidates([folder.as_path(), Path::new("/nowhere")].into_iter())
            .iter()
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        fs::remove_dir_all(&folder).unwrap();
        let expected =
            ["", ".4.23.0", ".4.20.0", ".6.0.0", ".4.19.0"].map(|end| format!("libhailort.so{end}"));
        assert_eq!(order, expected);
    }

    #[test]
    fn an_absent_library_says_what_to_install() {
        let error = Library::open(Some(Path::new("/nowhere/libhailort.so"))).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("/nowhere/libhailort.so") && text.contains("package hailort"), "{text}");
        let among = [PathBuf::from("/nowhere/a"), PathBuf::from("/nowhere/b")];
        let error = Library::open_among(&among).unwrap_err();
        assert_eq!(error, OpenError::Absent { tried: vec!["/nowhere/a".into(), "/nowhere/b".into()] });
    }

    #[test]
    fn a_file_that_is_no_library_is_broken() {
        let error = Library::open(Some(Path::new("/etc/passwd"))).unwrap_err();
        assert!(matches!(error, OpenError::Broken { .. }), "{error}");
    }
}
