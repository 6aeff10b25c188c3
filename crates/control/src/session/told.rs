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
    /// What has to be said next, given the instance's tasks of which its agent has to hear. What was said of others is
    /// forgotten.
    pub(crate) fn due<'a>(&mut self, tasks: impl Iterator<Item = &'a Arc<Task>>) -> Due {
        let mut due = Due::default();
        let (mut started, mut stopped) = (BTreeSet::new(), BTreeSet::new());
        for task in tasks {
            let (before, still, new) = match task.desired_status {
                DesiredStatus::Running => (&self.started, &mut started, &mut due.start),
                DesiredStatus::Stopped => (&self.stopped, &mut stopped, &mut due.stop),
            };
            let key = task_key(task);
            if before.contains(&key) {
                still.insert(key);
            } else {
                new.push(task.clone());
            }
        }
        (self.started, self.stopped) = (started, stopped);
        self.unacknowledged.retain(|_, keys| keys.iter().any(|key| self.started.contains(key)));
        due
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

/// Whether the agent has, or is about to have, the task.
pub(crate) fn is_held(task: &Task) -> bool {
    (TaskStatus::Pending..TaskStatus::Deprovisioning).contains(&task.last_status)
}
