//! What the operating system knows of the process, by the names that all programs have for it.

use super::exposition::{Exposition, Kind};

/// What was read of the process; 0 where the system does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessStats {
    /// Time on processors, in user and in system mode.
    pub cpu_ns: u64,
    /// Memory that is in RAM.
    pub resident_memory_bytes: u64,
    /// Addresses that are mapped.
    pub virtual_memory_bytes: u64,
    /// Descriptors that are open.
    pub open_fds: u64,
    /// The limit of those; `u64::MAX`: there is none.
    pub max_fds: u64,
    /// When it started: nanoseconds since 1970, by the wall clock.
    pub start_time_ns: u64,
}

impl ProcessStats {
    /// Appends the families.
    pub fn write(&self, to: &mut Exposition) {
        to.family("process_cpu_seconds_total", Kind::Counter, "User and system CPU time.");
        to.time(&[], self.cpu_ns);
        to.family("process_resident_memory_bytes", Kind::Gauge, "Memory in RAM.");
        to.sample(&[], self.resident_memory_bytes);
        to.family("process_virtual_memory_bytes", Kind::Gauge, "Addresses that are mapped.");
        to.sample(&[], self.virtual_memory_bytes);
        to.family("process_open_fds", Kind::Gauge, "Open file descriptors.");
        to.sample(&[], self.open_fds);
        to.family("process_max_fds", Kind::Gauge, "The limit of open file descriptors.");
        to.sample(&[], self.max_fds);
        to.family("process_start_time_seconds", Kind::Gauge, "Start time since 1970.");
        to.time(&[], self.start_time_ns);
    }
}
