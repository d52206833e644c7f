//! A relay on the network that is switched by an HTTP call, such as a Shelly.
//!
//! One call per order, without a second attempt: a late pulse is worse than none. Best is a relay that switches
//! itself off (`?turn=on&timer=1`, `&toggle_after=1`); one that does not has a second address for that. A relay that
//! wants digest authentication is called twice: what it refuses the first time it has not done.

use std::{fmt, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ureq::{
    Agent, Body,
    http::{Response, Uri, header::WWW_AUTHENTICATE},
};
use uuid::Uuid;

use super::{
    digest::Challenge,
    line::{LineError, Switch},
};
use crate::{caller, secret::Secret};

/// How the relay is reached.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// Called to switch on. `{seconds}` stands for the length of the pulse.
    pub url: String,
    /// Called to switch off, for relays that do not do so themselves.
    pub release_url: Option<String>,
    pub post: bool,
    pub login: Option<(String, Secret)>,
    /// The password is proven, not sent.
    pub digest: bool,
    /// Certificates of the authorities that may vouch for an `https://` relay, as PEM.
    pub authorities: Option<Vec<u8>>,
    pub timeout: Duration,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("relay::Settings")
            .field("host", &caller::place(&self.url).0)
            .field("post", &self.post)
            .finish()
    }
}

/// The relay, as a switch.
#[derive(Debug)]
pub(super) struct Relay {
    settings: Settings,
    agent: Agent,
    url: String,
}

impl Relay {
    pub(super) fn new(settings: Settings, pulse: Duration) -> Self {
        // Nothing kept open.
        let agent =
            caller::agent(settings.authorities.as_deref()).max_idle_connections(0).build().new_agent();
        let seconds = format!("{}", pulse.as_secs_f64());
        let url = settings.url.replace("{seconds}", &seconds);
        Self { settings, agent, url }
    }

    /// Calls within this time; anything but a 2xx is a failure.
    pub(super) fn call(&self, url: &str, within: Duration) -> Result<(), String> {
        let within = within.min(self.settings.timeout).max(Duration::from_millis(1));
        let (host, _) = caller::place(url);
        let login = self.settings.login.as_ref().map(|(user, password)| (user.as_str(), password.expose()));
        let told = |error| match error {
            ureq::Error::Timeout(_) => {
                format!("the relay {host} does not answer within {} ms", within.as_millis())
            }
            error => format!("the relay {host} cannot be reached: {error}"),
        };
        // What the relay says beyond its status is of no interest, and not read.
        let answer = match login {
            Some(login) if self.settings.digest => {
                // Both calls in the time of one.
                let first = self.ask(url, None, within / 2).map_err(told)?;
                let challenge = challenge(&first).filter(|_| first.status().as_u16() == 401);
                match challenge {
                    Some(challenge) => {
                        let method = if self.settings.post { "POST" } else { "GET" };
                        let cnonce = Uuid::now_v7().simple().to_string();
                        let header = challenge.answer(login, method, &target(url), &cnonce);
                        self.ask(url, Some(&header), within / 2).map_err(told)?
                    }
                    None => first,
                }
            }
            Some((user, password)) => self.ask(url, Some(&basic(user, password)), within).map_err(told)?,
            None => self.ask(url, None, within).map_err(told)?,
        };
        match answer.status() {
            status if status.is_success() => Ok(()),
            status if status.as_u16() == 401 => Err(self.not_let_in(&host, &answer)),
            status => Err(format!("the relay {host} answers {status}")),
        }
    }

    fn ask(&self, url: &str, header: Option<&str>, within: Duration) -> Result<Response<Body>, ureq::Error> {
        let headers = header.map(|header| ("Authorization", header));
        if self.settings.post {
            let request = self.agent.post(url).config().timeout_global(Some(within)).build();
            headers
                .into_iter()
                .fold(request, |request, (name, value)| request.header(name, value))
                .send_empty()
        } else {
            let request = self.agent.get(url).config().timeout_global(Some(within)).build();
            headers.into_iter().fold(request, |request, (name, value)| request.header(name, value)).call()
        }
    }

