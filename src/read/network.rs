//! A reader that is a network: cut the crop, run the engine, decode its positions.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
};

use super::{
    PlateRead, Quality, ReadError, Reader,
    choose::sharpness,
    ctc::Ctc,
    lattice::{Classes, Decoded, Lattice, Rule},
    recall::{Likeness, Outcome, ReaderId, Recall},
    rectify, slots,
};
use crate::{
    clock::Clock,
    detect::Detection,
    frame::{Frame, Scaler},
    geometry::Size,
    infer::{
        Description, Engine, EngineKind, InputPicture, Tensor,
        description::{Crop, Decoder, Fit, Task},
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
    /// The plate with its own proportions, for networks that want those.
    narrow: Vec<u8>,
    outputs: Vec<Vec<Tensor>>,
    lattice: Lattice,
    /// What was read before, and who is asking for it.
    recall: Option<(Arc<Recall>, ReaderId)>,
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
        let least = least.map_or(description.score, Confidence::value);
        Ok(Self {
            clock,
            classes,
            kind,
            least,
            scaler: Scaler::default(),
            crop: Vec::new(),
            narrow: Vec::new(),
            outputs: Vec::new(),
            lattice: Lattice::default(),
            recall: None,
            engine,
        })
    }

    /// Does not read again what looks the same as what was read a while ago.
    pub fn recalling(mut self, recall: Option<Arc<Recall>>) -> Self {
        let description = self.engine.model();
        let mut who = DefaultHasher::new();
        (&description.sha256, &description.name, self.engine.kind()).hash(&mut who);
        self.recall = recall.map(|recall| (recall, ReaderId(who.finish())));
        self
    }

    /// Cuts this crop out of the frame.
    fn cut(&mut self, frame: &Frame, detection: &Detection, crop: Crop) -> Result<(), ReadError> {
        let description = self.engine.model();
        let (size, channels) = (description.input.size, description.input.channels);
        let window = rectify::window(detection, crop);
        match description.input.fit {
            Fit::Stretch => window.cut(&mut self.scaler, frame, size, channels, &mut self.crop)?,
            Fit::Letterbox { pad } => {
                let width = (size.height as f32 * window.proportions()).round().clamp(1.0, size.width as f32);
                let narrow = Size::new(width as u32, size.height);
                window.cut(&mut self.scaler, frame, narrow, channels, &mut self.narrow)?;
                padded(&self.narrow, narrow, size, channels, pad, &mut self.crop);
            }
        }
        Ok(())
    }

    /// Runs the network on the crop; what it says, and how sharp the crop is.
    fn look(&mut self) -> Result<Outcome, ReadError> {
        let input = &self.engine.model().input;
        let (size, channels) = (input.size, input.channels);
        let picture = InputPicture { size, channels, bytes: &self.crop };
        self.engine.run(&[picture], &mut self.outputs)?;
        let sharpness = sharpness(&self.crop, size, channels);
        Ok(self.decode()?.map(|decoded| (decoded, sharpness)))
    }

    /// What the crop looks like, where that is of use.
    fn likeness(&self) -> Option<Likeness> {
        self.recall.as_ref()?;
        let input = &self.engine.model().input;
        Likeness::of(&self.crop, input.size, input.channels)
    }

    fn recalled(&self, likeness: &Likeness) -> Option<Outcome> {
        let (recall, who) = self.recall.as_ref()?;
        recall.find(*who, likeness, self.clock.now())
    }

    fn remember(&self, likeness: Option<Likeness>, outcome: &Outcome) {
        if let (Some((recall, who)), Some(likeness)) = (&self.recall, likeness) {
            recall.keep(*who, likeness, outcome, self.clock.now());
        }
    }

    /// Looks at the plate, and again where the first look left doubts.
    fn looks(&mut self, frame: &Frame, detection: &Detection) -> Result<Outcome, ReadError> {
        let mut best = self.look()?;
        if let (Some(again), Some((first, _))) = (self.engine.model().second_look, &best)
            && first.confidence.value() < again.below
        {
            self.cut(frame, detection, again.crop)?;
            best = surer(best, self.look()?);
        }
        Ok(best)
    }

    fn decode(&mut self) -> Result<Option<Decoded>, ReadError> {
        let description = self.engine.model();
        let outputs = self.outputs.first().map(Vec::as_slice).unwrap_or_default();
        description.check_outputs(outputs)?;
        let Some(logits) = outputs.first() else { return Ok(None) };
        let folded = match &description.decoder {
            Decoder::Ctc { folded, .. } => folded.as_deref(),
            _ => None,
        };
        let classes = self.classes.alphabet.len() + 1;
        let (values, temperature) = (description.values, description.temperature);
        self.lattice.fill(logits, Rule { values, temperature, folded, classes });
        Ok(match &mut self.kind {
            Positions::Ctc(ctc) => ctc.decode(&self.lattice, &self.classes),
            Positions::Slots => slots::decode(&self.lattice, &self.classes),
        })
    }
}

