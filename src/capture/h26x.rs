//! H.264 and H.265 packets to pictures by libavcodec, one thread, as soon as they are complete.
//!
//! Takes Annex B packets with their parameter sets inside, so a stream may change its size whenever it likes.

use ffmpeg_next::{
    self as av, Dictionary, Packet,
    codec::{Context, Id, decoder},
    frame::Video,
};

use super::{Fault, av as pictures};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    H264,
    H265,
}

pub(super) struct H26x {
    decoder: decoder::Video,
    picture: Video,
}

impl H26x {
    pub(super) fn open(codec: Codec, max_pixels: u64) -> Result<Self, Fault> {
        pictures::prepare();
        let id = match codec {
            Codec::H264 => Id::H264,
            Codec::H265 => Id::HEVC,
        };
        let found = av::decoder::find(id).ok_or_else(|| pictures::fault(av::Error::DecoderNotFound))?;
        let mut options = Dictionary::new();
        // More threads would mean more latency, and the other cores have plates to read.
        options.set("threads", "1");
        options.set("max_pixels", &max_pixels.to_string());
        let opened =
            Context::new_with_codec(found).decoder().open_as_with(found, options).map_err(pictures::fault)?;
        Ok(Self { decoder: opened.video().map_err(pictures::fault)?, picture: Video::empty() })
    }

    /// Takes one access unit; false if it is not decodable.
    pub(super) fn send(&mut self, packet: &[u8], stamp: i64) -> bool {
        if packet.is_empty() {
            return false;
        }
        // Copied: the library reads a few bytes beyond the end.
        let mut packet = Packet::copy(packet);
        packet.set_pts(Some(stamp));
        self.decoder.send_packet(&packet).is_ok()
    }

    /// The next finished picture with its stamp, if there is one.
    pub(super) fn picture(&mut self) -> Option<(&Video, i64)> {
        self.decoder.receive_frame(&mut self.picture).ok()?;
        let stamp = self.picture.timestamp().unwrap_or_default();
        Some((&self.picture, stamp))
    }
}

impl H26x {
    /// What is known of the stream, for whoever writes it into a file.
    pub(super) fn context(&self) -> &Context {
        &self.decoder
    }
}

/// What follows builds on nothing before it (ITU-T H.265, 7.3.2.6): the decoder counts pictures from here, and leaves those
/// out that are shown before the next key frame.
pub(super) const END_OF_SEQUENCE: [u8; 6] = [0, 0, 0, 1, 0x48, 1];

/// What a unit of H.265 is to the others, by the kind of its first slice (ITU-T H.265, table 7-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Role {
    /// Decoding can begin here (16 to 23). Not every encoder makes IDR pictures of its key frames (19 and 20): most make
    /// CRA pictures (21) as well, and some nothing else.
    pub key: bool,
    /// It comes after a key frame, is shown before it, and builds on what came before both (8 and 9).
    pub leading: bool,
    /// No other picture needs it: none of its own sub-layer refers to its kind (even numbers up to 14), and there is no
    /// higher sub-layer.
    pub unneeded: bool,
}

/// The role of a unit of H.265. `highest` learns which sub-layers there are.
pub(super) fn role(unit: &[u8], highest: &mut u8) -> Role {
    let headers = unit.windows(5).filter(|w| w.starts_with(&[0, 0, 1])).map(|w| (w[3], w[4]));
    let slice = headers.map(|(first, second)| (first >> 1 & 0x3f, second & 7)).find(|(kind, _)| *kind < 32);
    let Some((kind, layer)) = slice else { return Role::default() };
    *highest = (*highest).max(layer);
    Role {
        key: (16..=23).contains(&kind),
        leading: matches!(kind, 8 | 9),
        unneeded: kind <= 14 && kind % 2 == 0 && layer == *highest,
    }
}

