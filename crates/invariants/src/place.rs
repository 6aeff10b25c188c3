//! Tasks and their hosts.

use crate::violation::{Check, ensure};
use model::InstanceId;
use model::instance::{ContainerInstance, Resources};
use model::task::{Task, TaskStatus};
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
