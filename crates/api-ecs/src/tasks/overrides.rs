//! `overrides` of RunTask.

use crate::Refusal;
use crate::task_definitions::{Invalid, ephemeral_storage, gpus, size};
use model::container::ContainerDefinition;
use model::fargate;
use model::task::{ContainerOverride, Overrides};
use model::task_definition::{LaunchType, TaskDefinition};
use std::collections::BTreeSet;
use wire::ecs::{self, TaskOverride};

/// The most characters of the overrides as JSON (ECS API Reference: RunTask).
const LENGTH_MAX: usize = 8192;

/// Reads the overrides; whether they fit the definition is for [`check`].
pub(super) fn parse(overrides: Option<TaskOverride>) -> Result<Overrides, Refusal> {
    let Some(overrides) = overrides else { return Ok(Overrides::default()) };
    if serde_json::to_vec(&overrides).map_or(true, |json| json.len() > LENGTH_MAX) {
        return Err(Refusal::parameter(format!("Container Overrides length must be at most {LENGTH_MAX}")));
    }
    let cpu_units = overrides.cpu.map(|text| size::cpu_units(&text).ok_or_else(|| parameter(Invalid::Cpu)));
    let memory_mib =
        overrides.memory.map(|text| size::memory_mib(&text).ok_or_else(|| parameter(Invalid::Memory)));
    let ephemeral_storage = overrides.ephemeral_storage.map(ephemeral_storage::parse);
    let containers = overrides.container_overrides.unwrap_or_default();
    Ok(Overrides {
        cpu_units: cpu_units.transpose()?,
        memory_mib: memory_mib.transpose()?,
        ephemeral_storage_gib: ephemeral_storage.transpose().map_err(parameter)?,
        containers: containers.into_iter().map(container).collect::<Result<_, _>>()?,
    })
}

/// Whether the overrides fit the definition, and what they make of it can run.
pub(super) fn check(
    overrides: &Overrides,
    definition: &TaskDefinition,
    launch_type: LaunchType,
) -> Result<(), Refusal> {
    check_names(overrides, definition)?;
    let task_mib = overrides.memory_mib.or(definition.memory_mib);
    for container in &definition.containers {
        check_memory(overrides, container, task_mib)?;
    }
    match launch_type {
        LaunchType::Fargate => check_fargate(overrides, definition),
        LaunchType::Ec2 | LaunchType::External if overrides.ephemeral_storage_gib.is_some() => {
            Err(parameter(Invalid::Ec2EphemeralStorage))
        }
        LaunchType::Ec2 | LaunchType::External => Ok(()),
    }
}

/// Each override is of a container that is there, and the only one of it.
fn check_names(overrides: &Overrides, definition: &TaskDefinition) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    for ContainerOverride { name, .. } in &overrides.containers {
        if !definition.containers.iter().any(|c| c.name.as_str() == name) {
            let message =
                format!("Override for container named {name} is not a container in the TaskDefinition.");
            return Err(Refusal::parameter(message));
        }
        if !seen.insert(name) {
            return Err(Refusal::parameter(format!("Duplicate override for container named {name}.")));
        }
    }
    Ok(())
}

/// A container without an override has to fit an overridden task too.
fn check_memory(
    overrides: &Overrides,
    container: &ContainerDefinition,
    task_mib: Option<u32>,
) -> Result<(), Refusal> {
    let name = container.name.as_str();
    let over = overrides.containers.iter().find(|over| over.name == name);
    let limit = over.and_then(|over| over.memory_mib).or(container.memory_mib);
    let reserved = over.and_then(|over| over.memory_mib_reserved).or(container.memory_mib_reserved);
    for (setting, value) in [("memory", limit), ("memoryReservation", reserved)] {
        if value.zip(task_mib).is_some_and(|(value, task)| value > task) {
            let message = format!("'{setting}' setting for container '{name}' is greater than for task.");
            return Err(Refusal::parameter(message));
        }
    }
    match limit.zip(reserved) {
        Some((limit, reserved)) if limit < reserved => {
            Err(parameter(Invalid::MemoryBelowReservation(name.to_owned())))
        }
        _ => Ok(()),
    }
}

fn check_fargate(overrides: &Overrides, definition: &TaskDefinition) -> Result<(), Refusal> {
    if overrides.containers.iter().any(|over| over.gpus.is_some()) {
        return Err(parameter(Invalid::FargateGpu));
    }
    let cpu_units = overrides.cpu_units.or(definition.cpu_units).unwrap_or(0);
    let memory_mib = overrides.memory_mib.or(definition.memory_mib).unwrap_or(0);
    if fargate::is_valid_size(cpu_units, memory_mib) {
        return Ok(());
    }
    Err(parameter(Invalid::FargateSize { cpu_units, memory_mib }))
}

fn container(over: ecs::ContainerOverride) -> Result<ContainerOverride, Refusal> {
    let name = over.name.unwrap_or_default();
    let amount = |setting: &'static str, value: Option<i32>, least: u32| {
        let value = value.map(|v| u32::try_from(v).ok().filter(|&v| v >= least));
        let refused = || parameter(Invalid::Least { container: name.clone(), setting, least });
        value.map(|v| v.ok_or_else(refused)).transpose()
    };
    let environment = over.environment.unwrap_or_default().into_iter().map(|pair| match pair.name {
        Some(name) if !name.is_empty() => Ok((name, pair.value.unwrap_or_default())),
        _ => Err(Refusal::parameter("The name of an environment variable cannot be empty.")),
    });
    Ok(ContainerOverride {
        command: over.command.filter(|c| !c.is_empty()),
        environment: environment.collect::<Result<_, _>>()?,
        cpu_units: amount("cpu", over.cpu, 0)?,
        memory_mib: amount("memory", over.memory, 6)?,
        memory_mib_reserved: amount("memoryReservation", over.memory_reservation, 6)?,
        gpus: gpus::parse(&name, over.resource_requirements).map_err(parameter)?,
        name: name.clone(),
    })
}

/// What would be wrong with a definition is wrong with a parameter here.
fn parameter(invalid: Invalid) -> Refusal {
    Refusal::parameter(invalid.to_string())
}
