//! The gate's thread with outputs that need no hardware.

use std::sync::{
    Mutex,
    atomic::{AtomicU32, Ordering},
};

use super::*;
use crate::{
    clock::SystemClock,
    fact::sample,
    gate::{Counts, Outlet, wiegand},
    shutdown::{Trigger, shutdown},
};

const VALID: Duration = Duration::from_secs(10);

/// Somebody else's gate: counts, and fails if told to.
#[derive(Debug, Default)]
struct Elsewhere {
    opened: AtomicU32,
    broken: Mutex<Option<String>>,
}

impl Outlet for Elsewhere {
    fn carry(&self, _: &GateId, order: &Order, _: Duration, within: Duration) -> Result<(), String> {
        assert!(order.live && !within.is_zero() && within <= Duration::from_secs(5));
        if let Some(why) = self.broken.lock().unwrap().clone() {
            return Err(why);
        }
        self.opened.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

/// A running gate and what it told.
struct Running {
    desk: Option<Desk>,
    told: Arc<Mutex<Vec<GateEvent>>>,
    status: Arc<Status>,
    clock: Arc<dyn Clock>,
    stop: Option<Trigger>,
    thread: Option<std::thread::JoinHandle<Memory>>,
}

fn settings(output: output::Settings) -> Settings {
    Settings {
        id: GateId::new("north"),
        pulse: Duration::from_millis(50),
        gap: Duration::from_millis(50),
        hold_off: Duration::ZERO,
        output,
        interlock: None,
        presence: None,
        retry: backoff::Settings::default(),
    }
}

fn start(settings: Settings, memory: Memory) -> Running {
    let told: Arc<Mutex<Vec<GateEvent>>> = Arc::default();
    let status = Arc::new(Status::default());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let tell = {
        let told = Arc::clone(&told);
        Box::new(move |event| {
            told.lock().unwrap().push(event);
            true
        })
    };
    let (gate, desk) =
        Gate::new(settings, memory, tell, Box::new(|_| {}), Arc::clone(&status), Arc::clone(&clock));
    let (trigger, stop) = shutdown();
    let thread = std::thread::spawn(move || gate.run(&stop, &|| {}));
    Running { desk: Some(desk), told, status, clock, stop: Some(trigger), thread: Some(thread) }
}

impl Running {
    fn wait_for(&self, what: &str, is_true: impl Fn() -> bool) {
        let start = self.clock.now();
        while !is_true() {
            assert!(self.clock.now().since(start) < Duration::from_secs(20), "waited in vain: {what}");
            self.clock.sleep(Duration::from_millis(1));
        }
    }

    fn wait_until_ready(&self) {
        self.wait_for("an output", || self.status.state() == State::Ready);
    }

    /// The order for the nth passage, decided just now.
    fn order(&self, n: u64) -> Order {
        let mut decided = sample::decided(&sample::closed(n));
        decided.receipt.captured = self.clock.now();
        Order::of(&decided, VALID).unwrap()
    }

    fn ask(&self, order: &Order) -> Step {
        let answer = self.desk.as_ref().unwrap().ask(order).unwrap();
        answer.recv_timeout(Duration::from_secs(20)).unwrap()
    }

    fn steps(&self) -> Vec<&'static str> {
        self.told.lock().unwrap().iter().map(|event| event.step.as_str()).collect()
    }

    fn end(&mut self) -> Memory {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap()
    }
}

fn elsewhere() -> (Arc<Elsewhere>, Settings) {
    let elsewhere = Arc::new(Elsewhere::default());
    let output = output::Settings::Message(Arc::clone(&elsewhere) as Arc<dyn Outlet>);
    (elsewhere, settings(output))
}

#[test]
fn an_admitted_vehicle_opens_and_the_event_says_how_long_it_took() {
    let (elsewhere, settings) = elsewhere();
    let mut gate = start(settings, Memory::default());
    gate.wait_until_ready();
    let order = gate.order(2);
    let captured = order.receipt.unwrap().captured;
    assert!(matches!(gate.ask(&order), Step::Actuated { .. }));
    assert_eq!(gate.ask(&order), Step::Refused(Refusal::Duplicate));
    assert_eq!(elsewhere.opened.load(Ordering::SeqCst), 1);
    assert_eq!(gate.steps(), ["ordered", "actuated", "refused"]);
    let told = gate.told.lock().unwrap().clone();
    let latency = told[1].receipt.unwrap().actuated.unwrap().since(captured);
    assert!(latency < Duration::from_secs(1), "{latency:?}");
    assert!(told.is_sorted_by(|a, b| a.id < b.id), "events are named in their order");
    let memory = gate.end();

    // The next life knows the passage of this one.
    let (elsewhere, settings) = self::elsewhere();
    let gate = start(settings, memory);
    gate.wait_until_ready();
    assert_eq!(gate.ask(&gate.order(2)), Step::Refused(Refusal::Duplicate));
    assert_eq!(elsewhere.opened.load(Ordering::SeqCst), 0);
}

#[test]
fn a_start_and_a_stop_open_nothing() {
    let (elsewhere, settings) = elsewhere();
    let mut gate = start(settings, Memory::default());
    gate.wait_until_ready();
    gate.clock.sleep(Duration::from_millis(300));
    let desk = gate.desk.clone().unwrap();
    gate.end();
    assert_eq!(desk.hand_in(&gate.order(2)), Err(Refusal::Stopping));
    assert_eq!(elsewhere.opened.load(Ordering::SeqCst), 0);
    assert!(gate.steps().is_empty());
}

#[test]
fn an_output_that_fails_is_told_and_asked_no_second_time() {
    let (elsewhere, settings) = elsewhere();
    let gate = start(settings, Memory::default());
    gate.wait_until_ready();
    *elsewhere.broken.lock().unwrap() = Some("the broker is away".to_owned());
    assert_eq!(gate.ask(&gate.order(2)), Step::Failed("the broker is away".to_owned()));
    *elsewhere.broken.lock().unwrap() = None;
    gate.clock.sleep(Duration::from_millis(200));
    assert_eq!(elsewhere.opened.load(Ordering::SeqCst), 0);
    assert_eq!(gate.ask(&gate.order(2)), Step::Refused(Refusal::Duplicate));
    assert!(matches!(gate.ask(&gate.order(4)), Step::Actuated { .. }), "the next one is served");
}

#[test]
fn a_line_that_is_not_there_refuses_and_says_so() {
    let address = crate::gate::Address::Name("NO SUCH LINE".to_owned());
    let wiring = crate::gate::Wiring { address, active_low: false };
    let gate = start(settings(output::Settings::Line(wiring)), Memory::default());
    gate.wait_for("trouble", || gate.status.trouble().is_some());
    assert_eq!(gate.status.state(), State::Unavailable);
    assert_eq!(gate.ask(&gate.order(2)), Step::Refused(Refusal::Unavailable));
    let trouble = gate.status.trouble().unwrap();
    assert!(trouble.contains("no GPIO chip") || trouble.contains("NO SUCH LINE"), "{trouble}");
}

#[test]
fn a_plate_without_a_card_is_refused_before_anything_else() {
    let address = |name: &str| crate::gate::Wiring {
        address: crate::gate::Address::Name(name.to_owned()),
        active_low: false,
    };
    let numbers = wiegand::Numbers::Cards(Arc::default());
    let wires = output::Settings::Wiegand {
        zero: address("NO D0"),
        one: address("NO D1"),
        settings: wiegand::Settings { bits: wiegand::Bits::ThirtyFour, numbers, manual: None },
    };
    let gate = start(settings(wires), Memory::default());
    assert_eq!(gate.ask(&gate.order(2)), Step::Refused(Refusal::NoCard));
    assert_eq!(gate.steps(), ["refused"]);
}

#[test]
fn events_that_nobody_takes_and_orders_without_end_are_counted() {
    let (_, settings) = elsewhere();
    let status = Arc::new(Status::default());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let (gate, desk) = Gate::new(
        settings,
        Memory::default(),
        Box::new(|_| false),
        Box::new(|_| {}),
        Arc::clone(&status),
        Arc::clone(&clock),
    );
    let order = |n: u64| {
        let decided = sample::decided(&sample::closed(n));
        Order::of(&decided, VALID).unwrap()
    };
    // Nobody runs it yet: what it has no room for is refused at once.
    let handed: Vec<_> = (0..20).map(|n| desk.hand_in(&order(n))).collect();
    assert_eq!(handed.iter().filter(|one| one.is_ok()).count(), ORDERS);
    assert_eq!(handed[ORDERS], Err(Refusal::Busy));
    let (trigger, stop) = shutdown();
    let thread = std::thread::spawn(move || gate.run(&stop, &|| {}));
    while status.counts().untold < ORDERS as u64 {
        clock.sleep(Duration::from_millis(1));
    }
    drop(trigger);
    thread.join().unwrap();
    let Counts { ordered, refused, .. } = status.counts();
    assert!(ordered + refused >= ORDERS as u64, "{:?}", status.counts());
}
