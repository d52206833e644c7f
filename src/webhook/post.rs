//! One HTTP call to a receiver, and what its answer means: it has the message, it will never take it, or try again.

use std::{fmt, time::Duration};

use ureq::{
    Agent,
    http::{HeaderMap, StatusCode, header::RETRY_AFTER},
};

use super::Settings;
use crate::caller;

/// A receiver that wants to be left alone is left alone for no longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Why a receiver does not have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// It is this message that it does not want: trying again is of no use.
    Refused(String),
    /// It may take it later; not before this time, if it says so.
    Later(String, Option<Duration>),
}

/// A message, ready to be sent.
#[derive(Debug)]
pub(super) struct Message<'a> {
    pub id: &'a str,
    pub timestamp: i64,
    pub signature: &'a str,
    pub body: &'a str,
}

/// Where messages are posted to.
pub(super) struct Post {
    agent: Agent,
    url: String,
    host: String,
}

impl fmt::Debug for Post {
    /// The address may hold more than others should know.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Post").field("host", &self.host).finish_non_exhaustive()
    }
}

impl Post {
    pub(super) fn new(settings: &Settings) -> Self {
        // One connection, kept while there is something to say.
        let agent = caller::agent(settings.authorities.as_deref())
            .max_idle_connections(1)
            .max_idle_age(Duration::from_secs(20))
            .timeout_global(Some(settings.timeout))
            .build()
            .new_agent();
        Self { agent, url: settings.url.clone(), host: caller::place(&settings.url).0 }
    }

    pub(super) fn send(&self, message: &Message<'_>) -> Result<(), Failure> {
        let answer = self
            .agent
            .post(&self.url)
            .header("content-type", "application/json")
            .header("webhook-id", message.id)
            .header("webhook-timestamp", message.timestamp.to_string())
            .header("webhook-signature", message.signature)
            .send(message.body);
        let host = &self.host;
        let answer = answer.map_err(|error| match error {
            ureq::Error::Timeout(_) => Failure::Later(format!("{host} does not answer in time"), None),
            error => Failure::Later(format!("{host} cannot be reached: {error}"), None),
        })?;
        let verdict = judge(answer.status(), answer.headers(), host);
        // A short answer is read, so that the connection can be used again; what it says is of no interest.
        let mut body = answer.into_body();
        let _ = body.with_config().limit(4 << 10).read_to_vec();
        verdict
    }
}

/// What an answer means.
fn judge(status: StatusCode, headers: &HeaderMap, host: &str) -> Result<(), Failure> {
    let words = match status.as_u16() {
        200..300 => return Ok(()),
        // About what is in it, and nothing else.
        413 | 415 | 422 => {
            return Err(Failure::Refused(format!("{host} does not want what it is told ({status})")));
        }
        400 => format!("{host} answers {status}: does it know the key, and is its clock right?"),
        300..400 => {
            format!("{host} sends us on ({status}), which is not followed: write the address that it names")
        }
        401 | 403 => format!("{host} does not let us in ({status}): does it know the key?"),
        404 | 410 => format!("{host} knows no such address ({status})"),
        _ => format!("{host} answers {status}"),
    };
    let pause = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    Err(Failure::Later(words, pause.map(|seconds| Duration::from_secs(seconds).min(LONGEST_PAUSE))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_means_done_or_never_or_later() {
        let none = HeaderMap::new();
        let check = |status: u16| judge(StatusCode::from_u16(status).unwrap(), &none, "h");
        for status in [200, 201, 202, 204] {
            assert_eq!(check(status), Ok(()));
        }
        for status in [413, 415, 422] {
            assert!(matches!(check(status), Err(Failure::Refused(_))), "{status}");
        }
        for (status, words) in [
            (302, "sends us on"),
            (400, "is its clock right"),
            (401, "does it know the key"),
            (404, "no such address"),
            (405, "answers 405"),
            (408, "answers 408"),
            (429, "answers 429"),
            (500, "answers 500"),
            (503, "answers 503"),
        ] {
            assert!(
                matches!(check(status), Err(Failure::Later(said, None)) if said.contains(words)),
                "{status}"
            );
        }
    }

    #[test]
    fn a_receiver_may_ask_for_a_pause_but_not_for_ever() {
        let pause = |text: &str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            match judge(StatusCode::SERVICE_UNAVAILABLE, &headers, "h") {
                Err(Failure::Later(_, pause)) => pause,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(pause("7"), Some(Duration::from_secs(7)));
        assert_eq!(pause("999999999999"), Some(LONGEST_PAUSE));
        assert_eq!(pause("Wed, 21 Oct 2026 07:28:00 GMT"), None);
        assert_eq!(pause("-1"), None);
    }
}
