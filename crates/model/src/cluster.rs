//! ECS clusters.

use crate::{ClusterName, Scope, Tags, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A cluster. AWS keeps a deleted one discoverable as INACTIVE for a while; so do we.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    /// Owner.
    pub scope: Scope,
    /// Unique among the ACTIVE clusters of its scope.
    pub name: ClusterName,
    /// Whether it takes tasks.
    pub status: ClusterStatus,
    /// User tags.
    pub tags: Tags,
    /// Cluster settings by name; `containerInsights` is the only name that ECS knows.
    pub settings: BTreeMap<String, String>,
    /// When it was created.
    pub created_at: Timestamp,
}

/// `status` of DescribeClusters, as far as Wharf's clusters get.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClusterStatus {
    /// Ready for tasks.
    Active,
    /// Deleted.
    Inactive,
}
