//! Which recorded fact goes to the broker next: live decisions first, the rest in order, none forgotten.
//!
//! Pure bookkeeping over an [`Outbox`]; it neither sends nor waits.

use std::collections::BTreeSet;

use crate::fact::{Lane, Outbox, OutboxError, Undelivered};

/// Where the delivery stands on one connection. A new connection begins a new one: what was not acknowledged on
/// the old connection is still in the outbox and goes out again.
#[derive(Debug)]
pub(super) struct Drain {
    /// Everything up to here was sent on this connection or needs no sending.
    cursor: u64,
    /// Newest fact when the connection began: what is behind it is backlog.
    horizon: u64,
    /// Newest decision that went ahead of the backlog.
    ahead: u64,
    /// Sent and not acknowledged; never more than `window`.
    in_flight: BTreeSet<u64>,
    window: usize,
}

/// Part of the window that a backlog leaves free for live decisions.
const KEPT_FREE: usize = 4;

impl Drain {
    pub(super) fn begin(newest: u64, window: usize) -> Self {
        Self {
            cursor: 0,
            horizon: newest,
            ahead: newest,
            in_flight: BTreeSet::new(),
            window: window.max(2 * KEPT_FREE),
        }
    }

    pub(super) fn is_catching_up(&self) -> bool {
        self.cursor < self.horizon
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Facts to send now, in this order; each counts as in flight from here on.
    pub(super) fn next(&mut self, outbox: &mut dyn Outbox) -> Result<Vec<Undelivered>, OutboxError> {
        let mut out = Vec::new();
        if self.is_catching_up() {
            let room = self.window.saturating_sub(self.in_flight.len());
            for fact in outbox.undelivered(self.ahead.max(self.cursor), Lane::Decisions, room)? {
                self.ahead = fact.seq;
                if self.in_flight.insert(fact.seq) {
                    out.push(fact);
                }
            }
        }
        let room = if self.is_catching_up() { self.window - KEPT_FREE } else { self.window };
        let room = room.saturating_sub(self.in_flight.len());
        if room == 0 {
            return Ok(out);
        }
        let facts = outbox.undelivered(self.cursor, Lane::Everything, room)?;
        let exhausted = facts.len() < room;
        for fact in facts {
            self.cursor = fact.seq;
            // Not those that went ahead a moment ago.
            if self.in_flight.insert(fact.seq) {
                out.push(fact);
            }
        }
        if exhausted {
            self.cursor = self.cursor.max(self.horizon);
        }
        Ok(out)
    }

    /// The broker has it.
    pub(super) fn acknowledged(&mut self, seq: u64) {
        self.in_flight.remove(&seq);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use jiff::Timestamp;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::fact::{Fact, sample};

    /// An outbox in memory: what was recorded and not yet acknowledged.
    #[derive(Debug, Default)]
    struct Shelf {
        facts: BTreeMap<u64, Fact>,
        newest: u64,
    }

    impl Shelf {
        fn record(&mut self, decision: bool) {
            self.newest += 1;
            let closed = sample::closed(self.newest);
            let fact = if decision { Fact::Decided(sample::decided(&closed)) } else { Fact::Closed(closed) };
            self.facts.insert(self.newest, fact);
        }
    }

    impl Outbox for Shelf {
        fn stream(&self) -> Uuid {
            Uuid::nil()
        }

        fn undelivered(
            &mut self,
            after: u64,
            lane: Lane,
            limit: usize,
        ) -> Result<Vec<Undelivered>, OutboxError> {
            let fits = |fact: &Fact| lane == Lane::Everything || matches!(fact, Fact::Decided(_));
            let rows = self.facts.range(after + 1..).filter(|(_, fact)| fits(fact)).take(limit);
            let recorded = Timestamp::UNIX_EPOCH;
            Ok(rows.map(|(seq, fact)| Undelivered { seq: *seq, recorded, fact: fact.clone() }).collect())
        }

        fn delivered(&mut self, seqs: &[u64]) {
            for seq in seqs {
                self.facts.remove(seq);
            }
        }
    }

    #[test]
    fn a_live_decision_goes_ahead_of_a_backlog_which_stays_in_order() {
        let mut shelf = Shelf::default();
        for n in 0..100 {
            shelf.record(n % 2 == 0);
        }
        let mut drain = Drain::begin(shelf.newest, 16);
        let first: Vec<u64> = drain.next(&mut shelf).unwrap().iter().map(|fact| fact.seq).collect();
        assert_eq!(first, (1..=12).collect::<Vec<_>>());
        assert!(drain.is_catching_up());
        shelf.record(true);
        shelf.record(false);
        assert_eq!(drain.next(&mut shelf).unwrap().iter().map(|fact| fact.seq).collect::<Vec<_>>(), [101]);

        let mut sent: Vec<u64> = first;
        sent.push(101);
        let mut done = 0;
        while drain.in_flight() > 0 {
            let seq = sent[done];
            done += 1;
            drain.acknowledged(seq);
            shelf.delivered(&[seq]);
            sent.extend(drain.next(&mut shelf).unwrap().iter().map(|fact| fact.seq));
        }
        assert!(!drain.is_catching_up() && shelf.facts.is_empty());
        sent.retain(|seq| *seq != 101);
        assert_eq!(sent, (1..=100).chain([102]).collect::<Vec<_>>(), "each once, in order");
    }

    proptest! {
        #[test]
        fn each_fact_is_delivered_under_any_interleaving(
            steps in prop::collection::vec((0u8..5, any::<bool>(), 0usize..20), 1..200),
        ) {
            let mut shelf = Shelf::default();
            let mut delivered = BTreeSet::new();
            let mut drain = Drain::begin(0, 8);
            let mut wire: Vec<u64> = Vec::new();
            for (what, decision, pick) in steps {
                match what {
                    0 | 1 => shelf.record(decision),
                    2 => {
                        let facts = drain.next(&mut shelf).unwrap();
                        prop_assert!(facts.iter().all(|fact| !wire.contains(&fact.seq)), "twice on one connection");
                        wire.extend(facts.iter().map(|fact| fact.seq));
                        prop_assert!(drain.in_flight() <= 8);
                    }
                    3 if !wire.is_empty() => {
                        let seq = wire.remove(pick % wire.len());
                        delivered.insert(seq);
                        drain.acknowledged(seq);
                        shelf.delivered(&[seq]);
                    }
                    _ => {
                        wire.clear();
                        drain = Drain::begin(shelf.newest, 8);
                    }
                }
            }
            for _ in 0..1000 {
                wire.extend(drain.next(&mut shelf).unwrap().iter().map(|fact| fact.seq));
                if wire.is_empty() {
                    break;
                }
                let seq = wire.remove(0);
                delivered.insert(seq);
                drain.acknowledged(seq);
                shelf.delivered(&[seq]);
            }
            prop_assert_eq!(delivered, (1..=shelf.newest).collect::<BTreeSet<_>>());
            prop_assert!(shelf.facts.is_empty());
        }
    }
}
