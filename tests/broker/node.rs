//! A publisher with a journal of its own, as the daemon would have it.

use std::{sync::Arc, sync::mpsc::SyncSender, time::Duration};

use amslpr::{
    clock::{Clock, SystemClock},
    fact::Fact,
    journal::{self, Journal},
    publish::{self, Call, Publisher, Settings, Sources, Status, command::Order},
};
use tokio::sync::{mpsc, watch};

pub(crate) struct Node {
    pub(crate) publisher: Publisher,
    pub(crate) journal: Journal,
    pub(crate) status: watch::Sender<Status>,
    #[allow(dead_code, reason = "not every test has orders for others' gates")]
    pub(crate) calls: mpsc::Sender<Call>,
    _folder: tempfile::TempDir,
}

impl Node {
    pub(crate) fn start(settings: Settings, orders: Option<SyncSender<Order>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let keep = journal::Settings { outbox: true, ..journal::Settings::default() };
        let journal = Journal::open(&folder.path().join("journal.db"), &keep, Arc::clone(&clock)).unwrap();
        let (status, watched) = watch::channel(Status::default());
        let (call, calls) = publish::calls();
        let sources = Sources {
            outbox: Box::new(journal.pending_facts().unwrap()),
            recorded: journal.recorded(),
            status: watched,
            orders,
            known_commands: Vec::new(),
            calls,
        };
        let publisher = Publisher::start(settings, sources, clock).unwrap();
        Self { publisher, journal, status, calls: call, _folder: folder }
    }

    pub(crate) fn record(&self, fact: Fact) {
        let writer = self.journal.writer();
        writer.record(fact);
        assert!(writer.flush(Duration::from_secs(30)));
    }
}
