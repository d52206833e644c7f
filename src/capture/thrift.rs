//! Which units of an encoded stream go to the decoder, and which wait or are left out.
//!
//! Pure: units and times in, units out. At rest only key frames are decoded. What follows a key frame is kept until
//! the next one comes, so that whoever wakes the camera in between has every picture from there on; a unit that is
//! much larger than its neighbours is a hint that something moves, and has the kept ones decoded for a look.

use std::{collections::VecDeque, time::Duration};

use super::attention::{Decode, RESTING_INTERVAL};
use crate::clock::Moment;

/// What may be kept between two key frames. A stream beyond this is taken up again at its next key frame.
const MOST_KEPT: usize = 600;
const MOST_KEPT_BYTES: usize = 16 << 20;
/// Later than this, pictures that no other needs are left out;
const LATE: Duration = Duration::from_millis(300);
/// later than this, everything up to the next key frame.
const HOPELESS: Duration = Duration::from_millis(1_500);
/// Between two looks that a large unit asks for.
const HINT_GAP: Duration = Duration::from_millis(300);
/// At rest, something of a stream is decoded this often at least, however far its key frames are apart.
const LONGEST_REST: Duration = Duration::from_millis(2_500);
/// A stream without a key frame for this long has none (some refresh a part of the picture at a time): everything is
/// decoded as it comes.
const KEYLESS: Duration = Duration::from_secs(30);
/// Units whose sizes must be known before one can be called large.
const LEARNING: u32 = 12;

/// One picture as it came from the camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unit {
    pub data: Vec<u8>,
    /// Counts the units of a stream as they came; goes on where the camera's stamps jump.
    pub number: i64,
    /// The camera's stamp, in its own ticks.
    pub stamp: i64,
    /// It stands for itself.
    pub key: bool,
    /// It comes without the parameter sets that it needs.
    pub bare: bool,
    /// What came before it was not decoded: the decoder begins anew.
    pub anew: bool,
    /// No other picture needs it.
    pub disposable: bool,
    /// It builds on what came before the last key frame.
    pub leading: bool,
    /// Something before it was lost on the way.
    pub torn: bool,
}

/// What one unit led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Outcome {
    /// Units left out for good.
    pub left_out: u64,
    /// Units left out because they build on what was lost on the way.
    pub torn: u64,
    /// Units with numbers before this are only decoded because later ones need them: nobody looks at them.
    pub catch_up_to: Option<i64>,
    /// That was for the size of a unit; whether it was worth it is to be said.
    pub hinted: bool,
}

impl Outcome {
    const fn left_out(units: u64) -> Self {
        Self { left_out: units, torn: 0, catch_up_to: None, hinted: false }
    }
}

#[derive(Debug)]
pub(super) struct Thrift {
    decode: Decode,
    ready: VecDeque<Unit>,
    kept: VecDeque<Unit>,
    kept_bytes: usize,
    /// A unit was left out on which the following ones build: nothing can be decoded before a key frame.
    cut: Option<Cut>,
    /// Something between the last two key frames was left out, or there is only one.
    gap_before_key: bool,
    /// When a unit last went to the decoder, a key frame did,
    last_fed: Option<Moment>,
    last_key: Option<Moment>,
    /// and when a key frame came at all; the first unit, before the first one.
    key_came: Option<Moment>,
    hint: Hint,
}

/// Why nothing can be decoded before a key frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// We left a unit out.
    Ours,
    /// One was lost on the way.
    Lost,
}

impl Thrift {
    pub(super) fn new(decode: Decode) -> Self {
        Self {
            decode,
            ready: VecDeque::new(),
            kept: VecDeque::new(),
            kept_bytes: 0,
            // A stream may begin in the middle, as far as we know: the decoder sorts that out.
            cut: None,
            gap_before_key: true,
            last_fed: None,
            last_key: None,
            key_came: None,
            hint: Hint::default(),
        }
    }

