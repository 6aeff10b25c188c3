//! The rules of RegisterTaskDefinition, over the record that it would make.

use super::{Invalid, containers, dependencies, fargate, limits, ports};
use crate::{HostPlatform, names};
use model::task_definition::{LaunchType, TaskDefinition};

/// Checks a definition and returns the launch types that it is valid for (`compatibilities`), in AWS's order.
pub(super) fn check(definition: &TaskDefinition, host: &HostPlatform) -> Result<Vec<LaunchType>, Invalid> {
    if !names::is_name(definition.family.as_str()) {
        return Err(Invalid::Family);
    }
    containers::check(definition)?;
    ports::check(definition)?;
    let fargate = fargate::check(definition);
    let requires = |launch_type| definition.requires_compatibilities.contains(&launch_type);
    if requires(LaunchType::Fargate) {
        fargate.clone()?;
    }
    if requires(LaunchType::External) {
        return Err(Invalid::unsupported("the compatibility EXTERNAL"));
    }
    // Only Fargate has a disk for each task.
    let ec2 = definition.ephemeral_storage_gib.is_none();
    if !ec2 && (requires(LaunchType::Ec2) || !requires(LaunchType::Fargate)) {
        return Err(Invalid::Ec2EphemeralStorage);
    }
    check_sums(definition)?;
    definition.containers.iter().try_for_each(limits::check_swap)?;
    dependencies::check(&definition.containers)?;
    check_platform(definition, host)?;
    let valid = [(LaunchType::Ec2, ec2), (LaunchType::Fargate, fargate.is_ok())];
    Ok(valid.into_iter().filter_map(|(launch_type, valid)| valid.then_some(launch_type)).collect())
}

/// The containers share what the task has.
fn check_sums(definition: &TaskDefinition) -> Result<(), Invalid> {
    let sum = |values: &mut dyn Iterator<Item = u32>| values.fold(0u32, u32::saturating_add);
    let cpu_units = sum(&mut definition.containers.iter().map(|c| c.cpu_units));
    if definition.cpu_units.is_some_and(|task| cpu_units > task) {
        return Err(Invalid::CpuSum);
    }
    let reserved = definition.containers.iter().filter_map(|c| c.memory_mib_reserved.or(c.memory_mib));
    let memory_mib = sum(&mut reserved.into_iter());
    if definition.memory_mib.is_some_and(|task| memory_mib > task) {
        return Err(Invalid::MemorySum);
    }
    Ok(())
}

/// Containers run on this host's own platform only.
fn check_platform(definition: &TaskDefinition, host: &HostPlatform) -> Result<(), Invalid> {
    let Some(platform) = &definition.runtime_platform else { return Ok(()) };
    match (&platform.operating_system_family, &platform.cpu_architecture) {
        (Some(family), _) if family != "LINUX" => {
            Err(Invalid::unsupported(format!("runtimePlatform.operatingSystemFamily '{family}'")))
        }
        (_, Some(architecture)) if *architecture != host.architecture => {
            let what =
                format!("runtimePlatform.cpuArchitecture '{architecture}' on {} hosts", host.architecture);
            Err(Invalid::unsupported(what))
        }
        _ => Ok(()),
    }
}
