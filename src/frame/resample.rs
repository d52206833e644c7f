//! Planes to other sizes with an antialiased triangle filter, without new memory from call to call.
//!
//! First down the columns, then along the rows, both in whole numbers: weights are 256ths, so that sums of bytes fill
//! 16 bits and several fit into one register; along the rows a word holds a pixel's channels side by side. Colour that
//! shrinks to half or less is averaged in twos on the way, as luma is on its way to the size of its chroma: half the
//! products. What a plane means, luma or colour, is `scale`'s business.

use multiversion::multiversion;

use super::{planes::View, scale::Area};
use crate::geometry::Size;

/// The weights of one drawn pixel add up to this: bytes times weights fill 16 bits and never more.
const WHOLE: u16 = 256;
/// Half a step in each of the four 16-bit lanes of a word, so that cutting off rounds.
const HALF: u64 = 0x0080_0080_0080_0080;
const LANES: usize = 4;
/// Colour that shrinks this much is averaged in twos first.
const MUCH: f64 = 3.0;
/// What the mean of two adds to the filter's width, squared, in means: a triangle narrower by that makes up for it.
const MEAN: f64 = 0.375;
/// Rows added to the sums in one go.
const ROWS: usize = 4;

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

/// `S` source rows of equal worth, and what they weigh together.
type Share<'a, const S: usize> = ([&'a [u8]; S], u16);

impl Resize {
    /// Draws `area` of the plane as `size` pixels, rows without gaps. Beyond the plane its outermost pixels repeat.
    pub(super) fn draw(&mut self, view: &View<'_>, area: Area, size: Size, out: &mut [u8]) {
        match view.pixel {
            1 => self.draw_by::<1, 1>(view, area, size, out),
            2 => self.draw_by::<2, 1>(view, area, size, out),
            _ => self.draw_by::<3, 1>(view, area, size, out),
        }
    }

    /// The same for pixels of three bytes, faster where they shrink to a third or less.
    pub(super) fn draw_colour(&mut self, view: &View<'_>, area: Area, size: Size, out: &mut [u8]) {
        let even = view.width.is_multiple_of(2) && view.height.is_multiple_of(2);
        match view.pixel {
            3 if even && area.is_times(MUCH, size) => self.draw_by::<3, 2>(view, area.halved(), size, out),
            _ => self.draw(view, area, size, out),
        }
    }

