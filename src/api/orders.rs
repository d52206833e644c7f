//! What can be done over HTTP, with a token that may operate: the same as over MQTT, by the same words and rules.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde_json::{Map, Value, json};

use super::{Done, Order, Shared, problem::Problem, query};

/// Nesting beyond this is no order of ours.
const DEEPEST: usize = 4;

/// The fields of a body; none is none.
fn fields(body: &[u8]) -> Result<Map<String, Value>, Problem> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    let depth = body.iter().scan(0usize, |depth, byte| {
        match byte {
            b'{' | b'[' => *depth += 1,
            b'}' | b']' => *depth = depth.saturating_sub(1),
            _ => {}
        }
        Some(*depth)
    });
    if depth.max().unwrap_or(0) > DEEPEST {
        return Err(Problem::wrong("body", format!("this is nested deeper than {DEEPEST} levels")));
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(Problem::wrong("body", "write a JSON object")),
        Err(error) => {
            let place = format!("line {}, column {}", error.line(), error.column());
            Err(Problem::wrong("body", format!("this is no JSON ({place})")))
        }
    }
}

async fn order(
    shared: &Shared,
    asked: Option<&str>,
    verb: &'static str,
    mut fields: Map<String, Value>,
    of_path: &[(&str, String)],
) -> Result<Response, Problem> {
    query::pairs(asked, &[])?;
    for (name, value) in of_path {
        if fields.insert((*name).to_owned(), Value::String(value.clone())).is_some() {
            return Err(Problem::wrong(name, "this stands in the path already"));
        }
    }
    let node = shared.sources.node.clone();
    let done = tokio::task::spawn_blocking(move || node.order(Order { verb, fields })).await;
    match done {
        Ok(Done::Done(result)) => Ok(Json(json!({"done": true, "result": result})).into_response()),
        Ok(Done::Wrong(what)) => {
            // The first word of what is wrong is the field, where it is one.
            let field = what.split([' ', ':']).next().unwrap_or_default().to_owned();
            Err(Problem::wrong(&field, what))
        }
        Ok(Done::Refused(why)) => Err(Problem::new(StatusCode::CONFLICT, "refused", why)),
        Ok(Done::Failed(why)) => {
            tracing::error!(verb, "an order over HTTP could not be carried out");
            Err(Problem::ours(why))
        }
        Err(_) => Err(Problem::ours("it came to nothing; see the daemon's log")),
    }
}

pub(super) async fn add_plate(
    State(shared): State<Shared>,
    RawQuery(asked): RawQuery,
    body: Bytes,
) -> Result<Response, Problem> {
    order(&shared, asked.as_deref(), "plates/add", fields(&body)?, &[]).await
}

pub(super) async fn remove_plate(
    State(shared): State<Shared>,
    Path((list, plate)): Path<(String, String)>,
    RawQuery(asked): RawQuery,
) -> Result<Response, Problem> {
    let of_path = [("list", list), ("plate", plate)];
    order(&shared, asked.as_deref(), "plates/remove", Map::new(), &of_path).await
}

pub(super) async fn open_gate(
    State(shared): State<Shared>,
    Path(gate): Path<String>,
    RawQuery(asked): RawQuery,
    body: Bytes,
) -> Result<Response, Problem> {
    order(&shared, asked.as_deref(), "gate/open", fields(&body)?, &[("gate", gate)]).await
}

pub(super) async fn wake(
    State(shared): State<Shared>,
    Path(camera): Path<String>,
    RawQuery(asked): RawQuery,
) -> Result<Response, Problem> {
    order(&shared, asked.as_deref(), "camera/trigger", Map::new(), &[("camera", camera)]).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_an_object_or_it_is_said_what_it_is_not() {
        assert_eq!(fields(b"").unwrap(), Map::new());
        assert_eq!(fields(br#"{"reason": "post"}"#).unwrap()["reason"], "post");
        let deep = "[".repeat(10_000);
        for (body, words) in
            [("[]", "object"), ("{", "column 1"), ("\u{0}", "no JSON"), (deep.as_str(), "deeper")]
        {
            let problem = format!("{:?}", fields(body.as_bytes()).unwrap_err());
            assert!(problem.contains(words), "{problem}");
        }
    }
}
