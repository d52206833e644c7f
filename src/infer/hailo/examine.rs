//! A look at everything between the PCIe slot and a result, for `amslpr doctor hailo`: each finding with its remedy.
//!
//! In two halves: [`outside`] reads what the system shows and never touches the library; [`inside`] calls it, and
//! belongs into a process of its own, because the library can abort it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{
    Settings,
    crashes::Crashes,
    device::{self, Fault},
    problem::{self, Problem},
    session::Session,
    telemetry::Telemetry,
    watch::sense,
};
use crate::clock::Clock;

/// How a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Good,
    /// It works, but could be better.
    Doubtful,
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub verdict: Verdict,
    pub what: &'static str,
    pub detail: String,
    /// What to do about it.
    pub advice: Option<String>,
}

impl Finding {
    pub fn good(what: &'static str, detail: impl Into<String>) -> Self {
        Self { verdict: Verdict::Good, what, detail: detail.into(), advice: None }
    }

    pub fn of(verdict: Verdict, what: &'static str, detail: impl Into<String>, advice: &str) -> Self {
        Self { verdict, what, detail: detail.into(), advice: Some(advice.to_owned()) }
    }
}

/// Where the system shows its devices; tests have their own.
#[derive(Debug, Clone)]
pub struct System {
    pub sys: PathBuf,
    pub dev: PathBuf,
}

impl Default for System {
    fn default() -> Self {
        Self { sys: "/sys".into(), dev: "/dev".into() }
    }
}

/// Numbers of Hailo and its chips on the PCI bus.
const VENDOR: &str = "0x1e60";
const CHIPS: [(&str, &str); 2] = [("0x2864", "Hailo-8 or 8L"), ("0x45c4", "Hailo-10H")];
const MODULES: [&str; 2] = ["hailo_pci", "hailo1x_pci"];

/// Slot, driver, device node, files: what can be known without the library.
pub fn outside(settings: &Settings, system: &System, wall: i64) -> Vec<Finding> {
    let mut findings = vec![slot(system)];
    findings.extend(driver(system));
    findings.push(node(system));
    findings.extend(files(settings));
    if let Some(file) = &settings.crash_file {
        let crashes = Crashes::open(file, wall);
        findings.push(match crashes.recent() {
            0 => Finding::good("crashes", "none in the last ten minutes"),
            many => {
                let words = Problem::Crashes(many).to_string();
                let verdict = if crashes.too_many() { Verdict::Bad } else { Verdict::Doubtful };
                let advice =
                    format!("remove {} to have the Hailo tried again at the next start", file.display());
                Finding::of(verdict, "crashes", words, &advice)
            }
        });
    }
    findings
}

