//! Volumes of a task definition.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `volumes[]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// What mount points call it.
    pub name: String,
    /// Where its files are.
    pub source: VolumeSource,
}

/// Where a volume's files are (Amazon ECS: storage options for tasks).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VolumeSource {
    /// `host`, without `sourcePath`, or nothing at all: made for the task, gone with it.
    Task,
    /// `host.sourcePath`.
    Host(String),
    /// `dockerVolumeConfiguration`.
    Docker(DockerVolume),
}

/// `dockerVolumeConfiguration`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DockerVolume {
    /// Whose it is.
    pub scope: DockerVolumeScope,
    /// Makes a shared volume that is missing. Refused with the scope `task`.
    pub autoprovision: Option<bool>,
    /// `local` when absent.
    pub driver: Option<String>,
    /// `driverOpts`.
    pub driver_opts: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// `scope` of a Docker volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DockerVolumeScope {
    /// Made for the task, gone with it.
    Task,
    /// Outlives the task.
    Shared,
}
