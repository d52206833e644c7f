//! Simulated roads: exactly one passage per vehicle, and the right text.

use amslpr::{
    clock::Moment,
    passage::{Passage, Settings},
    track::Direction,
};

use crate::{
    Middle, Outcome,
    world::{Conditions, Dice, Vehicle, detect, moment, read},
};

/// Drives the vehicles past the camera and lets everything close.
fn drive(seed: u64, vehicles: &[Vehicle], conditions: &Conditions) -> Outcome {
    drive_and_note(seed, vehicles, conditions).0
}

/// Besides, when each vehicle was read right, and whether that read was a good one.
fn drive_and_note(
    seed: u64,
    vehicles: &[Vehicle],
    conditions: &Conditions,
) -> (Outcome, Vec<Vec<(Moment, bool)>>) {
    let mut dice = Dice::new(seed);
    let mut right = vec![Vec::new(); vehicles.len()];
    let mut middle = Middle::new("gb");
    let end = vehicles.iter().map(Vehicle::end).fold(0.0, f32::max) + 130.0;
    let mut t = 0.0;
    while t < end {
        let found = detect(&mut dice, vehicles, t, conditions);
        let boxes: Vec<_> = found.iter().map(|(detection, _)| *detection).collect();
        middle.frame(moment(t), &boxes, |index| {
            let (detection, vehicle) = &found[index];
            let plate = vehicle.map(|v| vehicles[v].plate.as_str());
            let read = read(&mut dice, plate, detection.area.height, conditions)?;
            if let Some(vehicle) = vehicle.filter(|_| Some(read.text.as_str()) == plate) {
                right[vehicle].push((moment(t), read.confidence >= Settings::default().vote.good_confidence));
            }
            Some(read)
        });
        // Frames come irregularly.
        t += dice.between(0.6, 1.4) / conditions.fps;
    }
    (middle.stop(moment(end)), right)
}

/// The passages of these vehicles: their texts, in the order they closed.
fn check(name: &str, vehicles: &[Vehicle], conditions: &Conditions, expected: &[&str]) {
    for seed in 0..20 {
        let outcome = drive(seed, vehicles, conditions);
        assert_eq!(outcome.texts(), expected, "{name}, seed {seed}: {:?}", outcome.counts);
        let readings: Vec<_> = outcome.closed.iter().filter_map(|(p, _)| p.reading.as_ref()).collect();
        assert_eq!(
            outcome.decided.len(),
            expected.len(),
            "{name}, seed {seed}: not all were sure: {readings:#?}"
        );
    }
}

fn calm() -> Conditions {
    Conditions { invented: 0.0, misread: 0.005, hard: 0.1, ..Conditions::default() }
}

#[test]
fn a_car_that_comes_and_goes_is_one_passage() {
    check("approaching", &[Vehicle::approaching("AB12CDE", 1.0, 5.0, 0.3)], &calm(), &["AB12CDE"]);
    check("leaving", &[Vehicle::leaving("AB12CDE", 1.0, 5.0, -0.4)], &calm(), &["AB12CDE"]);
}

#[test]
fn the_direction_of_travel_is_told() {
    for seed in 0..20 {
        let cars =
            [Vehicle::approaching("AB12CDE", 1.0, 5.0, 0.3), Vehicle::leaving("KX07FFF", 9.0, 5.0, -1.4)];
        let directions: Vec<_> =
            drive(seed, &cars, &calm()).closed.iter().map(|(p, _)| p.direction).collect();
        assert_eq!(directions, [Some(Direction::Approaching), Some(Direction::Leaving)], "seed {seed}");
    }
}

#[test]
fn two_cars_nose_to_tail_are_two_passages_even_with_almost_the_same_plate() {
    let cars =
        [Vehicle::approaching("AB12CDE", 1.0, 4.0, 0.2), Vehicle::approaching("AB13CDE", 2.9, 4.0, 0.2)];
    check("nose to tail", &cars, &calm(), &["AB12CDE", "AB13CDE"]);
}

#[test]
fn two_cars_side_by_side_are_two_passages() {
    let cars =
        [Vehicle::approaching("AB12CDE", 1.0, 4.0, -1.3), Vehicle::approaching("KX07FFF", 1.4, 4.0, 1.3)];
    check("side by side", &cars, &calm(), &["AB12CDE", "KX07FFF"]);
}

