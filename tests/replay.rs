//! Recordings as cameras: real clips made by ffmpeg and folders of pictures, whole and damaged.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step is a failed test")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use amslpr::{
    capture::{
        Camera, CameraState, Care, Delivery, Fault, Origin, Source,
        replay::{Kind, Pacing, Replay, Settings, kind},
    },
    clock::SystemClock,
    frame::{CameraId, Frame, PixelFormat, convert},
    geometry::Size,
    mailbox::Received,
    shutdown::shutdown,
};
use jiff::Timestamp;

const LONG: Duration = Duration::from_secs(20);

fn ffmpeg(folder: &Path, arguments: &str, name: &str) -> PathBuf {
    let path = folder.join(name);
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y"])
        .args(arguments.split_whitespace())
        .arg(&path)
        .status()
        .expect("these tests need ffmpeg: apt-get install ffmpeg");
    assert!(status.success(), "ffmpeg {arguments}");
    path
}

fn origin() -> Origin {
    Origin::new(CameraId::new("yard"), Arc::new(SystemClock::start()), 4)
}

fn fast(path: &Path) -> Settings {
    Settings { pacing: Pacing::Fast, epoch: Some(Timestamp::UNIX_EPOCH), ..Settings::new(path) }
}

/// All frames as (number, microseconds, size), and how it ended.
fn frames(settings: Settings) -> (Vec<Frame>, Result<(), Fault>, Origin) {
    let origin = origin();
    let (_trigger, stop) = shutdown();
    let mut source = Replay::new(settings, origin.clone());
    let mut stream = match source.open(&stop) {
        Ok(stream) => stream,
        Err(error) => return (Vec::new(), Err(error.fault), origin),
    };
    let mut frames = Vec::new();
    loop {
        match stream.next(&stop) {
            // Copied out of the pool, which is smaller than the clip.
            Ok(Some(frame)) => {
                let pixels = Arc::new(frame.pixels.bytes().to_vec().into());
                frames.push(Frame { pixels, ..frame });
            }
            Ok(None) => return (frames, Ok(()), origin),
            Err(error) => return (frames, Err(error.fault), origin),
        }
    }
}

fn times(frames: &[Frame]) -> Vec<u64> {
    frames.iter().map(|frame| frame.captured.as_micros()).collect()
}

#[test]
fn every_container_and_codec_gives_every_frame_at_its_own_time() {
    let folder = tempfile::tempdir().unwrap();
    let test = "-f lavfi -i testsrc2=size=160x120:rate=25 -frames:v 30";
    for (encoding, name, format) in [
        ("-c:v libx264 -bf 3 -pix_fmt yuv420p", "b-frames.mp4", PixelFormat::I420),
        ("-c:v libx264 -pix_fmt yuv422p", "422.mkv", PixelFormat::I420),
        ("-c:v libx264 -pix_fmt yuv420p10le", "ten-bit.mkv", PixelFormat::I420),
        ("-c:v libx264rgb -crf 0 -pix_fmt bgr24", "colour.mkv", PixelFormat::Rgb8),
        ("-c:v libx265 -x265-params log-level=none -pix_fmt yuv420p", "hevc.mp4", PixelFormat::I420),
        ("-c:v mjpeg -q:v 2 -pix_fmt yuvj422p", "motion.avi", PixelFormat::I420),
        ("-c:v mpeg2video -q:v 2", "old.ts", PixelFormat::I420),
        ("-c:v rawvideo -pix_fmt gray", "grey.avi", PixelFormat::Gray8),
        ("-c:v rawvideo -pix_fmt nv12", "raw.nut", PixelFormat::Nv12),
        ("-c:v rawvideo -pix_fmt yuyv422", "raw.avi", PixelFormat::Yuyv),
        ("-c:v libvpx -b:v 1M", "web.webm", PixelFormat::I420),
    ] {
        let clip = ffmpeg(folder.path(), &format!("{test} {encoding}"), name);
        assert_eq!(kind(&clip).unwrap(), Kind::Clip);
        let (frames, end, origin) = frames(fast(&clip));
        assert!(end.is_ok(), "{name}: {end:?}");
        assert_eq!(frames.len(), 30, "{name}");
        assert!(frames.iter().all(|f| f.format == format && f.size == Size::new(160, 120)), "{name}");
        let slip = times(&frames).iter().zip(0..).map(|(t, n)| t.abs_diff(n * 40_000)).max().unwrap();
        assert!(slip <= 1_000, "{name}: a frame stands {slip} us off");
        assert!(frames.iter().all(|f| f.wall.as_microsecond() as u64 == f.captured.as_micros()), "{name}");
        assert_eq!(frames.iter().map(|f| f.seq).collect::<Vec<_>>(), (0..30).collect::<Vec<_>>(), "{name}");
        assert_eq!(origin.stats.counts().broken, 0, "{name}");
        check_colours(&clip, &frames[0], name);
    }
}

