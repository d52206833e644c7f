//! Sizes, points, boxes and quads in pixels, and the letterbox map between a picture and a network's input.
//!
//! Pure arithmetic. Nothing here knows of frames, plates or networks.

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Size {
    pub width: u32,
    pub height: u32,
}

impl Size {
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// Number of pixels; cannot overflow a `u64`.
    pub fn area(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// A place in a picture, in pixels from the upper left corner; may lie outside the picture.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Point {
    pub x: f32,
    pub y: f32,
}

impl Point {
    pub const fn new(x: f32, y: f32) -> Self {
        Self { x, y }
    }

    pub fn distance(self, other: Self) -> f32 {
        (self.x - other.x).hypot(self.y - other.y)
    }
}

/// An upright box: upper left corner, width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rect {
    pub x: f32,
    pub y: f32,
    pub width: f32,
    pub height: f32,
}

impl Rect {
    pub const fn new(x: f32, y: f32, width: f32, height: f32) -> Self {
        Self { x, y, width, height }
    }

    /// The box between two corners, whichever way round they are given.
    pub fn between(a: Point, b: Point) -> Self {
        Self::new(a.x.min(b.x), a.y.min(b.y), (a.x - b.x).abs(), (a.y - b.y).abs())
    }

    pub fn right(&self) -> f32 {
        self.x + self.width
    }

    pub fn bottom(&self) -> f32 {
        self.y + self.height
    }

    pub fn centre(&self) -> Point {
        Point::new(self.x + self.width / 2.0, self.y + self.height / 2.0)
    }

    /// Square pixels; a box of negative or undefined size has none.
    pub fn area(&self) -> f32 {
        let area = self.width.max(0.0) * self.height.max(0.0);
        if area.is_finite() { area } else { 0.0 }
    }

    pub fn is_finite(&self) -> bool {
        self.x.is_finite() && self.y.is_finite() && self.width.is_finite() && self.height.is_finite()
    }

    pub fn contains(&self, p: Point) -> bool {
        p.x >= self.x && p.x <= self.right() && p.y >= self.y && p.y <= self.bottom()
    }

    /// Shared area of two boxes.
    pub fn intersection(&self, other: &Self) -> f32 {
        let w = self.right().min(other.right()) - self.x.max(other.x);
        let h = self.bottom().min(other.bottom()) - self.y.max(other.y);
        if w > 0.0 && h > 0.0 { w * h } else { 0.0 }
    }

    /// Intersection over union, 0..=1; 0 where either box has no area.
    pub fn iou(&self, other: &Self) -> f32 {
        let shared = self.intersection(other);
        let all = self.area() + other.area() - shared;
        if shared > 0.0 && all > 0.0 { (shared / all).clamp(0.0, 1.0) } else { 0.0 }
    }

    /// The box grown on every side: by `margin` of its width left and right, of its height above and below.
    pub fn grown(&self, margin: f32) -> Self {
        let (dx, dy) = (self.width * margin, self.height * margin);
        Self::new(self.x - dx, self.y - dy, self.width + 2.0 * dx, self.height + 2.0 * dy)
    }

    /// The part of the box inside a picture of this size; possibly empty.
    pub fn clipped(&self, size: Size) -> Self {
        let (w, h) = (size.width as f32, size.height as f32);
        let (x0, y0) = (self.x.clamp(0.0, w), self.y.clamp(0.0, h));
        let (x1, y1) = (self.right().clamp(0.0, w), self.bottom().clamp(0.0, h));
        Self::new(x0, y0, (x1 - x0).max(0.0), (y1 - y0).max(0.0))
    }
}

/// Four corners of a plate: upper left, upper right, lower right, lower left, as the plate itself is read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quad(pub [Point; 4]);

impl Quad {
    /// The smallest upright box around the corners.
    pub fn bounds(&self) -> Rect {
        let xs = self.0.map(|p| p.x);
        let ys = self.0.map(|p| p.y);
        let low = |v: [f32; 4]| v.into_iter().fold(f32::INFINITY, f32::min);
        let high = |v: [f32; 4]| v.into_iter().fold(f32::NEG_INFINITY, f32::max);
        Rect::between(Point::new(low(xs), low(ys)), Point::new(high(xs), high(ys)))
    }

    /// The corners go round as they should: clockwise on the screen, no two edges crossing.
    pub fn is_upright(&self) -> bool {
        let [a, b, c, d] = self.0;
        let turn = |p: Point, q: Point, r: Point| (q.x - p.x) * (r.y - q.y) - (q.y - p.y) * (r.x - q.x);
        turn(a, b, c) > 0.0 && turn(b, c, d) > 0.0 && turn(c, d, a) > 0.0 && turn(d, a, b) > 0.0
    }

    /// Grown along its own edges: by `margin` of its width left and right, of its height above and below.
    pub fn grown(&self, margin: f32) -> Self {
        let [tl, tr, br, bl] = self.0;
        // From `q` outwards by `margin` of the edge `p`-`q`, and likewise for the edge `r`-`q`.
        let out = |q: Point, p: Point, r: Point| {
            Point::new(q.x + margin * (2.0 * q.x - p.x - r.x), q.y + margin * (2.0 * q.y - p.y - r.y))
        };
        Self([out(tl, tr, bl), out(tr, tl, br), out(br, bl, tr), out(bl, br, tl)])
    }

