//! Gates as people write them, right and wrong.

use std::fs;

use super::super::{Config, Loaded, Report, load_with};
use super::*;

const CAMERA: &str = "[[camera]]\nname = \"a\"\n[camera.v4l2]\n";
const GATE: &str = "[[gate]]\nname = \"g\"\ncameras = [\"a\"]\n";
const LINE: &str = "[gate.gpio]\nline = \"GPIO17\"\n";

fn load(text: &str, files: &[(&str, &str)]) -> Result<Loaded, Report> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("amslpr.toml"), text).unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    load_with(&dir.path().join("amslpr.toml"), Some(dir.path()))
}

fn good(text: &str) -> Config {
    load(&format!("{CAMERA}{text}"), &[]).unwrap_or_else(|report| panic!("{report}")).config
}

/// Each of `parts` stands in the report, which counts so many errors.
fn check(text: &str, errors: usize, parts: &[&str]) {
    let report = load(&format!("{CAMERA}{text}"), &[]).map(|loaded| loaded.config).unwrap_err().to_string();
    for part in parts {
        assert!(report.contains(part), "no {part:?} in\n{report}");
    }
    let tally = format!("{errors} error");
    assert!(report.lines().last().unwrap().starts_with(&tally), "not {tally} in\n{report}");
}

fn warning(text: &str, files: &[(&str, &str)]) -> String {
    load(text, files).unwrap_or_else(|report| panic!("{report}")).report.to_string()
}

#[test]
fn a_gate_needs_a_name_cameras_and_one_output() {
    let config = good(&format!("{GATE}{LINE}"));
    let gate = &config.gates[0];
    assert_eq!((gate.id.as_str(), gate.cameras.as_slice()), ("g", [CameraId::new("a")].as_slice()));
    let wiring = Wiring { address: Address::Name("GPIO17".to_owned()), active_low: false };
    assert_eq!(gate.output, Output::Line(wiring));
    assert_eq!((gate.pulse, gate.valid), (Duration::from_millis(500), Duration::from_secs(10)));
    check("[[gate]]\n", 3, &["\"name\" is missing", "\"cameras\" is missing", "this gate has no output"]);
    check(
        &format!("{GATE}{LINE}[gate.http]\nurl = \"http://h/on?timer=1\"\n"),
        1,
        &["one output", "another output"],
    );
    check(&format!("{GATE}{LINE}{GATE}[gate.gpio]\nline = \"GPIO18\"\n"), 1, &["two gates share the name"]);
    check("[gate]\nname = \"g\"\n", 1, &["write [[gate]]"]);
}

#[test]
fn a_camera_that_is_not_there_is_pointed_at() {
    let with = |cameras: &str| format!("[[gate]]\nname = \"g\"\ncameras = {cameras}\n{LINE}");
    check(&with("[\"b\"]"), 1, &["there is no camera \"b\"", "amslpr.toml:6:12", "^^^"]);
    let text = format!("{}{}", CAMERA.replace("\"a\"", "\"north\""), with("[\"nort\"]"));
    let report = load(&text, &[]).unwrap_err().to_string();
    assert!(report.contains("did you mean \"north\"?"), "{report}");
    assert!(warning(&format!("{CAMERA}{}", with("[]")), &[]).contains("opens for no camera"));
    let replay = CAMERA.replace("[camera.v4l2]", "[camera.replay]\npath = \"a.mp4\"");
    assert!(warning(&format!("{replay}{}", with("[\"a\"]")), &[]).contains("no gate ever opens"));
}

#[test]
fn times_have_limits() {
    for (key, words) in [
        ("pulse = \"20ms\"", "a pulse lies between 50ms and 10s"),
        ("pulse = \"11s\"", "a pulse lies between"),
        ("gap = \"10ms\"", "a gap lies between"),
        ("hold-off = \"2h\"", "a hold-off lies between"),
        ("valid = \"5min\"", "a validity lies between 1s and 60s"),
    ] {
        check(&format!("{GATE}{key}\n{LINE}"), 1, &[words, "^^^"]);
    }
}

#[test]
fn a_line_has_one_use() {
    check(
        &format!("{GATE}{LINE}[gate.presence]\nline = \"GPIO17\"\n"),
        1,
        &["GPIO17 has two uses", "first use"],
    );
    let other = GATE.replace("\"g\"", "\"h\"");
    check(&format!("{GATE}{LINE}{other}{LINE}"), 1, &["GPIO17 has two uses"]);
    check(&format!("{GATE}[gate.wiegand]\nd0 = \"GPIO1\"\nd1 = \"GPIO1\"\n"), 1, &["two uses"]);
    check(&format!("{GATE}[gate.gpio]\nline = 17\n"), 1, &["another pin on every board"]);
    check(&format!("{GATE}[gate.gpio]\nlin = \"GPIO17\"\n"), 1, &["did you mean \"line\"?"]);
    check(&format!("{GATE}[gate.gpio]\n"), 1, &["\"line\" is missing"]);
}

