//! Statistics in the form of Docker's API ("ContainerStats"), with the agent's `network_rate_stats`.

use super::{Amount, rfc3339};
use crate::{ContainerView, CpuSample, InterfaceStats, StatsSample, StatsView};
use serde::Serialize;
use std::collections::BTreeMap;

/// What Docker writes for a time that is not known.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

/// Docker's answer.
#[derive(Serialize)]
pub(crate) struct StatsV3<'a> {
    read: String,
    preread: String,
    pids_stats: Pids,
    blkio_stats: BlockIo,
    /// Of Windows.
    num_procs: u32,
    /// Of Windows.
    storage_stats: BTreeMap<(), ()>,
    cpu_stats: Cpu,
    precpu_stats: Cpu,
    memory_stats: Memory,
    name: String,
    id: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    networks: BTreeMap<&'a str, Interface>,
}

/// Docker's answer with what version 4 adds.
#[derive(Serialize)]
pub(crate) struct StatsV4<'a> {
    #[serde(flatten)]
    stats: StatsV3<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network_rate_stats: Option<NetworkRate>,
}

#[derive(Serialize)]
struct Pids {
    current: u64,
}

#[derive(Serialize, Default)]
struct BlockIo {
    io_service_bytes_recursive: Vec<BlockIoEntry>,
    io_serviced_recursive: Vec<BlockIoEntry>,
    io_queue_recursive: Vec<BlockIoEntry>,
    io_service_time_recursive: Vec<BlockIoEntry>,
    io_wait_time_recursive: Vec<BlockIoEntry>,
    io_merged_recursive: Vec<BlockIoEntry>,
    io_time_recursive: Vec<BlockIoEntry>,
    sectors_recursive: Vec<BlockIoEntry>,
}

/// Bytes of all devices together: there is no device 0:0.
#[derive(Serialize)]
struct BlockIoEntry {
    major: u64,
    minor: u64,
    op: &'static str,
    value: u64,
}

#[derive(Serialize, Default)]
struct Cpu {
    cpu_usage: CpuUsage,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_cpu_usage: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    online_cpus: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    throttling_data: Option<Throttling>,
}

#[derive(Serialize, Default)]
struct CpuUsage {
    total_usage: u64,
    usage_in_kernelmode: u64,
    usage_in_usermode: u64,
}

#[derive(Serialize)]
struct Throttling {
    periods: u64,
    throttled_periods: u64,
    throttled_time: u64,
}

#[derive(Serialize)]
struct Memory {
    usage: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_usage: Option<u64>,
    stats: MemoryDetail,
    limit: u64,
}

/// Docker's command line subtracts the first on cgroups of version 2 and the second on version 1.
#[derive(Serialize)]
struct MemoryDetail {
    inactive_file: u64,
    total_inactive_file: u64,
}

#[derive(Serialize)]
struct Interface {
    rx_bytes: u64,
    rx_packets: u64,
    rx_errors: u64,
    rx_dropped: u64,
    tx_bytes: u64,
    tx_packets: u64,
    tx_errors: u64,
    tx_dropped: u64,
}

#[derive(Serialize)]
struct NetworkRate {
    rx_bytes_per_sec: Amount,
    tx_bytes_per_sec: Amount,
}

pub(crate) fn stats_v3<'a>(container: &'a ContainerView, view: &'a StatsView) -> StatsV3<'a> {
    let now = &view.now;
    let before = view.before.as_ref();
    StatsV3 {
        read: rfc3339(now.at_unix_ms).unwrap_or_else(|| NO_TIME.to_owned()),
        preread: before.and_then(|sample| rfc3339(sample.at_unix_ms)).unwrap_or_else(|| NO_TIME.to_owned()),
        pids_stats: Pids { current: now.pids },
        blkio_stats: block_io(now),
        num_procs: 0,
        storage_stats: BTreeMap::new(),
        cpu_stats: cpu(&now.cpu),
        precpu_stats: before.map(|sample| cpu(&sample.cpu)).unwrap_or_default(),
        memory_stats: memory(now),
        name: format!("/{}", container.docker_name),
        id: &container.docker_id,
        networks: now.networks.iter().map(|(name, counters)| (name.as_str(), interface(counters))).collect(),
    }
}

pub(crate) fn stats_v4<'a>(container: &'a ContainerView, view: &'a StatsView) -> StatsV4<'a> {
    StatsV4 { stats: stats_v3(container, view), network_rate_stats: network_rate(view) }
}

fn block_io(sample: &StatsSample) -> BlockIo {
    let entry = |op, value| BlockIoEntry { major: 0, minor: 0, op, value };
    BlockIo {
        io_service_bytes_recursive: vec![
            entry("read", sample.storage_read_bytes),
            entry("write", sample.storage_write_bytes),
        ],
        ..BlockIo::default()
    }
}

fn cpu(sample: &CpuSample) -> Cpu {
    Cpu {
        cpu_usage: CpuUsage {
            total_usage: sample.total_ns,
            usage_in_kernelmode: sample.kernel_ns,
            usage_in_usermode: sample.user_ns,
        },
        system_cpu_usage: Some(sample.host_ns),
        online_cpus: Some(sample.online_cpus),
        throttling_data: sample.throttling.map(|throttling| Throttling {
            periods: throttling.periods,
            throttled_periods: throttling.throttled_periods,
            throttled_time: throttling.throttled_ns,
        }),
    }
}

fn memory(sample: &StatsSample) -> Memory {
    Memory {
        usage: sample.memory_bytes,
        max_usage: Some(sample.memory_bytes_max).filter(|most| *most > 0),
        stats: MemoryDetail {
            inactive_file: sample.memory_cache_bytes,
            total_inactive_file: sample.memory_cache_bytes,
        },
        limit: sample.memory_limit_bytes,
    }
}

fn interface(counters: &InterfaceStats) -> Interface {
    let InterfaceStats {
        rx_bytes,
        rx_packets,
        rx_errors,
        rx_dropped,
        tx_bytes,
        tx_packets,
        tx_errors,
        tx_dropped,
    } = *counters;
    Interface { rx_bytes, rx_packets, rx_errors, rx_dropped, tx_bytes, tx_packets, tx_errors, tx_dropped }
}

/// Of all interfaces together, between the two readings.
fn network_rate(view: &StatsView) -> Option<NetworkRate> {
    let before = view.before.as_ref()?;
    let elapsed_ms = u64::try_from(view.now.at_unix_ms.checked_sub(before.at_unix_ms)?).ok()?;
    if elapsed_ms == 0 || view.now.networks.is_empty() {
        return None;
    }
    let per_sec = |bytes: fn(&InterfaceStats) -> u64| {
        let total = |sample: &StatsSample| sample.networks.values().map(bytes).fold(0, u64::saturating_add);
        let bytes = total(&view.now).saturating_sub(total(before));
        Amount::ratio(bytes.saturating_mul(1000), elapsed_ms)
    };
    Some(NetworkRate {
        rx_bytes_per_sec: per_sec(|counters| counters.rx_bytes),
        tx_bytes_per_sec: per_sec(|counters| counters.tx_bytes),
    })
}
