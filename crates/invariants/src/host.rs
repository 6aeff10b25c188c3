//! What is on hosts, against what the records say.

use crate::violation::{Check, Violation, ensure};
use model::TaskId;
use model::instance::{ContainerInstance, InstanceStatus, Resources};
use model::task::{Task, TaskStatus};

/// INV-RUN-4: a container runs only for a task that was asked for, that is placed on its host, and that is not over.
/// `is_here` says whether the task's instance is this host.
pub fn container_was_asked_for(
    container: &str,
    task: Option<&Task>,
    instance: Option<&ContainerInstance>,
    is_here: impl Fn(&Task) -> bool,
) -> Check {
    let Some(task) = task else {
        let text = format!("container {container} was started for a task that nobody asked for");
        return Err(Violation { id: "INV-RUN-4", text });
    };
    let wanted = (task.last_status < TaskStatus::Deprovisioning || is_written_off(instance)) && is_here(task);
    ensure("INV-RUN-4", wanted, || {
        let status = task.last_status.as_str();
        format!("container {container} was started; its task is {status} on {:?}", task.instance)
    })
}

/// INV-RUN-5: a task is RUNNING only after each of its essential containers was seen running. `was_started` is asked by
/// the place in the definition.
pub fn running_was_seen(task: &Task, was_started: impl Fn(usize) -> bool) -> Check {
    if task.last_status != TaskStatus::Running {
        return Ok(());
    }
    let containers = task.definition.containers.iter().enumerate();
    match containers.filter(|(_, c)| c.essential).find(|(n, _)| !was_started(*n)) {
        Some((_, container)) => {
            let text = format!("task {} is RUNNING, its container {} never was", task.id, container.name);
            Err(Violation { id: "INV-RUN-5", text })
        }
        None => Ok(()),
    }
}

/// INV-RUN-2: a task whose containers are over has none that runs, unless it was written off with its host.
pub fn nothing_is_left<'a>(
    task: &Task,
    instance: Option<&ContainerInstance>,
    running: impl IntoIterator<Item = &'a str>,
) -> Check {
    let is_over = task.last_status >= TaskStatus::Deprovisioning && !is_written_off(instance);
    match running.into_iter().next() {
        Some(container) if is_over => {
            let text = format!("task {} is {}, and {container} runs", task.id, task.last_status.as_str());
            Err(Violation { id: "INV-RUN-2", text })
        }
        _ => Ok(()),
    }
}

/// INV-HOST-1: the tasks that run on a host never take more CPU or memory than it has. Those that were written off with an
/// earlier registration of it do not count: `running` is without them.
pub fn host_is_not_overcommitted<'a>(
    host: &str,
    has: &Resources,
    running: impl IntoIterator<Item = &'a Task>,
) -> Check {
    let (mut cpu_units, mut memory_mib) = (0_u32, 0_u32);
    for task in running {
        let demand = task.demand();
        cpu_units = cpu_units.saturating_add(demand.cpu_units);
        memory_mib = memory_mib.saturating_add(demand.memory_mib);
    }
    ensure("INV-HOST-1", cpu_units <= has.cpu_units && memory_mib <= has.memory_mib, || {
        format!(
            "{host}: {cpu_units} units and {memory_mib} MiB are taken of {} and {}",
            has.cpu_units, has.memory_mib
        )
    })
}

/// INV-HOST-2: two tasks on one host never have one port, or one address.
pub fn nothing_is_shared(task: &str, with: &str, of: &str) -> Violation {
    Violation { id: "INV-HOST-2", text: format!("task {task} asks its host for {of}, which task {with} has") }
}

/// INV-RUN-1: a container's program is executed once, and once more for each restart. `before` is on which host, and
/// after how many restarts, it was executed the last time.
pub fn executed_once<H: PartialEq + std::fmt::Debug>(
    container: &str,
    before: Option<&(H, u32)>,
    now: &(H, u32),
) -> Check {
    let holds = match before {
        None => now.1 == 0,
        Some((host, restarts)) => *host == now.0 && now.1 > *restarts,
    };
    ensure("INV-RUN-1", holds, || {
        format!("container {container} was executed on (host, restarts) {now:?} after {before:?}")
    })
}

/// INV-API-1: what was acknowledged is there: a task that a caller was told of, wanted STOPPED when a stop was
/// acknowledged.
pub fn intent_is_kept(id: &TaskId, task: Option<&Task>, is_stop_acknowledged: bool) -> Check {
    let Some(task) = task else {
        let text = format!("task {id} was acknowledged, and there is no such task");
        return Err(Violation { id: "INV-API-1", text });
    };
    let holds = !is_stop_acknowledged || task.desired_status == model::task::DesiredStatus::Stopped;
    ensure("INV-API-1", holds, || format!("the stop of task {id} was acknowledged, and it is wanted RUNNING"))
}

/// INV-API-2: a request takes effect once at most.
pub fn request_counts_once(request: &str, asked: usize, made: usize) -> Check {
    ensure("INV-API-2", made <= asked, || format!("{request} asked for {asked} tasks, and {made} were made"))
}

/// Whether the tasks of this instance are written off: it was deregistered, and what runs there while nobody can reach it
/// is not ours to say.
pub fn is_written_off(instance: Option<&ContainerInstance>) -> bool {
    instance.is_none_or(|instance| instance.status == InstanceStatus::Inactive)
}