/// The decoder had to invent parts of the picture.
pub(super) fn is_damaged(picture: &Video) -> bool {
    picture.is_corrupt() || picture.has_decode_errors()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;
    use crate::{capture::av::Copied, frame::Pool};

    fn encoded(codec: &str) -> Vec<u8> {
        let arguments = format!(
            "-v error -nostdin -f lavfi -i testsrc2=size=96x64:rate=25 -frames:v 10 -pix_fmt yuv420p {codec} -"
        );
        let output = Command::new("ffmpeg").args(arguments.split_whitespace()).output();
        output.expect("these tests need ffmpeg: apt-get install ffmpeg").stdout
    }

    /// Cuts a stream before each access unit, which the encoder begins with a delimiter.
    fn units(stream: &[u8], delimiter: &[u8]) -> Vec<Vec<u8>> {
        let starts: Vec<usize> = stream
            .windows(delimiter.len())
            .enumerate()
            .filter(|(_, w)| *w == delimiter)
            .map(|(at, _)| at)
            .collect();
        let ends = starts.iter().skip(1).copied().chain([stream.len()]);
        starts.iter().zip(ends).map(|(from, to)| stream[*from..to].to_vec()).collect()
    }

    fn h264() -> Vec<Vec<u8>> {
        units(&encoded("-c:v libx264 -bf 0 -x264-params aud=1 -f h264"), &[0, 0, 0, 1, 9])
    }

    fn h265() -> Vec<Vec<u8>> {
        let encoder = "-c:v libx265 -x265-params aud=1:bframes=0:repeat-headers=1:log-level=none -f hevc";
        units(&encoded(encoder), &[0, 0, 0, 1, 0x46, 1])
    }

    fn stamps(codec: Codec, units: &[Vec<u8>]) -> Vec<i64> {
        let mut decoder = H26x::open(codec, 1_000_000).unwrap();
        let mut stamps = Vec::new();
        for (unit, n) in units.iter().zip(0..) {
            assert!(decoder.send(unit, n * 3600), "unit {n}");
            while let Some((picture, stamp)) = decoder.picture() {
                assert!(!is_damaged(picture));
                assert!(matches!(pictures::copy(picture, &Pool::new(1)), Ok(Copied::Picture(..))));
                stamps.push(stamp);
            }
        }
        stamps
    }

    #[test]
    fn every_packet_gives_its_picture_at_once() {
        let units = h264();
        assert_eq!(stamps(Codec::H264, &units), (0..10).map(|n| n * 3600).collect::<Vec<_>>());
        assert_eq!(stamps(Codec::H265, &h265()), (0..10).map(|n| n * 3600).collect::<Vec<_>>());
    }

    #[test]
    fn what_a_picture_of_h265_is_to_the_others_is_known_by_its_kind() {
        let mut highest = 0;
        let mut of = |kind: u8, layer: u8| role(&[0, 0, 0, 1, kind << 1, layer, 9], &mut highest);
        let (key, leading) = (of(21, 1), of(9, 1));
        assert!(key.key && !key.leading && leading.leading && !leading.key, "CRA, RASL_R");
        assert!(
            of(19, 1).key && of(16, 1).key && !of(1, 1).key && !of(33, 1).key,
            "IDR, BLA, TRAIL_R, parameters"
        );
        let mut unneeded = |kind: u8, layer: u8| of(kind, layer).unneeded;
        assert!(unneeded(0, 1) && unneeded(8, 1), "TRAIL_N, RASL_N");
        assert!(!unneeded(1, 1) && !unneeded(19, 1) && !unneeded(33, 1), "TRAIL_R, IDR, parameters");
        assert!(unneeded(0, 2) && !unneeded(0, 1), "a higher layer may need it");
        assert_eq!(role(&[0, 0, 1], &mut 0), Role::default());
        let encoder = "-c:v libx265 -x265-params aud=1:bframes=2:b-adapt=0:b-pyramid=0:repeat-headers=1:log-level=none -f hevc";
        let units = self::units(&encoded(encoder), &[0, 0, 0, 1, 0x46, 1]);
        let count = units.iter().filter(|unit| role(unit, &mut 0).unneeded).count();
        assert!((4..=8).contains(&count) && units.len() == 10, "{count} of {}", units.len());
    }

    #[test]
    fn a_picture_larger_than_allowed_is_not_decoded() {
        let mut decoder = H26x::open(Codec::H264, 96 * 64 - 1).unwrap();
        for unit in h264() {
            decoder.send(&unit, 0);
            assert!(decoder.picture().is_none());
        }
    }

    #[test]
    fn noise_never_panics() {
        for (codec, units) in [(Codec::H264, h264()), (Codec::H265, h265())] {
            take_noise(codec, &units);
        }
    }

    fn take_noise(codec: Codec, units: &[Vec<u8>]) {
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(40));
        let flips = prop::collection::vec((0usize..10, any::<prop::sample::Index>(), any::<u8>()), 1..30);
        let result = runner.run(&flips, |flips| {
            let mut units = units.to_vec();
            for (unit, place, value) in flips {
                if let Some(unit) = units.get_mut(unit) {
                    let at = place.index(unit.len());
                    unit[at] = value;
                }
            }
            let mut decoder = H26x::open(codec, 1_000_000).unwrap();
            for unit in &units {
                role(unit, &mut 0);
                decoder.send(unit, 0);
                while let Some((picture, _)) = decoder.picture() {
                    let _ = pictures::copy(picture, &Pool::new(1));
                }
            }
            Ok(())
        });
        result.unwrap();
    }
}
