//! What the language can ask of a container instance.

use model::Timestamp;

/// A container instance as an expression sees it. Every answer is borrowed: evaluation allocates nothing.
pub trait Subject {
    /// `attribute:NAME`: `None` when the instance has no such attribute, `Some(None)` when it has one without a value.
    fn attribute(&self, name: &str) -> Option<Option<&str>>;

    /// `agentConnected`.
    fn agent_connected(&self) -> bool;

    /// `agentVersion`; empty while it is not known.
    fn agent_version(&self) -> &str;

    /// `ec2InstanceId`, of an instance that has one.
    fn ec2_instance_id(&self) -> Option<&str>;

    /// `registeredAt`.
    fn registered_at(&self) -> Timestamp;

    /// `runningTasksCount`: as DescribeContainerInstances counts them, so those in status RUNNING alone.
    fn running_tasks_count(&self) -> u32;

    /// `task:group`: whether `wanted` says so of the group of any task on the instance whose desired status is RUNNING. Each group once
    /// is enough.
    fn any_task_group(&self, wanted: &mut dyn FnMut(&str) -> bool) -> bool;
}
