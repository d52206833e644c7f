//! What systemd is told: ready, reloading, stopping, a line of status, and that the daemon still moves.
//!
//! Only speaks. When the watchdog may be fed is decided by whoever knows what moves.

use std::sync::atomic::{AtomicBool, Ordering};

use systemd::daemon;

/// Longest status line; systemd shows one line.
const LONGEST_STATUS: usize = 200;

/// The way to systemd; silent where it did not start us.
#[derive(Debug)]
pub(super) struct Notifier {
    listening: bool,
    failed: AtomicBool,
}

impl Notifier {
    /// Speaks if there is somebody to listen: `NOTIFY_SOCKET` says so.
    pub(super) fn from_environment() -> Self {
        Self { listening: std::env::var_os("NOTIFY_SOCKET").is_some(), failed: AtomicBool::new(false) }
    }

    /// Started, or done with reloading.
    pub(super) fn ready(&self) {
        self.tell(&[("READY", "1")]);
    }

    /// Begins to reload. systemd (253 and later) ignores the message without the time in it, and `systemctl reload`
    /// would then wait until its timeout.
    pub(super) fn reloading(&self) {
        self.tell(&[("RELOADING", "1"), ("MONOTONIC_USEC", &monotonic_micros().to_string())]);
    }

    pub(super) fn stopping(&self) {
        self.tell(&[("STOPPING", "1")]);
    }

    /// Everything that must move does.
    pub(super) fn watchdog(&self) {
        self.tell(&[("WATCHDOG", "1")]);
    }

    /// One line for `systemctl status`.
    pub(super) fn status(&self, line: &str) {
        self.tell(&[("STATUS", &one_line(line))]);
    }

    fn tell(&self, state: &[(&str, &str)]) {
        if !self.listening {
            return;
        }
        match daemon::notify(state.iter()) {
            Ok(true) => self.failed.store(false, Ordering::Relaxed),
            outcome => {
                // The watchdog is told every second: one failure after another is one fact.
                if !self.failed.swap(true, Ordering::Relaxed) {
                    let error = outcome.err().map(|error| error.to_string());
                    tracing::warn!(error, "systemd cannot be told of the daemon's state");
                }
            }
        }
    }
}

/// Line ends would begin another message.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_STATUS).collect()
}

/// `CLOCK_MONOTONIC`, which `Instant` reads but does not give away.
fn monotonic_micros() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let (seconds, nanos) = (u64::try_from(now.tv_sec).unwrap_or(0), u64::try_from(now.tv_nsec).unwrap_or(0));
    seconds * 1_000_000 + nanos / 1_000
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::net::UnixDatagram,
        process::{Command, Stdio},
        time::Duration,
    };

    use super::*;

    #[test]
    fn a_status_is_one_line() {
        assert_eq!(one_line("3 cameras\nWATCHDOG=1\0"), "3 cameras WATCHDOG=1 ");
        assert_eq!(one_line(&"x".repeat(500)).len(), LONGEST_STATUS);
    }

    /// Speaks to whoever `NOTIFY_SOCKET` names; the next test runs it as a process of its own, whose environment it
    /// can choose.
    #[test]
    fn speaks_if_somebody_listens() {
        let notifier = Notifier::from_environment();
        notifier.ready();
        notifier.status("1 camera\nof 1");
        notifier.reloading();
        notifier.watchdog();
        notifier.stopping();
    }

    #[test]
    fn systemd_hears_every_state_in_its_own_words() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        manager.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let before = monotonic_micros();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "daemon::notify::tests::speaks_if_somebody_listens"])
            .env("NOTIFY_SOCKET", &path)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(child.success());
        let heard = || {
            let mut buffer = [0; 512];
            let length = manager.recv(&mut buffer).unwrap();
            String::from_utf8(buffer[..length].to_vec()).unwrap().trim().to_owned()
        };
        assert_eq!(heard(), "READY=1");
        assert_eq!(heard(), "STATUS=1 camera of 1");
        let reloading = heard();
        let (first, time) = reloading.split_once('\n').unwrap();
        assert_eq!(first, "RELOADING=1");
        let time: u64 = time.strip_prefix("MONOTONIC_USEC=").unwrap().parse().unwrap();
        assert!((before..=monotonic_micros()).contains(&time), "{time} is not now");
        assert_eq!(heard(), "WATCHDOG=1");
        assert_eq!(heard(), "STOPPING=1");
    }
}
