//! Which of the pictures that a V4L2 camera offers to ask for. Pure: offers and a wish in, a choice out.

use crate::geometry::Size;

/// The forms of picture that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    Nv12,
    I420,
    Yuyv,
    Uyvy,
    Rgb,
    Bgr,
    Gray,
    Mjpeg,
}

/// What the user wants; the camera may not have it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wish {
    pub size: Size,
    /// Frames per second.
    pub rate: f64,
    pub encoding: Option<Encoding>,
}

/// One thing that a camera can do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Offer {
    pub encoding: Encoding,
    pub size: Size,
    /// Highest frame rate at this size; 0 where the driver does not say.
    pub rate: f64,
}

/// Sizes that a driver offers as a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SizeRange {
    pub least: Size,
    pub most: Size,
    pub step: Size,
}

impl Encoding {
    pub const ALL: [Self; 8] =
        [Self::Nv12, Self::I420, Self::Yuyv, Self::Uyvy, Self::Rgb, Self::Bgr, Self::Gray, Self::Mjpeg];

    /// The code by which V4L2 knows it.
    pub const fn fourcc(self) -> [u8; 4] {
        match self {
            Self::Nv12 => *b"NV12",
            Self::I420 => *b"YU12",
            Self::Yuyv => *b"YUYV",
            Self::Uyvy => *b"UYVY",
            Self::Rgb => *b"RGB3",
            Self::Bgr => *b"BGR3",
            Self::Gray => *b"GREY",
            Self::Mjpeg => *b"MJPG",
        }
    }

    /// The same, for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nv12 => "NV12",
            Self::I420 => "YU12",
            Self::Yuyv => "YUYV",
            Self::Uyvy => "UYVY",
            Self::Rgb => "RGB3",
            Self::Bgr => "BGR3",
            Self::Gray => "GREY",
            Self::Mjpeg => "MJPG",
        }
    }

    /// Its values use all of a byte, whatever the driver says.
    pub(super) const fn is_full_range(self) -> bool {
        matches!(self, Self::Mjpeg | Self::Rgb | Self::Bgr)
    }

    pub fn from_fourcc(code: [u8; 4]) -> Option<Self> {
        // Some drivers call the same thing JPEG.
        if code == *b"JPEG" {
            return Some(Self::Mjpeg);
        }
        Self::ALL.into_iter().find(|encoding| encoding.fourcc() == code)
    }

    /// What is cheapest to use comes first; grey only where nothing else is offered at this size and rate.
    fn rank(self) -> u8 {
        match self {
            Self::Nv12 => 0,
            Self::I420 => 1,
            Self::Yuyv => 2,
            Self::Uyvy => 3,
            Self::Mjpeg => 4,
            Self::Rgb => 5,
            Self::Bgr => 6,
            Self::Gray => 7,
        }
    }
}

/// The offer that comes nearest to the wish: enough pixels first, then enough frames, then few pixels too many,
/// then the cheapest form. A wished encoding is kept to if the camera has it at all.
pub fn choose(offers: &[Offer], wish: &Wish) -> Option<Offer> {
    let has_wished = offers.iter().any(|offer| Some(offer.encoding) == wish.encoding);
    let fits = |offer: &&Offer| !has_wished || Some(offer.encoding) == wish.encoding;
    let cost = |offer: &Offer| {
        let missing = |have: u32, want: u32| u64::from(want.saturating_sub(have));
        let pixels_missing =
            missing(offer.size.width, wish.size.width) + missing(offer.size.height, wish.size.height);
        // Half a frame per second is no difference; a driver that does not say is believed to manage.
        let frames_missing =
            if offer.rate > 0.0 { (wish.rate - offer.rate - 0.5).max(0.0).ceil() as u64 } else { 0 };
        let pixels_over = offer.size.area().saturating_sub(wish.size.area());
        (pixels_missing, frames_missing, pixels_over, offer.encoding.rank())
    };
    offers.iter().filter(fits).min_by_key(|offer| cost(offer)).copied()
}

