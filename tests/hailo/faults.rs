//! Every fault of the library that is known from the field, each one a sentence.

use std::time::Duration;

use amslpr::infer::{
    Engine, InputPicture,
    description::Task,
    hailo::{Hailo, State},
};
use fake_hailort::hef::{Kind, Numbers, Text};

use crate::rig::{Rig, until};

/// Starts with this script; the state it settles in, and its words.
fn settled(rig: &Rig, networks: Vec<amslpr::infer::hailo::Network>) -> (State, String) {
    let hailo = rig.start(rig.settings(networks));
    let told = hailo.snapshot();
    drop(hailo);
    assert_eq!(rig.count("leaks"), 0);
    (told.state, told.problem.unwrap_or_default())
}

fn check(script: &str, state: State, words: &[&str]) {
    let rig = Rig::new(script);
    let (found, problem) = settled(&rig, vec![rig.echo(Numbers::U8, 1)]);
    assert_eq!(found, state, "{script}: {problem}");
    for word in words {
        assert!(problem.contains(word), "{script}: {problem:?} lacks {word:?}");
    }
}

#[test]
fn a_chip_that_another_program_has_is_looked_for_again() {
    check("create_vdevice@*=74", State::Waiting, &["hailo_create_vdevice", "74", "fuser"]);
    let rig = Rig::new("create_vdevice@1=74 create_vdevice@2=74");
    let hailo = rig.start(rig.settings(vec![rig.echo(Numbers::U8, 1)]));
    until("the chip is free and taken", || hailo.snapshot().state == State::Working);
    assert_eq!(hailo.snapshot().errors, [(74, 2)]);
}

#[test]
fn a_second_program_gets_74_while_the_first_has_the_chip() {
    let rig = Rig::new("");
    let first = rig.working(vec![rig.echo(Numbers::U8, 1)]);
    let second = rig.start(rig.settings(vec![rig.echo(Numbers::U8, 1)]));
    assert!(second.snapshot().problem.unwrap().contains("another program has the chip"));
    drop(first);
    until("the second gets it", || second.snapshot().state == State::Working);
}

#[test]
fn a_machine_without_a_chip_is_told_what_to_look_at() {
    check("devices=0", State::Waiting, &["the driver shows no Hailo", "lspci -d 1e60:", "hailo-all"]);
}

#[test]
fn a_driver_of_another_release_is_not_tried_again() {
    check("create_vdevice@*=76", State::GivenUp, &["76", "different", "reboot"]);
    let rig = Rig::new("create_vdevice@*=76");
    let hailo = rig.start(rig.settings(vec![rig.echo(Numbers::U8, 1)]));
    rig.clock.sleep(Duration::from_millis(200));
    assert_eq!(rig.count("create_vdevice"), 1);
    drop(hailo);
}

#[test]
fn a_hailo_10h_is_recognised_and_explained_and_the_file_never_reaches_the_library() {
    check("arch=hailo10h", State::GivenUp, &["Hailo-10H", "does not infer", "CPU"]);
    let rig = Rig::new("arch=hailo10h version=5.2.0");
    let hailo = rig.start(rig.settings(vec![rig.echo(Numbers::U8, 1)]));
    assert_eq!((rig.count("create_hef_file"), hailo.snapshot().chip.unwrap().name), (0, "Hailo-10H"));
}

#[test]
fn status_7_at_configuring_is_what_a_hailo_10h_says_and_is_not_tried_again() {
    check("configure_vdevice@*=7", State::GivenUp, &["7", "Hailo-10H"]);
}

#[test]
fn a_library_that_is_too_old_or_too_new_is_refused_by_its_version() {
    for version in ["4.19.0", "5.3.0"] {
        check(&format!("version={version}"), State::GivenUp, &[version, "4.20 to 4.23"]);
    }
}

