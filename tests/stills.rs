//! Picture files of every kind, good and bad, through the reader that `amslpr read` uses.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step is a failed test")]

use std::{fs, path::PathBuf};

use amslpr::{
    capture::{
        Fault,
        still::{self, Settings, Still},
    },
    frame::PixelFormat,
    geometry::Size,
};
use image::{DynamicImage, ImageFormat};
use proptest::prelude::*;

/// Four quarters: red, green, blue, yellow.
const QUARTERS: [[u8; 3]; 4] = [[220, 30, 40], [30, 200, 60], [40, 60, 210], [230, 220, 50]];

fn quarters() -> image::RgbImage {
    image::RgbImage::from_fn(48, 32, |x, y| image::Rgb(QUARTERS[(x / 24 + y / 16 * 2) as usize]))
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn decode(bytes: &[u8]) -> Result<Still, String> {
    still::decode(bytes, "car.jpg", &Settings::default()).map_err(|error| error.to_string())
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pictures").join(name)).unwrap()
}

/// The middles of the four quarters, as colours.
fn middles(still: &Still) -> [[u8; 3]; 4] {
    let (w, h) = (still.size.width as usize, still.size.height as usize);
    [(1, 1), (3, 1), (1, 3), (3, 3)].map(|(x, y)| {
        let at = h * y / 4 * w + w * x / 4;
        match still.format {
            PixelFormat::Gray8 => [still.pixels[at]; 3],
            _ => still.pixels[at * 3..at * 3 + 3].try_into().unwrap(),
        }
    })
}

fn check(bytes: &[u8], size: Size, wanted: [[u8; 3]; 4], tolerance: u8, what: &str) {
    let still = decode(bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(still.size, size, "{what}");
    let got = middles(&still);
    let near = got.as_flattened().iter().zip(wanted.as_flattened()).all(|(a, b)| a.abs_diff(*b) <= tolerance);
    assert!(near, "{what}: {got:?} instead of {wanted:?}");
}

#[test]
fn every_kind_of_picture_shows_its_colours() {
    let size = Size::new(48, 32);
    let colour = DynamicImage::from(quarters());
    let grey = QUARTERS.map(|c| {
        [image::DynamicImage::from(image::RgbImage::from_pixel(1, 1, image::Rgb(c))).to_luma8()[(0, 0)].0[0];
            3]
    });
    check(&encoded(&colour, ImageFormat::Jpeg), size, QUARTERS, 8, "JPEG");
    check(&encoded(&colour, ImageFormat::Png), size, QUARTERS, 0, "PNG");
    check(&encoded(&colour.to_luma8().into(), ImageFormat::Jpeg), size, grey, 3, "grey JPEG");
    check(&encoded(&colour.to_luma8().into(), ImageFormat::Png), size, grey, 0, "grey PNG");
    check(&encoded(&colour.to_luma16().into(), ImageFormat::Png), size, grey, 1, "16-bit grey PNG");
    check(&encoded(&colour.to_rgb16().into(), ImageFormat::Png), size, QUARTERS, 0, "16-bit PNG");
    check(&encoded(&colour.to_rgba16().into(), ImageFormat::Png), size, QUARTERS, 0, "16-bit PNG with alpha");
    check(&encoded(&colour.to_luma_alpha8().into(), ImageFormat::Png), size, grey, 0, "grey PNG with alpha");
    check(&fixture("progressive.jpg"), size, QUARTERS, 8, "progressive JPEG");
    check(&fixture("cmyk.jpg"), size, QUARTERS, 12, "CMYK JPEG");
    check(&fixture("palette.png"), size, QUARTERS, 4, "palette PNG");
    check(&fixture("animated.png"), size, QUARTERS, 0, "animated PNG");
    assert_eq!(decode(&fixture("one-bit.png")).unwrap().size, size);
}

#[test]
fn transparency_is_laid_over_white() {
    let see_through = image::RgbaImage::from_pixel(8, 8, image::Rgba([200, 0, 0, 0]));
    let half = image::RgbaImage::from_pixel(8, 8, image::Rgba([0, 0, 0, 128]));
    check(&encoded(&see_through.into(), ImageFormat::Png), Size::new(8, 8), [[255; 3]; 4], 0, "transparent");
    check(&encoded(&half.into(), ImageFormat::Png), Size::new(8, 8), [[127; 3]; 4], 0, "half transparent");
}

/// A JPEG with an EXIF segment that says only the orientation.
fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let tiff = [
        b'M',
        b'M',
        0,
        42,
        0,
        0,
        0,
        8, // header: first directory at 8
        0,
        1,
        0x01,
        0x12,
        0,
        3,
        0,
        0,
        0,
        1,
        0,
        orientation,
        0,
        0, // one entry: orientation
        0,
        0,
        0,
        0,
    ];
    let length = (2 + 6 + tiff.len()) as u8;
    [&jpeg[..2], &[0xff, 0xe1, 0, length], b"Exif\0\0", &tiff, &jpeg[2..]].concat()
}

#[test]
fn pictures_are_set_upright_as_their_exif_says() {
    let jpeg = encoded(&quarters().into(), ImageFormat::Jpeg);
    let [a, b, c, d] = QUARTERS;
    let (wide, tall) = (Size::new(48, 32), Size::new(32, 48));
    for (orientation, size, wanted) in [
        (1, wide, [a, b, c, d]),
        (2, wide, [b, a, d, c]),
        (3, wide, [d, c, b, a]),
        (4, wide, [c, d, a, b]),
        (5, tall, [a, c, b, d]),
        (6, tall, [c, a, d, b]),
        (7, tall, [d, b, c, a]),
        (8, tall, [b, d, a, c]),
        (0, wide, [a, b, c, d]),
        (99, wide, [a, b, c, d]),
    ] {
        let bytes = with_orientation(&jpeg, orientation);
        check(&bytes, size, wanted, 8, &format!("orientation {orientation}"));
        assert_eq!(decode(&bytes).unwrap().turned, (2..=8).contains(&orientation));
    }
}

/// A PNG that is only its header.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let (w, h) = (width.to_be_bytes(), height.to_be_bytes());
    [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice(), &w, &h, &[8, 2, 0, 0, 0, 0, 0, 0, 0]].concat()
}

