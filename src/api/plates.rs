//! The lists: who is on which, page by page.

use axum::{
    Json,
    extract::{RawQuery, State},
    response::{IntoResponse as _, Response},
};
use serde_json::json;

use super::{Shared, problem::Problem, query};
use crate::plate::PlateText;

/// Entries of one answer, where nothing else is asked for.
const USUAL: usize = 100;
const MOST: usize = 1000;

pub(super) async fn list(
    State(shared): State<Shared>,
    RawQuery(asked): RawQuery,
) -> Result<Response, Problem> {
    let (mut list, mut plate, mut limit, mut from) = (None, None, USUAL, 0);
    for (key, value) in query::pairs(asked.as_deref(), &["list", "plate", "limit", "after"])? {
        match key.as_str() {
            "list" => list = Some(value),
            "plate" => {
                let text = PlateText::normalise(&value).map_err(|_| Problem::wrong(&key, "write a plate"))?;
                plate = Some(text.as_str().to_owned());
            }
            "limit" => limit = query::number(&key, &value, 1..=MOST)?,
            _ => from = query::number(&key, &value, 1..=10_000_000)?,
        }
    }
    let node = shared.sources.node.clone();
    let listed = tokio::task::spawn_blocking(move || node.listed());
    let listed = match listed.await {
        Ok(Ok(listed)) => listed,
        Ok(Err(error)) => {
            tracing::warn!(error, "the lists cannot be told");
            return Err(Problem::ours("the lists cannot be read; the log says why"));
        }
        Err(_) => return Err(Problem::ours("the lists cannot be read")),
    };
    let fits = listed.iter().filter(|one| {
        list.as_ref().is_none_or(|list| one.list == *list)
            && plate.as_ref().is_none_or(|plate| one.plate == *plate)
    });
    let mut page: Vec<_> = fits.skip(from).take(limit + 1).collect();
    let more = page.len() > limit;
    page.truncate(limit);
    let next = more.then(|| (from + limit).to_string());
    Ok(Json(json!({"plates": page, "next": next})).into_response())
}
