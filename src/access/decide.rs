//! The one function that decides. Pure: question, lists, rules and memory in, decision and its effects out.
//!
//! A block list wins over every allow list; what is not sure is refused; what is on no list is refused. A vehicle that
//! is known to be inside may leave after hours and with a used-up pass, unless it is blocked: nobody is locked in.
//! Where the direction is not known yet, the vehicle is taken for an entering one. While nobody knows what time it is, an
//! entry that is bound to times lets nobody in, and one that keeps somebody out or watches does so at all times.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Decision, Kind, Lists, Reason, Verdict,
    grounds::{Grounds, Objection, PassState, Places, ScheduleState},
    lists::Found,
    memory::{Effect, Inside, Memory, PassUse},
};
use crate::{
    frame::CameraId,
    passage::{Direction, Reading},
    plate::PlateText,
};

/// A guest seen again within this time is on the same use of the pass: the car stalled, the gate closed too soon.
const SAME_USE: Duration = Duration::from_secs(120);
/// Vehicles taken for gone per decision, so that no decision has much to clean up.
const FORGOTTEN_AT_ONCE: usize = 8;

/// What is done about a plate that enters twice without leaving in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AntiPassback {
    #[default]
    Off,
    /// It is let in, and told about.
    Soft,
    /// It is not let in.
    Hard,
}

/// What holds for all lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    pub anti_passback: AntiPassback,
    /// Vehicles of all allow lists that may be inside at a time.
    pub capacity: Option<u32>,
    /// A vehicle that was not seen leaving is taken for gone after this time.
    pub longest_stay: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            anti_passback: AntiPassback::Off,
            capacity: None,
            longest_stay: Duration::from_secs(24 * 3600),
        }
    }
}

/// Who wants to pass, where, when.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// `None`: nothing on the plate could be read.
    pub reading: Option<&'a Reading>,
    pub camera: &'a CameraId,
    /// As far as it is known yet.
    pub direction: Option<Direction>,
    pub at: Timestamp,
    /// `at` is about the right time; false before the machine's clock has been set.
    pub timed: bool,
}

/// What to do about it. The effects are those of a live vehicle; a recording has none.
pub fn decide(
    question: &Question<'_>,
    lists: &Lists,
    rules: &Rules,
    memory: &Memory,
) -> (Decision, Vec<Effect>) {
    let Some(reading) = question.reading else { return (plain(Reason::Unreadable), Vec::new()) };
    if !reading.sure {
        return (plain(Reason::Unsure), Vec::new());
    }
    Asking { question, plate: &reading.text, lists, rules, memory }.decide()
}

/// The decision that nothing more is known about.
pub(super) fn plain(reason: Reason) -> Decision {
    Decision {
        verdict: Verdict::Refuse,
        reason,
        list: None,
        note: None,
        matched: None,
        watched_by: None,
        grounds: Grounds::default(),
    }
}

/// Whether somebody has to remember who is inside.
pub(super) fn remembers(rules: &Rules, lists: &Lists) -> bool {
    rules.anti_passback != AntiPassback::Off || rules.capacity.is_some() || lists.have_capacity()
}

/// One question and all it is decided by.
struct Asking<'a> {
    question: &'a Question<'a>,
    plate: &'a PlateText,
    lists: &'a Lists,
    rules: &'a Rules,
    memory: &'a Memory,
}

