//! From the bytes of an output stream to the tensor that a description speaks of.
//!
//! Pure arithmetic over bytes that come from outside: lengths, counts and numbers are checked, nothing is believed.
//! Which boxes are plates and what a text says is decided by `detect` and `read`.

use super::device::{Carried, StreamInfo};
use crate::infer::{
    Tensor,
    description::{Description, OutputLayout},
};

/// Numbers of a box in the tensor of boxes: left, top, right, bottom (fractions of the picture), score, class.
const BOX: usize = 6;
/// A result has no more bytes than this.
const LARGEST: usize = 64 << 20;

/// How a number is kept in a stream's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    U8,
    U16,
    F32,
}

/// One output stream, understood.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Form {
    pub(super) name: String,
    pub(super) frame_size: usize,
    carried: Carried,
    element: Element,
    scale: f32,
    zero_point: f32,
}

impl Form {
    /// Understands a stream; an error says what is strange about it.
    pub(super) fn of(info: &StreamInfo) -> Result<Self, String> {
        let StreamInfo { name, carried, scale, zero_point, frame_size } = info;
        let strange = |what: String| Err(format!("output {name:?} {what}"));
        if !(1..=LARGEST).contains(frame_size) {
            return strange(format!("has {frame_size} bytes a result"));
        }
        let element = match *carried {
            Carried::Map { height, width, features } => {
                let numbers =
                    height.checked_mul(width).and_then(|n| n.checked_mul(features)).filter(|n| *n > 0);
                match numbers.map(|n| (frame_size / n, frame_size % n)) {
                    Some((1, 0)) => Element::U8,
                    Some((2, 0)) => Element::U16,
                    Some((4, 0)) => Element::F32,
                    _ => {
                        return strange(format!(
                            "has {frame_size} bytes for {height} x {width} x {features} numbers"
                        ));
                    }
                }
            }
            Carried::ByClass { classes, most } => {
                let bytes = most.checked_mul(5).and_then(|n| (n + 1).checked_mul(classes)?.checked_mul(4));
                if bytes != Some(*frame_size) {
                    return strange(format!(
                        "has {frame_size} bytes for {classes} classes of at most {most} boxes"
                    ));
                }
                Element::F32
            }
            Carried::ByScore { most } => {
                if most.checked_mul(22).map(|n| n + 2) != Some(*frame_size) {
                    return strange(format!("has {frame_size} bytes for at most {most} boxes"));
                }
                Element::F32
            }
            Carried::Other { order } => {
                return strange(format!("has the order {order}, which means nothing here"));
            }
        };
        Ok(Self {
            name: name.clone(),
            frame_size: *frame_size,
            carried: *carried,
            element,
            scale: *scale,
            zero_point: *zero_point,
        })
    }

    /// The scale makes no sense, as where each feature has its own: the library has to convert.
    pub(super) fn needs_floats(&self) -> bool {
        self.element != Element::F32
            && !(self.scale.is_finite() && self.scale > 0.0 && self.zero_point.is_finite())
    }

    /// The tensor's shape for this layout; `None` if the stream holds nothing of the kind.
    fn shape(&self, layout: OutputLayout) -> Option<Vec<usize>> {
        match (self.carried, layout) {
            (Carried::Map { height, width, features }, OutputLayout::Map) => {
                Some(vec![features, height, width])
            }
            // Several rows say the same and are averaged; a column is a row that stands.
            (Carried::Map { height, width: 1, features }, OutputLayout::Positions) => {
                Some(vec![height, features])
            }
            (Carried::Map { width, features, .. }, OutputLayout::Positions) => Some(vec![width, features]),
            (Carried::ByClass { .. } | Carried::ByScore { .. }, OutputLayout::Boxes) => Some(vec![0, BOX]),
            _ => None,
        }
    }

