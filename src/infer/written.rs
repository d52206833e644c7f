//! The description file as its author writes it (`detector.toml`, `reader.toml`), and what makes it valid.
//!
//! Unknown keys, wrong types and nonsense are errors that name the file and the place in it.

use std::path::Path;

use serde::Deserialize;

use super::{
    description::{Anchors, Crop, Decoder, Description, Fit, Input, SecondLook, Task, Values},
    model::ModelError,
};
use crate::geometry::Size;

/// The description format this program reads.
const FORMAT: u32 = 1;
/// Largest side of a network's input, in pixels.
const MAX_INPUT: u32 = 4096;
impl Description {
    /// Reads a description's text; `path` is where it came from (the network file is looked for beside it).
    pub fn parse(path: &Path, text: &str) -> Result<Self, ModelError> {
        let syntax = |e: toml::de::Error| ModelError::Syntax { file: path.into(), problem: e.to_string() };
        let version: Version = toml::from_str(text).map_err(syntax)?;
        if version.format != FORMAT {
            return Err(ModelError::Format { file: path.into(), found: version.format, known: FORMAT });
        }
        let written: Written = toml::from_str(text).map_err(syntax)?;
        written.check(path).map_err(|problem| ModelError::Nonsense { file: path.into(), problem })
    }
}

/// Only the version, so that a newer format is reported as such and not as a list of unknown keys.
#[derive(Deserialize)]
struct Version {
    format: u32,
}

