//! The numbers that the Hailo engine has to hold, against the fake's latency model: throughput, batching, deadlines,
//! allocations, processor time, failover.
//!
//! One after the other, because they measure. What depends on how busy the machine is gets several tries.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step is a failed test")]

#[allow(dead_code, reason = "not all of it is needed here")]
#[path = "hailo/rig.rs"]
mod rig;

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    time::Duration,
};

use amslpr::{
    capture::still,
    clock::{Clock, Moment, SystemClock},
    detect::{self, Detection, Detector},
    frame::{CameraId, Frame},
    geometry::{Point, Quad},
    infer::{
        Engine, EngineKind, InputPicture,
        cpu::{CpuEngine, Weights},
        description::Task,
        hailo::{Hailo, Settings, State},
    },
    read::{NetworkReader, Reader},
};
use fake_hailort::hef::Numbers;
use rig::{Rig, house, load, until};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

/// 4 ms a frame; 1.5 ms for one crop and 3 ms for eight.
const DETECT: &str = "latency=echo:0+4000";
const READ: &str = "latency=echo:1286+214";

fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tries until it holds, five times at most.
fn at_best(what: &str, mut measure: impl FnMut() -> f64, holds: impl Fn(f64) -> bool) {
    let mut measured = Vec::new();
    for _ in 0..5 {
        measured.push(measure());
        if measured.last().copied().is_some_and(&holds) {
            println!("{what}: {measured:.3?}");
            return;
        }
    }
    panic!("{what}: {measured:.3?}");
}

/// Runs a picture with this number in it and gives the number that came back.
fn echoed(
    engine: &mut dyn Engine,
    number: u32,
    outputs: &mut Vec<Vec<amslpr::infer::Tensor>>,
) -> Option<u32> {
    let mut bytes = [0; 128];
    bytes[..4].copy_from_slice(&number.to_le_bytes());
    let picture = InputPicture { size: engine.model().input.size, channels: 1, bytes: &bytes };
    engine.run(&[picture], outputs).ok()?;
    let values = &outputs.first()?.first()?.values;
    Some(u32::from_le_bytes([values[0] as u8, values[1] as u8, values[2] as u8, values[3] as u8]))
}

