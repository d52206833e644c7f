//! amslpr.toml(5): the manual page of the configuration file, made from the same keys as the file itself.
//!
//! Writes roff; what a key is for stands in `keys`.

use super::keys;

const HEAD: &str = r#".\" Made from src/config/keys.rs: UPDATE=1 cargo test --lib manual::
.TH AMSLPR.TOML 5 "" AMSLPR "File formats"
.SH NAME
amslpr.toml \- configuration of the licence plate reader amslpr
.SH SYNOPSIS
.I /etc/amslpr/amslpr.toml
.br
.I /etc/amslpr/conf.d/*.toml
.SH DESCRIPTION
The files are TOML and are read in the order of their names, the main file first.
A table stands in one file;
.BR [[camera]] ", " [[list]] ", " [[schedule]] ", " [[gate]] " and " [[webhook]]
add up.
A key that is not known is an error, not ignored.
Times and sizes carry their unit, such as
.BR \(dq500ms\(dq ", " \(dq30d\(dq " or " \(dq2\ GiB\(dq .
Relative paths start at the folder of the file that they stand in.
.PP
.B amslpr check
says everything that is wrong, with file, line and column;
.B amslpr config defaults
prints every key with its default, and
.B amslpr config show
what is in force and where it was said.
.PP
.B systemctl reload amslpr
takes a changed configuration and exchanges only what changed.
One that is wrong is refused; the old one stays in use, and the log, the status and the health messages say so.
The path and size of the journal, [evidence], [control], [threads], the engines' order and models, and whether there is
an [mqtt] or an [http] at all are taken at a restart only.
.PP
Secrets never stand in a file.
.BI "{ credential = \(dqamslpr." name "\(dq }"
takes one from systemd's credential store, where it is put by
.BI "systemd\-creds encrypt \-\-name=amslpr." "name " "\- /etc/credstore.encrypted/amslpr." name\fR,
and
.BI "{ file = \(dq" path "\(dq }"
from a file.
.SH KEYS
Where no default is given, the key has none and the value is an example.
"#;

const FOOT: &str = r#".SH EXAMPLE
.nf
[[camera]]
name = "drive\-in"
role = "entry"
[camera.rtsp]
url = "rtsp://192.0.2.17/stream1"
username = "viewer"
password = { credential = "amslpr.drive\-in" }

[[list]]
name = "residents"
kind = "allow"
plates = [{ plate = "B 123 ABC", note = "Anna's van" }]

[[gate]]
name = "north"
cameras = ["drive\-in"]
[gate.gpio]
line = "GPIO17"
.fi
.SH SEE ALSO
.BR amslpr (8),
.BR systemd\-creds (1)
"#;

/// What the text says, safe from roff's own words.
fn plain(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    let lines = text.lines().map(|line| match line.starts_with(['.', '\'']) {
        true => format!("\\&{line}"),
        false => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The whole page.
pub fn manual() -> String {
    let mut page = HEAD.to_owned();
    for table in keys::tables() {
        let several = table.header.starts_with("[[") && !table.path.contains('.');
        let title = match (table.path, several) {
            ("", _) => "Top of the file".to_owned(),
            (path, true) => format!("[[{path}]]"),
            (path, false) => format!("[{path}]"),
        };
        page.push_str(&format!(".SS {}\n", plain(&title)));
        if !table.about.is_empty() {
            page.push_str(&format!("{}\n", plain(table.about)));
        }
        for key in table.keys {
            let (about, default) = match key.about.strip_prefix("For example. ") {
                Some(about) => (about, "Such as"),
                None => (key.about, "Default"),
            };
            page.push_str(&format!(
                ".TP\n.B {}\n{}\n{default}: {}\n",
                plain(key.name),
                plain(about),
                plain(key.value)
            ));
        }
    }
    page.push_str(FOOT);
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_page_names_every_key_of_every_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/debian/man/amslpr.toml.5");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, manual()).unwrap();
        }
        let shipped = std::fs::read_to_string(path).unwrap();
        assert_eq!(shipped, manual(), "made from keys.rs: UPDATE=1 cargo test --lib manual::");
        for table in keys::tables() {
            for key in table.keys {
                let entry = format!(".TP\n.B {}\n", plain(key.name));
                assert!(shipped.contains(&entry), "[{}] {} is not in the page", table.path, key.name);
            }
        }
    }

    #[test]
    fn words_of_roff_in_a_text_are_text() {
        assert_eq!(plain(".SH a\\b\n'x"), "\\&.SH a\\eb\n\\&'x");
    }
}
