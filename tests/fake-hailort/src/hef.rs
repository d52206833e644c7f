//! Files for the fake library: a container of version 1 as the real compiler writes it, with text for weights.

use std::{fmt::Write as _, path::Path};

pub const MAGIC: [u8; 4] = [0x01, 0x48, 0x45, 0x46];
const HEADER: usize = 28;

/// What a network computes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// The ONNX network of this description.
    Onnx { description: String },
    /// The first bytes of the picture, as the numbers of its one output.
    Echo { input: [usize; 3], output: [usize; 3] },
    /// Boxes that the picture's first bytes name: how many, then five bytes each (top, left, bottom, right, score).
    Boxes { input: [usize; 3], classes: usize, most: usize },
}

/// How its numbers leave the chip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    Float,
    U8,
    U16,
    /// Each feature has a scale of its own, so that only the library can convert.
    PerFeature,
}

/// A file's contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    pub name: String,
    pub kind: Kind,
    pub numbers: Numbers,
}

impl Text {
    pub fn onnx(name: &str, description: &Path) -> Self {
        let description = description.display().to_string();
        Self { name: name.into(), kind: Kind::Onnx { description }, numbers: Numbers::Float }
    }

    fn write(&self) -> String {
        let mut text = format!("fake\nname={}\n", self.name);
        let numbers = |of: &[usize; 3]| of.map(|n| n.to_string()).join("x");
        // Writing to a string cannot fail.
        let _ = match &self.kind {
            Kind::Onnx { description } => writeln!(text, "kind=onnx\ndescription={description}"),
            Kind::Echo { input, output } => {
                writeln!(text, "kind=echo\ninput={}\noutput={}", numbers(input), numbers(output))
            }
            Kind::Boxes { input, classes, most } => {
                writeln!(text, "kind=boxes\ninput={}\nclasses={classes}\nmost={most}", numbers(input))
            }
        };
        text.push_str(match self.numbers {
            Numbers::Float => "numbers=float\n",
            Numbers::U8 => "numbers=u8\n",
            Numbers::U16 => "numbers=u16\n",
            Numbers::PerFeature => "numbers=per-feature\n",
        });
        text
    }

    fn read(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next()? != "fake" {
            return None;
        }
        let lines: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once('=')).collect();
        let value = |key: &str| lines.iter().find(|(k, _)| *k == key).map(|(_, v)| *v);
        let number = |key: &str| value(key)?.parse().ok();
        let shape = |key: &str| -> Option<[usize; 3]> {
            let sizes: Vec<usize> = value(key)?.split('x').filter_map(|n| n.parse().ok()).collect();
            sizes.try_into().ok()
        };
        let kind = match value("kind")? {
            "onnx" => Kind::Onnx { description: value("description")?.to_owned() },
            "echo" => Kind::Echo { input: shape("input")?, output: shape("output")? },
            "boxes" => {
                Kind::Boxes { input: shape("input")?, classes: number("classes")?, most: number("most")? }
            }
            _ => return None,
        };
        let numbers = match value("numbers")? {
            "u8" => Numbers::U8,
            "u16" => Numbers::U16,
            "per-feature" => Numbers::PerFeature,
            _ => Numbers::Float,
        };
        Some(Self { name: value("name")?.to_owned(), kind, numbers })
    }

    /// The file's bytes, compiled for a chip of this number (0: Hailo-8, 3: Hailo-8L, 103: Hailo-10H).
    pub fn file(&self, architecture: u8) -> Vec<u8> {
        let header = [0x08, architecture];
        let message = [&[0x0a, 2][..], &header].concat();
        let weights = self.write().into_bytes();
        let rest = [&message[..], &weights].concat();
        [
            &MAGIC[..],
            &1u32.to_be_bytes(),
            &(message.len() as u32).to_be_bytes(),
            &crc32fast::hash(&rest).to_be_bytes(),
            &(weights.len() as u64).to_be_bytes(),
            &[0; 4],
            &rest,
        ]
        .concat()
    }

    /// As the library reads a file: its architecture and text, or the status that it refuses it with.
    pub fn of_file(bytes: &[u8]) -> Result<(u8, Self), i32> {
        const EMPTY: i32 = 14;
        const CORRUPTED: i32 = 91;
        const NOT_SUPPORTED: i32 = 92;
        if bytes.is_empty() {
            return Err(EMPTY);
        }
        if !bytes.starts_with(&MAGIC) {
            return Err(NOT_SUPPORTED);
        }
        let word =
            |at: usize| -> Option<u32> { Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?)) };
        let (version, message) = (word(4).ok_or(CORRUPTED)?, word(8).ok_or(CORRUPTED)? as usize);
        if version != 1 {
            return Err(NOT_SUPPORTED);
        }
        let rest = bytes.get(HEADER..).ok_or(CORRUPTED)?;
        if word(12) != Some(crc32fast::hash(rest)) {
            return Err(CORRUPTED);
        }
        let architecture = *rest.get(3).ok_or(CORRUPTED)?;
        let weights = rest.get(message..).ok_or(CORRUPTED)?;
        let text = std::str::from_utf8(weights).ok().and_then(Self::read).ok_or(CORRUPTED)?;
        Ok((architecture, text))
    }
}