    /// Pixels of `N` bytes, of which `S` by `S` count as one: `area` is in those.
    fn draw_by<const N: usize, const S: usize>(
        &mut self,
        view: &View<'_>,
        area: Area,
        size: Size,
        out: &mut [u8],
    ) {
        let (width, height) = (view.width / S as u32, view.height / S as u32);
        self.rows.set(area.y, area.height, size.height, height, area.halved);
        self.columns.set(area.x, area.width, size.width, width, area.halved);
        let (left, right) = self.columns.reach();
        let (from, to) = (left as usize * N * S, right as usize * N * S);
        self.line.clear();
        self.line.resize(to - from + self.columns.count * N * S + LANES, [0; 2]);
        self.sums.resize(to - from, 0);
        for (y, drawn) in (0..).zip(out.chunks_exact_mut(size.width as usize * N)) {
            let (top, weights) = self.rows.of(y);
            self.sums.fill(WHOLE / 2);
            let mut shares = (top..height).zip(weights).map(|(row, weight)| {
                let row = |i| view.row(row * S as u32 + i as u32).get(from..to).unwrap_or_default();
                (std::array::from_fn(row), *weight)
            });
            while let Some(first) = shares.next() {
                let mut rows: [Share<'_, S>; ROWS] = [first; ROWS];
                let more = rows.iter_mut().skip(1).zip(&mut shares).map(|(row, share)| *row = share).count();
                add_rows(&mut self.sums, &rows[..=more]);
            }
            settle::<S>(&self.sums, N, &mut self.line);
            along::<N, S>(&self.columns, left, &self.line, drawn);
        }
    }
}

/// Adds the rows' shares to the sums. Several rows at once, because reading and writing the sums costs as much as a
/// row; nothing can overflow, and saying so lets the compiler use wide registers.
#[multiversion(targets("x86_64+avx+avx2+bmi1+bmi2+fma"))]
fn add_rows<const S: usize>(sums: &mut [u16], rows: &[Share<'_, S>]) {
    match rows {
        [a, b, c, d] => add_some(sums, [a, b, c, d]),
        [a, b, c] => add_some(sums, [a, b, c]),
        [a, b] => add_some(sums, [a, b]),
        rows => rows.iter().for_each(|row| add_some(sums, [row])),
    }
}

#[inline(always)]
fn add_some<const R: usize, const S: usize>(sums: &mut [u16], rows: [&Share<'_, S>; R]) {
    let long = rows.iter().flat_map(|(rows, _)| rows).map(|row| row.len()).fold(sums.len(), usize::min);
    let bytes: [[&[u8]; S]; R] = rows.map(|(rows, _)| rows.map(|row| &row[..long]));
    let weights: [u16; R] = rows.map(|(_, weight)| *weight);
    for (x, sum) in sums[..long].iter_mut().enumerate() {
        for r in 0..R {
            let byte = match S {
                1 => bytes[r][0][x],
                _ => average(bytes[r][0][x], bytes[r][1][x]),
            };
            *sum = sum.wrapping_add(weights[r].wrapping_mul(u16::from(byte)));
        }
    }
}

#[inline(always)]
fn average(a: u8, b: u8) -> u8 {
    ((u16::from(a) + u16::from(b) + 1) >> 1) as u8
}

/// From sums of 256ths to bytes; where two pixels of `bytes` bytes count as one, each to the average with the next.
#[multiversion(targets("x86_64+avx+avx2+bmi1+bmi2+fma"))]
fn settle<const S: usize>(sums: &[u16], bytes: usize, line: &mut [Sum]) {
    if S == 1 {
        for (to, sum) in line.iter_mut().zip(sums) {
            *to = (*sum >> 8).to_le_bytes();
        }
        return;
    }
    for ((to, sum), next) in line.iter_mut().zip(sums).zip(sums.get(bytes..).unwrap_or_default()) {
        *to = (((*sum >> 1) + (*next >> 1)) >> 8).to_le_bytes();
    }
}

/// One drawn row out of the sums, pixels of `N` bytes.
fn along<const N: usize, const S: usize>(columns: &Taps, left: u32, line: &[Sum], drawn: &mut [u8]) {
    match columns.count {
        2 => along_some::<N, S, 2>(columns, left, line, drawn),
        3 => along_some::<N, S, 3>(columns, left, line, drawn),
        4 => along_some::<N, S, 4>(columns, left, line, drawn),
        5 => along_some::<N, S, 5>(columns, left, line, drawn),
        6 => along_some::<N, S, 6>(columns, left, line, drawn),
        7 => along_some::<N, S, 7>(columns, left, line, drawn),
        8 => along_some::<N, S, 8>(columns, left, line, drawn),
        count => {
            let (drawn, _) = drawn.as_chunks_mut::<N>();
            for ((first, weights), pixel) in columns.all().zip(drawn) {
                let from = line.get((first - left) as usize * N * S..).unwrap_or_default();
                *pixel = bytes(lanes::<N, S>(from, weights, count));
            }
        }
    }
}

fn along_some<const N: usize, const S: usize, const K: usize>(
    columns: &Taps,
    left: u32,
    line: &[Sum],
    drawn: &mut [u8],
) {
    let (weights, _) = columns.weights.as_chunks::<K>();
    let (drawn, _) = drawn.as_chunks_mut::<N>();
    for ((first, weights), pixel) in columns.first.iter().zip(weights).zip(drawn) {
        let from = (first - left) as usize * N * S;
        let from = line.get(from..from + (K - 1) * N * S + LANES).unwrap_or_default();
        *pixel = bytes(lanes::<N, S>(from, weights, K));
    }
}

/// A pixel's weighted sum, its bytes in lanes of 16 bits. Lanes beyond the pixel's own bytes hold its neighbour's and
/// are not looked at.
#[inline(always)]
fn lanes<const N: usize, const S: usize>(from: &[Sum], weights: &[u16], count: usize) -> u64 {
    let mut lanes = HALF;
    for (i, weight) in weights.iter().enumerate().take(count) {
        let Some(own) = from.get(i * N * S..).and_then(<[Sum]>::first_chunk::<4>) else { break };
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
    asked: Option<(f64, f64, u32, u32, bool)>,
    /// Per drawn pixel, its first source pixel.
    first: Vec<u32>,
    /// Per drawn pixel as many weights; zeros where fewer are needed.
    weights: Vec<u16>,
    count: usize,
    exact: Vec<f64>,
}

impl Taps {
    /// `from` and `length` of the source, which has `limit` pixels, become `drawn` pixels.
    /// `halved`: the source pixels are means of two.
    fn set(&mut self, from: f64, length: f64, drawn: u32, limit: u32, halved: bool) {
        let asked = Some((from, length, drawn, limit, halved));
        if self.asked == asked {
            return;
        }
        self.asked = asked;
        self.first.clear();
        self.weights.clear();
        let scale = length / f64::from(drawn);
        let reach = if halved { (scale * scale - MEAN).max(0.0).sqrt().max(0.75) } else { scale.max(1.0) };
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
        let Some((_, _, _, limit, _)) = self.asked else { return (0, 0) };
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
        taps.set(from, length, count, limit, false);
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
        let area = Area { x: 20.3, y: 0.0, width: 80.0, height: 3.0, halved: false };
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
