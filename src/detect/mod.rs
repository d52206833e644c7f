//! Finding plates in a frame: prepare the picture, run the detector network, decode its boxes.
//!
//! Hands on [`Detection`]s in frame pixels. Following a plate from frame to frame is `track`'s business.

mod heads;
mod suppress;
mod yolo;

use std::sync::Arc;

use crate::{
    clock::{Clock, Moment},
    frame::{Frame, Scaler, convert::ConvertError},
    geometry::{Letterbox, Quad, Rect, Size},
    infer::{
        Description, Engine, EngineKind, InferError, InputPicture, Tensor,
        description::{Fit, Task},
        model::ModelError,
    },
    plate::Confidence,
};
use heads::Head;
use yolo::Candidate;

/// A plate's place in one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// Tight upright box in frame pixels, inside the frame.
    pub area: Rect,
    /// The plate's corners, where the network gives them; else the box's.
    pub corners: Quad,
    /// The network gave the corners itself.
    pub has_corners: bool,
    pub confidence: Confidence,
}

/// What can be set about detecting; the rest stands in the network's description.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Least confidence of a plate; the network's own if none is given.
    pub score: Option<f32>,
    /// Plates lower than this, in frame pixels, are left out.
    pub min_height: f32,
    /// At most so many plates of one frame, the likeliest.
    pub max_plates: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { score: None, min_height: 4.0, max_plates: 32 }
    }
}