/// The first frame looks as ffmpeg itself shows it.
fn check_colours(clip: &Path, frame: &Frame, name: &str) {
    let raw = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(clip)
        .args([
            "-frames:v",
            "1",
            "-sws_flags",
            "accurate_rnd+full_chroma_int",
            "-f",
            "rawvideo",
            "-pix_fmt",
            "rgb24",
            "-",
        ])
        .output()
        .unwrap()
        .stdout;
    let ours = convert::to_rgb(frame).unwrap();
    assert_eq!(raw.len(), ours.len(), "{name}");
    let error: f64 = raw.iter().zip(ours.iter()).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
    let quality = 10.0 * (255.0 * 255.0 * raw.len() as f64 / error.max(1e-9)).log10();
    assert!(quality > 25.0, "{name}: {quality:.1} dB");
}

#[test]
fn a_replay_gives_the_same_frames_every_time() {
    let folder = tempfile::tempdir().unwrap();
    let clip = ffmpeg(
        folder.path(),
        "-f lavfi -i testsrc=size=161x121:rate=30000/1001 -frames:v 20 -c:v libx264 -bf 2 -pix_fmt yuv444p",
        "odd.mp4",
    );
    let (first, end, _) = frames(fast(&clip));
    let (second, ..) = frames(fast(&clip));
    assert!(end.is_ok() && first.len() == 20);
    assert_eq!(first[0].size, Size::new(161, 121));
    assert_eq!(times(&first), times(&second));
    assert!(first.iter().zip(&second).all(|(a, b)| a.pixels.bytes() == b.pixels.bytes()));
}

#[test]
fn a_clip_cut_in_the_middle_gives_its_frames_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    for (encoding, name) in [
        ("-c:v libx264 -pix_fmt yuv420p -movflags +faststart", "cut.mp4"),
        ("-c:v libx264 -pix_fmt yuv420p", "cut.mkv"),
        ("-c:v mjpeg -pix_fmt yuvj420p", "cut.avi"),
    ] {
        let source = format!("-f lavfi -i testsrc2=size=320x240:rate=25 -frames:v 100 -g 10 {encoding}");
        let clip = ffmpeg(folder.path(), &source, name);
        let bytes = fs::read(&clip).unwrap();
        fs::write(&clip, &bytes[..bytes.len() * 6 / 10]).unwrap();
        let (frames, end, _) = frames(fast(&clip));
        assert!((30..90).contains(&frames.len()), "{name}: {} frames", frames.len());
        assert!(matches!(end, Err(Fault::CutOff { .. })), "{name}: {end:?}");
    }
}

#[test]
fn what_is_no_clip_is_refused_in_plain_words() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let mp4 =
        ffmpeg(folder.path(), "-f lavfi -i testsrc2=size=64x64 -frames:v 9 -pix_fmt yuv420p", "whole.mp4");
    let sound = ffmpeg(folder.path(), "-f lavfi -i sine=duration=1", "sound.wav");
    let mp4 = fs::read(mp4).unwrap();
    for (path, words) in [
        (folder.path().join("missing.mp4"), "does not exist"),
        (write("empty.mp4", b""), "is empty"),
        (write("words.mp4", b"these are only words\n"), "a text file"),
        (write("noise.mp4", &[7, 200, 0, 9].repeat(500)), "damaged"),
        (
            write("list.m3u8", b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n"),
            "a text file",
        ),
        (write("list.ffconcat", b"ffconcat version 1.0\nfile /etc/hostname\n"), "a text file"),
        (write("no-index.mp4", &mp4[..mp4.len() / 3]), "lacks its index"),
        (sound, "no video"),
    ] {
        let (frames, end, _) = frames(fast(&path));
        let error = end.expect_err(&path.display().to_string()).to_string();
        assert!(
            frames.is_empty() && error.contains(words),
            "{}: {error:?} should say {words:?}",
            path.display()
        );
    }
}

