//! One task as it is.

use crate::violation::{Check, ensure};
use model::task::{ContainerStatus, DesiredStatus, Task, TaskStatus};

/// INV-TIMES-1: the timestamps that are there are in the order of the lifecycle, and those that a state implies are
/// there. Only times of the control plane's own clock are compared; pulls are timed by the agent's.
pub fn times_are_ordered(task: &Task) -> Check {
    let t = &task.times;
    let chain = [Some(t.created_at), t.connectivity_at, t.started_at, t.stopped_at];
    let present: Vec<_> = chain.into_iter().flatten().collect();
    let ordered = present.is_sorted()
        && t.stopping_at.is_none_or(|at| t.created_at <= at && t.stopped_at.is_none_or(|end| at <= end));
    ensure("INV-TIMES-1", ordered, || format!("task {}: out of order: {t:?}", task.id))?;
    let stopping_known = task.desired_status == DesiredStatus::Running || t.stopping_at.is_some();
    let stopped_known = (task.last_status == TaskStatus::Stopped) == t.stopped_at.is_some();
    ensure("INV-TIMES-1", stopping_known && stopped_known, || {
        format!("task {}: {} without its time: {t:?}", task.id, task.last_status.as_str())
    })
}

/// INV-STOP-2: a task whose containers are over wants to be STOPPED, says why, and has no container that runs.
pub fn stopped_tasks_are_explained(task: &Task) -> Check {
    let over = task.last_status >= TaskStatus::Deprovisioning;
    let explained = task.desired_status == DesiredStatus::Stopped
        && task.stop_code.is_some()
        && task.stopped_reason.is_some()
        && task.containers.iter().all(|c| c.last_status == ContainerStatus::Stopped);
    ensure("INV-STOP-2", !over || explained, || {
        let containers: Vec<_> = task.containers.iter().map(|c| c.last_status.as_str()).collect();
        format!(
            "task {} is {}, wants {}, because {:?} {:?}, containers {containers:?}",
            task.id,
            task.last_status.as_str(),
            task.desired_status.as_str(),
            task.stop_code,
            task.stopped_reason,
        )
    })
}
