//! The tracker: in each frame strong detections choose their tracks first, weak ones continue what is left.
//!
//! The two passes follow the idea of ByteTrack; the gate is not the overlap of boxes alone, because plates are
//! small and fast, but the distance from the expected place in plate sizes. Pure: time is an argument.

use super::{
    Ended, Seen, Settings, Step, TrackId, View, Waypoint,
    assign::assign,
    motion::{Motion, size_of},
};
use crate::{
    clock::Moment,
    detect::Detection,
    geometry::{Rect, Size},
};

/// Weak detections are looked for in this part of the reach only.
const WEAK_REACH: f32 = 0.6;
/// Nobody is refused within this many plate sizes, however certain the expectation is.
const LEAST_REACH: f32 = 0.6;

/// Follows the plates of one camera.
#[derive(Debug)]
pub struct Tracker {
    settings: Settings,
    tracks: Vec<Track>,
    next: u64,
    last: Moment,
}

#[derive(Debug)]
struct Track {
    id: TrackId,
    motion: Motion,
    path: Vec<Waypoint>,
    began: Moment,
    last_seen: Moment,
    area: Rect,
    hits: u32,
    missed: u32,
    frame: Size,
}

impl Tracker {
    pub fn new(settings: Settings) -> Self {
        Self { settings, tracks: Vec::new(), next: 1, last: Moment::ZERO }
    }

    /// Takes in what was detected in the frame taken at `at`.
    pub fn step(&mut self, at: Moment, frame: Size, detections: &[Detection]) -> Step {
        let mut step = Step { assigned: vec![None; detections.len()], ..Step::default() };
        let gap = at.since(self.last);
        self.last = self.last.max(at);
        for track in &mut self.tracks {
            track.motion.predict(gap);
        }

        let (strong, weak) = self.sort_out(frame, detections, &mut step);
        let mut free: Vec<usize> = (0..self.tracks.len()).collect();
        let mut taken: Vec<(usize, usize)> = Vec::new();
        let unclaimed = self.pair(detections, &strong, 1.0, &mut free, &mut taken);
        self.pair(detections, &weak, WEAK_REACH, &mut free, &mut taken);

        for &(track, detection) in &taken {
            if let (Some(track), Some(found)) = (self.tracks.get_mut(track), detections.get(detection)) {
                track.see(at, frame, &found.area, self.settings.max_path);
                step.note(track, detection, &self.settings);
            }
        }
        for &track in &free {
            if let Some(track) = self.tracks.get_mut(track) {
                track.missed = track.missed.saturating_add(1);
            }
        }
        for detection in unclaimed {
            self.found(at, frame, detections, detection, &mut step);
        }
        step.seen.sort_by_key(|seen| seen.track);
        self.give_up(at, &mut step);
        step
    }

    /// No plate is being followed.
    pub fn is_empty(&self) -> bool {
        self.tracks.is_empty()
    }

