//! Which files get which values. Pure.

use agent_driver::{ContainerSpec, Limits, TaskSpec};

/// Length of a period of the CPU limit, in microseconds: the kernel's and Docker's default.
const CPU_PERIOD_US: u64 = 100_000;
/// The kernel refuses less.
const CPU_QUOTA_US_MIN: u64 = 1_000;
/// What the kernel takes for `cpu.shares`.
const CPU_SHARES: std::ops::RangeInclusive<u32> = 2..=262_144;

/// The kernel's default.
const SWAPPINESS: u8 = 60;

/// One value to write.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) controller: &'static str,
    pub(super) file: &'static str,
    pub(super) value: String,
    pub(super) demand: Demand,
}

/// What it means that a value cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Demand {
    /// Nothing: the file may be missing, on kernels without swap accounting say.
    Optional,
    /// An error, unless the host lacks the whole controller.
    Required,
    /// An error: it was asked for by name, and is not to be dropped quietly.
    Explicit,
}

fn required(controller: &'static str, file: &'static str, value: impl ToString) -> Setting {
    Setting { controller, file, value: value.to_string(), demand: Demand::Required }
}

fn optional(controller: &'static str, file: &'static str, value: impl ToString) -> Setting {
    Setting { demand: Demand::Optional, ..required(controller, file, value) }
}

fn explicit(controller: &'static str, file: &'static str, value: impl ToString) -> Setting {
    Setting { demand: Demand::Explicit, ..required(controller, file, value) }
}

pub(super) fn plan_task_v1(limits: &TaskSpec) -> Vec<Setting> {
    // Before Linux 5.11 a parent's limit bound its children only when it was told to.
    let mut plan = vec![optional("memory", "memory.use_hierarchy", 1)];
    if let Some(units) = limits.cpu_units {
        plan.push(required("cpu", "cpu.cfs_period_us", CPU_PERIOD_US));
        plan.push(required("cpu", "cpu.cfs_quota_us", quota_us(units)));
    }
    plan.extend(memory_v1(&of_task(limits)));
    plan
}

pub(super) fn plan_task_v2(limits: &TaskSpec) -> Vec<Setting> {
    let mut plan = Vec::new();
    if let Some(units) = limits.cpu_units {
        plan.push(required("cpu", "cpu.max", format!("{} {CPU_PERIOD_US}", quota_us(units))));
    }
    plan.extend(memory_v2(&of_task(limits)));
    plan
}

pub(super) fn plan_container_v1(spec: &ContainerSpec) -> Vec<Setting> {
    let mut plan = Vec::new();
    if let Some(shares) = shares(spec) {
        plan.push(required("cpu", "cpu.shares", shares));
    }
    plan.extend(memory_v1(&spec.limits));
    if let Some(mib) = spec.limits.memory_mib_reserved {
        plan.push(required("memory", "memory.soft_limit_in_bytes", bytes(mib)));
    }
    plan
}

pub(super) fn plan_container_v2(spec: &ContainerSpec) -> Vec<Setting> {
    let mut plan = Vec::new();
    if let Some(shares) = shares(spec) {
        plan.push(required("cpu", "cpu.weight", weight(shares)));
    }
    plan.extend(memory_v2(&spec.limits));
    if let Some(mib) = spec.limits.memory_mib_reserved {
        plan.push(required("memory", "memory.low", bytes(mib)));
    }
    plan
}

/// # Errors
/// What is asked for and cannot be given, in Docker's words where it has any.
pub(super) fn check(limits: &Limits, is_v2: bool) -> Result<(), String> {
    match (swap(limits), limits.memory_mib) {
        (Some(swap), _) if swap < -1 => return Err(format!("invalid memory swap limit: {swap}")),
        (Some(0..), None) => {
            return Err("You should always set the Memory limit when using Memoryswap limit".to_owned());
        }
        (Some(swap @ 0..), Some(mib)) if (swap as u64) < bytes(mib) => {
            return Err("Minimum memoryswap limit should be larger than memory limit".to_owned());
        }
        _ => {}
    }
    match limits.swappiness {
        Some(percent) if percent > 100 => {
            Err(format!("Invalid value: {percent}, valid memory swappiness range is 0-100"))
        }
        Some(percent) if is_v2 && percent != SWAPPINESS => {
            Err(format!("swappiness {percent} cannot be given: control groups of version 2 have none"))
        }
        _ => Ok(()),
    }
}

/// Memory and swap together as it was asked for; 0 is Docker's "unset".
fn swap(limits: &Limits) -> Option<i64> {
    limits.memory_swap_bytes.filter(|swap| *swap != 0)
}

fn of_task(task: &TaskSpec) -> Limits {
    Limits { memory_mib: task.memory_mib, ..Limits::default() }
}

