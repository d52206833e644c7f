//! What the API was asked, and what it turned away: counters that the health report reads.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::Serialize;

use super::routes::ROUTES;
use crate::telemetry::{Histogram, HitCounts, Hits, Times};

/// Why somebody was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// No token, or a wrong one.
    Token,
    /// The token's role is not enough.
    Role,
    /// Too many requests from one address.
    Rate,
    /// Too many connections.
    Connections,
    /// Took too long.
    Timeout,
    /// Too many listeners.
    Listeners,
    /// A listener that did not keep up.
    Slow,
    /// A listener that says too much.
    Flood,
}

impl Refused {
    const ALL: [Self; 8] = [
        Self::Token,
        Self::Role,
        Self::Rate,
        Self::Connections,
        Self::Timeout,
        Self::Listeners,
        Self::Slow,
        Self::Flood,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Role => "role",
            Self::Rate => "rate",
            Self::Connections => "connections",
            Self::Timeout => "timeout",
            Self::Listeners => "listeners",
            Self::Slow => "slow",
            Self::Flood => "flood",
        }
    }
}

/// Written by every request, read by whoever reports.
#[derive(Debug)]
pub struct Stats {
    /// By place in [`ROUTES`]; the last one is everything else.
    routes: Vec<Counted>,
    refused: [AtomicU64; Refused::ALL.len()],
    pub(super) connections: AtomicU64,
    pub(super) sse: AtomicU64,
    pub(super) websocket: AtomicU64,
    pub(super) events: AtomicU64,
    pub(super) snapshots: Hits,
    trouble: Mutex<Option<String>>,
}

#[derive(Debug, Default)]
struct Counted {
    /// By the first digit of the answer's status.
    answers: [AtomicU64; 5],
    times: Histogram,
}

/// Everything at one moment.
#[derive(Debug, Clone, Serialize)]
pub struct Snapshot {
    pub requests: u64,
    pub connections: u64,
    pub sse_listeners: u64,
    pub websocket_listeners: u64,
    /// Live events that were told.
    pub events: u64,
    /// Who was turned away, by the word for why.
    pub refused: BTreeMap<&'static str, u64>,
    /// Why nobody is served, while nobody is.
    pub trouble: Option<String>,
    #[serde(skip)]
    pub routes: Vec<RouteCounts>,
    #[serde(skip)]
    pub snapshots: HitCounts,
}

/// One route's requests.
#[derive(Debug, Clone)]
pub struct RouteCounts {
    /// Its path as written in the table, or `other`.
    pub route: &'static str,
    pub answers: [u64; 5],
    pub times: Times,
}

impl Default for Stats {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            routes: (0..=ROUTES.len()).map(|_| Counted::default()).collect(),
            refused: Default::default(),
            connections: zero(),
            sse: zero(),
            websocket: zero(),
            events: zero(),
            snapshots: Hits::default(),
            trouble: Mutex::new(None),
        }
    }
}

impl Stats {
    pub(super) fn answered(&self, route: Option<usize>, status: u16, took: Duration) {
        let Some(counted) = self.routes.get(route.unwrap_or(ROUTES.len())) else { return };
        counted.times.note(took);
        let class = usize::from(status / 100).saturating_sub(1);
        if let Some(count) = counted.answers.get(class) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn refused(&self, why: Refused) {
        if let Some(count) = self.refused.get(why as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Notes why nobody is served; true if that is news.
    pub(super) fn set_trouble(&self, trouble: Option<&str>) -> bool {
        let mut slot = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let news = slot.as_deref() != trouble;
        if news {
            *slot = trouble.map(str::to_owned);
        }
        news
    }

    pub fn snapshot(&self) -> Snapshot {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let names = ROUTES.iter().map(|route| route.path).chain(["other"]);
        let mut routes: Vec<RouteCounts> = Vec::new();
        for (route, counted) in names.zip(&self.routes) {
            let answers = counted.answers.each_ref().map(read);
            // Two methods of one path count together.
            match routes.iter_mut().find(|known| known.route == route) {
                None => routes.push(RouteCounts { route, answers, times: counted.times.times() }),
                Some(known) => {
                    known.answers.iter_mut().zip(answers).for_each(|(sum, more)| *sum += more);
                    known.times.add(&counted.times.times());
                }
            }
        }
        Snapshot {
            requests: routes.iter().flat_map(|route| route.answers).sum(),
            connections: read(&self.connections),
            sse_listeners: read(&self.sse),
            websocket_listeners: read(&self.websocket),
            events: read(&self.events),
            refused: Refused::ALL.iter().map(|why| why.as_str()).zip(self.refused.iter().map(read)).collect(),
            trouble: self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            routes,
            snapshots: self.snapshots.counts(),
        }
    }
}

/// Counts something for as long as it lives.
#[derive(Debug)]
pub(super) struct Present<'a>(&'a AtomicU64);

impl<'a> Present<'a> {
    pub(super) fn new(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
