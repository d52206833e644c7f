//! What evidence promises, asked of a real folder beside a real journal.

use sha2::{Digest, Sha256};

use super::*;
use crate::{
    clock::SystemClock,
    fact::sample,
    frame::{PixelFormat, test_frames::frame_of},
    journal::{self, Journal},
    passage::{CountedIds, IdSource},
};

const SOON: Duration = Duration::from_secs(20);

fn settings(folder: &std::path::Path) -> Settings {
    Settings {
        folder: folder.join("evidence"),
        plate: true,
        frame: true,
        quality: 85,
        retention: None,
        largest_bytes: 1 << 30,
        keep_free: 0,
        queue: 8,
        trust: crate::clock::WallTrust::default(),
    }
}

fn exhibit(n: u64, wall: &str) -> Exhibit {
    let mut ids = CountedIds::default();
    let wall: jiff::Timestamp = wall.parse().unwrap();
    let passage = (0..=n).map(|_| ids.next(wall)).last().unwrap();
    let size = Size::new(320, 200);
    let frame = frame_of(PixelFormat::Nv12, size, |x, y| [x as u8, y as u8, (n * 40) as u8]);
    Exhibit { passage, frame, area: Some(Rect::new(300.0, 10.0, 40.0, 12.0)) }
}

fn files(folder: &std::path::Path) -> Vec<String> {
    let mut names = Vec::new();
    for day in std::fs::read_dir(folder.join("evidence")).unwrap() {
        let day = day.unwrap();
        for file in std::fs::read_dir(day.path()).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            names.push(format!("{}/{name}", day.file_name().into_string().unwrap()));
        }
    }
    names.sort();
    names
}

/// Files these exhibits, and what the journal and the counters say then.
fn file(
    folder: &std::path::Path,
    settings: Settings,
    exhibits: &[Exhibit],
) -> (Vec<Option<Evidence>>, Snapshot) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let path = folder.join("journal.db");
    let journal = Journal::open(&path, &journal::Settings::default(), Arc::clone(&clock)).unwrap();
    let (cabinet, exhibitor) = Cabinet::open(settings, journal.writer(), None, clock).unwrap();
    let stats = cabinet.stats();
    exhibits.iter().for_each(|exhibit| exhibitor.show(exhibit.clone()));
    drop(exhibitor);
    drop(cabinet);
    assert!(journal.writer().flush(SOON));
    let mut reader = journal.reader().unwrap();
    let kept = exhibits.iter().map(|exhibit| reader.evidence(exhibit.passage).unwrap()).collect();
    (kept, stats.snapshot())
}

#[test]
fn a_passage_s_pictures_are_files_that_the_journal_vouches_for() {
    let folder = tempfile::tempdir().unwrap();
    let shown = exhibit(1, "2026-11-25T10:00:00Z");
    let (kept, stats) = file(folder.path(), settings(folder.path()), std::slice::from_ref(&shown));
    let evidence = kept[0].clone().unwrap();
    let id = shown.passage;
    let names = [format!("2026-11-25/{id}-plate.jpg"), format!("2026-11-25/{id}-frame.jpg")];
    assert_eq!(evidence.images.iter().map(|image| image.file.clone()).collect::<Vec<_>>(), names);
    for image in &evidence.images {
        let bytes = std::fs::read(folder.path().join("evidence").join(&image.file)).unwrap();
        assert_eq!(image.bytes, bytes.len() as u64);
        assert_eq!(image.sha256, <[u8; 32]>::from(Sha256::digest(&bytes)));
        let picture = image::load_from_memory(&bytes).unwrap();
        // 40 x 12 with a margin of 6, as far as the picture goes.
        let expected = if image.kind == ImageKind::Plate { (26, 24) } else { (320, 200) };
        assert_eq!((picture.width(), picture.height()), expected);
    }
    assert_eq!((stats.written, stats.dropped, stats.failed), (1, 0, 0));
    assert_eq!(stats.bytes, evidence.images.iter().map(|image| image.bytes).sum::<u64>());
    assert_eq!(files(folder.path()).len(), 2);
    assert_eq!(erase(&folder.path().join("evidence"), id).unwrap(), 2);
    assert_eq!(erase(&folder.path().join("evidence"), id).unwrap(), 0);
}

