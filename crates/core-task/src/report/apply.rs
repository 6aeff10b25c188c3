//! The way forward: placed, accepted, reported, released.

use super::message::{ContainerReport, Report, ReportedStatus};
use super::stop;
use model::task::{AttachmentStatus, Container, ContainerStatus, Interface, Task, TaskStatus};
use model::{InstanceId, Timestamp};

/// What an `apply_*` did to the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Something changed, and with it the version: the record has to be written.
    pub changed: bool,
    /// `lastStatus` before and after, when it changed.
    pub transition: Option<(TaskStatus, TaskStatus)>,
}

/// Runs `change` and counts the version up when it changed anything.
pub(super) fn counted(task: &mut Task, change: impl FnOnce(&mut Task)) -> Outcome {
    let before = task.clone();
    change(task);
    let changed = *task != before;
    task.version += u64::from(changed);
    let (from, to) = (before.last_status, task.last_status);
    Outcome { changed, transition: (from != to).then_some((from, to)) }
}

/// `now`, or the latest of the record's times by our own clock, when that clock was set back meanwhile: the times of a task
/// are in the order of its life (INV-TIMES-1).
pub(super) fn not_before(task: &Task, now: Timestamp) -> Timestamp {
    let times = &task.times;
    let ours = [times.connectivity_at, times.started_at, times.stopping_at, times.stopped_at];
    ours.into_iter().flatten().fold(now.max(times.created_at), Timestamp::max)
}

/// Moves forward along the one table; where that is not allowed, nothing happens.
pub(super) fn advance(task: &mut Task, to: TaskStatus) {
    if task.last_status.may_become(to) {
        task.last_status = to;
    }
}

/// Attachments move forward only.
pub(super) fn advance_attachment(task: &mut Task, to: AttachmentStatus) {
    if let Some(eni) = &mut task.eni {
        eni.status = eni.status.max(to);
    }
}

/// The task has a host and, in awsvpc mode, an address: PROVISIONING → PENDING.
pub fn apply_placed(task: &mut Task, instance: InstanceId, interface: Option<Interface>) -> Outcome {
    counted(task, |task| {
        if task.last_status != TaskStatus::Provisioning {
            return;
        }
        task.instance = Some(instance);
        if let (Some(eni), Some(interface)) = (&mut task.eni, interface) {
            eni.interface = Some(interface);
            eni.status = eni.status.max(AttachmentStatus::Created);
        }
        advance(task, TaskStatus::Pending);
    })
}

/// The agent acknowledged the payload with the task: it is connected to it, and attaches its interface.
pub fn apply_accepted(task: &mut Task, now: Timestamp) -> Outcome {
    counted(task, |task| {
        if task.last_status == TaskStatus::Pending && task.times.connectivity_at.is_none() {
            task.times.connectivity_at = Some(not_before(task, now));
            advance_attachment(task, AttachmentStatus::Attaching);
        }
    })
}

/// What the agent that holds the task reported. Reports may come twice, late or out of order; one about a task that
/// no agent holds changes nothing.
pub fn apply_report(task: &mut Task, report: &Report, now: Timestamp) -> Outcome {
    counted(task, |task| {
        let held = TaskStatus::Pending..TaskStatus::Deprovisioning;
        if task.instance.is_none() || !held.contains(&task.last_status) {
            return;
        }
        let now = not_before(task, now);
        task.times.connectivity_at = task.times.connectivity_at.or(Some(now));
        merge_containers(task, &report.containers);
        merge_attachments(task, report);
        task.times.pull_started_at = task.times.pull_started_at.or(report.pull_started_at);
        task.times.pull_stopped_at = task.times.pull_stopped_at.or(report.pull_stopped_at);
        match report.status {
            Some(ReportedStatus::Running) => running(task, now),
            Some(ReportedStatus::Stopped) => stop::over(task, report, now),
            Some(ReportedStatus::Pending) | None => {}
        }
    })
}

/// The task's address was given back, in the same transaction: DEPROVISIONING → STOPPED.
pub fn apply_released(task: &mut Task, now: Timestamp) -> Outcome {
    counted(task, |task| {
        if task.last_status == TaskStatus::Deprovisioning {
            advance(task, TaskStatus::Stopped);
            advance_attachment(task, AttachmentStatus::Deleted);
            task.times.stopped_at = Some(not_before(task, now));
        }
    })
}

/// Scale-in and deployments leave it alone until then; `None` takes that back.
pub fn apply_protection(task: &mut Task, until: Option<Timestamp>) -> Outcome {
    counted(task, |task| task.protected_until = until)
}

/// Load balancers learn of the task between ACTIVATING and RUNNING; while there are none, it passes through.
fn running(task: &mut Task, now: Timestamp) {
    if task.last_status >= TaskStatus::Running {
        return;
    }
    advance(task, TaskStatus::Activating);
    advance(task, TaskStatus::Running);
    advance_attachment(task, AttachmentStatus::Attached);
    task.times.started_at = Some(now);
}

fn merge_containers(task: &mut Task, reports: &[ContainerReport]) {
    for report in reports {
        if let Some(container) = task.container_mut(report.name.as_str()) {
            merge_container(container, report);
        }
    }
}

/// The first value of each thing stays (Amazon ECS agent: "the first error sticks").
fn merge_container(container: &mut Container, report: &ContainerReport) {
    let status = ContainerStatus::from(report.status);
    container.last_status = container.last_status.max(status);
    container.exit_code = container.exit_code.or(report.exit_code);
    let keep = |known: &mut Option<String>, told: &Option<String>| {
        if known.is_none() {
            *known = told.clone().filter(|t| !t.is_empty());
        }
    };
    keep(&mut container.reason, &report.reason);
    keep(&mut container.runtime_id, &report.runtime_id);
    keep(&mut container.image_digest, &report.image_digest);
    if container.network_bindings.is_empty() {
        container.network_bindings = report.network_bindings.clone();
    }
}

/// An agent says ATTACHED at most; what comes after is ours to say.
fn merge_attachments(task: &mut Task, report: &Report) {
    let Some(id) = task.eni.as_ref().map(|eni| &eni.id) else { return };
    let attached = report.attachments.iter().any(|(of, to)| of == id && *to == AttachmentStatus::Attached);
    if attached {
        advance_attachment(task, AttachmentStatus::Attached);
    }
}
