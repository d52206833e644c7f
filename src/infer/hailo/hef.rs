//! Hailo's executable format, as far as it must be known before the library sees a file.
//!
//! A file that was compiled for another family of chips can abort the whole process inside the library, so the
//! container is read here first: version, lengths, checksum, and for which chip it is. Facts: `hailo.md` of the design
//! (containers 0 to 3). Arbitrary bytes are welcome; memory and time are bounded by the file.

use std::{fmt, io::Read as _, path::Path};

use hailort_sys::layout::device_architecture;
use md5::{Digest as _, Md5};

/// No HEF is larger; the largest published ones have some 100 MB.
const LARGEST: u64 = 1 << 30;
const MAGIC: [u8; 4] = [0x01, 0x48, 0x45, 0x46];
/// The part of the header that all versions share: magic, version, length of the protobuf message.
const COMMON: usize = 12;

/// What a file was compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Hailo8,
    Hailo8L,
    Hailo15L,
    Hailo15M,
    /// Files for the Hailo-10H carry the number of the Hailo-15H or their own.
    Hailo10H,
    Unknown(u64),
}

impl Target {
    const fn from_number(number: u64) -> Self {
        match number {
            0..=2 => Self::Hailo8,
            3 => Self::Hailo8L,
            4 => Self::Hailo15M,
            5 | 103 => Self::Hailo10H,
            6 => Self::Hailo15L,
            other => Self::Unknown(other),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hailo8 => "a Hailo-8",
            Self::Hailo8L => "a Hailo-8L",
            Self::Hailo15L => "a Hailo-15L",
            Self::Hailo15M => "a Hailo-15M",
            Self::Hailo10H => "a Hailo-10H or 15H",
            Self::Unknown(number) => return write!(f, "a chip of unknown number {number}"),
        })
    }
}

/// How well a file goes with a chip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fitness {
    No,
    /// It runs, but one compiled for the chip itself runs faster.
    Slower,
    Made,
}

/// What the container says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Of the container's form, 0 to 3.
    pub version: u32,
    pub target: Target,
    /// Version of the compiler that made it, where it says so.
    pub compiler: Option<String>,
    pub bytes: u64,
}

impl Container {
    /// Whether the library may be given this file for a chip of this `device_architecture`.
    pub fn fitness(&self, architecture: i32) -> Fitness {
        use device_architecture as chip;
        match (architecture, self.target) {
            (chip::HAILO8 | chip::HAILO8_A0, Target::Hailo8)
            | (chip::HAILO8L, Target::Hailo8L)
            | (chip::HAILO10H, Target::Hailo10H) => Fitness::Made,
            (chip::HAILO8, Target::Hailo8L) => Fitness::Slower,
            _ => Fitness::No,
        }
    }
}

/// Why a file must not reach the library.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HefError {
    #[error("cannot be read: {0}")]
    Unreadable(String),
    #[error("is empty; copy it again")]
    Empty,
    #[error("has {0} bytes, more than any HEF")]
    TooLarge(u64),
    #[error("is no HEF file (a HEF begins with the bytes 01 48 45 46)")]
    NoHef,
    #[error("is a HEF of version {0}, which this program does not know; a newer one may")]
    Version(u32),
    #[error("is incomplete: it should have {expected} bytes and has {found}; copy it again")]
    Truncated { expected: u64, found: u64 },
    #[error("is damaged: its checksum is wrong; copy it again")]
    Damaged,
    #[error("is damaged: it does not say for which chip it was compiled; copy it again")]
    Headless,
    #[error(
        "has SHA-256 {found}, its description says {expected}: it is another file; get the right one, or put its own \
         SHA-256 into the description"
    )]
    Changed { found: String, expected: String },
    #[error(
        "was compiled for {target}, but the chip here is a {chip}; get or compile the file for the {chip} (hw-arch {arch})"
    )]
    WrongChip { target: Target, chip: &'static str, arch: &'static str },
}

/// A chip's name and what the compiler and the model zoo call it.
pub const fn chip_name(architecture: i32) -> (&'static str, &'static str) {
    use device_architecture as chip;
    match architecture {
        chip::HAILO8_A0 | chip::HAILO8 => ("Hailo-8", "hailo8"),
        chip::HAILO8L => ("Hailo-8L", "hailo8l"),
        chip::HAILO10H => ("Hailo-10H", "hailo10h"),
        chip::HAILO15H => ("Hailo-15H", "hailo15h"),
        chip::HAILO15L => ("Hailo-15L", "hailo15l"),
        chip::HAILO15M => ("Hailo-15M", "hailo15m"),
        _ => ("chip that this program does not know", "unknown"),
    }
}

