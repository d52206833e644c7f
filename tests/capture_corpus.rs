//! What hostile cameras send: files that were once found odd (`tests/corpus`), and noise made out of them.
//!
//! Every file goes the whole way: described and sent by a camera, or read as a picture. Whatever comes of it, it comes
//! soon, in bounded memory, and as an error or a picture. More noise, for so many seconds, kept where it does harm:
//! `AMSLPR_FUZZ_SECONDS=600 cargo test --test capture_corpus -- --ignored --nocapture`

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step is a failed test")]

mod rtsp_server;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use amslpr::{
    capture::{Source, rtsp::Rtsp, rtsp::Settings, still},
    clock::{Clock, SystemClock},
    shutdown::shutdown,
};
use rtsp_server::{
    liar::{Liar, Script, h264_of},
    origin, settings,
};

/// What one file may take; a busy machine takes its time.
const LONGEST: Duration = Duration::from_secs(15);
/// What all of them together may leave behind.
const MOST_KIB: u64 = 96 << 10;

fn corpus(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(kind);
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 5, "{kind}");
    files
}

/// A stream in which start codes stand between units, as such units.
fn units(stream: &[u8]) -> Vec<Vec<u8>> {
    let starts: Vec<usize> =
        (0..stream.len().saturating_sub(3)).filter(|at| stream[*at..].starts_with(&[0, 0, 1])).collect();
    let ends = starts.iter().skip(1).copied().chain([stream.len()]);
    let units = starts.iter().zip(ends).map(|(from, to)| stream[from + 3..to].to_vec());
    units.filter(|unit| !unit.is_empty()).collect()
}

/// A camera that sends this file.
fn script(kind: &str, bytes: &[u8]) -> Script {
    match kind {
        "sdp" => {
            let text = String::from_utf8_lossy(bytes);
            Script { description: text.lines().map(str::to_owned).collect(), ..Script::default() }
        }
        "h264" => Script { description: h264_of(640, 480), payloads: units(bytes), ..Script::default() },
        _ => Script {
            description: vec!["a=rtpmap:96 H265/90000".to_owned()],
            payloads: units(bytes),
            ..Script::default()
        },
    }
}

/// The first pictures of such a camera, or why there are none.
fn watch(script: Script) -> Result<usize, String> {
    let liar = Liar::start(script, false);
    let settings = settings(&format!("rtsp://127.0.0.1:{}/a", liar.port));
    let stall_timeout = Duration::from_millis(150);
    let settings = Settings { stall_timeout, max_pixels: 2_000_000, ..settings };
    let (_trigger, stop) = shutdown();
    let mut stream = Rtsp::new(settings, origin()).open(&stop).map_err(|error| error.to_string())?;
    for n in 0..12 {
        if let Err(error) = stream.next(&stop) {
            return if n > 0 { Ok(n) } else { Err(error.to_string()) };
        }
    }
    Ok(12)
}

fn take(kind: &str, bytes: &[u8]) -> Result<usize, String> {
    let clock = SystemClock::start();
    let outcome = match kind {
        "jpeg" => {
            let limits = still::Settings { max_pixels: 2_000_000, ..still::Settings::default() };
            still::decode(bytes, "car.jpg", &limits).map(|_| 1).map_err(|error| error.to_string())
        }
        _ => watch(script(kind, bytes)),
    };
    let took = clock.now().as_micros();
    assert!(took < LONGEST.as_micros() as u64, "{kind} took {took} us: {outcome:?}");
    outcome
}

fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn what_was_once_odd_does_no_harm() {
    let before = resident_kib();
    for kind in ["sdp", "h264", "h265", "jpeg"] {
        let (mut pictures, mut refused) = (0, 0);
        for file in corpus(kind) {
            match take(kind, &fs::read(&file).unwrap()) {
                Ok(_) => pictures += 1,
                Err(words) => {
                    refused += 1;
                    assert!(words.len() < 400 && !words.contains('\n'), "{}: {words}", file.display());
                }
            }
        }
        println!("{kind}: {pictures} gave pictures, {refused} were refused in words");
    }
    let grown = resident_kib().saturating_sub(before);
    println!("{grown} KiB were left behind");
    assert!(grown < MOST_KIB, "{grown} KiB");
}

#[test]
#[ignore = "takes as long as it is told to"]
fn noise_made_of_it_does_no_harm_either() {
    let seconds: u64 = std::env::var("AMSLPR_FUZZ_SECONDS").ok().and_then(|n| n.parse().ok()).unwrap_or(60);
    let clock = SystemClock::start();
    let mut dice = clock.wall().as_nanosecond() as u64 | 1;
    println!("seed {dice}");
    let mut roll = move |sides: usize| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        (dice % sides.max(1) as u64) as usize
    };
    let current = Path::new(env!("CARGO_TARGET_TMPDIR")).join("current");
    let (before, mut rounds) = (resident_kib(), 0);
    while clock.now().as_micros() < seconds * 1_000_000 {
        let kind = ["sdp", "h264", "h265", "jpeg"][roll(4)];
        let files = corpus(kind);
        let mut bytes = fs::read(&files[roll(files.len())]).unwrap();
        for _ in 0..=roll(8) {
            let (at, other) = (roll(bytes.len()), roll(bytes.len()));
            match roll(5) {
                0 if !bytes.is_empty() => bytes[at] = roll(256) as u8,
                1 if !bytes.is_empty() => bytes[at] ^= 1 << roll(8),
                2 => bytes.truncate(at.max(4)),
                3 => {
                    let part = bytes[at.min(other)..at.max(other)].to_vec();
                    bytes.extend_from_slice(&part[..part.len().min(400)]);
                }
                _ => drop(bytes.drain(at.min(other)..at.max(other).min(at.min(other) + 40))),
            }
        }
        // Left there if this is the one that ends it: to be mended, and kept in the corpus.
        fs::write(current.with_extension(kind), &bytes).unwrap();
        let _ = take(kind, &bytes);
        rounds += 1;
    }
    let grown = resident_kib().saturating_sub(before);
    println!("{rounds} rounds, {grown} KiB were left behind");
    assert!(grown < MOST_KIB, "{grown} KiB");
}
