//! What this process has cost the machine so far: processor time, memory, bytes given to the disk and to the network.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Counters of one moment; the difference of two is what was spent between them.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Spent {
    pub cpu: Duration,
    /// Bytes handed to the disk in whole blocks; `None` where the system does not say.
    pub written: Option<u64>,
    /// Bytes that went out over the network, of all programs and all interfaces, the machine's own one included.
    pub sent: Option<u64>,
}

impl Spent {
    pub(super) fn so_far() -> Self {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        let cpu =
            Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0));
        Self {
            cpu,
            written: written(),
            sent: sent(&std::fs::read_to_string("/proc/net/dev").unwrap_or_default()),
        }
    }

    pub(super) fn since(self, before: Self) -> Self {
        let less = |now: Option<u64>, before: Option<u64>| Some(now?.saturating_sub(before?));
        Self {
            cpu: self.cpu.saturating_sub(before.cpu),
            written: less(self.written, before.written),
            sent: less(self.sent, before.sent),
        }
    }
}

fn written() -> Option<u64> {
    let counters = std::fs::read_to_string("/proc/self/io").ok()?;
    counters.lines().find_map(|line| line.strip_prefix("write_bytes: ")?.parse().ok())
}

/// The ninth number of every interface's line.
fn sent(table: &str) -> Option<u64> {
    let lines = table.lines().filter_map(|line| line.split_once(':'));
    let counts = lines.filter_map(|(_, numbers)| numbers.split_whitespace().nth(8)?.parse::<u64>().ok());
    counts.reduce(u64::saturating_add)
}

/// Memory of this process that lies in the machine's, in MiB.
pub(super) fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.trim().parse().ok());
    kib.map_or(f64::NAN, |kib: f64| kib / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_the_sum_over_the_interfaces() {
        let table = "Inter-|   Receive  |  Transmit\n face |bytes packets\n    lo: 100 1 0 0 0 0 0 0 100 1 0 0 0 0 0 0\n  \
                     eth0: 7000 9 0 0 0 0 0 0 23 9 0 0 0 0 0 0\n";
        assert_eq!(sent(table), Some(123));
        assert_eq!(sent(""), None);
    }

    #[test]
    fn work_costs_processor_time_and_memory_is_there() {
        let before = Spent::so_far();
        let mut sum = 0u64;
        while Spent::so_far().since(before).cpu < Duration::from_millis(5) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(resident_mib() > 1.0);
    }
}