#[test]
fn what_is_too_old_or_too_much_goes_the_oldest_first() {
    let folder = tempfile::tempdir().unwrap();
    let at = |day: u32| format!("2026-11-{day:02}T10:00:00Z");
    let shown: Vec<Exhibit> = (1..5).map(|n| exhibit(u64::from(n), &at(n))).collect();
    let (_, stats) = file(folder.path(), settings(folder.path()), &shown);
    assert_eq!((files(folder.path()).len(), stats.erased), (8, 0));
    // Left by a power cut.
    std::fs::write(folder.path().join("evidence/2026-11-03/x.jpg.part"), "half").unwrap();

    let limit = stats.bytes;
    let tight = Settings { largest_bytes: limit, ..settings(folder.path()) };
    let (_, stats) = file(folder.path(), tight, &[exhibit(9, &at(9))]);
    let left = files(folder.path());
    assert!(stats.bytes <= limit && (2..=3).contains(&stats.erased), "{stats:?}");
    assert_eq!(left.len() as u64, 10 - stats.erased);
    let gone = |name: &String| name.starts_with("2026-11-01") || name.ends_with(".part");
    assert!(!left.iter().any(gone) && left.iter().any(|name| name.starts_with("2026-11-09")), "{left:?}");

    let heartbeat = || Heartbeat::new(Arc::new(SystemClock::start()));
    let mut store = Store::open(
        &Settings { retention: Some(Duration::from_secs(7 * 86_400)), ..settings(folder.path()) },
        heartbeat(),
    )
    .unwrap();
    let noon = Some("2026-11-10T12:00:00Z".parse().unwrap());
    assert_eq!(store.tidy(None, 0).unwrap(), 0, "nobody knows what time it is");
    assert!(store.tidy(noon, 0).unwrap() > 0);
    let days: Vec<_> = files(folder.path()).iter().map(|name| name[..10].to_owned()).collect();
    assert!(!days.contains(&"2026-11-02".to_owned()) && days.contains(&"2026-11-03".to_owned()), "{days:?}");

    // No image outlives its passage.
    let mut store = Store::open(&settings(folder.path()), heartbeat()).unwrap();
    let erased: jiff::Timestamp = "2026-11-09T00:00:00Z".parse().unwrap();
    assert!(store.tidy(noon, erased.as_microsecond()).unwrap() > 0);
    assert!(files(folder.path()).iter().all(|name| name.starts_with("2026-11-09")));
    let before = store.bytes();
    assert_eq!(store.give_back(1).unwrap(), 1, "as many as are needed");
    assert!(store.bytes() < before);
    store.give_back(u64::MAX).unwrap();
    assert_eq!((store.bytes(), files(folder.path()).len()), (0, 0));
}

#[test]
fn a_disk_that_is_to_be_kept_free_gets_no_images_and_the_passages_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let greedy = Settings { keep_free: u64::MAX / 2, ..settings(folder.path()) };
    let (kept, stats) = file(folder.path(), greedy, &[exhibit(1, "2026-11-25T10:00:00Z")]);
    assert_eq!((kept[0].clone(), stats.written, stats.failed), (None, 0, 1));
    assert!(files(folder.path()).is_empty());
}

#[test]
fn pictures_that_come_too_fast_are_dropped_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let path = folder.path().join("journal.db");
    let journal = Journal::open(&path, &journal::Settings::default(), Arc::clone(&clock)).unwrap();
    let one = Settings { queue: 1, ..settings(folder.path()) };
    let (cabinet, exhibitor) = Cabinet::open(one, journal.writer(), None, clock).unwrap();
    for n in 0..200 {
        exhibitor.show(exhibit(n % 3, "2026-11-25T10:00:00Z"));
    }
    let stats = cabinet.stats();
    drop((exhibitor, cabinet));
    let counted = stats.snapshot();
    assert_eq!(counted.written + counted.dropped, 200, "{counted:?}");
    assert!(counted.dropped > 0 && counted.written > 0, "{counted:?}");
}

#[test]
fn images_do_not_stand_in_the_way_of_what_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let keep = journal::Settings { outbox: true, ..journal::Settings::default() };
    let journal = Journal::open(&folder.path().join("journal.db"), &keep, clock).unwrap();
    let writer = journal.writer();
    for n in 0..10 {
        let closed = sample::closed(n);
        let (passage, camera) = (closed.passage.id, closed.passage.camera.clone());
        writer.record(Fact::Closed(closed));
        writer.record(Fact::Evidence(Evidence { passage, camera, images: Vec::new() }));
    }
    assert!(writer.flush(SOON));
    use crate::fact::{Lane, Outbox as _};
    let told = journal.pending_facts().unwrap().undelivered(3, Lane::Everything, 100).unwrap();
    assert_eq!(told.iter().map(|one| one.seq).collect::<Vec<_>>(), (4..=10).collect::<Vec<_>>());
    assert!(told.iter().all(|one| matches!(one.fact, Fact::Closed(_))));
}
