//! Finding plates in a frame: prepare the picture, run the detector network, decode its boxes.
//!
//! Hands on [`Detection`]s in frame pixels. Following a plate from frame to frame is `track`'s business.

mod suppress;
mod yolo;

use crate::{
    frame::{Frame, Scaler, convert::ConvertError},
    geometry::{Letterbox, Quad, Rect, Size},
    infer::{
        Description, Engine, EngineKind, InferError, InputPicture, Tensor,
        description::{Decoder, Fit, Task},
        model::ModelError,
    },
    plate::Confidence,
};
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

/// Finds plates with one engine. Keeps its buffers: no allocation per frame outside the engine.
#[derive(Debug)]
pub struct Detector {
    engine: Box<dyn Engine>,
    settings: Settings,
    form: Form,
    scaler: Scaler,
    picture: Vec<u8>,
    outputs: Vec<Vec<Tensor>>,
    candidates: Vec<Candidate>,
}

/// What of the description is needed at every frame.
#[derive(Debug)]
struct Form {
    input: Size,
    channels: u8,
    pad: u8,
    strides: Vec<u32>,
    corners: bool,
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
        let Decoder::YoloRaw { strides, corners } = &description.decoder else {
            let advice = "it belongs to networks compiled for a Hailo; use one with decoder yolo-raw";
            return Err(unsupported(description.decoder.as_str(), "by this detector yet", advice));
        };
        let Fit::Letterbox { pad } = description.input.fit else {
            let advice = "a detector keeps the picture's proportions";
            return Err(unsupported("yolo-raw", "with fit = \"stretch\"", advice));
        };
        Ok(Self {
            input: description.input.size,
            channels: description.input.channels,
            pad,
            strides: strides.clone(),
            corners: *corners,
            score: description.score,
            iou: description.iou,
        })
    }
}

impl Detector {
    /// A detector on this engine; refuses a network that is none or whose outputs it cannot decode.
    pub fn new(engine: Box<dyn Engine>, settings: Settings) -> Result<Self, ModelError> {
        let form = Form::of(engine.model())?;
        Ok(Self {
            engine,
            settings,
            form,
            scaler: Scaler::default(),
            picture: Vec::new(),
            outputs: Vec::new(),
            candidates: Vec::new(),
        })
    }

    pub fn engine(&self) -> EngineKind {
        self.engine.kind()
    }

    /// The model's name, for events.
    pub fn model(&self) -> &str {
        &self.engine.model().name
    }

    /// Finds the plates of a frame, likeliest first; `detections` is emptied first.
    pub fn detect(&mut self, frame: &Frame, detections: &mut Vec<Detection>) -> Result<(), DetectError> {
        detections.clear();
        let Form { input, channels, pad, .. } = self.form;
        let map = self.scaler.letterbox(frame, input, channels, pad, &mut self.picture)?;
        let picture = InputPicture { size: input, channels, bytes: &self.picture };
        self.engine.run(&[picture], &mut self.outputs)?;
        let maps = self.outputs.first().map(Vec::as_slice).unwrap_or_default();
        self.engine.model().check_outputs(maps)?;
        let score = self.settings.score.unwrap_or(self.form.score);
        yolo::decode(maps, &self.form.strides, self.form.corners, score, &mut self.candidates);
        suppress::suppress(&mut self.candidates, self.form.iou);
        let placed = self.candidates.iter().filter_map(|c| place(c, &map, frame.size));
        let high_enough = placed.filter(|d| d.area.height >= self.settings.min_height);
        detections.extend(high_enough.take(self.settings.max_plates));
        Ok(())
    }
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
