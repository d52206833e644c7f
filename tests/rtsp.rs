//! Network cameras against a real RTSP server (GStreamer's), started here on a free loopback port.
//!
//! Without the server's packages the tests print what is missing and pass; `.ci/run` installs them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step is a failed test")]

mod rtsp_server;

use std::{collections::BTreeSet, net::TcpListener, sync::Arc, sync::atomic::Ordering, time::Duration};

use amslpr::{
    capture::{
        Camera, CameraState, CaptureError, Care, Decode, Delivery, Fault, Origin, Source, Stream,
        rtsp::{Credentials, Rtsp, Settings, Transport},
        watch,
    },
    frame::{Frame, PixelFormat},
    geometry::Size,
    mailbox::{Received, Receiver},
    secret::Secret,
    shutdown::{Trigger, shutdown},
};
use rtsp_server::{
    LONG, Server,
    liar::{Liar, Script, h264, h264_of},
    origin, settings, wait_for,
};

/// The first frames of a stream.
fn frames(settings: Settings, count: usize) -> Result<Vec<Frame>, CaptureError> {
    let origin = origin();
    let (_trigger, stop) = shutdown();
    let mut stream = Rtsp::new(settings, origin).open(&stop)?;
    (0..count)
        .map(|_| {
            let frame = stream.next(&stop)?.expect("a camera has no end");
            let pixels = Arc::new(frame.pixels.bytes().to_vec().into());
            Ok(Frame { pixels, ..frame })
        })
        .collect()
}

fn is_colour_bars(frame: &Frame) -> bool {
    // White on the left, blue on the right, in the upper half.
    let row = frame.planes[0].offset + frame.size.height as usize / 4 * frame.planes[0].stride;
    let luma = |x: usize| frame.pixels.bytes()[row + x];
    luma(10) > 150 && luma(frame.size.width as usize - 10) < 60
}

#[test]
fn every_encoding_and_transport_gives_pictures() {
    let Some(server) = Server::start(0) else { return };
    for path in ["/h264", "/h264-b", "/h265", "/jpeg"] {
        for transport in [Transport::Tcp, Transport::Udp] {
            let what = format!("{path} by {transport:?}");
            let settings = Settings { transport, ..server.settings(path) };
            let frames = frames(settings, 40).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert!(frames.iter().all(|f| f.size == Size::new(320, 240)), "{what}");
            let format = if path == "/jpeg" { PixelFormat::Rgb8 } else { PixelFormat::I420 };
            assert!(frames.iter().all(|f| f.format == format), "{what}");
            assert!(format == PixelFormat::Rgb8 || frames.iter().all(is_colour_bars), "{what}");
            let times: Vec<u64> = frames.iter().map(|f| f.captured.as_micros()).collect();
            assert!(times.is_sorted(), "{what}: {times:?}");
            // Away from the start, where the server still hurries. A busy machine leaves some out to keep up.
            let mut apart: Vec<u64> = times[15..].windows(2).map(|pair| pair[1] - pair[0]).collect();
            apart.sort_unstable();
            let usual = apart[apart.len() / 2] as f64 / 40_000.0;
            assert!(
                (usual - usual.round()).abs() < 0.2 && usual > 0.8,
                "{what}: {apart:?} us between frames"
            );
        }
    }
}

#[test]
fn the_password_is_asked_for_and_never_told() {
    let Some(server) = Server::start(0) else { return };
    let login =
        |password: &str| Credentials { user: "gate".into(), password: Secret::new(password.to_owned()) };
    for port in server.guarded {
        let address = format!("rtsp://127.0.0.1:{port}/h264");
        let ask = |credentials| frames(Settings { credentials, ..settings(&address) }, 3);
        assert_eq!(ask(Some(login("s3cret"))).unwrap().len(), 3, "{address}");
        for wrong in [Some(login("s3cretly-wrong")), None] {
            let error = ask(wrong).unwrap_err();
            assert!(matches!(error.fault, Fault::Unauthorised), "{address}: {error}");
            assert!(
                error.to_string().starts_with(&address) && !error.to_string().contains("s3cret"),
                "{error}"
            );
        }
    }
}