/// Results a second with so many workers, for a second.
fn rate(hailo: &Arc<Hailo>, workers: u32) -> f64 {
    let clock = SystemClock::start();
    let done = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for worker in 0..workers {
            let (clock, done) = (&clock, &done);
            let mut engine = hailo.engine(Task::Read).unwrap();
            scope.spawn(move || {
                let mut outputs = Vec::new();
                let mut number = worker << 16;
                while clock.now() < Moment::from_micros(1_200_000) {
                    number += 1;
                    assert_eq!(echoed(&mut engine, number, &mut outputs), Some(number));
                    if clock.now() >= Moment::from_micros(200_000) {
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    f64::from(done.into_inner())
}

#[test]
fn four_cameras_keep_the_chip_busy_for_95_percent_of_what_it_can_do() {
    let _alone = alone();
    let rig = Rig::new(DETECT);
    let hailo = rig.working(vec![rig.echo(Numbers::U8, 1)]);
    at_best("share of 250 frames a second", || rate(&hailo, 4) / 250.0, |share| share >= 0.95);
    let told = hailo.snapshot();
    assert!(told.utilisation > 0.9 && told.batch_fill == 1.0, "{told:?}");
}

#[test]
fn batches_of_eight_read_at_least_three_and_a_half_times_as_many_plates() {
    let _alone = alone();
    let rig = Rig::new(READ);
    let one = rig.working(vec![rig.echo(Numbers::U8, 1)]);
    at_best("share of 667 a second, one by one", || rate(&one, 24) / 666.7, |share| share >= 0.95);
    let single = rate(&one, 24);
    drop(one);
    let eight = rig.working(vec![rig.echo(Numbers::U8, 8)]);
    at_best("batches of 8 over batches of 1", || rate(&eight, 24) / single, |gain| gain >= 3.5);
    assert!(eight.snapshot().batch_fill > 0.8, "{:?}", eight.snapshot());
}

#[test]
fn a_lonely_picture_leaves_when_its_gathering_is_over_and_a_late_one_is_given_up_in_time() {
    let _alone = alone();
    let rig = Rig::new(READ);
    let settings = rig.settings(vec![rig.echo(Numbers::U8, 8)]);
    let hailo = rig.start(Settings { gather: Duration::from_millis(6), ..settings.clone() });
    let mut engine = hailo.engine(Task::Read).unwrap();
    let mut outputs = Vec::new();
    let mut median = |wanted_ms: f64, engine: &mut dyn Engine| {
        let mut times: Vec<f64> = (0..21)
            .map(|number| {
                let began = rig.clock.now();
                echoed(engine, number, &mut outputs);
                rig.clock.now().since(began).as_secs_f64() * 1e3 - wanted_ms
            })
            .collect();
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    at_best(
        "ms after 6 of gathering and 1.5 of work",
        || median(7.5, &mut engine),
        |late| (-0.5..=2.0).contains(&late),
    );
    drop((engine, hailo));
    rig.script("run@5-=slow:60");
    let hailo = rig.start(Settings { deadline: Duration::from_millis(50), ..settings });
    let mut engine = hailo.engine(Task::Read).unwrap();
    at_best("ms after a deadline of 50", || median(50.0, &mut engine), |late| (-0.5..=2.0).contains(&late));
    assert!(hailo.snapshot().late > 0);
}

#[test]
fn a_picture_costs_no_allocation_once_everything_is_warm() {
    let _alone = alone();
    let rig = Rig::new("");
    let hailo = rig.working(vec![rig.echo(Numbers::U16, 1)]);
    let mut engine = hailo.engine(Task::Read).unwrap();
    let mut outputs = Vec::new();
    (0..300).for_each(|n| assert!(echoed(&mut engine, n % 190, &mut outputs).is_some()));
    let region = Region::new(ALLOCATOR);
    (0..1000).for_each(|n| assert!(echoed(&mut engine, n % 190, &mut outputs).is_some()));
    let change = region.change();
    // The sensors are read every few seconds and tell their values in words.
    assert!(change.allocations + change.reallocations <= 1, "{change:?}");
}

/// Nanoseconds that this process has spent in threads that are not the fake's.
fn spent() -> f64 {
    let mut nanoseconds = 0.0;
    for task in fs::read_dir("/proc/self/task").unwrap().flatten() {
        let read = |name: &str| fs::read_to_string(task.path().join(name)).unwrap_or_default();
        if !read("comm").starts_with("fake") {
            let on_cpu: f64 = read("schedstat").split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0.0);
            nanoseconds += on_cpu;
        }
    }
    nanoseconds
}

#[test]
fn a_picture_costs_at_most_a_tenth_of_a_millisecond_of_processor_time() {
    let _alone = alone();
    let rig = Rig::new("latency=echo:0+500");
    let hailo = rig.working(vec![rig.echo(Numbers::U8, 1)]);
    let mut engine = hailo.engine(Task::Read).unwrap();
    let mut outputs = Vec::new();
    let mut each = || {
        let before = spent();
        (0..500).for_each(|n| assert!(echoed(&mut engine, n, &mut outputs).is_some()));
        (spent() - before) / 500.0 / 1e3
    };
    let most = if cfg!(debug_assertions) { 300.0 } else { 100.0 };
    at_best("microseconds of processor time a picture", &mut each, |us| us <= most);
}

#[test]
fn ten_thousand_pictures_with_a_fault_every_200_are_each_answered_once_and_rightly() {
    let _alone = alone();
    let rig = Rig::new("run@%200=63! latency=echo:0+100");
    let mut settings = rig.settings(vec![rig.echo(Numbers::U8, 1)]);
    settings.recovery.retry.first = Duration::from_millis(1);
    settings.recovery.retry.longest = Duration::from_millis(2);
    let hailo = rig.start(settings);
    let answers: Vec<AtomicU32> = (0..10_000).map(|_| AtomicU32::new(0)).collect();
    let (next, elsewhere) = (AtomicUsize::new(0), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (answers, next, elsewhere) = (&answers, &next, &elsewhere);
            let mut engine = hailo.engine(Task::Read).unwrap();
            let clock = Arc::clone(&rig.clock);
            scope.spawn(move || {
                let mut outputs = Vec::new();
                loop {
                    // The test wants the chip to be used; the daemon would not wait for it.
                    while !engine.is_available() {
                        clock.sleep(Duration::from_micros(500));
                    }
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(answer) = answers.get(number) else { break };
                    match echoed(&mut engine, number as u32, &mut outputs) {
                        Some(told) => assert_eq!(told, number as u32, "a result of another picture"),
                        // Here the next engine of the order answers.
                        None => {
                            elsewhere.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    answer.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert!(answers.iter().all(|answer| answer.load(Ordering::Relaxed) == 1));
    let told = hailo.snapshot();
    let elsewhere = elsewhere.into_inner();
    println!("{} lives of the device, {elsewhere} pictures answered elsewhere", told.opened);
    assert!(told.failovers >= 45 && elsewhere > 0 && elsewhere < 1000, "{told:?} {elsewhere}");
    drop(hailo);
    assert_eq!(rig.count("leaks"), 0);
}

fn picture(name: &str) -> Frame {
    let still = still::load(&house().join("tests/fixtures").join(name), &still::Settings::default()).unwrap();
    still.into_frame(CameraId::new("test"), 0, Moment::ZERO, jiff::Timestamp::UNIX_EPOCH)
}

fn cpu(task: Task) -> CpuEngine {
    CpuEngine::new(Weights::load(load(&house().join("models").join(task.file_name()))).unwrap(), 1)
}

#[test]
fn from_a_fault_to_the_result_of_the_cpu_it_takes_200_ms_at_most() {
    let _alone = alone();
    for fault in ["run@%20=63!", "run@%20=hang"] {
        // The chip finds nothing and at once; the network of the CPU is ours.
        let rig = Rig::new(fault);
        let mut settings = rig.settings(vec![rig.boxes(1, 4)]);
        settings.deadline = Duration::from_millis(100);
        let hailo = rig.start(settings);
        let frame = picture("street-day.jpg");
        let (mut found, mut expected) = (Vec::new(), Vec::new());
        let mut on_cpu = Detector::new(Box::new(cpu(Task::Detect)), detect::Settings::default()).unwrap();
        let engine = Box::new(hailo.engine(Task::Detect).unwrap());
        let stand_in: Box<dyn Engine> = Box::new(cpu(Task::Detect));
        let mut detector =
            Detector::with_stand_ins(engine, vec![stand_in], detect::Settings::default()).unwrap();
        let time = |detector: &mut Detector, found: &mut Vec<Detection>| {
            let began = rig.clock.now();
            detector.detect(&frame, found).unwrap();
            rig.clock.now().since(began).as_secs_f64() * 1e3
        };
        let measure = || {
            // Built without optimisation the CPU's own work takes longer than the limit, and is taken off.
            let work = time(&mut on_cpu, &mut expected);
            let work = if cfg!(debug_assertions) { work } else { 0.0 };
            until("the chip works", || hailo.snapshot().state == State::Working);
            loop {
                let took = time(&mut detector, &mut found);
                if detector.engine() == EngineKind::Hailo {
                    continue;
                }
                let places = |all: &[Detection]| all.iter().map(|d| d.area).collect::<Vec<_>>();
                assert_eq!(places(&found), places(&expected), "the CPU finds what it always finds");
                return took - work;
            }
        };
        at_best(&format!("ms for the frame that met {fault}"), measure, |ms| ms <= 200.0);
    }
}

#[test]
fn a_chip_that_failed_is_used_again_when_it_has_proved_itself_for_the_configured_time() {
    let _alone = alone();
    let rig = Rig::new("run@20=63!");
    let mut settings = rig.settings(vec![rig.echo(Numbers::U8, 1)]);
    settings.return_after = Duration::from_millis(700);
    let hailo = rig.start(settings);
    let mut engine = hailo.engine(Task::Read).unwrap();
    let mut outputs = Vec::new();
    while echoed(&mut engine, 1, &mut outputs).is_some() {}
    let failed = rig.clock.now();
    assert!(!engine.is_available());
    until("it proves itself", || hailo.snapshot().state == State::Proving);
    assert!(!engine.is_available(), "nobody uses it while it does");
    until("it is back", || engine.is_available());
    let away = rig.clock.now().since(failed).as_secs_f64() * 1e3;
    println!("away for {away:.0} ms, of them 5 of waiting and 700 of proving");
    assert!((700.0..1700.0).contains(&away), "{away}");
    assert_eq!(echoed(&mut engine, 2, &mut outputs), Some(2));
}

/// A detection whose box and corners are moved a little.
fn moved(detection: &Detection, step: u32) -> Detection {
    let (dx, dy) = ((step % 5) as f32 - 2.0, (step / 5 % 3) as f32 - 1.0);
    let mut moved = *detection;
    moved.area.x += dx;
    moved.area.y += dy;
    moved.corners = Quad(moved.corners.0.map(|p| Point::new(p.x + dx, p.y + dy)));
    moved
}

#[test]
fn two_hundred_crops_say_the_same_on_the_chip_and_on_the_cpu() {
    let _alone = alone();
    let rig = Rig::new("");
    let settings = Settings {
        deadline: Duration::from_secs(5),
        ..rig.settings(vec![rig.shipped(Task::Read, Numbers::Float)])
    };
    let hailo = rig.start(settings);
    let clock = || Arc::clone(&rig.clock);
    let mut on_chip = NetworkReader::new(Box::new(hailo.engine(Task::Read).unwrap()), None, clock()).unwrap();
    let mut on_cpu = NetworkReader::new(Box::new(cpu(Task::Read)), None, clock()).unwrap();
    let mut detector = Detector::new(Box::new(cpu(Task::Detect)), detect::Settings::default()).unwrap();
    // Photographs where there are some; else the rendered fixtures, each plate looked at from many places.
    let photographs = std::env::var_os("AMSLPR_DATA").map(|data| {
        let within = |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path());
        let sets = within(std::path::Path::new(&data).join("bench-dev"));
        sets.filter(|set| set.is_dir()).flat_map(within).collect::<Vec<_>>()
    });
    let fixtures = ["street-day.jpg", "two-cars.jpg", "night.jpg", "rear-two-lines.jpg"];
    let fixtures = fixtures.map(|name| house().join("tests/fixtures").join(name)).to_vec();
    let pictures = photographs.filter(|p| !p.is_empty()).unwrap_or(fixtures);
    let mut crops = 0;
    let mut found = Vec::new();
    'all: for round in 0..40 {
        for path in &pictures {
            let Ok(still) = still::load(path, &still::Settings::default()) else { continue };
            let frame = still.into_frame(CameraId::new("test"), 0, Moment::ZERO, jiff::Timestamp::UNIX_EPOCH);
            detector.detect(&frame, &mut found).unwrap();
            for detection in &found {
                for step in 0..if pictures.len() > 10 { 1 } else { 15 } {
                    let detection = moved(detection, step + round);
                    let chip = on_chip.read(&frame, &detection).unwrap();
                    let cpu = on_cpu.read(&frame, &detection).unwrap();
                    let texts =
                        [&chip, &cpu].map(|read| read.as_ref().map(|r| (r.text.clone(), r.chars.clone())));
                    assert_eq!(texts[0], texts[1]);
                    assert!(chip.is_none_or(|read| read.engine == EngineKind::Hailo));
                    crops += 1;
                    if crops >= 200 {
                        break 'all;
                    }
                }
            }
        }
    }
    assert_eq!(crops, 200);
}
