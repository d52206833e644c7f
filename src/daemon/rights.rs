//! Whether the user of the service may use what it needs: devices, files of the configuration, secrets, the journal. For
//! `amslpr doctor`.
//!
//! Looks at owners, groups and modes below one root, so that tests can lay out a machine of their own. Nothing is opened.

use std::{
    collections::BTreeSet,
    fs::{self, Metadata},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use crate::{
    config::{Config, Source},
    infer::{
        EngineKind,
        hailo::examine::{Finding, Verdict},
    },
};

/// The user that the package makes.
const USER: &str = "amslpr";
/// Files named at most per finding.
const MOST_NAMED: usize = 5;

/// The service's user and everybody it belongs to.
#[derive(Debug)]
struct User {
    uid: u32,
    gids: BTreeSet<u32>,
}

#[derive(Debug, Clone, Copy)]
enum Wish {
    Read,
    Use,
}

impl User {
    fn find(root: &Path) -> Option<Self> {
        let users = fs::read_to_string(root.join("etc/passwd")).ok()?;
        let fields: Vec<&str> = users
            .lines()
            .map(|line| line.split(':').collect())
            .find(|f: &Vec<&str>| f.first() == Some(&USER))?;
        let (uid, own) = (fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?);
        let groups = fs::read_to_string(root.join("etc/group")).unwrap_or_default();
        let member = |line: &str| -> Option<u32> {
            let mut fields = line.split(':').skip(2);
            let (gid, members) = (fields.next()?.parse().ok()?, fields.next()?);
            members.split(',').any(|name| name == USER).then_some(gid)
        };
        Some(Self { uid, gids: groups.lines().filter_map(member).chain([own]).collect() })
    }

    fn may(&self, wish: Wish, meta: &Metadata) -> bool {
        let bits = match wish {
            Wish::Read => 0o4,
            Wish::Use => 0o6,
        };
        let has = |shift: u32| (meta.mode() >> shift) & bits == bits;
        if meta.uid() == self.uid {
            has(6)
        } else if self.gids.contains(&meta.gid()) {
            has(3)
        } else {
            has(0)
        }
    }
}

/// Everything there is to say. `file` is the main file of the configuration.
pub fn look(root: &Path, file: &Path, config: Option<&Config>) -> Vec<Finding> {
    let Some(user) = User::find(root) else {
        return vec![Finding::good(
            "user",
            format!("there is no user {USER}: the package is not installed here"),
        )];
    };
    let mut findings = vec![devices(root, &user, config)];
    findings.push(written(&user, file));
    findings.extend(config.and_then(secrets_of(&user)));
    findings.extend(config.map(|config| journal(&user, &config.journal.path)));
    findings
}

/// Names of at most a few files.
fn named(files: &[PathBuf]) -> String {
    let names: Vec<String> = files.iter().take(MOST_NAMED).map(|file| file.display().to_string()).collect();
    let more = files.len().saturating_sub(MOST_NAMED);
    if more > 0 { format!("{} and {more} more", names.join(", ")) } else { names.join(", ") }
}

/// Cameras, lines and the NPU, as far as the configuration uses them.
fn devices(root: &Path, user: &User, config: Option<&Config>) -> Finding {
    let mut wanted: Vec<PathBuf> = Vec::new();
    let nodes = |beginning: &str| -> Vec<PathBuf> {
        let entries = fs::read_dir(root.join("dev")).into_iter().flatten().flatten();
        let mut found: Vec<PathBuf> = entries
            .filter(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with(beginning)))
            .map(|entry| entry.path())
            .collect();
        found.sort();
        found
    };
    let cameras = config.iter().flat_map(|config| &config.cameras).filter(|camera| camera.enabled);
    for camera in cameras {
        if let Source::V4l2 { device, .. } = &camera.source {
            wanted.push(root.join(device.strip_prefix("/").unwrap_or(device)));
        }
    }
    if config.is_none_or(|config| !config.gates.is_empty()) {
        wanted.extend(nodes("gpiochip"));
    }
    if config.is_none_or(|config| config.engine.order.contains(&EngineKind::Hailo)) {
        wanted.extend(nodes("hailo"));
    }
    let there: Vec<(PathBuf, Metadata)> =
        wanted.into_iter().filter_map(|path| fs::metadata(&path).ok().map(|meta| (path, meta))).collect();
    let closed: Vec<PathBuf> = there
        .iter()
        .filter(|(_, meta)| !user.may(Wish::Use, meta))
        .map(|(path, _)| Path::new("/").join(path.strip_prefix(root).unwrap_or(path)))
        .collect();
    if closed.is_empty() {
        return Finding::good("user", format!("{USER} may use the {} devices that it needs", there.len()));
    }
    let advice = "they belong to the groups video, gpio and hailo, in which it has to be: systemd-sysusers; udevadm control \
                  --reload; udevadm trigger; systemctl restart amslpr";
    Finding::of(Verdict::Bad, "user", format!("{USER} may not use {}", named(&closed)), advice)
}