/// Reads a file once and vets its container.
pub fn vet_file(path: &Path) -> Result<Container, HefError> {
    let unreadable = |error: std::io::Error| HefError::Unreadable(error.to_string());
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    if length > LARGEST {
        return Err(HefError::TooLarge(length));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    file.take(LARGEST).read_to_end(&mut bytes).map_err(unreadable)?;
    vet(&bytes)
}

/// Whether the library may be given this file for a chip of this architecture; how well it goes with it.
pub fn vet_for(container: &Container, architecture: i32) -> Result<Fitness, HefError> {
    let (chip, arch) = chip_name(architecture);
    match container.fitness(architecture) {
        Fitness::No => Err(HefError::WrongChip { target: container.target, chip, arch }),
        fit => Ok(fit),
    }
}

/// Vets the bytes of a file.
pub fn vet(bytes: &[u8]) -> Result<Container, HefError> {
    if bytes.is_empty() {
        return Err(HefError::Empty);
    }
    let found = bytes.len() as u64;
    if !bytes.starts_with(&MAGIC) {
        return Err(HefError::NoHef);
    }
    let truncated = |expected: u64| HefError::Truncated { expected, found };
    let version = u32_at(bytes, 4).ok_or_else(|| truncated(COMMON as u64))?;
    let message = u64::from(u32_at(bytes, 8).ok_or_else(|| truncated(COMMON as u64))?);
    let header: usize = match version {
        0 => 32,
        1 => 28,
        2 => 44,
        3 => 56,
        other => return Err(HefError::Version(other)),
    };
    let rest = bytes.get(header..).ok_or_else(|| truncated(header as u64))?;
    let number = |at| u64_at(bytes, at).unwrap_or(u64::MAX);
    let behind = match version {
        0 => 0,
        1 => number(16),
        2 => number(20),
        _ => number(20).saturating_add(number(32)),
    };
    let expected = (header as u64).saturating_add(message).saturating_add(behind);
    // Nothing says how long a container of version 0 is, besides its message.
    if found < expected || version != 0 && found > expected {
        return Err(truncated(expected));
    }
    let message = usize::try_from(message).ok().and_then(|n| rest.get(..n)).unwrap_or(rest);
    let genuine = match version {
        0 => bytes.get(16..32) == Some(Md5::digest(rest).as_slice()),
        1 => u32_at(bytes, 12) == Some(crc32fast::hash(rest)),
        2 => number(12) == xxhash_rust::xxh3::xxh3_64(rest),
        // Newer compilers give the message a checksum of its own; the rest is then checked by the chip.
        _ => match number(40) {
            0 => number(12) == xxhash_rust::xxh3::xxh3_64(rest),
            own => own == xxhash_rust::xxh3::xxh3_64(message),
        },
    };
    if !genuine {
        return Err(HefError::Damaged);
    }
    let (architecture, compiler) = header_of(message).ok_or(HefError::Headless)?;
    Ok(Container { version, target: Target::from_number(architecture), compiler, bytes: found })
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at + 8)?.try_into().ok().map(u64::from_be_bytes)
}

/// Chip and compiler out of the message's first field; a chip of number 0 is left out by those who write it.
fn header_of(message: &[u8]) -> Option<(u64, Option<String>)> {
    let mut fields = Fields(message);
    let header = loop {
        if let (1, Value::Bytes(bytes)) = fields.next()? {
            break bytes;
        }
    };
    let (mut architecture, mut compiler) = (0, None);
    let mut fields = Fields(header);
    while !fields.0.is_empty() {
        match fields.next()? {
            (1, Value::Number(number)) => architecture = number,
            (3, Value::Bytes(text)) => {
                let text: String = String::from_utf8_lossy(text).chars().take(40).collect();
                compiler = Some(text.chars().filter(|c| !c.is_control()).collect());
            }
            _ => {}
        }
    }
    Some((architecture, compiler))
}

