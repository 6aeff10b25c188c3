//! A container of a payload's task.

use crate::payload::DockerConfig;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The value of [`Container::logs_auth_strategy`] that makes the awslogs driver use the execution role.
pub const LOGS_AUTH_EXECUTION_ROLE: &str = "ExecutionRole";

/// The value of [`Container::health_check_type`] of a container that has a health check.
pub const HEALTH_CHECK_DOCKER: &str = "docker";

/// One of `containers[]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    /// Unique in the task.
    pub name: String,
    /// An image reference.
    pub image: String,
    /// Its ARN.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub container_arn: String,
    /// CPU shares.
    #[serde(default)]
    pub cpu: u32,
    /// Hard limit in MiB; 0 is none.
    #[serde(default)]
    pub memory: u32,
    /// The task stops when it stops.
    #[serde(default)]
    pub essential: bool,
    /// Replaces the image's entry point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry_point: Option<Vec<String>>,
    /// Replaces the image's command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// Overrides are merged in already.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// JSON inside a string; always `{}` from Wharf, which merges overrides itself.
    #[serde(default = "no_overrides")]
    pub overrides: String,
    /// Absent in awsvpc mode.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub port_mappings: Vec<PortMapping>,
    /// What must have happened before it starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<ContainerDependency>,
    /// Where it sees the task's volumes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mount_points: Vec<MountPoint>,
    /// Containers whose mounts it repeats.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes_from: Vec<VolumeFrom>,
    /// `NAME` or `NAME:ALIAS`, in bridge mode.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<String>,
    /// Whether the agent starts it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart_policy: Option<RestartPolicy>,
    /// [`HEALTH_CHECK_DOCKER`] when the agent is to check [`DockerConfig`]'s health check and report it; else empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub health_check_type: String,
    /// Seconds that others wait for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_timeout: Option<u32>,
    /// Seconds from SIGTERM to SIGKILL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_timeout: Option<u32>,
    /// [`LOGS_AUTH_EXECUTION_ROLE`], or empty for the agent's own credentials.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub logs_auth_strategy: String,
    /// The rest, in the words of the Docker Engine's API.
    #[serde(default)]
    pub docker_config: DockerConfig,
}

fn no_overrides() -> String {
    "{}".to_owned()
}

impl Default for Container {
    fn default() -> Self {
        Self {
            name: String::new(),
            image: String::new(),
            container_arn: String::new(),
            cpu: 0,
            memory: 0,
            essential: false,
            entry_point: None,
            command: None,
            environment: BTreeMap::new(),
            overrides: no_overrides(),
            port_mappings: Vec::new(),
            depends_on: Vec::new(),
            mount_points: Vec::new(),
            volumes_from: Vec::new(),
            links: Vec::new(),
            restart_policy: None,
            health_check_type: String::new(),
            start_timeout: None,
            stop_timeout: None,
            logs_auth_strategy: String::new(),
            docker_config: DockerConfig::default(),
        }
    }
}

/// `portMappings[]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PortMapping {
    /// The port that the container listens on; 0 with a range.
    #[serde(default)]
    pub container_port: u16,
    /// `FIRST-LAST`; the agent chooses the host's ports.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub container_port_range: String,
    /// The host's port; 0 lets the agent choose.
    #[serde(default)]
    pub host_port: u16,
    /// TCP when absent.
    #[serde(default)]
    pub protocol: TransportProtocol,
}

/// `protocol`, in lower case on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TransportProtocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

/// `dependsOn[]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerDependency {
    /// The container waited for.
    pub container_name: String,
    /// What it must have reached.
    pub condition: DependencyCondition,
}

/// `condition` of a dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum DependencyCondition {
    /// Started.
    Start,
    /// Exited, with whatever code.
    Complete,
    /// Exited with 0.
    Success,
    /// Its health check has passed.
    Healthy,
}

/// `mountPoints[]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MountPoint {
    /// A volume's name.
    pub source_volume: String,
    /// Where it is mounted.
    pub container_path: String,
    /// No writes through this mount.
    #[serde(default)]
    pub read_only: bool,
}

/// `volumesFrom[]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeFrom {
    /// The container whose mounts are repeated.
    pub source_container: String,
    /// No writes through them.
    #[serde(default)]
    pub read_only: bool,
}

/// `restartPolicy`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestartPolicy {
    /// Off, it does nothing.
    pub enabled: bool,
    /// Exit codes that are no reason to restart.
    #[serde(default)]
    pub ignored_exit_codes: Vec<i32>,
    /// Seconds that it must have run.
    #[serde(default)]
    pub restart_attempt_period: u32,
}
