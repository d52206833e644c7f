//! Which changes of the verdict the journal hears of.

use std::time::Duration;

use super::Verdict;
use crate::clock::Moment;

/// See [`Chronicle`].
const SOONEST_CHANGE: Duration = Duration::from_secs(60);

/// Which changes of the verdict are recorded: not more than one a minute, so that one that flaps does not fill the
/// journal; what is still so after that minute is recorded then.
#[derive(Debug, Default)]
pub(in crate::daemon) struct Chronicle {
    last: Option<(Verdict, Moment)>,
}

impl Chronicle {
    pub(in crate::daemon) fn takes(&mut self, verdict: Verdict, now: Moment) -> bool {
        let takes = match self.last {
            None => true,
            Some((known, at)) => known != verdict && now.since(at) >= SOONEST_CHANGE,
        };
        if takes {
            self.last = Some((verdict, now));
        }
        takes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_that_flaps_is_recorded_once_a_minute_and_what_lasts_is_recorded() {
        let mut chronicle = Chronicle::default();
        let mut recorded = Vec::new();
        for second in 0..200_u64 {
            let verdict = match second {
                0..130 if second % 2 == 1 => Verdict::Degraded,
                0..130 => Verdict::Ok,
                _ => Verdict::Failed,
            };
            if chronicle.takes(verdict, Moment::from_micros(second * 1_000_000)) {
                recorded.push((second, verdict.as_str()));
            }
        }
        assert_eq!(recorded, [(0, "ok"), (61, "degraded"), (122, "ok"), (182, "failed")]);
    }
}
