//! Tasks and their hosts.

use crate::violation::{Check, Violation, ensure};
use model::InstanceId;
use model::instance::{ContainerInstance, InstanceStatus, Resources};
use model::task::{DesiredStatus, Task, TaskStatus};
use model::task_definition::LaunchType;
use std::collections::BTreeMap;

/// INV-TASK-2: a task that was handed to an agent and still holds resources names its host.
pub fn tasks_have_hosts<'a>(tasks: impl IntoIterator<Item = &'a Task>) -> Check {
    tasks.into_iter().try_for_each(|task| {
        let handed_out = task.last_status >= TaskStatus::Pending && task.holds_resources();
        ensure("INV-TASK-2", !handed_out || task.instance.is_some(), || {
            format!("task {} is {} on no instance", task.id, task.last_status.as_str())
        })
    })
}

/// INV-PLACE-1: the tasks of an instance never take more CPU, memory or ports than it registered.
pub fn instances_are_not_overcommitted<'a>(
    instances: impl IntoIterator<Item = &'a ContainerInstance>,
    tasks: impl IntoIterator<Item = &'a Task>,
) -> Check {
    let mut free: BTreeMap<&InstanceId, Resources> =
        instances.into_iter().map(|i| (&i.id, i.registered.clone())).collect();
    for task in tasks.into_iter().filter(|t| t.holds_resources()) {
        let Some(left) = task.instance.as_ref().and_then(|id| free.get_mut(id)) else { continue };
        ensure("INV-PLACE-1", take(left, &task.demand()), || {
            format!("task {} takes {:?}, the instance has {left:?} left", task.id, task.demand())
        })?;
    }
    Ok(())
}

/// Takes `demand` out of `left` and says whether it was there.
fn take(left: &mut Resources, demand: &Resources) -> bool {
    let (Some(cpu_units), Some(memory_mib)) =
        (left.cpu_units.checked_sub(demand.cpu_units), left.memory_mib.checked_sub(demand.memory_mib))
    else {
        return false;
    };
    (left.cpu_units, left.memory_mib) = (cpu_units, memory_mib);
    demand.ports_tcp.iter().all(|&p| left.ports_tcp.insert(p))
        && demand.ports_udp.iter().all(|&p| left.ports_udp.insert(p))
}

/// INV-PLACE-5: a new task is on an instance that was ACTIVE, with its agent connected, when it was placed: one of its own
/// cluster, or for FARGATE one that serves it. `instance` is as it was before.
pub fn instance_took_tasks(task: &Task, instance: Option<&ContainerInstance>) -> Check {
    let takes = |instance: &ContainerInstance| {
        let is_reached = match task.launch_type {
            LaunchType::Fargate => instance.serves_fargate(),
            LaunchType::Ec2 | LaunchType::External => {
                (&instance.scope, &instance.cluster) == (&task.scope, &task.cluster)
            }
        };
        is_reached && instance.status == InstanceStatus::Active && instance.agent_connected
    };
    ensure("INV-PLACE-5", instance.is_some_and(takes), || {
        let state = |i: &ContainerInstance| {
            format!("{:?} in {}, connected: {}", i.status, i.cluster, i.agent_connected)
        };
        let state = instance.map_or("unknown".to_owned(), state);
        format!("task {} of {} was placed on {:?}, which was {state}", task.id, task.cluster, task.instance)
    })
}

/// INV-PLACE-6, `distinctInstance`: no other task of the group that is to go on is on the instance when one is placed
/// there. `others` are on the instance already.
pub fn is_alone_of_group<'a>(task: &Task, others: impl IntoIterator<Item = &'a Task>) -> Check {
    let is_same = |other: &&Task| {
        let is_fargate = |task: &Task| task.launch_type == LaunchType::Fargate;
        (&other.scope, &other.cluster, &other.group) == (&task.scope, &task.cluster, &task.group)
            && is_fargate(other) == is_fargate(task)
            && other.desired_status == DesiredStatus::Running
    };
    match others.into_iter().find(is_same) {
        None => Ok(()),
        Some(other) => {
            let (id, on) = (&task.id, &task.instance);
            let text = format!("task {id} has {on:?} for itself, where {} of {} is", other.id, other.group);
            Err(Violation { id: "INV-PLACE-6", text })
        }
    }
}
