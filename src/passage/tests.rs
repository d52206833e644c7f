//! Passages fed frame by frame: what opens, decides and closes them, and what they ask to be read.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::{
    plate::Confidence,
    read::Quality,
    track::{Ended, Seen},
};

/// A gate camera of ten frames a second, moved by hand.
struct Gate {
    passages: Passages,
    tenth: u64,
    /// What the wall clock is ahead of the monotonic time, in seconds.
    wall_ahead: i64,
}

fn seen(track: u64, x: f32) -> Seen {
    let area = Rect::new(x, 300.0, 90.0, 22.0);
    Seen { track: TrackId(track), detection: 0, area, counts: true, direction: None, speed: 1.0 }
}

fn read(text: &str, confidence: f32) -> PlateRead {
    let p = Confidence::new(confidence.powf(1.0 / text.len() as f32));
    PlateRead {
        text: PlateText::normalise(text).unwrap(),
        confidence: Confidence::new(confidence),
        chars: text.chars().map(|c| CharRead { c, p, others: Vec::new() }).collect(),
        quality: Quality { height: 22.0, sharpness: 0.8 },
        engine: EngineKind::Cpu,
        model: "reader".to_owned(),
        took: Duration::from_millis(4),
    }
}

impl Gate {
    fn new(settings: Settings) -> Self {
        let ids = Box::new(CountedIds::default());
        Self {
            passages: Passages::new(CameraId::new("gate"), true, settings, ids),
            tenth: 0,
            wall_ahead: 1_790_000_000,
        }
    }

    fn now(&self) -> Moment {
        Moment::from_micros(self.tenth * 100_000)
    }

    fn step(&mut self, step: &Step, reads: &[(u64, PlateRead)]) -> Vec<Event> {
        let captured = self.now();
        let area = |track| step.seen.iter().find(|s| s.track == track).map_or(Rect::default(), |s| s.area);
        let reads: Vec<_> = reads
            .iter()
            .map(|(track, read)| {
                let track = TrackId(*track);
                TrackRead { track, captured, area: area(track), read: read.clone() }
            })
            .collect();
        let second = self.wall_ahead + i64::try_from(self.tenth / 10).unwrap();
        let wall = Timestamp::from_second(second).unwrap();
        let receipt = Receipt { captured, ..Receipt::default() };
        let events = self.passages.step(&Scene { receipt, wall, step, reads: &reads });
        self.tenth += 1;
        events
    }

    /// One frame: where which track is, and what was read of it.
    fn frame(&mut self, plates: &[(u64, f32, Option<&str>)]) -> Vec<Event> {
        let step = Step { seen: plates.iter().map(|p| seen(p.0, p.1)).collect(), ..Step::default() };
        let reads: Vec<_> = plates.iter().filter_map(|p| Some((p.0, read(p.2?, 0.9)))).collect();
        self.step(&step, &reads)
    }

    /// The track ends and this much time passes.
    fn leave(&mut self, track: u64, seconds: u64) -> Vec<Event> {
        let at = self.now();
        let last_area = Rect::default();
        let ended =
            Ended { track: TrackId(track), began: at, last_seen: at, hits: 1, last_area, direction: None };
        let mut events = self.step(&Step { ended: vec![ended], ..Step::default() }, &[]);
        for _ in 0..seconds * 10 {
            events.extend(self.step(&Step::default(), &[]));
        }
        events
    }
}

/// `opened AB12CDE`, `decided AB12CDE`, `closed AB12CDE`.
fn told(events: &[Event]) -> Vec<String> {
    let tell = |event: &Event| {
        let text = event.passage().reading.as_ref().map_or("nothing", |r| r.text.as_str());
        match event {
            Event::Opened(_) => format!("opened {text}"),
            Event::Decided(_) => format!("decided {text}"),
            Event::Closed { .. } => format!("closed {text}"),
        }
    };
    events.iter().map(tell).collect()
}

#[test]
fn the_second_good_read_decides_at_once_and_only_once() {
    let mut gate = Gate::new(Settings::default());
    assert_eq!(told(&gate.frame(&[(1, 100.0, Some("AB12CDE"))])), Vec::<String>::new());
    let events = gate.frame(&[(1, 104.0, Some("AB12CDE"))]);
    assert_eq!(told(&events), ["opened AB12CDE", "decided AB12CDE"]);
    assert_eq!(events[1].passage().receipt.captured, Moment::from_micros(100_000));
    assert_eq!(told(&gate.frame(&[(1, 108.0, Some("AB12CDE"))])), Vec::<String>::new());
    let events = gate.leave(1, 6);
    assert_eq!(told(&events), ["closed AB12CDE"]);
    let passage = events[0].passage();
    assert_eq!((passage.frames, passage.tracks, passage.live), (3, 1, true));
}

