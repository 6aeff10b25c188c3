//! Plans: complete lists of writes with their reasons.

use model::instance::ContainerInstance;
use model::network::Eni;
use model::task::Task;
use model::task_definition::TaskDefinition;
use model::{Family, Scope};
use std::fmt;
use std::net::Ipv4Addr;
use store::{InstanceKey, TaskKey, Tx};

/// At most so many tasks in one plan, because plans are made under the store's lock. A controller goes on until it has
/// nothing left to plan.
pub(crate) const TASKS_PER_PLAN_MAX: usize = 256;

/// What a controller wants written. Nothing is left to choose.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// In order.
    pub steps: Vec<Step>,
}

/// One write and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The write.
    pub change: Change,
    /// Why, for logs.
    pub reason: String,
}

/// A write to the store.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The task's new record.
    PutTask(Box<Task>),
    /// A task is forgotten.
    RemoveTask(TaskKey),
    /// An address is taken.
    PutEni(Eni),
    /// An address is given back.
    RemoveEni(Ipv4Addr),
    /// The instance's new record.
    PutInstance(Box<ContainerInstance>),
    /// An instance is forgotten.
    RemoveInstance(InstanceKey),
    /// A revision is forgotten.
    RemoveDefinition(Scope, Family, u32),
    /// A cursor of ours is moved.
    SetSetting(String, String),
}

impl Plan {
    pub(crate) fn push(&mut self, change: Change, reason: impl Into<String>) {
        self.steps.push(Step { change, reason: reason.into() });
    }

    /// Writes the whole plan.
    pub(crate) fn apply(self, tx: &mut Tx) {
        for Step { change, reason } in self.steps {
            match change {
                Change::PutTask(task) => put_task(tx, *task, &reason),
                Change::RemoveTask(key) => tx.remove::<Task>(&key),
                Change::PutEni(eni) => tx.put(eni),
                Change::RemoveEni(address) => tx.remove::<Eni>(&address),
                Change::PutInstance(instance) => put_instance(tx, *instance, &reason),
                Change::RemoveInstance(key) => tx.remove::<ContainerInstance>(&key),
                Change::RemoveDefinition(scope, family, revision) => {
                    tx.remove::<TaskDefinition>(&(scope, family, revision));
                }
                Change::SetSetting(name, value) => tx.set_setting(&name, &value),
            }
        }
    }
}

/// The one place where this crate writes a task, and tells of its change of state.
pub(crate) fn put_task(tx: &mut Tx, task: Task, reason: &str) {
    let before = tx.task(&task.scope, &task.id).map(|t| t.last_status);
    if before.is_some_and(|before| before != task.last_status) {
        tracing::info!(
            task = %task.id,
            from = before.map(|s| s.as_str()),
            to = task.last_status.as_str(),
            reason,
            "task changed state"
        );
    }
    tx.put(task);
}

/// The one place where this crate writes an instance, and tells of its change of state.
fn put_instance(tx: &mut Tx, instance: ContainerInstance, reason: &str) {
    let before = tx.instance(&instance.scope, &instance.id);
    let (connected, status) = (instance.agent_connected, instance.status);
    if before.is_none_or(|before| (before.agent_connected, before.status) != (connected, status)) {
        tracing::info!(instance = %instance.id, connected, ?status, reason, "instance changed state");
    }
    tx.put(instance);
}

/// One line a step: what a test compares and a person reads.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| writeln!(f, "{} ({})", step.change, step.reason))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PutTask(task) => {
                write!(f, "task {} {} v{}", task.id, task.last_status.as_str(), task.version)?;
                if let Some(eni) = &task.eni {
                    write!(f, ", interface {}", eni.status.as_str())?;
                    eni.interface.iter().try_for_each(|i| write!(f, " {} in {}", i.address, i.subnet))?;
                }
                task.stopped_reason.iter().try_for_each(|reason| write!(f, ", stopped: {reason}"))
            }
            Self::RemoveTask((_, id)) => write!(f, "forget task {id}"),
            Self::PutEni(eni) => write!(f, "take {} for task {}", eni.address, eni.task),
            Self::RemoveEni(address) => write!(f, "give back {address}"),
            Self::PutInstance(i) => {
                write!(f, "instance {} v{}, connected: {}", i.id, i.version, i.agent_connected)
            }
            Self::RemoveInstance((_, id)) => write!(f, "forget instance {id}"),
            Self::RemoveDefinition(_, family, revision) => write!(f, "forget definition {family}:{revision}"),
            Self::SetSetting(name, value) => write!(f, "set {name} to {value}"),
        }
    }
}

/// The key of an instance's row.
pub(crate) fn instance_key(instance: &ContainerInstance) -> InstanceKey {
    (instance.scope.clone(), instance.id.clone())
}

/// The key of a task's row.
pub(crate) fn task_key(task: &Task) -> TaskKey {
    (task.scope.clone(), task.id.clone())
}
