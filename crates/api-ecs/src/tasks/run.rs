//! RunTask: placement and the tasks' records in one transaction.

use super::order::Order;
use crate::{Ecs, Refusal, convert, lookup};
use core_place::{Hosts, Needs};
use model::arn;
use model::container::ContainerDefinition;
use model::instance::{ContainerInstance, InstanceStatus};
use model::task::{Container, ContainerStatus, DesiredStatus, Task, TaskStatus, Times};
use model::task_definition::{LaunchType, NetworkMode, TaskDefinition, TaskDefinitionStatus};
use model::time::IdSource;
use model::{InstanceId, Timestamp};
use std::sync::Arc;
use store::{State, Tx};
use wire::Cx;
use wire::ecs::{Failure, RunTaskRequest, RunTaskResponse};

/// What FARGATE answers when nothing has room (Amazon ECS Developer Guide: API failure reasons).
const NO_CAPACITY: &str =
    "Capacity is unavailable at this time. Please try again later or in a different availability zone";
/// What a repeated request hears of each task that it asked for and that is not there.
const NOT_REPLAYED: &str =
    "The first request with this clientToken did not start this task, or it stopped long ago.";

impl Ecs {
    /// RunTask. Tasks that no instance takes are in `failures[]`; the others have their instance when this answers.
    pub(crate) async fn run_task(&self, cx: &Cx, input: RunTaskRequest) -> Result<RunTaskResponse, Refusal> {
        let order = Order::parse(&cx.scope, input)?;
        let now = self.clock.now();
        let answer = self.store.commit(|tx| run(tx, &order, &*self.ids, now)).await?;
        for task in answer.tasks.iter().flatten() {
            tracing::info!(task = task.task_arn, status = task.last_status, "task created");
        }
        Ok(answer)
    }
}

fn run(tx: &mut Tx, order: &Order, ids: &dyn IdSource, now: Timestamp) -> Result<RunTaskResponse, Refusal> {
    lookup::active_cluster(tx, &order.scope, &order.cluster)?;
    if let Some(answer) = replay(tx, order)? {
        return Ok(answer);
    }
    let definition = definition(tx, order)?;
    order.check(&definition)?;
    let (mut tasks, mut failures) = (Vec::new(), Vec::new());
    for placed in place(tx, order, &definition)? {
        match placed {
            Ok(instance) => {
                let task = new_task(order, &definition, instance, ids, now)?;
                tasks.push(convert::task(tx, &task, true));
                tx.put(task);
            }
            Err(refusal) => failures.push(failure(order, &refusal)),
        }
    }
    Ok(RunTaskResponse { tasks: Some(tasks), failures: Some(failures) })
}

/// The answer of an earlier call with the same `clientToken`: its tasks as they are now, STOPPED ones included until
/// they are forgotten. A call that started no task has left nothing to find, so its token starts anew.
fn replay(state: &State, order: &Order) -> Result<Option<RunTaskResponse>, Refusal> {
    let Some(request) = &order.client_request else { return Ok(None) };
    let made: Vec<_> = state.tasks_by_client_token(&order.scope, &order.cluster, &request.token).collect();
    if made.is_empty() {
        return Ok(None);
    }
    if made.iter().any(|task| task.client_request.as_ref() != Some(request)) {
        let arns = made.iter().map(|task| arn::task(&task.scope, &task.cluster, &task.id));
        return Err(Refusal::ClientTokenInUse { tasks: arns.collect() });
    }
    // What the earlier call could not place it did not keep; that there are fewer tasks is said again.
    let lacking = || Failure { arn: None, reason: Some(NOT_REPLAYED.to_owned()), detail: None };
    let failures = (made.len()..order.count as usize).map(|_| lacking()).collect();
    let tasks = made.into_iter().map(|task| convert::task(state, task, true)).collect();
    Ok(Some(RunTaskResponse { tasks: Some(tasks), failures: Some(failures) }))
}

fn definition(state: &State, order: &Order) -> Result<Arc<TaskDefinition>, Refusal> {
    let found = lookup::definition(state, &order.scope, &order.definition);
    let definition = found.ok_or(Refusal::DefinitionNotFound)?;
    match definition.status {
        TaskDefinitionStatus::Active => Ok(definition.clone()),
        TaskDefinitionStatus::Inactive | TaskDefinitionStatus::DeleteInProgress => {
            Err(Refusal::DefinitionInactive)
        }
    }
}

/// An instance for each task, or why there is none. Reads the instances in question and the tasks on them only.
fn place(
    state: &State,
    order: &Order,
    definition: &TaskDefinition,
) -> Result<Vec<Result<InstanceId, core_place::Refusal>>, Refusal> {
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
    let (scope, cluster) = (order.scope.clone(), order.cluster.clone());
    let needs =
        Needs::new(scope, cluster, definition, &order.overrides, order.launch_type, order.group.clone());
    Ok(core_place::plan(&hosts, &needs, order.count).tasks)
}

fn failure(order: &Order, refusal: &core_place::Refusal) -> Failure {
    let detail = Some(refusal.to_string());
    match (order.launch_type, refusal.nearest()) {
        (LaunchType::Ec2 | LaunchType::External, Some((reason, instance))) => Failure {
            arn: Some(arn::container_instance(&order.scope, &order.cluster, instance)),
            reason: Some(reason.as_str().to_owned()),
            detail,
        },
        _ => Failure { arn: None, reason: Some(NO_CAPACITY.to_owned()), detail },
    }
}

/// The record of a placed task. In awsvpc mode it waits for its address (PROVISIONING), else for its agent (PENDING).
fn new_task(
    order: &Order,
    definition: &Arc<TaskDefinition>,
    instance: InstanceId,
    ids: &dyn IdSource,
    now: Timestamp,
) -> Result<Task, Refusal> {
    let container = |c: &ContainerDefinition| Container {
        id: ids.uuid().into(),
        name: c.name.clone(),
        last_status: ContainerStatus::Pending,
        exit_code: None,
        reason: None,
        runtime_id: None,
        image_digest: None,
    };
    let id = ids.next_u128();
    let awsvpc = definition.network_mode == NetworkMode::Awsvpc;
    Ok(Task {
        scope: order.scope.clone(),
        id: format!("{id:032x}").into(),
        cluster: order.cluster.clone(),
        definition: definition.clone(),
        overrides: order.overrides.clone(),
        launch_type: order.launch_type,
        instance: Some(instance),
        desired_status: DesiredStatus::Running,
        last_status: if awsvpc { TaskStatus::Provisioning } else { TaskStatus::Pending },
        containers: definition.containers.iter().map(container).collect(),
        eni: order.network.as_ref().map(|network| network.attachment(ids.uuid().into(), id)),
        group: order.group.clone(),
        started_by: order.started_by.clone(),
        tags: order.tags(definition)?,
        client_request: order.client_request.clone(),
        version: 1,
        stop_code: None,
        stopped_reason: None,
        times: Times { created_at: now, ..Times::default() },
    })
}
