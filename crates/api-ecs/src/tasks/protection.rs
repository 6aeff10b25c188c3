//! GetTaskProtection and UpdateTaskProtection (Amazon ECS Developer Guide: task scale-in protection).
//!
//! Protection ends by itself: a record says until when it holds, and who looks later sees none.

use crate::batch::each_once;
use crate::{Ecs, Refusal, convert, lookup, names};
use core_task::report::apply_protection;
use model::task::{DesiredStatus, Task};
use model::{ClusterName, Scope, TaskId, Timestamp, arn};
use store::State;
use wire::Cx;
use wire::ecs::{
    Failure, GetTaskProtectionRequest, GetTaskProtectionResponse, ProtectedTask, UpdateTaskProtectionRequest,
    UpdateTaskProtectionResponse,
};

/// The most tasks of one UpdateTaskProtection, and of one GetTaskProtection.
const UPDATED_TASKS_MAX: usize = 10;
const READ_TASKS_MAX: usize = 100;
/// Minutes that a protection may hold.
const MINUTES: std::ops::RangeInclusive<i32> = 1..=2880;
/// How long it holds when the caller does not say.
const MINUTES_DEFAULT: i32 = 120;
const MS_PER_MINUTE: i64 = 60_000;

/// The reason for a task that no service runs (Amazon ECS Developer Guide: API failure reasons).
const NOT_VALID: &str = "TASK_NOT_VALID";

impl Ecs {
    /// UpdateTaskProtection: sets or clears protection; setting it again starts its time anew.
    pub(crate) async fn update_task_protection(
        &self,
        cx: &Cx,
        input: UpdateTaskProtectionRequest,
    ) -> Result<UpdateTaskProtectionResponse, Refusal> {
        let minutes = input.expires_in_minutes.unwrap_or(MINUTES_DEFAULT);
        if !MINUTES.contains(&minutes) {
            return Err(Refusal::parameter("expiresInMinutes should be between 1 and 2880."));
        }
        if !input.protection_enabled && input.expires_in_minutes.is_some() {
            return Err(Refusal::parameter(
                "expiresInMinutes can only be specified when protectionEnabled is true.",
            ));
        }
        let cluster = names::cluster(&cx.scope, Some(&input.cluster))?;
        let ids = task_ids(&cx.scope, &cluster, &input.tasks, UPDATED_TASKS_MAX)?;
        let now = self.clock.now();
        let until = input.protection_enabled.then(|| now.plus_millis(i64::from(minutes) * MS_PER_MINUTE));
        self.store
            .commit(|tx| {
                lookup::active_cluster(tx, &cx.scope, &cluster)?;
                let (mut protected, mut failures) = (Vec::new(), Vec::new());
                for id in &ids {
                    match protectable(tx, &cx.scope, &cluster, id) {
                        Ok(task) => {
                            let mut task = Task::clone(task);
                            apply_protection(&mut task, until);
                            protected.push(shown(&task, now));
                            tx.put(task);
                        }
                        Err(failure) => failures.push(failure),
                    }
                }
                Ok(UpdateTaskProtectionResponse {
                    protected_tasks: Some(protected),
                    failures: Some(failures),
                })
            })
            .await
    }

    /// GetTaskProtection. Without tasks: those of the cluster that are protected.
    pub(crate) async fn get_task_protection(
        &self,
        cx: &Cx,
        input: GetTaskProtectionRequest,
    ) -> Result<GetTaskProtectionResponse, Refusal> {
        let cluster = names::cluster(&cx.scope, Some(&input.cluster))?;
        let (state, now) = (self.store.snapshot(), self.clock.now());
        lookup::cluster(&state, &cx.scope, &cluster)?;
        let named = input.tasks.unwrap_or_default();
        let (mut protected, mut failures) = (Vec::new(), Vec::new());
        if named.is_empty() {
            let tasks = state.tasks_by_desired_status(&cx.scope, &cluster, DesiredStatus::Running, None);
            let held = tasks.filter(|task| is_protected(task, now));
            protected.extend(held.take(READ_TASKS_MAX).map(|task| shown(task, now)));
        } else {
            for id in task_ids(&cx.scope, &cluster, &named, READ_TASKS_MAX)? {
                match protectable(&state, &cx.scope, &cluster, &id) {
                    Ok(task) => protected.push(shown(task, now)),
                    Err(failure) => failures.push(failure),
                }
            }
        }
        Ok(GetTaskProtectionResponse { protected_tasks: Some(protected), failures: Some(failures) })
    }
}

fn task_ids(
    scope: &Scope,
    cluster: &ClusterName,
    named: &[String],
    most: usize,
) -> Result<Vec<TaskId>, Refusal> {
    if named.is_empty() {
        return Err(Refusal::Empty("Tasks"));
    }
    let ids = each_once("tasks", most, named, |text| names::task(scope, cluster, text))?;
    Ok(ids.into_iter().map(|(_, id)| id).collect())
}

/// A task of a service that is to run on.
fn protectable<'a>(
    state: &'a State,
    scope: &Scope,
    cluster: &ClusterName,
    id: &TaskId,
) -> Result<&'a Task, Failure> {
    let arn = arn::task(scope, cluster, id);
    let Some(task) = state.task(scope, id).filter(|task| task.cluster == *cluster) else {
        return Err(convert::missing(arn));
    };
    let not_valid = |detail: &str| Failure {
        arn: Some(arn.clone()),
        reason: Some(NOT_VALID.to_owned()),
        detail: Some(detail.to_owned()),
    };
    match (task.is_of_service(), task.desired_status) {
        (false, _) => Err(not_valid("The task is not part of an Amazon ECS service.")),
        (true, DesiredStatus::Stopped) => Err(not_valid("The task is stopping or has stopped.")),
        (true, DesiredStatus::Running) => Ok(task),
    }
}

fn is_protected(task: &Task, now: Timestamp) -> bool {
    task.protected_until.is_some_and(|until| until > now)
}

fn shown(task: &Task, now: Timestamp) -> ProtectedTask {
    let protected = is_protected(task, now);
    ProtectedTask {
        task_arn: Some(arn::task(&task.scope, &task.cluster, &task.id)),
        protection_enabled: Some(protected),
        expiration_date: task.protected_until.filter(|_| protected),
    }
}
