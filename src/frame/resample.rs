//! Planes to other sizes with an antialiased triangle filter, without new memory from call to call.
//!
//! First down the columns, then along the rows, both in whole numbers: weights are 256ths, so that sums of bytes fill
//! 16 bits and several fit into one register; along the rows a word holds a pixel's channels side by side. What a plane means, luma or colour, is `scale`'s business.

use multiversion::multiversion;

use super::{planes::View, scale::Area};
use crate::geometry::Size;

/// The weights of one drawn pixel add up to this: bytes times weights fill 16 bits and never more.
const WHOLE: u16 = 256;
/// Half a step in each of the four 16-bit lanes of a word, so that cutting off rounds.
const HALF: u64 = 0x0080_0080_0080_0080;
const LANES: usize = 4;
/// Bytes summed at a time.
const BLOCK: usize = 32;

/// Changes the size of planes; keeps its working memory.
#[derive(Debug, Default)]
pub(super) struct Resize {
    rows: Taps,
    columns: Taps,
    sums: Vec<u16>,
    /// The columns' sums of one drawn row as bytes, and zeros behind them for what is read beyond.
    line: Vec<Sum>,
}

/// A byte's worth in 16 bits, least first: four of them are read as one word.
type Sum = [u8; 2];

impl Resize {
    /// Draws `area` of the plane as `size` pixels, rows without gaps. Beyond the plane its outermost pixels repeat.
    pub(super) fn draw(&mut self, view: &View<'_>, area: Area, size: Size, out: &mut [u8]) {
        self.rows.set(area.y, area.height, size.height, view.height);
        self.columns.set(area.x, area.width, size.width, view.width);
        let (left, right) = self.columns.reach();
        let pixel = view.pixel;
        let (from, to) = (left as usize * pixel, right as usize * pixel);
        self.line.clear();
        self.line.resize(to - from + self.columns.count * pixel + LANES, [0; 2]);
        self.sums.resize(to - from, 0);
        for (y, drawn) in (0..).zip(out.chunks_exact_mut(size.width as usize * pixel)) {
            let (top, weights) = self.rows.of(y);
            self.sums.fill(WHOLE / 2);
            for (row, weight) in (top..view.height).zip(weights) {
                add_row(&mut self.sums, view.row(row).get(from..to).unwrap_or_default(), *weight);
            }
            settle(&self.sums, &mut self.line);
            match pixel {
                1 => along::<1>(&self.columns, left, &self.line, drawn),
                2 => along::<2>(&self.columns, left, &self.line, drawn),
                _ => along::<3>(&self.columns, left, &self.line, drawn),
            }
        }
    }
}

/// Adds a row's share to the sums. In blocks of a fixed length, because the compiler turns those into wide registers;
/// nothing can overflow, and saying so lets it.
#[multiversion(targets("x86_64+avx+avx2+bmi1+bmi2+fma"))]
fn add_row(sums: &mut [u16], row: &[u8], weight: u16) {
    let (blocks, rest) = sums.as_chunks_mut::<BLOCK>();
    let (from, last) = row.as_chunks::<BLOCK>();
    for (sums, bytes) in blocks.iter_mut().zip(from) {
        for x in 0..BLOCK {
            sums[x] = sums[x].wrapping_add(weight.wrapping_mul(bytes[x] as u16));
        }
    }
    for (sum, byte) in rest.iter_mut().zip(last) {
        *sum = sum.wrapping_add(weight.wrapping_mul(u16::from(*byte)));
    }
}

/// From sums of 256ths to bytes.
#[multiversion(targets("x86_64+avx+avx2+bmi1+bmi2+fma"))]
fn settle(sums: &[u16], line: &mut [Sum]) {
    for (to, sum) in line.iter_mut().zip(sums) {
        *to = (*sum >> 8).to_le_bytes();
    }
}

