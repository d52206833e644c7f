//! Networks from their files to boxes and texts: a tiny detector and a tiny reader, whose numbers can be followed
//! with a pencil, and every way in which a model can be unusable.

#![allow(clippy::unwrap_used, reason = "a test stops where something is not as it should be")]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use amslpr::{
    clock::{Moment, SystemClock},
    detect::{self, Detection, Detector},
    frame::{Buffer, CameraId, Frame, PixelFormat},
    geometry::{Rect, Size},
    infer::{
        Description, Engine, InferError, InputPicture,
        cpu::{CpuEngine, Weights},
        description::Task,
        model,
    },
    plate::Confidence,
    read::{NetworkReader, Reader},
};
use sha2::Digest as _;

fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models")
}

fn engine(file: &str) -> CpuEngine {
    CpuEngine::new(Weights::load(Description::load(&tiny().join(file)).unwrap()).unwrap(), 1)
}

fn frame(format: PixelFormat, size: Size, value: impl Fn(u32, u32) -> [u8; 3]) -> Frame {
    let (planes, _) = format.packed(size);
    let channels = if format == PixelFormat::Rgb8 { 3 } else { 1 };
    let pixel = |i: u32| value(i % size.width, i / size.width).into_iter().take(channels);
    let bytes: Vec<u8> = (0..size.width * size.height).flat_map(pixel).collect();
    Frame {
        camera: CameraId::new("test"),
        seq: 0,
        captured: Moment::ZERO,
        wall: jiff::Timestamp::UNIX_EPOCH,
        size,
        format,
        full_range: true,
        planes,
        pixels: Arc::new(Buffer::from(bytes)),
    }
}

#[test]
fn bytes_become_floats_in_the_right_planes_and_outputs_keep_their_names() {
    let mut engine = engine("detector.toml");
    // Red only in the left half, green everywhere.
    let bytes: Vec<u8> = (0..64 * 32).flat_map(|i| [if i % 64 < 32 { 255 } else { 0 }, 255, 9]).collect();
    let picture = InputPicture { size: Size::new(64, 32), channels: 3, bytes: &bytes };
    let mut outputs = Vec::new();
    for _ in 0..2 {
        engine.run(&[picture, picture], &mut outputs).unwrap();
        assert_eq!(outputs.len(), 2);
        let map = &outputs[1][0];
        assert_eq!((map.name.as_str(), map.shape.as_slice()), ("s8", [5, 4, 8].as_slice()));
        let cell = |channel: usize, row: usize, column: usize| map.values[channel * 32 + row * 8 + column];
        assert!((cell(0, 0, 0) - 10.0).abs() < 1e-4 && (cell(0, 3, 7) + 10.0).abs() < 1e-4);
        assert!((cell(1, 2, 2) - 1.5).abs() < 1e-4 && (cell(4, 0, 5) - 1.5).abs() < 1e-4);
    }
}

#[test]
fn a_picture_of_another_size_is_refused() {
    let bytes = [0; 64 * 31 * 3];
    let picture = InputPicture { size: Size::new(64, 31), channels: 3, bytes: &bytes };
    let error = engine("detector.toml").run(&[picture], &mut Vec::new()).unwrap_err();
    assert!(matches!(error, InferError::Input { .. }));
    assert!(error.to_string().contains("64x31"), "{error}");
}

#[test]
fn a_red_cell_is_a_plate_in_frame_pixels() {
    // Twice the input's size; the cell of row 1, column 5 covers x 80..96, y 16..32 of the frame.
    let red = frame(PixelFormat::Rgb8, Size::new(128, 64), |x, y| {
        if (80..96).contains(&x) && (16..32).contains(&y) { [255, 128, 0] } else { [0, 128, 0] }
    });
    let mut detector = Detector::new(Box::new(engine("detector.toml")), detect::Settings::default()).unwrap();
    let mut found = Vec::new();
    for _ in 0..2 {
        detector.detect(&red, &mut found).unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        // One stride (16 frame pixels) around the cell's centre (88, 24).
        let area = found[0].area;
        let off = [area.x - 72.0, area.y - 8.0, area.width - 32.0, area.height - 32.0];
        assert!(off.iter().all(|d| d.abs() < 0.2), "{area:?}");
        assert!(found[0].confidence.value() > 0.99 && !found[0].has_corners);
    }
    let dark = frame(PixelFormat::Rgb8, Size::new(128, 64), |_, _| [0, 128, 0]);
    detector.detect(&dark, &mut found).unwrap();
    assert_eq!(found, []);
}

