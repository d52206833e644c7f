//! Several readers in order of preference: where one fails, the next one reads.
//!
//! A reader that failed rests for a number of reads that doubles with every further failure, so that a broken
//! one costs little and a recovered one comes back by itself. Failures are counted and logged once each time
//! a reader goes down.

use tracing::{info, warn};

use super::{PlateRead, ReadError, Reader};
use crate::{detect::Detection, frame::Frame, infer::EngineKind};

/// Longest rest of a failed reader, in reads.
const LONGEST_REST: u64 = 1024;

/// Readers in order of preference.
#[derive(Debug)]
pub struct Fallback {
    first: Rung,
    others: Vec<Rung>,
}

/// One reader and how it is doing.
#[derive(Debug)]
struct Rung {
    reader: Box<dyn Reader>,
    failures: u64,
    /// Failures since it last worked.
    in_a_row: u32,
    /// Reads it is left alone for.
    rest: u64,
}

impl Rung {
    fn new(reader: Box<dyn Reader>) -> Self {
        Self { reader, failures: 0, in_a_row: 0, rest: 0 }
    }

    /// Reads, and remembers how that went.
    fn read(&mut self, frame: &Frame, detection: &Detection) -> Result<Option<PlateRead>, ReadError> {
        let outcome = self.reader.read(frame, detection);
        let (engine, model) = (self.reader.engine().as_str(), self.reader.model());
        match &outcome {
            Ok(_) if self.in_a_row > 0 => {
                info!(engine, model, failures = self.failures, "reader works again");
                self.in_a_row = 0;
            }
            Ok(_) => {}
            Err(error) => {
                if self.in_a_row == 0 {
                    warn!(engine, model, %error, "reader failed, using the next one");
                }
                self.failures += 1;
                self.rest = (1u64 << self.in_a_row.min(10)).min(LONGEST_REST);
                self.in_a_row = self.in_a_row.saturating_add(1);
            }
        }
        outcome
    }
}

impl Fallback {
    /// The preferred reader and those that stand in for it, in order.
    pub fn new(first: Box<dyn Reader>, others: Vec<Box<dyn Reader>>) -> Self {
        Self { first: Rung::new(first), others: others.into_iter().map(Rung::new).collect() }
    }

    /// How often each reader failed so far, in order of preference.
    pub fn failures(&self) -> Vec<(EngineKind, u64)> {
        self.rungs().map(|r| (r.reader.engine(), r.failures)).collect()
    }

    fn rungs(&self) -> impl Iterator<Item = &Rung> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The one that would be asked next.
    fn current(&self) -> &Rung {
        self.rungs().find(|r| r.rest == 0 && r.reader.is_available()).unwrap_or(&self.first)
    }
}

impl Reader for Fallback {
    /// Of the reader that would be asked next; a read itself says which one made it.
    fn engine(&self) -> EngineKind {
        self.current().reader.engine()
    }

    fn model(&self) -> &str {
        self.current().reader.model()
    }

    fn read(&mut self, frame: &Frame, detection: &Detection) -> Result<Option<PlateRead>, ReadError> {
        let mut failed = None;
        let mut resting = Vec::new();
        for rung in std::iter::once(&mut self.first).chain(&mut self.others) {
            let is_available = rung.reader.is_available();
            if rung.rest > 0 || !is_available {
                // One that is down comes back by itself: its rest is not for that.
                rung.rest -= u64::from(rung.rest > 0 && is_available);
                resting.push(rung);
                continue;
            }
            match rung.read(frame, detection) {
                Ok(read) => return Ok(read),
                Err(error) => failed = Some(error),
            }
        }
        // A plate is not passed by while anybody might read it.
        for rung in resting {
            match rung.read(frame, detection) {
                Ok(read) => return Ok(read),
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(None), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        geometry::{Rect, Size},
        infer::InferError,
        plate::{Confidence, PlateText},
        read::Quality,
    };

    /// Fails at the reads named, else reads its own name.
    #[derive(Debug)]
    struct Scripted {
        text: &'static str,
        fails: std::ops::Range<usize>,
        asked: usize,
    }

    impl Reader for Scripted {
        fn engine(&self) -> EngineKind {
            EngineKind::Cpu
        }

        fn model(&self) -> &str {
            self.text
        }

        fn read(&mut self, _: &Frame, detection: &Detection) -> Result<Option<PlateRead>, ReadError> {
            self.asked += 1;
            if self.fails.contains(&(self.asked - 1)) {
                let (model, reason) = (self.text.into(), "unplugged".into());
                return Err(InferError::Engine { model, engine: EngineKind::Cpu, reason }.into());
            }
            Ok(Some(PlateRead {
                text: PlateText::normalise(self.text).unwrap(),
                confidence: detection.confidence,
                chars: Vec::new(),
                quality: Quality::default(),
                engine: EngineKind::Cpu,
                model: self.text.into(),
                took: std::time::Duration::ZERO,
            }))
        }
    }

    fn texts(readers: &[(&'static str, std::ops::Range<usize>)], reads: usize) -> (String, Vec<u64>) {
        let mut made = readers.iter().map(|(text, fails)| {
            Box::new(Scripted { text, fails: fails.clone(), asked: 0 }) as Box<dyn Reader>
        });
        let mut fallback = Fallback::new(made.next().unwrap(), made.collect());
        let frame =
            crate::frame::test_frames::frame_of(crate::frame::PixelFormat::Gray8, Size::new(8, 8), |_, _| {
                [0; 3]
            });
        let area = Rect::new(1.0, 1.0, 4.0, 2.0);
        let detection =
            Detection { area, corners: area.into(), has_corners: false, confidence: Confidence::FULL };
        let said = (0..reads).map(|_| match fallback.read(&frame, &detection) {
            Ok(Some(read)) => read.text.as_str().to_owned(),
            Ok(None) => "-".to_owned(),
            Err(_) => "!".to_owned(),
        });
        let said = said.collect();
        (said, fallback.failures().into_iter().map(|f| f.1).collect())
    }

    #[test]
    fn the_next_reader_reads_while_a_failed_one_rests_and_the_first_comes_back() {
        // A fails at its first two tries: rests for one read, then for two.
        assert_eq!(texts(&[("A", 0..2), ("B", 0..0)], 8), ("BBBBBAAA".into(), vec![2, 0]));
        assert_eq!(texts(&[("A", 0..0), ("B", 0..0)], 3), ("AAA".into(), vec![0, 0]));
    }

    #[test]
    fn when_all_fail_it_is_an_error_and_somebody_is_always_asked() {
        assert_eq!(texts(&[("A", 0..99)], 6), ("!!!!!!".into(), vec![6]));
        assert_eq!(texts(&[("A", 0..3)], 6), ("!!!AAA".into(), vec![3]));
        assert_eq!(texts(&[("A", 0..99), ("B", 0..1)], 4).0, "!BBB");
    }
}
