//! The machine we run on, and this process on it: processor, memory, temperature, disk, network, as far as they tell.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use serde::Serialize;
use sysinfo::{Components, Disks, Networks, System};

use super::board::Board;
use crate::clock::Moment;

/// Figures younger than this are given again: looking costs time, and a share of a moment says nothing.
const FRESH: Duration = Duration::from_secs(1);

/// The machine's figures, as they are published.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Machine {
    /// Share of all cores, 0 to 100.
    pub cpu_percent: f32,
    pub memory_used_mib: u64,
    pub memory_total_mib: u64,
    /// Resident memory of this process.
    pub process_mib: u64,
    /// Hottest sensor, where there is one.
    pub temperature_c: Option<f32>,
    /// Free space where the journal lies.
    pub disk_free_mib: Option<u64>,
    /// Wear of the most worn flash memory that tells it, in percent.
    pub storage_worn_percent: Option<u8>,
    /// Too little voltage, now; `null` on machines that are no Raspberry Pi.
    pub under_voltage: Option<bool>,
    /// The processor runs slower than it could, now.
    pub throttled: Option<bool>,
    /// Load of the last minute; as many as there are cores is all that they can do.
    pub load: Option<f64>,
    /// Since the machine was started, over all its wires but the loop.
    pub received_mib: u64,
    pub sent_mib: u64,
    pub machine_uptime_s: Option<u64>,
    /// Share of one core that this process uses: 200 is two cores.
    pub process_cpu_percent: f32,
    /// Processor time of this process since it was started.
    pub process_cpu_s: f64,
    pub process_threads: Option<u64>,
    pub process_files: Option<u64>,
    /// This process, as the disk saw it.
    pub process_read_mib: u64,
    pub process_written_mib: u64,
    /// All disks, since the machine was started.
    pub disk_read_mib: u64,
    pub disk_written_mib: u64,
    #[serde(skip)]
    pub whole: Whole,
}

/// The same figures where they are not rounded, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Whole {
    pub memory_used: u64,
    pub memory_total: u64,
    pub resident: u64,
    pub disk_free: Option<u64>,
    pub disk_total: Option<u64>,
    pub received: u64,
    pub sent: u64,
    pub process_read: u64,
    pub process_written: u64,
    pub disk_read: u64,
    pub disk_written: u64,
}

/// Where the figures come from; keeps what they are measured against.
#[derive(Debug)]
pub(super) struct Probes {
    system: System,
    disks: Disks,
    components: Components,
    networks: Networks,
    board: Board,
    last: Option<(Moment, Machine)>,
}

impl Probes {
    /// `None`, with a line in the log, where the system does not let us look.
    pub(super) fn open() -> Option<Self> {
        let all = || -> Result<Self, sysinfo::Error> {
            Ok(Self {
                system: System::new()?,
                disks: Disks::new_with_refreshed_list()?,
                components: Components::new_with_refreshed_list()?,
                networks: Networks::new_with_refreshed_list()?,
                board: Board::default(),
                last: None,
            })
        };
        all().inspect_err(|error| tracing::warn!(?error, "the machine's figures are not to be had")).ok()
    }

    /// Looks again, unless it has just looked. `path` names the disk that matters.
    pub(super) fn machine(&mut self, path: &Path, now: Moment) -> Machine {
        if let Some((at, machine)) = &self.last
            && now.since(*at) < FRESH
        {
            return machine.clone();
        }
        let machine = self.look(path);
        self.last = Some((now, machine.clone()));
        machine
    }

    fn look(&mut self, path: &Path) -> Machine {
        self.system.refresh_cpu_usage();
        self.system.refresh_memory();
        self.disks.refresh(true);
        self.components.refresh(true);
        self.networks.refresh(true);
        let pid = sysinfo::get_current_pid().ok();
        if let Some(pid) = pid {
            self.system.refresh_processes(sysinfo::ProcessesToUpdate::Some(&[pid]), true);
        }
        let process = pid.and_then(|pid| self.system.process(pid));
        let used = process.map(sysinfo::Process::disk_usage).unwrap_or_default();
        let hottest =
            self.components.iter().filter_map(sysinfo::Component::temperature).filter(|t| t.is_finite());
        let disk = self.disks.iter().filter(|d| path.starts_with(d.mount_point()));
        let disk = disk.max_by_key(|d| d.mount_point().as_os_str().len());
        let wires =
            || self.networks.iter().filter(|(name, _)| name.to_str() != Some("lo")).map(|(_, wire)| wire);
        let power = self.board.power();
        // Several mounts of one disk count once.
        let disks: BTreeMap<_, _> = self.disks.iter().map(|d| (d.name(), d.usage())).collect();
        let whole = Whole {
            memory_used: self.system.used_memory(),
            memory_total: self.system.total_memory(),
            resident: process.map_or(0, sysinfo::Process::memory),
            disk_free: disk.map(sysinfo::Disk::available_space),
            disk_total: disk.map(sysinfo::Disk::total_space),
            received: wires().map(|wire| wire.total_received()).sum(),
            sent: wires().map(|wire| wire.total_transmitted()).sum(),
            process_read: used.total_read_bytes,
            process_written: used.total_written_bytes,
            disk_read: disks.values().map(|usage| usage.total_read_bytes).sum(),
            disk_written: disks.values().map(|usage| usage.total_written_bytes).sum(),
        };
        Machine {
            cpu_percent: (self.system.global_cpu_usage() * 10.0).round() / 10.0,
            memory_used_mib: whole.memory_used >> 20,
            memory_total_mib: whole.memory_total >> 20,
            process_mib: whole.resident >> 20,
            temperature_c: hottest.reduce(f32::max),
            disk_free_mib: whole.disk_free.map(|bytes| bytes >> 20),
            storage_worn_percent: self.board.flash().iter().filter_map(|flash| flash.worn_percent).max(),
            under_voltage: power.map(|power| power.under_voltage()),
            throttled: power.map(|power| power.slowed()),
            load: System::load_average().ok().map(|load| load.one),
            received_mib: whole.received >> 20,
            sent_mib: whole.sent >> 20,
            machine_uptime_s: System::uptime().ok(),
            process_cpu_percent: process.map_or(0.0, |p| (p.cpu_usage() * 10.0).round() / 10.0),
            process_cpu_s: process.map_or(0.0, |p| p.accumulated_cpu_time() as f64 / 1e3),
            process_threads: entries("/proc/self/task"),
            process_files: entries("/proc/self/fd"),
            process_read_mib: whole.process_read >> 20,
            process_written_mib: whole.process_written >> 20,
            disk_read_mib: whole.disk_read >> 20,
            disk_written_mib: whole.disk_written >> 20,
            whole,
        }
    }
}

/// How many there are in a folder of the kernel's.
fn entries(folder: &str) -> Option<u64> {
    Some(fs::read_dir(folder).ok()?.count() as u64)
}