#[test]
fn what_is_no_camera_is_said_in_plain_words() {
    let (silent, closed) =
        (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let (silent_port, closed_port) =
        (silent.local_addr().unwrap().port(), closed.local_addr().unwrap().port());
    drop(closed);
    let quick = |address: &str| Settings { open_timeout: Duration::from_millis(300), ..settings(address) };
    let words = |settings| frames(settings, 1).unwrap_err().to_string();
    let refused = words(quick(&format!("rtsp://127.0.0.1:{closed_port}/a")));
    assert!(refused.contains("refused"), "{refused}");
    let mute = words(quick(&format!("rtsp://127.0.0.1:{silent_port}/a")));
    assert!(mute.contains("did not answer in time"), "{mute}");
    let nowhere = words(quick("rtsp://no-such-host.invalid/a"));
    assert!(nowhere.starts_with("rtsp://no-such-host.invalid/a: "), "{nowhere}");

    let Some(server) = Server::start(0) else { return };
    let unknown = words(server.settings("/elsewhere"));
    assert!(unknown.contains("no stream of this path"), "{unknown}");
    let other = words(server.settings("/vp8"));
    assert!(other.contains("vp8") && other.contains("set the camera to H.264"), "{other}");
}

#[test]
fn a_camera_that_goes_and_comes_back_is_opened_again() {
    let Some(server) = Server::start(0) else { return };
    let (origin, settings, port) = (origin(), server.settings("/h264"), server.port);
    let settings = Settings { stall_timeout: Duration::from_secs(2), ..settings };
    let source = Rtsp::new(settings, origin.clone());
    let care = Care::default();
    let (camera, mailbox) = Camera::start(Box::new(source), &origin, Delivery::Latest(1), &care).unwrap();
    let next = || match mailbox.receive(LONG) {
        Received::Item(frame) => frame,
        other => panic!("no frame: {other:?}"),
    };
    let first = next();
    drop(server);
    while camera.stats().state() != CameraState::Retrying {
        mailbox.receive(Duration::from_millis(20));
    }
    let Some(_server) = Server::start(port) else { panic!("the server does not start again") };
    let later = next();
    assert!(later.seq > first.seq && later.captured > first.captured);
    let counts = camera.stats().counts();
    assert!(counts.reopened >= 1 && counts.failures >= 1, "{counts:?}");
    let before = origin.clock.now();
    drop(camera);
    let took = origin.clock.now().since(before);
    assert!(took < Duration::from_secs(1), "stopping took {took:?}");
}

/// Somebody who has been watching a stream for a while: whoever comes now did not see its beginning.
fn watched(server: &Server, path: &str) -> (Trigger, Box<dyn Stream>) {
    let (trigger, stop) = shutdown();
    let mut stream = Rtsp::new(server.settings(path), origin()).open(&stop).unwrap();
    for _ in 0..30 {
        stream.next(&stop).unwrap().expect("a camera has no end");
    }
    (trigger, stream)
}

#[test]
fn key_frames_of_h265_that_are_no_idr_pictures_are_key_frames() {
    // Its encoder makes an IDR picture of the very first one only; who comes later never gets one.
    let Some(server) = Server::start(0) else { return };
    let _held = watched(&server, "/h265");
    let (_trigger, stop) = shutdown();
    let origin = origin().decoding(Decode::Key);
    let mut late = Rtsp::new(server.settings("/h265"), origin.clone()).open(&stop).unwrap();
    let mut times = Vec::new();
    for _ in 0..4 {
        let frame = late.next(&stop).unwrap().expect("a camera has no end");
        assert!(is_colour_bars(&frame));
        times.push(frame.captured.as_micros());
    }
    // One in fifteen, at 25 a second.
    let apart = (times[3] - times[0]) / 3;
    assert!((400_000..900_000).contains(&apart), "{apart} us between key frames");
    assert!(origin.stats.counts().rested > 20, "{:?}", origin.stats.counts());
}

#[test]
fn a_stream_without_key_frames_is_seen_by_whoever_comes_late() {
    let Some(server) = Server::start(0) else { return };
    let _held = watched(&server, "/h264-refresh");
    let late = frames(server.settings("/h264-refresh"), 40).unwrap();
    assert!(late[30..].iter().all(is_colour_bars));
}

#[test]
fn stamps_and_packet_numbers_may_wrap() {
    let Some(server) = Server::start(0) else { return };
    let frames = frames(server.settings("/wrap"), 100).unwrap();
    let times: Vec<u64> = frames.iter().map(|f| f.captured.as_micros()).collect();
    assert!(times.is_sorted(), "{times:?}");
    let mean = (times[99] - times[20]) / 79;
    assert!((30_000..2_000_000).contains(&mean), "{mean} us between frames");
}

#[test]
fn a_camera_may_change_its_size_on_the_way() {
    let Some(server) = Server::start(0) else { return };
    let frames = frames(server.settings("/sizes"), 160).unwrap();
    let sizes: BTreeSet<(u32, u32)> = frames.iter().map(|f| (f.size.width, f.size.height)).collect();
    assert_eq!(sizes, BTreeSet::from([(320, 240), (480, 272)]));
    assert!(frames.iter().map(|f| f.captured.as_micros()).is_sorted());
}

#[test]
fn a_camera_that_lies_is_found_out() {
    let words = |script: Script| {
        let liar = Liar::start(script, false);
        let settings = settings(&format!("rtsp://127.0.0.1:{}/a", liar.port));
        let settings = Settings { stall_timeout: Duration::from_millis(500), ..settings };
        frames(settings, 1).unwrap_err().to_string()
    };
    let description = h264_of(640, 480);
    let large = words(Script { description: h264_of(16_368, 16_368), ..Script::default() });
    assert!(large.contains("16368x16368 pixels, more than 64 million"), "{large}");
    let nothing = words(Script { description: description.clone(), ..Script::default() });
    assert!(nothing.contains("no picture for 0.5 s"), "0 frames a second: {nothing}");
    // A key frame's header, and then nothing that an H.264 decoder could use.
    let noise: Vec<u8> = [0x65].into_iter().chain((0..900u32).map(|n| ((n * 7919) >> 3) as u8)).collect();
    let undecodable =
        words(Script { description: description.clone(), payloads: vec![noise], ..Script::default() });
    assert!(undecodable.contains("not one could be decoded"), "{undecodable}");
    // A key frame of H.265 in a stream that is said to be H.264.
    let other = vec![0x26, 0x01, 0xaf, 0x09, 0x40, 0xf3, 0xb8];
    let other = words(Script { description, payloads: vec![other], ..Script::default() });
    assert!(other.starts_with("rtsp://127.0.0.1:"), "{other}");
    let broken = vec!["a=rtpmap:96 H264/90000".to_owned(), "artpmap".to_owned()];
    let broken = words(Script { description: broken, ..Script::default() });
    assert!(broken.contains("no description (\"artpmap\")"), "{broken}");
}

/// A camera that says and sends this, watched by nobody.
fn camera(script: Script, decode: Decode) -> (Liar, Origin, Camera, Receiver<Frame>) {
    let liar = Liar::start(script, false);
    let settings = settings(&format!("rtsp://127.0.0.1:{}/a", liar.port));
    let settings = Settings { stall_timeout: Duration::from_secs(2), ..settings };
    let origin = origin().decoding(decode);
    let source = Rtsp::new(settings, origin.clone());
    let (camera, mailbox) =
        Camera::start(Box::new(source), &origin, Delivery::Latest(1), &Care::default()).unwrap();
    (liar, origin, camera, mailbox)
}

#[test]
fn a_camera_may_set_its_clock_back_before_its_own_beginning() {
    // Ten seconds back after two, to before the stamp that it began with.
    let numbers: fn(u32) -> (u16, u32) =
        |n| (n as u16, (n * 3600).wrapping_sub(if n < 50 { 0 } else { 900_000 }));
    for decode in [Decode::All, Decode::Auto] {
        let (_liar, origin, camera, mailbox) = camera(Script { numbers: Some(numbers), ..h264() }, decode);
        wait_for("a picture", || camera.stats().state() == CameraState::Live);
        let began = origin.clock.now().as_micros();
        let mut times = Vec::new();
        while origin.clock.now().as_micros() < began + 4_500_000 {
            // Awake from the middle of the first second on, so that kept pictures are caught up with.
            if origin.clock.now().as_micros() > began + 500_000 {
                origin.attention.wake_until(origin.clock.now() + LONG);
            }
            if let Received::Item(frame) = mailbox.receive(Duration::from_millis(20)) {
                times.push(frame.captured.as_micros());
            }
        }
        assert!(times.is_sorted_by(|a, b| a < b), "{decode:?}: {times:?}");
        let after = times.iter().filter(|time| **time > began + 3_000_000).count();
        assert!(after >= 10, "{decode:?}: {after} pictures in the last second and a half");
        assert_eq!(camera.stats().counts().failures, 0, "{:?}", camera.stats().last_error());
    }
}

#[test]
fn pictures_that_build_on_lost_packets_are_counted_and_shown_to_nobody() {
    // Of every second, the eleventh picture is lost.
    let numbers: fn(u32) -> (u16, u32) = |n| ((n + (n + 15) / 25) as u16, n * 3600);
    let (_liar, origin, camera, mailbox) = camera(Script { numbers: Some(numbers), ..h264() }, Decode::All);
    let mut delivered = 0;
    while origin.clock.now().as_micros() < 5_000_000 {
        delivered += u64::from(matches!(mailbox.receive(Duration::from_millis(20)), Received::Item(_)));
    }
    let counts = camera.stats().counts();
    assert!(delivered >= 25 && counts.broken >= 30, "{delivered} of {counts:?}");
    assert_eq!(counts.failures, 0, "{:?}", camera.stats().last_error());
    let told = counts.delivered + counts.broken + counts.rested + counts.dropped;
    assert!(counts.seen.abs_diff(told) <= 1, "{counts:?}");
}

#[test]
fn numbers_of_packets_that_jump_as_far_as_they_can_end_no_program() {
    let numbers: fn(u32) -> (u16, u32) = |n| (n.wrapping_mul(0x8001) as u16, n / 8 * 3600);
    for payload in [vec![0x7c, 0x05, 1, 2], vec![0x41, 1, 2], vec![0x7c, 0x85, 1, 2]] {
        let script = Script { numbers: Some(numbers), payloads: vec![payload], ..h264() };
        let (_liar, _, camera, _mailbox) = camera(script, Decode::All);
        wait_for("a failure", || camera.stats().counts().failures > 0);
    }
}

#[test]
fn a_camera_that_describes_itself_otherwise_when_it_comes_back_is_told_so() {
    // Sane for one opening, which asks twice; then it sends nothing, and is opened again.
    let script = Script { sane_for: Some(2), payloads: Vec::new(), ..h264() };
    let (liar, _, camera, _mailbox) = camera(script, Decode::All);
    wait_for("the second opening", || liar.described.load(Ordering::SeqCst) > 2);
    wait_for("its fault", || camera.stats().counts().failures >= 2);
    let words = camera.stats().last_error().unwrap();
    assert!(words.contains("no description"), "{words}");
}

#[test]
fn a_wrong_password_is_said_once_and_not_hammered_with() {
    let liar = Liar::start(Script { guarded: true, ..Script::default() }, false);
    let credentials = Some(Credentials { user: "gate".into(), password: Secret::new("wrong".to_owned()) });
    let settings = Settings { credentials, ..settings(&format!("rtsp://127.0.0.1:{}/a", liar.port)) };
    let origin = origin();
    let source = Rtsp::new(settings, origin.clone());
    let care = Care::default();
    let (camera, mailbox) = Camera::start(Box::new(source), &origin, Delivery::Latest(1), &care).unwrap();
    wait_for("refused", || camera.stats().counts().failures == 1);
    // Long enough for many tries, were they made like those of a camera that is away.
    mailbox.receive(Duration::from_secs(4));
    assert_eq!(camera.stats().counts().failures, 1);
    assert!(liar.knocks.load(Ordering::SeqCst) <= 2);
    assert!(camera.stats().last_error().unwrap().contains("refuses the user name or password"));
}

#[test]
fn a_camera_may_have_an_address_of_ipv6_only() {
    if TcpListener::bind("[::1]:0").is_err() {
        println!("skipped: no IPv6 here");
        return;
    }
    let liar = Liar::start(Script { description: h264_of(640, 480), ..Script::default() }, true);
    let settings = settings(&format!("rtsp://[::1]:{}/a", liar.port));
    let settings = Settings { stall_timeout: Duration::from_millis(300), ..settings };
    assert!(matches!(frames(settings, 1).unwrap_err().fault, Fault::Stalled(_)), "it answered");
}

#[test]
fn at_rest_key_frames_are_decoded_and_motion_wakes_the_camera() {
    let Some(server) = Server::start(0) else { return };
    let care = Care {
        watch: Some(watch::Settings { linger: Duration::from_millis(500), ..watch::Settings::default() }),
        ..Care::default()
    };
    // Counts of four seconds, after the first ones in which it learns what it sees.
    let run = |path: &str, decode: Decode| {
        let origin = origin().decoding(decode);
        let source = Rtsp::new(server.settings(path), origin.clone());
        let (camera, mailbox) = Camera::start(Box::new(source), &origin, Delivery::Latest(1), &care).unwrap();
        let until = |micros: u64| {
            while origin.clock.now().as_micros() < micros {
                mailbox.receive(Duration::from_millis(50));
            }
            (camera.stats().counts(), camera.stats().metered()[1].1.times.count())
        };
        wait_for("a picture", || camera.stats().state() == CameraState::Live);
        let began = origin.clock.now().as_micros();
        let ((before, decoded_before), (after, decoded)) =
            (until(began + 5_000_000), until(began + 9_000_000));
        let (seen, delivered) = (after.seen - before.seen, after.delivered - before.delivered);
        (seen, after.rested - before.rested, delivered, decoded - decoded_before)
    };
    let (seen, rested, delivered, decoded) = run("/still", Decode::Auto);
    assert!(seen > 60 && delivered <= 3 && rested + 6 >= seen, "still: {seen} {rested} {delivered}");
    assert!(decoded * 4 < seen, "still: {decoded} of {seen}");
    // Pictures that wait for others before they are shown would be judged seconds late: all of them are decoded.
    let (seen, .., decoded) = run("/still-b", Decode::Auto);
    assert!(seen > 60 && decoded * 10 > seen * 8, "still, with B frames: {decoded} of {seen}");
    let (seen, rested, delivered, _) = run("/ball", Decode::Auto);
    assert!(delivered > seen / 2, "a moving ball: {seen} {rested} {delivered}");
    let (seen, rested, ..) = run("/still", Decode::All);
    assert!(seen > 60 && rested == 0, "everything: {seen} {rested}");
}

#[test]
fn a_description_and_packets_may_be_anything_without_doing_harm() {
    let mut dice = 0x9E37_79B9_7F4A_7C15_u64;
    let mut roll = move |sides: u64| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        dice % sides
    };
    let clock = origin().clock;
    for round in 0..60 {
        let mut script = Script { description: h264_of(640, 480), ..Script::default() };
        for line in &mut script.description {
            let mut bytes = std::mem::take(line).into_bytes();
            for _ in 0..roll(6) {
                let at = roll(bytes.len() as u64) as usize;
                bytes[at] = b' ' + roll(94) as u8;
            }
            if roll(5) == 0 {
                bytes.truncate(roll(bytes.len() as u64) as usize);
            }
            *line = String::from_utf8(bytes).unwrap();
        }
        for _ in 0..4 {
            let kinds = [0x65, 0x41, 0x67, 0x68, 0x7c, 0x78, 0x00, 0xff];
            let mut payload = vec![kinds[roll(8) as usize]];
            payload.extend((0..roll(1_200)).map(|_| roll(256) as u8));
            script.payloads.push(payload);
        }
        let liar = Liar::start(script, false);
        let settings = settings(&format!("rtsp://127.0.0.1:{}/a", liar.port));
        let settings = Settings { stall_timeout: Duration::from_millis(60), ..settings };
        let began = clock.now();
        let error = frames(settings, 3).map(|frames| frames.len());
        let took = clock.now().since(began);
        assert!(took < Duration::from_secs(10), "round {round}: {error:?} after {took:?}");
    }
}
