//! Task definitions.

use super::container_definition::container_definition;
use super::instance::listed;
use super::int;
use model::arn;
use model::placement::PlacementConstraint;
use model::task_definition::{
    IpcMode, LaunchType, NetworkMode, PidMode, TaskDefinition, TaskDefinitionStatus,
};
use model::volume::{DockerVolume, DockerVolumeScope, Volume, VolumeSource};
use std::collections::BTreeMap;
use wire::ecs::{
    self, Compatibility, HostVolumeProperties, TaskDefinitionPlacementConstraint,
    TaskDefinitionPlacementConstraintType,
};

/// A revision as DescribeTaskDefinition shows it.
pub(crate) fn task_definition(definition: &TaskDefinition) -> ecs::TaskDefinition {
    let d = definition;
    let requires = &d.requires_compatibilities;
    let attributes: Vec<_> =
        core_place::required_attributes(d).iter().map(|name| listed(name, &None)).collect();
    ecs::TaskDefinition {
        task_definition_arn: Some(arn::task_definition(&d.scope, &d.family, d.revision)),
        family: Some(d.family.to_string()),
        revision: int(d.revision),
        status: Some(status(d.status)),
        container_definitions: Some(
            d.containers.iter().map(|c| container_definition(d.network_mode, c)).collect(),
        ),
        network_mode: Some(network_mode(d.network_mode)),
        cpu: d.cpu_units.map(|units| units.to_string()),
        memory: d.memory_mib.map(|mib| mib.to_string()),
        compatibilities: Some(d.compatibilities.iter().map(|l| compatibility(*l)).collect()),
        requires_compatibilities: Some(requires.iter().map(|l| compatibility(*l)).collect())
            .filter(|r: &Vec<_>| !r.is_empty()),
        runtime_platform: d.runtime_platform.as_ref().map(|p| ecs::RuntimePlatform {
            cpu_architecture: p.cpu_architecture.as_ref().and_then(|a| a.parse().ok()),
            operating_system_family: p.operating_system_family.as_ref().and_then(|f| f.parse().ok()),
        }),
        volumes: Some(d.volumes.iter().map(volume).collect()),
        pid_mode: d.pid_mode.map(pid_mode),
        ipc_mode: d.ipc_mode.map(ipc_mode),
        ephemeral_storage: d.ephemeral_storage_gib.and_then(ephemeral_storage),
        placement_constraints: Some(d.placement_constraints.iter().map(constraint).collect()),
        requires_attributes: Some(attributes).filter(|a| !a.is_empty()),
        registered_at: Some(d.registered_at),
        registered_by: Some(d.registered_by.clone()),
        deregistered_at: d.deregistered_at,
        delete_requested_at: d.delete_requested_at,
        ..ecs::TaskDefinition::default()
    }
}

/// A size in GiB, in its structure.
pub(crate) fn ephemeral_storage(gib: u32) -> Option<ecs::EphemeralStorage> {
    int(gib).map(|size_in_gib| ecs::EphemeralStorage { size_in_gib })
}

/// FARGATE or EC2, as `launchType` writes it.
pub(crate) fn launch_type(launch_type: LaunchType) -> ecs::LaunchType {
    match launch_type {
        LaunchType::Ec2 => ecs::LaunchType::Ec2,
        LaunchType::Fargate => ecs::LaunchType::Fargate,
        LaunchType::External => ecs::LaunchType::External,
    }
}

fn compatibility(launch_type: LaunchType) -> Compatibility {
    match launch_type {
        LaunchType::Ec2 => Compatibility::Ec2,
        LaunchType::Fargate => Compatibility::Fargate,
        LaunchType::External => Compatibility::External,
    }
}

/// A definition has no `distinctInstance`.
fn constraint(constraint: &PlacementConstraint) -> TaskDefinitionPlacementConstraint {
    let (kind, expression) = match constraint {
        PlacementConstraint::MemberOf(text) => {
            (TaskDefinitionPlacementConstraintType::MemberOf, Some(text.clone()))
        }
        PlacementConstraint::DistinctInstance => {
            (TaskDefinitionPlacementConstraintType::DistinctInstance, None)
        }
    };
    TaskDefinitionPlacementConstraint { r#type: Some(kind), expression }
}

fn status(status: TaskDefinitionStatus) -> ecs::TaskDefinitionStatus {
    match status {
        TaskDefinitionStatus::Active => ecs::TaskDefinitionStatus::Active,
        TaskDefinitionStatus::Inactive => ecs::TaskDefinitionStatus::Inactive,
        TaskDefinitionStatus::DeleteInProgress => ecs::TaskDefinitionStatus::DeleteInProgress,
    }
}

fn network_mode(mode: NetworkMode) -> ecs::NetworkMode {
    match mode {
        NetworkMode::Awsvpc => ecs::NetworkMode::Awsvpc,
        NetworkMode::Host => ecs::NetworkMode::Host,
        NetworkMode::Bridge => ecs::NetworkMode::Bridge,
        NetworkMode::None => ecs::NetworkMode::None,
    }
}

fn pid_mode(mode: PidMode) -> ecs::PidMode {
    match mode {
        PidMode::Host => ecs::PidMode::Host,
        PidMode::Task => ecs::PidMode::Task,
    }
}

fn ipc_mode(mode: IpcMode) -> ecs::IpcMode {
    match mode {
        IpcMode::Host => ecs::IpcMode::Host,
        IpcMode::Task => ecs::IpcMode::Task,
        IpcMode::None => ecs::IpcMode::None,
    }
}

fn volume(volume: &Volume) -> ecs::Volume {
    let host = match &volume.source {
        VolumeSource::Task => Some(HostVolumeProperties { source_path: None }),
        VolumeSource::Host(path) => Some(HostVolumeProperties { source_path: Some(path.clone()) }),
        VolumeSource::Docker(_) => None,
    };
    let docker_volume_configuration = match &volume.source {
        VolumeSource::Docker(docker) => Some(docker_volume(docker)),
        VolumeSource::Task | VolumeSource::Host(_) => None,
    };
    let name = Some(volume.name.clone());
    ecs::Volume { name, host, docker_volume_configuration }
}

fn docker_volume(docker: &DockerVolume) -> ecs::DockerVolumeConfiguration {
    let scope = match docker.scope {
        DockerVolumeScope::Task => ecs::Scope::Task,
        DockerVolumeScope::Shared => ecs::Scope::Shared,
    };
    let map = |map: &BTreeMap<_, _>| Some(map.clone()).filter(|map| !map.is_empty());
    ecs::DockerVolumeConfiguration {
        scope: Some(scope),
        autoprovision: docker.autoprovision,
        driver: docker.driver.clone(),
        driver_opts: map(&docker.driver_opts),
        labels: map(&docker.labels),
    }
}