    /// Writes one result into the tensor, whose buffers are used again. Boxes that are none are left out.
    pub(super) fn decode(
        &self,
        bytes: &[u8],
        layout: OutputLayout,
        tensor: &mut Tensor,
    ) -> Result<(), String> {
        if bytes.len() != self.frame_size {
            return Err(format!("a result of {} bytes instead of {}", bytes.len(), self.frame_size));
        }
        tensor.shape.clear();
        tensor.values.clear();
        match (self.carried, layout) {
            (Carried::Map { height, width, features }, OutputLayout::Map) => {
                tensor.shape.extend([features, height, width]);
                self.planes(bytes, features, &mut tensor.values);
            }
            (Carried::Map { height, width, features }, OutputLayout::Positions) => {
                let (rows, steps) = if width == 1 { (1, height) } else { (height, width) };
                tensor.shape.extend([steps, features]);
                self.averaged(bytes, rows, steps * features, &mut tensor.values);
            }
            (Carried::ByClass { classes, most }, OutputLayout::Boxes) => {
                by_class(bytes, classes, most, &mut tensor.values)?;
                tensor.shape.extend([tensor.values.len() / BOX, BOX]);
            }
            (Carried::ByScore { most }, OutputLayout::Boxes) => {
                by_score(bytes, most, &mut tensor.values)?;
                tensor.shape.extend([tensor.values.len() / BOX, BOX]);
            }
            _ => {
                return Err(format!(
                    "output {:?} holds nothing that this network's decoder reads",
                    self.name
                ));
            }
        }
        Ok(())
    }

    fn number(&self, bytes: &[u8]) -> f32 {
        match (self.element, bytes) {
            (Element::U8, [byte]) => self.scale * (f32::from(*byte) - self.zero_point),
            (Element::U16, [a, b]) => {
                self.scale * (f32::from(u16::from_ne_bytes([*a, *b])) - self.zero_point)
            }
            (Element::F32, [a, b, c, d]) => f32::from_ne_bytes([*a, *b, *c, *d]),
            _ => f32::NAN,
        }
    }

    const fn width(&self) -> usize {
        match self.element {
            Element::U8 => 1,
            Element::U16 => 2,
            Element::F32 => 4,
        }
    }

    /// Interleaved features to one plane per feature.
    fn planes(&self, bytes: &[u8], features: usize, values: &mut Vec<f32>) {
        let width = self.width();
        let pixel = features * width;
        values.reserve(bytes.len() / width);
        for feature in 0..features {
            let at = feature * width;
            values.extend(
                bytes.chunks_exact(pixel).map(|p| self.number(p.get(at..at + width).unwrap_or_default())),
            );
        }
    }

    /// The mean over `rows` rows of `row` numbers each.
    fn averaged(&self, bytes: &[u8], rows: usize, row: usize, values: &mut Vec<f32>) {
        let width = self.width();
        values.resize(row, 0.0);
        for line in bytes.chunks_exact(row * width) {
            for (sum, number) in values.iter_mut().zip(line.chunks_exact(width)) {
                *sum += self.number(number);
            }
        }
        if rows > 1 {
            values.iter_mut().for_each(|sum| *sum /= rows as f32);
        }
    }
}

fn f32_at(bytes: &[u8], at: usize) -> Option<f32> {
    bytes.get(at..at + 4)?.try_into().ok().map(f32::from_ne_bytes)
}

/// A box as the library writes it (top, left, bottom, right, score), if it is one.
fn read_box(bytes: &[u8], class: usize, values: &mut Vec<f32>) {
    let number = |i: usize| f32_at(bytes, 4 * i).unwrap_or(f32::NAN);
    let [top, left, bottom, right, score] = [0, 1, 2, 3, 4].map(number);
    // A box may reach out of the picture a little; written so that what is not a number is refused too.
    let inside = [top, left, bottom, right].iter().all(|v| (-1.0..=2.0).contains(v));
    if inside && right > left && bottom > top && (0.0..=1.0).contains(&score) {
        values.extend([left, top, right, bottom, score, class as f32]);
    }
}

/// Per class a count and that many boxes; the next class follows the counted ones at once.
fn by_class(bytes: &[u8], classes: usize, most: usize, values: &mut Vec<f32>) -> Result<(), String> {
    let mut at = 0;
    for class in 0..classes {
        let told = f32_at(bytes, at).ok_or_else(|| format!("boxes end before class {class}"))?;
        if !(told >= 0.0 && told <= most as f32 && told.fract() == 0.0) {
            return Err(format!("class {class} says that it has {told} boxes of at most {most}"));
        }
        at += 4;
        for _ in 0..told as usize {
            let one =
                bytes.get(at..at + 20).ok_or_else(|| format!("boxes of class {class} end too early"))?;
            read_box(one, class, values);
            at += 20;
        }
    }
    Ok(())
}

