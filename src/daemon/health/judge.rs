//! What is wrong, part by part, in words that say what to do.

use std::{sync::atomic::Ordering, time::Duration};

use super::{CameraPart, ConfigurationHealth, ListPart, STALLED, Verdict};
use crate::{
    capture::{CameraState, Condition},
    clock::{Moment, WallTrust},
    daemon::{gates::Door, machine::Machine, supervisor::UnitState},
    journal, publish,
};

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub verdict: Verdict,
    /// The same for as long as it lasts, whatever else the words say.
    pub name: String,
    pub words: String,
}

/// What was found to be wrong so far.
#[derive(Debug, Default)]
pub(super) struct Problems(pub Vec<Problem>);

impl Problems {
    pub(super) fn failed(&mut self, name: impl Into<String>, words: impl Into<String>) {
        self.0.push(Problem { verdict: Verdict::Failed, name: name.into(), words: words.into() });
    }

    pub(super) fn degraded(&mut self, name: impl Into<String>, words: impl Into<String>) {
        self.0.push(Problem { verdict: Verdict::Degraded, name: name.into(), words: words.into() });
    }
}

pub(super) fn camera(part: &CameraPart, now: Moment, problems: &mut Problems) {
    let id = &part.id;
    let why = part.capture.last_error().map(|e| format!(": {e}")).unwrap_or_default();
    match part.capture.state() {
        CameraState::Retrying => {
            problems.degraded(format!("camera {id} away"), format!("camera {id} is being reopened{why}"));
        }
        CameraState::Failed => {
            problems.degraded(format!("camera {id} failed"), format!("camera {id} has failed{why}"));
        }
        CameraState::Live => {
            let silent = part.capture.last_frame().map_or(Duration::ZERO, |at| now.since(at));
            if silent > STALLED {
                let seconds = silent.as_secs();
                let words = format!("camera {id} has given no frame for {seconds} s");
                problems.degraded(format!("camera {id} stalled"), words);
            } else if let Some(words) = advice(part.capture.condition()) {
                let condition = part.capture.condition().as_str();
                problems.degraded(format!("camera {id} {condition}"), format!("camera {id} {words}"));
            }
        }
        CameraState::Starting | CameraState::Ended => {}
    }
    if part.unit.state() == UnitState::BackingOff {
        let why = part.unit.last_error().unwrap_or_default();
        problems.failed(format!("camera {id} unit"), format!("camera {id} is not looked at: {why}"));
    }
    if let Some(trigger) = part.trigger.as_ref().filter(|unit| unit.state() == UnitState::BackingOff) {
        let why = trigger.last_error().unwrap_or_default();
        let words = format!("camera {id} is not woken by its trigger: {why}");
        problems.degraded(format!("camera {id} trigger"), words);
    }
}

/// What is wrong with a picture, and what to do about it.
const fn advice(condition: Condition) -> Option<&'static str> {
    Some(match condition {
        Condition::Fine => return None,
        Condition::Frozen => "gives the very same picture again and again: restart the camera",
        Condition::Dark => "sees nothing but darkness: light, exposure, a covered lens?",
        Condition::Blurred => "is much less sharp than it was: clean and focus it",
        Condition::Moved => "shows another view than before: was it turned?",
    })
}

pub(super) fn gate(door: &Door, problems: &mut Problems) {
    let (id, untold) = (&door.id, door.status.counts().untold);
    if let Some(trouble) = door.status.trouble() {
        problems.degraded(format!("gate {id}"), format!("gate {id} cannot be switched: {trouble}"));
    }
    if untold > 0 {
        let words = format!("gate {id}: {untold} events could not be recorded");
        problems.degraded(format!("gate {id} untold"), words);
    }
}

pub(super) fn broker(broker: &publish::Snapshot, waiting: u64, problems: &mut Problems) {
    // Before the first attempt is over, nobody knows.
    if broker.state == publish::State::Offline && broker.failures > 0 {
        let why = broker.trouble.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        problems.degraded("broker", format!("the broker is not reachable; {waiting} facts wait for it{why}"));
    } else if let Some(denied) = &broker.denied {
        problems.degraded("broker denies", denied);
    }
    if broker.unsendable > 0 {
        let lost = broker.unsendable;
        problems.degraded("unsendable", format!("{lost} facts could not be put into messages; see the log"));
    }
}

pub(super) fn journal(journal: &journal::Snapshot, problems: &mut Problems) {
    if journal.lost > 0 {
        let lost = journal.lost;
        problems.failed("lost", format!("{lost} facts were lost: the journal did not take them in time"));
    } else if journal.failing {
        let why = if journal.disk_full { ": the disk is full" } else { "" };
        problems.degraded("journal", format!("the journal cannot be written{why}; facts wait in memory"));
    }
    if journal.erased_for_room > 0 {
        let erased = journal.erased_for_room;
        let words = format!(
            "the journal is as large as [journal] largest allows: the {erased} oldest passages went; raise it, or set a retention"
        );
        problems.degraded("erased for room", words);
    }
    if journal.undelivered_dropped > 0 {
        let dropped = journal.undelivered_dropped;
        problems.degraded("undelivered", format!("{dropped} facts were erased before the broker had them"));
    }
}

pub(super) fn clock(trust: &WallTrust, problems: &mut Problems) {
    if !trust.is_set() {
        let words = "nobody has set the clock: times are marked as wrong, entries that are bound to times let nobody in, \
                     nothing is erased by age; see `amslpr doctor`";
        problems.degraded("clock", words);
    }
}

pub(super) fn machine(machine: &Machine, problems: &mut Problems) {
    let troubles = [
        (machine.under_voltage, "the board gets too little voltage: see `amslpr doctor`"),
        (machine.throttled, "the processor is slowed down, by heat or by its supply: see `amslpr doctor`"),
    ];
    for (_, words) in troubles.iter().filter(|(trouble, _)| *trouble == Some(true)) {
        problems.degraded(*words, *words);
    }
}

pub(super) fn configuration(about: &ConfigurationHealth, problems: &mut Problems) {
    if let Some(why) = &about.refused {
        let words = format!("the last reload was refused, the configuration of before is in use: {why}");
        problems.degraded("reload refused", words);
    }
    if !about.waiting.is_empty() {
        let words = format!("changed, and waiting for a restart: {}", about.waiting.join("; "));
        problems.degraded("restart waits", words);
    }
}

pub(super) fn lists(lists: &ListPart, problems: &mut Problems) {
    if lists.porter.lists().is_none() {
        let words = "the lists cannot be loaded, so nobody is let in; the log says why";
        problems.failed("lists", words);
    }
    if lists.unit.state() == UnitState::BackingOff {
        let why = lists.unit.last_error().unwrap_or_default();
        problems.degraded("lists watched", format!("changes of lists are not noticed: {why}"));
    }
    let odd = lists.stats.odd.load(Ordering::Relaxed);
    if odd > 0 {
        let words = format!("{odd} entries of lists do not fit the configuration; see `amslpr plates list`");
        problems.degraded("odd entries", words);
    }
}