/// As much swap as memory is Docker's default.
fn memory_v1(limits: &Limits) -> Vec<Setting> {
    const SWAP: &str = "memory.memsw.limit_in_bytes";
    let memory = limits.memory_mib.map(|mib| required("memory", "memory.limit_in_bytes", bytes(mib)));
    let swap = match (swap(limits), limits.memory_mib) {
        (Some(swap), _) => Some(explicit("memory", SWAP, swap)),
        (None, mib) => mib.map(|mib| optional("memory", SWAP, 2 * bytes(mib))),
    };
    let swappiness = limits.swappiness.map(|percent| explicit("memory", "memory.swappiness", percent));
    memory.into_iter().chain(swap).chain(swappiness).collect()
}

fn memory_v2(limits: &Limits) -> Vec<Setting> {
    const SWAP: &str = "memory.swap.max";
    let memory = limits.memory_mib.map(|mib| required("memory", "memory.max", bytes(mib)));
    let swap = match (swap(limits), limits.memory_mib) {
        (Some(..0), _) => Some(explicit("memory", SWAP, "max")),
        (Some(swap), mib) => {
            Some(explicit("memory", SWAP, (swap as u64).saturating_sub(mib.map_or(0, bytes))))
        }
        (None, mib) => mib.map(|mib| optional("memory", SWAP, bytes(mib))),
    };
    memory.into_iter().chain(swap).collect()
}

fn bytes(mib: u32) -> u64 {
    u64::from(mib) << 20
}

/// 1024 units are one core.
fn quota_us(units: u32) -> u64 {
    (u64::from(units) * CPU_PERIOD_US / 1024).max(CPU_QUOTA_US_MIN)
}

fn shares(spec: &ContainerSpec) -> Option<u32> {
    (spec.limits.cpu_shares > 0).then(|| spec.limits.cpu_shares.clamp(*CPU_SHARES.start(), *CPU_SHARES.end()))
}

/// Shares of 2..=262144 spread linearly over weights of 1..=10000, as container runtimes agreed on.
fn weight(shares: u32) -> u64 {
    1 + u64::from(shares - CPU_SHARES.start()) * 9_999 / u64::from(CPU_SHARES.end() - CPU_SHARES.start())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(plan: &[Setting]) -> Vec<String> {
        plan.iter()
            .map(|s| format!("{}={}{}", s.file, s.value, if s.demand == Demand::Optional { "?" } else { "" }))
            .collect()
    }

    #[test]
    fn a_task_of_half_a_core_and_one_gib() {
        let limits = TaskSpec { cpu_units: Some(512), memory_mib: Some(1024), ..TaskSpec::default() };
        assert_eq!(
            lines(&plan_task_v1(&limits)),
            [
                "memory.use_hierarchy=1?",
                "cpu.cfs_period_us=100000",
                "cpu.cfs_quota_us=50000",
                "memory.limit_in_bytes=1073741824",
                "memory.memsw.limit_in_bytes=2147483648?",
            ]
        );
        assert_eq!(
            lines(&plan_task_v2(&limits)),
            ["cpu.max=50000 100000", "memory.max=1073741824", "memory.swap.max=1073741824?"]
        );
        assert_eq!(lines(&plan_task_v2(&TaskSpec::default())), Vec::<String>::new());
    }

    #[test]
    fn the_bounds_of_shares_and_quotas() {
        assert_eq!((weight(2), weight(1024), weight(262_144)), (1, 39, 10_000));
        assert_eq!((quota_us(1), quota_us(1024), quota_us(10_240)), (1_000, 100_000, 1_000_000));
    }

    #[test]
    fn swap_and_swappiness() {
        let limits = |memory_mib, memory_swap_bytes, swappiness| Limits {
            memory_mib,
            memory_swap_bytes,
            swappiness,
            ..Limits::default()
        };
        let half = limits(Some(1), Some(3 << 19), Some(7));
        assert_eq!(
            lines(&memory_v1(&half)),
            ["memory.limit_in_bytes=1048576", "memory.memsw.limit_in_bytes=1572864", "memory.swappiness=7"]
        );
        assert_eq!(lines(&memory_v2(&half)), ["memory.max=1048576", "memory.swap.max=524288"]);
        let endless = limits(Some(1), Some(-1), None);
        assert_eq!(lines(&memory_v1(&endless))[1], "memory.memsw.limit_in_bytes=-1");
        assert_eq!(lines(&memory_v2(&endless))[1], "memory.swap.max=max");
        let none = limits(Some(1), Some(1 << 20), None);
        assert_eq!(lines(&memory_v2(&none))[1], "memory.swap.max=0");
        for (limits, is_v2, part) in [
            (limits(None, Some(1), None), false, "always set the Memory limit"),
            (limits(Some(2), Some(1 << 20), None), true, "larger than memory limit"),
            (limits(None, Some(-2), None), true, "invalid memory swap limit"),
            (limits(None, None, Some(101)), false, "range is 0-100"),
            (limits(None, None, Some(0)), true, "version 2 have none"),
        ] {
            assert!(check(&limits, is_v2).unwrap_err().contains(part), "{part}");
        }
        for (limits, is_v2) in [(half, false), (endless, true), (limits(None, Some(-1), Some(60)), true)] {
            assert_eq!(check(&limits, is_v2), Ok(()));
        }
    }
}
