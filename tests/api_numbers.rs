//! The numbers that the API and the figures have to hold, measured by hand on a release build:
//! `AMSLPR_JOURNAL=journal.db cargo test --release --test api_numbers -- --ignored --nocapture --test-threads 1`. The journal is
//! a large one (`amslpr bench journal` makes such); without it a small one is made.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod http;

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use amslpr::{
    clock::{Clock, SystemClock},
    fact::{Fact, sample},
    journal::{self, Journal},
};
use http::{Daemon, OPERATE, connect, demo_camera};

/// Times of one thing, sorted when they are told.
struct Took(Vec<Duration>);

impl Took {
    fn tell(mut self, what: &str, most_ms: f64) {
        self.0.sort_unstable();
        let at = |share: f64| self.0[((self.0.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
        println!(
            "{what}: {} times, p50 {:.2} ms, p95 {:.2} ms, p99 {:.2} ms (p95 has to be {most_ms} ms or less)",
            self.0.len(),
            at(0.5),
            at(0.95),
            at(0.99)
        );
    }
}

/// One request on a connection that stays; the body's length.
fn once(stream: &mut TcpStream, path: &str) -> usize {
    let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {OPERATE}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let (mut heard, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "closed in the middle of an answer");
        heard.extend_from_slice(&buffer[..read]);
        let Some(end) = heard.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&heard[..end]).to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 200"), "{path}: {head}");
        let length: usize =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap();
        if heard.len() >= end + 4 + length {
            return length;
        }
    }
}

fn times(port: u16, path: &str, clients: usize, time: Duration) -> Took {
    let clock = SystemClock::start();
    let clock = &clock;
    let all = std::thread::scope(|scope| {
        let work = (0..clients).map(|_| {
            scope.spawn(move || {
                let (mut stream, mut took) = (connect(port), Vec::new());
                let began = clock.now();
                while clock.now().since(began) < time {
                    let asked = clock.now();
                    once(&mut stream, path);
                    took.push(clock.now().since(asked));
                }
                took
            })
        });
        let work: Vec<_> = work.collect();
        work.into_iter().flat_map(|one| one.join().unwrap()).collect()
    });
    Took(all)
}

#[test]
#[ignore = "measures; by hand, on a release build"]
fn answers_come_in_time_whatever_the_size_of_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    match std::env::var_os("AMSLPR_JOURNAL") {
        // The same file, not a copy of it: it may be large.
        Some(large) => {
            std::fs::hard_link(&large, &path).or_else(|_| std::fs::copy(&large, &path).map(drop)).unwrap();
        }
        None => {
            let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
            let journal = Journal::open(&path, &journal::Settings::default(), clock).unwrap();
            for n in 0..20_000 {
                while journal.stats().snapshot().queued > 200 {
                    SystemClock::start().sleep(Duration::from_micros(100));
                }
                journal.writer().record(Fact::Closed(sample::closed(n)));
            }
            assert!(journal.writer().flush(http::LONG));
        }
    }
    // One that never ends, for the daemon ends with its recordings.
    let gone = "[[camera]]\nname = \"gone\"\n[camera.v4l2]\ndevice = \"/dev/video-not-there\"\n";
    let config = format!("{}{gone}", demo_camera("demo"));
    let daemon = Daemon::start(folder.path(), &config, "rate = 100000\n");
    daemon.until("a daemon that answers", |daemon| {
        std::net::TcpStream::connect(("127.0.0.1", daemon.port)).is_ok()
    });
    daemon.until("a picture", |daemon| daemon.get("/api/v1/cameras/demo/snapshot.jpg").status == 200);
    let port = daemon.port;
    let seconds = Duration::from_secs;
    // While the camera's clip lasts: its pictures, and the scrape, with the pipeline at work.
    times(port, "/api/v1/cameras/demo/snapshot.jpg", 1, seconds(3)).tell("snapshot, pipeline at work", 30.0);
    times(port, "/metrics", 1, seconds(2)).tell("scrape, pipeline at work", 10.0);
    daemon.until("the end of the clip", |daemon| {
        daemon.get("/api/v1/status").json()["cameras"][0]["state"] == "ended"
    });
    times(port, "/metrics", 1, seconds(3)).tell("scrape", 10.0);
    times(port, "/api/v1/passages?limit=50", 1, seconds(3)).tell("the last 50 passages, 1 client", 10.0);
    times(port, "/api/v1/passages?limit=50", 4, seconds(8)).tell("the last 50 passages, 4 clients", 10.0);
    times(port, "/api/v1/status", 1, seconds(2)).tell("status", 10.0);
    let size = std::fs::metadata(&path).unwrap().len();
    println!("journal of {} MiB, scrape of {} bytes", size >> 20, once(&mut connect(port), "/metrics"));
    daemon.signal("TERM");
}

