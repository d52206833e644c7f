//! What was read a while ago, by what it looked like: the same picture of a plate is not read twice.
//!
//! A car that stands at a gate, a sign that is taken for a plate, a frozen picture: the crop is the same again and
//! again, and the network would say the same again. Bounded in bytes and in time; what does not fit is forgotten, the
//! least used first. Whether two crops are the same is `likeness`'s business; the rule there is strict, because a text
//! that comes from here counts like one that was read.

mod likeness;

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::lattice::Decoded;
use crate::clock::Moment;
pub(super) use likeness::Likeness;

/// How much is remembered, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Bytes; 0: nothing is remembered.
    pub bytes: u64,
    /// A crop is read anew when it was read longer ago than this, however often it was asked for since.
    pub keep: Duration,
}

impl Default for Settings {
    /// Nothing: whoever reads pictures that have nothing to do with each other has no use for it.
    fn default() -> Self {
        Self { bytes: 0, keep: Duration::from_secs(600) }
    }
}

/// Reads less sure than this are made anew: what is only guessed may come out better from other noise.
const SURE_ENOUGH: f32 = 0.9;
/// What an entry costs besides its cells and characters.
const OVERHEAD: usize = 160;

/// What a reader made of a crop; `None`: nothing.
pub(super) type Outcome = Option<(Decoded, f32)>;

/// Which network on which engine: a read of one is never given out for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ReaderId(pub u64);

/// The memory, shared by all workers.
#[derive(Debug)]
pub struct Recall {
    settings: Settings,
    shelf: Mutex<Shelf>,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    asked: AtomicU64,
    recalled: AtomicU64,
    forgotten: AtomicU64,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// Crops that were looked for.
    pub asked: u64,
    /// Those that were found, so that no network ran.
    pub recalled: u64,
    /// Those that had to make room for others, or were too old.
    pub forgotten: u64,
    pub entries: u64,
    pub bytes: u64,
}

impl Snapshot {
    /// Share of the crops that were found, 0 to 1.
    pub fn hit_rate(&self) -> f64 {
        if self.asked == 0 { 0.0 } else { self.recalled as f64 / self.asked as f64 }
    }
}

#[derive(Debug, Default)]
struct Shelf {
    entries: Vec<Entry>,
    bytes: usize,
    /// Counts the uses, so that the least used one is known.
    uses: u64,
}

#[derive(Debug)]
struct Entry {
    reader: ReaderId,
    likeness: Likeness,
    outcome: Outcome,
    read: Moment,
    used: u64,
    bytes: usize,
}

impl Recall {
    /// `None` where nothing is to be remembered.
    pub fn new(settings: Settings) -> Option<Self> {
        (settings.bytes > 0).then(|| Self { settings, shelf: Mutex::default(), counts: Counts::default() })
    }

    pub fn snapshot(&self) -> Snapshot {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let shelf = self.shelf();
        Snapshot {
            asked: get(&self.counts.asked),
            recalled: get(&self.counts.recalled),
            forgotten: get(&self.counts.forgotten),
            entries: shelf.entries.len() as u64,
            bytes: shelf.bytes as u64,
        }
    }

    /// What was made of a crop that looked the same.
    pub(super) fn find(&self, reader: ReaderId, likeness: &Likeness, now: Moment) -> Option<Outcome> {
        self.counts.asked.fetch_add(1, Ordering::Relaxed);
        let mut shelf = self.shelf();
        let fresh = |entry: &Entry| entry.reader == reader && now.since(entry.read) <= self.settings.keep;
        let found = shelf.entries.iter().enumerate().filter(|(_, entry)| fresh(entry));
        let nearest =
            found.filter_map(|(index, entry)| Some((entry.likeness.distance(likeness)?, index))).min();
        let (_, index) = nearest?;
        shelf.uses += 1;
        let used = shelf.uses;
        let entry = shelf.entries.get_mut(index)?;
        entry.used = used;
        let outcome = entry.outcome.clone();
        self.counts.recalled.fetch_add(1, Ordering::Relaxed);
        Some(outcome)
    }

    /// Remembers what was made of a crop, if that is worth remembering.
    pub(super) fn keep(&self, reader: ReaderId, likeness: Likeness, outcome: &Outcome, now: Moment) {
        if outcome.as_ref().is_some_and(|(decoded, _)| decoded.confidence.value() < SURE_ENOUGH) {
            return;
        }
        let chars = outcome.as_ref().map_or(0, |(decoded, _)| size_of_chars(decoded));
        let bytes = OVERHEAD + likeness.bytes() + chars;
        let Some(most) = usize::try_from(self.settings.bytes).ok().filter(|most| bytes <= *most) else {
            return;
        };
        let mut shelf = self.shelf();
        let forgotten = shelf.make_room(most - bytes, |entry| now.since(entry.read) > self.settings.keep);
        self.counts.forgotten.fetch_add(forgotten, Ordering::Relaxed);
        shelf.uses += 1;
        let used = shelf.uses;
        shelf.bytes += bytes;
        let outcome = outcome.clone();
        shelf.entries.push(Entry { reader, likeness, outcome, read: now, used, bytes });
    }

