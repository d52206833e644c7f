//! What is known about a network: its input, its outputs, how they are decoded, how it was made.
//!
//! Everything the program knows about a network stands in its description, nothing in code. How the file is
//! written is `written`'s business, finding it `model`'s, what the numbers mean `detect`'s and `read`'s.

use std::path::PathBuf;

use super::{InferError, InputPicture, Tensor};
use crate::geometry::Size;

/// Most positions a reader network may give.
const MAX_POSITIONS: usize = 512;

/// What a network is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Task {
    Detect,
    Read,
}

impl Task {
    /// Its name in a description; with `.toml` behind it (`detector.toml`, `reader.toml`) see [`Task::file_name`].
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Detect => "detect",
            Self::Read => "read",
        }
    }

    /// The description looked for in a directory of models.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Detect => "detector.toml",
            Self::Read => "reader.toml",
        }
    }
}

/// How a picture is brought to the input size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// Proportions kept, the rest filled with this grey.
    Letterbox { pad: u8 },
    /// Each axis scaled by itself.
    Stretch,
}

/// What a network takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// The input's name in the model file.
    pub name: String,
    pub size: Size,
    /// 1 (grey) or 3 (red, green, blue).
    pub channels: u8,
    /// Per channel, of a value between 0 and 1: it is fed `(value - mean) / std`.
    pub mean: Vec<f32>,
    pub std: Vec<f32>,
    pub fit: Fit,
}

impl Input {
    /// Bytes of one picture.
    pub fn byte_count(&self) -> usize {
        usize::try_from(self.size.area()).unwrap_or(usize::MAX).saturating_mul(usize::from(self.channels))
    }
}

/// How the raw outputs become boxes or characters.
#[derive(Debug, Clone, PartialEq)]
pub enum Decoder {
    /// Per stride one map of score, edge distances and, with `corners`, four corner offsets.
    YoloRaw { strides: Vec<u32>, corners: bool },
    /// Positions by classes, one class is the blank between characters. A network that knows more than plates have
    /// (lower case, punctuation, other scripts) says by `folded` which of them each of its classes counts as.
    Ctc { alphabet: Vec<char>, blank: usize, folded: Option<Vec<u16>> },
    /// A class per character slot, one class is the empty slot.
    Slots { alphabet: Vec<char>, pad: usize },
    /// Boxes after suppression on a Hailo, of all classes or of the one that is a plate.
    YoloNms { class: Option<u32> },
    /// Maps of anchors as YOLOv4-tiny has them, such as Hailo's `tiny_yolov4_license_plates`; `scale` lets a centre reach
    /// out of its cell.
    YoloV4TinyRaw { anchors: Anchors, scale: f32 },
    /// Maps of anchors as YOLOv5 has them.
    YoloV5Raw { anchors: Anchors },
    /// Per stride two maps as YOLOv8 has them: distributions of the edges' distances, and scores of the classes.
    YoloV8Raw { strides: Vec<u32>, classes: u32, class: u32 },
}

/// Boxes that a network's cells start from.
#[derive(Debug, Clone, PartialEq)]
pub struct Anchors {
    /// One per output.
    pub strides: Vec<u32>,
    /// Width and height in input pixels, per output.
    pub sizes: Vec<Vec<(f32, f32)>>,
    pub classes: u32,
    /// Which class is a plate.
    pub class: u32,
}

impl Anchors {
    /// Channels of one anchor: centre, size, objectness, classes.
    pub fn features(&self) -> usize {
        5 + self.classes as usize
    }
}

impl Decoder {
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::YoloRaw { .. } => "yolo-raw",
            Self::Ctc { .. } => "ctc",
            Self::Slots { .. } => "slots",
            Self::YoloNms { .. } => "yolo-nms",
            Self::YoloV4TinyRaw { .. } => "yolov4-tiny-raw",
            Self::YoloV5Raw { .. } => "yolov5-raw",
            Self::YoloV8Raw { .. } => "yolov8-raw",
        }
    }

    pub const fn task(&self) -> Task {
        match self {
            Self::Ctc { .. } | Self::Slots { .. } => Task::Read,
            _ => Task::Detect,
        }
    }

    /// How it wants each output.
    pub const fn layout(&self) -> OutputLayout {
        match self {
            Self::YoloNms { .. } => OutputLayout::Boxes,
            Self::Ctc { .. } | Self::Slots { .. } => OutputLayout::Positions,
            _ => OutputLayout::Map,
        }
    }
}

/// What the numbers of a reader's output are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Values {
    #[default]
    Logits,
    Probabilities,
    /// Probabilities where a position's numbers look like it: not negative, with the sum 1.
    Either,
}

/// The form of an output tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputLayout {
    /// Channels, rows, columns.
    Map,
    /// Positions, classes.
    Positions,
    /// Boxes after suppression, six numbers each: left, top, right, bottom as fractions, score, class.
    Boxes,
}

/// What is cut out of the frame for a reader.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crop {
    /// The box is grown by this share of its width left and right, of its height above and below.
    pub margin: f32,
    /// Straighten by the plate's corners where the detector gives them.
    pub rectify: bool,
}

