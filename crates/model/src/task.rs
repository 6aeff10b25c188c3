//! Tasks: the record, its ordered states and the one table of transitions between them.

use crate::container::Protocol;
use crate::task_definition::{LaunchType, TaskDefinition};
use crate::{
    AttachmentId, ClusterName, ContainerId, ContainerName, EniId, InstanceId, Scope, SecurityGroupId,
    SubnetId,
};
use crate::{Tags, TaskId, Timestamp};
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;
use std::sync::Arc;

/// One run of a task definition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Owner.
    pub scope: Scope,
    /// Last part of its ARN.
    pub id: TaskId,
    /// The cluster it runs in.
    pub cluster: ClusterName,
    /// What it runs. Shared by all tasks of the revision in memory.
    pub definition: Arc<TaskDefinition>,
    /// `overrides` of RunTask.
    pub overrides: Overrides,
    /// FARGATE or EC2.
    pub launch_type: LaunchType,
    /// The capacity provider that a strategy chose for it, by its short name.
    #[serde(default)]
    pub capacity_provider: Option<String>,
    /// The host, once placed. Shown to callers for EC2 only, as AWS does.
    pub instance: Option<InstanceId>,
    /// What we want: RUNNING, then STOPPED. Written by the API and by controllers.
    pub desired_status: DesiredStatus,
    /// Where it is. Written by controllers, from reports.
    pub last_status: TaskStatus,
    /// In the order of the definition.
    pub containers: Vec<Container>,
    /// The interface, in awsvpc mode.
    pub eni: Option<Box<EniAttachment>>,
    /// `group` of RunTask; `family:NAME` when absent.
    pub group: String,
    /// `startedBy` of RunTask.
    pub started_by: Option<String>,
    /// User tags, propagated ones included.
    pub tags: Tags,
    /// The RunTask that made it, when that had a `clientToken`.
    #[serde(default)]
    pub client_request: Option<ClientRequest>,
    /// Until when scale-in and deployments leave it alone.
    #[serde(default)]
    pub protected_until: Option<Timestamp>,
    /// Containers with a log driver and no `mode` wait while nobody takes their lines; else lines are dropped. The
    /// account setting of the caller when the task was run.
    #[serde(default)]
    pub logs_block_by_default: bool,
    /// Counts changes of the record, from 1.
    pub version: u64,
    /// Why it stopped.
    pub stop_code: Option<StopCode>,
    /// Why it stopped, in ECS's words.
    pub stopped_reason: Option<String>,
    /// When each thing happened.
    pub times: Times,
}

/// What a task keeps of an idempotent RunTask (ECS API Reference: Ensuring idempotency).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientRequest {
    /// `clientToken`: names the request in its cluster.
    pub token: String,
    /// A digest of everything else that was asked for, in hexadecimal digits.
    pub fingerprint: String,
}

/// The timestamps of DescribeTasks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// RunTask accepted.
    pub created_at: Timestamp,
    /// First pull began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_started_at: Option<Timestamp>,
    /// Last pull ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_stopped_at: Option<Timestamp>,
    /// PENDING → RUNNING.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// desiredStatus became STOPPED.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopping_at: Option<Timestamp>,
    /// The containers had exited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_stopped_at: Option<Timestamp>,
    /// lastStatus became STOPPED.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<Timestamp>,
    /// The agent came to know it (connectivity CONNECTED).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connectivity_at: Option<Timestamp>,
}

/// `desiredStatus`. It only ever goes from RUNNING to STOPPED.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DesiredStatus {
    /// Should run.
    Running,
    /// Should stop.
    Stopped,
}

impl DesiredStatus {
    /// As the API and the agent protocol write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Stopped => "STOPPED",
        }
    }
}

/// `lastStatus`, in the order of Amazon ECS's task lifecycle. INV-TASK-1: it never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TaskStatus {
    /// Its network interface is being made.
    Provisioning,
    /// Handed to an agent, or waiting for one; images are pulled.
    Pending,
    /// Containers run; load balancers learn of it.
    Activating,
    /// All of its long-running containers run.
    Running,
    /// Load balancers forget it.
    Deactivating,
    /// The agent was told to stop it.
    Stopping,
    /// Its containers have stopped; its interface is released.
    Deprovisioning,
    /// Over.
    Stopped,
}

