//! What the FARGATE launch type asks for and forbids (Amazon ECS task definition parameters for Fargate).

use super::{Invalid, log_options};
use model::container::{ContainerDefinition, LinuxParameters};
use model::fargate;
use model::task_definition::{NetworkMode, PidMode, TaskDefinition};
use model::volume::VolumeSource;

/// The longest start and stop timeout.
const TIMEOUT_SECS_MAX: u32 = 120;
/// The only capability that can be added.
const CAPABILITY: &str = "SYS_PTRACE";

/// Whether Fargate takes the definition, and if not, why.
pub(super) fn check(definition: &TaskDefinition) -> Result<(), Invalid> {
    if definition.network_mode != NetworkMode::Awsvpc {
        return Err(Invalid::FargateNetworkMode);
    }
    let cpu_units = definition.cpu_units.ok_or(Invalid::FargateCpu)?;
    let memory_mib = definition.memory_mib.ok_or(Invalid::FargateMemory)?;
    if !fargate::is_valid_size(cpu_units, memory_mib) {
        return Err(Invalid::FargateSize { cpu_units, memory_mib });
    }
    if definition.pid_mode == Some(PidMode::Host) {
        return Err(Invalid::FargatePidMode);
    }
    if definition.ipc_mode.is_some() {
        return Err(Invalid::Fargate("ipcMode"));
    }
    if !definition.placement_constraints.is_empty() {
        return Err(Invalid::Fargate("placementConstraints"));
    }
    for volume in &definition.volumes {
        match volume.source {
            VolumeSource::Task => {}
            VolumeSource::Host(_) => return Err(Invalid::Fargate("sourcePath")),
            VolumeSource::Docker(_) => return Err(Invalid::Fargate("dockerVolumeConfiguration")),
        }
    }
    definition.containers.iter().try_for_each(container)
}

fn container(container: &ContainerDefinition) -> Result<(), Invalid> {
    for (which, secs) in [("start", container.start_timeout_secs), ("stop", container.stop_timeout_secs)] {
        if secs.is_some_and(|secs| secs > TIMEOUT_SECS_MAX) {
            return Err(Invalid::FargateTimeout(which));
        }
    }
    if container.privileged == Some(true) {
        return Err(Invalid::FargatePrivileged);
    }
    if !container.docker_security_options.is_empty() {
        return Err(Invalid::Fargate("dockerSecurityOptions"));
    }
    if container.gpus > 0 {
        return Err(Invalid::FargateGpu);
    }
    container.linux.as_ref().map_or(Ok(()), linux)?;
    container.log.as_ref().map_or(Ok(()), log_options::check_fargate)
}

fn linux(linux: &LinuxParameters) -> Result<(), Invalid> {
    let added = linux.capabilities.iter().flat_map(|c| &c.add);
    if let Some(other) = added.into_iter().find(|name| *name != CAPABILITY) {
        return Err(Invalid::FargateCapability(other.clone()));
    }
    let refused = [
        ("devices", !linux.devices.is_empty()),
        ("sharedMemorySize", linux.shared_memory_mib.is_some()),
        ("maxSwap", linux.max_swap_mib.is_some()),
        ("swappiness", linux.swappiness.is_some()),
    ];
    match refused.into_iter().find(|(_, given)| *given) {
        Some((name, _)) => Err(Invalid::Fargate(name)),
        None => Ok(()),
    }
}
