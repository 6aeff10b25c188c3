//! The indexes over tasks. Derived: never on disk, rebuilt when the store opens, kept by every put and remove.

use crate::index::Index;
use crate::record::Record;
use imbl::{HashMap, OrdSet};
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
    /// Looked up by id only, never gone through.
    by_instance: HashMap<InstanceId, OnInstance>,
    queues: [OrdSet<(Timestamp, Arc<TaskKey>)>; Queue::ALL.len()],
}

/// The tasks of one instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct OnInstance {
    /// Not STOPPED.
    active: OrdSet<Arc<TaskKey>>,
    /// To be told to the agent.
    to_tell: OrdSet<Arc<TaskKey>>,
}

impl TaskIndexes {
    /// Brings the indexes from the old row to the new one.
    pub(crate) fn change(&mut self, key: &Arc<TaskKey>, old: Option<&Task>, new: Option<&Task>) {
        fn within<T>(task: &Task, by: T) -> InCluster<T> {
            (task.scope.clone(), task.cluster.clone(), by)
        }
        // Most changes leave most groups alone, and a comparison is much cheaper than a group.
        let pair = old.zip(new).filter(|(old, new)| old.cluster == new.cluster);
        let stays = |is_same: fn(&Task, &Task) -> bool| pair.is_some_and(|(old, new)| is_same(old, new));

        if !stays(|old, new| old.desired_status == new.desired_status) {
            let group = |task: &Task| within(task, task.desired_status);
            self.by_desired.shift(key, old.map(group), new.map(group));
        }
        if !stays(|old, new| old.last_status == new.last_status) {
            let group = |task: &Task| within(task, task.last_status);
            self.by_status.shift(key, old.map(group), new.map(group));
        }
        if !stays(|old, new| old.definition.family == new.definition.family) {
            let group = |task: &Task| within(task, task.definition.family.clone());
            self.by_family.shift(key, old.map(group), new.map(group));
        }
        if !stays(|old, new| old.started_by == new.started_by) {
            let group = |task: &Task| Some(within(task, task.started_by.clone()?));
            self.by_started_by.shift(key, old.and_then(group), new.and_then(group));
        }
        if !stays(|old, new| old.client_request == new.client_request) {
            let group = |task: &Task| Some(within(task, task.client_request.as_ref()?.token.clone()));
            self.by_client_token.shift(key, old.and_then(group), new.and_then(group));
        }
        if !stays(|old, new| Arc::ptr_eq(&old.definition, &new.definition)) {
            let group = |task: &Task| task.definition.key();
            self.by_definition.shift(key, old.map(group), new.map(group));
        }
        self.move_on_instances(key, old, new);
        for queue in Queue::ALL {
            let [old, new] = [old, new].map(|task| task.and_then(|task| queue.joined_at(task)));
            self.requeue(queue, key, old, new);
        }
    }

    fn move_on_instances(&mut self, key: &Arc<TaskKey>, old: Option<&Task>, new: Option<&Task>) {
        let [was, is] =
            [old, new].map(|task| task.and_then(|task| Some((task.instance.as_ref()?, sets(task)))));
        match (was, is) {
            (Some((old, was)), Some((new, is))) if old == new => self.move_on(old, key, was, is),
            _ => {
                was.into_iter().for_each(|(old, was)| self.move_on(old, key, was, [false; 2]));
                is.into_iter().for_each(|(new, is)| self.move_on(new, key, [false; 2], is));
            }
        }
    }

    /// Takes a task out of sets of an instance, and puts it into others.
    fn move_on(&mut self, instance: &InstanceId, key: &Arc<TaskKey>, was: [bool; 2], is: [bool; 2]) {
        if was == is {
            return;
        }
        let Some(tasks) = self.by_instance.get_mut(instance) else {
            self.by_instance.insert(instance.clone(), OnInstance::default());
            return self.move_on(instance, key, was, is);
        };
        for (set, (was, is)) in
            [&mut tasks.active, &mut tasks.to_tell].into_iter().zip(was.into_iter().zip(is))
        {
            match (was, is) {
                (false, true) => _ = set.insert(key.clone()),
                (true, false) => _ = set.remove(key),
                _ => {}
            }
        }
        if tasks.active.is_empty() && tasks.to_tell.is_empty() {
            self.by_instance.remove(instance);
        }
    }

    /// The tasks on an instance that are not STOPPED.
    pub(crate) fn active_on<'a>(
        &'a self,
        instance: &InstanceId,
    ) -> impl Iterator<Item = &'a TaskKey> + use<'a> {
        let tasks = self.by_instance.get(instance);
        tasks.into_iter().flat_map(|tasks| &tasks.active).map(|key| &**key)
    }

    /// The tasks on an instance that its agent has to hear of.
    pub(crate) fn to_tell_on<'a>(
        &'a self,
        instance: &InstanceId,
    ) -> impl Iterator<Item = &'a TaskKey> + use<'a> {
        let tasks = self.by_instance.get(instance);
        tasks.into_iter().flat_map(|tasks| &tasks.to_tell).map(|key| &**key)
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

/// Whether it is in each of the sets of [`OnInstance`].
fn sets(task: &Task) -> [bool; 2] {
    [task.last_status < TaskStatus::Stopped, is_to_tell(task)]
}

/// Whether the task's agent has to hear of it: it does not know it yet, or is to stop it.
fn is_to_tell(task: &Task) -> bool {
    // Before, no agent has it; after, nothing of it runs.
    let is_held = (TaskStatus::Pending..TaskStatus::Deprovisioning).contains(&task.last_status);
    let is_unknown = task.last_status == TaskStatus::Pending && task.times.connectivity_at.is_none();
    is_held && (is_unknown || task.desired_status == DesiredStatus::Stopped)
}
