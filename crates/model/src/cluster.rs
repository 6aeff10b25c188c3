//! ECS clusters.

use crate::placement::CapacityProviderStrategyItem;
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
    /// The capacity providers that its tasks may name, in the order in which they were given.
    #[serde(default)]
    pub capacity_providers: Vec<String>,
    /// What a task gets that asks for neither a launch type nor capacity providers; empty for none.
    #[serde(default)]
    pub default_capacity_provider_strategy: Vec<CapacityProviderStrategyItem>,
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
