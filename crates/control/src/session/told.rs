//! What one link has said, and what it has to say next. Pure.

use crate::plan::task_key;
use model::task::{DesiredStatus, Task, TaskStatus};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::TaskKey;

/// What this link has told its agent. It dies with the link: a new one starts from nothing and is told again what the
/// agent has not acknowledged, and every stop.
#[derive(Debug, Default)]
pub(crate) struct Told {
    started: BTreeSet<TaskKey>,
    stopped: BTreeSet<TaskKey>,
    unacknowledged: BTreeMap<String, Vec<TaskKey>>,
}

/// What a link has to say.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Due {
    /// Tasks to start.
    pub(crate) start: Vec<Arc<Task>>,
    /// Tasks to stop.
    pub(crate) stop: Vec<Arc<Task>>,
}

impl Told {
    /// What has to be said next, given the instance's tasks that are not STOPPED. What was said of others is forgotten.
    pub(crate) fn due<'a>(&mut self, tasks: impl Iterator<Item = &'a Arc<Task>>) -> Due {
        let (mut start, mut stop) = (Vec::new(), Vec::new());
        for task in tasks.filter(|task| is_held(task)) {
            match task.desired_status {
                DesiredStatus::Stopped => stop.push(task.clone()),
                DesiredStatus::Running if is_unknown_to_agent(task) => start.push(task.clone()),
                DesiredStatus::Running => {}
            }
        }
        forget_all_but(&mut self.started, &start);
        forget_all_but(&mut self.stopped, &stop);
        self.unacknowledged.retain(|_, keys| keys.iter().any(|key| self.started.contains(key)));
        start.retain(|task| !self.started.contains(&task_key(task)));
        stop.retain(|task| !self.stopped.contains(&task_key(task)));
        Due { start, stop }
    }

    /// A message with these tasks was sent.
    pub(crate) fn sent(&mut self, message_id: String, due: &Due) {
        self.started.extend(due.start.iter().map(|t| task_key(t)));
        self.stopped.extend(due.stop.iter().map(|t| task_key(t)));
        if !due.start.is_empty() {
            self.unacknowledged.insert(message_id, due.start.iter().map(|t| task_key(t)).collect());
        }
    }

    /// The agent has accepted a message: the tasks that it was to start. None when the id is not one of ours.
    pub(crate) fn acknowledged(&mut self, message_id: &str) -> Vec<TaskKey> {
        self.unacknowledged.remove(message_id).unwrap_or_default()
    }
}

impl Due {
    pub(crate) fn is_empty(&self) -> bool {
        self.start.is_empty() && self.stop.is_empty()
    }

    /// The same in messages of at most `max` tasks.
    pub(crate) fn split(self, max: usize) -> Vec<Due> {
        let stops = self.stop.chunks(max).map(|stop| Due { stop: stop.to_vec(), start: Vec::new() });
        let starts = self.start.chunks(max).map(|start| Due { start: start.to_vec(), stop: Vec::new() });
        if self.start.len() + self.stop.len() <= max {
            return vec![self];
        }
        stops.chain(starts).collect()
    }
}

fn forget_all_but(told: &mut BTreeSet<TaskKey>, tasks: &[Arc<Task>]) {
    let open: BTreeSet<TaskKey> = tasks.iter().map(|task| task_key(task)).collect();
    told.retain(|key| open.contains(key));
}

/// Whether the agent has, or is about to have, the task.
pub(crate) fn is_held(task: &Task) -> bool {
    (TaskStatus::Pending..TaskStatus::Deprovisioning).contains(&task.last_status)
}

/// An agent acknowledges a task when it has it on disk, and a report acknowledges it too.
fn is_unknown_to_agent(task: &Task) -> bool {
    task.last_status == TaskStatus::Pending && task.times.connectivity_at.is_none()
}
