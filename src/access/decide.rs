//! The one function that decides. Pure: reading, lists and wall time in, decision out.
//!
//! A block list wins over every allow list; what is not sure is refused; what is on no list is refused.

use jiff::Timestamp;

use super::{Decision, Kind, Lists, Reason, Verdict, list::Found};
use crate::passage::Reading;

/// What to do about this reading at this time. `None`: nothing on the plate could be read.
pub fn decide(reading: Option<&Reading>, lists: &Lists, at: Timestamp) -> Decision {
    let Some(reading) = reading else { return plain(Verdict::Refuse, Reason::Unreadable) };
    if !reading.sure {
        return plain(Verdict::Refuse, Reason::Unsure);
    }
    let plate = &reading.text;
    let now = |found: &Found<'_>| found.counts(at);
    let watch = lists.find(Kind::Watch, plate).find(now);
    let blocked = lists.find(Kind::Block, plate).find(now);
    let allowed = lists.find(Kind::Allow, plate).find(now);
    let mut decision = if let Some(found) = &blocked {
        by(Verdict::Refuse, Reason::Blocked, found, reading)
    } else if let Some(found) = &allowed {
        by(Verdict::Admit, Reason::Listed, found, reading)
    } else if let Some(found) = &watch {
        by(Verdict::Watch, Reason::Watched, found, reading)
    } else if let Some(found) = lists.find(Kind::Allow, plate).next() {
        by(Verdict::Refuse, Reason::NotNow, &found, reading)
    } else {
        plain(Verdict::Refuse, Reason::Unlisted)
    };
    decision.watched_by = watch.map(|found| found.list.name.clone());
    decision
}

fn plain(verdict: Verdict, reason: Reason) -> Decision {
    Decision { verdict, reason, list: None, note: None, matched: None, watched_by: None }
}

