//! The lists while the daemon runs: those of the configuration with what people have added, kept up to date.
//!
//! [`Desk`] is where changes are asked for, by commands at the terminal and by messages alike. The unit here sees
//! within half a second that somebody changed something, and gives the porter new lists; what cannot be loaded leaves
//! the old ones in use.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;

use super::supervisor::UnitStatus;
use crate::{
    access::{Actor, Change, Configured, Porter},
    journal::{Applied, ApplyError, ListStore, ReaderError},
    shutdown::Stop,
};

/// How often it is looked whether somebody changed something. One read of shared memory each.
const LOOKING: Duration = Duration::from_millis(500);

/// Problems logged at most per change.
const MOST_LOGGED: usize = 20;

/// Why a change was not made; nothing is changed then.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    #[error(transparent)]
    Journal(#[from] ReaderError),
    #[error(transparent)]
    Apply(#[from] ApplyError),
}

/// Where changes of lists are asked for. Clones share what is configured.
#[derive(Debug, Clone)]
pub struct Desk {
    journal: PathBuf,
    configured: Arc<RwLock<Arc<Configured>>>,
}

impl Desk {
    /// `configured` is what the daemon runs with.
    pub fn new(journal: &Path, configured: Arc<Configured>) -> Self {
        Self { journal: journal.to_owned(), configured: Arc::new(RwLock::new(configured)) }
    }

    /// The configuration was read anew: from now on these lists, with what people have added to them.
    pub fn use_configured(&self, configured: Arc<Configured>) {
        *self.configured.write().unwrap_or_else(PoisonError::into_inner) = configured;
    }

    /// Makes all changes or none; returns when they are on the disk. A running daemon decides by them within a second.
    /// Waits for other writers, five seconds at most: not for a thread that must not wait.
    pub fn apply(&self, changes: &[Change], actor: &Actor, now: Timestamp) -> Result<Applied, ChangeError> {
        Ok(self.store()?.apply(changes, actor, &self.configured(), now)?)
    }

    /// What was added, and what was changed when.
    pub fn store(&self) -> Result<ListStore, ReaderError> {
        ListStore::open(&self.journal)
    }

    pub fn configured(&self) -> Arc<Configured> {
        Arc::clone(&self.configured.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What everybody may know of the lists.
#[derive(Debug, Default)]
pub(super) struct ListStats {
    pub entries: AtomicU64,
    /// Entries that the configuration does not agree with any more.
    pub odd: AtomicU64,
    pub swaps: AtomicU64,
}

/// Keeps the porter's lists up to date.
#[derive(Debug)]
pub(super) struct ListUnit {
    desk: Desk,
    porter: Arc<Porter>,
    stats: Arc<ListStats>,
    /// Plates may stand in the log.
    log_plates: Arc<AtomicBool>,
    /// Number of the last change that the porter knows of.
    last: Option<u64>,
    /// The configured lists that the porter knows of.
    configured: Option<Arc<Configured>>,
}

impl ListUnit {
    pub(super) fn new(desk: Desk, porter: Arc<Porter>, log_plates: Arc<AtomicBool>) -> Self {
        Self { desk, porter, stats: Arc::default(), log_plates, last: None, configured: None }
    }

    pub(super) fn stats(&self) -> &Arc<ListStats> {
        &self.stats
    }

    /// Loads the lists for the first time. If that fails nobody is let in until it is done. `full`: there is no room for
    /// the journal to be opened; then they are read as they lie there.
    pub(super) fn begin(&mut self, full: bool) -> Result<(), ReaderError> {
        let at_rest = if full { ListStore::at_rest(&self.desk.journal)? } else { None };
        match at_rest {
            Some(store) => self.look(&store),
            None => self.look(&self.desk.store()?),
        }
    }

    /// Looks again and again, until the stop is heard. An error leaves the lists as they are.
    pub(super) fn work(&mut self, stop: &Stop, status: &UnitStatus) -> anyhow::Result<()> {
        let store = self.desk.store()?;
        let mut seen = None;
        while !stop.is_stopped() {
            status.beat();
            let version = store.data_version()?;
            if seen != Some(version) || !self.knows(&self.desk.configured()) {
                self.look(&store)?;
                seen = Some(version);
            }
            stop.wait_timeout(LOOKING);
        }
        Ok(())
    }

    fn knows(&self, configured: &Arc<Configured>) -> bool {
        self.configured.as_ref().is_some_and(|known| Arc::ptr_eq(known, configured))
    }

    fn look(&mut self, store: &ListStore) -> Result<(), ReaderError> {
        let (last, configured) = (store.last_change()?, self.desk.configured());
        if self.last == Some(last) && self.knows(&configured) {
            return Ok(());
        }
        let added = store.entries()?;
        let (lists, problems) = configured.with(&added);
        let entries = lists.len();
        match self.last {
            None => self.porter.begin(Arc::new(lists), store.memory()?),
            Some(known) => {
                store.left_after(known)?.iter().for_each(|plate| self.porter.leave(plate));
                self.porter.use_lists(Arc::new(lists));
            }
        }
        (self.last, self.configured) = (Some(last), Some(configured));
        self.stats.entries.store(entries as u64, Ordering::Relaxed);
        self.stats.odd.store(problems.len() as u64, Ordering::Relaxed);
        self.stats.swaps.fetch_add(1, Ordering::Relaxed);
        tracing::info!(entries, added = added.len(), change = last, "lists in use");
        if !problems.is_empty() {
            tracing::warn!(
                entries = problems.len(),
                "entries that were added do not fit the configuration any more; `amslpr plates list` names them"
            );
        }
        let shown = self.log_plates.load(Ordering::Relaxed);
        for problem in problems.iter().filter(|_| shown).take(MOST_LOGGED) {
            tracing::warn!(%problem, "entry not used as it was added");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        access::{AntiPassback, Kind, List, NewEntry, Rules, Verdict},
        clock::{Clock, SystemClock},
        daemon::supervisor::Unit,
        fact::{Decided, Fact, sample},
        journal::{Journal, Settings},
        plate::PlateText,
        shutdown::shutdown,
    };

    #[test]
    fn a_change_is_decided_by_within_a_second_and_a_refused_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let path = folder.path().join("j.db");
        let journal = Journal::open(&path, &Settings::default(), Arc::clone(&clock)).unwrap();
        let tolerant = List { tolerant: true, ..List::new("staff", Kind::Allow) };
        let configured = Configured { lists: vec![tolerant], schedules: Vec::new() };
        let desk = Desk::new(&path, Arc::new(configured));
        let porter = Arc::new(Porter::new(Rules { anti_passback: AntiPassback::Hard, ..Rules::default() }));
        let mut keeper = ListUnit::new(desk.clone(), Arc::clone(&porter), Arc::default());
        let passage = sample::closed(1).passage;
        let count = AtomicU64::new(1);
        // What is decided is recorded, as the daemon does.
        let asked = || {
            let question = crate::access::Question::about(&passage, clock.wall(), true);
            let (decision, effects) = porter.decide(&question, true);
            let decided = sample::decided(&sample::closed(count.fetch_add(1, Ordering::Relaxed)));
            journal.writer().record(Fact::Decided(Decided {
                effects,
                decision: decision.clone(),
                ..decided
            }));
            decision
        };
        assert_eq!(asked().reason.as_str(), "no-lists");
        keeper.begin(false).unwrap();
        assert_eq!(asked().reason.as_str(), "unlisted");
        let stats = Arc::clone(keeper.stats());
        let (trigger, stop) = shutdown();
        let heard = stop.clone();
        let unit = Unit::start(
            "lists",
            Arc::clone(&clock),
            stop,
            crate::backoff::Settings::default(),
            move |status| keeper.work(&heard, status),
        )
        .unwrap();
        let plate = passage.reading.as_ref().unwrap().text.clone();
        let add =
            |plate: &PlateText| Change::Add { list: "staff".to_owned(), entry: NewEntry::new(plate.clone()) };
        let began = clock.now();
        desk.apply(&[add(&plate)], &Actor::new("anna"), clock.wall()).unwrap();
        let wait = |done: &dyn Fn() -> bool| {
            while clock.now().since(began) < Duration::from_secs(30) {
                if done() {
                    return true;
                }
                clock.sleep(Duration::from_millis(10));
            }
            false
        };
        assert!(wait(&|| asked().verdict == Verdict::Admit));
        let took = clock.now().since(began);
        println!("decided by {} ms after the change was asked for", took.as_millis());
        assert!(took < Duration::from_secs(5), "{took:?} on a busy machine");
        assert_eq!(asked().reason.as_str(), "inside");
        // Somebody saw it drive off.
        assert!(journal.writer().flush(Duration::from_secs(9)));
        assert!(desk.store().unwrap().leave(&plate, &Actor::new("anna"), clock.wall()).unwrap());
        assert!(wait(&|| asked().verdict == Verdict::Admit));
        // Of two that look alike the second is refused, and then the first is without effect too.
        let twin = PlateText::normalise("B0B").unwrap();
        let other = PlateText::normalise("BOB").unwrap();
        let swaps = stats.swaps.load(Ordering::Relaxed);
        assert!(desk.apply(&[add(&twin), add(&other)], &Actor::new("anna"), clock.wall()).is_err());
        desk.apply(&[Change::Remove { list: "staff".to_owned(), plate }], &Actor::new("anna"), clock.wall())
            .unwrap();
        assert!(wait(&|| stats.swaps.load(Ordering::Relaxed) > swaps));
        assert_eq!((asked().reason.as_str(), stats.entries.load(Ordering::Relaxed)), ("unlisted", 0));
        // The configuration is read anew, with a list that holds the plate: in use without anybody's change.
        let text = passage.reading.as_ref().unwrap().text.clone();
        let mut crew = List::new("crew", Kind::Allow);
        crew.entries.push(crate::access::Entry::new(text));
        desk.use_configured(Arc::new(Configured { lists: vec![crew], schedules: Vec::new() }));
        assert!(wait(&|| asked().reason.as_str() != "unlisted"));
        trigger.stop();
        drop(unit);
    }
}
