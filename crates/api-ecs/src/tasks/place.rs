//! Which instance each task of an order gets, and the record of a task that has one.

use super::order::Order;
use crate::Refusal;
use core_place::{Hosts, Needs, Place};
use model::container::ContainerDefinition;
use model::demand::container_gpus;
use model::instance::{ContainerInstance, InstanceStatus};
use model::task::{Container, ContainerStatus, DesiredStatus, Task, TaskStatus, Times};
use model::task_definition::{LaunchType, NetworkMode, TaskDefinition};
use model::time::IdSource;
use model::{InstanceId, Timestamp};
use std::sync::Arc;
use store::State;

/// An instance for each task, or why there is none. Reads the instances in question and the tasks on them only.
pub(super) fn anywhere(
    state: &State,
    order: &Order,
    definition: &TaskDefinition,
) -> Result<Vec<Result<Place, core_place::Refusal>>, Refusal> {
    let registered = |i: &&ContainerInstance| i.status != InstanceStatus::Inactive;
    let instances: Vec<&ContainerInstance> = match order.launch_type {
        LaunchType::Fargate => {
            state.all_instances().map(|i| &**i).filter(|i| i.serves_fargate()).filter(registered).collect()
        }
        LaunchType::Ec2 | LaunchType::External => {
            state.instances(&order.scope, &order.cluster).map(|i| &**i).filter(registered).collect()
        }
    };
    if instances.is_empty() && order.launch_type != LaunchType::Fargate {
        return Err(Refusal::NoInstances);
    }
    let tasks = instances.iter().flat_map(|i| state.active_tasks_on(&i.id)).map(|task| &**task);
    let hosts = Hosts::from_records(instances.iter().copied(), tasks);
    Ok(core_place::plan(&hosts, &needs(order, definition), order.count).tasks)
}

/// A place on the instance that the caller chose; `None` when its cluster has no such instance.
pub(super) fn on(
    state: &State,
    order: &Order,
    definition: &TaskDefinition,
    instance: &InstanceId,
) -> Option<Result<Place, core_place::Reason>> {
    let found = state.instance_by_id(instance)?;
    if (&found.scope, &found.cluster) != (&order.scope, &order.cluster) {
        return None;
    }
    let hosts = Hosts::from_records([&**found], state.active_tasks_on(instance).map(|task| &**task));
    core_place::plan_on(&hosts, &needs(order, definition), instance)
}

fn needs(order: &Order, definition: &TaskDefinition) -> Needs {
    let (scope, cluster) = (order.scope.clone(), order.cluster.clone());
    Needs::new(scope, cluster, definition, &order.overrides, order.launch_type, order.group.clone())
}

/// The record of a placed task. In awsvpc mode it waits for its address (PROVISIONING), else for its agent (PENDING).
pub(super) fn task(
    order: &Order,
    definition: &Arc<TaskDefinition>,
    place: Place,
    ids: &dyn IdSource,
    now: Timestamp,
) -> Result<Task, Refusal> {
    let id = ids.next_u128();
    let awsvpc = definition.network_mode == NetworkMode::Awsvpc;
    Ok(Task {
        scope: order.scope.clone(),
        id: format!("{id:032x}").into(),
        cluster: order.cluster.clone(),
        definition: definition.clone(),
        overrides: order.overrides.clone(),
        launch_type: order.launch_type,
        capacity_provider: None,
        instance: Some(place.instance),
        desired_status: DesiredStatus::Running,
        last_status: if awsvpc { TaskStatus::Provisioning } else { TaskStatus::Pending },
        containers: containers(order, definition, place.gpus, ids),
        eni: order.network.as_ref().map(|network| network.attachment(ids.uuid().into(), id)),
        group: order.group.clone(),
        started_by: order.started_by.clone(),
        tags: order.tags(definition)?,
        client_request: order.client_request.clone(),
        protected_until: None,
        logs_block_by_default: order.logs_block_by_default,
        version: 1,
        stop_code: None,
        stopped_reason: None,
        times: Times { created_at: now, ..Times::default() },
    })
}

/// In the definition's order, the task's GPUs dealt out in that order too.
fn containers(
    order: &Order,
    definition: &TaskDefinition,
    mut gpus: Vec<String>,
    ids: &dyn IdSource,
) -> Vec<Container> {
    let container = |c: &ContainerDefinition| Container {
        id: ids.uuid().into(),
        name: c.name.clone(),
        last_status: ContainerStatus::Pending,
        exit_code: None,
        reason: None,
        runtime_id: None,
        image_digest: None,
        network_bindings: Vec::new(),
        health: None,
        gpu_ids: gpus.drain(..gpus.len().min(container_gpus(c, &order.overrides) as usize)).collect(),
    };
    definition.containers.iter().map(container).collect()
}
