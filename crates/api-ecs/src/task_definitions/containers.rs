//! What ECS asks of each container of a task definition.

use super::settings::Settings;
use super::{Invalid, limits, log_options, mounts, network, security};
use crate::names;
use model::container::ContainerDefinition;
use model::task_definition::TaskDefinition;
use std::collections::BTreeSet;

/// The least memory of a container (Amazon ECS task definition parameters: `memory`).
const MEMORY_MIB_MIN: u32 = 6;
/// The shortest start and stop timeout.
const TIMEOUT_SECS_MIN: u32 = 2;
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
        check_labels(container)?;
        network::check(definition.network_mode, container)?;
        limits::check(definition, container)?;
        mounts::check(definition, container)?;
        let settings = Settings { container: container.name.as_str() };
        security::check(settings, &container.docker_security_options)?;
        container.log.as_ref().map_or(Ok(()), log_options::check)
    })
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

fn check_labels(container: &ContainerDefinition) -> Result<(), Invalid> {
    match container.docker_labels.contains_key("") {
        true => Err(Invalid::Empty("dockerLabels.key")),
        false => Ok(()),
    }
}
