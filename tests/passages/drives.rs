//! Real drives with known texts: boxes and texts as they were typed in, a picture a second from a driving car,
//! read by the simulated reader. Runs where `AMSLPR_DATA` names a folder that holds `plates-real/`.
//!
//! Harder than a gate: the camera moves, a plate jumps by many of its widths from picture to picture, and half
//! of the pictures are missing. The texts must hold the visits together.

use std::{collections::BTreeMap, path::PathBuf};

use amslpr::{detect::Detection, geometry::Rect, plate::Confidence};

use crate::{
    Middle,
    world::{Conditions, Dice, detection, moment, read},
};

struct Plate {
    area: Rect,
    text: Option<String>,
    /// The text is known from other frames only; this crop is too poor to be read.
    poor: bool,
}

/// By drive, then by second.
fn drives() -> Option<BTreeMap<String, BTreeMap<u32, Vec<Plate>>>> {
    let folder = PathBuf::from(std::env::var_os("AMSLPR_DATA")?).join("plates-real");
    let mut drives: BTreeMap<String, BTreeMap<u32, Vec<Plate>>> = BTreeMap::new();
    for file in ["train.jsonl", "val.jsonl"] {
        let lines = std::fs::read_to_string(folder.join(file)).unwrap();
        for line in lines.lines() {
            let entry: serde_json::Value = serde_json::from_str(line).unwrap();
            if entry["source"] != "robertlucian" {
                continue;
            }
            let image = entry["image"].as_str().unwrap().rsplit('/').next().unwrap().trim_end_matches(".jpg");
            let (drive, second) = image.rsplit_once("_t").unwrap();
            let plates = entry["plates"].as_array().unwrap().iter().map(|plate| {
                let side = |i: usize| plate["box"][i].as_f64().unwrap() as f32;
                let text = |key: &str| plate[key].as_str().map(str::to_owned);
                Plate {
                    area: Rect::new(side(0), side(1), side(2), side(3)),
                    poor: text("text").is_none(),
                    text: text("text").or_else(|| text("track_text")),
                }
            });
            drives.entry(drive.to_owned()).or_default().insert(second.parse().unwrap(), plates.collect());
        }
    }
    Some(drives)
}

/// Stays of one plate: first and last second, and in how many pictures its crop can be read.
fn stays(drive: &BTreeMap<u32, Vec<Plate>>) -> Vec<(String, u32, u32, u32)> {
    let mut stays: Vec<(String, u32, u32, u32)> = Vec::new();
    for (second, plate) in drive.iter().flat_map(|(s, plates)| plates.iter().map(move |p| (*s, p))) {
        let Some(text) = &plate.text else { continue };
        let open = stays.iter_mut().find(|s| s.0 == *text && second <= s.2 + 5);
        match open {
            Some(stay) => {
                stay.2 = second;
                stay.3 += u32::from(!plate.poor);
            }
            None => stays.push((text.clone(), second, second, u32::from(!plate.poor))),
        }
    }
    stays
}

#[test]
fn on_real_drives_every_readable_plate_is_one_passage_with_the_right_text() {
    let Some(drives) = drives() else {
        println!("AMSLPR_DATA is not set: real drives are not checked");
        return;
    };
    let conditions = Conditions { hard: 0.1, misread: 0.02, ..Conditions::default() };
    let (mut readable, mut right, mut again, mut wrong, mut passages) = (0, 0, 0, 0, 0);
    for (seed, (name, drive)) in drives.iter().enumerate() {
        let mut dice = Dice::new(seed as u64);
        let mut middle = Middle::new("ro");
        for (second, plates) in drive {
            let found: Vec<Detection> =
                plates.iter().map(|p| detection(p.area, dice.between(0.6, 0.95))).collect();
            assert!(found.iter().all(|d| d.confidence > Confidence::NONE));
            middle.frame(moment(*second as f32), &found, |index| {
                let plate = &plates[index];
                let hard = if plate.poor { 0.3 } else { conditions.misread };
                read(
                    &mut dice,
                    plate.text.as_deref(),
                    plate.area.height,
                    &Conditions { misread: hard, ..conditions.clone() },
                )
            });
        }
        let end = drive.keys().last().map_or(0, |s| s + 1);
        let outcome = middle.stop(moment(end as f32));
        let texts = outcome.texts();
        passages += texts.len();
        let stays = stays(drive);
        for (text, from, to, good) in &stays {
            if *good < 2 {
                continue;
            }
            readable += 1;
            let of_it: Vec<_> = outcome
                .closed
                .iter()
                .filter(|(p, _)| p.reading.as_ref().is_some_and(|r| r.text.as_str() == text))
                .filter(|(p, _)| {
                    let began = p.began.as_second() - 1_790_000_000;
                    let ended = p.ended.map_or(began, |e| e.as_second() - 1_790_000_000);
                    began <= i64::from(*to) && ended >= i64::from(*from)
                })
                .collect();
            right += usize::from(!of_it.is_empty());
            again += of_it.len().saturating_sub(1);
            if of_it.is_empty() {
                println!("{name}: {text} from {from} to {to}, {good} readable: no passage");
            } else if of_it.len() > 1 {
                println!("{name}: {text} from {from} to {to}: {} passages", of_it.len());
            }
        }
        let known = |text: &str| stays.iter().any(|s| s.0 == text);
        wrong += outcome
            .closed
            .iter()
            .filter(|(p, _)| p.reading.as_ref().is_some_and(|r| r.sure && !known(r.text.as_str())))
            .count();
    }
    println!(
        "{readable} readable stays, {right} right, {again} more than once, {wrong} sure of a wrong text, {passages} passages"
    );
    assert!(readable > 50);
    assert!(right as f32 >= 0.9 * readable as f32);
    assert_eq!(wrong, 0);
}
