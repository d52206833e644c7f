//! What the networks of our files compute, one picture at a time.

use std::{path::Path, sync::Mutex};

use amslpr::infer::{
    Description, Engine, InputPicture, Tensor,
    cpu::{CpuEngine, Weights},
};

use crate::hef::{Kind, Numbers, Text};

/// What an output stream carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carries {
    /// Rows, columns, features.
    Map([usize; 3]),
    Boxes {
        classes: usize,
        most: usize,
    },
}

/// A network that was taken in from a file.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) name: String,
    /// Bytes of a picture.
    pub(crate) input: usize,
    pub(crate) outputs: Vec<(String, Carries)>,
    pub(crate) numbers: Numbers,
    work: Mutex<Work>,
}

#[derive(Debug)]
enum Work {
    Onnx(Box<CpuEngine>, Vec<Vec<Tensor>>),
    Echo,
    Boxes,
}

/// Numbers in 16 bits: from -64 to 192.
pub(crate) const U16_SCALE: f32 = 256.0 / 65536.0;
pub(crate) const U16_ZERO: f32 = 16384.0;

impl Network {
    /// `None` if the description or the network in it cannot be loaded.
    pub(crate) fn load(text: &Text) -> Option<Self> {
        let plain = |input: &[usize; 3], carries, work| Self {
            name: text.name.clone(),
            input: input.iter().product(),
            outputs: vec![(format!("{}/out", text.name), carries)],
            numbers: text.numbers,
            work: Mutex::new(work),
        };
        Some(match &text.kind {
            Kind::Echo { input, output } => plain(input, Carries::Map(*output), Work::Echo),
            Kind::Boxes { input, classes, most } => {
                plain(input, Carries::Boxes { classes: *classes, most: *most }, Work::Boxes)
            }
            Kind::Onnx { description } => Self::onnx(text, Path::new(description))?,
        })
    }

    fn onnx(text: &Text, description: &Path) -> Option<Self> {
        let description = Description::load(description).ok()?;
        let input = description.input.clone();
        let weights = Weights::load(description).ok()?;
        let mut engine = CpuEngine::new(weights, 1);
        let black = vec![0; input.byte_count()];
        let mut tensors = Vec::new();
        let picture = InputPicture { size: input.size, channels: input.channels, bytes: &black };
        engine.run(&[picture], &mut tensors).ok()?;
        // The compiler numbers its layers and keeps no order; the last output comes first here.
        let mut outputs: Vec<(String, Carries)> = tensors
            .first()?
            .iter()
            .enumerate()
            .map(|(i, tensor)| {
                let shape = match *tensor.shape.as_slice() {
                    [channels, rows, columns] => [rows, columns, channels],
                    [steps, classes] => [1, steps, classes],
                    _ => [1, 1, tensor.values.len()],
                };
                (format!("{}/conv{}", text.name, 40 + i), Carries::Map(shape))
            })
            .collect();
        outputs.reverse();
        Some(Self {
            name: text.name.clone(),
            input: input.byte_count(),
            outputs,
            numbers: text.numbers,
            work: Mutex::new(Work::Onnx(Box::new(engine), Vec::new())),
        })
    }

    /// Bytes of one result of an output; `floats` is what the program asked for.
    pub(crate) fn frame_size(&self, output: usize, floats: bool) -> usize {
        match self.outputs.get(output).map(|(_, carries)| *carries) {
            Some(Carries::Map(shape)) => shape.iter().product::<usize>() * self.width(floats),
            Some(Carries::Boxes { classes, most }) => classes * (1 + 5 * most) * 4,
            None => 0,
        }
    }

    fn width(&self, floats: bool) -> usize {
        match self.numbers {
            _ if floats => 4,
            Numbers::Float => 4,
            Numbers::U8 | Numbers::PerFeature => 1,
            Numbers::U16 => 2,
        }
    }

    /// All results for one picture.
    pub(crate) fn run(&self, picture: &[u8], floats: bool) -> Vec<Vec<u8>> {
        let mut work = self.work.lock().expect("a network that works");
        match &mut *work {
            Work::Echo => {
                let Some((_, Carries::Map(shape))) = self.outputs.first() else { return Vec::new() };
                let count: usize = shape.iter().product();
                let numbers = (0..count).map(|i| f32::from(picture.get(i).copied().unwrap_or(0)));
                vec![self.bytes(numbers, floats)]
            }
            Work::Boxes => {
                let Some((_, Carries::Boxes { classes, most })) = self.outputs.first() else {
                    return Vec::new();
                };
                vec![boxes(picture, *classes, *most)]
            }
            Work::Onnx(engine, tensors) => {
                let input = engine.model().input.clone();
                let picture = InputPicture { size: input.size, channels: input.channels, bytes: picture };
                engine.run(&[picture], tensors).expect("our own network runs");
                let tensors = tensors.first().map(Vec::as_slice).unwrap_or_default();
                tensors.iter().rev().map(|tensor| self.bytes(interleaved(tensor), floats)).collect()
            }
        }
    }

    fn bytes(&self, numbers: impl Iterator<Item = f32>, floats: bool) -> Vec<u8> {
        match self.numbers {
            Numbers::U8 if !floats => numbers.map(|n| n as u8).collect(),
            Numbers::U16 if !floats => {
                numbers.flat_map(|n| (((n / U16_SCALE) + U16_ZERO).round() as u16).to_ne_bytes()).collect()
            }
            Numbers::PerFeature if !floats => numbers.map(|_| 0).collect(),
            _ => numbers.flat_map(f32::to_ne_bytes).collect(),
        }
    }
}

/// Planes to pixels of features, as the chip has them.
fn interleaved(tensor: &Tensor) -> impl Iterator<Item = f32> {
    let (features, pixels, planes) = match *tensor.shape.as_slice() {
        [channels, rows, columns] => (channels, rows * columns, true),
        _ => (tensor.values.len(), 1, false),
    };
    (0..pixels).flat_map(move |pixel| {
        (0..features).map(move |feature| {
            let at = if planes { feature * pixels + pixel } else { feature };
            tensor.values.get(at).copied().unwrap_or(0.0)
        })
    })
}

/// Class by class, a count and that many boxes, packed; all named boxes are of the first class.
fn boxes(picture: &[u8], classes: usize, most: usize) -> Vec<u8> {
    let count = picture.first().map_or(0, |n| usize::from(*n)).min(most);
    let mut numbers = vec![count as f32];
    for of in picture.get(1..).unwrap_or_default().chunks_exact(5).take(count) {
        numbers.extend(of.iter().map(|byte| f32::from(*byte) / 255.0));
    }
    numbers.extend(std::iter::repeat_n(0.0, classes.saturating_sub(1)));
    numbers.resize(classes * (1 + 5 * most), -7.0);
    numbers.into_iter().flat_map(f32::to_ne_bytes).collect()
}
