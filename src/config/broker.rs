//! What `[mqtt]` means: where the broker is, how it is talked to, and who else is told or may ask.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_spanned::Spanned;

use super::{
    Mqtt,
    meaning::{Context, or},
    merge::Placed,
    report::{FileId, Problem, Span},
    schema::{self, Key},
    values::Place,
};
use crate::{
    caller,
    publish::{ClientCertificate, HomeAssistant, Part, Tls},
};

/// Where Debian keeps the authorities that browsers trust.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// A larger file holds no certificates.
const LARGEST_PEM: u64 = 4 << 20;

pub(super) fn interpret(context: &mut Context<'_>) -> Option<Mqtt> {
    let placed = context.merged.mqtt.as_ref()?;
    let (table, at) = (placed.get(), placed.span());
    let host = context.needed(&table.host, "host", &at, "\"localhost\"");
    if let Some(host) = host {
        check_host(context, placed, host);
    }
    let prefix = or(&table.prefix, "amslpr".to_owned(), Clone::clone);
    topic(context, placed, &table.prefix);
    let discovery_prefix = or(&table.discovery_prefix, "homeassistant".to_owned(), Clone::clone);
    topic(context, placed, &table.discovery_prefix);
    let password = table.password.as_ref().map(|place| context.secret(place, placed.file));
    if table.password.is_some() {
        context.needed(&table.username, "username", &at, "\"amslpr\"");
    }
    let keep_alive = or(&table.keep_alive, Duration::from_secs(30), |t| t.0);
    if let Some(written) = &table.keep_alive
        && !(Duration::from_secs(5)..=Duration::from_secs(3600)).contains(&keep_alive)
    {
        let span = Span { file: placed.file, bytes: written.span() };
        context.wrong(Problem::new("a keep-alive lies between 5 s and 1 h").at(span, ""));
    }
    let secure = or(&table.tls, false, |on| *on);
    let tls = tls(context, placed, secure);
    if let (Some(host), Some(written), false) = (host, &table.password, secure)
        && !is_this_machine(host.get_ref())
    {
        let span = Span { file: placed.file, bytes: written.span() };
        context.wrong(
            Problem::warning("this password crosses the network in the clear")
                .at(span, "")
                .help("write tls = true if the broker can"),
        );
    }
    if let (Some(host), Some(written)) = (host, table.commands.as_ref().filter(|on| *on.get_ref()))
        && table.username.is_none()
        && table.certificate.is_none()
        && !is_this_machine(host.get_ref())
    {
        let span = Span { file: placed.file, bytes: written.span() };
        context.wrong(
            Problem::warning("a broker that lets us in without a name may let others in who then command us")
                .at(span, "")
                .help("give everybody a name and a role there: config/mosquitto/ shows how"),
        );
    }
    let evidence = context.merged.evidence.as_ref();
    let keeps_images = evidence.is_some_and(|placed| or(&placed.get().enabled, false, |on| *on));
    if let Some(written) = table.images.as_ref().filter(|on| *on.get_ref() && !keeps_images) {
        let span = Span { file: placed.file, bytes: written.span() };
        context.wrong(
            Problem::warning("no picture will be published: none is kept")
                .at(span, "")
                .help("write enabled = true in [evidence]; its pictures are the ones that are published"),
        );
    }
    let usual_port = if secure { 8883 } else { 1883 };
    Some(Mqtt {
        host: host?.get_ref().clone(),
        port: or(&table.port, usual_port, |n| u16::try_from(n.0).unwrap_or(u16::MAX)),
        client_id: or(&table.client_id, "amslpr".to_owned(), |name| name.0.clone()),
        username: table.username.as_ref().map(|name| name.get_ref().clone()),
        password,
        tls,
        prefix,
        keep_alive,
        commands: or(&table.commands, false, |on| *on),
        images: or(&table.images, false, |on| *on),
        home_assistant: or(&table.home_assistant, HomeAssistant::Untouched, |on| match on {
            true => HomeAssistant::Announced,
            false => HomeAssistant::Removed,
        }),
        discovery_prefix,
    })
}

fn check_host(context: &mut Context<'_>, placed: &Placed<schema::Mqtt>, host: &Spanned<String>) {
    let name = host.get_ref();
    let is_v6 = name.parse::<std::net::Ipv6Addr>().is_ok();
    if name.is_empty() || name.contains([':', '/', ' ', '@', '[']) && !is_v6 {
        let span = Span { file: placed.file, bytes: host.span() };
        context.wrong(
            Problem::new(format!("{name:?} is no name or address of a machine"))
                .at(span, "")
                .help("write host = \"broker.local\"; the port has a key of its own"),
        );
    } else if is_v6 && or(&placed.get().tls, false, |on| *on) {
        let span = Span { file: placed.file, bytes: host.span() };
        context.wrong(
            Problem::new("with tls = true the broker is called by a name or an IPv4 address")
                .at(span, "")
                .help("use a name that the broker's certificate holds, such as \"broker.local\""),
        );
    }
}

