//! Wiegand: a number for a plate, its frame with parity, and the two lines that carry it. One way, without an answer.
//!
//! Without a table of card numbers it is what plate readers commonly send in 26 bits: the low 24 bits of the plate's
//! SHA-1. Such numbers can collide, and whoever knows the plate knows the number; a table is better. The access
//! controller decides; to it we are a reader.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use sha1::{Digest as _, Sha1};

use super::{
    line::{LineError, Switch},
    order::Order,
};
use crate::{clock::Clock, plate::PlateText};

/// How long a line is active for one bit. Controllers take 20 to 200 microseconds.
const BIT: Duration = Duration::from_micros(50);
/// From one bit to the next. Controllers take a pause of some tens of ms for the end of the frame.
const INTERVAL: Duration = Duration::from_millis(2);
/// A bit or a pause longer than this may have spoilt the frame: the machine was busy.
const STRETCHED: Duration = Duration::from_millis(15);

/// Where numbers come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Numbers {
    /// The low 24 bits of the plate's hash.
    Hash,
    /// The card number that the table has for the plate.
    Cards(Arc<BTreeMap<PlateText, u32>>),
}

/// How long a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bits {
    /// A number of 24 bits and two of parity.
    TwentySix,
    /// A number of 32 bits and two of parity.
    ThirtyFour,
}

impl Bits {
    const fn number(self) -> u32 {
        match self {
            Self::TwentySix => 24,
            Self::ThirtyFour => 32,
        }
    }

    /// The largest number that it carries.
    pub const fn largest(self) -> u32 {
        u32::MAX >> (32 - self.number())
    }
}

/// How a Wiegand output is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub bits: Bits,
    pub numbers: Numbers,
    /// The number sent for a manual opening; without one such are refused.
    pub manual: Option<u32>,
}

impl Settings {
    /// What to send for this order, if there is anything.
    pub(super) fn frame(&self, order: &Order) -> Option<Frame> {
        let number = match (&order.plate, &self.numbers) {
            _ if order.is_manual() => self.manual?,
            (None, _) => return None,
            (Some(plate), Numbers::Hash) => hashed(plate),
            (Some(plate), Numbers::Cards(cards)) => *cards.get(plate)?,
        };
        (number <= self.bits.largest()).then(|| Frame::of(number, self.bits.number()))
    }
}

/// The number of a plate: the low 24 bits of its SHA-1.
pub fn hashed(plate: &PlateText) -> u32 {
    let digest = Sha1::digest(plate.as_str().as_bytes());
    digest.iter().rev().take(3).rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// Plates that share their 24 bits, as pairs with the number.
pub fn collisions<'a>(
    plates: impl IntoIterator<Item = &'a PlateText>,
) -> Vec<(&'a PlateText, &'a PlateText, u32)> {
    let mut first: HashMap<u32, &PlateText> = HashMap::new();
    let mut found = Vec::new();
    for plate in plates {
        let number = hashed(plate);
        match first.get(&number) {
            Some(earlier) if *earlier == plate => {}
            Some(earlier) => found.push((*earlier, plate, number)),
            None => drop(first.insert(number, plate)),
        }
    }
    found
}

/// A number with its two parity bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    bits: u64,
    length: u32,
}

impl Frame {
    /// Even parity over the first half goes before the number, odd parity over the second half behind it.
    fn of(number: u32, length: u32) -> Self {
        let (number, half) = (u64::from(number), length / 2);
        let ones = |part: u64| u64::from(part.count_ones() % 2);
        let (even, odd) = (ones(number >> half), 1 - ones(number & ((1 << half) - 1)));
        Self { bits: even << (length + 1) | number << 1 | odd, length: length + 2 }
    }

    /// First bit first.
    fn bits(self) -> impl Iterator<Item = bool> {
        (0..self.length).rev().map(move |at| self.bits >> at & 1 == 1)
    }
}

/// The lines D0 and D1: a bit is a short pulse on one of them.
#[derive(Debug)]
pub(super) struct Port<L> {
    zero: L,
    one: L,
}

impl<L: Switch> Port<L> {
    pub(super) const fn new(zero: L, one: L) -> Self {
        Self { zero, one }
    }

    /// Sends a frame; tells if the machine was too busy to keep its time.
    pub(super) fn send(&self, frame: Frame, clock: &dyn Clock) -> Result<(), String> {
        let mut longest = Duration::ZERO;
        let began = clock.now();
        let mut next = began;
        for bit in frame.bits() {
            let line = if bit { &self.one } else { &self.zero };
            let start = clock.now();
            let pulsed = line.set(true).and_then(|()| {
                // Too short for a sleep to be of use.
                while clock.now().since(start) < BIT {
                    std::hint::spin_loop();
                }
                line.set(false)
            });
            if let Err(error) = pulsed {
                self.rest();
                return Err(error.to_string());
            }
            longest = longest.max(clock.now().since(next));
            next = start + INTERVAL;
            clock.sleep(next.since(clock.now()));
        }
        if longest > STRETCHED {
            return Err(format!(
                "the machine was too busy to keep the time of the bits ({} ms late): the controller may have dropped \
                 the number",
                longest.as_millis()
            ));
        }
        Ok(())
    }

