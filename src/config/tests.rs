//! Whole configurations: what they mean, and how what is wrong with them is said.

use std::{fs, time::Duration};

use super::*;
use crate::{
    publish::HomeAssistant,
    track::{Direction, DirectionRule},
};

const CAMERA: &str = "[[camera]]\nname = \"a\"\n[camera.replay]\npath = \"a.mp4\"\n";

/// A folder with a main file and files of `conf.d/`, and the credential `amslpr.x`.
fn folder(main: &str, more: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("amslpr.toml"), main).unwrap();
    fs::create_dir(dir.path().join("conf.d")).unwrap();
    fs::create_dir(dir.path().join("credentials")).unwrap();
    for name in ["amslpr.x", "amslpr.mqtt-password", "amslpr.street-password", "amslpr.relay-password"] {
        fs::write(dir.path().join("credentials").join(name), "hunter2\n").unwrap();
    }
    for name in ["amslpr.http-read", "amslpr.http-operate"] {
        let tokens = format!("one-token-of-{name}\n\nanother-token-of-{name}\n");
        fs::write(dir.path().join("credentials").join(name), tokens).unwrap();
    }
    let secret = dir.path().join("credentials/amslpr.webhook-secret");
    fs::write(secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
    let key = dir.path().join("credentials/amslpr.privacy-key");
    fs::write(key, "a key of thirty-two characters..\n").unwrap();
    for (name, text) in more {
        fs::write(dir.path().join("conf.d").join(name), text).unwrap();
    }
    dir
}

fn load_in(dir: &tempfile::TempDir) -> Result<Loaded, Report> {
    load_with(&dir.path().join("amslpr.toml"), Some(&dir.path().join("credentials")))
}

fn good(text: &str) -> Config {
    load_in(&folder(text, &[])).unwrap_or_else(|report| panic!("{report}")).config
}

/// The report of a configuration that cannot run.
fn bad(text: &str) -> String {
    let report = load_in(&folder(text, &[])).map(|loaded| loaded.config).unwrap_err();
    report.to_string()
}

/// Each of `parts` stands in the report, which counts so many errors.
fn check(text: &str, errors: usize, parts: &[&str]) {
    let report = bad(text);
    for part in parts {
        assert!(report.contains(part), "no {part:?} in\n{report}");
    }
    let tally = format!("{errors} error");
    assert!(report.lines().last().unwrap().starts_with(&tally), "not {tally} in\n{report}");
}

#[test]
fn an_empty_file_is_the_defaults_without_a_camera() {
    let dir = folder("", &[]);
    let loaded = load_in(&dir).unwrap();
    assert!(loaded.report.to_string().contains("no camera is configured"));
    assert_eq!(loaded.config.journal.path, PathBuf::from("/var/lib/amslpr/journal.db"));
    assert_eq!(loaded.config.mqtt, None);
    assert_eq!(loaded.config.track, track::Settings::default());
}

#[test]
fn the_shipped_file_is_the_defaults() {
    let camera = CAMERA.replace("a.mp4", "/a.mp4");
    assert_eq!(good(&(defaults() + &camera)), good(&camera));
}

/// The shipped file with its settings switched on, examples without default left out.
fn switched_on(examples: bool) -> String {
    let mut text = String::new();
    let mut is_example = false;
    for line in defaults().lines() {
        match line.strip_prefix('#') {
            Some(rest) if rest.starts_with(' ') || rest.is_empty() => {
                is_example |= rest.starts_with(" For example.");
            }
            Some(rest) => {
                let header = rest.starts_with('[');
                let needed = [
                    "name",
                    "kind",
                    "host",
                    "url",
                    "path",
                    "hours",
                    "d0",
                    "d1",
                    "line = \"",
                    "cameras",
                    "secret",
                ]
                .iter()
                .any(|k| rest.starts_with(&format!("{k} =")) || k.contains('=') && rest.starts_with(k));
                if examples || header || needed || !is_example {
                    text.push_str(rest);
                    text.push('\n');
                }
            }
            None => is_example = false,
        }
    }
    text
}