#[test]
fn every_release_from_4_20_to_5_2_works_with_its_own_layouts() {
    for version in ["4.20.0", "4.21.0", "4.22.0", "4.23.0", "5.0.0", "5.0.1", "5.1.1", "5.2.0"] {
        let rig = Rig::new(&format!("version={version}"));
        let hailo = rig.working(vec![rig.boxes(2, 3), rig.echo(Numbers::U16, 4)]);
        assert_eq!(hailo.snapshot().chip.unwrap().library, version);
        drop(hailo);
        assert_eq!(rig.count("leaks"), 0, "{version}");
    }
}

#[test]
fn a_hef_for_another_chip_is_refused_before_the_library_sees_it() {
    for (chip, architecture, named) in
        [("hailo8l", 0, "hailo8l"), ("hailo8", 103, "hailo8"), ("hailo8l", 103, "hailo8l")]
    {
        let rig = Rig::new(&format!("arch={chip}"));
        let mut network = rig.echo(Numbers::U8, 1);
        let kind = Kind::Echo { input: [16, 8, 1], output: [1, 1, 4] };
        let text = Text { name: "echo".into(), kind, numbers: Numbers::U8 };
        network.hefs = vec![rig.file("other.hef", &text.file(architecture))];
        let (state, problem) = settled(&rig, vec![network]);
        assert_eq!(state, State::GivenUp);
        assert!(problem.contains("was compiled for") && problem.contains(named), "{problem}");
        // A file for a Hailo-10H would have ended this process.
        assert_eq!(rig.count("create_hef_file"), 0);
    }
}

#[test]
fn the_file_that_was_made_for_the_chip_is_taken_and_one_for_the_8l_runs_on_the_8() {
    let kind = || Kind::Echo { input: [16, 8, 1], output: [1, 1, 4] };
    let text = || Text { name: "echo".into(), kind: kind(), numbers: Numbers::U8 };
    for (chip, files) in [("hailo8", vec![3]), ("hailo8", vec![3, 0]), ("hailo8l", vec![0, 3])] {
        let rig = Rig::new(&format!("arch={chip}"));
        let mut network = rig.echo(Numbers::U8, 1);
        let name = |architecture| rig.file(&format!("for-{architecture}.hef"), &text().file(architecture));
        network.hefs = files.into_iter().map(name).collect();
        rig.working(vec![network]);
    }
}

#[test]
fn an_incomplete_a_damaged_an_empty_and_a_missing_hef_are_told_apart() {
    let check = |spoil: &dyn Fn(&mut Vec<u8>), words: &str| {
        let rig = Rig::new("");
        let mut network = rig.echo(Numbers::U8, 1);
        let mut bytes = std::fs::read(&network.hefs[0]).unwrap();
        spoil(&mut bytes);
        network.hefs = vec![rig.file("spoilt.hef", &bytes)];
        let (state, problem) = settled(&rig, vec![network]);
        assert_eq!(state, State::GivenUp);
        assert!(problem.contains(words) && problem.contains("spoilt.hef"), "{problem}");
        assert_eq!(rig.count("create_hef_file"), 0, "the library never saw it");
    };
    check(&|bytes| bytes.truncate(60), "is incomplete");
    check(&|bytes| *bytes.last_mut().unwrap() ^= 1, "its checksum is wrong");
    check(&|bytes| bytes.clear(), "is empty");
    check(&|bytes| bytes[0] = b'P', "is no HEF");
    let rig = Rig::new("");
    let mut network = rig.echo(Numbers::U8, 1);
    network.hefs = vec!["/nowhere/x.hef".into()];
    assert!(settled(&rig, vec![network]).1.contains("No such file"));
}

#[test]
fn a_hef_that_the_library_refuses_is_not_tried_again() {
    for status in [26, 91, 92, 93] {
        check(&format!("create_hef_file@*={status}"), State::GivenUp, &[&status.to_string(), "model zoo"]);
    }
}

