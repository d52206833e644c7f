//! What `[http]` means: where the API is served, behind what, and whose tokens are known.

use std::net::{Ipv4Addr, SocketAddr};

use serde::Deserialize;
use serde_spanned::Spanned;
use toml::Value;

use super::{
    Http, broker,
    meaning::{Context, or},
    report::{Problem, Span},
    schema::Key,
    secret::SecretPlace,
    values::HELP,
};
use crate::api::{Role, Tls, TlsError, Tokens};

/// Where it is served unless somewhere else is named: on this machine only.
const USUAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 5001);

/// An address with its port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct ListenWord(pub SocketAddr);

impl TryFrom<Value> for ListenWord {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let examples = "\"127.0.0.1:5001\", \"0.0.0.0:5001\" or \"[::1]:5001\"";
        let text = value.as_str().ok_or_else(|| format!("expected an address such as {examples}"))?;
        let address = text.parse::<SocketAddr>().map_err(|_| {
            format!("{text:?} is no address with a port{HELP}write it in numbers, such as {examples}")
        })?;
        Ok(Self(address))
    }
}

pub(super) fn interpret(context: &mut Context<'_>) -> Option<Http> {
    let placed = context.merged.http.as_ref()?;
    let (table, file) = (placed.get(), placed.file);
    let listen = or(&table.listen, USUAL, |word| word.0);
    let mut tokens = Tokens::default();
    let mut missing = None;
    for (key, role) in [(&table.read_token, Role::Read), (&table.operate_token, Role::Operate)] {
        let Some(place) = key else { continue };
        let at = Span { file, bytes: place.span() };
        let secret = context.secret(place, file);
        missing = missing.or_else(|| secret.trouble().map(str::to_owned));
        // One a line, so that each user can have another one.
        for token in secret.expose().lines().map(str::trim).filter(|line| !line.is_empty()) {
            if token.len() < Tokens::SHORTEST || token.contains(char::is_whitespace) {
                let least = Tokens::SHORTEST;
                let what = format!("a token has {least} characters or more, and no blanks");
                let help = "make one: head -c 32 /dev/urandom | base64";
                context.wrong(Problem::new(what).at(at.clone(), "").help(help));
                break;
            }
            tokens.add(role, token);
        }
    }
    let tls = tls(context);
    if let (Some(written), None, false) = (&table.listen, &tls, listen.ip().is_loopback())
        && table.certificate.is_none()
    {
        let span = Span { file, bytes: written.span() };
        context.wrong(
            Problem::warning("plates and tokens cross the network in the clear").at(span, "").help(
                "name a certificate and its key, or listen on 127.0.0.1 behind a proxy that speaks TLS",
            ),
        );
    }
    if listen.port() == 0 {
        let span = Span { file, bytes: table.listen.as_ref().map_or(0..0, Spanned::span) };
        context.wrong(Problem::new("nobody would know a port that is chosen by chance").at(span, ""));
    }
    Some(Http {
        listen,
        tls,
        tokens,
        missing,
        rate: or(&table.rate, 50, |n| n.0),
        connections: or(&table.connections, 128, |n| n.0 as usize),
        listeners: or(&table.listeners, 64, |n| n.0 as usize),
    })
}

fn tls(context: &mut Context<'_>) -> Option<Tls> {
    let placed = context.merged.http.as_ref()?;
    let (table, file) = (placed.get(), placed.file);
    let (certificate, key): (_, &Key<SecretPlace>) = match (&table.certificate, &table.key) {
        (None, None) => return None,
        (Some(certificate), Some(_)) => (certificate, &table.key),
        (Some(_), None) => {
            context.needed(&table.key, "key", &placed.span(), "{ credential = \"amslpr.http-key\" }");
            return None;
        }
        (None, Some(_)) => {
            context.needed(&table.certificate, "certificate", &placed.span(), "\"/etc/amslpr/http.crt\"");
            return None;
        }
    };
    let at = Span { file, bytes: certificate.span() };
    let path = context.merged.folder(file).join(&certificate.get_ref().0);
    let certificates = broker::pem(context, &path, at.clone());
    let key_at = Span { file, bytes: key.as_ref().map_or(0..0, Spanned::span) };
    let key = key.as_ref().map(|key| context.secret(key, file));
    let tls = Tls { certificates: certificates?, key: key? };
    // Without its key nobody is served, and certainly not in the clear.
    if tls.key.trouble().is_none()
        && let Err(error) = tls.check()
    {
        let (at, help) = match &error {
            TlsError::Certificate(_) => (at, "ours in PEM form, then those up to its authority"),
            TlsError::Key(_) => (key_at, "the certificate's private key in PEM form, without a password"),
        };
        context.wrong(Problem::new(error.to_string()).at(at, "").help(help));
        return None;
    }
    Some(tls)
}

#[cfg(test)]
mod tests;
