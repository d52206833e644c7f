//! Where facts go: decisions to the gates, and everything into the journal (and by its outbox to the broker), into the log, onto the screen.
//!
//! The journal forgets nothing; the screen is told if it keeps up. Called by the camera units, never waits long.

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicBool, AtomicU64, Ordering},
    mpsc::{SyncSender, TrySendError},
};

use super::gates::Doors;
use crate::{
    access::Porter,
    api::Events,
    clock::WallTrust,
    fact::{
        Exhibit, Fact,
        gate::{Cause, Release, Step},
        privacy::{Kept, Privacy},
    },
    journal::{Handed, Writer, evidence::Exhibitor},
};

/// Takes every fact of every camera.
#[derive(Debug, Clone)]
pub(super) struct Sinks {
    journal: Writer,
    doors: Doors,
    screen: Option<SyncSender<Fact>>,
    /// Plates may stand in the log.
    log_plates: Arc<AtomicBool>,
    /// What of a fact may be remembered at all, by the lists that say whose plate it is. Shared by all clones.
    privacy: Arc<RwLock<Arc<Privacy>>>,
    porter: Arc<Porter>,
    evidence: Option<Exhibitor>,
    /// Whoever listens over HTTP.
    events: Events,
    counts: Arc<Counts>,
    /// What happens while nobody has set the clock says so.
    trust: WallTrust,
}

/// What did not get through.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Facts that the screen was too slow for.
    pub unprinted: AtomicU64,
    /// Facts about plates that are never stored.
    pub unstored: AtomicU64,
}

impl Sinks {
    pub(super) fn new(
        journal: Writer,
        doors: Doors,
        screen: Option<SyncSender<Fact>>,
        log_plates: Arc<AtomicBool>,
        (privacy, porter): (Privacy, Arc<Porter>),
        evidence: Option<Exhibitor>,
        trust: WallTrust,
    ) -> Self {
        Self {
            journal,
            doors,
            screen,
            log_plates,
            privacy: Arc::new(RwLock::new(Arc::new(privacy))),
            porter,
            evidence,
            events: Events::default(),
            counts: Arc::default(),
            trust,
        }
    }

    pub(super) fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }

    pub(super) const fn events(&self) -> &Events {
        &self.events
    }

    /// From now on this holds, for every clone.
    pub(super) fn use_privacy(&self, privacy: Privacy) {
        *self.privacy.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(privacy);
    }

    /// Hands a fact on, with the picture of a closed passage where there is one: a decision to its gates before
    /// anything else, and as it was taken; then as much of it as may be remembered.
    pub(super) fn take(&self, fact: Fact, exhibit: Option<Exhibit>) {
        let refused = match &fact {
            Fact::Decided(decided) => self.doors.consider(decided),
            Fact::Closed(_) | Fact::Evidence(_) | Fact::Gate(_) => Vec::new(),
        };
        self.record(fact, exhibit);
        refused.into_iter().for_each(|event| self.record(Fact::Gate(event), None));
    }

    fn record(&self, mut fact: Fact, exhibit: Option<Exhibit>) {
        if !self.trust.is_set() {
            fact.mark_clock_unset();
        }
        let privacy = Arc::clone(&self.privacy.read().unwrap_or_else(PoisonError::into_inner));
        let (fact, images) = match privacy.keep(fact, self.porter.lists().as_deref()) {
            Kept::Fact { fact, images } => (*fact, images),
            Kept::Nothing(unstored) => {
                self.counts.unstored.fetch_add(1, Ordering::Relaxed);
                if !unstored.is_empty() && self.journal.remember(unstored) == Handed::Lost {
                    tracing::error!(
                        "what a vehicle changed that is never stored is lost: the journal does not take it"
                    );
                }
                return;
            }
        };
        self.log(&fact);
        if let Some(screen) = &self.screen
            && let Err(TrySendError::Full(_)) = screen.try_send(fact.clone())
        {
            self.counts.unprinted.fetch_add(1, Ordering::Relaxed);
        }
        self.events.tell(&fact);
        let id = fact.id();
        match self.journal.record(fact) {
            Handed::Queued => {}
            Handed::Spilled => tracing::debug!(%id, "the journal is slow; the fact waits in memory"),
            Handed::Lost => {
                // Counted by the journal, and each one is a loss that somebody has to know of.
                tracing::error!(%id, "fact lost: the journal does not take it and the reserve is full");
            }
        }
        // Behind its passage, so that the journal never vouches for a picture of nothing.
        if let (Some(evidence), Some(exhibit), true) = (&self.evidence, exhibit, images) {
            evidence.show(exhibit);
        }
    }

    fn log(&self, fact: &Fact) {
        match fact {
            Fact::Decided(d) => tracing::info!(
                passage = %d.passage,
                camera = %d.camera,
                verdict = d.decision.verdict.as_str(),
                reason = d.decision.reason.as_str(),
                plate = self.shown(d.reading.as_ref()),
                "decided"
            ),
            Fact::Closed(c) => tracing::info!(
                passage = %c.passage.id,
                camera = %c.passage.camera,
                frames = c.passage.frames,
                reads = c.reads.len(),
                confidence = c.passage.reading.as_ref().map(|r| f64::from(r.confidence.value())),
                engine = c.passage.reading.as_ref().map(|r| r.engine.as_str()),
                plate = self.shown(c.passage.reading.as_ref()),
                "passage closed"
            ),
            Fact::Evidence(e) => {
                tracing::debug!(passage = %e.passage, images = e.images.len(), "evidence kept");
            }
            Fact::Gate(e) => {
                let (order, gate, step, reason) = (&e.order, &e.gate, e.step.as_str(), e.step.reason());
                let (by, why) = match &e.cause {
                    Cause::Passage { passage, .. } => (format!("passage {passage}"), None),
                    Cause::Manual { by, reason } => (by.clone(), Some(reason)),
                };
                match &e.step {
                    Step::Failed(error) => tracing::error!(%gate, %order, by, why, error, "gate {step}"),
                    Step::Released { why: Release::Guard, .. } => {
                        tracing::error!(%gate, %order, by, why, reason, "gate {step}");
                    }
                    _ => tracing::info!(%gate, %order, by, why, reason, "gate {step}"),
                }
            }
        }
    }

    /// The plate, where the privacy setting lets it into the log.
    fn shown<'a>(&self, reading: Option<&'a crate::passage::Reading>) -> Option<&'a str> {
        reading.filter(|_| self.log_plates.load(Ordering::Relaxed)).map(|r| r.text.as_str())
    }
}
