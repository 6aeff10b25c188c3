//! The volume driver: files that outlive a container, or its task.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A volume of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeSpec {
    /// The task's id.
    pub task: String,
    /// Its name in the task definition; it may hold any characters.
    pub name: String,
    /// Where its files are.
    pub source: VolumeSource,
}

/// Where a volume's files are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VolumeSource {
    /// Made for the task, gone with it.
    Task,
    /// A directory or file of the host; a missing one is made as a directory, as Docker does.
    Host(PathBuf),
    /// A volume of a Docker volume driver.
    Docker(DockerVolume),
}

/// `dockerVolumeConfiguration`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DockerVolume {
    /// It outlives the task and is known by its name on the whole host.
    pub shared: bool,
    /// Make a shared one that is missing.
    pub autoprovision: bool,
    /// `local` when empty.
    pub driver: String,
    /// The driver's options: `type`, `device`, `o` of `local`.
    pub driver_opts: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// What a runtime mounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MountSource {
    /// A path of the host.
    Path(PathBuf),
    /// A volume that the runtime keeps itself, by its name there.
    Named(String),
}

/// Why there is no volume: the text after the error's name in ECS's `reason`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct VolumeError(pub String);

/// Keeps volumes.
#[async_trait]
pub trait Volumes: Send + Sync {
    /// Makes the volume if it is missing. Idempotent.
    async fn ensure(&self, spec: &VolumeSpec) -> Result<MountSource, VolumeError>;
    /// Removes the volumes that were made for a task and are not shared. Idempotent; its containers were removed before.
    async fn release(&self, task: &str) -> Result<(), VolumeError>;
    /// Every task that has volumes of its own on this host.
    async fn list(&self) -> Result<Vec<String>, VolumeError>;
    /// How many bytes can still be written where the files of volumes and containers are.
    async fn free_bytes(&self) -> Result<u64, VolumeError>;
}
