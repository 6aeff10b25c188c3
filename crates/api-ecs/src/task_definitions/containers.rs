//! What ECS asks of each container of a task definition.

use super::{Invalid, log_options};
use crate::names;
use model::container::ContainerDefinition;
use model::task_definition::{NetworkMode, TaskDefinition};
use std::collections::BTreeSet;

/// The least memory of a container (Amazon ECS task definition parameters: `memory`).
const MEMORY_MIB_MIN: u32 = 6;
/// The shortest start and stop timeout.
const TIMEOUT_SECS_MIN: u32 = 2;
/// The longest stop timeout on Fargate.
const FARGATE_STOP_TIMEOUT_SECS_MAX: u32 = 120;
/// The most containers of a task definition (Amazon ECS service quotas).
const CONTAINERS_MAX: usize = 10;

/// Checks the containers, each by itself and their names together.
pub(super) fn check(definition: &TaskDefinition) -> Result<(), Invalid> {
    match definition.containers.len() {
        0 => return Err(Invalid::NoContainers),
        n if n > CONTAINERS_MAX => return Err(Invalid::TooManyContainers),
        _ => {}
    }
    let mut names = BTreeSet::new();
    for container in &definition.containers {
        check_names(container)?;
        if !names.insert(&container.name) {
            return Err(Invalid::DuplicateContainer(container.name.to_string()));
        }
    }
    if !definition.containers.iter().any(|c| c.essential) {
        return Err(Invalid::NoEssentialContainer);
    }
    definition.containers.iter().try_for_each(|container| {
        check_memory(definition, container)?;
        check_timeouts(container)?;
        check_ports(definition.network_mode, container)?;
        container.log.as_ref().map_or(Ok(()), log_options::check)
    })
}

/// What Fargate asks of each container beyond that.
pub(super) fn check_fargate(container: &ContainerDefinition) -> Result<(), Invalid> {
    if container.stop_timeout_secs.is_some_and(|secs| secs > FARGATE_STOP_TIMEOUT_SECS_MAX) {
        return Err(Invalid::FargateStopTimeout);
    }
    container.log.as_ref().map_or(Ok(()), log_options::check_fargate)
}

fn check_names(container: &ContainerDefinition) -> Result<(), Invalid> {
    match container.name.as_str() {
        "" => return Err(Invalid::Empty("name")),
        name if !names::is_name(name) => return Err(Invalid::Characters("name")),
        _ => {}
    }
    match container.image.as_str() {
        "" => Err(Invalid::Empty("image")),
        image if image.len() > 255 || image.contains(|c: char| c.is_whitespace() || c.is_control()) => {
            Err(Invalid::Characters("image"))
        }
        _ => Ok(()),
    }
}

fn check_memory(definition: &TaskDefinition, container: &ContainerDefinition) -> Result<(), Invalid> {
    let (limit, reserved) = (container.memory_mib, container.memory_mib_reserved);
    let name = || container.name.to_string();
    if definition.memory_mib.is_none() && limit.is_none() && reserved.is_none() {
        return Err(Invalid::NoContainerMemory(name()));
    }
    for (setting, value) in [("memory", limit), ("memoryReservation", reserved)] {
        let Some(value) = value else { continue };
        if value < MEMORY_MIB_MIN {
            return Err(Invalid::Least { container: name(), setting, least: MEMORY_MIB_MIN });
        }
        if definition.memory_mib.is_some_and(|task| value > task) {
            return Err(Invalid::AboveTask { container: name(), setting });
        }
    }
    match (limit, reserved) {
        (Some(limit), Some(reserved)) if limit < reserved => Err(Invalid::MemoryBelowReservation(name())),
        _ => Ok(()),
    }
}

fn check_timeouts(container: &ContainerDefinition) -> Result<(), Invalid> {
    for (which, secs) in [("start", container.start_timeout_secs), ("stop", container.stop_timeout_secs)] {
        if secs.is_some_and(|secs| secs < TIMEOUT_SECS_MIN) {
            return Err(Invalid::TimeoutTooShort { container: container.name.to_string(), which });
        }
    }
    Ok(())
}

fn check_ports(mode: NetworkMode, container: &ContainerDefinition) -> Result<(), Invalid> {
    let mappings = &container.port_mappings;
    if mappings.iter().filter_map(|m| m.name.as_deref()).any(|name| !is_port_name(name)) {
        return Err(Invalid::PortName(container.name.to_string()));
    }
    match mode {
        NetworkMode::None if !mappings.is_empty() => Err(Invalid::PortsWithoutNetwork),
        NetworkMode::Awsvpc | NetworkMode::Host
            if mappings.iter().any(|m| m.host_port.is_some_and(|host| host != m.container_port)) =>
        {
            Err(Invalid::HostPort(mode.as_str()))
        }
        _ => Ok(()),
    }
}

/// ECS API Reference: `PortMapping.name`. It is for services to refer to; by itself it does nothing.
fn is_port_name(name: &str) -> bool {
    let valid = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    name.len() <= 64 && name.bytes().all(valid) && !name.starts_with('-')
}