/// Another crop of the same plate, read where the first read is not sure: the surer of the two counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SecondLook {
    /// Confidence of the first read below which it is worth the time.
    pub below: f32,
    pub crop: Crop,
}

/// A network and everything needed to use it.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// Goes into every event, so that a read can be traced to its network.
    pub name: String,
    pub task: Task,
    /// The network file, beside its description.
    pub file: PathBuf,
    /// Lower-case hexadecimal; empty for a HEF that is not pinned.
    pub sha256: String,
    pub licence: String,
    pub trained_on: Vec<String>,
    pub input: Input,
    /// Names of the outputs in the model file, in the order the decoder wants them.
    pub outputs: Vec<String>,
    pub decoder: Decoder,
    pub crop: Crop,
    /// For a reader: how to look again where the first look left doubts.
    pub second_look: Option<SecondLook>,
    /// Least score of a box (or probability of a read) worth handing on.
    pub score: f32,
    /// Two boxes overlapping more than this are one plate.
    pub iou: f32,
    /// What a reader's numbers are.
    pub values: Values,
    /// Logits are divided by this before they become probabilities.
    pub temperature: f32,
    /// What was measured, as its author wrote it.
    pub accuracy: toml::Table,
}

impl Description {
    /// The picture is what the network takes; every engine asks before it runs.
    pub fn check_input(&self, picture: &InputPicture<'_>) -> Result<(), InferError> {
        let (size, channels) = (self.input.size, self.input.channels);
        if picture.size == size
            && picture.channels == channels
            && picture.bytes.len() == self.input.byte_count()
        {
            return Ok(());
        }
        Err(InferError::Input {
            model: self.name.clone(),
            got_size: picture.size,
            got_channels: picture.channels,
            want_size: size,
            want_channels: channels,
        })
    }

    /// Shapes are what the decoder can read; called once at load and before every decoding.
    pub fn check_outputs(&self, outputs: &[Tensor]) -> Result<(), InferError> {
        for (i, name) in self.outputs.iter().enumerate() {
            let expected = self.expected(i);
            let wrong = |got: &[usize]| InferError::Output {
                model: self.name.clone(),
                output: name.clone(),
                got: got.to_vec(),
                expected: expected.describe(),
            };
            let tensor = outputs.get(i).ok_or_else(|| wrong(&[]))?;
            let values = tensor.shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
            if !expected.fits(&tensor.shape) || values != Some(tensor.values.len()) {
                return Err(wrong(&tensor.shape));
            }
        }
        Ok(())
    }

    /// Whether one output may have this shape.
    pub fn fits(&self, output: usize, shape: &[usize]) -> bool {
        self.expected(output).fits(shape)
    }

    fn expected(&self, output: usize) -> Expected {
        let size = self.input.size;
        let map = |strides: &[u32], output: usize, channels: Option<usize>| {
            let stride = strides.get(output).copied().unwrap_or(1).max(1);
            let (rows, columns) = ((size.height / stride) as usize, (size.width / stride) as usize);
            Expected::Map { channels, rows, columns }
        };
        match &self.decoder {
            Decoder::YoloRaw { strides, corners } => {
                map(strides, output, Some(if *corners { 13 } else { 5 }))
            }
            Decoder::YoloV4TinyRaw { anchors, .. } | Decoder::YoloV5Raw { anchors } => {
                let count = anchors.sizes.get(output).map_or(0, Vec::len);
                map(&anchors.strides, output, Some(count * anchors.features()))
            }
            Decoder::YoloV8Raw { strides, classes, .. } => match output % 2 {
                0 => map(strides, output / 2, None),
                _ => map(strides, output / 2, Some(*classes as usize)),
            },
            Decoder::Ctc { folded: Some(folded), .. } => Expected::Positions { classes: folded.len() },
            Decoder::Ctc { alphabet, .. } | Decoder::Slots { alphabet, .. } => {
                Expected::Positions { classes: alphabet.len() + 1 }
            }
            Decoder::YoloNms { .. } => Expected::Boxes,
        }
    }
}

/// The shape a decoder wants of one output, without the batch dimension.
enum Expected {
    /// Without a number of channels: four distributions.
    Map {
        channels: Option<usize>,
        rows: usize,
        columns: usize,
    },
    Positions {
        classes: usize,
    },
    Boxes,
}

impl Expected {
    fn fits(&self, shape: &[usize]) -> bool {
        match (self, shape) {
            (Self::Map { channels, rows, columns }, [c, h, w]) => {
                channels.map_or(*c >= 8 && c.is_multiple_of(4), |n| *c == n) && h == rows && w == columns
            }
            (Self::Positions { classes }, [t, c]) => (1..=MAX_POSITIONS).contains(t) && c == classes,
            (Self::Boxes, [_, 6]) => true,
            _ => false,
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Map { channels: Some(channels), rows, columns } => {
                format!("[{channels}, {rows}, {columns}]")
            }
            Self::Map { channels: None, rows, columns } => format!("[4 times the bins, {rows}, {columns}]"),
            Self::Positions { classes } => {
                format!("[positions (1 to {MAX_POSITIONS}), {classes} classes = alphabet and blank]")
            }
            Self::Boxes => "[boxes, 6]".to_owned(),
        }
    }
}