/// The files of the configuration.
fn written(user: &User, file: &Path) -> Finding {
    let folder = file.with_file_name("conf.d");
    let more = fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let more = more.filter(|path| path.extension().is_some_and(|ext| ext == "toml"));
    let files = [file.to_owned()].into_iter().chain(more);
    let there = files.filter_map(|path| fs::metadata(&path).ok().map(|meta| (path, meta)));
    let closed: Vec<PathBuf> =
        there.filter(|(_, meta)| !user.may(Wish::Read, meta)).map(|(path, _)| path).collect();
    if closed.is_empty() {
        return Finding::good("files", format!("{} can be read by the service", file.display()));
    }
    let advice = "chown root:amslpr and chmod 640 each of them";
    let words = format!("the service cannot read {}", named(&closed));
    Finding::of(Verdict::Bad, "files", words, advice)
}

/// The files that hold secrets; nothing to say where there are none.
fn secrets_of(user: &User) -> impl Fn(&Config) -> Option<Finding> {
    move |config| {
        let there = config.secret_files.iter().filter_map(|path| Some((path, fs::metadata(path).ok()?)));
        let (mut closed, mut open) = (Vec::new(), Vec::new());
        for (path, meta) in there {
            if !user.may(Wish::Read, &meta) {
                closed.push(path.clone());
            } else if meta.mode() & 0o004 != 0 {
                open.push(path.clone());
            }
        }
        let advice = "chown root:amslpr and chmod 640 each of them, or use a credential";
        if !closed.is_empty() {
            let words = format!("the service cannot read {}", named(&closed));
            return Some(Finding::of(Verdict::Bad, "secrets", words, advice));
        }
        if !open.is_empty() {
            let words = format!("everybody on this machine may read {}", named(&open));
            return Some(Finding::of(Verdict::Doubtful, "secrets", words, advice));
        }
        let many = config.secret_files.len();
        (many > 0).then(|| Finding::good("secrets", format!("{many} files, for the service only")))
    }
}