#[test]
fn nothing_but_opening_can_be_written() {
    let mqtt = "[mqtt]\nhost = \"h\"\n";
    let payload = |text: &str| format!("{GATE}[gate.mqtt]\ntopic = \"x/set\"\npayload = '{text}'\n{mqtt}");
    good(&payload("{\"state\": \"ON\", \"on_time\": 1}"));
    check(&payload("TOGGLE"), 1, &["\"toggle\" is nothing that AMSLPR does"]);
    check(&payload("close"), 1, &["never to close"]);
    check(&format!("{GATE}[gate.http]\nurl = \"http://h/relay/0?turn=toggle\"\n"), 1, &["never to close"]);
}

#[test]
fn a_message_needs_a_broker_and_a_topic() {
    check(&format!("{GATE}[gate.mqtt]\n"), 1, &["there is no broker", "[mqtt]"]);
    let topic = |topic: &str| format!("{GATE}[gate.mqtt]\ntopic = \"{topic}\"\n[mqtt]\nhost = \"h\"\n");
    check(&topic("a/#"), 1, &["no topic to publish to"]);
    let Output::Message { topic, payload } = &good(&topic("a/b")).gates[0].output else { panic!() };
    assert_eq!((topic.as_deref(), payload.as_deref()), (Some("a/b"), None));
}

#[test]
fn a_relay_that_does_not_switch_itself_off_is_warned_about() {
    let relay = |more: &str| format!("{CAMERA}{GATE}[gate.http]\n{more}\n");
    let plain = relay("url = \"http://h/relay/0?turn=on\"");
    assert!(warning(&plain, &[]).contains("switch itself off"), "{}", warning(&plain, &[]));
    for quiet in ["?turn=on&timer={seconds}\"", "?toggle_after=1\"", "\"\nrelease-url = \"http://h/off\""] {
        assert_eq!(warning(&relay(&format!("url = \"http://h/x{quiet}")), &[]), "no problems", "{quiet}");
    }
    check(
        &format!("{GATE}[gate.http]\nurl = \"http://h/?timer=1\"\npassword = {{ file = \"x\" }}\n"),
        1,
        &["\"username\" is missing", "warning: the secret in", "cannot be read"],
    );
}

#[test]
fn cards_are_read_line_by_line() {
    let (cards, problems) =
        parse("\u{feff}plate,card\n# staff\nAB 12 CDE,4711\n\nKX07FFF;\"12\"\nKX07FFF,12\n", u32::MAX);
    let cards: Vec<_> = cards.iter().map(|(plate, card)| (plate.as_str(), *card)).collect();
    assert_eq!((cards.as_slice(), problems), ([("AB12CDE", 4711), ("KX07FFF", 12)].as_slice(), Vec::new()));
    let (_, problems) = parse("AB12CDE\n京,1\nAB12CDE,x\nAB12CDE,16777216\nAB1,1\nAB1,2\n", 0xff_ffff);
    assert_eq!(problems.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 2, 3, 4, 6]);
    let wiegand =
        format!("{CAMERA}{GATE}[gate.wiegand]\nd0 = \"A\"\nd1 = \"B\"\nbits = 34\ncards = \"c.csv\"\n");
    let report = load(&wiegand, &[("c.csv", "AB12CDE,1\nAB12CDF,-1\n")]).unwrap_err().to_string();
    assert!(report.contains("c.csv:2: \"-1\" is no card number"), "{report}");
    check(
        &format!("{GATE}[gate.wiegand]\nd0 = \"A\"\nd1 = \"B\"\nbits = 34\n"),
        1,
        &["\"cards\" is missing"],
    );
    check(
        &format!("{GATE}[gate.wiegand]\nd0 = \"A\"\nd1 = \"B\"\nmanual-card = 16777216\n"),
        1,
        &["up to 16777215"],
    );
}

#[test]
fn plates_that_send_one_number_are_warned_about() {
    // Two plates whose SHA-1 end alike, found by search.
    let mut seen = std::collections::HashMap::new();
    let (a, b) = (0..100_000u32)
        .find_map(|n| {
            let text = format!("AB{n:05}");
            let number = wiegand::hashed(&PlateText::normalise(&text).unwrap());
            seen.insert(number, text.clone()).map(|earlier| (earlier, text))
        })
        .unwrap();
    let lists = format!(
        "[[list]]\nname = \"l\"\nkind = \"allow\"\nplates = [{{ plate = \"{a}\" }}, {{ plate = \"{b}\" }}]\n"
    );
    let wiegand = |more: &str| format!("{CAMERA}{lists}{GATE}[gate.wiegand]\nd0 = \"A\"\nd1 = \"B\"\n{more}");
    let told = warning(&wiegand(""), &[]);
    assert!(told.contains(&format!("{a} and {b} have the same 26-bit number")), "{told}");
    assert_eq!(warning(&wiegand("cards = \"c.csv\"\n"), &[("c.csv", "AB12CDE,1\n")]), "no problems");
}
