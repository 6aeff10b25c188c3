//! A task as the agent is told of it.

mod container;
mod docker;
mod volume;

pub use container::{
    Container, ContainerDependency, DependencyCondition, HEALTH_CHECK_DOCKER, LOGS_AUTH_EXECUTION_ROLE,
    MountPoint, PortMapping, RestartPolicy, TransportProtocol, VolumeFrom,
};
pub use docker::{Config, DeviceMapping, DockerConfig, Healthcheck, HostConfig, LogConfig, Ulimit};
pub use volume::{DockerVolume, HostVolume, VOLUME_DOCKER, VOLUME_HOST, Volume};

use crate::{ElasticNetworkInterface, RoleCredentials};
use serde::{Deserialize, Serialize};

/// What is wanted of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum DesiredStatus {
    /// Run it.
    #[default]
    Running,
    /// Stop it. Such an entry needs nothing but the ARN.
    Stopped,
}

/// One of `tasks[]` in a payload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Its ARN; the last element of the path is its id.
    pub arn: String,
    /// What is wanted of it.
    pub desired_status: DesiredStatus,
    /// The definition's family.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub family: String,
    /// The definition's revision.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Its cluster, which need not be the instance's.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub task_cluster_arn: String,
    /// `EC2`, `FARGATE` or `EXTERNAL`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub launch_type: String,
    /// The account of the definition.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub task_definition_account_id: String,
    /// The service that the task is of.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub service_name: String,
    /// `family:NAME`, `service:NAME` or the caller's own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// `awsvpc`, `host`, `bridge` or `none`; empty is bridge. For host and none each container's
    /// [`HostConfig::network_mode`] says it too.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub network_mode: String,
    /// In the definition's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<Container>,
    /// In the definition's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Volume>,
    /// `host` or `task`; empty is a namespace for each container.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pid_mode: String,
    /// `host`, `task` or `none`; empty is a namespace for each container.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ipc_mode: String,
    /// What the task's containers were given of the host: GPUs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub associations: Vec<Association>,
    /// Hard limit on the sum of the containers, in vCPUs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<f64>,
    /// Hard limit on the sum of the containers, in MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<i64>,
    /// What the task asks for on the host's disk, in GiB. Amazon's agent has no such member and ignores it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ephemeral_storage_gib: Option<u32>,
    /// For the containers' own calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_credentials: Option<RoleCredentials>,
    /// For pulls, logs and secrets on the task's behalf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_role_credentials: Option<RoleCredentials>,
    /// In awsvpc mode; the first is the primary one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elastic_network_interfaces: Vec<ElasticNetworkInterface>,
}

impl Task {
    /// The entry that stops a task. An agent that never heard of the task reports it STOPPED all the same.
    pub fn stop(arn: String) -> Self {
        Self { arn, desired_status: DesiredStatus::Stopped, ..Self::default() }
    }
}

/// The value of [`Association::kind`] for a GPU.
pub const ASSOCIATION_GPU: &str = "gpu";

/// One of `associations[]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Association {
    /// [`ASSOCIATION_GPU`].
    #[serde(rename = "type")]
    pub kind: String,
    /// The GPU's id.
    pub name: String,
    /// The containers that may use it.
    #[serde(default)]
    pub containers: Vec<String>,
}
