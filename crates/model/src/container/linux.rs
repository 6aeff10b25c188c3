//! What a container asks of the kernel.

use serde::{Deserialize, Serialize};

/// `linuxParameters`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LinuxParameters {
    /// A process 1 that reaps orphans and forwards signals.
    pub init_process: Option<bool>,
    /// Changes to Docker's default capabilities.
    pub capabilities: Option<Capabilities>,
    /// Devices of the host.
    pub devices: Vec<Device>,
    /// Memory file systems.
    pub tmpfs: Vec<Tmpfs>,
    /// Size of `/dev/shm`.
    pub shared_memory_mib: Option<u32>,
    /// Swap beyond the memory limit; 0 is none.
    pub max_swap_mib: Option<u32>,
    /// 0 to 100.
    pub swappiness: Option<u8>,
}

/// `capabilities`, names as given: without `CAP_`, or `ALL`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Added to Docker's defaults.
    pub add: Vec<String>,
    /// Taken from them.
    pub drop: Vec<String>,
}

/// `devices[]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Path on the host.
    pub host_path: String,
    /// Path in the container; the host's when absent.
    pub container_path: Option<String>,
    /// What the container may do with it; everything when empty.
    pub permissions: Vec<DevicePermission>,
}

/// `permissions[]` of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DevicePermission {
    /// Read from it.
    Read,
    /// Write to it.
    Write,
    /// Make nodes of it.
    Mknod,
}

impl DevicePermission {
    /// As the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Mknod => "mknod",
        }
    }

    /// As Docker and the kernel write it.
    pub fn letter(self) -> char {
        match self {
            Self::Read => 'r',
            Self::Write => 'w',
            Self::Mknod => 'm',
        }
    }
}

/// `tmpfs[]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tmpfs {
    /// Where it is mounted.
    pub container_path: String,
    /// Its size.
    pub size_mib: u32,
    /// Mount options, as given.
    pub mount_options: Vec<String>,
}

/// `ulimits[]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    /// `nofile`, `nproc` …
    pub name: String,
    /// −1 is unlimited.
    pub soft: i64,
    /// −1 is unlimited.
    pub hard: i64,
}

/// `systemControls[]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemControl {
    /// `net.core.somaxconn` …
    pub namespace: String,
    /// Its value.
    pub value: String,
}
