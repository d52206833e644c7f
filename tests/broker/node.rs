//! A publisher with a journal of its own, as the daemon would have it.

use std::{sync::Arc, sync::mpsc::SyncSender, time::Duration};

use amslpr::{
    clock::{Clock, SystemClock},
    fact::Fact,
    journal::{self, Journal},
    publish::{Publisher, Settings, Sources, Status, command::Order},
};
use tokio::sync::watch;

pub(crate) struct Node {
    pub(crate) publisher: Publisher,
    pub(crate) journal: Journal,
    pub(crate) status: watch::Sender<Status>,
    _folder: tempfile::TempDir,
}

impl Node {
    pub(crate) fn start(settings: Settings, orders: Option<SyncSender<Order>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let keep = journal::Settings { outbox: true, ..journal::Settings::default() };
        let journal = Journal::open(&folder.path().join("journal.db"), &keep, Arc::clone(&clock)).unwrap();
        let (status, watched) = watch::channel(Status::default());
        let sources = Sources {
            outbox: Box::new(journal.pending_facts().unwrap()),
            recorded: journal.recorded(),
            status: watched,
            orders,
        };
        let publisher = Publisher::start(settings, sources, clock).unwrap();
        Self { publisher, journal, status, _folder: folder }
    }

    pub(crate) fn record(&self, fact: Fact) {
        let writer = self.journal.writer();
        writer.record(fact);
        assert!(writer.flush(Duration::from_secs(30)));
    }
}