#[test]
fn a_track_that_passes_to_another_vehicle_is_two_passages() {
    let mut gate = Gate::new(Settings::default());
    let mut events = Vec::new();
    for text in ["AB12CDE", "AB12CDE", "AB12CDE", "KX07FFF", "KX07FFF", "KX07FFF"] {
        events.extend(gate.frame(&[(1, 100.0, Some(text))]));
    }
    events.extend(gate.leave(1, 6));
    events.extend(gate.passages.flush());
    let expected = [
        "opened AB12CDE",
        "decided AB12CDE",
        "opened KX07FFF",
        "decided KX07FFF",
        "closed AB12CDE",
        "closed KX07FFF",
    ];
    assert_eq!(told(&events), expected);
    assert_eq!(gate.passages.counts().split, 1);
}

#[test]
fn one_read_of_something_else_changes_nothing() {
    let mut gate = Gate::new(Settings::default());
    let mut events = Vec::new();
    for text in ["AB12CDE", "AB12CDE", "KX07FFF", "AB12CDE", "12CDE", "PP55QQQ", "AB12CDE"] {
        events.extend(gate.frame(&[(1, 100.0, Some(text))]));
    }
    events.extend(gate.passages.flush());
    assert_eq!(told(&events), ["opened AB12CDE", "decided AB12CDE", "closed AB12CDE"]);
    assert_eq!((gate.passages.counts().outliers, gate.passages.counts().split), (2, 0));
}

#[test]
fn different_plates_at_one_time_are_never_one_passage() {
    let mut gate = Gate::new(Settings::default());
    let mut events = Vec::new();
    for _ in 0..4 {
        events.extend(gate.frame(&[(1, 100.0, Some("AB12CDE")), (2, 400.0, Some("A812CDE"))]));
    }
    events.extend(gate.passages.flush());
    assert_eq!(events.iter().filter(|e| matches!(e, Event::Closed { .. })).count(), 2, "{:?}", told(&events));
}

#[test]
fn a_broken_track_is_one_passage_and_a_return_is_another() {
    let mut gate = Gate::new(Settings::default());
    let mut events = Vec::new();
    let mut stay = |gate: &mut Gate, track, away| {
        events.extend(gate.frame(&[(track, 100.0, Some("AB12CDE"))]));
        events.extend(gate.frame(&[(track, 103.0, Some("AB12CDE"))]));
        events.extend(gate.leave(track, away));
    };
    stay(&mut gate, 1, 3);
    stay(&mut gate, 2, 20);
    stay(&mut gate, 3, 20);
    let one = ["opened AB12CDE", "decided AB12CDE", "closed AB12CDE"];
    assert_eq!(told(&events), [one, one].concat());
    assert_eq!(events[2].passage().tracks, 2);
    assert_ne!(events[0].passage().id, events[3].passage().id);
}

#[test]
fn a_plate_without_a_text_is_told_when_it_was_plain_to_see_and_only_if_wanted() {
    for tell_unread in [true, false] {
        let mut gate = Gate::new(Settings { tell_unread, ..Settings::default() });
        let mut events = Vec::new();
        for i in 0..40 {
            events.extend(gate.frame(&[(1, 100.0 + i as f32, None)]));
        }
        events.extend(gate.leave(1, 6));
        let expected: &[&str] = if tell_unread { &["opened nothing", "closed nothing"] } else { &[] };
        assert_eq!(told(&events), expected);
    }
    let mut gate = Gate::new(Settings::default());
    let mut events = gate.frame(&[(1, 100.0, None)]);
    events.extend(gate.leave(1, 6));
    assert_eq!((told(&events), gate.passages.counts().dropped), (Vec::new(), 1));
}

#[test]
fn a_jump_of_the_wall_clock_makes_no_stay_negative() {
    let mut gate = Gate::new(Settings::default());
    gate.frame(&[(1, 100.0, Some("AB12CDE"))]);
    gate.wall_ahead -= 86_400;
    gate.tenth += 20;
    gate.frame(&[(1, 103.0, Some("AB12CDE"))]);
    let events = gate.passages.flush();
    let passage = events[0].passage();
    let stay = passage.ended.unwrap().duration_since(passage.began);
    assert_eq!(stay.as_millis(), 2_100);
}

