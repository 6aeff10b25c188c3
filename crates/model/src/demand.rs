//! What a task takes from its host (Amazon ECS task definition parameters: task size, `cpu`, `memory`,
//! `memoryReservation`, `portMappings`).

use crate::container::{ContainerDefinition, Protocol};
use crate::instance::Resources;
use crate::task::{ContainerOverride, Overrides, Task};
use crate::task_definition::{NetworkMode, TaskDefinition};

/// What a task of this definition takes: the task-level size, else the sum over its containers. A container's
/// memory is its reservation, else its hard limit.
pub fn demand(definition: &TaskDefinition, overrides: &Overrides) -> Resources {
    let of = |c: &ContainerDefinition| overrides.containers.iter().find(|o| o.name == c.name.as_str());
    let sum = |value: &dyn Fn(&ContainerDefinition, Option<&ContainerOverride>) -> u32| {
        definition.containers.iter().fold(0u32, |sum, c| sum.saturating_add(value(c, of(c))))
    };
    let cpu_units = overrides.cpu_units.or(definition.cpu_units).unwrap_or_else(|| sum(&cpu_units));
    let memory_mib = overrides.memory_mib.or(definition.memory_mib).unwrap_or_else(|| sum(&memory_mib));
    let mut demand = Resources { cpu_units, memory_mib, ..Resources::default() };
    for (protocol, port) in definition.containers.iter().flat_map(|c| host_ports(definition.network_mode, c))
    {
        match protocol {
            Protocol::Tcp => demand.ports_tcp.insert(port),
            Protocol::Udp => demand.ports_udp.insert(port),
        };
    }
    demand
}

impl Task {
    /// What it takes from its host while [`Task::holds_resources`].
    pub fn demand(&self) -> Resources {
        demand(&self.definition, &self.overrides)
    }
}

fn cpu_units(container: &ContainerDefinition, over: Option<&ContainerOverride>) -> u32 {
    over.and_then(|o| o.cpu_units).unwrap_or(container.cpu_units)
}

fn memory_mib(container: &ContainerDefinition, over: Option<&ContainerOverride>) -> u32 {
    let reserved = over.and_then(|o| o.memory_mib_reserved).or(container.memory_mib_reserved);
    let limit = over.and_then(|o| o.memory_mib).or(container.memory_mib);
    reserved.or(limit).unwrap_or(0)
}

/// The fixed ports that a container takes on its host: none in awsvpc, where each task has an address of its own.
fn host_ports(mode: NetworkMode, container: &ContainerDefinition) -> Vec<(Protocol, u16)> {
    let port = |host: Option<u16>, own: u16| match mode {
        NetworkMode::Host => Some(host.unwrap_or(own)),
        NetworkMode::Bridge => host.filter(|&p| p != 0),
        NetworkMode::Awsvpc | NetworkMode::None => None,
    };
    let mappings = container.port_mappings.iter();
    mappings.filter_map(|m| Some((m.protocol, port(m.host_port, m.container_port)?))).collect()
}
