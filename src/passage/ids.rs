//! Where passage identities come from: time-ordered ones for the daemon, counted ones for replays and tests.

use jiff::Timestamp;
use uuid::{Builder, ContextV7, Uuid};

use super::PassageId;

/// Makes an identity for a passage that began at `wall`.
pub trait IdSource: Send + std::fmt::Debug {
    fn next(&mut self, wall: Timestamp) -> PassageId;
}

/// UUIDv7 from the wall time and random bits; within a millisecond they still come in order.
#[derive(Debug)]
pub struct TimeIds(ContextV7);

impl TimeIds {
    pub fn new() -> Self {
        Self(ContextV7::new())
    }
}

impl Default for TimeIds {
    fn default() -> Self {
        Self::new()
    }
}

impl IdSource for TimeIds {
    fn next(&mut self, wall: Timestamp) -> PassageId {
        let seconds = u64::try_from(wall.as_second()).unwrap_or(0);
        let nanos = u32::try_from(wall.subsec_nanosecond()).unwrap_or(0);
        PassageId(Uuid::new_v7(uuid::Timestamp::from_unix(&self.0, seconds, nanos)))
    }
}

/// UUIDv7 from the wall time and a counter: the same clip gives the same identities each time.
#[derive(Debug, Default)]
pub struct CountedIds {
    made: u64,
}

impl IdSource for CountedIds {
    fn next(&mut self, wall: Timestamp) -> PassageId {
        self.made = self.made.wrapping_add(1);
        let mut bytes = [0u8; 10];
        for (slot, byte) in bytes.iter_mut().skip(2).zip(self.made.to_be_bytes()) {
            *slot = byte;
        }
        let millis = u64::try_from(wall.as_millisecond()).unwrap_or(0);
        PassageId(Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_come_in_the_order_of_time_and_never_twice() {
        let at = |milli: i64| Timestamp::from_millisecond(1_790_000_000_000 + milli).unwrap();
        let sources: [Box<dyn IdSource>; 2] = [Box::new(TimeIds::new()), Box::new(CountedIds::default())];
        for mut source in sources {
            let ids: Vec<_> = (0..200).map(|i| source.next(at(i / 10))).collect();
            assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
            assert!(ids.iter().all(|id| id.0.get_version_num() == 7));
        }
    }

    #[test]
    fn counted_identities_are_the_same_in_every_replay() {
        let once = || {
            let mut source = CountedIds::default();
            [0, 0, 5].map(|s| source.next(Timestamp::from_second(s).unwrap()))
        };
        assert_eq!(once(), once());
    }
}