/// Fills up to the right: text begins at the left, as these networks were trained.
fn padded(narrow: &[u8], from: Size, to: Size, channels: u8, pad: u8, out: &mut Vec<u8>) {
    let bytes = |width: u32| width as usize * usize::from(channels);
    out.clear();
    for row in narrow.chunks_exact(bytes(from.width).max(1)).take(to.height as usize) {
        out.extend_from_slice(row);
        out.resize(out.len() + bytes(to.width.saturating_sub(from.width)), pad);
    }
}

/// The surer of two looks at one plate. If they say different things its confidence is what is left of it when the
/// other one is not right either.
fn surer(first: Outcome, second: Outcome) -> Outcome {
    let (Some(first), Some(second)) = (&first, &second) else { return first.or(second) };
    let (mut best, other) = match second.0.confidence > first.0.confidence {
        true => (second.clone(), first),
        false => (first.clone(), second),
    };
    let same = best.0.chars.iter().map(|c| c.c).eq(other.0.chars.iter().map(|c| c.c));
    if !same {
        let (own, against) = (best.0.confidence.value(), other.0.confidence.value());
        best.0.confidence = Confidence::new(own * (1.0 - against) / (1.0 - own * against).max(1e-6));
    }
    Some(best)
}

fn positions(description: &Description) -> Result<(Classes, Positions), ModelError> {
    match &description.decoder {
        Decoder::Ctc { alphabet, blank, .. } => {
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
        self.cut(frame, detection, self.engine.model().crop)?;
        let likeness = self.likeness();
        let best = match likeness.as_ref().and_then(|likeness| self.recalled(likeness)) {
            Some(known) => known,
            None => {
                let best = self.looks(frame, detection)?;
                self.remember(likeness, &best);
                best
            }
        };
        let Some((Decoded { chars, confidence }, sharpness)) = best else { return Ok(None) };
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
            quality: Quality { height: rectify::plate_height(detection), sharpness },
            engine: self.engine.kind(),
            model: self.engine.model().name.clone(),
            took: self.clock.now().since(started),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plate::CharRead;

    #[test]
    fn two_looks_that_disagree_are_less_sure_than_the_surer_one() {
        let look = |text: &str, confidence: f32| {
            let p = Confidence::new(confidence);
            let chars = text.chars().map(|c| CharRead { c, p, others: Vec::new() }).collect();
            Some((Decoded { chars, confidence: p }, 0.5))
        };
        let check = |first, second, text: &str, confidence: f32| {
            let (best, _) = surer(first, second).unwrap();
            assert_eq!(best.chars.iter().map(|c| c.c).collect::<String>(), text);
            assert!((best.confidence.value() - confidence).abs() < 0.01, "{text}: {}", best.confidence);
        };
        check(look("AB1", 0.6), look("AB1", 0.7), "AB1", 0.7);
        check(look("AB1", 0.6), look("AB7", 0.5), "AB1", 0.43);
        check(look("AB1", 0.2), look("AB7", 0.9), "AB7", 0.88);
        check(look("AB1", 0.6), None, "AB1", 0.6);
    }

    #[test]
    fn a_narrow_plate_stands_at_the_left_and_grey_fills_the_rest() {
        let mut out = Vec::new();
        padded(&[1, 2, 3, 4], Size::new(2, 2), Size::new(4, 2), 1, 128, &mut out);
        assert_eq!(out, [1, 2, 128, 128, 3, 4, 128, 128]);
    }
}
