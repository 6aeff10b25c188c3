//! `dockerConfig`: parts of a container in the words of the Docker Engine's API, as JSON inside strings.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `dockerConfig`. Both documents win over what the agent derives by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DockerConfig {
    /// The oldest version of the Engine's API that will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// [`Config`] as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// [`HostConfig`] as text.
    #[serde(rename = "hostConfig", default, skip_serializing_if = "Option::is_none")]
    pub host_config: Option<String>,
}

impl DockerConfig {
    /// Writes both documents.
    pub fn new(config: &Config, host_config: &HostConfig) -> Self {
        let text = "plain structs with text keys always serialise";
        Self {
            version: Some("1.17".to_owned()),
            config: Some(serde_json::to_string(config).expect(text)),
            host_config: Some(serde_json::to_string(host_config).expect(text)),
        }
    }

    /// Reads `config`; an absent one is empty.
    pub fn config(&self) -> Result<Config, serde_json::Error> {
        self.config.as_deref().map_or_else(|| Ok(Config::default()), serde_json::from_str)
    }

    /// Reads `hostConfig`; an absent one is empty.
    pub fn host_config(&self) -> Result<HostConfig, serde_json::Error> {
        self.host_config.as_deref().map_or_else(|| Ok(HostConfig::default()), serde_json::from_str)
    }
}

/// The members of the Engine's container configuration that Wharf sends and its agent honours; others are refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default, deny_unknown_fields)]
pub struct Config {
    /// `user[:group]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Working directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    /// Host name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// A terminal for standard output.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub tty: bool,
    /// Standard input stays open.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub open_stdin: bool,
    /// No network but loopback.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub network_disabled: bool,
    /// The health check; goes with [`crate::payload::Container::health_check_type`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
}

/// `Healthcheck`. Times are in nanoseconds; 0 is Docker's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Healthcheck {
    /// `NONE`, `CMD` with arguments, or `CMD-SHELL` with one line.
    pub test: Vec<String>,
    /// Between checks.
    pub interval: i64,
    /// Of one check.
    pub timeout: i64,
    /// In which failures do not count.
    pub start_period: i64,
    /// Failures in a row.
    pub retries: u32,
}

/// The members of the Engine's host configuration that Wharf sends and its agent honours; others are refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default, deny_unknown_fields)]
pub struct HostConfig {
    /// `host` and `none` must be said here; empty otherwise.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub network_mode: String,
    /// Where output goes; absent is Docker's own default, `json-file`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_config: Option<LogConfig>,
    /// No writes to the root file system.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub readonly_rootfs: bool,
    /// Soft memory limit in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_reservation: Option<i64>,
    /// Memory and swap together in bytes; −1 is unlimited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_swap: Option<i64>,
    /// 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_swappiness: Option<i64>,
    /// Size of `/dev/shm` in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shm_size: Option<i64>,
    /// All capabilities, all devices, no seccomp.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub privileged: bool,
    /// A process 1 that reaps orphans and forwards signals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<bool>,
    /// Capabilities beyond Docker's defaults, without `CAP_`, or `ALL`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cap_add: Vec<String>,
    /// Capabilities taken from Docker's defaults.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cap_drop: Vec<String>,
    /// Resource limits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ulimits: Vec<Ulimit>,
    /// Kernel parameters.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sysctls: BTreeMap<String, String>,
    /// Memory file systems: path to options (`rw,size=64m`).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tmpfs: BTreeMap<String, String>,
    /// Devices of the host.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<DeviceMapping>,
    /// Name servers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dns: Vec<String>,
    /// Search domains.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dns_search: Vec<String>,
    /// `NAME:ADDRESS`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extra_hosts: Vec<String>,
    /// `no-new-privileges` …
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub security_opt: Vec<String>,
}

/// `Ulimits[]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Ulimit {
    /// `nofile` …
    pub name: String,
    /// −1 is unlimited.
    pub soft: i64,
    /// −1 is unlimited.
    pub hard: i64,
}

/// `Devices[]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeviceMapping {
    /// Path on the host.
    pub path_on_host: String,
    /// Path in the container.
    pub path_in_container: String,
    /// Of `r`, `w`, `m`.
    pub cgroup_permissions: String,
}

/// A log driver and its options. For `awslogs` the control plane has replaced `awslogs-stream-prefix` by the complete
/// `awslogs-stream`, `PREFIX/CONTAINER/TASK-ID`, and filled in `awslogs-region`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LogConfig {
    /// `awslogs` …
    #[serde(rename = "Type")]
    pub driver: String,
    /// The driver's options.
    #[serde(default)]
    pub config: BTreeMap<String, String>,
}
