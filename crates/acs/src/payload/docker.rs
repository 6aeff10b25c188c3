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

/// The members of the Engine's container configuration that Wharf sends and its agent honours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
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
}

/// The members of the Engine's host configuration that Wharf sends and its agent honours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HostConfig {
    /// `host` and `none` must be said here; empty otherwise.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub network_mode: String,
    /// Where output goes; absent discards it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_config: Option<LogConfig>,
    /// No writes to the root file system.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub readonly_rootfs: bool,
    /// Soft memory limit in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_reservation: Option<i64>,
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