#[test]
fn a_recording_may_change_its_size_on_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let part = |size: &str, name: &str| {
        let source = format!(
            "-f lavfi -i testsrc2=size={size}:rate=25 -frames:v 10 -c:v libx264 -pix_fmt yuv420p -f h264"
        );
        fs::read(ffmpeg(folder.path(), &source, name)).unwrap()
    };
    let clip = folder.path().join("both.h264");
    fs::write(&clip, [part("160x120", "a.h264"), part("320x200", "b.h264")].concat()).unwrap();
    let (frames, end, _) = frames(fast(&clip));
    assert!(end.is_ok(), "{end:?}");
    let sizes: Vec<_> = frames.iter().map(|f| f.size).collect();
    assert_eq!(sizes, [[Size::new(160, 120); 10], [Size::new(320, 200); 10]].concat());
    assert!(times(&frames).is_sorted_by(|a, b| a < b), "{:?}", times(&frames));
}

fn picture(path: &Path, shade: u8) {
    image::RgbImage::from_pixel(32, 24, image::Rgb([shade; 3])).save(path).unwrap();
}

#[test]
fn a_folder_is_a_recording_and_its_broken_pictures_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    for n in [1, 2, 10, 9] {
        picture(&folder.path().join(format!("frame{n}.png")), n * 10);
    }
    fs::write(folder.path().join("frame3.jpg"), "not a picture").unwrap();
    fs::write(folder.path().join("notes.json"), "{}").unwrap();
    let settings = Settings { interval: Duration::from_millis(100), ..fast(folder.path()) };
    let (frames, end, origin) = frames(settings);
    assert!(end.is_ok(), "{end:?}");
    let seen: Vec<_> =
        frames.iter().map(|f| (f.pixels.bytes()[0] / 10, f.seq, f.captured.as_micros())).collect();
    assert_eq!(seen, [(1, 0, 0), (2, 1, 100_000), (9, 3, 300_000), (10, 4, 400_000)]);
    assert_eq!(origin.stats.counts().broken, 1);
}

#[test]
fn a_folder_without_a_readable_picture_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(frames(fast(folder.path())).1, Err(Fault::NoPictures)));
    fs::write(folder.path().join("a.jpg"), "words").unwrap();
    assert!(matches!(frames(fast(folder.path())).1, Err(Fault::NotAPicture("a text file"))));
}

#[test]
fn one_picture_is_a_recording_of_one_frame() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("car.jpg");
    picture(&path, 77);
    assert_eq!(kind(&path).unwrap(), Kind::Picture);
    let (frames, end, _) = frames(fast(&path));
    assert!(end.is_ok() && frames.len() == 1);
}

#[test]
fn a_camera_thread_loses_no_frame_of_a_fast_replay() {
    let folder = tempfile::tempdir().unwrap();
    let clip = ffmpeg(
        folder.path(),
        "-f lavfi -i testsrc2=size=64x64:rate=25 -frames:v 120 -pix_fmt yuv420p",
        "c.mp4",
    );
    let origin = origin();
    let source = Replay::new(fast(&clip), origin.clone());
    let care = Care::default();
    let (camera, frames) = Camera::start(Box::new(source), &origin, Delivery::Every(2), &care).unwrap();
    let mut seen = Vec::new();
    while let Received::Item(frame) = frames.receive(LONG) {
        seen.push(frame.seq);
    }
    assert_eq!(seen, (0..120).collect::<Vec<_>>());
    let counts = camera.stats().counts();
    assert_eq!((counts.delivered, counts.dropped, counts.forgotten), (120, 0, 0));
    assert_eq!(camera.stats().state(), CameraState::Ended);
}

#[test]
fn a_real_time_replay_takes_its_time_and_stops_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let clip = ffmpeg(
        folder.path(),
        "-f lavfi -i testsrc2=size=64x64:rate=20 -frames:v 600 -pix_fmt yuv420p",
        "c.mp4",
    );
    let origin = origin();
    let source = Replay::new(Settings::new(&clip), origin.clone());
    let care = Care::default();
    let (camera, frames) = Camera::start(Box::new(source), &origin, Delivery::Latest(1), &care).unwrap();
    let first = loop {
        if let Received::Item(frame) = frames.receive(LONG) {
            break frame;
        }
    };
    let mut last = first.clone();
    while last.seq < first.seq + 6 {
        if let Received::Item(frame) = frames.receive(LONG) {
            let now = origin.clock.now();
            assert!(now >= frame.captured, "a frame came before its time");
            last = frame;
        }
    }
    let before = origin.clock.now();
    drop(camera);
    assert!(origin.clock.now().since(before) < Duration::from_secs(1));
}