fn read(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

fn slot(system: &System) -> Finding {
    let devices = fs::read_dir(system.sys.join("bus/pci/devices")).into_iter().flatten().flatten();
    let mut hailos = devices.filter(|d| read(&d.path().join("vendor")).as_deref() == Some(VENDOR));
    let Some(device) = hailos.next() else {
        let advice = "is the HAT seated and its ribbon in? on a Pi 5 PCIe must be on (dtparam=pciex1); `lspci -d \
                      1e60:` must show it";
        return Finding::of(Verdict::Bad, "slot", "no Hailo on the PCI bus", advice);
    };
    let number = read(&device.path().join("device")).unwrap_or_default();
    let place = device.file_name().to_string_lossy().into_owned();
    let chip = CHIPS.iter().find(|(of, _)| *of == number).map_or("unknown chip", |(_, name)| *name);
    let speed = read(&device.path().join("current_link_speed")).unwrap_or_default();
    if speed.starts_with("2.5") || speed.starts_with("5.0") {
        let advice =
            "an AI Kit on a Pi 5 needs dtparam=pciex1_gen=3 in /boot/firmware/config.txt for full speed";
        return Finding::of(Verdict::Doubtful, "slot", format!("{chip} at {place}, {speed}"), advice);
    }
    Finding::good("slot", format!("{chip} at {place} {speed}").trim_end().to_owned())
}

fn driver(system: &System) -> Vec<Finding> {
    let is_loaded = |name: &&str| system.sys.join("module").join(name).exists();
    let loaded: Vec<&str> = MODULES.into_iter().filter(is_loaded).collect();
    match loaded.as_slice() {
        [] => vec![Finding::of(
            Verdict::Bad,
            "driver",
            "not loaded",
            "sudo apt install dkms hailo-all, then reboot; `dmesg | grep hailo` says why if it stays away",
        )],
        [one] => {
            let version = read(&system.sys.join("module").join(one).join("version"));
            vec![Finding::good(
                "driver",
                format!("{one} {}", version.unwrap_or_default()).trim_end().to_owned(),
            )]
        }
        both => vec![Finding::of(
            Verdict::Bad,
            "driver",
            format!("{} are loaded together", both.join(" and ")),
            "hailo_pci is for the 8 and 8L, hailo1x_pci for the 10H: remove the packages of the other one and reboot",
        )],
    }
}

fn node(system: &System) -> Finding {
    let entries = fs::read_dir(&system.dev).into_iter().flatten().flatten().map(|e| e.path());
    let is_hailo = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let number = name.strip_prefix("hailo").or_else(|| name.strip_prefix("h1x-"));
        number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    let Some(path) = entries.into_iter().find(is_hailo) else {
        let advice = "the driver makes /dev/hailo0 when it finds the chip; is it loaded?";
        return Finding::of(Verdict::Bad, "device node", "there is none", advice);
    };
    let shown = path.display().to_string();
    match fs::OpenOptions::new().read(true).write(true).open(&path) {
        Ok(_) => Finding::good("device node", format!("{shown} can be opened")),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Finding::of(
            Verdict::Bad,
            "device node",
            format!("{shown} may not be opened by this user"),
            "run this as the service's user (sudo -u amslpr); for the service itself its package brings a udev rule: \
             `sudo udevadm control --reload && sudo udevadm trigger`",
        ),
        Err(error) => Finding::of(
            Verdict::Doubtful,
            "device node",
            format!("{shown} cannot be opened: {error}"),
            "another program may have it: `sudo fuser -v /dev/hailo*`",
        ),
    }
}

fn files(settings: &Settings) -> Vec<Finding> {
    if settings.networks.is_empty() {
        return vec![Finding::of(
            Verdict::Bad,
            "networks",
            "no HEF that something describes is configured, and there is no detector.hef or reader.hef among the models",
            "name them in [engine.hailo], or compile ours: see models/hailo/README.md",
        )];
    }
    let mut findings = Vec::new();
    for network in &settings.networks {
        let what = if network.description.task.as_str() == "detect" { "detector" } else { "reader" };
        for file in &network.hefs {
            let shown = file.display();
            findings.push(match network.vet(file) {
                Ok(container) => {
                    let compiler =
                        container.compiler.map(|v| format!(" by compiler {v}")).unwrap_or_default();
                    let (model, target) = (&network.description.name, container.target);
                    Finding::good(what, format!("{shown}: {model}, compiled for {target}{compiler}"))
                }
                Err(error) => {
                    let advice = "the file never reaches HailoRT as it is";
                    Finding::of(Verdict::Bad, what, format!("{shown}: {error}"), advice)
                }
            });
        }
    }
    findings
}

/// Library, chip, sensors, and a picture through every network. Says each finding as soon as it is known.
pub fn inside(settings: &Settings, system: &System, clock: &Arc<dyn Clock>, mut say: impl FnMut(Finding)) {
    let library = match device::open_library(settings.library.as_deref()) {
        Ok(library) => library,
        Err(error) => {
            let advice = "without it the CPU does all the work";
            return say(Finding::of(Verdict::Bad, "library", error.to_string(), advice));
        }
    };
    say(Finding::good("library", format!("HailoRT {} at {}", library.version, library.path)));
    let versions = MODULES.iter().filter_map(|m| read(&system.sys.join("module").join(m).join("version")));
    if let Some(driver) = versions.into_iter().find(|driver| *driver != library.version.to_string()) {
        say(Finding::of(
            Verdict::Bad,
            "versions",
            format!("the driver is {driver}, the library {}", library.version),
            "both must be of one release: reboot after an upgrade; if that does not help, install one release of both",
        ));
    }
    let telemetry = Arc::new(Telemetry::default());
    let opened = Session::open(library, settings, false, clock, &telemetry);
    if let Some(chip) = telemetry.snapshot(clock.now()).chip {
        say(Finding::good(
            "chip",
            format!("{}, firmware {}, serial {}", chip.name, chip.firmware, chip.serial),
        ));
    }
    let session = match opened {
        Ok(session) => session,
        Err(problem) => return say(refused(&problem, library)),
    };
    say_sensors(&session, &mut say);
    for (line, network) in session.lines.iter().zip(&settings.networks) {
        let what = if network.description.task.as_str() == "detect" { "detector" } else { "reader" };
        let began = clock.now();
        const ROUNDS: u32 = 20;
        let ran = (0..ROUNDS).try_for_each(|_| line.try_out(network, clock.now() + Duration::from_secs(2)));
        let each = clock.now().since(began).as_secs_f64() * 1e3 / f64::from(ROUNDS);
        say(match ran {
            Ok(()) => Finding::good(
                what,
                format!(
                    "{} gives what its description says, {each:.1} ms a picture",
                    network.description.name
                ),
            ),
            Err(problem) => refused(&problem, library),
        });
    }
    if !session.close() {
        say(Finding::of(Verdict::Bad, "chip", Problem::Stuck.to_string(), "reboot"));
    }
}

fn say_sensors(session: &Session, say: &mut impl FnMut(Finding)) {
    let sensors = sense(&session.device);
    if let Some(c) = sensors.temperature {
        say(match c {
            c if c >= 95.0 => Finding::of(
                Verdict::Bad,
                "temperature",
                format!("{c:.0} \u{b0}C"),
                "from about 104 \u{b0}C on it slows down, at 120 it stops: a heat sink, a fan, less in the box",
            ),
            c => Finding::good("temperature", format!("{c:.0} \u{b0}C")),
        });
    }
    if sensors.throttling == Some(true) {
        let advice = "it runs slower because it is too hot: improve its cooling";
        say(Finding::of(Verdict::Doubtful, "throttling", "active", advice));
    }
    if let Some(mhz) = sensors.clock_mhz {
        say(Finding::good("clock", format!("{mhz} MHz")));
    }
    match sensors.power_w {
        Some(watts) => say(Finding::good("power", format!("{watts:.1} W"))),
        None => say(Finding::good("power", "this board cannot measure it")),
    }
}

fn refused(problem: &Problem, library: &hailort_sys::Library) -> Finding {
    let mut detail = match problem {
        Problem::Fault { fault: Fault { call, status } } => format!("{call}: {status}"),
        other => other.to_string(),
    };
    let Some(status) = problem.status() else {
        return Finding { verdict: Verdict::Bad, what: "chip", detail, advice: None };
    };
    if let Some(words) = device::words(library, status) {
        detail.push_str(&format!(" ({words})"));
    }
    Finding::of(Verdict::Bad, "chip", detail, problem::advice(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A system that shows these files, each with its contents.
    fn system(files: &[(&str, &str)]) -> (tempfile::TempDir, System) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let system = System { sys: folder.path().join("sys"), dev: folder.path().join("dev") };
        (folder, system)
    }

    fn check(files: &[(&str, &str)], what: &str, verdict: Verdict, words: &[&str]) {
        let (_folder, system) = system(files);
        let findings = outside(&Settings::default(), &system, 0);
        let finding = findings.iter().find(|f| f.what == what).unwrap();
        let said = format!("{} {}", finding.detail, finding.advice.as_deref().unwrap_or_default());
        assert_eq!(finding.verdict, verdict, "{said}");
        for word in words {
            assert!(said.contains(word), "{said:?} lacks {word:?}");
        }
    }

    #[test]
    fn a_machine_without_a_hailo_is_told_to_look_at_slot_and_driver() {
        check(&[], "slot", Verdict::Bad, &["no Hailo on the PCI bus", "lspci"]);
        check(&[], "driver", Verdict::Bad, &["not loaded", "apt install dkms hailo-all"]);
        check(&[], "device node", Verdict::Bad, &["there is none"]);
        check(&[], "networks", Verdict::Bad, &["[engine.hailo]"]);
        // The node of another kind of device is none of a Hailo.
        check(&[("dev/hailort", ""), ("dev/video0", "")], "device node", Verdict::Bad, &["there is none"]);
    }

    #[test]
    fn chip_driver_and_node_are_named() {
        let slot = "sys/bus/pci/devices/0000:01:00.0";
        let files = |speed| {
            [
                (format!("{slot}/vendor"), "0x1e60"),
                (format!("{slot}/device"), "0x2864"),
                (format!("{slot}/current_link_speed"), speed),
            ]
        };
        let show = |speed, verdict, words: &[&str]| {
            let files = files(speed);
            let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
            check(&files, "slot", verdict, words);
        };
        show("8.0 GT/s PCIe", Verdict::Good, &["Hailo-8 or 8L", "0000:01:00.0"]);
        show("5.0 GT/s PCIe", Verdict::Doubtful, &["pciex1_gen=3"]);
        let module = [("sys/module/hailo_pci/version", "4.23.0\n")];
        check(&module, "driver", Verdict::Good, &["hailo_pci 4.23.0"]);
        let both = [("sys/module/hailo_pci/version", "4.23.0"), ("sys/module/hailo1x_pci/version", "5.1.1")];
        check(&both, "driver", Verdict::Bad, &["hailo_pci and hailo1x_pci are loaded together"]);
        for node in ["dev/hailo0", "dev/h1x-0"] {
            check(&[(node, "")], "device node", Verdict::Good, &[node]);
        }
    }

    #[test]
    fn without_the_library_there_is_nothing_more_to_look_at() {
        let (_folder, system) = system(&[]);
        let clock: Arc<dyn Clock> = Arc::new(crate::clock::ManualClock::at(jiff::Timestamp::UNIX_EPOCH));
        let settings = Settings { library: Some("/nowhere/libhailort.so".into()), ..Settings::default() };
        let mut said = Vec::new();
        inside(&settings, &system, &clock, |finding| said.push(finding));
        assert_eq!((said.len(), said[0].what, said[0].verdict), (1, "library", Verdict::Bad));
    }
}
