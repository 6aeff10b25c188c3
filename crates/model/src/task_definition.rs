//! Task definitions: immutable revisions of a family.

use crate::container::ContainerDefinition;
use crate::placement::PlacementConstraint;
use crate::volume::Volume;
use crate::{Family, Scope, Tags, Timestamp};
use serde::{Deserialize, Serialize};

/// One revision. Nothing but `status` and its timestamps changes after registration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskDefinition {
    /// Owner.
    pub scope: Scope,
    /// The family; its revisions count from 1 and are never reused.
    pub family: Family,
    /// From 1.
    pub revision: u32,
    /// ACTIVE, INACTIVE or DELETE_IN_PROGRESS.
    pub status: TaskDefinitionStatus,
    /// How the task's containers are networked.
    pub network_mode: NetworkMode,
    /// What `requiresCompatibilities` asked for, in its order.
    pub requires_compatibilities: Vec<LaunchType>,
    /// Launch types that this definition is valid for (`compatibilities`).
    pub compatibilities: Vec<LaunchType>,
    /// Task-level CPU in units (1024 a vCPU).
    pub cpu_units: Option<u32>,
    /// Task-level memory.
    pub memory_mib: Option<u32>,
    /// At least one; at least one essential.
    pub containers: Vec<ContainerDefinition>,
    /// `runtimePlatform` as given, `(cpuArchitecture, operatingSystemFamily)`.
    pub runtime_platform: Option<RuntimePlatform>,
    /// `volumes`.
    #[serde(default)]
    pub volumes: Vec<Volume>,
    /// `pidMode`; `None` is a namespace for each container.
    #[serde(default)]
    pub pid_mode: Option<PidMode>,
    /// `ipcMode`; `None` is a namespace for each container.
    #[serde(default)]
    pub ipc_mode: Option<IpcMode>,
    /// `ephemeralStorage.sizeInGiB`.
    #[serde(default)]
    pub ephemeral_storage_gib: Option<u32>,
    /// `placementConstraints`: memberOf only. They hold for tasks of the EC2 launch type.
    #[serde(default)]
    pub placement_constraints: Vec<PlacementConstraint>,
    /// User tags.
    pub tags: Tags,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// The caller's ARN.
    pub registered_by: String,
    /// When it was deregistered.
    pub deregistered_at: Option<Timestamp>,
    /// When its deletion was asked for.
    pub delete_requested_at: Option<Timestamp>,
}

/// `runtimePlatform`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimePlatform {
    /// `X86_64` or `ARM64`.
    pub cpu_architecture: Option<String>,
    /// `LINUX`.
    pub operating_system_family: Option<String>,
}

/// `status` of DescribeTaskDefinition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TaskDefinitionStatus {
    /// New tasks may use it.
    Active,
    /// Deregistered: running tasks go on, new ones are refused.
    Inactive,
    /// Deleted as soon as nothing uses it.
    DeleteInProgress,
}

/// `networkMode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum NetworkMode {
    /// A namespace and an elastic network interface for each task.
    Awsvpc,
    /// The host's own network.
    Host,
    /// Docker's bridge; the default on EC2.
    Bridge,
    /// Loopback only.
    None,
}

impl NetworkMode {
    /// As the API and the agent protocol write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Awsvpc => "awsvpc",
            Self::Host => "host",
            Self::Bridge => "bridge",
            Self::None => "none",
        }
    }
}

/// `pidMode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PidMode {
    /// The host's processes.
    Host,
    /// One namespace for the task's containers.
    Task,
}

impl PidMode {
    /// As the API and the agent protocol write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Task => "task",
        }
    }
}

/// `ipcMode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IpcMode {
    /// The host's.
    Host,
    /// One namespace for the task's containers.
    Task,
    /// Private, and not shareable.
    None,
}

impl IpcMode {
    /// As the API and the agent protocol write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Task => "task",
            Self::None => "none",
        }
    }
}

/// `launchType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LaunchType {
    /// On the container instances of the cluster.
    Ec2,
    /// On capacity that the caller does not see.
    Fargate,
    /// On instances registered from outside.
    External,
}

impl LaunchType {
    /// As the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ec2 => "EC2",
            Self::Fargate => "FARGATE",
            Self::External => "EXTERNAL",
        }
    }
}
