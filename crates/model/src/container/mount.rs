//! Where a container sees its task's volumes.

use serde::{Deserialize, Serialize};

/// `mountPoints[]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountPoint {
    /// The volume's name in the task definition.
    pub volume: String,
    /// Where it is mounted.
    pub container_path: String,
    /// No writes through this mount.
    pub read_only: Option<bool>,
}

/// `volumesFrom[]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumesFrom {
    /// The container whose mounts are repeated.
    pub container: String,
    /// No writes through them.
    pub read_only: Option<bool>,
}
