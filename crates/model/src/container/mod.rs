//! Container definitions: what a task definition says of one container.

mod health_check;
mod linux;
mod mount;
mod network;
mod restart;

pub use health_check::HealthCheck;
pub use linux::{Capabilities, Device, DevicePermission, LinuxParameters, SystemControl, Tmpfs, Ulimit};
pub use mount::{MountPoint, VolumesFrom};
pub use network::{ExtraHost, Link, PortMapping, Ports, Protocol};
pub use restart::RestartPolicy;

use crate::ContainerName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `containerDefinitions[]`, the members that Wharf honours. A member that is not here is refused at registration. What is
/// off when it is absent is an `Option` all the same: AWS shows a `false` that was given, and no other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
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
    pub readonly_root_filesystem: Option<bool>,
    /// Ports, as given.
    pub port_mappings: Vec<PortMapping>,
    /// What must have happened before this container starts.
    pub depends_on: Vec<Dependency>,
    /// Seconds from SIGTERM to SIGKILL; 30 when absent.
    pub stop_timeout_secs: Option<u32>,
    /// Seconds that containers depending on this one wait for it.
    pub start_timeout_secs: Option<u32>,
    /// Where output goes; `None` discards it, as Fargate does.
    pub log: Option<LogConfiguration>,
    /// Host name; refused in awsvpc mode.
    pub hostname: Option<String>,
    /// `links`, in bridge mode.
    pub links: Vec<Link>,
    /// Replaces the host's name servers.
    pub dns_servers: Vec<String>,
    /// Replaces the host's search domains.
    pub dns_search_domains: Vec<String>,
    /// Lines of `/etc/hosts`.
    pub extra_hosts: Vec<ExtraHost>,
    /// No network but loopback.
    pub disable_networking: Option<bool>,
    /// Labels of the container, in the order given.
    pub docker_labels: BTreeMap<String, String>,
    /// `dockerSecurityOptions`, as given.
    pub docker_security_options: Vec<String>,
    /// All capabilities, all devices, no seccomp.
    pub privileged: Option<bool>,
    /// A terminal for standard output.
    pub pseudo_terminal: Option<bool>,
    /// Standard input stays open.
    pub interactive: Option<bool>,
    /// Resource limits.
    pub ulimits: Vec<Ulimit>,
    /// Kernel parameters of the container's namespaces.
    pub system_controls: Vec<SystemControl>,
    /// `linuxParameters`.
    pub linux: Option<LinuxParameters>,
    /// `mountPoints`.
    pub mount_points: Vec<MountPoint>,
    /// `volumesFrom`.
    pub volumes_from: Vec<VolumesFrom>,
    /// `healthCheck`.
    pub health_check: Option<HealthCheck>,
    /// `restartPolicy`.
    pub restart_policy: Option<RestartPolicy>,
    /// `versionConsistency`: whether a service resolves the image's tag once; `None` when absent, which means enabled.
    pub version_consistency: Option<bool>,
    /// GPUs of `resourceRequirements`; 0 is none.
    pub gpus: u32,
}

/// SIGTERM to SIGKILL when a definition says nothing (Amazon ECS task definition parameters: `stopTimeout`).
pub const STOP_TIMEOUT_SECS_DEFAULT: u32 = 30;

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
    /// `awslogs`, `json-file`, `fluentd` or `none`.
    pub driver: String,
    /// The driver's options, as given.
    pub options: BTreeMap<String, String>,
}
