//! The rules of RegisterTaskDefinition, over the record that it would make.

use super::{Invalid, containers, dependencies};
use crate::{HostPlatform, names};
use model::fargate;
use model::task_definition::{LaunchType, NetworkMode, TaskDefinition};

/// Checks a definition and returns the launch types that it is valid for (`compatibilities`), in AWS's order.
pub(super) fn check(definition: &TaskDefinition, host: &HostPlatform) -> Result<Vec<LaunchType>, Invalid> {
    if !names::is_name(definition.family.as_str()) {
        return Err(Invalid::Family);
    }
    containers::check(definition)?;
    let fargate = check_fargate(definition);
    if definition.requires_compatibilities.contains(&LaunchType::Fargate) {
        fargate.clone()?;
    }
    if definition.requires_compatibilities.contains(&LaunchType::External) {
        return Err(Invalid::unsupported("the compatibility EXTERNAL"));
    }
    if definition.network_mode == NetworkMode::Bridge {
        let what = "networkMode 'bridge', the default on EC2 (use 'awsvpc', 'host' or 'none')";
        return Err(Invalid::unsupported(what));
    }
    check_sums(definition)?;
    dependencies::check(&definition.containers)?;
    check_platform(definition, host)?;
    Ok(if fargate.is_ok() { vec![LaunchType::Ec2, LaunchType::Fargate] } else { vec![LaunchType::Ec2] })
}

/// What the FARGATE launch type asks for.
fn check_fargate(definition: &TaskDefinition) -> Result<(), Invalid> {
    if definition.network_mode != NetworkMode::Awsvpc {
        return Err(Invalid::FargateNetworkMode);
    }
    let cpu_units = definition.cpu_units.ok_or(Invalid::FargateCpu)?;
    let memory_mib = definition.memory_mib.ok_or(Invalid::FargateMemory)?;
    if !fargate::is_valid_size(cpu_units, memory_mib) {
        return Err(Invalid::FargateSize { cpu_units, memory_mib });
    }
    definition.containers.iter().try_for_each(containers::check_fargate)
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
