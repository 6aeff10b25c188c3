//! A container of a payload's task.

use crate::payload::DockerConfig;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The value of [`Container::logs_auth_strategy`] that makes the awslogs driver use the execution role.
pub const LOGS_AUTH_EXECUTION_ROLE: &str = "ExecutionRole";

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
    /// The port that the container listens on.
    pub container_port: u16,
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
