//! What the last minutes were like: a p95 since last month says nothing about this morning.
//!
//! Meters only ever grow. A window keeps what they showed a while ago, and gives the difference: of the last two and a
//! half to five minutes, or since the start.

use std::{collections::BTreeMap, time::Duration};

use super::meter::Metered;
use crate::clock::Moment;

/// Half of the longest window.
const TURN: Duration = Duration::from_secs(150);

/// Of any number of meters, each under its own key.
#[derive(Debug)]
pub struct Window<K> {
    from: BTreeMap<K, Metered>,
    next: BTreeMap<K, Metered>,
    turned: Option<Moment>,
}

impl<K> Default for Window<K> {
    fn default() -> Self {
        Self { from: BTreeMap::new(), next: BTreeMap::new(), turned: None }
    }
}

impl<K: Ord + Clone> Window<K> {
    /// What these meters showed lately. To be called with all of them each time: others are forgotten.
    pub fn lately(&mut self, now: Moment, metered: &BTreeMap<K, Metered>) -> BTreeMap<K, Metered> {
        let is_over = self.turned.is_none_or(|turned| now.since(turned) >= TURN);
        if is_over {
            // At the first look there is no earlier one: everything is new.
            let earlier = self.turned.map_or_else(BTreeMap::new, |_| metered.clone());
            self.from = std::mem::replace(&mut self.next, earlier);
            self.turned = Some(now);
        }
        let lately = |(key, now): (&K, &Metered)| {
            let since = self.from.get(key).map_or_else(|| now.clone(), |from| now.since(from));
            (key.clone(), since)
        };
        metered.iter().map(lately).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{Meter, Span, Stage};

    #[test]
    fn what_is_older_than_five_minutes_is_forgotten_and_what_is_newer_than_two_is_not() {
        let (meter, mut window) = (Meter::default(), Window::default());
        let mut counts = Vec::new();
        for minute in 0..12_u64 {
            meter.note(&Span::of(Stage::Read, Moment::ZERO, Moment::from_micros(7)));
            let now = Moment::from_micros(minute * 60_000_000);
            let lately = window.lately(now, &BTreeMap::from([("a", meter.metered())]));
            counts.push(lately["a"].times.count());
        }
        // One a minute: turned at 0, 3, 6 and 9 minutes.
        assert_eq!(counts, [1, 2, 3, 4, 5, 6, 3, 4, 5, 3, 4, 5]);
    }

    #[test]
    fn a_meter_that_is_new_counts_and_one_that_begins_anew_is_never_below_nothing() {
        let mut window = Window::default();
        let meter = Meter::default();
        meter.note(&Span::of(Stage::Read, Moment::ZERO, Moment::from_micros(7)));
        let shown = BTreeMap::from([("a", meter.metered())]);
        for second in [0, 200, 400] {
            window.lately(Moment::from_micros(second * 1_000_000), &shown);
        }
        let anew = BTreeMap::from([("a", Meter::default().metered()), ("b", meter.metered())]);
        let lately = window.lately(Moment::from_micros(401_000_000), &anew);
        assert_eq!((lately["a"].times.count(), lately["b"].times.count()), (0, 1));
    }
}