    fn shelf(&self) -> std::sync::MutexGuard<'_, Shelf> {
        // Every entry is whole at any time.
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    /// Forgets what is too old, then the least used, until at most so many bytes are left. Returns how many went.
    fn make_room(&mut self, most: usize, is_old: impl Fn(&Entry) -> bool) -> u64 {
        if self.bytes <= most {
            return 0;
        }
        let before = self.entries.len();
        self.entries.retain(|entry| !is_old(entry));
        self.bytes = self.entries.iter().map(|entry| entry.bytes).sum();
        // Some more than needed, so that not every newcomer has to look for the least used one.
        let goal = if self.bytes <= most { most } else { most - most / 8 };
        self.entries.sort_unstable_by_key(|entry| entry.used);
        let gone = self.entries.iter().scan(self.bytes, |left, entry| {
            let over = *left > goal;
            *left -= entry.bytes;
            Some(over)
        });
        let gone = gone.take_while(|over| *over).count();
        self.entries.drain(..gone);
        self.bytes = self.entries.iter().map(|entry| entry.bytes).sum();
        (before - self.entries.len()) as u64
    }
}

fn size_of_chars(decoded: &Decoded) -> usize {
    let of = |c: &crate::plate::CharRead| size_of_val(c) + size_of_val(c.others.as_slice());
    decoded.chars.iter().map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        geometry::Size,
        plate::{CharRead, Confidence},
    };

    const SIZE: Size = Size::new(160, 48);
    const READER: ReaderId = ReaderId(7);

    /// Bars that stand for characters, each number another pattern.
    fn crop(number: u32) -> Vec<u8> {
        let ink = |x: u32, y: u32| {
            let (bar, row) = (x / 20, y / 12);
            ((number ^ 0x5A_5A5A) >> ((bar + 3 * row) % 24)) & 1 == 1 && x % 20 < 14
        };
        (0..SIZE.height)
            .flat_map(|y| (0..SIZE.width).map(move |x| (x, y)))
            .map(|(x, y)| if ink(x, y) { 40 } else { 200 })
            .collect()
    }

    fn likeness(number: u32) -> Likeness {
        Likeness::of(&crop(number), SIZE, 1).unwrap()
    }

    fn read(text: &str, confidence: f32) -> Outcome {
        let p = Confidence::new(confidence);
        let chars = text.chars().map(|c| CharRead { c, p, others: Vec::new() }).collect();
        Some((Decoded { chars, confidence: p }, 0.5))
    }

    fn at(seconds: u64) -> Moment {
        Moment::from_micros(seconds * 1_000_000)
    }

    fn recall(bytes: u64) -> Recall {
        Recall::new(Settings { bytes, keep: Duration::from_secs(60) }).unwrap()
    }

    #[test]
    fn what_was_read_is_recalled_by_the_same_reader_for_a_while() {
        let recall = recall(1 << 20);
        recall.keep(READER, likeness(0x33_1234), &read("AB12CDE", 0.99), at(10));
        let check = |reader: u64, number: u32, second: u64, known: bool| {
            let found = recall.find(ReaderId(reader), &likeness(number), at(second));
            assert_eq!(found, known.then(|| read("AB12CDE", 0.99)), "{reader} {number:x} {second}");
        };
        check(7, 0x33_1234, 10, true);
        check(7, 0x33_1234, 70, true);
        check(7, 0x33_1234, 71, false);
        check(8, 0x33_1234, 11, false);
        check(7, 0x33_1235, 11, false);
        let counts = recall.snapshot();
        assert_eq!((counts.asked, counts.recalled, counts.entries), (5, 2, 1));
        assert!((counts.hit_rate() - 0.4).abs() < 1e-9);
    }

    #[test]
    fn doubtful_reads_are_made_anew_and_nothing_at_all_is_remembered() {
        let recall = recall(1 << 20);
        recall.keep(READER, likeness(0x33_3333), &read("AB12CDE", 0.5), at(0));
        recall.keep(READER, likeness(0x0F_0F0F), &None, at(0));
        assert_eq!(recall.find(READER, &likeness(0x33_3333), at(1)), None);
        assert_eq!(recall.find(READER, &likeness(0x0F_0F0F), at(1)), Some(None));
    }

    #[test]
    fn memory_is_bounded_and_what_is_asked_for_stays() {
        let recall = recall(20_000);
        recall.keep(READER, likeness(1), &read("KEPT", 0.99), at(0));
        for number in 2..500 {
            // Some of these show too little to be remembered.
            let Some(likeness_of) = Likeness::of(&crop(number * 0x01_0101), SIZE, 1) else { continue };
            recall.keep(READER, likeness_of, &read("AB12CDE", 0.99), at(1));
            assert!(recall.find(READER, &likeness(1), at(1)).is_some(), "{number}");
            assert!(recall.snapshot().bytes <= 20_000);
        }
        let counts = recall.snapshot();
        assert!(counts.entries > 5 && counts.forgotten > 300, "{counts:?}");
        assert!(Recall::new(Settings::default()).is_none(), "off where nobody asked for it");
    }
}