    /// Mean length of the left and the right edge: the height a reader cares about.
    pub fn height(&self) -> f32 {
        let [tl, tr, br, bl] = self.0;
        (tl.distance(bl) + tr.distance(br)) / 2.0
    }

    /// Mean length of the upper and the lower edge.
    pub fn width(&self) -> f32 {
        let [tl, tr, br, bl] = self.0;
        (tl.distance(tr) + bl.distance(br)) / 2.0
    }
}

impl From<Rect> for Quad {
    fn from(r: Rect) -> Self {
        Self([
            Point::new(r.x, r.y),
            Point::new(r.right(), r.y),
            Point::new(r.right(), r.bottom()),
            Point::new(r.x, r.bottom()),
        ])
    }
}

/// How a picture was scaled and centred into a network's input, and the way back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Letterbox {
    /// Input pixels per picture pixel.
    pub scale: f32,
    /// Left and upper border in input pixels.
    pub left: u32,
    pub top: u32,
    /// Size of the scaled picture inside the input.
    pub inner: Size,
}

impl Letterbox {
    /// Fits `picture` into `input`, keeping its proportions, centred. Both must have at least one pixel.
    pub fn fit(picture: Size, input: Size) -> Self {
        let wide = input.width as f32 / picture.width.max(1) as f32;
        let high = input.height as f32 / picture.height.max(1) as f32;
        let scale = wide.min(high);
        let inner = Size::new(
            ((picture.width as f32 * scale).round() as u32).clamp(1, input.width.max(1)),
            ((picture.height as f32 * scale).round() as u32).clamp(1, input.height.max(1)),
        );
        Self { scale, left: (input.width - inner.width) / 2, top: (input.height - inner.height) / 2, inner }
    }

    /// From input pixels to picture pixels.
    pub fn to_picture(&self, p: Point) -> Point {
        Point::new((p.x - self.left as f32) / self.scale, (p.y - self.top as f32) / self.scale)
    }

    /// From picture pixels to input pixels.
    pub fn to_input(&self, p: Point) -> Point {
        Point::new(p.x * self.scale + self.left as f32, p.y * self.scale + self.top as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_point_comes_back_from_the_letterbox(
            w in 16u32..4000, h in 16u32..4000, x in 0.0f32..1.0, y in 0.0f32..1.0,
        ) {
            let map = Letterbox::fit(Size::new(w, h), Size::new(640, 384));
            let p = Point::new(x * w as f32, y * h as f32);
            prop_assert!(map.to_picture(map.to_input(p)).distance(p) < 0.05 + 0.001 * w.max(h) as f32 / 100.0);
            prop_assert!(map.inner.width <= 640 && map.inner.height <= 384);
        }

        #[test]
        fn overlap_is_symmetric_and_between_0_and_1(
            a in prop::array::uniform4(-50.0f32..50.0), b in prop::array::uniform4(-50.0f32..50.0),
        ) {
            let r = Rect::new(a[0], a[1], a[2], a[3]);
            let s = Rect::new(b[0], b[1], b[2], b[3]);
            let (x, y) = (r.iou(&s), s.iou(&r));
            prop_assert!((x - y).abs() < 1e-6 && (0.0..=1.0).contains(&x));
        }
    }

    #[test]
    fn a_box_overlaps_itself_wholly_and_a_stranger_not_at_all() {
        let a = Rect::new(2.0, 3.0, 10.0, 4.0);
        assert_eq!(a.iou(&a), 1.0);
        assert_eq!(a.iou(&Rect::new(40.0, 3.0, 10.0, 4.0)), 0.0);
        assert_eq!(Rect::new(0.0, 0.0, f32::NAN, 1.0).iou(&a), 0.0);
    }

    #[test]
    fn a_quad_grows_as_its_box_does_and_knows_which_way_round_it_is() {
        let area = Rect::new(10.0, 10.0, 20.0, 10.0);
        assert_eq!(Quad::from(area).grown(0.1).bounds(), area.grown(0.1));
        assert!(Quad::from(area).is_upright());
        let [tl, tr, br, bl] = Quad::from(area).0;
        assert!(!Quad([tr, tl, bl, br]).is_upright());
        assert!(!Quad([tl, br, tr, bl]).is_upright());
    }

    #[test]
    fn growing_keeps_the_centre_and_clipping_stays_inside() {
        let a = Rect::new(10.0, 10.0, 20.0, 10.0);
        let g = a.grown(0.1);
        assert_eq!(g.centre(), a.centre());
        assert_eq!((g.width, g.height), (24.0, 12.0));
        let c = Rect::new(-5.0, -5.0, 20.0, 200.0).clipped(Size::new(10, 10));
        assert_eq!(c, Rect::new(0.0, 0.0, 10.0, 10.0));
    }
}