/// The file as written.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Written {
    #[expect(dead_code, reason = "already looked at through `Version`")]
    format: u32,
    name: String,
    task: WrittenTask,
    file: String,
    sha256: Option<String>,
    licence: String,
    #[serde(default)]
    trained_on: Vec<String>,
    input: WrittenInput,
    output: WrittenOutput,
    #[serde(default)]
    crop: WrittenCrop,
    #[serde(default)]
    threshold: WrittenThreshold,
    #[serde(default)]
    calibration: WrittenCalibration,
    #[serde(default)]
    accuracy: toml::Table,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct WrittenInput {
    name: String,
    width: u32,
    height: u32,
    channels: u8,
    #[expect(dead_code, reason = "each engine knows its own; the type refuses what neither has")]
    layout: Layout,
    mean: Vec<f32>,
    std: Vec<f32>,
    fit: WrittenFit,
    pad: Option<u8>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WrittenTask {
    Detect,
    Read,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Layout {
    /// Planes, as ONNX networks of ours have it.
    Nchw,
    /// Pixels, as a Hailo has it.
    Nhwc,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WrittenFit {
    Letterbox,
    Stretch,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct WrittenOutput {
    decoder: DecoderName,
    names: Vec<String>,
    strides: Option<Vec<u32>>,
    corners: Option<bool>,
    alphabet: Option<String>,
    /// All classes of the network but the blank, in order; here or in a file, one a line.
    characters: Option<String>,
    dictionary: Option<String>,
    values: Option<WrittenValues>,
    blank: Option<usize>,
    pad: Option<usize>,
    /// Per output, width and height of each anchor in input pixels.
    anchors: Option<Vec<Vec<[f32; 2]>>>,
    scale: Option<f32>,
    classes: Option<u32>,
    class: Option<u32>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum WrittenValues {
    Logits,
    Probabilities,
    Either,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
enum DecoderName {
    #[serde(rename = "yolo-raw")]
    YoloRaw,
    #[serde(rename = "ctc")]
    Ctc,
    #[serde(rename = "slots")]
    Slots,
    #[serde(rename = "yolo-nms")]
    YoloNms,
    #[serde(rename = "yolov4-tiny-raw")]
    YoloV4TinyRaw,
    #[serde(rename = "yolov5-raw")]
    YoloV5Raw,
    #[serde(rename = "yolov8-raw")]
    YoloV8Raw,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct WrittenCrop {
    #[serde(default)]
    margin: f32,
    #[serde(default)]
    rectify: bool,
    again: Option<WrittenSecondLook>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WrittenSecondLook {
    below: f32,
    #[serde(default)]
    margin: f32,
    #[serde(default)]
    rectify: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct WrittenThreshold {
    score: f32,
    iou: f32,
}

impl Default for WrittenThreshold {
    fn default() -> Self {
        Self { score: 0.0, iou: 0.5 }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct WrittenCalibration {
    temperature: f32,
}

impl Default for WrittenCalibration {
    fn default() -> Self {
        Self { temperature: 1.0 }
    }
}

impl Written {
    /// Every rule that the types cannot hold; the error names table and key.
    fn check(self, path: &Path) -> Result<Description, String> {
        require(!self.name.trim().is_empty(), || "name is empty".to_owned())?;
        let plain = Path::new(&self.file).file_name() == Some(self.file.as_ref());
        require(plain, || format!("file = {:?} must be a file name beside the description", self.file))?;
        let digest = self.sha256.as_deref().unwrap_or_default().to_ascii_lowercase();
        let is_hef = Path::new(&self.file).extension().is_some_and(|e| e.eq_ignore_ascii_case("hef"));
        let hexadecimal = digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit());
        // A HEF carries a checksum of its own.
        require(hexadecimal || is_hef && self.sha256.is_none(), || {
            "sha256 must be 64 hexadecimal digits (only a .hef file may go without)".to_owned()
        })?;
        let input = self.input.check()?;
        let outputs = self.output.names.clone();
        let values = match self.output.values {
            None | Some(WrittenValues::Logits) => Values::Logits,
            Some(WrittenValues::Probabilities) => Values::Probabilities,
            Some(WrittenValues::Either) => Values::Either,
        };
        let decoder = self.output.check(input.size, path)?;
        let task = match self.task {
            WrittenTask::Detect => Task::Detect,
            WrittenTask::Read => Task::Read,
        };
        require(decoder.task() == task, || {
            format!("[output] decoder {:?} is not for task {:?}", decoder.as_str(), task.as_str())
        })?;
        share("[threshold] score", self.threshold.score)?;
        share("[threshold] iou", self.threshold.iou)?;
        let margin = self.crop.margin;
        for margin in [Some(margin), self.crop.again.as_ref().map(|again| again.margin)].into_iter().flatten()
        {
            require((0.0..=2.0).contains(&margin), || {
                format!("[crop] margin is {margin}; 0 to 2 times the box makes sense")
            })?;
        }
        share("[crop.again] below", self.crop.again.as_ref().map_or(0.0, |again| again.below))?;
        let temperature = self.calibration.temperature;
        require((0.01..=100.0).contains(&temperature), || {
            format!("[calibration] temperature is {temperature}; it must be between 0.01 and 100")
        })?;
        Ok(Description {
            name: self.name,
            task,
            file: path.with_file_name(&self.file),
            sha256: digest,
            licence: self.licence,
            trained_on: self.trained_on,
            input,
            outputs,
            decoder,
            crop: Crop { margin, rectify: self.crop.rectify },
            second_look: self.crop.again.map(|again| SecondLook {
                below: again.below,
                crop: Crop { margin: again.margin, rectify: again.rectify },
            }),
            score: self.threshold.score,
            iou: self.threshold.iou,
            values,
            temperature,
            accuracy: self.accuracy,
        })
    }
}

impl WrittenInput {
    fn check(self) -> Result<Input, String> {
        let sensible = |side| (1..=MAX_INPUT).contains(&side);
        require(sensible(self.width) && sensible(self.height), || {
            format!("[input] {}x{}: width and height go from 1 to {MAX_INPUT}", self.width, self.height)
        })?;
        require(matches!(self.channels, 1 | 3), || {
            format!("[input] channels is {}; 1 (grey) or 3 (red, green, blue)", self.channels)
        })?;
        let count = usize::from(self.channels);
        require(self.mean.len() == count && self.std.len() == count, || {
            format!("[input] mean and std need {count} numbers, one per channel")
        })?;
        require(self.mean.iter().all(|m| m.is_finite()), || "[input] mean holds no number".to_owned())?;
        require(self.std.iter().all(|&s| s.is_finite() && s > 0.0), || {
            "[input] std must be above 0".to_owned()
        })?;
        let fit = match (self.fit, self.pad) {
            (WrittenFit::Letterbox, pad) => Fit::Letterbox { pad: pad.unwrap_or(114) },
            (WrittenFit::Stretch, None) => Fit::Stretch,
            (WrittenFit::Stretch, Some(_)) => {
                return Err("[input] pad has a meaning only with fit = \"letterbox\"".to_owned());
            }
        };
        Ok(Input {
            name: self.name,
            size: Size::new(self.width, self.height),
            channels: self.channels,
            mean: self.mean,
            std: self.std,
            fit,
        })
    }
}

impl WrittenOutput {
    fn check(self, input: Size, path: &Path) -> Result<Decoder, String> {
        require((1..=16).contains(&self.names.len()), || {
            format!("[output] names has {} entries; 1 to 16 make sense", self.names.len())
        })?;
        self.refuse_unused()?;
        let strides = self.strides.clone().unwrap_or_default();
        let per_stride = if self.decoder == DecoderName::YoloV8Raw { 2 } else { 1 };
        if self.has_strides() {
            require(strides.len() * per_stride == self.names.len() && !strides.is_empty(), || {
                let of = if per_stride == 2 { "half as many as names" } else { "one per name" };
                format!("[output] {} names but {} strides; {of} are needed", self.names.len(), strides.len())
            })?;
            let fits = |&s: &u32| s > 0 && input.width.is_multiple_of(s) && input.height.is_multiple_of(s);
            require(strides.iter().all(fits), || {
                format!("[output] strides {strides:?} do not divide the input of {input}")
            })?;
        }
        let (classes, class) = (self.classes.unwrap_or(1), self.class.unwrap_or(0));
        require((1..=1000).contains(&classes), || format!("[output] classes is {classes}; 1 to 1000"))?;
        require(self.decoder == DecoderName::YoloNms || class < classes, || {
            format!("[output] class is {class}, but there are only {classes} classes (counted from 0)")
        })?;
        match self.decoder {
            DecoderName::YoloRaw => Ok(Decoder::YoloRaw { strides, corners: self.corners.unwrap_or(false) }),
            DecoderName::Ctc => {
                if self.characters.is_some() || self.dictionary.is_some() {
                    return self.folded(path);
                }
                let (alphabet, blank) = letters("ctc", "blank", &self.names, self.alphabet, self.blank)?;
                Ok(Decoder::Ctc { alphabet, blank, folded: None })
            }
            DecoderName::Slots => {
                let (alphabet, pad) = letters("slots", "pad", &self.names, self.alphabet, self.pad)?;
                Ok(Decoder::Slots { alphabet, pad })
            }
            DecoderName::YoloNms => {
                require(self.names.len() == 1, || {
                    format!("[output] yolo-nms has one output, names has {}", self.names.len())
                })?;
                Ok(Decoder::YoloNms { class: self.class })
            }
            DecoderName::YoloV4TinyRaw => {
                let scale = self.scale.unwrap_or(1.0);
                require((1.0..=3.0).contains(&scale), || format!("[output] scale is {scale}; 1 to 3"))?;
                Ok(Decoder::YoloV4TinyRaw { anchors: self.anchored(strides, classes, class)?, scale })
            }
            DecoderName::YoloV5Raw => {
                Ok(Decoder::YoloV5Raw { anchors: self.anchored(strides, classes, class)? })
            }
            DecoderName::YoloV8Raw => Ok(Decoder::YoloV8Raw { strides, classes, class }),
        }
    }

    const fn has_strides(&self) -> bool {
        !matches!(self.decoder, DecoderName::Ctc | DecoderName::Slots | DecoderName::YoloNms)
    }

    /// A key that the decoder does not read is a mistake.
    fn refuse_unused(&self) -> Result<(), String> {
        use DecoderName as D;
        let d = self.decoder;
        let name = match d {
            D::YoloRaw => "yolo-raw",
            D::Ctc => "ctc",
            D::Slots => "slots",
            D::YoloNms => "yolo-nms",
            D::YoloV4TinyRaw => "yolov4-tiny-raw",
            D::YoloV5Raw => "yolov5-raw",
            D::YoloV8Raw => "yolov8-raw",
        };
        let reads = matches!(d, D::Ctc | D::Slots);
        let anchored = matches!(d, D::YoloV4TinyRaw | D::YoloV5Raw);
        let keys = [
            ("strides", self.strides.is_some(), self.has_strides()),
            ("corners", self.corners.is_some(), d == D::YoloRaw),
            ("alphabet", self.alphabet.is_some(), reads),
            ("characters", self.characters.is_some(), d == D::Ctc),
            ("dictionary", self.dictionary.is_some(), d == D::Ctc),
            ("values", self.values.is_some(), reads),
            ("blank", self.blank.is_some(), d == D::Ctc),
            ("pad", self.pad.is_some(), d == D::Slots),
            ("anchors", self.anchors.is_some(), anchored),
            ("scale", self.scale.is_some(), d == D::YoloV4TinyRaw),
            ("classes", self.classes.is_some(), anchored || d == D::YoloV8Raw),
            ("class", self.class.is_some(), anchored || matches!(d, D::YoloV8Raw | D::YoloNms)),
        ];
        match keys.iter().find(|(_, is_written, means)| *is_written && !means) {
            Some((key, ..)) => Err(format!("[output] {key} has no meaning for decoder {name:?}")),
            None => Ok(()),
        }
    }

    /// A network that knows more characters than plates have.
    fn folded(self, path: &Path) -> Result<Decoder, String> {
        require(self.names.len() == 1, || {
            format!("[output] ctc has one output, names has {}", self.names.len())
        })?;
        require(self.alphabet.is_none(), || {
            "[output] alphabet and characters or dictionary exclude each other".to_owned()
        })?;
        let all: Vec<String> = match (self.characters, self.dictionary) {
            (Some(characters), None) => characters.chars().map(String::from).collect(),
            (None, Some(name)) => dictionary(&path.with_file_name(&name), &name)?,
            _ => return Err("[output] characters and dictionary exclude each other".to_owned()),
        };
        let blank = self.blank.ok_or("[output] ctc needs blank, the class that is no character")?;
        require(!all.is_empty() && blank <= all.len(), || {
            format!("[output] blank is class {blank}, but there are only {} classes", all.len() + 1)
        })?;
        let alphabet: Vec<char> = ('0'..='9').chain('A'..='Z').collect();
        let nothing = u16::try_from(alphabet.len()).unwrap_or(u16::MAX);
        let of = |text: &String| {
            let mut characters = text.chars().map(|c| c.to_ascii_uppercase());
            let at = characters.next().and_then(|c| alphabet.iter().position(|known| *known == c));
            at.filter(|_| characters.next().is_none())
                .and_then(|at| u16::try_from(at).ok())
                .unwrap_or(nothing)
        };
        let mut folded: Vec<u16> = all.iter().map(of).collect();
        folded.insert(blank, nothing);
        Ok(Decoder::Ctc { blank: alphabet.len(), alphabet, folded: Some(folded) })
    }

    fn anchored(self, strides: Vec<u32>, classes: u32, class: u32) -> Result<Anchors, String> {
        let written =
            self.anchors.ok_or("[output] anchors are missing: per name a list of [width, height]")?;
        let sensible = |of: &Vec<[f32; 2]>| {
            (1..=16).contains(&of.len())
                && of.iter().flatten().all(|side| (0.0..=8192.0).contains(side) && *side > 0.0)
        };
        require(written.len() == strides.len() && written.iter().all(sensible), || {
            "[output] anchors must hold, per name, 1 to 16 pairs of width and height in input pixels"
                .to_owned()
        })?;
        let sizes = written.iter().map(|of| of.iter().map(|[w, h]| (*w, *h)).collect()).collect();
        Ok(Anchors { strides, sizes, classes, class })
    }
}

/// Largest dictionary: some hundred thousand characters.
const MAX_DICTIONARY: u64 = 1 << 20;

/// The lines of a dictionary, and the blank that its networks know besides.
fn dictionary(path: &Path, name: &str) -> Result<Vec<String>, String> {
    let plain = Path::new(name).file_name() == Some(name.as_ref());
    require(plain, || format!("[output] dictionary = {name:?} must be a file name beside the description"))?;
    let unreadable = |why: String| format!("[output] dictionary: {}: {why}", path.display());
    let length = std::fs::metadata(path).map_err(|e| unreadable(e.to_string()))?.len();
    require(length <= MAX_DICTIONARY, || unreadable(format!("{length} bytes are too many")))?;
    let text = std::fs::read_to_string(path).map_err(|e| unreadable(e.to_string()))?;
    let mut lines: Vec<String> = text.lines().map(|line| line.trim_end_matches('\r').to_owned()).collect();
    lines.push(" ".to_owned());
    Ok(lines)
}

/// A reader's characters and the class that is none of them.
fn letters(
    decoder: &str,
    key: &str,
    names: &[String],
    alphabet: Option<String>,
    none: Option<usize>,
) -> Result<(Vec<char>, usize), String> {
    require(names.len() == 1, || format!("[output] {decoder} has one output, names has {}", names.len()))?;
    let alphabet: Vec<char> =
        alphabet.ok_or_else(|| format!("[output] {decoder} needs an alphabet"))?.chars().collect();
    let plain = |c: &char| c.is_ascii_uppercase() || c.is_ascii_digit();
    require(!alphabet.is_empty() && alphabet.iter().all(plain), || {
        "[output] alphabet may hold A-Z and 0-9 only (the blank is not part of it)".to_owned()
    })?;
    let twice = alphabet.iter().enumerate().find(|(i, c)| alphabet.iter().take(*i).any(|d| d == *c));
    if let Some((_, c)) = twice {
        return Err(format!("[output] alphabet holds {c:?} twice"));
    }
    let none =
        none.ok_or_else(|| format!("[output] {decoder} needs {key}, the class that is no character"))?;
    require(none <= alphabet.len(), || {
        format!("[output] {key} is class {none}, but there are only {} classes", alphabet.len() + 1)
    })?;
    Ok((alphabet, none))
}

fn require(holds: bool, problem: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(problem()) }
}

fn share(key: &str, value: f32) -> Result<(), String> {
    require((0.0..=1.0).contains(&value), || format!("{key} is {value}; it must be between 0 and 1"))
}
