//! The way out: asked to stop, told to stop, over; and why, in ECS's words.

use super::apply::{Outcome, advance, advance_attachment, counted, not_before};
use super::message::Report;
use model::Timestamp;
use model::container::ContainerDefinition;
use model::reason::{ContainerError, stopped};
use model::task::{AttachmentStatus, Container, ContainerStatus, DesiredStatus, StopCode, Task, TaskStatus};

/// Somebody wants the task to stop: `desiredStatus` becomes STOPPED, with the first caller's code and reason. A task
/// that no agent holds is over at once. With no `reason`, ECS's own sentence for a user's stop.
pub fn apply_stop(task: &mut Task, code: StopCode, reason: Option<&str>, now: Timestamp) -> Outcome {
    counted(task, |task| {
        if task.desired_status == DesiredStatus::Stopped {
            return;
        }
        let reason = reason.filter(|r| !r.is_empty()).unwrap_or(stopped::BY_USER);
        want_stopped(task, code, reason.to_owned(), now);
        if task.last_status == TaskStatus::Provisioning || task.instance.is_none() {
            deprovision(task);
        }
    })
}

/// The agent was sent the stop: → DEACTIVATING → STOPPING.
pub fn apply_stop_sent(task: &mut Task) -> Outcome {
    counted(task, |task| {
        if task.desired_status == DesiredStatus::Stopped && task.last_status >= TaskStatus::Pending {
            advance(task, TaskStatus::Deactivating);
            advance(task, TaskStatus::Stopping);
        }
    })
}

/// The host is gone for good, and every container with it: no report will come.
pub fn apply_host_gone(task: &mut Task, reason: &str, now: Timestamp) -> Outcome {
    counted(task, |task| {
        if task.last_status < TaskStatus::Deprovisioning {
            want_stopped(task, StopCode::TerminationNotice, reason.to_owned(), now);
            deprovision(task);
        }
    })
}

/// The agent reported STOPPED: → DEPROVISIONING.
pub(super) fn over(task: &mut Task, report: &Report, now: Timestamp) {
    let (code, reason) = explain(task, report);
    want_stopped(task, code, reason, now);
    task.times.execution_stopped_at = report.execution_stopped_at.or(Some(now));
    deprovision(task);
}

/// Keeps what was said first.
fn want_stopped(task: &mut Task, code: StopCode, reason: String, now: Timestamp) {
    if task.desired_status == DesiredStatus::Stopped {
        return;
    }
    task.desired_status = DesiredStatus::Stopped;
    task.times.stopping_at = Some(not_before(task, now));
    task.stop_code = Some(code);
    task.stopped_reason = Some(reason);
}

fn deprovision(task: &mut Task) {
    task.containers.iter_mut().for_each(|c| c.last_status = ContainerStatus::Stopped);
    advance_attachment(task, AttachmentStatus::Detaching);
    advance(task, TaskStatus::Deprovisioning);
}

/// Why a task stopped that nobody asked to. One that never was RUNNING, with an essential container that failed to start,
/// has failed to start: what ran meanwhile was killed for it.
fn explain(task: &Task, report: &Report) -> (StopCode, String) {
    let mut failed = essential(task).filter(|c| has_failed_to_start(c)).peekable();
    let ran = task.times.started_at.is_some() || (failed.peek().is_none() && essential(task).any(has_run));
    if ran {
        return (StopCode::EssentialContainerExited, stopped::ESSENTIAL_CONTAINER_EXITED.to_owned());
    }
    let of_task = report.reason.as_ref().filter(|r| !r.is_empty());
    let never_ran = task.containers.iter().filter(|c| !has_run(c));
    let of_container = || failed.chain(never_ran).find_map(|c| c.reason.as_ref());
    let reason = of_task.or_else(of_container).map_or(stopped::FAILED_TO_START, |r| r.as_str());
    (StopCode::TaskFailedToStart, reason.to_owned())
}

fn essential(task: &Task) -> impl Iterator<Item = &Container> {
    let is_essential = |d: &ContainerDefinition, c: &Container| d.name == c.name && d.essential;
    task.containers.iter().filter(move |c| task.definition.containers.iter().any(|d| is_essential(d, c)))
}

/// Whether it never ran for a reason of its own, and not because its task was stopped.
fn has_failed_to_start(container: &Container) -> bool {
    !has_run(container) && (container.exit_code.is_some() || container.reason.is_some())
}

/// The exit code that Amazon's agent gives to a container whose dependencies can never be met.
const NEVER_MADE: i32 = 143;

/// Whether its program was executed. An exit code alone does not say so: an agent makes one up for what never was, and
/// a runtime has one for what it could not execute. Nor does a reason: a container whose image could not be pulled runs
/// from an older copy, and keeps the reason.
fn has_run(container: &Container) -> bool {
    let Some(exit_code) = container.exit_code else { return false };
    let reason = container.reason.as_deref().unwrap_or_default();
    let was_made =
        container.runtime_id.is_some() || (exit_code != NEVER_MADE && !reason.starts_with("Cannot"));
    was_made && !reason.starts_with(ContainerError::CannotStartContainer.as_str())
}
