//! One container: the members that agents know themselves.

use super::{docker_config, log, network, volumes};
use acs::payload::{
    Container, ContainerDependency, DependencyCondition as Condition, DockerConfig, HEALTH_CHECK_DOCKER,
    LOGS_AUTH_EXECUTION_ROLE, RestartPolicy,
};
use model::arn;
use model::container::{ContainerDefinition, Dependency, DependencyCondition};
use model::task::{ContainerOverride, Task};
use std::collections::BTreeMap;

pub(super) fn compile(
    task: &Task,
    definition: &ContainerDefinition,
    logs_endpoint: Option<&str>,
) -> Container {
    let name = definition.name.as_str();
    let over = task.overrides.containers.iter().find(|o| o.name == name).cloned().unwrap_or_default();
    let record = task.containers.iter().find(|c| c.name == definition.name);
    let is_awslogs = definition.log.as_ref().is_some_and(|log| log.driver == log::AWSLOGS);
    let host_config = docker_config::host_config(task, definition, &over, logs_endpoint);
    Container {
        name: name.to_owned(),
        image: definition.image.clone(),
        container_arn: record
            .map(|c| arn::container(&task.scope, &task.cluster, &task.id, &c.id))
            .unwrap_or_default(),
        cpu: over.cpu_units.unwrap_or(definition.cpu_units),
        memory: over.memory_mib.or(definition.memory_mib).unwrap_or(0),
        essential: definition.essential,
        entry_point: definition.entry_point.clone(),
        environment: environment(definition, &over),
        command: over.command.or_else(|| definition.command.clone()),
        port_mappings: network::port_mappings(task.definition.network_mode, definition),
        depends_on: definition.depends_on.iter().map(dependency).collect(),
        mount_points: definition.mount_points.iter().map(volumes::mount_point).collect(),
        volumes_from: definition.volumes_from.iter().map(volumes::volume_from).collect(),
        links: definition.links.iter().map(network::link).collect(),
        restart_policy: definition.restart_policy.as_ref().map(restart_policy),
        health_check_type: definition.health_check.as_ref().map_or("", |_| HEALTH_CHECK_DOCKER).to_owned(),
        start_timeout: definition.start_timeout_secs,
        stop_timeout: definition.stop_timeout_secs,
        // The agent adds an option to the log driver for it, which only this one knows.
        logs_auth_strategy: if is_awslogs { LOGS_AUTH_EXECUTION_ROLE } else { "" }.to_owned(),
        docker_config: DockerConfig::new(&docker_config::config(definition), &host_config),
        ..Container::default()
    }
}

/// Later ones win: an override over the definition, and in either list the last of a name.
fn environment(definition: &ContainerDefinition, over: &ContainerOverride) -> BTreeMap<String, String> {
    definition.environment.iter().chain(&over.environment).cloned().collect()
}

fn dependency(dependency: &Dependency) -> ContainerDependency {
    ContainerDependency {
        container_name: dependency.container.to_string(),
        condition: match dependency.condition {
            DependencyCondition::Start => Condition::Start,
            DependencyCondition::Complete => Condition::Complete,
            DependencyCondition::Success => Condition::Success,
            DependencyCondition::Healthy => Condition::Healthy,
        },
    }
}

fn restart_policy(policy: &model::container::RestartPolicy) -> RestartPolicy {
    RestartPolicy {
        enabled: policy.enabled,
        ignored_exit_codes: policy.ignored_exit_codes.clone(),
        restart_attempt_period: policy.attempt_period_secs,
    }
}
