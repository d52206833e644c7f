//! How the node is: alive, ready, its report, its figures. All of it from the main loop, so that an answer is one from
//! whoever has to work.

use std::time::Duration;

use axum::{
    Json,
    extract::{RawQuery, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::json;
use tokio::time::timeout;

use super::{Answer, METRICS_TYPE, Outlook, Report, Shared, problem::Problem, query};

/// The main loop answers between two looks at its units, or after a reload.
const PATIENCE: Duration = Duration::from_secs(5);

async fn ask(shared: &Shared, what: Report) -> Result<Answer, Problem> {
    let asked = shared.sources.node.ask(what).ok_or_else(|| Problem::busy("too many ask at once"))?;
    match timeout(PATIENCE, asked).await {
        Ok(Ok(Ok(answer))) => Ok(answer),
        Ok(Ok(Err(error))) => {
            tracing::error!(error, "the report cannot be written");
            Err(Problem::ours("the report cannot be written; the log says why"))
        }
        Ok(Err(_)) | Err(_) => Err(Problem::busy("the daemon's main loop does not answer")),
    }
}

async fn outlook(shared: &Shared) -> Result<Outlook, Problem> {
    match ask(shared, Report::Outlook).await? {
        Answer::Outlook(outlook) => Ok(outlook),
        Answer::Text(_) => Err(Problem::ours("the report is no outlook")),
    }
}

async fn text(shared: &Shared, what: Report, form: &'static str) -> Result<Response, Problem> {
    match ask(shared, what).await? {
        Answer::Text(text) => Ok(([(header::CONTENT_TYPE, form)], text).into_response()),
        Answer::Outlook(_) => Err(Problem::ours("the report is an outlook")),
    }
}

/// Whether the daemon moves at all; a restart is the cure if not.
pub(super) async fn healthy(
    State(shared): State<Shared>,
    RawQuery(asked): RawQuery,
) -> Result<Response, Problem> {
    query::pairs(asked.as_deref(), &[])?;
    outlook(&shared).await?;
    Ok(Json(json!({"alive": true})).into_response())
}

/// Whether plates are read and kept.
pub(super) async fn ready(
    State(shared): State<Shared>,
    RawQuery(asked): RawQuery,
) -> Result<Response, Problem> {
    query::pairs(asked.as_deref(), &[])?;
    let Outlook { verdict, is_ready } = outlook(&shared).await?;
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok((status, Json(json!({"ready": is_ready, "verdict": verdict}))).into_response())
}

pub(super) async fn metrics(
    State(shared): State<Shared>,
    RawQuery(asked): RawQuery,
) -> Result<Response, Problem> {
    query::pairs(asked.as_deref(), &[])?;
    text(&shared, Report::Metrics, METRICS_TYPE).await
}

pub(super) async fn status(
    State(shared): State<Shared>,
    RawQuery(asked): RawQuery,
) -> Result<Response, Problem> {
    query::pairs(asked.as_deref(), &[])?;
    text(&shared, Report::Status, "application/json").await
}
