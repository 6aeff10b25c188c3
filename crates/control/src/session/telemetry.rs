//! What telemetry says about records: the health of tasks' containers, and that of the instance itself.

use acs::tcs::{InstanceStatus, TaskHealth};
use core_task::report::apply_health;
use model::arn::Arn;
use model::instance::{ContainerInstance, RuntimeHealth, RuntimeStatus};
use model::task::{HealthStatus, Task};
use model::{ContainerName, Scope, TaskId, Timestamp};
use store::{InstanceKey, State};

/// The one check that Amazon's agent makes of its host.
const CONTAINER_RUNTIME: &str = "ContainerRuntime";
/// How old the time of the last check may be in the record, so that a healthy instance is not written every 20 s.
const LAST_UPDATED_AGE_MAX_MS: i64 = 60_000;

/// A task as it is after its containers' health was published; `None` when nothing changes by it, or when the task is
/// not on this instance.
pub(super) fn task_after(state: &State, instance: &InstanceKey, published: &TaskHealth) -> Option<Task> {
    let (scope, id) = parse_task(&published.task_arn)?;
    let mut task = Task::clone(state.task(&scope, &id)?);
    let is_here = task.instance.as_ref() == Some(&instance.1);
    let known = published.containers.iter().filter_map(|c| {
        Some((ContainerName::from(c.container_name.as_str()), HealthStatus::parse(&c.health_status)?))
    });
    (is_here && apply_health(&mut task, &known.collect::<Vec<_>>()).changed).then_some(task)
}

/// The instance as it is after its agent's status; `None` when there is nothing to write.
pub(super) fn instance_after(
    state: &State,
    key: &InstanceKey,
    published: &[InstanceStatus],
    now: Timestamp,
) -> Option<ContainerInstance> {
    let instance = state.get::<ContainerInstance>(key)?;
    let of_runtime = published.iter().find(|status| status.kind == CONTAINER_RUNTIME)?;
    // A host's clock may be anywhere. A time that is yet to come would look newer than all that follow.
    let at = |seconds: Option<f64>| {
        seconds.map_or(now, |s| Timestamp((s * 1000.0) as i64).max(Timestamp(0)).min(now))
    };
    let health = RuntimeHealth {
        status: RuntimeStatus::parse(&of_runtime.status)?,
        last_updated: at(of_runtime.last_updated),
        last_status_change: at(of_runtime.last_status_change),
    };
    let is_known = instance.runtime_health.is_some_and(|known| {
        known.status == health.status
            && health.last_updated.millis_since(known.last_updated) < LAST_UPDATED_AGE_MAX_MS
    });
    if is_known {
        return None;
    }
    let mut after = ContainerInstance::clone(instance);
    after.runtime_health = Some(health);
    after.version += 1;
    Some(after)
}

/// The account, region and id in a task's ARN.
pub(super) fn parse_task(text: &str) -> Option<(Scope, TaskId)> {
    let arn = Arn::parse(text)?;
    let id = arn.resource_after("task")?.rsplit('/').next()?;
    Some((arn.scope.clone(), TaskId::from(id)))
}
