//! Network cameras against a real RTSP server (GStreamer's), started here on a free loopback port.
//!
//! Without the server's packages the tests print what is missing and pass; `.ci/run` installs them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step is a failed test")]

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Child, ChildStdin, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use amslpr::{
    backoff,
    capture::{
        Camera, CameraState, CaptureError, Delivery, Fault, Origin, Source,
        rtsp::{Address, Credentials, Rtsp, Settings, Transport},
    },
    clock::SystemClock,
    frame::{CameraId, Frame, PixelFormat},
    geometry::Size,
    mailbox::Received,
    secret::Secret,
    shutdown::shutdown,
};

const LONG: Duration = Duration::from_secs(20);

struct Server {
    child: Child,
    // Closing it ends the server, even if this test is killed.
    _input: Option<ChildStdin>,
    port: u16,
    /// With basic and with digest authentication.
    guarded: [u16; 2],
}

impl Server {
    /// `None` where its packages are missing.
    fn start(port: u16) -> Option<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rtsp-server.py");
        // The system's interpreter: only that one knows the system's packages.
        let child = Command::new("/usr/bin/python3")
            .args([script, &port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = child else {
            println!("skipped: no /usr/bin/python3");
            return None;
        };
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ports: Vec<u16> = line.split_whitespace().map_while(|word| word.parse().ok()).collect();
        let [port, basic, digest] = ports[..] else {
            println!("skipped, {line}");
            child.wait().unwrap();
            return None;
        };
        Some(Self { _input: child.stdin.take(), child, port, guarded: [basic, digest] })
    }

    fn settings(&self, path: &str) -> Settings {
        settings(&format!("rtsp://127.0.0.1:{}{path}", self.port))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn settings(address: &str) -> Settings {
    Settings::new(Address::parse(address).unwrap())
}

fn origin() -> Origin {
    Origin::new(CameraId::new("gate"), Arc::new(SystemClock::start()), 4)
}

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
            // Away from the start, where the server still hurries.
            let mean = (times[39] - times[15]) / 24;
            assert!((30_000..50_000).contains(&mean), "{what}: {mean} us between frames");
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
        let ask = |credentials| {
            let settings = self::settings(&address);
            frames(Settings { credentials, ..settings }, 3)
        };
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
    let quick = |address: &str| {
        let settings = self::settings(address);
        Settings { open_timeout: Duration::from_millis(300), ..settings }
    };
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
    let patience =
        backoff::Settings { first: Duration::from_millis(200), longest: Duration::from_secs(1), jitter: 0.5 };
    let source = Rtsp::new(settings, origin.clone());
    let (camera, mailbox) = Camera::start(Box::new(source), &origin, Delivery::Latest(1), patience).unwrap();
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
