//! Every route, once: its method, its path, who may. The router is made from this table, and so is what the statistics
//! name; a test holds `config/schemas/openapi.v1.json` against it.

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{Method, StatusCode, header},
    middleware,
    response::{IntoResponse as _, Response},
    routing::{MethodFilter, MethodRouter, on},
};

use super::{Shared, guard, live, orders, passages, plates, problem::Problem, report, snapshot};

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Without a token.
    Anybody,
    Read,
    /// Reading included.
    Operate,
}

/// One thing that can be asked for.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    pub method: &'static str,
    pub path: &'static str,
    pub role: Role,
    handler: Handler,
}

/// Who answers.
#[derive(Debug, Clone, Copy)]
enum Handler {
    Health,
    Ready,
    Metrics,
    OpenApi,
    Status,
    Passages,
    Passage,
    Image,
    Plates,
    AddPlate,
    RemovePlate,
    Snapshot,
    Wake,
    OpenGate,
    Events,
    Socket,
}

const fn route(method: &'static str, path: &'static str, role: Role, handler: Handler) -> Route {
    Route { method, path, role, handler }
}

/// Longest body of a request.
const LONGEST_BODY: usize = 16 << 10;

/// All of them.
pub const ROUTES: &[Route] = &[
    route("GET", "/healthz", Role::Anybody, Handler::Health),
    route("GET", "/readyz", Role::Anybody, Handler::Ready),
    // On a loopback address without a token: `guard`.
    route("GET", "/metrics", Role::Read, Handler::Metrics),
    route("GET", "/api/v1/openapi.json", Role::Anybody, Handler::OpenApi),
    route("GET", "/api/v1/status", Role::Read, Handler::Status),
    route("GET", "/api/v1/passages", Role::Read, Handler::Passages),
    route("GET", "/api/v1/passages/{id}", Role::Read, Handler::Passage),
    route("GET", "/api/v1/passages/{id}/images/{kind}", Role::Read, Handler::Image),
    route("GET", "/api/v1/plates", Role::Read, Handler::Plates),
    route("POST", "/api/v1/plates", Role::Operate, Handler::AddPlate),
    route("DELETE", "/api/v1/plates/{list}/{plate}", Role::Operate, Handler::RemovePlate),
    route("GET", "/api/v1/cameras/{camera}/snapshot.jpg", Role::Read, Handler::Snapshot),
    route("POST", "/api/v1/cameras/{camera}/trigger", Role::Operate, Handler::Wake),
    route("POST", "/api/v1/gates/{gate}/open", Role::Operate, Handler::OpenGate),
    route("GET", "/api/v1/events", Role::Read, Handler::Events),
    route("GET", "/api/v1/events/ws", Role::Read, Handler::Socket),
];

/// The path of what can be scraped.
pub(super) const METRICS: &str = "/metrics";

impl Handler {
    fn on(self, method: &'static str) -> MethodRouter<Shared> {
        let filter = match method {
            "POST" => MethodFilter::POST,
            "DELETE" => MethodFilter::DELETE,
            _ => MethodFilter::GET,
        };
        match self {
            Self::Health => on(filter, report::healthy),
            Self::Ready => on(filter, report::ready),
            Self::Metrics => on(filter, report::metrics),
            Self::OpenApi => on(filter, open_api),
            Self::Status => on(filter, report::status),
            Self::Passages => on(filter, passages::list),
            Self::Passage => on(filter, passages::one),
            Self::Image => on(filter, passages::image),
            Self::Plates => on(filter, plates::list),
            Self::AddPlate => on(filter, orders::add_plate),
            Self::RemovePlate => on(filter, orders::remove_plate),
            Self::Snapshot => on(filter, snapshot::show),
            Self::Wake => on(filter, orders::wake),
            Self::OpenGate => on(filter, orders::open_gate),
            Self::Events => on(filter, live::events),
            Self::Socket => on(filter, live::socket),
        }
    }
}

/// Where a matched path and method stand in [`ROUTES`].
pub(super) fn find(method: &Method, path: &str) -> Option<usize> {
    // Asking for the head of an answer is asking for it.
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    ROUTES.iter().position(|route| route.method == method && route.path == path)
}

pub(super) fn router(shared: &Shared) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        router = router.route(route.path, route.handler.on(route.method));
    }
    router
        .method_not_allowed_fallback(wrong_method)
        .fallback(nothing_here)
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .route_layer(middleware::from_fn_with_state(shared.clone(), guard::named))
        .layer(middleware::from_fn_with_state(shared.clone(), guard::guard))
        .with_state(shared.clone())
}

async fn nothing_here() -> Problem {
    Problem::not_found("there is nothing here; /api/v1/openapi.json says what there is")
}

async fn wrong_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "wrong-method", "this is not done that way")
}

async fn open_api() -> Response {
    let text = include_str!("../../config/schemas/openapi.v1.json");
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    /// Method, path and role, as the file says.
    fn described() -> BTreeSet<(String, String, String)> {
        let file: Value = serde_json::from_str(include_str!("../../config/schemas/openapi.v1.json")).unwrap();
        let mut described = BTreeSet::new();
        for (path, operations) in file["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                let role = match operation["security"].as_array().unwrap().is_empty() {
                    true => "anybody",
                    false if operation["description"] == "Needs a token that may operate." => "operate",
                    false => "read",
                };
                described.insert((method.to_uppercase(), path.clone(), role.to_owned()));
            }
        }
        described
    }

    #[test]
    fn the_open_api_file_describes_every_route_and_no_other() {
        let role = |role: Role| match role {
            Role::Anybody => "anybody",
            Role::Read => "read",
            Role::Operate => "operate",
        };
        let routes: BTreeSet<_> = ROUTES
            .iter()
            .map(|route| (route.method.to_owned(), route.path.to_owned(), role(route.role).to_owned()))
            .collect();
        assert_eq!(routes, described());
        assert_eq!(routes.len(), ROUTES.len(), "no route stands there twice");
    }

    #[test]
    fn whatever_changes_something_needs_a_token_that_may_operate() {
        for route in ROUTES {
            assert_eq!(route.method != "GET", route.role == Role::Operate, "{}", route.path);
        }
    }
}