impl SizeRange {
    /// The size in the range that comes nearest to the wished one, not smaller where that is possible.
    pub(super) fn nearest(&self, wish: Size) -> Size {
        let along = |least: u32, most: u32, step: u32, wish: u32| {
            let (step, most) = (step.max(1), most.max(least));
            let steps = wish.saturating_sub(least).div_ceil(step);
            let up = least.saturating_add(steps.saturating_mul(step));
            if up <= most { up } else { least + (most - least) / step * step }
        };
        Size::new(
            along(self.least.width, self.most.width, self.step.width, wish.width),
            along(self.least.height, self.most.height, self.step.height, wish.height),
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `MJPG 1920x1080@30, YUYV 640x480@30` to offers.
    fn offers(text: &str) -> Vec<Offer> {
        let offer = |text: &str| {
            let (code, rest) = text.trim().split_once(' ').unwrap();
            let (size, rate) = rest.split_once('@').unwrap();
            let (width, height) = size.split_once('x').unwrap();
            Offer {
                encoding: Encoding::from_fourcc(code.as_bytes().try_into().unwrap()).unwrap(),
                size: Size::new(width.parse().unwrap(), height.parse().unwrap()),
                rate: rate.parse().unwrap(),
            }
        };
        text.split(',').map(offer).collect()
    }

    fn check(camera: &str, wish: &str, encoding: Option<Encoding>, chosen: &str) {
        let Offer { size, rate, .. } = offers(wish)[0];
        let got = choose(&offers(camera), &Wish { size, rate, encoding });
        assert_eq!(got, Some(offers(chosen)[0]), "{camera} asked for {wish}, {encoding:?}");
    }

    #[test]
    fn the_nearest_offer_is_chosen() {
        let usual = "MJPG 1920x1080@30, YUYV 1920x1080@5, YUYV 640x480@30, MJPG 640x480@30, MJPG 1280x720@60";
        check(usual, "YUYV 1920x1080@25", None, "MJPG 1920x1080@30");
        check(usual, "YUYV 1920x1080@5", None, "YUYV 1920x1080@5");
        check(usual, "YUYV 1920x1080@25", Some(Encoding::Yuyv), "YUYV 1920x1080@5");
        check(usual, "YUYV 1280x720@25", Some(Encoding::Nv12), "MJPG 1280x720@60");
        check(usual, "YUYV 640x480@15", None, "YUYV 640x480@30");
        check(usual, "YUYV 3840x2160@15", None, "MJPG 1920x1080@30");
        check(usual, "YUYV 800x600@30", None, "MJPG 1280x720@60");
        check("GREY 1280x800@0", "NV12 1920x1080@25", None, "GREY 1280x800@0");
        check("GREY 1280x800@50, NV12 1280x800@50", "NV12 1280x800@25", None, "NV12 1280x800@50");
        assert_eq!(choose(&[], &Wish { size: Size::new(1, 1), rate: 1.0, encoding: None }), None);
    }

    #[test]
    fn a_range_gives_the_next_size_up_or_its_largest() {
        let range =
            SizeRange { least: Size::new(32, 32), most: Size::new(1000, 1000), step: Size::new(16, 2) };
        assert_eq!(range.nearest(Size::new(640, 480)), Size::new(640, 480));
        assert_eq!(range.nearest(Size::new(641, 481)), Size::new(656, 482));
        assert_eq!(range.nearest(Size::new(4000, 10)), Size::new(992, 32));
    }

    proptest! {
        #[test]
        fn any_range_gives_a_size_inside_it(
            v in prop::array::uniform8(any::<u32>()),
        ) {
            let range = SizeRange { least: Size::new(v[0], v[1]), most: Size::new(v[2], v[3]), step: Size::new(v[4], v[5]) };
            let size = range.nearest(Size::new(v[6], v[7]));
            prop_assert!(size.width >= v[0] && size.width <= v[2].max(v[0]));
            prop_assert!(size.height >= v[1] && size.height <= v[3].max(v[1]));
        }
    }
}
