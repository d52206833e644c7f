//! Live events over Server-Sent Events and WebSocket.
//!
//! A listener that lags too far behind, takes nothing for a while or talks too much is told so, as far as it still hears,
//! and loses its place. Events are not kept for it: what was missed is in the journal.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::{
    extract::{
        RawQuery, State,
        ws::{
            CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code,
            rejection::WebSocketUpgradeRejection,
        },
    },
    response::{
        IntoResponse as _, Response, Sse,
        sse::{self, KeepAlive},
    },
};
use futures::stream;
use serde_json::json;
use tokio::{
    sync::{OwnedSemaphorePermit, broadcast, broadcast::error::RecvError},
    time::{interval, timeout},
};

use super::{
    Shared,
    events::Event,
    problem::Problem,
    query,
    stats::{Present, Refused},
};

/// A message that is not taken for this long has no listener.
const TAKEN: Duration = Duration::from_secs(5);
/// How often it is asked whether anybody is still there.
const ASKED: Duration = Duration::from_secs(20);
/// Messages of a listener in the time of [`ASKED`]; what they say does not matter.
const MOST_WORDS: u32 = 30;
/// Longest message of a listener.
const LONGEST: usize = 4 << 10;

fn place(shared: &Shared) -> Result<OwnedSemaphorePermit, Problem> {
    Arc::clone(&shared.listeners).try_acquire_owned().map_err(|_| {
        shared.stats.refused(Refused::Listeners);
        Problem::busy("as many listen as may; [http] listeners says how many").after(5)
    })
}

/// What is said to a listener that has lost its place.
fn too_slow(missed: u64) -> String {
    format!("you did not keep up: {missed} events were missed; they are in /api/v1/passages")
}

/// One who listens by Server-Sent Events.
struct Listening {
    shared: Shared,
    heard: broadcast::Receiver<Arc<Event>>,
    over: bool,
    _place: OwnedSemaphorePermit,
    _present: Counted,
}

/// Counts a listener for as long as the stream lives, which owns it.
struct Counted(Shared);

impl Counted {
    fn new(shared: &Shared) -> Self {
        shared.stats.sse.fetch_add(1, Ordering::Relaxed);
        Self(shared.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.stats.sse.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(super) async fn events(
    State(shared): State<Shared>,
    RawQuery(asked): RawQuery,
) -> Result<Response, Problem> {
    query::pairs(asked.as_deref(), &[])?;
    let place = place(&shared)?;
    let listening = Listening {
        heard: shared.sources.events.listen(),
        over: false,
        _place: place,
        _present: Counted::new(&shared),
        shared,
    };
    let stream = stream::unfold(listening, |mut listening| async move {
        if listening.over {
            return None;
        }
        let heard = tokio::select! {
            heard = listening.heard.recv() => heard,
            () = listening.shared.stop.stopped() => Err(RecvError::Closed),
        };
        let event = match heard {
            Ok(event) => {
                listening.shared.stats.events.fetch_add(1, Ordering::Relaxed);
                sse::Event::default().event(event.kind).id(&event.id).data(&event.json)
            }
            Err(RecvError::Lagged(missed)) => {
                listening.shared.stats.refused(Refused::Slow);
                listening.over = true;
                let said = json!({"error": "slow", "missed": missed, "message": too_slow(missed)});
                sse::Event::default().event("goodbye").data(said.to_string())
            }
            Err(RecvError::Closed) => {
                listening.over = true;
                let said = json!({"error": "stopping", "message": "the daemon stops"});
                sse::Event::default().event("goodbye").data(said.to_string())
            }
        };
        Some((Ok::<_, std::convert::Infallible>(event), listening))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(ASKED)).into_response())
}

pub(super) async fn socket(
    State(shared): State<Shared>,
    RawQuery(asked): RawQuery,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    query::pairs(asked.as_deref(), &[])?;
    let upgrade = upgrade
        .map_err(|rejection| Problem::new(rejection.status(), "no-websocket", rejection.body_text()))?;
    let place = place(&shared)?;
    let upgrade = upgrade.max_message_size(LONGEST).max_frame_size(LONGEST).write_buffer_size(8 << 10);
    Ok(upgrade.max_write_buffer_size(256 << 10).on_upgrade(move |socket| async move {
        let present = Present::new(&shared.stats.websocket);
        listen(&shared, socket).await;
        drop((present, place));
    }))
}

async fn listen(shared: &Shared, mut socket: WebSocket) {
    let mut heard = shared.sources.events.listen();
    let mut ask = interval(ASKED);
    ask.tick().await;
    let (mut words, mut answered) = (0, true);
    let goodbye = loop {
        tokio::select! {
            () = shared.stop.stopped() => break Some((close_code::AWAY, "the daemon stops".to_owned())),
            event = heard.recv() => match event {
                Ok(event) => {
                    let text = Message::Text(Utf8Bytes::from(event.json.as_str()));
                    match timeout(TAKEN, socket.send(text)).await {
                        Ok(Ok(())) => {
                            shared.stats.events.fetch_add(1, Ordering::Relaxed);
                        }
                        Ok(Err(_)) => break None,
                        Err(_) => {
                            shared.stats.refused(Refused::Slow);
                            break None;
                        }
                    }
                }
                Err(RecvError::Lagged(missed)) => {
                    shared.stats.refused(Refused::Slow);
                    break Some((close_code::POLICY, too_slow(missed)));
                }
                Err(RecvError::Closed) => break Some((close_code::AWAY, "the daemon stops".to_owned())),
            },
            said = socket.recv() => match said {
                None | Some(Err(_) | Ok(Message::Close(_))) => break None,
                Some(Ok(_)) => {
                    (words, answered) = (words + 1, true);
                    if words > MOST_WORDS {
                        shared.stats.refused(Refused::Flood);
                        break Some((close_code::POLICY, "you say too much".to_owned()));
                    }
                }
            },
            _ = ask.tick() => {
                words = 0;
                let asked = timeout(TAKEN, socket.send(Message::Ping(Vec::new().into()))).await;
                if !std::mem::take(&mut answered) || !matches!(asked, Ok(Ok(()))) {
                    break None;
                }
            }
        }
    };
    if let Some((code, reason)) = goodbye {
        let frame = CloseFrame { code, reason: reason.into() };
        // It may not hear it any more.
        let _ = timeout(TAKEN, socket.send(Message::Close(Some(frame)))).await;
    }
}
