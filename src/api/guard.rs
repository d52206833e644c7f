//! What every request passes: how much its address may ask, whose token it brings, and how long an answer may take.

use std::{net::SocketAddr, time::Duration};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use tokio::time::timeout;

use super::{
    Shared,
    problem::Problem,
    routes::{self, METRICS, ROUTES, Role},
    stats::Refused,
};

/// An answer that takes longer than this is none; one to an order for a gate may wait for the gate.
const ANSWER: Duration = Duration::from_secs(15);

/// Who is at the other end; put into each request by `door`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub SocketAddr);

/// What the request was for, for the statistics.
#[derive(Debug, Clone, Copy)]
struct Matched(usize);

/// Outermost: the rate, the time, what is said of the answer.
pub(super) async fn guard(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let began = shared.clock.now();
    let may = match request.extensions().get::<Peer>() {
        Some(Peer(peer)) => shared.rates.may(peer.ip(), began),
        None => true,
    };
    let mut response = if !may {
        shared.stats.refused(Refused::Rate);
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate", "you ask too often").after(1).into_response()
    } else {
        match timeout(ANSWER, next.run(request)).await {
            Ok(response) => response,
            Err(_) => {
                shared.stats.refused(Refused::Timeout);
                Problem::new(StatusCode::REQUEST_TIMEOUT, "timeout", "this took too long").into_response()
            }
        }
    };
    let route = response.extensions().get::<Matched>().map(|matched| matched.0);
    shared.stats.answered(route, response.status().as_u16(), shared.clock.now().since(began));
    let headers = response.headers_mut();
    // What is said here is said to one who may hear it, and is another thing a moment later.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Innermost, for requests that there is a route for: the token.
pub(super) async fn named(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let Some(place) = path.and_then(|path| routes::find(request.method(), &path)) else {
        return next.run(request).await;
    };
    let needed = ROUTES.get(place).map_or(Role::Operate, |route| route.role);
    let open = needed == Role::Anybody || is_open(&shared, place);
    let checked = if open { Ok(()) } else { check(&shared, Caller::of(&request), needed).await };
    let mut response = match checked {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    response.extensions_mut().insert(Matched(place));
    response
}

/// Figures hold no plates: on this machine they are told without a token.
fn is_open(shared: &Shared, place: usize) -> bool {
    ROUTES.get(place).is_some_and(|route| route.path == METRICS) && shared.settings.listen.ip().is_loopback()
}

/// Who asks, as far as they say.
struct Caller {
    peer: Option<Peer>,
    token: Option<String>,
}

impl Caller {
    fn of(request: &Request) -> Self {
        let token = presented(request.headers()).map(str::to_owned);
        Self { peer: request.extensions().get().copied(), token }
    }
}

async fn check(shared: &Shared, caller: Caller, needed: Role) -> Result<(), Problem> {
    if shared.settings.tokens.is_empty() {
        let how = "no token is configured: [http] read-token and operate-token name where they are kept";
        return Err(Problem::new(StatusCode::FORBIDDEN, "no-tokens", how));
    }
    match caller.token.map(|token| shared.settings.tokens.role(&token)) {
        Some(Some(role)) if role >= needed => Ok(()),
        Some(Some(_)) => {
            shared.stats.refused(Refused::Role);
            Err(Problem::new(StatusCode::FORBIDDEN, "role", "this token may read and not operate"))
        }
        wrong @ (Some(None) | None) => {
            shared.stats.refused(Refused::Token);
            // Whoever guesses waits; whoever only forgot it is told at once.
            if wrong.is_some()
                && let Some(Peer(peer)) = caller.peer
            {
                let wait = shared.rates.wrong(peer.ip(), shared.clock.now());
                tracing::debug!(address = %peer.ip(), ?wait, "wrong token");
                tokio::time::sleep(wait).await;
            }
            let how = "an Authorization header with a bearer token is needed, and this is none that is known";
            Err(Problem::new(StatusCode::UNAUTHORIZED, "token", how))
        }
    }
}

/// The token of `Authorization: Bearer ...`.
fn presented(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