/// The fields of a protobuf message, one after the other; `None` at its end and where it makes no sense.
struct Fields<'a>(&'a [u8]);

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Fields<'a> {
    fn next(&mut self) -> Option<(u64, Value<'a>)> {
        let key = self.number()?;
        let value = match key & 7 {
            0 => Value::Number(self.number()?),
            1 => Value::Bytes(self.bytes(8)?),
            2 => {
                let length = self.number()?;
                Value::Bytes(self.bytes(usize::try_from(length).ok()?)?)
            }
            5 => Value::Bytes(self.bytes(4)?),
            _ => return None,
        };
        Some((key >> 3, value))
    }

    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, left) = self.0.split_at_checked(count)?;
        self.0 = left;
        Some(taken)
    }

    /// Seven bits a byte, the lowest first; at most ten bytes.
    fn number(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let [byte] = *self.bytes(1)? else { return None };
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A container of our own: a message that names the chip and the compiler, and something behind it.
    fn container(version: u32, architecture: u8, behind: &[u8]) -> Vec<u8> {
        let header = [&[0x08, architecture, 0x1a, 6][..], b"3.33.0"].concat();
        let message = [&[0x0a, header.len() as u8][..], &header].concat();
        let rest = [&message[..], behind].concat();
        let length = (message.len() as u32).to_be_bytes();
        let behind = (behind.len() as u64).to_be_bytes();
        let xxh = xxhash_rust::xxh3::xxh3_64(&rest).to_be_bytes();
        let own: Vec<u8> = match version {
            0 => [&[0; 4][..], Md5::digest(&rest).as_slice()].concat(),
            1 => [&crc32fast::hash(&rest).to_be_bytes()[..], &behind, &[0; 4]].concat(),
            2 => [&xxh[..], &behind, &[0; 16]].concat(),
            _ => [&xxh[..], &behind, &[0; 4], &[0; 8], &[0; 16]].concat(),
        };
        [&MAGIC[..], &version.to_be_bytes(), &length, &own, &rest].concat()
    }

    #[test]
    fn every_version_of_the_container_tells_its_chip_and_its_compiler() {
        for version in 0..=3 {
            let told = vet(&container(version, 3, b"weights")).unwrap();
            assert_eq!((told.version, told.target), (version, Target::Hailo8L));
            assert_eq!(told.compiler.as_deref(), Some("3.33.0"));
        }
        for (number, target) in [(0, Target::Hailo8), (2, Target::Hailo8), (103, Target::Hailo10H)] {
            assert_eq!(vet(&container(1, number, b"")).unwrap().target, target);
        }
    }

    #[test]
    fn a_checksum_of_the_message_alone_is_taken_where_there_is_one() {
        let mut bytes = container(3, 1, b"weights");
        let length = u32_at(&bytes, 8).unwrap() as usize;
        let own = xxhash_rust::xxh3::xxh3_64(&bytes[56..56 + length]).to_be_bytes();
        bytes[40..48].copy_from_slice(&own);
        bytes[12] ^= 1;
        assert!(vet(&bytes).is_ok());
        bytes[57] ^= 1;
        assert_eq!(vet(&bytes), Err(HefError::Damaged));
    }

    #[test]
    fn what_the_library_would_choke_on_is_refused_with_its_reason() {
        let whole = container(1, 1, b"weights");
        let cut = whole.len() as u64;
        assert_eq!(vet(&whole[..40]), Err(HefError::Truncated { expected: cut, found: 40 }));
        assert_eq!(vet(&whole[..9]), Err(HefError::Truncated { expected: 12, found: 9 }));
        let mut longer = whole.clone();
        longer.push(0);
        assert_eq!(vet(&longer), Err(HefError::Truncated { expected: cut, found: cut + 1 }));
        let mut flipped = whole;
        flipped[45] ^= 0x10;
        assert_eq!(vet(&flipped), Err(HefError::Damaged));
        assert_eq!(vet(b""), Err(HefError::Empty));
        assert_eq!(vet(b"PK\x03\x04 a zip"), Err(HefError::NoHef));
        assert_eq!(vet(&container(7, 1, b"")), Err(HefError::Version(7)));
        let lost = vet_file(Path::new("/nowhere/x.hef")).unwrap_err();
        assert!(matches!(&lost, HefError::Unreadable(why) if why.contains("No such file")), "{lost}");
    }

    #[test]
    fn a_file_goes_to_no_chip_it_was_not_compiled_for() {
        use device_architecture as chip;
        let fit = |number, chip| vet(&container(1, number, b"")).unwrap().fitness(chip);
        assert_eq!(fit(1, chip::HAILO8), Fitness::Made);
        assert_eq!(fit(3, chip::HAILO8), Fitness::Slower);
        assert_eq!(fit(3, chip::HAILO8L), Fitness::Made);
        for (number, chip) in
            [(1, chip::HAILO8L), (103, chip::HAILO8), (1, chip::HAILO10H), (99, chip::HAILO8)]
        {
            assert_eq!(fit(number, chip), Fitness::No, "{number} {chip}");
        }
        let error = vet_for(&vet(&container(1, 1, b"")).unwrap(), chip::HAILO8L).unwrap_err().to_string();
        assert!(error.contains("for a Hailo-8,") && error.contains("hailo8l"), "{error}");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = vet(&bytes);
            let _ = header_of(&bytes);
        }

        #[test]
        fn a_damaged_container_is_never_taken_for_a_whole_one(
            version in 0u32..=3, at in 12usize..70, bit in 0u32..8, cut in 0usize..70,
        ) {
            let whole = container(version, 1, b"weights and more weights");
            let mut damaged = whole.clone();
            // Reserved bytes of the header mean nothing.
            let meaningless = match version { 0 => 12..16, 1 => 24..28, 2 => 28..44, _ => 28..56 };
            if at < damaged.len() && !meaningless.contains(&at) {
                damaged[at] ^= 1 << bit;
                prop_assert!(vet(&damaged).is_err());
            }
            prop_assert!(vet(&whole[..cut.min(whole.len() - 1)]).is_err());
        }

        #[test]
        fn headers_of_any_content_are_bounded(head in prop::collection::vec(any::<u8>(), 8..60), version in 0u32..=3) {
            let bytes = [&MAGIC[..], &version.to_be_bytes(), &head].concat();
            let _ = vet(&bytes);
        }
    }
}
