//! The HTTP API on a real journal: what it answers, to whom, and what becomes of those who are wrong, slow or too many.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod http;

use std::{
    collections::BTreeSet,
    io::{Read, Write as _},
    net::TcpStream,
    sync::{Arc, Mutex},
    time::Duration,
};

use amslpr::{
    api::{
        Answer as Told, Claim, Done, Events, Listed, Node, Order, Outlook, ROUTES, Report, Role, Server,
        Settings, Sources, Tokens, View,
    },
    clock::{Clock, SystemClock},
    fact::{Fact, privacy::Privacy, sample},
    journal::{self, Journal},
};
use http::{LONG, OPERATE, READ, ask, connect, free_port, get, parse, say};
use serde_json::{Value, json};

/// Answers at once, and remembers what it was told to do.
#[derive(Default)]
struct Plain(Mutex<Vec<Order>>);

impl Node for Plain {
    fn ask(&self, what: Report) -> Option<tokio::sync::oneshot::Receiver<Result<Told, String>>> {
        let (tell, told) = tokio::sync::oneshot::channel();
        let answer = match what {
            Report::Outlook => Told::Outlook(Outlook { verdict: "failed", is_ready: false }),
            Report::Status => Told::Text("{\"verdict\": \"failed\"}".to_owned()),
            Report::Metrics => Told::Text("# EOF\n".to_owned()),
        };
        tell.send(Ok(answer)).unwrap();
        Some(told)
    }

    fn view(&self, camera: &str) -> View {
        if camera == "in" { View::Nothing } else { View::Unknown("in".to_owned()) }
    }

    fn listed(&self) -> Result<Vec<Listed>, String> {
        let one = |n: u32| Listed {
            list: "staff".to_owned(),
            kind: "allow",
            plate: format!("B{n:03}ABC"),
            note: None,
            from: None,
            until: None,
            uses: None,
            used: None,
            lasts_s: None,
            schedule: None,
            added: None,
            added_by: None,
        };
        Ok((0..7).map(one).collect())
    }

    fn order(&self, order: Order) -> Done {
        let outcome = match order.verb {
            "gate/open" if order.fields["gate"] == "north" => Done::Done(json!("it was asked to open")),
            "gate/open" => Done::Refused("there is no such gate".to_owned()),
            _ => Done::Wrong("plate must be a plate".to_owned()),
        };
        self.0.lock().unwrap().push(order);
        outcome
    }
}

struct Site {
    _folder: tempfile::TempDir,
    journal: Journal,
    server: Server,
    events: Events,
    node: Arc<Plain>,
    port: u16,
}

fn site(passages: u64, change: impl FnOnce(&mut Settings)) -> Site {
    let folder = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let path = folder.path().join("journal.db");
    let journal = Journal::open(&path, &journal::Settings::default(), Arc::clone(&clock)).unwrap();
    for n in 0..passages {
        journal.writer().record(Fact::Closed(sample::closed(n)));
    }
    assert!(journal.writer().flush(LONG));
    let port = free_port();
    let mut tokens = Tokens::default();
    tokens.add(Role::Read, READ);
    tokens.add(Role::Operate, OPERATE);
    let mut settings = Settings {
        listen: ([127, 0, 0, 1], port).into(),
        tls: None,
        tokens,
        rate: 10_000,
        connections: 64,
        listeners: 4,
        privacy: Privacy::default(),
    };
    change(&mut settings);
    let (events, node) = (Events::default(), Arc::new(Plain::default()));
    let sources = Sources {
        journal: path,
        evidence: None,
        node: Arc::clone(&node) as Arc<dyn Node>,
        events: events.clone(),
    };
    let server = Server::start(settings, sources, Claim::WhenFree, clock).unwrap();
    drop(connect(port));
    Site { _folder: folder, journal, server, events, node, port }
}

#[test]
fn every_route_asks_for_the_token_that_the_table_says() {
    let site = site(1, |_| {});
    for route in ROUTES {
        let path = route.path.replace("{id}", &sample::closed(0).passage.id.to_string());
        let path = path.replace("{kind}", "plate").replace(['{', '}'], "");
        let status = |token| status(site.port, route.method, &path, token);
        let (nobody, reader) = (status(None), status(Some(READ)));
        let is_metrics = route.path == "/metrics";
        match route.role {
            Role::Anybody => assert!(nobody != 401, "{path}"),
            Role::Read => {
                let refused = (nobody == 401, reader == 401 || reader == 403);
                assert_eq!(refused, (!is_metrics, false), "{path}");
            }
            Role::Operate => assert_eq!((nobody, reader), (401, 403), "{path}"),
        }
    }
    assert!(site.node.0.lock().unwrap().is_empty(), "nothing was done for those who may not");
    let refused = site.server.stats().snapshot().refused;
    assert!(refused["token"] >= 10 && refused["role"] >= 4, "{refused:?}");
}