/// Why a frame could not be searched.
#[derive(Debug, thiserror::Error)]
pub enum DetectError {
    #[error("preparing the picture for the detector: {0}")]
    Convert(#[from] ConvertError),
    #[error(transparent)]
    Infer(#[from] InferError),
}

/// Finds plates with the first engine that works. Keeps its buffers: no allocation per frame outside the engines.
#[derive(Debug)]
pub struct Detector {
    /// In order of preference, at least one.
    rungs: Vec<Rung>,
    /// Which of them looked at the last frame.
    last: usize,
    settings: Settings,
    scaler: Scaler,
    picture: Vec<u8>,
    outputs: Vec<Vec<Tensor>>,
    candidates: Vec<Candidate>,
    /// Tells when a picture was prepared, where somebody wants to know.
    clock: Option<Arc<dyn Clock>>,
    prepared: Option<(Moment, Moment)>,
}

/// One engine with its network, and how it is doing.
#[derive(Debug)]
struct Rung {
    engine: Box<dyn Engine>,
    form: Form,
    failures: u64,
    is_down: bool,
}

/// What of the description is needed at every frame.
#[derive(Debug)]
struct Form {
    input: Size,
    channels: u8,
    pad: u8,
    head: Head,
    score: f32,
    iou: f32,
}

impl Form {
    fn of(description: &Description) -> Result<Self, ModelError> {
        description.require(Task::Detect)?;
        let unsupported = |decoder, place, advice| ModelError::Unsupported {
            file: description.file.clone(),
            decoder,
            place,
            advice,
        };
        let Some(head) = Head::of(&description.decoder) else {
            return Err(unsupported(
                description.decoder.as_str(),
                "to detect",
                "use one of the yolo decoders",
            ));
        };
        let Fit::Letterbox { pad } = description.input.fit else {
            let advice = "a detector keeps the picture's proportions";
            return Err(unsupported(description.decoder.as_str(), "with fit = \"stretch\"", advice));
        };
        Ok(Self {
            input: description.input.size,
            channels: description.input.channels,
            pad,
            head,
            score: description.score,
            iou: description.iou,
        })
    }
}

impl Detector {
    /// A detector on this engine; refuses a network that is none or whose outputs it cannot decode.
    pub fn new(engine: Box<dyn Engine>, settings: Settings) -> Result<Self, ModelError> {
        Self::with_stand_ins(engine, Vec::new(), settings)
    }

    /// The same with engines that look at a frame where the ones before them fail. Their networks may differ.
    pub fn with_stand_ins(
        first: Box<dyn Engine>,
        others: Vec<Box<dyn Engine>>,
        settings: Settings,
    ) -> Result<Self, ModelError> {
        let rung = |engine: Box<dyn Engine>| {
            let form = Form::of(engine.model())?;
            Ok(Rung { engine, form, failures: 0, is_down: false })
        };
        Ok(Self {
            rungs: std::iter::once(first).chain(others).map(rung).collect::<Result<_, ModelError>>()?,
            last: 0,
            settings,
            scaler: Scaler::default(),
            picture: Vec::new(),
            outputs: Vec::new(),
            candidates: Vec::new(),
            clock: None,
            prepared: None,
        })
    }

    /// What looked at the last frame.
    pub fn engine(&self) -> EngineKind {
        self.rungs.get(self.last).map_or(EngineKind::Cpu, |rung| rung.engine.kind())
    }

    /// The model that looked at the last frame, for events.
    pub fn model(&self) -> &str {
        self.rungs.get(self.last).map_or("", |rung| &rung.engine.model().name)
    }

    /// From now on it is known when a picture was prepared.
    #[must_use]
    pub fn timed(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock: Some(clock), ..self }
    }

    /// From when to when the last picture was prepared for the network that looked at it, where that is known.
    pub const fn prepared(&self) -> Option<(Moment, Moment)> {
        self.prepared
    }

    /// How often each engine failed so far, in order of preference.
    pub fn failures(&self) -> Vec<(EngineKind, u64)> {
        self.rungs.iter().map(|rung| (rung.engine.kind(), rung.failures)).collect()
    }

    /// Finds the plates of a frame, likeliest first; `detections` is emptied first. A frame is not passed by while any
    /// engine might look at it: those that are known to be down are asked last.
    pub fn detect(&mut self, frame: &Frame, detections: &mut Vec<Detection>) -> Result<(), DetectError> {
        detections.clear();
        self.prepared = None;
        let mut failed = None;
        let mut resting = 0u64;
        for pass in [false, true] {
            for at in 0..self.rungs.len() {
                let Some(rung) = self.rungs.get(at) else { break };
                let bit = 1u64.checked_shl(at as u32).unwrap_or(0);
                if !pass && !rung.engine.is_available() {
                    resting |= bit;
                }
                if (resting & bit != 0) != pass {
                    continue;
                }
                match self.look(at, frame, detections) {
                    Ok(()) => {
                        self.last = at;
                        return Ok(());
                    }
                    // The frame itself is at fault; another engine would not help.
                    Err(error @ DetectError::Convert(_)) => return Err(error),
                    Err(error) => failed = Some(error),
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Lets one engine look, and remembers how that went.
    fn look(&mut self, at: usize, frame: &Frame, detections: &mut Vec<Detection>) -> Result<(), DetectError> {
        let outcome = self.run(at, frame, detections);
        let Some(rung) = self.rungs.get_mut(at) else { return outcome };
        let (engine, model) = (rung.engine.kind().as_str(), &rung.engine.model().name);
        match &outcome {
            Ok(()) if rung.is_down => {
                tracing::info!(engine, model, failures = rung.failures, "detector works again");
                rung.is_down = false;
            }
            Ok(()) => {}
            Err(error) => {
                if !rung.is_down {
                    tracing::warn!(engine, model, %error, "detector failed, using the next one");
                }
                rung.is_down = true;
                rung.failures += 1;
            }
        }
        outcome
    }

    fn run(&mut self, at: usize, frame: &Frame, detections: &mut Vec<Detection>) -> Result<(), DetectError> {
        let asked = self.rungs.first().map_or(0.0, |rung| rung.form.score);
        let Some(Rung { engine, form, .. }) = self.rungs.get_mut(at) else { return Ok(()) };
        let (input, channels) = (form.input, form.channels);
        let began = self.clock.as_ref().map(|clock| clock.now());
        let map = self.scaler.letterbox(frame, input, channels, form.pad, &mut self.picture)?;
        self.prepared = began.zip(self.clock.as_ref().map(|clock| clock.now()));
        let picture = InputPicture { size: input, channels, bytes: &self.picture };
        engine.run(&[picture], &mut self.outputs)?;
        let maps = self.outputs.first().map(Vec::as_slice).unwrap_or_default();
        engine.model().check_outputs(maps)?;
        let least = self.settings.score.unwrap_or(asked);
        let score = scaled(least, asked, form.score);
        form.head.decode(maps, input, score, &mut self.candidates);
        suppress::suppress(&mut self.candidates, form.iou);
        let same = |candidate: &Candidate| Candidate {
            score: scaled(candidate.score, form.score, asked),
            ..*candidate
        };
        let placed = self.candidates.iter().filter_map(|c| place(&same(c), &map, frame.size));
        let high_enough = placed.filter(|d| d.area.height >= self.settings.min_height);
        detections.extend(high_enough.take(self.settings.max_plates));
        Ok(())
    }
}

/// A stand-in's network may ask for more or less than the first one's before it calls something a plate: scores are
/// brought to where the first one's are, so that what was tuned for it holds for all.
fn scaled(score: f32, from: f32, to: f32) -> f32 {
    if from == to || !(0.0..1.0).contains(&from) || !(0.0..1.0).contains(&to) || from == 0.0 {
        return score;
    }
    if score <= from { score * to / from } else { to + (score - from) * (1.0 - to) / (1.0 - from) }
}

/// From input pixels to frame pixels; `None` if nothing of it lies in the frame.
fn place(candidate: &Candidate, map: &Letterbox, frame: Size) -> Option<Detection> {
    let corners = Quad::from(candidate.area).0.map(|p| map.to_picture(p));
    let area = Quad(corners).bounds().clipped(frame);
    if !(area.is_finite() && area.width >= 1.0 && area.height >= 1.0) {
        return None;
    }
    let own = candidate.corners.map(|q| Quad(q.0.map(|p| map.to_picture(p))));
    Some(Detection {
        area,
        corners: own.unwrap_or_else(|| area.into()),
        has_corners: own.is_some(),
        confidence: Confidence::new(candidate.score),
    })
}

#[cfg(test)]
mod tests {
    use super::scaled;

    #[test]
    fn the_threshold_of_one_network_is_brought_to_that_of_the_other() {
        for (score, expected) in [(0.0, 0.0), (0.3, 0.65), (0.15, 0.325), (0.65, 0.825), (1.0, 1.0)] {
            assert!((scaled(score, 0.3, 0.65) - expected).abs() < 1e-5, "{score}");
        }
        assert_eq!(scaled(0.4, 0.65, 0.65), 0.4);
    }
}
