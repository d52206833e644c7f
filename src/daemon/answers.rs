//! What the HTTP API asks of the daemon, answered: reports from the main loop, pictures from the cameras, lists, and
//! orders by the same hands that do them over MQTT.

use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::{
    asked::{self, Question, Questions},
    commands,
    control::words::{self, Reply},
    gates::Doors,
    health::{self, Health, Verdict},
    lists::Desk,
    metrics,
    sinks::Sinks,
    triggers::{self, Sleepers},
};
use crate::{
    access::Actor,
    api::{Answer, Done, Listed, Node, Order, Outlook, Report, View, Window},
    capture::CameraStats,
    clock::Clock,
    frame::CameraId,
    publish::{
        Presence,
        command::{self, Outcome, Request},
    },
};

/// Who has done what is asked for over HTTP.
const ACTOR: &str = "http";

/// A camera's newest picture, and whether it is of today.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub camera: CameraId,
    pub window: Window,
    pub capture: Arc<CameraStats>,
}

/// The cameras that can be looked at, as they are now: a reload exchanges them.
#[derive(Debug, Clone, Default)]
pub(super) struct Windows(Arc<RwLock<Vec<Shown>>>);

impl Windows {
    pub(super) fn are(&self, shown: Vec<Shown>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = shown;
    }
}

/// The daemon, as the API sees it.
#[derive(Debug)]
pub(super) struct Answers {
    pub questions: Questions,
    pub windows: Windows,
    pub desk: Desk,
    pub doors: Doors,
    pub sinks: Sinks,
    pub sleepers: Sleepers,
    pub clock: Arc<dyn Clock>,
}

impl Node for Answers {
    fn ask(&self, what: Report) -> Option<oneshot::Receiver<Result<Answer, String>>> {
        let (tell, told) = oneshot::channel();
        let question = Question::new(move |health| {
            // Whoever asked may have given up.
            let _ = tell.send(answer(what, health));
        });
        self.questions.try_send(question).ok().map(|()| told)
    }

    fn view(&self, camera: &str) -> View {
        let windows = self.windows.0.read().unwrap_or_else(PoisonError::into_inner);
        let Some(shown) = windows.iter().find(|shown| shown.camera.as_str() == camera) else {
            let known: Vec<&str> = windows.iter().map(|shown| shown.camera.as_str()).collect();
            return View::Unknown(known.join(", "));
        };
        match health::presence(&shown.capture, self.clock.now()) {
            Presence::Stalled | Presence::Offline | Presence::Starting => View::Nothing,
            _ => shown.window.picture().map_or(View::Nothing, |frame| View::Picture(Box::new(frame))),
        }
    }

    fn listed(&self) -> Result<Vec<Listed>, String> {
        let words = |error: &dyn std::fmt::Display| error.to_string();
        let store = self.desk.store().map_err(|error| words(&error))?;
        let added = store.entries().map_err(|error| words(&error))?;
        let memory = store.memory().map_err(|error| words(&error))?;
        let (lists, _) = self.desk.configured().with(&added);
        let by: std::collections::HashMap<_, _> =
            added.iter().map(|one| ((one.list.as_str(), &one.entry.plate), one.by.as_str())).collect();
        let instant = |at: Option<Timestamp>| at.map(|at| at.to_string());
        let listed = lists.entries().map(|(list, entry)| {
            let used = memory.pass(&list.name, &entry.plate, entry.added).map_or(0, |used| used.used);
            let schedule = entry.schedule.as_ref().or(list.schedule.as_ref());
            let by = entry.added.and_then(|_| by.get(&(list.name.as_str(), &entry.plate)));
            Listed {
                list: list.name.clone(),
                kind: list.kind.as_str(),
                plate: entry.plate.as_str().to_owned(),
                note: entry.note.clone(),
                from: instant(entry.from),
                until: instant(entry.until),
                uses: entry.pass.uses,
                used: entry.pass.is_limited().then_some(used),
                lasts_s: entry.pass.lasts.map(|lasts| lasts.as_secs()),
                schedule: schedule.map(|schedule| schedule.name.clone()),
                added: instant(entry.added),
                added_by: by.map(|by| (*by).to_owned()),
            }
        });
        Ok(listed.collect())
    }

    fn order(&self, order: Order) -> Done {
        let verb = order.verb;
        let request = match command::request(verb, order.fields) {
            Ok(request) => request,
            Err(what) => return Done::Wrong(what),
        };
        let outcome = match &request {
            Request::AddPlate(_) | Request::RemovePlate { .. } => {
                commands::change(&self.desk, &request, &Actor::new(ACTOR), self.clock.wall())
            }
            Request::OpenGate { gate, reason } => {
                let reason = reason.as_deref().and_then(|reason| words::plain(reason, 200));
                match asked::open(&self.doors, &self.sinks, gate, ACTOR, &reason.unwrap_or_default()) {
                    Reply { ok: true, text, .. } => Outcome::Done(serde_json::Value::String(text)),
                    Reply { ok: false, text, .. } => Outcome::Refused(text),
                }
            }
            Request::Trigger { camera } => triggers::wake(&self.sleepers, camera, self.clock.now()),
            Request::Status => Outcome::Failed("this is a question".to_owned()),
        };
        let is_done = matches!(outcome, Outcome::Done(_));
        tracing::info!(verb, is_done, "order over HTTP");
        match outcome {
            Outcome::Done(result) => Done::Done(result),
            Outcome::Refused(why) | Outcome::NotAvailable(why) => Done::Refused(why),
            Outcome::Failed(why) => Done::Failed(why),
        }
    }
}

fn answer(what: Report, health: &Health) -> Result<Answer, String> {
    Ok(match what {
        Report::Outlook => Answer::Outlook(Outlook {
            verdict: health.verdict.as_str(),
            is_ready: health.verdict != Verdict::Failed,
        }),
        Report::Status => Answer::Text(serde_json::to_string(health).map_err(|error| error.to_string())?),
        Report::Metrics => Answer::Text(metrics::text(health).map_err(|error| error.to_string())?),
    })
}