#[test]
fn every_default_shown_is_the_built_in_one() {
    let shown = good(&switched_on(false));
    let plain = good(
        "[[camera]]\nname = \"north-gate\"\n[camera.replay]\npath = \"/srv/clips/gate.mp4\"\n\
         [camera.trigger]\nline = \"GPIO22\"\n[[camera]]\nname = \"yard\"\n[camera.v4l2]\n[[camera]]\nname = \"street\"\n[camera.rtsp]\n\
         url = \"rtsp://192.0.2.10:554/stream1\"\n[[list]]\nname = \"residents\"\nkind = \"allow\"\n\
         cameras = [\"north-gate\"]\n\
         [[schedule]]\nname = \"office\"\nhours = [\"mon-fri 07:00-18:00\", \"sat 22:00-06:00\"]\n\
         [[gate]]\nname = \"north\"\ncameras = [\"north-gate\"]\n[gate.gpio]\nline = \"GPIO17\"\n\
         [gate.interlock]\nline = \"GPIO5\"\n[gate.presence]\nline = \"GPIO6\"\n\
         [[gate]]\nname = \"yard-gate\"\ncameras = [\"yard\"]\n[gate.mqtt]\n\
         [[gate]]\nname = \"street-gate\"\ncameras = [\"street\"]\n[gate.http]\n\
         url = \"http://192.0.2.20/relay/0?turn=on&timer={seconds}\"\n\
         [[gate]]\nname = \"controller\"\ncameras = [\"north-gate\"]\n[gate.wiegand]\n\
         d0 = \"GPIO23\"\nd1 = \"GPIO24\"\n\
         [mqtt]\nhost = \"localhost\"\n[http]\n\
         [[webhook]]\nname = \"office\"\nurl = \"https://example.net/amslpr\"\nsecret = { credential = \"amslpr.webhook-secret\" }\n",
    );
    assert_eq!(shown, plain);
}

#[test]
fn every_key_can_be_set() {
    // These have to exist, and to be of some use together: tests/mqtt_tls.rs.
    let is_tls = |line: &&str| !["ca =", "certificate =", "key ="].iter().any(|key| line.starts_with(key));
    let text: Vec<String> = switched_on(true).lines().filter(is_tls).map(str::to_owned).collect();
    let dir = folder(&text.join("\n"), &[]);
    fs::write(dir.path().join("residents.csv"), "CJ 99 ZZZ,Bob\n").unwrap();
    fs::write(dir.path().join("cards.csv"), "plate,card\nCJ 99 ZZZ,4711\n").unwrap();
    let config = load_in(&dir).unwrap_or_else(|report| panic!("{report}")).config;
    assert_eq!(config.cameras.len(), 3);
    assert_eq!(config.mqtt.unwrap().password, Some(Secret::new("hunter2".into())));
    assert_eq!(format!("{:?}", config.http.unwrap().tokens), "4 tokens");
    let list = &config.lists.lists[0];
    assert_eq!((list.entries.len(), list.cameras.len()), (3, 1));
    assert!(
        list.schedule.is_some() && list.entries[1].pass.uses == Some(2) && list.entries[1].until.is_some()
    );
    assert_eq!((config.gates.len(), config.gates[0].cameras.len()), (4, 1));
    assert!(matches!(config.cameras[0].zones.direction, DirectionRule::ByLine(_)));
    assert_eq!((config.cameras[0].zones.include.len(), config.cameras[0].zones.exclude.len()), (1, 1));
}

