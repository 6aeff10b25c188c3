//! What the tasks of an order need, and the record of a task that has its place.

use super::capacity::{Capacity, Share};
use super::order::Order;
use crate::Refusal;
use core_place::{Needs, Place};
use model::container::ContainerDefinition;
use model::demand::container_gpus;
use model::task::{Container, ContainerStatus, DesiredStatus, Task, TaskStatus, Times};
use model::task_definition::{NetworkMode, TaskDefinition};
use model::time::IdSource;
use model::{TaskId, Timestamp};
use std::sync::Arc;

/// What each task of a share needs.
pub(super) fn needs(
    order: &Order,
    definition: &TaskDefinition,
    capacity: &Capacity,
    share: &Share,
    seed: u64,
) -> Result<Needs, Refusal> {
    let (scope, cluster) = (order.scope.clone(), order.cluster.clone());
    let (launch_type, group) = (capacity.launch_type, order.group.clone());
    let zones = order.network.as_ref().map(|network| network.zones_without_subnet(&scope));
    let needs = Needs::new(scope, cluster, definition, &order.overrides, launch_type, group);
    Ok(Needs {
        zones_without_subnet: zones.unwrap_or_default(),
        constraints: order.placement.constraints(definition)?,
        strategy: order.placement.strategy.clone(),
        auto_scaling_group: share.auto_scaling_group.clone(),
        seed,
        ..needs
    })
}

/// The record of a placed task. In awsvpc mode it waits for its address (PROVISIONING), else for its agent (PENDING).
pub(super) fn task(
    order: &Order,
    definition: &Arc<TaskDefinition>,
    needs: &Needs,
    share: &Share,
    place: Place,
    ids: &dyn IdSource,
    now: Timestamp,
) -> Result<Task, Refusal> {
    let random = ids.next_u128();
    let awsvpc = definition.network_mode == NetworkMode::Awsvpc;
    Ok(Task {
        scope: order.scope.clone(),
        id: TaskId::new(now, random),
        cluster: order.cluster.clone(),
        definition: definition.clone(),
        overrides: order.overrides.clone(),
        launch_type: needs.launch_type,
        capacity_provider: share.provider.clone(),
        instance: Some(place.instance),
        desired_status: DesiredStatus::Running,
        last_status: if awsvpc { TaskStatus::Provisioning } else { TaskStatus::Pending },
        containers: containers(order, definition, place.gpus, ids),
        eni: order.network.as_ref().map(|network| Box::new(network.attachment(ids.uuid().into(), random))),
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
