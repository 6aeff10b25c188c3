//! Files, devices and memory file systems.

use super::Unacceptable;
use acs::payload::HostConfig;
use agent_driver::{Device, Storage, Tmpfs};

/// Everything but volumes.
pub(super) fn read(host: &HostConfig) -> Result<Storage, Unacceptable> {
    let shm = host.shm_size.filter(|&bytes| bytes != 0).map(u64::try_from).transpose();
    let device = |d: &acs::payload::DeviceMapping| Device {
        host_path: d.path_on_host.clone(),
        container_path: d.path_in_container.clone(),
        permissions: d.cgroup_permissions.clone(),
    };
    Ok(Storage {
        readonly_rootfs: host.readonly_rootfs,
        mounts: Vec::new(),
        tmpfs: host
            .tmpfs
            .iter()
            .map(|(target, options)| Tmpfs { target: target.clone(), options: options.clone() })
            .collect(),
        devices: host.devices.iter().map(device).collect(),
        shm_bytes: shm.map_err(|_| Unacceptable("ShmSize is out of range".to_owned()))?,
    })
}
