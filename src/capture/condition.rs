//! How a camera's picture is, judged on what it shows: frozen, dark, blurred, moved, or fine. Pure: glances and times
//! in, a word out.
//!
//! Slow on purpose: a word is said when it has been true for a while, and taken back when it has been false for a
//! while. Blur and a moved camera are seen by comparison with how the picture usually is.

use std::time::Duration;

use crate::{
    clock::Moment,
    frame::glance::{CELLS, COLUMNS, Glance, ROWS},
};

/// What the picture is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Condition {
    #[default]
    Fine,
    /// Pictures come, and all are the very same one.
    Frozen,
    /// Nothing can be seen: night without light, or a covered lens.
    Dark,
    /// Much less sharp than usual: dirt, rain on the glass, focus.
    Blurred,
    /// It shows something else than before: somebody turned the camera.
    Moved,
}

impl Condition {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Frozen => "frozen",
            Self::Dark => "dark",
            Self::Blurred => "blurred",
            Self::Moved => "moved",
        }
    }
}

/// When a word is said, and when it is taken back.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Identical pictures for this long are a frozen camera; a sensor's noise changes every picture.
    pub frozen_after: Duration,
    pub dark_after: Duration,
    pub blurred_after: Duration,
    pub moved_after: Duration,
    /// Everything but a frozen picture is taken back after this long.
    pub better_after: Duration,
    /// After this long the new view is the view.
    pub used_to_after: Duration,
    /// Per cell: whether it counts. Clocks drawn into the picture run on in a frozen one.
    pub counts: Vec<bool>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            frozen_after: Duration::from_secs(20),
            dark_after: Duration::from_secs(10),
            blurred_after: Duration::from_secs(30),
            moved_after: Duration::from_secs(30),
            better_after: Duration::from_secs(5),
            used_to_after: Duration::from_secs(1_800),
            counts: vec![true; CELLS],
        }
    }
}

/// Pictures are judged no more often than this.
pub(super) const INTERVAL: Duration = Duration::from_millis(250);
/// A frozen camera has shown at least so many pictures; key frames may be far apart.
const FROZEN_LOOKS: u32 = 8;
/// Dark: the mean luma and the luma of the brightest twentieth stay below these; above the second pair it is not.
const DARK: (f32, u8) = (24.0, 44);
const NOT_DARK: (f32, u8) = (32.0, 60);
/// Blurred: the sharpness falls below this share of the usual one; above the second it is not.
const BLURRED: f32 = 0.3;
const NOT_BLURRED: f32 = 0.5;
/// Moved: the likeness of the edges falls below this; above the second it is not.
const MOVED: f32 = 0.3;
const NOT_MOVED: f32 = 0.5;
/// Looks that make a first impression of sharpness and view.
const IMPRESSION: u32 = 20;
/// How slowly the impression follows, in seconds: dusk and dawn, seasons.
const FOLLOWS: f32 = 600.0;
/// An edge has this much contrast; a picture with few of them says nothing about its view.
const EDGE: f32 = 10.0;
const LEAST_EDGES: f32 = CELLS as f32 * 0.02;

/// A word that is said and taken back with patience.
#[derive(Debug, Clone, Copy, Default)]
struct Word {
    said: bool,
    /// Since when the opposite has been true.
    since: Option<Moment>,
}

impl Word {
    /// `now_true`: `None` in between, or when it cannot be told.
    fn hear(&mut self, now_true: Option<bool>, at: Moment, say: Duration, take_back: Duration) -> bool {
        match now_true {
            Some(now_true) if now_true != self.said => {
                let since = *self.since.get_or_insert(at);
                if at.since(since) >= if self.said { take_back } else { say } {
                    (self.said, self.since) = (now_true, None);
                }
            }
            Some(_) => self.since = None,
            None => {}
        }
        self.said
    }
}

/// What is known of one camera's pictures.
#[derive(Debug)]
pub(super) struct Judge {
    settings: Settings,
    last: Option<Moment>,
    /// The picture that may be frozen, since when, and looks at it.
    still: Option<(Glance, Moment, u32)>,
    frozen: Word,
    dark: Word,
    blurred: Word,
    moved: Word,
    /// Since when it has been moved.
    moved_since: Option<Moment>,
    impression: Impression,
    edges: Vec<(f32, f32)>,
}