#[test]
fn a_hef_whose_outputs_are_not_the_descriptions_is_refused_with_what_it_has() {
    let rig = Rig::new("");
    let mut network = rig.echo(Numbers::U8, 1);
    let kind = Kind::Echo { input: [16, 8, 1], output: [1, 1, 7] };
    let text = Text { name: "echo".into(), kind, numbers: Numbers::U8 };
    network.hefs = vec![rig.file("other.hef", &text.file(0))];
    let (state, problem) = settled(&rig, vec![network]);
    assert_eq!(state, State::GivenUp);
    assert!(problem.contains("none of the HEF's outputs") && problem.contains("features: 7"), "{problem}");
    let rig = Rig::new("get_output_vstream_frame_size@*=garbage");
    let (_, problem) = settled(&rig, vec![rig.echo(Numbers::U8, 1)]);
    assert!(problem.contains("7 bytes for 1 x 1 x 4 numbers"), "{problem}");
}

#[test]
fn too_little_room_on_the_chip_is_answered_with_batches_of_one() {
    let rig = Rig::new("configure_vdevice@1=71");
    let hailo = rig.start(rig.settings(vec![rig.echo(Numbers::U8, 8)]));
    until("it works with less", || hailo.snapshot().state == State::Working);
    check("configure_vdevice@*=71", State::Waiting, &["71", "smaller batch"]);
}

#[test]
fn a_stream_that_cannot_be_made_leaves_nothing_behind() {
    for call in [
        "create_input_vstreams",
        "create_output_vstreams",
        "get_output_vstream_info",
        "set_scheduler_threshold",
    ] {
        check(&format!("{call}@*=8"), State::Waiting, &["8"]);
    }
}

/// One picture through; what came back.
fn run(hailo: &std::sync::Arc<Hailo>, first: u8) -> Result<Vec<f32>, String> {
    let mut engine = hailo.engine(Task::Read).unwrap();
    let mut bytes = vec![0; 128];
    bytes[0] = first;
    let picture = InputPicture { size: engine.model().input.size, channels: 1, bytes: &bytes };
    let mut outputs = Vec::new();
    engine.run(&[picture], &mut outputs).map_err(|e| e.to_string())?;
    Ok(outputs[0][0].values.clone())
}

/// With the chip working, one call of the data path fails like this; what the worker is told at once, and the chip is
/// taken down, opened again and works.
fn recovers(script: &str, told: &str) {
    // The first picture is the black one at opening.
    let rig = Rig::new(script);
    let hailo = rig.working(vec![rig.echo(Numbers::U8, 1)]);
    let error = run(&hailo, 5).unwrap_err();
    assert!(error.contains(told), "{script}: {error}");
    until("it is back", || run(&hailo, 9).is_ok_and(|values| values[0] == 9.0));
    let snapshot = hailo.snapshot();
    assert_eq!((snapshot.opened, snapshot.failovers), (2, 1), "{script}");
    drop(hailo);
    assert_eq!(rig.count("leaks"), 0, "{script}");
}

#[test]
fn a_stream_that_is_aborted_and_stays_so_is_cured_by_releasing_the_device() {
    recovers("vstream_read_raw_buffer@2=63!", "the device failed");
    recovers("run@2=63!", "the device failed");
}

#[test]
fn a_dead_pipeline_is_built_anew_from_the_device_down() {
    for status in [8, 68, 69, 70, 72, 80, 95] {
        recovers(&format!("vstream_write_raw_buffer@2={status}!"), "the device failed");
    }
}

#[test]
fn a_chip_that_does_not_answer_any_more_is_left_and_tried_again() {
    for status in [36, 62, 97, 4711] {
        recovers(&format!("vstream_read_raw_buffer@2={status}!"), "the device failed");
    }
}

