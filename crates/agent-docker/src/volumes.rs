//! Volumes that the Engine keeps.

use crate::engine::{Engine, EngineError, present};
use crate::name;
use agent_driver::{DockerVolume, MountSource, VolumeError, VolumeSource, VolumeSpec, Volumes};
use async_trait::async_trait;
use bollard::models::{Volume, VolumeCreateRequest};
use bollard::query_parameters::{ListVolumesOptions, RemoveVolumeOptions};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

/// Keeps volumes in the Engine. Those of tasks carry its labels; shared ones are the user's, and only have his.
pub(crate) struct DockerVolumes {
    engine: Arc<Engine>,
}

#[async_trait]
impl Volumes for DockerVolumes {
    async fn ensure(&self, spec: &VolumeSpec) -> Result<MountSource, VolumeError> {
        match &spec.source {
            VolumeSource::Host(path) => ensure_host(path).map(|()| MountSource::Path(path.clone())),
            VolumeSource::Task => self.ensure_own(spec, &DockerVolume::default()).await,
            VolumeSource::Docker(docker) if docker.shared => self.ensure_shared(&spec.name, docker).await,
            VolumeSource::Docker(docker) if docker.autoprovision => Err(VolumeError(format!(
                "volume '{}': a task scoped volume cannot be autoprovisioned",
                spec.name
            ))),
            VolumeSource::Docker(docker) => self.ensure_own(spec, docker).await,
        }
    }

    async fn release(&self, task: &str) -> Result<(), VolumeError> {
        name::check(task).map_err(VolumeError)?;
        for volume in self.own(&format!("{}={task}", name::TASK)).await? {
            let removed = self
                .engine
                .ask(|| self.engine.docker.remove_volume(&volume.name, None::<RemoveVolumeOptions>));
            present(removed.await).map_err(volume_error)?;
        }
        Ok(())
    }

    async fn list(&self) -> Result<Vec<String>, VolumeError> {
        let volumes = self.own(name::TASK).await?;
        let tasks: BTreeSet<String> =
            volumes.into_iter().filter_map(|mut volume| volume.labels.remove(name::TASK)).collect();
        Ok(tasks.into_iter().collect())
    }

    async fn free_bytes(&self) -> Result<u64, VolumeError> {
        let info = self.engine.ask(|| self.engine.docker.info()).await.map_err(volume_error)?;
        let root =
            info.docker_root_dir.ok_or_else(|| VolumeError("the Engine has no root directory".to_owned()))?;
        let found =
            nix::sys::statvfs::statvfs(root.as_str()).map_err(|e| VolumeError(format!("{root}: {e}")))?;
        Ok(found.blocks_available().saturating_mul(found.fragment_size()))
    }
}

impl DockerVolumes {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }

    async fn ensure_own(&self, spec: &VolumeSpec, docker: &DockerVolume) -> Result<MountSource, VolumeError> {
        let name = name::volume(&spec.task, &spec.name).map_err(VolumeError)?;
        let mut labels: HashMap<_, _> = docker.labels.clone().into_iter().collect();
        labels.extend(self.engine.labels(&spec.task));
        self.create(name, docker, labels).await
    }

    async fn ensure_shared(&self, name: &str, docker: &DockerVolume) -> Result<MountSource, VolumeError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        if name.is_empty() || !name.bytes().all(plain) {
            return Err(VolumeError(format!("{name:?} includes invalid characters for a local volume name")));
        }
        let found = self.engine.ask(|| self.engine.docker.inspect_volume(name));
        match present(found.await).map_err(volume_error)? {
            Some(existing) => {
                if docker.autoprovision || !docker.driver_opts.is_empty() {
                    expect_options(&existing, &docker.driver_opts)?;
                }
                Ok(MountSource::Named(name.to_owned()))
            }
            None if docker.autoprovision => {
                let labels = docker.labels.clone().into_iter().collect();
                self.create(name.to_owned(), docker, labels).await
            }
            None => Err(VolumeError(format!(
                "initialize volume: volume detection failed, volume '{name}' does not exist and autoprovision is set \
                 to false: get {name}: no such volume"
            ))),
        }
    }

    /// One that is there already is left as it is.
    async fn create(
        &self,
        name: String,
        docker: &DockerVolume,
        labels: HashMap<String, String>,
    ) -> Result<MountSource, VolumeError> {
        let driver = if docker.driver.is_empty() { "local" } else { &docker.driver };
        let request = VolumeCreateRequest {
            name: Some(name),
            driver: Some(driver.to_owned()),
            driver_opts: Some(docker.driver_opts.clone().into_iter().collect()),
            labels: Some(labels),
            cluster_volume_spec: None,
        };
        let made = self.engine.ask(|| self.engine.docker.create_volume(request.clone()));
        Ok(MountSource::Named(made.await.map_err(volume_error)?.name))
    }

    async fn own(&self, label: &str) -> Result<Vec<Volume>, VolumeError> {
        let options = ListVolumesOptions { filters: Some(self.engine.filter(label)) };
        let found = self.engine.ask(|| self.engine.docker.list_volumes(Some(options.clone())));
        Ok(found.await.map_err(volume_error)?.volumes.unwrap_or_default())
    }
}

/// A path of the host; as Docker does for `-v`, a missing one is made as a directory.
fn ensure_host(path: &Path) -> Result<(), VolumeError> {
    let shown = path.display();
    if !path.is_absolute() {
        return Err(VolumeError(format!("invalid mount path: '{shown}' mount path must be absolute")));
    }
    if path.exists() {
        return Ok(());
    }
    std::fs::create_dir_all(path).map_err(|error| {
        VolumeError(format!("error while creating mount source path '{shown}': mkdir {shown}: {error}"))
    })
}

/// In the words of the ECS agent.
fn expect_options(existing: &Volume, expected: &BTreeMap<String, String>) -> Result<(), VolumeError> {
    let existing: BTreeMap<String, String> = existing.options.clone().into_iter().collect();
    if existing == *expected {
        return Ok(());
    }
    let shown = |options: &BTreeMap<String, String>| {
        let entries: Vec<_> = options.iter().map(|(name, value)| format!("{name}:{value}")).collect();
        format!("map[{}]", entries.join(" "))
    };
    Err(VolumeError(format!(
        "initialize volume: non-autoprovisioned volume does not match existing volume options: existing: {}, \
         expected: {}",
        shown(&existing),
        shown(expected)
    )))
}

fn volume_error(error: EngineError) -> VolumeError {
    VolumeError(error.to_string())
}
