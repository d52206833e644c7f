//! `[[webhook]]`: who is told of facts by HTTP, of which, and how they know that it is us.
//!
//! Reads and checks. Whether a receiver answers is not asked here.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use serde::Deserialize;
use toml::Value;
use url::Url;

use super::{
    broker,
    meaning::{Context, Names},
    merge::Placed,
    report::{Problem, Span},
    schema,
    values::http_address,
};
use crate::{
    backoff,
    webhook::{Event, Keys, Settings},
};

/// A thread and a connection each.
const MOST: usize = 8;
const TIMEOUTS: std::ops::RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(10);
const KEEPS: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(30 * 24 * 3600);
const RETRY: backoff::Settings =
    backoff::Settings { first: Duration::from_secs(1), longest: Duration::from_secs(300), jitter: 0.5 };

/// The address of a receiver.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct HookUrl(Url);

impl TryFrom<Value> for HookUrl {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let example = "\"https://example.net/amslpr\"";
        let text = value.as_str().ok_or_else(|| format!("expected an address such as {example}"))?;
        let instead = "a receiver knows us by the signature";
        let url = http_address(text.trim(), "a receiver", example, instead)?;
        Ok(Self(url))
    }
}

impl HookUrl {
    fn is_secure(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Plates would cross the network so that everybody on it can read them.
    fn is_in_the_clear(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        !self.is_secure() && !here
    }
}

/// The webhooks of all files. `retention`: facts go from the journal after this long.
pub(super) fn interpret(context: &mut Context<'_>, retention: Option<Duration>) -> Vec<Settings> {
    let merged = context.merged;
    if let Some(more) = merged.webhooks.get(MOST) {
        context.wrong(Problem::new(format!("there may be {MOST} webhooks")).at(more.span(), "one too many"));
    }
    let mut names = Names::default();
    let mut all = Vec::new();
    for placed in &merged.webhooks {
        let name = context.needed(&placed.get().name, "name", &placed.span(), "\"office\"");
        if let Some(name) = name {
            names.take(context, "webhooks", name, placed.file);
        }
        let settings = webhook(context, placed, retention);
        all.extend(
            name.zip(settings)
                .map(|(name, settings)| Settings { name: name.get_ref().0.clone(), ..settings }),
        );
    }
    all
}

/// All of one but its name.
fn webhook(
    context: &mut Context<'_>,
    placed: &Placed<schema::Webhook>,
    retention: Option<Duration>,
) -> Option<Settings> {
    let (file, table, at) = (placed.file, placed.get(), placed.span());
    let url = context.needed(&table.url, "url", &at, "\"https://example.net/amslpr\"");
    let secret = context.needed(&table.secret, "secret", &at, "{ credential = \"amslpr.webhook-secret\" }");
    let keys = secret.and_then(|place| {
        let secret = context.secret(place, file);
        let span = Span { file, bytes: place.span() };
        Keys::new(secret)
            .inspect_err(|error| {
                let help = "make one: echo \"whsec_$(head -c 32 /dev/urandom | base64)\"; the receiver needs the same";
                context.wrong(Problem::new(error.to_string()).at(span, "").help(help));
            })
            .ok()
    });
    let timeout = context.time(file, &table.timeout, "a timeout", Duration::from_secs(5), TIMEOUTS);
    let what = "the time that facts are kept for a receiver";
    let keep = context.time(file, &table.keep, what, Duration::from_secs(3 * 24 * 3600), KEEPS);
    if let (Some(written), Some(retention)) = (&table.keep, retention.filter(|retention| *retention < keep)) {
        let span = Span { file, bytes: written.span() };
        let what =
            format!("facts go from the journal after {retention:?}, whoever has not been told of them");
        context.wrong(Problem::warning(what).at(span, "").help("raise [journal] retention, or lower this"));
    }
    let events: BTreeSet<Event> = match &table.events {
        None => [Event::Passage].into(),
        Some(written) => written.get_ref().iter().map(|word| word.0).collect(),
    };
    if let Some(written) = table.events.as_ref().filter(|written| written.get_ref().is_empty()) {
        let span = Span { file, bytes: written.span() };
        context.wrong(
            Problem::new("this receiver is told of nothing")
                .at(span, "")
                .help("write events = [\"passage\"]"),
        );
    }
    let url = url?;
    let url_at = Span { file, bytes: url.span() };
    if url.get_ref().is_in_the_clear() {
        context.wrong(
            Problem::warning("plates cross the network in the clear")
                .at(url_at, "")
                .help("use https:// if the receiver can"),
        );
    }
    let secure = url.get_ref().is_secure();
    let authorities = broker::authorities(context, file, &table.ca, secure, &at, "receiver");
    let url = url.get_ref().0.to_string();
    Some(Settings { name: String::new(), url, keys: keys?, events, authorities, timeout, keep, retry: RETRY })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config;

    const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    /// The webhooks of a configuration, or what is wrong with it.
    fn load(webhooks: &str) -> Result<(Vec<Settings>, String), String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("amslpr.toml");
        fs::write(folder.path().join("key"), KEY).unwrap();
        fs::write(
            &file,
            if webhooks.contains("[journal]") {
                webhooks.to_owned()
            } else {
                format!("[journal]\npath = \"j.db\"\n{webhooks}")
            },
        )
        .unwrap();
        match config::load_with(&file, None) {
            Ok(loaded) => Ok((loaded.config.webhooks, loaded.report.to_string())),
            Err(report) => Err(report.to_string()),
        }
    }

