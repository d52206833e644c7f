//! The HTTP API: what the node knows, and what it can be asked to do, for whoever has a token.
//!
//! ```text
//! routes     every route with its role, once; the router              guard     rate, token, role, time, for each request
//! door       connections: accepted, counted, their patience           tls       the same behind TLS
//! tokens     who may read, who may operate                            rate      how much one address may ask
//! query      what is asked for, or the field that is wrong            form      what is answered, converted by hand
//! report  passages  plates  snapshot  orders   handlers     node   what they ask of the daemon
//! events  live   what happens, as it happens, over SSE and WebSocket
//! stats      what all of it came to
//! ```
//!
//! Knows the journal, and the rest of the daemon as [`Node`]. Nothing here is told more than `[privacy]` lets be
//! remembered: facts come as they are recorded, and pictures only where pictures may be kept. A caller that is slow,
//! silent, wrong or too many costs a place in a bounded list, and no camera or gate ever waits for one.

mod door;
mod events;
mod form;
mod guard;
mod live;
mod node;
mod orders;
mod passages;
mod plates;
mod problem;
mod query;
mod rate;
mod report;
mod routes;
mod snapshot;
mod stats;
mod tls;
mod tokens;

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::sync::Semaphore;

use crate::{
    clock::Clock,
    fact::privacy::Privacy,
    heartbeat::Heartbeat,
    shutdown::{Trigger, shutdown},
};
pub use events::Events;
pub use form::Listed;
pub(crate) use form::event;
pub use node::{Answer, Done, METRICS_TYPE, Node, Order, Outlook, Report, View};
pub use routes::{ROUTES, Role, Route};
pub use snapshot::Window;
pub use stats::{RouteCounts, Snapshot, Stats};
pub use tls::{Tls, TlsError};
pub use tokens::Tokens;

/// Blocking threads: questions to the journal, pictures to be encoded, orders.
const WORKERS: usize = 8;
/// Questions to the journal at a time, each on a connection of its own.
const READERS: usize = 4;

/// How it is served.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub listen: SocketAddr,
    /// `None`: in the clear.
    pub tls: Option<Tls>,
    pub tokens: Tokens,
    /// Requests a second that one address may make for a while.
    pub rate: u32,
    /// Connections at a time; one address may have three quarters of them.
    pub connections: usize,
    /// Listeners to live events at a time.
    pub listeners: usize,
    /// What may be shown at all.
    pub privacy: Privacy,
}

/// When the address has to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Now, or the server does not start.
    Now,
    /// As soon as it is free; until then it stands in the statistics as the trouble that it is.
    WhenFree,
}

/// Where the answers come from.
#[derive(Clone)]
pub struct Sources {
    pub journal: PathBuf,
    /// The folder of images, where any are kept.
    pub evidence: Option<PathBuf>,
    pub node: Arc<dyn Node>,
    pub events: Events,
}

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources").field("journal", &self.journal).finish_non_exhaustive()
    }
}

/// What every handler has at hand.
#[derive(Debug, Clone)]
struct Shared(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    sources: Sources,
    stats: Arc<Stats>,
    readers: passages::Readers,
    pictures: snapshot::Pictures,
    rates: rate::Rates,
    /// Places for listeners.
    listeners: Arc<Semaphore>,
    stop: crate::shutdown::Stop,
    clock: Arc<dyn Clock>,
}

impl std::ops::Deref for Shared {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// The running server. Dropping it ends it; whoever still listens is told.
#[derive(Debug)]
pub struct Server {
    stop: Option<Trigger>,
    thread: Option<JoinHandle<()>>,
    stats: Arc<Stats>,
    heartbeat: Heartbeat,
}

impl Server {
    /// Starts to serve, in a thread of its own.
    pub fn start(
        settings: Settings,
        sources: Sources,
        claim: Claim,
        clock: Arc<dyn Clock>,
    ) -> std::io::Result<Self> {
        let tls = settings.tls.as_ref().map(Tls::acceptor).transpose().map_err(std::io::Error::other)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(WORKERS)
            .thread_name("http worker")
            .build()?;
        let listener = match claim {
            Claim::Now => {
                let bound = {
                    let _context = runtime.enter();
                    door::bind(settings.listen)
                };
                match bound {
                    Ok(listener) => Some(listener),
                    Err(error) => {
                        // Whoever asks may be a task of another runtime, which must not wait for the end of this one.
                        runtime.shutdown_background();
                        return Err(error);
                    }
                }
            }
            Claim::WhenFree => None,
        };
        let stats = Arc::new(Stats::default());
        let heartbeat = Heartbeat::new(Arc::clone(&clock));
        let (trigger, stop) = shutdown();
        let stop = stop.beating(heartbeat.clone());
        let shared = Shared(Arc::new(Inner {
            readers: passages::Readers::new(&sources.journal, READERS),
            pictures: snapshot::Pictures::default(),
            rates: rate::Rates::new(settings.rate),
            listeners: Arc::new(Semaphore::new(settings.listeners)),
            stats: Arc::clone(&stats),
            stop: stop.clone(),
            clock,
            settings,
            sources,
        }));
        let thread = thread::Builder::new().name("http".to_owned()).spawn(move || {
            runtime.block_on(door::serve(shared, listener, tls, stop));
            // Listeners say goodbye; a question to the journal under way gets no answer any more.
            runtime.shutdown_timeout(Duration::from_millis(200));
        })?;
        Ok(Self { stop: Some(trigger), thread: Some(thread), stats, heartbeat })
    }

    pub fn stats(&self) -> &Arc<Stats> {
        &self.stats
    }

    /// Its thread's; those that wait for the journal on its behalf are not meant.
    pub const fn heartbeat(&self) -> &Heartbeat {
        &self.heartbeat
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the HTTP thread panicked; this is a bug in amslpr");
        }
    }
}
