//! A registration's shapes into records. Absent members get AWS's defaults; numbers that no record can hold are refused.

use super::{Invalid, size};
use model::container::{
    ContainerDefinition, Dependency, DependencyCondition, LogConfiguration, PortMapping, Protocol,
};
use model::task_definition::{
    LaunchType, NetworkMode, RuntimePlatform, TaskDefinition, TaskDefinitionStatus,
};
use model::{Scope, Tags, Timestamp};
use wire::ecs::{self, Compatibility, ContainerCondition, RegisterTaskDefinitionRequest, TransportProtocol};

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
        containers: input.container_definitions.into_iter().map(container).collect::<Result<_, _>>()?,
        runtime_platform: input.runtime_platform.map(runtime_platform),
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

fn container(c: ecs::ContainerDefinition) -> Result<ContainerDefinition, Invalid> {
    let name = c.name.unwrap_or_default();
    let amount = |setting: &'static str, value: Option<i32>| {
        let refused = |_| Invalid::Least { container: name.clone(), setting, least: 0 };
        value.map(|v| u32::try_from(v).map_err(refused)).transpose()
    };
    let ports = c.port_mappings.unwrap_or_default().into_iter().map(|m| port_mapping(&name, m));
    let environment = c.environment.unwrap_or_default().into_iter().map(|pair| match pair.name {
        Some(name) if !name.is_empty() => Ok((name, pair.value.unwrap_or_default())),
        _ => Err(Invalid::Empty("environment.name")),
    });
    Ok(ContainerDefinition {
        image: c.image.unwrap_or_default(),
        cpu_units: amount("cpu", c.cpu)?.unwrap_or(0),
        memory_mib: amount("memory", c.memory)?,
        memory_mib_reserved: amount("memoryReservation", c.memory_reservation)?,
        essential: c.essential.unwrap_or(true),
        entry_point: c.entry_point.filter(|e| !e.is_empty()),
        command: c.command.filter(|e| !e.is_empty()),
        environment: environment.collect::<Result<_, _>>()?,
        working_directory: c.working_directory.filter(|d| !d.is_empty()),
        user: c.user.filter(|u| !u.is_empty()),
        readonly_root_filesystem: c.readonly_root_filesystem.unwrap_or(false),
        port_mappings: ports.collect::<Result<_, _>>()?,
        depends_on: c.depends_on.unwrap_or_default().into_iter().map(dependency).collect(),
        stop_timeout_secs: amount("stopTimeout", c.stop_timeout)?,
        start_timeout_secs: amount("startTimeout", c.start_timeout)?,
        log: c.log_configuration.map(|log| LogConfiguration {
            driver: log.log_driver.to_string(),
            options: log.options.unwrap_or_default(),
        }),
        name: name.clone().into(),
    })
}

fn port_mapping(container: &str, mapping: ecs::PortMapping) -> Result<PortMapping, Invalid> {
    let port = |setting: &'static str, value: i32, least: u16| {
        let port = u16::try_from(value).ok().filter(|&p| p >= least);
        port.ok_or_else(|| Invalid::Port { container: container.to_owned(), setting, least })
    };
    Ok(PortMapping {
        container_port: port("containerPort", mapping.container_port.unwrap_or(0), 1)?,
        host_port: mapping.host_port.map(|p| port("hostPort", p, 0)).transpose()?,
        protocol: match mapping.protocol {
            Some(TransportProtocol::Udp) => Protocol::Udp,
            Some(TransportProtocol::Tcp) | None => Protocol::Tcp,
        },
        name: mapping.name.filter(|name| !name.is_empty()),
    })
}

fn dependency(dependency: ecs::ContainerDependency) -> Dependency {
    let condition = match dependency.condition {
        ContainerCondition::Start => DependencyCondition::Start,
        ContainerCondition::Complete => DependencyCondition::Complete,
        ContainerCondition::Success => DependencyCondition::Success,
        ContainerCondition::Healthy => DependencyCondition::Healthy,
    };
    Dependency { container: dependency.container_name.into(), condition }
}
