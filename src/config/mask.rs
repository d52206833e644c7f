//! What a report shows of a file: everything but what may be a secret, which does not belong there and is shown to nobody.
//!
//! As long as before, byte for byte, so that places stay where they are. Rather too much is hidden than too little.

use std::ops::Range;

/// Keys whose values are secrets when they are written out instead of naming a place.
const SECRETS: [&str; 4] = ["password", "secret", "token", "key"];
/// The same as a part of an address's query.
const IN_QUERIES: [&str; 6] = ["pass", "pwd", "secret", "token", "key", "sig"];

pub(super) fn masked(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for hidden in written_out(text).into_iter().chain(in_addresses(text)) {
        if let Some(hidden) = bytes.get_mut(hidden) {
            // Line ends stay: the report counts lines.
            hidden.iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b'*');
        }
    }
    // Whole characters were replaced only where a quote, a blank or the like ends them, all of which are one byte.
    String::from_utf8(bytes).unwrap_or_default()
}

/// `password = "..."`, on one line or on several.
fn written_out(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for name in SECRETS {
        for (at, _) in text.match_indices(name) {
            let start = at + name.len();
            let Some(rest) = text.get(start..) else { continue };
            // The key itself may stand in quotes.
            let value = rest.trim_start_matches(['"', '\'']).trim_start_matches([' ', '\t']);
            let Some(value) = value.strip_prefix('=') else { continue };
            let value = value.trim_start_matches([' ', '\t']);
            let quotes = ["\"\"\"", "'''", "\"", "'"];
            let Some(quote) = quotes.into_iter().find(|quote| value.starts_with(quote)) else { continue };
            let from = text.len() - value.len() + quote.len();
            let inside = text.get(from..).unwrap_or_default();
            let ends = |rest: &str| rest.starts_with(quote) || quote.len() == 1 && rest.starts_with('\n');
            let end = inside.char_indices().map(|(at, _)| at).find(|at| inside.get(*at..).is_some_and(ends));
            found.push(from..from + end.unwrap_or(inside.len()));
        }
    }
    found
}

/// User name and password of an address, and what of its query may be a secret.
fn in_addresses(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (at, scheme) in text.match_indices("://") {
        let from = at + scheme.len();
        let rest = text.get(from..).unwrap_or_default();
        let address =
            &rest[..rest.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'')).unwrap_or(rest.len())];
        if let Some(end) = address.rfind('@') {
            found.push(from..from + end);
        }
        let Some(query) = address.find('?') else { continue };
        let mut place = from + query + 1;
        for part in address[query + 1..].split('&') {
            if let Some((name, value)) = part.split_once('=')
                && IN_QUERIES.iter().any(|word| name.to_ascii_lowercase().contains(word))
            {
                let start = place + name.len() + 1;
                found.push(start..start + value.len());
            }
            place += part.len() + 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        let check = |text: &str, shown: &str| assert_eq!(masked(text), shown, "{text}");
        check("password = \"hunter2\"\nnext = 1\n", "password = \"*******\"\nnext = 1\n");
        check("read-token='abc' # why\n", "read-token='***' # why\n");
        check("rtsp = { password=\"ä\", url = \"x\" }", "rtsp = { password=\"**\", url = \"x\" }");
        check("key = \"\"\"\nab\ncd\"\"\"\nx = 1", "key = \"\"\"\n**\n**\"\"\"\nx = 1");
        check("password = \"left open\nx = 1", "password = \"*********\nx = 1");
        check("\"secret\" = 'x'", "\"secret\" = '*'");
        check("password = { credential = \"amslpr.x\" }", "password = { credential = \"amslpr.x\" }");
        check("url = \"rtsp://me:hun/ter2@10.0.0.9/x\"", "url = \"rtsp://***********@10.0.0.9/x\"");
        check("url = \"http://h/r?turn=on&Token=abc&x=1\"", "url = \"http://h/r?turn=on&Token=***&x=1\"");
        check("url = \"rtsp://10.0.0.9/x\"", "url = \"rtsp://10.0.0.9/x\"");
        check("token = 5", "token = 5");
    }

    proptest! {
        #[test]
        fn whatever_is_written_stays_as_long_as_it_was(text in "(password = \"|://|@|key='|\\PC|\n|\"\"\"|\\?|=|&){0,40}") {
            let shown = masked(&text);
            prop_assert_eq!(shown.len(), text.len());
            prop_assert_eq!(shown.lines().count(), text.lines().count());
        }
    }
}
