//! How much one address may ask, and how long it waits after a wrong token.
//!
//! A bucket an address (of IPv6 a network of 64 bits, which is what one customer has), in a table of bounded size. Time
//! comes as an argument.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::clock::Moment;

/// Addresses that are remembered; those that ask least are forgotten first.
const MOST: usize = 1024;
/// So many seconds' worth may come at once.
const BURST: u32 = 5;
/// After a wrong token this is waited, then twice as long, up to [`LONGEST`].
const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(4);
/// Wrong tokens are forgotten when none came for this long.
const FORGIVEN: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Rates {
    per_second: f64,
    callers: Mutex<HashMap<IpAddr, Caller>>,
}

#[derive(Debug, Clone, Copy)]
struct Caller {
    left: f64,
    at: Moment,
    wrong: u32,
    wrong_at: Moment,
}

impl Rates {
    pub(super) fn new(per_second: u32) -> Self {
        Self { per_second: f64::from(per_second.max(1)), callers: Mutex::default() }
    }

    fn most(&self) -> f64 {
        self.per_second * f64::from(BURST)
    }

    /// Whether this address may ask once more, now.
    pub(super) fn may(&self, address: IpAddr, now: Moment) -> bool {
        self.with(address, now, |caller| {
            let may = caller.left >= 1.0;
            if may {
                caller.left -= 1.0;
            }
            may
        })
    }

    /// A wrong token came from there: how long the answer is to be held back.
    pub(super) fn wrong(&self, address: IpAddr, now: Moment) -> Duration {
        self.with(address, now, |caller| {
            if now.since(caller.wrong_at) >= FORGIVEN {
                caller.wrong = 0;
            }
            let wait = FIRST.saturating_mul(1 << caller.wrong.min(8)).min(LONGEST);
            caller.wrong = caller.wrong.saturating_add(1);
            caller.wrong_at = now;
            wait
        })
    }

    fn with<T>(&self, address: IpAddr, now: Moment, what: impl FnOnce(&mut Caller) -> T) -> T {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        let key = whose(address);
        if callers.len() >= MOST && !callers.contains_key(&key) {
            let full = |caller: &Caller| {
                self.refilled(caller, now) >= self.most() && now.since(caller.wrong_at) >= FORGIVEN
            };
            callers.retain(|_, caller| !full(caller));
            // All of them are busy: the one that was here longest ago makes room.
            if callers.len() >= MOST
                && let Some(oldest) = callers.iter().min_by_key(|(_, caller)| caller.at).map(|(key, _)| *key)
            {
                callers.remove(&oldest);
            }
        }
        let new = Caller { left: self.most(), at: now, wrong: 0, wrong_at: Moment::ZERO };
        let caller = callers.entry(key).or_insert(new);
        caller.left = self.refilled(caller, now);
        caller.at = now;
        what(caller)
    }

    fn refilled(&self, caller: &Caller, now: Moment) -> f64 {
        (caller.left + now.since(caller.at).as_secs_f64() * self.per_second).min(self.most())
    }
}

/// Who is behind an address.
pub(super) fn whose(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment::from_micros(ms * 1000)
    }

    #[test]
    fn a_burst_is_let_through_and_then_the_rate() {
        let rates = Rates::new(10);
        let ask = |address: &str, now| rates.may(address.parse().unwrap(), now);
        assert_eq!((0..100).filter(|_| ask("10.0.0.1", at(1))).count(), 50);
        assert!(ask("10.0.0.2", at(1)), "another one is not held up by that");
        assert!(!ask("10.0.0.1", at(50)) && ask("10.0.0.1", at(110)) && !ask("10.0.0.1", at(111)));
        assert_eq!((0..100).filter(|_| ask("10.0.0.1", at(3_600_000))).count(), 50);
    }

    #[test]
    fn one_customer_s_many_addresses_are_one() {
        let rates = Rates::new(1);
        let asked = (0..100).filter(|n| rates.may(format!("2001:db8::{n:x}").parse().unwrap(), at(1)));
        assert_eq!(asked.count(), 5);
        assert!(rates.may("2001:db8:0:1::1".parse().unwrap(), at(1)));
        assert_eq!(whose("::ffff:10.0.0.1".parse().unwrap()), "10.0.0.1".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn wrong_tokens_are_answered_ever_later_and_forgiven() {
        let rates = Rates::new(10);
        let wait = |now| rates.wrong("10.0.0.1".parse().unwrap(), now).as_millis();
        let waits: Vec<u128> = (0..7).map(|_| wait(at(100_000))).collect();
        assert_eq!(waits, [250, 500, 1000, 2000, 4000, 4000, 4000]);
        assert_eq!(wait(at(161_000)), 250);
    }

    #[test]
    fn the_table_is_bounded() {
        let rates = Rates::new(10);
        for n in 0..5000_u32 {
            assert!(rates.may(IpAddr::V4(n.into()), at(1)));
        }
        assert_eq!(rates.callers.lock().unwrap().len(), MOST);
    }
}
