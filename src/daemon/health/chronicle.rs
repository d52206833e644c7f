//! Which changes of the node's health the journal hears of.

use std::{collections::BTreeSet, time::Duration};

use super::Verdict;
use crate::clock::Moment;

/// Changes that are recorded as they come; on a usual bad day that is all of them.
const AT_ONCE: u32 = 60;
/// One more may come after each such time.
const EVERY: Duration = Duration::from_secs(30);

/// What is wrong is recorded when something begins to be wrong, or ends. Something that flaps does not fill the journal:
/// when the allowance is used up, what is still so is recorded twice a minute.
#[derive(Debug)]
pub(in crate::daemon) struct Chronicle {
    known: Option<(Verdict, BTreeSet<String>)>,
    allowance: u32,
    granted: Moment,
}

impl Chronicle {
    pub(in crate::daemon) fn new(now: Moment) -> Self {
        Self { known: None, allowance: AT_ONCE, granted: now }
    }

    /// Whether this is to be recorded.
    pub(in crate::daemon) fn takes(
        &mut self,
        verdict: Verdict,
        wrong: &BTreeSet<String>,
        now: Moment,
    ) -> bool {
        while self.allowance < AT_ONCE && now.since(self.granted) >= EVERY {
            self.allowance += 1;
            self.granted = self.granted + EVERY;
        }
        let is_known = self.known.as_ref().is_some_and(|(known, names)| *known == verdict && names == wrong);
        if is_known || self.allowance == 0 {
            return false;
        }
        if self.allowance == AT_ONCE {
            self.granted = now;
        }
        self.allowance -= 1;
        self.known = Some((verdict, wrong.clone()));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Moment {
        Moment::from_micros(second * 1_000_000)
    }

    /// Seconds at which something is recorded, given what is wrong in each.
    fn recorded(seconds: u64, wrong: impl Fn(u64) -> &'static str) -> Vec<u64> {
        let mut chronicle = Chronicle::new(at(0));
        let takes = |second: &u64| {
            let names: BTreeSet<String> = wrong(*second).split_whitespace().map(str::to_owned).collect();
            let verdict = if names.is_empty() { Verdict::Ok } else { Verdict::Degraded };
            chronicle.takes(verdict, &names, at(*second))
        };
        (0..seconds).filter(takes).collect()
    }

    #[test]
    fn each_beginning_and_each_end_is_recorded_beside_what_lasts() {
        let story = |second| match second {
            0..10 => "",
            10..20 => "broker",
            20..22 => "broker camera",
            22..40 => "broker",
            _ => "",
        };
        assert_eq!(recorded(100, story), [0, 10, 20, 22, 40]);
    }

    #[test]
    fn what_flaps_is_recorded_twice_a_minute_in_the_end_and_what_lasts_is_recorded() {
        let seconds = recorded(600, |second| if second < 500 && second % 2 == 1 { "camera" } else { "" });
        // The first ones, and two that were granted in the meantime, ...
        assert_eq!(seconds[..62], (0..62).collect::<Vec<_>>());
        // ... then one in thirty seconds, and the end of it.
        let later = seconds[62..].windows(2).map(|pair| pair[1] - pair[0]);
        assert!(later.clone().all(|apart| (29..=31).contains(&apart)), "{seconds:?}");
        assert!(*seconds.last().unwrap() >= 500, "{seconds:?}");
    }
}
