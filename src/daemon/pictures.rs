//! Pictures of passages on their way from the evidence to the broker: one a passage, the best that the broker takes.

use std::sync::{Arc, PoisonError, RwLock};

use crate::{
    fact::ImageKind,
    journal::evidence::{Onlooker, Picture},
    publish::{Image, Images, LARGEST_IMAGE},
};

/// Where they go while there is a publisher that wants them: it starts after the evidence, and a reload exchanges it.
#[derive(Debug, Clone, Default)]
pub(super) struct Outlet(Arc<RwLock<Option<Images>>>);

impl Outlet {
    /// `None`: nowhere.
    pub(super) fn lead(&self, images: Option<Images>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = images;
    }

    /// Shows each passage's picture to the broker, while there is one.
    pub(super) fn onlooker(&self) -> Onlooker {
        let outlet = self.clone();
        Box::new(move |camera, passage, pictures| {
            let images = outlet.0.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(images) = images.as_ref()
                && let Some(jpeg) = chosen(pictures)
            {
                images.send(Image { camera: camera.clone(), passage, jpeg });
            }
        })
    }
}

/// The whole picture, or the plate where that is too large or not kept.
fn chosen(mut pictures: Vec<Picture>) -> Option<Vec<u8>> {
    let fits = |picture: &Picture| picture.jpeg.len() <= LARGEST_IMAGE;
    pictures.sort_by_key(|picture| (!fits(picture), picture.kind != ImageKind::Frame));
    pictures.into_iter().next().map(|picture| picture.jpeg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_picture_goes_out_if_it_is_not_too_large() {
        let check = |sizes: &[(ImageKind, usize)], expected: Option<usize>| {
            let picture = |(kind, size): &(ImageKind, usize)| Picture { kind: *kind, jpeg: vec![0; *size] };
            let found = chosen(sizes.iter().map(picture).collect());
            assert_eq!(found.map(|jpeg| jpeg.len()), expected, "{sizes:?}");
        };
        let (plate, frame) = (ImageKind::Plate, ImageKind::Frame);
        check(&[(plate, 10), (frame, 1000)], Some(1000));
        check(&[(plate, 10), (frame, LARGEST_IMAGE + 1)], Some(10));
        check(&[(plate, 10)], Some(10));
        // It is dropped on the way, and counted there.
        check(&[(frame, LARGEST_IMAGE + 1)], Some(LARGEST_IMAGE + 1));
        check(&[], None);
    }
}
