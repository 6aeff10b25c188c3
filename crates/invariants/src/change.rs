//! One task before and after a write.

use crate::violation::{Check, ensure};
use model::task::{DesiredStatus, Task};

/// Every invariant about the change of one task.
pub fn check_task_change(before: &Task, after: &Task) -> Check {
    status_never_goes_back(before, after)?;
    containers_never_go_back(before, after)?;
    desired_never_returns(before, after)?;
    version_counts_changes(before, after)
}

/// INV-TASK-1: `lastStatus` never goes back.
pub fn status_never_goes_back(before: &Task, after: &Task) -> Check {
    ensure("INV-TASK-1", before.last_status <= after.last_status, || {
        format!("task {}: {} became {}", after.id, before.last_status.as_str(), after.last_status.as_str())
    })
}

/// INV-TASK-3: a container's `lastStatus` never goes back, and its exit code, once known, stays.
pub fn containers_never_go_back(before: &Task, after: &Task) -> Check {
    for was in &before.containers {
        let is = after.containers.iter().find(|c| c.id == was.id);
        let holds = is.is_some_and(|is| {
            was.last_status <= is.last_status && (was.exit_code.is_none() || was.exit_code == is.exit_code)
        });
        ensure("INV-TASK-3", holds, || {
            format!("task {}: container {} was {was:?}, is {is:?}", after.id, was.name)
        })?;
    }
    Ok(())
}

/// INV-STOP-1: `desiredStatus` STOPPED never returns to RUNNING, and the reason for stopping stays.
pub fn desired_never_returns(before: &Task, after: &Task) -> Check {
    let holds = before.desired_status == DesiredStatus::Running
        || (after.desired_status == DesiredStatus::Stopped
            && (before.stop_code.is_none() || before.stop_code == after.stop_code));
    ensure("INV-STOP-1", holds, || {
        let state = |t: &Task| format!("{} {:?}", t.desired_status.as_str(), t.stop_code);
        format!("task {}: {} became {}", after.id, state(before), state(after))
    })
}

/// INV-TASK-4: `version` grows exactly when something else of the record changed.
pub fn version_counts_changes(before: &Task, after: &Task) -> Check {
    let same = Task { version: before.version, ..after.clone() } == *before;
    let holds = if same { after.version == before.version } else { after.version > before.version };
    ensure("INV-TASK-4", holds, || {
        let what = if same { "nothing" } else { "something" };
        format!("task {}: {what} changed, version {} became {}", after.id, before.version, after.version)
    })
}
