//! Capacity providers: what capacity provider strategies name.

use crate::{Scope, Tags};
use serde::{Deserialize, Serialize};

/// The capacity provider that every account has for tasks of the FARGATE launch type.
pub const FARGATE: &str = "FARGATE";

/// As [`FARGATE`], for tasks that AWS may interrupt. Wharf never does.
pub const FARGATE_SPOT: &str = "FARGATE_SPOT";

/// Whether the name is of a capacity provider that nobody has to create, and nobody can.
pub fn is_built_in(name: &str) -> bool {
    name == FARGATE || name == FARGATE_SPOT
}

/// A capacity provider that a caller created: the container instances of an Auto Scaling group. There are no Auto Scaling
/// groups here; the instances that registered with the group's name are its instances (`wharf.auto-scaling-group`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapacityProvider {
    /// Owner.
    pub scope: Scope,
    /// Unique in its scope; not a built-in one's.
    pub name: String,
    /// `autoScalingGroupArn`, as the caller wrote it: an ARN, or the name alone.
    pub auto_scaling_group_arn: String,
    /// `managedScaling`. Its status is DISABLED, so nothing follows from the rest; it is shown as it was given.
    pub managed_scaling: ManagedScaling,
    /// What became of the last request to change it; `None` until there was one.
    pub last_update: Option<Update>,
    /// User tags.
    pub tags: Tags,
}

/// `managedScaling` but for its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagedScaling {
    /// How full the group should be, 1 to 100 percent.
    pub target_percent: u32,
    /// The fewest instances to add at once, 1 to 10,000.
    pub step_min: u32,
    /// The most instances to add at once, 1 to 10,000.
    pub step_max: u32,
    /// How long a new instance does not count, 0 to 10,000 seconds.
    pub warmup_secs: u32,
}

impl Default for ManagedScaling {
    fn default() -> Self {
        Self { target_percent: 100, step_min: 1, step_max: 10_000, warmup_secs: 300 }
    }
}

/// `updateStatus`, as far as it is ever left behind: a provider that was deleted is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Update {
    /// UPDATE_COMPLETE.
    Completed,
    /// DELETE_FAILED, with its `updateStatusReason`.
    DeleteFailed(String),
}

impl CapacityProvider {
    /// The group's name: the last part of its ARN (`…:autoScalingGroupName/NAME`).
    pub fn auto_scaling_group(&self) -> &str {
        let arn = &self.auto_scaling_group_arn;
        arn.split_once(":autoScalingGroupName/").map_or(arn.as_str(), |(_, name)| name)
    }
}
