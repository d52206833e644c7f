//! Never the same work twice: how often a plate is read on its way past the camera, against reading it in every frame,
//! and what the memory of reads gives out. With the shipped networks, on the demo clip and on changed pictures.
//!
//! `cargo test --release --test reads -- --nocapture` prints the figures.

#![allow(clippy::unwrap_used, reason = "a test stops where something is not as it should be")]

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use amslpr::{
    capture::{
        Origin, Source as _,
        replay::{Pacing, Replay, Settings as ReplaySettings},
    },
    clock::{Clock, SystemClock},
    daemon::{
        chain::{self, Chain, Networks},
        pipeline::{Pipeline, Settings, Snapshot, Stats},
    },
    detect::Detection,
    fact::Fact,
    frame::{Buffer, CameraId, Frame},
    infer::EngineKind,
    passage::CountedIds,
    read::recall,
    shutdown::shutdown,
};

fn house() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::start())
}

/// The shipped networks on the CPU, remembering so many bytes of reads.
fn networks(bytes: u64) -> Networks {
    let settings = chain::Settings {
        models: Some(house().join("models")),
        order: vec![EngineKind::Cpu],
        recall: recall::Settings { bytes, ..recall::Settings::default() },
        ..chain::Settings::default()
    };
    Networks::load(&settings).unwrap()
}

/// The frames of a recording.
fn frames(path: &Path) -> Vec<Frame> {
    let (_trigger, stop) = shutdown();
    let origin = Origin::new(CameraId::new("clip"), clock(), 600);
    let settings = ReplaySettings { pacing: Pacing::Fast, ..ReplaySettings::new(path) };
    let mut stream = Replay::new(settings, origin).open(&stop).unwrap();
    std::iter::from_fn(|| stream.next(&stop).unwrap()).collect()
}

/// Texts of the passages in order, and what was done for them.
fn passages(networks: &Networks, settings: &Settings, frames: &[Frame]) -> (Vec<String>, Snapshot) {
    let stats = Arc::new(Stats::default());
    let ids = Box::new(CountedIds::default());
    let mut pipeline = Pipeline::new(networks, settings, ids, Arc::clone(&stats), clock()).unwrap();
    let mut texts = Vec::new();
    let mut take = |facts: Vec<Fact>| {
        for fact in facts {
            if let Fact::Closed(closed) = fact {
                texts.extend(closed.passage.reading.map(|reading| reading.text.to_string()));
            }
        }
    };
    for frame in frames {
        take(pipeline.step(frame).unwrap());
    }
    take(pipeline.finish());
    (texts, stats.snapshot())
}

/// Every plate of every frame is read, as programs do that know nothing of tracks.
fn per_frame() -> Settings {
    let mut settings = Settings::new(CameraId::new("clip"), false);
    settings.choose.eager = u32::MAX;
    settings.choose.max_reads = u32::MAX;
    settings.passage.recheck = Duration::ZERO;
    settings.reads_per_frame = usize::MAX;
    settings
}

/// One plate after the other, apart in time: the demo clip's three cars, and one of them standing for a while.
fn standing(frames: &[Frame], at: usize, seconds: u32, rate: u32) -> Vec<Frame> {
    let still = &frames[at];
    let later = |n: u32| Duration::from_secs(1) * n / rate;
    let stand = |n: u32| Frame {
        seq: still.seq + u64::from(n),
        captured: still.captured + later(n),
        wall: still.wall.checked_add(later(n)).unwrap(),
        ..still.clone()
    };
    frames[..at].iter().cloned().chain((0..seconds * rate).map(stand)).collect()
}

#[test]
fn a_passage_takes_a_fifth_of_the_reads_of_every_frame_and_comes_to_the_same_text() {
    let frames = frames(&house().join("config/demo/drive-by.mp4"));
    let usual = Settings::new(CameraId::new("clip"), false);
    let check = |name: &str, frames: &[Frame], bytes: u64, factor: f64| {
        let (every, all) = passages(&networks(0), &per_frame(), frames);
        let networks = networks(bytes);
        let (texts, chosen) = passages(&networks, &usual, frames);
        let recalled = networks.recall().map_or(0, |recall| recall.snapshot().recalled);
        let made = chosen.reads - recalled;
        let times = all.reads as f64 / made as f64;
        println!(
            "{name}: {} frames, {} passages; {} reads in every frame, {} chosen, {recalled} of them recalled: {times:.1} times fewer",
            frames.len(),
            texts.len(),
            all.reads,
            chosen.reads
        );
        assert_eq!(texts, every, "{name}");
        assert!(times >= factor, "{name}: {times}");
    };
    check("three cars drive by", &frames, 0, 5.0);
    check("three cars drive by, with the memory", &frames, 1 << 20, 5.0);
    // The first car again, which stops in full view.
    let waits = standing(&frames, 55, 15, 5);
    check("a car stands for 15 s, with the memory", &waits, 1 << 20, 5.0);
}

/// A frame whose pixels may be changed.
fn changed(frame: &Frame, change: impl FnOnce(&mut [u8])) -> Frame {
    let mut bytes = frame.pixels.bytes().to_vec();
    change(&mut bytes);
    Frame { pixels: Arc::new(Buffer::from(bytes)), ..frame.clone() }
}

fn text(chain: &mut Chain, frame: &Frame, plate: &Detection) -> Option<String> {
    chain.read(frame, plate).unwrap().map(|read| read.text.to_string())
}

