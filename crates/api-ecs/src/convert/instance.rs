//! Container instances.

use super::{int, tags};
use model::arn;
use model::demand::held;
use model::instance::{ContainerInstance, InstanceStatus, Resources, RuntimeHealth, RuntimeStatus};
use model::task::{Task, TaskStatus};
use model::task_definition::LaunchType;
use std::collections::BTreeSet;
use store::State;
use wire::ecs::{
    self, Attribute, ContainerInstanceHealthStatus, InstanceHealthCheckResult, InstanceHealthCheckState,
    InstanceHealthCheckType, Resource, TargetType, VersionInfo,
};

/// An instance with what its tasks have left of it.
///
/// The counts are of the EC2 tasks, which ListTasks lists by instance; FARGATE tasks are not shown to run on any
/// instance, but what they take is taken.
pub(crate) fn instance(
    state: &State,
    instance: &ContainerInstance,
    with_tags: bool,
) -> ecs::ContainerInstance {
    let said = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let tasks = || state.active_tasks_on(&instance.id).map(|task| &**task);
    let count =
        |of: fn(&Task) -> bool| tasks().filter(|t| t.launch_type != LaunchType::Fargate && of(t)).count();
    let has_gpus = !instance.registered.gpus.is_empty();
    ecs::ContainerInstance {
        container_instance_arn: Some(arn::container_instance(
            &instance.scope,
            &instance.cluster,
            &instance.id,
        )),
        ec2_instance_id: instance.ec2_instance_id.clone(),
        status: Some(status(instance.status).to_owned()),
        agent_connected: Some(instance.agent_connected),
        version: Some(instance.version.try_into().unwrap_or(i64::MAX)),
        version_info: Some(VersionInfo {
            agent_version: said(&instance.agent_version),
            agent_hash: said(&instance.agent_hash),
            docker_version: said(&instance.docker_version),
        }),
        registered_resources: Some(resources(&instance.registered, has_gpus)),
        remaining_resources: Some(resources(&remaining(instance, tasks()), has_gpus)),
        running_tasks_count: int(count(|t| t.last_status == TaskStatus::Running)),
        pending_tasks_count: int(count(|t| t.last_status < TaskStatus::Running)),
        attributes: Some(instance.attributes.iter().map(|(name, value)| listed(name, value)).collect()),
        registered_at: Some(instance.registered_at),
        attachments: Some(Vec::new()),
        capacity_provider_name: capacity_provider(state, instance),
        tags: Some(if with_tags { tags(&instance.tags) } else { Vec::new() }),
        ..ecs::ContainerInstance::default()
    }
}

/// The capacity provider of the instance's cluster that is for the Auto Scaling group that the instance counts as one of.
fn capacity_provider(state: &State, instance: &ContainerInstance) -> Option<String> {
    let group = instance.auto_scaling_group()?;
    let cluster = state.cluster(&instance.scope, &instance.cluster)?;
    let is_for_group = |name: &&String| {
        let provider = state.capacity_provider(&instance.scope, name);
        provider.is_some_and(|provider| provider.auto_scaling_group() == group)
    };
    cluster.capacity_providers.iter().find(is_for_group).cloned()
}

/// `healthStatus`: the checks that the agent told of, and the worst of them, which is the one that there is.
pub(crate) fn instance_health(instance: &ContainerInstance) -> ContainerInstanceHealthStatus {
    let state = |status| match status {
        RuntimeStatus::Initializing => InstanceHealthCheckState::Initializing,
        RuntimeStatus::Ok => InstanceHealthCheckState::Ok,
        RuntimeStatus::Impaired => InstanceHealthCheckState::Impaired,
        RuntimeStatus::InsufficientData => InstanceHealthCheckState::InsufficientData,
    };
    let detail = |health: RuntimeHealth| InstanceHealthCheckResult {
        r#type: Some(InstanceHealthCheckType::ContainerRuntime),
        status: Some(state(health.status)),
        last_updated: Some(health.last_updated),
        last_status_change: Some(health.last_status_change),
        status_reason: None,
    };
    let overall = instance.runtime_health.map_or(RuntimeStatus::InsufficientData, |health| health.status);
    ContainerInstanceHealthStatus {
        overall_status: Some(state(overall)),
        details: Some(instance.runtime_health.into_iter().map(detail).collect()),
    }
}

/// An attribute of an instance, with the instance (ListAttributes).
pub(crate) fn attribute(instance: &ContainerInstance, name: &str, value: &Option<String>) -> Attribute {
    let arn = arn::container_instance(&instance.scope, &instance.cluster, &instance.id);
    Attribute {
        target_type: Some(TargetType::ContainerInstance),
        target_id: Some(arn),
        ..listed(name, value)
    }
}

/// An attribute where it is clear whose it is.
pub(super) fn listed(name: &str, value: &Option<String>) -> Attribute {
    Attribute { name: name.to_owned(), value: value.clone(), ..Attribute::default() }
}

fn status(status: InstanceStatus) -> &'static str {
    match status {
        InstanceStatus::Active => "ACTIVE",
        InstanceStatus::Draining => "DRAINING",
        InstanceStatus::Inactive => "INACTIVE",
    }
}

/// What is left: CPU and memory less what tasks take; ports more (AWS lists the ports that are taken).
fn remaining<'a>(instance: &ContainerInstance, tasks: impl Iterator<Item = &'a Task>) -> Resources {
    let (has, held) = (&instance.registered, held(tasks));
    Resources {
        cpu_units: has.cpu_units.saturating_sub(held.cpu_units),
        memory_mib: has.memory_mib.saturating_sub(held.memory_mib),
        ports_tcp: &has.ports_tcp | &held.ports_tcp,
        ports_udp: &has.ports_udp | &held.ports_udp,
        gpus: &has.gpus - &held.gpus,
    }
}

/// Instances without GPUs do not show that they have none.
fn resources(resources: &Resources, has_gpus: bool) -> Vec<Resource> {
    let number = |name: &str, value: u32| Resource {
        name: Some(name.to_owned()),
        r#type: Some("INTEGER".to_owned()),
        integer_value: int(value),
        long_value: Some(0),
        double_value: Some(0.0),
        string_set_value: None,
    };
    let strings = |name: &str, values: Vec<String>| Resource {
        name: Some(name.to_owned()),
        r#type: Some("STRINGSET".to_owned()),
        integer_value: Some(0),
        long_value: Some(0),
        double_value: Some(0.0),
        string_set_value: Some(values),
    };
    let ports = |name: &str, ports: &BTreeSet<u16>| strings(name, ports.iter().map(u16::to_string).collect());
    let mut shown = vec![
        number("CPU", resources.cpu_units),
        number("MEMORY", resources.memory_mib),
        ports("PORTS", &resources.ports_tcp),
        ports("PORTS_UDP", &resources.ports_udp),
    ];
    if has_gpus {
        shown.push(strings("GPU", resources.gpus.iter().cloned().collect()));
    }
    shown
}
