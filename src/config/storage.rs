//! What is kept of a passage and for how long: the tables `[evidence]` and `[privacy]`.

use std::time::Duration;

use super::{
    Evidence,
    meaning::{Context, or},
    report::{Problem, Span},
    values::{Keeping, Name, nearest},
};
use crate::fact::privacy::{Mode, Privacy};

/// A shorter key could be guessed, and with it every pseudonym.
const SHORTEST_KEY: usize = 16;

pub(super) fn evidence(context: &Context<'_>) -> Option<Evidence> {
    let placed = context.merged.evidence.as_ref()?;
    let table = placed.get();
    let path = "/var/lib/amslpr/evidence".into();
    or(&table.enabled, false, |on| *on).then(|| Evidence {
        path: or(&table.path, path, |p| context.merged.folder(placed.file).join(&p.0)),
        plate: or(&table.plate, true, |on| *on),
        frame: or(&table.frame, true, |on| *on),
        quality: or(&table.quality, 85, |n| u8::try_from(n.0).unwrap_or(100)),
        retention: or(&table.retention, Some(Duration::from_secs(30 * 86_400)), |keep| keep.0),
        largest: or(&table.largest, 4 << 30, |bytes| bytes.0),
        keep_free: or(&table.keep_free, 512 << 20, |bytes| bytes.0),
    })
}

pub(super) fn privacy(context: &mut Context<'_>) -> Privacy {
    let merged = context.merged;
    let Some(placed) = &merged.privacy else { return Privacy::default() };
    let table = placed.get();
    // Without it plates would have to be kept in the clear, or not at all.
    let key = table.key.as_ref().map(|place| {
        let secret = context.needed_secret(place, placed.file);
        if secret.trouble().is_none() && secret.expose().len() < SHORTEST_KEY {
            let at = Span { file: placed.file, bytes: place.span() };
            context.wrong(
                Problem::new(format!("this key is shorter than {SHORTEST_KEY} characters"))
                    .at(at, "")
                    .help("make one: head -c 32 /dev/urandom | base64"),
            );
        }
        secret
    });
    let mode = match or(&table.mode, Keeping::Full, |word| word.0) {
        Keeping::Full => Mode::Full,
        Keeping::ListedOnly => Mode::ListedOnly,
        Keeping::Pseudonymous => {
            context.needed(&table.key, "key", &placed.span(), "{ credential = \"amslpr.privacy-key\" }");
            // Whoever runs without a key keeps no plate rather than all of them; a report with errors stops it anyway.
            key.map_or(Mode::ListedOnly, Mode::Pseudonymous)
        }
    };
    let lists: Vec<&str> =
        merged.lists.iter().filter_map(|list| Some(list.get().name.as_ref()?.get_ref().0.as_str())).collect();
    for name in &table.never_store {
        let Name(text) = name.get_ref();
        if !lists.contains(&text.as_str()) {
            let at = Span { file: placed.file, bytes: name.span() };
            let help = match nearest(text, lists.iter().copied()) {
                Some(near) => format!("did you mean {near:?}?"),
                None => "name a [[list]] of this configuration".to_owned(),
            };
            context.wrong(Problem::new(format!("there is no list {text:?}")).at(at, "").help(help));
        }
    }
    let never_store = table.never_store.iter().map(|name| name.get_ref().0.clone()).collect();
    Privacy { mode, never_store }
}
