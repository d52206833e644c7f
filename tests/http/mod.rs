//! A small HTTP client for tests: says exactly what it is told to, and hears exactly what comes back.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use amslpr::clock::{Clock, SystemClock};
use serde_json::Value;

pub(crate) const READ: &str = "a-token-that-may-read-only";
pub(crate) const OPERATE: &str = "a-token-that-may-operate-too";

/// On a busy machine everything takes its time.
pub(crate) const LONG: Duration = Duration::from_secs(60);

#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {} {}", self.head, self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// A port that nobody listens on just now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub(crate) fn connect(port: u16) -> TcpStream {
    let clock = SystemClock::start();
    loop {
        if let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) {
            stream.set_read_timeout(Some(LONG)).unwrap();
            stream.set_write_timeout(Some(LONG)).unwrap();
            return stream;
        }
        assert!(clock.now().as_micros() < 60_000_000, "nobody listens at {port}");
        clock.sleep(Duration::from_millis(20));
    }
}

/// Sends these bytes on a connection of its own and hears all that comes until it is closed.
pub(crate) fn say(port: u16, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(port);
    // Hung up on in the middle of it, perhaps.
    let _ = stream.write_all(bytes);
    let mut heard = Vec::new();
    let _ = stream.read_to_end(&mut heard);
    heard
}

pub(crate) fn ask(port: u16, method: &str, path: &str, token: Option<&str>, body: &str) -> Answer {
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let length = if body.is_empty() && method == "GET" {
        String::new()
    } else {
        format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len())
    };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{token}{length}\r\n{body}"
    );
    parse(&say(port, request.as_bytes()))
}

pub(crate) fn get(port: u16, path: &str, token: Option<&str>) -> Answer {
    ask(port, "GET", path, token, "")
}

/// An answer with its head; a body in chunks is put together.
pub(crate) fn parse(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let Some(end) = end else { panic!("no answer: {:?}", String::from_utf8_lossy(bytes)) };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut body = bytes[end + 4..].to_vec();
    if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        let (mut rest, mut whole) = (body.as_slice(), Vec::new());
        loop {
            let mut line = String::new();
            let mut reader = BufReader::with_capacity(1, rest);
            let read = reader.read_line(&mut line).unwrap();
            let length = usize::from_str_radix(line.trim(), 16).unwrap_or(0);
            if length == 0 {
                break;
            }
            whole.extend_from_slice(&rest[read..read + length]);
            rest = &rest[read + length + 2..];
        }
        body = whole;
    }
    Answer { status, head, body }
}

/// `amslpr run` on this configuration, with tokens and a port of its own; ended with the test.
pub(crate) struct Daemon {
    child: Child,
    pub(crate) port: u16,
}

impl Daemon {
    /// `text` is the configuration beside journal, engine and [http].
    pub(crate) fn start(folder: &Path, text: &str, http: &str) -> Self {
        let port = free_port();
        std::fs::write(folder.join("read"), format!("{READ}\n")).unwrap();
        std::fs::write(folder.join("operate"), format!("{OPERATE}\n")).unwrap();
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        let whole = format!(
            "[journal]\npath = \"journal.db\"\n[control]\nsocket = \"run/control.sock\"\n[engine]\norder = [\"cpu\"]\n\
             models = {models:?}\n[http]\nlisten = \"127.0.0.1:{port}\"\nread-token = {{ file = \"read\" }}\n\
             operate-token = {{ file = \"operate\" }}\n{http}\n{text}"
        );
        std::fs::write(folder.join("amslpr.toml"), whole).unwrap();
        let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_amslpr"))
            .args(["run", "--quiet", "--config"])
            .arg(folder.join("amslpr.toml"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { child, port }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        get(self.port, path, Some(OPERATE))
    }

    /// Waits until it is so; at most a minute.
    pub(crate) fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let clock = SystemClock::start();
        while !is_so(self) {
            assert!(clock.now() < amslpr::clock::Moment::ZERO + LONG, "{what} never came to be");
            clock.sleep(Duration::from_millis(100));
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// As systemd would.
    pub(crate) fn stop(mut self) {
        self.signal("TERM");
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The demo clip as a camera, as fast as it was recorded.
pub(crate) fn demo_camera(name: &str) -> String {
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/demo/drive-by.mp4");
    format!("[[camera]]\nname = \"{name}\"\n[camera.replay]\npath = {clip:?}\n")
}
