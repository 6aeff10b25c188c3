//! `requiresAttributes` of a task definition: what an agent has to be able to do to run it, in the names that agents
//! register (Amazon ECS Developer Guide: container instance attributes; Amazon ECS agent: `capabilities`).

use model::container::{ContainerDefinition, LogConfiguration};
use model::task_definition::{NetworkMode, TaskDefinition};
use model::volume::VolumeSource;

/// Their names, sorted. A capability has no value.
pub fn required_attributes(definition: &TaskDefinition) -> Vec<String> {
    let d = definition;
    let any = |asks: fn(&ContainerDefinition) -> bool| d.containers.iter().any(asks);
    let table = [
        ("com.amazonaws.ecs.capability.apparmor", any(|c| has_security_option(c, "apparmor"))),
        ("com.amazonaws.ecs.capability.privileged-container", any(|c| c.privileged == Some(true))),
        ("com.amazonaws.ecs.capability.selinux", any(|c| has_security_option(c, "label"))),
        ("ecs.capability.container-health-check", any(|c| c.health_check.is_some())),
        ("ecs.capability.container-ordering", any(is_ordered)),
        ("ecs.capability.container-restart-policy", any(|c| c.restart_policy.is_some())),
        ("ecs.capability.docker-plugin.local", has_docker_volume(d)),
        ("ecs.capability.network.container-port-range", any(has_port_range)),
        ("ecs.capability.pid-ipc-namespace-sharing", d.pid_mode.is_some() || d.ipc_mode.is_some()),
        ("ecs.capability.task-eni", is_awsvpc(d)),
    ];
    let asked = table.into_iter().filter(|(_, asked)| *asked).map(|(name, _)| name.to_owned());
    let drivers = d.containers.iter().filter_map(|c| c.log.as_ref());
    let drivers = drivers.map(|log| format!("com.amazonaws.ecs.capability.logging-driver.{}", log.driver));
    let minors = docker_api_minors(d);
    let versions = minors.map(|minor| format!("com.amazonaws.ecs.capability.docker-remote-api.1.{minor}"));
    let mut names: Vec<_> = asked.chain(drivers).chain(versions).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Versions of Docker's API, each for the members that need it, in any order and more than once. The API reference names
/// those of `dockerLabels`, `ulimits`, `logConfiguration` and `initProcessEnabled`; the others are what answers of
/// RegisterTaskDefinition show. Members of which neither says anything ask for none.
fn docker_api_minors(definition: &TaskDefinition) -> impl Iterator<Item = u32> {
    let of_task = [(18, is_awsvpc(definition)), (25, has_docker_volume(definition))];
    let of_containers = definition.containers.iter().flat_map(container_api_minors);
    of_task.into_iter().chain(of_containers).filter(|(_, asked)| *asked).map(|(minor, _)| minor)
}

fn container_api_minors(c: &ContainerDefinition) -> [(u32, bool); 11] {
    let log = |asks: fn(&LogConfiguration) -> bool| c.log.as_ref().is_some_and(asks);
    let starts_late = c.health_check.as_ref().map(|check| check.start_period_secs.is_some());
    let linux = c.linux.as_ref();
    [
        (17, c.user.is_some() || c.privileged == Some(true)),
        (17, !c.dns_servers.is_empty() || !c.dns_search_domains.is_empty()),
        (18, !c.docker_labels.is_empty() || !c.ulimits.is_empty() || log(|log| log.options.is_empty())),
        (19, log(|log| !log.options.is_empty())),
        (21, c.memory_mib_reserved.is_some()),
        (22, linux.is_some_and(|linux| linux.shared_memory_mib.is_some() || !linux.tmpfs.is_empty())),
        (24, starts_late == Some(false)),
        (25, linux.is_some_and(|linux| linux.init_process == Some(true))),
        (28, log(|log| log.options.contains_key("mode") || log.options.contains_key("max-buffer-size"))),
        (29, starts_late == Some(true)),
        (29, log(|log| log.options.contains_key("awslogs-create-group"))),
    ]
}

fn is_awsvpc(definition: &TaskDefinition) -> bool {
    definition.network_mode == NetworkMode::Awsvpc
}

fn has_docker_volume(definition: &TaskDefinition) -> bool {
    definition.volumes.iter().any(|volume| matches!(volume.source, VolumeSource::Docker(_)))
}

fn is_ordered(c: &ContainerDefinition) -> bool {
    !c.depends_on.is_empty() || c.start_timeout_secs.or(c.stop_timeout_secs).is_some()
}

/// `NAME:VALUE`, or `NAME=VALUE` as Docker writes it.
fn has_security_option(c: &ContainerDefinition, name: &str) -> bool {
    c.docker_security_options.iter().any(|option| option.split([':', '=']).next() == Some(name))
}

fn has_port_range(container: &ContainerDefinition) -> bool {
    container.port_mappings.iter().any(|mapping| mapping.container_port_last.is_some())
}
