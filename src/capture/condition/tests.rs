//! The judge's words on pictures that are drawn here: streets with noise, in all the ways a camera fails.

use super::*;
use crate::{
    frame::{CameraId, Frame, PixelFormat},
    geometry::Size,
};

/// What the camera shows.
#[derive(Clone, Copy)]
struct Scene {
    shift: u32,
    light: f32,
    noise: f32,
    blur: bool,
}

const STREET: Scene = Scene { shift: 0, light: 1.0, noise: 3.0, blur: false };

fn dice(x: u32, y: u32, n: u64) -> f32 {
    let mut mixed = u64::from(x) << 40 ^ u64::from(y) << 20 ^ n;
    mixed = (mixed ^ mixed >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ mixed >> 32).wrapping_mul(0x94D0_49BB_1331_11EB);
    (mixed >> 40) as f32 / (1u64 << 23) as f32 - 1.0
}

/// Boxes of all sizes: what is left of their edges when they blur is less.
fn street(x: u32, y: u32) -> f32 {
    let house = dice(x / 37, y / 29, 1) * 60.0;
    let window = dice(x / 9, y / 11, 2) * 25.0;
    120.0 + house + window
}

fn glance(scene: Scene, n: u64) -> Glance {
    let size = Size::new(320, 180);
    let (planes, len) = PixelFormat::Gray8.packed(size);
    let mut bytes = vec![0u8; len];
    for (i, byte) in bytes.iter_mut().enumerate() {
        let (x, y) = (i as u32 % size.width, i as u32 / size.width);
        let at = |dx: u32| street(x + scene.shift + dx, y + scene.shift / 2);
        let clean = if scene.blur { (0..9).map(|d| at(d * 2)).sum::<f32>() / 9.0 } else { at(8) };
        *byte = (clean * scene.light + dice(x, y, n + 7) * scene.noise).clamp(0.0, 255.0) as u8;
    }
    let frame = Frame {
        camera: CameraId::new("test"),
        seq: n,
        captured: Moment::ZERO,
        wall: jiff::Timestamp::UNIX_EPOCH,
        size,
        format: PixelFormat::Gray8,
        full_range: true,
        planes,
        pixels: std::sync::Arc::new(bytes.into()),
    };
    let mut glance = Glance::default();
    glance.look(&frame).unwrap();
    glance
}

struct Camera {
    judge: Judge,
    n: u64,
}

impl Camera {
    fn new() -> Self {
        Self::with(Settings::default())
    }

    fn with(settings: Settings) -> Self {
        let mut camera = Self { judge: Judge::new(settings), n: 0 };
        assert_eq!(camera.shows(STREET, 30), Condition::Fine);
        camera
    }

    fn at(&self) -> Moment {
        Moment::from_micros(self.n * 1_000_000)
    }

    /// A picture a second for so long; the last word.
    fn shows(&mut self, scene: Scene, seconds: u64) -> Condition {
        let mut word = Condition::Fine;
        for _ in 0..seconds {
            self.n += 1;
            word = self.judge.see(&glance(scene, self.n), self.at());
        }
        word
    }

    fn check(scene: Scene, after: u64, word: Condition) {
        let mut camera = Self::new();
        assert_eq!(camera.shows(scene, after / 2), Condition::Fine, "not at once: {word:?}");
        assert_eq!(camera.shows(scene, after), word);
        assert_eq!(camera.shows(STREET, 20), Condition::Fine, "and taken back: {word:?}");
    }
}

#[test]
fn a_covered_lens_is_dark_a_dirty_one_blurred_and_a_turned_camera_moved() {
    Camera::check(Scene { light: 0.06, ..STREET }, 12, Condition::Dark);
    Camera::check(Scene { blur: true, noise: 1.0, ..STREET }, 40, Condition::Blurred);
    Camera::check(Scene { shift: 90, ..STREET }, 40, Condition::Moved);
}

#[test]
fn a_covered_lens_without_a_trace_of_noise_stays_dark() {
    let mut camera = Camera::new();
    let black = Scene { light: 0.0, noise: 0.0, ..STREET };
    assert_eq!(camera.shows(black, 15), Condition::Dark);
    let words: Vec<_> = (0..60).map(|_| camera.shows(black, 1)).collect();
    assert!(words.iter().all(|word| *word == Condition::Dark), "{words:?}");
    assert_eq!(camera.shows(STREET, 20), Condition::Fine);
}

#[test]
fn the_day_going_by_is_nothing_to_speak_of() {
    let mut camera = Camera::new();
    for step in 0..40 {
        let light = 1.0 - 0.7 * (step as f32 / 40.0);
        assert_eq!(camera.shows(Scene { light, ..STREET }, 6), Condition::Fine, "light {light}");
    }
    assert_eq!(
        camera.shows(Scene { light: 0.4, noise: 8.0, ..STREET }, 60),
        Condition::Fine,
        "grain at night"
    );
}

#[test]
fn the_very_same_picture_again_and_again_is_frozen_until_another_one_comes() {
    let mut camera = Camera::new();
    let still = glance(STREET, 1_000);
    let words: Vec<_> = (0..30)
        .map(|_| {
            camera.n += 1;
            camera.judge.see(&still, camera.at())
        })
        .collect();
    assert_eq!((words[15], words[29]), (Condition::Fine, Condition::Frozen));
    assert_eq!(camera.shows(STREET, 1), Condition::Frozen);
    assert_eq!(camera.shows(STREET, 2), Condition::Fine);
}

#[test]
fn a_clock_in_a_masked_corner_does_not_hide_a_frozen_picture() {
    let counts = (0..CELLS).map(|cell| cell >= 4 * COLUMNS).collect();
    let mut judge = Judge::new(Settings { counts, ..Settings::default() });
    let mut still = glance(STREET, 5);
    let mut word = Condition::Fine;
    for n in 0..30 {
        still.marks[3] = n;
        word = judge.see(&still, Moment::from_micros(u64::from(n) * 1_000_000));
    }
    assert_eq!(word, Condition::Frozen);
}

#[test]
fn a_new_view_is_got_used_to() {
    let mut camera = Camera::with(Settings { used_to_after: Duration::from_secs(60), ..Settings::default() });
    let turned = Scene { shift: 90, ..STREET };
    assert_eq!(camera.shows(turned, 40), Condition::Moved);
    assert_eq!(camera.shows(turned, 90), Condition::Fine);
    assert_eq!(camera.shows(STREET, 60), Condition::Moved, "and turning it back is a move");
}

#[test]
fn a_lorry_before_the_lens_for_a_while_is_no_move() {
    let mut camera = Camera::new();
    for _ in 0..120 {
        camera.n += 1;
        let mut glance = glance(STREET, camera.n);
        for (i, cell) in glance.cells.iter_mut().enumerate() {
            if i % COLUMNS < COLUMNS / 3 {
                *cell = 90;
            }
        }
        assert_eq!(camera.judge.see(&glance, camera.at()), Condition::Fine);
    }
}
