//! What happens, told to whoever listens: each event is written once, and a listener that does not keep up loses its
//! place instead of holding anybody up.

use std::sync::Arc;

use tokio::sync::broadcast;

use super::form;
use crate::fact::Fact;

/// Events that a listener may lag behind.
const BEHIND: usize = 256;

/// One event, as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub kind: &'static str,
    pub id: String,
    pub json: String,
}

/// Where events are told. Clones tell the same listeners.
#[derive(Debug, Clone)]
pub struct Events(broadcast::Sender<Arc<Event>>);

impl Default for Events {
    fn default() -> Self {
        Self(broadcast::Sender::new(BEHIND))
    }
}

impl Events {
    /// Tells of a fact, as far as it may be remembered. Never waits; costs nothing while nobody listens.
    pub fn tell(&self, fact: &Fact) {
        if self.0.receiver_count() == 0 {
            return;
        }
        match form::event(fact, false) {
            // Everybody may have gone in the meantime.
            Ok(event) => drop(self.0.send(Arc::new(event))),
            Err(error) => tracing::error!(%error, "an event cannot be written as JSON"),
        }
    }

    pub(super) fn listen(&self) -> broadcast::Receiver<Arc<Event>> {
        self.0.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::sample;

    #[test]
    fn a_listener_that_lags_is_told_how_much_it_missed_and_nobody_waits_for_it() {
        let events = Events::default();
        events.tell(&Fact::Closed(sample::closed(0)));
        let (mut slow, mut quick) = (events.listen(), events.listen());
        for n in 1..=2 * BEHIND as u64 {
            events.tell(&Fact::Closed(sample::closed(n)));
            let heard = quick.try_recv().unwrap();
            assert_eq!(heard.id, sample::closed(n).passage.id.to_string());
        }
        assert!(
            matches!(slow.try_recv(), Err(broadcast::error::TryRecvError::Lagged(missed)) if missed == BEHIND as u64)
        );
    }
}
