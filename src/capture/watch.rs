//! What the camera's own thread thinks of each picture: is anything going on, is the picture sound, is it worth
//! handing on.
//!
//! Joins the motion gate and the judge of the picture; both look at one glance, which is all that a picture costs here.

use std::time::Duration;

use super::{
    Attention,
    condition::{self, Condition, Judge},
    motion,
};
use crate::{clock::Moment, frame::Frame, frame::glance::Glance, geometry::Size};

/// How a camera is watched.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// `None`: whatever is decoded is looked at.
    pub motion: Option<motion::Settings>,
    /// Motion keeps the camera awake for this long.
    pub linger: Duration,
    /// Where nothing moves, a picture is handed on this often all the same.
    pub look_every: Duration,
    pub condition: condition::Settings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            motion: Some(motion::Settings::default()),
            linger: Duration::from_secs(3),
            look_every: Duration::from_secs(5),
            condition: condition::Settings::default(),
        }
    }
}

/// Awake, a camera's pictures are glanced at no more often than this.
const INTERVAL: Duration = Duration::from_millis(100);
/// A camera that was just opened is awake for this long: it has to learn what it sees.
const FIRST_LOOK: Duration = Duration::from_secs(3);

#[derive(Debug)]
pub(super) struct Watch {
    settings: Settings,
    gate: Option<motion::Gate>,
    judge: Judge,
    glance: Glance,
    size: Option<Size>,
    last_glance: Option<Moment>,
    last_handed_on: Option<Moment>,
    condition: Condition,
}

impl Watch {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            gate: settings.motion.clone().map(motion::Gate::new),
            judge: Judge::new(settings.condition.clone()),
            glance: Glance::default(),
            size: None,
            last_glance: None,
            last_handed_on: None,
            condition: Condition::Fine,
            settings,
        }
    }

    pub(super) fn condition(&self) -> Condition {
        self.condition
    }

    /// Looks at a picture that came `now`; true if it is to be handed on.
    pub(super) fn sees(&mut self, frame: &Frame, attention: &Attention, now: Moment) -> bool {
        if self.size != Some(frame.size) {
            self.size = Some(frame.size);
            self.judge.forget();
            self.gate = self.settings.motion.clone().map(motion::Gate::new);
            attention.wake_until(now + FIRST_LOOK);
        }
        let wanted = attention.is_wanted(now);
        let due = self.last_glance.is_none_or(|last| now.since(last) >= INTERVAL);
        let mut moves = self.gate.is_none();
        if due || !wanted {
            self.last_glance = Some(now);
            if let Err(error) = self.glance.look(frame) {
                // The detector will say so, too.
                tracing::debug!(camera = %frame.camera, %error, "a picture that cannot be glanced at");
                return true;
            }
            if self.judge.is_due(now) {
                self.condition = self.judge.see(&self.glance, now);
            }
            if let Some(gate) = &mut self.gate
                && gate.see(&self.glance, now)
            {
                attention.wake_until(now + self.settings.linger);
                moves = true;
            }
        }
        let overdue = self.last_handed_on.is_none_or(|last| now.since(last) >= self.settings.look_every);
        let hand_on = wanted || moves || overdue;
        if hand_on {
            self.last_handed_on = Some(now);
        }
        hand_on
    }
}
