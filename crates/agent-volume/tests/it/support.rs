//! A data directory that unmounts what a failed test left.

#![allow(clippy::unwrap_used)]

use agent_driver::{DockerVolume, MountSource, VolumeError, VolumeScope, VolumeSource, VolumeSpec, Volumes};
use agent_volume::HostVolumes;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub struct Host {
    pub dir: tempfile::TempDir,
    pub volumes: HostVolumes,
}

impl Host {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let volumes = HostVolumes::open(&dir.path().join("volumes")).unwrap();
        Self { dir, volumes }
    }

    /// The agent was killed and started again.
    pub fn restarted(mut self) -> Self {
        self.volumes = HostVolumes::open(&self.root()).unwrap();
        self
    }

    pub fn root(&self) -> PathBuf {
        self.dir.path().join("volumes")
    }

    pub async fn ensure(&self, task: &str, name: &str, source: VolumeSource) -> Result<PathBuf, VolumeError> {
        let spec = VolumeSpec { task: task.to_owned(), name: name.to_owned(), source };
        match self.volumes.ensure(&spec).await? {
            MountSource::Path(path) => Ok(path),
            MountSource::Named(name) => panic!("this driver names no volumes: {name}"),
        }
    }

    pub async fn refusal(&self, source: VolumeSource) -> String {
        self.ensure("task", "name", source).await.unwrap_err().0
    }

    /// Every mount below the data directory.
    pub fn mounts(&self) -> Vec<String> {
        let root = self.root().display().to_string();
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let points = mounts.lines().filter_map(|line| line.split(' ').nth(4));
        points.filter(|point| point.starts_with(&root)).map(str::to_owned).collect()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        for point in self.mounts().iter().rev() {
            let _ = nix::mount::umount2(Path::new(point), nix::mount::MntFlags::MNT_DETACH);
        }
    }
}

pub fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

pub fn local(driver_opts: &[(&str, &str)]) -> DockerVolume {
    DockerVolume { driver_opts: map(driver_opts), ..DockerVolume::default() }
}

pub fn shared(driver_opts: &[(&str, &str)]) -> DockerVolume {
    DockerVolume { scope: VolumeScope::Shared { autoprovision: true }, ..local(driver_opts) }
}

/// Everything below a directory, by its path in it.
pub fn tree(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = vec![dir.to_owned()];
    while let Some(next) = left.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let entry = entry.unwrap();
            found.push(entry.path().strip_prefix(dir).unwrap().display().to_string());
            if entry.file_type().unwrap().is_dir() {
                left.push(entry.path());
            }
        }
    }
    found.sort();
    found
}
