//! From a recorded fact to the broker's acknowledgement, with the journal's outbox in between, as the daemon has it.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Context;
use tokio::sync::watch;

use super::{
    sample::{Measured, Sampler},
    spent::Spent,
};
use crate::{
    clock::{Clock, SystemClock},
    fact::{Fact, sample},
    journal::{self, Journal},
    publish::{self, Publisher, Settings, Sources, State, Status},
};

/// Where the broker is.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct BrokerArgs {
    /// The broker that is told: one to try things out on, for it gets made-up facts.
    #[arg(long, value_name = "HOST", default_value = "127.0.0.1")]
    host: String,
    /// Its port; without TLS and without a password.
    #[arg(long, default_value_t = 1883)]
    port: u16,
}

const CONNECTED: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(60);
const GLANCE: Duration = Duration::from_micros(200);

/// What telling one passage costs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    pub cpu: Duration,
    /// As the machine's interfaces count them, both facts and their acknowledgements.
    pub sent: Option<u64>,
}

/// A journal with an outbox, and a publisher that empties it.
struct Line {
    journal: Journal,
    publisher: Publisher,
    clock: Arc<dyn Clock>,
    _status: watch::Sender<Status>,
}

impl Line {
    fn open(folder: &Path, broker: &BrokerArgs) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let keep = journal::Settings { outbox: true, ..journal::Settings::default() };
        let journal = Journal::open(&folder.join("publish.db"), &keep, Arc::clone(&clock))?;
        // Nobody else listens below this name.
        let mut settings = Settings::new(&broker.host, &format!("bench-{}", std::process::id()))?;
        settings.topics = publish::Topics::new("amslpr-bench", None, &settings.node)?;
        settings.broker.port = broker.port;
        let (status, watched) = watch::channel(Status::default());
        let sources = Sources {
            outbox: Box::new(journal.pending_facts()?),
            recorded: journal.recorded(),
            status: watched,
            orders: None,
            known_commands: Vec::new(),
            calls: publish::calls().1,
        };
        let publisher = Publisher::start(settings, sources, Arc::clone(&clock))?;
        let line = Self { journal, publisher, clock, _status: status };
        let is_online =
            line.wait(CONNECTED, |line| line.publisher.stats().snapshot().state != State::Offline);
        let why =
            line.publisher.stats().snapshot().trouble.unwrap_or_else(|| "it does not answer".to_owned());
        let (host, port) = (&broker.host, broker.port);
        anyhow::ensure!(
            is_online,
            "no broker at {host}:{port}: {why}; name one with --host and --port, or apt install mosquitto"
        );
        Ok(line)
    }

    /// Waits until it is so; false if it took too long.
    fn wait(&self, limit: Duration, is_so: impl Fn(&Self) -> bool) -> bool {
        let end = self.clock.now() + limit;
        while !is_so(self) {
            if self.clock.now() >= end {
                return false;
            }
            self.clock.sleep(GLANCE);
        }
        true
    }

    /// All facts so far are with the broker.
    fn told(&self, facts: u64) -> anyhow::Result<()> {
        let told = self.wait(PATIENCE, |line| line.publisher.stats().snapshot().delivered >= facts);
        anyhow::ensure!(told, "the broker has not taken {facts} facts within {PATIENCE:?}");
        Ok(())
    }

    /// A passage of now.
    fn record(&self, n: u64) {
        let mut closed = sample::closed(n);
        closed.passage.began = self.clock.wall();
        closed.passage.ended = Some(closed.passage.began);
        let writer = self.journal.writer();
        writer.record(Fact::Decided(sample::decided(&closed)));
        writer.record(Fact::Closed(closed));
    }

    fn close(self) {
        self.publisher.stop();
        self.journal.close(Duration::from_secs(5));
    }
}

/// One passage after the other, each waited for; then all of them at once.
pub(super) fn publish(
    sampler: &Sampler,
    broker: &BrokerArgs,
    folder: &Path,
) -> anyhow::Result<Vec<Measured>> {
    let line = Line::open(folder, broker)?;
    let mut facts = 0;
    let single = sampler.measure("one passage, decision and end, acknowledged", |_| {
        line.record(facts / 2);
        facts += 2;
        line.told(facts)
    })?;
    let (crowd, start) = (u64::from(single.rounds), line.clock.now());
    for n in 0..crowd {
        // Others than before: a fact that the journal knows is told once.
        line.record(facts / 2 + n);
        while line.journal.stats().snapshot().queued > 200 {
            line.clock.sleep(GLANCE);
        }
    }
    line.told(facts + 2 * crowd)?;
    let took = line.clock.now().since(start).as_secs_f64();
    line.close();
    Ok(vec![single.with("passages a second when all come at once", crowd as f64 / took.max(1e-9))])
}

/// What a passage costs when so many are told one by one.
pub(super) fn cost(broker: &BrokerArgs, folder: &Path, passages: u64) -> anyhow::Result<Cost> {
    let line = Line::open(folder, broker).context("measuring what telling the broker costs")?;
    let before = Spent::so_far();
    for n in 0..passages {
        line.record(n);
        line.told(2 * (n + 1))?;
    }
    let spent = Spent::so_far().since(before);
    line.close();
    let passages = passages.max(1);
    let cpu = spent.cpu.div_f64(passages as f64);
    Ok(Cost { cpu, sent: spent.sent.map(|bytes| bytes / passages) })
}