/// How the picture usually is.
#[derive(Debug)]
struct Impression {
    looks: u32,
    sharpness: f32,
    /// Direction and strength of the edge in each cell, as a vector of twice its angle.
    edges: Vec<(f32, f32)>,
}

impl Impression {
    fn none() -> Self {
        Self { looks: 0, sharpness: 0.0, edges: vec![(0.0, 0.0); CELLS] }
    }
}

impl Judge {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            last: None,
            still: None,
            frozen: Word::default(),
            dark: Word::default(),
            blurred: Word::default(),
            moved: Word::default(),
            moved_since: None,
            impression: Impression::none(),
            edges: vec![(0.0, 0.0); CELLS],
        }
    }

    /// The camera changed its picture's size: nothing known of it holds any more.
    pub(super) fn forget(&mut self) {
        *self = Self::new(self.settings.clone());
    }

    /// Whether a look at this moment would tell anything.
    pub(super) fn is_due(&self, at: Moment) -> bool {
        self.last.is_none_or(|last| at.since(last) >= INTERVAL)
    }

    /// Takes in the next picture.
    pub(super) fn see(&mut self, glance: &Glance, at: Moment) -> Condition {
        let seconds = self.last.map_or(0.0, |last| at.since(last).as_secs_f32()).min(30.0);
        self.last = Some(at);
        let frozen = self.is_frozen(glance, at);
        let dark = self.is_dark(glance, at);
        let sharp = self.sharpness(glance, at, dark);
        let moved = self.has_moved(glance, at, dark, seconds);
        if !frozen && !dark {
            self.learn(sharp, seconds);
        }
        match (frozen, dark, self.blurred.said, moved) {
            // Where nothing can be seen, nothing can be seen to change: what is to be done about it is light.
            (_, true, ..) => Condition::Dark,
            (true, ..) => Condition::Frozen,
            (_, _, true, _) => Condition::Blurred,
            (.., true) => Condition::Moved,
            _ => Condition::Fine,
        }
    }

    fn is_frozen(&mut self, glance: &Glance, at: Moment) -> bool {
        let counts = |cell: usize| self.settings.counts.get(cell).copied().unwrap_or(true);
        match &mut self.still {
            Some((still, since, looks)) if !still.differs_in(glance, counts) => {
                *looks += 1;
                let long = at.since(*since) >= self.settings.frozen_after && *looks >= FROZEN_LOOKS;
                self.frozen.hear(Some(long).filter(|long| *long), at, Duration::ZERO, Duration::ZERO)
            }
            still => {
                *still = Some((glance.clone(), at, 1));
                self.frozen.hear(Some(false), at, Duration::ZERO, Duration::from_secs(1))
            }
        }
    }

    fn is_dark(&mut self, glance: &Glance, at: Moment) -> bool {
        let (mean, bright) = (glance.mean(), glance.quantile(0.95));
        let dark = mean < DARK.0 && bright < DARK.1;
        let light = mean > NOT_DARK.0 || bright > NOT_DARK.1;
        let told = if dark { Some(true) } else { light.then_some(false) };
        self.dark.hear(told, at, self.settings.dark_after, self.settings.better_after)
    }

    /// Sharpness against the contrast that is left when details are gone: so dusk is not taken for dirt.
    fn sharpness(&mut self, glance: &Glance, at: Moment, dark: bool) -> f32 {
        let mean = glance.mean();
        let spread =
            glance.cells.iter().map(|cell| (f32::from(*cell) - mean).powi(2)).sum::<f32>() / CELLS as f32;
        let sharp = glance.sharpness / (spread + 50.0);
        let known = self.impression.looks >= IMPRESSION && !dark && spread > 30.0;
        let share = sharp / self.impression.sharpness.max(1e-6);
        let told = if share < BLURRED { Some(true) } else { (share > NOT_BLURRED).then_some(false) };
        self.blurred.hear(
            told.filter(|_| known),
            at,
            self.settings.blurred_after,
            self.settings.better_after,
        );
        sharp
    }

    fn has_moved(&mut self, glance: &Glance, at: Moment, dark: bool, seconds: f32) -> bool {
        edges(glance, &mut self.edges);
        let likeness = likeness(&self.impression.edges, &self.edges, |cell| {
            self.settings.counts.get(cell).copied().unwrap_or(true)
        });
        let known = self.impression.looks >= IMPRESSION && !dark && !self.blurred.said;
        let told = likeness.and_then(|likeness| match likeness {
            _ if likeness < MOVED => Some(true),
            _ => (likeness > NOT_MOVED).then_some(false),
        });
        let moved = self.moved.hear(
            told.filter(|_| known),
            at,
            self.settings.moved_after,
            self.settings.better_after,
        );
        let since = *self.moved_since.get_or_insert(at);
        if !moved {
            self.moved_since = None;
        } else if at.since(since) >= self.settings.used_to_after {
            self.forget();
            return false;
        }
        let alike = likeness.is_none_or(|likeness| likeness > NOT_MOVED);
        if !moved && (alike || self.impression.looks < IMPRESSION) && !dark {
            let follow = self.follow(seconds);
            for (usual, now) in self.impression.edges.iter_mut().zip(&self.edges) {
                usual.0 += (now.0 - usual.0) * follow;
                usual.1 += (now.1 - usual.1) * follow;
            }
        }
        moved
    }

    /// How much of the next look goes into the impression.
    fn follow(&self, seconds: f32) -> f32 {
        let looks = self.impression.looks;
        if looks < IMPRESSION { 1.0 / (looks + 1) as f32 } else { 1.0 - (-seconds / FOLLOWS).exp() }
    }

    fn learn(&mut self, sharp: f32, seconds: f32) {
        let usual = self.impression.sharpness;
        if self.impression.looks < IMPRESSION || sharp > usual * NOT_BLURRED {
            self.impression.sharpness += (sharp - usual) * self.follow(seconds);
        }
        self.impression.looks = self.impression.looks.saturating_add(1);
    }
}

