//! Passages: a page of those that fit, one with all that is known of it, its pictures.

use std::{
    fs,
    io::Read as _,
    path::{Component, Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use axum::{
    Json,
    extract::{Path as Named, RawQuery, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use super::{Shared, form, problem::Problem, query};
use crate::{
    fact::{Image, privacy::searched},
    journal::{Cursor, PlateFilter, Reader, ReaderError},
};

/// Connections to the journal: made when they are needed, kept, never more than so many.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Reader>>,
    places: Semaphore,
}

impl Readers {
    pub(super) fn new(path: &Path, most: usize) -> Self {
        Self { path: path.to_owned(), idle: Mutex::default(), places: Semaphore::new(most) }
    }

    fn take(&self) -> Result<Reader, ReaderError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| Reader::open(&self.path), Ok)
    }

    fn give_back(&self, reader: Reader) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
    }
}

/// Asks the journal, in a thread that may wait for the disk.
async fn ask<T: Send + 'static>(
    shared: &Shared,
    what: impl FnOnce(&mut Reader) -> Result<T, ReaderError> + Send + 'static,
) -> Result<T, Problem> {
    let ours = |error: &dyn std::fmt::Display| {
        tracing::warn!(%error, "a question to the journal was not answered");
        Problem::ours("the journal does not answer; the log says why")
    };
    let Ok(_place) = shared.readers.places.acquire().await else { return Err(Problem::busy("stopping")) };
    let kept = shared.clone();
    let answer = tokio::task::spawn_blocking(move || {
        let mut reader = kept.readers.take()?;
        let answer = what(&mut reader)?;
        // One that failed is not used again.
        kept.readers.give_back(reader);
        Ok::<T, ReaderError>(answer)
    });
    answer.await.map_err(|error| ours(&error))?.map_err(|error| ours(&error))
}

pub(super) async fn list(
    State(shared): State<Shared>,
    RawQuery(asked): RawQuery,
) -> Result<Response, Problem> {
    let (mut filter, limit) = query::passages(asked.as_deref())?;
    if let Some(PlateFilter::Exactly(plate)) = &mut filter.plate {
        *plate = searched(&shared.settings.privacy.mode, plate);
    }
    let records = ask(&shared, move |reader| reader.passages(&filter)).await?;
    let next = records.last().filter(|_| records.len() == limit);
    let next = next.map(|last| query::written(Cursor::behind(&last.passage)));
    let passages: Vec<_> = records.iter().map(form::passage).collect();
    Ok(Json(json!({"passages": passages, "next": next})).into_response())
}

pub(super) async fn one(
    State(shared): State<Shared>,
    Named(id): Named<String>,
    RawQuery(asked): RawQuery,
) -> Result<Response, Problem> {
    query::pairs(asked.as_deref(), &[])?;
    let id = query::passage_id(&id)?;
    let found = ask(&shared, move |reader| Ok((reader.passage(id)?, reader.evidence(id)?))).await?;
    let (Some(record), evidence) = found else { return Err(unknown()) };
    let shown = evidence.as_ref().filter(|_| shared.sources.evidence.is_some());
    Ok(Json(form::whole(&record, shown)).into_response())
}

pub(super) async fn image(
    State(shared): State<Shared>,
    Named((id, kind)): Named<(String, String)>,
    RawQuery(asked): RawQuery,
) -> Result<Response, Problem> {
    query::pairs(asked.as_deref(), &[])?;
    let id = query::passage_id(&id)?;
    let Some(folder) = shared.sources.evidence.clone() else {
        return Err(Problem::not_found("no pictures are kept: [evidence] is not enabled"));
    };
    let evidence = ask(&shared, move |reader| reader.evidence(id)).await?.ok_or_else(unknown)?;
    let image = evidence.images.into_iter().find(|image| image.kind.as_str() == kind);
    let image = image.ok_or_else(|| Problem::not_found("there is no such picture; there is plate, frame"))?;
    let name = image.file.clone();
    match tokio::task::spawn_blocking(move || fetch(&folder, &image)).await {
        Ok(Ok(bytes)) => Ok(([(header::CONTENT_TYPE, "image/jpeg")], bytes).into_response()),
        Ok(Err(Missing::Gone)) => {
            let why = "this picture has been erased: by age, for room, or by request";
            Err(Problem::new(StatusCode::GONE, "gone", why))
        }
        Ok(Err(Missing::Changed)) => {
            tracing::error!(file = name, "a picture is not as the journal vouches for it");
            Err(Problem::ours("this picture was changed since it was taken, and is not shown"))
        }
        Ok(Err(Missing::File(error))) => {
            tracing::warn!(file = name, %error, "a picture cannot be read");
            Err(Problem::ours("this picture cannot be read; the log says why"))
        }
        Err(_) => Err(Problem::ours("this picture cannot be read")),
    }
}

fn unknown() -> Problem {
    Problem::not_found("there is no such passage, or no picture of it")
}

#[derive(Debug)]
enum Missing {
    Gone,
    Changed,
    File(std::io::Error),
}

/// The picture's bytes, if they are those that the journal vouches for.
fn fetch(folder: &Path, image: &Image) -> Result<Vec<u8>, Missing> {
    // Written by us, and checked all the same: nothing leads out of the folder.
    let inside = Path::new(&image.file).components().all(|part| matches!(part, Component::Normal(_)));
    if !inside {
        return Err(Missing::Changed);
    }
    let open = fs::File::open(folder.join(&image.file)).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Missing::Gone,
        _ => Missing::File(error),
    })?;
    let mut bytes = Vec::new();
    open.take(image.bytes + 1).read_to_end(&mut bytes).map_err(Missing::File)?;
    let digest: [u8; 32] = Sha256::digest(&bytes).into();
    if digest == image.sha256 { Ok(bytes) } else { Err(Missing::Changed) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::ImageKind;

    #[test]
    fn only_the_picture_that_was_vouched_for_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("day")).unwrap();
        fs::write(folder.path().join("day/a.jpg"), "picture").unwrap();
        let image = |file: &str, content: &str| Image {
            kind: ImageKind::Plate,
            file: file.to_owned(),
            bytes: content.len() as u64,
            sha256: Sha256::digest(content).into(),
        };
        let fetch = |file, content| fetch(folder.path(), &image(file, content));
        assert_eq!(fetch("day/a.jpg", "picture").unwrap(), b"picture");
        assert!(matches!(fetch("day/a.jpg", "another"), Err(Missing::Changed)));
        assert!(matches!(fetch("day/a.jpg", "pict"), Err(Missing::Changed)));
        assert!(matches!(fetch("day/b.jpg", "picture"), Err(Missing::Gone)));
        for file in ["../a.jpg", "/etc/hostname", "day/../../a"] {
            assert!(matches!(fetch(file, "picture"), Err(Missing::Changed)), "{file}");
        }
    }
}