#[test]
fn every_key_of_the_schema_is_shown_to_people() {
    // serde itself says which fields a table has when it meets one that it has not.
    for table in keys::tables() {
        let header = match table.path {
            "" => String::new(),
            path if path.starts_with("camera.") => format!("[[camera]]\n[{path}]\n"),
            path if path.starts_with("gate.") => format!("[[gate]]\n[{path}]\n"),
            "list.plates" => "[[list]]\n[[list.plates]]\n".to_owned(),
            path @ ("camera" | "list" | "schedule" | "gate" | "webhook") => format!("[[{path}]]\n"),
            path => format!("[{path}]\n"),
        };
        let error = toml::from_str::<schema::File>(&format!("{header}no-such-key = 1\n")).unwrap_err();
        let mut fields: Vec<&str> = error.message().split('`').skip(3).step_by(2).collect();
        let mut known = keys::known_in(table.path);
        fields.sort_unstable();
        known.sort_unstable();
        assert_eq!(fields, known, "[{}]", table.path);
    }
}

#[test]
fn an_unknown_key_is_shown_with_its_place_and_the_likely_one() {
    check(
        "[journal]\npth = \"x.db\"\n",
        1,
        &[
            "unknown key \"pth\"",
            "amslpr.toml:2:1",
            "^^^",
            "did you mean \"path\"?",
            concat!("written for a newer version than ", env!("CARGO_PKG_VERSION")),
        ],
    );
    check("[enigne]\nthreads = 2\n", 1, &["did you mean \"engine\"?", "amslpr.toml:1:2"]);
    check("[journal]\nregions = [\"ro\"]\n", 1, &["\"regions\" is a key of [plate]"]);
    check(&CAMERA.replace("path", "pahts"), 1, &["did you mean \"path\"?"]);
}

#[test]
fn all_problems_are_told_at_once() {
    check(
        "[journal]\nretention = 30\n[engine]\norder = [\"cup\"]\nthreads = 0\n[[camera]]\nname = \"A b\"\n\
         zonez = 5\n[camera.v4l2]\nfps = \"many\"\n[mqtt]\nport = 99999\n[log]\nlevel = \"loud\"\n",
        9,
        &[
            "expected a time, not the number 30",
            "did you mean \"cpu\"?",
            "must lie between 1 and 64, not 0",
            "\"A b\" cannot be a name",
            "did you mean \"zones\"?",
            "expected a whole number from 1 to 240, not the string \"many\"",
            "must lie between 1 and 65535, not 99999",
            "\"loud\" is not one of",
            "the key \"host\" is missing",
        ],
    );
}

#[test]
fn broken_toml_is_shown_where_it_breaks() {
    check("[journal\npath = 1\n", 1, &["amslpr.toml:1:9"]);
    check("[journal]\npath = \"a\"\npath = \"b\"\n", 1, &["duplicate key", "amslpr.toml:3:1"]);
    assert!(load_in(&folder("\0\u{1}[[[[", &[])).is_err());
}

#[test]
fn a_camera_table_with_single_brackets_is_explained() {
    check("[camera]\nname = \"a\"\n[camera.replay]\npath = \"x\"\n", 1, &["write [[camera]]"]);
}

#[test]
fn two_cameras_of_one_name_show_both_places() {
    let dir = folder(CAMERA, &[("20-more.toml", CAMERA)]);
    let report = load_in(&dir).unwrap_err().to_string();
    for part in
        ["two cameras share the name \"a\"", "20-more.toml:2:8", "amslpr.toml:2:8", "second use", "first use"]
    {
        assert!(report.contains(part), "no {part:?} in\n{report}");
    }
}

#[test]
fn a_camera_has_exactly_one_source() {
    check("[[camera]]\nname = \"a\"\n", 1, &["this camera has no source"]);
    check(&(CAMERA.to_owned() + "[camera.v4l2]\n"), 1, &["one source", "another source", "the first source"]);
    check("[[camera]]\n[camera.replay]\n", 2, &["\"name\" is missing", "\"path\" is missing"]);
}

