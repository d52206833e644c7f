//! What a camera shows now, as a JPEG: its newest picture, scaled down where less is asked for, encoded once for all who
//! ask for it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};

use super::{Shared, View, problem::Problem, query};
use crate::{
    fact::privacy::Mode,
    frame::{ConvertError, Frame, Scaler},
    geometry::{Rect, Size},
};

/// Wider pictures are given only to those who ask for them: they take long to encode.
const USUAL_WIDTH: usize = 1280;
const MOST_WIDTH: usize = 8192;
const LEAST_WIDTH: usize = 64;
const QUALITY: u8 = 80;
/// Encoded pictures that are kept: the newest of each camera, in one size.
const MOST_KEPT: usize = 32;

/// The pictures that were encoded last, by camera.
#[derive(Debug, Default)]
pub(super) struct Pictures(Mutex<HashMap<String, Kept>>);

#[derive(Debug, Clone)]
struct Kept {
    seq: u64,
    width: usize,
    jpeg: Bytes,
}

impl Pictures {
    fn find(&self, camera: &str, seq: u64, width: usize) -> Option<Bytes> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(camera).filter(|kept| kept.seq == seq && kept.width == width).map(|kept| kept.jpeg.clone())
    }

    fn keep(&self, camera: &str, kept: Kept) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST_KEPT && !all.contains_key(camera) {
            all.clear();
        }
        all.insert(camera.to_owned(), kept);
    }
}

pub(super) async fn show(
    State(shared): State<Shared>,
    Path(camera): Path<String>,
    RawQuery(asked): RawQuery,
) -> Result<Response, Problem> {
    let mut width = USUAL_WIDTH;
    for (key, value) in query::pairs(asked.as_deref(), &["width"])? {
        width = query::number(&key, &value, LEAST_WIDTH..=MOST_WIDTH)?;
    }
    // A picture shows whoever passes, listed or not.
    if shared.settings.privacy.mode != Mode::Full {
        let why = "[privacy] mode does not let pictures of strangers be shown";
        return Err(Problem::new(StatusCode::FORBIDDEN, "privacy", why));
    }
    let frame = match shared.sources.node.view(&camera) {
        View::Unknown(known) => {
            return Err(Problem::not_found(format!(
                "there is no running camera of this name; there is {known}"
            )));
        }
        View::Nothing => {
            let why = "this camera gives no picture just now";
            return Err(Problem::new(StatusCode::CONFLICT, "no-picture", why).after(1));
        }
        View::Picture(frame) => frame,
    };
    let (taken, seq) = (frame.wall, frame.seq);
    let found = shared.pictures.find(&camera, seq, width);
    shared.stats.snapshots.note(found.is_some());
    let jpeg = match found {
        Some(jpeg) => jpeg,
        None => {
            let encoded = tokio::task::spawn_blocking(move || encode(&frame, width)).await;
            let jpeg = match encoded {
                Ok(Ok(jpeg)) => Bytes::from(jpeg),
                Ok(Err(error)) => {
                    tracing::warn!(camera, %error, "a picture cannot be encoded");
                    return Err(Problem::ours("this picture cannot be encoded; the log says why"));
                }
                Err(_) => return Err(Problem::ours("this picture cannot be encoded")),
            };
            shared.pictures.keep(&camera, Kept { seq, width, jpeg: jpeg.clone() });
            jpeg
        }
    };
    let mut response = ([(header::CONTENT_TYPE, "image/jpeg")], jpeg).into_response();
    if let Ok(taken) = HeaderValue::from_str(&taken.to_string()) {
        response.headers_mut().insert("x-taken", taken);
    }
    Ok(response)
}

#[derive(Debug, thiserror::Error)]
enum EncodeError {
    #[error(transparent)]
    Convert(#[from] ConvertError),
    #[error(transparent)]
    Jpeg(#[from] image::ImageError),
}

fn encode(frame: &Frame, width: usize) -> Result<Vec<u8>, EncodeError> {
    let width = u32::try_from(width).unwrap_or(u32::MAX).min(frame.size.width.max(1));
    let height =
        (u64::from(frame.size.height) * u64::from(width)).div_ceil(u64::from(frame.size.width.max(1)));
    let size = Size::new(width, u32::try_from(height).unwrap_or(u32::MAX).max(1));
    let mut pixels = Vec::new();
    if size == frame.size {
        crate::frame::convert::rgb_into(frame, &mut pixels)?;
    } else {
        let whole = Rect::new(0.0, 0.0, frame.size.width as f32, frame.size.height as f32);
        Scaler::new().crop(frame, whole, size, 3, &mut pixels)?;
    }
    let mut jpeg = Vec::with_capacity(pixels.len() / 8);
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, QUALITY).encode(
        &pixels,
        size.width,
        size.height,
        image::ExtendedColorType::Rgb8,
    )?;
    Ok(jpeg)
}

/// The newest picture of a camera, put there by whoever looks at its pictures.
#[derive(Debug, Clone, Default)]
pub struct Window(Arc<Mutex<Option<Frame>>>);

impl Window {
    pub fn show(&self, frame: &Frame) {
        let old = self.0.lock().unwrap_or_else(PoisonError::into_inner).replace(frame.clone());
        // Outside the lock: its memory goes back to a pool with a lock of its own.
        drop(old);
    }

    pub fn picture(&self) -> Option<Frame> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{PixelFormat, test_frames::frame_of};

    #[test]
    fn a_picture_is_no_wider_than_it_was_asked_for_and_keeps_its_proportions() {
        let frame = frame_of(PixelFormat::I420, Size::new(640, 360), |x, _| [(x % 256) as u8, 90, 30]);
        for (width, expected) in [(320, (320, 180)), (64, (64, 36)), (2000, (640, 360))] {
            let jpeg = encode(&frame, width).unwrap();
            let picture = image::load_from_memory(&jpeg).unwrap();
            assert_eq!((picture.width(), picture.height()), expected);
        }
    }

    #[test]
    fn one_that_was_encoded_is_found_until_there_is_a_newer_one() {
        let pictures = Pictures::default();
        let jpeg = Bytes::from_static(b"jpeg");
        pictures.keep("in", Kept { seq: 7, width: 640, jpeg });
        assert!(pictures.find("in", 7, 640).is_some());
        for (camera, seq, width) in [("in", 8, 640), ("in", 7, 1280), ("out", 7, 640)] {
            assert!(pictures.find(camera, seq, width).is_none());
        }
        for n in 0..100 {
            pictures.keep(&n.to_string(), Kept { seq: 0, width: 64, jpeg: Bytes::new() });
        }
        assert!(pictures.0.lock().unwrap().len() <= MOST_KEPT);
    }
}
