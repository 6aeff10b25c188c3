//! Forgets what nobody can ask about any more.

use crate::controller::Controller;
use crate::plan::{Change, Plan, TASKS_PER_PLAN_MAX, instance_key, task_key};
use model::Timestamp;
use model::task_definition::{TaskDefinition, TaskDefinitionStatus};
use std::collections::BTreeSet;
use std::time::Duration;
use store::{Queue, State};

/// Nothing waits for it.
pub(crate) struct Reaper {
    pub(crate) retention: Duration,
}

impl Controller for Reaper {
    fn name(&self) -> &'static str {
        "reaper"
    }

    fn is_due(&self, state: &State, now: Timestamp) -> bool {
        !self.plan(state, now).steps.is_empty()
    }

    fn plan(&self, state: &State, now: Timestamp) -> Plan {
        plan_reap(state, self.retention, now)
    }
}

/// Tasks that have been STOPPED, and container instances that have been INACTIVE, for `retention`, and the revisions in
/// DELETE_IN_PROGRESS that no other task uses (Amazon ECS: deleting a task definition).
///
/// How long an INACTIVE instance is shown AWS does not say. Its tasks are shown for an hour, and so is it.
pub fn plan_reap(state: &State, retention: Duration, now: Timestamp) -> Plan {
    let retention_ms = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
    let is_old = |at: Option<Timestamp>| at.is_none_or(|at| now.millis_since(at) >= retention_ms);
    let old = state.queue(Queue::Stopped).take_while(|task| is_old(task.times.stopped_at));
    let forgotten: BTreeSet<_> = old.take(TASKS_PER_PLAN_MAX).map(|task| task_key(task)).collect();

    let gone = state.inactive_instances().take_while(|instance| is_old(instance.deregistered_at));
    let without_tasks = gone.filter(|instance| state.active_tasks_on(&instance.id).next().is_none());

    let is_unused = |d: &TaskDefinition| {
        let mut users = state.tasks_by_definition(&d.scope, &d.family, d.revision);
        users.all(|task| forgotten.contains(&task_key(task)))
    };
    let deleted = |d: &&TaskDefinition| d.status == TaskDefinitionStatus::DeleteInProgress && is_unused(d);
    let definitions: Vec<_> = state.all_task_definitions().map(|d| d.as_ref()).filter(deleted).collect();

    let mut plan = Plan::default();
    for key in &forgotten {
        plan.push(Change::RemoveTask(key.clone()), "it stopped long ago");
    }
    for instance in without_tasks.take(TASKS_PER_PLAN_MAX) {
        plan.push(Change::RemoveInstance(instance_key(instance)), "it was deregistered long ago");
    }
    for d in definitions {
        let change = Change::RemoveDefinition(d.scope.clone(), d.family.clone(), d.revision);
        plan.push(change, "its deletion was asked for and nothing uses it");
    }
    plan
}