#[test]
fn one_timeout_of_a_read_is_borne_and_counted_and_two_in_a_row_are_a_fault() {
    let rig = Rig::new("vstream_read_raw_buffer@2=4");
    let hailo = rig.working(vec![rig.echo(Numbers::U8, 1)]);
    assert_eq!(run(&hailo, 5).unwrap()[0], 5.0);
    let told = hailo.snapshot();
    assert_eq!((told.retried, told.opened, told.errors), (1, 1, vec![(4, 1)]));
    recovers("vstream_read_raw_buffer@2=4 vstream_read_raw_buffer@3=4", "the device failed");
}

#[test]
fn a_read_that_blocks_until_the_network_is_shut_down_costs_one_deadline() {
    recovers("vstream_read_raw_buffer@2=hang", "no result within 500 ms");
}

#[test]
fn while_the_chip_owes_results_for_too_long_nobody_else_waits_for_it() {
    let rig = Rig::new("run@2=hang");
    let hailo = rig.working(vec![rig.echo(Numbers::U8, 1)]);
    assert!(run(&hailo, 1).unwrap_err().contains("no result"));
    assert!(!hailo.engine(Task::Read).unwrap().is_available());
    until("it is back", || run(&hailo, 9).is_ok());
}

#[test]
fn results_that_make_no_sense_go_to_nobody_and_three_in_a_row_take_the_chip_down() {
    let rig = Rig::new(
        "vstream_read_raw_buffer@2=garbage vstream_read_raw_buffer@3=garbage vstream_read_raw_buffer@4=garbage",
    );
    let hailo = rig.working(vec![rig.boxes(1, 4)]);
    let mut engine = hailo.engine(Task::Detect).unwrap();
    let size = engine.model().input.size;
    let bytes = vec![0; 16 * 8 * 3];
    let mut outputs = Vec::new();
    for _ in 0..3 {
        let picture = InputPicture { size, channels: 3, bytes: &bytes };
        let error = engine.run(&[picture], &mut outputs).unwrap_err().to_string();
        assert!(error.contains("boxes of at most 4"), "{error}");
    }
    until("it is back", || hailo.snapshot().opened == 2 && hailo.snapshot().state == State::Working);
}

#[test]
fn boxes_that_the_chip_suppressed_arrive_as_fractions_with_their_class() {
    let rig = Rig::new("");
    let hailo = rig.working(vec![rig.boxes(3, 4)]);
    let mut engine = hailo.engine(Task::Detect).unwrap();
    let mut bytes = vec![0; 16 * 8 * 3];
    bytes[..11].copy_from_slice(&[2, 0, 51, 102, 153, 255, 51, 51, 204, 204, 102]);
    let picture = InputPicture { size: engine.model().input.size, channels: 3, bytes: &bytes };
    let mut outputs = Vec::new();
    engine.run(&[picture], &mut outputs).unwrap();
    let boxes = &outputs[0][0];
    assert_eq!(boxes.shape, [2, 6]);
    let expected = [0.2, 0.0, 0.6, 0.4, 1.0, 0.0, 0.2, 0.2, 0.8, 0.8, 0.4, 0.0];
    assert!(boxes.values.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{:?}", boxes.values);
}

#[test]
fn sensors_are_read_and_those_that_the_board_lacks_are_left_out() {
    let rig = Rig::new("temperature=104.5 throttling");
    let hailo = rig.working(vec![rig.echo(Numbers::U8, 1)]);
    until("sensors are read", || hailo.snapshot().sensors.temperature.is_some());
    let sensors = hailo.snapshot().sensors;
    assert_eq!((sensors.temperature, sensors.throttling), (Some(104.5), Some(true)));
    assert_eq!((sensors.power_w, sensors.clock_mhz), (None, Some(400)));
}

#[test]
fn stopping_while_the_chip_hangs_ends_within_seconds() {
    let rig = Rig::new("run@2=hang");
    let hailo = rig.working(vec![rig.echo(Numbers::U8, 1)]);
    assert!(run(&hailo, 1).is_err());
    let began = rig.clock.now();
    drop(hailo);
    assert!(rig.clock.now().since(began) < Duration::from_secs(5));
    assert_eq!(rig.count("leaks"), 0);
}
