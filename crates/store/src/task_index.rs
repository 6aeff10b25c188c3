//! The indexes over tasks. Derived: never on disk, rebuilt when the store opens, kept by every put and remove.

use crate::index::Index;
use crate::record::Record;
use imbl::OrdSet;
use model::task::{DesiredStatus, Task, TaskStatus};
use model::{ClusterName, Family, InstanceId, Scope, TaskId, Timestamp};
use std::sync::Arc;

/// What identifies a task.
pub type TaskKey = (Scope, TaskId);

/// Work that waits for a controller, the oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Queue {
    /// lastStatus PROVISIONING; by creation.
    Provisioning,
    /// desiredStatus STOPPED and lastStatus before DEPROVISIONING; by the time of the wish to stop.
    Stopping,
    /// lastStatus DEPROVISIONING; by the end of its containers.
    Deprovisioning,
    /// lastStatus STOPPED; by the time it was reached.
    Stopped,
}

impl Queue {
    const ALL: [Queue; 4] = [Self::Provisioning, Self::Stopping, Self::Deprovisioning, Self::Stopped];

    /// When the task joined this queue; `None` when it is not in it.
    fn joined_at(self, task: &Task) -> Option<Timestamp> {
        let (is_in, at) = match self {
            Self::Provisioning => (task.last_status == TaskStatus::Provisioning, None),
            Self::Stopping => (
                task.desired_status == DesiredStatus::Stopped
                    && task.last_status < TaskStatus::Deprovisioning,
                task.times.stopping_at,
            ),
            Self::Deprovisioning => {
                (task.last_status == TaskStatus::Deprovisioning, task.times.execution_stopped_at)
            }
            Self::Stopped => (task.last_status == TaskStatus::Stopped, task.times.stopped_at),
        };
        is_in.then(|| at.unwrap_or(task.times.created_at))
    }
}

type InCluster<T> = (Scope, ClusterName, T);

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TaskIndexes {
    pub(crate) by_desired: Index<InCluster<DesiredStatus>, TaskKey>,
    pub(crate) by_status: Index<InCluster<TaskStatus>, TaskKey>,
    pub(crate) by_family: Index<InCluster<Family>, TaskKey>,
    pub(crate) by_started_by: Index<InCluster<String>, TaskKey>,
    pub(crate) by_client_token: Index<InCluster<String>, TaskKey>,
    pub(crate) by_definition: Index<(Scope, Family, u32), TaskKey>,
    pub(crate) active_by_instance: Index<InstanceId, TaskKey>,
    pub(crate) to_tell: Index<InstanceId, TaskKey>,
    queues: [OrdSet<(Timestamp, Arc<TaskKey>)>; Queue::ALL.len()],
}

impl TaskIndexes {
    pub(crate) fn change(&mut self, old: Option<&Task>, new: Option<&Task>) {
        let Some(either) = new.or(old) else { return };
        let key = &Arc::new(either.key());
        fn within<T>(task: &Task, by: T) -> InCluster<T> {
            (task.scope.clone(), task.cluster.clone(), by)
        }

        let group = |task: &Task| within(task, task.desired_status);
        self.by_desired.shift(key, old.map(group), new.map(group));
        let group = |task: &Task| within(task, task.last_status);
        self.by_status.shift(key, old.map(group), new.map(group));
        let group = |task: &Task| within(task, task.definition.family.clone());
        self.by_family.shift(key, old.map(group), new.map(group));
        let group = |task: &Task| Some(within(task, task.started_by.clone()?));
        self.by_started_by.shift(key, old.and_then(group), new.and_then(group));
        let group = |task: &Task| Some(within(task, task.client_request.as_ref()?.token.clone()));
        self.by_client_token.shift(key, old.and_then(group), new.and_then(group));
        let group = |task: &Task| task.definition.key();
        self.by_definition.shift(key, old.map(group), new.map(group));
        let group = |task: &Task| task.instance.clone().filter(|_| task.last_status < TaskStatus::Stopped);
        self.active_by_instance.shift(key, old.and_then(group), new.and_then(group));

        let group = |task: &Task| task.instance.clone().filter(|_| is_to_tell(task));
        self.to_tell.shift(key, old.and_then(group), new.and_then(group));

        for queue in Queue::ALL {
            let [old, new] = [old, new].map(|task| task.and_then(|task| queue.joined_at(task)));
            self.requeue(queue, key, old, new);
        }
    }

    fn requeue(&mut self, queue: Queue, key: &Arc<TaskKey>, old: Option<Timestamp>, new: Option<Timestamp>) {
        if old == new {
            return;
        }
        let queue = &mut self.queues[queue as usize];
        if let Some(at) = old {
            queue.remove(&(at, key.clone()));
        }
        if let Some(at) = new {
            queue.insert((at, key.clone()));
        }
    }

    pub(crate) fn queue(&self, queue: Queue) -> impl DoubleEndedIterator<Item = &TaskKey> {
        self.queues[queue as usize].iter().map(|(_, key)| &**key)
    }

    pub(crate) fn queue_len(&self, queue: Queue) -> usize {
        self.queues[queue as usize].len()
    }
}

/// Whether the task's agent has to hear of it: it does not know it yet, or is to stop it.
fn is_to_tell(task: &Task) -> bool {
    // Before, no agent has it; after, nothing of it runs.
    let is_held = (TaskStatus::Pending..TaskStatus::Deprovisioning).contains(&task.last_status);
    let is_unknown = task.last_status == TaskStatus::Pending && task.times.connectivity_at.is_none();
    is_held && (is_unknown || task.desired_status == DesiredStatus::Stopped)
}