    fn not_let_in(&self, host: &str, answer: &Response<Body>) -> String {
        match (&self.settings.login, challenge(answer)) {
            (None, _) => format!("the relay {host} wants a user name and a password"),
            (Some(_), Some(_)) if !self.settings.digest => {
                format!("the relay {host} wants digest authentication: authentication = \"digest\"")
            }
            (Some(_), None) if self.settings.digest => {
                format!("the relay {host} does not ask for digest authentication: authentication = \"basic\"")
            }
            (Some(_), _) => format!("the relay {host} does not know this user name and password"),
        }
    }

    pub(super) fn switch_on(&self, within: Duration) -> Result<(), String> {
        self.call(&self.url, within)
    }

    /// Nothing to do where it switches itself off.
    pub(super) fn switch_off(&self) -> Result<(), String> {
        match &self.settings.release_url {
            Some(url) => self.call(url, self.settings.timeout),
            None => Ok(()),
        }
    }
}

/// Switches a relay off that does not do so itself; for a daemon that is gone.
pub fn bring_to_rest(settings: &Settings) -> Result<(), String> {
    Relay::new(settings.clone(), Duration::ZERO).switch_off()
}

impl Switch for Relay {
    fn set(&self, on: bool) -> Result<(), LineError> {
        let outcome = if on { self.switch_on(self.settings.timeout) } else { self.switch_off() };
        outcome.map_err(LineError::Relay)
    }

    fn slowness(&self) -> Duration {
        self.settings.timeout
    }
}

fn challenge(answer: &Response<Body>) -> Option<Challenge> {
    let headers = answer.headers().get_all(WWW_AUTHENTICATE);
    Challenge::strongest(headers.iter().filter_map(|value| value.to_str().ok()))
}

