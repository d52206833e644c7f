//! An input in time: from raw samples to a level that can be relied on. Pure.
//!
//! A level counts once it has stood for the debounce time. What is not known (not yet sampled, cannot be read,
//! never settles) is unknown, and whoever asks for permission takes unknown for no.

use std::time::Duration;

use crate::clock::Moment;

/// One look at an input; `None`: it could not be read.
pub(super) type Sample = Option<bool>;

/// An input that flickers for this many debounce times is broken, not busy.
const UNSETTLED: u32 = 20;

/// What is known of one input.
#[derive(Debug, Clone)]
pub(super) struct Sensor {
    debounce: Duration,
    level: Option<bool>,
    /// The newest sample, and since when all samples have been the same.
    newest: Option<(bool, Moment)>,
    /// Since when the samples have not agreed with the level.
    unsettled: Option<Moment>,
}

impl Sensor {
    pub(super) const fn new(debounce: Duration) -> Self {
        Self { debounce, level: None, newest: None, unsettled: None }
    }

    pub(super) fn sample(&mut self, sample: Sample, now: Moment) {
        let Some(raw) = sample else {
            *self = Self::new(self.debounce);
            return;
        };
        let since = match self.newest {
            Some((same, since)) if same == raw => since,
            _ => now,
        };
        self.newest = Some((raw, since));
        if now.since(since) >= self.debounce {
            self.level = Some(raw);
            self.unsettled = None;
        } else if self.level != Some(raw) || self.unsettled.is_some() {
            let began = *self.unsettled.get_or_insert(now);
            if now.since(began) > self.debounce * UNSETTLED {
                self.level = None;
            }
        }
    }

    /// `None`: not known.
    pub(super) const fn level(&self) -> Option<bool> {
        self.level
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DEBOUNCE: Duration = Duration::from_millis(50);

    /// Feeds samples, one every 10 ms (`1`, `0`, `?` for unreadable), and gives the level after each.
    fn check(samples: &str, levels: &str) {
        let mut sensor = Sensor::new(DEBOUNCE);
        let mut seen = String::new();
        for (n, sample) in (0..).zip(samples.chars()) {
            let raw = match sample {
                '1' => Some(true),
                '0' => Some(false),
                _ => None,
            };
            sensor.sample(raw, Moment::from_micros(n * 10_000));
            seen.push(match sensor.level() {
                Some(true) => '1',
                Some(false) => '0',
                None => '?',
            });
        }
        assert_eq!(seen, levels, "{samples}");
    }

    #[test]
    fn a_level_counts_once_it_has_stood() {
        check("1111111", "?????11");
        check("000000111111000", "?????0000001111");
    }

    #[test]
    fn a_glitch_is_no_level() {
        check("00000010000001100000", "?????000000000000000");
        check("1010101010", "??????????");
    }

    #[test]
    fn what_cannot_be_read_is_unknown_at_once_and_for_a_debounce_time_after() {
        check("111111?111111", "?????1??????1");
    }

    #[test]
    fn an_input_that_never_settles_becomes_unknown() {
        let mut sensor = Sensor::new(DEBOUNCE);
        for n in 0..10 {
            sensor.sample(Some(false), Moment::from_micros(n * 10_000));
        }
        assert_eq!(sensor.level(), Some(false));
        for n in 10..200 {
            sensor.sample(Some(n % 2 == 0), Moment::from_micros(n * 10_000));
        }
        assert_eq!(sensor.level(), None);
    }

    proptest! {
        #[test]
        fn a_known_level_was_sampled_without_a_break_for_the_debounce_time(
            samples in prop::collection::vec((1u64..40, prop::option::weighted(0.95, any::<bool>())), 1..200),
        ) {
            let (mut sensor, mut now) = (Sensor::new(DEBOUNCE), 0);
            let mut runs: Vec<(bool, u64, u64)> = Vec::new();
            for (step, sample) in samples {
                now += step * 1000;
                sensor.sample(sample, Moment::from_micros(now));
                match (sample, runs.last_mut()) {
                    (None, _) => runs.clear(),
                    (Some(raw), Some(run)) if run.0 == raw => run.2 = now,
                    (Some(raw), _) => runs.push((raw, now, now)),
                }
                if let Some(level) = sensor.level() {
                    let stood = |run: &&(bool, u64, u64)| run.2 - run.1 >= 50_000;
                    let newest = runs.iter().rev().find(stood);
                    prop_assert_eq!(newest.map(|run| run.0), Some(level));
                }
            }
        }
    }
}