impl TaskStatus {
    /// In order.
    pub const ALL: [TaskStatus; 8] = [
        Self::Provisioning,
        Self::Pending,
        Self::Activating,
        Self::Running,
        Self::Deactivating,
        Self::Stopping,
        Self::Deprovisioning,
        Self::Stopped,
    ];

    /// As the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provisioning => "PROVISIONING",
            Self::Pending => "PENDING",
            Self::Activating => "ACTIVATING",
            Self::Running => "RUNNING",
            Self::Deactivating => "DEACTIVATING",
            Self::Stopping => "STOPPING",
            Self::Deprovisioning => "DEPROVISIONING",
            Self::Stopped => "STOPPED",
        }
    }

    /// The one transition table: forwards only, and STOPPED only out of a state in which nothing can run any more
    /// (never handed to an agent, or all of its containers reported stopped).
    pub fn may_become(self, to: TaskStatus) -> bool {
        match to {
            Self::Stopped => matches!(self, Self::Provisioning | Self::Deprovisioning),
            _ => to > self,
        }
    }
}

/// `stopCode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopCode {
    /// It never reached RUNNING.
    TaskFailedToStart,
    /// An essential container exited.
    EssentialContainerExited,
    /// StopTask.
    UserInitiated,
    /// Its host was terminated or deregistered.
    TerminationNotice,
    /// A service's scheduler stopped it.
    ServiceSchedulerInitiated,
    /// Spot capacity was taken back.
    SpotInterruption,
}

impl StopCode {
    /// As the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TaskFailedToStart => "TaskFailedToStart",
            Self::EssentialContainerExited => "EssentialContainerExited",
            Self::UserInitiated => "UserInitiated",
            Self::TerminationNotice => "TerminationNotice",
            Self::ServiceSchedulerInitiated => "ServiceSchedulerInitiated",
            Self::SpotInterruption => "SpotInterruption",
        }
    }
}

/// One container of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Container {
    /// Last part of its ARN.
    pub id: ContainerId,
    /// Its name in the definition.
    pub name: ContainerName,
    /// As last reported.
    pub last_status: ContainerStatus,
    /// Once it has exited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The agent's words when something went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The runtime's id, once created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_id: Option<String>,
    /// Digest of the image's manifest, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_digest: Option<String>,
    /// Ports of the host that lead to it, as the agent reported them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub network_bindings: Vec<NetworkBinding>,
    /// What its health checks say; `None` when it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthStatus>,
    /// The GPUs that it was given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gpu_ids: Vec<String>,
}

/// `networkBindings[]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkBinding {
    /// The host's address.
    pub bind_ip: String,
    /// The container's port; `None` with ranges.
    pub container_port: Option<u16>,
    /// The host's port; `None` with ranges.
    pub host_port: Option<u16>,
    /// `FIRST-LAST` in the container.
    pub container_port_range: Option<String>,
    /// `FIRST-LAST` on the host.
    pub host_port_range: Option<String>,
    /// The protocol.
    pub protocol: Protocol,
}

impl NetworkBinding {
    /// The ports of the host that it takes.
    pub fn host_ports(&self) -> impl Iterator<Item = (Protocol, u16)> + use<> {
        let ends = self.host_port_range.as_deref().and_then(|range| {
            let (first, last) = range.split_once('-')?;
            Some((first.parse::<u16>().ok()?, last.parse::<u16>().ok()?))
        });
        let (first, last) = ends.or(self.host_port.map(|port| (port, port))).unwrap_or((1, 0));
        let protocol = self.protocol;
        (first..=last).map(move |port| (protocol, port))
    }
}

/// `healthStatus`. The order is that of badness, so a task's is the greatest of its essential containers'.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum HealthStatus {
    /// The last check passed.
    Healthy,
    /// Not known yet, or no longer.
    Unknown,
    /// As many checks in a row have failed as `retries` allows.
    Unhealthy,
}

impl HealthStatus {
    /// As the API and the agent protocol write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "HEALTHY",
            Self::Unknown => "UNKNOWN",
            Self::Unhealthy => "UNHEALTHY",
        }
    }

    /// As the agent protocol writes it; `None` for a word that it does not have.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Healthy, Self::Unknown, Self::Unhealthy].into_iter().find(|health| health.as_str() == text)
    }
}

/// `containers[].lastStatus`. It never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ContainerStatus {
    /// Not started yet.
    Pending,
    /// Runs.
    Running,
    /// Has exited, or never will start.
    Stopped,
}

impl ContainerStatus {
    /// As the API and the agent protocol write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Stopped => "STOPPED",
        }
    }
}

