//! A task, and the instance that it is on.

use crate::ContainerView;

/// A task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskView {
    /// The cluster as the agent was told it: short name or ARN. On Fargate the ARN.
    pub cluster: String,
    /// Its ARN.
    pub task_arn: String,
    /// Its task definition's family.
    pub family: String,
    /// Its task definition's revision.
    pub revision: String,
    /// `RUNNING` or `STOPPED`.
    pub desired_status: String,
    /// `NONE`, `PULLED`, `CREATED`, `RUNNING`, `STOPPED` …
    pub known_status: String,
    /// Limits of the whole task, when it has some.
    pub limits: TaskLimits,
    /// When the pull of its first image began.
    pub pull_started_unix_ms: Option<i64>,
    /// When the pull of its last image ended.
    pub pull_stopped_unix_ms: Option<i64>,
    /// When an essential container ended.
    pub execution_stopped_unix_ms: Option<i64>,
    /// `AvailabilityZone`.
    pub availability_zone: String,
    /// `EC2`, `FARGATE` or `EXTERNAL`.
    pub launch_type: String,
    /// Its containers, in the order of the task definition.
    pub containers: Vec<ContainerView>,
    /// The instance's VPC; empty on Fargate.
    pub vpc_id: String,
    /// Its service; empty for a task of its own.
    pub service_name: String,
    /// `FaultInjectionEnabled`.
    pub fault_injection_enabled: bool,
}

/// `Limits` of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskLimits {
    /// CPU units, 1024 a vCPU; written in vCPUs.
    pub cpu_units: Option<u32>,
    /// Hard memory limit.
    pub memory_mib: Option<u32>,
}

/// `EphemeralStorageMetrics`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EphemeralStorageView {
    /// In use.
    pub utilized_mib: u64,
    /// Set aside for the task.
    pub reserved_mib: u64,
}

/// The container instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstanceView {
    /// The cluster as the agent was told it.
    pub cluster: String,
    /// `None` before it has registered.
    pub container_instance_arn: Option<String>,
    /// `Wharf Agent - v0.1.0 (COMMIT)`: name, version and commit.
    pub version: String,
}
