//! Which changes of the node's health the journal hears of.

use std::{collections::BTreeSet, time::Duration};

use super::Verdict;
use crate::clock::Moment;

/// Changes that are recorded as they come; on a bad day that is all of them: some two hundred in the worst hour that
/// `tests/bad-day.sh` could think of.
const AT_ONCE: u32 = 120;
/// One more may come after each such time.
const EVERY: Duration = Duration::from_secs(10);

/// What is wrong is recorded when something begins to be wrong, or ends. Something that flaps does not fill the journal:
/// when the allowance is used up, what is still so is recorded six times a minute, with how many changes were left out.
#[derive(Debug)]
pub(in crate::daemon) struct Chronicle {
    known: Option<(Verdict, BTreeSet<String>)>,
    /// As it was last, recorded or not, and changes that were not recorded since the last one that was.
    last: Option<(Verdict, BTreeSet<String>)>,
    left_out: u64,
    allowance: u32,
    granted: Moment,
}

impl Chronicle {
    pub(in crate::daemon) fn new(now: Moment) -> Self {
        Self { known: None, last: None, left_out: 0, allowance: AT_ONCE, granted: now }
    }

    /// Whether this is to be recorded: then how many changes before it were not.
    pub(in crate::daemon) fn takes(
        &mut self,
        verdict: Verdict,
        wrong: &BTreeSet<String>,
        now: Moment,
    ) -> Option<u64> {
        while self.allowance < AT_ONCE && now.since(self.granted) >= EVERY {
            self.allowance += 1;
            self.granted = self.granted + EVERY;
        }
        let is = |it: &Option<(Verdict, BTreeSet<String>)>| {
            it.as_ref().is_some_and(|(known, names)| *known == verdict && names == wrong)
        };
        let (is_known, has_changed) = (is(&self.known), !is(&self.last));
        if has_changed {
            self.last = Some((verdict, wrong.clone()));
        }
        if is_known || self.allowance == 0 {
            // Back to what was recorded last is a change, too, if there was another in between.
            self.left_out += u64::from(has_changed);
            return None;
        }
        if self.allowance == AT_ONCE {
            self.granted = now;
        }
        self.allowance -= 1;
        self.known = Some((verdict, wrong.clone()));
        // This one may have begun while nothing could be recorded.
        let before = std::mem::take(&mut self.left_out);
        Some(before.saturating_sub(u64::from(!has_changed)))
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
            chronicle.takes(verdict, &names, at(*second)).is_some()
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
    fn what_flaps_is_recorded_six_times_a_minute_in_the_end_and_what_lasts_is_recorded() {
        let seconds = recorded(600, |second| if second < 500 && second % 2 == 1 { "camera" } else { "" });
        // The first ones, and those that were granted in the meantime, ...
        assert_eq!(seconds[..133], (0..133).collect::<Vec<_>>());
        // ... then one in ten seconds, and the end of it.
        let later = seconds[133..].windows(2).map(|pair| pair[1] - pair[0]);
        assert!(later.clone().all(|apart| (9..=11).contains(&apart)), "{seconds:?}");
        let last = *seconds.last().unwrap();
        assert!(last >= 489 && (last % 2 == 0 || last >= 500), "that all is well stands last: {seconds:?}");
    }

    #[test]
    fn how_many_changes_were_left_out_is_known() {
        let mut chronicle = Chronicle::new(at(0));
        let mut take = |wrong: &str, second: u64| {
            let names = wrong.split_whitespace().map(str::to_owned).collect();
            chronicle.takes(Verdict::Degraded, &names, at(second))
        };
        for n in 0..u64::from(AT_ONCE) {
            assert_eq!(take(&format!("c{n}"), 0), Some(0));
        }
        assert_eq!((take("a", 1), take("b", 2), take("b", 3), take("a", 4)), (None, None, None, None));
        assert_eq!(take("a", 12), Some(2), "a and b came and went before it");
        assert_eq!(take("d", 23), Some(0));
    }
}
