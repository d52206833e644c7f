//! A look at the machine around the daemon, for `amslpr doctor` and `amslpr check`: each finding with its remedy.
//!
//! What can be reached over wires and networks is `reach`'s business, what the service may is `rights`', the Hailo's is
//! `infer::hailo::examine`'s.

use std::path::Path;

use jiff::Timestamp;

use super::{
    board::Board,
    clock_watch::{self, Signs},
};
use crate::{
    config::Config,
    infer::{
        description::Task,
        hailo::examine::{Finding, Verdict},
        model,
    },
};

/// Less free space than this is worth a word; the journal and its images stop below theirs.
const LITTLE: u64 = 1 << 30;
/// Flash memory that has used up this much of its life, in percent.
const WORN: u8 = 80;

/// Does this clock show about the right time, as far as anybody can tell? The rule stands in `clock_watch`.
pub fn is_clock_set(wall: Timestamp, board: &Board) -> bool {
    Signs::of(board).speak_for(wall)
}

/// Everything about the machine itself.
pub fn machine(config: Option<&Config>, board: &Board, wall: Timestamp) -> Vec<Finding> {
    let mut findings = vec![clock(board, wall)];
    if let Some(config) = config {
        findings.push(disk("journal", &config.journal.path));
        findings.extend(config.evidence.as_ref().map(|evidence| disk("images", &evidence.path)));
    }
    findings.extend(board.flash().iter().map(flash));
    findings.extend(power(board));
    findings.push(versions(board));
    findings
}

fn clock(board: &Board, wall: Timestamp) -> Finding {
    let advice = "set it: timedatectl set-ntp true, and see that a time server can be reached; a board without a \
                  battery for its clock starts with the time of its last shutdown";
    if !clock_watch::has_ever_been_set(wall) {
        let words = format!("it says {}: it has never been set", wall.strftime("%F"));
        return Finding::of(Verdict::Bad, "clock", words, advice);
    }
    let battery =
        if board.has_clock() { "there is a clock with a battery" } else { "no clock with a battery" };
    match board.is_time_set() {
        Some(true) => Finding::good("clock", format!("set by a time server; {battery}")),
        Some(false) => Finding::of(
            Verdict::Doubtful,
            "clock",
            match is_clock_set(wall, board) {
                true => format!("no time server has set it yet; {battery}"),
                false => {
                    format!("no time server has set it yet; {battery}: entries bound to times let nobody in")
                }
            },
            advice,
        ),
        None => Finding::good("clock", format!("{}; {battery}", wall.strftime("%F %T UTC"))),
    }
}

/// The disk that this file or folder lies on, or will.
fn disk(what: &'static str, path: &Path) -> Finding {
    let Some(folder) = path.ancestors().skip(1).find(|folder| folder.is_dir()) else {
        let words = format!("there is no folder for {}", path.display());
        return Finding::of(Verdict::Bad, what, words, "name another place in the configuration");
    };
    let place = folder.display();
    match rustix::fs::statvfs(folder) {
        Err(error) => {
            let advice = "look at the disk: dmesg, fsck";
            Finding::of(Verdict::Bad, what, format!("{place} cannot be looked at: {error}"), advice)
        }
        Ok(disk) if disk.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) => {
            let advice =
                "a disk with errors is mounted read-only: dmesg, fsck; an SD card that does so is at its end";
            Finding::of(Verdict::Bad, what, format!("{place} is read-only"), advice)
        }
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            let words = format!("{} MiB free in {place}", free >> 20);
            if free < LITTLE {
                let advice = "make room, or lower [journal] largest, [evidence] largest and the retentions";
                return Finding::of(Verdict::Doubtful, what, words, advice);
            }
            Finding::good(what, words)
        }
    }
}

fn flash(flash: &super::board::Flash) -> Finding {
    let name = &flash.name;
    let advice = "make a backup (amslpr journal backup), and put the system on a new one or on an SSD";
    if flash.at_its_end {
        let words = format!("{name} says that its spare blocks run out");
        return Finding::of(Verdict::Bad, "storage", words, advice);
    }
    match flash.worn_percent {
        Some(worn) if worn >= WORN => {
            let words = format!("{name} has used up {worn} % of its life");
            Finding::of(Verdict::Doubtful, "storage", words, advice)
        }
        Some(worn) => Finding::good("storage", format!("{name} has used up {worn} % of its life")),
        None if flash.is_card => {
            Finding::good("storage", format!("{name} is an SD card; those do not tell their wear"))
        }
        None => Finding::good("storage", format!("{name} does not tell its wear")),
    }
}

