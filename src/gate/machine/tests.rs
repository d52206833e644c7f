//! The machine alone, and the machine in a world that crashes, reloads, jams and lies.

use uuid::Uuid;

use super::*;
use crate::{fact::gate::Cause, frame::CameraId, passage::Receipt, secret::Secret};

mod world;

const SECOND: Duration = Duration::from_secs(1);
const PULSE: Duration = Duration::from_millis(500);

fn rules() -> Rules {
    Rules {
        pulse: PULSE,
        gap: SECOND,
        hold_off: Duration::ZERO,
        interlock: None,
        presence: None,
        holds: true,
    }
}

fn at(millis: u64) -> Moment {
    Moment::from_micros(millis * 1000)
}

/// An order for passage `n`, from a frame taken at `captured` ms.
fn order(n: u128, captured: u64) -> Order {
    Order {
        id: Uuid::from_u128(1000 + n),
        cause: Cause::Passage { passage: PassageId(Uuid::from_u128(n)), camera: CameraId::new("in") },
        plate: PlateText::normalise(&format!("AB{n:02}CDE")).ok(),
        live: true,
        in_time: true,
        valid_until: at(captured) + 10 * SECOND,
        receipt: Some(Receipt { captured: at(captured), ..Receipt::default() }),
    }
}

fn manual(n: u128, now: u64) -> Order {
    let cause = Cause::Manual { by: "uid 0".to_owned(), reason: "post".to_owned() };
    Order { cause, plate: None, receipt: None, ..order(n, now) }
}

/// A machine whose output is there and whose inputs have stood as given for a second, at 1 s.
fn machine(rules: Rules, interlock: bool, presence: bool) -> Machine {
    let mut machine = Machine::new(rules, Memory::default());
    assert_eq!(machine.set_available(true, at(0)), []);
    inputs(&mut machine, 0..1000, interlock, presence);
    machine
}

fn inputs(
    machine: &mut Machine,
    millis: std::ops::Range<u64>,
    interlock: bool,
    presence: bool,
) -> Vec<String> {
    let samples = Samples { interlock: Some(interlock), presence: Some(presence) };
    millis.step_by(10).flat_map(|ms| words(&machine.look(samples, at(ms)))).collect()
}

fn words(effects: &[Effect]) -> Vec<String> {
    let word = |effect: &Effect| match effect {
        Effect::Open(_) => "OPEN".to_owned(),
        Effect::LetGo => "LET GO".to_owned(),
        Effect::Tell(_, step) => match step.reason() {
            Some(reason) => format!("{} {reason}", step.as_str()),
            None => step.as_str().to_owned(),
        },
    };
    effects.iter().map(word).collect()
}

/// What a machine says to an order at 1 s.
fn check(machine: &mut Machine, order: Order, said: &[&str]) {
    assert_eq!(words(&machine.take(order, at(1000))), said);
}

#[test]
fn an_order_opens_once_and_lets_go_after_its_pulse() {
    let mut gate = machine(rules(), false, false);
    check(&mut gate, order(1, 900), &["ordered", "OPEN"]);
    let effects = gate.opened(at(1003));
    let [Effect::Tell(told, Step::Actuated { pulse: PULSE })] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(told.receipt.unwrap().actuated, Some(at(1003)));
    assert_eq!(gate.state(), State::Opening);
    let effects = gate.released(Release::Pulse, at(1503));
    let [Effect::Tell(_, Step::Released { why: Release::Pulse, after: PULSE })] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(gate.state(), State::Ready);
}

#[test]
fn what_must_never_open_a_gate_is_refused() {
    let refuse = |order: Order, why: &str| {
        check(&mut machine(rules(), false, false), order, &[&format!("refused {why}")]);
    };
    refuse(Order { live: false, ..order(1, 900) }, "recording");
    refuse(Order { in_time: false, ..order(1, 900) }, "afterwards");
    refuse(Order { valid_until: at(1000), ..order(1, 900) }, "stale");
    refuse(Order { valid_until: at(999), ..order(1, 900) }, "stale");
    refuse(Order { valid_until: at(61_001), ..order(1, 900) }, "stale");
    let mut absent = Machine::new(rules(), Memory::default());
    check(&mut absent, order(1, 900), &["refused unavailable"]);
}

