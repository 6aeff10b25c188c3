//! Release: tasks whose containers are over give their address back.

use crate::controller::Controller;
use crate::plan::{Change, Plan, TASKS_PER_PLAN_MAX};
use core_task::report::apply_released;
use model::Timestamp;
use model::task::Task;
use store::{Queue, State};

/// DEPROVISIONING → STOPPED.
pub(crate) struct Release;

impl Controller for Release {
    fn name(&self) -> &'static str {
        "release"
    }

    fn is_due(&self, state: &State, _: Timestamp) -> bool {
        state.queue_len(Queue::Deprovisioning) > 0
    }

    fn plan(&self, state: &State, now: Timestamp) -> Plan {
        plan_release(state, now)
    }
}

/// The DEPROVISIONING tasks, the oldest first. The interface's row goes in the commit that makes the task STOPPED.
pub fn plan_release(state: &State, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    for task in state.queue(Queue::Deprovisioning).take(TASKS_PER_PLAN_MAX) {
        let mut after = Task::clone(task);
        apply_released(&mut after, now);
        let interface = task.eni.as_ref().and_then(|eni| eni.interface.as_ref());
        let row = interface.and_then(|i| state.eni(i.address)).filter(|row| row.task == task.id);
        if let Some(row) = row {
            plan.push(Change::RemoveEni(row.address), "its task is over");
        }
        plan.push(Change::PutTask(Box::new(after)), "its containers are over");
    }
    plan
}