/// Of the answer, which may have no end.
fn status(port: u16, method: &str, path: &str, token: Option<&str>) -> u16 {
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let mut stream = connect(port);
    let head = format!("{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n{token}\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    hear(&mut stream, "\r\n\r\n").split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn wrong_tokens_are_answered_late_and_counted_and_right_ones_are_not_held_up() {
    let site = site(1, |_| {});
    let clock = SystemClock::start();
    let timed = |token: &str| {
        let began = clock.now();
        let answer = get(site.port, "/api/v1/status", Some(token));
        (answer, clock.now().since(began))
    };
    let (first, took) = timed("wrong-wrong-wrong-wrong");
    assert_eq!(first.status, 401);
    assert_eq!(first.header("www-authenticate"), Some("Bearer realm=\"amslpr\""));
    assert!(took >= Duration::from_millis(250), "{took:?}");
    let (_, took) = timed("wrong-wrong-wrong-wrong");
    assert!(took >= Duration::from_millis(500), "{took:?}");
    let (right, took) = timed(READ);
    assert_eq!((right.status, right.json()["verdict"].clone()), (200, json!("failed")));
    assert!(took < Duration::from_millis(250), "{took:?}");
    assert_eq!(site.server.stats().snapshot().refused["token"], 2);
    for header in ["Basic abc", "Bearer", "bearer  ", &format!("Token {READ}")] {
        let bytes = format!(
            "GET /api/v1/status HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: {header}\r\n\r\n"
        );
        assert_eq!(parse(&say(site.port, bytes.as_bytes())).status, 401, "{header}");
    }
}

#[test]
fn pages_follow_each_other_without_gaps_and_filters_hold() {
    let site = site(1000, |_| {});
    let (mut after, mut seen, mut pages) = (String::new(), Vec::new(), 0);
    loop {
        let page = get(site.port, &format!("/api/v1/passages?limit=70{after}"), Some(READ)).json();
        let ids =
            page["passages"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned());
        seen.extend(ids);
        pages += 1;
        // What comes in meanwhile does not disturb.
        site.journal.writer().record(Fact::Closed(sample::closed(5000 + pages)));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    let distinct: BTreeSet<&String> = seen.iter().collect();
    assert_eq!((seen.len(), distinct.len(), pages), (1000, 1000, 15));
    let newest = get(site.port, "/api/v1/passages?limit=1", Some(READ)).json();
    let newest = &newest["passages"][0];
    let (plate, camera) = (newest["plate"].as_str().unwrap(), newest["camera"].as_str().unwrap());
    let found = get(site.port, &format!("/api/v1/passages?plate={plate}&camera={camera}"), Some(READ)).json();
    assert!(found["passages"].as_array().unwrap().contains(newest));
    let whole = get(site.port, &format!("/api/v1/passages/{}", newest["id"].as_str().unwrap()), Some(READ));
    assert_eq!(whole.json()["plate"], newest["plate"]);
    assert!(!whole.json()["reads"].as_array().unwrap().is_empty());
    assert_eq!(whole.header("cache-control"), Some("no-store"));
}

#[test]
fn what_is_wrong_is_said_with_the_field() {
    let site = site(1, |_| {});
    let id = sample::closed(0).passage.id;
    for (path, status, field) in [
        ("/api/v1/passages?sinse=x", 400, "sinse"),
        ("/api/v1/passages?limit=0", 400, "limit"),
        ("/api/v1/passages?plate=%00", 400, "plate"),
        ("/api/v1/passages?after=%27%3BDROP+TABLE+facts", 400, "after"),
        ("/api/v1/plates?limit=100000", 400, "limit"),
        ("/api/v1/status?x", 400, "x"),
        ("/healthz?x", 400, "x"),
        (&format!("/api/v1/passages/{id}?x=1"), 400, "x"),
        ("/api/v1/cameras/in/snapshot.jpg?width=9", 400, "width"),
        ("/api/v1/passages/../../../etc/passwd", 404, ""),
        ("/api/v1/passages/..%2f..%2f..%2fetc%2fpasswd", 404, ""),
        ("/api/v1/passages/%ff", 400, ""),
        (&format!("/api/v1/passages/{id}/images/plate"), 404, ""),
        (&format!("/api/v1/passages/{id}/images/..%2f..%2fjournal.db"), 404, ""),
        ("/api/v1/cameras/nowhere/snapshot.jpg", 404, ""),
        ("/api/v1/cameras/in/snapshot.jpg", 409, ""),
        ("/api/v1/nothing", 404, ""),
        ("//healthz", 404, ""),
        ("/readyz", 503, ""),
        ("/api/v1/events/ws", 400, ""),
    ] {
        let answer = get(site.port, path, Some(READ));
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        if !field.is_empty() {
            assert_eq!(answer.json()["field"], field, "{path}");
        }
    }
    for (method, path, body, status) in [
        ("POST", "/api/v1/gates/north/open", "{\"reason\": \"post\"}", 200),
        ("POST", "/api/v1/gates/north/open", "", 200),
        ("POST", "/api/v1/gates/south/open", "", 409),
        ("POST", "/api/v1/gates/north/open", "{\"gate\": \"south\"}", 400),
        ("POST", "/api/v1/gates/north/open", "[]", 400),
        ("POST", "/api/v1/gates/north/open", "{{{{{{", 400),
        ("POST", "/api/v1/plates", "{}", 400),
        ("DELETE", "/api/v1/plates", "", 405),
        ("PUT", "/healthz", "", 405),
        ("TRACE", "/healthz", "", 405),
    ] {
        let answer = ask(site.port, method, path, Some(OPERATE), body);
        assert_eq!(answer.status, status, "{method} {path} {body}: {}", answer.text());
    }
    let long = ask(site.port, "POST", "/api/v1/plates", Some(OPERATE), &"x".repeat(20_000));
    assert_eq!(long.status, 413);
    let wrong = ask(site.port, "POST", "/api/v1/plates", Some(OPERATE), "{}").json();
    assert_eq!((wrong["field"].clone(), wrong["error"].clone()), (json!("plate"), json!("wrong-field")));
    let page = get(site.port, "/api/v1/plates?limit=3&after=6", Some(READ)).json();
    assert_eq!((page["plates"][0]["plate"].clone(), page["next"].clone()), (json!("B006ABC"), Value::Null));
}

#[test]
fn who_is_slow_or_long_winded_is_closed_and_the_others_are_served() {
    let site = site(1, |_| {});
    let clock = SystemClock::start();
    // Heads that are too long, that are none, that never end.
    let long = format!("GET /healthz HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    assert!(say(site.port, long.as_bytes()).starts_with(b"HTTP/1.1 431"));
    let many: String = (0..200).map(|n| format!("X-{n}: 1\r\n")).collect();
    let many = format!("GET /healthz HTTP/1.1\r\nHost: a\r\n{many}\r\n");
    assert!(say(site.port, many.as_bytes()).starts_with(b"HTTP/1.1 431"));
    assert!(
        say(site.port, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n")
            .starts_with(b"HTTP/1.1 400")
    );
    assert!(say(site.port, &vec![0; 100_000]).starts_with(b"HTTP/1.1 4"));
    // Slowloris: more of them than one address may have.
    let slow: Vec<TcpStream> = (0..60)
        .map(|n| {
            let mut stream = connect(site.port);
            let bytes: &[u8] = [b"" as &[u8], b"P", b"GET / HTTP/1.1\r\nX: ", b"PRI * HTTP/2.0\r\n"][n % 4];
            let _ = stream.write_all(bytes);
            stream
        })
        .collect();
    let began = clock.now();
    // The places that are left are for those who speak.
    while get_maybe(site.port, "/healthz") != Some(200) {
        assert!(clock.now().since(began) < Duration::from_secs(20), "never served again");
        clock.sleep(Duration::from_millis(100));
    }
    for mut stream in slow {
        let mut heard = Vec::new();
        let _ = stream.read_to_end(&mut heard);
    }
    let took = clock.now().since(began);
    assert!(took < Duration::from_secs(30), "the slow ones were closed after {took:?}");
    let refused = site.server.stats().snapshot().refused;
    assert!(refused["connections"] > 0 && refused["timeout"] > 0, "{refused:?}");
}

/// The status, or nothing where the connection is closed at once.
fn get_maybe(port: u16, path: &str) -> Option<u16> {
    let heard = say(port, format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes());
    String::from_utf8_lossy(&heard).split(' ').nth(1)?.parse().ok()
}

#[test]
fn who_asks_too_often_is_told_when_to_come_back() {
    let site = site(1, |settings| settings.rate = 2);
    let statuses: Vec<u16> = (0..30).map(|_| get(site.port, "/healthz", None).status).collect();
    let often = statuses.iter().filter(|status| **status == 429).count();
    assert!(often >= 10 && statuses[0] == 200, "{statuses:?}");
    assert_eq!(get(site.port, "/healthz", None).header("retry-after"), Some("1"));
}

fn listener(site: &Site) -> TcpStream {
    let mut stream = connect(site.port);
    let head = format!("GET /api/v1/events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {READ}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

fn hear(stream: &mut impl Read, wanted: &str) -> String {
    let (mut heard, mut buffer) = (String::new(), [0; 4096]);
    while !heard.contains(wanted) {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "{wanted:?} was not said, but {heard}");
        heard.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    heard
}

fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let clock = SystemClock::start();
    while !is_so() {
        assert!(clock.now() < amslpr::clock::Moment::ZERO + LONG, "{what} never came to be");
        clock.sleep(Duration::from_millis(10));
    }
}

type Socket = tungstenite::WebSocket<TcpStream>;

fn socket(port: u16) -> Result<Socket, u16> {
    use tungstenite::client::IntoClientRequest as _;
    let mut request = format!("ws://127.0.0.1:{port}/api/v1/events/ws").into_client_request().unwrap();
    request.headers_mut().insert("Authorization", format!("Bearer {READ}").parse().unwrap());
    match tungstenite::client(request, connect(port)) {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(answer))) => {
            Err(answer.status().as_u16())
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn listeners_hear_what_happens_and_goodbye_at_the_end() {
    let site = site(1, |_| {});
    let mut stream = listener(&site);
    hear(&mut stream, "text/event-stream");
    let mut socket = socket(site.port).unwrap();
    wait_for("two listeners", || {
        let told = site.server.stats().snapshot();
        (told.sse_listeners, told.websocket_listeners) == (1, 1)
    });
    let closed = sample::closed(7);
    site.events.tell(&Fact::Decided(sample::decided(&closed)));
    site.events.tell(&Fact::Closed(closed.clone()));
    let heard = hear(&mut stream, "event: passage");
    assert!(
        heard.contains("event: decision") && heard.contains(&format!("id: {}", closed.passage.id)),
        "{heard}"
    );
    let decision: Value = serde_json::from_str(socket.read().unwrap().to_text().unwrap()).unwrap();
    let passage: Value = serde_json::from_str(socket.read().unwrap().to_text().unwrap()).unwrap();
    assert_eq!((decision["type"].clone(), passage["type"].clone()), (json!("decision"), json!("passage")));
    assert_eq!(passage["id"], json!(closed.passage.id.to_string()));
    assert_eq!(passage["plate"], json!(closed.passage.reading.unwrap().text.as_str()));
    drop(site.server);
    hear(&mut stream, "event: goodbye");
    match socket.read().unwrap() {
        tungstenite::Message::Close(Some(frame)) => assert_eq!(frame.reason.as_str(), "the daemon stops"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_listener_that_does_not_keep_up_or_talks_too_much_loses_its_place_and_is_told() {
    let site = site(1, |_| {});
    let (mut talker, mut slow) = (socket(site.port).unwrap(), socket(site.port).unwrap());
    for n in 0..100 {
        if talker.send(tungstenite::Message::text(format!("word {n}"))).is_err() {
            break;
        }
    }
    let said = loop {
        match talker.read() {
            Ok(tungstenite::Message::Close(Some(frame))) => break frame.reason.as_str().to_owned(),
            Ok(_) => {}
            Err(error) => break error.to_string(),
        }
    };
    assert!(said.contains("too much") || said.contains("eset"), "{said}");
    // It reads nothing while far more is told than anybody keeps for it.
    let clock = SystemClock::start();
    let began = clock.now();
    for n in 0..60_000 {
        site.events.tell(&Fact::Closed(sample::closed(n)));
        if n % 100 == 0 {
            clock.sleep(Duration::from_micros(500));
        }
        if site.server.stats().snapshot().refused["slow"] > 0 {
            break;
        }
    }
    let took = clock.now().since(began);
    println!("telling until the slow one lost its place took {took:?}");
    wait_for("the slow one loses its place", || site.server.stats().snapshot().refused["slow"] == 1);
    let goodbye = loop {
        match slow.read() {
            Ok(tungstenite::Message::Close(Some(frame))) => break Some(frame.reason.as_str().to_owned()),
            Ok(_) => {}
            Err(_) => break None,
        }
    };
    if let Some(goodbye) = goodbye {
        assert!(goodbye.contains("you did not keep up"), "{goodbye}");
    }
    let refused = site.server.stats().snapshot().refused;
    assert_eq!((refused["slow"], refused["flood"]), (1, 1));
}

#[test]
fn there_are_as_many_listeners_as_may_and_a_place_that_is_left_is_free() {
    let site = site(1, |_| {});
    let sockets: Vec<_> = (0..4).map(|_| socket(site.port).unwrap()).collect();
    assert_eq!(socket(site.port).err(), Some(503));
    drop(sockets);
    wait_for("a free place", || socket(site.port).is_ok());
}

#[test]
fn http_2_is_spoken_too() {
    let site = site(1, |_| {});
    let output = std::process::Command::new("curl")
        .args(["--silent", "--http2-prior-knowledge", "--write-out", " %{http_version} %{http_code}"])
        .arg(format!("http://127.0.0.1:{}/healthz", site.port))
        .output();
    let Ok(output) = output else {
        println!("curl is not installed: not checked");
        return;
    };
    assert_eq!(String::from_utf8_lossy(&output.stdout), "{\"alive\":true} 2 200");
}
