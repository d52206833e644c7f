//! The thread that looks at one camera's frames: mailbox in, facts out, a heartbeat in between.
//!
//! The chain itself is `pipeline`'s; capturing is the camera's own thread in `capture`.

use std::{sync::Arc, time::Duration};

use super::{
    chain::Networks,
    pipeline::{self, Pipeline},
    sinks::Sinks,
    supervisor::UnitStatus,
};
use crate::{
    api::Window,
    capture::{Attention, CameraState, CameraStats},
    clock::Clock,
    fact::Fact,
    frame::Frame,
    mailbox::{Received, Receiver},
    passage::TimeIds,
    shutdown::Stop,
};

/// How long it waits for a frame before it says that it still lives.
const PATIENCE: Duration = Duration::from_millis(250);
/// Frames that may fail one after the other before the chain is built anew.
const FAILURES_IN_A_ROW: u32 = 10;
/// A plate that moves, or is not known yet, keeps the camera awake for this long.
const BUSY: Duration = Duration::from_secs(2);

/// One camera's frames to facts, until the recording is over or the stop is heard.
#[derive(Debug)]
pub(super) struct CameraUnit {
    pub frames: Receiver<Frame>,
    pub networks: Networks,
    pub settings: pipeline::Settings,
    pub stats: Arc<pipeline::Stats>,
    pub capture: Arc<CameraStats>,
    pub attention: Arc<Attention>,
    pub sinks: Sinks,
    /// Where its newest picture can be seen, where anybody may see it.
    pub window: Option<Window>,
    pub clock: Arc<dyn Clock>,
    pub stop: Stop,
}

impl CameraUnit {
    /// Works until the end; an error means that the chain must be built anew.
    pub(super) fn work(&mut self, status: &UnitStatus) -> anyhow::Result<()> {
        let ids = Box::new(TimeIds::new());
        let (stats, clock) = (Arc::clone(&self.stats), Arc::clone(&self.clock));
        let mut pipeline = Pipeline::new(&self.networks, &self.settings, ids, stats, clock)?;
        let mut failed = 0;
        loop {
            status.beat();
            if self.stop.is_stopped() {
                break;
            }
            match self.frames.receive(PATIENCE) {
                Received::Item(frame) => {
                    if let Some(window) = &self.window {
                        window.show(&frame);
                    }
                    match pipeline.step(&frame) {
                        Ok(facts) => {
                            failed = 0;
                            if pipeline.is_busy() {
                                self.attention.wake_until(self.clock.now() + BUSY);
                            }
                            self.hand_on(facts, &mut pipeline);
                        }
                        Err(error) => {
                            failed += 1;
                            if failed >= FAILURES_IN_A_ROW {
                                self.close(&mut pipeline);
                                return Err(anyhow::Error::new(error).context(format!(
                                    "camera {}: {failed} frames in a row could not be looked at",
                                    frame.camera
                                )));
                            }
                        }
                    }
                }
                Received::Nothing => {
                    let now = self.clock.now();
                    let rest = self.capture.state() == CameraState::Live && !self.attention.is_wanted(now);
                    let facts = pipeline.idle(now, self.clock.wall(), rest);
                    self.hand_on(facts, &mut pipeline);
                }
                Received::Closed => break,
            }
        }
        self.close(&mut pipeline);
        Ok(())
    }

    /// Every passage that is still open is closed and handed on: nothing that was seen is lost.
    fn close(&self, pipeline: &mut Pipeline) {
        let facts = pipeline.finish();
        self.hand_on(facts, pipeline);
    }

    fn hand_on(&self, facts: Vec<Fact>, pipeline: &mut Pipeline) {
        for fact in facts {
            let exhibit = match &fact {
                Fact::Closed(closed) => pipeline.exhibit(closed.passage.id),
                Fact::Decided(_) | Fact::Evidence(_) | Fact::Gate(_) => None,
            };
            self.sinks.take(fact, exhibit);
        }
    }
}
