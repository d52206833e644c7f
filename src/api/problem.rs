//! What is said to whoever asked for something that cannot be had: a status, a word for programs, a sentence for people.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    status: StatusCode,
    /// For programs.
    word: &'static str,
    message: String,
    /// Of the query or the body.
    field: Option<String>,
    /// Seconds after which it may be worth asking again.
    again: Option<u32>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, word: &'static str, message: impl Into<String>) -> Self {
        Self { status, word, message: message.into(), field: None, again: None }
    }

    /// Something in the request is not as it should be.
    pub(super) fn wrong(field: &str, message: impl Into<String>) -> Self {
        let field = Some(field.chars().take(64).collect());
        Self { field, ..Self::new(StatusCode::BAD_REQUEST, "wrong-field", message) }
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", message)
    }

    /// Ours, and for a while.
    pub(super) fn busy(message: impl Into<String>) -> Self {
        Self { again: Some(1), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message) }
    }

    /// Ours. What exactly is in the log, not in the answer: it may name files.
    pub(super) fn ours(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", message)
    }

    pub(super) fn after(self, seconds: u32) -> Self {
        Self { again: Some(seconds), ..self }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({"error": self.word, "message": self.message});
        if let (Some(field), Some(body)) = (self.field, body.as_object_mut()) {
            body.insert("field".to_owned(), field.into());
        }
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.again {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"amslpr\""));
        }
        response
    }
}