    pub(super) fn rest(&self) {
        for line in [&self.zero, &self.one] {
            if let Err::<(), LineError>(error) = line.set(false) {
                tracing::error!(%error, "a Wiegand line stays switched on");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    };

    use super::*;
    use crate::clock::{Moment, SystemClock};

    fn plate(text: &str) -> PlateText {
        PlateText::normalise(text).unwrap()
    }

    fn shown(frame: Frame) -> String {
        frame.bits().map(|bit| if bit { '1' } else { '0' }).collect()
    }

    #[test]
    fn a_plate_has_the_number_that_other_readers_send() {
        assert_eq!(hashed(&plate("hk55 evb")), 0x80_cf15);
        assert_eq!(shown(Frame::of(0x80_cf15, 24)), "1".to_owned() + "100000001100" + "111100010101" + "0");
    }

    #[test]
    fn parity_is_even_over_the_first_half_and_odd_over_the_second() {
        for number in [0u32, 1, 0x8000_0000, 0xffff_ffff, 0x1234_5678, 0x0001_0000, 2_147_483_647] {
            for length in [24u32, 32] {
                let number = if length == 24 { number & 0xff_ffff } else { number };
                let bits: Vec<bool> = Frame::of(number, length).bits().collect();
                assert_eq!(bits.len() as u32, length + 2);
                let half = bits.len() / 2;
                let ones = |part: &[bool]| part.iter().filter(|bit| **bit).count();
                assert_eq!(ones(&bits[..half]) % 2, 0, "{number:x}");
                assert_eq!(ones(&bits[half..]) % 2, 1, "{number:x}");
                let middle = bits[1..bits.len() - 1].iter().fold(0u64, |n, bit| n << 1 | u64::from(*bit));
                assert_eq!(middle, u64::from(number));
            }
        }
    }

    #[test]
    fn plates_that_share_a_number_are_found_and_the_same_plate_twice_is_none() {
        // Found by search: two of the first plates of this form whose hashes end alike.
        let mut seen: HashMap<u32, String> = HashMap::new();
        let twins = (0..100_000u32).find_map(|n| {
            let text = format!("AB{n:05}");
            let earlier = seen.insert(hashed(&plate(&text)), text.clone())?;
            Some((plate(&earlier), plate(&text)))
        });
        let (a, b) = twins.unwrap();
        let other = plate("HK55EVB");
        let found = collisions([&a, &other, &b, &a]);
        assert_eq!(found, [(&a, &b, hashed(&a))]);
        assert!(collisions([&a, &other, &a]).is_empty());
    }

    #[test]
    fn a_plate_without_a_card_and_a_person_without_a_number_get_nothing() {
        let order = |text: Option<&str>| {
            let decided = crate::fact::sample::decided(&crate::fact::sample::closed(2));
            let mut order = Order::of(&decided, Duration::from_secs(1)).unwrap();
            order.plate = text.map(plate);
            order
        };
        let person = Order::manual(
            "uid 0".into(),
            "x".into(),
            Duration::ZERO,
            Moment::ZERO,
            jiff::Timestamp::UNIX_EPOCH,
        );
        let cards = Arc::new(BTreeMap::from([(plate("AB12CDE"), 4711)]));
        let mut settings = Settings { bits: Bits::ThirtyFour, numbers: Numbers::Cards(cards), manual: None };
        assert_eq!(settings.frame(&order(Some("AB12CDE"))), Some(Frame::of(4711, 32)));
        assert_eq!(settings.frame(&order(Some("AB12CDF"))), None);
        assert_eq!(settings.frame(&order(None)), None);
        assert_eq!(settings.frame(&person), None);
        settings.manual = Some(12);
        assert_eq!(settings.frame(&person), Some(Frame::of(12, 32)));
        settings.manual = Some(0x100_0000);
        assert!(settings.frame(&person).is_some());
        settings.bits = Bits::TwentySix;
        assert_eq!(settings.frame(&person), None, "a number that does not fit is not cut");
        assert_eq!(settings.frame(&order(Some("AB12CDE"))), Some(Frame::of(4711, 24)));
        let hashes = Settings { bits: Bits::TwentySix, numbers: Numbers::Hash, manual: None };
        assert_eq!(hashes.frame(&order(Some("HK55EVB"))), Some(Frame::of(0x80_cf15, 24)));
    }

    /// One wire of a pair that writes down which of the two pulsed.
    #[derive(Debug)]
    struct Wire {
        name: char,
        heard: Arc<Mutex<String>>,
        on: Arc<AtomicU32>,
    }

    impl Switch for Wire {
        fn set(&self, on: bool) -> Result<(), LineError> {
            if on {
                assert_eq!(self.on.fetch_add(1, Ordering::SeqCst), 0, "two wires at a time");
                self.heard.lock().unwrap().push(self.name);
            } else {
                self.on.store(0, Ordering::SeqCst);
            }
            Ok(())
        }
    }

    #[test]
    fn every_bit_is_one_pulse_on_its_own_line() {
        let (heard, on) = (Arc::new(Mutex::new(String::new())), Arc::new(AtomicU32::new(0)));
        let wire = |name| Wire { name, heard: Arc::clone(&heard), on: Arc::clone(&on) };
        let port = Port::new(wire('0'), wire('1'));
        let clock = SystemClock::start();
        // A busy machine may stretch the time; the bits are sent all the same.
        let _ = port.send(Frame::of(0x80_cf15, 24), &clock);
        assert_eq!(*heard.lock().unwrap(), "11000000011001111000101010");
        assert_eq!(on.load(Ordering::SeqCst), 0);
        assert!(clock.now() >= Moment::from_micros(50_000), "26 bits in {:?}", clock.now());
    }
}
