//! Volumes that the Engine keeps.

use crate::engine::{Engine, EngineError, present};
use crate::name;
use agent_driver::{DockerVolume, MountSource, VolumeError, VolumeScope, VolumeSource, VolumeSpec, Volumes};
use agent_host::{ensure_host_path, free_bytes, tree_bytes};
use async_trait::async_trait;
use bollard::models::{Volume, VolumeCreateRequest};
use bollard::query_parameters::{ListVolumesOptions, RemoveVolumeOptions};
use std::collections::{BTreeSet, HashMap};
use std::io;
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
            VolumeSource::Host(path) => {
                ensure_host_path(path).map_err(VolumeError).map(|()| MountSource::Path(path.clone()))
            }
            VolumeSource::Task => self.ensure_own(spec, &DockerVolume::default()).await,
            VolumeSource::Docker(docker) => match docker.scope {
                VolumeScope::Task => self.ensure_own(spec, docker).await,
                VolumeScope::Shared { autoprovision } => {
                    self.ensure_shared(&spec.name, docker, autoprovision).await
                }
            },
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

    async fn used_bytes(&self, task: &str) -> Result<u64, VolumeError> {
        let volumes = self.own(&format!("{}={task}", name::TASK)).await?;
        let counted = tokio::task::spawn_blocking(move || {
            let count = |volume: Volume| tree_bytes(Path::new(&volume.mountpoint));
            volumes.into_iter().map(count).sum::<io::Result<u64>>()
        });
        let counted = counted.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        counted.map_err(|error| VolumeError(format!("count files: {error}")))
    }

    async fn free_bytes(&self) -> Result<u64, VolumeError> {
        let info = self.engine.ask(|| self.engine.docker.info()).await.map_err(volume_error)?;
        let root =
            info.docker_root_dir.ok_or_else(|| VolumeError("the Engine has no root directory".to_owned()))?;
        free_bytes(Path::new(&root)).map_err(|error| VolumeError(format!("{root}: {error}")))
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

    async fn ensure_shared(
        &self,
        name: &str,
        docker: &DockerVolume,
        autoprovision: bool,
    ) -> Result<MountSource, VolumeError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        if name.is_empty() || !name.bytes().all(plain) {
            return Err(VolumeError(format!("{name:?} includes invalid characters for a local volume name")));
        }
        let found = self.engine.ask(|| self.engine.docker.inspect_volume(name));
        match present(found.await).map_err(volume_error)? {
            Some(existing) => {
                docker.check_shared(&existing.options.into_iter().collect())?;
                Ok(MountSource::Named(name.to_owned()))
            }
            None if autoprovision => {
                let labels = docker.labels.clone().into_iter().collect();
                self.create(name.to_owned(), docker, labels).await
            }
            None => Err(VolumeError::missing(name)),
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

fn volume_error(error: EngineError) -> VolumeError {
    VolumeError(error.to_string())
}