#[test]
#[ignore = "measures; by hand, on a release build"]
fn fifty_listeners_cost_whoever_tells_them_next_to_nothing() {
    use amslpr::api::{Claim, Events, Role, Server, Settings, Sources, Tokens};
    let folder = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let path = folder.path().join("journal.db");
    let _journal = Journal::open(&path, &journal::Settings::default(), Arc::clone(&clock)).unwrap();
    let port = http::free_port();
    let mut tokens = Tokens::default();
    tokens.add(Role::Operate, OPERATE);
    let settings = Settings {
        listen: ([127, 0, 0, 1], port).into(),
        tls: None,
        tokens,
        rate: 10_000,
        connections: 128,
        listeners: 64,
        privacy: amslpr::fact::privacy::Privacy::default(),
    };
    let events = Events::default();
    let sources = Sources { journal: path, evidence: None, node: Arc::new(Nobody), events: events.clone() };
    let server = Server::start(settings, sources, Claim::WhenFree, Arc::clone(&clock)).unwrap();
    drop(connect(port));
    let tell = |listeners: usize| {
        let (heard, over) = (AtomicU64::new(0), AtomicBool::new(false));
        let (heard, over) = (&heard, &over);
        std::thread::scope(|scope| {
            for _ in 0..listeners {
                scope.spawn(move || {
                    use tungstenite::client::IntoClientRequest as _;
                    let mut request =
                        format!("ws://127.0.0.1:{port}/api/v1/events/ws").into_client_request().unwrap();
                    let token = format!("Bearer {OPERATE}").parse().unwrap();
                    request.headers_mut().insert("Authorization", token);
                    let stream = connect(port);
                    stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
                    let (mut socket, _) = tungstenite::client(request, stream).unwrap();
                    while !over.load(Ordering::Relaxed) {
                        if socket.read().is_ok_and(|message| message.is_text()) {
                            heard.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
            while server.stats().snapshot().websocket_listeners < listeners as u64 {
                clock.sleep(Duration::from_millis(10));
            }
            let mut took = Vec::new();
            for n in 0..200 {
                let fact = Fact::Closed(sample::closed(n));
                let began = clock.now();
                events.tell(&fact);
                took.push(clock.now().since(began));
                clock.sleep(Duration::from_millis(50));
            }
            clock.sleep(Duration::from_secs(1));
            over.store(true, Ordering::Relaxed);
            let (told, count) = (listeners as u64 * 200, heard.load(Ordering::Relaxed));
            println!("{listeners} listeners: {count} of {told} events heard");
            assert_eq!(count, told);
            Took(took).tell(&format!("telling {listeners} listeners"), 1.0);
        });
        while server.stats().snapshot().websocket_listeners > 0 {
            clock.sleep(Duration::from_millis(10));
        }
    };
    tell(1);
    tell(50);
    assert_eq!(server.stats().snapshot().refused["slow"], 0);
}

/// A daemon that has nothing to say.
struct Nobody;

impl amslpr::api::Node for Nobody {
    fn ask(
        &self,
        _: amslpr::api::Report,
    ) -> Option<tokio::sync::oneshot::Receiver<Result<amslpr::api::Answer, String>>> {
        None
    }

    fn view(&self, _: &str) -> amslpr::api::View {
        amslpr::api::View::Nothing
    }

    fn listed(&self) -> Result<Vec<amslpr::api::Listed>, String> {
        Ok(Vec::new())
    }

    fn order(&self, _: amslpr::api::Order) -> amslpr::api::Done {
        amslpr::api::Done::Refused("there is nobody".to_owned())
    }
}

/// A frame with a plate makes nine notes, each with its two looks at the clock; at 25 frames a second of four cameras.
#[test]
#[ignore = "measures; by hand, on a release build"]
fn measuring_costs_next_to_nothing() {
    use amslpr::telemetry::{Meter, Span, Stage};
    const ROUNDS: u32 = 2_000_000;
    let (clock, meter) = (SystemClock::start(), Meter::default());
    let began = clock.now();
    for n in 0..ROUNDS {
        let from = clock.now();
        meter.note(&Span::of(Stage::Detect, from, clock.now()).for_frame(n.into()));
    }
    let each = clock.now().since(began) / ROUNDS;
    let share = each.as_secs_f64() * 9.0 * 25.0 * 4.0 * 100.0;
    println!(
        "a note takes {each:?}; four cameras of 25 frames a second: {share:.4} % of a core (1 % or less)"
    );
    assert_eq!(meter.metered().times.count(), u64::from(ROUNDS));
    let clock = SystemClock::start();
    let began = clock.now();
    for _ in 0..1000 {
        std::hint::black_box(meter.metered());
    }
    println!("reading a meter takes {:?}", clock.now().since(began) / 1000);
}