impl Asking<'_> {
    fn decide(&self) -> (Decision, Vec<Effect>) {
        let (camera, at) = (self.question.camera, self.question.at);
        let counts = |found: &Found<'_>| match found.objection(camera, at) {
            None => true,
            Some(Objection::NotHere) => false,
            Some(_) => !self.question.timed,
        };
        let watch = self.lists.find(Kind::Watch, self.plate).find(counts);
        let (mut decision, mut effects) = match self.lists.find(Kind::Block, self.plate).find(counts) {
            Some(found) => (self.by(Verdict::Refuse, Reason::Blocked, &found), Vec::new()),
            None => self.unblocked(watch),
        };
        decision.watched_by = watch.map(|found| found.list.name.clone());
        // Whatever is thought of it: who leaves is not inside any more.
        if self.question.direction == Some(Direction::Leaving) {
            effects.extend(self.known_inside(self.plate).map(|(plate, _)| Effect::Leaves { plate }));
        }
        let stay = self.rules.longest_stay;
        let overdue = self.memory.overdue(at, stay, FORGOTTEN_AT_ONCE);
        effects.extend(overdue.into_iter().map(|plate| Effect::Leaves { plate }));
        (decision, effects)
    }

    /// No block list has anything against it.
    fn unblocked(&self, watch: Option<Found<'_>>) -> (Decision, Vec<Effect>) {
        // Whoever does not need a guest's pass does not use one up.
        let mut entries: Vec<Found<'_>> = self.lists.find(Kind::Allow, self.plate).collect();
        entries.sort_by_key(|found| found.entry.pass.is_limited());
        let mut refused: Option<Decision> = None;
        for found in &entries {
            let decision = self.ask(found);
            if decision.verdict == Verdict::Admit {
                let effects = self.effects(found);
                return (decision, effects);
            }
            // Of several refusals the one that was nearest to an admission is told.
            if refused.as_ref().is_none_or(|other| nearness(decision.reason) > nearness(other.reason)) {
                refused = Some(decision);
            }
        }
        let decision = match (refused, watch) {
            // An entry that does not count here and now is as good as none to somebody who watches.
            (Some(refused), Some(watch)) if nearness(refused.reason) <= nearness(Reason::NotNow) => {
                Decision { grounds: refused.grounds, ..self.by(Verdict::Watch, Reason::Watched, &watch) }
            }
            (Some(refused), _) => refused,
            (None, Some(watch)) => self.by(Verdict::Watch, Reason::Watched, &watch),
            (None, None) => {
                let grounds = Grounds { nearest: self.lists.nearest(self.plate), ..Grounds::default() };
                Decision { grounds, ..plain(Reason::Unlisted) }
            }
        };
        (decision, Vec::new())
    }

    /// What an entry of an allow list comes to.
    fn ask(&self, found: &Found<'_>) -> Decision {
        let inside = self.known_inside(&found.entry.plate).map(|(_, inside)| inside);
        let objection = self.objection(found, inside.is_some());
        let mut decision = match objection {
            Some(objection) => self.by(Verdict::Refuse, objection.reason(), found),
            None => self.by(Verdict::Admit, Reason::Listed, found),
        };
        decision.grounds = self.grounds(found, objection);
        if decision.verdict != Verdict::Admit || self.is_leaving() {
            return decision;
        }
        let places = self.full(found).filter(|_| inside.is_none());
        match (inside, self.rules.anti_passback) {
            (Some(inside), AntiPassback::Soft) => decision.grounds.inside_since = Some(inside.since),
            (Some(inside), AntiPassback::Hard) => {
                decision.grounds.inside_since = Some(inside.since);
                (decision.verdict, decision.reason) = (Verdict::Refuse, Reason::Inside);
            }
            _ if places.is_some() => {
                decision.grounds.places = places;
                (decision.verdict, decision.reason) = (Verdict::Refuse, Reason::Full);
            }
            _ => {}
        }
        decision
    }

    fn is_leaving(&self) -> bool {
        self.question.direction == Some(Direction::Leaving)
    }

    /// Under which plate it is inside: its own, or the entry's that it was let in by.
    fn known_inside(&self, plate: &PlateText) -> Option<(PlateText, &Inside)> {
        let find = |plate: &PlateText| self.memory.inside(plate, self.question.at, self.rules.longest_stay);
        if let Some(inside) = find(plate) {
            return Some((plate.clone(), inside));
        }
        let entries = self.lists.find(Kind::Allow, self.plate);
        entries.map(|found| &found.entry.plate).find_map(|plate| Some((plate.clone(), find(plate)?)))
    }

    fn objection(&self, found: &Found<'_>, inside: bool) -> Option<Objection> {
        let objection = match found.objection(self.question.camera, self.question.at) {
            Some(Objection::NotHere) => Some(Objection::NotHere),
            _ if !self.question.timed && found.is_bound_to_times() => Some(Objection::ClockUnset),
            objection => objection,
        };
        match objection {
            Some(Objection::NotHere) => objection,
            Some(_) if self.is_leaving() && inside => None,
            Some(_) => objection,
            // To leave is no use of a pass.
            None if self.is_leaving() => None,
            None => self.spent(found),
        }
    }

    /// What speaks against the entry's pass.
    fn spent(&self, found: &Found<'_>) -> Option<Objection> {
        let (pass, use_) = (found.entry.pass, self.used(found)?);
        if pass.lasts.is_some_and(|lasts| since(use_.first, self.question.at) >= lasts) {
            return Some(Objection::RanOut);
        }
        let over = pass.uses.is_some_and(|uses| use_.used >= uses);
        (over && !self.is_same_use(use_)).then_some(Objection::UsedUp)
    }

    fn used(&self, found: &Found<'_>) -> Option<&PassUse> {
        let entry = found.entry;
        if !entry.pass.is_limited() {
            return None;
        }
        self.memory.pass(&found.list.name, &entry.plate, entry.added)
    }

    fn is_same_use(&self, use_: &PassUse) -> bool {
        self.question.at >= use_.last && since(use_.last, self.question.at) < SAME_USE
    }

    /// All places of the list or of the site are taken.
    fn full(&self, found: &Found<'_>) -> Option<Places> {
        let (at, stay) = (self.question.at, self.rules.longest_stay);
        let places = |list: Option<&str>, of: Option<u32>| {
            let of = of?;
            let taken = self.memory.count(list, at, stay);
            (taken >= of).then_some(Places { taken, of })
        };
        places(Some(&found.list.name), found.list.capacity).or_else(|| places(None, self.rules.capacity))
    }

    fn effects(&self, found: &Found<'_>) -> Vec<Effect> {
        let mut effects = Vec::new();
        let (list, plate, at) = (&found.list.name, &found.entry.plate, self.question.at);
        if found.entry.pass.is_limited() && !self.is_leaving() {
            let before = self.used(found);
            let again = before.is_some_and(|before| self.is_same_use(before));
            effects.push(Effect::UsesPass {
                list: list.clone(),
                plate: plate.clone(),
                pass: PassUse {
                    added: found.entry.added,
                    used: before.map_or(0, |b| b.used).saturating_add(u32::from(!again)),
                    first: before.map_or(at, |b| b.first),
                    // The grace begins with the use, or a car could prolong it for ever.
                    last: before.filter(|_| again).map_or(at, |b| b.last),
                },
            });
        }
        if self.question.direction == Some(Direction::Approaching) && remembers(self.rules, self.lists) {
            let inside = Inside { list: list.clone(), since: at };
            effects.push(Effect::Enters { plate: plate.clone(), inside });
        }
        effects
    }

    fn grounds(&self, found: &Found<'_>, objection: Option<Objection>) -> Grounds {
        let entry = found.entry;
        let open = |s: &super::Schedule| s.is_open(self.question.at);
        let schedule = found.schedule().map(|s| ScheduleState { name: s.name.clone(), open: open(s) });
        let used = self.used(found);
        Grounds {
            objection,
            from: entry.from,
            until: entry.until,
            schedule,
            pass: entry.pass.is_limited().then(|| PassState {
                pass: entry.pass,
                used: used.map_or(0, |used| used.used),
                first: used.map(|used| used.first),
            }),
            ..Grounds::default()
        }
    }

    fn by(&self, verdict: Verdict, reason: Reason, found: &Found<'_>) -> Decision {
        Decision {
            verdict,
            list: Some(found.list.name.clone()),
            note: found.entry.note.clone(),
            matched: (found.entry.plate != *self.plate).then(|| found.entry.plate.clone()),
            ..plain(reason)
        }
    }
}

/// How little was missing.
const fn nearness(reason: Reason) -> u8 {
    match reason {
        Reason::Full | Reason::Inside => 4,
        Reason::UsedUp => 3,
        Reason::NotNow => 2,
        Reason::NotHere => 1,
        _ => 0,
    }
}

/// Zero if the clock was set back.
fn since(earlier: Timestamp, at: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(earlier)).unwrap_or(Duration::ZERO)
}
