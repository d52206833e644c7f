//! The machine we run on: processor, memory, temperature, disk, as far as it tells.

use std::path::Path;

use serde::Serialize;
use sysinfo::{Components, Disks, Networks, System};

use super::board::Board;

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
}

/// Where the figures come from; keeps what they are measured against.
#[derive(Debug)]
pub(super) struct Probes {
    system: System,
    disks: Disks,
    components: Components,
    networks: Networks,
    board: Board,
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
            })
        };
        all().inspect_err(|error| tracing::warn!(?error, "the machine's figures are not to be had")).ok()
    }

    /// Looks again. `path` names the disk that matters.
    pub(super) fn machine(&mut self, path: &Path) -> Machine {
        self.system.refresh_cpu_usage();
        self.system.refresh_memory();
        self.disks.refresh(true);
        self.components.refresh(true);
        self.networks.refresh(true);
        let pid = sysinfo::get_current_pid().ok();
        if let Some(pid) = pid {
            self.system.refresh_processes(sysinfo::ProcessesToUpdate::Some(&[pid]), true);
        }
        let process = pid.and_then(|pid| self.system.process(pid)).map_or(0, sysinfo::Process::memory);
        let hottest =
            self.components.iter().filter_map(sysinfo::Component::temperature).filter(|t| t.is_finite());
        let disk = self.disks.iter().filter(|d| path.starts_with(d.mount_point()));
        let wires =
            || self.networks.iter().filter(|(name, _)| name.to_str() != Some("lo")).map(|(_, wire)| wire);
        let power = self.board.power();
        Machine {
            cpu_percent: (self.system.global_cpu_usage() * 10.0).round() / 10.0,
            memory_used_mib: self.system.used_memory() >> 20,
            memory_total_mib: self.system.total_memory() >> 20,
            process_mib: process >> 20,
            temperature_c: hottest.reduce(f32::max),
            disk_free_mib: disk
                .max_by_key(|d| d.mount_point().as_os_str().len())
                .map(|d| d.available_space() >> 20),
            storage_worn_percent: self.board.flash().iter().filter_map(|flash| flash.worn_percent).max(),
            under_voltage: power.map(|power| power.under_voltage()),
            throttled: power.map(|power| power.slowed()),
            load: System::load_average().ok().map(|load| load.one),
            received_mib: wires().map(|wire| wire.total_received()).sum::<u64>() >> 20,
            sent_mib: wires().map(|wire| wire.total_transmitted()).sum::<u64>() >> 20,
            machine_uptime_s: System::uptime().ok(),
        }
    }
}
