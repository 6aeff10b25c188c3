//! What containers use, in the shapes of TCS.

use crate::host::Host;
use crate::meter::Reading;
use crate::tasks::LiveTask;
use acs::tcs::{
    ContainerMetric, CounterStatsSet, NetworkStatsSet, RestartStatsSet, StatsSet, StorageStatsSet, TaskMetric,
};
use agent_driver::{NetworkStats, Stats};
use core_task::run::Phase;

const BYTES_PER_MIB: u64 = 1 << 20;
const CPU_UNITS_PER_CORE: u32 = 1024;

/// One reading of each container that runs; tasks without one are left out.
pub(super) async fn read(host: &Host, tasks: &[LiveTask]) -> Vec<TaskMetric> {
    let mut metrics = Vec::new();
    for task in tasks {
        let containers = of_task(host, task).await;
        if !containers.is_empty() {
            let blueprint = task.blueprint();
            metrics.push(TaskMetric {
                task_arn: blueprint.arn.clone(),
                task_definition_family: blueprint.family.clone(),
                task_definition_version: blueprint.revision.clone(),
                container_metrics: containers,
            });
        }
    }
    metrics
}

async fn of_task(host: &Host, task: &LiveTask) -> Vec<ContainerMetric> {
    let mut metrics = Vec::new();
    let cores = (host.config.resources.cpu_units / CPU_UNITS_PER_CORE).max(1);
    for (container, seen) in task.blueprint().containers.iter().zip(&task.state.observed.containers) {
        if seen.phase != Phase::Running {
            continue;
        }
        let id = &container.draft.id;
        let Some((now, before)) = host.meter.read(&*host.drivers.runtime, id).await else { continue };
        let mut metric = metric(&now.stats, before.as_ref(), cores);
        metric.container_name = container.name.clone();
        metric.restart_stats_set =
            container.restarts.then(|| RestartStatsSet { restart_count: i64::from(seen.restarts) });
        metrics.push(metric);
    }
    metrics
}

/// Rates, and so the CPU's share, need a reading before this one.
fn metric(now: &Stats, before: Option<&Reading>, cores: u32) -> ContainerMetric {
    let before = before.map(|b| &b.stats).filter(|b| b.at_unix_ms < now.at_unix_ms);
    let per_second = |value: fn(&Stats) -> u64| {
        let before = before?;
        let secs = (now.at_unix_ms - before.at_unix_ms) as f64 / 1000.0;
        Some(value(now).saturating_sub(value(before)) as f64 / secs)
    };
    let percent = per_second(|stats| stats.cpu_total_ns).map(|ns| ns / 1e9 / f64::from(cores) * 100.0);
    let used_mib = now.memory_bytes.saturating_sub(now.memory_cache_bytes) / BYTES_PER_MIB;
    ContainerMetric {
        cpu_stats_set: percent.map(StatsSet::of),
        memory_stats_set: Some(StatsSet::of(used_mib as f64)),
        network_stats_set: (!now.networks.is_empty()).then(|| NetworkStatsSet {
            rx_bytes_per_second: per_second(|s| total(s).rx_bytes).map(StatsSet::of),
            tx_bytes_per_second: per_second(|s| total(s).tx_bytes).map(StatsSet::of),
            ..networks(now)
        }),
        storage_stats_set: Some(StorageStatsSet {
            read_size_bytes: CounterStatsSet::of(now.storage_read_bytes),
            write_size_bytes: CounterStatsSet::of(now.storage_write_bytes),
        }),
        ..ContainerMetric::default()
    }
}

fn networks(stats: &Stats) -> NetworkStatsSet {
    let total = total(stats);
    NetworkStatsSet {
        rx_bytes: CounterStatsSet::of(total.rx_bytes),
        rx_packets: CounterStatsSet::of(total.rx_packets),
        rx_errors: CounterStatsSet::of(total.rx_errors),
        rx_dropped: CounterStatsSet::of(total.rx_dropped),
        tx_bytes: CounterStatsSet::of(total.tx_bytes),
        tx_packets: CounterStatsSet::of(total.tx_packets),
        tx_errors: CounterStatsSet::of(total.tx_errors),
        tx_dropped: CounterStatsSet::of(total.tx_dropped),
        ..NetworkStatsSet::default()
    }
}

fn total(stats: &Stats) -> NetworkStats {
    stats.networks.values().fold(NetworkStats::default(), |sum, one| NetworkStats {
        rx_bytes: sum.rx_bytes + one.rx_bytes,
        rx_packets: sum.rx_packets + one.rx_packets,
        rx_errors: sum.rx_errors + one.rx_errors,
        rx_dropped: sum.rx_dropped + one.rx_dropped,
        tx_bytes: sum.tx_bytes + one.tx_bytes,
        tx_packets: sum.tx_packets + one.tx_packets,
        tx_errors: sum.tx_errors + one.tx_errors,
        tx_dropped: sum.tx_dropped + one.tx_dropped,
    })
}
