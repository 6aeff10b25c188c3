//! Which files get which values. Pure.

use agent_driver::{ContainerSpec, TaskSpec};

/// Length of a period of the CPU limit, in microseconds: the kernel's and Docker's default.
const CPU_PERIOD_US: u64 = 100_000;
/// The kernel refuses less.
const CPU_QUOTA_US_MIN: u64 = 1_000;
/// What the kernel takes for `cpu.shares`.
const CPU_SHARES: std::ops::RangeInclusive<u32> = 2..=262_144;

/// One value to write.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) controller: &'static str,
    pub(super) file: &'static str,
    pub(super) value: String,
    /// The file may be missing, on kernels without swap accounting say.
    pub(super) optional: bool,
}

fn required(controller: &'static str, file: &'static str, value: impl ToString) -> Setting {
    Setting { controller, file, value: value.to_string(), optional: false }
}

fn optional(controller: &'static str, file: &'static str, value: impl ToString) -> Setting {
    Setting { optional: true, ..required(controller, file, value) }
}

pub(super) fn plan_task_v1(limits: &TaskSpec) -> Vec<Setting> {
    // Before Linux 5.11 a parent's limit bound its children only when it was told to.
    let mut plan = vec![optional("memory", "memory.use_hierarchy", 1)];
    if let Some(units) = limits.cpu_units {
        plan.push(required("cpu", "cpu.cfs_period_us", CPU_PERIOD_US));
        plan.push(required("cpu", "cpu.cfs_quota_us", quota_us(units)));
    }
    plan.extend(limits.memory_mib.into_iter().flat_map(memory_v1));
    plan
}

pub(super) fn plan_task_v2(limits: &TaskSpec) -> Vec<Setting> {
    let mut plan = Vec::new();
    if let Some(units) = limits.cpu_units {
        plan.push(required("cpu", "cpu.max", format!("{} {CPU_PERIOD_US}", quota_us(units))));
    }
    plan.extend(limits.memory_mib.into_iter().flat_map(memory_v2));
    plan
}

pub(super) fn plan_container_v1(spec: &ContainerSpec) -> Vec<Setting> {
    let mut plan = Vec::new();
    if let Some(shares) = shares(spec) {
        plan.push(required("cpu", "cpu.shares", shares));
    }
    plan.extend(spec.limits.memory_mib.into_iter().flat_map(memory_v1));
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
    plan.extend(spec.limits.memory_mib.into_iter().flat_map(memory_v2));
    if let Some(mib) = spec.limits.memory_mib_reserved {
        plan.push(required("memory", "memory.low", bytes(mib)));
    }
    plan
}

/// As much swap as memory, Docker's default.
fn memory_v1(mib: u32) -> [Setting; 2] {
    [
        required("memory", "memory.limit_in_bytes", bytes(mib)),
        optional("memory", "memory.memsw.limit_in_bytes", 2 * bytes(mib)),
    ]
}

fn memory_v2(mib: u32) -> [Setting; 2] {
    [required("memory", "memory.max", bytes(mib)), optional("memory", "memory.swap.max", bytes(mib))]
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
        plan.iter().map(|s| format!("{}={}{}", s.file, s.value, if s.optional { "?" } else { "" })).collect()
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
}