#[test]
fn a_car_hidden_on_its_way_stays_one_passage() {
    let mut car = Vehicle::approaching("AB12CDE", 1.0, 2.0, 0.3);
    car.hidden = vec![(4.0, 7.5)];
    check("hidden", &[car], &calm(), &["AB12CDE"]);
}

#[test]
fn a_car_that_waits_at_the_gate_does_not_knock_twice() {
    let way = vec![(1.0, 20.0), (5.0, 5.0), (95.0, 5.0), (97.0, 3.0)];
    let hidden = vec![(20.0, 60.0), (70.0, 73.0)];
    let car = Vehicle { plate: "AB12CDE".to_owned(), lane: 0.2, way, hidden };
    check("waiting", &[car], &calm(), &["AB12CDE"]);
}

#[test]
fn a_crawling_car_is_one_passage() {
    check("crawling", &[Vehicle::approaching("AB12CDE", 1.0, 0.25, 0.3)], &calm(), &["AB12CDE"]);
}

#[test]
fn a_moving_car_passes_a_parked_one() {
    let parked = Vehicle {
        plate: "PK10DDD".to_owned(),
        lane: -1.6,
        way: vec![(0.0, 8.0), (60.0, 8.0)],
        hidden: vec![(21.0, 22.5)],
    };
    let passing = Vehicle::approaching("AB12CDE", 18.0, 4.0, 0.4);
    check("parked", &[parked, passing], &calm(), &["AB12CDE", "PK10DDD"]);
}

#[test]
fn the_same_car_again_is_a_new_passage() {
    let cars =
        [Vehicle::approaching("AB12CDE", 1.0, 5.0, 0.3), Vehicle::approaching("AB12CDE", 20.0, 5.0, 0.3)];
    check("seconds later", &cars, &calm(), &["AB12CDE", "AB12CDE"]);
    let later = [cars[0].clone(), Vehicle::approaching("AB12CDE", 3_000.0, 5.0, 0.3)];
    let slow = Conditions { fps: 4.0, ..calm() };
    let outcome = drive(1, &later, &slow);
    assert_eq!(outcome.texts(), ["AB12CDE", "AB12CDE"]);
}

#[test]
fn a_slow_camera_and_a_fast_car_still_make_one_passage() {
    let slow = Conditions { fps: 4.0, missed: 0.0, faint: 0.0, ..calm() };
    check("4 frames a second", &[Vehicle::approaching("AB12CDE", 1.0, 7.0, 0.6)], &slow, &["AB12CDE"]);
}

#[test]
fn what_the_detector_makes_up_is_no_passage() {
    let outcome = drive(3, &[], &Conditions { invented: 0.1, ..Conditions::default() });
    assert_eq!(outcome.texts(), Vec::<&str>::new(), "{:?}", outcome.counts);
    assert!(outcome.counts.dropped > 30, "{:?}", outcome.counts);
}

/// Busy hours under bad conditions, measured: `cargo test --test passages busy -- --nocapture` prints the table.
#[test]
fn on_a_busy_road_every_readable_vehicle_is_one_passage_with_the_right_text() {
    let conditions = Conditions::default();
    let mut tally = Tally::default();
    for seed in 0..12u64 {
        let vehicles = traffic(&mut Dice::new(1_000 + seed));
        let (outcome, right) = drive_and_note(seed, &vehicles, &conditions);
        tally.count(&vehicles, &outcome, &right);
    }
    tally.millis_from_second_good_read.sort_unstable();
    println!("{tally}");
    let readable = tally.readable as f32;
    assert!(readable > 400.0);
    assert!(tally.readable_once as f32 >= 0.98 * readable);
    assert!(tally.readable_right as f32 >= 0.98 * readable);
    assert!(tally.decided_wrong as f32 <= 0.005 * tally.decided as f32);
    assert!(tally.of_no_vehicle <= 2);
    let waits = &tally.millis_from_second_good_read;
    let p90 = waits[waits.len() * 9 / 10];
    assert!(p90 <= 500, "a tenth of the decisions came later than {p90} ms");
}

