//! What health checks say, in the shapes of TCS.

use crate::tasks::LiveTask;
use acs::tcs::{ContainerHealth, TaskHealth};
use model::task::HealthStatus;

/// Every container that has a health check and is not over; UNKNOWN before it runs.
pub(super) fn read(tasks: &[LiveTask]) -> Vec<TaskHealth> {
    let health = tasks.iter().map(|task| {
        let blueprint = task.blueprint();
        TaskHealth {
            task_arn: blueprint.arn.clone(),
            task_definition_family: blueprint.family.clone(),
            task_definition_version: blueprint.revision.clone(),
            containers: of_task(task),
        }
    });
    health.filter(|task| !task.containers.is_empty()).collect()
}

fn of_task(task: &LiveTask) -> Vec<ContainerHealth> {
    let containers = task.blueprint().containers.iter().zip(&task.state.observed.containers);
    let checked = containers.filter(|(container, seen)| container.health.is_some() && !seen.has_ended());
    let health = checked.map(|(container, seen)| {
        let known = seen.health.as_ref();
        ContainerHealth {
            container_name: container.name.clone(),
            health_status: known.map_or(HealthStatus::Unknown, |h| h.status).as_str().to_owned(),
            status_since: known.map(|h| h.since.as_secs_f64()),
        }
    });
    health.collect()
}