/// A count and that many boxes, each with its class.
fn by_score(bytes: &[u8], most: usize, values: &mut Vec<f32>) -> Result<(), String> {
    let told = bytes.first_chunk::<2>().map_or(0, |b| usize::from(u16::from_ne_bytes(*b)));
    if told > most {
        return Err(format!("it says that it has {told} boxes of at most {most}"));
    }
    for one in bytes.get(2..).unwrap_or_default().chunks_exact(22).take(told) {
        let class = one.last_chunk::<2>().map_or(0, |b| usize::from(u16::from_ne_bytes(*b)));
        read_box(one, class, values);
    }
    Ok(())
}

/// Which stream is which output of the description: by its name, else by its shape, never by its place.
pub(super) fn matched(description: &Description, forms: &[Form]) -> Result<Vec<usize>, String> {
    let layout = description.decoder.layout();
    let mut taken = Vec::new();
    for (output, name) in description.outputs.iter().enumerate() {
        let fits = |i: &usize| {
            let shape = forms.get(*i).and_then(|form| form.shape(layout));
            !taken.contains(i) && shape.is_some_and(|shape| description.fits(output, &shape))
        };
        let named = |i: &usize| {
            forms.get(*i).is_some_and(|f| f.name == *name || f.name.rsplit('/').next() == Some(name.as_str()))
        };
        let fitting: Vec<usize> = (0..forms.len()).filter(fits).collect();
        match (fitting.iter().find(|i| named(i)), fitting.as_slice()) {
            (Some(by_name), _) => taken.push(*by_name),
            (None, [only]) => taken.push(*only),
            (None, several) => {
                let streams: Vec<String> =
                    forms.iter().map(|f| format!("{} ({:?})", f.name, f.carried)).collect();
                let what = if several.is_empty() { "none" } else { "more than one" };
                return Err(format!(
                    "{what} of the HEF's outputs can be {name:?} of the description; they are {}",
                    streams.join(", ")
                ));
            }
        }
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn info(carried: Carried, frame_size: usize) -> StreamInfo {
        StreamInfo { name: "net/out".into(), carried, scale: 0.5, zero_point: 10.0, frame_size }
    }

    fn decoded(carried: Carried, bytes: &[u8], layout: OutputLayout) -> Result<Tensor, String> {
        let mut tensor = Tensor::default();
        Form::of(&info(carried, bytes.len()))?.decode(bytes, layout, &mut tensor).map(|()| tensor)
    }

    fn floats(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|v| v.to_ne_bytes()).collect()
    }

    #[test]
    fn interleaved_features_become_planes_whatever_the_numbers_are_kept_as() {
        let map = Carried::Map { height: 1, width: 2, features: 2 };
        let bytes = decoded(map, &[10, 12, 14, 8], OutputLayout::Map).unwrap();
        assert_eq!((bytes.shape, bytes.values), (vec![2, 1, 2], vec![0.0, 2.0, 1.0, -1.0]));
        let words: Vec<u8> = [10u16, 12, 14, 1010].iter().flat_map(|n| n.to_ne_bytes()).collect();
        assert_eq!(decoded(map, &words, OutputLayout::Map).unwrap().values, [0.0, 2.0, 1.0, 500.0]);
        let real = decoded(map, &floats(&[1.0, 2.0, 3.0, 4.0]), OutputLayout::Map).unwrap();
        assert_eq!(real.values, [1.0, 3.0, 2.0, 4.0]);
    }

    #[test]
    fn rows_of_positions_are_averaged_and_a_column_is_read_as_a_row() {
        let rows = Carried::Map { height: 2, width: 2, features: 1 };
        let tensor = decoded(rows, &floats(&[1.0, 2.0, 3.0, 6.0]), OutputLayout::Positions).unwrap();
        assert_eq!((tensor.shape, tensor.values), (vec![2, 1], vec![2.0, 4.0]));
        let column = Carried::Map { height: 3, width: 1, features: 1 };
        let tensor = decoded(column, &floats(&[1.0, 2.0, 3.0]), OutputLayout::Positions).unwrap();
        assert_eq!((tensor.shape, tensor.values), (vec![3, 1], vec![1.0, 2.0, 3.0]));
    }

    #[test]
    fn boxes_by_class_are_packed_one_class_behind_the_other() {
        let carried = Carried::ByClass { classes: 2, most: 2 };
        let mut numbers = vec![1.0, 0.1, 0.2, 0.3, 0.4, 0.9, 2.0];
        numbers.extend([0.0, 0.0, 0.5, 0.5, 0.8, 0.5, 0.5, 1.0, 1.0, 0.7]);
        numbers.resize(22, 77.0);
        let tensor = decoded(carried, &floats(&numbers), OutputLayout::Boxes).unwrap();
        assert_eq!(tensor.shape, [3, 6]);
        assert_eq!(tensor.values[..6], [0.2, 0.1, 0.4, 0.3, 0.9, 0.0]);
        assert_eq!(tensor.values[6..12], [0.0, 0.0, 0.5, 0.5, 0.8, 1.0]);
    }

    #[test]
    fn a_senseless_count_is_refused_and_a_box_that_is_none_left_out() {
        let carried = Carried::ByClass { classes: 1, most: 2 };
        let with = |first: f32, score: f32| {
            let mut numbers = vec![first, 0.1, 0.1, 0.2, 0.2, score];
            numbers.resize(11, 0.0);
            decoded(carried, &floats(&numbers), OutputLayout::Boxes)
        };
        for count in [3.0, -1.0, 1.5, f32::NAN, 1e30] {
            assert!(with(count, 0.5).unwrap_err().contains("boxes of at most 2"), "{count}");
        }
        for score in [f32::NAN, -0.1, 1.5] {
            assert_eq!(with(1.0, score).unwrap().shape, [0, 6], "{score}");
        }
        assert_eq!(with(1.0, 0.5).unwrap().shape, [1, 6]);
    }

    #[test]
    fn boxes_by_score_say_their_class() {
        let one = [floats(&[0.1, 0.2, 0.3, 0.4, 0.9]), 7u16.to_ne_bytes().to_vec()].concat();
        let bytes = [&1u16.to_ne_bytes()[..], &one, &[0; 22]].concat();
        let tensor = decoded(Carried::ByScore { most: 2 }, &bytes, OutputLayout::Boxes).unwrap();
        assert_eq!(tensor.values, [0.2, 0.1, 0.4, 0.3, 0.9, 7.0]);
    }

    #[test]
    fn a_stream_whose_bytes_do_not_go_up_is_refused() {
        let map = Carried::Map { height: 2, width: 2, features: 2 };
        assert!(Form::of(&info(map, 24)).unwrap_err().contains("24 bytes for 2 x 2 x 2"));
        assert!(Form::of(&info(Carried::ByClass { classes: 1, most: 100 }, 40_000)).is_err());
        assert!(Form::of(&info(Carried::ByClass { classes: 1, most: 100 }, 2004)).is_ok());
        assert!(Form::of(&info(Carried::ByScore { most: 100 }, 2202)).is_ok());
        assert!(Form::of(&info(Carried::Other { order: 20 }, 40)).is_err());
        let huge = Carried::Map { height: usize::MAX, width: 2, features: 2 };
        assert!(Form::of(&info(huge, 40)).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_give_boxes_or_an_error(
            bytes in prop::collection::vec(any::<u8>(), 0..600), classes in 0usize..9, most in 0usize..9,
        ) {
            for carried in [Carried::ByClass { classes, most }, Carried::ByScore { most }] {
                let size = match carried {
                    Carried::ByScore { .. } => 2 + 22 * most,
                    _ => classes * (1 + 5 * most) * 4,
                };
                let mut bytes = bytes.clone();
                bytes.resize(size, 0);
                if let Ok(tensor) = decoded(carried, &bytes, OutputLayout::Boxes) {
                    prop_assert_eq!(tensor.shape[0] * 6, tensor.values.len());
                    prop_assert!(tensor.shape[0] <= classes.max(1) * most);
                    prop_assert!(tensor.values.iter().all(|v| v.is_finite()));
                }
            }
        }

        #[test]
        fn any_map_gives_as_many_numbers_as_its_shape(
            bytes in prop::collection::vec(any::<u8>(), 1..200), height in 0usize..6, width in 0usize..6, features in 0usize..6,
        ) {
            for layout in [OutputLayout::Map, OutputLayout::Positions] {
                if let Ok(tensor) = decoded(Carried::Map { height, width, features }, &bytes, layout) {
                    prop_assert_eq!(tensor.shape.iter().product::<usize>(), tensor.values.len());
                }
            }
        }
    }
}
