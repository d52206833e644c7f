//! Waiting longer after every failure: doubling, capped, jittered. Arithmetic only; whoever uses it does the waiting.

use std::{hash::BuildHasher, time::Duration};

/// First wait, longest wait, and the share of each wait that chance may take off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    pub first: Duration,
    pub longest: Duration,
    /// 0 waits exactly; 0.5 waits between half and all of the time.
    pub jitter: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { first: Duration::from_millis(500), longest: Duration::from_secs(30), jitter: 0.5 }
    }
}

/// Where a retrier stands.
#[derive(Debug, Clone)]
pub struct Backoff {
    settings: Settings,
    next: Duration,
}

impl Backoff {
    pub fn new(settings: Settings) -> Self {
        Self { settings, next: settings.first.min(settings.longest) }
    }

    /// How long to wait after this failure. `chance` is between 0 and 1, from [`chance`] or a test.
    pub fn after_failure(&mut self, chance: f64) -> Duration {
        let wait = self.next;
        self.next = wait.saturating_mul(2).min(self.settings.longest);
        let taken = self.settings.jitter.clamp(0.0, 1.0) * chance.clamp(0.0, 1.0);
        wait.mul_f64(1.0 - taken)
    }

    /// It works again: the next failure waits shortly.
    pub fn succeeded(&mut self) {
        self.next = self.settings.first.min(self.settings.longest);
    }
}

/// A number between 0 and 1 that differs from caller to caller; not for secrets.
pub fn chance() -> f64 {
    let bits = std::hash::RandomState::new().hash_one(0u8) >> 11;
    bits as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_start_again_after_success() {
        let settings =
            Settings { first: Duration::from_secs(1), longest: Duration::from_secs(5), jitter: 0.0 };
        let mut backoff = Backoff::new(settings);
        let waits: Vec<_> = (0..5).map(|_| backoff.after_failure(0.7).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 5, 5]);
        backoff.succeeded();
        assert_eq!(backoff.after_failure(0.0).as_secs(), 1);
    }

    #[test]
    fn chance_differs() {
        assert_ne!(chance(), chance());
    }

    proptest! {
        #[test]
        fn no_wait_is_longer_than_the_longest_nor_shorter_than_the_jitter_allows(
            first in 1u64..10_000, longest in 1u64..10_000, jitter in 0.0f64..1.0, rolls in prop::collection::vec(0.0f64..1.0, 1..40),
        ) {
            let settings = Settings { first: Duration::from_millis(first), longest: Duration::from_millis(longest), jitter };
            let mut backoff = Backoff::new(settings);
            for roll in rolls {
                let wait = backoff.after_failure(roll);
                prop_assert!(wait <= settings.longest);
                prop_assert!(wait >= settings.first.min(settings.longest).mul_f64((1.0 - jitter) * 0.999));
            }
        }
    }
}
