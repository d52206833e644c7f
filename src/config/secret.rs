//! Secrets: where one is kept, and fetching it.
//!
//! A secret never stands in the configuration itself. It comes from a systemd credential or from a file that only
//! the service may read. One that cannot be had fails what needs it and nothing else; beside the service, whose
//! credentials nobody else gets, that is nothing to worry about as long as systemd has it.

use std::{
    fs::File,
    io::Read as _,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use toml::Value;

use super::values::{HELP, nearest};
use crate::secret::Secret;

/// Longest secret read; credentials of cameras and brokers are far shorter.
const LONGEST: u64 = 4096;

/// Where a secret is kept, as written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub(super) enum SecretPlace {
    /// A systemd credential of this name.
    Credential(String),
    /// A file.
    File(PathBuf),
}

impl TryFrom<Value> for SecretPlace {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let help = format!(
            "{HELP}write {{ credential = \"amslpr.mqtt-password\" }}, made by `systemd-creds encrypt \
             --name=amslpr.mqtt-password - /etc/credstore.encrypted/amslpr.mqtt-password`, or {{ file = \"/path\" }}"
        );
        let table = match value {
            Value::Table(table) => table,
            Value::String(_) => {
                return Err(format!("a secret does not stand in the configuration itself{help}"));
            }
            _ => return Err(format!("this does not say where the secret is kept{help}")),
        };
        let mut entries = table.into_iter();
        let (Some((key, place)), None) = (entries.next(), entries.next()) else {
            return Err(format!("a secret is kept in exactly one place{help}"));
        };
        match (key.as_str(), place) {
            ("credential", Value::String(name)) => {
                if name.is_empty() || name.starts_with('.') || name.contains('/') || name.contains('\0') {
                    return Err(format!("{name:?} cannot be the name of a credential{help}"));
                }
                Ok(Self::Credential(name))
            }
            ("file", Value::String(path)) if !path.is_empty() && !path.contains('\0') => {
                Ok(Self::File(path.into()))
            }
            ("credential" | "file", _) => Err(format!("{key} must be a string{help}")),
            (other, _) => match nearest(other, ["credential", "file"]) {
                Some(near) => Err(format!("unknown key {other:?}{HELP}did you mean {near:?}?")),
                None => Err(format!("unknown key {other:?}{help}")),
            },
        }
    }
}

/// Where systemd finds what a service imports.
pub(super) const STORES: [&str; 8] = [
    "/etc/credstore",
    "/etc/credstore.encrypted",
    "/run/credstore",
    "/run/credstore.encrypted",
    "/usr/local/lib/credstore",
    "/usr/local/lib/credstore.encrypted",
    "/usr/lib/credstore",
    "/usr/lib/credstore.encrypted",
];

/// Why a secret could not be had: what happened, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Missing {
    pub what: String,
    pub help: String,
    /// This is not the service, and the secret is its credential: nothing that its configuration is to blame for.
    pub elsewhere: bool,
}

/// Is a credential of this name in one of these folders? `None`: they may not all be looked at.
pub(super) fn is_in_store(name: &str, stores: &[&Path]) -> Option<bool> {
    let mut all = true;
    for store in stores {
        match store.join(name).try_exists() {
            Ok(true) => return Some(true),
            Ok(false) => {}
            Err(_) => all = false,
        }
    }
    all.then_some(false)
}

impl SecretPlace {
    /// Fetches it. `credentials` is systemd's directory, where there is one; `near` is where relative paths start.
    pub(super) fn fetch(&self, credentials: Option<&Path>, near: &Path) -> Result<Secret, Missing> {
        match self {
            Self::Credential(name) => {
                let Some(folder) = credentials else {
                    return Err(Missing {
                        what: format!("the credential {name:?} is not there: systemd passed none"),
                        help: "run as the service (the unit imports amslpr.*), or use { file = \"...\" }"
                            .to_owned(),
                        elsewhere: true,
                    });
                };
                let path = folder.join(name);
                read(&path).map_err(|error| Missing {
                    what: format!("the credential {name:?} cannot be read: {error}"),
                    help: format!(
                        "make it by `systemd-creds encrypt --name={name} - /etc/credstore.encrypted/{name}` and restart \
                         the service (its name must begin with \"amslpr.\")"
                    ),
                    elsewhere: false,
                })
            }
            Self::File(path) => {
                let path = near.join(path);
                read(&path).map_err(|error| Missing {
                    what: format!("the secret in {} cannot be read: {error}", path.display()),
                    help: "it must exist and be readable by the user of the service".to_owned(),
                    elsewhere: false,
                })
            }
        }
    }