/// Plates to try: those of the pictures here, and of the photographs of `AMSLPR_DATA` where they are at hand.
fn plates(chain: &mut Chain) -> Vec<(Frame, Detection)> {
    let mut folders = vec![house().join("tests/fixtures")];
    if let Some(data) = std::env::var_os("AMSLPR_DATA") {
        folders.push(PathBuf::from(data).join("plates-real/val"));
    }
    let mut plates = Vec::new();
    for folder in folders {
        let mut pictures = Vec::new();
        let mut waiting = vec![folder];
        while let Some(folder) = waiting.pop() {
            let inside = std::fs::read_dir(&folder).into_iter().flatten().map(|one| one.unwrap().path());
            for path in inside {
                match path.is_dir() {
                    true => waiting.push(path),
                    false if path.extension().is_some_and(|end| end == "jpg") => pictures.push(path),
                    false => {}
                }
            }
        }
        pictures.sort();
        for path in pictures.iter().take(if cfg!(debug_assertions) { 40 } else { 400 }) {
            let frame = frames(path).remove(0);
            let found = chain.detect(&frame).unwrap().to_vec();
            plates.extend(found.into_iter().map(|plate| (frame.clone(), plate)));
        }
    }
    plates
}

/// Brightness of a place; the pictures are packed colours or start with a plane of grey.
fn for_each_sample(frame: &Frame, x: usize, y: usize, mut each: impl FnMut(usize)) {
    let channels = match frame.pixels.len() / frame.size.area() as usize {
        3 => 3,
        _ => 1,
    };
    let at = (y * frame.size.width as usize + x) * channels;
    (at..at + channels).for_each(&mut each);
}

#[test]
fn what_is_recalled_is_never_another_car_s_text() {
    let networks = networks(64 << 20);
    let plain = self::networks(0);
    let (mut recalling, mut reading) = (networks.chain(clock()).unwrap(), plain.chain(clock()).unwrap());
    let recall = Arc::clone(networks.recall().unwrap());
    let (mut tried, mut hits, mut wrong, mut told) = (0u32, 0u32, Vec::new(), 0u32);
    let mut ask = |frame: &Frame, plate: &Detection, what: &str| -> bool {
        let before = recall.snapshot().recalled;
        let told_now = text(&mut recalling, frame, plate);
        tried += 1;
        let is_hit = recall.snapshot().recalled > before;
        if is_hit {
            hits += 1;
            told += u32::from(told_now.is_some());
            let own = text(&mut reading, frame, plate);
            if told_now.is_some() && own != told_now {
                wrong.push(format!("{what}: {told_now:?} was recalled, {own:?} is read"));
            }
        }
        is_hit
    };

    // Every plate of the clip: three cars, and each of them in many frames that are almost alike.
    let mut eyes = plain.chain(clock()).unwrap();
    let clip = frames(&house().join("config/demo/drive-by.mp4"));
    for frame in &clip {
        let found = eyes.detect(frame).unwrap().to_vec();
        for plate in &found {
            ask(frame, plate, "the clip");
        }
    }
    // Plates whose characters have changed places: what is cut out of a plate at one place is put in at another.
    let plates = plates(&mut eyes);
    assert!(plates.len() >= 5, "{} plates", plates.len());
    let mut known_again = 0;
    for (frame, plate) in &plates {
        ask(frame, plate, "a photograph");
        // Noise of one grey step is not worth another read, where the first was worth remembering.
        let noisy = changed(frame, |bytes| {
            bytes
                .iter_mut()
                .enumerate()
                .for_each(|(i, byte)| *byte = byte.saturating_add((i * 7 % 3) as u8 % 2));
        });
        known_again += u32::from(ask(&noisy, plate, "noise"));
        let area = plate.area;
        let (left, top) = (area.x.max(0.0) as usize, area.y.max(0.0) as usize);
        let right = (area.right().min(frame.size.width as f32) as usize).max(left + 1);
        let bottom = (area.bottom().min(frame.size.height as f32) as usize).max(top + 1);
        // Strips as wide as a character and as narrow as a stroke.
        for parts in [8, 24] {
            let width = ((right - left) / parts).max(1);
            for (from, to) in [(1, 3), (2, 5), (3, 4), (4, 6), (5, 1), (6, 2)] {
                let (from, to) = (from * parts / 8, to * parts / 8);
                let swapped = changed(frame, |bytes| {
                    for y in top..bottom {
                        for column in 0..width {
                            let mut source = Vec::new();
                            for_each_sample(frame, left + from * width + column, y, |at| source.push(at));
                            let mut source = source.into_iter();
                            for_each_sample(frame, left + to * width + column, y, |at| {
                                let value = source.next().and_then(|from| frame.pixels.bytes().get(from));
                                if let (Some(pixel), Some(value)) = (bytes.get_mut(at), value) {
                                    *pixel = *value;
                                }
                            });
                        }
                    }
                });
                ask(&swapped, plate, "a changed plate");
            }
        }
    }
    let counts = recall.snapshot();
    println!(
        "{tried} crops, {} remembered; {hits} recalled ({told} with a text), {} of them wrong; {known_again} of {} noisy ones known again",
        counts.entries,
        wrong.len(),
        plates.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(known_again > 0, "the memory is of some use");
    assert_eq!(counts.asked, u64::from(tried));
}

#[test]
fn what_was_read_a_moment_ago_is_not_read_again() {
    let frames = frames(&house().join("config/demo/drive-by.mp4"));
    let networks = networks(1 << 20);
    let settings = Settings::new(CameraId::new("clip"), false);
    // Twice the same: all that was sure the first time is recalled the second time.
    let (first, _) = passages(&networks, &settings, &frames);
    let before = networks.recall().unwrap().snapshot();
    let (second, chosen) = passages(&networks, &settings, &frames);
    let recalled = networks.recall().unwrap().snapshot().recalled - before.recalled;
    assert_eq!(first, second);
    assert!(recalled * 2 > chosen.reads, "{recalled} of {}", chosen.reads);
}
