//! What is wrong, part by part, in words that say what to do.

use std::{sync::atomic::Ordering, time::Duration};

use super::{CameraPart, ConfigurationHealth, ListPart, STALLED, Verdict};
use crate::{
    capture::{CameraState, Condition},
    clock::{Moment, WallTrust},
    daemon::{gates::Door, machine::Machine, supervisor::UnitState},
    journal, publish,
};

/// How bad, and what it is.
pub(super) type Problems = Vec<(Verdict, String)>;

pub(super) fn camera(part: &CameraPart, now: Moment, problems: &mut Problems) {
    let id = &part.id;
    let why = part.capture.last_error().map(|e| format!(": {e}")).unwrap_or_default();
    match part.capture.state() {
        CameraState::Retrying => {
            problems.push((Verdict::Degraded, format!("camera {id} is being reopened{why}")));
        }
        CameraState::Failed => problems.push((Verdict::Degraded, format!("camera {id} has failed{why}"))),
        CameraState::Live => {
            let silent = part.capture.last_frame().map_or(Duration::ZERO, |at| now.since(at));
            if silent > STALLED {
                let seconds = silent.as_secs();
                problems.push((Verdict::Degraded, format!("camera {id} has given no frame for {seconds} s")));
            } else if let Some(words) = advice(part.capture.condition()) {
                problems.push((Verdict::Degraded, format!("camera {id} {words}")));
            }
        }
        CameraState::Starting | CameraState::Ended => {}
    }
    if part.unit.state() == UnitState::BackingOff {
        let why = part.unit.last_error().unwrap_or_default();
        problems.push((Verdict::Failed, format!("camera {id} is not looked at: {why}")));
    }
    if let Some(trigger) = part.trigger.as_ref().filter(|unit| unit.state() == UnitState::BackingOff) {
        let why = trigger.last_error().unwrap_or_default();
        problems.push((Verdict::Degraded, format!("camera {id} is not woken by its trigger: {why}")));
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
        problems.push((Verdict::Degraded, format!("gate {id} cannot be switched: {trouble}")));
    }
    if untold > 0 {
        problems.push((Verdict::Degraded, format!("gate {id}: {untold} events could not be recorded")));
    }
}

pub(super) fn broker(broker: &publish::Snapshot, waiting: u64, problems: &mut Problems) {
    if broker.state == publish::State::Offline {
        let why = broker.trouble.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        problems.push((
            Verdict::Degraded,
            format!("the broker is not reachable; {waiting} facts wait for it{why}"),
        ));
    } else if let Some(denied) = &broker.denied {
        problems.push((Verdict::Degraded, denied.clone()));
    }
    if broker.unsendable > 0 {
        let lost = broker.unsendable;
        problems
            .push((Verdict::Degraded, format!("{lost} facts could not be put into messages; see the log")));
    }
}

pub(super) fn journal(journal: &journal::Snapshot, problems: &mut Problems) {
    if journal.lost > 0 {
        let lost = journal.lost;
        problems.push((
            Verdict::Failed,
            format!("{lost} facts were lost: the journal did not take them in time"),
        ));
    } else if journal.failing {
        let why = if journal.disk_full { ": the disk is full" } else { "" };
        problems
            .push((Verdict::Degraded, format!("the journal cannot be written{why}; facts wait in memory")));
    }
    if journal.erased_for_room > 0 {
        let erased = journal.erased_for_room;
        let words = format!(
            "the journal is as large as [journal] largest allows: the {erased} oldest passages went; raise it, or set a retention"
        );
        problems.push((Verdict::Degraded, words));
    }
    if journal.undelivered_dropped > 0 {
        let dropped = journal.undelivered_dropped;
        problems.push((Verdict::Degraded, format!("{dropped} facts were erased before the broker had them")));
    }
}

pub(super) fn clock(trust: &WallTrust, problems: &mut Problems) {
    if !trust.is_set() {
        let words = "nobody has set the clock: times are marked as wrong, entries that are bound to times let nobody in, \
                     nothing is erased by age; see `amslpr doctor`";
        problems.push((Verdict::Degraded, words.to_owned()));
    }
}

pub(super) fn machine(machine: &Machine, problems: &mut Problems) {
    let troubles = [
        (machine.under_voltage, "the board gets too little voltage: see `amslpr doctor`"),
        (machine.throttled, "the processor is slowed down, by heat or by its supply: see `amslpr doctor`"),
    ];
    for (_, words) in troubles.iter().filter(|(trouble, _)| *trouble == Some(true)) {
        problems.push((Verdict::Degraded, (*words).to_owned()));
    }
}

pub(super) fn configuration(about: &ConfigurationHealth, problems: &mut Problems) {
    if let Some(why) = &about.refused {
        let words = format!("the last reload was refused, the configuration of before is in use: {why}");
        problems.push((Verdict::Degraded, words));
    }
    if !about.waiting.is_empty() {
        let words = format!("changed, and waiting for a restart: {}", about.waiting.join("; "));
        problems.push((Verdict::Degraded, words));
    }
}

pub(super) fn lists(lists: &ListPart, problems: &mut Problems) {
    if lists.porter.lists().is_none() {
        let words = "the lists cannot be loaded, so nobody is let in; the log says why";
        problems.push((Verdict::Failed, words.to_owned()));
    }
    if lists.unit.state() == UnitState::BackingOff {
        let why = lists.unit.last_error().unwrap_or_default();
        problems.push((Verdict::Degraded, format!("changes of lists are not noticed: {why}")));
    }
    let odd = lists.stats.odd.load(Ordering::Relaxed);
    if odd > 0 {
        let words = format!("{odd} entries of lists do not fit the configuration; see `amslpr plates list`");
        problems.push((Verdict::Degraded, words));
    }
}
