//! What is shipped beside the program about its command line: the manual page and the shells' completions.
//!
//! A cross build cannot run the program to make them, so they are kept, and compared here:
//! `UPDATE=1 cargo test --test documents` writes them anew.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::{fs, path::PathBuf};

use clap::CommandFactory as _;
use clap_complete::{Shell, generate};
use clap_mangen::Man;

fn command() -> clap::Command {
    let mut command = amslpr::cli::Cli::command();
    command.build();
    command
}

/// As it is shipped; written anew where that is asked for.
fn check(file: &str, made: &[u8]) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("debian").join(file);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, made).unwrap();
    }
    let shipped = fs::read(&path).unwrap_or_default();
    assert!(
        shipped == made,
        "debian/{file} is not what the command line says: UPDATE=1 cargo test --test documents"
    );
}

const FOOT: &str = r#".SH FILES
.TP
.I /etc/amslpr/amslpr.toml\fR, \fI/etc/amslpr/conf.d/*.toml
The configuration, see
.BR amslpr.toml (5).
.TP
.I /var/lib/amslpr
The journal, its backups and the evidence.
.TP
.I /usr/share/amslpr/models
The networks, with their descriptions.
.TP
.I /run/amslpr/control.sock
Where root and the user amslpr reach the running daemon.
.SH EXIT STATUS
.TP
.B 0
Done, also when no plate was found.
.TP
.B 1
Something could not be read or done.
.TP
.B 64
The command line makes no sense.
.TP
.B 69
No engine can be had.
.TP
.B 78
The configuration has problems, or the journal belongs to another version.
.SH ENVIRONMENT
.TP
.B AMSLPR_LOG
What is logged, whatever the configuration says, such as
.B info,amslpr::track=trace\fR.
.SH SEE ALSO
.BR amslpr.toml (5),
.BR systemctl (1),
.BR journalctl (1)
"#;

/// One page: the program, then each of its commands with its options.
fn page() -> Vec<u8> {
    let command = command();
    let man =
        Man::new(command.clone()).section("8").manual("System administration").date("").source("AMSLPR");
    let mut page = Vec::new();
    man.render_title(&mut page).unwrap();
    man.render_name_section(&mut page).unwrap();
    page.extend_from_slice(b".SH SYNOPSIS\n\\fBamslpr\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR]\n");
    man.render_description_section(&mut page).unwrap();
    page.extend_from_slice(b".SH COMMANDS\n");
    for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
        describe(verb, "amslpr", &mut page);
    }
    page.extend_from_slice(FOOT.as_bytes());
    page
}

fn describe(command: &clap::Command, above: &str, page: &mut Vec<u8>) {
    let name = format!("{above} {}", command.get_name());
    let about = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
    let head = format!(".SS {}\n{}\n", escaped(&name), escaped(&about));
    page.extend_from_slice(head.as_bytes());
    let mut options = Vec::new();
    Man::new(command.clone()).render_options_section(&mut options).unwrap();
    let options = String::from_utf8(options).unwrap();
    let shown = options.lines().filter(|line| !line.starts_with(".SH") && !line.starts_with(".ie"));
    let shown =
        shown.filter(|line| !line.starts_with(".el")).map(|line| format!("{line}\n")).collect::<String>();
    page.extend_from_slice(shown.as_bytes());
    for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
        describe(verb, &name, page);
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-")
}

#[test]
fn the_manual_page_is_the_command_line_s() {
    check("man/amslpr.8", &page());
}

#[test]
fn the_completions_are_the_command_line_s() {
    for (shell, file) in [(Shell::Bash, "amslpr.bash"), (Shell::Zsh, "_amslpr"), (Shell::Fish, "amslpr.fish")]
    {
        let mut made = Vec::new();
        generate(shell, &mut command(), "amslpr", &mut made);
        check(&format!("completions/{file}"), &made);
    }
}