    /// The next unit for the decoder.
    pub(super) fn next(&mut self) -> Option<Unit> {
        self.ready.pop_front()
    }

    /// Takes a unit that arrived at `now`, so much later than it could have.
    pub(super) fn offer(&mut self, unit: Unit, awake: bool, late: Duration, now: Moment) -> Outcome {
        if unit.key {
            self.key_came = Some(now);
            return self.offer_key(unit, awake, late, now);
        }
        if self.is_keyless(now) {
            // The first time, what was kept may be what it builds on.
            let catch_up_to = (!self.kept.is_empty()).then_some(unit.number);
            self.cut = None;
            self.drain_kept();
            self.feed(unit, now);
            return Outcome { catch_up_to, ..Outcome::default() };
        }
        let large = self.hint.sees(unit.data.len(), now);
        if self.decode == Decode::Key {
            return Outcome::left_out(1);
        }
        if unit.torn && self.cut.is_none() {
            // What the decoder would make up for the missing picture is no picture of a plate.
            let left_out = self.forget_kept();
            self.cut = Some(Cut::Lost);
            return Outcome { torn: 1, ..Outcome::left_out(left_out) };
        }
        if unit.leading && self.gap_before_key && self.cut.is_none() {
            return Outcome::left_out(1);
        }
        if late > HOPELESS && self.cut.is_none() {
            let dropped = self.forget_kept();
            self.cut = Some(Cut::Ours);
            return Outcome::left_out(dropped + 1);
        }
        match self.cut {
            Some(Cut::Lost) => return Outcome { torn: 1, ..Outcome::default() },
            Some(Cut::Ours) => return Outcome::left_out(1),
            None if late > LATE && unit.disposable => return Outcome::left_out(1),
            None => {}
        }
        // Key frames that are far apart would leave us blind for as long.
        let overdue = self.last_fed.is_none_or(|last| now.since(last) >= LONGEST_REST);
        if awake || large || overdue {
            let catch_up_to = (!self.kept.is_empty()).then_some(unit.number);
            self.drain_kept();
            self.feed(unit, now);
            return Outcome { catch_up_to, hinted: large && !awake, ..Outcome::default() };
        }
        self.keep(unit)
    }

    fn offer_key(&mut self, unit: Unit, awake: bool, late: Duration, now: Moment) -> Outcome {
        let (left_out, cut) = (self.forget_kept(), self.cut.take());
        let has_gap = left_out > 0 || cut.is_some() || unit.torn || self.decode == Decode::Key;
        self.gap_before_key = has_gap || self.last_key.is_none();
        let unit = Unit { anew: self.gap_before_key, ..unit };
        if late > LATE && unit.disposable {
            return Outcome::left_out(left_out + 1);
        }
        let due = self.last_key.is_none_or(|last| now.since(last) >= RESTING_INTERVAL);
        if awake || due {
            self.last_key = Some(now);
            self.feed(unit, now);
            return Outcome::left_out(left_out);
        }
        let mut outcome = self.keep(unit);
        outcome.left_out += left_out;
        outcome
    }

    fn drain_kept(&mut self) {
        self.ready.extend(self.kept.drain(..));
        self.kept_bytes = 0;
    }

    fn feed(&mut self, unit: Unit, now: Moment) {
        self.last_fed = Some(now);
        self.ready.push_back(unit);
    }

    fn keep(&mut self, unit: Unit) -> Outcome {
        if self.kept.len() >= MOST_KEPT || self.kept_bytes + unit.data.len() > MOST_KEPT_BYTES {
            let dropped = self.forget_kept();
            self.cut = Some(Cut::Ours);
            return Outcome::left_out(dropped + 1);
        }
        self.kept_bytes += unit.data.len();
        self.kept.push_back(unit);
        Outcome::default()
    }

    fn forget_kept(&mut self) -> u64 {
        let forgotten = self.kept.len() as u64;
        self.kept.clear();
        self.kept_bytes = 0;
        forgotten
    }

