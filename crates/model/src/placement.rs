//! Where a caller wants tasks to go: placement constraints, placement strategies and capacity provider strategies.

use serde::{Deserialize, Serialize};

/// `placementConstraints[]`: what a container instance has to be for a task to go there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PlacementConstraint {
    /// Each task of the group on an instance of its own.
    DistinctInstance,
    /// An expression of the cluster query language, as the caller wrote it, that the instance satisfies.
    MemberOf(String),
}

/// `placementStrategy[]`: which of the container instances that could take a task is the best.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PlacementStrategy {
    /// Any.
    Random,
    /// Where the fewest tasks of the group are, by this field: `instanceId` (`host` is the same) or an attribute's name.
    Spread(String),
    /// Where the least is left.
    Binpack(BinpackField),
}

/// What `binpack` packs by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum BinpackField {
    /// CPU units.
    Cpu,
    /// Memory.
    Memory,
}

/// `capacityProviderStrategy[]`: the part of the tasks that goes to one capacity provider.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CapacityProviderStrategyItem {
    /// Its short name.
    pub capacity_provider: String,
    /// Its share of the tasks beyond the bases, 0 to 1000.
    pub weight: u32,
    /// The tasks that it gets before weights count, 0 to 100,000; one item of a strategy may have any.
    pub base: u32,
}
