//! What a container uses, as the Engine and its network namespace count it.

use super::host;
use crate::engine::Engine;
use crate::name;
use agent_driver::{RuntimeError, RuntimeId, Stats};
use agent_host::interface_counters;
use bollard::errors::Error;
use bollard::models::{ContainerBlkioStats, ContainerMemoryStats, ContainerStatsResponse};
use bollard::query_parameters::StatsOptions;
use futures_util::TryStreamExt as _;
use std::time::{SystemTime, UNIX_EPOCH};

pub(super) async fn read(engine: &Engine, id: &RuntimeId, pid: i64) -> Result<Stats, RuntimeError> {
    let name = name::container(id).map_err(RuntimeError::Create)?;
    let found = engine.ask(|| async {
        let once = StatsOptions { stream: false, one_shot: true };
        let mut found = std::pin::pin!(engine.docker.stats(&name, Some(once)));
        let none = || Error::from(std::io::Error::other("the Engine has no statistics"));
        found.try_next().await?.ok_or_else(none)
    });
    let mut stats = of(found.await.map_err(host)?);
    // A container in another's network has none of its own for the Engine.
    stats.networks = interface_counters(pid);
    stats.at_unix_ms =
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
    Ok(stats)
}

fn of(found: ContainerStatsResponse) -> Stats {
    let cpu = found.cpu_stats.and_then(|cpu| cpu.cpu_usage).unwrap_or_default();
    let memory = found.memory_stats.unwrap_or_default();
    let blocks = found.blkio_stats.unwrap_or_default();
    Stats {
        cpu_total_ns: cpu.total_usage.unwrap_or(0),
        cpu_user_ns: cpu.usage_in_usermode.unwrap_or(0),
        cpu_system_ns: cpu.usage_in_kernelmode.unwrap_or(0),
        memory_bytes: memory.usage.unwrap_or(0),
        memory_bytes_max: memory.max_usage.unwrap_or(0),
        memory_cache_bytes: cache(&memory),
        memory_limit_bytes: memory.limit.unwrap_or(0),
        pids: found.pids_stats.and_then(|pids| pids.current).unwrap_or(0),
        storage_read_bytes: transferred(&blocks, "read"),
        storage_write_bytes: transferred(&blocks, "write"),
        ..Stats::default()
    }
}

/// Version 1 counts the group with those below it under another name.
fn cache(memory: &ContainerMemoryStats) -> u64 {
    let values = memory.stats.as_ref();
    let value = |name: &str| values.and_then(|values| values.get(name)).copied();
    value("total_inactive_file").or_else(|| value("inactive_file")).unwrap_or(0)
}

fn transferred(blocks: &ContainerBlkioStats, operation: &str) -> u64 {
    let entries = blocks.io_service_bytes_recursive.iter().flatten();
    let ours = entries.filter(|e| e.op.as_ref().is_some_and(|op| op.eq_ignore_ascii_case(operation)));
    ours.filter_map(|entry| entry.value).sum()
}
