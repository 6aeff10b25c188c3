//! Tasks: run, started, stopped.

use super::Client;
use super::definitions::Definition;
use crate::ask::{Ask, On};
use crate::witness::witness;
use crate::world::{CallError, World};
use model::network::DefaultVpc;
use model::task::DesiredStatus;
use model::{SubnetId, TaskId};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::time::sleep;
use wire::ApiError;
use wire::ecs::{
    Api, AwsVpcConfiguration, Failure, NetworkConfiguration, NetworkMode, RunTaskRequest, RunTaskResponse,
    StartTaskRequest, StopTaskRequest, Task,
};

impl Client {
    pub(super) async fn run_tasks(&self) {
        let Some(definition) = self.some_definition() else { return };
        let count = 1 + self.dice.weighted(&[8, 2, 2, 1, 1]) as u32;
        let (ask, strategy) = self.wish(&definition, count);
        let name = self.new_request(count as usize);
        let token = self.dice.one_in(2).then(|| name.clone());
        let mut tries = if token.is_some() { 4 } else { 1 };
        let request = RunTaskRequest {
            started_by: Some(name),
            client_token: token,
            placement_strategy: strategy,
            ..request(&definition, &ask)
        };
        loop {
            let answer = self.run_once(&ask, &request).await;
            tries -= 1;
            match answer {
                Ok(answer) => {
                    let tasks = answer.tasks.unwrap_or_default();
                    let failures = answer.failures.unwrap_or_default().len() as u64;
                    self.world.tally.placed.fetch_add(tasks.len() as u64, Ordering::Relaxed);
                    self.world.tally.unplaced.fetch_add(failures, Ordering::Relaxed);
                    return self.was_told(&tasks);
                }
                Err(CallError::Api(error)) if error.status < 500 => return,
                Err(_) if tries == 0 => return,
                // As SDKs do: the token makes it safe.
                Err(_) => sleep(self.dice.millis(50..2_000)).await,
            }
        }
    }

    /// RunTask, once. That a task is refused is checked before anything else happens.
    pub(super) async fn run_once(
        &self,
        ask: &Ask,
        request: &RunTaskRequest,
    ) -> Result<RunTaskResponse, CallError> {
        let call = self.call("RunTask", |ecs, cx| {
            let (request, ask, world) = (request.clone(), ask.clone(), self.world.clone());
            async move {
                check(&world, &ask, ecs.run_task(&cx, request), |answer| (&answer.tasks, &answer.failures))
                    .await
            }
        });
        call.await
    }

    pub(super) async fn start_task(&self) {
        let Some(definition) = self.some_definition() else { return };
        let Some(instance) = self.some_instance(self.cluster().as_str()) else { return };
        let (ask, _) = self.wish(&definition, 1);
        let ask = Ask { on: On::Instance(instance.as_str().into()), constraints: Vec::new(), ..ask };
        let request = request(&definition, &ask);
        let request = StartTaskRequest {
            cluster: request.cluster,
            container_instances: vec![instance],
            group: request.group,
            network_configuration: request.network_configuration,
            started_by: Some(self.new_request(1)),
            task_definition: definition.arn,
            ..StartTaskRequest::default()
        };
        let call = self.call("StartTask", |ecs, cx| {
            let (request, ask, world) = (request.clone(), ask.clone(), self.world.clone());
            async move {
                check(&world, &ask, ecs.start_task(&cx, request), |answer| (&answer.tasks, &answer.failures))
                    .await
            }
        });
        if let Ok(answer) = call.await {
            self.was_told(&answer.tasks.unwrap_or_default());
        }
    }

    pub(super) async fn stop_task(&self) {
        let Some(state) = self.world.check.last() else { return };
        let wanted: Vec<_> =
            state.all_tasks().filter(|task| task.desired_status == DesiredStatus::Running).collect();
        let Some(task) = self.dice.choose(&wanted) else { return };
        let id = task.id.clone();
        let request =
            StopTaskRequest { cluster: Some(task.cluster.to_string()), reason: None, task: id.to_string() };
        let call = self.call("StopTask", |ecs, cx| {
            let request = request.clone();
            async move { ecs.stop_task(&cx, request).await }
        });
        if call.await.is_ok() {
            self.world.verdict(self.world.check.was_told_of_stop(&id));
        }
    }

    /// One subnet or all of them.
    pub(super) fn subnets(&self, definition: &Definition) -> Vec<SubnetId> {
        if definition.mode != NetworkMode::Awsvpc {
            return Vec::new();
        }
        let mut subnets: Vec<_> =
            DefaultVpc::of(&self.world.scope()).subnets.into_iter().map(|s| s.id).collect();
        if self.dice.one_in(2) {
            subnets.remove(self.dice.pick(0..subnets.len() as u64) as usize);
        }
        subnets
    }

    pub(super) fn was_told(&self, tasks: &[Task]) {
        for id in ids(tasks) {
            self.world.verdict(self.world.check.was_told(&id));
        }
    }
}

/// The request for what is asked for, without a strategy and a name.
pub(super) fn request(definition: &Definition, ask: &Ask) -> RunTaskRequest {
    let (launch_type, capacity_provider_strategy) = super::wish::on(&ask.on);
    let subnets = ask.subnets.iter().map(ToString::to_string).collect();
    let configuration = AwsVpcConfiguration { subnets, ..AwsVpcConfiguration::default() };
    let network = NetworkConfiguration { awsvpc_configuration: Some(configuration) };
    RunTaskRequest {
        cluster: Some(ask.cluster.to_string()),
        count: Some(ask.count as i32),
        launch_type,
        capacity_provider_strategy,
        group: Some(ask.group.clone()),
        network_configuration: (!ask.subnets.is_empty()).then_some(network),
        placement_constraints: super::wish::constraints(&ask.constraints),
        task_definition: definition.arn.clone(),
        ..RunTaskRequest::default()
    }
}

/// What an answer says of each task that was asked for.
type Parts<'a> = (&'a Option<Vec<Task>>, &'a Option<Vec<Failure>>);

/// Carries a request out, and holds its answer against what was there when it ran.
async fn check<T>(
    world: &Arc<World>,
    ask: &Ask,
    request: impl Future<Output = Result<T, ApiError>>,
    parts: fn(&T) -> Parts<'_>,
) -> Result<T, ApiError> {
    let Some(plane) = world.plane() else { return request.await };
    let (answer, seen) = witness(&plane.store, request).await;
    if let (Ok(answer), Some(seen)) = (&answer, seen) {
        let (tasks, failures) = parts(answer);
        // What a repeated request does not find is not refused: only refusals name an instance, or have a detail.
        let is_refusal = |failure: &Failure| failure.detail.is_some() || failure.arn.is_some();
        let is_refused = failures.iter().flatten().any(is_refusal);
        world.verdict(ask.answered(&ids(tasks.as_deref().unwrap_or_default()), is_refused, &seen));
    }
    answer
}

fn ids(tasks: &[Task]) -> Vec<TaskId> {
    let arns = tasks.iter().filter_map(|task| task.task_arn.as_deref());
    arns.map(|arn| arn.rsplit('/').next().unwrap_or_default().to_owned().into()).collect()
}
