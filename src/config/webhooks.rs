//! `[[webhook]]`: who is told of facts by HTTP, of which, and how they know that it is us.
//!
//! Reads and checks. Whether a receiver answers is not asked here.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use serde::Deserialize;
use serde_spanned::Spanned;
use toml::Value;
use url::Url;

use super::{
    broker::{AUTHORITIES, pem},
    meaning::Context,
    merge::Placed,
    report::{Problem, Span},
    schema,
    values::HELP,
};
use crate::{
    backoff,
    gate::relay,
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
        // The address itself is not repeated: it may hold a token.
        let url = Url::parse(text.trim())
            .map_err(|error| format!("this is no address: {error}{HELP}for example {example}"))?;
        if !matches!(url.scheme(), "http" | "https") || url.as_str().parse::<ureq::http::Uri>().is_err() {
            return Err(format!(
                "a receiver has an address that begins with http:// or https://, not {}:{HELP}for example {example}",
                url.scheme()
            ));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(format!(
                "user name and password do not belong into the address{HELP}a receiver knows us by the signature"
            ));
        }
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
    let mut names: Vec<(&str, Span)> = Vec::new();
    let mut all = Vec::new();
    for placed in &merged.webhooks {
        let name = context.needed(&placed.get().name, "name", &placed.span(), "\"office\"");
        if let Some(name) = name {
            let (text, span) = (name.get_ref().0.as_str(), Span { file: placed.file, bytes: name.span() });
            match names.iter().find(|(earlier, _)| *earlier == text) {
                Some((_, first)) => context.wrong(
                    Problem::new(format!("two webhooks share the name {text:?}"))
                        .at(span, "second use")
                        .at(first.clone(), "first use")
                        .help("every webhook has a name of its own: by it the journal knows how far its receiver got"),
                ),
                None => names.push((text, span)),
            }
        }
        let settings = webhook(
            context,
            placed,
            retention,
            name.map(|name| name.get_ref().0.clone()).unwrap_or_default(),
        );
        all.extend(settings.filter(|_| name.is_some()));
    }
    all
}

fn webhook(
    context: &mut Context<'_>,
    placed: &Placed<schema::Webhook>,
    retention: Option<Duration>,
    name: String,
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
    let mut time =
        |key: &schema::Key<super::values::Time>, what: &str, default, range: std::ops::RangeInclusive<_>| {
            let Some(written) = key else { return default };
            let time: Duration = written.get_ref().0;
            if !range.contains(&time) {
                let span = Span { file, bytes: written.span() };
                let (least, most) = (range.start(), range.end());
                context
                    .wrong(Problem::new(format!("{what} lies between {least:?} and {most:?}")).at(span, ""));
            }
            time
        };
    let timeout = time(&table.timeout, "a timeout", Duration::from_secs(5), TIMEOUTS);
    let keep = time(
        &table.keep,
        "the time that facts are kept for a receiver",
        Duration::from_secs(3 * 24 * 3600),
        KEEPS,
    );
    if let (Some(written), Some(retention)) = (&table.keep, retention.filter(|retention| *retention < keep)) {
        let span = Span { file, bytes: written.span() };
        let what =
            format!("facts go from the journal after {retention:?}, whoever has not been told of them");
        context.wrong(Problem::warning(what).at(span, "").help("raise [journal] retention, or lower this"));
    }
    let events: BTreeSet<Event> = match &table.events {
        None => [Event::Passage].into(),
        Some(written) => written.get_ref().iter().map(|word| word.get_ref().0).collect(),
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
    let authorities = authorities(context, placed, url)?;
    let url = url.get_ref().0.to_string();
    Some(Settings { name, url, keys: keys?, events, authorities, timeout, keep, retry: RETRY })
}

/// Whom to believe that it is the receiver; the inner `None` where it is called in the clear.
fn authorities(
    context: &mut Context<'_>,
    placed: &Placed<schema::Webhook>,
    url: &Spanned<HookUrl>,
) -> Option<Option<Vec<u8>>> {
    let (file, ca) = (placed.file, &placed.get().ca);
    let at = ca.as_ref().map_or_else(|| placed.span(), |place| Span { file, bytes: place.span() });
    if !url.get_ref().is_secure() {
        if ca.is_some() {
            let problem = Problem::warning("this is of no use: the receiver is called in the clear");
            context.wrong(problem.at(at, "").help("write https:// at the beginning of url"));
        }
        return Some(None);
    }
    let folder = context.merged.folder(file).to_owned();
    let path = ca.as_ref().map_or_else(|| AUTHORITIES.into(), |place| folder.join(&place.get_ref().0));
    let pem = pem(context, &path, at.clone())?;
    if !relay::is_an_authority(&pem) {
        let problem = Problem::new(format!("{}: no certificate in PEM form", path.display()));
        let help = "ca is the file of the authority that signed the receiver's certificate";
        context.wrong(problem.at(at, "").help(help));
        return None;
    }
    Some(Some(pem))
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
