//! The machine we run on: processor, memory, temperature, disk, as far as it tells.

use std::path::Path;

use serde::Serialize;
use sysinfo::{Components, Disks, System};

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
}

/// Where the figures come from; keeps what they are measured against.
#[derive(Debug)]
pub(super) struct Probes {
    system: System,
    disks: Disks,
    components: Components,
}

impl Probes {
    /// `None`, with a line in the log, where the system does not let us look.
    pub(super) fn open() -> Option<Self> {
        let all = || -> Result<Self, sysinfo::Error> {
            Ok(Self {
                system: System::new()?,
                disks: Disks::new_with_refreshed_list()?,
                components: Components::new_with_refreshed_list()?,
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
        let pid = sysinfo::get_current_pid().ok();
        if let Some(pid) = pid {
            self.system.refresh_processes(sysinfo::ProcessesToUpdate::Some(&[pid]), true);
        }
        let process = pid.and_then(|pid| self.system.process(pid)).map_or(0, sysinfo::Process::memory);
        let hottest =
            self.components.iter().filter_map(sysinfo::Component::temperature).filter(|t| t.is_finite());
        let disk = self.disks.iter().filter(|d| path.starts_with(d.mount_point()));
        Machine {
            cpu_percent: (self.system.global_cpu_usage() * 10.0).round() / 10.0,
            memory_used_mib: self.system.used_memory() >> 20,
            memory_total_mib: self.system.total_memory() >> 20,
            process_mib: process >> 20,
            temperature_c: hottest.reduce(f32::max),
            disk_free_mib: disk
                .max_by_key(|d| d.mount_point().as_os_str().len())
                .map(|d| d.available_space() >> 20),
        }
    }
}
