//! Where plates count and which way they go: polygons, lines, least size, direction of travel.
//!
//! All places are fractions of the picture (0 to 1), so a camera may change its resolution. Pure geometry: what
//! a plate in the zone leads to is decided by later stages.

use super::Waypoint;
use crate::geometry::{Point, Rect, Size};

/// Which way the plate moved in the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Growing and moving down: towards the camera. With a line: crossing it from left to right.
    Approaching,
    /// Shrinking and moving up: away from it. With a line: crossing it from right to left.
    Leaving,
}

impl Direction {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approaching => "approaching",
            Self::Leaving => "leaving",
        }
    }
}

/// An area of the picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Polygon(Vec<Point>);

/// Why corners are no polygon.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PolygonError {
    #[error("{0} corners; an area has 3 to 64")]
    Corners(usize),
    #[error("corner {0} is outside the picture; coordinates are fractions of it, from 0 to 1")]
    Outside(usize),
}

impl Polygon {
    pub fn new(corners: Vec<Point>) -> Result<Self, PolygonError> {
        if !(3..=64).contains(&corners.len()) {
            return Err(PolygonError::Corners(corners.len()));
        }
        let inside = |p: &Point| (0.0..=1.0).contains(&p.x) && (0.0..=1.0).contains(&p.y);
        match corners.iter().position(|p| !inside(p)) {
            Some(corner) => Err(PolygonError::Outside(corner + 1)),
            None => Ok(Self(corners)),
        }
    }

    /// Even-odd rule; points on the rim may fall either way.
    pub fn contains(&self, p: Point) -> bool {
        let before = self.0.iter().cycle().skip(self.0.len().saturating_sub(1));
        self.0.iter().zip(before).fold(false, |inside, (a, b)| {
            let crosses = (a.y > p.y) != (b.y > p.y) && p.x < (b.x - a.x) * (p.y - a.y) / (b.y - a.y) + a.x;
            inside != crosses
        })
    }
}

/// A line across the road. "Left" and "right" are as seen when walking from `from` to `to` over the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    pub from: Point,
    pub to: Point,
}

impl Line {
    /// Which way the step from `a` to `b` crosses the line, if it does.
    pub fn crossed(&self, a: Point, b: Point) -> Option<Direction> {
        let side = |o: Point, p: Point, q: Point| (p.x - o.x) * (q.y - o.y) - (p.y - o.y) * (q.x - o.x);
        let (before, after) = (side(self.from, self.to, a), side(self.from, self.to, b));
        let (start, end) = (side(a, b, self.from), side(a, b, self.to));
        if (before < 0.0) == (after < 0.0) || (start < 0.0) == (end < 0.0) {
            return None;
        }
        // With y pointing down, a negative side is to the left of the walker.
        Some(if before < 0.0 { Direction::Approaching } else { Direction::Leaving })
    }
}

/// How the direction of travel is known.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum DirectionRule {
    /// From the plate's growth and its way down or up the picture: right for a camera that looks along the road.
    #[default]
    ByPath,
    /// From crossing this line: for cameras that look across it.
    ByLine(Line),
    /// Every vehicle goes this way: the camera's role says so (an entry or exit lane).
    Always(Direction),
}

/// The places and sizes that count for one camera.
#[derive(Debug, Clone, PartialEq)]
pub struct Zones {
    /// Plates count while their centre is in one of these; everywhere if there are none.
    pub include: Vec<Polygon>,
    /// Detections with their centre in one of these are not even followed (a clock in the picture, a poster).
    pub exclude: Vec<Polygon>,
    /// Least height of a plate in pixels. Below about 10 no reader gets a text right, and most false boxes are small.
    pub min_height: f32,
    pub direction: DirectionRule,
}

impl Default for Zones {
    fn default() -> Self {
        Self { include: Vec::new(), exclude: Vec::new(), min_height: 10.0, direction: DirectionRule::ByPath }
    }
}

impl Zones {
    pub fn is_masked(&self, area: &Rect, frame: Size) -> bool {
        let centre = relative(area.centre(), frame);
        self.exclude.iter().any(|zone| zone.contains(centre))
    }

    /// The plate is in the zone and large enough to act on.
    pub fn counts(&self, area: &Rect, frame: Size) -> bool {
        let centre = relative(area.centre(), frame);
        area.height >= self.min_height
            && (self.include.is_empty() || self.include.iter().any(|zone| zone.contains(centre)))
    }

    /// Direction of travel along this path, as far as it can be told.
    pub fn direction(&self, path: &[Waypoint], frame: Size) -> Option<Direction> {
        match self.direction {
            DirectionRule::Always(direction) => Some(direction),
            DirectionRule::ByLine(line) => path.windows(2).rev().find_map(|pair| match pair {
                [a, b] => line.crossed(relative(a.area.centre(), frame), relative(b.area.centre(), frame)),
                _ => None,
            }),
            DirectionRule::ByPath => by_path(path),
        }
    }
}

