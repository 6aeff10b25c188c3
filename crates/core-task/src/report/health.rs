//! What health checks say of a task (Amazon ECS: determine task health using container health checks).

use super::apply::{Outcome, counted};
use model::ContainerName;
use model::task::{ContainerStatus, HealthStatus, Task, TaskStatus};

/// The agent that holds the task published its containers' health. The newest word counts. A container without a health
/// check in its definition has none, and one that has stopped keeps its last.
pub fn apply_health(task: &mut Task, reported: &[(ContainerName, HealthStatus)]) -> Outcome {
    counted(task, |task| {
        if !(TaskStatus::Pending..TaskStatus::Deprovisioning).contains(&task.last_status) {
            return;
        }
        let definition = task.definition.clone();
        for (name, health) in reported {
            let is_checked =
                definition.containers.iter().any(|d| d.name == *name && d.health_check.is_some());
            let running =
                task.container_mut(name.as_str()).filter(|c| c.last_status != ContainerStatus::Stopped);
            if let Some(container) = running.filter(|_| is_checked) {
                container.health = Some(*health);
            }
        }
    })
}

/// The health of a task is the worst of its essential containers that have a health check; without any it is UNKNOWN.
pub fn task_health(task: &Task) -> HealthStatus {
    let checked = task.definition.containers.iter().filter(|d| d.essential && d.health_check.is_some());
    let health = checked.map(|d| {
        let container = task.containers.iter().find(|c| c.name == d.name);
        container.and_then(|c| c.health).unwrap_or(HealthStatus::Unknown)
    });
    health.max().unwrap_or(HealthStatus::Unknown)
}
