//! The same plate again: when two tracks are parts of one visit, and when they are two vehicles.
//!
//! A track breaks where a plate is hidden; its second part must join the first, or one vehicle becomes two
//! passages. Two vehicles nose to tail must never become one. So: sure texts must be the same; an unsure text must
//! also be near in place, or stand in the very same one; no text at all must be near and soon. Two plates seen at the same time are one vehicle
//! only if they say exactly the same, or lie on each other.

use std::time::Duration;

use super::{Reading, visit::Visit};
use crate::{clock::Moment, geometry::Rect, plate::confusion};

/// Sure texts may differ by what no picture tells apart (0 and O, 1 and I), not more: number plates of one fleet
/// differ in one digit.
const SAME_SURE: f32 = 0.25;
/// An unsure text may differ from another by one character, if the place fits.
const SAME_UNSURE: f32 = 1.0;
/// A plate out of sight may come back this many plate sizes away, and as many more per second.
const NEAR: f32 = 1.5;
/// ...and this many times taller or lower.
const NEAR_GROWTH: f32 = 1.6;
/// Longer gaps are treated as this long when looking for the place: a plate does not drift for ever. Something that moves
/// and has no text is not looked for any longer.
const NEAR_TIME: Duration = Duration::from_secs(2);
/// What has been in view for less is not known to stand.
const LASTING: Duration = Duration::from_secs(1);
/// Two boxes lie on each other only if they were last seen within this time: a vehicle drives over where another was.
const AT_ONCE: Duration = Duration::from_millis(300);

/// Whether `part` (not yet opened) and `visit` are one vehicle.
pub(super) fn is_same_vehicle(visit: &Visit, part: &Visit) -> bool {
    let (earlier, later) = if visit.began <= part.began { (visit, part) } else { (part, visit) };
    let together = later.began <= earlier.last_seen;
    let (lie, stood) = (lie_together(visit, part), earlier.standing && later.standing);
    if together {
        let lie = lie && apart(visit.last_seen, part.last_seen) <= AT_ONCE;
        return match (&visit.reading, &part.reading) {
            // The very same text at two places of one picture: the older track was taken over by another plate.
            (Some(a), Some(b)) if (a.sure || b.sure) && a.text == b.text => true,
            (Some(a), Some(b)) if a.sure && b.sure => lie && is_near_text(a, b),
            // Two plates cannot lie on each other, whatever an unsure vote makes of the second one.
            _ => lie,
        };
    }
    match (&earlier.reading, &later.reading) {
        (Some(a), Some(b)) if a.sure && b.sure => confusion::distance(&a.text, &b.text) <= SAME_SURE,
        (Some(a), Some(b)) => {
            confusion::distance(&a.text, &b.text) <= SAME_SURE
                || (is_near_text(a, b) && is_near_place(earlier, later))
                // Standing plates at the very same place: something stood before it, and the text is not sure.
                || (stood && lie)
        }
        _ => {
            let soon = later.began.since(earlier.last_seen) <= NEAR_TIME;
            // How fast something is shows after a while only.
            let stays = stood && later.last_seen.since(later.began) >= LASTING;
            (soon || stays) && is_near_place(earlier, later)
        }
    }
}

fn apart(a: Moment, b: Moment) -> Duration {
    a.since(b).max(b.since(a))
}

/// Whether what is known of a newcomer's text by now does not speak against it.
pub(super) fn may_be_same(visit: &Visit, newcomer: &Visit) -> bool {
    let later = visit.last_seen < newcomer.began;
    let texts = visit.reading.as_ref().zip(newcomer.reading.as_ref());
    later && texts.is_some_and(|(a, b)| is_near_text(a, b))
}

/// Two boxes on one plate.
fn lie_together(a: &Visit, b: &Visit) -> bool {
    a.last_area.iou(&b.last_area) > 0.3
}

fn is_near_text(a: &Reading, b: &Reading) -> bool {
    confusion::distance(&a.text, &b.text) <= SAME_UNSURE
        || confusion::distance(&a.raw, &b.raw) <= SAME_UNSURE
        || confusion::is_part_of(&a.text, &b.text)
        || confusion::is_part_of(&b.text, &a.text)
}

fn is_near_place(earlier: &Visit, later: &Visit) -> bool {
    let gap = later.began.since(earlier.last_seen).min(NEAR_TIME).as_secs_f32();
    // A standing plate comes back where it was.
    let drift = if earlier.standing { 0.0 } else { NEAR * gap };
    let (a, b): (&Rect, &Rect) = (&earlier.last_area, &later.first_area);
    let size = a.width.max(a.height).max(4.0);
    let growth = (a.height.max(1.0) / b.height.max(1.0)).ln().abs();
    a.centre().distance(b.centre()) <= size * (NEAR + drift) && growth <= NEAR_GROWTH.ln()
}
