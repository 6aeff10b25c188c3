//! GPUs: which ones a container was given, and the devices that they are.

use super::{Reading, Unacceptable};
use acs::payload::ASSOCIATION_GPU;
use agent_driver::Device;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The variable that tells CUDA's container tools which GPUs are meant (Amazon ECS: task definitions for GPU workloads).
pub(super) const VISIBLE_DEVICES: &str = "NVIDIA_VISIBLE_DEVICES";
/// Devices beside those of the GPUs themselves.
const CONTROL_DEVICES: [&str; 4] = ["nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset"];

/// The GPUs that a task's associations give to this container.
pub(super) fn of_container(reading: &Reading<'_>, container: &str) -> Result<Vec<String>, Unacceptable> {
    let own = reading.task.associations.iter().filter(|a| a.containers.iter().any(|c| c == container));
    let gpu = |a: &acs::payload::Association| match a.kind.as_str() {
        ASSOCIATION_GPU => Ok(a.name.clone()),
        other => Err(Unacceptable(format!("associations of type {other} are not supported"))),
    };
    own.map(gpu).collect()
}

/// The GPUs of this host, as NVIDIA's driver tells of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gpus {
    dev: PathBuf,
    /// Minor numbers by UUID.
    minors: BTreeMap<String, u32>,
}

impl Gpus {
    /// Reads `/proc/driver/nvidia` and uses `/dev`, both under `root`.
    pub(crate) fn under(root: &Path) -> Self {
        let gpus = std::fs::read_dir(root.join("proc/driver/nvidia/gpus"));
        let text = |entry: std::io::Result<std::fs::DirEntry>| {
            std::fs::read_to_string(entry.ok()?.path().join("information")).ok()
        };
        let texts = gpus.into_iter().flatten().filter_map(text);
        Self { dev: root.join("dev"), minors: texts.filter_map(|text| parse(&text)).collect() }
    }

    /// Their UUIDs.
    pub(crate) fn ids(&self) -> impl Iterator<Item = String> {
        self.minors.keys().cloned()
    }

    /// The devices of these GPUs, and those that go with every GPU.
    pub(crate) fn devices(&self, ids: &[String]) -> Result<Vec<Device>, String> {
        let mut names = Vec::new();
        for id in ids {
            let minor = self.minors.get(id).ok_or_else(|| format!("GPU {id} is not on this host"))?;
            names.push(format!("nvidia{minor}"));
        }
        let control = CONTROL_DEVICES.iter().filter(|name| !ids.is_empty() && self.dev.join(name).exists());
        names.extend(control.map(|name| (*name).to_owned()));
        let device = |name: String| Device {
            host_path: self.dev.join(&name).display().to_string(),
            container_path: format!("/dev/{name}"),
            permissions: "rwm".to_owned(),
        };
        Ok(names.into_iter().map(device).collect())
    }
}

/// The lines `GPU UUID:` and `Device Minor:` of `information`.
fn parse(text: &str) -> Option<(String, u32)> {
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.map(|value| value.trim_start_matches(':').trim().to_owned())
    };
    Some((value("GPU UUID")?, value("Device Minor")?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gpus_are_found_by_their_uuid() {
        let root = tempfile::tempdir().unwrap();
        let gpu = root.path().join("proc/driver/nvidia/gpus/0000:00:1e.0");
        std::fs::create_dir_all(&gpu).unwrap();
        std::fs::create_dir_all(root.path().join("dev")).unwrap();
        std::fs::write(root.path().join("dev/nvidiactl"), "").unwrap();
        std::fs::write(gpu.join("information"), "Model: \t\t T4\nGPU UUID: \t GPU-1\nDevice Minor: \t 3\n")
            .unwrap();
        let gpus = Gpus::under(root.path());
        let targets = |ids: &[&str]| {
            let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
            let devices = gpus.devices(&ids)?;
            Ok::<_, String>(devices.into_iter().map(|d| d.container_path).collect::<Vec<_>>())
        };
        assert_eq!(targets(&["GPU-1"]).unwrap(), ["/dev/nvidia3", "/dev/nvidiactl"]);
        assert_eq!(targets(&[]).unwrap(), Vec::<String>::new());
        assert_eq!(targets(&["GPU-2"]).unwrap_err(), "GPU GPU-2 is not on this host");
        assert_eq!(Gpus::under(Path::new("/nonexistent")).minors.len(), 0);
    }
}