/// The path and the query of an address, as they stand in the request.
fn target(url: &str) -> String {
    let uri = url.parse::<Uri>().ok();
    let target = uri.as_ref().and_then(|uri| uri.path_and_query()).map(|target| target.as_str());
    target.filter(|target| !target.is_empty()).unwrap_or("/").to_owned()
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::TcpListener,
        thread::JoinHandle,
    };

    use super::*;

    /// A relay that hears one call and answers with this; gives what it heard.
    fn relay(answer: &'static str) -> (String, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let thread = std::thread::spawn(move || hear(&listener, answer));
        (address, thread)
    }

    fn hear(listener: &TcpListener, answer: &str) -> String {
        let (mut caller, _) = listener.accept().unwrap();
        caller.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut heard = Vec::new();
        let mut buffer = [0; 1024];
        while !heard.ends_with(b"\r\n\r\n") {
            match caller.read(&mut buffer) {
                Ok(n) if n > 0 && heard.is_empty() && buffer[0] == 0x16 => break,
                Ok(n) if n > 0 => heard.extend_from_slice(&buffer[..n]),
                _ => break,
            }
        }
        // A caller that has had enough hangs up.
        let _ = caller.write_all(answer.as_bytes());
        String::from_utf8_lossy(&heard).into_owned()
    }

    fn settings(url: &str) -> Settings {
        Settings {
            url: url.to_owned(),
            release_url: None,
            post: false,
            login: None,
            digest: false,
            authorities: None,
            timeout: Duration::from_secs(2),
        }
    }

    const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

    #[test]
    fn a_relay_is_told_for_how_long_and_by_whom() {
        let (address, heard) = relay(OK);
        let login = Some(("admin".to_owned(), Secret::new("hunter2!".to_owned())));
        let settings =
            Settings { login, ..settings(&format!("{address}/relay/0?turn=on&timer={{seconds}}")) };
        Relay::new(settings, Duration::from_millis(1500)).switch_on(Duration::from_secs(5)).unwrap();
        let heard = heard.join().unwrap();
        assert!(heard.starts_with("GET /relay/0?turn=on&timer=1.5 HTTP/1.1\r\n"), "{heard}");
        // `printf admin:hunter2! | base64`
        assert!(heard.to_lowercase().contains("authorization: basic "), "{heard}");
        assert!(heard.contains("YWRtaW46aHVudGVyMiE="), "{heard}");
    }

    /// A relay that wants digest authentication; gives both calls.
    fn careful_relay(second: &'static str) -> (String, JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let first = "HTTP/1.1 401 No\r\nWWW-Authenticate: Digest qop=\"auth\", realm=\"shelly\", nonce=\"60dc2c69\", \
                     algorithm=SHA-256\r\nContent-Length: 0\r\n\r\n";
        let thread =
            std::thread::spawn(move || [first, second].map(|answer| hear(&listener, answer)).to_vec());
        (address, thread)
    }

    #[test]
    fn a_relay_that_wants_digest_authentication_never_sees_the_password() {
        let login = Some(("admin".to_owned(), Secret::new("hunter2!".to_owned())));
        let with = |url: &str| Settings { login: login.clone(), digest: true, ..settings(url) };
        let (address, heard) = careful_relay(OK);
        let relay = Relay::new(with(&format!("{address}/rpc/Switch.Set?id=0")), Duration::ZERO);
        relay.switch_on(Duration::from_secs(5)).unwrap();
        let heard = heard.join().unwrap();
        assert!(!heard[0].to_lowercase().contains("authorization"), "{heard:?}");
        assert!(heard[1].contains("uri=\"/rpc/Switch.Set?id=0\"") && heard[1].contains("nonce=\"60dc2c69\""));
        assert!(
            heard.iter().all(|call| !call.contains("hunter2") && !call.contains("aHVudGVyMiE")),
            "{heard:?}"
        );
        let no = "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n";
        let (address, heard) = careful_relay(no);
        let error = Relay::new(with(&address), Duration::ZERO).switch_on(Duration::from_secs(5)).unwrap_err();
        assert!(error.contains("authentication") && heard.join().unwrap().len() == 2, "{error}");
    }

    #[test]
    fn a_relay_s_certificate_must_be_vouched_for() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let thread = std::thread::spawn(move || hear(&listener, "I speak no TLS\r\n\r\n"));
        let error = Relay::new(settings(&url), Duration::ZERO).switch_on(Duration::from_secs(5)).unwrap_err();
        assert!(error.contains("cannot be reached"), "{error}");
        assert!(!thread.join().unwrap().contains("GET"), "nothing in the clear");
    }

    #[test]
    fn whatever_is_no_success_is_a_failure_and_is_asked_once() {
        for (answer, words) in [
            ("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", "answers 500"),
            ("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", "wants a user name"),
            (
                "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
                "answers 302",
            ),
            ("I am no web server\r\n\r\n", "cannot be reached"),
            ("", "cannot be reached"),
        ] {
            let (address, heard) = relay(answer);
            let error =
                Relay::new(settings(&address), Duration::ZERO).switch_on(Duration::from_secs(5)).unwrap_err();
            assert!(error.contains(words), "{error}");
            assert!(heard.join().unwrap().starts_with("GET / "));
        }
    }

    #[test]
    fn a_relay_that_says_nothing_is_not_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let quick = Relay::new(settings(&url), Duration::ZERO).switch_on(Duration::from_millis(100));
        assert!(quick.unwrap_err().contains("does not answer within 100 ms"));
        drop(listener);
        let gone = Relay::new(settings(&url), Duration::ZERO).switch_on(Duration::from_secs(1));
        assert!(gone.unwrap_err().contains("cannot be reached"));
    }

    #[test]
    fn an_endless_answer_is_not_read() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let thread = std::thread::spawn(move || {
            let (mut caller, _) = listener.accept().unwrap();
            let mut written = caller.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n");
            let mut sent = 0u64;
            while written.is_ok() && sent < 1 << 30 {
                written = caller.write_all(&[b'x'; 4096]);
                sent += 4096;
            }
            sent
        });
        Relay::new(settings(&url), Duration::ZERO).switch_on(Duration::from_secs(5)).unwrap();
        assert!(thread.join().unwrap() < 1 << 28, "somebody read it all");
    }

    #[test]
    fn settings_show_no_secret() {
        let login = Some(("admin".to_owned(), Secret::new("hunter2".to_owned())));
        let shown = format!("{:?}", Settings { login, ..settings("http://10.0.0.9/relay?key=hunter2") });
        assert!(shown.contains("10.0.0.9") && !shown.contains("hunter2"), "{shown}");
    }
}
