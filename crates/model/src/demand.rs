//! What a task takes from its host (Amazon ECS task definition parameters: task size, `cpu`, `memory`,
//! `memoryReservation`, `portMappings`).

use crate::container::{ContainerDefinition, Protocol};
use crate::instance::Resources;
use crate::task::{ContainerOverride, NetworkBinding, Overrides, Task};
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

/// How many GPUs its containers hold together; which ones is the placer's choice, so [`demand`] names none.
pub fn gpu_count(definition: &TaskDefinition, overrides: &Overrides) -> u32 {
    let containers = definition.containers.iter();
    containers.fold(0, |sum, container| sum.saturating_add(container_gpus(container, overrides)))
}

/// How many GPUs one container holds.
pub fn container_gpus(container: &ContainerDefinition, overrides: &Overrides) -> u32 {
    let over = overrides.containers.iter().find(|o| o.name == container.name.as_str());
    over.and_then(|o| o.gpus).unwrap_or(container.gpus)
}

impl Task {
    /// What it takes from its host while [`Task::holds_resources`], the ports that its agent chose and the GPUs that it
    /// was given among it.
    pub fn demand(&self) -> Resources {
        let mut demand = demand(&self.definition, &self.overrides);
        for container in &self.containers {
            demand.gpus.extend(container.gpu_ids.iter().cloned());
            for (protocol, port) in container.network_bindings.iter().flat_map(NetworkBinding::host_ports) {
                match protocol {
                    Protocol::Tcp => demand.ports_tcp.insert(port),
                    Protocol::Udp => demand.ports_udp.insert(port),
                };
            }
        }
        demand
    }
}

/// What those of these tasks that hold anything take together.
pub fn held<'a>(tasks: impl Iterator<Item = &'a Task>) -> Resources {
    let mut held = Resources::default();
    for demand in tasks.filter(|task| task.holds_resources()).map(Task::demand) {
        held.cpu_units = held.cpu_units.saturating_add(demand.cpu_units);
        held.memory_mib = held.memory_mib.saturating_add(demand.memory_mib);
        held.ports_tcp.extend(demand.ports_tcp);
        held.ports_udp.extend(demand.ports_udp);
        held.gpus.extend(demand.gpus);
    }
    held
}

fn cpu_units(container: &ContainerDefinition, over: Option<&ContainerOverride>) -> u32 {
    over.and_then(|o| o.cpu_units).unwrap_or(container.cpu_units)
}

fn memory_mib(container: &ContainerDefinition, over: Option<&ContainerOverride>) -> u32 {
    let reserved = over.and_then(|o| o.memory_mib_reserved).or(container.memory_mib_reserved);
    let limit = over.and_then(|o| o.memory_mib).or(container.memory_mib);
    reserved.or(limit).unwrap_or(0)
}

/// The fixed ports that a container takes on its host: none in awsvpc, where each task has an address of its own, and
/// none of those that its agent chooses in bridge mode.
fn host_ports(mode: NetworkMode, container: &ContainerDefinition) -> Vec<(Protocol, u16)> {
    let port = |host: Option<u16>, own: u16| match mode {
        NetworkMode::Host => Some(host.unwrap_or(own)),
        NetworkMode::Bridge => host.filter(|&p| p != 0),
        NetworkMode::Awsvpc | NetworkMode::None => None,
    };
    let mappings = container.port_mappings.iter();
    mappings.filter_map(|m| Some((m.protocol, port(m.host_port, m.container_port)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::PortMapping;
    use crate::fixture;

    fn mapping(
        container_port: u16,
        last: Option<u16>,
        host_port: Option<u16>,
        protocol: Protocol,
    ) -> PortMapping {
        PortMapping {
            container_port,
            container_port_last: last,
            host_port,
            protocol,
            name: None,
            app_protocol: None,
        }
    }

    #[test]
    fn only_fixed_ports_are_taken_from_the_host() {
        let mut definition = fixture::definition(&["app!"]);
        definition.containers[0].port_mappings = vec![
            mapping(80, None, Some(8080), Protocol::Tcp),
            mapping(53, None, Some(53), Protocol::Udp),
            mapping(81, None, Some(0), Protocol::Tcp),
            mapping(82, None, None, Protocol::Tcp),
            mapping(90, Some(99), None, Protocol::Tcp),
        ];
        let ports = |network_mode| {
            let definition = TaskDefinition { network_mode, ..definition.clone() };
            let demand = demand(&definition, &Overrides::default());
            (Vec::from_iter(demand.ports_tcp), Vec::from_iter(demand.ports_udp))
        };
        assert_eq!(ports(NetworkMode::Bridge), (vec![8080], vec![53]));
        assert_eq!(ports(NetworkMode::Awsvpc), (vec![], vec![]));
        assert_eq!(ports(NetworkMode::None), (vec![], vec![]));
        definition.containers[0].port_mappings =
            vec![mapping(80, None, None, Protocol::Tcp), mapping(81, None, Some(81), Protocol::Tcp)];
        definition.network_mode = NetworkMode::Host;
        assert_eq!(Vec::from_iter(demand(&definition, &Overrides::default()).ports_tcp), [80, 81]);
    }

    #[test]
    fn overrides_replace_what_the_definition_says() {
        let mut definition = fixture::definition(&["a!", "b"]);
        (definition.cpu_units, definition.memory_mib) = (None, None);
        for container in &mut definition.containers {
            (container.cpu_units, container.memory_mib_reserved, container.gpus) = (10, Some(32), 1);
        }
        let overrides = Overrides {
            containers: vec![ContainerOverride {
                name: "b".to_owned(),
                cpu_units: Some(5),
                memory_mib: Some(50),
                gpus: Some(3),
                ..ContainerOverride::default()
            }],
            ..Overrides::default()
        };
        let of = |overrides: &Overrides| {
            let demand = demand(&definition, overrides);
            (demand.cpu_units, demand.memory_mib, gpu_count(&definition, overrides))
        };
        // A reservation is what counts, also when the hard limit is overridden.
        assert_eq!(of(&Overrides::default()), (20, 64, 2));
        assert_eq!(of(&overrides), (15, 64, 4));
        let size = Overrides { cpu_units: Some(512), memory_mib: Some(1024), ..overrides };
        assert_eq!(of(&size), (512, 1024, 4));
    }
}
