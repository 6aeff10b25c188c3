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
    /// User tags.
    pub tags: Tags,
}

impl CapacityProvider {
    /// The group's name: the last part of its ARN (`…:autoScalingGroupName/NAME`).
    pub fn auto_scaling_group(&self) -> &str {
        self.auto_scaling_group_arn.rsplit('/').next().unwrap_or_default()
    }
}