    /// What is known of a track; `None` once it has ended.
    pub fn view(&self, track: TrackId) -> Option<View<'_>> {
        let track = self.tracks.iter().find(|t| t.id == track)?;
        Some(View {
            path: &track.path,
            area: track.area,
            expected: track.motion.area(),
            direction: self.settings.zones.direction(&track.path, track.frame),
            hits: track.hits,
        })
    }

    /// Ends every track, as when the camera stops.
    pub fn flush(&mut self) -> Vec<Ended> {
        let zones = &self.settings.zones;
        self.tracks.drain(..).map(|track| track.ended(zones)).collect()
    }

    /// Strong and weak detections that may take part, each strongest first.
    fn sort_out(&self, frame: Size, detections: &[Detection], step: &mut Step) -> (Vec<usize>, Vec<usize>) {
        let mut usable: Vec<(usize, f32)> = Vec::with_capacity(detections.len());
        for (index, detection) in detections.iter().enumerate() {
            if !detection.area.is_finite() || detection.area.area() <= 0.0 {
                step.refused += 1;
            } else if self.settings.zones.is_masked(&detection.area, frame) {
                step.masked += 1;
            } else if detection.confidence.value() >= self.settings.weak {
                usable.push((index, detection.confidence.value()));
            }
        }
        usable.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let over = usable.len().saturating_sub(self.settings.max_detections);
        step.refused = step.refused.saturating_add(u32::try_from(over).unwrap_or(u32::MAX));
        usable.truncate(self.settings.max_detections);
        let (strong, weak): (Vec<_>, Vec<_>) =
            usable.into_iter().partition(|&(_, confidence)| confidence >= self.settings.strong);
        let indices = |list: Vec<(usize, f32)>| list.into_iter().map(|(index, _)| index).collect();
        (indices(strong), indices(weak))
    }

    /// Pairs the free tracks with these detections; gives back the detections that nobody took.
    fn pair(
        &self,
        detections: &[Detection],
        among: &[usize],
        reach: f32,
        free: &mut Vec<usize>,
        taken: &mut Vec<(usize, usize)>,
    ) -> Vec<usize> {
        let pairing = assign(among.len(), free.len(), &|row, column| {
            let found = detections.get(*among.get(row)?)?;
            let track = self.tracks.get(*free.get(column)?)?;
            self.cost(track, &found.area, reach)
        });
        let mut unclaimed = Vec::new();
        let mut claimed = Vec::new();
        for (&detection, column) in among.iter().zip(pairing) {
            match column.and_then(|column| free.get(column)) {
                Some(&track) => {
                    taken.push((track, detection));
                    claimed.push(track);
                }
                None => unclaimed.push(detection),
            }
        }
        free.retain(|track| !claimed.contains(track));
        unclaimed
    }

    /// What it costs to say that this box is that track's plate: 0 to about 2; `None` if it cannot be.
    fn cost(&self, track: &Track, area: &Rect, reach: f32) -> Option<f32> {
        let expected = track.motion.area();
        let distance = expected.centre().distance(area.centre()) / size_of(&expected);
        let allowed = (LEAST_REACH + 2.0 * track.motion.uncertainty())
            .clamp(LEAST_REACH, self.settings.reach.max(LEAST_REACH));
        let growth = (area.height.max(1.0) / expected.height.max(1.0)).ln().abs();
        let allowed_growth = self.settings.growth.max(1.01).ln();
        if distance > allowed * reach || growth > allowed_growth {
            return None;
        }
        Some(distance / allowed + 0.5 * growth / allowed_growth + 0.3 * (1.0 - expected.iou(area)))
    }

    fn found(&mut self, at: Moment, frame: Size, detections: &[Detection], index: usize, step: &mut Step) {
        let Some(detection) = detections.get(index) else { return };
        if self.tracks.len() >= self.settings.max_tracks {
            step.refused += 1;
            return;
        }
        let track = Track {
            id: TrackId(self.next),
            motion: Motion::begin(&detection.area),
            path: vec![Waypoint { at, area: detection.area }],
            began: at,
            last_seen: at,
            area: detection.area,
            hits: 1,
            missed: 0,
            frame,
        };
        self.next += 1;
        step.began.push(track.id);
        step.note(&track, index, &self.settings);
        self.tracks.push(track);
    }

    fn give_up(&mut self, at: Moment, step: &mut Step) {
        let settings = &self.settings;
        self.tracks.retain(|track| {
            let unseen = at.since(track.last_seen);
            let over = if track.hits == 1 {
                unseen > settings.first_patience && track.missed >= settings.patience_frames.min(2)
            } else {
                unseen > settings.patience && track.missed >= settings.patience_frames
            };
            if over {
                step.ended.push(track.ended(&settings.zones));
            }
            !over
        });
    }
}

impl Track {
    fn see(&mut self, at: Moment, frame: Size, area: &Rect, max_path: usize) {
        self.motion.update(area);
        self.area = *area;
        self.last_seen = at;
        self.hits = self.hits.saturating_add(1);
        self.missed = 0;
        self.frame = frame;
        if self.path.len() >= max_path.max(8) {
            // Every second place goes; the first stays, the newest is about to come.
            let mut keep = false;
            self.path.retain(|_| {
                keep = !keep;
                keep
            });
        }
        self.path.push(Waypoint { at, area: *area });
    }