/// The attachment of type `ElasticNetworkInterface`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EniAttachment {
    /// Its id in `attachments[]`.
    pub id: AttachmentId,
    /// The caller's choice of subnets, in order.
    pub subnets: Vec<SubnetId>,
    /// The caller's choice, or the default group.
    pub security_groups: Vec<SecurityGroupId>,
    /// PRECREATED until an address was taken.
    pub interface: Option<Interface>,
    /// `ENABLED` asks for a public address.
    pub assign_public_ip: bool,
    /// The state that DescribeTasks shows.
    pub status: AttachmentStatus,
}

/// The interface that a task got.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interface {
    /// Its id.
    pub eni: EniId,
    /// The subnet that it is in.
    pub subnet: SubnetId,
    /// Its private address.
    pub address: Ipv4Addr,
    /// Its MAC address.
    pub mac: String,
}

/// `attachments[].status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum AttachmentStatus {
    /// Asked for.
    Precreated,
    /// The interface exists.
    Created,
    /// Being attached to the host.
    Attaching,
    /// Attached.
    Attached,
    /// Being taken off.
    Detaching,
    /// Gone from the host.
    Detached,
    /// Released.
    Deleted,
}

impl AttachmentStatus {
    /// As the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Precreated => "PRECREATED",
            Self::Created => "CREATED",
            Self::Attaching => "ATTACHING",
            Self::Attached => "ATTACHED",
            Self::Detaching => "DETACHING",
            Self::Detached => "DETACHED",
            Self::Deleted => "DELETED",
        }
    }
}

/// `overrides` of RunTask, the members that Wharf honours.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Overrides {
    /// Task-level CPU in units.
    pub cpu_units: Option<u32>,
    /// Task-level memory.
    pub memory_mib: Option<u32>,
    /// Replaces the definition's ephemeral storage. Skipped while absent, like [`ContainerOverride::gpus`]: the digest of a
    /// request must not depend on the version that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ephemeral_storage_gib: Option<u32>,
    /// By container.
    pub containers: Vec<ContainerOverride>,
}

/// `overrides.containerOverrides[]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ContainerOverride {
    /// The container's name.
    pub name: String,
    /// Replaces the definition's command.
    pub command: Option<Vec<String>>,
    /// Added to the definition's environment; same names are replaced.
    pub environment: Vec<(String, String)>,
    /// Replaces the definition's CPU units.
    pub cpu_units: Option<u32>,
    /// Replaces the definition's hard limit.
    pub memory_mib: Option<u32>,
    /// Replaces the definition's soft limit.
    pub memory_mib_reserved: Option<u32>,
    /// Replaces the definition's GPUs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpus: Option<u32>,
}

impl Task {
    /// Task-level CPU after overrides.
    pub fn cpu_units(&self) -> Option<u32> {
        self.overrides.cpu_units.or(self.definition.cpu_units)
    }

    /// Task-level memory after overrides.
    pub fn memory_mib(&self) -> Option<u32> {
        self.overrides.memory_mib.or(self.definition.memory_mib)
    }

    /// Ephemeral storage after overrides; `None` unless it was asked for.
    pub fn ephemeral_storage_gib(&self) -> Option<u32> {
        self.overrides.ephemeral_storage_gib.or(self.definition.ephemeral_storage_gib)
    }

    /// The container with this name.
    pub fn container_mut(&mut self, name: &str) -> Option<&mut Container> {
        self.containers.iter_mut().find(|c| c.name.as_str() == name)
    }

    /// Whether a service runs it: then its group is `service:NAME`, which no caller can choose.
    pub fn is_of_service(&self) -> bool {
        self.group.starts_with("service:")
    }

    /// Whether it still holds its host's resources.
    pub fn holds_resources(&self) -> bool {
        self.last_status < TaskStatus::Deprovisioning
    }
}

#[cfg(test)]
mod tests {
    use super::TaskStatus;

    #[test]
    fn no_status_goes_back_and_only_two_lead_to_stopped() {
        for from in TaskStatus::ALL {
            for to in TaskStatus::ALL {
                let allowed = from.may_become(to);
                assert!(!allowed || to > from, "{from:?} -> {to:?}");
                if to == TaskStatus::Stopped {
                    let nothing_runs = matches!(from, TaskStatus::Provisioning | TaskStatus::Deprovisioning);
                    assert_eq!(allowed, nothing_runs, "{from:?}");
                }
            }
        }
    }
}