/// One drawn row out of the sums, pixels of `N` bytes.
fn along<const N: usize>(columns: &Taps, left: u32, line: &[Sum], drawn: &mut [u8]) {
    match columns.count {
        2 => along_some::<N, 2>(columns, left, line, drawn),
        3 => along_some::<N, 3>(columns, left, line, drawn),
        4 => along_some::<N, 4>(columns, left, line, drawn),
        5 => along_some::<N, 5>(columns, left, line, drawn),
        6 => along_some::<N, 6>(columns, left, line, drawn),
        7 => along_some::<N, 7>(columns, left, line, drawn),
        8 => along_some::<N, 8>(columns, left, line, drawn),
        count => {
            let (drawn, _) = drawn.as_chunks_mut::<N>();
            for ((first, weights), pixel) in columns.all().zip(drawn) {
                let from = line.get((first - left) as usize * N..).unwrap_or_default();
                *pixel = bytes(lanes::<N>(from, weights, count));
            }
        }
    }
}

fn along_some<const N: usize, const K: usize>(columns: &Taps, left: u32, line: &[Sum], drawn: &mut [u8]) {
    let (weights, _) = columns.weights.as_chunks::<K>();
    let (drawn, _) = drawn.as_chunks_mut::<N>();
    for ((first, weights), pixel) in columns.first.iter().zip(weights).zip(drawn) {
        let from = (first - left) as usize * N;
        let from = line.get(from..from + (K - 1) * N + LANES).unwrap_or_default();
        *pixel = bytes(lanes::<N>(from, weights, K));
    }
}

/// A pixel's weighted sum, its bytes in lanes of 16 bits. Lanes beyond the pixel's own bytes hold its neighbour's and
/// are not looked at.
#[inline(always)]
fn lanes<const N: usize>(from: &[Sum], weights: &[u16], count: usize) -> u64 {
    let mut lanes = HALF;
    for (i, weight) in weights.iter().enumerate().take(count) {
        let Some(own) = from.get(i * N..).and_then(<[Sum]>::first_chunk::<4>) else { break };
        let [[a, b], [c, d], [e, f], [g, h]] = *own;
        let word = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        lanes = lanes.wrapping_add(word.wrapping_mul(u64::from(*weight)));
    }
    lanes
}

#[inline(always)]
fn bytes<const N: usize>(lanes: u64) -> [u8; N] {
    std::array::from_fn(|i| (lanes >> (16 * i + 8)) as u8)
}

/// Along one side: from which source pixels each drawn pixel is made, and how much of each.
#[derive(Debug, Default)]
struct Taps {
    asked: Option<(f64, f64, u32, u32)>,
    /// Per drawn pixel, its first source pixel.
    first: Vec<u32>,
    /// Per drawn pixel as many weights; zeros where fewer are needed.
    weights: Vec<u16>,
    count: usize,
    exact: Vec<f64>,
}

impl Taps {
    /// `from` and `length` of the source, which has `limit` pixels, become `drawn` pixels.
    fn set(&mut self, from: f64, length: f64, drawn: u32, limit: u32) {
        let asked = Some((from, length, drawn, limit));
        if self.asked == asked {
            return;
        }
        self.asked = asked;
        self.first.clear();
        self.weights.clear();
        let scale = length / f64::from(drawn);
        let reach = scale.max(1.0);
        // The pixels whose middles lie within reach; at least one, the outermost where none does.
        let ends = |i: u32| {
            let middle = from + (f64::from(i) + 0.5) * scale;
            let low = ((middle - reach + 0.5).floor().max(0.0) as u32).min(limit - 1);
            let high = ((middle + reach - 0.5).ceil().max(1.0) as u32).clamp(low + 1, limit);
            (middle, low, high)
        };
        self.count = (0..drawn).map(ends).map(|(_, low, high)| (high - low) as usize).max().unwrap_or(1);
        for (middle, low, high) in (0..drawn).map(ends) {
            let far = |source: u32| (f64::from(source) + 0.5 - middle).abs() / reach;
            self.exact.clear();
            self.exact.extend((low..high).map(|source| (1.0 - far(source)).max(0.0)));
            self.first.push(low);
            self.push_rounded();
        }
    }

    /// The exact weights as 256ths that add up to the whole: what rounding leaves over goes to the next one.
    fn push_rounded(&mut self) {
        let sum: f64 = self.exact.iter().sum();
        let end = self.weights.len() + self.count;
        let (mut exact, mut given) = (0.0, 0);
        for weight in &self.exact {
            // Beyond the edge no middle lies within reach: the outermost pixel is all there is.
            exact += if sum > 0.0 { weight / sum } else { 1.0 };
            let upto = ((exact * f64::from(WHOLE)).round() as u16).min(WHOLE);
            self.weights.push(upto - given);
            given = upto;
        }
        self.weights.resize(end, 0);
    }

