//! Why the Hailo does not work, in words, with what to do about it.

use std::{path::PathBuf, time::Duration};

use hailort_sys::{OpenError, Remedy, Status};

use super::{
    crashes,
    device::{Fault, StreamError},
    hef::HefError,
};

/// Why the Hailo cannot be used, or not any more.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    #[error("{0}")]
    Library(OpenError),
    #[error("{fault}; {}", advice(.fault.status))]
    Fault { fault: Fault },
    #[error("the driver shows no Hailo; {NO_DEVICE}")]
    Nobody,
    #[error(
        "this is a {chip}, which does not infer through HailoRT's C interface in any release up to 5.2; the CPU does \
         its work"
    )]
    NoInference { chip: &'static str },
    #[error("{}: {error}", .file.display())]
    Hef { file: PathBuf, error: HefError },
    #[error("{}: {mismatch}; correct the description or use the HEF it was written for", .file.display())]
    Mismatch { file: PathBuf, mismatch: String },
    #[error("no result came back for {:.1} s; it is taken down and opened again", .0.as_secs_f32())]
    Silent(Duration),
    #[error("it gave {0} results in a row that make no sense; it is taken down and opened again")]
    Garbled(u32),
    #[error(
        "the process died {0} times within {minutes} minutes while HailoRT was at work, so it is left alone for now; \
         look for \"hailo\" in `journalctl -k` and run `amslpr doctor hailo`; a restart after {minutes} minutes tries it again",
        minutes = crashes::WITHIN.as_secs() / 60
    )]
    Crashes(usize),
    #[error("a call into HailoRT does not return; the service has to be restarted")]
    Stuck,
    #[error("its threads could not be started: {0}")]
    Threads(std::io::Error),
}

const NO_DEVICE: &str = "is the HAT seated, the driver installed (`sudo apt install hailo-all`) and the machine rebooted \
                         since? `lspci -d 1e60:` must show it";

impl Problem {
    pub fn of(error: StreamError, file: PathBuf) -> Self {
        match error {
            StreamError::Fault(fault) => fault.into(),
            StreamError::Shape(mismatch) => Self::Mismatch { file, mismatch },
        }
    }

    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Fault { fault } => fault.remedy(),
            Self::Nobody | Self::Stuck => Remedy::Rescan,
            Self::Library(_)
            | Self::NoInference { .. }
            | Self::Hef { .. }
            | Self::Mismatch { .. }
            | Self::Crashes(_) => Remedy::GiveUp,
            Self::Silent(_) | Self::Garbled(_) => Remedy::Rebuild,
            Self::Threads(_) => Remedy::BackOff,
        }
    }

    /// The library's number, where one of its calls failed.
    pub fn status(&self) -> Option<Status> {
        match self {
            Self::Fault { fault } => Some(fault.status),
            _ => None,
        }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self::Fault { fault }
    }
}

/// What to do about a status of the library.
pub fn advice(status: Status) -> &'static str {
    match status.0 {
        4 => "the chip answered too late: it is overloaded, hot or stalled; it is opened again by itself",
        7 => {
            "HailoRT cannot do this with this chip (a Hailo-10H says so to every C program); the CPU does its work"
        }
        13 | 64 => "a device node is missing: is the driver loaded? `lsmod | grep hailo`, `ls /dev/hailo*`",
        15 | 16 | 23 | 75 | 78 | 79 => {
            "the packages of HailoRT do not go together; install one release of all of them"
        }
        26 | 91 | 92 | 93 | 94 => {
            "the HEF does not go with this chip or this release of HailoRT; get it for the chip, from the model zoo that \
             goes with the release"
        }
        36 | 62 | 96 => {
            "the chip does not answer any more; a full power cycle helps, and a stronger power supply (27 W on a Pi 5) \
             where it comes back"
        }
        47 | 71 => {
            "the networks need more room than the chip has; a smaller batch-size or a smaller network helps"
        }
        63 | 69 | 72 | 80 | 95 => {
            "the chip stopped its streams, as it does when it is too hot or another program interfered; check the cooling; it \
             is opened again by itself"
        }
        68 | 70 | 8 => "the streams broke; they are opened again by itself",
        73 | 74 => {
            "another program has the chip, or no driver shows one; `sudo fuser -v /dev/hailo*` names who has it, `lspci -d \
             1e60:` whether it is there; it is looked for again by itself"
        }
        76 | 86 => {
            "driver and library are of different releases, as after an upgrade: reboot; if that does not help, install one \
             release of both"
        }
        61 => "HailoRT's own service has the chip or is not running; stop hailort.service",
        2 | 5 | 6 | 9 => "this is a fault of amslpr; please report it with this line",
        _ => "it is opened again by itself, ever less often; a power cycle helps where it stays away",
    }
}