#[test]
fn a_crop_is_read_position_by_position() {
    // Column pairs of the plate: dark, light, light, dark; the rest of the frame is middling.
    let shades = frame(PixelFormat::Gray8, Size::new(60, 40), |x, y| {
        let light = match x {
            _ if !(10..18).contains(&y) => 128,
            20..24 | 32..36 => 0,
            24..32 => 255,
            _ => 128,
        };
        [light; 3]
    });
    let area = Rect::new(20.0, 10.0, 16.0, 8.0);
    let detection =
        Detection { area, corners: area.into(), has_corners: false, confidence: Confidence::FULL };
    let clock = Arc::new(SystemClock::start());
    let mut reader = NetworkReader::new(Box::new(engine("reader.toml")), None, clock.clone()).unwrap();
    let read = reader.read(&shades, &detection).unwrap().unwrap();
    assert_eq!((read.text.as_str(), read.model.as_str()), ("ABBA", "tiny-reader"));
    assert!(read.confidence.value() > 0.9 && read.quality.height == 8.0);
    let sure = Some(Confidence::new(0.9999));
    let mut doubter = NetworkReader::new(Box::new(engine("reader.toml")), sure, clock).unwrap();
    assert_eq!(doubter.read(&shades, &detection).unwrap(), None);
}