    fn ended(&self, zones: &super::Zones) -> Ended {
        Ended {
            track: self.id,
            began: self.began,
            last_seen: self.last_seen,
            hits: self.hits,
            last_area: self.area,
            direction: zones.direction(&self.path, self.frame),
        }
    }
}

impl Step {
    fn note(&mut self, track: &Track, detection: usize, settings: &Settings) {
        if let Some(slot) = self.assigned.get_mut(detection) {
            *slot = Some(track.id);
        }
        let speed = track.motion.speed();
        self.seen.push(Seen {
            track: track.id,
            detection,
            area: track.area,
            counts: settings.zones.counts(&track.area, track.frame),
            direction: settings.zones.direction(&track.path, track.frame),
            speed: speed.x.hypot(speed.y) / size_of(&track.area),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{geometry::Quad, plate::Confidence, track::Polygon};
    use proptest::prelude::*;

    const FRAME: Size = Size::new(1280, 720);

    fn plate(x: f32, y: f32, width: f32, confidence: f32) -> Detection {
        let area = Rect::new(x, y, width, width / 4.5);
        Detection {
            area,
            corners: Quad::from(area),
            has_corners: false,
            confidence: Confidence::new(confidence),
        }
    }

    fn at(millis: u64) -> Moment {
        Moment::from_micros(millis * 1000)
    }

    /// Tracks that `frames` lead to, one frame every `gap` milliseconds: per frame the id of each detection.
    fn follow(gap: u64, frames: &[Vec<Detection>]) -> Vec<Vec<Option<u64>>> {
        let mut tracker = Tracker::new(Settings::default());
        let ids = |step: Step| step.assigned.iter().map(|a| a.map(|t| t.0)).collect();
        frames.iter().enumerate().map(|(i, f)| ids(tracker.step(at(i as u64 * gap), FRAME, f))).collect()
    }

    #[test]
    fn a_plate_that_never_overlaps_itself_is_still_one_track() {
        // 2.5 widths per frame at 5 frames a second.
        let frames: Vec<_> = (0..8).map(|i| vec![plate(20.0 + 150.0 * i as f32, 400.0, 60.0, 0.9)]).collect();
        assert!(follow(200, &frames).iter().all(|ids| ids == &[Some(1)]));
    }

    #[test]
    fn two_cars_side_by_side_keep_their_tracks_when_the_detections_change_order() {
        let frames: Vec<_> = (0..10)
            .map(|i| {
                let step = 12.0 * i as f32;
                let left = plate(200.0 + step, 300.0 + step, 90.0, 0.9);
                let right = plate(480.0 - step, 310.0 + step, 80.0, 0.8);
                if i % 2 == 0 { vec![left, right] } else { vec![right, left] }
            })
            .collect();
        for (i, ids) in follow(100, &frames).into_iter().enumerate() {
            assert_eq!(ids, if i % 2 == 0 { [Some(1), Some(2)] } else { [Some(2), Some(1)] }, "frame {i}");
        }
    }

    #[test]
    fn a_weak_detection_continues_a_track_and_never_founds_one() {
        let frames = [
            vec![plate(100.0, 100.0, 80.0, 0.3)],
            vec![plate(100.0, 100.0, 80.0, 0.9)],
            vec![plate(104.0, 101.0, 80.0, 0.3)],
            vec![plate(108.0, 102.0, 80.0, 0.3), plate(800.0, 500.0, 80.0, 0.3)],
        ];
        assert_eq!(follow(100, &frames), [vec![None], vec![Some(1)], vec![Some(1)], vec![Some(1), None]]);
    }

    #[test]
    fn a_plate_hidden_for_a_moment_comes_back_as_itself() {
        let mut frames: Vec<_> =
            (0..20).map(|i| vec![plate(100.0 + 20.0 * i as f32, 300.0, 80.0, 0.9)]).collect();
        for hidden in &mut frames[8..14] {
            hidden.clear();
        }
        let ids = follow(100, &frames);
        assert_eq!(ids.last(), Some(&vec![Some(1)]));
    }

    #[test]
    fn a_track_ends_once_and_says_what_it_was() {
        let mut tracker = Tracker::new(Settings::default());
        for i in 0..10u64 {
            tracker.step(at(i * 100), FRAME, &[plate(300.0, 300.0, 60.0 * 1.06f32.powi(i as i32), 0.9)]);
        }
        let ended: Vec<_> = (10..60).flat_map(|i| tracker.step(at(i * 100), FRAME, &[]).ended).collect();
        let [only] = ended.as_slice() else { panic!("{ended:?}") };
        assert_eq!((only.hits, only.last_seen), (10, at(900)));
        assert_eq!(only.direction, Some(crate::track::Direction::Approaching));
        assert!(tracker.view(only.track).is_none());
    }

    #[test]
    fn a_slow_camera_may_miss_a_plate_twice() {
        let mut tracker = Tracker::new(Settings::default());
        for second in [0, 1, 2, 5] {
            let step = tracker.step(at(second * 1000), FRAME, &[plate(300.0, 300.0, 60.0, 0.9)]);
            assert_eq!(step.assigned, [Some(TrackId(1))], "second {second}");
        }
    }

    #[test]
    fn what_lies_under_a_mask_is_not_followed() {
        let corner = [(0.0, 0.0), (0.5, 0.0), (0.5, 0.2), (0.0, 0.2)];
        let mask = Polygon::new(corner.map(|(x, y)| crate::geometry::Point::new(x, y)).to_vec()).unwrap();
        let mut settings = Settings::default();
        settings.zones.exclude.push(mask);
        let step = Tracker::new(settings).step(at(0), FRAME, &[plate(100.0, 50.0, 80.0, 0.9)]);
        assert_eq!((step.assigned, step.masked), (vec![None], 1));
    }

    #[test]
    fn a_wall_of_posters_is_bounded_and_counted() {
        let many: Vec<_> =
            (0..300).map(|i| plate((i % 20) as f32 * 64.0, (i / 20) as f32 * 48.0, 30.0, 0.9)).collect();
        let step = Tracker::new(Settings::default()).step(at(0), FRAME, &many);
        assert_eq!((step.began.len(), step.refused), (64, 236));
    }

    fn any_detection() -> impl Strategy<Value = Detection> {
        let value = prop_oneof![9 => -100.0f32..1400.0, 1 => Just(f32::NAN)];
        (value.clone(), value, 0.0f32..300.0, 0.0f32..1.0).prop_map(|(x, y, w, c)| plate(x, y, w, c))
    }

    proptest! {
        #[test]
        fn every_track_begins_once_ends_once_and_holds_one_detection_per_frame(
            frames in prop::collection::vec(
                (0u64..1500, prop::collection::vec(any_detection(), 0..7)), 1..40),
        ) {
            let mut tracker = Tracker::new(Settings::default());
            let (mut now, mut began, mut over) = (0, std::collections::BTreeSet::new(), Vec::new());
            for (gap, detections) in frames {
                now += gap;
                let step = tracker.step(at(now), FRAME, &detections);
                prop_assert_eq!(step.assigned.len(), detections.len());
                for id in &step.began {
                    prop_assert!(began.insert(*id));
                }
                let mut used: Vec<_> = step.assigned.iter().flatten().collect();
                let total = used.len();
                used.sort();
                used.dedup();
                prop_assert_eq!(used.len(), total);
                prop_assert_eq!(step.seen.len(), total);
                for seen in &step.seen {
                    prop_assert!(began.contains(&seen.track) && !over.contains(&seen.track));
                    prop_assert_eq!(step.assigned[seen.detection], Some(seen.track));
                    prop_assert!(seen.speed.is_finite());
                }
                over.extend(step.ended.iter().map(|e| e.track));
            }
            over.extend(tracker.flush().iter().map(|e| e.track));
            over.sort();
            prop_assert_eq!(over, began.into_iter().collect::<Vec<_>>());
        }
    }
}