    fn of(&self, drawn: usize) -> (u32, &[u16]) {
        let weights = self.weights.get(drawn * self.count..(drawn + 1) * self.count);
        (self.first.get(drawn).copied().unwrap_or_default(), weights.unwrap_or_default())
    }

    fn all(&self) -> impl Iterator<Item = (u32, &[u16])> {
        self.first.iter().copied().zip(self.weights.chunks_exact(self.count.max(1)))
    }

    /// All source pixels that are touched.
    fn reach(&self) -> (u32, u32) {
        let Some((_, _, _, limit)) = self.asked else { return (0, 0) };
        let left = self.first.iter().copied().min().unwrap_or(0);
        let right = self.first.iter().copied().max().unwrap_or(0).saturating_add(self.count as u32);
        (left, right.min(limit))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn weights(from: f64, length: f64, count: u32, limit: u32) -> Vec<(u32, Vec<u16>)> {
        let mut taps = Taps::default();
        taps.set(from, length, count, limit);
        (0..count as usize).map(|i| taps.of(i)).map(|(first, weights)| (first, weights.to_vec())).collect()
    }

    #[test]
    fn the_triangle_is_as_wide_as_the_shrinking() {
        let check = |length: f64, count: u32, drawn: usize, first: u32, wanted: &[u16]| {
            let (from, mut found) = weights(0.0, length, count, length as u32)[drawn].clone();
            found.truncate(found.iter().rposition(|w| *w > 0).map_or(0, |last| last + 1));
            assert_eq!((from, found.as_slice()), (first, wanted), "{length} to {count}");
        };
        check(4.0, 4, 2, 2, &[256]);
        check(9.0, 3, 1, 2, &[28, 57, 86, 57, 28]);
        check(8.0, 4, 1, 1, &[32, 96, 96, 32]);
        check(3.0, 6, 1, 0, &[192, 64]);
        check(3.0, 6, 0, 0, &[256]);
    }

    #[test]
    fn a_part_with_fractions_lies_where_it_was_asked_for() {
        // A slope of one grey step per pixel shows the place of every drawn pixel.
        let size = Size::new(200, 3);
        let bytes: Vec<u8> = (0..3u32).flat_map(|_| 0..200u8).collect();
        let view = View::packed(&bytes, size, 1);
        let area = Area { x: 20.3, y: 0.0, width: 80.0, height: 3.0 };
        let mut out = vec![0; 40];
        Resize::default().draw(&view, area, Size::new(40, 1), &mut out);
        for (i, value) in out.iter().enumerate() {
            let wanted = 20.3 + (i as f64 + 0.5) * 2.0 - 0.5;
            assert!((f64::from(*value) - wanted).abs() < 1.0, "{i}: {value}, not {wanted}");
        }
    }

    proptest! {
        #[test]
        fn weights_add_up_to_the_whole_and_stay_inside(
            from in -20.0f64..60.0, length in 0.01f64..300.0, count in 1u32..80, limit in 1u32..70,
        ) {
            for (first, weights) in weights(from, length, count, limit) {
                prop_assert_eq!(weights.iter().map(|w| u32::from(*w)).sum::<u32>(), 256);
                let used = weights.iter().rposition(|w| *w > 0).map_or(0, |last| last + 1);
                prop_assert!(first + used as u32 <= limit);
            }
        }

        #[test]
        fn channels_do_not_mix(a: u8, b: u8, c: u8, w in 1u32..20, h in 1u32..20, tw in 1u32..20, th in 1u32..20) {
            for (pixel, colour) in [(3usize, vec![a, b, c]), (2, vec![a, b]), (1, vec![a])] {
                let size = Size::new(w, h);
                let bytes = colour.repeat(size.area() as usize);
                let mut out = vec![0; (tw * th) as usize * pixel];
                let to = Size::new(tw, th);
                Resize::default().draw(&View::packed(&bytes, size, pixel), Area::whole(size), to, &mut out);
                prop_assert!(out.chunks_exact(pixel).all(|p| p == colour), "{:?} became {:?}", colour, out);
            }
        }
    }
}