#[test]
fn a_table_belongs_to_one_file_and_cameras_add_up() {
    let other = CAMERA.replace("\"a\"", "\"b\"");
    let dir =
        folder(CAMERA, &[("10-b.toml", &other), ("20.toml", "[log]\nplates = true\n"), (".x.toml", "junk")]);
    let config = load_in(&dir).unwrap().config;
    assert_eq!(config.cameras.iter().map(|c| c.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert!(config.log.plates);
    // Paths start at the folder of their own file.
    let Source::Replay(settings) = &config.cameras[1].source else { panic!("{config:?}") };
    assert_eq!(settings.path, dir.path().join("conf.d/a.mp4"));
    let dir = folder("[log]\n", &[("a.toml", "[log]\n")]);
    let report = load_in(&dir).unwrap_err().to_string();
    assert!(report.contains("stands in two files") && report.contains("first time"), "{report}");
}

#[test]
fn what_is_in_force_is_shown_with_its_place_and_can_be_read_again() {
    let camera = "[[camera]]\nname = \"b\"\nrole = \"exit\"\n[camera.rtsp]\nurl = \"rtsp://192.0.2.9/\"\n";
    let list = "[[list]]\nname = \"staff\"\nkind = \"allow\"\nplates = [{ plate = \"B 1\", note = \"x\" }]\n";
    let dir = folder(&format!("{CAMERA}[log]\nplates = true\n"), &[("50.toml", &format!("{camera}{list}"))]);
    let loaded = load_in(&dir).unwrap();
    let shown = loaded.show();
    let check = |part: &str| assert!(shown.contains(part), "{part} is not in:\n{shown}");
    check("plates = true # ");
    check("amslpr.toml:6\n");
    check("level = \"info\" # default\n");
    check("[[camera]]\nname = \"b\" # ");
    check("conf.d/50.toml:3\n");
    check("[camera.rtsp]\nurl = \"rtsp://192.0.2.9/\"");
    check("transport = \"tcp\" # default");
    check("{ note = \"x\", plate = \"B 1\" }");
    assert!(!shown.contains("[mqtt]\nhost"), "an example is no value in force:\n{shown}");
    fs::remove_dir_all(dir.path().join("conf.d")).unwrap();
    fs::write(dir.path().join("amslpr.toml"), &shown).unwrap();
    assert_eq!(load_in(&dir).unwrap_or_else(|report| panic!("{report}\n{shown}")).config, loaded.config);
}

#[test]
fn problems_of_all_files_are_told_at_once() {
    let dir = folder("x = 1\n", &[("a.toml", "[[[\n"), ("b.toml", "format = 2\n")]);
    let report = load_in(&dir).unwrap_err();
    let text = report.to_string();
    for part in ["unknown key \"x\"", "a.toml:1:", "form 2"] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
}

#[test]
fn a_missing_file_says_how_to_make_one() {
    let report = load_with(Path::new("/nowhere/amslpr.toml"), None).unwrap_err().to_string();
    assert!(
        report.contains("cannot read /nowhere/amslpr.toml") && report.contains("amslpr config defaults"),
        "{report}"
    );
    let folder = tempfile::tempdir().unwrap();
    assert!(load_with(folder.path(), None).unwrap_err().to_string().contains("not a regular file"));
}

#[test]
fn what_is_remembered_of_a_plate_is_checked() {
    use crate::fact::privacy::Mode;
    let residents =
        "[[list]]\nname = \"residents\"\nkind = \"allow\"\nplates = [{ plate = \"B 123 ABC\" }]\n";
    let privacy = |text: &str| good(&format!("{residents}[privacy]\n{text}")).privacy;
    assert_eq!(privacy("mode = \"listed-only\"\n").mode, Mode::ListedOnly);
    assert_eq!(privacy("never-store = [\"residents\"]\n").never_store, ["residents"]);
    let key = "mode = \"pseudonymous\"\nkey = { credential = \"amslpr.privacy-key\" }\n";
    assert!(matches!(privacy(key).mode, Mode::Pseudonymous(_)));
    let check = |text: &str, words: &[&str]| check(&format!("{residents}[privacy]\n{text}"), 1, words);
    check("mode = \"pseudonymous\"\n", &["the key \"key\" is missing", "amslpr.privacy-key"]);
    check("key = { credential = \"amslpr.x\" }\n", &["shorter than 16 characters", "urandom"]);
    check(
        "never-store = [\"residnts\"]\n",
        &["there is no list \"residnts\"", "did you mean \"residents\"?"],
    );
    check("mode = \"listed\"\n", &["is not one of"]);
}

#[test]
fn a_secret_is_never_in_the_file() {
    let rtsp = "[[camera]]\nname = \"a\"\n[camera.rtsp]\nurl = \"rtsp://h/x\"\nusername = \"u\"\n";
    check(
        &(rtsp.to_owned() + "password = \"hunter2\"\n"),
        1,
        &["does not stand in the configuration", "systemd-creds"],
    );
    check(rtsp, 1, &["\"password\" is missing"]);
    let config = good(&(rtsp.to_owned() + "password = { credential = \"amslpr.x\" }\n"));
    let Source::Rtsp { login: Some(login), .. } = &config.cameras[0].source else { panic!("{config:?}") };
    assert_eq!(login.password.expose(), "hunter2");
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn a_secret_that_is_missing_fails_only_what_needs_it() {
    let missing = "{ credential = \"amslpr.y\" }";
    let camera = |name: &str, password: &str| {
        format!(
            "[[camera]]\nname = \"{name}\"\n[camera.rtsp]\nurl = \"rtsp://h/x\"\nusername = \"u\"\npassword = {password}\n"
        )
    };
    let gate = format!(
        "[[gate]]\nname = \"g\"\ncameras = [\"a\"]\n[gate.http]\nurl = \"http://h/?timer=1\"\nusername = \"u\"\npassword = {missing}\n"
    );
    let text = format!(
        "{}{}{gate}[mqtt]\nhost = \"localhost\"\nusername = \"u\"\npassword = {missing}\n[http]\nread-token = {missing}\n",
        camera("a", missing),
        camera("b", "{ credential = \"amslpr.x\" }"),
    );
    let dir = folder(&text, &[]);
    let loaded = load_in(&dir).unwrap_or_else(|report| panic!("{report}"));
    let words = loaded.report.to_string();
    assert_eq!(words.matches("the credential \"amslpr.y\" cannot be read").count(), 4, "{words}");
    let password = |camera: &Camera| match &camera.source {
        Source::Rtsp { login: Some(login), .. } => login.password.clone(),
        other => panic!("{other:?}"),
    };
    let config = &loaded.config;
    let trouble = password(&config.cameras[0]).trouble().unwrap().to_owned();
    assert!(trouble.contains("systemd-creds encrypt --name=amslpr.y"), "{trouble}");
    assert_eq!(password(&config.cameras[1]).expose(), "hunter2");
    let GateOutput::Relay(relay) = &config.gates[0].output else { panic!("{:?}", config.gates) };
    assert!(relay.login.as_ref().unwrap().1.trouble().is_some());
    assert!(config.mqtt.as_ref().unwrap().password.as_ref().unwrap().trouble().is_some());
    assert!(config.http.as_ref().unwrap().missing.is_some());

    // Beside the service nobody gets its credentials, and nobody needs them to look at the rest.
    let beside = load_with(&dir.path().join("amslpr.toml"), None).unwrap_or_else(|report| panic!("{report}"));
    assert!(password(&beside.config.cameras[1]).trouble().unwrap().contains("systemd passed none"));

    // What must not be kept in the clear is not kept at all.
    let key = format!("{CAMERA}[privacy]\nmode = \"pseudonymous\"\nkey = {missing}\n");
    check(&key, 1, &["the credential \"amslpr.y\" cannot be read"]);
    let dir = folder(&key, &[]);
    let beside = load_with(&dir.path().join("amslpr.toml"), None).unwrap_or_else(|report| panic!("{report}"));
    assert!(beside.config.privacy.mode.trouble().is_some());
}

#[test]
fn a_role_or_a_line_tells_the_direction() {
    let rule = |more: &str| {
        good(&CAMERA.replace("[camera.", &format!("{more}\n[camera."))).cameras[0].zones.direction
    };
    assert_eq!(rule("role = \"entry\""), DirectionRule::Always(Direction::Approaching));
    assert_eq!(rule("role = \"exit\""), DirectionRule::Always(Direction::Leaving));
    assert_eq!(rule(""), DirectionRule::ByPath);
    assert!(matches!(rule("line = [[0, 0.5], [1, 0.5]]"), DirectionRule::ByLine(_)));
    let wrong = |more: &str| bad(&CAMERA.replace("[camera.", &format!("{more}\n[camera.")));
    assert!(wrong("role = \"entry\"\nline = [[0, 0.5], [1, 0.5]]").contains("no line to cross"));
    assert!(wrong("line = [[0, 0.5], [0, 0.5]]").contains("two different ends"));
    assert!(wrong("zones = [[[0.0, 0.3], [1.0, 0.3]]]").contains("2 corners"));
    assert!(wrong("zones = [[[0.0, 0.3, 0.1], [1.0, 0.3], [1, 1]]]").contains("two fractions"));
    assert!(wrong("masks = [[[0.0, 0.3], [1.0, 1.3], [1, 1]]]").contains("between 0 and 1, not 1.3"));
}

#[test]
fn lists_are_checked() {
    let list = |more: &str| format!("{CAMERA}[[list]]\nname = \"l\"\nkind = \"block\"\n{more}\n");
    check(&list("tolerant = true\nplates = [{ plate = \"AB12\" }]"), 1, &["to the letter"]);
    check(
        &list("plates = [{ plate = \"AB12\" },\n  { plate = \"AB 12\" }]"),
        1,
        &["AB12 is on it twice", "amslpr.toml:9", "first time", "second time"],
    );
    check(
        &list("plates = [{ plate = \"B0B1\" }, { plate = \"BOB1\" }]\ntolerant = true")
            .replace("block", "allow"),
        1,
        &["look alike", "^^^", "---"],
    );
    check(&list("plates = [{ plat = \"AB12\" }]"), 1, &["did you mean \"plate\"?"]);
    check(
        &list("plates = [{ plate = \"京\" }, { note = \"x\" }]"),
        2,
        &["is no plate", "\"plate\" is missing"],
    );
    check(&list("file = \"gone.csv\""), 1, &["gone.csv"]);
}

#[test]
fn lists_have_hours_places_and_cameras() {
    let office = "[[schedule]]\nname = \"office\"\nhours = [\"mon-fri 07:00-18:00\"]\n";
    let list = |kind: &str, more: &str| {
        format!("{CAMERA}{office}[[list]]\nname = \"l\"\nkind = \"{kind}\"\n{more}\n")
    };
    let all = list("allow", "schedule = \"office\"\ncameras = [\"a\"]\ncapacity = 3");
    let config = good(&(all + "[access]\nanti-passback = \"soft\"\ncapacity = 9\nlongest-stay = \"8h\"\n"));
    assert_eq!(config.access.capacity, Some(9));
    assert_eq!((config.lists.lists[0].capacity, config.lists.schedules.len()), (Some(3), 1));
    check(
        &list("allow", "schedule = \"offce\""),
        1,
        &["there is no schedule \"offce\"", "did you mean \"office\"?"],
    );
    check(&list("allow", "cameras = [\"b\"]"), 1, &["there is no camera \"b\"", "did you mean \"a\"?"]);
    check(&list("allow", "cameras = []"), 1, &["no say anywhere"]);
    check(
        &list("block", "capacity = 3\nplates = [{ plate = \"A1\", uses = 1 }]"),
        2,
        &["take up places", "for guests"],
    );
    check(
        &list("allow", "plates = [{ plate = \"A1\", until = \"soon\" }]"),
        1,
        &["\"soon\" is no day or time"],
    );
    check(
        &list("allow", "plates = [{ plate = \"A1\", schedule = \"x\" }]"),
        1,
        &["there is no schedule \"x\""],
    );
    check(&(office.to_owned() + office + CAMERA), 1, &["two schedules share the name"]);
    check(
        &format!("{CAMERA}[[schedule]]\nname = \"x\"\nzone = \"Europe/Atlantis\"\n"),
        2,
        &["no time zone", "\"hours\" is missing"],
    );
    let hard = "[access]\nanti-passback = \"hard\"\n";
    check(&(list("allow", "") + hard), 1, &["camera \"a\" does not know who comes in", "role = \"entry\""]);
    good(&(list("allow", "").replace("[camera.", "role = \"exit\"\n[camera.") + hard));
}

#[test]
fn bad_lines_of_a_file_of_plates_are_told_with_their_numbers() {
    let dir = folder(&format!("{CAMERA}[[list]]\nname = \"l\"\nkind = \"allow\"\nfile = \"l.csv\"\n"), &[]);
    let told = |text: &str| {
        fs::write(dir.path().join("l.csv"), text).unwrap();
        load_in(&dir)
            .map(|loaded| loaded.config.lists.lists[0].entries.len())
            .map_err(|report| report.to_string())
    };
    assert_eq!(told("plate,until\nAB12,2026-12-24\n"), Ok(1));
    let report = told("AB12\n京A12345,x\n,nobody\n").unwrap_err();
    assert!(
        report.contains("l.csv:2:") && report.contains("l.csv:3:") && report.contains("2 errors"),
        "{report}"
    );
    assert!(told("plate,schedule\nAB12,gone\n").unwrap_err().contains("line 2 of this file"));
    assert!(told("plate,list\nAB12,x\n").unwrap_err().contains("amslpr plates import"));
    assert!(told("AB12\nAB-12\n").unwrap_err().contains("second time: line 2"));
}

#[test]
fn steps_before_tesseract_are_off_or_set() {
    use crate::read::enhance::{Clahe, Resize, Threshold};
    let read = |more: &str| good(&format!("{CAMERA}[read.tesseract]\n{more}\n")).tesseract;
    assert_eq!(read(""), crate::read::enhance::Settings::default());
    let all = read(
        "resize = 2\nclahe = 3.0\nclahe-grid = 4\nthreshold = 31\nthreshold-constant = -5\ntrim = false",
    );
    assert_eq!(all.resize, Resize::Factor(2.0));
    assert_eq!(all.contrast, Some(Clahe { clip_limit: 3.0, grid: 4 }));
    assert_eq!(all.threshold, Some(Threshold { block: 31, constant: -5 }));
    assert!(!all.trim);
    check(&format!("{CAMERA}[read.tesseract]\nthreshold = 30\n"), 1, &["its size is odd"]);
    check(&format!("{CAMERA}[read.tesseract]\nclahe = true\n"), 1, &["true does not say how"]);
}

#[test]
fn a_broker_is_checked() {
    for (more, part) in [
        ("host = \"mqtt://x\"", "no name or address"),
        ("host = \"fd00::1\"\ntls = true", "a name or an IPv4 address"),
        ("host = \"h\"\nca = \"x\"", "add tls = true"),
        ("host = \"h\"\ndiscovery-prefix = \"a/#\"", "cannot begin a topic"),
        ("host = \"x\"\nprefix = \"a/#\"", "cannot begin a topic"),
        ("host = \"x\"\nkeep-alive = \"1s\"", "between 5 s and 1 h"),
        ("host = \"x\"\npassword = { credential = \"amslpr.x\" }", "\"username\" is missing"),
    ] {
        check(&format!("{CAMERA}[mqtt]\n{more}\n"), 1, &[part]);
    }
    let config = good(&format!("{CAMERA}[mqtt]\nhost = \"fd00::1\"\nkeep-alive = \"1min\"\n"));
    assert_eq!(config.mqtt.unwrap().keep_alive, Duration::from_secs(60));
    let port = |more: &str| good(&format!("{CAMERA}[mqtt]\nhost = \"h\"\n{more}")).mqtt.unwrap().port;
    assert_eq!((port(""), port("tls = true"), port("tls = true\nport = 1")), (1883, 8883, 1));
}

#[test]
fn shipped_examples_are_loaded() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    for entry in fs::read_dir(&root).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ext| ext == "toml") {
            load_with(&path, None).unwrap_or_else(|report| panic!("{}:\n{report}", path.display()));
        }
    }
    let demo = load_with(&root.join("demo.toml"), None).unwrap();
    assert!(demo.report.is_clean(), "{}", demo.report);
    let Source::Replay(settings) = &demo.config.cameras[0].source else { panic!("the demo replays a clip") };
    assert!(settings.path.is_file(), "{}", settings.path.display());
}

