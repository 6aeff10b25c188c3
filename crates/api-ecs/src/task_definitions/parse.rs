//! A registration's shapes into records. Absent members get AWS's defaults; what no record can hold is refused.

use super::{Invalid, container, ephemeral_storage, placement, size, volumes};
use model::task_definition::{
    IpcMode, LaunchType, NetworkMode, PidMode, RuntimePlatform, TaskDefinition, TaskDefinitionStatus,
};
use model::{Scope, Tags, Timestamp};
use wire::ecs::{self, Compatibility, RegisterTaskDefinitionRequest};

/// The record that a registration asks for, unchecked. Its revision, 0, is still to be given.
pub(super) fn definition(
    input: RegisterTaskDefinitionRequest,
    tags: Tags,
    scope: &Scope,
    caller_arn: &str,
    now: Timestamp,
) -> Result<TaskDefinition, Invalid> {
    let cpu_units = input.cpu.as_deref().map(|text| size::cpu_units(text).ok_or(Invalid::Cpu));
    let memory_mib = input.memory.as_deref().map(|text| size::memory_mib(text).ok_or(Invalid::Memory));
    let requires = input.requires_compatibilities.unwrap_or_default();
    let containers = input.container_definitions.into_iter().map(container::parse);
    Ok(TaskDefinition {
        scope: scope.clone(),
        family: input.family.into(),
        revision: 0,
        status: TaskDefinitionStatus::Active,
        network_mode: network_mode(input.network_mode),
        requires_compatibilities: requires.into_iter().map(compatibility).collect::<Result<_, _>>()?,
        compatibilities: Vec::new(),
        cpu_units: cpu_units.transpose()?,
        memory_mib: memory_mib.transpose()?,
        containers: containers.collect::<Result<_, _>>()?,
        runtime_platform: input.runtime_platform.map(runtime_platform),
        volumes: volumes::parse(input.volumes)?,
        pid_mode: input.pid_mode.map(pid_mode),
        ipc_mode: input.ipc_mode.map(ipc_mode),
        ephemeral_storage_gib: input.ephemeral_storage.map(ephemeral_storage::parse).transpose()?,
        placement_constraints: placement::parse(input.placement_constraints)?,
        tags,
        registered_at: now,
        registered_by: caller_arn.to_owned(),
        deregistered_at: None,
        delete_requested_at: None,
    })
}

/// Docker's bridge when absent, as on EC2.
fn network_mode(mode: Option<ecs::NetworkMode>) -> NetworkMode {
    match mode {
        Some(ecs::NetworkMode::Awsvpc) => NetworkMode::Awsvpc,
        Some(ecs::NetworkMode::Host) => NetworkMode::Host,
        Some(ecs::NetworkMode::None) => NetworkMode::None,
        Some(ecs::NetworkMode::Bridge) | None => NetworkMode::Bridge,
    }
}

fn pid_mode(mode: ecs::PidMode) -> PidMode {
    match mode {
        ecs::PidMode::Host => PidMode::Host,
        ecs::PidMode::Task => PidMode::Task,
    }
}

fn ipc_mode(mode: ecs::IpcMode) -> IpcMode {
    match mode {
        ecs::IpcMode::Host => IpcMode::Host,
        ecs::IpcMode::Task => IpcMode::Task,
        ecs::IpcMode::None => IpcMode::None,
    }
}

fn compatibility(compatibility: Compatibility) -> Result<LaunchType, Invalid> {
    match compatibility {
        Compatibility::Ec2 => Ok(LaunchType::Ec2),
        Compatibility::Fargate => Ok(LaunchType::Fargate),
        Compatibility::External => Ok(LaunchType::External),
        Compatibility::ManagedInstances => Err(Invalid::unsupported("the compatibility MANAGED_INSTANCES")),
    }
}

fn runtime_platform(platform: ecs::RuntimePlatform) -> RuntimePlatform {
    RuntimePlatform {
        cpu_architecture: platform.cpu_architecture.map(|a| a.to_string()),
        operating_system_family: platform.operating_system_family.map(|f| f.to_string()),
    }
}