#[test]
fn a_sure_plate_is_read_again_ever_more_seldom() {
    let mut gate = Gate::new(Settings::default());
    let mut reads = 0;
    for _ in 0..600 {
        let wants = gate.passages.wants_read(&seen(1, 100.0), gate.now()).is_some();
        reads += u32::from(wants);
        gate.frame(&[(1, 100.0, wants.then_some("AB12CDE"))]);
    }
    // Two to be sure, then after 1, 2, 4, 8, 16, 32 seconds: a minute in all.
    assert!((6..=9).contains(&reads), "{reads}");
}

#[test]
fn newcomers_are_read_first_and_plates_out_of_the_zone_never() {
    let mut gate = Gate::new(Settings::default());
    gate.frame(&[(1, 100.0, Some("AB12CDE")), (2, 400.0, Some("KX07FFF"))]);
    gate.frame(&[(1, 100.0, Some("AB12CDE")), (2, 400.0, None)]);
    let wants = |track| gate.passages.wants_read(&seen(track, 100.0), gate.now());
    assert!(wants(3) > wants(2) && wants(2) > wants(1) && wants(1).is_none());
    assert_eq!(gate.passages.wants_read(&Seen { counts: false, ..seen(3, 1.0) }, gate.now()), None);
}

#[test]
fn a_crowd_is_bounded_and_counted() {
    let mut gate = Gate::new(Settings { max_visits: 3, ..Settings::default() });
    let crowd: Vec<_> = (0..5).map(|i| (i, 100.0 * i as f32, None)).collect();
    gate.frame(&crowd);
    assert_eq!((gate.passages.present(), gate.passages.counts().refused), (3, 2));
}

#[derive(Debug, Clone)]
struct AnyFrame {
    gap: u64,
    plates: Vec<(u64, f32, Option<&'static str>, f32, bool)>,
    ends: Vec<u64>,
}

fn any_frame() -> impl Strategy<Value = AnyFrame> {
    let text = prop::option::weighted(
        0.7,
        prop::sample::select(vec!["AB12CDE", "A812CDE", "12CDE", "KX07FFF", "KX01FFF", "ZZ", "P1"]),
    );
    let plate = (0u64..5, 0.0f32..600.0, text, 0.0f32..1.0, prop::bool::weighted(0.9));
    let plates = prop::collection::vec(plate, 0..4);
    (0u64..80, plates, prop::collection::vec(0u64..5, 0..2)).prop_map(|(gap, mut plates, ends)| {
        plates.sort_by_key(|p| p.0);
        plates.dedup_by_key(|p| p.0);
        AnyFrame { gap: gap.saturating_sub(50), plates, ends }
    })
}

proptest! {
    #[test]
    fn whatever_happens_each_passage_is_opened_decided_and_closed_in_order_and_once(
        frames in prop::collection::vec(any_frame(), 1..120),
    ) {
        let mut gate = Gate::new(Settings { max_visits: 6, ..Settings::default() });
        let mut events = Vec::new();
        for frame in frames {
            gate.tenth += frame.gap;
            let at = gate.now();
            let last_area = Rect::default();
            let ended = |t: &u64| Ended {
                track: TrackId(*t), began: at, last_seen: at, hits: 1, last_area, direction: None,
            };
            let step = Step {
                seen: frame.plates.iter().map(|p| Seen { counts: p.4, ..seen(p.0, p.1) }).collect(),
                ended: frame.ends.iter().map(ended).collect(),
                ..Step::default()
            };
            let reads: Vec<_> = frame.plates.iter().filter_map(|p| Some((p.0, read(p.2?, p.3.max(0.01))))).collect();
            events.extend(gate.step(&step, &reads));
            prop_assert!(gate.passages.present() <= 6);
        }
        events.extend(gate.passages.flush());
        prop_assert_eq!(gate.passages.present(), 0);
        let mut states: BTreeMap<PassageId, u8> = BTreeMap::new();
        for event in &events {
            let state = states.entry(event.passage().id).or_default();
            let (needs, becomes): (&[u8], u8) = match event {
                Event::Opened(_) => (&[0], 1),
                Event::Decided(_) => (&[1], 2),
                Event::Closed { .. } => (&[1, 2], 3),
            };
            prop_assert!(needs.contains(state), "{:?} after {}", event, state);
            *state = becomes;
            let passage = event.passage();
            prop_assert!(passage.ended.is_none_or(|ended| ended >= passage.began));
        }
        prop_assert!(states.values().all(|state| *state == 3));
    }
}
