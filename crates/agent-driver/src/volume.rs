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
    /// Whose it is.
    pub scope: VolumeScope,
    /// `local` when empty.
    pub driver: String,
    /// The driver's options: `type`, `device`, `o` of `local`.
    pub driver_opts: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// Whose a Docker volume is. Only a shared one can be autoprovisioned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum VolumeScope {
    /// Made for the task, gone with it.
    #[default]
    Task,
    /// It outlives the task and is known by its name on the whole host.
    Shared {
        /// Make it when it is missing.
        autoprovision: bool,
    },
}

impl DockerVolume {
    /// Whether a shared volume that is there has the options that are asked for. The Amazon ECS agent asks whenever it would
    /// have made the volume, and otherwise when options were given.
    ///
    /// # Errors
    /// In the words of that agent.
    pub fn check_shared(&self, existing: &BTreeMap<String, String>) -> Result<(), VolumeError> {
        let would_make = self.scope == VolumeScope::Shared { autoprovision: true };
        if would_make || !self.driver_opts.is_empty() { self.check_options(existing) } else { Ok(()) }
    }

    /// Whether a volume that is there has the options that are asked for.
    ///
    /// # Errors
    /// In the words of the Amazon ECS agent.
    pub fn check_options(&self, existing: &BTreeMap<String, String>) -> Result<(), VolumeError> {
        if *existing == self.driver_opts {
            return Ok(());
        }
        let shown = |options: &BTreeMap<String, String>| {
            let entries: Vec<_> = options.iter().map(|(name, value)| format!("{name}:{value}")).collect();
            format!("map[{}]", entries.join(" "))
        };
        Err(VolumeError(format!(
            "initialize volume: non-autoprovisioned volume does not match existing volume options: existing: {}, \
             expected: {}",
            shown(existing),
            shown(&self.driver_opts)
        )))
    }
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

impl VolumeError {
    /// A shared volume is missing and must not be made, in the words of the Amazon ECS agent.
    pub fn missing(name: &str) -> Self {
        Self(format!(
            "initialize volume: volume detection failed, volume '{name}' does not exist and autoprovision is set to false: \
             get {name}: no such volume"
        ))
    }
}

/// Keeps volumes.
#[async_trait]
pub trait Volumes: Send + Sync {
    /// Makes the volume if it is missing. Idempotent.
    async fn ensure(&self, spec: &VolumeSpec) -> Result<MountSource, VolumeError>;
    /// Removes the volumes that were made for a task and are not shared. Idempotent; its containers were removed before.
    async fn release(&self, task: &str) -> Result<(), VolumeError>;
    /// Every task that has volumes of its own on this host.
    async fn list(&self) -> Result<Vec<String>, VolumeError>;
    /// Bytes on the disk of the volumes that were made for a task and are not shared; what is mounted does not count.
    async fn used_bytes(&self, task: &str) -> Result<u64, VolumeError>;
    /// How many bytes can still be written where the files of volumes and containers are.
    async fn free_bytes(&self) -> Result<u64, VolumeError>;
}