mod any_text {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_text_brings_the_loader_down(text in "([\\[\\]a-z=\"{}, .0-9\n#]{0,80}|\\PC{0,80})") {
            let report = load_in(&folder(&text, &[]));
            let _ = report.map_err(|report| (report.to_string(), report.to_json()));
        }

        #[test]
        fn no_mutilation_of_the_shipped_file_brings_the_loader_down(at in 0usize..9_000, cut in 0usize..40, put in "\\PC{0,3}") {
            let text = switched_on(true);
            let at = (0..=at.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
            let end = (at..=(at + cut).min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(at);
            let text = format!("{}{put}{}", &text[..at], &text[end..]);
            let _ = load_in(&folder(&text, &[])).map_err(|report| report.to_string());
        }
    }
}

#[test]
fn home_assistant_is_left_alone_told_or_taken_back() {
    let said = |more: &str| {
        let mqtt = good(&format!("{CAMERA}[mqtt]\nhost = \"localhost\"\n{more}")).mqtt.unwrap();
        (mqtt.home_assistant, mqtt.commands, mqtt.images)
    };
    assert_eq!(said(""), (HomeAssistant::Untouched, false, false));
    assert_eq!(said("home-assistant = true\ncommands = true"), (HomeAssistant::Announced, true, false));
    assert_eq!(said("home-assistant = false\nimages = true"), (HomeAssistant::Removed, false, true));
}

#[test]
fn what_crosses_the_network_unprotected_is_warned_of() {
    let warned = |mqtt: &str| {
        let dir = folder(&format!("{CAMERA}[mqtt]\n{mqtt}\n"), &[]);
        load_in(&dir).unwrap_or_else(|report| panic!("{report}")).report.to_string()
    };
    let login = "username = \"u\"\npassword = { credential = \"amslpr.x\" }";
    assert!(warned(&format!("host = \"broker.local\"\n{login}")).contains("in the clear"));
    assert_eq!(warned(&format!("host = \"localhost\"\n{login}")), "no problems");
    assert_eq!(warned(&format!("host = \"broker.local\"\ntls = true\n{login}")), "no problems");
    assert!(warned("host = \"broker.local\"\ncommands = true").contains("without a name"));
    assert_eq!(warned("host = \"127.0.0.1\"\ncommands = true"), "no problems");
    assert_eq!(warned("host = \"broker.local\""), "no problems");
    assert!(warned("host = \"localhost\"\nimages = true").contains("none is kept"));
    assert_eq!(warned("host = \"localhost\"\nimages = true\n[evidence]\nenabled = true"), "no problems");
}

#[test]
fn a_journal_too_small_to_work_with_is_refused() {
    let told =
        |size: &str| load_in(&folder(&format!("{CAMERA}[journal]\nlargest = {size:?}\n"), &[])).is_ok();
    assert!(!told("64 KiB") && told("4 MiB"));
}