fn by(verdict: Verdict, reason: Reason, found: &Found<'_>, reading: &Reading) -> Decision {
    Decision {
        list: Some(found.list.name.clone()),
        note: found.entry.note.clone(),
        matched: (found.entry.plate != reading.text).then(|| found.entry.plate.clone()),
        ..plain(verdict, reason)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Instant};

    use super::*;
    use crate::{
        access::{Days, Entry, Holidays, Hours, List, Schedule},
        infer::EngineKind,
        plate::{Confidence, PlateText},
    };
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    fn text(plate: &str) -> PlateText {
        PlateText::normalise(plate).unwrap()
    }

    fn reading(plate: &str, sure: bool) -> Reading {
        Reading {
            text: text(plate),
            confidence: Confidence::new(0.97),
            raw: text(plate),
            region: None,
            runner_up: None,
            chars: Vec::new(),
            sure,
            votes: 3,
            agreeing: 3,
            engine: EngineKind::Cpu,
            model: "reader".to_owned(),
        }
    }

    fn list(name: &str, kind: Kind, plates: &[&str]) -> List {
        let entries = plates.iter().map(|p| Entry::new(text(p))).collect();
        List { name: name.to_owned(), kind, tolerant: false, schedule: None, entries }
    }

    fn noon() -> Timestamp {
        "2026-11-23T12:00:00Z".parse().unwrap()
    }

    /// `lists` about a sure `plate` at noon on a Monday.
    fn check(lists: Vec<List>, plate: &str, expected: (Verdict, Reason)) -> Decision {
        let decision = decide(Some(&reading(plate, true)), &Lists::load(lists).unwrap(), noon());
        assert_eq!((decision.verdict, decision.reason), expected, "{plate}");
        decision
    }

    #[test]
    fn only_a_sure_listed_plate_is_admitted() {
        let staff = || vec![list("staff", Kind::Allow, &["AB12CDE"])];
        let found = check(staff(), "AB12CDE", (Verdict::Admit, Reason::Listed));
        assert_eq!(found.list.as_deref(), Some("staff"));
        check(staff(), "AB12CDF", (Verdict::Refuse, Reason::Unlisted));
        check(staff(), "A812CDE", (Verdict::Refuse, Reason::Unlisted));
        let lists = Lists::load(staff()).unwrap();
        assert_eq!(decide(Some(&reading("AB12CDE", false)), &lists, noon()).reason, Reason::Unsure);
        assert_eq!(decide(None, &lists, noon()).reason, Reason::Unreadable);
    }

    #[test]
    fn a_block_wins_over_every_allow() {
        let lists = vec![
            list("staff", Kind::Allow, &["AB12CDE"]),
            list("banned", Kind::Block, &["AB12CDE"]),
            list("police", Kind::Watch, &["AB12CDE"]),
        ];
        let found = check(lists, "AB12CDE", (Verdict::Refuse, Reason::Blocked));
        assert_eq!(found.watched_by.as_deref(), Some("police"));
    }

    #[test]
    fn a_watched_guest_is_admitted_and_told_about() {
        let lists =
            vec![list("guests", Kind::Allow, &["AB12CDE"]), list("look", Kind::Watch, &["AB12CDE", "X1"])];
        let found = check(lists.clone(), "AB12CDE", (Verdict::Admit, Reason::Listed));
        assert_eq!(found.watched_by.as_deref(), Some("look"));
        check(lists, "X1", (Verdict::Watch, Reason::Watched));
    }

    #[test]
    fn a_tolerant_list_matches_a_look_alike_and_says_which_entry() {
        let mut staff = list("staff", Kind::Allow, &["AB12CDE"]);
        staff.tolerant = true;
        let found = check(vec![staff.clone()], "A812COE", (Verdict::Admit, Reason::Listed));
        assert_eq!(found.matched, Some(text("AB12CDE")));
        check(vec![staff], "AB12CKE", (Verdict::Refuse, Reason::Unlisted));
    }

    #[test]
    fn an_entry_counts_from_its_first_to_before_its_last_instant() {
        let with = |from: Option<&str>, until: Option<&str>| {
            let mut staff = list("staff", Kind::Allow, &["AB12CDE"]);
            staff.entries[0].from = from.map(|t| t.parse().unwrap());
            staff.entries[0].until = until.map(|t| t.parse().unwrap());
            vec![staff]
        };
        let now = (Verdict::Refuse, Reason::NotNow);
        check(with(Some("2026-11-23T12:00:00Z"), None), "AB12CDE", (Verdict::Admit, Reason::Listed));
        check(with(Some("2026-11-23T12:00:01Z"), None), "AB12CDE", now);
        check(with(None, Some("2026-11-23T12:00:00Z")), "AB12CDE", now);
        check(with(None, Some("2026-11-23T12:00:01Z")), "AB12CDE", (Verdict::Admit, Reason::Listed));
    }

    #[test]
    fn outside_the_hours_it_is_not_now_and_an_entry_s_own_hours_win() {
        let at = |from, to| {
            let hours = vec![Hours::new(Days::WORKING, from, to).unwrap()];
            let on_holidays = Holidays::Closed;
            Some(Arc::new(Schedule { zone: TimeZone::UTC, hours, holidays: [].into(), on_holidays }))
        };
        let mut staff = list("staff", Kind::Allow, &["AB12CDE", "KX07FFF"]);
        staff.schedule = at((13, 0), (18, 0));
        staff.entries[1].schedule = at((11, 0), (13, 0));
        check(vec![staff.clone()], "AB12CDE", (Verdict::Refuse, Reason::NotNow));
        check(vec![staff], "KX07FFF", (Verdict::Admit, Reason::Listed));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "measures a real duration")]
    fn a_hundred_thousand_entries_are_asked_in_a_moment() {
        let plate = |i: u32| format!("{}{:06}", char::from(b'A' + (i % 26) as u8), i);
        let mut large = list("large", Kind::Allow, &[]);
        large.entries = (0..100_000).map(|i| Entry::new(text(&plate(i)))).collect();
        let lists = Lists::load(vec![large]).unwrap();
        let (known, unknown) = (reading(&plate(77_777), true), reading("ZZ99ZZZ", true));
        let start = Instant::now();
        for _ in 0..100 {
            assert_eq!(decide(Some(&known), &lists, noon()).verdict, Verdict::Admit);
            assert_eq!(decide(Some(&unknown), &lists, noon()).reason, Reason::Unlisted);
        }
        let each = start.elapsed() / 200;
        assert!(each.as_micros() < 1000, "{each:?} per decision");
    }

    fn any_list() -> impl Strategy<Value = List> {
        let kind = prop_oneof![Just(Kind::Allow), Just(Kind::Block), Just(Kind::Watch)];
        let valid = || prop::option::of(0i64..100);
        let entry = ("[AB8][0O]", valid(), valid()).prop_map(|(plate, from, until)| Entry {
            from: from.map(|s| Timestamp::from_second(s).unwrap()),
            until: until.map(|s| Timestamp::from_second(s).unwrap()),
            ..Entry::new(text(&plate))
        });
        ("[a-z]{6}", kind, any::<bool>(), prop::collection::vec(entry, 0..4)).prop_map(
            |(name, kind, tolerant, entries)| List { name, kind, tolerant, schedule: None, entries },
        )
    }

    proptest! {
        #[test]
        fn nothing_but_a_sure_reading_on_a_valid_allow_entry_is_ever_admitted(
            lists in prop::collection::vec(any_list(), 0..4), plate in "[AB8][0O]", sure: bool, second in 0i64..100,
        ) {
            let Ok(loaded) = Lists::load(lists.clone()) else { return Ok(()) };
            let at = Timestamp::from_second(second).unwrap();
            let decision = decide(Some(&reading(&plate, sure)), &loaded, at);
            let holds = |kind| lists.iter().filter(|l| l.kind == kind).any(|l| l.entries.iter().any(|e| {
                let same = e.plate.as_str() == plate || (l.tolerant
                    && crate::plate::confusion::fold(&e.plate) == crate::plate::confusion::fold(&text(&plate)));
                same && e.from.is_none_or(|f| at >= f) && e.until.is_none_or(|u| at < u)
            }));
            let admit = sure && holds(Kind::Allow) && !holds(Kind::Block);
            prop_assert_eq!(decision.verdict == Verdict::Admit, admit);
        }
    }
}
