//! The tasks of container instances that were deregistered by force: ECS does not follow them any more.

use crate::controller::Controller;
use crate::plan::{Change, Plan};
use core_task::report::apply_host_gone;
use model::instance::{ContainerInstance, InstanceStatus};
use model::reason::stopped::INSTANCE_DEREGISTERED;
use model::task::{Task, TaskStatus};
use model::{InstanceId, Timestamp};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use store::{Instances, State};

/// Acts on INACTIVE instances.
#[derive(Default)]
pub(crate) struct Orphans(Mutex<Seen>);

/// What was seen when this last looked: most commits change no instance.
#[derive(Default)]
struct Seen {
    instances: Instances,
    /// Those of them that are INACTIVE and may have tasks. None of them will get any.
    inactive: BTreeSet<InstanceId>,
}

impl Controller for Orphans {
    fn name(&self) -> &'static str {
        "orphans"
    }

    fn is_due(&self, state: &State, _: Timestamp) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Seen { instances, inactive } = &mut *seen;
        let changed = state.instances_changed_since(instances);
        inactive.extend(changed.filter(|i| i.status == InstanceStatus::Inactive).map(|i| i.id.clone()));
        *instances = state.instances_now();
        inactive.retain(|id| state.active_tasks_on(id).next().is_some());
        let mut instances = inactive.iter().filter_map(|id| state.instance_by_id(id));
        instances.any(|instance| held_by(state, instance).next().is_some())
    }

    fn plan(&self, state: &State, now: Timestamp) -> Plan {
        plan_orphans(state, now)
    }
}

/// Their records end now, and with them what they hold of the cluster. What runs on the host runs on (Amazon ECS API
/// Reference: DeregisterContainerInstance, `force`): its agent has lost its session, and is never let in again as this
/// instance.
pub fn plan_orphans(state: &State, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    for instance in inactive(state) {
        for task in held_by(state, instance) {
            let mut after = task.clone();
            apply_host_gone(&mut after, INSTANCE_DEREGISTERED, now);
            plan.push(Change::PutTask(Box::new(after)), "its host was deregistered");
        }
    }
    plan
}

fn inactive(state: &State) -> impl Iterator<Item = &ContainerInstance> {
    state.all_instances().map(|i| i.as_ref()).filter(|i| i.status == InstanceStatus::Inactive)
}

/// The tasks of an instance about which there is something to do.
fn held_by<'a>(state: &'a State, instance: &'a ContainerInstance) -> impl Iterator<Item = &'a Task> {
    let tasks = state.active_tasks_on(&instance.id).map(|t| t.as_ref());
    tasks.filter(|t| t.last_status < TaskStatus::Deprovisioning)
}
