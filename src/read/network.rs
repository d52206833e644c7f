//! A reader that is a network: cut the crop, run the engine, decode its positions.

use std::sync::Arc;

use super::{
    PlateRead, Quality, ReadError, Reader,
    choose::sharpness,
    ctc::Ctc,
    lattice::{Classes, Decoded, Lattice},
    rectify, slots,
};
use crate::{
    clock::Clock,
    detect::Detection,
    frame::{Frame, Scaler},
    infer::{
        Description, Engine, EngineKind, InputPicture, Tensor,
        description::{Decoder, Fit, Task},
        model::ModelError,
    },
    plate::{Confidence, PlateText},
};

/// Reads crops with one engine. Keeps its buffers from read to read.
#[derive(Debug)]
pub struct NetworkReader {
    engine: Box<dyn Engine>,
    clock: Arc<dyn Clock>,
    classes: Classes,
    kind: Positions,
    /// Reads less likely than this are no reads.
    least: f32,
    scaler: Scaler,
    crop: Vec<u8>,
    outputs: Vec<Vec<Tensor>>,
    lattice: Lattice,
}

/// What a position of the network's output stands for.
#[derive(Debug)]
enum Positions {
    Ctc(Ctc),
    Slots,
}

impl NetworkReader {
    /// A reader on this engine; refuses a network that is no reader. `least` is the least confidence of a read,
    /// the network's own if `None`.
    pub fn new(
        engine: Box<dyn Engine>,
        least: Option<Confidence>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ModelError> {
        let description = engine.model();
        description.require(Task::Read)?;
        let (classes, kind) = positions(description)?;
        if description.input.fit != Fit::Stretch {
            return Err(ModelError::Unsupported {
                file: description.file.clone(),
                decoder: description.decoder.as_str(),
                place: "with fit = \"letterbox\"",
                advice: "crops are stretched to the reader's input",
            });
        }
        let least = least.map_or(description.score, Confidence::value);
        Ok(Self {
            clock,
            classes,
            kind,
            least,
            scaler: Scaler::default(),
            crop: Vec::new(),
            outputs: Vec::new(),
            lattice: Lattice::default(),
            engine,
        })
    }

    fn decode(&mut self) -> Result<Option<Decoded>, ReadError> {
        let description = self.engine.model();
        let outputs = self.outputs.first().map(Vec::as_slice).unwrap_or_default();
        description.check_outputs(outputs)?;
        let Some(logits) = outputs.first() else { return Ok(None) };
        self.lattice.fill(logits, description.temperature);
        Ok(match &mut self.kind {
            Positions::Ctc(ctc) => ctc.decode(&self.lattice, &self.classes),
            Positions::Slots => slots::decode(&self.lattice, &self.classes),
        })
    }
}

fn positions(description: &Description) -> Result<(Classes, Positions), ModelError> {
    match &description.decoder {
        Decoder::Ctc { alphabet, blank } => {
            Ok((Classes { alphabet: alphabet.clone(), none: *blank }, Positions::Ctc(Ctc::default())))
        }
        Decoder::Slots { alphabet, pad } => {
            Ok((Classes { alphabet: alphabet.clone(), none: *pad }, Positions::Slots))
        }
        other => Err(ModelError::Unsupported {
            file: description.file.clone(),
            decoder: other.as_str(),
            place: "to read",
            advice: "use ctc or slots",
        }),
    }
}

impl Reader for NetworkReader {
    fn engine(&self) -> EngineKind {
        self.engine.kind()
    }

    fn model(&self) -> &str {
        &self.engine.model().name
    }

    fn is_available(&self) -> bool {
        self.engine.is_available()
    }

    fn read(&mut self, frame: &Frame, detection: &Detection) -> Result<Option<PlateRead>, ReadError> {
        let started = self.clock.now();
        let description = self.engine.model();
        let (size, channels) = (description.input.size, description.input.channels);
        let window = rectify::window(detection, description.crop);
        window.cut(&mut self.scaler, frame, size, channels, &mut self.crop)?;
        let picture = InputPicture { size, channels, bytes: &self.crop };
        self.engine.run(&[picture], &mut self.outputs)?;
        let Some(Decoded { chars, confidence }) = self.decode()? else { return Ok(None) };
        if confidence.value() < self.least {
            return Ok(None);
        }
        let written: String = chars.iter().map(|c| c.c).collect();
        // The alphabet holds nothing else and the decoders keep to the length, so this cannot be refused.
        let Ok(text) = PlateText::normalise(&written) else { return Ok(None) };
        Ok(Some(PlateRead {
            text,
            confidence,
            chars,
            quality: Quality {
                height: rectify::plate_height(detection),
                sharpness: sharpness(&self.crop, size, channels),
            },
            engine: self.engine.kind(),
            model: self.engine.model().name.clone(),
            took: self.clock.now().since(started),
        }))
    }
}
