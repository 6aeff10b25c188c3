//! Container instances: hosts with an agent.

use crate::{ClusterName, InstanceId, Scope, Tags, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A host that an agent registered into a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerInstance {
    /// Owner.
    pub scope: Scope,
    /// The cluster it serves with the EC2 launch type.
    pub cluster: ClusterName,
    /// Last part of its ARN.
    pub id: InstanceId,
    /// ACTIVE … INACTIVE.
    pub status: InstanceStatus,
    /// Whether an agent's session is open now. Observed, not remembered: false after a restart of the control plane.
    pub agent_connected: bool,
    /// When `agent_connected` last became what it is; `None` before the first session.
    #[serde(default)]
    pub connection_changed_at: Option<Timestamp>,
    /// The agent's version, from its session.
    pub agent_version: String,
    /// The agent's commit, from its session.
    #[serde(default)]
    pub agent_hash: String,
    /// `DockerVersion: …` of an agent that runs its containers with Docker, from its session.
    #[serde(default)]
    pub docker_version: String,
    /// `ec2InstanceId`, when the identity document named one.
    pub ec2_instance_id: Option<String>,
    /// What the host has (`registeredResources`).
    pub registered: Resources,
    /// Attributes by name; a capability has no value.
    pub attributes: BTreeMap<String, Option<String>>,
    /// User tags.
    pub tags: Tags,
    /// `clientToken` of the request that registered it: with it the agent gets this instance again when it asks anew.
    #[serde(default)]
    pub client_token: Option<String>,
    /// When it registered.
    pub registered_at: Timestamp,
    /// When it became INACTIVE.
    #[serde(default)]
    pub deregistered_at: Option<Timestamp>,
    /// What the agent's check of its container runtime says (`healthStatus`, type CONTAINER_RUNTIME); `None` until it
    /// has said anything.
    #[serde(default)]
    pub runtime_health: Option<RuntimeHealth>,
    /// Of the manifest of its newest session (INV-ACS-3); 0 before the first.
    #[serde(default)]
    pub timeline: i64,
    /// Counts changes that DescribeContainerInstances would show.
    pub version: u64,
}

/// Attribute of an agent that also takes tasks of the FARGATE launch type, of every cluster and account.
pub const ATTRIBUTE_FARGATE: &str = "wharf.capability.fargate";

/// Attribute whose value is the name of the Auto Scaling group that the instance counts as one of.
pub const ATTRIBUTE_AUTO_SCALING_GROUP: &str = "wharf.auto-scaling-group";

/// Attribute whose value is the Availability Zone. Every instance has it.
pub const ATTRIBUTE_AVAILABILITY_ZONE: &str = "ecs.availability-zone";

/// Attribute of an instance whose zone nobody named: the one that it shows is the region's first, for want of another.
pub const ATTRIBUTE_ANY_ZONE: &str = "wharf.any-zone";

impl ContainerInstance {
    /// The Availability Zone that its owner named; `None` when nobody named one.
    pub fn zone(&self) -> Option<&str> {
        let is_named = !self.attributes.contains_key(ATTRIBUTE_ANY_ZONE);
        self.attributes.get(ATTRIBUTE_AVAILABILITY_ZONE).filter(|_| is_named)?.as_deref()
    }

    /// Whether the host also takes tasks of the FARGATE launch type.
    pub fn serves_fargate(&self) -> bool {
        self.attributes.contains_key(ATTRIBUTE_FARGATE)
    }

    /// The Auto Scaling group that it counts as one of; a capacity provider names the group.
    pub fn auto_scaling_group(&self) -> Option<&str> {
        self.attributes.get(ATTRIBUTE_AUTO_SCALING_GROUP)?.as_deref()
    }
}

/// `status` of DescribeContainerInstances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InstanceStatus {
    /// Takes tasks.
    Active,
    /// Keeps its tasks, takes no new ones.
    Draining,
    /// Deregistered.
    Inactive,
}

/// One of `healthStatus.details[]` (Amazon ECS: container instance health).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimeHealth {
    /// What the check says.
    pub status: RuntimeStatus,
    /// When it last said anything, to the minute or so.
    pub last_updated: Timestamp,
    /// Since when it says this.
    pub last_status_change: Timestamp,
}

/// `status` of a check of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RuntimeStatus {
    /// No check was made yet.
    Initializing,
    /// The container runtime answers.
    Ok,
    /// It does not.
    Impaired,
    /// Not known.
    InsufficientData,
}

impl RuntimeStatus {
    /// As the telemetry protocol writes it; `None` for a word that it does not have.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "INITIALIZING" => Some(Self::Initializing),
            "OK" => Some(Self::Ok),
            "IMPAIRED" => Some(Self::Impaired),
            "INSUFFICIENT_DATA" => Some(Self::InsufficientData),
            _ => None,
        }
    }
}

/// What a host has, or what is left of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// 1024 a core.
    pub cpu_units: u32,
    /// Memory.
    pub memory_mib: u32,
    /// TCP ports taken on the host.
    pub ports_tcp: BTreeSet<u16>,
    /// UDP ports taken on the host.
    pub ports_udp: BTreeSet<u16>,
    /// GPUs by id: the host's (`platformDevices` of the registration), or those that placed tasks hold.
    #[serde(default)]
    pub gpus: BTreeSet<String>,
}