    /// No key frame has come for so long that none is waited for.
    pub(super) fn is_keyless(&mut self, now: Moment) -> bool {
        now.since(*self.key_came.get_or_insert(now)) > KEYLESS
    }

    /// A look that a large unit asked for showed nothing: such sizes mean less here.
    pub(super) fn hint_was_wrong(&mut self) {
        self.hint.trust_less();
    }
}

/// Learns the usual sizes of units, and notices a large one.
#[derive(Debug)]
struct Hint {
    mean: f32,
    spread: f32,
    seen: u32,
    /// How many spreads above the mean are large; grows with every false alarm.
    wary: f32,
    last: Option<Moment>,
}

impl Default for Hint {
    fn default() -> Self {
        Self { mean: 0.0, spread: 0.0, seen: 0, wary: Self::LEAST, last: None }
    }
}

impl Hint {
    const LEAST: f32 = 4.0;
    const MOST: f32 = 64.0;

    fn sees(&mut self, bytes: usize, now: Moment) -> bool {
        let bytes = bytes as f32;
        let limit = self.mean + (self.wary * self.spread).max(self.mean).max(400.0);
        let is_large = self.seen >= LEARNING && bytes > limit;
        // Large ones teach slowly, so that a vehicle does not hide its own end, but a new normal is learnt.
        let weight = if self.seen < LEARNING { 1.0 / (self.seen + 1) as f32 } else { 0.04 };
        let step = (bytes - self.mean) * weight;
        self.mean += if is_large { step * 0.25 } else { step };
        self.spread +=
            ((bytes - self.mean).abs() - self.spread) * if is_large { weight * 0.25 } else { weight };
        self.seen = self.seen.saturating_add(1);
        // A false alarm is forgotten over some thousand units.
        self.wary = (self.wary * 0.9995).max(Self::LEAST);
        let due = self.last.is_none_or(|last| now.since(last) >= HINT_GAP);
        if is_large && due {
            self.last = Some(now);
            return true;
        }
        false
    }

