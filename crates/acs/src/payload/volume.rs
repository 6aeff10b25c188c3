//! A volume of a payload's task.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The value of [`Volume::kind`] for a path of the host, or a volume that the agent makes for the task.
pub const VOLUME_HOST: &str = "host";
/// The value of [`Volume::kind`] for a volume of Docker's.
pub const VOLUME_DOCKER: &str = "docker";

/// One of `volumes[]`. Of the two sources the one that `type` names is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Volume {
    /// What mount points call it.
    pub name: String,
    /// [`VOLUME_HOST`] or [`VOLUME_DOCKER`]; others are refused by Wharf's agent.
    #[serde(rename = "type", default = "host")]
    pub kind: String,
    /// For `host`; the member must be there, even if empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostVolume>,
    /// For `docker`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docker_volume_configuration: Option<DockerVolume>,
}

fn host() -> String {
    VOLUME_HOST.to_owned()
}

/// `host`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostVolume {
    /// A path of the host; absent, the volume is made for the task.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source_path: String,
}

/// `dockerVolumeConfiguration`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DockerVolume {
    /// `task` or `shared`.
    pub scope: String,
    /// Makes a shared volume that is missing.
    #[serde(default)]
    pub autoprovision: bool,
    /// `local` …
    #[serde(default)]
    pub driver: String,
    /// The driver's options.
    #[serde(default)]
    pub driver_opts: BTreeMap<String, String>,
    /// Labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}