/// The edge in each cell. Twice the angle: an edge stays the same one when the light comes from the other side.
fn edges(glance: &Glance, out: &mut [(f32, f32)]) {
    let luma = |x: usize, y: usize| glance.cells.get(y * COLUMNS + x).map_or(0.0, |cell| f32::from(*cell));
    for (i, edge) in out.iter_mut().enumerate() {
        let (x, y) = (i % COLUMNS, i / COLUMNS);
        let (dx, dy) = if (1..COLUMNS - 1).contains(&x) && (1..ROWS - 1).contains(&y) {
            (luma(x + 1, y) - luma(x - 1, y), luma(x, y + 1) - luma(x, y - 1))
        } else {
            (0.0, 0.0)
        };
        let strength = dx.hypot(dy);
        // Strength counts up to a point: one bright sign must not outweigh a street.
        let weight =
            if strength < EDGE { 0.0 } else { (strength / 40.0).min(1.0) / strength.powi(2).max(1.0) };
        *edge = ((dx * dx - dy * dy) * weight, 2.0 * dx * dy * weight);
    }
}

/// From 1 for the same edges to 0 for unrelated ones; `None` where there are too few to tell.
fn likeness(usual: &[(f32, f32)], now: &[(f32, f32)], counts: impl Fn(usize) -> bool) -> Option<f32> {
    let (mut shared, mut there, mut here) = (0.0f32, 0.0f32, 0.0f32);
    for (_, (a, b)) in usual.iter().zip(now).enumerate().filter(|(cell, _)| counts(*cell)) {
        shared += a.0 * b.0 + a.1 * b.1;
        there += a.0 * a.0 + a.1 * a.1;
        here += b.0 * b.0 + b.1 * b.1;
    }
    (there.min(here) > LEAST_EDGES * 0.05).then(|| shared / (there * here).sqrt().max(1e-6))
}

#[cfg(test)]
mod tests;