fn topic(context: &mut Context<'_>, placed: &Placed<schema::Mqtt>, written: &Key<String>) {
    if let Some(written) = written
        && !is_topic(written.get_ref())
    {
        let span = Span { file: placed.file, bytes: written.span() };
        context.wrong(
            Problem::new(format!("{:?} cannot begin a topic", written.get_ref()))
                .at(span, "")
                .help("use names separated by \"/\", without +, # and $, such as \"site-7/amslpr\""),
        );
    }
}

fn tls(context: &mut Context<'_>, placed: &Placed<schema::Mqtt>, secure: bool) -> Option<Tls> {
    let (table, file) = (placed.get(), placed.file);
    if !secure {
        let given = [
            table.ca.as_ref().map(Spanned::span),
            table.certificate.as_ref().map(Spanned::span),
            table.key.as_ref().map(Spanned::span),
        ];
        if let Some(bytes) = given.into_iter().flatten().next() {
            context.wrong(
                Problem::new("this is of no use without TLS: everything would be sent in the clear")
                    .at(Span { file, bytes }, "")
                    .help("add tls = true"),
            );
        }
        return None;
    }
    let at = |key: &Key<Place>| {
        key.as_ref().map_or_else(|| placed.span(), |place| Span { file, bytes: place.span() })
    };
    let folder = context.merged.folder(file).to_owned();
    let place = |key: &Key<Place>| key.as_ref().map(|place| folder.join(&place.get_ref().0));
    let ca = place(&table.ca).unwrap_or_else(|| PathBuf::from(AUTHORITIES));
    let authorities = pem(context, &ca, at(&table.ca));
    let client = match (place(&table.certificate), &table.key) {
        (Some(path), Some(key)) => {
            let certificates = pem(context, &path, at(&table.certificate));
            let key = context.secret(key, file);
            Some(ClientCertificate { certificates: certificates?, key })
        }
        (None, None) => None,
        (Some(_), None) => {
            context.needed(&table.key, "key", &placed.span(), "{ credential = \"amslpr.mqtt-key\" }");
            None
        }
        (None, Some(_)) => {
            context.needed(&table.certificate, "certificate", &placed.span(), "\"/etc/amslpr/mqtt.crt\"");
            None
        }
    };
    let tls = Tls { authorities: authorities?, authorities_from: ca.display().to_string(), client };
    // Without its key there is nothing to check; the publisher says so.
    if tls.trouble().is_none()
        && let Err(error) = tls.check()
    {
        let (span, help) = match error.part {
            Part::Authorities => {
                (at(&table.ca), "ca is the file of the authority that signed the broker's certificate")
            }
            Part::Certificate => {
                (at(&table.certificate), "certificate is ours in PEM form, then those up to its authority")
            }
            Part::Key => {
                let bytes = table.key.as_ref().map_or(0..0, Spanned::span);
                (Span { file, bytes }, "key is the certificate's private key in PEM form, without a password")
            }
        };
        context.wrong(Problem::new(error.to_string()).at(span, "").help(help));
        return None;
    }
    Some(tls)
}

/// Whom to believe that it is the one that is called by HTTP (`who`, in a word); `None` where it is called in the clear,
/// and where what is wrong was said.
pub(super) fn authorities(
    context: &mut Context<'_>,
    file: FileId,
    ca: &Key<Place>,
    secure: bool,
    table: &Span,
    who: &str,
) -> Option<Vec<u8>> {
    let at = ca.as_ref().map_or_else(|| table.clone(), |place| Span { file, bytes: place.span() });
    if !secure {
        if ca.is_some() {
            let problem = Problem::warning(format!("this is of no use: the {who} is called in the clear"));
            context.wrong(problem.at(at, "").help("write https:// at the beginning of url"));
        }
        return None;
    }
    let folder = context.merged.folder(file).to_owned();
    let path = ca.as_ref().map_or_else(|| AUTHORITIES.into(), |place| folder.join(&place.get_ref().0));
    let pem = pem(context, &path, at.clone())?;
    if !caller::is_an_authority(&pem) {
        let problem = Problem::new(format!("{}: no certificate in PEM form", path.display()));
        let help = format!("ca is the file of the authority that signed the {who}'s certificate");
        context.wrong(problem.at(at, "").help(help));
    }
    Some(pem)
}

pub(super) fn pem(context: &mut Context<'_>, path: &Path, at: Span) -> Option<Vec<u8>> {
    let read = || {
        let mut bytes = Vec::new();
        // The kind first: opening a fifo would wait for a writer for ever.
        if !std::fs::metadata(path)?.is_file() {
            return Err(std::io::Error::other("not a regular file"));
        }
        File::open(path)?.take(LARGEST_PEM).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read()
        .inspect_err(|error| {
            let problem = Problem::new(format!("{} cannot be read: {error}", path.display()));
            context
                .wrong(problem.at(at, "").help("it must exist and be readable by the user of the service"));
        })
        .ok()
}

/// What is sent there does not leave this machine.
fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

pub(super) fn is_topic(prefix: &str) -> bool {
    !prefix.is_empty()
        && prefix.len() <= 200
        && !prefix.starts_with('$')
        && prefix.split('/').all(|part| !part.is_empty())
        && !prefix.contains(['+', '#', '\0'])
}