/// Growth tells more than height in the picture; the latter settles what growth leaves open.
fn by_path(path: &[Waypoint]) -> Option<Direction> {
    let third = (path.len() / 3).clamp(1, 8);
    let (first, last) = (path.get(..third)?, path.get(path.len().checked_sub(third)?..)?);
    if path.len() < 3 {
        return None;
    }
    let mean = |points: &[Waypoint], of: fn(&Rect) -> f32| {
        points.iter().map(|w| of(&w.area)).sum::<f32>() / points.len().max(1) as f32
    };
    let size = |r: &Rect| r.area().sqrt().max(1.0);
    let growth = (mean(last, size) / mean(first, size)).ln();
    let down =
        (mean(last, |r| r.centre().y) - mean(first, |r| r.centre().y)) / mean(path, |r| r.height).max(1.0);
    // 15 % of growth, or the plate's own height down the picture, or a bit of both.
    let evidence = growth / 0.14 + down.clamp(-2.0, 2.0);
    match evidence {
        e if e >= 1.0 => Some(Direction::Approaching),
        e if e <= -1.0 => Some(Direction::Leaving),
        _ => None,
    }
}

fn relative(p: Point, frame: Size) -> Point {
    Point::new(p.x / frame.width.max(1) as f32, p.y / frame.height.max(1) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Moment;

    const FRAME: Size = Size::new(1000, 1000);

    fn polygon(corners: &[(f32, f32)]) -> Polygon {
        Polygon::new(corners.iter().map(|&(x, y)| Point::new(x, y)).collect()).unwrap()
    }

    fn path(boxes: &[(f32, f32, f32)]) -> Vec<Waypoint> {
        let at = |i: usize| Moment::from_micros(i as u64 * 100_000);
        let way = |(i, &(x, y, w)): (usize, &(f32, f32, f32))| Waypoint {
            at: at(i),
            area: Rect::new(x - w / 2.0, y - w / 8.0, w, w / 4.0),
        };
        boxes.iter().enumerate().map(way).collect()
    }

    #[test]
    fn a_polygon_holds_what_lies_within_even_when_it_is_bent() {
        let bent = polygon(&[(0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.7, 0.9), (0.7, 0.3), (0.1, 0.3)]);
        assert!(bent.contains(Point::new(0.2, 0.2)));
        assert!(bent.contains(Point::new(0.8, 0.8)));
        assert!(!bent.contains(Point::new(0.3, 0.8)));
        assert!(!bent.contains(Point::new(0.95, 0.5)));
    }

    #[test]
    fn a_polygon_outside_the_picture_is_refused_with_its_corner() {
        let corners = vec![Point::new(0.0, 0.0), Point::new(1.0, 0.0), Point::new(640.0, 1.0)];
        assert_eq!(Polygon::new(corners), Err(PolygonError::Outside(3)));
        assert_eq!(Polygon::new(vec![Point::default(); 2]), Err(PolygonError::Corners(2)));
        let broken = vec![Point::new(f32::NAN, 0.0), Point::new(1.0, 0.0), Point::new(1.0, 1.0)];
        assert_eq!(Polygon::new(broken), Err(PolygonError::Outside(1)));
    }

    #[test]
    fn plates_count_only_in_the_zone_and_only_when_large_enough() {
        let zones = Zones {
            include: vec![polygon(&[(0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0)])],
            exclude: vec![polygon(&[(0.0, 0.9), (0.2, 0.9), (0.2, 1.0), (0.0, 1.0)])],
            min_height: 12.0,
            ..Zones::default()
        };
        assert!(zones.counts(&Rect::new(500.0, 700.0, 80.0, 20.0), FRAME));
        assert!(!zones.counts(&Rect::new(500.0, 300.0, 80.0, 20.0), FRAME));
        assert!(!zones.counts(&Rect::new(500.0, 700.0, 40.0, 9.0), FRAME));
        assert!(zones.is_masked(&Rect::new(20.0, 930.0, 80.0, 20.0), FRAME));
        assert!(!zones.is_masked(&Rect::new(500.0, 930.0, 80.0, 20.0), FRAME));
    }

    #[test]
    fn a_growing_plate_approaches_and_a_shrinking_one_leaves() {
        let zones = Zones::default();
        let coming: Vec<_> = (0..12).map(|i| (500.0, 400.0, 60.0 * 1.05f32.powi(i))).collect();
        let going: Vec<_> = coming.iter().rev().copied().collect();
        assert_eq!(zones.direction(&path(&coming), FRAME), Some(Direction::Approaching));
        assert_eq!(zones.direction(&path(&going), FRAME), Some(Direction::Leaving));
        let parked: Vec<_> = (0..12).map(|i| (500.0 + (i % 2) as f32, 400.0, 60.0)).collect();
        assert_eq!(zones.direction(&path(&parked), FRAME), None);
        assert_eq!(zones.direction(&path(&coming[..2]), FRAME), None);
    }

    #[test]
    fn a_line_tells_the_direction_by_the_side_it_is_crossed_from() {
        // A line from the lower to the upper rim: its left is the left half of the picture.
        let line = Line { from: Point::new(0.5, 1.0), to: Point::new(0.5, 0.0) };
        let zones = Zones { direction: DirectionRule::ByLine(line), ..Zones::default() };
        let rightward: Vec<_> = (0..9).map(|i| (100.0 + 100.0 * i as f32, 500.0, 60.0)).collect();
        let leftward: Vec<_> = rightward.iter().rev().copied().collect();
        assert_eq!(zones.direction(&path(&rightward), FRAME), Some(Direction::Approaching));
        assert_eq!(zones.direction(&path(&leftward), FRAME), Some(Direction::Leaving));
        assert_eq!(zones.direction(&path(&rightward[..3]), FRAME), None);
    }

    #[test]
    fn the_camera_s_role_wins_over_the_path() {
        let zones = Zones { direction: DirectionRule::Always(Direction::Leaving), ..Zones::default() };
        assert_eq!(zones.direction(&[], FRAME), Some(Direction::Leaving));
    }
}
