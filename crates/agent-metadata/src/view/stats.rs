//! What a container uses.

use std::collections::BTreeMap;

/// Two readings of a container's counters, so that readers can compute rates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatsView {
    /// The latest.
    pub now: StatsSample,
    /// The one before it, about a second earlier; `None` while there is only one.
    pub before: Option<StatsSample>,
}

/// One reading. All counters begin with the container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatsSample {
    /// When it was taken.
    pub at_unix_ms: i64,
    /// CPU time.
    pub cpu: CpuSample,
    /// Memory in use, caches included.
    pub memory_bytes: u64,
    /// Most memory that was in use; 0 where the kernel does not say.
    pub memory_bytes_max: u64,
    /// Caches of it that the kernel may drop.
    pub memory_cache_bytes: u64,
    /// The limit that holds for it.
    pub memory_limit_bytes: u64,
    /// Processes.
    pub pids: u64,
    /// Bytes read from block devices.
    pub storage_read_bytes: u64,
    /// Bytes written to block devices.
    pub storage_write_bytes: u64,
    /// By interface, without loopback. Empty in the host's network: its counters are not the container's.
    pub networks: BTreeMap<String, InterfaceStats>,
}

/// CPU time of a container, and of the host in the same moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuSample {
    /// The container's CPU time in nanoseconds.
    pub total_ns: u64,
    /// Of it, in user mode.
    pub user_ns: u64,
    /// Of it, in the kernel.
    pub kernel_ns: u64,
    /// CPU time of the whole host in nanoseconds, idle time included
    /// ([`host_cpu_ns`](crate::host_cpu_ns)).
    pub host_ns: u64,
    /// CPUs of the host.
    pub online_cpus: u32,
    /// How it was throttled, where that is known.
    pub throttling: Option<Throttling>,
}

/// A CPU quota at work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throttling {
    /// Periods of the quota that passed.
    pub periods: u64,
    /// Of them, those in which it was used up.
    pub throttled_periods: u64,
    /// Time spent waiting, in nanoseconds.
    pub throttled_ns: u64,
}

/// Counters of one interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct InterfaceStats {
    pub rx_bytes: u64,
    pub rx_packets: u64,
    pub rx_errors: u64,
    pub rx_dropped: u64,
    pub tx_bytes: u64,
    pub tx_packets: u64,
    pub tx_errors: u64,
    pub tx_dropped: u64,
}
