//! What comes out of the chip is what comes out of the CPU.

use std::time::Duration;

use amslpr::{
    capture::still,
    clock::Moment,
    detect::{self, Detector},
    frame::{CameraId, Frame},
    infer::{
        Engine, EngineKind, InputPicture,
        cpu::{CpuEngine, Weights},
        description::Task,
        hailo::{Settings, State},
    },
};
use fake_hailort::hef::Numbers;

use crate::rig::{Rig, house, load, until};

pub(crate) fn frame(name: &str) -> Frame {
    let path = house().join("tests/fixtures").join(name);
    let still = still::load(&path, &still::Settings::default()).unwrap();
    still.into_frame(CameraId::new("test"), 0, Moment::ZERO, jiff::Timestamp::UNIX_EPOCH)
}

pub(crate) fn cpu(task: Task) -> CpuEngine {
    CpuEngine::new(Weights::load(load(&house().join("models").join(task.file_name()))).unwrap(), 1)
}

#[test]
fn the_chip_finds_the_same_plates_as_the_cpu() {
    let rig = Rig::new("");
    // The fake computes on the same processors as everything else.
    let patient = Settings {
        deadline: Duration::from_secs(20),
        ..rig.settings(vec![rig.shipped(Task::Detect, Numbers::Float)])
    };
    let hailo = rig.start(patient);
    until("it works", || hailo.snapshot().state == State::Working);
    let on_chip = hailo.engine(Task::Detect).unwrap();
    assert_eq!((on_chip.kind(), on_chip.is_available()), (EngineKind::Hailo, true));
    let settings = detect::Settings::default();
    let mut on_chip = Detector::new(Box::new(on_chip), settings).unwrap();
    let mut on_cpu = Detector::new(Box::new(cpu(Task::Detect)), settings).unwrap();
    for name in ["street-day.jpg", "two-cars.jpg", "night.jpg", "no-plate.jpg"] {
        let frame = frame(name);
        let (mut found, mut expected) = (Vec::new(), Vec::new());
        on_chip.detect(&frame, &mut found).unwrap();
        on_cpu.detect(&frame, &mut expected).unwrap();
        assert_eq!(found, expected, "{name}");
    }
    drop(on_chip);
    drop(hailo);
    assert_eq!(rig.count("leaks"), 0);
}

#[test]
fn quantised_numbers_are_made_floats_again_and_where_only_the_library_can_it_does() {
    for numbers in [Numbers::Float, Numbers::U8, Numbers::U16] {
        let rig = Rig::new("");
        let hailo = rig.working(vec![rig.echo(numbers, 1)]);
        let mut engine = hailo.engine(Task::Read).unwrap();
        let mut picture = vec![0; 128];
        picture[..4].copy_from_slice(&[1, 90, 0, 7]);
        let input = InputPicture { size: engine.model().input.size, channels: 1, bytes: &picture };
        let mut outputs = Vec::new();
        engine.run(&[input], &mut outputs).unwrap();
        assert_eq!((&outputs[0][0].shape, outputs[0][0].name.as_str()), (&vec![1, 4], "out"), "{numbers:?}");
        assert_eq!(outputs[0][0].values, [1.0, 90.0, 0.0, 7.0], "{numbers:?}");
    }
    let rig = Rig::new("");
    let hailo = rig.working(vec![rig.echo(Numbers::PerFeature, 1)]);
    assert_eq!(rig.count("make_output_vstream_params"), 2, "asked again, for floats");
    drop(hailo);
    assert_eq!(rig.count("leaks"), 0);
}
