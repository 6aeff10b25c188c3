//! Container definitions: what a task definition says of one container.

use crate::ContainerName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `containerDefinitions[]`, the members that Wharf honours. A member that is not here is refused at registration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContainerDefinition {
    /// Unique in the task definition.
    pub name: ContainerName,
    /// An image reference, as written.
    pub image: String,
    /// CPU units: shares, as Docker's `--cpu-shares`. 0 when absent.
    pub cpu_units: u32,
    /// Hard limit.
    pub memory_mib: Option<u32>,
    /// Soft limit.
    pub memory_mib_reserved: Option<u32>,
    /// The task stops when an essential container stops. `true` when absent.
    pub essential: bool,
    /// Replaces the image's entry point.
    pub entry_point: Option<Vec<String>>,
    /// Replaces the image's command.
    pub command: Option<Vec<String>>,
    /// Added to the image's environment, in the order given.
    pub environment: Vec<(String, String)>,
    /// Replaces the image's working directory.
    pub working_directory: Option<String>,
    /// `user`, `user:group`, `uid` or `uid:gid`; replaces the image's.
    pub user: Option<String>,
    /// No writes to the root file system.
    pub readonly_root_filesystem: bool,
    /// Ports, as given.
    pub port_mappings: Vec<PortMapping>,
    /// What must have happened before this container starts.
    pub depends_on: Vec<Dependency>,
    /// Seconds from SIGTERM to SIGKILL; 30 when absent.
    pub stop_timeout_secs: Option<u32>,
    /// Seconds that containers depending on this one wait for it.
    pub start_timeout_secs: Option<u32>,
    /// Where output goes; `None` discards it.
    pub log: Option<LogConfiguration>,
}

/// SIGTERM to SIGKILL when a definition says nothing (Amazon ECS task definition parameters: `stopTimeout`).
pub const STOP_TIMEOUT_SECS_DEFAULT: u32 = 30;

/// `portMappings[]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortMapping {
    /// The port that the container listens on.
    pub container_port: u16,
    /// The host's port; equal to the container's in awsvpc and host mode.
    pub host_port: Option<u16>,
    /// TCP when absent.
    pub protocol: Protocol,
    /// `name`, for Service Connect.
    pub name: Option<String>,
}

/// `protocol` of a port mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// `tcp` or `udp`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// `dependsOn[]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// The container waited for.
    pub container: ContainerName,
    /// What it must have reached.
    pub condition: DependencyCondition,
}

/// `condition` of a dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// `logConfiguration`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogConfiguration {
    /// `awslogs`, the only driver in this release.
    pub driver: String,
    /// The driver's options, as given.
    pub options: BTreeMap<String, String>,
}