/// The journal, and what SQLite lays beside it: root's are left by an `amslpr run` by hand.
fn journal(user: &User, path: &Path) -> Finding {
    let beside = |end: &str| PathBuf::from(format!("{}{end}", path.display()));
    let files = [path.to_owned(), beside("-wal"), beside("-shm"), beside(".lock")];
    let folder = path.parent().map(Path::to_path_buf);
    let there = files.into_iter().chain(folder).filter_map(|path| Some((fs::metadata(&path).ok()?, path)));
    let mut foreign: Vec<PathBuf> =
        there.filter(|(meta, _)| !user.may(Wish::Use, meta)).map(|(_, path)| path).collect();
    foreign.sort();
    if foreign.is_empty() {
        return Finding::good("journal", format!("{} belongs to the service", path.display()));
    }
    let words = format!("the service cannot write {}", named(&foreign));
    let advice =
        format!("chown {USER}:{USER} each of them; whoever runs amslpr by hand as root leaves such files");
    Finding::of(Verdict::Bad, "journal", words, &advice)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::config;

    /// A machine with the package's user, to whom the tests' own group belongs.
    fn machine(text: &str) -> (tempfile::TempDir, Config) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for place in ["etc/amslpr/conf.d", "dev", "var"] {
            fs::create_dir_all(root.join(place)).unwrap();
        }
        let gid = rustix::process::getegid().as_raw();
        fs::write(root.join("etc/passwd"), "root:x:0:0:::\namslpr:x:64001:64001::/:/usr/sbin/nologin\n")
            .unwrap();
        fs::write(root.join("etc/group"), format!("root:x:0:\ndevices:x:{gid}:someone,amslpr\n")).unwrap();
        let file = root.join("etc/amslpr/amslpr.toml");
        fs::write(&file, format!("[journal]\npath = \"../../var/journal.db\"\n{text}")).unwrap();
        let config = config::load_with(&file, None).unwrap_or_else(|report| panic!("{report}")).config;
        (folder, config)
    }

    fn put(root: &Path, path: &str, mode: u32) {
        fs::write(root.join(path), "x").unwrap();
        fs::set_permissions(root.join(path), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn found(root: &Path, config: &Config, what: &str) -> (Verdict, String) {
        let all = look(root, &root.join("etc/amslpr/amslpr.toml"), Some(config));
        let finding = all.into_iter().find(|finding| finding.what == what).unwrap();
        assert_eq!(
            finding.verdict == Verdict::Good,
            finding.advice.is_none(),
            "{finding:?}: says what to do"
        );
        (finding.verdict, finding.detail)
    }

    #[test]
    fn what_the_service_may_not_use_is_named_with_a_remedy() {
        let text = "[[camera]]\nname = \"a\"\n[camera.v4l2]\ndevice = \"/dev/video0\"\n\
                    [mqtt]\nhost = \"localhost\"\nusername = \"u\"\npassword = { file = \"secret\" }\n";
        let (folder, config) = machine(text);
        let root = folder.path();
        put(root, "dev/video0", 0o660);
        put(root, "dev/hailo0", 0o600);
        // Without gates nobody needs it.
        put(root, "dev/gpiochip0", 0o600);
        let (verdict, words) = found(root, &config, "user");
        assert!(
            verdict == Verdict::Bad && words.contains("/dev/hailo0") && !words.contains("gpio"),
            "{words}"
        );
        put(root, "dev/hailo0", 0o660);
        assert_eq!(found(root, &config, "user").0, Verdict::Good);

        put(root, "etc/amslpr/conf.d/own.toml", 0o600);
        let (verdict, words) = found(root, &config, "files");
        assert!(verdict == Verdict::Bad && words.contains("conf.d/own.toml"), "{words}");
        put(root, "etc/amslpr/conf.d/own.toml", 0o640);
        assert_eq!(found(root, &config, "files").0, Verdict::Good);

        for (mode, expected) in [(0o600, Verdict::Bad), (0o644, Verdict::Doubtful), (0o640, Verdict::Good)] {
            put(root, "etc/amslpr/secret", mode);
            assert_eq!(found(root, &config, "secrets").0, expected, "{mode:o}");
        }

        fs::set_permissions(root.join("var"), fs::Permissions::from_mode(0o770)).unwrap();
        put(root, "var/journal.db", 0o600);
        let (verdict, words) = found(root, &config, "journal");
        assert!(verdict == Verdict::Bad && words.contains("journal.db"), "{words}");
        put(root, "var/journal.db", 0o660);
        assert_eq!(found(root, &config, "journal").0, Verdict::Good);
    }

    #[test]
    fn a_machine_without_the_package_is_no_fault() {
        let (folder, config) = machine("");
        fs::write(folder.path().join("etc/passwd"), "root:x:0:0:::\n").unwrap();
        let (verdict, words) = found(folder.path(), &config, "user");
        assert!(verdict == Verdict::Good && words.contains("not installed"), "{words}");
    }
}
