//! `requiresAttributes` of a task definition: what an agent has to be able to do to run it, in the names that agents
//! register (Amazon ECS Developer Guide: container instance attributes; Amazon ECS agent: `capabilities`).
//!
//! ECS also asks for versions of Docker's API (`docker-remote-api.1.N`); which member asks for which is on no page, and
//! every agent of the last years has them all, so they are left out.

use model::container::ContainerDefinition;
use model::task_definition::{NetworkMode, TaskDefinition};
use model::volume::VolumeSource;

/// Their names, sorted. A capability has no value.
pub fn required_attributes(definition: &TaskDefinition) -> Vec<String> {
    let d = definition;
    let any = |asks: fn(&ContainerDefinition) -> bool| d.containers.iter().any(asks);
    let is_ordered = |c: &ContainerDefinition| {
        !c.depends_on.is_empty() || c.start_timeout_secs.or(c.stop_timeout_secs).is_some()
    };
    let has_docker_volume = d.volumes.iter().any(|v| matches!(v.source, VolumeSource::Docker(_)));
    let table = [
        ("com.amazonaws.ecs.capability.privileged-container", any(|c| c.privileged == Some(true))),
        ("ecs.capability.container-health-check", any(|c| c.health_check.is_some())),
        ("ecs.capability.container-ordering", any(is_ordered)),
        ("ecs.capability.container-restart-policy", any(|c| c.restart_policy.is_some())),
        ("ecs.capability.docker-plugin.local", has_docker_volume),
        ("ecs.capability.network.container-port-range", any(has_port_range)),
        ("ecs.capability.pid-ipc-namespace-sharing", d.pid_mode.is_some() || d.ipc_mode.is_some()),
        ("ecs.capability.task-eni", d.network_mode == NetworkMode::Awsvpc),
    ];
    let asked = table.into_iter().filter(|(_, asked)| *asked).map(|(name, _)| name.to_owned());
    let drivers = d.containers.iter().filter_map(|c| c.log.as_ref());
    let drivers = drivers.map(|log| format!("com.amazonaws.ecs.capability.logging-driver.{}", log.driver));
    let mut names: Vec<_> = asked.chain(drivers).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn has_port_range(container: &ContainerDefinition) -> bool {
    container.port_mappings.iter().any(|mapping| mapping.container_port_last.is_some())
}