/// A JPEG whose frame header says another size.
fn jpeg_bomb(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = encoded(&quarters().into(), ImageFormat::Jpeg);
    let at =
        bytes.windows(2).position(|pair| pair[0] == 0xff && (pair[1] == 0xc0 || pair[1] == 0xc1)).unwrap();
    bytes[at + 5..at + 7].copy_from_slice(&height.to_be_bytes());
    bytes[at + 7..at + 9].copy_from_slice(&width.to_be_bytes());
    bytes
}

#[test]
fn bad_pictures_are_refused_in_plain_words() {
    let jpeg = encoded(&quarters().into(), ImageFormat::Jpeg);
    let png = encoded(&quarters().into(), ImageFormat::Png);
    for (bytes, words) in [
        (Vec::new(), "is empty"),
        (b"just some words\n".to_vec(), "a text file"),
        (b"GIF89a".to_vec(), "a GIF"),
        (b"RIFF\0\0\0\0WEBPVP8 ".to_vec(), "a WebP"),
        (vec![0; 40], "unknown kind"),
        (jpeg[..3].to_vec(), "ends before"),
        (jpeg[..jpeg.len() / 2].to_vec(), "ends before"),
        (jpeg[..jpeg.len() - 2].to_vec(), "ends before"),
        (png[..20].to_vec(), "ends before"),
        (png[..png.len() / 2].to_vec(), "ends before"),
        (png_header(20_000, 20_000), "20000x20000 pixels, more than the 64 million"),
        (png_header(u32::MAX, u32::MAX), "more than the 64 million"),
        (jpeg_bomb(20_000, 20_000), "20000x20000 pixels, more than the 64 million"),
        (png_header(0, 5), "damaged"),
        (jpeg_bomb(0, 5), "damaged"),
    ] {
        let error = decode(&bytes).expect_err(words);
        assert!(error.starts_with("car.jpg: ") && error.contains(words), "{error:?} should say {words:?}");
    }
}

#[test]
fn one_pixel_is_a_picture() {
    for format in [ImageFormat::Jpeg, ImageFormat::Png] {
        let still = decode(&encoded(&image::RgbImage::new(1, 1).into(), format)).unwrap();
        assert_eq!((still.size, still.pixels.len()), (Size::new(1, 1), 3));
    }
}

#[test]
fn files_are_read_by_content_and_errors_name_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let settings = Settings::default();
    fs::write(path("really.png"), encoded(&quarters().into(), ImageFormat::Jpeg)).unwrap();
    fs::write(path("text.jpg"), "hello").unwrap();
    assert_eq!(still::load(&path("really.png"), &settings).unwrap().size, Size::new(48, 32));
    assert!(still::is_picture(&path("really.png")) && !still::is_picture(&path("text.jpg")));
    let error = |name: &str, settings: &Settings| still::load(&path(name), settings).unwrap_err();
    assert!(matches!(error("missing.jpg", &settings).fault, Fault::Missing));
    assert!(matches!(error("", &settings).fault, Fault::NotAPicture("a folder")));
    assert!(error("text.jpg", &settings).to_string().contains("text.jpg: is a text file"));
    let small = Settings { max_bytes: 100, ..settings };
    assert!(matches!(error("really.png", &small).fault, Fault::TooManyBytes { limit: 100, .. }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn noise_never_panics(start in 0usize..3, noise in prop::collection::vec(any::<u8>(), 0..600)) {
        let start: &[u8] = [b"".as_slice(), b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"][start];
        let _ = decode(&[start, &noise].concat());
    }

    #[test]
    fn flipped_bytes_never_panic(
        which in 0usize..5, places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let mut bytes = match which {
            0 => encoded(&quarters().into(), ImageFormat::Jpeg),
            1 => encoded(&quarters().into(), ImageFormat::Png),
            2 => fixture("progressive.jpg"),
            3 => fixture("cmyk.jpg"),
            _ => fixture("animated.png"),
        };
        for (place, value) in places {
            let at = place.index(bytes.len());
            bytes[at] = value;
        }
        let small = Settings { max_pixels: 4_000_000, ..Settings::default() };
        let _ = still::decode(&bytes, "noise", &small);
    }
}
