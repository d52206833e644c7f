//! A first look at a camera's description, before the library sees it: the library's parser ends the whole process at a
//! line that is none, and one broken camera must not take the others along.
//!
//! Asks for the description as the library does and looks at its lines; once, until a stream has been opened. Bounded
//! in bytes; whoever calls bounds the time.

use http_auth::{PasswordClient, PasswordParams};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use url::Host;

use super::{Fault, Settings};

/// Largest answer that is read.
const LARGEST: usize = 128 << 10;
const RTSP_PORT: u16 = 554;

/// Refuses a camera whose description the library must not see. Everything else that may be wrong with it is left to
/// the library, which has the better words. Returns the connection.
pub(super) async fn vet(settings: &Settings) -> Result<TcpStream, Fault> {
    let url = &settings.address.0;
    let port = url.port().unwrap_or(RTSP_PORT);
    let connected = match url.host() {
        Some(Host::Domain(name)) => TcpStream::connect((name, port)).await,
        Some(Host::Ipv4(address)) => TcpStream::connect((address, port)).await,
        Some(Host::Ipv6(address)) => TcpStream::connect((address, port)).await,
        None => return Err(Fault::Connection("its address names no host".to_owned())),
    };
    let lost = |error: std::io::Error| Fault::Connection(format!("cannot be reached: {error}"));
    let mut stream = connected.map_err(lost)?;
    let mut answer = ask(&mut stream, url.as_str(), 1, None).await?;
    if answer.status == 401
        && let Some(challenge) = answer.challenge.take()
        && let Some(credentials) = &settings.credentials
    {
        // A scheme that is not known here is the library's to complain about.
        let Ok(mut client) = PasswordClient::try_from(challenge.as_str()) else { return Ok(stream) };
        let response = client.respond(&PasswordParams {
            username: &credentials.user,
            password: credentials.password.expose(),
            uri: url.as_str(),
            method: "DESCRIBE",
            body: Some(&[]),
        });
        let Ok(response) = response else { return Ok(stream) };
        answer = ask(&mut stream, url.as_str(), 2, Some(&response)).await?;
        // Asked once: the library would knock with the same password again.
        if answer.status == 401 {
            return Err(Fault::Unauthorised);
        }
    }
    if answer.status == 200 {
        check(&answer.body)?;
    }
    Ok(stream)
}

/// A line is a letter, an equals sign and the rest.
fn check(description: &[u8]) -> Result<(), Fault> {
    let lines = description.split(|byte| matches!(byte, b'\n' | b'\r'));
    let odd =
        lines.filter(|line| !line.is_empty()).find(|line| line.iter().position(|b| *b == b'=') != Some(1));
    match odd {
        None => Ok(()),
        Some(line) => {
            let shown: String =
                String::from_utf8_lossy(line).chars().filter(|c| !c.is_control()).take(40).collect();
            let words = format!(
                "describes its stream in a way that is no description ({shown:?}); update its firmware"
            );
            Err(Fault::Unsupported(words))
        }
    }
}

#[derive(Debug, Default)]
struct Answer {
    status: u16,
    /// What `WWW-Authenticate` says, of all such lines.
    challenge: Option<String>,
    body: Vec<u8>,
}

async fn ask(
    stream: &mut TcpStream,
    url: &str,
    number: u32,
    authorization: Option<&str>,
) -> Result<Answer, Fault> {
    let lost = |error: std::io::Error| Fault::Connection(format!("went away while it was asked: {error}"));
    let mut request = format!(
        "DESCRIBE {url} RTSP/1.0\r\nCSeq: {number}\r\nAccept: application/sdp\r\nUser-Agent: {}\r\n",
        concat!("amslpr/", env!("CARGO_PKG_VERSION"))
    );
    if let Some(authorization) = authorization {
        request.push_str(&format!("Authorization: {authorization}\r\n"));
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await.map_err(lost)?;
    let mut bytes = Vec::new();
    let mut part = vec![0; 4096];
    loop {
        if let Some((head, body)) = halves(&bytes) {
            let (mut answer, length) = parse(head)?;
            if body.len() >= length {
                answer.body = body.get(..length).unwrap_or_default().to_vec();
                return Ok(answer);
            }
        }
        let read = stream.read(&mut part).await.map_err(lost)?;
        if read == 0 {
            return Err(Fault::Connection("closed the connection instead of answering".to_owned()));
        }
        bytes.extend_from_slice(part.get(..read).unwrap_or_default());
        if bytes.len() > LARGEST {
            return Err(Fault::Unsupported("its description is larger than 128 KiB".to_owned()));
        }
    }
}

/// Head and body of an answer, once the head is whole.
fn halves(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    // What is no text is no head; the library says so.
    Some((std::str::from_utf8(bytes.get(..end)?).unwrap_or_default(), bytes.get(end + 4..)?))
}

/// The head's meaning, and how long its body is.
fn parse(head: &str) -> Result<(Answer, usize), Fault> {
    let mut answer = Answer::default();
    let mut length = 0;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("RTSP/")?.split(' ').nth(1)?.parse().ok());
    answer.status =
        status.ok_or_else(|| Fault::Connection("answers in another language than RTSP".to_owned()))?;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().unwrap_or(0);
        } else if name.eq_ignore_ascii_case("www-authenticate") {
            answer.challenge = Some(match answer.challenge.take() {
                Some(earlier) => format!("{earlier}, {value}"),
                None => value.to_owned(),
            });
        }
    }
    Ok((answer, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_letters_with_an_equals_sign() {
        assert!(check(b"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\n\r\nm=video 0 RTP/AVP 96\na=control:x\r\n").is_ok());
        assert!(check(b"").is_ok());
        for odd in ["v=0\r\nartpmap:96", "m=video\r\n=x", "v=0\nab=1", "\u{1}\n", "a\r\n"] {
            let error = check(odd.as_bytes()).unwrap_err().to_string();
            assert!(error.contains("no description"), "{odd:?}: {error}");
        }
    }

    #[test]
    fn an_answer_is_read_whatever_its_letters() {
        let head = "RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nwww-authenticate: Basic realm=\"a\"\r\n\
                    WWW-Authenticate: Digest realm=\"a\", nonce=\"b\"\r\ncontent-LENGTH:  12";
        let (answer, length) = parse(head).unwrap();
        assert_eq!((answer.status, length), (401, 12));
        assert_eq!(answer.challenge.as_deref(), Some("Basic realm=\"a\", Digest realm=\"a\", nonce=\"b\""));
        for odd in ["HTTP/1.1 200 OK", "", "RTSP/1.0 many", "\u{fffd}"] {
            assert!(parse(odd).is_err(), "{odd}");
        }
        assert_eq!(halves(b"RTSP/1.0 200 OK\r\n\r\nv=0"), Some(("RTSP/1.0 200 OK", b"v=0".as_slice())));
        assert_eq!(halves(b"RTSP/1.0 200 OK\r\n"), None);
    }
}