    const OFFICE: &str = "[[webhook]]\nname = \"office\"\nsecret = { file = \"key\" }\n";

    #[test]
    fn a_webhook_says_who_is_told_of_what() {
        let (hooks, _) = load(&format!("{OFFICE}url = \"http://127.0.0.1:9/x\"\n")).unwrap();
        assert_eq!(hooks.len(), 1);
        assert_eq!((hooks[0].name.as_str(), &hooks[0].events), ("office", &[Event::Passage].into()));
        assert_eq!((hooks[0].timeout, hooks[0].keep), (Duration::from_secs(5), Duration::from_secs(259_200)));
        let text = format!(
            "{OFFICE}url = \"https://example.net/x?token=s3cr3t\"\nevents = [\"gate\", \"decision\"]\nkeep = \"1h\"\ntimeout = \"1s\"\n"
        );
        let (hooks, _) = load(&text).unwrap();
        assert_eq!(hooks[0].events, [Event::Decision, Event::Gate].into());
        assert!(!format!("{hooks:?}").contains("s3cr3t"));
        let (hooks, _) = load(&format!("{OFFICE}url = \"HTTPS://Example.NET:443/\"\n")).unwrap();
        assert_eq!(hooks[0].url, "https://example.net/");
        assert!(hooks[0].authorities.is_some());
    }

    #[test]
    fn what_is_wrong_is_said_with_a_remedy() {
        let check = |text: &str, words: &str| {
            let said = match load(&format!("{OFFICE}{text}")) {
                Ok((_, report)) => report,
                Err(report) => report,
            };
            assert!(said.contains(words), "{text}: {said}");
            assert!(!said.contains("hunter2"), "{said}");
        };
        let url = "url = \"http://127.0.0.1/\"\n";
        check("", "url = \"https://example.net/amslpr\"");
        check("url = \"ftp://example.net/\"\n", "begins with http://");
        check("url = \"http:///x\"\nevents = []\n", "told of nothing");
        check("url = \"https://me:hunter2@example.net/\"\n", "do not belong into the address");
        check("url = \"http://example.net/\"\n", "in the clear");
        check(&format!("{url}ca = \"x.crt\"\n"), "called in the clear");
        check("url = \"https://example.net/\"\nca = \"key\"\n", "no certificate in PEM form");
        check(&format!("{url}events = []\n"), "told of nothing");
        check(&format!("{url}events = [\"passages\"]\n"), "\"passage\"");
        check(&format!("{url}timeout = \"60s\"\n"), "a timeout lies between");
        check(&format!("{url}keep = \"2d\"\n[journal]\nretention = \"1d\"\n"), "facts go from the journal");
        check(&format!("{url}keep = \"1s\"\n"), "kept for a receiver lies between");
        check(&format!("{url}{OFFICE}{url}"), "two webhooks share the name");
        let no_key = "[[webhook]]\nname = \"a\"\nurl = \"http://127.0.0.1/\"\n";
        assert!(load(no_key).unwrap_err().contains("secret = { credential"));
        let many: String = (0..=MOST)
            .map(|n| format!("[[webhook]]\nname = \"w{n}\"\nsecret = {{ file = \"key\" }}\n{url}"))
            .collect();
        assert!(load(&many).unwrap_err().contains("may be 8 webhooks"));
    }
}