#[test]
fn nothing_opens_for_having_started_or_for_an_output_that_comes_back() {
    let mut gate = machine(rules(), false, true);
    assert_eq!(inputs(&mut gate, 1000..3000, false, true), [""; 0]);
    gate.set_available(false, at(3000));
    check(&mut gate, order(1, 900), &["refused unavailable"]);
    assert_eq!(gate.set_available(true, at(3100)), []);
    assert_eq!(inputs(&mut gate, 3100..9000, false, true), [""; 0]);
}

#[test]
fn a_passage_opens_once_however_often_it_is_admitted() {
    let mut gate = machine(rules(), false, false);
    check(&mut gate, order(1, 900), &["ordered", "OPEN"]);
    check(&mut gate, order(1, 950), &["refused duplicate"]);
    gate.opened(at(1000));
    gate.released(Release::Pulse, at(1500));
    check(&mut gate, order(1, 950), &["refused duplicate"]);
}

#[test]
fn a_second_vehicle_waits_for_the_gap_and_not_longer_than_it_is_valid() {
    let mut gate = machine(rules(), false, false);
    check(&mut gate, order(1, 900), &["ordered", "OPEN"]);
    gate.opened(at(1000));
    assert_eq!(words(&gate.take(order(2, 1100), at(1200))), ["ordered"]);
    let short = Order { valid_until: at(2000), ..order(3, 1100) };
    assert_eq!(words(&gate.take(short, at(1250))), ["ordered"]);
    assert_eq!(words(&gate.released(Release::Pulse, at(1500))), ["released pulse"]);
    assert_eq!(gate.state(), State::Waiting);
    assert_eq!(inputs(&mut gate, 1510..2490, false, false), ["refused stale"]);
    assert_eq!(inputs(&mut gate, 2490..2510, false, false), ["OPEN"]);
}

#[test]
fn within_the_hold_off_vehicles_are_refused_and_people_are_not() {
    let mut gate = machine(Rules { hold_off: 30 * SECOND, ..rules() }, false, false);
    check(&mut gate, order(1, 900), &["ordered", "OPEN"]);
    gate.opened(at(1000));
    gate.released(Release::Pulse, at(1500));
    let hour = |order: Order| Order { valid_until: at(40_000), ..order };
    assert_eq!(words(&gate.take(hour(order(2, 0)), at(30_999))), ["refused hold-off"]);
    assert_eq!(words(&gate.take(hour(manual(3, 0)), at(30_999))), ["ordered", "OPEN"]);
    gate.opened(at(31_000));
    gate.released(Release::Pulse, at(31_500));
    assert_eq!(words(&gate.take(Order { valid_until: at(70_000), ..order(4, 0) }, at(61_000)))[0], "ordered");
}

#[test]
fn an_interlock_refuses_vehicles_and_people_and_cuts_a_pulse_short() {
    let interlocked = Rules { interlock: Some(Duration::from_millis(50)), ..rules() };
    let mut gate = machine(interlocked.clone(), true, false);
    assert_eq!(gate.state(), State::Blocked);
    check(&mut gate, order(1, 900), &["refused interlock"]);
    check(&mut gate, manual(2, 900), &["refused interlock"]);
    let mut gate = machine(interlocked.clone(), false, false);
    check(&mut gate, order(1, 900), &["ordered", "OPEN"]);
    gate.opened(at(1000));
    gate.take(order(2, 900), at(1001));
    assert_eq!(
        inputs(&mut gate, 1010..1100, true, false),
        ["LET GO", "released interlock", "refused interlock"]
    );
    assert_eq!(gate.released(Release::Pulse, at(1100)), [], "it was told already");
    // Not looked at yet is not permitted.
    let mut blind = Machine::new(interlocked, Memory::default());
    blind.set_available(true, at(0));
    check(&mut blind, order(1, 900), &["refused interlock"]);
}