    fn trust_less(&mut self) {
        self.wary = (self.wary * 1.5).min(Self::MOST);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FRAME: u64 = 40_000;
    const NONE: [i64; 0] = [];

    struct Stream {
        thrift: Thrift,
        n: u64,
        outcome: Outcome,
    }

    impl Stream {
        fn new(decode: Decode) -> Self {
            Self { thrift: Thrift::new(decode), n: 0, outcome: Outcome::default() }
        }

        /// One more unit (`K` key, `T` key after a loss, `P`, `b` disposable, `l` leading, `L` large, `H` huge, `J` JPEG, `X` after a loss, `x`
        /// leading and after a loss); the numbers that go to the decoder now.
        fn unit(&mut self, kind: char, awake: bool, late_ms: u64) -> Vec<i64> {
            let bytes = match kind {
                'L' => 9_000,
                'H' => 9 << 20,
                _ => 500,
            };
            let unit = Unit {
                data: vec![0; bytes],
                number: self.n as i64,
                stamp: 0,
                key: matches!(kind, 'K' | 'J' | 'T'),
                bare: false,
                anew: false,
                disposable: matches!(kind, 'b' | 'J'),
                leading: matches!(kind, 'l' | 'x'),
                torn: matches!(kind, 'X' | 'x' | 'T'),
            };
            let now = Moment::from_micros(self.n * FRAME);
            self.n += 1;
            self.outcome = self.thrift.offer(unit, awake, Duration::from_millis(late_ms), now);
            std::iter::from_fn(|| self.thrift.next()).map(|unit| unit.number).collect()
        }

        fn units(&mut self, kinds: &str, awake: bool, late_ms: u64) -> Vec<i64> {
            kinds.chars().flat_map(|kind| self.unit(kind, awake, late_ms)).collect()
        }
    }

    #[test]
    fn awake_everything_is_decoded_and_at_rest_key_frames_are() {
        assert_eq!(Stream::new(Decode::All).units("KPPKPP", true, 0), [0, 1, 2, 3, 4, 5]);
        assert_eq!(Stream::new(Decode::Auto).units("KPPPPPKPPPPPK", false, 0), [0, 6, 12]);
        assert_eq!(Stream::new(Decode::Key).units("KPPPPPKPPPPPK", false, 0), [0, 6, 12]);
    }

    #[test]
    fn whoever_wakes_it_in_between_has_every_picture_from_the_key_frame_on() {
        let mut stream = Stream::new(Decode::Auto);
        assert_eq!(stream.units("KPPP", false, 0), [0]);
        assert_eq!(stream.unit('P', true, 0), [1, 2, 3, 4]);
        assert_eq!(stream.outcome.catch_up_to, Some(4));
        assert_eq!(stream.units("PP", true, 0), [5, 6]);
        assert_eq!(stream.outcome.catch_up_to, None);
        assert_eq!(stream.units("PP", false, 0), NONE, "at rest again");
        assert_eq!(stream.unit('P', true, 0), [7, 8, 9], "without a gap");
    }

    #[test]
    fn a_large_unit_asks_for_a_look_and_is_trusted_less_when_it_shows_nothing() {
        let mut stream = Stream::new(Decode::Auto);
        assert_eq!(stream.units("KPPPPPPPPPPPPPP", false, 0), [0]);
        assert_eq!(stream.unit('L', false, 0).last(), Some(&15));
        assert_eq!(stream.units("PPLP", false, 0), NONE, "not twice within a moment");
        let looks = |stream: &mut Stream, wrong: bool| {
            (0..60)
                .filter(|n| {
                    let kind = match n % 30 {
                        0 => 'K',
                        9 | 19 | 29 => 'L',
                        _ => 'P',
                    };
                    let seen = !stream.unit(kind, false, 0).is_empty() && kind == 'L';
                    if seen && wrong {
                        (0..8).for_each(|_| stream.thrift.hint_was_wrong());
                    }
                    seen
                })
                .count()
        };
        let (before, after) = (looks(&mut stream, true), looks(&mut stream, false));
        assert!(before >= 1 && after == 0, "{before} {after}");
    }

    #[test]
    fn what_is_late_leaves_out_what_no_other_needs_and_then_everything_up_to_a_key_frame() {
        let mut stream = Stream::new(Decode::All);
        assert_eq!(stream.units("KbPbP", true, 400), [0, 2, 4]);
        assert_eq!(stream.units("PbP", true, 2_000), NONE);
        assert_eq!(stream.units("PP", true, 0), NONE, "they build on what was left out");
        assert_eq!(stream.units("KPb", true, 100), [10, 11, 12]);
    }

    #[test]
    fn pictures_that_stand_for_themselves_are_taken_five_times_a_second_at_rest() {
        let mut stream = Stream::new(Decode::Auto);
        assert_eq!(stream.units(&"K".repeat(25), false, 0).len(), 5);
        assert_eq!(stream.units("KKKK", true, 0).len(), 4);
    }

    #[test]
    fn what_builds_on_something_lost_is_left_out_up_to_a_key_frame() {
        let mut stream = Stream::new(Decode::All);
        assert_eq!(stream.units("KPXPP", true, 0), [0, 1]);
        assert_eq!((stream.outcome.torn, stream.outcome.left_out), (1, 0));
        assert_eq!(stream.units("KP", true, 0), [5, 6]);
        let mut stream = Stream::new(Decode::Auto);
        stream.units("KPPX", false, 0);
        assert_eq!(stream.unit('P', true, 0), NONE, "whoever wakes it has nothing made up");
        assert_eq!(stream.unit('K', true, 0), [5]);
    }

    #[test]
    fn what_builds_on_pictures_before_a_key_frame_is_decoded_only_after_all_of_them() {
        assert_eq!(Stream::new(Decode::All).units("KllPKllP", true, 0), [0, 3, 4, 5, 6, 7]);
        let mut stream = Stream::new(Decode::All);
        stream.units("KP", true, 0);
        assert_eq!(stream.units("XKlP", true, 0), [3, 5], "something was lost");
        assert_eq!(stream.units("KxPKP", true, 0), [6, 9, 10], "and who knows what, before a leading one");
        assert_eq!(stream.units("PTlP", true, 0), [11, 12, 14], "or right before the key frame");
        let mut stream = Stream::new(Decode::Auto);
        assert_eq!(stream.units("KPPPPP", false, 0), [0]);
        assert_eq!(stream.units("KlP", true, 0), [6, 8], "at rest nothing was decoded in between");
        assert_eq!(stream.units("KlP", true, 0), [9, 10, 11]);
    }

    #[test]
    fn pictures_that_stand_for_themselves_are_left_out_when_late() {
        let mut stream = Stream::new(Decode::All);
        assert_eq!(stream.units("JJ", true, 0), [0, 1]);
        assert_eq!(stream.units("JJ", true, 400), NONE);
        assert_eq!(stream.units("J", true, 100), [4]);
    }

    #[test]
    fn however_far_key_frames_are_apart_something_is_looked_at() {
        let mut stream = Stream::new(Decode::Auto);
        stream.unit('K', false, 0);
        let fed = stream.units(&"P".repeat(200), false, 0);
        assert_eq!(fed, (1..=fed.len() as i64).collect::<Vec<_>>(), "each as it builds on the one before");
        assert!(fed.len() > 180 && !stream.outcome.hinted, "{fed:?}");
    }

    #[test]
    fn a_stream_without_key_frames_fills_no_memory_and_is_decoded_as_it_comes_in_the_end() {
        let mut stream = Stream::new(Decode::Auto);
        stream.unit('K', false, 0);
        stream.units(&"P".repeat(749), false, 0);
        assert!(stream.thrift.kept.len() <= 63);
        stream.unit('P', false, 0);
        let fed = stream.units("PP", false, 0);
        assert!(fed.ends_with(&[750, 751, 752]) && fed.is_sorted(), "what was kept, and then each: {fed:?}");
        assert_eq!(stream.units("PP", false, 0), [753, 754]);
        assert_eq!(stream.units("KPP", false, 0), [755], "until one comes");

        let mut stream = Stream::new(Decode::Auto);
        assert_eq!(stream.units("KHH", false, 0), [0]);
        assert!(stream.thrift.kept_bytes <= MOST_KEPT_BYTES);
        assert_eq!(stream.unit('P', true, 0), NONE, "the chain is cut");
    }

    proptest! {
        /// Whatever comes: units leave in order, never after a gap, and each is decoded, left out or kept.
        #[test]
        fn nothing_is_decoded_that_builds_on_something_left_out(
            steps in prop::collection::vec((prop::sample::select(vec!['K', 'T', 'P', 'P', 'b', 'l', 'L', 'X']), any::<bool>(), 0u64..2_500), 1..300),
        ) {
            let mut stream = Stream::new(Decode::Auto);
            let (mut last, mut decoded, mut left_out) = (-1i64, 0u64, 0u64);
            let kinds: Vec<char> = steps.iter().map(|step| step.0).collect();
            for (kind, awake, late) in steps {
                for number in stream.unit(kind, awake, late) {
                    prop_assert!(number > last);
                    let gap = (last + 1..number).all(|n| matches!(kinds[n as usize], 'b' | 'l'));
                    prop_assert!(gap || matches!(kinds[number as usize], 'K' | 'T') || last == -1, "{last} to {number}");
                    (last, decoded) = (number, decoded + 1);
                }
                left_out += stream.outcome.left_out + stream.outcome.torn;
            }
            prop_assert_eq!(decoded + left_out + stream.thrift.kept.len() as u64, kinds.len() as u64);
        }
    }
}