fn power(board: &Board) -> Option<Finding> {
    let power = board.power()?;
    let supply = "use the power supply that belongs to the board, and a short cable; cameras on USB may need a hub \
                  with a supply of its own";
    let cooling = "give it a heat sink or a fan, and air";
    Some(match power {
        p if p.under_voltage() => Finding::of(Verdict::Bad, "power", "too little voltage, now", supply),
        p if p.slowed() => Finding::of(Verdict::Bad, "power", "the processor is slowed down, now", cooling),
        p if p.under_voltage_since_start() => {
            Finding::of(Verdict::Doubtful, "power", "there was too little voltage since the start", supply)
        }
        p if p.slowed_since_start() => {
            Finding::of(Verdict::Doubtful, "power", "the processor was slowed down since the start", cooling)
        }
        _ => Finding::good("power", "enough, and cool enough"),
    })
}

fn versions(board: &Board) -> Finding {
    let own = format!("amslpr {}", env!("CARGO_PKG_VERSION"));
    let model = board.model().map(|model| format!(" on {model}")).unwrap_or_default();
    let libraries = board.libraries("libhailort.so");
    if libraries.len() > 1 {
        let words =
            format!("{own}{model}; {} versions of HailoRT: {}", libraries.len(), libraries.join(", "));
        let advice = "leave only the one that belongs to the driver: apt purge the other, remove what was copied by hand";
        return Finding::of(Verdict::Doubtful, "versions", words, advice);
    }
    Finding::good("versions", format!("{own}{model}"))
}

/// The networks' files are there and are those that their descriptions speak of.
pub fn networks(config: Option<&Config>) -> Vec<Finding> {
    let configured = config.and_then(|config| config.engine.models.as_deref());
    let look = |task: Task| {
        let description = model::find(configured)?.description(task)?;
        description.verified_bytes()?;
        Ok::<_, model::ModelError>(format!("{} ({})", description.name, description.file.display()))
    };
    [("detector", Task::Detect), ("reader", Task::Read)]
        .into_iter()
        .map(|(what, task)| match look(task) {
            Ok(words) => Finding::good(what, words),
            // The error says what to do.
            Err(error) => Finding { verdict: Verdict::Bad, what, detail: error.to_string(), advice: None },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// The verdict and the words of what was found about this.
    fn found(findings: &[Finding], what: &str) -> (Verdict, String) {
        let finding = findings.iter().find(|finding| finding.what == what).unwrap();
        assert_eq!(
            finding.verdict == Verdict::Good,
            finding.advice.is_none(),
            "{finding:?}: says what to do"
        );
        (finding.verdict, finding.detail.clone())
    }

    #[test]
    fn each_trouble_of_a_board_is_found_with_its_remedy() {
        let check = |files: &[(&str, &str)], wall: i64, what: &str, verdict: Verdict, words: &str| {
            let folder = tempfile::tempdir().unwrap();
            for (path, text) in files {
                let path = folder.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            let (found, detail) = found(&machine(None, &Board::at(folder.path()), at(wall)), what);
            assert!(found == verdict && detail.contains(words), "{what}: {found:?} {detail}");
        };
        let now = clock_watch::BIRTH + 1000;
        check(&[], 12, "clock", Verdict::Bad, "1970-01-01: it has never been set");
        check(&[("run/systemd/timesync/clock", "")], now, "clock", Verdict::Doubtful, "no time server");
        check(
            &[("run/systemd/timesync/synchronized", "")],
            now,
            "clock",
            Verdict::Good,
            "set by a time server",
        );
        let throttled = "sys/bus/platform/devices/soc:firmware/get_throttled";
        check(&[(throttled, "1")], now, "power", Verdict::Bad, "too little voltage, now");
        check(&[(throttled, "4")], now, "power", Verdict::Bad, "slowed down, now");
        check(&[(throttled, "50000")], now, "power", Verdict::Doubtful, "since the start");
        check(&[(throttled, "0")], now, "power", Verdict::Good, "enough");
        let life = "sys/block/mmcblk0/device/life_time";
        check(&[(life, "0x09 0x01")], now, "storage", Verdict::Doubtful, "90 %");
        check(&[(life, "0x01 0x01")], now, "storage", Verdict::Good, "10 %");
        check(
            &[("sys/block/mmcblk0/device/pre_eol_info", "0x03")],
            now,
            "storage",
            Verdict::Bad,
            "spare blocks",
        );
        let two = [("usr/lib/libhailort.so.4.20.0", ""), ("usr/lib/libhailort.so.4.21.0", "")];
        check(&two, now, "versions", Verdict::Doubtful, "2 versions of HailoRT");
    }

    #[test]
    fn the_shipped_networks_are_found_whole() {
        let findings = networks(None);
        assert!(findings.iter().all(|finding| finding.verdict == Verdict::Good), "{findings:?}");
    }

    #[test]
    fn a_disk_is_found_by_what_lies_on_it() {
        let folder = tempfile::tempdir().unwrap();
        let finding = disk("journal", &folder.path().join("not/yet/j.db"));
        assert!(finding.detail.contains("MiB free in"), "{finding:?}");
    }
}