/// Forty vehicles in two directions, some of them hidden for a while, each at the heels of the last.
fn traffic(dice: &mut Dice) -> Vec<Vehicle> {
    let mut vehicles: Vec<Vehicle> = Vec::new();
    let mut start = 1.0;
    for _ in 0..40 {
        let plate = dice.plate();
        let speed = dice.between(1.5, 7.0);
        let mut car = if dice.happens(0.3) {
            Vehicle::leaving(&plate, start, speed, dice.between(-2.4, -1.6))
        } else {
            Vehicle::approaching(&plate, start, speed, dice.between(-0.3, 0.6))
        };
        if dice.happens(0.2) {
            let from = start + dice.between(0.5, 2.5);
            car.hidden.push((from, from + dice.between(0.3, 2.0)));
        }
        start += dice.between(2.0, 9.0).max(8.0 / speed);
        vehicles.push(car);
    }
    vehicles
}

#[derive(Default)]
struct Tally {
    vehicles: u32,
    /// At least one frame was read right.
    readable: u32,
    /// Of these: exactly one passage has its text, but for two characters.
    readable_once: u32,
    readable_right: u32,
    right: u32,
    of_no_vehicle: u32,
    decided: u32,
    decided_wrong: u32,
    /// Right and wrong texts by confidence: up to 0.8, 0.95, 0.99, 1.
    calibration: [[u32; 2]; 4],
    millis_from_second_good_read: Vec<u128>,
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { vehicles, readable, readable_once, readable_right, right, of_no_vehicle, .. } = self;
        writeln!(
            f,
            "{vehicles} vehicles, {right} with the right text; passages of no vehicle: {of_no_vehicle}"
        )?;
        writeln!(
            f,
            "{readable} readable in some frame: one passage {readable_once}, right {readable_right}"
        )?;
        writeln!(
            f,
            "{} decided while they were there, {} of them wrongly",
            self.decided, self.decided_wrong
        )?;
        for (upto, [right, wrong]) in [0.8, 0.95, 0.99, 1.0].iter().zip(self.calibration) {
            writeln!(f, "confidence up to {upto}: {right} right, {wrong} wrong")?;
        }
        let waits = &self.millis_from_second_good_read;
        let at = |part: usize| waits.get(waits.len() * part / 100).copied().unwrap_or(0);
        write!(f, "decided after the second good read: median {} ms, p90 {}, p99 {}", at(50), at(90), at(99))
    }
}

impl Tally {
    fn count(&mut self, vehicles: &[Vehicle], outcome: &Outcome, right: &[Vec<(Moment, bool)>]) {
        let texts = outcome.texts();
        for (vehicle, right) in vehicles.iter().zip(right) {
            let once = texts.iter().filter(|text| apart(text, &vehicle.plate) <= 2).count() == 1;
            let named = texts.contains(&vehicle.plate.as_str());
            self.vehicles += 1;
            self.right += u32::from(named);
            self.readable += u32::from(!right.is_empty());
            self.readable_once += u32::from(!right.is_empty() && once);
            self.readable_right += u32::from(!right.is_empty() && named);
            let is_its =
                |p: &&(Moment, Passage)| p.1.decided.as_ref().is_some_and(|t| t.as_str() == vehicle.plate);
            if let (Some((at, _)), Some(second)) =
                (outcome.decided.iter().find(is_its), right.iter().filter(|r| r.1).nth(1))
            {
                self.millis_from_second_good_read.push(at.since(second.0).as_millis());
            }
        }
        let known = |text: &str| vehicles.iter().any(|v| v.plate == text);
        let near = |text: &str| vehicles.iter().any(|v| apart(text, &v.plate) <= 2);
        self.of_no_vehicle += texts.iter().filter(|t| !near(t)).count() as u32;
        self.decided += outcome.decided.len() as u32;
        let wrong = |p: &&(Moment, Passage)| !p.1.decided.as_ref().is_some_and(|t| known(t.as_str()));
        self.decided_wrong += outcome.decided.iter().filter(wrong).count() as u32;
        for reading in outcome.closed.iter().filter_map(|(p, _)| p.reading.as_ref()) {
            let bin = [0.8, 0.95, 0.99].iter().filter(|c| reading.confidence.value() > **c).count();
            self.calibration[bin][usize::from(!known(reading.text.as_str()))] += 1;
        }
    }
}

/// Plain edit distance.
fn apart(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let next = (diagonal + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = row[j + 1];
            row[j + 1] = next;
        }
    }
    row[b.len()]
}