/// A copy of the tiny detector, changed by `spoil`, and the message it is refused with.
fn refused(spoil: impl Fn(&Path)) -> String {
    let folder = tempfile::tempdir().unwrap();
    for name in ["detector.toml", "detector.onnx"] {
        fs::copy(tiny().join(name), folder.path().join(name)).unwrap();
    }
    spoil(folder.path());
    let used = model::find(Some(folder.path()))
        .and_then(|models| models.description(Task::Detect))
        .and_then(Weights::load);
    match used {
        Ok(_) => "it was not refused".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn edit(folder: &Path, from: &str, to: &str) {
    let file = folder.join("detector.toml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(file, text.replace(from, to)).unwrap();
}

#[test]
fn an_unusable_model_is_refused_with_its_name_and_what_to_do() {
    let check = |spoil: &dyn Fn(&Path), expected: &[&str]| {
        let message = refused(spoil);
        for part in expected {
            assert!(message.contains(part), "expected {part:?} in: {message}");
        }
    };
    let network = |folder: &Path| folder.join("detector.onnx");
    check(&|d| fs::remove_file(d.join("detector.toml")).unwrap(), &["no model directory", "configuration"]);
    check(&|d| fs::remove_file(network(d)).unwrap(), &["detector.onnx", "cannot read it"]);
    check(
        &|d| fs::write(network(d), &fs::read(network(d)).unwrap()[..200]).unwrap(),
        &["detector.onnx", "SHA-256", "copy it again"],
    );
    check(&|d| fs::write(network(d), b"").unwrap(), &["detector.onnx", "SHA-256"]);
    check(&|d| edit(d, "width = 64", "width = 128"), &["detector.onnx", "correct the description"]);
    check(&|d| edit(d, "\"s8\"", "\"s9\""), &["no output named \"s9\"", "outputs: s8"]);
    check(&|d| edit(d, "\"image\"", "\"picture\""), &["no input named \"picture\"", "inputs: image"]);
    check(&|d| edit(d, "strides = [8]", "strides = [8]\ncorners = true"), &["[5, 4, 8]", "[13, 4, 8]"]);
    check(&|d| edit(d, "strides = [8]", "strides = [7]"), &["strides [7] do not divide"]);
    check(&|d| edit(d, "format = 1", "format = 2\nnew-key = 3"), &["format 2 is unknown"]);
    check(&|d| edit(d, "iou = 0.3", "iou = 1.3"), &["[threshold] iou is 1.3"]);
    check(&|d| edit(d, "iou = 0.3", "overlap = 0.3"), &["detector.toml", "line 27", "overlap", "^"]);
    check(&|d| edit(d, "channels = 3", "channels = \"three\""), &["line 13", "three"]);
    check(&|d| edit(d, "\"yolo-raw\"", "\"yolo-v99\""), &["yolo-v99"]);
    check(&|d| edit(d, "\"detector.onnx\"", "\"../detector.onnx\""), &["beside the description"]);
    check(&|d| edit(d, "\"detector.onnx\"", "\"detector.hef\""), &[".onnx files only"]);
    check(&|d| edit(d, "task = \"detect\"", "task = \"read\""), &["not for task \"read\""]);
    check(&|d| fs::write(d.join("detector.toml"), [0xff, 0xfe, 0]).unwrap(), &["detector.toml", "text"]);
}

#[test]
fn a_file_that_is_no_network_is_refused_even_with_the_right_sum() {
    use sha2::{Digest as _, Sha256};
    let old = fs::read_to_string(tiny().join("detector.toml")).unwrap();
    let sum = old.split("sha256 = \"").nth(1).and_then(|s| s.get(..64)).unwrap().to_owned();
    let message = refused(|folder| {
        let bytes = b"no network at all";
        fs::write(folder.join("detector.onnx"), bytes).unwrap();
        let new: String = Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect();
        edit(folder, &sum, &new);
    });
    assert!(message.contains("is no network this engine can run"), "{message}");
}

#[test]
fn a_decoder_that_the_network_is_not_made_for_is_refused_when_it_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["detector.toml", "detector.onnx"] {
        fs::copy(tiny().join(name), folder.path().join(name)).unwrap();
    }
    edit(folder.path(), "\"yolo-raw\"", "\"yolo-nms\"");
    let error = Description::load(&folder.path().join("detector.toml")).unwrap_err().to_string();
    assert!(error.contains("strides has no meaning for decoder \"yolo-nms\""), "{error}");
    edit(folder.path(), "strides = [8]", "class = 0");
    let description = Description::load(&folder.path().join("detector.toml")).unwrap();
    let error = Weights::load(description).unwrap_err().to_string();
    assert!(error.contains("[5, 4, 8]") && error.contains("[boxes, 6]"), "{error}");
}

#[test]
fn several_workers_share_one_set_of_weights() {
    let weights = Weights::load(Description::load(&tiny().join("detector.toml")).unwrap()).unwrap();
    let maps: Vec<Vec<f32>> = std::thread::scope(|scope| {
        let work = |shade: u8| {
            let mut engine = CpuEngine::new(weights.clone(), 1);
            scope.spawn(move || {
                let bytes = vec![shade; 64 * 32 * 3];
                let picture = InputPicture { size: Size::new(64, 32), channels: 3, bytes: &bytes };
                let mut outputs = Vec::new();
                engine.run(&[picture], &mut outputs).unwrap();
                outputs.remove(0).remove(0).values
            })
        };
        [0, 255, 0].map(work).into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert_eq!(maps[0], maps[2]);
    assert!((maps[1][0] - 10.0).abs() < 1e-4 && (maps[0][0] + 10.0).abs() < 1e-4);
}

#[test]
fn the_shipped_networks_load_and_find_and_read_a_rendered_plate() {
    let models = model::find(Some(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models"))).unwrap();
    let still = amslpr::capture::still::load(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/street-day.jpg"),
        &amslpr::capture::still::Settings::default(),
    );
    let frame =
        still.unwrap().into_frame(CameraId::new("test"), 0, Moment::ZERO, jiff::Timestamp::UNIX_EPOCH);
    let detector = Weights::load(models.description(Task::Detect).unwrap()).unwrap();
    let mut detector =
        Detector::new(Box::new(CpuEngine::new(detector, 1)), detect::Settings::default()).unwrap();
    let mut found = Vec::new();
    detector.detect(&frame, &mut found).unwrap();
    let truth = Rect::new(545.9, 451.7, 130.7, 33.1);
    let plate = found.iter().find(|d| d.area.iou(&truth) > 0.5).expect("the plate is found");
    let reader = Weights::load(models.description(Task::Read).unwrap()).unwrap();
    let clock = Arc::new(SystemClock::start());
    let mut reader = NetworkReader::new(Box::new(CpuEngine::new(reader, 1)), None, clock).unwrap();
    let read = reader.read(&frame, plate).unwrap().expect("the plate is read");
    assert_eq!(read.text.as_str(), "GK482TZ");
}

/// `python -m reader.parity` in models/train drew the crops and wrote down what PyTorch makes of them.
#[test]
fn the_shipped_reader_says_what_it_said_where_it_was_trained() {
    let house = Path::new(env!("CARGO_MANIFEST_DIR"));
    let said: serde_json::Value =
        serde_json::from_slice(&fs::read(house.join("tests/models/parity.json")).unwrap()).unwrap();
    let description = model::find(Some(&house.join("models"))).unwrap().description(Task::Read).unwrap();
    let network = format!("{:x}", sha2::Sha256::digest(fs::read(&description.file).unwrap()));
    assert_eq!(said["network"], network, "parity.json is of another network: run `python -m reader.parity`");
    let alphabet: Vec<char> = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ".chars().collect();
    let input = description.input.size;
    let crops = image::open(house.join("tests/models/parity.png")).unwrap().into_luma8();
    let mut engine = CpuEngine::new(Weights::load(description).unwrap(), 1);
    let mut outputs = Vec::new();
    let texts = said["texts"].as_array().unwrap();
    assert!(texts.len() >= 20);
    for ((bytes, text), tops) in
        crops.chunks_exact(input.area() as usize).zip(texts).zip(said["tops"].as_array().unwrap())
    {
        engine.run(&[InputPicture { size: input, channels: 1, bytes }], &mut outputs).unwrap();
        let logits = &outputs[0][0];
        let (mut read, mut previous) = (String::new(), 0);
        for (step, top) in logits.values.chunks_exact(logits.shape[1]).zip(tops.as_array().unwrap()) {
            let (class, value) = step.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
            assert!(
                (f64::from(value) - top.as_f64().unwrap() / 100.0).abs() < 0.02,
                "{text}: {value}, not {top}/100"
            );
            if class != previous && class > 0 {
                read.push(alphabet[class - 1]);
            }
            previous = class;
        }
        assert_eq!(*text, read);
    }
}