    /// A file that everybody on the machine may read is no secret; worth a warning.
    pub(super) fn is_open_to_all(&self, near: &Path) -> bool {
        match self {
            Self::Credential(_) => false,
            Self::File(path) => std::fs::metadata(near.join(path)).is_ok_and(|meta| meta.mode() & 0o004 != 0),
        }
    }
}

/// The file's text without the line end that editors add.
fn read(path: &Path) -> std::io::Result<Secret> {
    let invalid = |why: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, why.to_owned());
    // The kind first: opening a fifo would wait for a writer for ever.
    if !std::fs::metadata(path)?.is_file() {
        return Err(invalid("not a regular file"));
    }
    let mut text = String::new();
    File::open(path)?.take(LONGEST + 1).read_to_string(&mut text)?;
    let secret = Secret::new(text.strip_suffix('\n').unwrap_or(&text).trim_end_matches('\r').to_owned());
    drop(Secret::new(text));
    match secret.expose().len() {
        0 => Err(invalid("it is empty")),
        n if n as u64 > LONGEST => Err(invalid("it is longer than 4096 bytes")),
        _ => Ok(secret),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(toml: &str) -> Result<SecretPlace, String> {
        let table: toml::Table = toml::from_str(&format!("s = {toml}")).unwrap();
        SecretPlace::try_from(table["s"].clone())
    }

    #[test]
    fn a_secret_is_kept_in_one_place_outside_the_file() {
        assert_eq!(place("{ credential = 'amslpr.x' }"), Ok(SecretPlace::Credential("amslpr.x".into())));
        assert_eq!(place("{ file = '/run/x' }"), Ok(SecretPlace::File("/run/x".into())));
        let plain = place("'hunter2'").unwrap_err();
        assert!(plain.contains("systemd-creds encrypt") && !plain.contains("hunter2"), "{plain}");
        for bad in ["{}", "{ file = '/a', credential = 'b' }", "{ credential = '../x' }", "{ file = 5 }", "7"]
        {
            assert!(place(bad).is_err(), "{bad}");
        }
        assert!(place("{ credental = 'x' }").unwrap_err().contains("did you mean \"credential\"?"));
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".into())), "(set)");
    }

    #[test]
    fn a_credential_is_looked_for_where_systemd_would() {
        let dir = tempfile::tempdir().unwrap();
        let (plain, sealed) = (dir.path().join("credstore"), dir.path().join("credstore.encrypted"));
        std::fs::create_dir(&sealed).unwrap();
        std::fs::write(sealed.join("amslpr.x"), "sealed").unwrap();
        let stores = [plain.as_path(), sealed.as_path()];
        assert_eq!(is_in_store("amslpr.x", &stores), Some(true));
        assert_eq!(is_in_store("amslpr.y", &stores), Some(false));
        // Below a file, as below a folder that may not be entered, nobody can say.
        let unknown = sealed.join("amslpr.x");
        assert_eq!(is_in_store("amslpr.y", &[unknown.as_path()]), None);
    }

    #[test]
    fn a_secret_comes_from_the_credentials_or_a_file() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("amslpr.x"), "hunter2\n").unwrap();
        std::fs::write(dir.path().join("empty"), "\n").unwrap();
        let from = |place: SecretPlace, credentials: Option<&Path>| place.fetch(credentials, dir.path());
        let credential = SecretPlace::Credential("amslpr.x".into());
        assert_eq!(from(credential.clone(), Some(dir.path())), Ok(Secret::new("hunter2".into())));
        assert!(from(credential, None).unwrap_err().what.contains("systemd passed none"));
        assert_eq!(from(SecretPlace::File("amslpr.x".into()), None), Ok(Secret::new("hunter2".into())));
        assert!(from(SecretPlace::File("empty".into()), None).unwrap_err().what.contains("empty"));
        assert!(from(SecretPlace::File("gone".into()), None).unwrap_err().what.contains("gone"));
        assert!(from(SecretPlace::File(".".into()), None).unwrap_err().what.contains("not a regular file"));
    }
}
