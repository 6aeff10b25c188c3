//! Task definitions.

use super::{int, pair};
use model::arn;
use model::container::{ContainerDefinition, Dependency, DependencyCondition, PortMapping, Protocol};
use model::task_definition::{LaunchType, NetworkMode, TaskDefinition, TaskDefinitionStatus};
use wire::ecs::{self, Compatibility, ContainerCondition, TransportProtocol};

/// A revision as DescribeTaskDefinition shows it.
pub(crate) fn task_definition(definition: &TaskDefinition) -> ecs::TaskDefinition {
    let d = definition;
    let requires = &d.requires_compatibilities;
    ecs::TaskDefinition {
        task_definition_arn: Some(arn::task_definition(&d.scope, &d.family, d.revision)),
        family: Some(d.family.to_string()),
        revision: int(d.revision),
        status: Some(status(d.status)),
        container_definitions: Some(d.containers.iter().map(|c| container(d.network_mode, c)).collect()),
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
        volumes: Some(Vec::new()),
        placement_constraints: Some(Vec::new()),
        registered_at: Some(d.registered_at),
        registered_by: Some(d.registered_by.clone()),
        deregistered_at: d.deregistered_at,
        delete_requested_at: d.delete_requested_at,
        ..ecs::TaskDefinition::default()
    }
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

fn container(mode: NetworkMode, container: &ContainerDefinition) -> ecs::ContainerDefinition {
    let c = container;
    let environment = c.environment.iter().map(|(name, value)| pair(name, value)).collect();
    let log_configuration = c.log.as_ref().and_then(|log| {
        let options = Some(log.options.clone());
        Some(ecs::LogConfiguration { log_driver: log.driver.parse().ok()?, options })
    });
    ecs::ContainerDefinition {
        name: Some(c.name.to_string()),
        image: Some(c.image.clone()),
        cpu: int(c.cpu_units),
        memory: c.memory_mib.and_then(int),
        memory_reservation: c.memory_mib_reserved.and_then(int),
        essential: Some(c.essential),
        entry_point: c.entry_point.clone(),
        command: c.command.clone(),
        environment: Some(environment),
        working_directory: c.working_directory.clone(),
        user: c.user.clone(),
        readonly_root_filesystem: c.readonly_root_filesystem.then_some(true),
        port_mappings: Some(c.port_mappings.iter().map(|m| port_mapping(mode, m)).collect()),
        depends_on: Some(c.depends_on.iter().map(dependency).collect()).filter(|d: &Vec<_>| !d.is_empty()),
        stop_timeout: c.stop_timeout_secs.and_then(int),
        start_timeout: c.start_timeout_secs.and_then(int),
        log_configuration,
    }
}

/// In awsvpc and host mode, AWS shows the host port even when it was not given.
fn port_mapping(mode: NetworkMode, mapping: &PortMapping) -> ecs::PortMapping {
    let same_port = matches!(mode, NetworkMode::Awsvpc | NetworkMode::Host);
    let host_port = mapping.host_port.or(same_port.then_some(mapping.container_port));
    ecs::PortMapping {
        container_port: int(mapping.container_port),
        host_port: host_port.and_then(int),
        protocol: Some(match mapping.protocol {
            Protocol::Tcp => TransportProtocol::Tcp,
            Protocol::Udp => TransportProtocol::Udp,
        }),
        name: mapping.name.clone(),
    }
}

fn dependency(dependency: &Dependency) -> ecs::ContainerDependency {
    let condition = match dependency.condition {
        DependencyCondition::Start => ContainerCondition::Start,
        DependencyCondition::Complete => ContainerCondition::Complete,
        DependencyCondition::Success => ContainerCondition::Success,
        DependencyCondition::Healthy => ContainerCondition::Healthy,
    };
    ecs::ContainerDependency { container_name: dependency.container.to_string(), condition }
}
