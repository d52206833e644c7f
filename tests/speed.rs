//! The numbers that pictures have to hold, measured. Ignored, because they say nothing on a busy machine or in an
//! unoptimised build: `cargo test --release --test speed -- --ignored --nocapture --test-threads 1`

use std::{alloc::System, sync::Arc, time::Duration};

use amslpr::{
    capture::still,
    clock::{Clock, Moment, SystemClock},
    frame::{Buffer, CameraId, Frame, PixelFormat, Scaler},
    geometry::{Point, Quad, Rect, Size},
};
use jiff::Timestamp;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use zune_jpeg::{JpegDecoder, zune_core::bytestream::ZCursor};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const ROUNDS: usize = 300;

/// Median and fastest of many runs, and allocations per run.
fn measure(mut run: impl FnMut()) -> (Duration, Duration, f64) {
    let clock = SystemClock::start();
    for _ in 0..10 {
        run();
    }
    let region = Region::new(COUNTED);
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let begin = clock.now();
        run();
        times.push(clock.now().since(begin));
    }
    let allocations = region.change().allocations as f64 / ROUNDS as f64;
    times.sort();
    (times[ROUNDS / 2], times[0], allocations)
}

/// A full-HD frame of noise over a gradient.
fn frame(format: PixelFormat) -> Frame {
    let size = Size::new(1920, 1080);
    let (planes, len) = format.packed(size);
    let mut seed = 7u32;
    let bytes: Vec<u8> = (0..len)
        .map(|at| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (at / 8100 % 200) as u8 + (seed >> 28) as u8
        })
        .collect();
    Frame {
        camera: CameraId::new("bench"),
        seq: 0,
        captured: Moment::ZERO,
        wall: Timestamp::UNIX_EPOCH,
        size,
        format,
        full_range: false,
        planes,
        pixels: Arc::new(Buffer::from(bytes)),
    }
}

#[test]
#[ignore = "a measurement"]
fn a_full_hd_frame_becomes_network_input_in_a_millisecond() {
    let (mut scaler, mut out) = (Scaler::new(), Vec::new());
    for format in
        [PixelFormat::Nv12, PixelFormat::Rgb8, PixelFormat::I420, PixelFormat::Yuyv, PixelFormat::Gray8]
    {
        let frame = frame(format);
        let (median, fastest, allocations) = measure(|| {
            scaler.letterbox(&frame, Size::new(640, 384), 3, 114, &mut out).unwrap();
        });
        println!(
            "1920x1080 {format:?} to 640x384: median {median:?}, fastest {fastest:?}, {allocations} allocations"
        );
        let held = matches!(format, PixelFormat::Nv12 | PixelFormat::Rgb8);
        assert!(!held || fastest <= Duration::from_millis(1), "{format:?}: {fastest:?}");
    }
    let frame = frame(PixelFormat::Nv12);
    let area = Rect::new(700.3, 500.7, 181.0, 52.0);
    let (median, _, allocations) = measure(|| {
        scaler.crop(&frame, area, Size::new(128, 32), 3, &mut out).unwrap();
    });
    println!("crop 181x52 to 128x32: median {median:?}, {allocations} allocations");
    let plate =
        Quad([(700.0, 500.0), (880.0, 520.0), (878.0, 570.0), (699.0, 548.0)].map(|(x, y)| Point::new(x, y)));
    let (median, _, allocations) = measure(|| {
        scaler.rectify(&frame, &plate, Size::new(128, 32), 3, &mut out).unwrap();
    });
    println!("rectify 181x50 to 128x32: median {median:?}, {allocations} allocations");
}

#[test]
#[ignore = "a measurement"]
fn reading_a_jpeg_costs_little_more_than_its_decoder() {
    let noisy = frame(PixelFormat::Rgb8);
    let picture = image::RgbImage::from_raw(1920, 1080, noisy.pixels.bytes().to_vec()).unwrap();
    let mut bytes = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 85).encode_image(&picture).unwrap();
    let settings = still::Settings::default();
    let mut ours = || drop(still::decode(&bytes, "bench", &settings).unwrap());
    let mut alone = || drop(JpegDecoder::new(ZCursor::new(&bytes)).decode().unwrap());
    // In turns, so that both meet the same machine.
    let (mut best_ours, mut best_alone) = (Duration::MAX, Duration::MAX);
    for _ in 0..3 {
        best_ours = best_ours.min(measure(&mut ours).1);
        best_alone = best_alone.min(measure(&mut alone).1);
    }
    let ratio = best_ours.as_secs_f64() / best_alone.as_secs_f64();
    println!(
        "JPEG 1920x1080, {} kB: {best_ours:?}, decoder alone {best_alone:?}, {ratio:.2}x",
        bytes.len() / 1000
    );
    assert!(ratio <= 1.2);
}
