//! `amslpr doctor hailo` names every known fault and what to do about it, and survives a library that does not.

use std::process::Output;

use crate::daemon::Demo;

fn doctor(script: &str, architecture: u8) -> (Output, String) {
    let demo = Demo::new(architecture, "[\"hailo\", \"cpu\"]", "deadline = \"5s\"");
    let said = demo.amslpr(&["doctor", "hailo"], script);
    let text = String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
    (said, text)
}

fn check(script: &str, words: &[&str]) {
    let (said, text) = doctor(script, 0);
    assert_eq!(said.status.code(), Some(1), "{script}:\n{text}");
    for word in words {
        assert!(text.contains(word), "{script}: {word:?} is not in\n{text}");
    }
}

#[test]
fn the_doctor_shows_library_chip_sensors_and_a_picture_through_each_network() {
    let (_, text) = doctor("", 0);
    for word in [
        "HailoRT 4.23.0 at",
        "Hailo-8, firmware 4.23.0, serial FAKE",
        "48 \u{b0}C",
        "400 MHz",
        "cannot measure it",
        "amslpr-detector-1, compiled for a Hailo-8",
        "amslpr-reader-1 gives what its description says",
        // There is none in the machine that tests this.
        "no Hailo on the PCI bus",
    ] {
        assert!(text.contains(word), "{word:?} is not in\n{text}");
    }
}

#[test]
fn the_doctor_explains_each_known_fault() {
    check("create_vdevice@*=74", &["HAILO_OUT_OF_PHYSICAL_DEVICES", "sudo fuser -v /dev/hailo*"]);
    check(
        "create_vdevice@*=76",
        &["HAILO_INVALID_DRIVER_VERSION", "driver and library are of different releases", "reboot"],
    );
    check("devices=0", &["the driver shows no Hailo", "lspci -d 1e60:"]);
    check("arch=hailo10h", &["does not infer through HailoRT's C interface", "CPU"]);
    check(
        "arch=hailo8l",
        &["was compiled for a Hailo-8, but the chip here is a Hailo-8L", "hw-arch hailo8l"],
    );
    check("temperature=110 throttling", &["110 \u{b0}C", "a heat sink, a fan", "throttling"]);
    check("configure_vdevice@*=71", &["smaller batch-size"]);
    check("run@2=63!", &["the chip stopped its streams", "cooling"]);
    check("version=4.19.0", &["HailoRT 4.19.0", "4.20 to 4.23"]);
    check("vstream_read_raw_buffer@*=36", &["power supply"]);
}

#[test]
fn the_doctor_survives_a_library_that_ends_its_process() {
    check(
        "configure_vdevice@1=abort",
        &["it ended its process by signal 6", "leaves the Hailo alone after three times"],
    );
}

#[test]
fn the_doctor_keeps_files_for_another_family_from_the_library() {
    let (said, text) = doctor("", 103);
    assert_eq!(said.status.code(), Some(1), "{text}");
    assert!(text.contains("compiled for a Hailo-10H or 15H"), "{text}");
    assert!(!text.contains("signal"), "{text}");
}