#[test]
fn an_order_waits_for_a_vehicle_on_the_loop_and_a_person_does_not() {
    let with_loop = Rules { presence: Some(Duration::from_millis(50)), ..rules() };
    let mut gate = machine(with_loop.clone(), false, false);
    check(&mut gate, order(1, 900), &["ordered"]);
    assert_eq!(inputs(&mut gate, 1000..3000, false, false), [""; 0]);
    assert_eq!(inputs(&mut gate, 3000..3100, false, true), ["OPEN"]);
    let mut gate = machine(with_loop.clone(), false, false);
    check(&mut gate, order(1, 900), &["ordered"]);
    assert_eq!(inputs(&mut gate, 1000..10_900, false, false), [""; 0]);
    assert_eq!(inputs(&mut gate, 10_900..12_000, false, true), ["refused no-presence"]);
    check(&mut machine(with_loop.clone(), false, true), order(1, 900), &["ordered", "OPEN"]);
    check(&mut machine(with_loop, false, false), manual(1, 900), &["ordered", "OPEN"]);
}

#[test]
fn an_output_that_fails_is_let_go_and_not_asked_again() {
    let mut gate = machine(rules(), false, false);
    check(&mut gate, order(1, 900), &["ordered", "OPEN"]);
    assert_eq!(words(&gate.failed("no".to_owned(), at(1001))), ["LET GO", "failed"]);
    assert_eq!(inputs(&mut gate, 1010..9000, false, false), [""; 0]);
    assert_eq!(words(&gate.take(order(2, 9000), at(9000))), ["ordered", "OPEN"]);
}

#[test]
fn an_output_that_does_not_come_to_rest_is_let_go() {
    let mut gate = machine(rules(), false, false);
    check(&mut gate, order(1, 900), &["ordered", "OPEN"]);
    gate.opened(at(1000));
    assert_eq!(inputs(&mut gate, 1010..2490, false, false), [""; 0]);
    assert_eq!(inputs(&mut gate, 2490..2600, false, false), ["LET GO", "released guard"]);
}

#[test]
fn orders_are_few_at_a_time() {
    let mut gate = machine(Rules { presence: Some(SECOND), ..rules() }, false, false);
    for n in 1..=4 {
        check(&mut gate, order(n, 900), &["ordered"]);
    }
    check(&mut gate, order(5, 900), &["refused busy"]);
}

#[test]
fn at_the_end_the_output_rests_first_and_whoever_waits_is_told() {
    let mut gate = machine(rules(), false, false);
    check(&mut gate, order(1, 900), &["ordered", "OPEN"]);
    gate.opened(at(1000));
    gate.take(order(2, 900), at(1001));
    let (effects, memory) = gate.stop(at(1100));
    assert_eq!(words(&effects), ["LET GO", "released stopping", "refused stopping"]);
    check(&mut gate, order(3, 900), &["refused stopping"]);
    let mut next = Machine::new(rules(), memory);
    next.set_available(true, at(1200));
    check(&mut next, order(1, 900), &["refused duplicate"]);
}

#[test]
fn a_vehicle_that_was_let_in_before_the_restart_is_taken_to_stand_there_still_once() {
    let earlier = PassageId(Uuid::from_u128(77));
    let secret = Mode::Pseudonymous(Secret::new("a key of thirty-two characters..".to_owned()));
    for mode in [Mode::Full, secret] {
        // As the journal has it.
        let plate = order(1, 0).plate.unwrap();
        let as_written = [
            Visitor::Plate(privacy::searched(&mode, &plate)),
            // Its plate is never stored.
            Visitor::Marked(Mark::of(&plate, Uuid::from_u128(5))),
        ];
        for visitor in as_written {
            let memory = Memory::of_served([(earlier, visitor)], mode.clone());
            let mut gate = Machine::new(rules(), memory);
            gate.set_available(true, at(0));
            check(&mut gate, order(1, 900), &["refused served"]);
            check(&mut gate, order(1, 950), &["refused duplicate"]);
            check(&mut gate, order(77, 950), &["refused duplicate"]);
            let again = Order { plate: order(1, 0).plate, ..order(2, 900) };
            check(&mut gate, again, &["ordered", "OPEN"]);
        }
    }
}
