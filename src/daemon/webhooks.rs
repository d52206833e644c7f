//! The couriers of the daemon: one unit for each receiver of webhooks.

use std::{io, sync::Arc};

use super::supervisor::{Unit, UnitStatus};
use crate::{
    backoff,
    clock::{Clock, WallTrust},
    journal::Journal,
    shutdown::{Trigger, shutdown},
    webhook::{Courier, Settings, Stats},
};

/// The running couriers. Dropping them ends them; what was not told by then is told after the next start.
#[derive(Debug, Default)]
pub(super) struct Couriers(Vec<Running>);

#[derive(Debug)]
struct Running {
    receiver: Receiver,
    stop: Option<Trigger>,
    unit: Unit,
}

/// A receiver, for whoever reports on it.
#[derive(Debug, Clone)]
pub(super) struct Receiver {
    pub name: String,
    pub stats: Arc<Stats>,
}

impl Couriers {
    pub(super) fn start(
        all: &[Settings],
        journal: &Journal,
        trust: &WallTrust,
        clock: &Arc<dyn Clock>,
    ) -> io::Result<Self> {
        let mut couriers = Self::default();
        for settings in all {
            let (name, stats) = (settings.name.clone(), Arc::new(Stats::default()));
            let follower = journal.follower(&format!("webhook {name}"));
            let (trigger, stop) = shutdown();
            let own = stop.clone();
            let mut courier = Courier::new(
                settings.clone(),
                follower,
                Arc::clone(&stats),
                trust.clone(),
                Arc::clone(clock),
            );
            let unit = Unit::start(
                &format!("webhook {name}"),
                Arc::clone(clock),
                stop,
                backoff::Settings::default(),
                move |status| {
                    courier.run(&own, &|| status.beat());
                    Ok(())
                },
            )?;
            couriers.0.push(Running { receiver: Receiver { name, stats }, stop: Some(trigger), unit });
        }
        Ok(couriers)
    }

    pub(super) fn receivers(&self) -> Vec<Receiver> {
        self.0.iter().map(|running| running.receiver.clone()).collect()
    }

    /// No more calls. One that is under way may last a while yet; dropping them waits for it.
    pub(super) fn hush(&mut self) {
        self.0.iter_mut().for_each(|running| drop(running.stop.take()));
    }

    pub(super) fn units(&self) -> impl Iterator<Item = &UnitStatus> {
        self.0.iter().map(|running| running.unit.status().as_ref())
    }
}

impl Drop for Couriers {
    fn drop(&mut self) {
        // All hear it before the first is waited for.
        self.hush();
    }
}
