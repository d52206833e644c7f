//! What is done after the Hailo failed: when it is tried again, and when it is left alone. Pure; time is an argument.

use std::time::Duration;

use hailort_sys::Remedy;

use crate::backoff::{self, Backoff};

/// A life that lasted so long makes earlier failures forgotten.
const STEADY: Duration = Duration::from_secs(60);

/// How patient it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Waits after failures in a row.
    pub retry: backoff::Settings,
    /// How often somebody else's or an absent device is looked for.
    pub rescan: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            retry: backoff::Settings {
                first: Duration::from_secs(1),
                longest: Duration::from_secs(60),
                jitter: 0.2,
            },
            rescan: Duration::from_secs(30),
        }
    }
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    TryIn(Duration),
    /// The same with less on the chip: batches of one.
    TrySmallerIn(Duration),
    /// Not before something has changed.
    WhenChanged,
}

#[derive(Debug)]
pub(super) struct Recovery {
    settings: Settings,
    backoff: Backoff,
    smaller: bool,
}

impl Recovery {
    pub(super) fn new(settings: Settings) -> Self {
        Self { backoff: Backoff::new(settings.retry), settings, smaller: false }
    }

    /// After a life that lasted so long, or none at all. `chance` is between 0 and 1.
    pub(super) fn after(&mut self, remedy: Remedy, lasted: Duration, chance: f64) -> Next {
        if lasted >= STEADY {
            self.backoff.succeeded();
        }
        match remedy {
            Remedy::None | Remedy::Retry | Remedy::Rebuild | Remedy::BackOff => {
                Next::TryIn(self.backoff.after_failure(chance))
            }
            Remedy::Rescan => Next::TryIn(self.settings.rescan),
            Remedy::Shrink if !self.smaller => {
                self.smaller = true;
                Next::TrySmallerIn(self.backoff.after_failure(chance))
            }
            Remedy::Shrink | Remedy::GiveUp | Remedy::OurFault => Next::WhenChanged,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recovery() -> Recovery {
        let mut settings = Settings::default();
        settings.retry.jitter = 0.0;
        Recovery::new(settings)
    }

    fn seconds(next: Next) -> u64 {
        match next {
            Next::TryIn(wait) => wait.as_secs(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_device_that_keeps_failing_is_left_alone_for_longer_and_longer() {
        let mut recovery = recovery();
        let short = Duration::from_secs(2);
        let waits: Vec<u64> = (0..8).map(|_| seconds(recovery.after(Remedy::Rebuild, short, 0.0))).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(seconds(recovery.after(Remedy::BackOff, Duration::from_secs(600), 0.0)), 1);
    }

    #[test]
    fn what_only_an_operator_can_change_is_not_tried_again() {
        for remedy in [Remedy::GiveUp, Remedy::OurFault] {
            assert_eq!(recovery().after(remedy, Duration::ZERO, 0.5), Next::WhenChanged);
        }
    }

    #[test]
    fn a_busy_device_is_looked_for_at_a_steady_pace() {
        let mut recovery = recovery();
        for _ in 0..5 {
            assert_eq!(seconds(recovery.after(Remedy::Rescan, Duration::ZERO, 0.5)), 30);
        }
    }

    #[test]
    fn too_little_room_is_answered_with_smaller_batches_once() {
        let mut recovery = recovery();
        let next = recovery.after(Remedy::Shrink, Duration::ZERO, 0.0);
        assert_eq!(next, Next::TrySmallerIn(Duration::from_secs(1)));
        assert_eq!(recovery.after(Remedy::Shrink, Duration::ZERO, 0.0), Next::WhenChanged);
    }
}
