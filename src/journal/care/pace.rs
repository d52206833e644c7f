//! So many bytes a second and no more, so that whoever writes facts meanwhile does not wait for the disk.

use std::time::Duration;

use super::pause;

/// Shorter rests are put together: a timer is no finer than this.
const SHORTEST: Duration = Duration::from_millis(10);

/// Counts what was moved, and rests after it.
#[derive(Debug, Clone)]
pub struct Pace {
    bytes_per_second: Option<u64>,
    owed: Duration,
}

impl Pace {
    /// As fast as it goes.
    pub const fn free() -> Self {
        Self { bytes_per_second: None, owed: Duration::ZERO }
    }

    /// At most so many bytes a second.
    pub const fn of(bytes_per_second: u64) -> Self {
        Self { bytes_per_second: Some(bytes_per_second), owed: Duration::ZERO }
    }

    /// So many bytes were moved: rests for the time that they may take.
    pub(super) fn moved(&mut self, bytes: u64) {
        let Some(rate) = self.bytes_per_second else { return };
        self.owed += Duration::from_secs_f64(bytes as f64 / rate.max(1) as f64);
        if self.owed >= SHORTEST {
            pause(std::mem::take(&mut self.owed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};

    #[test]
    fn what_is_moved_takes_its_time() {
        let clock = SystemClock::start();
        let took = |mut pace: Pace| {
            let start = clock.now();
            for _ in 0..100 {
                pace.moved(1000);
            }
            clock.now().since(start)
        };
        assert!(took(Pace::of(1_000_000)) >= Duration::from_millis(90), "100 KB at 1 MB a second");
        assert!(took(Pace::free()) < Duration::from_millis(50));
    }
}
