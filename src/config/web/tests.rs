//! `[http]` as people write it, right and wrong.

use std::fs;

use super::super::{Loaded, Report, load_with};

const CAMERA: &str = "[[camera]]\nname = \"a\"\n[camera.v4l2]\n";

fn load(text: &str) -> Result<Loaded, Report> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("amslpr.toml"), format!("{CAMERA}{text}")).unwrap();
    for (name, text) in [
        ("two", "first-token-of-the-file\n\n  second-token-of-the-file  \n"),
        ("short", "first-token-of-the-file\nshort\n"),
        ("blank", "a token with blanks in it\n"),
        ("key", "no key at all"),
    ] {
        fs::write(dir.path().join(name), text).unwrap();
    }
    load_with(&dir.path().join("amslpr.toml"), None)
}

#[test]
fn it_is_off_unless_it_is_named_and_on_this_machine_unless_it_is_said() {
    assert_eq!(load("").unwrap().config.http, None);
    let loaded = load("[http]\n").unwrap();
    let http = loaded.config.http.unwrap();
    assert!(http.listen.to_string() == "127.0.0.1:5001" && http.tokens.is_empty() && http.tls.is_none());
    let http = load("[http]\nlisten = \"[::1]:80\"\nread-token = { file = \"two\" }\n")
        .unwrap()
        .config
        .http
        .unwrap();
    assert_eq!(format!("{:?}", http.tokens), "2 tokens");
}

#[test]
fn what_is_wrong_is_said_in_its_place() {
    let check = |text: &str, parts: &[&str]| {
        let said = load(text).map_or_else(|report| report.to_string(), |loaded| loaded.report.to_string());
        for part in parts {
            assert!(said.contains(part), "no {part:?} in\n{said}");
        }
    };
    check(
        "[http]\nlisten = \"localhost:5001\"\n",
        &["no address with a port", "127.0.0.1:5001", "amslpr.toml:5:10"],
    );
    check("[http]\nlisten = \"127.0.0.1\"\n", &["no address with a port"]);
    check("[http]\nlisten = \"127.0.0.1:0\"\n", &["chosen by chance"]);
    check("[http]\nlisten = \"0.0.0.0:5001\"\n", &["warning", "cross the network in the clear"]);
    check("[http]\nread-token = { file = \"short\" }\n", &["20 characters or more"]);
    check("[http]\noperate-token = { file = \"blank\" }\n", &["no blanks"]);
    check("[http]\nread-token = \"in-the-file-in-the-file\"\n", &["does not stand in the configuration"]);
    check("[http]\ncertificate = \"two\"\n", &["the key \"key\" is missing"]);
    check("[http]\nkey = { file = \"key\" }\n", &["the key \"certificate\" is missing"]);
    check("[http]\ncertificate = \"two\"\nkey = { file = \"key\" }\n", &["no certificate in PEM form"]);
    check("[http]\nlistners = 3\n", &["did you mean \"listeners\"?"]);
    check("[http]\nrate = 0\n", &["rate"]);
}
