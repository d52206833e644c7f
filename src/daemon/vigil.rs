//! Watching over everything that has to move: whether the watchdog may be fed, and what it is that stands still.
//!
//! Pure: whose heartbeats they are is `wiring`'s to say, and feeding is the main loop's. systemd's watchdog waits 20 s
//! after the last feeding and 2 s before the restart, so that the longest limit here leads to one within 45 s.

use std::{borrow::Cow, time::Duration};

use crate::heartbeat::Heartbeat;

/// What computes and waits, and beats every second while it does, is wedged after this long.
const WEDGED: Duration = Duration::from_secs(15);
/// What calls into drivers and waits for disks may take longer: an SD card that tidies up inside holds a commit up for
/// seconds, and a USB camera that does not answer takes five for each thing it is asked.
const WEDGED_ON_A_DEVICE: Duration = Duration::from_secs(20);

/// Something that has to move.
#[derive(Debug)]
pub(super) struct Moving<'a> {
    name: Cow<'a, str>,
    heartbeat: &'a Heartbeat,
    limit: Duration,
}

impl<'a> Moving<'a> {
    pub(super) fn new(name: impl Into<Cow<'a, str>>, heartbeat: &'a Heartbeat) -> Self {
        Self { name: name.into(), heartbeat, limit: WEDGED }
    }

    pub(super) fn on_a_device(name: impl Into<Cow<'a, str>>, heartbeat: &'a Heartbeat) -> Self {
        Self { limit: WEDGED_ON_A_DEVICE, ..Self::new(name, heartbeat) }
    }
}

/// Remembers what the log knows of.
#[derive(Debug, Default)]
pub(super) struct Vigil {
    told: Option<String>,
}

impl Vigil {
    /// `None` while everything moves; else one line that says what does not, for whoever looks before the restart.
    pub(super) fn look(&mut self, all: &[Moving<'_>]) -> Option<String> {
        let wedged = all.iter().find(|one| one.heartbeat.silent_for() > one.limit);
        let Some(wedged) = wedged else {
            if let Some(name) = self.told.take() {
                tracing::warn!(unit = name, "moves again");
            }
            return None;
        };
        let seconds = wedged.heartbeat.silent_for().as_secs();
        if self.told.as_deref() != Some(wedged.name.as_ref()) {
            tracing::error!(
                unit = %wedged.name, seconds,
                "has not moved; if it does not come back the watchdog starts the service again"
            );
            self.told = Some(wedged.name.to_string());
        }
        Some(format!("{} has not moved for {seconds} s", wedged.name))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::{Clock, ManualClock};

    #[test]
    fn what_stands_still_is_named_after_its_own_time_and_what_moves_again_is_forgotten() {
        let clock = Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH));
        let heart = || Heartbeat::new(Arc::clone(&clock) as Arc<dyn Clock>);
        let (look, journal) = (heart(), heart());
        let all = || [Moving::new("look north", &look), Moving::on_a_device("journal", &journal)];
        let mut vigil = Vigil::default();
        assert_eq!(vigil.look(&all()), None);
        clock.advance(Duration::from_secs(16));
        assert_eq!(vigil.look(&all()).as_deref(), Some("look north has not moved for 16 s"));
        look.beat();
        assert_eq!(vigil.look(&all()), None, "a disk may take longer");
        clock.advance(Duration::from_secs(5));
        assert_eq!(vigil.look(&all()).as_deref(), Some("journal has not moved for 21 s"));
        journal.rest();
        assert_eq!(vigil.look(&all()), None);
    }

    #[test]
    fn a_restart_comes_within_45_seconds() {
        let unit = include_str!("../../systemd/amslpr.service");
        let seconds = |key: &str| -> u64 {
            let line = unit.lines().find_map(|line| line.strip_prefix(key)).unwrap();
            line.trim_end_matches('s').parse().unwrap()
        };
        let within = WEDGED_ON_A_DEVICE.as_secs() + seconds("WatchdogSec=") + seconds("RestartSec=");
        assert!(within < 45, "{within} s");
    }
}
