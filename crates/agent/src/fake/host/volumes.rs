//! Volumes of the host, and the disk that they share with what containers write.

use super::FakeHost;
use agent_driver::{
    DockerVolume, MountSource, RuntimeId, VolumeError, VolumeScope, VolumeSource, VolumeSpec, Volumes,
};
use async_trait::async_trait;

/// The size of the disk: 30 GiB.
const DISK_BYTES: u64 = 30 << 30;
impl FakeHost {
    /// A volume of a task that no agent knows.
    pub fn leave_volume(&self, task: &str) {
        self.lock().volumes.entry(task.to_owned()).or_default().insert("left".to_owned());
    }

    /// The names of a task's volumes.
    pub fn volumes(&self, task: &str) -> Vec<String> {
        self.lock().volumes.get(task).into_iter().flatten().cloned().collect()
    }

    /// A container has written this much.
    pub fn write(&self, id: &str, bytes: u64) {
        self.lock().written.insert(RuntimeId(id.to_owned()), bytes);
    }

    /// There is this much in a task's volumes.
    pub fn fill_volumes(&self, task: &str, bytes: u64) {
        self.lock().filled.insert(task.to_owned(), bytes);
    }
}

#[async_trait]
impl Volumes for FakeHost {
    async fn ensure(&self, spec: &VolumeSpec) -> Result<MountSource, VolumeError> {
        let path = match &spec.source {
            VolumeSource::Host(path) => return Ok(MountSource::Path(path.clone())),
            VolumeSource::Docker(DockerVolume { scope: VolumeScope::Shared { autoprovision }, .. }) => {
                match autoprovision {
                    true => format!("/volumes/{}", spec.name),
                    false => return Err(VolumeError::missing(&spec.name)),
                }
            }
            VolumeSource::Docker(_) | VolumeSource::Task => {
                self.lock().volumes.entry(spec.task.clone()).or_default().insert(spec.name.clone());
                format!("/volumes/{}/{}", spec.task, spec.name)
            }
        };
        Ok(MountSource::Path(path.into()))
    }

    async fn release(&self, task: &str) -> Result<(), VolumeError> {
        let mut state = self.lock();
        state.volumes.remove(task);
        state.filled.remove(task);
        Ok(())
    }

    async fn list(&self) -> Result<Vec<String>, VolumeError> {
        Ok(self.lock().volumes.keys().cloned().collect())
    }

    async fn used_bytes(&self, task: &str) -> Result<u64, VolumeError> {
        Ok(self.lock().filled.get(task).copied().unwrap_or(0))
    }

    async fn free_bytes(&self) -> Result<u64, VolumeError> {
        let state = self.lock();
        let used: u64 = state.written.values().chain(state.filled.values()).sum();
        Ok(DISK_BYTES.saturating_sub(used))
    }
}
